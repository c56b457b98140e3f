//! Every recorded exchange through the wire formats: what is read and written again in the same format
//! means the same, what is translated keeps its meaning, and no split of a stream changes an event.

#[path = "golden/citations.rs"]
mod citations;
#[path = "golden/gemini.rs"]
mod gemini;
#[path = "golden/response_grammar.rs"]
mod response_grammar;
#[path = "golden/snapshot.rs"]
mod snapshot;

use ringgate::chat::Answer;
use ringgate::chat::Assembler;
use ringgate::chat::Citation;
use ringgate::chat::Event;
use ringgate::chat::Finish;
use ringgate::chat::MediaSource;
use ringgate::chat::Part;
use ringgate::chat::Request;
use ringgate::chat::Role;
use ringgate::chat::Usage;
use ringgate::chat::answer_events;
use ringgate::dialects;
use ringgate::dialects::Dialect;
use ringgate::dialects::StreamOptions;
use ringgate::dialects::TargetOptions;
use ringgate::dialects::openai_chat;
use ringgate::fault::Fault;
use ringgate::fault::Kind;
use ringgate::providers;
use ringgate::wire::json;
use ringgate::wire::json::Parser;
use ringgate::wire::sse::Splitter;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::convert::Infallible;

#[path = "golden/provider_only.rs"]
mod provider_only;

struct Recording {
    id: String,
    dialect: &'static dyn Dialect,
    /// The model that the request or its path names.
    model: String,
    request: Option<Value>,
    status: u16,
    stream: bool,
    body: String,
}

fn recordings() -> Vec<Recording> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder of recordings") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let text = std::fs::read_to_string(&path).expect("a readable file");
            all.extend(text.lines().map(recording));
        }
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    assert!(all.len() >= 380, "recordings are missing: {}", all.len());
    all
}

fn recording(line: &str) -> Recording {
    let mut line: Value = serde_json::from_str(line).expect("a recording");
    let text = |line: &Value, name: &str| line[name].as_str().expect("a text").to_owned();
    let path = text(&line, "path");
    let path = path.split('?').next().expect("a path").to_owned();
    let in_path = path.split_once("/models/").and_then(|(_, rest)| Some(rest.rsplit_once(":")?.0.to_owned()));
    let name = match path.rsplit('/').next() {
        _ if in_path.is_some() => "gemini",
        Some("messages") => "anthropic_messages",
        Some("responses") => "openai_responses",
        _ => "openai_chat",
    };
    let model = in_path.unwrap_or_else(|| line["request"]["model"].as_str().unwrap_or_default().to_owned());
    Recording {
        id: format!("{} {}", text(&line, "provider"), text(&line, "id")),
        dialect: dialects::named(name).expect("a known dialect"),
        model,
        request: Some(line["request"].take()).filter(|request| !request.is_null()),
        status: u16::try_from(line["status"].as_u64().expect("a status")).expect("a status"),
        stream: text(&line, "content_type").contains("event-stream"),
        body: text(&line, "body"),
    }
}

fn whole_answers() -> Vec<Recording> {
    recordings().into_iter().filter(|recording| recording.status == 200 && !recording.stream).collect()
}

fn streams() -> Vec<Recording> {
    recordings().into_iter().filter(|recording| recording.stream).collect()
}

fn others(dialect: &dyn Dialect) -> impl Iterator<Item = &'static dyn Dialect> {
    let own = dialect.name();
    dialects::ALL.iter().copied().filter(move |candidate| candidate.name() != own)
}

fn parsed<Read>(text: &str, read: impl FnOnce(json::Value<'_, '_>) -> Read) -> Read {
    let mut copy = text.as_bytes().to_vec();
    let mut parser = Parser::new();
    let tape = parser.parse(&mut copy).unwrap_or_else(|fault| panic!("{fault:?}: {text}"));
    read(tape.as_value())
}

fn read_request(dialect: &dyn Dialect, text: &str) -> Request {
    parsed(text, |body| dialect.read_request(body)).unwrap_or_else(|fault| panic!("{fault:?}: {text}"))
}

fn read_answer(dialect: &dyn Dialect, text: &str) -> Answer {
    parsed(text, |body| dialect.read_answer(body)).unwrap_or_else(|fault| panic!("{fault:?}: {text}"))
}

fn write_answer(dialect: &dyn Dialect, answer: &Answer) -> String {
    let mut out = Vec::new();
    dialect.write_answer(answer, &mut out);
    String::from_utf8(out).expect("UTF-8")
}

fn write_request(dialect: &dyn Dialect, request: &Request, model: &str) -> Result<(Value, Vec<String>), Fault> {
    let mut out = Vec::new();
    let dropped = dialect.write_request(request, model, TargetOptions::default(), &mut out)?;
    let dropped = dropped.into_iter().map(|dropped| dropped.field).collect();
    Ok((
        serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out))),
        dropped,
    ))
}

/// 1 and 1.0 are the same number.
fn even(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        Value::Array(list) => list.iter().map(even).collect(),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(name, value)| (name.clone(), even(value))).collect())
        }
        other => other.clone(),
    }
}

