//! Parameters of paths and queries, as a template takes them.

use azureml_gateway::policy::config::ParameterType;
use azureml_gateway::policy::parameter::Parameter as Rule;

use super::refs::{self, Found};
use super::{Reader, Version};
use crate::import::document::{Node, Place};
use crate::import::draft::{Kind, Parameter, QueryPart};
use crate::import::name;
use crate::import::report::Report;

/// A parameter of a path or a query, as it is described.
pub(crate) struct Described {
    place: Place,
    name: String,
    location: Location,
    required: bool,
    parameter: Parameter,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Location {
    Path,
    Query,
}

/// Those of an operation, with those of its path that it does not describe itself.
pub(crate) fn read(
    reader: &Reader<'_>,
    operation: &Node,
    shared: &[Node],
    place: &Place,
    key_query: Option<&str>,
    report: &mut Report,
) -> Vec<Described> {
    let own = operation.member("parameters").map(Node::items).unwrap_or_default();
    let mut found: Vec<Described> = Vec::new();
    let mut seen: Vec<(String, String)> = Vec::new();
    let own_places =
        own.iter().enumerate().map(|(i, node)| (node, place.key("parameters").index(i)));
    let shared_places = shared
        .iter()
        .enumerate()
        .map(|(i, node)| (node, place.key("parameters of the path").index(i)));
    for (node, place) in own_places.chain(shared_places) {
        let node = match reader.refs().resolve(node) {
            Found::Node(node) => node,
            Found::Elsewhere(fault) => {
                report.lost(&place, format!("a parameter that {fault}"), refs::ADVICE);
                continue;
            }
        };
        let text = |name: &str| node.member_text(name).unwrap_or_default().to_owned();
        let key = (text("in"), text("name"));
        if seen.contains(&key) || seen.len() >= 256 {
            continue;
        }
        seen.push(key.clone());
        let (location, name) = key;
        let required = node.member("required").and_then(Node::as_bool).unwrap_or(false);
        let location = match location.as_str() {
            "path" => Location::Path,
            "query" => Location::Query,
            "body" | "formData" => continue,
            "header" if is_the_keys(&name) || !required => {
                if !is_the_keys(&name) {
                    report.unused(&place, "an optional header: it goes through as it is sent");
                }
                continue;
            }
            _ => {
                report.lost(
                    &place,
                    "a required header or cookie: it goes through as it is sent, and is not asked for",
                    "Let the backend ask for it.",
                );
                continue;
            }
        };
        let is_key = |key: &str| name.eq_ignore_ascii_case(key);
        if location == Location::Query
            && (is_key("subscription-key") || key_query.is_some_and(is_key))
        {
            continue;
        }
        let parameter = rules(reader, node, location, &place, report);
        let repeated = location == Location::Query && is_repeated(reader, node);
        if repeated {
            let what = "a query parameter that may stand several times: it goes through unchecked";
            match required {
                true => report.lost(
                    &place,
                    format!("{what}, and is not asked for"),
                    "Let the backend ask for it.",
                ),
                false => report.unused(&place, what),
            }
            continue;
        }
        found.push(Described { place, name, location, required, parameter });
    }
    found
}

fn is_the_keys(header: &str) -> bool {
    ["authorization", "accept", "content-type", "ocp-apim-subscription-key", "api-key"]
        .iter()
        .any(|name| header.eq_ignore_ascii_case(name))
}

/// The path with its parameters renamed where a template cannot have their names.
pub(crate) fn path(
    path: &str,
    described: &[Described],
    parameters: &mut Vec<Parameter>,
) -> Result<String, String> {
    let mut segments = Vec::new();
    for segment in path.trim_start_matches('/').split('/') {
        let Some(written) = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) else {
            if segment.contains(['{', '}']) {
                return Err(format!(
                    "has \"{}\", a parameter that is a part of a segment",
                    segment.escape_debug()
                ));
            }
            segments.push(segment.to_owned());
            continue;
        };
        let name = name::parameter(written)
            .filter(|name| !parameters.iter().any(|other| other.name == *name))
            .ok_or_else(|| {
                format!("has \"{}\" twice, or without a name", segment.escape_debug())
            })?;
        let rules = described.iter().find(|d| d.location == Location::Path && d.name == written);
        let rules = rules.map(|d| d.parameter.clone()).unwrap_or_default();
        segments.push(format!("{{{name}}}"));
        parameters.push(Parameter { name, optional: false, ..rules });
    }
    Ok(format!("/{}", segments.join("/")))
}

/// The query parts of the template.
pub(crate) fn query(
    described: &[Described],
    parameters: &mut Vec<Parameter>,
    query: &mut Vec<QueryPart>,
    report: &mut Report,
) {
    for Described { place, name, required, parameter, .. } in
        described.iter().filter(|d| d.location == Location::Query)
    {
        if query.iter().any(|part| part.name.eq_ignore_ascii_case(name)) {
            continue;
        }
        let template = name::parameter(name).filter(|_| is_query_name(name));
        let Some(wanted) = template else {
            let what =
                "a query parameter whose name a template cannot have: it goes through unchecked";
            match required {
                true => report.lost(
                    place,
                    format!("{what}, and is not asked for"),
                    "Let the backend ask for it.",
                ),
                false => report.unused(place, what),
            }
            continue;
        };
        let taken = |name: &str| parameters.iter().any(|other| other.name == name);
        let own = if taken(&wanted) { format!("query-{wanted}") } else { wanted };
        if taken(&own) {
            report.lost(
                place,
                "a query parameter that is named as another one",
                "Give it another name in the template by hand.",
            );
            continue;
        }
        query.push(QueryPart { name: name.clone(), value: format!("{{{own}}}") });
        parameters.push(Parameter { name: own, optional: !required, ..parameter.clone() });
    }
}

