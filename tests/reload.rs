//! Two hundred policies in a row under load, every third of them one that the filter refuses: no call
//! fails, each is decided by a policy that was in force, and memory stays level.

// A test ends by panicking, and waits by the clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::raw_backend::Answer;
use support::{Client, Gateway, Options, RawBackend, Reply, render};

const CHANGES: u64 = 200;
/// Until then V8 and the allocator find their size.
const WARM: u64 = 50;
/// In KiB. Measured: between the 50th and the 200th policy Envoy grows by 0.1 to 0.2 MiB; with a filter
/// that keeps every policy in memory, by 59 MiB.
const LEVEL: u64 = 6 * 1024;
const CALLERS: usize = 4;

/// The policies, by number. The one that decides a call names itself in the verdict.
struct Policies {
    backend: u16,
    /// The first one as `gatewayctl render` wraps it.
    first: Value,
}

/// What is wrong with every third policy.
#[derive(Clone, Copy, Debug)]
enum Mistake {
    Method,
    Variable,
    Truncated,
}

impl Mistake {
    fn of(number: u64) -> Option<Self> {
        match number % 9 {
            2 => Some(Self::Method),
            5 => Some(Self::Variable),
            8 => Some(Self::Truncated),
            _ => None,
        }
    }

    /// What Envoy's log says of it.
    fn said(self) -> &'static str {
        match self {
            Self::Method => "apis[0].operations[0].method: must be an HTTP method in capitals",
            Self::Variable => "the environment variable NOT_SET_HERE is not set",
            Self::Truncated => "EOF while parsing",
        }
    }

    fn made_in(self, good: &str, number: u64) -> String {
        match self {
            Self::Method => good.replacen("\"POST\"", "\"post\"", 1),
            Self::Variable => {
                let key = format!(r#"{{"value":"key-of-{number}"}}"#);
                good.replacen(&key, r#"{"env":"NOT_SET_HERE"}"#, 1)
            }
            Self::Truncated => good.split_at(good.len() / 2).0.to_owned(),
        }
    }
}

impl Policies {
    fn new(backend: u16) -> Self {
        let ecds =
            render(Path::new(env!("CARGO_BIN_EXE_gatewayctl")), &policy(backend, 0)).unwrap();
        Self { backend, first: serde_json::from_str(&ecds).unwrap() }
    }

    fn ecds(&self, number: u64) -> String {
        let good = policy(self.backend, number);
        let text = match Mistake::of(number) {
            None => good,
            Some(mistake) => mistake.made_in(&good, number),
        };
        let mut resource = self.first.clone();
        resource["version_info"] = json!(number.to_string());
        resource["resources"][0]["typed_config"]["config"]["configuration"]["value"] = json!(text);
        resource.to_string()
    }
}

/// It serves the api-version of its number alone, with a key of its own, beside many operations that
/// give it the size of a real one: what a reload forgot to free would show.
fn policy(backend: u16, number: u64) -> String {
    let mut operations = vec![json!({
        "name": "score", "method": "POST", "urlTemplate": "/score?api-version={version}",
        "templateParameters": [{ "name": "version", "values": [number.to_string()] }],
    })];
    operations.extend((0..200).map(|other| {
        json!({ "name": format!("other-{other}"), "method": "GET", "urlTemplate": format!("/other-{other}/{{id}}") })
    }));
    let key = json!({ "header": { "api-key": { "value": format!("key-of-{number}") } } });
    json!({ "version": 1, "apis": [{
        "name": "ml", "path": "ml", "protocols": ["http"],
        "serviceUrl": format!("http://127.0.0.1:{backend}"), "subscriptionRequired": false,
        "operations": operations, "backends": [{ "match": {}, "credentials": key }],
    }] })
    .to_string()
}

/// What the callers know of the policies, and what they have seen.
#[derive(Default)]
struct Watch {
    /// The last that decided a call of each caller.
    live: AtomicU64,
    /// The last that was given to Envoy.
    given: AtomicU64,
    done: AtomicBool,
    calls: AtomicU64,
    forwarded: AtomicU64,
    /// By caller: the policy of its last call.
    decided: [AtomicU64; CALLERS],
}

/// Ends the callers when the test fails too.
struct Done<'a>(&'a Watch);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.done.store(true, Ordering::SeqCst);
    }
}

