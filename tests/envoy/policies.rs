//! Policies that the filter refuses.

use emulator::{Emulator, Settings};
use serde_json::{Value, json};
use support::{Gateway, Options, send};

use crate::{Demo, KEY, SERVICE, ecds, policy};

#[test]
fn a_bad_policy_at_start_lets_nothing_through_and_says_every_problem() {
    let emulator = Emulator::start(Settings::demo(KEY)).unwrap();
    let good = policy(&emulator);
    let bad = good.replace("\"POST\"", "\"post\"").replace("AZUREML_DEMO_KEY", "NOT_SET_HERE");
    let options = Options { wait_for_policy: false, ..Options::new(ecds_unchecked(&good, &bad)) };
    let gateway = Gateway::start(&options).unwrap();
    let raw = format!(
        "POST /azureml-demo{SERVICE}/execute?api-version=2.0 HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    let reply = send(gateway.http_port(), raw.as_bytes()).unwrap();
    assert_eq!(reply.status, 500, "{}", reply.text());
    let log = gateway.log();
    for problem in [
        "policy refused: apis[0].operations[0].method: must be an HTTP method in capitals",
        "policy refused: apis[0].operations[2].method: must be an HTTP method in capitals",
        "policy refused: apis[0].backends[0].credentials.authorization.parameter.env: the environment variable NOT_SET_HERE is not set",
    ] {
        assert!(log.contains(problem), "{problem}\n{log}");
    }
    assert!(!log.contains("panicked"), "{log}");
    assert!(emulator.received().is_empty());
}

#[test]
fn a_bad_policy_later_leaves_the_old_one_serving() {
    let demo = Demo::start();
    let good = policy(&demo.emulator);
    for bad in ["", "{", "[]", "\u{0}", &good.replace("\"version\": 1", "\"version\": 2")] {
        let refused = demo.gateway.replace_policy(&ecds_unchecked(&good, bad));
        assert!(refused.is_err(), "{bad}");
        assert_eq!(demo.execute().status, 200);
    }
    let other = good.replace("\"path\": \"azureml-demo\"", "\"path\": \"other\"");
    demo.gateway.replace_policy(&ecds(&other)).unwrap();
    assert_eq!(demo.execute().header("x-gateway-refusal").as_deref(), Some("unmatched"));
    demo.gateway.replace_policy(&ecds(&good)).unwrap();
    demo.assert_unharmed();
}

/// The resource as render would write it for a policy that it refuses.
fn ecds_unchecked(good: &str, bad: &str) -> String {
    let mut resource: Value = serde_json::from_str(&ecds(good)).unwrap();
    resource["version_info"] = json!("bad");
    resource["resources"][0]["typed_config"]["config"]["configuration"]["value"] = json!(bad);
    resource.to_string()
}
