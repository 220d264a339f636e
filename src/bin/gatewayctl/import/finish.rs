//! Makes a draft a policy that loads: subscriptions for whom none is there, and the filter's own
//! compiler as the judge of every part.

use azureml_gateway::policy::compile;
use azureml_gateway::policy::problem::{Problem, Severity};

use super::document::Place;
use super::draft::{Credentials, Draft, Product, Subscription};
use super::layout;
use super::name::Names;
use super::report::Report;

/// The policy's text. What the filter would refuse is left out of it and reported, with the
/// filter's own reason.
pub(crate) fn finish(mut draft: Draft, report: &mut Report) -> Result<String, String> {
    loop {
        add_subscriptions(&mut draft);
        let text = layout::write(&draft.document());
        let compiled = compile(text.as_bytes(), &|_| Some(b"absent".to_vec()));
        let errors: Vec<Problem> =
            compiled.problems.into_iter().filter(|p| p.severity == Severity::Error).collect();
        if errors.is_empty() {
            summarise(&draft, report);
            return Ok(text);
        }
        if !remove(&mut draft, &errors, report) || draft.apis.is_empty() {
            let first = errors.first().map(ToString::to_string).unwrap_or_default();
            return Err(format!("nothing is left that the gateway could serve: {first}"));
        }
    }
}

/// An API that asks for a subscription has one, with a placeholder for its key.
fn add_subscriptions(draft: &mut Draft) {
    draft.subscriptions.retain(|subscription| !subscription.added);
    let mut names = Names::default();
    for subscription in &draft.subscriptions {
        names.unique(&subscription.name, "subscription");
    }
    for api in draft.apis.iter().filter(|api| api.subscription_required) {
        let products = || draft.products.iter().filter(|product| product.apis.contains(&api.name));
        let reached = draft.subscriptions.iter().any(|subscription| {
            subscription.scope == "/apis"
                || subscription.scope == format!("/apis/{}", api.name)
                || products()
                    .any(|product| subscription.scope == format!("/products/{}", product.name))
        });
        if reached {
            continue;
        }
        let (scope, base) = match products().next() {
            Some(Product { name, .. }) => (format!("/products/{name}"), name),
            None => (format!("/apis/{}", api.name), &api.name),
        };
        draft.subscriptions.push(Subscription {
            place: Place::default(),
            name: names.unique(&format!("{base}-first"), "first"),
            display_name: None,
            scope,
            primary: None,
            secondary: None,
            state: None,
            start_date: None,
            expiration_date: None,
            added: true,
        });
    }
}

/// Takes out what has a problem; false if nothing was found to take out.
fn remove(draft: &mut Draft, errors: &[Problem], report: &mut Report) -> bool {
    const ADVICE: &str =
        "It was left out: write it into the policy by hand, in a form that the gateway takes.";
    let mut removed = false;
    let mut reasons: Vec<(Target, &str)> = errors
        .iter()
        .filter_map(|problem| {
            Some((Target::parse(&problem.path.to_string())?, problem.message.as_str()))
        })
        .collect();
    reasons.sort_by_key(|(target, _)| *target);
    reasons.dedup_by_key(|(target, _)| *target);
    // From the end on, so that the places before stay what they are; operations before their API.
    for (target, reason) in reasons.into_iter().rev() {
        let place = match target {
            Target::Api(i) if i < draft.apis.len() => Some((draft.apis.remove(i).place, "an API")),
            Target::Operation(i, j) => draft
                .apis
                .get_mut(i)
                .filter(|api| j < api.operations.len())
                .map(|api| (api.operations.remove(j).place, "an operation")),
            Target::Product(i) if i < draft.products.len() => {
                Some((draft.products.remove(i).place, "a product"))
            }
            // One that was added goes with what it was added for.
            Target::Subscription(i) if draft.subscriptions.get(i).is_some_and(|s| !s.added) => {
                Some((draft.subscriptions.remove(i).place, "a subscription"))
            }
            _ => None,
        };
        if let Some((place, noun)) = place {
            report.lost(&place, format!("{noun} that {reason}"), ADVICE);
            removed = true;
        }
    }
    let apis: Vec<String> = draft.apis.iter().map(|api| api.name.clone()).collect();
    for product in &mut draft.products {
        product.apis.retain(|name| apis.contains(name));
    }
    removed
}

/// What a problem's path points at. The order is that of removal, from the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Subscription(usize),
    Product(usize),
    Api(usize),
    Operation(usize, usize),
}

impl Target {
    fn parse(path: &str) -> Option<Self> {
        let mut parts = path.split('.').map(|part| {
            let (name, rest) = part.split_once('[')?;
            Some((name, rest.split_once(']')?.0.parse().ok()?))
        });
        let (name, i): (&str, usize) = parts.next()??;
        match (name, parts.next().flatten()) {
            ("apis", Some(("operations", j))) => Some(Self::Operation(i, j)),
            ("apis", _) => Some(Self::Api(i)),
            ("products", _) => Some(Self::Product(i)),
            ("subscriptions", _) => Some(Self::Subscription(i)),
            _ => None,
        }
    }
}

/// What was carried over, and what has to be filled in.
fn summarise(draft: &Draft, report: &mut Report) {
    let count = |number: usize, one: &str, many: &str| {
        format!("{number} {}", if number == 1 { one } else { many })
    };
    let operations = draft.apis.iter().map(|api| api.operations.len()).sum();
    report.carried.push(count(draft.apis.len(), "API", "APIs"));
    report.carried.push(count(operations, "operation", "operations"));
    if !draft.products.is_empty() {
        report.carried.push(count(draft.products.len(), "product", "products"));
    }
    if !draft.subscriptions.is_empty() {
        report.carried.push(count(draft.subscriptions.len(), "subscription", "subscriptions"));
    }
    for (i, api) in draft.apis.iter().enumerate() {
        if api.credentials == Credentials::Nothing {
            report.todo(
                format!("apis[{i}].backends[0].credentials"),
                "the source gives the backend no key, so none is sent, and a caller's own Authorization is removed",
                "Write \"caller\" if callers bring the backend's key themselves, or name the variable that holds it.",
            );
        }
        if !api.subscription_required {
            report.todo(
                format!("apis[{i}].subscriptionRequired"),
                "false, as in the source: whoever reaches Envoy may call",
                "Remove it to ask for a subscription.",
            );
        }
        for variable in api.credentials.variables() {
            report.todo(
                format!("apis[{i}].backends[0].credentials"),
                format!("the backend's key is read from {variable}"),
                format!("Set {variable} in Envoy's environment; check --require-secrets says whether it is there."),
            );
        }
    }
    for (i, subscription) in draft.subscriptions.iter().enumerate() {
        if subscription.primary.is_none() {
            report.todo(
                format!("subscriptions[{i}].primaryKey"),
                "a placeholder, which no key opens: no export has keys",
                "gatewayctl key new makes a key and its hash; gatewayctl key hash hashes a key that callers have already.",
            );
        }
    }
}
