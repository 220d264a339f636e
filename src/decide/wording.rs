//! What refusals say.

use crate::policy::parameter::Rule;
use crate::uri::PathFault;

use super::subscription::KeyFault;

/// As .NET writes a time span: `hh:mm:ss`, from a day on `d.hh:mm:ss`.
pub(super) fn time_span(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    match days {
        0 => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        _ => format!("{days}.{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

pub(super) fn key_code(fault: KeyFault) -> &'static str {
    match fault {
        KeyFault::Missing => "subscription_key_missing",
        KeyFault::Unknown => "subscription_key_invalid",
        KeyFault::NotActive => "subscription_not_active",
        KeyFault::NotYetValid => "subscription_not_yet_valid",
        KeyFault::Expired => "subscription_expired",
        KeyFault::OutOfScope => "subscription_out_of_scope",
        KeyFault::Ambiguous => "subscription_key_repeated",
    }
}

/// API Management has two messages for all of them.
pub(super) fn key_message(fault: KeyFault) -> &'static str {
    match fault {
        KeyFault::Missing => {
            "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API."
        }
        _ => {
            "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription."
        }
    }
}

pub(super) fn path_fault(fault: PathFault) -> &'static str {
    match fault {
        PathFault::NoLeadingSlash => "must begin with '/'",
        PathFault::EmptySegment => "has an empty segment",
        PathFault::DotSegment => "has a dot segment",
        PathFault::InvalidEscape => "has an invalid percent-escape",
        PathFault::Semicolon => "has a ';'",
        PathFault::Backslash => "has a backslash",
        PathFault::Byte => "has a character that must be percent-encoded",
    }
}

pub(super) fn demand(rule: &Rule<'_>) -> String {
    match rule {
        Rule::OneOf(values) => match values.as_slice() {
            [only] => format!("be '{only}'"),
            _ => format!("be one of {}", quoted(values)),
        },
        Rule::NotServed => "be one that is served".into(),
        Rule::Boolean => "be 'true' or 'false'".into(),
        Rule::Integer => "be an integer".into(),
        Rule::MaxLength(max) => format!("have at most {max} characters"),
        Rule::NoEscapes => "not contain this percent-escape".into(),
    }
}

pub(super) fn quoted(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
    quoted.join(", ")
}
