//! Streamed answers of a provider: items that open, grow and close.
//!
//! A stream is complete when it says `response.completed` or `response.incomplete`, and only then.
//! Unknown events are skipped, since new tools bring new ones. Items arrive one after the other; an item
//! of a kind that only this dialect knows is told as a whole when it closes. Providers that skip a step
//! (deltas without an opening, texts without deltas, an end that holds what was never streamed) are
//! understood, because what counts is what was said.

use super::super::EventFacts;
use super::super::EventReader;
use super::super::citations::Words;
use super::super::citations::entries;
use super::super::fields;
use super::NAME;
use super::answer;
use super::content;
use super::items;
use super::items::MESSAGE;
use super::reasoning;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::chat::ServiceTier;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Parser;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;

const NOT_UNDERSTOOD: &str = "the provider's stream holds something that is not an event of a response";
/// Most items followed in one stream.
const ITEMS_MAX: usize = 1024;

/// The single answer of this dialect.
const CHOICE: u64 = 0;

/// Reads a provider's stream.
#[derive(Default)]
pub(super) struct Reader {
    parser: Parser,
    started: bool,
    /// Fields of the response as its start told them.
    extra: Vec<Extra>,
    items: Vec<Item>,
    calls: u64,
    words: Words,
    /// The tier that was told.
    tier: Option<ServiceTier>,
}

/// An item by its place in the output, and what of it was told.
struct Item {
    index: u64,
    state: State,
}

enum State {
    /// Words: fields of the message that are not told yet, and how far the newest part is.
    Message { around: Vec<Extra>, parts: u64, told_text: bool, annotations: usize },
    /// Reasoning: which piece is being told.
    Reasoning { piece: Option<(bool, u64)> },
    /// A call by its number.
    Call { number: u64, told: bool },
    /// Told when it closes, or told already.
    Other,
}

impl EventReader for Reader {
    fn read(&mut self, name: Option<&str>, data: &str, into: &mut Vec<Event>) -> Result<(), Fault> {
        if data.trim() == "[DONE]" {
            return Ok(()); // an imitator's habit; it completes nothing
        }
        let broken = || fields::not_understood(NOT_UNDERSTOOD);
        let mut copy = data.as_bytes().to_vec();
        let tape = self.parser.parse(&mut copy).map_err(|_| broken())?;
        let event = tape.as_value().as_object().ok_or_else(broken)?;
        let kind = fields::string_of(&event, "type").or(name).ok_or_else(broken)?;
        let read = self.read_event(kind, &event, tape.as_value(), into);
        self.parser.recycle(tape);
        read
    }
}

