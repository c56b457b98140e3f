//! The wire formats, written and read independently of the gateway's own code: requests of clients,
//! answers of providers, and what a client understands of what it was sent.

use super::plan::KEYS;
use super::plan::RequestPlan;
use super::plan::Tongue;
use super::plan::Upload;
use super::plan::Want;
use serde_json::Value;
use serde_json::json;

/// What a provider says to one request.
#[derive(Clone, Debug)]
pub struct Words {
    pub id: String,
    pub model: String,
    pub text: String,
    pub input_tokens: u64,
    pub output_tokens: u64,
}

/// What a client understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Understood {
    pub id: String,
    pub text: String,
    /// The dialect's proper end was seen.
    pub ended: bool,
    /// The answer says why it finished.
    pub finished: bool,
    /// An error was told.
    pub error: Option<String>,
    pub usage: Option<(u64, u64)>,
    /// What comes after the last complete event.
    pub ragged: bool,
}

/// The words of a prompt: a nonce that no other prompt of the history holds, and something to ask. The
/// spellings of one prompt ask the same.
pub fn prompt(seed: u64, number: usize, spelling: usize) -> String {
    let nonce = nonce(seed, number);
    match spelling {
        0 => format!("What is the capital of {nonce}?"),
        1 => format!("what is the capital of {nonce}"),
        _ => format!("What is the capital of {nonce} ?"),
    }
}

/// A word for prompt `number`; words of different numbers share next to no letters.
pub fn nonce(seed: u64, number: usize) -> String {
    let letters: &[u8] = [b"bdfgh".as_slice(), b"jklmn", b"prstv", b"wxzcq"][number % 4];
    let mut rest = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let mut word = String::new();
    for place in 0..8 {
        word.push(char::from(letters[(rest % 5) as usize]));
        rest /= 5;
        word.push(char::from(b"aeiou"[(place + number) % 5]));
    }
    word
}

/// The secret of key number `key` and the line of the configuration that knows it.
pub fn secret(key: usize) -> ringgate::keys::NewKey {
    ringgate::keys::generate(&[key as u8 + 1; 32])
}

fn model_of(request: &RequestPlan) -> &'static str {
    if request.want == Want::UnknownModel { "nobody-serves-this" } else { request.model.name }
}

/// The body of a chat request.
pub fn chat_body(seed: u64, request: &RequestPlan) -> String {
    let text = prompt(seed, request.prompt, request.spelling);
    let model = model_of(request);
    let said = json!([{"role": "user", "content": text}]);
    let mut body = match request.tongue {
        Tongue::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": text}]}]}),
        Tongue::Responses => json!({"model": model, "input": said}),
        Tongue::OpenAi | Tongue::Anthropic => json!({"model": model, "messages": said}),
    };
    if let Some(bound) = request.bound() {
        match request.tongue {
            Tongue::Gemini => body["generationConfig"] = json!({"maxOutputTokens": bound}),
            Tongue::Responses => body["max_output_tokens"] = json!(bound),
            Tongue::OpenAi | Tongue::Anthropic => body["max_tokens"] = json!(bound),
        }
    }
    if request.stream && request.tongue != Tongue::Gemini {
        body["stream"] = json!(true);
        if request.include_usage && request.tongue == Tongue::OpenAi {
            body["stream_options"] = json!({"include_usage": true});
        }
    }
    body.to_string()
}

