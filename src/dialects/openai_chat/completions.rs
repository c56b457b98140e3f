//! Legacy completions: a prompt goes on where it stops.
//!
//! A dialect of callers alone. No provider is configured with it; whoever speaks OpenAI's chat or
//! responses serves it under `/completions`, so it passes through as it is. Continuing a text is not
//! answering a message, which is why it is not translated for anybody else.

use super::super::AnswerFacts;
use super::super::Dialect;
use super::super::Dropped;
use super::super::EventFacts;
use super::super::EventReader;
use super::super::EventWriter;
use super::super::ProviderDialect;
use super::super::ReplayTemplate;
use super::super::StreamOptions;
use super::super::TargetOptions;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::answer;
use super::fault;
use super::stream;
use crate::chat::Answer;
use crate::chat::Ask;
use crate::chat::Choice;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::chat::Request;
use crate::fault::Fault;
use crate::wire::edits::Edited;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Parser;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use crate::wire::json::ValueIntoString;
use std::borrow::Cow;

const NAME: &str = "openai_completions";
const OBJECT: &str = "text_completion";
const NOT_UNDERSTOOD: &str = "the provider's answer is not a text completion";
const VOLATILE_FIELDS: &[&str] = &["stream", "stream_options"];
/// Most answers one request may ask for: prompts times `n`.
const ANSWERS_MAX: u64 = 2048 * 128;

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct OpenAiCompletions;

impl ProviderDialect for OpenAiCompletions {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self, _model: &str, _stream: bool) -> Cow<'static, str> {
        "/completions".into()
    }

    fn write_request(
        &self,
        _request: &Request,
        _model: &str,
        _options: TargetOptions,
        _out: &mut Vec<u8>,
    ) -> Result<Vec<Dropped>, Fault> {
        Err(super::only_openai("legacy completions"))
    }

    fn read_answer(&self, body: Value<'_, '_>) -> Result<Answer, Fault> {
        read_answer(body)
    }

    fn event_reader(&self) -> Box<dyn EventReader> {
        Box::new(Reader::default())
    }

    fn read_fault(&self, status: u16, body: &[u8]) -> Fault {
        fields::read_error_body(status, body)
    }

    fn answer_facts(&self, body: Value<'_, '_>) -> Result<AnswerFacts, Fault> {
        answer_facts(body)
    }
}

impl Dialect for OpenAiCompletions {
    fn family(&self) -> &'static str {
        super::NAME
    }

    fn served_by(&self, provider: &str) -> bool {
        super::is_openai(provider)
    }

    fn read_ask<'input>(&self, body: Value<'_, 'input>) -> Result<Ask<'input>, Fault> {
        read_ask(body)
    }

    fn volatile_fields(&self) -> &'static [&'static str] {
        VOLATILE_FIELDS
    }

    fn read_request(&self, _body: Value<'_, '_>) -> Result<Request, Fault> {
        Err(super::only_openai("legacy completions"))
    }

    fn write_answer(&self, answer: &Answer, out: &mut Vec<u8>) {
        write_answer(answer, out);
    }

    fn event_writer(&self, options: StreamOptions) -> Box<dyn EventWriter> {
        Box::new(Writer { options, head: Vec::new(), usage: None })
    }

    fn status(&self, fault: &Fault) -> u16 {
        fault::status(fault)
    }

    fn write_fault(&self, fault: &Fault, _request_id: &str, out: &mut Vec<u8>) {
        fault::write_fault(fault, out);
    }

    fn write_stream_fault(&self, fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
        super::OpenAiChat.write_stream_fault(fault, request_id, out);
    }

    fn stream_end(&self) -> &'static [u8] {
        stream::END
    }

    fn keep_alive(&self) -> &'static [u8] {
        super::super::KEEP_ALIVE
    }

    fn answer_id(&self, random: u128) -> String {
        format!("cmpl-{}", super::super::id_characters(random))
    }

    fn splice_request<'r, 't>(
        &self,
        raw: &'r [u8],
        body: Value<'_, '_>,
        ask: &Ask<'_>,
        model: &'t str,
        options: TargetOptions,
    ) -> Edited<'r, 't> {
        super::OpenAiChat.splice_request(raw, body, ask, model, options)
    }

    fn event_facts(&self, _name: Option<&str>, data: &str, body: Option<Value<'_, '_>>) -> Result<EventFacts, Fault> {
        event_facts(data, body)
    }

    fn replay_template(&self, raw: &[u8]) -> Option<ReplayTemplate> {
        super::super::replay_template(raw, "id", Some("created"))
    }
}

