//! What comes out of each case, to the byte.

use std::fs;
use std::path::Path;

use crate::case::{self, KINDS, gatewayctl};

#[test]
fn each_kind_has_three_cases() {
    for kind in KINDS {
        assert!(case::of_kind(kind).len() >= 3, "{kind}");
    }
}

#[test]
fn a_source_becomes_the_policy_and_the_report_that_a_reader_has_judged() {
    let bless = std::env::var_os("BLESS").is_some();
    for case in case::all() {
        let run = gatewayctl(&case.folder, &["import", &case.source]);
        assert_eq!(run.code, Some(0), "{}: {}", case.folder.display(), run.err);
        for (file, text) in [("policy.json", &run.out), ("report.txt", &run.err)] {
            let file = case.folder.join(file);
            if bless {
                fs::write(&file, text).unwrap();
            }
            let golden = fs::read_to_string(&file).unwrap_or_default();
            assert!(golden == *text, "{}: BLESS=1 writes it\n{text}", file.display());
        }
    }
}

#[test]
fn what_comes_out_passes_check_and_its_placeholders_are_named() {
    for case in case::all() {
        let policy = fs::read_to_string(case.folder.join("policy.json")).unwrap();
        let run = gatewayctl(&case.folder, &["check", "policy.json"]);
        assert_eq!(run.code, Some(0), "{}: {}", case.folder.display(), run.err);
        let placeholders = policy.matches("\"00000000000000000000000000000000000000000000").count();
        assert_eq!(run.err.matches("is a placeholder, which no key opens").count(), placeholders);
        let other = |line: &&str| {
            !line.contains("is a placeholder") && !line.ends_with("has no subscription")
        };
        assert_eq!(run.err.lines().find(other), None, "{}", case.folder.display());
    }
}

#[test]
fn strict_makes_no_policy_of_what_cannot_be_carried_over_whole() {
    let folder = temporary("strict");
    let out = folder.join("policy.json");
    for case in case::all() {
        let source = case.folder.join(&case.source);
        let arguments =
            ["import", "--strict", "--out", out.to_str().unwrap(), source.to_str().unwrap()];
        let run = gatewayctl(&folder, &arguments);
        let report = fs::read_to_string(case.folder.join("report.txt")).unwrap();
        let whole = !report.contains("not carried over:");
        assert_eq!(run.code, Some(i32::from(!whole)), "{}", run.err);
        assert_eq!(out.exists(), whole);
        let _ = fs::remove_file(&out);
    }
    fs::write(
        folder.join("whole.json"),
        r#"{ "openapi": "3.1.0", "info": { "title": "Whole" }, "servers": [{ "url": "https://whole.example" }],
             "paths": { "/score": { "post": { "responses": { "200": { "description": "OK" } } } } } }"#,
    )
    .unwrap();
    let run = gatewayctl(&folder, &["import", "--strict", "whole.json", "--out", "policy.json"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(gatewayctl(&folder, &["check", "policy.json"]).code, Some(0));
}

#[test]
fn path_name_and_service_url_are_the_users_word() {
    let case = &case::of_kind("openapi")[0];
    let arguments = [
        "import",
        &case.source,
        "--path",
        "my/models",
        "--name",
        "models",
        "--service-url",
        "https://other.example/v1",
        "--kind",
        "openapi",
    ];
    let policy: serde_json::Value =
        serde_json::from_str(&gatewayctl(&case.folder, &arguments).out).unwrap();
    let api = &policy["apis"][0];
    assert_eq!((&api["name"], &api["path"]), (&"models".into(), &"my/models".into()));
    assert_eq!(api["serviceUrl"], "https://other.example/v1");
    assert_eq!(policy["subscriptions"][0]["scope"], "/apis/models");
}

#[test]
fn apis_of_api_management_keep_their_paths_and_names() {
    for kind in ["arm", "apiops"] {
        let case = &case::of_kind(kind)[0];
        let run = gatewayctl(&case.folder, &["import", &case.source, "--path", "other"]);
        assert_eq!(run.code, Some(1));
        assert!(run.err.contains("--path and --name are for OpenAPI documents"), "{}", run.err);
    }
}

#[test]
fn an_unknown_option_or_kind_is_a_mistake_of_usage() {
    let folder = case::root();
    for arguments in
        [&["import"][..], &["import", "x", "--kind", "wsdl"], &["import", "x", "--stern"]]
    {
        assert_eq!(gatewayctl(&folder, arguments).code, Some(2), "{arguments:?}");
    }
}

/// Nothing of a key may be in what is made of a source that holds one.
#[test]
fn no_key_of_a_source_is_printed() {
    for case in case::all() {
        for file in ["policy.json", "report.txt"] {
            let text = fs::read_to_string(case.folder.join(file)).unwrap();
            for key in ["this-key-is-only-an-example", "only-an-example-key"] {
                assert!(!text.contains(key), "{}/{file}", case.folder.display());
            }
        }
    }
}

pub(crate) fn temporary(name: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("import-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}
