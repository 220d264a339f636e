//! The shipped policy with many services behind it, as the ECDS resource that users would render.

use std::fs;
use std::path::Path;
use std::process::Command;

use azureml_gateway::policy::subscription::KeyHash;
use serde_json::{Value, json};

use crate::load::{CALLER_KEY, Service};
use crate::upstream::KEY;

/// Where the key of every backend stands in Envoy's environment, of the shipped policy's too.
pub const KEY_VARIABLE: &str = "AZUREML_DEMO_KEY";

/// What the policy holds.
#[derive(Clone, Copy)]
pub struct Size<'a> {
    pub services: &'a [Service],
    pub subscriptions: usize,
    pub limits: Limits,
    /// Whether the policy publishes what it says.
    pub portal: bool,
}

/// What the callers' product limits. Nobody reaches the limits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    None,
    Silent,
    /// With the answer's RateLimit fields.
    Told,
}

/// Services in workspaces of five, named as AzureML names them.
pub fn services(count: usize) -> Vec<Service> {
    let service = |n: usize| Service {
        workspace: format!("{:032x}", 0x0123_4567_89ab_cdef_u128 << 64 | (n / 5) as u128),
        service: format!("{:032x}", 0xfedc_ba98_7654_3210_u128 << 64 | n as u128),
    };
    (0..count).map(service).collect()
}

/// The ECDS resource of `envoy/policy.json` with these services as backends of its first API.
pub fn serving(root: &Path, upstream: &str, size: Size<'_>) -> Result<String, String> {
    let mut policy = shipped(root)?;
    let api = policy.pointer_mut("/apis/0").ok_or("the shipped policy has no API")?;
    api["serviceUrl"] = json!(format!("http://{upstream}"));
    api["backends"] = size.services.iter().map(backend).collect();
    api["subscriptionRequired"] = json!(true);
    let mut product = json!({ "name": "bench", "apis": [api["name"]] });
    if size.limits != Limits::None {
        product["rateLimit"] = json!({ "calls": 1_000_000_000, "renewalPeriod": 60 });
        product["quota"] = json!({ "calls": 1_000_000_000, "renewalPeriod": 604_800 });
    }
    policy["products"] = json!([product]);
    if !size.portal {
        policy.as_object_mut().ok_or("the shipped policy is no object")?.remove("portal");
    }
    policy["rateLimitHeaders"] = json!(size.limits == Limits::Told);
    policy["subscriptions"] = (0..size.subscriptions).map(subscription).collect();
    render(&policy)
}

/// The callers use the first; the others make the table more than one row.
fn subscription(n: usize) -> Value {
    let key = if n == 0 { CALLER_KEY.to_owned() } else { format!("{CALLER_KEY}-{n}") };
    let hash = KeyHash::of(key.as_bytes()).hex();
    json!({ "name": format!("bench-{n}"), "scope": "/products/bench", "primaryKey": { "sha256": hash } })
}

/// The shipped policy at another path: it lets the calls pass, as in front of a sidecar's own routes.
pub fn elsewhere(root: &Path) -> Result<String, String> {
    let mut policy = shipped(root)?;
    policy["unmatched"] = json!("continue");
    let api = policy.pointer_mut("/apis/0").ok_or("the shipped policy has no API")?;
    api["path"] = json!("elsewhere");
    render(&policy)
}

fn shipped(root: &Path) -> Result<Value, String> {
    let file = root.join("envoy/policy.json");
    let text = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))
}

fn backend(service: &Service) -> Value {
    let parameter = json!({ "env": KEY_VARIABLE });
    json!({
        "match": { "workspace": service.workspace, "service": service.service },
        "credentials": { "authorization": { "scheme": "Bearer", "parameter": parameter } },
    })
}

/// By the command that users have, of the same build as this program.
fn render(policy: &Value) -> Result<String, String> {
    let this = std::env::current_exe().map_err(|error| format!("where is this: {error}"))?;
    let gatewayctl = this.with_file_name("gatewayctl");
    let file = std::env::temp_dir().join(format!("bench-policy-{}.json", std::process::id()));
    fs::write(&file, policy.to_string()).map_err(|error| format!("{}: {error}", file.display()))?;
    let rendered =
        Command::new(&gatewayctl).arg("render").arg(&file).env(KEY_VARIABLE, KEY).output();
    let _ = fs::remove_file(&file);
    let rendered = rendered.map_err(|error| {
        format!("{}: {error}; `make bench` builds it beside this program", gatewayctl.display())
    })?;
    if !rendered.status.success() {
        return Err(String::from_utf8_lossy(&rendered.stderr).into_owned());
    }
    String::from_utf8(rendered.stdout).map_err(|error| error.to_string())
}
