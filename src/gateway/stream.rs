//! One streamed answer on its way from the provider's events to the caller's.
//!
//! Where both speak the same dialect, every event's data passes through byte for byte and only its
//! facts are read; otherwise it goes through the neutral events. Either way the same facts come out,
//! and they decide the one thing that matters: was this stream complete? A stream is complete when its
//! terminator was seen (in a dialect without one: the proper end of its body) *and* every answer in it
//! finished. Anything else is broken, however politely the
//! provider closed the connection.

use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Usage;
use crate::dialects;
use crate::dialects::Dialect;
use crate::dialects::EventFacts;
use crate::dialects::EventReader;
use crate::dialects::EventWriter;
use crate::dialects::Framing;
use crate::dialects::ProviderDialect;
use crate::dialects::StreamOptions;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::wire::eventstream;
use crate::wire::json::Parser;
use crate::wire::sse;
use crate::wire::sse::SseError;
use std::cell::RefCell;

/// Largest single event accepted from a provider.
pub(super) const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a stream has shown so far.
#[derive(Clone, Debug, Default)]
pub struct StreamFacts {
    /// Content, a tool call or a refusal has appeared: from here on no failover.
    pub content: bool,
    /// Answers that finished.
    pub finishes: u64,
    /// A tool was called.
    pub tool_calls: bool,
    /// The model refused, or the provider filtered.
    pub refused: bool,
    /// An answer ended because its bound was met: complete, but not worth caching.
    pub cut: bool,
    /// Tokens, the newest report.
    pub usage: Option<Usage>,
    /// The provider's model.
    pub model: Option<String>,
    /// The terminator was seen and every answer finished.
    pub complete: bool,
    /// Events seen.
    pub events: u64,
    /// Bytes of event data seen, for an estimate where the provider reports no usage.
    pub data_bytes: u64,
}

/// Turns provider bytes into caller bytes.
pub struct Translation {
    splitter: Splitter,
    course: Course,
    json: Vec<u8>,
    /// Normalised provider events, kept for the cache and for callers who join later.
    pub kept: Option<Vec<u8>>,
    /// What the stream has shown so far.
    pub facts: StreamFacts,
}

/// Cuts the provider's bytes into events.
enum Splitter {
    Lines(sse::Splitter),
    Messages(eventstream::Splitter),
}

/// What stands in for an id and a model that the provider's dialect does not tell.
#[derive(Default)]
struct StandIn {
    id: String,
    model: String,
}

struct Course {
    route: Passage,
    strip_usage: bool,
    answers: u64,
    silent_finish: bool,
    /// The provider's dialect has no terminator.
    ends_with_body: bool,
}

enum Passage {
    Unchanged { dialect: &'static dyn Dialect },
    Translated(Translated),
}

struct Translated {
    caller: &'static dyn Dialect,
    reader: Box<dyn EventReader>,
    writer: Box<dyn EventWriter>,
    events: Vec<Event>,
    order: Order,
    /// Settings of the request that the answer repeats.
    settings: Vec<Extra>,
    stand_in: StandIn,
}

/// Most answers followed in one stream: what OpenAI gives at most.
const ANSWERS_MAX: usize = 128;

/// What a translated stream keeps to, whatever its provider does: it begins once and before its content, and
/// says why its answers ended when all of it ends. So one that breaks never looks finished, and words that
/// follow a reason (some providers give one with every piece) are told before it.
#[derive(Default)]
struct Order {
    begun: bool,
    answers: Vec<(u64, Option<Finish>)>,
}

impl Order {
    fn begin(&mut self) -> Result<(), Fault> {
        if std::mem::replace(&mut self.begun, true) {
            return Err(Fault::new(Kind::Upstream, "the provider began its answer a second time"));
        }
        Ok(())
    }

    fn answer(&mut self, choice: u64) -> Result<&mut Option<Finish>, Fault> {
        let known = self.answers.iter().position(|(known, _)| *known == choice);
        let at = match known {
            Some(at) => at,
            None if self.answers.len() < ANSWERS_MAX => {
                self.answers.push((choice, None));
                self.answers.len() - 1
            }
            None => return Err(Fault::new(Kind::Upstream, "the provider's stream holds too many answers")),
        };
        Ok(&mut self.answers[at].1)
    }

    /// Did every answer that was begun end?
    fn is_finished(&self) -> bool {
        self.answers.iter().all(|(_, finish)| finish.is_some())
    }

