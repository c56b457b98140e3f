//! Start, reload, drain and stop, and what an operator sees meanwhile.

use crate::caller::body;
use crate::caller::get;
use crate::caller::post;
use crate::caller::stream_body;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Setup;
use crate::process::key;
use crate::process::run;
use crate::process::until;
use crate::provider::DONE;
use crate::provider::Gate;
use crate::provider::Provider;
use crate::provider::STREAM_HEAD;
use crate::provider::delta;
use crate::provider::echo;
use crate::provider::finish;
use crate::provider::opening;
use serde_json::Value;
use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;

on_both_drivers! {
    the_kernel_interface_is_the_one_asked_for,
    probes_answer_on_both_listeners,
    metrics_are_prometheus_text,
    every_request_is_one_json_line,
    bodies_are_written_where_they_are_wanted,
    a_reload_takes_effect_whole_or_not_at_all,
    a_reload_hands_out_no_fresh_burst,
    reloads_under_load_fail_nobody,
    a_drain_lets_streams_finish,
    a_drain_past_its_deadline_says_so,
    a_full_shard_says_so,
}

fn bearer(number: u8) -> String {
    format!("authorization: Bearer {}\r\n", key(number).secret)
}

fn the_kernel_interface_is_the_one_asked_for(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = Setup::new(driver).provider("p", &provider, "").start();
    assert_eq!(gateway.ask(&post("", &body("m", "x"))).status, 200);
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", gateway.pid()));
    // A process that forbids dumps hides its descriptors from everybody but root.
    let label = if driver == Driver::IoUring { "io_uring" } else { "epoll" };
    let targets: Vec<String> = descriptors
        .map(|entries| {
            let link = |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_link(entry.ok()?.path()).ok();
            entries.filter_map(link).map(|target| target.display().to_string()).collect()
        })
        .unwrap_or_default();
    if targets.is_empty() {
        eprintln!("the gateway's descriptors cannot be seen by this user; believing its own words");
    } else {
        let rings = targets.iter().filter(|target| target.contains("io_uring")).count();
        assert_eq!(rings, if driver == Driver::IoUring { 2 } else { 0 }, "one ring per shard, or none: {targets:?}");
    }
    assert_eq!(gateway.metric("ringgate_io_driver_info", &[label]), 1.0);
    assert!(gateway.stderr.text().contains(&format!("driver={label}")), "{}", gateway.stderr.text());
}

fn probes_answer_on_both_listeners(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = Setup::new(driver).provider("p", &provider, "").key("k", &key(1), "").start();
    for path in ["/livez", "/health"] {
        assert_eq!(gateway.ask(&get(path, "")).text(), "ok\n", "{path} needs no key");
        assert_eq!(gateway.admin(path).text(), "ok\n");
    }
    assert_eq!(gateway.ask(&get("/readyz", "")).text(), "ready\n");
    let ready = gateway.admin("/readyz");
    assert!(ready.status == 200 && ready.text().starts_with("ready\n"), "{}", ready.text());
    assert_eq!(gateway.ask(&get("/metrics", &bearer(1))).status, 404, "metrics are for the admin listener only");
    assert_eq!(gateway.admin("/v1/models").status, 404);
    for method in ["POST", "DELETE", "OPTIONS"] {
        let refused = gateway.admin_by(method, "/metrics");
        assert_eq!((refused.status, refused.field("allow")), (405, Some("GET, HEAD")), "{method}");
    }
}

