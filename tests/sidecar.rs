//! `envoy/sidecar.yaml`: an application beside the gateway, and model services that it calls.

// A test ends by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

use emulator::{Emulator, Received, Settings};
use support::{Gateway, Options, Reply, free_port, layout, render, render_as, send};

const KEY: &str = "sidecar-key";
const SERVICE: &str =
    "/workspaces/0123456789abcdef0123456789abcdef/services/fedcba9876543210fedcba9876543210";

/// The emulator stands in for the application too: it records what it gets, byte for byte.
struct Sidecar {
    gateway: Gateway,
    outbound: u16,
    application: Emulator,
    model: Emulator,
}

fn file(name: &str, model: &Emulator) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy").join(name);
    let policy = std::fs::read_to_string(file).unwrap();
    layout::replace_once(&policy, "127.0.0.1:9080", &model.address().to_string()).unwrap()
}

fn start() -> Sidecar {
    let application = Emulator::start(Settings::demo("unused")).unwrap();
    let model = Emulator::start(Settings::demo(KEY)).unwrap();
    let gatewayctl = Path::new(env!("CARGO_BIN_EXE_gatewayctl"));
    let inbound = render(gatewayctl, &file("sidecar-policy.json", &model)).unwrap();
    let outbound = render_as(gatewayctl, &file("policy.json", &model), "outbound").unwrap();
    let port = free_port();
    let application_port = application.address().port();
    let edit = move |text: String| {
        let replace =
            |text: String, from: &str, to: &str| layout::replace_once(&text, from, to).unwrap();
        let text = replace(text, "address: 0.0.0.0,", "address: 127.0.0.1,");
        let text = replace(text, "port_value: 8081 }", &format!("port_value: {port} }}"));
        replace(text, "port_value: 8000 }", &format!("port_value: {application_port} }}"))
    };
    let options = Options {
        config: "envoy/sidecar.yaml",
        files: vec![("dist/ecds/outbound.json", outbound)],
        env: vec![("AZUREML_DEMO_KEY".into(), KEY.into())],
        edit: Box::new(edit),
        ..Options::new(inbound)
    };
    Sidecar { gateway: Gateway::start(&options).unwrap(), outbound: port, application, model }
}

fn call(port: u16, method: &str, target: &str, headers: &str) -> Reply {
    let raw = format!(
        "{method} {target} HTTP/1.1\r\nHost: app.example\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    send(port, raw.as_bytes()).unwrap()
}

fn lines(received: &Received, name: &str) -> Vec<String> {
    let lines = received.headers.iter().filter(|(known, _)| known == name);
    lines.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

#[test]
fn what_is_below_no_suffix_reaches_the_application_untouched() {
    let sidecar = start();
    let headers =
        "Authorization: Bearer own\r\nOcp-Apim-Subscription-Key: own\r\nX_Under_Score: 1\r\n";
    for target in [
        "/",
        "/app//x",
        "/a;b=c/d",
        "/a/../b",
        "/%2e%2e/%2F%zz",
        "/ml",
        "/ml/hashingX",
        "//ml/hashing/execute",
        "/x?a=1&a=2;b#",
        "/healthz",
        "/*",
    ] {
        // A raw `#` ends in Envoy: it is not part of a target.
        let target = target.trim_end_matches('#');
        sidecar.application.forget();
        call(sidecar.gateway.http_port(), "GET", target, headers);
        let received = sidecar.application.received();
        assert_eq!(received.len(), 1, "{target}");
        assert_eq!(received[0].target, target);
        assert_eq!(lines(&received[0], "host"), ["app.example"], "{target}");
        assert_eq!(lines(&received[0], "authorization"), ["Bearer own"], "{target}");
        assert_eq!(lines(&received[0], "ocp-apim-subscription-key"), ["own"], "{target}");
        assert_eq!(lines(&received[0], "x_under_score"), ["1"], "{target}");
    }
    assert!(sidecar.model.received().is_empty());
}

#[test]
fn what_is_below_the_suffix_is_guarded_and_never_the_applications() {
    let sidecar = start();
    let port = sidecar.gateway.http_port();
    call(port, "POST", "/ml/hashing/execute", "Authorization: Bearer own\r\n");
    let received = sidecar.model.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].target, format!("{SERVICE}/execute?api-version=2.0"));
    assert_eq!(lines(&received[0], "authorization"), [format!("Bearer {KEY}")]);
    for (method, target, code) in [
        ("GET", "/ml/hashing/execute", "method_not_allowed"),
        ("POST", "/ml/hashing/other", "operation_not_found"),
        ("POST", "/ml/hashing", "operation_not_found"),
        ("POST", "/ml/hashing/../x", "invalid_path"),
        ("POST", "/ml/hashing//execute", "invalid_path"),
    ] {
        let reply = call(port, method, target, "");
        assert_eq!(reply.header("x-gateway-refusal").as_deref(), Some(code), "{target}");
    }
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    let raw = format!("GET /ml/hashing/execute HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n");
    let reply = send(port, raw.as_bytes()).unwrap();
    assert_eq!(reply.header("x-gateway-refusal").as_deref(), Some("upgrade_refused"));
    assert!(sidecar.application.received().is_empty());
    assert_eq!(sidecar.model.received().len(), 1);
}

