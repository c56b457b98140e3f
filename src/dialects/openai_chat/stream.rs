//! Streamed answers.
//!
//! A stream is complete when it says `[DONE]`, and only then. The usage chunk has an empty list of
//! choices, on which careless applications stumble, so it is written only for who asked.

use super::super::EventFacts;
use super::super::EventReader;
use super::super::EventWriter;
use super::super::StreamOptions;
use super::super::citations::is_told_in;
use super::super::fields;
use super::super::fields::ObjectWriter;
use super::super::tier;
use super::NAME;
use super::annotations;
use super::answer;
use super::answer::Said;
use super::entries;
use super::fault;
use super::message;
use crate::chat::CITATIONS_MAX;
use crate::chat::Citation;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::chat::ServiceTier;
use crate::chat::Usage;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Parser;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use crate::wire::json::ValueIntoString;

/// The terminator.
pub(super) const END: &[u8] = b"data: [DONE]\n\n";

const NOT_UNDERSTOOD: &str = "the provider's stream holds something that is not a chat completion chunk";
/// Most tool calls and choices followed in one stream.
const TRACKED_MAX: usize = 1024;
/// Fields that stand in every chunk and belong to the stream as a whole.
const REPEATED_FIELDS: &[&str] =
    &["system_fingerprint", tier::FIELD, "provider", annotations::SEARCH_RESULTS, annotations::ADDRESSES];
/// Fields of a chunk that are read, or mean nothing once it arrived (`obfuscation` pads it).
const CHUNK_FIELDS: &[&str] = &["id", "object", "created", "model", "choices", "usage", "error", "obfuscation"];
/// Fields of a delta that are read, or repeat from chunk to chunk without adding up.
const DELTA_FIELDS: &[&str] =
    &["role", "content", "reasoning_content", "reasoning", "thinking_blocks", "refusal", "tool_calls", "channel"];
/// Kept spellings of a whole message that mean nothing in a delta.
const WHOLE_FIELDS: &[&str] =
    &["role", "content", "reasoning_content", "reasoning", "thinking_blocks", "refusal", "tool_calls"];

/// Reads a provider's stream.
#[derive(Default)]
pub(super) struct Reader {
    parser: Parser,
    started: bool,
    /// Which of the fields that stand in every chunk were told.
    repeated: Vec<&'static str>,
    calls: Vec<Call>,
    /// Reasoning is told in a field of its own.
    reasons: bool,
    /// Or it was told in details first, and a field of its own repeats it.
    details: bool,
    /// So is what it is sealed with.
    seals: bool,
}

/// A tool call as the provider numbers it; its place among those of its choice is our number.
struct Call {
    choice: u64,
    index: u64,
    id: String,
}

impl EventReader for Reader {
    fn read(&mut self, _name: Option<&str>, data: &str, into: &mut Vec<Event>) -> Result<(), Fault> {
        if data.trim() == "[DONE]" {
            into.push(Event::End);
            return Ok(());
        }
        let broken = || fields::not_understood(NOT_UNDERSTOOD);
        let mut copy = data.as_bytes().to_vec();
        let tape = self.parser.parse(&mut copy).map_err(|_| broken())?;
        let chunk = tape.as_value().as_object().ok_or_else(broken)?;
        let read = self.read_chunk(&chunk, into);
        self.parser.recycle(tape);
        read
    }
}

