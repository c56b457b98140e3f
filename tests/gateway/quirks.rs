//! Providers that do not take or say everything as OpenAI does.

use crate::caller::post;
use crate::caller::post_to;
use crate::caller::stream_body;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Gateway;
use crate::process::PROVIDER_SECRET;
use crate::process::Setup;
use crate::process::run;
use crate::process::until;
use crate::provider::DONE;
use crate::provider::Provider;
use crate::provider::STREAM_HEAD;
use crate::provider::answer;
use crate::provider::completion;
use crate::provider::delta;
use crate::provider::echo;
use crate::provider::json_answer;
use serde_json::Value;

on_both_drivers! {
    what_a_provider_refuses_is_left_out_and_told,
    translated_requests_are_adapted_too,
    signed_thoughts_make_the_round_through_a_messages_caller,
    usage_is_not_asked_of_who_volunteers_it,
    a_key_travels_in_the_header_of_its_provider,
    an_end_without_a_reason_is_accepted_of_who_never_says_one,
    a_refusal_is_read_as_its_provider_means_it,
}

fn start(driver: Driver, kind: &str, provider: &Provider, lines: &str) -> Gateway {
    Setup::new(driver).provider("p", provider, &format!("kind = \"{kind}\"\n{lines}")).start()
}

const CHAT: &str = r#"{ "model":"m", "seed":7, "max_completion_tokens":50, "user":"u", "messages":[{"role":"developer","content":"caf\u00e9"},{"role":"assistant","content":null,"refusal":null,"reasoning_content":"hm","tool_calls":[{"id":"call_123456","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_123456","content":"1"},{"role":"user","name":"Ann","content":"x"}] }"#;

fn what_a_provider_refuses_is_left_out_and_told(driver: Driver) {
    let provider = Provider::start(echo);
    let gateway = start(driver, "mistral", &provider, "");
    let told = gateway.ask(&post("", CHAT));
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(told.field("x-ringgate-dropped"), Some("user, messages.reasoning_content"));
    let sent = provider.only().text();
    let id = provider.only().json()["messages"][2]["tool_call_id"].as_str().expect("an id").to_owned();
    assert_eq!(id.len(), 9);
    let wanted = CHAT
        .replace("\"seed\"", "\"random_seed\"")
        .replace("max_completion_tokens", "max_tokens")
        .replace(", \"user\":\"u\"", "")
        .replace("developer", "system")
        .replace(",\"refusal\":null,\"reasoning_content\":\"hm\"", "")
        .replace("call_123456", &id);
    assert_eq!(sent, wanted, "every other byte is the caller's");
    let groq = Provider::start(echo);
    let told = start(driver, "groq", &groq, "").ask(&post("", CHAT));
    assert_eq!(told.field("x-ringgate-dropped"), Some("messages.reasoning_content, messages.name"));
    let unknown = Provider::start(echo);
    let gateway = Setup::new(driver).provider("p", &unknown, "").start();
    assert_eq!(gateway.ask(&post("", CHAT)).field("x-ringgate-dropped"), None);
    assert_eq!(unknown.only().text(), CHAT, "of a server that is only an address nothing is known");
}

fn translated_requests_are_adapted_too(driver: Driver) {
    let provider = Provider::start(|_, peer| peer.send(json_answer(200, &completion("fine"))));
    let gateway = start(driver, "mistral", &provider, "");
    let body = r#"{"model":"m","max_tokens":9,"system":"s","metadata":{"user_id":"u"},"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"toolu_01","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_01","content":"r"}]}],"tools":[{"name":"f","input_schema":{"type":"object"}}]}"#;
    let told = gateway.ask(&post_to("/v1/messages", "anthropic-version: 2023-06-01\r\n", body));
    assert_eq!((told.status, told.json()["content"][0]["text"].as_str()), (200, Some("fine")), "{}", told.text());
    let sent = provider.only().json();
    let ids = [&sent["messages"][2]["tool_calls"][0]["id"], &sent["messages"][3]["tool_call_id"]];
    assert!(ids[0] == ids[1] && ids[0].as_str().is_some_and(|id| id.len() == 9), "{sent}");
    assert_eq!((&sent["max_tokens"], sent.get("max_completion_tokens")), (&Value::from(9), None));
    assert_eq!(sent.get("user"), None);
}

