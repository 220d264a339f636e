//! The rules of envoy/envoy.yaml, on the real Envoy, with a few lines of Lua in the gateway filter's place.
//! The filter's own behaviour is tested elsewhere; here it only names a cluster or refuses.

// Only the gateway's core takes time as an argument.
#![allow(clippy::disallowed_methods)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use support::{Client, Gateway, H2Request, Options, Reply, free_port, h2c, layout, send, send_tls};

/// `/to/AUTHORITY/CLUSTER/path` goes to a backend, `/refuse` and `/portal` are the filter's replies, the rest passes untouched.
const STAND_IN: &str = r#"
function envoy_on_request(handle)
  local headers = handle:headers()
  local path = headers:get(":path") or ""
  if headers:get("x-gateway-cluster") or headers:get("x-gateway-refusal") then
    handle:respond({[":status"] = "418"}, "a client's x-gateway- header got through")
  elseif path == "/portal" then
    handle:respond({[":status"] = "200", ["content-type"] = "text/html"}, "<p>own</p>")
  elseif path == "/refuse" then
    handle:respond({[":status"] = "404", ["content-type"] = "application/vnd.own", ["x-gateway-refusal"] = "own"}, "own \"bytes\"")
  else
    local authority, cluster, rest = path:match("^/to/([^/]+)/([^/]+)(/.*)")
    if authority then
      headers:replace("x-gateway-cluster", cluster)
      headers:replace(":authority", authority)
      headers:replace(":path", rest)
    end
  end
end
"#;

fn stand_in() -> String {
    serde_json::json!({
        "version_info": "1",
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": "gateway",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
                "default_source_code": { "inline_string": STAND_IN },
            },
        }],
    })
    .to_string()
}

fn options(ecds: &str) -> Options {
    let edit = |text: String| {
        layout::replace_once(&text, "filters.http.wasm.v3.Wasm", "filters.http.lua.v3.Lua").unwrap()
    };
    Options { edit: Box::new(edit), ..Options::new(ecds) }
}

fn gateway() -> Gateway {
    Gateway::start(&options(&stand_in())).unwrap_or_else(|problem| panic!("{problem}"))
}

/// A backend that answers each connection once with a forged refusal header, and the request's head as the body.
fn echo() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                head.push(byte[0]);
            }
            let length = head.len();
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\nx-gateway-refusal: forged\r\nserver: IIS\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n").as_bytes());
            let _ = stream.write_all(&head);
        }
    });
    port
}

fn get(gateway: &Gateway, path: &str, headers: &str) -> Reply {
    let request = format!("GET {path} HTTP/1.1\r\nhost: client.test\r\n{headers}\r\n");
    send(gateway.http_port(), request.as_bytes())
        .unwrap_or_else(|error| panic!("{path}: {error}\n{}", gateway.log()))
}

