//! Execute, and what every call must bring.

use std::thread;
use std::time::Duration;

use emulator::{Emulator, Service, Settings};
use serde_json::{Value, json};

use crate::{KEY, SERVICE, call, send, start};

/// The body of the guide's Try-It step.
const GUIDE: &str = r#"{"Inputs":{"input1":{"ColumnNames":["Col2"],"Values":[["This is a good day"]]}},"GlobalParameters":{}}"#;
const FEATURES: [&str; 8] = ["1", "1", "2", "2", "0", "2", "0", "1"];

fn names() -> Vec<String> {
    (0..8).map(|bucket| format!("Col2_HashingFeature.{bucket}")).collect()
}

#[test]
fn the_guides_call_answers_the_guides_features() {
    let emulator = start();
    let target = format!("{SERVICE}/execute?api-version=2.0&details=true");
    let answer = call(&emulator, "POST", &target, GUIDE);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["x-ms-request-id"].len(), 36);
    let value =
        json!({"ColumnNames": names(), "ColumnTypes": vec!["Int32"; 8], "Values": [FEATURES]});
    assert_eq!(answer.json(), json!({"Results": {"output1": {"type": "table", "value": value}}}));
}

#[test]
fn details_and_format_choose_the_shape_of_the_answer() {
    let emulator = start();
    let objects =
        r#"{"Inputs":{"input1":[{"Col1":"2","Col2":"This is a good day"}]},"GlobalParameters":{}}"#;
    let object: Value = names().into_iter().zip(FEATURES.map(Value::from)).collect();
    let short = json!({"type": "table", "value": {"Values": [FEATURES]}});
    for (query, body, expected) in [
        ("", GUIDE, short.clone()),
        ("&details=false", GUIDE, short),
        ("&format=swagger", objects, json!([object])),
        ("&details=true&format=swagger", objects, json!({"type": "table", "value": [object]})),
    ] {
        let answer =
            call(&emulator, "POST", &format!("{SERVICE}/execute?api-version=2.0{query}"), body);
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        assert_eq!(answer.json()["Results"]["output1"], expected, "{query}");
    }
}

#[test]
fn every_row_of_the_input_is_a_row_of_the_output() {
    let emulator = start();
    let body = json!({"Inputs": {"input1": {
        "ColumnNames": ["Col1", "Col2"],
        "Values": [["1", "This is a good day"], ["2", null], ["3", 7], ["4", ""]],
    }}});
    let target = format!("{SERVICE}/execute?api-version=2.0");
    let answer = call(&emulator, "POST", &target, &body.to_string()).json();
    let (none, seven) = (["0"; 8], ["0", "0", "0", "0", "0", "0", "0", "1"]);
    assert_eq!(
        answer["Results"]["output1"]["value"]["Values"],
        json!([FEATURES, none, seven, none])
    );
}

#[test]
fn a_call_that_is_not_understood_is_refused_in_the_envelope() {
    let emulator = start();
    let nobody =
        "/workspaces/00000000000000000000000000000000/services/fedcba9876543210fedcba9876543210";
    let other =
        "/workspaces/0123456789abcdef0123456789abcdef/services/00000000000000000000000000000000";
    for (method, target, status, class, code) in [
        ("POST", format!("{SERVICE}/execute"), 400, "BadArgument", "BadVersionCall"),
        (
            "POST",
            format!("{SERVICE}/execute?api-version=1.0"),
            400,
            "BadArgument",
            "BadVersionCall",
        ),
        (
            "POST",
            format!("{SERVICE}/execute?api-version=2.0&details=yes"),
            400,
            "BadArgument",
            "InvalidQueryParameter",
        ),
        (
            "POST",
            format!("{SERVICE}/execute?api-version=2.0&format=odata"),
            400,
            "BadArgument",
            "InvalidQueryParameter",
        ),
        (
            "POST",
            format!("{SERVICE}/execute?api-version=2.0"),
            400,
            "BadArgument",
            "RequestBodyInvalid",
        ),
        ("POST", format!("{nobody}/execute?api-version=2.0"), 404, "NotFound", "WorkspaceNotFound"),
        (
            "POST",
            format!("{other}/execute?api-version=2.0"),
            404,
            "NotFound",
            "WebServiceIdNotFoundInWorkspace",
        ),
        ("GET", format!("{SERVICE}/execute?api-version=2.0"), 404, "NotFound", "ResourceNotFound"),
        (
            "POST",
            format!("{SERVICE}/execute/?api-version=2.0"),
            404,
            "NotFound",
            "ResourceNotFound",
        ),
        (
            "POST",
            format!("{SERVICE}/%65xecute?api-version=2.0"),
            404,
            "NotFound",
            "ResourceNotFound",
        ),
        (
            "POST",
            format!("{SERVICE}/x/../execute?api-version=2.0"),
            404,
            "NotFound",
            "ResourceNotFound",
        ),
        (
            "POST",
            format!("/{SERVICE}/execute?api-version=2.0"),
            404,
            "NotFound",
            "ResourceNotFound",
        ),
        ("GET", "/".into(), 404, "NotFound", "ResourceNotFound"),
    ] {
        let answer = call(&emulator, method, &target, "");
        assert_eq!(answer.fault(), (status, class.into(), code.into()), "{method} {target}");
        assert!(answer.headers.contains_key("x-ms-request-id"), "{method} {target}");
    }
}

