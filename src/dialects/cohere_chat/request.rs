//! The whole request, from the neutral one.

use super::super::Dropped;
use super::super::TargetOptions;
use super::super::base64;
use super::super::fields;
use super::super::fields::Losses;
use super::super::fields::ObjectWriter;
use super::NAME;
use crate::chat::FunctionTool;
use crate::chat::ImageDetail;
use crate::chat::MediaSource;
use crate::chat::Message;
use crate::chat::Part;
use crate::chat::Reasoning;
use crate::chat::Request;
use crate::chat::ResponseFormat;
use crate::chat::Role;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::fault::Fault;
use crate::wire::json;
use std::borrow::Cow;

/// Fields of other dialects without which the answer would be another one.
const REFUSED_FIELDS: &[&str] =
    &["web_search_options", "audio", "functions", "function_call", "mcp_servers", "container"];

/// Cohere's own fields, which callers of other dialects may send.
const OWN_FIELDS: &[&str] = &["documents", "citation_options", "safety_mode", "priority"];

/// Largest `k` accepted.
const TOP_K_MAX: u64 = 500;
/// Bounds of `p`.
const TOP_P_MIN: f64 = 0.01;
const TOP_P_MAX: f64 = 0.99;

pub(super) fn write_request(
    request: &Request,
    model: &str,
    options: TargetOptions,
    out: &mut Vec<u8>,
) -> Result<Vec<Dropped>, Fault> {
    let request = &*fields::narrowed(request, NAME)?;
    refuse(request)?;
    let mut losses = Losses::default();
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.string("model", model);
    write_messages(&request.messages, thinks(model), writer.overrule("messages"), &mut losses)?;
    write_tools(request, &mut writer, &mut losses)?;
    write_format(request, &mut writer)?;
    if let Some(max_tokens) = request.max_tokens.or(options.default_max_tokens) {
        writer.integer("max_tokens", max_tokens);
    }
    write_sampling(request, &mut writer, &mut losses);
    if request.logprobs == Some(true) {
        writer.boolean("logprobs", true);
    }
    write_thinking(request, model, &mut writer, &mut losses);
    for name in OWN_FIELDS {
        if let Some(extra) = fields::foreign_fields(&request.extra, NAME).find(|extra| extra.name == *name) {
            writer.text(name, &extra.value.0);
        }
    }
    writer.boolean("stream", request.stream);
    writer.close();
    drop_foreign(request, &mut losses);
    Ok(losses.0)
}

/// What would give another answer if it were left out.
fn refuse(request: &Request) -> Result<(), Fault> {
    if request.n.is_some_and(|n| n > 1) {
        return Err(fields::untranslatable("n", "more than one answer"));
    }
    if request.top_logprobs.is_some_and(|count| count > 0) {
        return Err(fields::untranslatable("top_logprobs", "a wish for alternatives"));
    }
    for extra in fields::foreign_fields(&request.extra, NAME) {
        let sound = extra.name == "modalities" && extra.value.0.contains("\"audio\"");
        if sound || REFUSED_FIELDS.contains(&extra.name.as_str()) || fields::only_gemini_has(&extra.name) {
            return Err(fields::untranslatable(&extra.name, "something"));
        }
    }
    Ok(())
}

/// What changes the answer only by chance, or nothing but who is told of it, is left out and named.
fn drop_foreign(request: &Request, losses: &mut Losses) {
    let tier = !matches!(request.service_tier.as_deref(), None | Some("auto" | "default" | "standard_only"));
    let typed = [
        ("user", request.user.is_some()),
        ("service_tier", tier),
        ("parallel_tool_calls", request.parallel_tool_calls == Some(false)),
    ];
    typed.iter().filter(|(_, said)| *said).for_each(|(field, _)| losses.add(field));
    for extra in fields::foreign_fields(&request.extra, NAME) {
        if !OWN_FIELDS.contains(&extra.name.as_str()) {
            losses.add(&extra.name);
        }
    }
}

