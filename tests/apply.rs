//! `gatewayctl apply` against a running Envoy.

// A test ends by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::{Gateway, Options, render, send};

const WASM: &str = "dist/azureml-gateway.wasm";

fn policy(path: &str, variable: &str) -> Value {
    json!({ "version": 1, "apis": [{
        "name": "ml", "path": path, "protocols": ["http"], "serviceUrl": "http://127.0.0.1:9",
        "subscriptionRequired": false,
        "operations": [{ "name": "score", "method": "POST", "urlTemplate": "/score" }],
        "backends": [{ "match": {}, "credentials": { "header": { "api-key": { "env": variable } } } }],
    }] })
}

fn start() -> Gateway {
    let gatewayctl = Path::new(env!("CARGO_BIN_EXE_gatewayctl"));
    let ecds = render(gatewayctl, &policy("first", "FIRST_KEY").to_string()).unwrap();
    let env = [("FIRST_KEY", "first-key"), ("SECOND_KEY", "second-key")];
    let env = env.map(|(name, value)| (name.into(), value.into())).into();
    Gateway::start(&Options { env, ..Options::new(ecds) }).unwrap()
}

/// The exit status, and all that was said.
fn apply(gateway: &Gateway, policy: &Value) -> (bool, String) {
    let folder = gateway.folder();
    let file = folder.join("policy.json");
    std::fs::write(&file, policy.to_string()).unwrap();
    let admin = format!("http://127.0.0.1:{}", gateway.admin().port);
    let output = Command::new(env!("CARGO_BIN_EXE_gatewayctl"))
        .current_dir(folder)
        .args(["apply", "policy.json", "--admin", &admin, "--wasm", WASM, "--log", "envoy.log"])
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// Which policy decides: its path is not "unmatched".
fn serves(gateway: &Gateway, path: &str) -> bool {
    let raw = format!("GET /{path}/x HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n");
    let reply = send(gateway.http_port(), raw.as_bytes()).unwrap();
    reply.header("x-gateway-refusal").as_deref() == Some("operation_not_found")
}

#[test]
fn a_policy_goes_live_and_the_same_again_is_already_current() {
    let gateway = start();
    assert!(serves(&gateway, "first"));
    let second = policy("second", "SECOND_KEY");
    let (live, said) = apply(&gateway, &second);
    assert!(live && said.contains("policy.json: live: version "), "{said}");
    assert!(serves(&gateway, "second") && !serves(&gateway, "first"));
    let (current, said) = apply(&gateway, &second);
    assert!(current && said.contains("already current"), "{said}");
}

#[test]
fn a_rejected_policy_says_why_and_leaves_the_old_one_serving_and_on_disk() {
    let gateway = start();
    let file = gateway.folder().join("dist/ecds/gateway.json");
    let before = std::fs::read(&file).unwrap();
    let (live, said) = apply(&gateway, &policy("second", "NOT_IN_ENVOYS_ENVIRONMENT"));
    assert!(!live, "{said}");
    assert!(said.contains("rejected: the policy before it still serves"), "{said}");
    assert!(
        said.contains("the environment variable NOT_IN_ENVOYS_ENVIRONMENT is not set"),
        "{said}"
    );
    assert!(serves(&gateway, "first") && !serves(&gateway, "second"));
    assert_eq!(std::fs::read(&file).unwrap(), before);
    let (live, said) = apply(&gateway, &policy("second", "SECOND_KEY"));
    assert!(live, "a right one after it: {said}");
}

#[test]
fn a_policy_with_problems_never_reaches_envoy() {
    let gateway = start();
    let mut bad = policy("second", "SECOND_KEY");
    bad["apis"][0]["operations"][0]["method"] = json!("post");
    let (live, said) = apply(&gateway, &bad);
    assert!(
        !live && said.contains("apis[0].operations[0].method: must be an HTTP method"),
        "{said}"
    );
    assert_eq!(gateway.admin().updates().unwrap().refused, 0);
}

#[test]
fn a_backend_whose_cluster_envoy_lacks_is_named() {
    let gateway = start();
    let mut policy = policy("second", "SECOND_KEY");
    policy["apis"][0]["cluster"] = json!("elsewhere");
    let (live, said) = apply(&gateway, &policy);
    assert!(
        !live && said.contains("API ml: the backend 127.0.0.1:9 needs the cluster \"elsewhere\""),
        "{said}"
    );
    assert!(serves(&gateway, "first"));
}

#[test]
fn an_envoy_that_is_not_there_is_an_error_and_writes_nothing() {
    let gateway = start();
    let file = gateway.folder().join("dist/ecds/gateway.json");
    let before = std::fs::read(&file).unwrap();
    let policy_file = gateway.folder().join("policy.json");
    std::fs::write(&policy_file, policy("second", "SECOND_KEY").to_string()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gatewayctl"))
        .current_dir(gateway.folder())
        .args([
            "apply",
            "policy.json",
            "--admin",
            &format!("http://127.0.0.1:{}", support::free_port()),
        ])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("Envoy's admin interface"), "{said}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}