    /// The reasons, to be told at the end.
    fn finishes(&mut self) -> impl Iterator<Item = Event> {
        let told = std::mem::take(&mut self.answers).into_iter();
        told.filter_map(|(choice, finish)| Some(Event::Finish { choice, finish: finish? }))
    }
}

impl Translation {
    /// From `provider`'s dialect to `caller`'s, for a request that asked for `answers` answers.
    pub fn new(
        provider: &'static dyn ProviderDialect,
        caller: &'static dyn Dialect,
        options: StreamOptions,
        answers: u64,
        keep: bool,
    ) -> Self {
        let splitter = match provider.framing() {
            Framing::ServerSentEvents => Splitter::Lines(sse::Splitter::new(EVENT_BYTES_MAX)),
            Framing::AmazonEventStream => Splitter::Messages(eventstream::Splitter::new(EVENT_BYTES_MAX)),
        };
        let route = if provider.name() == caller.name() {
            Passage::Unchanged { dialect: caller }
        } else {
            Passage::Translated(Translated {
                caller,
                reader: provider.event_reader(),
                writer: caller.event_writer(options),
                events: Vec::new(),
                order: Order::default(),
                settings: Vec::new(),
                stand_in: StandIn::default(),
            })
        };
        Translation {
            splitter,
            course: Course {
                route,
                strip_usage: !options.include_usage,
                answers: answers.max(1),
                silent_finish: false,
                ends_with_body: provider.ends_with_body(),
            },
            json: Vec::new(),
            kept: keep.then(Vec::new),
            facts: StreamFacts::default(),
        }
    }

    /// Lets a translated answer repeat what its dialect repeats of the request `raw`.
    pub fn repeat(&mut self, raw: &[u8]) {
        if let Passage::Translated(translated) = &mut self.course.route {
            translated.settings = translated.caller.repeated_settings(raw);
        }
    }

    /// The same for events that were kept of a stream, whose framing is normalised.
    pub fn of_kept(
        provider: &'static dyn ProviderDialect,
        caller: &'static dyn Dialect,
        options: StreamOptions,
        answers: u64,
    ) -> Self {
        let splitter = Splitter::Lines(sse::Splitter::new(EVENT_BYTES_MAX));
        Translation { splitter, ..Translation::new(provider, caller, options, answers, false) }
    }

    /// What a translated answer is called where the provider's dialect has no name for it.
    pub fn call(&mut self, id: impl FnOnce() -> String, model: &str) {
        if let Passage::Translated(translated) = &mut self.course.route {
            translated.stand_in = StandIn { id: id(), model: model.to_owned() };
        }
    }

    /// Feeds provider bytes; appends what the caller should see to `out`. An error means that the
    /// stream is broken; `out` then holds what was right before it.
    pub fn feed(&mut self, parser: &RefCell<Parser>, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let Translation { splitter, course, json, kept, facts } = self;
        // `None` stops at the terminator: what follows belongs to no answer, and how much of it came along in
        // one read must not matter.
        let mut take = |name: Option<&str>, data: &str, failure: bool| {
            if failure {
                return Err(Some(course.failure(name, data)));
            }
            facts.events += 1;
            facts.data_bytes += data.len() as u64;
            if let Some(kept) = kept {
                sse::write_event(name, data, kept);
            }
            course.event(name, data, parser, json, facts, out)?;
            if facts.complete { Err(None) } else { Ok(()) }
        };
        let broken = match splitter {
            Splitter::Lines(lines) => match lines.feed(bytes, |event| take(event.name, event.data, false)) {
                Ok(()) => return Ok(()),
                Err(SseError::Stopped(why)) => return why.map_or(Ok(()), Err),
                Err(SseError::TooLong | SseError::NotUtf8) => {
                    "the provider sent a stream that is not server-sent events"
                }
            },
            Splitter::Messages(messages) => {
                match messages.feed(bytes, |message| take(Some(message.name), message.data, message.is_failure)) {
                    Ok(()) => return Ok(()),
                    Err(eventstream::Broken::Stopped(why)) => return why.map_or(Ok(()), Err),
                    Err(_) => "the provider sent a damaged event stream",
                }
            }
        };
        Err(Fault::new(Kind::Upstream, broken))
    }

    /// Does the provider never say why an answer ended?
    pub fn silent_finish(&mut self, is_so: bool) {
        self.course.silent_finish = is_so;
    }

