//! Examples of requests, and the answers to expect: documentation.

use super::{Reader, Version, summary};
use crate::import::document::{Node, Place};
use crate::import::draft::Request;
use crate::import::layout;
use crate::import::report::Report;

/// A policy goes into Envoy's configuration whole: larger examples stay in the source.
const LARGEST: usize = 4096;

pub(crate) fn request(
    reader: &Reader<'_>,
    operation: &Node,
    shared: &[Node],
    place: &Place,
    report: &mut Report,
) -> Option<Request> {
    let (content_type, example) = match reader.version {
        Version::Swagger2 => swagger(reader, operation, shared)?,
        Version::OpenApi3 => openapi(reader, operation)?,
    };
    let example = example.filter(|example| {
        let small = is_small(example);
        if !small {
            report.unused(place, "an example of more than 4 KiB");
        }
        small
    });
    Some(Request { content_type: content_type.to_owned(), example: example.cloned() })
}

fn openapi<'d>(reader: &Reader<'d>, operation: &'d Node) -> Option<(&'d str, Option<&'d Node>)> {
    let body = reader.refs().node(operation.member("requestBody")?)?;
    let media = body.member("content")?.members();
    let json = media.iter().find(|(name, _)| name.contains("json"));
    let (name, media) = json.or_else(|| media.first())?;
    let first = media.member("examples").and_then(|examples| examples.members().first());
    let example = media
        .member("example")
        .or_else(|| reader.refs().node(&first?.1)?.member("value"))
        .or_else(|| schema_example(reader, media.member("schema")?));
    Some((name, example))
}

fn swagger<'d>(
    reader: &Reader<'d>,
    operation: &'d Node,
    shared: &'d [Node],
) -> Option<(&'d str, Option<&'d Node>)> {
    let own = operation.member("parameters").map(Node::items).unwrap_or_default();
    let parameters = || own.iter().chain(shared).filter_map(|node| reader.refs().node(node));
    let location =
        |name: &'static str| parameters().find(move |p| p.member_text("in") == Some(name));
    let consumes = operation.member("consumes").or_else(|| reader.document.member("consumes"));
    let consumes = consumes.and_then(|types| types.items().first()?.as_text());
    let Some(body) = location("body") else {
        return location("formData")
            .map(|_| (consumes.unwrap_or("application/x-www-form-urlencoded"), None));
    };
    let example = body.member("schema").and_then(|schema| schema_example(reader, schema));
    Some((consumes.unwrap_or("application/json"), example))
}

fn schema_example<'d>(reader: &Reader<'d>, schema: &'d Node) -> Option<&'d Node> {
    let schema = reader.refs().node(schema)?;
    schema.member("example").or_else(|| schema.member("examples")?.items().first())
}

/// Those with a status code; what an operation answers by default says nothing.
pub(crate) fn responses(reader: &Reader<'_>, operation: &Node) -> Vec<(u16, Option<String>)> {
    let responses = operation.member("responses").map(Node::members).unwrap_or_default();
    let response = |(code, response): &(String, Node)| {
        let code = code.parse::<u16>().ok().filter(|code| (100..=599).contains(code))?;
        let description = reader.refs().node(response)?.member_text("description").map(summary);
        Some((code, description))
    };
    responses.iter().filter_map(response).take(32).collect()
}

pub(crate) fn is_small(example: &Node) -> bool {
    layout::write(example).len() <= LARGEST
}
