//! Whole answers.

use super::super::AnswerFacts;
use super::super::citations::of_blocks;
use super::super::citations::placed;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::super::tier;
use super::NAME;
use super::blocks;
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
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

const NOT_UNDERSTOOD: &str = "the provider's answer is not a message";
/// A reason to stop that this dialect shares with Converse.
const CONTEXT_FULL: &str = "model_context_window_exceeded";

pub(super) fn read_answer(body: Value<'_, '_>) -> Result<Answer, Fault> {
    let object = envelope(body)?;
    let mut answer = Answer::default();
    let mut choice = Choice::default();
    let mut keeper = Keeper::new(NAME);
    for (name, value) in object.iter() {
        match (name, value.as_str()) {
            ("id", Some(id)) => id.clone_into(&mut answer.id),
            ("model", Some(model)) => model.clone_into(&mut answer.model),
            ("type", Some("message")) | ("role", Some("assistant")) => {}
            ("stop_reason", _) => {
                choice.finish = read_finish(&object);
                keeper.extras.extend(kept_reason(choice.finish.as_ref()));
            }
            ("stop_sequence", Some(_)) if fields::string_of(&object, "stop_reason") == Some("stop_sequence") => {}
            ("stop_sequence", None) => {}
            ("usage", None) if value.is_object() => {
                answer.usage = Some(read_usage(value, true));
                answer.service_tier = read_tier(value);
            }
            ("content", None) => {
                let blocks = value.as_array().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
                let read = blocks::read_blocks(&blocks, name);
                choice.parts = read.map_err(|_| fields::not_understood(NOT_UNDERSTOOD))?;
                choice.citations = of_blocks(&blocks, &choice.parts, citations::of_block);
            }
            _ => keeper.keep(name, value),
        }
    }
    for name in ["id", "type", "role", "model", "stop_reason", "stop_sequence"] {
        if object.get(name).is_none() {
            keeper.absent(name);
        }
    }
    answer.extra = keeper.extras;
    answer.choices.push(choice);
    Ok(answer)
}

fn envelope<'tape, 'input>(body: Value<'tape, 'input>) -> Result<JsonObject<'tape, 'input>, Fault> {
    let object = body.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
    if object.get("content").is_some_and(|content| content.is_array()) {
        return Ok(object);
    }
    Err(match object.get("error").filter(|error| !error.is_null()) {
        Some(error) => fields::read_error(502, error),
        None => fields::not_understood(NOT_UNDERSTOOD),
    })
}

/// From an object with `stop_reason` and `stop_sequence`.
pub(super) fn read_finish(object: &JsonObject<'_, '_>) -> Option<Finish> {
    Some(match fields::string_of(object, "stop_reason").filter(|word| !word.is_empty())? {
        "end_turn" => Finish::Stop,
        "stop_sequence" => Finish::StopSequence(fields::string_of(object, "stop_sequence").map(str::to_owned)),
        "max_tokens" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::Refusal,
        "pause_turn" => Finish::Pause,
        other => Finish::Other(other.to_owned()),
    })
}

/// A reason of this dialect's own that nothing else knows, for a replay in it.
pub(super) fn kept_reason(finish: Option<&Finish>) -> Option<Extra> {
    let Some(Finish::Other(word)) = finish else { return None };
    let value = RawJson(fields::written(|out| json::write_string(word, out)));
    Some(Extra { dialect: NAME, name: "stop_reason".to_owned(), value })
}

/// The tier that a usage object tells.
pub(super) fn read_tier(usage: Value<'_, '_>) -> Option<ServiceTier> {
    tier::read(fields::string_of(&usage.as_object()?, tier::FIELD)?)
}

/// There are words for two.
fn tier_word(tier: ServiceTier) -> Option<&'static str> {
    match tier {
        ServiceTier::Default => Some("standard"),
        ServiceTier::Priority => Some("priority"),
        ServiceTier::Flex | ServiceTier::Scale => None,
    }
}

/// What an answer said, as far as it decides why it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) calls_tools: bool,
    pub(super) refuses: bool,
}

/// Some models of other dialects call tools and say that they are done, or decline in words of their own kind,
/// of which there is none here but this reason. An end for a reason unheard of is none
/// that may be taken for complete.
pub(super) fn finish_word(finish: &Finish, said: Said) -> &'static str {
    match finish {
        Finish::Stop if said.calls_tools => "tool_use",
        Finish::Stop if said.refuses => "refusal",
        Finish::Stop => "end_turn",
        Finish::StopSequence(_) => "stop_sequence",
        Finish::Other(word) if word == CONTEXT_FULL => CONTEXT_FULL,
        Finish::Length | Finish::Other(_) => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::Refusal | Finish::ContentFilter => "refusal",
        Finish::Pause => "pause_turn",
    }
}

