//! An answer while it is being said, and the two ways between stream and whole.

use super::answer::Answer;
use super::answer::Choice;
use super::answer::Finish;
use super::answer::ServiceTier;
use super::answer::Usage;
use super::citation::Citation;
use super::request::Extra;
use super::request::Part;
use super::request::RawJson;
use crate::fault::Fault;

/// One step of a streamed answer. Parts of one choice arrive in order; a delta belongs to the newest
/// part of its kind in its choice, except tool arguments, which name their call.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The first event: who answers.
    Start {
        /// The provider's id.
        id: String,
        /// The model that answers.
        model: String,
        /// Unix seconds; 0 when not told.
        created_s: u64,
        /// The class of service, where that is told by now.
        service_tier: Option<ServiceTier>,
        /// Fields of one dialect.
        extra: Vec<Extra>,
    },
    /// The next words begin a text of their own instead of continuing the newest one. Dialects whose
    /// text comes in blocks say so; without it all words of an answer are one text.
    TextStart {
        /// Which answer.
        choice: u64,
    },
    /// A field of one dialect that belongs to the newest text; lists add up.
    TextExtra {
        /// Which answer.
        choice: u64,
        /// The field.
        extra: Extra,
    },
    /// More words.
    Text {
        /// Which answer.
        choice: u64,
        /// The words.
        text: String,
    },
    /// More visible reasoning.
    Thinking {
        /// Which answer.
        choice: u64,
        /// The words.
        text: String,
    },
    /// The signature of the reasoning block that just ended.
    ThinkingSignature {
        /// Which answer.
        choice: u64,
        /// The signature.
        signature: String,
    },
    /// A new tool call.
    ToolCall {
        /// Which answer.
        choice: u64,
        /// The call's number within its answer, counted from 0.
        call: u64,
        /// Joins call and result.
        id: String,
        /// The function.
        name: String,
        /// Fields of one dialect.
        extra: Vec<Extra>,
    },
    /// More argument text of a tool call.
    ToolArguments {
        /// Which answer.
        choice: u64,
        /// The call's number.
        call: u64,
        /// JSON text fragment.
        text: String,
    },
    /// More words of a refusal.
    Refusal {
        /// Which answer.
        choice: u64,
        /// The words.
        text: String,
    },
    /// A whole part that does not come in deltas (redacted thinking, opaque parts).
    Whole {
        /// Which answer.
        choice: u64,
        /// The part.
        part: Part,
    },
    /// Log probabilities of the newest words.
    Logprobs {
        /// Which answer.
        choice: u64,
        /// As OpenAI writes them.
        json: RawJson,
    },
    /// A source. It may come before its words or behind them, but before the answer's end.
    Cited {
        /// Which answer.
        choice: u64,
        /// The source.
        citation: Citation,
    },
    /// Fields of one dialect that belong to an answer; lists add up.
    ChoiceExtra {
        /// Which answer.
        choice: u64,
        /// The field.
        extra: Extra,
    },
    /// A field of one dialect that belongs to the whole stream and was told after its start.
    AnswerExtra(Extra),
    /// The class of service, told after the start.
    ServiceTier(ServiceTier),
    /// An answer ended.
    Finish {
        /// Which answer.
        choice: u64,
        /// Why.
        finish: Finish,
    },
    /// Tokens; the last one wins.
    Usage(Usage),
    /// Proof of life without content (`ping`).
    Ping,
    /// The provider said in the stream that it failed.
    Error(Fault),
    /// The terminator of the dialect was seen: the stream is complete.
    End,
}

