//! Truncated, hostile and wrong-kind sources: one clear message, and no crash.

use std::fs;
use std::path::Path;

use crate::case::{self, gatewayctl};
use crate::golden::temporary;

const DOCUMENT: &str = r#"{ "openapi": "3.0.3", "info": { "title": "T" }, "servers": [{ "url": "https://h.example" }], "paths": "#;

#[test]
fn a_source_that_is_none_gets_one_line_that_says_why() {
    let folder = temporary("hostile");
    let many = |part: &str, count: usize| part.repeat(count);
    let cases: Vec<(&str, String, &str)> = vec![
        ("empty.json", String::new(), "neither"),
        ("truncated.json", DOCUMENT.into(), "is not JSON: EOF while parsing"),
        ("deep.json", many("[", 100_000), "is not JSON: recursion limit exceeded"),
        (
            "deep-paths.json",
            format!("{DOCUMENT}{}", many("{\"a\":", 100_000)),
            "recursion limit exceeded",
        ),
        ("deep.yaml", many("- ", 100_000), "is neither JSON nor YAML"),
        ("flow.yaml", many("[", 100_000), "is neither JSON nor YAML"),
        ("laughs.yaml", laughs(), "is neither JSON nor YAML"),
        (
            "twice.json",
            r#"{ "openapi": "3.0.3", "openapi": "3.0.3" }"#.into(),
            "the name \"openapi\" stands twice",
        ),
        (
            "huge.json",
            format!("{DOCUMENT}{{}}, \"x\": 1e999 }}"),
            "is not JSON: number out of range",
        ),
        ("text.txt", "hello".into(), "is neither an OpenAPI document"),
        ("list.json", "[1]".into(), "but no object"),
        ("other.json", r#"{ "name": "npm" }"#.into(), "but an object with \"name\""),
        (
            "asyncapi.yaml",
            "asyncapi: 2.0.0\nchannels: {}\n".into(),
            "is neither an OpenAPI document",
        ),
        ("swagger1.json", r#"{ "swagger": "1.2" }"#.into(), "is Swagger 1.2"),
        ("openapi4.json", r#"{ "openapi": "4.0" }"#.into(), "is OpenAPI 4.0"),
        (
            "no-server.json",
            r#"{ "openapi": "3.0.3", "paths": {} }"#.into(),
            "names no server with a host: say where the backend is with --service-url",
        ),
        ("no-paths.json", format!("{DOCUMENT}{{}} }}"), "must have at least one operation"),
        (
            "bad-server.json",
            DOCUMENT.replace("https://h.example", "ftp://h.example") + "{} }",
            "its server's URL must begin with",
        ),
        ("no-api.json", r#"{ "resources": [] }"#.into(), "has no API that the gateway could serve"),
        ("policy.xml", "<policies />".into(), "is neither"),
    ];
    for (name, text, message) in cases {
        fs::write(folder.join(name), text).unwrap();
        refused(&folder, name, message);
    }
    fs::write(folder.join("bytes.json"), b"{\"openapi\": \"\xff\"}").unwrap();
    refused(&folder, "bytes.json", "is not UTF-8 from byte 13 on");
    fs::write(folder.join("large.json"), vec![b' '; (16 << 20) + 1]).unwrap();
    refused(&folder, "large.json", "is larger than 16 MiB");
    refused(&folder, "none.json", "No such file");
    fs::create_dir(folder.join("folder")).unwrap();
    refused(&folder, "folder", "name the folder that APIOps extracted");
}

#[test]
fn a_policy_that_is_none_gets_one_line_that_says_where() {
    let entities = "<!DOCTYPE p [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><policies><inbound>&b;</inbound></policies>";
    let external =
        "<!DOCTYPE p [<!ENTITY a SYSTEM \"file:///etc/hostname\">]><policies>&a;</policies>";
    let cases: Vec<(String, &str)> = vec![
        (String::new(), "is not a policy in XML"),
        ("<policies><inbound>".into(), "is not a policy in XML"),
        (entities.into(), "is not a policy in XML"),
        (external.into(), "is not a policy in XML"),
        ("<policies>&undefined;</policies>".into(), "is not a policy in XML"),
        ("<a>".repeat(100_000), "elements are nested more than 100 deep"),
        (
            format!("<policies>{}</policies>", "<a/>".repeat(60_000)),
            "is not a policy in XML: nodes limit reached",
        ),
        ("<fragment />".into(), "must be <policies>"),
        ("@(".repeat(10_000), "is not a policy in XML"),
    ];
    for (text, message) in cases {
        let folder = temporary("hostile-policy");
        copy(&case::root().join("apiops/scoring/source"), &folder);
        fs::write(folder.join("apis/churn/policy.xml"), text).unwrap();
        refused(&folder, ".", message);
        let run = gatewayctl(&folder, &["import", "."]);
        assert!(run.err.contains("apis/churn/policy.xml"), "{}", run.err);
    }
}

/// Limits that cost time or memory rather than a wrong answer.
#[test]
fn what_grows_is_bounded() {
    let folder = temporary("hostile-growth");
    // Each variable is the one before it twice.
    let variables: Vec<String> = (1..64)
        .map(|i| format!(r#""v{i}": "[concat(variables('v{}'), variables('v{}'))]""#, i - 1, i - 1))
        .collect();
    let template = format!(
        r#"{{ "resources": [{{ "type": "Microsoft.ApiManagement/service/apis", "name": "s/a", "properties": {{
            "path": "a", "displayName": "[variables('v63')]", "serviceUrl": "https://h.example" }} }},
            {{ "type": "Microsoft.ApiManagement/service/apis/operations", "name": "s/a/o",
               "properties": {{ "method": "GET", "urlTemplate": "/" }} }}],
          "variables": {{ "v0": "x", {} }} }}"#,
        variables.join(", ")
    );
    fs::write(folder.join("template.json"), template).unwrap();
    let run = gatewayctl(&folder, &["import", "template.json"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(
        run.err.contains("displayName: an expression that is too long or too deep"),
        "{}",
        run.err
    );
    // A thousand operations, each of which refers to the next one's parameters.
    let paths: Vec<String> = (0..1000)
        .map(|i| format!(r##""/p{i}": {{ "get": {{ "parameters": [{{ "$ref": "#/paths/~1p{}/get/parameters/0" }}] }} }}"##, (i + 1) % 1000))
        .collect();
    fs::write(folder.join("refs.json"), format!("{DOCUMENT}{{ {} }} }}", paths.join(", ")))
        .unwrap();
    let run = gatewayctl(&folder, &["import", "refs.json"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.err.contains("and 997 more: a parameter that refers to itself"), "{}", run.err);
}

fn refused(folder: &Path, source: &str, message: &str) {
    let run = gatewayctl(folder, &["import", source]);
    assert_eq!(run.code, Some(1), "{source}: {}", run.err);
    assert!(run.out.is_empty(), "{source}");
    assert!(run.err.contains(message), "{source}: {}", run.err);
    assert_eq!(run.err.lines().count(), 1, "{source}: {}", run.err);
    assert!(run.err.starts_with("gatewayctl: ") && run.err.len() < 400, "{source}: {}", run.err);
}

fn laughs() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        let inner = vec![format!("*a{}", i - 1); 10].join(", ");
        text += &format!("a{i}: &a{i} [{inner}]\n");
    }
    text
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
