//! Whole answers.

use super::super::AnswerFacts;
use super::super::citations::is_told_in;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::super::tier;
use super::NAME;
use super::annotations;
use super::message;
use crate::chat::Answer;
use crate::chat::Choice;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::chat::Usage;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonArray;
use crate::wire::json::JsonObject;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

const OBJECT: &str = "chat.completion";
const NOT_UNDERSTOOD: &str = "the provider's answer is not a chat completion";

pub(super) fn read_answer(body: Value<'_, '_>) -> Result<Answer, Fault> {
    let (object, choices) = envelope(body)?;
    let mut answer = Answer::default();
    let mut keeper = Keeper::new(NAME);
    for (name, value) in object.iter() {
        match (name, value.as_str()) {
            ("id", Some(id)) => id.clone_into(&mut answer.id),
            ("model", Some(model)) => model.clone_into(&mut answer.model),
            ("created", None) if value.as_u64().is_some() => answer.created_s = value.as_u64().unwrap_or_default(),
            ("object", Some(OBJECT)) | ("choices", _) => {}
            ("usage", None) if value.is_object() => answer.usage = Some(read_usage(value, true)),
            _ => keeper.keep(name, value),
        }
    }
    for name in ["id", "object", "created", "model"].iter().filter(|name| object.get(**name).is_none()) {
        keeper.absent(*name);
    }
    answer.extra = keeper.extras;
    let read = |(place, choice)| read_choice(place, choice);
    answer.choices = choices.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    answer.service_tier = fields::string_of(&object, tier::FIELD).and_then(tier::read);
    if let Some(first) = answer.choices.first_mut().filter(|first| first.citations.is_empty()) {
        annotations::beside(&object).into_iter().for_each(|citation| first.cite(citation));
    }
    Ok(answer)
}

/// Some providers say 200 and mean an error, which may stand in the place of an answer as well.
fn envelope<'tape, 'input>(
    body: Value<'tape, 'input>,
) -> Result<(JsonObject<'tape, 'input>, JsonArray<'tape, 'input>), Fault> {
    let object = body.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
    match object.get("choices").and_then(|choices| choices.as_array()) {
        Some(choices) => match choices.iter().find_map(|choice| error_of(&choice.as_object()?)) {
            Some(fault) => Err(fault),
            None => Ok((object, choices)),
        },
        None => Err(match object.get("error").filter(|error| !error.is_null()) {
            Some(error) => in_band_error(error),
            None => fields::not_understood(NOT_UNDERSTOOD),
        }),
    }
}

/// The error that stands in the place of one answer.
pub(super) fn error_of(choice: &JsonObject<'_, '_>) -> Option<Fault> {
    choice.get("error").filter(|error| error.is_object()).map(in_band_error)
}

/// An error that did not come with a status of its own; its code is one where it looks like one.
pub(super) fn in_band_error(error: Value<'_, '_>) -> Fault {
    let object = error.as_object();
    let number = |name| object.as_ref().and_then(|object| fields::integer_of(object, name));
    let status = number("code").or_else(|| number("status_code")).filter(|code| (400..600).contains(code));
    fields::read_error(status.and_then(|status| u16::try_from(status).ok()).unwrap_or(502), error)
}

fn read_choice(place: usize, choice: Value<'_, '_>) -> Result<Choice, Fault> {
    let broken = || fields::not_understood(NOT_UNDERSTOOD);
    let object = choice.as_object().ok_or_else(broken)?;
    let mut keeper = Keeper::new(NAME);
    let place = u64::try_from(place).unwrap_or(u64::MAX);
    let mut read = Choice { index: place, ..Choice::default() };
    let mut indexed = false;
    for (name, value) in object.iter() {
        match name {
            "index" if value.as_u64().is_some() => {
                indexed = true;
                read.index = value.as_u64().unwrap_or(place);
            }
            "finish_reason" => read.finish = read_finish(value, &mut keeper),
            "logprobs" if !value.is_null() => read.logprobs = Some(RawJson(json::raw(value))),
            "message" => {
                let message = value.as_object().ok_or_else(broken)?;
                read_message(&message, &mut read.parts, &mut keeper)?;
                let cited = message.get(annotations::FIELD).map(annotations::read).unwrap_or_default();
                cited.into_iter().for_each(|citation| read.cite(citation));
            }
            _ => keeper.keep(name, value),
        }
    }
    if !indexed && object.get("index").is_none() {
        keeper.absent("index");
    }
    for name in ["finish_reason", "logprobs"].into_iter().filter(|name| object.get(*name).is_none()) {
        keeper.absent(name);
    }
    read.extra = keeper.extras;
    Ok(read)
}

