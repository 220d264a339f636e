//! Policies that are refused, with keys in them: no message quotes one.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use support::{Gateway, Options, render};

use crate::envoy::{named, showing};
use crate::{assert_shows, ctl, key, places, root, set};

/// Stands in `tests/config_bad` wherever a key could stand.
const SECRET: &str = "s3cret";

/// What Envoy's environment holds for these files.
const ENVIRONMENT: [(&str, &str); 3] =
    [("DEMO_KEY", "env"), ("NEWLINE_KEY", "env-newline"), ("EMPTY_KEY", "")];

/// Where Envoy 1.40 itself logs a policy, taken or refused.
const ENVOYS_OWN: [(&str, &str); 1] = [("debug", "config")];

/// Every file of `config_bad`, with keys in it: in the place of its mistake, and in those around it.
pub(crate) fn bad() -> Vec<(PathBuf, String)> {
    let folder = root().join("tests/config_bad");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(files.len() > 100, "{} has {} files", folder.display(), files.len());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let inline = format!("\"value\": \"{}\"", key("inline"));
        let text = text.replace(SECRET, &key("policy")).replace(r#""env": "DEMO_KEY""#, &inline);
        (path, with_subscription(text))
    };
    files.into_iter().map(read).collect()
}

/// Written into the text, so that the mistake stays byte for byte. The scope is a mistake of its own:
/// no file is made good by what is added.
fn with_subscription(text: String) -> String {
    let subscription = json!({
        "name": "canary", "scope": "/apis/none-such",
        "primaryKey": { "value": key("primary") }, "secondaryKey": { "value": key("secondary") },
    });
    match text.trim_end().strip_suffix('}') {
        Some(open) if open.contains("\"apis\"") && !open.contains("\"subscriptions\"") => {
            format!("{open}, \"subscriptions\": [{subscription}] }}")
        }
        _ => text,
    }
}

fn good() -> Value {
    json!({ "version": 1, "apis": [{
        "name": "ml", "path": "ml", "protocols": ["http"], "serviceUrl": "http://127.0.0.1:1",
        "subscriptionRequired": false,
        "operations": [{ "name": "score", "method": "POST", "urlTemplate": "/score" }],
        "backends": [{ "match": {}, "credentials": { "header": { "api-key": { "env": "DEMO_KEY" } } } }],
    }] })
}

/// The resource as `render` would write it if it did not refuse the policy.
fn unchecked(number: usize, policy: &str) -> String {
    let good = render(ctl(), &good().to_string()).unwrap();
    let mut resource: Value = serde_json::from_str(&good).unwrap();
    resource["version_info"] = json!(number.to_string());
    let config = &mut resource["resources"][0]["typed_config"]["config"];
    config["configuration"]["value"] = json!(policy);
    resource.to_string()
}

fn start() -> Gateway {
    let variables: Vec<_> = ENVIRONMENT.iter().map(|(variable, _)| *variable).collect();
    let mut resource: Value = serde_json::from_str(&unchecked(0, &good().to_string())).unwrap();
    resource["resources"][0]["typed_config"]["config"]["vm_config"]["environment_variables"] =
        json!({ "host_env_keys": variables });
    let value = |place: &str| match place {
        "" => String::new(),
        "env-newline" => format!("{}\n", key(place)),
        _ => key(place),
    };
    let env = ENVIRONMENT.map(|(variable, place)| (variable.to_owned(), value(place)));
    let options = Options {
        env: env.to_vec(),
        log_level: "trace".to_owned(),
        ..Options::new(resource.to_string())
    };
    Gateway::start(&options).unwrap_or_else(|problem| panic!("{problem}"))
}

#[test]
fn a_refused_policy_shows_its_keys_in_envoys_configuration_alone() {
    let gateway = start();
    let before = gateway.admin().updates().unwrap();
    let files = bad();
    for (number, (path, policy)) in files.iter().enumerate() {
        let refused = gateway.replace_policy(&unchecked(number + 1, policy));
        assert!(refused.is_err(), "{} was taken", path.display());
    }
    let after = gateway.admin().updates().unwrap();
    assert_eq!(after.refused - before.refused, files.len() as u64);
    let log = gateway.log();
    assert!(log.matches("policy refused: ").count() >= files.len());
    let showing = showing(&log);
    assert_eq!(showing.into_keys().collect::<BTreeSet<_>>(), named(ENVOYS_OWN));
    for page in ["/stats", "/stats/prometheus", "/clusters", "/server_info", "/init_dump"] {
        assert_shows(page, &gateway.admin().page(page).unwrap(), &[]);
    }
    // Envoy shows the resource that was refused last. Of the environment it shows names only.
    let dump = places(&gateway.admin().page("/config_dump").unwrap());
    assert!(!dump.contains("env") && !dump.contains("env-newline"), "{dump:?}");
}

/// The one line above `debug` that shows a key. `apply` and `render --out` write by rename, so that Envoy
/// never reads half a file.
#[test]
fn envoy_quotes_a_configuration_file_that_is_cut_short() {
    let gateway = start();
    let whole = unchecked(1, &json!({ "key": key("inline") }).to_string());
    let refused = gateway.replace_policy(whole.trim_end_matches('}'));
    assert!(refused.is_err());
    let showing = showing(&gateway.log());
    let warned = showing.get(&("warning".to_owned(), "config".to_owned()));
    assert_eq!(warned, Some(&set(["inline"])), "{showing:?}");
}
