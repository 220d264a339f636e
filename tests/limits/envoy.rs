//! The counts through a real Envoy: several workers, one slot.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use azureml_gateway::policy::subscription::KeyHash;
use emulator::{Emulator, Settings};
use serde_json::{Value, json};
use support::{Client, Gateway, Options, Reply, render, send};

/// Of one burst.
const CALLS: usize = 20_000;

struct Limited {
    gateway: Gateway,
    backend: Emulator,
}

/// `limits` are the product's; `a` and `b` are operations, of which `b` has a limit of its own.
fn policy(backend: &Emulator, limits: &Value) -> Value {
    let mut product = json!({ "name": "starter", "apis": ["ml"] });
    for (key, limit) in limits.as_object().unwrap() {
        product[key] = limit.clone();
    }
    let key = |key: &str| json!({ "sha256": KeyHash::of(key.as_bytes()).hex() });
    json!({ "version": 1,
        "apis": [{
            "name": "ml", "path": "ml", "protocols": ["http"],
            "serviceUrl": format!("http://{}", backend.address()),
            "operations": [
                { "name": "a", "method": "GET", "urlTemplate": "/a" },
                { "name": "b", "method": "GET", "urlTemplate": "/b",
                  "rateLimit": { "calls": 2, "renewalPeriod": 3600 } },
            ],
            "backends": [{ "match": {}, "credentials": "none" }] }],
        "products": [product],
        "subscriptions": [
            { "name": "team", "scope": "/products/starter", "primaryKey": key("key"), "secondaryKey": key("key2") },
            { "name": "other", "scope": "/products/starter", "primaryKey": key("other-key") },
            { "name": "direct", "scope": "/apis/ml", "primaryKey": key("direct-key") },
        ],
    })
}

fn resource(policy: &Value) -> String {
    render(Path::new(env!("CARGO_BIN_EXE_gatewayctl")), &policy.to_string()).unwrap()
}

fn start(limits: &Value, workers: u32) -> Limited {
    let backend = Emulator::start(Settings::demo("unused")).unwrap();
    let options =
        Options { concurrency: workers, ..Options::new(resource(&policy(&backend, limits))) };
    Limited { gateway: Gateway::start(&options).expect("a gateway"), backend }
}

fn request(path: &str, key: &str) -> String {
    format!("GET /ml{path} HTTP/1.1\r\nHost: g\r\nOcp-Apim-Subscription-Key: {key}\r\n\r\n")
}

impl Limited {
    fn call(&self, path: &str, key: &str) -> Reply {
        send(self.gateway.http_port(), request(path, key).as_bytes()).unwrap()
    }

    /// Calls over eight connections; how many were forwarded.
    fn burst(&self, calls: usize, key: &str) -> usize {
        let forwarded = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut client = Client::connect(self.gateway.http_port()).unwrap();
                    for _ in 0..calls / 8 {
                        let reply = client.send(request("/a", key).as_bytes()).unwrap();
                        match reply.header("x-gateway-refusal").as_deref() {
                            // The emulator's own 404: it has no such path.
                            None => {
                                forwarded.fetch_add(1, Ordering::Relaxed);
                            }
                            Some("rate_limit_exceeded" | "quota_exceeded") => {}
                            Some(other) => panic!("{other}"),
                        }
                    }
                });
            }
        });
        forwarded.into_inner()
    }
}

#[test]
fn the_sixth_call_of_a_minute_is_429_and_says_when_to_come_back() {
    let limited = start(&json!({ "rateLimit": { "calls": 5, "renewalPeriod": 60 } }), 1);
    for n in 0..5 {
        // Both keys are one subscription.
        let key = if n % 2 == 0 { "key" } else { "key2" };
        assert!(limited.call("/a", key).header("x-gateway-refusal").is_none());
    }
    let refused = limited.call("/a", "key");
    assert_eq!(refused.status, 429);
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((50..=60).contains(&seconds), "{seconds}");
    let body = format!(
        "{{ \"statusCode\": 429, \"message\": \"Rate limit is exceeded. Try again in {seconds} seconds.\" }}"
    );
    assert_eq!(refused.text(), body);
    assert_eq!(limited.backend.received().len(), 5, "the sixth never reached the backend");
    assert!(limited.call("/a", "other-key").header("x-gateway-refusal").is_none());
}

