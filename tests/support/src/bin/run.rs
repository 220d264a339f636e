//! `make run`: the emulator and Envoy with a policy, until Ctrl-C. Leaves nothing running.
//!
//! `run [POLICY]`, from the project's root; default envoy/policy.json. What it makes is in `dist/`. With STORAGE=1
//! Azurite runs beside them, as the storage of batch jobs.

// Only the gateway's core takes time as an argument.
#![allow(clippy::disallowed_methods)]

use std::collections::hash_map::RandomState;
use std::env;
use std::fs::{self, File};
use std::hash::BuildHasher;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use support::{Admin, Ports, certificate, example, layout, ports, process, storage};

const DEFAULT_POLICY: &str = "envoy/policy.json";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("run: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| format!("signals: {error}"))?;
    }
    let settings = Settings::from_environment()?;
    settings.prepare()?;

    let mut children = Vec::new();
    if let Some(port) = settings.storage_port {
        children.push(Running::start_storage(port)?);
        wait(&stop, &mut children, || listens(port))?;
    }
    children.push(settings.start_emulator()?);
    wait(&stop, &mut children, || listens(settings.emulator_port))?;
    children.push(settings.start_envoy()?);
    let admin = Admin { port: settings.ports.admin };
    wait(&stop, &mut children, || admin.readiness().is_ok_and(|updates| updates.accepted > 0))?;
    if !stop.load(Ordering::Relaxed) {
        settings.invite();
    }
    // Until a signal comes or a child ends.
    while !stop.load(Ordering::Relaxed) {
        children.iter_mut().try_for_each(Running::check)?;
        sleep(Duration::from_millis(100));
    }
    println!("\nStopping.");
    Ok(())
}

struct Settings {
    policy: PathBuf,
    ports: Ports,
    emulator_port: u16,
    /// The keys of emulated services that the environment does not have.
    keys: Vec<(String, String)>,
    calls: Vec<example::Call>,
    /// Below which path the policy publishes a portal.
    portal: Option<String>,
    /// Where Azurite listens, if it is asked for.
    storage_port: Option<u16>,
    envoy: PathBuf,
}

impl Settings {
    fn from_environment() -> Result<Self, String> {
        if !Path::new("envoy/envoy.yaml").exists() {
            return Err("envoy/envoy.yaml is not here: run it from the project's root".to_owned());
        }
        let shipped = Ports::SHIPPED;
        let ports = Ports {
            http: port("GATEWAY_PORT", shipped.http)?,
            tls: port("GATEWAY_TLS_PORT", shipped.tls)?,
            admin: port("ADMIN_PORT", shipped.admin)?,
        };
        let emulator_port = port("EMULATOR_PORT", 9080)?;
        let storage_port = match env::var("STORAGE").as_deref() {
            Err(_) | Ok("" | "0") => None,
            Ok("1") => Some(port("STORAGE_PORT", 10000)?),
            Ok(other) => return Err(format!("STORAGE={other}: it must be 1, or not set")),
        };
        let policy =
            env::args_os().nth(1).map_or_else(|| PathBuf::from(DEFAULT_POLICY), PathBuf::from);
        // What is wrong with it, `gatewayctl check` says better.
        let read: Value = serde_json::from_str(&read(&policy)?).unwrap_or_default();
        let set = |name: &String| env::var_os(name).is_some_and(|key| !key.is_empty());
        let missing = example::emulated_variables(&read).into_iter().filter(|name| !set(name));
        Ok(Self {
            keys: missing.map(|name| (name, random_key())).collect(),
            calls: example::calls(&read),
            portal: read["portal"]["path"].as_str().map(str::to_owned),
            policy,
            ports,
            emulator_port,
            storage_port,
            envoy: layout::envoy(Path::new(".")),
        })
    }

