//! The whole request, from and to the neutral one.

use super::super::Dropped;
use super::super::TargetOptions;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::Losses;
use super::super::fields::ObjectWriter;
use super::super::schema;
use super::NAME;
use super::message;
use crate::chat::Among;
use crate::chat::FunctionTool;
use crate::chat::MediaSource;
use crate::chat::Message;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::chat::Reasoning;
use crate::chat::Request;
use crate::chat::ResponseFormat;
use crate::chat::Role;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonArray;
use crate::wire::json::JsonObject;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

/// Fields of other dialects without which the answer would be another one.
const REFUSED_FIELDS: &[&str] = &["mcp_servers", "container"];

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
    if let Some(bound) = fields::integer_of(&object, "max_completion_tokens") {
        request.max_tokens = Some(bound);
        if request_keeps(&keeper, "max_tokens") {
            keeper.keep_text("max_completion_tokens", bound.to_string());
        }
    }
    request.extra = keeper.extras;
    Ok(request)
}

fn request_keeps(keeper: &Keeper, name: &str) -> bool {
    fields::kept(&keeper.extras, NAME, name).is_some()
}

fn read_field(name: &str, value: Value<'_, '_>, request: &mut Request, keeper: &mut Keeper) -> Result<(), Fault> {
    match name {
        "model" => request.model = fields::string(value, || name.to_owned())?.to_owned(),
        "messages" => request.messages = read_messages(&fields::array(value, || name.to_owned())?)?,
        "tools" => {
            request.tools = fields::array(value, || name.to_owned())?.iter().map(read_tool).collect();
            keep_if(request.tools.is_empty(), name, value, keeper);
        }
        "tool_choice" => read_tool_choice(value, request, keeper),
        "parallel_tool_calls" => request.parallel_tool_calls = Some(fields::boolean(value, name)?),
        // The newer name is read after the walk, because it wins whatever the order; this kept spelling
        // also says that the caller used the older one.
        "max_tokens" => {
            request.max_tokens = Some(fields::integer(value, name)?);
            keeper.keep(name, value);
        }
        "max_completion_tokens" => {
            fields::integer(value, name)?;
        }
        "temperature" => request.temperature = Some(fields::number(value, name)?),
        "top_p" => request.top_p = Some(fields::number(value, name)?),
        "presence_penalty" => request.presence_penalty = Some(fields::number(value, name)?),
        "frequency_penalty" => request.frequency_penalty = Some(fields::number(value, name)?),
        "top_k" => {
            request.top_k = value.as_u64();
            keeper.keep(name, value);
        }
        "seed" => {
            request.seed = value.as_i64();
            keep_if(request.seed.is_none(), name, value, keeper);
        }
        "stop" => read_stop(value, request, keeper)?,
        "n" => request.n = Some(fields::integer(value, name)?),
        "logprobs" => request.logprobs = Some(fields::boolean(value, name)?),
        "top_logprobs" => request.top_logprobs = Some(fields::integer(value, name)?),
        "response_format" => read_response_format(value, request, keeper)?,
        "reasoning_effort" => {
            let effort = fields::string(value, || name.to_owned())?.to_owned();
            request.reasoning.get_or_insert_default().effort = Some(effort);
            keeper.keep(name, value);
        }
        "reasoning" | "thinking" => read_reasoning(name, value, request, keeper),
        "user" => request.user = Some(fields::string(value, || name.to_owned())?.to_owned()),
        "service_tier" => request.service_tier = Some(fields::string(value, || name.to_owned())?.to_owned()),
        "stream" => {
            request.stream = fields::boolean(value, name)?;
            keep_if(!request.stream, name, value, keeper);
        }
        "stream_options" => read_stream_options(value, request, keeper)?,
        _ => keeper.keep(name, value),
    }
    Ok(())
}

fn keep_if(unusual: bool, name: &str, value: Value<'_, '_>, keeper: &mut Keeper) {
    if unusual {
        keeper.keep(name, value);
    }
}

fn read_stream_options(value: Value<'_, '_>, request: &mut Request, keeper: &mut Keeper) -> Result<(), Fault> {
    let options = fields::object(value, || "stream_options".to_owned())?;
    keep_if(options.is_empty(), "stream_options", value, keeper);
    for (name, value) in options.iter() {
        match (name, value.as_bool()) {
            ("include_usage", Some(true)) => request.include_usage = true,
            _ => keeper.keep(format!("stream_options/{name}"), value),
        }
    }
    Ok(())
}