fn read_finish(value: Value<'_, '_>, keeper: &mut Keeper) -> Option<Finish> {
    let word = value.as_str()?;
    let finish = finish_of(word);
    if finish.as_ref().map(finish_word) != Some(word) {
        keeper.keep("finish_reason", value);
    }
    finish
}

/// The word some providers use for "not yet" is the empty one. Others pass on the words of the model
/// behind them, or of the server it runs on.
pub(super) fn finish_of(word: &str) -> Option<Finish> {
    Some(match word {
        "" => return None,
        "stop" | "eos" | "end_turn" | "stop_sequence" => Finish::Stop,
        "length" | "max_tokens" | "model_length" => Finish::Length,
        "tool_calls" | "function_call" | "tool_call" | "tool_use" => Finish::ToolCalls,
        "content_filter" => Finish::ContentFilter,
        other => Finish::Other(other.to_owned()),
    })
}

/// Words for reasons of other dialects, none but OpenAI's: a refusal by the model's safety system is what it
/// calls a filter, and a paused turn, a full context or anything unheard of is an answer cut short, never a
/// complete one.
pub(super) fn finish_word(finish: &Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopSequence(_) => "stop",
        Finish::Length | Finish::Pause | Finish::Other(_) => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter | Finish::Refusal => "content_filter",
    }
}

/// Fields of the message are kept with those of the choice, as `message/…`.
fn read_message(message: &JsonObject<'_, '_>, parts: &mut Vec<Part>, keeper: &mut Keeper) -> Result<(), Fault> {
    *parts = message::read_thinking(message);
    let mut calls = Vec::new();
    let mut refusal = None;
    for (name, value) in message.iter() {
        match (name, value.as_str()) {
            ("role", Some("assistant")) | ("content", _) => {}
            ("reasoning_content", _) => keep_unless(message::thinking_text(parts).as_deref(), name, value, keeper),
            ("thinking_blocks", None) => {
                if message::thinking_blocks(parts) != Some(json::raw(value)) {
                    keeper.keep("message/thinking_blocks", value);
                }
            }
            ("refusal", Some(text)) if !text.is_empty() => refusal = Some(Part::Refusal(text.to_owned())),
            ("tool_calls", None) if value.as_array().is_some_and(|calls| !calls.is_empty()) => {
                calls = message::read_tool_calls(&fields::array(value, || name.to_owned())?, name)
                    .map_err(|_| fields::not_understood(NOT_UNDERSTOOD))?;
            }
            _ => keeper.keep(format!("message/{name}"), value),
        }
    }
    read_content(message.get("content"), parts, keeper);
    let thought = message::thinking_text(parts).is_some();
    if thought && message.get("reasoning_content").is_none() {
        keeper.absent("message/reasoning_content");
    }
    if message::thinking_blocks(parts).is_some() && message.get("thinking_blocks").is_none() {
        keeper.absent("message/thinking_blocks");
    }
    for name in ["role", "refusal"].into_iter().filter(|name| message.get(*name).is_none()) {
        keeper.absent(format!("message/{name}"));
    }
    parts.extend(refusal);
    parts.append(&mut calls);
    Ok(())
}

/// Reasoning text is written from the parts, so it is kept only where it says something else.
fn keep_unless(usual: Option<&str>, name: &str, value: Value<'_, '_>, keeper: &mut Keeper) {
    if usual.is_none() || value.as_str() != usual {
        keeper.keep(format!("message/{name}"), value);
    }
}

fn read_content(content: Option<Value<'_, '_>>, parts: &mut Vec<Part>, keeper: &mut Keeper) {
    let Some(content) = content else {
        return keeper.absent("message/content");
    };
    match content.as_str() {
        Some("") => keeper.keep("message/content", content),
        Some(text) => parts.push(plain_text(text)),
        None => {
            if let Some(list) = content.as_array() {
                keeper.keep("message/content", content);
                list.iter().for_each(|part| parts.push(read_piece(part)));
            }
        }
    }
}

