//! The batch execution service: submit a job, start it, read its status, cancel it.
//!
//! The body of a submit carries the key of a storage account. Nothing here derives `Debug`, and the key goes nowhere
//! but to the job's two places.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::blobs::Blobs;
use crate::call::{Call, JobId};
use crate::connection::Connection;
use crate::fault::Fault;
use crate::job::{Job, Status};
use crate::place::Place;
use crate::rrs::{INPUT, OUTPUT};
use crate::server::{Shared, lock};

/// The body of a submit; `Input` and `Output` are the older form for a service that has one of each.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Submission {
    input: Option<Location>,
    inputs: Option<BTreeMap<String, Option<Location>>>,
    output: Option<Location>,
    outputs: Option<BTreeMap<String, Option<Location>>>,
    global_parameters: Option<Map<String, Value>>,
}

/// A blob of the caller's storage account.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Location {
    connection_string: Option<String>,
    relative_location: Option<String>,
}

/// Answers the new job's id: a JSON string, so with its quotes.
pub(crate) async fn submit(
    State(shared): State<Arc<Shared>>,
    call: Call,
    body: Bytes,
) -> Result<Json<String>, Fault> {
    let submission: Submission =
        serde_json::from_slice(&body).map_err(|_| Fault::RequestBodyInvalid)?;
    let id = Uuid::new_v4().simple().to_string();
    let job = submission.into_job(&id, &shared.blobs)?;
    lock(&call.service.jobs).insert(id.clone(), job);
    Ok(Json(id))
}

/// Has no use for a body, nor for its type. That the answer is 200 and empty, here and for [`cancel`], is not
/// confirmed: it might have been 204.
pub(crate) async fn start(
    State(shared): State<Arc<Shared>>,
    call: Call,
    JobId(id): JobId,
) -> Result<StatusCode, Fault> {
    let start = |job: &mut Job| Ok((job.is_in_memory(), job.start(Arc::clone(&shared.workers))?));
    let (in_memory, work) = with_job(&call, &id, start)??;
    let work = tokio::spawn(work);
    if in_memory {
        // It says itself what became of it.
        let _ = work.await;
    }
    Ok(StatusCode::OK)
}

pub(crate) async fn status(call: Call, JobId(id): JobId) -> Result<Json<Status>, Fault> {
    with_job(&call, &id, Job::status).map(Json)
}

pub(crate) async fn cancel(call: Call, JobId(id): JobId) -> Result<StatusCode, Fault> {
    with_job(&call, &id, Job::cancel).map(|()| StatusCode::OK)
}

/// A job is known to the service it was submitted to and to no other.
fn with_job<T>(call: &Call, id: &str, act: impl FnOnce(&mut Job) -> T) -> Result<T, Fault> {
    lock(&call.service.jobs).get_mut(id).map(act).ok_or(Fault::JobNotFound)
}

impl Submission {
    fn into_job(self, id: &str, blobs: &Arc<Blobs>) -> Result<Job, Fault> {
        if self.global_parameters.is_some_and(|parameters| !parameters.is_empty()) {
            return Err(Fault::UnexpectedParameter);
        }
        let input = match (self.input, self.inputs.unwrap_or_default()) {
            (Some(_), inputs) if !inputs.is_empty() => {
                return Err(Fault::DuplicateInputInBatchCall);
            }
            (Some(input), _) => Some(input),
            (None, inputs) => only(INPUT, inputs).map_err(Fault::InvalidInputNames)?,
        };
        let input = input.ok_or(Fault::BatchJobInputsNotSpecified(INPUT))?.place(blobs)?;
        let output = match self.output {
            Some(output) => Some(output),
            None => only(OUTPUT, self.outputs.unwrap_or_default())
                .map_err(Fault::InvalidOutputOverrideName)?,
        };
        // The service had an account of its own for what nobody asked to be put elsewhere.
        let output = output.map_or_else(
            || Place::own(blobs, &format!("experimentoutput/{id}/{OUTPUT}.csv")),
            |output| output.place(blobs),
        )?;
        Ok(Job::new(input, output))
    }
}

/// The location of this name, or the names there should not be.
fn only(
    name: &str,
    mut locations: BTreeMap<String, Option<Location>>,
) -> Result<Option<Location>, String> {
    let location = locations.remove(name).flatten();
    if locations.is_empty() {
        Ok(location)
    } else {
        Err(locations.into_keys().collect::<Vec<_>>().join(", "))
    }
}

