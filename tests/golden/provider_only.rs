//! The recordings of dialects that only providers speak: what they answered reaches callers of either
//! dialect with its meaning, and what callers ask renders to what was recorded.
//!
//! Nothing reads a request of such a dialect, so the recorded ones are rewritten here, by hand and by the
//! callers' documentation, as the requests that a caller would have sent for them.

use super::Digest;
use super::assembled;
use super::even;
use super::events_of;
use super::parsed;
use super::read_answer as read_callers_answer;
use super::read_request;
use super::write_answer;
use super::written_stream;
use ringgate::chat::Answer;
use ringgate::chat::Event;
use ringgate::dialects;
use ringgate::dialects::AnswerFacts;
use ringgate::dialects::Dialect;
use ringgate::dialects::ProviderDialect;
use ringgate::dialects::TargetOptions;
use ringgate::fault::Fault;
use ringgate::fault::Kind;
use ringgate::wire::eventstream;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;
use std::convert::Infallible;

struct Recording {
    id: String,
    dialect: &'static dyn ProviderDialect,
    path: String,
    request: Value,
    status: u16,
    /// The answer: JSON, or a stream of binary messages.
    body: Vec<u8>,
    stream: bool,
}

impl Recording {
    fn model(&self) -> String {
        match self.request["model"].as_str() {
            Some(model) => model.to_owned(),
            None => decoded(self.path.split('/').nth(2).expect("a model in the path")),
        }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

fn decoded(text: &str) -> String {
    text.replace("%3A", ":").replace("%2F", "/")
}

fn recordings(name: &str) -> Vec<Recording> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/provider_only");
    let text = std::fs::read_to_string(format!("{folder}/{name}.jsonl")).expect("recordings");
    let dialect = dialects::PROVIDER_ONLY.iter().find(|dialect| dialect.name().starts_with(name)).expect("a dialect");
    let read = |line: &str| {
        let mut line: Value = serde_json::from_str(line).expect("a recording");
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        Recording {
            id: text("id").expect("an id"),
            dialect: *dialect,
            path: text("path").expect("a path"),
            status: u16::try_from(line["status"].as_u64().expect("a status")).expect("a status"),
            body: match text("body_base64") {
                Some(base64) => unbase64(&base64),
                None => text("body").expect("a body").into_bytes(),
            },
            stream: text("content_type").is_some_and(|kind| kind.contains("eventstream")),
            request: line["request"].take(),
        }
    };
    text.lines().map(read).collect()
}

/// Standard base64, by the book and not by the code under test.
fn unbase64(text: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits: Vec<usize> = text.chars().filter_map(|digit| ALPHABET.find(digit)).collect();
    let group = |digits: &[usize]| {
        let bits = digits.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - digits.len()));
        (0..digits.len() - 1).map(|byte| (bits >> (16 - 8 * byte) & 0xff) as u8).collect::<Vec<_>>()
    };
    digits.chunks(4).flat_map(group).collect()
}

fn read_answer(recording: &Recording) -> Answer {
    let read = parsed(recording.text(), |body| recording.dialect.read_answer(body));
    let mut answer = read.unwrap_or_else(|fault| panic!("{fault:?}: {}", recording.id));
    named(&mut answer, recording);
    answer
}

/// What the gateway adds to an answer that does not tell it.
fn named(answer: &mut Answer, recording: &Recording) {
    assert_eq!(answer.model, "", "{}: neither of them tells its model", recording.id);
    answer.model = recording.model();
    if answer.id.is_empty() {
        answer.id = "id".to_owned();
    }
}

/// What an answer of Converse says, read without the code under test.
fn said_by_converse(content: &[Value]) -> (String, String, Vec<(String, String, Value)>) {
    let (mut text, mut thinking, mut calls) = (String::new(), String::new(), Vec::new());
    for block in content {
        text.push_str(block["text"].as_str().unwrap_or_default());
        thinking.push_str(block["reasoningContent"]["reasoningText"]["text"].as_str().unwrap_or_default());
        let call = &block["toolUse"];
        if call.is_object() && call["type"] != "server_tool_use" {
            let text = |name: &str| call[name].as_str().expect("a text").to_owned();
            calls.push((text("toolUseId"), text("name"), call["input"].clone()));
        }
    }
    (text, thinking, calls)
}