    /// The provider closed its stream properly: whoever leaves out the empty line behind the last event
    /// has said that event all the same, and some dialects end like this. Appends what it adds to `out`; the
    /// fault of a stream that is not complete even so.
    pub fn finish(&mut self, parser: &RefCell<Parser>, out: &mut Vec<u8>) -> Option<Fault> {
        let ending: &[u8] = if let Splitter::Lines(_) = self.splitter { b"\n\n" } else { b"" };
        if let Err(fault) = self.feed(parser, ending, out) {
            return Some(fault);
        }
        self.course.end(&mut self.facts, out);
        self.verdict()
    }

    /// The fault of a stream that ended here, or `None` if it is complete.
    fn verdict(&self) -> Option<Fault> {
        if self.facts.complete {
            return None;
        }
        Some(Fault::new(Kind::Upstream, "the provider's stream ended before the answer was complete"))
    }
}

impl Course {
    fn event(
        &mut self,
        name: Option<&str>,
        data: &str,
        parser: &RefCell<Parser>,
        json: &mut Vec<u8>,
        facts: &mut StreamFacts,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let (answers, silent) = (self.answers, self.silent_finish.then_some(self.answers));
        match &mut self.route {
            Passage::Unchanged { dialect } => {
                let (event, is_json) = read_facts(*dialect, name, data, parser, json)?;
                if let Some(fault) = event.error {
                    return Err(fault);
                }
                let forward = is_json && !(event.usage_only && self.strip_usage);
                let ended = event.end;
                note(facts, event);
                if ended {
                    suppose_finishes(facts, silent);
                    complete(facts, answers)?;
                }
                if forward {
                    // SDKs of formats without a terminator die of names of events as well.
                    let name = name.filter(|_| !self.ends_with_body);
                    sse::write_event(name, data, out);
                }
                Ok(())
            }
            Passage::Translated(translated) => {
                translated.events.clear();
                translated.reader.read(name, data, &mut translated.events)?;
                let mut events = std::mem::take(&mut translated.events);
                let told = events.drain(..).try_for_each(|event| translated.tell(event, answers, silent, facts, out));
                translated.events = events;
                told
            }
        }
    }
}

impl Course {
    /// What a message says that is marked as a failure: whatever it is called, it is no event of an answer.
    fn failure(&mut self, name: Option<&str>, data: &str) -> Fault {
        let mut said = Vec::new();
        if let Passage::Translated(translated) = &mut self.route {
            let _not_understood = translated.reader.read(name, data, &mut said);
        }
        let told = said.into_iter().find_map(|event| match event {
            Event::Error(fault) => Some(fault),
            _ => None,
        });
        told.unwrap_or_else(|| Fault::new(Kind::Upstream, "the provider's stream failed"))
    }
}

impl Translated {
    fn tell(
        &mut self,
        mut event: Event,
        answers: u64,
        silent: Option<u64>,
        facts: &mut StreamFacts,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        match &mut event {
            Event::Error(fault) => return Err(fault.clone()),
            Event::End => {
                for choice in suppose_finishes(facts, silent) {
                    let finish = if facts.tool_calls { Finish::ToolCalls } else { Finish::Stop };
                    *self.order.answer(choice)? = Some(finish);
                }
                if !self.order.is_finished() || facts.finishes < answers {
                    return Err(unfinished());
                }
                self.end(facts, out)?;
                facts.complete = true;
                return Ok(());
            }
            Event::Start { .. } => return self.begin(event, facts, out),
            Event::Finish { choice, finish } => {
                if self.order.answer(*choice)?.replace(finish.clone()).is_none() {
                    note_finish(facts, finish);
                }
                return Ok(());
            }
            other => {
                if let Some(choice) = other.choice() {
                    self.order.answer(choice)?;
                    if !self.order.begun {
                        self.begin(nameless_start(), facts, out)?;
                    }
                }
                note_event(facts, &event);
            }
        }
        self.write(&event, out)
    }

    fn begin(&mut self, mut start: Event, facts: &mut StreamFacts, out: &mut Vec<u8>) -> Result<(), Fault> {
        self.order.begin()?;
        if let Event::Start { id, model, extra, .. } = &mut start {
            dialects::add_settings(extra, &self.settings);
            name_start(id, model, &self.stand_in);
        }
        note_event(facts, &start);
        self.write(&start, out)
    }

    fn end(&mut self, facts: &mut StreamFacts, out: &mut Vec<u8>) -> Result<(), Fault> {
        if !self.order.begun {
            self.begin(nameless_start(), facts, out)?;
        }
        for finish in self.order.finishes() {
            self.writer.write(&finish, out);
        }
        self.write(&Event::End, out)
    }

