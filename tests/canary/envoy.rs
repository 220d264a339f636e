//! What a running gateway shows while every refusal is provoked at log level `trace`.

use std::collections::{BTreeMap, BTreeSet};

use azureml_gateway::decide::refusal::CODES;
use serde_json::Value;
use support::{Gateway, H2Request, Options, Reply, eventually, h2c, layout, render, send};

use crate::calls::{CALLERS_DATA, Call, HTTP1_ONLY, calls, malformed, misplaced};
use crate::policy::{Backends, ENVIRONMENT, INLINE, policy};
use crate::{assert_shows, ctl, key, places, set};

/// The one code that no call can provoke: it takes a hundred swaps lost in a row.
const NOT_PROVOKED: &str = "limit_contended";

/// Where Envoy 1.40 itself logs keys, by level and component, as README's section on security says.
const ENVOYS_OWN: [(&str, &str); 4] =
    [("debug", "config"), ("debug", "http"), ("debug", "router"), ("trace", "http")];
/// Of these, the one that shows what goes to a backend, and so the keys of the environment.
const TO_BACKENDS: (&str, &str) = ("debug", "router");

fn start(backends: &Backends) -> Gateway {
    let upgrades = |yaml: String| {
        let mark = "          server_name: gateway\n";
        let more = format!("{mark}          upgrade_configs: [{{ upgrade_type: websocket }}]\n");
        // The shipped listener answers upgrades itself; here the filter has to.
        layout::replace_once(&yaml, mark, &more).unwrap()
    };
    let env = ENVIRONMENT.map(|(variable, place)| (variable.to_owned(), key(place)));
    let options = Options {
        env: env.to_vec(),
        log_level: "trace".to_owned(),
        edit: Box::new(upgrades),
        ..Options::new(render(ctl(), &policy(backends).to_string()).unwrap())
    };
    Gateway::start(&options).unwrap_or_else(|problem| panic!("{problem}"))
}

/// The outcome as the caller sees it.
fn outcome(reply: &Reply) -> String {
    reply.header("x-gateway-refusal").unwrap_or_else(|| "forwarded".to_owned())
}

fn over_http2(gateway: &Gateway, call: &Call) -> Reply {
    let headers: Vec<_> = call
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone().into_bytes()))
        .collect();
    let headers: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let trailer = format!("Bearer {}", key("trailer"));
    let request = H2Request {
        method: call.method,
        scheme: "http",
        authority: &call.host,
        path: &call.target,
        headers: &headers,
        body: b"{}",
        trailers: &[("authorization", trailer.as_bytes())],
    };
    h2c(gateway.http_port(), &request)
        .unwrap_or_else(|error| panic!("{} {}: {error}", call.method, call.target))
}

fn shown(reply: &Reply) -> String {
    let headers = reply.headers.iter();
    let headers = headers
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value)))
        .collect::<String>();
    format!("{}\n{headers}{}", reply.status, reply.text())
}

/// Sends everything, and returns every code that a caller was refused with.
fn drive(gateway: &Gateway) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for call in calls() {
        let reply = send(gateway.http_port(), call.http1().as_bytes())
            .unwrap_or_else(|error| panic!("{}: {error}", call.target));
        assert_eq!(outcome(&reply), call.outcome, "{} {}", call.method, call.target);
        assert_shows("a reply", &shown(&reply), &[]);
        codes.insert(outcome(&reply));
    }
    for call in calls().iter().filter(|call| !HTTP1_ONLY.contains(&call.outcome)) {
        let reply = over_http2(gateway, call);
        assert_shows("a reply over HTTP/2", &shown(&reply), &[]);
    }
    for raw in malformed() {
        let reply = send(gateway.http_port(), raw.as_bytes()).unwrap();
        assert!(reply.status >= 400, "{}", reply.text());
        assert_shows("Envoy's own reply", &shown(&reply), &[]);
    }
    for call in misplaced() {
        let reply = send(gateway.http_port(), call.http1().as_bytes()).unwrap();
        assert_eq!(outcome(&reply), call.outcome, "{}", call.target);
        // The challenge names the host that the caller asked for.
        assert_shows("a reply", &shown(&reply), &["in-host"]);
    }
    codes
}

#[test]
fn no_key_shows_but_where_envoy_itself_shows_it() {
    let backends = Backends::start();
    let gateway = start(&backends);
    let codes = drive(&gateway);
    let all = CODES.into_iter().filter(|code| *code != NOT_PROVOKED);
    assert_eq!(codes, set(all.chain(["forwarded"])));
    access_log(&gateway);
    admin_pages(&gateway);
    received(&backends);
    envoys_log(&gateway);
}

