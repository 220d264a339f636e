//! The gateway in a real Envoy, where a case file does not reach: flows of several calls, what no
//! HTTP library sends, policies that are refused, and what logs and statistics show.

// A test ends by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod flows;
mod logs;
mod memory;
mod policies;
mod protocols;
mod statistics;

use std::path::Path;

use emulator::{Emulator, Settings};
use support::{Gateway, Options, Reply, render, send};

const KEY: &str = "demo-key-c4nary";
const SERVICE: &str =
    "/workspaces/0123456789abcdef0123456789abcdef/services/fedcba9876543210fedcba9876543210";
const GUIDES_BODY: &str = r#"{"Inputs":{"input1":{"ColumnNames":["Col2"],"Values":[["This is a good day"]]}},"GlobalParameters":{}}"#;

/// A key of the shipped policy, without limits.
const KEY_HEADER: &str = "Ocp-Apim-Subscription-Key: unlimited-demo-key";

/// The shipped policy in front of an emulator.
struct Demo {
    gateway: Gateway,
    emulator: Emulator,
}

impl Demo {
    fn start() -> Self {
        Self::with(|options| options)
    }

    fn with(change: impl Fn(Options) -> Options) -> Self {
        let emulator = Emulator::start(Settings::demo(KEY)).unwrap();
        let options = Options {
            env: vec![("AZUREML_DEMO_KEY".into(), KEY.into())],
            ..Options::new(ecds(&policy(&emulator)))
        };
        Self { gateway: Gateway::start(&change(options)).unwrap(), emulator }
    }

    /// A call of the demo service below the suffix.
    fn call(&self, method: &str, rest: &str, headers: &str, body: &str) -> Reply {
        let own_key = headers.contains("Ocp-Apim-Subscription-Key");
        let key = if own_key { String::new() } else { format!("{KEY_HEADER}\r\n") };
        let raw = format!(
            "{method} /azureml-demo{SERVICE}{rest} HTTP/1.1\r\nHost: gateway\r\n{key}{headers}\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        send(self.gateway.http_port(), raw.as_bytes()).unwrap()
    }

    fn execute(&self) -> Reply {
        self.call("POST", "/execute?api-version=2.0&details=true", "", GUIDES_BODY)
    }

    /// The filter neither trapped nor was it loaded again, and it answers.
    fn assert_unharmed(&self) {
        let reply = self.execute();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let log = self.gateway.log();
        assert!(!log.contains("panicked") && !log.contains("Function: proxy_on"), "{log}");
        let stats = self.gateway.admin().page("/stats?filter=vm_reload").unwrap();
        assert!(stats.lines().all(|line| line.ends_with(": 0")), "{stats}");
    }
}

fn policy(emulator: &Emulator) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/policy.json");
    let policy = std::fs::read_to_string(file).unwrap();
    assert!(policy.contains("127.0.0.1:9080"));
    policy.replace("127.0.0.1:9080", &emulator.address().to_string())
}

fn ecds(policy: &str) -> String {
    render(Path::new(env!("CARGO_BIN_EXE_gatewayctl")), policy).unwrap()
}
