//! The developer portal in a real Chromium, served by a real Envoy with the demo policy in front of
//! the emulator. Each test runs one scenario of `scenarios.mjs`, which `drive.mjs` holds to what is
//! true of every one: no request leaves the origin, no error is logged, nothing is stored.

// A test ends by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use emulator::{Emulator, Settings};
use serde_json::{Value, json};
use support::{Gateway, Options, render};

const BACKEND_KEY: &str = "backend-key";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).into()
}

/// Starts the demo, changed, and runs a scenario against the portal at `path`.
fn run(scenario: &str, path: &str, change: impl FnOnce(&mut Value)) {
    let emulator = Emulator::start(Settings::demo(BACKEND_KEY)).unwrap();
    let file = root().join("envoy/policy.json");
    let mut policy: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    policy["apis"][0]["serviceUrl"] = json!(format!("http://{}", emulator.address()));
    change(&mut policy);
    let gatewayctl = Path::new(env!("CARGO_BIN_EXE_gatewayctl"));
    let options = Options {
        env: vec![("AZUREML_DEMO_KEY".into(), BACKEND_KEY.into())],
        ..Options::new(render(gatewayctl, &policy.to_string()).unwrap())
    };
    let gateway = Gateway::start(&options).unwrap();
    let portal = format!("http://127.0.0.1:{}/{path}/", gateway.http_port());
    drive(scenario, &portal, &emulator.address().to_string());
}

fn drive(scenario: &str, portal: &str, backend: &str) {
    let folder = root().join("tests/portal");
    assert!(
        folder.join("node_modules/playwright-core").exists(),
        "the driver of the browser is missing: `make browser` gets it"
    );
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let known = Command::new(&chromium).arg("--version").stdin(Stdio::null()).output();
    if let Err(error) = known {
        panic!(
            "the portal's tests need Chromium, and `{chromium}` is: {error}. `make browser` \
                installs Debian's; CHROMIUM=/path/to/chromium uses another"
        );
    }
    let driven = Command::new("node")
        .args(["drive.mjs", scenario])
        .current_dir(folder)
        .env("PORTAL", portal)
        .env("BACKEND", backend)
        .env("CHROMIUM", chromium)
        .stdin(Stdio::null())
        .output();
    let driven = driven.unwrap_or_else(|error| panic!("`node`, which drives the browser: {error}"));
    let said =
        [driven.stdout, driven.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(driven.status.success(), "{scenario}: {}\n{}", driven.status, said.concat());
}

#[test]
fn the_guides_call_is_tried_from_the_list_to_the_eight_counts() {
    run("guide", "portal", |_| {});
}

#[test]
fn refusals_are_shown_as_they_are_and_the_sixth_call_says_when_to_come_back() {
    run("refusals", "portal", |_| {});
}

#[test]
fn usage_is_five_of_five_and_follows_calls() {
    run("usage", "portal", |_| {});
}

#[test]
fn the_backends_url_is_shown_to_a_subscription_with_tracing_alone() {
    run("tracing", "portal", |policy| {
        policy["subscriptions"][0]["allowTracing"] = json!(false);
        policy["subscriptions"][1]["allowTracing"] = json!(true);
    });
}

#[test]
fn the_call_as_code_does_the_call_whatever_was_typed() {
    run("code", "portal", |_| {});
}

#[test]
fn the_keyboard_alone_is_enough() {
    run("keyboard", "portal", |_| {});
}

#[test]
fn it_is_readable_for_everybody_on_a_phone_and_in_the_dark() {
    run("readable", "portal", |_| {});
}

#[test]
fn a_moved_portal_works_and_text_of_a_policy_is_never_run() {
    run("moved", "dev/portal", |policy| {
        policy["portal"]["path"] = json!("dev/portal");
        let hostile =
            r#"<img src="x" onerror="document.title='run'"><script>document.title='run'</script>"#;
        policy["apis"][0]["displayName"] = json!(hostile);
        policy["apis"][0]["path"] = json!("ml/hashing");
        policy["apis"][0]["subscriptionKeyParameterNames"] = json!({ "header": "Authorization" });
        let operation = &mut policy["apis"][0]["operations"][0];
        operation["displayName"] = json!(hostile);
        operation["description"] = json!(hostile);
        operation["templateParameters"][0]["description"] =
            json!(format!("{hostile} ![](https://elsewhere.example/x.png)"));
        policy["products"][0]["description"] = json!(hostile);
        policy["subscriptions"][0]["displayName"] = json!(hostile);
    });
}

/// With PICTURES set to a folder, that is where they go: `make pictures`.
#[test]
fn pictures_are_made_from_real_calls() {
    run("pictures", "portal", |_| {});
}
