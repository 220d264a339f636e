//! An API and its operations.

use super::{ApiResource, Resource, Service, last_part};
use crate::import::document::{Node, Place};
use crate::import::draft::{Api, Credentials, Kind, Operation, Parameter, QueryPart, Request};
use crate::import::name::{self, Names};
use crate::import::openapi::{self, Reader};
use crate::import::report::Report;

/// None for what the gateway does not serve; that is reported.
pub(super) fn read(
    service: &Service,
    api: &ApiResource,
    report: &mut Report,
) -> Result<Option<Api>, String> {
    let Resource { name, place, properties } = &api.resource;
    let text = |member: &str| properties.member_text(member);
    if name.contains(";rev=") {
        report.lost(
            place,
            "a revision beside the current one",
            "Publish it as an API of its own, if somebody calls it.",
        );
        return Ok(None);
    }
    let kind = text("type").or_else(|| text("apiType")).unwrap_or("http");
    if !kind.eq_ignore_ascii_case("http") {
        report.lost(
            place,
            format!("an API of the type {}", kind.escape_debug()),
            "The gateway serves HTTP APIs: leave it where it is.",
        );
        return Ok(None);
    }
    check_members(properties, place, report);
    let (path, version_query) = path(service, properties, place, report);
    let key_names = properties.member("subscriptionKeyParameterNames");
    let key_name =
        |member: &str, default: &str, valid: &dyn Fn(&str) -> bool, report: &mut Report| {
            let name = key_names.and_then(|names| names.member_text(member))?;
            if name.eq_ignore_ascii_case(default) {
                return None;
            }
            if !valid(name) {
                let place = place.key("subscriptionKeyParameterNames").key(member);
                report.lost(
                    &place,
                    "a name that the gateway does not take for a key",
                    format!("Callers send it as {default}; or choose another name."),
                );
                return None;
            }
            Some(name.to_owned())
        };
    let key_header = key_name("header", "Ocp-Apim-Subscription-Key", &openapi::is_for_keys, report);
    let key_query = key_name("query", "subscription-key", &openapi::is_query, report);
    let mut operations = operations(api, key_query.as_deref(), report)?;
    if operations.is_empty() {
        report.lost(
            place,
            "an API without operations",
            "Export its operations or its specification with it.",
        );
        return Ok(None);
    }
    for operation in &mut operations {
        operation.query.extend(version_query.clone());
    }
    let protocols: Vec<&'static str> = properties
        .member("protocols")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(|protocol| match protocol.as_text() {
            Some("http") => Some("http"),
            Some("https") => Some("https"),
            _ => {
                report.lost(
                    &place.key("protocols"),
                    "a protocol that is neither http nor https",
                    "The gateway serves http and https.",
                );
                None
            }
        })
        .collect();
    let service_url = match text("serviceUrl").map(openapi::normal_url) {
        Some(Ok(url)) => url,
        Some(Err(fault)) => {
            report.lost(
                &place.key("serviceUrl"),
                format!("a backend's URL that {fault}"),
                UNKNOWN_BACKEND,
            );
            String::new()
        }
        None => String::new(),
    };
    let name = name::valid(name).unwrap_or_else(|| "api".to_owned());
    Ok(Some(Api {
        place: place.clone(),
        display_name: text("displayName").filter(|title| *title != name).map(str::to_owned),
        description: text("description").map(openapi::summary),
        path,
        protocols: if protocols == ["https"] { Vec::new() } else { protocols },
        service_url,
        subscription_required: properties
            .member("subscriptionRequired")
            .and_then(Node::as_bool)
            .unwrap_or(true),
        key_header,
        key_query,
        rate_limit: None,
        operations,
        credentials: Credentials::Nothing,
        name,
    }))
}

pub(super) const UNKNOWN_BACKEND: &str =
    "Until a backend's URL stands in \"serviceUrl\", calls go nowhere: write it there.";

