//! Chat completions and completions: the model says again what it was told last.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::Fault;
use super::{Ask, envelope, stream, tokens, usage};

#[derive(Deserialize)]
struct Chat {
    messages: Vec<Message>,
    #[serde(flatten)]
    streaming: Streaming,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

#[derive(Deserialize)]
struct Completion {
    prompt: String,
    #[serde(flatten)]
    streaming: Streaming,
}

#[derive(Deserialize)]
struct Streaming {
    #[serde(default)]
    stream: bool,
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

pub(super) async fn chat(
    deployment: Option<Path<String>>,
    uri: Uri,
    body: Bytes,
) -> Result<Response, Fault> {
    let Ask { model, input } = Ask::<Chat>::read(deployment, &uri, &body)?;
    let last = input.messages.iter().rev().find(|message| message.role == "user");
    let text = last
        .ok_or_else(|| Fault::Invalid("There is no message of the role user.".into()))?
        .content
        .as_ref()
        .map(Content::text)
        .unwrap_or_default();
    if !input.streaming.stream {
        let message = json!({ "role": "assistant", "content": text });
        let choice = json!({ "index": 0, "message": message, "finish_reason": "stop" });
        let answer = envelope("chat.completion", "chatcmpl", &model);
        return Ok(whole(answer, &choice, usage(&text, &text)));
    }
    let delta = |delta: Value, reason: Option<&str>| json!({ "index": 0, "delta": delta, "finish_reason": reason });
    let first = delta(json!({ "role": "assistant", "content": "" }), None);
    let words = tokens(&text).into_iter().map(|token| delta(json!({ "content": token }), None));
    let choices = [first].into_iter().chain(words).chain([delta(json!({}), Some("stop"))]);
    let chunk = envelope("chat.completion.chunk", "chatcmpl", &model);
    Ok(in_pieces(&chunk, choices, &input.streaming, usage(&text, &text)))
}

pub(super) async fn completion(
    deployment: Option<Path<String>>,
    uri: Uri,
    body: Bytes,
) -> Result<Response, Fault> {
    let Ask { model, input } = Ask::<Completion>::read(deployment, &uri, &body)?;
    let Completion { prompt, streaming } = input;
    let answer = envelope("text_completion", "cmpl", &model);
    let choice = |text: &str, reason: Option<&str>| json!({ "index": 0, "text": text, "finish_reason": reason });
    if !streaming.stream {
        return Ok(whole(answer, &choice(&prompt, Some("stop")), usage(&prompt, &prompt)));
    }
    let words = tokens(&prompt).into_iter().map(|token| choice(token, None));
    let choices = words.chain([choice("", Some("stop"))]);
    Ok(in_pieces(&answer, choices, &streaming, usage(&prompt, &prompt)))
}

fn whole(mut answer: Value, choice: &Value, usage: Value) -> Response {
    add(&mut answer, "choices", json!([choice]));
    add(&mut answer, "usage", usage);
    Json(answer).into_response()
}

/// One event for each choice; the last of all has the usage, if it is asked for, and no choice.
fn in_pieces(
    envelope: &Value,
    choices: impl Iterator<Item = Value>,
    streaming: &Streaming,
    usage: Value,
) -> Response {
    let event = |choices: Value| {
        let mut event = envelope.clone();
        add(&mut event, "choices", choices);
        event
    };
    let mut events: Vec<Value> = choices.map(|choice| event(json!([choice]))).collect();
    if streaming.stream_options.as_ref().is_some_and(|options| options.include_usage) {
        let mut last = event(json!([]));
        add(&mut last, "usage", usage);
        events.push(last);
    }
    stream::events(events)
}

fn add(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

impl Content {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => parts.iter().filter_map(|part| part.text.as_deref()).collect(),
        }
    }
}
