//! A call that goes on if its limits admit it.

use crate::policy::subscription::Subscription;
use crate::policy::{Api, Mode, Operation, Policy};

use super::limits::{Plan, Standing, Verdict};
use super::rate_limit_fields;
use super::refusal::Refusal;
use super::route::Refused;
use super::{Answer, Edit, Labels, Outcome, Step, refuse};

/// The host reads the slot, has it judged, and swaps it for what [`Charge::settle`] gives, as long
/// as nobody was faster.
#[derive(Debug)]
pub struct Charge<'p> {
    pub(super) slot: String,
    pub(super) plan: Plan<'p>,
    pub(super) edits: Vec<Edit<'p>>,
    pub(super) answer: Answer,
    pub(super) policy: &'p Policy,
    pub(super) api: &'p Api,
    pub(super) operation: &'p Operation,
    pub(super) subscription: &'p Subscription,
}

/// What to do with the slot, and then.
#[derive(Debug)]
pub enum Settled<'p> {
    /// Swap the slot for this; then the call is charged.
    Admitted(Vec<u8>, Charged<'p>),
    /// Swap it for this, if there is anything; then the call is not admitted.
    Exceeded(Option<Vec<u8>>, Refusal<'p>),
}

/// What a charge leaves.
#[derive(Debug)]
pub struct Charged<'p>(Vec<Standing<'p>>);

impl<'p> Charge<'p> {
    /// The name under which the subscription's limits are remembered.
    pub fn slot(&self) -> &str {
        &self.slot
    }

    /// Judges what the slot held. `now`, in milliseconds since 1970, is read after the slot was.
    pub fn settle(&self, observed: Option<&[u8]>, now: u64) -> Settled<'p> {
        match self.plan.settle(observed, now) {
            Verdict::Admit(content, standings) => Settled::Admitted(content, Charged(standings)),
            Verdict::Refuse(exceeded, content) => {
                Settled::Exceeded(content, Refusal::Exceeded(exceeded))
            }
        }
    }

    /// The slot was swapped: the call is charged.
    pub fn charged(mut self, Charged(standings): Charged<'p>) -> Step<'p> {
        if self.policy.rate_limit_headers && self.operation.mode == Mode::Enforce {
            self.answer.extend(rate_limit_fields::fields(&standings));
        }
        self.forward(Outcome::Forwarded)
    }

    /// Others were faster, again and again. It is refused, since it could not be charged.
    pub fn contended(self) -> Step<'p> {
        self.refused(Refusal::Contended)
    }

    /// The call is not admitted; in shadow mode it goes on all the same.
    pub fn refused(self, refusal: Refusal<'p>) -> Step<'p> {
        if self.operation.mode == Mode::Shadow {
            return self.forward(Outcome::Shadow(refusal.code()));
        }
        let fields = match &refusal {
            Refusal::Exceeded(exceeded) if self.policy.rate_limit_headers => {
                Some(rate_limit_fields::fields(&exceeded.standings))
            }
            _ => None,
        };
        let refused = Refused {
            refusal,
            operation: Some(self.operation),
            subscription: Some(self.subscription),
        };
        let (mut reply, labels) = refuse(self.policy, Some(self.api), refused);
        reply.headers.extend(fields.into_iter().flatten());
        Step::Reply(reply, labels)
    }

    fn forward(self, outcome: Outcome) -> Step<'p> {
        let Self { policy, api, operation, subscription, edits, answer, .. } = self;
        let labels = Labels::new(policy, Some(api), Some(operation), Some(subscription), outcome);
        Step::Forward(edits, labels, answer)
    }
}
