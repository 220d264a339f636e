//! The filter's own death: a build that panics on a request with the header `x-test-panic`.
//!
//! `make build` builds without features, and the last test here looks that what it made cannot panic
//! on demand.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::layout::{self, project_root};
use support::raw_backend::Answer;
use support::{Gateway, Options};

use crate::{
    NOT_READY, Rig, assert_fault, assert_logged, assert_settled, eventually, ok, open, post,
    read_rest, read_until, reply, stat,
};

const MARK: &str = "x-test-panic";
/// The last two chunks of an answer.
const LAST: &str = "5\r\nother\r\n0\r\n\r\n";
const DEADLY: &str = "x-test-panic: now\r\n";
/// Envoy waits one to one and a half seconds before it makes a new VM; the rest is a busy machine's.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// Built once, in a folder of its own, so that it never stands where `make build` looks.
static PANICKING: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = project_root();
    let target = root.join("target/panic-build");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--lib", "--locked", "--quiet"])
        .args(["--target", "wasm32-wasip1", "--features", "panic-on-request", "--target-dir"])
        .arg(&target)
        .current_dir(&root)
        .status()
        .unwrap();
    assert!(status.success(), "the panicking filter: {status}");
    target.join("wasm32-wasip1/release/azureml_gateway.wasm")
});

fn rig(script: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Rig {
    Rig::with(script, |options| Options { wasm: PANICKING.clone(), ..options })
}

/// Calls until one passes; every one before it must say that the gateway is not ready.
fn assert_comes_back(gateway: &Gateway) -> Duration {
    let died = Instant::now();
    loop {
        let reply = post(gateway, "/ml/score", "");
        if reply.status == 200 {
            return died.elapsed();
        }
        assert_fault(&reply, 503, NOT_READY);
        assert!(died.elapsed() < BACK_WITHIN, "still not back:\n{}", gateway.log());
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_vm_that_dies_costs_its_request_a_503_and_is_replaced() {
    let rig = rig(|_| Answer::Now(ok()));
    assert_eq!(rig.post("/ml/score").status, 200);
    // The dead one is kept until the next has died: two deaths must not hold more than one.
    let vms = || stat(&rig.gateway, "wasm.envoy.wasm.runtime.v8.active");
    let before = vms();
    for death in 1..=3 {
        assert_fault(&post(&rig.gateway, "/ml/score", DEADLY), 503, NOT_READY);
        let away = assert_comes_back(&rig.gateway);
        eprintln!("death {death}: calls pass again after {away:?}");
        assert!(vms() <= before + 1, "{} VMs after {death} deaths, {before} before", vms());
        assert_eq!(stat(&rig.gateway, "wasm.gateway.vm_reload_success"), death);
    }
    assert_eq!(stat(&rig.gateway, "wasm.gateway.vm_reload_failure"), 0);
    assert!(stat(&rig.gateway, "wasm.gateway.vm_reload_backoff") > 0);
    let heads = rig.backend.heads();
    assert!(heads.iter().all(|head| !head.contains(MARK)), "no marked call reaches a backend");
    assert!(heads.iter().all(|head| head.contains("api-key: ")), "none passes without the filter");
    assert!(rig.gateway.log().contains("panicked at"), "{}", rig.gateway.log());
    assert_settled(&rig.gateway);
}

#[test]
fn a_call_that_waits_for_its_backend_when_the_vm_dies_is_answered() {
    let rig = rig(|head| match head.starts_with("POST /held ") {
        true => Answer::Held(Vec::new(), reply("200 OK", "x-from: backend\r\n", "scored")),
        false => Answer::Now(ok()),
    });
    let mut waiting = open(&rig.gateway, "/ml/held");
    rig.until_backend_has(1);
    assert_fault(&post(&rig.gateway, "/ml/score", DEADLY), 503, NOT_READY);
    rig.backend.release();
    let seen = read_rest(&mut waiting);
    eprintln!("a call in flight sees: {seen}");
    assert!(seen.starts_with("HTTP/1.1 503 ") && seen.contains(NOT_READY), "{seen}");
    assert!(!seen.contains("x-from") && !seen.contains("scored"), "{seen}");
    assert_comes_back(&rig.gateway);
    assert_settled(&rig.gateway);
}

#[test]
fn an_answer_that_has_begun_when_the_vm_dies_is_cut_and_never_ended() {
    for (framing, rest) in [("Content-Length: 15", "other"), ("Transfer-Encoding: chunked", LAST)] {
        let first = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n5\r\nfirst\r\n");
        let rig = rig(move |head| match head.starts_with("POST /streamed ") {
            true => Answer::Held(first.clone().into_bytes(), rest.into()),
            false => Answer::Now(ok()),
        });
        let mut streaming = open(&rig.gateway, "/ml/streamed");
        read_until(&mut streaming, "first\r\n");
        assert_fault(&post(&rig.gateway, "/ml/score", DEADLY), 503, NOT_READY);
        rig.backend.release();
        assert_eq!(read_rest(&mut streaming), "", "{framing}");
        assert_logged(&rig.gateway, &[(503, "-"), (200, "-")]);
        assert_comes_back(&rig.gateway);
        assert_settled(&rig.gateway);
    }
}

#[test]
fn a_caller_and_a_backend_who_both_wait_when_the_vm_dies_wait_no_longer_than_the_timeout() {
    let edit = |yaml: String| {
        let (shipped, short) =
            ["300s", "2s"].map(|time| format!("\n                  timeout: {time}\n")).into();
        layout::replace_once(&yaml, &shipped, &short).unwrap()
    };
    let rig = Rig::with(
        |head| match head.starts_with("POST /silent ") {
            true => Answer::Held(Vec::new(), Vec::new()),
            false => Answer::Now(ok()),
        },
        |options| Options { wasm: PANICKING.clone(), edit: Box::new(edit), ..options },
    );
    let began = Instant::now();
    let mut waiting = open(&rig.gateway, "/ml/silent");
    rig.until_backend_has(1);
    assert_fault(&post(&rig.gateway, "/ml/score", DEADLY), 503, NOT_READY);
    let seen = read_rest(&mut waiting);
    eprintln!("a call without an answer sees, after {:?}: {seen}", began.elapsed());
    // Envoy's 504, made a 503 by the dead VM on its way out.
    assert!(seen.starts_with("HTTP/1.1 503 ") && seen.contains("did not answer in time"), "{seen}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    eventually("the backend's connection is closed", || rig.backend.abandoned() == 1);
    assert_logged(&rig.gateway, &[(503, "-"), (503, "UT")]);
    assert_comes_back(&rig.gateway);
    assert_settled(&rig.gateway);
}

#[test]
fn the_shipped_filter_has_no_panic_on_demand() {
    let contains = |wasm: &Path| {
        let bytes = std::fs::read(wasm).unwrap_or_else(|e| panic!("{}: {e}", wasm.display()));
        bytes.windows(MARK.len()).any(|window| window == MARK.as_bytes())
    };
    assert!(contains(&PANICKING), "the mark tells the two apart");
    assert!(!contains(&project_root().join(layout::WASM)), "built with panic-on-request");
}
