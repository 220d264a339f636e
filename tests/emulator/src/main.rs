//! Runs the emulator with what the shipped policies publish, until SIGINT or SIGTERM.
//!
//! A service's key is in the variable that its policy names, `AZUREML_DEMO_KEY` and so on; one whose variable is not
//! set is not there. `EMULATOR_PORT` is 9080 unless set, 0 takes a free port.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use emulator::{Emulator, Settings};
use tokio::signal::unix::{SignalKind, signal};

const DEFAULT_PORT: u16 = 9080;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("emulator: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let settings =
        Settings::shipped(|variable| env::var(variable).ok().filter(|key| !key.is_empty()));
    let port = match env::var("EMULATOR_PORT") {
        Ok(text) => {
            text.parse().map_err(|_| format!("EMULATOR_PORT must be a port, not {text:?}"))?
        }
        Err(_) => DEFAULT_PORT,
    };
    let mut settings = Settings { log: true, ..settings };
    settings.address.set_port(port);
    wait(settings).map_err(|error| format!("cannot serve port {port}: {error}"))
}

/// Listens for the signals before it says that it serves, so that none is missed.
fn wait(settings: Settings) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let emulator = Emulator::start(settings)?;
        // A reader that has gone away is no reason to stop, so a failed write is not an error.
        let _ = writeln!(io::stdout(), "emulator: listening on http://{}", emulator.address());
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}
