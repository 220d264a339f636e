//! The policy file as it is written: format version 1.
//!
//! These types hold what was written and nothing more; [`super::compile()`] makes of them what is
//! true. Unknown keys are refused. The JSON Schema of the file is derived from the same types, and
//! their comments are its descriptions. What may hold a secret has no `Debug`.

use serde::Deserialize;
use serde_json::value::RawValue;

#[cfg(not(target_arch = "wasm32"))]
use schemars::JsonSchema;

mod subscription;

pub use subscription::{LimitConfig, ProductConfig, SubscriptionConfig, SubscriptionState};

use super::FORMAT_VERSION;
use super::problem::{JsonPath, Problems};
use super::read::{self, Object, Pairs};

/// Policy of azureml-gateway, format version 1.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PolicyConfig<'a> {
    /// Where an editor finds the JSON Schema. Not used by the gateway.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// The format of this file: 1.
    pub version: u64,
    /// What becomes of a request that is below no API's path: `reject` answers 404; `continue`
    /// passes it on untouched, for an application beside the gateway.
    #[serde(default)]
    pub unmatched: Unmatched,
    /// Only these authorities are served, lower case, without port or final dot. Absent: all.
    pub hosts: Option<Vec<String>>,
    /// Whether answers tell callers what is left of their limits, in the fields `RateLimit` and
    /// `RateLimit-Policy`. Absent: true.
    pub rate_limit_headers: Option<bool>,
    /// The APIs that are published.
    #[serde(borrow)]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Vec<ApiConfig<'_>>"))]
    pub apis: Vec<&'a RawValue>,
    /// The developer portal. Absent: nothing is published.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<PortalConfig>"))]
    pub portal: Option<Object<PortalConfig>>,
    /// Groups of APIs that are subscribed to together.
    #[serde(borrow, default)]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Vec<ProductConfig>"))]
    pub products: Vec<&'a RawValue>,
    /// Who may call, by key.
    #[serde(borrow, default)]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Vec<SubscriptionConfig<'_>>"))]
    pub subscriptions: Vec<&'a RawValue>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Unmatched {
    #[default]
    Reject,
    Continue,
}

/// Pages and documents for those who call: the APIs, their operations, and what is left of limits.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PortalConfig {
    /// Below which the portal is: one or more path segments, apart from every API's.
    pub path: String,
}

