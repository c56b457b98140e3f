//! Cohere: `/v2/embed`, which wants to know what the vectors are for.

use super::super::super::fields;
use super::NOT_UNDERSTOOD;
use super::elsewhere::Elsewhere;
use super::elsewhere::Vectors;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonObject;
use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) const COHERE: Elsewhere = Elsewhere {
    provider: "cohere_chat",
    fields: &["dimensions", "input_type", "truncate"],
    path,
    write_request,
    read_answer,
    read_fault: fields::read_error_body,
};

/// Demanded, and unknown to OpenAI's callers; whoever means queries says so in a field of that name.
const INPUT_TYPE: &str = "search_document";

fn path(_model: &str) -> String {
    "/v2/embed".to_owned()
}

fn write_request(object: &JsonObject<'_, '_>, texts: &[&str], model: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"model\":");
    json::write_string(model, out);
    out.extend_from_slice(b",\"input_type\":");
    json::write_string(fields::string_of(object, "input_type").unwrap_or(INPUT_TYPE), out);
    out.extend_from_slice(b",\"embedding_types\":[\"float\"]");
    if let Some(truncate) = fields::string_of(object, "truncate") {
        out.extend_from_slice(b",\"truncate\":");
        json::write_string(truncate, out);
    }
    if let Some(dimensions) = fields::integer_of(object, "dimensions") {
        out.extend_from_slice(b",\"output_dimension\":");
        fields::write_integer(dimensions, out);
    }
    out.extend_from_slice(b",\"texts\":");
    fields::write_list(texts, out, |text, out| json::write_string(text, out));
    out.push(b'}');
}

#[derive(Deserialize)]
struct Answer<'raw> {
    #[serde(borrow)]
    embeddings: ByType<'raw>,
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct ByType<'raw> {
    #[serde(borrow)]
    float: Vec<&'raw RawValue>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    billed_units: Option<Units>,
}

#[derive(Deserialize)]
struct Units {
    #[serde(default)]
    input_tokens: Option<f64>,
}

fn read_answer(raw: &[u8]) -> Result<Vectors<'_>, Fault> {
    let answer: Answer<'_> = serde_json::from_slice(raw).map_err(|_| fields::not_understood(NOT_UNDERSTOOD))?;
    let units = answer.meta.and_then(|meta| meta.billed_units);
    // Its numbers are doubles that hold whole ones.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let tokens = units.and_then(|units| units.input_tokens).map(|tokens| tokens.max(0.0) as u64);
    Ok(Vectors { vectors: answer.embeddings.float, tokens })
}

#[cfg(test)]
mod tests {
    use super::super::elsewhere::tests::answered;
    use super::super::elsewhere::tests::asked;
    use serde_json::json;

    #[test]
    fn a_request_says_what_it_is_for() {
        let body = r#"{"model":"m","input":["a","b"],"dimensions":256,"encoding_format":"base64"}"#;
        let wanted = json!({
            "model": "model-1", "input_type": "search_document", "embedding_types": ["float"], "output_dimension": 256,
            "texts": ["a", "b"],
        });
        assert_eq!(asked("cohere_chat", body), Ok((wanted, vec![])));
        let query = r#"{"model":"m","input":"a","input_type":"search_query","truncate":"END"}"#;
        let sent = asked("cohere_chat", query).expect("a text").0;
        assert_eq!((&sent["input_type"], &sent["truncate"]), (&json!("search_query"), &json!("END")));
    }

    #[test]
    fn vectors_and_tokens_are_read() {
        let answer = r#"{"id":"x","embeddings":{"float":[[0.5,-2],[0.25]]},"texts":["a","b"],
            "meta":{"api_version":{"version":"2"},"billed_units":{"input_tokens":6.0}},"response_type":"embeddings_by_type"}"#;
        let (usage, told) = answered("cohere_chat", r#"{"model":"m","input":["a","b"]}"#, answer).expect("an answer");
        assert_eq!((usage.input_tokens, usage.estimated), (6, false));
        assert_eq!(told["data"][1], json!({"object": "embedding", "index": 1, "embedding": [0.25]}));
        for garbage in ["{}", r#"{"message":"no"}"#, r#"{"embeddings":[[1]]}"#, r#"{"embeddings":{"float":[[1]]}}"#] {
            assert!(answered("cohere_chat", r#"{"model":"m","input":["a","b"]}"#, garbage).is_err(), "{garbage}");
        }
    }
}