fn read_stop(value: Value<'_, '_>, request: &mut Request, keeper: &mut Keeper) -> Result<(), Fault> {
    if let Some(one) = value.as_str() {
        request.stop = vec![one.to_owned()];
        keeper.keep("stop", value);
        return Ok(());
    }
    let list = value.as_array().ok_or_else(|| fields::wrong_type("stop", "a string or an array of strings"))?;
    for (place, stop) in list.iter().enumerate() {
        request.stop.push(fields::string(stop, || format!("stop[{place}]"))?.to_owned());
    }
    keep_if(request.stop.is_empty(), "stop", value, keeper);
    Ok(())
}

fn read_tool_choice(value: Value<'_, '_>, request: &mut Request, keeper: &mut Keeper) {
    let function = value.as_object().filter(|choice| choice.len() == 2).and_then(|choice| {
        let function = fields::object_of(&choice, "function").filter(|function| function.len() == 1)?;
        fields::string_of(&function, "name").filter(|_| fields::string_of(&choice, "type") == Some("function"))
    });
    request.tool_choice = Some(match (value.as_str(), function) {
        (Some("auto"), _) => ToolChoice::Auto,
        (Some("none"), _) => ToolChoice::None,
        (Some("required"), _) => ToolChoice::Required,
        // Mistral's word for the same.
        (Some("any"), _) => {
            keeper.keep("tool_choice", value);
            ToolChoice::Required
        }
        (_, Some(name)) => ToolChoice::Function(name.to_owned()),
        _ => ToolChoice::Opaque { dialect: NAME, json: RawJson(json::raw(value)), among: allowed(value) },
    });
}

/// The functions among which a choice allows calls; `None` for a choice of another kind.
fn allowed(choice: Value<'_, '_>) -> Option<Among> {
    let allowed = fields::object_of(&choice.as_object()?, "allowed_tools")?;
    let name = |tool: Value<'_, '_>| {
        let function = fields::object_of(&tool.as_object()?, "function")?;
        fields::string_of(&function, "name").map(str::to_owned)
    };
    let names = allowed.get("tools")?.as_array()?.iter().map(name).collect::<Option<Vec<String>>>()?;
    Some(Among { names, required: fields::string_of(&allowed, "mode") == Some("required") })
}

fn read_response_format(value: Value<'_, '_>, request: &mut Request, keeper: &mut Keeper) -> Result<(), Fault> {
    let format = fields::object(value, || "response_format".to_owned())?;
    let mut usual = format.len() == 1;
    request.response_format = match fields::string_of(&format, "type") {
        Some("text") => Some(ResponseFormat::Text),
        Some("json_object") => Some(ResponseFormat::JsonObject),
        Some("json_schema") => {
            let Some(schema) = fields::object_of(&format, "json_schema") else {
                return Err(fields::wrong_type("response_format.json_schema", "an object"));
            };
            let known = |name: &str| matches!(name, "name" | "description" | "schema" | "strict");
            usual = format.len() == 2 && schema.iter().all(|(name, value)| known(name) && !value.is_null());
            Some(ResponseFormat::JsonSchema {
                name: fields::string_of(&schema, "name").unwrap_or_default().to_owned(),
                description: fields::string_of(&schema, "description").map(str::to_owned),
                schema: schema.get("schema").map(|schema| RawJson(json::raw(schema))),
                strict: schema.get("strict").and_then(|strict| strict.as_bool()),
            })
        }
        _ => return Err(fields::wrong_type("response_format.type", "`text`, `json_object` or `json_schema`")),
    };
    keep_if(!usual, "response_format", value, keeper);
    Ok(())
}

fn read_reasoning(name: &str, value: Value<'_, '_>, request: &mut Request, keeper: &mut Keeper) {
    keeper.keep(name, value);
    let Some(object) = value.as_object() else {
        return;
    };
    let reasoning: &mut Reasoning = request.reasoning.get_or_insert_default();
    if let Some(effort) = fields::string_of(&object, "effort") {
        reasoning.effort.get_or_insert_with(|| effort.to_owned());
    }
    let budget = fields::integer_of(&object, "max_tokens").or_else(|| fields::integer_of(&object, "budget_tokens"));
    reasoning.budget_tokens = reasoning.budget_tokens.or(budget);
    let switched = object.get("enabled").and_then(|enabled| enabled.as_bool());
    let typed = fields::string_of(&object, "type").map(|word| word != "disabled");
    reasoning.enabled = switched.or(typed).or(reasoning.enabled);
}

