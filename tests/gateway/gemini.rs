//! Gemini's format on either side: the path names the model, a stream has no terminator, and Google's SDKs
//! die of what OpenAI's expect.

use crate::caller::Answer;
use crate::caller::post;
use crate::caller::post_to;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Gateway;
use crate::process::PROVIDER_SECRET;
use crate::process::Setup;
use crate::process::key;
use crate::process::run;
use crate::process::until;
use crate::provider::Gate;
use crate::provider::Peer;
use crate::provider::Provider;
use crate::provider::STREAM_HEAD;
use crate::provider::Seen;
use crate::provider::answer;
use crate::provider::echo;
use crate::provider::json_answer;
use serde_json::Value;
use serde_json::json;

on_both_drivers! {
    the_same_format_on_both_sides_keeps_every_byte,
    callers_of_geminis_are_served_by_openais,
    callers_of_openais_are_served_by_geminis,
    refusals_are_in_googles_envelope,
    a_provider_that_rejects_the_key_is_the_operators_business,
    a_stream_that_does_not_finish_is_broken_in_every_form,
    a_refused_prompt_is_a_filtered_answer,
    keys_are_accepted_in_the_query_and_go_no_further,
    models_are_named_by_the_path,
    one_answer_serves_whole_and_streamed_of_one_model,
    tool_loops_survive_a_client_of_another_format,
    those_who_join_a_stream_end_with_it,
    vertex_is_asked_where_its_address_says_with_a_bearer_token,
}

const WHOLE: &str = "{\n  \"candidates\": [{\"content\": {\"parts\": [{\"text\": \"hi \\u00e9\"}], \"role\": \"model\"}, \"finishReason\": \"STOP\", \"index\": 0}],\n  \"usageMetadata\": {\"promptTokenCount\": 7, \"candidatesTokenCount\": 5, \"thoughtsTokenCount\": 2, \"totalTokenCount\": 14},\n  \"modelVersion\": \"gemini-scripted\",\n  \"responseId\": \"abcDEF-_123\"\n}";

fn chunk(candidate: &str) -> String {
    format!(
        "data: {{\"candidates\": [{candidate}],\"usageMetadata\": {{\"promptTokenCount\": 7,\"candidatesTokenCount\": 5,\
         \"totalTokenCount\": 12}},\"modelVersion\": \"gemini-scripted\",\"responseId\": \"abcDEF-_123\"}}\r\n\r\n"
    )
}

