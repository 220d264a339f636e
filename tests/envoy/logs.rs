//! What logs, statistics and the admin interface show.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Demo;

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
