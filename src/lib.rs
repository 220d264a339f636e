//! API management for machine-learning web services, as one Wasm file inside a stock Envoy.
//!
//! ```text
//! bytes --config--> PolicyConfig --compile--> Policy                once, at configure
//! headers --view--> Request --route--> Operation --decide--> Step   per request
//!                                                              \--host--> Envoy
//! ```
//!
//! - [`policy`]: the policy file, as written and as compiled.
//! - [`decide`]: one request against the policy; pure.
//! - [`publish`]: what a policy tells about itself, for the portal.
//! - [`uri`]: the strict RFC 3986 that both hold to.
//! - `host`: the only module with host calls; it exists on the Wasm target alone.

pub mod decide;
pub mod policy;
pub mod publish;
pub mod uri;

#[cfg(target_arch = "wasm32")]
mod host;