/// Reads the text format strictly; gives the series.
#[track_caller]
fn parse_metrics(text: &str) -> HashMap<String, f64> {
    let mut kinds: HashMap<&str, &str> = HashMap::new();
    let mut series = HashMap::new();
    assert!(text.ends_with('\n'), "the last line ends");
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (keyword, name, rest) = (words.next(), words.next().expect("a name"), words.next().unwrap_or_default());
            match keyword {
                Some("TYPE") => {
                    assert!(["counter", "gauge", "histogram"].contains(&rest), "{line}");
                    assert!(kinds.insert(name, rest).is_none(), "{name} is described twice");
                }
                Some("HELP") => assert!(!rest.is_empty(), "{line}"),
                _ => panic!("an unknown comment: {line}"),
            }
            continue;
        }
        let (name_and_labels, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("not a sample: {line}"));
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("not a value: {line}"));
        let name = name_and_labels.split('{').next().unwrap_or_default();
        assert!(
            name.starts_with("ringgate_") && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
            "{line}"
        );
        let suffixes = ["", "_bucket", "_sum", "_count"];
        let base = suffixes.iter().filter_map(|suffix| name.strip_suffix(suffix)).find_map(|base| kinds.get(base));
        let kind = base.unwrap_or_else(|| panic!("{name} is not described before it stands: {line}"));
        if let Some(labels) = name_and_labels.strip_prefix(name).filter(|labels| !labels.is_empty()) {
            let inside = labels.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            let inside = inside.unwrap_or_else(|| panic!("bad labels: {line}"));
            for label in inside.split("\",") {
                assert!(label.contains("=\""), "bad label: {line}");
            }
        }
        assert!(*kind == "gauge" || value >= 0.0, "{line}");
        assert!(series.insert(name_and_labels.to_owned(), value).is_none(), "twice: {line}");
    }
    series
}

fn metrics_are_prometheus_text(driver: Driver) {
    let provider = Provider::start(echo);
    let price =
        "[[prices]]\nprovider = \"p\"\nmodel = \"*\"\ninput_usd_per_mtok = 1000.0\noutput_usd_per_mtok = 2000.0\n";
    let gateway = Setup::new(driver).provider("p", &provider, "").key("k", &key(1), "").tables(price).start();
    // A model's name is a caller's text: it must not be able to end a label or a line.
    for model in ["m", "evil\\\"} 1\\nringgate_evil 1", "caf\u{e9}"] {
        assert_eq!(gateway.ask(&post(&bearer(1), &body(model, "x"))).status, 200);
    }
    let priced = gateway.ask(&post(&bearer(1), &body("m", "x")));
    assert_eq!(priced.field("x-ringgate-cost-usd"), Some("0.017"), "7 tokens in, 5 out");
    assert!(gateway.ask(&post(&bearer(1), &stream_body("m", "x"))).is_complete_stream());
    assert_eq!(gateway.ask(&post("", &body("m", "x"))).status, 401);
    until("all are settled", || gateway.metric("ringgate_requests_in_flight", &[]) == 0.0);
    let answer = gateway.admin("/metrics");
    assert_eq!(answer.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let series = parse_metrics(&answer.text());
    assert!(!series.contains_key("ringgate_evil"), "a caller wrote a metric");
    let sum = |name: &str, labels: &[&str]| -> f64 {
        let fits = |key: &&String| key.starts_with(name) && labels.iter().all(|label| key.contains(label));
        series.keys().filter(fits).map(|key| series[key]).sum()
    };
    assert_eq!(sum("ringgate_requests_total{", &["outcome=\"ok\""]), 5.0);
    assert_eq!(sum("ringgate_requests_total{", &["outcome=\"client_error\""]), 1.0);
    assert_eq!(sum("ringgate_upstream_attempts_total{", &["provider=\"p\"", "outcome=\"ok\""]), 5.0);
    assert_eq!(sum("ringgate_tokens_total{", &["direction=\"input\""]), 35.0);
    assert_eq!(sum("ringgate_tokens_total{", &["direction=\"output\""]), 25.0);
    assert!((sum("ringgate_cost_usd_total{", &[]) - 0.085).abs() < 1e-9);
    assert_eq!(sum("ringgate_faults_total{", &["kind=\"invalid_key\""]), 1.0);
    assert_eq!(sum("ringgate_request_duration_seconds_count", &["provider=\"p\""]), 5.0);
    assert_eq!(sum("ringgate_time_to_first_token_seconds_count", &[]), 1.0);
    assert_eq!(sum("ringgate_streams_total", &[]), 1.0);
    assert!(sum("ringgate_stream_events_total", &[]) >= 4.0);
    assert!(sum("ringgate_connections_total{", &[]) >= 6.0);
    assert_eq!(sum("ringgate_panics_total", &[]), 0.0);
    assert!(sum("ringgate_resident_memory_bytes", &[]) > 1e6);
    assert!(sum("ringgate_start_time_seconds", &[]) > 1.7e9);
    let documented = documented_names();
    for line in answer.text().lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap_or_default();
        assert!(documented.contains(&name), "{name} is exported and not documented");
    }
}

