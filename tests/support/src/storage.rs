//! Azurite: blob storage on this machine, as a developer has it, with nothing kept on disk.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{free_port, layout, process};

/// Below the project's root; `make guide` installs it.
const PROGRAM: &str = "tests/guide/node_modules/.bin/azurite-blob";

/// Node reads some hundred files first.
const PATIENCE: Duration = Duration::from_secs(30);

/// Azurite's account and its key, which are the same everywhere and published.
pub const ACCOUNT: &str = "devstoreaccount1";
pub const ACCOUNT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A running Azurite. Stops when dropped, and what it stored is gone.
pub struct Azurite {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Azurite {
    /// Returns when it answers, on a free port.
    pub fn start() -> Result<Self, String> {
        let port = free_port();
        let log = std::env::temp_dir().join(format!("azurite-{}-{port}.log", std::process::id()));
        let problem = |error| format!("Azurite: {error}");
        let output = File::create(&log).map_err(problem)?;
        let mut command = command(&layout::project_root(), port)?;
        command.stdout(output.try_clone().map_err(problem)?).stderr(output);
        let child = command.spawn().map_err(problem)?;
        // From here on Drop ends the process, on an error too.
        let mut azurite = Self { child, port, log };
        let deadline = Instant::now() + PATIENCE;
        while !listens(port) {
            if azurite.child.try_wait().is_ok_and(|ended| ended.is_some())
                || Instant::now() > deadline
            {
                let log = fs::read_to_string(&azurite.log).unwrap_or_default();
                return Err(format!("Azurite does not start:\n{}", process::last_lines(&log, 20)));
            }
            sleep(process::TICK);
        }
        Ok(azurite)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn connection_string(&self) -> String {
        connection_string(self.port)
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = process::stop(&mut self.child);
        let _ = fs::remove_file(&self.log);
    }
}

/// Azurite with blobs alone, in memory. The clients of storage are newer than it knows, which does it no harm.
pub fn command(root: &Path, port: u16) -> Result<Command, String> {
    let program = root.join(PROGRAM);
    if !program.exists() {
        return Err(format!("no Azurite at {}: `make guide` installs it", program.display()));
    }
    let mut command = Command::new(program);
    command.args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
    command.args([
        "--inMemoryPersistence",
        "--skipApiVersionCheck",
        "--loose",
        "--disableTelemetry",
    ]);
    Ok(command)
}

/// What names an Azurite on this port.
pub fn connection_string(port: u16) -> String {
    format!(
        "DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};\
         BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
    )
}

/// A batch job of the demo policy's service to paste into a terminal: the guide's program, then its
/// calls one by one.
pub fn walk_through(gateway_port: u16, storage_port: u16) -> String {
    let service_url = format!(
        "http://127.0.0.1:{gateway_port}/azureml-demo/workspaces/0123456789abcdef0123456789abcdef\
         /services/fedcba9876543210fedcba9876543210"
    );
    let storage = connection_string(storage_port);
    let location = |name: &str| {
        format!(r#"{{"ConnectionString":"{storage}","RelativeLocation":"/guide/{name}.csv"}}"#)
    };
    let body = format!(
        r#"{{"Input":{},"Outputs":{{"output1":{}}},"GlobalParameters":{{}}}}"#,
        location("in"),
        location("out")
    );
    let headers =
        "-H 'Ocp-Apim-Subscription-Key: unlimited-demo-key' -H 'Content-Type: application/json'";
    format!(
        r#"
Run a batch job (BES): the guide's program uploads a table, has it hashed, and downloads the result:
printf 'Col1,Col2\n1,This is a good day\n' > dist/in.csv
export AZURE_STORAGE_CONNECTION_STRING='{storage}'
.venv/guide/bin/python tests/guide/bes.py --gateway http://127.0.0.1:{gateway_port}/azureml-demo --key unlimited-demo-key --input dist/in.csv --output dist/out.csv --blob in.csv

The same job, call by call:
job=$(curl -s '{service_url}/jobs?api-version=2.0' {headers} -d '{body}' | tr -d '"'); echo $job
curl -i -X POST "{service_url}/jobs/$job/start?api-version=2.0" {headers}
curl -i "{service_url}/jobs/$job?api-version=2.0" {headers}"#
    )
}

fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
