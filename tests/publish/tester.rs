//! A tester that calls the gateway by the document finds nothing: what it sends, right or wrong, is
//! answered as the document says.

use std::process::Command;

use serde_json::{Value, json};
use support::raw_backend::Answer;
use support::{Gateway, Options, RawBackend};

use crate::tools::{Folder, succeed, tool};
use crate::{Demo, resource, root};

/// Of the tester's checks those that a gateway can answer for.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,\
                      negative_data_rejection,missing_required_header,unsupported_method,ignored_auth";
/// Where no body is in play, also that every right call is taken.
const AND_ACCEPTED: &str = ",positive_data_acceptance";

fn tester(folder: &Folder, gateway: &Gateway, api: &str, checks: &str, key: &str) -> Command {
    let port = gateway.http_port();
    let document = format!("http://127.0.0.1:{port}/portal/apis/{api}/openapi.json");
    let mut tester = tool("bin/schemathesis");
    tester.current_dir(&folder.0).env("NO_COLOR", "1");
    tester.arg("--config-file").arg(root().join("tests/publish/schemathesis.toml"));
    tester.args(["run", &document, "--checks", checks, "--header", key]);
    // The same calls each time.
    tester.args(["--seed", "1", "--generation-deterministic", "--generation-database", "none"]);
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
    let key = "Ocp-Apim-Subscription-Key: unlimited-demo-key";
    succeed(&mut tester(&folder, &demo.gateway, "azureml-demo", CHECKS, key));
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

#[test]
fn a_tester_finds_parameters_to_be_what_the_document_says() {
    let answer =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let backend = RawBackend::start(|_| Answer::Now(answer.to_vec())).unwrap();
    let gateway = Gateway::start(&Options::new(resource(&typed(backend.port())))).unwrap();
    let folder = Folder::new("tester-typed");
    let checks = [CHECKS, AND_ACCEPTED].concat();
    succeed(&mut tester(&folder, &gateway, "typed", &checks, "api-key: team-key"));
    let received = backend.heads().len();
    assert!(received >= 100, "{received} calls reached the backend");
}
