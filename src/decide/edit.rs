//! What a forwarded request looks like to its backend: path, query, host, credentials.

use std::borrow::Cow;

use crate::policy::backend::{Backend, Credentials};
use crate::policy::template::{Expect, Segment, Template};
use crate::policy::{ASSET_HEADER, CLUSTER_HEADER, Operation, Policy, is_envoys, is_internal};
use crate::uri;

use super::query::Query;
use super::refusal::Refusal;
use super::route::Match;
use super::view::Headers;

/// One change of the request's head.
#[derive(Clone, PartialEq, Eq)]
pub enum Edit<'p> {
    Remove(String),
    /// Replaces every copy.
    Set(Cow<'p, str>, Cow<'p, [u8]>),
    /// As `Set`, and the value must not print.
    SetSecret(Cow<'p, str>, &'p [u8]),
}

/// Step 0 for a request that goes on untouched: the gateway's own header names are its alone.
pub(super) fn without_internal(headers: &Headers) -> Vec<Edit<'static>> {
    removals(headers, is_internal)
}

/// The edits that have a request answered with a file of the portal's: the route of that name has it.
pub(super) fn asset<'p>(headers: &Headers, file: &'static str) -> Vec<Edit<'p>> {
    let mut edits = without_internal(headers);
    edits.push(Edit::Set(ASSET_HEADER.into(), file.as_bytes().into()));
    edits
}

/// The edits that send a request to its backend.
pub(super) fn forward<'p>(
    policy: &'p Policy,
    backend: &'p Backend,
    headers: &Headers,
    path: Vec<u8>,
) -> Vec<Edit<'p>> {
    let keys = backend.credentials.keys();
    let callers = matches!(backend.credentials, Credentials::Caller);
    // What is set below replaces every copy; its own removal would cost a host call for nothing.
    let kept = |name: &[u8]| {
        name == CLUSTER_HEADER.as_bytes()
            || keys.iter().any(|key| key.header.as_str().as_bytes() == name)
            || (callers && name == b"authorization")
    };
    let mut edits = removals(headers, |name| {
        let unwanted = is_internal(name)
            || is_envoys(name)
            || policy.removed_headers.iter().any(|header| header.is(name));
        unwanted && !kept(name)
    });
    let set = |name: &'static str, value: Cow<'p, [u8]>| Edit::Set(name.into(), value);
    edits.push(set(":path", path.into()));
    edits.push(set(":authority", backend.url.authority.as_bytes().into()));
    edits.push(set(CLUSTER_HEADER, backend.cluster.as_bytes().into()));
    edits.extend(keys.iter().map(|credential| {
        Edit::SetSecret(credential.header.as_str().into(), credential.value.expose())
    }));
    edits
}

/// Trailers come after the decision. A call's are dropped whole, since no web service takes its
/// input from there and they could carry what was removed from the head; others lose what is ours.
pub fn trailers(forwarded: bool, trailers: &Headers) -> Vec<Edit<'static>> {
    removals(trailers, |name| forwarded || is_internal(name))
}

fn removals<'p>(headers: &Headers, unwanted: impl Fn(&[u8]) -> bool) -> Vec<Edit<'p>> {
    let mut edits: Vec<Edit<'p>> = Vec::new();
    for (name, _) in headers {
        if unwanted(name.as_bytes()) {
            let edit = Edit::Remove(name.clone());
            if !edits.contains(&edit) {
                edits.push(edit);
            }
        }
    }
    edits
}

/// The backend's path and query.
///
/// Without a rewrite they are the bytes that were sent and matched, less the subscription key.
pub(super) fn target<'p>(
    found: &Match<'p, '_>,
    backend: &Backend,
    rest: &[u8],
    query: &Query<'_>,
    sent: SentQuery<'_>,
) -> Result<Vec<u8>, Refusal<'p>> {
    let mut target = backend.url.path.as_bytes().to_vec();
    let Some(rewrite) = &found.operation.rewrite else {
        target.extend_from_slice(rest);
        match sent {
            SentQuery::Whole(None) => {}
            SentQuery::Whole(Some(query)) => {
                target.push(b'?');
                target.extend_from_slice(query);
            }
            SentQuery::WithoutKey => append_query(&mut target, query.parts().map(|p| p.raw)),
        }
        return Ok(target);
    };
    rewritten_path(found, rewrite, &mut target)?;
    let own = rewritten_query(found, rewrite);
    let template = &found.operation.template.query;
    let extra = || query.parts().filter(|part| !template.iter().any(|c| part.is(&c.name)));
    for part in extra() {
        if let Some(condition) = rewrite.query.iter().find(|c| part.is(&c.name)) {
            return Err(Refusal::ReservedParameter(&condition.name));
        }
    }
    append_query(&mut target, own.iter().map(Vec::as_slice).chain(extra().map(|part| part.raw)));
    Ok(target)
}