fn read_tool(tool: Value<'_, '_>) -> Tool {
    read_function_tool(tool).unwrap_or_else(|| Tool::Opaque { dialect: NAME, json: RawJson(json::raw(tool)) })
}

fn read_function_tool(tool: Value<'_, '_>) -> Option<Tool> {
    let object = tool.as_object()?;
    let function = fields::object_of(&object, "function")?;
    let mut keeper = Keeper::new(NAME);
    for (name, value) in object.iter() {
        match (name, value.as_str()) {
            ("function", _) | ("type", Some("function")) => {}
            ("type", Some(_)) => return None,
            _ => keeper.keep(name, value),
        }
    }
    if object.get("type").is_none() {
        keeper.absent("type");
    }
    let mut read = FunctionTool {
        name: fields::string_of(&function, "name")?.to_owned(),
        description: fields::string_of(&function, "description").map(str::to_owned),
        parameters: None,
        strict: function.get("strict").and_then(|strict| strict.as_bool()),
        cache_marker: object
            .get("cache_control")
            .or_else(|| function.get("cache_control"))
            .map(|marker| RawJson(json::raw(marker))),
        extra: Vec::new(),
    };
    for (name, value) in function.iter() {
        match name {
            "name" => {}
            "description" if read.description.is_some() => {}
            "strict" if read.strict.is_some() => {}
            "parameters" if !value.is_null() => {
                let told = schema::of_arguments(value);
                if told.is_some() {
                    keeper.keep("function/parameters", value);
                }
                read.parameters = Some(RawJson(told.unwrap_or_else(|| json::raw(value))));
            }
            _ => keeper.keep(format!("function/{name}"), value),
        }
    }
    read.extra = keeper.extras;
    Some(Tool::Function(read))
}

fn read_messages(messages: &JsonArray<'_, '_>) -> Result<Vec<Message>, Fault> {
    let read = |(place, message)| read_message(message, &format!("messages[{place}]"));
    messages.iter().enumerate().map(read).collect()
}

fn read_message(message: Value<'_, '_>, param: &str) -> Result<Message, Fault> {
    let object = fields::object(message, || param.to_owned())?;
    let role = read_role(&object, param)?;
    let mut keeper = Keeper::new(NAME);
    let (mut name, mut content, mut rest) = (None, Content::default(), Vec::new());
    for (field, value) in object.iter() {
        match (field, value.as_str()) {
            ("role", _) => {}
            ("content", _) => content = read_content(value, &format!("{param}.content"), &mut keeper)?,
            ("name", Some(text)) => name = Some(text.to_owned()),
            ("tool_call_id", Some(_)) if role == Role::Tool => {}
            ("refusal", Some(text)) if !text.is_empty() => rest.insert(0, Part::Refusal(text.to_owned())),
            ("tool_calls", None) if value.as_array().is_some_and(|calls| !calls.is_empty()) => {
                let calls = fields::array(value, || format!("{param}.tool_calls"))?;
                rest.extend(message::read_tool_calls(&calls, &format!("{param}.tool_calls"))?);
            }
            _ => keeper.keep(field, value),
        }
    }
    if object.get("content").is_none() {
        keeper.absent("content");
    }
    let plain = content.plain;
    let mut parts = if role == Role::Assistant { message::read_thinking(&object) } else { Vec::new() };
    if role == Role::Tool {
        let missing = || Fault::bad_field(format!("{param}.tool_call_id"), "a tool message needs a `tool_call_id`");
        let call_id = fields::string_of(&object, "tool_call_id").ok_or_else(missing)?.to_owned();
        let (parts, extra) = (content.parts, Vec::new());
        let result = Part::ToolResult { call_id, parts, is_error: false, plain, cache_marker: None, extra };
        return Ok(Message { role, parts: vec![result], name, plain, extra: keeper.extras });
    }
    parts.append(&mut content.parts);
    parts.append(&mut rest);
    Ok(Message { role, parts, name, plain, extra: keeper.extras })
}