impl Reader {
    fn read_chunk(&mut self, chunk: &JsonObject<'_, '_>, into: &mut Vec<Event>) -> Result<(), Fault> {
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            into.push(Event::Error(answer::in_band_error(error)));
            return Ok(());
        }
        let choices = chunk.get("choices").and_then(|choices| choices.as_array());
        let some_choices = choices.filter(|choices| !choices.is_empty());
        let usage = chunk.get("usage").filter(|usage| usage.is_object()).or_else(|| odd_usage(chunk));
        // A prelude without either (Azure's filter results) names no model yet.
        if some_choices.is_none() && usage.is_none() && !self.started {
            return Ok(());
        }
        self.read_envelope(chunk, into);
        if let Some(choices) = some_choices {
            for (place, choice) in choices.iter().enumerate() {
                let choice = choice.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
                self.read_choice(place, &choice, into)?;
            }
        }
        if let Some(usage) = usage {
            into.push(Event::Usage(answer::read_usage(usage, true)));
        }
        Ok(())
    }

    fn read_envelope(&mut self, chunk: &JsonObject<'_, '_>, into: &mut Vec<Event>) {
        let first = !std::mem::replace(&mut self.started, true);
        let told_before = self.repeated.len();
        let mut kept = Vec::new();
        for (name, value) in chunk.iter().filter(|(name, value)| !CHUNK_FIELDS.contains(name) && !value.is_null()) {
            let repeated = REPEATED_FIELDS.iter().find(|known| **known == name);
            if repeated.is_none_or(|known| !self.repeated.contains(known)) {
                self.repeated.extend(repeated);
                kept.push(own(name.to_owned(), value));
            }
        }
        let (before, news) = self.repeated.split_at(told_before);
        let is_listed = |fields: &[&str]| annotations::LISTS.iter().any(|list| fields.contains(list));
        let service_tier = news.contains(&tier::FIELD).then(|| fields::string_of(chunk, tier::FIELD)).flatten();
        let service_tier = service_tier.and_then(tier::read);
        let cited = if is_listed(news) && !is_listed(before) { annotations::beside(chunk) } else { Vec::new() };
        if first {
            into.push(Event::Start {
                id: fields::string_of(chunk, "id").unwrap_or_default().to_owned(),
                model: fields::string_of(chunk, "model").unwrap_or_default().to_owned(),
                created_s: fields::integer_of(chunk, "created").unwrap_or_default(),
                service_tier,
                extra: kept,
            });
        } else {
            into.extend(kept.into_iter().map(Event::AnswerExtra));
            into.extend(service_tier.map(Event::ServiceTier));
        }
        into.extend(cited.into_iter().map(|citation| Event::Cited { choice: 0, citation }));
    }

    fn read_choice(&mut self, place: usize, choice: &JsonObject<'_, '_>, into: &mut Vec<Event>) -> Result<(), Fault> {
        if let Some(fault) = answer::error_of(choice) {
            into.push(Event::Error(fault));
            return Ok(());
        }
        let place = u64::try_from(place).unwrap_or(u64::MAX);
        let index = fields::integer_of(choice, "index").unwrap_or(place);
        // Some providers end with a whole message in the place of a delta.
        if let Some(delta) = fields::object_of(choice, "delta") {
            self.read_delta(index, &delta, into)?;
        }
        for (name, value) in choice.iter().filter(|(_, value)| !value.is_null()) {
            match name {
                "index" | "delta" | "finish_reason" | "usage" => {}
                "logprobs" => read_logprobs(index, value, into),
                _ => into.push(Event::ChoiceExtra { choice: index, extra: own(name.to_owned(), value) }),
            }
        }
        if let Some(finish) = fields::string_of(choice, "finish_reason").and_then(answer::finish_of) {
            into.push(Event::Finish { choice: index, finish });
        }
        Ok(())
    }

    fn read_delta(&mut self, choice: u64, delta: &JsonObject<'_, '_>, into: &mut Vec<Event>) -> Result<(), Fault> {
        let words = |name: &str| fields::string_of(delta, name).filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(text) = words("reasoning_content").or_else(|| words("reasoning"))
            && !self.details
        {
            self.reasons = true;
            into.push(Event::Thinking { choice, text });
        }
        self.read_details(choice, delta, into);
        read_blocks(choice, delta, into);
        if let Some(text) = words("content") {
            into.push(Event::Text { choice, text });
        } else if let Some(pieces) = delta.get("content").and_then(|content| content.as_array()) {
            pieces.iter().for_each(|piece| read_piece(choice, piece, into));
        }
        if let Some(text) = words("refusal") {
            into.push(Event::Refusal { choice, text });
        }
        if let Some(calls) = delta.get("tool_calls").and_then(|calls| calls.as_array()) {
            for call in &calls {
                let call = call.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
                self.read_call(choice, &call, into)?;
            }
        }
        for (name, value) in delta.iter() {
            let empty = value.is_null() || value.as_array().is_some_and(|list| list.is_empty());
            if !empty && !DELTA_FIELDS.contains(&name) {
                if name == annotations::FIELD {
                    let cited = annotations::read(value).into_iter();
                    into.extend(cited.map(|citation| Event::Cited { choice, citation }));
                }
                let value = RawJson(entries::unnumbered(value));
                let extra = Extra { dialect: NAME, name: format!("message/{name}"), value };
                into.push(Event::ChoiceExtra { choice, extra });
            }
        }
        Ok(())
    }

    /// What those who serve models of several makers tell of reasoning: the words only where they stand in no
    /// other field, the seal only where it does not stand in `thinking_blocks`, as in an answer that was told
    /// by this gateway before.
    fn read_details(&mut self, choice: u64, delta: &JsonObject<'_, '_>, into: &mut Vec<Event>) {
        self.seals |= delta.get("thinking_blocks").is_some();
        for part in message::read_details(delta) {
            match part {
                Part::Thinking { text, signature } => {
                    let untold = !self.reasons && !text.is_empty();
                    self.details |= untold;
                    into.extend(untold.then_some(Event::Thinking { choice, text }));
                    let unsealed = signature.filter(|_| !self.seals);
                    into.extend(unsealed.map(|signature| Event::ThinkingSignature { choice, signature }));
                }
                part if !self.seals => into.push(Event::Whole { choice, part }),
                _ => {}
            }
        }
    }

    fn read_call(&mut self, choice: u64, call: &JsonObject<'_, '_>, into: &mut Vec<Event>) -> Result<(), Fault> {
        let function = fields::object_of(call, "function").or_else(|| fields::object_of(call, "custom"));
        let word = |name: &str| function.as_ref().and_then(|function| fields::string_of(function, name));
        let id = fields::string_of(call, "id").filter(|id| !id.is_empty());
        let index = fields::integer_of(call, "index");
        let number = match self.known_call(choice, index, id) {
            Some(number) => number,
            None => {
                if self.calls.len() >= TRACKED_MAX {
                    return Err(fields::not_understood("the provider's stream calls too many tools"));
                }
                let number = self.calls_of(choice).count() as u64;
                let id = id.unwrap_or_default().to_owned();
                self.calls.push(Call { choice, index: index.unwrap_or(number), id: id.clone() });
                let name = word("name").unwrap_or_default().to_owned();
                into.push(Event::ToolCall { choice, call: number, id, name, extra: call_extra(call) });
                number
            }
        };
        if let Some(text) = word("arguments").or_else(|| word("input")).filter(|text| !text.is_empty()) {
            into.push(Event::ToolArguments { choice, call: number, text: text.to_owned() });
        }
        Ok(())
    }

    /// The number of a call that was announced before. An id that is not the one known for the index
    /// begins another call, because some providers send every call with index 0; a fragment without
    /// index belongs to the newest.
    fn known_call(&self, choice: u64, index: Option<u64>, id: Option<&str>) -> Option<u64> {
        let mut found = None;
        for (number, call) in (0u64..).zip(self.calls_of(choice)) {
            let same_index = index.is_none_or(|index| index == call.index);
            let same_id = id.is_none_or(|id| id == call.id);
            if same_index && same_id {
                found = Some(number);
            }
        }
        found
    }

    fn calls_of(&self, choice: u64) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(move |call| call.choice == choice)
    }
}