/// Tokens. `input_tokens` on the wire leaves out what was read from or written to the prompt cache;
/// the neutral number includes it.
pub(super) fn read_usage(value: Value<'_, '_>, keep: bool) -> Usage {
    let Some(object) = value.as_object() else {
        return Usage::default();
    };
    let read = |name: &str| fields::integer_of(&object, name);
    let (cache_read, cache_write) = (read("cache_read_input_tokens"), read("cache_creation_input_tokens"));
    let details = fields::object_of(&object, "output_tokens_details");
    Usage {
        input_tokens: read("input_tokens")
            .unwrap_or_default()
            .saturating_add(cache_read.unwrap_or_default())
            .saturating_add(cache_write.unwrap_or_default()),
        output_tokens: read("output_tokens").unwrap_or_default(),
        cache_read_tokens: cache_read,
        cache_write_tokens: cache_write,
        reasoning_tokens: details.and_then(|details| fields::integer_of(&details, "thinking_tokens")),
        cost_usd: None,
        estimated: false,
        original: keep.then(|| kept_usage(json::raw(value))),
    }
}

/// The usage object, for a replay in this dialect.
pub(super) fn kept_usage(json: String) -> Extra {
    Extra { dialect: NAME, name: "usage".to_owned(), value: RawJson(json) }
}

/// Here the tokens tell the tier as well.
pub(super) fn write_usage(usage: Option<&Usage>, tier: Option<ServiceTier>, out: &mut Vec<u8>) {
    let original = usage.and_then(|usage| usage.original.as_ref()).filter(|original| original.dialect == NAME);
    if let Some(original) = original {
        return out.extend_from_slice(original.value.0.as_bytes());
    }
    let unknown = Usage::default();
    let usage = usage.unwrap_or(&unknown);
    let cached =
        usage.cache_read_tokens.unwrap_or_default().saturating_add(usage.cache_write_tokens.unwrap_or_default());
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.integer("input_tokens", usage.input_tokens.saturating_sub(cached));
    writer.integer("cache_creation_input_tokens", usage.cache_write_tokens.unwrap_or_default());
    writer.integer("cache_read_input_tokens", usage.cache_read_tokens.unwrap_or_default());
    writer.integer("output_tokens", usage.output_tokens);
    if let Some(tokens) = usage.reasoning_tokens
        && let Some(out) = writer.field("output_tokens_details")
    {
        let mut inner = ObjectWriter::open(out, &[], NAME);
        inner.integer("thinking_tokens", tokens);
        inner.close();
    }
    writer.optional_string(tier::FIELD, tier.and_then(tier_word));
    writer.close();
}

/// There is one answer here; of several the first is written.
pub(super) fn write_answer(answer: &Answer, out: &mut Vec<u8>) {
    let choice = answer.choices.first();
    let parts = choice.map_or(&[][..], |choice| &choice.parts);
    let cited = choice.iter().flat_map(|choice| &choice.citations).filter(|citation| citation.dialect != NAME);
    let mut writer = ObjectWriter::open(out, &answer.extra, NAME);
    writer.string("id", &answer.id);
    writer.string("type", "message");
    writer.string("role", "assistant");
    writer.string("model", &answer.model);
    if let Some(out) = writer.field("content") {
        write_content(&placed(parts, cited, (NAME, citations::FIELD), citations::write), out);
    }
    write_finish(choice.and_then(|choice| choice.finish.as_ref()), said(parts), &mut writer);
    if let Some(out) = writer.field("usage") {
        write_usage(answer.usage.as_ref(), answer.service_tier, out);
    }
    writer.close();
}

fn write_content(parts: &[Part], out: &mut Vec<u8>) {
    out.push(b'[');
    let mut first = true;
    for part in parts {
        let before = out.len();
        if !first {
            out.push(b',');
        }
        if blocks::write_answer_part(part, out) {
            first = false;
        } else {
            out.truncate(before);
        }
    }
    out.push(b']');
}

fn said(parts: &[Part]) -> Said {
    Said {
        calls_tools: parts.iter().any(|part| matches!(part, Part::ToolCall { .. })),
        refuses: parts.iter().any(|part| matches!(part, Part::Refusal(_))),
    }
}

/// `stop_reason` and `stop_sequence`.
pub(super) fn write_finish(finish: Option<&Finish>, said: Said, writer: &mut ObjectWriter<'_>) {
    match finish {
        Some(finish) => writer.string("stop_reason", finish_word(finish, said)),
        None => writer.text("stop_reason", "null"),
    }
    match finish {
        Some(Finish::StopSequence(Some(sequence))) => writer.string("stop_sequence", sequence),
        _ => writer.text("stop_sequence", "null"),
    }
}

pub(super) fn facts(body: Value<'_, '_>) -> Result<AnswerFacts, Fault> {
    let object = envelope(body)?;
    let finish = fields::string_of(&object, "stop_reason");
    let mut facts = AnswerFacts {
        model: fields::string_of(&object, "model").map(str::to_owned),
        usage: object.get("usage").filter(|usage| usage.is_object()).map(|usage| read_usage(usage, false)),
        complete: matches!(finish, Some("end_turn" | "stop_sequence" | "tool_use")),
        refused: finish == Some("refusal"),
        ..AnswerFacts::default()
    };
    for block in object.get("content").and_then(|content| content.as_array()).iter().flat_map(|list| list.iter()) {
        let Some(block) = block.as_object() else {
            continue;
        };
        match fields::string_of(&block, "type") {
            Some("text") => facts.content |= fields::string_of(&block, "text").is_some_and(|text| !text.is_empty()),
            Some("tool_use") => (facts.content, facts.tool_calls) = (true, true),
            _ => facts.content = true,
        }
    }
    Ok(facts)
}
