//! Streamed answers for a caller.
//!
//! SDKs rebuild the answer from these events, so every event names its item by id and place, every item
//! is told whole when it closes, and the last event holds the whole response. That is why the answer is
//! gathered here while it is told.
//!
//! One item is open at a time. Arguments of a call whose item was closed already cannot be told; the
//! stream then fails rather than ending with half a call.

use super::super::EventWriter;
use super::super::StreamOptions;
use super::super::citations::Waiting;
use super::super::citations::is_told_in;
use super::super::fields;
use super::NAME;
use super::answer;
use super::answer::Envelope;
use super::content;
use super::frames::Frames;
use super::frames::Place;
use super::items;
use super::items::Call;
use super::items::List;
use super::items::MESSAGE;
use super::items::Naming;
use super::items::REFUSAL;
use super::reasoning;
use super::reasoning::Native;
use crate::chat::Citation;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Part;
use crate::chat::ServiceTier;
use crate::chat::Usage;
use crate::fault::Fault;
use crate::wire::json;

/// Largest answer gathered for its last event, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Writes a caller's stream.
pub(super) struct Writer {
    created_s: u64,
    head: Option<Head>,
    frames: Frames,
    /// Items that are closed.
    list: List,
    open: Option<Open>,
    /// Fields of a message about to begin.
    around: Vec<Extra>,
    /// Fields of a message that refuses.
    refusing: Vec<Extra>,
    /// The next words begin a part of their own.
    apart: bool,
    /// Sources whose text has not ended.
    citations: Waiting,
    /// Log probabilities came with their texts.
    told_logprobs: bool,
    /// Reasoning whose item is not known yet; only of answers that were in this dialect before.
    thought: String,
    gathered_bytes: usize,
    finish: Option<Finish>,
    usage: Option<Usage>,
    failed: Option<Fault>,
    /// The single answer of this dialect: the first one told of.
    choice: Option<u64>,
}

/// What the first event told.
struct Head {
    id: String,
    suffix: String,
    model: String,
    created_s: u64,
    service_tier: Option<ServiceTier>,
    extra: Vec<Extra>,
    own: bool,
}

/// The item being told.
struct Open {
    /// As JSON.
    id: String,
    kind: Kind,
}

enum Kind {
    /// Its parts so far; the last one is open. Log probabilities as entries of a list.
    Message {
        parts: Vec<Part>,
        around: Vec<Extra>,
        logprobs: String,
    },
    Reasoning {
        text: String,
    },
    Call {
        number: u64,
        id: String,
        name: String,
        arguments: String,
        extra: Vec<Extra>,
    },
}

impl EventWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        let is_another = event.choice().is_some_and(|choice| *self.choice.get_or_insert(choice) != choice);
        if self.failed.is_some() || is_another {
            return;
        }
        match event {
            Event::Start { id, model, created_s, service_tier, extra } => {
                self.start(id, model, *created_s, *service_tier, extra, out);
            }
            Event::Usage(usage) => self.usage = Some(usage.clone()),
            Event::AnswerExtra(extra) => self.answer_extra(extra),
            Event::ChoiceExtra { extra, .. } if extra.dialect == NAME => {
                if extra.name.starts_with(REFUSAL) {
                    self.refusing.push(extra.clone());
                }
            }
            Event::ChoiceExtra { .. } => {}
            Event::Cited { citation, .. } => {
                if is_told_in(NAME, citation) {
                    self.citations.hear(citation);
                }
            }
            Event::ServiceTier(tier) => {
                if let Some(head) = &mut self.head {
                    head.service_tier = Some(*tier);
                }
            }
            Event::Ping => out.extend_from_slice(super::super::KEEP_ALIVE),
            Event::Error(error) => self.tell_error(error, out),
            _ => self.write_content(event, out),
        }
        if self.gathered_bytes + self.list.written.len() > ANSWER_BYTES_MAX {
            self.failed = Some(fields::not_understood("the provider's answer is larger than a response can be"));
        }
    }

    fn failure(&self) -> Option<&Fault> {
        self.failed.as_ref()
    }
}