#[test]
fn a_quota_is_403_and_a_refused_call_is_not_charged() {
    let limits = json!({ "quota": { "calls": 3, "renewalPeriod": 604_800 } });
    let limited = start(&limits, 1);
    // Refused before the limits, and so free.
    for _ in 0..5 {
        assert_eq!(limited.call("/none", "key").status, 404);
    }
    for _ in 0..3 {
        assert!(limited.call("/a", "key").header("x-gateway-refusal").is_none());
    }
    let refused = limited.call("/a", "key");
    assert_eq!(
        (refused.status, refused.header("x-gateway-refusal").as_deref()),
        (403, Some("quota_exceeded"))
    );
    assert!(refused.text().contains("Out of call volume quota. Quota will be replenished in "));
    assert!(refused.header("retry-after").is_some());
}

#[test]
fn an_operations_own_limit_counts_beside_the_products() {
    let limited = start(&json!({ "rateLimit": { "calls": 4, "renewalPeriod": 3600 } }), 1);
    let refusal = |path| limited.call(path, "key").header("x-gateway-refusal");
    assert_eq!((refusal("/b"), refusal("/b")), (None, None));
    assert_eq!(refusal("/b").as_deref(), Some("rate_limit_exceeded"), "the operation's");
    // The refused call cost the product nothing: two of its four are left.
    assert_eq!((refusal("/a"), refusal("/a")), (None, None));
    assert_eq!(refusal("/a").as_deref(), Some("rate_limit_exceeded"), "the product's");
}

#[test]
fn a_subscription_of_the_api_goes_past_the_products_limits() {
    let limited = start(&json!({ "rateLimit": { "calls": 1, "renewalPeriod": 3600 } }), 1);
    for _ in 0..5 {
        assert!(limited.call("/a", "direct-key").header("x-gateway-refusal").is_none());
    }
}

#[test]
fn two_workers_admit_exactly_the_limit_on_a_first_ever_key_and_over_reloads() {
    for calls in [40, 1000] {
        let rate = json!({ "rateLimit": { "calls": calls, "renewalPeriod": 3600 } });
        let limited = start(&rate, 2);
        assert_eq!(limited.burst(CALLS, "key"), calls);
        assert_eq!(limited.backend.received().len(), calls);
        // A policy with a larger limit judges what was kept.
        let more = json!({ "rateLimit": { "calls": calls + 100, "renewalPeriod": 3600 } });
        let next = resource(&policy(&limited.backend, &more));
        limited.gateway.replace_policy(&next).unwrap();
        assert_eq!(limited.burst(CALLS, "key"), 100);
        // And while policies come and go.
        let now = resource(&policy(&limited.backend, &rate));
        thread::scope(|scope| {
            let burst = scope.spawn(|| limited.burst(CALLS, "other-key"));
            for ecds in [&now, &next].into_iter().cycle().take(8) {
                limited.gateway.replace_policy(ecds).unwrap();
            }
            let forwarded = burst.join().unwrap();
            assert!((calls..=calls + 100).contains(&forwarded), "{forwarded} of {calls}");
        });
    }
}

#[test]
fn rate_and_quota_together_are_charged_together() {
    let limits = json!({
        "rateLimit": { "calls": 300, "renewalPeriod": 3600 },
        "quota": { "calls": 120, "renewalPeriod": 604_800 },
    });
    let limited = start(&limits, 2);
    assert_eq!(limited.burst(CALLS, "key"), 120);
    // With the quota gone, the rate limit has its 300 less the 120, and no refused call.
    let rate = json!({ "rateLimit": { "calls": 300, "renewalPeriod": 3600 } });
    limited.gateway.replace_policy(&resource(&policy(&limited.backend, &rate))).unwrap();
    assert_eq!(limited.burst(CALLS, "key"), 180);
}

