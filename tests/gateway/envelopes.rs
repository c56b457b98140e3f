//! Refusals: what an SDK of OpenAI's reads of them, and what nobody may read in them.

use crate::caller::Answer;
use crate::caller::body;
use crate::caller::get;
use crate::caller::post;
use crate::caller::post_to;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Gateway;
use crate::process::Setup;
use crate::process::assert_no_secret;
use crate::process::key;
use crate::provider::Provider;
use crate::provider::echo;
use crate::provider::json_answer;
use serde_json::Value;
use std::time::Duration;

on_both_drivers! {
    keys_are_accepted_in_five_spellings_and_nothing_else,
    what_a_key_may_not_ask_is_refused,
    paths_and_methods_are_refused_by_name,
    refusals_speak_the_dialect_of_the_path,
    unacceptable_bodies_are_refused_before_anybody_is_asked,
    huge_bodies_are_bounded,
    a_used_up_minute_says_when_to_come_back,
    headers_that_cannot_be_read_are_refused,
    models_are_listed_as_far_as_the_key_may_use_them,
    request_ids_are_answered_under_both_names,
    secrets_appear_nowhere,
}

const UNCACHED: &str = "cache = { exact = false }";

fn bearer(number: u8) -> String {
    format!("authorization: Bearer {}\r\n", key(number).secret)
}

fn start(driver: Driver, provider: &Provider) -> Gateway {
    Setup::new(driver)
        .server("body_bytes_max = 67108864")
        .provider("p", provider, "models = [\"listed-1\", \"listed-2\"]")
        .key("first", &key(1), "")
        .key("narrow", &key(2), "models = [\"m\", \"vendor/*\"]")
        .route("m", "\"p\"", UNCACHED)
        .route("vendor/*", "\"p\"", UNCACHED)
        .route("alias", "\"p/real\"", UNCACHED)
        .route("listed-*", "\"p\"", UNCACHED)
        .start()
}

fn keys_are_accepted_in_five_spellings_and_nothing_else(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider);
    let secret = key(1).secret;
    let good = [
        format!("authorization: Bearer {secret}"),
        format!("AUTHORIZATION:  bearer   {secret}"),
        format!("x-api-key: {secret}"),
        format!("x-goog-api-key: {secret}"),
        format!("api-key: {secret}"),
        format!("x-ringgate-key: {secret}"),
        format!("authorization: Bearer {secret}\r\nx-api-key: {secret}"),
        format!("x-ringgate-key: {secret}\r\napi-key: {secret}\r\nx-goog-api-key: {secret}"),
    ];
    for lines in &good {
        let answer = gateway.ask(&post(&format!("{lines}\r\n"), &body("m", "hello")));
        assert_eq!(answer.status, 200, "{lines}: {}", answer.text());
        assert_eq!(answer.content(), "echo hello");
    }
    assert_eq!(provider.count(), good.len());
    let (other, unknown) = (key(2).secret, key(9).secret);
    let cut = &secret[..secret.len() - 1];
    let refused = [
        String::new(),
        "authorization: Bearer ".to_owned(),
        "authorization: Bearer".to_owned(),
        format!("authorization: {secret}"),
        format!("authorization: Basic {secret}"),
        format!("authorization: Bearer {cut}"),
        format!("authorization: Bearer {secret}x"),
        format!("authorization: Bearer {secret} x"),
        format!("authorization: Bearer {unknown}"),
        format!("authorization: Bearer {}", secret.to_uppercase()),
        "authorization: Bearer sk-live-0123456789".to_owned(),
        format!("x-api-key: Bearer {secret}"),
        format!("cookie: key={secret}"),
        format!("authorization: Bearer {secret}\r\nx-api-key: {other}"),
        format!("authorization: Bearer {secret}\r\nx-ringgate-key: {unknown}"),
        format!("api-key: {secret}\r\nx-goog-api-key: x"),
        format!("authorization: Bearer {}", "x".repeat(5000)),
    ];
    for lines in refused.iter().filter(|lines| !lines.is_empty()) {
        let answer = gateway.ask(&post(&format!("{lines}\r\n"), &body("m", "hello")));
        assert_eq!(answer.status, 401, "{lines}: {}", answer.text());
        let fault = answer.fault();
        assert_eq!((fault.kind.as_str(), fault.code.as_str()), ("invalid_request_error", "invalid_api_key"), "{lines}");
        assert_eq!(answer.field("x-should-retry"), Some("false"), "{lines}");
    }
    assert_eq!(gateway.ask(&post("", &body("m", "x"))).status, 401);
    assert_eq!(gateway.ask(&get(&format!("/v1/models?key={secret}"), "")).status, 401, "a key in the query");
    assert_eq!(provider.count(), good.len(), "nothing refused went upstream");
}

