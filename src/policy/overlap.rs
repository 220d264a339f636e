//! Which operations could take the same call.
//!
//! Two that could, with equal rank, are ambiguous; one whose every call a more specific one takes
//! is unreachable. Both are mistakes of a policy.

use super::template::{Condition, Expect, Segment, Template};
use super::{ExtraQueryParameters, Operation};

/// Whether some request matches both operations.
pub(crate) fn overlap(a: &Operation, b: &Operation) -> bool {
    let values = |one: &Segment, other: &Segment| parameters_overlap(a, one, b, other);
    a.method == b.method && paths_overlap(&a.template, &b.template, values) && queries_overlap(a, b)
}

/// Whether some path matches both templates, where `values` says whether a parameter can hold what
/// the other segment asks for.
pub(crate) fn paths_overlap(
    a: &Template,
    b: &Template,
    values: impl Fn(&Segment, &Segment) -> bool,
) -> bool {
    let (mut left, mut right) = (a.path.iter(), b.path.iter());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (None, _) | (_, None) => return false,
            // The rest takes one character or more.
            (Some(Segment::Rest(_)), Some(other)) => return !is_final_slash(other),
            (Some(other), Some(Segment::Rest(_))) => return !is_final_slash(other),
            (Some(Segment::Literal(one)), Some(Segment::Literal(other))) => {
                if one != other {
                    return false;
                }
            }
            (Some(one), Some(other)) => {
                if is_final_slash(one) || is_final_slash(other) || !values(one, other) {
                    return false;
                }
            }
        }
    }
}

/// The empty literal stands only in the last place.
fn is_final_slash(segment: &Segment) -> bool {
    matches!(segment, Segment::Literal(literal) if literal.is_empty())
}

fn parameters_overlap(a: &Operation, one: &Segment, b: &Operation, other: &Segment) -> bool {
    let accepts = |operation: &Operation, slot, literal: &str| {
        operation.parameter(slot).is_some_and(|p| p.judge(literal.as_bytes()).is_ok())
    };
    match (one, other) {
        (Segment::Parameter(slot), Segment::Literal(literal)) => accepts(a, *slot, literal),
        (Segment::Literal(literal), Segment::Parameter(slot)) => accepts(b, *slot, literal),
        (Segment::Parameter(one), Segment::Parameter(other)) => {
            match (a.parameter(*one), b.parameter(*other)) {
                (Some(one), Some(other)) => one.overlaps(other),
                _ => false,
            }
        }
        _ => true,
    }
}

fn queries_overlap(a: &Operation, b: &Operation) -> bool {
    conditions_allow(a, b) && conditions_allow(b, a)
}

/// Whether a request that meets the query conditions of `a` can meet those of `b`.
fn conditions_allow(a: &Operation, b: &Operation) -> bool {
    b.template.query.iter().all(|condition| {
        let Some(own) =
            a.template.query.iter().find(|own| own.name.eq_ignore_ascii_case(&condition.name))
        else {
            let forwards = a.extra_query == ExtraQueryParameters::Forward;
            return forwards || !b.requires(condition);
        };
        if !a.requires(own) && !b.requires(condition) {
            return true;
        }
        match (&own.expect, &condition.expect) {
            (Expect::Literal(one), Expect::Literal(other)) => one == other,
            (Expect::Literal(literal), Expect::Parameter(slot)) => {
                b.parameter(*slot).is_some_and(|p| p.judge(literal.as_bytes()).is_ok())
            }
            (Expect::Parameter(slot), Expect::Literal(literal)) => {
                a.parameter(*slot).is_some_and(|p| p.judge(literal.as_bytes()).is_ok())
            }
            (Expect::Parameter(one), Expect::Parameter(other)) => {
                match (a.parameter(*one), b.parameter(*other)) {
                    (Some(one), Some(other)) => one.overlaps(other),
                    _ => false,
                }
            }
        }
    })
}

/// Whether `a` takes every call that `b` takes.
pub(crate) fn covers(a: &Operation, b: &Operation) -> bool {
    a.method == b.method && path_covers(a, b) && query_covers(a, b)
}

fn path_covers(a: &Operation, b: &Operation) -> bool {
    let (mut left, mut right) = (a.template.path.iter(), b.template.path.iter());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (None, _) | (_, None) => return false,
            // What a rest may hold is its parameter's affair: taken as not covering.
            (Some(Segment::Rest(_)), _) | (_, Some(Segment::Rest(_))) => return false,
            (Some(one), Some(other)) => {
                if !segment_covers(a, one, b, other) {
                    return false;
                }
            }
        }
    }
}

fn segment_covers(a: &Operation, one: &Segment, b: &Operation, other: &Segment) -> bool {
    match (one, other) {
        (Segment::Literal(one), Segment::Literal(other)) => one == other,
        (Segment::Literal(literal), Segment::Parameter(slot)) => b.is_only(*slot, literal),
        (Segment::Parameter(slot), Segment::Literal(literal)) => {
            !literal.is_empty()
                && a.parameter(*slot).is_some_and(|p| p.judge(literal.as_bytes()).is_ok())
        }
        (Segment::Parameter(one), Segment::Parameter(other)) => {
            match (a.parameter(*one), b.parameter(*other)) {
                (Some(one), Some(other)) => one.covers(other),
                _ => false,
            }
        }
        (Segment::Rest(_), _) | (_, Segment::Rest(_)) => false,
    }
}

fn query_covers(a: &Operation, b: &Operation) -> bool {
    let of = |operation: &'_ Operation, name: &str| {
        operation.template.query.iter().position(|c| c.name.eq_ignore_ascii_case(name))
    };
    let conditions = a.template.query.iter().all(|condition| {
        let other = of(b, &condition.name).and_then(|index| b.template.query.get(index));
        match (other, &condition.expect) {
            // What `b` does not name may be there or not, with any value.
            (None, _) => false,
            (Some(other), _) if a.requires(condition) && !b.requires(other) => false,
            (Some(Condition { expect: Expect::Literal(literal), .. }), Expect::Literal(own)) => {
                own == literal
            }
            (Some(Condition { expect: Expect::Literal(literal), .. }), Expect::Parameter(slot)) => {
                a.parameter(*slot).is_some_and(|p| p.judge(literal.as_bytes()).is_ok())
            }
            (Some(Condition { expect: Expect::Parameter(slot), .. }), Expect::Literal(own)) => {
                b.is_only(*slot, own)
            }
            (Some(Condition { expect: Expect::Parameter(other), .. }), Expect::Parameter(own)) => {
                match (a.parameter(*own), b.parameter(*other)) {
                    (Some(own), Some(other)) => own.covers(other),
                    _ => false,
                }
            }
        }
    });
    let extra = a.extra_query == ExtraQueryParameters::Forward
        || (b.extra_query == ExtraQueryParameters::Refuse
            && b.template.query.iter().all(|c| of(a, &c.name).is_some()));
    conditions && extra
}

/// Whether every path of the operation lies below these segments, so that an API whose path they
/// lead to takes all its calls.
pub(crate) fn begins_with(operation: &Operation, prefix: &[&str]) -> bool {
    let path = &operation.template.path;
    path.len() >= prefix.len()
        && prefix.iter().zip(path).all(|(prefix, segment)| match segment {
            Segment::Literal(literal) => **literal == **prefix,
            Segment::Parameter(slot) => operation.is_only(*slot, prefix),
            Segment::Rest(_) => false,
        })
}
