//! Whole answers.

use super::super::citations::entries;
use super::super::fields;
use super::super::fields::Keeper;
use super::NAME;
use super::citations;
use crate::chat::Answer;
use crate::chat::Choice;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::chat::Usage;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

const NOT_UNDERSTOOD: &str = "the provider's answer is not one of Cohere's chat";

pub(super) fn read_answer(body: Value<'_, '_>) -> Result<Answer, Fault> {
    let broken = || fields::not_understood(NOT_UNDERSTOOD);
    let object = body.as_object().ok_or_else(broken)?;
    let message = fields::object_of(&object, "message").ok_or_else(broken)?;
    let mut choice = Choice::default();
    read_message(&message, &mut choice.parts).ok_or_else(broken)?;
    let cited = entries(&message, "citations").into_iter().flat_map(citations::read);
    cited.for_each(|citation| choice.cite(citation));
    choice.finish = reason(&object).map(finish_of).transpose()?;
    choice.logprobs = object.get("logprobs").and_then(read_logprobs);
    let mut answer = Answer { usage: object.get("usage").and_then(read_usage), ..Answer::default() };
    fields::string_of(&object, "id").unwrap_or_default().clone_into(&mut answer.id);
    let mut keeper = Keeper::new(NAME);
    let known = ["id", "message", "finish_reason", "usage", "logprobs"];
    for (name, value) in object.iter().filter(|(name, _)| !known.contains(name)) {
        keeper.keep(name, value);
    }
    answer.extra = keeper.extras;
    answer.choices.push(choice);
    Ok(answer)
}

fn read_message(message: &JsonObject<'_, '_>, parts: &mut Vec<Part>) -> Option<()> {
    let plan = fields::string_of(message, "tool_plan").filter(|plan| !plan.is_empty());
    parts.extend(plan.map(|plan| Part::Thinking { text: plan.to_owned(), signature: None }));
    if let Some(content) = message.get("content").filter(|content| !content.is_null()) {
        match content.as_str() {
            Some(text) => parts.push(text_part(text)),
            None => content.as_array()?.iter().for_each(|piece| parts.push(read_piece(piece))),
        }
    }
    for call in message.get("tool_calls").and_then(|calls| calls.as_array()).iter().flat_map(|calls| calls.iter()) {
        let Call { id, name, arguments } = read_call(&call.as_object()?)?;
        let arguments = if arguments.is_empty() { "{}".to_owned() } else { arguments };
        parts.push(Part::ToolCall { id, name, arguments, cache_marker: None, extra: Vec::new() });
    }
    Some(())
}

/// One piece of content. What is not known stays whole.
fn read_piece(piece: Value<'_, '_>) -> Part {
    let object = piece.as_object();
    let text = |name: &str| object.as_ref().and_then(|object| fields::string_of(object, name));
    match (text("type"), text("text"), text("thinking")) {
        (Some("text"), Some(text), _) => text_part(text),
        (Some("thinking"), _, Some(text)) => Part::Thinking { text: text.to_owned(), signature: None },
        _ => Part::Opaque { dialect: NAME, json: RawJson(json::raw(piece)) },
    }
}

fn text_part(text: &str) -> Part {
    Part::Text { text: text.to_owned(), cache_marker: None, extra: Vec::new() }
}

/// A call, or as much of one as a stream begins with.
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

pub(super) fn read_call(call: &JsonObject<'_, '_>) -> Option<Call> {
    let function = fields::object_of(call, "function")?;
    let text = |object: &JsonObject<'_, '_>, name: &str| fields::string_of(object, name).unwrap_or_default().to_owned();
    Some(Call { id: text(call, "id"), name: text(&function, "name"), arguments: text(&function, "arguments") })
}

/// Why an answer ended; the empty word says nothing.
pub(super) fn reason<'input>(object: &JsonObject<'_, 'input>) -> Option<&'input str> {
    fields::string_of(object, "finish_reason").filter(|word| !word.is_empty())
}

/// Two of the reasons are none: the answer failed.
pub(super) fn finish_of(word: &str) -> Result<Finish, Fault> {
    Ok(match word {
        "COMPLETE" => Finish::Stop,
        "STOP_SEQUENCE" => Finish::StopSequence(None),
        "MAX_TOKENS" => Finish::Length,
        "TOOL_CALL" => Finish::ToolCalls,
        "ERROR_TOXIC" => Finish::ContentFilter,
        "ERROR" => return Err(Fault::new(Kind::Upstream, "the provider says that its answer failed")),
        "TIMEOUT" => return Err(Fault::new(Kind::Timeout, "the provider says that its answer took too long")),
        other => Finish::Other(other.to_owned()),
    })
}

