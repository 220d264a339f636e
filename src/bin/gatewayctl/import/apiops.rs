//! The folder that the extractor of APIOps makes of an API Management instance.
//!
//! ```text
//! apis/NAME/apiInformation.json, policy.xml, specification.yaml|json, operations/NAME/policy.xml
//! products/NAME/productInformation.json, policy.xml, apis.json or apis/NAME/productApiInformation.json
//! subscriptions/NAME/subscriptionInformation.json
//! backends/NAME/, named values/NAME/, version sets/NAME/, policy fragments/NAME/policy.xml, policy.xml
//! ```

use super::apim::{ApiResource, PolicyText, ProductResource, Resource, Service};
use super::document::{Node, Place};
use super::files::Files;
use super::report::Report;

/// Whether a folder looks like one.
pub(crate) fn is(files: &Files) -> bool {
    root(files).is_some()
}

/// The folder in which `apis` lies, with its final slash; the shallowest.
fn root(files: &Files) -> Option<String> {
    files
        .content
        .keys()
        .filter_map(|path| {
            let folder = path.strip_suffix("/apiInformation.json")?;
            let (rest, _) = folder.rsplit_once('/')?;
            rest.strip_suffix("apis").filter(|root| root.is_empty() || root.ends_with('/'))
        })
        .min_by_key(|root| root.len())
        .map(str::to_owned)
}

pub(crate) fn read(files: &Files, report: &mut Report) -> Result<Service, String> {
    let Some(root) = root(files) else {
        return Err(
            "has no apis/NAME/apiInformation.json: name the folder that the extractor made".into(),
        );
    };
    let mut service = Service::default();
    for link in &files.links {
        report.lost(
            &Place::file(link),
            "a link, which is not followed",
            "Put the file itself there.",
        );
    }
    let inside = || {
        files.content.iter().filter_map(|(path, bytes)| {
            let parts: Vec<&str> = path.strip_prefix(&root)?.split('/').collect();
            Some((path.as_str(), parts, bytes.as_slice()))
        })
    };
    // What the rest belongs to comes first.
    for (path, parts, bytes) in inside() {
        match parts.as_slice() {
            ["apis", _, "apiInformation.json"] => {
                service.apis.push(ApiResource::new(resource(path, &parts, bytes)?))
            }
            ["products", _, "productInformation.json"] => {
                service.products.push(ProductResource::new(resource(path, &parts, bytes)?));
            }
            _ => {}
        }
    }
    for (path, parts, bytes) in inside() {
        file(path, &parts, bytes, &mut service, report)?;
    }
    Ok(service)
}

fn file(
    path: &str,
    parts: &[&str],
    bytes: &[u8],
    service: &mut Service,
    report: &mut Report,
) -> Result<(), String> {
    match parts {
        ["apis", _, "apiInformation.json"] | ["products", _, "productInformation.json"] => {}
        ["policy.xml"] => service.policy = Some(policy(path, bytes)?),
        ["apis", api, rest @ ..] => {
            let Some(api) = service.api(api) else {
                report.lost(
                    &Place::file(path),
                    "a file of an API without apiInformation.json",
                    "Extract the API again.",
                );
                return Ok(());
            };
            match rest {
                ["policy.xml"] => api.policy = Some(policy(path, bytes)?),
                ["operations", operation, "policy.xml"] => {
                    api.operation_policies.insert((*operation).to_owned(), policy(path, bytes)?);
                }
                [specification] if is_openapi(specification) => {
                    api.specification = Some((path.to_owned(), Node::parse(path, bytes)?));
                }
                ["diagnostics" | "tags" | "releases" | "wikis", ..] => {
                    report.unused(&Place::file(path), "administration of API Management")
                }
                _ => other(path, report),
            }
        }
        ["products", product, rest @ ..] => {
            let Some(product) = service.product(product) else {
                report.lost(
                    &Place::file(path),
                    "a file of a product without productInformation.json",
                    "Extract the product again.",
                );
                return Ok(());
            };
            match rest {
                ["policy.xml"] => product.policy = Some(policy(path, bytes)?),
                ["apis", api, "productApiInformation.json"] => product.apis.push((*api).to_owned()),
                // Earlier versions list them in one file.
                ["apis.json"] => {
                    let list = Node::parse(path, bytes)?;
                    let names = list
                        .items()
                        .iter()
                        .filter_map(|api| api.member_text("name").or_else(|| api.as_text()));
                    product.apis.extend(names.map(str::to_owned));
                }
                ["groups" | "tags" | "wikis", ..] | ["groups.json" | "tags.json"] => {
                    report.unused(&Place::file(path), "administration of API Management");
                }
                _ => other(path, report),
            }
        }
        ["subscriptions", _, "subscriptionInformation.json"] => {
            service.subscriptions.push(resource(path, parts, bytes)?);
        }
        ["named values", _, "namedValueInformation.json"] => {
            let named = resource(path, parts, bytes)?;
            // Policies use the display name.
            let name =
                named.properties.member_text("displayName").unwrap_or(&named.name).to_owned();
            service.named_values.insert(name, named);
        }
        ["backends", name, "backendInformation.json"] => {
            service.backends.insert((*name).to_owned(), resource(path, parts, bytes)?);
        }
        ["version sets", name, "versionSetInformation.json"] => {
            service.version_sets.insert((*name).to_owned(), resource(path, parts, bytes)?);
        }
        ["policy fragments", name, "policy.xml"] => {
            service.fragments.insert((*name).to_owned(), policy(path, bytes)?);
        }
        ["policy fragments", _, "policyFragmentInformation.json"] => {}
        [
            "diagnostics"
            | "loggers"
            | "tags"
            | "groups"
            | "gateways"
            | "users"
            | "workspaces"
            | "authorizationServers",
            ..,
        ] => {
            report.unused(&Place::file(path), "administration of API Management");
        }
        _ => other(path, report),
    }
    Ok(())
}

fn other(path: &str, report: &mut Report) {
    report.lost(
        &Place::file(path),
        "a file that the importer does not know",
        "Look what it says, and carry it over by hand.",
    );
}

fn is_openapi(name: &str) -> bool {
    matches!(name, "specification.yaml" | "specification.yml" | "specification.json")
}

/// The second part of its path is the resource's name.
fn resource(path: &str, parts: &[&str], bytes: &[u8]) -> Result<Resource, String> {
    let document = Node::parse(path, bytes)?;
    let Some(properties) =
        document.member("properties").filter(|node| matches!(node, Node::Map(_)))
    else {
        return Err(format!("{path}: must be an object with \"properties\""));
    };
    let name = parts.get(1).copied().unwrap_or_default().to_owned();
    Ok(Resource { name, place: Place::file(path), properties: properties.clone() })
}

fn policy(path: &str, bytes: &[u8]) -> Result<PolicyText, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("{path}: is not UTF-8 from byte {} on", error.valid_up_to()))?;
    Ok(PolicyText { place: Place::file(path), text: text.to_owned() })
}