impl Writer {
    pub(super) fn new(options: StreamOptions) -> Self {
        Writer {
            created_s: options.created_s,
            head: None,
            frames: Frames::default(),
            list: List::default(),
            open: None,
            around: Vec::new(),
            refusing: Vec::new(),
            apart: false,
            citations: Waiting::default(),
            told_logprobs: false,
            thought: String::new(),
            gathered_bytes: 0,
            finish: None,
            usage: None,
            failed: None,
            choice: None,
        }
    }

    fn start(
        &mut self,
        id: &str,
        model: &str,
        created_s: u64,
        service_tier: Option<ServiceTier>,
        extra: &[Extra],
        out: &mut Vec<u8>,
    ) {
        let id = answer::shaped_id(id, extra);
        self.head = Some(Head {
            suffix: answer::suffix_of(&id),
            id,
            model: model.to_owned(),
            created_s: if created_s == 0 { self.created_s } else { created_s },
            service_tier,
            extra: extra.iter().filter(|extra| extra.dialect == NAME).cloned().collect(),
            own: answer::is_own(extra),
        });
        let begun = fields::written(|out| {
            self.envelope(|envelope| envelope.write_begun(out));
        });
        for name in ["response.created", "response.in_progress"] {
            self.frames.response(name, &begun, out);
        }
    }

