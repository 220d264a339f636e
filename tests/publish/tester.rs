//! A tester that calls the gateway by the document finds nothing: what it sends, right or wrong, is
//! answered as the document says.

use std::process::Command;

use serde_json::{Value, json};
use support::raw_backend::Answer;
use support::{Gateway, Options, RawBackend};

use crate::tools::{Folder, succeed, tool};
use crate::{Demo, compiled, published, resource, root};

/// Of the tester's checks those that a gateway can answer for.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,\
                      negative_data_rejection,missing_required_header,unsupported_method,ignored_auth";
/// Where no body is in play, also that every right call is taken.
const AND_ACCEPTED: &str = ",positive_data_acceptance";

/// `document` is a URL, or a file with the URL to call.
fn tester(folder: &Folder, document: &[&str], checks: &str, key: &str) -> Command {
    let mut tester = tool(".venv/openapi/bin/schemathesis");
    tester.current_dir(&folder.0).env("NO_COLOR", "1");
    tester.arg("--config-file").arg(root().join("tests/publish/schemathesis.toml"));
    tester.arg("run").args(document).args(["--checks", checks, "--header", key]);
    // It has a key, and would put a second one of its own in the other place.
    tester.args(["--generation-with-security-parameters", "false"]);
    // The same calls each time.
    tester.args(["--generation-deterministic"]);
    tester.args([
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "60",
        "--workers",
        "1",
    ]);
    tester
}

#[test]
fn a_tester_that_calls_the_demo_by_its_document_finds_nothing() {
    let demo = Demo::start(|_| {});
    let folder = Folder::new("tester-demo");
    let document = url(&demo.gateway, "/portal/apis/azureml-demo/openapi.json");
    let key = "Ocp-Apim-Subscription-Key: unlimited-demo-key";
    succeed(&mut tester(&folder, &[&document], CHECKS, key));
    let received = demo.emulator.received();
    assert!(received.len() >= 20, "{} calls reached the web service", received.len());
}

/// Parameters of every kind in front of a backend that takes everything: whatever is refused, the
/// gateway refused.
fn typed(backend: u16) -> Value {
    let parameters = json!([
        { "name": "text", "maxLength": 8 },
        { "name": "number", "type": "integer", "maxLength": 3 },
        { "name": "truth", "type": "boolean" },
        { "name": "escaped", "allowEscapes": true },
        { "name": "flag", "type": "boolean", "values": ["true"] },
        { "name": "count", "type": "integer", "values": ["1", "-2"] },
        { "name": "mode", "values": ["fast", "slow"] },
        { "name": "word", "required": false },
        { "name": "size", "type": "integer", "required": false },
    ]);
    let operation = |name: &str, method: &str, template: &str, parameters: &Value| {
        json!({
            "name": name, "method": method, "urlTemplate": template, "templateParameters": parameters,
            "responses": [{ "statusCode": 200, "contentType": "application/json", "example": {} }],
        })
    };
    json!({
        "version": 1,
        "portal": { "path": "portal" },
        "apis": [{
            "name": "typed", "path": "typed", "protocols": ["http"],
            "serviceUrl": format!("http://127.0.0.1:{backend}"),
            "subscriptionKeyParameterNames": { "header": "api-key", "query": "key" },
            "errorFormat": "openai",
            "operations": [
                operation(
                    "all", "GET",
                    "/all/{text}/{number}/{truth}/{escaped}?flag={flag}&count={count}&mode={mode}&word={word}&size={size}&v=1",
                    &parameters,
                ),
                operation("rest", "DELETE", "/rest/{*rest}", &json!([])),
                operation("a", "GET", "/merged/{id}?kind=a", &json!([])),
                operation("b", "GET", "/merged/{name}?kind=b", &json!([])),
            ],
            "backends": [{ "match": {}, "credentials": "none" }],
        }],
        "subscriptions": [
            { "name": "team", "scope": "/apis/typed", "primaryKey": { "value": "team-key" } },
        ],
    })
}

fn url(gateway: &Gateway, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", gateway.http_port())
}

#[test]
fn a_tester_finds_parameters_to_be_what_the_document_says() {
    let answer =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let backend = RawBackend::start(|_| Answer::Now(answer.to_vec())).unwrap();
    let policy = typed(backend.port());
    let gateway = Gateway::start(&Options::new(resource(&policy))).unwrap();
    let folder = Folder::new("tester-typed");
    let (checks, key) = ([CHECKS, AND_ACCEPTED].concat(), "api-key: team-key");
    let document = url(&gateway, "/portal/apis/typed/openapi.json");
    succeed(&mut tester(&folder, &[&document], &checks, key));
    let received = backend.heads().len();
    assert!(received >= 100, "{received} calls reached the backend");

    // It would see a mistake: here the document allows one digit more than the gateway.
    let mut wrong = published(&compiled(&policy), "typed");
    let path = "/paths/~1all~1{text}~1{number}~1{truth}~1{escaped}/get/parameters/1/schema/maximum";
    *wrong.pointer_mut(path).expect("the number's") = json!(9999);
    let file = folder.0.join("wrong.json");
    std::fs::write(&file, wrong.to_string()).unwrap();
    let base = url(&gateway, "/typed");
    let document = [file.to_str().unwrap(), "--url", &base];
    let output = tester(&folder, &document, &checks, key).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success() && said.contains("Schema-valid request rejected"), "{said}");
}
