//! rate-limit and quota.

use roxmltree::Node as Element;

use super::policies::{Context, Scope};
use super::value::{self, Value};
use crate::import::draft::{Draft, Limit};

/// What a policy takes; see `policy::limit`.
const MOST_CALLS: u64 = 1_000_000_000;
const LONGEST_PERIOD: u64 = 315_360_000;

pub(super) fn apply(
    element: Element<'_, '_>,
    scope: Scope,
    draft: &mut Draft,
    context: &mut Context<'_>,
) {
    let name = element.tag_name().name();
    let quota = name.starts_with("quota");
    let place = context.place(element);
    if name.ends_with("-by-key") && !is_per_subscription(element) {
        context.report.lost(
            &place,
            "a limit by another key than the subscription",
            "A \"rateLimit\" or \"quota\" counts for each subscription; for others, Envoy has envoy.filters.http.local_ratelimit and a global rate limit service.",
        );
        return;
    }
    let number = |attribute: &str| {
        let text = element.attribute(attribute)?;
        match value::read(text, context.service) {
            Value::Literal(text) => text.parse::<u64>().ok(),
            _ => None,
        }
    };
    let (calls, period) = (number("calls"), number("renewal-period"));
    let limit = match (calls, period) {
        (Some(calls @ 1..=MOST_CALLS), Some(renewal_period @ 1..=LONGEST_PERIOD)) => {
            Limit { calls, renewal_period }
        }
        (None, _) if quota && element.attribute("bandwidth").is_some() => {
            return context.report.lost(
                &place,
                "a quota of bandwidth",
                "The gateway counts calls: write a \"quota\" of calls.",
            );
        }
        (_, Some(0)) if quota => {
            return context.report.lost(&place, "a quota that is never renewed", "Write the longest \"renewalPeriod\" that fits, or an \"expirationDate\" into the subscriptions.");
        }
        _ => {
            return context.report.lost(
                &place,
                "a limit whose numbers are no numbers that the gateway takes",
                format!("Write \"calls\" of 1 to {MOST_CALLS} and a \"renewalPeriod\" of 1 to {LONGEST_PERIOD} seconds."),
            );
        }
    };
    let target = match scope {
        Scope::Product(i) if quota => draft.products.get_mut(i).map(|product| &mut product.quota),
        Scope::Product(i) => draft.products.get_mut(i).map(|product| &mut product.rate_limit),
        Scope::Api(i) if !quota => draft.apis.get_mut(i).map(|api| &mut api.rate_limit),
        Scope::Operation(i, j) if !quota => draft
            .apis
            .get_mut(i)
            .and_then(|api| api.operations.get_mut(j))
            .map(|operation| &mut operation.rate_limit),
        _ => None,
    };
    match target {
        Some(target @ None) => *target = Some(limit),
        Some(Some(_)) => context.report.lost(
            &place,
            "a second limit of the same kind",
            "Keep the one that counts, or give the other to a product, an API or an operation.",
        ),
        None if quota => context.report.lost(
            &place,
            "a quota outside a product",
            "Write it as the \"quota\" of a product.",
        ),
        None => context.report.lost(
            &place,
            "a rate limit of the whole service",
            "Write it as the \"rateLimit\" of each API or product.",
        ),
    }
    for attribute in element.attributes() {
        let known = ["calls", "renewal-period", "counter-key"].contains(&attribute.name());
        // What API Management does when they are absent.
        if !known {
            context.report.lost(
                &place,
                format!("{} of a limit", attribute.name()),
                "The gateway sends Retry-After with a refusal, and counts each call as one.",
            );
        }
    }
    for inner in element.children().filter(Element::is_element) {
        let place = context.place(inner);
        context.report.lost(
            &place,
            "a limit of one API or operation inside a product's",
            "Write it as the \"rateLimit\" of that API or operation; it holds for all products.",
        );
    }
}

/// `context.Subscription.Id` and its kin.
fn is_per_subscription(element: Element<'_, '_>) -> bool {
    let key: String =
        element.attribute("counter-key").unwrap_or_default().split_whitespace().collect();
    let key = key.replace('?', "");
    matches!(
        key.as_str(),
        "@(context.Subscription.Id)"
            | "@(context.Subscription.Key)"
            | "@(context.Subscription.Name)"
    ) && element.attribute("increment-condition").is_none()
}