impl Reader {
    fn read_event(
        &mut self,
        kind: &str,
        event: &JsonObject<'_, '_>,
        whole: Value<'_, '_>,
        into: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let broken = || fields::not_understood(NOT_UNDERSTOOD);
        let index = fields::integer_of(event, "output_index").unwrap_or_default();
        let said = |name: &str| fields::string_of(event, name).filter(|text| !text.is_empty());
        match kind {
            "response.created" | "response.queued" | "response.in_progress" => {
                self.start(&fields::object_of(event, "response").ok_or_else(broken)?, into);
            }
            "response.output_item.added" => {
                self.open(index, &fields::object_of(event, "item").ok_or_else(broken)?, into)?;
            }
            "response.content_part.added" => {
                let part = fields::object_of(event, "part").ok_or_else(broken)?;
                if fields::string_of(&part, "type") == Some("output_text") {
                    self.begin_text(index, into)?;
                }
            }
            "response.output_text.delta" => self.grow_text(index, event, into)?,
            "response.output_text.done" => self.end_text(index, said("text"), into)?,
            "response.output_text.annotation.added" => {
                if let Some(annotation) = event.get("annotation") {
                    self.annotate(index, &[annotation], into);
                }
            }
            "response.content_part.done" => {
                self.end_part(index, &fields::object_of(event, "part").ok_or_else(broken)?, into)?;
            }
            "response.refusal.delta" => self.refuse(index, said("delta"), false, into),
            "response.refusal.done" => self.refuse(index, said("refusal"), true, into),
            "response.function_call_arguments.delta" => self.argue(index, said("delta"), false, into),
            "response.function_call_arguments.done" => self.argue(index, said("arguments"), true, into),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                let in_summary = kind == "response.reasoning_summary_text.delta";
                let place = if in_summary { "summary_index" } else { "content_index" };
                let piece = (in_summary, fields::integer_of(event, place).unwrap_or_default());
                self.think(index, piece, said("delta"), into)?;
            }
            "response.output_item.done" => self.close(index, event.get("item").ok_or_else(broken)?, into)?,
            "response.completed" | "response.incomplete" => {
                self.finish(&fields::object_of(event, "response").ok_or_else(broken)?, into)?;
            }
            "response.failed" | "response.cancelled" | "error" => into.push(Event::Error(read_error(event, whole))),
            "keepalive" => into.push(Event::Ping),
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, response: &JsonObject<'_, '_>, into: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        self.extra = answer::read_extra(response);
        self.extra.retain(|extra| extra.name != "status"); // that of the moment
        self.tier = answer::read_tier(response);
        into.push(Event::Start {
            id: fields::string_of(response, "id").unwrap_or_default().to_owned(),
            model: fields::string_of(response, "model").unwrap_or_default().to_owned(),
            created_s: answer::read_created(response),
            service_tier: self.tier,
            extra: self.extra.clone(),
        });
    }

    fn state(&mut self, index: u64) -> Option<&mut State> {
        self.items.iter_mut().rev().find(|item| item.index == index).map(|item| &mut item.state)
    }

    fn open(&mut self, index: u64, item: &JsonObject<'_, '_>, into: &mut Vec<Event>) -> Result<(), Fault> {
        let state = match fields::string_of(item, "type") {
            Some("message") => open_message(Some(item)),
            Some("reasoning") => State::Reasoning { piece: None },
            Some("function_call") if items::is_told_call(item) => {
                let text = |name: &str| fields::string_of(item, name).unwrap_or_default().to_owned();
                let number = self.calls;
                self.calls += 1;
                const KNOWN: &[&str] = &["type", "call_id", "name", "arguments", "status"];
                let others = item.iter().filter(|(name, _)| !KNOWN.contains(name));
                let extra = others.map(|(name, value)| own(name, json::raw(value))).collect();
                into.push(Event::ToolCall {
                    choice: CHOICE,
                    call: number,
                    id: text("call_id"),
                    name: text("name"),
                    extra,
                });
                State::Call { number, told: false }
            }
            _ => State::Other,
        };
        self.push(index, state)
    }

    fn push(&mut self, index: u64, state: State) -> Result<(), Fault> {
        if self.items.len() >= ITEMS_MAX {
            return Err(fields::not_understood("the provider's stream holds too many items"));
        }
        self.items.push(Item { index, state });
        Ok(())
    }

    /// Where words go; a message that was never opened is opened now.
    fn message(&mut self, index: u64) -> Result<&mut State, Fault> {
        if self.state(index).is_none() {
            self.push(index, open_message(None))?;
        }
        Ok(self.state(index).expect("it is there or was just pushed"))
    }

    fn begin_text(&mut self, index: u64, into: &mut Vec<Event>) -> Result<(), Fault> {
        if let State::Message { around, parts, told_text, annotations } = self.message(index)? {
            into.push(Event::TextStart { choice: CHOICE });
            into.extend(around.drain(..).map(|extra| Event::TextExtra { choice: CHOICE, extra }));
            (*told_text, *annotations) = (false, 0);
            *parts += 1;
            self.words.begin();
        }
        Ok(())
    }

