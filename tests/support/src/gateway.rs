//! A running Envoy in a directory of its own.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::layout::{self, Ports};
use crate::process::{self, TICK};
use crate::{Admin, admin::Updates, certificate};

/// How long Envoy may take to compile the filter and be ready; a loaded machine needs some seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to start. `Options { concurrency: 2, ..Options::new(ecds) }`
pub struct Options {
    /// Default: the variable ENVOY, else `.venv/bin/envoy` of the project.
    pub envoy: PathBuf,
    /// The project's root, where `envoy` is.
    pub root: PathBuf,
    /// Envoy's configuration, below the root; default: `envoy/envoy.yaml`.
    pub config: &'static str,
    /// Content of the ECDS file, as `gatewayctl render` writes it for [`layout::WASM`].
    pub ecds: String,
    /// Other files of Envoy's working directory, by their path there.
    pub files: Vec<(&'static str, String)>,
    /// Envoy's environment; beside it only PATH and HOME are set.
    pub env: Vec<(String, String)>,
    /// The filter; default: `dist/azureml-gateway.wasm` of the project.
    pub wasm: PathBuf,
    /// Worker threads.
    pub concurrency: u32,
    /// A change to the configuration's text.
    pub edit: Box<dyn Fn(String) -> String + Send + Sync>,
    /// Log level of Envoy and of the filter.
    pub log_level: String,
    pub extra_args: Vec<String>,
    /// Default: free ones.
    pub ports: Option<Ports>,
    /// Wait until a first policy is active. False is for tests of a gateway that has none.
    pub wait_for_policy: bool,
}

impl Options {
    pub fn new(ecds: impl Into<String>) -> Self {
        let root = layout::project_root();
        Self {
            envoy: layout::envoy(&root),
            wasm: root.join(layout::WASM),
            root,
            config: "envoy/envoy.yaml",
            ecds: ecds.into(),
            files: Vec::new(),
            env: Vec::new(),
            concurrency: 1,
            edit: Box::new(|text| text),
            log_level: "info".to_owned(),
            extra_args: Vec::new(),
            ports: None,
            wait_for_policy: true,
        }
    }
}

/// Stops Envoy and removes its directory when dropped.
pub struct Gateway {
    child: Child,
    folder: PathBuf,
    ports: Ports,
    certificate: String,
}

impl Gateway {
    /// Returns when requests are answered; an error carries the end of Envoy's log.
    pub fn start(options: &Options) -> Result<Self, String> {
        let ports = options.ports.unwrap_or_else(Ports::free);
        let folder = fresh_folder().map_err(|error| format!("no temporary directory: {error}"))?;
        let prepared = prepare(&folder, options, ports).and_then(|certificate| {
            let child = spawn(&folder, options)
                .map_err(|error| format!("{}: {error}", options.envoy.display()))?;
            Ok((certificate, child))
        });
        let (certificate, child) = match prepared {
            Ok(both) => both,
            Err(problem) => {
                let _ = fs::remove_dir_all(&folder);
                return Err(problem);
            }
        };
        // From here on Drop ends the process and removes the folder, on an error too.
        let mut gateway = Self { child, folder, ports, certificate };
        gateway.wait_until_ready(options.wait_for_policy)?;
        Ok(gateway)
    }

    pub fn http_port(&self) -> u16 {
        self.ports.http
    }

    pub fn tls_port(&self) -> u16 {
        self.ports.tls
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Envoy's working directory.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The certificate that the TLS listener shows and that a client has to trust, as PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Envoy's own log, with the filter's lines.
    pub fn log(&self) -> String {
        read(&self.folder.join("envoy.log"))
    }

    /// One JSON object per line; a line appears up to 50 ms after its request.
    pub fn access_log(&self) -> String {
        read(&self.folder.join("access.log"))
    }

    /// Envoy's admin interface.
    pub fn admin(&self) -> Admin {
        Admin { port: self.ports.admin }
    }

    /// Replaces the ECDS file by rename and waits until Envoy has judged it. An error says that it
    /// was rejected and why; the policy before it then stays in force. The same content again is
    /// accepted and changes nothing.
    pub fn replace_policy(&self, ecds: &str) -> Result<(), String> {
        let before = self.admin().updates()?;
        let path = self.folder.join(layout::ECDS);
        layout::write_by_rename(&path, ecds)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let now = self.admin().updates()?;
            if now.refused > before.refused {
                return Err(format!(
                    "the policy was rejected:\n{}",
                    process::last_lines(&self.log(), 20)
                ));
            }
            if now.accepted > before.accepted {
                return Ok(());
            }
            sleep(TICK);
        }
        Err(format!("Envoy did not notice the policy:\n{}", process::last_lines(&self.log(), 20)))
    }

    fn wait_until_ready(&mut self, wait_for_policy: bool) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        let problem = loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                break format!("Envoy ended: {status}");
            }
            match self.admin().readiness() {
                Ok(Updates { refused: 1.., accepted: 0 }) if wait_for_policy => {
                    break "Envoy rejected the policy".to_owned();
                }
                Ok(updates) if !wait_for_policy || updates.accepted > 0 => return Ok(()),
                Ok(_) | Err(_) if Instant::now() < deadline => sleep(TICK),
                Ok(updates) => break format!("no policy is active: {updates:?}"),
                Err(error) => break format!("not ready after {PATIENCE:?}: {error}"),
            }
        };
        Err(format!("{problem}\n{}", process::last_lines(&self.log(), 60)))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = process::stop(&mut self.child);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn fresh_folder() -> io::Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder =
        std::env::temp_dir().join(format!("azureml-gateway-{}-{number}", std::process::id()));
    // What a killed run with the same process id left behind must not be taken for ours.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir(&folder)?;
    Ok(folder)
}

/// Lays out the working directory and returns the certificate.
fn prepare(folder: &Path, options: &Options, ports: Ports) -> Result<String, String> {
    let source = options.root.join(options.config);
    let yaml =
        fs::read_to_string(&source).map_err(|error| format!("{}: {error}", source.display()))?;
    let yaml = (options.edit)(ports.apply(&yaml)?);
    let write = || -> io::Result<String> {
        fs::write(folder.join("envoy.yaml"), yaml)?;
        let ecds = folder.join(layout::ECDS);
        fs::create_dir_all(ecds.parent().unwrap_or(folder))?;
        fs::write(ecds, &options.ecds)?;
        for (path, text) in &options.files {
            fs::write(folder.join(path), text)?;
        }
        symlink(&options.wasm, folder.join(layout::WASM))?;
        symlink(options.root.join(layout::PORTAL), folder.join(layout::PORTAL))?;
        certificate::ensure(&folder.join(layout::TLS))?;
        fs::read_to_string(folder.join(layout::TLS).join("server.crt"))
    };
    write().map_err(|error| format!("{}: {error}", folder.display()))
}

fn spawn(folder: &Path, options: &Options) -> io::Result<Child> {
    let kept =
        ["PATH", "HOME"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    Command::new(&options.envoy)
        .args(["--disable-hot-restart", "-c", "envoy.yaml", "--file-flush-interval-msec", "50"])
        .args([
            "--concurrency",
            &options.concurrency.to_string(),
            "--log-level",
            &options.log_level,
        ])
        .args(&options.extra_args)
        .current_dir(folder)
        .env_clear()
        .envs(kept)
        .envs(options.env.iter().map(|(name, value)| (name, value)))
        .stdout(File::create(folder.join("access.log"))?)
        .stderr(File::create(folder.join("envoy.log"))?)
        .spawn()
}

/// Logs may hold any bytes of a request's path.
fn read(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
