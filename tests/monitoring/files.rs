//! The files without traffic: Prometheus takes them, the rules' own tests pass, the dashboard is whole.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::json;

use crate::prometheus::{Folder, promtool};
use crate::{gatewayctl, panels, queries, read, shipped};

/// The limits of which `rules.test.yml` speaks.
fn limits() -> String {
    gatewayctl(
        "limits",
        &json!({ "version": 1,
            "apis": [{ "name": "ml", "path": "ml", "serviceUrl": "https://backend.example",
                "operations": [{ "name": "score", "method": "GET", "urlTemplate": "/score" }],
                "backends": [{ "match": {}, "credentials": "none" }] }],
            "products": [{ "name": "small", "apis": ["ml"],
                "rateLimit": { "calls": 60, "renewalPeriod": 3600 },
                "quota": { "calls": 100, "renewalPeriod": 86_400 } }],
            "subscriptions": [{ "name": "team", "scope": "/products/small",
                "primaryKey": { "sha256": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" } }],
        }),
    )
}

fn assert_promtool(arguments: &[&str], folder: &Path) {
    let output = promtool(arguments, folder);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "promtool {}:\n{said}", arguments.join(" "));
}

#[test]
fn prometheus_takes_the_shipped_files_as_they_are() {
    assert_promtool(&["check", "config", "prometheus.yml"], &shipped());
    let folder = Folder::new("monitoring-files", &limits());
    assert_promtool(&["check", "rules", "rules.yml", "limits.yml"], &folder.0);
}

#[test]
fn each_rule_fires_when_it_should_and_only_then() {
    let folder = Folder::new("monitoring-rules", &limits());
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/monitoring/rules.test.yml");
    fs::copy(&tests, folder.0.join("rules.test.yml")).unwrap();
    assert_promtool(&["test", "rules", "rules.test.yml"], &folder.0);
    // An alert that nobody tries is none.
    let (rules, tests) = (read(&shipped().join("rules.yml")), read(&tests));
    for alert in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(&format!("alertname: {alert}\n")), "{alert} is not tested");
    }
}

#[test]
fn the_dashboards_panels_have_names_and_places_of_their_own() {
    let (mut titles, mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for panel in panels() {
        let title = panel["title"].as_str().unwrap().to_owned();
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{title}");
        assert!(!queries(&panel).is_empty(), "{title}");
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is another's");
        let at = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        for (x, y) in (0..at("w")).flat_map(|x| (0..at("h")).map(move |y| (x, y))) {
            let place = (at("x") + x, at("y") + y);
            assert!(place.0 < 24 && taken.insert(place), "{title} lies over another panel");
        }
        assert!(titles.insert(title.clone()), "{title} is there twice");
    }
    assert!(titles.len() > 15, "{titles:?}");
}

#[test]
fn a_limit_that_prometheus_cannot_see_is_left_out_and_said() {
    let limits = limits();
    for (kind, span) in [("rate", "[3600s])) / 60"), ("quota", "[86400s])) / 100")] {
        assert!(limits.contains(&format!("product/small/{kind}")), "{limits}");
        assert!(limits.contains(span), "{limits}");
    }
    let policy = json!({ "version": 1,
        "apis": [{ "name": "ml", "path": "ml", "serviceUrl": "https://backend.example",
            "rateLimit": { "calls": 10, "renewalPeriod": 10 }, "subscriptionRequired": false,
            "operations": [{ "name": "score", "method": "GET", "urlTemplate": "/score",
                "rateLimit": { "calls": 5, "renewalPeriod": 60 } }],
            "backends": [{ "match": {}, "credentials": "none" }] }],
    });
    let limits = gatewayctl("limits", &policy);
    assert!(limits.contains(r#"api=\"ml\", subscription!=\"\", operation=\"score\"}[60s])) / 5"#));
    assert!(!limits.contains("api/ml/rate"), "{limits}");
}
