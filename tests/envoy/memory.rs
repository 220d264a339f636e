//! What the gateway answers itself waits in Envoy's memory for callers that do not read it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use support::{Options, layout, send};

use crate::{Demo, KEY_HEADER, SERVICE};

fn edited(from: &'static str, to: &'static str) -> Demo {
    let edit = move |yaml: String| yaml.replace(from, to);
    let shipped = std::fs::read_to_string(layout::project_root().join("envoy/envoy.yaml")).unwrap();
    assert_eq!(shipped.matches(from).count(), 1, "{from} in envoy.yaml");
    Demo::with(|options| Options { edit: Box::new(edit), ..options })
}

#[test]
fn near_the_bound_of_its_heap_envoy_takes_no_new_request() {
    let demo = edited("max_heap_size_bytes: 2147483648", "max_heap_size_bytes: 1000000");
    let raw = format!(
        "GET /azureml-demo{SERVICE}/execute HTTP/1.1\r\nHost: g\r\n{KEY_HEADER}\r\nConnection: close\r\n\r\n"
    );
    support::eventually("new requests are refused", || {
        let reply = send(demo.gateway.http_port(), raw.as_bytes()).unwrap();
        reply.status == 503 && reply.text().contains("not ready; try again later")
    });
    assert!(demo.emulator.received().is_empty());
}

/// Over HTTP/2, with a window of no byte.
#[test]
fn an_answer_that_nobody_reads_is_dropped() {
    let demo = edited("stream_flush_timeout: 30s", "stream_flush_timeout: 1s");
    let path = "/portal/apis/azureml-demo/openapi.json";
    // By number of HPACK's table: GET, http; then the names of path and authority with literal values.
    let mut head = vec![0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    head.extend(path.as_bytes());
    head.extend([0x01, 0x01, b'g']);
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // SETTINGS with INITIAL_WINDOW_SIZE 0, and HEADERS that end stream 1.
    sent.extend([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
    sent.extend([0, 0, u8::try_from(head.len()).unwrap(), 1, 5, 0, 0, 0, 1]);
    sent.extend(head);
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, demo.gateway.http_port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(&sent).unwrap();
    let mut kinds = Vec::new();
    // Until RST_STREAM.
    while kinds.last() != Some(&3) {
        let mut frame = [0; 9];
        stream.read_exact(&mut frame).expect("a reset within ten seconds");
        let length = u32::from_be_bytes([0, frame[0], frame[1], frame[2]]);
        stream.read_exact(&mut vec![0; length as usize]).unwrap();
        kinds.push(frame[3]);
    }
    assert!(kinds.contains(&1), "the answer's head was sent: {kinds:?}");
    demo.assert_unharmed();
}
