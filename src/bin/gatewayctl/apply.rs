//! `gatewayctl apply`: gives a policy to a running Envoy and sees that it is live.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use azureml_gateway::policy::Policy;

use crate::render::{self, Resource};
use crate::source::Source;

const TICK: Duration = Duration::from_millis(50);

/// The Envoy that takes the policy.
pub(crate) struct Target {
    pub(crate) admin: String,
    pub(crate) wasm: String,
    /// The filter's name in Envoy's configuration.
    pub(crate) resource: String,
    pub(crate) out: PathBuf,
    pub(crate) log: Option<PathBuf>,
    pub(crate) timeout: Duration,
}

/// What Envoy says of the policies it was given.
#[derive(PartialEq, Eq)]
struct State {
    /// Of the policy that serves; absent before the first.
    version: Option<String>,
    rejected: u64,
}

pub(crate) fn run(file: &Path, target: &Target) -> Result<ExitCode, String> {
    let source = Source::read(file, false)?;
    let policy = source.policy(file)?;
    let resource = Resource::new(&source, &target.resource, &target.wasm);
    let before = target.state()?;
    let on_disk = std::fs::read(&target.out).ok();
    if before.version.as_ref() == Some(&resource.version)
        && on_disk.as_deref() == Some(resource.text.as_bytes())
    {
        println!("{}: already current: version {}", file.display(), resource.version);
        return Ok(ExitCode::SUCCESS);
    }
    target.check_clusters(policy)?;
    let log_start = target.log.as_ref().map_or(0, |log| length(log));
    render::replace(&target.out, resource.text.as_bytes())?;
    let outcome = target.wait(&before, &resource.version);
    if outcome.is_ok() {
        println!("{}: live: version {}", file.display(), resource.version);
        return Ok(ExitCode::SUCCESS);
    }
    // The old policy still serves; it must also be what a restarted Envoy finds.
    if let Some(old) = on_disk {
        render::replace(&target.out, &old)?;
    }
    let reason = target.reason(log_start, &source.variables);
    outcome.map_err(|fault| format!("{}: {fault}\n{reason}", file.display()))?;
    Ok(ExitCode::FAILURE)
}

impl Target {
    #[expect(clippy::disallowed_methods, reason = "only the core has no clock")]
    fn wait(&self, before: &State, version: &str) -> Result<(), String> {
        let deadline = Instant::now().checked_add(self.timeout);
        loop {
            let now = self.state()?;
            if now.version.as_deref() == Some(version) {
                return Ok(());
            }
            if now.rejected > before.rejected {
                return Err("rejected: the policy before it still serves".into());
            }
            if deadline.is_none_or(|deadline| Instant::now() > deadline) {
                return Err(format!(
                    "not live after {} s, and not rejected: does Envoy watch {}?",
                    self.timeout.as_secs(),
                    self.out.display()
                ));
            }
            sleep(TICK);
        }
    }

    fn state(&self) -> Result<State, String> {
        // Envoy's statistics of the filter's configuration.
        let prefix = format!("extension_config_discovery.http_filter.{}.", self.resource);
        let page = self.page(&format!("/stats?filter={prefix}"))?;
        let value = |name: &str| {
            let line = page.lines().find_map(|line| line.strip_prefix(&prefix)?.strip_prefix(name));
            line.map(|line| line.trim_start_matches(':').trim().trim_matches('"').to_owned())
        };
        let count = |name: &str| value(name).and_then(|value| value.parse().ok()).unwrap_or(0u64);
        let Some(version) = value("version_text") else {
            return Err(format!(
                "{}: this Envoy has no filter named \"{}\" by ECDS, as envoy/envoy.yaml does",
                self.admin, self.resource
            ));
        };
        Ok(State {
            version: Some(version).filter(|version| !version.is_empty()),
            // A file that is no resource at all, and a resource that the filter refuses.
            rejected: count("update_rejected").saturating_add(count("update_failure")),
        })
    }

    /// A call whose cluster Envoy does not have would be answered 503.
    fn check_clusters(&self, policy: &Policy) -> Result<(), String> {
        let page = self.page("/clusters")?;
        let known: BTreeSet<&str> =
            page.lines().filter_map(|line| line.split("::").next()).collect();
        let missing: Vec<String> = policy
            .apis
            .iter()
            .flat_map(|api| api.backends.iter().map(move |backend| (api, backend)))
            .filter(|(_, backend)| !known.contains(backend.cluster.as_ref()))
            .map(|(api, backend)| {
                let (cluster, authority) = (&backend.cluster, &backend.url.authority);
                format!("API {}: the backend {authority} needs the cluster \"{cluster}\"", api.name)
            })
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(format!(
            "not applied: this Envoy lacks clusters that the policy names:\n{}",
            missing.join("\n")
        ))
    }

    /// Why the filter refused, as far as it can be known from here.
    fn reason(&self, log_start: u64, variables: &BTreeSet<String>) -> String {
        let lines = self.log.as_ref().map(|log| refusals(log, log_start)).unwrap_or_default();
        if !lines.is_empty() {
            return lines;
        }
        let names: Vec<_> = variables.iter().map(String::as_str).collect();
        let environment = match names.as_slice() {
            [] => String::new(),
            names => format!(
                " The policy itself passes here, but Envoy needs these in its environment: {}.",
                names.join(", ")
            ),
        };
        format!(
            "Envoy's log says why, in lines with \"policy refused\" (--log FILE shows them).{environment}"
        )
    }

    fn page(&self, path: &str) -> Result<String, String> {
        let url = format!("{}{path}", self.admin.trim_end_matches('/'));
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into();
        let fault = |error: ureq::Error| format!("Envoy's admin interface, {url}: {error}");
        agent.get(&url).call().map_err(fault)?.body_mut().read_to_string().map_err(fault)
    }
}

fn length(log: &Path) -> u64 {
    std::fs::metadata(log).map_or(0, |metadata| metadata.len())
}

/// The filter's own lines since `start`, each once: every worker's VM may say them.
fn refusals(log: &Path, start: u64) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let new = usize::try_from(start).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
    let text = String::from_utf8_lossy(new);
    let lines: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.find("policy refused: ").and_then(|at| line.get(at..)))
        .collect();
    lines.into_iter().collect::<Vec<_>>().join("\n")
}
