//! The store of the batch jobs' tables, in the place of Azure Blob Storage: `PUT /blob/{container}/{name}` puts one
//! there, and a result is read with the signature that its job's status gives, and with nothing else.
//!
//! Names are the raw path after `/blob/`; an escape is not decoded.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use crate::server::{Shared, lock};

const PREFIX: &str = "/blob/";

/// All blobs, by container and name.
pub(crate) struct Blobs {
    base: String,
    blobs: Mutex<HashMap<String, Blob>>,
}

struct Blob {
    content: Bytes,
    signature: String,
}

impl Blobs {
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self { base: format!("http://{address}{PREFIX}"), blobs: Mutex::default() }
    }

    /// What comes before a blob's name in its URL: the store is called directly, not through a gateway.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn read(&self, name: &str) -> Option<Bytes> {
        lock(&self.blobs).get(name).map(|blob| blob.content.clone())
    }

    /// Writes a blob and tells the query that reads it.
    pub(crate) fn write(&self, name: &str, content: Bytes) -> String {
        let signature = format!("sv=2015-02-21&sr=b&sig={}&sp=r", Uuid::new_v4().simple());
        let token = format!("?{signature}");
        lock(&self.blobs).insert(name.to_owned(), Blob { content, signature });
        token
    }

    fn read_signed(&self, name: &str, query: &str) -> Option<Bytes> {
        lock(&self.blobs)
            .get(name)
            .filter(|blob| blob.signature == query)
            .map(|blob| blob.content.clone())
    }
}

pub(crate) async fn upload(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    content: Bytes,
) -> StatusCode {
    shared.blobs.write(name_in(&uri), content);
    StatusCode::CREATED
}

/// A blob that is not there answers like a wrong signature: no name is told to a stranger.
pub(crate) async fn download(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Response {
    match shared.blobs.read_signed(name_in(&uri), &query.unwrap_or_default()) {
        Some(content) => ([(header::CONTENT_TYPE, "text/csv")], content).into_response(),
        None => {
            let body = concat!(
                r#"<?xml version="1.0" encoding="utf-8"?>"#,
                "<Error><Code>AuthenticationFailed</Code>",
                "<Message>Server failed to authenticate the request.</Message></Error>"
            );
            (StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, "application/xml")], body)
                .into_response()
        }
    }
}

fn name_in(uri: &Uri) -> &str {
    uri.path().strip_prefix(PREFIX).unwrap_or_default()
}
