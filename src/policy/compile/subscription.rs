//! Compiles products and subscriptions.

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::policy::Api;
use crate::policy::config::{PolicyConfig, ProductConfig, SubscriptionConfig, SubscriptionState};
use crate::policy::limit::{Kind, Limit};
use crate::policy::problem::{JsonPath, Problems};
use crate::policy::read;
use crate::policy::subscription::{KeyHash, Product, Scope, Subscription, Subscriptions};

use super::{NAME_RULE, is_name};

const KEY_FORMS: &str = "must be { \"sha256\": HASH }, 64 hexadecimal digits as gatewayctl key hash \
                         prints them, or { \"value\": KEY }";

/// What the names of a policy stand for.
struct Names<'p> {
    apis: &'p [(usize, Api)],
    products: Vec<Product>,
    /// Every API and product has been read: a name that is none of them is a mistake.
    complete: bool,
}

pub(super) fn compile(
    config: &PolicyConfig<'_>,
    apis: &[(usize, Api)],
    problems: &mut Problems,
) -> (Vec<Product>, Subscriptions) {
    let root = JsonPath::default();
    let products = products(config, apis, &root.key("products"), problems);
    let complete = apis.len() == config.apis.len() && products.len() == config.products.len();
    let names = Names { apis, products, complete };
    let path = root.key("subscriptions");
    let mut list: Vec<(Subscription, Vec<KeyHash>)> = Vec::new();
    let mut taken: HashSet<String> = HashSet::new();
    let mut keys: HashMap<KeyHash, JsonPath> = HashMap::new();
    for (i, raw) in config.subscriptions.iter().enumerate() {
        let path = path.index(i);
        let Some(config) = read::object_unquoted::<SubscriptionConfig<'_>>(raw, &path, problems)
        else {
            continue;
        };
        if !taken.insert(config.name.clone()) {
            problems.error(&path.key("name"), "is the name of another subscription too");
        }
        let own =
            [("primaryKey", Some(config.primary_key)), ("secondaryKey", config.secondary_key)];
        let mut hashes = Vec::new();
        for (name, raw) in own {
            let path = path.key(name);
            let Some(hash) = raw.and_then(|raw| key(raw, &path, problems)) else { continue };
            if let Some(other) = keys.insert(hash.clone(), path.clone()) {
                problems.error(&path, format!("is the same key as {other}: each needs its own"));
            }
            hashes.push(hash);
        }
        if let Some(subscription) = subscription(&config, &names, &path, problems) {
            list.push((subscription, hashes));
        }
    }
    // Of what has a mistake it is not known whom it would reach.
    if names.complete && list.len() == config.subscriptions.len() {
        check_reach(&names, &list, &root, problems);
    }
    (names.products, Subscriptions::new(list))
}

fn products(
    config: &PolicyConfig<'_>,
    apis: &[(usize, Api)],
    path: &JsonPath,
    problems: &mut Problems,
) -> Vec<Product> {
    let mut products: Vec<Product> = Vec::new();
    let policy_apis = config.apis.len();
    for (i, raw) in config.products.iter().enumerate() {
        let path = path.index(i);
        let Some(config) = read::object::<ProductConfig>(raw, &path, problems) else {
            continue;
        };
        if !is_name(&config.name) {
            problems.error(&path.key("name"), NAME_RULE);
        }
        if products.iter().any(|other| *other.name == *config.name) {
            problems.error(&path.key("name"), "is the name of another product too");
        }
        let owner = format!("product/{}", config.name);
        let limits = [
            (Kind::Rate, "rateLimit", config.rate_limit.as_ref()),
            (Kind::Quota, "quota", config.quota.as_ref()),
        ];
        let limits = limits.into_iter().filter_map(|(kind, key, limit)| {
            Limit::compile(limit.map(|o| &o.0), kind, &owner, &path.key(key), problems)
        });
        let limits = limits.collect();
        if config.apis.is_empty() {
            problems.error(&path.key("apis"), "must list at least one API");
        }
        let places = config.apis.iter().enumerate().filter_map(|(n, name)| {
            let place = apis.iter().position(|(_, api)| *api.name == **name);
            if place.is_none() && apis.len() == policy_apis {
                problems.error(
                    &path.key("apis").index(n),
                    format!("names no API: there is no \"{name}\""),
                );
            }
            place
        });
        products.push(Product {
            apis: places.collect(),
            limits,
            name: config.name.as_str().into(),
        });
    }
    products
}

