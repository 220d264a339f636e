//! How often a call is sent: the circuit breaker, retries that honour Retry-After, and addresses that
//! are left out.

use std::thread;
use std::time::Instant;

use support::certificate::Authority;
use support::tls_backend::{Answer, Seen};
use support::{Gateway, TlsBackend};

use crate::{AZUREML, Api, EXECUTE, SUBMIT, assert_unavailable, edge, eventually, post, stat};

const BOTH: &[&str] = &["h2", "http/1.1"];

/// Answers as the request's header `x-answer` says: `STATUS RETRY-AFTER` (`-`: without one) the first time, `hang-up`,
/// `held`, and else 200. `always` before it is for every time.
fn told(seen: &Seen, before: &[Seen]) -> Answer {
    let told = seen.all("x-answer").concat();
    let (told, always) = match told.strip_prefix("always ") {
        Some(rest) => (rest, true),
        None => (told.as_str(), false),
    };
    if before.iter().any(|earlier| earlier.target == seen.target) && !always {
        return Answer::ok();
    }
    match told.split_once(' ') {
        Some((status, "-")) => Answer::Reply(status.parse().unwrap(), Vec::new()),
        Some((status, wait)) => {
            Answer::Reply(status.parse().unwrap(), vec![("retry-after", wait.to_owned())])
        }
        None if told == "hang-up" => Answer::HangUp,
        None if told == "held" => Answer::Held,
        None => Answer::ok(),
    }
}

fn start(alpn: &[&str]) -> (Gateway, TlsBackend) {
    let authority = Authority::new("calls").unwrap();
    let certificate = authority.issue(&[AZUREML, "localhost"]).unwrap();
    let backend = TlsBackend::start(&certificate, alpn, told).unwrap();
    let apis = [Api::azureml(), Api::dynamic("endpoint", "localhost", backend.port())];
    (edge(&apis, &authority, &[backend.port()]), backend)
}

#[test]
fn the_21st_call_at_once_is_refused_and_the_20_pass() {
    for alpn in [BOTH, &["http/1.1"]] {
        let (gateway, backend) = start(alpn);
        let call =
            || post(&gateway, &format!("/azureml{EXECUTE}"), "x-answer: always held\r\n", "{}");
        thread::scope(|scope| {
            let calls: Vec<_> = (0..20).map(|_| scope.spawn(call)).collect();
            eventually("20 calls are at the backend", || backend.seen().len() == 20);
            for _ in 0..5 {
                let refused = call();
                assert_unavailable(
                    &refused,
                    "Too many calls are waiting for backends; try again later",
                );
            }
            assert_eq!(backend.seen().len(), 20);
            // The other cluster does not count with it.
            let other = post(&gateway, "/endpoint/score", "", "{}");
            assert_eq!(other.status, 200, "{alpn:?}");
            backend.release();
            for call in calls {
                assert_eq!(call.join().unwrap().status, 200, "{alpn:?}");
            }
        });
        assert_eq!(call().status, 200, "{alpn:?}: there is room again");
        // Envoy 1.40 has a counter of its own for this, older ones count it with the queue's.
        let refused = ["active", "pending"]
            .map(|kind| stat(&gateway, &format!("cluster.azureml.upstream_rq_{kind}_overflow")));
        assert_eq!(refused.iter().sum::<u64>(), 5, "{alpn:?}");
    }
}

