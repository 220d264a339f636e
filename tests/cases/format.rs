//! The format of a case file: a policy, and calls with what must become of them.
//!
//! Strings of a request stand for bytes, one character up to U+00FF each, so that a case can hold
//! bytes that are no UTF-8. Backends are known by the addresses 127.0.0.1:9080 and 127.0.0.1:9081,
//! which become free ports when a case runs through Envoy.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// No caller's header or query value that holds this may reach a backend.
pub const CALLERS_SECRET: &str = "CALLERS-SECRET";

pub const BACKENDS: [&str; 2] = ["127.0.0.1:9080", "127.0.0.1:9081"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    #[serde(skip)]
    pub name: String,
    /// What the file is about.
    #[serde(rename = "about")]
    _about: String,
    /// The policy itself, or the path of its file.
    pub policy: Value,
    /// Envoy's environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Whether the cases also go through a listener that normalises.
    #[serde(default)]
    pub foreign_listener: bool,
    pub cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub request: CaseRequest,
    pub expect: Expect,
    /// Envoy answers this itself, with this status, before the filter sees it.
    pub envoy: Option<u16>,
    /// Why the case cannot be sent through Envoy.
    pub native_only: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseRequest {
    #[serde(default = "post")]
    pub method: String,
    pub target: String,
    /// Null: no Host header.
    #[serde(default = "gateway")]
    pub host: Option<String>,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    #[serde(default)]
    pub tls: bool,
    #[serde(default)]
    pub body: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Expect {
    Refused(Refused),
    Forwarded(Forwarded),
    /// Below no API's path, and passed on without a change.
    Untouched,
    Answered(Answered),
    /// A file of the portal's: the request goes on to the route of that name.
    File(String),
}

/// An answer of the gateway's own that is no refusal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    pub status: u16,
    /// The whole body.
    pub body: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Texts that the body has.
    #[serde(default)]
    pub has: Vec<String>,
    /// Texts that it must not have.
    #[serde(default)]
    pub lacks: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    pub status: u16,
    pub code: String,
    /// Absent: not looked at here.
    pub message: Option<String>,
    /// The whole body, where it is not API Management's.
    pub body: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forwarded {
    pub backend: String,
    pub target: String,
    /// Header lines that reach the backend, each exactly once.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Headers that do not.
    #[serde(default)]
    pub absent: Vec<String>,
    /// What logs and statistics call it. Absent: not looked at here.
    pub outcome: Option<String>,
    /// The backend's status, where the case is about its answer.
    pub status: Option<u16>,
    /// A text that the backend's answer holds.
    pub body: Option<String>,
}

impl CaseFile {
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let mut file: Self = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        file.name = path.file_stem().unwrap().to_string_lossy().into_owned();
        file
    }

    pub fn policy_text(&self) -> String {
        match &self.policy {
            Value::String(path) => {
                let root = Path::new(env!("CARGO_MANIFEST_DIR"));
                std::fs::read_to_string(root.join(path)).unwrap()
            }
            policy => serde_json::to_string_pretty(policy).unwrap(),
        }
    }
}

impl Case {
    pub fn native_only(&self) -> bool {
        self.native_only.is_some()
    }
}

/// The bytes that a case's string stands for.
pub fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("a character above U+00FF")).collect()
}

fn post() -> String {
    "POST".into()
}

fn gateway() -> Option<String> {
    Some("gateway".into())
}