/// The bytes of a request.
pub fn request(seed: u64, key: usize, request: &RequestPlan) -> Vec<u8> {
    let verb = if request.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    let path_of_gemini = format!("/v1beta/models/{}:{verb}", model_of(request));
    let (method, path, body) = match (request.want, request.tongue) {
        (Want::Models, _) => ("GET", "/v1/models", String::new()),
        (Want::Alive, _) => ("GET", "/livez", String::new()),
        (Want::BadJson, _) => ("POST", "/v1/chat/completions", "{\"model\": \"fast\", \"messages\": [".to_owned()),
        (_, Tongue::OpenAi) => ("POST", "/v1/chat/completions", chat_body(seed, request)),
        (_, Tongue::Responses) => ("POST", "/openai/v1/responses", chat_body(seed, request)),
        (_, Tongue::Anthropic) => ("POST", "/anthropic/v1/messages", chat_body(seed, request)),
        (_, Tongue::Gemini) => ("POST", path_of_gemini.as_str(), chat_body(seed, request)),
    };
    let version = if request.http10 { "1.0" } else { "1.1" };
    let mut head = format!("{method} {path} HTTP/{version}\r\nhost: gateway\r\n");
    let secret = if request.want == Want::WrongKey { secret(KEYS.len() + 7).secret } else { secret(key).secret };
    match (request.want, request.tongue) {
        (Want::NoKey, _) => {}
        (_, Tongue::OpenAi | Tongue::Responses) => head.push_str(&format!("authorization: Bearer {secret}\r\n")),
        (_, Tongue::Anthropic) => head.push_str(&format!("x-api-key: {secret}\r\nanthropic-version: 2023-06-01\r\n")),
        (_, Tongue::Gemini) => head.push_str(&format!("x-goog-api-key: {secret}\r\n")),
    }
    head.push_str(&format!("x-request-id: sim-{0}\r\ntraceparent: sim-{0}\r\n", request.id));
    if request.want == Want::BadHead {
        head.push_str("host: elsewhere\r\n");
    }
    if request.no_cache {
        head.push_str("cache-control: no-cache\r\n");
    }
    if let Some(timeout) = request.timeout {
        head.push_str(&format!("x-ringgate-timeout-ms: {}\r\n", timeout.as_millis()));
    }
    if request.close {
        head.push_str("connection: close\r\n");
    }
    if method == "GET" {
        return format!("{head}\r\n").into_bytes();
    }
    match request.upload {
        Upload::Chunked => {
            let (first, second) = body.split_at(body.len() / 3);
            let chunks = [first, second].map(|part| format!("{:x}\r\n{part}\r\n", part.len())).concat();
            format!("{head}transfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n").into_bytes()
        }
        Upload::Expecting => {
            format!("{head}expect: 100-continue\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
        }
        Upload::Length => format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes(),
    }
}

/// A provider's whole answer.
pub fn whole(tongue: Tongue, words: &Words) -> String {
    let (input, output) = (words.input_tokens, words.output_tokens);
    match tongue {
        Tongue::OpenAi => json!({
            "id": words.id, "object": "chat.completion", "created": 1_700_000_001, "model": words.model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": words.text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output},
        }),
        Tongue::Anthropic => json!({
            "id": words.id, "type": "message", "role": "assistant", "model": words.model,
            "content": [{"type": "text", "text": words.text}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": input, "output_tokens": output},
        }),
        Tongue::Gemini => json!({
            "candidates": [{"content": {"parts": [{"text": words.text}], "role": "model"}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": usage_of_gemini(words), "modelVersion": words.model, "responseId": words.id,
        }),
        Tongue::Responses => unreachable!("no provider of the simulation speaks it"),
    }
    .to_string()
}

/// A provider's error.
pub fn error(tongue: Tongue, kind: &str, message: &str) -> String {
    match tongue {
        Tongue::OpenAi | Tongue::Responses => {
            json!({"error": {"message": message, "type": kind, "param": null, "code": null}})
        }
        Tongue::Anthropic => json!({"type": "error", "error": {"type": kind, "message": message}}),
        Tongue::Gemini => json!({"error": {"code": 500, "message": message, "status": kind}}),
    }
    .to_string()
}

/// A provider's stream, in parts.
pub struct Streamed {
    /// Before the first content.
    pub opening: Vec<String>,
    /// One event per piece of text.
    pub content: Vec<String>,
    /// Says that the answer is finished and what it cost.
    pub finish: Vec<String>,
    /// The dialect's end.
    pub end: String,
    /// The same of an answer that never said why it finished.
    pub unfinished: String,
    /// An error in the stream.
    pub error: String,
}

/// The words as a stream, its text in `pieces`.
pub fn streamed(tongue: Tongue, words: &Words, pieces: &[&str]) -> Streamed {
    match tongue {
        Tongue::OpenAi => streamed_openai(words, pieces),
        Tongue::Anthropic => streamed_anthropic(words, pieces),
        Tongue::Gemini => streamed_gemini(words, pieces),
        Tongue::Responses => unreachable!("no provider of the simulation speaks it"),
    }
}

fn streamed_openai(words: &Words, pieces: &[&str]) -> Streamed {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({"id": words.id, "object": "chat.completion.chunk", "created": 1_700_000_001,
            "model": words.model, "choices": choices, "usage": usage});
        format!("data: {chunk}\n\n")
    };
    let delta = |delta: Value, finish: Value| {
        chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish}]), Value::Null)
    };
    let (input, output) = (words.input_tokens, words.output_tokens);
    let usage = json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output});
    Streamed {
        opening: vec![delta(json!({"role": "assistant", "content": ""}), Value::Null)],
        content: pieces.iter().map(|piece| delta(json!({"content": piece}), Value::Null)).collect(),
        finish: vec![delta(json!({}), json!("stop")), chunk(json!([]), usage)],
        end: "data: [DONE]\n\n".to_owned(),
        unfinished: "data: [DONE]\n\n".to_owned(),
        error: format!("data: {}\n\n", error(Tongue::OpenAi, "server_error", "lost the thread")),
    }
}