fn own(name: String, value: Value<'_, '_>) -> Extra {
    Extra { dialect: NAME, name, value: RawJson(json::raw(value)) }
}

fn call_extra(call: &JsonObject<'_, '_>) -> Vec<Extra> {
    let usual = |name: &str, value: &Value<'_, '_>| {
        matches!(name, "index" | "id" | "function") || value.is_null() || value.as_str() == Some("function")
    };
    let others = call.iter().filter(|(name, value)| !usual(name, value) && *name != "custom");
    others.map(|(name, value)| own(name.to_owned(), value)).collect()
}

/// Groq used to report tokens in a field of its own, and Moonshot does in the choice that ends.
fn odd_usage<'tape, 'input>(chunk: &JsonObject<'tape, 'input>) -> Option<Value<'tape, 'input>> {
    let groq = fields::object_of(chunk, "x_groq").and_then(|groq| groq.get("usage"));
    let of_choice = |choice: Value<'tape, 'input>| choice.as_object()?.get("usage").filter(|usage| usage.is_object());
    groq.filter(|usage| usage.is_object()).or_else(|| chunk.get("choices")?.as_array()?.iter().find_map(of_choice))
}

fn read_logprobs(choice: u64, value: Value<'_, '_>, into: &mut Vec<Event>) {
    let some = value.as_object().is_some_and(|object| object.iter().any(|(_, list)| !list.is_null()));
    if some {
        into.push(Event::Logprobs { choice, json: RawJson(json::raw(value)) });
    }
}

fn read_piece(choice: u64, piece: Value<'_, '_>, into: &mut Vec<Event>) {
    match answer::read_piece(piece) {
        Part::Text { text, .. } if !text.is_empty() => into.push(Event::Text { choice, text }),
        Part::Thinking { text, .. } if !text.is_empty() => into.push(Event::Thinking { choice, text }),
        Part::Text { .. } | Part::Thinking { .. } => {}
        part => into.push(Event::Whole { choice, part }),
    }
}

/// The words of a signed block were streamed before as reasoning; only the signature is news.
fn read_blocks(choice: u64, delta: &JsonObject<'_, '_>, into: &mut Vec<Event>) {
    let Some(blocks) = delta.get("thinking_blocks").and_then(|blocks| blocks.as_array()) else {
        return;
    };
    for block in &blocks {
        match block.as_object().as_ref().and_then(message::read_block) {
            Some(Part::Thinking { signature: Some(signature), .. }) if !signature.is_empty() => {
                into.push(Event::ThinkingSignature { choice, signature });
            }
            Some(part @ Part::RedactedThinking { .. }) => into.push(Event::Whole { choice, part }),
            _ => {}
        }
    }
}

