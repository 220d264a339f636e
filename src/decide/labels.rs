//! What logs and statistics call a request: names of the policy and codes of the refusal table,
//! never text of a caller's.

use std::borrow::Cow;

use crate::policy::subscription::Subscription;
use crate::policy::{Api, Operation, Policy};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labels<'p> {
    pub api: Option<&'p str>,
    pub operation: Option<&'p str>,
    /// The one that was subscribed to.
    pub product: Option<&'p str>,
    pub subscription: Option<&'p str>,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A call was sent to its backend.
    Forwarded,
    /// Likewise, but its operation is in shadow mode, and this code would have refused it.
    Shadow(&'static str),
    /// A request below no API's path went on untouched.
    Untouched,
    /// The portal's page or document.
    Portal,
    Refused(&'static str),
}

impl<'p> Labels<'p> {
    pub(super) fn new(
        policy: &'p Policy,
        api: Option<&'p Api>,
        operation: Option<&'p Operation>,
        subscription: Option<&'p Subscription>,
        outcome: Outcome,
    ) -> Self {
        let product = subscription.and_then(|subscription| policy.product_of(subscription));
        Self {
            api: api.map(|api| &*api.name),
            operation: operation.map(|operation| &*operation.name),
            product: product.map(|product| &*product.name),
            subscription: subscription.map(|subscription| &*subscription.name),
            outcome,
        }
    }
}

impl Outcome {
    pub fn text(self) -> Cow<'static, str> {
        match self {
            Self::Forwarded => "forwarded".into(),
            Self::Shadow(code) => format!("shadow_{code}").into(),
            Self::Untouched => "untouched".into(),
            Self::Portal => "portal".into(),
            Self::Refused(code) => code.into(),
        }
    }
}
