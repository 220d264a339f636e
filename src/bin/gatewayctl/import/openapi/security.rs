//! Security schemes: where callers' keys stand, and what the backend is sent.
//!
//! A backend's key header becomes the header of the subscription key too, so that a client that
//! was made for the backend works with the gateway's address and a subscription key.

use azureml_gateway::policy::HeaderName;

use super::{Reader, Version};
use crate::import::document::{Node, Place};
use crate::import::draft::Credentials;
use crate::import::name;
use crate::import::report::Report;

pub(crate) struct Keys {
    pub(crate) header: Option<String>,
    pub(crate) query: Option<String>,
    pub(crate) credentials: Credentials,
}

/// API Management's own names, which the gateway has by default.
const OWN_HEADER: &str = "Ocp-Apim-Subscription-Key";
const OWN_QUERY: &str = "subscription-key";

enum Scheme {
    Header(String),
    Query(String),
    Bearer,
    Basic,
    /// Tokens that someone else gives out.
    Tokens,
    Other,
}

pub(crate) fn read(reader: &Reader<'_>, api: &str, report: &mut Report) -> Keys {
    let mut keys = Keys { header: None, query: None, credentials: Credentials::Nothing };
    let variable = name::variable(&format!("{api}_KEY"));
    for (name, place) in used(reader) {
        let definition = definitions(reader).and_then(|all| all.member(name));
        let Some(definition) = definition.and_then(|node| reader.refs().node(node)) else {
            report.lost(
                &place,
                "a security scheme that is not defined here",
                "Write the backend's credentials into the policy by hand.",
            );
            continue;
        };
        take(scheme(definition), &variable, &place, &mut keys, report);
    }
    keys
}

fn take(scheme: Scheme, variable: &str, place: &Place, keys: &mut Keys, report: &mut Report) {
    let bearer =
        || Credentials::Authorization { scheme: "Bearer".into(), variable: variable.to_owned() };
    let free = keys.credentials == Credentials::Nothing;
    match scheme {
        Scheme::Header(header) if header.eq_ignore_ascii_case(OWN_HEADER) => {}
        Scheme::Query(query) if query.eq_ignore_ascii_case(OWN_QUERY) => {}
        Scheme::Header(header) if free && header.eq_ignore_ascii_case("authorization") => {
            keys.header = Some("Authorization".into());
            keys.credentials = bearer();
        }
        Scheme::Bearer if free => {
            keys.header = Some("Authorization".into());
            keys.credentials = bearer();
        }
        Scheme::Header(header) if free && is_for_keys(&header) => {
            keys.credentials = Credentials::Headers(vec![(header.clone(), variable.to_owned())]);
            keys.header = Some(header);
        }
        Scheme::Basic if free => {
            keys.credentials = Credentials::Authorization { scheme: "Basic".into(), variable: variable.to_owned() };
        }
        Scheme::Tokens if free => {
            keys.credentials = Credentials::Caller;
            report.lost(
                place,
                "OAuth 2 or OpenID Connect: the caller's own token goes through unchecked, beside a subscription key",
                "The backend must check it; or let Envoy do so, with the filter envoy.filters.http.jwt_authn before the gateway.",
            );
        }
        Scheme::Query(query) if keys.query.is_none() && is_query(&query) => {
            keys.query = Some(query);
            if free {
                report.lost(
                    place,
                    "a backend's key in the query: the gateway sends keys in headers",
                    "If the backend takes its key in a header too, write that into \"credentials\".",
                );
            }
        }
        Scheme::Other => report.lost(
            place,
            "a kind of security that the gateway does not have",
            "Let Envoy do it: client certificates toward callers and backends are settings of its TLS contexts.",
        ),
        _ => report.lost(
            place,
            "a second security scheme: a backend is sent one kind of key",
            "Choose one, and write it into \"credentials\".",
        ),
    }
}

/// The schemes of the document, those of its own security first; each with its place.
fn used<'d>(reader: &Reader<'d>) -> Vec<(&'d str, Place)> {
    let own = reader.document.member("security");
    let operations = reader.document.member("paths").map(Node::members).unwrap_or_default().iter();
    let operations = operations
        .flat_map(|(_, item)| item.members())
        .filter_map(|(_, operation)| operation.member("security"));
    let mut names: Vec<&str> = Vec::new();
    for requirement in own.into_iter().chain(operations).flat_map(Node::items) {
        for (name, _) in requirement.members() {
            if !names.contains(&name.as_str()) && names.len() < 32 {
                names.push(name);
            }
        }
    }
    // Keys come before tokens: a gateway is there to hold keys.
    let rank = |name: &&str| {
        let definition = definitions(reader).and_then(|all| all.member(name));
        match definition.and_then(|node| reader.refs().node(node)).map(scheme) {
            Some(Scheme::Header(_) | Scheme::Bearer) => 0,
            Some(Scheme::Basic) => 1,
            _ => 2,
        }
    };
    names.sort_by_key(rank);
    let place = match reader.version {
        Version::Swagger2 => reader.place().key("securityDefinitions"),
        Version::OpenApi3 => reader.place().key("components").key("securitySchemes"),
    };
    names.into_iter().map(|name| (name, place.key(name))).collect()
}

/// An operation that asks for other schemes than the document.
pub(crate) fn check_operation(reader: &Reader<'_>, own: &Node, place: &Place, report: &mut Report) {
    let Some(all) = reader.document.member("security") else { return };
    if own != all {
        report.lost(
            place,
            "other security than the document's: the gateway has one for a whole API",
            "Give the operation an API of its own.",
        );
    }
}

fn definitions<'d>(reader: &Reader<'d>) -> Option<&'d Node> {
    match reader.version {
        Version::Swagger2 => reader.document.member("securityDefinitions"),
        Version::OpenApi3 => reader.document.member("components")?.member("securitySchemes"),
    }
}

fn scheme(definition: &Node) -> Scheme {
    let text = |name: &str| definition.member_text(name).unwrap_or_default();
    let name = text("name").to_owned();
    let http = text("scheme").to_ascii_lowercase();
    match (text("type"), text("in"), http.as_str()) {
        ("apiKey", "header", _) => Scheme::Header(name),
        ("apiKey", "query", _) => Scheme::Query(name),
        ("http", _, "bearer") => Scheme::Bearer,
        ("http", _, "basic") | ("basic", ..) => Scheme::Basic,
        ("oauth2" | "openIdConnect", ..) => Scheme::Tokens,
        _ => Scheme::Other,
    }
}

/// Whether a policy takes the header for a key.
pub(crate) fn is_for_keys(header: &str) -> bool {
    !header.contains('_') && HeaderName::parse(header).is_some_and(|name| name.is_for_keys())
}

pub(crate) fn is_query(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
