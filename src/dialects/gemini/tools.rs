//! Tools and which of them must be used.
//!
//! Functions are declared in groups; a group that this dialect read is marked at its first function, so
//! that it is written as it stood. Everything else in a group is a tool of Google's.

use super::super::Dropped;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::NAME;
use super::request::drop_field;
use super::request::inner_fields;
use super::schema;
use super::spelling;
use crate::chat::Among;
use crate::chat::FunctionTool;
use crate::chat::RawJson;
use crate::chat::Request;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Parser;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueIntoString;

/// Marks the first function of a group.
const GROUP: &str = "tools";

pub(super) fn read_tools(value: Value<'_, '_>) -> Result<Vec<Tool>, Fault> {
    let mut tools = Vec::new();
    for (place, group) in spelling::items(value, || "tools".to_owned())?.into_iter().enumerate() {
        let group = fields::object(group, || format!("tools[{place}]"))?;
        for (written, value) in group.iter().filter(|(_, value)| !value.is_null()) {
            if spelling::camel(written) == "functionDeclarations" {
                let param = format!("tools[{place}].functionDeclarations");
                read_functions(value, &param, &mut tools)?;
            } else {
                let json = RawJson(format!("{{{}:{}}}", spelling::quoted(written), json::raw(value)));
                tools.push(Tool::Opaque { dialect: NAME, json });
            }
        }
    }
    Ok(tools)
}

fn read_functions(value: Value<'_, '_>, param: &str, tools: &mut Vec<Tool>) -> Result<(), Fault> {
    for (number, function) in spelling::items(value, || param.to_owned())?.into_iter().enumerate() {
        let object = fields::object(function, || format!("{param}[{number}]"))?;
        let mut tool = read_function(&object, &format!("{param}[{number}]"))?;
        if number == 0 {
            let mut keeper = Keeper::new(NAME);
            keeper.absent(GROUP);
            tool.extra.extend(keeper.extras);
        }
        tools.push(Tool::Function(tool));
    }
    Ok(())
}

fn read_function(function: &JsonObject<'_, '_>, param: &str) -> Result<FunctionTool, Fault> {
    let wrong = || fields::wrong_type(format!("{param}.name"), "a string");
    let mut read = FunctionTool {
        name: spelling::text(function, "name").ok_or_else(wrong)?.to_owned(),
        description: spelling::text(function, "description").map(str::to_owned),
        parameters: None,
        strict: None,
        cache_marker: None,
        extra: Vec::new(),
    };
    let mut keeper = Keeper::new(NAME);
    for (written, value) in function.iter().filter(|(_, value)| !value.is_null()) {
        match &*spelling::camel(written) {
            "name" | "description" => {}
            "parametersJsonSchema" => {
                let told = super::super::schema::of_arguments(value);
                if told.is_some() {
                    keeper.keep("parametersJsonSchema", value);
                }
                read.parameters = Some(RawJson(told.unwrap_or_else(|| json::raw(value))));
            }
            "parameters" => {
                read.parameters.get_or_insert_with(|| RawJson(schema::of_arguments(value)));
                keeper.keep("parameters", value);
            }
            _ => keeper.keep(written, value),
        }
    }
    read.extra = keeper.extras;
    Ok(read)
}

/// Reads `toolConfig`; the tools are known by then.
pub(super) fn read_tool_config(value: Value<'_, '_>, request: &mut Request, keeper: &mut Keeper) -> Result<(), Fault> {
    let config = fields::object(value, || "toolConfig".to_owned())?;
    for (written, value) in config.iter().filter(|(_, value)| !value.is_null()) {
        match &*spelling::camel(written) {
            "functionCallingConfig" => {
                let calling = fields::object(value, || "toolConfig.functionCallingConfig".to_owned())?;
                request.tool_choice = read_choice(&calling, value, &request.tools);
                keeper.keep("toolConfig/functionCallingConfig", value);
            }
            name => keeper.keep(format!("toolConfig.{name}"), value),
        }
    }
    if config.is_empty() {
        keeper.keep("toolConfig", value);
    }
    Ok(())
}

fn read_choice(calling: &JsonObject<'_, '_>, value: Value<'_, '_>, tools: &[Tool]) -> Option<ToolChoice> {
    let allowed = spelling::get(calling, "allowedFunctionNames").and_then(|names| names.as_array());
    let allowed: Vec<&str> =
        allowed.iter().flat_map(|names| names.iter()).filter_map(ValueIntoString::into_string).collect();
    let declared = |tool: &Tool| match tool {
        Tool::Function(function) => allowed.contains(&function.name.as_str()),
        Tool::Opaque { .. } => true,
    };
    Some(match (spelling::text(calling, "mode")?, allowed.as_slice()) {
        // Free text or calls that follow their schema: everywhere else they are expected to anyway.
        ("AUTO" | "VALIDATED", []) => ToolChoice::Auto,
        ("NONE", _) => ToolChoice::None,
        ("ANY", [name]) => ToolChoice::Function((*name).to_owned()),
        ("ANY", _) if allowed.is_empty() || tools.iter().all(declared) => ToolChoice::Required,
        ("MODE_UNSPECIFIED" | "", []) => return None,
        (mode, names) => {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let among =
                matches!(mode, "AUTO" | "VALIDATED" | "ANY").then_some(Among { names, required: mode == "ANY" });
            ToolChoice::Opaque { dialect: NAME, json: RawJson(json::raw(value)), among }
        }
    })
}

