//! Answers that are given again: to whom, in which form, and when not.

use crate::caller::Answer;
use crate::caller::body;
use crate::caller::post;
use crate::caller::post_to;
use crate::caller::stream_body;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Gateway;
use crate::process::Setup;
use crate::process::key;
use crate::process::until;
use crate::provider::DONE;
use crate::provider::Gate;
use crate::provider::Peer;
use crate::provider::Provider;
use crate::provider::RECORDED_STREAM;
use crate::provider::RECORDED_WHOLE;
use crate::provider::STREAM_HEAD;
use crate::provider::Seen;
use crate::provider::completion;
use crate::provider::delta;
use crate::provider::echo;
use crate::provider::finish;
use crate::provider::json_answer;
use crate::provider::opening;
use crate::provider::usage_event;
use serde_json::Value;
use serde_json::json;
use std::sync::Barrier;

on_both_drivers! {
    a_repeat_is_answered_from_memory,
    a_replay_takes_whichever_form_is_asked,
    what_makes_two_requests_the_same,
    callers_of_different_dialects_share_an_answer,
    callers_with_routes_of_their_own_do_not,
    callers_direct_the_cache_by_header,
    answers_do_not_cross_keys,
    what_must_not_be_remembered_is_not,
    memory_is_bounded,
    identical_requests_in_flight_share_one_answer,
    a_leader_that_leaves_takes_nobody_along,
    a_leader_that_fails_tells_everybody,
    a_broken_stream_breaks_for_everybody,
    what_is_too_long_to_store_reaches_everybody,
}

fn bearer(number: u8) -> String {
    format!("authorization: Bearer {}\r\n", key(number).secret)
}

fn start(driver: Driver, provider: &Provider, tables: &str) -> Gateway {
    Setup::new(driver)
        .provider("p", provider, "")
        .key("one", &key(1), "")
        .key("two", &key(2), "")
        .key("shared-a", &key(3), "cache_scope = \"team\"")
        .key("shared-b", &key(4), "cache_scope = \"team\"")
        .route("*", "\"p\"", "cache = { temperature_max = 1.0 }")
        .tables(tables)
        .start()
}

fn recorded(seen: &Seen, peer: &mut Peer) {
    if seen.wants_stream() {
        peer.send(STREAM_HEAD);
        RECORDED_STREAM.split_inclusive("\n\n").for_each(|event| peer.chunk(event));
        peer.end_chunks();
    } else {
        peer.send(json_answer(200, RECORDED_WHOLE));
    }
}

/// Asks as key 1 and checks what the cache did.
#[track_caller]
fn ask(gateway: &Gateway, lines: &str, text: &str, outcome: &str) -> Answer {
    let answer = gateway.ask(&post(&format!("{}{lines}", bearer(1)), text));
    assert_eq!((answer.status, answer.cache()), (200, outcome), "{lines} {text}: {}", answer.text());
    // An answer is remembered after it was given.
    wait_in_flight(gateway, 0);
    answer
}

