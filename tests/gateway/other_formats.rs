//! Providers whose formats no caller speaks: Bedrock's Converse, signed and in binary streams, and
//! Cohere's chat, for callers of every dialect.

use crate::caller::Answer;
use crate::caller::body;
use crate::caller::post;
use crate::caller::post_to;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Gateway;
use crate::process::PROVIDER_SECRET;
use crate::process::Setup;
use crate::provider::Gate;
use crate::provider::Peer;
use crate::provider::Provider;
use crate::provider::STREAM_HEAD;
use crate::provider::Seen;
use crate::provider::answer;
use crate::provider::chunk;
use crate::provider::echo;
use crate::provider::json_answer;
use ring::digest;
use ring::hmac;
use serde_json::Value;
use serde_json::json;

on_both_drivers! {
    a_signed_request_reaches_bedrock_and_its_answer_the_caller,
    a_key_of_bedrocks_own_is_sent_as_it_is,
    a_binary_stream_with_tools_reaches_callers_of_both_dialects,
    callers_of_newer_dialects_are_served_too,
    a_damaged_or_failing_binary_stream_never_ends_well,
    what_fails_before_content_is_answered_by_the_next,
    a_kept_answer_of_bedrock_is_told_again_in_every_form,
    who_joins_a_binary_stream_hears_all_of_it,
    a_rejected_credential_is_told_without_its_words,
    profiles_are_named_in_the_path_and_priced_by_their_model,
    bedrock_embeds_in_its_makers_words,
    cohere_answers_callers_of_both_dialects,
    cohere_streams_to_callers_of_both_dialects,
}

pub const MODEL: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const STREAM_TYPE: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n\
                           transfer-encoding: chunked\r\nx-amzn-requestid: amzn-1\r\n\r\n";
pub const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
const TOKEN: &str = "a/session+token==";

/// A gateway in front of `provider` as Bedrock, with access keys, and then of `next`.
fn bedrock(driver: Driver, provider: &Provider, next: Option<&Provider>, cache: bool) -> (Gateway, tempfile::TempDir) {
    let secrets = tempfile::tempdir().expect("a temporary directory");
    for (name, value) in [("id", ACCESS_KEY_ID), ("token", TOKEN)] {
        std::fs::write(secrets.path().join(name), value).expect("written");
    }
    let file = |name: &str| format!("\"file:{}\"", secrets.path().join(name).display());
    let table = format!(
        "[[providers]]\nname = \"bedrock\"\nbase_url = \"http://{}\"\n[providers.aws]\naccess_key_id = {}\n\
         secret_access_key = \"env:CANARY_PROVIDER_KEY\"\nsession_token = {}\nregion = \"eu-central-1\"\n\n",
        provider.address,
        file("id"),
        file("token")
    );
    let mut setup = Setup::new(driver).tables(&table);
    let mut targets = format!("\"bedrock/{MODEL}\"");
    if let Some(next) = next {
        setup = setup.provider("next", next, "");
        targets.push_str(", \"next\"");
    }
    (setup.route("claude", &targets, &format!("cache = {{ exact = {cache} }}")).start(), secrets)
}

/// Is the request signed for Bedrock as AWS wants it?
#[track_caller]
pub fn assert_signed(seen: &Seen) {
    assert_signed_with(seen, "bedrock", ACCESS_KEY_ID, PROVIDER_SECRET);
}

/// The same for any service and key. Worked out from what arrived, and not with the gateway's code.
#[track_caller]
pub fn assert_signed_with(seen: &Seen, wanted_service: &str, id: &str, secret: &str) {
    let field = |name: &str| seen.field(name).unwrap_or_else(|| panic!("no {name}: {:?}", seen.fields()));
    let authorization = field("authorization");
    let part = |name: &str| {
        let rest = authorization.split(&format!("{name}=")).nth(1).expect("a part of the credential");
        rest.split(',').next().expect("text").to_owned()
    };
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 "), "{authorization}");
    let scope = part("Credential");
    let scope = scope.strip_prefix(&format!("{id}/")).expect("whose key");
    let [day, region, service, ending] = scope.split('/').collect::<Vec<_>>()[..] else { panic!("{scope}") };
    let time = field("x-amz-date");
    assert_eq!((region, service, ending, &time[..8]), ("eu-central-1", wanted_service, "aws4_request", day));
    let names = part("SignedHeaders");
    assert_eq!(names, "host;x-amz-date;x-amz-security-token");
    let head = String::from_utf8(seen.head.clone()).expect("ASCII");
    let path = head.split(' ').nth(1).expect("a path").replace('%', "%25");
    let fields: String = names.split(';').map(|name| format!("{name}:{}\n", field(name))).collect();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let sha256 = |bytes: &[u8]| hex(digest::digest(&digest::SHA256, bytes).as_ref());
    let canonical = format!("POST\n{path}\n\n{fields}\n{names}\n{}", sha256(&seen.body));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let mut key = format!("AWS4{secret}").into_bytes();
    for step in [day, region, service, ending, &text] {
        key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), step.as_bytes()).as_ref().to_vec();
    }
    assert_eq!(part("Signature"), hex(&key));
}