    /// Everything that can be wrong before a process starts, and the files that Envoy reads.
    fn prepare(&self) -> Result<(), String> {
        if !self.envoy.exists() {
            return Err(format!(
                "no Envoy at {}: `make build` installs it, ENVOY=PATH uses another",
                self.envoy.display()
            ));
        }
        if !Path::new(layout::WASM).exists() {
            return Err(format!("{} is missing: `make build` makes it", layout::WASM));
        }
        if !Path::new(layout::PORTAL).exists() {
            return Err(format!("{} is missing: `make portal` makes it", layout::PORTAL));
        }
        let yaml = read("envoy/envoy.yaml")?;
        write("dist/envoy.yaml", &self.ports.apply(&yaml)?)?;
        certificate::ensure(Path::new(layout::TLS))
            .map_err(|error| format!("{}: {error}", layout::TLS))?;
        let policy = self.policy_for_emulator()?;
        self.gatewayctl(&["check".as_ref(), policy.as_ref(), "--require-secrets".as_ref()])?;
        fs::create_dir_all("dist/ecds").map_err(|error| format!("dist/ecds: {error}"))?;
        let render =
            ["render".as_ref(), policy.as_os_str(), "--wasm".as_ref(), layout::WASM.as_ref()];
        self.gatewayctl(&[&render[..], &["--out".as_ref(), layout::ECDS.as_ref()]].concat())
    }

    /// The policy as it is, unless the emulator listens elsewhere than the policy says.
    fn policy_for_emulator(&self) -> Result<PathBuf, String> {
        let text = read(&self.policy)?;
        let moved = example::at_port(&text, self.emulator_port);
        if moved == text {
            return Ok(self.policy.clone());
        }
        let copy = PathBuf::from("dist/policy.json");
        write(&copy, &moved)?;
        Ok(copy)
    }

    /// The policy's environment variables must be there when it is checked, as when Envoy reads it.
    fn gatewayctl(&self, arguments: &[&std::ffi::OsStr]) -> Result<(), String> {
        let program = sibling("gatewayctl")?;
        let status = Command::new(&program).args(arguments).envs(self.keys()).status();
        let status = status.map_err(|error| format!("{}: {error}", program.display()))?;
        let what = arguments.first().map(|word| word.to_string_lossy()).unwrap_or_default();
        if status.success() { Ok(()) } else { Err(format!("`gatewayctl {what}` failed")) }
    }

    fn keys(&self) -> impl Iterator<Item = (&str, &str)> {
        self.keys.iter().map(|(name, key)| (name.as_str(), key.as_str()))
    }

    fn start_emulator(&self) -> Result<Running, String> {
        let mut command = Command::new(sibling("emulator")?);
        command.env("EMULATOR_PORT", self.emulator_port.to_string()).envs(self.keys());
        Running::start("emulator", "dist/emulator.log", command, |_| None)
    }

    fn start_envoy(&self) -> Result<Running, String> {
        let mut command = Command::new(&self.envoy);
        command.args(["--disable-hot-restart", "--concurrency", "2", "-c", "dist/envoy.yaml"]);
        command
            .args(["--log-level", "info", "--file-flush-interval-msec", "100"])
            // It would say that 1.40 has a newer name for a field that 1.37 knows by this one alone.
            .args(["--component-log-level", "misc:error"])
            .envs(self.keys());
        Running::start("Envoy", "dist/envoy.log", command, told)
    }

    fn invite(&self) {
        let (http, tls) = (self.ports.http, self.ports.tls);
        println!(
            "\nThe gateway listens on http://127.0.0.1:{http} and https://localhost:{tls} (--cacert dist/tls/server.crt)."
        );
        if let Some(path) = &self.portal {
            println!("The developer portal: http://127.0.0.1:{http}/{path}/");
        }
        println!(
            "Envoy's admin page: http://127.0.0.1:{}; logs: dist/envoy.log, dist/emulator.log.",
            self.ports.admin
        );
        let command = |call: &example::Call| {
            let (scheme, host, port) =
                if call.tls { ("https", "localhost", tls) } else { ("http", "127.0.0.1", http) };
            call.curl(&format!("{scheme}://{host}:{port}"))
        };
        for call in &self.calls {
            println!("\n{}:\n{}", call.title, command(call));
        }
        if let Some(port) = self.storage_port.filter(|_| self.policy == Path::new(DEFAULT_POLICY)) {
            println!("{}", storage::walk_through(http, port));
        }
        if let Some(call) = self.calls.first().filter(|call| call.key.is_some()) {
            let keyless = example::Call { key: None, ..call.clone() };
            println!("\nA call that the gateway refuses:\n{}", command(&keyless));
        }
        println!("\nCtrl-C ends it. Requests:");
    }
}

/// A child process that ends when this is dropped; what it prints goes to a file.
struct Running {
    name: &'static str,
    child: Child,
    log: &'static str,
}

