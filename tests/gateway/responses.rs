//! The Responses API across the gateway: untranslated to its own kind, translated to every other, and back
//! again with what a tool loop needs.

use crate::caller::Answer;
use crate::caller::body;
use crate::caller::post;
use crate::caller::post_to;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Gateway;
use crate::process::Setup;
use crate::process::key;
use crate::process::until;
use crate::provider::Peer;
use crate::provider::Provider;
use crate::provider::STREAM_HEAD;
use crate::provider::Seen;
use crate::provider::completion;
use crate::provider::delta;
use crate::provider::event;
use crate::provider::finish;
use crate::provider::json_answer;
use crate::provider::opening;
use crate::provider::usage_event;
use serde_json::Value;
use serde_json::json;

on_both_drivers! {
    its_own_kind_gets_and_gives_every_byte,
    a_provider_that_speaks_several_dialects_is_asked_in_the_callers,
    chat_completions_answer_a_response,
    a_signed_tool_loop_with_messages_comes_full_circle,
    a_chat_caller_carries_reasoning_items_through_a_tool_loop,
    a_messages_caller_carries_reasoning_items_through_a_tool_loop,
    no_provider_is_shown_the_seal_of_another,
    what_only_its_own_kind_can_serve_is_refused_by_field,
    odd_names_of_fields_stay_in_their_header,
    a_broken_stream_says_so_and_has_no_end,
    failed_responses_are_failures,
    a_conversation_goes_on_where_it_began,
    a_limited_key_goes_on_from_its_own_alone,
    remembered_answers_are_told_in_this_dialect,
    a_stored_answer_keeps_its_id_and_a_conversation_is_never_remembered,
}

const PATH: &str = "/v1/responses";

fn speaking(name: &str, dialect: &str, provider: &Provider, lines: &str) -> String {
    let path = if dialect == "anthropic_messages" { "" } else { "/v1" };
    let url = format!("http://{}{path}", provider.address);
    format!("[[providers]]\nname = {name:?}\ndialect = {dialect:?}\nbase_url = {url:?}\n{lines}\n")
}

/// A gateway whose only provider speaks `dialect`, without or with a cache.
fn start(driver: Driver, dialect: &str, provider: &Provider, cached: bool) -> Gateway {
    let cache = format!("cache = {{ exact = {cached} }}");
    Setup::new(driver).tables(&speaking("p", dialect, provider, "")).route("*", "\"p\"", &cache).start()
}

fn ask(gateway: &Gateway, body: &str) -> Answer {
    let answer = gateway.ask(&post_to(PATH, "", body));
    // An answer is remembered after it was given.
    until("nothing is in flight", || gateway.metric("ringgate_requests_in_flight", &[]) as usize == 0);
    answer
}

/// A recorded exchange: the request as it was sent and the provider's answer.
fn recorded(id: &str) -> (String, String) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/openai.jsonl");
    let text = std::fs::read_to_string(path).expect("recordings");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a recording"));
    let found = lines.into_iter().find(|line| line["id"] == id).unwrap_or_else(|| panic!("no recording {id}"));
    (found["request"].to_string(), found["body"].as_str().expect("a body").to_owned())
}

const RECORDED_STREAM: &str = "test_openai_responses/test_openai_responses_phase_streamed_on_part_start#0";
const RECORDED_WHOLE: &str = "test_openai_responses/test_openai_responses_model_simple_response#0";

/// Events by name, each with its data.
#[track_caller]
fn events(answer: &Answer) -> Vec<(String, Value)> {
    let text = answer.text();
    let read = |event: &str| {
        let (name, data) = event.split_once('\n').unwrap_or_else(|| panic!("not an event: {event:?}"));
        let name = name.strip_prefix("event: ").unwrap_or_else(|| panic!("an unnamed event: {event:?}"));
        let data = data.strip_prefix("data: ").unwrap_or_else(|| panic!("no data: {event:?}"));
        (name.to_owned(), serde_json::from_str(data).expect("JSON"))
    };
    text.split_terminator("\n\n").map(read).collect()
}

/// The response in the last event of a complete stream.
#[track_caller]
fn completed(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.is_whole), (200, true), "{}", answer.text());
    let mut events = events(answer);
    let (name, data) = events.pop().expect("events");
    assert_eq!(name, "response.completed", "{}", answer.text());
    data["response"].clone()
}

/// All text of a response.
fn output_text(response: &Value) -> String {
    let items = response["output"].as_array().expect("a list");
    let parts = items.iter().flat_map(|item| item["content"].as_array().into_iter().flatten());
    parts.filter_map(|part| part["text"].as_str()).collect()
}

fn send_stream(peer: &mut Peer, text: &str) {
    peer.send(STREAM_HEAD);
    text.split_inclusive("\n\n").for_each(|event| peer.chunk(event));
    peer.end_chunks();
}

