//! What holds for every input, tried on generated ones.

// A test ends by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use azureml_gateway::decide::query::Query;
use azureml_gateway::decide::route::{Mismatch, judge, route};
use azureml_gateway::decide::{Edit, Request, Step, decide};
use azureml_gateway::policy::template::{Slot, Template};
use azureml_gateway::policy::{Operation, Policy, compile};
use azureml_gateway::uri;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_template_prints_as_it_was_written(text in template()) {
        let mut names: Vec<String> = Vec::new();
        let parsed = Template::parse(&text, |name, _| {
            names.push(name.to_owned());
            Ok(Slot(names.len() - 1))
        });
        let parsed = parsed.map_err(TestCaseError::fail)?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        prop_assert_eq!(parsed.display(&names).to_string(), text);
    }

    #[test]
    fn parsing_a_template_never_panics(text in "\\PC{0,40}|[/{}*?&=a-z%;.]{0,40}") {
        let _ = Template::parse(&text, |_, _| Ok(Slot(0)));
    }

    #[test]
    fn compiling_never_panics(text in "[ -~]{0,60}", bytes in vec(any::<u8>(), 0..60)) {
        let environment = |_: &str| None;
        compile(text.as_bytes(), &environment);
        compile(&bytes, &environment);
    }

    #[test]
    fn deciding_never_panics(headers in vec((header_name(), vec(any::<u8>(), 0..40)), 0..8)) {
        decide(&policy(), &Request::read(&headers), 0);
    }

    /// And so the path that is forwarded is the path that was matched.
    #[test]
    fn what_is_forwarded_is_canonical_and_was_sent(target in target(), method in method()) {
        let policy = policy();
        let headers = head(method, &target);
        let Step::Forward(edits, ..) = decide(&policy, &Request::read(&headers), 0) else { return Ok(()) };
        let forwarded = path_of(&edits);
        let sent = target.strip_prefix(b"/ml").unwrap();
        let (path, query) = split(&forwarded);
        let (sent_path, sent_query) = split(sent);
        prop_assert_eq!(path, sent_path, "{}", target.escape_ascii());
        prop_assert!(uri::check_path(path).is_ok());
        prop_assert_eq!(query.map(<[u8]>::to_vec), without_key(sent_query));
    }

    #[test]
    fn the_index_finds_what_looking_at_every_operation_finds(
        templates in vec((template_path(), method()), 1..6),
        paths in vec(path(), 8),
        asked in method(),
    ) {
        let Some(policy) = policy_of(&templates) else { return Ok(()) };
        let api = &policy.apis[0];
        let query = Query::parse(None).unwrap();
        for path in paths {
            let Ok(()) = uri::check_path(&path) else { continue };
            let verdicts: Vec<(&Operation, bool)> = api
                .operations
                .iter()
                .filter_map(|operation| match judge(operation, asked.as_bytes(), &path, &query) {
                    Ok(_) => Some((operation, true)),
                    Err(Mismatch::Path) => None,
                    Err(_) => Some((operation, false)),
                })
                .collect();
            let best = verdicts
                .iter()
                .filter(|(_, matches)| *matches)
                .map(|(operation, _)| *operation)
                .max_by(|a, b| a.specificity.cmp(&b.specificity));
            let found = route(api, asked.as_bytes(), &path, &query);
            prop_assert_eq!(
                found.as_ref().ok().map(|found| &found.operation.name),
                best.map(|operation| &operation.name),
                "{:?} {}", templates, path.escape_ascii()
            );
            if best.is_none() {
                let code = found.err().unwrap().refusal.code();
                prop_assert_eq!(code == "operation_not_found", verdicts.is_empty());
            }
        }
    }
}

/// Suffix `ml`, one backend without a base path, every kind of template.
fn policy() -> Policy {
    compile_api(&json!([
        { "name": "a", "method": "GET", "urlTemplate": "/a/{x}?v={v}" },
        { "name": "b", "method": "POST", "urlTemplate": "/b/{*rest}" },
        { "name": "c", "method": "GET", "urlTemplate": "/c/{x}",
          "templateParameters": [{ "name": "x", "allowEscapes": true }] },
        { "name": "d", "method": "GET", "urlTemplate": "/d/*" },
        { "name": "e", "method": "GET", "urlTemplate": "/{x}/" },
    ]))
    .expect("the policy of the properties")
}

fn policy_of(templates: &[(String, &str)]) -> Option<Policy> {
    let operations: Vec<_> = templates
        .iter()
        .enumerate()
        .map(|(i, (template, method))| {
            json!({ "name": format!("o{i}"), "method": method, "urlTemplate": template })
        })
        .collect();
    compile_api(&json!(operations))
}