/// One line a request; the host and a refused call's path are the caller's own words.
fn access_log(gateway: &Gateway) {
    let http1 = calls().len() + malformed().len() + misplaced().len();
    let http2 = calls().iter().filter(|call| !HTTP1_ONLY.contains(&call.outcome)).count();
    let lines = || gateway.access_log().lines().count();
    eventually("every call is logged", || lines() == http1 + http2);
    let (mut paths, mut others) = (BTreeSet::new(), String::new());
    for line in gateway.access_log().lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        for field in ["path", "authority"] {
            paths.extend(places(&line[field].take().to_string()));
        }
        others.push_str(&format!("{line}\n"));
    }
    assert_shows("the access log", &others, &[]);
    assert_eq!(paths, set(["in-path", "in-host"]));
}

/// Every page that Envoy's admin interface lists; only the configuration dump shows inline keys.
fn admin_pages(gateway: &Gateway) {
    let admin = gateway.admin();
    let help = admin.page("/help").unwrap();
    let listed = help.lines().filter_map(|line| line.strip_prefix("  /")?.split([':', ' ']).next());
    let listed: BTreeSet<&str> = listed.collect();
    for known in ["config_dump", "stats", "stats/prometheus", "clusters", "server_info"] {
        assert!(listed.contains(known), "/{known} is not among Envoy's pages:\n{help}");
    }
    for page in listed {
        let text = admin.page(&format!("/{page}")).unwrap();
        let allowed: &[&str] = if page == "config_dump" { &INLINE } else { &[] };
        assert_shows(&format!("/{page}"), &text, allowed);
    }
    assert_eq!(places(&admin.page("/config_dump").unwrap()), set(INLINE));
}

/// Every backend has its own key, what a caller sent as data, and no other key.
fn received(backends: &Backends) {
    for (own, backend) in &backends.all {
        let heads = backend.heads();
        assert!(!heads.is_empty(), "the backend of {own} received nothing");
        let mut allowed = CALLERS_DATA.to_vec();
        if *own != "none" {
            allowed.push(own);
            let mut requests = heads.iter().filter(|head| head.contains(" HTTP/1.1\r\n"));
            assert!(requests.all(|head| places(head).contains(*own)), "{own}: {heads:?}");
        }
        assert_shows(&format!("the backend of {own}"), &heads.join(""), &allowed);
    }
}

/// An entry of Envoy's log: `[time][thread][level][component] [file] text`, with the lines below it.
struct Entry {
    level: String,
    component: String,
    text: String,
}

fn entries(log: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in log.lines() {
        let mut parts = line.strip_prefix("[20").unwrap_or_default().splitn(4, "][");
        let head = (parts.nth(2), parts.next().and_then(|rest| rest.split(']').next()));
        match (head, entries.last_mut()) {
            ((Some(level), Some(component)), _) => {
                let (level, component) = (level.to_owned(), component.to_owned());
                entries.push(Entry { level, component, text: line.to_owned() });
            }
            (_, Some(last)) => last.text.push_str(&format!("\n{line}")),
            (_, None) => {}
        }
    }
    entries
}

/// Which levels and components of Envoy's log show keys. No line of the filter's may.
pub(crate) fn showing(log: &str) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut showing: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    let entries = entries(log);
    assert!(
        entries.iter().any(|entry| entry.text.contains("wasm log")),
        "the log has no line of the filter's"
    );
    for Entry { level, component, text } in entries {
        if text.contains("wasm log") {
            assert_shows("a line of the filter's", &text, &[]);
        }
        let found = places(&text);
        if !found.is_empty() {
            showing.entry((level, component)).or_default().extend(found);
        }
    }
    showing
}

fn envoys_log(gateway: &Gateway) {
    let log = gateway.log();
    assert!(!log.contains("panicked"), "{log}");
    let reloads = gateway.admin().page("/stats?filter=vm_reload").unwrap();
    assert!(reloads.lines().all(|line| line.ends_with(": 0")), "{reloads}");
    let showing = showing(&log);
    assert_eq!(showing.keys().cloned().collect::<BTreeSet<_>>(), named(ENVOYS_OWN));
    for (variable, place) in ENVIRONMENT {
        let shown = showing.iter().filter(|(_, places)| places.contains(place));
        let shown = shown.map(|(entry, _)| entry.clone()).collect::<BTreeSet<_>>();
        assert_eq!(shown, named([TO_BACKENDS]), "{variable}");
    }
}

/// Levels and components, as [`showing`] has them.
pub(crate) fn named<const N: usize>(entries: [(&str, &str); N]) -> BTreeSet<(String, String)> {
    entries.map(|(level, component)| (level.to_owned(), component.to_owned())).into()
}
