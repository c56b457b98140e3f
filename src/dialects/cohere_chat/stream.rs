//! Streamed answers. A stream is complete when it says `message-end`, and only then. Unknown events are
//! skipped.

use super::super::EventReader;
use super::super::fields;
use super::answer;
use super::citations;
use crate::chat::Event;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Parser;
use crate::wire::json::TypedScalarValue;

const NOT_UNDERSTOOD: &str = "the provider's stream holds something that is not an event of Cohere's chat";
/// What some servers end every stream with, whatever its format.
const DONE: &str = "[DONE]";

/// Most calls of one answer; more break the stream.
const CALLS_MAX: usize = 1024;

/// The single answer of this dialect.
const CHOICE: u64 = 0;

/// Reads a provider's stream.
#[derive(Default)]
pub(super) struct Reader {
    parser: Parser,
    /// The number on the wire of each call, in order, and whether arguments came for it.
    calls: Vec<(u64, bool)>,
}

impl EventReader for Reader {
    fn read(&mut self, _name: Option<&str>, data: &str, into: &mut Vec<Event>) -> Result<(), Fault> {
        if data == DONE {
            return Ok(());
        }
        let broken = || fields::not_understood(NOT_UNDERSTOOD);
        let mut copy = data.as_bytes().to_vec();
        let tape = self.parser.parse(&mut copy).map_err(|_| broken())?;
        let event = tape.as_value().as_object().ok_or_else(broken)?;
        match fields::string_of(&event, "type") {
            Some(kind) => self.take(kind, &event, into).ok_or_else(broken)?,
            None if fields::string_of(&event, "message").is_some() => {
                into.push(Event::Error(fields::read_error(500, tape.as_value())));
            }
            None => return Err(broken()),
        }
        self.parser.recycle(tape);
        Ok(())
    }
}

impl Reader {
    fn take(&mut self, kind: &str, event: &JsonObject<'_, '_>, into: &mut Vec<Event>) -> Option<()> {
        let delta = fields::object_of(event, "delta");
        let message = delta.as_ref().and_then(|delta| fields::object_of(delta, "message"));
        match kind {
            "message-start" => {
                let id = fields::string_of(event, "id").unwrap_or_default().to_owned();
                into.push(Event::Start {
                    id,
                    model: String::new(),
                    created_s: 0,
                    service_tier: None,
                    extra: Vec::new(),
                });
            }
            "content-start" => {
                let content = fields::object_of(&message?, "content")?;
                if fields::string_of(&content, "type") == Some("text") {
                    into.push(Event::TextStart { choice: CHOICE });
                }
                grow(&content, into);
            }
            "content-delta" => {
                grow(&fields::object_of(&message?, "content")?, into);
                let logprobs = event.get("logprobs").filter(|value| !value.is_null());
                if let Some(piece) = logprobs.map(json::raw).and_then(|piece| self.logprobs(&piece)) {
                    into.push(piece);
                }
            }
            "tool-plan-delta" => {
                let text = fields::string_of(&message?, "tool_plan")?.to_owned();
                into.extend((!text.is_empty()).then_some(Event::Thinking { choice: CHOICE, text }));
            }
            "tool-call-start" => {
                let call = answer::read_call(&fields::object_of(&message?, "tool_calls")?)?;
                let number = self.calls.len() as u64;
                if self.calls.len() == CALLS_MAX {
                    return None;
                }
                self.calls.push((fields::integer_of(event, "index").unwrap_or(number), !call.arguments.is_empty()));
                let (id, name) = (call.id, call.name);
                into.push(Event::ToolCall { choice: CHOICE, call: number, id, name, extra: Vec::new() });
                let text = call.arguments;
                into.extend((!text.is_empty()).then_some(Event::ToolArguments { choice: CHOICE, call: number, text }));
            }
            "tool-call-delta" => {
                let text = answer::read_call(&fields::object_of(&message?, "tool_calls")?)?.arguments;
                let (number, told) = self.call(event)?;
                *told |= !text.is_empty();
                into.extend((!text.is_empty()).then_some(Event::ToolArguments { choice: CHOICE, call: number, text }));
            }
            "tool-call-end" => {
                let (number, told) = self.call(event)?;
                if !std::mem::replace(told, true) {
                    into.push(Event::ToolArguments { choice: CHOICE, call: number, text: "{}".to_owned() });
                }
            }
            "citation-start" => {
                let cited = citations::read(message?.get("citations")?);
                into.extend(cited.into_iter().map(|citation| Event::Cited { choice: CHOICE, citation }));
            }
            "message-end" => end(&delta?, into)?,
            _ => {}
        }
        Some(())
    }

    /// The call that an event is about: the one of its number, or the newest.
    fn call(&mut self, event: &JsonObject<'_, '_>) -> Option<(u64, &mut bool)> {
        let newest = self.calls.len().checked_sub(1)?;
        let place = match fields::integer_of(event, "index") {
            Some(index) => self.calls.iter().rposition(|(known, _)| *known == index)?,
            None => newest,
        };
        Some((place as u64, &mut self.calls[place].1))
    }

    fn logprobs(&mut self, piece: &str) -> Option<Event> {
        let mut copy = format!("[{piece}]").into_bytes();
        let tape = Parser::new().parse(&mut copy).ok()?;
        answer::read_logprobs(tape.as_value()).map(|json| Event::Logprobs { choice: CHOICE, json })
    }
}