fn documented_names() -> Vec<&'static str> {
    let table = include_str!("../../docs/metrics.md");
    table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect()
}

fn every_request_is_one_json_line(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = Setup::new(driver)
        .provider("p", &provider, "")
        .key("k", &key(1), "")
        .tables("[request_log]\npath = \"requests.log\"\n")
        .start();
    let asks: [(&str, Vec<u8>, u16); 6] = [
        ("whole", post(&format!("{}x-request-id: whole\r\n", bearer(1)), &body("m", "x")), 200),
        ("stream", post(&format!("{}x-request-id: stream\r\n", bearer(1)), &stream_body("m", "x")), 200),
        ("quotes", post(&format!("{}x-request-id: quotes\r\n", bearer(1)), &body("a\\\"b\\nc\\u0000", "x")), 200),
        ("nokey", post("x-request-id: nokey\r\n", &body("m", "x")), 401),
        ("broken", post(&format!("{}x-request-id: broken\r\n", bearer(1)), "{"), 400),
        ("nowhere", get("/nowhere", "x-request-id: nowhere\r\n"), 404),
    ];
    for (name, request, status) in &asks {
        assert_eq!(gateway.ask(request).status, *status, "{name}");
    }
    let path = gateway.directory().join("requests.log");
    until("six lines are written", || std::fs::read_to_string(&path).is_ok_and(|text| text.lines().count() >= 6));
    let text = std::fs::read_to_string(&path).expect("the log is there");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let columns: Vec<&String> = lines[0].as_object().expect("an object").keys().collect();
    assert_eq!(lines.len(), 6);
    // Two shards write one log, so the order is not the callers'.
    let of = |name: &str| {
        let found = lines.iter().find(|line| line["request_id"] == name);
        found.unwrap_or_else(|| panic!("{name} is not logged: {text}"))
    };
    for (name, _, status) in &asks {
        let line = of(name);
        assert_eq!(line.as_object().expect("an object").keys().collect::<Vec<_>>(), columns, "the same columns");
        assert_eq!(line["status"].as_u64(), Some(u64::from(*status)), "{line}");
        assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z') && time.starts_with("20")), "{line}");
        assert!(line["total_ms"].as_f64() >= line["upstream_ms"].as_f64(), "{line}");
    }
    let (whole, stream, quotes) = (of("whole"), of("stream"), of("quotes"));
    assert_eq!(
        (whole["key"].as_str(), whole["provider"].as_str(), whole["model"].as_str()),
        (Some("k"), Some("p"), Some("m"))
    );
    assert_eq!((whole["input_tokens"].as_u64(), whole["output_tokens"].as_u64()), (Some(7), Some(5)));
    assert_eq!(whole["attempts"].as_array().map(Vec::len), Some(1));
    assert_eq!((stream["stream"].as_bool(), stream["input_tokens"].as_u64()), (Some(true), Some(7)));
    assert!(stream["first_token_ms"].is_number(), "{stream}");
    assert_eq!(quotes["requested_model"], "a\"b\nc\0");
    assert_eq!(of("nokey")["key"], "", "nobody in particular");
    assert_eq!(of("broken")["fault"]["kind"], "bad_request");
}

