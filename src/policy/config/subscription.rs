//! Products, subscriptions and limits, as they are written.

#[cfg(not(target_arch = "wasm32"))]
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::policy::read::Object;

/// A product: APIs that are subscribed to together.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProductConfig {
    /// The product's identifier, a label in logs and statistics.
    pub name: String,
    pub display_name: Option<String>,
    pub description: Option<String>,
    /// The names of its APIs.
    pub apis: Vec<String>,
    /// Calls that each subscription of the product may make in any span of the period.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<LimitConfig>"))]
    pub rate_limit: Option<Object<LimitConfig>>,
    /// Calls that each subscription of the product may make in a period, counted from its
    /// startDate, without one from 1970 on.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<LimitConfig>"))]
    pub quota: Option<Object<LimitConfig>>,
}

/// So many calls in so many seconds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LimitConfig {
    pub calls: u64,
    /// In seconds.
    pub renewal_period: u64,
}

/// A subscription: one or two keys, and what they open.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SubscriptionConfig<'a> {
    /// The subscription's identifier, a label in logs and statistics.
    pub name: String,
    pub display_name: Option<String>,
    /// `/products/NAME`; or `/apis/NAME` or `/apis`, which go past the products.
    pub scope: String,
    #[serde(borrow)]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "KeyConfig"))]
    pub primary_key: &'a RawValue,
    /// Works as the primary key does, so that one can be changed while the other is in use.
    #[serde(borrow)]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<KeyConfig>"))]
    pub secondary_key: Option<&'a RawValue>,
    /// Only an active subscription's keys are taken.
    #[serde(default)]
    pub state: SubscriptionState,
    /// From when on the keys are taken, as 2026-01-01T00:00:00Z.
    pub start_date: Option<String>,
    /// From when on they are not.
    pub expiration_date: Option<String>,
    /// Whether answers tell the caller, in `x-gateway-backend-url`, where its calls went.
    #[serde(default)]
    pub allow_tracing: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SubscriptionState {
    #[default]
    Active,
    Suspended,
    Submitted,
    Rejected,
    Cancelled,
    Expired,
}

#[cfg(not(target_arch = "wasm32"))]
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
enum KeyConfig {
    /// The key's SHA-256, as `gatewayctl key` prints it.
    Sha256(String),
    /// The key itself. Envoy's configuration dump shows it.
    Value(String),
}
