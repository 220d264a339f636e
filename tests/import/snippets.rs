//! The Envoy configuration that reports print: Envoy takes it where the report says it belongs, and
//! it does what the policy did.

use std::fs;

use support::layout::replace_once;
use support::{Reply, send};

use crate::case::{self, Case};
use crate::envoy::{Started, start};

#[test]
fn envoy_takes_every_snippet() {
    let mut seen = 0;
    for case in case::all() {
        for snippet in snippets(&case) {
            start(&case, move |yaml| insert(yaml, &snippet));
            seen += 1;
        }
    }
    assert!(seen >= 6, "{seen}");
}

#[test]
fn a_cors_snippet_answers_a_preflight_before_the_gateway() {
    let started = with_snippet("arm/azure-openai", "filters.http.cors");
    let preflight = |origin: &str| {
        call(
            &started,
            "OPTIONS",
            "/ai/openai/models/a",
            &format!("Origin: {origin}\r\nAccess-Control-Request-Method: GET\r\n"),
        )
    };
    let allowed = preflight("https://portal.contoso.example");
    assert_eq!(allowed.status, 200, "{}", allowed.text());
    assert_eq!(
        allowed.header("access-control-allow-origin").as_deref(),
        Some("https://portal.contoso.example")
    );
    assert_eq!(allowed.header("access-control-max-age").as_deref(), Some("300"));
    let key = "Origin: https://portal.contoso.example\r\napi-key: key-of-batch\r\n";
    let answered = call(&started, "GET", "/ai/openai/models/a", key);
    assert_eq!(started.backend.received().len(), 1, "{}", answered.text());
    assert!(answered.header("access-control-allow-origin").is_some());
    assert_eq!(preflight("https://elsewhere.example").header("access-control-allow-origin"), None);
}

#[test]
fn an_ip_filter_snippet_refuses_who_is_not_listed() {
    let started = with_snippet("arm/versions", "ip-filter");
    // Tests come from 127.0.0.1, which the list does not have.
    assert_eq!(call(&started, "GET", "/forecast/v2/regions/north/forecast?days=3", "").status, 403);
    assert!(started.backend.received().is_empty());
    // Here it is a list of whom to refuse, and 127.0.0.1 is not one of them.
    let started = with_snippet("apiops/platform", "ip-filter");
    let reply = call(&started, "POST", "/vision/analyze?features=tags", "");
    assert_eq!(started.backend.received().len(), 1, "{} {}", reply.status, reply.text());
}

#[test]
fn a_check_header_snippet_asks_for_the_header_of_its_api_alone() {
    let started = with_snippet("arm/versions", "check-header");
    let forbidden = |path: &str, headers: &str| call(&started, "POST", path, headers).status == 403;
    assert!(forbidden("/ranking/rank?version=1", ""));
    assert!(forbidden("/ranking/rank?version=1", "X-Channel: fax\r\n"));
    assert!(!forbidden("/ranking/rank?version=1", "X-Channel: WEB\r\n"));
    assert!(!forbidden("/forecast/v2/regions/north/forecast?days=3", ""));
}

#[test]
fn a_header_snippet_sets_the_header_toward_the_backend() {
    let started = with_snippet("arm/versions", "x-environment");
    call(&started, "GET", "/forecast/v2/regions/north/forecast?days=3", "");
    let received = started.backend.received();
    let [received] = received.as_slice() else { panic!("{received:?}") };
    let header = received.headers.iter().find(|(name, _)| name == "x-environment");
    let Some((_, value)) = header else { panic!("{received:?}") };
    assert_eq!(value, b"100%");
}

fn call(started: &Started, method: &str, target: &str, headers: &str) -> Reply {
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: gateway\r\n{headers}Content-Length: 0\r\n\r\n"
    );
    send(started.gateway.http_port(), head.as_bytes()).unwrap()
}

/// The case's policy behind the one of its snippets that has `word`.
fn with_snippet(name: &str, word: &str) -> Started {
    let case = case::all().into_iter().find(|case| case.folder.ends_with(name)).unwrap();
    let snippet = snippets(&case).into_iter().find(|snippet| snippet.contains(word)).unwrap();
    start(&case, move |yaml| insert(yaml, &snippet))
}

/// The indented blocks of a report.
fn snippets(case: &Case) -> Vec<String> {
    let report = fs::read_to_string(case.folder.join("report.txt")).unwrap();
    let mut blocks: Vec<String> = vec![String::new()];
    for line in report.lines() {
        let block = blocks.last_mut().unwrap();
        match line.strip_prefix("    ") {
            Some(line) => *block += &format!("{line}\n"),
            None if !block.is_empty() => blocks.push(String::new()),
            None => {}
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

/// Filters before the gateway, routes before the last one, the rest into the virtual host: as
/// reports say.
fn insert(yaml: String, snippet: &str) -> String {
    let (mut filters, mut routes, mut host) = (String::new(), String::new(), String::new());
    let mut place = &mut host;
    for line in snippet.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with("- name: envoy.filters.http.") {
            place = &mut filters;
        } else if line.starts_with("- match: ") {
            place = &mut routes;
        }
        *place += &format!("              {line}\n");
    }
    const GATEWAY: &str = "          - name: gateway\n            config_discovery:";
    const HOST: &str = "            - name: gateway\n              domains: [\"*\"]\n";
    const LAST: &str = "              - name: unmatched\n";
    // Filters stand four columns further left than routes.
    let filters = filters.replace("\n    ", "\n").replacen("    ", "", 1);
    let yaml = replace_once(&yaml, GATEWAY, &format!("{filters}{GATEWAY}")).unwrap();
    let yaml = replace_once(&yaml, LAST, &format!("{routes}{LAST}")).unwrap();
    const REMOVED: &str = "response_headers_to_remove: [x-gateway-refusal, x-gateway-backend-url";
    match host.trim().strip_prefix("response_headers_to_remove: [") {
        // The virtual host has that list.
        Some(more) => {
            replace_once(&yaml, &format!("{REMOVED}]"), &format!("{REMOVED}, {more}")).unwrap()
        }
        None => replace_once(&yaml, HOST, &format!("{HOST}{host}")).unwrap(),
    }
}
