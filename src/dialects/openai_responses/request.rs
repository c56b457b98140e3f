//! The whole request, from and to the neutral one.

use super::super::Dropped;
use super::super::TargetOptions;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::NAME;
use super::input;
use super::input::INSTRUCTIONS;
use crate::chat::FunctionTool;
use crate::chat::RawJson;
use crate::chat::Reasoning;
use crate::chat::Request;
use crate::chat::ResponseFormat;
use crate::chat::Role;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

/// Fields of other dialects without which the answer would be another one.
const REFUSED_FIELDS: &[&str] =
    &["web_search_options", "audio", "functions", "function_call", "mcp_servers", "container", "prediction"];
/// How a caller asks for log probabilities.
const WITH_LOGPROBS: &str = "message.output_text.logprobs";
/// How to get reasoning that can be sent back to a provider that stores nothing.
const WITH_SEALED_REASONING: &str = "reasoning.encrypted_content";
/// A member of `text` that no other dialect has; kept under this name to be named when it is left out.
const VERBOSITY: &str = "text.verbosity";

pub(super) fn read_request(body: Value<'_, '_>) -> Result<Request, Fault> {
    let object = fields::body_object(body)?;
    let mut request = Request::default();
    let mut keeper = Keeper::new(NAME);
    for (name, value) in object.iter() {
        if value.is_null() {
            keeper.keep(name, value);
        } else {
            read_field(name, value, &mut request, &mut keeper)?;
        }
    }
    // What is written unless it was said otherwise.
    for name in ["input", "store", "include"].into_iter().filter(|name| object.get(*name).is_none()) {
        keeper.absent(name);
    }
    if request.top_logprobs.is_some_and(|count| count > 0) {
        request.logprobs = Some(true);
    }
    request.include_usage = request.stream;
    request.extra = keeper.extras;
    Ok(request)
}

fn read_field(name: &str, value: Value<'_, '_>, request: &mut Request, keeper: &mut Keeper) -> Result<(), Fault> {
    match name {
        "model" => request.model = fields::string(value, || name.to_owned())?.to_owned(),
        "input" => read_input(value, request, keeper)?,
        "instructions" => match value.as_str().filter(|text| !text.is_empty()) {
            Some(text) => {
                let mut message = input::plain(Role::System, text);
                let mut marker = Keeper::new(NAME);
                marker.absent(INSTRUCTIONS);
                message.extra = marker.extras;
                request.messages.insert(0, message);
            }
            None => keeper.keep(name, value),
        },
        "tools" => {
            request.tools = fields::array(value, || name.to_owned())?.iter().map(read_tool).collect();
            keep_if(request.tools.is_empty(), name, value, keeper);
        }
        "tool_choice" => request.tool_choice = Some(read_tool_choice(value)),
        "parallel_tool_calls" => request.parallel_tool_calls = Some(fields::boolean(value, name)?),
        "max_output_tokens" => request.max_tokens = Some(fields::integer(value, name)?),
        "temperature" => request.temperature = Some(fields::number(value, name)?),
        "top_p" => request.top_p = Some(fields::number(value, name)?),
        "top_logprobs" => request.top_logprobs = Some(fields::integer(value, name)?),
        "include" => {
            let wanted = fields::array(value, || name.to_owned())?;
            let logprobs = wanted.iter().any(|wanted| wanted.as_str() == Some(WITH_LOGPROBS));
            request.logprobs = logprobs.then_some(true).or(request.logprobs);
            keeper.keep(name, value);
        }
        "text" => read_text(value, request, keeper)?,
        "reasoning" => {
            let reasoning = fields::object(value, || name.to_owned())?;
            if let Some(effort) = fields::string_of(&reasoning, "effort") {
                request.reasoning = Some(Reasoning { effort: Some(effort.to_owned()), ..Reasoning::default() });
            }
            keeper.keep(name, value);
        }
        "user" => request.user = Some(fields::string(value, || name.to_owned())?.to_owned()),
        "service_tier" => request.service_tier = Some(fields::string(value, || name.to_owned())?.to_owned()),
        "stream" => {
            request.stream = fields::boolean(value, name)?;
            keep_if(!request.stream, name, value, keeper);
        }
        _ => keeper.keep(name, value),
    }
    Ok(())
}

fn keep_if(unusual: bool, name: &str, value: Value<'_, '_>, keeper: &mut Keeper) {
    if unusual {
        keeper.keep(name, value);
    }
}

