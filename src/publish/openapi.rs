//! An API as an OpenAPI 3.1 document.
//!
//! OpenAPI knows an operation by method and path alone, and a policy by its query and values too. So
//! operations that share method and path become one of OpenAPI's, with what any of them takes; it
//! lists them under `x-gateway-operations`. What OpenAPI has no form for (a rest of several segments,
//! other methods) is said in words.

mod operation;
mod parameter;
mod response;
mod security;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::policy::{Api, ErrorFormat, Policy};

use super::written::WrittenApi;
use operation::Operations;

/// How much of the document's hash is its version.
const VERSION_DIGITS: usize = 12;

pub(super) fn render(policy: &Policy, api: &Api, written: &WrittenApi<'_>) -> Value {
    let config = &written.config;
    let mut info = Map::new();
    info.insert("title".into(), json!(config.display_name.as_deref().unwrap_or(&api.name)));
    if let Some(description) = &config.description {
        info.insert("description".into(), json!(description));
    }
    let (schemes, requirements) = security::render(api);
    let mut paths = Operations::of(api, written).render(policy, api);
    let shared = response::share(&mut paths);
    let headers = response::headers(&[&paths, &shared]);
    let mut document = json!({
        "openapi": "3.1.0",
        "info": info,
        "servers": [{ "url": format!("/{}", api.path) }],
        "security": requirements,
        "paths": paths,
        "components": {
            "schemas": { "Refusal": refusal(api.error_format) },
            "responses": shared,
            "headers": headers,
            "securitySchemes": schemes,
        },
    });
    // A policy's APIs have no version of their own: the document's changes when the document does.
    let hash = Sha256::digest(document.to_string().as_bytes());
    let version = hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if let Some(info) = document.get_mut("info") {
        set(info, "version", json!(version.get(..VERSION_DIGITS)));
    }
    document
}

/// Gives an object a member. What is no object has none.
fn set(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value);
    }
}

/// Adds an example to a media type, unless it has one of that name.
fn add_example(media: &mut Value, name: &str, example: Value) {
    let Some(members) = media.as_object_mut() else { return };
    let examples = members.entry("examples").or_insert_with(|| json!({}));
    if examples.get(name).is_none() {
        set(examples, name, example);
    }
}

/// The schema of a refusal's body.
fn refusal(format: ErrorFormat) -> Value {
    let text = || json!({ "type": "string" });
    let object = |properties: Value| {
        let required: Vec<&String> =
            properties.as_object().into_iter().flat_map(Map::keys).collect();
        json!({ "type": "object", "required": required, "properties": properties })
    };
    match format {
        ErrorFormat::Apim => {
            object(json!({ "statusCode": { "type": "integer" }, "message": text() }))
        }
        ErrorFormat::Azureml => {
            let detail = object(json!({ "code": text(), "message": text() }));
            let details = json!({ "type": "array", "items": detail });
            let error = object(json!({ "code": text(), "message": text(), "details": details }));
            object(json!({ "error": error }))
        }
        ErrorFormat::Openai => {
            let param = json!({ "type": ["string", "null"] });
            let error = json!({
                "message": text(), "type": text(), "param": param, "code": text(),
            });
            object(json!({ "error": object(error) }))
        }
    }
}
