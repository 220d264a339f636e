//! The request-response service: rows in, counted features out.
//!
//! | query | request's `input1` | answer's `output1` |
//! | --- | --- | --- |
//! | | a table | `{"type":"table","value":{"Values":..}}` |
//! | `details=true` | a table | the same with `ColumnNames` and `ColumnTypes` |
//! | `format=swagger` | an array of objects | an array of objects |
//! | `format=swagger&details=true` | an array of objects | `{"type":"table","value":[{..}]}` |
//!
//! Every value of an answer is a string.

use std::iter::zip;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::fault::Fault;
use crate::hashing;

pub(crate) const INPUT: &str = "input1";
pub(crate) const OUTPUT: &str = "output1";

/// Ours, not the service's: holds a call open, so that a test can reach the concurrency's limit.
const DELAY: &str = "emulatorDelayMilliseconds";
const LONGEST_DELAY: Duration = Duration::from_secs(5);

pub(crate) async fn execute(call: Call, body: Bytes) -> Result<Json<Value>, Fault> {
    let (swagger, details) = (call.query.swagger()?, call.query.details()?);
    let _permit = call.service.permits.try_acquire().map_err(|_| Fault::RequestThrottled {
        endpoint: call.service.service.service.clone(),
        concurrency: call.service.concurrency,
    })?;
    let execution = Execution::parse(&body, swagger)?;
    tokio::time::sleep(execution.delay).await;
    let output =
        if swagger { objects(&execution.texts, details) } else { table(&execution.texts, details) };
    Ok(Json(json!({"Results": {OUTPUT: output}})))
}

/// What a request asks for.
struct Execution {
    texts: Vec<String>,
    delay: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    inputs: Option<Map<String, Value>>,
    global_parameters: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Table {
    column_names: Vec<String>,
    values: Vec<Vec<Value>>,
}

impl Execution {
    fn parse(body: &[u8], swagger: bool) -> Result<Self, Fault> {
        let body: Body = serde_json::from_slice(body).map_err(|_| Fault::RequestBodyInvalid)?;
        let delay = delay(&body.global_parameters.unwrap_or_default())?;
        let mut inputs = body.inputs.unwrap_or_default();
        let input = inputs.remove(INPUT);
        if !inputs.is_empty() {
            return Err(Fault::InvalidInputNames(
                inputs.keys().cloned().collect::<Vec<_>>().join(", "),
            ));
        }
        let input = input.filter(|input| !input.is_null()).ok_or(Fault::MissingRequestInput)?;
        let texts = if swagger { texts_of_objects(input)? } else { texts_of_table(input)? };
        Ok(Self { texts, delay })
    }
}

/// The example service has no parameters of its own.
fn delay(parameters: &Map<String, Value>) -> Result<Duration, Fault> {
    if parameters.keys().any(|name| name != DELAY) {
        return Err(Fault::UnexpectedParameter);
    }
    let Some(value) = parameters.get(DELAY) else {
        return Ok(Duration::ZERO);
    };
    let milliseconds = value.as_str().and_then(|text| text.parse().ok()).map(Duration::from_millis);
    let milliseconds = milliseconds.ok_or_else(|| {
        Fault::UserParameterInvalid(format!("{DELAY} must be a number in a string"))
    })?;
    Ok(milliseconds.min(LONGEST_DELAY))
}

fn texts_of_table(input: Value) -> Result<Vec<String>, Fault> {
    let table: Table = serde_json::from_value(input).map_err(|_| {
        Fault::InputParseError("the input is not a table of ColumnNames and Values".into())
    })?;
    let width = table.column_names.len();
    let column = table
        .column_names
        .iter()
        .position(|name| name == hashing::COLUMN)
        .ok_or(Fault::InputMismatchError)?;
    let cell = |row: &Vec<Value>| match row.get(column) {
        Some(value) if row.len() == width => text(value),
        _ => Err(Fault::InputParseError(format!("a row does not have {width} values"))),
    };
    table.values.iter().map(cell).collect()
}

fn texts_of_objects(input: Value) -> Result<Vec<String>, Fault> {
    let rows: Vec<Map<String, Value>> = serde_json::from_value(input)
        .map_err(|_| Fault::InputParseError("the input is not an array of objects".into()))?;
    rows.iter()
        .map(|row| text(row.get(hashing::COLUMN).ok_or(Fault::InputMismatchError)?))
        .collect()
}

/// A value of the input column. That a missing one counts as no text is inferred.
fn text(value: &Value) -> Result<String, Fault> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Ok(String::new()),
        _ => Err(Fault::InputParseError(format!("a value of {} is not a text", hashing::COLUMN))),
    }
}