fn what_a_key_may_not_ask_is_refused(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider);
    for model in ["m", "vendor/x", "vendor/x/y"] {
        assert_eq!(gateway.ask(&post(&bearer(2), &body(model, "x"))).status, 200, "{model}");
    }
    for model in ["alias", "m2", "M", "vendor", "p/m", "listed-1", "nowhere", "", "*", "vendor*"] {
        let answer = gateway.ask(&post(&bearer(2), &body(model, "x")));
        let fault = answer.fault();
        match model {
            "" => assert_eq!((answer.status, fault.param.as_str()), (400, "model")),
            _ => {
                assert_eq!(answer.status, 403, "{model:?}");
                assert_eq!((fault.code.as_str(), fault.param.as_str()), ("model_not_allowed", "model"));
            }
        }
    }
    for model in ["nowhere", "unknown/m"] {
        let answer = gateway.ask(&post(&bearer(1), &body(model, "x")));
        let fault = answer.fault();
        assert_eq!((answer.status, fault.code.as_str(), fault.param.as_str()), (404, "model_not_found", "model"));
        assert_eq!(fault.kind, "invalid_request_error");
        assert!(fault.message.contains(model), "{fault:?}");
    }
    assert_eq!(provider.count(), 3);
}

fn paths_and_methods_are_refused_by_name(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider);
    let ask = body("m", "x");
    for path in
        ["/", "/v1", "/v1/chat", "/v1/chat/completions/", "/V1/chat/completions", "/metrics", "/openai/x", "/admin"]
    {
        let answer = gateway.ask(&post_to(path, &bearer(1), &ask));
        assert_eq!((answer.status, answer.fault().code.as_str()), (404, "model_not_found"), "{path}");
    }
    for path in ["/v1/chat/completions", "/openai/v1/chat/completions"] {
        assert_eq!(gateway.ask(&post_to(path, &bearer(1), &ask)).status, 200, "{path}");
        for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let request = String::from_utf8(post_to(path, &bearer(1), &ask)).expect("ASCII");
            let answer = gateway.ask(request.replacen("POST", method, 1).as_bytes());
            assert_eq!((answer.status, answer.fault().code.as_str()), (405, "method_not_allowed"), "{method} {path}");
        }
    }
    for path in ["/v1/models", "/v1/models/m", "/livez", "/readyz"] {
        assert_eq!(gateway.ask(&post_to(path, &bearer(1), "")).status, 405, "{path}");
    }
    assert_eq!(provider.count(), 2);
}

fn refusals_speak_the_dialect_of_the_path(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider);
    let good = r#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"x"}]}"#;
    let other = good.replace("\"m\"", "\"other\"");
    let cases = [
        ("/v1/messages", String::new(), good, 401, "authentication_error"),
        ("/anthropic/v1/messages", String::new(), good, 401, "authentication_error"),
        ("/anthropic/nowhere", bearer(1), good, 404, "not_found_error"),
        ("/v1/messages", bearer(1), "{", 400, "invalid_request_error"),
        ("/v1/messages", bearer(1), "{}", 400, "invalid_request_error"),
        ("/v1/messages", bearer(1), &other, 404, "not_found_error"),
        ("/v1/messages", bearer(2), &other, 403, "permission_error"),
    ];
    for (path, lines, text, status, kind) in cases {
        let answer = gateway.ask(&post_to(path, &lines, text));
        let json = answer.json();
        assert_eq!((answer.status, json["error"]["type"].as_str()), (status, Some(kind)), "{path} {text}: {json}");
        assert_eq!((json["type"].as_str(), json["error"]["message"].is_string()), (Some("error"), true), "{json}");
        assert_eq!(json["request_id"].as_str(), answer.field("request-id"), "{json}");
    }
    assert_eq!(provider.count(), 0);
}