/// Type, allowed values and length.
fn rules(
    reader: &Reader<'_>,
    node: &Node,
    location: Location,
    place: &Place,
    report: &mut Report,
) -> Parameter {
    let schema = match reader.version {
        Version::Swagger2 => Some(node),
        Version::OpenApi3 => node.member("schema").and_then(|schema| reader.refs().node(schema)),
    };
    let Some(schema) = schema else { return Parameter::default() };
    let kinds: Vec<&str> = match schema.member("type") {
        Some(Node::Text(kind)) => vec![kind],
        Some(Node::List(kinds)) => {
            kinds.iter().filter_map(Node::as_text).filter(|kind| *kind != "null").collect()
        }
        _ => Vec::new(),
    };
    let kind = match kinds.as_slice() {
        ["boolean"] => Kind::Boolean,
        ["integer"] => Kind::Integer,
        _ => Kind::Text,
    };
    let mut parameter = Parameter { kind, ..Parameter::default() };
    for (name, value) in schema.members() {
        let place = place.key(name);
        match name.as_str() {
            "enum" => match values(value.items(), kind, location) {
                Some(values) => parameter.values = values,
                None => report.lost(
                    &place,
                    "allowed values of which a template cannot have one or more: any value passes",
                    "Let the backend refuse the others.",
                ),
            },
            "const" => match values(std::slice::from_ref(value), kind, location) {
                Some(values) => parameter.values = values,
                None => report.lost(&place, "a fixed value that a template cannot have: any value passes", "Let the backend refuse the others."),
            },
            // Without escapes a path holds ASCII, of which a character is a byte.
            "maxLength" if location == Location::Path && kind == Kind::Text => {
                parameter.max_length = value.as_u64().filter(|length| *length > 0);
            }
            "maxLength" | "minLength" | "pattern" | "minimum" | "maximum" | "exclusiveMinimum"
            | "exclusiveMaximum" | "multipleOf" | "not" | "oneOf" | "anyOf" | "allOf" => report.lost(
                &place,
                "a rule for values that the gateway does not have",
                "Let the backend check it; or list the values in \"values\", or bound their bytes with \"maxLength\".",
            ),
            _ => {}
        }
    }
    // A value that is itself too long would never pass.
    if parameter
        .values
        .iter()
        .any(|value| parameter.max_length.is_some_and(|max| value.len() as u64 > max))
    {
        parameter.max_length = None;
    }
    parameter
}

/// The values in the gateway's spelling; none if it cannot say one of them.
pub(crate) fn allowed(values: &[String], kind: Kind, in_path: bool) -> Option<Vec<String>> {
    let rule = Rule {
        kind: match kind {
            Kind::Text => ParameterType::String,
            Kind::Boolean => ParameterType::Boolean,
            Kind::Integer => ParameterType::Integer,
        },
        ..Rule::plain("")
    };
    let mut allowed: Vec<String> = Vec::new();
    for value in values {
        let value = if kind == Kind::Boolean { value.to_ascii_lowercase() } else { value.clone() };
        let printable = !value.is_empty() && value.bytes().all(|b| matches!(b, 0x20..=0x7e));
        let fits = !in_path || rule.fits_in_path(value.as_bytes());
        if !printable || !fits || rule.judge(value.as_bytes()).is_err() || allowed.len() > 1_000 {
            return None;
        }
        if !allowed.contains(&value) {
            allowed.push(value);
        }
    }
    (!allowed.is_empty()).then_some(allowed)
}

fn values(items: &[Node], kind: Kind, location: Location) -> Option<Vec<String>> {
    let values: Option<Vec<String>> = items.iter().map(Node::scalar).collect();
    allowed(&values?, kind, location == Location::Path)
}

/// A list that is written as one name several times, and an object.
fn is_repeated(reader: &Reader<'_>, node: &Node) -> bool {
    if node.member("content").is_some() {
        return false;
    }
    let schema = match reader.version {
        Version::Swagger2 => Some(node),
        Version::OpenApi3 => node.member("schema").and_then(|schema| reader.refs().node(schema)),
    };
    let kind = schema.and_then(|schema| schema.member_text("type"));
    let exploded = match reader.version {
        Version::Swagger2 => node.member_text("collectionFormat") == Some("multi"),
        Version::OpenApi3 => {
            let style = node.member_text("style").unwrap_or("form");
            node.member("explode").and_then(Node::as_bool).unwrap_or(style == "form")
        }
    };
    matches!(kind, Some("array")) && exploded || matches!(kind, Some("object"))
}

fn is_query_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~$:@/[]".contains(&b))
}
