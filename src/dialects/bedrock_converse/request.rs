//! The whole request, from the neutral one.

use super::super::Dropped;
use super::super::TargetOptions;
use super::super::fields;
use super::super::fields::Losses;
use super::super::fields::ObjectWriter;
use super::super::schema;
use super::NAME;
use super::blocks::Blocks;
use super::blocks::write_cache_point;
use super::family;
use super::family::Family;
use super::family::Plan;
use super::media::Names;
use crate::chat::Extra;
use crate::chat::FunctionTool;
use crate::chat::Message;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::chat::Request;
use crate::chat::ResponseFormat;
use crate::chat::Role;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::fault::Fault;
use crate::wire::json;

/// Fields of other dialects without which the answer would be another one.
const REFUSED_FIELDS: &[&str] =
    &["web_search_options", "audio", "functions", "function_call", "mcp_servers", "container"];

/// Converse's own fields, which callers of other dialects may send.
const OWN_FIELDS: &[&str] = &["guardrailConfig", "performanceConfig", "requestMetadata"];
/// The same, where something of ours joins them.
const ADDITIONAL: &str = "additionalModelRequestFields";
const ADDITIONAL_PATHS: &str = "additionalModelResponseFieldPaths";
/// Claude's own field, which travels among the additional ones.
const BETA: &str = "anthropic_beta";
/// Anthropic's wish for a cache point behind the whole conversation.
const AUTOMATIC_MARKER: &str = "cache_control";

pub(super) fn write_request(
    request: &Request,
    model: &str,
    options: TargetOptions,
    out: &mut Vec<u8>,
) -> Result<Vec<Dropped>, Fault> {
    let request = &*fields::narrowed(request, NAME)?;
    refuse(request)?;
    refuse_path(model)?;
    let family = Family::of(model);
    let mut losses = Losses::default();
    let plan = family::plan(family, request, model, options.default_max_tokens);
    let mut writer = ObjectWriter::open(out, &[], NAME);
    write_messages(request, family, writer.overrule("messages"), &mut losses)?;
    write_system(request, family, &mut writer, &mut losses)?;
    write_inference(request, family, &plan, options, &mut writer, &mut losses);
    write_tools(request, family, &mut writer, &mut losses)?;
    write_output(request, &mut writer, &mut losses)?;
    write_additional(request, family, plan, &mut writer, &mut losses)?;
    write_service_tier(request, &mut writer, &mut losses);
    for name in OWN_FIELDS {
        if let Some(value) = own_field(request, name, '{')? {
            writer.text(name, value);
        }
    }
    write_paths(request, family, &mut writer)?;
    writer.close();
    drop_foreign(request, family, &mut losses);
    Ok(losses.0)
}

/// The model is a segment of the path, and one of nothing but dots would lead out of it.
fn refuse_path(model: &str) -> Result<(), Fault> {
    if model.bytes().all(|byte| byte == b'.') {
        return Err(Fault::bad_field("model", "`model` must be the id or the ARN of a model"));
    }
    Ok(())
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

/// What changes the answer only by chance, or nothing but who is told of it, is left out and named.
fn drop_foreign(request: &Request, family: Family, losses: &mut Losses) {
    let penalty = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
    let strict = |tool: &Tool| matches!(tool, Tool::Function(tool) if tool.strict == Some(true));
    let typed = [
        ("seed", request.seed.is_some()),
        ("presence_penalty", penalty(request.presence_penalty)),
        ("frequency_penalty", penalty(request.frequency_penalty)),
        ("user", request.user.is_some()),
        ("parallel_tool_calls", request.parallel_tool_calls == Some(false)),
        ("tools[].function.strict", request.tools.iter().any(strict)),
    ];
    typed.iter().filter(|(_, said)| *said).for_each(|(field, _)| losses.add(field));
    for extra in fields::foreign_fields(&request.extra, NAME) {
        let name = extra.name.as_str();
        let own = OWN_FIELDS.contains(&name) || [ADDITIONAL, ADDITIONAL_PATHS].contains(&name);
        let claude = name == BETA && family == Family::Claude || name == AUTOMATIC_MARKER && family.caches();
        if !own && !claude {
            losses.add(name);
        }
    }
}

/// A field that a caller of another dialect sent under Converse's name for it.
fn own_field<'a>(request: &'a Request, name: &str, opening: char) -> Result<Option<&'a str>, Fault> {
    let Some(text) = sent(request, name) else { return Ok(None) };
    if !text.starts_with(opening) {
        return Err(fields::wrong_type(name, if opening == '{' { "an object" } else { "an array" }));
    }
    Ok(Some(text))
}

