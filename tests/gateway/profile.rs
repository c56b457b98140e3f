//! The strict HTTP/1.1 profile: two readers of one byte stream never see two messages.

use crate::caller::Caller;
use crate::caller::NoAnswer;
use crate::caller::body;
use crate::caller::get;
use crate::caller::post;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Gateway;
use crate::process::Setup;
use crate::provider::Provider;
use crate::provider::completion;
use crate::provider::echo;
use crate::provider::json_answer;
use crate::vectors;
use crate::vectors::BODY_BYTES_MAX;
use crate::vectors::Expected;
use crate::vectors::NONCE;
use crate::vectors::Vector;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

on_both_drivers! {
    every_vector_meets_its_verdict,
    a_slow_head_is_told_so,
    answers_carry_what_http_demands,
    a_request_that_is_cut_short_is_told_so,
    a_cut_request_is_settled,
    probes_read_no_long_bodies,
    what_nobody_can_read_is_refused,
    a_waiting_client_is_invited_to_send_its_body,
    an_unwanted_body_is_not_invited,
    an_early_refusal_is_not_lost_under_an_unread_body,
    head_requests_get_no_body,
    old_clients_get_streams_without_chunks,
    idle_connections_are_closed,
}

/// Growth that no honest parser needs for these vectors.
const RESIDENT_GROWTH_MAX: u64 = 48 << 20;

fn start(driver: Driver, provider: &Provider, lines: &str) -> Gateway {
    Setup::new(driver).server(lines).provider("p", provider, "").start()
}

fn every_vector_meets_its_verdict(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider, &format!("body_bytes_max = {BODY_BYTES_MAX}\nhead_timeout_ms = 600000"));
    let vectors = vectors::all();
    assert!(vectors.len() >= 200, "only {} vectors", vectors.len());
    gateway.ask(&post("", &body("m", "warm")));
    let resident = gateway.resident_bytes();
    let next = AtomicUsize::new(0);
    let failures = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(vector) = vectors.get(number) else { return };
                    if let Err(reason) = play(&gateway, &provider, vector, number) {
                        let shown: String = vector.bytes.escape_ascii().to_string().chars().take(400).collect();
                        let told = format!("#{number} {} {:?}: {reason}\n    {shown}", vector.class, vector.expected);
                        failures.lock().expect("nobody panics under this lock").push(told);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("nobody panics under this lock");
    assert!(failures.is_empty(), "{} of {} vectors:\n{}", failures.len(), vectors.len(), failures.join("\n"));
    let growth = gateway.resident_bytes().saturating_sub(resident);
    assert!(growth < RESIDENT_GROWTH_MAX, "{growth} bytes more than before");
    assert_eq!(gateway.metric("ringgate_panics_total", &[]), 0.0);
}

/// Sends one vector and checks everything that must be true whatever it is.
fn play(gateway: &Gateway, provider: &Provider, vector: &Vector, number: usize) -> Result<(), String> {
    let nonce = format!("n{number:07}");
    let bytes = replaced(&vector.bytes, &nonce);
    let mut caller = gateway.caller();
    // A refusal must not depend on the caller's giving up.
    let finishes = matches!(vector.expected, Expected::Served(_) | Expected::Cut);
    if finishes {
        caller.send_and_finish(&bytes)
    } else {
        caller.send(&bytes)
    }
    let mut statuses = Vec::new();
    loop {
        match caller.next_answer(false) {
            Ok(answer) if !answer.is_whole => return Err(format!("a cut answer after {statuses:?}")),
            Ok(answer) => {
                if answer.status >= 400 {
                    answer.fault();
                }
                statuses.push(answer.status);
            }
            Err(NoAnswer::Closed) => break,
            Err(NoAnswer::Silence) => return Err(format!("{statuses:?} and not closed")),
        }
    }
    let fits = match vector.expected {
        Expected::Refused(allowed) => matches!(statuses[..], [status] if allowed.contains(&status)),
        Expected::Served(wanted) | Expected::ServedThenClosed(wanted) => statuses == wanted,
        Expected::Cut => matches!(statuses[..], [] | [400..=499]),
    };
    if !fits {
        return Err(format!("statuses {statuses:?}"));
    }
    let arrived = provider.seen_with(&nonce);
    let answered = statuses.iter().filter(|status| **status == 200).count();
    if arrived.len() > answered || arrived.iter().any(|seen| seen.text().contains("smuggled")) {
        let shown: Vec<String> = arrived.iter().map(|seen| seen.text()).collect();
        return Err(format!("{answered} good answers, but upstream arrived {shown:?}"));
    }
    let own = format!("fresh-{nonce}");
    let after = gateway.ask(&post("", &body("m", &own)));
    if after.status != 200 || after.content() != format!("echo {own}") {
        return Err(format!("the next request got {}", after.text()));
    }
    Ok(())
}