#[test]
fn a_call_without_exactly_one_right_key_is_unauthorized() {
    let emulator = start();
    let right = format!("Bearer {KEY}");
    for values in [&[][..], &["Bearer wrong"], &[KEY], &[&right, &right], &[&right, "Bearer wrong"]]
    {
        let headers: Vec<_> = values.iter().map(|value| ("authorization", *value)).collect();
        for (method, target) in [
            ("POST", "/execute?api-version=2.0"),
            ("POST", "/execute"),
            ("POST", "/jobs?api-version=2.0"),
            ("POST", "/jobs/0/start?api-version=2.0"),
            ("GET", "/jobs/0?api-version=2.0"),
            ("DELETE", "/jobs/0?api-version=2.0"),
        ] {
            let answer = send(&emulator, method, &format!("{SERVICE}{target}"), &headers, "");
            let expected = (401, "Unauthorized".into(), "ScoreRequestUnauthorized".into());
            assert_eq!(answer.fault(), expected, "{method} {target} {values:?}");
        }
    }
}

#[test]
fn the_key_of_one_service_opens_no_other() {
    let mut settings = Settings::demo(KEY);
    let other = Service { service: "0".repeat(32), key: "other".into(), ..Service::demo(KEY) };
    settings.services.push(other);
    let emulator = Emulator::start(settings).unwrap();
    let target = format!(
        "/workspaces/0123456789abcdef0123456789abcdef/services/{}/execute?api-version=2.0",
        "0".repeat(32)
    );
    assert_eq!(call(&emulator, "POST", &target, GUIDE).status, 401);
    let answer = send(&emulator, "POST", &target, &[("authorization", "Bearer other")], GUIDE);
    assert_eq!(answer.status, 200);
}

#[test]
fn calls_beyond_the_concurrency_are_throttled_with_503() {
    let emulator = Emulator::start(Settings { concurrency: 1, ..Settings::demo(KEY) }).unwrap();
    let target = format!("{SERVICE}/execute?api-version=2.0");
    let slow = GUIDE.replace("{}}", r#"{"emulatorDelayMilliseconds":"500"}}"#);
    thread::scope(|scope| {
        let first = scope.spawn(|| call(&emulator, "POST", &target, &slow).status);
        while emulator.received().is_empty() {
            thread::sleep(Duration::from_millis(1));
        }
        let second = call(&emulator, "POST", &target, GUIDE);
        assert_eq!(second.fault(), (503, "ServiceUnavailable".into(), "RequestThrottled".into()));
        assert!(second.body.contains("The maximum concurrency for the endpoint is 1."));
        assert_eq!(first.join().unwrap(), 200);
    });
    assert_eq!(call(&emulator, "POST", &target, GUIDE).status, 200);
}

#[test]
fn a_body_may_have_four_mebibytes_and_not_one_byte_more() {
    let emulator = start();
    let target = format!("{SERVICE}/execute?api-version=2.0");
    let longest = format!("{GUIDE}{}", " ".repeat(4 * 1024 * 1024 - GUIDE.len()));
    assert_eq!(call(&emulator, "POST", &target, &longest).status, 200);
    let answer = call(&emulator, "POST", &target, &format!("{longest} "));
    assert_eq!(answer.fault().0, 413);
    assert_eq!(emulator.received()[1].body_len, 4 * 1024 * 1024 + 1);
}

#[test]
fn the_swagger_document_is_given_without_a_key() {
    let emulator = start();
    for (query, status) in [("", 200), ("?api-version=2.0", 200), ("?api-version=1.0", 400)] {
        let target = format!("{SERVICE}/swagger.json{query}");
        let answer = send(&emulator, "GET", &target, &[("host", "gateway.example:443")], "");
        assert_eq!(answer.status, status, "{query}");
        if status == 200 {
            let document = answer.json();
            assert_eq!(document["swagger"], "2.0");
            assert_eq!(document["host"], "gateway.example:443");
            assert_eq!(document["basePath"], SERVICE);
            assert_eq!(document["securityDefinitions"]["apiKey"]["name"], "Authorization");
            let paths = document["paths"].as_object().unwrap().values();
            let operations = paths.flat_map(|path| path.as_object().unwrap().values());
            let mut ids: Vec<_> =
                operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
            ids.sort_unstable();
            assert_eq!(
                ids,
                [
                    "canceljob",
                    "execute",
                    "getSwaggerDocument",
                    "getjobstatus",
                    "startjob",
                    "submitjob"
                ]
            );
        }
    }
}
