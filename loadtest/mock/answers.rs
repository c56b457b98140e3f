//! The bytes of answers, in the shapes that OpenAI and Anthropic send. The parts that never change are
//! rendered once, since the mock has to answer faster than whatever it is held against.

use crate::request::Ask;
use crate::request::Dialect;
use std::io::Write;

/// Seconds since 1970 in every answer: fixed, so that equal runs give equal bytes.
const CREATED_S: &str = "1750000000";
const WORDS: &str = "The answer is long enough to look like one and says nothing that matters; ";
const PROMPT_TOKENS: &str = "24";
const ANSWER_TOKENS: &str = "160";

/// What a failing provider says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    reason: &'static str,
    openai_type: &'static str,
    anthropic_type: &'static str,
    message: &'static str,
    retry_after_s: Option<u32>,
}

/// Too many requests.
pub(crate) const RATE_LIMITED: Failure = Failure {
    status: 429,
    reason: "Too Many Requests",
    openai_type: "rate_limit_exceeded",
    anthropic_type: "rate_limit_error",
    message: "Rate limit reached for requests. Please try again in 1s.",
    retry_after_s: Some(1),
};
/// A fault inside the provider.
pub(crate) const SERVER_ERROR: Failure = Failure {
    status: 500,
    reason: "Internal Server Error",
    openai_type: "server_error",
    anthropic_type: "api_error",
    message: "The server had an error while processing your request.",
    retry_after_s: None,
};
/// Overload.
pub(crate) const UNAVAILABLE: Failure = Failure {
    status: 503,
    reason: "Service Unavailable",
    openai_type: "service_unavailable_error",
    anthropic_type: "overloaded_error",
    message: "The engine is currently overloaded, please try again later.",
    retry_after_s: Some(1),
};
/// A body that is not a chat request.
pub(crate) const BAD_REQUEST: Failure = Failure {
    status: 400,
    reason: "Bad Request",
    openai_type: "invalid_request_error",
    anthropic_type: "invalid_request_error",
    message: "We could not parse the JSON body of your request.",
    retry_after_s: None,
};
/// A path that nobody serves.
pub(crate) const NOT_FOUND: Failure = Failure {
    status: 404,
    reason: "Not Found",
    openai_type: "invalid_request_error",
    anthropic_type: "not_found_error",
    message: "Unknown request URL. Serves POST …/chat/completions, POST …/messages, GET /count, POST /reset.",
    retry_after_s: None,
};

/// Bytes that no HTTP client accepts.
pub(crate) const GARBAGE: &[u8] = b"\x16\x03\x01\x00\x2aHTTP/9.9 teapot\x00\r\n\r\n{\"choices\":[]}";
/// Ends a chunked body.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// Begins every stream.
pub(crate) const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
cache-control: no-cache\r\nx-request-id: req_mock\r\ntransfer-encoding: chunked\r\n\r\n";
const HTML: &str = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>\
<body><center><h1>502 Bad Gateway</h1></center><hr><center>edge</center></body></html>";

/// Renders answers of about one size.
#[derive(Debug)]
pub(crate) struct Answers {
    text: String,
}

impl Answers {
    /// Whole answers will be about `answer_bytes` long, head excluded.
    pub(crate) fn sized(answer_bytes: usize) -> Answers {
        let mut frame = Vec::new();
        let ask = Ask { model: "gpt-4o-mini".into(), stream: false, include_usage: false, nonce: "0123456789abcdef" };
        openai_body(&mut frame, "", &ask, 0);
        let text = WORDS.chars().cycle().take(answer_bytes.saturating_sub(frame.len())).collect();
        Answers { text }
    }

    /// A whole good answer.
    pub(crate) fn whole(&self, out: &mut Vec<u8>, dialect: Dialect, ask: &Ask<'_>, serial: u64) {
        json_answer(out, |out| match dialect {
            Dialect::OpenAi => openai_body(out, &self.text, ask, serial),
            Dialect::Anthropic => anthropic_body(out, &self.text, ask, serial),
        });
    }

