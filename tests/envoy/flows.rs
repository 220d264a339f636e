//! The guide's calls from end to end, and many at once.

use std::thread;

use emulator::{Emulator, Received};
use serde_json::{Value, json};
use support::{Options, send};

use crate::{Demo, GUIDES_BODY, KEY, KEY_HEADER, SERVICE};

#[test]
fn all_five_operations_of_the_guide_pass_from_submit_to_result() {
    let Demo { gateway, emulator } = &Demo::start();
    let demo = |method: &str, rest: &str, body: &str| {
        let headers = format!(
            "Authorization: Bearer callers-own\r\nProxy-Authorization: Basic callers-own\r\n\
             {KEY_HEADER}\r\nx-gateway-cluster: callers-own\r\nContent-Type: application/json\r\n"
        );
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
        let value = String::from_utf8_lossy(value);
        assert!(!value.contains("callers-own"), "{name}");
        assert!(!value.contains("unlimited-demo-key"), "{name}");
    }
}