fn read_ask<'input>(body: Value<'_, 'input>) -> Result<Ask<'input>, Fault> {
    let object = fields::body_object(body)?;
    let mut ask = Ask { choices: 1, messages: 1, ..Ask::default() };
    let mut model = None;
    let mut prompts = 1;
    for (name, value) in object.iter() {
        if value.is_null() {
            continue;
        }
        match name {
            "model" => model = Some(fields::string(value, || name.to_owned())?),
            "prompt" => prompts = weigh_prompt(value, &mut ask)?,
            "suffix" => ask.text_bytes += fields::string(value, || name.to_owned())?.len(),
            "stream" => ask.stream = fields::boolean(value, name)?,
            "stream_options" => {
                let options = fields::object(value, || name.to_owned())?;
                if let Some(include) = options.get("include_usage").filter(|include| !include.is_null()) {
                    ask.include_usage = fields::boolean(include, "stream_options.include_usage")?;
                }
            }
            "temperature" => ask.temperature = Some(fields::number(value, name)?),
            "n" => ask.choices = fields::integer(value, name)?,
            "max_tokens" => ask.max_tokens = Some(fields::integer(value, name)?),
            _ => fields::refuse_upstream_field(name)?,
        }
    }
    ask.choices = ask.choices.saturating_mul(prompts);
    if !(1..=ANSWERS_MAX).contains(&ask.choices) {
        return Err(fields::wrong_type("n", "at least 1, and prompts times n at most 262144"));
    }
    let model = model.filter(|model| !model.is_empty());
    ask.model = Cow::Borrowed(model.ok_or_else(|| Fault::bad_field("model", "`model` is required: name a model"))?);
    Ok(ask)
}

/// How many prompts: a text or a list of tokens is one, a list of either as many as it holds.
fn weigh_prompt(value: Value<'_, '_>, ask: &mut Ask<'_>) -> Result<u64, Fault> {
    if let Some(text) = value.as_str() {
        ask.text_bytes += text.len();
        return Ok(1);
    }
    let list = value.as_array().ok_or_else(|| fields::wrong_type("prompt", "a string or an array"))?;
    ask.text_bytes += super::bytes_of_input(&list);
    let is_tokens = list.iter().all(|item| item.as_u64().is_some());
    Ok(if is_tokens { 1 } else { list.len() as u64 })
}

fn envelope<'tape, 'input>(body: Value<'tape, 'input>) -> Result<JsonObject<'tape, 'input>, Fault> {
    let object = body.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
    if object.get("choices").is_some_and(|choices| choices.as_array().is_some()) {
        return Ok(object);
    }
    Err(match object.get("error").filter(|error| !error.is_null()) {
        Some(error) => answer::in_band_error(error),
        None => fields::not_understood(NOT_UNDERSTOOD),
    })
}

/// The choices of an answer or a chunk, each an object.
fn choices<'tape, 'input>(object: &JsonObject<'tape, 'input>) -> Result<Vec<(u64, JsonObject<'tape, 'input>)>, Fault> {
    let list = object.get("choices").and_then(|choices| choices.as_array());
    let mut found = Vec::new();
    for (place, choice) in (0u64..).zip(list.iter().flat_map(|list| list.iter())) {
        let choice = choice.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
        found.push((fields::integer_of(&choice, "index").unwrap_or(place), choice));
    }
    Ok(found)
}

fn read_answer(body: Value<'_, '_>) -> Result<Answer, Fault> {
    let object = envelope(body)?;
    let mut answer = Answer::default();
    let mut keeper = Keeper::new(NAME);
    for (name, value) in object.iter() {
        match (name, value.as_str()) {
            ("id", Some(id)) => id.clone_into(&mut answer.id),
            ("model", Some(model)) => model.clone_into(&mut answer.model),
            ("created", None) if value.as_u64().is_some() => answer.created_s = value.as_u64().unwrap_or_default(),
            ("object", Some(OBJECT)) | ("choices", _) => {}
            ("usage", None) if value.is_object() => answer.usage = Some(answer::read_usage(value, true)),
            _ => keeper.keep(name, value),
        }
    }
    answer.extra = keeper.extras;
    answer.choices = choices(&object)?.iter().map(|(index, choice)| read_choice(*index, choice)).collect();
    Ok(answer)
}