fn read_input(value: Value<'_, '_>, request: &mut Request, keeper: &mut Keeper) -> Result<(), Fault> {
    if let Some(text) = value.as_str() {
        request.messages.push(input::plain(Role::User, text));
        keeper.keep("input", value);
        return Ok(());
    }
    let list = value.as_array().ok_or_else(|| fields::wrong_type("input", "a string or an array of items"))?;
    request.messages.append(&mut input::read(&list)?);
    keep_if(list.is_empty(), "input", value, keeper);
    Ok(())
}

fn read_text(value: Value<'_, '_>, request: &mut Request, keeper: &mut Keeper) -> Result<(), Fault> {
    let text = fields::object(value, || "text".to_owned())?;
    keeper.keep("text", value);
    if let Some(verbosity) = text.get("verbosity") {
        keeper.keep(VERBOSITY, verbosity);
    }
    let Some(format) = fields::object_of(&text, "format") else {
        return Ok(());
    };
    let string = |name: &str| fields::string_of(&format, name).map(str::to_owned);
    request.response_format = match fields::string_of(&format, "type") {
        Some("text") => Some(ResponseFormat::Text),
        Some("json_object") => Some(ResponseFormat::JsonObject),
        Some("json_schema") => Some(ResponseFormat::JsonSchema {
            name: string("name").unwrap_or_default(),
            description: string("description"),
            schema: format.get("schema").map(|schema| RawJson(json::raw(schema))),
            strict: format.get("strict").and_then(|strict| strict.as_bool()),
        }),
        _ => return Err(fields::wrong_type("text.format.type", "`text`, `json_object` or `json_schema`")),
    };
    Ok(())
}

fn read_tool_choice(value: Value<'_, '_>) -> ToolChoice {
    let function = value.as_object().filter(|choice| choice.len() == 2).and_then(|choice| {
        fields::string_of(&choice, "name").filter(|_| fields::string_of(&choice, "type") == Some("function"))
    });
    match (value.as_str(), function) {
        (Some("auto"), _) => ToolChoice::Auto,
        (Some("none"), _) => ToolChoice::None,
        (Some("required"), _) => ToolChoice::Required,
        (_, Some(name)) => ToolChoice::Function(name.to_owned()),
        _ => ToolChoice::Opaque { dialect: NAME, json: RawJson(json::raw(value)) },
    }
}

fn read_tool(tool: Value<'_, '_>) -> Tool {
    read_function_tool(tool).unwrap_or_else(|| Tool::Opaque { dialect: NAME, json: RawJson(json::raw(tool)) })
}

fn read_function_tool(tool: Value<'_, '_>) -> Option<Tool> {
    let object = tool.as_object().filter(|object| fields::string_of(object, "type") == Some("function"))?;
    let mut keeper = Keeper::new(NAME);
    let mut read = FunctionTool {
        name: fields::string_of(&object, "name")?.to_owned(),
        description: fields::string_of(&object, "description").map(str::to_owned),
        parameters: None,
        strict: object.get("strict").and_then(|strict| strict.as_bool()),
        cache_marker: None,
        extra: Vec::new(),
    };
    for (name, value) in object.iter() {
        match name {
            "type" | "name" => {}
            "description" if read.description.is_some() => {}
            "strict" if read.strict.is_some() => {}
            "parameters" if !value.is_null() => read.parameters = Some(RawJson(json::raw(value))),
            _ => keeper.keep(name, value),
        }
    }
    for name in ["parameters", "strict"].into_iter().filter(|name| object.get(*name).is_none()) {
        keeper.absent(name);
    }
    read.extra = keeper.extras;
    Some(Tool::Function(read))
}

/// A request of this dialect, written by way of the neutral one, if that can be done.
pub(super) fn written_anew(body: Value<'_, '_>, model: &str, options: TargetOptions) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    write_request(&read_request(body).ok()?, model, options, &mut out).ok()?;
    Some(out)
}

