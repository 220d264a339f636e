//! HTTP/1.1 in bytes: a request goes out exactly as written, also one that no library would send.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const TIMEOUT: Duration = Duration::from_secs(15);

/// Names in lower case, values in bytes; in order, repeated ones kept.
pub type Headers = Vec<(String, Vec<u8>)>;

/// A final response; interim ones (100 Continue) are skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Reply {
    /// The first value of a header, as text.
    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends one request on a connection of its own.
pub fn send(port: u16, raw: &[u8]) -> io::Result<Reply> {
    Client::connect(port)?.send(raw)
}

/// The same over TLS, to `localhost`, trusting one certificate (PEM).
pub fn send_tls(port: u16, raw: &[u8], certificate: &str) -> io::Result<Reply> {
    Client::connect_tls(port, certificate)?.send(raw)
}

/// One connection, for requests that follow each other on it.
pub struct Client {
    stream: Box<dyn Stream>,
    /// Read, and not yet part of a reply.
    rest: Vec<u8>,
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Client {
    pub fn connect(port: u16) -> io::Result<Self> {
        Ok(Self { stream: Box::new(tcp(port)?), rest: Vec::new() })
    }

    pub fn connect_tls(port: u16, certificate: &str) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        let certificate =
            CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
        let config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(io::Error::other)?
                .with_root_certificates(roots)
                .with_no_client_auth();
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        Ok(Self { stream: Box::new(StreamOwned::new(connection, tcp(port)?)), rest: Vec::new() })
    }

    /// Writes the bytes and reads one reply. A request that starts with `HEAD ` expects no body.
    pub fn send(&mut self, raw: &[u8]) -> io::Result<Reply> {
        self.write(raw)?;
        self.read_reply(raw.starts_with(b"HEAD "))
    }

    /// Writes only: for requests that come in pieces.
    pub fn write(&mut self, raw: &[u8]) -> io::Result<()> {
        self.stream.write_all(raw)?;
        self.stream.flush()
    }

    pub fn read_reply(&mut self, to_head: bool) -> io::Result<Reply> {
        loop {
            let (status, headers) = self.read_head()?;
            if status == 101 || status >= 200 {
                let body = self.read_body(status, &headers, to_head)?;
                return Ok(Reply { status, headers, body });
            }
        }
    }

    fn read_head(&mut self) -> io::Result<(u16, Headers)> {
        let line = self.read_line()?;
        let status = line
            .split(|byte| *byte == b' ')
            .nth(1)
            .and_then(|word| str::from_utf8(word).ok()?.parse().ok());
        let status =
            status.ok_or_else(|| malformed(&format!("status line {}", line.escape_ascii())))?;
        let mut headers = Vec::new();
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                return Ok((status, headers));
            }
            let colon = line.iter().position(|byte| *byte == b':');
            let colon =
                colon.ok_or_else(|| malformed(&format!("header {}", line.escape_ascii())))?;
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            headers.push((
                String::from_utf8_lossy(name).to_ascii_lowercase(),
                value.trim_ascii().to_vec(),
            ));
        }
    }

    fn read_body(
        &mut self,
        status: u16,
        headers: &[(String, Vec<u8>)],
        to_head: bool,
    ) -> io::Result<Vec<u8>> {
        let header = |name: &str| {
            headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
        };
        if to_head || matches!(status, 101 | 204 | 304) {
            return Ok(Vec::new());
        }
        if header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case(b"chunked")) {
            return self.read_chunks();
        }
        match header("content-length") {
            Some(value) => {
                let length = str::from_utf8(value).ok().and_then(|value| value.parse().ok());
                self.read_exactly(length.ok_or_else(|| malformed("content-length"))?)
            }
            None => {
                while self.fill()? > 0 {}
                Ok(std::mem::take(&mut self.rest))
            }
        }
    }

    fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.read_line()?;
            let size =
                line.split(|byte| *byte == b';').next().and_then(|hex| str::from_utf8(hex).ok());
            let size = size.and_then(|hex| usize::from_str_radix(hex.trim(), 16).ok());
            match size.ok_or_else(|| malformed("chunk size"))? {
                0 => {
                    while !self.read_line()?.is_empty() {}
                    return Ok(body);
                }
                size => {
                    body.extend(self.read_exactly(size)?);
                    self.read_line()?;
                }
            }
        }
    }

    fn read_line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Ok(line.trim_ascii_end().to_vec());
            }
            self.fill_or_fail()?;
        }
    }

    fn read_exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.rest.len() < length {
            self.fill_or_fail()?;
        }
        Ok(self.rest.drain(..length).collect())
    }

    fn fill_or_fail(&mut self) -> io::Result<()> {
        match self.fill()? {
            0 => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "closed before the reply was whole",
            )),
            _ => Ok(()),
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let count = loop {
            match self.stream.read(&mut buffer) {
                // A signal to the process is no end of the reply.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.rest.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

fn tcp(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed reply: {what}"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What a server says when it has read something; then it closes.
    fn reply_to(raw: &'static [u8], answer: &'static [u8]) -> io::Result<Reply> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let server = thread::spawn(move || -> io::Result<()> {
            let (mut stream, _) = listener.accept()?;
            let _ = stream.read(&mut [0; 1024])?;
            stream.write_all(answer)
        });
        let reply = send(port, raw);
        server.join().expect("the server thread").expect("the server's socket");
        reply
    }

    #[test]
    fn bodies_end_where_the_headers_say() {
        let cases: [(&[u8], &[u8], &[u8]); 6] = [
            (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcdef", b"abc"),
            (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nabcdef", b"abcdef"),
            (
                b"GET / HTTP/1.1\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x\r\n0123456789\r\n0\r\nt: 1\r\n\r\n",
                b"abc0123456789",
            ),
            (b"HEAD / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n", b""),
            (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
            (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx", b"x"),
        ];
        for (raw, answer, body) in cases {
            let reply = reply_to(raw, answer)
                .unwrap_or_else(|error| panic!("{}: {error}", answer.escape_ascii()));
            assert_eq!(reply.body, body, "{}", answer.escape_ascii());
        }
    }

    #[test]
    fn headers_keep_their_order_repetitions_and_bytes() {
        let reply = reply_to(
            b"GET / HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 401 No\r\nA: \xff\r\nb: 2\r\na: 3\r\ncontent-length: 0\r\n\r\n",
        );
        let reply = reply.unwrap();
        assert_eq!(reply.status, 401);
        let expected: [(&str, &[u8]); 4] =
            [("a", b"\xff"), ("b", b"2"), ("a", b"3"), ("content-length", b"0")];
        assert_eq!(reply.headers, expected.map(|(name, value)| (name.to_owned(), value.to_vec())));
    }

    #[test]
    fn a_reply_cut_short_is_an_error() {
        for answer in
            [&b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"[..], b"HTTP/1.1 200 OK\r\n", b""]
        {
            assert!(
                reply_to(b"GET / HTTP/1.1\r\n\r\n", answer).is_err(),
                "{}",
                answer.escape_ascii()
            );
        }
    }
}