fn read_choice(index: u64, choice: &JsonObject<'_, '_>) -> Choice {
    let mut keeper = Keeper::new(NAME);
    let mut read = Choice { index, ..Choice::default() };
    for (name, value) in choice.iter() {
        match (name, value.as_str()) {
            ("text", Some(text)) => {
                let text = text.to_owned();
                read.parts.push(Part::Text { text, cache_marker: None, extra: Vec::new() });
            }
            ("finish_reason", Some(word)) => read.finish = answer::finish_of(word),
            ("logprobs", None) if !value.is_null() => read.logprobs = Some(RawJson(json::raw(value))),
            ("index" | "logprobs" | "finish_reason", _) => {}
            _ => keeper.keep(name, value),
        }
    }
    read.extra = keeper.extras;
    read
}

fn write_answer(answer: &Answer, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &answer.extra, NAME);
    writer.string("id", &answer.id);
    writer.string("object", OBJECT);
    writer.integer("created", answer.created_s);
    writer.string("model", &answer.model);
    if let Some(out) = writer.field("choices") {
        fields::write_list(&answer.choices, out, write_choice);
    }
    if let Some(usage) = &answer.usage
        && let Some(out) = writer.field("usage")
    {
        answer::write_usage(usage, out);
    }
    writer.close();
}

fn write_choice(choice: &Choice, out: &mut Vec<u8>) {
    let text: String = choice.parts.iter().filter_map(text_of).collect();
    let mut writer = ObjectWriter::open(out, &choice.extra, NAME);
    writer.string("text", &text);
    writer.integer("index", choice.index);
    writer.text("logprobs", choice.logprobs.as_ref().map_or("null", |logprobs| &logprobs.0));
    match &choice.finish {
        Some(finish) => writer.string("finish_reason", answer::finish_word(finish)),
        None => writer.text("finish_reason", "null"),
    }
    writer.close();
}

fn text_of(part: &Part) -> Option<&str> {
    if let Part::Text { text, .. } = part { Some(text) } else { None }
}

fn answer_facts(body: Value<'_, '_>) -> Result<AnswerFacts, Fault> {
    let object = envelope(body)?;
    let choices = choices(&object)?;
    let mut facts = AnswerFacts {
        model: fields::string_of(&object, "model").map(str::to_owned),
        usage: object.get("usage").filter(|usage| usage.is_object()).map(|usage| answer::read_usage(usage, false)),
        complete: !choices.is_empty(),
        ..AnswerFacts::default()
    };
    for (_, choice) in &choices {
        let word = fields::string_of(choice, "finish_reason");
        facts.complete &= word == Some("stop");
        facts.refused |= word == Some("content_filter");
        facts.content |= fields::string_of(choice, "text").is_some_and(|text| !text.is_empty());
    }
    Ok(facts)
}

fn event_facts(data: &str, body: Option<Value<'_, '_>>) -> Result<EventFacts, Fault> {
    let mut facts = EventFacts::default();
    let Some(body) = body else {
        facts.end = data.trim() == "[DONE]";
        return if facts.end { Ok(facts) } else { Err(fields::not_understood(NOT_UNDERSTOOD)) };
    };
    let chunk = body.as_object().ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
    facts.error = chunk.get("error").filter(|error| !error.is_null()).map(answer::in_band_error);
    facts.model = fields::string_of(&chunk, "model").filter(|model| !model.is_empty()).map(str::to_owned);
    facts.usage = chunk.get("usage").filter(|usage| usage.is_object()).map(|usage| answer::read_usage(usage, false));
    let choices = choices(&chunk)?;
    facts.usage_only = facts.usage.is_some() && choices.is_empty();
    for (_, choice) in &choices {
        facts.content |= fields::string_of(choice, "text").is_some_and(|text| !text.is_empty());
        if let Some(finish) = fields::string_of(choice, "finish_reason").and_then(answer::finish_of) {
            facts.add_finish(finish);
        }
    }
    Ok(facts)
}

