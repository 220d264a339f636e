//! Runs every case file of this folder and of tests/policies twice: natively against the decision alone, and through a
//! real Envoy with the shipped listener. The attacks also go through a listener of somebody else's,
//! which normalises paths before the filter sees them.

// A test ends by panicking, and a test binary has no crate that its items could be public to.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod envoy;
mod format;
mod native;
mod outcome;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use envoy::{Listener, Rig};
use format::CaseFile;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Cases of one file share Envoy and the backends' records.
    arguments.test_threads = Some(1);
    let files: Vec<Arc<CaseFile>> = case_files().into_iter().map(Arc::new).collect();
    assert!(!files.is_empty(), "no case files");
    let mut trials = Vec::new();
    for file in &files {
        for index in 0..file.cases.len() {
            let (name, owner) = (file.cases[index].name.clone(), Arc::clone(file));
            trials.push(Trial::test(format!("native::{}: {name}", file.name), move || {
                native::run(&owner, &owner.cases[index]).map_err(Into::into)
            }));
        }
    }
    for listener in [Listener::Shipped, Listener::Foreign] {
        for file in
            files.iter().filter(|file| listener == Listener::Shipped || file.foreign_listener)
        {
            let rig = Arc::new(Rig::new(Arc::clone(file), listener));
            for index in (0..file.cases.len()).filter(|index| !file.cases[*index].native_only()) {
                let (name, rig) = (file.cases[index].name.clone(), Arc::clone(&rig));
                let last = file.cases.iter().rposition(|case| !case.native_only()) == Some(index);
                trials.push(Trial::test(format!("{listener}::{}: {name}", file.name), move || {
                    let result = rig.run(index);
                    if last {
                        rig.stop();
                    }
                    result.map_err(Into::into)
                }));
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Those of this folder, and those of the shipped policies.
fn case_files() -> Vec<CaseFile> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut paths: Vec<_> = ["cases", "policies"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(tests.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    paths.iter().map(|path| CaseFile::read(path)).collect()
}
