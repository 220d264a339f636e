//! What both services answer, against Vowpal Wabbit; and that the storage's key shows nowhere.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::send;
use support::storage::{ACCOUNT, ACCOUNT_KEY};

use crate::{Guide, SUBSCRIPTION_KEY, printed};

const SERVICE: &str =
    "workspaces/0123456789abcdef0123456789abcdef/services/fedcba9876543210fedcba9876543210";

#[test]
fn both_services_answer_what_vowpal_wabbit_counts_for_varied_texts() {
    let guide = Guide::start();
    let (table, answers) = (guide.folder.join("in.csv"), guide.folder.join("answers.json"));
    printed(&guide.python("oracle.py").args([&table, &answers]).output().unwrap());
    let oracle: Value = serde_json::from_str(&fs::read_to_string(answers).unwrap()).unwrap();
    let texts = oracle["texts"].as_array().unwrap();
    let expected: Vec<Vec<String>> =
        rows(&oracle["counts"], |count| count.as_u64().unwrap().to_string());
    assert!(texts.len() >= 1000 && expected.len() == texts.len());

    let answered = request_response(&guide, texts);
    let (_, result) = guide.batch(&table);
    let saved = saved(&result);
    assert_eq!((answered.len(), saved.len()), (texts.len(), texts.len()));
    for (row, text) in texts.iter().enumerate() {
        let text: String = text.as_str().unwrap().chars().take(80).collect();
        assert_eq!(answered[row], expected[row], "RRS, row {row}: {text:?}");
        assert_eq!(saved[row], expected[row], "BES, row {row}: {text:?}");
    }
}

#[test]
fn no_log_of_the_gateway_shows_the_storages_key_not_even_at_trace() {
    let guide = Guide::with_log_level("trace");
    guide.batch(&guide.file("in.csv", "Col2\nThis is a good day\n"));
    let logs = [guide.gateway.log(), guide.gateway.access_log()];
    assert!(logs[0].contains("[trace]"), "the log is not at trace");
    for log in logs {
        assert!(!log.contains(ACCOUNT_KEY) && !log.contains(ACCOUNT));
    }
}

/// One call with all the texts, through Envoy.
fn request_response(guide: &Guide, texts: &[Value]) -> Vec<Vec<String>> {
    let values: Vec<_> = texts.iter().map(|text| json!([text])).collect();
    let body = json!({"Inputs": {"input1": {"ColumnNames": ["Col2"], "Values": values}}, "GlobalParameters": {}});
    let body = body.to_string();
    let raw = format!(
        "POST /azureml-demo/{SERVICE}/execute?api-version=2.0 HTTP/1.1\r\nHost: gateway\r\n\
         Ocp-Apim-Subscription-Key: {SUBSCRIPTION_KEY}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let reply = send(guide.gateway.http_port(), raw.as_bytes()).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer: Value = serde_json::from_slice(&reply.body).unwrap();
    rows(&answer["Results"]["output1"]["value"]["Values"], |count| {
        count.as_str().unwrap().to_owned()
    })
}

fn rows(table: &Value, cell: impl Fn(&Value) -> String) -> Vec<Vec<String>> {
    let rows = table.as_array().unwrap().iter();
    rows.map(|row| row.as_array().unwrap().iter().map(&cell).collect()).collect()
}

fn saved(file: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(file).unwrap();
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}
