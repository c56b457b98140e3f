//! Whole answers.

use super::super::base64;
use super::super::citations::of_blocks;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::tier;
use super::NAME;
use super::blocks::BYTES_MARK;
use super::citations;
use crate::chat::Answer;
use crate::chat::Choice;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::chat::ServiceTier;
use crate::chat::Usage;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

const NOT_UNDERSTOOD: &str = "the provider's answer is not one of Converse";

pub(super) fn read_answer(body: Value<'_, '_>) -> Result<Answer, Fault> {
    let broken = || fields::not_understood(NOT_UNDERSTOOD);
    let object = body.as_object().ok_or_else(broken)?;
    let message = fields::object_of(&object, "output")
        .and_then(|output| fields::object_of(&output, "message"))
        .ok_or_else(broken)?;
    let content = message.get("content").and_then(|content| content.as_array()).ok_or_else(broken)?;
    let mut choice = Choice { parts: content.iter().map(read_block).collect(), ..Choice::default() };
    choice.citations = of_blocks(&content, &choice.parts, citations::of_block);
    choice.finish = read_finish(&object);
    let mut keeper = Keeper::new(NAME);
    for (name, value) in object.iter().filter(|(name, _)| !matches!(*name, "output" | "stopReason" | "usage")) {
        keeper.keep(name, value);
    }
    let service_tier = read_tier(&object);
    let usage = object.get("usage").filter(|usage| usage.is_object()).map(read_usage);
    Ok(Answer { choices: vec![choice], usage, service_tier, extra: keeper.extras, ..Answer::default() })
}

/// The tier that an answer or the end of a stream tells.
pub(super) fn read_tier(object: &JsonObject<'_, '_>) -> Option<ServiceTier> {
    tier::read(fields::string_of(&fields::object_of(object, "serviceTier")?, "type")?)
}

/// Reads one block. What is not shaped as expected stays whole.
pub(super) fn read_block(block: Value<'_, '_>) -> Part {
    let opaque = || Part::Opaque { dialect: NAME, json: RawJson(json::raw(block)) };
    let object = block.as_object().filter(|object| object.len() == 1);
    let part = object.and_then(|object| match object.iter().next()? {
        ("text", text) => Some(text_part(text.as_str()?)),
        ("toolUse", call) => read_call(&call.as_object()?),
        ("reasoningContent", reasoning) => read_reasoning(&reasoning.as_object()?),
        ("citationsContent", cited) => read_cited(&cited.as_object()?),
        _ => None,
    });
    part.unwrap_or_else(opaque)
}

pub(super) fn text_part(text: &str) -> Part {
    Part::Text { text: text.to_owned(), cache_marker: None, extra: Vec::new() }
}

/// A call that the application must answer; those that the provider answers itself are of another type.
pub(super) fn is_for_application(call: &JsonObject<'_, '_>) -> bool {
    matches!(fields::string_of(call, "type"), None | Some("tool_use"))
}

fn read_call(call: &JsonObject<'_, '_>) -> Option<Part> {
    Some(Part::ToolCall {
        id: fields::string_of(call, "toolUseId").filter(|_| is_for_application(call))?.to_owned(),
        name: fields::string_of(call, "name")?.to_owned(),
        arguments: call.get("input").map_or_else(|| "{}".to_owned(), json::raw),
        cache_marker: None,
        extra: Vec::new(),
    })
}

fn read_reasoning(reasoning: &JsonObject<'_, '_>) -> Option<Part> {
    if let Some(bytes) = fields::string_of(reasoning, "redactedContent") {
        return Some(Part::RedactedThinking { data: redacted_data(bytes) });
    }
    // Thinking that is not shown has a signature all the same.
    let told = fields::object_of(reasoning, "reasoningText")?;
    let text = |name: &str| fields::string_of(&told, name).map(str::to_owned);
    Some(Part::Thinking { text: text("text").unwrap_or_default(), signature: text("signature") })
}

/// Opaque thinking as its maker calls it. Its data is text of which the wire holds base64, so that the
/// same thinking is the same elsewhere; what is no text keeps its wire form, marked.
pub(super) fn redacted_data(bytes: &str) -> String {
    let text = base64::decode(bytes).and_then(|bytes| String::from_utf8(bytes).ok());
    text.filter(|text| !text.starts_with(BYTES_MARK)).unwrap_or_else(|| format!("{BYTES_MARK}{bytes}"))
}

