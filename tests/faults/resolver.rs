//! The backend's name leads nowhere.

use std::time::{Duration, Instant};

use support::{Gateway, Options, layout};

use crate::name_server::{NameServer, Says};
use crate::{UNREACHABLE, assert_fault, assert_logged, assert_settled, post, start};

/// envoy.yaml as shipped, but for whom Envoy asks for names.
fn resolving_by(server: &NameServer) -> Gateway {
    let resolver = format!(
        "max_hosts: 1024\n                typed_dns_resolver_config:\n                  \
         name: envoy.network.dns_resolver.cares\n                  typed_config:\n                    \
         \"@type\": type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig\n                    \
         resolvers: [{{ socket_address: {{ address: 127.0.0.1, port_value: {} }} }}]\n                    \
         dns_resolver_options: {{ no_default_search_domain: true }}",
        server.port
    );
    let edit =
        move |yaml: String| layout::replace_once(&yaml, "max_hosts: 1024", &resolver).unwrap();
    start("http://backend.example", |options| Options { edit: Box::new(edit), ..options })
}

#[test]
fn a_name_that_does_not_resolve_is_a_503_without_the_name() {
    let server = NameServer::start(Says::NoSuchName);
    let gateway = resolving_by(&server);
    assert_fault(&post(&gateway, "/ml/score", ""), 503, UNREACHABLE);
    assert!(server.asked() > 0);
    assert_logged(&gateway, &[(503, "DF")]);
    assert_settled(&gateway);
}

#[test]
fn a_resolver_that_says_nothing_is_a_503_after_its_timeout() {
    let server = NameServer::start(Says::Nothing);
    let gateway = resolving_by(&server);
    let began = Instant::now();
    assert_fault(&post(&gateway, "/ml/score", ""), 503, UNREACHABLE);
    eprintln!("a silent resolver: 503 after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(server.asked() > 0);
    assert_logged(&gateway, &[(503, "DF")]);
    assert_settled(&gateway);
}
