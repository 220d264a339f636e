//! OpenAPI's paths and operations.

use serde_json::{Map, Value, json};

use crate::policy::template::{Condition, Expect, Segment};
use crate::policy::{Api, ExtraQueryParameters, Operation, Policy};

use super::parameter::{self, Place};
use super::{add_example, response, set};
use crate::publish::written::{WrittenApi, WrittenOperation};

/// The methods that OpenAPI has a place for.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// An API's operations by path, in the policy's order.
pub(super) struct Operations<'p>(Vec<Path<'p>>);

/// A path as OpenAPI tells paths apart: without regard to the names of parameters.
struct Path<'p> {
    shape: String,
    /// The names of its parameters: those of the operation that comes first.
    names: Vec<String>,
    methods: Vec<Method<'p>>,
}

/// The operations of one path and method, of which there are several where a query or a value tells
/// them apart.
struct Method<'p> {
    name: String,
    members: Vec<Member<'p>>,
}

/// An operation, compiled and as it was written.
#[derive(Clone, Copy)]
pub(super) struct Member<'p> {
    pub(super) operation: &'p Operation,
    pub(super) written: &'p WrittenOperation<'p>,
}

impl<'p> Operations<'p> {
    pub(super) fn of(api: &'p Api, written: &'p WrittenApi<'p>) -> Self {
        let mut paths: Vec<Path<'p>> = Vec::new();
        for (operation, written) in api.operations.iter().zip(&written.operations) {
            let member = Member { operation, written };
            let shape = shape(operation);
            let path = match paths.iter_mut().position(|path| path.shape == shape) {
                Some(index) => paths.get_mut(index),
                None => {
                    paths.push(Path { shape, names: names(operation), methods: Vec::new() });
                    paths.last_mut()
                }
            };
            path.into_iter().for_each(|path| path.add(member));
        }
        Self(paths)
    }

    pub(super) fn render(&self, policy: &Policy, api: &Api) -> Value {
        let paths = self.0.iter().map(|path| (path.template(), path.render(policy, api)));
        Map::from_iter(paths).into()
    }
}

impl<'p> Path<'p> {
    fn add(&mut self, member: Member<'p>) {
        let name = member.operation.method.to_ascii_lowercase();
        match self.methods.iter_mut().find(|method| method.name == name) {
            Some(method) => method.members.push(member),
            None => self.methods.push(Method { name, members: vec![member] }),
        }
    }

    fn template(&self) -> String {
        let mut names = self.names.iter();
        let segments = self.shape.split('/').skip(1).map(|segment| match segment {
            "{}" => format!("/{{{}}}", names.next().map_or("", String::as_str)),
            literal => format!("/{literal}"),
        });
        segments.collect()
    }

    fn render(&self, policy: &Policy, api: &Api) -> Value {
        let mut item = Map::new();
        let mut others = Vec::new();
        for method in &self.methods {
            if METHODS.contains(&method.name.as_str()) {
                item.insert(method.name.clone(), method.render(&self.names, policy, api));
            } else {
                others.extend(method.members.iter().map(Member::summary));
            }
        }
        if !others.is_empty() {
            item.insert("x-gateway-operations".into(), others.into());
        }
        item.into()
    }
}

