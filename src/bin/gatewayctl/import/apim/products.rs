//! Products and subscriptions.

use azureml_gateway::policy::subscription::KeyHash;

use super::{Resource, Service, last_part};
use crate::import::document::{Node, Place};
use crate::import::draft::{Draft, Product, Subscription};
use crate::import::name;
use crate::import::report::Report;

const STATES: [&str; 6] = ["active", "suspended", "submitted", "rejected", "cancelled", "expired"];

pub(super) fn read(service: &Service, draft: &mut Draft, report: &mut Report) {
    let known: Vec<String> = draft.apis.iter().map(|api| api.name.clone()).collect();
    for product in &service.products {
        let Resource { name, place, properties } = &product.resource;
        let mut apis = Vec::new();
        for api in product.apis.iter().filter_map(|api| name::valid(api)) {
            if known.contains(&api) && !apis.contains(&api) {
                apis.push(api);
            }
        }
        if apis.is_empty() {
            report.lost(
                place,
                "a product without an API of this policy",
                "Add it when it has one.",
            );
            continue;
        }
        check_product(properties, place, &apis, draft, report);
        let Some(name) = name::valid(name) else { continue };
        draft.products.push(Product {
            place: place.clone(),
            display_name: properties
                .member_text("displayName")
                .filter(|title| *title != name)
                .map(str::to_owned),
            description: properties.member_text("description").map(crate::import::openapi::summary),
            name,
            apis,
            rate_limit: None,
            quota: None,
        });
    }
    for resource in &service.subscriptions {
        draft.subscriptions.extend(subscription(resource, draft, report));
    }
}

/// An open product lets everybody call its APIs.
fn check_product(
    properties: &Node,
    place: &Place,
    apis: &[String],
    draft: &mut Draft,
    report: &mut Report,
) {
    for (name, value) in properties.members() {
        let place = place.key(name);
        match name.as_str() {
            "subscriptionRequired" if value.as_bool() == Some(false) => {
                for api in draft.apis.iter_mut().filter(|api| apis.contains(&api.name)) {
                    api.subscription_required = false;
                }
            }
            "approvalRequired" if value.as_bool() == Some(true) => {
                report.unused(&place, "approval: whoever writes the policy approves");
            }
            "subscriptionsLimit" if *value != Node::Null => {
                report.unused(&place, "the number of a user's subscriptions")
            }
            "terms" if value.as_text().is_some_and(|text| !text.is_empty()) => {
                report.unused(&place, "documentation")
            }
            _ => {}
        }
    }
}

fn subscription(resource: &Resource, draft: &Draft, report: &mut Report) -> Option<Subscription> {
    let Resource { name, place, properties } = resource;
    let text = |member: &str| properties.member_text(member);
    let Some(scope) = scope(properties, draft) else {
        report.lost(
            place,
            "a subscription of what is not in the policy",
            "Leave it out, or import what it subscribes to with it.",
        );
        return None;
    };
    let state = text("state").map(str::to_ascii_lowercase);
    let known = match &state {
        Some(state) => STATES.contains(&state.as_str()),
        // An expression without a value must not make it active.
        None => properties.member("state").is_none(),
    };
    if !known {
        report.lost(
            &place.key("state"),
            "a state that the gateway does not know: it is suspended",
            "Write its state by hand.",
        );
    }
    if properties.member("allowTracing").and_then(Node::as_bool) == Some(true) {
        report.lost(
            &place.key("allowTracing"),
            "tracing",
            "Envoy's access log has the outcome of each call.",
        );
    }
    let key = |member: &str| {
        // A template may have keys, though an export has none; the policy knows only their hash.
        text(member).filter(|key| key.trim() == *key).map(|key| KeyHash::of(key.as_bytes()).hex())
    };
    let date = |member: &str| text(member).map(str::to_owned);
    let (primary, secondary) = match (key("primaryKey"), key("secondaryKey")) {
        (None, secondary) => (secondary, None),
        keys => keys,
    };
    let name = name::valid(name)?;
    Some(Subscription {
        place: place.clone(),
        display_name: text("displayName").filter(|title| *title != name).map(str::to_owned),
        name,
        scope,
        secondary: secondary.filter(|secondary| Some(secondary) != primary.as_ref()),
        primary,
        state: if known {
            state.filter(|state| state != "active")
        } else {
            Some("suspended".into())
        },
        start_date: date("startDate"),
        expiration_date: date("expirationDate"),
        added: false,
    })
}

/// `/products/NAME`, `/apis/NAME` or `/apis`, from a resource id or the end of one.
fn scope(properties: &Node, draft: &Draft) -> Option<String> {
    let id = match (properties.member_text("scope"), properties.member_text("productId")) {
        (Some(scope), _) => scope.trim_end_matches('/').to_owned(),
        (None, Some(product)) => format!("/products/{}", last_part(product)),
        (None, None) => return None,
    };
    // An id of Azure begins with /subscriptions/ID/resourceGroups/...: what matters is behind the service.
    let own = match id.split_once("/service/") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, rest)| rest),
        None => id.trim_start_matches('/'),
    };
    match own.split_once('/') {
        _ if own.is_empty() || own == "apis" => Some("/apis".to_owned()),
        Some(("products", name)) => {
            let name = name::valid(name)?;
            draft
                .products
                .iter()
                .any(|product| product.name == name)
                .then(|| format!("/products/{name}"))
        }
        Some(("apis", name)) => {
            let name = name::valid(name)?;
            draft.apis.iter().any(|api| api.name == name).then(|| format!("/apis/{name}"))
        }
        _ => None,
    }
}
