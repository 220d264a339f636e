//! URL templates: what an operation's path and query look like.
//!
//! ```text
//! /workspaces/{workspace}/jobs/{*rest}?api-version={apiversion}&format=swagger
//! ```
//!
//! A path segment is a literal, `{name}` (one whole segment, not empty), or, in the last place,
//! `{*name}` or `*` (one or more segments). A query part is `name=literal` or `name={name}`; its
//! order does not matter and its name compares without case. A parameter's name stands once.

use std::fmt;

/// The place of a parameter among its operation's parameters, in order of appearance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub usize);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Never empty. The last one may be the empty literal: a template that ends with a slash.
    pub path: Vec<Segment>,
    pub query: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    Literal(Box<str>),
    Parameter(Slot),
    /// The last place only.
    Rest(Option<Slot>),
}

/// One query part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub name: Box<str>,
    pub expect: Expect,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    Literal(Box<str>),
    Parameter(Slot),
}

/// Where a parameter's name stands in a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Segment,
    Rest,
    Query,
}

/// Which of two templates that match one request is the operation: the greater one. Paths compare
/// segment by segment from the left, a literal before a parameter before the rest; then the one
/// that fixes more query values, then the one that asks for more query parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Specificity {
    pub path: Vec<SegmentKind>,
    pub fixed: usize,
    pub required: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SegmentKind {
    Rest,
    Parameter,
    Literal,
}

impl Template {
    /// Parses `text`. `slot` gives each parameter its slot, or says why it must not stand there.
    pub fn parse(
        text: &str,
        mut slot: impl FnMut(&str, Place) -> Result<Slot, String>,
    ) -> Result<Self, String> {
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text, None),
        };
        let Some(path) = path.strip_prefix('/') else {
            return Err("must begin with \"/\"".into());
        };
        let count = path.split('/').count();
        let path = path
            .split('/')
            .enumerate()
            .map(|(i, segment)| parse_segment(segment, i.saturating_add(1) == count, &mut slot))
            .collect::<Result<_, _>>()?;
        let mut conditions: Vec<Condition> = Vec::new();
        for part in query.into_iter().flat_map(|query| query.split('&')) {
            let condition = parse_condition(part, &mut slot)?;
            if conditions.iter().any(|seen| seen.name.eq_ignore_ascii_case(&condition.name)) {
                return Err(format!("has the query part \"{}\" twice", condition.name));
            }
            conditions.push(condition);
        }
        Ok(Self { path, query: conditions })
    }

    pub fn specificity(&self, fixed: usize, required: usize) -> Specificity {
        let path = self.path.iter().map(Segment::kind).collect();
        Specificity { path, fixed, required }
    }

    /// Writes the template with its parameters' names.
    pub fn display<'t>(&'t self, names: &'t [&'t str]) -> impl fmt::Display + 't {
        Display { template: self, names }
    }
}

impl Segment {
    fn kind(&self) -> SegmentKind {
        match self {
            Self::Literal(_) => SegmentKind::Literal,
            Self::Parameter(_) => SegmentKind::Parameter,
            Self::Rest(_) => SegmentKind::Rest,
        }
    }
}

struct Display<'t> {
    template: &'t Template,
    names: &'t [&'t str],
}

impl Display<'_> {
    fn name(&self, slot: Slot) -> &str {
        self.names.get(slot.0).copied().unwrap_or_default()
    }
}

impl fmt::Display for Display<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.template.path {
            match segment {
                Segment::Literal(literal) => write!(f, "/{literal}")?,
                Segment::Parameter(slot) => write!(f, "/{{{}}}", self.name(*slot))?,
                Segment::Rest(Some(slot)) => write!(f, "/{{*{}}}", self.name(*slot))?,
                Segment::Rest(None) => f.write_str("/*")?,
            }
        }
        for (i, condition) in self.template.query.iter().enumerate() {
            let separator = if i == 0 { '?' } else { '&' };
            match &condition.expect {
                Expect::Literal(literal) => write!(f, "{separator}{}={literal}", condition.name)?,
                Expect::Parameter(slot) => {
                    write!(f, "{separator}{}={{{}}}", condition.name, self.name(*slot))?;
                }
            }
        }
        Ok(())
    }
}

fn parse_segment(
    text: &str,
    last: bool,
    slot: &mut impl FnMut(&str, Place) -> Result<Slot, String>,
) -> Result<Segment, String> {
    if text == "*" || text.starts_with("{*") {
        if !last {
            return Err(format!("has \"{text}\" before the end: it can only be the last segment"));
        }
        if text == "*" {
            return Ok(Segment::Rest(None));
        }
    }
    if let Some(name) = text.strip_prefix("{*").and_then(|text| text.strip_suffix('}')) {
        return Ok(Segment::Rest(Some(slot(parameter_name(name)?, Place::Rest)?)));
    }
    if let Some(name) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        return Ok(Segment::Parameter(slot(parameter_name(name)?, Place::Segment)?));
    }
    if text.is_empty() && !last {
        return Err("has an empty segment (\"//\")".into());
    }
    if text == "." || text == ".." {
        return Err("has a dot segment".into());
    }
    if text.contains(['{', '}']) {
        return Err(format!(
            "has \"{text}\": a parameter must be a whole segment, as \"{{name}}\""
        ));
    }
    match text.bytes().find(|b| !is_literal(*b)) {
        Some(_) => Err(format!(
            "has \"{}\": a literal segment may hold letters, digits and -._~!$&'()+,=:@",
            text.escape_default()
        )),
        None => Ok(Segment::Literal(text.into())),
    }
}

