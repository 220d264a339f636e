//! Every document passes two validators that know nothing of each other.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::tools::{Folder, succeed, tool};
use crate::{compiled, policy_file, published, root};

/// What redocly warns of beyond the standard, and a policy may mean: paths that several templates
/// match, of which the gateway takes the most specific, and paths that end with a slash. A policy has
/// no word for a licence.
const NOT_RULES: [&str; 3] = [
    "--skip-rule=info-license",
    "--skip-rule=no-ambiguous-paths",
    "--skip-rule=no-path-trailing-slash",
];

/// Every policy that there is to publish: those of this project's files and of its cases.
fn policies() -> Vec<(String, Value)> {
    let mut policies: Vec<_> = ["envoy/policy.json", "tests/publish/every_feature.json"]
        .iter()
        .map(|path| ((*path).to_owned(), policy_file(path)))
        .collect();
    for entry in std::fs::read_dir(root().join("tests/cases")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let mut file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            if file["policy"].is_object() {
                policies.push((path.display().to_string(), file["policy"].take()));
            }
        }
    }
    assert!(policies.len() > 4, "the cases have policies");
    policies
}

fn documents(folder: &Folder) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for (name, mut policy) in policies() {
        if policy.get("portal").is_none() {
            policy["portal"] = json!({ "path": "portal-of-the-test" });
        }
        let policy = compiled(&policy);
        for api in &policy.apis {
            let document = published(&policy, &api.name);
            assert_eq!(document["openapi"], "3.1.0", "{name}");
            let file = folder.0.join(format!("{}-{}.json", files.len(), api.name));
            std::fs::write(&file, format!("{document:#}")).unwrap();
            files.push(file);
        }
    }
    files
}

#[test]
fn every_document_passes_the_first_validator() {
    let folder = Folder::new("first");
    let files = documents(&folder);
    let options = ["--schema", "3.1", "--validation-errors", "all"];
    succeed(tool(".venv/openapi/bin/openapi-spec-validator").args(options).args(files));
}

#[test]
fn every_document_passes_the_second_validator_with_its_recommendations() {
    let folder = Folder::new("second");
    let files = documents(&folder);
    let lint = ["lint", "--extends=recommended-strict"];
    succeed(tool("tests/publish/node_modules/.bin/redocly").args(lint).args(NOT_RULES).args(files));
}

#[test]
fn both_validators_see_a_mistake() {
    let folder = Folder::new("mistake");
    let file = folder.0.join("document.json");
    let mut document = published(&compiled(&policy_file("envoy/policy.json")), "azureml-demo");
    let paths = document["paths"].as_object_mut().unwrap();
    let (path, _) = paths.iter().next().unwrap();
    let path = path.clone();
    paths[&path]["post"]["parameters"][0]["in"] = json!("nowhere");
    std::fs::write(&file, document.to_string()).unwrap();
    let fails = |command: &mut std::process::Command| !command.output().unwrap().status.success();
    assert!(fails(tool(".venv/openapi/bin/openapi-spec-validator").arg(&file)));
    assert!(fails(
        tool("tests/publish/node_modules/.bin/redocly")
            .args(["lint", "--extends=recommended-strict"])
            .arg(&file)
    ));
}
