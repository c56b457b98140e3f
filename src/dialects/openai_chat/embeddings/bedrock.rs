//! Amazon Bedrock: `InvokeModel`, where each maker's models have words of their own. Titan embeds one text a
//! request; Cohere's models are asked as at Cohere, but for the model, which stands in the path.

use super::super::super::fields;
use super::super::super::fields::ObjectWriter;
use super::NAME;
use super::NOT_UNDERSTOOD;
use super::cohere;
use super::elsewhere::Elsewhere;
use super::elsewhere::Vectors;
use crate::fault::Fault;
use crate::wire::json::JsonObject;
use crate::wire::percent;
use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) const BEDROCK: Elsewhere = Elsewhere {
    provider: "bedrock_converse",
    fields: &["dimensions", "input_type", "truncate"],
    refuse,
    path,
    write_request,
    read_answer,
};

/// Who made the model.
#[derive(Clone, Copy)]
enum Maker {
    Titan,
    Cohere,
}

/// Told by the name, which may have a region before it or stand at the end of an ARN.
fn maker(model: &str) -> Option<Maker> {
    const MARKS: &[(&str, Maker)] = &[("amazon.titan-embed-text", Maker::Titan), ("cohere.embed", Maker::Cohere)];
    MARKS.iter().find(|(mark, _)| model.contains(mark)).map(|(_, maker)| *maker)
}

fn refuse(model: &str, texts: &[&str]) -> Result<(), Fault> {
    match maker(model) {
        Some(Maker::Titan) if texts.len() > 1 => {
            let advice = "this model embeds one text a request: send each text as the `input` of a request of its own";
            Err(Fault::bad_field("input", advice))
        }
        Some(_) => Ok(()),
        None => {
            let advice =
                "of Bedrock's models, `amazon.titan-embed-text…` and `cohere.embed…` are known to make embeddings";
            Err(Fault::bad_field("model", advice))
        }
    }
}

fn path(model: &str) -> String {
    let mut path = b"/model/".to_vec();
    percent::encode(model.as_bytes(), b"", &mut path);
    path.extend_from_slice(b"/invoke");
    String::from_utf8(path).expect("percent-encoding is ASCII")
}

fn write_request(object: &JsonObject<'_, '_>, texts: &[&str], model: &str, out: &mut Vec<u8>) {
    let Some(Maker::Titan) = maker(model) else { return cohere::write_fields(object, texts, None, out) };
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.string("inputText", texts.first().unwrap_or(&""));
    if let Some(dimensions) = fields::integer_of(object, "dimensions") {
        writer.integer("dimensions", dimensions);
    }
    writer.close();
}

/// Titan's answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'raw> {
    #[serde(borrow)]
    embedding: &'raw RawValue,
    #[serde(default)]
    input_text_token_count: Option<u64>,
}

fn read_answer(raw: &[u8]) -> Result<Vectors<'_>, Fault> {
    match serde_json::from_slice::<Answer<'_>>(raw) {
        Ok(answer) => Ok(Vectors { vectors: vec![answer.embedding], tokens: answer.input_text_token_count }),
        Err(_) => cohere::read_answer(raw).map_err(|_| fields::not_understood(NOT_UNDERSTOOD)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::elsewhere::tests::answered;
    use super::super::elsewhere::tests::asked_of;
    use super::*;
    use serde_json::json;

    const TITAN: &str = "amazon.titan-embed-text-v2:0";

    #[test]
    fn each_maker_is_asked_in_its_own_words() {
        let asked = |model: &str, body: &str| asked_of("bedrock_converse", model, body);
        let one = r#"{"model":"m","input":["a"],"dimensions":256,"user":"u"}"#;
        assert_eq!(asked(TITAN, one), Ok((json!({"inputText": "a", "dimensions": 256}), vec!["user".to_owned()])));
        let two = r#"{"model":"m","input":["a","b"],"input_type":"search_query"}"#;
        let wanted = json!({"input_type": "search_query", "embedding_types": ["float"], "texts": ["a", "b"]});
        assert_eq!(asked("eu.cohere.embed-v4:0", two), Ok((wanted, vec![])));
        assert_eq!(asked(TITAN, two).expect_err("one text only").param.as_deref(), Some("input"));
        assert_eq!(asked("amazon.nova-lite-v1:0", one).expect_err("no embeddings").param.as_deref(), Some("model"));
        assert_eq!(path(TITAN), "/model/amazon.titan-embed-text-v2%3A0/invoke");
    }

    #[test]
    fn vectors_come_in_each_makers_form() {
        let read = |body: &str, answer: &str| answered("bedrock_converse", body, answer);
        let titan = r#"{"embedding":[0.5,-2.0],"inputTextTokenCount":3,"embeddingsByType":{"float":[0.5,-2.0]}}"#;
        let (usage, told) = read(r#"{"model":"m","input":"a"}"#, titan).expect("an answer");
        assert_eq!(
            (usage.input_tokens, usage.estimated, &told["data"][0]["embedding"]),
            (3, false, &json!([0.5, -2.0]))
        );
        for cohere in [
            r#"{"id":"i","response_type":"embeddings_floats","embeddings":[[1],[2]],"texts":["a","b"]}"#,
            r#"{"id":"i","response_type":"embeddings_by_type","embeddings":{"float":[[1],[2]]},"texts":["a","b"]}"#,
        ] {
            let (usage, told) = read(r#"{"model":"m","input":["a","b"]}"#, cohere).expect("an answer");
            assert_eq!((usage.estimated, &told["data"][1]["embedding"]), (true, &json!([2])), "{cohere}");
        }
        for garbage in ["{}", r#"{"message":"no"}"#, r#"{"embeddings":[[1]]}"#] {
            assert!(read(r#"{"model":"m","input":["a","b"]}"#, garbage).is_err(), "{garbage}");
        }
    }
}
