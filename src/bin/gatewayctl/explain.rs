//! `gatewayctl explain`: one call against a policy, told step by step.

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use azureml_gateway::decide::query::Query;
use azureml_gateway::decide::route::{Mismatch, judge};
use azureml_gateway::decide::{Edit, Labels, Outcome, Request, Settled, Step, decide};
use azureml_gateway::policy::{Below, Operation, Policy};

use crate::source::Source;

pub(crate) fn run(
    file: &Path,
    method: &str,
    url: &str,
    headers: &[String],
) -> Result<ExitCode, String> {
    let source = Source::read(file, false)?;
    let policy = source.policy(file)?;
    let headers = head(method, url, headers)?;
    let request = Request::read(&headers);
    candidates(policy, &request);
    // As if it were the subscription's first call.
    let step = match decide(policy, &request, now()) {
        Step::Charge(charge) => match charge.settle(None, now()) {
            Settled::Admitted(_, charged) => charge.charged(charged),
            Settled::Exceeded(_, refusal) => charge.refused(refusal),
        },
        Step::Observe(observe) => observe.reply(None, now()),
        step => step,
    };
    match step {
        Step::Charge(_) | Step::Observe(_) => {}
        Step::Reply(reply, labels) => {
            let verdict = match labels.outcome {
                Outcome::Portal => "answered",
                _ => "refused",
            };
            println!("{verdict}: {} {}", reply.status, labels.outcome.text());
            for (name, value) in &reply.headers {
                println!("  {name}: {value}");
            }
            println!("  {}", String::from_utf8_lossy(&reply.body));
        }
        Step::Continue(edits, labels) => sent_on(&edits, &labels),
        Step::Forward(edits, labels, answer) => {
            sent_on(&edits, &labels);
            for (name, value) in answer {
                println!("  and in the answer {name}: {value}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::disallowed_methods, reason = "only the core has no clock")]
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis().try_into().unwrap_or(u64::MAX)
}

/// Says of every operation of the API whether it matches, and if not, why.
fn candidates(policy: &Policy, request: &Request<'_>) {
    let (api, rest) = match policy.below(request.path) {
        Some((Below::Api(api), rest)) => (api, rest),
        Some((Below::Portal(portal), _)) => {
            println!("API: none; the path is the portal's (/{})", portal.path);
            return;
        }
        None => {
            println!("API: none; the path is below none of:");
            for api in &policy.apis {
                println!("  /{}", api.path);
            }
            return;
        }
    };
    println!("API: {} (/{})", api.name, api.path);
    let Ok(mut query) = Query::parse(request.query) else { return };
    query.take(&api.key_names.query);
    let mut operations: Vec<&Operation> = api.operations.iter().collect();
    operations.sort_by(|a, b| b.specificity.cmp(&a.specificity));
    for operation in operations {
        let verdict = match judge(operation, request.method, rest, &query) {
            Ok(found) => {
                let values: Vec<_> = found
                    .captures()
                    .map(|(name, capture)| format!("{name}={}", capture.raw.escape_ascii()))
                    .collect();
                match &found.overlooked {
                    None => format!("matches: {}", values.join(", ")),
                    Some(refusal) => {
                        format!("matches in shadow mode, overlooking: {}", refusal.message())
                    }
                }
            }
            Err(Mismatch::Path) => "no: another path".to_owned(),
            Err(Mismatch::Method) => "no: another method".to_owned(),
            Err(Mismatch::Value(refusal) | Mismatch::Refused(refusal)) => {
                format!("no: {}", refusal.message())
            }
        };
        println!(
            "  {} {} ({}): {verdict}",
            operation.method,
            operation.url_template(),
            operation.name
        );
    }
}

fn sent_on(edits: &[Edit<'_>], labels: &Labels<'_>) {
    if let Some(subscription) = labels.subscription {
        println!("subscription: {subscription}");
    }
    println!("{}", labels.outcome.text());
    edits.iter().for_each(print_edit);
}

fn print_edit(edit: &Edit<'_>) {
    match edit {
        Edit::Remove(name) => println!("  removed: {name}"),
        Edit::Set(name, value) => println!("  {name}: {}", value.escape_ascii()),
        Edit::SetSecret(name, _) => println!("  {name}: ***"),
    }
}

/// The header map as Envoy would give it to the filter.
fn head(method: &str, url: &str, headers: &[String]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let (scheme, authority, path) = match url.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            (scheme, authority, path)
        }
        Some(_) => return Err("the URL must be http or https, or a path that begins with /".into()),
        None if url.starts_with('/') => ("https", "gateway", url),
        None => return Err("the URL must be http or https, or a path that begins with /".into()),
    };
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let mut head = vec![
        (":method".to_owned(), method.as_bytes().to_vec()),
        (":authority".to_owned(), authority.as_bytes().to_vec()),
        (":path".to_owned(), path.into_bytes()),
        ("x-forwarded-proto".to_owned(), scheme.as_bytes().to_vec()),
    ];
    for header in headers {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| "a header must be written as name:value".to_owned())?;
        head.push((name.trim().to_ascii_lowercase(), value.trim().as_bytes().to_vec()));
    }
    Ok(head)
}
