//! A blob that a job reads or writes: in the storage account that the request names, or among the emulator's own.
//!
//! Content streams in both directions. What storage says when it refuses goes into the job's Details, without what it
//! says of keys and signatures.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use object_store::azure::MicrosoftAzureBuilder;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig,
};
use reqwest::Url;
use time::OffsetDateTime;
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

use crate::blobs::Blobs;
use crate::connection::Account;
use crate::fault::Fault;
use crate::signature;

/// A block of an upload; two of them may be under way, so that a job holds a few of these and never its whole table.
const BLOCK: usize = 4 * 1024 * 1024;
const BLOCKS_UNDER_WAY: usize = 2;

/// A storage that does not answer is tried three times and fails the job within seconds.
const RETRIES: usize = 2;
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two pieces of an answer. There is no limit for the whole: a large table takes what it takes.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(crate) struct Place {
    /// Of an account, the container alone: that is how object_store has it.
    store: Arc<dyn ObjectStore>,
    path: Path,
    /// `container/name`, as it was asked for.
    name: String,
    owner: Owner,
}

#[derive(Clone)]
enum Owner {
    Emulator(Arc<Blobs>),
    Account(Account),
}

/// Where a result lies, in three parts: joined, they are its URL.
pub(crate) struct Link {
    pub(crate) base: String,
    pub(crate) relative: String,
    pub(crate) token: String,
}

impl Place {
    /// `name` is `container/name`.
    pub(crate) fn own(blobs: &Arc<Blobs>, name: &str) -> Result<Self, Fault> {
        let path = Path::parse(name).map_err(|_| Fault::InputBlobRelativeLocationInvalid)?;
        let owner = Owner::Emulator(Arc::clone(blobs));
        Ok(Self { store: blobs.store(), path, name: name.to_owned(), owner })
    }

    /// `name` is `container/name`; nothing is asked of the account yet.
    pub(crate) fn in_account(account: Account, name: &str) -> Result<Self, Fault> {
        let (container, blob) =
            name.split_once('/').ok_or(Fault::InputBlobRelativeLocationInvalid)?;
        if !is_container(container) {
            return Err(Fault::ContainerSegmentInvalid);
        }
        let path = Path::parse(blob).map_err(|_| Fault::InputBlobRelativeLocationInvalid)?;
        // The HTTP client panics without one. An error says that the process has one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let cleartext = account.endpoint.scheme() == "http";
        let options = ClientOptions::new()
            .with_allow_http(cleartext)
            // Reading the system's certificates takes long enough to be seen.
            .with_no_system_certificates(cleartext)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_read_timeout(READ_TIMEOUT)
            .with_timeout_disabled();
        let retry = RetryConfig {
            max_retries: RETRIES,
            retry_timeout: RETRY_TIMEOUT,
            ..RetryConfig::default()
        };
        let store = MicrosoftAzureBuilder::new()
            .with_account(&account.name)
            .with_access_key(&account.key)
            .with_endpoint(account.endpoint.to_string())
            .with_container_name(container)
            .with_client_options(options)
            .with_retry(retry)
            .build()
            .map_err(|_| Fault::InvalidBlobConnectionString("it names no usable account".into()))?;
        let owner = Owner::Account(account);
        Ok(Self { store: Arc::new(store), path, name: name.to_owned(), owner })
    }

    /// `container/name`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether nothing has to be waited for.
    pub(crate) fn is_in_memory(&self) -> bool {
        matches!(self.owner, Owner::Emulator(_))
    }

    pub(crate) async fn open(
        &self,
    ) -> Result<impl AsyncRead + Send + Unpin + use<>, object_store::Error> {
        Ok(StreamReader::new(self.store.get(&self.path).await?.into_stream()))
    }

    /// What is written there becomes a blob when the writer is shut down; before, there is nothing.
    pub(crate) fn create(&self) -> BufWriter {
        let csv = Attributes::from_iter([(Attribute::ContentType, "text/csv")]);
        BufWriter::with_capacity(Arc::clone(&self.store), self.path.clone(), BLOCK)
            .with_max_concurrency(BLOCKS_UNDER_WAY)
            .with_attributes(csv)
    }

    /// `None` only where the account's key cannot sign, and then it could not have written either.
    pub(crate) fn link(&self) -> Option<Link> {
        let account = match &self.owner {
            Owner::Emulator(blobs) => {
                let (base, token) = (blobs.base().to_owned(), blobs.sign(&self.name));
                return Some(Link { base, relative: self.name.clone(), token });
            }
            Owner::Account(account) => account,
        };
        let token = signature::read_only(account, &self.name, OffsetDateTime::now_utc())?;
        let base = format!("{}/", account.endpoint.as_str().trim_end_matches('/'));
        let mut url = Url::parse(&base).ok()?;
        url.path_segments_mut().ok()?.pop_if_empty().extend(self.name.split('/'));
        let relative = url.as_str().strip_prefix(&base)?.to_owned();
        Some(Link { base, relative, token })
    }
}

/// Azure's rule, with its special containers such as `$root`.
fn is_container(name: &str) -> bool {
    let word = name.strip_prefix('$').unwrap_or(name);
    (3..=63).contains(&word.len())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// What went wrong, for the caller: storage's own code and message, else the cause at the bottom.
pub(crate) fn reason(error: &(dyn Error + 'static)) -> String {
    let text = error.to_string();
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        // Behind the first line come the request's id and time.
        rest.split(['<', '\n']).next().map(str::trim)
    };
    if let (Some(code), Some(message)) = (element("Code"), element("Message")) {
        return format!("{code}: {message}");
    }
    if let Some(object_store::Error::NotFound { .. }) = error.downcast_ref() {
        return "BlobNotFound: The specified blob does not exist.".into();
    }
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
