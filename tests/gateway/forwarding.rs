//! What crosses the gateway, in both directions, to the byte.

use crate::caller::body;
use crate::caller::post;
use crate::caller::stream_body;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Gateway;
use crate::process::PROVIDER_SECRET;
use crate::process::Setup;
use crate::process::key;
use crate::process::until;
use crate::provider::DONE;
use crate::provider::Gate;
use crate::provider::Provider;
use crate::provider::RECORDED_STREAM;
use crate::provider::RECORDED_WHOLE;
use crate::provider::STREAM_HEAD;
use crate::provider::completion;
use crate::provider::delta;
use crate::provider::echo;
use crate::provider::finish;
use crate::provider::json_answer;
use crate::provider::opening;
use crate::provider::usage_event;

on_both_drivers! {
    bodies_keep_every_byte_but_the_model,
    long_bodies_keep_every_byte_but_the_model,
    long_bodies_reach_the_next_target_in_its_own_words,
    long_bodies_are_held_once_and_then_forgotten,
    models_are_named_in_every_form,
    the_upstream_head_is_made_anew,
    lists_in_several_lines_are_one_list,
    usage_is_asked_for_and_kept_from_who_did_not_ask,
    whole_answers_keep_every_byte,
    streams_keep_every_event_however_they_are_cut,
    other_framings_of_a_provider_are_understood,
    a_whole_answer_to_a_stream_request_becomes_a_stream,
    what_the_provider_says_of_itself_is_told_apart,
    a_gateway_that_is_its_own_provider_notices,
}

fn bearer() -> String {
    format!("authorization: Bearer {}\r\n", key(1).secret)
}

fn start(driver: Driver, provider: &Provider) -> Gateway {
    Setup::new(driver)
        .provider("p", provider, "headers = { \"x-fixed\" = \"fixed value\" }")
        .provider("bare", provider, "# no api_key")
        .key("k", &key(1), "")
        .route("renamed", "\"p/real-model\"", "cache = { exact = false }")
        .route("*", "\"p\"", "cache = { exact = false }")
        .start()
}

fn bodies_keep_every_byte_but_the_model(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider);
    let bodies = [
        r#"{"model":"renamed","messages":[{"role":"user","content":"x"}]}"#,
        "{ \"model\" :\t\"renamed\" ,\r\n  \"messages\" : [ { \"role\" : \"user\" , \"content\" : \"x\" } ] }  ",
        r#"{"zeta":{"b":1,"a":[1,2.50,1e3,-0.0,12345678901234567890]},"messages":[{"content":"x","role":"user","extra":null}],"model":"renamed","alpha":true}"#,
        "{\"messages\":[{\"role\":\"user\",\"content\":\"caf\\u00e9 caf\u{e9} \\/ \\\"model\\\":\\\"renamed\\\" \\ud83d\\ude00\"}],\"model\":\"renamed\"}",
        r#"{"metadata":{"model":"renamed"},"model":"renamed","messages":[{"role":"user","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}],"n":1}"#,
        "{\"model\":\"renamed\",\"messages\":[{\"role\":\"developer\",\"content\":\"\"},{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[],\"seed\":9007199254740993,\"logit_bias\":{\"50256\":-100}}",
    ];
    for (number, text) in bodies.iter().enumerate() {
        let answer = gateway.ask(&post(&bearer(), text));
        assert_eq!(answer.status, 200, "{text}: {}", answer.text());
        let wanted = match text.find("\"model\" :\t\"renamed\"") {
            Some(_) => text.replacen("\"model\" :\t\"renamed\"", "\"model\" :\t\"real-model\"", 1),
            None => {
                // The last top-level occurrence: one of them stands inside another object.
                let at = text.rfind("\"model\":\"renamed\"");
                let at = if text.starts_with("{\"model\":\"renamed\"") { Some(1) } else { at };
                let at = at.expect("every body names its model");
                format!("{}\"model\":\"real-model\"{}", &text[..at], &text[at + 17..])
            }
        };
        assert_eq!(provider.seen()[number].text(), wanted);
    }
    // A key or a model written with escapes cannot be spliced; it must be replaced all the same.
    let escaped = r#"{"mod\u0065l":"renam\u0065d","messages":[{"role":"user","content":"x"}]}"#;
    assert_eq!(gateway.ask(&post(&bearer(), escaped)).status, 200);
    let seen = provider.seen().pop().expect("it arrived").json();
    assert_eq!((seen["model"].as_str(), seen["messages"][0]["content"].as_str()), (Some("real-model"), Some("x")));
}

