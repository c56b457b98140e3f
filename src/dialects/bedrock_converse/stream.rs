//! Streamed answers: blocks that open, grow and close.
//!
//! Only calls and results announce their block; words and thinking begin with their first delta. A block
//! of a kind that only this dialect knows is gathered and told as a whole when it closes. The answer ends
//! with `messageStop`, the stream with `metadata` behind it: it is complete when both were seen, and a
//! stream without the tokens was cut.

use super::super::EventReader;
use super::super::base64;
use super::super::citations::Cited;
use super::super::fields;
use super::NAME;
use super::answer;
use super::citations;
use super::fault;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Parser;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

const NOT_UNDERSTOOD: &str = "the provider's stream holds something that is not an event of Converse";

/// Most bytes of a block that is told whole; a longer one breaks the stream.
const GATHERED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The single answer of this dialect.
const CHOICE: u64 = 0;

/// Reads a provider's stream.
#[derive(Default)]
pub(super) struct Reader {
    parser: Parser,
    open: Option<Open>,
    calls: u64,
    /// The reason to stop was told.
    stopped: bool,
    /// The tokens were told.
    counted: bool,
    cited: Cited,
}

/// The block being streamed, by its number.
struct Open {
    index: u64,
    block: Block,
}

enum Block {
    /// Begun by its number alone.
    Untold,
    Text,
    Thinking,
    /// Bytes of opaque thinking so far.
    Redacted(Vec<u8>),
    /// A call: its number, and whether arguments were streamed.
    Call {
        number: u64,
        told: bool,
    },
    /// As announced, with every delta since, separated by commas.
    Gathered {
        announced: String,
        deltas: String,
    },
}

impl EventReader for Reader {
    fn read(&mut self, name: Option<&str>, data: &str, into: &mut Vec<Event>) -> Result<(), Fault> {
        let name = name.unwrap_or_default();
        match name {
            "messageStart" | "contentBlockStart" | "contentBlockDelta" | "contentBlockStop" | "messageStop"
            | "metadata" => {}
            failure if is_failure(failure) => {
                into.push(Event::Error(fault::read_failure(failure, data)));
                return Ok(());
            }
            _ => return Ok(()),
        }
        let broken = || fields::not_understood(NOT_UNDERSTOOD);
        let mut copy = data.as_bytes().to_vec();
        let tape = self.parser.parse(&mut copy).map_err(|_| broken())?;
        let event = tape.as_value().as_object().ok_or_else(broken)?;
        self.take(name, &event, into).ok_or_else(broken)?;
        self.parser.recycle(tape);
        Ok(())
    }
}

/// Exceptions and errors are named as such, and no event is.
fn is_failure(name: &str) -> bool {
    ["Exception", "Error", "Failure"].iter().any(|ending| name.ends_with(ending))
}

impl Reader {
    fn take(&mut self, name: &str, event: &JsonObject<'_, '_>, into: &mut Vec<Event>) -> Option<()> {
        match name {
            "messageStart" => {
                let (id, model) = (String::new(), String::new());
                into.push(Event::Start { id, model, created_s: 0, service_tier: None, extra: Vec::new() });
            }
            "contentBlockStart" => {
                let index = fields::integer_of(event, "contentBlockIndex")?;
                self.close(into);
                let block = self.opened(event.get("start"), into);
                self.open = Some(Open { index, block });
            }
            "contentBlockDelta" => {
                let index = fields::integer_of(event, "contentBlockIndex")?;
                if self.open.as_ref().is_none_or(|open| open.index != index) {
                    self.close(into);
                    self.open = Some(Open { index, block: Block::Untold });
                }
                let open = self.open.as_mut().expect("it was just opened");
                grow(&mut open.block, event.get("delta")?, &mut self.cited, into)?;
            }
            "contentBlockStop" => self.close(into),
            "messageStop" => {
                self.close(into);
                let additional = event.get("additionalModelResponseFields").filter(|value| !value.is_null());
                into.extend(additional.map(|value| Event::AnswerExtra(own("additionalModelResponseFields", value))));
                into.push(Event::Finish { choice: CHOICE, finish: answer::read_finish(event)? });
                self.stopped = true;
                self.end(into);
            }
            _ => {
                let usage = event.get("usage").filter(|usage| usage.as_object().is_some());
                into.extend(usage.map(|usage| Event::Usage(answer::read_usage(usage))));
                // `p` pads events to hide their length.
                let others = event.iter().filter(|(name, _)| !matches!(*name, "usage" | "p"));
                into.extend(others.map(|(name, value)| Event::AnswerExtra(own(name, value))));
                into.extend(answer::read_tier(event).map(Event::ServiceTier));
                self.counted = true;
                self.end(into);
            }
        }
        Some(())
    }

