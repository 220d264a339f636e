//! Runs a case through a real Envoy with backends behind it that record what they receive.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use azureml_gateway::policy::REFUSAL_HEADER;
use emulator::{Emulator, Settings};
use support::{Gateway, Options, render};

use crate::format::{BACKENDS, Case, CaseFile, CaseRequest, bytes};
use crate::outcome::Outcome;

/// Whose listener is in front of the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// envoy/envoy.yaml as it is.
    Shipped,
    /// It normalises paths, lets underscores through and leaves internal headers to the filter.
    Foreign,
}

/// Envoy and its backends, for the cases of one file.
pub struct Rig {
    file: Arc<CaseFile>,
    listener: Listener,
    running: Mutex<Option<Running>>,
}

struct Running {
    gateway: Gateway,
    backends: Vec<(&'static str, Emulator)>,
}

impl Rig {
    pub fn new(file: Arc<CaseFile>, listener: Listener) -> Self {
        Self { file, listener, running: Mutex::new(None) }
    }

    pub fn run(&self, index: usize) -> Result<(), String> {
        let mut running = self.running.lock().unwrap();
        if running.is_none() {
            *running = Some(start(&self.file, self.listener)?);
        }
        let Running { gateway, backends } = running.as_ref().unwrap();
        let case = &self.file.cases[index];
        let outcome = call(gateway, backends, case)?;
        let verdict = match (self.listener, case.envoy) {
            // What a foreign listener makes of an attack is its own affair, as long as what reaches
            // a backend is canonical and carries nothing of the caller's.
            (Listener::Foreign, _) => outcome.check_invariants(),
            (Listener::Shipped, Some(status)) => by_envoy(&outcome, status),
            (Listener::Shipped, None) => outcome.check(&case.expect),
        };
        verdict.map_err(|error| {
            let log = gateway.log();
            let trapped = if log.contains("panicked") { "\nthe filter panicked" } else { "" };
            format!("{error}{trapped}")
        })
    }

    pub fn stop(&self) {
        self.running.lock().unwrap().take();
    }
}

fn start(file: &CaseFile, listener: Listener) -> Result<Running, String> {
    let mut policy = file.policy_text();
    let mut backends = Vec::new();
    for address in BACKENDS {
        let settings = Settings::shipped(|variable| file.environment.get(variable).cloned());
        let emulator = Emulator::start(settings).map_err(|e| e.to_string())?;
        // Also where a backend is known by a name below `localhost`.
        for host in ["127.0.0.1", "localhost"] {
            let known = format!("{host}:{}", port_of(address));
            policy = policy.replace(&known, &format!("{host}:{}", emulator.address().port()));
        }
        backends.push((address, emulator));
    }
    let environment = file.environment.clone().into_iter().collect();
    let edit = match listener {
        Listener::Shipped => |yaml: String| yaml,
        Listener::Foreign => foreign,
    };
    let ecds = render(Path::new(env!("CARGO_BIN_EXE_gatewayctl")), &policy)?;
    let options = Options { env: environment, edit: Box::new(edit), ..Options::new(ecds) };
    Ok(Running { gateway: Gateway::start(&options)?, backends })
}

fn foreign(yaml: String) -> String {
    let changes = [
        ("normalize_path: false", "normalize_path: true"),
        ("merge_slashes: false", "merge_slashes: true"),
        (
            "path_with_escaped_slashes_action: KEEP_UNCHANGED",
            "path_with_escaped_slashes_action: UNESCAPE_AND_FORWARD",
        ),
        (
            "headers_with_underscores_action: REJECT_REQUEST",
            "headers_with_underscores_action: ALLOW",
        ),
        ("prefix: \"x-gateway-\"", "prefix: \"x-nothing-\""),
    ];
    changes.into_iter().fold(yaml, |yaml, (shipped, changed)| {
        assert_eq!(yaml.matches(shipped).count(), 1, "{shipped} in envoy.yaml");
        yaml.replace(shipped, changed)
    })
}

fn call(
    gateway: &Gateway,
    backends: &[(&'static str, Emulator)],
    case: &Case,
) -> Result<Outcome, String> {
    backends.iter().for_each(|(_, backend)| backend.forget());
    let raw = raw(&case.request);
    let reply = if case.request.tls {
        support::send_tls(gateway.tls_port(), &raw, gateway.certificate())
    } else {
        support::send(gateway.http_port(), &raw)
    };
    let reply = reply.map_err(|error| format!("no reply: {error}"))?;
    let mut received = backends
        .iter()
        .flat_map(|(address, backend)| backend.received().into_iter().map(move |r| (*address, r)));
    match (received.next(), received.next()) {
        (None, _) if reply.header(REFUSAL_HEADER).is_none() && reply.status == 404 => {
            Ok(Outcome::Untouched)
        }
        (None, _) => {
            Ok(Outcome::Answered { status: reply.status, headers: reply.headers, body: reply.body })
        }
        (Some((address, received)), None) => {
            let port =
                backends.iter().find(|(a, _)| *a == address).map(|(_, b)| b.address().port());
            let host: Vec<_> = received.headers.iter().filter(|(name, _)| name == "host").collect();
            let [(_, host)] = host.as_slice() else {
                return Err(format!("the backend's Host: {host:?}, not one"));
            };
            // The host that was called, at the port by which the case knows it.
            let host = String::from_utf8_lossy(host);
            let known = host.strip_suffix(&format!(":{}", port.unwrap_or_default()));
            let Some(name) = known else {
                return Err(format!("the backend's Host: {host}, not its address"));
            };
            let backend = format!("{name}:{}", port_of(address));
            Ok(Outcome::Forwarded {
                backend,
                target: received.target.into_bytes(),
                headers: received.headers,
                label: None,
                answer: Some((reply.status, reply.body)),
            })
        }
        (Some(_), Some(_)) => Err("more than one request reached a backend".into()),
    }
}

fn port_of(address: &str) -> &str {
    address.rsplit(':').next().unwrap_or_default()
}

fn by_envoy(outcome: &Outcome, expected: u16) -> Result<(), String> {
    match outcome {
        Outcome::Answered { status, headers, .. }
            if *status == expected && headers.iter().all(|(name, _)| name != REFUSAL_HEADER) =>
        {
            Ok(())
        }
        Outcome::Untouched if expected == 404 => Ok(()),
        other => Err(format!("expected Envoy's own {expected}, got {other}")),
    }
}

fn raw(request: &CaseRequest) -> Vec<u8> {
    let mut raw = bytes(&format!("{} {} HTTP/1.1\r\n", request.method, request.target));
    if let Some(host) = &request.host {
        raw.extend(bytes(&format!("Host: {host}\r\n")));
    }
    for (name, value) in &request.headers {
        raw.extend(bytes(&format!("{name}: {value}\r\n")));
    }
    if !request.body.is_empty() || request.method == "POST" {
        raw.extend(bytes(&format!("Content-Length: {}\r\n", request.body.len())));
    }
    raw.extend(b"Connection: close\r\n\r\n");
    raw.extend(request.body.as_bytes());
    raw
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shipped => "envoy",
            Self::Foreign => "envoy-normalising",
        })
    }
}