fn finish_of_converse(reason: &Value) -> &'static str {
    match reason.as_str().expect("a reason") {
        "end_turn" | "stop_sequence" => "stop",
        "tool_use" => "tools",
        "max_tokens" => "length",
        other => panic!("{other}"),
    }
}

fn usage_of_converse(usage: &Value) -> (u64, u64, u64, u64) {
    let of = |name: &str| usage[name].as_u64().unwrap_or_default();
    let (read, written) = (of("cacheReadInputTokens"), of("cacheWriteInputTokens"));
    assert_eq!(of("inputTokens") + read + written + of("outputTokens"), of("totalTokens"));
    (of("inputTokens") + read + written, of("outputTokens"), read, written)
}

fn digest_of_converse(recording: &Recording, content: &[Value], reason: &Value, usage: &Value) -> Digest {
    let (text, thinking, calls) = said_by_converse(content);
    Digest {
        model: recording.model(),
        text,
        thinking,
        calls,
        finish: vec![finish_of_converse(reason)],
        usage: Some(usage_of_converse(usage)),
        sources: BTreeSet::new(),
    }
}

/// The answer reaches callers of every dialect, whole and as a stream, and says there what it said.
fn reaches_callers(recording: &Recording, answer: &Answer, wanted: &Digest) {
    assert_eq!(&Digest::of(answer), wanted, "{}", recording.id);
    for caller in dialects::ALL {
        let told = Digest::of(answer).told_by(*caller);
        let whole = read_callers_answer(*caller, &write_answer(*caller, answer));
        assert_eq!(Digest::of(&whole).told_by(*caller), told, "{} to {}", recording.id, caller.name());
        let events = ringgate::chat::answer_events(answer);
        let streamed = assembled(&events_of(*caller, &written_stream(*caller, &events))).expect("complete");
        assert_eq!(Digest::of(&streamed).told_by(*caller), told, "{} streamed to {}", recording.id, caller.name());
    }
}

#[test]
fn whole_answers_of_converse_reach_callers() {
    let mut count = 0;
    for recording in recordings("bedrock").iter().filter(|recording| recording.status == 200 && !recording.stream) {
        let body = recording.json();
        let content = body["output"]["message"]["content"].as_array().expect("content");
        let wanted = digest_of_converse(recording, content, &body["stopReason"], &body["usage"]);
        let answer = read_answer(recording);
        reaches_callers(recording, &answer, &wanted);
        let facts: AnswerFacts =
            parsed(recording.text(), |body| recording.dialect.answer_facts(body)).expect("an answer");
        assert_eq!(facts.complete, wanted.finish != ["length"], "{}", recording.id);
        assert_eq!(facts.tool_calls, !wanted.calls.is_empty(), "{}", recording.id);
        assert!(facts.content && !facts.refused && facts.model.is_none(), "{}", recording.id);
        count += 1;
    }
    println!("{count} answers");
    assert!(count >= 80, "{count}");
}

#[test]
fn whole_answers_of_cohere_reach_callers() {
    for recording in recordings("cohere") {
        let body = recording.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let calls = body["message"]["tool_calls"].as_array().cloned().unwrap_or_default();
        let call = |call: &Value| {
            let input = serde_json::from_str(call["function"]["arguments"].as_str().expect("text")).expect("JSON");
            (text(&call["id"]), text(&call["function"]["name"]), input)
        };
        let usage = &body["usage"];
        let count = |value: &Value| value.as_u64().expect("a count");
        let wanted = Digest {
            model: recording.model(),
            text: text(&body["message"]["content"][0]["text"]),
            thinking: text(&body["message"]["tool_plan"]),
            calls: calls.iter().map(call).collect(),
            finish: vec![if body["finish_reason"] == "TOOL_CALL" { "tools" } else { "stop" }],
            usage: Some((
                count(&usage["tokens"]["input_tokens"]),
                count(&usage["tokens"]["output_tokens"]),
                count(&usage["cached_tokens"]),
                0,
            )),
            sources: BTreeSet::new(),
        };
        let answer = read_answer(&recording);
        assert_eq!(answer.id, text(&body["id"]));
        reaches_callers(&recording, &answer, &wanted);
    }
}

