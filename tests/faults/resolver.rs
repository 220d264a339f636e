//! The backend's name leads nowhere.

use std::time::{Duration, Instant};

use support::raw_backend::Answer;
use support::{Gateway, Options, RawBackend, layout};

use crate::name_server::{NameServer, Says};
use crate::{
    UNREACHABLE, assert_fault, assert_logged, assert_settled, eventually, ok, post, start, stat,
};

/// What follows `max_hosts` in envoy.yaml's cache of names: whom to ask.
const RESOLVER: &str = r#"
                typed_dns_resolver_config:
                  name: envoy.network.dns_resolver.cares
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig
                    resolvers: [{ socket_address: { address: 127.0.0.1, port_value: PORT } }]
                    dns_resolver_options: { no_default_search_domain: true }"#;

/// envoy.yaml as shipped, but for whom Envoy asks for names.
fn resolving_by(server: &NameServer, url: &str) -> Gateway {
    let cache = format!("max_hosts: 1024{RESOLVER}").replace("PORT", &server.port.to_string());
    let edit = move |yaml: String| layout::replace_once(&yaml, "max_hosts: 1024", &cache).unwrap();
    start(url, |options| Options { edit: Box::new(edit), ..options })
}

#[test]
fn a_name_that_does_not_resolve_is_a_503_without_the_name() {
    let server = NameServer::start(Says::NoSuchName);
    let gateway = resolving_by(&server, "http://backend.example");
    assert_fault(&post(&gateway, "/ml/score", ""), 503, UNREACHABLE);
    assert_logged(&gateway, &[(503, "DF")]);
    assert_settled(&gateway);
}

#[test]
fn a_resolver_that_says_nothing_is_a_503_after_its_timeout() {
    let server = NameServer::start(Says::Nothing);
    let gateway = resolving_by(&server, "http://backend.example");
    let began = Instant::now();
    assert_fault(&post(&gateway, "/ml/score", ""), 503, UNREACHABLE);
    eprintln!("a silent resolver: 503 after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_logged(&gateway, &[(503, "DF")]);
    assert_settled(&gateway);
}

#[test]
fn a_name_that_resolves_again_is_called_again() {
    let backend = RawBackend::start(|_| Answer::Now(ok())).unwrap();
    let server = NameServer::start(Says::NoSuchName);
    let gateway = resolving_by(&server, &format!("http://backend.example:{}", backend.port()));
    assert_fault(&post(&gateway, "/ml/score", ""), 503, UNREACHABLE);
    server.now_says(Says::Loopback);
    // Until the next look-up Envoy answers from what it knows.
    let began = Instant::now();
    eventually("calls pass", || post(&gateway, "/ml/score", "").status == 200);
    eprintln!("a name that resolves again: 200 after {:?}", began.elapsed());

    // A name that is lost later keeps the address that it had.
    server.now_says(Says::NoSuchName);
    let asked = || stat(&gateway, "dns_cache.backends.dns_query_attempt");
    let before = asked();
    eventually("it is looked up twice", || asked() >= before + 2);
    assert_eq!(post(&gateway, "/ml/score", "").status, 200);
    assert_settled(&gateway);
}
