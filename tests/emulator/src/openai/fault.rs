//! Azure OpenAI's errors. The text of 401 was captured from the service; the others are common knowledge.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request was refused.
#[derive(Debug)]
pub(super) enum Fault {
    Unauthorized,
    /// No such path, or no such api-version.
    NotFound,
    DeploymentNotFound,
    Invalid(String),
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let (status, code, message) = match self {
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "401",
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key \
                 for an active subscription and use a correct regional API endpoint for your resource."
                    .to_owned(),
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "404", "Resource not found".to_owned()),
            Self::DeploymentNotFound => (
                StatusCode::NOT_FOUND,
                "DeploymentNotFound",
                "The API deployment for this resource does not exist.".to_owned(),
            ),
            Self::Invalid(message) => (StatusCode::BAD_REQUEST, "BadRequest", message),
        };
        (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
    }
}