fn write_messages(messages: &[Message], thinks: bool, out: &mut Vec<u8>, losses: &mut Losses) -> Result<(), Fault> {
    let mut list = List::new(out);
    for (place, message) in messages.iter().enumerate() {
        match message.role {
            Role::System | Role::Developer => write_said("system", message, place, &mut list)?,
            Role::Assistant => write_assistant(message, place, thinks, &mut list, losses)?,
            Role::User | Role::Tool => {
                write_results(message, place, &mut list)?;
                write_said("user", message, place, &mut list)?;
            }
        }
    }
    if list.close() == 0 {
        return Err(Fault::bad_field("messages", "`messages` needs at least one message"));
    }
    Ok(())
}

/// A list being written.
struct List<'a> {
    out: &'a mut Vec<u8>,
    count: usize,
}

impl<'a> List<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        out.push(b'[');
        List { out, count: 0 }
    }

    fn next(&mut self) -> &mut Vec<u8> {
        if self.count > 0 {
            self.out.push(b',');
        }
        self.count += 1;
        self.out
    }

    /// Closes the list; tells how many there were.
    fn close(self) -> usize {
        self.out.push(b']');
        self.count
    }
}

fn write_said(role: &str, message: &Message, place: usize, list: &mut List<'_>) -> Result<(), Fault> {
    let said: Vec<&Part> = message.parts.iter().filter(|part| !matches!(part, Part::ToolResult { .. })).collect();
    if said.is_empty() {
        return Ok(());
    }
    let param = format!("messages[{place}].content");
    let mut writer = ObjectWriter::open(list.next(), &[], NAME);
    writer.string("role", role);
    let out = writer.overrule("content");
    match said.as_slice() {
        [Part::Text { text, .. }] if message.plain => json::write_string(text, out),
        _ => {
            let mut pieces = List::new(out);
            for part in said {
                write_piece(part, role, &param, &mut pieces)?;
            }
            pieces.close();
        }
    }
    writer.close();
    Ok(())
}

fn write_piece(part: &Part, role: &str, param: &str, pieces: &mut List<'_>) -> Result<(), Fault> {
    match part {
        Part::Text { text, .. } | Part::Refusal(text) => write_text(text, pieces.next()),
        Part::Image { source, detail, .. } if role == "user" => {
            let url = picture(source, param)?;
            write_image(&url, detail.as_ref(), pieces.next());
        }
        Part::File { source, .. } if text_of_file(source).is_some() => {
            write_text(&text_of_file(source).unwrap_or_default(), pieces.next());
        }
        Part::File { source: MediaSource::Url(_), .. } => {
            return Err(fields::untranslatable(param, "the address of a document"));
        }
        Part::File { source, .. } if role == "user" => write_image(&picture(source, param)?, None, pieces.next()),
        _ => return Err(fields::untranslatable(param, "a kind of content")),
    }
    Ok(())
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.string("type", "text");
    writer.string("text", text);
    writer.close();
}

fn write_image(url: &str, detail: Option<&ImageDetail>, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.string("type", "image_url");
    let mut image = ObjectWriter::open(writer.overrule("image_url"), &[], NAME);
    image.string("url", url);
    image.optional_string("detail", detail.map(|detail| detail.0.as_str()));
    image.close();
    writer.close();
}

fn picture<'a>(source: &'a MediaSource, param: &str) -> Result<Cow<'a, str>, Fault> {
    match source {
        MediaSource::Url(url) => Ok(Cow::Borrowed(url)),
        MediaSource::Base64 { media_type, data } if media_type.starts_with("image/") => {
            Ok(Cow::Owned(format!("data:{media_type};base64,{data}")))
        }
        MediaSource::Base64 { .. } => Err(fields::untranslatable(param, "a file that is neither text nor a picture")),
        MediaSource::FileId(_) => Err(fields::untranslatable(param, "a file uploaded to another provider")),
        MediaSource::Text { .. } => Err(fields::untranslatable(param, "a text in the place of a picture")),
    }
}

fn text_of_file(source: &MediaSource) -> Option<Cow<'_, str>> {
    match source {
        MediaSource::Text { text, .. } => Some(Cow::Borrowed(text)),
        MediaSource::Base64 { media_type, data } if media_type.starts_with("text/") => {
            let bytes = base64::decode(data)?;
            String::from_utf8(bytes).ok().map(Cow::Owned)
        }
        _ => None,
    }
}

