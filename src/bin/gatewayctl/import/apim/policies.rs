//! Carries policies over: each element of each section, at its scope.

use roxmltree::Node as Element;

use super::value::{self, Value};
use super::{PolicyText, Service, advice, credentials, envoy, limits, rewrite, xml};
use crate::import::document::Place;
use crate::import::draft::{Credentials, Draft};
use crate::import::name;
use crate::import::report::Report;

/// The text of all fragments, each as often as it is included: a few that include one another could
/// be very much.
const MOST_TEXT: usize = 16 << 20;

/// Whom a policy is for, by places in the draft.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Global,
    Product(usize),
    Api(usize),
    Operation(usize, usize),
}

pub(super) struct Context<'s> {
    pub(super) service: &'s Service,
    pub(super) report: &'s mut Report,
    /// The document that is read.
    pub(super) base: Place,
    /// The fragments that are being read: one that includes itself has no end.
    fragments: Vec<String>,
    included: usize,
    /// Keys that single operations set: they hold if all of an API's agree.
    pub(super) operation_credentials: Vec<(usize, usize, Credentials, Place)>,
}

pub(super) fn apply(
    service: &Service,
    draft: &mut Draft,
    report: &mut Report,
) -> Result<(), String> {
    let mut documents: Vec<(Scope, &PolicyText, bool)> = Vec::new();
    let outer = service.policy.is_some();
    documents.extend(service.policy.as_ref().map(|policy| (Scope::Global, policy, false)));
    for product in &service.products {
        let place = name::valid(&product.resource.name)
            .and_then(|name| draft.products.iter().position(|product| product.name == name));
        if let (Some(i), Some(policy)) = (place, &product.policy) {
            documents.push((Scope::Product(i), policy, outer));
        }
    }
    for api in &service.apis {
        let place = name::valid(&api.resource.name)
            .and_then(|name| draft.apis.iter().position(|api| api.name == name));
        let Some(i) = place else { continue };
        let outer = outer
            || service.products.iter().any(|product| {
                product.policy.is_some() && product.apis.contains(&api.resource.name)
            });
        documents.extend(api.policy.as_ref().map(|policy| (Scope::Api(i), policy, outer)));
        let outer = outer || api.policy.is_some();
        for (operation, policy) in &api.operation_policies {
            let own = draft.apis.get(i).and_then(|api| {
                let wanted = name::valid(operation)?;
                let own = || api.operations.iter();
                let normal = normal_name(operation);
                own()
                    .position(|operation| operation.name == wanted)
                    .or_else(|| own().position(|operation| normal_name(&operation.name) == normal))
            });
            match own {
                Some(j) => documents.push((Scope::Operation(i, j), policy, outer)),
                None => report.lost(
                    &policy.place,
                    "a policy of an operation that is not there",
                    "Look whether the operation was left out above.",
                ),
            }
        }
    }
    let mut context = Context {
        service,
        report,
        base: Place::default(),
        fragments: Vec::new(),
        included: 0,
        operation_credentials: Vec::new(),
    };
    for (scope, policy, outer) in documents {
        document(policy, scope, outer, draft, &mut context)?;
    }
    credentials::settle(draft, &mut context);
    Ok(())
}

/// As API Management makes an operation's name of an operationId.
fn normal_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").chars().take(76).collect()
}

fn document(
    policy: &PolicyText,
    scope: Scope,
    outer: bool,
    draft: &mut Draft,
    context: &mut Context<'_>,
) -> Result<(), String> {
    let text = xml::prepare(policy)?;
    let document = xml::parse(&text, policy)?;
    let root = document.root_element();
    context.base = policy.place.clone();
    if root.tag_name().name() != "policies" {
        return Err(format!(
            "{}: is no policy: its outermost element must be <policies>",
            policy.place
        ));
    }
    for section in root.children().filter(Element::is_element) {
        let elements = || section.children().filter(Element::is_element);
        let name = section.tag_name().name();
        if name == "inbound"
            && outer
            && !elements().any(|element| element.tag_name().name() == "base")
        {
            let place = context.place(section);
            context.report.lost(
                &place,
                "an inbound section without <base />: the policies of the scopes around it do not hold here in API Management, at the gateway they do",
                "Look whether one of them must not hold for these calls.",
            );
        }
        for element in elements() {
            match name {
                "inbound" => inbound(element, scope, draft, context)?,
                "backend" => backend(element, context),
                "outbound" => outbound(element, context),
                _ => other(element, context),
            }
        }
    }
    Ok(())
}

fn inbound(
    element: Element<'_, '_>,
    scope: Scope,
    draft: &mut Draft,
    context: &mut Context<'_>,
) -> Result<(), String> {
    match element.tag_name().name() {
        "base" => {}
        "rate-limit" | "rate-limit-by-key" | "quota" | "quota-by-key" => {
            limits::apply(element, scope, draft, context)
        }
        "rewrite-uri" => rewrite::rewrite_uri(element, scope, draft, context),
        "set-query-parameter" => rewrite::set_query(element, scope, draft, context),
        "set-header" => credentials::set_header(element, scope, draft, context),
        "authentication-basic" => credentials::basic(element, scope, draft, context),
        "set-backend-service" => credentials::backend_service(element, scope, draft, context),
        "cors" => envoy::cors(element, &paths(scope, draft), context),
        "ip-filter" => envoy::ip_filter(element, &prefixes(scope, draft), context),
        "check-header" => envoy::check_header(element, &prefixes(scope, draft), context),
        "include-fragment" => fragment(element, scope, draft, context)?,
        _ => other(element, context),
    }
    Ok(())
}

