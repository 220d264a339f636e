//! The backend fails: what callers see of it, and how often it is asked.

use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use support::raw_backend::Answer;
use support::{Options, free_port, layout};

use crate::{
    Rig, UNREACHABLE, assert_fault, assert_logged, assert_settled, at, ok, open, post, read_rest,
    read_until, reply, start, stat,
};

#[test]
fn a_backend_that_is_down_is_a_503_after_the_retries() {
    let gateway = start(&at(free_port()), |options| options);
    assert_fault(&post(&gateway, "/ml/score", ""), 503, UNREACHABLE);
    assert_logged(&gateway, &[(503, "URX,UF")]);
    assert_eq!(stat(&gateway, "cluster.gateway-http.upstream_rq_retry"), 2);
    assert_settled(&gateway);
}

#[test]
fn a_backend_that_never_answers_is_a_504_and_loses_its_connection() {
    let rig = Rig::with_timeout("1s", |_| Answer::Held(Vec::new(), Vec::new()));
    let began = Instant::now();
    assert_fault(&rig.post("/ml/score"), 504, "The backend did not answer in time");
    let waited = began.elapsed();
    assert!(waited >= Duration::from_secs(1) && waited < Duration::from_secs(5), "{waited:?}");
    assert_logged(&rig.gateway, &[(504, "UT")]);
    crate::eventually("its connection is closed", || rig.backend.abandoned() == 1);
    assert_eq!(rig.backend.heads().len(), 1, "a call that may cost money is not sent again");
    assert_settled(&rig.gateway);
}

#[test]
fn a_backend_that_stops_in_the_middle_of_its_answer_ends_it_at_the_timeout() {
    let first = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nfirst";
    let rig = Rig::with_timeout("1s", |_| Answer::Held(first.to_vec(), Vec::new()));
    let began = Instant::now();
    let mut stream = open(&rig.gateway, "/ml/score");
    read_until(&mut stream, "first");
    assert_eq!(read_rest(&mut stream), "", "an answer that has begun is cut, with nothing added");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_logged(&rig.gateway, &[(200, "UT")]);
    assert_settled(&rig.gateway);
}

#[test]
fn a_slow_backend_that_is_in_time_is_waited_for() {
    let rig = Rig::with_timeout("10s", |_| Answer::Held(Vec::new(), ok()));
    scope(|scope| {
        let call = scope.spawn(|| rig.post("/ml/score"));
        rig.until_backend_has(1);
        sleep(Duration::from_millis(1500));
        rig.backend.release();
        let reply = call.join().unwrap();
        assert_eq!((reply.status, reply.text()), (200, "scored".into()));
    });
    assert_logged(&rig.gateway, &[(200, "-")]);
    assert_settled(&rig.gateway);
}

#[test]
fn a_backend_that_resets_before_it_answers_is_a_503_and_asked_once() {
    let rig = Rig::start(|_| Answer::Reset(Vec::new()));
    rig.backend.release();
    assert_fault(&rig.post("/ml/score"), 503, UNREACHABLE);
    assert_logged(&rig.gateway, &[(503, "UC")]);
    assert_eq!(rig.backend.heads().len(), 1, "a call that may cost money is not sent again");
    assert_settled(&rig.gateway);
}

#[test]
fn a_reset_in_the_middle_of_the_answer_is_seen_as_a_cut_and_never_as_an_end() {
    for (framing, end) in [("Content-Length: 1000", ""), ("Transfer-Encoding: chunked", "0\r\n")] {
        let first = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n5\r\nfirst\r\n");
        let rig = Rig::start(move |_| Answer::Reset(first.clone().into_bytes()));
        let mut stream = open(&rig.gateway, "/ml/score");
        read_until(&mut stream, "first");
        rig.backend.release();
        let rest = read_rest(&mut stream);
        // The last chunk would tell the caller that the answer is whole.
        assert!(rest.trim().is_empty() && (end.is_empty() || !rest.contains(end)), "{rest:?}");
        assert_logged(&rig.gateway, &[(200, "UPE")]);
        assert_eq!(rig.backend.heads().len(), 1);
        assert_settled(&rig.gateway);
    }
}

#[test]
fn garbage_instead_of_http_is_a_502_and_shows_nothing_of_it() {
    let garbage: [&[u8]; 4] = [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x16\x03\x01\x00\x05hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nna me: \x00\r\nContent-Length: 0\r\n\r\n",
    ];
    for bytes in garbage {
        let rig = Rig::start(|_| Answer::Now(bytes.to_vec()));
        assert_fault(&rig.post("/ml/score"), 502, UNREACHABLE);
        assert_logged(&rig.gateway, &[(502, "UPE")]);
        assert_eq!(rig.backend.heads().len(), 1);
        assert_settled(&rig.gateway);
    }
}

#[test]
fn a_backends_own_503_passes_unchanged_and_is_not_asked_again() {
    let body = r#"{"error":{"code":"ServiceOverloaded"}}"#;
    let headers = "Retry-After: 17\r\nContent-Type: application/json\r\nx-ms-request-id: r-1\r\n\
                   x-gateway-refusal: forged\r\n";
    let rig = Rig::start(move |_| Answer::Now(reply("503 Service Unavailable", headers, body)));
    let reply = rig.post("/ml/score");
    assert_eq!((reply.status, reply.text()), (503, body.to_owned()));
    assert_eq!(reply.header("retry-after").as_deref(), Some("17"));
    assert_eq!(reply.header("x-ms-request-id").as_deref(), Some("r-1"));
    assert_eq!(reply.header("x-gateway-refusal"), None);
    assert_logged(&rig.gateway, &[(503, "-")]);
    assert_eq!(rig.backend.heads().len(), 1);
    assert_settled(&rig.gateway);
}

#[test]
fn an_enormous_header_of_a_backend_is_a_502() {
    let long = format!("x-long: {}\r\n", "a".repeat(100_000));
    let many: String = (0..300).map(|number| format!("x-{number}: v\r\n")).collect();
    for headers in [long, many] {
        let rig = Rig::start(move |_| Answer::Now(reply("200 OK", &headers, "scored")));
        assert_fault(&rig.post("/ml/score"), 502, UNREACHABLE);
        assert_logged(&rig.gateway, &[(502, "UPE")]);
        assert_settled(&rig.gateway);
    }
}

#[test]
fn more_calls_than_the_circuit_breaker_admits_are_a_503_at_once() {
    let edit = |yaml: String| {
        layout::replace_once(&yaml, "max_requests: 8192", "max_requests: 1").unwrap()
    };
    let rig = Rig::with(
        |_| Answer::Held(Vec::new(), ok()),
        |options| Options { edit: Box::new(edit), ..options },
    );
    scope(|scope| {
        let first = scope.spawn(|| rig.post("/ml/score"));
        rig.until_backend_has(1);
        let second = rig.post("/ml/score");
        let waiting = "Too many calls are waiting for backends; try again later";
        assert_eq!(second.status, 503);
        assert!(second.text().contains(waiting), "{}", second.text());
        rig.backend.release();
        assert_eq!(first.join().unwrap().status, 200);
    });
    assert_logged(&rig.gateway, &[(503, "UO"), (200, "-")]);
    assert_settled(&rig.gateway);
}