pub(super) fn write_request(
    request: &Request,
    model: &str,
    options: TargetOptions,
    out: &mut Vec<u8>,
) -> Result<Vec<Dropped>, Fault> {
    let mut dropped = Vec::new();
    refuse(request)?;
    // The reader of this dialect always says something of `store`.
    let own = fields::kept(&request.extra, NAME, "store").is_some();
    let mut writer = ObjectWriter::open(out, &request.extra, NAME);
    writer.skip(VERBOSITY);
    json::write_string(model, writer.overrule("model"));
    write_instructions(request, &mut writer);
    if let Some(out) = writer.field("input") {
        input::write(&request.messages, own, out, &mut dropped)?;
    }
    write_tools(request, &mut writer)?;
    if let Some(bound) = request.max_tokens.or(options.default_max_tokens) {
        writer.integer("max_output_tokens", bound);
    }
    writer.optional_number("temperature", request.temperature);
    writer.optional_number("top_p", request.top_p);
    if let Some(count) = request.top_logprobs {
        writer.integer("top_logprobs", count);
    }
    write_text(request.response_format.as_ref(), &mut writer);
    let effort = effort(request.reasoning.as_ref());
    if let Some(effort) = effort
        && let Some(out) = writer.field("reasoning")
    {
        out.extend_from_slice(b"{\"effort\":");
        json::write_string(effort, out);
        out.push(b'}');
    }
    write_include(request, effort.is_some() || thinks(model), &mut writer);
    // A caller of another dialect could never ask for what was stored, nor delete it.
    writer.boolean("store", false);
    writer.optional_string("user", request.user.as_deref());
    // Anthropic's word for the tier that OpenAI calls the default one.
    let tier = request.service_tier.as_deref().map(|tier| if tier == "standard_only" { "default" } else { tier });
    writer.optional_string("service_tier", tier);
    if request.stream {
        writer.boolean("stream", true);
    }
    writer.close();
    drop_unknown(request, &mut dropped);
    Ok(dropped)
}

/// What would give another answer if it were left out.
fn refuse(request: &Request) -> Result<(), Fault> {
    if request.n.is_some_and(|n| n > 1) {
        return Err(fields::untranslatable("n", "more than one answer"));
    }
    if !request.stop.is_empty() {
        return Err(fields::untranslatable("stop", "a wish to stop early"));
    }
    for extra in fields::foreign_fields(&request.extra, NAME) {
        let sound = extra.name == "modalities" && extra.value.0.contains("\"audio\"");
        if sound || REFUSED_FIELDS.contains(&extra.name.as_str()) || fields::only_gemini_has(&extra.name) {
            return Err(fields::untranslatable(&extra.name, "something"));
        }
    }
    for (place, tool) in request.tools.iter().enumerate() {
        if matches!(tool, Tool::Opaque { dialect, .. } if *dialect != NAME) {
            return Err(fields::untranslatable(&format!("tools[{place}]"), "a tool of another provider"));
        }
    }
    Ok(())
}

/// What changes the answer only by chance is left out and named.
fn drop_unknown(request: &Request, dropped: &mut Vec<Dropped>) {
    let typed = [
        ("seed", request.seed.is_some()),
        ("top_k", request.top_k.is_some()),
        ("presence_penalty", request.presence_penalty.is_some_and(|penalty| penalty != 0.0)),
        ("frequency_penalty", request.frequency_penalty.is_some_and(|penalty| penalty != 0.0)),
    ];
    let typed = typed.iter().filter(|(_, said)| *said).map(|(field, _)| *field);
    let foreign = fields::foreign_fields(&request.extra, NAME).map(|extra| extra.name.as_str());
    for field in typed.chain(foreign) {
        if dropped.iter().all(|known| known.field != field) {
            dropped.push(Dropped { field: field.to_owned() });
        }
    }
}

fn write_instructions(request: &Request, writer: &mut ObjectWriter<'_>) {
    use crate::chat::Part;
    let marked = request.messages.iter().find(|message| fields::kept(&message.extra, NAME, INSTRUCTIONS).is_some());
    if let Some([Part::Text { text, .. }]) = marked.map(|message| message.parts.as_slice()) {
        writer.string("instructions", text);
    }
}

fn write_text(format: Option<&ResponseFormat>, writer: &mut ObjectWriter<'_>) {
    let Some(format) = format else {
        return;
    };
    let Some(out) = writer.field("text") else {
        return;
    };
    out.extend_from_slice(b"{\"format\":");
    let mut inner = ObjectWriter::open(out, &[], NAME);
    match format {
        ResponseFormat::Text => inner.string("type", "text"),
        ResponseFormat::JsonObject => inner.string("type", "json_object"),
        ResponseFormat::JsonSchema { name, description, schema, strict } => {
            inner.string("type", "json_schema");
            inner.string("name", if name.is_empty() { "answer" } else { name });
            inner.optional_string("description", description.as_deref());
            inner.text("schema", schema.as_ref().map_or("{}", |schema| &schema.0));
            if let Some(strict) = strict {
                inner.boolean("strict", *strict);
            }
        }
    }
    inner.close();
    out.push(b'}');
}

