//! Compiles one API.

use crate::policy::backend::{Backend, Backends, BaseUrl, Credentials};
use crate::policy::config::{ApiConfig, KeyNamesConfig, Protocol};
use crate::policy::limit::{Kind, Limit};
use crate::policy::overlap;
use crate::policy::problem::{JsonPath, Problems};
use crate::policy::read;
use crate::policy::routes::Routes;
use crate::policy::{Api, HeaderName, KEY_HEADER, KeyNames, Mode, Operation};

use super::{Environment, NAME_RULE, SUFFIX_RULE, backend, is_name, is_suffix, operation};

pub(super) fn compile(
    config: &ApiConfig<'_>,
    path: &JsonPath,
    environment: Environment<'_>,
    problems: &mut Problems,
) -> Option<Api> {
    if !is_name(&config.name) {
        problems.error(&path.key("name"), NAME_RULE);
    }
    if !is_suffix(&config.path) {
        problems.error(&path.key("path"), SUFFIX_RULE);
    }
    let rate_limit = Limit::compile(
        config.rate_limit.as_ref().map(|o| &o.0),
        Kind::Rate,
        &format!("api/{}", config.name),
        &path.key("rateLimit"),
        problems,
    );
    let protocols = config.protocols.clone().unwrap_or_else(|| vec![Protocol::Https]);
    if protocols.is_empty() {
        problems.error(&path.key("protocols"), "must list \"http\", \"https\" or both");
    }
    let service_url = BaseUrl::parse(&config.service_url)
        .map_err(|fault| problems.error(&path.key("serviceUrl"), fault))
        .ok();
    let key_names =
        key_names(config.subscription_key_parameter_names.as_ref().map(|o| &o.0), path, problems);
    let operations = operations(config, path, key_names.as_ref(), problems);
    let backends =
        backend::compile(config, service_url.as_ref(), &operations, path, environment, problems);

    let (key_names, backends) = (key_names?, backends?);
    let callers = |backend: &Backend| matches!(backend.credentials, Credentials::Caller);
    if key_names.header.is(b"authorization") && backends.iter().any(callers) {
        problems.error(
            &path.key("subscriptionKeyParameterNames").key("header"),
            "is the header that a backend with \"credentials\": \"caller\" takes from the caller: the \
             subscription key needs another",
        );
    }
    warn_of_shadow(config, &operations, &backends, path, problems);
    let limited = rate_limit.is_some() || operations.iter().any(|(_, o)| o.rate_limit.is_some());
    if limited && config.subscription_required == Some(false) {
        problems.warning(
            path,
            "has a rate limit but asks for no subscription: only calls with a key are counted",
        );
    }
    let operations: Vec<Operation> = operations
        .into_iter()
        .map(|(_, mut operation)| {
            let slot = |name: &str| operation.slot(name);
            operation.backend_tables = backends.tables_for(slot);
            operation
        })
        .collect();
    let routes = Routes::new(&operations)
        .map_err(|error| problems.error(&path.key("operations"), error.to_string()))
        .ok()?;
    Some(Api {
        name: config.name.as_str().into(),
        path: config.path.as_str().into(),
        protocols,
        subscription_required: config.subscription_required.unwrap_or(true),
        key_names,
        compatibility: config.compatibility,
        error_format: config.error_format,
        rate_limit,
        operations,
        routes,
        backends,
    })
}

fn key_names(
    config: Option<&KeyNamesConfig>,
    path: &JsonPath,
    problems: &mut Problems,
) -> Option<KeyNames> {
    let path = path.key("subscriptionKeyParameterNames");
    let written = config.and_then(|c| c.header.as_deref()).unwrap_or(KEY_HEADER);
    let query = config.and_then(|c| c.query.as_deref()).unwrap_or("subscription-key");
    let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if query.is_empty() || !query.bytes().all(name) {
        problems.error(&path.key("query"), "must be letters, digits, \"-\", \"_\" or \".\"");
    }
    if written.contains('_') {
        problems.error(&path.key("header"), "must not have \"_\": Envoy refuses such headers");
    }
    let Some(header) = HeaderName::parse(written).filter(HeaderName::is_for_keys) else {
        problems.error(
            &path.key("header"),
            "must be the name of a header, and one that HTTP, Envoy and the gateway do not need",
        );
        return None;
    };
    Some(KeyNames { header, header_written: written.into(), query: query.into() })
}

