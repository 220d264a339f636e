//! Policies that Envoy itself has: its configuration, made of theirs.

use std::net::IpAddr;

use roxmltree::Node as Element;

use super::advice::GUARD;
use super::credentials::is_secret_name;
use super::policies::{Context, child_values};
use super::value::{self, Value};
use crate::import::document::Place;

const BEFORE: &str = "Envoy does it: put this before the gateway in http_filters of envoy.yaml.";
const HOST: &str = "Envoy does it, for all APIs: put this into the virtual host of envoy.yaml.";

pub(super) fn cors(element: Element<'_, '_>, prefixes: &[String], context: &mut Context<'_>) {
    let place = context.place(element);
    let texts = |list: &str, item: &str| -> Vec<String> {
        let lists = element.children().filter(|child| child.tag_name().name() == list);
        let items =
            lists.flat_map(|list| list.children()).filter(|child| child.tag_name().name() == item);
        items.filter_map(|item| literal(item.text().unwrap_or_default(), context)).collect()
    };
    let origins = texts("allowed-origins", "origin");
    let joined = |list: &str, item: &str, otherwise: &str| {
        let found = texts(list, item);
        if found.is_empty() { otherwise.to_owned() } else { found.join(", ") }
    };
    let match_of = |origin: &String| match origin.as_str() {
        "*" => "{ safe_regex: { regex: \".*\" } }".to_owned(),
        origin => format!("{{ exact: {} }}", quoted(origin)),
    };
    let mut lines = vec![
        "\"@type\": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy"
            .to_owned(),
        format!(
            "allow_origin_string_match: [{}]",
            origins.iter().map(match_of).collect::<Vec<_>>().join(", ")
        ),
        format!("allow_methods: {}", quoted(&joined("allowed-methods", "method", "GET, POST"))),
    ];
    let mut optional = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("{name}: {}", quoted(&value)));
        }
    };
    optional("allow_headers", joined("allowed-headers", "header", ""));
    optional("expose_headers", joined("expose-headers", "header", ""));
    let age =
        element.children().filter_map(|child| child.attribute("preflight-result-max-age")).next();
    optional("max_age", age.and_then(|age| literal(age, context)).unwrap_or_default());
    if element.attribute("allow-credentials") == Some("true") {
        lines.push("allow_credentials: true".into());
    }
    context.report.envoy(
        &place,
        "cors",
        "Envoy does it: put this into envoy.yaml. The routes are for the filter to find; the gateway chooses another.",
        cors_snippet(&lines, prefixes),
    );
}

/// The filter takes its policy from a route that leads to a cluster, and before the gateway there
/// is none.
fn cors_snippet(policy: &[String], prefixes: &[String]) -> String {
    let mut lines = vec![
        "# in http_filters, before the gateway".to_owned(),
        "- name: envoy.filters.http.cors".into(),
        "  typed_config:".into(),
        "    \"@type\": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors".into(),
        "# in routes, before the one that is named unmatched".into(),
    ];
    for prefix in prefixes {
        lines.push(format!(
            "- match: {{ path_separated_prefix: {}, headers: [{{ name: origin, present_match: true }}] }}",
            quoted(prefix)
        ));
        lines.push("  route: { cluster: gateway-https }".into());
        lines.push("  typed_per_filter_config:".into());
        lines.push("    envoy.filters.http.cors:".into());
        lines.extend(policy.iter().map(|line| format!("      {line}")));
    }
    lines.join("\n")
}

pub(super) fn ip_filter(element: Element<'_, '_>, prefixes: &[String], context: &mut Context<'_>) {
    let place = context.place(element);
    let mut ranges = Vec::new();
    let mut complete = true;
    for child in element.children().filter(Element::is_element) {
        let (from, to) = match child.tag_name().name() {
            "address" => (child.text(), child.text()),
            _ => (child.attribute("from"), child.attribute("to")),
        };
        let address = |text: Option<&str>| literal(text?, context)?.parse::<IpAddr>().ok();
        match (address(from), address(to)) {
            (Some(from), Some(to)) => match cidrs(from, to) {
                Some(found) => ranges.extend(found),
                None => complete = false,
            },
            _ => complete = false,
        }
    }
    if ranges.is_empty() || !complete {
        return context.report.lost(
            &place,
            format!("an ip-filter with what is no address{GUARD}"),
            "Write an RBAC filter of Envoy's by hand: envoy.filters.http.rbac before the gateway.",
        );
    }
    let ids: Vec<String> = ranges
        .iter()
        .map(|(address, length)| {
            format!(
                "            - remote_ip: {{ address_prefix: \"{address}\", prefix_len: {length} }}"
            )
        })
        .collect();
    let (open, indent) = match element.attribute("action") {
        Some("forbid") => ("          - or_ids:\n              ids:", "  "),
        _ => ("          - not_id:\n              or_ids:\n                ids:", "    "),
    };
    let ids = ids.iter().map(|line| format!("{indent}{line}")).collect::<Vec<_>>().join("\n");
    let snippet = rbac("ip-filter", prefixes, &format!("{open}\n{ids}"));
    context.report.envoy(&place, format!("ip-filter{GUARD}"), BEFORE, snippet);
}

