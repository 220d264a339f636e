//! An index over an API's URL templates: from a path to the few operations that could match it.
//!
//! matchit finds one path shape. Other operations may match the same path too (another method,
//! another query, a less specific template), so each shape lists, most specific first, every
//! operation whose template could match a path of that shape. Whatever shape is found, its list is
//! complete, and going through it decides as going through all operations would.

use matchit::{InsertError, Router};

use super::Operation;
use super::template::{Expect, Segment, Template};

#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// matchit refuses `{name}` and `*` in one place: what one router refuses goes into the next.
    layers: Vec<Router<Vec<usize>>>,
}

impl Routes {
    /// `operations` are known to have no tie.
    pub(crate) fn new(operations: &[Operation]) -> Result<Self, InsertError> {
        let mut order: Vec<usize> = (0..operations.len()).collect();
        order.sort_by(|a, b| {
            let specificity = |index: &usize| operations.get(*index).map(|o| &o.specificity);
            specificity(b).cmp(&specificity(a))
        });
        let mut routes = Self::default();
        let mut shapes: Vec<String> = Vec::new();
        for operation in operations {
            let shape = shape(&operation.template);
            if shapes.contains(&shape) {
                continue;
            }
            let could_match = |index: &usize| {
                operations.get(*index).is_some_and(|other| {
                    // By structure alone: an operation whose parameter refuses a value must still
                    // be there to say so.
                    paths_overlap(&operation.template, &other.template, |_, _| true)
                })
            };
            routes.insert(&shape, order.iter().copied().filter(could_match).collect())?;
            shapes.push(shape);
        }
        Ok(routes)
    }

    /// The operations that could match `path`, most specific first.
    pub(crate) fn candidates(&self, path: &str) -> &[usize] {
        self.layers
            .iter()
            .find_map(|router| router.at(path).ok())
            .map_or(&[], |found| found.value.as_slice())
    }

    fn insert(&mut self, shape: &str, operations: Vec<usize>) -> Result<(), InsertError> {
        for router in &mut self.layers {
            match router.insert(shape, operations.clone()) {
                Ok(()) => return Ok(()),
                Err(InsertError::Conflict { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        let mut router = Router::new();
        router.insert(shape, operations)?;
        self.layers.push(router);
        Ok(())
    }
}

/// The template's path in matchit's syntax, its parameters named by position.
fn shape(template: &Template) -> String {
    let segments = template.path.iter().enumerate();
    segments
        .map(|(i, segment)| match segment {
            Segment::Literal(literal) => format!("/{literal}"),
            Segment::Parameter(_) => format!("/{{p{i}}}"),
            Segment::Rest(_) => format!("/{{*p{i}}}"),
        })
        .collect()
}

/// Whether some request matches both operations.
pub(crate) fn overlap(a: &Operation, b: &Operation) -> bool {
    let values = |one: &Segment, other: &Segment| parameters_overlap(a, one, b, other);
    a.method == b.method && paths_overlap(&a.template, &b.template, values) && queries_overlap(a, b)
}

/// Whether some path matches both templates, where `values` says whether a parameter can hold what
/// the other segment asks for.
fn paths_overlap(a: &Template, b: &Template, values: impl Fn(&Segment, &Segment) -> bool) -> bool {
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
            let forwards = a.extra_query == super::ExtraQueryParameters::Forward;
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

/// Whether every path below the literal segments `prefix` belongs to another API, so that no
/// request reaches the operation.
pub(crate) fn begins_with(operation: &Operation, prefix: &[&str]) -> bool {
    let literals = operation.template.path.iter().map_while(|segment| match segment {
        Segment::Literal(literal) => Some(literal.as_ref()),
        Segment::Parameter(_) | Segment::Rest(_) => None,
    });
    literals.take(prefix.len()).eq(prefix.iter().copied())
}
