//! Who calls: the subscription key and the subscription behind it.
//!
//! As in API Management, the key stands in a header, else in the query, and a wrong key is refused
//! also where none is asked for.

use std::borrow::Cow;

use crate::policy::config::SubscriptionState;
use crate::policy::subscription::Subscription;
use crate::policy::{Api, Mode, Operation, Policy, Protocol};

use super::limits::Plan;
use super::query::Part;
use super::refusal::Refusal;
use super::view::{Headers, Request};

/// Evidence that a call may be made. Only this module makes one.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'p> {
    subscription: Option<&'p Subscription>,
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
        let anchor = subscription.start.unwrap_or(0).saturating_mul(1000);
        // What is only tried out counts apart.
        let counters = match operation.mode {
            Mode::Enforce => "limits",
            Mode::Shadow => "shadow",
        };
        Some((format!("{counters}/{}", subscription.name), Plan::new(limits, anchor)))
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
        let refusal = Refusal::Key(fault, challenge(api, request));
        NoCaller { refusal, subscription }
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

/// API Management's challenge.
fn challenge(api: &Api, request: &Request<'_>) -> String {
    let scheme = match request.protocol() {
        Some(Protocol::Http) => "http",
        Some(Protocol::Https) | None => "https",
    };
    // Only what has been read as host and port gets here, so that nothing in it can end the quotes.
    let host = request.authority().map(|authority| authority.to_string()).unwrap_or_default();
    let (path, name) = (&api.path, &api.key_names.header_written);
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
    if subscription.state != SubscriptionState::Active {
        return Err(KeyFault::NotActive);
    }
    if subscription.start.is_some_and(|start| now < start) {
        return Err(KeyFault::NotYetValid);
    }
    if subscription.expiration.is_some_and(|expiration| now >= expiration) {
        return Err(KeyFault::Expired);
    }
    if !policy.reaches(subscription.scope, api) {
        return Err(KeyFault::OutOfScope);
    }
    Ok(())
}

/// The key that was sent; both places may hold the same one. An empty one is none.
fn key<'h>(
    api: &Api,
    headers: &'h Headers,
    in_query: &'h [Part<'_>],
) -> Result<Option<Cow<'h, [u8]>>, KeyFault> {
    let header = &api.key_names.header;
    let mut lines = headers.iter().filter(|(name, _)| name == header.as_str());
    let in_header = match (lines.next(), lines.next()) {
        (_, Some(_)) => return Err(KeyFault::Ambiguous),
        (Some((_, value)), None) if header.is(b"authorization") => bearer(value)?,
        (Some((_, value)), None) => Some(value.trim_ascii()),
        (None, None) => None,
    };
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
