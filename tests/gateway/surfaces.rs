//! The endpoints beside chat whose requests are read: embeddings, legacy completions, token counts, and
//! the lists of models.

use crate::caller::get;
use crate::caller::post_to;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Gateway;
use crate::process::PROVIDER_SECRET;
use crate::process::Setup;
use crate::process::key;
use crate::process::until;
use crate::provider::DONE;
use crate::provider::Provider;
use crate::provider::STREAM_HEAD;
use crate::provider::Seen;
use crate::provider::json_answer;
use serde_json::Value;

on_both_drivers! {
    embeddings_come_in_the_form_that_was_asked_for,
    embeddings_are_remembered_per_scope_and_form,
    embeddings_are_counted_and_priced,
    what_a_provider_cannot_do_is_said_or_asked_of_another,
    completions_pass_whole_and_streamed,
    a_broken_completion_never_ends_cleanly,
    a_remembered_completion_is_told_in_either_form,
    tokens_are_counted_by_their_provider_or_estimated,
    models_are_listed_in_three_shapes,
    the_rules_of_chat_hold_here_too,
    gemini_embeds_in_its_own_words,
    gemini_counts_or_is_estimated,
}

fn bearer(number: u8) -> String {
    format!("authorization: Bearer {}\r\n", key(number).secret)
}

/// 0.5, -2 and 0.25 in both forms.
const FLOATS: &str = "[0.5,-2.0,0.25]";
const BASE64: &str = "\"AAAAPwAAAMAAAIA+\"";

fn vectors(vector: &str) -> String {
    format!(
        r#"{{ "object":"list","data":[{{"object":"embedding","index":0,"embedding":{vector} }}],"model":"vec-1","usage":{{"prompt_tokens":9,"total_tokens":9}},"vendor":{{"a":1.50}}}}"#
    )
}

/// Answers with floats or base64, as the model's name says, whatever was asked for.
fn embedder() -> Provider {
    Provider::start_at_any_path(|seen, peer| {
        assert_eq!(seen.line(), "POST /v1/embeddings");
        let vector = if seen.text().contains("floats-only") { FLOATS } else { BASE64 };
        peer.send(json_answer(200, &vectors(vector)));
    })
}

/// Waits until what was answered is also remembered: an answer is sent first.
fn settled(gateway: &Gateway, requests: usize) {
    until("all are settled", || gateway.metric("ringgate_requests_total", &["ok"]) == requests as f64);
}

fn embed(gateway: &Gateway, lines: &str, body: &str) -> crate::caller::Answer {
    gateway.ask(&post_to("/v1/embeddings", lines, body))
}

