//! API Management's resources in an ARM template.
//!
//! A resource's type says what it is, and its name, without the service, whose it is. Resources may
//! nest. Expressions are evaluated as far as the template itself has their values.

#[path = "arm/expression.rs"]
mod expression;

use super::apim::{ApiResource, PolicyText, ProductResource, Resource, Service};
use super::document::{Node, Place};
use super::report::Report;

use expression::Template;

const SERVICE: &str = "Microsoft.ApiManagement/service";
/// Nested resources of nested resources: API Management has three.
const DEPTH: usize = 6;

/// Whether a document looks like a template.
pub(crate) fn is(document: &Node) -> bool {
    let schema = document.member_text("$schema").unwrap_or_default();
    schema.contains("deploymentTemplate") || document.member("resources").is_some()
}

/// A resource with its place, its type behind the service's, and its names behind the service's.
struct Found<'d> {
    place: Place,
    kind: String,
    names: Vec<String>,
    node: &'d Node,
}

pub(crate) fn read(document: &Node, report: &mut Report) -> Result<Service, String> {
    let template = Template::new(document);
    let mut found = Vec::new();
    let Some(resources) = document.member("resources") else {
        return Err("has no \"resources\"".into());
    };
    let place = Place::default().key("resources");
    collect(resources, &place, None, &template, DEPTH, &mut found, report);
    let mut service = Service::default();
    // What the rest belongs to comes first.
    found.sort_by_key(|found| !matches!(found.kind.as_str(), "apis" | "products"));
    for Found { place, kind, names, node } in found {
        let mut properties = node.member("properties").cloned().unwrap_or(Node::Map(Vec::new()));
        let at = place.key("properties");
        template.evaluate_all(&mut properties, &at, report);
        let name = names.last().cloned().unwrap_or_default();
        let resource = Resource { name, place: at, properties };
        add(&kind, &names, resource, &mut service, report)?;
    }
    Ok(service)
}

fn collect<'d>(
    resources: &'d Node,
    place: &Place,
    parent: Option<(&str, &[String])>,
    template: &Template<'_>,
    depth: usize,
    found: &mut Vec<Found<'d>>,
    report: &mut Report,
) {
    // Newer templates name their resources.
    let listed: Vec<(Place, &Node)> = match resources {
        Node::Map(members) => members.iter().map(|(name, node)| (place.key(name), node)).collect(),
        _ => resources.items().iter().enumerate().map(|(i, node)| (place.index(i), node)).collect(),
    };
    for (place, node) in listed {
        let kind = node.member_text("type").unwrap_or_default();
        let (kind, names) = match parent {
            Some((parent, names)) if !kind.contains('.') => {
                let own = template.text(node.member_text("name").unwrap_or_default());
                let mut names = names.to_vec();
                names.extend(own.split('/').map(str::to_owned));
                (format!("{parent}/{kind}"), names)
            }
            _ => {
                let name = template.text(node.member_text("name").unwrap_or_default());
                (kind.to_owned(), name.split('/').map(str::to_owned).collect())
            }
        };
        let inner = kind.strip_prefix(SERVICE).map(|kind| kind.trim_start_matches('/').to_owned());
        match inner {
            None => report.unused(&place, "a resource that is not API Management's"),
            Some(inner) => {
                // The service's own name is the first.
                let own = names.get(1..).unwrap_or_default().to_vec();
                if !inner.is_empty() {
                    found.push(Found { place: place.clone(), kind: inner, names: own, node });
                }
                if let (Some(nested), true) = (node.member("resources"), depth > 0) {
                    collect(
                        nested,
                        &place.key("resources"),
                        Some((&kind, &names)),
                        template,
                        depth.saturating_sub(1),
                        found,
                        report,
                    );
                }
            }
        }
    }
}