    fn grow_text(&mut self, index: u64, event: &JsonObject<'_, '_>, into: &mut Vec<Event>) -> Result<(), Fault> {
        if matches!(self.message(index)?, State::Message { parts: 0, .. }) {
            self.begin_text(index, into)?;
        }
        if let Some(text) = fields::string_of(event, "delta").filter(|text| !text.is_empty()) {
            if let State::Message { told_text, .. } = self.message(index)? {
                *told_text = true;
            }
            self.words.say(text);
            into.push(Event::Text { choice: CHOICE, text: text.to_owned() });
        }
        let logprobs = event.get("logprobs").and_then(|list| list.as_array()).filter(|list| !list.is_empty());
        if let Some(logprobs) = logprobs {
            let entries: Vec<String> = logprobs.iter().map(json::raw).collect();
            into.push(Event::Logprobs { choice: CHOICE, json: answer::chat_logprobs(&entries.join(",")) });
        }
        Ok(())
    }

    /// The whole text counts only where it was not told piece by piece.
    fn end_text(&mut self, index: u64, text: Option<&str>, into: &mut Vec<Event>) -> Result<(), Fault> {
        if matches!(self.message(index)?, State::Message { parts: 0, .. }) {
            self.begin_text(index, into)?;
        }
        if let (State::Message { told_text, .. }, Some(text)) = (self.message(index)?, text)
            && !std::mem::replace(told_text, true)
        {
            self.words.say(text);
            into.push(Event::Text { choice: CHOICE, text: text.to_owned() });
        }
        Ok(())
    }

    fn end_part(&mut self, index: u64, part: &JsonObject<'_, '_>, into: &mut Vec<Event>) -> Result<(), Fault> {
        if fields::string_of(part, "type") != Some("output_text") {
            return Ok(());
        }
        self.end_text(index, fields::string_of(part, "text").filter(|text| !text.is_empty()), into)?;
        let all = entries(part, content::ANNOTATIONS);
        let told = match self.state(index) {
            Some(State::Message { annotations, .. }) => *annotations,
            _ => all.len(),
        };
        if let Some(untold) = all.get(told..).filter(|untold| !untold.is_empty()) {
            self.annotate(index, untold, into);
        }
        Ok(())
    }

    fn annotate(&mut self, index: u64, annotations: &[Value<'_, '_>], into: &mut Vec<Event>) {
        if let Some(State::Message { annotations: told, .. }) = self.state(index) {
            *told += annotations.len();
            let list = fields::written(|out| {
                fields::write_list(annotations, out, |annotation, out| json::write_value(*annotation, out));
            });
            into.push(Event::TextExtra { choice: CHOICE, extra: own(content::ANNOTATIONS, list) });
            let cited = annotations.iter().filter_map(|annotation| content::read_citation(*annotation));
            let begins = self.words.range().start;
            into.extend(cited.map(|citation| Event::Cited { choice: CHOICE, citation: citation.moved(begins) }));
        }
    }

    fn refuse(&mut self, index: u64, words: Option<&str>, whole: bool, into: &mut Vec<Event>) {
        let Ok(State::Message { told_text, parts, around, .. }) = self.message(index) else {
            return;
        };
        if *parts == 0 {
            *parts = 1;
            let apart = around.drain(..).map(|extra| {
                let name = extra.name.replacen(MESSAGE, items::REFUSAL, 1);
                Event::ChoiceExtra { choice: CHOICE, extra: Extra { name, ..extra } }
            });
            into.extend(apart);
        }
        if let Some(words) = words.filter(|_| !(whole && *told_text)) {
            *told_text = true;
            into.push(Event::Refusal { choice: CHOICE, text: words.to_owned() });
        }
    }

    fn argue(&mut self, index: u64, text: Option<&str>, whole: bool, into: &mut Vec<Event>) {
        if let (Some(State::Call { number, told }), Some(text)) = (self.state(index), text)
            && !(whole && *told)
        {
            *told = true;
            into.push(Event::ToolArguments { choice: CHOICE, call: *number, text: text.to_owned() });
        }
    }