/// Writes `tools` and `toolConfig`.
pub(super) fn write_tools(
    request: &Request,
    writer: &mut ObjectWriter<'_>,
    dropped: &mut Vec<Dropped>,
) -> Result<(), Fault> {
    for (place, tool) in request.tools.iter().enumerate() {
        if matches!(tool, Tool::Opaque { dialect, json } if *dialect != NAME && !is_googles(json)) {
            return Err(fields::untranslatable(&format!("tools[{place}]"), "a tool of another provider"));
        }
    }
    if !request.tools.is_empty()
        && let Some(out) = writer.field("tools")
    {
        write_groups(&request.tools, out);
    }
    let strict = |tool: &Tool| matches!(tool, Tool::Function(function) if function.strict == Some(true));
    if request.tools.iter().any(strict) {
        drop_field("tools[].function.strict", dropped);
    }
    if request.parallel_tool_calls == Some(false) && !request.tools.is_empty() {
        drop_field("parallel_tool_calls", dropped);
    }
    write_tool_config(request, writer)
}

/// Is a tool of another dialect's caller plainly one of Google's? Callers who know which provider answers them
/// write it as Google does (`{"googleSearch": {}}`), whatever format they speak.
fn is_googles(json: &RawJson) -> bool {
    const NAMES: &[&str] = &["googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext", "googleMaps"];
    let mut copy = json.0.clone().into_bytes();
    let mut parser = Parser::new();
    let Ok(tape) = parser.parse(&mut copy) else {
        return false;
    };
    let tool = tape.as_value().as_object();
    tool.filter(|tool| tool.len() == 1).is_some_and(|tool| {
        tool.iter().all(|(name, value)| NAMES.contains(&&*spelling::camel(name)) && value.is_object())
    })
}

fn write_groups(tools: &[Tool], out: &mut Vec<u8>) {
    out.push(b'[');
    let mut in_group = false;
    for (place, tool) in tools.iter().enumerate() {
        match tool {
            Tool::Function(function) => {
                let begins = !in_group || fields::kept(&function.extra, NAME, GROUP).is_some();
                if begins {
                    close_group(in_group, out);
                }
                if place > 0 {
                    out.push(b',');
                }
                if begins {
                    out.extend_from_slice(b"{\"functionDeclarations\":[");
                }
                write_function(function, out);
                in_group = true;
            }
            Tool::Opaque { json, .. } => {
                close_group(std::mem::take(&mut in_group), out);
                if place > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(json.0.as_bytes());
            }
        }
    }
    close_group(in_group, out);
    out.push(b']');
}

fn close_group(is_open: bool, out: &mut Vec<u8>) {
    if is_open {
        out.extend_from_slice(b"]}");
    }
}

fn write_function(function: &FunctionTool, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &function.extra, NAME);
    writer.string("name", &function.name);
    writer.optional_string("description", function.description.as_deref());
    if !writer.is_kept("parameters") {
        writer.optional_text("parametersJsonSchema", function.parameters.as_ref());
    }
    writer.close();
}

fn write_tool_config(request: &Request, writer: &mut ObjectWriter<'_>) -> Result<(), Fault> {
    let own = inner_fields(&request.extra, "toolConfig");
    let choice = match &request.tool_choice {
        _ if request.tools.is_empty() => None,
        Some(ToolChoice::Opaque { dialect, .. }) if *dialect != NAME => {
            return Err(fields::untranslatable("tool_choice", "a choice of another provider"));
        }
        None => None,
        Some(choice) => Some(choice),
    };
    if own.is_empty() && choice.is_none() {
        return Ok(());
    }
    let Some(out) = writer.field("toolConfig") else {
        return Ok(());
    };
    let mut config = ObjectWriter::open(out, &own, NAME);
    if let Some(choice) = choice
        && let Some(out) = config.field("functionCallingConfig")
    {
        write_choice(choice, out);
    }
    config.close();
    Ok(())
}

fn write_choice(choice: &ToolChoice, out: &mut Vec<u8>) {
    let mode = match choice {
        ToolChoice::Auto => "AUTO",
        ToolChoice::None => "NONE",
        ToolChoice::Required | ToolChoice::Function(_) => "ANY",
        ToolChoice::Opaque { json, .. } => return out.extend_from_slice(json.0.as_bytes()),
    };
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.string("mode", mode);
    if let ToolChoice::Function(name) = choice {
        writer.text("allowedFunctionNames", &format!("[{}]", spelling::quoted(name)));
    }
    writer.close();
}
