//! The whole request, from and to the neutral one.

use super::super::Dropped;
use super::super::TargetOptions;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::NAME;
use super::blocks;
use super::blocks::Blocks;
use super::thinking;
use super::thinking::Thinking;
use crate::chat::FunctionTool;
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
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

/// The bound sent when neither caller nor operator names one, in tokens.
const DEFAULT_MAX_TOKENS: u64 = 4096;

/// Fields of other dialects without which the answer would be another one.
const REFUSED_FIELDS: &[&str] = &["web_search_options", "audio", "functions", "function_call"];

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
    // Counting tokens takes the same request without a bound, and refuses one.
    for name in ["tools", "max_tokens"].into_iter().filter(|name| object.get(*name).is_none()) {
        keeper.absent(name);
    }
    request.include_usage = request.stream;
    request.extra = keeper.extras;
    Ok(request)
}

fn read_field(name: &str, value: Value<'_, '_>, request: &mut Request, keeper: &mut Keeper) -> Result<(), Fault> {
    match name {
        "model" => request.model = fields::string(value, || name.to_owned())?.to_owned(),
        "system" => {
            let system = read_turn(Role::System, value, name)?;
            keep_if(system.parts.is_empty(), name, value, keeper);
            request.messages.insert(0, system);
        }
        "messages" => {
            let messages = read_messages(&fields::array(value, || name.to_owned())?)?;
            request.messages.extend(messages);
        }
        "tools" => {
            request.tools = fields::array(value, || name.to_owned())?.iter().map(read_tool).collect();
            keep_if(request.tools.is_empty(), name, value, keeper);
        }
        "tool_choice" => read_tool_choice(value, request)?,
        "max_tokens" => request.max_tokens = Some(fields::integer(value, name)?),
        "temperature" => {
            request.temperature = Some(fields::number(value, name)?);
            keeper.keep(name, value);
        }
        "top_p" => {
            request.top_p = Some(fields::number(value, name)?);
            keeper.keep(name, value);
        }
        "top_k" => {
            request.top_k = Some(fields::integer(value, name)?);
            keeper.keep(name, value);
        }
        "stop_sequences" => {
            for (place, stop) in fields::array(value, || name.to_owned())?.iter().enumerate() {
                request.stop.push(fields::string(stop, || format!("{name}[{place}]"))?.to_owned());
            }
            keeper.keep(name, value);
        }
        "stream" => {
            request.stream = fields::boolean(value, name)?;
            keep_if(!request.stream, name, value, keeper);
        }
        "thinking" => {
            read_thinking(value, request)?;
            keeper.keep(name, value);
        }
        "output_config" | "output_format" => {
            read_output(name, value, request)?;
            keeper.keep(name, value);
        }
        "metadata" => {
            let metadata = fields::object(value, || name.to_owned())?;
            request.user = fields::string_of(&metadata, "user_id").map(str::to_owned);
            keeper.keep(name, value);
        }
        "service_tier" => {
            request.service_tier = Some(fields::string(value, || name.to_owned())?.to_owned());
            keeper.keep(name, value);
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

fn read_thinking(value: Value<'_, '_>, request: &mut Request) -> Result<(), Fault> {
    let thinking = fields::object(value, || "thinking".to_owned())?;
    let reasoning: &mut Reasoning = request.reasoning.get_or_insert_default();
    reasoning.enabled = Some(fields::string_of(&thinking, "type") != Some("disabled"));
    reasoning.budget_tokens = fields::integer_of(&thinking, "budget_tokens");
    Ok(())
}

fn read_output(name: &str, value: Value<'_, '_>, request: &mut Request) -> Result<(), Fault> {
    let config = fields::object(value, || name.to_owned())?;
    if let Some(effort) = fields::string_of(&config, "effort") {
        request.reasoning.get_or_insert_default().effort = Some(effort.to_owned());
    }
    let format = if name == "output_format" { Some(config) } else { fields::object_of(&config, "format") };
    if let Some(format) = format {
        request.response_format = Some(ResponseFormat::JsonSchema {
            name: String::new(),
            description: None,
            schema: format.get("schema").map(|schema| RawJson(json::raw(schema))),
            strict: Some(true),
        });
    }
    Ok(())
}

fn read_tool_choice(value: Value<'_, '_>, request: &mut Request) -> Result<(), Fault> {
    let choice = fields::object(value, || "tool_choice".to_owned())?;
    let switch = choice.get("disable_parallel_tool_use").and_then(|switch| switch.as_bool());
    request.parallel_tool_calls = switch.map(|disabled| !disabled);
    let name = fields::string_of(&choice, "name");
    let plain = choice.len() == 1 + usize::from(name.is_some()) + usize::from(switch.is_some());
    request.tool_choice = Some(match (fields::string_of(&choice, "type"), name) {
        (Some("auto"), None) if plain => ToolChoice::Auto,
        (Some("any"), None) if plain => ToolChoice::Required,
        (Some("none"), None) if plain => ToolChoice::None,
        (Some("tool"), Some(name)) if plain => ToolChoice::Function(name.to_owned()),
        _ => {
            request.parallel_tool_calls = None;
            ToolChoice::Opaque { dialect: NAME, json: RawJson(json::raw(value)) }
        }
    });
    Ok(())
}

fn read_tool(tool: Value<'_, '_>) -> Tool {
    read_function_tool(tool).unwrap_or_else(|| Tool::Opaque { dialect: NAME, json: RawJson(json::raw(tool)) })
}

fn read_function_tool(tool: Value<'_, '_>) -> Option<Tool> {
    let object = tool.as_object()?;
    let kind = object.get("type");
    if kind.is_some_and(|kind| !kind.is_null() && kind.as_str() != Some("custom")) {
        return None;
    }
    let mut keeper = Keeper::new(NAME);
    let mut read = FunctionTool {
        name: fields::string_of(&object, "name")?.to_owned(),
        description: None,
        parameters: None,
        strict: object.get("strict").and_then(|strict| strict.as_bool()),
        cache_marker: None,
        extra: Vec::new(),
    };
    for (name, value) in object.iter() {
        match (name, value.as_str()) {
            ("name", _) => {}
            ("description", Some(text)) => read.description = Some(text.to_owned()),
            ("input_schema", None) if value.is_object() => read.parameters = Some(RawJson(json::raw(value))),
            ("cache_control", None) if value.is_object() => read.cache_marker = Some(RawJson(json::raw(value))),
            _ => keeper.keep(name, value),
        }
    }
    if object.get("input_schema").is_none() {
        keeper.absent("input_schema");
    }
    read.extra = keeper.extras;
    Some(Tool::Function(read))
}

fn read_messages(messages: &JsonArray<'_, '_>) -> Result<Vec<Message>, Fault> {
    let mut read: Vec<Message> = Vec::with_capacity(messages.len());
    for (place, value) in messages.iter().enumerate() {
        let param = format!("messages[{place}]");
        let object = fields::object(value, || param.clone())?;
        let role = match fields::string_of(&object, "role") {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("system") => Role::System,
            _ => {
                let message = "the role of a message must be `user`, `assistant` or `system`";
                return Err(Fault::bad_field(format!("{param}.role"), message));
            }
        };
        let missing = || Fault::bad_field(format!("{param}.content"), "every message needs a `content`");
        let content = object.get("content").ok_or_else(missing)?;
        let mut message = read_turn(role, content, &format!("{param}.content"))?;
        let mut keeper = Keeper::new(NAME);
        for (name, value) in object.iter().filter(|(name, _)| !matches!(*name, "role" | "content")) {
            keeper.keep(name, value);
        }
        let repeated = read.last().is_some_and(|before| before.role == role);
        if role == Role::System || repeated || message.parts.is_empty() || !keeper.extras.is_empty() {
            keeper.keep("role", object.get("role").unwrap_or(value));
        }
        message.extra = keeper.extras;
        read.push(message);
    }
    Ok(read)
}

fn read_turn(role: Role, content: Value<'_, '_>, param: &str) -> Result<Message, Fault> {
    let plain = content.as_str();
    let parts = match plain {
        Some("") => Vec::new(),
        Some(text) => vec![blocks::plain_text(text)],
        None => {
            let wrong = || fields::wrong_type(param, "a string or an array of blocks");
            blocks::read_blocks(&content.as_array().ok_or_else(wrong)?, param)?
        }
    };
    Ok(Message { role, parts, name: None, plain: plain.is_some(), extra: Vec::new() })
}

pub(super) fn write_request(
    request: &Request,
    model: &str,
    options: TargetOptions,
    out: &mut Vec<u8>,
) -> Result<Vec<Dropped>, Fault> {
    let mut dropped = Vec::new();
    refuse(request)?;
    let default_max_tokens = options.default_max_tokens.unwrap_or(DEFAULT_MAX_TOKENS);
    let (mut thinking, mut max_tokens) = thinking::plan(request, model, default_max_tokens);
    let mut writer = ObjectWriter::open(out, &request.extra, NAME);
    if writer.is_kept("thinking") || writer.is_kept("output_config") {
        (thinking, max_tokens) = (Thinking::Off, request.max_tokens.unwrap_or(default_max_tokens));
    }
    json::write_string(model, writer.overrule("model"));
    writer.integer("max_tokens", max_tokens);
    write_system(request, &mut writer)?;
    write_messages(request, writer.overrule("messages"), &mut dropped)?;
    write_tools(request, &mut writer)?;
    if thinking == Thinking::Dropped {
        drop_field("reasoning_effort", &mut dropped);
    }
    write_thinking(thinking, &mut writer);
    write_output(request, thinking, &mut writer)?;
    let thinks = matches!(thinking, Thinking::Budget(_) | Thinking::Adaptive(_));
    write_sampling(request, thinks, &mut writer, &mut dropped);
    write_stop(request, &mut writer, &mut dropped);
    if let Some(user) = &request.user
        && let Some(out) = writer.field("metadata")
    {
        out.extend_from_slice(b"{\"user_id\":");
        json::write_string(user, out);
        out.push(b'}');
    }
    write_service_tier(request, &mut writer, &mut dropped);
    if request.stream {
        writer.boolean("stream", true);
    }
    writer.close();
    drop_foreign(request, &mut dropped);
    Ok(dropped)
}

/// A request of this dialect, written by way of the neutral one, if that can be done.
pub(super) fn written_anew(body: Value<'_, '_>, model: &str, options: TargetOptions) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    write_request(&read_request(body).ok()?, model, options, &mut out).ok()?;
    Some(out)
}

fn drop_field(field: &str, dropped: &mut Vec<Dropped>) {
    if dropped.iter().all(|known| known.field != field) {
        dropped.push(Dropped { field: field.to_owned() });
    }
}

/// What would give another answer if it were left out.
fn refuse(request: &Request) -> Result<(), Fault> {
    if request.n.is_some_and(|n| n > 1) {
        return Err(fields::untranslatable("n", "more than one answer"));
    }
    if request.logprobs == Some(true) {
        return Err(fields::untranslatable("logprobs", "a wish for log probabilities"));
    }
    if request.response_format == Some(ResponseFormat::JsonObject) {
        let message = "`json_object` is unknown to this model's provider; use `json_schema`, or ask for JSON in words";
        return Err(Fault::bad_field("response_format", message));
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
fn drop_foreign(request: &Request, dropped: &mut Vec<Dropped>) {
    let typed = [
        ("seed", request.seed.is_some()),
        ("presence_penalty", request.presence_penalty.is_some_and(|penalty| penalty != 0.0)),
        ("frequency_penalty", request.frequency_penalty.is_some_and(|penalty| penalty != 0.0)),
    ];
    for (field, said) in typed {
        if said {
            drop_field(field, dropped);
        }
    }
    let strict = |tool: &Tool| match tool {
        Tool::Function(tool) => tool.strict == Some(true) && fields::kept(&tool.extra, NAME, "strict").is_none(),
        Tool::Opaque { .. } => false,
    };
    if request.tools.iter().any(strict) {
        drop_field("tools[].function.strict", dropped);
    }
    for extra in fields::foreign_fields(&request.extra, NAME) {
        drop_field(&extra.name, dropped);
    }
}

fn write_thinking(thinking: Thinking, writer: &mut ObjectWriter<'_>) {
    match thinking {
        Thinking::Budget(budget) => {
            writer.text("thinking", &format!("{{\"type\":\"enabled\",\"budget_tokens\":{budget}}}"));
        }
        Thinking::Adaptive(_) => writer.text("thinking", "{\"type\":\"adaptive\"}"),
        Thinking::Off | Thinking::Dropped => {}
    }
}

fn write_output(request: &Request, thinking: Thinking, writer: &mut ObjectWriter<'_>) -> Result<(), Fault> {
    let schema = match &request.response_format {
        Some(ResponseFormat::JsonSchema { schema: Some(schema), .. }) => Some(schema),
        Some(ResponseFormat::JsonSchema { schema: None, .. }) if !writer.is_kept("output_config") => {
            return Err(fields::wrong_type("response_format.json_schema.schema", "an object"));
        }
        _ => None,
    };
    let effort = if let Thinking::Adaptive(effort) = thinking { Some(effort) } else { None };
    if schema.is_none() && effort.is_none() || writer.is_kept("output_format") {
        return Ok(());
    }
    if let Some(out) = writer.field("output_config") {
        let mut inner = ObjectWriter::open(out, &[], NAME);
        inner.optional_string("effort", effort);
        if let Some(schema) = schema {
            inner.text("format", &format!("{{\"type\":\"json_schema\",\"schema\":{}}}", schema.0));
        }
        inner.close();
    }
    Ok(())
}

/// OpenAI's temperatures go to 2, these to 1: above it the most random answer there is was meant, so
/// the value is capped and named. Later models refuse temperature and `top_p` together, thinking ones
/// both; the temperature is what callers mean.
fn write_sampling(request: &Request, thinks: bool, writer: &mut ObjectWriter<'_>, dropped: &mut Vec<Dropped>) {
    if ["temperature", "top_p", "top_k"].iter().any(|name| writer.is_kept(name)) {
        return;
    }
    let said = |value: Option<f64>| value.filter(|value| (value - 1.0).abs() > f64::EPSILON);
    if thinks {
        for (field, said) in [("temperature", said(request.temperature)), ("top_p", said(request.top_p))] {
            if said.is_some() {
                drop_field(field, dropped);
            }
        }
        return;
    }
    if request.temperature.is_some_and(|temperature| temperature > 1.0) {
        drop_field("temperature", dropped);
    }
    writer.optional_number("temperature", request.temperature.map(|temperature| temperature.clamp(0.0, 1.0)));
    match said(request.top_p) {
        Some(_) if request.temperature.is_some() => drop_field("top_p", dropped),
        top_p => writer.optional_number("top_p", top_p),
    }
    if let Some(top_k) = request.top_k {
        writer.integer("top_k", top_k);
    }
}

/// Sequences of nothing but white space are refused.
fn write_stop(request: &Request, writer: &mut ObjectWriter<'_>, dropped: &mut Vec<Dropped>) {
    let usable: Vec<&String> = request.stop.iter().filter(|stop| !stop.trim().is_empty()).collect();
    if usable.len() < request.stop.len() && !writer.is_kept("stop_sequences") {
        drop_field("stop", dropped);
    }
    if !usable.is_empty()
        && let Some(out) = writer.field("stop_sequences")
    {
        fields::write_list(usable, out, |stop, out| json::write_string(stop, out));
    }
}

fn write_service_tier(request: &Request, writer: &mut ObjectWriter<'_>, dropped: &mut Vec<Dropped>) {
    match request.service_tier.as_deref() {
        Some("auto") => writer.string("service_tier", "auto"),
        Some("default" | "standard_only") => writer.string("service_tier", "standard_only"),
        Some(_) if !writer.is_kept("service_tier") => drop_field("service_tier", dropped),
        _ => {}
    }
}

fn is_system(message: &Message) -> bool {
    matches!(message.role, Role::System | Role::Developer) && !stands_alone(message)
}

/// Was it read by this dialect as a turn that must not be merged?
fn stands_alone(message: &Message) -> bool {
    fields::kept(&message.extra, NAME, "role").is_some()
}

fn write_system(request: &Request, writer: &mut ObjectWriter<'_>) -> Result<(), Fault> {
    let mut blocks = Blocks::default();
    let mut only = None;
    let mut count = 0;
    for (place, message) in request.messages.iter().enumerate().filter(|(_, message)| is_system(message)) {
        count += 1;
        only = plain_of(message);
        for part in &message.parts {
            let param = format!("messages[{place}].content");
            if !matches!(part, Part::Text { .. } | Part::Opaque { .. }) {
                return Err(fields::untranslatable(&param, "more than text in a system message"));
            }
            blocks.add(part, &param)?;
        }
    }
    if blocks.count > 0
        && let Some(out) = writer.field("system")
    {
        match only.filter(|_| count == 1) {
            Some(text) => json::write_string(text, out),
            None => blocks.write_list(out),
        }
    }
    Ok(())
}

/// The text of a message that was and can be one plain string.
fn plain_of(message: &Message) -> Option<&str> {
    match message.parts.as_slice() {
        [Part::Text { text, cache_marker: None, .. }] if message.plain => Some(text),
        _ => None,
    }
}

/// A turn being gathered.
struct Turn<'a> {
    role: &'static str,
    blocks: Blocks,
    first: &'a Message,
    merged: bool,
}

fn write_messages(request: &Request, out: &mut Vec<u8>, dropped: &mut Vec<Dropped>) -> Result<(), Fault> {
    out.push(b'[');
    let mut written = 0;
    let mut turn: Option<Turn<'_>> = None;
    for (place, message) in request.messages.iter().enumerate().filter(|(_, message)| !is_system(message)) {
        let role = match message.role {
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
            Role::System | Role::Developer => "system",
        };
        let joins = |turn: &Turn<'_>| turn.role == role && !stands_alone(message) && !stands_alone(turn.first);
        match &mut turn {
            Some(turn) if joins(turn) => turn.merged = true,
            _ => {
                if let Some(before) = turn.take() {
                    write_turn(&before, &mut written, out);
                }
                turn = Some(Turn { role, blocks: Blocks::default(), first: message, merged: false });
            }
        }
        let blocks = &mut turn.as_mut().expect("it was just begun").blocks;
        add_parts(message, place, blocks, dropped)?;
    }
    if let Some(last) = turn {
        write_turn(&last, &mut written, out);
    }
    out.push(b']');
    if written == 0 {
        return Err(Fault::bad_field("messages", "`messages` needs at least one message that is not a system message"));
    }
    Ok(())
}

fn add_parts(message: &Message, place: usize, blocks: &mut Blocks, dropped: &mut Vec<Dropped>) -> Result<(), Fault> {
    let mut calls = 0;
    for part in &message.parts {
        let param = match part {
            Part::ToolCall { .. } => {
                calls += 1;
                format!("messages[{place}].tool_calls[{}].function.arguments", calls - 1)
            }
            _ => format!("messages[{place}].content"),
        };
        // What the model did with tools of its provider is no part of the conversation elsewhere.
        if message.role == Role::Assistant && matches!(part, Part::Opaque { dialect, .. } if *dialect != NAME) {
            drop_field(&param, dropped);
            continue;
        }
        blocks.add(part, &param)?;
        if std::mem::take(&mut blocks.unsigned) {
            drop_field(&format!("messages[{place}].reasoning_content"), dropped);
        }
    }
    Ok(())
}

/// Empty turns are refused and say nothing, so they are not written.
fn write_turn(turn: &Turn<'_>, written: &mut usize, out: &mut Vec<u8>) {
    if turn.blocks.count == 0 && !stands_alone(turn.first) {
        return;
    }
    if *written > 0 {
        out.push(b',');
    }
    *written += 1;
    let mut writer = ObjectWriter::open(out, &turn.first.extra, NAME);
    json::write_string(turn.role, writer.overrule("role"));
    let plain = plain_of(turn.first).filter(|_| !turn.merged);
    let out = writer.overrule("content");
    match plain {
        Some(text) => json::write_string(text, out),
        None if turn.blocks.count == 0 && turn.first.plain => out.extend_from_slice(b"\"\""),
        None => turn.blocks.write_list(out),
    }
    writer.close();
}

fn write_tools(request: &Request, writer: &mut ObjectWriter<'_>) -> Result<(), Fault> {
    if request.tools.is_empty() {
        return write_called_tools(request, writer);
    }
    if let Some(out) = writer.field("tools") {
        fields::write_list(&request.tools, out, write_tool);
    }
    let kind = match &request.tool_choice {
        Some(ToolChoice::Auto) => "auto",
        Some(ToolChoice::None) => "none",
        Some(ToolChoice::Required) => "any",
        Some(ToolChoice::Function(_)) => "tool",
        Some(ToolChoice::Opaque { dialect, json }) if *dialect == NAME => {
            writer.text("tool_choice", &json.0);
            return Ok(());
        }
        Some(ToolChoice::Opaque { .. }) => {
            return Err(fields::untranslatable("tool_choice", "a choice of another provider"));
        }
        None if request.parallel_tool_calls == Some(false) => "auto",
        None => return Ok(()),
    };
    if let Some(out) = writer.field("tool_choice") {
        let mut inner = ObjectWriter::open(out, &[], NAME);
        inner.string("type", kind);
        if let Some(ToolChoice::Function(name)) = &request.tool_choice {
            inner.string("name", name);
        }
        if let Some(parallel) = request.parallel_tool_calls.filter(|_| kind != "none") {
            inner.boolean("disable_parallel_tool_use", !parallel);
        }
        inner.close();
    }
    Ok(())
}

/// A conversation with calls in it is refused without declared tools, which OpenAI does not ask for: the
/// tools it called are declared by name, and calling them is forbidden.
fn write_called_tools(request: &Request, writer: &mut ObjectWriter<'_>) -> Result<(), Fault> {
    let mut names: Vec<&str> = Vec::new();
    for part in request.messages.iter().flat_map(|message| &message.parts) {
        match part {
            Part::ToolCall { name, .. } if !names.contains(&name.as_str()) => names.push(name),
            _ => {}
        }
    }
    if names.is_empty() || writer.is_kept("tools") {
        if let Some(ToolChoice::Opaque { dialect, json }) = &request.tool_choice
            && *dialect == NAME
        {
            writer.text("tool_choice", &json.0);
        }
        return Ok(());
    }
    if let Some(out) = writer.field("tools") {
        fields::write_list(names, out, |name, out| {
            out.extend_from_slice(b"{\"name\":");
            json::write_string(name, out);
            out.extend_from_slice(b",\"input_schema\":{\"type\":\"object\"}}");
        });
    }
    writer.text("tool_choice", "{\"type\":\"none\"}");
    Ok(())
}

fn write_tool(tool: &Tool, out: &mut Vec<u8>) {
    let function = match tool {
        Tool::Opaque { json, .. } => return out.extend_from_slice(json.0.as_bytes()),
        Tool::Function(function) => function,
    };
    let mut writer = ObjectWriter::open(out, &function.extra, NAME);
    writer.string("name", &function.name);
    writer.optional_string("description", function.description.as_deref());
    let schema = function.parameters.as_ref().map_or("{\"type\":\"object\",\"properties\":{}}", |schema| &schema.0);
    writer.text("input_schema", schema);
    writer.optional_text("cache_control", function.cache_marker.as_ref());
    writer.close();
}
