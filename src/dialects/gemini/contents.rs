//! The conversation: system instruction and contents.
//!
//! There are two roles. Results of tools are parts of the user's turn, and the results of calls that were
//! made at once must stand in one turn, so that neighbours of one role become one. A turn that this
//! dialect itself read as standing alone is marked by a kept `role` and written as it stood.

use super::super::Dropped;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::NAME;
use super::part;
use super::part::CallIds;
use super::part::Piece;
use super::request::drop_field;
use super::signature::Found;
use super::spelling;
use super::write::Audience;
use super::write::Parts;
use crate::chat::Message;
use crate::chat::Part;
use crate::chat::Request;
use crate::chat::Role;
use crate::fault::Fault;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use std::collections::HashMap;

pub(super) fn read_system(value: Value<'_, '_>) -> Result<Message, Fault> {
    let mut ids = CallIds::default();
    let mut message = read_content(value, "systemInstruction", &mut ids)?;
    message.role = Role::System;
    let object = fields::object(value, || "systemInstruction".to_owned())?;
    let mut keeper = Keeper::new(NAME);
    // The role of instructions means nothing.
    match object.get("role") {
        Some(role) => keeper.keep("role", role),
        None => keeper.absent("role"),
    }
    message.extra.extend(keeper.extras);
    Ok(message)
}

pub(super) fn read_contents(value: Value<'_, '_>) -> Result<Vec<Message>, Fault> {
    let mut read: Vec<Message> = Vec::new();
    let mut ids = CallIds::default();
    for (place, content) in spelling::items(value, || "contents".to_owned())?.into_iter().enumerate() {
        ids.begin(place.to_string());
        let mut message = read_content(content, &format!("contents[{place}]"), &mut ids)?;
        let object = fields::object(content, || format!("contents[{place}]"))?;
        let mut keeper = Keeper::new(NAME);
        let repeated = read.last().is_some_and(|before| before.role == message.role);
        let usual = matches!(fields::string_of(&object, "role"), Some("user" | "model"));
        match object.get("role").filter(|role| !role.is_null()) {
            None => keeper.absent("role"),
            Some(role) if repeated || !usual || message.parts.is_empty() => keeper.keep("role", role),
            Some(_) => {}
        }
        message.extra.extend(keeper.extras);
        read.push(message);
    }
    Ok(read)
}

fn read_content(content: Value<'_, '_>, param: &str, ids: &mut CallIds) -> Result<Message, Fault> {
    let object = fields::object(content, || param.to_owned())?;
    let role = match spelling::text(&object, "role") {
        None | Some("" | "user" | "function" | "tool") => Role::User,
        Some("model") => Role::Assistant,
        Some(_) if param == "systemInstruction" => Role::System,
        Some(_) => {
            return Err(Fault::bad_field(format!("{param}.role"), "the role of a content must be `user` or `model`"));
        }
    };
    let mut keeper = Keeper::new(NAME);
    let mut parts = Vec::new();
    for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        match name {
            "role" => {}
            "parts" => {
                for (number, one) in spelling::items(value, || format!("{param}.parts"))?.into_iter().enumerate() {
                    add(part::read(one, &format!("{param}.parts[{number}]"))?, ids, &mut parts);
                }
            }
            _ => keeper.keep(name, value),
        }
    }
    let texts = parts.iter().filter(|part| matches!(part, Part::Text { .. })).count();
    let media = parts.iter().any(|part| matches!(part, Part::Image { .. } | Part::File { .. } | Part::Audio { .. }));
    Ok(Message { role, parts, name: None, plain: texts == 1 && !media, extra: keeper.extras })
}

fn add(piece: Piece, ids: &mut CallIds, parts: &mut Vec<Part>) {
    match piece {
        Piece::Text { text, thought, signature, extra } => add_text(text, thought, signature, extra, parts),
        Piece::Call { id, name, arguments, signature, extra } => {
            if let Some(signature) = signature {
                sign(signature, parts);
            }
            let id = ids.of_call(&name, id);
            parts.push(Part::ToolCall { id, name, arguments, cache_marker: None, extra });
        }
        Piece::Result { id, name, mut part } => {
            if let Part::ToolResult { call_id, .. } = &mut part {
                *call_id = ids.of_result(&name, id);
            }
            parts.push(part);
        }
        Piece::Whole(part) => parts.push(part),
    }
}

fn add_text(
    text: String,
    thought: bool,
    signature: Option<Found>,
    extra: Vec<crate::chat::Extra>,
    parts: &mut Vec<Part>,
) {
    let signed = signature.is_some();
    match signature {
        Some(Found::Redacted(data)) => return parts.push(Part::RedactedThinking { data }),
        Some(Found::Signature(signature)) if thought => {
            // A foreign signature is one over all the thoughts that were told before it.
            let whole = format!("{}{text}", open_thoughts(parts));
            return parts.push(Part::Thinking { text: whole, signature: Some(signature) });
        }
        Some(Found::Signature(signature)) => sign(signature, parts),
        None if thought => return parts.push(Part::Thinking { text, signature: None }),
        None => {}
    }
    if !text.is_empty() || !signed {
        parts.push(Part::Text { text, cache_marker: None, extra });
    }
}

