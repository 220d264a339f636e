//! The caller goes away.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};

use support::Client;
use support::raw_backend::Answer;

use crate::{Rig, assert_logged, assert_settled, eventually, ok, open, read_until};

#[test]
fn a_caller_who_goes_away_takes_the_backends_work_along() {
    let rig = Rig::start(|_| Answer::Held(Vec::new(), ok()));
    let stream = open(&rig.gateway, "/ml/score");
    rig.until_backend_has(1);
    drop(stream);
    eventually("the backend's connection is closed", || rig.backend.abandoned() == 1);
    assert_logged(&rig.gateway, &[(0, "DC")]);
    assert_settled(&rig.gateway);
}

#[test]
fn a_caller_who_goes_away_in_the_middle_of_the_answer_ends_it() {
    let first = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nfirst";
    let rig = Rig::start(|_| Answer::Held(first.to_vec(), Vec::new()));
    let mut stream = open(&rig.gateway, "/ml/score");
    read_until(&mut stream, "first");
    drop(stream);
    eventually("the backend's connection is closed", || rig.backend.abandoned() == 1);
    assert_logged(&rig.gateway, &[(200, "DC")]);
    assert_settled(&rig.gateway);
}

#[test]
fn a_caller_who_goes_away_in_the_middle_of_the_question_leaves_nothing_behind() {
    let rig = Rig::start(|_| Answer::Held(Vec::new(), ok()));
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, rig.gateway.http_port())).unwrap();
    let head = "POST /ml/score HTTP/1.1\r\nHost: gateway\r\nContent-Length: 1000\r\n\r\nfirst";
    stream.write_all(head.as_bytes()).unwrap();
    rig.until_backend_has(1);
    drop(stream);
    assert_logged(&rig.gateway, &[(0, "DC")]);
    assert_settled(&rig.gateway);
}

#[test]
fn a_caller_whose_body_is_refused_unread_is_told_that_the_connection_ends() {
    let rig = Rig::start(|_| Answer::Now(ok()));
    let mut client = Client::connect(rig.gateway.http_port()).unwrap();
    let refused = |body: &str| {
        format!("POST /none HTTP/1.1\r\nHost: g\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    // Without a body the connection stays.
    for body in ["", "", "{}"] {
        let reply = client.send(refused(body).as_bytes()).unwrap();
        assert_eq!(
            (reply.status, reply.header("x-gateway-refusal")),
            (404, Some("unmatched".into()))
        );
        let ends = (!body.is_empty()).then(|| "close".to_owned());
        assert_eq!(reply.header("connection"), ends, "{body:?}");
    }
    assert!(client.send(refused("").as_bytes()).is_err());
    assert_settled(&rig.gateway);
}
