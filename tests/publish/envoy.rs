//! The portal through a real Envoy: documents, files, and what a change of the policy does to them.

use serde_json::{Value, json};
use support::Reply;

use crate::{Demo, compiled, demo_policy, published, resource};

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
    let file = |target, headers| {
        let reply = demo.get(target, headers);
        (reply.status, reply.text())
    };
    let own = |name: &str| {
        let path = crate::root().join("dist/portal").join(name);
        (200, std::fs::read_to_string(path).unwrap())
    };
    assert_eq!(file("/portal/", ""), own("index.html"));
    assert_eq!(file("/portal/index.html?x=1", ""), own("index.html"));
    let html = "Accept: application/json;q=0.5, TEXT/HTML;q=0.1\r\n";
    assert_eq!(file("/portal/usage", html), own("usage.html"));
    assert_eq!(demo.request("HEAD", "/portal/", "", "").status, 200);
    let redirect = demo.get("/portal?subscription-key=starter-demo-key", "");
    assert_eq!((redirect.status, redirect.header("location").as_deref()), (308, Some("portal/")));
    // A header of the client's is gone before anything is decided.
    let forged = "x-gateway-asset: index.html\r\n";
    assert_eq!(file("/portal/page.js", forged), own("page.js"));
    assert_eq!(file("/elsewhere", forged).0, 404);
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
