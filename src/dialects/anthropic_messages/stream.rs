//! Streamed answers: blocks that open, grow and close.
//!
//! A stream is complete when it says `message_stop`, and only then. Unknown events and unknown deltas
//! are skipped, as the provider demands of its clients. A block of a kind that only this dialect knows
//! is gathered and told as a whole when it closes.

use super::super::EventFacts;
use super::super::EventReader;
use super::super::EventWriter;
use super::super::citations::Cited;
use super::super::citations::Waiting;
use super::super::fields;
use super::super::fields::ObjectWriter;
use super::NAME;
use super::answer;
use super::answer::Said;
use super::blocks;
use super::citations;
use super::fault;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::chat::Usage;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Parser;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;

const NOT_UNDERSTOOD: &str = "the provider's stream holds something that is not an event of a message";

/// The single answer of this dialect.
const CHOICE: u64 = 0;

/// Reads a provider's stream.
#[derive(Default)]
pub(super) struct Reader {
    parser: Parser,
    open: Option<Open>,
    calls: u64,
    /// The usage object so far, field by field: later events repeat some fields and leave out others.
    usage: Vec<(String, String)>,
    cited: Cited,
}

/// The block being streamed.
enum Open {
    /// Told as it grows.
    Growing,
    /// A call: its number, its input as announced, and whether arguments were streamed.
    Call { number: u64, announced: String, told: bool },
    /// A block that is told whole: its fields as announced and the input streamed since.
    Gathered { fields: Vec<(String, String)>, input: String },
}

impl EventReader for Reader {
    fn read(&mut self, _name: Option<&str>, data: &str, into: &mut Vec<Event>) -> Result<(), Fault> {
        let broken = || fields::not_understood(NOT_UNDERSTOOD);
        let mut copy = data.as_bytes().to_vec();
        let tape = self.parser.parse(&mut copy).map_err(|_| broken())?;
        let event = tape.as_value().as_object().ok_or_else(broken)?;
        match fields::string_of(&event, "type").ok_or_else(broken)? {
            "message_start" => self.start(&fields::object_of(&event, "message").ok_or_else(broken)?, into),
            "content_block_start" => {
                self.open_block(event.get("content_block").ok_or_else(broken)?, into)?;
            }
            "content_block_delta" => self.grow(&fields::object_of(&event, "delta").ok_or_else(broken)?, into),
            "content_block_stop" => self.close_block(into),
            "message_delta" => self.finish(&event, into),
            "message_stop" => into.push(Event::End),
            "ping" => into.push(Event::Ping),
            "error" => into.push(Event::Error(read_error(&event))),
            _ => {}
        }
        self.parser.recycle(tape);
        Ok(())
    }
}

impl Reader {
    fn start(&mut self, message: &JsonObject<'_, '_>, into: &mut Vec<Event>) {
        const KNOWN: &[&str] = &["id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"];
        let text = |name: &str| fields::string_of(message, name).unwrap_or_default().to_owned();
        let others = message.iter().filter(|(name, value)| !KNOWN.contains(name) && !value.is_null());
        let usage = message.get("usage");
        into.push(Event::Start {
            id: text("id"),
            model: text("model"),
            created_s: 0,
            service_tier: usage.and_then(answer::read_tier),
            extra: others.map(|(name, value)| own(name, value)).collect(),
        });
        self.count(usage, into);
    }

