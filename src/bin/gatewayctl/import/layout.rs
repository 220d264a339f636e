//! Writes JSON as a person would: what fits into a line stays in one.

use super::document::Node;

const WIDTH: usize = 100;

/// The whole document, with a final line end.
pub(crate) fn write(node: &Node) -> String {
    let mut text = String::new();
    broken(node, 0, &mut text);
    text.push('\n');
    text
}

/// `used` is what stands on the line before the value.
fn value(node: &Node, indent: usize, used: usize, text: &mut String) {
    match inline(node, WIDTH.saturating_sub(used).saturating_sub(1)) {
        Some(line) => text.push_str(&line),
        None => broken(node, indent, text),
    }
}

fn broken(node: &Node, indent: usize, text: &mut String) {
    let inner = indent.saturating_add(2);
    let pad = " ".repeat(inner);
    let (open, close, count) = match node {
        Node::List(items) if !items.is_empty() => ('[', ']', items.len()),
        Node::Map(members) if !members.is_empty() => ('{', '}', members.len()),
        scalar => return text.push_str(&atom(scalar)),
    };
    text.push(open);
    for place in 0..count {
        text.push_str(if place == 0 { "\n" } else { ",\n" });
        text.push_str(&pad);
        match node {
            Node::List(items) => {
                items.get(place).into_iter().for_each(|item| value(item, inner, inner, text));
            }
            _ => {
                for (name, member) in node.members().get(place).into_iter() {
                    let name = format!("{}: ", quoted(name));
                    text.push_str(&name);
                    value(member, inner, inner.saturating_add(name.len()), text);
                }
            }
        }
    }
    text.push('\n');
    text.push_str(&" ".repeat(indent));
    text.push(close);
}

/// In one line of at most `room`; none if it does not fit.
fn inline(node: &Node, room: usize) -> Option<String> {
    let text = match node {
        Node::List(items) if !items.is_empty() => {
            let parts = join(items.iter().map(|item| inline(item, room)), room)?;
            format!("[{parts}]")
        }
        Node::Map(members) if !members.is_empty() => {
            let member = |(name, value): &(String, Node)| {
                Some(format!("{}: {}", quoted(name), inline(value, room)?))
            };
            format!("{{ {} }}", join(members.iter().map(member), room)?)
        }
        scalar => atom(scalar),
    };
    (text.chars().count() <= room).then_some(text)
}

/// Gives up as soon as there is no more room.
fn join(parts: impl Iterator<Item = Option<String>>, room: usize) -> Option<String> {
    let mut text = String::new();
    for part in parts {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&part?);
        if text.len() > room.saturating_mul(4) {
            return None;
        }
    }
    Some(text)
}

fn atom(node: &Node) -> String {
    match node {
        Node::Null => "null".into(),
        Node::Bool(value) => value.to_string(),
        Node::Number(number) => number.to_string(),
        Node::Text(text) => quoted(text),
        Node::List(_) => "[]".into(),
        Node::Map(_) => "{}".into(),
    }
}

fn quoted(text: &str) -> String {
    // Text always is.
    serde_json::to_string(text).unwrap_or_default()
}