fn table(texts: &[String], details: bool) -> Value {
    let rows: Vec<Vec<String>> =
        texts.iter().map(|text| hashing::features(text).collect()).collect();
    let value = if details {
        json!({
            "ColumnNames": hashing::column_names().collect::<Vec<_>>(),
            "ColumnTypes": hashing::column_names().map(|_| hashing::COLUMN_TYPE).collect::<Vec<_>>(),
            "Values": rows,
        })
    } else {
        json!({"Values": rows})
    };
    json!({"type": "table", "value": value})
}

fn objects(texts: &[String], details: bool) -> Value {
    let object = |text: &String| -> Map<String, Value> {
        zip(hashing::column_names(), hashing::features(text).map(Value::String)).collect()
    };
    let rows = Value::from_iter(texts.iter().map(object));
    if details { json!({"type": "table", "value": rows}) } else { rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_not_understood_is_refused_with_a_fitting_code() {
        for (swagger, body, expected) in [
            (false, r"", "RequestBodyInvalid"),
            (false, r"[]", "RequestBodyInvalid"),
            (false, r#"{"Inputs":[]}"#, "RequestBodyInvalid"),
            (false, r"{}", "MissingRequestInput"),
            (false, r#"{"Inputs":{"input1":null}}"#, "MissingRequestInput"),
            (false, r#"{"Inputs":{"input2":{}}}"#, r#"InvalidInputNames("input2")"#),
            (false, r#"{"Inputs":{"input1":[]}}"#, "InputParseError"),
            (
                false,
                r#"{"Inputs":{"input1":{"ColumnNames":["Col1"],"Values":[["x"]]}}}"#,
                "InputMismatchError",
            ),
            (
                false,
                r#"{"Inputs":{"input1":{"ColumnNames":["Col2"],"Values":[["x","y"]]}}}"#,
                "InputParseError",
            ),
            (
                false,
                r#"{"Inputs":{"input1":{"ColumnNames":["Col2"],"Values":[[]]}}}"#,
                "InputParseError",
            ),
            (
                false,
                r#"{"Inputs":{"input1":{"ColumnNames":["Col2"],"Values":[[["x"]]]}}}"#,
                "InputParseError",
            ),
            (
                true,
                r#"{"Inputs":{"input1":{"ColumnNames":["Col2"],"Values":[["x"]]}}}"#,
                "InputParseError",
            ),
            (true, r#"{"Inputs":{"input1":[{"Col1":"x"}]}}"#, "InputMismatchError"),
            (false, r#"{"GlobalParameters":{"other":"1"}}"#, "UnexpectedParameter"),
            (
                false,
                r#"{"GlobalParameters":{"emulatorDelayMilliseconds":"soon"}}"#,
                "UserParameterInvalid",
            ),
        ] {
            let fault = Execution::parse(body.as_bytes(), swagger).err().unwrap();
            assert!(format!("{fault:?}").starts_with(expected), "{body}: {fault:?}");
        }
    }

    #[test]
    fn a_delay_is_never_longer_than_five_seconds() {
        for (text, expected) in
            [("0", 0), ("200", 200), ("5000", 5000), ("5001", 5000), ("18446744073709551615", 5000)]
        {
            let parameters = Map::from_iter([(DELAY.to_owned(), text.into())]);
            assert_eq!(delay(&parameters).unwrap(), Duration::from_millis(expected));
        }
    }
}
