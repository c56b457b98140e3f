//! Callers that leave: the provider's work is cancelled, unless somebody still waits for it.

use crate::caller::Caller;
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
use crate::provider::Provider;
use crate::provider::STREAM_HEAD;
use crate::provider::completion;
use crate::provider::delta;
use crate::provider::finish;
use crate::provider::json_answer;
use crate::provider::opening;
use serde_json::Value;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

on_both_drivers! {
    leaving_a_stream_cancels_it,
    leaving_before_the_first_byte_cancels_it,
    a_half_closed_caller_still_gets_its_whole_answer,
    half_close_can_mean_leaving,
    a_caller_that_does_not_read_is_given_up,
    who_left_is_counted_and_logged_once,
}

/// A cancel must be seen by the provider within this.
const PROMPTLY: Duration = Duration::from_secs(2);

/// Tells for each prompt whether the provider saw its connection closed in time.
#[derive(Clone, Default)]
struct Sightings(Arc<Mutex<Vec<(String, bool)>>>);

impl Sightings {
    fn note(&self, prompt: String, closed: bool) {
        self.0.lock().expect("nobody panics under this lock").push((prompt, closed));
    }

    fn of(&self, prompt: &str) -> Option<bool> {
        let all = self.0.lock().expect("nobody panics under this lock");
        all.iter().find(|(seen, _)| seen == prompt).map(|(_, closed)| *closed)
    }

    #[track_caller]
    fn assert_closed(&self, prompt: &str) {
        until(&format!("the provider looked for the end of `{prompt}`"), || self.of(prompt).is_some());
        assert_eq!(self.of(prompt), Some(true), "the provider works on for `{prompt}`, whose caller has left");
    }
}

/// Prompts are `<how far> <anything>`: silent, or streaming some content and then nothing.
fn stalling(sightings: &Sightings) -> Provider {
    let sightings = sightings.clone();
    Provider::start(move |seen, peer| {
        let prompt = seen.prompt();
        if prompt.starts_with("content") {
            peer.send(STREAM_HEAD);
            peer.chunk(format!("{}{}", opening(), delta("some")));
        } else if prompt.starts_with("opening") {
            peer.send(STREAM_HEAD);
            peer.chunk(opening());
        }
        let closed = peer.sees_close(PROMPTLY);
        sightings.note(prompt, closed);
    })
}

fn start(driver: Driver, provider: &Provider, lines: &str) -> Gateway {
    Setup::new(driver)
        .server(lines)
        .provider("p", provider, "")
        .route("*", "\"p\"", "")
        .tables("[request_log]\npath = \"requests.log\"\n")
        .start()
}

#[derive(Clone, Copy, Debug)]
enum Leaving {
    Fin,
    Close,
    Reset,
}

fn leave(caller: Caller, how: Leaving) -> Option<Caller> {
    match how {
        Leaving::Fin => {
            caller.half_close();
            Some(caller)
        }
        Leaving::Close => {
            drop(caller);
            None
        }
        Leaving::Reset => {
            caller.reset();
            None
        }
    }
}

fn leaving_a_stream_cancels_it(driver: Driver) {
    let sightings = Sightings::default();
    let provider = stalling(&sightings);
    let gateway = start(driver, &provider, "");
    std::thread::scope(|scope| {
        for how in [Leaving::Fin, Leaving::Close, Leaving::Reset] {
            let (gateway, sightings) = (&gateway, &sightings);
            scope.spawn(move || {
                let prompt = format!("content {how:?}");
                let mut caller = gateway.caller();
                caller.send(&post("", &stream_body("m", &prompt)));
                caller.wait_for("some");
                let _half = leave(caller, how);
                sightings.assert_closed(&prompt);
            });
        }
    });
    until("the requests are settled", || gateway.metric("ringgate_client_gone_total", &[]) == 3.0);
    assert_eq!(gateway.metric("ringgate_requests_in_flight", &[]), 0.0);
    assert_eq!(gateway.metric("ringgate_streams", &[]), 0.0);
}

fn leaving_before_the_first_byte_cancels_it(driver: Driver) {
    let sightings = Sightings::default();
    let provider = stalling(&sightings);
    let gateway = start(driver, &provider, "");
    std::thread::scope(|scope| {
        for how in [Leaving::Fin, Leaving::Close, Leaving::Reset] {
            for (stage, streamed) in [("silent", true), ("opening", true), ("silent", false)] {
                // What FIN means without a stream is a matter of policy.
                if !streamed && !matches!(how, Leaving::Reset) {
                    continue;
                }
                let (gateway, sightings, provider) = (&gateway, &sightings, &provider);
                scope.spawn(move || {
                    let prompt = format!("{stage} {how:?} {streamed}");
                    let mut caller = gateway.caller();
                    let text = if streamed { stream_body("m", &prompt) } else { body("m", &prompt) };
                    caller.send(&post("", &text));
                    until("the request is upstream", || !provider.seen_with(&prompt).is_empty());
                    let _half = leave(caller, how);
                    sightings.assert_closed(&prompt);
                });
            }
        }
    });
}

