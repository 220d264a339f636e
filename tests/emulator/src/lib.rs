//! A stand-in of the AzureML Studio (classic) web service, retired in 2024, for tests and for `make run`.
//!
//! It serves the example service of the API Management guide: feature hashing of column `Col2`, in request-response
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
mod place;
mod query;
mod record;
mod rrs;
mod server;
mod signature;
mod swagger;
mod table;

use std::net::{Ipv4Addr, SocketAddr};

pub use record::Received;
pub use server::Emulator;

/// The concurrent RRS calls that an endpoint of the retired service admitted by default.
pub const DEFAULT_CONCURRENCY: usize = 20;

/// What an [`Emulator`] serves, and where.
#[derive(Clone)]
pub struct Settings {
    /// The services; each has its own key, jobs and concurrency.
    pub services: Vec<Service>,
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
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            concurrency: DEFAULT_CONCURRENCY,
            log: false,
        }
    }
}

/// A web service and the key its callers must send. Without `Debug`: a key never prints.
#[derive(Clone)]
pub struct Service {
    /// The workspace's id, 32 hexadecimal digits.
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
}
