//! Rate limits and quotas: the stated rule against an oracle of it, and the counts through Envoy.

// A test ends by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod envoy;
mod rule;
