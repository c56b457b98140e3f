//! Sources of answers, told to callers of other formats than their provider's.

use crate::caller::Answer;
use crate::caller::post_to;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Gateway;
use crate::process::Setup;
use crate::provider::Provider;
use crate::provider::STREAM_HEAD;
use crate::provider::json_answer;
use serde_json::Value;
use serde_json::json;

on_both_drivers! {
    sources_beside_an_answer_reach_every_caller,
    sources_told_behind_the_reason_to_finish_are_told_before_it,
    sources_found_elsewhere_are_not_sent_back_to_claude,
}

/// An answer of Perplexity's, whose sources stand beside its choices, whole or as its last chunk.
fn searched(object: &str, choice: Value) -> String {
    json!({
        "id": "c1", "object": object, "created": 1_700_000_000, "model": "sonar", "choices": [choice],
        "citations": ["https://a.example/1"],
        "search_results": [{"title": "One", "url": "https://a.example/1", "date": "2025-01-01"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    })
    .to_string()
}

fn start(driver: Driver, provider: &Provider) -> Gateway {
    Setup::new(driver).provider("p", provider, "").route("*", "\"p\"", "cache = { exact = false }").start()
}

/// What callers of each format ask, and where.
fn questions(stream: bool) -> [(&'static str, String); 3] {
    let gemini = ["/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent?alt=sse"];
    let said = json!([{"role": "user", "content": "x"}]);
    [
        ("/v1/responses", json!({"model": "m", "input": "x", "stream": stream}).to_string()),
        ("/v1/messages", json!({"model": "m", "max_tokens": 9, "messages": said, "stream": stream}).to_string()),
        (gemini[usize::from(stream)], json!({"contents": [{"role": "user", "parts": [{"text": "x"}]}]}).to_string()),
    ]
}

/// The JSON of every event.
fn events(answer: &Answer) -> Vec<Value> {
    let text = answer.text();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).expect("JSON")).collect()
}

fn sources_beside_an_answer_reach_every_caller(driver: Driver) {
    let provider = Provider::start(|seen, peer| {
        let message = json!({"role": "assistant", "content": "né à Paris [1]"});
        if !seen.wants_stream() {
            let choice = json!({"index": 0, "finish_reason": "stop", "message": message});
            return peer.send(json_answer(200, &searched("chat.completion", choice)));
        }
        peer.send(STREAM_HEAD);
        for (words, finish) in [("né à ", Value::Null), ("Paris [1]", "stop".into())] {
            let choice = json!({"index": 0, "finish_reason": finish, "delta": {"content": words}});
            peer.chunk(format!("data: {}\n\n", searched("chat.completion.chunk", choice)));
        }
        peer.chunk("data: [DONE]\n\n");
        peer.end_chunks();
    });
    let gateway = start(driver, &provider);
    let annotation =
        json!({"type": "url_citation", "start_index": 0, "end_index": 0, "title": "One", "url": "https://a.example/1"});
    let citation = json!({
        "type": "web_search_result_location", "cited_text": "", "encrypted_index": "ringgate:source:",
        "title": "One", "url": "https://a.example/1",
    });
    let grounding = json!({
        "groundingChunks": [{"web": {"uri": "https://a.example/1", "title": "One"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 0, "endIndex": 16, "text": "né à Paris [1]"}, "groundingChunkIndices": [0]},
        ],
    });
    let [responses, messages, gemini] =
        questions(false).map(|(path, body)| gateway.ask(&post_to(path, "", &body)).json());
    assert_eq!(responses["output"][0]["content"][0]["annotations"], json!([annotation]), "{responses}");
    assert_eq!(messages["content"][0]["citations"], json!([citation]), "{messages}");
    assert_eq!(gemini["candidates"][0]["groundingMetadata"], grounding, "{gemini}");

    let [responses, messages, gemini] =
        questions(true).map(|(path, body)| events(&gateway.ask(&post_to(path, "", &body))));
    let told = responses.iter().find(|event| event["type"] == "response.output_text.annotation.added");
    assert_eq!(told.map(|event| &event["annotation"]), Some(&annotation));
    let last = responses.last().expect("events");
    assert_eq!(last["response"]["output"][0]["content"][0]["annotations"], json!([annotation]), "told once");
    let told: Vec<&Value> = messages.iter().filter(|event| event["delta"]["type"] == "citations_delta").collect();
    assert_eq!((told.len(), &told[0]["delta"]["citation"]), (1, &citation));
    assert_eq!(gemini.last().map(|chunk| &chunk["candidates"][0]["groundingMetadata"]), Some(&grounding));
}

/// Gemini may say where its answer comes from once it has said why it ended.
fn sources_told_behind_the_reason_to_finish_are_told_before_it(driver: Driver) {
    let provider = Provider::start(|_, peer| {
        peer.send(STREAM_HEAD);
        let metadata = json!({
            "groundingChunks": [{"web": {"uri": "https://a.example/1", "title": "One"}}],
            "groundingSupports": [{"segment": {"startIndex": 4, "endIndex": 9}, "groundingChunkIndices": [0]}],
        });
        for candidate in [
            json!({"content": {"role": "model", "parts": [{"text": "né Paris"}]}, "finishReason": "STOP"}),
            json!({"groundingMetadata": metadata}),
        ] {
            let chunk = json!({"candidates": [candidate], "modelVersion": "gemini", "responseId": "r"});
            peer.chunk(format!("data: {chunk}\n\n"));
        }
        peer.end_chunks();
    });
    let tables =
        format!("[[providers]]\nname = \"g\"\ndialect = \"gemini\"\nbase_url = \"http://{}\"\n", provider.address);
    let gateway = Setup::new(driver).tables(&tables).route("*", "\"g\"", "cache = { exact = false }").start();
    let said = json!([{"role": "user", "content": "x"}]);
    let asked = json!({"model": "gemini", "messages": said, "stream": true}).to_string();
    let chunks = events(&gateway.ask(&post_to("/v1/chat/completions", "", &asked)));
    let [.., cited, end] = &chunks[..] else { panic!("{chunks:?}") };
    let place = json!({"start_index": 3, "end_index": 8, "title": "One", "url": "https://a.example/1"});
    let annotations = json!([{"index": 0, "type": "url_citation", "url_citation": place}]);
    assert_eq!(cited["choices"][0]["delta"]["annotations"], annotations, "{chunks:?}");
    assert_eq!(end["choices"][0]["finish_reason"], "stop");
    let asked = json!({"model": "gemini", "max_tokens": 9, "messages": said, "stream": true}).to_string();
    let told = events(&gateway.ask(&post_to("/v1/messages", "", &asked)));
    let place =
        |wanted: &str| told.iter().position(|event| event["delta"]["type"] == wanted || event["type"] == wanted);
    let places = ["text_delta", "citations_delta", "content_block_stop", "message_delta"].map(place);
    assert!(places[0].is_some() && places.is_sorted(), "{told:?}");
}

fn sources_found_elsewhere_are_not_sent_back_to_claude(driver: Driver) {
    let answer = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn",
        "stop_sequence": null, "content": [{"type": "text", "text": "yes"}], "usage": {"input_tokens": 1, "output_tokens": 1},
    });
    let provider = Provider::start(move |_, peer| peer.send(json_answer(200, &answer.to_string())));
    let tables = format!(
        "[[providers]]\nname = \"c\"\ndialect = \"anthropic_messages\"\nbase_url = \"http://{}\"\n",
        provider.address
    );
    let gateway = Setup::new(driver).tables(&tables).route("*", "\"c\"", "").start();
    let place = |index: &str| json!({"type": "web_search_result_location", "cited_text": "q", "encrypted_index": index, "title": null, "url": "https://a"});
    let body = json!({"model": "claude", "max_tokens": 9, "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [
            {"type": "text", "text": "a", "citations": [place("Eo8BCioIAhgB"), place("ringgate:source:")]},
            {"type": "text", "text": "b", "citations": [place("ringgate:source:")]},
        ]},
        {"role": "user", "content": "and?"},
    ]});
    assert_eq!(gateway.ask(&post_to("/v1/messages", "", &body.to_string())).status, 200);
    let sent = provider.only().json();
    assert_eq!(sent["messages"][1]["content"][0]["citations"], json!([place("Eo8BCioIAhgB")]));
    assert_eq!(sent["messages"][1]["content"][1], json!({"type": "text", "text": "b"}));
}
