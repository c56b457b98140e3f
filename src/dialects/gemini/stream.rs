//! Streamed answers: every chunk is an answer with less in it.
//!
//! There is no terminator. A stream is complete when every candidate in it said why it finished *and* its
//! body came to its proper end; more chunks may follow a reason to finish, if only to repeat the tokens.
//! Callers are told the reason and the tokens in one last chunk, as Gemini does it, so that a stream that
//! breaks before its end never looks finished. SDKs of this dialect die of comments, of `event:` lines and
//! of `[DONE]`.

use super::super::EventFacts;
use super::super::EventReader;
use super::super::EventWriter;
use super::super::fields;
use super::super::fields::ObjectWriter;
use super::NAME;
use super::answer;
use super::answer::Said;
use super::fault;
use super::grounding;
use super::logprobs;
use super::part;
use super::part::Piece;
use super::signature;
use super::signature::Found;
use super::signature::Owner;
use super::signature::Signed;
use super::spelling;
use super::write;
use super::write::Audience;
use super::write::Parts;
use crate::chat::CITATIONS_MAX;
use crate::chat::Citation;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::MediaSource;
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
use crate::wire::json::ValueIntoString;

const NOT_UNDERSTOOD: &str = "the provider's stream holds something that is not a chunk of generated content";
/// Most answers followed in one stream.
const TRACKED_MAX: usize = 64;
/// Longest beginning of the answer's id that the ids of its calls repeat: some APIs take 40 characters.
const ID_BYTES_MAX: usize = 26;
/// A terminator of another format, which some imitators send; it is understood and never passed on.
const DONE: &str = "[DONE]";
/// Fields that stand in every chunk and belong to the stream as a whole.
const REPEATED_FIELDS: &[&str] = &["createTime"];

/// Reads a provider's stream.
#[derive(Default)]
pub(super) struct Reader {
    parser: Parser,
    chunks: Chunks,
}

impl EventReader for Reader {
    fn read(&mut self, _name: Option<&str>, data: &str, into: &mut Vec<Event>) -> Result<(), Fault> {
        if data.trim() == DONE {
            into.push(Event::End);
            return Ok(());
        }
        let mut copy = data.as_bytes().to_vec();
        let tape = self.parser.parse(&mut copy).map_err(|_| fields::not_understood(NOT_UNDERSTOOD))?;
        let read = match envelope(tape.as_value()) {
            Ok(Ok(chunk)) => self.chunks.read(&chunk, into),
            Ok(Err(told)) => {
                into.push(Event::Error(told));
                Ok(())
            }
            Err(broken) => Err(broken),
        };
        self.parser.recycle(tape);
        read
    }
}

/// A chunk, or the failure that the provider told in its place; an error for what is neither.
fn envelope<'tape, 'input>(value: Value<'tape, 'input>) -> Result<Result<JsonObject<'tape, 'input>, Fault>, Fault> {
    let object = value.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
    match spelling::get(&object, "error") {
        Some(error) => Ok(Err(fault::read_error_value(error))),
        None => answer::envelope(value, NOT_UNDERSTOOD).map(Ok),
    }
}

/// What the chunks of one answer have told so far.
#[derive(Default)]
pub(super) struct Chunks {
    /// Is there only one, whose every spelling is kept?
    whole: bool,
    started: bool,
    told_tier: bool,
    id: String,
    choices: Vec<Told>,
}

/// What was told of one candidate.
struct Told {
    index: u64,
    calls: u64,
    /// Was the last thing something else than words, so that words now are a text of their own?
    interrupted: bool,
    finished: bool,
    /// Told in every chunk; the last one counts.
    ratings: Option<Extra>,
    /// All words, for whatever points into them.
    text: String,
}

impl Chunks {
    /// For an answer that comes as one.
    pub(super) fn whole() -> Self {
        Chunks { whole: true, ..Chunks::default() }
    }

    /// Appends what `chunk` means.
    pub(super) fn read(&mut self, chunk: &JsonObject<'_, '_>, into: &mut Vec<Event>) -> Result<(), Fault> {
        self.read_envelope(chunk, into);
        let candidates = spelling::get(chunk, "candidates").and_then(|candidates| candidates.as_array());
        for (place, candidate) in candidates.iter().flat_map(|candidates| candidates.iter()).enumerate() {
            let candidate = candidate.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
            self.read_candidate(place, &candidate, into)?;
        }
        if candidates.is_none_or(|candidates| candidates.is_empty()) {
            self.read_nothing(chunk, into)?;
        }
        if let Some(usage) = spelling::get(chunk, "usageMetadata")
            && let Some(object) = usage.as_object()
        {
            into.push(Event::Usage(answer::read_usage(&object, Some(json::raw(usage)))));
        }
        Ok(())
    }

