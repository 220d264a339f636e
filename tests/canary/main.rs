//! No key leaks. Every place that holds a key holds a text of its own; every refusal is provoked with
//! Envoy at its most talkative, and then everything that can be read is searched for those texts.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `policy` | a policy with a key in every place, and its backends |
//! | `calls` | the calls: every refusal code, keys where they belong and where they do not |
//! | `envoy` | what logs, statistics, replies and backends show; where Envoy itself shows a key |
//! | `policies` | policies that are refused |
//! | `gatewayctl` | the command line |

// A test ends by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod calls;
mod envoy;
mod gatewayctl;
mod policies;
mod policy;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What every key begins with; what follows names its place.
const MARK: &str = "c4nary-";
/// The mark in base64, at each of the three places where it may begin within a group.
const ENCODED: [&str; 3] = ["YzRuYXJ5", "M0bmFyeS", "jNG5hcnkt"];

/// The key of a place.
fn key(place: &str) -> String {
    format!("{MARK}{place}")
}

/// The places whose keys stand in the text, in any case of letters, or behind base64.
fn places(text: &str) -> BTreeSet<String> {
    let lower = text.to_ascii_lowercase();
    let in_place = |c: &char| c.is_ascii_lowercase() || *c == '-';
    let behind = lower.split(MARK).skip(1);
    let mut found: BTreeSet<String> =
        behind.map(|rest| rest.chars().take_while(in_place).collect()).collect();
    found.extend(
        ENCODED.iter().filter(|code| text.contains(**code)).map(|code| format!("base64 {code}")),
    );
    found
}

fn set<'a>(places: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    places.into_iter().map(str::to_owned).collect()
}

/// Fails with the lines that show a key beyond those allowed.
fn assert_shows(what: &str, text: &str, allowed: &[&str]) {
    let allowed = set(allowed.iter().copied());
    let leaks: Vec<&str> =
        text.lines().filter(|line| !places(line).is_subset(&allowed)).take(10).collect();
    assert!(leaks.is_empty(), "{what} shows a key:\n{}", leaks.join("\n"));
}

fn ctl() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_gatewayctl"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_search_finds_a_key_in_any_dress() {
    let key = key("primary");
    for text in [
        format!("a=\"{key}\";"),
        key.to_ascii_uppercase(),
        format!("Bearer {key}\\r\\n"),
        format!("{key}&x=1"),
    ] {
        assert_eq!(places(&text), set(["primary"]), "{text}");
    }
    for text in ["YzRuYXJ5LXByaW1hcnk=", "YWM0bmFyeS1wcmltYXJ5", "YWFjNG5hcnktcHJpbWFyeQ=="] {
        assert_eq!(places(text).len(), 1, "{text}");
    }
    assert_eq!(places("canary c4nar y"), set([]));
}
