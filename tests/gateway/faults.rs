//! Providers that break: nothing lost, nothing invented, and a broken answer never looks like a whole one.

use crate::caller::Answer;
use crate::caller::assert_envelope;
use crate::caller::body;
use crate::caller::post;
use crate::caller::stream_body;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Gateway;
use crate::process::Setup;
use crate::process::until;
use crate::provider::DONE;
use crate::provider::Gate;
use crate::provider::Peer;
use crate::provider::Provider;
use crate::provider::RECORDED_STREAM;
use crate::provider::RECORDED_WHOLE;
use crate::provider::STREAM_HEAD;
use crate::provider::Seen;
use crate::provider::answer;
use crate::provider::chunk;
use crate::provider::completion;
use crate::provider::delta;
use crate::provider::echo;
use crate::provider::finish;
use crate::provider::json_answer;
use crate::provider::opening;
use serde_json::Value;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

on_both_drivers! {
    unreachable_providers_are_told_by_their_kind,
    silence_is_a_timeout_that_names_its_setting,
    garbage_is_never_passed_on,
    refusals_of_the_request_are_the_answer,
    rejected_credentials_stay_between_gateway_and_provider,
    hints_of_a_provider_are_passed_on_and_capped,
    failover_is_invisible_but_told,
    when_all_fail_the_last_failure_is_told,
    a_whole_answer_cut_after_every_byte_is_never_taken_for_whole,
    a_stream_cut_after_every_byte_is_never_taken_for_complete,
    streams_that_end_politely_but_unfinished_are_broken,
    streams_that_go_wrong_after_content_are_broken,
    slow_readers_hold_the_provider_back,
    a_provider_that_stops_taking_a_request_is_replaced,
    lost_races_with_a_closing_provider_cost_nobody_a_request,
}

const DEADLINES: &str = "first_byte_timeout_ms = 400\nidle_timeout_ms = 400\nconnect_timeout_ms = 400";

/// One provider of the given behaviour.
fn alone(driver: Driver, provider: &Provider) -> Gateway {
    Setup::new(driver).provider("p", provider, DEADLINES).server("answer_bytes_max = 262144").start()
}

/// `first` breaks, `second` echoes.
fn pair(driver: Driver, first: &Provider, second: &Provider) -> Gateway {
    Setup::new(driver)
        .server("answer_bytes_max = 262144")
        .provider("first", first, DEADLINES)
        .provider("second", second, DEADLINES)
        .start()
}

#[track_caller]
fn assert_fault(answer: &Answer, status: u16, code: &str) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    let fault = answer.fault();
    assert_eq!(fault.code, code, "{fault:?}");
    fault.message
}

fn refused_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    listener.local_addr().expect("a bound socket has an address").port()
}

fn unreachable_providers_are_told_by_their_kind(driver: Driver) {
    let full = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let full_at = full.local_addr().expect("a bound socket has an address");
    // Nobody accepts: once the queue is full, further connects are never answered.
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&full_at, Duration::from_millis(100)) {
        queued.push(stream);
        assert!(queued.len() < 10_000, "the queue has no end");
    }
    let gateway = Setup::new(driver)
        .provider_at("refused", &format!("http://127.0.0.1:{}/v1", refused_port()), DEADLINES)
        .provider_at("full", &format!("http://{full_at}/v1"), DEADLINES)
        .provider_at("nameless", "https://no-such-name.invalid/v1", DEADLINES)
        .start();
    for text in [body("refused/m", "x"), stream_body("refused/m", "x")] {
        let message = assert_fault(&gateway.ask(&post("", &text)), 502, "upstream_error");
        assert!(message.contains("`refused`") && !message.contains("127.0.0.1"), "{message}");
    }
    let started = Instant::now();
    let message = assert_fault(&gateway.ask(&post("", &body("full/m", "x"))), 504, "timeout");
    assert!(message.contains("connect_timeout_ms"), "{message}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let answer = gateway.ask(&post("x-ringgate-timeout-ms: 3000\r\n", &body("nameless/m", "x")));
    assert!(matches!(answer.status, 502 | 504), "{}", answer.text());
    answer.fault();
}

