//! What the programs print, and what they say when a call is refused or a job fails.

use std::fs;

use crate::{Guide, SERVICE_KEY, SUBSCRIPTION_KEY, printed};

const COUNTS: &str = "1 1 2 2 0 2 0 1\n";

#[test]
fn the_request_response_program_prints_the_guides_counts() {
    let guide = Guide::start();
    assert_eq!(printed(&guide.run("rrs.py", SUBSCRIPTION_KEY, &[])), COUNTS);
    let texts = ["This is a good day", "", "a"];
    let expected = format!("{COUNTS}0 0 0 0 0 0 0 0\n0 0 1 0 0 0 0 0\n");
    assert_eq!(printed(&guide.run("rrs.py", SUBSCRIPTION_KEY, &texts)), expected);

    let certificate = guide.folder.join("server.crt");
    fs::write(&certificate, guide.gateway.certificate()).unwrap();
    let gateway = format!("https://localhost:{}/azureml-demo", guide.gateway.tls_port());
    let output = guide
        .python("rrs.py")
        .args(["--gateway", &gateway, "--cafile", certificate.to_str().unwrap()])
        .env("SUBSCRIPTION_KEY", SUBSCRIPTION_KEY)
        .output();
    assert_eq!(printed(&output.unwrap()), COUNTS);
}

#[test]
fn the_batch_program_prints_the_guides_counts() {
    let guide = Guide::start();
    let (said, result) = guide.batch(&guide.file("in.csv", "Col1,Col2\n2,This is a good day\n"));
    for expected in ["Submitted job ", "Status: Running\n", "Status: Finished\n", COUNTS] {
        assert!(said.contains(expected), "{said}");
    }
    let saved = fs::read_to_string(result).unwrap();
    assert_eq!(saved.lines().nth(1), Some("1,1,2,2,0,2,0,1"), "{saved}");
    // Submit, start and two statuses; the storage is called directly. The gateway put the key in.
    let received = guide.emulator.received();
    let methods: Vec<_> = received.iter().map(|request| request.method.as_str()).collect();
    assert_eq!(methods, ["POST", "POST", "GET", "GET"]);
    let key = format!("Bearer {SERVICE_KEY}");
    for request in &received {
        let mut values = request.headers.iter().filter(|(name, _)| name == "authorization");
        assert_eq!(values.next().map(|(_, value)| value.as_slice()), Some(key.as_bytes()));
    }
}

#[test]
fn a_refused_call_shows_its_status_its_headers_and_its_body() {
    let guide = Guide::start();
    let table = guide.file("in.csv", "Col2\nx\n");
    let files = ["--input", table.to_str().unwrap(), "--output", "/dev/null"];
    for (program, arguments) in [("rrs.py", &[][..]), ("bes.py", &files)] {
        let output = guide.run(program, "no-such-key", arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        for expected in ["status code 401", "x-gateway-refusal: ", r#""statusCode": 401"#] {
            assert!(errors.contains(expected), "{program}: {errors}");
        }
        assert!(!errors.contains("Traceback"), "{errors}");
    }
    assert!(guide.emulator.received().is_empty());
}

#[test]
fn a_job_that_fails_says_why() {
    let guide = Guide::start();
    let table = guide.file("in.csv", "Col1,Text\n1,This is a good day\n");
    let result = guide.folder.join("out.csv");
    let files = ["--input", table.to_str().unwrap(), "--output", result.to_str().unwrap()];
    let output = guide.run("bes.py", SUBSCRIPTION_KEY, &files);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.starts_with("The job has ended: Failed. The input has no column Col2."));
    assert!(!result.exists());
}
