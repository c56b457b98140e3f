//! Gemini: `:batchEmbedContents`, one request in the request for each text.

use super::super::super::fields;
use super::NOT_UNDERSTOOD;
use super::elsewhere::Elsewhere;
use super::elsewhere::Vectors;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonObject;
use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) const GEMINI: Elsewhere = Elsewhere {
    provider: "gemini",
    fields: &["dimensions", "task_type"],
    refuse: |_, _| Ok(()),
    path,
    write_request,
    read_answer,
};

fn path(model: &str) -> String {
    let mut path = "/v1beta/models/".to_owned();
    for byte in bare(model).bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path.push_str(":batchEmbedContents");
    path
}

fn bare(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

fn write_request(object: &JsonObject<'_, '_>, texts: &[&str], model: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"requests\":");
    fields::write_list(texts, out, |text, out| {
        out.extend_from_slice(b"{\"model\":");
        json::write_string(&format!("models/{}", bare(model)), out);
        out.extend_from_slice(b",\"content\":{\"parts\":[{\"text\":");
        json::write_string(text, out);
        out.extend_from_slice(b"}]}");
        if let Some(task) = fields::string_of(object, "task_type") {
            out.extend_from_slice(b",\"taskType\":");
            json::write_string(task, out);
        }
        if let Some(dimensions) = fields::integer_of(object, "dimensions") {
            out.extend_from_slice(b",\"outputDimensionality\":");
            fields::write_integer(dimensions, out);
        }
        out.push(b'}');
    });
    out.push(b'}');
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'raw> {
    #[serde(borrow)]
    embeddings: Vec<Embedding<'raw>>,
    #[serde(default)]
    usage_metadata: Option<Tokens>,
}

#[derive(Deserialize)]
struct Embedding<'raw> {
    #[serde(borrow)]
    values: &'raw RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    #[serde(default)]
    prompt_token_count: Option<u64>,
}

fn read_answer(raw: &[u8]) -> Result<Vectors<'_>, Fault> {
    let answer: Answer<'_> = serde_json::from_slice(raw).map_err(|_| fields::not_understood(NOT_UNDERSTOOD))?;
    Ok(Vectors {
        vectors: answer.embeddings.into_iter().map(|embedding| embedding.values).collect(),
        tokens: answer.usage_metadata.and_then(|usage| usage.prompt_token_count),
    })
}

#[cfg(test)]
mod tests {
    use super::super::elsewhere::tests::answered;
    use super::super::elsewhere::tests::asked;
    use super::*;
    use serde_json::json;

    #[test]
    fn each_text_is_a_request_of_its_own() {
        let body = r#"{"model":"m","input":["a","caf\u00e9"],"dimensions":256,"encoding_format":"base64"}"#;
        let one = |text: &str| json!({"model": "models/model-1", "content": {"parts": [{"text": text}]}, "outputDimensionality": 256});
        assert_eq!(asked("gemini", body), Ok((json!({"requests": [one("a"), one("café")]}), vec![])));
        let task = asked("gemini", r#"{"model":"m","input":"a","task_type":"CLUSTERING"}"#).expect("a text").0;
        assert_eq!(task["requests"][0]["taskType"], "CLUSTERING");
        assert_eq!(path("gemini-embedding-001"), "/v1beta/models/gemini-embedding-001:batchEmbedContents");
        assert_eq!(path("models/a b/../c"), "/v1beta/models/a%20b%2F..%2Fc:batchEmbedContents");
    }

    #[test]
    fn vectors_come_in_the_form_and_order_asked_for() {
        let answer = "{\n \"embeddings\": [ {\"values\": [0.5, -2]}, {\"values\":[0.25]} ] }";
        let (usage, told) = answered("gemini", r#"{"model":"m","input":["a","bcdef"]}"#, answer).expect("an answer");
        assert_eq!((usage.input_tokens, usage.estimated), (2, true));
        assert_eq!(told["data"][0], json!({"object": "embedding", "index": 0, "embedding": [0.5, -2]}));
        assert_eq!(
            (&told["data"][1]["embedding"], &told["model"], &told["object"]),
            (&json!([0.25]), &json!("m"), &json!("list"))
        );
        let coded = r#"{"model":"m","input":["a","b"],"encoding_format":"base64"}"#;
        assert_eq!(answered("gemini", coded, answer).expect("an answer").1["data"][0]["embedding"], "AAAAPwAAAMA=");
        let counted = r#"{"embeddings":[{"values":[1]}],"usageMetadata":{"promptTokenCount":7}}"#;
        let (usage, told) = answered("gemini", r#"{"model":"m","input":"a"}"#, counted).expect("an answer");
        assert_eq!((usage.input_tokens, usage.estimated, &told["usage"]["total_tokens"]), (7, false, &json!(7)));
        for garbage in ["{}", "[]", r#"{"embeddings":[]}"#, r#"{"embeddings":[{"values":[1]},{"values":[1]}]}"#] {
            assert!(answered("gemini", r#"{"model":"m","input":"a"}"#, garbage).is_err(), "{garbage}");
        }
    }
}
