//! What is wrong with a policy file: every problem, each with its JSON path.
//!
//! A problem says where, what, and what would be right. It never quotes a value at or below a
//! credential's place: messages end up in Envoy's log.

use std::fmt;

/// A place in the policy file, as `apis[0].operations[1].urlTemplate`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JsonPath(String);

/// One thing that is wrong, or that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub severity: Severity,
    pub path: JsonPath,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The policy is refused.
    Error,
    /// The policy loads; the operator is told.
    Warning,
}

/// Collects problems over one pass of the whole file.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl JsonPath {
    pub fn key(&self, key: &str) -> Self {
        if self.0.is_empty() { Self(key.to_owned()) } else { Self(format!("{}.{key}", self.0)) }
    }

    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// Appends a path that is already written out, as `operations[1].name`.
    pub fn join(&self, rest: &str) -> Self {
        match rest {
            // What serde_path_to_error says of a place that it cannot name.
            "" | "." | "?" => self.clone(),
            _ => self.key(rest),
        }
    }
}

impl Problems {
    pub fn error(&mut self, path: &JsonPath, message: impl Into<String>) {
        self.push(Severity::Error, path, message.into());
    }

    pub fn warning(&mut self, path: &JsonPath, message: impl Into<String>) {
        self.push(Severity::Warning, path, message.into());
    }

    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|p| p.severity == Severity::Error)
    }

    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }

    fn push(&mut self, severity: Severity, path: &JsonPath, message: String) {
        self.0.push(Problem { severity, path: path.clone(), message });
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "policy" } else { &self.0 })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}