fn its_own_kind_gets_and_gives_every_byte(driver: Driver) {
    let (asked, stream) = recorded(RECORDED_STREAM);
    let (asked_whole, whole) = recorded(RECORDED_WHOLE);
    let provider = {
        let (stream, whole) = (stream.clone(), whole.clone());
        Provider::start(move |seen, peer| {
            if seen.wants_stream() { send_stream(peer, &stream) } else { peer.send(json_answer(200, &whole)) }
        })
    };
    let gateway = start(driver, "openai_responses", &provider, false);
    for path in [PATH, "/openai/v1/responses"] {
        let answer = gateway.ask(&post_to(path, "", &asked));
        assert_eq!((answer.status, answer.is_whole, answer.text()), (200, true, stream.clone()));
        let answer = gateway.ask(&post_to(path, "", &asked_whole));
        assert_eq!((answer.status, answer.text()), (200, whole.clone()));
    }
    // State and tools of the provider's own are its own business.
    let stateful = r#"{ "previous_response_id":"resp_1", "model":"p/m" ,"tools":[{"type":"web_search"}],"store":true, "new":[1.50] }"#;
    assert_eq!(ask(&gateway, stateful).status, 200);
    let bodies: Vec<String> = provider.seen().iter().map(Seen::text).collect();
    let renamed = stateful.replace("p/m", "m");
    assert_eq!(bodies, [&asked, &asked_whole, &asked, &asked_whole, &renamed].map(Clone::clone));
    assert!(provider.seen().iter().all(|seen| seen.head.starts_with(b"POST /v1/responses HTTP/1.1\r\n")));
}

fn a_provider_that_speaks_several_dialects_is_asked_in_the_callers(driver: Driver) {
    let (_, whole) = recorded(RECORDED_WHOLE);
    let provider = Provider::start(move |seen, peer| {
        let is_response = seen.head.starts_with(b"POST /v1/responses ");
        peer.send(json_answer(200, if is_response { &whole } else { CHAT_ANSWER }));
    });
    let also = "also_speaks = [\"openai_responses\"]";
    let gateway = Setup::new(driver)
        .tables(&speaking("p", "openai_chat", &provider, also))
        .route("*", "\"p\"", "cache = { exact = false }")
        .start();
    let answer = ask(&gateway, r#"{"model":"m","input":"x","background":true}"#);
    assert_eq!((answer.status, answer.json()["object"].as_str()), (200, Some("response")));
    let answer = gateway.ask(&post("", &body("m", "x")));
    assert_eq!((answer.status, answer.text().as_str()), (200, CHAT_ANSWER));
    let answer = gateway.ask(&post_to(
        "/v1/messages",
        "",
        r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#,
    ));
    assert_eq!((answer.status, answer.json()["type"].as_str()), (200, Some("message")), "{}", answer.text());
    assert_eq!(provider.seen()[2].json()["messages"][0]["content"], "x", "the first dialect serves everybody else");
}

const CHAT_ANSWER: &str = r#"{"id":"chatcmpl-Ab1","object":"chat.completion","created":1700000000,"model":"scripted-1","choices":[{"index":0,"message":{"role":"assistant","content":"Looking.","tool_calls":[{"id":"call_1","type":"function","function":{"name":"look","arguments":"{\"at\":1}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":2}}}"#;

fn chat_stream(peer: &mut Peer) {
    let call = r#"{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"look","arguments":""}}]},"finish_reason":null}"#;
    let more = |text: &str| {
        let text = Value::from(text);
        event(&format!(
            r#"{{"index":0,"delta":{{"tool_calls":[{{"index":0,"function":{{"arguments":{text}}}}}]}},"finish_reason":null}}"#
        ))
    };
    peer.send(STREAM_HEAD);
    for piece in
        [opening(), delta("Look"), delta("ing."), event(call), more("{\"at\""), more(":1}"), finish("tool_calls")]
    {
        peer.chunk(piece);
    }
    peer.chunk(format!("{}data: [DONE]\n\n", usage_event()));
    peer.end_chunks();
}

fn chat_completions_answer_a_response(driver: Driver) {
    let provider =
        Provider::start(
            |seen, peer| {
                if seen.wants_stream() { chat_stream(peer) } else { peer.send(json_answer(200, CHAT_ANSWER)) }
            },
        );
    let gateway = start(driver, "openai_chat", &provider, false);
    let asking = json!({
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Look"}, {"type": "input_image", "image_url": "https://x/y.png", "detail": "low"}]},
            {"type": "function_call", "call_id": "call_0", "name": "look", "arguments": "{}", "id": "fc_0", "status": "completed"},
            {"type": "function_call_output", "call_id": "call_0", "output": "nothing"},
        ],
        "tools": [{"type": "function", "name": "look", "description": "Looks.", "parameters": {"type": "object"}, "strict": true}],
        "tool_choice": {"type": "function", "name": "look"},
        "parallel_tool_calls": false,
        "max_output_tokens": 99,
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}, "verbosity": "low"},
        "reasoning": {"effort": "low"},
        "metadata": {"a": "b"},
        "include": ["reasoning.encrypted_content"],
        "store": false,
    });
    let whole = ask(&gateway, &asking.to_string());
    let sent = provider.only().json();
    assert_eq!(
        sent,
        json!({
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [
                    {"type": "text", "text": "Look"},
                    {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
                ]},
                {"role": "assistant", "content": null, "tool_calls": [{"id": "call_0", "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "call_0", "content": "nothing"},
            ],
            "tools": [{"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object", "properties": {}}, "strict": true}}],
            "tool_choice": {"type": "function", "function": {"name": "look"}},
            "parallel_tool_calls": false,
            "max_tokens": 99,
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": true}},
            "reasoning_effort": "low",
        })
    );
    assert_eq!(whole.field("x-ringgate-dropped"), Some("text.verbosity, store"));
    let response = whole.json();
    let item =
        |kind: &str| response["output"].as_array().expect("items").iter().find(|item| item["type"] == kind).cloned();
    assert_eq!(
        response["output"],
        json!([
            {"id": "msg_Ab100", "status": "completed", "type": "message", "role": "assistant", "content": [
                {"type": "output_text", "text": "Looking.", "annotations": [], "logprobs": []},
            ]},
            {"id": "fc_Ab101", "status": "completed", "type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{\"at\":1}"},
        ])
    );
    assert_eq!(
        response["usage"],
        json!({
            "input_tokens": 7, "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
            "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 12,
        })
    );
    for repeated in [
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "max_output_tokens",
        "text",
        "reasoning",
        "metadata",
    ] {
        assert_eq!(response[repeated], asking[repeated], "{repeated}");
    }
    assert_eq!(
        (&response["id"], &response["status"], &response["store"]),
        (&json!("resp_Ab1"), &json!("completed"), &json!(false))
    );
    assert!(item("function_call").is_some());

    let mut streaming = asking.clone();
    streaming["stream"] = true.into();
    let streamed = ask(&gateway, &streaming.to_string());
    let response = completed(&streamed);
    assert_eq!(output_text(&response), "Looking.");
    assert_eq!(response["output"][1]["arguments"], "{\"at\":1}");
    assert_eq!(response["usage"]["total_tokens"], 12, "tokens are told without being asked for");
    let names: Vec<String> = events(&streamed).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    assert_eq!(events(&streamed)[0].1["response"]["tools"], asking["tools"], "the first event repeats them as well");
}

