//! Several keys at one provider: whose turn it is, what a refusal does to a key, and that no key is ever
//! shown.

use crate::caller::Answer;
use crate::caller::body;
use crate::caller::get;
use crate::caller::post;
use crate::caller::post_to;
use crate::caller::stream_body;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Gateway;
use crate::process::Setup;
use crate::process::until;
use crate::provider::Gate;
use crate::provider::Peer;
use crate::provider::Provider;
use crate::provider::STREAM_HEAD;
use crate::provider::Seen;
use crate::provider::answer;
use crate::provider::delta;
use crate::provider::echo;
use crate::provider::json_answer;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

on_both_drivers! {
    requests_are_spread_over_the_keys,
    a_limited_key_rests_while_another_serves,
    a_rejected_key_is_left_alone_until_it_works_again,
    a_key_is_known_by_what_was_said_in_the_answer,
    the_next_key_comes_before_the_next_target,
    when_no_key_is_left_the_caller_learns_whether_to_wait,
    the_only_key_is_used_whatever_was_said_about_it,
    keys_are_kept_to_their_models,
    other_formats_say_the_same_about_keys,
    calls_that_pass_unread_keep_to_one_key_while_it_works,
    a_conversation_keeps_to_the_key_that_it_began_with,
    a_key_that_is_quoted_in_the_middle_of_a_stream_is_taken_out,
    a_reload_forgets_nothing_about_a_key,
}

/// What stands for the first, second and third key.
const SECRETS: [&str; 3] = ["first-secret-2c91", "second-secret-77ab", "third-secret-e04d"];

/// Which of the keys a request came with.
fn number(seen: &Seen) -> usize {
    let bearer = seen.field("authorization").map(|value| value.strip_prefix("Bearer ").unwrap_or_default().to_owned());
    let presented = bearer.or_else(|| seen.field("x-goog-api-key")).expect("a credential");
    SECRETS.iter().position(|secret| presented == *secret).expect("one of the keys, whole")
}

/// A folder with the keys in files, as the environment of a test is everybody's.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for (number, secret) in SECRETS.iter().enumerate() {
        std::fs::write(folder.path().join(number.to_string()), secret).expect("the key is written");
    }
    folder
}

/// `api_keys` of the first keys with these further fields each.
fn listed(folder: &Path, fields: &[&str]) -> String {
    let file = |number: usize| folder.join(number.to_string()).display().to_string();
    let keys =
        fields.iter().enumerate().map(|(number, fields)| format!("{{ key = \"file:{}\"{fields} }}", file(number)));
    format!("api_keys = [{}]\n", keys.collect::<Vec<_>>().join(", "))
}

/// The first key is drawn practically always while it is fit.
const FIRST: &[&str] = &[", name = \"one\", weight = 1000000", ", name = \"two\""];

/// Refuses the keys for which `refuses` has an answer, and echoes otherwise.
fn provider(refuses: impl Fn(usize, &Seen) -> Option<String> + Send + Sync + 'static) -> Provider {
    Provider::start(move |seen: &Seen, peer: &mut Peer| match refuses(number(seen), seen) {
        Some(refusal) => peer.send(refusal),
        None => echo(seen, peer),
    })
}