/// Results are messages of their own, in front of what the user says beside them.
fn write_results(message: &Message, place: usize, list: &mut List<'_>) -> Result<(), Fault> {
    for part in &message.parts {
        let Part::ToolResult { call_id, parts, .. } = part else { continue };
        let param = format!("messages[{place}].content");
        let mut writer = ObjectWriter::open(list.next(), &[], NAME);
        writer.string("role", "tool");
        writer.string("tool_call_id", call_id);
        let out = writer.overrule("content");
        match parts.as_slice() {
            [] => out.extend_from_slice(b"\"\""),
            [Part::Text { text, .. }] => json::write_string(text, out),
            several => {
                let mut pieces = List::new(out);
                for part in several {
                    write_piece(part, "tool", &param, &mut pieces)?;
                }
                pieces.close();
            }
        }
        writer.close();
    }
    Ok(())
}

fn write_assistant(
    message: &Message,
    place: usize,
    thinks: bool,
    list: &mut List<'_>,
    losses: &mut Losses,
) -> Result<(), Fault> {
    let (mut said, mut thought, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for part in &message.parts {
        match part {
            Part::Text { text, .. } | Part::Refusal(text) => said.push(text.as_str()),
            Part::Thinking { text, signature: None } => thought.push(text.as_str()),
            // Only who signed or sealed it can read it.
            Part::Thinking { .. } | Part::RedactedThinking { .. } => {
                losses.add(&format!("messages[{place}].reasoning_content"));
            }
            Part::ToolCall { .. } => calls.push(part),
            // What the model did with tools of its provider is no part of the conversation elsewhere.
            Part::Opaque { .. } => losses.add(&format!("messages[{place}].content")),
            _ => {
                return Err(fields::untranslatable(&format!("messages[{place}].content"), "a kind of content"));
            }
        }
    }
    said.retain(|text| !text.is_empty());
    thought.retain(|text| !text.is_empty());
    if said.is_empty() && thought.is_empty() && calls.is_empty() {
        return Ok(());
    }
    let mut writer = ObjectWriter::open(list.next(), &[], NAME);
    writer.string("role", "assistant");
    if calls.is_empty() || thinks {
        write_turn(&said, &thought, &mut writer);
    } else {
        // A turn that calls tools says why in its plan, unless its model has thinking for that.
        thought.extend(said);
        writer.optional_string("tool_plan", Some(thought.join("\n")).filter(|plan| !plan.is_empty()).as_deref());
    }
    if !calls.is_empty() {
        fields::write_list(calls, writer.overrule("tool_calls"), write_call);
    }
    writer.close();
    Ok(())
}

fn write_turn(said: &[&str], thought: &[&str], writer: &mut ObjectWriter<'_>) {
    match (said, thought) {
        ([], []) => return,
        ([text], []) => return writer.string("content", text),
        _ => {}
    }
    let mut pieces = List::new(writer.overrule("content"));
    for text in thought {
        let mut piece = ObjectWriter::open(pieces.next(), &[], NAME);
        piece.string("type", "thinking");
        piece.string("thinking", text);
        piece.close();
    }
    said.iter().for_each(|text| write_text(text, pieces.next()));
    pieces.close();
}

fn write_call(part: &Part, out: &mut Vec<u8>) {
    let Part::ToolCall { id, name, arguments, .. } = part else { return };
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.string("id", id);
    writer.string("type", "function");
    let mut function = ObjectWriter::open(writer.overrule("function"), &[], NAME);
    function.string("name", name);
    function.string("arguments", if arguments.trim().is_empty() { "{}" } else { arguments });
    function.close();
    writer.close();
}

fn write_tools(request: &Request, writer: &mut ObjectWriter<'_>, losses: &mut Losses) -> Result<(), Fault> {
    let mut functions: Vec<&FunctionTool> = Vec::with_capacity(request.tools.len());
    for (place, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Function(function) => functions.push(function),
            Tool::Opaque { .. } => {
                return Err(fields::untranslatable(&format!("tools[{place}]"), "a tool of another provider"));
            }
        }
    }
    let choice = match &request.tool_choice {
        None | Some(ToolChoice::Auto) => None,
        Some(ToolChoice::None) => Some("NONE"),
        Some(ToolChoice::Required) => Some("REQUIRED"),
        Some(ToolChoice::Function(wanted)) => {
            functions.retain(|function| function.name == *wanted);
            if functions.is_empty() {
                let message = format!("`tool_choice` names `{wanted}`, which is not among `tools`");
                return Err(Fault::bad_field("tool_choice", message));
            }
            Some("REQUIRED")
        }
        Some(ToolChoice::Opaque { .. }) => {
            return Err(fields::untranslatable("tool_choice", "a choice of another provider"));
        }
    };
    if functions.is_empty() {
        return Ok(());
    }
    let strict = functions.iter().filter(|function| function.strict == Some(true)).count();
    let all_strict = strict == functions.len();
    fields::write_list(functions, writer.overrule("tools"), write_tool);
    if all_strict {
        writer.boolean("strict_tools", true);
    } else if strict > 0 {
        losses.add("tools[].function.strict");
    }
    writer.optional_string("tool_choice", choice);
    Ok(())
}