fn replaced(bytes: &[u8], nonce: &str) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, NONCE.as_bytes()).collect();
    for at in places {
        bytes[at..at + NONCE.len()].copy_from_slice(nonce.as_bytes());
    }
    bytes
}

fn a_slow_head_is_told_so(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider, "head_timeout_ms = 300");
    let mut callers: Vec<Caller> = (0..50).map(|_| gateway.caller()).collect();
    for (number, caller) in callers.iter_mut().enumerate() {
        caller.send(&post("", "{}")[..1 + number]);
    }
    for (number, caller) in callers.iter_mut().enumerate() {
        let answer = caller.answer();
        assert_eq!(answer.status, 408, "{} bytes of a head", 1 + number);
        assert_eq!(answer.fault().code, "request_timeout");
        assert!(caller.is_closed());
    }
    // A trickle must not extend the deadline.
    let mut caller = gateway.caller();
    let started = Instant::now();
    let mut head = post("", "{}").into_iter();
    caller.set_patience(Duration::from_millis(20));
    let answer = loop {
        caller.send(&[head.next().expect("the deadline comes before the head's end")]);
        if let Ok(answer) = caller.next_answer(false) {
            break answer;
        }
        assert!(started.elapsed() < Duration::from_secs(5), "a trickle keeps a head alive");
    };
    assert_eq!(answer.status, 408);
}

fn answers_carry_what_http_demands(driver: Driver) {
    let provider = Provider::start(echo);
    let key = crate::process::key(1);
    let gateway = Setup::new(driver).provider("p", &provider, "").key("k", &key, "").start();
    let bearer = format!("authorization: Bearer {}\r\n", key.secret);
    let asked = [
        (get("/livez", ""), 200),
        (get("/v1/models", &bearer), 200),
        (get("/nowhere", ""), 404),
        (get("/v1/chat/completions", ""), 405),
        (post(&bearer, &body("m", "whole")), 200),
        (post(&bearer, &crate::caller::stream_body("m", "stream")), 200),
        (post(&bearer, "{"), 400),
        (post("", &body("m", "x")), 401),
        (b"nonsense\r\n\r\n".to_vec(), 400),
    ];
    for (request, status) in asked {
        let answer = gateway.ask(&request);
        assert_eq!(answer.status, status, "{}", answer.text());
        let dates = answer.all("date");
        assert!(dates.len() == 1 && httpdate::parse_http_date(dates[0]).is_ok(), "{dates:?}");
        let challenge = (status == 401).then_some("Bearer realm=\"ringgate\"");
        assert_eq!(answer.field("www-authenticate"), challenge);
    }
}

fn a_request_that_is_cut_short_is_told_so(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider, "");
    let whole = post("", &body("m", "x"));
    let chunked = b"POST /v1/responses HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"mod";
    for cut in [&whole[..1], &whole[..40], &whole[..whole.len() - 1], chunked] {
        let mut caller = gateway.caller();
        caller.send_and_finish(cut);
        let answer = caller.answer();
        let told = answer.fault();
        assert_eq!(answer.status, 400, "{}", cut.escape_ascii());
        assert!(told.message.contains("closed before the request was whole"), "{}", told.message);
        assert!(caller.is_closed());
    }
    // Between two requests there is nothing to complain about.
    for sent in [&b""[..], b"\r\n"] {
        let mut caller = gateway.caller();
        caller.send_and_finish(sent);
        assert!(caller.is_closed(), "{}", sent.escape_ascii());
    }
    assert_eq!(provider.count(), 0);
}