fn message(code: u16, text: &str) -> String {
    format!(r#"{{ "statusCode": {code}, "message": "{text}" }}"#)
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn envoys_own_replies_are_json_and_name_no_cause() {
    let gateway = gateway();
    let closed = free_port();
    let unreachable = "The backend cannot be reached";
    let many = (0..120).map(|number| format!("x{number}: 1\r\n")).collect::<String>();
    let cases = [
        ("GET /other HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), 404, "Resource not found"),
        (
            format!("GET /to/127.0.0.1:{closed}/gateway-http/ HTTP/1.1\r\nhost: x\r\n\r\n"),
            503,
            unreachable,
        ),
        (
            format!("GET /to/127.0.0.1:{closed}/nowhere/ HTTP/1.1\r\nhost: x\r\n\r\n"),
            503,
            unreachable,
        ),
        (
            format!("GET /to/nosuch.invalid/gateway-https/ HTTP/1.1\r\nhost: x\r\n\r\n"),
            503,
            unreachable,
        ),
        (
            format!(
                "POST /to/a/gateway-http/ HTTP/1.1\r\nhost: x\r\ncontent-length: 104857601\r\n\r\n"
            ),
            413,
            "The request body is too large",
        ),
        (
            format!(
                "POST /to/a/gateway-http/ HTTP/1.1\r\nhost: x\r\ncontent-length: 9223372036854775808\r\n\r\n"
            ),
            413,
            "The request body is too large",
        ),
        (
            format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n"),
            431,
            "The request headers are too large",
        ),
        (
            format!("GET / HTTP/1.1\r\nhost: x\r\nx_gateway_cluster: gateway-http\r\n\r\n"),
            400,
            "The request is not valid",
        ),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400, "The request is not valid"),
        ("GET / HTTP/1.0\r\nhost: x\r\n\r\n".to_owned(), 426, "HTTP/1.1 or HTTP/2 is required"),
        (
            format!(
                "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
            ),
            403,
            "Protocol upgrades are not accepted",
        ),
        (
            format!("CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n\r\n"),
            404,
            "Resource not found",
        ),
    ];
    for (raw, status, text) in cases {
        let reply = send(gateway.http_port(), raw.as_bytes())
            .unwrap_or_else(|error| panic!("{raw}: {error}"));
        assert_eq!((reply.status, reply.text()), (status, message(status, text)), "{raw}");
        assert_eq!(reply.header("content-type").as_deref(), Some("application/json"), "{raw}");
        assert_eq!(reply.header("x-gateway-refusal"), None, "{raw}");
    }
}

#[test]
fn the_filters_own_replies_stay_byte_for_byte() {
    let gateway = gateway();
    let reply = get(&gateway, "/portal", "");
    assert_eq!((reply.status, reply.text().as_str()), (200, "<p>own</p>"));
    assert_eq!(reply.header("content-type").as_deref(), Some("text/html"));
    let reply = get(&gateway, "/refuse", "");
    assert_eq!((reply.status, reply.text().as_str()), (404, "own \"bytes\""));
    assert_eq!(reply.header("content-type").as_deref(), Some("application/vnd.own"));
    assert_eq!(reply.header("x-gateway-refusal").as_deref(), Some("own"));
}

#[test]
fn healthz_is_answered_before_the_filter_and_only_as_get_of_exactly_that_path() {
    let gateway = gateway();
    let reply = get(&gateway, "/healthz", "");
    assert_eq!((reply.status, reply.text()), (200, message(200, "OK")));
    for path in ["/healthz?", "/healthz?a=b", "/healthz/", "/Healthz"] {
        assert_eq!(get(&gateway, path, "").status, 404, "{path}");
    }
    for method in ["POST", "HEAD", "DELETE"] {
        let raw = format!("{method} /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(send(gateway.http_port(), raw.as_bytes()).unwrap().status, 404, "{method}");
    }
}

#[test]
fn the_backend_sees_what_the_filter_set_and_no_header_of_the_gateway() {
    let gateway = gateway();
    let backend = echo();
    let path =
        format!("/to/127.0.0.1:{backend}/gateway-http/a//b/../c%2Fd;e?x=1&subscription-key=s3cret");
    let forged = "X-Gateway-Cluster: gateway-https\r\nx-gateway-refusal: a\r\nx-gateway-other: b\r\nx-forwarded-proto: https\r\n\
                  x-envoy-upstream-rq-timeout-ms: 1\r\nx-envoy-retry-on: 5xx\r\n";
    let reply = get(&gateway, &path, forged);
    let seen = reply.text();
    assert_eq!(reply.status, 200, "{seen}");
    assert!(
        seen.starts_with("GET /a//b/../c%2Fd;e?x=1&subscription-key=s3cret HTTP/1.1\r\n"),
        "{seen}"
    );
    assert!(seen.contains(&format!("host: 127.0.0.1:{backend}\r\n")), "{seen}");
    assert!(seen.contains("x-forwarded-proto: http\r\n"), "{seen}");
    assert!(!seen.contains("x-gateway-") && !seen.contains("x-envoy-"), "{seen}");
    assert_eq!(reply.header("x-gateway-refusal"), None, "a backend forged a refusal");
    assert_eq!(reply.header("server").as_deref(), Some("gateway"));

    eventually("the request is in the access log", || {
        gateway.access_log().contains("gateway-http")
    });
    let log = gateway.access_log();
    assert!(log.contains(r#""path":"/a//b/../c%2Fd;e""#) && !log.contains("s3cret"), "{log}");
}

#[test]
fn both_listeners_and_both_protocols_serve_the_same_chain() {
    let gateway = gateway();
    let backend = echo();
    let path = format!("/to/127.0.0.1:{backend}/gateway-http/a");
    let raw =
        format!("GET {path} HTTP/1.1\r\nhost: client.test\r\nx-forwarded-proto: http\r\n\r\n");
    let reply = send_tls(gateway.tls_port(), raw.as_bytes(), gateway.certificate()).unwrap();
    assert!(reply.text().contains("x-forwarded-proto: https\r\n"), "{}", reply.text());

    let request = H2Request {
        method: "GET",
        scheme: "https",
        authority: "client.test",
        path: &path,
        headers: &[("x-gateway-cluster", b"gateway-https")],
        body: b"",
    };
    let reply = h2c(gateway.http_port(), &request).unwrap();
    assert!(reply.text().contains("x-forwarded-proto: http\r\n"), "{}", reply.text());
    let refused = h2c(gateway.http_port(), &H2Request { headers: &[("x_a", b"b")], ..request });
    assert!(refused.is_err(), "a header with an underscore passed: {refused:?}");
}

#[test]
fn requests_follow_each_other_on_one_connection() {
    let gateway = gateway();
    let mut client = Client::connect(gateway.http_port()).unwrap();
    for _ in 0..3 {
        assert_eq!(client.send(b"HEAD /other HTTP/1.1\r\nhost: x\r\n\r\n").unwrap().status, 404);
        assert_eq!(
            client.send(b"GET /refuse HTTP/1.1\r\nhost: x\r\n\r\n").unwrap().text(),
            "own \"bytes\""
        );
    }
}

#[test]
fn without_a_valid_policy_nothing_passes_and_a_later_one_heals() {
    let gateway = Gateway::start(&Options { wait_for_policy: false, ..options("{no json") });
    let gateway = gateway.unwrap_or_else(|problem| panic!("{problem}"));
    let reply = get(&gateway, "/other", "");
    assert_eq!(
        (reply.status, reply.text()),
        (500, message(500, "The gateway is not ready; try again later"))
    );
    gateway.replace_policy(&stand_in()).unwrap();
    assert_eq!(get(&gateway, "/other", "").status, 404);

    let problem = gateway.replace_policy("{no json").unwrap_err();
    assert!(problem.contains("Unable to parse JSON"), "{problem}");
    assert_eq!(get(&gateway, "/other", "").status, 404, "the last good policy serves");
}

#[test]
fn a_gateway_that_cannot_start_says_why_and_leaves_nothing() {
    let broken =
        Options { edit: Box::new(|text| text.replace("node:", "nodes:")), ..options(&stand_in()) };
    let Err(problem) = Gateway::start(&broken) else { panic!("Envoy took a broken configuration") };
    assert!(problem.contains("Envoy ended") && problem.contains("nodes"), "{problem}");

    let gateway = gateway();
    let (folder, pid) = (gateway.folder().to_owned(), gateway.pid());
    drop(gateway);
    assert!(!folder.exists());
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}
