//! The web service behind every Envoy: a fixed answer, at once, on connections that stay open.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// What each request must carry as its Bearer key.
pub const KEY: &str = "bench-backend-key";

/// About what an RRS call answers.
const ANSWER: &str = r#"{"Results":{"output1":{"type":"table","value":{"ColumnNames":["Col2","Preprocessed Col2","HashingFeature.Col2_0","HashingFeature.Col2_1","HashingFeature.Col2_2","HashingFeature.Col2_3"],"ColumnTypes":["String","String","Double","Double","Double","Double"],"Values":[["This is a good day","this is a good day","0","1","0","2"]]}}},"ContainerAllocationDurationMs":0,"ExecutionDurationMs":12}"#;

/// Answers until the process ends.
pub struct Upstream {
    pub address: SocketAddr,
}

impl Upstream {
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A connection that breaks shows as a failed call on the other side.
                thread::spawn(move || serve(stream, address));
            }
        });
        Ok(Self { address })
    }
}

fn serve(mut stream: TcpStream, address: SocketAddr) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut received, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let length = loop {
            if let Some(length) = request_length(&received) {
                break length;
            }
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                count => received.extend_from_slice(&buffer[..count]),
            }
        };
        let request: Vec<u8> = received.drain(..length).collect();
        let (status, body) = match wrong(&String::from_utf8_lossy(&request), address) {
            None => ("200 OK", ANSWER.to_owned()),
            Some(problem) => ("500 Internal Server Error", problem),
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n");
        stream.write_all(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes())?;
    }
}

/// The bytes of the first request, once all of it has come.
fn request_length(received: &[u8]) -> Option<usize> {
    let head = received.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&received[..head]).ok()?;
    let body = header(text, "content-length").map_or(Some(0), |length| length.parse().ok())?;
    (received.len() >= head + body).then_some(head + body)
}

/// Why the request is not what a gateway should send: the variants must do the same work.
fn wrong(request: &str, address: SocketAddr) -> Option<String> {
    let target = request.split(' ').nth(1).unwrap_or_default();
    let right = target.starts_with("/workspaces/")
        && header(request, "authorization").and_then(|v| v.strip_prefix("Bearer ")) == Some(KEY)
        && header(request, "host") == Some(&address.to_string());
    (!right).then(|| format!("the upstream got another request than expected:\n{request}"))
}

/// Envoy sends names in lower case.
fn header<'r>(request: &'r str, name: &str) -> Option<&'r str> {
    let head = request.split("\r\n\r\n").next().unwrap_or_default();
    head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}
