//! The only module with host calls: bytes in, edits and replies out.
//!
//! One read of the header map a request, then the edits. Only the SDK's `_bytes` functions are
//! used: the others panic on bytes that are not UTF-8, and a panic takes the worker's VM down.

use std::os::wasi::ffi::OsStringExt;
use std::rc::Rc;
use std::time::UNIX_EPOCH;

use log::{error, info, warn};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, BufferType, ContextType, MapType};

use crate::decide::{
    self, Answer, Charge, Edit, Labels, Observe, Reply, Request, Settled, Step, decide,
};
use crate::policy::problem::Severity;
use crate::policy::{Policy, compile};

// The SDK's entry point is an exported function, which the lint counts as unsafe code.
#[allow(unsafe_code)]
mod entry {
    proxy_wasm::main! {{
        proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Info);
        proxy_wasm::set_root_context(|_| Box::new(super::Gateway::default()));
    }}
}

/// How often a swap is tried against other workers before the call is refused.
const MOST_SWAPS: u32 = 100;
/// The version by which a swap succeeds only where nothing is.
const ABSENT: u32 = u32::MAX;

/// One configuration of the filter, in one worker's VM.
#[derive(Default)]
struct Gateway {
    policy: Option<Rc<Policy>>,
}

/// One request.
struct Exchange {
    policy: Rc<Policy>,
    state: State,
}

/// What became of a request. After an own reply there is nothing left to do.
#[derive(Clone, Copy)]
enum State {
    Undecided,
    Answered,
    Forwarded,
    Continued,
}

impl Context for Gateway {}