/// Words with their sources: the words are the answer.
fn read_cited(cited: &JsonObject<'_, '_>) -> Option<Part> {
    let mut words = String::new();
    for piece in &cited.get("content")?.as_array()? {
        words.push_str(fields::string_of(&piece.as_object()?, "text")?);
    }
    Some(text_part(&words))
}

/// From an object with `stopReason` and, where it was asked for, the sequence that was met.
pub(super) fn read_finish(object: &JsonObject<'_, '_>) -> Option<Finish> {
    let additional = fields::object_of(object, "additionalModelResponseFields");
    let sequence = additional.as_ref().and_then(|fields| fields::string_of(fields, "stop_sequence"));
    Some(match fields::string_of(object, "stopReason").filter(|word| !word.is_empty())? {
        "end_turn" => Finish::Stop,
        "stop_sequence" => Finish::StopSequence(sequence.map(str::to_owned)),
        "max_tokens" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "content_filtered" | "guardrail_intervened" => Finish::ContentFilter,
        "refusal" => Finish::Refusal,
        "pause_turn" => Finish::Pause,
        // Of a full context and of malformed output; callers must not take them for complete.
        other => Finish::Other(other.to_owned()),
    })
}

/// Tokens. `inputTokens` leaves out what was read from or written to the prompt cache; the neutral number
/// includes it.
pub(super) fn read_usage(value: Value<'_, '_>) -> Usage {
    let Some(object) = value.as_object() else { return Usage::default() };
    let read = |name: &str| fields::integer_of(&object, name);
    let cache_read = read("cacheReadInputTokens").or_else(|| read("cacheReadInputTokenCount"));
    let cache_write = read("cacheWriteInputTokens").or_else(|| read("cacheWriteInputTokenCount"));
    Usage {
        input_tokens: read("inputTokens")
            .unwrap_or_default()
            .saturating_add(cache_read.unwrap_or_default())
            .saturating_add(cache_write.unwrap_or_default()),
        output_tokens: read("outputTokens").unwrap_or_default(),
        cache_read_tokens: cache_read,
        cache_write_tokens: cache_write,
        reasoning_tokens: None,
        cost_usd: None,
        estimated: false,
        original: Some(Extra { dialect: NAME, name: "usage".to_owned(), value: RawJson(json::raw(value)) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn read(text: &str) -> Answer {
        let mut copy = text.as_bytes().to_vec();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("JSON");
        read_answer(tape.as_value()).expect("an answer")
    }

    fn answer(content: &str, stop: &str) -> String {
        format!(r#"{{"output":{{"message":{{"role":"assistant","content":[{content}]}}}},"stopReason":"{stop}"}}"#)
    }

    #[test]
    fn every_reason_to_stop_has_its_meaning() {
        for (word, finish) in [
            ("end_turn", Finish::Stop),
            ("stop_sequence", Finish::StopSequence(None)),
            ("max_tokens", Finish::Length),
            ("tool_use", Finish::ToolCalls),
            ("guardrail_intervened", Finish::ContentFilter),
            ("content_filtered", Finish::ContentFilter),
            ("model_context_window_exceeded", Finish::Other("model_context_window_exceeded".into())),
            ("malformed_tool_use", Finish::Other("malformed_tool_use".into())),
        ] {
            assert_eq!(read(&answer("", word)).choices[0].finish, Some(finish));
        }
        let told = answer("", "stop_sequence\",\"additionalModelResponseFields\":{\"stop_sequence\":\"END\"},\"x\":\"");
        assert_eq!(read(&told).choices[0].finish, Some(Finish::StopSequence(Some("END".into()))));
    }

    #[test]
    fn words_with_sources_are_words_and_foreign_blocks_stay_whole() {
        let content = r#"{"citationsContent":{"content":[{"text":"a"},{"text":"b"}],"citations":[{"title":"t"},{"title":"u"}]}},{"guardContent":{"text":{"text":"x"}}},{"toolUse":{"toolUseId":"s","name":"nova_code_interpreter","input":{},"type":"server_tool_use"}}"#;
        let parts = read(&answer(content, "end_turn")).choices.remove(0).parts;
        assert_eq!(parts[0], text_part("ab"));
        assert!(parts[1..].iter().all(|part| matches!(part, Part::Opaque { dialect: NAME, .. })), "{parts:?}");
    }

    #[test]
    fn opaque_thinking_comes_back_as_it_went() {
        assert_eq!(redacted_data("RXU4"), "Eu8");
        assert_eq!(redacted_data("//8="), "base64://8=");
        let marked = base64::encode(b"base64:x");
        assert_eq!(redacted_data(&marked), format!("base64:{marked}"));
    }
}
