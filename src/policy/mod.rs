//! The policy: what is published, to whom, and where it goes. Built once, then immutable.
//!
//! ```text
//! bytes --config--> PolicyConfig --compile--> Policy
//! ```
//!
//! [`config`] is the file as written, [`Policy`] is what is true: references resolved, conflicts
//! refused, defaults applied, nothing left to find out during a request.

pub mod backend;
pub mod compile;
pub mod config;
pub mod limit;
pub(crate) mod overlap;
pub mod parameter;
pub mod portal;
pub mod problem;
pub(crate) mod read;
pub mod routes;
pub mod secret;
pub mod subscription;
mod suffixes;
pub mod template;

pub use compile::{Compiled, compile, compile_documented};
pub use config::{Compatibility, ErrorFormat, ExtraQueryParameters, Mode, Protocol, Unmatched};

use backend::{Backends, SlotTable};
use limit::Limit;
use parameter::Parameter;
use portal::Portal;
use routes::Routes;
use subscription::{Product, Scope, Subscription, Subscriptions};
pub use suffixes::Below;
use suffixes::Suffixes;
use template::{Condition, Expect, Segment, Slot, Specificity, Template};

/// The version of the policy file's format.
pub const FORMAT_VERSION: u64 = 1;

/// The request header that selects Envoy's cluster. Its prefix is the gateway's alone.
pub const CLUSTER_HEADER: &str = "x-gateway-cluster";
/// The header of a subscription key, unless an API names another.
pub const KEY_HEADER: &str = "Ocp-Apim-Subscription-Key";
/// The request header that selects the route of a portal's file.
pub const ASSET_HEADER: &str = "x-gateway-asset";
/// The response header that tells a caller who may know where its call went.
pub const BACKEND_URL_HEADER: &str = "x-gateway-backend-url";
/// The response header that carries a refusal's code.
pub const REFUSAL_HEADER: &str = "x-gateway-refusal";
/// Headers of a client that begin so are removed before anything else.
const INTERNAL_PREFIX: &[u8] = b"x-gateway-";
/// Headers by which Envoy is told timeouts, retries and destinations.
const ENVOYS_PREFIX: &[u8] = b"x-envoy-";

#[derive(Debug)]
pub struct Policy {
    pub unmatched: Unmatched,
    /// Lower case, without port or final dot. Empty: every authority is served.
    pub hosts: Vec<Box<str>>,
    pub apis: Vec<Api>,
    pub products: Vec<Product>,
    pub subscriptions: Subscriptions,
    /// Absent: nothing is published.
    pub portal: Option<Portal>,
    /// Whether callers are told what is left of their limits.
    pub rate_limit_headers: bool,
    pub(crate) suffixes: Suffixes,
    /// A caller's that never reach a backend: those that may carry a credential, and those that
    /// make some servers take another method, path or host than the one that was checked.
    pub removed_headers: Vec<HeaderName>,
    /// Likewise of the query, but where an operation's template declares one.
    pub key_queries: Vec<Box<str>>,
}

#[derive(Debug)]
pub struct Api {
    pub name: Box<str>,
    /// Without slashes at its ends.
    pub path: Box<str>,
    pub protocols: Vec<Protocol>,
    pub subscription_required: bool,
    pub key_names: KeyNames,
    pub compatibility: Compatibility,
    pub error_format: ErrorFormat,
    pub rate_limit: Option<Limit>,
    pub operations: Vec<Operation>,
    pub(crate) routes: Routes,
    pub backends: Backends,
}

const NOT_FOR_KEYS: [&str; 21] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "origin",
    "proxy-connection",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-request-id",
];

/// Where a caller's subscription key stands.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyNames {
    pub header: HeaderName,
    /// The header as the policy writes it.
    pub header_written: Box<str>,
    pub query: Box<str>,
}

#[derive(Debug)]
pub struct Operation {
    pub name: Box<str>,
    pub method: Box<str>,
    pub template: Template,
    /// By slot.
    pub parameters: Vec<Parameter>,
    pub specificity: Specificity,
    pub extra_query: ExtraQueryParameters,
    pub rate_limit: Option<Limit>,
    pub mode: Mode,
    /// The backend's template, in the same slots.
    pub rewrite: Option<Template>,
    /// The API's backend tables that this operation's parameters can look into, in order.
    pub(crate) backend_tables: Vec<SlotTable>,
}