pub fn whole_converse(peer: &mut Peer) {
    let content = r#"[{"reasoningContent":{"reasoningText":{"text":"hm","signature":"sig"}}},{"text":"It is sunny."}]"#;
    let usage = r#"{"inputTokens":7,"outputTokens":5,"totalTokens":112,"cacheReadInputTokens":100}"#;
    let body = format!(
        r#"{{"metrics":{{"latencyMs":9}},"output":{{"message":{{"role":"assistant","content":{content}}}}},"stopReason":"end_turn","usage":{usage}}}"#
    );
    peer.send(answer(200, "application/json", "x-amzn-requestid: amzn-1\r\n", &body));
}

pub const ASKED: &str = r#"{"model":"claude","max_tokens":50,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Weather?"}]}"#;

fn a_signed_request_reaches_bedrock_and_its_answer_the_caller(driver: Driver) {
    let provider = Provider::start(|_, peer| whole_converse(peer));
    let (gateway, _secrets) = bedrock(driver, &provider, None, false);
    let told = gateway.ask(&post("traceparent: 00-1-2-01\r\n", ASKED));
    assert_eq!(told.status, 200, "{}", told.text());
    let seen = provider.only();
    assert_signed(&seen);
    let head = String::from_utf8_lossy(&seen.head).into_owned();
    let line = "POST /model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse HTTP/1.1\r\n";
    assert!(head.starts_with(line), "{head}");
    assert_eq!(seen.field("traceparent").as_deref(), Some("00-1-2-01"), "what is not signed passes");
    let wanted = json!({
        "messages": [{"role": "user", "content": [{"text": "Weather?"}]}],
        "system": [{"text": "Be brief."}],
        "inferenceConfig": {"maxTokens": 50},
    });
    assert_eq!(seen.json(), wanted);

    let body = told.json();
    assert_eq!(told.content(), "It is sunny.");
    assert_eq!(body["model"], MODEL, "named by what was asked, since nobody else tells");
    assert!(body["id"].as_str().is_some_and(|id| id.starts_with("chatcmpl-")), "{body}");
    assert!(body["created"].as_u64().is_some_and(|created| created > 1_700_000_000), "{body}");
    assert_eq!(body["choices"][0]["message"]["thinking_blocks"][0]["signature"], "sig");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(body["usage"]["prompt_tokens"], 107);
    assert_eq!(body["usage"]["prompt_tokens_details"]["cached_tokens"], 100);
    assert_eq!(told.field("x-ringgate-upstream-request-id"), Some("amzn-1"));
    assert_eq!(told.field("x-ringgate-model"), Some(MODEL));
}

fn a_key_of_bedrocks_own_is_sent_as_it_is(driver: Driver) {
    let provider = Provider::start(|_, peer| whole_converse(peer));
    let table = format!(
        "[[providers]]\nname = \"bedrock\"\nbase_url = \"http://{}\"\napi_key = \"env:CANARY_PROVIDER_KEY\"\n",
        provider.address
    );
    let gateway = Setup::new(driver).tables(&table).route("*", "\"bedrock\"", "cache = { exact = false }").start();
    let asked =
        r#"{"model":"amazon.nova-micro-v1:0","max_tokens":9,"messages":[{"role":"user","content":"Weather?"}]}"#;
    let told = gateway.ask(&post_to("/v1/messages", "", asked));
    assert_eq!(told.status, 200, "{}", told.text());
    let seen = provider.only();
    assert_eq!(seen.field("authorization"), Some(format!("Bearer {PROVIDER_SECRET}")));
    assert_eq!(seen.field("x-amz-date"), None);
    let body = told.json();
    assert_eq!(body["model"], "amazon.nova-micro-v1:0");
    assert!(body["id"].as_str().is_some_and(|id| id.starts_with("msg_")), "{body}");
    assert_eq!(body["content"][0], json!({"type": "thinking", "thinking": "hm", "signature": "sig"}));
    assert_eq!(
        (body["usage"]["input_tokens"].as_u64(), body["usage"]["cache_read_input_tokens"].as_u64()),
        (Some(7), Some(100))
    );
}

