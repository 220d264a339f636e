//! The program `emulator`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::{SERVICE, send_to};

const KEY: &str = "key-that-never-prints";

fn emulator() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_emulator"));
    command.env_remove("AZUREML_DEMO_KEY").env("EMULATOR_PORT", "0");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn with_a_bad_port_it_says_so_and_does_not_start() {
    let output =
        emulator().env("EMULATOR_PORT", "x").env("AZUREML_DEMO_KEY", KEY).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && stderr.contains("EMULATOR_PORT"), "{stderr}");
    assert!(!stderr.contains(KEY) && output.stdout.is_empty());
}

#[test]
fn it_logs_each_request_without_secrets_and_ends_cleanly_on_a_signal() {
    for name in ["INT", "TERM"] {
        let mut child = emulator().env("AZUREML_DEMO_KEY", KEY).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("emulator: listening on http://").unwrap();
        let target = format!("{SERVICE}/jobs/0?api-version=2.0&sig={KEY}");
        let authorization = format!("Bearer {KEY}");
        let headers = [("authorization", authorization.as_str())];
        assert_eq!(send_to(address.parse().unwrap(), "GET", &target, &headers, "").status, 404);

        let signalled =
            Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
        assert!(signalled.unwrap().success());
        assert!(child.wait().unwrap().success());
        let (mut log, mut errors) = (String::new(), String::new());
        stdout.read_to_string(&mut log).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        let target = target.replace(KEY, "***");
        assert_eq!(log, format!("GET {target} {address} 404 authorization: Bearer ***\n"));
        assert_eq!(errors, "");
    }
}