fn a_cut_request_is_settled(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider, "");
    let whole = post("", &body("m", "x"));
    let mut caller = gateway.caller();
    caller.send(&whole[..whole.len() - 1]);
    caller.reset();
    crate::process::until("who left is counted", || gateway.metric("ringgate_client_gone_total", &[]) == 1.0);
}

fn probes_read_no_long_bodies(driver: Driver) {
    let provider = Provider::start(echo);
    let key = crate::process::key(1);
    let gateway = Setup::new(driver).provider("p", &provider, "").key("k", &key, "").start();
    for path in ["/livez", "/health", "/readyz"] {
        let mut caller = gateway.caller();
        caller.send(&get(path, "content-length: 30000000\r\n"));
        assert_eq!(caller.answer().status, 413, "before any of it was sent to {path}");
        let mut caller = gateway.caller();
        let chunk = format!("1fff\r\n{}", "x".repeat(0x1fff));
        caller.send(&[get(path, "transfer-encoding: chunked\r\n"), chunk.into_bytes()].concat());
        assert_eq!(caller.answer().status, 413, "{path}");
        let mut caller = gateway.caller();
        caller.send(&[get(path, "content-length: 2\r\n"), b"ok".to_vec(), get(path, "")].concat());
        assert_eq!([caller.answer().status, caller.answer().status], [200, 200], "{path}");
    }
}

fn what_nobody_can_read_is_refused(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider, "");
    let answer = gateway.ask(&post("content-encoding: gzip\r\n", "\x1f"));
    assert_eq!((answer.status, answer.field("connection")), (415, Some("close")));
    assert!(answer.fault().message.contains("Content-Encoding"), "{}", answer.text());
    assert_eq!(gateway.ask(&post("content-encoding: identity\r\n", &body("m", "x"))).status, 200);
    for (number, request) in [post("", ""), post("", &body(&"m".repeat(257), "x"))].iter().enumerate() {
        let told = gateway.ask(request);
        assert_eq!(told.status, 400);
        let says = ["has no body", "longer than 256 bytes"][number];
        assert!(told.fault().message.contains(says), "{}", told.text());
    }
    let form = "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n".to_owned();
    let form = format!("{form}{}\r\n--b--\r\n", "m".repeat(257));
    let kind = "content-type: multipart/form-data; boundary=b\r\n";
    let head =
        format!("POST /v1/audio/transcriptions HTTP/1.1\r\nhost: h\r\n{kind}content-length: {}\r\n\r\n", form.len());
    assert_eq!(gateway.ask(format!("{head}{form}").as_bytes()).fault().param, "model");
    assert_eq!(provider.count(), 1);
}

/// On one driver only, because the grace before a body is judged lasts ten seconds.
#[test]
fn a_slow_body_is_told_so() {
    let provider = Provider::start(echo);
    let gateway = start(Driver::IoUring, &provider, "body_bytes_per_s_min = 1000000000");
    let mut callers = [gateway.caller(), gateway.caller()];
    callers[0].send(&post("", &body("m", "never whole"))[..120]);
    callers[1].send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"mod");
    for caller in &mut callers {
        caller.set_patience(Duration::from_secs(30));
        let answer = caller.answer();
        assert_eq!((answer.status, answer.fault().code.as_str()), (408, "request_timeout"));
        assert!(caller.is_closed());
    }
    assert_eq!(provider.count(), 0);
}

fn a_waiting_client_is_invited_to_send_its_body(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider, "");
    let text = body("m", "patience");
    let mut caller = gateway.caller();
    for framed in [text.clone(), format!("{:x}\r\n{text}\r\n0\r\n\r\n", text.len())] {
        let framing = match framed == text {
            true => format!("content-length: {}", text.len()),
            false => "transfer-encoding: chunked".to_owned(),
        };
        let head =
            format!("POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\n{framing}\r\n\r\n");
        caller.send(head.as_bytes());
        caller.wait_for("HTTP/1.1 100 Continue\r\n\r\n");
        caller.send(framed.as_bytes());
        let answer = caller.answer();
        assert_eq!((answer.interim.as_slice(), answer.status), (&[100][..], 200));
        // A body that is already there needs no invitation.
        caller.send(format!("{head}{framed}").as_bytes());
        let answer = caller.answer();
        assert_eq!((answer.interim.as_slice(), answer.status), (&[][..], 200), "{framing}");
    }
    let seen = provider.seen();
    assert!(seen.iter().all(|seen| seen.field("expect").is_none()));
}