/// The path with its version; or what every call of this version has in its query.
fn path(
    service: &Service,
    properties: &Node,
    place: &Place,
    report: &mut Report,
) -> (String, Option<QueryPart>) {
    let path = properties.member_text("path").unwrap_or_default().trim_matches('/').to_owned();
    let set = properties.member_text("apiVersionSetId").map(last_part);
    let own = properties.member("apiVersionSet");
    let set =
        set.and_then(|name| service.version_sets.get(name)).map(|set| &set.properties).or(own);
    let (Some(version), Some(set)) = (properties.member_text("apiVersion"), set) else {
        if properties.member_text("apiVersion").is_some() {
            report.lost(
                &place.key("apiVersion"),
                "a version whose version set is not in the source",
                "Add the version to the API's path, or to the query of its templates.",
            );
        }
        return (path, None);
    };
    match set.member_text("versioningScheme").unwrap_or("Segment") {
        "Segment" if path.ends_with(&format!("/{version}")) => (path, None),
        "Segment" => (format!("{path}/{version}"), None),
        "Query" => {
            let name = set.member_text("versionQueryName").unwrap_or("api-version").to_owned();
            (path, Some(QueryPart { name, value: version.to_owned() }))
        }
        _ => {
            report.lost(
                &place.key("apiVersion"),
                "a version that stands in a header",
                "Give each version a path of its own.",
            );
            (path, None)
        }
    }
}

fn check_members(properties: &Node, place: &Place, report: &mut Report) {
    for (name, value) in properties.members() {
        let place = place.key(name);
        let empty = matches!(value, Node::Null)
            || value.members().is_empty()
                && value.items().is_empty()
                && matches!(value, Node::Map(_) | Node::List(_));
        match name.as_str() {
            "authenticationSettings" if value.members().iter().any(|(_, value)| !matches!(value, Node::Null | Node::List(_))) => report.lost(
                &place,
                "OAuth 2 or OpenID Connect, which API Management's console uses",
                "It was no check of calls; for one, put envoy.filters.http.jwt_authn before the gateway.",
            ),
            "isCurrent" if value.as_bool() == Some(false) => report.lost(&place, "an API that is not current", "Remove it from the policy, if nobody calls it."),
            "name" | "path" | "displayName" | "description" | "protocols" | "serviceUrl" | "subscriptionRequired"
            | "subscriptionKeyParameterNames" | "type" | "apiType" | "apiVersion" | "apiVersionSetId" | "apiVersionSet"
            | "format" | "value" | "apiRevision" | "isCurrent" | "isOnline" | "authenticationSettings" => {}
            _ if empty => {}
            _ => report.unused(&place, "documentation"),
        }
    }
}

fn operations(
    api: &ApiResource,
    key_query: Option<&str>,
    report: &mut Report,
) -> Result<Vec<Operation>, String> {
    let mut operations = Vec::new();
    if let Some((file, document)) = &api.specification {
        let version = openapi::version(document).map_err(|fault| format!("{file}: {fault}"))?;
        let Some(version) = version else {
            return Err(format!("{file}: is not an OpenAPI document"));
        };
        let reader = Reader::new(document, file, version);
        operations = reader.operations(key_query, report);
        reader.unused(report);
    }
    let mut names = Names::default();
    for operation in &operations {
        names.unique(&operation.name, "operation");
    }
    // Where both describe an operation, the resource is the later word on its template.
    for resource in &api.operations {
        operations.retain(|operation| operation.name != resource.name);
        operations.extend(operation(resource, &mut names, report));
    }
    Ok(operations)
}