fn bodies_are_written_where_they_are_wanted(driver: Driver) {
    let provider = Provider::start(echo);
    let log = "[request_log]\npath = \"requests.log\"\nbodies = true\n";
    let gateway = Setup::new(driver).provider("p", &provider, "").tables(log).start();
    for text in [body("m", "x"), stream_body("m", "x")] {
        assert_eq!(gateway.ask(&post("", &text)).status, 200);
    }
    let path = gateway.directory().join("requests.log");
    until("two lines are written", || std::fs::read_to_string(&path).is_ok_and(|text| text.lines().count() >= 2));
    let text = std::fs::read_to_string(&path).expect("the log is there");
    for line in text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a JSON line")) {
        assert!(line["request_body"].as_str().is_some_and(|body| body.contains("\"x\"")), "{line}");
        assert!(line["answer_body"].as_str().is_some_and(|body| body.contains("echo")), "nobody caches it: {line}");
    }
    let mode = std::fs::metadata(&path).expect("the log is there").permissions().mode();
    assert_eq!(mode & 0o007, 0, "what users typed is not for everybody on the machine: {mode:o}");
}

fn a_reload_takes_effect_whole_or_not_at_all(driver: Driver) {
    let (first, second) = (Provider::start(echo), Provider::start(echo));
    let base = |key_number: u8, provider: &Provider| {
        Setup::new(driver).provider("p", provider, "").key("k", &key(key_number), "").text()
    };
    let gateway = Setup::new(driver).provider("p", &first, "").key("k", &key(1), "").start();
    let status = |number: u8| gateway.ask(&post(&bearer(number), &body("m", "x"))).status;
    assert_eq!((status(1), status(2)), (200, 401));
    let mut kept = gateway.caller();
    kept.send(&post(&bearer(1), &body("m", "x")));
    assert_eq!(kept.answer().status, 200);
    gateway.reload(&base(2, &second));
    gateway.stderr.wait_for("configuration reloaded", "");
    // Every shard must know, so more than one connection is tried.
    for _ in 0..8 {
        assert_eq!((status(1), status(2)), (401, 200), "the new key works and the old one does not");
    }
    kept.send(&post(&bearer(1), &body("m", "x")));
    assert_eq!(kept.answer().status, 401, "open connections have no old rights");
    assert_eq!((first.count(), second.count()), (2, 8), "and the new provider is asked");
    let bad = [
        "[server\n".to_owned(),
        base(3, &first).replace("[server]", "[server]\nnonsense = 1"),
        base(3, &first).replace("targets = [\"p\"]", "targets = [\"q\"]"),
        base(3, &first).replace("env:CANARY_PROVIDER_KEY", "env:NOT_SET_ANYWHERE"),
        String::new(),
    ];
    for (number, text) in bad.iter().enumerate() {
        gateway.reload(text);
        until("the reload is judged", || {
            gateway.metric("ringgate_config_reloads_total", &["refused"]) == (number + 1) as f64
        });
        assert_eq!((status(2), status(3)), (200, 401), "the old configuration stays: {text}");
    }
    assert!(gateway.stderr.text().contains("nonsense"), "{}", gateway.stderr.text());
    gateway.reload(&base(3, &first));
    until("the reload is judged", || gateway.metric("ringgate_config_reloads_total", &["applied"]) == 2.0);
    assert_eq!((status(2), status(3)), (401, 200));
}

fn a_reload_hands_out_no_fresh_burst(driver: Driver) {
    let provider = Provider::start(echo);
    let with = |limit: u32| {
        let limit = format!("requests_per_minute = {limit}");
        Setup::new(driver).provider("p", &provider, "").key("k", &key(1), &limit)
    };
    let gateway = with(2).start();
    let asked = || gateway.ask(&post(&bearer(1), &body("m", "x")));
    assert_eq!([asked().status, asked().status, asked().status], [200, 200, 429]);
    for limit in [2, 3] {
        gateway.reload(&with(limit).text());
        until("the reload is applied", || {
            gateway.metric("ringgate_config_reloads_total", &["applied"]) == f64::from(limit - 1)
        });
        let answer = asked();
        assert_eq!((answer.status, answer.field("x-ratelimit-remaining-requests")), (429, Some("0")), "{limit}");
        assert_eq!(answer.field("x-ratelimit-limit-requests"), Some(&*limit.to_string()));
    }
}

