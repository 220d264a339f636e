//! What a policy's author wrote for readers. The compiled policy has none of it, so that a gateway
//! without a portal does not carry it.

use serde::Deserialize;

use crate::policy::config::{
    ApiConfig, OperationConfig, ParameterConfig, PolicyConfig, ProductConfig,
};
use crate::policy::read;

/// The policy as it was written, part by part; the parts are in the order of the compiled policy's.
pub(super) struct Written<'c> {
    pub(super) apis: Vec<WrittenApi<'c>>,
    pub(super) products: Vec<ProductConfig>,
}

pub(super) struct WrittenApi<'c> {
    pub(super) config: ApiConfig<'c>,
    pub(super) operations: Vec<WrittenOperation<'c>>,
}

pub(super) struct WrittenOperation<'c> {
    pub(super) config: OperationConfig<'c>,
    pub(super) parameters: Vec<ParameterConfig>,
}

impl<'c> Written<'c> {
    /// Reads what compiled without an error, so that all of it can be read.
    pub(super) fn read(config: &PolicyConfig<'c>) -> Self {
        let api = |config: ApiConfig<'c>| {
            let operations = each(&config.operations).map(|config: OperationConfig<'c>| {
                let parameters = each(&config.template_parameters).collect();
                WrittenOperation { config, parameters }
            });
            WrittenApi { operations: operations.collect(), config }
        };
        Self {
            apis: each(&config.apis).map(api).collect(),
            products: each(&config.products).collect(),
        }
    }
}

fn each<'l, 'c: 'l, T: Deserialize<'c> + 'l>(
    list: &'l [&'c serde_json::value::RawValue],
) -> impl Iterator<Item = T> + 'l {
    // As compile reads it, which is there already: another way would make the filter larger.
    list.iter().filter_map(|raw| read::parse(raw.get()).ok())
}
