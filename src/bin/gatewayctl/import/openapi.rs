//! Makes an API of an OpenAPI 3 or Swagger 2 document.

#[path = "openapi/body.rs"]
mod body;
#[path = "openapi/parameter.rs"]
mod parameter;
#[path = "openapi/refs.rs"]
mod refs;
#[path = "openapi/security.rs"]
mod security;
#[path = "openapi/server.rs"]
mod server;

use super::Options;
use super::document::{Node, Place};
use super::draft::{Api, Draft, Operation, Parameter, QueryPart};
use super::name::{self, Names};
use super::report::Report;

pub(crate) use body::is_small;
pub(crate) use parameter::allowed;
pub(crate) use security::{is_for_keys, is_query};
pub(crate) use server::normal as normal_url;

use refs::{Documents, Found};

const METHODS: [&str; 9] =
    ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];

/// Which of the two families of documents it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Swagger2,
    OpenApi3,
}

/// None if it is another kind of document.
pub(crate) fn version(document: &Node) -> Result<Option<Version>, String> {
    let says = |name: &str| document.member(name).and_then(Node::scalar);
    match (says("openapi"), says("swagger")) {
        (Some(version), _) if version.starts_with("3.") => Ok(Some(Version::OpenApi3)),
        (Some(version), _) => Err(format!(
            "is OpenAPI {}: 3.x and Swagger 2.0 can be imported",
            version.escape_debug()
        )),
        (None, Some(version)) if matches!(version.as_str(), "2.0" | "2") => {
            Ok(Some(Version::Swagger2))
        }
        (None, Some(version)) => Err(format!(
            "is Swagger {}: 2.0 and OpenAPI 3.x can be imported",
            version.escape_debug()
        )),
        (None, None) => Ok(None),
    }
}

/// One API, from a document that stands alone.
pub(crate) fn import(
    document: &Node,
    file: &str,
    version: Version,
    options: &Options,
    report: &mut Report,
) -> Result<Draft, String> {
    let info = document.member("info");
    let title = info.and_then(|info| info.member_text("title"));
    let slug = options.name.clone().or_else(|| title.and_then(name::slug));
    let name = slug.as_deref().and_then(name::valid).unwrap_or_else(|| "api".to_owned());
    let description = info.and_then(|info| info.member_text("description")).map(summary);
    // One document: its name need not stand at each place.
    let place = Place::default();
    let service_url = match &options.service_url {
        Some(url) => url.clone(),
        None => server::service_url(document, version, report)
            .map_err(|fault| format!("{file}: {fault}"))?,
    };
    let path = options.path.clone().unwrap_or_else(|| name.to_lowercase().replace(['_', '.'], "-"));
    let reader = Reader { document, version, file: "" };
    let keys = security::read(&reader, &name, report);
    let operations = reader.operations(keys.query.as_deref(), report);
    reader.unused(report);
    let api = Api {
        place,
        display_name: title.filter(|title| *title != name).map(str::to_owned),
        description,
        path,
        protocols: Vec::new(),
        service_url,
        subscription_required: true,
        key_header: keys.header,
        key_query: keys.query,
        rate_limit: None,
        operations,
        credentials: keys.credentials,
        name,
    };
    Ok(Draft { apis: vec![api], ..Draft::default() })
}

pub(crate) struct Reader<'d> {
    document: &'d Node,
    version: Version,
    file: &'d str,
}

impl<'d> Reader<'d> {
    /// For an API that API Management describes beside its document.
    pub(crate) fn new(document: &'d Node, file: &'d str, version: Version) -> Self {
        Self { document, version, file }
    }