    fn read_envelope(&mut self, chunk: &JsonObject<'_, '_>, into: &mut Vec<Event>) {
        const KNOWN: &[&str] = &["candidates", "usageMetadata", "modelVersion", "responseId"];
        let first = !std::mem::replace(&mut self.started, true);
        let others = chunk.iter().filter(|(written, value)| {
            let name = spelling::camel(written);
            !KNOWN.contains(&&*name) && !value.is_null() && (first || !REPEATED_FIELDS.contains(&&*name))
        });
        let mut kept: Vec<Extra> = others.map(|(name, value)| own(name, json::raw(value))).collect();
        let usage = spelling::object(chunk, "usageMetadata").filter(|_| !self.told_tier);
        let service_tier = usage.and_then(|usage| answer::read_tier(&usage));
        self.told_tier |= service_tier.is_some();
        if !first {
            into.extend(kept.into_iter().map(Event::AnswerExtra));
            into.extend(service_tier.map(Event::ServiceTier));
            return;
        }
        if self.whole && spelling::get(chunk, "candidates").is_none() {
            kept.push(own("candidates", String::new()));
        }
        self.id = spelling::text(chunk, "responseId").unwrap_or_default().to_owned();
        let model = spelling::text(chunk, "modelVersion").unwrap_or_default().to_owned();
        into.push(Event::Start { id: self.id.clone(), model, created_s: 0, service_tier, extra: kept });
    }

    /// A refused prompt has no candidate that could say so.
    fn read_nothing(&mut self, chunk: &JsonObject<'_, '_>, into: &mut Vec<Event>) -> Result<(), Fault> {
        let blocked = answer::is_blocked(chunk);
        if !blocked && !self.whole {
            return Ok(());
        }
        let told = self.told(0)?;
        if blocked && !std::mem::replace(&mut told.finished, true) {
            into.push(Event::Finish { choice: 0, finish: Finish::ContentFilter });
        } else if !blocked {
            into.push(Event::ChoiceExtra { choice: 0, extra: own("content", String::new()) });
        }
        Ok(())
    }

    fn told(&mut self, index: u64) -> Result<&mut Told, Fault> {
        if let Some(at) = self.choices.iter().position(|told| told.index == index) {
            return Ok(&mut self.choices[at]);
        }
        if self.choices.len() >= TRACKED_MAX {
            return Err(fields::not_understood("the provider's stream holds too many answers"));
        }
        self.choices.push(Told {
            index,
            calls: 0,
            interrupted: false,
            finished: false,
            ratings: None,
            text: String::new(),
        });
        Ok(self.choices.last_mut().expect("just pushed"))
    }

    fn read_candidate(
        &mut self,
        place: usize,
        candidate: &JsonObject<'_, '_>,
        into: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let place = u64::try_from(place).unwrap_or(u64::MAX);
        let given = spelling::integer(candidate, "index");
        let index = self.unused(given.unwrap_or(place));
        self.told(index)?;
        let content = spelling::object(candidate, "content");
        if self.whole {
            let absent = |name: &str| Event::ChoiceExtra { choice: index, extra: own(name, String::new()) };
            into.extend(given.is_none().then(|| absent("index")));
            match &content {
                None => into.push(absent("content")),
                Some(content) => into.extend(spelling::get(content, "role").is_none().then(|| absent("content/role"))),
            }
        }
        if let Some(parts) = content.and_then(|content| spelling::get(&content, "parts")) {
            let parts = spelling::items(parts, || "content.parts".to_owned());
            let mut after_text = false;
            for one in parts.map_err(|_| fields::not_understood(NOT_UNDERSTOOD))? {
                let piece = part::read(one, "content.parts").map_err(|_| fields::not_understood(NOT_UNDERSTOOD))?;
                after_text = self.read_piece(index, piece, after_text, into)?;
            }
        }
        self.read_beside(index, candidate, into)
    }

