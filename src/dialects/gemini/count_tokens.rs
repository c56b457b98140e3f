//! Counting the tokens of a prompt before it is sent.
//!
//! A dialect of callers alone: whoever speaks Gemini counts at `:countTokens`, so it passes through as it is.
//! For everybody else's models the number is estimated, and marked as an estimate.

use super::super::AnswerFacts;
use super::super::Dialect;
use super::super::Dropped;
use super::super::EventFacts;
use super::super::EventReader;
use super::super::EventWriter;
use super::super::ProviderDialect;
use super::super::ReplayTemplate;
use super::super::StreamOptions;
use super::super::TargetOptions;
use super::super::Unstreamed;
use super::super::fields;
use super::Gemini;
use super::spelling;
use crate::chat::Answer;
use crate::chat::Ask;
use crate::chat::Request;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use std::borrow::Cow;

const NAME: &str = "gemini_count_tokens";
const NOT_UNDERSTOOD: &str = "the provider's answer is not a count of tokens";

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct GeminiCountTokens;

impl ProviderDialect for GeminiCountTokens {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self, model: &str, _stream: bool) -> Cow<'static, str> {
        Gemini.path(model, false).replace(":generateContent", ":countTokens").into()
    }

    fn write_request(
        &self,
        _request: &Request,
        _model: &str,
        _options: TargetOptions,
        _out: &mut Vec<u8>,
    ) -> Result<Vec<Dropped>, Fault> {
        Err(only_gemini())
    }

    fn read_answer(&self, _body: Value<'_, '_>) -> Result<Answer, Fault> {
        Err(fields::not_understood(NOT_UNDERSTOOD))
    }

    fn event_reader(&self) -> Box<dyn EventReader> {
        Box::new(Unstreamed)
    }

    fn read_fault(&self, status: u16, body: &[u8]) -> Fault {
        Gemini.read_fault(status, body)
    }

    fn answer_facts(&self, body: Value<'_, '_>) -> Result<AnswerFacts, Fault> {
        let counted = body.as_object().and_then(|object| fields::integer_of(&object, "totalTokens"));
        counted.ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
        Ok(AnswerFacts { complete: true, content: true, ..AnswerFacts::default() })
    }
}

impl Dialect for GeminiCountTokens {
    fn family(&self) -> &'static str {
        super::NAME
    }

    fn served_by(&self, provider: &str) -> bool {
        provider == super::NAME
    }

    fn read_ask<'input>(&self, body: Value<'_, 'input>) -> Result<Ask<'input>, Fault> {
        let ask = super::ask::read_ask(counted(body))?;
        // A count is not compared by meaning.
        Ok(Ask { last_user_text: None, ..ask })
    }

    fn volatile_fields(&self) -> &'static [&'static str] {
        &[]
    }

    fn read_request(&self, _body: Value<'_, '_>) -> Result<Request, Fault> {
        Err(only_gemini())
    }

    fn write_answer(&self, _answer: &Answer, _out: &mut Vec<u8>) {}

    fn event_writer(&self, _options: StreamOptions) -> Box<dyn EventWriter> {
        Box::new(Unstreamed)
    }

    fn status(&self, fault: &Fault) -> u16 {
        Gemini.status(fault)
    }

    fn write_fault(&self, fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
        Gemini.write_fault(fault, request_id, out);
    }

    fn write_stream_fault(&self, fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
        Gemini.write_stream_fault(fault, request_id, out);
    }

    fn stream_end(&self) -> &'static [u8] {
        b""
    }

    fn keep_alive(&self) -> &'static [u8] {
        b""
    }

    /// A count has no id.
    fn answer_id(&self, _random: u128) -> String {
        String::new()
    }

    fn splice_request(
        &self,
        raw: &[u8],
        body: Value<'_, '_>,
        ask: &Ask<'_>,
        model: &str,
        options: TargetOptions,
        out: &mut Vec<u8>,
    ) {
        Gemini.splice_request(raw, body, ask, model, options, out);
    }

    fn estimate(&self, body: Value<'_, '_>) -> Option<Vec<u8>> {
        Some(format!("{{\"totalTokens\":{}}}", estimated_tokens(counted(body))).into_bytes())
    }

    fn event_facts(&self, _name: Option<&str>, _data: &str, _body: Option<Value<'_, '_>>) -> Result<EventFacts, Fault> {
        Err(fields::not_understood(NOT_UNDERSTOOD))
    }

    fn replay_template(&self, raw: &[u8]) -> Option<ReplayTemplate> {
        Some(ReplayTemplate { raw: raw.to_vec(), id_at: 0..0, created_at: None })
    }
}

fn only_gemini() -> Fault {
    Fault::bad_field("model", "this model's provider does not count tokens")
}

/// What is to be counted: the body itself, or the whole request that it holds.
fn counted<'tape, 'input>(body: Value<'tape, 'input>) -> Value<'tape, 'input> {
    let object = body.as_object();
    let inner = object.as_ref().and_then(|object| {
        object.iter().find(|(name, _)| spelling::camel(name) == "generateContentRequest").map(|(_, inner)| inner)
    });
    inner.filter(|inner| inner.as_object().is_some()).unwrap_or(body)
}

/// English text of any tokenizer in wide use has about four bytes to a token.
const BYTES_PER_TOKEN: usize = 4;
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
