//! The conversation: a list of items here, turns in the neutral middle.
//!
//! What the model made in a row becomes one turn. Another begins only where one message of words follows
//! another and no call is open, because results must follow the turn that made their calls.

use super::super::Dropped;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::NAME;
use super::content;
use super::items;
use super::items::Call;
use super::items::List;
use super::reasoning;
use crate::chat::Message;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::chat::Role;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonArray;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

/// Marks a turn that is one item of this dialect and no message.
const WHOLE: &str = "item";
/// Marks the turn that came as `instructions`.
pub(super) const INSTRUCTIONS: &str = "instructions";

/// Is this an item that only this dialect knows and that the model did not make itself?
pub(super) fn is_kept_whole(item: &JsonObject<'_, '_>) -> bool {
    match fields::string_of(item, "type") {
        None | Some("message") => role_of(item).is_none(),
        Some("reasoning" | "function_call_output") => false,
        Some(kind) => !is_made_by_model(kind),
    }
}

/// Calls of tools, those that the provider carries out itself among them.
fn is_made_by_model(kind: &str) -> bool {
    kind.ends_with("_call") || items::is_call(kind) || kind == "mcp_list_tools"
}

fn role_of(item: &JsonObject<'_, '_>) -> Option<Role> {
    match fields::string_of(item, "role")? {
        "system" => Some(Role::System),
        "developer" => Some(Role::Developer),
        "user" => Some(Role::User),
        "assistant" => Some(Role::Assistant),
        _ => None,
    }
}

/// Reads the items of `input`.
pub(super) fn read(list: &JsonArray<'_, '_>) -> Result<Vec<Message>, Fault> {
    let mut messages = Vec::new();
    for (place, item) in list.iter().enumerate() {
        let param = format!("input[{place}]");
        let object = fields::object(item, || param.clone())?;
        let role = role_of(&object);
        match fields::string_of(&object, "type").unwrap_or("message") {
            _ if is_kept_whole(&object) => messages.push(read_whole(item)),
            "function_call_output" => messages.push(read_result(&object, &param)?),
            "message" if role != Some(Role::Assistant) => {
                messages.push(read_message(role.unwrap_or(Role::User), &object, &param)?);
            }
            kind => {
                let turn = turn_of_model(&mut messages, kind == "message");
                items::read(item, &object, &mut turn.parts, &mut turn.extra);
                // Elsewhere a turn without words has no content, rather than an empty one.
                turn.plain = turn.parts.iter().any(|part| matches!(part, Part::Text { .. }));
            }
        }
    }
    Ok(messages)
}

/// A plain text that somebody says.
pub(super) fn plain(role: Role, text: &str) -> Message {
    let part = Part::Text { text: text.to_owned(), cache_marker: None, extra: Vec::new() };
    Message { role, parts: vec![part], name: None, plain: true, extra: Vec::new() }
}

fn read_whole(item: Value<'_, '_>) -> Message {
    let mut keeper = Keeper::new(NAME);
    keeper.absent(WHOLE);
    let part = Part::Opaque { dialect: NAME, json: RawJson(json::raw(item)) };
    Message { role: Role::User, parts: vec![part], name: None, plain: false, extra: keeper.extras }
}

fn turn_of_model(messages: &mut Vec<Message>, says_words: bool) -> &mut Message {
    let has_call = |parts: &[Part]| parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
    let has_words = |parts: &[Part]| parts.iter().any(|part| matches!(part, Part::Text { .. } | Part::Refusal(_)));
    let joins = messages.last().is_some_and(|last| {
        last.role == Role::Assistant && (!says_words || has_call(&last.parts) || !has_words(&last.parts))
    });
    if !joins {
        messages.push(Message { role: Role::Assistant, parts: Vec::new(), name: None, plain: true, extra: Vec::new() });
    }
    messages.last_mut().expect("it is there or was just pushed")
}

fn read_message(role: Role, object: &JsonObject<'_, '_>, param: &str) -> Result<Message, Fault> {
    let param = format!("{param}.content");
    let missing = || Fault::bad_field(param.clone(), "every message needs a `content`");
    let (parts, plain) = read_content(object.get("content").ok_or_else(missing)?, &param)?;
    let mut keeper = Keeper::new(NAME);
    content::keep_others(object, &["role", "content"], &mut keeper);
    Ok(Message { role, parts, name: None, plain, extra: keeper.extras })
}

fn read_content(value: Value<'_, '_>, param: &str) -> Result<(Vec<Part>, bool), Fault> {
    if let Some(text) = value.as_str() {
        let part = Part::Text { text: text.to_owned(), cache_marker: None, extra: Vec::new() };
        return Ok(((!text.is_empty()).then_some(part).into_iter().collect(), true));
    }
    let list = value.as_array().ok_or_else(|| fields::wrong_type(param, "a string or an array of parts"))?;
    Ok((content::read_parts(&list, param)?, false))
}

fn read_result(object: &JsonObject<'_, '_>, param: &str) -> Result<Message, Fault> {
    let named = |name: &str| format!("{param}.{name}");
    let missing = || Fault::bad_field(named("call_id"), "a result needs the `call_id` of its call");
    let call_id = fields::string_of(object, "call_id").ok_or_else(missing)?.to_owned();
    let missing = || Fault::bad_field(named("output"), "a result needs an `output`");
    let (parts, plain) = read_content(object.get("output").ok_or_else(missing)?, &named("output"))?;
    let mut keeper = Keeper::new(NAME);
    content::keep_others(object, &["type", "call_id", "output"], &mut keeper);
    if parts.is_empty() && !plain {
        keeper.keep_text("output", "[]");
    }
    let (is_error, cache_marker, extra) = (false, None, keeper.extras);
    let result = Part::ToolResult { call_id, parts, is_error, plain, cache_marker, extra };
    Ok(Message { role: Role::Tool, parts: vec![result], name: None, plain, extra: Vec::new() })
}

