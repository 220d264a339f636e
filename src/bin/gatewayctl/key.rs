//! `gatewayctl key`: subscription keys, and the hashes by which a policy knows them.

use std::io::Read;
use std::process::ExitCode;

use azureml_gateway::policy::subscription::KeyHash;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Subcommand;

#[derive(Clone, Copy, Subcommand)]
pub(crate) enum Command {
    /// Makes a key and prints it once, with its hash. Give the key to the caller and the hash to
    /// the policy.
    New,
    /// Prints the hash of the key on standard input.
    Hash,
}

pub(crate) fn run(command: Command) -> Result<ExitCode, String> {
    match command {
        Command::New => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(|error| format!("no random bytes: {error}"))?;
            let key = URL_SAFE_NO_PAD.encode(bytes);
            println!("key:    {key}");
            println!("sha256: {}", KeyHash::of(key.as_bytes()).hex());
        }
        Command::Hash => {
            let mut key = Vec::new();
            std::io::stdin().read_to_end(&mut key).map_err(|error| error.to_string())?;
            let key = key.trim_ascii();
            if key.is_empty() {
                return Err("no key on standard input".into());
            }
            println!("{}", KeyHash::of(key).hex());
        }
    }
    Ok(ExitCode::SUCCESS)
}