impl Event {
    /// Which answer it belongs to, if to one.
    pub fn choice(&self) -> Option<u64> {
        match self {
            Event::TextStart { choice }
            | Event::TextExtra { choice, .. }
            | Event::Text { choice, .. }
            | Event::Thinking { choice, .. }
            | Event::ThinkingSignature { choice, .. }
            | Event::ToolCall { choice, .. }
            | Event::ToolArguments { choice, .. }
            | Event::Refusal { choice, .. }
            | Event::Whole { choice, .. }
            | Event::Logprobs { choice, .. }
            | Event::Cited { choice, .. }
            | Event::ChoiceExtra { choice, .. }
            | Event::Finish { choice, .. } => Some(*choice),
            Event::Start { .. }
            | Event::AnswerExtra(_)
            | Event::ServiceTier(_)
            | Event::Usage(_)
            | Event::Ping
            | Event::Error(_)
            | Event::End => None,
        }
    }
}

/// Puts a stream back together into a whole answer.
#[derive(Debug, Default)]
pub struct Assembler {
    answer: Answer,
    ended: bool,
    failed: bool,
}

impl Assembler {
    /// Takes the next event.
    pub fn push(&mut self, event: Event) {
        match event {
            Event::Start { id, model, created_s, service_tier, extra } => {
                self.answer.id = id;
                self.answer.model = model;
                self.answer.created_s = created_s;
                self.answer.service_tier = service_tier;
                self.answer.extra = extra;
            }
            Event::TextStart { choice } => {
                self.parts(choice).push(Part::Text { text: String::new(), cache_marker: None, extra: Vec::new() });
            }
            Event::Text { choice, text } => newest_text(self.parts(choice)).0.push_str(&text),
            Event::TextExtra { choice, extra } => add_extra(newest_text(self.parts(choice)).1, extra),
            Event::Thinking { choice, text } => newest_thinking(self.parts(choice)).0.push_str(&text),
            Event::ThinkingSignature { choice, signature } => {
                *newest_thinking(self.parts(choice)).1 = Some(signature);
            }
            Event::ToolCall { choice, id, name, extra, .. } => {
                let call = Part::ToolCall { id, name, arguments: String::new(), cache_marker: None, extra };
                self.parts(choice).push(call);
            }
            Event::ToolArguments { choice, call, text } => add_arguments(self.parts(choice), call, &text),
            Event::Refusal { choice, text } => newest_refusal(self.parts(choice)).push_str(&text),
            Event::Whole { choice, part } => self.parts(choice).push(part),
            Event::Logprobs { choice, json } => {
                let choice = self.choice(choice);
                choice.logprobs = Some(match choice.logprobs.take() {
                    Some(earlier) => joined_logprobs(earlier, json),
                    None => json,
                });
            }
            Event::Cited { choice, citation } => self.choice(choice).cite(citation),
            Event::ChoiceExtra { choice, extra } => add_extra(&mut self.choice(choice).extra, extra),
            Event::AnswerExtra(extra) => add_extra(&mut self.answer.extra, extra),
            Event::ServiceTier(tier) => self.answer.service_tier = Some(tier),
            Event::Finish { choice, finish } => self.choice(choice).finish = Some(finish),
            Event::Usage(usage) => self.answer.usage = Some(usage),
            Event::Ping => {}
            Event::Error(_) => self.failed = true,
            Event::End => self.ended = true,
        }
    }

    /// The whole answer; `None` unless the stream said its end without a failure and every answer in it
    /// finished.
    pub fn finish(mut self) -> Option<Answer> {
        let finished = self.answer.choices.iter().all(|choice| choice.finish.is_some());
        if !self.ended || self.failed || self.answer.choices.is_empty() || !finished {
            return None;
        }
        self.answer.choices.sort_by_key(|choice| choice.index);
        Some(self.answer)
    }

    /// What was said so far, finished or not: for dialects whose whole answers are read as one event.
    pub fn so_far(self) -> Answer {
        self.answer
    }

    fn choice(&mut self, index: u64) -> &mut Choice {
        let choices = &mut self.answer.choices;
        let at = choices.iter().position(|choice| choice.index == index).unwrap_or_else(|| {
            choices.push(Choice { index, ..Choice::default() });
            choices.len() - 1
        });
        &mut choices[at]
    }

