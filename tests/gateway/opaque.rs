//! Calls that pass through unread: files, images, sound, batches, stored responses.

use crate::caller::Answer;
use crate::caller::get;
use crate::caller::post_to;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Gateway;
use crate::process::PATIENCE;
use crate::process::PROVIDER_SECRET;
use crate::process::Setup;
use crate::process::key;
use crate::process::until;
use crate::provider::Gate;
use crate::provider::Provider;
use crate::provider::Seen;
use crate::provider::answer;
use crate::provider::json_answer;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

on_both_drivers! {
    any_method_passes_with_its_query_and_without_its_key,
    forms_pass_byte_for_byte_but_for_the_model,
    answers_keep_their_bytes_type_and_status,
    a_large_answer_goes_by_piece_by_piece,
    a_cut_answer_never_looks_whole,
    events_pass_as_they_come_and_break_with_an_error,
    refusals_pass_in_the_callers_envelope,
    what_was_made_is_asked_of_its_maker,
    what_was_just_made_is_known_at_once,
    a_limited_key_cannot_spend_what_nobody_sees,
    a_caller_names_a_provider_but_never_an_address,
    paths_that_could_mean_two_things_are_refused,
    unknown_paths_are_refused_in_the_dialect_of_the_mount,
    only_who_could_not_be_reached_is_replaced,
    a_caller_that_leaves_cancels_the_provider,
    everything_is_metered,
    looking_at_a_stored_answer_spends_nothing,
    recorded_exchanges_pass_unchanged,
    deadlines_hold,
    a_drain_lets_answers_go_by_until_its_deadline,
    large_uploads_pass_up_to_the_bound,
}

fn bearer(number: u8) -> String {
    format!("authorization: Bearer {}\r\n", key(number).secret)
}