fn sent<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let named = |extra: &&Extra| extra.name == name && !matches!(extra.value.0.as_str(), "" | "null");
    request.extra.iter().find(named).map(|extra| extra.value.0.as_str())
}

fn is_system(message: &Message) -> bool {
    matches!(message.role, Role::System | Role::Developer)
}

fn write_system(
    request: &Request,
    family: Family,
    writer: &mut ObjectWriter<'_>,
    losses: &mut Losses,
) -> Result<(), Fault> {
    let mut blocks = Blocks::new(family);
    for (place, message) in request.messages.iter().enumerate().filter(|(_, message)| is_system(message)) {
        for part in &message.parts {
            let param = format!("messages[{place}].content");
            if !matches!(part, Part::Text { .. }) {
                return Err(fields::untranslatable(&param, "more than text in a system message"));
            }
            blocks.add(part, &param, &mut Names::default())?;
        }
    }
    if blocks.unmarked {
        losses.add("cache_control");
    }
    if blocks.count > 0 {
        blocks.write_list(writer.overrule("system"));
    }
    Ok(())
}

fn write_messages(request: &Request, family: Family, out: &mut Vec<u8>, losses: &mut Losses) -> Result<(), Fault> {
    let mut turns: Vec<(&'static str, Blocks)> = Vec::new();
    let mut names = Names::default();
    for (place, message) in request.messages.iter().enumerate().filter(|(_, message)| !is_system(message)) {
        let role = if message.role == Role::Assistant { "assistant" } else { "user" };
        if turns.last().is_none_or(|(before, _)| *before != role) {
            turns.push((role, Blocks::new(family)));
        }
        let (_, blocks) = turns.last_mut().expect("it was just begun");
        add_parts(message, place, blocks, &mut names, losses)?;
    }
    if let (Some((_, last)), Some(marker)) = (turns.last_mut(), sent(request, AUTOMATIC_MARKER)) {
        last.mark(Some(&RawJson(marker.to_owned())));
    }
    if turns.iter().any(|(_, blocks)| blocks.unmarked) {
        losses.add("cache_control");
    }
    // Empty turns are refused and say nothing; their neighbours then speak in one.
    turns.retain(|(_, blocks)| blocks.count > 0);
    turns.dedup_by(|(role, blocks), (before, all)| {
        let joins = role == before;
        if joins {
            all.join(blocks);
        }
        joins
    });
    if turns.is_empty() {
        return Err(Fault::bad_field("messages", "`messages` needs at least one message that is not a system message"));
    }
    fields::write_list(turns, out, |(role, blocks), out| {
        let mut writer = ObjectWriter::open(out, &[], NAME);
        writer.string("role", role);
        blocks.write_list(writer.overrule("content"));
        writer.close();
    });
    Ok(())
}

fn add_parts(
    message: &Message,
    place: usize,
    blocks: &mut Blocks,
    names: &mut Names,
    losses: &mut Losses,
) -> Result<(), Fault> {
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
            losses.add(&param);
            continue;
        }
        blocks.add(part, &param, names)?;
        if std::mem::take(&mut blocks.unsigned) {
            losses.add(&format!("messages[{place}].reasoning_content"));
        }
    }
    Ok(())
}

