//! A document as it was read, from JSON or YAML: members in their order, each name once.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

/// Where something stands: a file, and a path inside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    file: String,
    path: String,
}

/// How deep a document may nest; serde_json's own bound is 128.
const DEPTH: usize = 100;

impl Node {
    /// Reads JSON or YAML. A mistake is one line, without what stands in the document.
    pub(crate) fn parse(file: &str, bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| format!("{file}: is not UTF-8 from byte {} on", error.valid_up_to()))?
            .trim_start_matches('\u{feff}');
        let yaml = [".yaml", ".yml"].iter().any(|end| file.ends_with(end));
        if !yaml && text.trim_start().starts_with(['{', '[']) {
            return serde_json::from_str(text)
                .map_err(|error| format!("{file}: is not JSON: {error}"));
        }
        let options = serde_saphyr::options! {
            strict_booleans: true,
            with_snippet: false,
            duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
            budget: serde_saphyr::budget! { max_depth: DEPTH, max_documents: 1 },
        };
        serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let line = error.to_string().replace(['\n', '\r'], " ");
            format!("{file}: is neither JSON nor YAML: {}", line.trim())
        })
    }

    pub(crate) fn text(value: impl Into<String>) -> Self {
        Self::Text(value.into())
    }

    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    pub(crate) fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Map(members) => members,
            _ => &[],
        }
    }

    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_u64(),
            _ => None,
        }
    }

    /// A scalar in its own spelling: `2.0` of a YAML document is the number 2.0.
    pub(crate) fn scalar(&self) -> Option<String> {
        match self {
            Self::Bool(value) => Some(value.to_string()),
            Self::Number(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// The text of a member, unless it is empty.
    pub(crate) fn member_text(&self, name: &str) -> Option<&str> {
        self.member(name).and_then(Self::as_text).filter(|text| !text.trim().is_empty())
    }

    /// Follows a JSON pointer without its leading `#`.
    pub(crate) fn pointer(&self, pointer: &str) -> Option<&Self> {
        pointer.strip_prefix('/')?.split('/').try_fold(self, |node, part| {
            let part = part.replace("~1", "/").replace("~0", "~");
            let decoded = percent_encoding::percent_decode_str(&part).decode_utf8().ok()?;
            match node {
                Self::List(items) => items.get(decoded.parse::<usize>().ok()?),
                _ => node.member(&decoded),
            }
        })
    }
}

impl Place {
    pub(crate) fn file(file: &str) -> Self {
        Self { file: file.to_owned(), path: String::new() }
    }

    pub(crate) fn key(&self, key: &str) -> Self {
        let plain = !key.is_empty()
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'$'));
        let path = match (plain, self.path.is_empty()) {
            (true, true) => key.to_owned(),
            (true, false) => format!("{}.{key}", self.path),
            (false, _) => format!("{}[\"{}\"]", self.path, key.escape_debug()),
        };
        Self { file: self.file.clone(), path }
    }

    pub(crate) fn index(&self, index: usize) -> Self {
        Self { file: self.file.clone(), path: format!("{}[{index}]", self.path) }
    }

    /// A line: of the file, or of the text that stands at the path.
    pub(crate) fn line(&self, line: u32) -> Self {
        if self.path.is_empty() {
            Self { file: format!("{}:{line}", self.file), path: String::new() }
        } else {
            Self { file: self.file.clone(), path: format!("{}, line {line}", self.path) }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.as_str(), self.path.as_str()) {
            (file, "") => f.write_str(file),
            ("", path) => f.write_str(path),
            (file, path) => write!(f, "{file}: {path}"),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(Number::from_f64(value).map_or_else(|| Node::text(value.to_string()), Node::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::text(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        let mut names = HashSet::new();
        // A name of YAML may be a number, as the 200 of a response.
        while let Some(name) = members.next_key::<Node>()? {
            let name = name.scalar().ok_or_else(|| A::Error::custom("a name must be text"))?;
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format!(
                    "the name \"{}\" stands twice",
                    name.escape_debug()
                )));
            }
            map.push((name, members.next_value()?));
        }
        Ok(Node::Map(map))
    }
}
