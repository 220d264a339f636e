//! The gateway in a real Envoy, where a case file does not reach: flows of several calls, what no
//! HTTP library sends, policies that are refused, and what logs and statistics show.

// A test ends by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::thread;
use std::time::Duration;

use emulator::{Emulator, Received, Settings};
use serde_json::{Value, json};
use support::{Gateway, H2Request, Options, Reply, h2c, render, send};

const KEY: &str = "demo-key-c4nary";
const SERVICE: &str =
    "/workspaces/0123456789abcdef0123456789abcdef/services/fedcba9876543210fedcba9876543210";
const GUIDES_BODY: &str = r#"{"Inputs":{"input1":{"ColumnNames":["Col2"],"Values":[["This is a good day"]]}},"GlobalParameters":{}}"#;

/// The shipped policy in front of an emulator.
struct Demo {
    gateway: Gateway,
    emulator: Emulator,
}

impl Demo {
    fn start() -> Self {
        Self::with(|options| options)
    }

    fn with(change: impl Fn(Options) -> Options) -> Self {
        let emulator = Emulator::start(Settings::demo(KEY)).unwrap();
        let options = Options {
            env: vec![("AZUREML_DEMO_KEY".into(), KEY.into())],
            ..Options::new(ecds(&policy(&emulator)))
        };
        Self { gateway: Gateway::start(&change(options)).unwrap(), emulator }
    }

    /// A call of the demo service below the suffix.
    fn call(&self, method: &str, rest: &str, headers: &str, body: &str) -> Reply {
        let raw = format!(
            "{method} /azureml-demo{SERVICE}{rest} HTTP/1.1\r\nHost: gateway\r\n{headers}\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        send(self.gateway.http_port(), raw.as_bytes()).unwrap()
    }

    fn execute(&self) -> Reply {
        self.call("POST", "/execute?api-version=2.0&details=true", "", GUIDES_BODY)
    }

    /// The filter neither trapped nor was it loaded again, and it answers.
    fn assert_unharmed(&self) {
        let reply = self.execute();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let log = self.gateway.log();
        assert!(!log.contains("panicked") && !log.contains("Function: proxy_on"), "{log}");
        let stats = self.gateway.admin().page("/stats?filter=vm_reload").unwrap();
        assert!(stats.lines().all(|line| line.ends_with(": 0")), "{stats}");
    }
}

fn policy(emulator: &Emulator) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/policy.json");
    let policy = std::fs::read_to_string(file).unwrap();
    assert!(policy.contains("127.0.0.1:9080"));
    policy.replace("127.0.0.1:9080", &emulator.address().to_string())
}

fn ecds(policy: &str) -> String {
    render(Path::new(env!("CARGO_BIN_EXE_gatewayctl")), policy).unwrap()
}

/// The resource as render would write it for a policy that it refuses.
fn ecds_unchecked(good: &str, bad: &str) -> String {
    let mut resource: Value = serde_json::from_str(&ecds(good)).unwrap();
    resource["version_info"] = json!("bad");
    resource["resources"][0]["typed_config"]["config"]["configuration"]["value"] = json!(bad);
    resource.to_string()
}

