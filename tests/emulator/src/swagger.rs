//! What a service says of itself: a Swagger 2.0 document, given to anyone.
//!
//! The operations' ids and the kind of their security were captured from the retired service; the rest is inferred.
//! No scheme is named: Swagger then takes the one that the document came by.

use axum::Json;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use serde_json::{Value, json};

use crate::call::Named;
use crate::fault::Fault;
use crate::hashing;
use crate::query::Query;
use crate::rrs::{INPUT, OUTPUT};

pub(crate) async fn document(named: Named, parts: Parts) -> Result<Json<Value>, Fault> {
    Query::of(&parts.uri)?.allow_version()?;
    let host =
        parts.headers.get(header::HOST).map(HeaderValue::as_bytes).map(String::from_utf8_lossy);
    let host = parts
        .uri
        .authority()
        .map(|authority| authority.as_str().into())
        .or(host)
        .unwrap_or_default();
    let service = &named.0.service;
    let job = parameter("path", "jobId", "string", true);
    Ok(Json(json!({
        "swagger": "2.0",
        "info": {"title": "Feature hashing", "version": "2.0"},
        "host": host,
        "basePath": format!("/workspaces/{}/services/{}", service.workspace, service.service),
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "security": [{"apiKey": []}],
        "securityDefinitions": {"apiKey": {"type": "apiKey", "name": "Authorization", "in": "header"}},
        "paths": {
            "/swagger.json": {"get": operation("getSwaggerDocument", &[], Some(json!({"type": "object"})), false)},
            "/execute": {"post": operation(
                "execute",
                &[
                    parameter("query", "details", "boolean", false),
                    parameter("query", "format", "string", false),
                    body("ExecutionRequest"),
                ],
                Some(json!({"$ref": "#/definitions/ExecutionResponse"})),
                true,
            )},
            "/jobs": {"post": operation("submitjob", &[body("BatchRequest")], Some(json!({"type": "string"})), true)},
            "/jobs/{jobId}/start": {"post": operation("startjob", std::slice::from_ref(&job), None, true)},
            "/jobs/{jobId}": {
                "get": operation(
                    "getjobstatus",
                    std::slice::from_ref(&job),
                    Some(json!({"$ref": "#/definitions/BatchStatus"})),
                    true,
                ),
                "delete": operation("canceljob", std::slice::from_ref(&job), None, true),
            },
        },
        "definitions": definitions(),
    })))
}

/// An operation without a schema answers an empty body.
fn operation(id: &str, parameters: &[Value], schema: Option<Value>, secured: bool) -> Value {
    let version = parameter("query", "api-version", "string", secured);
    let parameters: Vec<_> = [version].iter().chain(parameters).cloned().collect();
    let mut answer = json!({"description": "OK"});
    if let (Some(schema), Some(answer)) = (schema, answer.as_object_mut()) {
        answer.insert("schema".into(), schema);
    }
    let mut operation = json!({
        "operationId": id,
        "parameters": parameters,
        "responses": {"200": answer, "default": {"description": "Error", "schema": {"$ref": "#/definitions/Error"}}},
    });
    if let (false, Some(operation)) = (secured, operation.as_object_mut()) {
        operation.insert("security".into(), json!([]));
    }
    operation
}

fn parameter(place: &str, name: &str, kind: &str, required: bool) -> Value {
    json!({"in": place, "name": name, "type": kind, "required": required})
}

fn body(definition: &str) -> Value {
    json!({"in": "body", "name": "body", "required": true, "schema": {"$ref": format!("#/definitions/{definition}")}})
}

/// The request and the answer of `execute` in the form of `format=swagger`.
fn definitions() -> Value {
    let text = json!({"type": "string"});
    let columns: serde_json::Map<_, _> =
        hashing::column_names().map(|name| (name, text.clone())).collect();
    let locations =
        json!({"type": "object", "additionalProperties": {"$ref": "#/definitions/BlobLocation"}});
    json!({
        "ExecutionRequest": {"type": "object", "required": ["Inputs"], "properties": {
            "Inputs": {"type": "object", "properties": {INPUT: rows(&json!({hashing::COLUMN: text}))}},
            "GlobalParameters": {"type": "object"},
        }},
        "ExecutionResponse": {"type": "object", "properties": {
            "Results": {"type": "object", "properties": {OUTPUT: rows(&columns.into())}},
        }},
        "BatchRequest": {"type": "object", "properties": {
            "Input": {"$ref": "#/definitions/BlobLocation"},
            "Inputs": locations,
            "Output": {"$ref": "#/definitions/BlobLocation"},
            "Outputs": locations,
            "GlobalParameters": {"type": "object"},
        }},
        "BatchStatus": {"type": "object", "properties": {
            "StatusCode": {"type": "string", "enum": ["NotStarted", "Running", "Failed", "Cancelled", "Finished"]},
            "Results": locations,
            "Details": text,
        }},
        "BlobLocation": {"type": "object", "properties": {
            "ConnectionString": text, "RelativeLocation": text, "BaseLocation": text, "SasBlobToken": text,
        }},
        "Error": {"type": "object", "properties": {"error": {"type": "object", "properties": {
            "code": text,
            "message": text,
            "details": {"type": "array", "items": {"type": "object", "properties": {"code": text, "message": text}}},
        }}}},
    })
}

fn rows(columns: &Value) -> Value {
    json!({"type": "array", "items": {"type": "object", "properties": columns}})
}
