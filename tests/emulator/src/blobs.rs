//! The emulator's own store of batch jobs' tables, for jobs that name no storage account: `PUT /blob/{container}/{name}`
//! puts one there, and a result is read with the signature that its job's status gives, and with nothing else.
//!
//! Names are the raw path after `/blob/`; an escape is not decoded.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use uuid::Uuid;

use crate::fault::Fault;
use crate::server::{Shared, lock};

const PREFIX: &str = "/blob/";

/// All blobs, by container and name.
pub(crate) struct Blobs {
    base: String,
    store: Arc<InMemory>,
    /// Of those blobs that a link has been made for.
    signatures: Mutex<HashMap<String, String>>,
}

impl Blobs {
    pub(crate) fn at(address: SocketAddr) -> Self {
        let base = format!("http://{address}{PREFIX}");
        Self { base, store: Arc::default(), signatures: Mutex::default() }
    }

    /// What comes before a blob's name in its URL: the store is called directly, not through a gateway.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store) as _
    }

    /// The query that reads a blob, with its `?`.
    pub(crate) fn sign(&self, name: &str) -> String {
        let new = || format!("sv=2015-02-21&sr=b&sig={}&sp=r", Uuid::new_v4().simple());
        format!("?{}", lock(&self.signatures).entry(name.to_owned()).or_insert_with(new))
    }

    fn is_signed(&self, name: &str, query: &str) -> bool {
        lock(&self.signatures).get(name).is_some_and(|signature| signature == query)
    }
}

pub(crate) async fn upload(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    content: Bytes,
) -> Result<StatusCode, Fault> {
    let path = Path::parse(name_in(&uri)).map_err(|_| Fault::InputBlobRelativeLocationInvalid)?;
    let put = shared.blobs.store.put(&path, content.into()).await;
    put.map(|_| StatusCode::CREATED).map_err(|_| Fault::InputBlobRelativeLocationInvalid)
}

/// A blob that is not there answers like a wrong signature: no name is told to a stranger.
pub(crate) async fn download(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Response {
    let name = name_in(&uri);
    if let Ok(path) = Path::parse(name)
        && shared.blobs.is_signed(name, &query.unwrap_or_default())
        && let Ok(blob) = shared.blobs.store.get(&path).await
    {
        let content = Body::from_stream(blob.into_stream());
        return ([(header::CONTENT_TYPE, "text/csv")], content).into_response();
    }
    let body = concat!(
        r#"<?xml version="1.0" encoding="utf-8"?>"#,
        "<Error><Code>AuthenticationFailed</Code>",
        "<Message>Server failed to authenticate the request.</Message></Error>"
    );
    (StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
}

fn name_in(uri: &Uri) -> &str {
    uri.path().strip_prefix(PREFIX).unwrap_or_default()
}
