//! The refusals: one table of status, code and message. Nothing else builds an error reply.

use std::borrow::Cow;

use crate::policy::limit::Kind;
use crate::policy::parameter::Rule;
use crate::policy::{Compatibility, ErrorFormat, Protocol, REFUSAL_HEADER};
use crate::uri::PathFault;

use super::Reply;
use super::error_format::ErrorBody;
use super::limits::Exceeded;
use super::query::QueryFault;
use super::subscription::KeyFault;
use super::wording::{demand, key_code, key_message, path_fault, quoted, time_span};

/// Why a call is refused. It holds names and values of the policy; of the caller's only the host, read
/// as one, in the challenge of [`Refusal::Key`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal<'p> {
    /// Below no API's path.
    Unmatched,
    Path(PathFault),
    Authority,
    Query(QueryFault),
    Upgrade,
    Protocol(Vec<Protocol>),
    /// No template of the API has this path.
    NoOperation,
    Method(Vec<&'p str>),
    MissingParameter(&'p str),
    RepeatedParameter(&'p str),
    Parameter(&'p str, Rule<'p>),
    UnknownParameter(Vec<&'p str>),
    /// The subscription key; with the challenge that says where it belongs.
    Key(KeyFault, String),
    /// A rate limit or a quota.
    Exceeded(Exceeded<'p>),
    /// The call could not be charged, as others were faster.
    Contended,
    /// The backend takes the caller's own credential.
    Credential(CredentialFault),
    /// The operation is known, but no backend matches its parameters.
    NoBackend,
    /// A parameter's value has no place in the backend's path.
    Rewrite(&'p str),
    /// A query parameter that the operation's rewrite sets.
    ReservedParameter(&'p str),
}

/// Every code of the table.
pub const CODES: [&str; 26] = [
    "credential_missing",
    "credential_repeated",
    "invalid_host",
    "invalid_parameter",
    "invalid_path",
    "invalid_query",
    "limit_contended",
    "method_not_allowed",
    "missing_parameter",
    "no_backend",
    "operation_not_found",
    "protocol_refused",
    "quota_exceeded",
    "rate_limit_exceeded",
    "repeated_parameter",
    "reserved_parameter",
    "subscription_expired",
    "subscription_key_invalid",
    "subscription_key_missing",
    "subscription_key_repeated",
    "subscription_not_active",
    "subscription_not_yet_valid",
    "subscription_out_of_scope",
    "unknown_parameter",
    "unmatched",
    "upgrade_refused",
];

/// What is wrong with a caller's own Authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialFault {
    Missing,
    /// Two of them, of which the backend may take either.
    Repeated,
}

/// A row of the table.
struct Row<'p> {
    status: u16,
    code: &'static str,
    message: Cow<'static, str>,
    header: Option<(&'static str, Cow<'p, str>)>,
}

impl<'p> Refusal<'p> {
    /// How API Management answers: it has no 405, and a query that misses the template is 404.
    pub fn under(self, compatibility: Compatibility) -> Self {
        match (compatibility, self) {
            (
                Compatibility::Apim,
                Self::Method(_)
                | Self::MissingParameter(_)
                | Self::Parameter(
                    _,
                    Rule::OneOf(_)
                    | Rule::NotServed
                    | Rule::Boolean
                    | Rule::Integer
                    | Rule::MaxLength(_),
                )
                | Self::UnknownParameter(_)
                | Self::Protocol(_),
            ) => Self::NoOperation,
            (_, own) => own,
        }
    }

    /// What `x-gateway-refusal`, logs and statistics call it.
    pub fn code(&self) -> &'static str {
        self.row().code
    }

    pub fn message(&self) -> Cow<'static, str> {
        self.row().message
    }

    pub fn reply(&self, format: ErrorFormat) -> Reply {
        let Row { status, code, message, header } = self.row();
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            (REFUSAL_HEADER, code.to_owned()),
        ];
        headers.extend(header.map(|(name, value)| (name, value.into_owned())));
        let (parameter, azureml) = (self.parameter(), self.azureml());
        let body = ErrorBody { status, code, message: &message, parameter, azureml };
        Reply { status, headers, body: body.render(format) }
    }

    fn parameter(&self) -> Option<&'p str> {
        match self {
            Self::MissingParameter(name)
            | Self::RepeatedParameter(name)
            | Self::Parameter(name, _)
            | Self::Rewrite(name)
            | Self::ReservedParameter(name) => Some(name),
            _ => None,
        }
    }

    /// AzureML's specific code: one of its documentation where one fits, else our own in its style.
    fn azureml(&self) -> &'static str {
        match self {
            Self::Unmatched | Self::NoOperation => "WebServiceNotFound",
            Self::NoBackend => "WebServiceIdNotFoundInWorkspace",
            Self::Path(_) | Self::Authority | Self::Rewrite(_) => "BadParameterValue",
            Self::MissingParameter(name)
            | Self::RepeatedParameter(name)
            | Self::Parameter(name, _)
                if name.eq_ignore_ascii_case("api-version") =>
            {
                "BadVersionCall"
            }
            Self::Query(_)
            | Self::MissingParameter(_)
            | Self::RepeatedParameter(_)
            | Self::UnknownParameter(_)
            | Self::ReservedParameter(_) => "InvalidQueryParameter",
            Self::Parameter(..) => "BadParameterValue",
            Self::Key(..) | Self::Credential(_) => "ScoreRequestUnauthorized",
            Self::Exceeded(_) | Self::Contended => "RequestThrottled",
            Self::Upgrade => "UpgradeRefused",
            Self::Protocol(_) => "ProtocolRefused",
            Self::Method(_) => "MethodNotAllowed",
        }
    }

    fn row(&self) -> Row<'p> {
        let row = |status, code, message: &'static str| Row {
            status,
            code,
            message: message.into(),
            header: None,
        };
        let told = |status, code, message: String| Row {
            status,
            code,
            message: message.into(),
            header: None,
        };
        match self {
            Self::Unmatched => row(404, "unmatched", "Resource not found"),
            Self::NoOperation => row(404, "operation_not_found", "Resource not found"),
            Self::NoBackend => row(404, "no_backend", "No backend serves this resource"),
            Self::Exceeded(Exceeded { kind, seconds, .. }) => {
                let header = Some(("retry-after", seconds.to_string().into()));
                match kind {
                    Kind::Rate => Row {
                        header,
                        ..told(
                            429,
                            "rate_limit_exceeded",
                            format!("Rate limit is exceeded. Try again in {seconds} seconds."),
                        )
                    },
                    Kind::Quota => Row {
                        header,
                        ..told(
                            403,
                            "quota_exceeded",
                            format!(
                                "Out of call volume quota. Quota will be replenished in {}.",
                                time_span(*seconds)
                            ),
                        )
                    },
                }
            }
            Self::Contended => Row {
                header: Some(("retry-after", "1".into())),
                ..row(503, "limit_contended", "Too many calls at once. Try again.")
            },
            Self::Key(KeyFault::Ambiguous, _) => row(
                400,
                "subscription_key_repeated",
                "The subscription key is given more than once.",
            ),
            Self::Key(fault, challenge) => Row {
                header: Some(("www-authenticate", challenge.clone().into())),
                ..row(401, key_code(*fault), key_message(*fault))
            },
            Self::Credential(CredentialFault::Missing) => Row {
                header: Some(("www-authenticate", "Bearer".into())),
                ..row(
                    401,
                    "credential_missing",
                    "An Authorization header with a key of the service is required.",
                )
            },
            Self::Credential(CredentialFault::Repeated) => {
                row(400, "credential_repeated", "The Authorization header is given more than once.")
            }
            Self::Path(fault) => {
                told(400, "invalid_path", format!("The path {}.", path_fault(*fault)))
            }
            Self::Authority => {
                row(400, "invalid_host", "The Host header must be a host, or a host and a port.")
            }
            Self::Query(QueryFault::TooManyParts) => {
                row(400, "invalid_query", "The query has more than 256 parameters.")
            }
            Self::Query(QueryFault::Byte) => row(
                400,
                "invalid_query",
                "The query has a character that must be percent-encoded: a space, ';', '#', a control or a non-ASCII character.",
            ),
            Self::Query(QueryFault::Name) => row(
                400,
                "invalid_query",
                "The query has a parameter name that is not plain ASCII, or that hides a separator or an escape.",
            ),
            Self::Upgrade => {
                row(400, "upgrade_refused", "Upgrades and CONNECT are not served here.")
            }
            Self::Protocol(protocols) => {
                let served: Vec<_> = protocols
                    .iter()
                    .map(|protocol| match protocol {
                        Protocol::Http => "http",
                        Protocol::Https => "https",
                    })
                    .collect();
                told(
                    403,
                    "protocol_refused",
                    format!("This API is served over {} only.", served.join(" and ")),
                )
            }
            Self::Method(allow) => Row {
                status: 405,
                code: "method_not_allowed",
                message: "The method is not allowed for this resource.".into(),
                header: Some(("allow", allow.join(", ").into())),
            },
            Self::MissingParameter(name) => {
                told(400, "missing_parameter", format!("The query parameter '{name}' is required."))
            }
            Self::RepeatedParameter(name) => told(
                400,
                "repeated_parameter",
                format!("The query parameter '{name}' is given more than once."),
            ),
            Self::Parameter(name, rule) => told(
                400,
                "invalid_parameter",
                format!("The parameter '{name}' must {}.", demand(rule)),
            ),
            Self::UnknownParameter(known) if known.is_empty() => {
                row(400, "unknown_parameter", "This operation takes no query parameters.")
            }
            Self::UnknownParameter(known) => told(
                400,
                "unknown_parameter",
                format!("This operation takes no other query parameters than {}.", quoted(known)),
            ),
            Self::Rewrite(name) => told(
                400,
                "invalid_parameter",
                format!(
                    "The parameter '{name}' must not be empty, a dot segment, or hold a separator."
                ),
            ),
            Self::ReservedParameter(name) => told(
                400,
                "reserved_parameter",
                format!("The query parameter '{name}' is set by the gateway."),
            ),
        }
    }
}

#[cfg(test)]
mod tests;
