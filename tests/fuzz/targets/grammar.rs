//! What SDKs demand of a stream beyond that each event can be read: the order of events, and that what was
//! opened is closed. Checked on what our writers write.

use super::reading::Wire;
use super::reading::written;
use super::snapshot::Snapshot;
use ringgate::wire::json::raw;
use serde_json::Value;
use std::collections::HashSet;

/// Panics where the events are no stream of `dialect`; `complete`: did it say its end?
pub fn check(dialect: &str, events: &[Wire], complete: bool) {
    match dialect {
        "openai_chat" => chat(events, complete),
        "openai_responses" => responses(events, complete),
        "anthropic_messages" => messages(events, complete),
        "gemini" => gemini(events),
        other => panic!("nobody says how a stream of {other} is built"),
    }
}

/// Our own parser first, which takes no field twice.
fn json(data: &str) -> Value {
    serde_json::from_str(&written(data.as_bytes(), "an event's writer", raw)).expect("JSON")
}

fn chat(events: &[Wire], complete: bool) {
    let dones = events.iter().filter(|(_, data)| data == "[DONE]").count();
    assert_eq!(dones, usize::from(complete), "one terminator, at the end of a complete stream alone");
    assert!(!complete || events.last().is_some_and(|(_, data)| data == "[DONE]"), "something after the terminator");
    let (mut finished, mut calls) = (HashSet::new(), HashSet::new());
    for chunk in events.iter().filter(|(_, data)| data != "[DONE]").map(|(_, data)| json(data)) {
        assert_eq!(chunk["object"], "chat.completion.chunk", "{chunk}");
        assert!(chunk["id"].is_string() && chunk["created"].is_u64() && chunk["model"].is_string(), "{chunk}");
        for choice in chunk["choices"].as_array().unwrap_or_else(|| panic!("no choices: {chunk}")) {
            let index = choice["index"].as_u64().unwrap_or_else(|| panic!("no index: {chunk}"));
            assert!(!finished.contains(&index), "an answer goes on after its end: {chunk}");
            let delta = choice["delta"].as_object().unwrap_or_else(|| panic!("no delta: {chunk}"));
            for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
                let number = call["index"].as_u64().unwrap_or_else(|| panic!("no index: {chunk}"));
                if calls.insert((index, number)) {
                    assert!(call["id"].is_string() && call["function"]["name"].is_string(), "{chunk}");
                    assert!(number == 0 || calls.contains(&(index, number - 1)), "calls come in order: {chunk}");
                }
            }
            if !choice["finish_reason"].is_null() {
                assert!(choice["finish_reason"].is_string(), "{chunk}");
                finished.insert(index);
            }
        }
    }
}

fn responses(events: &[Wire], complete: bool) {
    let mut snapshot = Snapshot::default();
    events.iter().for_each(|(name, data)| snapshot.take(name.as_deref(), data));
    assert_eq!(snapshot.ended().is_some(), complete);
}

fn messages(events: &[Wire], complete: bool) {
    let (mut begun, mut open, mut blocks, mut reason, mut ended) = (false, None, 0, false, false);
    for (name, data) in events {
        let event = json(data);
        let kind = event["type"].as_str().unwrap_or_else(|| panic!("no type: {event}"));
        assert_eq!(name.as_deref(), Some(kind));
        assert!(!ended, "{kind} after the end");
        assert!(begun || matches!(kind, "message_start" | "ping"), "{kind} before the start");
        match kind {
            "message_start" => {
                assert!(!std::mem::replace(&mut begun, true), "a second start");
                let message = &event["message"];
                assert!(message["id"].is_string() && message["model"].is_string(), "{event}");
                assert!(message["usage"]["input_tokens"].is_u64() && message["content"].is_array(), "{event}");
            }
            "content_block_start" => {
                assert_eq!((event["index"].as_u64(), open), (Some(blocks), None), "{event}");
                assert!(event["content_block"]["type"].is_string(), "{event}");
                open = Some(blocks);
                blocks += 1;
            }
            "content_block_delta" => {
                assert_eq!(event["index"].as_u64(), open, "{event}");
                assert!(event["delta"]["type"].is_string(), "{event}");
            }
            "content_block_stop" => assert_eq!(event["index"].as_u64(), open.take(), "{event}"),
            "message_delta" => {
                assert!(open.is_none() && event["usage"]["output_tokens"].is_u64(), "{event}");
                reason |= event["delta"]["stop_reason"].is_string();
            }
            "message_stop" => ended = true,
            "ping" => {}
            other => panic!("{other} is no event of ours"),
        }
    }
    assert_eq!(ended, complete);
    assert!(!ended || open.is_none() && reason, "an end without a reason");
}

fn gemini(events: &[Wire]) {
    for chunk in events.iter().map(|(_, data)| json(data)) {
        for candidate in chunk["candidates"].as_array().into_iter().flatten() {
            for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
                assert!(part.is_object(), "{chunk}");
            }
            assert!(candidate["finishReason"].is_null() || candidate["finishReason"].is_string(), "{chunk}");
        }
    }
}
