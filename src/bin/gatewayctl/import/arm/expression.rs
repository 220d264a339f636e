//! The expressions of ARM templates: `[concat(parameters('name'), '/x')]`.

use std::cell::Cell;

use crate::import::document::{Node, Place};
use crate::import::report::Report;

/// Values may be expressions again, and grow: these bound what one template can cost.
const DEPTH: usize = 24;
const STEPS: u32 = 200_000;
const LONGEST: usize = 4 << 20;

/// Stands for what the template does not have.
const UNKNOWN: &str = "?";

pub(crate) struct Template<'d> {
    document: &'d Node,
    steps: Cell<u32>,
}

impl<'d> Template<'d> {
    pub(crate) fn new(document: &'d Node) -> Self {
        Self { document, steps: Cell::new(0) }
    }

    /// A name, whose unknown parts do not matter: the service's own.
    pub(crate) fn text(&self, text: &str) -> String {
        match self.value(text) {
            Ok(Node::Text(text)) => text,
            _ => UNKNOWN.to_owned(),
        }
    }

    /// Puts values in the place of expressions; what has none is removed and reported.
    pub(crate) fn evaluate_all(&self, node: &mut Node, place: &Place, report: &mut Report) {
        match node {
            Node::Text(text) if is_expression(text) => match self.strict(text) {
                Ok(value) => *node = value,
                Err(fault) => {
                    report.lost(
                        place,
                        format!("an expression {fault}"),
                        "Give the template's parameter a defaultValue, or write the value in its place.",
                    );
                    *node = Node::Null;
                }
            },
            Node::Text(text) if text.starts_with("[[") => {
                *text = text.strip_prefix('[').unwrap_or_default().to_owned();
            }
            Node::List(items) => {
                for (i, item) in items.iter_mut().enumerate() {
                    self.evaluate_all(item, &place.index(i), report);
                }
            }
            Node::Map(members) => {
                for (name, member) in members {
                    self.evaluate_all(member, &place.key(name), report);
                }
            }
            _ => {}
        }
    }

    /// Only what is known whole.
    fn strict(&self, text: &str) -> Result<Node, String> {
        let mut parser = Parser { template: self, rest: inner(text), depth: DEPTH, unknown: None };
        let value = parser.whole()?;
        match parser.unknown {
            Some(what) => Err(format!("whose {what} the template does not have")),
            None => Ok(value),
        }
    }

    fn value(&self, text: &str) -> Result<Node, String> {
        if !is_expression(text) {
            return Ok(Node::text(text));
        }
        Parser { template: self, rest: inner(text), depth: DEPTH, unknown: None }.whole()
    }
}

fn is_expression(text: &str) -> bool {
    text.starts_with('[') && text.ends_with(']') && !text.starts_with("[[")
}

fn inner(text: &str) -> &str {
    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text)
}

struct Parser<'t, 'd, 'e> {
    template: &'t Template<'d>,
    rest: &'e str,
    depth: usize,
    /// What had no value.
    unknown: Option<String>,
}

