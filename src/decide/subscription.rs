//! Who calls: the subscription key and the subscription behind it.
//!
//! As in API Management, the key stands in a header, else in the query, and a wrong key is refused
//! also where none is asked for.

use std::borrow::Cow;

use crate::policy::config::SubscriptionState;
use crate::policy::portal::Portal;
use crate::policy::subscription::Subscription;
use crate::policy::{Api, HeaderName, KEY_HEADER, Mode, Operation, Policy, Protocol};

use super::limits::Plan;
use super::query::Part;
use super::refusal::Refusal;
use super::view::{Headers, Request};

/// Evidence that a call may be made. Only this module makes one.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'p> {
    subscription: Option<&'p Subscription>,
}

/// What has a limit.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner<'p> {
    Product(&'p str),
    Api(&'p str),
    /// An API's name and its operation's.
    Operation(&'p str, &'p str),
}

/// There is none: why, and who it nearly was.
#[derive(Debug)]
pub(super) struct NoCaller<'p> {
    pub(super) refusal: Refusal<'p>,
    pub(super) subscription: Option<&'p Subscription>,
}

/// Why a call may not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    Missing,
    /// No subscription has it.
    Unknown,
    NotActive,
    NotYetValid,
    Expired,
    /// The subscription does not reach this API.
    OutOfScope,
    /// Header or query have it more than once, or they differ.
    Ambiguous,
}

impl<'p> Caller<'p> {
    /// Absent where an open API is called without a key.
    pub fn subscription(&self) -> Option<&'p Subscription> {
        self.subscription
    }

    /// Whoever calls an operation in shadow mode is its caller.
    pub(super) fn in_shadow(
        operation: &Operation,
        subscription: Option<&'p Subscription>,
    ) -> Option<Self> {
        (operation.mode == Mode::Shadow).then_some(Self { subscription })
    }

    /// What a call of this caller's is charged to, and where that is remembered. Without a
    /// subscription there is nobody to charge; a product's limits are for those who came by it.
    pub(super) fn plan(
        &self,
        policy: &'p Policy,
        api: &'p Api,
        operation: &'p Operation,
    ) -> Option<(String, Plan<'p>)> {
        let subscription = self.subscription?;
        let product = policy.product_of(subscription);
        let limits = product.map(|product| product.limits.as_slice()).unwrap_or_default().iter();
        let limits: Vec<_> = limits.chain(&api.rate_limit).chain(&operation.rate_limit).collect();
        if limits.is_empty() {
            return None;
        }
        // What is only tried out counts apart.
        let counters = match operation.mode {
            Mode::Enforce => "limits",
            Mode::Shadow => "shadow",
        };
        Some((slot(counters, subscription), Plan::new(limits, anchor(subscription))))
    }

    /// How the subscription's limits can be looked at: all that its calls can be charged to, and
    /// where that is remembered. None for a caller without a subscription.
    pub(super) fn observation(
        &self,
        policy: &'p Policy,
    ) -> Option<(&'p Subscription, String, Plan<'p>, Vec<Owner<'p>>)> {
        let subscription = self.subscription?;
        let product = policy.product_of(subscription);
        let of_product = product.into_iter().flat_map(|product| {
            product.limits.iter().map(|limit| (Owner::Product(&product.name), limit))
        });
        let apis = policy.apis.iter().filter(|api| policy.reaches(subscription.scope, api));
        let of_apis = apis.flat_map(|api| {
            let own = api.rate_limit.iter().map(|limit| (Owner::Api(&api.name), limit));
            // In shadow mode nothing is limited.
            let operations = api.operations.iter().filter(|o| o.mode == Mode::Enforce);
            own.chain(operations.flat_map(|operation| {
                let owner = Owner::Operation(&api.name, &operation.name);
                operation.rate_limit.iter().map(move |limit| (owner, limit))
            }))
        });
        let (owners, limits) = of_product.chain(of_apis).unzip();
        let plan = Plan::new(limits, anchor(subscription));
        Some((subscription, slot("limits", subscription), plan, owners))
    }
}

/// Judges the caller. `in_query` is what the query had under the key's name; `now` is in
/// milliseconds since 1970.
pub(super) fn identify<'p>(
    policy: &'p Policy,
    api: &'p Api,
    request: &Request<'_>,
    in_query: &[Part<'_>],
    now: u64,
) -> Result<Caller<'p>, NoCaller<'p>> {
    let refuse = |fault, subscription| {
        let challenge = challenge(&api.path, &api.key_names.header_written, request);
        NoCaller { refusal: Refusal::Key(fault, challenge), subscription }
    };
    let key = key(api, request.headers, in_query).map_err(|fault| refuse(fault, None))?;
    let Some(key) = key else {
        return if api.subscription_required {
            Err(refuse(KeyFault::Missing, None))
        } else {
            Ok(Caller { subscription: None })
        };
    };
    let subscription =
        policy.subscriptions.by_key(&key).ok_or_else(|| refuse(KeyFault::Unknown, None))?;
    judge(policy, api, subscription, seconds(now))
        .map_err(|fault| refuse(fault, Some(subscription)))?;
    Ok(Caller { subscription: Some(subscription) })
}