fn assert_same(id: &str, written: &Value, read: &Value) {
    let (written, read) = (even(written), even(read));
    if written == read {
        return;
    }
    let mut at = String::new();
    difference(&written, &read, &mut at);
    panic!("{id}: differs at {at}");
}

fn difference(written: &Value, read: &Value, at: &mut String) {
    match (written, read) {
        (Value::Object(a), Value::Object(b)) => {
            for name in a.keys().chain(b.keys()) {
                if a.get(name) != b.get(name) {
                    at.push('/');
                    at.push_str(name);
                    return difference(a.get(name).unwrap_or(&Value::Null), b.get(name).unwrap_or(&Value::Null), at);
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            if let Some(place) = (0..a.len()).find(|place| a[*place] != b[*place]) {
                at.push_str(&format!("/{place}"));
                return difference(&a[place], &b[place], at);
            }
        }
        _ => {}
    }
    at.push_str(&format!("\n wrote {written}\n read  {read}"));
}

#[test]
fn requests_survive_their_own_dialect() {
    let mut count = 0;
    for recording in recordings() {
        let Some(request) = &recording.request else {
            continue;
        };
        let read = read_request(recording.dialect, &request.to_string());
        let (written, dropped) = write_request(recording.dialect, &read, &recording.model).expect("its own dialect");
        match recording.dialect.name() {
            "gemini" => assert_same(&recording.id, &respelled(&written), &respelled(request)),
            _ => assert_same(&recording.id, &written, request),
        }
        assert!(dropped.is_empty(), "{}: {dropped:?}", recording.id);
        count += 1;
    }
    println!("{count} requests read and written");
    assert!(count >= 370, "{count}");
}

/// A request of Gemini's with every name of the API in one spelling; names of an application's own (schemas,
/// arguments, results) stay.
fn respelled(value: &Value) -> Value {
    const OWN: &[&str] = &["args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema"];
    let spelled = |name: &str| -> String {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
    };
    match value {
        Value::Array(list) => list.iter().map(respelled).collect(),
        Value::Object(object) => {
            let members = object.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| {
                let name = spelled(name);
                let value = match value {
                    _ if OWN.contains(&name.as_str()) => value.clone(),
                    // Bytes, in either alphabet.
                    Value::String(text) if name == "data" => text.replace('-', "+").replace('_', "/").into(),
                    value => respelled(value),
                };
                (name, value)
            });
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

#[test]
fn a_request_passes_through_with_nothing_but_its_model_changed() {
    let mut count = 0;
    for recording in recordings() {
        let Some(request) = &recording.request else {
            continue;
        };
        for raw in [request.to_string(), serde_json::to_string_pretty(request).expect("JSON")] {
            if recording.dialect.name() == "gemini" {
                // The path names the model.
                let mut out = Vec::new();
                parsed(&raw, |body| {
                    let ask = recording.dialect.read_ask(body).expect("a real request");
                    assert_eq!(ask.messages, request["contents"].as_array().expect("contents").len());
                    let options = TargetOptions::default();
                    recording.dialect.splice_request(raw.as_bytes(), body, &ask, "other", options).write(&mut out);
                });
                assert_eq!(String::from_utf8(out).expect("UTF-8"), raw, "{}", recording.id);
                continue;
            }
            let model = request["model"].to_string();
            let (mut out, options) = (Vec::new(), TargetOptions { inject_usage: true, ..TargetOptions::default() });
            let streamed = parsed(&raw, |body| {
                let ask = recording.dialect.read_ask(body).expect("a real request");
                let spliced = recording.dialect.splice_request(raw.as_bytes(), body, &ask, "other/\"model\"", options);
                spliced.write(&mut out);
                assert_eq!(ask.model, request["model"].as_str().expect("a model"));
                let said = request.get("messages").unwrap_or(&request["input"]);
                assert_eq!(ask.messages, said.as_array().map_or(1, Vec::len), "{}", recording.id);
                ask.stream && !ask.include_usage
            });
            let spliced = String::from_utf8(out).expect("UTF-8");
            if streamed {
                let value: Value = serde_json::from_str(&spliced).expect("JSON");
                assert_eq!(value["stream_options"]["include_usage"], true);
            } else {
                // The model is the last string of its spelling in no recording but the only value of its key.
                let wanted = raw.replace(&format!("\"model\":{model}"), "\"model\":\"other/\\\"model\\\"\"");
                let wanted =
                    wanted.replace(&format!("\n  \"model\": {model}"), "\n  \"model\": \"other/\\\"model\\\"\"");
                assert_eq!(spliced, wanted, "{}", recording.id);
            }
            count += 1;
        }
    }
    println!("{count} requests passed through");
}

/// What a provider took once is not changed for it, whatever else is.
#[test]
fn a_request_that_its_provider_took_stays_as_it_is() {
    let mut count = 0;
    for recording in recordings().iter().filter(|recording| recording.status == 200) {
        let provider = recording.id.split(' ').next().unwrap_or_default();
        let (Some(request), Some(kind)) = (&recording.request, providers::named(provider)) else { continue };
        if recording.dialect.name() != "openai_chat" {
            continue;
        }
        let text = request.to_string();
        let (edits, dropped) = openai_chat::adapt(text.as_bytes(), &kind.quirks);
        assert!(edits.is_empty() && dropped.is_empty(), "{}: {edits:?} {dropped:?}", recording.id);
        count += usize::from(kind.quirks.change_requests());
    }
    println!("{count} requests to providers with quirks");
    assert!(count >= 60, "{count}");
}

#[test]
fn answers_survive_their_own_dialect() {
    let answers = whole_answers();
    for recording in &answers {
        let read = read_answer(recording.dialect, &recording.body);
        let written: Value = serde_json::from_str(&write_answer(recording.dialect, &read)).expect("JSON");
        assert_same(&recording.id, &written, &serde_json::from_str(&recording.body).expect("JSON"));
    }
    println!("{} answers read and written", answers.len());
    assert!(answers.len() >= 320, "{}", answers.len());
}

#[test]
fn facts_are_those_of_the_answer() {
    for recording in whole_answers() {
        let answer = read_answer(recording.dialect, &recording.body);
        let facts = parsed(&recording.body, |body| recording.dialect.answer_facts(body)).expect("an answer");
        let has = |wanted: fn(&Part) -> bool| answer.choices.iter().any(|choice| choice.parts.iter().any(wanted));
        let whole = |finish: &Option<Finish>| {
            matches!(finish, Some(Finish::Stop | Finish::StopSequence(_) | Finish::ToolCalls))
        };
        assert_eq!(facts.model.as_deref(), Some(answer.model.as_str()), "{}", recording.id);
        assert_eq!(facts.usage.as_ref().map(numbers), answer.usage.as_ref().map(numbers), "{}", recording.id);
        assert_eq!(facts.complete, answer.choices.iter().all(|choice| whole(&choice.finish)), "{}", recording.id);
        assert_eq!(facts.tool_calls, has(|part| matches!(part, Part::ToolCall { .. })), "{}", recording.id);
        let filtered = answer.choices.iter().any(|choice| choice.finish == Some(Finish::ContentFilter));
        assert_eq!(facts.refused, filtered || has(|part| matches!(part, Part::Refusal(_))), "{}", recording.id);
        let said = answer.choices.iter().any(|choice| !choice.parts.is_empty())
            || recording.body.contains("\"audio\":") && recording.dialect.name() == "openai_chat";
        assert_eq!(facts.content, said, "{}", recording.id);
    }
}

#[test]
fn a_replayed_answer_differs_in_id_and_time_only() {
    let mut count = 0;
    for recording in whole_answers() {
        let value: Value = serde_json::from_str(&recording.body).expect("JSON");
        let template = recording.dialect.replay_template(recording.body.as_bytes());
        if value["store"] == true && recording.dialect.name() == "openai_responses" {
            // Its id leads to what the provider stored, so it is the one field that stays.
            let answer = read_answer(recording.dialect, &recording.body);
            let renewed = Answer { id: "resp_new".into(), created_s: 9, ..answer };
            let replayed: Value = serde_json::from_str(&write_answer(recording.dialect, &renewed)).expect("JSON");
            assert!(template.is_none(), "{}", recording.id);
            assert_eq!((&replayed["id"], &replayed["created_at"]), (&value["id"], &Value::from(9)));
            continue;
        }
        count += 1;
        let template = template.expect("a template");
        let at = |range: &std::ops::Range<usize>| std::str::from_utf8(&template.raw[range.clone()]).expect("UTF-8");
        let id = if recording.dialect.name() == "gemini" { "responseId" } else { "id" };
        assert_eq!(Some(at(&template.id_at)), value[id].as_str(), "{}", recording.id);
        assert_eq!(
            template.created_at.as_ref().map(|range| at(range).to_owned()),
            value.get("created").or(value.get("created_at")).map(Value::to_string)
        );
    }
    assert!(count >= 210, "{count}");
}

#[test]
fn errors_keep_the_words_of_their_provider() {
    let mut count = 0;
    for recording in recordings().into_iter().filter(|recording| recording.status != 200) {
        let fault = recording.dialect.read_fault(recording.status, recording.body.as_bytes());
        let value: Value = serde_json::from_str(&recording.body).expect("JSON");
        assert_eq!(fault.kind, Kind::Provider(recording.status));
        assert_eq!(Some(fault.message.as_ref()), value["error"]["message"].as_str(), "{}", recording.id);
        let word = if recording.dialect.name() == "gemini" { "status" } else { "type" };
        assert_eq!(fault.provider_type.as_deref(), value["error"][word].as_str(), "{}", recording.id);
        for caller in dialects::ALL {
            let mut out = Vec::new();
            caller.write_fault(&fault, "req", &mut out);
            let written: Value = serde_json::from_slice(&out).expect("JSON");
            assert_eq!(written["error"]["message"], value["error"]["message"]);
            assert_eq!(caller.status(&fault), recording.status);
        }
        count += 1;
    }
    assert!(count >= 5, "{count}");
}

/// Events of the wire, in the order in which a splitter that is fed `pieces` reports them.
fn cut<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<(Option<String>, String)> {
    let mut splitter = Splitter::new(16 << 20);
    let mut found = Vec::new();
    for piece in pieces {
        let fed = splitter.feed(piece, |event| {
            found.push((event.name.map(str::to_owned), event.data.to_owned()));
            Ok::<(), Infallible>(())
        });
        fed.expect("a recorded stream");
    }
    found
}

fn events_of(dialect: &dyn Dialect, text: &str) -> Vec<Event> {
    let mut reader = dialect.event_reader();
    let mut events = Vec::new();
    for (name, data) in cut([text.as_bytes()]) {
        reader.read(name.as_deref(), &data, &mut events).expect("a recorded event");
    }
    if dialect.ends_with_body() {
        events.push(Event::End);
    }
    events
}

fn assembled(events: &[Event]) -> Option<Answer> {
    let mut assembler = Assembler::default();
    events.iter().cloned().for_each(|event| assembler.push(event));
    assembler.finish()
}

fn written_stream(dialect: &dyn Dialect, events: &[Event]) -> String {
    let mut writer = dialect.event_writer(StreamOptions { include_usage: true, created_s: 0 });
    let mut out = Vec::new();
    events.iter().for_each(|event| writer.write(event, &mut out));
    String::from_utf8(out).expect("UTF-8")
}

/// A splitter forgets everything at the end of an event, so that every split of a stream is a split of
/// one of its events; whole streams are split at a prime distance besides, and the inside of a very long
/// event at another.
#[test]
fn no_split_of_a_stream_changes_its_events() {
    let (mut splits, mut count) = (0u64, 0);
    for recording in streams() {
        count += 1;
        let bytes = recording.body.as_bytes();
        let wanted = cut([bytes]);
        for at in (0..bytes.len()).step_by(997) {
            assert_eq!(cut([&bytes[..at], &bytes[at..]]), wanted, "{} at {at}", recording.id);
        }
        let ends: Vec<usize> = std::iter::once(0)
            .chain(recording.body.match_indices("\n\n").map(|(at, _)| at + 2))
            .chain(std::iter::once(bytes.len()))
            .collect();
        for window in ends.windows(2) {
            let event = &bytes[window[0]..window[1]];
            let wanted = cut([event]);
            let inside = |at: &usize| *at > 512 && *at + 512 < event.len() && !at.is_multiple_of(61);
            for at in (0..=event.len()).filter(|at| !inside(at)) {
                assert_eq!(cut([&event[..at], &event[at..]]), wanted, "{} at {at}", recording.id);
                splits += 1;
            }
        }
    }
    println!("{count} streams, {splits} splits");
    assert!(count >= 20, "{count}");
}

#[test]
fn streams_end_as_they_say() {
    let (mut complete, mut failed) = (0, 0);
    for recording in streams() {
        let events = events_of(recording.dialect, &recording.body);
        let has = |wanted: fn(&Event) -> bool| events.iter().any(wanted);
        let error = has(|event| matches!(event, Event::Error(_)));
        // One provider never says why it stopped.
        let finished = has(|event| matches!(event, Event::Finish { .. }));
        let answer = assembled(&events);
        assert_eq!(answer.is_none(), error || !finished, "{}", recording.id);
        if let Some(answer) = answer {
            complete += 1;
            assert!(answer.choices.iter().all(|choice| !choice.parts.is_empty()), "{}", recording.id);
            assert!(!answer.model.is_empty() && !answer.id.is_empty());
            // Without its terminator the same stream is no answer.
            assert!(assembled(&events[..events.len() - 1]).is_none(), "{}", recording.id);
        } else {
            failed += 1;
        }
    }
    println!("{complete} streams complete, {failed} failed");
}

#[test]
fn streams_survive_their_own_dialect() {
    for recording in streams() {
        let events = events_of(recording.dialect, &recording.body);
        let written = written_stream(recording.dialect, &events);
        let again = events_of(recording.dialect, &written);
        if events.iter().any(|event| matches!(event, Event::Error(_))) {
            // What follows an error is not written.
            assert!(assembled(&again).is_none(), "{}", recording.id);
            continue;
        }
        // Tokens told again and again are written where the dialect puts them. Gemini tells with every chunk
        // what is written once, in the last one.
        if recording.dialect.name() != "gemini" {
            assert_eq!(without_usage(&again), without_usage(&events), "{}", recording.id);
        }
        assert_eq!(assembled(&again), assembled(&events), "{}", recording.id);
    }
}

/// Reasoning that belongs to an item is told once the item is known, so its pieces are taken together.
fn without_usage(events: &[Event]) -> Vec<Event> {
    let mut kept: Vec<Event> = Vec::new();
    for event in events.iter().filter(|event| !matches!(event, Event::Usage(_))) {
        match (kept.last_mut(), event) {
            (Some(Event::Thinking { text, .. }), Event::Thinking { text: more, .. }) => text.push_str(more),
            _ => kept.push(event.clone()),
        }
    }
    kept
}

#[test]
fn a_whole_answer_streams_as_the_same_answer() {
    for recording in whole_answers() {
        let answer = read_answer(recording.dialect, &recording.body);
        let events = answer_events(&answer);
        if answer.choices.iter().any(|choice| choice.finish.is_none()) {
            assert!(assembled(&events).is_none(), "{}", recording.id);
            continue;
        }
        assert_eq!(assembled(&events).as_ref(), Some(&answer), "{}", recording.id);
        for caller in dialects::ALL {
            let streamed = assembled(&events_of(*caller, &written_stream(*caller, &events))).expect("complete");
            let whole = read_answer(*caller, &write_answer(*caller, &answer));
            let told = Digest::of(&answer).told_by(*caller);
            assert_eq!(Digest::of(&streamed).told_by(*caller), told, "{} to {}", recording.id, caller.name());
            assert_eq!(Digest::of(&whole).told_by(*caller), told, "{} to {}", recording.id, caller.name());
        }
    }
}

/// What every dialect can say about an answer.
#[derive(Clone, Debug, PartialEq)]
struct Digest {
    model: String,
    text: String,
    thinking: String,
    calls: Vec<(String, String, Value)>,
    finish: Vec<&'static str>,
    usage: Option<(u64, u64, u64, u64)>,
    sources: BTreeSet<Source>,
}

/// A source's address and title, and the words that it stands behind.
type Source = (String, String, String);

impl Digest {
    /// Of the first answer, because not every dialect has several.
    fn of(answer: &Answer) -> Digest {
        let (mut text, mut thinking, mut calls) = (String::new(), String::new(), Vec::new());
        for part in &answer.choices[0].parts {
            match part {
                Part::Text { text: more, .. } | Part::Refusal(more) => text.push_str(more),
                Part::Thinking { text: more, .. } => thinking.push_str(more),
                Part::ToolCall { id, name, arguments, .. } => {
                    // Free text has no object; dialects with objects show it inside one.
                    let input = serde_json::from_str::<Value>(arguments).unwrap_or_default();
                    let input = if input.get("invalid_arguments").is_some() { Value::Null } else { input };
                    // One provider sends no ids; dialects that need one call it so.
                    let id = if id.is_empty() { "call" } else { id };
                    calls.push((id.to_owned(), name.clone(), input));
                }
                _ => {}
            }
        }
        let calls_tools = !calls.is_empty();
        let finish = answer.choices.iter().take(1).map(|choice| match &choice.finish {
            Some(Finish::Stop) if calls_tools => "tools",
            Some(Finish::Stop | Finish::StopSequence(_)) => "stop",
            Some(Finish::ToolCalls) => "tools",
            Some(Finish::Length | Finish::Pause) => "length",
            Some(Finish::ContentFilter | Finish::Refusal) => "filter",
            Some(Finish::Other(_)) => "other",
            None => "none",
        });
        let (model, finish) = (answer.model.clone(), finish.collect());
        let usage = answer.usage.as_ref().map(numbers);
        let characters: Vec<char> = text.chars().collect();
        let sources = answer.choices[0].citations.iter().filter_map(|citation| source(citation, &characters)).collect();
        Digest { model, text, thinking, calls, finish, usage, sources }
    }
}

impl Digest {
    /// As far as `dialect` has words for it: Gemini has none for tokens written to a cache, and makes ids for
    /// calls that have none; the others have none for every reason to stop. Claude names sources for a whole text
    /// only, and Gemini's stand behind all words where nobody says behind which.
    fn told_by(mut self, dialect: &dyn Dialect) -> Digest {
        if dialect.name() == "anthropic_messages" {
            self.sources = self.sources.into_iter().map(|(url, title, _)| (url, title, String::new())).collect();
        }
        if dialect.name() == "gemini" {
            let text = &self.text;
            let somewhere = |words: String| if words.is_empty() { text.clone() } else { words };
            self.sources = self.sources.into_iter().map(|(url, title, words)| (url, title, somewhere(words))).collect();
            self.usage = self.usage.map(|(input, output, read, _)| (input, output, read, 0));
            for (place, (id, _, _)) in self.calls.iter_mut().enumerate() {
                let made = id.starts_with("call_") && id.ends_with(&format!("_{place}"));
                if id == "call" || made {
                    id.clear();
                }
            }
        } else {
            // A reason that is none of theirs is an answer cut short.
            self.finish.iter_mut().filter(|word| **word == "other").for_each(|word| *word = "length");
        }
        self
    }
}

fn source(citation: &Citation, text: &[char]) -> Option<Source> {
    let words = match citation.span.clone() {
        Some(span) => text.get(span).unwrap_or_else(|| panic!("no such place: {citation:?}")).iter().collect(),
        None => String::new(),
    };
    Some((citation.url()?.to_owned(), citation.title.clone().unwrap_or_default(), words))
}

fn numbers(usage: &Usage) -> (u64, u64, u64, u64) {
    let cached = |tokens: Option<u64>| tokens.unwrap_or_default();
    (usage.input_tokens, usage.output_tokens, cached(usage.cache_read_tokens), cached(usage.cache_write_tokens))
}

/// Snowflake tells it among details alone.
#[test]
fn reasoning_of_snowflake_is_not_lost() {
    let of_snowflake = || recordings().into_iter().filter(|recording| recording.id.starts_with("snowflake "));
    let sealed = |answer: &Answer| {
        let parts = answer.choices.iter().flat_map(|choice| &choice.parts);
        parts.filter(|part| matches!(part, Part::Thinking { signature: Some(_), .. })).count()
    };
    let answers =
        of_snowflake().filter(|recording| recording.status == 200).filter_map(|recording| match recording.stream {
            true => assembled(&events_of(recording.dialect, &recording.body)),
            false => Some(read_answer(recording.dialect, &recording.body)),
        });
    let answers: Vec<Answer> = answers.collect();
    assert!(answers.iter().any(|answer| !Digest::of(answer).thinking.is_empty()), "{}", answers.len());
    assert!(answers.iter().any(|answer| sealed(answer) > 0));
}

#[test]
fn a_translated_stream_keeps_its_meaning() {
    for recording in streams() {
        let events = events_of(recording.dialect, &recording.body);
        let Some(answer) = assembled(&events) else {
            continue;
        };
        for caller in others(recording.dialect) {
            let written = written_stream(caller, &events);
            let again = assembled(&events_of(caller, &written)).expect("complete");
            let (again, told) = (Digest::of(&again).told_by(caller), Digest::of(&answer).told_by(caller));
            assert_eq!(again, told, "{} to {}", recording.id, caller.name());
        }
    }
}

#[test]
fn event_facts_add_up_to_the_answer() {
    for recording in streams() {
        let mut usage = Usage::default();
        let (mut model, mut finish, mut error, mut end, mut call) = (None, None, false, false, false);
        for (name, data) in cut([recording.body.as_bytes()]) {
            let mut copy = data.as_bytes().to_vec();
            let mut parser = Parser::new();
            let tape = parser.parse(&mut copy).ok();
            let body = tape.as_ref().map(|tape| tape.as_value());
            let facts = recording.dialect.event_facts(name.as_deref(), &data, body).expect("a recorded event");
            facts.usage.iter().for_each(|later| usage.update(later));
            model = model.or(facts.model);
            finish = facts.finish.or(finish);
            error |= facts.error.is_some();
            end |= facts.end;
            call |= facts.tool_call;
        }
        let events = events_of(recording.dialect, &recording.body);
        assert_eq!(error, events.iter().any(|event| matches!(event, Event::Error(_))), "{}", recording.id);
        if let Some(answer) = assembled(&events) {
            assert_eq!(end, !recording.dialect.ends_with_body(), "{}", recording.id);
            assert_eq!(model.as_ref(), Some(&answer.model), "{}", recording.id);
            assert_eq!(finish, answer.choices[0].finish, "{}", recording.id);
            assert_eq!(
                Some(numbers(&usage)),
                answer.usage.as_ref().map(numbers).or(Some((0, 0, 0, 0))),
                "{}",
                recording.id
            );
            let calls = |part: &Part| matches!(part, Part::ToolCall { .. });
            assert_eq!(call, answer.choices[0].parts.iter().any(calls), "{}", recording.id);
        }
    }
}

#[test]
fn requests_translate_to_the_other_dialect_or_are_refused_by_field() {
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for recording in recordings() {
        let Some(request) = &recording.request else {
            continue;
        };
        for target in others(recording.dialect) {
            let outcome = translated_request(&recording, request, target);
            *outcomes.entry(outcome).or_default() += 1;
        }
    }
    outcomes.iter().for_each(|(outcome, count)| println!("{count:4} {outcome}"));
    let translated = |way: &str| -> usize {
        let wanted = format!("{way}: translated");
        outcomes.iter().filter(|(outcome, _)| outcome.starts_with(&wanted)).map(|(_, count)| count).sum()
    };
    for (way, least) in [
        ("openai_chat to anthropic_messages", 110),
        ("openai_chat to openai_responses", 100),
        ("openai_chat to gemini", 110),
        ("anthropic_messages to openai_chat", 50),
        ("anthropic_messages to openai_responses", 40),
        ("anthropic_messages to gemini", 50),
        ("openai_responses to openai_chat", 60),
        ("openai_responses to anthropic_messages", 60),
        ("openai_responses to gemini", 60),
        ("gemini to openai_chat", 140),
        ("gemini to openai_responses", 120),
        ("gemini to anthropic_messages", 130),
    ] {
        assert!(translated(way) >= least, "{way}: {}", translated(way));
    }
}

/// What becomes of a request on its way to `target`, with everything checked that a provider would.
fn translated_request(recording: &Recording, request: &Value, target: &dyn Dialect) -> String {
    let read = read_request(recording.dialect, &request.to_string());
    let portable = parsed(&request.to_string(), |body| recording.dialect.check_portable(body));
    let model = if target.name() == "gemini" { "gemini-3-pro-preview" } else { "claude-sonnet-4-5" };
    let way = format!("{} to {}", recording.dialect.name(), target.name());
    match portable.and_then(|()| write_request(target, &read, model)) {
        Ok((written, dropped)) => {
            check_request(target.name(), &written, &recording.id);
            let again = read_request(target, &written.to_string());
            assert_eq!(conversation(&again), conversation(&read), "{}: {way}", recording.id);
            format!("{way}: translated, without {dropped:?}")
        }
        Err(fault) => {
            assert_eq!(fault.kind, Kind::BadRequest, "{}: {fault:?}", recording.id);
            let param = fault.param.expect("a refusal names its field");
            format!("{way}: refused for {}", param.replace(|one: char| one.is_ascii_digit(), ""))
        }
    }
}

/// Texts and tool calls of a conversation by who says them, neighbours of one role taken together.
fn conversation(request: &Request) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    let mut system = String::new();
    let (mut speaker, mut turn) = (None, 0);
    for message in &request.messages {
        let model = message.role == Role::Assistant;
        if speaker.replace(model) != Some(model) {
            turn = said.len();
        }
        // Pictures of results go with what is said next where a result cannot hold them.
        let mut pictures = Vec::new();
        for part in &message.parts {
            match part {
                Part::Text { text, .. } if format!("{:?}", message.role).starts_with(['S', 'D']) => {
                    system.push_str(text);
                }
                // An empty text says nothing, and not every dialect has one.
                Part::Text { text, .. } if text.is_empty() => {}
                Part::Text { text, .. }
                | Part::Refusal(text)
                | Part::File { source: MediaSource::Text { text, .. }, .. } => add_text(text, &mut said, turn),
                Part::File { source: MediaSource::Base64 { media_type, data }, .. }
                    if media_type.starts_with("text/") =>
                {
                    add_text(&decoded_text(data), &mut said, turn);
                }
                Part::Image { source, .. } => said.push(format!("image {source:?}")),
                Part::ToolCall { id, name, arguments, .. } => {
                    let input: Value = serde_json::from_str(arguments).unwrap_or_else(|_| serde_json::json!({}));
                    said.push(format!("call {id} {name} {input}"));
                }
                Part::ToolResult { call_id, parts, .. } => {
                    let text = parts.iter().map(|part| match part {
                        Part::Text { text, .. } | Part::File { source: MediaSource::Text { text, .. }, .. } => text,
                        _ => "",
                    });
                    said.push(format!("result {call_id} {}", even_json(&text.collect::<String>())));
                    pictures.extend(parts.iter().filter_map(|part| match part {
                        Part::Image { source, .. } => Some(format!("image {source:?}")),
                        _ => None,
                    }));
                }
                _ => {}
            }
        }
        said.append(&mut pictures);
    }
    said.insert(0, system);
    said
}

/// Texts that follow one another in the turn that begins at `turn` are one where a message has one content.
fn add_text(text: &str, said: &mut Vec<String>, turn: usize) {
    match said[turn..].last_mut() {
        Some(before) if before.starts_with("text ") => before.push_str(text),
        _ => said.push(format!("text {text}")),
    }
}

/// A result that is a JSON object is a text in some dialects and an object in others.
fn even_json(text: &str) -> String {
    let object: Option<serde_json::Map<String, Value>> = serde_json::from_str(text).ok();
    object.map_or_else(|| text.to_owned(), |object| Value::Object(object).to_string())
}

/// A text that travels as base64 in some dialects and as itself in others.
fn decoded_text(base64: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let six = |one: char| ALPHABET.find(one).expect("base64") as u32;
    let bits: Vec<u32> = base64.trim_end_matches('=').chars().map(six).collect();
    let bytes = bits.windows(2).enumerate().filter(|(place, _)| place % 4 != 3).map(|(place, pair)| {
        let both = pair[0] << 6 | pair[1];
        u8::try_from(both >> (4 - 2 * (place % 4)) & 0xff).expect("eight bits")
    });
    String::from_utf8(bytes.collect()).expect("UTF-8")
}

/// A small schema by hand: what providers refuse.
fn check_request(dialect: &str, request: &Value, id: &str) {
    if dialect == "gemini" {
        return check_contents(request, id);
    }
    assert!(request["model"].is_string(), "{id}");
    if dialect == "openai_responses" {
        return check_responses(request, id);
    }
    let messages = request["messages"].as_array().expect("messages");
    assert!(!messages.is_empty(), "{id}");
    match dialect {
        "anthropic_messages" => check_messages(request, messages, id),
        _ => check_chat(messages, id),
    }
}

fn check_messages(request: &Value, messages: &[Value], id: &str) {
    let max_tokens = request["max_tokens"].as_u64().expect("max_tokens");
    if let Some(budget) = request["thinking"]["budget_tokens"].as_u64() {
        assert!((1024..max_tokens).contains(&budget), "{id}");
        assert!(request.get("temperature").is_none() && request.get("top_k").is_none(), "{id}");
    }
    assert!(request.get("temperature").is_none_or(|value| (0.0..=1.0).contains(&value.as_f64().expect("a number"))));
    assert!(request.get("temperature").is_none() || request.get("top_p").is_none(), "{id}");
    assert!(request.get("tool_choice").is_none() || request.get("tools").is_some(), "{id}");
    for tool in request["tools"].as_array().into_iter().flatten() {
        assert!(tool["name"].is_string() && tool["input_schema"]["type"] == "object", "{id}: {tool}");
    }
    let mut calls: Vec<String> = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().expect("a role");
        assert!(matches!(role, "user" | "assistant"), "{id}: {role}");
        assert!(place == 0 || messages[place - 1]["role"] != message["role"], "{id}: turns must alternate");
        let blocks = match &message["content"] {
            Value::String(text) => {
                assert!(!text.is_empty(), "{id}");
                &Vec::new()
            }
            content => content.as_array().filter(|blocks| !blocks.is_empty()).expect("blocks"),
        };
        let of = |kind: &str, field: &str| -> Vec<String> {
            let of_kind = blocks.iter().filter(|block| block["type"] == kind);
            of_kind.map(|block| block[field].as_str().expect("an id").to_owned()).collect()
        };
        assert_eq!(of("tool_result", "tool_use_id"), calls, "{id}: results answer the calls before");
        calls = of("tool_use", "id");
        assert!(calls.is_empty() || role == "assistant" && request.get("tools").is_some(), "{id}");
        for block in blocks {
            match block["type"].as_str().expect("a type") {
                "text" => assert!(block["text"].as_str().is_some_and(|text| !text.is_empty()), "{id}"),
                "tool_use" => assert!(block["input"].is_object(), "{id}"),
                "image" | "document" => assert!(block["source"]["type"].is_string(), "{id}"),
                "thinking" => assert!(block["signature"].is_string(), "{id}"),
                "tool_result" => assert!(block["content"].is_string() || block["content"].is_array(), "{id}"),
                kind => panic!("{id}: {kind}"),
            }
        }
    }
}

fn check_contents(request: &Value, id: &str) {
    let contents = request["contents"].as_array().filter(|contents| !contents.is_empty()).expect("contents");
    assert!(request.get("model").is_none() && request.get("stream").is_none(), "{id}: the path says it");
    let mut calls: Vec<&Value> = Vec::new();
    for (place, content) in contents.iter().enumerate() {
        let parts = content["parts"].as_array().filter(|parts| !parts.is_empty()).expect("parts");
        assert!(matches!(content["role"].as_str(), Some("user" | "model")), "{id}");
        assert!(place == 0 || contents[place - 1]["role"] != content["role"], "{id}: turns must alternate");
        let of = |kind: &str| parts.iter().map(|part| &part[kind]).filter(|data| !data.is_null()).collect::<Vec<_>>();
        let results = of("functionResponse");
        assert_eq!(results.len(), calls.len(), "{id}: as many results as calls, in the next turn");
        for result in results {
            assert!(result["response"].is_object(), "{id}: {result}");
            let same = |call: &&&Value| call["id"] == result["id"] && call["name"] == result["name"];
            assert!(calls.iter().any(|call| same(&call)), "{id}: {result} answers no call");
        }
        calls = of("functionCall");
        assert!(calls.iter().all(|call| call["args"].is_object() && call["name"].is_string()), "{id}");
        if let Some(first) = parts.iter().find(|part| part.get("functionCall").is_some()) {
            assert!(first["thoughtSignature"].is_string(), "{id}: the first call of a turn is signed");
        }
    }
}

fn check_chat(messages: &[Value], id: &str) {
    let mut calls: Vec<String> = Vec::new();
    for message in messages {
        let role = message["role"].as_str().expect("a role");
        if role == "tool" {
            let answered = message["tool_call_id"].as_str().expect("an id");
            let before = calls.len();
            calls.retain(|call| call != answered);
            assert!(calls.len() < before, "{id}: a result without its call");
        } else {
            assert!(calls.is_empty(), "{id}: calls without results");
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            assert!(call["function"]["arguments"].is_string() && call["type"] == "function", "{id}");
            calls.push(call["id"].as_str().expect("an id").to_owned());
        }
        for part in message["content"].as_array().into_iter().flatten() {
            assert!(matches!(part["type"].as_str(), Some("text" | "image_url" | "file")), "{id}: {part}");
        }
        assert!(message["content"].is_string() || message["content"].is_array() || role == "assistant", "{id}");
    }
}

fn check_responses(request: &Value, id: &str) {
    let mut calls: Vec<&str> = Vec::new();
    for item in request["input"].as_array().filter(|items| !items.is_empty()).expect("items") {
        let text = |name: &str| item[name].as_str().unwrap_or_else(|| panic!("{id}: no {name} in {item}"));
        match item["type"].as_str().unwrap_or("message") {
            "message" => {
                let kinds: &[&str] = match text("role") {
                    "assistant" => &["output_text", "refusal"],
                    "system" | "developer" | "user" => &["input_text", "input_image", "input_file"],
                    role => panic!("{id}: {role}"),
                };
                for part in item["content"].as_array().into_iter().flatten() {
                    assert!(part["type"].as_str().is_some_and(|kind| kinds.contains(&kind)), "{id}: {part}");
                }
                assert!(item["content"].is_string() || item["content"].is_array(), "{id}: {item}");
            }
            "function_call" => {
                assert!(!text("name").is_empty() && item["arguments"].is_string(), "{id}");
                calls.push(text("call_id"));
            }
            "function_call_output" => {
                let place = calls.iter().position(|call| *call == text("call_id"));
                calls.remove(place.unwrap_or_else(|| panic!("{id}: a result without its call")));
                assert!(item["output"].is_string() || item["output"].is_array(), "{id}");
            }
            kind => panic!("{id}: {kind}"),
        }
    }
    assert!(calls.is_empty(), "{id}: calls without results");
    for tool in request["tools"].as_array().into_iter().flatten() {
        assert!(tool["type"] == "function" && tool["name"].is_string() && tool["parameters"].is_object(), "{id}");
        assert!(tool["strict"].is_boolean(), "{id}: nothing said means strict here");
    }
    assert_eq!(request["store"], false, "{id}");
    assert!(request.get("messages").is_none() && request.get("stream_options").is_none(), "{id}");
}
