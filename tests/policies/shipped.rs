//! What holds for every policy of `envoy/policies`.

use std::path::Path;
use std::process::Command;

use support::{example, send};

use crate::{Rig, names, path};

#[test]
fn every_shipped_policy_passes_check_without_a_warning() {
    for name in names() {
        let output = Command::new(env!("CARGO_BIN_EXE_gatewayctl"))
            .arg("check")
            .arg(path(&name))
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success() && !said.contains("warning"), "{said}");
        assert!(!said.contains("OPEN:"), "whoever reaches Envoy may call: {said}");
    }
}

#[test]
fn every_shipped_policy_has_its_cases_and_its_section() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    for name in names() {
        let cases = read(&format!("tests/policies/{name}.json"));
        assert!(cases.contains(&format!("\"envoy/policies/{name}.json\"")), "{name}");
        assert!(read("envoy/README.md").contains(&format!("### {name}.json")), "{name}");
        assert!(read("README.md").contains(&format!("envoy/policies/{name}.json")), "{name}");
    }
}

#[test]
fn every_call_that_make_run_prints_is_answered_by_its_backend() {
    // The guide's policy is not in the folder of the others.
    for name in names().into_iter().chain(["../policy".to_owned()]) {
        let rig = Rig::start(&name);
        let calls = example::calls(&rig.policy);
        assert!(!calls.is_empty(), "{name} has no operation with an example");
        for call in &calls {
            let headers = call.key.iter().chain(&call.headers);
            let headers: String =
                headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let raw = format!(
                "{} {} HTTP/1.1\r\nHost: gateway\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{}",
                call.method,
                call.target,
                call.body.len(),
                call.body
            );
            let reply = send(rig.gateway.http_port(), raw.as_bytes()).unwrap();
            assert_eq!(reply.status, 200, "{name}: {raw}\n{}", reply.text());
        }
        assert_eq!(rig.assert_only_backend_keys().len(), calls.len(), "{name}");
    }
}