impl Running {
    /// `tell` chooses from the child's lines what the terminal shows.
    fn start(
        name: &'static str,
        log: &'static str,
        mut command: Command,
        tell: fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let problem = |error: io::Error| format!("{name}: {error}");
        let file = Arc::new(File::create(log).map_err(problem)?);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .map_err(problem)?;
        let streams = [
            child.stdout.take().map(|out| Box::new(out) as Box<dyn Read + Send>),
            child.stderr.take().map(|err| Box::new(err) as _),
        ];
        for stream in streams.into_iter().flatten() {
            let file = Arc::clone(&file);
            thread::spawn(move || record(stream, &file, tell));
        }
        Ok(Self { name, child, log })
    }

    fn start_storage(port: u16) -> Result<Self, String> {
        Self::start("Azurite", "dist/azurite.log", storage::command(Path::new("."), port)?, |_| {
            None
        })
    }

    /// An error when the child has ended by itself.
    fn check(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                // What it wrote last may still be on the way through the pipe.
                sleep(Duration::from_millis(100));
                let log = fs::read(self.log).unwrap_or_default();
                let last = process::last_lines(&String::from_utf8_lossy(&log), 20);
                Err(format!("{} ended ({status}); the end of {}:\n{last}", self.name, self.log))
            }
            Err(error) => Err(format!("{}: {error}", self.name)),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = process::stop(&mut self.child) {
            eprintln!("run: {} (process {}) may still run: {error}", self.name, self.child.id());
        }
    }
}

/// Copies lines, of any bytes, to the log until the child closes its end.
fn record(stream: impl Read, mut log: &File, tell: fn(&str) -> Option<String>) {
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        // A full disk must not stop the gateway.
        let _ = log.write_all(format!("{line}\n").as_bytes());
        if let Some(text) = tell(&line) {
            println!("{text}");
        }
    }
}

/// One short line per request, and Envoy's warnings, such as a policy that it rejected.
fn told(line: &str) -> Option<String> {
    let Ok(entry) = serde_json::from_str::<Value>(line) else {
        let loud = ["[warning]", "[error]", "[critical]"].iter().any(|level| line.contains(level));
        // Envoy warns of the signal that ends it, and quotes the whole of a file that is no JSON.
        let ours = line.contains("] caught ");
        return (loud && !ours).then(|| line.chars().take(400).collect());
    };
    let word = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
    let number = |name: &str| entry.get(name).and_then(Value::as_u64).unwrap_or(0);
    let (code, took) = (number("code"), number("duration"));
    Some(format!(
        "{code} {:<6} {:<16} {:<20} {took:>5} ms  {}",
        word("method"),
        word("operation"),
        word("outcome"),
        word("path")
    ))
}

/// Waits for what has been started; a signal ends the wait, and a child that ends is an error.
fn wait(
    stop: &AtomicBool,
    children: &mut [Running],
    ready: impl Fn() -> bool,
) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !stop.load(Ordering::Relaxed) && !ready() {
        for child in children.iter_mut() {
            child.check()?;
        }
        if Instant::now() > deadline {
            let name = children.last().map_or("nothing", |child| child.name);
            return Err(format!("{name} is not ready after 20 seconds; its log is in dist"));
        }
        sleep(process::TICK);
    }
    Ok(())
}

/// By connecting: a trial bind could take the port from the child that is about to listen.
fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A port from the environment, free now.
fn port(variable: &str, default: u16) -> Result<u16, String> {
    let port = match env::var(variable) {
        Ok(text) => text.parse().map_err(|_| format!("{variable}={text} is no port number"))?,
        Err(_) => default,
    };
    if port != 0 && ports::is_free(port) {
        return Ok(port);
    }
    Err(format!("port {port} on 127.0.0.1 cannot be had: set {variable} to a free one"))
}

/// A binary of the same build.
fn sibling(name: &str) -> Result<PathBuf, String> {
    let program = env::current_exe()
        .map_err(|error| format!("where is this program: {error}"))?
        .with_file_name(name);
    if program.exists() {
        Ok(program)
    } else {
        Err(format!("{} is missing: `make build` makes it", program.display()))
    }
}

/// For this run only: the emulator and Envoy are told the same.
fn random_key() -> String {
    // std's only source of randomness; the key guards an emulator on loopback.
    let half = || RandomState::new().hash_one(process::TICK);
    format!("{:016x}{:016x}", half(), half())
}

fn read(path: impl AsRef<Path>) -> Result<String, String> {
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.as_ref().display()))
}

fn write(path: impl AsRef<Path>, text: &str) -> Result<(), String> {
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.as_ref().display()))
}
