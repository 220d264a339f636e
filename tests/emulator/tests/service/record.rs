//! What a test learns from the emulator about the requests that reached it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use emulator::{Emulator, Received, Settings};

use crate::{KEY, SERVICE, call, start};

/// Sends bytes as they are and reads until the emulator closes.
fn raw(emulator: &Emulator, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(emulator.address()).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn pairs(headers: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| ((*name).into(), value.to_vec())).collect()
}

#[test]
fn a_request_is_recorded_as_it_was_sent() {
    let emulator = start();
    let target = "//workspaces/./%2e%2E/a%2fb/%41;x\\y?api-version=2%2E0&&=&A=b+c%20d?/..";
    let head = format!(
        "PUT {target} HTTP/1.1\r\nHost: Some.Example:1\r\nX-B: 1\r\nx-a:  \u{e9} \r\nx-b: 2\r\n"
    );
    let head = head.chars().map(|character| character as u8);
    let bytes: Vec<u8> =
        head.chain(*b"Connection: close\r\nContent-Length: 3\r\n\r\nabc").collect();
    let answer = raw(&emulator, &bytes);
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let expected = Received {
        method: "PUT".into(),
        target: target.into(),
        headers: pairs(&[
            ("host", b"Some.Example:1"),
            ("x-b", b"1"),
            ("x-b", b"2"),
            ("x-a", b"\xe9"),
            ("connection", b"close"),
            ("content-length", b"3"),
        ]),
        body_len: 3,
    };
    assert_eq!(emulator.received(), [expected]);
}

#[test]
fn refused_requests_are_recorded_too_until_they_are_forgotten() {
    let emulator = start();
    for target in
        ["/nowhere", &format!("{SERVICE}/execute"), &format!("{SERVICE}/jobs/1?api-version=2.0")]
    {
        call(&emulator, "GET", target, "");
        assert_eq!(emulator.received().last().unwrap().target, *target);
    }
    assert_eq!(emulator.received().len(), 3);
    emulator.forget();
    assert_eq!(emulator.received(), []);
}

#[test]
fn a_request_whose_body_never_ends_is_recorded() {
    let emulator = start();
    raw(&emulator, b"POST /half HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf");
    let deadline = 1000;
    for _ in 0..deadline {
        if !emulator.received().is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    let received = emulator.received();
    assert_eq!((received[0].target.as_str(), received[0].body_len), ("/half", 4));
}

#[test]
fn http2_without_tls_is_served_and_its_authority_recorded_as_host() {
    let emulator = start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let status = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(emulator.address()).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let request =
            http::Request::post(format!("http://gateway.example{SERVICE}/execute?api-version=2.0"))
                .header("authorization", format!("Bearer {KEY}"))
                .body(())
                .unwrap();
        let (response, mut body) = client.send_request(request, false).unwrap();
        let input = r#"{"Inputs":{"input1":{"ColumnNames":["Col2"],"Values":[["x"]]}}}"#;
        body.send_data(input.into(), true).unwrap();
        response.await.unwrap().status()
    });
    assert_eq!(status, 200);
    let received = emulator.received();
    assert_eq!(received[0].target, format!("{SERVICE}/execute?api-version=2.0"));
    let authorization = format!("Bearer {KEY}");
    let expected =
        pairs(&[("host", b"gateway.example"), ("authorization", authorization.as_bytes())]);
    assert_eq!(received[0].headers, expected);
}

#[test]
fn a_dropped_emulator_frees_its_port_even_from_open_connections() {
    let emulator = start();
    let address = emulator.address();
    let mut idle = TcpStream::connect(address).unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert_ne!(idle.read(&mut [0; 64]).unwrap(), 0);
    drop(emulator);
    assert!(TcpStream::connect(address).is_err());
    let again = Emulator::start(Settings { address, ..Settings::demo(KEY) }).unwrap();
    assert_eq!(again.address(), address);
}

#[test]
fn only_a_loopback_address_is_served() {
    let settings = Settings { address: ([0, 0, 0, 0], 0).into(), ..Settings::demo(KEY) };
    assert!(Emulator::start(settings).is_err());
}