fn an_unwanted_body_is_not_invited(driver: Driver) {
    let provider = Provider::start(echo);
    let key = crate::process::key(1);
    let gateway =
        Setup::new(driver).server("body_bytes_max = 4096").provider("p", &provider, "").key("k", &key, "").start();
    let cases = [
        (String::new(), 100, 401),
        (format!("authorization: Bearer {}\r\n", key.secret), 4097, 413),
        ("authorization: Bearer wrong\r\n".to_owned(), 1_u64 << 40, 401),
    ];
    for (line, length, status) in cases {
        let mut caller = gateway.caller();
        caller.send(
            format!(
                "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\n{line}\
                 content-length: {length}\r\n\r\n"
            )
            .as_bytes(),
        );
        let answer = caller.answer();
        assert_eq!((answer.interim.as_slice(), answer.status), (&[][..], status));
        assert_eq!(answer.field("connection"), Some("close"), "its body may or may not follow: {answer:?}");
    }
    assert_eq!(provider.count(), 0);
}

fn an_early_refusal_is_not_lost_under_an_unread_body(driver: Driver) {
    let provider = Provider::start(echo);
    let key = crate::process::key(1);
    let gateway = Setup::new(driver).provider("p", &provider, "").key("k", &key, "").start();
    // Closing over unread bytes would reset the connection and could take the answer along.
    for size in [10, 10_000, 60_000, 400_000] {
        let mut caller = gateway.caller();
        caller.send(&post("", &format!("\"{}\"", "x".repeat(size))));
        let answer = caller.answer();
        assert_eq!(answer.status, 401, "with a body of {size} bytes");
        assert_eq!(answer.fault().code, "invalid_api_key");
    }
}

fn head_requests_get_no_body(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, &provider, "");
    let paths = [
        ("/livez", 200),
        ("/readyz", 200),
        ("/v1/models", 200),
        ("/v1/models/x", 200),
        ("/nowhere", 404),
        ("/v1/chat/completions", 405),
    ];
    for (path, status) in paths {
        let mut caller = gateway.caller();
        let head = format!("HEAD {path} HTTP/1.1\r\nhost: h\r\n\r\n");
        caller.send_and_finish(&[head.as_bytes(), &get("/livez", "")].concat());
        let first = caller.answer_to_head();
        assert_eq!(first.status, status, "HEAD {path}");
        let second = caller.answer();
        assert_eq!((second.status, second.text().as_str()), (200, "ok\n"), "what follows HEAD {path}");
        let same = gateway.ask(&get(path, ""));
        assert_eq!(same.field("content-length"), first.field("content-length"), "GET and HEAD {path}");
    }
}

fn old_clients_get_streams_without_chunks(driver: Driver) {
    let provider = Provider::start(|seen, peer| {
        echo(seen, peer);
        if seen.prompt() == "break" {
            peer.close();
        }
    });
    let gateway = start(driver, &provider, "");
    let request = String::from_utf8(post("", &crate::caller::stream_body("m", "old"))).expect("ASCII");
    let answer = gateway.ask(request.replacen("HTTP/1.1", "HTTP/1.0", 1).as_bytes());
    assert_eq!((answer.status, answer.field("transfer-encoding")), (200, None));
    assert_eq!(answer.field("connection"), Some("close"));
    assert_eq!(answer.streamed_content(), "echo old");
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
}

fn idle_connections_are_closed(driver: Driver) {
    let provider = Provider::start(|_, peer| peer.send(json_answer(200, &completion("x"))));
    let gateway = start(driver, &provider, "keep_alive_timeout_ms = 200");
    let mut never_used = gateway.caller();
    let mut used = gateway.caller();
    used.send(&post("", &body("m", "x")));
    assert_eq!(used.answer().status, 200);
    assert!(used.is_closed() && never_used.is_closed());
}
