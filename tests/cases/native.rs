//! Runs a case against the decision alone, and applies the edits as Envoy would.

use azureml_gateway::decide::{Edit, Request, Settled, Step, decide};
use azureml_gateway::policy::{ASSET_HEADER, CLUSTER_HEADER, compile};

use crate::format::{Case, CaseFile, CaseRequest, bytes};
use crate::outcome::{Headers, Outcome};

/// 2026-11-22; the dates of the cases lie years around it, so that Envoy's clock judges alike.
const NOW: u64 = 1_795_305_600_000;

pub fn run(file: &CaseFile, case: &Case) -> Result<(), String> {
    let environment =
        |name: &str| file.environment.get(name).map(|value| value.clone().into_bytes());
    let compiled = compile(file.policy_text().as_bytes(), &environment);
    let policy = compiled.policy.ok_or_else(|| format!("{:?}", compiled.problems))?;
    let headers = head(&case.request);
    let step = match decide(&policy, &Request::read(&headers), NOW) {
        // As if it were the subscription's first call; sequences of calls are in tests/limits.
        Step::Charge(charge) => match charge.settle(None, NOW) {
            Settled::Admitted(_, charged) => charge.charged(charged),
            Settled::Exceeded(_, refusal) => charge.refused(refusal),
        },
        Step::Observe(observe) => observe.reply(None, NOW),
        step => step,
    };
    let outcome = match step {
        Step::Charge(_) | Step::Observe(_) => return Err("charged or looked at twice".into()),
        Step::Reply(reply, _) => Outcome::Answered {
            status: reply.status,
            headers: reply.headers.into_iter().map(|(n, v)| (n.to_owned(), v.into())).collect(),
            body: reply.body,
        },
        Step::Forward(edits, labels, _) => forwarded(headers, &edits, &labels.outcome.text()),
        Step::Continue(edits, _) => {
            let mut edited = apply(headers.clone(), &edits);
            let asset = edited.iter().position(|(name, _)| name == ASSET_HEADER);
            let file = asset.map(|index| String::from_utf8(edited.remove(index).1).unwrap());
            let kept: Headers = headers
                .into_iter()
                .filter(|(n, _)| !n.replace('_', "-").starts_with("x-gateway-"))
                .collect();
            if edited != kept {
                return Err(format!("edited on the way: {edits:?}"));
            }
            file.map_or(Outcome::Untouched, Outcome::File)
        }
    };
    outcome.check(&case.expect)
}

/// The header map as Envoy gives it to the filter.
fn head(request: &CaseRequest) -> Headers {
    let mut head = vec![(":method".to_owned(), bytes(&request.method))];
    head.push((":path".to_owned(), bytes(&request.target)));
    head.extend(request.host.as_ref().map(|host| (":authority".to_owned(), bytes(host))));
    let scheme = if request.tls { "https" } else { "http" };
    head.push(("x-forwarded-proto".to_owned(), scheme.into()));
    for (name, value) in &request.headers {
        head.push((name.to_ascii_lowercase(), bytes(value)));
    }
    head
}

fn forwarded(headers: Headers, edits: &[Edit<'_>], label: &str) -> Outcome {
    let mut headers = apply(headers, edits);
    let mut take = |wanted: &str| {
        let index = headers.iter().position(|(name, _)| name == wanted);
        index.map(|index| headers.remove(index).1).unwrap_or_default()
    };
    let (target, backend) = (take(":path"), take(":authority"));
    // The route hides it from the backend.
    take(CLUSTER_HEADER);
    Outcome::Forwarded {
        backend: String::from_utf8(backend).unwrap(),
        target,
        headers,
        label: Some(label.to_owned()),
        answer: None,
    }
}

fn apply(mut headers: Headers, edits: &[Edit<'_>]) -> Headers {
    for edit in edits {
        let (name, value): (&str, Option<&[u8]>) = match edit {
            Edit::Remove(name) => (name, None),
            Edit::Set(name, value) => (name, Some(value)),
            Edit::SetSecret(name, value) => (name, Some(value)),
        };
        headers.retain(|(known, _)| known != name);
        headers.extend(value.map(|value| (name.to_owned(), value.to_vec())));
    }
    headers
}
