//! Claude on Vertex AI: Anthropic's messages under paths of Google's.

use crate::caller::get;
use crate::caller::post;
use crate::caller::post_to;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::PROVIDER_SECRET;
use crate::process::Setup;
use crate::provider::Peer;
use crate::provider::Provider;
use crate::provider::STREAM_HEAD;
use crate::provider::json_answer;
use serde_json::json;

on_both_drivers! {
    the_model_stands_in_the_path_and_the_version_in_the_body,
}

const PREFIX: &str = "/v1/projects/p/locations/global/publishers/anthropic";
const MESSAGE: &str = r#"{"id":"msg_vrtx_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{"type":"text","text":"fine"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":4}}"#;

fn stream(peer: &mut Peer) {
    let start = MESSAGE.replace(r#"[{"type":"text","text":"fine"}]"#, "[]").replace("\"end_turn\"", "null");
    let events = [
        ("message_start", format!(r#"{{"type":"message_start","message":{start}}}"#)),
        ("content_block_start", r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#.to_owned()),
        ("content_block_delta", r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"fine"}}"#.to_owned()),
        ("content_block_stop", r#"{"type":"content_block_stop","index":0}"#.to_owned()),
        ("message_delta", r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":4}}"#.to_owned()),
        ("message_stop", r#"{"type":"message_stop"}"#.to_owned()),
    ];
    peer.send(STREAM_HEAD);
    events.iter().for_each(|(name, data)| peer.chunk(format!("event: {name}\ndata: {data}\n\n")));
    peer.end_chunks();
}

fn the_model_stands_in_the_path_and_the_version_in_the_body(driver: Driver) {
    let provider = Provider::start(|seen, peer| match seen.line() {
        line if line.ends_with("count-tokens:rawPredict") => peer.send(json_answer(200, r#"{"input_tokens":12}"#)),
        line if line.ends_with(":streamRawPredict") => stream(peer),
        _ => peer.send(json_answer(200, MESSAGE)),
    });
    let tables = format!(
        "[[providers]]\nname = \"claude\"\nkind = \"vertex_anthropic\"\nbase_url = \"http://{}{PREFIX}\"\napi_key = \"env:CANARY_PROVIDER_KEY\"\n",
        provider.address
    );
    let gateway = Setup::new(driver)
        .tables(&tables)
        .route("*", "\"claude/claude-sonnet-4-5@20250929\"", "cache = { exact = false }")
        .start();
    let messages = r#""messages":[{"role":"user","content":"x"}]"#;

    let body = format!(r#"{{ "model":"c", "max_tokens":9,{messages},"new":1.50}}"#);
    let told = gateway.ask(&post_to("/v1/messages", "anthropic-version: 2023-06-01\r\n", &body));
    assert_eq!((told.status, told.text().as_str()), (200, MESSAGE), "untranslated");
    let seen = provider.only();
    assert_eq!(seen.line(), format!("POST {PREFIX}/models/claude-sonnet-4-5@20250929:rawPredict"));
    assert_eq!(seen.text(), body.replace(r#""model":"c""#, r#""anthropic_version":"vertex-2023-10-16""#));
    assert_eq!(seen.field("authorization"), Some(format!("Bearer {PROVIDER_SECRET}")));
    assert_eq!(seen.field("x-api-key"), None);

    let told = gateway.ask(&post("", &format!(r#"{{"model":"c","stream":true,{messages}}}"#)));
    assert!(told.is_complete_stream() && told.streamed_content() == "fine", "{}", told.text());
    let seen = provider.seen().pop().expect("it arrived");
    assert_eq!(seen.line(), format!("POST {PREFIX}/models/claude-sonnet-4-5@20250929:streamRawPredict"));
    let sent = seen.json();
    assert_eq!((&sent["anthropic_version"], sent.get("model")), (&json!("vertex-2023-10-16"), None));
    assert_eq!((&sent["stream"], &sent["max_tokens"]), (&json!(true), &json!(4096)));

    let told = gateway.ask(&post_to("/v1/messages/count_tokens", "", &format!(r#"{{"model":"c",{messages}}}"#)));
    assert_eq!((told.status, told.json()["input_tokens"].as_u64()), (200, Some(12)));
    let seen = provider.seen().pop().expect("it arrived");
    assert_eq!(seen.line(), format!("POST {PREFIX}/models/count-tokens:rawPredict"));
    assert_eq!(seen.json()["model"], "claude-sonnet-4-5@20250929");

    let told = gateway.ask(&get("/v1/messages/batches", ""));
    assert_eq!(told.status, 404, "it has no batches of this form: {}", told.text());
    assert_eq!(provider.count(), 3);
}
