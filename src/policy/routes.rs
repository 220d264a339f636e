//! An index over an API's URL templates: from a path to the few operations that could match it.
//!
//! matchit finds one path shape. Other operations may match the same path too (another method,
//! another query, a less specific template), so each shape lists, most specific first, every
//! operation whose template could match a path of that shape. Whatever shape is found, its list is
//! complete, and going through it decides as going through all operations would.

use matchit::{InsertError, Router};

use super::Operation;
use super::overlap::paths_overlap;
use super::template::{Segment, Template};

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