fn unacceptable_bodies_are_refused_before_anybody_is_asked(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider);
    let deep = 100_000;
    let user = |content: &str| format!(r#"{{"model":"m","messages":[{{"role":"user","content":{content}}}]}}"#);
    let bad = [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"text\"".to_owned(),
        "{}".to_owned(),
        "{".to_owned(),
        "{\"model\":\"m\"}".to_owned(),
        format!("{} x", body("m", "x")),
        format!("{}{}", body("m", "x"), body("m", "x")),
        format!("{{\"a\":1,{}", &body("m", "x")[1..]).replace("\"a\"", "'a'"),
        format!("{{\"a\":NaN,{}", &body("m", "x")[1..]),
        format!("{{\"a\":Infinity,{}", &body("m", "x")[1..]),
        format!("{{\"a\":-Infinity,{}", &body("m", "x")[1..]),
        format!("{{\"a\":1e999999,{}", &body("m", "x")[1..]),
        format!("{{\"a\":01,{}", &body("m", "x")[1..]),
        format!("{{\"a\":+1,{}", &body("m", "x")[1..]),
        format!("{{\"a\":.5,{}", &body("m", "x")[1..]),
        format!("{{\"a\":tru,{}", &body("m", "x")[1..]),
        format!("{{\"a\":1,,{}", &body("m", "x")[1..]),
        format!("{{/*c*/{}", &body("m", "x")[1..]),
        format!("{{\"model\":\"m\",{}", &body("m", "x")[1..]),
        format!("{{\"mod\\u0065l\":\"m\",{}", &body("m", "x")[1..]),
        user("\"a\",\"content\":\"b\""),
        user("\"\\ud800\""),
        user("\"\\udc00\""),
        user("\"\\ud800\\u0041\""),
        user("\"\\x\""),
        user("\"\\u12\""),
        user("\"a\nb\""),
        user("\"a\u{0}b\""),
        user("5"),
        user("{\"a\":1}"),
        user(&format!("{}{}", "[".repeat(deep), "]".repeat(deep))),
        format!("{}1{}", "[".repeat(deep), "]".repeat(deep)),
        "[".repeat(deep),
        "{\"a\":".repeat(deep),
        user("\"x\"").replace("\"user\"", "7"),
        format!("{{\"stream\":\"yes\",{}", &body("m", "x")[1..]),
        format!("{{\"api_base\":\"http://evil/\",{}", &body("m", "x")[1..]),
        format!("{{\"base_url\":\"http://evil/\",{}", &body("m", "x")[1..]),
        format!("{{\"api_key\":\"sk-evil\",{}", &body("m", "x")[1..]),
    ];
    let mut caller = gateway.caller();
    for text in &bad {
        caller.send(&post(&bearer(1), text));
        let answer = caller.answer();
        let shown: String = text.chars().take(120).collect();
        assert_eq!(answer.status, 400, "{shown}: {}", answer.text());
        assert_eq!(answer.fault().kind, "invalid_request_error", "{shown}");
    }
    for raw in [
        &b"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}"[..],
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
    ] {
        let head = String::from_utf8(post(&bearer(1), "")).expect("ASCII");
        let head = head.replace("content-length: 0", &format!("content-length: {}", raw.len()));
        caller.send(&[head.as_bytes(), raw].concat());
        assert_eq!(caller.answer().status, 400, "{}", raw.escape_ascii());
    }
    assert_eq!(provider.count(), 0, "nothing refused went upstream");
    caller.send(&post(&bearer(1), &body("m", "\\ud83d\\ude00 \\u0000 ok")));
    assert_eq!(caller.answer().status, 200, "the connection outlived all of them");
}

fn huge_bodies_are_bounded(driver: Driver) {
    let provider = Provider::start(|_, peer| peer.send(json_answer(200, &crate::provider::completion("ok"))));
    let gateway = start(driver, &provider);
    let huge = 50 << 20;
    let ask = body("m", &"x".repeat(huge));
    let mut caller = gateway.caller();
    // A debug build on a busy machine parses a few megabytes per second.
    caller.set_patience(Duration::from_secs(120));
    caller.send(&post(&bearer(1), &ask));
    assert_eq!(caller.answer().status, 200, "a 50 MB string below the limit passes");
    assert_eq!(provider.only().body.len(), ask.len());
    let many = format!("{{\"a\":[{}0],{}", "0,".repeat(3 << 20), &body("m", "x")[1..]);
    let answer = gateway.ask(&post(&bearer(1), &many));
    assert_eq!(answer.status, 400, "a tape of three million values is refused: {}", answer.text());
    let answer = gateway.ask(&post(&bearer(1), &body("m", &"x".repeat(65 << 20))));
    let fault = answer.fault();
    assert_eq!((answer.status, fault.code.as_str()), (413, "request_too_large"));
    assert!(fault.message.contains("67108864"), "the limit is told: {fault:?}");
    assert_eq!(provider.count(), 1);
}

