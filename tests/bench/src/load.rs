//! The load: 80 % RRS calls and 5 % of each BES call, on connections that stay open.

use std::io;

use support::Client;

/// The mix repeats after this many calls.
const PERIOD: usize = 20;
/// Where the mix has its status call.
const STATUS: usize = 12;
const CONNECTIONS: usize = 16;

/// What the callers send; the upstream sees another key.
pub const CALLER_KEY: &str = "unlimited-demo-key";
const JOB: &str = "c6a4b57d0f3e4e0f9d1c2b3a49586770";
const RRS_BODY: &str = r#"{"Inputs":{"input1":{"ColumnNames":["Col2"],"Values":[["This is a good day"]]}},"GlobalParameters":{}}"#;
const BES_BODY: &str = r#"{"Input":{"ConnectionString":"DefaultEndpointsProtocol=https;AccountName=demo","RelativeLocation":"/demo/in.csv"},"Outputs":{},"GlobalParameters":{}}"#;

/// Requests in bytes, and the status that every one must get.
#[derive(Debug)]
pub struct Calls {
    raw: Vec<Vec<u8>>,
    expected: u16,
}

impl Calls {
    /// To every service, the mix in full.
    pub fn mix(services: &[Service]) -> Self {
        let raw =
            services.iter().flat_map(|service| (0..PERIOD).map(move |n| call(n, service, "2.0")));
        Self { raw: raw.collect(), expected: 200 }
    }

    /// With an api-version that nobody serves. Status calls only: they have no body, and Envoy
    /// closes a connection whose request was answered before its body came.
    pub fn refused(services: &[Service]) -> Self {
        let raw = services.iter().map(|service| call(STATUS, service, "1.0"));
        Self { raw: raw.collect(), expected: 400 }
    }

    /// The next call of the mix each time, to the next service: 21 is the mix's period and one, and
    /// has no factor in common with it.
    fn nth(&self, n: usize) -> &[u8] {
        &self.raw[(n * 21) % self.raw.len()]
    }
}

/// What a call's URL names.
#[derive(Clone, Debug)]
pub struct Service {
    pub workspace: String,
    pub service: String,
}

/// The connections to one Envoy.
pub struct Load {
    calls: Calls,
    clients: Vec<Client>,
    sent: usize,
}

impl Load {
    pub fn connect(port: u16, calls: Calls) -> io::Result<Self> {
        let clients = (0..CONNECTIONS).map(|_| Client::connect(port)).collect::<Result<_, _>>()?;
        Ok(Self { calls, clients, sent: 0 })
    }

    /// Makes this many calls, one on each connection at any time. A reply with another status is an
    /// error: the time of failures says nothing.
    pub fn run(&mut self, calls: usize) -> Result<(), String> {
        for n in 0..calls + CONNECTIONS {
            let connection = n % CONNECTIONS;
            if n >= CONNECTIONS {
                self.receive(connection)?;
            }
            if n < calls {
                let raw = self.calls.nth(self.sent);
                self.clients[connection].write(raw).map_err(|error| format!("write: {error}"))?;
                self.sent += 1;
            }
        }
        Ok(())
    }

    fn receive(&mut self, connection: usize) -> Result<(), String> {
        let reply = self.clients[connection].read_reply(false);
        let reply = reply.map_err(|error| format!("no reply: {error}"))?;
        if reply.status == self.calls.expected {
            return Ok(());
        }
        let (status, expected) = (reply.status, self.calls.expected);
        Err(format!("a reply with {status} where {expected} was expected: {}", reply.text()))
    }
}

fn call(n: usize, service: &Service, version: &str) -> Vec<u8> {
    let Service { workspace, service } = service;
    let (method, rest, body) = match n {
        4 => ("POST", "jobs".to_owned(), BES_BODY),
        8 => ("POST", format!("jobs/{JOB}/start"), ""),
        STATUS => ("GET", format!("jobs/{JOB}"), ""),
        16 => ("DELETE", format!("jobs/{JOB}"), ""),
        _ => ("POST", "execute".to_owned(), RRS_BODY),
    };
    let details = if rest == "execute" { "&details=true" } else { "" };
    let mut head = format!(
        "{method} /azureml-demo/workspaces/{workspace}/services/{service}/{rest}?api-version={version}{details} HTTP/1.1\r\n\
         host: gateway.example\r\nuser-agent: bench\r\naccept: application/json\r\n\
         ocp-apim-subscription-key: {CALLER_KEY}\r\n"
    );
    if method == "POST" {
        let length = body.len();
        head += &format!("content-type: application/json\r\ncontent-length: {length}\r\n");
    }
    format!("{head}\r\n{body}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_the_mix_and_every_service() {
        let services: Vec<Service> = (0..10)
            .map(|n| Service { workspace: "w".to_owned(), service: format!("s{n}") })
            .collect();
        let calls = Calls::mix(&services);
        let window: Vec<String> = (0..200)
            .map(|n| String::from_utf8_lossy(calls.nth(n)).lines().next().unwrap().to_owned())
            .collect();
        let count = |part: &str| window.iter().filter(|line| line.contains(part)).count();
        assert_eq!(count("/execute?"), 160);
        assert_eq!(count("/jobs?"), 10);
        assert_eq!(count("/start?"), 10);
        assert_eq!(count("DELETE "), 10);
        assert_eq!(count("GET "), 10);
        assert!(services.iter().all(|service| count(&service.service) == 20));
    }
}
