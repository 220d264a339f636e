//! What is left of a subscription's limits: told to its callers, and charged to nobody.

use serde_json::{Map, Value, json};

use crate::policy::Policy;
use crate::policy::limit::Kind;
use crate::policy::portal::Portal;
use crate::policy::subscription::Subscription;

use super::limits::{Plan, Standing};
use super::portal::json_reply;
use super::subscription::{Caller, Owner};
use super::{Labels, Outcome, Step};

/// The host reads the slot; [`Observe::reply`] says what it holds.
#[derive(Debug)]
pub struct Observe<'p> {
    policy: &'p Policy,
    portal: &'p Portal,
    subscription: &'p Subscription,
    slot: String,
    plan: Plan<'p>,
    /// Of the plan's limits, in their order.
    owners: Vec<Owner<'p>>,
}

impl<'p> Observe<'p> {
    pub(super) fn new(policy: &'p Policy, portal: &'p Portal, caller: &Caller<'p>) -> Option<Self> {
        let (subscription, slot, plan, owners) = caller.observation(policy)?;
        Some(Self { policy, portal, subscription, slot, plan, owners })
    }

    /// The name under which the subscription's limits are remembered.
    pub fn slot(&self) -> &str {
        &self.slot
    }

    /// Tells what the slot held. `now`, in milliseconds since 1970, is read after the slot was.
    pub fn reply(self, observed: Option<&[u8]>, now: u64) -> Step<'p> {
        let standings = self.plan.observe(observed, now);
        let limits =
            standings.iter().zip(&self.owners).map(|(standing, owner)| row(standing, *owner));
        let name = &self.subscription.name;
        let product = self.policy.product_of(self.subscription).map(|product| &product.name);
        let title = self.portal.subscription_titles.get(name);
        let members =
            [("subscription", Some(json!(name))), ("displayName", title.map(|t| json!(t)))];
        let members = members.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let members = members.chain([("product", json!(product)), ("limits", limits.collect())]);
        let usage: Map<String, Value> =
            members.map(|(name, value)| (name.to_owned(), value)).collect();
        let mut reply = json_reply(Value::from(usage).to_string().into_bytes(), "no-store");
        // A browser that opens the page asks for the same URL.
        reply.headers.push(("vary", "accept".to_owned()));
        let subscription = Some(self.subscription);
        Step::Reply(reply, Labels::new(self.policy, None, None, subscription, Outcome::Portal))
    }
}

fn row(standing: &Standing<'_>, owner: Owner<'_>) -> Value {
    let Standing { limit, remaining, seconds } = standing;
    let kind = match limit.kind {
        Kind::Rate => "rateLimit",
        Kind::Quota => "quota",
    };
    let (scope, of) = match owner {
        Owner::Product(name) => ("product", name.to_owned()),
        Owner::Api(name) => ("api", name.to_owned()),
        Owner::Operation(api, name) => ("operation", format!("{api}/{name}")),
    };
    json!({
        "name": limit.name,
        "kind": kind,
        "scope": scope,
        "of": of,
        "calls": limit.calls,
        "renewalPeriod": limit.period / 1000,
        "remaining": remaining,
        "renewsInSeconds": seconds,
    })
}
