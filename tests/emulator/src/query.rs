//! The query's parameters. Clients send `details` and `format` in any mix, and both may be missing.
//!
//! Names and boolean values compare without case, as .NET, which the service was written in, does by itself
//! (inferred). Parameters that the service does not know are ignored (inferred).

use axum::http::Uri;

use crate::fault::Fault;

/// The only version found in real traffic.
const VERSION: &str = "2.0";

/// A query, decoded.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// A parameter of the service that comes twice is refused.
    pub(crate) fn of(uri: &Uri) -> Result<Self, Fault> {
        let query = uri.query().unwrap_or_default();
        let query = Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect());
        for name in ["api-version", "details", "format"] {
            if query.values(name).count() > 1 {
                return Err(Fault::InvalidQueryParameter(name, "It must not be repeated."));
            }
        }
        Ok(query)
    }

    pub(crate) fn require_version(&self) -> Result<(), Fault> {
        match self.value("api-version") {
            Some(VERSION) => Ok(()),
            other => Err(Fault::BadVersionCall(other.unwrap_or_default().to_owned())),
        }
    }

    /// The swagger document is given without a version too.
    pub(crate) fn allow_version(&self) -> Result<(), Fault> {
        self.value("api-version").map_or(Ok(()), |_| self.require_version())
    }

    /// Whether the answer of RRS names its columns and types: only if asked for.
    pub(crate) fn details(&self) -> Result<bool, Fault> {
        match self.value("details") {
            None => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(Fault::InvalidQueryParameter("details", "It must be true or false.")),
        }
    }

    /// Whether RRS speaks in objects (`format=swagger`) instead of tables.
    pub(crate) fn swagger(&self) -> Result<bool, Fault> {
        match self.value("format") {
            None => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("swagger") => Ok(true),
            Some(_) => Err(Fault::InvalidQueryParameter("format", "It must be swagger.")),
        }
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<Query, Fault> {
        Query::of(&format!("/x?{text}").parse().unwrap())
    }

    #[test]
    fn details_is_a_boolean_and_false_unless_given() {
        for (text, expected) in [
            ("", Some(false)),
            ("details=true", Some(true)),
            ("Details=True", Some(true)),
            ("d%65tails=tru%65", Some(true)),
            ("details=false", Some(false)),
            ("details=", None),
            ("details=1", None),
        ] {
            assert_eq!(query(text).unwrap().details().ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_parameter_of_the_service_comes_at_most_once() {
        assert!(query("details=true&details=true").is_err());
        assert!(query("api-version=2.0&API-Version=2.0").is_err());
        assert!(query("other=1&other=2").is_ok());
    }
}
