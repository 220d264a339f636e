//! What a policy publishes: its APIs as a catalogue and as OpenAPI, made once, when it is compiled.
//!
//! Documents are for everybody who reaches the gateway. They hold what the policy's author wrote for
//! readers, and what the refusals tell anyway: never a subscription, a key or its hash, a backend, a
//! cluster, a variable, a backend's `match`, or the allowed values of a path parameter, which may be
//! names of tenants.

pub mod assets;
mod catalogue;
mod openapi;
mod written;

use std::collections::HashMap;

use crate::policy::Policy;
use crate::policy::config::PolicyConfig;

use written::Written;

/// The documents of a policy, as they are sent.
#[derive(Debug, Default)]
pub struct Documents {
    catalogue: Box<[u8]>,
    /// By the API's name.
    openapi: HashMap<Box<str>, Box<[u8]>>,
}

impl Documents {
    /// `policy` is what `config` compiled to, without an error.
    pub(crate) fn new(config: &PolicyConfig<'_>, policy: &Policy) -> Self {
        let written = Written::read(config);
        let catalogue = catalogue::render(policy, &written).to_string().into_bytes().into();
        let apis = policy.apis.iter().zip(&written.apis);
        let openapi = apis.map(|(api, written)| {
            let document = openapi::render(policy, api, written).to_string();
            (api.name.clone(), document.into_bytes().into())
        });
        Self { catalogue, openapi: openapi.collect() }
    }

    /// What is published: APIs with their operations, and products.
    pub fn catalogue(&self) -> &[u8] {
        &self.catalogue
    }

    /// An API as OpenAPI.
    pub fn openapi(&self, api: &str) -> Option<&[u8]> {
        self.openapi.get(api).map(|document| &**document)
    }
}
