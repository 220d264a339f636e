//! `gatewayctl import`: makes a policy of an OpenAPI document or of an API Management export.
//!
//! ```text
//! files --document--> Node --openapi, arm, apiops--> Draft --finish--> policy
//!                                    \--------------------> Report
//! ```
//!
//! What cannot be carried over is in the report, with its place in the source. The draft is judged
//! by the filter's own compiler, so what comes out is what `check` passes.

#[path = "import/apim.rs"]
mod apim;
#[path = "import/apiops.rs"]
mod apiops;
#[path = "import/arm.rs"]
mod arm;
#[path = "import/document.rs"]
mod document;
#[path = "import/draft.rs"]
mod draft;
#[path = "import/files.rs"]
pub(crate) mod files;
#[path = "import/finish.rs"]
mod finish;
#[path = "import/layout.rs"]
mod layout;
#[path = "import/name.rs"]
mod name;
#[path = "import/openapi.rs"]
mod openapi;
#[path = "import/report.rs"]
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use document::Node;
use draft::Draft;
use files::Files;
use report::Report;

#[derive(Args)]
pub(crate) struct Arguments {
    /// An OpenAPI or Swagger document, an ARM template, or a folder that APIOps extracted.
    source: PathBuf,
    #[command(flatten)]
    options: Options,
    /// Where the policy goes. Absent: standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Makes no policy if something cannot be carried over.
    #[arg(long)]
    strict: bool,
}

#[derive(Args, Clone, Default)]
pub(crate) struct Options {
    /// What the source is. Absent: what it looks like.
    #[arg(long)]
    pub(crate) kind: Option<Kind>,
    /// The API's path at the gateway (OpenAPI).
    #[arg(long, value_name = "SUFFIX")]
    pub(crate) path: Option<String>,
    /// The backend's URL (OpenAPI).
    #[arg(long, value_name = "URL")]
    pub(crate) service_url: Option<String>,
    /// The API's name (OpenAPI).
    #[arg(long)]
    pub(crate) name: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// OpenAPI 3.x or Swagger 2.0, as JSON or YAML.
    Openapi,
    /// API Management's resources in an ARM template.
    Arm,
    /// The folder that the extractor of APIOps makes.
    Apiops,
}

/// A policy, and what became of the source.
pub(crate) struct Imported {
    pub(crate) policy: String,
    pub(crate) report: String,
    /// How many things were not carried over.
    pub(crate) lost: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let files = Files::read(&arguments.source)?;
    let imported = import(&files, &arguments.options)?;
    eprint!("{}", imported.report);
    if arguments.strict && imported.lost > 0 {
        return Err(format!(
            "{}: not everything can be carried over, so no policy was made",
            arguments.source.display()
        ));
    }
    match &arguments.out {
        None => print!("{}", imported.policy),
        Some(out) => write(out, &imported.policy)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write(out: &Path, policy: &str) -> Result<(), String> {
    std::fs::write(out, policy).map_err(|error| format!("{}: {error}", out.display()))
}

/// Values in, values out: no file is read or written.
pub(crate) fn import(files: &Files, options: &Options) -> Result<Imported, String> {
    let mut report = Report::default();
    let policy = draft(files, options, &mut report)
        .and_then(|draft| finish::finish(draft, &mut report))
        .map_err(|message| report::printable(&message))?;
    Ok(Imported { policy, report: report.to_string(), lost: report.lost_count() })
}

fn draft(files: &Files, options: &Options, report: &mut Report) -> Result<Draft, String> {
    let name = &files.name;
    let own_names = |draft: Result<Draft, String>| match (&options.path, &options.name) {
        (None, None) => draft,
        _ => Err(format!(
            "{name}: --path and --name are for OpenAPI documents: its APIs have theirs"
        )),
    };
    let Some((file, bytes)) = files.single() else {
        if !matches!(options.kind, None | Some(Kind::Apiops)) || !apiops::is(files) {
            return Err(format!(
                "{name}: is a folder without apis/NAME/apiInformation.json: name the folder that APIOps extracted, \
                 or a file"
            ));
        }
        let service = apiops::read(files, report)?;
        return own_names(
            service.draft(options, report).map_err(|fault| format!("{name}: {fault}")),
        );
    };
    if options.kind == Some(Kind::Apiops) {
        return Err(format!("{name}: is a file: an extract of APIOps is a folder"));
    }
    let document = Node::parse(file, bytes)?;
    let fault = |fault| format!("{file}: {fault}");
    match openapi::version(&document).map_err(fault)? {
        Some(version) if options.kind != Some(Kind::Arm) => {
            openapi::import(&document, file, version, options, report)
        }
        None if options.kind != Some(Kind::Openapi) && arm::is(&document) => {
            let service = arm::read(&document, report).map_err(fault)?;
            own_names(service.draft(options, report).map_err(fault))
        }
        _ => Err(fault(unknown(&document, options.kind))),
    }
}

fn unknown(document: &Node, kind: Option<Kind>) -> String {
    let names: Vec<String> = document
        .members()
        .iter()
        .take(5)
        .map(|(name, _)| format!("\"{}\"", name.escape_debug()))
        .collect();
    let found = if names.is_empty() {
        "no object".to_owned()
    } else {
        format!("an object with {}", names.join(", "))
    };
    let wanted = match kind {
        Some(Kind::Arm) => "no ARM template (\"resources\")",
        Some(_) => "no OpenAPI document (\"openapi\" or \"swagger\")",
        None => {
            "neither an OpenAPI document (\"openapi\" or \"swagger\") nor an ARM template (\"resources\")"
        }
    };
    format!("is {wanted}, but {found}")
}
