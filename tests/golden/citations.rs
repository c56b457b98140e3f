//! Sources of an answer, from every dialect that names some to callers of every other one, held against what
//! each dialect's SDK looks for: in which event of a stream, at which place, of which words.

use super::Digest;
use super::assembled;
use super::events_of;
use super::others;
use super::read_answer;
use super::recordings;
use super::write_answer;
use super::written_stream;
use ringgate::chat::Answer;
use ringgate::chat::Assembler;
use ringgate::chat::Event;
use ringgate::chat::answer_events;
use ringgate::dialects;
use ringgate::dialects::Dialect;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

/// A provider's stream that says "Né à Paris." and names a page for "Paris.".
struct Stream {
    dialect: &'static str,
    /// Are the last words a text of their own?
    in_two: bool,
    /// What is told of the page's words.
    cited_text: &'static str,
    events: Vec<(&'static str, Value)>,
}

fn page() -> Value {
    json!({"type": "web_search_result_location", "url": "https://a", "title": "A", "cited_text": "of Paris", "encrypted_index": "Eo8B"})
}

fn of_chat() -> Stream {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        ("", json!({"id": "c", "model": "m", "created": 7, "choices": [choice]}))
    };
    let place = json!({"url": "https://a", "title": "A", "start_index": 5, "end_index": 11, "content": "of Paris"});
    let annotations = json!([{"type": "url_citation", "url_citation": place}]);
    let events = vec![
        // Some tell them first.
        chunk(json!({"role": "assistant", "annotations": annotations}), Value::Null),
        chunk(json!({"content": "N\u{e9} \u{e0} "}), Value::Null),
        chunk(json!({"content": "Paris."}), Value::Null),
        chunk(json!({}), json!("stop")),
    ];
    Stream { dialect: "openai_chat", in_two: false, cited_text: "of Paris", events }
}

fn of_responses() -> Stream {
    let annotation =
        json!({"type": "url_citation", "url": "https://a", "title": "A", "start_index": 5, "end_index": 11});
    let part =
        |text: &str, annotations: Value| json!({"type": "output_text", "text": text, "annotations": annotations});
    let item = |content: Value| json!({"type": "message", "id": "msg_1", "role": "assistant", "content": content});
    let response = |status: &str, output: Value| json!({"response": {"id": "resp_1", "object": "response", "model": "m", "created_at": 7, "status": status, "output": output}});
    let whole = item(json!([part("N\u{e9} \u{e0} Paris.", json!([annotation]))]));
    let events = vec![
        ("response.created", response("in_progress", json!([]))),
        ("response.output_item.added", json!({"item": item(json!([]))})),
        ("response.content_part.added", json!({"part": part("", json!([]))})),
        ("response.output_text.delta", json!({"delta": "N\u{e9} \u{e0} "})),
        ("response.output_text.delta", json!({"delta": "Paris."})),
        ("response.output_text.annotation.added", json!({"annotation": annotation})),
        ("response.output_item.done", json!({"item": whole})),
        ("response.completed", response("completed", json!([whole]))),
    ];
    Stream { dialect: "openai_responses", in_two: false, cited_text: "", events }
}