fn silence_is_a_timeout_that_names_its_setting(driver: Driver) {
    let provider = Provider::start(|seen, peer| {
        match seen.prompt().as_str() {
            "mute" => {}
            "half a head" => peer.send("HTTP/1.1 200 OK\r\ncontent-"),
            "head only" => peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"),
            "half a body" => peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"a\""),
            "stream head only" => peer.send(STREAM_HEAD),
            "opening only" => {
                peer.send(STREAM_HEAD);
                peer.chunk(opening());
            }
            "trickle of comments" => {
                peer.send(STREAM_HEAD);
                for _ in 0..20 {
                    peer.chunk(": ping\n\n");
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
            other => panic!("unexpected prompt {other}"),
        }
        peer.sees_close(Duration::from_secs(10));
    });
    let gateway = alone(driver, &provider);
    let whole = ["mute", "half a head", "head only", "half a body"];
    let streamed = ["mute", "half a head", "stream head only", "opening only", "trickle of comments"];
    let cases = whole.map(|prompt| (prompt, body("m", prompt))).into_iter();
    let cases = cases.chain(streamed.map(|prompt| (prompt, stream_body("m", prompt))));
    std::thread::scope(|scope| {
        for (prompt, text) in cases {
            let gateway = &gateway;
            scope.spawn(move || {
                let started = Instant::now();
                let message = assert_fault(&gateway.ask(&post("", &text)), 504, "timeout");
                assert!(message.contains("_timeout_ms"), "{prompt}: {message}");
                assert!(started.elapsed() < Duration::from_secs(5), "{prompt}: {:?}", started.elapsed());
            });
        }
    });
    let started = Instant::now();
    let answer = gateway.ask(&post("x-ringgate-timeout-ms: 100\r\n", &body("m", "mute")));
    assert_fault(&answer, 504, "timeout");
    assert!(started.elapsed() < Duration::from_secs(3));
}

/// Answers that are none, by prompt. Each ends the connection.
fn garbage(prompt: &str) -> Vec<u8> {
    let good = completion("x");
    let sized = |lines: &str, text: &str| answer(200, "application/json", lines, text).into_bytes();
    match prompt {
        "noise" => b"\x16\x03\x03\x00\x7a\x02\x00\x00\r\n\r\n\x00\xff".to_vec(),
        "text" => b"hello, world\r\n\r\n".to_vec(),
        "html 200" => answer(200, "text/html", "", "<html><h1>It works!</h1></html>").into_bytes(),
        "html as json" => sized("", "<html></html>"),
        "empty" => sized("", ""),
        "json array" => sized("", "[]"),
        "json null" => sized("", "null"),
        "other json" => sized("", "{\"ok\":true}"),
        "no choices" => sized("", &good.replace("\"choices\":[", "\"choises\":[")),
        "error in 200" => sized("", r#"{"error":{"message":"inner","type":"t","param":null,"code":null}}"#),
        "short" => sized("", &good)[..good.len()].to_vec(),
        "length and chunks" => sized("transfer-encoding: chunked\r\n", &good),
        "two lengths" => sized("content-length: 5\r\n", &good),
        "bad length" => b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}".to_vec(),
        "bare lf" => b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}".to_vec(),
        "nul in head" => b"HTTP/1.1 200 OK\r\nx: \0\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
        "fold" => b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
        "http 2" => b"HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
        "switching" => b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n".to_vec(),
        "flood of interim" => b"HTTP/1.1 102 Processing\r\n\r\n".repeat(10_000),
        "bad chunk" => b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n".to_vec(),
        "oversize" => sized("", &completion(&"x".repeat(300_000))),
        "oversize chunks" => {
            let mut bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            (0..100).for_each(|_| bytes.extend(chunk("y".repeat(10_000))));
            bytes
        }
        "oversize announced" => b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec(),
        "oversize head" => format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20)).into_bytes(),
        "gzip" => sized("content-encoding: gzip\r\n", "\u{1f}\u{8b}"),
        "brotli" => sized("content-encoding: br\r\n", &good),
        "no content" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        "redirect" => b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n".to_vec(),
        "stream to a whole request" => format!("{STREAM_HEAD}{}", "0\r\n\r\n").into_bytes(),
        "close" => Vec::new(),
        other => panic!("unexpected prompt {other}"),
    }
}

