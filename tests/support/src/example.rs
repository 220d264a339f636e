//! What `make run` takes from a policy: the variables it has to set, and calls to try it with.
//!
//! Calls are made of the policy alone: the examples of its operations, the values that its parameters and backends
//! name, and the key of a demo subscription. A test sends every call of every shipped policy.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Where the shipped policies have the emulated services, before EMULATOR_PORT has a say. Every name below `localhost`
/// is this machine, and a service that is known by its host needs one.
const EMULATED: [&str; 2] = ["127.0.0.1", "localhost"];
const EMULATOR_PORT: u16 = 9080;

/// A call of a policy's operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What the operation is called.
    pub title: String,
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    /// The header that carries the subscription key, if one is asked for.
    pub key: Option<(String, String)>,
    pub body: String,
    /// Whether the API is served over https alone.
    pub tls: bool,
}

/// The policy in front of an emulator that listens elsewhere.
pub fn at_port(policy: &str, port: u16) -> String {
    EMULATED.iter().fold(policy.to_owned(), |policy, host| {
        policy.replace(&format!("{host}:{EMULATOR_PORT}"), &format!("{host}:{port}"))
    })
}

/// The variables whose keys go to emulated services alone, so that any value will do.
pub fn emulated_variables(policy: &Value) -> BTreeSet<String> {
    let (mut emulated, mut real) = (BTreeSet::new(), BTreeSet::new());
    for api in list(policy, "apis") {
        for backend in list(api, "backends") {
            let url = text(backend, "url").or_else(|| text(api, "serviceUrl")).unwrap_or_default();
            let names = if is_emulated(url) { &mut emulated } else { &mut real };
            variables(&backend["credentials"], names);
        }
    }
    &emulated - &real
}

/// One call for each operation that has an example, at each backend that says by which values it is reached.
pub fn calls(policy: &Value) -> Vec<Call> {
    let mut calls = Vec::new();
    for api in list(policy, "apis") {
        for operation in list(api, "operations") {
            if operation["request"]["example"].is_null() {
                continue;
            }
            let of =
                list(api, "backends").filter_map(|backend| call(policy, api, operation, backend));
            for call in of {
                if !calls.contains(&call) {
                    calls.push(call);
                }
            }
        }
    }
    calls
}

impl Call {
    /// The command to paste; `base` is the gateway's scheme, host and port.
    pub fn curl(&self, base: &str) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        // -N: a streamed answer is shown as it comes.
        let mut command = format!("curl -iN {}", quoted(&format!("{base}{}", self.target)));
        if self.tls {
            command += " --cacert dist/tls/server.crt";
        }
        if self.method != "POST" {
            command += &format!(" -X {}", self.method);
        }
        for (name, value) in self.key.iter().chain(&self.headers) {
            command += &format!(" -H {}", quoted(&format!("{name}: {value}")));
        }
        format!("{command} -d {}", quoted(&self.body))
    }
}

fn call(policy: &Value, api: &Value, operation: &Value, backend: &Value) -> Option<Call> {
    let request = &operation["request"];
    let kind = text(request, "contentType").unwrap_or("application/json");
    let host = list(policy, "hosts").filter_map(Value::as_str).next();
    let host = host.map(|host| ("Host".to_owned(), host.to_owned()));
    let http = api["protocols"].as_array().is_some_and(|all| all.iter().any(|one| one == "http"));
    Some(Call {
        title: text(operation, "displayName").or_else(|| text(operation, "name"))?.to_owned(),
        method: text(operation, "method")?.to_owned(),
        target: format!("/{}{}", text(api, "path")?, target(operation, backend)?),
        headers: host.into_iter().chain([("Content-Type".to_owned(), kind.to_owned())]).collect(),
        key: (api["subscriptionRequired"] != false).then(|| key(policy, api)),
        body: request["example"].to_string(),
        tls: !http,
    })
}

/// The URL template with values; what a call may leave out is left out. None if a value is not to be known.
fn target(operation: &Value, backend: &Value) -> Option<String> {
    let template = text(operation, "urlTemplate")?;
    let (path, query) = template.split_once('?').unwrap_or((template, ""));
    let parameter = |name: &str| {
        list(operation, "templateParameters").find(|parameter| parameter["name"] == name)
    };
    let filled = |part: &str| {
        let Some((before, name)) = part.split_once('{') else { return Some(part.to_owned()) };
        let name = name.trim_end_matches('}').trim_start_matches('*');
        let value = text(&backend["match"], name)
            .or_else(|| parameter(name)?["values"].get(0)?.as_str())?;
        Some(format!("{before}{value}"))
    };
    let optional = |part: &&str| {
        let name = part.split_once('{').map_or("", |(_, name)| name.trim_end_matches('}'));
        parameter(name).is_some_and(|parameter| parameter["required"] == false)
    };
    let path: Option<Vec<String>> = path.split('/').map(filled).collect();
    let parts = query.split('&').filter(|part| !part.is_empty() && !optional(part));
    let query: Option<Vec<String>> = parts.map(filled).collect();
    let (path, query) = (path?.join("/"), query?.join("&"));
    Some(if query.is_empty() { path } else { format!("{path}?{query}") })
}

