//! Gemini's recordings with anything in them that was never recorded, and the two turns of a tool loop whose
//! signatures travel through every other format.

use super::Recording;
use super::assembled;
use super::events_of;
use super::read_answer;
use super::recordings;
use super::streams;
use super::whole_answers;
use super::write_answer;
use super::written_stream;
use ringgate::chat::Answer;
use ringgate::chat::Event;
use ringgate::chat::Message;
use ringgate::chat::Part;
use ringgate::chat::Request;
use ringgate::chat::Role;
use ringgate::chat::answer_events;
use ringgate::dialects;
use ringgate::dialects::Dialect;
use ringgate::dialects::TargetOptions;
use ringgate::fault::Kind;
use ringgate::wire::json::Parser;
use serde_json::Value;
use serde_json::json;

fn gemini() -> &'static dyn Dialect {
    dialects::named("gemini").expect("a known dialect")
}

fn geminis(all: Vec<Recording>) -> impl Iterator<Item = Recording> {
    all.into_iter().filter(|recording| recording.dialect.name() == "gemini")
}

/// `value` with each value inside it, down to `depth`, replaced by each of some that do not belong there.
fn changed(value: &Value, depth: usize) -> Vec<Value> {
    let mut all = vec![json!(null), json!(-1), json!("x"), json!([]), json!([{}]), json!({}), json!({"a": {"b": 1}})];
    let inner = |inner: &Value| if depth > 0 { changed(inner, depth - 1) } else { Vec::new() };
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                for value in inner(value) {
                    let mut object = object.clone();
                    object.insert(name.clone(), value);
                    all.push(Value::Object(object));
                }
            }
        }
        Value::Array(list) => {
            for value in list.first().map(inner).unwrap_or_default() {
                let mut list = list.clone();
                list[0] = value;
                all.push(Value::Array(list));
            }
        }
        _ => {}
    }
    all
}

/// Runs `read` on the parsed text.
fn parsed<Read>(value: &Value, read: impl FnOnce(ringgate::wire::json::Value<'_, '_>) -> Read) -> Read {
    let mut copy = value.to_string().into_bytes();
    let mut parser = Parser::new();
    let tape = parser.parse(&mut copy).expect("valid JSON");
    read(tape.as_value())
}