/// One API: a path below which operations are served by a backend.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ApiConfig<'a> {
    /// The API's identifier, a label in logs and statistics.
    pub name: String,
    pub display_name: Option<String>,
    pub description: Option<String>,
    /// Web API URL suffix: one or more path segments, matched whole, the longest suffix first.
    pub path: String,
    /// The schemes over which callers may come. Absent: https only.
    pub protocols: Option<Vec<Protocol>>,
    /// The default backend: its host becomes `:authority`, its path goes before the rest.
    pub service_url: String,
    /// The Envoy cluster of the default backend. Absent: `gateway-https` or `gateway-http`, by the
    /// scheme of the URL.
    pub cluster: Option<String>,
    /// Whether a call needs a subscription. Absent: true.
    pub subscription_required: Option<bool>,
    /// Where the caller's subscription key stands. It never reaches the backend.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<KeyNamesConfig>"))]
    pub subscription_key_parameter_names: Option<Object<KeyNamesConfig>>,
    /// The shape of error bodies: API Management's, the AzureML web service's, or OpenAI's.
    #[serde(default)]
    pub error_format: ErrorFormat,
    /// `precise` tells a wrong method (405) and a wrong query (400) from an unknown path (404);
    /// `apim` answers 404 to all three, as API Management does.
    #[serde(default)]
    pub compatibility: Compatibility,
    /// Calls of this API that a subscription may make.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<LimitConfig>"))]
    pub rate_limit: Option<Object<LimitConfig>>,
    #[serde(borrow)]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Vec<OperationConfig<'_>>"))]
    pub operations: Vec<&'a RawValue>,
    /// Backends and their credentials, by template parameters; the most specific match first.
    #[serde(borrow, default)]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Vec<BackendConfig<'_>>"))]
    pub backends: Vec<&'a RawValue>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Http,
    Https,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Compatibility {
    #[default]
    Precise,
    Apim,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ErrorFormat {
    #[default]
    Apim,
    Azureml,
    Openai,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KeyNamesConfig {
    /// Absent: `Ocp-Apim-Subscription-Key`.
    pub header: Option<String>,
    /// Absent: `subscription-key`.
    pub query: Option<String>,
}

/// One operation: a method and a URL template.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OperationConfig<'a> {
    /// The operation's identifier, a label in logs and statistics.
    pub name: String,
    pub display_name: Option<String>,
    pub description: Option<String>,
    /// The HTTP method, in capitals.
    pub method: String,
    /// Path segments are literals, `{name}` for one segment, or a final `{*rest}` or `*`; query
    /// parts are `name=literal` or `name={parameter}`, in any order.
    pub url_template: String,
    #[serde(borrow, default)]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Vec<ParameterConfig>"))]
    pub template_parameters: Vec<&'a RawValue>,
    /// Query parameters that the template does not name: `forward` sends them on, `refuse`
    /// answers 400.
    #[serde(default)]
    pub extra_query_parameters: ExtraQueryParameters,
    /// The backend's template, of the same parameters. Absent: the path as it was sent. Query
    /// parameters that `urlTemplate` does not name are kept.
    pub rewrite_uri: Option<String>,
    /// Calls of this operation that a subscription may make.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<LimitConfig>"))]
    pub rate_limit: Option<Object<LimitConfig>>,
    /// `shadow` lets calls pass that allowed values, the subscription or limits would refuse, and
    /// says so in logs and statistics alone.
    #[serde(default)]
    pub mode: Mode,
    /// An example request, for documentation.
    #[serde(borrow)]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<RequestConfig<'_>>"))]
    pub request: Option<Object<RequestConfig<'a>>>,
    /// The backend's answers to expect, for documentation.
    #[serde(borrow, default)]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Vec<ResponseConfig<'_>>"))]
    pub responses: Vec<Object<ResponseConfig<'a>>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ExtraQueryParameters {
    #[default]
    Forward,
    Refuse,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Enforce,
    Shadow,
}

/// What a parameter of the URL template may be.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ParameterConfig {
    pub name: String,
    pub description: Option<String>,
    /// `false` makes a query part of the template optional. Absent: true.
    pub required: Option<bool>,
    #[serde(default, rename = "type")]
    pub kind: ParameterType,
    /// The allowed values. Absent: any.
    pub values: Option<Vec<String>>,
    /// A value to try, for documentation.
    pub example: Option<String>,
    /// The longest value, in characters after decoding.
    pub max_length: Option<usize>,
    /// Whether a path parameter may hold percent-escapes. Never those of `/`, `\`, `.`, `;`, `?`,
    /// `#`, `%` and control characters.
    #[serde(default)]
    pub allow_escapes: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ParameterType {
    #[default]
    String,
    /// `true` or `false`, in any case.
    Boolean,
    /// Decimal digits, with or without a minus sign.
    Integer,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RequestConfig<'a> {
    /// Absent: application/json.
    pub content_type: Option<String>,
    #[serde(borrow)]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<serde_json::Value>"))]
    pub example: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ResponseConfig<'a> {
    pub status_code: u16,
    pub description: Option<String>,
    /// Absent: application/json where there is an example.
    pub content_type: Option<String>,
    #[serde(borrow)]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "Option<serde_json::Value>"))]
    pub example: Option<&'a RawValue>,
}

/// A backend and the key that it is sent.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BackendConfig<'a> {
    /// The values of template parameters for which this backend serves; `{}` matches all.
    #[serde(rename = "match")]
    #[cfg_attr(
        not(target_arch = "wasm32"),
        schemars(with = "std::collections::BTreeMap<String, String>")
    )]
    pub matches: Pairs<String>,
    /// Absent: the API's `serviceUrl`.
    pub url: Option<String>,
    /// Absent: the API's `cluster`.
    pub cluster: Option<String>,
    /// The key that the backend is sent; or "caller", or "none".
    #[serde(borrow)]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "CredentialsConfig"))]
    pub credentials: &'a RawValue,
}

/// The schema of credentials. They are read by [`super::credentials`] and not by serde, whose
/// messages quote what they find.
#[cfg(not(target_arch = "wasm32"))]
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
enum CredentialsConfig {
    /// The caller's own Authorization goes through; without one the call is refused.
    Caller,
    /// The backend takes no key.
    None,
    /// The Authorization header: a scheme, a space, and the key.
    Authorization(AuthorizationConfig),
    /// Other headers by name, each with its key.
    Header(std::collections::BTreeMap<String, SecretConfig>),
}

#[cfg(not(target_arch = "wasm32"))]
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct AuthorizationConfig {
    scheme: String,
    parameter: SecretConfig,
}

#[cfg(not(target_arch = "wasm32"))]
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
enum SecretConfig {
    /// An environment variable of Envoy's.
    Env(String),
    /// The key itself. Envoy's configuration dump shows it.
    Value(String),
}

impl<'a> PolicyConfig<'a> {
    /// Reads the file's outermost object. A mistake there is a problem, and the APIs are looked at
    /// nevertheless.
    ///
    /// The second value says whether all of it was read.
    pub(super) fn read(text: &'a str, problems: &mut Problems) -> Option<(Self, bool)> {
        let (place, error) = match read::parse(text) {
            Ok(config) => return Some((config, true)),
            Err(mistake) => mistake,
        };
        let path = JsonPath::default().join(&place);
        if error.is_data() {
            let message = read::data_message(&error);
            let keys = place.starts_with("subscriptions");
            problems.error(&path, if keys { read::unquoted(&message) } else { &message });
            Self::salvage(text).map(|config| (config, false))
        } else {
            problems.error(&path, format!("is not JSON: {error}"));
            None
        }
    }

    /// What can still be looked at in a file whose outermost object has a mistake.
    fn salvage(text: &'a str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Apis<'a> {
            #[serde(borrow)]
            apis: Vec<&'a RawValue>,
        }
        let Apis { apis } = serde_json::from_str(text).ok()?;
        Some(Self {
            schema: None,
            version: FORMAT_VERSION,
            unmatched: Unmatched::default(),
            hosts: None,
            rate_limit_headers: None,
            apis,
            portal: None,
            products: Vec::new(),
            subscriptions: Vec::new(),
        })
    }
}
