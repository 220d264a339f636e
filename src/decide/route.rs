//! From a call to its operation: method, URL template, query conditions.
//!
//! An operation matches when all of it does. Of those that match, the most specific one is the
//! operation; compile saw to it that there is only one. Where none matches, the refusal says what
//! came nearest: an unknown path, another method, or what is wrong with the query.

use std::borrow::Cow;

use crate::policy::parameter::{Parameter, Rule};
use crate::policy::subscription::Subscription;
use crate::policy::template::{Expect, Segment, Slot};
use crate::policy::{Api, ExtraQueryParameters, Mode, Operation};
use crate::uri;

use super::query::Query;
use super::refusal::Refusal;

/// An operation, and the values of its parameters in this call.
///
/// It holds what the caller sent and so has no `Debug`.
pub struct Match<'p, 'r> {
    pub operation: &'p Operation,
    /// A value that is not allowed, where the operation is in shadow mode.
    pub overlooked: Option<Refusal<'p>>,
    captures: Vec<Option<Capture<'r>>>,
}

#[derive(Clone)]
pub struct Capture<'r> {
    /// As it was sent.
    pub raw: &'r [u8],
    /// Decoded once, and in the one spelling that its type has for it.
    pub value: Cow<'r, [u8]>,
}

impl Capture<'_> {
    fn canonicalise(&mut self, parameter: &Parameter) {
        if let Cow::Owned(value) = parameter.canonical(&self.value) {
            self.value = value.into();
        }
    }
}

/// A refusal, and what was known of the call by then.
#[derive(Debug)]
pub struct Refused<'p> {
    pub refusal: Refusal<'p>,
    pub operation: Option<&'p Operation>,
    pub subscription: Option<&'p Subscription>,
}

/// Why an operation does not match a call.
#[derive(Debug, PartialEq, Eq)]
pub enum Mismatch<'p> {
    Path,
    Method,
    /// All is the operation's but a parameter's value, which is not allowed.
    Value(Refusal<'p>),
    /// Path and method are the operation's.
    Refused(Refusal<'p>),
}

impl<'r> Match<'_, 'r> {
    pub fn capture(&self, slot: Slot) -> Option<&Capture<'r>> {
        self.captures.get(slot.0)?.as_ref()
    }

    /// The parameters that were given, with their values.
    pub fn captures(&self) -> impl Iterator<Item = (&str, &Capture<'r>)> {
        let parameters = self.operation.parameters.iter().map(|p| p.name.as_ref());
        parameters.zip(&self.captures).filter_map(|(name, c)| Some((name, c.as_ref()?)))
    }
}

/// Finds the operation. `rest` is the checked path below the API's path.
pub fn route<'p, 'r>(
    api: &'p Api,
    method: &[u8],
    rest: &'r [u8],
    query: &Query<'r>,
) -> Result<Match<'p, 'r>, Refused<'p>> {
    let candidates = std::str::from_utf8(rest).map_or(&[][..], |path| api.routes.candidates(path));
    let mut allow: Vec<&'p str> = Vec::new();
    let mut nearest: Option<Refused<'p>> = None;
    let (mut in_shadow, mut enforced) = (None, false);
    for operation in candidates.iter().filter_map(|index| api.operations.get(*index)) {
        let refusal = match judge(operation, method, rest, query) {
            Ok(found) => match found.overlooked.clone() {
                None => return Ok(found),
                Some(overlooked) => {
                    in_shadow.get_or_insert(found);
                    overlooked
                }
            },
            Err(Mismatch::Path) => continue,
            Err(Mismatch::Method) => {
                if !allow.contains(&&*operation.method) {
                    allow.push(&operation.method);
                }
                continue;
            }
            Err(Mismatch::Value(refusal)) => {
                enforced = true;
                refusal
            }
            Err(Mismatch::Refused(refusal)) => refusal,
        };
        // A backend may take either value, so that no operation may pass this on.
        let final_word = matches!(refusal, Refusal::RepeatedParameter(_));
        let refused = Refused { refusal, operation: Some(operation), subscription: None };
        if final_word {
            return Err(refused);
        }
        nearest = Some(nearer(nearest, refused));
    }
    match (in_shadow, nearest) {
        // Only if no operation beside it enforces its values.
        (Some(found), _) if !enforced => Ok(found),
        (_, Some(refused)) => Err(refused),
        (_, None) if !allow.is_empty() => Err(Refusal::Method(allow).into()),
        (_, None) => Err(Refusal::NoOperation.into()),
    }
}

/// The first refusal stands; where it is only tried out, the first that is enforced. Values that
/// other operations allow for the same parameter are added.
fn nearer<'p>(first: Option<Refused<'p>>, next: Refused<'p>) -> Refused<'p> {
    let Some(first) = first else { return next };
    let enforced =
        |refused: &Refused<'_>| refused.operation.is_some_and(|o| o.mode == Mode::Enforce);
    let (mut first, next) =
        if !enforced(&first) && enforced(&next) { (next, first) } else { (first, next) };
    if let Refusal::Parameter(name, Rule::OneOf(values)) = &mut first.refusal
        && let Refusal::Parameter(other, Rule::OneOf(more)) = next.refusal
        && *name == other
    {
        for value in more {
            if !values.contains(&value) {
                values.push(value);
            }
        }
    }
    first
}

impl<'p> From<Refusal<'p>> for Refused<'p> {
    fn from(refusal: Refusal<'p>) -> Self {
        Self { refusal, operation: None, subscription: None }
    }
}

