//! The portal through a real Envoy: documents, files, and what a change of the policy does to them.

use azureml_gateway::publish::assets::ASSETS;
use serde_json::{Value, json};
use support::Reply;

use crate::{Demo, compiled, demo_policy, published, resource, root};

fn document(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type").as_deref(), Some("application/json"));
    assert_eq!(reply.header("x-content-type-options").as_deref(), Some("nosniff"));
    serde_json::from_slice(&reply.body).unwrap()
}

#[test]
fn documents_are_served_to_everybody_and_follow_the_policy() {
    let demo = Demo::start(|_| {});
    let catalogue = document(&demo.get("/portal/apis.json", ""));
    assert_eq!(catalogue["apis"][0]["openapi"], "apis/azureml-demo/openapi.json");
    assert_eq!(catalogue["apis"][0]["products"], json!(["starter", "unlimited"]));
    let starter = &catalogue["products"][0];
    assert_eq!(starter["rateLimit"], json!({ "calls": 5, "renewalPeriod": 60 }));
    assert_eq!(starter["quota"], json!({ "calls": 100, "renewalPeriod": 604_800 }));

    let path = "/portal/apis/azureml-demo/openapi.json";
    let mut policy = demo_policy(&demo.emulator);
    assert_eq!(document(&demo.get(path, "")), published(&compiled(&policy), "azureml-demo"));
    let head = demo.request("HEAD", path, "", "");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(demo.emulator.received().is_empty(), "no backend is asked");

    policy["apis"][0]["displayName"] = json!("Another name");
    demo.gateway.replace_policy(&resource(&policy)).unwrap();
    assert_eq!(document(&demo.get(path, ""))["info"]["title"], "Another name");
    policy.as_object_mut().unwrap().remove("portal");
    demo.gateway.replace_policy(&resource(&policy)).unwrap();
    for path in [path, "/portal/apis.json", "/portal/usage", "/portal", "/portal/"] {
        let gone = demo.get(path, "Ocp-Apim-Subscription-Key: starter-demo-key\r\n");
        let refusal = gone.header("x-gateway-refusal");
        assert_eq!((gone.status, refusal.as_deref()), (404, Some("unmatched")), "{path}");
    }
}

#[test]
fn files_are_the_routes_own_and_no_caller_chooses_one() {
    let demo = Demo::start(|_| {});
    // A file of the console goes out compressed, as it lies there.
    let on_disk = |file: &str| {
        let folder = root().join("dist/portal");
        std::fs::read(folder.join(file))
            .or_else(|_| std::fs::read(folder.join(format!("{file}.gz"))))
            .unwrap_or_else(|error| panic!("{file}: {error}"))
    };
    let served = |target: &str, headers: &str, file: &str| {
        let reply = demo.get(target, headers);
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        assert!(reply.body == on_disk(file), "{target} is {file}");
        let policy = reply.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{target}: {policy}");
        assert!(!policy.contains("unsafe"), "{target}: {policy}");
        assert_eq!(reply.header("x-content-type-options").as_deref(), Some("nosniff"), "{target}");
        assert_eq!(reply.header("referrer-policy").as_deref(), Some("no-referrer"), "{target}");
        reply.header("content-type").unwrap_or_default()
    };
    for file in ASSETS {
        let kind = match file.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(served(&format!("/portal/{file}"), "", file), kind, "{file}");
    }
    served("/portal/", "", "index.html");
    served("/portal/index.html?x=1", "", "index.html");
    let html = "Accept: application/json;q=0.5, TEXT/HTML;q=0.1\r\n";
    served("/portal/usage", html, "usage.html");
    let head = demo.request("HEAD", "/portal/", "", "");
    assert_eq!((head.status, head.body.len()), (200, 0));
    let redirect = demo.get("/portal?subscription-key=starter-demo-key", "");
    assert_eq!((redirect.status, redirect.header("location").as_deref()), (308, Some("portal/")));
    // A header of the client's is gone before anything is decided.
    let forged = "x-gateway-asset: index.html\r\n";
    served("/portal/portal.js", forged, "portal.js");
    assert_eq!(demo.get("/elsewhere", forged).status, 404);
    assert_eq!(demo.get("/portal/package.json", forged).status, 404);
    let call = demo.get("/azureml-demo/x", forged);
    assert_eq!(call.header("x-gateway-refusal").as_deref(), Some("operation_not_found"));
    assert!(demo.emulator.received().is_empty());
}

#[test]
fn portal_and_refusals_there_are_logged_as_what_they_are() {
    let demo = Demo::start(|_| {});
    demo.get("/portal/apis.json", "");
    demo.get("/portal/nothing", "");
    demo.get("/portal/usage", "Ocp-Apim-Subscription-Key: starter-demo-key\r\n");
    demo.get("/portal/usage?subscription-key=starter-demo-key", "");
    let lines = || -> Vec<(String, String)> {
        let log = demo.gateway.access_log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        lines.map(|line| (text(&line["outcome"]), text(&line["subscription"]))).collect()
    };
    let expected = [
        ("portal", "-"),
        ("operation_not_found", "-"),
        ("portal", "starter-demo"),
        ("subscription_key_missing", "-"),
    ];
    let expected = expected.map(|(outcome, name)| (outcome.to_owned(), name.to_owned()));
    support::eventually("all four are logged", || lines() == expected);
    assert!(!demo.gateway.access_log().contains("starter-demo-key"));
}