const GARBAGE: &[&str] = &[
    "noise",
    "text",
    "html 200",
    "html as json",
    "empty",
    "json array",
    "json null",
    "other json",
    "no choices",
    "error in 200",
    "short",
    "length and chunks",
    "two lengths",
    "bad length",
    "bare lf",
    "nul in head",
    "fold",
    "http 2",
    "switching",
    "flood of interim",
    "bad chunk",
    "oversize",
    "oversize chunks",
    "oversize announced",
    "oversize head",
    "gzip",
    "brotli",
    "no content",
    "redirect",
    "stream to a whole request",
    "close",
];

fn serve_garbage(seen: &Seen, peer: &mut Peer) {
    peer.send(garbage(&seen.prompt()));
    peer.close();
}

fn garbage_is_never_passed_on(driver: Driver) {
    let (first, second) = (Provider::start(serve_garbage), Provider::start(echo));
    let (lonely, gateway) = (alone(driver, &first), pair(driver, &first, &second));
    for prompt in GARBAGE {
        for text in [body("m", prompt), stream_body("m", prompt)] {
            let answer = lonely.ask(&post("", &text));
            assert!(!answer.text().contains("<html") && !answer.text().contains("It works"), "{prompt}");
            let inner = *prompt == "error in 200";
            assert!(answer.status == 502 || (inner && answer.status >= 400), "{prompt}: {}", answer.text());
            answer.fault();
            let answer = gateway.ask(&post("", &text));
            let said = if text.contains("stream") && answer.field("content-length").is_none() {
                assert!(answer.is_complete_stream(), "{prompt}: {}", answer.text());
                answer.streamed_content()
            } else {
                assert_eq!(answer.status, 200, "{prompt}: {}", answer.text());
                answer.content()
            };
            assert_eq!(said, format!("echo {prompt}"), "{prompt} fails over");
            assert_eq!(answer.field("x-ringgate-attempts"), Some("2"), "{prompt}");
        }
    }
}