/// One piece of content that came as a list, of a message or of a delta.
pub(super) fn read_piece(piece: Value<'_, '_>) -> Part {
    let object = piece.as_object();
    if let Some(text) = object.as_ref().and_then(message::read_thinking_part) {
        return Part::Thinking { text, signature: None };
    }
    let text = object.as_ref().filter(|object| fields::string_of(object, "type") == Some("text") && object.len() == 2);
    match text.and_then(|object| fields::string_of(object, "text")) {
        Some(text) => plain_text(text),
        None => Part::Opaque { dialect: NAME, json: RawJson(json::raw(piece)) },
    }
}

fn plain_text(text: &str) -> Part {
    Part::Text { text: text.to_owned(), cache_marker: None, extra: Vec::new() }
}

/// Tokens; `keep` stores the object for a replay in this dialect.
pub(super) fn read_usage(value: Value<'_, '_>, keep: bool) -> Usage {
    let Some(object) = value.as_object() else {
        return Usage::default();
    };
    let read = |name: &str| fields::integer_of(&object, name);
    let inside = |outer: &str, name: &str| fields::integer_of(&fields::object_of(&object, outer)?, name);
    let cached = inside("prompt_tokens_details", "cached_tokens");
    Usage {
        input_tokens: read("prompt_tokens").unwrap_or_default(),
        output_tokens: read("completion_tokens").unwrap_or_default(),
        // What DeepSeek and Mistral call the same.
        cache_read_tokens: cached.or_else(|| read("prompt_cache_hit_tokens")).or_else(|| read("num_cached_tokens")),
        cache_write_tokens: inside("prompt_tokens_details", "cache_write_tokens"),
        reasoning_tokens: inside("completion_tokens_details", "reasoning_tokens"),
        cost_usd: fields::cost_of(&object),
        estimated: false,
        original: keep.then(|| Extra { dialect: NAME, name: "usage".to_owned(), value: RawJson(json::raw(value)) }),
    }
}

pub(super) fn write_usage(usage: &Usage, out: &mut Vec<u8>) {
    if let Some(original) = usage.original.as_ref().filter(|original| original.dialect == NAME) {
        return out.extend_from_slice(original.value.0.as_bytes());
    }
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.integer("prompt_tokens", usage.input_tokens);
    writer.integer("completion_tokens", usage.output_tokens);
    writer.integer("total_tokens", usage.input_tokens.saturating_add(usage.output_tokens));
    let of_input = [("cached_tokens", usage.cache_read_tokens), ("cache_write_tokens", usage.cache_write_tokens)];
    write_details("prompt_tokens_details", &of_input, &mut writer);
    write_details("completion_tokens_details", &[("reasoning_tokens", usage.reasoning_tokens)], &mut writer);
    writer.close();
}

fn write_details(name: &'static str, details: &[(&'static str, Option<u64>)], writer: &mut ObjectWriter<'_>) {
    if details.iter().all(|(_, tokens)| tokens.is_none()) {
        return;
    }
    if let Some(out) = writer.field(name) {
        let mut inner = ObjectWriter::open(out, &[], NAME);
        for (name, tokens) in details {
            if let Some(tokens) = tokens {
                inner.integer(name, *tokens);
            }
        }
        inner.close();
    }
}

pub(super) fn write_answer(answer: &Answer, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &answer.extra, NAME);
    writer.string("id", &answer.id);
    writer.string("object", OBJECT);
    writer.integer("created", answer.created_s);
    writer.string("model", &answer.model);
    if let Some(out) = writer.field("choices") {
        fields::write_list(&answer.choices, out, write_choice);
    }
    if let Some(usage) = &answer.usage
        && let Some(out) = writer.field("usage")
    {
        write_usage(usage, out);
    }
    writer.optional_string(tier::FIELD, answer.service_tier.map(tier::openai));
    writer.close();
}

