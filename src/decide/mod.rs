//! The decision over one request: values in, values out.
//!
//! ```text
//! headers --view--> Request --route--> Operation --decide--> Step
//! ```
//!
//! No host, no clock, no state: what is not in the arguments does not count.

mod charge;
mod edit;
mod error_format;
mod labels;
pub mod limits;
mod portal;
pub mod query;
mod rate_limit_fields;
pub mod refusal;
pub mod route;
mod slot;
pub mod subscription;
mod usage;
pub mod view;
mod wording;

use crate::policy::backend::Credentials;
use crate::policy::{
    Api, BACKEND_URL_HEADER, Below, ErrorFormat, Operation, Policy, Protocol, Unmatched,
};
use crate::uri;

pub use charge::{Charge, Charged, Settled};
pub use edit::{Edit, trailers};
pub use labels::{Labels, Outcome};
pub use usage::Observe;
pub use view::{Headers, Request};

use edit::SentQuery;
use query::Query;
use refusal::{CredentialFault, Refusal};
use route::Refused;
use subscription::{Caller, NoCaller};

/// What the host does with a request.
#[derive(Debug)]
pub enum Step<'p> {
    /// Answer it here.
    Reply(Reply, Labels<'p>),
    /// A call that has limits: charge it first.
    Charge(Box<Charge<'p>>),
    /// A call: edit it and send it to its backend.
    Forward(Vec<Edit<'p>>, Labels<'p>, Answer),
    /// A question about limits: look at what is remembered of them.
    Observe(Box<Observe<'p>>),
    /// No call of any API: edit out what is the gateway's own and let it go on.
    Continue(Vec<Edit<'p>>, Labels<'p>),
}

/// Fields that the backend's answer gets on its way to the caller.
pub type Answer = Vec<(&'static str, String)>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Decides what becomes of a request.
///
/// `now` is in milliseconds since 1970.
pub fn decide<'p>(policy: &'p Policy, request: &Request<'_>, now: u64) -> Step<'p> {
    let Some((below, rest)) = policy.below(request.path) else {
        return unmatched(policy, request);
    };
    let api = match below {
        Below::Api(api) => Some(api),
        Below::Portal(_) => None,
    };
    match serves(policy, request) {
        Ok(true) => {}
        Ok(false) => return unmatched(policy, request),
        Err(refusal) => return reply(policy, api, refusal.into()),
    }
    match below {
        Below::Api(api) => call_or_refuse(policy, api, rest, request, now),
        Below::Portal(portal) => portal::answer(policy, portal, rest, request, now),
    }
}

fn call_or_refuse<'p>(
    policy: &'p Policy,
    api: &'p Api,
    rest: &[u8],
    request: &Request<'_>,
    now: u64,
) -> Step<'p> {
    let decided = call(policy, api, rest, request, now);
    let Call { edits, operation, caller, overlooked, answer } = match decided {
        Ok(call) => call,
        Err(refused) => return reply(policy, Some(api), refused),
    };
    let subscription = caller.subscription();
    if let (Some(subscription), None) = (subscription, overlooked)
        && let Some((slot, plan)) = caller.plan(policy, api, operation)
    {
        let charge = Charge { slot, plan, edits, answer, policy, api, operation, subscription };
        return Step::Charge(Box::new(charge));
    }
    let outcome = overlooked.map_or(Outcome::Forwarded, Outcome::Shadow);
    let labels = Labels::new(policy, Some(api), Some(operation), subscription, outcome);
    Step::Forward(edits, labels, answer)
}

/// A call that may be made.
struct Call<'p> {
    edits: Vec<Edit<'p>>,
    operation: &'p Operation,
    caller: Caller<'p>,
    /// What would have refused it, were its operation not in shadow mode.
    overlooked: Option<&'static str>,
    answer: Answer,
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
    check_protocol(&api.protocols, request.protocol())?;
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
    let mut overlooked = found.overlooked.clone();
    // 3. Subscription.
    let identified = subscription::identify(policy, api, request, &keys, now);
    let accepted = identified.as_ref().ok().and_then(Caller::subscription);
    let caller = match identified {
        Ok(caller) => caller,
        Err(NoCaller { refusal, subscription }) => match Caller::in_shadow(operation, subscription)
        {
            Some(caller) => {
                overlooked.get_or_insert(refusal);
                caller
            }
            None => return Err(Refused { refusal, operation: Some(operation), subscription }),
        },
    };
    let overlooked = overlooked.map(|refusal| refusal.under(api.compatibility).code());
    let refused = |refusal| Refused {
        refusal,
        operation: Some(operation),
        subscription: caller.subscription(),
    };
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
    let answer = match accepted.is_some_and(|subscription| subscription.allow_tracing) {
        true => vec![(BACKEND_URL_HEADER, edit::traced(policy, operation, backend, &path))],
        false => Answer::new(),
    };
    let edits = edit::forward(policy, backend, request.headers, path);
    Ok(Call { edits, operation, caller, overlooked, answer })
}

/// Whether the request's host is the policy's.
fn serves(policy: &Policy, request: &Request<'_>) -> Result<bool, Refusal<'static>> {
    let authority = request.authority().ok_or(Refusal::Authority)?;
    Ok(policy.hosts.is_empty() || policy.hosts.iter().any(|host| authority.is_host(host)))
}

fn check_protocol<'p>(served: &[Protocol], protocol: Option<Protocol>) -> Result<(), Refusal<'p>> {
    let both = served.contains(&Protocol::Http) && served.contains(&Protocol::Https);
    if both || protocol.is_some_and(|protocol| served.contains(&protocol)) {
        return Ok(());
    }
    Err(Refusal::Protocol(served.to_vec()))
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

fn unmatched<'p>(policy: &'p Policy, request: &Request<'_>) -> Step<'p> {
    match policy.unmatched {
        Unmatched::Reject => reply(policy, None, Refusal::Unmatched.into()),
        Unmatched::Continue => {
            let labels = Labels::new(policy, None, None, None, Outcome::Untouched);
            Step::Continue(edit::without_internal(request.headers), labels)
        }
    }
}

fn reply<'p>(policy: &'p Policy, api: Option<&'p Api>, refused: Refused<'p>) -> Step<'p> {
    let (reply, labels) = refuse(policy, api, refused);
    Step::Reply(reply, labels)
}

fn refuse<'p>(
    policy: &'p Policy,
    api: Option<&'p Api>,
    refused: Refused<'p>,
) -> (Reply, Labels<'p>) {
    let Refused { refusal, operation, subscription } = refused;
    let refusal = match api {
        Some(api) => refusal.under(api.compatibility),
        None => refusal,
    };
    let outcome = Outcome::Refused(refusal.code());
    let format = api.map_or(ErrorFormat::Apim, |api| api.error_format);
    (refusal.reply(format), Labels::new(policy, api, operation, subscription, outcome))
}
