//! Reads `credentials` and the secrets in them.
//!
//! By hand and not by serde, whose messages quote what they find: no message made here contains
//! anything that stands at or below `credentials`, not even a key's name.

use serde_json::value::RawValue;

use crate::policy::HeaderName;
use crate::policy::backend::{Credential, Credentials};
use crate::policy::problem::{JsonPath, Problems};
use crate::policy::read;
use crate::policy::secret::Secret;

use super::Environment;

const FORMS: &str = "must be { \"authorization\": { \"scheme\": ..., \"parameter\": SECRET } } or \
                     { \"header\": { NAME: SECRET } } or \"caller\" or \"none\"";
const AUTHORIZATION_FORM: &str = "must be { \"scheme\": ..., \"parameter\": SECRET }";
const HEADER_FORM: &str = "must be { NAME: SECRET }, with one header or more";
const SECRET_FORMS: &str =
    "must be { \"env\": NAME }, an environment variable in capitals, or { \"value\": KEY }";

pub(super) fn read(
    raw: &RawValue,
    path: &JsonPath,
    environment: Environment<'_>,
    problems: &mut Problems,
) -> Option<Credentials> {
    match serde_json::from_str::<String>(raw.get()).as_deref() {
        Ok("caller") => return Some(Credentials::Caller),
        Ok("none") => return Some(Credentials::Nothing),
        _ => {}
    }
    let members = read::members(raw);
    match single(&members) {
        Some(("authorization", value)) => {
            authorization(value, &path.key("authorization"), environment, problems)
                .map(|credential| Credentials::Keys(vec![credential]))
        }
        Some(("header", value)) => {
            headers(value, &path.key("header"), environment, problems).map(Credentials::Keys)
        }
        _ => {
            problems.error(path, FORMS);
            None
        }
    }
}

fn authorization(
    raw: &RawValue,
    path: &JsonPath,
    environment: Environment<'_>,
    problems: &mut Problems,
) -> Option<Credential> {
    let members = read::members(raw);
    let member = |name| members.iter().find(|(n, _)| n == name).map(|(_, value)| *value);
    let (2, Some(scheme), Some(parameter)) = (members.len(), member("scheme"), member("parameter"))
    else {
        problems.error(path, AUTHORIZATION_FORM);
        return None;
    };
    let Some(scheme) = serde_json::from_str::<String>(scheme.get())
        .ok()
        .filter(|scheme| HeaderName::parse(scheme).is_some())
    else {
        problems.error(&path.key("scheme"), "must be one word, as \"Bearer\"");
        return None;
    };
    let secret = secret(parameter, &path.key("parameter"), environment, problems)?;
    let header = HeaderName::parse("authorization")?;
    Some(Credential { header, value: secret.after_scheme(&scheme) })
}

fn headers(
    raw: &RawValue,
    path: &JsonPath,
    environment: Environment<'_>,
    problems: &mut Problems,
) -> Option<Vec<Credential>> {
    let members = read::members(raw);
    if members.is_empty() {
        problems.error(path, HEADER_FORM);
        return None;
    }
    let mut credentials: Vec<Credential> = Vec::new();
    for (name, value) in &members {
        let Some(header) = HeaderName::parse(name).filter(HeaderName::is_for_keys) else {
            problems.error(path, "has a name that is no header for a key, as \"api-key\" is");
            return None;
        };
        if credentials.iter().any(|seen| seen.header == header) {
            problems.error(path, "names one header twice");
            return None;
        }
        let value = secret(value, path, environment, problems)?;
        credentials.push(Credential { header, value });
    }
    Some(credentials)
}

fn secret(
    raw: &RawValue,
    path: &JsonPath,
    environment: Environment<'_>,
    problems: &mut Problems,
) -> Option<Secret> {
    let members = read::members(raw);
    let member = single(&members)
        .and_then(|(name, value)| Some((name, serde_json::from_str::<String>(value.get()).ok()?)));
    let (path, bytes) = match member {
        Some(("env", name)) if is_variable(&name) => {
            let path = path.key("env");
            match environment(&name) {
                Some(bytes) => (path, bytes),
                None => {
                    problems.error(
                        &path,
                        format!(
                            "the environment variable {name} is not set: set it in Envoy's \
                             environment and name it in host_env_keys, as gatewayctl render does"
                        ),
                    );
                    return None;
                }
            }
        }
        Some(("value", text)) => {
            let path = path.key("value");
            problems.warning(
                &path,
                "stands in the file, and Envoy's configuration dump shows it: use { \"env\": NAME }",
            );
            (path, text.into_bytes())
        }
        Some(("secret", _)) => {
            problems.error(
                path,
                format!("\"secret\" is not supported by this version: it {SECRET_FORMS}"),
            );
            return None;
        }
        _ => {
            problems.error(path, SECRET_FORMS);
            return None;
        }
    };
    match Secret::parse(&bytes) {
        Ok(secret) => Some(secret),
        Err(fault) => {
            problems.error(&path, format!("the key {fault}"));
            None
        }
    }
}

fn single<'m>(members: &'m [(String, &'m RawValue)]) -> Option<(&'m str, &'m RawValue)> {
    match members {
        [(name, value)] => Some((name, value)),
        _ => None,
    }
}

/// Whether a text is the usual name of an environment variable, and so no key that was put there
/// by mistake and would be named in a message.
fn is_variable(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}