    fn end(&self, into: &mut Vec<Event>) {
        if self.stopped && self.counted {
            into.push(Event::End);
        }
    }

    fn opened(&mut self, start: Option<Value<'_, '_>>, into: &mut Vec<Event>) -> Block {
        let Some(object) = start.and_then(|start| start.as_object()).filter(|object| !object.is_empty()) else {
            return Block::Untold;
        };
        match fields::object_of(&object, "toolUse").filter(answer::is_for_application) {
            Some(call) => {
                let text = |name: &str| fields::string_of(&call, name).unwrap_or_default().to_owned();
                let (number, id, name) = (self.calls, text("toolUseId"), text("name"));
                self.calls += 1;
                into.push(Event::ToolCall { choice: CHOICE, call: number, id, name, extra: Vec::new() });
                Block::Call { number, told: false }
            }
            None => Block::Gathered { announced: start.map_or_else(String::new, json::raw), deltas: String::new() },
        }
    }

    fn close(&mut self, into: &mut Vec<Event>) {
        into.extend(self.cited.end().map(|citation| Event::Cited { choice: CHOICE, citation }));
        match self.open.take().map(|open| open.block) {
            Some(Block::Call { number, told: false }) => {
                into.push(Event::ToolArguments { choice: CHOICE, call: number, text: "{}".to_owned() });
            }
            Some(Block::Redacted(bytes)) => {
                let data = answer::redacted_data(&base64::encode(&bytes));
                into.push(Event::Whole { choice: CHOICE, part: Part::RedactedThinking { data } });
            }
            Some(Block::Gathered { announced, deltas }) => {
                let announced = if announced.is_empty() { "null" } else { &announced };
                let json = RawJson(format!("{{\"start\":{announced},\"deltas\":[{deltas}]}}"));
                into.push(Event::Whole { choice: CHOICE, part: Part::Opaque { dialect: NAME, json } });
            }
            _ => {}
        }
    }
}

/// Takes a delta; what no block of this kind can take, and nobody knows, is gathered.
fn grow(block: &mut Block, delta: Value<'_, '_>, cited: &mut Cited, into: &mut Vec<Event>) -> Option<()> {
    let object = delta.as_object()?;
    let (kind, value) = object.iter().next()?;
    match (kind, &mut *block) {
        ("text", Block::Untold | Block::Text) => {
            let text = value.as_str()?.to_owned();
            begin_text(block, cited, into);
            cited.say(&text);
            into.extend((!text.is_empty()).then_some(Event::Text { choice: CHOICE, text }));
        }
        ("citation", Block::Untold | Block::Text) => {
            begin_text(block, cited, into);
            if let Some(citation) = citations::read(value) {
                cited.cite(citation);
            }
        }
        ("toolUse", Block::Call { number, told }) => {
            let text = fields::string_of(&value.as_object()?, "input").unwrap_or_default().to_owned();
            *told |= !text.is_empty();
            let call = *number;
            into.extend((!text.is_empty()).then_some(Event::ToolArguments { choice: CHOICE, call, text }));
        }
        ("reasoningContent", Block::Untold | Block::Thinking | Block::Redacted(_)) => {
            grow_thinking(block, &value.as_object()?, into)?;
        }
        (_, Block::Gathered { deltas, .. }) => {
            let more = json::raw(delta);
            within_bound(deltas.len(), more.len())?;
            if !deltas.is_empty() {
                deltas.push(',');
            }
            deltas.push_str(&more);
        }
        (_, Block::Untold) => *block = Block::Gathered { announced: String::new(), deltas: json::raw(delta) },
        // A kind of delta that this kind of block does not take: from the future.
        _ => {}
    }
    Some(())
}

fn within_bound(held: usize, more: usize) -> Option<()> {
    (held + more <= GATHERED_BYTES_MAX).then_some(())
}

