//! A parameter's values as a JSON Schema.
//!
//! It describes what passes when a client writes a parameter as OpenAPI says: all but letters, digits
//! and `-._~` is escaped. So a path parameter that takes no escapes takes only these.

use serde_json::{Map, Value, json};

use crate::policy::config::ParameterType;
use crate::policy::parameter::Parameter;
use crate::uri;

use super::set;

/// Of a path segment without escapes.
const PLAIN: &str = r"^(?!\.\.?$)[A-Za-z0-9._~-]+$";
/// Of a path segment with escapes: without what could be structure, not only dots and spaces.
const ESCAPABLE: &str = r"^(?=.*[^.\s])[^\u0000-\u001f\u007f-\u009f#%/;?\\\u037e\u2024-\u2026\u2044\u2215\u2216\u29f5\u29f8\ufe52-\ufe56\ufe5f\ufe68\ufe6a\uff03\uff05\uff0e\uff0f\uff1b\uff1f\uff3c]+$";
/// Beyond, not every integer of that many digits fits in 64 bits.
const MOST_DIGITS: usize = 18;

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    /// In the query, and from there in the backend's path.
    QueryIntoPath,
}

pub(super) fn schema(parameter: &Parameter, place: Place) -> Value {
    // Those of a path parameter may be names of tenants: refusals do not tell them either.
    let values = if place == Place::Path { &[][..] } else { &parameter.values };
    match parameter.kind {
        ParameterType::Boolean => with_values(json!({ "type": "boolean" }), values),
        ParameterType::Integer => {
            let mut schema = json!({ "type": "integer" });
            if let Some(length) = parameter.max_length.filter(|length| *length <= MOST_DIGITS) {
                // One digit fewer where there is a sign.
                let digits = |count: usize| {
                    u32::try_from(count).ok().and_then(|count| 10_i64.checked_pow(count))
                };
                let most = digits(length).map(|limit| limit.saturating_sub(1));
                let least =
                    digits(length.saturating_sub(1)).map(|limit| 1_i64.saturating_sub(limit));
                set(&mut schema, "minimum", json!(least));
                set(&mut schema, "maximum", json!(most));
            }
            with_values(schema, values)
        }
        ParameterType::String if !values.is_empty() => {
            json!({ "type": "string", "enum": values })
        }
        ParameterType::String => {
            let mut schema = Map::from_iter([("type".to_owned(), json!("string"))]);
            let pattern = match place {
                Place::Path if !parameter.allow_escapes => Some(PLAIN),
                Place::Path | Place::QueryIntoPath => Some(ESCAPABLE),
                Place::Query => None,
            };
            schema.extend(pattern.map(|pattern| ("pattern".to_owned(), json!(pattern))));
            schema.extend(parameter.max_length.map(|max| ("maxLength".to_owned(), json!(max))));
            schema.into()
        }
    }
}

/// A schema of a literal.
pub(super) fn literal(value: &str) -> Value {
    json!({ "type": "string", "enum": [value] })
}

/// Takes what any of the schemas takes.
pub(super) fn any_of(schemas: Vec<Value>) -> Value {
    let mut values: Vec<Value> = Vec::new();
    let mut others: Vec<Value> = Vec::new();
    for schema in schemas {
        let texts = allowed(&schema).filter(|_| kind(&schema) == Some("string"));
        match texts {
            Some(texts) => {
                let fresh = texts.iter().filter(|text| !values.contains(text));
                let fresh: Vec<Value> = fresh.cloned().collect();
                values.extend(fresh);
            }
            None if !others.contains(&schema) => others.push(schema),
            None => {}
        }
    }
    if !values.is_empty() {
        others.insert(0, json!({ "type": "string", "enum": values }));
    }
    match others.len() {
        1 => others.swap_remove(0),
        _ => json!({ "anyOf": others }),
    }
}

/// A value to try: the author's, if it passes as a client sends it, else one of what is allowed.
pub(super) fn example(written: Option<&str>, schema: &Value) -> Option<Value> {
    let first = || allowed(schema)?.first().cloned();
    match (kind(schema), written.filter(|text| passes(text, schema))) {
        (Some("boolean"), Some(text)) => {
            text.to_ascii_lowercase().parse::<bool>().ok().map(Value::from)
        }
        (Some("integer"), Some(text)) => text.parse::<i64>().ok().map(Value::from),
        (_, Some(text)) => Some(json!(text)),
        (Some("boolean"), None) => first().or(Some(json!(true))),
        (_, None) => first(),
    }
}

/// Whether the pattern of a path's value takes a text.
fn passes(text: &str, schema: &Value) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    match schema.get("pattern").and_then(Value::as_str) {
        Some(PLAIN) => text.bytes().all(unreserved),
        Some(ESCAPABLE) => !uri::decodes_to_structure(text.as_bytes(), text.as_bytes()),
        _ => true,
    }
}

fn allowed(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("enum")?.as_array()
}

fn kind(schema: &Value) -> Option<&str> {
    schema.get("type")?.as_str()
}

/// Values that have no place in JSON as what they are, as integers of many digits, stay texts.
fn with_values(mut schema: Value, values: &[Box<str>]) -> Value {
    if values.is_empty() {
        return schema;
    }
    let typed = |value: &str| {
        let integer = || value.parse::<i64>().ok().map(Value::from);
        value.parse::<bool>().ok().map(Value::from).or_else(integer)
    };
    match values.iter().map(|value| typed(value)).collect::<Option<Vec<_>>>() {
        Some(typed) => {
            set(&mut schema, "enum", typed.into());
            schema
        }
        None => json!({ "type": "string", "enum": values }),
    }
}
