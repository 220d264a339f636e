//! What the backend is and which key it is sent: set-backend-service, set-header,
//! authentication-basic, and backend resources. Keys become names of environment variables; none is
//! copied.

use roxmltree::Node as Element;

use super::policies::{Context, Scope, child_values};
use super::value::{self, Value};
use super::{Resource, envoy};
use crate::import::document::Node;
use crate::import::document::Place;
use crate::import::draft::{Credentials, Draft};
use crate::import::name;
use crate::import::openapi;

const BY_HAND: &str = "Write the backend's \"credentials\" by hand.";
const OWN_API: &str =
    "An API's backends serve all its operations: give these operations an API of their own.";
/// A header of such a name holds a key, whatever its value looks like.
const SECRET_WORDS: [&str; 8] =
    ["auth", "key", "token", "secret", "passw", "cookie", "signature", "credential"];

pub(super) fn set_header(
    element: Element<'_, '_>,
    scope: Scope,
    draft: &mut Draft,
    context: &mut Context<'_>,
) {
    let place = context.place(element);
    let header = element.attribute("name").unwrap_or_default().to_owned();
    let action = element.attribute("exists-action").unwrap_or("override");
    let secret_name = is_secret_name(&header);
    if action == "delete" {
        // The gateway removes callers' keys itself.
        if !["authorization", "ocp-apim-subscription-key"]
            .iter()
            .any(|own| header.eq_ignore_ascii_case(own))
        {
            envoy::remove_header(&header, &place, context);
        }
        return;
    }
    let values: Vec<Value> =
        child_values(element).map(|text| value::read(text, context.service)).collect();
    let [value] = values.as_slice() else {
        return context.report.lost(
            &place,
            format!("the header {} with no value or several", header.escape_debug()),
            "Let the caller or the backend set it.",
        );
    };
    let (before, variable) = match value {
        Value::Secret { before, variable } => (before.clone(), variable.clone()),
        Value::Unknown(name) if secret_name => (String::new(), name::variable(name)),
        Value::Literal(value) if secret_name => {
            let variable = name::variable(&format!("{}_{header}", owner(scope, draft)));
            let (scheme, _) = value.split_once(' ').unwrap_or_default();
            context.report.todo(
                variable.clone(),
                format!("the key of {place} is in the source, and is not copied"),
                format!("Set {variable} in Envoy's environment to it; and change the key, if the source was shared."),
            );
            (scheme.to_owned(), variable)
        }
        Value::Literal(value) => return envoy::add_header(&header, value, action, &place, context),
        Value::Expression => {
            return context.report.lost(
                &place,
                format!("the header {} by an expression", header.escape_debug()),
                advice(&header),
            );
        }
        Value::Unknown(name) => {
            return context.report.lost(
                &place,
                format!(
                    "the header {} by the named value {}, which is not in the source",
                    header.escape_debug(),
                    name.escape_debug()
                ),
                BY_HAND,
            );
        }
    };
    let scheme = before.trim();
    let authorization = header.eq_ignore_ascii_case("authorization");
    let credentials = match scheme {
        "" if openapi::is_for_keys(&header) => Some(Credentials::Headers(vec![(header, variable)])),
        _ if authorization && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            Some(Credentials::Authorization { scheme: scheme.to_owned(), variable })
        }
        _ => None,
    };
    match credentials {
        Some(credentials) => give(credentials, scope, &place, draft, context),
        None => {
            context.report.lost(&place, "a key in a form that the gateway does not send", BY_HAND)
        }
    }
}

fn advice(header: &str) -> &'static str {
    if header.eq_ignore_ascii_case("authorization") {
        "A key goes into \"credentials\"; \"credentials\": \"caller\" sends the caller's own Authorization on."
    } else {
        "Envoy's request_headers_to_add has values of the request, as %REQ(name)% and %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%."
    }
}