/// Temperatures here end at 1: above it the most random answer there is was meant, so the value is capped
/// and named. Later Claude models refuse temperature and `top_p` together, thinking ones both; the
/// temperature is what callers mean.
fn write_inference(
    request: &Request,
    family: Family,
    plan: &Plan,
    options: TargetOptions,
    writer: &mut ObjectWriter<'_>,
    losses: &mut Losses,
) {
    let (mut temperature, mut top_p) = (request.temperature, request.top_p);
    if temperature.is_some_and(|temperature| temperature > 1.0) {
        losses.add("temperature");
        temperature = Some(1.0);
    }
    let said = |value: Option<f64>| value.filter(|value| (value - 1.0).abs() > f64::EPSILON);
    if family::thinks(plan) {
        [("temperature", temperature), ("top_p", top_p)].iter().for_each(|(field, value)| {
            if said(*value).is_some() {
                losses.add(field);
            }
        });
        (temperature, top_p) = (None, None);
    } else if family == Family::Claude && temperature.is_some() {
        if said(top_p).is_some() {
            losses.add("top_p");
        }
        top_p = None;
    }
    let stop = usable_stops(request);
    if stop.len() < request.stop.len() {
        losses.add("stop");
    }
    let max_tokens = request.max_tokens.or(options.default_max_tokens);
    if max_tokens.is_none() && temperature.is_none() && top_p.is_none() && stop.is_empty() {
        return;
    }
    let mut inner = ObjectWriter::open(writer.overrule("inferenceConfig"), &[], NAME);
    if let Some(max_tokens) = max_tokens {
        inner.integer("maxTokens", max_tokens);
    }
    inner.optional_number("temperature", temperature.map(|temperature| temperature.max(0.0)));
    inner.optional_number("topP", top_p);
    if !stop.is_empty() {
        fields::write_list(stop, inner.overrule("stopSequences"), |stop, out| json::write_string(stop, out));
    }
    inner.close();
}

/// Sequences of nothing but white space are refused.
fn usable_stops(request: &Request) -> Vec<&String> {
    request.stop.iter().filter(|stop| !stop.trim().is_empty()).collect()
}

fn write_tools(
    request: &Request,
    family: Family,
    writer: &mut ObjectWriter<'_>,
    losses: &mut Losses,
) -> Result<(), Fault> {
    if request.tools.is_empty() || request.tool_choice == Some(ToolChoice::None) {
        write_called_tools(request, writer, losses);
        return Ok(());
    }
    let choice = match &request.tool_choice {
        None | Some(ToolChoice::None) => None,
        Some(ToolChoice::Auto) => Some("{\"auto\":{}}".to_owned()),
        Some(ToolChoice::Required) => Some("{\"any\":{}}".to_owned()),
        Some(ToolChoice::Function(name)) => {
            let name = fields::written(|out| json::write_string(name, out));
            Some(format!("{{\"tool\":{{\"name\":{name}}}}}"))
        }
        Some(ToolChoice::Opaque { .. }) => {
            return Err(fields::untranslatable("tool_choice", "a choice of another provider"));
        }
    };
    let mut config = ObjectWriter::open(writer.overrule("toolConfig"), &[], NAME);
    let mut unmarked = false;
    write_tool_list(&request.tools, family, config.overrule("tools"), &mut unmarked);
    if let Some(choice) = choice {
        config.text("toolChoice", &choice);
    }
    config.close();
    if unmarked {
        losses.add("cache_control");
    }
    Ok(())
}

fn write_tool_list(tools: &[Tool], family: Family, out: &mut Vec<u8>, unmarked: &mut bool) {
    let before = out.len();
    for tool in tools {
        out.push(if out.len() == before { b'[' } else { b',' });
        match tool {
            Tool::Opaque { json, .. } => out.extend_from_slice(json.0.as_bytes()),
            Tool::Function(function) => {
                write_tool(function, out);
                match &function.cache_marker {
                    Some(marker) if family.caches_tools() => {
                        out.push(b',');
                        write_cache_point(marker, out);
                    }
                    Some(_) => *unmarked = true,
                    None => {}
                }
            }
        }
    }
    out.push(b']');
}

