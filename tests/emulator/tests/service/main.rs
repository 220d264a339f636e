//! The emulator as its callers see it, over HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod bes;
mod binary;
mod models;
mod record;
mod rrs;

use std::net::SocketAddr;

use emulator::{Emulator, Settings};
use serde_json::Value;

/// Has the characters of a real key that a careless decoder changes.
const KEY: &str = "k+/k==";
const SERVICE: &str =
    "/workspaces/0123456789abcdef0123456789abcdef/services/fedcba9876543210fedcba9876543210";

struct Answer {
    status: u16,
    headers: http::HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect(&self.body)
    }

    /// The class and the code of an error, after a look at its envelope.
    fn fault(&self) -> (u16, String, String) {
        let error = &self.json()["error"];
        let detail = &error["details"][0];
        let text = |value: &Value| value.as_str().expect(&self.body).to_owned();
        assert!(!text(&error["message"]).is_empty() && !text(&detail["message"]).is_empty());
        (self.status, text(&error["code"]), text(&detail["code"]))
    }
}

fn start() -> Emulator {
    Emulator::start(Settings::demo(KEY)).unwrap()
}

/// A call with the key.
fn call(emulator: &Emulator, method: &str, target: &str, body: &str) -> Answer {
    let authorization = format!("Bearer {KEY}");
    send(emulator, method, target, &[("authorization", &authorization)], body)
}

fn send(
    emulator: &Emulator,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    send_to(emulator.address(), method, target, headers, body)
}

fn send_to(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let uri = format!("http://{address}{target}");
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body.to_owned()).unwrap();
    let config =
        ureq::Agent::config_builder().http_status_as_error(false).allow_non_standard_methods(true);
    let mut response = config.build().new_agent().run(request).unwrap();
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.body_mut().read_to_string().unwrap(),
    }
}