pub(super) fn basic(
    element: Element<'_, '_>,
    scope: Scope,
    draft: &mut Draft,
    context: &mut Context<'_>,
) {
    let place = context.place(element);
    let variable = name::variable(&format!("{}_BASIC", owner(scope, draft)));
    context.report.todo(
        variable.clone(),
        format!("user and password of {place} are not copied"),
        format!("Set {variable} in Envoy's environment to the base64 of user:password."),
    );
    give(
        Credentials::Authorization { scheme: "Basic".into(), variable },
        scope,
        &place,
        draft,
        context,
    );
}

pub(super) fn backend_service(
    element: Element<'_, '_>,
    scope: Scope,
    draft: &mut Draft,
    context: &mut Context<'_>,
) {
    let place = context.place(element);
    let attribute =
        |name: &str| element.attribute(name).map(|text| value::read(text, context.service));
    let (url, credentials) =
        match (attribute("base-url"), attribute("backend-id")) {
            (Some(Value::Literal(url)), _) => (url, None),
            (None, Some(Value::Literal(id))) => match context.service.backends.get(&id) {
                Some(backend) => match backend_resource(backend, context) {
                    Some(found) => found,
                    None => return,
                },
                None => {
                    return context.report.lost(
                        &place,
                        format!("the backend {}, which is not in the source", id.escape_debug()),
                        super::api::UNKNOWN_BACKEND,
                    );
                }
            },
            _ => return context.report.lost(
                &place,
                "a backend by an expression or an unknown value",
                "Write a backend for each: \"match\" chooses by the values of template parameters.",
            ),
        };
    let url = match openapi::normal_url(&url) {
        Ok(url) => url,
        Err(fault) => {
            return context.report.lost(
                &place,
                format!("a backend's URL that {fault}"),
                super::api::UNKNOWN_BACKEND,
            );
        }
    };
    let apis: Vec<usize> = match scope {
        Scope::Global => (0..draft.apis.len()).collect(),
        Scope::Api(i) => vec![i],
        Scope::Operation(i, _)
            if draft.apis.get(i).is_some_and(|api| api.operations.len() == 1) =>
        {
            vec![i]
        }
        Scope::Operation(..) | Scope::Product(_) => {
            return context.report.lost(&place, "a backend for some of an API's calls", OWN_API);
        }
    };
    for i in apis {
        if let Some(api) = draft.apis.get_mut(i) {
            api.service_url.clone_from(&url);
        }
        if let Some(credentials) = credentials.clone() {
            give(credentials, Scope::Api(i), &place, draft, context);
        }
    }
}

/// The URL and the key of a backend resource.
fn backend_resource(
    backend: &Resource,
    context: &mut Context<'_>,
) -> Option<(String, Option<Credentials>)> {
    let Resource { name, place, properties } = backend;
    let Some(url) = properties.member_text("url") else {
        context.report.lost(
            place,
            "a backend without a URL, as a pool is",
            "Put Envoy's own cluster with these endpoints in front, and name it in \"cluster\".",
        );
        return None;
    };
    let Value::Literal(url) = value::read(url, context.service) else {
        context.report.lost(
            &place.key("url"),
            "a backend's URL by a secret or unknown value",
            super::api::UNKNOWN_BACKEND,
        );
        return None;
    };
    let written = properties.member("credentials");
    let mut credentials = None;
    for (kind, value) in written.map(Node::members).unwrap_or_default() {
        let place = place.key("credentials").key(kind);
        match kind.as_str() {
            "header" => {
                let headers: Vec<(String, String)> = value
                    .members()
                    .iter()
                    .filter(|(header, _)| openapi::is_for_keys(header))
                    .map(|(header, values)| {
                        (header.clone(), variable(values, &format!("{name}_{header}"), context))
                    })
                    .collect();
                if !headers.is_empty() {
                    credentials = Some(Credentials::Headers(headers));
                }
            }
            "authorization" => {
                let scheme = value.member_text("scheme").unwrap_or("Bearer").to_owned();
                let parameter = value.member("parameter").cloned().unwrap_or(Node::Null);
                let variable = variable(&parameter, &format!("{name}_KEY"), context);
                credentials = Some(Credentials::Authorization { scheme, variable });
            }
            _ if value.items().is_empty() && value.members().is_empty() => {}
            _ => context.report.lost(
                &place,
                "a backend's key in the query or a client certificate",
                "The gateway sends keys in headers; certificates belong to Envoy's cluster.",
            ),
        }
    }
    for member in ["tls", "proxy", "circuitBreaker", "pool"] {
        if properties.member(member).is_some_and(|value| *value != Node::Null) {
            context.report.lost(
                &place.key(member),
                "a setting of connections to the backend",
                "Envoy's cluster has it.",
            );
        }
    }
    Some((url, credentials))
}