    fn refs(&self) -> Documents<'d> {
        Documents { root: self.document }
    }

    fn place(&self) -> Place {
        Place::file(self.file)
    }

    pub(crate) fn operations(
        &self,
        key_query: Option<&str>,
        report: &mut Report,
    ) -> Vec<Operation> {
        let mut names = Names::default();
        let mut operations = Vec::new();
        let paths = self.document.member("paths").map(Node::members).unwrap_or_default();
        for (path, item) in paths {
            let place = self.place().key("paths").key(path);
            if path.starts_with("x-") {
                report.unused(&place, "an extension");
                continue;
            }
            let item = match self.refs().resolve(item) {
                Found::Node(item) => item,
                Found::Elsewhere(fault) => {
                    report.lost(&place, format!("a path that {fault}"), refs::ADVICE);
                    continue;
                }
            };
            let shared = item.member("parameters").map(Node::items).unwrap_or_default();
            for (method, operation) in item.members() {
                let place = place.key(method);
                match method.as_str() {
                    "parameters" | "summary" | "description" => {}
                    "$ref" => {}
                    "servers" => report.lost(&place, "servers of one path", server::ADVICE),
                    _ if method.starts_with("x-") => report.unused(&place, "an extension"),
                    _ if METHODS.contains(&method.as_str()) => {
                        let described = Described { path, method, operation, shared, place };
                        operations
                            .extend(self.operation(&described, key_query, &mut names, report));
                    }
                    _ => report.lost(
                        &place,
                        "an unknown member of a path",
                        "Look what it means, and write it into the policy by hand.",
                    ),
                }
            }
        }
        operations
    }

    fn operation(
        &self,
        described: &Described<'_>,
        key_query: Option<&str>,
        names: &mut Names,
        report: &mut Report,
    ) -> Option<Operation> {
        let Described { path, method, operation, shared, place } = described;
        let id = operation.member_text("operationId").map(str::to_owned);
        let wanted = id.unwrap_or_else(|| format!("{method} {}", path.replace(['{', '}'], "")));
        let (path, literals) = match path.split_once('?') {
            Some((path, query)) => (path, query),
            None => (*path, ""),
        };
        let read = parameter::read(self, operation, shared, place, key_query, report);
        let mut parameters: Vec<Parameter> = Vec::new();
        let path = match parameter::path(path, &read, &mut parameters) {
            Ok(path) => path,
            Err(fault) => {
                report.lost(
                    place,
                    format!("an operation whose path {fault}"),
                    "Write the operation by hand, with parameters that are whole segments.",
                );
                return None;
            }
        };
        let mut query: Vec<QueryPart> = literals
            .split('&')
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| QueryPart { name: name.to_owned(), value: value.to_owned() })
            .collect();
        parameter::query(&read, &mut parameters, &mut query, report);
        let text = |name: &str| operation.member_text(name).map(summary);
        let name = names.unique(&wanted, "operation");
        let display_name = text("summary").filter(|summary| *summary != name);
        self.operation_unused(operation, place, report);
        Some(Operation {
            place: place.clone(),
            description: text("description").filter(|text| Some(text) != display_name.as_ref()),
            display_name,
            name,
            method: method.to_uppercase(),
            path,
            query,
            parameters,
            refuse_extra_query: false,
            rewrite: None,
            rate_limit: None,
            request: body::request(self, operation, shared, place, report),
            responses: body::responses(self, operation),
        })
    }

    fn operation_unused(&self, operation: &Node, place: &Place, report: &mut Report) {
        for (name, value) in operation.members() {
            let place = place.key(name);
            match name.as_str() {
                "operationId" | "summary" | "description" | "parameters" | "requestBody" | "responses"
                | "consumes" | "produces" => {}
                "tags" | "externalDocs" | "deprecated" => report.unused(&place, "documentation"),
                "servers" => report.lost(&place, "servers of one operation", server::ADVICE),
                "schemes" => report.unused(&place, "schemes of one operation: those of serviceUrl hold"),
                "callbacks" => report.unused(&place, "callbacks: the backend makes them itself"),
                "security" if value.items().is_empty() => report.lost(
                    &place,
                    "an operation that needs no key: the gateway asks for a subscription for a whole API",
                    "Give it an API of its own with \"subscriptionRequired\": false.",
                ),
                "security" => security::check_operation(self, value, &place, report),
                _ if name.starts_with("x-") => report.unused(&place, "an extension"),
                _ => report.lost(&place, "an unknown member of an operation", "Look what it means, and write it into the policy by hand."),
            }
        }
    }

    pub(crate) fn unused(&self, report: &mut Report) {
        for (name, value) in self.document.members() {
            let place = self.place().key(name);
            match name.as_str() {
                "openapi"
                | "swagger"
                | "info"
                | "servers"
                | "host"
                | "basePath"
                | "schemes"
                | "paths"
                | "security"
                | "securityDefinitions"
                | "parameters"
                | "responses"
                | "consumes"
                | "produces" => {}
                "jsonSchemaDialect" | "$schema" | "$self" | "tags" | "externalDocs" => {
                    report.unused(&place, "documentation")
                }
                "definitions" => report.unused(&place, schemas(value)),
                "components" => {
                    for (name, value) in value.members() {
                        if name == "schemas" {
                            report.unused(&place.key(name), schemas(value));
                        }
                    }
                }
                "webhooks" => report.unused(&place, "webhooks: the backend makes them itself"),
                "x-ms-paths" | "x-ms-parameterized-host" => report.lost(
                    &place,
                    "an extension that changes where calls go",
                    "Write these operations into the policy by hand.",
                ),
                _ if name.starts_with("x-") => report.unused(&place, "an extension"),
                _ => report.lost(
                    &place,
                    "an unknown member of the document",
                    "Look what it means, and write it into the policy by hand.",
                ),
            }
        }
        let info = self.document.member("info").map(Node::members).unwrap_or_default();
        for (name, _) in info {
            if !matches!(name.as_str(), "title" | "description" | "version") {
                report.unused(&self.place().key("info").key(name), "documentation");
            }
        }
    }
}

fn schemas(value: &Node) -> String {
    format!("{} schemas: the gateway does not look into bodies", value.members().len())
}

/// An operation where it stands.
struct Described<'d> {
    path: &'d str,
    method: &'d str,
    operation: &'d Node,
    /// The parameters of its path.
    shared: &'d [Node],
    place: Place,
}

/// The first paragraph, in one line, and not longer than a portal shows.
pub(crate) fn summary(text: &str) -> String {
    const LONGEST: usize = 300;
    let paragraph: Vec<&str> =
        text.trim().lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let line = paragraph.join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    let mut short: String = line.chars().take(LONGEST).collect();
    if let Some(end) = short.rfind(' ') {
        short.truncate(end);
    }
    short + " ..."
}
