//! The decision over one request: values in, values out.
//!
//! ```text
//! headers --view--> Request --route--> Operation --decide--> Step
//! ```
//!
//! No host, no clock, no state: what is not in the arguments does not count.

mod edit;
mod error_format;
pub mod limits;
pub mod query;
pub mod refusal;
pub mod route;
mod slot;
pub mod subscription;
pub mod view;
mod wording;

use crate::policy::backend::Credentials;
use crate::policy::{Api, ErrorFormat, Operation, Policy, Protocol, Unmatched};
use crate::uri;

pub use edit::{Edit, trailers};
pub use view::{Headers, Request};

use edit::SentQuery;
use limits::{Plan, Verdict};
use query::Query;
use refusal::{CredentialFault, Refusal};
use route::Refused;
use subscription::Caller;

/// What the host does with a request.
#[derive(Debug)]
pub enum Step<'p> {
    /// Answer it here.
    Reply(Reply, Labels<'p>),
    /// A call that has limits: charge it first.
    Charge(Box<Charge<'p>>),
    /// A call: edit it and send it to its backend.
    Forward(Vec<Edit<'p>>, Labels<'p>),
    /// No call of any API: edit out what is the gateway's own and let it go on.
    Continue(Vec<Edit<'p>>, Labels<'p>),
}

/// A call that goes on if its limits admit it.
///
/// The host reads the slot, has it judged, and swaps it for what [`Charge::settle`] gives, as long
/// as nobody was faster.
#[derive(Debug)]
pub struct Charge<'p> {
    slot: String,
    plan: Plan<'p>,
    edits: Vec<Edit<'p>>,
    labels: Labels<'p>,
    api: &'p Api,
    operation: &'p Operation,
}

/// What to do with the slot, and then.
#[derive(Debug)]
pub enum Settled<'p> {
    /// Swap it for this; then the call is charged.
    Admitted(Vec<u8>),
    /// Swap it for this, if there is anything; then reply.
    Refused(Step<'p>, Option<Vec<u8>>),
}

impl<'p> Charge<'p> {
    /// The name under which the subscription's limits are remembered.
    pub fn slot(&self) -> &str {
        &self.slot
    }

    /// Judges what the slot held. `now`, in milliseconds since 1970, is read after the slot was.
    pub fn settle(&self, observed: Option<&[u8]>, now: u64) -> Settled<'p> {
        match self.plan.settle(observed, now) {
            Verdict::Admit(content) => Settled::Admitted(content),
            Verdict::Refuse(exceeded, content) => {
                Settled::Refused(self.refuse(Refusal::Exceeded(exceeded)), content)
            }
        }
    }

    /// The slot was swapped: the call is charged.
    pub fn charged(self) -> Step<'p> {
        Step::Forward(self.edits, self.labels)
    }

    /// Others were faster, again and again. It is refused, since it could not be charged.
    pub fn contended(&self) -> Step<'p> {
        self.refuse(Refusal::Contended)
    }

    fn refuse(&self, refusal: Refusal<'p>) -> Step<'p> {
        let refused = Refused { refusal, operation: Some(self.operation) };
        match refuse(Some(self.api), refused) {
            Step::Reply(reply, labels) => {
                Step::Reply(reply, Labels { subscription: self.labels.subscription, ..labels })
            }
            other => other,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// What logs and statistics call the request. Names of the policy and codes of the refusal table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labels<'p> {
    pub api: Option<&'p str>,
    pub operation: Option<&'p str>,
    pub subscription: Option<&'p str>,
    pub outcome: &'static str,
}

/// A call was sent to its backend.
pub const FORWARDED: &str = "forwarded";
/// A request below no API's path went on untouched.
pub const UNTOUCHED: &str = "untouched";

/// Decides what becomes of a request.
///
/// `now` is in milliseconds since 1970.
pub fn decide<'p>(policy: &'p Policy, request: &Request<'_>, now: u64) -> Step<'p> {
    let Some((api, rest)) = policy.api_at(request.path) else {
        return unmatched(policy, request);
    };
    match serves(policy, request) {
        Ok(true) => {}
        Ok(false) => return unmatched(policy, request),
        Err(refusal) => return refuse(Some(api), refusal.into()),
    }
    match call(policy, api, rest, request, now) {
        Ok(Call { edits, operation, caller }) => {
            let labels = Labels {
                api: Some(&api.name),
                operation: Some(&operation.name),
                subscription: caller.subscription().map(|subscription| &*subscription.name),
                outcome: FORWARDED,
            };
            match caller.plan(policy, api, operation) {
                None => Step::Forward(edits, labels),
                Some((slot, plan)) => {
                    Step::Charge(Box::new(Charge { slot, plan, edits, labels, api, operation }))
                }
            }
        }
        Err(refused) => refuse(Some(api), refused),
    }
}

/// A call that may be made.
struct Call<'p> {
    edits: Vec<Edit<'p>>,
    operation: &'p Operation,
    caller: Caller<'p>,
}

/// A call of an API: the order of the steps. Limits go last before the call is forwarded.
fn call<'p>(
    policy: &'p Policy,
    api: &'p Api,
    rest: &[u8],
    request: &Request<'_>,
    now: u64,
) -> Result<Call<'p>, Refused<'p>> {
    // 1. Canonical or refused.
    uri::check_path(request.path).map_err(Refusal::Path)?;
    if request.leaves_http() {
        return Err(Refusal::Upgrade.into());
    }
    // 2. API, then operation.
    check_protocol(api, request.protocol())?;
    let mut query = Query::parse(request.query).map_err(Refusal::Query)?;
    let keys = query.take(&api.key_names.query);
    let found = route::route(api, request.method, rest, &query)?;
    let operation = found.operation;
    let others = policy.key_queries.iter().filter(|name| !operation.declares(name));
    let removed = others.map(|name| query.take(name).len()).sum::<usize>();
    let sent = match removed.saturating_add(keys.len()) {
        0 => SentQuery::Whole(request.query),
        _ => SentQuery::WithoutKey,
    };
    let refused = |refusal| Refused { refusal, operation: Some(operation) };
    // 3. Subscription.
    let caller = subscription::identify(policy, api, request, &keys, now).map_err(refused)?;
    // 4. Backend.
    let backend = api
        .backends
        .choose(&operation.backend_tables, |slot| found.capture(slot).map(|c| &*c.value))
        .ok_or_else(|| refused(Refusal::NoBackend))?;
    if matches!(backend.credentials, Credentials::Caller) {
        callers_credential(policy, request.headers).map_err(refused)?;
    }
    // 6. Forward.
    let path = edit::target(&found, backend, rest, &query, sent).map_err(refused)?;
    Ok(Call { edits: edit::forward(policy, backend, request.headers, path), operation, caller })
}