fn write_choice(choice: &Choice, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &choice.extra, NAME);
    writer.integer("index", choice.index);
    if let Some(out) = writer.field("message") {
        write_message(choice, out);
    }
    // OpenAI's own description wants it to be there, and that there is a refusal.
    writer.text("logprobs", choice.logprobs.as_ref().map_or("null", |logprobs| &logprobs.0));
    match &choice.finish {
        Some(finish) => writer.string("finish_reason", finish_word(finish)),
        None => writer.text("finish_reason", "null"),
    }
    writer.close();
}

fn write_message(choice: &Choice, out: &mut Vec<u8>) {
    let parts = &choice.parts;
    let mut writer = ObjectWriter::open_scope(out, &choice.extra, NAME, "message/");
    writer.string("role", "assistant");
    if let Some(out) = writer.field("content") {
        match text_of(parts) {
            Some(text) => json::write_string(&text, out),
            None => out.extend_from_slice(b"null"),
        }
    }
    writer.optional_string("reasoning_content", message::thinking_text(parts).as_deref());
    if let Some(blocks) = message::thinking_blocks(parts) {
        writer.text("thinking_blocks", &blocks);
    }
    if let Some(refusal) = parts.iter().find_map(|part| if let Part::Refusal(text) = part { Some(text) } else { None })
    {
        writer.string("refusal", refusal);
    } else {
        writer.text("refusal", "null");
    }
    message::write_tool_calls(parts, &mut writer);
    let mut cited = choice.citations.iter().filter(|citation| is_told_in(NAME, citation)).peekable();
    if cited.peek().is_some()
        && let Some(out) = writer.field(annotations::FIELD)
    {
        fields::write_list(cited, out, |citation, out| annotations::write(None, citation, out));
    }
    writer.close();
}

/// All text as one; several texts of a block dialect are pieces of one another.
fn text_of(parts: &[Part]) -> Option<String> {
    let mut whole: Option<String> = None;
    for part in parts {
        if let Part::Text { text, .. } = part {
            whole.get_or_insert_default().push_str(text);
        }
    }
    whole
}

pub(super) fn facts(body: Value<'_, '_>) -> Result<AnswerFacts, Fault> {
    let (object, choices) = envelope(body)?;
    let mut facts = AnswerFacts {
        model: fields::string_of(&object, "model").map(str::to_owned),
        usage: object.get("usage").filter(|usage| usage.is_object()).map(|usage| read_usage(usage, false)),
        complete: !choices.is_empty(),
        ..AnswerFacts::default()
    };
    for choice in &choices {
        let choice = choice.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
        let word = fields::string_of(&choice, "finish_reason");
        let finish = word.and_then(finish_of);
        facts.complete &= matches!(finish, Some(Finish::Stop | Finish::ToolCalls));
        facts.refused |= finish == Some(Finish::ContentFilter);
        if let Some(message) = fields::object_of(&choice, "message") {
            let said = Said::of(&message);
            facts.content |= said.any();
            facts.tool_calls |= said.tool_call;
            facts.refused |= said.refusal;
        }
    }
    Ok(facts)
}

/// What a message or a delta carries.
#[derive(Clone, Copy, Default)]
pub(super) struct Said {
    words: bool,
    pub(super) tool_call: bool,
    pub(super) refusal: bool,
}

impl Said {
    pub(super) fn of(message: &JsonObject<'_, '_>) -> Said {
        let mut said = Said::default();
        for (name, value) in message.iter() {
            let something = match value.as_str() {
                Some(text) => !text.is_empty(),
                None => {
                    value.as_array().is_some_and(|list| !list.is_empty())
                        || value.as_object().is_some_and(|object| !object.is_empty())
                }
            };
            match name {
                "content" | "reasoning_content" | "reasoning" | "audio" | "images" => said.words |= something,
                "tool_calls" => said.tool_call |= something,
                // Some providers send an empty one with every message.
                "function_call" => said.tool_call |= names_function(value),
                "refusal" => said.refusal |= something,
                _ => {}
            }
        }
        said
    }

    pub(super) fn any(self) -> bool {
        self.words || self.tool_call || self.refusal
    }
}

