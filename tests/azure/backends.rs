//! Who gets a call and its key: only a server whose certificate is valid for the policy's host.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use support::TlsBackend;
use support::certificate::{Authority, Certificate};
use support::tls_backend::{Answer, Behaviour, Seen};

use crate::{AZUREML, Api, EXECUTE, assert_unavailable, edge, post, stat};

const OK: Behaviour = |_, _| Answer::ok();
const UNREACHABLE: &str = "The backend cannot be reached";

fn backend(certificate: &Certificate) -> TlsBackend {
    TlsBackend::start(certificate, &["h2", "http/1.1"], OK).unwrap()
}

fn assert_call_with_its_key(seen: &Seen, host: &str, authority: &str, key: &str) {
    assert_eq!(seen.sni.as_deref(), Some(host));
    assert_eq!(seen.authority.as_deref(), Some(authority));
    assert_eq!(seen.all("authorization"), [format!("Bearer {key}")]);
    assert_eq!(seen.target, EXECUTE);
    assert_eq!(format!("{:?}", seen.tls), "Some(TLSv1_3)");
}

#[test]
fn a_right_certificate_gets_the_call_its_name_and_its_key() {
    let authority = Authority::new("right").unwrap();
    let azureml = backend(&authority.issue(&[AZUREML]).unwrap());
    let endpoint = backend(&authority.issue(&["localhost"]).unwrap());
    let apis = [Api::azureml(), Api::dynamic("endpoint", "localhost", endpoint.port())];
    let gateway = edge(&apis, &authority, &[azureml.port()]);

    for (name, backend, host, port) in [
        ("azureml", &azureml, AZUREML, String::new()),
        ("endpoint", &endpoint, "localhost", format!(":{}", endpoint.port())),
    ] {
        let reply = post(&gateway, &format!("/{name}{EXECUTE}"), "", "{}");
        assert_eq!((reply.status, reply.text().as_str()), (200, "answer"), "{name}");
        let seen = backend.seen();
        assert_eq!(seen.len(), 1, "{name}");
        let key = format!("key-of-{name}");
        assert_call_with_its_key(&seen[0], host, &format!("{host}{port}"), &key);
        assert_eq!((seen[0].method.as_str(), seen[0].body_len), ("POST", 2));
    }
}

#[test]
fn a_wrong_name_an_unknown_issuer_and_an_expired_certificate_get_nothing() {
    let authority = Authority::new("known").unwrap();
    let unknown = Authority::new("unknown").unwrap();
    let yesterday = SystemTime::now() - Duration::from_hours(24);
    let bad = |host: &str| {
        [
            ("name", authority.issue(&["other.services.azureml.net", "gateway"]).unwrap()),
            ("issuer", unknown.issue(&[host]).unwrap()),
            ("self", Certificate::self_signed(&[host]).unwrap()),
            ("expired", authority.issue_until(&[host], yesterday).unwrap()),
        ]
        .map(|(name, certificate)| (name, backend(&certificate)))
    };
    let dynamic = bad("localhost");
    let apis: Vec<_> = dynamic
        .iter()
        .map(|(name, backend)| Api::dynamic(name, "localhost", backend.port()))
        .chain([Api::azureml()])
        .collect();
    let gateway = edge(&apis, &authority, &[]);
    for (name, backend) in &dynamic {
        let reply = post(&gateway, &format!("/{name}{EXECUTE}"), "", "{}");
        assert_unavailable(&reply, UNREACHABLE);
        assert!(backend.connections() > 0, "{name}: no connection was tried");
        assert!(backend.seen().is_empty(), "{name}: {:?}", backend.seen());
    }
    assert!(stat(&gateway, "cluster.gateway-https.ssl.fail_verify_san") > 0);
    assert!(stat(&gateway, "cluster.gateway-https.ssl.fail_verify_error") > 0);

    for (name, backend) in bad(AZUREML) {
        let gateway = edge(&[Api::azureml()], &authority, &[backend.port()]);
        let reply = post(&gateway, &format!("/azureml{EXECUTE}"), "", "{}");
        assert_unavailable(&reply, UNREACHABLE);
        assert!(backend.connections() > 0, "{name}: no connection was tried");
        assert!(backend.seen().is_empty(), "{name}: {:?}", backend.seen());
    }
}

