//! What a policy publishes: the documents, held against validators and a tester that calls by them,
//! and the portal's answers through a real Envoy.

// A test ends by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod documents;
mod envoy;
mod tester;
mod tools;
mod tracing;
mod usage;
mod validators;

use std::path::{Path, PathBuf};

use azureml_gateway::policy::{Policy, compile};
use emulator::{Emulator, Settings};
use serde_json::{Value, json};
use support::{Gateway, Options, Reply, render, send};

/// The backend's key in the demo's environment.
const BACKEND_KEY: &str = "c4nary-backend-key";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).into()
}

fn gatewayctl() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_gatewayctl"))
}

/// The policy of a file below the root.
fn policy_file(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(root().join(path)).unwrap()).unwrap()
}

fn compiled(policy: &Value) -> Policy {
    let compiled =
        compile(policy.to_string().as_bytes(), &|_| Some(b"c4nary-environment".to_vec()));
    compiled.policy.unwrap_or_else(|| panic!("{:?}", compiled.problems))
}

/// A document as everybody gets it.
fn published(policy: &Policy, api: &str) -> Value {
    let portal = policy.portal.as_ref().expect("a portal");
    serde_json::from_slice(portal.documents.openapi(api).expect("a document")).unwrap()
}

/// The demo policy in front of an emulator.
struct Demo {
    gateway: Gateway,
    emulator: Emulator,
}

impl Demo {
    fn start(change: impl FnOnce(&mut Value)) -> Self {
        Self::with(change, |options| options)
    }

    fn with(change: impl FnOnce(&mut Value), options: impl FnOnce(Options) -> Options) -> Self {
        let emulator = Emulator::start(Settings::demo(BACKEND_KEY)).unwrap();
        let mut policy = demo_policy(&emulator);
        change(&mut policy);
        let own = Options {
            env: vec![("AZUREML_DEMO_KEY".into(), BACKEND_KEY.into())],
            ..Options::new(resource(&policy))
        };
        Self { gateway: Gateway::start(&options(own)).unwrap(), emulator }
    }

    fn request(&self, method: &str, target: &str, headers: &str, body: &str) -> Reply {
        let raw = format!(
            "{method} {target} HTTP/1.1\r\nHost: gateway\r\n{headers}Content-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        );
        send(self.gateway.http_port(), raw.as_bytes()).unwrap()
    }

    fn get(&self, target: &str, headers: &str) -> Reply {
        self.request("GET", target, headers, "")
    }

    fn execute(&self, key: &str) -> Reply {
        let target = "/azureml-demo/workspaces/0123456789abcdef0123456789abcdef/services/\
                      fedcba9876543210fedcba9876543210/execute?api-version=2.0";
        let body =
            json!({ "Inputs": { "input1": { "ColumnNames": ["Col2"], "Values": [["a"]] } } });
        let key = format!("Ocp-Apim-Subscription-Key: {key}\r\n");
        self.request("POST", target, &key, &body.to_string())
    }
}

fn demo_policy(emulator: &Emulator) -> Value {
    let mut policy = policy_file("envoy/policy.json");
    policy["apis"][0]["serviceUrl"] = json!(format!("http://{}", emulator.address()));
    policy
}

fn resource(policy: &Value) -> String {
    render(gatewayctl(), &policy.to_string()).unwrap()
}