/// Writes a conversation as items; `own` if it was read by this dialect.
pub(super) fn write(
    messages: &[Message],
    own: bool,
    out: &mut Vec<u8>,
    dropped: &mut Vec<Dropped>,
) -> Result<(), Fault> {
    let mut list = List::default();
    for (place, message) in messages.iter().enumerate() {
        let kept = |name: &str| is_marked(message, name);
        match (message.role, message.parts.as_slice()) {
            (Role::System, _) if kept(INSTRUCTIONS) => {}
            (_, [Part::Opaque { json, .. }]) if kept(WHOLE) => list.next().extend_from_slice(json.0.as_bytes()),
            (Role::Assistant, _) => write_turn(message, own, place, &mut list, dropped)?,
            _ => write_said(message, place, &mut list)?,
        }
        if message.name.is_some() {
            drop_field(format!("messages[{place}].name"), dropped);
        }
    }
    if list.count == 0 {
        return Err(Fault::bad_field("messages", "the conversation is empty; say something"));
    }
    list.write(out);
    Ok(())
}

/// Was the turn marked by the reader? A field of this name that its caller wrote has a value.
pub(super) fn is_marked(message: &Message, mark: &str) -> bool {
    fields::kept(&message.extra, NAME, mark) == Some("")
}

fn drop_field(field: String, dropped: &mut Vec<Dropped>) {
    if dropped.iter().all(|known| known.field != field) {
        dropped.push(Dropped { field });
    }
}

/// Results of tools are items of their own and come first, because they answer the calls before them.
fn write_said(message: &Message, place: usize, list: &mut List) -> Result<(), Fault> {
    let mut said = Vec::new();
    for part in &message.parts {
        match part {
            Part::ToolResult { .. } => write_result(part, place, list.next())?,
            other => said.push(other),
        }
    }
    if said.is_empty() && (message.role == Role::Tool || !message.parts.is_empty()) {
        return Ok(());
    }
    let role = match message.role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User | Role::Tool | Role::Assistant => "user",
    };
    let mut writer = ObjectWriter::open(list.next(), &message.extra, NAME);
    writer.string("role", role);
    write_content(&said, message.plain, place, writer.overrule("content"))?;
    writer.close();
    Ok(())
}

fn write_content(parts: &[&Part], plain: bool, place: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    match parts {
        [] if plain => out.extend_from_slice(b"\"\""),
        [Part::Text { text, .. }] if plain => json::write_string(text, out),
        _ => {
            out.push(b'[');
            for (number, part) in parts.iter().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                content::write_part(part, out).map_err(|what| {
                    let param = format!("messages[{place}].content");
                    Fault::bad_field(param, format!("content[{number}] holds {what}; leave it out"))
                })?;
            }
            out.push(b']');
        }
    }
    Ok(())
}

fn write_result(result: &Part, place: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    let Part::ToolResult { call_id, parts, plain, extra, .. } = result else {
        return Ok(());
    };
    let mut writer = ObjectWriter::open(out, extra, NAME);
    writer.string("type", "function_call_output");
    writer.string("call_id", call_id);
    let parts: Vec<&Part> = parts.iter().collect();
    // A list is for what is more than one text; not every imitator of this dialect knows it.
    let one = match parts.as_slice() {
        [] => true,
        [Part::Text { extra, .. }] => extra.iter().all(|extra| extra.dialect != NAME),
        _ => false,
    };
    if let Some(out) = writer.field("output") {
        write_content(&parts, *plain || one, place, out)?;
    }
    writer.close();
    Ok(())
}

/// What the model made in one turn.
fn write_turn(
    message: &Message,
    own: bool,
    place: usize,
    list: &mut List,
    dropped: &mut Vec<Dropped>,
) -> Result<(), Fault> {
    let mut rest = message.parts.as_slice();
    while !rest.is_empty() {
        let (item, after) = rest.split_at(items::run(rest, &message.extra));
        rest = after;
        match item {
            [Part::Text { .. } | Part::Refusal(_), ..] => items::write_message(item, &message.extra, None, list.next()),
            [Part::ToolCall { id, name, arguments, extra, .. }] => {
                items::write_call(Call { id, name, arguments, extra }, None, list.next());
            }
            [Part::Thinking { signature, .. }] => match reasoning::native(signature.as_deref()) {
                // What is not encrypted can be read by who stored it only, and for callers of other
                // dialects nothing is stored.
                Some(native) if own || native.is_encrypted => list.next().extend_from_slice(native.json.as_bytes()),
                _ => drop_field(format!("messages[{place}].reasoning_content"), dropped),
            },
            [Part::RedactedThinking { .. }] => drop_field(format!("messages[{place}].reasoning_content"), dropped),
            [Part::Opaque { dialect, json }] if *dialect == NAME => list.next().extend_from_slice(json.0.as_bytes()),
            // What the model did with tools of its provider is no part of the conversation elsewhere.
            [Part::Opaque { .. }] => drop_field(format!("messages[{place}].content"), dropped),
            _ => return Err(fields::untranslatable(&format!("messages[{place}].content"), "a kind of content")),
        }
    }
    Ok(())
}