const SIGNATURE: &str = "EqQBCkgIBBABGAIiQL8=";

fn messages_turn(seen: &Seen, peer: &mut Peer) {
    let content = json!([
        {"type": "thinking", "thinking": "I should look.", "signature": SIGNATURE},
        {"type": "redacted_thinking", "data": "c2VjcmV0"},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": 1}},
    ]);
    let message = |content: Value, stop: Value| {
        json!({"id": "msg_01Xy", "type": "message", "role": "assistant", "model": "claude-scripted", "content": content,
            "stop_reason": stop, "stop_sequence": null, "usage": {"input_tokens": 3, "output_tokens": 4}})
    };
    if !seen.wants_stream() {
        return peer.send(json_answer(200, &message(content, "tool_use".into()).to_string()));
    }
    let event = |kind: &str, mut data: Value| {
        data["type"] = kind.into();
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let mut text = event("message_start", json!({"message": message(json!([]), Value::Null)}));
    let deltas = [
        vec![
            json!({"type": "thinking_delta", "thinking": "I should "}),
            json!({"type": "thinking_delta", "thinking": "look."}),
            json!({"type": "signature_delta", "signature": SIGNATURE}),
        ],
        vec![],
        vec![json!({"type": "input_json_delta", "partial_json": "{\"at\":1}"})],
    ];
    for (index, deltas) in deltas.into_iter().enumerate() {
        let mut block = content[index].clone();
        match index {
            0 => (block["thinking"], block["signature"]) = ("".into(), "".into()),
            2 => block["input"] = json!({}),
            _ => {}
        }
        text += &event("content_block_start", json!({"index": index, "content_block": block}));
        for delta in deltas {
            text += &event("content_block_delta", json!({"index": index, "delta": delta}));
        }
        text += &event("content_block_stop", json!({"index": index}));
    }
    text += &event(
        "message_delta",
        json!({"delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 4}}),
    );
    text += &event("message_stop", json!({}));
    send_stream(peer, &text);
}

/// What an application does: it sends back what it got, with the result of the tool.
fn next_turn(asking: &Value, response: &Value, call_id: &str) -> Value {
    let mut next = asking.clone();
    let input = next["input"].as_array_mut().expect("a list");
    input.extend(response["output"].as_array().expect("items").iter().cloned());
    input.push(json!({"type": "function_call_output", "call_id": call_id, "output": "a door"}));
    next
}

fn a_signed_tool_loop_with_messages_comes_full_circle(driver: Driver) {
    let provider = Provider::start(messages_turn);
    let gateway = start(driver, "anthropic_messages", &provider, false);
    for stream in [false, true] {
        let asking = json!({
            "model": "claude-sonnet-4-5", "stream": stream, "reasoning": {"effort": "low"},
            "input": [{"role": "user", "content": "Look"}],
            "tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": false}],
        });
        let answer = ask(&gateway, &asking.to_string());
        let response = if stream { completed(&answer) } else { answer.json() };
        let kinds: Vec<&str> =
            response["output"].as_array().expect("items").iter().filter_map(|item| item["type"].as_str()).collect();
        assert_eq!(kinds, ["reasoning", "reasoning", "function_call"], "{response}");
        assert_eq!(response["output"][0]["summary"][0]["text"], "I should look.");
        let first = provider.seen().pop().expect("it arrived").json();
        assert_eq!(first["thinking"]["type"], "enabled");

        let second = ask(&gateway, &next_turn(&asking, &response, "toolu_1").to_string());
        assert_eq!(second.status, 200, "{}", second.text());
        let sent = provider.seen().pop().expect("it arrived").json();
        assert_eq!(
            sent["messages"],
            json!([
                {"role": "user", "content": "Look"},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "I should look.", "signature": SIGNATURE},
                    {"type": "redacted_thinking", "data": "c2VjcmV0"},
                    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": 1}},
                ]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "a door"}]},
            ])
        );
        assert_eq!(sent["thinking"]["type"], "enabled", "a signed loop goes on thinking");
    }
}

