//! HTTP/2 with prior knowledge, in clear text: what HTTP/1.1 cannot say, such as a `:scheme` of the
//! client's choice.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use h2::client;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use tokio::net::TcpStream;

use crate::Reply;

const TIMEOUT: Duration = Duration::from_secs(15);

/// Pseudo-headers and headers; the authority may be anything that a URI takes.
#[derive(Clone, Debug)]
pub struct H2Request<'a> {
    pub method: &'a str,
    pub scheme: &'a str,
    pub authority: &'a str,
    /// Path and query.
    pub path: &'a str,
    pub headers: &'a [(&'a str, &'a [u8])],
    pub body: &'a [u8],
    /// What comes after the body.
    pub trailers: &'a [(&'a str, &'a [u8])],
}

/// Sends one request on a connection of its own. A stream that Envoy resets is an error.
pub fn h2c(port: u16, request: &H2Request<'_>) -> io::Result<Reply> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = async { tokio::time::timeout(TIMEOUT, exchange(port, request)).await };
    runtime
        .block_on(answer)
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no reply over HTTP/2"))?
}

async fn exchange(port: u16, request: &H2Request<'_>) -> io::Result<Reply> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let (send, connection) = client::handshake(stream).await.map_err(io::Error::other)?;
    let driver = tokio::spawn(connection);
    let mut send = send.ready().await.map_err(io::Error::other)?;
    let (response, mut body) =
        send.send_request(head(request)?, false).map_err(io::Error::other)?;
    // A reply may come, and the stream be over, before the body has gone out: the reply counts.
    let _ = body.send_data(request.body.to_vec().into(), request.trailers.is_empty());
    if !request.trailers.is_empty() {
        let _ = body.send_trailers(lines(request.trailers)?);
    }
    let (parts, mut incoming) = response.await.map_err(io::Error::other)?.into_parts();
    let mut bytes = Vec::new();
    while let Some(chunk) = incoming.data().await {
        let chunk = chunk.map_err(io::Error::other)?;
        incoming.flow_control().release_capacity(chunk.len()).map_err(io::Error::other)?;
        bytes.extend_from_slice(&chunk);
    }
    driver.abort();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    Ok(Reply { status: parts.status.as_u16(), headers, body: bytes })
}

fn head(request: &H2Request<'_>) -> io::Result<Request<()>> {
    let uri = Uri::builder()
        .scheme(request.scheme)
        .authority(request.authority)
        .path_and_query(request.path);
    let mut head = Request::new(());
    *head.method_mut() = Method::from_bytes(request.method.as_bytes()).map_err(io::Error::other)?;
    *head.uri_mut() = uri.build().map_err(io::Error::other)?;
    *head.headers_mut() = lines(request.headers)?;
    Ok(head)
}

fn lines(headers: &[(&str, &[u8])]) -> io::Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(io::Error::other)?;
        map.append(name, HeaderValue::from_bytes(value).map_err(io::Error::other)?);
    }
    Ok(map)
}