/// Writes a caller's stream.
pub(super) struct Writer {
    options: StreamOptions,
    /// The part of a chunk that never changes, up to the choices.
    head: Vec<u8>,
    /// Top-level fields in the head, by their names.
    repeated: Vec<String>,
    /// Top-level fields for the next chunk.
    pending: Vec<Extra>,
    /// Reasoning of each choice since its last signature.
    thoughts: Vec<(u64, String)>,
    /// Choices whose role was said.
    introduced: Vec<u64>,
    /// How many entries lists of deltas have so far, by choice and name.
    listed: Vec<(u64, String, u64)>,
    /// Sources of each choice, which are told when it ends.
    citations: Vec<(u64, Citation)>,
    usage: Option<Usage>,
}

impl Writer {
    pub(super) fn new(options: StreamOptions) -> Self {
        Writer {
            options,
            head: Vec::new(),
            repeated: Vec::new(),
            pending: Vec::new(),
            thoughts: Vec::new(),
            introduced: Vec::new(),
            listed: Vec::new(),
            citations: Vec::new(),
            usage: None,
        }
    }

    fn start(&mut self, id: &str, model: &str, created_s: u64, tier: Option<ServiceTier>, extra: &[Extra]) {
        let created_s = if created_s == 0 { self.options.created_s } else { created_s };
        self.head.clear();
        self.head.extend_from_slice(b"data: {\"id\":");
        json::write_string(id, &mut self.head);
        self.head.extend_from_slice(b",\"object\":\"chat.completion.chunk\",\"created\":");
        fields::write_integer(created_s, &mut self.head);
        self.head.extend_from_slice(b",\"model\":");
        json::write_string(model, &mut self.head);
        for (name, value) in top_level(extra) {
            if REPEATED_FIELDS.contains(&name) {
                self.repeat(name, value);
            } else {
                self.pending.extend(extra.iter().find(|extra| extra.name == name).cloned());
            }
        }
        if let Some(tier) = tier {
            self.tier(tier);
        }
    }

    /// A field of this chunk and all that follow; what was told already stays.
    fn repeat(&mut self, name: &str, value: &str) {
        if !self.repeated.iter().any(|known| known == name) {
            self.repeated.push(name.to_owned());
            write_member(name, value, &mut self.head);
        }
    }

    fn tier(&mut self, tier: ServiceTier) {
        self.repeat(tier::FIELD, &format!("\"{}\"", tier::openai(tier)));
    }

    /// Everything before the list of choices.
    fn open(&mut self, out: &mut Vec<u8>) {
        if self.head.is_empty() {
            self.start("", "", 0, None, &[]);
        }
        out.extend_from_slice(&self.head);
        for extra in self.pending.drain(..) {
            write_member(&extra.name, &extra.value.0, out);
        }
        out.extend_from_slice(b",\"choices\":[");
    }

    fn introduce(&mut self, choice: u64, out: &mut Vec<u8>) {
        if !self.introduced.contains(&choice) && self.introduced.len() < TRACKED_MAX {
            self.introduced.push(choice);
            self.delta(choice, out, |out| out.extend_from_slice(b"\"role\":\"assistant\",\"content\":\"\""));
        }
    }

    /// One chunk with one delta, whose members `write` writes.
    fn delta(&mut self, choice: u64, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        self.open(out);
        out.extend_from_slice(b"{\"index\":");
        fields::write_integer(choice, out);
        out.extend_from_slice(b",\"delta\":{");
        write(out);
        out.extend_from_slice(b"},\"finish_reason\":null}]}\n\n");
    }

    fn words(&mut self, choice: u64, name: &str, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.introduce(choice, out);
        self.delta(choice, out, |out| {
            json::write_string(name, out);
            out.push(b':');
            json::write_string(text, out);
        });
    }

    /// A chunk whose choice has `member` beside an empty delta.
    fn beside(&mut self, choice: u64, member: (&str, &str), finish: &str, out: &mut Vec<u8>) {
        self.introduce(choice, out);
        self.open(out);
        out.extend_from_slice(b"{\"index\":");
        fields::write_integer(choice, out);
        out.extend_from_slice(b",\"delta\":{}");
        if !member.0.is_empty() {
            write_member(member.0, member.1, out);
        }
        write_member("finish_reason", finish, out);
        out.extend_from_slice(b"}]}\n\n");
    }

    fn block(&mut self, choice: u64, part: &Part, out: &mut Vec<u8>) {
        let block = fields::written(|out| message::write_block(part, out));
        self.list(choice, "thinking_blocks", &format!("[{block}]"), out);
    }

    /// The number of the next entry of a list in deltas.
    fn listed(&mut self, choice: u64, name: &str) -> &mut u64 {
        let known = self.listed.iter().position(|(of, known, _)| *of == choice && known == name);
        let at = known.unwrap_or_else(|| {
            self.listed.push((choice, name.to_owned(), 0));
            self.listed.len() - 1
        });
        &mut self.listed[at].2
    }

