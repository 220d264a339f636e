//! The tables.

use std::fmt::Write;

use crate::cpu::Cores;
use crate::statistics::{median, paired_ratio};
use crate::subject::Subject;
use crate::variant::{GATEWAY, Kind, ROUTER_ONLY};

pub fn report(subjects: &[Subject], cores: &Cores) -> String {
    let mut text = String::new();
    let windows = subjects.first().map_or(0, |subject| subject.windows.len());
    let Cores { load, worker } = cores;
    // Writing to a String does not fail.
    let _ = writeln!(
        text,
        "CPU time of Envoy's worker per request. {windows} windows each; worker on core {worker}, the rest on core {load}.\n"
    );
    let _ = writeln!(
        text,
        "{:<28} {:>8} {:>22} {:>9} {:>8} {:>7}",
        "variant", "us", "ratio [95 %]", "added us", "wasm kB", "RSS MB"
    );
    for subject in subjects {
        row(&mut text, subject, named(subjects, subject.base));
    }
    let _ = writeln!(
        text,
        "\nThe ratio is to `{ROUTER_ONLY}`, of variants without access log to the same without it."
    );
    builds(&mut text, subjects);
    text
}

fn row(text: &mut String, subject: &Subject, base: Option<&Subject>) {
    let took = median(subject.windows.clone());
    let (ratio, added) = match base {
        Some(base) if base.name != subject.name => {
            let ratio = paired_ratio(&subject.windows, &base.windows);
            // By the ratio: the difference of two medians moves with the machine.
            let added = (ratio.median - 1.0) * median(base.windows.clone());
            (ratio.to_string(), format!("{added:+.2}"))
        }
        _ => ("1".to_owned(), String::new()),
    };
    let size =
        subject.wasm_bytes.map_or(String::new(), |bytes| format!("{:.0}", bytes as f64 / 1000.0));
    let resident = subject.resident_mb().map_or(String::new(), |mb| format!("{mb:.0}"));
    let name = &subject.name;
    let _ = writeln!(text, "{name:<28} {took:>8.2} {ratio:>22} {added:>9} {size:>8} {resident:>7}");
}

/// Two builds of the filter next to each other differ less than each of them from no filter: their
/// own ratio is the sharper one.
fn builds(text: &mut String, subjects: &[Subject]) {
    let Some(gateway) = named(subjects, GATEWAY) else { return };
    let mut builds = subjects.iter().filter(|s| s.kind == Kind::Build).peekable();
    if builds.peek().is_none() {
        return;
    }
    let _ = writeln!(text, "\nOther builds of the filter, the ratio to `{GATEWAY}`:");
    for build in builds {
        let ratio = paired_ratio(&build.windows, &gateway.windows).to_string();
        let _ = writeln!(text, "{:<28} {ratio:>31}", build.name);
    }
}

fn named<'s>(subjects: &'s [Subject], name: &str) -> Option<&'s Subject> {
    subjects.iter().find(|subject| subject.name == name)
}
