//! The folders of cases, and the command that they are for.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) const KINDS: [&str; 3] = ["openapi", "arm", "apiops"];

pub(crate) struct Case {
    pub(crate) folder: PathBuf,
    /// The source's name in the folder.
    pub(crate) source: String,
}

pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn all() -> Vec<Case> {
    KINDS.into_iter().flat_map(of_kind).collect()
}

pub(crate) fn of_kind(kind: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = entries(&root().join(kind))
        .into_iter()
        .map(|folder| {
            let names = entries(&folder);
            let names = names.iter().map(|path| path.file_name().unwrap().to_str().unwrap());
            let source = names.filter(|name| name.starts_with("source")).collect::<Vec<_>>();
            let [source] = source.as_slice() else { panic!("{}: one source", folder.display()) };
            Case { source: (*source).to_owned(), folder }
        })
        .collect();
    cases.sort_by(|a, b| a.folder.cmp(&b.folder));
    cases
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

/// Runs the command in `folder`, so that messages name files as the user does.
pub(crate) fn gatewayctl(folder: &Path, arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_gatewayctl"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}
