//! Compiles one operation: its template, its parameters, and its rewrite.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::policy::config::{OperationConfig, ParameterConfig, ParameterType};
use crate::policy::limit::{Kind, Limit};
use crate::policy::parameter::{Parameter, Rule};
use crate::policy::problem::{JsonPath, Problems};
use crate::policy::read;
use crate::policy::template::{Condition, Expect, Place, Slot, Template};
use crate::policy::{KeyNames, Operation};

use super::{NAME_RULE, is_name};

/// Of an example. Readers of JSON stop at some depth, and it stands some levels deep in a document.
const MOST_LEVELS: usize = 64;

pub(super) fn compile(
    config: &OperationConfig<'_>,
    api: &str,
    path: &JsonPath,
    key_names: Option<&KeyNames>,
    problems: &mut Problems,
) -> Option<Operation> {
    if !is_name(&config.name) {
        problems.error(&path.key("name"), NAME_RULE);
    }
    let token = |b: u8| b.is_ascii_uppercase() || b == b'-';
    let method = config.method.as_str();
    if method.is_empty() || !method.bytes().all(token) {
        problems.error(&path.key("method"), "must be an HTTP method in capitals, as \"POST\"");
    }
    if matches!(method, "CONNECT" | "TRACE") {
        problems.error(
            &path.key("method"),
            format!("must not be {method}: the gateway never passes it on"),
        );
    }
    let rate_limit = Limit::compile(
        config.rate_limit.as_ref().map(|o| &o.0),
        Kind::Rate,
        &format!("api/{api}/{}", config.name),
        &path.key("rateLimit"),
        problems,
    );
    check_documentation(config, path, problems);

    let mut uses: Vec<(String, Place)> = Vec::new();
    let template = Template::parse(&config.url_template, |name, place| {
        if uses.iter().any(|(seen, _)| seen == name) {
            return Err(format!("has the parameter \"{{{name}}}\" twice"));
        }
        uses.push((name.to_owned(), place));
        Ok(Slot(uses.len().saturating_sub(1)))
    });
    let url_template = path.key("urlTemplate");
    let template = match template {
        Ok(template) => template,
        Err(fault) => {
            problems.error(&url_template, fault);
            // The parameters cannot be held against the template, but their own mistakes show.
            parameters(config, None, path, problems);
            return None;
        }
    };
    for condition in &template.query {
        if key_names.is_some_and(|names| names.query.eq_ignore_ascii_case(&condition.name)) {
            let message = format!(
                "has the query part \"{}\", which is the subscription key's: it never reaches the backend",
                condition.name
            );
            problems.error(&url_template, message);
        }
    }
    let parameters = parameters(config, Some(&uses), path, problems);
    let rewrite = match &config.rewrite_uri {
        None => None,
        Some(text) => Some(rewrite(text, &uses, &parameters, &path.key("rewriteUri"), problems)?),
    };

    let fixed = |condition: &&Condition| match condition.expect {
        Expect::Literal(_) => true,
        Expect::Parameter(slot) => {
            parameters.get(slot.0).is_some_and(|p| p.required && !p.values.is_empty())
        }
    };
    let required = |condition: &&Condition| match condition.expect {
        Expect::Literal(_) => true,
        Expect::Parameter(slot) => parameters.get(slot.0).is_some_and(|p| p.required),
    };
    let specificity = template.specificity(
        template.query.iter().filter(fixed).count(),
        template.query.iter().filter(required).count(),
    );
    Some(Operation {
        name: config.name.as_str().into(),
        method: method.into(),
        template,
        parameters,
        specificity,
        extra_query: config.extra_query_parameters,
        rate_limit,
        mode: config.mode,
        rewrite,
        backend_tables: Vec::new(),
    })
}

/// The parameters by slot. Without `uses` they are only looked at.
fn parameters(
    config: &OperationConfig<'_>,
    uses: Option<&[(String, Place)]>,
    path: &JsonPath,
    problems: &mut Problems,
) -> Vec<Parameter> {
    let path = path.key("templateParameters");
    let mut parameters: Vec<Parameter> =
        uses.unwrap_or_default().iter().map(|(name, _)| Parameter::plain(name)).collect();
    let mut seen: Vec<String> = Vec::new();
    for (i, raw) in config.template_parameters.iter().enumerate() {
        let path = path.index(i);
        let Some(config) = read::object::<ParameterConfig>(raw, &path, problems) else { continue };
        if seen.contains(&config.name) {
            problems.error(&path.key("name"), "stands twice in this list");
        }
        let parameter = parameter(&config, &path, problems);
        seen.push(config.name.clone());
        let Some(uses) = uses else { continue };
        let Some(slot) = uses.iter().position(|(name, _)| **name == *parameter.name) else {
            let names: Vec<_> = uses.iter().map(|(name, _)| name.as_str()).collect();
            let message = match names.as_slice() {
                [] => "is no parameter of the urlTemplate, which has none".to_owned(),
                _ => format!("is no parameter of the urlTemplate, which has {}", names.join(", ")),
            };
            problems.error(&path.key("name"), message);
            continue;
        };
        if uses.get(slot).is_some_and(|(_, place)| *place == Place::Segment) {
            for (i, value) in parameter.values.iter().enumerate() {
                if !parameter.fits_in_path(value.as_bytes()) {
                    problems
                        .error(&path.key("values").index(i), "can never stand in a path segment");
                }
            }
        }
        let place = uses.get(slot).map(|(_, place)| *place);
        if let Some(example) = &config.example {
            let fits = place != Some(Place::Segment) || parameter.fits_in_path(example.as_bytes());
            if !fits || parameter.judge(example.as_bytes()).is_err() {
                problems.error(&path.key("example"), "is no value that this parameter takes");
            }
        }
        match place {
            Some(Place::Query) if parameter.allow_escapes => problems.error(
                &path.key("allowEscapes"),
                "is for path parameters: a query value may always be escaped",
            ),
            Some(Place::Segment | Place::Rest) if !parameter.required => problems.error(
                &path.key("required"),
                "must not be false: only a query part of the template can be optional",
            ),
            _ => {}
        }
        if let Some(place) = parameters.get_mut(slot) {
            *place = parameter;
        }
    }
    parameters
}

