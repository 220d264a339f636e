//! An account of Azurite's, as its owner uses it.

use std::sync::Arc;

use object_store::azure::{
    AzureAccessKey, AzureAuthorizer, AzureCredential, MicrosoftAzure, MicrosoftAzureBuilder,
};
use object_store::buffered::BufWriter;
use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use support::Azurite;
use support::storage::{ACCOUNT, ACCOUNT_KEY};
use tokio::io::AsyncWriteExt;
use tokio::runtime::Runtime;

pub(crate) const CONTAINER: &str = "box";

pub(crate) struct Account {
    azurite: Azurite,
    runtime: Runtime,
    store: Arc<MicrosoftAzure>,
}

impl Account {
    /// A running Azurite with one container.
    pub(crate) fn start() -> Self {
        let azurite = Azurite::start().unwrap();
        let endpoint = format!("http://127.0.0.1:{}/{ACCOUNT}", azurite.port());
        make_container(&format!("{endpoint}/{CONTAINER}?restype=container"));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = MicrosoftAzureBuilder::new()
            .with_account(ACCOUNT)
            .with_access_key(ACCOUNT_KEY)
            .with_endpoint(endpoint)
            .with_allow_http(true)
            .with_container_name(CONTAINER)
            .build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { azurite, runtime, store: Arc::new(store.unwrap()) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.azurite.port()
    }

    pub(crate) fn connection_string(&self) -> String {
        self.azurite.connection_string()
    }

    pub(crate) fn put(&self, name: &str, content: impl Into<Vec<u8>>) {
        let path = Path::parse(name).unwrap();
        self.runtime.block_on(self.store.put(&path, content.into().into())).unwrap();
    }

    /// Puts a table of many rows there, block by block; returns its length.
    pub(crate) fn put_rows(&self, name: &str, header: &str, row: &str, rows: usize) -> usize {
        let store = Arc::clone(&self.store) as Arc<dyn ObjectStore>;
        let mut writer =
            BufWriter::with_capacity(store, Path::parse(name).unwrap(), 4 * 1024 * 1024);
        let piece = row.repeat(1000);
        self.runtime.block_on(async {
            writer.write_all(header.as_bytes()).await.unwrap();
            for _ in 0..rows / 1000 {
                writer.write_all(piece.as_bytes()).await.unwrap();
            }
            writer.shutdown().await.unwrap();
        });
        header.len() + piece.len() * (rows / 1000)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.runtime.block_on(self.store.head(&Path::parse(name).unwrap())).is_ok()
    }
}

/// object_store has no call for it, but signs ours.
fn make_container(url: &str) {
    let mut request = HttpRequest::new(HttpRequestBody::empty());
    *request.method_mut() = http::Method::PUT;
    *request.uri_mut() = url.parse().unwrap();
    request.headers_mut().insert("content-length", 0.into());
    let key = AzureCredential::AccessKey(AzureAccessKey::try_new(ACCOUNT_KEY).unwrap());
    AzureAuthorizer::new(&key, ACCOUNT).try_authorize(&mut request).unwrap();
    let (parts, _) = request.into_parts();
    let agent = ureq::Agent::config_builder().proxy(None).build().new_agent();
    let response = agent.run(http::Request::from_parts(parts, String::new())).unwrap();
    assert_eq!(response.status(), 201);
}