    /// The number itself, unless it is that of an earlier candidate of one whole answer.
    fn unused(&self, index: u64) -> u64 {
        let is_used = |index: &u64| self.whole && self.choices.iter().any(|told| told.index == *index);
        if is_used(&index) { (0..).find(|index| !is_used(index)).unwrap_or(index) } else { index }
    }

    /// True if words were told that the next ones of this chunk do not continue.
    fn read_piece(
        &mut self,
        choice: u64,
        piece: Piece,
        after_text: bool,
        into: &mut Vec<Event>,
    ) -> Result<bool, Fault> {
        let id = call_id_prefix(&self.id);
        let told = self.told(choice)?;
        match piece {
            Piece::Text { text, thought: true, signature, .. } => {
                if !text.is_empty() {
                    into.push(Event::Thinking { choice, text });
                }
                into.extend(signature.map(|signature| signed(choice, signature)));
                Ok(after_text)
            }
            Piece::Text { text, signature, extra, .. } => {
                into.extend(signature.map(|signature| signed(choice, signature)));
                if text.is_empty() {
                    return Ok(after_text);
                }
                if std::mem::take(&mut told.interrupted) || after_text {
                    into.push(Event::TextStart { choice });
                }
                told.text.push_str(&text);
                into.push(Event::Text { choice, text });
                into.extend(extra.into_iter().map(|extra| Event::TextExtra { choice, extra }));
                Ok(true)
            }
            Piece::Call { id: given, name, arguments, signature, extra } => {
                let call = told.calls;
                told.calls += 1;
                told.interrupted = true;
                into.extend(signature.map(|signature| Event::ThinkingSignature { choice, signature }));
                let id = given.unwrap_or_else(|| format!("call_{id}_{call}"));
                into.push(Event::ToolCall { choice, call, id, name, extra });
                into.push(Event::ToolArguments { choice, call, text: arguments });
                Ok(false)
            }
            Piece::Result { part, .. } | Piece::Whole(part) => {
                told.interrupted = true;
                into.extend(openai_image(&part).map(|extra| Event::ChoiceExtra { choice, extra }));
                into.push(Event::Whole { choice, part });
                Ok(false)
            }
        }
    }

    /// Everything of a candidate but its content.
    fn read_beside(&mut self, choice: u64, candidate: &JsonObject<'_, '_>, into: &mut Vec<Event>) -> Result<(), Fault> {
        let mut finish = None;
        let mut cited = Vec::new();
        for (written, value) in candidate.iter().filter(|(_, value)| !value.is_null()) {
            match &*spelling::camel(written) {
                "content" | "index" => {}
                "finishReason" => finish = value.into_string(),
                "safetyRatings" => self.told(choice)?.ratings = Some(own(written, json::raw(value))),
                "logprobsResult" => {
                    into.extend(logprobs::to_openai(value).map(|json| Event::Logprobs { choice, json }));
                    into.push(Event::ChoiceExtra { choice, extra: own(written, json::raw(value)) });
                }
                name => {
                    let text = &self.told(choice)?.text;
                    cited.extend(match name {
                        "groundingMetadata" => grounding::of_metadata(value, text),
                        "citationMetadata" => grounding::of_citations(value, text),
                        _ => Vec::new(),
                    });
                    into.push(Event::ChoiceExtra { choice, extra: own(written, json::raw(value)) });
                }
            }
        }
        into.extend(cited.into_iter().map(|citation| Event::Cited { choice, citation }));
        let whole = self.whole;
        let told = self.told(choice)?;
        let word = finish.and_then(|word| Some((word, answer::finish_of(word)?)));
        if whole || word.is_some() {
            into.extend(told.ratings.take().map(|extra| Event::ChoiceExtra { choice, extra }));
        }
        let Some((word, finish)) = word else {
            return Ok(());
        };
        if std::mem::replace(&mut told.finished, true) {
            return Ok(());
        }
        if answer::finish_word(&finish) != word {
            into.push(Event::ChoiceExtra { choice, extra: own("finishReason", spelling::quoted(word)) });
        }
        // Calls have no reason of their own here, elsewhere they do.
        let finish = if finish == Finish::Stop && told.calls > 0 { Finish::ToolCalls } else { finish };
        into.push(Event::Finish { choice, finish });
        Ok(())
    }
}

fn own(name: &str, json: String) -> Extra {
    Extra { dialect: NAME, name: name.to_owned(), value: RawJson(json) }
}

fn signed(choice: u64, found: Found) -> Event {
    match found {
        Found::Signature(signature) => Event::ThinkingSignature { choice, signature },
        Found::Redacted(data) => Event::Whole { choice, part: Part::RedactedThinking { data } },
    }
}