fn a_half_closed_caller_still_gets_its_whole_answer(driver: Driver) {
    let gate = Gate::default();
    let inner = gate.clone();
    let provider = Provider::start(move |seen, peer| {
        inner.wait(&seen.prompt());
        peer.send(json_answer(200, &completion("patience")));
    });
    let gateway = start(driver, &provider, "");
    let mut caller = gateway.caller();
    caller.send_and_finish(&post("", &body("m", "half")));
    until("the request is upstream", || provider.count() == 1);
    // Long enough for the look at a silent caller.
    std::thread::sleep(Duration::from_millis(200));
    gate.open("half");
    assert_eq!(caller.answer().content(), "patience");
    assert!(caller.is_closed());
    // Pipelined requests of a caller that has finished are served as well.
    let mut caller = gateway.caller();
    caller.send_and_finish(&[post("", &body("m", "one")), post("", &body("m", "two"))].concat());
    gate.open("one");
    assert_eq!(caller.answer().content(), "patience");
    gate.open("two");
    assert_eq!(caller.answer().content(), "patience");
}

fn half_close_can_mean_leaving(driver: Driver) {
    let sightings = Sightings::default();
    let provider = stalling(&sightings);
    let gateway = start(driver, &provider, "half_close = \"abort\"");
    let mut caller = gateway.caller();
    caller.send_and_finish(&post("", &body("m", "silent fin")));
    sightings.assert_closed("silent fin");
    assert!(caller.is_closed());
}

fn a_caller_that_does_not_read_is_given_up(driver: Driver) {
    let sightings = Sightings::default();
    let noted = sightings.clone();
    let provider = Provider::start(move |seen, peer| {
        peer.send(STREAM_HEAD);
        let long = delta(&"y".repeat(64 * 1024));
        let started = std::time::Instant::now();
        // Until the gateway gives up: its end makes the next write fail.
        while !peer.has_ended() && started.elapsed() < crate::process::PATIENCE {
            peer.chunk(&long);
        }
        noted.note(seen.prompt(), peer.has_ended());
    });
    let gateway = start(driver, &provider, "write_timeout_ms = 300");
    let mut caller = gateway.caller();
    caller.send(&post("", &stream_body("m", "deaf")));
    caller.wait_for("yyyy");
    sightings.assert_closed("deaf");
    until("the request is settled", || gateway.metric("ringgate_client_gone_total", &[]) == 1.0);
    // What is left of the answer is not a complete one.
    assert!(!caller.answer().is_whole);
}

fn who_left_is_counted_and_logged_once(driver: Driver) {
    let sightings = Sightings::default();
    let gate = Gate::default();
    let (noted, inner) = (sightings.clone(), gate.clone());
    let provider = Provider::start(move |seen, peer| {
        if seen.wants_stream() {
            peer.send(STREAM_HEAD);
            peer.chunk(format!("{}{}", opening(), delta("some")));
        }
        if seen.prompt() == "stay" {
            inner.wait("stay");
            peer.chunk(format!("{}{DONE}", finish("stop")));
            return peer.end_chunks();
        }
        let closed = peer.sees_close(PROMPTLY);
        noted.note(seen.prompt(), closed);
    });
    let gateway = start(driver, &provider, "");
    let mut staying = gateway.caller();
    staying.send(&post("x-request-id: staying\r\n", &stream_body("m", "stay")));
    staying.wait_for("some");
    let mut early = gateway.caller();
    early.send(&post("x-request-id: early\r\n", &body("m", "early")));
    until("the early leaver is upstream", || !provider.seen_with("early").is_empty());
    early.reset();
    let mut leaving = gateway.caller();
    leaving.send(&post("x-request-id: leaving\r\n", &stream_body("m", "leave")));
    leaving.wait_for("some");
    leaving.reset();
    sightings.assert_closed("leave");
    gate.open("stay");
    assert!(staying.answer().is_complete_stream(), "others are not touched");
    let log = gateway.directory().join("requests.log");
    let lines = || -> Vec<Value> {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect()
    };
    until("all requests are logged", || lines().len() == 3);
    let of = |id: &str| lines().into_iter().find(|line| line["request_id"] == id).expect("it is logged");
    let (left, stayed) = (of("leaving"), of("staying"));
    assert_eq!((of("early")["outcome"].as_str(), of("early")["status"].as_u64()), (Some("client_gone"), Some(499)));
    assert_eq!((left["outcome"].as_str(), left["client_gone"].as_bool()), (Some("client_gone"), Some(true)), "{left}");
    assert_eq!(left["attempts"].as_array().map(Vec::len), Some(1), "{left}");
    assert_eq!((stayed["outcome"].as_str(), stayed["status"].as_u64()), (Some("ok"), Some(200)), "{stayed}");
    assert_eq!(gateway.metric("ringgate_requests_total", &["client_gone"]), 2.0);
}
