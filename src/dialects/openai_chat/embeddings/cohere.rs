//! Cohere: `/v2/embed`, which wants to know what the vectors are for.

use super::super::super::fields;
use super::super::super::fields::ObjectWriter;
use super::NAME;
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
    refuse: |_, _| Ok(()),
    path,
    write_request,
    read_answer,
};

/// Demanded, and unknown to OpenAI's callers; whoever means queries says so in a field of that name.
const INPUT_TYPE: &str = "search_document";

fn path(_model: &str) -> String {
    "/v2/embed".to_owned()
}

fn write_request(object: &JsonObject<'_, '_>, texts: &[&str], model: &str, out: &mut Vec<u8>) {
    write_fields(object, texts, Some(model), out);
}

/// The request, with the model where that stands in the body.
pub(super) fn write_fields(object: &JsonObject<'_, '_>, texts: &[&str], model: Option<&str>, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.optional_string("model", model);
    writer.string("input_type", fields::string_of(object, "input_type").unwrap_or(INPUT_TYPE));
    writer.text("embedding_types", "[\"float\"]");
    writer.optional_string("truncate", fields::string_of(object, "truncate"));
    if let Some(dimensions) = fields::integer_of(object, "dimensions") {
        writer.integer("output_dimension", dimensions);
    }
    fields::write_list(texts, writer.overrule("texts"), |text, out| json::write_string(text, out));
    writer.close();
}

#[derive(Deserialize)]
struct Answer<'raw> {
    #[serde(borrow)]
    embeddings: &'raw RawValue,
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

pub(super) fn read_answer(raw: &[u8]) -> Result<Vectors<'_>, Fault> {
    let broken = |_| fields::not_understood(NOT_UNDERSTOOD);
    let answer: Answer<'_> = serde_json::from_slice(raw).map_err(broken)?;
    let told = answer.embeddings.get();
    // Elsewhere than at Cohere itself the types may be left out where there is one.
    let vectors = match told.starts_with('[') {
        true => serde_json::from_str(told).map_err(broken)?,
        false => serde_json::from_str::<ByType<'_>>(told).map_err(broken)?.float,
    };
    let units = answer.meta.and_then(|meta| meta.billed_units);
    // Its numbers are doubles that hold whole ones.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let tokens = units.and_then(|units| units.input_tokens).map(|tokens| tokens.max(0.0) as u64);
    Ok(Vectors { vectors, tokens })
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
