//! The embedded demo provider: an OpenAI-compatible model without a model, so that the first request
//! works before any key exists.
//!
//! It is a real server on a loopback port of the kernel's choosing, because then a demo request travels
//! the whole forwarding path. Answers are deterministic. Plain threads and blocking sockets: it serves a
//! person trying things out, not load.
//!
//! | model | behaviour |
//! |---|---|
//! | `demo-down` | refuses every request with 503, to watch a failover |
//! | anything else | answers after the configured delay |
//!
//! Declared tools are called when the request demands it (`tool_choice`) or the prompt names one.

use crate::wire::http1::Framing;
use crate::wire::http1::HeadLimits;
use crate::wire::http1::HeadStep;
use crate::wire::http1::RequestHead;
use crate::wire::http1::parse_request_head;
use serde_json::Value;
use serde_json::json;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::time::Duration;

const BODY_BYTES_MAX: u64 = 32 * 1024 * 1024;
const CONNECTIONS_MAX: usize = 64;
/// Reads well and lets a person see the stream arrive.
const STREAM_GAP: Duration = Duration::from_millis(15);

/// Starts the provider; requests are answered after `delay`.
pub fn start(delay: Duration) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let seats = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    std::thread::Builder::new().name("demo".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            use std::sync::atomic::Ordering::Relaxed;
            if seats.fetch_add(1, Relaxed) >= CONNECTIONS_MAX {
                seats.fetch_sub(1, Relaxed);
                continue;
            }
            let taken = std::sync::Arc::clone(&seats);
            let served = std::thread::Builder::new().name("demo-conn".to_owned()).spawn(move || {
                let _ = serve(stream, delay);
                taken.fetch_sub(1, Relaxed);
            });
            if served.is_err() {
                seats.fetch_sub(1, Relaxed);
            }
        }
    })?;
    Ok(address)
}

fn serve(mut stream: TcpStream, delay: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let limits = HeadLimits { request_line_bytes: 8192, head_bytes: 65536, fields: 100 };
    let mut input = Vec::new();
    loop {
        let mut head = RequestHead::default();
        let Some(body) = read_request(&mut stream, &mut input, &limits, &mut head)? else { return Ok(()) };
        let path = head.path(&input).to_owned();
        let request: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        input.drain(..head.head_bytes + body.len());
        std::thread::sleep(delay);
        if path != "/v1/chat/completions" {
            respond(&mut stream, 404, &error("the demo provider has chat completions only", "not_found"))?;
        } else if request["model"] == "demo-down" {
            respond(&mut stream, 503, &error("this model of the demo provider is always down", "overloaded"))?;
        } else if request["stream"] == true {
            respond_streamed(&mut stream, &request)?;
        } else {
            respond(&mut stream, 200, &whole(&request))?;
        }
    }
}

fn read_request(
    stream: &mut TcpStream,
    input: &mut Vec<u8>,
    limits: &HeadLimits,
    head: &mut RequestHead,
) -> io::Result<Option<Vec<u8>>> {
    let mut piece = [0u8; 16 * 1024];
    loop {
        match parse_request_head(input, limits, head) {
            HeadStep::Bad(_) => return Ok(None),
            HeadStep::Done => {
                let Framing::Length(length @ 1..=BODY_BYTES_MAX) = head.framing else { return Ok(None) };
                let end = head.head_bytes + length as usize;
                if input.len() >= end {
                    return Ok(Some(input[head.head_bytes..end].to_vec()));
                }
            }
            HeadStep::NeedMore => {}
        }
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(None);
        }
        input.extend_from_slice(&piece[..read]);
    }
}

fn respond(stream: &mut TcpStream, status: u16, body: &Value) -> io::Result<()> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} Demo\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes())
}

fn respond_streamed(stream: &mut TcpStream, request: &Value) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")?;
    for event in events(request) {
        let data = format!("data: {event}\n\n");
        stream.write_all(format!("{:x}\r\n{data}\r\n", data.len()).as_bytes())?;
        std::thread::sleep(STREAM_GAP);
    }
    stream.write_all(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
}

fn error(message: &str, code: &str) -> Value {
    json!({"error": {"message": message, "type": "server_error", "param": null, "code": code}})
}

/// What the demo model says: a text, or calls of tools.
enum Reply {
    Text(String),
    Call { name: String, arguments: String },
}

fn whole(request: &Value) -> Value {
    let reply = reply(request);
    let (message, finish) = match &reply {
        Reply::Text(text) => (json!({"role": "assistant", "content": text, "refusal": null}), "stop"),
        Reply::Call { name, arguments } => {
            let call = json!({"id": "call_demo_0", "type": "function",
                "function": {"name": name, "arguments": arguments}});
            (json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": [call]}), "tool_calls")
        }
    };
    json!({
        "id": "chatcmpl-demo", "object": "chat.completion", "created": 0, "model": request["model"],
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish}],
        "usage": usage(request, &reply),
    })
}

