//! What the documents say, and what they never say.

use std::process::Command;

use azureml_gateway::policy::{Below, compile};
use serde_json::{Value, json};

use crate::{compiled, gatewayctl, policy_file, published};

fn every_feature() -> Value {
    policy_file("tests/publish/every_feature.json")
}

fn parameter<'d>(document: &'d Value, path: &str, method: &str, name: &str) -> &'d Value {
    let parameters = document["paths"][path][method]["parameters"].as_array().unwrap();
    parameters.iter().find(|parameter| parameter["name"] == name).expect(name)
}

#[test]
fn no_document_tells_a_secret_a_backend_or_a_subscription() {
    let policy = compiled(&every_feature());
    let documents = &policy.portal.as_ref().unwrap().documents;
    let mut texts = vec![String::from_utf8(documents.catalogue().to_vec()).unwrap()];
    for api in &policy.apis {
        texts.push(published(&policy, &api.name).to_string());
    }
    let hash = every_feature()["subscriptions"][0]["secondaryKey"]["sha256"].clone();
    // All that must not be told says so by its name.
    for word in ["canary", "c4nary", "CANARY", "127.0.0.1", hash.as_str().unwrap()] {
        for text in &texts {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
    // The policy does have it all.
    let source = every_feature().to_string();
    assert!(source.contains("canary") && source.contains("CANARY"));
}

#[test]
fn parameters_have_their_types_patterns_values_and_examples() {
    let document = published(&compiled(&every_feature()), "everything");
    let path = "/typed/{text}/{number}/{escaped}/{tenant}";
    let typed = |name| parameter(&document, path, "post", name);
    assert_eq!(typed("text")["schema"]["maxLength"], 8);
    assert_eq!(typed("text")["example"], "abc");
    assert_eq!(typed("text")["description"], "A text.");
    let number = json!({ "type": "integer", "minimum": -99, "maximum": 999 });
    assert_eq!(typed("number")["schema"], number);
    // They may be names of tenants.
    assert!(typed("tenant")["schema"].get("enum").is_none());
    assert_eq!(typed("flag")["schema"], json!({ "type": "boolean", "enum": [true] }));
    assert_eq!(typed("mode")["schema"]["enum"], json!(["fast", "slow"]));
    assert_eq!(typed("mode")["example"], "slow");
    assert_eq!(typed("v")["schema"]["enum"], json!(["1.0"]));
    for (name, required) in [("text", true), ("flag", true), ("word", false), ("optional", false)] {
        assert_eq!(typed(name)["required"], required, "{name}");
    }
    let operation = &document["paths"][path]["post"];
    let description = operation["description"].as_str().unwrap();
    assert!(description.contains("Other query parameters are refused."), "{description}");
    let body = &operation["requestBody"]["content"]["application/json"]["examples"]["typed"];
    assert_eq!(body["value"].to_string(), r#"{"b":[1,null,"x"],"a":true}"#, "in its order");
}

#[test]
fn operations_that_only_a_query_tells_apart_become_one() {
    let document = published(&compiled(&every_feature()), "everything");
    let merged = &document["paths"]["/merged/{id}"]["get"];
    let names: Vec<_> = merged["x-gateway-operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| operation["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["json", "xml", "merged-rest"]);
    // The last one takes any query.
    let format = parameter(&document, "/merged/{id}", "get", "format");
    assert_eq!(
        (&format["required"], &format["schema"]),
        (&json!(false), &json!({ "type": "string" }))
    );
    let mut without = every_feature();
    let operations = without["apis"][0]["operations"].as_array_mut().unwrap();
    operations.retain(|operation| operation["name"] != "merged-rest");
    let document = published(&compiled(&without), "everything");
    let format = parameter(&document, "/merged/{id}", "get", "format");
    assert_eq!(format["required"], true);
    assert_eq!(format["schema"]["enum"], json!(["json", "xml"]));
    let depth = parameter(&document, "/merged/{id}", "get", "Depth");
    assert_eq!(depth["required"], false, "one of them does without");
    let all = json!([{ "type": "string", "enum": ["all"] }, { "type": "integer" }]);
    assert_eq!(depth["schema"]["anyOf"], all);
}

#[test]
fn a_method_without_a_place_in_openapi_is_listed_beside_the_others() {
    let document = published(&compiled(&every_feature()), "everything");
    let item = &document["paths"]["/files/{name}/{rest}"];
    assert_eq!(item["x-gateway-operations"][0]["method"], "PROPFIND");
    assert!(item.get("delete").is_some() && item.get("head").is_some());
}

#[test]
fn refusals_are_documented_where_they_can_happen_in_the_apis_own_format() {
    let policy = compiled(&every_feature());
    let codes = |api: &str, path: &str, method: &str, status: &str| -> Vec<String> {
        let document = published(&policy, api);
        let response = &document["paths"][path][method]["responses"][status];
        let response = match response["$ref"].as_str() {
            Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
            None => response,
        };
        let examples = response["content"]["application/json"]["examples"].as_object();
        examples.map(|examples| examples.keys().cloned().collect()).unwrap_or_default()
    };
    let (everything, typed) = ("everything", "/typed/{text}/{number}/{escaped}/{tenant}");
    assert_eq!(codes(everything, typed, "post", "429"), ["rate_limit_exceeded"]);
    assert_eq!(codes(everything, typed, "post", "403"), ["quota_exceeded"]);
    assert_eq!(codes(everything, typed, "post", "503"), ["limit_contended"]);
    let unauthorized =
        ["subscription_key_missing", "subscription_key_invalid", "credential_missing"];
    assert_eq!(codes(everything, "/", "get", "401"), unauthorized);
    assert!(codes(everything, typed, "post", "400").contains(&"unknown_parameter".to_owned()));
    // API Management's compatibility: 404 where others say 400 and 403.
    assert_eq!(codes("open", "/score", "post", "404"), ["operation_not_found"]);
    assert!(!codes("open", "/score", "post", "400").contains(&"invalid_parameter".to_owned()));
    assert!(codes("open", "/score", "post", "403").is_empty(), "nothing is limited");
    assert!(codes("open", "/score", "post", "429").is_empty(), "nothing is limited");
    let codes = codes("bearer", "/{id}", "get", "403");
    assert_eq!(codes, ["protocol_refused", "quota_exceeded"]);
    // The body of an example is what the schema says.
    let azureml = published(&policy, "open");
    let schema = &azureml["components"]["schemas"]["Refusal"];
    let example = azureml["paths"]["/score"]["post"]["responses"]["404"]["content"]
        ["application/json"]["examples"]["operation_not_found"]["value"]
        .clone();
    assert!(jsonschema::is_valid(schema, &example), "{example}");
    assert!(!jsonschema::is_valid(schema, &json!({ "statusCode": 404 })));
}

#[test]
fn the_key_is_asked_for_under_the_apis_own_names() {
    let policy = compiled(&every_feature());
    let schemes = |api| published(&policy, api)["components"]["securitySchemes"].clone();
    let header = json!({ "type": "apiKey", "in": "header", "name": "api-key" });
    assert_eq!(schemes("everything")["subscriptionKeyHeader"], header);
    assert_eq!(schemes("everything")["subscriptionKeyQuery"]["name"], "key");
    let bearer = json!({ "type": "http", "scheme": "bearer" });
    assert_eq!(schemes("bearer")["subscriptionKeyHeader"], bearer);
    let open = published(&policy, "open")["security"].clone();
    assert!(open.as_array().unwrap().contains(&json!({ "serviceKey": [] })), "{open}");
}

#[test]
fn gatewayctl_prints_what_the_portal_publishes_and_takes_another_server() {
    let policy = "envoy/policy.json";
    let run = |arguments: &[&str]| {
        let mut command = Command::new(gatewayctl());
        command.current_dir(crate::root()).args(["openapi", policy]).args(arguments);
        command.output().unwrap()
    };
    let printed = |arguments: &[&str]| -> Value {
        let output = run(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let mut document = published(&compiled(&policy_file(policy)), "azureml-demo");
    assert_eq!(document["servers"][0]["url"], "/azureml-demo");
    assert_eq!(printed(&["azureml-demo"]), document);
    document["servers"][0]["url"] = json!("https://gateway.example/azureml-demo");
    let printed = printed(&["azureml-demo", "--server", "https://gateway.example/"]);
    assert_eq!(printed, document);
    let unknown = run(&["none"]);
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(!unknown.status.success() && said.contains("it has azureml-demo"), "{said}");
    assert!(!run(&["azureml-demo", "--server", "gateway"]).status.success());
}

#[test]
fn gatewayctl_prints_the_document_of_a_policy_without_a_portal_too() {
    let mut policy = policy_file("envoy/policy.json");
    policy.as_object_mut().unwrap().remove("portal");
    let (compiled, documents) =
        azureml_gateway::policy::compile_documented(policy.to_string().as_bytes(), &|_| {
            Some(b"key".to_vec())
        });
    assert!(compiled.policy.unwrap().portal.is_none());
    assert!(documents.unwrap().openapi("azureml-demo").is_some());
}

#[test]
fn the_version_changes_with_the_document_and_with_nothing_else() {
    let version = |policy: &Value| {
        published(&compiled(policy), "everything")["info"]["version"].as_str().unwrap().to_owned()
    };
    let (policy, mut other, mut same) = (every_feature(), every_feature(), every_feature());
    other["apis"][0]["operations"][0]["description"] = json!("Changed.");
    same["apis"][0]["backends"][0]["url"] = json!("https://elsewhere.example");
    assert_eq!(version(&policy), version(&policy));
    assert_ne!(version(&policy), version(&other));
    assert_eq!(version(&policy), version(&same), "backends are nobody's business");
}

#[test]
fn without_a_portal_nothing_is_published_and_its_path_is_like_any_other() {
    let mut policy = every_feature();
    policy.as_object_mut().unwrap().remove("portal");
    let policy = compiled(&policy);
    assert!(policy.portal.is_none());
    assert!(policy.below(b"/dev/portal/apis.json").is_none());
    let policy = compiled(&every_feature());
    assert!(matches!(
        policy.below(b"/dev/portal/apis.json"),
        Some((Below::Portal(_), b"/apis.json"))
    ));
}

#[test]
fn the_portals_path_and_the_apis_are_apart() {
    for (path, problem) in [
        ("every/thing", "is not apart from"),
        ("every", "is not apart from"),
        ("every/thing/else", "is not apart from"),
        ("", "must be one or more segments"),
        ("a/../b", "must be one or more segments"),
    ] {
        let mut policy = every_feature();
        policy["portal"]["path"] = json!(path);
        let compiled = compile(policy.to_string().as_bytes(), &|_| Some(b"key".to_vec()));
        let problems: Vec<_> = compiled.problems.iter().map(ToString::to_string).collect();
        assert!(compiled.policy.is_none(), "{path}");
        let found = problems.iter().any(|p| p.starts_with("portal.path: ") && p.contains(problem));
        assert!(found, "{path}: {problems:?}");
    }
    for path in ["everything", "every2/thing", "portal"] {
        let mut policy = every_feature();
        policy["portal"]["path"] = json!(path);
        compiled(&policy);
    }
}
