//! API Management's resources, from whichever export, as a draft.
//!
//! `arm.rs` and `apiops.rs` find the resources; this file makes APIs, products and subscriptions of
//! them, and `policies` carries their policies over.

#[path = "apim/advice.rs"]
mod advice;
#[path = "apim/api.rs"]
mod api;
#[path = "apim/credentials.rs"]
mod credentials;
#[path = "apim/envoy.rs"]
mod envoy;
#[path = "apim/limits.rs"]
mod limits;
#[path = "apim/policies.rs"]
mod policies;
#[path = "apim/products.rs"]
mod products;
#[path = "apim/rewrite.rs"]
mod rewrite;
#[path = "apim/value.rs"]
mod value;
#[path = "apim/xml.rs"]
mod xml;

use std::collections::BTreeMap;

use super::Options;
use super::document::{Node, Place};
use super::draft::Draft;
use super::report::Report;

/// Everything of one API Management instance that matters here.
#[derive(Default)]
pub(crate) struct Service {
    pub(crate) apis: Vec<ApiResource>,
    pub(crate) products: Vec<ProductResource>,
    pub(crate) subscriptions: Vec<Resource>,
    /// By their names in policies.
    pub(crate) named_values: BTreeMap<String, Resource>,
    pub(crate) backends: BTreeMap<String, Resource>,
    pub(crate) version_sets: BTreeMap<String, Resource>,
    pub(crate) fragments: BTreeMap<String, PolicyText>,
    pub(crate) policy: Option<PolicyText>,
}

/// A resource's name and properties.
pub(crate) struct Resource {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) properties: Node,
}

pub(crate) struct ApiResource {
    pub(crate) resource: Resource,
    pub(crate) operations: Vec<Resource>,
    /// An OpenAPI document, with its file.
    pub(crate) specification: Option<(String, Node)>,
    pub(crate) policy: Option<PolicyText>,
    /// By the operation's name.
    pub(crate) operation_policies: BTreeMap<String, PolicyText>,
}

pub(crate) struct ProductResource {
    pub(crate) resource: Resource,
    pub(crate) apis: Vec<String>,
    pub(crate) policy: Option<PolicyText>,
}

/// A policy document as it stands in the source.
#[derive(Clone)]
pub(crate) struct PolicyText {
    pub(crate) place: Place,
    pub(crate) text: String,
}

impl Service {
    pub(crate) fn draft(&self, options: &Options, report: &mut Report) -> Result<Draft, String> {
        let mut draft = Draft::default();
        for resource in &self.apis {
            draft.apis.extend(api::read(self, resource, report)?);
        }
        if draft.apis.is_empty() {
            return Err("has no API that the gateway could serve".into());
        }
        products::read(self, &mut draft, report);
        policies::apply(self, &mut draft, report)?;
        draft.apis.retain_mut(|api| {
            if api.service_url.is_empty() {
                api.service_url = options.service_url.clone().unwrap_or_default();
            }
            if api.service_url.is_empty() {
                report.lost(
                    &api.place,
                    "an API whose backend's URL is not known",
                    "Give it one in the source (\"serviceUrl\"), or with --service-url for all that have none.",
                );
            }
            !api.service_url.is_empty()
        });
        if draft.apis.is_empty() {
            return Err("no API of it has a backend's URL: say --service-url URL".into());
        }
        Ok(draft)
    }

    pub(crate) fn api(&mut self, name: &str) -> Option<&mut ApiResource> {
        self.apis.iter_mut().find(|api| api.resource.name == name)
    }

    pub(crate) fn product(&mut self, name: &str) -> Option<&mut ProductResource> {
        self.products.iter_mut().find(|product| product.resource.name == name)
    }
}

impl ApiResource {
    pub(crate) fn new(resource: Resource) -> Self {
        Self {
            resource,
            operations: Vec::new(),
            specification: None,
            policy: None,
            operation_policies: BTreeMap::new(),
        }
    }
}

impl ProductResource {
    pub(crate) fn new(resource: Resource) -> Self {
        Self { resource, apis: Vec::new(), policy: None }
    }
}

/// The last part of a resource id, as `/apiVersionSets/NAME`.
pub(crate) fn last_part(id: &str) -> &str {
    id.trim_end_matches('/').rsplit('/').next().unwrap_or(id)
}
