//! Azure ML online endpoints: `POST /score` with a bearer key. As with the real ones, the host says which endpoint is
//! called, and `azureml-model-deployment` which of its deployments, where a caller does not leave that to the endpoint.
//!
//! What the models compute is computed: the features or the number of words of each text in `data`. The statuses are
//! those of the service's troubleshooting page; the bodies of its errors are inferred.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::bears;
use crate::hashing;
use crate::server::Shared;

/// The header that names a deployment, in a request and in its answer.
const DEPLOYMENT: &str = "azureml-model-deployment";
/// The deployments of every endpoint here; the first one has all the traffic that names none.
const DEPLOYMENTS: [&str; 2] = ["blue", "green"];

/// An online endpoint. Without `Debug`: a key never prints.
#[derive(Clone)]
pub struct Endpoint {
    /// The first label of its host.
    pub name: String,
    /// What comes after `Bearer ` in the header Authorization.
    pub key: String,
    /// What it answers.
    pub model: Model,
}

/// What an endpoint makes of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// The eight counts of the guide's service.
    FeatureHashing,
    /// The number of its words.
    WordCount,
}

/// What the scoring script of both models takes.
#[derive(Deserialize)]
struct Input {
    data: Vec<String>,
}

pub(crate) async fn score(
    State(shared): State<Arc<Shared>>,
    parts: Parts,
    body: Bytes,
) -> Response {
    let Some(endpoint) = shared.endpoints.iter().find(|endpoint| endpoint.name == called(&parts))
    else {
        return refuse(StatusCode::NOT_FOUND, "NotFound", "There is no such endpoint.");
    };
    if !bears(&parts.headers, &endpoint.key) {
        return refuse(StatusCode::UNAUTHORIZED, "Unauthorized", "The key is missing or wrong.");
    }
    let Some(deployment) = deployment(&parts.headers) else {
        return refuse(StatusCode::NOT_FOUND, "NotFound", "There is no such deployment.");
    };
    let named = [(DEPLOYMENT, deployment)];
    let Ok(Input { data }) = serde_json::from_slice(&body) else {
        // The script raised: that is the model's error, and not the endpoint's.
        let told = [
            ("ms-azureml-model-error-statuscode", "400"),
            ("ms-azureml-model-error-reason", "model_error"),
        ];
        let error = refuse(StatusCode::FAILED_DEPENDENCY, "ModelError", "Send {\"data\": [TEXT]}.");
        return (named, told, error).into_response();
    };
    let answers: Vec<Value> = data.iter().map(|text| endpoint.model.predict(text)).collect();
    (named, Json(answers)).into_response()
}

impl Model {
    fn predict(self, text: &str) -> Value {
        match self {
            Self::FeatureHashing => json!(hashing::count(text)),
            Self::WordCount => json!(text.split_whitespace().count()),
        }
    }
}

/// The endpoint's name, of the host that is called.
fn called(parts: &Parts) -> &str {
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = parts.uri.host().or(host).unwrap_or_default();
    host.split(['.', ':']).next().unwrap_or_default()
}

/// The deployment that serves the call; none if the caller names one that does not exist, or two.
fn deployment(headers: &HeaderMap) -> Option<&'static str> {
    let mut named = headers.get_all(DEPLOYMENT).iter();
    match (named.next(), named.next()) {
        (None, _) => DEPLOYMENTS.first().copied(),
        (Some(name), None) => DEPLOYMENTS.into_iter().find(|known| name == known),
        (Some(_), Some(_)) => None,
    }
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
}
