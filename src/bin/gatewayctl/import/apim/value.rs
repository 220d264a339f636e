//! Values in policies: literals, `{{named values}}`, and expressions.

use super::Service;
use crate::import::document::Node;
use crate::import::name;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Literal(String),
    /// A secret, with what stands before it, and the environment variable that is to hold it.
    Secret {
        before: String,
        variable: String,
    },
    /// `@(...)`: a program.
    Expression,
    /// A named value that the source does not have.
    Unknown(String),
}

/// Named values may name others; more than this is a circle.
const LONGEST: usize = 64;

pub(super) fn read(text: &str, service: &Service) -> Value {
    let mut text = text.trim().to_owned();
    for _ in 0..LONGEST {
        if text.starts_with("@(") || text.starts_with("@{") {
            return match quoted(&text) {
                Some(inner) if !inner.is_empty() => read_literal(inner, service),
                _ => Value::Expression,
            };
        }
        let Some((before, rest)) = text.split_once("{{") else { return Value::Literal(text) };
        let Some((name, after)) = rest.split_once("}}") else { return Value::Literal(text) };
        let name = name.trim();
        let Some(named) = service.named_values.get(name) else {
            return Value::Unknown(name.to_owned());
        };
        let secret = named.properties.member("secret").and_then(Node::as_bool).unwrap_or(false)
            || named.properties.member("keyVault").is_some_and(|vault| *vault != Node::Null);
        let value = named.properties.member("value").and_then(Node::as_text);
        match value.filter(|_| !secret) {
            Some(value) if text.len() < 1 << 16 => text = format!("{before}{value}{after}"),
            _ if after.trim().is_empty() => {
                return Value::Secret {
                    before: before.to_owned(),
                    variable: variable(name, service),
                };
            }
            _ => return Value::Unknown(name.to_owned()),
        }
    }
    Value::Expression
}

/// Two names that differ in punctuation alone must not share a variable: one backend would get the
/// other's key.
fn variable(name: &str, service: &Service) -> String {
    let base = name::variable(name);
    let same = |other: &&String| other.as_str() < name && name::variable(other) == base;
    match service.named_values.keys().filter(same).count() {
        0 => base,
        number => format!("{base}_{}", number.saturating_add(1)),
    }
}

fn read_literal(text: &str, service: &Service) -> Value {
    // What stands in quotes is no expression itself.
    if text.starts_with('@') { Value::Expression } else { read(text, service) }
}

/// The text of an expression that is nothing but a string: `@("text")`.
fn quoted(expression: &str) -> Option<&str> {
    let inner = expression.strip_prefix("@(")?.strip_suffix(')')?.trim();
    let inner = inner.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains(['"', '\\'])).then_some(inner)
}
