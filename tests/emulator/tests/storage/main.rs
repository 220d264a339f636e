//! Batch jobs on a real blob storage: Azurite.

// A test ends by panicking; only the gateway's core takes time as an argument.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::string_slice, clippy::disallowed_methods)]

mod account;
mod jobs;
mod large;
mod links;

use std::net::SocketAddr;

use serde_json::{Value, json};
use support::eventually;

use account::Account;

const KEY: &str = "service-key";
const SERVICE: &str =
    "/workspaces/0123456789abcdef0123456789abcdef/services/fedcba9876543210fedcba9876543210";
const TABLE: &str = "Col1,Col2\n1,This is a good day\n";
const COUNTS: &str = "1,1,2,2,0,2,0,1";

struct Answer {
    status: u16,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect(&self.body)
    }
}

/// A call of the service, with its key.
fn send(method: &str, uri: &str, body: &str) -> Answer {
    request(method, uri, Some(&format!("Bearer {KEY}")), body)
}

/// A call of the storage by somebody who has a link and nothing else.
fn anonymous(method: &str, link: &str) -> Answer {
    request(method, link, None, "stolen")
}

fn request(method: &str, uri: &str, authorization: Option<&str>, body: &str) -> Answer {
    let mut request = http::Request::builder().method(method).uri(uri);
    request = match authorization {
        Some(key) => request.header("authorization", key),
        None => request.header("x-ms-blob-type", "BlockBlob"),
    };
    // Nothing here is for a proxy that the environment may name.
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
    let agent = config.allow_non_standard_methods(true).build().new_agent();
    let mut response = agent.run(request.body(body.to_owned()).unwrap()).unwrap();
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(1 << 30).read_to_string().unwrap();
    Answer { status, body }
}

/// A job of the emulator's at this address.
struct Job {
    url: String,
}

impl Job {
    /// Submitted, reading and writing these `container/name`s.
    fn submit(emulator: SocketAddr, storage: &str, input: &str, output: &str) -> Self {
        let location =
            |name| json!({"ConnectionString": storage, "RelativeLocation": format!("/{name}")});
        let body = json!({"Input": location(input), "Outputs": {"output1": location(output)}, "GlobalParameters": {}});
        let jobs = format!("http://{emulator}{SERVICE}/jobs");
        let answer = send("POST", &format!("{jobs}?api-version=2.0"), &body.to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
        Self { url: format!("{jobs}/{}", answer.json().as_str().unwrap()) }
    }

    fn start(&self) {
        assert_eq!(send("POST", &format!("{}/start?api-version=2.0", self.url), "").status, 200);
    }

    fn cancel(&self) {
        assert_eq!(send("DELETE", &format!("{}?api-version=2.0", self.url), "").status, 200);
    }

    fn status(&self) -> Value {
        send("GET", &format!("{}?api-version=2.0", self.url), "").json()
    }

    /// The status that it ends with.
    fn end(&self) -> Value {
        eventually("the end of the job", || self.status()["StatusCode"] != "Running");
        self.status()
    }

    /// The link to the result of a job that must have finished.
    fn link(&self) -> String {
        let status = self.end();
        assert_eq!(status["StatusCode"], "Finished", "{status}");
        let part = |name: &str| status["Results"]["output1"][name].as_str().unwrap().to_owned();
        ["BaseLocation", "RelativeLocation", "SasBlobToken"].map(part).concat()
    }

    /// Submitted and started.
    fn run(emulator: SocketAddr, account: &Account, input: &str, output: &str) -> Self {
        let job = Self::submit(emulator, &account.connection_string(), input, output);
        job.start();
        job
    }
}