    /// A whole answer that calls a tool.
    pub(crate) fn tool_call(&self, out: &mut Vec<u8>, dialect: Dialect, ask: &Ask<'_>, serial: u64) {
        json_answer(out, |out| match dialect {
            Dialect::OpenAi => openai_tool_body(out, ask, serial),
            Dialect::Anthropic => anthropic_tool_body(out, ask, serial),
        });
    }
}

/// A failure in the dialect's error shape.
pub(crate) fn failure(out: &mut Vec<u8>, dialect: Dialect, failure: &Failure) {
    let mut body = Vec::with_capacity(256);
    match dialect {
        Dialect::OpenAi => put(
            &mut body,
            &[
                r#"{"error":{"message":""#,
                failure.message,
                r#"","type":""#,
                failure.openai_type,
                r#"","param":null,"code":null}}"#,
            ],
        ),
        Dialect::Anthropic => put(
            &mut body,
            &[
                r#"{"type":"error","error":{"type":""#,
                failure.anthropic_type,
                r#"","message":""#,
                failure.message,
                r#""},"request_id":"req_mock"}"#,
            ],
        ),
    }
    put(out, &["HTTP/1.1 ", itoa::Buffer::new().format(failure.status), " ", failure.reason, "\r\n"]);
    if let Some(seconds) = failure.retry_after_s {
        put(out, &["retry-after: ", itoa::Buffer::new().format(seconds), "\r\n"]);
    }
    finish(out, "application/json", &body);
}

/// A web page where JSON was due.
pub(crate) fn html(out: &mut Vec<u8>, status_line: &str) {
    put(out, &["HTTP/1.1 ", status_line, "\r\n"]);
    finish(out, "text/html", HTML.as_bytes());
}

/// Any JSON.
pub(crate) fn json(out: &mut Vec<u8>, body: &str) {
    put(out, &["HTTP/1.1 200 OK\r\n"]);
    finish(out, "application/json", body.as_bytes());
}

