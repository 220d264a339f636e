//! Where the backend is: servers of OpenAPI 3; schemes, host and basePath of Swagger 2.

use azureml_gateway::policy::backend::BaseUrl;

use super::Version;
use crate::import::document::{Node, Place};
use crate::import::report::Report;

pub(crate) const ADVICE: &str = "Give these operations an API of their own, with that serviceUrl.";
const ASK: &str = "say where the backend is with --service-url https://HOST/PATH";

pub(crate) fn service_url(
    document: &Node,
    version: Version,
    report: &mut Report,
) -> Result<String, String> {
    let url = match version {
        Version::Swagger2 => swagger(document),
        Version::OpenApi3 => openapi(document, &Place::default(), report),
    };
    let url = url.ok_or_else(|| format!("names no server with a host: {ASK}"))?;
    normal(&url).map_err(|fault| format!("its server's URL {fault}: {ASK}"))
}

/// A URL as the policy takes it, without the port that its scheme has anyway.
pub(crate) fn normal(url: &str) -> Result<String, &'static str> {
    let url = url.trim();
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    let url = match lower.split_once("://") {
        Some((scheme @ ("http" | "https"), _)) => {
            format!("{scheme}{}", url.get(scheme.len()..).unwrap_or_default())
        }
        _ => url.to_owned(),
    };
    let url = url.trim_end_matches('/');
    let base = BaseUrl::parse(url)?;
    let (scheme, port) = if base.https { ("https", ":443") } else { ("http", ":80") };
    let authority = base.authority.strip_suffix(port).unwrap_or(&base.authority);
    Ok(format!("{scheme}://{authority}{}", base.path))
}

fn swagger(document: &Node) -> Option<String> {
    let host = document.member_text("host")?;
    let schemes: Vec<_> = document
        .member("schemes")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(Node::as_text)
        .collect();
    let scheme = if schemes == ["http"] { "http" } else { "https" };
    let base = document.member_text("basePath").unwrap_or_default().trim_start_matches('/');
    Some(format!("{scheme}://{host}/{base}"))
}

fn openapi(document: &Node, place: &Place, report: &mut Report) -> Option<String> {
    let servers = document.member("servers").map(Node::items).unwrap_or_default();
    let urls: Vec<String> = servers.iter().map(with_defaults).collect();
    let chosen = urls.iter().position(|url| url.contains("://"))?;
    for (i, _) in urls.iter().enumerate().filter(|(i, _)| *i != chosen) {
        report.lost(
            &place.key("servers").index(i),
            "another server: an API has one serviceUrl",
            "Choose it with --service-url, or write a backend that serves by a template parameter.",
        );
    }
    let variables = servers.get(chosen).and_then(|server| server.member("variables"));
    for (name, _) in variables.map(Node::members).unwrap_or_default() {
        report.lost(
            &place.key("servers").index(chosen).key("variables").key(name),
            "a variable of the server: its default was taken",
            "Import again with --service-url for another value.",
        );
    }
    urls.into_iter().nth(chosen)
}

fn with_defaults(server: &Node) -> String {
    let mut url = server.member_text("url").unwrap_or_default().to_owned();
    let variables = server.member("variables").map(Node::members).unwrap_or_default();
    // More would not be written by a person.
    for (name, variable) in variables.iter().take(20) {
        let value = variable.member("default").and_then(Node::scalar).unwrap_or_default();
        if value.len() < 256 && url.len() < 2048 {
            url = url.replace(&format!("{{{name}}}"), &value);
        }
    }
    url
}
