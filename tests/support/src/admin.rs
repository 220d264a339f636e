//! Envoy's admin interface: is it ready, and what did it make of the policy?

use crate::send;

/// The admin interface of the Envoy on 127.0.0.1.
#[derive(Clone, Copy, Debug)]
pub struct Admin {
    pub port: u16,
}

/// What Envoy made of the ECDS files it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Updates {
    pub accepted: u64,
    pub refused: u64,
}

impl Admin {
    /// The body of `GET path`.
    pub fn page(self, path: &str) -> Result<String, String> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        let reply = send(self.port, request.as_bytes())
            .map_err(|error| format!("admin {path}: {error}"))?;
        Ok(reply.text())
    }

    /// One counter or gauge by its full name; None while Envoy has not made it.
    pub fn stat(self, name: &str) -> Result<Option<u64>, String> {
        Ok(value(&self.page("/stats")?, name))
    }

    /// An error until the workers listen.
    pub fn readiness(self) -> Result<Updates, String> {
        let ready = self.page("/ready")?;
        if ready.trim() != "LIVE" {
            return Err(format!("/ready says {}", ready.trim()));
        }
        self.updates()
    }

    pub fn updates(self) -> Result<Updates, String> {
        let prefix = "extension_config_discovery.http_filter.gateway.";
        let page = self.page(&format!("/stats?filter={prefix}update_"))?;
        let count = |name: &str| value(&page, &format!("{prefix}{name}")).unwrap_or(0);
        // A file that is no JSON counts as a failure, one that the filter refuses as a rejection.
        Ok(Updates {
            accepted: count("update_success"),
            refused: count("update_rejected") + count("update_failure"),
        })
    }
}

fn value(page: &str, name: &str) -> Option<u64> {
    page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.trim().parse().ok())
}
