//! A tester that calls the gateway by the document finds nothing: what it sends, right or wrong, is
//! answered as the document says.

use crate::Demo;
use crate::tools::{Folder, succeed, tool};

/// Of the tester's checks those that a gateway can answer for. What a web service makes of a body is
/// its own affair, so that `positive_data_acceptance` is not among them.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,\
                      negative_data_rejection,missing_required_header,unsupported_method,\
                      ignored_auth";
/// The web service behind has its own word for what it does not have.
const SEED: &str = "1";

#[test]
fn a_tester_that_calls_by_the_document_finds_nothing() {
    let demo = Demo::start(|_| {});
    let folder = Folder::new("tester");
    let port = demo.gateway.http_port();
    let document = format!("http://127.0.0.1:{port}/portal/apis/azureml-demo/openapi.json");
    let mut tester = tool("bin/schemathesis");
    tester.current_dir(&folder.0).env("NO_COLOR", "1");
    tester.args(["run", &document, "--checks", CHECKS, "--seed", SEED, "--max-examples", "60"]);
    tester.args(["--header", "Ocp-Apim-Subscription-Key: unlimited-demo-key"]);
    tester.args([
        "--generation-database",
        "none",
        "--workers",
        "1",
        "--phases",
        "examples,coverage,fuzzing",
    ]);
    succeed(&mut tester);
    let received = demo.emulator.received();
    assert!(received.len() > 50, "{} calls reached the web service", received.len());
}