type Messages = Vec<(String, String)>;

/// Messages of a stream, in the order in which a splitter that is fed `pieces` reports them.
fn cut<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Messages, usize) {
    let mut splitter = eventstream::Splitter::new(16 << 20);
    let mut found = Vec::new();
    for piece in pieces {
        let fed = splitter.feed(piece, |message| {
            assert!(!message.is_failure);
            found.push((message.name.to_owned(), message.data.to_owned()));
            Ok::<(), Infallible>(())
        });
        fed.expect("a recorded stream");
    }
    (found, splitter.pending())
}

fn streams() -> Vec<Recording> {
    let streams: Vec<Recording> =
        recordings("bedrock").into_iter().filter(|recording| recording.stream && recording.status == 200).collect();
    assert!(streams.len() >= 6, "{}", streams.len());
    streams
}

fn read_messages(recording: &Recording, messages: &[(String, String)]) -> Vec<Event> {
    let mut reader = recording.dialect.event_reader();
    let mut events = Vec::new();
    for (name, data) in messages {
        reader.read(Some(name), data, &mut events).unwrap_or_else(|fault| panic!("{fault:?}: {}", recording.id));
    }
    events
}

#[test]
fn no_split_of_a_binary_stream_changes_its_messages() {
    for recording in streams() {
        let bytes = recording.body.as_slice();
        let wanted = cut([bytes]);
        assert_eq!(wanted.1, 0, "{}", recording.id);
        for at in 0..=bytes.len() {
            assert_eq!(cut([&bytes[..at], &bytes[at..]]), wanted, "{} at {at}", recording.id);
        }
        assert_eq!(cut(bytes.chunks(1)), wanted, "{}", recording.id);
    }
}

/// The blocks of a stream put together, read without the code under test.
fn content_of_stream(messages: &[(String, String)]) -> (Vec<Value>, Value, Value) {
    let mut blocks: Vec<(u64, Value, String)> = Vec::new();
    let (mut reason, mut usage) = (Value::Null, Value::Null);
    for (name, data) in messages {
        let event: Value = serde_json::from_str(data).expect("JSON");
        let index = event["contentBlockIndex"].as_u64();
        if let Some(index) = index.filter(|index| blocks.iter().all(|(known, ..)| known != index)) {
            blocks.push((index, json!({}), String::new()));
        }
        let block = index.and_then(|index| blocks.iter_mut().find(|(known, ..)| *known == index));
        match (name.as_str(), block) {
            ("contentBlockStart", Some((_, block, _))) => *block = event["start"].clone(),
            ("contentBlockDelta", Some((_, block, input))) => {
                let delta = &event["delta"];
                let add = |at: &mut Value, more: &Value| {
                    let both = format!("{}{}", at.as_str().unwrap_or_default(), more.as_str().unwrap_or_default());
                    *at = both.into();
                };
                if delta["text"].is_string() {
                    add(&mut block["text"], &delta["text"]);
                }
                if delta["reasoningContent"]["text"].is_string() {
                    add(&mut block["reasoningContent"]["reasoningText"]["text"], &delta["reasoningContent"]["text"]);
                }
                input.push_str(delta["toolUse"]["input"].as_str().unwrap_or_default());
            }
            ("contentBlockStop", Some((_, block, input))) if block["toolUse"].is_object() => {
                block["toolUse"]["input"] = serde_json::from_str(input).unwrap_or(json!({}));
            }
            ("messageStop", _) => reason = event["stopReason"].clone(),
            ("metadata", _) => usage = event["usage"].clone(),
            _ => {}
        }
    }
    (blocks.into_iter().map(|(_, block, _)| block).collect(), reason, usage)
}

