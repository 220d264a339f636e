//! The command line, as a user runs it.

// A test ends by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

const DEMO: &str = "envoy/policy.json";
const SERVICE: &str =
    "/workspaces/0123456789abcdef0123456789abcdef/services/fedcba9876543210fedcba9876543210";

struct Run {
    success: bool,
    out: String,
    err: String,
}

fn gatewayctl(arguments: &[&str], key: Option<&str>) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatewayctl"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("AZUREML_DEMO_KEY");
    if let Some(key) = key {
        command.env("AZUREML_DEMO_KEY", key);
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { success: output.status.success(), out: text(output.stdout), err: text(output.stderr) }
}

fn temporary(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn check_says_what_is_guarded_what_is_open_and_which_secrets_are_missing() {
    let run = gatewayctl(&["check", DEMO], None);
    assert!(run.success, "{}", run.err);
    for line in [
        "API azureml-demo: /azureml-demo over http and https",
        "subscriptions: starter-demo, unlimited-demo; key in Ocp-Apim-Subscription-Key",
        "rate limit: 5 calls in 60 s for each subscription",
        "quota: 100 calls in 604800 s for each subscription",
        "a restart begins anew, replicas count alone",
        "guarded: 5 operations",
        "(bes-delete)",
        "http://127.0.0.1:9080 by cluster gateway-http, key in authorization",
        "NOT SET in this environment: AZUREML_DEMO_KEY",
    ] {
        assert!(run.out.contains(line), "{line}\n{}", run.out);
    }
    let run = gatewayctl(&["check", DEMO], Some("s3cret"));
    assert!(run.success && run.out.contains("secrets: all set: AZUREML_DEMO_KEY"), "{}", run.out);
    assert!(!run.out.contains("s3cret"));
}

#[test]
fn check_in_envoys_environment_counts_a_missing_secret_as_a_problem() {
    let run = gatewayctl(&["check", DEMO, "--require-secrets"], None);
    assert!(
        !run.success && run.err.contains("the environment variable AZUREML_DEMO_KEY is not set")
    );
    assert!(gatewayctl(&["check", DEMO, "--require-secrets"], Some("k")).success);
}

#[test]
fn check_prints_every_problem_and_fails() {
    let run = gatewayctl(&["check", "tests/config_bad/many-problems-in-one-pass.json"], None);
    assert!(!run.success);
    assert_eq!(
        run.err.lines().filter(|line| line.contains(": problem: ")).count(),
        6,
        "{}",
        run.err
    );
    assert!(run.err.ends_with("6 problems: the filter would refuse this policy\n"), "{}", run.err);
    let run = gatewayctl(&["check", "no/such/file.json"], None);
    assert!(!run.success && run.err.contains("no/such/file.json: "), "{}", run.err);
}

#[test]
fn explain_says_which_operation_matched_and_what_goes_to_the_backend() {
    let url = format!("http://gw/azureml-demo{SERVICE}/jobs/7?api-version=2.0");
    let key = "Ocp-Apim-Subscription-Key: starter-demo-key";
    let own = "Authorization: Bearer own";
    let run = gatewayctl(&["explain", DEMO, "GET", &url, "-H", own, "-H", key], Some("s3cret"));
    assert!(run.success, "{}", run.err);
    for line in [
        "(bes-status): matches: workspace=0123456789abcdef0123456789abcdef,",
        "(bes-delete): no: another method",
        "(rrs-execute): no: another path",
        &format!(":path: {SERVICE}/jobs/7?api-version=2.0\n"),
        "subscription: starter-demo",
        ":authority: 127.0.0.1:9080",
        "authorization: ***",
    ] {
        assert!(run.out.contains(line), "{line}\n{}", run.out);
    }
    assert!(!run.out.contains("s3cret") && !run.out.contains("Bearer own"), "{}", run.out);
    assert!(!run.out.contains("starter-demo-key"), "{}", run.out);
}

#[test]
fn explain_says_why_a_call_is_refused() {
    let url = format!("/azureml-demo{SERVICE}/jobs?api-version=3.0");
    let run = gatewayctl(&["explain", DEMO, "POST", &url], None);
    assert!(
        run.out.contains("(bes-submit): no: The parameter 'api-version' must be '2.0'."),
        "{}",
        run.out
    );
    assert!(run.out.contains("refused: 400 invalid_parameter"), "{}", run.out);
    let run = gatewayctl(&["explain", DEMO, "GET", "https://gw/elsewhere"], None);
    assert!(run.out.contains("below none of:\n  /azureml-demo\n"), "{}", run.out);
    let run = gatewayctl(&["explain", DEMO, "GET", "elsewhere"], None);
    assert!(!run.success && run.err.contains("the URL must be"), "{}", run.err);
}

#[test]
fn a_new_key_opens_what_its_hash_subscribes_to() {
    let new = gatewayctl(&["key", "new"], None).out;
    let line = |name: &str| {
        let line = new.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().to_owned()
    };
    let (key, hash) = (line("key:"), line("sha256:"));
    assert_eq!(key.len(), 43, "256 random bits");
    assert_ne!(gatewayctl(&["key", "new"], None).out, new);

    let file = temporary("key").join("policy.json");
    let policy = json!({ "version": 1,
        "apis": [{ "name": "ml", "path": "ml", "serviceUrl": "https://backend.example",
            "operations": [{ "name": "score", "method": "POST", "urlTemplate": "/score" }],
            "backends": [{ "match": {}, "credentials": "none" }] }],
        "products": [{ "name": "starter", "apis": ["ml"] }],
        "subscriptions": [{ "name": "team", "scope": "/products/starter", "primaryKey": { "sha256": hash } }],
    });
    std::fs::write(&file, policy.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let check = gatewayctl(&["check", file], None);
    assert!(
        check.out.contains("subscriptions: team; key in Ocp-Apim-Subscription-Key"),
        "{}",
        check.out
    );
    let explain = |key: &str| {
        let header = format!("Ocp-Apim-Subscription-Key: {key}");
        gatewayctl(&["explain", file, "POST", "https://gw/ml/score", "-H", &header], None).out
    };
    let taken = explain(&key);
    assert!(taken.contains("subscription: team\nforwarded"), "{taken}");
    assert!(!taken.contains(&key), "{taken}");
    assert!(explain("other").contains("refused: 401 subscription_key_invalid"));
}

#[test]
fn key_hash_hashes_standard_input_without_its_line_end() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gatewayctl"))
        .args(["key", "hash"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"abc\n").unwrap();
    let out = child.wait_with_output().unwrap().stdout;
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
    assert_eq!(String::from_utf8(out).unwrap(), hash);
}

#[test]
fn render_names_the_secrets_it_needs_and_holds_none() {
    let folder = temporary("render");
    let out = folder.join("ecds/gateway.json");
    let arguments = ["render", DEMO, "--wasm", "/srv/gateway.wasm", "--out", out.to_str().unwrap()];
    assert!(gatewayctl(&arguments, Some("s3cret")).success);
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(!text.contains("s3cret"));
    let resource: Value = serde_json::from_str(&text).unwrap();
    let filter = &resource["resources"][0]["typed_config"]["config"];
    assert_eq!(filter["failure_policy"], "FAIL_RELOAD");
    let vm = &filter["vm_config"];
    assert_eq!(
        vm["environment_variables"]["host_env_keys"],
        serde_json::json!(["AZUREML_DEMO_KEY"])
    );
    assert_eq!(vm["configuration"]["value"], "AZUREML_DEMO_KEY");
    assert_eq!(vm["code"]["local"]["filename"], "/srv/gateway.wasm");
    let policy = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(DEMO)).unwrap();
    assert_eq!(filter["configuration"]["value"], policy.as_str());
}

#[test]
fn render_replaces_the_file_whole_or_not_at_all() {
    let folder = temporary("render-refused");
    let out = folder.join("gateway.json");
    std::fs::write(&out, "old").unwrap();
    let bad = "tests/config_bad/method-lower.json";
    assert!(!gatewayctl(&["render", bad, "--out", out.to_str().unwrap()], None).success);
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "old");
    assert!(gatewayctl(&["render", DEMO, "--out", out.to_str().unwrap()], None).success);
    let names: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["gateway.json"], "no temporary file stays");
}

