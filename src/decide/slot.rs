//! The bytes in which a subscription's limits are remembered between calls.
//!
//! They outlive policies and filters, so that what cannot be read is as nothing: a new format
//! begins with another byte.

use crate::policy::limit::MAX_NAME;

const FORMAT: u8 = 1;
const RUNS: u8 = 1;
const WINDOW: u8 = 2;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) entries: Vec<Entry>,
}

/// What is remembered for one limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: Box<str>,
    /// The limit's, when it was charged.
    pub(super) period: u64,
    pub(super) remembered: Remembered,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Remembered {
    /// In order of time.
    Runs(Vec<Run>),
    Window {
        start: u64,
        calls: u64,
    },
}

/// Calls that share an entry and leave with the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) calls: u64,
}

impl Entry {
    /// From when on it counts for nothing.
    pub(super) fn ends(&self) -> u64 {
        let last = match &self.remembered {
            Remembered::Runs(runs) => runs.iter().map(|run| run.last).max().unwrap_or(0),
            Remembered::Window { start, .. } => *start,
        };
        last.saturating_add(self.period)
    }
}

impl Slot {
    pub(super) fn take(&mut self, name: &str) -> Option<Entry> {
        let index = self.entries.iter().position(|entry| *entry.name == *name)?;
        Some(self.entries.swap_remove(index))
    }

    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut reader = Reader(bytes);
        if reader.byte() != Some(FORMAT) {
            return Self::default();
        }
        let mut entries = Vec::new();
        while !reader.0.is_empty() {
            let Some(entry) = reader.entry() else { return Self::default() };
            entries.push(entry);
        }
        Self { entries }
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        for entry in &self.entries {
            let name = entry.name.as_bytes();
            bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(name);
            bytes.extend(entry.period.to_le_bytes());
            match &entry.remembered {
                Remembered::Runs(runs) => {
                    bytes.push(RUNS);
                    bytes.push(u8::try_from(runs.len()).unwrap_or(u8::MAX));
                    for Run { first, last, calls } in runs {
                        bytes
                            .extend([*first, *last, *calls].into_iter().flat_map(u64::to_le_bytes));
                    }
                }
                Remembered::Window { start, calls } => {
                    bytes.push(WINDOW);
                    bytes.extend([*start, *calls].into_iter().flat_map(u64::to_le_bytes));
                }
            }
        }
        bytes
    }
}

struct Reader<'b>(&'b [u8]);

impl Reader<'_> {
    fn entry(&mut self) -> Option<Entry> {
        let length = usize::from(self.byte()?);
        let (name, rest) = self.0.split_at_checked(length)?;
        let name = std::str::from_utf8(name).ok().filter(|name| name.len() <= MAX_NAME)?.into();
        self.0 = rest;
        let period = self.number()?;
        let remembered = match self.byte()? {
            RUNS => {
                let count = self.byte()?;
                let run = |_| {
                    let (first, last, calls) = (self.number()?, self.number()?, self.number()?);
                    Some(Run { first, last, calls })
                };
                Remembered::Runs((0..count).map(run).collect::<Option<_>>()?)
            }
            WINDOW => Remembered::Window { start: self.number()?, calls: self.number()? },
            _ => return None,
        };
        Some(Entry { name, period, remembered })
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_not_is_nothing() {
        let runs = vec![Run { first: 1, last: 2, calls: 3 }; 65];
        let slot = Slot {
            entries: vec![
                Entry { name: "a".into(), period: 60_000, remembered: Remembered::Runs(runs) },
                Entry {
                    name: "b".into(),
                    period: u64::MAX,
                    remembered: Remembered::Window { start: 7, calls: u64::MAX },
                },
            ],
        };
        let bytes = slot.write();
        assert_eq!(Slot::read(&bytes), slot);
        for length in 0..bytes.len() {
            let cut = bytes.get(..length).unwrap();
            assert!(Slot::read(cut).entries.len() < 2, "{length}");
        }
        assert_eq!(Slot::read(&[2, 0, 0]), Slot::default());
        assert_eq!(Slot::read(&[0xff; 100]), Slot::default());
    }
}