    fn parts(&mut self, choice: u64) -> &mut Vec<Part> {
        &mut self.choice(choice).parts
    }
}

/// A whole answer as the stream it could have been: one delta per part.
pub fn answer_events(answer: &Answer) -> Vec<Event> {
    let mut events = vec![Event::Start {
        id: answer.id.clone(),
        model: answer.model.clone(),
        created_s: answer.created_s,
        service_tier: answer.service_tier,
        extra: answer.extra.clone(),
    }];
    for choice in &answer.choices {
        let index = choice.index;
        // Before the words that some of them point into.
        for extra in &choice.extra {
            events.push(Event::ChoiceExtra { choice: index, extra: extra.clone() });
        }
        for citation in &choice.citations {
            events.push(Event::Cited { choice: index, citation: citation.clone() });
        }
        part_events(choice, &mut events);
        if let Some(json) = &choice.logprobs {
            events.push(Event::Logprobs { choice: index, json: json.clone() });
        }
        if let Some(finish) = &choice.finish {
            events.push(Event::Finish { choice: index, finish: finish.clone() });
        }
    }
    if let Some(usage) = &answer.usage {
        events.push(Event::Usage(usage.clone()));
    }
    events.push(Event::End);
    events
}

fn part_events(choice: &Choice, events: &mut Vec<Event>) {
    let index = choice.index;
    let mut texts = 0;
    let mut calls = 0;
    for part in &choice.parts {
        match part {
            Part::Text { text, extra, .. } => {
                if texts > 0 {
                    events.push(Event::TextStart { choice: index });
                }
                texts += 1;
                let told = |extra: &Extra| Event::TextExtra { choice: index, extra: extra.clone() };
                let (around, within): (Vec<&Extra>, Vec<&Extra>) = extra.iter().partition(|extra| is_around(extra));
                events.extend(around.into_iter().map(told));
                events.push(Event::Text { choice: index, text: text.clone() });
                events.extend(within.into_iter().map(told));
            }
            Part::Thinking { text, signature } => {
                events.push(Event::Thinking { choice: index, text: text.clone() });
                if let Some(signature) = signature {
                    events.push(Event::ThinkingSignature { choice: index, signature: signature.clone() });
                }
            }
            Part::ToolCall { id, name, arguments, extra, .. } => {
                let (id, name, extra) = (id.clone(), name.clone(), extra.clone());
                events.push(Event::ToolCall { choice: index, call: calls, id, name, extra });
                events.push(Event::ToolArguments { choice: index, call: calls, text: arguments.clone() });
                calls += 1;
            }
            Part::Refusal(text) => events.push(Event::Refusal { choice: index, text: text.clone() }),
            whole => events.push(Event::Whole { choice: index, part: whole.clone() }),
        }
    }
}

/// Fields of the message that a text is the first of are told before its words, because a message is
/// opened with them.
fn is_around(extra: &Extra) -> bool {
    extra.name.starts_with("message/")
}

fn newest_text(parts: &mut Vec<Part>) -> (&mut String, &mut Vec<Extra>) {
    let at = parts.iter().rposition(|part| matches!(part, Part::Text { .. })).unwrap_or_else(|| {
        parts.push(Part::Text { text: String::new(), cache_marker: None, extra: Vec::new() });
        parts.len() - 1
    });
    match &mut parts[at] {
        Part::Text { text, extra, .. } => (text, extra),
        _ => unreachable!("the position is that of a text"),
    }
}

/// A signature closes its block: what follows begins another.
fn newest_thinking(parts: &mut Vec<Part>) -> (&mut String, &mut Option<String>) {
    let open = |part: &Part| matches!(part, Part::Thinking { signature: None, .. });
    let at = parts.iter().rposition(open).unwrap_or_else(|| {
        parts.push(Part::Thinking { text: String::new(), signature: None });
        parts.len() - 1
    });
    match &mut parts[at] {
        Part::Thinking { text, signature } => (text, signature),
        _ => unreachable!("the position is that of thinking"),
    }
}

