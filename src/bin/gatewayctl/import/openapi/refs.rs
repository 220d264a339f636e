//! `$ref`: local ones are followed, a bounded number of times.

use crate::import::document::Node;

/// A chain of references that is longer is a circle.
const LONGEST: usize = 16;

pub(crate) const ADVICE: &str =
    "Mend the reference, or bundle the documents into one, and import again.";

pub(crate) struct Documents<'d> {
    pub(crate) root: &'d Node,
}

pub(crate) enum Found<'d> {
    Node(&'d Node),
    /// Why there is none, as the end of a sentence.
    Elsewhere(&'static str),
}

impl<'d> Documents<'d> {
    pub(crate) fn resolve(&self, node: &'d Node) -> Found<'d> {
        let mut node = node;
        for _ in 0..LONGEST {
            let Some(target) = node.member("$ref").and_then(Node::as_text) else {
                return Found::Node(node);
            };
            let Some(pointer) = target.strip_prefix('#') else {
                return Found::Elsewhere("refers to another document");
            };
            match self.root.pointer(pointer) {
                Some(found) => node = found,
                None => return Found::Elsewhere("refers to what this document does not have"),
            }
        }
        Found::Elsewhere("refers to itself")
    }

    pub(crate) fn node(&self, node: &'d Node) -> Option<&'d Node> {
        match self.resolve(node) {
            Found::Node(node) => Some(node),
            Found::Elsewhere(_) => None,
        }
    }
}