    fn think(
        &mut self,
        index: u64,
        piece: (bool, u64),
        words: Option<&str>,
        into: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        if self.state(index).is_none() {
            self.push(index, State::Reasoning { piece: None })?;
        }
        if let (Some(State::Reasoning { piece: newest }), Some(words)) = (self.state(index), words) {
            let before = newest.replace(piece);
            let apart = before.is_some_and(|before| before != piece);
            let text = if apart { format!("{}{words}", reasoning::BETWEEN) } else { words.to_owned() };
            into.push(Event::Thinking { choice: CHOICE, text });
        }
        Ok(())
    }

    fn close(&mut self, index: u64, item: Value<'_, '_>, into: &mut Vec<Event>) -> Result<(), Fault> {
        let object = item.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
        let untold = match self.state(index) {
            None => true,
            // What was announced as a message may turn out to be something else.
            Some(State::Message { parts: 0, .. }) => {
                fields::string_of(&object, "type").is_some_and(|it| it != "message")
            }
            Some(_) => false,
        };
        if untold {
            self.open(index, &object, into)?;
        }
        match self.state(index) {
            Some(State::Message { parts: 0, .. }) => self.tell_message(item, &object, into),
            Some(State::Reasoning { piece }) => {
                let told = piece.is_some();
                if let Part::Thinking { text, signature } = reasoning::read(item, &object) {
                    let text = Some(text).filter(|text| !told && !text.is_empty());
                    into.extend(text.map(|text| Event::Thinking { choice: CHOICE, text }));
                    into.extend(signature.map(|signature| Event::ThinkingSignature { choice: CHOICE, signature }));
                } else {
                    into.push(Event::Whole { choice: CHOICE, part: reasoning::read(item, &object) });
                }
            }
            Some(State::Call { .. }) => {
                let arguments = fields::string_of(&object, "arguments").filter(|text| !text.is_empty());
                self.argue(index, arguments, true, into);
            }
            Some(state @ State::Other) => {
                *state = State::Message { around: Vec::new(), parts: 1, told_text: true, annotations: 0 };
                let part = Part::Opaque { dialect: NAME, json: RawJson(json::raw(item)) };
                into.push(Event::Whole { choice: CHOICE, part });
            }
            _ => {}
        }
        Ok(())
    }

    /// A message that came without any of its parts.
    fn tell_message(&mut self, item: Value<'_, '_>, object: &JsonObject<'_, '_>, into: &mut Vec<Event>) {
        let (mut parts, mut around) = (Vec::new(), Vec::new());
        items::read(item, object, &mut parts, &mut around);
        into.extend(around.into_iter().map(|extra| Event::ChoiceExtra { choice: CHOICE, extra }));
        let citations = items::citations(object, &parts, &mut self.words);
        for part in parts {
            match part {
                Part::Text { text, extra, .. } => {
                    into.push(Event::TextStart { choice: CHOICE });
                    into.extend(extra.into_iter().map(|extra| Event::TextExtra { choice: CHOICE, extra }));
                    into.push(Event::Text { choice: CHOICE, text });
                }
                Part::Refusal(text) => into.push(Event::Refusal { choice: CHOICE, text }),
                part => into.push(Event::Whole { choice: CHOICE, part }),
            }
        }
        into.extend(citations.into_iter().map(|citation| Event::Cited { choice: CHOICE, citation }));
    }