#[test]
fn a_caller_is_told_what_is_left_and_when_there_is_more() {
    let limits = json!({
        "rateLimit": { "calls": 2, "renewalPeriod": 60 },
        "quota": { "calls": 10, "renewalPeriod": 604_800 },
    });
    let limited = start(&limits, 1);
    let told = |reply: &Reply| {
        let current = reply.header("ratelimit").expect("RateLimit");
        let numbers: Vec<(String, u64, u64)> = current
            .split(", ")
            .map(|item| {
                let mut parts = item.split(';');
                let name = parts.next().unwrap().trim_matches('"').to_owned();
                let mut number = |key: &str| {
                    parts.next().and_then(|p| p.strip_prefix(key)).unwrap().parse::<u64>().unwrap()
                };
                (name, number("r="), number("t="))
            })
            .collect();
        numbers
    };
    let policy = r#""product/starter/rate";q=2;w=60, "product/starter/quota";q=10;w=604800"#;
    for (rate, quota) in [(1, 9), (0, 8), (0, 8)] {
        let reply = limited.call("/a", "key");
        assert_eq!(reply.header("ratelimit-policy").as_deref(), Some(policy));
        let told = told(&reply);
        assert_eq!((told[0].0.as_str(), told[0].1), ("product/starter/rate", rate));
        assert_eq!((told[1].0.as_str(), told[1].1), ("product/starter/quota", quota));
        assert!((50..=60).contains(&told[0].2) && told[1].2 <= 604_800, "{told:?}");
    }
    // Who has no limit is told of none, and what is switched off is gone.
    assert!(limited.call("/a", "direct-key").header("ratelimit").is_none());
    let mut silent = self::policy(&limited.backend, &limits);
    silent["rateLimitHeaders"] = json!(false);
    limited.gateway.replace_policy(&resource(&silent)).unwrap();
    for _ in 0..3 {
        let reply = limited.call("/a", "other-key");
        assert!(reply.header("ratelimit").is_none() && reply.header("ratelimit-policy").is_none());
    }
}

#[test]
fn a_shadow_operation_has_counters_of_its_own_and_refuses_nobody() {
    let limits = json!({ "rateLimit": { "calls": 2, "renewalPeriod": 3600 } });
    let limited = start(&limits, 1);
    let mut shadow = policy(&limited.backend, &limits);
    shadow["apis"][0]["operations"][0]["mode"] = json!("shadow");
    limited.gateway.replace_policy(&resource(&shadow)).unwrap();
    for key in ["key", "key", "key", "wrong", "key"] {
        let reply = limited.call("/a", key);
        assert!(reply.header("x-gateway-refusal").is_none(), "{}", reply.text());
        assert!(reply.header("ratelimit").is_none(), "nothing is limited");
    }
    assert_eq!(limited.backend.received().len(), 5);
    // What was only tried out cost the enforced operations nothing.
    assert!(limited.call("/b", "key").header("x-gateway-refusal").is_none());
    assert!(limited.call("/b", "key").header("x-gateway-refusal").is_none());
    assert_eq!(limited.call("/b", "key").status, 429);
    let outcomes = || {
        let log = limited.gateway.access_log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.map(|line| line["outcome"].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>()
    };
    let expected = [
        "forwarded",
        "forwarded",
        "shadow_rate_limit_exceeded",
        "shadow_subscription_key_invalid",
        "shadow_rate_limit_exceeded",
        "forwarded",
        "forwarded",
        "rate_limit_exceeded",
    ];
    support::eventually("the access log says what would have been", || outcomes() == expected);
}