fn newest_refusal(parts: &mut Vec<Part>) -> &mut String {
    let at = parts.iter().rposition(|part| matches!(part, Part::Refusal(_))).unwrap_or_else(|| {
        parts.push(Part::Refusal(String::new()));
        parts.len() - 1
    });
    match &mut parts[at] {
        Part::Refusal(text) => text,
        _ => unreachable!("the position is that of a refusal"),
    }
}

/// Calls are numbered in the order in which they were announced.
fn add_arguments(parts: &mut [Part], call: u64, more: &str) {
    let calls = parts.iter_mut().filter_map(|part| match part {
        Part::ToolCall { arguments, .. } => Some(arguments),
        _ => None,
    });
    if let Some(arguments) = calls.into_iter().nth(usize::try_from(call).unwrap_or(usize::MAX)) {
        arguments.push_str(more);
    }
}

fn add_extra(extras: &mut Vec<Extra>, extra: Extra) {
    let same = |known: &&mut Extra| known.dialect == extra.dialect && known.name == extra.name;
    match extras.iter_mut().find(same) {
        Some(known) => match joined_lists(&known.value.0, &extra.value.0) {
            Some(both) => known.value.0 = both,
            None => known.value = extra.value,
        },
        None => extras.push(extra),
    }
}

/// `[a]` and `[b]` to `[a,b]`; `None` unless both are lists.
fn joined_lists(first: &str, second: &str) -> Option<String> {
    let inside = |text: &str| Some(text.trim().strip_prefix('[')?.strip_suffix(']')?.trim().to_owned());
    let (first, second) = (inside(first)?, inside(second)?);
    let comma = if first.is_empty() || second.is_empty() { "" } else { "," };
    Some(format!("[{first}{comma}{second}]"))
}

/// OpenAI streams log probabilities as `{"content":[…],"refusal":[…]}`, token by token.
fn joined_logprobs(earlier: RawJson, later: RawJson) -> RawJson {
    let read = |json: &RawJson| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&json.0);
    let (Ok(mut both), Ok(more)) = (read(&earlier), read(&later)) else {
        return later;
    };
    for (name, value) in more {
        match (both.get_mut(&name), value) {
            (Some(serde_json::Value::Array(known)), serde_json::Value::Array(new)) => known.extend(new),
            (Some(_), serde_json::Value::Null) => {}
            (_, value) => {
                both.insert(name, value);
            }
        }
    }
    RawJson(serde_json::Value::Object(both).to_string())
}

#[cfg(test)]
mod tests {
    use super::super::citation::Source;
    use super::*;

    fn start() -> Event {
        Event::Start { id: "a".into(), model: "m".into(), created_s: 7, service_tier: None, extra: Vec::new() }
    }

    fn said(events: Vec<Event>) -> Option<Answer> {
        let mut assembler = Assembler::default();
        events.into_iter().for_each(|event| assembler.push(event));
        assembler.finish()
    }

    fn done(choice: u64) -> Event {
        Event::Finish { choice, finish: Finish::Stop }
    }

    #[test]
    fn nothing_is_whole_without_end_and_finish() {
        let text = || Event::Text { choice: 0, text: "hi".into() };
        assert!(said(vec![start(), text(), Event::End]).is_none(), "no finish");
        assert!(said(vec![start(), text(), done(0)]).is_none(), "no end");
        assert!(said(vec![start(), Event::End]).is_none(), "no answer at all");
        let other = Event::Text { choice: 1, text: "ho".into() };
        assert!(said(vec![start(), text(), other, done(0), Event::End]).is_none(), "one of two finished");
        let error = Event::Error(Fault::new(crate::fault::Kind::Upstream, "gone"));
        assert!(said(vec![start(), text(), done(0), error, Event::End]).is_none(), "failed");
        assert!(said(vec![start(), text(), done(0), Event::End]).is_some());
    }

