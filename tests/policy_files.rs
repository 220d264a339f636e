//! Compiles every file of `config_bad` and `config_warned` and holds the problems against the text
//! beside it. A file of `config_bad` gives no policy; one of `config_warned` does.
//!
//! `BLESS=1 cargo test --test policy_files` writes the texts anew: read the difference.

// A test ends by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use azureml_gateway::policy::compile;
use azureml_gateway::policy::problem::Severity;
use libtest_mimic::{Arguments, Failed, Trial};

/// Stands in every file at or below a credential's place, and must stand in no message.
const SECRET: &str = "s3cret";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (folder, loads) in [("config_bad", false), ("config_warned", true)] {
        for file in files(folder) {
            let name = format!("{folder}/{}", file.file_stem().unwrap().to_string_lossy());
            trials.push(Trial::test(name, move || check(&file, loads)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    assert!(!files.is_empty(), "{} has no files", folder.display());
    files.sort();
    files
}

fn check(file: &Path, loads: bool) -> Result<(), Failed> {
    let compiled = compile(&std::fs::read(file)?, &environment);
    let lines: String = compiled
        .problems
        .iter()
        .map(|problem| {
            let kind = if problem.severity == Severity::Error { "problem" } else { "warning" };
            format!("{kind}: {problem}\n")
        })
        .collect();
    if lines.contains(SECRET) {
        return Err(format!("a message quotes the secret:\n{lines}").into());
    }
    if compiled.policy.is_some() != loads {
        return Err(format!("policy: {}\n{lines}", compiled.policy.is_some()).into());
    }
    let expected = file.with_extension("txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&expected, &lines)?;
    }
    let expected = std::fs::read_to_string(&expected)?;
    if lines != expected {
        return Err(format!("expected:\n{expected}\ngot:\n{lines}").into());
    }
    Ok(())
}

fn environment(name: &str) -> Option<Vec<u8>> {
    match name {
        "DEMO_KEY" => Some(b"key".to_vec()),
        "NEWLINE_KEY" => Some(b"s3cret\n".to_vec()),
        "EMPTY_KEY" => Some(Vec::new()),
        _ => None,
    }
}
