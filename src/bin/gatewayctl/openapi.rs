//! `gatewayctl openapi`: an API's document, as the portal has it.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::source::Source;

pub(crate) fn run(file: &Path, api: &str, server: Option<&str>) -> Result<ExitCode, String> {
    let (source, documents) = Source::documented(file)?;
    let policy = source.policy(file)?;
    let document = documents.as_ref().and_then(|documents| documents.openapi(api));
    let Some(document) = document else {
        let names: Vec<_> = policy.apis.iter().map(|api| &*api.name).collect();
        let names = names.join(", ");
        return Err(format!("{}: has no API \"{api}\"; it has {names}", file.display()));
    };
    let mut document: Value =
        serde_json::from_slice(document).map_err(|error| error.to_string())?;
    if let Some(server) = server {
        let server = server.trim_end_matches('/');
        if !server.starts_with("http://") && !server.starts_with("https://") {
            return Err("--server must be a URL, as https://gateway.example".into());
        }
        if let Some(url) = document.pointer_mut("/servers/0/url") {
            *url = json!(format!("{server}{}", url.as_str().unwrap_or_default()));
        }
    }
    println!("{document:#}");
    Ok(ExitCode::SUCCESS)
}