#[test]
fn no_header_of_a_client_bends_either() {
    let sidecar = start();
    let headers = "x-gateway-cluster: gateway-http\r\nX-GATEWAY-Cluster: gateway-http\r\n\
                   x-envoy-original-path: /ml/hashing/execute\r\nX-Original-URL: /ml/hashing/execute\r\n\
                   X-HTTP-Method-Override: POST\r\nx-envoy-upstream-alt-stat-name: x\r\n";
    let port = sidecar.gateway.http_port();
    call(port, "GET", "/app", headers);
    let received = sidecar.application.received();
    assert_eq!((received.len(), received[0].target.as_str()), (1, "/app"));
    assert!(received[0].headers.iter().all(|(name, _)| !name.starts_with("x-gateway-")));
    let reply = call(port, "GET", "/ml/hashing/execute", headers);
    assert_eq!(reply.header("x-gateway-refusal").as_deref(), Some("method_not_allowed"));
    assert!(sidecar.model.received().is_empty());
}

#[test]
fn the_application_calls_a_model_without_holding_its_key() {
    let sidecar = start();
    let target = format!("/azureml-demo{SERVICE}/execute?api-version=2.0");
    let key = "Ocp-Apim-Subscription-Key: unlimited-demo-key\r\n";
    let reply = call(sidecar.outbound, "POST", &target, key);
    assert_eq!(reply.status, 400, "the model's own answer to an empty body: {}", reply.text());
    let received = sidecar.model.received();
    assert_eq!(received.len(), 1);
    assert_eq!(lines(&received[0], "authorization"), [format!("Bearer {KEY}")]);
    assert_eq!(lines(&received[0], "host"), [sidecar.model.address().to_string()]);
    assert!(lines(&received[0], "x-forwarded-for").is_empty(), "an inside address went out");
    // What the application may call is not what the network may call, nor the reverse.
    let outside = call(sidecar.gateway.http_port(), "POST", &target, "");
    assert!(outside.header("x-gateway-refusal").is_none());
    let inside = call(sidecar.outbound, "POST", "/ml/hashing/execute", "");
    assert_eq!(inside.header("x-gateway-refusal").as_deref(), Some("unmatched"));
    assert_eq!(sidecar.model.received().len(), 1);
}

#[test]
fn a_websocket_reaches_the_application() {
    let sidecar = start();
    let raw = "GET /socket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
               Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    // The stand-in speaks no WebSocket and says so; what counts is what it was asked.
    let _ = send(sidecar.gateway.http_port(), raw.as_bytes());
    let received = sidecar.application.received();
    assert_eq!((received.len(), received[0].target.as_str()), (1, "/socket"));
    assert_eq!(lines(&received[0], "upgrade"), ["websocket"]);
}