fn of_messages() -> Stream {
    let start = json!({"type": "text", "text": ""});
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}});
    let events = vec![
        ("message_start", json!({"message": message})),
        ("content_block_start", json!({"index": 0, "content_block": start})),
        ("content_block_delta", json!({"index": 0, "delta": {"type": "text_delta", "text": "N\u{e9} \u{e0} "}})),
        ("content_block_stop", json!({"index": 0})),
        ("content_block_start", json!({"index": 1, "content_block": start})),
        ("content_block_delta", json!({"index": 1, "delta": {"type": "citations_delta", "citation": page()}})),
        ("content_block_delta", json!({"index": 1, "delta": {"type": "text_delta", "text": "Paris."}})),
        ("content_block_stop", json!({"index": 1})),
        ("message_delta", json!({"delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {}})),
        ("message_stop", json!({})),
    ];
    Stream { dialect: "anthropic_messages", in_two: true, cited_text: "of Paris", events }
}

fn of_gemini() -> Stream {
    let chunk = |text: &str, more: Value| {
        let mut candidate = json!({"content": {"role": "model", "parts": [{"text": text}]}, "index": 0});
        candidate.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        ("", json!({"candidates": [candidate], "modelVersion": "m", "responseId": "r"}))
    };
    let metadata = json!({
        "groundingChunks": [{"web": {"uri": "https://b"}}, {"web": {"uri": "https://a", "title": "A"}}],
        "groundingSupports": [{"segment": {"startIndex": 7, "endIndex": 13}, "groundingChunkIndices": [1]}],
    });
    let last = json!({"finishReason": "STOP", "groundingMetadata": metadata});
    let events = vec![chunk("N\u{e9} \u{e0} ", json!({})), chunk("Paris.", last)];
    Stream { dialect: "gemini", in_two: false, cited_text: "", events }
}

fn of_converse() -> Stream {
    let delta = |block: u64, delta: Value| ("contentBlockDelta", json!({"contentBlockIndex": block, "delta": delta}));
    let citation = json!({"title": "A", "sourceContent": [{"text": "of "}, {"text": "Paris"}], "location": {"web": {"url": "https://a"}}});
    let events = vec![
        ("messageStart", json!({"role": "assistant"})),
        delta(0, json!({"text": "N\u{e9} \u{e0} "})),
        ("contentBlockStop", json!({"contentBlockIndex": 0})),
        delta(1, json!({"text": "Paris."})),
        delta(1, json!({"citation": citation})),
        ("contentBlockStop", json!({"contentBlockIndex": 1})),
        ("messageStop", json!({"stopReason": "end_turn"})),
        ("metadata", json!({"usage": {"inputTokens": 1, "outputTokens": 1}})),
    ];
    Stream { dialect: "bedrock_converse", in_two: true, cited_text: "of Paris", events }
}

fn of_cohere() -> Stream {
    let message = |message: Value| json!({"index": 0, "delta": {"message": message}});
    let document = json!({"title": "A", "url": "https://a", "snippet": "of Paris"});
    let citation = json!({"start": 5, "end": 11, "text": "Paris.", "sources": [{"type": "document", "id": "d", "document": document}]});
    let events = vec![
        ("message-start", json!({"id": "c", "delta": {"message": {"role": "assistant"}}})),
        ("content-start", message(json!({"content": {"type": "text", "text": ""}}))),
        ("content-delta", message(json!({"content": {"text": "N\u{e9} \u{e0} "}}))),
        ("content-delta", message(json!({"content": {"text": "Paris."}}))),
        ("content-end", json!({"index": 0})),
        ("citation-start", message(json!({"citations": citation}))),
        ("citation-end", json!({"index": 0})),
        ("message-end", json!({"delta": {"finish_reason": "COMPLETE"}})),
    ];
    Stream { dialect: "cohere_chat", in_two: false, cited_text: "of Paris", events }
}

fn streams() -> [Stream; 6] {
    [of_chat(), of_responses(), of_messages(), of_gemini(), of_converse(), of_cohere()]
}

impl Stream {
    fn read(&self) -> Vec<Event> {
        let dialect = dialects::spoken(self.dialect).expect("a dialect");
        let mut reader = dialect.event_reader();
        let mut events = Vec::new();
        for (name, data) in &self.events {
            let mut data = data.clone();
            if !name.is_empty() && self.dialect != "bedrock_converse" {
                data["type"] = json!(name);
            }
            reader.read(Some(name), &data.to_string(), &mut events).expect("understood");
        }
        if events.last() != Some(&Event::End) {
            events.push(Event::End);
        }
        events
    }
}

/// What a caller's SDK reads: the JSON of every event.
fn told(caller: &dyn Dialect, events: &[Event]) -> Vec<Value> {
    let text = written_stream(caller, events);
    let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).expect("JSON")).collect()
}