fn a_used_up_minute_says_when_to_come_back(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = Setup::new(driver)
        .provider("p", &provider, "")
        .key("limited", &key(1), "requests_per_minute = 6")
        .key("free", &key(2), "")
        .start();
    let mut answers: Vec<Answer> = Vec::new();
    for _ in 0..10 {
        answers.push(gateway.ask(&post(&bearer(1), &body("m", "x"))));
    }
    let (served, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    // Ten connections may take long enough on a busy machine to earn one more request.
    assert!((6..=8).contains(&served.len()), "{} of 10 within 6 a minute", served.len());
    assert_eq!(provider.count(), served.len());
    for answer in &answers {
        assert_eq!(answer.field("x-ratelimit-limit-requests"), Some("6"), "{answer:?}");
        assert!(answer.field("x-ratelimit-remaining-requests").is_some_and(|left| left.parse::<u32>().is_ok()));
        let reset = answer.field("x-ratelimit-reset-requests").expect("a reset");
        assert!(reset.ends_with('s') && reset.starts_with(|first: char| first.is_ascii_digit()), "{reset}");
    }
    for answer in refused {
        assert_eq!(answer.status, 429);
        let fault = answer.fault();
        assert_eq!((fault.kind.as_str(), fault.code.as_str()), ("requests", "rate_limit_exceeded"));
        let whole: u64 = answer.field("retry-after").and_then(|text| text.parse().ok()).expect("whole seconds");
        let millis: u64 = answer.field("retry-after-ms").and_then(|text| text.parse().ok()).expect("milliseconds");
        assert!(
            (1..=60).contains(&whole) && millis <= whole * 1000 && millis + 1000 > whole * 1000,
            "{whole} {millis}"
        );
        assert_eq!(answer.field("x-ratelimit-remaining-requests"), Some("0"));
    }
    let told = gateway.ask(&post_to("/v1/messages", &bearer(1), &body("m", "x")));
    assert_eq!(told.field("anthropic-ratelimit-requests-limit"), Some("6"), "{told:?}");
    assert!(told.field("anthropic-ratelimit-requests-remaining").is_some_and(|left| left.parse::<u32>().is_ok()));
    let reset = told.field("anthropic-ratelimit-requests-reset").expect("a reset");
    assert!(reset.len() == "2026-01-31T08:05:09.042Z".len() && reset.ends_with('Z'), "{reset}");
    let others = answers.iter().flat_map(|answer| &answer.fields);
    assert!(others.into_iter().all(|(name, _)| !name.starts_with("anthropic-")), "each in its own words");
    let other = gateway.ask(&post(&bearer(2), &body("m", "x")));
    assert_eq!((other.status, other.field("x-ratelimit-limit-requests")), (200, None), "limits are per key");
    assert!(gateway.metric("ringgate_rate_limited_total", &["requests"]) >= 2.0);
}

fn headers_that_cannot_be_read_are_refused(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider);
    let bad = [
        ("x-ringgate-cache-control", "nonsense"),
        ("x-ringgate-cache-control", ""),
        ("x-ringgate-cache-ttl", "soon"),
        ("x-ringgate-cache-ttl", "-1"),
        ("x-ringgate-cache-threshold", "1.5"),
        ("x-ringgate-cache-threshold", "NaN"),
        ("x-ringgate-timeout-ms", "0"),
        ("x-ringgate-timeout-ms", "1s"),
        ("x-ringgate-timeout-ms", "99999999999999999999"),
    ];
    for (name, value) in bad {
        let lines = format!("{}{name}: {value}\r\n", bearer(1));
        let answer = gateway.ask(&post(&lines, &body("m", "x")));
        assert_eq!((answer.status, answer.fault().param.as_str()), (400, name), "{name}: {value}");
    }
    assert_eq!(provider.count(), 0);
}

fn models_are_listed_as_far_as_the_key_may_use_them(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider);
    let ids = |answer: &Answer| -> Vec<String> {
        let list = answer.json();
        assert_eq!(list["object"], "list");
        let models = list["data"].as_array().expect("a list").iter();
        models
            .map(|model| {
                assert_eq!(model["object"], "model");
                assert!(model["created"].is_u64() && model["owned_by"].is_string(), "{model}");
                model["id"].as_str().expect("an id").to_owned()
            })
            .collect()
    };
    let all = ids(&gateway.ask(&get("/v1/models", &bearer(1))));
    assert_eq!(all, ["m", "alias", "listed-1", "listed-2"]);
    assert_eq!(ids(&gateway.ask(&get("/v1/models", &bearer(2)))), ["m"]);
    assert_eq!(gateway.ask(&get("/v1/models", "")).status, 401);
    let one = gateway.ask(&get("/v1/models/vendor/x", &bearer(2)));
    assert_eq!((one.status, one.json()["id"].as_str()), (200, Some("vendor/x")));
    for id in ["alias", "nowhere"] {
        let answer = gateway.ask(&get(&format!("/v1/models/{id}"), &bearer(2)));
        assert_eq!((answer.status, answer.fault().code.as_str()), (404, "model_not_found"), "{id}");
    }
    let anthropic = gateway.ask(&get("/v1/models", &format!("{}anthropic-version: 2023-06-01\r\n", bearer(2)))).json();
    assert_eq!((anthropic["has_more"].as_bool(), anthropic["first_id"].as_str()), (Some(false), Some("m")));
    assert_eq!(provider.count(), 0);
}

