//! Server-sent events, one at a time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use http_body_util::channel::Channel;
use serde_json::Value;

/// A model takes its time over each token, so that a caller can see that they come one by one.
const PAUSE: Duration = Duration::from_millis(20);

/// An answer of these events, which ends as OpenAI's do.
pub(super) fn events(events: Vec<Value>) -> Response {
    // Room for one: what is not yet due is not yet written.
    let (mut sender, body) = Channel::<Bytes>::new(1);
    tokio::spawn(async move {
        let texts = events.iter().map(Value::to_string).chain(["[DONE]".to_owned()]);
        for text in texts {
            // A caller that has gone away ends the answer.
            if sender.send_data(format!("data: {text}\n\n").into()).await.is_err() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")];
    (kind, Body::new(body)).into_response()
}
