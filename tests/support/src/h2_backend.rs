//! A backend that speaks HTTP/2 in clear text and records what came after the body.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use h2::server;
use http::{HeaderMap, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// The trailers of each request in turn; none where a request had none.
type Record = Arc<Mutex<Vec<Option<HeaderMap>>>>;

/// A running backend on 127.0.0.1; it stops when dropped.
pub struct H2Backend {
    address: SocketAddr,
    record: Record,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl H2Backend {
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let record = Record::default();
        let (stop, stopped) = oneshot::channel();
        let seen = Arc::clone(&record);
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, seen) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { address, record, stop: Some(stop), thread: Some(thread) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn trailers(&self) -> Vec<Option<HeaderMap>> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for H2Backend {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, record: Record) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&record)));
    }
}

async fn serve(stream: TcpStream, record: Record) -> Result<(), h2::Error> {
    let mut connection = server::handshake(stream).await?;
    while let Some(accepted) = connection.accept().await {
        let (request, mut respond) = accepted?;
        let record = Arc::clone(&record);
        tokio::spawn(async move {
            let mut body = request.into_body();
            while let Some(chunk) = body.data().await {
                let length = chunk?.len();
                body.flow_control().release_capacity(length)?;
            }
            let trailers = body.trailers().await?;
            record.lock().unwrap_or_else(PoisonError::into_inner).push(trailers);
            respond.send_response(Response::new(()), true)?;
            Ok::<(), h2::Error>(())
        });
    }
    Ok(())
}