fn write_tool(function: &FunctionTool, out: &mut Vec<u8>) {
    let schema = function.parameters.as_ref().map_or("{\"type\":\"object\",\"properties\":{}}", |schema| &schema.0);
    let description = function.description.as_deref().filter(|text| !text.is_empty());
    write_tool_spec(&function.name, description, schema, out);
}

fn write_tool_spec(name: &str, description: Option<&str>, schema: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"toolSpec\":");
    let mut spec = ObjectWriter::open(out, &[], NAME);
    spec.string("name", name);
    spec.optional_string("description", description);
    spec.text("inputSchema", &format!("{{\"json\":{schema}}}"));
    spec.close();
    out.push(b'}');
}

/// For a conversation that has called tools and may not go on doing so; see the head of this dialect.
fn write_called_tools(request: &Request, writer: &mut ObjectWriter<'_>, losses: &mut Losses) {
    const GONE: &str = "This tool is no longer available. Do not call it.";
    let mut called: Vec<&str> = Vec::new();
    for part in request.messages.iter().flat_map(|message| &message.parts) {
        match part {
            Part::ToolCall { name, .. } if !called.contains(&name.as_str()) => called.push(name),
            _ => {}
        }
    }
    if called.is_empty() {
        return;
    }
    if request.tool_choice == Some(ToolChoice::None) {
        losses.add("tool_choice");
    }
    let mut config = ObjectWriter::open(writer.overrule("toolConfig"), &[], NAME);
    fields::write_list(called, config.overrule("tools"), |name, out| {
        write_tool_spec(name, Some(GONE), "{\"type\":\"object\"}", out);
    });
    config.close();
}

/// A schema travels as text inside the JSON, in the part of the language that Claude knows: Bedrock asks all
/// models for the same one.
fn write_output(request: &Request, writer: &mut ObjectWriter<'_>, losses: &mut Losses) -> Result<(), Fault> {
    let Some(ResponseFormat::JsonSchema { name, description, schema, .. }) = &request.response_format else {
        return Ok(());
    };
    let missing = || fields::wrong_type("response_format.json_schema.schema", "an object");
    let (schema, loosened) = schema::for_claude(&schema.as_ref().ok_or_else(missing)?.0);
    if loosened {
        losses.add("response_format.json_schema.schema");
    }
    let structure = fields::written(|out| {
        let mut inner = ObjectWriter::open(out, &[], NAME);
        inner.string("schema", &schema);
        inner.optional_string("name", Some(name.as_str()).filter(|name| !name.is_empty()));
        inner.optional_string("description", description.as_deref());
        inner.close();
    });
    let format = format!("{{\"type\":\"json_schema\",\"structure\":{{\"jsonSchema\":{structure}}}}}");
    writer.text("outputConfig", &format!("{{\"textFormat\":{format}}}"));
    Ok(())
}

