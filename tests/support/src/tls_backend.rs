//! A backend that speaks TLS, by HTTP/1.1 or HTTP/2 as the handshake agrees, and records what it got.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ProtocolVersion, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio_rustls::TlsAcceptor;

use crate::certificate::Certificate;

/// A request as it came, with what the handshake before it said.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The name that the client asked for.
    pub sni: Option<String>,
    pub tls: Option<ProtocolVersion>,
    pub http: Version,
    /// `Host`, or HTTP/2's `:authority`.
    pub authority: Option<String>,
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body_len: usize,
}

impl Seen {
    /// Every value of a header, as text.
    pub fn all(&self, name: &str) -> Vec<String> {
        let values = self.headers.iter().filter(|(known, _)| known == name);
        values.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    }
}

/// What a request is answered; its body has been read whole before.
#[derive(Clone, Debug)]
pub enum Answer {
    Reply(u16, Vec<(&'static str, String)>),
    /// The same 200 as a plain reply, when [`TlsBackend::release`] was called.
    Held,
    /// The connection is closed without an answer.
    HangUp,
}

impl Answer {
    pub fn ok() -> Self {
        Self::Reply(200, Vec::new())
    }
}

/// What a request is answered, given those before it.
pub type Behaviour = fn(&Seen, &[Seen]) -> Answer;

/// A running backend on 127.0.0.1; it stops when dropped.
pub struct TlsBackend {
    port: u16,
    shared: Arc<Shared>,
    release: watch::Sender<bool>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    behaviour: Behaviour,
}

impl TlsBackend {
    /// `alpn`: the protocols it offers, most wanted first.
    pub fn start(
        certificate: &Certificate,
        alpn: &[&str],
        behaviour: Behaviour,
    ) -> io::Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(server_config(certificate, alpn)?));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr().as_ref().map(SocketAddr::port).unwrap_or_default();
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            behaviour,
        });
        let (release, released) = watch::channel(false);
        let (stop, stopped) = oneshot::channel();
        let serving = serve(listener, acceptor, Arc::clone(&shared), released);
        let thread = thread::Builder::new().name("tls-backend".into()).spawn(move || {
            // Dropping the runtime takes every connection along.
            runtime.block_on(async {
                tokio::select! { () = serving => {}, _ = stopped => {} }
            });
        })?;
        Ok(Self { port, shared, release, stop: Some(stop), thread: Some(thread) })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Every request so far, oldest first.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// TCP connections so far, those that failed in the handshake too.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Lets held requests be answered, now and from now on.
    pub fn release(&self) {
        self.release.send_replace(true);
    }
}

impl Drop for TlsBackend {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn server_config(certificate: &Certificate, alpn: &[&str]) -> io::Result<ServerConfig> {
    let chain = CertificateDer::from_pem_slice(certificate.certificate_pem.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes());
    let chain = vec![chain.map_err(io::Error::other)?];
    let mut config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| {
                let key = key.map_err(|error| rustls::Error::General(error.to_string()))?;
                config.with_no_client_auth().with_single_cert(chain, key)
            })
            .map_err(io::Error::other)?;
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok(config)
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
    released: watch::Receiver<bool>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(connection(stream, acceptor.clone(), Arc::clone(&shared), released.clone()));
    }
}

async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
    released: watch::Receiver<bool>,
) {
    // A client that does not like the certificate ends here.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let handshake = stream.get_ref().1;
    let sni = handshake.server_name().map(str::to_owned);
    let tls = handshake.protocol_version();
    let service = service_fn(|request: Request<Incoming>| {
        let (shared, mut released, sni) = (Arc::clone(&shared), released.clone(), sni.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?;
            let host = parts.headers.get("host").and_then(|value| value.to_str().ok());
            let headers = parts
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.as_bytes().into()));
            let seen = Seen {
                sni,
                tls,
                http: parts.version,
                authority: host
                    .or(parts.uri.authority().map(http::uri::Authority::as_str))
                    .map(Into::into),
                method: parts.method.to_string(),
                target: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
                headers: headers.collect(),
                body_len: body.to_bytes().len(),
            };
            let answer = {
                let mut all = shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
                let answer = (shared.behaviour)(&seen, &all);
                all.push(seen);
                answer
            };
            match answer {
                Answer::Reply(status, headers) => Ok(reply(status, &headers)),
                Answer::Held => {
                    let _ = released.wait_for(|released| *released).await;
                    Ok(reply(200, &[]))
                }
                // hyper closes the connection when the service fails.
                Answer::HangUp => Err(io::Error::other("hang up")),
            }
        }
    });
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn reply(status: u16, headers: &[(&'static str, String)]) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    builder.body(Full::new(Bytes::from_static(b"answer"))).unwrap_or_default()
}