fn reloads_under_load_fail_nobody(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = Setup::new(driver).provider("p", &provider, "").key("k", &key(1), "").start();
    let text = std::fs::read_to_string(&gateway.config).expect("it was written");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let (gateway, stop) = (&gateway, &stop);
            scope.spawn(move || {
                let mut caller = gateway.caller();
                let mut number = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let prompt = format!("{worker}-{number}");
                    number += 1;
                    caller.send(&post(&bearer(1), &body("m", &prompt)));
                    let answer = caller.answer();
                    assert_eq!((answer.status, answer.content()), (200, format!("echo {prompt}")));
                }
            });
        }
        for number in 0..20 {
            let changed = match number % 3 {
                0 => text.replace("[server]", "[server]\nbody_bytes_max = 1000000"),
                1 => format!("{text}nonsense"),
                _ => text.clone(),
            };
            let judged = || gateway.metric("ringgate_config_reloads_total", &[]);
            let before = judged();
            gateway.reload(&changed);
            until("the reload is judged", || judged() > before);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(gateway.metric("ringgate_config_reloads_total", &["refused"]), 7.0);
    assert_eq!(gateway.metric("ringgate_requests_total", &["client_error"]), 0.0);
}

/// Streams content, waits, finishes.
fn slow_stream(gate: &Gate) -> Provider {
    let gate = gate.clone();
    Provider::start(move |seen, peer| {
        if !seen.wants_stream() {
            return echo(seen, peer);
        }
        peer.send(STREAM_HEAD);
        peer.chunk(format!("{}{}", opening(), delta("first ")));
        gate.wait(&seen.prompt());
        peer.chunk(format!("{}{}{DONE}", delta("second"), finish("stop")));
        peer.end_chunks();
    })
}

fn a_drain_lets_streams_finish(driver: Driver) {
    let gate = Gate::default();
    let provider = slow_stream(&gate);
    let mut gateway = Setup::new(driver)
        .server("shards = 1\ndrain_timeout_ms = 20000")
        .provider("p", &provider, "")
        .tables("[request_log]\npath = \"requests.log\"\n")
        .start();
    let mut streaming = gateway.caller();
    streaming.send(&post("", &stream_body("m", "slow")));
    streaming.wait_for("first");
    let mut idle = gateway.caller();
    idle.send(&post("", &body("m", "before")));
    assert_eq!(idle.answer().field("connection"), None);
    let mut half = gateway.caller();
    let request = post("", &body("m", "half"));
    half.send(&request[..20]);
    gateway.signal("TERM");
    gateway.stderr.wait_for("draining", "");
    // Whoever was told the address a moment ago still gets in, and is told not to come back.
    let last = gateway.ask(&post("", &body("m", "last")));
    assert_eq!((last.status, last.field("connection")), (200, Some("close")));
    assert_eq!(gateway.ask(&get("/readyz", "")).status, 503);
    assert_eq!(gateway.admin("/readyz").status, 503);
    assert_eq!(gateway.admin("/livez").status, 200);
    assert!(idle.is_closed(), "an idle connection is ended");
    half.send(&request[20..]);
    let answer = half.answer();
    assert_eq!((answer.status, answer.field("connection")), (200, Some("close")), "a head under way is served");
    assert!(!gateway.has_ended(), "a stream is still running");
    gate.open("slow");
    let answer = streaming.answer();
    assert!(answer.is_complete_stream(), "{}", answer.text());
    assert_eq!(answer.streamed_content(), "first second");
    assert!(streaming.is_closed());
    assert_eq!(gateway.wait().code(), Some(0));
    assert!(gateway.stderr.text().contains("stopped"), "{}", gateway.stderr.text());
    let log = std::fs::read_to_string(gateway.directory().join("requests.log")).expect("the log is there");
    assert!(log.lines().count() >= 4, "the log is complete at the end: {log}");
}