impl Method<'_> {
    fn render(&self, names: &[String], policy: &Policy, api: &Api) -> Value {
        let members = &self.members;
        let mut rendered = Map::new();
        let titles: Vec<&str> = members.iter().map(Member::title).collect();
        let ids = members.first().map(|member| &member.operation.name);
        rendered.insert("operationId".into(), json!(ids));
        rendered.insert("summary".into(), json!(titles.join(" / ")));
        let description = self.description();
        if !description.is_empty() {
            rendered.insert("description".into(), json!(description));
        }
        let mut parameters = self.path_parameters(names);
        parameters.extend(self.query_parameters());
        rendered.insert("parameters".into(), parameters.into());
        rendered.extend(request_body(members).map(|body| ("requestBody".to_owned(), body)));
        rendered.insert("responses".into(), response::render(policy, api, members));
        if members.len() > 1 {
            let operations: Vec<_> = members.iter().map(Member::summary).collect();
            rendered.insert("x-gateway-operations".into(), operations.into());
        }
        rendered.into()
    }

    fn description(&self) -> String {
        let mut parts: Vec<String> = self
            .members
            .iter()
            .filter_map(|member| member.written.config.description.clone())
            .collect();
        if self.members.len() > 1 {
            let templates: Vec<_> =
                self.members.iter().map(|member| member.operation.url_template()).collect();
            parts.push(format!(
                "Several operations, told apart by their parameters: {}.",
                templates.join(", ")
            ));
        }
        let refuses =
            |member: &Member<'_>| member.operation.extra_query == ExtraQueryParameters::Refuse;
        if self.members.iter().all(refuses) {
            parts.push("Other query parameters are refused.".to_owned());
        }
        parts.join("\n\n")
    }

    fn path_parameters(&self, names: &[String]) -> Vec<Value> {
        let parameter = |(place, name): (usize, &String)| {
            let segments = self.members.iter().filter_map(|member| {
                let variable = |segment: &&Segment| !matches!(segment, Segment::Literal(_));
                let segment = member.operation.template.path.iter().filter(variable).nth(place)?;
                Some((member, segment))
            });
            let segments: Vec<_> = segments.collect();
            let slot = |(member, segment): &(&Member<'_>, &Segment)| match segment {
                Segment::Parameter(slot) | Segment::Rest(Some(slot)) => {
                    member.operation.parameter(*slot).cloned()
                }
                Segment::Literal(_) | Segment::Rest(None) => None,
            };
            let schemas = segments.iter().map(|segment| {
                let plain = || crate::policy::parameter::Parameter::plain(name);
                parameter::schema(&slot(segment).unwrap_or_else(plain), Place::Path)
            });
            let schema = parameter::any_of(schemas.collect());
            let written = segments
                .iter()
                .filter_map(|segment| segment.0.written_parameter(&slot(segment)?.name));
            let rest = segments.iter().any(|(_, segment)| matches!(segment, Segment::Rest(_)));
            let note = rest.then_some(
                "May be several segments. Their slashes are sent as they are, for which OpenAPI has \
                 no form.",
            );
            rendered(name, "path", true, written.collect(), note, schema)
        };
        names.iter().enumerate().map(parameter).collect()
    }

    /// Every query part that a member names, by name without regard to case.
    fn query_parameters(&self) -> Vec<Value> {
        let mut names: Vec<&str> = Vec::new();
        let conditions = self.members.iter().flat_map(|member| &member.operation.template.query);
        for Condition { name, .. } in conditions {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name);
            }
        }
        let parameter = |name: &&str| {
            let of = |member: &Member<'_>| {
                let mut query = member.operation.template.query.iter();
                query.find(|condition| condition.name.eq_ignore_ascii_case(name)).cloned()
            };
            let required = |member: &Member<'_>| {
                of(member).is_some_and(|condition| member.operation.requires(&condition))
            };
            // To one that does not name it, it is one of the others.
            let takes_any = |member: &Member<'_>| {
                of(member).is_none()
                    && member.operation.extra_query == ExtraQueryParameters::Forward
            };
            let schema = if self.members.iter().any(takes_any) {
                json!({ "type": "string" })
            } else {
                let schemas = self.members.iter().filter_map(|m| Some(m.query_schema(&of(m)?)));
                parameter::any_of(schemas.collect())
            };
            let written = self.members.iter().filter_map(|member| match of(member)?.expect {
                Expect::Parameter(slot) => {
                    member.written_parameter(&member.operation.parameter(slot)?.name)
                }
                Expect::Literal(_) => None,
            });
            let required = self.members.iter().all(required);
            rendered(name, "query", required, written.collect(), None, schema)
        };
        names.iter().map(parameter).collect()
    }
}

