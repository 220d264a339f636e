//! Reads policy documents. Their expressions hold quotes and angle brackets that XML would not take
//! in that place; they are escaped first, and no line moves.

use roxmltree::{Document, ParsingOptions};

use super::PolicyText;

const MOST_NODES: u32 = 50_000;
/// Deeper nesting is no policy that a person wrote.
const DEPTH: usize = 100;

/// The text that can be parsed as XML.
pub(super) fn prepare(policy: &PolicyText) -> Result<String, String> {
    let text = escape_expressions(policy.text.trim_start_matches('\u{feff}'));
    match depth(&text) > DEPTH {
        true => Err(format!("{}: elements are nested more than {DEPTH} deep", policy.place)),
        false => Ok(text),
    }
}

/// DTDs are refused, and with them all entities but XML's own.
pub(super) fn parse<'t>(text: &'t str, policy: &PolicyText) -> Result<Document<'t>, String> {
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options)
        .map_err(|error| format!("{}: is not a policy in XML: {error}", policy.place))
}

/// How deep elements nest, over the text alone: a parser may use a stack for it.
fn depth(text: &str) -> usize {
    let mut open: usize = 0;
    let mut deepest = 0;
    let mut parts = text.split('<');
    parts.next();
    for part in parts {
        match part.as_bytes().first() {
            Some(b'/') => open = open.saturating_sub(1),
            Some(b'!' | b'?') | None => {}
            Some(_) if part.split('>').next().is_some_and(|tag| tag.ends_with('/')) => {}
            Some(_) => open = open.saturating_add(1),
        }
        deepest = deepest.max(open);
    }
    deepest
}

/// Escapes what stands inside `@(...)` and `@{...}`, which API Management takes as it is.
fn escape_expressions(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['@', '<']) {
        let (before, found) = rest.split_at(start);
        escaped.push_str(before);
        if let Some(comment) = found.strip_prefix("<!--") {
            // Comments may speak of expressions.
            let end = comment.find("-->").map_or(found.len(), |end| end.saturating_add(7));
            let (comment, after) = found.split_at(end);
            escaped.push_str(comment);
            rest = after;
            continue;
        }
        let end = if found.starts_with("@(") || found.starts_with("@{") {
            expression_end(found)
        } else {
            None
        };
        let (part, after) = found.split_at(end.unwrap_or(1));
        match end {
            Some(_) => escape(part, &mut escaped),
            None => escaped.push_str(part),
        }
        rest = after;
    }
    escaped.push_str(rest);
    escaped
}

/// Behind the bracket that closes the first one, strings and characters of C# left alone.
fn expression_end(text: &str) -> Option<usize> {
    let mut depth: usize = 0;
    let mut quote: Option<char> = None;
    let mut escaped = false;
    // `&quot;` is a quote too.
    let text_of_entity = |at: usize| text.get(at..).is_some_and(|rest| rest.starts_with("&quot;"));
    for (at, c) in text.char_indices() {
        let c = if c == '&' && text_of_entity(at) { '"' } else { c };
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None => match c {
                '"' | '\'' => quote = Some(c),
                '(' | '{' => depth = depth.saturating_add(1),
                ')' | '}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return at.checked_add(1);
                    }
                }
                _ => {}
            },
        }
    }
    None
}

fn escape(text: &str, escaped: &mut String) {
    for (at, c) in text.char_indices() {
        let entity = || {
            let rest = text.get(at..).unwrap_or_default();
            ["&quot;", "&amp;", "&lt;", "&gt;", "&apos;", "&#"]
                .iter()
                .any(|entity| rest.starts_with(entity))
        };
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '&' if !entity() => escaped.push_str("&amp;"),
            c => escaped.push(c),
        }
    }
}