#[test]
fn a_plaintext_server_gets_a_handshake_and_no_byte_of_the_call() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, received) = mpsc::channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = vec![0; 16 * 1024];
            let count = stream.read(&mut bytes).unwrap_or(0);
            // What an HTTP server says to a handshake; Envoy may have more to send after it.
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
            let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
            bytes.truncate(count);
            let _ = stream.read_to_end(&mut bytes);
            let _ = sender.send(bytes);
        }
    });
    let authority = Authority::new("any").unwrap();
    let gateway =
        edge(&[Api::dynamic("plain", "localhost", port), Api::azureml()], &authority, &[port]);
    for name in ["plain", "azureml"] {
        let reply = post(&gateway, &format!("/{name}{EXECUTE}"), "", "the-body");
        assert_unavailable(&reply, UNREACHABLE);
        let bytes = received.recv_timeout(Duration::from_secs(10)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(bytes.first(), Some(&0x16), "not a TLS handshake: {text}");
        for secret in ["key-of", "the-body", "execute", "POST", "Bearer"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn an_http_backend_has_no_cluster_here() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let authority = Authority::new("any").unwrap();
    let gateway = edge(&[Api { name: "plain", url, cluster: None }], &authority, &[]);
    assert_unavailable(&post(&gateway, &format!("/plain{EXECUTE}"), "", "{}"), UNREACHABLE);
    assert!(listener.accept().is_err(), "a connection came");
}

#[test]
fn two_backends_never_get_each_others_key() {
    let authority = Authority::new("both").unwrap();
    let names = ["alpha", "beta"];
    let backends =
        names.map(|name| backend(&authority.issue(&[&format!("{name}.localhost")]).unwrap()));
    let hosts = names.map(|name| format!("{name}.localhost"));
    let [alpha, beta] = [&backends[0], &backends[1]].map(TlsBackend::port);
    let apis = [
        Api::dynamic("alpha", &hosts[0], alpha),
        Api::dynamic("beta", &hosts[1], beta),
        // The right name at the other's address: a poisoned name server.
        Api::dynamic("crossed", &hosts[0], beta),
    ];
    let gateway = edge(&apis, &authority, &[]);
    thread::scope(|scope| {
        for name in ["alpha", "beta", "alpha", "beta", "crossed"] {
            let gateway = &gateway;
            scope.spawn(move || {
                for _ in 0..20 {
                    let reply = post(gateway, &format!("/{name}{EXECUTE}"), "", "{}");
                    assert_eq!(reply.status == 200, name != "crossed", "{name} {}", reply.text());
                }
            });
        }
    });
    for (index, name) in names.into_iter().enumerate() {
        let seen = backends[index].seen();
        assert_eq!(seen.len(), 40, "{name}");
        let port = backends[index].port();
        for seen in seen {
            let (host, key) = (&hosts[index], format!("key-of-{name}"));
            assert_call_with_its_key(&seen, host, &format!("{host}:{port}"), &key);
        }
    }
}

#[test]
fn http2_is_spoken_where_the_backend_offers_it() {
    let authority = Authority::new("alpn").unwrap();
    let certificate = authority.issue(&["localhost"]).unwrap();
    let cases: [(&str, &[&str], &str); 4] = [
        ("both", &["h2", "http/1.1"], "HTTP/2.0"),
        ("two", &["h2"], "HTTP/2.0"),
        ("one", &["http/1.1"], "HTTP/1.1"),
        ("none", &[], "HTTP/1.1"),
    ];
    let backends = cases.map(|(_, alpn, _)| TlsBackend::start(&certificate, alpn, OK).unwrap());
    let apis: Vec<_> = cases
        .iter()
        .zip(&backends)
        .map(|((name, ..), backend)| Api::dynamic(name, "localhost", backend.port()))
        .collect();
    let gateway = edge(&apis, &authority, &[]);
    for ((name, _, version), backend) in cases.iter().zip(&backends) {
        assert_eq!(post(&gateway, &format!("/{name}{EXECUTE}"), "", "{}").status, 200, "{name}");
        assert_eq!(format!("{:?}", backend.seen()[0].http), *version, "{name}");
    }
}