    /// A delta of a list, whose entries are numbered through the stream.
    fn list(&mut self, choice: u64, name: &str, list: &str, out: &mut Vec<u8>) {
        self.introduce(choice, out);
        let next = self.listed(choice, name);
        let (list, more) = entries::numbered(list, *next);
        *next += more;
        self.delta(choice, out, |out| {
            json::write_string(name, out);
            out.push(b':');
            out.extend_from_slice(list.as_bytes());
        });
    }

    /// Sources of a choice that ends, all in one delta.
    fn cite(&mut self, choice: u64, out: &mut Vec<u8>) {
        let cited: Vec<(u64, Citation)> = self.citations.extract_if(.., |(of, _)| *of == choice).collect();
        if cited.is_empty() {
            return;
        }
        self.introduce(choice, out);
        let next = self.listed(choice, annotations::FIELD);
        let first = *next;
        *next += cited.len() as u64;
        self.delta(choice, out, |out| {
            out.extend_from_slice(b"\"annotations\":");
            fields::write_list((first..).zip(&cited), out, |(number, (_, citation)), out| {
                annotations::write(Some(number), citation, out);
            });
        });
    }

    fn thought(&mut self, choice: u64) -> &mut String {
        let at = self.thoughts.iter().position(|(known, _)| *known == choice).unwrap_or_else(|| {
            self.thoughts.push((choice, String::new()));
            self.thoughts.len() - 1
        });
        &mut self.thoughts[at].1
    }

    fn call(&mut self, choice: u64, call: u64, (id, name): (&str, &str), extra: &[Extra], out: &mut Vec<u8>) {
        self.introduce(choice, out);
        self.delta(choice, out, |out| {
            out.extend_from_slice(b"\"tool_calls\":[");
            let mut writer = ObjectWriter::open(out, extra, NAME);
            fields::write_integer(call, writer.overrule("index"));
            json::write_string(id, writer.overrule("id"));
            json::write_string("function", writer.overrule("type"));
            let mut inner = ObjectWriter::open(writer.overrule("function"), &[], NAME);
            inner.string("name", name);
            inner.string("arguments", "");
            inner.close();
            writer.close();
            out.push(b']');
        });
    }

    fn arguments(&mut self, choice: u64, call: u64, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.delta(choice, out, |out| {
            out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
            fields::write_integer(call, out);
            out.extend_from_slice(b",\"function\":{\"arguments\":");
            json::write_string(text, out);
            out.extend_from_slice(b"}}]");
        });
    }

    fn choice_extra(&mut self, choice: u64, extra: &Extra, out: &mut Vec<u8>) {
        let value = extra.value.0.as_str();
        if extra.dialect != NAME || matches!(value, "" | "null" | "[]") {
            return;
        }
        match extra.name.strip_prefix("message/") {
            Some(name) if WHOLE_FIELDS.contains(&name) => {}
            Some(name) if value.starts_with('[') => self.list(choice, name, value, out),
            Some(name) => {
                self.introduce(choice, out);
                self.delta(choice, out, |out| {
                    json::write_string(name, out);
                    out.push(b':');
                    out.extend_from_slice(value.as_bytes());
                });
            }
            None if matches!(extra.name.as_str(), "index" | "finish_reason" | "logprobs") => {}
            None => self.beside(choice, (&extra.name, value), "null", out),
        }
    }

    /// Told late, it stands in every chunk that follows, if it is one of those that do.
    fn answer_extra(&mut self, extra: &Extra) {
        if REPEATED_FIELDS.contains(&extra.name.as_str()) && !self.head.is_empty() {
            self.repeat(&extra.name, &extra.value.0);
        } else {
            self.pending.push(extra.clone());
        }
    }