#[test]
fn streams_of_converse_reach_callers_and_end_only_once_they_have_ended() {
    for recording in streams() {
        let (messages, _) = cut([recording.body.as_slice()]);
        let (content, reason, usage) = content_of_stream(&messages);
        let wanted = digest_of_converse(&recording, &content, &reason, &usage);
        let mut events = read_messages(&recording, &messages);
        for end in 0..messages.len() {
            let cut = read_messages(&recording, &messages[..end]);
            assert!(assembled(&cut).is_none(), "{}: complete after {end} messages", recording.id);
        }
        if let Some(Event::Start { id, model, .. }) = events.first_mut() {
            assert!(id.is_empty() && model.is_empty());
            (*id, *model) = ("id".to_owned(), recording.model());
        }
        let answer = assembled(&events).expect("complete");
        reaches_callers(&recording, &answer, &wanted);
        for caller in dialects::ALL {
            let streamed = assembled(&events_of(*caller, &written_stream(*caller, &events))).expect("complete");
            assert_eq!(
                Digest::of(&streamed).told_by(*caller),
                wanted.clone().told_by(*caller),
                "{} to {}",
                recording.id,
                caller.name()
            );
        }
    }
}

#[test]
fn a_damaged_stream_is_never_read_to_its_end() {
    let recording = streams().into_iter().min_by_key(|recording| recording.body.len()).expect("one");
    for at in 0..recording.body.len() {
        let mut damaged = recording.body.clone();
        damaged[at] ^= 0x10;
        let mut splitter = eventstream::Splitter::new(16 << 20);
        let mut ended = false;
        let fed = splitter.feed(&damaged, |message| {
            ended |= message.name == "metadata";
            Ok::<(), Infallible>(())
        });
        assert!(fed.is_err() && !ended, "byte {at}");
    }
}

#[test]
fn errors_keep_the_words_of_their_provider() {
    let mut count = 0;
    for recording in recordings("bedrock").iter().filter(|recording| recording.status != 200) {
        let fault = recording.dialect.read_fault(recording.status, &recording.body);
        assert_eq!(fault.kind, Kind::Provider(recording.status));
        assert_eq!(Some(fault.message.as_ref()), recording.json()["message"].as_str(), "{}", recording.id);
        for caller in dialects::ALL {
            assert_eq!(caller.status(&fault), recording.status);
        }
        count += 1;
    }
    assert!(count >= 4, "{count}");
}

fn rendered(caller: &dyn Dialect, request: &Value, recording: &Recording) -> Result<(Value, Vec<String>), Fault> {
    let neutral = read_request(caller, &request.to_string());
    let mut out = Vec::new();
    let options = TargetOptions::default();
    let dropped = recording.dialect.write_request(&neutral, &recording.model(), options, &mut out)?;
    let dropped = dropped.into_iter().map(|dropped| dropped.field).collect();
    Ok((serde_json::from_slice(&out).expect("JSON"), dropped))
}

/// What the recorded requests say without meaning anything by it.
fn plain(request: &Value) -> Value {
    let mut request = even(request);
    let object = request.as_object_mut().expect("an object");
    for name in ["system", "inferenceConfig"] {
        if object.get(name).is_some_and(|value| *value == json!([]) || *value == json!({})) {
            object.remove(name);
        }
    }
    for message in request["messages"].as_array_mut().expect("messages") {
        for block in message["content"].as_array_mut().expect("content") {
            if let Some(result) = block.get_mut("toolResult").filter(|result| result["status"].is_null()) {
                result["status"] = "success".into();
            }
            if let Some(call) = block.get_mut("toolUse").and_then(Value::as_object_mut) {
                call.remove("type");
            }
        }
    }
    request
}