/// Claude behind Snowflake wants its signed thoughts back in a tool loop, whoever carried them.
fn signed_thoughts_make_the_round_through_a_messages_caller(driver: Driver) {
    let provider = Provider::start(|_, peer| {
        let details = r#"[{"type":"reasoning.text","text":"hm","signature":"c2ln","format":"anthropic-claude-v1","index":0,"id":"reasoning-text-1"}]"#;
        let call = r#"[{"id":"toolu_1","type":"function","function":{"name":"f","arguments":"{}"}}]"#;
        let message =
            format!(r#"{{"role":"assistant","content":"","reasoning_details":{details},"tool_calls":{call}}}"#);
        let choice = format!(r#"{{"index":0,"message":{message},"finish_reason":""}}"#);
        peer.send(json_answer(
            200,
            &format!(r#"{{"id":"i","object":"chat.completion","created":1,"model":"m","choices":[{choice}]}}"#),
        ));
    });
    let gateway = start(driver, "snowflake", &provider, "");
    let ask = |messages: &Value| {
        let body = serde_json::json!({"model": "m", "max_tokens": 9, "messages": messages, "tools": [{"name": "f", "input_schema": {"type": "object"}}]});
        gateway.ask(&post_to("/v1/messages", "", &body.to_string()))
    };
    let mut messages = serde_json::json!([{"role": "user", "content": "x"}]);
    let told = ask(&messages);
    let content = told.json()["content"].clone();
    assert_eq!(
        content[0],
        serde_json::json!({"type": "thinking", "thinking": "hm", "signature": "c2ln"}),
        "{}",
        told.text()
    );
    let turns = messages.as_array_mut().expect("a list");
    turns.push(serde_json::json!({"role": "assistant", "content": content}));
    turns.push(serde_json::json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "r"}]}));
    assert_eq!(ask(&messages).status, 200);
    let sent = provider.seen().pop().expect("it arrived").json()["messages"][1].clone();
    let detail = &sent["reasoning_details"][0];
    assert_eq!((detail["text"].as_str(), detail["signature"].as_str()), (Some("hm"), Some("c2ln")), "{sent}");
    assert_eq!(sent.get("thinking_blocks"), None, "{sent}");
}

fn usage_is_not_asked_of_who_volunteers_it(driver: Driver) {
    let provider = Provider::start(|_, peer| {
        peer.send(STREAM_HEAD);
        let last = r#"{"id":"a","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#;
        peer.chunk(format!("{}data: {last}\n\n{DONE}", delta("hi")));
        peer.end_chunks();
    });
    let prices = "[[prices]]\nprovider = \"p\"\nmodel = \"*\"\ninput_usd_per_mtok = 1\noutput_usd_per_mtok = 1\n";
    let setup = Setup::new(driver).provider("p", &provider, "kind = \"mistral\"\n").tables(prices);
    let gateway = setup.start();
    let told = gateway.ask(&post("", &stream_body("m", "x")));
    assert!(told.is_complete_stream() && told.streamed_content() == "hi", "{}", told.text());
    assert_eq!(provider.only().text(), stream_body("m", "x"), "nothing is added");
    until("it is counted", || gateway.metric("ringgate_tokens_total", &["direction=\"output\""]) == 4.0);
    assert_eq!(gateway.metric("ringgate_estimated_usage_total", &[]), 0.0);
}

fn a_key_travels_in_the_header_of_its_provider(driver: Driver) {
    for (kind, name, value) in [
        ("azure", "api-key", PROVIDER_SECRET.to_owned()),
        ("xai", "authorization", format!("Bearer {PROVIDER_SECRET}")),
    ] {
        let provider = Provider::start(echo);
        let gateway = start(driver, kind, &provider, "");
        assert_eq!(gateway.ask(&post("", CHAT)).status, 200);
        let seen = provider.only();
        assert_eq!(seen.field(name).as_deref(), Some(value.as_str()), "{kind}");
        let other = if name == "api-key" { "authorization" } else { "api-key" };
        assert_eq!(seen.field(other), None, "{kind}");
    }
}

