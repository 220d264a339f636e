//! Batch jobs, from the upload of a table to the download of its features.

use emulator::{Emulator, Service, Settings};
use serde_json::{Value, json};

use crate::{KEY, SERVICE, call, send, start};

fn jobs(rest: &str) -> String {
    format!("{SERVICE}/jobs{rest}?api-version=2.0")
}

fn submit(emulator: &Emulator) -> String {
    let body = json!({
        "Input": {"ConnectionString": "demo", "RelativeLocation": "/box/in.csv"},
        "Outputs": {"output1": {"ConnectionString": "demo", "RelativeLocation": "/box/out.csv"}},
        "GlobalParameters": {},
    });
    let answer = call(emulator, "POST", &jobs(""), &body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
    let id = answer.json().as_str().unwrap().to_owned();
    assert_eq!(answer.body, format!("\"{id}\""));
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    id
}

fn status(emulator: &Emulator, id: &str) -> Value {
    call(emulator, "GET", &jobs(&format!("/{id}")), "").json()
}

#[test]
fn a_job_goes_from_submit_to_its_result() {
    let emulator = start();
    let table = "Col1,Col2\n2,This is a good day\n";
    assert_eq!(send(&emulator, "PUT", "/blob/box/in.csv", &[], table).status, 201);
    let id = submit(&emulator);
    let not_started = json!({"StatusCode": "NotStarted", "Results": null, "Details": null});
    assert_eq!(status(&emulator, &id), not_started);
    assert_eq!(status(&emulator, &id), not_started);

    let started = call(&emulator, "POST", &jobs(&format!("/{id}/start")), "");
    assert_eq!((started.status, started.body.as_str()), (200, ""));
    assert_eq!(status(&emulator, &id)["StatusCode"], "Running");
    let finished = status(&emulator, &id);
    assert_eq!(finished["StatusCode"], "Finished");

    let location = &finished["Results"]["output1"];
    assert_eq!(location["ConnectionString"], Value::Null);
    let part = |name: &str| location[name].as_str().unwrap().to_owned();
    let base = part("BaseLocation");
    let path = base.strip_prefix(&format!("http://{}", emulator.address())).unwrap();
    let blob = format!("{path}{}", part("RelativeLocation"));
    let token = part("SasBlobToken");
    assert!(token.starts_with("?sv="));
    let result = send(&emulator, "GET", &format!("{blob}{token}"), &[], "");
    assert_eq!(result.status, 200);
    assert_eq!(result.body.lines().nth(1), Some("1,1,2,2,0,2,0,1"));
    for (blob, token) in [
        (blob.as_str(), ""),
        (&blob, "?sv=x"),
        ("/blob/box/in.csv", &token),
        ("/blob/box/no.csv", ""),
    ] {
        assert_eq!(send(&emulator, "GET", &format!("{blob}{token}"), &[], "").status, 403);
    }
}

#[test]
fn a_job_whose_input_is_missing_fails_and_says_so() {
    let emulator = start();
    let id = submit(&emulator);
    assert_eq!(call(&emulator, "POST", &jobs(&format!("/{id}/start")), "").status, 200);
    assert_eq!(status(&emulator, &id)["StatusCode"], "Running");
    let failed = status(&emulator, &id);
    assert_eq!((&failed["StatusCode"], &failed["Results"]), (&json!("Failed"), &Value::Null));
    assert!(failed["Details"].as_str().unwrap().contains("box/in.csv"));
}

#[test]
fn a_job_starts_once() {
    let emulator = start();
    let id = submit(&emulator);
    let target = jobs(&format!("/{id}/start"));
    let (key, json) = (format!("Bearer {KEY}"), "application/json");
    let headers = [("authorization", key.as_str()), ("content-type", json)];
    assert_eq!(send(&emulator, "POST", &target, &headers, "").status, 200);
    let again = call(&emulator, "POST", &target, "");
    assert_eq!(again.fault(), (400, "InvalidOperation".into(), "CannotStartJob".into()));
    assert!(again.body.contains("because it is in Running state."));
}

#[test]
fn a_cancelled_job_says_so_from_then_on() {
    let emulator = start();
    let id = submit(&emulator);
    let cancelled = call(&emulator, "DELETE", &jobs(&format!("/{id}")), "");
    assert_eq!((cancelled.status, cancelled.body.as_str()), (200, ""));
    assert_eq!(status(&emulator, &id)["StatusCode"], "Cancelled");
    assert_eq!(call(&emulator, "POST", &jobs(&format!("/{id}/start")), "").fault().0, 400);
    assert_eq!(status(&emulator, &id)["StatusCode"], "Cancelled");
}

#[test]
fn a_job_is_known_to_its_own_service_only() {
    let mut settings = Settings::demo(KEY);
    settings.services.push(Service { service: "0".repeat(32), ..Service::demo(KEY) });
    let emulator = Emulator::start(settings).unwrap();
    let id = submit(&emulator);
    let other = SERVICE.replace("fedcba9876543210fedcba9876543210", &"0".repeat(32));
    for service in [other, SERVICE.to_owned()] {
        let id = if service == SERVICE { "539d0bc2fde945b6ac986b851d0000f0" } else { &id };
        for (method, rest) in [("GET", ""), ("DELETE", ""), ("POST", "/start")] {
            let target = format!("{service}/jobs/{id}{rest}?api-version=2.0");
            let expected = (404, "NotFound".into(), "JobNotFound".into());
            assert_eq!(call(&emulator, method, &target, "").fault(), expected, "{method} {target}");
        }
    }
    assert_eq!(status(&emulator, &id)["StatusCode"], "NotStarted");
}
