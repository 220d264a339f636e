//! Embeddings: the features of a text as a vector of length 1.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::Uri;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::Fault;
use super::{Ask, tokens};
use crate::hashing;

#[derive(Deserialize)]
struct Embed {
    input: Input,
    #[serde(default)]
    encoding_format: Encoding,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Float,
    /// The numbers' bytes, which OpenAI's libraries ask for.
    Base64,
}

pub(super) async fn embed(
    deployment: Option<Path<String>>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Value>, Fault> {
    let Ask { model, input: Embed { input, encoding_format } } =
        Ask::<Embed>::read(deployment, &uri, &body)?;
    let texts = match input {
        Input::One(text) => vec![text],
        Input::Many(texts) => texts,
    };
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let embedding = encoding_format.encode(&vector(text));
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    let used: usize = texts.iter().map(|text| tokens(text).len()).sum();
    let usage = json!({ "prompt_tokens": used, "total_tokens": used });
    Ok(Json(json!({ "object": "list", "data": data, "model": model, "usage": usage })))
}

fn vector(text: &str) -> Vec<f32> {
    // Counts of words: a few thousand at most, which f32 has exactly.
    #[allow(clippy::cast_precision_loss)]
    let counts = hashing::count(text).map(|count| count as f32);
    let length = counts.iter().map(|count| count * count).sum::<f32>().sqrt();
    counts.iter().map(|count| if length > 0.0 { count / length } else { 0.0 }).collect()
}

impl Encoding {
    fn encode(self, vector: &[f32]) -> Value {
        match self {
            Self::Float => json!(vector),
            Self::Base64 => {
                let bytes: Vec<u8> =
                    vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                json!(STANDARD.encode(bytes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embedding_has_the_length_one_in_both_encodings() {
        let vector = vector("This is a good day");
        assert!((vector.iter().map(|number| number * number).sum::<f32>() - 1.0).abs() < 1e-6);
        let bytes = STANDARD.decode(Encoding::Base64.encode(&vector).as_str().unwrap()).unwrap();
        let again: Vec<f32> =
            bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        assert_eq!(again, vector);
    }
}