fn long_bodies_keep_every_byte_but_the_model(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider);
    let picture = "iVBORw0KGgo".repeat(200_000);
    let parts = format!(
        r#"[{{"type":"text","text":"long"}},{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{picture}"}}}}]"#
    );
    let messages = format!(r#""messages":[{{"role":"user","content":{parts}}}]"#);
    for body in [
        format!(r#"{{"model":"renamed",{messages}}}"#),
        format!(r#"{{{messages},"model":"renamed"}}"#),
        format!(r#"{{{messages},"model":"renamed",{}}}"#, messages.replace("messages", "more")),
    ] {
        let answer = gateway.ask(&post(&bearer(), &body));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let sent = body.replace("renamed", "real-model");
        let seen = provider.seen().pop().expect("a request").text();
        assert!(seen == sent, "{} bytes instead of {}", seen.len(), sent.len());
    }
}

fn long_bodies_reach_the_next_target_in_its_own_words(driver: Driver) {
    let failing = Provider::start(|_, peer| peer.send(json_answer(503, "{}")));
    let last = Provider::start(echo);
    let gateway = Setup::new(driver)
        .provider("first", &failing, "kind = \"mistral\"")
        .provider("second", &failing, "kind = \"groq\"")
        .provider("third", &last, "")
        .route("*", "\"first/a\", \"second\", \"third/\\\"b\\\"\"", "")
        .start();
    let picture = "iVBORw0KGgo".repeat(50_000);
    let part = format!(r#"{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{picture}"}}}}"#);
    let turn =
        format!(r#"{{"role":"developer","content":[{part}]}},{{"role":"user","name":"Ann","content":[{part}]}}"#);
    let thought = r#"{"role":"assistant","reasoning_content":"hm","content":"x"}"#;
    let last_turn = r#"{"role":"user","content":"end"}"#;
    let body = format!(
        r#"{{ "seed":7, "user" : "u", "model":"m", "messages":[{turn}, {thought} ,{turn},{last_turn}], "store":true }}"#
    );
    let told = gateway.ask(&post("", &body));
    assert_eq!((told.status, told.content()), (200, "echo end".to_owned()), "{}", told.text());
    let without_reasoning = body.replace("\"reasoning_content\":\"hm\",", "");
    let to_mistral = without_reasoning
        .replace("\"seed\"", "\"random_seed\"")
        .replace(", \"user\" : \"u\"", "")
        .replace("\"m\"", "\"a\"")
        .replace("developer", "system")
        .replace(", \"store\":true", "");
    let to_groq = without_reasoning.replace(",\"name\":\"Ann\"", "").replace(", \"store\":true", "");
    let to_third = body.replace("\"m\"", r#""\"b\"""#);
    let seen: Vec<String> = failing.seen().iter().chain(&last.seen()).map(|seen| seen.text()).collect();
    for (seen, wanted) in seen.iter().zip([to_mistral, to_groq, to_third]) {
        let apart = seen.bytes().zip(wanted.bytes()).position(|(one, other)| one != other);
        assert!(*seen == wanted, "{} bytes instead of {}, apart at {apart:?}", seen.len(), wanted.len());
    }
    assert_eq!(seen.len(), 3);
}

fn long_bodies_are_held_once_and_then_forgotten(driver: Driver) {
    const BYTES: usize = 20 << 20;
    /// Less than half a copy beside the one that is kept.
    const GROWTH_MAX: u64 = 30 << 20;
    const REMAINS_MAX: u64 = 16 << 20;
    /// The one that is kept, the parser's, and less than another.
    const PEAK_MAX: u64 = 60 << 20;
    let gate = Gate::default();
    let provider = Provider::start({
        let gate = gate.clone();
        move |seen, peer| {
            if seen.body.len() > BYTES {
                gate.open("arrived");
                gate.wait("go");
            }
            echo(seen, peer);
        }
    });
    let gateway = Setup::new(driver).server("shards = 1\n").provider("p", &provider, "").start();
    (0..16).for_each(|_| assert_eq!(gateway.ask(&post("", &body("m", "warm"))).status, 200));
    let before = gateway.resident_bytes();
    // An allocator gives memory back when it is used again.
    let grown = || {
        assert_eq!(gateway.ask(&post("", &body("m", "short"))).status, 200);
        gateway.resident_bytes().saturating_sub(before)
    };
    let mut caller = gateway.caller();
    caller.send(&post("", &body("m", &"picture".repeat(BYTES / 7))));
    gate.wait("arrived");
    until("one copy is left", || grown() < GROWTH_MAX);
    let peak = gateway.resident_bytes_at_peak().saturating_sub(before);
    assert!(peak < PEAK_MAX, "{peak} bytes, which is another copy");
    gate.open("go");
    assert_eq!(caller.answer().status, 200);
    until("nothing is left", || grown() < REMAINS_MAX);
}

fn models_are_named_in_every_form(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider);
    let forms = [
        ("gpt-x", "gpt-x", "p"),
        ("renamed", "real-model", "p"),
        ("p/gpt-x", "gpt-x", "p"),
        ("p/vendor/gpt-x", "vendor/gpt-x", "p"),
        ("bare/gpt-x", "gpt-x", "bare"),
        ("other/gpt-x", "other/gpt-x", "p"),
    ];
    for (number, (asked, sent, name)) in forms.iter().enumerate() {
        let answer = gateway.ask(&post(&bearer(), &body(asked, "x")));
        assert_eq!(answer.status, 200, "{asked}: {}", answer.text());
        assert_eq!(provider.seen()[number].json()["model"], *sent, "{asked}");
        assert_eq!(answer.field("x-ringgate-provider"), Some(*name), "{asked}");
        assert_eq!(answer.field("x-ringgate-model"), Some(*sent), "{asked}");
        assert_eq!(answer.json()["model"], "scripted-1", "the answer's model is what the provider said");
    }
}

fn the_upstream_head_is_made_anew(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider);
    let stripped = [
        "connection: keep-alive, x-named-by-connection",
        "x-named-by-connection: v",
        "keep-alive: timeout=5",
        "te: trailers",
        "trailer: x-t",
        "proxy-authorization: Basic eDp5",
        "proxy-connection: keep-alive",
        "cookie: session=1",
        "accept-encoding: gzip, deflate, br, zstd",
        "user-agent: OpenAI/Python 3.52.0",
        "x-stainless-lang: python",
        "x-stainless-retry-count: 0",
        "x-ringgate-session: s",
        "x-ringgate-metadata: {}",
        "x-ringgate-unknown: v",
        "x-forwarded-host: evil",
        "x-original-host: evil",
        "x-forwarded-for: 1.2.3.4",
        "forwarded: for=1.2.3.4",
        "origin: http://x",
        "x-request-id: mine",
        "content-encoding: identity",
        "x-fixed: caller",
    ];
    let passed = [
        ("openai-organization", "org-1"),
        ("openai-project", "proj-1"),
        ("idempotency-key", "idem-1"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", "a=b"),
        ("anthropic-beta", "one,two"),
    ];
    let mut lines = bearer();
    stripped.iter().for_each(|line| lines.push_str(&format!("{line}\r\n")));
    passed.iter().for_each(|(name, value)| lines.push_str(&format!("{name}: {value}\r\n")));
    let text = body("m", "x");
    let chunked = format!(
        "POST /openai/v1/chat/completions?tenant=a HTTP/1.1\r\nhost: evil\r\n{lines}transfer-encoding: chunked\r\n\r\n\
         {:x}\r\n{text}\r\n0\r\nx-trailer: t\r\n\r\n",
        text.len()
    );
    let answer = gateway.ask(chunked.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = provider.only();
    let value = |name: &str| seen.field(name).unwrap_or_else(|| panic!("{name} is missing: {:?}", seen.fields()));
    assert_eq!(value("authorization"), format!("Bearer {PROVIDER_SECRET}"));
    assert_eq!(value("host"), provider.address.to_string());
    assert_eq!(value("accept-encoding"), "identity");
    assert_eq!(value("content-type"), "application/json");
    assert_eq!(value("content-length"), seen.body.len().to_string());
    assert_eq!(value("x-fixed"), "fixed value");
    assert!(value("user-agent").starts_with("ringgate/") && value("via").contains("ringgate-"));
    for (name, wanted) in passed {
        assert_eq!(value(name), wanted);
    }
    let expected =
        ["authorization", "host", "accept-encoding", "content-type", "content-length", "x-fixed", "user-agent", "via"];
    for (name, value) in seen.fields() {
        let known = expected.contains(&name.as_str()) || passed.iter().any(|(passed, _)| *passed == name);
        assert!(known, "{name}: {value} went upstream");
    }
    // Without a key of its own nothing of the caller's goes to the provider.
    assert_eq!(gateway.ask(&post(&bearer(), &body("bare/m", "x"))).status, 200);
}

fn lists_in_several_lines_are_one_list(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = Setup::new(driver).provider("p", &provider, "").route("*", "\"p\"", "").start();
    let asked = |lines: &str| gateway.ask(&post(lines, &body("m", "x"))).cache().to_owned();
    assert_eq!(asked("anthropic-beta: a\r\n"), "MISS");
    assert_eq!(asked("anthropic-beta: a\r\nvia: 1.0 one\r\nAnthropic-Beta: b\r\nvia: 1.1 two\r\n"), "MISS");
    assert_eq!(asked("anthropic-beta: a, b\r\n"), "HIT");
    let seen = provider.seen().pop().expect("it was asked");
    assert_eq!(seen.field("anthropic-beta").as_deref(), Some("a, b"));
    assert!(seen.field("via").is_some_and(|via| via.starts_with("1.0 one, 1.1 two, 1.1 ringgate-")), "{seen:?}");
}

fn usage_is_asked_for_and_kept_from_who_did_not_ask(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider);
    let ask = |field: &str| {
        let text = stream_body("m", "x").replacen('{', &format!("{{{field}"), 1);
        let answer = gateway.ask(&post(&bearer(), &text));
        assert!(answer.is_complete_stream(), "{}", answer.text());
        assert_eq!(answer.streamed_content(), "echo x");
        let sent = provider.seen().pop().expect("it arrived").json();
        assert_eq!(sent["stream_options"]["include_usage"], true, "{sent}");
        let usages = answer.events().iter().filter(|event| event.contains("\"usage\":{")).count();
        (usages, sent)
    };
    assert_eq!(ask("").0, 0);
    assert_eq!(ask(r#""stream_options":null,"#).0, 0);
    assert_eq!(ask(r#""stream_options":{},"#).0, 0);
    assert_eq!(ask(r#""stream_options":{"include_usage":false},"#).0, 0);
    assert_eq!(ask(r#""stream_options":{"include_usage":true},"#).0, 1);
    let (usages, sent) = ask(r#""stream_options":{"include_obfuscation":false},"#);
    assert_eq!((usages, sent["stream_options"]["include_obfuscation"].as_bool()), (0, Some(false)));
    let whole = gateway.ask(&post(&bearer(), &body("m", "x")));
    assert_eq!(whole.status, 200);
    assert_eq!(provider.seen().pop().expect("it arrived").text(), body("m", "x"), "whole answers need no option");
}

fn whole_answers_keep_every_byte(driver: Driver) {
    const UNKNOWN: &str = "{ \"id\":\"a\" , \"object\":\"chat.completion\",\n\"created\":1,\"model\":\"x\",\"choices\":[{\"finish_reason\":\"stop\",\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"caf\\u00e9\",\"new_field\":[1,2,{}]},\"x\":null}],\"vendor\":{\"a\":1.50},\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2,\"odd\":{}}}\n";
    let provider = Provider::start(|seen, peer| {
        let text = if seen.prompt() == "recorded" { RECORDED_WHOLE } else { UNKNOWN };
        match seen.prompt().as_str() {
            "bytewise" => {
                for byte in json_answer(200, text).into_bytes() {
                    peer.send([byte]);
                }
            }
            _ => peer.send(json_answer(200, text)),
        }
    });
    let gateway = start(driver, &provider);
    for (prompt, text) in [("recorded", RECORDED_WHOLE), ("unknown", UNKNOWN), ("bytewise", UNKNOWN)] {
        let answer = gateway.ask(&post(&bearer(), &body("m", prompt)));
        assert_eq!(answer.text(), text, "{prompt}");
        assert_eq!(answer.field("content-type"), Some("application/json"));
        assert_eq!(answer.field("x-ringgate-attempts"), Some("1"));
        assert_eq!(answer.field("x-ringgate-fallback"), None);
    }
}

fn streams_keep_every_event_however_they_are_cut(driver: Driver) {
    let provider = Provider::start(|seen, peer| {
        peer.send(STREAM_HEAD);
        let crlf = RECORDED_STREAM.replace('\n', "\r\n");
        match seen.prompt().as_str() {
            "at once" => peer.chunk(RECORDED_STREAM),
            "by event" => RECORDED_STREAM.split_inclusive("\n\n").for_each(|event| peer.chunk(event)),
            "by seven" => RECORDED_STREAM.as_bytes().chunks(7).for_each(|piece| peer.chunk(piece)),
            "crlf" => crlf.as_bytes().chunks(11).for_each(|piece| peer.chunk(piece)),
            "hasty end" => peer.chunk(RECORDED_STREAM.trim_end()),
            "comments" => {
                for event in RECORDED_STREAM.split_inclusive("\n\n") {
                    peer.chunk(": ping\n\n");
                    peer.chunk(event.replacen("data: ", "data:", 1));
                }
            }
            other => panic!("unexpected prompt {other}"),
        }
        peer.end_chunks();
    });
    let gateway = start(driver, &provider);
    let without_usage: String =
        RECORDED_STREAM.split_inclusive("\n\n").filter(|event| !event.contains("\"choices\":[]")).collect();
    for prompt in ["at once", "by event", "by seven", "crlf", "hasty end", "comments"] {
        let asking = stream_body("m", prompt).replacen('{', "{\"stream_options\":{\"include_usage\":true},", 1);
        for (text, wanted) in [(asking, RECORDED_STREAM), (stream_body("m", prompt), without_usage.as_str())] {
            let answer = gateway.ask(&post(&bearer(), &text));
            assert!(answer.is_whole);
            assert_eq!(answer.text(), wanted, "{prompt}");
            assert_eq!(answer.field("content-type"), Some("text/event-stream; charset=utf-8"));
            assert_eq!(answer.field("cache-control"), Some("no-cache"));
            assert_eq!(answer.field("x-accel-buffering"), Some("no"));
            assert_eq!((answer.field("transfer-encoding"), answer.field("content-length")), (Some("chunked"), None));
        }
    }
}

fn other_framings_of_a_provider_are_understood(driver: Driver) {
    let provider = Provider::start(|seen, peer| {
        let text = completion("fine");
        match seen.prompt().as_str() {
            "until close" => peer.send(format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{text}")),
            "http 1.0" => peer.send(format!("HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{text}")),
            "chunked" => {
                peer.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
                text.as_bytes().chunks(50).for_each(|piece| peer.chunk(piece));
                peer.end_chunks();
            }
            "interim" => {
                peer.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n");
                peer.send(json_answer(200, &text));
            }
            "stream until close" => {
                peer.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n");
                peer.send(format!("{}{}{DONE}", delta("fine"), finish("stop")));
            }
            other => panic!("unexpected prompt {other}"),
        }
        if seen.prompt() != "chunked" && seen.prompt() != "interim" {
            peer.close();
        }
    });
    let gateway = start(driver, &provider);
    for prompt in ["until close", "http 1.0", "chunked", "interim"] {
        for _ in 0..2 {
            let answer = gateway.ask(&post(&bearer(), &body("m", prompt)));
            assert_eq!((answer.status, answer.text()), (200, completion("fine")), "{prompt}");
        }
    }
    let answer = gateway.ask(&post(&bearer(), &stream_body("m", "stream until close")));
    assert!(answer.is_complete_stream() && answer.streamed_content() == "fine", "{}", answer.text());
}

fn a_whole_answer_to_a_stream_request_becomes_a_stream(driver: Driver) {
    let provider = Provider::start(|_, peer| peer.send(json_answer(200, &completion("not streamed"))));
    let gateway = start(driver, &provider);
    let answer = gateway.ask(&post(&bearer(), &stream_body("m", "x")));
    assert_eq!((answer.status, answer.field("content-type")), (200, Some("text/event-stream; charset=utf-8")));
    assert!(answer.is_complete_stream(), "{}", answer.text());
    assert_eq!(answer.streamed_content(), "not streamed");
}

fn what_the_provider_says_of_itself_is_told_apart(driver: Driver) {
    let provider = Provider::start(|seen, peer| {
        let lines = "x-request-id: req_upstream\r\nx-ratelimit-remaining-requests: 41\r\nserver: secret-proxy\r\n\
                     set-cookie: a=b\r\nx-ringgate-cache: HIT\r\nopenai-organization: org\r\n";
        if seen.wants_stream() {
            peer.send(STREAM_HEAD.replacen("\r\n\r\n", &format!("\r\n{lines}\r\n"), 1));
            peer.chunk(format!("{}{}{}{}{DONE}", opening(), delta("x"), finish("stop"), usage_event()));
            peer.end_chunks();
        } else {
            let text = completion("x");
            peer.send(crate::provider::answer(200, "application/json; charset=utf-8", lines, &text));
        }
    });
    let gateway = start(driver, &provider);
    for text in [body("m", "x"), stream_body("m", "x")] {
        let answer = gateway.ask(&post(&format!("{}x-request-id: mine\r\n", bearer()), &text));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.all("x-request-id"), ["mine"]);
        assert_eq!(answer.field("x-ringgate-upstream-request-id"), Some("req_upstream"));
        assert_eq!(answer.field("x-ringgate-upstream-x-ratelimit-remaining-requests"), Some("41"));
        assert_eq!(answer.all("x-ringgate-cache"), ["BYPASS"]);
        for name in ["server", "set-cookie", "x-ratelimit-remaining-requests", "openai-organization"] {
            assert_eq!(answer.field(name), None, "{name} came through");
        }
    }
}

fn a_gateway_that_is_its_own_provider_notices(driver: Driver) {
    let back = std::sync::Arc::new(std::sync::Mutex::new(None));
    let target = std::sync::Arc::clone(&back);
    // A relay closes the circle, because the gateway's port is known only when it runs.
    let provider = Provider::start(move |seen, peer| {
        let address = target.lock().expect("nobody panics under this lock").expect("set before the first request");
        let mut caller = crate::caller::Caller::connect(address);
        caller.send(&[seen.head.as_slice(), &seen.body].concat());
        let answer = caller.answer();
        peer.send(json_answer(answer.status, &answer.text()));
    });
    let gateway = Setup::new(driver).provider("p", &provider, "").start();
    *back.lock().expect("nobody panics under this lock") = Some(gateway.address);
    let answer = gateway.ask(&post("", &body("m", "round and round")));
    assert_eq!(provider.count(), 1, "the second time round it is noticed");
    assert_eq!((answer.status, answer.fault().code.as_str()), (508, "loop_detected"));
}