/// Where a call goes, for who may know. What the policy itself puts into the query may be a key of
/// the backend's, and what stands under a key's name one of the caller's: neither is told.
pub(super) fn traced(
    policy: &Policy,
    operation: &Operation,
    backend: &Backend,
    target: &[u8],
) -> String {
    let url = backend.url.with_target(target);
    let Some((path, query)) = url.split_once('?') else { return url };
    let rewrite = operation.rewrite.iter().flat_map(|rewrite| &rewrite.query);
    let literals = rewrite.filter(|condition| matches!(condition.expect, Expect::Literal(_)));
    let hidden: Vec<&str> =
        literals.map(|c| &*c.name).chain(policy.key_queries.iter().map(|name| &**name)).collect();
    let parts = query.split('&').map(|part| match part.split_once('=') {
        Some((name, _)) if hidden.iter().any(|known| known.eq_ignore_ascii_case(name)) => {
            format!("{name}=***").into()
        }
        _ => Cow::Borrowed(part),
    });
    format!("{path}?{}", parts.collect::<Vec<_>>().join("&"))
}

/// The query, as far as it can go on byte for byte.
#[derive(Clone, Copy, Debug)]
pub(super) enum SentQuery<'r> {
    Whole(Option<&'r [u8]>),
    WithoutKey,
}

fn append_query<'q>(target: &mut Vec<u8>, parts: impl Iterator<Item = &'q [u8]>) {
    for (i, part) in parts.enumerate() {
        target.push(if i == 0 { b'?' } else { b'&' });
        target.extend_from_slice(part);
    }
}

fn rewritten_path<'p>(
    found: &Match<'p, '_>,
    rewrite: &'p Template,
    target: &mut Vec<u8>,
) -> Result<(), Refusal<'p>> {
    for segment in &rewrite.path {
        target.push(b'/');
        match segment {
            Segment::Literal(literal) => target.extend_from_slice(literal.as_bytes()),
            Segment::Parameter(slot) | Segment::Rest(Some(slot)) => {
                let Some(capture) = found.capture(*slot) else { continue };
                if found.operation.takes_from_query(*slot) {
                    let value = &*capture.value;
                    if matches!(value, b"" | b"." | b"..")
                        || uri::decodes_to_structure(value, value)
                    {
                        let name = found.operation.parameter(*slot).map_or("", |p| &p.name);
                        return Err(Refusal::Rewrite(name));
                    }
                    target.extend_from_slice(uri::encode(value).as_bytes());
                } else {
                    target.extend_from_slice(capture.raw);
                }
            }
            Segment::Rest(None) => {}
        }
    }
    Ok(())
}

fn rewritten_query(found: &Match<'_, '_>, rewrite: &Template) -> Vec<Vec<u8>> {
    let parts = rewrite.query.iter().filter_map(|condition| {
        let value: Cow<'_, [u8]> = match &condition.expect {
            Expect::Literal(literal) => literal.as_bytes().into(),
            Expect::Parameter(slot) => {
                let capture = found.capture(*slot)?;
                if found.operation.takes_from_query(*slot) {
                    capture.raw.into()
                } else {
                    uri::encode(&capture.value).into_bytes().into()
                }
            }
        };
        Some([condition.name.as_bytes(), b"=", &value].concat())
    });
    parts.collect()
}

impl std::fmt::Debug for Edit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Remove(name) => write!(f, "remove {name}"),
            Self::Set(name, value) => write!(f, "{name}: {}", value.escape_ascii()),
            Self::SetSecret(name, _) => write!(f, "{name}: [secret]"),
        }
    }
}