fn refusals_of_the_request_are_the_answer(driver: Driver) {
    let second = Provider::start(echo);
    let first = Provider::start(|seen, peer| {
        let status: u16 = seen.prompt().parse().expect("the prompt is a status");
        let text =
            format!(r#"{{"error":{{"message":"words of {status}","type":"own_type","param":"p","code":"own_code"}}}}"#);
        peer.send(json_answer(status, &text));
    });
    let gateway = pair(driver, &first, &second);
    for status in [400, 404, 405, 409, 413, 415, 422, 499] {
        for text in [body("m", &status.to_string()), stream_body("m", &status.to_string())] {
            let answer = gateway.ask(&post("", &text));
            let fault = answer.fault();
            assert_eq!(answer.status, status);
            assert_eq!(fault.message, format!("words of {status}"));
            assert_eq!((fault.kind.as_str(), fault.param.as_str(), fault.code.as_str()), ("own_type", "p", "own_code"));
            assert_eq!(answer.field("x-ringgate-attempts"), Some("1"));
        }
    }
    assert_eq!(second.count(), 0, "a refused request is not tried elsewhere");
}

fn rejected_credentials_stay_between_gateway_and_provider(driver: Driver) {
    let provider = Provider::start(|_, peer| {
        let text = r#"{"error":{"message":"Incorrect API key provided: sk-abc***def","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#;
        peer.send(answer(401, "application/json", "www-authenticate: Bearer realm=x\r\n", text));
    });
    let gateway = alone(driver, &provider);
    let answer = gateway.ask(&post("", &body("m", "x")));
    let message = assert_fault(&answer, 502, "upstream_error");
    assert!(message.contains("`p`") && !message.contains("sk-abc"), "{message}");
    assert_eq!(answer.field("www-authenticate"), None);
}

fn hints_of_a_provider_are_passed_on_and_capped(driver: Driver) {
    let provider = Provider::start(|seen, peer| {
        let lines = seen.prompt().replace('|', "\r\n");
        let lines = if lines.is_empty() { lines } else { format!("{lines}\r\n") };
        let text = r#"{"error":{"message":"slow down","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#;
        peer.send(answer(429, "application/json", &lines, text));
    });
    let gateway = alone(driver, &provider);
    let cases = [
        ("retry-after: 7", Some("7"), None),
        ("retry-after-ms: 250", Some("1"), None),
        ("retry-after: 3600", Some("60"), Some("false")),
        ("retry-after: 0", Some("0"), None),
        ("retry-after: -5", None, None),
        ("retry-after: soon", None, None),
        ("retry-after: 1e99", None, None),
        ("retry-after: NaN", None, None),
        ("x-should-retry: false", None, Some("false")),
        ("x-should-retry: true|retry-after: 2", Some("2"), Some("true")),
        ("x-should-retry: maybe", None, None),
    ];
    for (prompt, after, should) in cases {
        let answer = gateway.ask(&post("", &body("m", prompt)));
        assert_fault(&answer, 429, "rate_limit_exceeded");
        assert_eq!((answer.field("retry-after"), answer.field("x-should-retry")), (after, should), "{prompt}");
    }
    let named = "x-request-id: req_theirs|x-ratelimit-remaining-tokens: 0|set-cookie: a=b";
    let answer = gateway.ask(&post("", &body("m", named)));
    assert_fault(&answer, 429, "rate_limit_exceeded");
    assert_eq!(answer.field("x-ringgate-upstream-request-id"), Some("req_theirs"));
    assert_eq!(answer.field("x-ringgate-upstream-x-ratelimit-remaining-tokens"), Some("0"));
    assert_eq!((answer.all("x-request-id").len(), answer.field("set-cookie")), (1, None));
}

fn failover_is_invisible_but_told(driver: Driver) {
    let first = Provider::start(|seen, peer| {
        let text = r#"{"error":{"message":"no","type":"t","param":null,"code":null}}"#;
        match seen.prompt().split(' ').next().unwrap_or_default() {
            "429" => peer.send(answer(429, "application/json", "retry-after: 30\r\n", text)),
            "html" => peer.send(answer(502, "text/html", "", "<html>bad gateway</html>")),
            "stall" => {
                peer.sees_close(Duration::from_secs(10));
            }
            "preamble" => {
                peer.send(STREAM_HEAD);
                peer.chunk(opening());
                peer.close();
            }
            "reset" => {
                peer.send(STREAM_HEAD);
                peer.chunk(opening());
                peer.reset();
            }
            "inband" => {
                peer.send(STREAM_HEAD);
                peer.chunk(format!("{}data: {text}\n\n", opening()));
                peer.end_chunks();
            }
            "badjson" => {
                peer.send(STREAM_HEAD);
                peer.chunk("data: {\"choices\":[}\n\n");
            }
            "doneonly" => {
                peer.send(STREAM_HEAD);
                peer.chunk(DONE);
                peer.end_chunks();
            }
            status => peer.send(json_answer(status.parse().expect("a status"), text)),
        }
    });
    let second = Provider::start(echo);
    let gateway = pair(driver, &first, &second);
    let whole = ["429", "500", "502", "503", "504", "529", "401", "402", "403", "html", "stall"];
    let streamed = ["500", "429", "stall", "preamble", "reset", "inband", "badjson", "doneonly"];
    for (number, prompt) in whole.iter().chain(&streamed).enumerate() {
        let text = if number < whole.len() { body("m", prompt) } else { stream_body("m", prompt) };
        let answer = gateway.ask(&post("", &text));
        assert_eq!(answer.status, 200, "{prompt}: {}", answer.text());
        let said = if number < whole.len() { answer.content() } else { answer.streamed_content() };
        assert_eq!(said, format!("echo {prompt}"));
        assert_eq!(answer.field("x-ringgate-attempts"), Some("2"), "{prompt}");
        assert_eq!(answer.field("x-ringgate-provider"), Some("second"), "{prompt}");
        let wanted = match *prompt {
            "429" => "rate_limited",
            "stall" => "timeout",
            "401" | "402" | "403" => "client_error",
            "preamble" | "reset" | "inband" | "badjson" | "doneonly" => "broken",
            _ => "server_error",
        };
        assert_eq!(answer.field("x-ringgate-fallback"), Some(wanted), "{prompt}");
        assert_eq!(answer.field("retry-after"), None, "the first provider's hint is not the caller's");
    }
    // A request is counted after its caller has the answer.
    let all = (whole.len() + streamed.len()) as f64;
    until("all are counted", || gateway.metric("ringgate_failovers_total", &["first"]) == all);
    let refused = format!("http://127.0.0.1:{}/v1", refused_port());
    let gateway =
        Setup::new(driver).provider_at("first", &refused, DEADLINES).provider("second", &second, DEADLINES).start();
    let answer = gateway.ask(&post("", &body("m", "connect")));
    assert_eq!((answer.content().as_str(), answer.field("x-ringgate-fallback")), ("echo connect", Some("unreachable")));
}

fn when_all_fail_the_last_failure_is_told(driver: Driver) {
    let fails = |status: u16| {
        Provider::start(move |_, peer| {
            let text =
                format!(r#"{{"error":{{"message":"failed with {status}","type":"t","param":null,"code":null}}}}"#);
            peer.send(json_answer(status, &text));
        })
    };
    let (first, second) = (fails(500), fails(503));
    let gateway = pair(driver, &first, &second);
    for text in [body("m", "x"), stream_body("m", "x")] {
        let answer = gateway.ask(&post("", &text));
        assert_eq!(answer.status, 503);
        assert_eq!(answer.field("x-ringgate-attempts"), Some("2"));
        let message = answer.fault().message;
        assert!(message.contains("failed with 503") && message.contains("2 targets"), "{message}");
    }
    assert_eq!((first.count(), second.count()), (2, 2));
}

/// Plays `case(number)` for all numbers below `count` on a few threads and tells every failure.
fn for_every(count: usize, case: impl Fn(usize) -> Result<(), String> + Sync) {
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    if let Err(reason) = case(number) {
                        failures.lock().expect("nobody panics under this lock").push(format!("{number}: {reason}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("nobody panics under this lock");
    let shown: Vec<&String> = failures.iter().take(5).collect();
    assert!(failures.is_empty(), "{} of {count} failed, such as {shown:#?}", failures.len());
}

/// The prompt `cut N` is answered with the first `N` bytes of `full` and the end of the connection when
/// it is asked for the first time, and wholly afterwards.
fn cutting(full: Vec<u8>) -> impl Fn(&Seen, &mut Peer) + Send + Sync {
    let before = Mutex::new(std::collections::HashSet::new());
    move |seen, peer| {
        let prompt = seen.prompt();
        let first = before.lock().expect("nobody panics under this lock").insert(prompt.clone());
        let cut = prompt.strip_prefix("cut ").and_then(|number| number.parse::<usize>().ok());
        match cut.filter(|_| first) {
            Some(at) => {
                peer.send(&full[..at]);
                if at % 2 == 0 { peer.close() } else { peer.reset() }
            }
            None => peer.send(&full),
        }
    }
}

fn a_whole_answer_cut_after_every_byte_is_never_taken_for_whole(driver: Driver) {
    let full = json_answer(200, RECORDED_WHOLE).into_bytes();
    let length = full.len();
    let (first, second) = (Provider::start(cutting(full.clone())), Provider::start(echo));
    let lonely = Setup::new(driver).provider("p", &first, DEADLINES).route("*", "\"p\"", "").start();
    // Alone: an error, and nothing of it remembered.
    for_every(length, |at| {
        let request = post("", &body("m", &format!("cut {at}")));
        let answer = lonely.ask(&request);
        if answer.status != 502 || answer.fault().code != "upstream_error" {
            return Err(format!("alone: {} {}", answer.status, answer.text()));
        }
        if at % 8 == 0 {
            let again = lonely.ask(&request);
            if again.text() != RECORDED_WHOLE || again.cache() != "MISS" {
                return Err(format!("again: {} {}", again.cache(), again.text()));
            }
        }
        Ok(())
    });
    let fresh = Provider::start(cutting(full));
    let gateway = pair(driver, &fresh, &second);
    for_every(length, |at| {
        let answer = gateway.ask(&post("", &body("m", &format!("cut {at}"))));
        let fine = answer.status == 200 && answer.content() == format!("echo cut {at}");
        if fine && answer.field("x-ringgate-attempts") == Some("2") { Ok(()) } else { Err(answer.text()) }
    });
}

/// A stream of one chunk per event.
fn recorded_stream() -> Vec<u8> {
    let mut bytes = STREAM_HEAD.as_bytes().to_vec();
    RECORDED_STREAM.split_inclusive("\n\n").for_each(|event| bytes.extend(chunk(event)));
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// Checks that a stream was broken off honestly after content: an error event, no terminator, no clean end.
fn broken_after(answer: &Answer, original: &str) -> Result<(), String> {
    let text = answer.text();
    if answer.is_whole || text.contains("[DONE]") {
        return Err(format!("looks complete: {text}"));
    }
    let events = answer.events();
    let Some((last, before)) = events.split_last() else { return Err("nothing at all".to_owned()) };
    let last: Value = serde_json::from_str(last).map_err(|error| format!("{error}: {last}"))?;
    if last.get("error").is_none() {
        return Err(format!("no error event: {text}"));
    }
    assert_envelope(&last);
    let said: String = before.iter().map(|event| format!("data: {event}\n\n")).collect();
    if original.starts_with(&said) { Ok(()) } else { Err(format!("not a prefix: {said}")) }
}

fn a_stream_cut_after_every_byte_is_never_taken_for_complete(driver: Driver) {
    let full = recorded_stream();
    let length = full.len();
    let position = |mark: &str| memchr::memmem::find(&full, mark.as_bytes()).expect("it is in the stream");
    // Content is there when its event is complete; the answer is complete with the terminator's event.
    let content_at = position("\"content\":\"The\"");
    let content_at = content_at + memchr::memmem::find(&full[content_at..], b"\n\n").expect("an event ends") + 2;
    let complete_at = position("[DONE]\n\n") + "[DONE]\n\n".len();
    let (first, second) = (Provider::start(cutting(full.clone())), Provider::start(echo));
    let gateway = Setup::new(driver)
        .provider("first", &first, DEADLINES)
        .provider("second", &second, DEADLINES)
        .route("*", "\"first\", \"second\"", "")
        .start();
    let asking = |at: usize| {
        let text = stream_body("m", &format!("cut {at}"));
        post("", &text.replacen('{', "{\"stream_options\":{\"include_usage\":true},", 1))
    };
    for_every(length, |at| {
        let answer = gateway.ask(&asking(at));
        if answer.status != 200 {
            return Err(format!("{} {}", answer.status, answer.text()));
        }
        let attempts = answer.field("x-ringgate-attempts");
        if at >= complete_at {
            let whole = answer.is_complete_stream() && answer.text() == RECORDED_STREAM && attempts == Some("1");
            return if whole { Ok(()) } else { Err(format!("complete was not taken for complete: {}", answer.text())) };
        }
        // A reset may overtake bytes that were sent before it, so then less may have arrived.
        let may_fail_over = at < content_at || at % 2 == 1;
        if attempts == Some("2") && may_fail_over {
            let fine = answer.is_complete_stream() && answer.streamed_content() == format!("echo cut {at}");
            return if fine { Ok(()) } else { Err(format!("after failover: {}", answer.text())) };
        }
        if at < content_at {
            return Err(format!("no failover before content: {}", answer.text()));
        }
        broken_after(&answer, RECORDED_STREAM)?;
        if at % 8 == 0 {
            let again = gateway.ask(&asking(at));
            if !again.is_complete_stream() || again.text() != RECORDED_STREAM || again.cache() != "MISS" {
                return Err(format!("again: {} {}", again.cache(), again.text()));
            }
        }
        Ok(())
    });
}

/// Content, which must have reached the caller, then whatever `rest` does.
fn after_content(gate: &Gate, seen: &Seen, peer: &mut Peer, rest: impl FnOnce(&str, &mut Peer)) {
    peer.send(STREAM_HEAD);
    peer.chunk(format!("{}{}", opening(), delta("some")));
    gate.wait(&seen.prompt());
    rest(&seen.prompt(), peer);
}

/// Asks for a stream and lets its provider go on once there was content.
#[track_caller]
fn ask_past_content(gateway: &Gateway, gate: &Gate, prompt: &str, text: &str) -> Answer {
    let mut caller = gateway.caller();
    caller.send(&post("", text));
    caller.wait_for("some");
    gate.open(prompt);
    caller.answer()
}

fn streams_that_end_politely_but_unfinished_are_broken(driver: Driver) {
    let gate = Gate::default();
    let inner = gate.clone();
    let provider = Provider::start(move |seen, peer| {
        after_content(&inner, seen, peer, |prompt, peer| {
            match prompt {
                "no terminator" => peer.chunk(finish("stop")),
                "no finish" => peer.chunk(DONE),
                "nothing more" => {}
                "one of two" => peer.chunk(format!("{}{DONE}", finish("stop"))),
                "half an event" => peer.chunk(finish("stop").trim_end()),
                "half a terminator" => peer.chunk(format!("{}data: [DON", finish("stop"))),
                other => panic!("unexpected prompt {other}"),
            }
            peer.end_chunks();
        });
    });
    let gateway = Setup::new(driver).provider("p", &provider, DEADLINES).route("*", "\"p\"", "").start();
    let prompts = ["no terminator", "no finish", "nothing more", "one of two", "half an event", "half a terminator"];
    for prompt in prompts {
        let text = stream_body("m", prompt);
        let text = if prompt == "one of two" { text.replacen('{', "{\"n\":2,", 1) } else { text };
        for round in 1..=2 {
            let answer = ask_past_content(&gateway, &gate, prompt, &text);
            assert_eq!((answer.status, answer.cache()), (200, "MISS"), "{prompt}");
            let original = format!("{}{}{}", opening(), delta("some"), finish("stop"));
            broken_after(&answer, &original).unwrap_or_else(|reason| panic!("{prompt}: {reason}"));
            assert_eq!(provider.seen_with(prompt).len(), round, "{prompt} was remembered");
        }
    }
    assert_eq!(gateway.metric("ringgate_requests_total", &["broken_stream"]), 2.0 * prompts.len() as f64);
}

fn streams_that_go_wrong_after_content_are_broken(driver: Driver) {
    let gate = Gate::default();
    let inner = gate.clone();
    let provider = Provider::start(move |seen, peer| {
        after_content(&inner, seen, peer, |prompt, peer| {
            match prompt {
                "silence" => {
                    peer.sees_close(Duration::from_secs(10));
                }
                "bad json" => peer.chunk("data: {\"choices\":[}\n\n"),
                "html" => peer.chunk("data: <html>oops</html>\n\n"),
                "error" => {
                    peer.chunk(
                        "data: {\"error\":{\"message\":\"inner words\",\"type\":\"server_error\",\"code\":null}}\n\n",
                    );
                    peer.chunk(DONE);
                    peer.end_chunks();
                }
                "named error" => peer.chunk("event: error\ndata: {\"error\":{\"message\":\"inner words\"}}\n\n"),
                "bad chunk" => peer.send("zz\r\n"),
                "endless event" => {
                    let piece = "x".repeat(1 << 20);
                    peer.chunk("data: {\"x\":\"");
                    (0..20).for_each(|_| peer.chunk(&piece));
                }
                "reset" => peer.reset(),
                other => panic!("unexpected prompt {other}"),
            }
            peer.close();
        });
    });
    let gateway = alone(driver, &provider);
    let original = format!("{}{}", opening(), delta("some"));
    for prompt in ["silence", "bad json", "html", "error", "named error", "bad chunk", "endless event", "reset"] {
        let answer = ask_past_content(&gateway, &gate, prompt, &stream_body("m", prompt));
        broken_after(&answer, &original).unwrap_or_else(|reason| panic!("{prompt}: {reason}"));
        assert_eq!(prompt.contains("error"), answer.text().contains("inner words"), "{prompt}: {}", answer.text());
        assert!(!answer.text().contains("<html>"));
    }
}

fn slow_readers_hold_the_provider_back(driver: Driver) {
    const READERS: usize = 4;
    const EVENTS: usize = 4000;
    const EVENT_BYTES: usize = 8 * 1024;
    /// Per reader, allocator slack included.
    const GROWTH_MAX: u64 = 1 << 20;
    let sent = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&sent);
    let provider = Provider::start(move |seen, peer| {
        peer.send(STREAM_HEAD);
        let events = if seen.prompt().starts_with("flood") { EVENTS } else { 40 };
        let long = delta(&"y".repeat(EVENT_BYTES));
        for _ in 0..events {
            peer.chunk(&long);
            count.fetch_add(1, Ordering::SeqCst);
        }
        peer.chunk(format!("{}{DONE}", finish("stop")));
        peer.end_chunks();
    });
    // What is cached must not pile up either when it has become too long for that.
    let gateway = Setup::new(driver)
        .provider("p", &provider, "")
        .route("m", "\"p\"", "")
        .tables("[cache]\nentry_bytes_max = 65536\n")
        .start();
    // Both shards must have seen such a stream before memory is compared.
    (0..16).for_each(|_| assert!(gateway.ask(&post("", &stream_body("m", "warm"))).is_complete_stream()));
    let before = gateway.resident_bytes();
    let mut callers: Vec<_> = (0..READERS).map(|_| gateway.caller()).collect();
    for (number, caller) in callers.iter_mut().enumerate() {
        caller.send(&post("", &stream_body("m", &format!("flood {number}"))));
        caller.wait_for("yyyy");
    }
    // The kernel's buffers fill, then nothing may move.
    let mut last = usize::MAX;
    until("the providers are held back", || {
        let now = sent.load(Ordering::SeqCst);
        let still = now == last;
        last = now;
        std::thread::sleep(Duration::from_millis(300));
        still
    });
    assert!(last < READERS * EVENTS, "{last} events were taken although nobody reads");
    let growth = gateway.resident_bytes().saturating_sub(before);
    assert!(growth < READERS as u64 * GROWTH_MAX, "{growth} bytes for {READERS} slow readers");
    let answer = callers[0].answer();
    assert!(answer.is_complete_stream(), "everything arrives in the end");
    assert_eq!(answer.streamed_content().len(), EVENTS * EVENT_BYTES);
}

fn a_provider_that_stops_taking_a_request_is_replaced(driver: Driver) {
    // More than the kernel's buffers hold; nobody ever accepts.
    const PROMPT_BYTES: usize = 12 << 20;
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}/v1", deaf.local_addr().expect("it is bound"));
    let provider = Provider::start(|_, peer| peer.send(json_answer(200, &completion("taken"))));
    let gateway =
        Setup::new(driver).provider_at("deaf", &url, "idle_timeout_ms = 300").provider("p", &provider, "").start();
    let mut caller = gateway.caller();
    caller.set_patience(Duration::from_secs(120)); // that much is slow to read on a busy machine
    caller.send(&post("", &body("m", &"x".repeat(PROMPT_BYTES))));
    let answer = caller.answer();
    assert_eq!((answer.status, answer.content().as_str()), (200, "taken"), "{}", answer.text());
    assert_eq!(answer.field("x-ringgate-fallback"), Some("timeout"));
    assert!(gateway.stderr.text().contains("stopped taking the request"), "{}", gateway.stderr.text());
}

fn lost_races_with_a_closing_provider_cost_nobody_a_request(driver: Driver) {
    let random = AtomicUsize::new(1);
    let provider = Provider::start(move |seen, peer| {
        echo(seen, peer);
        // Closes now, soon, or right under the next request.
        let number = random.fetch_add(1, Ordering::Relaxed).wrapping_mul(2_654_435_761) >> 7;
        if number.is_multiple_of(2) {
            std::thread::sleep(Duration::from_micros((number % 4000) as u64));
            if number.is_multiple_of(4) { peer.close() } else { peer.reset() }
        }
    });
    let gateway = Setup::new(driver).provider("p", &provider, "").start();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let gateway = &gateway;
            scope.spawn(move || {
                let mut caller = gateway.caller();
                for number in 0..50 {
                    let prompt = format!("r{worker}-{number}");
                    let text = if number % 3 == 0 { stream_body("m", &prompt) } else { body("m", &prompt) };
                    caller.send(&post("", &text));
                    let answer = caller.answer();
                    assert_eq!(answer.status, 200, "{prompt}: {}", answer.text());
                    let said = if number % 3 == 0 { answer.streamed_content() } else { answer.content() };
                    assert_eq!(said, format!("echo {prompt}"));
                    std::thread::sleep(Duration::from_micros(number * 37 % 2500));
                }
            });
        }
    });
    assert_eq!(provider.count(), 200, "no request was answered twice");
}