fn parameter(config: &ParameterConfig, path: &JsonPath, problems: &mut Problems) -> Parameter {
    if config.max_length == Some(0) {
        problems.error(&path.key("maxLength"), "must be 1 or more");
    }
    if config.max_length.is_some() && config.kind == ParameterType::Boolean {
        problems.error(&path.key("maxLength"), "is not for a boolean");
    }
    if config.values.as_ref().is_some_and(Vec::is_empty) {
        problems.error(&path.key("values"), "lists no value, so nothing would pass: leave it out");
    }
    let without_values = Parameter {
        required: config.required.unwrap_or(true),
        kind: config.kind,
        max_length: config.max_length,
        allow_escapes: config.allow_escapes,
        ..Parameter::plain(&config.name)
    };
    let values = config.values.as_deref().unwrap_or_default();
    for (i, value) in values.iter().enumerate() {
        let path = path.key("values").index(i);
        if value.is_empty() || !value.bytes().all(|b| matches!(b, 0x20..=0x7e)) {
            problems.error(&path, "must be printable ASCII, and not empty");
        }
        match without_values.judge(value.as_bytes()) {
            Err(Rule::MaxLength(max)) => {
                problems.error(&path, format!("is longer than maxLength, {max}"))
            }
            Ok(()) if *without_values.canonical(value.as_bytes()) != *value.as_bytes() => {
                problems.error(&path, "must be in lower case");
            }
            Err(_) => problems.error(&path, "is not of the parameter's type"),
            Ok(()) => {}
        }
    }
    let values = values.iter().map(|value| value.as_str().into()).collect();
    Parameter { values, ..without_values }
}

fn rewrite(
    text: &str,
    uses: &[(String, Place)],
    parameters: &[Parameter],
    path: &JsonPath,
    problems: &mut Problems,
) -> Option<Template> {
    let slot = |name: &str, place: Place| {
        let Some(slot) = uses.iter().position(|(n, _)| n == name) else {
            return Err(format!(
                "has the parameter \"{{{name}}}\": only parameters of the urlTemplate can be used here"
            ));
        };
        if place != Place::Query && parameters.get(slot).is_some_and(|p| !p.required) {
            return Err(format!("has \"{{{name}}}\" in its path, but that parameter is optional"));
        }
        let rest = uses.get(slot).is_some_and(|(_, place)| *place == Place::Rest);
        match place {
            Place::Rest if !rest => {
                Err(format!("has \"{{*{name}}}\", but the urlTemplate has \"{{{name}}}\""))
            }
            Place::Segment if rest => {
                Err(format!("has \"{{{name}}}\", but the urlTemplate has \"{{*{name}}}\""))
            }
            _ => Ok(Slot(slot)),
        }
    };
    let template = match Template::parse(text, slot) {
        Ok(template) => template,
        Err(fault) => {
            problems.error(path, fault);
            return None;
        }
    };
    if text.split('?').next().is_some_and(|path| path.ends_with("/*")) {
        problems.error(path, "has \"*\": name the rest, as {*rest}, in both templates");
        return None;
    }
    Some(template)
}

/// What only the documentation uses must still make sense.
fn check_documentation(config: &OperationConfig<'_>, path: &JsonPath, problems: &mut Problems) {
    if let Some(request) = &config.request {
        check_example(request.0.example, &path.key("request").key("example"), problems);
    }
    for (i, response) in config.responses.iter().enumerate() {
        let path = path.key("responses").index(i);
        if !(100..=599).contains(&response.0.status_code) {
            problems.error(&path.key("statusCode"), "must be a status code from 100 to 599");
        }
        check_example(response.0.example, &path.key("example"), problems);
    }
}

/// An example is published as it is read, so it must be readable, and by others too.
fn check_example(example: Option<&RawValue>, path: &JsonPath, problems: &mut Problems) {
    let Some(example) = example.map(RawValue::get) else { return };
    if serde_json::from_str::<Value>(example).is_err() {
        problems
            .error(path, "has a number that is too large, or too many levels: 128 are too many");
    } else if nesting(example) > MOST_LEVELS {
        problems.error(path, format!("has more than {MOST_LEVELS} levels"));
    }
}

/// The levels of a JSON text.
fn nesting(json: &str) -> usize {
    let (mut level, mut deepest, mut text, mut escaped) = (0_usize, 0_usize, false, false);
    for b in json.bytes() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            b'{' | b'[' if !text => {
                level = level.saturating_add(1);
                deepest = deepest.max(level);
            }
            b'}' | b']' if !text => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
