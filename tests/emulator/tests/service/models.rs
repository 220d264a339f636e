//! The services of today: online endpoints, Azure OpenAI in both forms, and a model server without a key.

use emulator::{Emulator, Endpoint, Model, Service, Settings};

use crate::{Answer, send};

const CHAT: &str = r#"{"model":"gpt-4o-mini","messages":[{"role":"system","content":"x"},{"role":"user","content":"a good day"}]}"#;
const DATED: &str = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21";
const UNDATED: &str = "/openai/v1/chat/completions";

fn start() -> Emulator {
    let endpoint =
        |name: &str, model| Endpoint { name: name.into(), key: format!("{name}-key"), model };
    let endpoints =
        [endpoint("hashing", Model::FeatureHashing), endpoint("words", Model::WordCount)];
    Emulator::start(Settings {
        endpoints: endpoints.into(),
        openai_key: Some("openai-key".into()),
        services: vec![Service::demo_of_subscription("classic-key")],
        ..Settings::demo("")
    })
    .unwrap()
}

fn post(emulator: &Emulator, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    send(emulator, "POST", target, headers, body)
}

#[test]
fn the_host_says_which_endpoint_is_called_and_its_own_key_opens_it() {
    let emulator = start();
    for (host, key, status, answer) in [
        ("hashing.localhost:1", "Bearer hashing-key", 200, "[[1,1,2,2,0,2,0,1]]"),
        ("words.region.inference.example", "Bearer words-key", 200, "[5]"),
        ("words.localhost", "Bearer hashing-key", 401, "Unauthorized"),
        ("words.localhost", "words-key", 401, "Unauthorized"),
        ("other.localhost", "Bearer words-key", 404, "NotFound"),
    ] {
        let headers = [("host", host), ("authorization", key)];
        let got = post(&emulator, "/score", &headers, r#"{"data":["This is a good day"]}"#);
        assert!(got.status == status && got.body.contains(answer), "{host} {key}: {}", got.body);
    }
}

#[test]
fn an_endpoint_names_the_deployment_that_answered() {
    let emulator = start();
    let score = |deployment: Option<&str>, body: &str| {
        let named = deployment.map(|name| ("azureml-model-deployment", name));
        let key = [("host", "words.localhost"), ("authorization", "Bearer words-key")];
        let headers: Vec<_> = key.into_iter().chain(named).collect();
        let answer = post(&emulator, "/score", &headers, body);
        let by = answer.headers.get("azureml-model-deployment").cloned();
        (answer.status, by.map(|name| name.to_str().unwrap().to_owned()))
    };
    let data = r#"{"data":["a"]}"#;
    assert_eq!(score(None, data), (200, Some("blue".into())));
    assert_eq!(score(Some("green"), data), (200, Some("green".into())));
    assert_eq!(score(Some("grey"), data), (404, None));
    assert_eq!(score(None, r#"{"data":"a"}"#), (424, Some("blue".into())), "the model's error");
}

#[test]
fn azure_openai_wants_one_credential_and_the_api_version_of_its_form() {
    let emulator = start();
    let (key, bearer) = (("api-key", "openai-key"), ("authorization", "Bearer openai-key"));
    for (target, headers, status) in [
        (DATED, &[key][..], 200),
        (DATED, &[bearer], 200),
        (DATED, &[], 401),
        (DATED, &[("api-key", "other")], 401),
        (DATED, &[key, ("api-key", "openai-key")], 401),
        (DATED, &[key, bearer], 401),
        ("/openai/deployments/gpt-4o-mini/chat/completions", &[key], 404),
        ("/openai/deployments/gpt-4o-mini/chat/completions?api-version=v1", &[key], 404),
        ("/openai/deployments/o3/chat/completions?api-version=2024-10-21", &[key], 404),
        (UNDATED, &[key], 200),
        (UNDATED, &[bearer], 200),
        (UNDATED, &[], 401),
        ("/openai/v1/chat/completions?api-version=preview", &[key], 200),
        ("/openai/v1/chat/completions?api-version=2024-10-21", &[key], 404),
        ("/v1/chat/completions", &[], 200),
    ] {
        let answer = post(&emulator, target, headers, CHAT);
        assert_eq!(answer.status, status, "{target} {headers:?}: {}", answer.body);
        if status == 200 {
            assert_eq!(answer.json()["choices"][0]["message"]["content"], "a good day");
        } else {
            assert!(answer.json()["error"]["message"].is_string(), "{}", answer.body);
        }
    }
}

#[test]
fn without_its_key_there_is_no_azure_openai() {
    let emulator = Emulator::start(Settings::demo("key")).unwrap();
    for key in ["", "key"] {
        assert_eq!(post(&emulator, UNDATED, &[("api-key", key)], CHAT).status, 401);
    }
}

#[test]
fn a_stream_is_events_that_together_are_the_answer_and_then_done() {
    let emulator = start();
    let body = CHAT.replace("\"model\"", r#""stream":true,"model""#);
    let answer = post(&emulator, "/v1/chat/completions", &[], &body);
    assert_eq!(answer.headers["content-type"], "text/event-stream; charset=utf-8");
    let events: Vec<_> =
        answer.body.split_terminator("\n\n").map(|e| e.strip_prefix("data: ").unwrap()).collect();
    let (done, events) = events.split_last().unwrap();
    assert_eq!(*done, "[DONE]");
    let told: Vec<String> = events
        .iter()
        .filter_map(|event| {
            let event: serde_json::Value = serde_json::from_str(event).unwrap();
            Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned())
        })
        .collect();
    assert_eq!(told, ["", "a ", "good ", "day"]);
}

#[test]
fn what_a_model_cannot_read_is_400() {
    let emulator = start();
    for (operation, body) in [
        ("chat/completions", "{"),
        ("chat/completions", r#"{"messages":[]}"#),
        ("chat/completions", r#"{"model":"m"}"#),
        ("chat/completions", r#"{"model":"m","messages":[{"role":"system","content":"x"}]}"#),
        ("completions", r#"{"model":"m"}"#),
        ("embeddings", r#"{"model":"m","input":[[1,2]]}"#),
        ("embeddings", r#"{"model":"m","input":"a","encoding_format":"other"}"#),
    ] {
        let answer = post(&emulator, &format!("/v1/{operation}"), &[], body);
        assert_eq!(answer.status, 400, "{operation} {body}: {}", answer.body);
    }
}

#[test]
fn a_later_classic_service_stands_below_a_subscription() {
    let emulator = start();
    let target = "/subscriptions/00112233445566778899aabbccddeeff/services/ffeeddccbbaa99887766554433221100/execute?api-version=2.0";
    let body =
        r#"{"Inputs":{"input1":{"ColumnNames":["Col2"],"Values":[["This is a good day"]]}}}"#;
    let execute = |key: &str| post(&emulator, target, &[("authorization", key)], body);
    assert!(execute("Bearer classic-key").body.contains(r#"["1","1","2","2","0","2","0","1"]"#));
    assert_eq!(execute("Bearer openai-key").status, 401);
}