    fn finish(&mut self, response: &JsonObject<'_, '_>, into: &mut Vec<Event>) -> Result<(), Fault> {
        self.start(response, into);
        let output = response.get("output").and_then(|output| output.as_array());
        let mut calls = false;
        for (index, item) in (0u64..).zip(output.iter().flat_map(|output| output.iter())) {
            let kind = item.as_object().and_then(|item| fields::string_of(&item, "type").map(items::is_call));
            calls |= kind == Some(true);
            if self.state(index).is_none() {
                self.close(index, item, into)?;
            }
        }
        if let Some(usage) = response.get("usage").filter(|usage| usage.is_object()) {
            into.push(Event::Usage(answer::read_usage(usage, true)));
        }
        let mut news = answer::read_extra(response);
        news.retain(|extra| self.is_news(extra));
        // In the order of the start, whatever order providers have for the end.
        let place = |extra: &Extra| self.extra.iter().position(|known| known.name == extra.name).unwrap_or(usize::MAX);
        news.sort_by_key(place);
        into.extend(news.into_iter().map(Event::AnswerExtra));
        let tier = answer::read_tier(response).filter(|tier| self.tier != Some(*tier));
        into.extend(tier.map(Event::ServiceTier));
        if let Some(finish) = answer::read_finish(response, calls || self.calls > 0) {
            into.push(Event::Finish { choice: CHOICE, finish });
        }
        into.push(Event::End);
        Ok(())
    }

    /// Lists told twice would add up, so a list that changed stays as it was first told.
    fn is_news(&self, extra: &Extra) -> bool {
        match fields::kept(&self.extra, NAME, &extra.name) {
            None => true,
            Some(known) => known != extra.value.0 && !(known.starts_with('[') && extra.value.0.starts_with('[')),
        }
    }
}

/// Fields of the message; there is always one, because they also tell that another message begins.
fn open_message(item: Option<&JsonObject<'_, '_>>) -> State {
    const KNOWN: &[&str] = &["type", "role", "status", "content"];
    let others = item.iter().flat_map(|item| item.iter()).filter(|(name, _)| !KNOWN.contains(name));
    let mut around: Vec<Extra> =
        others.map(|(name, value)| own(&format!("{MESSAGE}{name}"), json::raw(value))).collect();
    if around.is_empty() {
        around.push(own(&format!("{MESSAGE}type"), "\"message\"".to_owned()));
    }
    State::Message { around, parts: 0, told_text: false, annotations: 0 }
}

fn own(name: &str, value: String) -> Extra {
    Extra { dialect: NAME, name: name.to_owned(), value: RawJson(value) }
}

/// `response.failed` tells the error inside the response, `error` beside its type or inside an object.
fn read_error(event: &JsonObject<'_, '_>, whole: Value<'_, '_>) -> Fault {
    let response = fields::object_of(event, "response");
    let inside = response.as_ref().and_then(|response| response.get("error")).or_else(|| event.get("error"));
    if let Some(error) = inside.filter(|error| !error.is_null()) {
        return answer::in_band_error(error);
    }
    let mut fault = answer::in_band_error(whole);
    fault.provider_type = None; // `error`, which says nothing
    fault
}

/// The facts of one event.
pub(super) fn facts(name: Option<&str>, body: Option<Value<'_, '_>>) -> Result<EventFacts, Fault> {
    let mut facts = EventFacts::default();
    let Some(body) = body else {
        return Ok(facts); // an imitator's `[DONE]`
    };
    let broken = || fields::not_understood(NOT_UNDERSTOOD);
    let event = body.as_object().ok_or_else(broken)?;
    match fields::string_of(&event, "type").or(name).ok_or_else(broken)? {
        "response.created" => {
            let response = fields::object_of(&event, "response").ok_or_else(broken)?;
            facts.model = fields::string_of(&response, "model").map(str::to_owned);
        }
        "response.output_item.added" | "response.output_item.done" => {
            let item = fields::object_of(&event, "item").ok_or_else(broken)?;
            let kind = fields::string_of(&item, "type").unwrap_or("message");
            facts.tool_call = items::is_call(kind);
            facts.content = !matches!(kind, "message" | "reasoning");
        }
        "response.output_text.delta"
        | "response.function_call_arguments.delta"
        | "response.reasoning_summary_text.delta"
        | "response.reasoning_text.delta" => {
            facts.content = fields::string_of(&event, "delta").is_some_and(|text| !text.is_empty());
        }
        "response.refusal.delta" | "response.refusal.done" => facts.refusal = true,
        "response.output_text.done" => {
            facts.content = fields::string_of(&event, "text").is_some_and(|text| !text.is_empty());
        }
        "response.completed" | "response.incomplete" => {
            ended(&fields::object_of(&event, "response").ok_or_else(broken)?, &mut facts);
        }
        "response.failed" | "response.cancelled" | "error" => facts.error = Some(read_error(&event, body)),
        _ => {}
    }
    Ok(facts)
}

