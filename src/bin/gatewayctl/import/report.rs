//! What became of a source: what was carried over, what is to be done, and what was not carried.

use std::collections::HashMap;
use std::fmt::{self, Write};

use super::document::Place;

#[derive(Default)]
pub(crate) struct Report {
    /// What was found, as "1 API, 5 operations".
    pub(crate) carried: Vec<String>,
    todo: Section,
    lost: Section,
    unused: Section,
}

/// The same thing at many places is one entry.
#[derive(Default)]
struct Section {
    entries: Vec<Entry>,
    index: HashMap<(String, String), usize>,
}

/// One thing, and every place at which it stands.
struct Entry {
    places: Vec<String>,
    what: String,
    advice: String,
    /// Envoy configuration that does it.
    snippet: Option<String>,
}

/// How many places of one thing are written out.
const SHOWN: usize = 3;

impl Report {
    /// Something that the source asks for and the policy does not do.
    pub(crate) fn lost(
        &mut self,
        place: &Place,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.lost.add(place.to_string(), what.into(), advice.into(), None);
    }

    /// As [`Self::lost`], where Envoy itself does it.
    pub(crate) fn envoy(
        &mut self,
        place: &Place,
        what: impl Into<String>,
        advice: &str,
        snippet: String,
    ) {
        self.lost.add(place.to_string(), what.into(), advice.to_owned(), Some(snippet));
    }

    /// Something that the policy needs before it serves. The place is in the policy.
    pub(crate) fn todo(
        &mut self,
        place: impl Into<String>,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.todo.add(place.into(), what.into(), advice.into(), None);
    }

    /// Documentation or administration that no gateway acts on.
    pub(crate) fn unused(&mut self, place: &Place, what: impl Into<String>) {
        self.unused.add(place.to_string(), what.into(), String::new(), None);
    }

    /// How many things were not carried over.
    pub(crate) fn lost_count(&self) -> usize {
        self.lost.entries.iter().map(|entry| entry.places.len()).sum()
    }
}

impl Section {
    fn add(&mut self, place: String, what: String, advice: String, snippet: Option<String>) {
        let [place, what, advice] = [place, what, advice].map(|text| printable(&text));
        let key = (what.clone(), format!("{advice}{}", snippet.as_deref().unwrap_or_default()));
        let next = self.entries.len();
        let found = *self.index.entry(key).or_insert(next);
        match self.entries.get_mut(found) {
            // A fragment that is included twice says the same twice.
            Some(entry) if entry.places.last() == Some(&place) => {}
            Some(entry) => entry.places.push(place),
            None => self.entries.push(Entry { places: vec![place], what, advice, snippet }),
        }
    }
}

/// What a source says must not move the cursor of who reads the report.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "carried over: {}", self.carried.join(", "))?;
        section(f, "to do", &self.todo)?;
        section(f, "not carried over", &self.lost)?;
        section(f, "not needed by a gateway, left out", &self.unused)
    }
}

fn section(f: &mut fmt::Formatter<'_>, title: &str, found: &Section) -> fmt::Result {
    if found.entries.is_empty() {
        return Ok(());
    }
    writeln!(f, "{title}:")?;
    for entry in &found.entries {
        let mut places =
            entry.places.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("; ");
        let more = entry.places.len().saturating_sub(SHOWN);
        if more > 0 {
            write!(places, "; and {more} more")?;
        }
        writeln!(f, "- {places}: {}", entry.what)?;
        if !entry.advice.is_empty() {
            writeln!(f, "  {}", entry.advice)?;
        }
        for line in entry.snippet.iter().flat_map(|snippet| snippet.lines()) {
            writeln!(f, "    {line}")?;
        }
    }
    Ok(())
}
