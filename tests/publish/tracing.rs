//! Where a call went, told to subscriptions that may know.

use serde_json::json;
use support::RawBackend;
use support::raw_backend::Answer;

use crate::Demo;

const SERVICE: &str =
    "/workspaces/0123456789abcdef0123456789abcdef/services/fedcba9876543210fedcba9876543210";

#[test]
fn only_a_subscription_with_tracing_is_told_where_its_call_went() {
    // A backend that claims to be elsewhere.
    let forger = RawBackend::start(|_| {
        Answer::Now(
            b"HTTP/1.1 200 OK\r\nx-gateway-backend-url: http://forged/\r\ncontent-length: 0\r\n\r\n".to_vec(),
        )
    });
    let forger = forger.unwrap();
    let url = format!("http://127.0.0.1:{}", forger.port());
    let demo = Demo::start(|policy| {
        policy["apis"][0]["serviceUrl"] = json!(format!("{url}/base"));
        policy["subscriptions"][0]["allowTracing"] = json!(true);
        // With and without a limit, the answer is told in different places.
        policy["subscriptions"].as_array_mut().unwrap().push(json!({
            "name": "traced", "scope": "/apis", "allowTracing": true,
            "primaryKey": { "value": "traced-key" },
        }));
    });
    let told = |target: &str, headers: &str| {
        let reply = demo.request("POST", &format!("/azureml-demo{target}"), headers, "");
        let lines = reply.headers.iter().filter(|(name, _)| name == "x-gateway-backend-url");
        let lines = lines.map(|(_, value)| String::from_utf8(value.clone()).unwrap());
        lines.collect::<Vec<_>>()
    };
    let key = |key: &str| format!("Ocp-Apim-Subscription-Key: {key}\r\n");
    let execute = format!("{SERVICE}/execute?api-version=2.0");
    let went = vec![format!("{url}/base{execute}")];
    assert_eq!(told(&execute, &key("starter-demo-key")), went);
    assert_eq!(told(&execute, &key("traced-key")), went);
    let with_key = format!("{execute}&subscription-key=traced-key");
    assert_eq!(told(&with_key, "Authorization: Bearer own-secret\r\n"), went, "no credential");
    let none: Vec<String> = Vec::new();
    assert_eq!(told(&execute, &key("unlimited-demo-key")), none);
    assert_eq!(forger.heads().len(), 4, "all four were forwarded");
    // What is refused went nowhere.
    for headers in [key("wrong"), String::new()] {
        assert_eq!(told(&execute, &headers), none);
    }
    assert_eq!(told("/nowhere", &key("traced-key")), none);
    let other = "/workspaces/a/services/b/execute?api-version=2.0";
    assert_eq!(told(other, &key("traced-key")), none);
}

#[test]
fn a_trace_tells_no_key_and_nothing_to_a_subscription_that_was_not_accepted() {
    let backend = RawBackend::start(|_| {
        Answer::Now(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec())
    });
    let url = format!("http://127.0.0.1:{}", backend.as_ref().unwrap().port());
    let subscription = |name: &str, state: &str| {
        let (key, scope) = (format!("{name}-key"), "/apis");
        json!({ "name": name, "scope": scope, "state": state, "allowTracing": true,
                "primaryKey": { "value": key } })
    };
    let demo = Demo::start(|policy| {
        let api = &mut policy["apis"][0];
        api["serviceUrl"] = json!(url);
        api["backends"] = json!([{ "match": {}, "credentials": "none" }]);
        api["operations"] = json!([
            { "name": "tried", "method": "GET", "urlTemplate": "/tried", "mode": "shadow" },
            { "name": "code", "method": "GET", "urlTemplate": "/code/{n}",
              "rewriteUri": "/code?code=BACKENDS-CODE&n={n}" },
        ]);
        policy["subscriptions"] =
            json!([subscription("good", "active"), subscription("late", "suspended")]);
    });
    let told = |target: &str, key: &str| {
        let headers = format!("Ocp-Apim-Subscription-Key: {key}\r\n");
        let reply = demo.request("GET", &format!("/azureml-demo{target}"), &headers, "");
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.header("x-gateway-backend-url")
    };
    assert_eq!(told("/tried", "good-key"), Some(format!("{url}/tried")));
    assert_eq!(told("/tried", "late-key"), None);
    assert_eq!(told("/code/1?x=2", "good-key"), Some(format!("{url}/code?code=***&n=1&x=2")));
}
