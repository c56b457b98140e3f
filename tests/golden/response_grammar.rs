//! Streams of the Responses API as SDKs rebuild them: every event names its item by place and id, deltas
//! add up to what is told when a piece closes, and the last event holds all of it again.

use super::Recording;
use super::assembled;
use super::cut;
use super::events_of;
use super::read_answer;
use super::snapshot::Snapshot;
use super::streams;
use super::whole_answers;
use super::write_answer;
use super::written_stream;
use ringgate::chat::Answer;
use ringgate::chat::Event;
use ringgate::chat::answer_events;
use ringgate::dialects;
use ringgate::dialects::Dialect;
use serde_json::Value;
use serde_json::json;

fn responses() -> &'static dyn Dialect {
    dialects::named("openai_responses").expect("a known dialect")
}

/// The last event's response.
pub(super) fn rebuilt(events: &[Event]) -> Value {
    let written = written_stream(responses(), events);
    let mut snapshot = Snapshot::default();
    for (name, data) in cut([written.as_bytes()]) {
        snapshot.take(name.as_deref(), &data);
    }
    snapshot.ended().expect("an end")
}

fn check(recording: &Recording, events: &[Event], answer: &Answer) {
    let streamed = rebuilt(events);
    let whole: Value = serde_json::from_str(&write_answer(responses(), answer)).expect("JSON");
    // What SDKs build their answers from; a provider of this dialect is responsible for its own.
    let required = ["id", "object", "created_at", "model", "output", "parallel_tool_calls", "tool_choice", "tools"];
    for name in required.iter().filter(|_| recording.dialect.name() != responses().name()) {
        assert!(!whole[name].is_null() && !streamed[name].is_null(), "{}: no {name}", recording.id);
    }
    for same in ["id", "model", "status", "output", "usage", "tools"] {
        assert_eq!(settled(&streamed[same]), settled(&whole[same]), "{}: {same}", recording.id);
    }
}

/// Old answers had no list of log probabilities; a stream always opens one.
fn settled(value: &Value) -> Value {
    let mut value = value.clone();
    for item in value.as_array_mut().into_iter().flatten() {
        for part in item["content"].as_array_mut().into_iter().flatten() {
            if part["logprobs"] == json!([]) {
                part.as_object_mut().expect("an object").remove("logprobs");
            }
        }
    }
    value
}

#[test]
fn every_stream_can_be_rebuilt_from_its_events() {
    let mut count = 0;
    for recording in streams() {
        let events = events_of(recording.dialect, &recording.body);
        if let Some(answer) = assembled(&events) {
            check(&recording, &events, &answer);
            count += 1;
        }
    }
    assert!(count >= 35, "{count}");
}

#[test]
fn every_whole_answer_can_be_streamed_and_rebuilt() {
    let mut count = 0;
    for recording in whole_answers() {
        let answer = read_answer(recording.dialect, &recording.body);
        if answer.choices.iter().all(|choice| choice.finish.is_some()) {
            check(&recording, &answer_events(&answer), &answer);
            count += 1;
        }
    }
    assert!(count >= 300, "{count}");
}
