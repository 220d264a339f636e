//! `exports IN OUT`: the filter with only those exports that it uses.
//!
//! The SDK exports every callback of the ABI, and Envoy calls each exported one for every request,
//! whether it does anything or not. What is then reached by nothing goes too.

use std::process::ExitCode;

/// What a proxy-wasm module must have, whatever it does. Without `proxy_on_delete` contexts leak.
const ALWAYS: [&str; 6] = [
    "memory",
    "_initialize",
    "proxy_abi_version_0_2_1",
    "proxy_on_memory_allocate",
    "proxy_on_context_create",
    "proxy_on_delete",
];

/// The callbacks that `src/host.rs` has, each with its export.
const CALLBACKS: [(&str, &str); 3] = [
    ("on_configure", "proxy_on_configure"),
    ("on_http_request_headers", "proxy_on_request_headers"),
    ("on_http_request_trailers", "proxy_on_request_trailers"),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(output), None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("usage: exports IN.wasm OUT.wasm");
        return ExitCode::from(2);
    };
    match trim(&input, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("exports: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn trim(input: &str, output: &str) -> Result<(), String> {
    let mut module =
        walrus::Module::from_file(input).map_err(|error| format!("{input}: {error}"))?;
    let kept: Vec<&str> =
        ALWAYS.into_iter().chain(CALLBACKS.into_iter().map(|(_, export)| export)).collect();
    for name in &kept {
        if !module.exports.iter().any(|export| export.name == *name) {
            return Err(format!("{input}: has no export {name}"));
        }
    }
    let exports = module.exports.iter().filter(|export| !kept.contains(&export.name.as_str()));
    let unused: Vec<_> = exports.map(walrus::Export::id).collect();
    unused.into_iter().for_each(|export| module.exports.delete(export));
    walrus::passes::gc::run(&mut module);
    module.emit_wasm_file(output).map_err(|error| format!("{output}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_callback_of_the_filter_is_kept_and_no_other() {
        let host = concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/host.rs");
        let host = std::fs::read_to_string(host).unwrap();
        let functions = host.lines().filter_map(|line| line.trim().strip_prefix("fn on_"));
        let callbacks: Vec<_> = functions
            .map(|rest| format!("on_{}", rest.split('(').next().unwrap_or_default()))
            .collect();
        assert_eq!(callbacks, CALLBACKS.map(|(callback, _)| callback));
    }
}