fn reasoning_response() -> Value {
    json!({
        "id": "resp_9", "object": "response", "created_at": 1_700_000_000, "status": "completed", "model": "gpt-5-scripted",
        "error": null, "incomplete_details": null, "store": false,
        "output": [
            {"type": "reasoning", "id": "rs_9", "summary": [{"type": "summary_text", "text": "I should look."}], "encrypted_content": "gAAAAABsecret"},
            {"type": "function_call", "id": "fc_9", "status": "completed", "call_id": "call_9", "name": "look", "arguments": "{\"at\":1}"},
        ],
        "usage": {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 4, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 7},
    })
}

/// The same as a stream, as OpenAI tells it.
fn reasoning_stream() -> String {
    let response = reasoning_response();
    let event = |kind: &str, mut data: Value| {
        data["type"] = kind.into();
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let mut begun = response.clone();
    (begun["status"], begun["output"], begun["usage"]) = ("in_progress".into(), json!([]), Value::Null);
    let (reasoning, call) = (&response["output"][0], &response["output"][1]);
    let mut call_begun = call.clone();
    (call_begun["arguments"], call_begun["status"]) = ("".into(), "in_progress".into());
    [
        event("response.created", json!({"response": begun})),
        event("response.in_progress", json!({"response": begun})),
        event("response.output_item.added", json!({"output_index": 0, "item": {"type": "reasoning", "id": "rs_9", "summary": [], "encrypted_content": "gAAAAABearly"}})),
        event("response.reasoning_summary_part.added", json!({"item_id": "rs_9", "output_index": 0, "summary_index": 0, "part": {"type": "summary_text", "text": ""}})),
        event("response.reasoning_summary_text.delta", json!({"item_id": "rs_9", "output_index": 0, "summary_index": 0, "delta": "I should "})),
        event("response.reasoning_summary_text.delta", json!({"item_id": "rs_9", "output_index": 0, "summary_index": 0, "delta": "look."})),
        event("response.reasoning_summary_text.done", json!({"item_id": "rs_9", "output_index": 0, "summary_index": 0, "text": "I should look."})),
        event("response.output_item.done", json!({"output_index": 0, "item": reasoning})),
        event("response.output_item.added", json!({"output_index": 1, "item": call_begun})),
        event("response.function_call_arguments.delta", json!({"item_id": "fc_9", "output_index": 1, "delta": "{\"at\":"})),
        event("response.function_call_arguments.delta", json!({"item_id": "fc_9", "output_index": 1, "delta": "1}"})),
        event("response.function_call_arguments.done", json!({"item_id": "fc_9", "output_index": 1, "arguments": "{\"at\":1}"})),
        event("response.output_item.done", json!({"output_index": 1, "item": call})),
        event("response.completed", json!({"response": response})),
    ]
    .concat()
}

fn reasoning_turn(seen: &Seen, peer: &mut Peer) {
    if seen.wants_stream() {
        send_stream(peer, &reasoning_stream());
    } else {
        peer.send(json_answer(200, &reasoning_response().to_string()));
    }
}

fn a_chat_caller_carries_reasoning_items_through_a_tool_loop(driver: Driver) {
    let provider = Provider::start(reasoning_turn);
    let gateway = start(driver, "openai_responses", &provider, false);
    for stream in [false, true] {
        let asking = json!({
            "model": "gpt-5", "stream": stream, "max_completion_tokens": 50, "seed": 7,
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Look"}],
            "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
        });
        let answer = gateway.ask(&post("", &asking.to_string()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.field("x-ringgate-dropped"), Some("seed"));
        let first = provider.seen().pop().expect("it arrived").json();
        let mut wanted = json!({
            "model": "gpt-5", "max_output_tokens": 50, "store": false, "include": ["reasoning.encrypted_content"],
            "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Look"}],
            "tools": [{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}, "strict": false}],
        });
        if stream {
            wanted["stream"] = true.into();
        }
        assert_eq!(first, wanted);

        let message = if stream { message_of(&answer) } else { answer.json()["choices"][0]["message"].clone() };
        assert_eq!(message["reasoning_content"], "I should look.");
        assert_eq!(message["tool_calls"][0]["id"], "call_9");
        let mut next = asking.clone();
        let messages = next["messages"].as_array_mut().expect("a list");
        messages.push(message);
        messages.push(json!({"role": "tool", "tool_call_id": "call_9", "content": "a door"}));
        assert_eq!(gateway.ask(&post("", &next.to_string())).status, 200);
        let sent = provider.seen().pop().expect("it arrived").json();
        assert_eq!(sent["input"][2], reasoning_response()["output"][0], "the item comes back as it was made");
        assert_eq!(
            sent["input"][3],
            json!({"type": "function_call", "call_id": "call_9", "name": "look", "arguments": "{\"at\":1}"})
        );
        assert_eq!(sent["input"][4], json!({"type": "function_call_output", "call_id": "call_9", "output": "a door"}));
    }
}

