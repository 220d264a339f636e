//! The ECDS resource of a policy, by the command that users have.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Runs `gatewayctl render`. An error is what the command said.
pub fn render(gatewayctl: &Path, policy: &str) -> Result<String, String> {
    render_as(gatewayctl, policy, "gateway")
}

/// The same, for a filter of another name.
pub fn render_as(gatewayctl: &Path, policy: &str, resource: &str) -> Result<String, String> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("policy-{}-{number}.json", std::process::id()));
    std::fs::write(&file, policy).map_err(|error| error.to_string())?;
    let rendered = Command::new(gatewayctl)
        .args(["render", "--resource", resource])
        .arg(&file)
        .stdin(Stdio::null())
        .output();
    let _ = std::fs::remove_file(&file);
    let rendered = rendered.map_err(|error| format!("{}: {error}", gatewayctl.display()))?;
    if !rendered.status.success() {
        return Err(String::from_utf8_lossy(&rendered.stderr).into_owned());
    }
    String::from_utf8(rendered.stdout).map_err(|error| error.to_string())
}