/// Shapes of requests, so that each is tried once.
fn shape(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let members: Vec<String> = object.iter().map(|(name, value)| format!("{name}:{}", shape(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(shape).collect::<Vec<_>>().join(",")),
        _ => "_".to_owned(),
    }
}

#[test]
fn requests_with_anything_in_them_are_read_or_refused() {
    const DEPTH: usize = 6;
    const REQUEST_BYTES_MAX: usize = 1500;
    let mut seen = std::collections::HashSet::new();
    let (mut read, mut refused) = (0, 0);
    for recording in geminis(recordings()) {
        let Some(request) = recording.request.filter(|request| request.to_string().len() < REQUEST_BYTES_MAX) else {
            continue;
        };
        if !seen.insert(shape(&request)) {
            continue;
        }
        for changed in changed(&request, DEPTH) {
            let judged = parsed(&changed, |body| gemini().read_ask(body).err());
            assert!(judged.is_none_or(|fault| fault.kind == Kind::BadRequest), "{changed}");
            match parsed(&changed, |body| gemini().read_request(body)) {
                Err(fault) => {
                    assert_eq!(fault.kind, Kind::BadRequest, "{changed}");
                    refused += 1;
                }
                Ok(neutral) => {
                    read += 1;
                    written_everywhere(&neutral, &changed);
                }
            }
        }
    }
    println!("{} shapes, {read} read, {refused} refused", seen.len());
    assert!(seen.len() >= 30 && read > 3000 && refused > 1000, "{} {read} {refused}", seen.len());
}

/// Whatever was understood is JSON at every provider, or refused to the caller.
fn written_everywhere(request: &Request, origin: &Value) {
    for target in dialects::ALL {
        let mut out = Vec::new();
        match target.write_request(request, "gemini-3-pro", TargetOptions::default(), &mut out) {
            Ok(_) => {
                let written = serde_json::from_slice::<Value>(&out);
                assert!(written.is_ok(), "{}: {origin}: {}", target.name(), String::from_utf8_lossy(&out));
            }
            Err(fault) => assert_eq!(fault.kind, Kind::BadRequest, "{}: {origin}", target.name()),
        }
    }
}

#[test]
fn answers_with_anything_in_them_are_read_or_refused() {
    const DEPTH: usize = 7;
    const ANSWER_BYTES_MAX: usize = 2000;
    let mut seen = std::collections::HashSet::new();
    let (mut read, mut refused) = (0, 0);
    for recording in geminis(whole_answers()) {
        let answer: Value = serde_json::from_str(&recording.body).expect("JSON");
        if recording.body.len() > ANSWER_BYTES_MAX || !seen.insert(shape(&answer)) {
            continue;
        }
        for changed in changed(&answer, DEPTH) {
            let facts = parsed(&changed, |body| gemini().answer_facts(body));
            let text = changed.to_string();
            let mut events = Vec::new();
            let streamed = gemini().event_reader().read(None, &text, &mut events);
            match parsed(&changed, |body| gemini().read_answer(body)) {
                Err(_) => {
                    refused += 1;
                    let told = events.iter().any(|event| matches!(event, Event::Error(_)));
                    assert!(streamed.is_err() || told, "a chunk that is no answer: {text}");
                }
                Ok(answer) => {
                    read += 1;
                    assert!(facts.is_ok(), "judged otherwise than read: {text}");
                    for caller in dialects::ALL {
                        let written = serde_json::from_str::<Value>(&write_answer(*caller, &answer));
                        assert!(written.is_ok(), "{}: {text}", caller.name());
                        written_stream(*caller, &answer_events(&answer));
                    }
                }
            }
        }
    }
    println!("{} shapes, {read} read, {refused} refused", seen.len());
    assert!(seen.len() >= 20 && read > 3000 && refused > 100, "{} {read} {refused}", seen.len());
}

/// A stream that lost its last chunk, or any piece of it, is not complete.
#[test]
fn a_stream_without_its_last_chunk_is_no_answer() {
    let mut count = 0;
    for recording in geminis(streams()) {
        let chunks: Vec<&str> = recording.body.split_inclusive("\r\n\r\n").collect();
        assert!(assembled(&events_of(gemini(), &chunks.concat())).is_some(), "{}", recording.id);
        for kept in 0..chunks.len() {
            let cut = chunks[..kept].concat();
            assert!(assembled(&events_of(gemini(), &cut)).is_none(), "{} after {kept}", recording.id);
        }
        count += 1;
    }
    assert!(count >= 3, "{count}");
}

/// The signatures of an answer, by what they were taken from.
fn signatures(parts: &Value) -> Vec<(String, String)> {
    let parts = parts.as_array().into_iter().flatten();
    let signed = parts.filter_map(|part| Some((part, part["thoughtSignature"].as_str()?)));
    let of = |part: &Value| if part["functionCall"].is_object() { "call" } else { "text" };
    signed.map(|(part, signature)| (of(part).to_owned(), signature.to_owned())).collect()
}

/// What Gemini signed comes back to it as it was, whatever format the caller in between speaks: the answer is
/// told to a caller, and what the caller was told is its next request's last turn.
#[test]
fn signatures_come_back_through_every_format() {
    let mut count = 0;
    for recording in geminis(whole_answers()) {
        let original: Value = serde_json::from_str(&recording.body).expect("JSON");
        let parts = &original["candidates"][0]["content"]["parts"];
        let wanted = signatures(parts);
        // Server tools are no part of the conversation elsewhere.
        let foreign = parts.as_array().into_iter().flatten().any(|part| part["toolCall"].is_object());
        if wanted.is_empty() || foreign {
            continue;
        }
        let answer = read_answer(gemini(), &recording.body);
        for caller in dialects::ALL {
            for told in [
                read_answer(*caller, &write_answer(*caller, &answer)),
                assembled(&events_of(*caller, &written_stream(*caller, &answer_events(&answer)))).expect("complete"),
            ] {
                let back = sent_back(told);
                let contents = &back["contents"][1]["parts"];
                assert_eq!(signatures(contents), wanted, "{} through {}", recording.id, caller.name());
                count += 1;
            }
        }
    }
    println!("{count} ways there and back");
    assert!(count >= 800, "{count}");
}

/// A request of Gemini's whose second turn is what a caller was told.
fn sent_back(told: Answer) -> Value {
    let parts = told.choices.into_iter().next().expect("an answer").parts;
    let text = Part::text("go");
    let message = |role, parts| Message { role, parts, name: None, plain: false, extra: Vec::new() };
    let messages = vec![message(Role::User, vec![text]), message(Role::Assistant, parts)];
    let request = Request { messages, ..Request::default() };
    let mut out = Vec::new();
    gemini().write_request(&request, "gemini-2.5-pro", TargetOptions::default(), &mut out).expect("expressible");
    serde_json::from_slice(&out).expect("JSON")
}
