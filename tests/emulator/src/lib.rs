//! A stand-in of the services that the shipped policies publish, for tests and for `make run`: the AzureML Studio
//! (classic) web service, retired in 2024, and those of today.
//!
//! Of the classic one it serves the example service of the API Management guide: feature hashing of column `Col2`, in request-response
//! form (RRS) and in batch form (BES), computed and never looked up. It keeps a record of every request as it came,
//! which is how a test sees what a gateway in front of it really sent.
//!
//! ```no_run
//! let emulator = emulator::Emulator::start(emulator::Settings::demo("key"))?;
//! println!("http://{} saw {} requests", emulator.address(), emulator.received().len());
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! | file | what it holds |
//! | --- | --- |
//! | `server` | the thread, the runtime and the table of routes |
//! | `record` | what every request passes: the record, the body's limit, the request id, the log line |
//! | `call` | who may call: service, key and api-version |
//! | `query` | the query's parameters |
//! | `rrs` | execute |
//! | `bes`, `job`, `table` | submit, start, status, cancel; what a job goes through; what it does with a table |
//! | `place`, `connection`, `signature` | a blob of the account that a connection string names, and the link to a result |
//! | `blobs` | the emulator's own blobs, for jobs that name no account |
//! | `hashing` | the service itself |
//! | `online_endpoint` | Azure ML online endpoints |
//! | `openai` | Azure OpenAI in both its forms, and a model server without a key |
//! | `swagger` | what the service says of itself |
//! | `fault` | the table of errors |

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod bes;
mod blobs;
mod call;
mod connection;
mod fault;
mod hashing;
mod job;
mod online_endpoint;
mod openai;
mod place;
mod query;
mod record;
mod rrs;
mod server;
mod signature;
mod swagger;
mod table;

use std::net::{Ipv4Addr, SocketAddr};

pub use online_endpoint::{Endpoint, Model};
pub use record::Received;
pub use server::Emulator;

/// The concurrent RRS calls that an endpoint of the retired service admitted by default.
pub const DEFAULT_CONCURRENCY: usize = 20;

/// What an [`Emulator`] serves, and where.
#[derive(Clone)]
pub struct Settings {
    /// The services; each has its own key, jobs and concurrency.
    pub services: Vec<Service>,
    /// The online endpoints, known by their hosts.
    pub endpoints: Vec<Endpoint>,
    /// The key of the Azure OpenAI resource; without one, nobody is let in.
    pub openai_key: Option<String>,
    /// A loopback address; port 0 takes a free port.
    pub address: SocketAddr,
    /// The concurrent RRS calls of a service, above which it answers 503.
    pub concurrency: usize,
    /// One line on standard output for each request.
    pub log: bool,
}

impl Settings {
    /// The demo service alone, on a free port of 127.0.0.1, without a log.
    #[must_use]
    pub fn demo(key: impl Into<String>) -> Self {
        Self {
            services: vec![Service::demo(key)],
            endpoints: Vec::new(),
            openai_key: None,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            concurrency: DEFAULT_CONCURRENCY,
            log: false,
        }
    }

    /// What the shipped policies publish. Each service has the key of the variable that its policy names; one whose
    /// variable is not set is not there.
    #[must_use]
    pub fn shipped(key: impl Fn(&str) -> Option<String>) -> Self {
        let endpoint = |variable: &str, name: &str, model| {
            key(variable).map(|key| Endpoint { name: name.to_owned(), key, model })
        };
        let endpoints = [
            endpoint("FEATURE_HASHING_KEY", "feature-hashing", Model::FeatureHashing),
            endpoint("WORD_COUNT_KEY", "word-count", Model::WordCount),
        ];
        let services = [
            key("AZUREML_DEMO_KEY").map(Service::demo),
            key("AZUREML_NEW_DEMO_KEY").map(Service::demo_of_subscription),
        ];
        Self {
            services: services.into_iter().flatten().collect(),
            endpoints: endpoints.into_iter().flatten().collect(),
            openai_key: key("AZURE_OPENAI_KEY"),
            ..Self::demo("")
        }
    }
}

/// A web service and the key its callers must send. Without `Debug`: a key never prints.
#[derive(Clone)]
pub struct Service {
    /// The id of the workspace, or of the subscription that later services stand below; 32 hexadecimal digits.
    pub workspace: String,
    /// The service's id, 32 hexadecimal digits.
    pub service: String,
    /// What comes after `Bearer ` in the header Authorization.
    pub key: String,
}

impl Service {
    /// The service that the demo policy points at.
    #[must_use]
    pub fn demo(key: impl Into<String>) -> Self {
        Self {
            workspace: "0123456789abcdef0123456789abcdef".into(),
            service: "fedcba9876543210fedcba9876543210".into(),
            key: key.into(),
        }
    }

    /// The same, of the later form: below a subscription.
    #[must_use]
    pub fn demo_of_subscription(key: impl Into<String>) -> Self {
        Self {
            workspace: "00112233445566778899aabbccddeeff".into(),
            service: "ffeeddccbbaa99887766554433221100".into(),
            key: key.into(),
        }
    }
}