/// Where the events of a stream are for which `is` holds.
fn places(events: &[Value], is: impl Fn(&Value) -> bool) -> Vec<usize> {
    (0..events.len()).filter(|place| is(&events[*place])).collect()
}

/// Are these the last words? A remembered answer is told in longer pieces.
fn ends(words: &Value) -> bool {
    words.as_str().is_some_and(|words| words.ends_with("Paris."))
}

fn annotation(start: u64, end: u64) -> Value {
    json!({"start_index": start, "end_index": end, "title": "A", "url": "https://a"})
}

/// `delta.annotations`, once, behind the last words and before the reason to finish.
fn check_chat(stream: &Stream, events: &[Value]) {
    let delta = |event: &Value, name: &str| !event["choices"][0]["delta"][name].is_null();
    let cited = places(events, |event| delta(event, "annotations"));
    let last_words = places(events, |event| ends(&event["choices"][0]["delta"]["content"]));
    let end = places(events, |event| event["choices"][0]["finish_reason"] == "stop");
    assert_eq!((cited.len(), last_words.len(), end.len()), (1, 1, 1), "{}: {events:?}", stream.dialect);
    assert!(last_words[0] < cited[0] && cited[0] < end[0], "{}: {events:?}", stream.dialect);
    let wanted = json!([{"index": 0, "type": "url_citation", "url_citation": annotation(5, 11)}]);
    assert_eq!(events[cited[0]]["choices"][0]["delta"]["annotations"], wanted, "{}", stream.dialect);
}

/// `response.output_text.annotation.added` while the text is open, counted in its text, and in all repetitions.
fn check_responses(stream: &Stream, events: &[Value]) {
    let cited = places(events, |event| event["type"] == "response.output_text.annotation.added");
    let [cited] = cited[..] else { panic!("{}: {events:?}", stream.dialect) };
    let mut wanted = if stream.in_two { annotation(0, 6) } else { annotation(5, 11) };
    wanted["type"] = json!("url_citation");
    let (event, piece) = (&events[cited], u64::from(stream.in_two));
    assert_eq!((&event["annotation"], &event["annotation_index"]), (&wanted, &json!(0)), "{}", stream.dialect);
    assert_eq!(event["content_index"], piece, "{}", stream.dialect);
    let of_piece = |kind: &str| places(events, |event| event["type"] == kind && event["content_index"] == piece);
    assert!(of_piece("response.output_text.delta").iter().all(|delta| *delta < cited), "{}", stream.dialect);
    assert!(of_piece("response.output_text.done").iter().all(|done| *done > cited), "{}", stream.dialect);
    let done = &events[of_piece("response.content_part.done")[0]]["part"];
    let last = &events.last().expect("events")["response"]["output"][0]["content"][usize::from(stream.in_two)];
    assert_eq!((&done["annotations"], &last["annotations"]), (&json!([wanted]), &json!([wanted])));
}

/// `citations_delta` inside the block whose words it is about.
fn check_messages(stream: &Stream, events: &[Value]) {
    let cited = places(events, |event| event["delta"]["type"] == "citations_delta");
    let [cited] = cited[..] else { panic!("{}: {events:?}", stream.dialect) };
    let wanted = json!({"type": "web_search_result_location", "url": "https://a", "title": "A",
        "cited_text": stream.cited_text, "encrypted_index": "ringgate:source:"});
    assert_eq!(events[cited]["delta"]["citation"], wanted, "{}", stream.dialect);
    assert_eq!(events[cited]["index"], u64::from(stream.in_two), "{}", stream.dialect);
    let words = places(events, |event| ends(&event["delta"]["text"]));
    let stop = places(events, |event| event["type"] == "content_block_stop");
    assert!(words[0] < cited && cited < *stop.last().expect("a stop"), "{}: {events:?}", stream.dialect);
}