fn read_role(message: &JsonObject<'_, '_>, param: &str) -> Result<Role, Fault> {
    match fields::string_of(message, "role") {
        Some("system") => Ok(Role::System),
        Some("developer") => Ok(Role::Developer),
        Some("user") => Ok(Role::User),
        Some("assistant") => Ok(Role::Assistant),
        Some("tool") => Ok(Role::Tool),
        _ => Err(Fault::bad_field(
            format!("{param}.role"),
            "this model's provider speaks another dialect, into which only the roles system, developer, user, \
             assistant and tool can be translated",
        )),
    }
}

#[derive(Default)]
struct Content {
    parts: Vec<Part>,
    plain: bool,
}

fn read_content(content: Value<'_, '_>, param: &str, keeper: &mut Keeper) -> Result<Content, Fault> {
    if let Some(text) = content.as_str() {
        let text = (!text.is_empty()).then(|| plain_text(text));
        return Ok(Content { parts: text.into_iter().collect(), plain: true });
    }
    if content.is_null() {
        keeper.keep("content", content);
        return Ok(Content::default());
    }
    let list = content.as_array().ok_or_else(|| fields::wrong_type(param, "a string, an array of parts or null"))?;
    keep_if(list.is_empty(), "content", content, keeper);
    let read = |(place, part)| message::read_part(part, &format!("{param}[{place}]"));
    let parts = list.iter().enumerate().map(read).collect::<Result<Vec<Part>, Fault>>()?;
    if parts.iter().any(|part| matches!(part, Part::Refusal(_))) {
        keeper.keep("content", content);
        keeper.absent("refusal");
    }
    Ok(Content { parts, plain: false })
}

fn plain_text(text: &str) -> Part {
    Part::Text { text: text.to_owned(), cache_marker: None, extra: Vec::new() }
}

pub(super) fn write_request(
    request: &Request,
    model: &str,
    options: TargetOptions,
    out: &mut Vec<u8>,
) -> Result<Vec<Dropped>, Fault> {
    let mut dropped = Losses::default();
    let request = &*fields::narrowed(request, NAME)?;
    let mut writer = ObjectWriter::open(out, &request.extra, NAME);
    json::write_string(model, writer.overrule("model"));
    write_messages(request, options, writer.overrule("messages"), &mut dropped)?;
    write_tools(request, &mut writer)?;
    write_bound(request, options, &mut writer);
    writer.optional_number("temperature", request.temperature);
    writer.optional_number("top_p", request.top_p);
    writer.optional_number("presence_penalty", request.presence_penalty);
    writer.optional_number("frequency_penalty", request.frequency_penalty);
    if request.top_k.is_some() && !writer.is_kept("top_k") {
        dropped.add("top_k");
    }
    if let Some(seed) = request.seed {
        writer.text("seed", &seed.to_string());
    }
    if !request.stop.is_empty()
        && let Some(out) = writer.field("stop")
    {
        fields::write_list(&request.stop, out, |stop, out| json::write_string(stop, out));
    }
    for (name, value) in [("n", request.n), ("top_logprobs", request.top_logprobs)] {
        if let Some(value) = value {
            writer.integer(name, value);
        }
    }
    if let Some(logprobs) = request.logprobs {
        writer.boolean("logprobs", logprobs);
    }
    write_response_format(request.response_format.as_ref(), &mut writer);
    write_effort(request.reasoning.as_ref(), &mut writer);
    writer.optional_string("user", request.user.as_deref());
    // Anthropic's word for the tier that OpenAI calls the default one.
    let tier = request.service_tier.as_deref().map(|tier| if tier == "standard_only" { "default" } else { tier });
    writer.optional_string("service_tier", tier);
    write_stream(request, options, &mut writer);
    writer.close();
    drop_foreign(request, &mut dropped)?;
    Ok(dropped.0)
}

/// Refuses what would change the answer and names what else another dialect kept.
fn drop_foreign(request: &Request, dropped: &mut Losses) -> Result<(), Fault> {
    for extra in fields::foreign_fields(&request.extra, NAME) {
        if REFUSED_FIELDS.contains(&extra.name.as_str()) || fields::only_gemini_has(&extra.name) {
            return Err(fields::untranslatable(&extra.name, "something"));
        }
        dropped.add(&extra.name);
    }
    Ok(())
}

fn write_bound(request: &Request, options: TargetOptions, writer: &mut ObjectWriter<'_>) {
    let Some(bound) = request.max_tokens.or(options.default_max_tokens) else {
        return;
    };
    if options.legacy_max_tokens {
        writer.skip("max_completion_tokens");
        fields::write_integer(bound, writer.overrule("max_tokens"));
    } else if !writer.is_kept("max_tokens") {
        writer.integer("max_completion_tokens", bound);
    }
}

