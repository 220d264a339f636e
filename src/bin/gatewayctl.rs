//! The command line: checks, explains and renders a policy with the filter's own code.

#[path = "gatewayctl/apply.rs"]
mod apply;
#[path = "gatewayctl/check.rs"]
mod check;
#[path = "gatewayctl/explain.rs"]
mod explain;
#[path = "gatewayctl/import.rs"]
mod import;
#[path = "gatewayctl/key.rs"]
mod key;
#[path = "gatewayctl/limits.rs"]
mod limits;
#[path = "gatewayctl/openapi.rs"]
mod openapi;
#[path = "gatewayctl/render.rs"]
mod render;
#[path = "gatewayctl/source.rs"]
mod source;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use azureml_gateway::policy::config::PolicyConfig;
use clap::{Parser, Subcommand};

/// Works with policies of azureml-gateway.
#[derive(Parser)]
#[command(name = "gatewayctl", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints every problem of a policy file, or what it guards, what it leaves open, and which
    /// secrets are missing. Exit status 1 if the filter would refuse the file.
    Check {
        /// The policy file.
        file: PathBuf,
        /// Counts a secret that is missing from this environment as a problem: for use in Envoy's
        /// environment.
        #[arg(long)]
        require_secrets: bool,
    },
    /// Prints which operation a call matches, why the others do not, and what would go to the
    /// backend. Secrets are masked.
    Explain {
        /// The policy file.
        file: PathBuf,
        /// The call's method.
        method: String,
        /// The call's URL, as http://gateway/azureml-demo/..., or the path and query alone.
        url: String,
        /// A header of the call, as name:value. May be repeated.
        #[arg(short = 'H', long = "header", value_name = "NAME:VALUE")]
        headers: Vec<String>,
    },
    /// Prints the JSON Schema of the policy file, for editors.
    Schema,
    /// Writes the resource that gives the policy to Envoy (ECDS), in one rename.
    Render {
        /// The policy file.
        file: PathBuf,
        /// The filter, as Envoy will find it.
        #[arg(long, default_value = "dist/azureml-gateway.wasm")]
        wasm: String,
        /// The name by which Envoy's configuration asks for the filter.
        #[arg(long, value_name = "NAME", default_value = "gateway")]
        resource: String,
        /// Where Envoy watches. Absent: standard output.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Makes a policy of an OpenAPI document or an API Management export. What cannot be carried over
    /// is listed on standard error. Exit status 1 if no policy could be made.
    Import(import::Arguments),
    /// Prints recording rules for Prometheus: how much of each limit its subscriptions have used.
    Limits {
        /// The policy file.
        file: PathBuf,
    },
    /// Prints an API as OpenAPI 3.1, as the portal has it.
    Openapi {
        /// The policy file.
        file: PathBuf,
        /// The API's name.
        api: String,
        /// Where the gateway is, as `https://gateway.example`. Absent: the document's server is the
        /// API's path alone.
        #[arg(long, value_name = "URL")]
        server: Option<String>,
    },
    /// Makes subscription keys, and the hashes by which a policy knows them.
    #[command(subcommand)]
    Key(key::Command),
    /// Gives the policy to a running Envoy, waits until it is live or rejected, and says which.
    /// Exit status 1 unless it is live.
    Apply {
        /// The policy file.
        file: PathBuf,
        /// Envoy's admin interface.
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9901")]
        admin: String,
        /// The filter, as Envoy will find it.
        #[arg(long, default_value = "dist/azureml-gateway.wasm")]
        wasm: String,
        /// The name by which Envoy's configuration asks for the filter.
        #[arg(long, value_name = "NAME", default_value = "gateway")]
        resource: String,
        /// The file that Envoy watches.
        #[arg(long, default_value = "dist/ecds/gateway.json")]
        out: PathBuf,
        /// Envoy's log: the reason of a rejection stands only there.
        #[arg(long, value_name = "FILE")]
        log: Option<PathBuf>,
        /// How long to wait for Envoy.
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        timeout: u64,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Check { file, require_secrets } => check::run(&file, require_secrets),
        Command::Explain { file, method, url, headers } => {
            explain::run(&file, &method, &url, &headers)
        }
        Command::Schema => schema(),
        Command::Render { file, wasm, resource, out } => {
            render::run(&file, &resource, &wasm, out.as_deref())
        }
        Command::Import(arguments) => import::run(&arguments),
        Command::Limits { file } => limits::run(&file),
        Command::Openapi { file, api, server } => openapi::run(&file, &api, server.as_deref()),
        Command::Key(command) => key::run(command),
        Command::Apply { file, admin, wasm, resource, out, log, timeout } => {
            let timeout = Duration::from_secs(timeout);
            apply::run(&file, &apply::Target { admin, wasm, resource, out, log, timeout })
        }
    };
    result.unwrap_or_else(|message| {
        eprintln!("gatewayctl: {message}");
        ExitCode::FAILURE
    })
}

fn schema() -> Result<ExitCode, String> {
    let schema = schemars::schema_for!(PolicyConfig<'_>);
    let text = serde_json::to_string_pretty(&schema).map_err(|error| error.to_string())?;
    println!("{text}");
    Ok(ExitCode::SUCCESS)
}
