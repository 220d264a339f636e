//! What callers meet: TLS versions and ciphers, HSTS, certificates that rotate, and plaintext that
//! leads nowhere.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use support::certificate::{Authority, Certificate};
use support::layout::{TLS, write_by_rename};
use support::tls_backend::Answer;
use support::{Client, Gateway, TlsBackend, send, send_tls};

use crate::{AZUREML, Api, EXECUTE, edge, eventually, post, stat};

/// ECDHE-ECDSA-AES128-GCM-SHA256: what a certificate with an ECDSA key and TLS 1.2 take.
const ECDHE_AEAD: u16 = 0xc02b;
const PROTOCOL_VERSION: u8 = 70;
const HANDSHAKE_FAILURE: u8 = 40;

fn start() -> (Gateway, TlsBackend) {
    let authority = Authority::new("callers").unwrap();
    let certificate = authority.issue(&[AZUREML]).unwrap();
    let hsts =
        |_: &_, _: &_| Answer::Reply(200, vec![("strict-transport-security", "max-age=0".into())]);
    let backend = TlsBackend::start(&certificate, &["http/1.1"], hsts).unwrap();
    (edge(&[Api::azureml()], &authority, &[backend.port()]), backend)
}

/// The first answer to a ClientHello of this version with these ciphers, as no library would send it.
fn answer_to_hello(port: u16, version: [u8; 2], ciphers: &[u16]) -> Vec<u8> {
    let mut extensions = Vec::new();
    for (kind, body) in [
        (0x000a, &[0, 4, 0, 29, 0, 23][..]),     // groups: x25519, P-256
        (0x000b, &[1, 0]),                       // points: uncompressed
        (0x000d, &[0, 4, 4, 3, 8, 4]),           // ECDSA with SHA-256, RSA-PSS with SHA-256
        (0x0010, b"\x00\x0c\x02h2\x08http/1.1"), // ALPN
    ] {
        extensions.extend(u16::to_be_bytes(kind));
        extensions.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        extensions.extend(body);
    }
    let ciphers: Vec<u8> = ciphers.iter().flat_map(|cipher| cipher.to_be_bytes()).collect();
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let hello = [
        &version[..],
        &[7; 32],
        &[0],
        &length(&ciphers),
        &ciphers,
        &[1, 0],
        &length(&extensions),
        &extensions,
    ]
    .concat();
    let handshake = [&[1, 0], &length(&hello)[..], &hello].concat();
    let record = [&[0x16, 3, 1], &length(&handshake)[..], &handshake].concat();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(&record).unwrap();
    let mut answer = vec![0; 4096];
    let count = stream.read(&mut answer).unwrap();
    answer.truncate(count);
    answer
}

#[test]
fn tls_before_1_2_and_ciphers_without_forward_secrecy_or_authentication_are_refused() {
    let (gateway, _backend) = start();
    let hello = |version, ciphers: &[u16]| answer_to_hello(gateway.tls_port(), version, ciphers);
    // A TLS alert is 0x15, version, length 2, fatal, reason.
    let fatal = |reason| move |answer: &[u8]| matches!(answer, [0x15, _, _, 0, 2, 2, found] if *found == reason);

    let good = hello([3, 3], &[ECDHE_AEAD]);
    assert_eq!(good.first(), Some(&0x16), "{}", good.escape_ascii());
    let chosen = b"\x00\x10\x00\x05\x00\x03\x02h2";
    assert!(good.windows(chosen.len()).any(|bytes| bytes == chosen), "HTTP/2 was not agreed on");

    for version in [[3, 0], [3, 1], [3, 2]] {
        let answer = hello(version, &[ECDHE_AEAD, 0xc009, 0xc013, 0x002f]);
        assert!(fatal(PROTOCOL_VERSION)(&answer), "{version:?}: {}", answer.escape_ascii());
    }
    // ECDHE with CBC; RSA key exchange with GCM and with CBC; 3DES.
    for cipher in [0xc009, 0xc013, 0xc023, 0x009c, 0x002f, 0x000a] {
        let answer = hello([3, 3], &[cipher]);
        assert!(fatal(HANDSHAKE_FAILURE)(&answer), "{cipher:#x}: {}", answer.escape_ascii());
    }
}