fn ended(response: &JsonObject<'_, '_>, facts: &mut EventFacts) {
    let output = response.get("output").and_then(|output| output.as_array());
    let kind =
        |item: Value<'_, '_>| item.as_object().and_then(|item| fields::string_of(&item, "type").map(items::is_call));
    facts.end = true;
    facts.tool_call = output.iter().flat_map(|output| output.iter()).any(|item| kind(item) == Some(true));
    facts.finish = answer::read_finish(response, facts.tool_call);
    facts.refusal = facts.finish == Some(Finish::ContentFilter);
    facts.usage = response.get("usage").filter(|usage| usage.is_object()).map(|usage| answer::read_usage(usage, false));
    facts.model = fields::string_of(response, "model").map(str::to_owned);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Kind;

    fn read(lines: &[&str]) -> Vec<Event> {
        let mut reader = Reader::default();
        let mut events = Vec::new();
        for line in lines {
            reader.read(None, line, &mut events).unwrap_or_else(|fault| panic!("{fault:?}: {line}"));
        }
        events
    }

    fn texts(events: &[Event]) -> String {
        let words = events.iter().filter_map(|event| match event {
            Event::Text { text, .. } | Event::Refusal { text, .. } => Some(text.as_str()),
            Event::ToolArguments { text, .. } => Some(text),
            Event::Thinking { text, .. } => Some(text),
            _ => None,
        });
        words.collect()
    }

    const TEXT: &str = r#"{"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"hi","annotations":[{"a":1}]}]}"#;
    const CALL: &str = r#"{"type":"function_call","id":"f","call_id":"c","name":"n","arguments":"{}"}"#;
    const THOUGHT: &str = r#"{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"hm"}]}"#;

    fn completed(output: &str) -> String {
        format!(
            r#"{{"type":"response.completed","response":{{"id":"i","model":"m","status":"completed","output":[{output}]}}}}"#
        )
    }

    #[test]
    fn what_was_never_streamed_is_told_at_the_end() {
        let events = read(&[&completed(&format!("{THOUGHT},{TEXT},{CALL}"))]);
        assert_eq!(texts(&events), "hmhi{}");
        assert!(matches!(events.first(), Some(Event::Start { .. })));
        assert!(matches!(&events[events.len() - 2..], [Event::Finish { finish: Finish::ToolCalls, .. }, Event::End]));
        let announced = events.iter().filter(|event| matches!(event, Event::ToolCall { .. })).count();
        let annotated = events
            .iter()
            .filter(|event| matches!(event, Event::TextExtra { extra, .. } if extra.name == "annotations"));
        assert_eq!((announced, annotated.count()), (1, 1));
    }

    #[test]
    fn nothing_is_told_twice() {
        let done = |index: u64, item: &str| {
            format!(r#"{{"type":"response.output_item.done","output_index":{index},"item":{item}}}"#)
        };
        let place = r#""output_index":0,"content_index":0,"item_id":"m""#;
        let delta = format!(r#"{{"type":"response.output_text.delta",{place},"delta":"hi"}}"#);
        let text_done = format!(r#"{{"type":"response.output_text.done",{place},"text":"hi"}}"#);
        let part_done = format!(
            r#"{{"type":"response.content_part.done",{place},"part":{{"type":"output_text","text":"hi","annotations":[{{"a":1}}]}}}}"#
        );
        let arguments = r#"{"type":"response.function_call_arguments.done","output_index":1,"arguments":"{}"}"#;
        let added =
            format!(r#"{{"type":"response.output_item.added","output_index":1,"item":{}}}"#, CALL.replace("{}", ""));
        let end = completed(&format!("{TEXT},{CALL}"));
        // Without an opening, without deltas, with all of them: the words are the same.
        for lines in [
            vec![delta.as_str(), &text_done, &part_done, &done(0, TEXT), &added, arguments, &done(1, CALL), &end],
            vec![&text_done, &done(0, TEXT), &done(1, CALL), &end],
            vec![&part_done, &added, &done(1, CALL), &end],
            vec![&done(0, TEXT), &done(1, CALL), "[DONE]", &end],
        ] {
            assert_eq!(texts(&read(&lines)), "hi{}", "{lines:#?}");
        }
    }

    #[test]
    fn pieces_of_reasoning_stand_apart() {
        let delta = |kind: &str, place: &str, text: &str| {
            format!(r#"{{"type":"response.{kind}.delta","output_index":0,{place},"delta":"{text}"}}"#)
        };
        let (summary, text) = ("reasoning_summary_text", "reasoning_text");
        let lines = [
            delta(summary, r#""summary_index":0"#, "a"),
            delta(summary, r#""summary_index":0"#, "b"),
            delta(summary, r#""summary_index":1"#, "c"),
            delta(text, r#""content_index":0"#, "d"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(texts(&read(&lines)), "ab\n\nc\n\nd");
    }

    #[test]
    fn only_its_own_end_completes_a_stream() {
        for lines in
            [vec!["[DONE]"], vec![r#"{"type":"response.output_text.done","output_index":0,"text":"x"}"#, "[DONE]"]]
        {
            assert!(!read(&lines).contains(&Event::End), "{lines:?}");
        }
        assert!(facts(None, None).is_ok_and(|facts| !facts.end));
    }

    #[test]
    fn errors_come_in_three_forms() {
        for (line, kind, code) in [
            (
                r#"{"type":"error","code":"rate_limit_exceeded","message":"oops","param":null}"#,
                429,
                "rate_limit_exceeded",
            ),
            (r#"{"type":"error","error":{"type":"t","code":"server_error","message":"oops"}}"#, 500, "server_error"),
            (
                r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"odd","message":"oops"}}}"#,
                502,
                "odd",
            ),
        ] {
            let events = read(&[line]);
            let [Event::Error(fault)] = events.as_slice() else {
                panic!("{line}: {events:?}");
            };
            assert_eq!((fault.kind, fault.message.as_ref()), (Kind::Provider(kind), "oops"), "{line}");
            assert_eq!(fault.code.as_deref(), Some(code), "{line}");
            assert_ne!(fault.provider_type.as_deref(), Some("error"), "{line}");
            let mut copy = line.as_bytes().to_vec();
            let mut parser = Parser::new();
            let tape = parser.parse(&mut copy).expect("valid JSON");
            assert_eq!(facts(None, Some(tape.as_value())).expect("understood").error.as_ref(), Some(fault));
        }
    }

    #[test]
    fn strange_events_are_skipped_and_garbage_is_not() {
        assert_eq!(
            read(&[r#"{"type":"response.from_the_future.delta","delta":"x"}"#, r#"{"type":"keepalive"}"#]),
            [Event::Ping]
        );
        let mut reader = Reader::default();
        for garbage in
            ["{", "[]", "{}", r#"{"type":"response.created"}"#, r#"{"type":"response.completed","response":7}"#]
        {
            assert!(reader.read(None, garbage, &mut Vec::new()).is_err(), "{garbage}");
        }
        let added =
            |index: u64| format!(r#"{{"type":"response.output_item.added","output_index":{index},"item":{{}}}}"#);
        let refused = (0..=ITEMS_MAX as u64).find(|index| reader.read(None, &added(*index), &mut Vec::new()).is_err());
        assert_eq!(refused, Some(ITEMS_MAX as u64), "the items of a stream have a bound");
    }
}