    fn write(&mut self, event: &Event, out: &mut Vec<u8>) -> Result<(), Fault> {
        self.writer.write(event, out);
        self.writer.failure().map_or(Ok(()), |fault| Err(fault.clone()))
    }
}

/// What a provider left out that should have begun its answer.
fn nameless_start() -> Event {
    Event::Start { id: String::new(), model: String::new(), created_s: 0, service_tier: None, extra: Vec::new() }
}

impl Course {
    /// The proper end of the body. A prompt that was refused has one reason for all answers.
    fn end(&mut self, facts: &mut StreamFacts, out: &mut Vec<u8>) {
        let finished = facts.finishes >= self.answers || facts.finishes > 0 && facts.refused;
        if !self.ends_with_body || facts.complete || !finished {
            return;
        }
        if let Passage::Translated(translated) = &mut self.route
            && (!translated.order.is_finished() || translated.end(facts, out).is_err())
        {
            return;
        }
        facts.complete = true;
    }
}

fn name_start(id: &mut String, model: &mut String, stand_in: &StandIn) {
    for (told, other) in [(id, &stand_in.id), (model, &stand_in.model)] {
        if told.is_empty() {
            told.clone_from(other);
        }
    }
}

fn read_facts(
    dialect: &dyn Dialect,
    name: Option<&str>,
    data: &str,
    parser: &RefCell<Parser>,
    json: &mut Vec<u8>,
) -> Result<(EventFacts, bool), Fault> {
    if !data.starts_with('{') {
        return Ok((dialect.event_facts(name, data, None)?, false));
    }
    json.clear();
    json.extend_from_slice(data.as_bytes());
    let mut parser = parser.borrow_mut();
    let tape =
        parser.parse(json).map_err(|_| Fault::new(Kind::Upstream, "the provider sent an event that is not JSON"))?;
    let facts = dialect.event_facts(name, data, Some(tape.as_value()));
    parser.recycle(tape);
    Ok((facts?, true))
}

/// Where a provider never says why its `answers` ended, the terminator of a stream with content says that
/// they did; why remains unknown, so such an answer counts as cut. Gives the answers that are supposed to
/// have finished.
fn suppose_finishes(facts: &mut StreamFacts, answers: Option<u64>) -> std::ops::Range<u64> {
    match answers.filter(|_| facts.content && facts.finishes == 0) {
        Some(answers) => {
            facts.finishes = answers;
            facts.cut = true;
            0..answers
        }
        None => 0..0,
    }
}

fn unfinished() -> Fault {
    Fault::new(Kind::Upstream, "the provider ended its stream without finishing the answer")
}

fn complete(facts: &mut StreamFacts, answers: u64) -> Result<(), Fault> {
    if facts.finishes < answers {
        return Err(unfinished());
    }
    facts.complete = true;
    Ok(())
}

fn note(facts: &mut StreamFacts, event: EventFacts) {
    facts.content |= event.content || event.tool_call || event.refusal;
    facts.tool_calls |= event.tool_call;
    facts.refused |= event.refusal;
    if let Some(finish) = event.finish {
        note_finish(facts, &finish);
        facts.finishes += event.further_finishes;
    }
    if let Some(usage) = event.usage {
        note_usage(facts, usage);
    }
    if facts.model.is_none() {
        facts.model = event.model;
    }
}

fn note_event(facts: &mut StreamFacts, event: &Event) {
    match event {
        Event::Start { model, .. } => facts.model = Some(model.clone()).filter(|model| !model.is_empty()),
        Event::Text { text, .. } | Event::Thinking { text, .. } => facts.content |= !text.is_empty(),
        Event::ToolCall { .. } => {
            facts.content = true;
            facts.tool_calls = true;
        }
        Event::Refusal { .. } => {
            facts.content = true;
            facts.refused = true;
        }
        Event::Whole { .. } => facts.content = true,
        Event::Usage(usage) => note_usage(facts, usage.clone()),
        _ => {}
    }
}

/// Some dialects tell input at the start and output at the end.
fn note_usage(facts: &mut StreamFacts, usage: Usage) {
    match &mut facts.usage {
        Some(known) => known.update(&usage),
        None => facts.usage = Some(usage),
    }
}

fn note_finish(facts: &mut StreamFacts, finish: &Finish) {
    facts.finishes += 1;
    match finish {
        Finish::Stop | Finish::StopSequence(_) => {}
        Finish::ToolCalls => facts.tool_calls = true,
        Finish::ContentFilter | Finish::Refusal => facts.refused = true,
        Finish::Length | Finish::Pause | Finish::Other(_) => facts.cut = true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::anthropic_messages::AnthropicMessages;
    use crate::dialects::openai_chat::OpenAiChat;

    const FINISHED: &str = r#"data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}"#;

    /// The fault of a stream that finishes its answer and then ends with `last`.
    fn ended_with(last: &str) -> Option<Fault> {
        let mut translation = Translation::new(&OpenAiChat, &OpenAiChat, StreamOptions::default(), 1, false);
        let parser = RefCell::new(Parser::new());
        let mut out = Vec::new();
        translation.feed(&parser, format!("{FINISHED}\n\n{last}").as_bytes(), &mut out).expect("a good event");
        let fault = translation.finish(&parser, &mut out);
        assert_eq!(String::from_utf8(out).expect("text"), format!("{FINISHED}\n\n"), "nothing else is passed on");
        fault
    }

    const UNSAID: &str = r#"data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":""}]}"#;

    /// The caller's stream out of one whose provider never says why it ended, and whether that was accepted.
    fn unsaid(caller: &'static dyn Dialect, silent: bool, last: &str) -> (String, Result<StreamFacts, Fault>) {
        let mut translation = Translation::new(&OpenAiChat, caller, StreamOptions::default(), 1, false);
        translation.silent_finish(silent);
        let (parser, mut out) = (RefCell::new(Parser::new()), Vec::new());
        let fed = translation.feed(&parser, format!("{UNSAID}\n\n{last}").as_bytes(), &mut out);
        let fault = fed.err().or_else(|| translation.finish(&parser, &mut out));
        (String::from_utf8(out).expect("text"), fault.map_or(Ok(translation.facts), Err))
    }

    #[test]
    fn an_end_without_a_reason_is_one_only_where_no_reason_is_ever_said() {
        const DONE: &str = "data: [DONE]\n\n";
        assert!(unsaid(&OpenAiChat, false, DONE).1.is_err());
        assert!(unsaid(&OpenAiChat, true, "").1.is_err(), "without its terminator it is broken all the same");
        let (_, facts) = unsaid(&OpenAiChat, true, DONE);
        assert!(facts.is_ok_and(|facts| facts.complete && facts.cut), "complete, and not to be cached");
        let (text, facts) = unsaid(&AnthropicMessages, true, DONE);
        assert!(facts.is_ok() && text.contains(r#""stop_reason":"end_turn""#), "{text}");
    }

    #[test]
    fn a_stream_without_a_terminator_ends_with_its_body_once_it_has_finished() {
        use crate::dialects::gemini::Gemini;
        let finish = r#"data: {"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}]}"#;
        let open = r#"data: {"candidates":[{"content":{"parts":[{"text":"x"}]}}]}"#;
        let blocked = r#"data: {"promptFeedback":{"blockReason":"SAFETY"}}"#;
        let more = r#"data: {"candidates":[],"usageMetadata":{"promptTokenCount":3}}"#;
        for caller in [&Gemini as &dyn Dialect, &OpenAiChat] {
            for (events, answers, complete) in [
                (vec![open, finish], 1, true),
                (vec![finish, more], 1, true),
                (vec![blocked], 2, true),
                (vec![open], 1, false),
                (vec![], 1, false),
                (vec![finish], 2, false),
                (vec![open, "data: {\"candidates\":[{\"finishReason\""], 1, false),
            ] {
                let options = StreamOptions::default();
                let caller = crate::dialects::named(caller.name()).expect("known");
                let mut translation = Translation::new(&Gemini, caller, options, answers, false);
                let parser = RefCell::new(Parser::new());
                let mut out = Vec::new();
                translation.feed(&parser, events.join("\n\n").as_bytes(), &mut out).expect("good events");
                assert!(!translation.facts.complete, "not before its body ends");
                let fault = translation.finish(&parser, &mut out);
                assert_eq!(fault.is_none(), complete, "{events:?} to {}", caller.name());
                let done = String::from_utf8(out).expect("text").contains("[DONE]");
                assert_eq!(done, complete && caller.name() == "openai_chat");
            }
        }
    }

    #[test]
    fn a_terminator_counts_without_its_empty_line_but_not_without_its_end() {
        assert_eq!(ended_with("data: [DONE]"), None);
        assert_eq!(ended_with("data: [DONE]\n"), None);
        for unfinished in ["", "data: [DON", "data: {\"choices\":", ": [DONE]"] {
            assert!(ended_with(unfinished).is_some(), "{unfinished}");
        }
    }
}