/// Calls on connections that last a while, so that all workers are met.
fn call_until_done(port: u16, watch: &Watch, caller: usize) {
    while !watch.done.load(Ordering::SeqCst) {
        let mut client = Client::connect(port).unwrap();
        // One connection stays with one worker, and a worker never goes back to an older policy.
        let mut last = 0;
        for turn in 0..100 {
            let before = watch.live.load(Ordering::SeqCst);
            let version = if turn % 2 == 0 { before.to_string() } else { "none".to_owned() };
            // Without a body: Envoy ends an HTTP/1.1 connection on which it refused a body unread.
            let raw = format!(
                "POST /ml/score?api-version={version} HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n\r\n"
            );
            let reply = client.send(raw.as_bytes()).unwrap();
            let after = watch.given.load(Ordering::SeqCst);
            let decided = decided_by(&reply, &version);
            assert!(before <= decided && decided <= after, "{decided}: not {before} to {after}");
            assert!(Mistake::of(decided).is_none(), "{decided} was refused");
            assert!(last <= decided, "{decided} after {last}");
            last = decided;
            watch.decided[caller].store(decided, Ordering::SeqCst);
            watch.calls.fetch_add(1, Ordering::SeqCst);
            watch.forwarded.fetch_add(u64::from(reply.status == 200), Ordering::SeqCst);
        }
    }
}

/// The number of the policy that a verdict comes from.
fn decided_by(reply: &Reply, asked: &str) -> u64 {
    let text = reply.text();
    let number = match reply.status {
        // The backend answers with the key that it got: decision and key are of one policy.
        200 => {
            assert_eq!(text, format!("key-of-{asked}"), "the key of another policy");
            asked
        }
        400 => {
            let (_, rest) =
                text.split_once("'api-version' must be '").unwrap_or_else(|| panic!("{text}"));
            rest.split('\'').next().unwrap()
        }
        other => panic!("{other}: {text}"),
    };
    number.parse().unwrap()
}

/// What Envoy holds.
#[derive(Debug)]
struct Memory {
    /// In KiB. Envoy has no statistic of a VM's memory, which is not its allocator's: the system has.
    resident: u64,
    vms: u64,
}

impl Memory {
    fn of(gateway: &Gateway) -> Self {
        let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let resident = line.trim().trim_end_matches("kB").trim().parse().unwrap();
        let vms = gateway.admin().stat("wasm.envoy.wasm.runtime.v8.active").unwrap().unwrap();
        Self { resident, vms }
    }
}

fn echo_of_the_key(head: &str) -> Answer {
    let key = head.lines().find_map(|line| line.strip_prefix("api-key: ")).unwrap_or("none");
    Answer::Now(
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{key}", key.len()).into_bytes(),
    )
}

#[test]
fn two_hundred_policies_under_load_fail_no_call_and_leave_memory_level() {
    let backend = RawBackend::start(echo_of_the_key).unwrap();
    let policies = Policies::new(backend.port());
    let options = Options { concurrency: 2, ..Options::new(policies.ecds(0)) };
    let gateway = Gateway::start(&options).unwrap_or_else(|problem| panic!("{problem}"));
    let watch = Watch::default();
    let (began, mut levels, mut slowest) = (Instant::now(), Vec::new(), Duration::ZERO);
    scope(|scope| {
        let _done = Done(&watch);
        for caller in 0..CALLERS {
            let (gateway, watch) = (&gateway, &watch);
            scope.spawn(move || call_until_done(gateway.http_port(), watch, caller));
        }
        for number in 1..=CHANGES {
            watch.given.store(number, Ordering::SeqCst);
            let changed = Instant::now();
            let outcome = gateway.replace_policy(&policies.ecds(number));
            if let Some(mistake) = Mistake::of(number) {
                let problem = outcome.expect_err("a mistake");
                assert!(problem.contains(mistake.said()), "{number}, {mistake:?}: {problem}");
                let calls = watch.calls.load(Ordering::SeqCst) + 10;
                until("calls go on", || watch.calls.load(Ordering::SeqCst) >= calls);
            } else {
                outcome.unwrap();
                let decides = |by: &AtomicU64| by.load(Ordering::SeqCst) >= number;
                until("every caller is under it", || watch.decided.iter().all(decides));
                watch.live.store(number, Ordering::SeqCst);
                slowest = slowest.max(changed.elapsed());
            }
            if number % WARM == 0 {
                levels.push(Memory::of(&gateway));
                eprintln!("after {number} policies, {:?}: {:?}", began.elapsed(), levels.last());
            }
        }
    });
    let (calls, forwarded) = (watch.calls.into_inner(), watch.forwarded.into_inner());
    eprintln!("{calls} calls, {forwarded} of them forwarded; slowest policy live in {slowest:?}");
    assert!(forwarded > 0 && forwarded < calls);
    let (warm, last) = (&levels[0], &levels[levels.len() - 1]);
    assert!(last.resident.abs_diff(warm.resident) < LEVEL, "{levels:?}");
    // Two of the main thread and one of each worker.
    assert!(levels.iter().all(|level| level.vms == 4), "{levels:?}");
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "not within ten seconds: {what}");
        sleep(Duration::from_millis(2));
    }
}