fn streamed_anthropic(words: &Words, pieces: &[&str]) -> Streamed {
    let event =
        |body: Value| format!("event: {}\ndata: {body}\n\n", body["type"].as_str().expect("every event has a type"));
    let message = json!({"id": words.id, "type": "message", "role": "assistant", "model": words.model, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": words.input_tokens, "output_tokens": 1}});
    let content = |piece: &&str| {
        event(json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}))
    };
    Streamed {
        opening: vec![
            event(json!({"type": "message_start", "message": message})),
            event(json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})),
            event(json!({"type": "ping"})),
        ],
        content: pieces.iter().map(content).collect(),
        finish: vec![
            event(json!({"type": "content_block_stop", "index": 0})),
            event(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
                "usage": {"output_tokens": words.output_tokens}})),
        ],
        end: event(json!({"type": "message_stop"})),
        unfinished: event(json!({"type": "message_stop"})),
        error: format!("event: error\ndata: {}\n\n", error(Tongue::Anthropic, "overloaded_error", "lost the thread")),
    }
}

fn usage_of_gemini(words: &Words) -> Value {
    let (input, output) = (words.input_tokens, words.output_tokens);
    json!({"promptTokenCount": input, "candidatesTokenCount": output, "totalTokenCount": input + output})
}

/// The last chunk says why the answer finished, and what it cost: there is no other end.
fn streamed_gemini(words: &Words, pieces: &[&str]) -> Streamed {
    let chunk = |text: &str, finish: Option<&str>| {
        let mut candidate = json!({"content": {"parts": [{"text": text}], "role": "model"}, "index": 0});
        if let Some(finish) = finish {
            candidate["finishReason"] = finish.into();
        }
        let chunk = json!({"candidates": [candidate], "usageMetadata": usage_of_gemini(words),
            "modelVersion": words.model, "responseId": words.id});
        format!("data: {chunk}\n\n")
    };
    Streamed {
        opening: vec![chunk("", None)],
        content: pieces.iter().map(|piece| chunk(piece, None)).collect(),
        finish: Vec::new(),
        end: chunk("", Some("STOP")),
        unfinished: chunk("", None),
        error: format!("data: {}\n\n", error(Tongue::Gemini, "INTERNAL", "lost the thread")),
    }
}

/// What a provider is asked.
pub struct Asked {
    pub prompt: String,
    pub model: String,
    pub stream: bool,
}

/// Reads a request that the gateway sent.
pub fn asked(tongue: Tongue, head: &str, body: &Value) -> Asked {
    if tongue != Tongue::Gemini {
        let content = &body["messages"][0]["content"];
        let prompt = content.as_str().or(content[0]["text"].as_str()).expect("the prompt is a text").to_owned();
        return Asked {
            prompt,
            model: body["model"].as_str().unwrap_or_default().to_owned(),
            stream: body["stream"] == true,
        };
    }
    let path = head.split(' ').nth(1).expect("a request has a path");
    let (model, verb) = path.rsplit_once(':').expect("the path ends with a verb");
    Asked {
        prompt: text_of(&body["contents"][0]["parts"][0]["text"]).expect("the prompt is a text"),
        model: model.rsplit('/').next().unwrap_or_default().to_owned(),
        stream: verb == "streamGenerateContent?alt=sse",
    }
}