fn words(text: &str, finish: &str) -> String {
    chunk(&format!(r#"{{"content": {{"parts": [{{"text": "{text}"}}],"role": "model"}}{finish},"index": 0}}"#))
}

const STOP: &str = r#","finishReason": "STOP""#;

fn asked(text: &str) -> String {
    format!(
        r#"{{ "contents" : [{{"role":"user","parts":[{{"text":"{text}"}}]}}], "generation_config":{{"topK":1.0}}}}"#
    )
}

fn goog(number: u8) -> String {
    format!("x-goog-api-key: {}\r\n", key(number).secret)
}

fn bearer(number: u8) -> String {
    format!("authorization: Bearer {}\r\n", key(number).secret)
}

fn request_line(seen: &Seen) -> String {
    String::from_utf8_lossy(&seen.head).lines().next().unwrap_or_default().to_owned()
}

/// The last text that a request of Gemini's says.
fn prompt(seen: &Seen) -> String {
    let contents = seen.json()["contents"].as_array().and_then(|contents| contents.last()).cloned();
    contents.and_then(|content| Some(content["parts"][0]["text"].as_str()?.to_owned())).unwrap_or_default()
}

/// A provider of Gemini's that does what the prompt says.
fn scripted(seen: &Seen, peer: &mut Peer) {
    let gate = Gate::default();
    gate.open("after the first words");
    follow(seen, peer, &gate);
}

/// The same, going on after the first words of a stream when the gate is opened.
fn follow(seen: &Seen, peer: &mut Peer, gate: &Gate) {
    let streams = request_line(seen).contains(":streamGenerateContent?alt=sse ");
    match (prompt(seen).as_str(), streams) {
        ("quota", _) => peer.send(json_answer(
            429,
            r#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7.5s"}]}}"#,
        )),
        ("bad key", _) => peer.send(json_answer(
            400,
            &format!(
                r#"{{"error":{{"code":400,"message":"API key not valid: {PROVIDER_SECRET}","status":"INVALID_ARGUMENT","details":[{{"reason":"API_KEY_INVALID"}}]}}}}"#
            ),
        )),
        ("blocked", false) => {
            peer.send(json_answer(200, r#"{"promptFeedback":{"blockReason":"SAFETY"},"responseId":"b","modelVersion":"m"}"#));
        }
        ("blocked", true) => {
            peer.send(STREAM_HEAD);
            peer.chunk("data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"responseId\":\"b\",\"modelVersion\":\"m\"}\n\n");
            peer.end_chunks();
        }
        (_, false) => peer.send(answer(200, "application/json; charset=UTF-8", "", WHOLE)),
        (text, true) => {
            peer.send(STREAM_HEAD);
            peer.chunk(words("hi ", ""));
            gate.wait("after the first words");
            match text {
                "unfinished" => peer.end_chunks(),
                "cut" => peer.close(),
                "failing" => {
                    peer.chunk("data: {\"error\":{\"code\":503,\"message\":\"overloaded\",\"status\":\"UNAVAILABLE\"}}\n\n");
                    peer.end_chunks();
                }
                _ => {
                    peer.chunk(words("you", STOP));
                    peer.end_chunks();
                }
            }
        }
    }
}

fn start(driver: Driver, gemini: &Provider, openai: &Provider) -> Gateway {
    Setup::new(driver)
        .provider("o", openai, "")
        .key("first", &key(1), "")
        .key("narrow", &key(2), "models = [\"gemini-a\"]")
        .tables(&format!(
            "[[providers]]\nname = \"gemini\"\nbase_url = \"http://{}\"\napi_key = \"env:CANARY_PROVIDER_KEY\"\n\n",
            gemini.address
        ))
        .route("cached-*", "\"gemini\"", "")
        .route("gpt-*", "\"o\"", "cache = { exact = false }")
        .route("gemini-*", "\"gemini\"", "cache = { exact = false }")
        .start()
}

fn data(answer: &Answer) -> Vec<Value> {
    answer.events().iter().map(|data| serde_json::from_str(data).expect("only JSON, no terminator")).collect()
}

fn said<'v>(items: impl IntoIterator<Item = &'v Value>) -> String {
    items.into_iter().filter_map(|item| item["candidates"][0]["content"]["parts"][0]["text"].as_str()).collect()
}

fn finishes(items: &[Value]) -> Vec<&str> {
    items.iter().filter_map(|item| item["candidates"][0]["finishReason"].as_str()).collect()
}

fn the_same_format_on_both_sides_keeps_every_byte(driver: Driver) {
    let (gemini, openai) = (Provider::start_at_any_path(scripted), Provider::start(echo));
    let gateway = start(driver, &gemini, &openai);
    let body = asked("hello");
    let whole = gateway.ask(&post_to("/v1beta/models/gemini-a:generateContent", &goog(1), &body));
    assert_eq!((whole.status, whole.text().as_str()), (200, WHOLE));
    assert_eq!(whole.field("content-type"), Some("application/json"));
    let seen = gemini.only();
    assert_eq!(request_line(&seen), "POST /v1beta/models/gemini-a:generateContent HTTP/1.1");
    assert_eq!(seen.text(), body, "the body is the caller's");
    assert_eq!(seen.field("x-goog-api-key").as_deref(), Some(PROVIDER_SECRET));
    assert_eq!((seen.field("authorization"), seen.field("x-api-key")), (None, None));

    let path = "/v1beta/models/gemini-a:streamGenerateContent";
    let stream = gateway.ask(&post_to(&format!("{path}?alt=sse"), &goog(1), &body));
    assert_eq!((stream.status, stream.is_whole), (200, true));
    assert_eq!(stream.field("content-type"), Some("text/event-stream; charset=utf-8"));
    let sent: String = [words("hi ", ""), words("you", STOP)].concat().replace("\r\n", "\n");
    assert_eq!(stream.text(), sent, "no terminator, no comment, no name of an event");

    for query in ["", "?alt=json"] {
        let list = gateway.ask(&post_to(&format!("{path}{query}"), &goog(1), &body));
        assert_eq!((list.status, list.field("content-type"), list.is_whole), (200, Some("application/json"), true));
        assert_eq!(list.json().as_array().expect("a list"), &data(&stream), "the same chunks as one list");
    }
    let lines: Vec<String> = gemini.seen().iter().skip(1).map(request_line).collect();
    let wanted = format!("POST {path}?alt=sse HTTP/1.1");
    assert_eq!(lines, [wanted.as_str(); 3], "providers are always asked for events");
    assert_eq!(openai.count(), 0);
}

fn callers_of_geminis_are_served_by_openais(driver: Driver) {
    let (gemini, openai) = (Provider::start_at_any_path(scripted), Provider::start(echo));
    let gateway = start(driver, &gemini, &openai);
    let body = r#"{"system_instruction":{"parts":{"text":"be brief"}},"contents":{"parts":{"text":"hello"}},
        "generationConfig":{"maxOutputTokens":9,"topK":3}}"#;
    let whole = gateway.ask(&post_to("/v1beta/models/gpt-x:generateContent", &goog(1), body));
    assert_eq!((whole.status, whole.field("x-ringgate-dropped")), (200, Some("top_k")), "{}", whole.text());
    let wanted = json!({
        "candidates": [{"content": {"parts": [{"text": "echo hello"}], "role": "model"}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 5, "totalTokenCount": 12},
        "modelVersion": "scripted-1",
        "responseId": "chatcmpl-original",
    });
    assert_eq!(whole.json(), wanted);
    let seen = openai.only().json();
    assert_eq!((seen["model"].as_str(), seen["max_tokens"].as_u64()), (Some("gpt-x"), Some(9)));
    assert_eq!(
        seen["messages"],
        json!([{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}])
    );

    let path = "/v1/models/gpt-x:streamGenerateContent";
    let stream = gateway.ask(&post_to(&format!("{path}?alt=sse"), &goog(1), body));
    assert!(stream.is_whole);
    let items = data(&stream);
    assert_eq!((said(&items), finishes(&items)), ("echo hello".to_owned(), vec!["STOP"]));
    let last = items.last().expect("a last chunk");
    assert_eq!(last["usageMetadata"]["totalTokenCount"], 12);
    assert!(items.iter().all(|item| item["responseId"] == "chatcmpl-original" && item["modelVersion"] == "scripted-1"));
    assert_eq!(openai.seen()[1].json()["stream_options"]["include_usage"], true);

    let list = gateway.ask(&post_to(path, &goog(1), body));
    assert_eq!(list.json().as_array().expect("a list"), &items);
}

fn callers_of_openais_are_served_by_geminis(driver: Driver) {
    let (gemini, openai) = (Provider::start_at_any_path(scripted), Provider::start(echo));
    let gateway = start(driver, &gemini, &openai);
    let body = r#"{"model":"gemini-2.5-flash","max_tokens":9,"reasoning_effort":"low","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hello"}]STREAM}"#;
    let whole = gateway.ask(&post(&bearer(1), &body.replace("STREAM", "")));
    assert_eq!((whole.status, whole.content().as_str()), (200, "hi \u{e9}"), "{}", whole.text());
    let told = whole.json();
    assert_eq!((told["model"].as_str(), told["id"].as_str()), (Some("gemini-scripted"), Some("abcDEF-_123")));
    assert_eq!(
        (told["usage"]["prompt_tokens"].as_u64(), told["usage"]["completion_tokens"].as_u64()),
        (Some(7), Some(7))
    );
    assert_eq!(told["choices"][0]["finish_reason"], "stop");
    let seen = gemini.only();
    assert_eq!(request_line(&seen), "POST /v1beta/models/gemini-2.5-flash:generateContent HTTP/1.1");
    let wanted = json!({
        "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "generationConfig": {"maxOutputTokens": 9, "thinkingConfig": {"thinkingBudget": 1024, "includeThoughts": true}},
    });
    assert_eq!(seen.json(), wanted);

    let asked = body.replace("STREAM", r#","stream":true,"stream_options":{"include_usage":true}"#);
    let stream = gateway.ask(&post(&bearer(1), &asked));
    assert!(stream.is_complete_stream(), "{}", stream.text());
    assert_eq!(stream.streamed_content(), "hi you");
    assert!(stream.text().contains(r#""finish_reason":"stop""#) && stream.text().contains(r#""total_tokens":12"#));
    let line = request_line(&gemini.seen()[1]);
    assert_eq!(line, "POST /v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse HTTP/1.1");
}

#[track_caller]
fn assert_fault(answer: &Answer, status: u16, word: &str) -> String {
    assert_eq!((answer.status, answer.field("content-type")), (status, Some("application/json")), "{}", answer.text());
    let body = answer.json();
    let error = body["error"].as_object().unwrap_or_else(|| panic!("not an envelope: {body}"));
    assert_eq!((error["code"].as_u64(), error["status"].as_str(), error.len()), (Some(status.into()), Some(word), 3));
    error["message"].as_str().expect("a message").to_owned()
}

fn refusals_are_in_googles_envelope(driver: Driver) {
    let (gemini, openai) = (Provider::start_at_any_path(scripted), Provider::start(echo));
    let gateway = start(driver, &gemini, &openai);
    let generate = "/v1beta/models/gemini-a:generateContent";
    let ask = |path: &str, lines: &str, body: &str| gateway.ask(&post_to(path, lines, body));
    assert_fault(&ask(generate, "", &asked("x")), 401, "UNAUTHENTICATED");
    assert_fault(&ask(generate, "x-goog-api-key: nonsense\r\n", &asked("x")), 401, "UNAUTHENTICATED");
    assert_fault(&ask("/v1/models/gemini-b:generateContent", &goog(2), &asked("x")), 403, "PERMISSION_DENIED");
    assert_fault(&ask("/v1beta/models/nobody:generateContent", &goog(1), &asked("x")), 404, "NOT_FOUND");
    assert_fault(&ask("/v1beta/nowhere", &goog(1), &asked("x")), 404, "NOT_FOUND");
    assert_fault(&ask("/genai/nowhere", &goog(1), &asked("x")), 404, "NOT_FOUND");
    assert_fault(&ask(generate, &goog(1), "{\"contents\":"), 400, "INVALID_ARGUMENT");
    let message = assert_fault(&ask(generate, &goog(1), "{}"), 400, "INVALID_ARGUMENT");
    assert!(message.contains("contents"), "{message}");
    let get = gateway.ask(&crate::caller::get(generate, &goog(1)));
    assert_fault(&get, 405, "UNIMPLEMENTED");
    assert_eq!(get.field("allow"), Some("POST"));
    assert_eq!(gemini.count(), 0);

    let quota = ask(generate, &goog(1), &asked("quota"));
    assert_eq!(assert_fault(&quota, 429, "RESOURCE_EXHAUSTED"), "slow down");
    assert_eq!((quota.field("retry-after"), quota.field("retry-after-ms")), (Some("8"), Some("7500")));
    let streamed = ask("/v1beta/models/gemini-a:streamGenerateContent", &goog(1), &asked("quota"));
    assert_eq!(assert_fault(&streamed, 429, "RESOURCE_EXHAUSTED"), "slow down");
    let chat = gateway.ask(&post(&bearer(1), &crate::caller::body("gemini-a", "quota")));
    assert_eq!((chat.status, chat.fault().message.as_str()), (429, "slow down"));
}

fn a_provider_that_rejects_the_key_is_the_operators_business(driver: Driver) {
    let (gemini, openai) = (Provider::start_at_any_path(scripted), Provider::start(echo));
    let gateway = start(driver, &gemini, &openai);
    let rejected = gateway.ask(&post_to("/v1beta/models/gemini-a:generateContent", &goog(1), &asked("bad key")));
    let message = assert_fault(&rejected, 502, "UNAVAILABLE");
    assert!(message.contains("api_key") && !message.contains("not valid"), "{message}");
}

fn a_stream_that_does_not_finish_is_broken_in_every_form(driver: Driver) {
    let gate = Gate::default();
    let opened = gate.clone();
    let gemini = Provider::start_at_any_path(move |seen, peer| follow(seen, peer, &opened));
    let openai = Provider::start(echo);
    let gateway = start(driver, &gemini, &openai);
    let ask = |request: Vec<u8>| {
        let mut caller = gateway.caller();
        caller.send(&request);
        caller.wait_for("hi ");
        gate.open("after the first words");
        caller.answer()
    };
    let path = "/v1beta/models/gemini-a:streamGenerateContent";
    for prompt in ["unfinished", "cut", "failing"] {
        let events = ask(post_to(&format!("{path}?alt=sse"), &goog(1), &asked(prompt)));
        assert!(!events.is_whole, "{prompt}: {}", events.text());
        let items = data(&events);
        assert_eq!((said(&items), finishes(&items)), ("hi ".to_owned(), vec![]), "{prompt}");
        let last = &items.last().expect("an error event")["error"];
        assert!(last["code"].is_u64() && last["status"].is_string() && last["message"].is_string(), "{prompt}: {last}");

        let list = ask(post_to(path, &goog(1), &asked(prompt)));
        assert!(!list.is_whole, "{prompt}");
        assert!(serde_json::from_slice::<Value>(&list.body).is_err(), "a broken list is not closed: {}", list.text());
        assert!(list.text().contains("\"error\":"), "{prompt}: {}", list.text());

        let chat = ask(post(&bearer(1), &crate::caller::stream_body("gemini-a", prompt)));
        assert!(!chat.is_whole && !chat.text().contains("[DONE]"), "{prompt}: {}", chat.text());
        assert!(chat.text().contains("data: {\"error\":"), "{prompt}: {}", chat.text());
    }
}

fn a_refused_prompt_is_a_filtered_answer(driver: Driver) {
    let (gemini, openai) = (Provider::start_at_any_path(scripted), Provider::start(echo));
    let gateway = start(driver, &gemini, &openai);
    let own = gateway.ask(&post_to("/v1beta/models/gemini-a:generateContent", &goog(1), &asked("blocked")));
    assert_eq!(own.json()["promptFeedback"]["blockReason"], "SAFETY");
    let streamed = "/v1beta/models/gemini-a:streamGenerateContent?alt=sse";
    let own = gateway.ask(&post_to(streamed, &goog(1), &asked("blocked")));
    assert!(own.is_whole && data(&own)[0]["promptFeedback"]["blockReason"] == "SAFETY");
    let chat = gateway.ask(&post(&bearer(1), &crate::caller::body("gemini-a", "blocked")));
    assert_eq!(chat.json()["choices"][0]["finish_reason"], "content_filter", "{}", chat.text());
    let chat = gateway.ask(&post(&bearer(1), &crate::caller::stream_body("gemini-a", "blocked")));
    assert!(chat.is_complete_stream() && chat.text().contains(r#""finish_reason":"content_filter""#));
}

fn keys_are_accepted_in_the_query_and_go_no_further(driver: Driver) {
    let (gemini, openai) = (Provider::start_at_any_path(scripted), Provider::start(echo));
    let gateway = start(driver, &gemini, &openai);
    let path = "/v1beta/models/gemini-a:generateContent";
    let (secret, other) = (key(1).secret, key(2).secret);
    for query in [format!("key={secret}"), format!("alt=json&key={secret}&x=y")] {
        assert_eq!(gateway.ask(&post_to(&format!("{path}?{query}"), "", &asked("x"))).status, 200, "{query}");
    }
    let same = gateway.ask(&post_to(&format!("{path}?key={secret}"), &goog(1), &asked("x")));
    assert_eq!(same.status, 200);
    let two =
        gateway.ask(&post_to(&format!("{path}?key={secret}"), &format!("x-goog-api-key: {other}\r\n"), &asked("x")));
    assert_fault(&two, 401, "UNAUTHENTICATED");
    assert_fault(&gateway.ask(&post_to(&format!("{path}?key=nonsense"), "", &asked("x"))), 401, "UNAUTHENTICATED");
    let elsewhere = format!("/v1/chat/completions?key={secret}");
    assert_eq!(gateway.ask(&post_to(&elsewhere, "", &crate::caller::body("gpt-x", "x"))).status, 401);
    for seen in gemini.seen() {
        assert!(!String::from_utf8_lossy(&seen.head).contains(&secret), "the caller's key went upstream");
        assert_eq!(request_line(&seen), format!("POST {path} HTTP/1.1"));
    }
}

fn models_are_named_by_the_path(driver: Driver) {
    let (gemini, openai) = (Provider::start_at_any_path(scripted), Provider::start(echo));
    let gateway = start(driver, &gemini, &openai);
    for (place, (path, sent)) in [
        ("/v1beta/models/gemini%2Fgemini-2.5-flash:generateContent", "gemini-2.5-flash"),
        ("/v1/models/gemini/any%20thing:generateContent", "any%20thing"),
        ("/genai/v1beta/models/models/gemini-a:generateContent", "gemini-a"),
        ("/openai/v1beta/models/gemini-a%3AgenerateContent", "gemini-a"),
        ("/v1beta1/projects/p/locations/l/publishers/google/models/gemini-a:generateContent", "gemini-a"),
        ("/v1beta/models/gemini%2F..%2F..%2Fx%3Fkey=1%0d%0a:generateContent", "..%2F..%2Fx%3Fkey%3D1%0D%0A"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = gateway.ask(&post_to(path, &goog(1), &asked("x")));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let line = format!("POST /v1beta/models/{sent}:generateContent HTTP/1.1");
        assert_eq!(request_line(&gemini.seen()[place]), line, "{path}");
    }
    // A model in the body is not what the path was judged by.
    let body = asked("x").replacen('{', "{\"model\":\"models/other\",", 1);
    assert_eq!(gateway.ask(&post_to("/v1beta/models/gemini-a:generateContent", &goog(1), &body)).status, 200);
    assert_eq!(gemini.seen().last().expect("it arrived").json()["model"], "models/gemini-a");
}

fn one_answer_serves_whole_and_streamed_of_one_model(driver: Driver) {
    let (gemini, openai) = (Provider::start_at_any_path(scripted), Provider::start(echo));
    let gateway = start(driver, &gemini, &openai);
    let ask = |model: &str, verb: &str| {
        gateway.ask(&post_to(&format!("/v1beta/models/{model}:{verb}"), &goog(1), &asked("same")))
    };
    // Whoever comes at once may still join the first.
    let ask_again = |model: &str, verb: &str| {
        let mut last = None;
        until("the answer is remembered", || last.insert(ask(model, verb)).cache() == "HIT");
        last.expect("it was asked at least once")
    };
    let (whole, events, list) = ("generateContent", "streamGenerateContent?alt=sse", "streamGenerateContent");
    assert_eq!(ask("cached-a", events).cache(), "MISS");
    for (verb, text) in [(whole, "hi you"), (events, "hi you"), (list, "hi you")] {
        let hit = ask_again("cached-a", verb);
        assert!(hit.is_whole, "{verb}");
        let items = match verb {
            "generateContent" => vec![hit.json()],
            "streamGenerateContent" => hit.json().as_array().expect("a list").clone(),
            _ => data(&hit),
        };
        assert_eq!((said(&items).as_str(), finishes(&items)), (text, vec!["STOP"]), "{verb}");
        assert!(items.iter().all(|item| item["responseId"] != "abcDEF-_123"), "a new id");
    }
    assert_eq!(ask("cached-b", whole).cache(), "MISS", "another model is another question");
    let replayed = ask_again("cached-b", whole);
    let id = replayed.json()["responseId"].as_str().expect("an id").to_owned();
    assert_eq!(replayed.text(), WHOLE.replace("abcDEF-_123", &id), "nothing but the id is new");
    assert_eq!(gemini.count(), 2);
}

fn those_who_join_a_stream_end_with_it(driver: Driver) {
    let gate = Gate::default();
    let opened = gate.clone();
    let gemini = Provider::start_at_any_path(move |seen, peer| follow(seen, peer, &opened));
    let openai = Provider::start(echo);
    let gateway = start(driver, &gemini, &openai);
    for (prompt, whole) in [("together", true), ("unfinished", false)] {
        let path = "/v1beta/models/cached-a:streamGenerateContent";
        let (mut first, mut second) = (gateway.caller(), gateway.caller());
        first.send(&post_to(&format!("{path}?alt=sse"), &goog(1), &asked(prompt)));
        first.wait_for("hi ");
        second.send(&post_to(path, &goog(1), &asked(prompt)));
        second.wait_for("hi ");
        gate.open("after the first words");
        let (first, second) = (first.answer(), second.answer());
        assert_eq!((first.cache(), second.cache()), ("MISS", "COALESCED"));
        assert_eq!((first.is_whole, second.is_whole), (whole, whole), "{prompt}");
        if whole {
            assert_eq!(second.json().as_array().expect("a list"), &data(&first));
        }
    }
    assert_eq!(gemini.count(), 2);
}

fn vertex_is_asked_where_its_address_says_with_a_bearer_token(driver: Driver) {
    let gemini = Provider::start_at_any_path(scripted);
    let place = "/v1/projects/p-1/locations/europe-west4/publishers/google";
    let provider = |base: &str| {
        format!("[[providers]]\nname = \"google\"\nkind = \"vertex\"\n{base}api_key = \"env:CANARY_PROVIDER_KEY\"\n\n")
    };
    let base = format!("base_url = \"http://{}{place}\"\n", gemini.address);
    let gateway =
        Setup::new(driver).tables(&provider(&base)).route("*", "\"google\"", "cache = { exact = false }").start();
    let asked = gateway.ask(&post("", &crate::caller::stream_body("gemini-2.5-flash", "hello")));
    assert!(asked.is_complete_stream(), "{}", asked.text());
    let seen = gemini.only();
    let line = format!("POST {place}/models/gemini-2.5-flash:streamGenerateContent?alt=sse HTTP/1.1");
    assert_eq!(request_line(&seen), line, "the address has its version already");
    assert_eq!(seen.field("authorization"), Some(format!("Bearer {PROVIDER_SECRET}")));
    assert_eq!(seen.field("x-goog-api-key"), None);

    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("ringgate.toml");
    let route = "[[routes]]\nmodel = \"*\"\ntargets = [\"google\"]\n";
    std::fs::write(&path, format!("{}{route}", provider(""))).expect("a file");
    let path = path.to_str().expect("a plain path");
    let told = run(&["check", "--config", path], &[("CANARY_PROVIDER_KEY", PROVIDER_SECRET)]);
    let complaint = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(!told.status.success() && complaint.contains("set `base_url`"), "{complaint}");
}

/// What a model of Gemini's signed comes back to it, however the client's format carries it.
fn tool_loops_survive_a_client_of_another_format(driver: Driver) {
    const CALL: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true},{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"c2ln+/=="}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"totalTokenCount":1},"modelVersion":"m","responseId":"r"}"#;
    let gemini = Provider::start_at_any_path(|seen, peer| {
        let first = seen.json()["contents"].as_array().is_some_and(|contents| contents.len() == 1);
        peer.send(json_answer(200, if first { CALL } else { WHOLE }));
    });
    let openai = Provider::start(echo);
    let gateway = start(driver, &gemini, &openai);
    let wanted = json!([
        {"role": "user", "parts": [{"text": "go"}]},
        {"role": "model", "parts": [
            {"text": "hm", "thought": true},
            {"functionCall": {"id": "call_r_0", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln+/=="},
        ]},
        {"role": "user", "parts": [{"functionResponse": {"id": "call_r_0", "name": "f", "response": {"output": "done"}}}]},
    ]);

    let user = json!({"role": "user", "content": "go"});
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}});
    let request = |messages: Value| json!({"model": "gemini-3-pro", "messages": messages, "tools": [tool]}).to_string();
    let called = gateway.ask(&post(&bearer(1), &request(json!([user]))));
    let message = called.json()["choices"][0]["message"].clone();
    assert_eq!(called.json()["choices"][0]["finish_reason"], "tool_calls", "{}", called.text());
    let result = json!({"role": "tool", "tool_call_id": "call_r_0", "content": "done"});
    assert_eq!(gateway.ask(&post(&bearer(1), &request(json!([user, message, result])))).status, 200);
    assert_eq!(gemini.seen()[1].json()["contents"], wanted);
    // A client that gives back the calls alone has their signatures with them.
    let calls = json!({"role": "assistant", "content": null, "tool_calls": message["tool_calls"]});
    assert_eq!(gateway.ask(&post(&bearer(1), &request(json!([user, calls, result])))).status, 200);
    assert_eq!(gemini.seen()[2].json()["contents"][1]["parts"], json!([wanted[1]["parts"][1]]));

    let tool = json!({"name": "f", "input_schema": {"type": "object"}});
    let request = |messages: Value| {
        json!({"model": "gemini-3-pro", "max_tokens": 9, "messages": messages, "tools": [tool]}).to_string()
    };
    let ask = |body: String| gateway.ask(&post_to("/v1/messages", &bearer(1), &body));
    let called = ask(request(json!([user])));
    assert_eq!(called.json()["stop_reason"], "tool_use", "{}", called.text());
    let assistant = json!({"role": "assistant", "content": called.json()["content"]});
    let result =
        json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_r_0", "content": "done"}]});
    assert_eq!(ask(request(json!([user, assistant, result]))).status, 200);
    assert_eq!(gemini.seen()[4].json()["contents"], wanted);

    let tool = json!({"type": "function", "name": "f", "parameters": {"type": "object"}});
    let request = |input: Value| json!({"model": "gemini-3-pro", "input": input, "tools": [tool]}).to_string();
    let ask = |body: String| gateway.ask(&post_to("/v1/responses", &bearer(1), &body));
    let called = ask(request(json!([user])));
    assert_eq!(called.json()["status"], "completed", "{}", called.text());
    let mut turn = vec![user];
    turn.extend(called.json()["output"].as_array().expect("items").clone());
    turn.push(json!({"type": "function_call_output", "call_id": "call_r_0", "output": "done"}));
    assert_eq!(ask(request(Value::from(turn))).status, 200);
    assert_eq!(gemini.seen()[6].json()["contents"], wanted);
}
