//! Streamed answers. A stream is complete when it says `message-end`, and only then. Unknown events are
//! skipped.

use super::super::EventReader;
use super::super::fields;
use super::answer;
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
                into.push(Event::Start { id, model: String::new(), created_s: 0, extra: Vec::new() });
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
                let citation = message?.get("citations").map(json::raw)?;
                let extra = answer::citations_extra(format!("[{citation}]"));
                into.push(Event::TextExtra { choice: CHOICE, extra });
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
    match answer::finish_of(fields::string_of(delta, "finish_reason")?) {
        Ok(finish) => into.extend([Event::Finish { choice: CHOICE, finish }, Event::End]),
        Err(fault) => {
            let told = fields::string_of(delta, "error").map(fields::provider_text);
            let kind = if fault.kind == Kind::Timeout { Kind::Timeout } else { Kind::Provider(500) };
            into.push(Event::Error(Fault { kind, message: told.map_or(fault.message.clone(), Into::into), ..fault }));
        }
    }
    Some(())
}
