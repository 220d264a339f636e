//! My usage: exact, nobody else's, and free.

use serde_json::{Value, json};

use crate::Demo;

fn usage(demo: &Demo, key: &str) -> Value {
    let reply = demo.get("/portal/usage", &format!("Ocp-Apim-Subscription-Key: {key}\r\n"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("vary").as_deref(), Some("accept"));
    assert_eq!(reply.header("cache-control").as_deref(), Some("no-store"));
    serde_json::from_slice(&reply.body).unwrap()
}

fn remaining(usage: &Value) -> Vec<u64> {
    let limits = usage["limits"].as_array().unwrap();
    limits.iter().map(|limit| limit["remaining"].as_u64().unwrap()).collect()
}

#[test]
fn usage_is_what_the_limits_count_and_asking_is_free() {
    let two_workers = |own| support::Options { concurrency: 2, ..own };
    let demo = Demo::with(|_| {}, two_workers);
    for made in 0..=5 {
        for _ in 0..4 {
            assert_eq!(remaining(&usage(&demo, "starter-demo-key")), [5 - made, 100 - made]);
        }
        let call = demo.execute("starter-demo-key");
        assert_eq!(call.status, if made < 5 { 200 } else { 429 }, "{}", call.text());
    }
    let spent = usage(&demo, "starter-demo-key");
    assert_eq!(
        (&spent["subscription"], &spent["product"]),
        (&json!("starter-demo"), &json!("starter"))
    );
    let [rate, quota] = spent["limits"].as_array().unwrap().as_slice() else { panic!("{spent}") };
    let seconds = rate["renewsInSeconds"].as_u64().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    let expected = json!({
        "name": "product/starter/rate", "kind": "rateLimit", "scope": "product", "of": "starter",
        "calls": 5, "renewalPeriod": 60, "remaining": 0, "renewsInSeconds": seconds,
    });
    assert_eq!(*rate, expected);
    assert_eq!((&quota["kind"], &quota["remaining"]), (&json!("quota"), &json!(95)));
    assert_eq!(remaining(&usage(&demo, "unlimited-demo-key")), [0; 0]);
    assert!(!usage(&demo, "unlimited-demo-key").to_string().contains("starter"), "nobody else's");
    // Over changes of the policy, too.
    let policy = crate::demo_policy(&demo.emulator);
    demo.gateway.replace_policy(&crate::resource(&policy)).unwrap();
    assert_eq!(remaining(&usage(&demo, "starter-demo-key")), [0, 95]);
}

#[test]
fn every_limit_that_could_apply_is_listed_with_what_has_it() {
    let demo = Demo::start(|policy| {
        policy["apis"][0]["rateLimit"] = json!({ "calls": 50, "renewalPeriod": 30 });
        policy["apis"][0]["operations"][0]["rateLimit"] =
            json!({ "calls": 7, "renewalPeriod": 10 });
        policy["apis"][0]["operations"][1]["rateLimit"] =
            json!({ "calls": 7, "renewalPeriod": 10 });
        policy["apis"][0]["operations"][1]["mode"] = json!("shadow");
        // Another API, which the subscription of the first does not reach.
        let mut other = policy["apis"][0].clone();
        other["name"] = json!("other");
        other["path"] = json!("other");
        other["subscriptionRequired"] = json!(false);
        policy["apis"].as_array_mut().unwrap().push(other);
        policy["subscriptions"][1]["scope"] = json!("/apis/azureml-demo");
    });
    demo.execute("unlimited-demo-key");
    let usage = usage(&demo, "unlimited-demo-key");
    let rows: Vec<_> = usage["limits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|limit| {
            (
                limit["scope"].as_str().unwrap(),
                limit["of"].as_str().unwrap(),
                limit["remaining"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [("api", "azureml-demo", 49), ("operation", "azureml-demo/rrs-execute", 6)];
    assert_eq!(rows, expected);
    assert_eq!(usage["product"], Value::Null);
}

#[test]
fn a_key_of_apis_over_https_alone_is_not_taken_over_http() {
    let demo = Demo::start(|policy| {
        let mut secure = policy["apis"][0].clone();
        secure["name"] = json!("secure");
        secure["path"] = json!("secure");
        secure["protocols"] = json!(["https"]);
        policy["apis"].as_array_mut().unwrap().push(secure);
        policy["subscriptions"].as_array_mut().unwrap().push(json!({
            "name": "careful", "scope": "/apis/secure", "primaryKey": { "value": "careful-key" },
        }));
    });
    let refused = demo.get("/portal/usage", "Ocp-Apim-Subscription-Key: careful-key\r\n");
    assert_eq!(
        (refused.status, refused.header("x-gateway-refusal").as_deref()),
        (403, Some("protocol_refused"))
    );
    assert!(!refused.text().contains("careful"), "{}", refused.text());
    usage(&demo, "unlimited-demo-key");
}
