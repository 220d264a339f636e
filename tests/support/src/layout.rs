//! What Envoy finds on disk: the shipped configuration with other ports, and the folders it names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::ports::free_ports;

/// The ECDS file, below Envoy's working directory. Its folder is watched.
pub const ECDS: &str = "dist/ecds/gateway.json";
/// Where the ECDS file looks for the filter.
pub const WASM: &str = "dist/azureml-gateway.wasm";
/// The folder of the listener's certificate.
pub const TLS: &str = "dist/tls";

/// The portal's files.
pub const PORTAL: &str = "dist/portal";

/// What the gateway listens on, on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    pub http: u16,
    pub tls: u16,
    pub admin: u16,
}

impl Ports {
    /// Those of the shipped envoy.yaml.
    pub const SHIPPED: Self = Self { http: 8080, tls: 8443, admin: 9901 };

    pub fn free() -> Self {
        let [http, tls, admin] = free_ports();
        Self { http, tls, admin }
    }

    /// A shipped configuration with these ports. Each shipped port must stand there exactly once: a
    /// replacement that hits nothing would start Envoy on somebody else's port. Only a sidecar has
    /// no listener for TLS.
    pub fn apply(self, yaml: &str) -> Result<String, String> {
        let mut from = vec![Self::SHIPPED.http, Self::SHIPPED.admin, Self::SHIPPED.tls];
        let marks = ["{http}", "{admin}", "{tls}"];
        let to = [self.http, self.admin, self.tls];
        let mut text = yaml.to_owned();
        if !text.contains(&format!("port_value: {} }}", Self::SHIPPED.tls)) {
            from.pop();
        }
        // By way of marks, as a new port may be another's old one.
        for (port, mark) in from.iter().zip(marks) {
            text = replace_once(
                &text,
                &format!("port_value: {port} }}"),
                &format!("port_value: {mark} }}"),
            )?;
        }
        for (mark, port) in marks.iter().zip(to).take(from.len()) {
            text = replace_once(
                &text,
                &format!("port_value: {mark} }}"),
                &format!("port_value: {port} }}"),
            )?;
        }
        Ok(text)
    }
}

/// Replaces a text that must stand there exactly once.
pub fn replace_once(text: &str, from: &str, to: &str) -> Result<String, String> {
    match text.matches(from).count() {
        1 => Ok(text.replacen(from, to, 1)),
        count => Err(format!("`{from}` stands {count} times in the text, not once")),
    }
}

/// Writes a file so that a watcher of its folder sees it whole: Envoy notices a rename only.
pub fn write_by_rename(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}

/// The Envoy to run: `ENVOY`, else the pinned one of the project's `.venv`.
pub fn envoy(root: &Path) -> PathBuf {
    std::env::var_os("ENVOY")
        .filter(|path| !path.is_empty())
        .map_or_else(|| root.join(".venv/bin/envoy"), PathBuf::from)
}

/// The project's root: this crate lives in its `tests/support`.
pub fn project_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_ports_are_each_replaced_once() {
        let yaml = fs::read_to_string(project_root().join("envoy/envoy.yaml")).unwrap();
        // Swapped on purpose: one replacement must not hit what another has put there.
        let ports = Ports { http: 8443, tls: 8080, admin: 1 };
        let text = ports.apply(&yaml).unwrap();
        for port in ["8443", "8080", "1"] {
            assert_eq!(text.matches(&format!("port_value: {port} }}")).count(), 1, "{port}");
        }
    }

    #[test]
    fn a_text_without_the_port_is_refused() {
        assert!(Ports::SHIPPED.apply("port_value: 8080 }").is_err());
    }
}