impl Location {
    /// Of a connection string without an account the blobs are the emulator's own.
    fn place(&self, blobs: &Arc<Blobs>) -> Result<Place, Fault> {
        let connection = self.connection_string.as_deref().unwrap_or_default();
        if connection.is_empty() {
            return Err(Fault::MissingInputBlobInformation);
        }
        let location =
            self.relative_location.as_deref().ok_or(Fault::MissingInputBlobInformation)?;
        let blob = location.strip_prefix('/').unwrap_or(location);
        if !matches!(blob.split_once('/'), Some((container, name)) if !container.is_empty() && !name.is_empty())
        {
            return Err(Fault::InputBlobRelativeLocationInvalid);
        }
        match Connection::parse(connection).map_err(Fault::InvalidBlobConnectionString)? {
            Connection::Own => Place::own(blobs, blob),
            Connection::Account(account) => Place::in_account(account, blob),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_submission_names_one_input_and_where_it_lies() {
        let blobs = Arc::new(Blobs::at(([127, 0, 0, 1], 1).into()));
        let blob = r#"{"ConnectionString":"c","RelativeLocation":"/box/in.csv"}"#;
        let in_account = |account: &str, location: &str| {
            json!({"Input": {"ConnectionString": account, "RelativeLocation": location}})
                .to_string()
        };
        let account = "AccountName=abc1;AccountKey=c2VjcmV0";
        for (body, expected) in [
            (format!(r#"{{"Input":{blob}}}"#), "accepted"),
            (format!(r#"{{"Input":{blob},"Output":null,"GlobalParameters":{{}}}}"#), "accepted"),
            (
                format!(r#"{{"Inputs":{{"input1":{blob}}},"Outputs":{{"output1":{blob}}}}}"#),
                "accepted",
            ),
            (
                format!(
                    r#"{{"Input":{blob},"Outputs":{{"output1":{blob}}},"AzureBatchPoolId":"p"}}"#
                ),
                "accepted",
            ),
            ("{}".into(), "BatchJobInputsNotSpecified"),
            (r#"{"Inputs":{"input1":null}}"#.into(), "BatchJobInputsNotSpecified"),
            (format!(r#"{{"Inputs":{{"other":{blob}}}}}"#), r#"InvalidInputNames("other")"#),
            (
                format!(r#"{{"Input":{blob},"Inputs":{{"input1":{blob}}}}}"#),
                "DuplicateInputInBatchCall",
            ),
            (
                format!(r#"{{"Input":{blob},"Outputs":{{"o":{blob}}}}}"#),
                r#"InvalidOutputOverrideName("o")"#,
            ),
            (
                format!(r#"{{"Input":{blob},"GlobalParameters":{{"p":"1"}}}}"#),
                "UnexpectedParameter",
            ),
            (
                r#"{"Input":{"RelativeLocation":"/box/in.csv"}}"#.into(),
                "MissingInputBlobInformation",
            ),
            (
                r#"{"Input":{"ConnectionString":"","RelativeLocation":"/b/n"}}"#.into(),
                "MissingInputBlobInformation",
            ),
            (r#"{"Input":{"ConnectionString":"c"}}"#.into(), "MissingInputBlobInformation"),
            (
                r#"{"Input":{"ConnectionString":"c","RelativeLocation":"/b"}}"#.into(),
                "InputBlobRelativeLocationInvalid",
            ),
            (
                r#"{"Input":{"ConnectionString":"c","RelativeLocation":"/b/"}}"#.into(),
                "InputBlobRelativeLocationInvalid",
            ),
            (in_account(account, "/box/in put é.csv"), "accepted"),
            (in_account(account, "/$root/in.csv"), "accepted"),
            (in_account(account, "/box/a/../in.csv"), "InputBlobRelativeLocationInvalid"),
            (in_account(account, "/../in.csv"), "ContainerSegmentInvalid"),
            (in_account(account, "/Box/in.csv"), "ContainerSegmentInvalid"),
            (in_account("AccountName=abc1", "/box/in.csv"), "InvalidBlobConnectionString"),
        ] {
            let submission: Submission = serde_json::from_str(&body).unwrap();
            let outcome = submission
                .into_job("id", &blobs)
                .map_or_else(|fault| format!("{fault:?}"), |_| "accepted".into());
            assert!(outcome.starts_with(expected), "{body}: {outcome}");
        }
    }
}
