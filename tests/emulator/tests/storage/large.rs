//! A table that is larger than what a job may hold, in the emulator as a process of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::process;
use support::storage::ACCOUNT_KEY;

use crate::account::Account;
use crate::{COUNTS, Job, KEY, anonymous};

/// Of more than 100 MB, most of it in the column that is not read.
const ROWS: usize = 250_000;
const ROW_LEN: usize = 450;

/// Far less than the table, with room for a few blocks of an upload.
const MOST_MEMORY_KIB: u64 = 64 * 1024;

/// An optimised emulator takes two seconds, and a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(300);

#[test]
fn a_table_of_100_mb_streams_and_no_log_shows_the_storages_key() {
    let account = Account::start();
    let mut child = Command::new(env!("CARGO_BIN_EXE_emulator"))
        .envs([("AZUREML_DEMO_KEY", KEY), ("EMULATOR_PORT", "0")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("emulator: listening on http://").unwrap();

    let text = "This is a good day";
    let row = format!("{},{text}\n", "x".repeat(ROW_LEN - text.len() - 2));
    let length = account.put_rows("in.csv", "Col1,Col2\n", &row, ROWS);
    assert!(length > 100_000_000, "{length}");
    let started = Instant::now();
    let job = Job::run(address.parse().unwrap(), &account, "box/in.csv", "box/out.csv");
    while job.status()["StatusCode"] == "Running" && started.elapsed() < PATIENCE {
        sleep(Duration::from_millis(100));
    }
    let took = started.elapsed();
    let result = anonymous("GET", &job.link()).body;
    assert_eq!(result.lines().count(), ROWS + 1);
    assert!(result.lines().skip(1).all(|row| row == COUNTS));

    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!("{length} bytes in {took:.1?}; the emulator's peak memory: {peak} KiB");
    assert!(peak < MOST_MEMORY_KIB, "{peak} KiB");

    process::stop(&mut child).unwrap();
    let (mut log, mut errors) = (String::new(), String::new());
    stdout.read_to_string(&mut log).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(log.contains("/start?api-version=2.0") && errors.is_empty(), "{errors}");
    assert!(!log.contains(ACCOUNT_KEY) && !log.contains("sig="), "{log}");
}