fn write_stream(request: &Request, options: TargetOptions, writer: &mut ObjectWriter<'_>) {
    if request.stream {
        writer.boolean("stream", true);
    }
    let include_usage = request.include_usage || options.inject_usage;
    let kept = fields::own_fields(&request.extra, NAME, "stream_options/").next().is_some();
    if !(request.stream && include_usage || kept) {
        return;
    }
    let out = writer.overrule("stream_options");
    let mut inner = ObjectWriter::open_scope(out, &request.extra, NAME, "stream_options/");
    if request.stream && include_usage {
        inner.overrule("include_usage").extend_from_slice(b"true");
    }
    inner.close();
}

fn write_effort(reasoning: Option<&Reasoning>, writer: &mut ObjectWriter<'_>) {
    let Some(reasoning) = reasoning else {
        return;
    };
    // The caller's own way of asking says it all.
    if ["reasoning_effort", "reasoning", "thinking"].iter().any(|name| writer.is_kept(name)) {
        return;
    }
    let effort = reasoning.effort.as_deref().or_else(|| Some(effort_of(reasoning.budget_tokens?)));
    if reasoning.enabled != Some(false) {
        writer.optional_string("reasoning_effort", effort);
    }
}

/// The word for a budget of thinking tokens; the other direction is `anthropic_messages`' table.
fn effort_of(budget_tokens: u64) -> &'static str {
    match budget_tokens {
        0..=2048 => "low",
        2049..=8192 => "medium",
        _ => "high",
    }
}

fn write_response_format(format: Option<&ResponseFormat>, writer: &mut ObjectWriter<'_>) {
    let Some(format) = format else {
        return;
    };
    let Some(out) = writer.field("response_format") else {
        return;
    };
    match format {
        ResponseFormat::Text => out.extend_from_slice(b"{\"type\":\"text\"}"),
        ResponseFormat::JsonObject => out.extend_from_slice(b"{\"type\":\"json_object\"}"),
        ResponseFormat::JsonSchema { name, description, schema, strict } => {
            out.extend_from_slice(b"{\"type\":\"json_schema\",\"json_schema\":");
            let mut inner = ObjectWriter::open(out, &[], NAME);
            inner.string("name", if name.is_empty() { "answer" } else { name });
            inner.optional_string("description", description.as_deref());
            inner.optional_text("schema", schema.as_ref());
            if let Some(strict) = strict {
                inner.boolean("strict", *strict);
            }
            inner.close();
            out.push(b'}');
        }
    }
}

fn write_tools(request: &Request, writer: &mut ObjectWriter<'_>) -> Result<(), Fault> {
    for (place, tool) in request.tools.iter().enumerate() {
        if matches!(tool, Tool::Opaque { dialect, .. } if *dialect != NAME) {
            return Err(fields::untranslatable(&format!("tools[{place}]"), "a tool of another provider"));
        }
    }
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
                out.extend_from_slice(b"{\"type\":\"function\",\"function\":{\"name\":");
                json::write_string(name, out);
                out.extend_from_slice(b"}}");
            }
        }
        Some(ToolChoice::Opaque { dialect, json, .. }) if *dialect == NAME => writer.text("tool_choice", &json.0),
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

fn write_tool(tool: &Tool, out: &mut Vec<u8>) {
    let function = match tool {
        Tool::Opaque { json, .. } => return out.extend_from_slice(json.0.as_bytes()),
        Tool::Function(function) => function,
    };
    let mut writer = ObjectWriter::open(out, &function.extra, NAME);
    writer.string("type", "function");
    if let Some(out) = writer.field("function") {
        let mut inner = ObjectWriter::open_scope(out, &function.extra, NAME, "function/");
        inner.string("name", &function.name);
        inner.optional_string("description", function.description.as_deref());
        inner.optional_text("parameters", function.parameters.as_ref());
        if let Some(strict) = function.strict {
            inner.boolean("strict", strict);
        }
        inner.close();
    }
    writer.close();
}

fn write_messages(
    request: &Request,
    options: TargetOptions,
    out: &mut Vec<u8>,
    dropped: &mut Losses,
) -> Result<(), Fault> {
    out.push(b'[');
    let mut first = true;
    for (place, message) in request.messages.iter().enumerate() {
        for turn in turns(message) {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            write_turn(message, turn, place, options, out, dropped)?;
        }
    }
    out.push(b']');
    Ok(())
}