fn write_tool(function: &FunctionTool, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.string("type", "function");
    let mut inner = ObjectWriter::open(writer.overrule("function"), &[], NAME);
    inner.string("name", &function.name);
    inner.optional_string("description", function.description.as_deref());
    let schema = function.parameters.as_ref().map_or("{\"type\":\"object\",\"properties\":{}}", |schema| &schema.0);
    inner.text("parameters", schema);
    inner.close();
    writer.close();
}

fn write_format(request: &Request, writer: &mut ObjectWriter<'_>) -> Result<(), Fault> {
    let schema = match &request.response_format {
        None | Some(ResponseFormat::Text) => return Ok(()),
        Some(ResponseFormat::JsonObject) => None,
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            let missing = || fields::wrong_type("response_format.json_schema.schema", "an object");
            Some(schema.as_ref().ok_or_else(missing)?)
        }
    };
    let mut format = ObjectWriter::open(writer.overrule("response_format"), &[], NAME);
    format.string("type", "json_object");
    format.optional_text("json_schema", schema);
    format.close();
    Ok(())
}

/// Values outside of what is accepted are brought to its edge and named.
fn write_sampling(request: &Request, writer: &mut ObjectWriter<'_>, losses: &mut Losses) {
    writer.optional_number("temperature", request.temperature);
    // A nucleus of everything is no nucleus.
    writer.optional_number("p", request.top_p.filter(|p| *p < 1.0).map(|p| p.clamp(TOP_P_MIN, TOP_P_MAX)));
    if let Some(top_k) = request.top_k {
        if top_k > TOP_K_MAX {
            losses.add("top_k");
        }
        writer.integer("k", top_k.min(TOP_K_MAX));
    }
    match request.seed.map(u64::try_from) {
        Some(Ok(seed)) => writer.integer("seed", seed),
        Some(Err(_)) => losses.add("seed"),
        None => {}
    }
    let penalties = [("presence_penalty", request.presence_penalty), ("frequency_penalty", request.frequency_penalty)];
    for (name, value) in penalties {
        let Some(value) = value else { continue };
        if !(0.0..=1.0).contains(&value) {
            losses.add(name);
        }
        writer.optional_number(name, Some(value.clamp(0.0, 1.0)));
    }
    let stop: Vec<&String> = request.stop.iter().filter(|stop| !stop.is_empty()).collect();
    if !stop.is_empty() {
        fields::write_list(stop, writer.overrule("stop_sequences"), |stop, out| json::write_string(stop, out));
    }
}

/// Do answers of the model hold thinking? Their names say so.
fn thinks(model: &str) -> bool {
    model.contains("reasoning")
}

