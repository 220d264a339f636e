//! What no HTTP library sends, and what HTTP has beside a plain exchange.

use emulator::{Emulator, Settings};
use serde_json::{Value, json};
use support::{Gateway, H2Backend, H2Request, Options, h2c, layout, send};

use crate::{Demo, GUIDES_BODY, KEY, KEY_HEADER, SERVICE, ecds, policy};

#[test]
fn what_is_no_plain_http_exchange_does_no_harm() {
    let demo = Demo::start();
    let port = demo.gateway.http_port();
    let path = format!("/azureml-demo{SERVICE}/execute?api-version=2.0");
    for (raw, statuses) in [
        (
            format!(
                "GET {path} HTTP/1.1\r\nHost: g\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
            ),
            [400, 403],
        ),
        (format!("CONNECT {path} HTTP/1.1\r\nHost: g\r\n\r\n"), [404, 400]),
        ("CONNECT gateway:443 HTTP/1.1\r\nHost: gateway:443\r\n\r\n".to_owned(), [404, 400]),
        (format!("TRACE {path} HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n"), [405, 405]),
    ] {
        let reply = send(port, raw.as_bytes()).unwrap();
        assert!(statuses.contains(&reply.status), "{raw}: {} {}", reply.status, reply.text());
    }
    for (method, path) in [("CONNECT", "/"), ("POST", path.as_str())] {
        let protocol: &[(&str, &[u8])] = &[("x-any", b"\xff\xfe")];
        let request = H2Request {
            method,
            scheme: "https",
            authority: "gateway",
            path,
            headers: protocol,
            body: b"{}",
            trailers: &[],
        };
        // Envoy may answer or reset such a stream: it is the next call that counts.
        let _ = h2c(port, &request);
    }
    let only_ours = demo.emulator.received();
    assert!(only_ours.iter().all(|r| r.target.starts_with(SERVICE)), "{only_ours:?}");
    demo.assert_unharmed();
}

#[test]
fn bytes_that_are_no_text_do_no_harm_in_any_header() {
    let demo = Demo::start();
    for name in [
        "X-Any",
        "Authorization",
        "Ocp-Apim-Subscription-Key",
        "x-gateway-cluster",
        "Content-Type",
        "Cookie",
    ] {
        let head = format!(
            "POST /azureml-demo{SERVICE}/execute?api-version=2.0 HTTP/1.1\r\nHost: g\r\n{KEY_HEADER}\r\nConnection: close\r\nContent-Length: 0\r\n{name}: "
        );
        let raw = [head.as_bytes(), b"a\xff\xfe\x80b\r\n\r\n"].concat();
        let reply = send(demo.gateway.http_port(), &raw).unwrap();
        // A second key is refused; all else is the emulator's own answer to an empty body.
        let refused = (name == "Ocp-Apim-Subscription-Key").then_some("subscription_key_repeated");
        assert_eq!((reply.status, reply.header("x-gateway-refusal").as_deref()), (400, refused));
    }
    assert_eq!(demo.emulator.received().len(), 5);
    demo.assert_unharmed();
}

#[test]
fn a_head_of_the_largest_size_does_no_harm() {
    let demo = Demo::start();
    let many: String = (0..90).map(|i| format!("x-gateway-{i}: v\r\n")).collect();
    assert_eq!(demo.call("POST", "/execute?api-version=2.0", &many, GUIDES_BODY).status, 200);
    let long = format!("/execute?api-version=2.0&a={}", "b".repeat(50_000));
    assert_eq!(demo.call("POST", &long, "", GUIDES_BODY).status, 200);
    let parts = format!("/execute?api-version=2.0&{}", "a=b&".repeat(12_000));
    assert_eq!(demo.call("POST", &parts, "", GUIDES_BODY).status, 400);
    let deep = "/a".repeat(25_000);
    assert_eq!(demo.call("POST", &deep, "", "").status, 404);
    let escapes = format!("/jobs/{}?api-version=2.0", "%41".repeat(18_000));
    assert_eq!(demo.call("GET", &escapes, "", "").status, 400);
    demo.assert_unharmed();
}