/// The named value that holds a key; or a variable named after the backend.
fn variable(value: &Node, otherwise: &str, context: &Context<'_>) -> String {
    let text = value.as_text().or_else(|| value.items().first()?.as_text()).unwrap_or_default();
    match value::read(text, context.service) {
        Value::Secret { variable, .. } => variable,
        Value::Unknown(name) => name::variable(&name),
        Value::Literal(_) | Value::Expression => name::variable(otherwise),
    }
}

fn give(
    credentials: Credentials,
    scope: Scope,
    place: &Place,
    draft: &mut Draft,
    context: &mut Context<'_>,
) {
    match scope {
        Scope::Global => {
            for i in 0..draft.apis.len() {
                add(credentials.clone(), i, place, draft, context);
            }
        }
        Scope::Api(i) => add(credentials, i, place, draft, context),
        Scope::Operation(i, j) => {
            context.operation_credentials.push((i, j, credentials, place.clone()))
        }
        Scope::Product(_) => context.report.lost(place, "a backend's key for one product", OWN_API),
    }
}

fn add(
    credentials: Credentials,
    api: usize,
    place: &Place,
    draft: &mut Draft,
    context: &mut Context<'_>,
) {
    let Some(api) = draft.apis.get_mut(api) else { return };
    match (&mut api.credentials, credentials) {
        (Credentials::Headers(own), Credentials::Headers(more)) => {
            for (header, variable) in more {
                own.retain(|(name, _)| !name.eq_ignore_ascii_case(&header));
                own.push((header, variable));
            }
        }
        // The inner scope's word is the later one.
        (
            own @ (Credentials::Nothing | Credentials::Authorization { .. }),
            more @ Credentials::Authorization { .. },
        ) => *own = more,
        (own @ Credentials::Nothing, more) => *own = more,
        _ => context.report.lost(
            place,
            "keys in Authorization and in another header: a backend is sent one kind",
            BY_HAND,
        ),
    }
}

/// Keys that operations set hold for the API if all its operations set the same.
pub(super) fn settle(draft: &mut Draft, context: &mut Context<'_>) {
    let found = std::mem::take(&mut context.operation_credentials);
    for i in 0..draft.apis.len() {
        let own: Vec<_> = found.iter().filter(|(api, ..)| *api == i).collect();
        let Some((_, _, first, place)) = own.first() else { continue };
        let count = draft.apis.get(i).map_or(0, |api| api.operations.len());
        let all = (0..count).all(|j| {
            own.iter().any(|(_, operation, credentials, _)| *operation == j && credentials == first)
        });
        let same = own.iter().all(|(_, _, credentials, _)| credentials == first);
        if all && same {
            add(first.clone(), i, place, draft, context);
        } else {
            for (_, _, _, place) in own {
                context.report.lost(place, "a backend's key for one operation", OWN_API);
            }
        }
    }
}

pub(super) fn is_secret_name(header: &str) -> bool {
    let header = header.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| header.contains(word))
}

fn owner(scope: Scope, draft: &Draft) -> String {
    match scope {
        Scope::Api(i) | Scope::Operation(i, _) => draft.apis.get(i).map(|api| api.name.clone()),
        Scope::Global | Scope::Product(_) => None,
    }
    .unwrap_or_else(|| "BACKEND".into())
}