/// The header with the key of the first subscription that reaches the API and whose key is its name and `-key`, as
/// those of the shipped policies are; else with a place to put one.
fn key(policy: &Value, api: &Value) -> (String, String) {
    let name = text(&api["subscriptionKeyParameterNames"], "header");
    let name = name.unwrap_or("Ocp-Apim-Subscription-Key");
    let demo = list(policy, "subscriptions").filter(|s| reaches(policy, s, api)).find_map(|s| {
        let key = format!("{}-key", text(s, "name")?);
        let hash: String = Sha256::digest(&key).iter().map(|b| format!("{b:02x}")).collect();
        (s["primaryKey"]["sha256"] == hash.as_str()).then_some(key)
    });
    let key = demo.unwrap_or_else(|| "YOUR-KEY".to_owned());
    let bearer = name.eq_ignore_ascii_case("authorization");
    (name.to_owned(), if bearer { format!("Bearer {key}") } else { key })
}

fn reaches(policy: &Value, subscription: &Value, api: &Value) -> bool {
    let scope = text(subscription, "scope").unwrap_or_default();
    let api = &api["name"];
    match scope.strip_prefix("/products/") {
        Some(name) => list(policy, "products").any(|product| {
            product["name"] == name && list(product, "apis").any(|name| name == api)
        }),
        None => scope == "/apis" || scope.strip_prefix("/apis/").is_some_and(|name| api == name),
    }
}

fn is_emulated(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    let Some(host) = authority.strip_suffix(&format!(":{EMULATOR_PORT}")) else { return false };
    EMULATED.contains(&host) || host.ends_with(".localhost")
}

/// The names at `env`, at whatever depth.
fn variables(credentials: &Value, names: &mut BTreeSet<String>) {
    for (key, value) in credentials.as_object().into_iter().flatten() {
        match value {
            Value::String(name) if key == "env" => {
                names.insert(name.clone());
            }
            deeper => variables(deeper, names),
        }
    }
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value[key].as_array().into_iter().flatten()
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value[key].as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy() -> Value {
        json!({ "version": 1,
            "apis": [{
                "name": "ml", "path": "ml", "protocols": ["http"],
                "serviceUrl": "http://127.0.0.1:9080/x",
                "operations": [
                    { "name": "score", "method": "POST",
                      "urlTemplate": "/{model}/score?v={v}&details={details}",
                      "templateParameters": [
                          { "name": "v", "values": ["2", "3"] },
                          { "name": "details", "required": false, "values": ["true"] } ],
                      "request": { "example": { "text": "it's" } } },
                    { "name": "untold", "method": "GET", "urlTemplate": "/untold" } ],
                "backends": [
                    { "match": { "model": "a" }, "credentials": { "header": { "k": { "env": "A" } } } },
                    { "match": { "model": "b" }, "url": "https://b.example",
                      "credentials": { "authorization": { "scheme": "Bearer", "parameter": { "env": "B" } } } },
                    { "match": { "model": "c" }, "credentials": { "header": { "k": { "env": "B" } } } } ] }],
            "subscriptions": [
                { "name": "none", "scope": "/apis/other", "primaryKey": { "sha256": "0" } },
                { "name": "team", "scope": "/apis/ml", "primaryKey": { "sha256": "0" } } ],
        })
    }

    #[test]
    fn calls_are_made_of_what_the_policy_names() {
        let targets: Vec<_> = calls(&policy()).into_iter().map(|call| call.target).collect();
        assert_eq!(targets, ["/ml/a/score?v=2", "/ml/b/score?v=2", "/ml/c/score?v=2"]);
    }

    #[test]
    fn a_call_is_a_command_that_a_shell_reads_as_it_is_meant() {
        let mut policy = policy();
        let hash: String = Sha256::digest("team-key").iter().map(|b| format!("{b:02x}")).collect();
        policy["subscriptions"][1]["primaryKey"]["sha256"] = hash.into();
        let expected = r#"curl -iN 'http://g:1/ml/a/score?v=2' -H 'Ocp-Apim-Subscription-Key: team-key' -H 'Content-Type: application/json' -d '{"text":"it'\''s"}'"#;
        assert_eq!(calls(&policy)[0].curl("http://g:1"), expected);
        policy["apis"][0]["subscriptionKeyParameterNames"] = json!({ "header": "Authorization" });
        policy["subscriptions"] = json!([]);
        let key = ("Authorization".to_owned(), "Bearer YOUR-KEY".to_owned());
        assert_eq!(calls(&policy)[0].key, Some(key));
        policy["apis"][0]["subscriptionRequired"] = false.into();
        assert_eq!(calls(&policy)[0].key, None);
    }

    #[test]
    fn a_key_that_also_goes_to_a_real_service_is_not_made_up() {
        assert_eq!(emulated_variables(&policy()), BTreeSet::from(["A".to_owned()]));
    }

    #[test]
    fn an_emulator_elsewhere_is_found_under_all_its_names() {
        let policy =
            r#"["http://127.0.0.1:9080/x", "http://a.localhost:9080", "http://10.0.0.1:9080"]"#;
        let moved = r#"["http://127.0.0.1:7/x", "http://a.localhost:7", "http://10.0.0.1:9080"]"#;
        assert_eq!(at_port(policy, 7), moved);
    }
}