fn embeddings_come_in_the_form_that_was_asked_for(driver: Driver) {
    let provider = embedder();
    let gateway = Setup::new(driver)
        .provider("p", &provider, "")
        .key("k", &key(1), "")
        .route("alias", "\"p/floats-only\"", "")
        .route("*", "\"p\"", "cache = { exact = false }")
        .start();
    for model in ["floats-only", "base64-only"] {
        for (format, wanted) in [
            ("", FLOATS),
            (r#","encoding_format":"float""#, FLOATS),
            (r#","encoding_format":"base64""#, BASE64),
            (r#","encoding_format":"int8""#, if model == "floats-only" { FLOATS } else { BASE64 }),
        ] {
            let body = format!(r#"{{ "model":"{model}","input":["caf\u00e9"],"dimensions":3{format} }}"#);
            let answer = embed(&gateway, &bearer(1), &body);
            assert_eq!((answer.status, answer.text()), (200, vectors(wanted)), "{model} {format}");
            assert_eq!(answer.field("content-type"), Some("application/json"));
            assert_eq!(answer.field("x-ringgate-provider"), Some("p"));
            let seen = provider.seen().pop().expect("it arrived");
            assert_eq!(seen.text(), body, "every byte passes");
            assert_eq!(seen.field("authorization"), Some(format!("Bearer {PROVIDER_SECRET}")));
        }
    }
    let answer = embed(&gateway, &bearer(1), r#"{"model":"alias","input":[[1,2],[3]],"encoding_format":"base64"}"#);
    assert_eq!(answer.text(), vectors(BASE64));
    let sent = provider.seen().pop().expect("it arrived").text();
    assert_eq!(sent, r#"{"model":"floats-only","input":[[1,2],[3]],"encoding_format":"base64"}"#);
    for mount in ["/openai", "/anthropic", "/genai"] {
        let path = format!("{mount}/v1/embeddings");
        assert_eq!(gateway.ask(&post_to(&path, &bearer(1), r#"{"model":"m","input":"x"}"#)).status, 200, "{path}");
    }
}

fn embeddings_are_remembered_per_scope_and_form(driver: Driver) {
    let provider = embedder();
    let gateway = Setup::new(driver)
        .provider("p", &provider, "")
        .key("first", &key(1), "")
        .key("second", &key(2), "")
        .route("floats-only", "\"p\"", "")
        .route("uncached", "\"p\"", "cache = { exact = false }")
        .start();
    let base64 = r#"{"model":"floats-only","input":"x","encoding_format":"base64"}"#;
    let reordered = r#"{"encoding_format":"base64", "input":"x", "model":"floats-only"}"#;
    let asked = [
        (1, base64, "MISS", BASE64),
        (1, base64, "HIT", BASE64),
        (1, reordered, "HIT", BASE64),
        (1, r#"{"model":"floats-only","input":"x"}"#, "MISS", FLOATS),
        (1, r#"{"model":"floats-only","input":"x"}"#, "HIT", FLOATS),
        (2, base64, "MISS", BASE64),
        (1, r#"{"model":"floats-only","input":"y","encoding_format":"base64"}"#, "MISS", BASE64),
    ];
    for (place, (caller, body, cache, vector)) in asked.into_iter().enumerate() {
        settled(&gateway, place);
        let answer = embed(&gateway, &bearer(caller), body);
        assert_eq!((answer.cache(), answer.text()), (cache, vectors(vector)), "{caller} {body}");
    }
    for _ in 0..2 {
        assert_eq!(embed(&gateway, &bearer(1), r#"{"model":"uncached","input":"x"}"#).cache(), "BYPASS");
    }
    assert_eq!(provider.count(), 6);
}

fn embeddings_are_counted_and_priced(driver: Driver) {
    let provider = embedder();
    let price =
        "[[prices]]\nprovider = \"p\"\nmodel = \"vec-*\"\ninput_usd_per_mtok = 1000.0\noutput_usd_per_mtok = 0.0\n";
    let gateway = Setup::new(driver).provider("p", &provider, "").route("vec-*", "\"p\"", "").tables(price).start();
    let answer = embed(&gateway, "", r#"{"model":"vec-1","input":"x"}"#);
    assert_eq!(answer.field("x-ringgate-cost-usd"), Some("0.009"));
    settled(&gateway, 1);
    let again = embed(&gateway, "", r#"{"model":"vec-1","input":"x"}"#);
    assert_eq!((again.field("x-ringgate-cost-usd"), again.field("x-ringgate-saved-usd")), (Some("0"), Some("0.009")));
    until("it is counted", || gateway.metric("ringgate_requests_total", &["dialect=\"openai_embeddings\""]) == 2.0);
    until("it is counted", || gateway.metric("ringgate_tokens_total", &["model=\"vec-1\"", "input"]) == 9.0);
}

fn anthropic(name: &str, provider: &Provider) -> String {
    format!(
        "[[providers]]\nname = \"{name}\"\ndialect = \"anthropic_messages\"\nbase_url = \"http://{}\"\n\
         api_key = \"env:CANARY_PROVIDER_KEY\"\n",
        provider.address
    )
}

fn what_a_provider_cannot_do_is_said_or_asked_of_another(driver: Driver) {
    let provider = embedder();
    let gateway = Setup::new(driver)
        .provider("p", &provider, "")
        .tables(&anthropic("claude", &provider))
        .route("claude-only", "\"claude\"", "")
        .route("either", "\"claude\", \"p/base64-only\"", "")
        .start();
    for (path, body) in [
        ("/v1/embeddings", r#"{"model":"claude-only","input":"x"}"#),
        ("/v1/completions", r#"{"model":"claude-only","prompt":"x"}"#),
    ] {
        let refused = gateway.ask(&post_to(path, "", body));
        assert_eq!((refused.status, refused.fault().param.as_str()), (400, "model"), "{path}");
        assert!(refused.fault().message.contains("has no"), "{}", refused.text());
    }
    assert_eq!(provider.count(), 0, "nobody is asked what he does not understand");
    let answer = embed(&gateway, "", r#"{"model":"either","input":"x","encoding_format":"base64"}"#);
    assert_eq!((answer.status, answer.field("x-ringgate-provider")), (200, Some("p")));
}

const COMPLETION: &str = "{\"id\":\"cmpl-original\",\"object\":\"text_completion\",\"created\":1700000000,\"model\":\"x\",\"choices\":[{\"text\":\" is caf\\u00e9\",\"index\":0,\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7},\"odd\":1.50}\n";

fn piece(text: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"cmpl-original\",\"object\":\"text_completion\",\"created\":1700000000,\"choices\":\
         [{{\"text\":\"{text}\",\"index\":0,\"logprobs\":null,\"finish_reason\":{finish}}}],\"model\":\"x\"}}\n\n"
    )
}

const USAGE: &str = "data: {\"id\":\"cmpl-original\",\"object\":\"text_completion\",\"created\":1700000000,\"model\":\"x\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}\n\n";

fn completer() -> Provider {
    Provider::start_at_any_path(|seen, peer| {
        assert_eq!(seen.line(), "POST /v1/completions");
        let body = seen.json();
        if body["stream"] != true {
            return peer.send(json_answer(200, COMPLETION));
        }
        peer.send(STREAM_HEAD);
        peer.chunk(piece(" is", "null"));
        match body["prompt"].as_str().unwrap_or_default() {
            "cut" => return peer.close(),
            "no done" => peer.chunk(piece("", "\"stop\"")),
            "no finish" => peer.chunk(DONE),
            "error" => peer.chunk("data: {\"error\":{\"message\":\"busy\",\"code\":503}}\n\n"),
            _ => {
                peer.chunk(piece(" here", "null"));
                peer.chunk(format!("{}{USAGE}{DONE}", piece("", "\"stop\"")));
            }
        }
        peer.end_chunks();
    })
}

fn complete(gateway: &Gateway, body: &str) -> crate::caller::Answer {
    gateway.ask(&post_to("/v1/completions", "", body))
}

fn completions_pass_whole_and_streamed(driver: Driver) {
    let provider = completer();
    let gateway =
        Setup::new(driver).provider("p", &provider, "").route("*", "\"p\"", "cache = { exact = false }").start();
    let body = r#"{ "model":"p/davinci","prompt":["this"],"best_of":2,"echo":false,"suffix":"!" }"#;
    assert_eq!(complete(&gateway, body).text(), COMPLETION);
    assert_eq!(provider.seen().pop().expect("it arrived").text(), body.replace("p/davinci", "davinci"));

    let streamed = complete(&gateway, r#"{"model":"m","prompt":"this","stream":true}"#);
    let wanted = [piece(" is", "null"), piece(" here", "null"), piece("", "\"stop\""), DONE.to_owned()].concat();
    assert!(
        streamed.is_whole && streamed.field("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
    );
    assert_eq!(streamed.text(), wanted);
    assert_eq!(provider.seen().pop().expect("it arrived").json()["stream_options"]["include_usage"], true);
    let options = r#""stream_options":{"include_usage":true}"#;
    let asked = complete(&gateway, &format!(r#"{{"model":"m","prompt":"this","stream":true,{options}}}"#));
    assert_eq!(asked.text(), wanted.replace(DONE, &format!("{USAGE}{DONE}")));
    until("it is counted", || {
        gateway.metric("ringgate_requests_total", &["dialect=\"openai_completions\"", "ok"]) == 3.0
    });
    until("it is counted", || gateway.metric("ringgate_tokens_total", &["output"]) == 12.0);
}

fn a_broken_completion_never_ends_cleanly(driver: Driver) {
    let provider = completer();
    let gateway = Setup::new(driver).provider("p", &provider, "").start();
    for prompt in ["cut", "no done", "no finish", "error"] {
        let answer = complete(&gateway, &format!(r#"{{"model":"m","prompt":"{prompt}","stream":true}}"#));
        // What broke within the first packet has not begun for the caller.
        if answer.status != 200 {
            assert!(matches!(answer.status, 502 | 503), "{prompt}: {}", answer.text());
            answer.fault();
            continue;
        }
        assert!(!answer.is_whole, "{prompt}: {}", answer.text());
        assert!(!answer.text().contains("[DONE]"), "{prompt}: {}", answer.text());
        let events = answer.events();
        let last: Value = serde_json::from_str(events.last().expect("an event")).expect("JSON");
        crate::caller::assert_envelope(&last);
    }
}

fn a_remembered_completion_is_told_in_either_form(driver: Driver) {
    let provider = completer();
    let gateway = Setup::new(driver).provider("p", &provider, "").route("*", "\"p\"", "").start();
    let ask = |prompt: &str, more: &str| complete(&gateway, &format!(r#"{{"model":"m","prompt":"{prompt}"{more}}}"#));
    let streamed = ask("streamed first", r#","stream":true"#);
    settled(&gateway, 1);
    let whole = ask("streamed first", "");
    assert_eq!((streamed.cache(), whole.cache()), ("MISS", "HIT"));
    let told = whole.json();
    assert_eq!((&told["choices"][0]["text"], &told["object"]), (&" is here".into(), &"text_completion".into()));
    assert_eq!(told["usage"]["total_tokens"], 7);
    assert!(told["id"].as_str().is_some_and(|id| id.starts_with("cmpl-") && id != "cmpl-original"));

    let whole = ask("whole first", "");
    settled(&gateway, 3);
    let again = ask("whole first", "");
    assert_eq!((whole.cache(), again.cache()), ("MISS", "HIT"));
    assert_ne!(again.json()["id"], "cmpl-original");
    let streamed = ask("whole first", r#","stream":true,"stream_options":{"include_usage":true}"#);
    assert_eq!(streamed.cache(), "HIT");
    assert!(streamed.is_complete_stream(), "{}", streamed.text());
    let events: Vec<Value> = streamed.events().iter().filter_map(|data| serde_json::from_str(data).ok()).collect();
    let text: String = events.iter().filter_map(|event| event["choices"][0]["text"].as_str()).collect();
    assert_eq!(text, " is café");
    assert_eq!(events.last().expect("events")["usage"]["completion_tokens"], 4);
    assert_eq!(provider.count(), 2);
}

fn tokens_are_counted_by_their_provider_or_estimated(driver: Driver) {
    let provider = Provider::start_at_any_path(|seen, peer| {
        assert_eq!(seen.line(), "POST /v1/messages/count_tokens");
        let refusal =
            r#"{"type":"error","error":{"type":"not_found_error","message":"model: nobody"},"request_id":"r"}"#;
        match seen.json()["model"].as_str() {
            Some("nobody") => peer.send(json_answer(404, refusal)),
            _ => peer.send(json_answer(200, "{\"input_tokens\": 16}")),
        }
    });
    let gateway = Setup::new(driver)
        .provider("p", &provider, "")
        .tables(&anthropic("claude", &provider))
        .key("k", &key(1), "")
        .route("claude-*", "\"claude\"", "cache = { exact = false }")
        .route("nobody", "\"claude\"", "")
        .route("gpt", "\"p\", \"claude\"", "")
        .start();
    let ask = |path: &str, model: &str| {
        let text = "The quick brown fox jumps over the lazy dog.";
        let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"{text}"}}]}}"#);
        let lines = format!("x-api-key: {}\r\nanthropic-version: 2023-06-01\r\n", key(1).secret);
        (gateway.ask(&post_to(path, &lines, &body)), body)
    };
    let (counted, body) = ask("/v1/messages/count_tokens", "claude-1");
    assert_eq!((counted.status, counted.text().as_str()), (200, "{\"input_tokens\": 16}"));
    assert_eq!(counted.field("x-ringgate-estimated"), None);
    let seen = provider.only();
    assert_eq!(seen.text(), body);
    assert_eq!(seen.field("x-api-key"), Some(PROVIDER_SECRET.to_owned()));
    assert_eq!(seen.field("anthropic-version"), Some("2023-06-01".to_owned()));
    assert_eq!(gateway.metric("ringgate_tokens_total", &[]), 0.0, "counting spends nothing");

    let (refused, _) = ask("/anthropic/v1/messages/count_tokens", "nobody");
    assert_eq!((refused.status, refused.json()["error"]["message"].as_str()), (404, Some("model: nobody")));
    assert_eq!(refused.json()["type"], "error");

    let (estimated, _) = ask("/v1/messages/count_tokens", "gpt");
    assert_eq!((estimated.status, estimated.field("x-ringgate-estimated")), (200, Some("true")));
    let tokens = estimated.json()["input_tokens"].as_u64().expect("a number");
    assert!((12..=24).contains(&tokens), "{tokens}");
    assert_eq!(provider.count(), 2, "an estimate asks nobody");
    let (unknown, _) = ask("/v1/messages/count_tokens", "unknown");
    assert_eq!((unknown.status, unknown.json()["error"]["type"].as_str()), (404, Some("not_found_error")));
}

fn models_are_listed_in_three_shapes(driver: Driver) {
    let provider = embedder();
    let gateway = Setup::new(driver)
        .provider("p", &provider, "models = [\"v-1\", \"v-2\"]")
        .key("all", &key(1), "")
        .key("narrow", &key(2), "models = [\"v-*\"]")
        .route("m", "\"p\"", "")
        .route("v-*", "\"p\"", "")
        .start();
    let version = "anthropic-version: 2023-06-01\r\n";
    let ids = |answer: &crate::caller::Answer, list: &str, name: &str| -> Vec<String> {
        let body = answer.json();
        let rows = body[list].as_array().expect("a list");
        rows.iter().map(|row| row[name].as_str().expect("a name").to_owned()).collect()
    };
    let openai = gateway.ask(&get("/v1/models?limit=1", &bearer(1)));
    assert_eq!(ids(&openai, "data", "id"), ["m", "v-1", "v-2"]);
    assert_eq!(openai.json()["object"], "list");
    assert_eq!(ids(&gateway.ask(&get("/openai/v1/models", &bearer(2))), "data", "id"), ["v-1", "v-2"]);

    let anthropic = gateway.ask(&get("/v1/models?limit=2", &format!("{}{version}", bearer(1))));
    assert_eq!(ids(&anthropic, "data", "id"), ["m", "v-1"]);
    let body = anthropic.json();
    assert_eq!((&body["has_more"], &body["first_id"], &body["last_id"]), (&true.into(), &"m".into(), &"v-1".into()));
    assert_eq!((&body["data"][0]["type"], body["data"][0]["created_at"].is_string()), (&"model".into(), true));
    let next = gateway.ask(&get("/anthropic/v1/models?limit=2&after_id=v-1", &format!("{}{version}", bearer(1))));
    assert_eq!((ids(&next, "data", "id"), &next.json()["has_more"]), (vec!["v-2".to_owned()], &false.into()));
    let wrong = gateway.ask(&get("/v1/models?limit=none", &format!("{}{version}", bearer(1))));
    assert_eq!((wrong.status, wrong.json()["type"].as_str()), (400, Some("error")));
    let missing = gateway.ask(&get("/v1/models/nowhere", &format!("{}{version}", bearer(1))));
    assert_eq!((missing.status, missing.json()["error"]["type"].as_str()), (404, Some("not_found_error")));

    let google = format!("x-goog-api-key: {}\r\n", key(2).secret);
    for path in ["/v1beta/models", "/genai/v1beta/models?pageSize=50", "/genai/v1/models"] {
        let gemini = gateway.ask(&get(path, &google));
        assert_eq!(ids(&gemini, "models", "name"), ["models/v-1", "models/v-2"], "{path}");
        assert!(gemini.json().get("nextPageToken").is_none());
    }
    let first = gateway.ask(&get("/v1beta/models?pageSize=1", &google)).json();
    let path = format!("/v1beta/models?pageSize=1&pageToken={}", first["nextPageToken"].as_str().expect("a token"));
    assert_eq!(ids(&gateway.ask(&get(&path, &google)), "models", "name"), ["models/v-2"]);
    let one = gateway.ask(&get("/v1beta/models/v-2", &google));
    assert_eq!((one.status, one.json()["name"].as_str()), (200, Some("models/v-2")));
    assert_eq!(one.json()["supportedGenerationMethods"][0], "generateContent");
    assert_eq!(gateway.ask(&get("/v1beta/models/m", &google)).status, 404, "not for this key");
    assert_eq!(gateway.ask(&get("/v1beta/models", "")).status, 401);

    let mut caller = gateway.caller();
    caller.send(format!("HEAD /v1beta/models HTTP/1.1\r\nhost: g\r\n{google}\r\n").as_bytes());
    assert_eq!(caller.answer_to_head().status, 200);
    assert_eq!(provider.count(), 0);
}

fn the_rules_of_chat_hold_here_too(driver: Driver) {
    let fail = |seen: &Seen| seen.text().contains("\"down\"");
    let provider = Provider::start_at_any_path(move |seen, peer| match fail(seen) {
        true => peer.send(json_answer(500, r#"{"error":{"message":"down"}}"#)),
        false => peer.send(json_answer(200, &vectors(FLOATS))),
    });
    let gateway = Setup::new(driver)
        .provider("p", &provider, "")
        .key("narrow", &key(1), "models = [\"m\", \"over\"]")
        .key("scarce", &key(2), "requests_per_minute = 1")
        .route("m", "\"p\"", "")
        .route("over", "\"p/down\", \"p/up\"", "")
        .route("openai-callers", "\"p\"", "caller = \"openai_chat\"")
        .start();
    let body = |model: &str| format!(r#"{{"model":"{model}","input":"x"}}"#);
    assert_eq!(embed(&gateway, "", &body("m")).status, 401);
    assert_eq!(embed(&gateway, &bearer(1), &body("other")).fault().code, "model_not_allowed");
    assert_eq!(embed(&gateway, &bearer(1), r#"{"model":"m"}"#).fault().param, "input");
    assert_eq!(
        embed(&gateway, &bearer(1), r#"{"model":"m","input":"x","api_base":"http://x"}"#).fault().param,
        "api_base"
    );
    let over = embed(&gateway, &bearer(1), &body("over"));
    assert_eq!(
        (over.status, over.field("x-ringgate-attempts"), over.field("x-ringgate-fallback")),
        (200, Some("2"), Some("server_error"))
    );
    assert_eq!(
        embed(&gateway, &bearer(2), &body("openai-callers")).status,
        200,
        "embeddings are asked for by OpenAI's callers"
    );
    let limited = embed(&gateway, &bearer(2), &body("m"));
    assert_eq!((limited.status, limited.field("x-ratelimit-remaining-requests")), (429, Some("0")));
    for path in ["/v1/embeddings", "/v1/completions", "/v1/messages/count_tokens"] {
        let answer = gateway.ask(&get(path, &bearer(1)));
        assert_eq!((answer.status, answer.field("allow")), (405, Some("POST")), "{path}");
    }
}

fn gemini_embeds_in_its_own_words(driver: Driver) {
    let provider = Provider::start_at_any_path(|seen, peer| match seen.line().as_str() {
        "POST /v1beta/models/gemini-embedding-001:batchEmbedContents" => {
            peer.send(json_answer(200, r#"{"embeddings":[{"values":[0.5,-2.0,0.25]},{"values":[1]}]}"#));
        }
        _ => peer.send(json_answer(400, r#"{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}"#)),
    });
    let gemini = format!(
        "[[providers]]\nname = \"gemini\"\ndialect = \"gemini\"\nbase_url = \"http://{}\"\napi_key = \"env:CANARY_PROVIDER_KEY\"\n",
        provider.address
    );
    let gateway = Setup::new(driver).tables(&gemini).route("*", "\"gemini\"", "").start();
    let body =
        r#"{"model":"gemini-embedding-001","input":["a","b"],"dimensions":3,"user":"u","encoding_format":"base64"}"#;
    for (place, cache) in ["MISS", "HIT"].into_iter().enumerate() {
        settled(&gateway, place);
        let answer = embed(&gateway, "", body);
        assert_eq!((answer.status, answer.cache()), (200, cache), "{}", answer.text());
        assert_eq!(answer.json()["data"][0]["embedding"], "AAAAPwAAAMAAAIA+");
    }
    assert_eq!(embed(&gateway, "", &body.replace("base64", "float")).field("x-ringgate-dropped"), Some("user"));
    assert_eq!(provider.seen()[0].json()["requests"][1]["outputDimensionality"], 3);
    assert_eq!(provider.seen()[0].field("x-goog-api-key"), Some(PROVIDER_SECRET.to_owned()));
    let tokens = embed(&gateway, "", r#"{"model":"gemini-embedding-001","input":[[1]]}"#);
    assert_eq!((tokens.status, tokens.fault().param.as_str()), (400, "input"));
    let refused = embed(&gateway, "", r#"{"model":"other","input":["a"]}"#);
    assert_eq!((refused.status, refused.fault().message.as_str()), (400, "no"));
}

fn gemini_counts_or_is_estimated(driver: Driver) {
    let provider = Provider::start_at_any_path(|seen, peer| {
        assert_eq!(seen.line(), "POST /v1beta/models/gemini-2:countTokens");
        peer.send(json_answer(200, "{\n \"totalTokens\": 12\n}\n"));
    });
    let gemini = format!(
        "[[providers]]\nname = \"gemini\"\ndialect = \"gemini\"\nbase_url = \"http://{}\"\napi_key = \"env:CANARY_PROVIDER_KEY\"\n",
        provider.address
    );
    let gateway = Setup::new(driver)
        .provider("p", &provider, "")
        .tables(&gemini)
        .route("gemini-*", "\"gemini\"", "cache = { exact = false }")
        .route("*", "\"p\"", "")
        .start();
    let body = r#"{"contents":[{"parts":[{"text":"The quick brown fox jumps over the lazydog."}],"role":"user"}]}"#;
    for path in [
        "/v1beta/models/gemini-2:countTokens",
        "/v1/models/gemini-2:countTokens",
        "/genai/v1beta/models/gemini-2:countTokens",
    ] {
        let counted = gateway.ask(&post_to(path, "", body));
        assert_eq!((counted.status, counted.text().as_str()), (200, "{\n \"totalTokens\": 12\n}\n"), "{path}");
        assert_eq!(provider.seen().pop().expect("it arrived").text(), body);
    }
    let estimated = gateway.ask(&post_to("/v1beta/models/gpt-x:countTokens", "", body));
    assert_eq!((estimated.status, estimated.field("x-ringgate-estimated")), (200, Some("true")));
    assert!(estimated.json()["totalTokens"].as_u64().is_some_and(|tokens| (9..=16).contains(&tokens)));
    let wrong = gateway.ask(&post_to("/v1beta/models/gpt-x:countTokens", "", "{}"));
    assert_eq!((wrong.status, wrong.json()["error"]["status"].as_str()), (400, Some("INVALID_ARGUMENT")));
    assert_eq!(provider.count(), 3);
}
