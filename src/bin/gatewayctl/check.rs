//! `gatewayctl check`: every problem, or a summary.

use std::path::Path;
use std::process::ExitCode;

use azureml_gateway::decide::refusal::CODES;
use azureml_gateway::policy::backend::Credentials;
use azureml_gateway::policy::config::SubscriptionState;
use azureml_gateway::policy::limit::{Kind, Limit};
use azureml_gateway::policy::subscription::Product;
use azureml_gateway::policy::{Api, Mode, Operation, Policy, Protocol, Unmatched};

use crate::source::Source;

pub(crate) fn run(file: &Path, require_secrets: bool) -> Result<ExitCode, String> {
    let source = Source::read(file, require_secrets)?;
    let policy = source.policy(file)?;
    summary(policy);
    let list = |names: &std::collections::BTreeSet<String>| {
        names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    match (source.variables.is_empty(), source.missing.is_empty()) {
        (true, _) => println!("secrets: none from the environment"),
        (_, true) => println!("secrets: all set: {}", list(&source.variables)),
        (_, false) => {
            println!("secrets: NOT SET in this environment: {}", list(&source.missing));
            println!("  Envoy refuses the policy until they are set in its environment.");
        }
    }
    println!("{}: no problem", file.display());
    Ok(ExitCode::SUCCESS)
}

fn summary(policy: &Policy) {
    let hosts = if policy.hosts.is_empty() { "any host".into() } else { policy.hosts.join(", ") };
    let unmatched = match policy.unmatched {
        Unmatched::Reject => "refused (404)",
        Unmatched::Continue => "passed on untouched",
    };
    println!("hosts: {hosts}; requests below no API's path are {unmatched}");
    policy.apis.iter().for_each(|api| api_summary(policy, api));
    for product in &policy.products {
        let apis: Vec<_> =
            product.apis.iter().filter_map(|place| Some(&*policy.apis.get(*place)?.name)).collect();
        println!("product {}: {}", product.name, apis.join(", "));
        product.limits.iter().for_each(limit);
    }
    if let Some(portal) = &policy.portal {
        println!(
            "portal: /{} tells everybody who reaches Envoy the APIs, operations and products",
            portal.path
        );
    }
    println!(
        "statistics: at most {} time series, if backends answer with {STATUSES} status codes",
        series(policy)
    );
    let quota = |product: &Product| product.limits.iter().any(|limit| limit.kind == Kind::Quota);
    if policy.products.iter().any(quota) {
        println!(
            "quotas are counted in one Envoy's memory: a restart begins anew, replicas count alone"
        );
    }
}

/// The status codes by which the series are counted: backends choose them, not the policy.
const STATUSES: usize = 20;
/// Statuses of Envoy's own replies.
const ENVOYS: usize = 12;
/// What Prometheus has of one of Envoy's histograms: its buckets, sum and count.
const HISTOGRAM: usize = 22;

/// The most time series that envoy.yaml's statistics can make of this policy: `requests` by all
/// labels, two counters of bytes by caller, and a histogram by operation.
fn series(policy: &Policy) -> usize {
    // Below no API, or refused by Envoy itself.
    let elsewhere = STATUSES + ENVOYS + 2 + HISTOGRAM;
    // With its own status, and with gRPC's 200.
    let refused = 2 * CODES.len();
    // The portal answers 200 and 308, 404 where a file has no route, or refuses; the usage of a
    // subscription is 200 or one of three refusals.
    let portal = policy
        .portal
        .as_ref()
        .map_or(0, |_| 3 + refused + policy.subscriptions.iter().count() * (1 + 2 * 3 + 2));
    let api = |api: &Api| {
        let reaching = policy.subscriptions.iter().filter(|s| policy.reaches(s.scope, api)).count();
        // Some are refused before their operation is known, so that their caller is not either.
        let unknown = refused + 2 + HISTOGRAM;
        // They are told by their name: not active, not yet valid, expired, out of scope.
        let others = policy.subscriptions.iter().count() - reaching;
        let operation = |operation: &Operation| {
            let (forwarded, turned_away) = match operation.mode {
                Mode::Enforce => (STATUSES, 2 * 4),
                Mode::Shadow => (STATUSES * (CODES.len() + 1), STATUSES * 4 + refused),
            };
            (reaching + 1) * (refused + forwarded + 2) + others * (turned_away + 2) + HISTOGRAM
        };
        unknown + api.operations.iter().map(operation).sum::<usize>()
    };
    elsewhere + portal + policy.apis.iter().map(api).sum::<usize>()
}

fn limit(limit: &Limit) {
    let kind = match limit.kind {
        Kind::Rate => "rate limit",
        Kind::Quota => "quota",
    };
    println!("  {kind}: {} calls in {} s for each subscription", limit.calls, limit.period / 1000);
}

fn api_summary(policy: &Policy, api: &Api) {
    let protocols: Vec<_> = api
        .protocols
        .iter()
        .map(|protocol| match protocol {
            Protocol::Http => "http",
            Protocol::Https => "https",
        })
        .collect();
    println!("API {}: /{} over {}", api.name, api.path, protocols.join(" and "));
    if api.subscription_required {
        let names: Vec<_> = policy
            .subscriptions
            .iter()
            .filter(|subscription| policy.reaches(subscription.scope, api))
            .map(|subscription| match subscription.state {
                SubscriptionState::Active => subscription.name.to_string(),
                _ => format!("{} (not active)", subscription.name),
            })
            .collect();
        println!(
            "  subscriptions: {}; key in {} or ?{}=",
            names.join(", "),
            api.key_names.header_written,
            api.key_names.query
        );
    } else {
        println!("  OPEN: no subscription is asked for; whoever reaches Envoy may call");
    }
    api.rate_limit.iter().for_each(limit);
    println!(
        "  guarded: {} operations; everything else below the path is refused",
        api.operations.len()
    );
    for operation in &api.operations {
        let shadow = match operation.mode {
            Mode::Enforce => "",
            Mode::Shadow => ", SHADOW: values, subscription and limits refuse nothing",
        };
        println!(
            "    {:<6} {}  ({}{shadow})",
            operation.method,
            operation.url_template(),
            operation.name
        );
    }
    for backend in api.backends.iter() {
        let matches: Vec<_> =
            backend.matches.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let when = if matches.is_empty() { "all calls".into() } else { matches.join(", ") };
        let scheme = if backend.url.https { "https" } else { "http" };
        let key = match &backend.credentials {
            Credentials::Keys(keys) => {
                let names: Vec<_> = keys.iter().map(|key| key.header.as_str()).collect();
                format!("key in {}", names.join(", "))
            }
            Credentials::Caller => "with the caller's own Authorization".into(),
            Credentials::Nothing => "without a key".into(),
        };
        println!(
            "  backend for {when}: {scheme}://{}{} by cluster {}, {key}",
            backend.url.authority, backend.url.path, backend.cluster,
        );
    }
}