fn a_repeat_is_answered_from_memory(driver: Driver) {
    let provider = Provider::start(recorded);
    let gateway = start(driver, &provider, "");
    let first = ask(&gateway, "", &body("m", "x"), "MISS");
    assert_eq!(first.text(), RECORDED_WHOLE);
    assert_eq!((first.field("age"), first.field("x-ringgate-attempts")), (None, Some("1")));
    let mut ids = vec![first.json()["id"].as_str().expect("an id").to_owned()];
    // Either shard may serve either request.
    for _ in 0..8 {
        let hit = ask(&gateway, "", &body("m", "x"), "HIT");
        let (mut old, mut new) = (first.json(), hit.json());
        ids.push(new["id"].as_str().expect("an id").to_owned());
        assert!(new["created"].as_u64() > Some(1_790_000_000), "created is now: {new}");
        for answer in [&mut old, &mut new] {
            answer["id"] = Value::Null;
            answer["created"] = Value::Null;
        }
        assert_eq!(old, new);
        let same_length = |answer: &Answer| {
            let json = answer.json();
            answer
                .text()
                .replace(json["id"].as_str().unwrap_or_default(), "ID")
                .replace(&json["created"].to_string(), "0")
        };
        assert_eq!(same_length(&first), same_length(&hit), "every other byte is the same");
        assert!(hit.field("age").is_some() && hit.field("age") == hit.field("x-ringgate-cache-age"), "{hit:?}");
        assert_eq!(hit.field("x-ringgate-attempts"), None, "no provider was asked");
        assert_eq!(hit.field("x-ringgate-provider"), Some("p"));
    }
    assert!(ids.iter().all(|id| id.starts_with("chatcmpl-")), "{ids:?}");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 9, "every replay has an id of its own");
    assert_eq!(provider.count(), 1);
    assert_eq!(gateway.metric("ringgate_cache_lookups_total", &["exact", "hit"]), 8.0);
}

fn a_replay_takes_whichever_form_is_asked(driver: Driver) {
    let provider = Provider::start(recorded);
    let gateway = start(driver, &provider, "");
    let usages = |answer: &Answer| answer.events().iter().filter(|event| event.contains("\"usage\":{")).count();
    // Whole first, streamed later.
    ask(&gateway, "", &body("m", "whole"), "MISS");
    let streamed = ask(&gateway, "", &stream_body("m", "whole"), "HIT");
    assert_eq!(streamed.field("content-type"), Some("text/event-stream; charset=utf-8"));
    assert!(streamed.is_complete_stream(), "{}", streamed.text());
    assert_eq!(streamed.streamed_content(), "Hello! How can I assist you today?");
    assert_eq!(usages(&streamed), 0);
    let asking = stream_body("m", "whole").replacen('{', "{\"stream_options\":{\"include_usage\":true},", 1);
    assert_eq!(usages(&ask(&gateway, "", &asking, "HIT")), 1);
    // Streamed first, whole later.
    let live = ask(&gateway, "", &stream_body("m", "streamed"), "MISS");
    let whole = ask(&gateway, "", &body("m", "streamed"), "HIT");
    let json = whole.json();
    assert_eq!((whole.content(), json["object"].as_str()), (live.streamed_content(), Some("chat.completion")));
    assert_eq!(json["choices"][0]["finish_reason"], "stop");
    assert_eq!(json["usage"]["total_tokens"], 87);
    let replay = ask(&gateway, "", &stream_body("m", "streamed"), "HIT");
    assert!(replay.is_complete_stream());
    assert_eq!(replay.streamed_content(), live.streamed_content());
    assert_ne!(replay.events()[0], live.events()[0], "an id of its own");
    assert_eq!(provider.count(), 2);
}

