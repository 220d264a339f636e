//! Usage in Envoy's statistics: who called what, how often, with what outcome.

use std::collections::BTreeMap;

use support::{Gateway, eventually, send};

use crate::{Demo, GUIDES_BODY};

const REQUESTS: &str = "envoy_gateway_requests";

/// The samples of one metric: its labels, in their order on the page, without a name; its value.
fn samples(gateway: &Gateway, metric: &str) -> BTreeMap<String, u64> {
    let page = gateway.admin().page("/stats/prometheus").unwrap();
    let lines = page.lines().filter_map(|line| line.strip_prefix(metric)?.strip_prefix('{'));
    lines
        .map(|line| {
            let (labels, value) = line.rsplit_once("} ").unwrap();
            (labels.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// Waits for that many requests: a request is counted when it has ended.
fn requests(gateway: &Gateway, count: u64) -> BTreeMap<String, u64> {
    eventually("every request is counted", || {
        samples(gateway, REQUESTS).values().sum::<u64>() == count
    });
    samples(gateway, REQUESTS)
}

fn labels(values: [&str; 6]) -> String {
    let names = ["api", "operation", "product", "subscription", "code", "outcome"];
    let pairs = names.iter().zip(values).map(|(name, value)| format!("{name}=\"{value}\""));
    pairs.collect::<Vec<_>>().join(",")
}

#[test]
fn every_request_counts_once_under_names_of_the_policy() {
    let demo = Demo::start();
    let starter = "Ocp-Apim-Subscription-Key: starter-demo-key\r\n";
    let execute = "/execute?api-version=2.0";
    let mut sent = 0;
    for _ in 0..6 {
        sent += demo.call("POST", execute, starter, GUIDES_BODY).body.len() as u64;
    }
    demo.call("POST", execute, "", GUIDES_BODY);
    demo.call("POST", execute, "Ocp-Apim-Subscription-Key: c4nary\r\n", GUIDES_BODY);
    demo.call("POST", "/execute?api-version=c4nary", "", GUIDES_BODY);
    demo.call("POST", "/c4nary", "", "");
    demo.call("DELETE", "/execute", "", "");
    let raw = "GET /c4nary HTTP/1.1\r\nHost: c4nary\r\nConnection: close\r\n\r\n";
    send(demo.gateway.http_port(), raw.as_bytes()).unwrap();
    // Envoy refuses this one itself.
    let raw = "GET /azureml-demo HTTP/1.1\r\nHost: g\r\na_b: 1\r\nConnection: close\r\n\r\n";
    assert_eq!(send(demo.gateway.http_port(), raw.as_bytes()).unwrap().status, 400);

    let api = "azureml-demo";
    let expected: BTreeMap<String, u64> = [
        ([api, "rrs-execute", "starter", "starter-demo", "200", "forwarded"], 5),
        ([api, "rrs-execute", "starter", "starter-demo", "429", "rate_limit_exceeded"], 1),
        ([api, "rrs-execute", "unlimited", "unlimited-demo", "200", "forwarded"], 1),
        ([api, "rrs-execute", "", "", "401", "subscription_key_invalid"], 1),
        ([api, "rrs-execute", "", "", "400", "invalid_parameter"], 1),
        ([api, "", "", "", "404", "operation_not_found"], 1),
        ([api, "", "", "", "405", "method_not_allowed"], 1),
        (["", "", "", "", "404", "unmatched"], 1),
        (["", "", "", "", "400", ""], 1),
    ]
    .into_iter()
    .map(|(values, count)| (labels(values), count))
    .collect();
    assert_eq!(requests(&demo.gateway, 13), expected);

    let caller = format!(
        "api=\"{api}\",operation=\"rrs-execute\",product=\"starter\",subscription=\"starter-demo\""
    );
    let received = samples(&demo.gateway, "envoy_gateway_received_bytes");
    // A refused call's body is not read.
    assert_eq!(received[&caller], 5 * GUIDES_BODY.len() as u64);
    assert_eq!(samples(&demo.gateway, "envoy_gateway_sent_bytes")[&caller], sent);
    let operation = format!("api=\"{api}\",operation=\"rrs-execute\"");
    // Envoy joins its workers' histograms every five seconds.
    eventually("every duration is there", || {
        let counts = samples(&demo.gateway, "envoy_gateway_request_duration_count");
        counts.get(&operation) == Some(&9)
    });
    let page = demo.gateway.admin().page("/stats/prometheus").unwrap();
    assert!(!page.contains("c4nary"), "a label has a caller's text");
}

#[test]
fn log_and_statistics_can_be_switched_off_and_on_while_envoy_runs() {
    let demo = Demo::start();
    let switch = |key: &str, value: u8| {
        let raw = format!(
            "POST /runtime_modify?gateway.{key}={value} HTTP/1.1\r\nHost: admin\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(send(demo.gateway.admin().port, raw.as_bytes()).unwrap().status, 200);
    };
    let logged = || demo.gateway.access_log().lines().count();
    demo.execute();
    requests(&demo.gateway, 1);
    eventually("the call is logged", || logged() == 1);
    switch("statistics", 0);
    demo.execute();
    eventually("the second call is logged", || logged() == 2);
    switch("access_log", 0);
    switch("statistics", 100);
    demo.execute();
    requests(&demo.gateway, 2);
    switch("access_log", 100);
    demo.execute();
    requests(&demo.gateway, 3);
    eventually("the fourth call is logged", || logged() == 3);
}