fn a_drain_past_its_deadline_says_so(driver: Driver) {
    let gate = Gate::default();
    let inner = gate.clone();
    let provider = Provider::start(move |seen, peer| {
        if seen.wants_stream() && seen.prompt() != "silent" {
            peer.send(STREAM_HEAD);
            peer.chunk(format!("{}{}", opening(), delta("first ")));
        }
        inner.wait("never");
    });
    let mut gateway = Setup::new(driver)
        .server("drain_timeout_ms = 600")
        .provider("p", &provider, "")
        .route("*", "\"p\"", "")
        .start();
    // Two of each share an answer.
    let streaming = [stream_body("m", "x"), stream_body("m", "x"), stream_body("m", "y")];
    let waiting = [body("m", "whole"), body("m", "whole"), stream_body("m", "silent")];
    let ask = |text: &String| {
        let mut caller = gateway.caller();
        caller.send(&post("", text));
        caller
    };
    let mut streaming: Vec<_> = streaming.iter().map(ask).collect();
    streaming.iter_mut().for_each(|caller| caller.wait_for("first"));
    let mut waiting: Vec<_> = waiting.iter().map(ask).collect();
    until("all are in flight", || gateway.metric("ringgate_requests_in_flight", &[]) == 6.0);
    let mut unfinished = gateway.caller();
    let request = post("", &body("m", "unfinished"));
    unfinished.send(&request[..request.len() - 1]);
    until("its head is read", || gateway.metric("ringgate_connections", &[]) == 7.0);
    gateway.signal("TERM");
    for caller in &mut streaming {
        let answer = caller.answer();
        assert!(!answer.is_whole && !answer.text().contains("[DONE]"), "looks complete: {}", answer.text());
        let last: Value = serde_json::from_str(&answer.events().pop().expect("an event")).expect("JSON");
        crate::caller::assert_envelope(&last);
        assert_eq!(last["error"]["code"], "overloaded", "{last}");
    }
    waiting.push(unfinished);
    for caller in &mut waiting {
        let answer = caller.answer();
        assert_eq!((answer.status, answer.fault().code.as_str()), (503, "overloaded"), "never silence");
    }
    assert_eq!(gateway.wait().code(), Some(0));
}

fn a_full_shard_says_so(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway =
        Setup::new(driver).server("shards = 1\nconnections_per_shard_max = 2").provider("p", &provider, "").start();
    let mut inside: Vec<_> = (0..2).map(|_| gateway.caller()).collect();
    for caller in &mut inside {
        caller.send(&post("", &body("m", "in")));
        assert_eq!(caller.answer().status, 200);
    }
    let refused = gateway.caller().answer();
    assert_eq!((refused.status, refused.field("retry-after")), (503, Some("1")));
    assert_eq!(refused.json()["error"]["code"], "overloaded");
    crate::caller::assert_envelope(&refused.json());
    inside.pop();
    until("a place is free", || gateway.ask(&post("", &body("m", "again"))).status == 200);
    assert!(gateway.metric("ringgate_connections_refused_total", &[]) >= 1.0);
}

/// Starts, expects a failure, and gives what was said.
#[track_caller]
fn refused_start(text: &str) -> String {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("ringgate.toml");
    std::fs::write(&path, text).expect("it can be written");
    let path = path.to_str().expect("UTF-8");
    let secret = [("CANARY_PROVIDER_KEY", crate::process::PROVIDER_SECRET)];
    let output = run(&["serve", "--config", path], &secret);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    crate::process::assert_no_secret(&said, "standard error");
    said
}