    /// Merges an event's numbers into those so far and tells the sum of knowledge.
    fn count(&mut self, usage: Option<Value<'_, '_>>, into: &mut Vec<Event>) {
        let Some(usage) = usage.and_then(|usage| usage.as_object()) else {
            return;
        };
        for (name, value) in usage.iter() {
            let value = json::raw(value);
            match self.usage.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = value,
                None => self.usage.push((name.to_owned(), value)),
            }
        }
        let merged = fields::written(|out| write_fields(&self.usage, out));
        let mut copy = merged.clone().into_bytes();
        let Ok(tape) = self.parser.parse(&mut copy) else {
            return;
        };
        let mut usage = answer::read_usage(tape.as_value(), false);
        self.parser.recycle(tape);
        usage.original = Some(answer::kept_usage(merged));
        into.push(Event::Usage(usage));
    }

    fn open_block(&mut self, block: Value<'_, '_>, into: &mut Vec<Event>) -> Result<(), Fault> {
        let object = block.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
        let text = |name: &str| fields::string_of(&object, name).filter(|text| !text.is_empty()).map(str::to_owned);
        self.open = Some(match fields::string_of(&object, "type") {
            Some("text") => {
                self.cited.begin();
                into.push(Event::TextStart { choice: CHOICE });
                self.say(text("text"), into);
                Open::Growing
            }
            Some("thinking") => {
                into.extend(text("thinking").map(|text| Event::Thinking { choice: CHOICE, text }));
                let signed = |signature| Event::ThinkingSignature { choice: CHOICE, signature };
                into.extend(text("signature").map(signed));
                Open::Growing
            }
            Some("tool_use") if fields::string_of(&object, "name").is_some() => {
                let others = object.iter().filter(|(name, _)| !matches!(*name, "type" | "id" | "name" | "input"));
                let extra = others.map(|(name, value)| own(name, value)).collect();
                let (number, id, name) = (self.calls, text("id").unwrap_or_default(), text("name").unwrap_or_default());
                self.calls += 1;
                into.push(Event::ToolCall { choice: CHOICE, call: number, id, name, extra });
                let announced = object.get("input").map_or_else(|| "{}".to_owned(), json::raw);
                Open::Call { number, announced, told: false }
            }
            _ => {
                let fields = object.iter().map(|(name, value)| (name.to_owned(), json::raw(value))).collect();
                Open::Gathered { fields, input: String::new() }
            }
        });
        Ok(())
    }

    fn grow(&mut self, delta: &JsonObject<'_, '_>, into: &mut Vec<Event>) {
        let text = |name: &str| fields::string_of(delta, name).filter(|text| !text.is_empty()).map(str::to_owned);
        match fields::string_of(delta, "type") {
            Some("text_delta") => self.say(text("text"), into),
            Some("thinking_delta") => {
                into.extend(text("thinking").map(|text| Event::Thinking { choice: CHOICE, text }));
            }
            Some("signature_delta") => {
                let signed = |signature| Event::ThinkingSignature { choice: CHOICE, signature };
                into.extend(text("signature").map(signed));
            }
            Some("citations_delta") => {
                if let Some(citation) = delta.get("citation") {
                    if let Some(citation) = citations::read(citation) {
                        self.cited.cite(citation);
                    }
                    let value = RawJson(format!("[{}]", json::raw(citation)));
                    let extra = Extra { dialect: NAME, name: citations::FIELD.to_owned(), value };
                    into.push(Event::TextExtra { choice: CHOICE, extra });
                }
            }
            Some("input_json_delta") => {
                let Some(text) = text("partial_json") else {
                    return;
                };
                match &mut self.open {
                    Some(Open::Call { number, told, .. }) => {
                        *told = true;
                        into.push(Event::ToolArguments { choice: CHOICE, call: *number, text });
                    }
                    Some(Open::Gathered { input, .. }) => input.push_str(&text),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn close_block(&mut self, into: &mut Vec<Event>) {
        match self.open.take() {
            Some(Open::Call { number, announced, told: false }) => {
                into.push(Event::ToolArguments { choice: CHOICE, call: number, text: announced });
            }
            Some(Open::Gathered { fields, input }) => into.extend(self.gathered(fields, &input)),
            _ => {}
        }
        into.extend(self.cited.end().map(|citation| Event::Cited { choice: CHOICE, citation }));
    }

    fn say(&mut self, text: Option<String>, into: &mut Vec<Event>) {
        if let Some(text) = text {
            self.cited.say(&text);
            into.push(Event::Text { choice: CHOICE, text });
        }
    }

    fn gathered(&mut self, mut members: Vec<(String, String)>, input: &str) -> Option<Event> {
        if fields::is_json_object(input)
            && let Some((_, announced)) = members.iter_mut().find(|(name, _)| name == "input")
        {
            input.clone_into(announced);
        }
        let mut copy = Vec::new();
        write_fields(&members, &mut copy);
        let tape = self.parser.parse(&mut copy).ok()?;
        let part = blocks::read_block(tape.as_value(), "content").ok();
        self.parser.recycle(tape);
        Some(Event::Whole { choice: CHOICE, part: part? })
    }

    fn finish(&mut self, event: &JsonObject<'_, '_>, into: &mut Vec<Event>) {
        let delta = fields::object_of(event, "delta");
        let of_delta = delta.iter().flat_map(|delta| delta.iter());
        let of_event = event.iter().filter(|(name, _)| !matches!(*name, "type" | "delta" | "usage"));
        for (name, value) in of_delta.chain(of_event) {
            if !matches!(name, "stop_reason" | "stop_sequence") && !value.is_null() {
                into.push(Event::AnswerExtra(own(name, value)));
            }
        }
        if let Some(finish) = delta.as_ref().and_then(answer::read_finish) {
            into.extend(answer::kept_reason(Some(&finish)).map(Event::AnswerExtra));
            into.push(Event::Finish { choice: CHOICE, finish });
        }
        self.count(event.get("usage"), into);
    }
}

fn own(name: &str, value: Value<'_, '_>) -> Extra {
    Extra { dialect: NAME, name: name.to_owned(), value: RawJson(json::raw(value)) }
}

fn write_fields(members: &[(String, String)], out: &mut Vec<u8>) {
    out.push(b'{');
    for (place, (name, value)) in members.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        json::write_string(name, out);
        out.push(b':');
        out.extend_from_slice(value.as_bytes());
    }
    out.push(b'}');
}

/// An error inside a stream has a type and no status; callers of other dialects want one.
fn read_error(event: &JsonObject<'_, '_>) -> Fault {
    let Some(error) = event.get("error") else {
        return Fault::new(Kind::Provider(500), "the provider's stream failed");
    };
    let word = error.as_object().and_then(|error| fields::string_of(&error, "type").map(str::to_owned));
    let status = match word.as_deref() {
        Some("overloaded_error") => 529,
        Some("rate_limit_error") => 429,
        Some("invalid_request_error") => 400,
        Some("authentication_error") => 401,
        Some("permission_error") => 403,
        Some("not_found_error") => 404,
        Some("request_too_large") => 413,
        Some("timeout_error") => 504,
        _ => 500,
    };
    fields::read_error(status, error)
}

/// Writes a caller's stream.
#[derive(Default)]
pub(super) struct Writer {
    /// The start, held back for the numbers that may follow it at once.
    start: Option<Event>,
    usage: Option<Usage>,
    finish: Option<Finish>,
    /// Fields told after the start; they belong to the end.
    late: Vec<Extra>,
    open: Option<Block>,
    blocks: u64,
    said: Said,
    /// Sources whose text has not ended.
    citations: Waiting,
    failed: Option<Fault>,
    /// The single answer of this dialect: the first one told of.
    choice: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Text,
    Thinking,
    Call(u64),
}

impl EventWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        let is_another = event.choice().is_some_and(|choice| *self.choice.get_or_insert(choice) != choice);
        if self.failed.is_some() || is_another {
            return;
        }
        match event {
            Event::Start { .. } => self.start = Some(event.clone()),
            Event::Usage(usage) => self.usage = Some(usage.clone()),
            _ => {
                self.write_start(out);
                self.write_content(event, out);
            }
        }
    }

    fn failure(&self) -> Option<&Fault> {
        self.failed.as_ref()
    }
}