impl RootContext for Gateway {
    /// Refuses a policy with an error in it: Envoy then keeps the one it has.
    fn on_configure(&mut self, _size: usize) -> bool {
        let file = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX)
            .ok()
            .flatten()
            .unwrap_or_default();
        let environment = |name: &str| std::env::var_os(name).map(OsStringExt::into_vec);
        let compiled = compile(&file, &environment);
        for problem in &compiled.problems {
            match problem.severity {
                Severity::Error => error!("policy refused: {problem}"),
                Severity::Warning => warn!("policy: {problem}"),
            }
        }
        self.policy = compiled.policy.map(Rc::new);
        if let Some(policy) = &self.policy {
            let operations: usize = policy.apis.iter().map(|api| api.operations.len()).sum();
            info!("policy loaded: {} APIs, {operations} operations", policy.apis.len());
        }
        self.policy.is_some()
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        let policy = Rc::clone(self.policy.as_ref()?);
        Some(Box::new(Exchange { policy, state: State::Undecided }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Context for Exchange {}

impl HttpContext for Exchange {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        // Where Envoy refuses, the SDK panics, and Envoy fails the request closed.
        let Ok(headers) = hostcalls::get_map_bytes(MapType::HttpRequestHeaders) else {
            return Action::Pause;
        };
        #[cfg(feature = "panic-on-request")]
        panic_if_marked(&headers);
        let step = decide(&self.policy, &Request::read(&headers), clock().unwrap_or(u64::MAX));
        self.state = carry_out(step);
        match self.state {
            State::Forwarded | State::Continued => Action::Continue,
            State::Undecided | State::Answered => Action::Pause,
        }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        let forwarded = match self.state {
            State::Forwarded => true,
            State::Continued => false,
            State::Undecided | State::Answered => return Action::Pause,
        };
        let Ok(trailers) = hostcalls::get_map_bytes(MapType::HttpRequestTrailers) else {
            return Action::Pause;
        };
        decide::trailers(forwarded, &trailers)
            .iter()
            .for_each(|edit| apply(MapType::HttpRequestTrailers, edit));
        Action::Continue
    }
}

/// A bug at its worst, on demand.
#[cfg(feature = "panic-on-request")]
#[expect(clippy::panic, reason = "tests/faults tries what becomes of a VM that dies")]
fn panic_if_marked(headers: &[(String, Vec<u8>)]) {
    if headers.iter().any(|(name, _)| name == "x-test-panic") {
        panic!("the header x-test-panic");
    }
}

fn carry_out(step: Step<'_>) -> State {
    let edit = |edits: Vec<Edit<'_>>, labels| {
        tell(labels);
        edits.iter().for_each(|edit| apply(MapType::HttpRequestHeaders, edit));
    };
    match step {
        Step::Reply(reply, labels) => {
            tell(labels);
            send(&reply);
            State::Answered
        }
        Step::Charge(charge) => carry_out(settle(*charge)),
        Step::Observe(observe) => carry_out(observed(*observe)),
        Step::Forward(edits, labels, answer) => {
            edit(edits, labels);
            announce(&answer);
            State::Forwarded
        }
        Step::Continue(edits, labels) => {
            edit(edits, labels);
            State::Continued
        }
    }
}

/// Swaps the subscription's slot, which all workers share, for what the call makes of it. A slot
/// that is not there is made by a swap too: of two workers that do, one is too late.
fn settle(charge: Charge<'_>) -> Step<'_> {
    for _ in 0..MOST_SWAPS {
        let Ok((observed, version)) = hostcalls::get_shared_data(charge.slot()) else { break };
        // Without a time nothing can be charged.
        let Some(now) = clock() else { break };
        let swap = |content: &[u8]| {
            let version = Some(version.unwrap_or(ABSENT));
            hostcalls::set_shared_data(charge.slot(), Some(content), version).is_ok()
        };
        match charge.settle(observed.as_deref(), now) {
            Settled::Admitted(content, charged) => {
                if swap(&content) {
                    return charge.charged(charged);
                }
            }
            Settled::Exceeded(content, refusal) => {
                if content.is_none_or(|content| swap(&content)) {
                    return charge.refused(refusal);
                }
            }
        }
    }
    charge.contended()
}

/// Reads the subscription's slot and leaves it as it is.
fn observed(observe: Observe<'_>) -> Step<'_> {
    let slot = hostcalls::get_shared_data(observe.slot()).ok();
    let content = slot.and_then(|(content, _)| content);
    observe.reply(content.as_deref(), clock().unwrap_or(u64::MAX))
}

/// Sets the filter state from which the route adds fields to the backend's answer.
fn announce(answer: &Answer) {
    for (name, value) in answer {
        let key = format!("gateway.answer.{name}");
        let _ = hostcalls::set_property(vec![&key], Some(value.as_bytes()));
    }
}

/// Sets the filter state that access log and statistics read.
fn tell(labels: Labels<'_>) {
    let set = |key, value: &str| {
        let _ = hostcalls::set_property(vec![key], Some(value.as_bytes()));
    };
    if let Some(api) = labels.api {
        set("gateway.api", api);
    }
    if let Some(operation) = labels.operation {
        set("gateway.operation", operation);
    }
    if let Some(product) = labels.product {
        set("gateway.product", product);
    }
    if let Some(subscription) = labels.subscription {
        set("gateway.subscription", subscription);
    }
    set("gateway.outcome", &labels.outcome.text());
}

/// Milliseconds since 1970. Where there is none, what has an end has ended.
#[expect(clippy::disallowed_methods, reason = "only the core has no clock")]
fn clock() -> Option<u64> {
    let since = hostcalls::get_current_time().ok()?.duration_since(UNIX_EPOCH).ok()?;
    since.as_millis().try_into().ok()
}

fn send(reply: &Reply) {
    let headers = reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let _ = hostcalls::send_http_response(u32::from(reply.status), headers, Some(&reply.body));
}

fn apply(map: MapType, edit: &Edit<'_>) {
    let _ = match edit {
        Edit::Remove(name) => hostcalls::remove_map_value(map, name),
        Edit::Set(name, value) => hostcalls::set_map_value_bytes(map, name, Some(value)),
        Edit::SetSecret(name, value) => hostcalls::set_map_value_bytes(map, name, Some(value)),
    };
}