fn add(
    kind: &str,
    names: &[String],
    resource: Resource,
    service: &mut Service,
    report: &mut Report,
) -> Result<(), String> {
    const OWNER: &str = "Export what it belongs to with it.";
    let first = names.first().map(String::as_str).unwrap_or_default();
    let place = resource.place.clone();
    match kind {
        "apis" => {
            let mut api = ApiResource::new(resource);
            specification(&mut api, report)?;
            service.apis.push(api);
        }
        "products" => service.products.push(ProductResource::new(resource)),
        "subscriptions" => service.subscriptions.push(resource),
        "namedValues" | "properties" => {
            let name =
                resource.properties.member_text("displayName").unwrap_or(&resource.name).to_owned();
            service.named_values.insert(name, resource);
        }
        "backends" => {
            service.backends.insert(resource.name.clone(), resource);
        }
        "apiVersionSets" | "api-version-sets" => {
            service.version_sets.insert(resource.name.clone(), resource);
        }
        "policies" => service.policy = policy(&resource, report),
        "policyFragments" => {
            let name = resource.name.clone();
            service.fragments.extend(policy(&resource, report).map(|policy| (name, policy)));
        }
        "apis/operations" | "apis/policies" | "apis/operations/policies" => {
            let text = if kind.ends_with("policies") { policy(&resource, report) } else { None };
            let Some(api) = service.api(first) else {
                report.lost(&place, "a part of an API that is not in the template", OWNER);
                return Ok(());
            };
            match kind {
                "apis/operations" => api.operations.push(resource),
                "apis/policies" => api.policy = text,
                _ => {
                    let operation = names.get(1).cloned().unwrap_or_default();
                    api.operation_policies.extend(text.map(|text| (operation, text)));
                }
            }
        }
        "products/apis" | "products/policies" | "products/apiLinks" => {
            let text = if kind.ends_with("policies") { policy(&resource, report) } else { None };
            let Some(product) = service.product(first) else {
                report.lost(&place, "a part of a product that is not in the template", OWNER);
                return Ok(());
            };
            match kind {
                "products/policies" => product.policy = text,
                "products/apis" => product.apis.push(resource.name),
                _ => {
                    let api = resource.properties.member_text("apiId").map(super::apim::last_part);
                    product.apis.extend(api.map(str::to_owned));
                }
            }
        }
        "users"
        | "groups"
        | "groups/users"
        | "loggers"
        | "diagnostics"
        | "diagnostics/loggers"
        | "tags"
        | "templates"
        | "notifications"
        | "identityProviders"
        | "portalsettings"
        | "portalconfigs"
        | "portalRevisions"
        | "apis/diagnostics"
        | "apis/schemas"
        | "apis/tags"
        | "apis/releases"
        | "apis/tagDescriptions"
        | "apis/operations/tags"
        | "apis/wikis"
        | "products/groups"
        | "products/groupLinks"
        | "products/tags"
        | "products/wikis"
        | "certificates"
        | "caches"
        | "schemas"
        | "contentTypes"
        | "contentTypes/contentItems"
        | "authorizationServers"
        | "openidConnectProviders"
        | "gateways"
        | "gateways/apis"
        | "apis/diagnostics/loggers" => {
            report.unused(&place, format!("{kind}: administration of API Management"));
        }
        _ => report.lost(
            &place,
            format!("a resource of the type {}", kind.escape_debug()),
            "Look what it does, and carry it over by hand.",
        ),
    }
    Ok(())
}

/// An API may be described by a whole document.
fn specification(api: &mut ApiResource, report: &mut Report) -> Result<(), String> {
    let properties = &api.resource.properties;
    let Some(format) = properties.member_text("format").map(str::to_owned) else { return Ok(()) };
    let place = api.resource.place.key("value");
    match format.as_str() {
        "openapi" | "openapi+json" | "swagger-json" => {
            let at = place.to_string();
            let text = properties.member_text("value").unwrap_or_default();
            api.specification = Some((at.clone(), Node::parse(&at, text.as_bytes())?));
        }
        _ => report.lost(
            &place,
            format!("an API described by {}", format.escape_debug()),
            "Export its operations, or import its OpenAPI document by itself.",
        ),
    }
    Ok(())
}

fn policy(resource: &Resource, report: &mut Report) -> Option<PolicyText> {
    let place = resource.place.key("value");
    let format = resource
        .properties
        .member_text("format")
        .or_else(|| resource.properties.member_text("contentFormat"));
    let text = resource
        .properties
        .member_text("value")
        .or_else(|| resource.properties.member_text("policyContent"));
    match (format.unwrap_or("xml"), text) {
        ("xml" | "rawxml", Some(text)) => Some(PolicyText { place, text: text.to_owned() }),
        _ => {
            report.lost(
                &place,
                "a policy that is not in the template",
                "Export it in the format xml or rawxml.",
            );
            None
        }
    }
}
