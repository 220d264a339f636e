//! `gatewayctl render`: the resource that gives the policy to Envoy.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::source::Source;

/// Shared data belongs to this name: it never changes, so that counters outlive a policy.
const VM_ID: &str = "azureml-gateway";
/// The name by which envoy.yaml asks for the resource.
const RESOURCE: &str = "gateway";

pub(crate) fn run(file: &Path, wasm: &str, out: Option<&Path>) -> Result<ExitCode, String> {
    let source = Source::read(file, false)?;
    source.policy(file)?;
    let resource = resource(&source, wasm);
    let text = serde_json::to_string_pretty(&resource).map_err(|error| error.to_string())?;
    match out {
        None => println!("{text}"),
        Some(out) => {
            replace(out, text.as_bytes()).map_err(|error| format!("{}: {error}", out.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn resource(source: &Source, wasm: &str) -> serde_json::Value {
    let variables: Vec<&str> = source.variables.iter().map(String::as_str).collect();
    json!({
        "version_info": version(&source.text, wasm),
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": RESOURCE,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": {
                    "name": RESOURCE,
                    "root_id": RESOURCE,
                    "failure_policy": "FAIL_RELOAD",
                    "vm_config": {
                        "vm_id": VM_ID,
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
        }],
    })
}

fn string_value(text: &str) -> serde_json::Value {
    json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": text })
}

/// Tells one policy from another in Envoy's `version_text`.
fn version(policy: &str, wasm: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (policy, wasm).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Writes beside the file and renames, so that Envoy sees the old file or the new one.
fn replace(file: &Path, content: &[u8]) -> std::io::Result<()> {
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
