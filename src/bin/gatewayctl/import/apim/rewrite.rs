//! rewrite-uri and set-query-parameter: what the backend is asked for.

use roxmltree::Node as Element;

use super::credentials::is_secret_name;
use super::policies::{Context, Scope, child_values};
use super::value::{self, Value};
use crate::import::document::Place;
use crate::import::draft::{Draft, Operation, QueryPart, with_query};

const EXPRESSION: &str =
    "Write the operation's \"rewriteUri\" by hand: it may use the parameters of the urlTemplate.";

const KEY_IN_QUERY: &str = "a key in the backend's query: the gateway sends keys in headers";
const KEY_ADVICE: &str = "If the backend takes it in a header, write that into \"credentials\"; else \
                          keep the query as callers send it.";

pub(super) fn rewrite_uri(
    element: Element<'_, '_>,
    scope: Scope,
    draft: &mut Draft,
    context: &mut Context<'_>,
) {
    let place = context.place(element);
    let template = value::read(element.attribute("template").unwrap_or_default(), context.service);
    let Value::Literal(template) = template else {
        return context.report.lost(
            &place,
            "a rewrite by an expression or an unknown value",
            EXPRESSION,
        );
    };
    let query = template.split_once('?').map(|(_, query)| query).unwrap_or_default();
    if query
        .split('&')
        .filter_map(|part| part.split_once('='))
        .any(|(name, value)| is_key(name, value))
    {
        return context.report.lost(&place, KEY_IN_QUERY, KEY_ADVICE);
    }
    let template = if template.starts_with('/') { template } else { format!("/{template}") };
    let Some(operation) = operation(scope, draft) else {
        return context.report.lost(
            &place,
            "a rewrite of more than one operation",
            "Write \"rewriteUri\" into each operation that it is for.",
        );
    };
    if let Some(fault) = unfit(operation, &template) {
        return context.report.lost(&place, format!("a rewrite that {fault}"), EXPRESSION);
    }
    operation.rewrite = Some(template);
    if element.attribute("copy-unmatched-params") == Some("false") {
        operation.refuse_extra_query = true;
        context.report.lost(
            &place,
            "copy-unmatched-params=\"false\": the gateway refuses such query parameters where API Management drops them",
            "Remove \"extraQueryParameters\" to forward them instead.",
        );
    }
}

pub(super) fn set_query(
    element: Element<'_, '_>,
    scope: Scope,
    draft: &mut Draft,
    context: &mut Context<'_>,
) {
    let place = context.place(element);
    let name = element.attribute("name").unwrap_or_default().to_owned();
    let action = element.attribute("exists-action").unwrap_or("override");
    let values: Vec<Value> =
        child_values(element).map(|text| value::read(text, context.service)).collect();
    let [Value::Literal(value)] = values.as_slice() else {
        let secret = values.iter().any(|value| matches!(value, Value::Secret { .. }));
        let what = if secret {
            KEY_IN_QUERY
        } else {
            "a query parameter that is removed, repeated, or set by an expression"
        };
        return context.report.lost(&place, what, KEY_ADVICE);
    };
    if is_key(&name, value) {
        return context.report.lost(&place, KEY_IN_QUERY, KEY_ADVICE);
    }
    if action != "override" {
        return context.report.lost(
            &place,
            format!("exists-action=\"{}\" of a query parameter", action.escape_debug()),
            "The gateway's \"rewriteUri\" sets a parameter, and refuses a caller's own.",
        );
    }
    let operations: Vec<&mut Operation> = match scope {
        Scope::Operation(..) => operation(scope, draft).into_iter().collect(),
        Scope::Api(i) => {
            draft.apis.get_mut(i).map(|api| api.operations.iter_mut().collect()).unwrap_or_default()
        }
        Scope::Global | Scope::Product(_) => Vec::new(),
    };
    if operations.is_empty() {
        return context.report.lost(
            &place,
            "a query parameter of the service or a product",
            "Write it into the \"rewriteUri\" of each operation.",
        );
    }
    for operation in operations {
        if let Some(fault) = set(operation, &name, value) {
            context.report.lost(
                &place,
                format!("a query parameter of operation {}: {fault}", operation.name),
                EXPRESSION,
            );
        }
    }
    note(&place, &name, context);
}

/// Whether a query part's name says that its value is a key, and the value is one: a policy would
/// show it.
fn is_key(name: &str, value: &str) -> bool {
    let known = ["code", "sig", "pwd"].iter().any(|key| name.eq_ignore_ascii_case(key));
    (known || is_secret_name(name)) && !value.starts_with('{')
}

fn note(place: &Place, name: &str, context: &mut Context<'_>) {
    context.report.lost(
        place,
        format!(
            "a caller's own {} is refused, where API Management would replace it",
            name.escape_debug()
        ),
        "Tell callers to leave it out.",
    );
}

/// Adds `name=value` to what the backend is asked for.
fn set(operation: &mut Operation, name: &str, value: &str) -> Option<String> {
    let mut rewrite = match operation.rewrite.clone() {
        Some(rewrite) => rewrite,
        None => {
            // Without a rewrite all goes on as it was sent; with one, the template's own parts must be said.
            if let Some(rest) = operation.path.strip_suffix("/*") {
                operation.path = format!("{rest}/{{*rest}}");
            }
            let parts: Vec<QueryPart> = operation
                .query
                .iter()
                .filter(|part| !part.name.eq_ignore_ascii_case(name))
                .cloned()
                .collect();
            with_query(&operation.path, &parts)
        }
    };
    rewrite.push(if rewrite.contains('?') { '&' } else { '?' });
    rewrite.push_str(&format!("{name}={value}"));
    if let Some(fault) = unfit(operation, &rewrite) {
        return Some(fault);
    }
    operation.rewrite = Some(rewrite);
    None
}

/// Why the gateway would not take the rewrite: an operation is worth more than its rewrite, so it
/// is asked before.
fn unfit(operation: &Operation, rewrite: &str) -> Option<String> {
    use azureml_gateway::policy::template::{Slot, Template};
    let path = operation.url_template();
    Template::parse(rewrite, |name, _| {
        match path.contains(&format!("{{{name}}}")) || path.contains(&format!("{{*{name}}}")) {
            true => Ok(Slot(0)),
            false => {
                Err(format!("has the parameter {{{name}}}, which the urlTemplate does not have"))
            }
        }
    })
    .err()
}

fn operation(scope: Scope, draft: &mut Draft) -> Option<&mut Operation> {
    match scope {
        Scope::Operation(i, j) => draft.apis.get_mut(i)?.operations.get_mut(j),
        _ => None,
    }
}