/// The answer's id as far as ids of calls may repeat it.
fn call_id_prefix(id: &str) -> String {
    id.chars().filter(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '-')).take(ID_BYTES_MAX).collect()
}

/// A generated picture, where clients of OpenAI's format look for one.
fn openai_image(part: &Part) -> Option<Extra> {
    let Part::Image { source: MediaSource::Base64 { media_type, data }, .. } = part else {
        return None;
    };
    let url = spelling::quoted(&format!("data:{media_type};base64,{data}"));
    let value = RawJson(format!("[{{\"type\":\"image_url\",\"image_url\":{{\"url\":{url}}}}}]"));
    Some(Extra { dialect: "openai_chat", name: "message/images".to_owned(), value })
}

/// Writes a caller's stream.
#[derive(Default)]
pub(super) struct Writer {
    id: String,
    model: String,
    /// Top-level fields for the next chunk.
    pending: Vec<Extra>,
    choices: Vec<Telling>,
    usage: Option<Usage>,
    tier: Option<ServiceTier>,
    failed: Option<Fault>,
}

/// One candidate being told.
struct Telling {
    index: u64,
    /// A signature whose text or call has not come yet.
    signature: Option<(Signed, String)>,
    /// Calls whose arguments are not known to be complete.
    calls: Vec<Call>,
    /// Calls told before those.
    calls_told: u64,
    logprobs: Vec<RawJson>,
    extra: Vec<Extra>,
    /// Sources, and the words that they count.
    citations: Vec<Citation>,
    words: String,
    finish: Option<Finish>,
}

struct Call {
    id: String,
    name: String,
    arguments: String,
    signature: Option<String>,
    extra: Vec<Extra>,
}

impl EventWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.failed.is_some() {
            return;
        }
        match event {
            Event::Start { id, model, service_tier, extra, .. } => {
                self.id.clone_from(id);
                self.model.clone_from(model);
                self.pending.extend(extra.iter().filter(|extra| extra.dialect == NAME).cloned());
                self.tier = *service_tier;
            }
            Event::Text { choice, text } | Event::Refusal { choice, text } => self.text(*choice, text, out),
            Event::Thinking { choice, text } => self.thought(*choice, text, out),
            Event::ThinkingSignature { choice, signature } => self.signature(*choice, signature, out),
            Event::ToolCall { choice, id, name, extra, .. } => self.call(*choice, id, name, extra),
            Event::ToolArguments { choice, call, text } => self.arguments(*choice, *call, text),
            Event::TextStart { choice } => self.tell_calls(*choice, out),
            Event::Whole { choice, part } => self.whole(*choice, part, out),
            Event::Logprobs { choice, json } => self.telling(*choice).logprobs.push(json.clone()),
            Event::ChoiceExtra { choice, extra } if extra.dialect == NAME => self.choice_extra(*choice, extra),
            Event::ChoiceExtra { .. } => {}
            Event::Cited { choice, citation } => self.cite(*choice, citation),
            Event::AnswerExtra(extra) if extra.dialect == NAME => self.pending.push(extra.clone()),
            Event::Finish { choice, finish } => self.telling(*choice).finish = Some(finish.clone()),
            Event::Usage(usage) => self.usage = Some(usage.clone()),
            Event::Error(error) => self.tell_error(error, out),
            Event::End => self.end(out),
            Event::ServiceTier(tier) => self.tier = Some(*tier),
            Event::AnswerExtra(_) | Event::TextExtra { .. } | Event::Ping => {}
        }
    }

    fn failure(&self) -> Option<&Fault> {
        self.failed.as_ref()
    }
}

impl Writer {
    fn telling(&mut self, index: u64) -> &mut Telling {
        let at = self.choices.iter().position(|telling| telling.index == index).unwrap_or_else(|| {
            self.choices.push(Telling {
                index,
                signature: None,
                calls: Vec::new(),
                calls_told: 0,
                logprobs: Vec::new(),
                extra: Vec::new(),
                citations: Vec::new(),
                words: String::new(),
                finish: None,
            });
            self.choices.len() - 1
        });
        &mut self.choices[at]
    }

    /// Nothing may follow an error: a clean end after it would be believed.
    fn tell_error(&mut self, error: &Fault, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        fault::write_fault(error, out);
        out.extend_from_slice(b"\n\n");
        self.failed = Some(error.clone());
    }

