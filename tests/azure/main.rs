//! envoy/azure.yaml in a real Envoy, with the real filter, in front of TLS backends that record what
//! reaches them.
//!
//! | file | what it proves |
//! | --- | --- |
//! | `backends` | who gets a call and its key: only a server whose certificate names the policy's host |
//! | `calls` | how often a call is sent: circuit breaker, retries, outlier detection |
//! | `listeners` | what callers meet: TLS versions, ciphers, HSTS, certificate rotation, no plaintext |
//! | `shared` | what azure.yaml has in common with envoy.yaml is the same |

// A test ends by panicking, and waits by the clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods)]

mod backends;
mod calls;
mod listeners;
mod shared;

use std::path::Path;

use serde_json::{Value, json};
use support::certificate::Authority;
use support::layout::{project_root, replace_once};
use support::{Gateway, Options, Reply, eventually, render, send_tls};

const AZUREML: &str = "ussouthcentral.services.azureml.net";
const EXECUTE: &str = "/workspaces/w/services/s/execute?api-version=2.0";
const SUBMIT: &str = "/workspaces/w/services/s/jobs?api-version=2.0";

/// An API of the policy. Its suffix is its name, its key `key-of-NAME`.
struct Api<'a> {
    name: &'a str,
    url: String,
    cluster: Option<&'a str>,
}

impl<'a> Api<'a> {
    /// A backend that is resolved when it is called.
    fn dynamic(name: &'a str, host: &str, port: u16) -> Self {
        Self { name, url: format!("https://{host}:{port}"), cluster: None }
    }

    /// The API `azureml`, in the cluster of that name.
    fn azureml() -> Self {
        Self { name: "azureml", url: format!("https://{AZUREML}"), cluster: Some("azureml") }
    }

    fn key(&self) -> String {
        format!("key-of-{}", self.name)
    }

    fn variable(&self) -> String {
        format!("KEY_{}", self.name.to_uppercase())
    }

    fn policy(&self) -> Value {
        let operation = |name: &str, template: &str| json!({ "name": name, "method": "POST", "urlTemplate": template });
        let service = "/workspaces/{workspace}/services/{service}";
        let key = json!({ "scheme": "Bearer", "parameter": { "env": self.variable() } });
        let mut api = json!({
            "name": self.name,
            "path": self.name,
            "serviceUrl": self.url,
            "subscriptionRequired": false,
            "operations": [
                operation("execute", &format!("{service}/execute?api-version={{version}}")),
                operation("submit", &format!("{service}/jobs?api-version={{version}}")),
                operation("score", "/score"),
            ],
            "backends": [{ "match": {}, "credentials": { "authorization": key } }],
        });
        if let Some(cluster) = self.cluster {
            api["cluster"] = json!(cluster);
        }
        api
    }
}

/// azure.yaml with these APIs, one trusted authority, and the cluster `azureml` at these ports.
fn edge(apis: &[Api<'_>], trusted: &Authority, azureml: &[u16]) -> Gateway {
    let policy = json!({ "version": 1, "apis": apis.iter().map(Api::policy).collect::<Vec<_>>() });
    let ecds = render(Path::new(env!("CARGO_BIN_EXE_gatewayctl")), &policy.to_string()).unwrap();
    let trusted = serde_json::to_string(&trusted.certificate_pem).unwrap();
    let azureml = azureml.to_vec();
    let edit = move |text: String| {
        let text = on_loopback(text);
        let system = "filename: /etc/ssl/certs/ca-certificates.crt";
        let text = replace_once(&text, system, &format!("inline_string: {trusted}")).unwrap();
        at_ports(&text, &azureml)
    };
    let options = Options {
        config: "envoy/azure.yaml",
        env: apis.iter().map(|api| (api.variable(), api.key())).collect(),
        edit: Box::new(edit),
        ..Options::new(ecds)
    };
    Gateway::start(&options).unwrap_or_else(|problem| panic!("{problem}"))
}

/// The shipped file listens on every address; Envoy's directory in a test has no folder `envoy`.
fn on_loopback(text: String) -> String {
    assert_eq!(text.matches("address: 0.0.0.0,").count(), 2, "two listeners");
    let text = text.replace("address: 0.0.0.0,", "address: 127.0.0.1,");
    let certificate = project_root().join("envoy/certificate.yaml");
    let path = format!("path: {}", certificate.display());
    replace_once(&text, "path: envoy/certificate.yaml", &path).unwrap()
}

/// The cluster `azureml` with other addresses. None: nobody listens there.
fn at_ports(text: &str, ports: &[u16]) -> String {
    let shipped = format!("address: {AZUREML}, port_value: 443 }} }} }}");
    let before = "\n        - endpoint: { address: { socket_address: { ";
    let ports = if ports.is_empty() { &[1] } else { ports };
    let addresses: String = ports
        .iter()
        .map(|port| format!("{before}address: 127.0.0.1, port_value: {port} }} }} }}"))
        .collect();
    replace_once(text, &format!("{before}{shipped}"), &addresses).unwrap()
}

/// One call over TLS, with a caller's own credential, which is nobody's business.
fn post(gateway: &Gateway, path: &str, headers: &str, body: &str) -> Reply {
    let raw = format!(
        "POST {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer callers-own\r\n{headers}\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    send_tls(gateway.tls_port(), raw.as_bytes(), gateway.certificate())
        .unwrap_or_else(|error| panic!("{path}: {error}\n{}", gateway.log()))
}

/// Envoy's own 503, in the form of API Management's errors.
fn assert_unavailable(reply: &Reply, message: &str) {
    let body = format!(r#"{{ "statusCode": 503, "message": "{message}" }}"#);
    assert_eq!((reply.status, reply.text()), (503, body));
    assert_eq!(reply.header("content-type").as_deref(), Some("application/json"));
    assert_eq!(reply.header("x-gateway-refusal"), None);
}

fn stat(gateway: &Gateway, name: &str) -> u64 {
    gateway.admin().stat(name).unwrap().unwrap_or(0)
}