/// Reads a provider's stream.
#[derive(Default)]
struct Reader {
    parser: Parser,
    started: bool,
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
        let first = !std::mem::replace(&mut self.started, true);
        let read = read_chunk(&chunk, first, into);
        self.parser.recycle(tape);
        read
    }
}

fn read_chunk(chunk: &JsonObject<'_, '_>, first: bool, into: &mut Vec<Event>) -> Result<(), Fault> {
    if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
        into.push(Event::Error(answer::in_band_error(error)));
        return Ok(());
    }
    if first {
        let known = |name: &str| matches!(name, "id" | "object" | "created" | "model" | "choices" | "usage");
        let others = chunk.iter().filter(|(name, value)| !known(name) && !value.is_null());
        into.push(Event::Start {
            id: fields::string_of(chunk, "id").unwrap_or_default().to_owned(),
            model: fields::string_of(chunk, "model").unwrap_or_default().to_owned(),
            created_s: fields::integer_of(chunk, "created").unwrap_or_default(),
            service_tier: None,
            extra: others
                .map(|(name, value)| Extra { dialect: NAME, name: name.to_owned(), value: RawJson(json::raw(value)) })
                .collect(),
        });
    }
    for (index, choice) in choices(chunk)? {
        if let Some(text) = choice.get("text").and_then(|text| text.into_string()).filter(|text| !text.is_empty()) {
            into.push(Event::Text { choice: index, text: text.to_owned() });
        }
        if let Some(logprobs) = choice.get("logprobs").filter(|logprobs| logprobs.is_object()) {
            into.push(Event::Logprobs { choice: index, json: RawJson(json::raw(logprobs)) });
        }
        if let Some(finish) = fields::string_of(&choice, "finish_reason").and_then(answer::finish_of) {
            into.push(Event::Finish { choice: index, finish });
        }
    }
    if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
        into.push(Event::Usage(answer::read_usage(usage, true)));
    }
    Ok(())
}

/// Writes a caller's stream: what was remembered whole, told in pieces.
struct Writer {
    options: StreamOptions,
    /// Everything of a chunk up to its choices.
    head: Vec<u8>,
    usage: Option<crate::chat::Usage>,
}

impl Writer {
    fn start(&mut self, id: &str, model: &str, created_s: u64) {
        let created_s = if created_s == 0 { self.options.created_s } else { created_s };
        self.head.clear();
        self.head.extend_from_slice(b"data: {\"id\":");
        json::write_string(id, &mut self.head);
        self.head.extend_from_slice(b",\"object\":\"text_completion\",\"created\":");
        fields::write_integer(created_s, &mut self.head);
        self.head.extend_from_slice(b",\"model\":");
        json::write_string(model, &mut self.head);
        self.head.extend_from_slice(b",\"choices\":[");
    }

    fn chunk(&self, choice: u64, (text, logprobs, finish): (&str, &str, Option<&str>), out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b"{\"text\":");
        json::write_string(text, out);
        out.extend_from_slice(b",\"index\":");
        fields::write_integer(choice, out);
        out.extend_from_slice(b",\"logprobs\":");
        out.extend_from_slice(logprobs.as_bytes());
        out.extend_from_slice(b",\"finish_reason\":");
        match finish {
            Some(word) => json::write_string(word, out),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b"}]}\n\n");
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if let Some(usage) = self.usage.take().filter(|_| self.options.include_usage) {
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"],\"usage\":");
            answer::write_usage(&usage, out);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(stream::END);
    }
}

