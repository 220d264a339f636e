//! `gatewayctl limits`: what is used of each limit, as recording rules for Prometheus.
//!
//! Envoy's statistics count calls and know no limits. The rules look back by a limit's own period. For
//! a quota, whose window is fixed, that is what the window has used or more.

use std::path::Path;
use std::process::ExitCode;

use azureml_gateway::policy::Policy;
use azureml_gateway::policy::limit::{Kind, Limit};
use serde_json::{Value, json};

use crate::source::Source;

/// Prometheus looks every 15 s, and a rate takes some of its samples: shorter periods are not seen.
const SHORTEST: u64 = 60_000;

pub(crate) fn run(file: &Path) -> Result<ExitCode, String> {
    let source = Source::read(file, false)?;
    let policy = source.policy(file)?;
    let mut rules = Vec::new();
    for (limit, calls) in limits(policy) {
        if limit.period < SHORTEST {
            eprintln!(
                "{}: {}: a period below {} s is too short for Prometheus to see: left out",
                file.display(),
                limit.name,
                SHORTEST / 1000
            );
        } else {
            rules.push(rule(limit, &calls));
        }
    }
    // JSON is YAML too, and Prometheus takes it.
    let groups = json!({ "groups": [{ "name": "azureml-gateway-limits", "rules": rules }] });
    println!("{groups:#}");
    Ok(ExitCode::SUCCESS)
}

/// Every limit of the policy, with the labels of the calls that it counts.
fn limits(policy: &Policy) -> Vec<(&Limit, String)> {
    let mut limits = Vec::new();
    for product in &policy.products {
        let calls = format!(r#"product="{}""#, product.name);
        limits.extend(product.limits.iter().map(|limit| (limit, calls.clone())));
    }
    for api in &policy.apis {
        let calls = format!(r#"api="{}", subscription!="""#, api.name);
        for operation in &api.operations {
            let calls = format!(r#"{calls}, operation="{}""#, operation.name);
            limits.extend(operation.rate_limit.iter().map(|limit| (limit, calls.clone())));
        }
        limits.extend(api.rate_limit.iter().map(|limit| (limit, calls.clone())));
    }
    limits
}

/// Names are letters, digits and `-_.`, so that they need no escape.
fn rule(limit: &Limit, calls: &str) -> Value {
    let kind = match limit.kind {
        Kind::Rate => "rate",
        Kind::Quota => "quota",
    };
    let (seconds, most) = (limit.period / 1000, limit.calls);
    json!({
        "record": "gateway:limit_used:ratio",
        "labels": { "limit": limit.name, "kind": kind },
        "expr": format!(
            "sum by (job, instance, product, subscription) \
             (increase(envoy_gateway_requests{{outcome=\"forwarded\", {calls}}}[{seconds}s])) / {most}"
        ),
    })
}