/// CRC-32, bit by bit.
fn crc32(bytes: &[u8]) -> [u8; 4] {
    let step = |crc: u32, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step));
    (!crc).to_be_bytes()
}

fn framed(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
    let mut written = Vec::new();
    for (name, value) in headers {
        written.push(name.len() as u8);
        written.extend_from_slice(name.as_bytes());
        written.push(7);
        written.extend_from_slice(&(value.len() as u16).to_be_bytes());
        written.extend_from_slice(value.as_bytes());
    }
    let mut bytes = (16 + written.len() as u32 + payload.len() as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(&(written.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&crc32(&bytes));
    bytes.extend_from_slice(&written);
    bytes.extend_from_slice(payload.as_bytes());
    bytes.extend_from_slice(&crc32(&bytes));
    bytes
}

fn message(name: &str, payload: &str) -> Vec<u8> {
    let kind = (":content-type", "application/json");
    framed(&[(":event-type", name), kind, (":message-type", "event")], payload)
}

fn exception(name: &str, payload: &str) -> Vec<u8> {
    framed(&[(":exception-type", name), (":message-type", "exception")], payload)
}

fn opening() -> Vec<u8> {
    message("messageStart", r#"{"p":"abcd","role":"assistant"}"#)
}

fn words(text: &str) -> Vec<u8> {
    message(
        "contentBlockDelta",
        &format!(r#"{{"contentBlockIndex":0,"delta":{{"text":{}}},"p":"ab"}}"#, Value::from(text)),
    )
}

fn call_and_end() -> Vec<u8> {
    [
        message("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        message(
            "contentBlockStart",
            r#"{"contentBlockIndex":1,"start":{"toolUse":{"name":"weather","toolUseId":"tooluse_1"}}}"#,
        ),
        message("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"city\":"}}}"#),
        message("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"\"Paris\"}"}}}"#),
        message("contentBlockStop", r#"{"contentBlockIndex":1}"#),
        message("messageStop", r#"{"stopReason":"tool_use"}"#),
    ]
    .concat()
}

fn tokens() -> Vec<u8> {
    message("metadata", r#"{"metrics":{"latencyMs":1},"usage":{"inputTokens":20,"outputTokens":9,"totalTokens":29}}"#)
}

fn whole_stream() -> Vec<u8> {
    [opening(), words("Let me "), words("look."), call_and_end(), tokens()].concat()
}

/// Sends `bytes` as a binary stream, in pieces that respect nothing.
fn stream_in_pieces(peer: &mut Peer, bytes: &[u8]) {
    let pieces: Vec<u8> = bytes.chunks(7).flat_map(chunk).collect();
    peer.send([STREAM_TYPE.as_bytes(), &pieces].concat());
}

const TOOLS: &str = r#""tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object"}}}]"#;

fn openai_stream(extra: &str) -> Vec<u8> {
    post(
        "",
        &format!(r#"{{"model":"claude","stream":true,"messages":[{{"role":"user","content":"Weather?"}}]{extra}}}"#),
    )
}

fn deltas(told: &Answer) -> Vec<Value> {
    let json = |data: &String| serde_json::from_str::<Value>(data).ok();
    told.events().iter().filter_map(json).collect()
}

fn a_binary_stream_with_tools_reaches_callers_of_both_dialects(driver: Driver) {
    let provider = Provider::start(|_, peer| {
        stream_in_pieces(peer, &whole_stream());
        peer.end_chunks();
    });
    let (gateway, _secrets) = bedrock(driver, &provider, None, false);
    let told = gateway.ask(&openai_stream(&format!(",{TOOLS},\"stream_options\":{{\"include_usage\":true}}")));
    assert!(told.is_complete_stream(), "{}", told.text());
    assert_eq!(told.streamed_content(), "Let me look.");
    let events = deltas(&told);
    assert!(events.iter().all(|event| event["model"] == MODEL && event["id"].as_str().is_some_and(|id| id.len() > 20)));
    let of_calls = |event: &Value| event["choices"][0]["delta"]["tool_calls"][0].clone();
    let calls: Vec<Value> = events.iter().map(of_calls).filter(Value::is_object).collect();
    assert_eq!((&calls[0]["id"], &calls[0]["function"]["name"]), (&json!("tooluse_1"), &json!("weather")));
    let arguments: String = calls.iter().filter_map(|call| call["function"]["arguments"].as_str()).collect();
    assert_eq!(arguments, r#"{"city":"Paris"}"#);
    assert!(events.iter().any(|event| event["choices"][0]["finish_reason"] == "tool_calls"));
    assert_eq!(events.last().expect("usage")["usage"]["total_tokens"], 29);
    let seen = provider.only();
    assert_signed(&seen);
    assert!(String::from_utf8_lossy(&seen.head).contains("-v1%3A0/converse-stream HTTP/1.1"));
    let tool = json!({"toolSpec": {"name": "weather", "inputSchema": {"json": {"type": "object", "properties": {}}}}});
    assert_eq!(seen.json()["toolConfig"]["tools"][0], tool);

    let asked = r#"{"model":"claude","max_tokens":99,"stream":true,"messages":[{"role":"user","content":"Weather?"}],"tools":[{"name":"weather","input_schema":{"type":"object"}}]}"#;
    let told = gateway.ask(&post_to("/v1/messages", "", asked));
    assert!(told.is_whole && told.text().contains("event: message_stop"), "{}", told.text());
    for mark in [
        r#""type":"message_start""#,
        r#""type":"tool_use","id":"tooluse_1","name":"weather""#,
        r#""partial_json":"{\"city\":""#,
        r#""stop_reason":"tool_use""#,
        r#""output_tokens":9"#,
        MODEL,
    ] {
        assert!(told.text().contains(mark), "{mark}: {}", told.text());
    }
}

fn callers_of_newer_dialects_are_served_too(driver: Driver) {
    let provider = Provider::start(|_, peer| {
        stream_in_pieces(peer, &whole_stream());
        peer.end_chunks();
    });
    let (gateway, _secrets) = bedrock(driver, &provider, None, false);
    let asked = r#"{"model":"claude","stream":true,"input":"Weather?","tools":[{"type":"function","name":"weather","parameters":{"type":"object"}}]}"#;
    let told = gateway.ask(&post_to("/v1/responses", "", asked));
    assert!(told.is_whole, "{}", told.text());
    for mark in
        ["event: response.completed", "Let me look.", r#""name":"weather""#, "tooluse_1", r#""total_tokens":29"#]
    {
        assert!(told.text().contains(mark), "{mark}: {}", told.text());
    }
    let asked = r#"{"contents":[{"role":"user","parts":[{"text":"Weather?"}]}],"tools":[{"functionDeclarations":[{"name":"weather","parametersJsonSchema":{"type":"object"}}]}]}"#;
    let told = gateway.ask(&post_to("/v1beta/models/claude:streamGenerateContent?alt=sse", "", asked));
    assert!(told.is_whole && told.text().contains(r#""finishReason":"STOP""#), "{}", told.text());
    for mark in ["look.", r#""functionCall""#, r#""city":"Paris""#, MODEL] {
        assert!(told.text().contains(mark), "{mark}: {}", told.text());
    }
    let tool = json!({"toolSpec": {"name": "weather", "inputSchema": {"json": {"type": "object", "properties": {}}}}});
    for seen in provider.seen() {
        assert_signed(&seen);
        assert_eq!(seen.json()["messages"], json!([{"role": "user", "content": [{"text": "Weather?"}]}]));
        assert_eq!(seen.json()["toolConfig"]["tools"][0], tool);
    }
}

/// Asks, and lets the provider go on once the caller has heard `mark`.
#[track_caller]
fn ask_and_go_on(gateway: &Gateway, request: &[u8], mark: &str, gate: &Gate) -> Answer {
    let mut caller = gateway.caller();
    caller.send(request);
    caller.wait_for(mark);
    gate.open("go on");
    caller.answer()
}

fn a_damaged_or_failing_binary_stream_never_ends_well(driver: Driver) {
    let begun = || [opening(), words("Let me ")].concat();
    let mut damaged = [words("look."), call_and_end(), tokens()].concat();
    damaged[words("look.").len() / 2] ^= 1;
    let failing =
        [words("look."), exception("modelStreamErrorException", r#"{"message":"the model stopped"}"#)].concat();
    let cut = [call_and_end(), tokens()].concat();
    let unforeseen = framed(&[(":message-type", "error"), (":error-code", "Odd"), (":error-message", "gone")], "");
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("damaged", damaged, "damaged event stream"),
        ("failing", failing, "the model stopped"),
        ("without tokens", call_and_end(), "before the answer was complete"),
        ("cut inside a message", cut[..cut.len() - 3].to_vec(), "before the answer was complete"),
        ("unforeseen", unforeseen, "failed"),
        ("text instead", b"HTTP/1.1 500 oh no".to_vec(), "damaged event stream"),
        ("absurd length", vec![0xff; 64], "damaged event stream"),
    ];
    let rests: Vec<Vec<u8>> = cases.iter().map(|(_, bytes, _)| bytes.clone()).collect();
    let gate = Gate::default();
    let opened = gate.clone();
    let provider = Provider::start(move |seen, peer| {
        let text = seen.json()["messages"][0]["content"][0]["text"].as_str().and_then(|text| text.parse().ok());
        let number: usize = text.expect("the prompt is the number of the case");
        stream_in_pieces(peer, &begun());
        opened.wait("go on");
        rests[number].chunks(7).for_each(|piece| peer.chunk(piece));
        peer.end_chunks();
    });
    let (gateway, _secrets) = bedrock(driver, &provider, None, true);
    for (number, (what, _, reason)) in cases.iter().enumerate() {
        let asked = format!(
            r#"{{"model":"claude","max_tokens":9,"stream":true,"messages":[{{"role":"user","content":"{number}"}}]}}"#
        );
        for repeated in [false, true] {
            let told = ask_and_go_on(&gateway, &post("", &asked), "Let me ", &gate);
            let text = told.text();
            assert!(text.contains("\"error\"") && text.contains(reason), "{what}: {text}");
            assert!(!told.is_whole && !text.contains("[DONE]"), "{what}: {text}");
            assert_eq!(told.cache(), "MISS", "{what}, again: {repeated}");
        }
        let told = ask_and_go_on(&gateway, &post_to("/v1/messages", "", &asked), "Let me ", &gate);
        assert!(!told.is_whole && told.text().contains("event: error"), "{what}: {}", told.text());
        assert!(!told.text().contains("message_stop"), "{what}: {}", told.text());
    }
}

fn what_fails_before_content_is_answered_by_the_next(driver: Driver) {
    let provider = Provider::start(|seen, peer| {
        if seen.text().contains("whole") {
            peer.send(answer(
                429,
                "application/json",
                "x-amzn-errortype: ThrottlingException\r\n",
                r#"{"message":"slow down"}"#,
            ));
        } else {
            stream_in_pieces(
                peer,
                &[opening(), exception("throttlingException", r#"{"message":"slow down"}"#)].concat(),
            );
            peer.end_chunks();
        }
    });
    let next = Provider::start(echo);
    let (gateway, _secrets) = bedrock(driver, &provider, Some(&next), false);
    let told = gateway.ask(&openai_stream(""));
    assert!(told.is_complete_stream(), "{}", told.text());
    assert_eq!(told.streamed_content(), "echo Weather?");
    let whole = r#"{"model":"claude","messages":[{"role":"user","content":"whole"}]}"#;
    assert_eq!(gateway.ask(&post("", whole)).content(), "echo whole");
    assert_eq!(provider.count(), 2);
}

/// From the cache, or from the flight that is just landing in it.
fn is_kept(told: &Answer) -> bool {
    matches!(told.cache(), "HIT" | "COALESCED")
}

fn a_kept_answer_of_bedrock_is_told_again_in_every_form(driver: Driver) {
    let provider = Provider::start(|_, peer| {
        let end = [
            message("contentBlockStop", r#"{"contentBlockIndex":0}"#),
            message("messageStop", r#"{"stopReason":"end_turn"}"#),
            tokens(),
        ];
        stream_in_pieces(peer, &[opening(), words("Let me "), words("think."), end.concat()].concat());
        peer.end_chunks();
    });
    let (gateway, _secrets) = bedrock(driver, &provider, None, true);
    let first = gateway.ask(&openai_stream(""));
    assert!(first.is_complete_stream() && first.cache() == "MISS", "{}", first.text());
    let again = gateway.ask(&openai_stream(""));
    assert!(again.is_complete_stream(), "{}", again.text());
    assert!(is_kept(&again), "{}", again.cache());
    assert_eq!(again.streamed_content(), "Let me think.");
    assert!(deltas(&again).iter().all(|event| event["model"] == MODEL), "{}", again.text());
    let whole = gateway.ask(&post("", r#"{"model":"claude","messages":[{"role":"user","content":"Weather?"}]}"#));
    assert!(is_kept(&whole), "{}", whole.cache());
    assert_eq!(whole.content(), "Let me think.");
    assert_eq!(whole.json()["model"], MODEL);
    assert_eq!(provider.count(), 1);
}

fn who_joins_a_binary_stream_hears_all_of_it(driver: Driver) {
    let gate = Gate::default();
    let opened = gate.clone();
    let provider = Provider::start(move |_, peer| {
        stream_in_pieces(peer, &[opening(), words("Let me ")].concat());
        opened.wait("go on");
        [words("look."), call_and_end(), tokens()].concat().chunks(7).for_each(|piece| peer.chunk(piece));
        peer.end_chunks();
    });
    let (gateway, _secrets) = bedrock(driver, &provider, None, true);
    let (mut leader, mut follower) = (gateway.caller(), gateway.caller());
    leader.send(&openai_stream(""));
    leader.wait_for("Let me ");
    follower.send(&openai_stream(""));
    follower.wait_for("Let me ");
    gate.open("go on");
    for (mut caller, cache) in [(leader, "MISS"), (follower, "COALESCED")] {
        let told = caller.answer();
        assert!(told.is_complete_stream(), "{}", told.text());
        assert_eq!((told.cache(), told.streamed_content().as_str()), (cache, "Let me look."));
        assert!(deltas(&told).iter().all(|event| event["model"] == MODEL), "{}", told.text());
    }
    assert_eq!(provider.count(), 1);
}

fn a_rejected_credential_is_told_without_its_words(driver: Driver) {
    let provider = Provider::start(|seen, peer| {
        let token = seen.field("x-amz-security-token").unwrap_or_default();
        let body = format!(r#"{{"message":"The request signature we calculated does not match. token:{token}"}}"#);
        peer.send(answer(403, "application/json", "x-amzn-errortype: InvalidSignatureException:\r\n", &body));
    });
    let (gateway, _secrets) = bedrock(driver, &provider, None, false);
    let told = gateway.ask(&post("", ASKED));
    assert_eq!(told.status, 502, "{}", told.text());
    let fault = told.fault();
    assert!(fault.message.contains("`bedrock` rejects the gateway's credential"), "{fault:?}");
    assert!(fault.message.contains("check aws") && !told.text().contains(TOKEN), "{fault:?}");
}

fn profiles_are_named_in_the_path_and_priced_by_their_model(driver: Driver) {
    let provider = Provider::start(|_, peer| whole_converse(peer));
    let (gateway, _secrets) = bedrock(driver, &provider, None, false);
    let cost = |model: &str| {
        let told = gateway.ask(&post("", &body(&format!("bedrock/{model}"), "x")));
        assert_eq!(told.status, 200, "{}", told.text());
        let seen = provider.seen().pop().expect("it arrived");
        assert_signed(&seen);
        assert_eq!(seen.line(), format!("POST /model/{}/converse", model.replace(':', "%3A").replace('/', "%2F")));
        told.field("x-ringgate-cost-usd").map(str::to_owned)
    };
    let by_name = cost("eu.anthropic.claude-sonnet-4-5-20250929-v1:0");
    assert!(by_name.is_some());
    let arn =
        "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
    assert_eq!(cost(arn), by_name);
    assert_ne!(cost("global.anthropic.claude-sonnet-4-5-20250929-v1:0"), by_name, "it costs less");
    assert_eq!(cost("arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3"), None);
}

fn bedrock_embeds_in_its_makers_words(driver: Driver) {
    let provider = Provider::start(|seen, peer| match seen.line().as_str() {
        "POST /model/amazon.titan-embed-text-v2%3A0/invoke" if seen.text().contains("bad") => {
            let body = r#"{"message":"Malformed input request"}"#;
            peer.send(answer(400, "application/json", "x-amzn-errortype: ValidationException\r\n", body));
        }
        "POST /model/amazon.titan-embed-text-v2%3A0/invoke" => {
            peer.send(json_answer(200, r#"{"embedding":[0.5,-2.0,0.25],"inputTextTokenCount":4}"#));
        }
        "POST /model/cohere.embed-v4%3A0/invoke" => {
            peer.send(json_answer(200, r#"{"id":"i","embeddings":{"float":[[0.5],[0.25]]},"texts":["a","b"]}"#));
        }
        other => panic!("{other}"),
    });
    let (gateway, _secrets) = bedrock(driver, &provider, None, false);
    let ask = |model: &str, fields: &str| {
        gateway.ask(&post_to("/v1/embeddings", "", &format!(r#"{{"model":"bedrock/{model}",{fields}}}"#)))
    };
    const TITAN: &str = "amazon.titan-embed-text-v2:0";
    let one = ask(TITAN, r#""input":"a","encoding_format":"base64","dimensions":256"#);
    assert_eq!(
        (one.status, one.json()["data"][0]["embedding"].as_str()),
        (200, Some("AAAAPwAAAMAAAIA+")),
        "{}",
        one.text()
    );
    assert_eq!(one.json()["usage"]["prompt_tokens"], 4);
    assert_signed(&provider.only());
    assert_eq!(provider.only().json(), json!({"inputText": "a", "dimensions": 256}));
    let two = ask("cohere.embed-v4:0", r#""input":["a","b"]"#);
    assert_eq!((two.status, &two.json()["data"][1]["embedding"]), (200, &json!([0.25])), "{}", two.text());
    for (model, fields, param) in
        [(TITAN, r#""input":["a","b"]"#, "input"), ("amazon.nova-lite-v1:0", r#""input":"a""#, "model")]
    {
        let refused = ask(model, fields);
        assert_eq!((refused.status, refused.fault().param.as_str()), (400, param), "{}", refused.text());
    }
    let bad = ask(TITAN, r#""input":"bad""#);
    assert_eq!((bad.status, bad.fault().message.as_str()), (400, "Malformed input request"));
    assert_eq!(provider.count(), 3);
}

fn cohere(driver: Driver, provider: &Provider) -> Gateway {
    let table = format!(
        "[[providers]]\nname = \"cohere\"\nbase_url = \"http://{}\"\napi_key = \"env:CANARY_PROVIDER_KEY\"\n",
        provider.address
    );
    Setup::new(driver).tables(&table).route("*", "\"cohere\"", "cache = { exact = false }").start()
}

fn cohere_answers_callers_of_both_dialects(driver: Driver) {
    let provider = Provider::start(|seen, peer| {
        if seen.text().contains("refuse") {
            return peer.send(json_answer(422, r#"{"id":"x","message":"invalid request: no"}"#));
        }
        peer.send(json_answer(
            200,
            r#"{"id":"co-1","finish_reason":"TOOL_CALL","message":{"role":"assistant","tool_plan":"I will look.","tool_calls":[{"id":"weather_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Paris\"}"}}]},"usage":{"billed_units":{"input_tokens":3,"output_tokens":2},"tokens":{"input_tokens":1400,"output_tokens":20},"cached_tokens":1000}}"#,
        ));
    });
    let gateway = cohere(driver, &provider);
    let asked = format!(
        r#"{{"model":"command-a-03-2025","seed":7,"top_p":0.5,"stop":["END"],"messages":[{{"role":"user","content":"Weather?"}}],{TOOLS},"tool_choice":{{"type":"function","function":{{"name":"weather"}}}}}}"#
    );
    let told = gateway.ask(&post("", &asked));
    assert_eq!(told.status, 200, "{}", told.text());
    let seen = provider.only();
    assert!(seen.head.starts_with(b"POST /v2/chat HTTP/1.1\r\n"), "{}", seen.head.escape_ascii());
    assert_eq!(seen.field("authorization"), Some(format!("Bearer {PROVIDER_SECRET}")));
    let wanted = json!({
        "model": "command-a-03-2025",
        "messages": [{"role": "user", "content": "Weather?"}],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}],
        "tool_choice": "REQUIRED",
        "p": 0.5,
        "seed": 7,
        "stop_sequences": ["END"],
        "stream": false,
    });
    assert_eq!(seen.json(), wanted);
    let body = told.json();
    assert_eq!((&body["id"], &body["model"]), (&json!("co-1"), &json!("command-a-03-2025")));
    let choice = &body["choices"][0];
    assert_eq!(choice["message"]["reasoning_content"], "I will look.");
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["arguments"], r#"{"city":"Paris"}"#);
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(body["usage"]["prompt_tokens"], 1400);

    let asked = r#"{"model":"command-a-03-2025","max_tokens":9,"messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":[{"type":"thinking","thinking":"I will look."},{"type":"tool_use","id":"weather_1","name":"weather","input":{"city":"Paris"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"weather_1","content":"sunny"},{"type":"text","text":"And?"}]}],"tools":[{"name":"weather","input_schema":{"type":"object"}}]}"#;
    let told = gateway.ask(&post_to("/v1/messages", "", asked));
    let body = told.json();
    assert_eq!(body["content"][1]["input"], json!({"city": "Paris"}), "{body}");
    assert_eq!((&body["stop_reason"], &body["usage"]["input_tokens"]), (&json!("tool_use"), &json!(400)));
    let sent = provider.seen().pop().expect("it arrived").json();
    let call = json!({"id": "weather_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Paris\"}"}});
    let wanted = json!([
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "tool_plan": "I will look.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "weather_1", "content": "sunny"},
        {"role": "user", "content": [{"type": "text", "text": "And?"}]},
    ]);
    assert_eq!(sent["messages"], wanted);

    let told = gateway.ask(&post("", r#"{"model":"m","messages":[{"role":"user","content":"refuse"}]}"#));
    assert_eq!((told.status, told.fault().message.as_str()), (422, "invalid request: no"));
}

fn cohere_event(kind: &str, rest: &str) -> String {
    format!("event: {kind}\ndata: {{\"type\":\"{kind}\",{rest}}}\n\n")
}

fn cohere_streams_to_callers_of_both_dialects(driver: Driver) {
    let gate = Gate::default();
    let opened = gate.clone();
    let provider = Provider::start(move |seen, peer| {
        let call = |rest: &str| format!(r#""index":0,"delta":{{"message":{{"tool_calls":{rest}}}}}"#);
        let begun = [
            cohere_event("message-start", r#""id":"co-2","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}"#),
            cohere_event("tool-plan-delta", r#""delta":{"message":{"tool_plan":"I will look."}}"#),
            cohere_event("content-start", r#""index":0,"delta":{"message":{"content":{"type":"text","text":""}}}"#),
            cohere_event("content-delta", r#""index":0,"delta":{"message":{"content":{"text":"Loo"}}}"#),
            cohere_event("content-delta", r#""index":0,"delta":{"message":{"content":{"text":"king"}}}"#),
            cohere_event("citation-start", r#""index":0,"delta":{"message":{"citations":{"start":0,"end":3,"text":"Loo","sources":[]}}}"#),
            cohere_event("citation-end", r#""index":0"#),
            cohere_event("content-end", r#""index":0"#),
            cohere_event("tool-call-start", &call(r#"{"id":"weather_1","type":"function","function":{"name":"weather","arguments":""}}"#)),
            cohere_event("tool-call-delta", &call(r#"{"function":{"arguments":"{\"city\":"}}"#)),
            cohere_event("tool-call-delta", &call(r#"{"function":{"arguments":"\"Paris\"}"}}"#)),
            cohere_event("tool-call-end", r#""index":0"#),
        ]
        .concat();
        peer.send(STREAM_HEAD);
        begun.as_bytes().chunks(11).for_each(|piece| peer.chunk(piece));
        if seen.text().contains("fail") || seen.text().contains("cut") {
            opened.wait("go on");
        }
        if seen.text().contains("fail") {
            peer.chunk(cohere_event(
                "message-end",
                r#""id":"co-2","delta":{"finish_reason":"ERROR","error":"no more room"}"#,
            ));
        } else if !seen.text().contains("cut") {
            peer.chunk(cohere_event("message-end", r#""id":"co-2","delta":{"finish_reason":"TOOL_CALL","usage":{"tokens":{"input_tokens":20,"output_tokens":9}}}"#));
        }
        peer.end_chunks();
    });
    let gateway = cohere(driver, &provider);
    let asked = |text: &str| {
        post(
            "",
            &format!(
                r#"{{"model":"command-a-03-2025","stream":true,"stream_options":{{"include_usage":true}},"messages":[{{"role":"user","content":"{text}"}}]}}"#
            ),
        )
    };
    let told = gateway.ask(&asked("Weather?"));
    assert!(told.is_complete_stream(), "{}", told.text());
    assert_eq!(told.streamed_content(), "Looking");
    let events = deltas(&told);
    let all = |name: &str| -> String {
        events.iter().filter_map(|event| event["choices"][0]["delta"][name].as_str()).collect()
    };
    assert_eq!(all("reasoning_content"), "I will look.");
    let call = |event: &Value| {
        event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str().map(str::to_owned)
    };
    assert_eq!(events.iter().filter_map(call).collect::<String>(), r#"{"city":"Paris"}"#);
    assert!(events.iter().all(|event| event["id"] == "co-2" && event["model"] == "command-a-03-2025"));
    assert_eq!(events.last().expect("usage")["usage"]["total_tokens"], 29);
    assert_eq!(provider.only().json()["stream"], true);

    let asked_by_messages = r#"{"model":"command-a-03-2025","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Weather?"}]}"#;
    let told = gateway.ask(&post_to("/v1/messages", "", asked_by_messages));
    assert!(told.is_whole && told.text().contains("event: message_stop"), "{}", told.text());
    assert!(told.text().contains(r#""name":"weather""#) && told.text().contains(r#""stop_reason":"tool_use""#));

    for (text, reason) in [("cut", "before the answer was complete"), ("fail", "no more room")] {
        let told = ask_and_go_on(&gateway, &asked(text), "king", &gate);
        assert!(!told.is_whole && told.text().contains(reason) && !told.text().contains("[DONE]"), "{}", told.text());
    }
}