/// Words or thinking, whichever there are.
fn grow(content: &JsonObject<'_, '_>, into: &mut Vec<Event>) {
    let text = |name: &str| fields::string_of(content, name).filter(|text| !text.is_empty()).map(str::to_owned);
    into.extend(text("thinking").map(|text| Event::Thinking { choice: CHOICE, text }));
    into.extend(text("text").map(|text| Event::Text { choice: CHOICE, text }));
}

fn end(delta: &JsonObject<'_, '_>, into: &mut Vec<Event>) -> Option<()> {
    into.extend(delta.get("usage").and_then(answer::read_usage).map(Event::Usage));
    match answer::finish_of(answer::reason(delta)?) {
        Ok(finish) => into.extend([Event::Finish { choice: CHOICE, finish }, Event::End]),
        Err(fault) => {
            let told = fields::string_of(delta, "error").map(fields::provider_text);
            let kind = if fault.kind == Kind::Timeout { Kind::Timeout } else { Kind::Provider(500) };
            into.push(Event::Error(Fault { kind, message: told.map_or(fault.message.clone(), Into::into), ..fault }));
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::NAME;
    use super::*;
    use crate::chat::Citation;
    use crate::chat::Finish;
    use crate::chat::Source;

    fn read(events: &[&str]) -> Result<Vec<Event>, Fault> {
        let mut reader = Reader::default();
        let mut into = Vec::new();
        events.iter().try_for_each(|data| reader.read(None, data, &mut into))?;
        Ok(into)
    }

    #[test]
    fn every_event_has_its_meaning() {
        let call = |kind: &str, index: u64, call: &str| {
            format!(r#"{{"type":"{kind}","index":{index},"delta":{{"message":{{"tool_calls":{call}}}}}}}"#)
        };
        let start = |id: &str| format!(r#"{{"id":"{id}","type":"function","function":{{"name":"f","arguments":""}}}}"#);
        let events = read(&[
            r#"{"type":"message-start","id":"i","delta":{"message":{"role":"assistant"}}}"#,
            r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":""}}}}"#,
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"hm"}}}}"#,
            r#"{"type":"content-end","index":0}"#,
            r#"{"type":"content-start","index":1,"delta":{"message":{"content":{"type":"text","text":""}}}}"#,
            r#"{"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"a"}}},"logprobs":{"text":"a","token_ids":[1],"logprobs":[-0.5]}}"#,
            r#"{"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":0,"end":1,"sources":[{"document":{"url":"u"}}]}}}}"#,
            r#"{"type":"citation-end","index":0}"#,
            r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"plan"}}}"#,
            &call("tool-call-start", 0, &start("c")),
            &call("tool-call-start", 1, &start("d")),
            &call("tool-call-delta", 0, r#"{"function":{"arguments":"{\"x\":1}"}}"#),
            r#"{"type":"tool-call-end","index":0}"#,
            r#"{"type":"tool-call-end","index":1}"#,
            r#"{"type":"from-the-future","delta":1}"#,
            r#"{"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":3,"output_tokens":2}}}}"#,
            "[DONE]",
        ]);
        let call = |call, id: &str| Event::ToolCall { choice: 0, call, id: id.into(), name: "f".into(), extra: vec![] };
        let arguments = |call, text: &str| Event::ToolArguments { choice: 0, call, text: text.into() };
        let thinking = |text: &str| Event::Thinking { choice: 0, text: text.into() };
        let logprobs = r#"{"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]}],"refusal":null}"#;
        let source = Source::Url("u".into());
        let citation = Citation { dialect: NAME, source, title: None, cited_text: None, span: Some(0..1) };
        let wanted = [
            Event::Start { id: "i".into(), model: String::new(), created_s: 0, service_tier: None, extra: vec![] },
            thinking("hm"),
            Event::TextStart { choice: 0 },
            Event::Text { choice: 0, text: "a".into() },
            Event::Logprobs { choice: 0, json: crate::chat::RawJson(logprobs.into()) },
            Event::Cited { choice: 0, citation },
            thinking("plan"),
            call(0, "c"),
            call(1, "d"),
            arguments(0, "{\"x\":1}"),
            arguments(1, "{}"),
        ];
        let events = events.expect("understood");
        assert_eq!(events[..wanted.len()], wanted);
        let [Event::Usage(usage), Event::Finish { finish: Finish::ToolCalls, .. }, Event::End] =
            &events[wanted.len()..]
        else {
            panic!("{events:?}")
        };
        assert_eq!((usage.input_tokens, usage.output_tokens), (3, 2), "billed, where nothing else is told");
    }

    #[test]
    fn failures_and_garbage_are_no_events() {
        let fault = |data: &str| match read(&[data]).expect("an error is an event").remove(0) {
            Event::Error(fault) => fault,
            other => panic!("{other:?}"),
        };
        let failed = fault(r#"{"type":"message-end","delta":{"finish_reason":"ERROR","error":"no room"}}"#);
        assert_eq!((failed.kind, failed.message.as_ref()), (Kind::Provider(500), "no room"));
        assert_eq!(fault(r#"{"type":"message-end","delta":{"finish_reason":"TIMEOUT"}}"#).kind, Kind::Timeout);
        assert_eq!(fault(r#"{"id":"i","message":"internal"}"#).message, "internal");
        for data in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"type":"message-end"}"#,
            r#"{"type":"message-end","delta":{}}"#,
            r#"{"type":"content-delta","delta":{}}"#,
            r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{}}}}}"#,
        ] {
            assert!(read(&[data]).is_err(), "{data}");
        }
    }
}