pub(super) fn check_header(
    element: Element<'_, '_>,
    prefixes: &[String],
    context: &mut Context<'_>,
) {
    let place = context.place(element);
    let name = element.attribute("name").unwrap_or_default();
    let secret = is_secret_name(name);
    let values: Vec<Value> =
        child_values(element).map(|text| value::read(text, context.service)).collect();
    let mut texts = Vec::new();
    for value in values {
        match value {
            Value::Literal(text) if !secret => texts.push(text),
            _ => {
                return context.report.lost(
                    &place,
                    format!("check-header of {}, whose values are secret or computed{GUARD}", name.escape_debug()),
                    "A caller's key is what subscriptions are for; other values: an RBAC filter of Envoy's before the gateway.",
                );
            }
        }
    }
    let ignore =
        element.attribute("ignore-case").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let header = quoted(&name.to_ascii_lowercase());
    let ids: Vec<String> = match texts.is_empty() {
        true => vec![format!("                - header: {{ name: {header}, present_match: true }}")],
        false => texts
            .iter()
            .map(|text| {
                format!(
                    "                - header: {{ name: {header}, string_match: {{ exact: {}, ignore_case: {ignore} }} }}",
                    quoted(text)
                )
            })
            .collect(),
    };
    let principals = format!(
        "          - not_id:\n              or_ids:\n                ids:\n{}",
        ids.join("\n")
    );
    let snippet = rbac("check-header", prefixes, &principals);
    context.report.envoy(
        &place,
        format!("check-header of {}{GUARD}", name.escape_debug()),
        BEFORE,
        snippet,
    );
}

/// Refuses whom `principals` names, below the paths.
fn rbac(name: &str, prefixes: &[String], principals: &str) -> String {
    let permissions: Vec<String> = match prefixes {
        [] => vec!["          - any: true".to_owned()],
        prefixes => prefixes
            .iter()
            .map(|prefix| {
                // Whole segments, as the gateway compares them.
                let regex = quoted(&format!("{}(/.*)?", prefix.replace('.', "\\.")));
                format!("          - url_path: {{ path: {{ safe_regex: {{ regex: {regex} }} }} }}")
            })
            .collect(),
    };
    [
        "- name: envoy.filters.http.rbac".to_owned(),
        "  typed_config:".into(),
        "    \"@type\": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC".into(),
        "    rules:".into(),
        "      action: DENY".into(),
        "      policies:".into(),
        format!("        {name}:"),
        "          permissions:".into(),
        permissions.join("\n"),
        "          principals:".into(),
        principals.to_owned(),
    ]
    .join("\n")
}

pub(super) fn add_header(
    name: &str,
    value: &str,
    action: &str,
    place: &Place,
    context: &mut Context<'_>,
) {
    let what = format!("the request header {}", name.escape_debug());
    context.report.envoy(place, what, HOST, header("request_headers_to_add", name, value, action));
}

pub(super) fn remove_header(name: &str, place: &Place, context: &mut Context<'_>) {
    let what = format!("the request header {}, which is removed", name.escape_debug());
    context.report.envoy(
        place,
        what,
        HOST,
        format!("request_headers_to_remove: [{}]", quoted(name)),
    );
}

pub(super) fn response_header(element: Element<'_, '_>, context: &mut Context<'_>) {
    let place = context.place(element);
    let name = element.attribute("name").unwrap_or_default();
    let action = element.attribute("exists-action").unwrap_or("override");
    let what = format!("the response header {}", name.escape_debug());
    let values: Vec<Value> =
        child_values(element).map(|text| value::read(text, context.service)).collect();
    match (action, values.as_slice()) {
        ("delete", _) => {
            let snippet = format!("response_headers_to_remove: [{}]", quoted(name));
            context.report.envoy(&place, format!("{what}, which is removed"), HOST, snippet);
        }
        (action, [Value::Literal(value)]) if !is_secret_name(name) => {
            context.report.envoy(&place, what, HOST, header("response_headers_to_add", name, value, action));
        }
        _ => context.report.lost(&place, format!("{what} by an expression"), "Envoy's response_headers_to_add has values of the request and the answer, as %RESP(name)%."),
    }
}

fn header(list: &str, name: &str, value: &str, action: &str) -> String {
    let append = match action {
        "append" => "APPEND_IF_EXISTS_OR_ADD",
        "skip" => "ADD_IF_ABSENT",
        _ => "OVERWRITE_IF_EXISTS_OR_ADD",
    };
    let value = value.replace('%', "%%");
    format!(
        "{list}:\n- header: {{ key: {}, value: {} }}\n  append_action: {append}",
        quoted(name),
        quoted(&value)
    )
}

fn literal(text: &str, context: &Context<'_>) -> Option<String> {
    match value::read(text, context.service) {
        Value::Literal(text) => Some(text),
        _ => None,
    }
}

/// JSON's strings are YAML's too.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// The blocks of addresses that make up a range; none if its ends are no range.
fn cidrs(from: IpAddr, to: IpAddr) -> Option<Vec<(IpAddr, u32)>> {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    };
    let (bits, v4) = match (from, to) {
        (IpAddr::V4(_), IpAddr::V4(_)) => (32, true),
        (IpAddr::V6(_), IpAddr::V6(_)) => (128, false),
        _ => return None,
    };
    let (mut start, end) = (number(from), number(to));
    let mut blocks = Vec::new();
    while start <= end {
        let mut size: u32 = start.trailing_zeros().min(bits);
        // The last address of a block of 2^size from `start` on.
        let last = |size: u32| {
            start.checked_add(1u128.checked_shl(size).map_or(u128::MAX, |n| n.wrapping_sub(1)))
        };
        while size > 0 && last(size).is_none_or(|last| last > end) {
            size = size.saturating_sub(1);
        }
        let address = match v4 {
            true => IpAddr::V4(u32::try_from(start).ok()?.into()),
            false => IpAddr::V6(start.into()),
        };
        blocks.push((address, bits.saturating_sub(size)));
        let Some(next) = last(size).and_then(|last| last.checked_add(1)) else { break };
        start = next;
    }
    (!blocks.is_empty()).then_some(blocks)
}