#[test]
fn every_answer_over_tls_has_hsts_and_of_ours_alone() {
    let (gateway, backend) = start();
    let hsts = |reply: &support::Reply| {
        let all = reply.headers.iter().filter(|(name, _)| name == "strict-transport-security");
        all.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect::<Vec<_>>()
    };
    let path = format!("/azureml{EXECUTE}");
    assert_eq!(hsts(&post(&gateway, &path, "", "{}")), ["max-age=31536000"], "a backend's answer");
    assert_eq!(backend.seen().len(), 1);
    let refused = post(&gateway, "/nowhere", "", "");
    assert_eq!(refused.header("x-gateway-refusal").as_deref(), Some("unmatched"));
    assert_eq!(hsts(&refused), ["max-age=31536000"], "the filter's refusal");
    let large = format!("POST {path} HTTP/1.1\r\nhost: g\r\ncontent-length: 104857601\r\n\r\n");
    let large = send_tls(gateway.tls_port(), large.as_bytes(), gateway.certificate()).unwrap();
    assert_eq!(
        (large.status, hsts(&large)),
        (413, vec!["max-age=31536000".to_owned()]),
        "Envoy's refusal"
    );
    drop(backend);
    let down = post(&gateway, &path, "", "{}");
    assert_eq!(
        (down.status, hsts(&down)),
        (503, vec!["max-age=31536000".to_owned()]),
        "no backend"
    );
}

#[test]
fn plaintext_on_the_tls_port_is_no_http() {
    let (gateway, backend) = start();
    let raw = format!("POST /azureml{EXECUTE} HTTP/1.1\r\nhost: g\r\ncontent-length: 0\r\n\r\n");
    let answer = send(gateway.tls_port(), raw.as_bytes());
    assert!(answer.is_err(), "{answer:?}");
    assert!(backend.seen().is_empty());
}

#[test]
fn the_http_listener_redirects_reading_and_refuses_the_rest() {
    let (gateway, backend) = start();
    let call = |head: &str| {
        send(gateway.http_port(), format!("{head}\r\nconnection: close\r\n\r\n").as_bytes())
            .unwrap()
    };
    for host in ["gateway.example", "gateway.example:8080"] {
        for method in ["GET", "HEAD"] {
            let reply = call(&format!("{method} /portal?a=b HTTP/1.1\r\nhost: {host}"));
            assert_eq!(reply.status, 308, "{method}");
            let there = "https://gateway.example:443/portal?a=b";
            assert_eq!(reply.header("location").as_deref(), Some(there));
            assert_eq!(reply.header("strict-transport-security"), None, "not over plaintext");
        }
    }
    let call_of_api = format!(
        "POST /azureml{EXECUTE} HTTP/1.1\r\nhost: g\r\nx-forwarded-proto: https\r\ncontent-length: 0"
    );
    let reply = call(&call_of_api);
    let body = r#"{ "statusCode": 403, "message": "This gateway is served over https only" }"#;
    assert_eq!((reply.status, reply.text().as_str()), (403, body));
    assert_eq!(reply.header("content-type").as_deref(), Some("application/json"));
    assert_eq!(call("GET /healthz HTTP/1.1\r\nhost: g").status, 200);
    assert!(backend.seen().is_empty());
}

#[test]
fn a_renewed_certificate_is_shown_without_a_restart_and_half_a_pair_is_not() {
    let (gateway, _backend) = start();
    let folder = gateway.folder().join(TLS);
    let raw = b"GET /healthz HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n";
    let shown = |certificate: &str| match send_tls(gateway.tls_port(), raw, certificate) {
        Ok(reply) => reply.status == 200,
        Err(_) => false,
    };
    let mut open = Client::connect_tls(gateway.tls_port(), gateway.certificate()).unwrap();
    let alive = b"GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n";
    assert_eq!(open.send(alive).unwrap().status, 200);

    let renewed = Certificate::self_signed(&["localhost"]).unwrap();
    write_by_rename(&folder.join("server.crt"), &renewed.certificate_pem).unwrap();
    eventually("the pair that does not belong together is rejected", || {
        stat(&gateway, "sds.listener.key_rotation_failed") == 1
    });
    assert!(shown(gateway.certificate()), "the old pair serves");

    write_by_rename(&folder.join("server.key"), &renewed.key_pem).unwrap();
    eventually("the renewed certificate is shown", || shown(&renewed.certificate_pem));
    assert!(!shown(gateway.certificate()), "the old certificate is not shown any more");
    assert_eq!(open.send(alive).unwrap().status, 200, "an open connection goes on");
}