fn backend(element: Element<'_, '_>, context: &mut Context<'_>) {
    match element.tag_name().name() {
        "base" => {}
        "forward-request" => {
            for attribute in element.attributes() {
                let same = matches!(
                    (attribute.name(), attribute.value()),
                    ("timeout", "300")
                        | (
                            "follow-redirects"
                                | "buffer-request-body"
                                | "buffer-response"
                                | "fail-on-error-status-code",
                            "false"
                        )
                );
                if same {
                    continue;
                }
                let place = context.place(element);
                let advice = match attribute.name() {
                    "timeout" => "Envoy's route has it: \"timeout\" in envoy.yaml, 300 s.",
                    "buffer-response" => "Nothing to do: the gateway streams every answer.",
                    _ => {
                        "The gateway sends the call on as it came, and the answer as it comes: let the caller or the backend do it."
                    }
                };
                context.report.lost(
                    &place,
                    format!(
                        "forward-request with {}=\"{}\"",
                        attribute.name(),
                        attribute.value().escape_debug()
                    ),
                    advice,
                );
            }
        }
        _ => other(element, context),
    }
}

fn outbound(element: Element<'_, '_>, context: &mut Context<'_>) {
    match element.tag_name().name() {
        "base" => {}
        "set-header" => envoy::response_header(element, context),
        _ => other(element, context),
    }
}

/// What the gateway does not have, with what to do instead.
pub(super) fn other(element: Element<'_, '_>, context: &mut Context<'_>) {
    let name = element.tag_name().name();
    if name == "base" {
        return;
    }
    let place = context.place(element);
    let mut inner: Vec<&str> = element
        .descendants()
        .filter(|node| node.is_element() && *node != element)
        .map(|node| node.tag_name().name())
        .filter(|name| !matches!(*name, "when" | "otherwise" | "value" | "choose"))
        .collect();
    inner.sort_unstable();
    inner.dedup();
    let inner_guards = inner.iter().any(|name| advice::guards(name));
    let what = match (name, inner.as_slice()) {
        ("choose", [_, ..]) => {
            format!("choose, with {}", inner.into_iter().take(8).collect::<Vec<_>>().join(", "))
        }
        _ => format!("the policy {}", name.escape_debug()),
    };
    let guards = advice::guards(name) || name == "choose" && inner_guards;
    let what = if guards { format!("{what}{}", advice::GUARD) } else { what };
    context.report.lost(&place, what, advice::of(name));
}

fn fragment(
    element: Element<'_, '_>,
    scope: Scope,
    draft: &mut Draft,
    context: &mut Context<'_>,
) -> Result<(), String> {
    let place = context.place(element);
    let id =
        match value::read(element.attribute("fragment-id").unwrap_or_default(), context.service) {
            Value::Literal(id) => id,
            _ => String::new(),
        };
    let found = context.service.fragments.get(&id).filter(|policy| {
        context.included = context.included.saturating_add(policy.text.len());
        context.included < MOST_TEXT && !context.fragments.contains(&id)
    });
    let Some(policy) = found else {
        context.report.lost(
            &place,
            "a policy fragment that is not in the source, or includes itself",
            "Export it too, or carry its policies over by hand.",
        );
        return Ok(());
    };
    let text = xml::prepare(policy)?;
    let document = xml::parse(&text, policy)?;
    let base = std::mem::replace(&mut context.base, policy.place.clone());
    context.fragments.push(id);
    for element in document.root_element().children().filter(Element::is_element) {
        inbound(element, scope, draft, context)?;
    }
    context.fragments.pop();
    context.base = base;
    Ok(())
}

/// The paths below which a scope's calls lie; empty: all.
fn prefixes(scope: Scope, draft: &Draft) -> Vec<String> {
    let path = |i: usize| draft.apis.get(i).map(|api| format!("/{}", api.path));
    match scope {
        Scope::Global => Vec::new(),
        Scope::Api(i) | Scope::Operation(i, _) => path(i).into_iter().collect(),
        Scope::Product(i) => {
            let names =
                draft.products.get(i).map(|product| product.apis.as_slice()).unwrap_or_default();
            let apis = draft.apis.iter().filter(|api| names.contains(&api.name));
            apis.map(|api| format!("/{}", api.path)).collect()
        }
    }
}

/// As [`prefixes`], written out.
fn paths(scope: Scope, draft: &Draft) -> Vec<String> {
    match scope {
        Scope::Global => draft.apis.iter().map(|api| format!("/{}", api.path)).collect(),
        _ => prefixes(scope, draft),
    }
}

impl Context<'_> {
    pub(super) fn place(&self, element: Element<'_, '_>) -> Place {
        self.base.line(element.document().text_pos_at(element.range().start).row)
    }
}

/// The texts of the `<value>` children.
pub(super) fn child_values<'e>(element: Element<'e, 'e>) -> impl Iterator<Item = &'e str> {
    element
        .children()
        .filter(|child| child.tag_name().name() == "value")
        .map(|child| child.text().unwrap_or_default())
}