/// The message that a chat client puts together from a stream.
fn message_of(answer: &Answer) -> Value {
    let mut message =
        json!({"role": "assistant", "content": null, "reasoning_content": "", "thinking_blocks": [], "tool_calls": []});
    assert!(answer.is_complete_stream(), "{}", answer.text());
    for event in answer.events().iter().filter(|event| *event != "[DONE]") {
        let event: Value = serde_json::from_str(event).expect("JSON");
        let delta = &event["choices"][0]["delta"];
        if let Some(text) = delta["reasoning_content"].as_str() {
            message["reasoning_content"] =
                (message["reasoning_content"].as_str().unwrap_or_default().to_owned() + text).into();
        }
        for block in delta["thinking_blocks"].as_array().into_iter().flatten() {
            message["thinking_blocks"].as_array_mut().expect("a list").push(block.clone());
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let calls = message["tool_calls"].as_array_mut().expect("a list");
            match calls.last_mut() {
                Some(open) if call.get("id").is_none() => {
                    let so_far = open["function"]["arguments"].as_str().unwrap_or_default().to_owned();
                    open["function"]["arguments"] =
                        (so_far + call["function"]["arguments"].as_str().unwrap_or_default()).into();
                }
                _ => {
                    let mut call = call.clone();
                    call.as_object_mut().expect("an object").remove("index");
                    calls.push(call);
                }
            }
        }
    }
    message
}

fn a_messages_caller_carries_reasoning_items_through_a_tool_loop(driver: Driver) {
    let provider = Provider::start(reasoning_turn);
    let gateway = start(driver, "openai_responses", &provider, false);
    for stream in [false, true] {
        let asking = json!({
            "model": "gpt-5", "stream": stream, "max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 2000},
            "system": "Be brief.", "messages": [{"role": "user", "content": "Look"}],
            "tools": [{"name": "look", "input_schema": {"type": "object"}}],
        });
        let ask = |body: &Value| gateway.ask(&post_to("/v1/messages", "", &body.to_string()));
        let answer = ask(&asking);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let content = if stream { blocks_of(&answer) } else { answer.json()["content"].clone() };
        assert_eq!((&content[0]["type"], &content[0]["thinking"]), (&json!("thinking"), &json!("I should look.")));
        assert_eq!((&content[1]["type"], &content[1]["input"]), (&json!("tool_use"), &json!({"at": 1})));
        let mut next = asking.clone();
        let messages = next["messages"].as_array_mut().expect("a list");
        messages.push(json!({"role": "assistant", "content": content}));
        let result = json!({"type": "tool_result", "tool_use_id": "call_9", "content": "a door", "is_error": true});
        messages.push(json!({"role": "user", "content": [result, {"type": "text", "text": "Well?"}]}));
        assert_eq!(ask(&next).status, 200);
        let sent = provider.seen().pop().expect("it arrived").json();
        assert_eq!(
            sent["input"],
            json!([
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Look"},
                reasoning_response()["output"][0],
                {"type": "function_call", "call_id": "call_9", "name": "look", "arguments": "{\"at\":1}"},
                {"type": "function_call_output", "call_id": "call_9", "output": "a door"},
                {"role": "user", "content": [{"type": "input_text", "text": "Well?"}]},
            ])
        );
        assert_eq!((&sent["reasoning"]["effort"], &sent["max_output_tokens"]), (&json!("low"), &json!(4096)));
    }
}

/// The content that a messages client puts together from a stream.
fn blocks_of(answer: &Answer) -> Value {
    let mut blocks: Vec<Value> = Vec::new();
    let mut input = String::new();
    for (name, event) in events(answer) {
        let delta = &event["delta"];
        match name.as_str() {
            "content_block_start" => blocks.push(event["content_block"].clone()),
            "content_block_delta" => {
                let block = blocks.last_mut().expect("a block");
                for member in ["thinking", "signature", "text"] {
                    if let Some(more) = delta[member].as_str() {
                        block[member] = (block[member].as_str().unwrap_or_default().to_owned() + more).into();
                    }
                }
                input.push_str(delta["partial_json"].as_str().unwrap_or_default());
            }
            "content_block_stop" if !input.is_empty() => {
                let told = serde_json::from_str(&std::mem::take(&mut input)).expect("JSON");
                blocks.last_mut().expect("a block")["input"] = told;
            }
            _ => {}
        }
    }
    blocks.into()
}