fn subscription(
    config: &SubscriptionConfig<'_>,
    names: &Names<'_>,
    path: &JsonPath,
    problems: &mut Problems,
) -> Option<Subscription> {
    if !is_name(&config.name) {
        problems.error(&path.key("name"), NAME_RULE);
    }
    let start = date(config.start_date.as_deref(), &path.key("startDate"), problems);
    let expiration = date(config.expiration_date.as_deref(), &path.key("expirationDate"), problems);
    if let (Some(start), Some(expiration)) = (start, expiration)
        && expiration <= start
    {
        problems.error(&path.key("expirationDate"), "is not after startDate");
    }
    let scope = match scope(&config.scope, names) {
        Ok(scope) => scope?,
        Err(fault) => {
            problems.error(&path.key("scope"), fault);
            return None;
        }
    };
    Some(Subscription {
        name: config.name.as_str().into(),
        scope,
        state: config.state,
        // From the first whole second on.
        start: start
            .map(|start| start.unix_timestamp().saturating_add(i64::from(start.nanosecond() != 0))),
        expiration: expiration.map(OffsetDateTime::unix_timestamp),
        allow_tracing: config.allow_tracing,
    })
}

/// None where what it names has a mistake of its own. What stands there is not quoted: it may be a
/// key in the wrong place.
fn scope(text: &str, names: &Names<'_>) -> Result<Option<Scope>, &'static str> {
    if text == "/apis" {
        return Ok(Some(Scope::All));
    }
    let (found, fault) = if let Some(name) = text.strip_prefix("/apis/") {
        let place = names.apis.iter().position(|(_, api)| *api.name == *name);
        (place.map(Scope::Api), "names no API of this policy")
    } else if let Some(name) = text.strip_prefix("/products/") {
        let place = names.products.iter().position(|product| *product.name == *name);
        (place.map(Scope::Product), "names no product of this policy")
    } else {
        return Err("must be \"/products/NAME\", \"/apis/NAME\" or \"/apis\"");
    };
    if found.is_none() && names.complete { Err(fault) } else { Ok(found) }
}

/// Reads a key's hash. By hand, so that no message quotes what stands there.
fn key(raw: &RawValue, path: &JsonPath, problems: &mut Problems) -> Option<KeyHash> {
    let members = read::members(raw);
    let member = match members.as_slice() {
        [(name, value)] => {
            serde_json::from_str::<String>(value.get()).ok().map(|v| (name.as_str(), v))
        }
        _ => None,
    };
    match member {
        Some(("sha256", hex)) => {
            let hash = KeyHash::parse(&hex);
            match &hash {
                None => problems.error(&path.key("sha256"), "must be 64 hexadecimal digits"),
                Some(hash) if hash.is_placeholder() => problems.warning(
                    &path.key("sha256"),
                    "is a placeholder, which no key opens: gatewayctl key new makes a key and its hash",
                ),
                Some(_) => {}
            }
            hash
        }
        Some(("value", key)) if key.trim() != key => {
            problems.error(&path.key("value"), "must not begin or end with white space");
            None
        }
        Some(("value", key)) if !key.is_empty() => {
            problems.warning(
                &path.key("value"),
                "stands in the file, and Envoy's configuration dump shows it: use { \"sha256\": HASH }",
            );
            Some(KeyHash::of(key.as_bytes()))
        }
        _ => {
            problems.error(path, KEY_FORMS);
            None
        }
    }
}

fn date(text: Option<&str>, path: &JsonPath, problems: &mut Problems) -> Option<OffsetDateTime> {
    let date = OffsetDateTime::parse(text?, &Rfc3339);
    if date.is_err() {
        problems.error(path, "must be a date and time as \"2026-01-01T00:00:00Z\"");
    }
    date.ok()
}

/// An API that nobody can call, and a product that nobody has, are worth a word.
fn check_reach(
    names: &Names<'_>,
    list: &[(Subscription, Vec<KeyHash>)],
    root: &JsonPath,
    problems: &mut Problems,
) {
    let scopes = || list.iter().map(|(subscription, _)| subscription.scope);
    let active = || {
        let active = |(s, _): &&(Subscription, Vec<KeyHash>)| s.state == SubscriptionState::Active;
        list.iter().filter(active).map(|(subscription, _)| subscription.scope)
    };
    for (place, (i, api)) in names.apis.iter().enumerate() {
        if api.subscription_required
            && !scopes().any(|scope| reaches(scope, place, &names.products))
        {
            problems.error(
                &root.key("apis").index(*i).key("subscriptionRequired"),
                "is true, as it is by default, but no subscription reaches this API: add one, or \
                 write false to let everybody call it",
            );
        } else if api.subscription_required
            && !active().any(|scope| reaches(scope, place, &names.products))
        {
            problems.warning(
                &root.key("apis").index(*i),
                "is reached by no active subscription, so nobody can call it",
            );
        }
    }
    for (i, product) in names.products.iter().enumerate() {
        if !scopes().any(|scope| scope == Scope::Product(i)) {
            problems.warning(
                &root.key("products").index(i),
                format!("\"{}\" has no subscription", product.name),
            );
        }
    }
}

pub(crate) fn reaches(scope: Scope, api: usize, products: &[Product]) -> bool {
    match scope {
        Scope::All => true,
        Scope::Api(place) => place == api,
        Scope::Product(place) => {
            products.get(place).is_some_and(|product| product.apis.contains(&api))
        }
    }
}