impl<'p> Member<'p> {
    fn title(&self) -> &'p str {
        self.written.config.display_name.as_deref().unwrap_or(&self.operation.name)
    }

    fn summary(&self) -> Value {
        json!({
            "name": self.operation.name,
            "displayName": self.title(),
            "method": self.operation.method,
            "urlTemplate": self.operation.url_template(),
        })
    }

    fn written_parameter(&self, name: &str) -> Option<Written<'p>> {
        let parameter = self.written.parameters.iter().find(|config| config.name == name)?;
        let (description, example) = (&parameter.description, &parameter.example);
        Some(Written { description: description.as_deref(), example: example.as_deref() })
    }

    fn query_schema(&self, condition: &Condition) -> Value {
        let slot = match &condition.expect {
            Expect::Literal(value) => return parameter::literal(value),
            Expect::Parameter(slot) => *slot,
        };
        let into_path = self
            .operation
            .rewrite
            .as_ref()
            .is_some_and(|rewrite| rewrite.path.contains(&Segment::Parameter(slot)));
        let place = if into_path { Place::QueryIntoPath } else { Place::Query };
        self.operation.parameter(slot).map_or_else(
            || json!({ "type": "string" }),
            |parameter| parameter::schema(parameter, place),
        )
    }
}

/// What the author wrote of a parameter.
struct Written<'p> {
    description: Option<&'p str>,
    example: Option<&'p str>,
}

fn rendered(
    name: &str,
    place: &str,
    required: bool,
    written: Vec<Written<'_>>,
    note: Option<&str>,
    schema: Value,
) -> Value {
    let mut parameter = json!({ "name": name, "in": place, "required": required });
    let mut description: Vec<&str> = Vec::new();
    for text in written.iter().filter_map(|written| written.description).chain(note) {
        if !description.contains(&text) {
            description.push(text);
        }
    }
    if !description.is_empty() {
        set(&mut parameter, "description", json!(description.join(" ")));
    }
    let example = written.iter().find_map(|written| written.example);
    let example = parameter::example(example, &schema);
    set(&mut parameter, "schema", schema);
    if let Some(example) = example {
        set(&mut parameter, "example", example);
    }
    parameter
}

/// The example requests, by content type. Bodies are the service's: none is required.
fn request_body(members: &[Member<'_>]) -> Option<Value> {
    let mut content = Map::new();
    for member in members {
        let Some(request) = member.written.config.request.as_ref().map(|object| &object.0) else {
            continue;
        };
        let content_type = request.content_type.as_deref().unwrap_or("application/json");
        let media = content.entry(content_type).or_insert_with(|| json!({ "schema": {} }));
        let example = request.example.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
        if let Some(example) = example {
            let example = json!({ "summary": member.title(), "value": example });
            add_example(media, &member.operation.name, example);
        }
    }
    let takes_body =
        |member: &Member<'_>| matches!(&*member.operation.method, "PATCH" | "POST" | "PUT");
    if content.is_empty() && members.iter().any(takes_body) {
        // Whatever the service takes: the policy does not say.
        content.insert("*/*".to_owned(), json!({ "schema": {} }));
    }
    (!content.is_empty()).then(|| json!({ "content": content }))
}

/// The template's path without the names of its parameters, which no literal looks like.
fn shape(operation: &Operation) -> String {
    let segments = operation.template.path.iter().map(|segment| match segment {
        Segment::Literal(literal) => format!("/{literal}"),
        Segment::Parameter(_) | Segment::Rest(_) => "/{}".to_owned(),
    });
    segments.collect()
}

/// The names of the path's parameters; a rest without one gets one.
fn names(operation: &Operation) -> Vec<String> {
    let named = |slot| operation.parameter(slot).map(|parameter| parameter.name.to_string());
    let path = operation.template.path.iter();
    path.filter_map(|segment| match segment {
        Segment::Literal(_) => None,
        Segment::Parameter(slot) | Segment::Rest(Some(slot)) => named(*slot),
        Segment::Rest(None) => {
            let mut name = "rest".to_owned();
            while operation.slot(&name).is_some() {
                name.push('_');
            }
            Some(name)
        }
    })
    .collect()
}