fn assert_backend_saw(received: &Received, method: &str, target: &str, emulator: &Emulator) {
    assert_eq!((received.method.as_str(), received.target.as_str()), (method, target));
    let all = |name: &str| {
        let lines = received.headers.iter().filter(|(known, _)| known == name);
        lines.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(all("host"), [emulator.address().to_string()]);
    assert_eq!(all("authorization"), [format!("Bearer {KEY}")]);
    for (name, value) in &received.headers {
        assert!(!name.starts_with("x-gateway-"), "{name}");
        assert!(!String::from_utf8_lossy(value).contains("callers-own"), "{name}");
    }
}

#[test]
fn all_five_operations_of_the_guide_pass_from_submit_to_result() {
    let Demo { gateway, emulator } = &Demo::start();
    let demo = |method: &str, rest: &str, body: &str| {
        let headers = "Authorization: Bearer callers-own\r\nOcp-Apim-Subscription-Key: callers-own\r\n\
                       x-gateway-cluster: callers-own\r\nContent-Type: application/json\r\n";
        let raw = format!(
            "{method} /azureml-demo{SERVICE}{rest} HTTP/1.1\r\nHost: gateway\r\n{headers}\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let reply = send(gateway.http_port(), raw.as_bytes()).unwrap();
        assert_eq!(reply.status, 200, "{method} {rest}: {}", reply.text());
        let received = emulator.received();
        assert_backend_saw(received.last().unwrap(), method, &format!("{SERVICE}{rest}"), emulator);
        reply.text()
    };

    let answer: Value =
        serde_json::from_str(&demo("POST", "/execute?api-version=2.0&details=true", GUIDES_BODY))
            .unwrap();
    let counts = &answer["Results"]["output1"]["value"]["Values"];
    assert_eq!(*counts, json!([["1", "1", "2", "2", "0", "2", "0", "1"]]));

    let csv = "Col1,Col2\n1,This is a good day\n";
    let put = format!(
        "PUT /blob/demo/in.csv HTTP/1.1\r\nHost: e\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{csv}",
        csv.len()
    );
    assert!(send(emulator.address().port(), put.as_bytes()).unwrap().status < 300);
    let blob =
        |name| json!({ "ConnectionString": "demo", "RelativeLocation": format!("/demo/{name}") });
    let job = json!({ "Input": blob("in.csv"), "Outputs": { "output1": blob("out.csv") }, "GlobalParameters": {} });
    let id = demo("POST", "/jobs?api-version=2.0", &job.to_string());
    let id = id.trim_matches('"');
    demo("POST", &format!("/jobs/{id}/start?api-version=2.0"), "");
    let status = (0..10)
        .map(|_| {
            let status = demo("GET", &format!("/jobs/{id}?api-version=2.0"), "");
            serde_json::from_str::<Value>(&status).unwrap()
        })
        .find(|status| status["StatusCode"] == "Finished")
        .expect("a finished job");
    let output = &status["Results"]["output1"];
    let location: String = ["BaseLocation", "RelativeLocation", "SasBlobToken"]
        .map(|part| output[part].as_str().unwrap())
        .concat();
    let path = location.replace(&format!("http://{}", emulator.address()), "");
    let get = format!("GET {path} HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n");
    let result = send(emulator.address().port(), get.as_bytes()).unwrap();
    assert!(result.text().contains("1,1,2,2,0,2,0,1"), "{path}: {}", result.text());
    demo("DELETE", &format!("/jobs/{id}?api-version=2.0"), "");
}

#[test]
fn what_is_no_plain_http_exchange_does_no_harm() {
    let demo = Demo::start();
    let port = demo.gateway.http_port();
    let path = format!("/azureml-demo{SERVICE}/execute?api-version=2.0");
    for (raw, statuses) in [
        (
            format!(
                "GET {path} HTTP/1.1\r\nHost: g\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
            ),
            [400, 403],
        ),
        (format!("CONNECT {path} HTTP/1.1\r\nHost: g\r\n\r\n"), [404, 400]),
        ("CONNECT gateway:443 HTTP/1.1\r\nHost: gateway:443\r\n\r\n".to_owned(), [404, 400]),
        (format!("TRACE {path} HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n"), [405, 405]),
    ] {
        let reply = send(port, raw.as_bytes()).unwrap();
        assert!(statuses.contains(&reply.status), "{raw}: {} {}", reply.status, reply.text());
    }
    for (method, path) in [("CONNECT", "/"), ("POST", path.as_str())] {
        let protocol: &[(&str, &[u8])] = &[("x-any", b"\xff\xfe")];
        let request = H2Request {
            method,
            scheme: "https",
            authority: "gateway",
            path,
            headers: protocol,
            body: b"{}",
        };
        // Envoy may answer or reset such a stream: it is the next call that counts.
        let _ = h2c(port, &request);
    }
    let only_ours = demo.emulator.received();
    assert!(only_ours.iter().all(|r| r.target.starts_with(SERVICE)), "{only_ours:?}");
    demo.assert_unharmed();
}

#[test]
fn bytes_that_are_no_text_do_no_harm_in_any_header() {
    let demo = Demo::start();
    for name in [
        "X-Any",
        "Authorization",
        "Ocp-Apim-Subscription-Key",
        "x-gateway-cluster",
        "Content-Type",
        "Cookie",
    ] {
        let head = format!(
            "POST /azureml-demo{SERVICE}/execute?api-version=2.0 HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Length: 0\r\n{name}: "
        );
        let raw = [head.as_bytes(), b"a\xff\xfe\x80b\r\n\r\n"].concat();
        let reply = send(demo.gateway.http_port(), &raw).unwrap();
        assert_eq!(reply.status, 400, "{name}: the emulator's own 400, {}", reply.text());
    }
    assert_eq!(demo.emulator.received().len(), 6);
    demo.assert_unharmed();
}

#[test]
fn a_head_of_the_largest_size_does_no_harm() {
    let demo = Demo::start();
    let many: String = (0..90).map(|i| format!("x-gateway-{i}: v\r\n")).collect();
    assert_eq!(demo.call("POST", "/execute?api-version=2.0", &many, GUIDES_BODY).status, 200);
    let long = format!("/execute?api-version=2.0&a={}", "b".repeat(50_000));
    assert_eq!(demo.call("POST", &long, "", GUIDES_BODY).status, 200);
    let parts = format!("/execute?api-version=2.0&{}", "a=b&".repeat(12_000));
    assert_eq!(demo.call("POST", &parts, "", GUIDES_BODY).status, 400);
    let deep = "/a".repeat(25_000);
    assert_eq!(demo.call("POST", &deep, "", "").status, 404);
    let escapes = format!("/jobs/{}?api-version=2.0", "%41".repeat(18_000));
    assert_eq!(demo.call("GET", &escapes, "", "").status, 400);
    demo.assert_unharmed();
}

#[test]
fn a_refusal_fits_what_the_caller_asked_with() {
    let demo = Demo::start();
    let head = demo.call("HEAD", "/jobs/1?api-version=2.0", "", "");
    assert_eq!((head.status, head.body.len()), (405, 0));
    assert_eq!(head.header("content-length").as_deref(), Some("80"));
    let options = demo.call(
        "OPTIONS",
        "/jobs/1?api-version=2.0",
        "Origin: https://x\r\nAccess-Control-Request-Method: GET\r\n",
        "",
    );
    assert_eq!((options.status, options.header("allow").as_deref()), (405, Some("GET, DELETE")));
    // Envoy turns every local reply to a gRPC client into gRPC's form; the code stays readable.
    let grpc =
        demo.call("POST", "/execute?api-version=1.0", "Content-Type: application/grpc\r\n", "");
    assert_eq!(
        (grpc.status, grpc.header("content-type").as_deref()),
        (200, Some("application/grpc"))
    );
    assert_eq!(grpc.header("x-gateway-refusal").as_deref(), Some("invalid_parameter"));
    assert!(grpc.header("grpc-status").is_some_and(|status| status != "0"));
    assert!(demo.emulator.received().is_empty());
}

#[test]
fn the_scheme_is_the_listeners_and_not_the_callers() {
    let emulator = Emulator::start(Settings::demo(KEY)).unwrap();
    let mut policy: Value = serde_json::from_str(&policy(&emulator)).unwrap();
    policy["apis"][0]["protocols"] = json!(["https"]);
    let options = Options {
        env: vec![("AZUREML_DEMO_KEY".into(), KEY.into())],
        ..Options::new(ecds(&policy.to_string()))
    };
    let gateway = Gateway::start(&options).unwrap();
    let path = format!("/azureml-demo{SERVICE}/execute?api-version=2.0");
    let claims: &[(&str, &[u8])] =
        &[("x-forwarded-proto", b"https"), ("forwarded", b"proto=https")];
    let request = H2Request {
        method: "POST",
        scheme: "https",
        authority: "g",
        path: &path,
        headers: claims,
        body: b"",
    };
    let reply = h2c(gateway.http_port(), &request).unwrap();
    assert_eq!(
        reply.header("x-gateway-refusal").as_deref(),
        Some("protocol_refused"),
        "{}",
        reply.text()
    );
    assert!(emulator.received().is_empty());
}

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
fn two_workers_decide_alike_under_load() {
    let demo = Demo::with(|options| Options { concurrency: 2, ..options });
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..25 {
                    assert_eq!(demo.execute().status, 200);
                    assert_eq!(demo.call("PUT", "/jobs/1", "", "").status, 405);
                }
            });
        }
    });
    assert_eq!(demo.emulator.received().len(), 200);
    demo.assert_unharmed();
}
