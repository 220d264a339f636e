//! The catalogue: which APIs there are, with their operations, and in which products.

use serde_json::{Map, Value, json};

use crate::policy::limit::{Kind, Limit};
use crate::policy::subscription::Product;
use crate::policy::{Api, Operation, Policy, Protocol};

use super::written::{Written, WrittenApi, WrittenOperation};

pub(super) fn render(policy: &Policy, written: &Written<'_>) -> Value {
    let apis = policy.apis.iter().zip(&written.apis).enumerate();
    let apis = apis.map(|(place, (api, written))| self::api(policy, place, api, written));
    let products = policy.products.iter().zip(&written.products).map(|(product, config)| {
        let apis = product.apis.iter().filter_map(|place| Some(&policy.apis.get(*place)?.name));
        let mut entry = titled(&product.name, &config.display_name, &config.description);
        entry.insert("apis".into(), apis.map(|name| Value::from(&**name)).collect());
        for limit in &product.limits {
            let key = match limit.kind {
                Kind::Rate => "rateLimit",
                Kind::Quota => "quota",
            };
            entry.insert(key.into(), self::limit(limit));
        }
        Value::from(entry)
    });
    json!({ "apis": apis.collect::<Vec<_>>(), "products": products.collect::<Vec<_>>() })
}

fn api(policy: &Policy, place: usize, api: &Api, written: &WrittenApi<'_>) -> Value {
    let WrittenApi { config, operations } = written;
    let mut entry = titled(&api.name, &config.display_name, &config.description);
    let protocols = api.protocols.iter().map(|protocol| match protocol {
        Protocol::Http => "http",
        Protocol::Https => "https",
    });
    let operations = api.operations.iter().zip(operations);
    let has_it = |product: &&Product| product.apis.contains(&place);
    let products = policy.products.iter().filter(has_it).map(|product| &*product.name);
    entry.extend([
        ("path".to_owned(), json!(api.path)),
        ("protocols".to_owned(), protocols.collect()),
        ("subscriptionRequired".to_owned(), json!(api.subscription_required)),
        (
            "subscriptionKeyParameterNames".to_owned(),
            json!({ "header": api.key_names.header_written, "query": api.key_names.query }),
        ),
        ("operations".to_owned(), operations.map(|(o, written)| operation(o, written)).collect()),
        ("openapi".to_owned(), json!(format!("apis/{}/openapi.json", api.name))),
        ("products".to_owned(), products.collect()),
    ]);
    if let Some(limit) = &api.rate_limit {
        entry.insert("rateLimit".into(), self::limit(limit));
    }
    entry.into()
}

fn operation(operation: &Operation, written: &WrittenOperation<'_>) -> Value {
    let config = &written.config;
    let mut entry = titled(&operation.name, &config.display_name, &config.description);
    entry.insert("method".into(), json!(operation.method));
    entry.insert("urlTemplate".into(), json!(operation.url_template()));
    entry.into()
}

/// What is called by its name has that for a title.
fn titled(name: &str, title: &Option<String>, description: &Option<String>) -> Map<String, Value> {
    let title = title.as_deref().unwrap_or(name);
    let description = description.as_deref().unwrap_or_default();
    Map::from_iter([
        ("name".to_owned(), json!(name)),
        ("displayName".to_owned(), json!(title)),
        ("description".to_owned(), json!(description)),
    ])
}

fn limit(limit: &Limit) -> Value {
    json!({ "calls": limit.calls, "renewalPeriod": limit.period / 1000 })
}