fn begin_text(block: &mut Block, cited: &mut Cited, into: &mut Vec<Event>) {
    if matches!(block, Block::Untold) {
        *block = Block::Text;
        cited.begin();
        into.push(Event::TextStart { choice: CHOICE });
    }
}

fn grow_thinking(block: &mut Block, delta: &JsonObject<'_, '_>, into: &mut Vec<Event>) -> Option<()> {
    if let Some(base64) = fields::string_of(delta, "redactedContent") {
        let more = base64::decode(base64)?;
        match block {
            Block::Redacted(bytes) => {
                within_bound(bytes.len(), more.len())?;
                bytes.extend_from_slice(&more);
            }
            _ => *block = Block::Redacted(more),
        }
        return Some(());
    }
    let text = |name: &str| fields::string_of(delta, name).filter(|text| !text.is_empty()).map(str::to_owned);
    into.extend(text("text").map(|text| Event::Thinking { choice: CHOICE, text }));
    into.extend(text("signature").map(|signature| Event::ThinkingSignature { choice: CHOICE, signature }));
    *block = Block::Thinking;
    Some(())
}

fn own(name: &str, value: Value<'_, '_>) -> Extra {
    Extra { dialect: NAME, name: name.to_owned(), value: RawJson(json::raw(value)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Citation;
    use crate::chat::Finish;
    use crate::chat::Source;

    fn read(events: &[(&str, &str)]) -> Result<Vec<Event>, Fault> {
        let mut reader = Reader::default();
        let mut into = Vec::new();
        events.iter().try_for_each(|(name, data)| reader.read(Some(name), data, &mut into))?;
        Ok(into)
    }

    #[test]
    fn blocks_open_grow_and_close() {
        let events = read(&[
            ("messageStart", r#"{"p":"ab","role":"assistant"}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}}}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"s"}}}"#),
            ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"reasoningContent":{"redactedContent":"RXU="}}}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"reasoningContent":{"redactedContent":"OA=="}}}"#),
            ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"text":"a"}}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"citation":{"title":"nowhere"}}}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":3,"delta":{"text":"b"}}"#),
            ("contentBlockStart", r#"{"contentBlockIndex":4,"start":{"toolUse":{"toolUseId":"i","name":"f"}}}"#),
            ("contentBlockStop", r#"{"contentBlockIndex":4}"#),
            ("contentBlockStart", r#"{"contentBlockIndex":5,"start":{"toolUse":{"toolUseId":"j","name":"g"}}}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":5,"delta":{"toolUse":{"input":"{\"x\":"}}}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":5,"delta":{"toolUse":{"input":"1}"}}}"#),
            ("contentBlockStop", r#"{"contentBlockIndex":5}"#),
            ("messageStop", r#"{"stopReason":"tool_use"}"#),
            ("metadata", r#"{"usage":{"inputTokens":1,"outputTokens":2,"cacheReadInputTokens":4},"p":"x"}"#),
        ]);
        let call = |call, id: &str, name: &str| Event::ToolCall {
            choice: 0,
            call,
            id: id.into(),
            name: name.into(),
            extra: vec![],
        };
        let arguments = |call, text: &str| Event::ToolArguments { choice: 0, call, text: text.into() };
        let text = |text: &str| Event::Text { choice: 0, text: text.into() };
        let events = events.expect("understood");
        let wanted = [
            Event::Start { id: String::new(), model: String::new(), created_s: 0, service_tier: None, extra: vec![] },
            Event::Thinking { choice: 0, text: "hm".into() },
            Event::ThinkingSignature { choice: 0, signature: "s".into() },
            Event::Whole { choice: 0, part: Part::RedactedThinking { data: "Eu8".into() } },
            Event::TextStart { choice: 0 },
            text("a"),
            Event::TextStart { choice: 0 },
            text("b"),
            call(0, "i", "f"),
            arguments(0, "{}"),
            call(1, "j", "g"),
            arguments(1, "{\"x\":"),
            arguments(1, "1}"),
            Event::Finish { choice: 0, finish: Finish::ToolCalls },
        ];
        assert_eq!(events[..wanted.len()], wanted);
        let [Event::Usage(usage), Event::End] = &events[wanted.len()..] else { panic!("{events:?}") };
        assert_eq!((usage.input_tokens, usage.output_tokens, usage.cache_read_tokens), (5, 2, Some(4)));
    }

    #[test]
    fn a_stream_has_ended_when_reason_and_tokens_were_told() {
        let (stop, tokens) = (("messageStop", r#"{"stopReason":"end_turn"}"#), ("metadata", r#"{"usage":{}}"#));
        let ended = |events: &[(&str, &str)]| read(events).is_ok_and(|events| events.last() == Some(&Event::End));
        assert!(ended(&[stop, tokens]) && ended(&[tokens, stop]));
        assert!(!ended(&[stop]) && !ended(&[tokens]) && !ended(&[stop, stop]));
    }

    #[test]
    fn tools_of_the_provider_are_told_whole_and_never_as_calls() {
        let events = read(&[
            (
                "contentBlockStart",
                r#"{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"i","name":"nova_code_interpreter","type":"server_tool_use"}}}"#,
            ),
            ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}}"#),
            ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"image":{"bytes":"QQ=="}}}"#),
            ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
            ("contentBlockStart", r#"{"contentBlockIndex":2,"start":{"toolResult":{"toolUseId":"i"}}}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"toolResult":[{"text":"a"}]}}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"toolResult":[{"text":"b"}]}}"#),
            ("contentBlockStop", r#"{"contentBlockIndex":2}"#),
        ]);
        let events = events.expect("understood");
        let Some(Event::Whole { part: Part::Opaque { json, .. }, .. }) = events.last() else { panic!("{events:?}") };
        let whole = r#"{"start":{"toolResult":{"toolUseId":"i"}},"deltas":[{"toolResult":[{"text":"a"}]},{"toolResult":[{"text":"b"}]}]}"#;
        assert_eq!(json.0, whole);
        let opaque = |event: &Event| matches!(event, Event::Whole { part: Part::Opaque { dialect: NAME, .. }, .. });
        assert!(events.len() == 3 && events.iter().all(opaque), "{events:?}");
    }

    #[test]
    fn what_is_gathered_has_a_bound() {
        let full = || "1".repeat(GATHERED_BYTES_MAX);
        let gathered = Block::Gathered { announced: String::new(), deltas: full() };
        for (block, delta) in [
            (Block::Redacted(full().into_bytes()), r#"{"reasoningContent":{"redactedContent":"QQ=="}}"#),
            (gathered, r#"{"image":1}"#),
        ] {
            let mut reader = Reader { open: Some(Open { index: 0, block }), ..Reader::default() };
            let event = format!(r#"{{"contentBlockIndex":0,"delta":{delta}}}"#);
            assert!(reader.read(Some("contentBlockDelta"), &event, &mut Vec::new()).is_err(), "{delta}");
        }
    }

    #[test]
    fn failures_and_garbage_are_no_events() {
        let said = read(&[("throttlingException", r#"{"message":"slow down"}"#)]).expect("an error is an event");
        assert!(matches!(&said[..], [Event::Error(fault)] if fault.message == "slow down"), "{said:?}");
        assert_eq!(read(&[("initial-response", "{}"), ("fromTheFuture", "?")]), Ok(vec![]));
        for (name, data) in [
            ("messageStop", "{}"),
            ("contentBlockDelta", "{\"contentBlockIndex\":0}"),
            ("contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{}}"),
            ("contentBlockStart", "{\"start\":{}}"),
            ("metadata", "["),
            ("messageStart", ""),
        ] {
            assert!(read(&[(name, data)]).is_err(), "{name} {data}");
        }
    }

    #[test]
    fn sources_on_the_web_are_told_with_the_words_that_cite_them() {
        let cite = r#"{"contentBlockIndex":0,"delta":{"citation":{"title":"t","location":{"web":{"url":"u"}}}}}"#;
        let events = read(&[
            ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"a"}}"#),
            ("contentBlockDelta", cite),
            ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"text":"bc"}}"#),
            ("contentBlockDelta", &cite.replace(":0,", ":1,")),
            ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
        ]);
        let told = |text: &str| Event::Text { choice: 0, text: text.into() };
        let cited = |span| {
            let (source, title) = (Source::Url("u".into()), Some("t".into()));
            Event::Cited { choice: 0, citation: Citation { dialect: NAME, source, title, cited_text: None, span } }
        };
        let start = || Event::TextStart { choice: 0 };
        let wanted = [start(), told("a"), cited(Some(0..1)), start(), told("bc"), cited(Some(1..3))];
        assert_eq!(events.expect("understood"), wanted);
    }
}