#[test]
fn the_schema_takes_what_the_gateway_takes() {
    let schema: Value = serde_json::from_str(&gatewayctl(&["schema"], None).out).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let files = ["tests/config_warned", "envoy", "envoy/policies"].into_iter().flat_map(policies);
    for (file, policy) in files {
        let problems: Vec<_> = schema.iter_errors(&policy).map(|e| e.to_string()).collect();
        assert!(problems.is_empty(), "{}: {problems:?}", file.display());
    }
}

#[test]
fn the_policy_of_the_readme_loads() {
    let readme =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let policy =
        readme.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let file = temporary("readme").join("policy.json");
    std::fs::write(&file, policy).unwrap();
    let run = gatewayctl(&["check", file.to_str().unwrap()], None);
    assert!(
        run.success && run.out.contains("NOT SET in this environment: SENTIMENT_KEY"),
        "{}",
        run.err
    );
}

/// Of the mistakes, those of structure: an editor shows them while they are typed.
#[test]
fn the_schema_refuses_what_is_wrong_by_structure() {
    let schema: Value = serde_json::from_str(&gatewayctl(&["schema"], None).out).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let structural = [
        "unknown-key-",
        "-missing",
        "-unknown",
        "-as-list",
        "-unsupported",
        "-text",
        "-null",
        "-both",
        "-type",
    ];
    // Wrong in another way than by structure, though their names say otherwise.
    let semantic = [
        "trailing-text",
        "version-unknown",
        "mode-shadow-unsupported",
        "backend-match-unknown",
        "parameter-unknown",
        "credentials-variable-missing",
        "parameter-values-type",
        "product-unknown-api",
        "subscription-key-text",
        "subscription-tracing-unsupported",
    ];
    let mut seen = 0;
    for (file, policy) in policies("tests/config_bad") {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        if structural.iter().any(|part| name.contains(part)) && !semantic.contains(&name.as_str()) {
            assert!(!schema.is_valid(&policy), "{name}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

/// The files of a folder that are JSON.
fn policies(folder: &str) -> Vec<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter_map(|path| {
            let policy = serde_json::from_slice(&std::fs::read(&path).unwrap()).ok()?;
            Some((path, policy))
        })
        .collect()
}
