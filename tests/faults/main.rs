//! What goes wrong around the gateway, on a real Envoy with the shipped envoy.yaml: what callers see,
//! that nothing hangs, and that nothing stays behind.
//!
//! | file | what fails |
//! | --- | --- |
//! | `backend` | the backend: down, silent, late, reset, garbage |
//! | `resolver` | the name of the backend; `name_server` answers for it |
//! | `caller` | the caller, who goes away |
//! | `vm` | the filter itself: a build of it that panics on a marked request |
//! | `policy` | the policy's file: half-written, truncated, gone, and a new filter under load |

// A test ends by panicking, and waits by the clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods)]

mod backend;
mod caller;
mod name_server;
mod policy;
mod resolver;
mod vm;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use support::raw_backend::Answer;
use support::{Gateway, Options, RawBackend, Reply, eventually, layout, render, send};

const KEY: &str = "backend-key-c4nary";
const UNREACHABLE: &str = "The backend cannot be reached";
const NOT_READY: &str = "The gateway is not ready; try again later";
const ACTIVE: [&str; 4] = [
    "http.gateway.downstream_rq_active",
    "cluster.gateway-http.upstream_rq_active",
    "cluster.gateway-http.upstream_rq_pending_active",
    // Every call here ends its connection.
    "http.gateway.downstream_cx_active",
];

/// The gateway in front of a backend that does what the test wants.
struct Rig {
    gateway: Gateway,
    backend: RawBackend,
}

impl Rig {
    fn start(script: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::with(script, |options| options)
    }

    /// The shipped 300 seconds for an answer, in a test's time.
    fn with_timeout(
        timeout: &'static str,
        script: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let edit = move |yaml: String| {
            let shipped = "\n                  timeout: 300s\n";
            let changed = format!("\n                  timeout: {timeout}\n");
            layout::replace_once(&yaml, shipped, &changed).unwrap()
        };
        Self::with(script, |options| Options { edit: Box::new(edit), ..options })
    }

    fn with(
        script: impl Fn(&str) -> Answer + Send + Sync + 'static,
        change: impl FnOnce(Options) -> Options,
    ) -> Self {
        let backend = RawBackend::start(script).unwrap();
        let gateway = start(&at(backend.port()), change);
        Self { gateway, backend }
    }

    fn post(&self, path: &str) -> Reply {
        post(&self.gateway, path, "")
    }

    /// Waits until the backend has that many requests.
    fn until_backend_has(&self, count: usize) {
        eventually("the backend has the request", || self.backend.heads().len() >= count);
    }
}

fn start(service_url: &str, change: impl FnOnce(Options) -> Options) -> Gateway {
    let options = Options {
        env: vec![("FAULTS_KEY".into(), KEY.into())],
        ..Options::new(ecds(&policy_for(service_url)))
    };
    Gateway::start(&change(options)).unwrap_or_else(|problem| panic!("{problem}"))
}

fn at(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn policy_for(service_url: &str) -> Value {
    json!({ "version": 1, "apis": [{
        "name": "ml", "path": "ml", "protocols": ["http"], "serviceUrl": service_url,
        "subscriptionRequired": false,
        "operations": [{ "name": "score", "method": "POST", "urlTemplate": "/{model}" }],
        "backends": [{ "match": {}, "credentials": { "header": { "api-key": { "env": "FAULTS_KEY" } } } }],
    }] })
}

fn ecds(policy: &Value) -> String {
    render(Path::new(env!("CARGO_BIN_EXE_gatewayctl")), &policy.to_string()).unwrap()
}

/// A complete reply of the backend's.
fn reply(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

fn ok() -> Vec<u8> {
    reply("200 OK", "", "scored")
}

fn request(path: &str, headers: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: gateway\r\n{headers}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    )
}

/// One call; a client that waits longer than 15 seconds fails.
fn post(gateway: &Gateway, path: &str, headers: &str) -> Reply {
    send(gateway.http_port(), request(path, headers).as_bytes())
        .unwrap_or_else(|error| panic!("{path}: {error}\n{}", gateway.log()))
}

/// A call whose reply is read in pieces, by [`read_until`] and [`read_rest`].
fn open(gateway: &Gateway, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, gateway.http_port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    stream.write_all(request(path, "").as_bytes()).unwrap();
    stream
}

fn read_until(stream: &mut TcpStream, mark: &str) {
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains(mark) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        text.extend(byte);
    }
}

/// All that comes until the connection ends, in whatever way.
fn read_rest(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    if let Err(error) = stream.read_to_end(&mut rest) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    }
    String::from_utf8_lossy(&rest).into_owned()
}

/// Envoy's own reply: API Management's form, and nothing of what is behind it.
fn assert_fault(reply: &Reply, status: u16, message: &str) {
    let body = format!(r#"{{ "statusCode": {status}, "message": "{message}" }}"#);
    assert_eq!((reply.status, reply.text()), (status, body));
    assert_eq!(reply.header("content-type").as_deref(), Some("application/json"));
    let names: Vec<&str> = reply.headers.iter().map(|(name, _)| name.as_str()).collect();
    for name in names {
        let known = ["content-length", "content-type", "date", "server", "connection"];
        assert!(known.contains(&name), "{name}: {:?}", reply.header(name));
    }
}

/// The access log has one line a call, each with this status and one of Envoy's response flags.
fn assert_logged(gateway: &Gateway, expected: &[(u16, &str)]) {
    let logged = || {
        let log = gateway.access_log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.map(|line| (line["code"].clone(), line["flags"].clone())).collect::<Vec<_>>()
    };
    eventually("every call is logged", || logged().len() >= expected.len());
    let expected: Vec<_> =
        expected.iter().map(|(code, flags)| (json!(code), json!(flags))).collect();
    assert_eq!(logged(), expected, "{}", gateway.access_log());
}

/// No call is under way any more, nothing waits, and the filter lives.
fn assert_settled(gateway: &Gateway) {
    let stats = || gateway.admin().page("/stats").unwrap();
    let value = |name: &str| {
        let stats = stats();
        stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok())
    };
    for name in ACTIVE {
        // Envoy makes a cluster's gauges with its first use.
        eventually(name, || value(name).unwrap_or(0_u64) == 0);
    }
    assert!(value(ACTIVE[0]).is_some(), "Envoy names the gauge otherwise:\n{}", stats());
    for text in [gateway.log(), gateway.access_log(), stats()] {
        assert!(!text.contains("c4nary"), "a credential in a log or statistic");
    }
}

fn stat(gateway: &Gateway, name: &str) -> u64 {
    gateway.admin().stat(name).unwrap().unwrap_or(0)
}