fn request_ids_are_answered_under_both_names(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider);
    let mut ids = Vec::new();
    let long = "x".repeat(129);
    for given in ["", "mine-1", "a b", "\u{e9}", &long] {
        let lines = match given {
            "" => bearer(1),
            _ => format!("{}x-request-id: {given}\r\n", bearer(1)),
        };
        for request in [post(&lines, &body("m", "x")), post(&lines, "{"), get("/v1/models", &lines)] {
            let answer = gateway.ask(&request);
            let id = answer.field("x-request-id").expect("an id").to_owned();
            assert_eq!(answer.field("request-id"), Some(id.as_str()));
            match given {
                "mine-1" => assert_eq!(id, "mine-1"),
                _ => ids.push(id),
            }
        }
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "ids of ours are unique");
}

/// Everything a gateway says anywhere, after it was given every chance to blab.
fn secrets_appear_nowhere(driver: Driver) {
    const ECHO_OF_KEY: &str = r#"{"error":{"message":"Incorrect API key provided: KEY.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#;
    let provider = Provider::start(|seen, peer| {
        let credential = seen.field("authorization").unwrap_or_default();
        let text = ECHO_OF_KEY.replace("KEY", credential.trim_start_matches("Bearer "));
        match seen.prompt().as_str() {
            "reject" => peer.send(json_answer(401, &text)),
            "garbage" => peer.send(format!("HTTP/1.1 200 OK\r\nx: {credential}\0\r\n\r\n")),
            "cut" => {
                peer.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{");
                peer.close();
            }
            _ => echo(seen, peer),
        }
    });
    let gateway = Setup::new(driver)
        .provider("p", &provider, "")
        .key("first", &key(1), "")
        .key("second", &key(2), "requests_per_minute = 1")
        .tables("[request_log]\npath = \"requests.log\"\n")
        .start();
    let everything = std::cell::RefCell::new(String::new());
    let ask = |request: &[u8]| {
        let answer = gateway.ask(request);
        everything.borrow_mut().push_str(&format!("{:?}{}\n", answer.fields, answer.text()));
        answer.status
    };
    for (prompt, status) in [("reject", 502), ("garbage", 502), ("cut", 502), ("fine", 200)] {
        assert_eq!(ask(&post(&bearer(1), &body("m", prompt))), status, "{prompt}");
    }
    let cut = &key(1).secret[..40];
    assert_eq!(ask(&post(&format!("authorization: Bearer {cut}\r\n"), &body("m", "x"))), 401);
    assert_eq!(ask(&post(&format!("{}x-api-key: {}\r\n", bearer(1), key(2).secret), &body("m", "x"))), 401);
    assert_eq!(ask(&post(&bearer(1), &format!("{{{}", key(1).secret))), 400);
    assert_eq!(ask(&get("/nowhere", &bearer(1))), 404);
    assert_eq!(ask(format!("GET / HTTP/1.1\r\nhost: h\r\n{}{}\r\n", bearer(1), bearer(2)).as_bytes()), 400);
    assert_eq!(ask(&post(&bearer(2), &body("m", "x"))), 200);
    assert_eq!(ask(&post(&bearer(2), &body("m", "x"))), 429);
    let metrics = gateway.admin("/metrics").text();
    assert_no_secret(&metrics, "metrics");
    let log = gateway.directory().join("requests.log");
    crate::process::until("the request log is written", || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.lines().count() >= 11)
    });
    let log = std::fs::read_to_string(log).expect("the log is there");
    assert_no_secret(&log, "the request log");
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON lines");
        assert!(line["key"].is_string());
    }
    let said = everything.borrow().replace(&key(1).secret, "");
    assert!(!said.contains(cut), "a part of a key appears in answers: {said}");
    assert!(!log.contains(cut) && !gateway.stderr.text().contains(cut));
}