/// A request of any method.
fn request(method: &str, path: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: gateway\r\n{lines}{length}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Says what it was asked, and by which name it is known.
fn teller(name: &'static str) -> Provider {
    Provider::start_at_any_path(move |seen, peer| {
        let told = serde_json::json!({"id": format!("thing_{name}"), "at": name, "line": seen.line()});
        peer.send(json_answer(200, &told.to_string()));
    })
}

fn alone(driver: Driver, provider: &Provider) -> Gateway {
    Setup::new(driver).provider("p", provider, "").key("k", &key(1), "").route("*", "\"p\"", "").start()
}

fn any_method_passes_with_its_query_and_without_its_key(driver: Driver) {
    let provider = Provider::start_at_any_path(|seen, peer| match seen.line() {
        line if line.starts_with("HEAD") => {
            peer.send("HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 123456\r\n\r\n");
        }
        line if line.starts_with("DELETE /v1/files/gone") => peer.send("HTTP/1.1 204 No Content\r\n\r\n"),
        _ => peer.send(json_answer(200, "{}")),
    });
    let gateway = alone(driver, &provider);
    let lines = format!("{}openai-beta: assistants=v2\r\nx-custom: no\r\ncookie: a=b\r\n", bearer(1));
    for (method, path, sent) in [
        ("GET", "/v1/files?limit=2&key=secret&after=file-1", "GET /v1/files?limit=2&after=file-1"),
        ("GET", "/openai/v1/files/file-1/content", "GET /v1/files/file-1/content"),
        ("DELETE", "/v1/files/file-1", "DELETE /v1/files/file-1"),
        ("POST", "/v1/batches/batch_1/cancel", "POST /v1/batches/batch_1/cancel"),
        ("PUT", "/v1/containers/c", "PUT /v1/containers/c"),
        ("PATCH", "/v1/evals/e", "PATCH /v1/evals/e"),
        ("GET", "/v1/responses/resp_1/input_items?include[]=x", "GET /v1/responses/resp_1/input_items?include[]=x"),
    ] {
        let answer = gateway.ask(&request(method, path, &lines, b""));
        assert_eq!((answer.status, answer.text().as_str()), (200, "{}"), "{method} {path}");
        let seen = provider.seen().pop().expect("it arrived");
        assert_eq!(seen.line(), sent);
        assert_eq!(seen.field("authorization"), Some(format!("Bearer {PROVIDER_SECRET}")));
        assert_eq!(seen.field("openai-beta"), Some("assistants=v2".to_owned()));
        assert_eq!(seen.field("accept-encoding"), Some("identity".to_owned()));
        for name in ["x-custom", "cookie", "content-type"] {
            assert_eq!(seen.field(name), None, "{name} went upstream");
        }
        assert!(seen.field("via").is_some(), "marked against loops");
    }
    let mut caller = gateway.caller();
    for _ in 0..2 {
        caller.send(&request("HEAD", "/v1/files/file-1/content", &bearer(1), b""));
        let head = caller.answer_to_head();
        assert_eq!((head.status, head.field("content-length")), (200, Some("123456")));
        assert_eq!(head.field("content-type"), Some("audio/mpeg"));
    }
    caller.send(&request("DELETE", "/v1/files/gone", &bearer(1), b""));
    let gone = caller.answer_to_head();
    assert_eq!((gone.status, gone.field("content-length"), gone.field("transfer-encoding")), (204, None, None));
    caller.send(&request("GET", "/v1/files", &bearer(1), b""));
    assert_eq!(caller.answer().status, 200, "the connection goes on");
    let options = gateway.ask(&request("OPTIONS", "/v1/files", &bearer(1), b""));
    assert_eq!((options.status, options.field("allow")), (405, Some("GET, HEAD, POST, PUT, PATCH, DELETE")));
}

/// A form as SDKs send it, with bytes in it that are no text.
fn form(model: &str) -> Vec<u8> {
    let mut body = format!(
        "--b0und\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n--b0und\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n"
    )
    .into_bytes();
    body.extend((0..=255u8).cycle().take(100_000));
    body.extend_from_slice(b"\r\n--b0und--\r\n");
    body
}

const FORM: &str = "content-type: multipart/form-data; boundary=b0und\r\n";

fn forms_pass_byte_for_byte_but_for_the_model(driver: Driver) {
    let provider = Provider::start_at_any_path(|_, peer| {
        peer.send(json_answer(200, r#"{"text":"hello","usage":{"input_tokens":5,"output_tokens":6}}"#));
    });
    let gateway = Setup::new(driver)
        .provider("p", &provider, "")
        .key("k", &key(1), "")
        .route("ears", "\"p/whisper-1\"", "")
        .route("*", "\"p\"", "")
        .start();
    for (model, upstream) in [("ears", "whisper-1"), ("whisper-x", "whisper-x"), ("p/whisper-y", "whisper-y")] {
        let lines = format!("{}{FORM}", bearer(1));
        let answer = gateway.ask(&request("POST", "/v1/audio/transcriptions", &lines, &form(model)));
        assert_eq!((answer.status, answer.json()["text"].as_str()), (200, Some("hello")));
        assert_eq!(answer.field("x-ringgate-model"), Some(upstream));
        let seen = provider.seen().pop().expect("it arrived");
        assert_eq!(seen.body, form(upstream), "{model}");
        assert_eq!(seen.field("content-type").as_deref(), Some("multipart/form-data; boundary=b0und"));
    }
    let image = r#"{ "prompt":"caf\u00e9", "model":"ears", "n":1 }"#;
    assert_eq!(gateway.ask(&post_to("/v1/images/generations", &bearer(1), image)).status, 200);
    assert_eq!(provider.seen().pop().expect("it arrived").text(), image.replace("\"ears\"", "\"whisper-1\""));
    let upload = [0u8, 1, 2, b'\r', b'\n', 255];
    let lines = format!("{}content-type: application/octet-stream\r\n", bearer(1));
    assert_eq!(gateway.ask(&request("POST", "/v1/uploads/u/parts", &lines, &upload)).status, 200);
    assert_eq!(provider.seen().pop().expect("it arrived").body, upload);
    let count = provider.count();
    for (lines, body) in [
        (FORM, b"--other--".to_vec()),
        (FORM, [form("a"), form("b")].concat()),
        ("content-type: application/json\r\n", b"{\"model\":".to_vec()),
        ("content-type: application/json\r\n", b"{\"base_url\":\"http://10.0.0.1\"}".to_vec()),
    ] {
        let answer = gateway.ask(&request("POST", "/v1/audio/speech", &format!("{}{lines}", bearer(1)), &body));
        assert_eq!(answer.status, 400, "{lines}");
        answer.fault();
    }
    assert_eq!(provider.count(), count, "nothing refused went upstream");
}

fn answers_keep_their_bytes_type_and_status(driver: Driver) {
    let sound: Vec<u8> = (0..=255u8).cycle().take(70_000).collect();
    let bytes = sound.clone();
    let provider = Provider::start_at_any_path(move |seen, peer| {
        let lines = "content-disposition: attachment; filename=\"a.mp3\"\r\nx-request-id: theirs\r\nserver: secret\r\n\
                     set-cookie: a=b\r\nlocation: http://10.0.0.1/\r\nx-ratelimit-remaining-requests: 7\r\n";
        match seen.json()["voice"].as_str().unwrap_or_default() {
            "chunked" => {
                peer.send(format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n{lines}transfer-encoding: chunked\r\n\r\n"
                ));
                bytes.chunks(7000).for_each(|piece| peer.chunk(piece));
                peer.end_chunks();
            }
            "until close" => {
                peer.send(format!("HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n{lines}\r\n"));
                peer.send(&bytes);
                peer.close();
            }
            "created" => peer.send(answer(201, "audio/mpeg", lines, "made")),
            _ => {
                let length = bytes.len();
                peer.send(format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n{lines}content-length: {length}\r\n\r\n"
                ));
                peer.send(&bytes);
            }
        }
    });
    let gateway = alone(driver, &provider);
    for (voice, version, length, chunked) in [
        ("length", "1.1", Some("70000"), false),
        ("chunked", "1.1", None, true),
        ("until close", "1.1", None, false),
        ("length", "1.0", Some("70000"), false),
        ("chunked", "1.0", None, false),
    ] {
        let asking = post_to("/v1/audio/speech", &bearer(1), &format!(r#"{{"model":"tts","voice":"{voice}"}}"#));
        let asking = String::from_utf8(asking).expect("text").replacen("HTTP/1.1", &format!("HTTP/{version}"), 1);
        let answer = gateway.ask(asking.as_bytes());
        assert_eq!((answer.status, answer.is_whole), (200, true), "{voice}");
        assert_eq!(answer.body, sound, "{voice}");
        assert_eq!(answer.field("content-length"), length, "{voice} {version}");
        assert_eq!(answer.field("transfer-encoding").is_some(), chunked, "{voice} {version}");
        assert_eq!(answer.field("content-type"), Some("audio/mpeg"));
        assert_eq!(answer.field("content-disposition"), Some("attachment; filename=\"a.mp3\""));
        assert_eq!(answer.field("x-ringgate-upstream-request-id"), Some("theirs"));
        assert_eq!(answer.field("x-ringgate-upstream-x-ratelimit-remaining-requests"), Some("7"));
        assert_eq!((answer.cache(), answer.field("x-ringgate-provider")), ("BYPASS", Some("p")));
        for name in ["server", "set-cookie", "location", "x-ratelimit-remaining-requests"] {
            assert_eq!(answer.field(name), None, "{name} came through");
        }
    }
    let created = gateway.ask(&post_to("/v1/audio/speech", &bearer(1), r#"{"voice":"created"}"#));
    assert_eq!((created.status, created.text().as_str()), (201, "made"));
}

fn a_large_answer_goes_by_piece_by_piece(driver: Driver) {
    const BYTES: usize = 20 << 20;
    const PIECE: usize = 64 * 1024;
    /// What one answer may cost while nobody reads it, allocator slack included.
    const GROWTH_MAX: u64 = 4 << 20;
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let provider = Provider::start_at_any_path(move |seen, peer| {
        let bytes = if seen.line().contains("warm") { 4 * PIECE } else { BYTES };
        let json = seen.line().contains("json");
        let kind = if json { "application/json" } else { "application/octet-stream" };
        peer.send(format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {bytes}\r\n\r\n"));
        let frame = if json { (&b"{\"b64_json\":\""[..], &b"\"}"[..]) } else { (&b""[..], &b""[..]) };
        peer.send(frame.0);
        let inner = bytes - frame.0.len() - frame.1.len();
        let piece = vec![b'A'; PIECE];
        for at in (0..inner).step_by(PIECE) {
            peer.send(&piece[..PIECE.min(inner - at)]);
            count.fetch_add(PIECE, Ordering::SeqCst);
        }
        peer.send(frame.1);
    });
    let gateway = alone(driver, &provider);
    (0..16).for_each(|_| assert_eq!(gateway.ask(&get("/v1/files/warm/content", &bearer(1))).status, 200));
    sent.store(0, Ordering::SeqCst);
    let before = gateway.resident_bytes();
    let mut callers: Vec<_> = ["/v1/files/binary/content", "/v1/files/json/content"]
        .map(|path| {
            let mut caller = gateway.caller();
            caller.send(&get(path, &bearer(1)));
            caller.wait_for("AAAA");
            caller
        })
        .into_iter()
        .collect();
    let mut last = usize::MAX;
    until("the provider is held back", || {
        let now = sent.load(Ordering::SeqCst);
        let still = now == last;
        last = now;
        std::thread::sleep(Duration::from_millis(300));
        still
    });
    assert!(last < 2 * BYTES - 2 * PIECE, "{last} bytes were taken although nobody reads");
    let growth = gateway.resident_bytes().saturating_sub(before);
    assert!(growth < 2 * GROWTH_MAX, "{growth} bytes for two answers of {BYTES}");
    for caller in &mut callers {
        let answer = caller.answer();
        assert!(answer.is_whole, "everything arrives in the end");
        assert_eq!((answer.status, answer.body.len()), (200, BYTES));
    }
}

fn a_cut_answer_never_looks_whole(driver: Driver) {
    let provider = Provider::start_at_any_path(|seen, peer| {
        let part = "x".repeat(5000);
        match seen.line().as_str() {
            "GET /v1/files/silent/content" => {
                peer.send("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 9000\r\n\r\n");
                std::thread::sleep(Duration::from_millis(30));
                peer.close();
            }
            "GET /v1/files/length/content" => {
                peer.send(format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 9000\r\n\r\n{part}"));
                peer.close();
            }
            "GET /v1/files/reset/content" => {
                peer.send(format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 9000\r\n\r\n{part}"));
                std::thread::sleep(Duration::from_millis(30));
                peer.reset();
            }
            _ => {
                peer.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
                peer.chunk(part);
                peer.close();
            }
        }
    });
    let gateway = alone(driver, &provider);
    let silent = gateway.ask(&get("/v1/files/silent/content", &bearer(1)));
    assert_eq!((silent.status, silent.fault().code.as_str()), (502, "upstream_error"), "nothing was begun");
    until("it is counted", || gateway.metric("ringgate_upstream_attempts_total", &["\"broken\""]) == 1.0);
    for kind in ["length", "chunked", "reset"] {
        for version in ["1.1", "1.0"] {
            let asking = request("GET", &format!("/v1/files/{kind}/content"), &bearer(1), b"");
            let asking = String::from_utf8(asking).expect("text").replacen("HTTP/1.1", &format!("HTTP/{version}"), 1);
            let mut caller = gateway.caller();
            caller.send(asking.as_bytes());
            let answer = caller.answer();
            // What has neither length nor chunks is cut by a reset, which this caller cannot see.
            if answer.field("content-length").is_some() || answer.field("transfer-encoding").is_some() {
                assert!(!answer.is_whole, "{kind} {version}");
            }
            assert!(answer.body.len() <= 5000, "nothing is made up");
            assert!(caller.is_closed(), "{kind} {version}");
        }
    }
    until("all are settled", || gateway.metric("ringgate_requests_total", &["opaque", "broken_stream"]) == 6.0);
}

fn events_pass_as_they_come_and_break_with_an_error(driver: Driver) {
    const EVENTS: &str = ": hello\n\nevent: transcript.text.delta\ndata: {\"delta\":\"h\u{e9}\"}\n\nid: 7\nevent: transcript.text.done\ndata: {\"text\":\"h\u{e9}\",\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}\n\n";
    let provider = Provider::start_at_any_path(|seen, peer| {
        peer.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
        if seen.text().contains("cut") {
            peer.chunk(format!("{EVENTS}data: {{\"unfini"));
            return peer.close();
        }
        EVENTS.as_bytes().chunks(5).for_each(|piece| peer.chunk(piece));
        peer.end_chunks();
    });
    let gateway = alone(driver, &provider);
    let ask = |how: &str| {
        gateway.ask(&post_to("/v1/audio/transcriptions", &bearer(1), &format!(r#"{{"model":"m","x":"{how}"}}"#)))
    };
    let answer = ask("whole");
    assert!(answer.is_whole);
    assert_eq!(answer.text(), EVENTS);
    assert_eq!(answer.field("x-accel-buffering"), Some("no"));
    until("it is counted", || gateway.metric("ringgate_tokens_total", &["output"]) == 4.0);
    let broken = ask("cut");
    assert!(!broken.is_whole);
    let told = broken.text().strip_prefix(EVENTS).expect("what was whole passes").to_owned();
    let error = told.strip_prefix("data: ").expect("an event").trim_end();
    crate::caller::assert_envelope(&serde_json::from_str(error).expect("the half event is left out"));
}

fn refusals_pass_in_the_callers_envelope(driver: Driver) {
    const OWN: &str = "{ \"error\": {\"message\":\"no such file\",\"type\":\"invalid_request_error\",\"param\":\"id\",\"code\":null} }\n";
    let provider = Provider::start_at_any_path(|seen, peer| match seen.line().as_str() {
        "GET /v1/files/own" => peer.send(answer(404, "application/json", "x-request-id: theirs\r\n", OWN)),
        "GET /v1/files/flat" => peer.send(json_answer(422, r#"{"detail":"not like this"}"#)),
        "GET /v1/files/page" => peer.send(answer(503, "text/html", "retry-after: 7\r\n", "<html>at 10.0.0.1</html>")),
        "GET /v1/files/key" => {
            peer.send(json_answer(
                401,
                &format!(r#"{{"error":{{"message":"bad key {PROVIDER_SECRET}","type":"t"}}}}"#),
            ));
        }
        "GET /v1/files/moved" => {
            peer.send("HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\n\r\n")
        }
        "GET /v1/files/late" => {
            peer.send(answer(429, "application/json", "retry-after: 2\r\nx-should-retry: false\r\n", OWN))
        }
        other => panic!("unexpected {other}"),
    });
    let gateway = alone(driver, &provider);
    let ask = |name: &str| gateway.ask(&get(&format!("/v1/files/{name}"), &bearer(1)));
    let own = ask("own");
    assert_eq!((own.status, own.text().as_str()), (404, OWN));
    assert_eq!(own.field("x-ringgate-upstream-request-id"), Some("theirs"));
    let flat = ask("flat");
    assert_eq!((flat.status, flat.fault().message.as_str()), (422, "not like this"));
    let page = ask("page");
    assert_eq!((page.status, page.field("retry-after")), (503, Some("7")));
    assert!(!page.text().contains("10.0.0.1"), "{}", page.text());
    page.fault();
    let key = ask("key");
    assert_eq!((key.status, key.fault().code.as_str()), (502, "upstream_error"));
    let moved = ask("moved");
    assert_eq!((moved.status, moved.field("location")), (502, None));
    let late = ask("late");
    assert_eq!((late.status, late.field("retry-after"), late.field("x-should-retry")), (429, Some("2"), Some("false")));
    assert_eq!(provider.count(), 6, "no refusal is asked again");
    until("it is counted", || gateway.metric("ringgate_requests_total", &["opaque", "client_error"]) == 2.0);
}

fn what_was_made_is_asked_of_its_maker(driver: Driver) {
    let providers = ["a", "b"].map(teller);
    let gateway = Setup::new(driver)
        .provider("a", &providers[0], "")
        .provider("b", &providers[1], "")
        .key("k", &key(1), "")
        .key("other", &key(2), "")
        .route("of-b", "\"b\"", "")
        .route("*", "\"a\"", "")
        .start();
    let at = |answer: &Answer| answer.json()["at"].as_str().expect("a name").to_owned();
    let ask = |method: &str, path: &str| gateway.ask(&request(method, path, &bearer(1), b""));
    assert_eq!(at(&ask("GET", "/v1/batches/thing_b")), "a", "nobody knows it yet");
    let lines = format!("{}x-ringgate-provider: b\r\n", bearer(1));
    let made = gateway.ask(&post_to("/v1/batches", &lines, r#"{"input_file_id":"file-0001"}"#));
    assert_eq!((at(&made), made.json()["id"].as_str()), ("b".to_owned(), Some("thing_b")));
    // Several connections, so that both shards are asked.
    for _ in 0..8 {
        assert_eq!(at(&ask("GET", "/v1/batches/thing_b")), "b");
        assert_eq!(at(&ask("DELETE", "/v1/files/thing_b")), "b");
        assert_eq!(at(&ask("POST", "/v1/responses/thing_b/cancel")), "b");
        assert_eq!(at(&ask("GET", "/v1/files/thing_x")), "a");
    }
    let built = gateway.ask(&post_to("/v1/batches", &bearer(1), r#"{"input_file_id":"thing_b"}"#));
    assert_eq!(at(&built), "b", "what builds upon it goes there, too");
    let spoken = gateway.ask(&post_to("/v1/audio/speech", &bearer(1), r#"{"model":"of-b","input":"x"}"#));
    assert_eq!(at(&spoken), "b", "a model goes where its route leads");
    let other = gateway.ask(&request("GET", "/v1/batches/thing_b", &bearer(2), b""));
    assert_eq!(at(&other), "b", "an id means the same to everybody who may ask");
}

fn what_was_just_made_is_known_at_once(driver: Driver) {
    let number = AtomicUsize::new(0);
    let maker = Provider::start_at_any_path(move |seen, peer| {
        let id = format!("batch_{:04}", number.fetch_add(1, Ordering::SeqCst));
        match seen.line().starts_with("POST") {
            true => peer.send(json_answer(200, &format!(r#"{{"status":"new","id":"{id}"}}"#))),
            false => peer.send(json_answer(200, r#"{"at":"maker"}"#)),
        }
    });
    let first = teller("first");
    let gateway = Setup::new(driver)
        .provider("first", &first, "")
        .provider("maker", &maker, "")
        .route("*", "\"first\"", "")
        .start();
    for _ in 0..100 {
        let made = gateway.ask(&post_to("/v1/batches", "x-ringgate-provider: maker\r\n", "{}"));
        let path = format!("/v1/batches/{}", made.json()["id"].as_str().expect("an id"));
        assert_eq!(gateway.ask(&get(&path, "")).text(), r#"{"at":"maker"}"#);
    }
}

fn a_limited_key_cannot_spend_what_nobody_sees(driver: Driver) {
    let provider = teller("p");
    let gateway = Setup::new(driver)
        .provider("p", &provider, "")
        .key("narrow", &key(1), "models = [\"m\"]")
        .key("all", &key(2), "models = [\"*\"]")
        .route("*", "\"p\"", "")
        .start();
    let json = "content-type: application/json\r\n";
    let narrow = [
        ("POST", "/v1/images/generations", json, r#"{"model":"m"}"#, true),
        ("POST", "/v1/images/generations", json, r#"{"model":"n"}"#, false),
        ("POST", "/v1/images/generations", json, r#"{"prompt":"x"}"#, false),
        ("POST", "/v1/images/generations", "", r#"{"model":"m"}"#, false),
        ("POST", "/v1/batches", json, r#"{"model":"m","input_file_id":"f"}"#, false),
        ("POST", "/v1/fine_tuning/jobs", json, r#"{"model":"m"}"#, false),
        ("GET", "/v1/files", "", "", false),
        ("GET", "/v1/responses/resp_unknown", "", "", false),
        ("GET", "/v1/files", "x-ringgate-provider: p\r\n", "", false),
    ];
    for (method, path, lines, body, allowed) in narrow {
        let answer = gateway.ask(&request(method, path, &format!("{}{lines}", bearer(1)), body.as_bytes()));
        if allowed {
            assert_eq!(answer.status, 200, "{method} {path} {body}: {}", answer.text());
        } else {
            assert_eq!(
                (answer.status, answer.fault().code.as_str()),
                (403, "model_not_allowed"),
                "{method} {path} {body}"
            );
        }
        let free = gateway.ask(&request(method, path, &format!("{}{lines}", bearer(2)), body.as_bytes()));
        assert_eq!(free.status, 200, "{method} {path} {body}");
    }
    // The last image was made for the free key; what the narrow one makes is its own.
    assert_eq!(gateway.ask(&get("/v1/responses/thing_p", &bearer(1))).status, 403);
    assert_eq!(gateway.ask(&post_to("/v1/images/generations", &bearer(1), r#"{"model":"m"}"#)).status, 200);
    assert_eq!(gateway.ask(&get("/v1/responses/thing_p", &bearer(1))).status, 200);
    // Its own id elsewhere in a request is no key to anything.
    for (method, path, body) in [
        ("POST", "/v1/batches", r#"{"input_file_id":"file-of-another","note":"thing_p"}"#),
        ("GET", "/v1/responses/resp_of_another/thing_p", ""),
        ("GET", "/v1/files?after=thing_p", ""),
    ] {
        let answer = gateway.ask(&request(method, path, &format!("{}{json}", bearer(1)), body.as_bytes()));
        assert_eq!(answer.status, 403, "{method} {path}");
    }
}

fn a_caller_names_a_provider_but_never_an_address(driver: Driver) {
    let providers = ["a", "b", "c"].map(teller);
    let gateway = Setup::new(driver)
        .provider("a", &providers[0], "")
        .provider("b", &providers[1], "")
        .provider("c", &providers[2], "")
        .tables(&format!(
            "[[providers]]\nname = \"claude\"\ndialect = \"anthropic_messages\"\nbase_url = \"http://{}\"\n",
            providers[2].address
        ))
        .key("all", &key(1), "")
        .key("ab", &key(2), "models = [\"m\"]")
        .route("m", "\"a/real\", \"b/other\"", "")
        .route("n", "\"c\"", "")
        .start();
    let ask = |number: u8, provider: &str| {
        let lines = format!("{}x-ringgate-provider: {provider}\r\n", bearer(number));
        gateway.ask(&post_to("/v1/images/generations", &lines, r#"{"model":"m"}"#))
    };
    for (number, provider, model) in [(1, "a", "real"), (2, "a", "real"), (2, "b", "other"), (1, "c", "m")] {
        let answer = ask(number, provider);
        assert_eq!((answer.status, answer.field("x-ringgate-provider")), (200, Some(provider)), "{number} {provider}");
        assert_eq!(answer.field("x-ringgate-model"), Some(model));
    }
    for (number, provider) in [(2, "c"), (1, "nobody"), (2, "nobody"), (1, "http://10.0.0.1"), (1, "")] {
        let answer = ask(number, provider);
        assert_eq!((answer.status, answer.fault().param.as_str()), (403, "x-ringgate-provider"), "{number} {provider}");
    }
    let wrong = ask(1, "claude");
    assert_eq!((wrong.status, wrong.fault().param.as_str()), (400, "x-ringgate-provider"));
    let elsewhere = gateway.ask(&get("/anthropic/v1/files", &bearer(1)));
    assert_eq!((elsewhere.status, elsewhere.json()["line"].as_str()), (200, Some("GET /v1/files")));
    assert_eq!(elsewhere.field("x-ringgate-provider"), Some("claude"));
    let lines = format!("{}anthropic-version: 2023-06-01\r\n", bearer(1));
    let of_client = gateway.ask(&get("/v1/files/f?beta=true", &lines));
    assert_eq!(of_client.field("x-ringgate-provider"), Some("claude"), "{}", of_client.text());
    assert_eq!(of_client.json()["line"], "GET /v1/files/f?beta=true");
    assert_eq!(gateway.ask(&get("/openai/v1/files", &lines)).field("x-ringgate-provider"), Some("a"));
    assert_eq!(gateway.ask(&get("/v1/batches", &lines)).field("x-ringgate-provider"), Some("a"));
    let batches = gateway.ask(&post_to("/v1/messages/batches", &bearer(1), r#"{"requests":[]}"#));
    assert_eq!(batches.json()["line"], "POST /v1/messages/batches");
}

fn paths_that_could_mean_two_things_are_refused(driver: Driver) {
    let provider = teller("p");
    let gateway = alone(driver, &provider);
    for path in [
        "/v1/files/../organization/users",
        "/v1/files/%2e%2e/organization",
        "/v1/files/..%2forganization",
        "/v1/files/a%2fb",
        "/v1/files/a%5cb",
        "/v1/files/a\\b",
        "/v1/files//x",
        "/v1/files/%00",
        "/v1/files/%0d%0aHost:x",
        "/v1/files/%252e%252e",
        "/v1/files/%zz",
        "/v1/files/x/",
    ] {
        let answer = gateway.ask(&get(path, &bearer(1)));
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
        answer.fault();
    }
    assert_eq!(provider.count(), 0);
    for path in ["/v1/files/a%3Ab", "/v1/files/mod%C3%A8le", "/v1/files/a~b_c-d.e"] {
        assert_eq!(gateway.ask(&get(path, &bearer(1))).json()["line"], format!("GET {path}"));
    }
}

fn unknown_paths_are_refused_in_the_dialect_of_the_mount(driver: Driver) {
    let provider = teller("p");
    let gateway = alone(driver, &provider);
    for path in ["/v1/organization/users", "/openai/v1/nowhere", "/v1/filesystem", "/v2/files"] {
        let answer = gateway.ask(&get(path, &bearer(1)));
        assert_eq!((answer.status, answer.fault().code.as_str()), (404, "model_not_found"), "{path}");
    }
    for path in ["/anthropic/v1/nowhere", "/anthropic/v1/messages/nowhere"] {
        let answer = gateway.ask(&get(path, &bearer(1)));
        assert_eq!((answer.status, answer.json()["error"]["type"].as_str()), (404, Some("not_found_error")), "{path}");
    }
    assert_eq!(gateway.ask(&get("/genai/v1/nowhere", &bearer(1))).status, 404);
    let unserved = gateway.ask(&get("/v1/messages/batches", &bearer(1)));
    assert_eq!((unserved.status, unserved.json()["type"].as_str()), (404, Some("error")), "no provider has it");
    assert_eq!(gateway.ask(&get("/v1/files", "")).status, 401);
    for path in ["/health", "/livez", "/openai/health", "/readyz"] {
        assert_eq!(gateway.ask(&get(path, "")).status, 200, "{path}");
    }
    assert_eq!(provider.count(), 0);
}

fn only_who_could_not_be_reached_is_replaced(driver: Driver) {
    let good = teller("good");
    let bad = Provider::start_at_any_path(|seen, peer| match seen.text().contains("silent") {
        true => peer.close(),
        false => peer.send(json_answer(500, r#"{"error":{"message":"down"}}"#)),
    });
    let gateway = Setup::new(driver)
        .provider_at("nobody", "http://127.0.0.1:1/v1", "")
        .provider("bad", &bad, "replay_stale = false")
        .provider("good", &good, "")
        .route("unreachable", "\"nobody\", \"good\"", "")
        .route("failing", "\"bad\", \"good\"", "")
        .start();
    let ask = |model: &str, prompt: &str| {
        let body = format!(r#"{{"model":"{model}","prompt":"{prompt}"}}"#);
        gateway.ask(&post_to("/v1/images/generations", "", &body))
    };
    let over = ask("unreachable", "x");
    assert_eq!((over.status, over.field("x-ringgate-provider")), (200, Some("good")));
    assert_eq!(
        (over.field("x-ringgate-attempts"), over.field("x-ringgate-fallback")),
        (Some("2"), Some("unreachable"))
    );
    let count = good.count();
    assert_eq!(ask("failing", "x").status, 500);
    assert_eq!(ask("failing", "silent").status, 502);
    assert_eq!((bad.count(), good.count()), (2, count), "what was sent is not sent again");
}

fn a_caller_that_leaves_cancels_the_provider(driver: Driver) {
    let noticed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&noticed);
    let provider = Provider::start_at_any_path(move |seen, peer| {
        if seen.line().contains("begun") {
            peer.send("HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 1000000\r\n\r\nx");
        }
        count.fetch_add(usize::from(peer.sees_close(PATIENCE)), Ordering::SeqCst);
    });
    let gateway = alone(driver, &provider);
    for path in ["/v1/files/waiting/content", "/v1/files/begun/content"] {
        let mut caller = gateway.caller();
        caller.send(&get(path, &bearer(1)));
        if path.contains("begun") {
            caller.wait_for("x-ringgate-provider");
        } else {
            until("it is asked", || provider.count() == 1);
        }
        caller.reset();
    }
    until("both are cancelled", || noticed.load(Ordering::SeqCst) == 2);
    until("both are settled", || gateway.metric("ringgate_requests_total", &["opaque", "client_gone"]) == 2.0);
}

fn everything_is_metered(driver: Driver) {
    let usage =
        r#"{"data":[{"b64_json":"AAAA"}],"usage":{"input_tokens":1000,"output_tokens":2000,"total_tokens":3000}}"#;
    let provider = Provider::start_at_any_path(move |_: &Seen, peer| peer.send(json_answer(200, usage)));
    let prices = "[[prices]]\nprovider = \"p\"\nmodel = \"img\"\ninput_usd_per_mtok = 1.0\noutput_usd_per_mtok = 2.0\n";
    let gateway = Setup::new(driver)
        .provider("p", &provider, "")
        .key("k", &key(1), "requests_per_minute = 2")
        .route("pictures", "\"p/img\"", "")
        .tables(prices)
        .tables("[request_log]\npath = \"log.jsonl\"\n")
        .start();
    let ask = || gateway.ask(&post_to("/v1/images/generations", &bearer(1), r#"{"model":"pictures"}"#));
    let answer = ask();
    assert_eq!((answer.text().as_str(), answer.field("x-ratelimit-remaining-requests")), (usage, Some("1")));
    until("it is counted", || gateway.metric("ringgate_tokens_total", &["model=\"img\"", "output"]) == 2000.0);
    until("it is priced", || (gateway.metric("ringgate_cost_usd_total", &["model=\"img\""]) - 0.005).abs() < 1e-9);
    assert_eq!(ask().status, 200);
    let limited = ask();
    assert_eq!((limited.status, limited.fault().code.as_str()), (429, "rate_limit_exceeded"));
    until("it is counted", || gateway.metric("ringgate_requests_total", &["dialect=\"opaque\"", "ok"]) == 2.0);
    let log = gateway.directory().join("log.jsonl");
    until("the log is written", || std::fs::read_to_string(&log).is_ok_and(|text| text.lines().count() == 3));
    let text = std::fs::read_to_string(&log).expect("just read");
    let first: serde_json::Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&first["key"], &first["provider"], &first["model"]), (&"k".into(), &"p".into(), &"img".into()));
    assert_eq!((&first["route"], &first["status"]), (&"pictures".into(), &200.into()));
}

fn looking_at_a_stored_answer_spends_nothing(driver: Driver) {
    let stored = r#"{"id":"resp_0123456789","usage":{"input_tokens":1000,"output_tokens":2000}}"#;
    let provider = Provider::start_at_any_path(move |_, peer| peer.send(json_answer(200, stored)));
    let gateway = alone(driver, &provider);
    for (method, path) in [
        ("GET", "/v1/responses/resp_0123456789"),
        ("POST", "/v1/responses/resp_0123456789/cancel"),
        ("DELETE", "/v1/responses/resp_0123456789"),
    ] {
        assert_eq!(gateway.ask(&request(method, path, &bearer(1), b"")).text(), stored, "{method}");
    }
    let spent = gateway.ask(&post_to("/v1/responses/compact", &bearer(1), r#"{"model":"m","input":"x"}"#));
    assert_eq!(spent.status, 200);
    until("all are counted", || gateway.metric("ringgate_requests_total", &["opaque", "ok"]) == 4.0);
    assert_eq!(gateway.metric("ringgate_tokens_total", &["output"]), 2000.0);
}

/// One recorded call beside chat.
#[derive(Clone)]
struct Recorded {
    method: String,
    path: String,
    request: Option<String>,
    status: u16,
    content_type: String,
    body: String,
}

fn recorded(line: &str) -> Recorded {
    let line: serde_json::Value = serde_json::from_str(line).expect("a recording");
    let text = |name: &str| line[name].as_str().expect("a text").to_owned();
    Recorded {
        method: text("method"),
        path: text("path"),
        request: Some(&line["request"]).filter(|request| !request.is_null()).map(ToString::to_string),
        status: u16::try_from(line["status"].as_u64().expect("a status")).expect("a status"),
        content_type: text("content_type"),
        body: text("body"),
    }
}

fn recorded_exchanges_pass_unchanged(driver: Driver) {
    let lines = [
        include_str!("../recordings/beside/openai.jsonl").lines(),
        include_str!("../recordings/beside/anthropic.jsonl").lines(),
    ];
    let all: Vec<Recorded> = lines.into_iter().flatten().map(recorded).collect();
    assert!(all.len() >= 40, "recordings are missing: {}", all.len());
    let played = Arc::new(std::sync::Mutex::new(all[0].clone()));
    let next = Arc::clone(&played);
    let provider = Provider::start_at_any_path(move |_, peer| {
        let Recorded { status, content_type, body, .. } = next.lock().expect("nobody panics under this lock").clone();
        peer.send(answer(status, &content_type, "", &body));
    });
    let claude = format!(
        "[[providers]]\nname = \"claude\"\ndialect = \"anthropic_messages\"\nbase_url = \"http://{}\"\n",
        provider.address
    );
    let gateway = Setup::new(driver)
        .provider("p", &provider, "")
        .tables(&claude)
        .key("k", &key(1), "")
        .route("claude-*", "\"claude\"", "cache = { exact = false }")
        .route("*", "\"p\"", "cache = { exact = false }")
        .start();
    for exchange in all {
        *played.lock().expect("nobody panics under this lock") = exchange.clone();
        let asking = match &exchange.request {
            Some(body) => {
                let lines = format!("{}content-type: application/json\r\n", bearer(1));
                request(&exchange.method, &exchange.path, &lines, body.as_bytes())
            }
            None if exchange.method == "POST" => {
                request("POST", &exchange.path, &format!("{}{FORM}", bearer(1)), &form("x"))
            }
            None => request(&exchange.method, &exchange.path, &bearer(1), b""),
        };
        let told = gateway.ask(&asking);
        let name = format!("{} {}", exchange.method, exchange.path);
        assert_eq!((told.status, told.is_whole), (exchange.status, true), "{name}: {}", told.text());
        let (was, is) = (exchange.body, told.text());
        if exchange.status == 200 {
            assert_eq!(is, was, "{name}");
        } else {
            let error = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON")["error"].clone();
            assert_eq!(error(&is), error(&was), "{name}");
        }
        assert!(told.field("content-type").is_some_and(|kind| exchange.content_type.starts_with(kind)), "{name}");
        let seen = provider.seen().pop().expect("it arrived");
        let path = if exchange.path.contains("/messages/") { "/v1/messages/count_tokens" } else { &exchange.path };
        assert_eq!(seen.line(), format!("{} {path}", exchange.method));
        if let Some(request) = exchange.request {
            assert_eq!(seen.text(), request, "{name}");
        }
    }
}

fn deadlines_hold(driver: Driver) {
    let gate = Gate::default();
    let inner = gate.clone();
    let provider = Provider::start_at_any_path(move |seen, peer| {
        if seen.line().contains("stalled") {
            peer.send("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\nbegun");
        }
        inner.wait("never");
    });
    let gateway = Setup::new(driver)
        .provider("p", &provider, "first_byte_timeout_ms = 400\nidle_timeout_ms = 400")
        .key("k", &key(1), "")
        .route("*", "\"p\"", "")
        .start();
    let silent = gateway.ask(&get("/v1/files/silent", &bearer(1)));
    assert_eq!((silent.status, silent.fault().code.as_str()), (504, "timeout"));
    let hurried = gateway.ask(&get("/v1/files/silent", &format!("{}x-ringgate-timeout-ms: 50\r\n", bearer(1))));
    assert_eq!((hurried.status, hurried.fault().code.as_str()), (504, "timeout"));
    let stalled = gateway.ask(&get("/v1/files/stalled", &bearer(1)));
    assert_eq!((stalled.status, stalled.is_whole, stalled.text().as_str()), (200, false, "begun"));
    let wrong = gateway.ask(&get("/v1/files/silent", &format!("{}x-ringgate-timeout-ms: soon\r\n", bearer(1))));
    assert_eq!((wrong.status, wrong.fault().param.as_str()), (400, "x-ringgate-timeout-ms"));
    until("both are counted", || gateway.metric("ringgate_upstream_attempts_total", &["\"timeout\""]) == 2.0);
    gate.open("never");
}

fn a_drain_lets_answers_go_by_until_its_deadline(driver: Driver) {
    let gate = Gate::default();
    let inner = gate.clone();
    let provider = Provider::start_at_any_path(move |seen, peer| {
        peer.send("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\nbegun");
        let name = if seen.line().contains("quick") { "quick" } else { "never" };
        inner.wait(name);
        peer.send("ended");
    });
    let mut gateway = Setup::new(driver)
        .server("drain_timeout_ms = 1500")
        .provider("p", &provider, "")
        .route("*", "\"p\"", "")
        .start();
    let mut callers: Vec<_> = ["quick", "slow"]
        .map(|name| {
            let mut caller = gateway.caller();
            caller.send(&get(&format!("/v1/files/{name}/content"), ""));
            caller.wait_for("begun");
            caller
        })
        .into_iter()
        .collect();
    gateway.signal("TERM");
    gateway.stderr.wait_for("drain", "");
    gate.open("quick");
    let quick = callers[0].answer();
    assert_eq!((quick.is_whole, quick.text().as_str()), (true, "begunended"));
    let slow = callers[1].answer();
    assert_eq!((slow.is_whole, slow.text().as_str()), (false, "begun"));
    assert_eq!(gateway.wait().code(), Some(0));
    gate.open("never");
}

fn large_uploads_pass_up_to_the_bound(driver: Driver) {
    const BYTES: usize = 6 << 20;
    let provider = Provider::start_at_any_path(|_, peer| peer.send(json_answer(200, r#"{"id":"file-0001"}"#)));
    let gateway = Setup::new(driver)
        .server("body_bytes_max = 8000000")
        .provider("p", &provider, "")
        .route("*", "\"p\"", "")
        .start();
    let mut upload = b"--b0und\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n".to_vec();
    upload.extend((0..=250u8).cycle().take(BYTES));
    upload.extend_from_slice(b"\r\n--b0und--\r\n");
    assert_eq!(gateway.ask(&request("POST", "/v1/files", FORM, &upload)).status, 200);
    assert!(provider.only().body == upload, "every byte arrives");
    let mut chunked =
        format!("POST /v1/files HTTP/1.1\r\nhost: g\r\n{FORM}transfer-encoding: chunked\r\n\r\n").into_bytes();
    for piece in upload.chunks(100_000) {
        chunked.extend(crate::provider::chunk(piece));
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(gateway.ask(&chunked).status, 200);
    assert!(provider.seen().pop().expect("it arrived").body == upload, "with a length of its own");
    let head = |path: &str| format!("POST {path} HTTP/1.1\r\nhost: g\r\n{FORM}content-length: 8000001\r\n\r\n");
    let large = gateway.ask(head("/v1/files").as_bytes());
    assert_eq!((large.status, large.fault().code.as_str()), (413, "request_too_large"));
    let large = gateway.ask(head("/v1/messages/batches").as_bytes());
    assert_eq!((large.status, large.json()["error"]["type"].as_str()), (413, Some("request_too_large")));
    assert_eq!(provider.count(), 2);
}