/// A conversation goes on with another provider than the one that thought before: what the first one sealed
/// is left out, and everything else arrives as it was.
fn no_provider_is_shown_the_seal_of_another(driver: Driver) {
    let claude = Provider::start(messages_turn);
    let own = Provider::start(reasoning_turn);
    let gateway = Setup::new(driver)
        .tables(&speaking("claude", "anthropic_messages", &claude, ""))
        .tables(&speaking("own", "openai_responses", &own, ""))
        .route("*", "\"claude\"", "cache = { exact = false }")
        .start();
    // Responses: first answered by Claude, then by its own kind.
    let asking =
        json!({"model": "claude/m", "store": true, "new_field": [1.5], "input": [{"role": "user", "content": "Look"}]});
    let response = ask(&gateway, &asking.to_string()).json();
    assert_eq!(response["output"].as_array().map(Vec::len), Some(3));
    let mut next = next_turn(&asking, &response, "toolu_1");
    next["model"] = "own/m".into();
    assert_eq!(ask(&gateway, &next.to_string()).status, 200);
    let mut wanted = next.clone();
    wanted["model"] = "m".into();
    wanted["input"].as_array_mut().expect("items").retain(|item| item["type"] != "reasoning");
    assert_eq!(own.only().json(), wanted);
    // Messages: first answered by OpenAI, then by its own kind.
    let asking = json!({"model": "own/m", "max_tokens": 99, "messages": [{"role": "user", "content": "Look"}]});
    let post = |body: &Value| gateway.ask(&post_to("/v1/messages", "", &body.to_string()));
    let content = post(&asking).json()["content"].clone();
    assert!(content[0]["signature"].as_str().is_some_and(|signature| !signature.is_empty()), "{content}");
    let result = json!({"type": "tool_result", "tool_use_id": "call_9", "content": "a door"});
    let mut next = asking.clone();
    next["model"] = "claude/m".into();
    next["messages"]
        .as_array_mut()
        .expect("a list")
        .extend([json!({"role": "assistant", "content": content}), json!({"role": "user", "content": [result]})]);
    assert_eq!(post(&next).status, 200);
    let sent = claude.seen().pop().expect("it arrived").json();
    assert_eq!(sent["messages"][1]["content"].as_array().map(Vec::len), Some(1), "{sent}");
    assert_eq!(sent["messages"][1]["content"][0], content[1]);
    assert_eq!(sent["messages"][2], next["messages"][2]);
}

