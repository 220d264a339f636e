//! What a real Prometheus makes of known traffic: every panel, every rule.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::json;
use support::eventually;

use crate::prometheus::{Prometheus, Samples};
use crate::traffic::{OF_EACH, QUOTA, ROUND, Traffic};
use crate::{gatewayctl, panels, queries, read, shipped};

/// Prometheus extrapolates to the ends of the span that is asked for, less the longer it has looked; and it
/// may have looked first in the middle of the first round, which is a tenth of the second.
const TOLERANCE: f64 = 0.18;

/// What a query must give: for the values of its labels, a number between two.
type Expected = BTreeMap<String, (f64, f64)>;

fn about(labels: &str, value: f64) -> (String, (f64, f64)) {
    (labels.to_owned(), (value * (1.0 - TOLERANCE), value * (1.0 + TOLERANCE)))
}

/// So many calls of each of a round, in the second round.
fn count(labels: &str, of_each: u64) -> (String, (f64, f64)) {
    about(labels, (of_each * ROUND) as f64)
}

/// The same as calls a second of five minutes.
fn rate(labels: &str, of_each: u64) -> (String, (f64, f64)) {
    about(labels, (of_each * ROUND) as f64 / 300.0)
}

fn between(labels: &str, low: f64, high: f64) -> (String, (f64, f64)) {
    (labels.to_owned(), (low, high))
}

/// By panel and legend.
fn expected(panel: &str, legend: &str, sent: u64) -> Expected {
    let milliseconds = between("", 0.01, 15_000.0);
    let rows = match (panel, legend) {
        ("Calls", _) => vec![count("", OF_EACH)],
        ("Succeeded", _) => vec![about("", 6.0 / 13.0)],
        ("Backend errors", _) => vec![about("", 1.0 / 7.0)],
        ("Alerts", _) => vec![between("", 2.0, 2.0)],
        ("Calls by result", _) => {
            vec![rate("success", 6), rate("blocked", 5), rate("failed", 1), rate("other", 1)]
        }
        ("Refusals by code", _) => vec![
            rate("subscription_key_invalid", 4),
            rate("rate_limit_exceeded", 1),
            rate("unmatched", 1),
        ],
        ("Calls by API", _) => vec![rate("ml", 12), rate("", 1)],
        ("Calls by operation", _) => vec![
            rate("ml score", 5),
            rate("ml read", 4),
            rate("ml fails", 1),
            rate("ml rated", 1),
            rate("ml tried", 1),
            rate("", 1),
        ],
        ("Calls by product", _) => vec![rate("starter", 4), rate("", 9)],
        ("Calls by subscription", _) => vec![rate("team", 4), rate("direct", 3), rate("", 6)],
        ("Latency", _) => vec![milliseconds],
        ("Latency p95 by operation", _) => {
            ["ml score", "ml read", "ml fails", "ml rated", "ml tried", ""]
                .map(|name| between(name, 0.01, 15_000.0))
                .to_vec()
        }
        ("Backend time p95 by cluster", _) => vec![between("gateway-http", 0.01, 15_000.0)],
        ("Bandwidth", "sent") => vec![about("", sent as f64 / 300.0)],
        ("Bandwidth", "received") => vec![about("", (2 * 5 * ROUND) as f64 / 300.0)],
        ("Top callers", _) => vec![count("team", 4), count("direct", 3)],
        ("Limit pressure", _) => vec![about("team", 0.25)],
        ("Limits used", _) => vec![
            about("rate product/starter/rate starter team", (3 * ROUND) as f64 / 600.0),
            about("quota product/starter/quota starter team", (3 * ROUND) as f64 / QUOTA as f64),
            between("rate api/ml/rated/rate starter team", 0.0, 0.0),
        ],
        ("Shadow mode", _) => vec![rate("shadow_subscription_key_missing", 1)],
        // Taken before Prometheus looked; then one was rejected.
        ("Policy updates", "rejected") => vec![between("", 0.9, 1.5)],
        ("Policy updates" | "Filter reloads", _) => vec![between("", 0.0, 0.0)],
        other => panic!("the traffic does not say what {other:?} should show"),
    };
    rows.into_iter().collect()
}

/// The samples by their labels' values; job and instance are one here.
fn by_labels(samples: Samples) -> BTreeMap<String, f64> {
    let row = |(labels, value): (BTreeMap<String, String>, f64)| {
        let values = labels.iter().filter(|(name, value)| {
            !["__name__", "job", "instance"].contains(&name.as_str()) && !value.is_empty()
        });
        (values.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" "), value)
    };
    samples.into_iter().map(row).collect()
}