    /// A chunk with these parts of one candidate.
    fn chunk(&mut self, choice: u64, parts: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: {\"candidates\":[{\"content\":");
        answer::write_content(parts, &[], out);
        out.extend_from_slice(b",\"index\":");
        fields::write_integer(choice, out);
        out.extend_from_slice(b"}]");
        self.close(out);
    }

    /// What stands in every chunk, and its end.
    fn close(&mut self, out: &mut Vec<u8>) {
        let members = [("modelVersion", &self.model), ("responseId", &self.id)];
        for (name, value) in members.into_iter().filter(|(_, value)| !value.is_empty()) {
            write_member(name, &spelling::quoted(value), out);
        }
        for extra in self.pending.drain(..).filter(|extra| !extra.value.0.is_empty()) {
            write_member(&extra.name, &extra.value.0, out);
        }
        out.extend_from_slice(b"}\n\n");
    }

    fn text(&mut self, choice: u64, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.tell_calls(choice, out);
        let telling = self.telling(choice);
        telling.words.push_str(text);
        let waiting = telling.signature.take_if(|(signed, _)| *signed == Signed::Text);
        let signature = waiting.map(|(_, signature)| signature);
        let mut part = Vec::new();
        write::write_text(text, false, signature.as_deref(), &[], &mut part);
        self.chunk(choice, &part, out);
    }

    fn thought(&mut self, choice: u64, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.tell_calls(choice, out);
        let mut part = Vec::new();
        write::write_text(text, true, None, &[], &mut part);
        self.chunk(choice, &part, out);
    }

    fn signature(&mut self, choice: u64, signature: &str, out: &mut Vec<u8>) {
        self.tell_calls(choice, out);
        let mut part = Vec::new();
        match signature::owner(signature) {
            Owner::Gemini(signed @ (Signed::Text | Signed::Call), own) => {
                let before = self.telling(choice).signature.replace((signed, own.to_owned()));
                let Some((Signed::Text, before)) = before else {
                    return;
                };
                write::write_text("", false, Some(&before), &[], &mut part);
            }
            _ => write::write_text("", true, Some(&signature::for_caller(signature)), &[], &mut part),
        }
        self.chunk(choice, &part, out);
    }

    fn call(&mut self, choice: u64, id: &str, name: &str, extra: &[Extra]) {
        let telling = self.telling(choice);
        let waiting = telling.signature.take_if(|(signed, _)| *signed == Signed::Call);
        telling.calls.push(Call {
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: String::new(),
            signature: signature::of_call(extra).or(waiting.map(|(_, signature)| signature)),
            extra: extra.to_vec(),
        });
    }

    fn arguments(&mut self, choice: u64, call: u64, text: &str) {
        let telling = self.telling(choice);
        let place = call.checked_sub(telling.calls_told).and_then(|place| usize::try_from(place).ok());
        match place.and_then(|place| telling.calls.get_mut(place)) {
            Some(call) => call.arguments.push_str(text),
            None if text.is_empty() => {}
            None => {
                self.failed = Some(fields::not_understood("the provider mixed the arguments of several tool calls"))
            }
        }
    }

    /// Calls are told whole. What follows them shows that their arguments are complete.
    fn tell_calls(&mut self, choice: u64, out: &mut Vec<u8>) {
        let parts = self.telling(choice).take_calls();
        if !parts.is_empty() {
            self.chunk(choice, &parts, out);
        }
    }

    fn whole(&mut self, choice: u64, part: &Part, out: &mut Vec<u8>) {
        self.tell_calls(choice, out);
        let mut written = Vec::new();
        let mut parts = Parts::new(&mut written, Audience::Caller);
        let told = parts.add(part, "", &|_| None).is_ok() && parts.count() > 0;
        if told {
            self.chunk(choice, &written, out);
        }
    }

    fn cite(&mut self, choice: u64, citation: &Citation) {
        let citations = &mut self.telling(choice).citations;
        if citations.len() < CITATIONS_MAX {
            citations.push(citation.clone());
        }
    }