fn what_makes_two_requests_the_same(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider, "");
    let base = r#"{"model":"m","temperature":0.5,"messages":[{"role":"user","content":"caf\u00e9"}]}"#;
    ask(&gateway, "", base, "MISS");
    let same = [
        (r#"{"messages":[{"role":"user","content":"café"}],"temperature":0.5,"model":"m"}"#, ""),
        (
            "{ \"model\" : \"m\",\n\"temperature\" : 0.5,\n\"messages\" : [ { \"role\" : \"user\", \"content\" : \"caf\\u00E9\" } ] }",
            "",
        ),
        (
            r#"{"model":"m","temperature":5e-1,"n":1,"messages":[{"content":[{"type":"text","text":"café"}],"role":"user"}]}"#,
            "",
        ),
        (r#"{"model":"m","temperature":0.5,"stop":null,"messages":[{"role":"user","content":"café"}]}"#, ""),
        (base, "user-agent: other\r\nx-request-id: other\r\n"),
    ];
    for (text, lines) in same {
        ask(&gateway, lines, text, "HIT");
    }
    let other = [
        (base.replace("caf", "Caf"), ""),
        (base.replace("\"m\"", "\"m2\""), ""),
        (base.replace("0.5", "0.6"), ""),
        (base.replace("\"temperature\":0.5,", ""), ""),
        (base.replace("user", "system"), ""),
        (base.replacen('{', "{\"seed\":1,", 1), ""),
        (base.replacen('{', "{\"user\":\"a\",", 1), ""),
        (base.replacen('{', "{\"unknown\":{\"a\":1,\"b\":2},", 1), ""),
        (base.replacen('{', "{\"unknown\":{\"b\":2,\"a\":1},", 1), ""),
        (base.to_owned(), "x-ringgate-cache-namespace: n\r\n"),
        (base.to_owned(), "openai-organization: o\r\n"),
        (base.to_owned(), "openai-project: o\r\n"),
    ];
    for (text, lines) in &other {
        ask(&gateway, lines, text, "MISS");
        ask(&gateway, lines, text, "HIT");
    }
    assert_eq!(provider.count(), 1 + other.len());
    ask(&gateway, "", &base.replace("0.5", "1.5"), "BYPASS");
}

const DIALECTS: [&str; 4] = ["openai_chat", "openai_responses", "anthropic_messages", "gemini"];

/// One question as a caller of `dialect` asks it, and what the answer says to it.
fn told_in(dialect: &str, gateway: &Gateway, model: &str, text: &str, stream: bool, outcome: &str) -> String {
    let mut body = match dialect {
        "openai_chat" => json!({"model": model, "max_completion_tokens": 90, "temperature": 0, "messages": [
            {"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]}),
        "openai_responses" => json!({"model": model, "max_output_tokens": 90, "temperature": 0.0, "store": false,
            "instructions": "Be brief.", "input": text}),
        "anthropic_messages" => json!({"model": model, "max_tokens": 90, "temperature": 0.0, "system": "Be brief.",
            "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}),
        _ => json!({"contents": [{"role": "user", "parts": [{"text": text}]}],
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "generationConfig": {"maxOutputTokens": 90, "temperature": 0}}),
    };
    if stream && dialect != "gemini" {
        body["stream"] = Value::Bool(true);
    }
    let path = match dialect {
        "openai_chat" => "/v1/chat/completions".to_owned(),
        "openai_responses" => "/v1/responses".to_owned(),
        "anthropic_messages" => "/v1/messages".to_owned(),
        _ if stream => format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
        _ => format!("/v1beta/models/{model}:generateContent"),
    };
    let answer = gateway.ask(&post_to(&path, &bearer(1), &body.to_string()));
    assert_eq!((answer.status, answer.cache()), (200, outcome), "{dialect} {text}: {}", answer.text());
    wait_in_flight(gateway, 0);
    let at = |answer: Value| {
        let said = match dialect {
            "openai_chat" => &answer["choices"][0]["message"]["content"],
            "openai_responses" => &answer["output"][0]["content"][0]["text"],
            "anthropic_messages" => &answer["content"][0]["text"],
            _ => &answer["candidates"][0]["content"]["parts"][0]["text"],
        };
        said.as_str().map(str::to_owned).unwrap_or_else(|| panic!("{dialect}: {answer}"))
    };
    if !stream {
        return at(answer.json());
    }
    let said = |line: &str| {
        let event: Value = serde_json::from_str(line.strip_prefix("data: ")?).ok()?;
        let said = match dialect {
            "openai_chat" => &event["choices"][0]["delta"]["content"],
            "openai_responses" => &event["delta"],
            "anthropic_messages" => &event["delta"]["text"],
            _ => &event["candidates"][0]["content"]["parts"][0]["text"],
        };
        said.as_str().map(str::to_owned)
    };
    answer.text().lines().filter_map(said).collect()
}

fn callers_of_different_dialects_share_an_answer(driver: Driver) {
    let provider = Provider::start(recorded);
    let gateway = start(driver, &provider, "");
    for first in DIALECTS {
        for (stream, expected) in [(false, "Hello! How can I assist you today?"), (true, "The London")] {
            let text = format!("asked first by {first} {stream}");
            assert_eq!(told_in(first, &gateway, "m", &text, stream, "MISS"), expected);
            for next in DIALECTS {
                for form in [false, true] {
                    assert_eq!(told_in(next, &gateway, "m", &text, form, "HIT"), expected, "{first} to {next}");
                }
            }
        }
    }
    assert_eq!(provider.count(), 2 * DIALECTS.len());
    // The provider that is named is the same for all of them too.
    told_in("gemini", &gateway, "p%2Fm", "direct", false, "MISS");
    told_in("openai_chat", &gateway, "p/m", "direct", true, "HIT");
}

fn callers_with_routes_of_their_own_do_not(driver: Driver) {
    let [mine, theirs] = [Provider::start(recorded), Provider::start(recorded)];
    let gateway = Setup::new(driver)
        .provider("p", &mine, "")
        .provider("q", &theirs, "")
        .route("*", "\"q\"", "caller = \"anthropic_messages\"")
        .route("*", "\"p\"", "")
        .start();
    told_in("openai_chat", &gateway, "m", "x", false, "MISS");
    told_in("anthropic_messages", &gateway, "m", "x", false, "MISS");
    told_in("gemini", &gateway, "m", "x", false, "HIT");
    told_in("anthropic_messages", &gateway, "m", "x", true, "HIT");
    assert_eq!((mine.count(), theirs.count()), (1, 1));
}

fn callers_direct_the_cache_by_header(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider, "");
    let asks = |lines: &str, prompt: &str, outcome: &str| ask(&gateway, lines, &body("m", prompt), outcome);
    for name in ["cache-control", "x-ringgate-cache-control"] {
        // no-store: neither looked up nor kept.
        let prompt = format!("no-store {name}");
        asks(&format!("{name}: no-store\r\n"), &prompt, "BYPASS");
        asks("", &prompt, "MISS");
        asks(&format!("{name}: no-store\r\n"), &prompt, "BYPASS");
        // no-cache: asked anew, and the new answer replaces the old.
        let prompt = format!("no-cache {name}");
        asks(&format!("{name}: no-cache\r\n"), &prompt, "BYPASS");
        asks("", &prompt, "HIT");
        asks(&format!("{name}: no-cache\r\n"), &prompt, "BYPASS");
        // only-if-cached: 504 or the answer, never the provider.
        let prompt = format!("only {name}");
        let before = provider.count();
        let refused = gateway.ask(&post(&format!("{}{name}: only-if-cached\r\n", bearer(1)), &body("m", &prompt)));
        assert_eq!((refused.status, refused.fault().code.as_str()), (504, "timeout"));
        assert_eq!(provider.count(), before);
        asks("", &prompt, "MISS");
        asks(&format!("{name}: only-if-cached\r\n"), &prompt, "HIT");
    }
    asks("", "age", "MISS");
    asks("cache-control: max-age=3600\r\n", "age", "HIT");
    asks("cache-control: max-age=0\r\n", "age", "BYPASS");
    asks("cache-control: public, unknown=1\r\n", "age", "HIT");
    asks("cache-control: No-Cache, max-age=5\r\n", "age", "BYPASS");
    // A list may stand in several lines, and what is no age asks for something fresh.
    asks("cache-control: max-age=3600\r\ncache-control: no-store\r\n", "age", "BYPASS");
    asks("cache-control: max-age=3600, max-age=0\r\n", "age", "BYPASS");
    for fresh in ["max-age", "max-age=soon", "max-age=-1", "max-age=1.5"] {
        asks(&format!("cache-control: {fresh}\r\n"), "age", "BYPASS");
    }
    asks("cache-control: max-age=\"3600\"\r\n", "age", "HIT");
    asks("cache-control: max-age=99999999999999999999\r\n", "age", "HIT");
    asks("x-ringgate-cache-ttl: 0\r\n", "ttl", "MISS");
    asks("", "ttl", "MISS");
    asks("x-ringgate-cache-ttl: 1\r\n", "short", "MISS");
    until("one second is over", || {
        asks("cache-control: only-if-cached\r\n", "age", "HIT").status == 200 && {
            let lines = format!("{}cache-control: only-if-cached\r\n", bearer(1));
            gateway.ask(&post(&lines, &body("m", "short"))).status == 504
        }
    });
}

fn answers_do_not_cross_keys(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider, "");
    let text = body("m", "private");
    let outcome = |number: u8| {
        let answer = gateway.ask(&post(&bearer(number), &text));
        wait_in_flight(&gateway, 0);
        answer.cache().to_owned()
    };
    assert_eq!([outcome(1), outcome(1)], ["MISS", "HIT"]);
    assert_eq!([outcome(2), outcome(2)], ["MISS", "HIT"]);
    assert_eq!([outcome(3), outcome(4), outcome(3)], ["MISS", "HIT", "HIT"], "keys of one scope share");
    // A namespace of the caller's choosing cannot reach into another key's.
    for namespace in ["two", "shared-a", "team", "", "two\topenai_chat"] {
        let text = body("m", &format!("of two, {}", namespace.escape_default()));
        let lines = format!("{}x-ringgate-cache-namespace: {namespace}\r\n", bearer(1));
        assert_eq!(gateway.ask(&post(&lines, &text)).cache(), "MISS", "{namespace:?}");
        wait_in_flight(&gateway, 0);
        assert_eq!(gateway.ask(&post(&bearer(2), &text)).cache(), "MISS", "{namespace:?}");
    }
    assert_eq!(provider.count(), 13);
}

/// Answers by prompt that nobody should be given again.
fn unfit(seen: &Seen, peer: &mut Peer) {
    let plain = completion("plain");
    let stop = "\"finish_reason\":\"stop\"";
    let changed = match seen.prompt().as_str() {
        "tool" => plain.replace("\"content\":\"plain\"", "\"content\":null,\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]").replace(stop, "\"finish_reason\":\"tool_calls\""),
        "refusal" => plain.replace("\"content\":\"plain\",\"refusal\":null", "\"content\":null,\"refusal\":\"I cannot\""),
        "length" => plain.replace(stop, "\"finish_reason\":\"length\""),
        "filter" => plain.replace(stop, "\"finish_reason\":\"content_filter\""),
        "unfinished" => plain.replace(stop, "\"finish_reason\":null"),
        "odd" => plain.replace(stop, "\"finish_reason\":\"who knows\""),
        "empty" => plain.replace("\"plain\"", "\"\""),
        "large" => completion(&"x".repeat(5000)),
        _ => plain,
    };
    if !seen.wants_stream() {
        return peer.send(json_answer(200, &changed));
    }
    let event = |choice: &str| crate::provider::event(choice);
    let (said, reason) = match seen.prompt().as_str() {
        "tool" => (
            event(
                r#"{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":null}"#,
            ),
            "tool_calls",
        ),
        "refusal" => (event(r#"{"index":0,"delta":{"refusal":"I cannot"},"finish_reason":null}"#), "stop"),
        "length" => (delta("plain"), "length"),
        "filter" => (delta("plain"), "content_filter"),
        "odd" => (delta("plain"), "who knows"),
        "empty" => (String::new(), "stop"),
        "large" => (delta(&"x".repeat(5000)), "stop"),
        _ => (delta("plain"), "stop"),
    };
    peer.send(STREAM_HEAD);
    peer.chunk(format!("{}{said}{}{}{DONE}", opening(), finish(reason), usage_event()));
    peer.end_chunks();
}

fn what_must_not_be_remembered_is_not(driver: Driver) {
    let provider = Provider::start(unfit);
    let gateway = start(driver, &provider, "[cache]\nentry_bytes_max = 4096\n");
    let prompts = ["tool", "refusal", "length", "filter", "odd", "empty", "large", "unfinished"];
    for prompt in prompts {
        for streamed in [false, true] {
            if streamed && prompt == "unfinished" {
                continue; // a stream without its finish is broken, see the faults
            }
            let text = if streamed { stream_body("m", prompt) } else { body("m", prompt) };
            for _ in 0..2 {
                let before = provider.count();
                ask(&gateway, "", &text, "MISS");
                assert_eq!(provider.count(), before + 1, "{prompt} (streamed: {streamed}) was remembered");
            }
        }
    }
    ask(&gateway, "", &body("m", "fit"), "MISS");
    ask(&gateway, "", &body("m", "fit"), "HIT");
    assert_eq!(gateway.metric("ringgate_cache_entries", &["exact"]), 1.0);
}

fn memory_is_bounded(driver: Driver) {
    let provider = Provider::start(|_, peer| peer.send(json_answer(200, &completion(&"z".repeat(20_000)))));
    let gateway = start(driver, &provider, "[cache]\nbytes_max = 1048576\n");
    let mut caller = gateway.caller();
    for number in 0..300 {
        caller.send(&post(&bearer(1), &body("m", &format!("number {number}"))));
        assert_eq!(caller.answer().status, 200);
    }
    let (bytes, entries) =
        (gateway.metric("ringgate_cache_bytes", &["exact"]), gateway.metric("ringgate_cache_entries", &["exact"]));
    assert!(bytes > 200_000.0 && bytes <= 1_048_576.0, "{bytes} bytes");
    assert!((10.0..=52.0).contains(&entries), "{entries} entries");
    assert!(gateway.metric("ringgate_cache_evictions_total", &["exact"]) >= 240.0);
}

/// Answers when the gate opens; streams say something before it.
fn gated(gate: &Gate) -> impl Fn(&Seen, &mut Peer) + Send + Sync + use<> {
    let gate = gate.clone();
    move |seen: &Seen, peer: &mut Peer| {
        let prompt = seen.prompt();
        if seen.wants_stream() {
            peer.send(STREAM_HEAD);
            peer.chunk(format!("{}{}", opening(), delta("first ")));
            gate.wait(&prompt);
            if prompt.contains("breaks") {
                return peer.close();
            }
            peer.chunk(format!("{}{}{}{DONE}", delta("second"), finish("stop"), usage_event()));
            return peer.end_chunks();
        }
        gate.wait(&prompt);
        if prompt.contains("fails") {
            let text = r#"{"error":{"message":"leader's words","type":"t","param":null,"code":"c"}}"#;
            return peer.send(json_answer(400, text));
        }
        peer.send(json_answer(200, &completion("first second")));
    }
}

/// What `text` is answered with to as many callers at once; `then` runs when all are waiting.
fn at_once(gateway: &Gateway, texts: &[String], then: impl FnOnce()) -> Vec<Answer> {
    let start = Barrier::new(texts.len());
    std::thread::scope(|scope| {
        let asking: Vec<_> = texts
            .iter()
            .map(|text| {
                let start = &start;
                scope.spawn(move || {
                    let mut caller = gateway.caller();
                    start.wait();
                    caller.send(&post(&bearer(1), text));
                    caller.answer()
                })
            })
            .collect();
        then();
        asking.into_iter().map(|asked| asked.join().expect("every caller gets an answer")).collect()
    })
}

/// Requests inside the gateway, as its gauge has it.
#[track_caller]
fn wait_in_flight(gateway: &Gateway, count: usize) {
    until(&format!("{count} requests are in flight"), || {
        gateway.metric("ringgate_requests_in_flight", &[]) as usize == count
    });
}

/// Waits until so many requests have ever joined another.
#[track_caller]
fn wait_joined(gateway: &Gateway, count: usize) {
    until(&format!("{count} requests have joined another"), || {
        gateway.metric("ringgate_cache_lookups_total", &["exact", "joined"]) as usize == count
    });
}

fn identical_requests_in_flight_share_one_answer(driver: Driver) {
    let gate = Gate::default();
    let provider = Provider::start(gated(&gate));
    let gateway = start(driver, &provider, "");
    for (round, streamed) in
        [(0, |_: usize| false), (1, |_: usize| true), (2, |number: usize| number.is_multiple_of(2))]
            as [(usize, fn(usize) -> bool); 3]
    {
        let prompt = format!("round {round}");
        let text = |number| if streamed(number) { stream_body("m", &prompt) } else { body("m", &prompt) };
        let texts: Vec<String> = (0..50).map(text).collect();
        let answers = at_once(&gateway, &texts, || {
            wait_joined(&gateway, 49 * (round + 1));
            gate.open(&prompt);
        });
        for (number, answer) in answers.iter().enumerate() {
            assert_eq!(answer.status, 200, "{}", answer.text());
            let said = if streamed(number) {
                assert!(answer.is_complete_stream(), "{}", answer.text());
                answer.streamed_content()
            } else {
                answer.content()
            };
            assert_eq!(said, "first second", "caller {number} of {prompt}");
        }
        let count = |outcome: &str| answers.iter().filter(|answer| answer.cache() == outcome).count();
        assert_eq!((count("MISS"), count("COALESCED")), (1, 49), "{prompt}");
        assert_eq!(provider.seen_with(&prompt).len(), 1, "one request upstream in {prompt}");
        ask(&gateway, "", &texts[0], "HIT");
    }
    assert_eq!(gateway.metric("ringgate_coalesced_total", &[]), 147.0);
    // Other keys never wait for each other.
    let texts = body("m", "apart");
    let mut callers = [gateway.caller(), gateway.caller()];
    callers[0].send(&post(&bearer(1), &texts));
    callers[1].send(&post(&bearer(2), &texts));
    until("both are upstream", || provider.seen_with("apart").len() == 2);
    gate.open("apart");
    until("one was let through", || gateway.metric("ringgate_requests_in_flight", &[]) as usize == 1);
    gate.open("apart");
    assert_eq!(callers.map(|mut caller| caller.answer().cache().to_owned()), ["MISS", "MISS"]);
}

fn a_leader_that_leaves_takes_nobody_along(driver: Driver) {
    let gate = Gate::default();
    let provider = Provider::start(gated(&gate));
    let gateway = start(driver, &provider, "");
    for (round, (streamed, fails)) in [(false, false), (true, false), (false, true)].into_iter().enumerate() {
        let prompt = format!("left {streamed} {}", if fails { "fails" } else { "" });
        let text = if streamed { stream_body("m", &prompt) } else { body("m", &prompt) };
        let mut leader = gateway.caller();
        leader.send(&post(&bearer(1), &text));
        until("the leader is upstream", || provider.seen_with(&prompt).len() == 1);
        if streamed {
            leader.wait_for("first");
        }
        let mut followers: Vec<_> = (0..5).map(|_| gateway.caller()).collect();
        followers.iter_mut().for_each(|follower| follower.send(&post(&bearer(1), &text)));
        wait_joined(&gateway, 5 * (round + 1));
        leader.reset();
        // Time for the gateway to notice; nothing may come of it.
        std::thread::sleep(std::time::Duration::from_millis(200));
        gate.open(&prompt);
        for follower in &mut followers {
            let answer = follower.answer();
            if fails {
                assert_eq!((answer.status, answer.fault().message.as_str()), (400, "leader's words"));
                continue;
            }
            assert_eq!((answer.status, answer.cache()), (200, "COALESCED"), "{}", answer.text());
            let said = if streamed { answer.streamed_content() } else { answer.content() };
            assert_eq!(said, "first second");
            assert!(!streamed || answer.is_complete_stream());
        }
        assert_eq!(provider.seen_with(&prompt).len(), 1, "nobody had to ask again");
        wait_in_flight(&gateway, 0);
        if !fails {
            ask(&gateway, "", &text, "HIT");
        }
    }
}

fn a_leader_that_fails_tells_everybody(driver: Driver) {
    let gate = Gate::default();
    let provider = Provider::start(gated(&gate));
    let gateway = start(driver, &provider, "");
    let texts = vec![body("m", "fails"); 20];
    let answers = at_once(&gateway, &texts, || {
        wait_joined(&gateway, 19);
        gate.open("fails");
    });
    for answer in answers {
        let fault = answer.fault();
        assert_eq!((answer.status, fault.message.as_str(), fault.code.as_str()), (400, "leader's words", "c"));
    }
    assert_eq!(provider.count(), 1);
    gate.open("fails");
    assert_eq!(gateway.ask(&post(&bearer(1), &texts[0])).status, 400);
    assert_eq!(provider.count(), 2, "a failure is not remembered");
}

fn a_broken_stream_breaks_for_everybody(driver: Driver) {
    let gate = Gate::default();
    let provider = Provider::start(gated(&gate));
    let gateway = start(driver, &provider, "");
    let mut callers: Vec<_> = (0..10).map(|_| gateway.caller()).collect();
    callers.iter_mut().for_each(|caller| caller.send(&post(&bearer(1), &stream_body("m", "breaks"))));
    callers.iter_mut().for_each(|caller| caller.wait_for("first"));
    gate.open("breaks");
    for answer in callers.iter_mut().map(|caller| caller.answer()) {
        assert!(!answer.is_whole && !answer.text().contains("[DONE]"), "looks complete: {}", answer.text());
        let last = answer.events().pop().expect("an error event");
        assert!(last.contains("\"error\""), "{last}");
    }
    assert_eq!(provider.count(), 1);
}

fn what_is_too_long_to_store_reaches_everybody(driver: Driver) {
    const WORDS: usize = 5000;
    let gate = Gate::default();
    let inner = gate.clone();
    let provider = Provider::start(move |seen, peer| {
        let prompt = seen.prompt();
        peer.send(STREAM_HEAD);
        peer.chunk(opening());
        if prompt == "together" {
            inner.wait(&prompt);
        }
        peer.chunk(delta(&"x".repeat(WORDS)));
        if prompt == "one by one" {
            inner.wait(&prompt);
        }
        peer.chunk(format!("{}{}{}{DONE}", delta("end"), finish("stop"), usage_event()));
        peer.end_chunks();
    });
    let gateway = start(driver, &provider, "[cache]\nentry_bytes_max = 1024\n");
    let said_all = |answer: &Answer| {
        assert!(answer.is_complete_stream(), "{}", answer.text());
        assert_eq!(answer.streamed_content().len(), WORDS + 3);
    };
    // Who joined before it was too long is told all of it.
    let together = vec![stream_body("m", "together"); 10];
    let answers = at_once(&gateway, &together, || {
        wait_joined(&gateway, 9);
        gate.open("together");
    });
    answers.iter().for_each(said_all);
    assert_eq!(provider.count(), 1);
    // Who comes later asks anew: nothing was kept for him.
    let mut callers = [gateway.caller(), gateway.caller()];
    for (number, caller) in callers.iter_mut().enumerate() {
        caller.send(&post(&bearer(1), &stream_body("m", "one by one")));
        caller.wait_for("xxxx");
        assert_eq!(provider.seen_with("one by one").len(), 1 + number);
    }
    gate.open("one by one");
    wait_in_flight(&gateway, 1);
    gate.open("one by one");
    callers.iter_mut().for_each(|caller| said_all(&caller.answer()));
    wait_in_flight(&gateway, 0);
    assert_eq!(gateway.metric("ringgate_cache_entries", &["exact"]), 0.0);
}