/// Blocks of Converse as blocks of Anthropic's messages; `None` for what those cannot say.
fn anthropic_blocks(content: &Value) -> Option<Vec<Value>> {
    let mut blocks: Vec<Value> = Vec::new();
    for block in content.as_array().expect("content") {
        let (kind, value) = block.as_object().expect("a block").iter().next().expect("one");
        blocks.push(match kind.as_str() {
            "text" => json!({"type": "text", "text": value}),
            "cachePoint" => {
                blocks.last_mut().expect("something to mark")["cache_control"] = json!({"type": "ephemeral"});
                continue;
            }
            "document" if value["format"] == "txt" => {
                let text =
                    String::from_utf8(unbase64(value["source"]["bytes"].as_str().expect("bytes"))).expect("text");
                let source = json!({"type": "text", "media_type": "text/plain", "data": text});
                json!({"type": "document", "source": source})
            }
            "document" if value["source"]["bytes"].is_string() => {
                let source =
                    json!({"type": "base64", "media_type": "application/pdf", "data": value["source"]["bytes"]});
                json!({"type": "document", "source": source})
            }
            "document" => {
                json!({"type": "document", "source": {"type": "url", "url": value["source"]["s3Location"]["uri"]}})
            }
            "image" => json!({"type": "image", "source": {"type": "url", "url": value["source"]["s3Location"]["uri"]}}),
            "toolUse" => {
                json!({"type": "tool_use", "id": value["toolUseId"], "name": value["name"], "input": value["input"]})
            }
            "toolResult" => json!({
                "type": "tool_result",
                "tool_use_id": value["toolUseId"],
                "content": anthropic_blocks(&value["content"])?,
                "is_error": value["status"] == "error",
            }),
            "reasoningContent" => match value["redactedContent"].as_str() {
                Some(bytes) => {
                    let data = String::from_utf8(unbase64(bytes)).expect("text");
                    json!({"type": "redacted_thinking", "data": data})
                }
                None => {
                    let text = &value["reasoningText"];
                    json!({"type": "thinking", "thinking": text["text"], "signature": text["signature"]})
                }
            },
            "video" => return None,
            other => panic!("{other}"),
        });
    }
    Some(blocks)
}

/// The recorded request as a caller of Anthropic's messages would have sent it.
fn anthropic_request(recording: &Recording) -> Option<Value> {
    let request = Some(&recording.request).filter(|request| request.is_object())?;
    let mut messages = Vec::new();
    for message in request["messages"].as_array().expect("messages") {
        messages.push(json!({"role": message["role"], "content": anthropic_blocks(&message["content"])?}));
    }
    let mut written = json!({"model": "m", "messages": messages});
    if request["system"].as_array().is_some_and(|system| !system.is_empty()) {
        written["system"] = anthropic_blocks(&request["system"])?.into();
    }
    let inference = &request["inferenceConfig"];
    for (name, theirs) in [("max_tokens", "maxTokens"), ("temperature", "temperature"), ("top_p", "topP")] {
        if !inference[theirs].is_null() {
            written[name] = inference[theirs].clone();
        }
    }
    if request["toolConfig"].is_object() {
        let mut tools: Vec<Value> = Vec::new();
        for tool in request["toolConfig"]["tools"].as_array().expect("tools") {
            if tool["cachePoint"].is_object() {
                tools.last_mut().expect("something to mark")["cache_control"] = json!({"type": "ephemeral"});
                continue;
            }
            let spec = tool["toolSpec"].as_object()?;
            let mut tool = json!({"name": spec["name"], "input_schema": spec["inputSchema"]["json"]});
            if let Some(description) = spec.get("description") {
                tool["description"] = description.clone();
            }
            tools.push(tool);
        }
        written["tools"] = tools.into();
        let choice = request["toolConfig"]["toolChoice"].as_object().and_then(|choice| choice.iter().next());
        if let Some((kind, value)) = choice {
            written["tool_choice"] = json!({"type": kind});
            if let Some(name) = value.get("name") {
                written["tool_choice"]["name"] = name.clone();
            }
        }
    }
    for name in ["thinking", "output_config"] {
        if !request["additionalModelRequestFields"][name].is_null() {
            written[name] = request["additionalModelRequestFields"][name].clone();
        }
    }
    Some(written)
}

