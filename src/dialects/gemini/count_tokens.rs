//! Gemini's count of the tokens of a prompt, at `:countTokens`, and an estimate of it.

use super::super::Dialect;
use super::super::ProviderDialect;
use super::super::counting::BYTES_PER_TOKEN;
use super::super::counting::TokenCount;
use super::Gemini;
use super::spelling;
use crate::chat::Ask;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct GeminiCountTokens;

impl TokenCount for GeminiCountTokens {
    const NAME: &'static str = "gemini_count_tokens";
    const FIELD: &'static str = "totalTokens";

    fn beside(&self) -> &'static dyn Dialect {
        &Gemini
    }

    fn counting_path(&self, model: &str) -> String {
        Gemini.path(model, false).replace(":generateContent", ":countTokens")
    }

    fn read_question<'input>(&self, body: Value<'_, 'input>) -> Result<Ask<'input>, Fault> {
        super::ask::read_ask(counted(body))
    }

    fn estimated_tokens(&self, body: Value<'_, '_>) -> usize {
        estimated_tokens(counted(body))
    }
}

/// What is to be counted: the body itself, or the whole request that it holds.
fn counted<'tape, 'input>(body: Value<'tape, 'input>) -> Value<'tape, 'input> {
    let object = body.as_object();
    let inner = object.as_ref().and_then(|object| {
        object.iter().find(|(name, _)| spelling::camel(name) == "generateContentRequest").map(|(_, inner)| inner)
    });
    inner.filter(|inner| inner.as_object().is_some()).unwrap_or(body)
}

/// What a turn costs beside its words.
const TOKENS_PER_TURN: usize = 2;
/// A picture, by Google's own count.
const TOKENS_PER_MEDIA: usize = 258;

fn estimated_tokens(body: Value<'_, '_>) -> usize {
    let mut weight = Weight::default();
    let object = body.as_object();
    for (name, value) in object.iter().flat_map(|object| object.iter()) {
        match &*spelling::camel(name) {
            "contents" => {
                weight.tokens += TOKENS_PER_TURN * value.as_array().map_or(1, |turns| turns.len());
                weight.add(value);
            }
            "systemInstruction" => weight.add(value),
            // Definitions of tools are shown to the model much as they are written.
            "tools" => weight.bytes += json::raw(value).len(),
            _ => {}
        }
    }
    weight.bytes.div_ceil(BYTES_PER_TOKEN) + weight.tokens
}

#[derive(Default)]
struct Weight {
    /// Of text.
    bytes: usize,
    /// Of what is no text.
    tokens: usize,
}

impl Weight {
    fn add(&mut self, value: Value<'_, '_>) {
        if let Some(text) = value.as_str() {
            self.bytes += text.len();
        }
        if let Some(list) = value.as_array() {
            list.iter().for_each(|item| self.add(item));
        }
        let object = value.as_object();
        for (name, inner) in object.iter().flat_map(|object| object.iter()) {
            match &*spelling::camel(name) {
                "inlineData" | "fileData" => self.tokens += TOKENS_PER_MEDIA,
                "role" | "thoughtSignature" => {}
                _ => self.add(inner),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn parsed<T>(text: &str, read: impl FnOnce(Value<'_, '_>) -> T) -> T {
        let mut copy = text.as_bytes().to_vec();
        read(Parser::new().parse(&mut copy).expect("valid JSON").as_value())
    }

    #[test]
    fn everything_that_is_sent_weighs_something() {
        let estimate = |contents: &str| parsed(&format!(r#"{{"contents":{contents}}}"#), estimated_tokens);
        let fox = estimate(r#"[{"role":"user","parts":[{"text":"The quick brown fox jumps over the lazydog."}]}]"#);
        assert!((9..=16).contains(&fox), "the model itself counts 12: {fox}");
        let bare = estimate(r#"[{"parts":[]}]"#);
        for (part, more) in [
            (r#"{"text":"12345678"}"#, 2),
            (r#"{"inline_data":{"mime_type":"image/png","data":"AAAAAAAAAAAA"}}"#, TOKENS_PER_MEDIA),
            (r#"{"functionCall":{"name":"abcd","args":{"a":"wxyz"}}}"#, 2),
        ] {
            assert_eq!(estimate(&format!(r#"[{{"parts":[{part}]}}]"#)) - bare, more, "{part}");
        }
        let whole = r#"{"generateContentRequest":{"model":"models/m","contents":[{"parts":[{"text":"12345678"}]}],"tools":[{}]}}"#;
        assert_eq!(parsed(whole, |body| estimated_tokens(counted(body))) - bare, 3);
        parsed(whole, |body| assert_eq!(GeminiCountTokens.read_ask(body).expect("a question").text_bytes, 8));
    }

    #[test]
    fn only_a_count_is_an_answer() {
        let recorded =
            "{\n  \"totalTokens\": 12,\n  \"promptTokensDetails\": [{\"modality\": \"TEXT\", \"tokenCount\": 12}]\n}\n";
        assert!(parsed(recorded, |body| GeminiCountTokens.answer_facts(body)).is_ok());
        for other in ["{}", "[]", r#"{"totalTokens":"12"}"#] {
            assert!(parsed(other, |body| GeminiCountTokens.answer_facts(body)).is_err(), "{other}");
        }
        assert_eq!(GeminiCountTokens.path("m", true), "/v1beta/models/m:countTokens");
    }
}