#[test]
fn mistakes_stop_the_start_and_say_what_to_change() {
    let provider = Provider::start(echo);
    let good = Setup::new(Driver::Epoll).provider("p", &provider, "").text();
    let said = refused_start(&good.replace("[server]", "[server]\nbody_bytes_mx = 1"));
    assert!(said.contains("ringgate.toml:2:1") && said.contains("`body_bytes_max`"), "{said}");
    let said = refused_start(&good.replace("env:CANARY_PROVIDER_KEY", "env:NOT_SET_ANYWHERE"));
    assert!(said.contains("NOT_SET_ANYWHERE"), "{said}");
    let said = refused_start(&good.replace("env:CANARY_PROVIDER_KEY", "sk-written-into-the-file"));
    assert!(said.contains("env:") && !said.contains("sk-written"), "{said}");
    let said = refused_start(&good.replace("targets = [\"p\"]", "targets = [\"q\"]"));
    assert!(said.contains("`q`"), "{said}");
    let said = refused_start(&good.replacen("127.0.0.1:0", "0.0.0.0:0", 1));
    assert!(said.contains("keys") && said.contains("allow_open"), "an open door needs a word: {said}");
    let said = refused_start(
        &good.replace("[admin]\nlisten = \"127.0.0.1:0\"", &format!("[admin]\nlisten = \"{}\"", provider.address)),
    );
    assert!(said.contains("(admin.listen)") && said.contains(&provider.address.to_string()), "{said}");
    let said = refused_start(&good.replacen("127.0.0.1:0", &provider.address.to_string(), 1));
    assert!(said.contains("end the process that has this port") && said.contains("(server.listen)"), "{said}");
    let said = refused_start(&format!("{good}\n[request_log]\npath = \"/nowhere/at/all.log\"\n"));
    assert!(said.contains("/nowhere/at/all.log"), "{said}");
    let missing = run(&["serve", "--config", "/nowhere/ringgate.toml"], &[]);
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(missing.status.code() == Some(1) && said.contains("/nowhere/ringgate.toml"), "{said}");
}

#[test]
fn a_missing_embedder_only_warns() {
    let provider = Provider::start(echo);
    let gateway = Setup::new(Driver::IoUring)
        .provider("p", &provider, "")
        .route("*", "\"p\"", "cache = { exact = true, semantic = true }")
        .tables("[embedding]\nlibrary = \"/nowhere/libonnxruntime.so\"\nmodel_dir = \"/nowhere\"\n")
        .start();
    gateway.stderr.wait_for("semantic cache off", "");
    assert_eq!(gateway.ask(&post("", &body("m", "x"))).status, 200);
    let ready = gateway.admin("/readyz");
    assert!(ready.status == 200 && ready.text().contains("semantic cache: off"), "{}", ready.text());
}

#[test]
fn the_command_line_answers() {
    let version = run(&["version"], &[]);
    let said = String::from_utf8_lossy(&version.stdout).into_owned();
    assert!(version.status.success() && said == format!("ringgate {}\n", env!("CARGO_PKG_VERSION")), "{said}");
    assert!(!run(&[], &[]).status.success());
    assert!(!run(&["sreve"], &[]).status.success());

    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("ringgate.toml");
    let check = |text: &str| {
        std::fs::write(&path, text).expect("it can be written");
        run(&["check", "--config", path.to_str().expect("UTF-8")], &[("CANARY_PROVIDER_KEY", "x")])
    };
    let provider = Provider::start(echo);
    let good = Setup::new(Driver::Epoll).provider("p", &provider, "").key("k", &key(1), "").text();
    let output = check(&good);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("1 providers, 1 routes, 1 keys"), "{said}");
    let output = check(&good.replace("targets", "tragets"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("tragets") && said.contains("`targets`"), "{said}");

    // What cannot be written is said, not lost in a panic.
    for arguments in ["version", "keys new", "models", &format!("check --config {}", path.display())] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a device of Linux");
        std::fs::write(&path, &good).expect("it can be written");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ringgate"));
        command.args(arguments.split(' ')).env("CANARY_PROVIDER_KEY", "x").stdout(full);
        let output = command.output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains("cannot write to standard output"), "{said}");
    }

    // A key that was made works.
    let made = run(&["keys", "new", "--name", "fresh \"one\""], &[]);
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(!made.status.success() && said.contains("--name must be"), "a file with it would be refused: {said}");
    let made = run(&["keys", "new", "--name", "fresh"], &[]);
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    let secret = said.lines().find_map(|line| line.trim_start_matches('#').trim().strip_prefix("rg-")).expect("a key");
    let gateway = Setup::new(Driver::IoUring).provider("p", &provider, "").tables(&said).start();
    let answer = gateway.ask(&post(&format!("authorization: Bearer rg-{secret}\r\n"), &body("m", "x")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(gateway.ask(&post("", &body("m", "x"))).status, 401);
}