/// Only some models think on demand, and the others refuse to be asked.
fn write_thinking(request: &Request, model: &str, writer: &mut ObjectWriter<'_>, losses: &mut Losses) {
    let Some(reasoning) = &request.reasoning else { return };
    let off = reasoning.enabled == Some(false) || reasoning.effort.as_deref() == Some("none");
    if !thinks(model) {
        if !off && *reasoning != Reasoning::default() {
            losses.add("reasoning_effort");
        }
        return;
    }
    let mut thinking = ObjectWriter::open(writer.overrule("thinking"), &[], NAME);
    thinking.string("type", if off { "disabled" } else { "enabled" });
    if let Some(budget) = budget(reasoning).filter(|_| !off) {
        thinking.integer("token_budget", budget);
    }
    thinking.close();
}

/// Efforts as budgets in tokens; the model decides about those that set no bound.
fn budget(reasoning: &Reasoning) -> Option<u64> {
    let by_effort = match reasoning.effort.as_deref() {
        Some("minimal") => Some(1024),
        Some("low") => Some(2048),
        Some("medium") => Some(8192),
        _ => None,
    };
    reasoning.budget_tokens.or(by_effort)
}

#[cfg(test)]
mod tests {
    use super::super::super::Dialect;
    use super::super::super::named;
    use super::*;
    use crate::wire::json::Parser;
    use serde_json::Value;
    use serde_json::json;

    const MODEL: &str = "command-a-03-2025";

    fn asked(caller: &str, model: &str, fields: Value) -> Result<(Value, Vec<String>), Fault> {
        let mut request = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        for (name, value) in fields.as_object().expect("fields") {
            request[name] = value.clone();
        }
        let caller: &dyn Dialect = named(caller).expect("known");
        let mut copy = request.to_string().into_bytes();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("JSON");
        let neutral = caller.read_request(tape.as_value()).expect("a request");
        let mut out = Vec::new();
        let dropped = write_request(&neutral, model, TargetOptions::default(), &mut out)?;
        Ok((serde_json::from_slice(&out).expect("JSON"), dropped.into_iter().map(|dropped| dropped.field).collect()))
    }

    fn asked_by_chat(fields: Value) -> Result<(Value, Vec<String>), Fault> {
        asked("openai_chat", MODEL, fields)
    }

    fn tool(name: &str, strict: bool) -> Value {
        json!({"type": "function", "function": {"name": name, "strict": strict}})
    }

    #[test]
    fn what_has_bounds_is_brought_within_them() {
        let fields = json!({
            "top_p": 0.999, "top_k": 900, "seed": -1, "presence_penalty": -0.5, "frequency_penalty": 0.25,
            "stop": ["", "END"], "logprobs": true, "user": "u", "service_tier": "auto", "temperature": 0.1,
            "parallel_tool_calls": false, "store": true, "documents": ["d"], "safety_mode": "OFF",
        });
        let (mut written, dropped) = asked_by_chat(fields).expect("fine");
        let written = written.as_object_mut().expect("an object");
        ["model", "messages", "stream"].iter().for_each(|name| drop(written.remove(*name)));
        let wanted = json!({
            "temperature": 0.1, "p": 0.99, "k": 500, "presence_penalty": 0, "frequency_penalty": 0.25,
            "stop_sequences": ["END"], "logprobs": true, "documents": ["d"], "safety_mode": "OFF",
        });
        assert_eq!(Value::Object(written.clone()), wanted);
        assert_eq!(dropped, ["top_k", "seed", "presence_penalty", "user", "parallel_tool_calls", "store"]);
        let (written, _) = asked_by_chat(json!({"top_p": 1})).expect("fine");
        assert!(written.get("p").is_none(), "a nucleus of everything");
    }