fn compile_api(operations: &serde_json::Value) -> Option<Policy> {
    let text = json!({ "version": 1, "apis": [{
        "name": "ml", "path": "ml", "protocols": ["http", "https"],
        "serviceUrl": "http://127.0.0.1", "subscriptionRequired": false,
        "operations": operations,
        "backends": [{ "match": {}, "credentials": { "header": { "api-key": { "env": "KEY" } } } }],
    }] });
    compile(text.to_string().as_bytes(), &|_| Some(b"key".to_vec())).policy
}

fn head(method: &str, target: &[u8]) -> Vec<(String, Vec<u8>)> {
    [(":method", method.as_bytes()), (":path", target), (":authority", b"gw")]
        .map(|(name, value)| (name.to_owned(), value.to_vec()))
        .into()
}

fn path_of(edits: &[Edit<'_>]) -> Vec<u8> {
    let path = edits.iter().find_map(|edit| match edit {
        Edit::Set(name, value) if name == ":path" => Some(value.to_vec()),
        _ => None,
    });
    path.expect("a path")
}

fn split(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut halves = target.splitn(2, |b| *b == b'?');
    (halves.next().unwrap_or_default(), halves.next())
}

/// The query without its parts named subscription-key, written the long way.
fn without_key(query: Option<&[u8]>) -> Option<Vec<u8>> {
    let query = query?;
    let is_key = |part: &&[u8]| {
        let name = part.split(|b| *b == b'=').next().unwrap_or_default();
        uri::decode(name).is_some_and(|name| name.eq_ignore_ascii_case(b"subscription-key"))
    };
    let parts: Vec<&[u8]> = query.split(|b| *b == b'&').collect();
    let kept: Vec<&[u8]> = parts.iter().copied().filter(|part| !is_key(part)).collect();
    if kept.len() == parts.len() {
        return Some(query.to_vec());
    }
    (!kept.is_empty()).then(|| kept.join(&b'&'))
}

// === generators ===

fn method() -> impl Strategy<Value = &'static str> {
    select(&["GET", "POST", "DELETE"][..])
}

fn header_name() -> impl Strategy<Value = String> {
    let known: &[&str] =
        &[":path", ":method", ":authority", "authorization", "x-gateway-cluster", "upgrade"];
    prop_oneof![select(known).prop_map(str::to_owned), "[a-z_-]{0,12}"]
}

/// Words of which attacks are made, so that many targets come close to a match.
fn target() -> impl Strategy<Value = Vec<u8>> {
    let words: &[&[u8]] = &[
        b"/", b"/a", b"/b", b"/c", b"/d", b"x", b"..", b".", b"%2e", b"%2f", b"%20", b"%25", b"%",
        b";", b"\\", b"#", b"\xff", b"\0", b"*", b"~", b"//", b"+", b":", b"|",
    ];
    let query: &[&[u8]] = &[
        b"v=1",
        b"V=2",
        b"&",
        b"&&",
        b"=",
        b"?",
        b"subscription-key=k",
        b"Subscription%2dKey=k",
        b"x",
        b"%76=3",
        b"+v=1",
        b"y=%zz",
        b";",
        b"%26",
    ];
    let path = vec(select(words), 0..6);
    let query = proptest::option::of(vec(select(query), 0..6));
    (path, query).prop_map(|(path, query)| {
        let mut target = b"/ml".to_vec();
        target.extend(path.concat());
        if let Some(query) = query {
            target.push(b'?');
            target.extend(query.concat());
        }
        target
    })
}

/// Few words, so that paths and templates meet.
fn path() -> impl Strategy<Value = Vec<u8>> {
    vec(select(&["a", "b", "c", ""][..]), 1..5)
        .prop_map(|s| format!("/{}", s.join("/")).into_bytes())
}

fn template_path() -> impl Strategy<Value = String> {
    let segment = select(&["a", "b", "{}"][..]);
    let end = select(&["", "/", "/*", "/{*r}"][..]);
    (vec(segment, 0..4), end).prop_map(|(segments, end)| {
        let path: String = segments
            .iter()
            .enumerate()
            .map(|(i, segment)| match *segment {
                "{}" => format!("/{{p{i}}}"),
                literal => format!("/{literal}"),
            })
            .collect();
        match (path.as_str(), end) {
            ("", "") => "/".to_owned(),
            _ => path + end,
        }
    })
}

fn template() -> impl Strategy<Value = String> {
    let part = select(&["v={v}", "format=swagger", "w={w}", "$top=1"][..]);
    (template_path(), proptest::option::of(part)).prop_map(|(path, part)| match part {
        Some(part) => format!("{path}?{part}"),
        None => path,
    })
}