#[test]
fn a_refusal_fits_what_the_caller_asked_with() {
    let demo = Demo::start();
    let head = demo.call("HEAD", "/jobs/1?api-version=2.0", "", "");
    assert_eq!((head.status, head.body.len()), (405, 0));
    assert_eq!(head.header("content-length").as_deref(), Some("80"));
    let options = demo.call(
        "OPTIONS",
        "/jobs/1?api-version=2.0",
        "Origin: https://x\r\nAccess-Control-Request-Method: GET\r\n",
        "",
    );
    assert_eq!((options.status, options.header("allow").as_deref()), (405, Some("GET, DELETE")));
    // Envoy turns every local reply to a gRPC client into gRPC's form; the code stays readable.
    let grpc =
        demo.call("POST", "/execute?api-version=1.0", "Content-Type: application/grpc\r\n", "");
    assert_eq!(
        (grpc.status, grpc.header("content-type").as_deref()),
        (200, Some("application/grpc"))
    );
    assert_eq!(grpc.header("x-gateway-refusal").as_deref(), Some("invalid_parameter"));
    assert!(grpc.header("grpc-status").is_some_and(|status| status != "0"));
    assert!(demo.emulator.received().is_empty());
}

#[test]
fn the_scheme_is_the_listeners_and_not_the_callers() {
    let emulator = Emulator::start(Settings::demo(KEY)).unwrap();
    let mut policy: Value = serde_json::from_str(&policy(&emulator)).unwrap();
    policy["apis"][0]["protocols"] = json!(["https"]);
    let options = Options {
        env: vec![("AZUREML_DEMO_KEY".into(), KEY.into())],
        ..Options::new(ecds(&policy.to_string()))
    };
    let gateway = Gateway::start(&options).unwrap();
    let path = format!("/azureml-demo{SERVICE}/execute?api-version=2.0");
    let claims: &[(&str, &[u8])] =
        &[("x-forwarded-proto", b"https"), ("forwarded", b"proto=https")];
    let request = H2Request {
        method: "POST",
        scheme: "https",
        authority: "g",
        path: &path,
        headers: claims,
        body: b"",
        trailers: &[],
    };
    let reply = h2c(gateway.http_port(), &request).unwrap();
    assert_eq!(
        reply.header("x-gateway-refusal").as_deref(),
        Some("protocol_refused"),
        "{}",
        reply.text()
    );
    assert!(emulator.received().is_empty());
}

/// Trailers come after the decision, and HTTP/2 carries them through.
#[test]
fn no_trailer_of_a_call_reaches_its_backend() {
    let backend = H2Backend::start().unwrap();
    let address = backend.address();
    let policy = json!({ "version": 1, "unmatched": "continue", "apis": [{
        "name": "ml", "path": "ml", "protocols": ["http"], "serviceUrl": format!("http://{address}"),
        "cluster": "h2", "subscriptionRequired": false,
        "operations": [{ "name": "score", "method": "POST", "urlTemplate": "/score" }],
        "backends": [{ "match": {}, "credentials": { "header": { "api-key": { "env": "KEY" } } } }],
    }] });
    let cluster = json!({
        "name": "h2", "type": "STATIC",
        "typed_extension_protocol_options": { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http2_protocol_options": {} },
        } },
        "load_assignment": { "cluster_name": "h2", "endpoints": [{ "lb_endpoints": [{ "endpoint": {
            "address": { "socket_address": { "address": "127.0.0.1", "port_value": address.port() } },
        } }] }] },
    });
    // What is below no suffix goes to the same backend here.
    let edit = move |yaml: String| {
        let yaml =
            layout::replace_once(&yaml, "  clusters:\n", &format!("  clusters:\n  - {cluster}\n"));
        let unmatched = "direct_response: { status: 404 }";
        layout::replace_once(&yaml.unwrap(), unmatched, "route: { cluster: h2 }").unwrap()
    };
    let options = Options {
        env: vec![("KEY".into(), KEY.into())],
        edit: Box::new(edit),
        ..Options::new(ecds(&policy.to_string()))
    };
    let gateway = Gateway::start(&options).unwrap();
    let trailers: &[(&str, &[u8])] = &[
        ("authorization", b"Bearer callers-own"),
        ("api-key", b"callers-own"),
        ("x-gateway-cluster", b"evil"),
        ("x-http-method-override", b"DELETE"),
        ("x-any", b"\xff"),
    ];
    let call = |path| {
        let request = H2Request {
            method: "POST",
            scheme: "http",
            authority: "gateway",
            path,
            headers: &[],
            body: b"{}",
            trailers,
        };
        assert_eq!(h2c(gateway.http_port(), &request).unwrap().status, 200, "{path}");
    };
    call("/ml/score");
    call("/application");
    let seen = backend.trailers();
    assert_eq!(seen.len(), 2);
    assert!(seen[0].as_ref().is_none_or(|trailers| trailers.is_empty()), "{:?}", seen[0]);
    // Untouched, but for what is the gateway's own.
    let own = seen[1].as_ref().unwrap();
    assert!(own.contains_key("authorization") && own.contains_key("x-any"));
    assert!(!own.contains_key("x-gateway-cluster"));
}