/// The word for how much to think, if there was a wish.
fn effort(reasoning: Option<&Reasoning>) -> Option<&str> {
    let reasoning = reasoning.filter(|reasoning| reasoning.enabled != Some(false))?;
    let by_budget = |budget: u64| match budget {
        0..=2048 => "low",
        2049..=8192 => "medium",
        _ => "high",
    };
    reasoning.effort.as_deref().or_else(|| reasoning.budget_tokens.map(by_budget))
}

/// Is this a model that reasons unasked? Others refuse to be asked for sealed reasoning.
fn thinks(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let known = ["o1", "o3", "o4", "gpt-5", "gpt-6", "codex"].iter().any(|start| name.starts_with(start));
    known && !name.contains("-chat")
}

fn write_include(request: &Request, sealed: bool, writer: &mut ObjectWriter<'_>) {
    let mut wanted = Vec::new();
    if sealed {
        wanted.push(WITH_SEALED_REASONING);
    }
    if request.logprobs == Some(true) {
        wanted.push(WITH_LOGPROBS);
    }
    if !wanted.is_empty()
        && let Some(out) = writer.field("include")
    {
        fields::write_list(wanted, out, json::write_string);
    }
}

fn write_tools(request: &Request, writer: &mut ObjectWriter<'_>) -> Result<(), Fault> {
    if !request.tools.is_empty()
        && let Some(out) = writer.field("tools")
    {
        fields::write_list(&request.tools, out, write_tool);
    }
    match &request.tool_choice {
        Some(ToolChoice::Auto) => writer.string("tool_choice", "auto"),
        Some(ToolChoice::None) => writer.string("tool_choice", "none"),
        Some(ToolChoice::Required) => writer.string("tool_choice", "required"),
        Some(ToolChoice::Function(name)) => {
            if let Some(out) = writer.field("tool_choice") {
                out.extend_from_slice(b"{\"type\":\"function\",\"name\":");
                json::write_string(name, out);
                out.push(b'}');
            }
        }
        Some(ToolChoice::Opaque { dialect, json }) if *dialect == NAME => writer.text("tool_choice", &json.0),
        Some(ToolChoice::Opaque { .. }) => {
            return Err(fields::untranslatable("tool_choice", "a choice of another provider"));
        }
        None => {}
    }
    if let Some(parallel) = request.parallel_tool_calls {
        writer.boolean("parallel_tool_calls", parallel);
    }
    Ok(())
}