/// Reads a whole answer or an error envelope, strictly.
pub fn understand_whole(tongue: Tongue, body: &[u8]) -> Result<Understood, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| format!("not JSON: {error}"))?;
    let mut said = Understood { ended: true, ..Understood::default() };
    if !value["error"].is_null() {
        said.error = Some(error_message(tongue, &value)?);
        return Ok(said);
    }
    said.id = text_of(&value[if tongue == Tongue::Gemini { "responseId" } else { "id" }])?;
    let (text, finish, input, output) = match tongue {
        Tongue::Gemini => (
            &value["candidates"][0]["content"]["parts"][0]["text"],
            &value["candidates"][0]["finishReason"],
            &value["usageMetadata"]["promptTokenCount"],
            &value["usageMetadata"]["candidatesTokenCount"],
        ),
        Tongue::OpenAi => (
            &value["choices"][0]["message"]["content"],
            &value["choices"][0]["finish_reason"],
            &value["usage"]["prompt_tokens"],
            &value["usage"]["completion_tokens"],
        ),
        Tongue::Anthropic => (
            &value["content"][0]["text"],
            &value["stop_reason"],
            &value["usage"]["input_tokens"],
            &value["usage"]["output_tokens"],
        ),
        Tongue::Responses => (
            &value["output"][0]["content"][0]["text"],
            &value["status"],
            &value["usage"]["input_tokens"],
            &value["usage"]["output_tokens"],
        ),
    };
    said.text = text_of(text)?;
    said.finished = finish.is_string() && *finish != "in_progress";
    said.usage = input.as_u64().zip(output.as_u64());
    Ok(said)
}

/// Reads a stream, whole or not, strictly.
pub fn understand_stream(tongue: Tongue, body: &[u8]) -> Result<Understood, String> {
    let mut said = Understood::default();
    let complete = body.windows(2).rposition(|pair| pair == b"\n\n").map_or(0, |at| at + 2);
    said.ragged = complete < body.len();
    let text = std::str::from_utf8(&body[..complete]).map_err(|error| error.to_string())?;
    for event in text.split_terminator("\n\n") {
        if said.ended || said.error.is_some() {
            return Err(format!("an event after the end: {event}"));
        }
        match tongue {
            Tongue::OpenAi => understand_openai_event(event, &mut said)?,
            Tongue::Anthropic => understand_anthropic_event(event, &mut said)?,
            Tongue::Responses => understand_response_event(event, &mut said)?,
            Tongue::Gemini => understand_chunk_of_gemini(event, &mut said)?,
        }
    }
    Ok(said)
}

fn understand_openai_event(event: &str, said: &mut Understood) -> Result<(), String> {
    if event.starts_with(": ") {
        return Ok(());
    }
    let data = event.strip_prefix("data: ").ok_or_else(|| format!("not an event of this dialect: {event}"))?;
    if data == "[DONE]" {
        said.ended = true;
        return Ok(());
    }
    let value: Value = serde_json::from_str(data).map_err(|error| format!("{error} in {data}"))?;
    if !value["error"].is_null() {
        said.error = Some(error_message(Tongue::OpenAi, &value)?);
        return Ok(());
    }
    said.id = text_of(&value["id"])?;
    let choice = &value["choices"][0];
    said.text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
    said.finished |= choice["finish_reason"].is_string();
    if value["usage"].is_object() {
        if said.usage.is_some() {
            return Err("usage told twice".to_owned());
        }
        said.usage = value["usage"]["prompt_tokens"].as_u64().zip(value["usage"]["completion_tokens"].as_u64());
    }
    Ok(())
}