#[test]
fn a_call_is_repeated_once_when_the_backend_asks_for_it_and_a_repetition_is_safe() {
    let (gateway, backend) = start(BOTH);
    let large = "x".repeat(2 * 1024 * 1024);
    // What the backend says; the path; the answer to the caller, and how often the call was sent.
    let cases = [
        ("503 1", "/azureml", EXECUTE, "{}", 200, 2),
        ("429 1", "/azureml", EXECUTE, "{}", 200, 2),
        ("503 1", "/endpoint", "/score", "{}", 200, 2),
        ("always 503 1", "/azureml", EXECUTE, "{}", 503, 2),
        // Too long to wait for, unreadable, and no word of when.
        ("503 6", "/azureml", EXECUTE, "{}", 503, 1),
        ("429 60", "/endpoint", "/score", "{}", 429, 1),
        ("503 0", "/azureml", EXECUTE, "{}", 503, 1),
        ("503 Fri, 31 Dec 1999 23:59:59 GMT", "/azureml", EXECUTE, "{}", 503, 1),
        ("503 -", "/azureml", EXECUTE, "{}", 503, 1),
        ("500 -", "/azureml", EXECUTE, "{}", 500, 1),
        // A job may have been made.
        ("503 1", "/azureml", SUBMIT, "{}", 503, 1),
        ("429 1", "/endpoint", SUBMIT, "{}", 429, 1),
        // Longer than what is kept for a repetition.
        ("503 1", "/azureml", EXECUTE, &large, 503, 1),
    ];
    for (number, (answer, api, path, body, status, times)) in cases.into_iter().enumerate() {
        let separator = if path.contains('?') { '&' } else { '?' };
        let target = format!("{path}{separator}case={number}");
        let begun = Instant::now();
        let reply =
            post(&gateway, &format!("{api}{target}"), &format!("x-answer: {answer}\r\n"), body);
        let (case, took) = (format!("{answer} {api}{path}"), begun.elapsed());
        assert_eq!(reply.status, status, "{case}: {}", reply.text());
        let seen: Vec<_> =
            backend.seen().into_iter().filter(|seen| seen.target == target).collect();
        assert_eq!(seen.len(), times, "{case}");
        assert!(seen.iter().all(|seen| seen.body_len == body.len()), "{case}");
        let key = format!("Bearer key-of{}", api.replace('/', "-"));
        assert!(seen.iter().all(|seen| seen.all("authorization") == [key.clone()]), "{case}");
        if times == 2 {
            assert!((1.0..4.0).contains(&took.as_secs_f64()), "{case}: after {took:?}");
        }
        // Who has to wait is told how long.
        let wait = answer.trim_start_matches("always ").split_once(' ').unwrap().1;
        let told = (status != 200 && wait != "-").then(|| wait.to_owned());
        assert_eq!(reply.header("retry-after"), told, "{case}");
    }
}

#[test]
fn a_call_whose_connection_broke_after_it_was_sent_is_not_repeated() {
    for alpn in [BOTH, &["http/1.1"]] {
        let (gateway, backend) = start(alpn);
        for path in [SUBMIT, EXECUTE] {
            let reply =
                post(&gateway, &format!("/azureml{path}"), "x-answer: always hang-up\r\n", "{}");
            assert_unavailable(&reply, "The backend cannot be reached");
        }
        let targets: Vec<_> = backend.seen().into_iter().map(|seen| seen.target).collect();
        assert_eq!(targets, [SUBMIT, EXECUTE], "{alpn:?}");
    }
}

/// Below the ports that are handed out: a free one of those may be another test's by now.
const NOBODYS_PORT: u16 = 1;

#[test]
fn of_two_addresses_the_dead_one_is_left_out_and_of_one_none() {
    let authority = Authority::new("addresses").unwrap();
    let certificate = authority.issue(&[AZUREML]).unwrap();
    let backend = TlsBackend::start(&certificate, BOTH, told).unwrap();
    let ejected =
        |gateway: &Gateway| stat(gateway, "cluster.azureml.outlier_detection.ejections_active");

    let gateway = edge(&[Api::azureml()], &authority, &[backend.port(), NOBODYS_PORT]);
    let call = || post(&gateway, &format!("/azureml{EXECUTE}"), "", "{}").status;
    eventually("the dead address is found out", || {
        call();
        ejected(&gateway) == 1
    });
    // Workers learn of it up to a second after Envoy's main thread.
    eventually("the dead address is left out", || (0..20).all(|_| call() == 200));

    let gateway = edge(&[Api::azureml()], &authority, &[NOBODYS_PORT]);
    for _ in 0..5 {
        let reply = post(&gateway, &format!("/azureml{EXECUTE}"), "", "{}");
        assert_unavailable(&reply, "The backend cannot be reached");
    }
    assert_eq!(ejected(&gateway), 0);

    // Statuses say nothing of the address.
    let other = TlsBackend::start(&certificate, BOTH, told).unwrap();
    let gateway = edge(&[Api::azureml()], &authority, &[backend.port(), other.port()]);
    for number in 0..12 {
        let path = format!("/azureml{EXECUTE}&number={number}");
        assert_eq!(post(&gateway, &path, "x-answer: 503 -\r\n", "{}").status, 503);
    }
    assert_eq!(ejected(&gateway), 0);
}