fn operations(
    config: &ApiConfig<'_>,
    path: &JsonPath,
    key_names: Option<&KeyNames>,
    problems: &mut Problems,
) -> Vec<(usize, Operation)> {
    let path = path.key("operations");
    if config.operations.is_empty() {
        problems.error(&path, "must have at least one operation");
    }
    let mut operations: Vec<(usize, Operation)> = Vec::new();
    let api = config.name.as_str();
    for (i, raw) in config.operations.iter().enumerate() {
        let path = path.index(i);
        let Some(config) = read::object(raw, &path, problems) else { continue };
        let Some(operation) = operation::compile(&config, api, &path, key_names, problems) else {
            continue;
        };
        operations.push((i, operation));
    }
    check_operations(&operations, &path, problems);
    operations
}

/// Each operation needs a name of its own, and calls that are its alone.
fn check_operations(operations: &[(usize, Operation)], path: &JsonPath, problems: &mut Problems) {
    for (n, (i, operation)) in operations.iter().enumerate() {
        let covering = operations.iter().find(|(_, other)| {
            other.specificity > operation.specificity && overlap::covers(other, operation)
        });
        if let Some((other, _)) = covering {
            let message = format!(
                "is never reached: {} takes every call of it, and is more specific",
                path.index(*other).key("urlTemplate")
            );
            problems.error(&path.index(*i).key("urlTemplate"), message);
        }
        for (first, other) in operations.iter().take(n) {
            if operation.name == other.name {
                let message = format!(
                    "is the same as {}: each operation needs its own",
                    path.index(*first).key("name")
                );
                problems.error(&path.index(*i).key("name"), message);
            }
            if operation.specificity == other.specificity && overlap::overlap(operation, other) {
                let message = format!(
                    "matches requests that {} (\"{}\") matches too, and neither is more specific: \
                     give them different methods, literals, or allowed values",
                    path.index(*first).key("urlTemplate"),
                    other.name
                );
                problems.error(&path.index(*i).key("urlTemplate"), message);
            }
        }
    }
}

/// What is only tried out guards nothing.
fn warn_of_shadow(
    config: &ApiConfig<'_>,
    operations: &[(usize, Operation)],
    backends: &Backends,
    path: &JsonPath,
    problems: &mut Problems,
) {
    let keyed = |backend: &Backend| matches!(backend.credentials, Credentials::Keys(_));
    let anonymous = match (config.subscription_required, backends.iter().any(keyed)) {
        (Some(false), _) => "",
        (_, true) => {
            ": callers without a valid subscription get in, and the backend's key goes with their calls"
        }
        (_, false) => ": callers without a valid subscription get in",
    };
    for (i, operation) in operations.iter().filter(|(_, o)| o.mode == Mode::Shadow) {
        let beside = |other: &Operation| {
            other.mode == Mode::Enforce
                && other.method == operation.method
                && overlap::paths_overlap(&operation.template, &other.template, |_, _| true)
        };
        let beside: Vec<_> = operations
            .iter()
            .filter(|(_, other)| beside(other))
            .map(|(_, other)| format!("\"{}\"", other.name))
            .collect();
        let beside = match beside.as_slice() {
            [] => String::new(),
            names => format!("; so do calls that match it and not {}", names.join(", ")),
        };
        problems.warning(
            &path.key("operations").index(*i).key("mode"),
            format!(
                "is \"shadow\": allowed values, subscriptions and limits are judged and refuse \
                 nothing{anonymous}{beside}"
            ),
        );
    }
}
