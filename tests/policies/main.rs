//! The policies of `envoy/policies`, as their users meet them: the calls that `make run` prints, answers that come in
//! pieces, and the services' own client libraries with the gateway as their base URL and a subscription key as their
//! key. The case files of this folder are run by the target `cases`.

// A test ends by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod sdks;
mod shipped;
mod stream;

use std::path::{Path, PathBuf};

use emulator::{Emulator, Received, Settings};
use serde_json::Value;
use support::{Gateway, Options, example, render};

/// The demo subscriptions' keys. None may reach a backend.
const DEMO_KEYS: [&str; 2] = ["starter-demo-key", "unlimited-demo-key"];

/// A shipped policy in front of the emulated services.
struct Rig {
    policy: Value,
    gateway: Gateway,
    emulator: Emulator,
}

impl Rig {
    fn start(name: &str) -> Self {
        Self::with(name, |policy| policy)
    }

    /// With a change to the policy's text.
    fn with(name: &str, change: impl Fn(String) -> String) -> Self {
        let policy = std::fs::read_to_string(path(name)).unwrap();
        let emulator = Emulator::start(Settings::shipped(|name| Some(backend_key(name)))).unwrap();
        let text = change(example::at_port(&policy, emulator.address().port()));
        let policy: Value = serde_json::from_str(&policy).unwrap();
        let gateway = gateway(&policy, &text);
        Self { policy, gateway, emulator }
    }

    /// The gateway's address, as a caller writes it.
    fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.gateway.http_port())
    }

    /// Every call since the last look had the backend's key where one is due, and nothing of the caller's.
    fn assert_only_backend_keys(&self) -> Vec<Received> {
        let received = self.emulator.received();
        self.emulator.forget();
        let keys = example::emulated_variables(&self.policy);
        for request in &received {
            let all = format!("{} {}", request.target, headers(request));
            assert!(!DEMO_KEYS.iter().any(|key| all.contains(key)), "a caller's key: {all}");
            let keyed = keys.iter().any(|name| all.contains(&backend_key(name)));
            assert!(keyed || keys.is_empty(), "no backend's key: {all}");
        }
        received
    }
}

/// Envoy with this policy and a key for each variable that it names.
fn gateway(policy: &Value, text: &str) -> Gateway {
    let ecds = render(Path::new(env!("CARGO_BIN_EXE_gatewayctl")), text).unwrap();
    let env = example::emulated_variables(policy).into_iter();
    let env = env.map(|name| (name.clone(), backend_key(&name))).collect();
    Gateway::start(&Options { env, ..Options::new(ecds) }).unwrap()
}

/// What stands in a variable here: every backend has a key of its own.
fn backend_key(variable: &str) -> String {
    format!("backend-key-of-{variable}")
}

fn headers(request: &Received) -> String {
    let line = |(name, value): &(String, Vec<u8>)| format!("{name}: {}\n", value.escape_ascii());
    request.headers.iter().map(line).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/policies")
}

fn path(name: &str) -> PathBuf {
    folder().join(name).with_extension("json")
}

/// The names of the shipped policies.
fn names() -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(!names.is_empty());
    names
}
