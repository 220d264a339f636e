//! What logs, statistics and the admin interface show.

use std::thread;
use std::time::Duration;

use azureml_gateway::policy::subscription::KeyHash;
use serde_json::{Value, json};
use support::{Gateway, Options, send};

use crate::{Demo, ecds};

#[test]
fn the_access_log_names_the_operation_and_shows_no_credential() {
    let demo = Demo::start();
    demo.execute();
    demo.call(
        "POST",
        "/execute?api-version=1.0&subscription-key=c4nary-query",
        "Authorization: Bearer c4nary-header\r\n",
        "",
    );
    demo.call("GET", "/nothing", "Ocp-Apim-Subscription-Key: c4nary-header\r\n", "");
    let lines = loop {
        let log = demo.gateway.access_log();
        let lines: Vec<Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if lines.len() == 3 {
            break lines;
        }
        thread::sleep(Duration::from_millis(20));
    };
    let row = |line: &Value| ["api", "operation", "outcome"].map(|key| line[key].clone());
    assert_eq!(row(&lines[0]), [json!("azureml-demo"), json!("rrs-execute"), json!("forwarded")]);
    assert_eq!(
        row(&lines[1]),
        [json!("azureml-demo"), json!("rrs-execute"), json!("invalid_parameter")]
    );
    assert_eq!(row(&lines[2]), [json!("azureml-demo"), Value::Null, json!("operation_not_found")]);
    let admin = demo.gateway.admin();
    let shown = [
        demo.gateway.access_log(),
        demo.gateway.log(),
        admin.page("/stats").unwrap(),
        admin.page("/config_dump").unwrap(),
    ];
    for text in shown {
        assert!(
            !text.contains("c4nary"),
            "{}",
            text.lines().find(|l| l.contains("c4nary")).unwrap()
        );
        assert!(
            !text.contains("api-version=2.0&details") || text.contains("urlTemplate"),
            "a query is logged"
        );
    }
}

#[test]
fn the_access_log_names_the_subscription_and_never_its_key() {
    let hash = KeyHash::of(b"c4nary-key").hex();
    let policy = json!({ "version": 1,
        "apis": [{ "name": "ml", "path": "ml", "protocols": ["http"], "serviceUrl": "http://127.0.0.1:1",
            "operations": [{ "name": "score", "method": "POST", "urlTemplate": "/score" }],
            "backends": [{ "match": {}, "credentials": "none" }] }],
        "subscriptions": [{ "name": "team", "scope": "/apis/ml", "primaryKey": { "sha256": hash } }],
    });
    let gateway = Gateway::start(&Options::new(ecds(&policy.to_string()))).unwrap();
    for key in ["c4nary-key", "c4nary-wrong"] {
        let raw = format!(
            "POST /ml/score HTTP/1.1\r\nHost: g\r\nOcp-Apim-Subscription-Key: {key}\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        send(gateway.http_port(), raw.as_bytes()).unwrap();
    }
    let lines = loop {
        let log = gateway.access_log();
        let lines: Vec<Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if lines.len() == 2 {
            break lines;
        }
        thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(lines[0]["subscription"], "team");
    assert_eq!(lines[0]["outcome"], "forwarded");
    assert_eq!(lines[1]["subscription"], Value::Null);
    assert_eq!(lines[1]["outcome"], "subscription_key_invalid");
    let shown = [gateway.access_log(), gateway.log(), gateway.admin().page("/stats").unwrap()];
    assert!(shown.iter().all(|text| !text.contains("c4nary")));
}
