//! What every request passes: it is recorded as it came, its body is read up to the limit, and its answer gets a
//! request id. Bodies are measured but neither kept nor logged, for those of BES carry storage keys.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use uuid::Uuid;

use crate::fault::Fault;
use crate::server::{Shared, lock};

/// The requests that the record remembers.
const REMEMBERED: usize = 10_000;

/// The longest body that is accepted.
pub(crate) const MAX_BODY: usize = 4 * 1024 * 1024;

/// The parameters whose values the log shows; any other could be a key or a signature.
const LOGGED_PARAMETERS: [&str; 3] = ["api-version", "details", "format"];

/// A request as it arrived, whether it was answered or refused.
///
/// What is not HTTP at all is refused below this and leaves no record. Of a target that has a `#`, which is not HTTP
/// either, only what comes before the `#` is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The method, its case kept.
    pub method: String,
    /// Path and query as on the wire, not one byte renormalised.
    pub target: String,
    /// Names in lower case, values as on the wire, repeated ones kept: those of one name stand together, where its
    /// first one stood. HTTP/2's `:authority` comes first, as `host`.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The bytes of body that arrived, also of a body that is too long. The body itself is never kept.
    pub body_len: usize,
}

impl Received {
    fn of(parts: &Parts) -> Self {
        let authority = (parts.version == Version::HTTP_2).then(|| parts.uri.authority()).flatten();
        let host = authority.map(|authority| (header::HOST.to_string(), authority.as_str().into()));
        let headers =
            parts.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().into()));
        Self {
            method: parts.method.to_string(),
            target: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers: host.into_iter().chain(headers).collect(),
            body_len: 0,
        }
    }
}

/// The last requests, oldest first.
#[derive(Default)]
pub(crate) struct Record(Mutex<VecDeque<Received>>);

impl Record {
    pub(crate) fn all(&self) -> Vec<Received> {
        lock(&self.0).iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }

    fn push(&self, received: Received) {
        let mut requests = lock(&self.0);
        if requests.len() == REMEMBERED {
            requests.pop_front();
        }
        requests.push_back(received);
    }
}

/// A request that is still arriving. It goes on record when this is dropped, so that one whose caller gives up
/// half-way is not missing.
struct Arriving<'a> {
    record: &'a Record,
    received: Option<Received>,
}

impl Arriving<'_> {
    /// Reads the whole body, and keeps it unless it is too long: a caller that is still writing would not hear a
    /// refusal.
    async fn body(mut self, mut body: Body) -> Result<Bytes, Fault> {
        let mut kept = Vec::new();
        let mut arrived: usize = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame.map(|frame| frame.into_data().unwrap_or_default()) else {
                return Err(Fault::RequestBodyInvalid);
            };
            arrived = arrived.saturating_add(frame.len());
            if let Some(received) = &mut self.received {
                received.body_len = arrived;
            }
            if arrived <= MAX_BODY {
                kept.extend_from_slice(&frame);
            }
        }
        if arrived > MAX_BODY { Err(Fault::RequestTooLarge) } else { Ok(kept.into()) }
    }
}

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        if let Some(received) = self.received.take() {
            self.record.push(received);
        }
    }
}

/// Records the request before it is answered, then answers it.
pub(crate) async fn observe(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let received = Received::of(&parts);
    let logged = shared.log.then(|| logged(&received, &parts.headers));
    let arriving = Arriving { record: &shared.record, received: Some(received) };
    let mut response = match arriving.body(body).await {
        Ok(body) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Err(fault) => fault.into_response(),
    };
    // The header's name is common knowledge: no capture of it was found.
    if let Ok(id) = HeaderValue::try_from(Uuid::new_v4().to_string()) {
        response.headers_mut().insert("x-ms-request-id", id);
    }
    // Left by the router beside our 404: the retired service is not known to have told its methods.
    response.headers_mut().remove(header::ALLOW);
    if let Some((request, authorization)) = logged {
        let status = response.status().as_u16();
        // A reader that has gone away must not fail the request.
        let _ = writeln!(io::stdout(), "{request} {status} authorization: {authorization}");
    }
    response
}

/// What the log says of a request: the request itself, and what became of its Authorization.
fn logged(received: &Received, headers: &HeaderMap) -> (String, &'static str) {
    let host = received.headers.iter().find(|(name, _)| name == "host");
    let host = host.map_or_else(|| "-".to_owned(), |(_, value)| value.escape_ascii().to_string());
    let is_bearer =
        |value: &[u8]| value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "));
    let authorization = match headers.get(header::AUTHORIZATION) {
        None => "none",
        Some(value) if is_bearer(value.as_bytes()) => "Bearer ***",
        Some(_) => "***",
    };
    (format!("{} {} {host}", received.method, masked(&received.target)), authorization)
}

/// The target with the values of unknown parameters hidden.
fn masked(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else {
        return target.to_owned();
    };
    let shown = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if LOGGED_PARAMETERS.contains(&name) => parameter.to_owned(),
        Some((name, _)) => format!("{name}=***"),
        None if parameter.is_empty() => String::new(),
        None => "***".to_owned(),
    };
    let query: Vec<_> = query.split('&').map(shown).collect();
    format!("{path}?{}", query.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_shows_the_values_of_the_services_own_parameters_only() {
        for (target, expected) in [
            ("/x", "/x"),
            ("/x?", "/x?"),
            (
                "/x?api-version=2.0&details=true&format=swagger",
                "/x?api-version=2.0&details=true&format=swagger",
            ),
            ("/x?subscription-key=k=&api-version=2.0", "/x?subscription-key=***&api-version=2.0"),
            ("/x?secret&&sig=a?b", "/x?***&&sig=***"),
        ] {
            assert_eq!(masked(target), expected);
        }
    }

    #[test]
    fn the_record_forgets_its_oldest_request_first() {
        let record = Record::default();
        for number in 0..=REMEMBERED {
            record.push(Received {
                method: "GET".into(),
                target: number.to_string(),
                headers: Vec::new(),
                body_len: 0,
            });
        }
        let all = record.all();
        assert_eq!(all.len(), REMEMBERED);
        assert_eq!(all.first().map(|received| received.target.as_str()), Some("1"));
        record.clear();
        assert!(record.all().is_empty());
    }
}