    fn whole(&mut self, choice: u64, part: &Part, out: &mut Vec<u8>) {
        match part {
            Part::RedactedThinking { .. } => self.block(choice, part, out),
            Part::Opaque { dialect, json } if *dialect == NAME => {
                self.introduce(choice, out);
                self.delta(choice, out, |out| {
                    out.extend_from_slice(b"\"content\":[");
                    out.extend_from_slice(json.0.as_bytes());
                    out.push(b']');
                });
            }
            _ => {}
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.options.include_usage
            && let Some(usage) = self.usage.take()
        {
            self.open(out);
            out.extend_from_slice(b"],\"usage\":");
            answer::write_usage(&usage, out);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(END);
    }
}

impl EventWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, created_s, service_tier, extra } => {
                self.start(id, model, *created_s, *service_tier, extra);
                self.introduce(0, out);
            }
            Event::Text { choice, text } => self.words(*choice, "content", text, out),
            Event::Thinking { choice, text } => {
                self.thought(*choice).push_str(text);
                self.words(*choice, "reasoning_content", text, out);
            }
            Event::ThinkingSignature { choice, signature } => {
                let text = std::mem::take(self.thought(*choice));
                self.block(*choice, &Part::Thinking { text, signature: Some(signature.clone()) }, out);
            }
            Event::ToolCall { choice, call, id, name, extra } => self.call(*choice, *call, (id, name), extra, out),
            Event::ToolArguments { choice, call, text } => self.arguments(*choice, *call, text, out),
            Event::Refusal { choice, text } => self.words(*choice, "refusal", text, out),
            Event::Whole { choice, part } => self.whole(*choice, part, out),
            Event::Logprobs { choice, json } => self.beside(*choice, ("logprobs", &json.0), "null", out),
            Event::Cited { choice, citation } => {
                if is_told_in(NAME, citation) && self.citations.len() < CITATIONS_MAX {
                    self.citations.push((*choice, citation.clone()));
                }
            }
            Event::ChoiceExtra { choice, extra } => self.choice_extra(*choice, extra, out),
            Event::AnswerExtra(extra) if extra.dialect == NAME => self.answer_extra(extra),
            Event::ServiceTier(tier) => self.tier(*tier),
            Event::Finish { choice, finish } => {
                self.cite(*choice, out);
                let word = fields::written(|out| json::write_string(answer::finish_word(finish), out));
                self.beside(*choice, ("", ""), &word, out);
            }
            Event::Usage(usage) => self.usage = Some(usage.clone()),
            Event::Ping => out.extend_from_slice(super::super::KEEP_ALIVE),
            Event::Error(error) => {
                out.extend_from_slice(b"data: ");
                fault::write_fault(error, out);
                out.extend_from_slice(b"\n\n");
            }
            Event::End => self.end(out),
            // Text is one here, and what other dialects keep means nothing.
            Event::TextStart { .. } | Event::TextExtra { .. } | Event::AnswerExtra(_) => {}
        }
    }
}

/// Own fields of the stream, without spellings of the envelope and without empty ones.
fn top_level(extra: &[Extra]) -> impl Iterator<Item = (&str, &str)> {
    fields::own_fields(extra, NAME, "")
        .filter(|(name, value)| !CHUNK_FIELDS.contains(name) && !matches!(*value, "" | "null"))
}

fn write_member(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b',');
    json::write_string(name, out);
    out.push(b':');
    out.extend_from_slice(value.as_bytes());
}

/// The facts of one event. The model is told only where it is likely to be news (with a role, a reason
/// to stop or the tokens), because a copy of it per event would be the only allocation here.
pub(super) fn facts(data: &str, body: Option<Value<'_, '_>>) -> Result<EventFacts, Fault> {
    let mut facts = EventFacts::default();
    let Some(body) = body else {
        facts.end = data.trim() == "[DONE]";
        return if facts.end { Ok(facts) } else { Err(fields::not_understood(NOT_UNDERSTOOD)) };
    };
    let chunk = body.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
    let (mut model, mut choices, mut introduces) = (None, None, false);
    for (name, value) in chunk.iter() {
        match name {
            "model" => model = value.into_string(),
            "choices" => choices = value.as_array(),
            "usage" if value.is_object() => facts.usage = Some(answer::read_usage(value, false)),
            "error" if !value.is_null() => facts.error = Some(answer::in_band_error(value)),
            _ => {}
        }
    }
    if facts.usage.is_none() {
        facts.usage = odd_usage(&chunk).map(|usage| answer::read_usage(usage, false));
    }
    facts.usage_only = facts.usage.is_some() && choices.is_none_or(|choices| choices.is_empty());
    for choice in choices.iter().flat_map(|choices| choices.iter()) {
        let choice = choice.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
        facts.error = facts.error.or_else(|| answer::error_of(&choice));
        introduces |= choice_facts(&choice, &mut facts);
    }
    if introduces || facts.finish.is_some() || facts.usage.is_some() {
        facts.model = model.filter(|model| !model.is_empty()).map(str::to_owned);
    }
    Ok(facts)
}