/// Takes the unsigned thoughts at the end.
fn open_thoughts(parts: &mut Vec<Part>) -> String {
    let open = |part: &&Part| matches!(part, Part::Thinking { signature: None, .. });
    let count = parts.iter().rev().take_while(open).count();
    let taken = parts.split_off(parts.len() - count);
    let texts = taken.into_iter().map(|part| if let Part::Thinking { text, .. } = part { text } else { String::new() });
    texts.collect()
}

/// A signature taken from a part signs the reasoning before that part, empty where there was none.
fn sign(new: String, parts: &mut Vec<Part>) {
    match parts.last_mut() {
        Some(Part::Thinking { signature: signature @ None, .. }) => *signature = Some(new),
        _ => parts.push(Part::Thinking { text: String::new(), signature: Some(new) }),
    }
}

fn is_system(message: &Message) -> bool {
    matches!(message.role, Role::System | Role::Developer)
}

/// Was it read by this dialect as a turn that must not be merged?
fn stands_alone(message: &Message) -> bool {
    fields::kept(&message.extra, NAME, "role").is_some()
}

pub(super) fn write_system(request: &Request, audience: Audience, writer: &mut ObjectWriter<'_>) -> Result<(), Fault> {
    let mut written = Vec::new();
    let mut parts = Parts::new(&mut written, audience);
    let mut own: &[crate::chat::Extra] = &[];
    for (place, message) in request.messages.iter().enumerate().filter(|(_, message)| is_system(message)) {
        own = &message.extra;
        for part in &message.parts {
            let param = format!("messages[{place}].content");
            let foreign = !matches!(part, Part::Text { .. } | Part::Opaque { .. }) && !stands_alone(message);
            if foreign {
                return Err(fields::untranslatable(&param, "more than text in a system message"));
            }
            parts.add(part, &param, &|_| None)?;
        }
    }
    if parts.count() > 0
        && let Some(out) = writer.field("systemInstruction")
    {
        write_content(None, &written, own, out);
    }
    Ok(())
}

fn write_content(role: Option<&str>, parts: &[u8], extra: &[crate::chat::Extra], out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, extra, NAME);
    writer.optional_string("role", role);
    if let Some(out) = writer.field("parts") {
        out.push(b'[');
        out.extend_from_slice(parts);
        out.push(b']');
    }
    writer.close();
}

/// A turn being gathered.
struct Turn<'a> {
    role: &'static str,
    messages: Vec<(usize, &'a Message)>,
}

pub(super) fn write_contents(
    request: &Request,
    audience: Audience,
    out: &mut Vec<u8>,
    dropped: &mut Vec<Dropped>,
) -> Result<(), Fault> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for (place, message) in request.messages.iter().enumerate().filter(|(_, message)| !is_system(message)) {
        let role = if message.role == Role::Assistant { "model" } else { "user" };
        let alone = |turn: &Turn<'_>| turn.messages.iter().any(|(_, message)| stands_alone(message));
        match turns.last_mut() {
            Some(turn) if turn.role == role && !stands_alone(message) && !alone(turn) => {
                turn.messages.push((place, message));
            }
            _ => turns.push(Turn { role, messages: vec![(place, message)] }),
        }
    }
    let names = names_of(request);
    out.push(b'[');
    let mut written = 0;
    for turn in &turns {
        written += usize::from(write_turn(turn, written > 0, audience, &names, out, dropped)?);
    }
    out.push(b']');
    if written == 0 {
        return Err(Fault::bad_field("messages", "`messages` needs at least one message that is not a system message"));
    }
    Ok(())
}

/// The function of every call, by its id: results must name it here.
fn names_of(request: &Request) -> HashMap<&str, &str> {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    parts
        .filter_map(|part| match part {
            Part::ToolCall { id, name, .. } => Some((id.as_str(), name.as_str())),
            _ => None,
        })
        .collect()
}

/// Turns without a part are refused and say nothing: false if this was one.
fn write_turn(
    turn: &Turn<'_>,
    comma: bool,
    audience: Audience,
    names: &HashMap<&str, &str>,
    out: &mut Vec<u8>,
    dropped: &mut Vec<Dropped>,
) -> Result<bool, Fault> {
    let mut written = Vec::new();
    let mut parts = Parts::new(&mut written, audience);
    for (place, message) in &turn.messages {
        let param = match message.role {
            Role::Tool => format!("messages[{place}].tool_call_id"),
            _ => format!("messages[{place}].content"),
        };
        // Callers of other dialects may name the function of a result themselves.
        let name_of = |id: &str| names.get(id).map(|name| (*name).to_owned()).or_else(|| message.name.clone());
        for part in &message.parts {
            // What the model did with tools of its provider is no part of the conversation elsewhere.
            if message.role == Role::Assistant && matches!(part, Part::Opaque { dialect, .. } if *dialect != NAME) {
                drop_field(&param, dropped);
                continue;
            }
            parts.add(part, &param, &name_of)?;
        }
        parts.finish();
    }
    let (_, first) = turn.messages[0];
    if parts.count() == 0 && !stands_alone(first) {
        return Ok(false);
    }
    if comma {
        out.push(b',');
    }
    write_content(Some(turn.role), &written, &first.extra, out);
    Ok(true)
}