    fn envelope(&self, write: impl FnOnce(&Envelope<'_>)) {
        if let Some(head) = &self.head {
            let Head { id, model, created_s, service_tier, extra, .. } = head;
            write(&Envelope { id, created_s: *created_s, model, service_tier: *service_tier, extra });
        }
    }

    /// An event about a piece of the open item.
    fn piece(&mut self, name: &str, piece: Option<(&'static str, u64)>, members: &[(&str, &str)], out: &mut Vec<u8>) {
        let id = self.open.as_ref().map_or("\"\"", |open| open.id.as_str());
        self.frames.piece(name, Place { id, item: self.list.count, piece }, members, out);
    }

    /// An event that holds the item being told.
    fn item(&mut self, name: &str, item: &[u8], out: &mut Vec<u8>) {
        self.frames.item(name, self.list.count, item, out);
    }

    /// The end of the item being told.
    fn item_done(&mut self, item: &[u8], out: &mut Vec<u8>) {
        self.item("response.output_item.done", item, out);
        self.list.next().extend_from_slice(item);
    }

    fn naming(&self, is_cut: bool) -> Naming<'_> {
        let suffix = self.head.as_ref().map_or("", |head| head.suffix.as_str());
        Naming { suffix, number: self.list.count, is_cut, logprobs: "[]" }
    }

    /// The id of the next item, as JSON: the one that was kept, or a new one.
    fn item_id(&self, kept: Option<&str>, kind: &str) -> String {
        match kept.filter(|kept| !kept.is_empty()) {
            Some(kept) => kept.to_owned(),
            None => quoted(&self.naming(false).id(kind)),
        }
    }

    fn write_content(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.head.is_none() {
            self.start("", "", 0, None, &[], out);
        }
        if !matches!(event, Event::Thinking { .. } | Event::ThinkingSignature { .. }) {
            self.settle_thought(out);
        }
        if !self.around.is_empty() && !matches!(event, Event::TextExtra { .. } | Event::Text { .. }) {
            self.open_text(out); // announced, and empty
        }
        match event {
            Event::TextStart { .. } => self.apart = true,
            Event::TextExtra { extra, .. } if extra.dialect == NAME => self.text_extra(extra, out),
            Event::Text { text, .. } => self.text(text, out),
            Event::Logprobs { json, .. } if !self.told_logprobs => {
                self.logprobs(answer::own_logprobs(json), out);
            }
            Event::Refusal { text, .. } => self.refusal(text, out),
            Event::Thinking { text, .. } => self.thinking(text, out),
            Event::ThinkingSignature { signature, .. } => self.signature(signature, out),
            Event::ToolCall { call, id, name, extra, .. } => self.call(*call, (id, name), extra, out),
            Event::ToolArguments { call, text, .. } => self.arguments(*call, text, out),
            Event::Whole { part, .. } => self.whole(part, out),
            Event::Finish { finish, .. } => self.finish(finish, out),
            Event::End => self.end(out),
            _ => {}
        }
    }

    fn text_extra(&mut self, extra: &Extra, out: &mut Vec<u8>) {
        if extra.name.starts_with(MESSAGE) {
            return self.around.push(extra.clone());
        }
        match extra.name.as_str() {
            "annotations" => self.annotations(extra, out),
            // Told with their own text, they are not told again for all of it.
            "logprobs" if extra.value.0.len() > "[]".len() => {
                self.logprobs(Some(extra.value.0.clone()), out);
                self.told_logprobs = true;
            }
            _ => {}
        }
    }

    fn annotations(&mut self, extra: &Extra, out: &mut Vec<u8>) {
        self.open_text(out);
        self.annotate(&list_entries(&extra.value.0), out);
    }

    fn annotate(&mut self, added: &[String], out: &mut Vec<u8>) {
        let Some(Open { kind: Kind::Message { parts, .. }, .. }) = &mut self.open else {
            return;
        };
        let place = parts.len() as u64 - 1;
        let Some(Part::Text { extra: known, .. }) = parts.last_mut() else {
            return;
        };
        let before = annotations_of(known).len();
        keep_annotations(known, added);
        for (number, annotation) in (before..).zip(added) {
            let number = number.to_string();
            let members = [("annotation_index", number.as_str()), ("annotation", annotation)];
            self.piece("response.output_text.annotation.added", Some(("content_index", place)), &members, out);
        }
    }

    /// Tells the sources of the text that ends.
    fn cite(&mut self, out: &mut Vec<u8>) {
        let due = self.citations.due(self.finish.is_some());
        let written = |citation: &Citation| fields::written(|out| content::write_citation(citation, out));
        let added: Vec<String> = due.iter().map(written).collect();
        if !added.is_empty() {
            self.annotate(&added, out);
        }
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        self.open_text(out);
        self.gathered_bytes += text.len();
        self.citations.say(text);
        let Some(Open { kind: Kind::Message { parts, .. }, .. }) = &mut self.open else {
            return;
        };
        let place = parts.len() as u64 - 1;
        if let Some(Part::Text { text: whole, .. }) = parts.last_mut() {
            whole.push_str(text);
        }
        if !text.is_empty() {
            let members = [("delta", &*quoted(text)), ("logprobs", "[]")];
            self.piece("response.output_text.delta", Some(("content_index", place)), &members, out);
        }
    }

    /// They come after their words, so they go with a delta of none.
    fn logprobs(&mut self, list: Option<String>, out: &mut Vec<u8>) {
        let Some(list) = list else {
            return;
        };
        let Some(Open { kind: Kind::Message { parts, logprobs, .. }, .. }) = &mut self.open else {
            return;
        };
        let place = parts.len() as u64 - 1;
        for entry in list_entries(&list) {
            if !logprobs.is_empty() {
                logprobs.push(',');
            }
            logprobs.push_str(&entry);
        }
        self.gathered_bytes += list.len();
        let members = [("delta", "\"\""), ("logprobs", list.as_str())];
        self.piece("response.output_text.delta", Some(("content_index", place)), &members, out);
    }

    fn refusal(&mut self, text: &str, out: &mut Vec<u8>) {
        let in_refusal = matches!(
            &self.open,
            Some(Open { kind: Kind::Message { parts, .. }, .. }) if matches!(parts.last(), Some(Part::Refusal(_)))
        );
        if !in_refusal {
            if !self.refusing.is_empty() {
                self.close(false, out);
            }
            self.open_part(Part::Refusal(String::new()), out);
        }
        self.gathered_bytes += text.len();
        let Some(Open { kind: Kind::Message { parts, .. }, .. }) = &mut self.open else {
            return;
        };
        let place = parts.len() as u64 - 1;
        if let Some(Part::Refusal(whole)) = parts.last_mut() {
            whole.push_str(text);
        }
        let delta = quoted(text);
        self.piece("response.refusal.delta", Some(("content_index", place)), &[("delta", &delta)], out);
    }

    /// Opens what is needed so that words can be told.
    fn open_text(&mut self, out: &mut Vec<u8>) {
        if !self.around.is_empty() {
            self.close(false, out);
        }
        if !self.is_in_text() || std::mem::take(&mut self.apart) {
            self.open_part(Part::Text { text: String::new(), cache_marker: None, extra: Vec::new() }, out);
        }
        self.apart = false;
    }

    fn is_in_text(&self) -> bool {
        let parts = match &self.open {
            Some(Open { kind: Kind::Message { parts, .. }, .. }) => parts.as_slice(),
            _ => &[],
        };
        matches!(parts.last(), Some(Part::Text { .. }))
    }

    fn open_part(&mut self, mut part: Part, out: &mut Vec<u8>) {
        if matches!(self.open, Some(Open { kind: Kind::Message { .. }, .. })) {
            self.close_part(out);
        } else {
            self.close(false, out);
            self.open_message(&mut part, out);
        }
        let Some(Open { kind: Kind::Message { parts, .. }, .. }) = &mut self.open else {
            return;
        };
        let place = parts.len() as u64;
        let empty = written_part(&part, "[]");
        if matches!(part, Part::Text { .. }) {
            self.citations.begin();
        }
        parts.push(part);
        self.piece("response.content_part.added", Some(("content_index", place)), &[("part", &empty)], out);
    }

    /// Fields of the message are kept with its first text, or beside its first refusal.
    fn open_message(&mut self, first: &mut Part, out: &mut Vec<u8>) {
        // What a whole message lacks, a streamed one needs to be told by.
        self.around.retain(|extra| !extra.value.0.is_empty());
        self.refusing.retain(|extra| !extra.value.0.is_empty());
        let around = match first {
            Part::Text { extra, .. } => {
                extra.append(&mut self.around);
                Vec::new()
            }
            _ => std::mem::take(&mut self.refusing),
        };
        let (kept, scope) = match first {
            Part::Text { extra, .. } => (extra.as_slice(), MESSAGE),
            _ => (around.as_slice(), REFUSAL),
        };
        let id = self.item_id(fields::kept(kept, NAME, &format!("{scope}id")), "msg");
        let mut item = format!("{{\"id\":{id},\"type\":\"message\",\"status\":\"in_progress\"").into_bytes();
        for (name, value) in fields::own_fields(kept, NAME, scope) {
            if !matches!(name, "id" | "type" | "status" | "content" | "role") && !value.is_empty() {
                item.extend_from_slice(format!(",{}:{value}", quoted(name)).as_bytes());
            }
        }
        item.extend_from_slice(b",\"role\":\"assistant\",\"content\":[]}");
        self.item("response.output_item.added", &item, out);
        self.open = Some(Open { id, kind: Kind::Message { parts: Vec::new(), around, logprobs: String::new() } });
    }

    fn thinking(&mut self, text: &str, out: &mut Vec<u8>) {
        if self.head.as_ref().is_some_and(|head| head.own) {
            self.gathered_bytes += text.len();
            return self.thought.push_str(text);
        }
        self.told_thinking(text, out);
    }

    fn told_thinking(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.open_reasoning(out);
        self.gathered_bytes += text.len();
        if let Some(Open { kind: Kind::Reasoning { text: whole }, .. }) = &mut self.open {
            let first = whole.is_empty();
            whole.push_str(text);
            let place = Some(("summary_index", 0));
            if first {
                let part = written_piece("summary_text", "");
                self.piece("response.reasoning_summary_part.added", place, &[("part", &part)], out);
            }
            self.piece("response.reasoning_summary_text.delta", place, &[("delta", &quoted(text))], out);
        }
    }

    fn open_reasoning(&mut self, out: &mut Vec<u8>) {
        if matches!(self.open, Some(Open { kind: Kind::Reasoning { .. }, .. })) {
            return;
        }
        self.close(false, out);
        let id = self.item_id(None, "rs");
        let item = format!("{{\"id\":{id},\"type\":\"reasoning\",\"summary\":[]}}");
        self.item("response.output_item.added", item.as_bytes(), out);
        self.open = Some(Open { id, kind: Kind::Reasoning { text: String::new() } });
    }

    /// Reasoning that turned out to have no item of its own.
    fn settle_thought(&mut self, out: &mut Vec<u8>) {
        let thought = std::mem::take(&mut self.thought);
        self.told_thinking(&thought, out);
    }

    fn signature(&mut self, signature: &str, out: &mut Vec<u8>) {
        if let Some(native) = reasoning::native(Some(signature)) {
            self.thought.clear();
            return self.native(&native, out);
        }
        self.settle_thought(out);
        self.open_reasoning(out);
        self.close_reasoning(Some(signature), out);
    }

    /// An item that was in this dialect before, told with its own id.
    fn native(&mut self, native: &Native, out: &mut Vec<u8>) {
        self.close(false, out);
        let Native { id, content, summary, json, .. } = native;
        let item = format!("{{\"id\":{id},\"type\":\"reasoning\",\"summary\":[]}}");
        self.item("response.output_item.added", item.as_bytes(), out);
        let item = self.list.count;
        let mut tell = |name: &str, piece, members: &[(&str, &str)]| {
            self.frames.piece(name, Place { id, item, piece: Some(piece) }, members, out);
        };
        for (number, text) in (0u64..).zip(content) {
            let piece = ("content_index", number);
            let (empty, whole) = (written_piece("reasoning_text", ""), written_piece("reasoning_text", text));
            let text = quoted(text);
            tell("response.content_part.added", piece, &[("part", &empty)]);
            tell("response.reasoning_text.delta", piece, &[("delta", &text)]);
            tell("response.reasoning_text.done", piece, &[("text", &text)]);
            tell("response.content_part.done", piece, &[("part", &whole)]);
        }
        for (number, text) in (0u64..).zip(summary) {
            let piece = ("summary_index", number);
            let (empty, whole) = (written_piece("summary_text", ""), written_piece("summary_text", text));
            let text = quoted(text);
            tell("response.reasoning_summary_part.added", piece, &[("part", &empty)]);
            tell("response.reasoning_summary_text.delta", piece, &[("delta", &text)]);
            tell("response.reasoning_summary_text.done", piece, &[("text", &text)]);
            tell("response.reasoning_summary_part.done", piece, &[("part", &whole)]);
        }
        self.item_done(json.as_bytes(), out);
    }

    fn call(&mut self, number: u64, (id, name): (&str, &str), extra: &[Extra], out: &mut Vec<u8>) {
        self.close(false, out);
        let told = |extra: &&Extra| extra.dialect == NAME && !extra.value.0.is_empty();
        let extra: Vec<Extra> = extra.iter().filter(told).cloned().collect();
        let item_id = self.item_id(fields::kept(&extra, NAME, "id"), "fc");
        let begun: Vec<Extra> =
            extra.iter().filter(|extra| !matches!(&*extra.name, "status" | "arguments")).cloned().collect();
        let call = Call { id, name, arguments: "", extra: &begun };
        let item =
            fields::written(|out| items::write_call(call, Some((item_id.trim_matches('"'), "in_progress")), out));
        self.item("response.output_item.added", item.as_bytes(), out);
        let (id, name, arguments) = (id.to_owned(), name.to_owned(), String::new());
        self.open = Some(Open { id: item_id, kind: Kind::Call { number, id, name, arguments, extra } });
    }

    fn arguments(&mut self, call: u64, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.gathered_bytes += text.len();
        match &mut self.open {
            Some(Open { kind: Kind::Call { number, arguments, .. }, .. }) if *number == call => {
                arguments.push_str(text);
                self.piece("response.function_call_arguments.delta", None, &[("delta", &quoted(text))], out);
            }
            _ => self.failed = Some(fields::not_understood("the provider mixed the arguments of several tool calls")),
        }
    }

    fn whole(&mut self, part: &Part, out: &mut Vec<u8>) {
        if !items::has_item(part) {
            return;
        }
        let mut written = List::default();
        self.close(false, out);
        items::write_item(std::slice::from_ref(part), &[], self.naming(false), &mut written);
        self.item("response.output_item.added", &written.written, out);
        self.item_done(&written.written, out);
    }

    fn finish(&mut self, finish: &Finish, out: &mut Vec<u8>) {
        let is_cut = answer::status(Some(finish)).0 == "incomplete";
        self.finish = Some(finish.clone());
        self.close(is_cut, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close(false, out);
        let mut output = Vec::with_capacity(self.list.written.len() + 2);
        self.list.write(&mut output);
        let response = fields::written(|out| {
            self.envelope(|envelope| {
                envelope.write_ended(self.finish.as_ref(), &output, self.usage.as_ref(), out);
            });
        });
        let is_cut = answer::status(self.finish.as_ref()).0 == "incomplete";
        let name = if is_cut { "response.incomplete" } else { "response.completed" };
        self.frames.response(name, &response, out);
    }

    fn answer_extra(&mut self, extra: &Extra) {
        let Some(head) = self.head.as_mut().filter(|_| extra.dialect == NAME) else {
            return;
        };
        match head.extra.iter_mut().find(|known| known.name == extra.name) {
            Some(known) => known.value = extra.value.clone(),
            None => head.extra.push(extra.clone()),
        }
    }

    fn close_part(&mut self, out: &mut Vec<u8>) {
        if self.is_in_text() {
            self.cite(out);
        }
        let Some(Open { kind: Kind::Message { parts, logprobs, .. }, .. }) = &self.open else {
            return;
        };
        let Some(part) = parts.last() else {
            return;
        };
        let place = Some(("content_index", parts.len() as u64 - 1));
        // They are told once for all texts, so they stand with the first one.
        let logprobs = if parts.len() == 1 { format!("[{logprobs}]") } else { "[]".to_owned() };
        let whole = written_part(part, &logprobs);
        match part {
            Part::Refusal(text) => {
                let text = quoted(text);
                self.piece("response.refusal.done", place, &[("refusal", &text)], out);
            }
            Part::Text { text, .. } => {
                let text = quoted(text);
                let members = [("text", text.as_str()), ("logprobs", logprobs.as_str())];
                self.piece("response.output_text.done", place, &members, out);
            }
            _ => {}
        }
        self.piece("response.content_part.done", place, &[("part", &whole)], out);
    }

    /// Closes the open item.
    fn close(&mut self, is_cut: bool, out: &mut Vec<u8>) {
        match self.open.as_ref().map(|open| &open.kind) {
            Some(Kind::Message { .. }) => self.close_message(is_cut, out),
            Some(Kind::Reasoning { .. }) => self.close_reasoning(None, out),
            Some(Kind::Call { .. }) => self.close_call(is_cut, out),
            None => {}
        }
        self.apart = false;
    }

    fn close_message(&mut self, is_cut: bool, out: &mut Vec<u8>) {
        self.close_part(out);
        let Some(Open { kind: Kind::Message { parts, around, logprobs }, id }) = self.open.take() else {
            return;
        };
        let logprobs = format!("[{logprobs}]");
        let naming = Naming { logprobs: &logprobs, ..self.naming(is_cut) };
        let mut item = Vec::new();
        items::write_message(&parts, &around, Some(naming), &mut item);
        debug_assert!(String::from_utf8_lossy(&item).contains(&id), "an item keeps its id");
        self.item_done(&item, out);
    }

    fn close_reasoning(&mut self, signature: Option<&str>, out: &mut Vec<u8>) {
        if let Some(Open { kind: Kind::Reasoning { text }, .. }) = &self.open
            && !text.is_empty()
        {
            let piece = Some(("summary_index", 0));
            let (text, whole) = (quoted(text), written_piece("summary_text", text));
            self.piece("response.reasoning_summary_text.done", piece, &[("text", &text)], out);
            self.piece("response.reasoning_summary_part.done", piece, &[("part", &whole)], out);
        }
        let Some(Open { kind: Kind::Reasoning { text }, id }) = self.open.take() else {
            return;
        };
        let part = Part::Thinking { text, signature: signature.map(str::to_owned) };
        let mut item = Vec::new();
        reasoning::write_answered(&part, id.trim_matches('"'), &mut item);
        self.item_done(&item, out);
    }

    fn close_call(&mut self, is_cut: bool, out: &mut Vec<u8>) {
        if let Some(Open { kind: Kind::Call { name, arguments, .. }, .. }) = &self.open {
            let told = quoted(if arguments.is_empty() { "{}" } else { arguments });
            let members = [("name", &*quoted(name)), ("arguments", &*told)];
            self.piece("response.function_call_arguments.done", None, &members, out);
        }
        let Some(Open { kind: Kind::Call { id, name, arguments, extra, .. }, id: item_id }) = self.open.take() else {
            return;
        };
        let status = if is_cut { "incomplete" } else { "completed" };
        let call = Call { id: &id, name: &name, arguments: &arguments, extra: &extra };
        let mut item = Vec::new();
        items::write_call(call, Some((item_id.trim_matches('"'), status)), &mut item);
        self.item_done(&item, out);
    }

    /// Nothing may follow an error: a clean end after it would be believed.
    fn tell_error(&mut self, error: &Fault, out: &mut Vec<u8>) {
        self.frames.fault(error, out);
        self.failed = Some(error.clone());
    }
}

fn quoted(text: &str) -> String {
    fields::written(|out| json::write_string(text, out))
}

fn written_piece(kind: &str, text: &str) -> String {
    fields::written(|out| reasoning::write_piece(kind, text, out))
}

fn written_part(part: &Part, logprobs: &str) -> String {
    fields::written(|out| match part {
        Part::Text { text, extra, .. } => content::write_output_text(text, extra, Some(logprobs), out),
        Part::Refusal(text) => content::write_refusal(text, out),
        _ => out.extend_from_slice(b"null"),
    })
}

/// The entries of a list, each as JSON.
fn list_entries(list: &str) -> Vec<String> {
    let read: Vec<serde_json::Value> = serde_json::from_str(list).unwrap_or_default();
    read.iter().map(ToString::to_string).collect()
}

fn annotations_of(extra: &[Extra]) -> Vec<String> {
    fields::kept(extra, NAME, "annotations").map(list_entries).unwrap_or_default()
}

fn keep_annotations(extra: &mut Vec<Extra>, added: &[String]) {
    let mut all = annotations_of(extra);
    all.extend(added.iter().cloned());
    let value = crate::chat::RawJson(format!("[{}]", all.join(",")));
    match extra.iter_mut().find(|extra| extra.name == "annotations") {
        Some(known) => known.value = value,
        None => extra.push(Extra { dialect: NAME, name: "annotations".to_owned(), value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::MediaSource;
    use crate::chat::RawJson;
    use crate::chat::Source;
    use crate::fault::Kind;

    fn written(events: &[Event]) -> String {
        told(events).0
    }

    /// The same, and why it could not be told on.
    fn told(events: &[Event]) -> (String, Option<Fault>) {
        let mut writer = Writer::new(StreamOptions { include_usage: true, created_s: 9 });
        let mut out = Vec::new();
        events.iter().for_each(|event| writer.write(event, &mut out));
        (String::from_utf8(out).expect("text"), writer.failed)
    }

    fn names(text: &str) -> Vec<&str> {
        text.lines().filter_map(|line| line.strip_prefix("event: ")).collect()
    }

    fn start(extra: Vec<Extra>) -> Event {
        Event::Start { id: "msg_01".into(), model: "m".into(), created_s: 0, service_tier: None, extra }
    }

    fn call(call: u64) -> Event {
        Event::ToolCall { choice: 0, call, id: "c".into(), name: "f".into(), extra: vec![] }
    }

    fn more(call: u64, text: &str) -> Event {
        Event::ToolArguments { choice: 0, call, text: text.into() }
    }

    fn finish(finish: Finish) -> Event {
        Event::Finish { choice: 0, finish }
    }

    #[test]
    fn foreign_reasoning_is_told_as_it_comes_and_sealed_when_it_ends() {
        let thinking = |text: &str| Event::Thinking { choice: 0, text: text.into() };
        let told = written(&[start(vec![]), thinking("h")]);
        assert!(told.contains("\"delta\":\"h\""), "not held back: {told}");
        let text = written(&[
            start(vec![]),
            thinking("h"),
            thinking("m"),
            Event::ThinkingSignature { choice: 0, signature: "sig".into() },
            Event::Text { choice: 0, text: "x".into() },
            finish(Finish::Stop),
            Event::End,
        ]);
        let wanted = r#"{"id":"rs_0100","type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"ringgate:thinking:sig"}"#;
        assert_eq!(text.matches(wanted).count(), 2, "when it closes and at the end: {text}");
        assert!(text.contains(r#""created_at":9"#));
        assert_eq!(names(&text)[2], "response.output_item.added");
        assert_eq!(names(&text).last(), Some(&"response.completed"));
    }

    #[test]
    fn mixed_arguments_fail_loudly() {
        let events = [start(vec![]), call(0), call(1), more(0, "{}"), finish(Finish::ToolCalls), Event::End];
        let (text, failure) = told(&events);
        assert!(failure.is_some_and(|fault| fault.kind == Kind::Upstream));
        assert!(!text.contains("response.completed"));
    }

    #[test]
    fn an_answer_cut_short_is_incomplete_down_to_its_item() {
        let text = written(&[
            start(vec![]),
            Event::Text { choice: 0, text: "x".into() },
            finish(Finish::Length),
            Event::Usage(Usage { input_tokens: 1, output_tokens: 2, ..Usage::default() }),
            Event::End,
        ]);
        let last = text.rsplit("data: ").next().expect("an event");
        let last: serde_json::Value = serde_json::from_str(last.trim()).expect("JSON");
        assert_eq!(last["type"], "response.incomplete");
        assert_eq!(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
        assert_eq!(last["response"]["output"][0]["status"], "incomplete");
        assert_eq!(last["response"]["usage"]["total_tokens"], 3);
    }

    #[test]
    fn log_probabilities_follow_their_words() {
        let json = RawJson(r#"{"content":[{"token":"x","logprob":-1}],"refusal":null}"#.into());
        let text = written(&[
            start(vec![]),
            Event::Text { choice: 0, text: "x".into() },
            Event::Logprobs { choice: 0, json },
            finish(Finish::Stop),
            Event::End,
        ]);
        let list = r#"[{"token":"x","logprob":-1}]"#;
        assert!(text.contains(&format!(r#""delta":"","logprobs":{list}"#)), "{text}");
        assert!(text.contains(&format!(r#""text":"x","logprobs":{list}"#)), "{text}");
        assert!(text.contains(&format!(r#""annotations":[],"logprobs":{list}"#)), "{text}");
    }

    #[test]
    fn an_error_is_known_by_every_sdk_and_ends_everything() {
        let fault = Fault { param: Some("p".into()), ..Fault::new(Kind::Overloaded, "busy") };
        let text =
            written(&[start(vec![]), Event::Error(fault), Event::Text { choice: 0, text: "x".into() }, Event::End]);
        let data: serde_json::Value =
            serde_json::from_str(text.rsplit("data: ").next().expect("an event").trim()).expect("JSON");
        let error = serde_json::json!({"message": "busy", "type": "server_error", "param": "p", "code": "overloaded"});
        assert_eq!(
            data,
            serde_json::json!({"type": "error", "sequence_number": 2, "code": "overloaded", "message": "busy", "param": "p", "error": error})
        );
    }

    #[test]
    fn sources_and_pictures_of_others_have_a_place() {
        let (source, title) = (Source::Url("u".into()), Some("t".into()));
        let citation = Citation { dialect: "other", source, title, cited_text: None, span: Some(1..99) };
        let picture = Part::Image {
            source: MediaSource::Base64 { media_type: "image/webp".into(), data: "QQ==".into() },
            detail: None,
            cache_marker: None,
            extra: Vec::new(),
        };
        let text = written(&[
            start(vec![]),
            // Before its words, as some tell them.
            Event::Cited { choice: 0, citation },
            Event::Text { choice: 0, text: "h\u{e9}".into() },
            Event::Whole { choice: 0, part: picture },
            finish(Finish::Stop),
            Event::End,
        ]);
        let annotation = r#"{"type":"url_citation","start_index":1,"end_index":2,"title":"t","url":"u"}"#;
        assert!(text.contains(&format!(r#""annotation_index":0,"annotation":{annotation}"#)), "{text}");
        assert!(text.contains(&format!(r#""annotations":[{annotation}]"#)), "{text}");
        let told = r#"{"id":"ig_0101","type":"image_generation_call","status":"completed","output_format":"webp","result":"QQ=="}"#;
        assert_eq!(text.matches(told).count(), 3, "opened, done and at the end: {text}");
    }
}