/// Tokens, as used; as billed where no others are told.
pub(super) fn read_usage(value: Value<'_, '_>) -> Option<Usage> {
    let object = value.as_object()?;
    let counted = fields::object_of(&object, "tokens").or_else(|| fields::object_of(&object, "billed_units"))?;
    // Counts are written as floating-point numbers by some servers.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // counts; saturates
    let number = |value: Value<'_, '_>| fields::as_number(value).map(|number| number as u64);
    Some(Usage {
        input_tokens: counted.get("input_tokens").and_then(number).unwrap_or_default(),
        output_tokens: counted.get("output_tokens").and_then(number).unwrap_or_default(),
        cache_read_tokens: object.get("cached_tokens").and_then(number),
        original: Some(Extra { dialect: NAME, name: "usage".to_owned(), value: RawJson(json::raw(value)) }),
        ..Usage::default()
    })
}

/// As OpenAI writes them. The probability of a piece of several tokens is the product of theirs.
pub(super) fn read_logprobs(value: Value<'_, '_>) -> Option<RawJson> {
    let pieces = value.as_array()?;
    let content = fields::written(|out| {
        fields::write_list(pieces.iter().filter_map(|piece| piece.as_object()), out, |piece, out| {
            let text = fields::string_of(&piece, "text").unwrap_or_default();
            let parts = piece.get("logprobs").and_then(|list| list.as_array());
            let sum: f64 = parts.iter().flat_map(|list| list.iter()).filter_map(fields::as_number).sum();
            out.extend_from_slice(b"{\"token\":");
            json::write_string(text, out);
            out.extend_from_slice(format!(",\"logprob\":{sum},\"bytes\":{:?},", text.as_bytes()).as_bytes());
            out.extend_from_slice(b"\"top_logprobs\":[]}");
        });
    });
    Some(RawJson(format!("{{\"content\":{content},\"refusal\":null}}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn read(text: &str) -> Result<Answer, Fault> {
        let mut copy = text.as_bytes().to_vec();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("JSON");
        read_answer(tape.as_value())
    }

    #[test]
    fn plan_thinking_words_sources_and_calls_have_their_places() {
        let answer = read(
            r#"{"id":"i","finish_reason":"TOOL_CALL","message":{"role":"assistant","tool_plan":"I will","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"a"}],"citations":[{"start":0,"end":1,"sources":[{"document":{"url":"u"}}]}],"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":""}}]},"usage":{"billed_units":{"input_tokens":4,"output_tokens":2},"tokens":{"input_tokens":1442.0,"output_tokens":29},"cached_tokens":1040},"logprobs":[{"text":"a b","token_ids":[1,2],"logprobs":[-0.5,-0.25]}]}"#,
        )
        .expect("an answer");
        let thinking = |text: &str| Part::Thinking { text: text.into(), signature: None };
        let choice = &answer.choices[0];
        let text = text_part("a");
        let (id, name, arguments) = ("c".into(), "f".into(), "{}".into());
        let call = Part::ToolCall { id, name, arguments, cache_marker: None, extra: vec![] };
        assert_eq!(choice.parts, [thinking("I will"), thinking("hm"), text, call]);
        assert_eq!(choice.citations.iter().map(|citation| citation.span.clone()).collect::<Vec<_>>(), [Some(0..1)]);
        assert_eq!(choice.finish, Some(Finish::ToolCalls));
        let logprobs =
            r#"{"content":[{"token":"a b","logprob":-0.75,"bytes":[97, 32, 98],"top_logprobs":[]}],"refusal":null}"#;
        assert_eq!(choice.logprobs, Some(RawJson(logprobs.into())));
        let usage = answer.usage.expect("told");
        assert_eq!((usage.input_tokens, usage.output_tokens, usage.cache_read_tokens), (1442, 29, Some(1040)));
    }

    #[test]
    fn reasons_have_their_meaning_and_failures_are_no_answers() {
        let finish = |word: &str| {
            let text = format!(r#"{{"message":{{"content":null}},"finish_reason":"{word}"}}"#);
            read(&text).map(|answer| answer.choices[0].finish.clone())
        };
        assert_eq!(finish("COMPLETE"), Ok(Some(Finish::Stop)));
        assert_eq!(finish("STOP_SEQUENCE"), Ok(Some(Finish::StopSequence(None))));
        assert_eq!(finish("MAX_TOKENS"), Ok(Some(Finish::Length)));
        assert_eq!(finish("NEW"), Ok(Some(Finish::Other("NEW".into()))));
        assert_eq!(finish("ERROR").map_err(|fault| fault.kind), Err(Kind::Upstream));
        assert_eq!(finish("TIMEOUT").map_err(|fault| fault.kind), Err(Kind::Timeout));
        for garbage in ["{}", "[]", r#"{"message":"no"}"#, r#"{"message":{"content":1}}"#] {
            assert!(read(garbage).is_err(), "{garbage}");
        }
    }
}
