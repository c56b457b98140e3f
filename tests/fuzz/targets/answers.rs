//! Whole answers and errors of providers, on their way to callers of every dialect.

use super::reading::assembled;
use super::reading::assert_same;
use super::reading::gist;
use super::reading::meaning;
use super::reading::parsed;
use super::reading::stream;
use super::reading::written;
use super::reading::written_events;
use ringgate::chat::Answer;
use ringgate::chat::Ask;
use ringgate::chat::Event;
use ringgate::chat::Part;
use ringgate::chat::Usage;
use ringgate::chat::VectorForm;
use ringgate::chat::answer_events;
use ringgate::dialects;
use ringgate::dialects::Dialect;
use ringgate::fault::Fault;
use ringgate::fault::Kind;
use ringgate::wire::json;
use serde_json::Value;
use std::collections::HashSet;

/// An answer is refused, or judged as it is read and told in every caller's dialect, whole and streamed, with
/// its words, calls and end; in its own dialect it is the same afterwards. An unfinished answer never becomes
/// a finished one.
pub fn check(name: &str, bytes: &[u8]) {
    let dialect = dialects::spoken(name).expect("a dialect");
    let read = parsed(bytes, |body| (dialect.read_answer(body), dialect.answer_facts(body)));
    let Ok((read, facts)) = read else { return };
    if let Some(own) = own(name) {
        template(own, bytes);
    }
    let mut answer = match read {
        Ok(answer) => answer,
        Err(fault) => {
            // Responses pass through with all that their providers' tools say, so only their judge reads as much.
            assert!(facts.is_err() || name != "openai_responses", "judged, but not read: {fault:?}");
            return failed(&fault);
        }
    };
    let facts = facts.unwrap_or_else(|fault| panic!("read, but not judged: {fault:?}"));
    let finished = !answer.choices.is_empty() && answer.choices.iter().all(|choice| choice.finish.is_some());
    assert!(finished || !facts.complete, "complete without an end");
    let mut parts = answer.choices.iter().flat_map(|choice| &choice.parts);
    // Judging is the more careful of the two.
    let calls = parts.any(|part| matches!(part, Part::ToolCall { .. }));
    assert!(facts.tool_calls || !calls, "a call was not seen");
    let tokens = |usage: &Usage| (usage.input_tokens, usage.output_tokens);
    assert_eq!(facts.usage.as_ref().map(tokens), answer.usage.as_ref().map(tokens), "tokens judged otherwise");
    if let Some(own) = own(name) {
        survives(own, &answer, bytes);
    }
    named(&mut answer);
    if name == "openai_completions" {
        return; // nobody else has words for it
    }
    let numbers: HashSet<u64> = answer.choices.iter().map(|choice| choice.index).collect();
    let in_order = answer.choices.is_sorted_by_key(|choice| choice.index);
    if numbers.len() < answer.choices.len() || !in_order {
        return; // a stream cannot tell apart what has one number, and the first one is that with the lowest
    }
    if !finished && answer.choices.len() > 1 {
        return; // whoever is told the first one only is told the end of that
    }
    dialects::ALL.iter().for_each(|caller| told(*caller, &answer, finished));
}

/// The dialect of callers called `name`, those beside chat included.
fn own(name: &str) -> Option<&'static dyn Dialect> {
    dialects::named(name).or_else(|| dialects::BESIDE.iter().copied().find(|dialect| dialect.name() == name))
}

/// What the gateway adds to an answer that does not tell it.
fn named(answer: &mut Answer) {
    for (told, other) in [(&mut answer.id, "id-1"), (&mut answer.model, "model-1")] {
        if told.is_empty() {
            other.clone_into(told);
        }
    }
}

/// A refusal of an answer is the provider's fault, and says something.
fn failed(fault: &Fault) {
    assert!(!matches!(fault.kind, Kind::BadRequest | Kind::Internal), "{fault:?}");
    assert!(!fault.message.is_empty());
}

fn told(caller: &dyn Dialect, answer: &Answer, finished: bool) {
    let mut out = Vec::new();
    caller.write_answer(answer, &mut out);
    let shown = || format!("{}: {}", caller.name(), String::from_utf8_lossy(&out));
    let whole = written(&out, caller.name(), |body| caller.read_answer(body));
    let whole = whole.unwrap_or_else(|fault| panic!("{fault:?}: {}", shown()));
    assert_eq!(gist(&whole), gist(answer), "{}", shown());
    let events = answer_events(answer);
    let text = stream(caller, &events);
    let (mut again, fault) = meaning(caller, &written_events(&text, caller.name()));
    assert_eq!(fault, None, "{}: {}", caller.name(), String::from_utf8_lossy(&text));
    if caller.ends_with_body() {
        again.push(Event::End);
    }
    match assembled(&again) {
        Some(streamed) if finished => {
            assert_eq!(gist(&streamed), gist(answer), "{}: {}", caller.name(), String::from_utf8_lossy(&text));
        }
        None if finished => panic!("{}: not an answer any more: {}", caller.name(), String::from_utf8_lossy(&text)),
        Some(_) => panic!("{}: finished by itself: {}", caller.name(), String::from_utf8_lossy(&text)),
        None => {}
    }
}

