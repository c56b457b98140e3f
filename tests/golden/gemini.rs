//! Gemini's streams without their last chunk, and the two turns of a tool loop whose signatures travel through
//! every other format.

use super::Recording;
use super::assembled;
use super::events_of;
use super::read_answer;
use super::streams;
use super::whole_answers;
use super::write_answer;
use super::written_stream;
use ringgate::chat::Answer;
use ringgate::chat::Message;
use ringgate::chat::Part;
use ringgate::chat::Request;
use ringgate::chat::Role;
use ringgate::chat::answer_events;
use ringgate::dialects;
use ringgate::dialects::Dialect;
use ringgate::dialects::TargetOptions;
use serde_json::Value;

fn gemini() -> &'static dyn Dialect {
    dialects::named("gemini").expect("a known dialect")
}

fn geminis(all: Vec<Recording>) -> impl Iterator<Item = Recording> {
    all.into_iter().filter(|recording| recording.dialect.name() == "gemini")
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
    let text = Part::Text { text: "go".to_owned(), cache_marker: None, extra: Vec::new() };
    let message = |role, parts| Message { role, parts, name: None, plain: false, extra: Vec::new() };
    let messages = vec![message(Role::User, vec![text]), message(Role::Assistant, parts)];
    let request = Request { messages, ..Request::default() };
    let mut out = Vec::new();
    gemini().write_request(&request, "gemini-2.5-pro", TargetOptions::default(), &mut out).expect("expressible");
    serde_json::from_slice(&out).expect("JSON")
}
