//! An answer that comes in pieces reaches the caller in pieces.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use support::RawBackend;
use support::example;
use support::raw_backend::Answer;

use crate::{gateway, path};

const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// Reads until the text is there; a silence of ten seconds fails the test.
fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    loop {
        let so_far = String::from_utf8_lossy(&read).into_owned();
        if so_far.contains(text) {
            return so_far;
        }
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).unwrap_or_else(|error| panic!("{error}: {so_far}"));
        assert_ne!(count, 0, "it ended with {so_far}");
        read.extend_from_slice(&buffer[..count]);
    }
}

#[test]
fn an_event_reaches_the_caller_before_the_backend_has_sent_the_next() {
    for (name, target, key) in [
        (
            "azure-openai",
            "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21",
            "api-key: unlimited-demo-key",
        ),
        (
            "azure-openai-v1",
            "/openai/v1/chat/completions",
            "Authorization: Bearer unlimited-demo-key",
        ),
        ("model-server", "/local/v1/chat/completions", "Authorization: Bearer unlimited-demo-key"),
    ] {
        let (first, second) = ("data: {\"first\": 1}\n\n", "data: [DONE]\n\n");
        let backend = RawBackend::start(move |_| {
            let now = format!("{HEAD}{}", chunk(first));
            Answer::Held(now.into_bytes(), format!("{}0\r\n\r\n", chunk(second)).into_bytes())
        })
        .unwrap();
        let text = std::fs::read_to_string(path(name)).unwrap();
        let policy: Value = serde_json::from_str(&text).unwrap();
        let gateway = gateway(&policy, &example::at_port(&text, backend.port()));

        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, gateway.http_port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let body = r#"{"model":"m","messages":[],"stream":true}"#;
        let length = body.len();
        let head =
            format!("POST {target} HTTP/1.1\r\nHost: g\r\n{key}\r\nContent-Length: {length}");
        write!(stream, "{head}\r\n\r\n{body}").unwrap();
        // The backend holds the second event until it is told: what is read here cannot have waited for it.
        let read = read_until(&mut stream, first);
        assert!(read.starts_with("HTTP/1.1 200 ") && !read.contains("DONE"), "{name}: {read}");
        assert!(read.contains("content-type: text/event-stream\r\n"), "{name}: {read}");
        backend.release();
        assert!(read_until(&mut stream, "0\r\n\r\n").contains(second), "{name}");
    }
}
