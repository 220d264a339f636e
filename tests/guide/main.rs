//! The guide's two programs as a user runs them: through a real Envoy, with a subscription key alone, and with a real
//! blob storage for the batch jobs.

// A test ends by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod programs;
mod results;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use emulator::{Emulator, Settings};
use support::{Azurite, Gateway, Options, render};

/// The web service's own key, which no caller has.
const SERVICE_KEY: &str = "service-key-c4nary+/==";
/// A subscription of the shipped policy, without limits.
const SUBSCRIPTION_KEY: &str = "unlimited-demo-key";

/// The shipped policy in front of an emulator that runs its batch jobs on Azurite.
struct Guide {
    gateway: Gateway,
    emulator: Emulator,
    storage: Azurite,
    folder: PathBuf,
}

impl Guide {
    fn start() -> Self {
        Self::with_log_level("info")
    }

    fn with_log_level(level: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("guide-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let storage = Azurite::start().unwrap();
        let emulator = Emulator::start(Settings::demo(SERVICE_KEY)).unwrap();
        let policy = fs::read_to_string(root().join("envoy/policy.json")).unwrap();
        assert!(policy.contains("127.0.0.1:9080"));
        let policy = policy.replace("127.0.0.1:9080", &emulator.address().to_string());
        let ecds = render(Path::new(env!("CARGO_BIN_EXE_gatewayctl")), &policy).unwrap();
        let options = Options {
            env: vec![("AZUREML_DEMO_KEY".into(), SERVICE_KEY.into())],
            log_level: level.to_owned(),
            ..Options::new(ecds)
        };
        let gateway = Gateway::start(&options).unwrap();
        Self { gateway, emulator, storage, folder }
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/azureml-demo", self.gateway.http_port())
    }

    /// Runs a program of this folder. The key goes as an argument, the storage as a variable.
    fn run(&self, program: &str, key: &str, arguments: &[&str]) -> Output {
        self.python(program)
            .args(["--gateway", &self.url(), "--key", key])
            .args(arguments)
            .output()
            .unwrap()
    }

    /// With a clean environment: neither a proxy nor a storage of the user's.
    fn python(&self, program: &str) -> Command {
        let python = root().join(".venv/guide/bin/python");
        assert!(python.exists(), "{} is missing: `make guide` installs it", python.display());
        let mut command = Command::new(python);
        command.arg("-B").arg(root().join("tests/guide").join(program)).env_clear();
        command.env("AZURE_STORAGE_CONNECTION_STRING", self.storage.connection_string());
        command
    }

    /// Runs bes.py on a table and returns what it saved.
    fn batch(&self, table: &Path) -> (String, PathBuf) {
        let result = table.with_extension("out.csv");
        let files = ["--input", table.to_str().unwrap(), "--output", result.to_str().unwrap()];
        (printed(&self.run("bes.py", SUBSCRIPTION_KEY, &files)), result)
    }
}

impl Drop for Guide {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a program printed that succeeded.
fn printed(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
