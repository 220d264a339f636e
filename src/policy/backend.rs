//! Backends: where an operation's calls go, and the credential they carry there.

use std::collections::HashMap;

use crate::uri::{self, Authority, PathFault};

use super::HeaderName;
use super::secret::Secret;
use super::template::Slot;

/// An API's backends, found by the values of template parameters.
#[derive(Debug, Default)]
pub struct Backends {
    list: Vec<Backend>,
    /// The most names first.
    tables: Vec<Table>,
}

#[derive(Debug)]
pub struct Backend {
    /// The template parameters' names and values for which it serves.
    pub matches: Vec<(Box<str>, Box<str>)>,
    pub url: BaseUrl,
    pub cluster: Box<str>,
    pub credentials: Credentials,
}

/// What a backend is called with.
#[derive(Debug)]
pub enum Credentials {
    /// The backend's keys.
    Keys(Vec<Credential>),
    /// The caller's own Authorization.
    Caller,
    Nothing,
}

/// A header that the backend takes for its key.
#[derive(Debug)]
pub struct Credential {
    pub header: HeaderName,
    pub value: Secret,
}

/// `scheme://authority/path`, the path without a final slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    pub https: bool,
    pub authority: Box<str>,
    pub path: Box<str>,
}

impl Credentials {
    pub fn keys(&self) -> &[Credential] {
        match self {
            Self::Keys(keys) => keys,
            Self::Caller | Self::Nothing => &[],
        }
    }
}

/// The backends that match by the same parameters.
#[derive(Debug)]
struct Table {
    names: Vec<Box<str>>,
    by_values: HashMap<Box<[u8]>, usize>,
}

/// One of an API's backend tables, seen from an operation.
#[derive(Debug)]
pub(crate) struct SlotTable {
    table: usize,
    /// In the order of the table's names.
    slots: Vec<Slot>,
}

impl Backends {
    /// Each backend's `matches` is sorted by name, and no two are equal.
    pub(crate) fn new(list: Vec<Backend>) -> Self {
        let mut tables: Vec<Table> = Vec::new();
        for (index, backend) in list.iter().enumerate() {
            let names: Vec<_> = backend.matches.iter().map(|(name, _)| name.clone()).collect();
            let key = key(backend.matches.iter().map(|(_, value)| value.as_bytes()));
            let Some(key) = key else { continue };
            match tables.iter_mut().find(|table| table.names == names) {
                Some(table) => {
                    table.by_values.insert(key, index);
                }
                None => tables.push(Table { names, by_values: HashMap::from([(key, index)]) }),
            }
        }
        tables.sort_by_key(|table| std::cmp::Reverse(table.names.len()));
        Self { list, tables }
    }

    /// The tables whose names an operation has, given the slot of a parameter's name.
    pub(crate) fn tables_for(&self, slot: impl Fn(&str) -> Option<Slot>) -> Vec<SlotTable> {
        let tables = self.tables.iter().enumerate();
        tables
            .filter_map(|(table, Table { names, .. })| {
                let slots = names.iter().map(|name| slot(name)).collect::<Option<_>>()?;
                Some(SlotTable { table, slots })
            })
            .collect()
    }

    /// The most specific backend for a call's decoded parameter values.
    pub(crate) fn choose<'v>(
        &self,
        tables: &[SlotTable],
        value: impl Fn(Slot) -> Option<&'v [u8]>,
    ) -> Option<&Backend> {
        tables.iter().find_map(|SlotTable { table, slots }| {
            let values = slots.iter().map(|slot| value(*slot)).collect::<Option<Vec<_>>>()?;
            let index = self.tables.get(*table)?.by_values.get(&key(values.into_iter())?)?;
            self.list.get(*index)
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Backend> {
        self.list.iter()
    }
}

/// Joins values so that no two lists of the same length give the same key.
fn key<'v>(values: impl Iterator<Item = &'v [u8]>) -> Option<Box<[u8]>> {
    let mut key = Vec::new();
    for value in values {
        if value.contains(&0) {
            return None;
        }
        key.extend_from_slice(value);
        key.push(0);
    }
    Some(key.into())
}

impl BaseUrl {
    /// Takes an absolute http or https URL without user information, query or fragment.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (https, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err("must begin with \"https://\" or \"http://\""),
        };
        if rest.contains(['?', '#']) {
            return Err("must have neither a query nor a fragment");
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("must not have user information before the host");
        }
        if Authority::parse(authority.as_bytes()).is_none() {
            return Err("must have a host, or a host and a port, after the scheme");
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        if !path.is_empty() {
            uri::check_path(path.as_bytes()).map_err(|fault| match fault {
                PathFault::EmptySegment => "has an empty path segment",
                PathFault::DotSegment => "has a dot segment in its path",
                PathFault::InvalidEscape => "has an invalid percent-escape",
                _ => "has a character in its path that does not belong there",
            })?;
            if path.ends_with('/') {
                return Err("has an empty path segment");
            }
        }
        Ok(Self { https, authority: authority.into(), path: path.into() })
    }

    /// Scheme, host and port, the same for every spelling.
    pub fn origin(&self) -> (bool, String, u16) {
        let default = if self.https { 443 } else { 80 };
        let port = Authority::parse(self.authority.as_bytes()).and_then(|a| a.port);
        let host = self.host();
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        (self.https, host, port.unwrap_or(default))
    }

    /// `scheme://authority`.
    pub fn origin_text(&self) -> String {
        format!("{}://{}", if self.https { "https" } else { "http" }, self.authority)
    }

    pub fn host(&self) -> &str {
        Authority::parse(self.authority.as_bytes()).map_or("", |authority| authority.host)
    }

    /// The URL of a request to this backend, whose target's path begins with the base's own.
    pub fn with_target(&self, target: &[u8]) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority, String::from_utf8_lossy(target))
    }

    /// Whether what is sent there stays on this machine. So do names below `localhost`, which Envoy's resolver answers
    /// itself (RFC 6761).
    pub fn is_loopback(&self) -> bool {
        let host = self.host().trim_start_matches('[').trim_end_matches(']');
        let last = host.rsplit('.').next().unwrap_or_default();
        last.eq_ignore_ascii_case("localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_a_scheme_a_host_and_perhaps_a_path() {
        for (text, https, authority, path) in [
            (
                "https://ussouthcentral.services.azureml.net",
                true,
                "ussouthcentral.services.azureml.net",
                "",
            ),
            ("http://127.0.0.1:9080/", false, "127.0.0.1:9080", ""),
            ("https://x.openai.azure.com/openai/", true, "x.openai.azure.com", "/openai"),
        ] {
            let url = BaseUrl { https, authority: authority.into(), path: path.into() };
            assert_eq!(BaseUrl::parse(text), Ok(url));
        }
        for bad in [
            "",
            "ftp://x",
            "https://",
            "https:///a",
            "https://user:pass@x",
            "https://x/?a",
            "https://x#a",
            "https://x//a",
            "https://x/a//",
            "https://x/../a",
            "https://x/%zz",
            "https://x/;a",
            "HTTPS://x",
        ] {
            assert!(BaseUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn loopback_is_told_from_the_network() {
        for (url, loopback) in [
            ("http://127.0.0.1:1", true),
            ("http://localhost", true),
            ("http://[::1]:80", true),
            ("http://model.localhost:1", true),
            ("http://model-localhost", false),
            ("http://10.0.0.1", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(BaseUrl::parse(url).unwrap().is_loopback(), loopback, "{url}");
        }
    }
}