fn an_end_without_a_reason_is_accepted_of_who_never_says_one(driver: Driver) {
    let script = || {
        Provider::start(|_, peer| {
            peer.send(STREAM_HEAD);
            let silent = delta("fine").replace("\"finish_reason\":null", "\"finish_reason\":\"\"");
            peer.chunk(format!("{silent}{DONE}"));
            peer.end_chunks();
        })
    };
    let provider = script();
    let gateway = start(driver, "snowflake", &provider, "");
    let told = gateway.ask(&post("", &stream_body("m", "x")));
    assert!(told.is_complete_stream() && told.streamed_content() == "fine", "{}", told.text());
    let anthropic = r#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"a"}]}"#;
    let told = gateway.ask(&post_to("/v1/messages", "", anthropic)).text();
    assert!(told.contains("\"stop_reason\":\"end_turn\"") && told.contains("event: message_stop"), "{told}");
    let provider = script();
    let told = start(driver, "openai", &provider, "").ask(&post("", &stream_body("m", "x"))).text();
    assert!(told.contains("\"error\"") && !told.contains("[DONE]"), "{told}");
}

/// What `ringgate check` says of a file with this one provider.
fn checked(provider: &str) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("ringgate.toml");
    let text = format!("[[providers]]\n{provider}\n[[routes]]\nmodel = \"*\"\ntargets = [\"p\"]\n");
    std::fs::write(&path, text).expect("the configuration is written");
    let told = run(&["check", "--config", &path.display().to_string()], &[]);
    (told.status.success(), String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).into_owned())
}

#[test]
fn every_known_provider_is_used_by_its_kind_alone() {
    for kind in ringgate::providers::ALL {
        let (good, told) = checked(&format!("name = \"p\"\nkind = \"{}\"", kind.name));
        assert_eq!(good, !kind.wants_address() && !kind.wants_region(), "{}: {told}", kind.name);
        assert!(good || told.contains("set `base_url`"), "{told}");
        assert!(!kind.wants_address() || told.contains(kind.base_url), "{told}");
        let own = "base_url = \"https://mine.example.com/v1\"";
        let (good, told) = checked(&format!("name = \"p\"\nkind = \"{}\"\n{own}", kind.name));
        assert!(good, "{}: {told}", kind.name);
    }
}

/// Servers of this machine need no key and no permission for its addresses. Where nobody listens that is
/// an attempt to connect, and not a refusal to try.
#[test]
fn local_providers_are_reached_without_a_key() {
    for kind in ["ollama", "vllm", "lmstudio"] {
        let tables = format!("[[providers]]\nname = \"p\"\nkind = \"{kind}\"\n");
        let gateway = Setup::new(Driver::IoUring).tables(&tables).route("*", "\"p\"", "").start();
        let told = gateway.ask(&post("", CHAT)).text();
        assert!(!told.contains("allow_private_addresses"), "{kind}: {told}");
    }
}

fn a_refusal_is_read_as_its_provider_means_it(driver: Driver) {
    let provider = Provider::start(|seen, peer| {
        let text = match seen.prompt().as_str() {
            "key" => {
                r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xa***yz."}"#
            }
            "schema" => {
                r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","top_k"],"msg":"Extra inputs are not permitted","input":4}]},"type":"invalid_request_error","param":null,"code":null}"#
            }
            _ => return echo(seen, peer),
        };
        peer.send(answer(400, "application/json", "", text));
    });
    let gateway = start(driver, "xai", &provider, "");
    let ask = |prompt: &str| gateway.ask(&post("", &CHAT.replace("\"x\"", &format!("\"{prompt}\""))));
    let told = ask("key");
    assert_eq!(told.status, 502);
    assert!(!told.text().contains("xa***yz") && told.text().contains("rejects the gateway's credential"));
    let told = ask("schema");
    assert_eq!(told.status, 400);
    assert!(told.text().contains("top_k: Extra inputs are not permitted"), "{}", told.text());
}