/// Adds the facts of one choice; true if its delta says a role.
fn choice_facts(choice: &JsonObject<'_, '_>, facts: &mut EventFacts) -> bool {
    let mut introduces = false;
    for (name, value) in choice.iter() {
        match name {
            "delta" => {
                if let Some(delta) = value.as_object() {
                    let said = Said::of(&delta);
                    facts.content |= said.any();
                    facts.tool_call |= said.tool_call;
                    facts.refusal |= said.refusal;
                    introduces |= delta.get("role").is_some();
                }
            }
            "finish_reason" => {
                if let Some(finish) = value.as_str().and_then(answer::finish_of) {
                    facts.add_finish(finish);
                }
            }
            _ => {}
        }
    }
    introduces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Finish;

    fn read(lines: &[&str]) -> Vec<Event> {
        let mut reader = Reader::default();
        let mut events = Vec::new();
        for line in lines {
            reader.read(None, line, &mut events).expect("understood");
        }
        events
    }

    fn calls(events: &[Event]) -> Vec<(u64, &str, String)> {
        let mut found: Vec<(u64, &str, String)> = Vec::new();
        for event in events {
            match event {
                Event::ToolCall { call, id, .. } => found.push((*call, id, String::new())),
                Event::ToolArguments { call, text, .. } => found[usize::try_from(*call).unwrap()].2.push_str(text),
                _ => {}
            }
        }
        found
    }

    fn delta(delta: &str) -> String {
        format!(r#"{{"id":"i","model":"m","choices":[{{"index":0,"delta":{delta}}}]}}"#)
    }

    #[test]
    fn reasoning_is_found_among_its_details_and_told_once() {
        let detail = |fields: &str| {
            delta(&format!(
                r#"{{"reasoning_details":[{{"type":"reasoning.text","format":"anthropic-claude-v1"{fields}}}]}}"#
            ))
        };
        let told = |events: &[Event]| {
            let (mut thought, mut signatures) = (String::new(), Vec::new());
            for event in events {
                match event {
                    Event::Thinking { text, .. } => thought.push_str(text),
                    Event::ThinkingSignature { signature, .. } => signatures.push(signature.clone()),
                    _ => {}
                }
            }
            (thought, signatures)
        };
        let wanted = ("I see".to_owned(), vec!["sig".to_owned()]);
        let (first, last) = (detail(r#","text":"I ""#), detail(r#","text":"see","signature":"sig""#));
        assert_eq!(told(&read(&[&first, &last])), wanted, "Snowflake's way");
        let both = r#"{"reasoning":"I see","reasoning_details":[{"type":"reasoning.text","text":"I see"}]}"#;
        let seal = detail(r#","text":"","signature":"sig""#);
        assert_eq!(told(&read(&[&delta(both), &seal])), wanted, "OpenRouter's way");
        let block = delta(r#"{"thinking_blocks":[{"type":"thinking","thinking":"I see","signature":"sig"}]}"#);
        assert_eq!(
            told(&read(&[&delta(r#"{"reasoning_content":"I see"}"#), &block, &seal])),
            wanted,
            "the gateway's way"
        );
        let foreign =
            r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"x","format":"openai-responses-v1"}]}"#;
        assert_eq!(told(&read(&[&delta(foreign)])), (String::new(), vec![]));
    }

    #[test]
    fn parallel_calls_are_told_apart_however_they_are_numbered() {
        let wanted = vec![(0, "a", "{}".to_owned()), (1, "b", "[]".to_owned())];
        let usual = [
            delta(r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}"#),
            delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#),
            delta(r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"f","arguments":"["}}]}"#),
            delta(r#"{"tool_calls":[{"index":1,"function":{"arguments":"]"}}]}"#),
        ];
        let all_zero = [
            delta(r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#),
            delta(r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"[]"}}]}"#),
        ];
        let unnumbered = [
            delta(
                r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"f","arguments":"["}}]}"#,
            ),
            delta(r#"{"tool_calls":[{"function":{"arguments":"]"}}]}"#),
        ];
        for lines in [&usual[..], &all_zero, &unnumbered] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_eq!(calls(&read(&lines)), wanted);
        }
    }

    #[test]
    fn every_chunk_names_its_stream_and_usage_comes_once_and_last() {
        let mut writer = Writer::new(StreamOptions { include_usage: true, created_s: 9 });
        let mut out = Vec::new();
        let usage = |output_tokens| Usage { input_tokens: 1, output_tokens, ..Usage::default() };
        for event in [
            Event::Start { id: "i".into(), model: "m".into(), created_s: 0, service_tier: None, extra: vec![] },
            Event::Usage(usage(1)),
            Event::Text { choice: 0, text: "hi".into() },
            Event::Finish { choice: 0, finish: Finish::Stop },
            Event::Usage(usage(2)),
            Event::End,
        ] {
            writer.write(&event, &mut out);
        }
        let text = String::from_utf8(out).expect("text");
        let head = r#"data: {"id":"i","object":"chat.completion.chunk","created":9,"model":"m","choices":["#;
        let wanted = [
            r#"{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
            r#"{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}"#,
            r#"{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            r#"],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#,
        ];
        let wanted: String = wanted.iter().map(|chunk| format!("{head}{chunk}\n\n")).collect();
        assert_eq!(text, wanted + "data: [DONE]\n\n");
    }

    #[test]
    fn signed_reasoning_survives_the_way_through_this_dialect() {
        let said = [
            Event::Thinking { choice: 0, text: "hm".into() },
            Event::Thinking { choice: 0, text: "!".into() },
            Event::ThinkingSignature { choice: 0, signature: "s".into() },
            Event::Whole { choice: 0, part: Part::RedactedThinking { data: "r".into() } },
        ];
        let mut writer = Writer::new(StreamOptions::default());
        let mut out = Vec::new();
        let (id, model) = ("i".into(), "m".into());
        writer.write(&Event::Start { id, model, created_s: 1, service_tier: None, extra: vec![] }, &mut out);
        said.iter().for_each(|event| writer.write(event, &mut out));
        let text = String::from_utf8(out).expect("text");
        assert!(
            text.contains(r#"{"thinking_blocks":[{"index":0,"type":"thinking","thinking":"hm!","signature":"s"}]}"#)
        );
        let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        assert_eq!(read(&lines)[1..], said);
    }

    #[test]
    fn facts_of_a_chunk() {
        let facts_of = |data: &str| {
            let mut copy = data.as_bytes().to_vec();
            let mut parser = Parser::new();
            match parser.parse(&mut copy) {
                Ok(tape) => facts(data, Some(tape.as_value())),
                Err(_) => facts(data, None),
            }
        };
        assert!(facts_of("[DONE]").expect("the end").end);
        assert!(facts_of("<html>").is_err());
        assert!(facts_of("[]").is_err());
        let role = facts_of(&delta(r#"{"role":"assistant","content":"","tool_calls":null}"#)).expect("a chunk");
        assert_eq!(role, EventFacts { model: Some("m".into()), ..EventFacts::default() });
        assert!(facts_of(&delta(r#"{"content":"x"}"#)).expect("a chunk").content);
        assert!(facts_of(&delta(r#"{"reasoning":"x"}"#)).expect("a chunk").content);
        let call = facts_of(&delta(r#"{"tool_calls":[{"index":0}]}"#)).expect("a chunk");
        assert!(call.content && call.tool_call);
        let usage = facts_of(r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#).expect("a chunk");
        assert!(usage.usage_only && usage.usage.is_some_and(|usage| usage.output_tokens == 4));
        let odd = [
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":3,"completion_tokens":4}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":3,"completion_tokens":4}}}"#,
        ];
        for data in odd {
            let facts = facts_of(data).expect("a chunk");
            assert!(!facts.usage_only && facts.usage.is_some_and(|usage| usage.output_tokens == 4), "{data}");
            let usages = read(&[data]).into_iter().filter(|event| matches!(event, Event::Usage(_))).count();
            assert_eq!(usages, 1, "{data}");
        }
        let failed =
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"error","error":{"code":502,"message":"m"}}]}"#;
        assert_eq!(
            facts_of(failed).expect("a chunk").error.map(|fault| fault.message.into_owned()),
            Some("m".to_owned())
        );
        assert!(matches!(read(&[failed]).last(), Some(Event::Error(_))));
        let error = facts_of(r#"{"error":{"message":"m","code":"c"},"choices":[]}"#).expect("a chunk");
        assert_eq!(error.error.map(|fault| fault.message.into_owned()), Some("m".to_owned()));
    }

    #[test]
    fn entries_of_lists_are_numbered_through_a_stream() {
        let list = |value: &str| Event::ChoiceExtra {
            choice: 0,
            extra: Extra { dialect: NAME, name: "message/annotations".into(), value: RawJson(value.into()) },
        };
        let said = [list(r#"[{"a":1},{"a":2}]"#), list(r#"[{"a":3}]"#)];
        let mut writer = Writer::new(StreamOptions::default());
        let mut out = Vec::new();
        said.iter().for_each(|event| writer.write(event, &mut out));
        let text = String::from_utf8(out).expect("text");
        for told in [r#"[{"index":0,"a":1},{"index":1,"a":2}]"#, r#"[{"index":2,"a":3}]"#] {
            assert!(text.contains(&format!(r#"{{"annotations":{told}}}"#)), "{text}");
        }
        let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        assert_eq!(read(&lines)[1..], said);
    }

    #[test]
    fn a_tier_that_is_told_late_stands_in_what_follows() {
        let tier = r#""service_tier":"default""#;
        let late = r#"{"choices":[{"index":0,"delta":{"content":"b"}}],"service_tier":"default"}"#;
        let events = read(&[r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"service_tier":null}"#, late, late]);
        assert_eq!(events.iter().filter(|event| matches!(event, Event::AnswerExtra(_))).count(), 1, "told once");
        let tiers = events.iter().filter(|event| matches!(event, Event::ServiceTier(ServiceTier::Default)));
        assert_eq!(tiers.count(), 1, "to others as well");
        let mut writer = Writer::new(StreamOptions::default());
        let mut out = Vec::new();
        events.iter().for_each(|event| writer.write(event, &mut out));
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text.matches(tier).count(), 2, "in both chunks behind it, once each: {text}");
    }
}