/// `groundingMetadata` of the last chunk, counted in bytes.
fn check_gemini(stream: &Stream, events: &[Value]) {
    let cited = places(events, |event| !event["candidates"][0]["groundingMetadata"].is_null());
    assert_eq!(cited, [events.len() - 1], "{}: {events:?}", stream.dialect);
    let wanted = json!({
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 7, "endIndex": 13, "text": "Paris."}, "groundingChunkIndices": [0]},
        ],
    });
    assert_eq!(events[cited[0]]["candidates"][0]["groundingMetadata"], wanted, "{}", stream.dialect);
}

type Check = fn(&Stream, &[Value]);
const CHECKS: [(&str, Check); 4] = [
    ("openai_chat", check_chat),
    ("openai_responses", check_responses),
    ("anthropic_messages", check_messages),
    ("gemini", check_gemini),
];

fn answer(events: &[Event]) -> Answer {
    let mut assembler = Assembler::default();
    events.iter().cloned().for_each(|event| assembler.push(event));
    assembler.finish().expect("complete")
}

#[test]
fn every_sdk_finds_a_source_in_its_place() {
    for stream in streams() {
        let events = stream.read();
        let answer = answer(&events);
        for (name, check) in CHECKS.iter().filter(|(name, _)| *name != stream.dialect) {
            let caller = dialects::named(name).expect("a dialect of callers");
            check(&stream, &told(caller, &events));
            // The same when a remembered answer is told again, and told whole.
            check(&stream, &told(caller, &answer_events(&answer)));
            let again = read_answer(caller, &write_answer(caller, &answer));
            let wanted = Digest::of(&answer).told_by(caller).sources;
            assert_eq!(wanted.len(), 1, "{}", stream.dialect);
            assert_eq!(Digest::of(&again).told_by(caller).sources, wanted, "{} to {name}", stream.dialect);
        }
    }
}

#[test]
fn what_a_provider_cites_itself_is_told_once_to_callers_of_its_dialect() {
    for stream in streams() {
        let Some(caller) = dialects::named(stream.dialect) else { continue };
        for events in [stream.read(), answer_events(&answer(&stream.read()))] {
            let text = written_stream(caller, &events);
            // Responses repeat it with the piece, the item and the end.
            let wanted = if stream.dialect == "openai_responses" { 4 } else { 1 };
            assert_eq!(text.matches("https://a").count(), wanted, "{}: {text}", stream.dialect);
            assert!(!text.contains("ringgate:"), "{text}");
        }
        assert_eq!(write_answer(caller, &answer(&stream.read())).matches("https://a").count(), 1, "{}", stream.dialect);
    }
}

#[test]
fn places_in_documents_are_told_to_callers_of_claude_alone() {
    let location = json!({"documentChar": {"documentIndex": 0, "start": 3, "end": 9}});
    let citation = json!({"title": "D", "sourceContent": [{"text": "said"}], "location": location});
    let mut stream = of_converse();
    stream.events[4].1["delta"]["citation"] = citation;
    let events = stream.read();
    let claude = dialects::named("anthropic_messages").expect("a dialect");
    let wanted = json!({"type": "char_location", "cited_text": "said", "document_index": 0, "document_title": "D",
        "start_char_index": 3, "end_char_index": 9});
    let cited = told(claude, &events).into_iter().filter(|event| event["delta"]["type"] == "citations_delta");
    assert_eq!(
        cited.map(|event| event["delta"]["citation"].clone()).collect::<Vec<_>>(),
        std::slice::from_ref(&wanted)
    );
    let whole: Value = serde_json::from_str(&write_answer(claude, &answer(&events))).expect("JSON");
    assert_eq!(whole["content"][1]["citations"], json!([wanted]));
    for other in others(claude) {
        let (streamed, whole) = (written_stream(other, &events), write_answer(other, &answer(&events)));
        for word in ["\"D\"", "url_citation", "groundingMetadata"] {
            assert!(!streamed.contains(word) && !whole.contains(word), "{}: {streamed} {whole}", other.name());
        }
    }
}