#[test]
fn what_anthropic_callers_ask_renders_to_the_recorded_requests() {
    let caller = dialects::named("anthropic_messages").expect("known");
    let (mut same, mut without) = (0, 0);
    for recording in recordings("bedrock") {
        let own_words = ["reasoning_effort", "reasoning_config"];
        let other_maker =
            own_words.iter().any(|name| !recording.request["additionalModelRequestFields"][*name].is_null());
        let tier = !recording.request["serviceTier"].is_null();
        let Some(request) = anthropic_request(&recording).filter(|_| !other_maker && !tier) else {
            without += 1;
            continue;
        };
        let (written, dropped) = rendered(caller, &request, &recording).expect("expressible");
        super::assert_same(&recording.id, &written, &plain(&recording.request));
        assert!(dropped.is_empty(), "{}: {dropped:?}", recording.id);
        let stream = recording.path.ends_with("converse-stream");
        assert_eq!(recording.dialect.path(&recording.model(), stream), recording.path);
        same += 1;
    }
    println!("{same} requests, {without} that Anthropic's messages cannot say");
    assert!(same >= 80, "{same}");
}

/// The recorded request as a caller of OpenAI's chat completions would have sent it; `None` for what
/// those cannot say.
fn openai_request(recording: &Recording) -> Option<Value> {
    let request = Some(&recording.request).filter(|request| request.is_object())?;
    let mut messages = Vec::new();
    for block in request["system"].as_array().into_iter().flatten() {
        messages.push(json!({"role": "system", "content": block["text"].as_str()?}));
    }
    for message in request["messages"].as_array().expect("messages") {
        let (mut pieces, mut calls) = (Vec::new(), Vec::new());
        for block in message["content"].as_array().expect("content") {
            let (kind, value) = block.as_object().expect("a block").iter().next().expect("one");
            match kind.as_str() {
                "text" => pieces.push(json!({"type": "text", "text": value})),
                "video" if value["source"]["bytes"].is_string() => {
                    let url = format!("data:video/mp4;base64,{}", value["source"]["bytes"].as_str()?);
                    pieces.push(json!({"type": "file", "file": {"file_data": url}}));
                }
                "document" if value["source"]["bytes"].is_string() => {
                    let media_type = if value["format"] == "txt" { "text/plain" } else { "application/pdf" };
                    let url = format!("data:{media_type};base64,{}", value["source"]["bytes"].as_str()?);
                    pieces.push(json!({"type": "file", "file": {"file_data": url}}));
                }
                "toolUse" => calls.push(json!({
                    "id": value["toolUseId"],
                    "type": "function",
                    "function": {"name": value["name"], "arguments": value["input"].to_string()},
                })),
                "toolResult" if value["status"] != "error" => {
                    let [only] = value["content"].as_array()?.as_slice() else { return None };
                    let content = only["text"].as_str()?;
                    messages.push(json!({"role": "tool", "tool_call_id": value["toolUseId"], "content": content}));
                }
                _ => return None,
            }
        }
        let role = &message["role"];
        if !calls.is_empty() {
            messages.push(json!({"role": role, "content": pieces, "tool_calls": calls}));
        } else if !pieces.is_empty() {
            messages.push(json!({"role": role, "content": pieces}));
        }
    }
    let mut written = json!({"model": "m", "messages": messages});
    let inference = &request["inferenceConfig"];
    let additional = &request["additionalModelRequestFields"];
    let effort = additional["reasoning_config"].as_str().or(additional["reasoning_effort"].as_str());
    for (name, value) in [
        ("max_completion_tokens", inference["maxTokens"].clone()),
        ("temperature", inference["temperature"].clone()),
        ("top_p", inference["topP"].clone()),
        ("thinking", additional["thinking"].clone()),
        ("reasoning_effort", effort.map_or(Value::Null, Value::from)),
        ("service_tier", request["serviceTier"]["type"].clone()),
    ] {
        if !value.is_null() {
            written[name] = value;
        }
    }
    if !additional["thinking"].is_null() && additional["thinking"]["type"] != "enabled" {
        return None;
    }
    if request["toolConfig"].is_object() {
        let mut tools = Vec::new();
        for tool in request["toolConfig"]["tools"].as_array().expect("tools") {
            let spec = tool["toolSpec"].as_object()?;
            let mut function = json!({"name": spec["name"], "parameters": spec["inputSchema"]["json"]});
            if let Some(description) = spec.get("description") {
                function["description"] = description.clone();
            }
            tools.push(json!({"type": "function", "function": function}));
        }
        written["tools"] = tools.into();
        let choice = &request["toolConfig"]["toolChoice"];
        if choice["any"].is_object() {
            written["tool_choice"] = "required".into();
        } else if choice["auto"].is_object() {
            written["tool_choice"] = "auto".into();
        } else if choice["tool"].is_object() {
            written["tool_choice"] = json!({"type": "function", "function": {"name": choice["tool"]["name"]}});
        }
    }
    Some(written)
}