fn events(request: &Value) -> Vec<String> {
    let reply = reply(request);
    let chunk = |delta: Value, finish: Value| {
        json!({"id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 0, "model": request["model"],
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]})
        .to_string()
    };
    let mut events = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    let finish = match &reply {
        Reply::Text(text) => {
            events.extend(text.split_inclusive(' ').map(|word| chunk(json!({"content": word}), Value::Null)));
            "stop"
        }
        Reply::Call { name, arguments } => {
            let call = |function: Value| json!({"tool_calls": [{"index": 0, "function": function}]});
            let mut begin = call(json!({"name": name, "arguments": ""}));
            begin["tool_calls"][0]["id"] = json!("call_demo_0");
            begin["tool_calls"][0]["type"] = json!("function");
            events.push(chunk(begin, Value::Null));
            events.push(chunk(call(json!({"arguments": arguments})), Value::Null));
            "tool_calls"
        }
    };
    events.push(chunk(json!({}), json!(finish)));
    if request["stream_options"]["include_usage"] == true {
        let mut last: Value = json!({"id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 0,
            "model": request["model"], "choices": []});
        last["usage"] = usage(request, &reply);
        events.push(last.to_string());
    }
    events
}

/// About four bytes to a token, as English has it.
fn usage(request: &Value, reply: &Reply) -> Value {
    let said = match reply {
        Reply::Text(text) => text.len(),
        Reply::Call { name, arguments } => name.len() + arguments.len(),
    };
    let asked = request["messages"].to_string().len().div_ceil(4);
    let said = said.div_ceil(4);
    json!({"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said})
}

fn reply(request: &Value) -> Reply {
    let prompt = last_user_text(request);
    if let Some(name) = wanted_tool(request, &prompt) {
        return Reply::Call { name, arguments: json!({"input": prompt}).to_string() };
    }
    let last = request["messages"].as_array().and_then(|messages| messages.last());
    if let Some(result) = last.filter(|last| last["role"] == "tool") {
        return Reply::Text(format!("The tool said: {}", text_of(&result["content"])));
    }
    let lower = prompt.to_lowercase();
    let known = FACTS.iter().find(|(words, _)| words.iter().all(|word| lower.contains(word)));
    Reply::Text(match known {
        Some((_, answer)) => (*answer).to_owned(),
        None => format!("This is Ringgate's demo provider; it has no model behind it. You said: {prompt}"),
    })
}

/// The tool that the request demands or the prompt names, unless its result is already there.
fn wanted_tool(request: &Value, prompt: &str) -> Option<String> {
    let tools = request["tools"].as_array()?;
    let names = || tools.iter().filter_map(|tool| tool["function"]["name"].as_str());
    let messages = request["messages"].as_array()?;
    if messages.last().is_some_and(|last| last["role"] == "tool") || request["tool_choice"] == "none" {
        return None;
    }
    if let Some(forced) = request["tool_choice"]["function"]["name"].as_str() {
        return Some(forced.to_owned());
    }
    let named = names().find(|name| prompt.contains(*name));
    let demanded = (request["tool_choice"] == "required").then(|| names().next()).flatten();
    named.or(demanded).map(str::to_owned)
}

fn last_user_text(request: &Value) -> String {
    let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let last = messages.iter().rev().find(|message| message["role"] == "user");
    last.map(|message| text_of(&message["content"])).unwrap_or_default()
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

/// The little the demo model knows: enough for a tour.
const FACTS: &[(&[&str], &str)] = &[
    (&["capital", "france"], "The capital of France is Paris."),
    (&["capital", "germany"], "The capital of Germany is Berlin."),
    (&["capital", "italy"], "The capital of Italy is Rome."),
    (&["boil", "water"], "At sea level, water boils at 100 °C (212 °F)."),
    (&["speed", "light"], "Light travels at 299,792,458 metres per second in a vacuum."),
    (&["largest", "planet"], "Jupiter is the largest planet of the Solar System."),
    (&["hello"], "Hello from Ringgate's demo provider!"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(prompt: &str) -> Value {
        json!({"model": "demo", "messages": [{"role": "user", "content": prompt}]})
    }

    #[test]
    fn answers_are_deterministic_and_streams_say_the_same() {
        let request = ask("What is the capital of France?");
        let text = whole(&request)["choices"][0]["message"]["content"].as_str().expect("text").to_owned();
        assert_eq!(text, "The capital of France is Paris.");
        let streamed: String = events(&request)
            .iter()
            .filter_map(|event| {
                let event: Value = serde_json::from_str(event).expect("json");
                event["choices"][0]["delta"]["content"].as_str().map(str::to_owned)
            })
            .collect();
        assert_eq!(streamed, text);
    }

    #[test]
    fn tools_are_called_when_demanded_and_their_results_are_used() {
        let mut request = ask("what is the weather?");
        request["tools"] = json!([{"type": "function", "function": {"name": "get_weather"}}]);
        assert!(whole(&request)["choices"][0]["message"].get("tool_calls").is_none());
        request["tool_choice"] = json!("required");
        assert_eq!(whole(&request)["choices"][0]["finish_reason"], "tool_calls");
        request["messages"].as_array_mut().expect("array").push(json!({"role": "tool", "content": "sunny"}));
        assert_eq!(whole(&request)["choices"][0]["message"]["content"], "The tool said: sunny");
    }
}