    fn choice_extra(&mut self, choice: u64, extra: &Extra) {
        let known = &mut self.telling(choice).extra;
        match known.iter_mut().find(|known| known.name == extra.name) {
            Some(known) => known.clone_from(extra),
            None => known.push(extra.clone()),
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let mut choices = std::mem::take(&mut self.choices);
        let blocked = self.pending.iter().any(|extra| extra.name == "candidates");
        out.extend_from_slice(b"data: {");
        if !blocked {
            out.extend_from_slice(b"\"candidates\":");
            fields::write_list(&mut choices, out, write_last);
        }
        if let Some(usage) = self.usage.take() {
            out.extend_from_slice(if blocked { b"\"usageMetadata\":" } else { b",\"usageMetadata\":" });
            answer::write_usage(&usage, self.tier, out);
        }
        self.close(out);
    }
}

impl Telling {
    /// The waiting calls as parts.
    fn take_calls(&mut self) -> Vec<u8> {
        let mut parts = Vec::new();
        self.calls_told += self.calls.len() as u64;
        for call in self.calls.drain(..) {
            if !parts.is_empty() {
                parts.push(b',');
            }
            let arguments = fields::arguments_object(&call.arguments);
            write::write_call(&call.id, &call.name, &arguments, call.signature.as_deref(), &call.extra, &mut parts);
        }
        parts
    }
}

/// The last of one candidate. SDKs take a content without parts for an invalid one, so that there is
/// always one, empty if need be.
fn write_last(telling: &mut Telling, out: &mut Vec<u8>) {
    let mut parts = telling.take_calls();
    let waiting = telling.signature.take().filter(|(signed, _)| *signed == Signed::Text);
    let signature = waiting.map(|(_, signature)| signature);
    if parts.is_empty() || signature.is_some() {
        if !parts.is_empty() {
            parts.push(b',');
        }
        write::write_text("", false, signature.as_deref(), &[], &mut parts);
    }
    let mut writer = ObjectWriter::open(out, &telling.extra, NAME);
    answer::write_content(&parts, &[], writer.overrule("content"));
    if let Some(finish) = &telling.finish {
        writer.string("finishReason", answer::finish_word(finish));
    }
    fields::write_integer(telling.index, writer.overrule("index"));
    if let Some(result) = logprobs::to_gemini(&telling.logprobs).filter(|_| !writer.is_kept("logprobsResult")) {
        writer.text("logprobsResult", &result);
    }
    grounding::write(&telling.citations, || std::mem::take(&mut telling.words), &mut writer);
    writer.close();
}

fn write_member(name: &str, value: &str, out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    json::write_string(name, out);
    out.push(b':');
    out.extend_from_slice(value.as_bytes());
}

/// The facts of one event.
pub(super) fn facts(data: &str, body: Option<Value<'_, '_>>) -> Result<EventFacts, Fault> {
    if body.is_none() && data.trim() == DONE {
        return Ok(EventFacts { end: true, ..EventFacts::default() });
    }
    let body = body.ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
    let chunk = match envelope(body)? {
        Ok(chunk) => chunk,
        Err(error) => return Ok(EventFacts { error: Some(error), ..EventFacts::default() }),
    };
    let mut facts = EventFacts {
        model: spelling::text(&chunk, "modelVersion").map(str::to_owned),
        usage: spelling::object(&chunk, "usageMetadata").map(|usage| answer::read_usage(&usage, None)),
        ..EventFacts::default()
    };
    let candidates = spelling::get(&chunk, "candidates").and_then(|candidates| candidates.as_array());
    for candidate in candidates.iter().flat_map(|candidates| candidates.iter()) {
        let candidate = candidate.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
        let said = Said::of(&candidate);
        facts.content |= said.content;
        facts.tool_call |= said.tool_call;
        if let Some(finish) = spelling::text(&candidate, "finishReason").and_then(answer::finish_of) {
            facts.add_finish(finish);
        }
    }
    if candidates.is_none_or(|candidates| candidates.is_empty()) && answer::is_blocked(&chunk) {
        facts.add_finish(Finish::ContentFilter);
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::super::super::Dialect;
    use super::*;
    use crate::fault::Kind;
    use serde_json::Value as Json;
    use serde_json::json;

    fn written(events: &[Event]) -> Vec<Json> {
        told(events).0
    }

    /// The same, and why it could not be told on.
    fn told(events: &[Event]) -> (Vec<Json>, Option<Fault>) {
        let mut writer = Writer::default();
        let mut out = Vec::new();
        events.iter().for_each(|event| writer.write(event, &mut out));
        let text = String::from_utf8(out).expect("text");
        let data = |event: &str| serde_json::from_str(event.strip_prefix("data: ").expect("nothing but data"));
        let chunks = text.split_terminator("\n\n").map(|event| data(event).expect("JSON")).collect();
        (chunks, writer.failed)
    }

    fn read(chunks: &[Json]) -> Vec<Event> {
        let mut reader = Reader::default();
        let mut events = Vec::new();
        for chunk in chunks {
            reader.read(None, &chunk.to_string(), &mut events).expect("understood");
        }
        events
    }

    fn start() -> Event {
        Event::Start { id: "r".into(), model: "m".into(), created_s: 0, service_tier: None, extra: vec![] }
    }

    fn call(call: u64, id: &str) -> Event {
        Event::ToolCall { choice: 0, call, id: id.into(), name: "f".into(), extra: vec![] }
    }

    fn arguments(call: u64, text: &str) -> Event {
        Event::ToolArguments { choice: 0, call, text: text.into() }
    }

    fn part(chunk: &Json, place: usize) -> &Json {
        &chunk["candidates"][0]["content"]["parts"][place]
    }

    #[test]
    fn calls_are_told_whole_and_the_reason_last() {
        let chunks = written(&[
            start(),
            Event::Text { choice: 0, text: "hm".into() },
            call(0, "a"),
            arguments(0, "{\"x\":"),
            call(1, ""),
            arguments(0, "1}"),
            arguments(1, "{oops"),
            Event::Finish { choice: 0, finish: Finish::ToolCalls },
            Event::Usage(Usage { input_tokens: 5, output_tokens: 4, reasoning_tokens: Some(3), ..Usage::default() }),
            Event::End,
        ]);
        let [text, last] = chunks.as_slice() else { panic!("{chunks:?}") };
        assert_eq!(part(text, 0), &json!({"text": "hm"}));
        assert_eq!(text["candidates"][0].get("finishReason"), None);
        assert_eq!(part(last, 0), &json!({"functionCall": {"id": "a", "name": "f", "args": {"x": 1}}}));
        assert_eq!(part(last, 1), &json!({"functionCall": {"name": "f", "args": {"invalid_arguments": "{oops"}}}));
        assert_eq!(last["candidates"][0]["finishReason"], "STOP");
        let usage =
            json!({"promptTokenCount": 5, "candidatesTokenCount": 1, "thoughtsTokenCount": 3, "totalTokenCount": 9});
        assert_eq!(last["usageMetadata"], usage);
        assert!(chunks.iter().all(|chunk| chunk["responseId"] == "r" && chunk["modelVersion"] == "m"));
    }

    #[test]
    fn arguments_for_a_call_that_was_told_already_fail_loudly() {
        let (chunks, failure) = told(&[
            start(),
            call(0, "a"),
            Event::Text { choice: 0, text: "words".into() },
            arguments(0, "{}"),
            Event::Finish { choice: 0, finish: Finish::ToolCalls },
            Event::End,
        ]);
        assert!(failure.is_some_and(|fault| fault.kind == Kind::Upstream));
        assert!(chunks.iter().all(|chunk| chunk["candidates"][0].get("finishReason").is_none()));
    }

    #[test]
    fn signatures_survive_the_way_through_this_format() {
        let foreign = "EqQB+/==";
        let said = [
            start(),
            Event::Thinking { choice: 0, text: "hm".into() },
            Event::ThinkingSignature { choice: 0, signature: foreign.into() },
            Event::Whole { choice: 0, part: Part::RedactedThinking { data: "r".into() } },
            Event::ThinkingSignature { choice: 0, signature: "gemini-text:T".into() },
            Event::Text { choice: 0, text: "one".into() },
            Event::ThinkingSignature { choice: 0, signature: "gemini-text:U".into() },
            Event::Finish { choice: 0, finish: Finish::Stop },
        ];
        let chunks = written(&[said.as_slice(), &[Event::End]].concat());
        let signed = |place: usize| part(&chunks[place], 0)["thoughtSignature"].as_str().expect("a signature");
        assert_eq!((signed(1), signed(3)), (signature::enclosed(foreign).as_str(), "T"));
        assert_eq!(part(&chunks[4], 0), &json!({"text": "", "thoughtSignature": "U"}));
        assert_eq!(read(&chunks), said);
    }

    #[test]
    fn ids_are_made_from_the_answers_and_results_are_joined_by_them() {
        let chunk = json!({"responseId": "a/b_c", "candidates": [{"content": {"parts": [
            {"functionCall": {"name": "f"}},
            {"functionCall": {"id": "given", "name": "f", "args": {}}},
        ]}}]});
        let ids: Vec<String> = read(&[chunk.clone(), chunk])
            .into_iter()
            .filter_map(|event| if let Event::ToolCall { id, .. } = event { Some(id) } else { None })
            .collect();
        assert_eq!(ids, ["call_ab_c_0", "given", "call_ab_c_2", "given"]);
        assert!(call_id_prefix(&"x".repeat(99)).len() + "call__10".len() <= 40, "some APIs take 40 characters");
    }

    #[test]
    fn words_after_something_else_are_a_text_of_their_own() {
        let chunk = |part: Json| json!({"candidates": [{"content": {"parts": [part]}}]});
        let code = json!({"executableCode": {"language": "PYTHON", "code": "1"}});
        let events =
            read(&[chunk(json!({"text": "a"})), chunk(json!({"text": "b"})), chunk(code), chunk(json!({"text": "c"}))]);
        let starts = events.iter().filter(|event| matches!(event, Event::TextStart { .. })).count();
        assert_eq!((starts, events.len()), (1, 6), "{events:?}");
    }

    #[test]
    fn a_generated_picture_is_where_clients_of_another_format_look_for_one() {
        let picture = json!({"inlineData": {"mimeType": "image/png", "data": "eA=="}, "thoughtSignature": "s"});
        let body = json!({"candidates": [{"content": {"parts": [picture], "role": "model"}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 1}, "modelVersion": "m", "responseId": "r"});
        let mut copy = body.to_string().into_bytes();
        let mut parser = Parser::new();
        let told = answer::read_answer(parser.parse(&mut copy).expect("valid JSON").as_value()).expect("an answer");
        let mut out = Vec::new();
        answer::write_answer(&told, &mut out);
        assert_eq!(serde_json::from_slice::<Json>(&out).expect("valid JSON"), body);
        out.clear();
        super::super::super::openai_chat::OpenAiChat.write_answer(&told, &mut out);
        let chat: Json = serde_json::from_slice(&out).expect("valid JSON");
        let url = &chat["choices"][0]["message"]["images"][0]["image_url"]["url"];
        assert_eq!(url, "data:image/png;base64,eA==");
    }

    #[test]
    fn a_reason_is_told_once_and_what_follows_it_still_counts() {
        let finish = json!({"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "RECITATION",
            "safetyRatings": [{"category": "A"}]}]});
        let usage = json!({"candidates": [{"finishReason": "RECITATION"}], "usageMetadata": {"promptTokenCount": 3}});
        let events = read(&[finish, usage]);
        let finishes = events.iter().filter(|event| matches!(event, Event::Finish { .. })).count();
        assert_eq!(finishes, 1);
        assert!(matches!(events.last(), Some(Event::Usage(usage)) if usage.input_tokens == 3));
        let word = Event::ChoiceExtra { choice: 0, extra: own("finishReason", "\"RECITATION\"".into()) };
        assert!(events.contains(&word), "{events:?}");
    }

    #[test]
    fn garbage_is_no_stream_and_an_error_is_one() {
        let mut reader = Reader::default();
        let mut events = Vec::new();
        for data in
            ["{", "[]", "{}", "\"x\"", "{\"candidates\":[1]}", "{\"candidates\":[{\"content\":{\"parts\":[1]}}]}"]
        {
            assert!(reader.read(None, data, &mut events).is_err(), "{data}");
        }
        events.clear();
        reader
            .read(None, r#"{"error":{"code":429,"message":"busy","status":"RESOURCE_EXHAUSTED"}}"#, &mut events)
            .expect("told");
        let [Event::Error(fault)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!((fault.kind, fault.message.as_ref()), (Kind::Provider(429), "busy"));
        events.clear();
        reader.read(None, " [DONE] ", &mut events).expect("a terminator of imitators");
        assert_eq!(events, [Event::End]);
    }

    #[test]
    fn every_answer_of_one_event_counts() {
        let body =
            json!({"candidates": [{"index": 0, "finishReason": "STOP"}, {"index": 1, "finishReason": "MAX_TOKENS"}]});
        let mut copy = body.to_string().into_bytes();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("valid JSON");
        let facts = facts("", Some(tape.as_value())).expect("a chunk");
        assert_eq!((facts.finish, facts.further_finishes), (Some(Finish::Length), 1));
    }
}
