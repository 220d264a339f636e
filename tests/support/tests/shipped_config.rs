//! The rules of envoy/envoy.yaml, on the real Envoy, with a few lines of Lua in the gateway filter's
//! place. The filter's own behaviour is tested elsewhere; here it only names a cluster or refuses.

// Only the gateway's core takes time as an argument.
#![allow(clippy::disallowed_methods)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use support::certificate::Certificate;
use support::{Client, Gateway, H2Request, Options, Reply, free_port, h2c, layout, send, send_tls};

/// `/to/AUTHORITY/CLUSTER/path` goes to a backend, `/refuse` and `/portal` are the filter's own
/// replies, the rest passes untouched.
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

/// A backend that answers each connection once, with a forged refusal header and the request's head
/// as the body.
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
            let forged = "x-gateway-refusal: forged\r\nserver: IIS\r\nconnection: close";
            let answer = format!("HTTP/1.1 200 OK\r\n{forged}\r\ncontent-length: {length}\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.write_all(&head);
        }
    });
    port
}

/// Answers `over TLS` to whatever comes.
fn tls_backend(certificate: &Certificate) -> u16 {
    let chain = CertificateDer::from_pem_slice(certificate.certificate_pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(vec![chain], key));
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            // A client that does not like the certificate closes here.
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nover TLS");
                let _ = stream.flush();
            }
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
    let closed = free_port().to_string();
    let many = (0..120).map(|number| format!("x{number}: 1\r\n")).collect::<String>();
    let (unreachable, invalid) = ("The backend cannot be reached", "The request is not valid");
    let (large, upgrade) = ("The request body is too large", "Protocol upgrades are not accepted");
    let cases = [
        ("GET /other HTTP/1.1", "host: x\r\n", 404, "Resource not found"),
        ("GET /to/127.0.0.1:CLOSED/gateway-http/ HTTP/1.1", "host: x\r\n", 503, unreachable),
        ("GET /to/127.0.0.1:CLOSED/nowhere/ HTTP/1.1", "host: x\r\n", 503, unreachable),
        ("GET /to/nosuch.invalid/gateway-https/ HTTP/1.1", "host: x\r\n", 503, unreachable),
        ("POST / HTTP/1.1", "host: x\r\ncontent-length: 104857601\r\n", 413, large),
        ("POST / HTTP/1.1", "host: x\r\ncontent-length: 9223372036854775808\r\n", 413, large),
        ("GET / HTTP/1.1", &many, 431, "The request headers are too large"),
        ("GET / HTTP/1.1", "host: x\r\nx_gateway_cluster: gateway-http\r\n", 400, invalid),
        ("GET / HTTP/1.1", "", 400, invalid),
        ("GET / HTTP/1.0", "host: x\r\n", 426, "HTTP/1.1 or HTTP/2 is required"),
        (
            "GET / HTTP/1.1",
            "host: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n",
            403,
            upgrade,
        ),
        ("CONNECT a.test:443 HTTP/1.1", "host: a.test:443\r\n", 404, "Resource not found"),
    ];
    for (line, headers, status, text) in cases {
        let raw = format!("{line}\r\n{headers}\r\n").replace("CLOSED", &closed);
        let reply = send(gateway.http_port(), raw.as_bytes());
        let reply = reply.unwrap_or_else(|error| panic!("{raw}: {error}"));
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
        trailers: &[],
    };
    let reply = h2c(gateway.http_port(), &request).unwrap();
    assert!(reply.text().contains("x-forwarded-proto: http\r\n"), "{}", reply.text());
    let refused = h2c(gateway.http_port(), &H2Request { headers: &[("x_a", b"b")], ..request });
    assert!(refused.is_err(), "a header with an underscore passed: {refused:?}");
}

#[test]
fn a_backends_certificate_must_name_the_host_that_was_called() {
    let right = Certificate::self_signed(&["localhost"]).unwrap();
    let wrong = Certificate::self_signed(&["other.test"]).unwrap();
    let (right_port, wrong_port) = (tls_backend(&right), tls_backend(&wrong));
    // Both are trusted: only the name tells them apart.
    let trusted = std::env::temp_dir().join(format!("azureml-gateway-ca-{right_port}.pem"));
    std::fs::write(&trusted, right.certificate_pem + &wrong.certificate_pem).unwrap();
    let shipped = options(&stand_in());
    let authorities = trusted.display().to_string();
    let edit = move |text| {
        let text = (shipped.edit)(text);
        layout::replace_once(&text, "/etc/ssl/certs/ca-certificates.crt", &authorities).unwrap()
    };
    let gateway = Gateway::start(&Options { edit: Box::new(edit), ..options(&stand_in()) });
    let gateway = gateway.unwrap_or_else(|problem| panic!("{problem}"));
    std::fs::remove_file(&trusted).unwrap();

    let reply = get(&gateway, &format!("/to/localhost:{right_port}/gateway-https/a"), "");
    assert_eq!((reply.status, reply.text().as_str()), (200, "over TLS"));
    let reply = get(&gateway, &format!("/to/localhost:{wrong_port}/gateway-https/a"), "");
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(gateway.admin().stat("cluster.gateway-https.ssl.fail_verify_san").unwrap() > Some(0));
}

#[test]
fn who_keeps_the_gateway_waiting_is_told_so() {
    let shipped = options(&stand_in());
    let edit = move |text| {
        let mut text = (shipped.edit)(text);
        for (name, now) in [("\n                  timeout", "300s"), ("request_timeout", "300s")] {
            text = layout::replace_once(&text, &format!("{name}: {now}"), &format!("{name}: 0.3s"))
                .unwrap();
        }
        text
    };
    let gateway = Gateway::start(&Options { edit: Box::new(edit), ..options(&stand_in()) });
    let gateway = gateway.unwrap_or_else(|problem| panic!("{problem}"));
    // Accepts connections, by its backlog, and never answers.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let path = format!("/to/127.0.0.1:{port}/gateway-http/");

    let reply = get(&gateway, &path, "");
    assert_eq!(
        (reply.status, reply.text()),
        (504, message(504, "The backend did not answer in time"))
    );
    let raw = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc");
    let reply = send(gateway.http_port(), raw.as_bytes()).unwrap();
    assert_eq!(
        (reply.status, reply.text()),
        (408, message(408, "The request did not arrive in time"))
    );
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