fn agrees(found: &BTreeMap<String, f64>, expected: &Expected) -> bool {
    found.len() == expected.len()
        && expected.iter().all(|(labels, (low, high))| {
            found.get(labels).is_some_and(|value| (*low..=*high).contains(value))
        })
}

/// Sends both rounds, with Prometheus looking at each, and then a policy that is rejected.
fn drive(traffic: &Traffic, prometheus: &Prometheus) -> u64 {
    let seen = |total: u64| {
        eventually("Prometheus has seen every call", || {
            prometheus.number("sum(envoy_gateway_requests)") as u64 == total
        });
    };
    traffic.round(2);
    seen(2 * OF_EACH);
    let sent = traffic.round(ROUND);
    seen((2 + ROUND) * OF_EACH);
    let mut bad = traffic.policy.clone();
    bad["version"] = json!(2);
    let good = gatewayctl("render", &traffic.policy);
    let mut resource: serde_json::Value = serde_json::from_str(&good).unwrap();
    resource["version_info"] = json!("bad");
    resource["resources"][0]["typed_config"]["config"]["configuration"]["value"] =
        json!(bad.to_string());
    assert!(traffic.gateway.replace_policy(&resource.to_string()).is_err());
    sent
}

#[test]
fn every_panel_and_rule_says_what_the_traffic_implies() {
    let traffic = Traffic::start();
    let limits = gatewayctl("limits", &traffic.policy);
    let prometheus = Prometheus::start(traffic.gateway.admin(), &limits);
    let sent = drive(&traffic, &prometheus);
    for panel in panels() {
        let title = panel["title"].as_str().unwrap();
        for (legend, query) in queries(&panel) {
            let expected = expected(title, &legend, sent);
            let found = || by_labels(prometheus.query(&query));
            let what = || format!("{title} {legend}: {:?} is {expected:?}\n{query}", found());
            eventually(&what(), || agrees(&found(), &expected));
        }
    }
    rules(&prometheus);
    every_series_exists(&prometheus);
    picture(&prometheus);
}

/// All are evaluated without an error. What lasts for minutes is `pending` here: rules.test.yml waits.
fn rules(prometheus: &Prometheus) {
    let mut states = BTreeMap::new();
    for rule in prometheus.rules() {
        let name = rule["name"].as_str().unwrap().to_owned();
        assert_eq!(rule["health"], "ok", "{rule}");
        if let Some(state) = rule["state"].as_str() {
            states.insert(name, state.to_owned());
        } else {
            assert!(!prometheus.query(&name).is_empty(), "{name} records nothing");
        }
    }
    let expected = [
        ("GatewayBackendErrors", "pending"),
        ("GatewayDown", "inactive"),
        ("GatewayFilterReloaded", "inactive"),
        ("GatewayLimitContended", "inactive"),
        ("GatewayLimitPressure", "pending"),
        ("GatewayPolicyRejected", "firing"),
        ("GatewayQuotaNearlyUsed", "firing"),
        ("GatewayQuotaSpent", "inactive"),
        ("GatewayRefusalsSurge", "pending"),
        ("GatewayWithoutPolicy", "inactive"),
    ];
    let expected = expected.map(|(name, state)| (name.to_owned(), state.to_owned())).into();
    assert_eq!(states, expected);
}

/// Envoy has every statistic that rules and dashboard name: a query of none is empty, and no alert.
fn every_series_exists(prometheus: &Prometheus) {
    let files = ["rules.yml", "dashboard.json"].map(|file| read(&shipped().join(file))).join("\n");
    let words = files.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named: BTreeSet<String> = words
        .filter(|word| word.starts_with("envoy_") && !word.ends_with("_name"))
        .map(str::to_owned)
        .collect();
    assert!(named.len() > 8, "{named:?}");
    let missing: Vec<_> = named.difference(&prometheus.names()).cloned().collect();
    assert!(missing.is_empty(), "Envoy has no {missing:?}");
}

/// The script that draws the documentation's picture, on this traffic.
fn picture(prometheus: &Prometheus) {
    let out = std::env::temp_dir().join(format!("monitoring-{}.svg", std::process::id()));
    let drawn = Command::new("python3")
        .arg(shipped().join("picture.py"))
        .args(["--prometheus", &format!("http://127.0.0.1:{}", prometheus.port)])
        .args(["--minutes", "1", "--out"])
        .arg(&out)
        .env("no_proxy", "127.0.0.1")
        .output()
        .unwrap();
    assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
    let svg = read(&out);
    let _ = std::fs::remove_file(&out);
    for panel in panels().iter().filter(|panel| panel["type"] == "timeseries") {
        let title = panel["title"].as_str().unwrap();
        assert!(svg.contains(&format!(">{title}<")), "no {title}");
    }
    assert!(svg.contains("<polyline") && svg.trim_end().ends_with("</svg>"), "{svg}");
}
