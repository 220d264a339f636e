//! A batch job: what it goes through, and what it does.
//!
//! A job needs no time of its own. The first status after its start says Running and the second one its end, so that
//! a client that waits is exercised and a test never sleeps.

use std::mem;

use axum::body::Bytes;
use serde::Serialize;

use crate::blobs::Blobs;
use crate::fault::Fault;
use crate::hashing;

/// A job with the places it reads from and writes to, each `container/name`.
pub(crate) struct Job {
    input: String,
    output: String,
    state: State,
}

/// What a job comes to: its output table, or why it failed.
type Outcome = Result<Bytes, String>;

enum State {
    NotStarted,
    /// Started, and no status read since.
    Started(Outcome),
    /// One status read since the start.
    Running(Outcome),
    Finished {
        token: String,
    },
    Failed(String),
    Cancelled,
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            Self::NotStarted => "NotStarted",
            Self::Started(_) | Self::Running(_) => "Running",
            Self::Finished { .. } => "Finished",
            Self::Failed(_) => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }
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
    pub(crate) fn new(input: String, output: String) -> Self {
        Self { input, output, state: State::NotStarted }
    }

    /// Reads its input now and shows what came of it later.
    pub(crate) fn start(&mut self, blobs: &Blobs) -> Result<(), Fault> {
        if !matches!(self.state, State::NotStarted) {
            return Err(Fault::CannotStartJob(self.state.name()));
        }
        self.state = State::Started(match blobs.read(&self.input) {
            Some(table) => hash_table(&table),
            None => Err(format!("Unable to access the provided Azure blob - {}.", self.input)),
        });
        Ok(())
    }

    /// Reading the status moves a started job on.
    pub(crate) fn status(&mut self, blobs: &Blobs) -> Status {
        self.state = match mem::replace(&mut self.state, State::Cancelled) {
            State::Started(outcome) => State::Running(outcome),
            State::Running(Ok(table)) => {
                State::Finished { token: blobs.write(&self.output, table) }
            }
            State::Running(Err(why)) => State::Failed(why),
            settled => settled,
        };
        self.report(blobs)
    }

    /// A job that has ended is cancelled as well: what the service did then is not known.
    pub(crate) fn cancel(&mut self) {
        self.state = State::Cancelled;
    }

    fn report(&self, blobs: &Blobs) -> Status {
        let (results, details) = match &self.state {
            State::Finished { token } => (Some(self.results(blobs, token)), None),
            State::Failed(why) => (None, Some(why.clone())),
            _ => (None, None),
        };
        Status { status_code: self.state.name(), results, details }
    }

    fn results(&self, blobs: &Blobs, token: &str) -> Results {
        let output1 = Location {
            connection_string: None,
            relative_location: self.output.clone(),
            base_location: blobs.base().to_owned(),
            sas_blob_token: token.to_owned(),
        };
        Results { output1 }
    }
}

/// Hashes the input column of a CSV table with a header row; the other columns are ignored.
fn hash_table(table: &[u8]) -> Outcome {
    let unreadable = |error: csv::Error| format!("The input is not a CSV table: {error}.");
    let mut reader = csv::Reader::from_reader(table);
    let column =
        reader.headers().map_err(unreadable)?.iter().position(|name| name == hashing::COLUMN);
    let column = column.ok_or_else(|| format!("The input has no column {}.", hashing::COLUMN))?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(hashing::column_names()).map_err(unreadable)?;
    for row in reader.records() {
        let row = row.map_err(unreadable)?;
        writer
            .write_record(hashing::features(row.get(column).unwrap_or_default()))
            .map_err(unreadable)?;
    }
    writer.into_inner().map(Bytes::from).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Blobs {
        Blobs::at(([127, 0, 0, 1], 1).into())
    }

    fn started(table: &'static str) -> (Job, Blobs) {
        let (mut job, blobs) = (Job::new("in/a.csv".into(), "out/b.csv".into()), store());
        blobs.write("in/a.csv", table.into());
        job.start(&blobs).unwrap();
        (job, blobs)
    }

    fn names(job: &mut Job, blobs: &Blobs) -> [&'static str; 3] {
        [
            job.status(blobs).status_code,
            job.status(blobs).status_code,
            job.status(blobs).status_code,
        ]
    }

    #[test]
    fn a_started_job_finishes_on_the_second_status() {
        let (mut job, blobs) =
            started("Col1,Col2\n1,This is a good day\n2,\"This is\na good day\"\n");
        assert!(blobs.read("out/b.csv").is_none());
        assert_eq!(names(&mut job, &blobs), ["Running", "Finished", "Finished"]);
        let written = blobs.read("out/b.csv").unwrap();
        let lines: Vec<_> = str::from_utf8(&written).unwrap().lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("Col2_HashingFeature.0,Col2_HashingFeature.1,"));
        assert_eq!(lines[1], "1,1,2,2,0,2,0,1");
        assert_eq!(lines[2], lines[1]);
    }

    #[test]
    fn a_job_without_a_readable_input_fails_and_says_why() {
        for (table, why) in [
            ("Col1\nx\n", "The input has no column Col2."),
            ("", "The input has no column Col2."),
            ("Col1,Col2\nx\n", "The input is not a CSV table: "),
        ] {
            let (mut job, blobs) = started(table);
            assert_eq!(names(&mut job, &blobs), ["Running", "Failed", "Failed"]);
            assert!(job.status(&blobs).details.unwrap().starts_with(why));
            assert!(blobs.read("out/b.csv").is_none());
        }
        let (mut job, blobs) = (Job::new("in/none.csv".into(), "out/b.csv".into()), store());
        job.start(&blobs).unwrap();
        assert_eq!(names(&mut job, &blobs), ["Running", "Failed", "Failed"]);
        assert!(job.status(&blobs).details.unwrap().contains("in/none.csv"));
    }

    #[test]
    fn a_job_starts_once() {
        let (mut job, blobs) = started("Col2\nx\n");
        assert!(matches!(job.start(&blobs), Err(Fault::CannotStartJob("Running"))));
        job.cancel();
        assert!(matches!(job.start(&blobs), Err(Fault::CannotStartJob("Cancelled"))));
    }

    #[test]
    fn a_cancelled_job_stays_cancelled_and_writes_nothing() {
        let (mut job, blobs) = started("Col2\nx\n");
        job.status(&blobs);
        job.cancel();
        assert_eq!(names(&mut job, &blobs), ["Cancelled", "Cancelled", "Cancelled"]);
        assert!(blobs.read("out/b.csv").is_none());
    }
}
