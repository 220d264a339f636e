//! A batch job: what it goes through, and what it does.
//!
//! A job runs beside its calls. The first status after its start always says Running, even where it has ended, so
//! that a client that waits is exercised; and a job that has nothing to wait for has ended when its start is answered,
//! so that a test never sleeps.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio_util::io::SyncIoBridge;

use crate::fault::Fault;
use crate::place::{self, Place};
use crate::table::{self, Problem};

/// The jobs that run at a time. The others wait, and their status says Running: that they are queued is not told.
pub(crate) const AT_ONCE: usize = 4;

/// A job with the places it reads from and writes to.
pub(crate) struct Job {
    input: Place,
    output: Place,
    state: State,
}

enum State {
    NotStarted,
    /// Started, and no status read since.
    Started(Arc<Run>),
    /// One status read since the start.
    Told(Arc<Run>),
    Cancelled,
}

/// A run under way or at its end.
#[derive(Default)]
pub(crate) struct Run {
    cancelled: AtomicBool,
    /// The end: why it failed, if it did.
    outcome: OnceLock<Result<(), String>>,
}

/// A job's status. Its code is a name and not a number: all known clients read names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Status {
    status_code: &'static str,
    results: Option<Results>,
    details: Option<String>,
}

#[derive(Serialize)]
struct Results {
    output1: Location,
}

/// Where a result lies: `BaseLocation`, `RelativeLocation` and `SasBlobToken` joined are its URL.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Location {
    /// Always null: who may read the result has the token for it.
    connection_string: Option<String>,
    relative_location: String,
    base_location: String,
    sas_blob_token: String,
}

impl Job {
    pub(crate) fn new(input: Place, output: Place) -> Self {
        Self { input, output, state: State::NotStarted }
    }

    /// The work to be done, to be awaited wherever it suits.
    pub(crate) fn start(
        &mut self,
        workers: Arc<Semaphore>,
    ) -> Result<impl Future<Output = ()> + Send + use<>, Fault> {
        if !matches!(self.state, State::NotStarted) {
            return Err(Fault::CannotStartJob(self.report().status_code));
        }
        let run = Arc::new(Run::default());
        self.state = State::Started(Arc::clone(&run));
        let (input, output, in_memory) =
            (self.input.clone(), self.output.clone(), self.is_in_memory());
        Ok(async move {
            // What is in memory already does not wait behind what streams.
            let _worker = if in_memory { None } else { workers.acquire_owned().await.ok() };
            let outcome = run.work(&input, &output).await;
            let _ = run.outcome.set(outcome);
        })
    }

    pub(crate) fn is_in_memory(&self) -> bool {
        self.input.is_in_memory() && self.output.is_in_memory()
    }

    /// Reading the status moves a job on that has just been started.
    pub(crate) fn status(&mut self) -> Status {
        let status = self.report();
        if let State::Started(run) = &self.state {
            self.state = State::Told(Arc::clone(run));
        }
        status
    }

    fn report(&self) -> Status {
        let (status_code, results, details) = match &self.state {
            State::NotStarted => ("NotStarted", None, None),
            State::Started(_) => ("Running", None, None),
            State::Told(run) => match run.outcome.get() {
                None => ("Running", None, None),
                Some(Ok(())) => ("Finished", self.results(), None),
                Some(Err(why)) => ("Failed", None, Some(why.clone())),
            },
            State::Cancelled => ("Cancelled", None, None),
        };
        Status { status_code, results, details }
    }

    /// A run under way ends at its next row and leaves no output. A job that has ended is cancelled as well: what the
    /// service did then is not known.
    pub(crate) fn cancel(&mut self) {
        if let State::Started(run) | State::Told(run) = &self.state {
            run.cancelled.store(true, Ordering::Relaxed);
        }
        self.state = State::Cancelled;
    }

    fn results(&self) -> Option<Results> {
        let link = self.output.link()?;
        let output1 = Location {
            connection_string: None,
            relative_location: link.relative,
            base_location: link.base,
            sas_blob_token: link.token,
        };
        Some(Results { output1 })
    }
}

impl Run {
    async fn work(self: &Arc<Self>, input: &Place, output: &Place) -> Result<(), String> {
        let unread = |error: &(dyn std::error::Error + 'static)| {
            let (name, why) = (input.name(), place::reason(error));
            format!("Unable to access the provided Azure blob - {name}. Azure error message: {why}")
        };
        let unwritten = |error: &(dyn std::error::Error + 'static)| {
            let (name, why) = (output.name(), place::reason(error));
            format!("Unable to write the output blob - {name}. Azure error message: {why}")
        };
        let source = input.open().await.map_err(|error| unread(&error))?;
        let mut source = Cancellable { source: SyncIoBridge::new(source), run: Arc::clone(self) };
        let mut target = SyncIoBridge::new(output.create());
        let run = Arc::clone(self);
        // Hashing keeps a core busy, and the emulator's one thread has calls to answer.
        let hashed = spawn_blocking(move || {
            table::hash(&mut source, &mut target)?;
            run.check().map_err(|error| Problem::Read(error.into()))?;
            target.shutdown().map_err(|error| Problem::Write(error.into()))
        });
        match hashed.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Problem::Table(why))) => Err(why),
            Ok(Err(Problem::Read(error))) => Err(unread(&error)),
            Ok(Err(Problem::Write(error))) => Err(unwritten(&error)),
            Err(_) => Err("The job ended without a result.".into()),
        }
    }

    fn check(&self) -> io::Result<()> {
        match self.cancelled.load(Ordering::Relaxed) {
            true => Err(io::Error::other("the job is cancelled")),
            false => Ok(()),
        }
    }
}

/// Ends when its job is cancelled, with an error: an end of input would be taken for the table's.
struct Cancellable<R> {
    source: R,
    run: Arc<Run>,
}

impl<R: Read> Read for Cancellable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.run.check()?;
        self.source.read(buffer)
    }
}