/// What the maker of the model calls by names of its own. A caller's own additional fields win.
fn write_additional(
    request: &Request,
    family: Family,
    plan: Plan,
    writer: &mut ObjectWriter<'_>,
    losses: &mut Losses,
) -> Result<(), Fault> {
    let theirs = own_field(request, ADDITIONAL, '{')?.unwrap_or("{}");
    let theirs: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(theirs).map_err(|_| fields::wrong_type(ADDITIONAL, "an object"))?;
    let mut ours: Vec<(&str, String)> = Vec::new();
    match plan {
        Plan::Off => {}
        Plan::Dropped => losses.add("reasoning_effort"),
        Plan::Fields(planned) => ours.extend(planned),
    }
    if let Some(top_k) = request.top_k {
        // Thinking and `top_k` exclude each other.
        match family.top_k(top_k).filter(|_| ours.iter().all(|(name, _)| *name != "thinking")) {
            Some(named) => ours.push(named),
            None => losses.add("top_k"),
        }
    }
    if let Some(beta) = sent(request, BETA).filter(|_| family == Family::Claude) {
        ours.push((BETA, beta.to_owned()));
    }
    ours.retain(|(name, _)| !theirs.contains_key(*name));
    if ours.is_empty() && theirs.is_empty() {
        return Ok(());
    }
    let theirs = theirs.iter().map(|(name, value)| (name.as_str(), value.to_string()));
    let all = theirs.chain(ours.iter().map(|(name, value)| (*name, value.clone())));
    let out = writer.overrule(ADDITIONAL);
    out.push(b'{');
    for (place, (name, value)) in all.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        json::write_string(name, out);
        out.push(b':');
        out.extend_from_slice(value.as_bytes());
    }
    out.push(b'}');
    Ok(())
}

/// Which stop sequence was met is told only to who asks for it.
fn write_paths(request: &Request, family: Family, writer: &mut ObjectWriter<'_>) -> Result<(), Fault> {
    match own_field(request, ADDITIONAL_PATHS, '[')? {
        Some(theirs) => writer.text(ADDITIONAL_PATHS, theirs),
        None if family == Family::Claude && !usable_stops(request).is_empty() => {
            writer.text(ADDITIONAL_PATHS, "[\"/stop_sequence\"]");
        }
        None => {}
    }
    Ok(())
}

fn write_service_tier(request: &Request, writer: &mut ObjectWriter<'_>, losses: &mut Losses) {
    let tier = match request.service_tier.as_deref() {
        None | Some("auto") => return,
        Some("default" | "standard_only") => "default",
        Some("flex") => "flex",
        Some("priority") => "priority",
        Some(_) => return losses.add("service_tier"),
    };
    writer.text("serviceTier", &format!("{{\"type\":\"{tier}\"}}"));
}

#[cfg(test)]
mod tests {
    use super::super::super::Dialect;
    use super::super::super::named;
    use super::*;
    use crate::wire::json::Parser;
    use serde_json::Value;
    use serde_json::json;

    const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    const NOVA: &str = "us.amazon.nova-pro-v1:0";
    const LLAMA: &str = "us.meta.llama4-maverick-17b-instruct-v1:0";

    fn rendered(caller: &str, model: &str, request: &Value) -> Result<(Value, Vec<String>), Fault> {
        let caller: &dyn Dialect = named(caller).expect("known");
        let mut copy = request.to_string().into_bytes();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("JSON");
        let neutral = caller.read_request(tape.as_value()).expect("a request");
        let mut out = Vec::new();
        let dropped = write_request(&neutral, model, TargetOptions::default(), &mut out)?;
        let dropped = dropped.into_iter().map(|dropped| dropped.field).collect();
        Ok((serde_json::from_slice(&out).expect("JSON"), dropped))
    }

    /// A question of OpenAI's dialect with these fields.
    fn asked(model: &str, fields: Value) -> Result<(Value, Vec<String>), Fault> {
        let mut request = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        for (name, value) in fields.as_object().expect("fields") {
            request[name] = value.clone();
        }
        rendered("openai_chat", model, &request)
    }

    /// The same of Anthropic's.
    fn asked_by_messages(model: &str, fields: Value) -> (Value, Vec<String>) {
        let mut request = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        for (name, value) in fields.as_object().expect("fields") {
            request[name] = value.clone();
        }
        rendered("anthropic_messages", model, &request).expect("expressible")
    }