/// The events before the first content, one chunk.
pub(crate) fn stream_opening(out: &mut Vec<u8>, dialect: Dialect, ask: &Ask<'_>, serial: u64, tool: bool) {
    chunk(out, |out| match dialect {
        Dialect::OpenAi => {
            openai_event(out, ask, serial, r#"{"role":"assistant","content":"","refusal":null}"#, "null")
        }
        Dialect::Anthropic => {
            put(out, &["event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_mock"]);
            put_serial(out, serial);
            put(out, &[r#"","type":"message","role":"assistant","model":""#, name(ask)]);
            put(out, &[r#"","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":"#]);
            put(
                out,
                &[
                    PROMPT_TOKENS,
                    r#","cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}}"#,
                ],
            );
            put(out, &["\n\nevent: content_block_start\n"]);
            put(out, &[r#"data: {"type":"content_block_start","index":0,"content_block":"#]);
            put(out, &[if tool { ANTHROPIC_TOOL_BLOCK } else { r#"{"type":"text","text":""}"# }]);
            put(out, &["}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n"]);
        }
    });
}

/// One content event; the first one carries the nonce.
pub(crate) fn stream_delta(out: &mut Vec<u8>, dialect: Dialect, ask: &Ask<'_>, serial: u64, index: u32) {
    let nonce = if index == 0 { ask.nonce } else { "" };
    let word = itoa::Buffer::new().format(index).to_owned();
    chunk(out, |out| match dialect {
        Dialect::OpenAi => {
            let mut delta = Vec::with_capacity(96);
            put(&mut delta, &[r#"{"content":""#, nonce, " token ", &word, r#""}"#]);
            openai_event(out, ask, serial, std::str::from_utf8(&delta).unwrap_or("{}"), "null");
        }
        Dialect::Anthropic => {
            put(out, &["event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"]);
            put(out, &["\"delta\":{\"type\":\"text_delta\",\"text\":\"", nonce, " token ", &word, "\"}}\n\n"]);
        }
    });
}

/// One fragment of a tool call's arguments.
pub(crate) fn stream_tool_delta(out: &mut Vec<u8>, dialect: Dialect, ask: &Ask<'_>, serial: u64, index: usize) {
    const FRAGMENTS: [&str; TOOL_FRAGMENTS] = ["", r#"{\"city\":"#, r#" \"Par"#, r#"is\"}"#];
    let fragment = FRAGMENTS[index];
    chunk(out, |out| match dialect {
        Dialect::OpenAi => {
            let mut delta = Vec::with_capacity(192);
            put(&mut delta, &[r#"{"tool_calls":[{"index":0,"#]);
            if index == 0 {
                put(
                    &mut delta,
                    &[r#""id":"call_mock","type":"function","function":{"name":"get_weather","arguments":"#],
                );
            } else {
                put(&mut delta, &[r#""function":{"arguments":"#]);
            }
            put(&mut delta, &["\"", fragment, "\"}}]}"]);
            openai_event(out, ask, serial, std::str::from_utf8(&delta).unwrap_or("{}"), "null");
        }
        Dialect::Anthropic => {
            put(out, &["event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"]);
            put(out, &["\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"", fragment, "\"}}\n\n"]);
        }
    });
}

/// How many calls of [`stream_tool_delta`] make a whole call.
pub(crate) const TOOL_FRAGMENTS: usize = 4;

/// The events after the last content: why it ended, the usage, and the end mark if `with_mark`.
pub(crate) fn stream_closing(
    out: &mut Vec<u8>,
    dialect: Dialect,
    ask: &Ask<'_>,
    serial: u64,
    tool: bool,
    with_mark: bool,
) {
    chunk(out, |out| match dialect {
        Dialect::OpenAi => {
            openai_event(out, ask, serial, "{}", if tool { r#""tool_calls""# } else { r#""stop""# });
            if ask.include_usage {
                openai_event_start(out, ask, serial);
                put(out, &[r#""choices":[],"usage":"#, OPENAI_USAGE, "}\n\n"]);
            }
            if with_mark {
                put(out, &["data: [DONE]\n\n"]);
            }
        }
        Dialect::Anthropic => {
            put(out, &["event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"]);
            put(out, &["event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\""]);
            put(out, &[if tool { "tool_use" } else { "end_turn" }, "\",\"stop_sequence\":null},"]);
            put(out, &["\"usage\":{\"output_tokens\":", ANSWER_TOKENS, "}}\n\n"]);
            if with_mark {
                put(out, &["event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"]);
            }
        }
    });
}

const OPENAI_USAGE: &str = r#"{"prompt_tokens":24,"completion_tokens":160,"total_tokens":184,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#;
const ANTHROPIC_TOOL_BLOCK: &str = r#"{"type":"tool_use","id":"toolu_mock","name":"get_weather","input":{}}"#;

fn openai_body(out: &mut Vec<u8>, text: &str, ask: &Ask<'_>, serial: u64) {
    openai_start(out, ask, serial);
    put(out, &[r#"{"role":"assistant","content":""#, ask.nonce, " ", text, r#"","refusal":null,"annotations":[]}"#]);
    openai_end(out, "stop");
}

fn openai_tool_body(out: &mut Vec<u8>, ask: &Ask<'_>, serial: u64) {
    openai_start(out, ask, serial);
    put(out, &[r#"{"role":"assistant","content":null,"tool_calls":[{"id":"call_mock","type":"function","function":"#]);
    put(out, &[r#"{"name":"get_weather","arguments":"{\"city\": \"Paris\"}"}}],"refusal":null,"annotations":[]}"#]);
    openai_end(out, "tool_calls");
}

fn openai_start(out: &mut Vec<u8>, ask: &Ask<'_>, serial: u64) {
    put(out, &[r#"{"id":"chatcmpl-mock"#]);
    put_serial(out, serial);
    put(out, &[r#"","object":"chat.completion","created":"#, CREATED_S, r#","model":""#, name(ask)]);
    put(out, &[r#"","choices":[{"index":0,"message":"#]);
}

fn openai_end(out: &mut Vec<u8>, finish_reason: &str) {
    put(out, &[r#","logprobs":null,"finish_reason":""#, finish_reason, r#""}],"usage":"#, OPENAI_USAGE]);
    put(out, &[r#","service_tier":"default","system_fingerprint":"fp_mock"}"#]);
}

fn openai_event_start(out: &mut Vec<u8>, ask: &Ask<'_>, serial: u64) {
    put(out, &[r#"data: {"id":"chatcmpl-mock"#]);
    put_serial(out, serial);
    put(out, &[r#"","object":"chat.completion.chunk","created":"#, CREATED_S, r#","model":""#, name(ask)]);
    put(out, &[r#"","service_tier":"default","system_fingerprint":"fp_mock","#]);
}

fn openai_event(out: &mut Vec<u8>, ask: &Ask<'_>, serial: u64, delta: &str, finish_reason: &str) {
    openai_event_start(out, ask, serial);
    put(out, &[r#""choices":[{"index":0,"delta":"#, delta, r#","logprobs":null,"finish_reason":"#, finish_reason]);
    put(out, &[if ask.include_usage { r#"}],"usage":null}"# } else { "}]}" }, "\n\n"]);
}

fn anthropic_body(out: &mut Vec<u8>, text: &str, ask: &Ask<'_>, serial: u64) {
    anthropic_start(out, ask, serial);
    put(out, &[r#"{"type":"text","text":""#, ask.nonce, " ", text, r#""}"#]);
    anthropic_end(out, "end_turn");
}

fn anthropic_tool_body(out: &mut Vec<u8>, ask: &Ask<'_>, serial: u64) {
    anthropic_start(out, ask, serial);
    put(out, &[r#"{"type":"tool_use","id":"toolu_mock","name":"get_weather","input":{"city":"Paris"}}"#]);
    anthropic_end(out, "tool_use");
}

fn anthropic_start(out: &mut Vec<u8>, ask: &Ask<'_>, serial: u64) {
    put(out, &[r#"{"id":"msg_mock"#]);
    put_serial(out, serial);
    put(out, &[r#"","type":"message","role":"assistant","model":""#, name(ask), r#"","content":["#]);
}

fn anthropic_end(out: &mut Vec<u8>, stop_reason: &str) {
    put(
        out,
        &[r#"],"stop_reason":""#, stop_reason, r#"","stop_sequence":null,"usage":{"input_tokens":"#, PROMPT_TOKENS],
    );
    put(out, &[r#","cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":"#, ANSWER_TOKENS]);
    put(out, &[r#","service_tier":"standard"}}"#]);
}

/// The requested model if it can stand in JSON as it is.
fn name<'a>(ask: &'a Ask<'_>) -> &'a str {
    let safe = ask.model.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    if safe { &ask.model } else { "mock" }
}

fn json_answer(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    put(out, &["HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_mock\r\n"]);
    put(out, &["x-ratelimit-remaining-requests: 9999\r\ncontent-length: "]);
    counted(out, |length, field| write!(field, "{length}"), "\r\n\r\n", body);
}

fn finish(out: &mut Vec<u8>, content_type: &str, body: &[u8]) {
    put(out, &["content-type: ", content_type, "\r\nx-request-id: req_mock\r\ncontent-length: "]);
    put(out, &[itoa::Buffer::new().format(body.len()), "\r\n\r\n"]);
    out.extend_from_slice(body);
}

fn chunk(out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) {
    counted(out, |length, field| write!(field, "{length:x}"), "\r\n", payload);
    put(out, &["\r\n"]);
}

/// Writes the payload's length, what stands between, and the payload, without rendering the payload
/// elsewhere first: room for the length is left and closed up afterwards.
fn counted(
    out: &mut Vec<u8>,
    format: impl FnOnce(usize, &mut &mut [u8]) -> std::io::Result<()>,
    between: &str,
    payload: impl FnOnce(&mut Vec<u8>),
) {
    const ROOM: usize = 8;
    let length_at = out.len();
    out.extend_from_slice(&[b' '; ROOM]);
    put(out, &[between]);
    let payload_at = out.len();
    payload(out);
    let length = out.len() - payload_at;
    let mut room = &mut out[length_at..length_at + ROOM];
    format(length, &mut room).expect("answers stay below ROOM digits of bytes, see ANSWER_BYTES_MAX");
    let spare = room.len();
    out.drain(length_at + ROOM - spare..length_at + ROOM);
}

fn put(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

fn put_serial(out: &mut Vec<u8>, serial: u64) {
    let mut digits = [b'0'; 12];
    let mut rest = serial;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunked::Chunked;
    use serde_json::Value;

    fn ask(nonce: &str) -> Ask<'_> {
        Ask { model: "gpt-4o-mini".into(), stream: true, include_usage: true, nonce }
    }

    fn body(answer: &[u8]) -> Value {
        let text = std::str::from_utf8(answer).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let length = head.split("content-length: ").nth(1).expect("a length");
        let length: usize = length.split("\r\n").next().expect("a value").parse().expect("a number");
        assert_eq!(length, body.len());
        serde_json::from_str(body).expect("JSON")
    }

    fn events(render: impl Fn(&mut Vec<u8>)) -> (Vec<Value>, String) {
        let mut out = Vec::new();
        render(&mut out);
        out.extend_from_slice(LAST_CHUNK);
        let mut decoded = Vec::new();
        let mut chunked = Chunked::default();
        assert_eq!(chunked.feed(&out, &mut decoded), Ok(out.len()));
        assert!(chunked.complete());
        let text = String::from_utf8(decoded).expect("text");
        let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
        (data.map(|data| serde_json::from_str(data).expect("JSON")).collect(), text)
    }

    #[test]
    fn whole_answers_are_json_of_the_size_asked_for() {
        let answers = Answers::sized(1024);
        for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
            let mut out = Vec::new();
            answers.whole(&mut out, dialect, &ask("0123456789abcdef"), 42);
            let text = body(&out).to_string();
            assert!(text.contains("0123456789abcdef The answer"), "{text}");
            assert!((700..=1024).contains(&text.len()), "{} bytes", text.len());
        }
        let mut out = Vec::new();
        answers.tool_call(&mut out, Dialect::OpenAi, &ask(""), 1);
        let arguments = &body(&out)["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"];
        assert_eq!(arguments, r#"{"city": "Paris"}"#);
        out.clear();
        answers.tool_call(&mut out, Dialect::Anthropic, &ask(""), 1);
        assert_eq!(body(&out)["content"][0]["input"]["city"], "Paris");
    }

    #[test]
    fn failures_have_the_dialect_s_shape() {
        let mut out = Vec::new();
        failure(&mut out, Dialect::OpenAi, &RATE_LIMITED);
        assert_eq!(body(&out)["error"]["type"], "rate_limit_exceeded");
        assert!(out.starts_with(b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\n"));
        out.clear();
        failure(&mut out, Dialect::Anthropic, &UNAVAILABLE);
        assert_eq!(body(&out)["error"]["type"], "overloaded_error");
    }

    #[test]
    fn openai_streams_carry_usage_only_when_asked() {
        for include_usage in [true, false] {
            let ask = Ask { include_usage, ..ask("ab12") };
            let (events, text) = events(|out| {
                stream_opening(out, Dialect::OpenAi, &ask, 1, false);
                stream_delta(out, Dialect::OpenAi, &ask, 1, 0);
                stream_closing(out, Dialect::OpenAi, &ask, 1, false, true);
            });
            assert_eq!(events.len(), if include_usage { 4 } else { 3 });
            assert_eq!(events[1]["choices"][0]["delta"]["content"], "ab12 token 0");
            assert_eq!(events.iter().any(|event| event["usage"]["total_tokens"] == 184), include_usage);
            assert!(text.ends_with("data: [DONE]\n\n"));
        }
    }

    #[test]
    fn tool_fragments_join_to_the_arguments() {
        let ask = ask("");
        let (events, _) = events(|out| {
            stream_opening(out, Dialect::Anthropic, &ask, 1, true);
            for index in 0..TOOL_FRAGMENTS {
                stream_tool_delta(out, Dialect::Anthropic, &ask, 1, index);
            }
            stream_closing(out, Dialect::Anthropic, &ask, 1, true, false);
        });
        let joined: String = events.iter().filter_map(|event| event["delta"]["partial_json"].as_str()).collect();
        assert_eq!(joined, r#"{"city": "Paris"}"#);
        assert_eq!(events[1]["content_block"]["name"], "get_weather");
        assert!(events.iter().all(|event| event["type"] != "message_stop"));
    }
}