/// In its own dialect an answer is written as it was read. Only Responses' answers are read again by their
/// providers; the others may lose what is not of its type, and are then written as they are read again.
fn survives(dialect: &dyn Dialect, answer: &Answer, bytes: &[u8]) {
    let write = |answer: &Answer| {
        let mut out = Vec::new();
        dialect.write_answer(answer, &mut out);
        out
    };
    let value = |text: &[u8], whose| -> Value { serde_json::from_str(&written(text, whose, json::raw)).expect("JSON") };
    let first = write(answer);
    let before = if dialect.name() == "openai_responses" {
        value(bytes, "the provider")
    } else {
        let again = written(&first, dialect.name(), |body| dialect.read_answer(body));
        let again = again.unwrap_or_else(|fault| panic!("{fault:?}: {}", String::from_utf8_lossy(&first)));
        value(&write(&again), dialect.name())
    };
    let first = value(&first, dialect.name());
    if first["candidates"] == serde_json::json!([]) {
        return; // an answer that has not begun is read as one that is empty
    }
    assert_same(&first, &before, "an answer in its own dialect");
}

/// The holes of a replayed answer hold its id and time and nothing else.
fn template(dialect: &dyn Dialect, bytes: &[u8]) {
    let Some(template) = dialect.replay_template(bytes) else { return };
    let mut filled = template.raw.clone();
    if let Some(at) = &template.created_at {
        assert!(template.raw[at.clone()].iter().all(u8::is_ascii_digit));
    }
    let mut holes: Vec<(std::ops::Range<usize>, &str)> = vec![(template.id_at.clone(), "new")];
    holes.extend(template.created_at.clone().map(|at| (at, "7")));
    holes.sort_by_key(|(at, _)| std::cmp::Reverse(at.start));
    for (at, text) in holes {
        filled.splice(at, text.bytes());
    }
    let strip = |text: &[u8]| {
        let mut value: Value = serde_json::from_str(&written(text, dialect.name(), json::raw)).expect("JSON");
        let object = value.as_object_mut().expect("an answer is an object");
        for name in ["id", "responseId", "created", "created_at", "response_id"] {
            object.shift_remove(name);
        }
        value
    };
    assert_eq!(strip(&filled), strip(bytes), "more than id and time would change");
}

/// Vectors come in the form that was asked for, as many as before, and in a JSON text.
pub fn embeddings(bytes: &[u8]) {
    if std::str::from_utf8(bytes).is_err() {
        return; // what nobody looks at passes as it is
    }
    let dialect = own("openai_embeddings").expect("a format beside the dialects");
    for vectors in [None, Some(VectorForm::Floats), Some(VectorForm::Base64)] {
        let ask = Ask { vectors, ..Ask::default() };
        let Some(Ok((_, rewritten))) = dialect.whole_answer(bytes, &ask) else { continue };
        let Some(rewritten) = rewritten else { continue };
        let shown = || String::from_utf8_lossy(&rewritten).into_owned();
        let after: Value = serde_json::from_slice(&rewritten).unwrap_or_else(|error| panic!("{error}: {}", shown()));
        let before: Value = serde_json::from_slice(bytes).expect("it was read");
        let of = |value: &Value| value["data"].as_array().cloned().unwrap_or_default();
        assert_eq!(of(&after).len(), of(&before).len());
        for item in of(&after) {
            match vectors {
                Some(VectorForm::Floats) => assert!(!item["embedding"].is_string(), "{}", shown()),
                _ => assert!(!item["embedding"].is_array(), "{}", shown()),
            }
        }
    }
    for provider in dialects::of_providers() {
        let Some(other) = dialect.through(provider.name()) else { continue };
        if let Some(Ok((_, Some(answer)))) = other.whole_answer(bytes, &Ask::default()) {
            written(&answer, provider.name(), |_| ());
        }
    }
}

/// Any body of an error becomes a fault, and any fault an envelope of every dialect and an event that a stream
/// cannot end well after.
pub fn fault(bytes: &[u8]) {
    const STATUSES: &[u16] = &[400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 529, 599];
    let status = STATUSES[bytes.len() % STATUSES.len()];
    let field = |name: &str| (name == "x-amzn-errortype").then_some(&bytes[..bytes.len().min(64)]);
    for provider in dialects::of_providers() {
        for fault in [provider.read_fault(status, bytes), provider.read_refusal(status, &field, bytes)] {
            assert!(!fault.message.is_empty(), "{}: an error without a word", provider.name());
            for caller in dialects::ALL.iter().chain(dialects::BESIDE) {
                enveloped(*caller, &fault);
            }
        }
    }
}

fn enveloped(caller: &dyn Dialect, fault: &Fault) {
    let mut out = Vec::new();
    caller.write_fault(fault, "req-1", &mut out);
    let text = written(&out, caller.name(), json::raw);
    let envelope: Value = serde_json::from_str(&text).expect("JSON");
    assert!(envelope["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{}: {text}", caller.name());
    assert!((400..600).contains(&caller.status(fault)), "{}: {}", caller.name(), caller.status(fault));
    let mut out = Vec::new();
    caller.write_stream_fault(fault, "req-1", &mut out);
    let wire = written_events(&out, caller.name());
    assert!(!wire.is_empty(), "{}: no event", caller.name());
    if dialects::named(caller.name()).is_some() {
        let (events, broken) = meaning(caller, &wire);
        let told = events.iter().any(|event| matches!(event, Event::Error(_)));
        assert!(told || broken.is_some(), "{}: {}", caller.name(), String::from_utf8_lossy(&out));
    }
}
