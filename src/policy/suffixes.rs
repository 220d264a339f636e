//! What lies below which path: the APIs and the portal, for one hash look-up per segment.

use std::collections::HashMap;

use super::portal::Portal;
use super::{Api, Policy};

#[derive(Debug, Default)]
pub(crate) struct Suffixes {
    by_path: HashMap<Box<str>, Place>,
    longest: usize,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// Among the policy's APIs.
    Api(usize),
    Portal,
}

/// Below whose path a request's lies.
#[derive(Clone, Copy, Debug)]
pub enum Below<'p> {
    Api(&'p Api),
    Portal(&'p Portal),
}

impl Suffixes {
    /// The paths are unique.
    pub(crate) fn new<'a>(apis: impl Iterator<Item = &'a str>, portal: Option<&str>) -> Self {
        let apis = apis.enumerate().map(|(index, path)| (path.into(), Place::Api(index)));
        let portal = portal.map(|path| (path.into(), Place::Portal));
        let by_path: HashMap<Box<str>, Place> = apis.chain(portal).collect();
        let longest = by_path.keys().map(|path| path.split('/').count()).max().unwrap_or(0);
        Self { by_path, longest }
    }
}

impl Policy {
    /// Below whose path a raw path lies, and where the rest begins. The longest path wins; only
    /// whole segments count, byte for byte.
    pub fn below<'r>(&self, path: &'r [u8]) -> Option<(Below<'_>, &'r [u8])> {
        let text = path.strip_prefix(b"/")?;
        let ends = text.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(i, _)| i);
        ends.chain([text.len()])
            .take(self.suffixes.longest)
            .filter_map(|end| {
                let (suffix, rest) = text.split_at_checked(end)?;
                let below = match self.suffixes.by_path.get(std::str::from_utf8(suffix).ok()?)? {
                    Place::Api(index) => Below::Api(self.apis.get(*index)?),
                    Place::Portal => Below::Portal(self.portal.as_ref()?),
                };
                Some((below, rest))
            })
            .last()
    }
}