impl Parser<'_, '_, '_> {
    fn whole(&mut self) -> Result<Node, String> {
        let value = self.expression()?;
        match self.rest.trim() {
            "" => Ok(value),
            _ => Err("that this importer cannot read".into()),
        }
    }

    fn expression(&mut self) -> Result<Node, String> {
        let steps = self.template.steps.get().saturating_add(1);
        self.template.steps.set(steps);
        if self.depth == 0 || steps > STEPS {
            return Err("that is too long or too deep".into());
        }
        self.rest = self.rest.trim_start();
        if let Some(rest) = self.rest.strip_prefix('\'') {
            self.rest = rest;
            return self.string();
        }
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if let Ok(number) = word.parse::<i64>() {
            self.rest = rest;
            return Ok(Node::Number(number.into()));
        }
        let Some(rest) = rest.trim_start().strip_prefix('(') else {
            return Err("that this importer cannot read".into());
        };
        self.rest = rest;
        let arguments = self.arguments()?;
        let value = self.call(word, &arguments)?;
        // `.properties` and `[0]` of a value: only of what is not known here.
        if self.rest.starts_with(['.', '[']) {
            return Err("that this importer cannot read".into());
        }
        Ok(value)
    }

    /// Two quotes are one.
    fn string(&mut self) -> Result<Node, String> {
        let mut text = String::new();
        loop {
            let Some((part, rest)) = self.rest.split_once('\'') else {
                return Err("whose string does not end".into());
            };
            text.push_str(part);
            match rest.strip_prefix('\'') {
                Some(rest) => {
                    text.push('\'');
                    self.rest = rest;
                }
                None => {
                    self.rest = rest;
                    return Ok(Node::Text(text));
                }
            }
        }
    }

    fn arguments(&mut self) -> Result<Vec<Node>, String> {
        let mut arguments = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if let Some(rest) = self.rest.strip_prefix(')') {
                self.rest = rest;
                return Ok(arguments);
            }
            self.depth = self.depth.saturating_sub(1);
            arguments.push(self.expression()?);
            self.depth = self.depth.saturating_add(1);
            self.rest = self.rest.trim_start();
            if let Some(rest) = self.rest.strip_prefix(',') {
                self.rest = rest;
            } else if !self.rest.starts_with(')') {
                return Err("that this importer cannot read".into());
            }
        }
    }

    fn call(&mut self, function: &str, arguments: &[Node]) -> Result<Node, String> {
        let texts: Vec<String> =
            arguments.iter().map(|node| node.scalar().unwrap_or_default()).collect();
        let first = texts.first().map(String::as_str).unwrap_or_default();
        let text = match function.to_ascii_lowercase().as_str() {
            "parameters" => return self.named("parameters", first),
            "variables" => return self.named("variables", first),
            "concat" => texts.concat(),
            "tolower" => first.to_lowercase(),
            "toupper" => first.to_uppercase(),
            "string" => first.to_owned(),
            "format" => {
                texts.iter().skip(1).enumerate().fold(first.to_owned(), |text, (i, value)| {
                    // Each value once for each place: it cannot grow beyond what the bound below allows.
                    if text.len() > LONGEST {
                        text
                    } else {
                        text.replace(&format!("{{{i}}}"), value)
                    }
                })
            }
            // The end of an id is what names a resource.
            "resourceid" => resource_id(&texts),
            _ => {
                self.unknown.get_or_insert_with(|| format!("{}()", function.escape_debug()));
                UNKNOWN.to_owned()
            }
        };
        if text.len() > LONGEST {
            return Err("that is too long or too deep".into());
        }
        Ok(Node::Text(text))
    }

    /// A parameter's default, or a variable.
    fn named(&mut self, kind: &str, name: &str) -> Result<Node, String> {
        let all = self.template.document.member(kind).map(Node::members).unwrap_or_default();
        // Names of templates compare without case.
        let found =
            all.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, node)| node);
        let value = if kind == "parameters" {
            found.and_then(|node| node.member("defaultValue"))
        } else {
            found
        };
        match value {
            Some(Node::Text(text)) if is_expression(text) => {
                let depth = self.depth.saturating_sub(1);
                let mut parser =
                    Parser { template: self.template, rest: inner(text), depth, unknown: None };
                let value = parser.whole()?;
                self.unknown = self.unknown.take().or(parser.unknown);
                Ok(value)
            }
            Some(node) => Ok(node.clone()),
            None => {
                let noun = if kind == "parameters" { "parameter" } else { "variable" };
                self.unknown.get_or_insert_with(|| format!("{noun} {}", name.escape_debug()));
                Ok(Node::text(UNKNOWN))
            }
        }
    }
}

/// `resourceId('Microsoft.ApiManagement/service/products', 'service', 'starter')`.
fn resource_id(texts: &[String]) -> String {
    let Some(at) = texts.iter().position(|text| text.contains('/')) else { return texts.join("/") };
    let kinds = texts.get(at).map(String::as_str).unwrap_or_default();
    let (provider, kinds) = kinds.split_once('/').unwrap_or((kinds, ""));
    let names = texts.iter().skip(at.saturating_add(1)).map(String::as_str);
    let pairs: Vec<String> =
        kinds.split('/').zip(names).map(|(kind, name)| format!("{kind}/{name}")).collect();
    format!("/providers/{provider}/{}", pairs.join("/"))
}
