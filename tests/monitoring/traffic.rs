//! A gateway, and rounds of calls with every result. What was sent is counted here, so that what
//! Prometheus says has something to be held against.

use azureml_gateway::policy::subscription::KeyHash;
use serde_json::{Value, json};
use support::raw_backend::Answer;
use support::{Gateway, Options, RawBackend, send};

use crate::gatewayctl;

const BODY: &str = "{}";
/// The calls of a round that are one of everything.
pub(crate) const OF_EACH: u64 = 13;
/// Of a week: what a second round of [`ROUND`] makes nearly used.
pub(crate) const QUOTA: u64 = 70;
/// How often everything is sent in the second round. The first makes the series.
pub(crate) const ROUND: u64 = 20;

pub(crate) struct Traffic {
    pub(crate) gateway: Gateway,
    pub(crate) policy: Value,
    _backend: RawBackend,
}

impl Traffic {
    pub(crate) fn start() -> Self {
        let backend = RawBackend::start(|head| {
            let status = if head.contains("/fails") { "500 Failed" } else { "200 OK" };
            Answer::Now(format!("HTTP/1.1 {status}\r\nContent-Length: 6\r\n\r\nscored").into())
        });
        let backend = backend.unwrap();
        let policy = policy(backend.port());
        let options = Options::new(gatewayctl("render", &policy));
        let gateway = Gateway::start(&options).unwrap_or_else(|problem| panic!("{problem}"));
        Self { gateway, policy, _backend: backend }
    }

    /// `times` of everything; how many bytes of bodies the callers got.
    pub(crate) fn round(&self, times: u64) -> u64 {
        let mut bytes = 0;
        for _ in 0..times {
            for (count, method, path, key, status) in [
                (3, "POST", "/ml/score", "team-key", 200),
                (2, "POST", "/ml/score", "direct-key", 200),
                (1, "GET", "/ml/fails", "direct-key", 500),
                (4, "GET", "/ml/read", "wrong-key", 401),
                (1, "GET", "/elsewhere", "", 404),
                (1, "GET", "/ml/rated", "team-key", 0),
                (1, "GET", "/ml/tried", "", 200),
            ] {
                for _ in 0..count {
                    bytes += self.call(method, path, key, status);
                }
            }
        }
        bytes
    }

    fn call(&self, method: &str, path: &str, key: &str, status: u16) -> u64 {
        let key = match key {
            "" => String::new(),
            key => format!("Ocp-Apim-Subscription-Key: {key}\r\n"),
        };
        let body = if method == "POST" { BODY } else { "" };
        let raw = format!(
            "{method} {path} HTTP/1.1\r\nHost: g\r\n{key}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let reply = send(self.gateway.http_port(), raw.as_bytes()).unwrap();
        // The first call over the rated operation is admitted, and no other.
        assert!(reply.status == status || status == 0, "{path}: {}", reply.text());
        reply.body.len() as u64
    }
}

fn policy(backend: u16) -> Value {
    let operation = |method: &str, name: &str| json!({ "name": name, "method": method, "urlTemplate": format!("/{name}") });
    let mut rated = operation("GET", "rated");
    rated["rateLimit"] = json!({ "calls": 1, "renewalPeriod": 86_400 });
    let mut tried = operation("GET", "tried");
    tried["mode"] = json!("shadow");
    let key = |key: &str| json!({ "sha256": KeyHash::of(key.as_bytes()).hex() });
    json!({ "version": 1,
        "apis": [{
            "name": "ml", "path": "ml", "protocols": ["http"],
            "serviceUrl": format!("http://127.0.0.1:{backend}"),
            "operations": [operation("POST", "score"), operation("GET", "read"), operation("GET", "fails"), rated, tried],
            "backends": [{ "match": {}, "credentials": "none" }],
        }],
        "products": [{ "name": "starter", "apis": ["ml"],
            "rateLimit": { "calls": 600, "renewalPeriod": 60 },
            "quota": { "calls": QUOTA, "renewalPeriod": 604_800 } }],
        "subscriptions": [
            { "name": "team", "scope": "/products/starter", "primaryKey": key("team-key") },
            { "name": "direct", "scope": "/apis", "primaryKey": key("direct-key") },
        ],
    })
}
