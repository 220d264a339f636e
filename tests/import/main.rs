//! `gatewayctl import`: what it makes of documents that were written for the purpose, of hostile
//! ones, and of mutated ones; and that what it makes serves, through a real Envoy.
//!
//! A case is a folder `KIND/NAME`: `source.*` is imported, `policy.json` and `report.txt` are what
//! must come out (`BLESS=1` writes them), and `calls.json` says what calls then become.

// A test ends by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod case;
mod envoy;
mod fuzz;
mod golden;
mod hostile;
#[path = "../../src/bin/gatewayctl/import.rs"]
#[allow(dead_code, reason = "the command around it runs in the golden tests")]
mod import;
mod snippets;