/// Judges who asks the portal for its usage: by the key alone, as no API is called. The key stands in
/// the header of any API.
pub(super) fn identify_at_portal<'p>(
    policy: &'p Policy,
    portal: &'p Portal,
    request: &Request<'_>,
    now: u64,
) -> Result<Caller<'p>, NoCaller<'p>> {
    let refuse = |fault, subscription| {
        let challenge = challenge(&portal.path, KEY_HEADER, request);
        NoCaller { refusal: Refusal::Key(fault, challenge), subscription }
    };
    let mut keys: Vec<&[u8]> = Vec::new();
    for header in &portal.key_headers {
        let key = key_in_header(header, request.headers).map_err(|fault| refuse(fault, None))?;
        keys.extend(key.filter(|key| !key.is_empty()));
    }
    let key = match keys.as_slice() {
        [] => return Err(refuse(KeyFault::Missing, None)),
        [key, others @ ..] if others.iter().all(|other| other == key) => key,
        _ => return Err(refuse(KeyFault::Ambiguous, None)),
    };
    let subscription =
        policy.subscriptions.by_key(key).ok_or_else(|| refuse(KeyFault::Unknown, None))?;
    in_force(subscription, seconds(now)).map_err(|fault| refuse(fault, Some(subscription)))?;
    Ok(Caller { subscription: Some(subscription) })
}

/// Where a subscription's calls are remembered.
fn slot(counters: &str, subscription: &Subscription) -> String {
    format!("{counters}/{}", subscription.name)
}

/// Where the windows of a subscription's quotas begin, in milliseconds since 1970.
fn anchor(subscription: &Subscription) -> i64 {
    subscription.start.unwrap_or(0).saturating_mul(1000)
}

/// API Management's challenge.
fn challenge(path: &str, name: &str, request: &Request<'_>) -> String {
    let scheme = match request.protocol() {
        Some(Protocol::Http) => "http",
        Some(Protocol::Https) | None => "https",
    };
    // Only what has been read as host and port gets here, so that nothing in it can end the quotes.
    let host = request.authority().map(|authority| authority.to_string()).unwrap_or_default();
    format!(
        "AzureApiManagementKey realm=\"{scheme}://{host}/{path}\",name=\"{name}\",type=\"header\""
    )
}

fn seconds(milliseconds: u64) -> i64 {
    i64::try_from(milliseconds / 1000).unwrap_or(i64::MAX)
}

fn judge(
    policy: &Policy,
    api: &Api,
    subscription: &Subscription,
    now: i64,
) -> Result<(), KeyFault> {
    in_force(subscription, now)?;
    if !policy.reaches(subscription.scope, api) {
        return Err(KeyFault::OutOfScope);
    }
    Ok(())
}

fn in_force(subscription: &Subscription, now: i64) -> Result<(), KeyFault> {
    if subscription.state != SubscriptionState::Active {
        return Err(KeyFault::NotActive);
    }
    if subscription.start.is_some_and(|start| now < start) {
        return Err(KeyFault::NotYetValid);
    }
    if subscription.expiration.is_some_and(|expiration| now >= expiration) {
        return Err(KeyFault::Expired);
    }
    Ok(())
}

/// The key that was sent; both places may hold the same one. An empty one is none.
fn key<'h>(
    api: &Api,
    headers: &'h Headers,
    in_query: &'h [Part<'_>],
) -> Result<Option<Cow<'h, [u8]>>, KeyFault> {
    let in_header = key_in_header(&api.key_names.header, headers)?;
    let in_query: Option<Cow<'_, [u8]>> = match in_query {
        [] => None,
        [part] => Some(match part.decoded() {
            Some(key) => Cow::Owned(key.trim_ascii().to_vec()),
            None if in_header.is_some() => return Err(KeyFault::Ambiguous),
            None => return Err(KeyFault::Unknown),
        }),
        _ => return Err(KeyFault::Ambiguous),
    };
    let in_header = in_header.filter(|key| !key.is_empty()).map(Cow::Borrowed);
    let in_query = in_query.filter(|key| !key.is_empty());
    match (in_header, in_query) {
        (Some(one), Some(other)) if one != other => Err(KeyFault::Ambiguous),
        (Some(key), _) | (None, Some(key)) => Ok(Some(key)),
        (None, None) => Ok(None),
    }
}

fn key_in_header<'h>(
    header: &HeaderName,
    headers: &'h Headers,
) -> Result<Option<&'h [u8]>, KeyFault> {
    let mut lines = headers.iter().filter(|(name, _)| name == header.as_str());
    match (lines.next(), lines.next()) {
        (_, Some(_)) => Err(KeyFault::Ambiguous),
        (Some((_, value)), None) if header.is(b"authorization") => bearer(value),
        (Some((_, value)), None) => Ok(Some(value.trim_ascii())),
        (None, None) => Ok(None),
    }
}

/// A key that an Authorization header carries. Envoy joins two such headers with a comma, which no
/// bearer token has. Another scheme carries no key.
fn bearer(value: &[u8]) -> Result<Option<&[u8]>, KeyFault> {
    let mut bearers = value.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter_map(|line| {
        let mut halves = line.splitn(2, |b| *b == b' ');
        let scheme = halves.next().unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"bearer").then(|| halves.next().unwrap_or_default())
    });
    match bearers.next() {
        None => Ok(None),
        Some(_) if value.contains(&b',') => Err(KeyFault::Ambiguous),
        Some(key) => Ok(Some(key.trim_ascii())),
    }
}