    fn tool(name: &str) -> Value {
        json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}})
    }

    #[test]
    fn what_is_left_out_is_named_and_what_matters_is_refused() {
        let fields = json!({
            "seed": 1, "user": "u", "presence_penalty": 0.5, "frequency_penalty": 0, "parallel_tool_calls": false,
            "logit_bias": {"1": 2}, "service_tier": "scale", "temperature": 1.5, "stop": [" ", "END"],
            "tools": [{"type": "function", "function": {"name": "f", "strict": true}}],
        });
        let (written, dropped) = asked(LLAMA, fields).expect("expressible");
        assert_eq!(written["inferenceConfig"], json!({"temperature": 1, "stopSequences": ["END"]}));
        let all = [
            "temperature",
            "stop",
            "service_tier",
            "seed",
            "presence_penalty",
            "user",
            "parallel_tool_calls",
            "tools[].function.strict",
            "logit_bias",
        ];
        assert_eq!(dropped, all);
        for (fields, param) in [
            (json!({"n": 2}), "n"),
            (json!({"logprobs": true}), "logprobs"),
            (json!({"response_format": {"type": "json_object"}}), "response_format"),
            (json!({"web_search_options": {"a": 1}}), "web_search_options"),
            (json!({"tools": [{"type": "web_search"}]}), "tools[0]"),
            (json!({"guardrailConfig": "g"}), "guardrailConfig"),
            (json!({"messages": [{"role": "system", "content": "only"}]}), "messages"),
        ] {
            let fault = asked(CLAUDE, fields.clone()).expect_err("refused");
            assert_eq!(fault.param.as_deref(), Some(param), "{fields}");
        }
        for model in ["", ".", ".."] {
            assert_eq!(asked(model, json!({})).expect_err("refused").param.as_deref(), Some("model"));
        }
        let picture = json!({"type": "image_url", "image_url": {"url": "https://a/b.png"}});
        let fault = asked(CLAUDE, json!({"messages": [{"role": "user", "content": [picture]}]})).expect_err("refused");
        assert_eq!(fault.param.as_deref(), Some("messages[0].content"));
    }

    #[test]
    fn no_tool_choice_means_no_tools_unless_some_were_called() {
        let (written, dropped) = asked(CLAUDE, json!({"tools": [tool("f")], "tool_choice": "none"})).expect("fine");
        assert!(written.get("toolConfig").is_none() && dropped.is_empty(), "{written}");
        let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        let messages = json!([
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": ""},
        ]);
        for fields in [
            json!({"messages": messages, "tools": [tool("f"), tool("g")], "tool_choice": "none"}),
            json!({"messages": messages}),
        ] {
            let (written, dropped) = asked(CLAUDE, fields.clone()).expect("fine");
            let tools = written["toolConfig"]["tools"].as_array().expect("declared");
            assert_eq!(tools.len(), 1, "only what was called");
            assert!(tools[0]["toolSpec"]["description"].as_str().is_some_and(|text| text.contains("no longer")));
            assert!(written["toolConfig"].get("toolChoice").is_none());
            let wanted: &[&str] = if fields.get("tools").is_some() { &["tool_choice"] } else { &[] };
            assert_eq!(dropped, wanted);
            let result = json!({"toolResult": {"toolUseId": "c", "content": [], "status": "success"}});
            assert_eq!(written["messages"][2]["content"], json!([result]));
        }
    }

    #[test]
    fn cache_points_stand_behind_what_they_mark_where_the_model_knows_them() {
        let marked = |ttl: &str| json!({"type": "ephemeral", "ttl": ttl});
        let result = json!({
            "type": "tool_result",
            "tool_use_id": "c",
            "content": [{"type": "text", "text": "r", "cache_control": marked("5m")}],
        });
        let fields = json!({
            "system": [{"type": "text", "text": "s", "cache_control": marked("1h")}, {"type": "text", "text": "t"}],
            "tools": [{"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
                {"role": "user", "content": [result, {"type": "text", "text": "and"}]},
            ],
            "cache_control": {"type": "ephemeral"},
        });
        let usual = json!({"cachePoint": {"type": "default"}});
        let (written, dropped) = asked_by_messages(CLAUDE, fields.clone());
        let hour = json!({"cachePoint": {"type": "default", "ttl": "1h"}});
        assert_eq!(written["system"], json!([{"text": "s"}, hour, {"text": "t"}]));
        assert_eq!(written["toolConfig"]["tools"][1], usual);
        let last = &written["messages"][2]["content"];
        assert!(last[0]["toolResult"].is_object(), "{last}");
        assert_eq!((&last[1], &last[2], &last[3]), (&usual, &json!({"text": "and"}), &usual));
        assert!(dropped.is_empty(), "{dropped:?}");

        let (written, dropped) = asked_by_messages(NOVA, fields.clone());
        assert_eq!(written["toolConfig"]["tools"].as_array().map(Vec::len), Some(1));
        assert_eq!(written["messages"][2]["content"].as_array().map(Vec::len), Some(4));
        assert_eq!(dropped, ["cache_control"]);
        let (written, dropped) = asked_by_messages(LLAMA, fields);
        assert!(!written.to_string().contains("cachePoint"), "{written}");
        assert_eq!(dropped, ["cache_control"]);
    }

    #[test]
    fn documents_keep_what_claude_is_told_of_them() {
        let source = json!({"type": "text", "media_type": "text/plain", "data": "A"});
        let document = json!({
            "type": "document", "source": source, "title": "my.txt", "context": "c", "citations": {"enabled": true},
        });
        let fields = json!({"messages": [{"role": "user", "content": [document, {"type": "text", "text": "?"}]}]});
        let (written, dropped) = asked_by_messages(CLAUDE, fields);
        let wanted = json!({
            "name": "my", "format": "txt", "source": {"bytes": "QQ=="}, "context": "c", "citations": {"enabled": true},
        });
        assert_eq!(written["messages"][0]["content"][0]["document"], wanted);
        assert!(dropped.is_empty());
    }

    #[test]
    fn thinking_goes_back_to_who_signed_it() {
        let fields = json!({"messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "thinking", "thinking": "unsigned", "signature": ""},
                {"type": "redacted_thinking", "data": "Eu8"},
                {"type": "redacted_thinking", "data": "base64://8="},
                {"type": "text", "text": "a"},
            ]},
            {"role": "user", "content": "b"},
        ]});
        let (written, dropped) = asked_by_messages(CLAUDE, fields.clone());
        let wanted = json!([
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
            {"reasoningContent": {"redactedContent": "RXU4"}},
            {"reasoningContent": {"redactedContent": "//8="}},
            {"text": "a"},
        ]);
        assert_eq!(written["messages"][1]["content"], wanted);
        assert_eq!(dropped, ["messages[1].reasoning_content"]);
        let (written, _) = asked_by_messages(LLAMA, fields);
        assert_eq!(written["messages"][1]["content"], json!([{"text": "a"}]));
    }

    #[test]
    fn makers_own_words_travel_together_and_the_callers_win() {
        let fields = json!({
            "top_k": 5, "reasoning_effort": "low", "anthropic_beta": ["b"], "stop": "END",
            "additionalModelRequestFields": {"thinking": {"type": "disabled"}, "x": 1},
            "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
            "performanceConfig": {"latency": "optimized"},
        });
        let (written, dropped) = asked(CLAUDE, fields.clone()).expect("fine");
        let additional = json!({"thinking": {"type": "disabled"}, "x": 1, "anthropic_beta": ["b"]});
        assert_eq!(written["additionalModelRequestFields"], additional);
        assert_eq!(written["guardrailConfig"]["guardrailIdentifier"], "g");
        assert_eq!(written["performanceConfig"], json!({"latency": "optimized"}));
        assert_eq!(written["additionalModelResponseFieldPaths"], json!(["/stop_sequence"]));
        assert_eq!(dropped, ["top_k"]);
        let top_k = |model: &str| asked(model, json!({"top_k": 5})).expect("fine");
        assert_eq!(top_k(NOVA).0["additionalModelRequestFields"], json!({"inferenceConfig": {"topK": 5}}));
        assert_eq!(top_k(CLAUDE).0["additionalModelRequestFields"], json!({"top_k": 5}));
        let (written, dropped) = top_k(LLAMA);
        assert!(written.get("additionalModelRequestFields").is_none());
        assert_eq!(dropped, ["top_k"]);
    }

    #[test]
    fn thinking_and_temperature_exclude_each_other() {
        let fields = json!({"reasoning_effort": "high", "temperature": 0.2, "top_p": 0.5, "max_tokens": 4000});
        let (written, dropped) = asked(CLAUDE, fields).expect("fine");
        assert_eq!(written["inferenceConfig"], json!({"maxTokens": 4000}));
        let thinking = json!({"thinking": {"type": "enabled", "budget_tokens": 2000}});
        assert_eq!(written["additionalModelRequestFields"], thinking);
        assert_eq!(dropped, ["temperature", "top_p"]);
        let both = json!({"temperature": 0.2, "top_p": 0.5});
        let (written, dropped) = asked(CLAUDE, both.clone()).expect("fine");
        assert_eq!((&written["inferenceConfig"], dropped), (&json!({"temperature": 0.2}), vec!["top_p".to_owned()]));
        let (written, dropped) = asked(NOVA, both).expect("fine");
        assert_eq!(written["inferenceConfig"], json!({"temperature": 0.2, "topP": 0.5}));
        assert!(dropped.is_empty());
    }

    #[test]
    fn a_schema_of_the_answer_is_text_inside_the_request() {
        let schema = |kind: Value| json!({"type": "object", "properties": {"a": kind}, "additionalProperties": false});
        let asked_for = schema(json!({"type": "integer", "minimum": 1}));
        let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": asked_for, "strict": true}});
        let (written, dropped) = asked(CLAUDE, json!({"response_format": format})).expect("fine");
        assert_eq!(dropped, ["response_format.json_schema.schema"]);
        let schema = schema(json!({"type": "integer", "description": "(minimum: 1)"}));
        let structure = &written["outputConfig"]["textFormat"]["structure"]["jsonSchema"];
        assert_eq!(written["outputConfig"]["textFormat"]["type"], "json_schema");
        let text = structure["schema"].as_str().expect("text");
        assert_eq!((serde_json::from_str::<Value>(text).ok(), &structure["name"]), (Some(schema), &json!("n")));
    }

    #[test]
    fn neighbours_of_one_role_speak_in_one_turn() {
        let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": ""}});
        let messages = json!([
            {"role": "developer", "content": "d"},
            {"role": "user", "content": "a"},
            {"role": "user", "content": ""},
            {"role": "assistant", "content": "", "tool_calls": [call("x:1"), call("y")]},
            {"role": "tool", "tool_call_id": "x:1", "content": "1"},
            {"role": "tool", "tool_call_id": "y", "content": [{"type": "text", "text": "2"}]},
            {"role": "system", "content": "s"},
            {"role": "user", "content": "b"},
        ]);
        let (written, _) = asked(CLAUDE, json!({"messages": messages, "tools": [tool("f")]})).expect("fine");
        assert_eq!(written["system"], json!([{"text": "d"}, {"text": "s"}]));
        let result = |id: &str, text: &str| json!({"toolResult": {"toolUseId": id, "content": [{"text": text}], "status": "success"}});
        let call = |id: &str| json!({"toolUse": {"toolUseId": id, "name": "f", "input": {}}});
        let wanted = json!([
            {"role": "user", "content": [{"text": "a"}]},
            {"role": "assistant", "content": [call("x_1"), call("y")]},
            {"role": "user", "content": [result("x_1", "1"), result("y", "2"), {"text": "b"}]},
        ]);
        assert_eq!(written["messages"], wanted);
    }
}