#[test]
fn what_openai_callers_ask_renders_to_the_recorded_requests() {
    let caller = dialects::named("openai_chat").expect("known");
    let (mut same, mut without) = (0, 0);
    for recording in recordings("bedrock") {
        let Some(request) = openai_request(&recording) else {
            without += 1;
            continue;
        };
        let (written, dropped) = rendered(caller, &request, &recording).expect("expressible");
        super::assert_same(&recording.id, &written, &plain(&recording.request));
        assert!(dropped.is_empty(), "{}: {dropped:?}", recording.id);
        same += 1;
    }
    println!("{same} requests, {without} that chat completions cannot say");
    assert!(same >= 60, "{same}");
}

#[test]
fn what_callers_ask_of_cohere_renders_to_the_recorded_requests() {
    let caller = dialects::named("openai_chat").expect("known");
    for recording in recordings("cohere") {
        let mut request = recording.request.clone();
        let choice = request["tool_choice"].as_str().expect("a choice").to_lowercase();
        request["tool_choice"] = choice.into();
        let (written, dropped) = rendered(caller, &request, &recording).expect("expressible");
        super::assert_same(&recording.id, &written, &recording.request);
        assert!(dropped.is_empty(), "{dropped:?}");
        assert_eq!(recording.dialect.path("m", true), recording.path);
    }
}

/// Every request of callers that was ever recorded, to each of these providers: it renders to what the
/// provider's documentation accepts, or is refused by the name of a field.
#[test]
fn what_callers_asked_of_others_renders_or_is_refused_by_field() {
    let models = ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.amazon.nova-pro-v1:0", "command-a-03-2025"];
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for recording in super::recordings() {
        let Some(request) = &recording.request else { continue };
        let neutral = read_request(recording.dialect, &request.to_string());
        let portable = super::parsed(&request.to_string(), |body| recording.dialect.check_portable(body));
        for model in models {
            let cohere = model.starts_with("command");
            let target = dialects::of_provider(if cohere { "cohere_chat" } else { "bedrock_converse" }).expect("known");
            let mut out = Vec::new();
            let portable = portable.clone();
            let options = TargetOptions::default();
            let outcome = match portable.and_then(|()| target.write_request(&neutral, model, options, &mut out)) {
                Ok(_) => {
                    let written: Value = serde_json::from_slice(&out).expect("JSON");
                    if cohere {
                        check_cohere(&written, &recording.id)
                    } else {
                        check_converse(&written, &recording.id)
                    }
                    "rendered".to_owned()
                }
                Err(fault) => {
                    assert_eq!(fault.kind, Kind::BadRequest, "{}: {fault:?}", recording.id);
                    let param = fault.param.expect("a refusal names its field");
                    format!("refused for {}", param.replace(|one: char| one.is_ascii_digit(), ""))
                }
            };
            *counts.entry(format!("{model}: {outcome}")).or_default() += 1;
        }
    }
    counts.iter().for_each(|(outcome, count)| println!("{count:4} {outcome}"));
    for model in models {
        let rendered = counts.get(&format!("{model}: rendered")).copied().unwrap_or_default();
        assert!(rendered >= 150, "{model}: {rendered}");
    }
}

