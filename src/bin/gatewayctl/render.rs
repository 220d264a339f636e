//! `gatewayctl render`: the resource that gives the policy to Envoy.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::source::Source;

/// Shared data belongs to this name and the filter's: they never change, so that counters outlive
/// a policy, and two filters of one Envoy do not count together.
const VM_ID: &str = "azureml-gateway";

/// A policy in the form in which Envoy takes it.
pub(crate) struct Resource {
    /// Tells one policy from another in Envoy's `version_text`.
    pub(crate) version: String,
    pub(crate) text: String,
}

pub(crate) fn run(
    file: &Path,
    name: &str,
    wasm: &str,
    out: Option<&Path>,
) -> Result<ExitCode, String> {
    let source = Source::read(file, false)?;
    source.policy(file)?;
    let resource = Resource::new(&source, name, wasm);
    match out {
        None => print!("{}", resource.text),
        Some(out) => replace(out, resource.text.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Resource {
    pub(crate) fn new(source: &Source, name: &str, wasm: &str) -> Self {
        let resource = resource(source, name, wasm);
        let version = hash(resource.to_string().as_bytes());
        let file = json!({ "version_info": version, "resources": [resource] });
        Self { version, text: format!("{file:#}\n") }
    }
}

fn resource(source: &Source, name: &str, wasm: &str) -> serde_json::Value {
    let variables: Vec<&str> = source.variables.iter().map(String::as_str).collect();
    json!({
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": name,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": name,
                "root_id": name,
                "failure_policy": "FAIL_RELOAD",
                "vm_config": {
                    "vm_id": format!("{VM_ID}-{name}"),
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": wasm } },
                    "environment_variables": { "host_env_keys": variables },
                    // Older Envoys reuse a VM whose environment lacks a name that was added:
                    // another configuration of the VM makes another VM.
                    "configuration": string_value(&variables.join(",")),
                },
                "configuration": string_value(&source.text),
            },
        },
    })
}

fn string_value(text: &str) -> serde_json::Value {
    json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": text })
}

fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Writes beside the file and renames, so that Envoy sees the old file or the new one.
pub(crate) fn replace(file: &Path, content: &[u8]) -> Result<(), String> {
    write_and_rename(file, content).map_err(|error| format!("{}: {error}", file.display()))
}

fn write_and_rename(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder)?;
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = folder.join(name);
    let written = std::fs::File::create(&temporary).and_then(|mut new| {
        new.write_all(content)?;
        new.sync_all()
    });
    let renamed = written.and_then(|()| std::fs::rename(&temporary, file));
    if renamed.is_err() {
        // The error that matters is the one above.
        let _ = std::fs::remove_file(&temporary);
    }
    renamed
}