fn names_function(call: Value<'_, '_>) -> bool {
    call.as_object().is_some_and(|call| fields::string_of(&call, "name").is_some_and(|name| !name.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn facts_of(choice: &str) -> AnswerFacts {
        let mut copy = format!(r#"{{"model":"m","choices":[{choice}]}}"#).into_bytes();
        facts(Parser::new().parse(&mut copy).expect("valid JSON").as_value()).expect("a completion")
    }

    #[test]
    fn only_whole_answers_are_complete() {
        for (word, complete) in [
            ("stop", true),
            ("tool_calls", true),
            ("eos", true),
            ("end_turn", true),
            ("tool_use", true),
            ("length", false),
            ("model_length", false),
            ("max_tokens", false),
            ("content_filter", false),
            ("error", false),
            ("abort", false),
        ] {
            let choice = format!(r#"{{"message":{{"content":"x"}},"finish_reason":"{word}"}}"#);
            assert_eq!(facts_of(&choice).complete, complete, "{word}");
        }
        let two = r#"{"message":{},"finish_reason":"stop"},{"message":{},"finish_reason":null}"#;
        assert!(!facts_of(two).complete);
        assert!(!facts_of("").complete);
        assert!(facts_of(r#"{"message":{"refusal":"no"},"finish_reason":"stop"}"#).refused);
        let empty_call = r#"{"message":{"function_call":{"name":"","arguments":""}},"finish_reason":"stop"}"#;
        assert!(!facts_of(empty_call).content);
    }

    #[test]
    fn odd_words_for_an_end_are_understood_and_given_back() {
        for (word, finish) in [("eos", Finish::Stop), ("tool_use", Finish::ToolCalls), ("model_length", Finish::Length)]
        {
            let body = format!(r#"{{"choices":[{{"message":{{"content":"x"}},"finish_reason":"{word}"}}]}}"#);
            let mut copy = body.into_bytes();
            let answer =
                read_answer(Parser::new().parse(&mut copy).expect("valid JSON").as_value()).expect("an answer");
            assert_eq!(answer.choices[0].finish, Some(finish));
            let mut out = Vec::new();
            write_answer(&answer, &mut out);
            let written = String::from_utf8(out).expect("text");
            assert!(written.contains(&format!(r#""finish_reason":"{word}""#)), "{written}");
        }
    }

    #[test]
    fn an_error_in_the_place_of_an_answer_is_an_error() {
        let body = r#"{"choices":[{"index":0,"error":{"code":502,"message":"upstream"},"finish_reason":"error"}]}"#;
        let mut copy = body.as_bytes().to_vec();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("valid JSON");
        assert_eq!(read_answer(tape.as_value()).expect_err("an error").message, "upstream");
        assert!(facts(tape.as_value()).is_err());
    }

    #[test]
    fn a_cost_that_is_told_is_read() {
        let cost = |usage: &str| {
            let mut copy = format!("{{{usage}}}").into_bytes();
            read_usage(Parser::new().parse(&mut copy).expect("valid JSON").as_value(), false).cost_usd
        };
        for (usage, wanted) in [
            (r#""prompt_tokens":1"#, None),
            (r#""cost":0.00183,"is_byok":false,"cost_details":{"upstream_inference_cost":0.00183}"#, Some(0.001_83)),
            (r#""cost":0.5,"is_byok":true,"cost_details":{"upstream_inference_cost":2}"#, Some(2.5)),
            (r#""cost":0"#, Some(0.0)),
            (r#""cost":{"input_tokens_cost":1,"total_cost":0.006}"#, Some(0.006)),
            (r#""cost":null"#, None),
            (r#""cost":-1"#, None),
            (r#""cost":"much""#, None),
        ] {
            assert_eq!(cost(usage), wanted, "{usage}");
        }
    }

    #[test]
    fn an_error_with_status_200_is_an_error() {
        let mut copy = br#"{"error":{"message":"busy","code":429}}"#.to_vec();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("valid JSON");
        let fault = read_answer(tape.as_value()).expect_err("an error");
        assert_eq!(fault.kind, crate::fault::Kind::Provider(429));
        assert_eq!(fault.message, "busy");
        assert!(facts(tape.as_value()).is_err());
    }

    #[test]
    fn reasons_of_others_are_told_in_words_that_clients_know() {
        for (finish, word) in [
            (Finish::Other("UNEXPECTED_TOOL_CALL".into()), "length"),
            (Finish::Refusal, "content_filter"),
            (Finish::Pause, "length"),
        ] {
            assert_eq!(finish_word(&finish), word);
        }
    }
}
