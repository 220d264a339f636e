//! What tests and `make run` share: a real Envoy with the shipped `envoy/envoy.yaml`, and clients
//! that send what an HTTP library would refuse to.
//!
//! - [`Gateway`] starts Envoy in a directory of its own and stops it when dropped
//! - [`send`] and [`Client`] speak raw HTTP/1.1, [`send_tls`] the same over TLS, [`h2c`] HTTP/2
//! - [`RawBackend`] is a backend that answers in bytes and fails on demand
//! - [`TlsBackend`] is what stands behind Envoy when the way there is TLS
//! - [`example`] is what a policy says of how to call it
//! - [`Azurite`] is the blob storage of batch jobs
//! - [`layout`] is what Envoy finds on disk, [`ports`] and [`process`] what both need

// The gateway's core takes time as an argument; what starts processes has to wait by the clock.
#![allow(clippy::disallowed_methods)]

pub mod admin;
pub mod certificate;
pub mod example;
mod gateway;
mod h2_backend;
mod http1;
mod http2;
pub mod layout;
pub mod ports;
pub mod process;
pub mod raw_backend;
mod render;
pub mod storage;
pub mod tls_backend;
mod wait;

pub use admin::Admin;
pub use gateway::{Gateway, Options};
pub use h2_backend::H2Backend;
pub use http1::{Client, Reply, send, send_tls};
pub use http2::{H2Request, h2c};
pub use layout::Ports;
pub use ports::{free_port, free_ports};
pub use raw_backend::RawBackend;
pub use render::{render, render_as};
pub use storage::Azurite;
pub use tls_backend::TlsBackend;
pub use wait::eventually;
