//! The policy's file, and what replaces a policy or a filter that is at work.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::scope;

use support::layout::{ECDS, WASM, write_by_rename};
use support::raw_backend::Answer;
use support::{Gateway, Options};

use crate::{Rig, assert_settled, at, ecds, eventually, ok, open, policy_for, read_rest, stat};

const DISCOVERY: &str = "extension_config_discovery.http_filter.gateway";

fn file(gateway: &Gateway) -> PathBuf {
    gateway.folder().join(ECDS)
}

fn refused(gateway: &Gateway) -> u64 {
    gateway.admin().updates().unwrap().refused
}

/// The same backend below another path.
fn moved(rig: &Rig) -> String {
    let mut policy = policy_for(&at(rig.backend.port()));
    policy["apis"][0]["path"] = "moved".into();
    ecds(&policy)
}

fn assert_the_old_one_serves(rig: &Rig) {
    assert_eq!(rig.post("/ml/score").status, 200);
    assert_eq!(rig.post("/moved/score").header("x-gateway-refusal").as_deref(), Some("unmatched"));
}

#[test]
fn a_policy_file_that_is_half_written_leaves_the_old_one_serving() {
    let rig = Rig::start(|_| Answer::Now(ok()));
    let new = moved(&rig);
    let half = new.split_at(new.len() / 2).0;

    // In its place, as an editor or a copy does it: Envoy looks at renames only.
    fs::write(file(&rig.gateway), half).unwrap();
    assert_the_old_one_serves(&rig);
    assert_eq!(refused(&rig.gateway), 0);

    // The same by rename, which Envoy does read.
    for truncated in [half, "", "{"] {
        let before = refused(&rig.gateway);
        write_by_rename(&file(&rig.gateway), truncated).unwrap();
        eventually("the truncated file is refused", || refused(&rig.gateway) > before);
        assert_the_old_one_serves(&rig);
    }
    assert!(stat(&rig.gateway, &format!("{DISCOVERY}.update_failure")) > 0);

    rig.gateway.replace_policy(&new).unwrap();
    eventually("the whole file serves", || rig.post("/moved/score").status == 200);
    assert_settled(&rig.gateway);
}

#[test]
fn a_policy_file_that_is_removed_leaves_the_old_one_serving() {
    let rig = Rig::start(|_| Answer::Now(ok()));
    fs::remove_file(file(&rig.gateway)).unwrap();
    assert_the_old_one_serves(&rig);

    // Envoy looks again when something is renamed into the folder: the file is not there.
    write_by_rename(&rig.gateway.folder().join("dist/ecds/other"), "").unwrap();
    eventually("its absence is noticed", || refused(&rig.gateway) > 0);
    assert_the_old_one_serves(&rig);

    rig.gateway.replace_policy(&moved(&rig)).unwrap();
    eventually("the file that is back serves", || rig.post("/moved/score").status == 200);
    assert_settled(&rig.gateway);
}

#[test]
fn a_new_filter_under_load_fails_no_call_and_calls_under_way_finish() {
    let script = |head: &str| match head.starts_with("POST /held ") {
        true => Answer::Held(Vec::new(), ok()),
        false => Answer::Now(ok()),
    };
    let rig = Rig::with(script, |options| Options { concurrency: 2, ..options });
    let mut held = open(&rig.gateway, "/ml/held");
    rig.until_backend_has(1);
    let (calls, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let reply = rig.post("/ml/score");
                    assert_eq!((reply.status, reply.text()), (200, "scored".into()));
                    calls.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let filter = fs::read(rig.gateway.folder().join(WASM)).unwrap();
        for number in 1..=5_u8 {
            // A custom section makes other bytes, and so another VM, of the same filter.
            let name = format!("dist/{number}.wasm");
            let other = [filter.as_slice(), &[0, 2, 1, b'0' + number]].concat();
            fs::write(rig.gateway.folder().join(&name), other).unwrap();
            let ecds = ecds(&policy_for(&at(rig.backend.port()))).replace(WASM, &name);
            rig.gateway.replace_policy(&ecds).unwrap();
            let before = calls.load(Ordering::SeqCst);
            eventually("calls go on", || calls.load(Ordering::SeqCst) > before + 8);
        }
        done.store(true, Ordering::SeqCst);
    });
    rig.backend.release();
    let seen = read_rest(&mut held);
    assert!(seen.starts_with("HTTP/1.1 200 OK") && seen.ends_with("scored"), "{seen}");
    eprintln!("five new filters: {} calls, none failed", calls.load(Ordering::SeqCst));
    assert_settled(&rig.gateway);
    // The main thread has two VMs and each worker one: those of the filters before are gone.
    let active = "wasm.envoy.wasm.runtime.v8.active";
    eventually("VMs of old filters are gone", || stat(&rig.gateway, active) == 4);
}