    #[test]
    fn what_matters_is_refused() {
        let pdf =
            json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,QQ==", "filename": "a.pdf"}});
        for (fields, param) in [
            (json!({"n": 2}), "n"),
            (json!({"logprobs": true, "top_logprobs": 3}), "top_logprobs"),
            (json!({"functions": [{"name": "f"}]}), "functions"),
            (json!({"tools": [{"type": "web_search"}]}), "tools[0]"),
            (
                json!({"tools": [tool("f", false)], "tool_choice": {"type": "function", "function": {"name": "g"}}}),
                "tool_choice",
            ),
            (
                json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}}),
                "response_format.json_schema.schema",
            ),
            (json!({"messages": [{"role": "user", "content": [pdf]}]}), "messages[0].content"),
            (json!({"messages": []}), "messages"),
        ] {
            let fault = asked_by_chat(fields.clone()).expect_err("refused");
            assert_eq!(fault.param.as_deref(), Some(param), "{fields}");
        }
    }

    #[test]
    fn tools_are_demanded_forbidden_and_strict_together() {
        let tools = json!([tool("f", true), tool("g", true)]);
        let (written, dropped) = asked_by_chat(json!({"tools": tools, "tool_choice": "required"})).expect("fine");
        assert_eq!((&written["tool_choice"], &written["strict_tools"]), (&json!("REQUIRED"), &json!(true)));
        assert!(dropped.is_empty());
        let named = json!({"type": "function", "function": {"name": "g"}});
        let (written, _) = asked_by_chat(json!({"tools": tools, "tool_choice": named})).expect("fine");
        assert_eq!(written["tools"].as_array().map(Vec::len), Some(1));
        assert_eq!(
            (&written["tools"][0]["function"]["name"], &written["tool_choice"]),
            (&json!("g"), &json!("REQUIRED"))
        );
        let mixed = json!([tool("f", true), tool("g", false)]);
        let (written, dropped) = asked_by_chat(json!({"tools": mixed, "tool_choice": "auto"})).expect("fine");
        assert!(written.get("strict_tools").is_none() && written.get("tool_choice").is_none());
        assert_eq!(dropped, ["tools[].function.strict"]);
    }

    #[test]
    fn the_form_of_the_answer_and_thinking_are_asked_for() {
        let schema = json!({"type": "object"});
        let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
        let (written, _) = asked_by_chat(json!({"response_format": format})).expect("fine");
        assert_eq!(written["response_format"], json!({"type": "json_object", "json_schema": schema}));
        let (written, _) = asked_by_chat(json!({"response_format": {"type": "json_object"}})).expect("fine");
        assert_eq!(written["response_format"], json!({"type": "json_object"}));
        let thinking = |model: &str, effort: &str| {
            let (written, dropped) = asked("openai_chat", model, json!({"reasoning_effort": effort})).expect("fine");
            (written.get("thinking").cloned(), dropped)
        };
        const REASONING: &str = "command-a-reasoning-08-2025";
        assert_eq!(thinking(REASONING, "low").0, Some(json!({"type": "enabled", "token_budget": 2048})));
        assert_eq!(thinking(REASONING, "high").0, Some(json!({"type": "enabled"})));
        assert_eq!(thinking(REASONING, "none").0, Some(json!({"type": "disabled"})));
        assert_eq!(thinking(MODEL, "low"), (None, vec!["reasoning_effort".to_owned()]));
        assert_eq!(thinking(MODEL, "none"), (None, vec![]));
    }

    #[test]
    fn a_conversation_keeps_its_turns() {
        let text = |text: &str| json!({"type": "text", "text": text});
        let fields = json!({
            "system": "s",
            "messages": [
                {"role": "user", "content": [
                    text("look"),
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}},
                    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "doc"}},
                ]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm"},
                    {"type": "thinking", "thinking": "signed", "signature": "s"},
                    text("well"),
                ]},
                {"role": "user", "content": "go on"},
                {"role": "assistant", "content": [text("I will"), {"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": [text("a"), text("b")]}]},
            ],
        });
        let (written, dropped) = asked("anthropic_messages", MODEL, fields.clone()).expect("fine");
        let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        let wanted = json!([
            {"role": "system", "content": "s"},
            {"role": "user", "content": [
                text("look"),
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}},
                text("doc"),
            ]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, text("well")]},
            {"role": "user", "content": "go on"},
            {"role": "assistant", "tool_plan": "I will", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": [text("a"), text("b")]},
        ]);
        assert_eq!(written["messages"], wanted);
        let (by_thinker, _) = asked("anthropic_messages", "command-a-reasoning-08-2025", fields).expect("fine");
        let turn = json!({"role": "assistant", "content": "I will", "tool_calls": wanted[4]["tool_calls"]});
        assert_eq!(by_thinker["messages"][4], turn);
        assert_eq!(dropped, ["messages[2].reasoning_content"], "counted with the system message");
    }
}