impl Writer {
    fn write_start(&mut self, out: &mut Vec<u8>) {
        let Some(Event::Start { id, model, service_tier, extra, .. }) = self.start.take() else {
            return;
        };
        out.extend_from_slice(b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":");
        let mut writer = ObjectWriter::open(out, &extra, NAME);
        json::write_string(&id, writer.overrule("id"));
        json::write_string("message", writer.overrule("type"));
        json::write_string("assistant", writer.overrule("role"));
        json::write_string(&model, writer.overrule("model"));
        writer.overrule("content").extend_from_slice(b"[]");
        writer.overrule("stop_reason").extend_from_slice(b"null");
        writer.overrule("stop_sequence").extend_from_slice(b"null");
        answer::write_usage(self.usage.as_ref(), service_tier, writer.overrule("usage"));
        writer.close();
        out.extend_from_slice(b"}\n\n");
    }

    fn write_content(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::TextStart { .. } => {
                self.close(out);
                self.open_text(out);
            }
            Event::Text { text, .. } | Event::Refusal { text, .. } if !text.is_empty() => {
                if self.open != Some(Block::Text) {
                    self.close(out);
                    self.open_text(out);
                }
                self.said.refuses |= matches!(event, Event::Refusal { .. });
                self.citations.say(text);
                self.delta("text_delta", "text", text, out);
            }
            Event::TextExtra { extra, .. } => self.cite_own(extra, out),
            Event::Cited { citation, .. } if citation.dialect != NAME => self.citations.hear(citation),
            Event::Thinking { text, .. } if !text.is_empty() => {
                self.open_thinking(out);
                self.delta("thinking_delta", "thinking", text, out);
            }
            Event::ThinkingSignature { signature, .. } => {
                self.open_thinking(out);
                self.delta("signature_delta", "signature", signature, out);
                self.close(out);
            }
            Event::ToolCall { call, id, name, extra, .. } => {
                self.close(out);
                self.said.calls_tools = true;
                self.open_block(Block::Call(*call), out, |out| {
                    let mut writer = ObjectWriter::open(out, extra, NAME);
                    writer.string("type", "tool_use");
                    writer.string("id", &blocks::legal_id(id));
                    writer.string("name", name);
                    writer.text("input", "{}");
                    writer.close();
                });
            }
            Event::ToolArguments { call, text, .. } if !text.is_empty() => {
                if self.open == Some(Block::Call(*call)) {
                    self.delta("input_json_delta", "partial_json", text, out);
                } else {
                    self.failed =
                        Some(fields::not_understood("the provider mixed the arguments of several tool calls"));
                }
            }
            Event::Whole { part, .. } => self.whole(part, out),
            Event::AnswerExtra(extra) if extra.dialect == NAME => self.late.push(extra.clone()),
            Event::Finish { finish, .. } => {
                self.finish = Some(finish.clone());
                self.close(out);
            }
            Event::Ping => out.extend_from_slice(b"event: ping\ndata: {\"type\":\"ping\"}\n\n"),
            Event::Error(error) => self.tell_error(error, out),
            Event::End => self.end(out),
            _ => {}
        }
    }

    /// Nothing may follow an error: a clean end after it would be believed.
    fn tell_error(&mut self, error: &Fault, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: error\ndata: ");
        fault::write_fault(error, "", out);
        out.extend_from_slice(b"\n\n");
        self.failed = Some(error.clone());
    }

    fn open_text(&mut self, out: &mut Vec<u8>) {
        self.citations.begin();
        self.open_block(Block::Text, out, |out| out.extend_from_slice(b"{\"type\":\"text\",\"text\":\"\"}"));
    }

    fn open_thinking(&mut self, out: &mut Vec<u8>) {
        if self.open != Some(Block::Thinking) {
            self.close(out);
            self.open_block(Block::Thinking, out, |out| {
                out.extend_from_slice(b"{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}");
            });
        }
    }

    fn open_block(&mut self, block: Block, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
        fields::write_integer(self.blocks, out);
        out.extend_from_slice(b",\"content_block\":");
        write(out);
        out.extend_from_slice(b"}\n\n");
        self.open = Some(block);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open == Some(Block::Text) {
            self.cite(out);
        }
        if self.open.take().is_some() {
            out.extend_from_slice(b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
            fields::write_integer(self.blocks, out);
            out.extend_from_slice(b"}\n\n");
            self.blocks += 1;
        }
    }

    fn delta(&self, kind: &str, member: &str, text: &str, out: &mut Vec<u8>) {
        self.delta_of(kind, member, out, |out| json::write_string(text, out));
    }

    fn delta_of(&self, kind: &str, member: &str, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
        fields::write_integer(self.blocks, out);
        out.extend_from_slice(b",\"delta\":{\"type\":");
        json::write_string(kind, out);
        out.push(b',');
        json::write_string(member, out);
        out.push(b':');
        write(out);
        out.extend_from_slice(b"}}\n\n");
    }

    /// Sources in this dialect's own words.
    fn cite_own(&self, extra: &Extra, out: &mut Vec<u8>) {
        if extra.dialect != NAME || extra.name != citations::FIELD || self.open != Some(Block::Text) {
            return;
        }
        let mut copy = extra.value.0.clone().into_bytes();
        let mut parser = Parser::new();
        let Ok(tape) = parser.parse(&mut copy) else {
            return;
        };
        for citation in tape.as_value().as_array().iter().flat_map(|list| list.iter()) {
            self.delta_of("citations_delta", "citation", out, |out| json::write_value(citation, out));
        }
    }

    /// Tells the sources of the text that ends.
    fn cite(&mut self, out: &mut Vec<u8>) {
        for citation in self.citations.due(self.finish.is_some()) {
            self.delta_of("citations_delta", "citation", out, |out| citations::write(&citation, out));
        }
    }

    fn whole(&mut self, part: &Part, out: &mut Vec<u8>) {
        let mut block = Vec::new();
        if blocks::write_answer_part(part, &mut block) {
            self.close(out);
            self.open_block(Block::Text, out, |out| out.extend_from_slice(&block));
            self.close(out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        out.extend_from_slice(b"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":");
        let mut writer = ObjectWriter::open(out, &self.late, NAME);
        answer::write_finish(self.finish.as_ref(), self.said, &mut writer);
        writer.close();
        out.extend_from_slice(b",\"usage\":");
        answer::write_usage(self.usage.as_ref(), None, out);
        out.extend_from_slice(b"}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }
}

/// The facts of one event.
pub(super) fn facts(name: Option<&str>, body: Option<Value<'_, '_>>) -> Result<EventFacts, Fault> {
    let broken = || fields::not_understood(NOT_UNDERSTOOD);
    let event = body.and_then(|body| body.as_object()).ok_or_else(broken)?;
    let mut facts = EventFacts::default();
    match fields::string_of(&event, "type").or(name).ok_or_else(broken)? {
        "message_start" => {
            let message = fields::object_of(&event, "message").ok_or_else(broken)?;
            facts.model = fields::string_of(&message, "model").map(str::to_owned);
            facts.usage = message.get("usage").map(|usage| answer::read_usage(usage, false));
        }
        "content_block_start" => {
            let block = fields::object_of(&event, "content_block").ok_or_else(broken)?;
            match fields::string_of(&block, "type") {
                Some(kind @ ("text" | "thinking")) => {
                    facts.content = fields::string_of(&block, kind).is_some_and(|text| !text.is_empty());
                }
                Some("tool_use") => (facts.content, facts.tool_call) = (true, true),
                _ => facts.content = true,
            }
        }
        "content_block_delta" => facts.content = true,
        "message_delta" => {
            facts.finish = fields::object_of(&event, "delta").as_ref().and_then(answer::read_finish);
            facts.refusal = facts.finish == Some(Finish::Refusal);
            facts.usage = event.get("usage").map(|usage| answer::read_usage(usage, false));
        }
        "message_stop" => facts.end = true,
        "error" => facts.error = Some(read_error(&event)),
        _ => {}
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Citation;
    use crate::chat::ServiceTier;
    use crate::chat::Source;

    fn written_events(events: &[Event]) -> String {
        let mut writer = Writer::default();
        let mut out = Vec::new();
        events.iter().for_each(|event| writer.write(event, &mut out));
        String::from_utf8(out).expect("text")
    }

    fn read_all(text: &str) -> Vec<Event> {
        let mut reader = Reader::default();
        let mut events = Vec::new();
        for data in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
            reader.read(None, data, &mut events).expect("understood");
        }
        events
    }

    fn start() -> Event {
        Event::Start { id: "m1".into(), model: "m".into(), created_s: 0, service_tier: None, extra: vec![] }
    }

    #[test]
    fn a_plain_stream_is_framed_as_the_sdks_expect() {
        let usage = Usage { input_tokens: 5, output_tokens: 2, cache_read_tokens: Some(3), ..Usage::default() };
        let text = written_events(&[
            start(),
            Event::Text { choice: 0, text: "hi".into() },
            Event::Finish { choice: 0, finish: Finish::Stop },
            Event::Usage(usage),
            Event::End,
        ]);
        let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
        let wanted = [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ];
        assert_eq!(names, wanted);
        assert!(
            text.contains(r#""stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":2,"#),
            "{text}"
        );
    }

    #[test]
    fn calls_signatures_and_blocks_survive_the_way_through_this_dialect() {
        let opaque = RawJson(r#"{"type":"server_tool_use","id":"s","name":"web","input":{"q":1}}"#.into());
        let citation = Extra { dialect: NAME, name: "citations".into(), value: RawJson("[{\"a\":1}]".into()) };
        let call = |call, id: &str| Event::ToolCall { choice: 0, call, id: id.into(), name: "f".into(), extra: vec![] };
        let said = [
            start(),
            Event::Thinking { choice: 0, text: "hm".into() },
            Event::ThinkingSignature { choice: 0, signature: "s".into() },
            Event::Whole { choice: 0, part: Part::RedactedThinking { data: "r".into() } },
            Event::Whole { choice: 0, part: Part::Opaque { dialect: NAME, json: opaque } },
            Event::TextStart { choice: 0 },
            Event::Text { choice: 0, text: "one".into() },
            Event::TextExtra { choice: 0, extra: citation },
            Event::TextStart { choice: 0 },
            Event::Text { choice: 0, text: "two".into() },
            call(0, "a"),
            Event::ToolArguments { choice: 0, call: 0, text: "{\"x\":".into() },
            Event::ToolArguments { choice: 0, call: 0, text: "1}".into() },
            call(1, "b"),
            Event::ToolArguments { choice: 0, call: 1, text: "{}".into() },
            Event::Ping,
            Event::Finish { choice: 0, finish: Finish::ToolCalls },
            Event::End,
        ];
        let read: Vec<Event> =
            read_all(&written_events(&said)).into_iter().filter(|event| !matches!(event, Event::Usage(_))).collect();
        assert_eq!(read, said);
    }

    #[test]
    fn mixed_arguments_fail_loudly() {
        let call = |call| Event::ToolCall { choice: 0, call, id: "i".into(), name: "f".into(), extra: vec![] };
        let mut writer = Writer::default();
        let mut out = Vec::new();
        for event in [
            start(),
            call(0),
            call(1),
            Event::ToolArguments { choice: 0, call: 0, text: "{}".into() },
            Event::Finish { choice: 0, finish: Finish::ToolCalls },
            Event::End,
        ] {
            writer.write(&event, &mut out);
        }
        assert!(writer.failure().is_some_and(|fault| fault.kind == Kind::Upstream));
        let text = String::from_utf8(out).expect("text");
        assert!(!text.contains("message_stop"), "{text}");
    }

    #[test]
    fn strange_events_are_skipped_and_garbage_is_not() {
        let mut reader = Reader::default();
        let mut events = Vec::new();
        for data in [
            r#"{"type":"from_the_future","x":1}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"future_delta","x":1}}"#,
        ] {
            reader.read(None, data, &mut events).expect("skipped");
        }
        assert_eq!(events, [Event::TextStart { choice: 0 }]);
        for data in ["[DONE]", "{", "[]", "{}"] {
            assert!(reader.read(None, data, &mut events).is_err(), "{data}");
        }
    }

    #[test]
    fn an_error_in_the_stream_has_the_status_of_its_type() {
        let events = read_all(r#"data: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#);
        let [Event::Error(fault)] = events.as_slice() else {
            panic!("{events:?}");
        };
        assert_eq!(fault.kind, Kind::Provider(529));
        assert_eq!(fault.message, "busy");
    }

    #[test]
    fn sources_are_told_when_their_text_ends_and_understood_when_it_closed() {
        let cited = |dialect, span| {
            let (source, title) = (Source::Url("u".into()), Some("t".into()));
            Event::Cited { choice: 0, citation: Citation { dialect, source, title, cited_text: None, span } }
        };
        let told = written_events(&[
            start(),
            Event::Text { choice: 0, text: "hi".into() },
            cited("other", None),
            Event::Finish { choice: 0, finish: Finish::Stop },
            Event::End,
        ]);
        let citation = r#"{"type":"web_search_result_location","url":"u","title":"t","cited_text":"","encrypted_index":"ringgate:source:"}"#;
        let (delta, closed) = (told.find(citation).expect("told"), told.find("content_block_stop").expect("closed"));
        assert!(delta < closed, "{told}");
        let read = read_all(&told);
        assert!(read.contains(&cited(NAME, Some(0..2))), "{read:?}");
    }

    #[test]
    fn a_reason_of_its_own_comes_back_and_one_of_others_is_an_answer_cut_short() {
        let end = |finish: Finish| written_events(&[start(), Event::Finish { choice: 0, finish }, Event::End]);
        assert!(end(Finish::Other("MALFORMED".into())).contains(r#""stop_reason":"max_tokens""#));
        let own = r#"data: {"type":"message_delta","delta":{"stop_reason":"from_the_future","stop_sequence":null}}"#;
        let read = [vec![start()], read_all(own), vec![Event::End]].concat();
        assert!(written_events(&read).contains(r#""stop_reason":"from_the_future""#), "{read:?}");
    }

    #[test]
    fn a_refusal_in_words_ends_as_one() {
        let words = Event::Refusal { choice: 0, text: "no".into() };
        let told = written_events(&[start(), words, Event::Finish { choice: 0, finish: Finish::Stop }, Event::End]);
        assert!(told.contains(r#""text":"no""#) && told.contains(r#""stop_reason":"refusal""#), "{told}");
    }

    #[test]
    fn the_tier_is_told_with_the_start() {
        let tier = Some(ServiceTier::Priority);
        let begun = Event::Start { id: "m".into(), model: "m".into(), created_s: 0, service_tier: tier, extra: vec![] };
        let told = written_events(&[begun, Event::Ping]);
        assert!(told.contains(r#""service_tier":"priority""#), "{told}");
        assert!(matches!(&read_all(&told)[0], Event::Start { service_tier, .. } if *service_tier == tier));
    }
}