/// A header's name: lower case, and `_` read as `-`, as servers behind CGI-like interfaces do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderName(Box<str>);

impl Policy {
    /// Whether a subscription of this scope may call an API of this policy.
    pub fn reaches(&self, scope: Scope, api: &Api) -> bool {
        let place = self.apis.iter().position(|own| std::ptr::eq(own, api));
        place.is_some_and(|place| compile::reaches(scope, place, &self.products))
    }

    /// The product that was subscribed to; none for a subscription of an API or of all.
    pub fn product_of(&self, subscription: &Subscription) -> Option<&Product> {
        match subscription.scope {
            Scope::Product(place) => self.products.get(place),
            Scope::Api(_) | Scope::All => None,
        }
    }
}

impl Operation {
    /// The operation's URL template as text.
    pub fn url_template(&self) -> String {
        let names: Vec<_> = self.parameters.iter().map(|p| p.name.as_ref()).collect();
        self.template.display(&names).to_string()
    }

    pub fn parameter(&self, slot: Slot) -> Option<&Parameter> {
        self.parameters.get(slot.0)
    }

    /// Whether a parameter can have a value, by the place where it stands.
    pub fn can_hold(&self, slot: Slot, value: &[u8]) -> bool {
        let rest = self.template.path.contains(&Segment::Rest(Some(slot)));
        rest || self.takes_from_query(slot)
            || self.parameter(slot).is_some_and(|p| p.fits_in_path(value))
    }

    /// Whether a parameter takes this value and no other.
    pub(crate) fn is_only(&self, slot: Slot, value: &str) -> bool {
        self.parameter(slot)
            .is_some_and(|p| !p.values.is_empty() && p.values.iter().all(|v| **v == *value))
    }

    /// Whether a parameter stands in the query and not in the path.
    pub fn takes_from_query(&self, slot: Slot) -> bool {
        self.template.query.iter().any(|c| c.expect == Expect::Parameter(slot))
    }

    pub fn slot(&self, name: &str) -> Option<Slot> {
        self.parameters.iter().position(|p| *p.name == *name).map(Slot)
    }

    /// Whether the template has a query part of this name.
    pub fn declares(&self, name: &str) -> bool {
        self.template.query.iter().any(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// Whether a request without this query part does not match.
    pub fn requires(&self, condition: &Condition) -> bool {
        match condition.expect {
            Expect::Literal(_) => true,
            Expect::Parameter(slot) => self.parameter(slot).is_none_or(|p| p.required),
        }
    }
}

impl HeaderName {
    /// Takes an RFC 9110 token.
    pub fn parse(name: &str) -> Option<Self> {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        (!name.is_empty() && name.bytes().all(token))
            .then(|| Self(name.to_ascii_lowercase().replace('_', "-").into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a key may stand in it: HTTP, Envoy and the gateway need some headers themselves.
    pub fn is_for_keys(&self) -> bool {
        let name = self.as_str();
        !NOT_FOR_KEYS.contains(&name)
            && !is_internal(name.as_bytes())
            && !is_envoys(name.as_bytes())
            && !name.starts_with("x-forwarded-")
    }

    /// Whether a request's header is this one, or looks like it to a server that reads `_` as `-`.
    pub fn is(&self, name: &[u8]) -> bool {
        self.0.len() == name.len() && self.0.bytes().zip(name).all(|(own, b)| own == normal(*b))
    }
}

/// Whether a request's header begins with the gateway's own prefix.
pub fn is_internal(name: &[u8]) -> bool {
    begins(name, INTERNAL_PREFIX)
}

/// Whether a request's header would tell Envoy what to do with the call.
pub fn is_envoys(name: &[u8]) -> bool {
    begins(name, ENVOYS_PREFIX)
}

fn begins(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len())
        .is_some_and(|head| head.iter().zip(prefix).all(|(b, own)| normal(*b) == *own))
}

fn normal(b: u8) -> u8 {
    if b == b'_' { b'-' } else { b.to_ascii_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_known_in_any_case_and_with_underscores() {
        let name = HeaderName::parse("Api-Key").unwrap();
        for same in ["api-key", "API_KEY", "Api-Key"] {
            assert!(name.is(same.as_bytes()), "{same}");
        }
        assert!(!name.is(b"api-key2"));
        assert!(is_internal(b"X_Gateway-Cluster"));
        assert!(!is_internal(b"x-gatewa"));
        assert_eq!(HeaderName::parse("a b"), None);
    }
}