impl EventWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, created_s, .. } => self.start(id, model, *created_s),
            Event::Text { choice, text } => self.chunk(*choice, (text, "null", None), out),
            Event::Logprobs { choice, json } => self.chunk(*choice, ("", &json.0, None), out),
            Event::Finish { choice, finish } => {
                self.chunk(*choice, ("", "null", Some(answer::finish_word(finish))), out);
            }
            Event::Usage(usage) => self.usage = Some(usage.clone()),
            Event::End => self.end(out),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Assembler;
    use crate::chat::Finish;
    use crate::chat::answer_events;
    use crate::wire::sse::Splitter;

    fn parsed<T>(text: &str, read: impl FnOnce(Value<'_, '_>) -> T) -> T {
        let mut copy = text.as_bytes().to_vec();
        read(Parser::new().parse(&mut copy).expect("valid JSON").as_value())
    }

    fn asked(fields: &str) -> Result<Ask<'static>, Fault> {
        parsed(&format!(r#"{{"model":"m"{fields}}}"#), |body| read_ask(body).map(|ask| ask.detached()))
    }

    #[test]
    fn answers_are_counted_over_prompts() {
        for (fields, choices, bytes) in [
            (r#","prompt":"abc""#, 1, 3),
            (r#","prompt":"abc","suffix":"de","n":2"#, 2, 5),
            (r#","prompt":["a","bc"],"n":3"#, 6, 3),
            (r#","prompt":[1,2,3]"#, 1, 12),
            (r#","prompt":[[1],[2,3]]"#, 2, 12),
            ("", 1, 0),
        ] {
            let ask = asked(fields).expect(fields);
            assert_eq!((ask.choices, ask.text_bytes), (choices, bytes), "{fields}");
        }
        for (fields, param) in [
            (r#","prompt":{}"#, "prompt"),
            (r#","n":0"#, "n"),
            (r#","stream":1"#, "stream"),
            (r#","api_base":"x""#, "api_base"),
        ] {
            assert_eq!(asked(fields).expect_err(fields).param.as_deref(), Some(param), "{fields}");
        }
        assert_eq!(parsed("{}", |body| read_ask(body).expect_err("no model").param), Some("model".to_owned()));
    }

    const WHOLE: &str = r#"{"id":"cmpl-1","object":"text_completion","created":5,"model":"m","choices":[{"text":"a b","index":0,"logprobs":{"tokens":["a"," b"],"text_offset":[0,1]},"finish_reason":"stop"},{"text":"c","index":1,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7},"system_fingerprint":"fp"}"#;

    #[test]
    fn an_answer_is_written_as_it_was_read_and_survives_being_streamed() {
        let answer = parsed(WHOLE, read_answer).expect("an answer");
        let mut out = Vec::new();
        write_answer(&answer, &mut out);
        let (was, now): (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(WHOLE).expect("JSON"), serde_json::from_slice(&out).expect("JSON"));
        assert_eq!(was, now);

        let options = StreamOptions { include_usage: true, created_s: 9 };
        let (mut writer, mut text) = (OpenAiCompletions.event_writer(options), Vec::new());
        answer_events(&answer).iter().for_each(|event| writer.write(event, &mut text));
        assert!(text.ends_with(b"data: [DONE]\n\n"));
        let (mut reader, mut assembler, mut events) = (Reader::default(), Assembler::default(), Vec::new());
        Splitter::new(1 << 20)
            .feed(&text, |event| reader.read(event.name, event.data, &mut events))
            .expect("events of ours");
        events.drain(..).for_each(|event| assembler.push(event));
        let again = assembler.finish().expect("a complete stream");
        assert_eq!(again.choices, answer.choices);
        assert_eq!(again.usage.map(|usage| usage.output_tokens), Some(4));
    }

    #[test]
    fn facts_tell_the_end_from_a_cut() {
        let facts = parsed(WHOLE, answer_facts).expect("facts");
        assert!(facts.complete && facts.content && facts.usage.is_some_and(|usage| usage.input_tokens == 3));
        let cut = WHOLE.replacen("\"stop\"", "\"length\"", 1);
        assert!(!parsed(&cut, answer_facts).expect("facts").complete);
        assert!(parsed(r#"{"error":{"message":"busy","code":503}}"#, answer_facts).is_err());
        let of = |text: &str| parsed(text, |body| event_facts(text, Some(body))).expect("an event");
        assert!(of(r#"{"choices":[{"text":"x","index":0,"finish_reason":null}]}"#).content);
        assert!(of(r#"{"choices":[{"text":"","index":0,"finish_reason":"stop"}]}"#).finish.is_some());
        let two =
            of(r#"{"choices":[{"text":"","index":0,"finish_reason":"length"},{"text":"","finish_reason":"stop"}]}"#);
        assert_eq!((two.finish, two.further_finishes), (Some(Finish::Length), 1));
        assert!(of(r#"{"choices":[],"usage":{"prompt_tokens":1}}"#).usage_only);
        assert!(of(r#"{"error":{"message":"x"}}"#).error.is_some());
        assert!(event_facts("[DONE]", None).expect("the end").end);
        assert!(event_facts("<html>", None).is_err());
    }
}