fn what_only_its_own_kind_can_serve_is_refused_by_field(driver: Driver) {
    let provider = Provider::start(|_, peer| peer.send(json_answer(200, CHAT_ANSWER)));
    let gateway = start(driver, "openai_chat", &provider, false);
    for (fields, param) in [
        (r#""input":"x","previous_response_id":"resp_1""#, "previous_response_id"),
        (r#""input":"x","conversation":"conv_1""#, "conversation"),
        (r#""input":"x","background":true,"stream":true"#, "background"),
        (r#""input":[{"type":"item_reference","id":"msg_1"}]"#, "input[0]"),
        (r#""input":"x","tools":[{"type":"web_search"}]"#, "tools[0]"),
        (r#""input":[{"role":"user","content":[{"type":"from_the_future"}]}]"#, "input"),
        (r#""input":7"#, "input"),
        (r#""input":[{"role":"user","content":[{"type":"input_text"}]}]"#, "input[0].content[0].text"),
    ] {
        let answer = ask(&gateway, &format!(r#"{{"model":"m",{fields}}}"#));
        let fault = answer.fault();
        assert_eq!((answer.status, fault.param.as_str()), (400, param), "{}", answer.text());
        assert_eq!(fault.kind, "invalid_request_error");
    }
    assert_eq!(provider.count(), 0, "nothing was asked");
    let answer = gateway.ask(b"GET /v1/responses HTTP/1.1\r\nhost: gateway\r\n\r\n");
    assert_eq!((answer.status, answer.field("allow")), (405, Some("POST")));
}

fn odd_names_of_fields_stay_in_their_header(driver: Driver) {
    let provider = Provider::start(|_, peer| peer.send(json_answer(200, CHAT_ANSWER)));
    let gateway = start(driver, "openai_chat", &provider, false);
    let odd = r#"{"model":"m","input":"x","a\r\nx-evil: 1":1,"caf\u00e9":1,"plain":1}"#;
    let answer = ask(&gateway, odd);
    assert_eq!((answer.status, answer.field("x-evil")), (200, None));
    assert_eq!(answer.field("x-ringgate-dropped"), Some("a??x-evil: 1, caf?, plain"));
    let many: String = (0..40).map(|number| format!(",\"f{number}\":1")).collect();
    let answer = ask(&gateway, &format!(r#"{{"model":"m","input":"x"{many}}}"#));
    assert!(answer.field("x-ringgate-dropped").is_some_and(|names| names.ends_with("f31, and 8 more")), "{answer:?}");
}

fn a_broken_stream_says_so_and_has_no_end(driver: Driver) {
    let whole = reasoning_stream();
    let cut = whole.split("event: response.output_item.done").next().expect("a beginning").to_owned();
    let provider = Provider::start(move |seen, peer| {
        if seen.head.starts_with(b"POST /v1/responses ") {
            send_stream(peer, &cut);
        } else {
            peer.send(STREAM_HEAD);
            [opening(), delta("so far")].into_iter().for_each(|piece| peer.chunk(piece));
            peer.end_chunks();
        }
    });
    let gateway = Setup::new(driver)
        .tables(&speaking("own", "openai_responses", &provider, ""))
        .tables(&speaking("chat", "openai_chat", &provider, ""))
        .route("own", "\"own\"", "cache = { exact = false }")
        .route("chat", "\"chat\"", "cache = { exact = false }")
        .start();
    for model in ["own", "chat"] {
        let answer = ask(&gateway, &format!(r#"{{"model":"{model}","input":"x","stream":true}}"#));
        assert_eq!((answer.status, answer.is_whole), (200, false), "{}", answer.text());
        let events = events(&answer);
        let (name, last) = events.last().expect("events");
        assert_eq!((name.as_str(), last["type"].as_str()), ("error", Some("error")), "{}", answer.text());
        assert_eq!((&last["code"], &last["error"]["code"]), (&json!("upstream_error"), &json!("upstream_error")));
        assert_eq!(last["message"], last["error"]["message"]);
        assert!(last["sequence_number"].is_u64() && last["param"].is_null());
        assert!(events.iter().all(|(name, _)| name != "response.completed"));
    }
}

fn failed_responses_are_failures(driver: Driver) {
    let provider = Provider::start(|seen, peer| {
        let failed = r#"{"id":"resp_1","object":"response","created_at":1,"status":"failed","model":"m","output":[],"error":{"code":"rate_limit_exceeded","message":"too fast"}}"#;
        if seen.wants_stream() {
            let created = failed.replace("\"failed\"", "\"in_progress\"");
            let event = |kind: &str, response: &str| {
                format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"response\":{response}}}\n\n")
            };
            send_stream(peer, &(event("response.created", &created) + &event("response.failed", failed)));
        } else {
            peer.send(json_answer(200, failed));
        }
    });
    let fallback = Provider::start(|_, peer| peer.send(json_answer(200, &completion("instead"))));
    let gateway = Setup::new(driver)
        .tables(&speaking("own", "openai_responses", &provider, ""))
        .tables(&speaking("chat", "openai_chat", &fallback, ""))
        .route("alone", "\"own\"", "cache = { exact = false }")
        .route("both", "\"own\", \"chat\"", "cache = { exact = false }")
        .start();
    for stream in [false, true] {
        let answer = ask(&gateway, &format!(r#"{{"model":"alone","input":"x","stream":{stream}}}"#));
        assert_eq!((answer.status, answer.fault().message.as_str()), (429, "too fast"), "{}", answer.text());
        let answer = ask(&gateway, &format!(r#"{{"model":"both","input":"x","stream":{stream}}}"#));
        let response = if stream { completed(&answer) } else { answer.json() };
        assert_eq!(output_text(&response), "instead");
    }
}

/// Answers with ids of its own, and knows nobody else's.
fn keeper(name: &'static str) -> Provider {
    Provider::start_at_any_path(move |seen, peer| {
        let asked = seen.json();
        let previous = asked["previous_response_id"].as_str().or(asked["conversation"]["id"].as_str());
        if previous.is_some_and(|id| !id.ends_with(name)) {
            let denied = r#"{"error":{"message":"not found here","type":"invalid_request_error","code":null}}"#;
            return peer.send(json_answer(400, denied));
        }
        if asked["input"] == "down" {
            return peer.send(json_answer(500, r#"{"error":{"message":"down"}}"#));
        }
        let is_conversation = seen.line().contains("/conversations");
        let id = if is_conversation { format!("conv_0001{name}") } else { format!("resp_0001{name}") };
        let mut response = reasoning_response();
        response["id"] = id.into();
        let streamed = format!(
            "event: response.completed\ndata: {}\n\n",
            json!({"type": "response.completed", "response": response})
        );
        if seen.wants_stream() {
            send_stream(peer, &streamed)
        } else {
            peer.send(json_answer(200, &response.to_string()))
        }
    })
}

fn a_conversation_goes_on_where_it_began(driver: Driver) {
    let [a, b] = ["a", "b"].map(keeper);
    let chat = Provider::start(|_, peer| peer.send(json_answer(200, CHAT_ANSWER)));
    let tables = [("a", "openai_responses", &a), ("b", "openai_responses", &b), ("c", "openai_chat", &chat)];
    let tables = tables.map(|(name, dialect, provider)| speaking(name, dialect, provider, "")).concat();
    let gateway = Setup::new(driver)
        .tables(&tables)
        .route("m", "\"a\", \"b/other\"", "")
        .route("translated", "\"c\", \"b\"", "")
        .route("elsewhere", "\"a\", \"c\"", "")
        .start();
    let say = |model: &str, fields: &str| ask(&gateway, &format!(r#"{{"model":"{model}","input":"x",{fields}}}"#));
    let by = |answer: &Answer| answer.field("x-ringgate-provider").map(str::to_owned);
    for stream in ["false", "true"] {
        let begun = say("b/first", &format!(r#""stream":{stream}"#));
        assert_eq!((begun.status, by(&begun).as_deref()), (200, Some("b")), "{}", begun.text());
        for model in ["m", "translated", "b/m"] {
            let fields = format!(r#""previous_response_id":"resp_0001b","stream":{stream},"n":"{model}""#);
            let next = say(model, &fields);
            assert_eq!((next.status, by(&next).as_deref()), (200, Some("b")), "{model}: {}", next.text());
            assert_eq!(next.field("x-ringgate-attempts"), Some("1"));
        }
    }
    assert_eq!(b.seen().iter().filter(|seen| seen.json()["model"] == "other").count(), 2, "by its name in the route");
    // Conversations are made by a call of their own.
    let lines = "x-ringgate-provider: b\r\n";
    assert_eq!(gateway.ask(&post_to("/v1/conversations", lines, "{}")).status, 200);
    assert_eq!(by(&say("m", r#""conversation":{"id":"conv_0001b"}"#)).as_deref(), Some("b"));
    // Nobody else is asked about it, whatever becomes of it.
    let before = (a.count(), chat.count());
    let down = ask(&gateway, r#"{"model":"m","input":"down","previous_response_id":"resp_0001b"}"#);
    assert_eq!((down.status, down.fault().message.contains("down")), (500, true), "{}", down.text());
    for model in ["elsewhere", "a/m"] {
        let refused = say(model, r#""previous_response_id":"resp_0001b""#);
        let fault = refused.fault();
        assert_eq!((refused.status, fault.param.as_str()), (400, "previous_response_id"), "{model}");
        assert!(fault.message.contains("`b`") && fault.message.contains("model"), "{}", fault.message);
    }
    assert_eq!((a.count(), chat.count()), before);
    // What nobody remembers goes the usual way.
    let unknown = say("m", r#""previous_response_id":"resp_unknown""#);
    assert_eq!((unknown.status, unknown.fault().message.contains("not found here")), (400, true), "{}", unknown.text());
    assert_eq!(a.count(), before.0 + 1);
}

fn a_limited_key_goes_on_from_its_own_alone(driver: Driver) {
    let provider = keeper("p");
    let gateway = Setup::new(driver)
        .tables(&speaking("p", "openai_responses", &provider, ""))
        .key("narrow", &key(1), "models = [\"m\"]")
        .key("other", &key(2), "models = [\"m\"]")
        .key("all", &key(3), "")
        .route("m", "\"p\"", "")
        .start();
    let say = |number: u8, fields: &str| {
        let body = format!(r#"{{"model":"m","input":"x"{fields}}}"#);
        gateway.ask(&post_to(PATH, &format!("authorization: Bearer {}\r\n", key(number).secret), &body))
    };
    let next = r#","previous_response_id":"resp_0001p""#;
    assert_eq!(say(1, "").status, 200);
    let refused = say(2, next);
    let fault = refused.fault();
    assert_eq!((refused.status, fault.param.as_str()), (403, "previous_response_id"), "{}", fault.message);
    assert_eq!(say(1, next).status, 200);
    assert_eq!(say(3, next).status, 200);
}

fn remembered_answers_are_told_in_this_dialect(driver: Driver) {
    let provider = Provider::start(|seen, peer| {
        if seen.wants_stream() {
            peer.send(STREAM_HEAD);
            for piece in [opening(), delta("remember"), delta("ed"), finish("stop")] {
                peer.chunk(piece);
            }
            peer.chunk(format!("{}data: [DONE]\n\n", usage_event()));
            peer.end_chunks();
        } else {
            peer.send(json_answer(200, &completion("remembered")));
        }
    });
    let gateway = start(driver, "openai_chat", &provider, true);
    let asking = |model: &str, stream: bool| {
        format!(r#"{{"model":"{model}","input":"x","instructions":"Be kind.","stream":{stream}}}"#)
    };
    for (model, first_streams) in [("whole", false), ("streamed", true)] {
        let mut ids = Vec::new();
        for (turn, stream) in [first_streams, false, true].into_iter().enumerate() {
            let answer = ask(&gateway, &asking(model, stream));
            assert_eq!(answer.cache(), if turn == 0 { "MISS" } else { "HIT" });
            let response = if stream { completed(&answer) } else { answer.json() };
            assert_eq!(output_text(&response), "remembered");
            assert_eq!(
                (&response["instructions"], &response["usage"]["total_tokens"]),
                (&json!("Be kind."), &json!(12))
            );
            let id = response["id"].as_str().expect("an id").to_owned();
            assert!(id.starts_with("resp_") && !ids.contains(&id), "{id}");
            assert!(response["output"][0]["id"].as_str().is_some_and(|id| id.starts_with("msg_")));
            ids.push(id);
        }
    }
    assert_eq!(provider.count(), 2);
}

fn a_stored_answer_keeps_its_id_and_a_conversation_is_never_remembered(driver: Driver) {
    let provider = Provider::start(|seen, peer| {
        let mut response = reasoning_response();
        response["store"] = Value::Bool(seen.json()["store"] != false);
        response["output"] = json!([{"type": "message", "id": "msg_9", "status": "completed", "role": "assistant", "phase": "final_answer",
            "content": [{"type": "output_text", "text": "stored", "annotations": [], "logprobs": []}]}]);
        peer.send(json_answer(200, &response.to_string()));
    });
    let gateway = start(driver, "openai_responses", &provider, true);
    for (store, same) in [("true", true), ("false", false)] {
        let asking = |stream: bool| format!(r#"{{"model":"m","input":"x","store":{store},"stream":{stream}}}"#);
        assert_eq!(ask(&gateway, &asking(false)).cache(), "MISS");
        for stream in [false, true] {
            let answer = ask(&gateway, &asking(stream));
            assert_eq!(answer.cache(), "HIT");
            let response = if stream { completed(&answer) } else { answer.json() };
            assert_eq!(response["id"] == "resp_9", same, "an id that the provider knows is kept: {response}");
            assert_eq!(
                (&response["output"][0]["id"], &response["output"][0]["phase"]),
                (&json!("msg_9"), &json!("final_answer"))
            );
            assert_ne!(response["created_at"], 1_700_000_000);
        }
    }
    for body in
        [r#"{"model":"m","input":"x","conversation":"conv_1"}"#, r#"{"model":"m","input":"x","background":true}"#]
    {
        for _ in 0..2 {
            assert_eq!(ask(&gateway, body).cache(), "BYPASS");
        }
    }
}
