//! Reads the parts of a policy file, each alone.
//!
//! An API, an operation, a template parameter or a backend is borrowed raw and parsed when it is
//! its turn, so that a structural mistake in one hides none of the others.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::problem::{JsonPath, Problems};

/// Reads one object that stands at `path`.
pub(super) fn object<'a, T: Deserialize<'a>>(
    raw: &'a RawValue,
    path: &JsonPath,
    problems: &mut Problems,
) -> Option<T> {
    match parse(raw.get()) {
        Ok(value) => Some(value),
        Err((place, error)) => {
            problems.error(&path.join(&place), data_message(&error));
            None
        }
    }
}

/// As [`object`], where a key may stand in the wrong place: a message says what is expected, and
/// not what was found.
pub(super) fn object_unquoted<'a, T: Deserialize<'a>>(
    raw: &'a RawValue,
    path: &JsonPath,
    problems: &mut Problems,
) -> Option<T> {
    match parse(raw.get()) {
        Ok(value) => Some(value),
        Err((place, error)) => {
            let message = data_message(&error);
            // The place of an unknown field is its name.
            let known = !message.starts_with("unknown field");
            let path = if known { path.join(&place) } else { path.clone() };
            problems.error(&path, unquoted(&message));
            None
        }
    }
}

/// serde's message from the point on where it no longer quotes.
pub(super) fn unquoted(message: &str) -> &str {
    let start = message.rfind("expected ").filter(|_| !message.starts_with("missing field"));
    start.and_then(|start| message.get(start..)).unwrap_or(message)
}

/// A mistake comes with its place inside `text`.
pub(crate) fn parse<'a, T: Deserialize<'a>>(
    text: &'a str,
) -> Result<T, (String, serde_json::Error)> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let Object(value) = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| (error.path().to_string(), error.into_inner()))?;
    deserializer.end().map_err(|error| (String::new(), error))?;
    Ok(value)
}

/// The members of an object; none of anything else, or where a name stands twice.
pub(super) fn members(raw: &RawValue) -> Vec<(String, &RawValue)> {
    serde_json::from_str::<Pairs<&RawValue>>(raw.get()).map(|pairs| pairs.0).unwrap_or_default()
}

/// serde's message without its position, which counts from the start of the object alone.
pub(super) fn data_message(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rfind(" at line ") {
        Some(end) => message.get(..end).unwrap_or(&message).to_owned(),
        None => message,
    }
}

/// The members of an object, in order. A name that stands twice is refused.
#[derive(Debug)]
pub struct Pairs<T>(pub Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Pairs<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<T>, A::Error> {
                let mut pairs: Vec<(String, T)> = Vec::new();
                while let Some((name, value)) = map.next_entry()? {
                    if pairs.iter().any(|(seen, _)| *seen == name) {
                        return Err(serde::de::Error::custom("a name stands twice in this object"));
                    }
                    pairs.push((name, value));
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// A value that is written as an object. serde alone would also take a list of the members' values.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}