/// Perplexity says with every chunk what it found, and not what for.
#[test]
fn addresses_beside_an_answer_are_sources_of_no_words_in_particular() {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        let found = json!([{"title": "A", "url": "https://a", "date": "2025-01-01"}]);
        (
            "",
            json!({"id": "c", "model": "sonar", "choices": [choice], "citations": ["https://a"], "search_results": found}),
        )
    };
    let events = vec![
        chunk(json!({"role": "assistant", "content": "N\u{e9} \u{e0} "}), Value::Null),
        chunk(json!({"content": "Paris. [1]"}), json!("stop")),
    ];
    let stream = Stream { dialect: "openai_chat", in_two: false, cited_text: "", events };
    let events = stream.read();
    let to = |name: &str| told(dialects::named(name).expect("a dialect"), &events);
    let annotations = |event: &Value| event["response"]["output"][0]["content"][0]["annotations"].clone();
    let nowhere = json!({"type": "url_citation", "start_index": 0, "end_index": 0, "title": "A", "url": "https://a"});
    assert_eq!(to("openai_responses").last().map(annotations), Some(json!([nowhere])));
    let messages = to("anthropic_messages");
    let cited: Vec<&Value> = messages.iter().filter(|event| event["delta"]["type"] == "citations_delta").collect();
    assert_eq!((cited.len(), &cited[0]["delta"]["citation"]["url"]), (1, &json!("https://a")));
    let gemini = to("gemini");
    let support = &gemini.last().expect("chunks")["candidates"][0]["groundingMetadata"]["groundingSupports"][0];
    assert_eq!(support["segment"], json!({"startIndex": 0, "endIndex": 17, "text": "N\u{e9} \u{e0} Paris. [1]"}));
    let again = to("openai_chat");
    let repeated =
        |event: &&Value| event["search_results"][0]["title"] == "A" && event["citations"] == json!(["https://a"]);
    assert_eq!(again.iter().filter(repeated).count(), again.len(), "as it was told: {again:?}");
    assert!(!json!(again).to_string().contains("annotations"));
    let assembled = answer(&events);
    assert_eq!(assembled.choices[0].citations.len(), 1, "once, although every chunk says it");
    let whole = read_answer(dialects::named("openai_chat").expect("a dialect"), &json!({"id": "c", "model": "sonar",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "N\u{e9} \u{e0} Paris. [1]"}}],
        "citations": ["https://a"], "search_results": [{"title": "A", "url": "https://a"}]}).to_string());
    assert_eq!(whole.choices[0].citations, assembled.choices[0].citations);
}

#[test]
fn recorded_sources_reach_callers_of_every_dialect_with_their_words() {
    let mut known = BTreeMap::new();
    for recording in recordings().into_iter().filter(|recording| recording.status == 200) {
        let (events, answer) = if recording.stream {
            let events = events_of(recording.dialect, &recording.body);
            let Some(answer) = assembled(&events) else { continue };
            (events, answer)
        } else {
            let answer = read_answer(recording.dialect, &recording.body);
            (answer_events(&answer), answer)
        };
        let sources = Digest::of(&answer).sources;
        *known.entry((recording.dialect.name(), recording.stream)).or_insert(0) += sources.len();
        for caller in others(recording.dialect).filter(|_| !sources.is_empty()) {
            let streamed = assembled(&events_of(caller, &written_stream(caller, &events))).expect("complete");
            let whole = read_answer(caller, &write_answer(caller, &answer));
            let wanted = Digest::of(&answer).told_by(caller).sources;
            for again in [streamed, whole] {
                let found = Digest::of(&again).told_by(caller).sources;
                assert_eq!(found, wanted, "{} to {}", recording.id, caller.name());
            }
        }
    }
    let some = |dialect, stream| known.get(&(dialect, stream)).is_some_and(|sources| *sources > 0);
    for dialect in ["anthropic_messages", "gemini", "openai_responses"] {
        assert!(some(dialect, false) && some(dialect, true), "{dialect}: {known:?}");
    }
    assert!(some("openai_chat", true), "{known:?}");
}
