//! What became of a call, however it ran, held against what a case expects.

use std::fmt;

use azureml_gateway::policy::REFUSAL_HEADER;
use azureml_gateway::uri;

use crate::format::{CALLERS_SECRET, Expect};

#[derive(Debug)]
pub enum Outcome {
    Answered {
        status: u16,
        headers: Headers,
        body: Vec<u8>,
    },
    /// A backend has it. The answer came from there.
    Forwarded {
        backend: String,
        target: Vec<u8>,
        headers: Headers,
        /// What logs and statistics call it, as far as it is known here.
        label: Option<String>,
        answer: Option<(u16, Vec<u8>)>,
    },
    /// It goes on to Envoy's other routes.
    Untouched,
    /// It goes on to the route of a file of the portal's.
    File(String),
}

pub type Headers = Vec<(String, Vec<u8>)>;

impl Outcome {
    /// What holds whatever a case expects: nothing of the gateway's or the caller's own reaches a
    /// backend, and what does is canonical.
    pub fn check_invariants(&self) -> Result<(), String> {
        let Self::Forwarded { target, headers, .. } = self else { return Ok(()) };
        let path = target.split(|b| *b == b'?').next().unwrap_or_default();
        ensure(
            uri::check_path(path).is_ok(),
            format!("the backend's path is not canonical: {self}"),
        )?;
        for (name, value) in headers {
            let name = name.replace('_', "-");
            let hidden = !name.starts_with("x-gateway-") && !name.starts_with("x-envoy-");
            ensure(hidden, format!("an internal header reached the backend: {name}"))?;
            let line = String::from_utf8_lossy(value);
            ensure(
                !line.contains(CALLERS_SECRET),
                format!("the caller's {name} reached the backend"),
            )?;
        }
        let target = String::from_utf8_lossy(target);
        ensure(
            !target.contains(CALLERS_SECRET),
            "the caller's key reached the backend's query".into(),
        )
    }

    pub fn check(&self, expect: &Expect) -> Result<(), String> {
        self.check_invariants()?;
        match (expect, self) {
            (Expect::Untouched, Self::Untouched) => Ok(()),
            (Expect::File(expected), Self::File(file)) => same("file", expected, file),
            (Expect::Answered(expected), Self::Answered { status, headers, body }) => {
                same("status", &expected.status, status)?;
                same("refusal", &None, &header(headers, REFUSAL_HEADER))?;
                for (name, value) in &expected.headers {
                    same(name, &Some(value.clone()), &header(headers, name))?;
                }
                let body = String::from_utf8_lossy(body).into_owned();
                if let Some(whole) = &expected.body {
                    same("body", whole, &body)?;
                }
                for text in &expected.has {
                    ensure(body.contains(text), format!("the body has no {text}: {body}"))?;
                }
                for text in &expected.lacks {
                    ensure(!body.contains(text), format!("the body has {text}: {body}"))?;
                }
                Ok(())
            }
            (Expect::Refused(expected), Self::Answered { status, headers, body }) => {
                same("status", &expected.status, status)?;
                same("refusal", &Some(expected.code.clone()), &header(headers, REFUSAL_HEADER))?;
                for (name, value) in &expected.headers {
                    same(name, &Some(value.clone()), &header(headers, name))?;
                }
                if let Some(whole) = &expected.body {
                    same("body", whole, &String::from_utf8_lossy(body).into_owned())?;
                }
                if let Some(message) = &expected.message {
                    let message = serde_json::Value::from(message.as_str());
                    let whole = format!("{{ \"statusCode\": {status}, \"message\": {message} }}");
                    same("body", &whole, &String::from_utf8_lossy(body).into_owned())?;
                }
                Ok(())
            }
            (
                Expect::Forwarded(expected),
                Self::Forwarded { backend, target, headers, label, answer },
            ) => {
                same("backend", &expected.backend, backend)?;
                same("target", &expected.target, &String::from_utf8_lossy(target).into_owned())?;
                for (name, value) in &expected.headers {
                    same(name, &Some(value.clone()), &header(headers, name))?;
                }
                for name in &expected.absent {
                    same(name, &None, &header(headers, name))?;
                }
                if let (Some(expected), Some(label)) = (&expected.outcome, label) {
                    same("outcome", expected, label)?;
                }
                if let (Some((status, body)), Some(expected)) = (answer, expected.status) {
                    same("answer", &(expected, ()), &(*status, ()))
                        .map_err(|e| format!("{e}: {}", String::from_utf8_lossy(body)))?;
                }
                if let (Some((_, body)), Some(text)) = (answer, &expected.body) {
                    let body = String::from_utf8_lossy(body);
                    ensure(
                        body.contains(text.as_str()),
                        format!("the answer has no {text}: {body}"),
                    )?;
                }
                Ok(())
            }
            (expect, outcome) => Err(format!("expected {expect:?}\n     got {outcome}")),
        }
    }
}

/// A header that stands exactly once; its copies joined if it stands more often.
fn header(headers: &Headers, name: &str) -> Option<String> {
    let lines: Vec<_> = headers
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| String::from_utf8_lossy(value))
        .collect();
    (!lines.is_empty()).then(|| lines.join(" AND "))
}

fn same<T: PartialEq + fmt::Debug>(what: &str, expected: &T, got: &T) -> Result<(), String> {
    ensure(expected == got, format!("{what}: expected {expected:?}, got {got:?}"))
}

fn ensure(holds: bool, message: String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(message) }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { status, headers, body } => {
                let code = header(headers, REFUSAL_HEADER);
                write!(f, "answered {status} {code:?} {}", String::from_utf8_lossy(body))
            }
            Self::Forwarded { backend, target, .. } => {
                write!(f, "forwarded to {backend}: {}", target.escape_ascii())
            }
            Self::Untouched => f.write_str("untouched"),
            Self::File(name) => write!(f, "the portal's file {name}"),
        }
    }
}
