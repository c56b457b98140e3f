//! Anthropic's count of the tokens of a message, at `/v1/messages/count_tokens`, and an estimate of it.

use super::super::Dialect;
use super::super::ProviderDialect;
use super::super::counting::BYTES_PER_TOKEN;
use super::super::counting::TokenCount;
use super::super::fields;
use super::AnthropicMessages;
use crate::chat::Ask;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct AnthropicCountTokens;

impl TokenCount for AnthropicCountTokens {
    const NAME: &'static str = "anthropic_count_tokens";
    const FIELD: &'static str = "input_tokens";

    fn beside(&self) -> &'static dyn Dialect {
        &AnthropicMessages
    }

    fn counting_path(&self, model: &str) -> String {
        format!("{}/count_tokens", AnthropicMessages.path(model, false))
    }

    fn read_question<'input>(&self, body: Value<'_, 'input>) -> Result<Ask<'input>, Fault> {
        super::ask::read_ask(body)
    }

    fn estimated_tokens(&self, body: Value<'_, '_>) -> usize {
        estimated_tokens(body)
    }
}

/// What a turn costs beside its words.
const TOKENS_PER_MESSAGE: usize = 4;
/// What the frame of a request costs.
const TOKENS_PER_REQUEST: usize = 3;
/// A picture of the size providers scale pictures down to.
const TOKENS_PER_IMAGE: usize = 1600;
/// A page or two of a document, which is all that can be said without reading it.
const TOKENS_PER_DOCUMENT: usize = 3000;

fn estimated_tokens(body: Value<'_, '_>) -> usize {
    let Some(object) = body.as_object() else { return 0 };
    let messages = object.get("messages").and_then(|messages| messages.as_array());
    let turns = messages.as_ref().map_or(0, |messages| messages.len());
    let mut weight = Weight::default();
    if let Some(system) = object.get("system") {
        weight.add_content(system);
    }
    for message in messages.iter().flat_map(|messages| messages.iter()) {
        if let Some(content) = message.as_object().and_then(|message| message.get("content")) {
            weight.add_content(content);
        }
    }
    // Definitions of tools are shown to the model much as they are written.
    for name in ["tools", "tool_choice", "output_format", "output_config"] {
        weight.bytes += object.get(name).map_or(0, |value| json::raw(value).len());
    }
    weight.bytes.div_ceil(BYTES_PER_TOKEN) + weight.tokens + turns * TOKENS_PER_MESSAGE + TOKENS_PER_REQUEST
}

#[derive(Default)]
struct Weight {
    /// Of text.
    bytes: usize,
    /// Of what is no text.
    tokens: usize,
}

impl Weight {
    fn add_content(&mut self, content: Value<'_, '_>) {
        if let Some(text) = content.as_str() {
            self.bytes += text.len();
        }
        let blocks = content.as_array();
        for block in blocks.iter().flat_map(|blocks| blocks.iter()) {
            if let Some(block) = block.as_object() {
                self.add_block(&block);
            }
        }
    }

    fn add_block(&mut self, block: &JsonObject<'_, '_>) {
        match fields::string_of(block, "type") {
            Some("image") => self.tokens += TOKENS_PER_IMAGE,
            Some("document") => self.add_document(block),
            _ => {
                let words = ["text", "thinking", "name"].iter().filter_map(|name| fields::string_of(block, name));
                self.bytes += words.map(str::len).sum::<usize>();
                self.bytes += block.get("input").map_or(0, |input| json::raw(input).len());
                if let Some(content) = block.get("content") {
                    self.add_content(content);
                }
            }
        }
    }

    fn add_document(&mut self, block: &JsonObject<'_, '_>) {
        let source = fields::object_of(block, "source");
        let source = source.as_ref();
        match source.and_then(|source| fields::string_of(source, "type")) {
            Some("text") => {
                self.bytes += source.and_then(|source| fields::string_of(source, "data")).map_or(0, str::len);
            }
            Some("content") => {
                if let Some(content) = source.and_then(|source| source.get("content")) {
                    self.add_content(content);
                }
            }
            _ => self.tokens += TOKENS_PER_DOCUMENT,
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

    fn estimate(fields: &str) -> usize {
        parsed(&format!(r#"{{"model":"m",{fields}}}"#), estimated_tokens)
    }

    #[test]
    fn everything_that_is_sent_weighs_something() {
        let plain = estimate(r#""messages":[{"role":"user","content":"The quick brown fox jumps over the lazydog."}]"#);
        assert!((15..=24).contains(&plain), "the model itself counts 19: {plain}");
        let bare = estimate(r#""messages":[{"role":"user","content":[]}]"#);
        for (block, more) in [
            (r#"{"type":"text","text":"12345678"}"#, 2),
            (r#"{"type":"thinking","thinking":"12345678"}"#, 2),
            (r#"{"type":"image","source":{"type":"base64","data":"AAAAAAAAAAAAAAAA"}}"#, TOKENS_PER_IMAGE),
            (r#"{"type":"document","source":{"type":"text","data":"12345678"}}"#, 2),
            (r#"{"type":"document","source":{"type":"base64","data":"AAAA"}}"#, TOKENS_PER_DOCUMENT),
            (r#"{"type":"document","source":{"type":"content","content":"12345678"}}"#, 2),
            (r#"{"type":"tool_result","content":[{"type":"text","text":"12345678"}]}"#, 2),
            (r#"{"type":"tool_use","name":"abcd","input":{"a":1.5}}"#, 4),
        ] {
            let with = estimate(&format!(r#""messages":[{{"role":"user","content":[{block}]}}]"#));
            assert_eq!(with - bare, more, "{block}");
        }
        assert_eq!(estimate(r#""messages":[{"role":"user","content":[]}],"system":"12345678""#) - bare, 2);
        assert_eq!(estimate(r#""messages":[{"role":"user","content":[]}],"tools":[{"name":"abcdefgh"}]"#) - bare, 6);
    }

    #[test]
    fn only_a_count_is_an_answer() {
        assert!(parsed(r#"{"input_tokens":16}"#, |body| AnthropicCountTokens.answer_facts(body)).is_ok());
        for other in ["{}", "[]", r#"{"input_tokens":"16"}"#, r#"{"error":{}}"#] {
            assert!(parsed(other, |body| AnthropicCountTokens.answer_facts(body)).is_err(), "{other}");
        }
    }

    #[test]
    fn a_count_asks_for_no_bound_and_is_never_streamed() {
        let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
        parsed(body, |body| {
            let ask = AnthropicCountTokens.read_ask(body).expect("a question");
            assert_eq!((ask.stream, ask.last_user_text, ask.text_bytes), (false, None, 5));
        });
        assert!(parsed(r#"{"model":"m"}"#, |body| AnthropicCountTokens.read_ask(body).is_err()));
    }
}