/// Holds one operation against a call.
pub fn judge<'p, 'r>(
    operation: &'p Operation,
    method: &[u8],
    rest: &'r [u8],
    query: &Query<'r>,
) -> Result<Match<'p, 'r>, Mismatch<'p>> {
    let mut captures: Vec<Option<Capture<'r>>> = vec![None; operation.parameters.len()];
    let mut capture = |slot: Slot, raw: &'r [u8]| {
        if let Some(place) = captures.get_mut(slot.0) {
            *place = Some(Capture { raw, value: Cow::Borrowed(raw) });
        }
    };
    let escaped_rest = match_path(operation, rest, &mut capture).ok_or(Mismatch::Path)?;
    if operation.method.as_bytes() != method {
        return Err(Mismatch::Method);
    }
    if escaped_rest {
        return Err(Mismatch::Refused(Refusal::Parameter("*", Rule::NoEscapes)));
    }
    let mut overlooked = None;
    for (parameter, capture) in operation.parameters.iter().zip(&mut captures) {
        let Some(capture) = capture else { continue };
        let refusal = |rule| Refusal::Parameter(&parameter.name, rule);
        if capture.raw.contains(&b'%') {
            let value = uri::decode(capture.raw)
                .filter(|value| {
                    parameter.allow_escapes && !uri::decodes_to_structure(value, capture.raw)
                })
                .ok_or_else(|| Mismatch::Refused(refusal(Rule::NoEscapes)))?;
            capture.value = value;
        }
        match parameter.judge(&capture.value) {
            Ok(()) => capture.canonicalise(parameter),
            Err(Rule::OneOf(_)) => {
                overlook(operation, refusal(Rule::NotServed), &mut overlooked)?;
            }
            Err(rule) => overlook(operation, refusal(rule), &mut overlooked)?,
        }
    }
    match_query(operation, query, &mut captures, &mut overlooked)?;
    Ok(Match { operation, overlooked, captures })
}

/// A value that is not allowed: in shadow mode it is noted, else it refuses.
fn overlook<'p>(
    operation: &Operation,
    refusal: Refusal<'p>,
    overlooked: &mut Option<Refusal<'p>>,
) -> Result<(), Mismatch<'p>> {
    match operation.mode {
        Mode::Enforce => Err(Mismatch::Value(refusal)),
        Mode::Shadow => {
            overlooked.get_or_insert(refusal);
            Ok(())
        }
    }
}

/// Matches segment by segment. Says whether an unnamed rest has escapes, which nothing allows.
fn match_path<'r>(
    operation: &Operation,
    rest: &'r [u8],
    capture: &mut impl FnMut(Slot, &'r [u8]),
) -> Option<bool> {
    let mut left = rest.strip_prefix(b"/").map(Some)?;
    for segment in &operation.template.path {
        let remaining = left?;
        if let Segment::Rest(slot) = segment {
            if remaining.is_empty() {
                return None;
            }
            return match slot {
                Some(slot) => {
                    capture(*slot, remaining);
                    Some(false)
                }
                None => Some(remaining.contains(&b'%')),
            };
        }
        let mut halves = remaining.splitn(2, |b| *b == b'/');
        let text = halves.next()?;
        left = halves.next();
        match segment {
            Segment::Literal(literal) if literal.as_bytes() == text => {}
            Segment::Parameter(slot) if !text.is_empty() => capture(*slot, text),
            _ => return None,
        }
    }
    left.is_none().then_some(false)
}

fn match_query<'p, 'r>(
    operation: &'p Operation,
    query: &Query<'r>,
    captures: &mut [Option<Capture<'r>>],
    overlooked: &mut Option<Refusal<'p>>,
) -> Result<(), Mismatch<'p>> {
    let conditions = &operation.template.query;
    if let Some(twice) = conditions.iter().find(|c| query.named(&c.name).nth(1).is_some()) {
        return Err(Mismatch::Refused(Refusal::RepeatedParameter(&twice.name)));
    }
    // Whether it is this operation's call at all comes before its values.
    let mut values = Vec::with_capacity(conditions.len());
    for condition in conditions {
        let name: &'p str = &condition.name;
        let Some(part) = query.named(name).next() else {
            if operation.requires(condition) {
                return Err(Mismatch::Refused(Refusal::MissingParameter(name)));
            }
            continue;
        };
        let refuse = |rule| Mismatch::Refused(Refusal::Parameter(name, rule));
        let value = part.decoded().ok_or_else(|| refuse(Rule::NoEscapes))?;
        match &condition.expect {
            Expect::Literal(literal) if literal.as_bytes() == &*value => {}
            Expect::Literal(literal) => return Err(refuse(Rule::OneOf(vec![literal]))),
            Expect::Parameter(slot) => {
                values.push((name, *slot, Capture { raw: part.value, value }));
            }
        }
    }
    for (name, slot, mut capture) in values {
        let Some(parameter) = operation.parameter(slot) else { continue };
        match parameter.judge(&capture.value) {
            Ok(()) => capture.canonicalise(parameter),
            Err(rule) => overlook(operation, Refusal::Parameter(name, rule), overlooked)?,
        }
        if let Some(place) = captures.get_mut(slot.0) {
            *place = Some(capture);
        }
    }
    if operation.extra_query == ExtraQueryParameters::Refuse {
        let known: Vec<&str> = conditions.iter().map(|c| c.name.as_ref()).collect();
        let unknown = |part: &&super::query::Part<'_>| {
            !part.raw.is_empty() && !known.iter().any(|name| part.is(name))
        };
        if query.parts().any(|part| unknown(&part)) {
            return Err(Mismatch::Refused(Refusal::UnknownParameter(known)));
        }
    }
    Ok(())
}