fn operation(resource: &Resource, names: &mut Names, report: &mut Report) -> Option<Operation> {
    let Resource { name, place, properties } = resource;
    let text = |member: &str| properties.member_text(member);
    let (Some(template), Some(method)) = (text("urlTemplate"), text("method")) else {
        report.lost(
            place,
            "an operation without a method and a URL template",
            "Write it into the policy by hand.",
        );
        return None;
    };
    let (path, query) = match template.split_once('?') {
        Some((path, query)) => (path, query),
        None => (template, ""),
    };
    let mut parameters = Vec::new();
    let described = properties.member("templateParameters").map(Node::items).unwrap_or_default();
    let mut rename = |written: &str, in_path: bool, report: &mut Report| -> Option<String> {
        let name = name::parameter(written)?;
        let found = described.iter().enumerate().find(|(_, node)| {
            node.member_text("name").is_some_and(|name| name.trim_start_matches('*') == written)
        });
        let parameter = match found {
            Some((i, node)) => {
                parameter(node, &name, in_path, &place.key("templateParameters").index(i), report)
            }
            None => Parameter { name: name.clone(), ..Parameter::default() },
        };
        parameters.push(parameter);
        Some(name)
    };
    let mut braces = |part: &str, in_path: bool, report: &mut Report| {
        let inner = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        match inner {
            Some(inner) => {
                let (star, written) = match inner.strip_prefix('*') {
                    Some(rest) => ("*", rest),
                    None => ("", inner),
                };
                rename(written, in_path, report)
                    .map_or_else(|| part.to_owned(), |name| format!("{{{star}{name}}}"))
            }
            None => part.to_owned(),
        }
    };
    let segments: Vec<String> = path
        .trim_start_matches('/')
        .split('/')
        .map(|segment| braces(segment, true, report))
        .collect();
    let query = query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            QueryPart { name: name.to_owned(), value: braces(value, false, report) }
        })
        .collect();
    check_operation_members(properties, place, report);
    let name = names.unique(name, "operation");
    Some(Operation {
        place: place.clone(),
        display_name: text("displayName").filter(|title| *title != name).map(str::to_owned),
        description: text("description").map(openapi::summary),
        name,
        method: method.to_uppercase(),
        path: format!("/{}", segments.join("/")),
        query,
        parameters,
        refuse_extra_query: false,
        rewrite: None,
        rate_limit: None,
        request: request(properties),
        responses: responses(properties),
    })
}

fn parameter(
    node: &Node,
    name: &str,
    in_path: bool,
    place: &Place,
    report: &mut Report,
) -> Parameter {
    let kind = match node.member_text("type").unwrap_or_default().to_ascii_lowercase().as_str() {
        "boolean" | "bool" => Kind::Boolean,
        "integer" | "int" | "int32" | "int64" => Kind::Integer,
        _ => Kind::Text,
    };
    let written: Vec<String> = node
        .member("values")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(Node::scalar)
        .collect();
    let values = match openapi::allowed(&written, kind, in_path) {
        Some(values) => values,
        None if written.is_empty() => Vec::new(),
        None => {
            report.lost(
                &place.key("values"),
                "allowed values of which a template cannot have one or more: any value passes",
                "Let the backend refuse the others.",
            );
            Vec::new()
        }
    };
    let required = node.member("required").and_then(Node::as_bool).unwrap_or(true);
    Parameter {
        name: name.to_owned(),
        optional: !required && !in_path,
        kind,
        values,
        max_length: None,
    }
}

fn check_operation_members(properties: &Node, place: &Place, report: &mut Report) {
    let request = properties.member("request");
    for (member, what) in [
        (
            "queryParameters",
            "query parameters beside the template: they go through, as in API Management",
        ),
        ("headers", "headers of requests: they go through, as in API Management"),
    ] {
        let described = request.and_then(|request| request.member(member)).map(Node::items);
        if described.is_some_and(|items| !items.is_empty()) {
            report.unused(&place.key("request").key(member), what);
        }
    }
    if properties.member_text("policies").is_some() {
        report.lost(
            &place.key("policies"),
            "a policy in an operation's properties",
            "Export it as a resource of its own.",
        );
    }
}

fn request(properties: &Node) -> Option<Request> {
    let representations = properties.member("request")?.member("representations")?.items();
    let representation = representations.first()?;
    let content_type = representation.member_text("contentType")?.to_owned();
    let sample = representation.member_text("sample").map(str::to_owned);
    let example =
        || representation.member("examples")?.members().first()?.1.member("value").cloned();
    let example = sample
        .and_then(|text| serde_json::from_str(&text).ok())
        .or_else(example)
        .map(|node| match node {
            // A template holds JSON as text.
            Node::Text(text) => serde_json::from_str(&text).unwrap_or(Node::Text(text)),
            node => node,
        })
        .filter(openapi::is_small);
    Some(Request { content_type, example })
}

fn responses(properties: &Node) -> Vec<(u16, Option<String>)> {
    let responses = properties.member("responses").map(Node::items).unwrap_or_default();
    let response = |response: &Node| {
        let code = u16::try_from(response.member("statusCode")?.as_u64()?).ok()?;
        let description = response.member_text("description").map(openapi::summary);
        (100..=599).contains(&code).then_some((code, description))
    };
    responses.iter().filter_map(response).take(32).collect()
}
