//! The services' own client libraries, unmodified. What each must do is written in its own language, in `sdks`;
//! `make sdks` installs them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::Rig;

const MISSING: &str = "is missing: `make sdks` installs it";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a script of `sdks` against the gateway; it must end well, and have run this many tests.
fn run(mut command: Command, rig: &Rig, counted: &str) {
    let output = command
        .current_dir(root().join("tests/policies/sdks"))
        .env("GATEWAY", rig.base())
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap_or_else(|error| panic!("{:?} {MISSING}: {error}", command.get_program()));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains(counted), "not {counted}: {said}");
    let received = rig.assert_only_backend_keys();
    assert!(!received.is_empty(), "nothing reached a backend");
}

fn python(module: &str) -> Command {
    let python: PathBuf = root().join(".venv/sdks/bin/python");
    assert!(python.exists(), "{} {MISSING}", python.display());
    let mut command = Command::new(python);
    command.args(["-B", "-m", "unittest", module]);
    command
}

fn node(file: &str) -> Command {
    let package = root().join("tests/policies/sdks/node_modules/openai");
    assert!(package.exists(), "{} {MISSING}", package.display());
    let mut command = Command::new("node");
    command.args(["--test", "--test-reporter=tap", file]);
    command
}

#[test]
fn openai_for_python_as_an_azure_client() {
    run(python("azure_openai"), &Rig::start("azure-openai"), "Ran 9 tests");
}

#[test]
fn azure_ai_inference_for_python() {
    run(python("azure_inference"), &Rig::start("azure-openai"), "Ran 6 tests");
}

#[test]
fn openai_for_python_with_the_v1_api() {
    run(python("openai_v1"), &Rig::start("azure-openai-v1"), "Ran 7 tests");
}

#[test]
fn openai_for_python_with_a_model_server_without_a_key() {
    run(python("model_server"), &Rig::start("model-server"), "Ran 8 tests");
}

#[test]
fn the_sample_client_of_an_online_endpoint() {
    run(python("online_endpoint"), &Rig::start("azureml-online-endpoint"), "Ran 4 tests");
}

#[test]
fn openai_for_node_as_an_azure_client() {
    run(node("azure-openai.test.mjs"), &Rig::start("azure-openai"), "# pass 5\n");
}

#[test]
fn openai_for_node_with_the_v1_api() {
    run(node("openai-v1.test.mjs"), &Rig::start("azure-openai-v1"), "# pass 5\n");
}

/// One call in six seconds: the second is refused and says when to come back. A client that waits as it is told is
/// refused once; with its own, shorter waits it would be refused again.
#[test]
fn clients_wait_as_long_as_retry_after_says() {
    let slow = |policy: String| {
        let shipped = r#""calls": 5, "renewalPeriod": 60"#;
        assert_eq!(policy.matches(shipped).count(), 1);
        policy.replace(shipped, r#""calls": 1, "renewalPeriod": 6"#)
    };
    let waits = |name: &str, command: Command, counted: &str| {
        let rig = Rig::with(name, slow);
        run(command, &rig, counted);
        let logged = |outcome: &str| rig.gateway.access_log().matches(outcome).count();
        support::eventually("both answered calls in the log", || logged("\"forwarded\"") == 2);
        assert_eq!(logged("rate_limit_exceeded"), 1, "{}", rig.gateway.access_log());
    };
    thread::scope(|scope| {
        for (name, command, counted) in [
            ("azure-openai", python("patience.AzureOpenAI"), "Ran 1 test"),
            ("azure-openai", python("patience.AzureInference"), "Ran 1 test"),
            ("azure-openai-v1", python("patience.OpenAIv1"), "Ran 1 test"),
            ("azure-openai-v1", node("patience.test.mjs"), "# pass 1\n"),
        ] {
            scope.spawn(move || waits(name, command, counted));
        }
    });
}
