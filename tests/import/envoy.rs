//! Imported policies through a real Envoy: what `calls.json` says of each call is what happens.
//!
//! Of the policy only this is changed: the backends' hosts become the emulator's, placeholders
//! become hashes of test keys, and callers may come over http.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use azureml_gateway::policy::subscription::KeyHash;
use emulator::{Emulator, Received, Settings};
use serde_json::{Value, json};
use support::{Gateway, Options, Reply, render, send};

use crate::case::{self, Case};

pub(crate) struct Started {
    pub(crate) gateway: Gateway,
    pub(crate) backend: Emulator,
}

#[test]
fn an_imported_policy_serves_its_calls_and_refuses_the_others() {
    for case in case::all() {
        let started = start(&case, |yaml| yaml);
        let calls: Value = read(&case.folder.join("calls.json"));
        let calls = calls.as_array().unwrap();
        for api in read(&case.folder.join("policy.json"))["apis"].as_array().unwrap() {
            let path = format!(" /{}/", api["path"].as_str().unwrap());
            let of = |key: &str| {
                calls
                    .iter()
                    .filter(|call| {
                        call["call"].as_str().unwrap().contains(&path) && call.get(key).is_some()
                    })
                    .count()
            };
            assert!(
                of("forwarded") > 0 && of("refused") > 0,
                "{}: a good and a bad call of{path}",
                case.folder.display()
            );
        }
        for call in calls {
            judge(&started, call, &case.folder);
        }
    }
}

/// The case's policy in an Envoy whose configuration may be changed.
pub(crate) fn start(
    case: &Case,
    edit: impl Fn(String) -> String + Send + Sync + 'static,
) -> Started {
    let mut policy = read(&case.folder.join("policy.json"));
    let variables: BTreeSet<String> = variables(&policy).into_iter().collect();
    let env: Vec<_> =
        variables.into_iter().map(|name| (name.clone(), format!("value of {name}"))).collect();
    let key = env.first().map(|(_, value)| value.clone()).unwrap_or_default();
    let backend = Emulator::start(Settings::demo(key)).unwrap();
    for api in policy["apis"].as_array_mut().unwrap() {
        let url = api["serviceUrl"].as_str().unwrap();
        let path = url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default();
        api["serviceUrl"] = json!(format!("http://{}{path}", backend.address()));
        api["protocols"] = json!(["http"]);
    }
    for subscription in
        policy.get_mut("subscriptions").and_then(Value::as_array_mut).into_iter().flatten()
    {
        let key = key_of(subscription["name"].as_str().unwrap());
        subscription["primaryKey"] = json!({ "sha256": KeyHash::of(key.as_bytes()).hex() });
    }
    let resource = render(Path::new(env!("CARGO_BIN_EXE_gatewayctl")), &policy.to_string());
    let resource = resource.unwrap_or_else(|error| panic!("{}: {error}", case.folder.display()));
    let options = Options { env, edit: Box::new(edit), ..Options::new(resource) };
    let gateway = Gateway::start(&options)
        .unwrap_or_else(|error| panic!("{}: {error}", case.folder.display()));
    Started { gateway, backend }
}

fn judge(started: &Started, call: &Value, folder: &Path) {
    started.backend.forget();
    let reply = send_call(started, call);
    let received: Vec<Received> = started.backend.received();
    let what = format!("{}: {call}: {} {}", folder.display(), reply.status, reply.text());
    let refusal = reply.header("x-gateway-refusal");
    if let Some(code) = call["refused"].as_str() {
        assert_eq!(refusal.as_deref(), Some(code), "{what}");
        assert!(received.is_empty(), "{what}");
        return;
    }
    assert_eq!(refusal, None, "{what}");
    let [received] = received.as_slice() else { panic!("{what}: not one call at the backend") };
    assert_eq!(received.target, call["forwarded"].as_str().unwrap(), "{what}");
    if let Some(status) = call["status"].as_u64() {
        assert_eq!(u64::from(reply.status), status, "{what}");
    }
    for (name, value) in call["with"].as_object().into_iter().flatten() {
        let sent: Vec<_> = received.headers.iter().filter(|(own, _)| own == name).collect();
        assert_eq!(sent, [&(name.clone(), value.as_str().unwrap().as_bytes().to_vec())], "{what}");
    }
    let key = call["key"].as_str().map(key_of).unwrap_or_else(|| "no key".into());
    let leaked =
        received.headers.iter().any(|(_, value)| String::from_utf8_lossy(value).contains(&key));
    assert!(
        !leaked && !received.target.contains(&key),
        "the caller's key reached the backend: {what}"
    );
}

fn send_call(started: &Started, call: &Value) -> Reply {
    let (method, target) = call["call"].as_str().unwrap().split_once(' ').unwrap();
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: gateway\r\n");
    if let Some(name) = call["key"].as_str() {
        let header = call["header"].as_str().unwrap_or("Ocp-Apim-Subscription-Key");
        let scheme = call["scheme"].as_str().map(|scheme| format!("{scheme} ")).unwrap_or_default();
        head += &format!("{header}: {scheme}{}\r\n", key_of(name));
    }
    let body = call.get("body").map(Value::to_string).unwrap_or_default();
    head +=
        &format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    send(started.gateway.http_port(), head.as_bytes()).unwrap()
}

fn key_of(subscription: &str) -> String {
    format!("key-of-{subscription}")
}

/// The names below `env`, anywhere.
fn variables(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| match (name.as_str(), member) {
                ("env", Value::String(variable)) => vec![variable.clone()],
                _ => variables(member),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(variables).collect(),
        _ => Vec::new(),
    }
}

pub(crate) fn read(file: &Path) -> Value {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