fn refusal(status: u16, lines: &str) -> String {
    let text = format!(r#"{{"error":{{"message":"no to {}","type":"t","param":null,"code":null}}}}"#, SECRETS[0]);
    answer(status, "application/json", lines, &text)
}

fn count(provider: &Provider, key: usize) -> usize {
    provider.seen().iter().filter(|seen| number(seen) == key).count()
}

fn ask(gateway: &Gateway) -> Answer {
    let answer = gateway.ask(&post("", &body("m", "x")));
    let told = format!("{:?}{}", answer.fields, answer.text());
    SECRETS.iter().for_each(|secret| assert!(!told.contains(secret), "{told}"));
    answer
}

fn assert_no_key_is_shown(gateway: &Gateway) {
    let log = std::fs::read_to_string(gateway.directory().join("requests.jsonl")).unwrap_or_default();
    for told in [gateway.stderr.text(), gateway.admin("/metrics").text(), log] {
        SECRETS.iter().for_each(|secret| assert!(!told.contains(secret), "{told}"));
    }
}

fn requests_are_spread_over_the_keys(driver: Driver) {
    let (folder, provider) = (folder(), provider(|_, _| None));
    let lines = listed(folder.path(), &["", ", weight = 2", ""]);
    let gateway = Setup::new(driver).provider("p", &provider, &lines).start();
    for _ in 0..120 {
        assert_eq!(ask(&gateway).status, 200);
    }
    let counts = [0, 1, 2].map(|key| count(&provider, key));
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    let served = |name: &str| gateway.metric("ringgate_api_key_attempts_total", &["\"p\"", name, "outcome=\"ok\""]);
    let all = || ["\"key-1\"", "\"key-2\"", "\"key-3\""].map(served);
    until("all are counted", || all() == counts.map(|count| count as f64));
}

fn a_limited_key_rests_while_another_serves(driver: Driver) {
    let folder = folder();
    let provider = provider(|key, _| (key == 0).then(|| refusal(429, "retry-after: 30\r\n")));
    let log = "[request_log]\npath = \"requests.jsonl\"\n";
    let setup = Setup::new(driver).provider("p", &provider, &listed(folder.path(), FIRST)).tables(log);
    let gateway = setup.start();
    for turn in 0..8 {
        let text = if turn % 2 == 0 { body("m", "x") } else { stream_body("m", "x") };
        let answer = gateway.ask(&post("", &text));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let (attempts, fallback) = if turn == 0 { ("2", Some("rate_limited")) } else { ("1", None) };
        assert_eq!(answer.field("x-ringgate-attempts"), Some(attempts), "{turn}");
        assert_eq!(answer.field("x-ringgate-fallback"), fallback);
    }
    assert_eq!((count(&provider, 0), count(&provider, 1)), (1, 8), "all shards know");
    let metric = |name: &str, labels: &[&str]| gateway.metric(name, labels);
    until("all are counted", || metric("ringgate_api_key_attempts_total", &["\"two\"", "outcome=\"ok\""]) == 8.0);
    assert_eq!(metric("ringgate_api_key_setbacks_total", &["\"one\"", "reason=\"limited\""]), 1.0);
    gateway.stderr.wait_for("a provider's key is avoided provider=p api_key=one reason=limited seconds=30", "");
    let lines = || std::fs::read_to_string(gateway.directory().join("requests.jsonl")).unwrap_or_default();
    until("the request log is written", || lines().lines().count() == 8);
    let first: serde_json::Value = serde_json::from_str(lines().lines().next().expect("a line")).expect("JSON");
    assert_eq!((&first["api_key"], &first["attempts"][0]["api_key"]), (&"two".into(), &"one".into()));
    assert_no_key_is_shown(&gateway);
}

fn a_rejected_key_is_left_alone_until_it_works_again(driver: Driver) {
    for status in [401, 402, 403] {
        let (folder, broken) = (folder(), Arc::new(AtomicBool::new(true)));
        let is_broken = Arc::clone(&broken);
        let provider =
            provider(move |key, _| (key == 0 && is_broken.load(Ordering::SeqCst)).then(|| refusal(status, "")));
        let lines = format!("rejected_key_retry_ms = 400\n{}", listed(folder.path(), FIRST));
        let gateway = Setup::new(driver).provider("p", &provider, &lines).start();
        assert_eq!(ask(&gateway).field("x-ringgate-fallback"), Some("client_error"), "{status}");
        assert_eq!(ask(&gateway).field("x-ringgate-attempts"), Some("1"), "{status}");
        // It is tried again now and then, which no caller notices.
        until("it is tried again", || {
            assert_eq!(ask(&gateway).status, 200);
            count(&provider, 0) >= 2
        });
        broken.store(false, Ordering::SeqCst);
        let before = count(&provider, 0);
        until("it serves again", || {
            assert_eq!(ask(&gateway).status, 200);
            count(&provider, 0) >= before + 3
        });
        assert_no_key_is_shown(&gateway);
    }
}

fn a_key_is_known_by_what_was_said_in_the_answer(driver: Driver) {
    let folder = folder();
    let provider = provider(|key, seen| {
        let error = r#"{"error":{"message":"slow down","code":429}}"#;
        let stream = answer(200, "text/event-stream", "", &format!("data: {error}\n\n"));
        (key == 0).then(|| if seen.wants_stream() { stream } else { answer(200, "application/json", "", error) })
    });
    for text in [body("m", "x"), stream_body("m", "x")] {
        let before = count(&provider, 0);
        let gateway = Setup::new(driver).provider("p", &provider, &listed(folder.path(), FIRST)).start();
        for _ in 0..4 {
            assert_eq!(gateway.ask(&post("", &text)).status, 200);
        }
        assert_eq!(count(&provider, 0), before + 1);
    }
}

fn the_next_key_comes_before_the_next_target(driver: Driver) {
    let folder = folder();
    let limited = provider(|_, _| Some(refusal(429, "")));
    let failing = Provider::start(|_, peer| peer.send(refusal(500, "")));
    let last = Provider::start(echo);
    let keys = listed(folder.path(), &["", ""]);
    let setup = Setup::new(driver).provider("limited", &limited, &keys).provider("failing", &failing, &keys);
    let gateway = setup.provider("last", &last, "").start();
    let answer = ask(&gateway);
    assert_eq!((answer.status, answer.field("x-ringgate-provider")), (200, Some("last")));
    assert_eq!(answer.field("x-ringgate-attempts"), Some("4"));
    assert_eq!([0, 1].map(|key| count(&limited, key)), [1, 1], "each key once");
    assert_eq!(failing.count(), 1, "a failure of the provider itself is no reason to try its other key");
    assert_eq!(last.count(), 1);
}

fn when_no_key_is_left_the_caller_learns_whether_to_wait(driver: Driver) {
    let folder = folder();
    let keys = listed(folder.path(), &["", "", ""]);
    let waits = ["retry-after: 50\r\n", "retry-after: 20\r\n", "x-ratelimit-reset-tokens: 35s\r\n"];
    let limited = provider(move |key, _| Some(refusal(429, waits[key])));
    let rejecting = provider(|key, _| Some(refusal([401, 402, 403][key], "")));
    let mixed = provider(|key, _| Some(if key == 1 { refusal(429, "retry-after: 9\r\n") } else { refusal(401, "") }));
    for (provider, status, code, wait) in [
        (&limited, 429, "rate_limit_exceeded", Some(20)),
        (&rejecting, 502, "upstream_error", None),
        (&mixed, 429, "rate_limit_exceeded", Some(9)),
    ] {
        let gateway = Setup::new(driver).provider("p", provider, &keys).start();
        for turn in 0..2 {
            let answer = ask(&gateway);
            assert_eq!(answer.status, status, "{}", answer.text());
            // The words of the limit are the provider's; its code is not always said.
            let fault = answer.json();
            assert!(turn == 1 || answer.text().contains("(3 keys were tried)"), "{fault}");
            assert!(fault["error"]["code"] == code || fault["error"]["code"].is_null(), "{fault}");
            let told = answer.field("retry-after").and_then(|value| value.parse::<u64>().ok());
            assert!(told == wait || turn == 1 && told < wait && told.is_some(), "{told:?} for {wait:?}");
        }
        // The first request tries all of them, the second only the one that returns first.
        assert_eq!(provider.count(), 4);
        assert_no_key_is_shown(&gateway);
    }
}

fn the_only_key_is_used_whatever_was_said_about_it(driver: Driver) {
    let folder = folder();
    let provider = provider(|_, seen| match seen.prompt().as_str() {
        "x" => None,
        status => Some(refusal(status.parse().expect("a status"), "retry-after: 600\r\n")),
    });
    let gateway = Setup::new(driver).provider("p", &provider, &listed(folder.path(), &[""])).start();
    for (asked, told) in [("401", 502), ("402", 502), ("403", 403), ("429", 429)] {
        assert_eq!(gateway.ask(&post("", &body("m", asked))).status, told);
        assert_eq!(ask(&gateway).status, 200, "after {asked}");
    }
    assert_eq!(provider.count(), 8);
}

fn other_formats_say_the_same_about_keys(driver: Driver) {
    const LIMITED: &str = r#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7.5s"}]}}"#;
    const INVALID: &str = r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#;
    const WHOLE: &str = r#"{"candidates":[{"content":{"parts":[{"text":"fine"}],"role":"model"},"finishReason":"STOP"}],"modelVersion":"m","responseId":"r"}"#;
    for (status, refusal, noted) in [(429, LIMITED, "limited seconds=7.5"), (400, INVALID, "rejected seconds=60")] {
        let folder = folder();
        let provider = Provider::start(move |seen, peer| {
            let refused = answer(status, "application/json", "", refusal);
            peer.send(if number(seen) == 0 { refused } else { answer(200, "application/json", "", WHOLE) });
        });
        let (url, keys) = (format!("http://{}", provider.address), listed(folder.path(), FIRST));
        let tables = format!("[[providers]]\nname = \"p\"\nkind = \"gemini\"\nbase_url = \"{url}\"\n{keys}");
        let gateway = Setup::new(driver).tables(&tables).route("*", "\"p\"", "cache = { exact = false }").start();
        for _ in 0..4 {
            let answer = ask(&gateway);
            assert_eq!((answer.status, answer.content().as_str()), (200, "fine"), "{}", answer.text());
        }
        assert_eq!([0, 1].map(|key| count(&provider, key)), [1, 4]);
        gateway.stderr.wait_for(&format!("a provider's key is avoided provider=p api_key=one reason={noted}"), "");
        assert_no_key_is_shown(&gateway);
    }
}

fn calls_that_pass_unread_keep_to_one_key_while_it_works(driver: Driver) {
    let (folder, revoked) = (folder(), Arc::new(AtomicBool::new(false)));
    let is_revoked = Arc::clone(&revoked);
    let provider = Provider::start_at_any_path(move |seen, peer| {
        let refused = is_revoked.load(Ordering::SeqCst) && number(seen) == 0;
        let list = answer(200, "application/json", "", r#"{"object":"list","data":[]}"#);
        peer.send(if refused { refusal(401, "") } else { list });
    });
    let keys = listed(folder.path(), &["", "", ""]);
    let gateway = Setup::new(driver).provider("p", &provider, &format!("kind = \"openai\"\n{keys}")).start();
    let call = || gateway.ask(&get("/v1/files", ""));
    for _ in 0..6 {
        assert_eq!(call().status, 200);
    }
    assert_eq!([0, 1, 2].map(|key| count(&provider, key)), [6, 0, 0], "what one key made the others may not find");
    revoked.store(true, Ordering::SeqCst);
    let told = call();
    assert_eq!(told.status, 502, "{}", told.text());
    assert!(!told.text().contains(SECRETS[0]), "{}", told.text());
    assert_eq!(call().status, 200, "the next call knows");
    assert_eq!([0, 1, 2].map(|key| count(&provider, key)), [7, 1, 0]);
    assert_no_key_is_shown(&gateway);
}

fn a_conversation_keeps_to_the_key_that_it_began_with(driver: Driver) {
    let (folder, limited) = (folder(), Arc::new(AtomicBool::new(false)));
    let is_limited = Arc::clone(&limited);
    let provider = Provider::start_at_any_path(move |seen, peer| {
        if is_limited.load(Ordering::SeqCst) {
            return peer.send(refusal(429, "retry-after: 1\r\n"));
        }
        let response = r#"{"id":"resp_of_KEY","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"x","annotations":[]}]}]}"#;
        peer.send(json_answer(200, &response.replace("KEY", &number(seen).to_string())));
    });
    let keys = listed(folder.path(), &["", "", ""]);
    let lines = format!("also_speaks = [\"openai_responses\"]\n{keys}");
    let gateway = Setup::new(driver).provider("p", &provider, &lines).start();
    let say =
        |fields: &str| gateway.ask(&post_to("/v1/responses", "", &format!(r#"{{"model":"m","input":"x"{fields}}}"#)));
    let mut begun: Vec<String> =
        (0..60).map(|_| say(r#","store":true"#).json()["id"].as_str().expect("an id").to_owned()).collect();
    begun.sort_unstable();
    begun.dedup();
    assert_eq!(begun, ["resp_of_0", "resp_of_1", "resp_of_2"]);
    for id in &begun {
        for turn in 0..8 {
            let next = say(&format!(r#","previous_response_id":"{id}","metadata":{{"turn":"{turn}"}}"#));
            assert_eq!((next.status, next.json()["id"].as_str()), (200, Some(id.as_str())), "the same key");
        }
        let read = gateway.ask(&get(&format!("/v1/responses/{id}"), ""));
        assert_eq!(read.json()["id"].as_str(), Some(id.as_str()), "also where it is only read");
    }
    limited.store(true, Ordering::SeqCst);
    let count = provider.count();
    let told = say(r#","previous_response_id":"resp_of_1""#);
    assert_eq!((told.status, provider.count()), (429, count + 1), "no other key is asked: {}", told.text());
    assert_no_key_is_shown(&gateway);
}

fn a_key_that_is_quoted_in_the_middle_of_a_stream_is_taken_out(driver: Driver) {
    let (folder, gate) = (folder(), Gate::default());
    let waits = gate.clone();
    let provider = Provider::start(move |_, peer| {
        peer.send(STREAM_HEAD);
        peer.chunk(delta("so far"));
        waits.wait("heard");
        let error = format!(r#"{{"message":"{} is over","type":"t","code":"{}"}}"#, SECRETS[0], SECRETS[0]);
        peer.chunk(format!("data: {{\"error\":{error}}}\n\n"));
        peer.end_chunks();
    });
    let gateway = Setup::new(driver).provider("p", &provider, &listed(folder.path(), &[""])).start();
    let mut caller = gateway.caller();
    caller.send(&post("", &stream_body("m", "x")));
    caller.wait_for("so far");
    gate.open("heard");
    let told = caller.answer().text();
    assert!(told.contains("so far") && told.contains("[key] is over") && !told.contains(SECRETS[0]), "{told}");
    assert_no_key_is_shown(&gateway);
}

fn keys_are_kept_to_their_models(driver: Driver) {
    let (folder, provider) = (folder(), provider(|_, _| None));
    let lines = listed(folder.path(), &[", models = [\"large\"]", ", models = [\"small-*\"]"]);
    let gateway = Setup::new(driver).provider("p", &provider, &lines).start();
    for (model, key) in [("large", 0), ("small-1", 1), ("p/large", 0), ("small-2", 1)] {
        assert_eq!(gateway.ask(&post("", &body(model, "x"))).status, 200);
        assert_eq!(number(provider.seen().last().expect("it arrived")), key, "{model}");
    }
    let answer = gateway.ask(&post("", &body("medium", "x")));
    assert_eq!(answer.status, 404);
    assert!(
        answer.text().contains("no key of the provider `p` may be used for the model `medium`"),
        "{}",
        answer.text()
    );
    assert_eq!(provider.count(), 4);
}

fn a_reload_forgets_nothing_about_a_key(driver: Driver) {
    let folder = folder();
    let provider = provider(|key, _| (key == 0).then(|| refusal(401, "")));
    let setup = || Setup::new(driver);
    let gateway = setup().provider("p", &provider, &listed(folder.path(), FIRST)).start();
    assert_eq!(ask(&gateway).status, 200);
    assert_eq!(count(&provider, 0), 1);
    let renamed = FIRST.iter().map(|fields| fields.replace("one", "renamed")).collect::<Vec<_>>();
    let renamed: Vec<&str> = renamed.iter().map(String::as_str).collect();
    let text = setup().provider("p", &provider, &listed(folder.path(), &renamed)).text();
    gateway.reload(&text);
    gateway.stderr.wait_for("configuration reloaded", "");
    for _ in 0..6 {
        assert_eq!(ask(&gateway).status, 200);
    }
    assert_eq!(count(&provider, 0), 1, "it is as revoked as before");
}