fn parse_condition(
    text: &str,
    slot: &mut impl FnMut(&str, Place) -> Result<Slot, String>,
) -> Result<Condition, String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(format!(
            "has the query part \"{}\": it must be name=literal or name={{parameter}}",
            text.escape_default()
        ));
    };
    if name.is_empty() || !name.bytes().all(is_query_name) {
        return Err(format!(
            "has the query name \"{}\": it may hold letters, digits and -._~$:@/[]",
            name.escape_default()
        ));
    }
    let expect = match value.strip_prefix('{').and_then(|value| value.strip_suffix('}')) {
        Some(parameter) => Expect::Parameter(slot(parameter_name(parameter)?, Place::Query)?),
        None if value.bytes().all(is_query_literal) => Expect::Literal(value.into()),
        None => {
            return Err(format!(
                "has the query value \"{}\": it must be {{parameter}}, or letters, digits and \
                 -._~!$'(),:@/*",
                value.escape_default()
            ));
        }
    };
    Ok(Condition { name: name.into(), expect })
}

fn parameter_name(name: &str) -> Result<&str, String> {
    let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(valid) {
        return Err(format!(
            "has the parameter \"{{{}}}\": its name may hold letters, digits and -_.",
            name.escape_default()
        ));
    }
    Ok(name)
}

/// RFC 3986 `pchar` without escapes, `;` and `*`.
fn is_literal(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~!$&'()+,=:@".contains(&b)
}

fn is_query_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~$:@/[]".contains(&b)
}

fn is_query_literal(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~!$'(),:@/*".contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(Template, Vec<String>), String> {
        let mut names: Vec<String> = Vec::new();
        let template = Template::parse(text, |name, _| {
            names.push(name.to_owned());
            Ok(Slot(names.len() - 1))
        })?;
        Ok((template, names))
    }

    #[test]
    fn a_template_prints_as_it_was_written() {
        for text in [
            "/",
            "/score",
            "/jobs/",
            "/workspaces/{workspace}/services/{service}/execute?api-version={apiversion}&details={details}",
            "/a/{*rest}",
            "/a/*?x=1&y={z}",
            "/openai/deployments/{deployment}/chat/completions?api-version=2024-10-21",
        ] {
            let (template, names) = parse(text).unwrap();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            assert_eq!(template.display(&names).to_string(), text);
        }
    }

    #[test]
    fn a_template_that_says_something_else_is_refused() {
        for (text, message) in [
            ("score", "must begin with \"/\""),
            ("", "must begin with \"/\""),
            ("/a//b", "has an empty segment (\"//\")"),
            ("/a/../b", "has a dot segment"),
            ("/a/{b", "has \"{b\": a parameter must be a whole segment, as \"{name}\""),
            ("/a/x{b}", "has \"x{b}\": a parameter must be a whole segment, as \"{name}\""),
            ("/*/b", "has \"*\" before the end: it can only be the last segment"),
            ("/{*a}/b", "has \"{*a}\" before the end: it can only be the last segment"),
            (
                "/a%2fb",
                "has \"a%2fb\": a literal segment may hold letters, digits and -._~!$&'()+,=:@",
            ),
            ("/a;b", "has \"a;b\": a literal segment may hold letters, digits and -._~!$&'()+,=:@"),
            ("/{}", "has the parameter \"{}\": its name may hold letters, digits and -_."),
            ("/a?b", "has the query part \"b\": it must be name=literal or name={parameter}"),
            ("/a?", "has the query part \"\": it must be name=literal or name={parameter}"),
            ("/a?b=1&B=2", "has the query part \"B\" twice"),
            ("/a?b c=1", "has the query name \"b c\": it may hold letters, digits and -._~$:@/[]"),
        ] {
            assert_eq!(parse(text).unwrap_err(), message, "{text}");
        }
    }

    #[test]
    fn a_literal_is_more_specific_than_a_parameter_and_that_than_the_rest() {
        let rank = |text: &str| parse(text).unwrap().0.specificity(0, 0);
        let descending = ["/a/b/c", "/a/b/{c}", "/a/b/*", "/a/{b}/c", "/a/*", "/{a}/b/c", "/*"];
        assert!(descending.is_sorted_by(|more, less| rank(more) > rank(less)));
    }
}
