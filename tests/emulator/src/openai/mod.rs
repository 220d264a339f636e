//! Large language models in OpenAI's API, at three doors:
//!
//! | path | what it stands for | key |
//! | --- | --- | --- |
//! | `/openai/deployments/{deployment}/...?api-version=DATE` | Azure OpenAI | `api-key`, or a bearer token |
//! | `/openai/v1/...` | Azure OpenAI, the v1 API; the body names the model | the same |
//! | `/v1/...` | a model server on the local network | none |
//!
//! Behind each are `chat/completions`, `completions` and `embeddings`. The language model repeats what it is told, word
//! by word, and an embedding is the features of the text; so every answer is computed from its request.

mod chat;
mod embeddings;
mod fault;
mod stream;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Uri};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::post;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::call::bears;
use crate::server::Shared;
use fault::Fault;

/// The deployments of the Azure OpenAI resource.
const DEPLOYMENTS: [&str; 3] = ["gpt-4o-mini", "gpt-35-turbo-instruct", "text-embedding-3-small"];

pub(crate) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let guarded = |prefix: &str| {
        let at = |rest: &str| format!("{prefix}{rest}");
        Router::new()
            .route(&at("/chat/completions"), post(chat::chat))
            .route(&at("/completions"), post(chat::completion))
            .route(&at("/embeddings"), post(embeddings::embed))
    };
    let state = || Arc::clone(shared);
    Router::new()
        .merge(
            guarded("/openai/deployments/{deployment}")
                .route_layer(middleware::from_fn_with_state(state(), dated)),
        )
        .merge(guarded("/openai/v1").route_layer(middleware::from_fn_with_state(state(), undated)))
        .merge(guarded("/v1"))
}

/// Azure OpenAI with a dated api-version.
async fn dated(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Result<Response, Fault> {
    authorize(&shared, request.headers())?;
    match api_version(request.uri()).as_deref() {
        Some(version) if is_dated(version) => Ok(next.run(request).await),
        _ => Err(Fault::NotFound),
    }
}

/// Azure OpenAI's v1 API, which needs no api-version.
async fn undated(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Result<Response, Fault> {
    authorize(&shared, request.headers())?;
    match api_version(request.uri()).as_deref() {
        None | Some("v1" | "preview") => Ok(next.run(request).await),
        Some(_) => Err(Fault::NotFound),
    }
}

/// One credential, which is the resource's key. The real service looks at one of two; a gateway should not send two.
fn authorize(shared: &Shared, headers: &HeaderMap) -> Result<(), Fault> {
    let key = shared.openai_key.as_deref().ok_or(Fault::Unauthorized)?;
    let mut keys = headers.get_all("api-key").iter();
    let in_header = match (keys.next(), keys.next()) {
        (Some(sent), None) => Some(sent == key),
        (Some(_), Some(_)) => Some(false),
        (None, _) => None,
    };
    let right = match in_header {
        Some(right) => right && !headers.contains_key("authorization"),
        None => bears(headers, key),
    };
    if right { Ok(()) } else { Err(Fault::Unauthorized) }
}

/// The query's api-version; a repeated one counts as a wrong one.
fn api_version(uri: &Uri) -> Option<String> {
    let query = uri.query().unwrap_or_default();
    let mut versions =
        form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "api-version");
    match (versions.next(), versions.next()) {
        (Some((_, version)), None) => Some(version.into_owned()),
        (Some(_), Some(_)) => Some(String::new()),
        (None, _) => None,
    }
}

/// `2024-10-21` or `2025-04-01-preview`.
fn is_dated(version: &str) -> bool {
    let date = version.strip_suffix("-preview").unwrap_or(version);
    let shape = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    date.len() == 10 && date.bytes().enumerate().all(shape)
}

/// A request's body and the model that is to answer it: the path names it, or else the body.
struct Ask<T> {
    model: String,
    input: T,
}

impl<T: DeserializeOwned> Ask<T> {
    fn read(deployment: Option<Path<String>>, uri: &Uri, body: &Bytes) -> Result<Self, Fault> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|_| Fault::Invalid("The body is not JSON.".into()))?;
        let named = body.get("model").and_then(Value::as_str).map(str::to_owned);
        let model = match deployment {
            Some(Path(deployment)) => deployment,
            None => named.ok_or_else(|| Fault::Invalid("The body must name a model.".into()))?,
        };
        // A model server loads what it is asked for.
        if uri.path().starts_with("/openai/") && !DEPLOYMENTS.contains(&model.as_str()) {
            return Err(Fault::DeploymentNotFound);
        }
        let input = T::deserialize(body).map_err(|error| Fault::Invalid(error.to_string()))?;
        Ok(Self { model, input })
    }
}

/// What every answer begins with.
// Only the gateway's core takes time as an argument.
#[allow(clippy::disallowed_methods)]
fn envelope(object: &str, prefix: &str, model: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let id = format!("{prefix}-{}", Uuid::new_v4().simple());
    json!({ "id": id, "object": object, "created": now, "model": model })
}

/// The model's tokens: words, with what stands before each.
fn tokens(text: &str) -> Vec<&str> {
    text.split_inclusive(' ').collect()
}

fn usage(prompt: &str, completion: &str) -> Value {
    let (prompt, completion) = (tokens(prompt).len(), tokens(completion).len());
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt.saturating_add(completion),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_version_is_a_date() {
        for (version, dated) in [
            ("2024-10-21", true),
            ("2025-04-01-preview", true),
            ("v1", false),
            ("preview", false),
            ("2024-10", false),
            ("2024x10x21", false),
        ] {
            assert_eq!(is_dated(version), dated, "{version}");
        }
    }

    #[test]
    fn tokens_are_the_text_again() {
        for text in ["", "one", "This is a good day", " two  spaces "] {
            assert_eq!(tokens(text).concat(), text);
        }
    }
}