/// Whether the request's host is the policy's.
fn serves(policy: &Policy, request: &Request<'_>) -> Result<bool, Refusal<'static>> {
    let authority = request.authority().ok_or(Refusal::Authority)?;
    Ok(policy.hosts.is_empty() || policy.hosts.iter().any(|host| authority.is_host(host)))
}

fn check_protocol<'p>(api: &Api, protocol: Option<Protocol>) -> Result<(), Refusal<'p>> {
    let served = &api.protocols;
    let both = served.contains(&Protocol::Http) && served.contains(&Protocol::Https);
    if both || protocol.is_some_and(|protocol| served.contains(&protocol)) {
        return Ok(());
    }
    Err(Refusal::Protocol(served.clone()))
}

/// A caller's own Authorization must be one: Envoy joins several with commas, and where one stands
/// in a scheme that has none, a backend may take either half.
///
/// A subscription key of this gateway's is no credential of the backend's, and stays here.
fn callers_credential(policy: &Policy, headers: &Headers) -> Result<(), Refusal<'static>> {
    let mut lines = headers.iter().filter(|(name, _)| name == "authorization");
    let Some((_, value)) = lines.next().filter(|(_, value)| !value.trim_ascii().is_empty()) else {
        return Err(Refusal::Credential(CredentialFault::Missing));
    };
    let scheme = value.split(|b| *b == b' ').next().unwrap_or_default();
    let plain = [&b"bearer"[..], b"basic"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if lines.next().is_some() || (plain && value.contains(&b',')) {
        return Err(Refusal::Credential(CredentialFault::Repeated));
    }
    let parameter = value.get(scheme.len()..).unwrap_or_default().trim_ascii();
    if policy.subscriptions.by_key(parameter).is_some() {
        return Err(Refusal::Credential(CredentialFault::Missing));
    }
    Ok(())
}

fn unmatched<'p>(policy: &Policy, request: &Request<'_>) -> Step<'p> {
    match policy.unmatched {
        Unmatched::Reject => refuse(None, Refusal::Unmatched.into()),
        Unmatched::Continue => {
            let labels =
                Labels { api: None, operation: None, subscription: None, outcome: UNTOUCHED };
            Step::Continue(edit::without_internal(request.headers), labels)
        }
    }
}

fn refuse<'p>(api: Option<&'p Api>, refused: Refused<'p>) -> Step<'p> {
    let Refused { refusal, operation } = refused;
    let refusal = match api {
        Some(api) => refusal.under(api.compatibility),
        None => refusal,
    };
    let labels = Labels {
        api: api.map(|api| &*api.name),
        operation: operation.map(|operation| &*operation.name),
        subscription: None,
        outcome: refusal.code(),
    };
    let format = api.map_or(ErrorFormat::Apim, |api| api.error_format);
    Step::Reply(refusal.reply(format), labels)
}