/// An event with its name.
fn named_event(event: &str) -> Result<(&str, Value), String> {
    let (name, data) = event
        .split_once('\n')
        .and_then(|(name, data)| Some((name.strip_prefix("event: ")?, data.strip_prefix("data: ")?)))
        .ok_or_else(|| format!("not an event of this dialect: {event}"))?;
    let value: Value = serde_json::from_str(data).map_err(|error| format!("{error} in {data}"))?;
    if value["type"] != name {
        return Err(format!("an event called {name} says that it is {}", value["type"]));
    }
    Ok((name, value))
}

fn understand_response_event(event: &str, said: &mut Understood) -> Result<(), String> {
    if event.starts_with(": ") {
        return Ok(());
    }
    let (name, value) = named_event(event)?;
    let response = &value["response"];
    match name {
        "response.created" => said.id = text_of(&response["id"])?,
        "response.output_text.delta" => said.text.push_str(value["delta"].as_str().unwrap_or_default()),
        "response.completed" => {
            said.ended = true;
            said.finished = response["status"] == "completed";
            let count = |name: &str| response["usage"][name].as_u64();
            said.usage = count("input_tokens").zip(count("output_tokens"));
            let whole = &response["output"][0]["content"][0]["text"];
            if *whole != said.text.as_str() || said.id != text_of(&response["id"])? {
                return Err(format!("the end says something else than the stream: {response}"));
            }
        }
        "error" => said.error = Some(error_message(Tongue::Responses, &value)?),
        _ => {}
    }
    Ok(())
}

fn understand_anthropic_event(event: &str, said: &mut Understood) -> Result<(), String> {
    if event.starts_with(": ") {
        return Ok(());
    }
    let (name, value) = named_event(event)?;
    let count = |value: &Value, name: &str| value["usage"][name].as_u64();
    match name {
        "message_start" => {
            said.id = text_of(&value["message"]["id"])?;
            said.usage = count(&value["message"], "input_tokens").zip(Some(0));
        }
        "content_block_delta" => said.text.push_str(value["delta"]["text"].as_str().unwrap_or_default()),
        "message_delta" => {
            said.finished |= value["delta"]["stop_reason"].is_string();
            let input = count(&value, "input_tokens").or(said.usage.map(|(input, _)| input));
            said.usage = input.zip(count(&value, "output_tokens"));
        }
        "message_stop" => said.ended = true,
        "error" => said.error = Some(error_message(Tongue::Anthropic, &value)?),
        _ => {}
    }
    Ok(())
}

/// The reason to finish is the end: nothing comes after it.
fn understand_chunk_of_gemini(event: &str, said: &mut Understood) -> Result<(), String> {
    let data = event.strip_prefix("data: ").ok_or_else(|| format!("not an event of this dialect: {event}"))?;
    let value: Value = serde_json::from_str(data).map_err(|error| format!("{error} in {data}"))?;
    if !value["error"].is_null() {
        said.error = Some(error_message(Tongue::Gemini, &value)?);
        return Ok(());
    }
    said.id = text_of(&value["responseId"])?;
    let candidate = &value["candidates"][0];
    said.text.push_str(candidate["content"]["parts"][0]["text"].as_str().unwrap_or_default());
    said.finished = candidate["finishReason"].is_string();
    said.ended = said.finished;
    let count = |name: &str| value["usageMetadata"][name].as_u64();
    said.usage = count("promptTokenCount").zip(count("candidatesTokenCount")).or(said.usage);
    Ok(())
}

fn error_message(tongue: Tongue, value: &Value) -> Result<String, String> {
    let error = value["error"].as_object().ok_or("an error without an object")?;
    let keys: &[&str] = match tongue {
        Tongue::OpenAi | Tongue::Responses => &["message", "type", "param", "code"],
        Tongue::Anthropic => &["message", "type"],
        Tongue::Gemini => &["message", "code", "status"],
    };
    if keys.iter().any(|key| !error.contains_key(*key)) || (tongue == Tongue::Anthropic && value["type"] != "error") {
        return Err(format!("not this dialect's envelope: {value}"));
    }
    text_of(&error["message"])
}

fn text_of(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("a text was expected, not {value}"))
}
