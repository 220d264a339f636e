//! The emulator's thread, its runtime and its routes.

use std::collections::HashMap;
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::blobs::{self, Blobs};
use crate::fault::Fault;
use crate::job::{self, Job};
use crate::record::{self, Received, Record};
use crate::{Endpoint, Service, Settings, bes, online_endpoint, openai, rrs, swagger};

/// What jobs may take to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// A running emulator: its own thread with its own runtime, which stop when it is dropped.
pub struct Emulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Binds the address and serves it; when this returns, requests are answered.
    ///
    /// # Errors
    /// The address is not a loopback address or cannot be bound, or the thread cannot be started.
    pub fn start(settings: Settings) -> io::Result<Self> {
        if !settings.address.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the emulator serves loopback addresses only",
            ));
        }
        let listener = std::net::TcpListener::bind(settings.address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(settings, address));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _entered = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (app, jobs) = (routes(Arc::clone(&shared)), Arc::clone(&shared));
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("emulator".into()).spawn(move || {
            // Not a graceful shutdown: it would wait for the idle connections that a proxy keeps. The runtime is
            // dropped with this closure and takes every connection along.
            runtime.block_on(async {
                tokio::select! {
                    _ = axum::serve(listener, app).into_future() => {}
                    _ = stopped => {}
                }
                jobs.end().await;
            });
            // A job that would not end, as its storage is silent, must not keep the emulator from ending.
            runtime.shutdown_background();
        })?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens, with the port it was given.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request so far, refused ones too, oldest first: the last 10,000 of them.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.record.all()
    }

    /// Clears the record.
    pub fn forget(&self) {
        self.shared.record.clear();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there has already been printed, and a second one while dropping would abort.
            let _ = thread.join();
        }
    }
}

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) services: Vec<Arc<Hosted>>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) openai_key: Option<String>,
    pub(crate) blobs: Arc<Blobs>,
    /// What runs jobs, for all services together.
    pub(crate) workers: Arc<Semaphore>,
    pub(crate) record: Record,
    pub(crate) log: bool,
}

impl Shared {
    fn new(settings: Settings, address: SocketAddr) -> Self {
        let hosted = |service| Arc::new(Hosted::new(service, settings.concurrency));
        Self {
            services: settings.services.into_iter().map(hosted).collect(),
            endpoints: settings.endpoints,
            openai_key: settings.openai_key,
            blobs: Arc::new(Blobs::at(address)),
            workers: Arc::new(Semaphore::new(job::AT_ONCE)),
            record: Record::default(),
            log: settings.log,
        }
    }

    /// Cancels every job and gives those that run a moment: they are on threads, and a thread that finds its runtime
    /// gone panics.
    async fn end(&self) {
        for hosted in &self.services {
            lock(&hosted.jobs).values_mut().for_each(Job::cancel);
        }
        let workers = u32::try_from(job::AT_ONCE).unwrap_or(u32::MAX);
        let _ = timeout(PATIENCE, self.workers.acquire_many(workers)).await;
    }
}

/// A service with what it keeps between calls.
pub(crate) struct Hosted {
    pub(crate) service: Service,
    pub(crate) concurrency: usize,
    pub(crate) permits: Semaphore,
    pub(crate) jobs: Mutex<HashMap<String, Job>>,
}

impl Hosted {
    fn new(service: Service, concurrency: usize) -> Self {
        // More than a semaphore can hold is as good as no limit.
        let concurrency = concurrency.min(Semaphore::MAX_PERMITS);
        Self { service, concurrency, permits: Semaphore::new(concurrency), jobs: Mutex::default() }
    }
}

/// The routes match the raw path: no escape is decoded and no segment is folded on the way.
fn routes(shared: Arc<Shared>) -> Router {
    // The later services of Studio (classic) stand below a subscription, and the same is below both.
    let classic = |above: &str| {
        let service = |rest: &str| format!("/{above}/{{workspace}}/services/{{service}}{rest}");
        Router::new()
            .route(&service("/execute"), post(rrs::execute))
            .route(&service("/jobs"), post(bes::submit))
            .route(&service("/jobs/{job}/start"), post(bes::start))
            .route(&service("/jobs/{job}"), get(bes::status).delete(bes::cancel))
    };
    let document = "/workspaces/{workspace}/services/{service}/swagger.json";
    classic("workspaces")
        .merge(classic("subscriptions"))
        .route(document, get(swagger::document))
        .route("/score", post(online_endpoint::score))
        .merge(openai::routes(&shared))
        .route("/blob/{container}/{*name}", get(blobs::download).put(blobs::upload))
        .fallback(async || Fault::RouteNotFound)
        .method_not_allowed_fallback(async || Fault::RouteNotFound)
        // The record sets the limit, for every route alike.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(&shared), record::observe))
        .with_state(shared)
}

/// Locks what a panicking thread may have left locked: one failed request must not fail all the others.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
