//! A policy with a key in every place that takes one, and the backends behind it.

use azureml_gateway::policy::subscription::KeyHash;
use serde_json::{Value, json};
use support::raw_backend::Answer;
use support::{RawBackend, free_port};

use crate::key;

/// What Envoy's environment holds: variable and place.
pub(crate) const ENVIRONMENT: [(&str, &str); 2] =
    [("BEARER_KEY", "env-bearer"), ("HEADER_KEY", "env-header")];
/// The keys that stand in the policy file itself.
pub(crate) const INLINE: [&str; 4] =
    ["inline-bearer", "inline-header", "inline-primary", "inline-secondary"];

/// Each records what it receives, so that a key that goes astray is seen.
pub(crate) struct Backends {
    /// By the place of the key that is its own.
    pub(crate) all: Vec<(&'static str, RawBackend)>,
}

impl Backends {
    pub(crate) fn start() -> Self {
        let places =
            ["env-bearer", "env-header", "inline-bearer", "inline-header", "caller", "none"];
        let start = |place| (place, RawBackend::start(answer).unwrap());
        Self { all: places.into_iter().map(start).collect() }
    }

    fn url(&self, place: &str) -> String {
        let backend = self.all.iter().find(|(own, _)| *own == place);
        format!("http://127.0.0.1:{}", backend.unwrap().1.port())
    }
}

/// It fails, or answers with what it would like to be taken for the gateway's.
fn answer(head: &str) -> Answer {
    let status = if head.contains("/fails") { "500 Failed" } else { "200 OK" };
    let reply = format!(
        "HTTP/1.1 {status}\r\nx-gateway-refusal: forged\r\nContent-Length: 6\r\n\r\nscored"
    );
    Answer::Now(reply.into_bytes())
}

pub(crate) fn policy(backends: &Backends) -> Value {
    let bearer =
        |secret: Value| json!({ "authorization": { "scheme": "Bearer", "parameter": secret } });
    let header = |secret: Value| json!({ "header": { "api-key": secret } });
    let api = |name: &str, url: &str, credentials: &Value, more: &Value| {
        let mut api = json!({
            "name": name, "path": name, "protocols": ["http"], "serviceUrl": url,
            "operations": operations(),
            "backends": [{ "match": {}, "credentials": credentials }],
        });
        for (key, value) in more.as_object().unwrap() {
            api[key] = value.clone();
        }
        api
    };
    let env_bearer = bearer(json!({ "env": "BEARER_KEY" }));
    let own_names = json!({ "header": "Authorization", "query": "team-key" });
    let mut models = api("models", &backends.url("env-bearer"), &env_bearer, &json!({}));
    models["backends"][0]["match"] = json!({ "model": "known" });
    models["operations"] =
        json!([{ "name": "score", "method": "POST", "urlTemplate": "/score/{model}" }]);
    let down = format!("http://127.0.0.1:{}", free_port());
    json!({
        "version": 1,
        "apis": [
            api("ml", &backends.url("env-bearer"), &env_bearer, &json!({})),
            models,
            api("openai", &backends.url("env-header"), &header(json!({ "env": "HEADER_KEY" })),
                &json!({ "errorFormat": "openai", "subscriptionKeyParameterNames": own_names })),
            api("inline-a", &backends.url("inline-bearer"),
                &bearer(json!({ "value": key("inline-bearer") })), &json!({ "errorFormat": "azureml" })),
            api("inline-b", &backends.url("inline-header"),
                &header(json!({ "value": key("inline-header") })), &json!({})),
            api("own", &backends.url("caller"), &json!("caller"), &json!({})),
            api("keyless", &backends.url("none"), &json!("none"), &json!({ "subscriptionRequired": false })),
            api("secure", &backends.url("none"), &json!("none"), &json!({ "protocols": ["https"] })),
            api("down", &down, &env_bearer, &json!({})),
        ],
        "products": [{ "name": "small", "apis": ["ml"], "quota": { "calls": 1, "renewalPeriod": 604_800 } }],
        "subscriptions": subscriptions(),
    })
}

fn operations() -> Value {
    let declared = json!([{ "name": "v", "values": ["1"] }, { "name": "tag", "required": false }]);
    json!([
        { "name": "score", "method": "POST", "urlTemplate": "/score?v={v}&tag={tag}",
          "templateParameters": declared, "extraQueryParameters": "refuse" },
        { "name": "free", "method": "GET", "urlTemplate": "/free" },
        { "name": "fails", "method": "GET", "urlTemplate": "/fails" },
        { "name": "rated", "method": "GET", "urlTemplate": "/rated",
          "rateLimit": { "calls": 1, "renewalPeriod": 86_400 } },
        { "name": "tried", "method": "GET", "urlTemplate": "/tried", "mode": "shadow" },
        { "name": "rewritten", "method": "GET", "urlTemplate": "/rewritten?v={v}",
          "rewriteUri": "/r?api-version={v}" },
    ])
}

fn subscriptions() -> Value {
    let hash = |place: &str| json!({ "sha256": KeyHash::of(key(place).as_bytes()).hex() });
    json!([
        { "name": "team", "scope": "/apis", "primaryKey": hash("primary"), "secondaryKey": hash("secondary") },
        { "name": "inline", "scope": "/apis", "primaryKey": { "value": key("inline-primary") },
          "secondaryKey": { "value": key("inline-secondary") } },
        { "name": "small", "scope": "/products/small", "primaryKey": hash("small") },
        { "name": "elsewhere", "scope": "/apis/secure", "primaryKey": hash("elsewhere") },
        { "name": "suspended", "scope": "/apis", "primaryKey": hash("suspended"), "state": "suspended" },
        { "name": "early", "scope": "/apis", "primaryKey": hash("early"), "startDate": "2100-01-01T00:00:00Z" },
        { "name": "late", "scope": "/apis", "primaryKey": hash("late"), "expirationDate": "2020-01-01T00:00:00Z" },
    ])
}