fn check_converse(request: &Value, id: &str) {
    let messages = request["messages"].as_array().expect("messages");
    assert!(!messages.is_empty(), "{id}");
    let mut calls: Vec<&Value> = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        assert!(place == 0 || messages[place - 1]["role"] != message["role"], "{id}: turns must alternate");
        let content = message["content"].as_array().filter(|content| !content.is_empty()).expect("blocks");
        let of =
            |kind: &str| content.iter().map(|block| &block[kind]["toolUseId"]).filter(|id| id.is_string()).collect();
        let (results, called): (Vec<&Value>, Vec<&Value>) = (of("toolResult"), of("toolUse"));
        assert_eq!(results, calls, "{id}: results answer the calls before");
        calls = called;
        for block in content {
            let (kind, value) = block.as_object().expect("a block").iter().next().expect("one");
            match kind.as_str() {
                "text" => assert!(value.as_str().is_some_and(|text| !text.is_empty()), "{id}"),
                "toolUse" => assert!(value["input"].is_object() && message["role"] == "assistant", "{id}"),
                "toolResult" => assert!(value["content"].is_array() && message["role"] == "user", "{id}"),
                "image" | "document" => assert!(value["format"].is_string() && value["source"].is_object(), "{id}"),
                "reasoningContent" => {
                    assert!(value["reasoningText"]["signature"].is_string() || value["redactedContent"].is_string())
                }
                "cachePoint" => assert_eq!(value["type"], "default", "{id}"),
                other => panic!("{id}: {other}"),
            }
        }
    }
    let text = request["messages"].to_string();
    let has_tools = request["toolConfig"]["tools"].as_array().is_some_and(|tools| !tools.is_empty());
    assert!(!text.contains("\"toolUse\"") || has_tools, "{id}: calls need declared tools");
    assert!(request.get("toolConfig").is_none() || has_tools, "{id}");
    for tool in request["toolConfig"]["tools"].as_array().into_iter().flatten() {
        assert!(tool["toolSpec"]["inputSchema"]["json"].is_object() || tool["cachePoint"].is_object(), "{id}: {tool}");
        assert!(tool["toolSpec"].get("description").is_none_or(|text| text != ""), "{id}");
    }
    let temperature = request["inferenceConfig"].get("temperature");
    assert!(temperature.is_none_or(|value| (0.0..=1.0).contains(&value.as_f64().expect("a number"))), "{id}");
}

fn check_cohere(request: &Value, id: &str) {
    let mut calls: Vec<&Value> = Vec::new();
    for message in request["messages"].as_array().filter(|messages| !messages.is_empty()).expect("messages") {
        match message["role"].as_str().expect("a role") {
            "tool" => {
                assert!(calls.contains(&&message["tool_call_id"]), "{id}: a result without its call");
                assert!(!message["content"].is_null(), "{id}");
            }
            "assistant" => {
                calls = message["tool_calls"].as_array().into_iter().flatten().map(|call| &call["id"]).collect();
                assert!(!calls.is_empty() || !message["content"].is_null(), "{id}");
            }
            role => assert!(matches!(role, "system" | "user") && !message["content"].is_null(), "{id}"),
        }
    }
    assert!(request.get("tool_choice").is_none_or(|choice| choice == "REQUIRED" || choice == "NONE"), "{id}");
}

/// Whatever stands where a value is expected: an event or a refusal to read on, never a panic and never
/// an end that was not said.
#[test]
fn events_with_anything_in_them_are_read_or_refused() {
    let strange = [json!(null), json!(-1), json!("x"), json!([]), json!([{}]), json!({}), json!({"a": {"b": 1}})];
    let mut read = 0;
    for recording in streams() {
        for (name, data) in cut([recording.body.as_slice()]).0 {
            let event: Value = serde_json::from_str(&data).expect("JSON");
            for changed in changed(&event, &strange) {
                let mut reader = recording.dialect.event_reader();
                let mut events = Vec::new();
                let outcome = reader.read(Some(&name), &changed.to_string(), &mut events);
                read += usize::from(outcome.is_ok());
                let ended = events.iter().any(|event| matches!(event, Event::End));
                assert!(!ended || name == "metadata", "{}: {changed}", recording.id);
            }
        }
    }
    assert!(read > 1000, "{read}");
}

/// `value` with each value inside it replaced by each of `strange`.
fn changed(value: &Value, strange: &[Value]) -> Vec<Value> {
    let mut all = strange.to_vec();
    if let Value::Object(object) = value {
        for (name, inner) in object {
            for inner in changed(inner, strange) {
                let mut object = object.clone();
                object.insert(name.clone(), inner);
                all.push(Value::Object(object));
            }
        }
    }
    all
}