    #[test]
    fn whole_to_stream_to_whole_is_the_same() {
        let extra =
            |name: &str, value: &str| Extra { dialect: "openai_chat", name: name.into(), value: RawJson(value.into()) };
        let text = |text: &str| Part::Text { text: text.into(), cache_marker: None, extra: vec![] };
        let cited = |span| Citation {
            dialect: "openai_chat",
            source: Source::Url("u".into()),
            title: None,
            cited_text: None,
            span,
        };
        let call = |id: &str| Part::ToolCall {
            id: id.into(),
            name: "f".into(),
            arguments: "{}".into(),
            cache_marker: None,
            extra: vec![extra("caller", "1")],
        };
        let choice = |index| Choice {
            index,
            parts: vec![
                Part::Thinking { text: "hm".into(), signature: Some("s".into()) },
                Part::RedactedThinking { data: "r".into() },
                Part::Thinking { text: "again".into(), signature: None },
                text("one"),
                call("a"),
                text("two"),
                call("b"),
                Part::Refusal("no".into()),
            ],
            finish: Some(Finish::ToolCalls),
            logprobs: Some(RawJson("{}".into())),
            citations: vec![cited(Some(0..3)), cited(None)],
            extra: vec![extra("message/annotations", "[1]")],
        };
        let answer = Answer {
            id: "a".into(),
            model: "m".into(),
            created_s: 5,
            choices: vec![choice(0), choice(1)],
            usage: Some(Usage { input_tokens: 1, output_tokens: 2, ..Usage::default() }),
            service_tier: Some(ServiceTier::Flex),
            extra: vec![extra("system_fingerprint", "\"x\"")],
        };
        assert_eq!(said(answer_events(&answer)), Some(answer));
    }

    #[test]
    fn lists_and_logprobs_add_up() {
        let annotation = |value: &str| Event::ChoiceExtra {
            choice: 0,
            extra: Extra { dialect: "d", name: "annotations".into(), value: RawJson(value.into()) },
        };
        let logprobs = |json: &str| Event::Logprobs { choice: 0, json: RawJson(json.into()) };
        let events = vec![
            start(),
            annotation("[]"),
            annotation("[1]"),
            annotation("[2,3]"),
            logprobs(r#"{"content":[1],"refusal":null}"#),
            logprobs(r#"{"content":[2],"refusal":null}"#),
            done(0),
            Event::End,
        ];
        let answer = said(events).expect("complete");
        assert_eq!(answer.choices[0].extra[0].value.0, "[1,2,3]");
        assert_eq!(answer.choices[0].logprobs, Some(RawJson(r#"{"content":[1,2],"refusal":null}"#.into())));
    }

    #[test]
    fn arguments_find_their_call_and_choices_are_sorted() {
        let call = |choice, call| Event::ToolCall {
            choice,
            call,
            id: format!("{choice}{call}"),
            name: "f".into(),
            extra: vec![],
        };
        let more = |choice, call, text: &str| Event::ToolArguments { choice, call, text: text.into() };
        let events = vec![
            start(),
            call(1, 0),
            call(1, 1),
            more(1, 1, "B"),
            more(1, 0, "A"),
            done(1),
            call(0, 0),
            done(0),
            Event::End,
        ];
        let answer = said(events).expect("complete");
        assert_eq!(answer.choices.iter().map(|choice| choice.index).collect::<Vec<_>>(), [0, 1]);
        let arguments = |part: &Part| match part {
            Part::ToolCall { arguments, .. } => arguments.clone(),
            _ => unreachable!("only calls"),
        };
        assert_eq!(answer.choices[1].parts.iter().map(arguments).collect::<Vec<_>>(), ["A", "B"]);
    }
}
