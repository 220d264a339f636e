//! Names: made valid for the policy, and each its own.

use std::collections::HashSet;

/// The longest name that a policy takes.
const LONGEST: usize = 80;
/// The longest name of an environment variable that a policy takes.
const LONGEST_VARIABLE: usize = 64;

/// Gives each name once.
#[derive(Default)]
pub(crate) struct Names(HashSet<String>);

impl Names {
    /// `wanted` made valid; with a number behind it if it is taken.
    pub(crate) fn unique(&mut self, wanted: &str, otherwise: &str) -> String {
        let base = valid(wanted).unwrap_or_else(|| otherwise.to_owned());
        let mut name = base.clone();
        let mut number: u32 = 2;
        while !self.0.insert(name.clone()) {
            let end = format!("-{number}");
            name = format!("{}{end}", cut(&base, LONGEST.saturating_sub(end.len())));
            number = number.saturating_add(1);
        }
        name
    }
}

/// Letters, digits and `-_.`, the first a letter or a digit; none if nothing is left.
pub(crate) fn valid(text: &str) -> Option<String> {
    let name = dashed(text, |c| matches!(c, '-' | '_' | '.'));
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let name = cut(name, LONGEST).trim_end_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

/// A title as an API's name and path.
pub(crate) fn slug(title: &str) -> Option<String> {
    let name = dashed(&title.to_lowercase(), |c| c == '.');
    let name = cut(name.trim_matches(['-', '.']), 40).trim_end_matches(['-', '.']);
    (!name.is_empty()).then(|| name.to_owned())
}

/// A parameter's name as a template takes it.
pub(crate) fn parameter(name: &str) -> Option<String> {
    let name = dashed(name, |c| matches!(c, '-' | '_' | '.'));
    let name = name.trim_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

/// The environment variable that holds what `text` names.
pub(crate) fn variable(text: &str) -> String {
    let upper: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect();
    let name = upper.trim_matches('_');
    let name = match name.starts_with(|c: char| c.is_ascii_uppercase()) {
        true => name.to_owned(),
        false => format!("KEY_{name}"),
    };
    cut(&name, LONGEST_VARIABLE).trim_end_matches('_').to_owned()
}

/// Everything else becomes one dash.
fn dashed(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut name = String::new();
    for c in text.trim().chars() {
        if c.is_ascii_alphanumeric() || keep(c) {
            name.push(c);
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    name.trim_end_matches('-').to_owned()
}

/// The text is ASCII.
fn cut(text: &str, length: usize) -> &str {
    text.get(..length).unwrap_or(text)
}
