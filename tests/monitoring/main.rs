//! `envoy/monitoring` on a real Prometheus: its files are right, and after known traffic every query of
//! the dashboard and every rule says what the traffic implies.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `prometheus` | Prometheus on a free port, with the shipped configuration |
//! | `files` | what needs no traffic: promtool, and the dashboard's form |
//! | `traffic` | a gateway, and calls with every result |
//! | `live` | what the queries and rules make of it |

// A test ends by panicking, and waits by the clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod files;
mod live;
mod prometheus;
mod traffic;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/monitoring")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The dashboard's panels.
fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(&read(&shipped().join("dashboard.json"))).unwrap();
    dashboard["panels"].as_array().unwrap().clone()
}

/// What a panel asks Prometheus: the legend of each query, and the query as Grafana sends it when every
/// variable is at "All" and the last five minutes are shown.
fn queries(panel: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let targets = panel["targets"].as_array().unwrap().iter();
    let queries = targets.map(|target| {
        let mut query = text(&target["expr"]);
        for (variable, value) in [
            ("$__rate_interval", "5m"),
            ("$__range", "5m"),
            ("$instance", ".*"),
            ("$api", ".*"),
            ("$product", ".*"),
            ("$subscription", ".*"),
        ] {
            query = query.replace(variable, value);
        }
        assert!(!query.contains('$'), "a variable that the dashboard has not: {query}");
        (text(&target["legendFormat"]), query)
    });
    queries.collect()
}

/// What a command of `gatewayctl` prints of a policy.
fn gatewayctl(command: &str, policy: &Value) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let ctl = env!("CARGO_BIN_EXE_gatewayctl");
    let file = std::env::temp_dir().join(format!("monitoring-{}-{number}", std::process::id()));
    fs::write(&file, policy.to_string()).unwrap();
    let output = std::process::Command::new(ctl).arg(command).arg(&file).output().unwrap();
    let _ = fs::remove_file(&file);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