/// One message of this dialect.
enum Turn<'a> {
    /// The result of a tool.
    Result(&'a Part),
    /// Everything else.
    Said(Vec<&'a Part>),
}

/// Results of tools are messages of their own here and come first, because they answer the calls of
/// the message before. Their pictures and documents have no place in a tool message and go with what
/// the user says next.
fn turns(message: &Message) -> Vec<Turn<'_>> {
    let mut turns = Vec::new();
    let mut said = Vec::new();
    for part in &message.parts {
        match part {
            Part::ToolResult { parts, .. } => {
                turns.push(Turn::Result(part));
                said.extend(parts.iter().filter(|part| is_media(part)));
            }
            other => said.push(other),
        }
    }
    if turns.is_empty() || !said.is_empty() {
        turns.push(Turn::Said(said));
    }
    turns
}

/// Is it more than text?
fn is_media(part: &Part) -> bool {
    match part {
        Part::Image { .. } => true,
        Part::File { source, .. } => !matches!(source, MediaSource::Text { .. }),
        _ => false,
    }
}

fn write_turn(
    message: &Message,
    turn: Turn<'_>,
    place: usize,
    options: TargetOptions,
    out: &mut Vec<u8>,
    dropped: &mut Losses,
) -> Result<(), Fault> {
    let said = match turn {
        Turn::Result(result) => return write_result(message, result, place, out),
        Turn::Said(said) => said,
    };
    let role = match message.role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User | Role::Tool => "user",
        Role::Assistant => "assistant",
    };
    let mut writer = ObjectWriter::open(out, &message.extra, NAME);
    json::write_string(role, writer.overrule("role"));
    let mut content = Vec::new();
    for part in said {
        match part {
            Part::ToolCall { .. } => {}
            Part::Refusal(text) => writer.string("refusal", text),
            // Kept fields say it for callers of this dialect; most providers of it refuse what they do not know.
            Part::Thinking { .. } | Part::RedactedThinking { .. } => {}
            // What the model did with tools of its provider is no part of the conversation elsewhere.
            Part::Opaque { dialect, .. } if *dialect != NAME && message.role == Role::Assistant => {
                dropped.add(&format!("messages[{place}].content"));
            }
            other => content.push(other),
        }
    }
    if let Some(out) = writer.field("content") {
        // A turn of nothing says so in words, unless it does something.
        let calls = message.parts.iter().any(|part| matches!(part, Part::ToolCall { .. } | Part::Refusal(_)));
        write_content(&content, message.plain || content.is_empty() && !calls, place, out)?;
    }
    writer.optional_string("name", message.name.as_deref());
    message::write_tool_calls(&message.parts, &mut writer);
    if let Some(blocks) = message::thinking_blocks(&message.parts).filter(|_| options.signed_reasoning) {
        writer.text("thinking_blocks", &blocks);
    }
    writer.close();
    Ok(())
}

fn write_result(message: &Message, result: &Part, place: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    let Part::ToolResult { call_id, parts, plain, .. } = result else {
        return Ok(());
    };
    // Fields kept for a message of results belong to it only where it holds a single one.
    let extra = if message.role == Role::Tool { message.extra.as_slice() } else { &[] };
    let mut writer = ObjectWriter::open(out, extra, NAME);
    writer.string("role", "tool");
    writer.string("tool_call_id", call_id);
    if let Some(out) = writer.field("content") {
        let texts: Vec<&Part> = parts.iter().filter(|part| !is_media(part)).collect();
        write_content(&texts, *plain || texts.is_empty(), place, out)?;
    }
    writer.optional_string("name", message.name.as_deref().filter(|_| message.role == Role::Tool));
    writer.close();
    Ok(())
}

fn write_content(parts: &[&Part], plain: bool, place: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    match parts {
        [] if plain => out.extend_from_slice(b"\"\""),
        [] => out.extend_from_slice(b"null"),
        [Part::Text { text, .. }] if plain => json::write_string(text, out),
        _ => {
            out.push(b'[');
            for (number, part) in parts.iter().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                message::write_part(part, out).map_err(|what| {
                    let param = format!("messages[{place}].content");
                    Fault::bad_field(param, format!("content[{number}] holds {what}; leave it out"))
                })?;
            }
            out.push(b']');
        }
    }
    Ok(())
}