/// Here a function is strict unless it says otherwise; everywhere else it is the other way round.
fn write_tool(tool: &Tool, out: &mut Vec<u8>) {
    let function = match tool {
        Tool::Opaque { json, .. } => return out.extend_from_slice(json.0.as_bytes()),
        Tool::Function(function) => function,
    };
    let mut writer = ObjectWriter::open(out, &function.extra, NAME);
    writer.string("type", "function");
    writer.string("name", &function.name);
    writer.optional_string("description", function.description.as_deref());
    let parameters = function.parameters.as_ref().map_or("{\"type\":\"object\",\"properties\":{}}", |schema| &schema.0);
    writer.text("parameters", parameters);
    writer.boolean("strict", function.strict.unwrap_or(false));
    writer.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Message;
    use crate::chat::Part;
    use crate::wire::json::Parser;

    fn parsed<Read>(text: &str, read: impl FnOnce(Value<'_, '_>) -> Read) -> Read {
        let mut copy = text.as_bytes().to_vec();
        let mut parser = Parser::new();
        read(parser.parse(&mut copy).expect("valid JSON").as_value())
    }

    fn written(request: &Request, model: &str) -> Result<(serde_json::Value, Vec<String>), Fault> {
        let mut out = Vec::new();
        let dropped = write_request(request, model, TargetOptions::default(), &mut out)?;
        let dropped = dropped.into_iter().map(|dropped| dropped.field).collect();
        Ok((serde_json::from_slice(&out).expect("JSON"), dropped))
    }

    #[test]
    fn odd_requests_survive_their_own_dialect() {
        for fields in [
            r#""input":"x""#,
            r#""input":"""#,
            r#""input":[]"#,
            r#""input":null,"previous_response_id":"resp_1","instructions":null,"tools":null,"stream":false"#,
            r#""input":"x","instructions":"","tools":[],"include":[],"store":true,"stream":true,"stream_options":{"include_obfuscation":false}"#,
            r#""input":"x","instructions":"be","text":{"format":{"type":"json_schema","name":"n","schema":{},"new":1},"verbosity":"low"}"#,
            r#""input":"x","text":{},"reasoning":{"effort":null,"summary":"auto"},"top_logprobs":3,"safety_identifier":"s","user":"u""#,
            r#""input":"x","tools":[{"type":"function","name":"f"},{"type":"function","name":"g","parameters":null,"strict":null,"description":null,"defer_loading":true},{"type":"custom","name":"c"},{"type":"mcp","server_label":"s"}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[]}"#,
            r#""input":[{"role":"user","content":[]},{"role":"user","content":""},{"type":"message","role":"developer","content":[{"type":"input_text","text":"a","new":1}],"id":"msg_1","status":null}]"#,
            r#""input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AA==","detail":null},{"type":"input_image","file_id":"file-1","image_url":null},{"type":"input_file","file_data":"QUJD","filename":"a.txt"},{"type":"input_file","file_url":"https://x"},{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}},{"type":"from_the_future","x":1}]}]"#,
            r#""input":[{"role":"assistant","content":"a"},{"role":"assistant","content":[{"type":"output_text","text":"b"},{"type":"refusal","refusal":"c"}]},{"type":"message","id":"msg_2","status":"completed","role":"assistant","phase":"commentary","content":[{"type":"refusal","refusal":"d"}]},{"role":"assistant","content":[]},{"role":"assistant","content":[{"type":"odd"}]}]"#,
            r#""input":[{"type":"reasoning","id":"rs_1","summary":[],"content":null,"encrypted_content":"x"},{"type":"function_call","call_id":"c","name":"f","arguments":"","id":"fc_1"},{"type":"function_call","call_id":"d","name":"f","arguments":"{"},{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"x"}],"status":"completed"},{"type":"function_call_output","call_id":"d","output":""}]"#,
            r#""input":[{"type":"item_reference","id":"msg_1"},{"id":"msg_2"},{"role":"critic","content":"x"},{"type":"custom_tool_call","call_id":"c","name":"n","input":"i"},{"type":"custom_tool_call_output","call_id":"c","output":"o"},{"type":"compaction","encrypted_content":"x"},{"type":"mcp_list_tools","server_label":"s","tools":[]},{"type":"mcp_approval_request","id":"a"},{"type":"mcp_approval_response","approval_request_id":"a","approve":true}]"#,
        ] {
            let text = format!(r#"{{"model":"m",{fields}}}"#);
            let request = parsed(&text, read_request).unwrap_or_else(|fault| panic!("{fault:?}: {text}"));
            let (again, dropped) = written(&request, "m").unwrap_or_else(|fault| panic!("{fault:?}: {text}"));
            assert_eq!(again, serde_json::from_str::<serde_json::Value>(&text).expect("JSON"));
            assert!(dropped.is_empty(), "{dropped:?}");
        }
    }

    fn asking(parts: Vec<Part>) -> Request {
        let message = |role, parts| Message { role, parts, name: None, plain: true, extra: vec![] };
        let text = Part::Text { text: "x".into(), cache_marker: None, extra: vec![] };
        Request {
            messages: vec![message(Role::User, vec![text]), message(Role::Assistant, parts)],
            ..Request::default()
        }
    }

    #[test]
    fn seals_of_others_are_left_out_and_named() {
        use crate::dialects::signature::Sealed;
        let thinking =
            |signature: Option<&str>| Part::Thinking { text: "t".into(), signature: signature.map(str::to_owned) };
        let item = r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"}"#;
        let unreadable = r#"{"type":"reasoning","id":"rs_1","summary":[]}"#;
        for (part, kept) in [
            (thinking(Some(&Sealed::Item.mark(item))), true),
            (thinking(Some(&Sealed::Item.mark(unreadable))), false),
            (thinking(Some("EqQB")), false),
            (thinking(None), false),
            (Part::RedactedThinking { data: "r".into() }, false),
        ] {
            let (sent, dropped) = written(&asking(vec![part]), "gpt-5").expect("written");
            let reasoning = sent["input"].as_array().expect("items").get(1);
            assert_eq!(reasoning.is_some(), kept, "{sent}");
            assert_eq!(dropped.is_empty(), kept, "{dropped:?}");
        }
    }

    #[test]
    fn sealed_reasoning_is_asked_of_models_that_have_it() {
        let include = |model: &str, request: &Request| written(request, model).expect("written").0["include"].clone();
        let plain = asking(vec![]);
        for (model, asked) in [
            ("gpt-5.2", true),
            ("openai/o3-mini", true),
            ("gpt-5-chat-latest", false),
            ("gpt-4o", false),
            ("deepseek-chat", false),
        ] {
            assert_eq!(!include(model, &plain).is_null(), asked, "{model}");
        }
        let effort = Some(Reasoning { budget_tokens: Some(4000), ..Reasoning::default() });
        let thinking = Request { reasoning: effort, logprobs: Some(true), ..asking(vec![]) };
        let (sent, _) = written(&thinking, "any").expect("written");
        assert_eq!(sent["include"], serde_json::json!([WITH_SEALED_REASONING, WITH_LOGPROBS]));
        assert_eq!(sent["reasoning"]["effort"], "medium");
    }

    #[test]
    fn what_would_change_the_answer_is_refused_by_name() {
        let sound = crate::chat::Extra {
            dialect: "openai_chat",
            name: "audio".into(),
            value: RawJson("{\"voice\":\"alloy\"}".into()),
        };
        for (request, param) in [
            (Request { n: Some(2), ..asking(vec![]) }, "n"),
            (Request { stop: vec!["x".into()], ..asking(vec![]) }, "stop"),
            (Request { extra: vec![sound], ..asking(vec![]) }, "audio"),
            (
                Request {
                    tools: vec![Tool::Opaque { dialect: "other", json: RawJson("{}".into()) }],
                    ..asking(vec![])
                },
                "tools[0]",
            ),
            (Request::default(), "messages"),
        ] {
            assert_eq!(written(&request, "m").expect_err(param).param.as_deref(), Some(param));
        }
    }

    #[test]
    fn a_conversation_with_seals_of_others_is_written_anew_without_them() {
        let sealed =
            |seal: &str| format!(r#"{{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"{seal}"}}"#);
        let rest = r#"{"type":"function_call","call_id":"c","name":"f","arguments":"{}","id":"fc_1","status":"completed"},{"type":"function_call_output","call_id":"c","output":"o"}"#;
        let body = |items: &str| format!(r#"{{"model":"a","input":[{items}],"store":true,"new":[1]}}"#);
        for foreign in ["ringgate:thinking:EqQB", "ringgate:thinking:", "ringgate:redacted:x"] {
            let text = body(&format!("{},{},{rest}", sealed(foreign), sealed("gAAAAA")));
            let out = parsed(&text, |value| written_anew(value, "b", TargetOptions::default())).expect("expressible");
            let wanted = body(&format!("{},{rest}", sealed("gAAAAA"))).replace("\"a\"", "\"b\"");
            let (got, wanted): (serde_json::Value, serde_json::Value) =
                (serde_json::from_slice(&out).expect("JSON"), serde_json::from_str(&wanted).expect("JSON"));
            assert_eq!(got, wanted, "{foreign}");
        }
    }

    #[test]
    fn what_others_said_is_written_as_the_description_wants_it() {
        let text = |text: &str| Part::Text { text: text.into(), cache_marker: None, extra: Vec::new() };
        let message = |role, parts| Message { role, parts, name: None, plain: false, extra: Vec::new() };
        let source = crate::chat::MediaSource::Url("https://x/y.png".into());
        let picture = Part::Image { source, detail: None, cache_marker: None, extra: Vec::new() };
        let messages = vec![message(Role::User, vec![picture]), message(Role::Assistant, vec![text("a"), text("b")])];
        let mut out = Vec::new();
        let request = Request { messages, ..Request::default() };
        write_request(&request, "m", TargetOptions::default(), &mut out).expect("expressible");
        let written = String::from_utf8(out).expect("text");
        assert!(written.contains(r#""content":"ab""#), "{written}");
        assert!(written.contains(r#""detail":"auto""#), "{written}");
    }
}
