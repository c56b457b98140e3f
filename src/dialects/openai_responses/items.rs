//! Items that the model made, in its answers and in the conversation that is sent back to it.
//!
//! Fields of a message are kept with its first text as `message/…`, which also tells where one message
//! ends and the next one begins; a message that begins with a refusal has no text to keep them with, so
//! they stay with what holds the parts, as `refusal/…`.

use super::super::citations::Words;
use super::super::citations::entries;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::NAME;
use super::content;
use super::reasoning;
use crate::chat::Citation;
use crate::chat::Extra;
use crate::chat::MediaSource;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use std::borrow::Cow;

/// Fields of a message, beside its first text.
pub(super) const MESSAGE: &str = "message/";
/// Fields of a message that begins with a refusal, beside the parts.
pub(super) const REFUSAL: &str = "refusal/";
/// Calls that the application has to carry out, beside those of functions.
const CALLS: &[&str] = &[
    "function_call",
    "custom_tool_call",
    "computer_call",
    "local_shell_call",
    "shell_call",
    "apply_patch_call",
    "mcp_approval_request",
];

/// Does the application have to do something for an item of this type?
pub(super) fn is_call(kind: &str) -> bool {
    CALLS.contains(&kind)
}

/// Reads an item of the model: parts into `parts`, fields of a refusing message into `around`.
pub(super) fn read(item: Value<'_, '_>, object: &JsonObject<'_, '_>, parts: &mut Vec<Part>, around: &mut Vec<Extra>) {
    let read = match fields::string_of(object, "type").unwrap_or("message") {
        "message" => read_message(object, around),
        "reasoning" => Some(vec![reasoning::read(item, object)]),
        "function_call" => read_call(object).map(|call| vec![call]),
        _ => None,
    };
    match read {
        Some(mut read) => parts.append(&mut read),
        None => parts.push(Part::Opaque { dialect: NAME, json: RawJson(json::raw(item)) }),
    }
}

/// `None` for a message that is not only words, or none at all.
fn read_message(object: &JsonObject<'_, '_>, around: &mut Vec<Extra>) -> Option<Vec<Part>> {
    if fields::string_of(object, "role") != Some("assistant") {
        return None;
    }
    let content = object.get("content")?;
    let mut parts = match content.as_str() {
        Some("") => return None,
        Some(text) => vec![Part::Text { text: text.to_owned(), cache_marker: None, extra: Vec::new() }],
        None => {
            let piece = |piece: Value<'_, '_>| read_piece(&piece.as_object()?);
            content.as_array()?.iter().map(piece).collect::<Option<Vec<Part>>>()?
        }
    };
    let mut keeper = Keeper::new(NAME);
    let first = parts.first_mut()?;
    let scope = if matches!(first, Part::Text { .. }) { MESSAGE } else { REFUSAL };
    for (name, value) in object.iter().filter(|(name, _)| *name != "role") {
        if name != "content" || content.as_str().is_some() {
            keeper.keep(format!("{scope}{name}"), value);
        }
    }
    for name in ["type", "id", "status"].into_iter().filter(|name| object.get(*name).is_none()) {
        keeper.absent(format!("{scope}{name}"));
    }
    match first {
        Part::Text { extra, .. } => {
            keeper.extras.append(extra);
            *extra = keeper.extras;
        }
        _ => around.append(&mut keeper.extras),
    }
    Some(parts)
}

/// The sources of a message that was read as these parts, which are the next ones after `words`.
pub(super) fn citations(message: &JsonObject<'_, '_>, parts: &[Part], words: &mut Words) -> Vec<Citation> {
    let pieces = message.get("content").and_then(|content| content.as_array());
    let mut pieces = pieces.iter().flat_map(|pieces| pieces.iter());
    let mut citations = Vec::new();
    for part in parts {
        let piece = pieces.next().and_then(|piece| piece.as_object());
        if let Part::Text { text, .. } = part {
            words.begin();
            words.say(text);
            let annotations = piece.iter().flat_map(|piece| entries(piece, content::ANNOTATIONS));
            let told = annotations.filter_map(content::read_citation);
            citations.extend(told.map(|citation| citation.moved(words.range().start)));
        }
    }
    citations
}

fn read_piece(object: &JsonObject<'_, '_>) -> Option<Part> {
    match fields::string_of(object, "type")? {
        "output_text" | "input_text" | "text" => content::read_text(object),
        "refusal" => content::read_refusal(object),
        _ => None,
    }
}

/// Does a call of a function say what there is to call? What it is called with may be missing still.
pub(super) fn is_told_call(object: &JsonObject<'_, '_>) -> bool {
    let says = |name: &str| object.get(name).is_some_and(|value| value.as_str().is_some());
    says("call_id") && says("name") && (says("arguments") || object.get("arguments").is_none())
}

fn read_call(object: &JsonObject<'_, '_>) -> Option<Part> {
    if !is_told_call(object) {
        return None;
    }
    let text = |name: &str| fields::string_of(object, name).map(str::to_owned);
    let mut keeper = Keeper::new(NAME);
    content::keep_others(object, &["type", "call_id", "name", "arguments"], &mut keeper);
    for name in ["id", "status"].into_iter().filter(|name| object.get(*name).is_none()) {
        keeper.absent(name);
    }
    let (id, name, arguments) = (text("call_id")?, text("name")?, text("arguments").unwrap_or_default());
    if arguments.is_empty() {
        keeper.keep_text("arguments", text("arguments").map_or("", |_| "\"\""));
    }
    Some(Part::ToolCall { id, name, arguments, cache_marker: None, extra: keeper.extras })
}

/// Names what an answer holds; a conversation that is sent back needs no names.
#[derive(Clone, Copy)]
pub(super) struct Naming<'a> {
    /// What all ids of one answer end with, but for a number.
    pub(super) suffix: &'a str,
    /// The number of the next item.
    pub(super) number: u64,
    /// Was the last item cut short?
    pub(super) is_cut: bool,
    /// Log probabilities of the text: a list.
    pub(super) logprobs: &'a str,
}

impl Naming<'_> {
    /// The id of the next item, `msg`, `rs` or `fc`.
    pub(super) fn id(&self, kind: &str) -> String {
        format!("{kind}_{}{:02}", self.suffix, self.number)
    }
}

/// A list of items being written.
#[derive(Default)]
pub(super) struct List {
    /// The items, with commas.
    pub(super) written: Vec<u8>,
    /// How many.
    pub(super) count: u64,
}

impl List {
    /// Where the next item goes.
    pub(super) fn next(&mut self) -> &mut Vec<u8> {
        if self.count > 0 {
            self.written.push(b',');
        }
        self.count += 1;
        &mut self.written
    }

    /// The whole list.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        out.extend_from_slice(&self.written);
        out.push(b']');
    }
}

/// How many of `parts` from the first on are one item.
pub(super) fn run(parts: &[Part], around: &[Extra]) -> usize {
    let refuses_apart = fields::own_fields(around, NAME, REFUSAL).next().is_some();
    let continues = |part: &Part| match part {
        Part::Text { extra, .. } => !begins_message(extra),
        Part::Refusal(_) => !refuses_apart,
        _ => false,
    };
    match parts.first() {
        Some(Part::Text { .. } | Part::Refusal(_)) => 1 + parts[1..].iter().take_while(|part| continues(part)).count(),
        Some(_) => 1,
        None => 0,
    }
}

/// Was a text the first of its message?
fn begins_message(extra: &[Extra]) -> bool {
    fields::own_fields(extra, NAME, MESSAGE).next().is_some()
}

/// Writes the words of one message of the model.
pub(super) fn write_message(parts: &[Part], around: &[Extra], naming: Option<Naming<'_>>, out: &mut Vec<u8>) {
    let (extra, scope) = match parts.first() {
        Some(Part::Text { extra, .. }) => (extra.as_slice(), MESSAGE),
        _ => (around, REFUSAL),
    };
    let mut writer = ObjectWriter::open_scope(out, extra, NAME, scope);
    if let Some(naming) = naming {
        writer.string("id", &naming.id("msg"));
        writer.string("status", if naming.is_cut { "incomplete" } else { "completed" });
        writer.string("type", "message");
    }
    writer.string("role", "assistant");
    if let Some(out) = writer.field("content") {
        match plain_text(parts).filter(|_| naming.is_none()) {
            Some(text) => json::write_string(&text, out),
            None => write_pieces(parts, naming, out),
        }
    }
    writer.close();
}

/// The words of a message that is nothing but words, and was not in this dialect before. The short form is the
/// one that every imitator knows, and the only one for which OpenAI's description wants no id.
fn plain_text(parts: &[Part]) -> Option<Cow<'_, str>> {
    match parts {
        [one] => foreign_text(one).map(Cow::Borrowed),
        several => several.iter().map(foreign_text).collect::<Option<String>>().map(Cow::Owned),
    }
}

fn foreign_text(part: &Part) -> Option<&str> {
    match part {
        Part::Text { text, extra, .. } if extra.iter().all(|extra| extra.dialect != NAME) => Some(text),
        _ => None,
    }
}

/// Log probabilities are told once for all texts, so they stand with the first one.
fn write_pieces(parts: &[Part], naming: Option<Naming<'_>>, out: &mut Vec<u8>) {
    let mut logprobs = naming.map(|naming| naming.logprobs);
    fields::write_list(parts, out, |part, out| match part {
        Part::Text { text, extra, .. } => {
            content::write_output_text(text, extra, logprobs, out);
            logprobs = logprobs.map(|_| "[]");
        }
        Part::Refusal(text) => content::write_refusal(text, out),
        _ => out.extend_from_slice(b"null"),
    });
}

/// A call of a function, of a neutral part.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) arguments: &'a str,
    pub(super) extra: &'a [Extra],
}

/// Writes a call of a function with this status; the calls of a conversation need none.
pub(super) fn write_call(call: Call<'_>, named: Option<(&str, &str)>, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, call.extra, NAME);
    if let Some((id, status)) = named {
        writer.string("id", id);
        writer.string("status", status);
    }
    writer.string("type", "function_call");
    writer.string("call_id", call.id);
    writer.string("name", call.name);
    // Nothing is no JSON, and is refused when it is sent back.
    let unsaid = call.arguments.is_empty() && named.is_none_or(|(_, status)| status != "in_progress");
    writer.string("arguments", if unsaid { "{}" } else { call.arguments });
    writer.close();
}

/// Writes the items of an answer.
pub(super) fn write_answered(parts: &[Part], around: &[Extra], naming: Naming<'_>, list: &mut List) {
    let mut naming = naming;
    let is_cut = std::mem::take(&mut naming.is_cut);
    // What has no item here does not part what stands around it.
    let parts: Cow<'_, [Part]> = match parts.iter().all(has_item) {
        true => Cow::Borrowed(parts),
        false => Cow::Owned(parts.iter().filter(|part| has_item(part)).cloned().collect()),
    };
    let mut rest = parts.as_ref();
    while !rest.is_empty() {
        let (item, after) = rest.split_at(run(rest, around));
        rest = after;
        naming.is_cut = is_cut && rest.is_empty();
        write_item(item, around, naming, list);
        naming.number += 1;
        if matches!(item[0], Part::Text { .. }) {
            naming.logprobs = "[]";
        }
    }
}

/// A picture that the model made is the result of a call here.
fn write_picture(id: &str, media_type: &str, data: &str, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.string("id", id);
    writer.string("type", "image_generation_call");
    writer.string("status", "completed");
    writer.string("output_format", media_type.strip_prefix("image/").unwrap_or(media_type));
    writer.string("result", data);
    writer.close();
}

/// Can this dialect tell it as an item of an answer?
pub(super) fn has_item(part: &Part) -> bool {
    match part {
        Part::Text { .. } | Part::Refusal(_) | Part::ToolCall { .. } => true,
        Part::Thinking { .. } | Part::RedactedThinking { .. } => true,
        Part::Opaque { dialect, .. } => *dialect == NAME,
        Part::Image { source, .. } => matches!(source, MediaSource::Base64 { .. }),
        Part::File { .. } | Part::Audio { .. } | Part::ToolResult { .. } => false,
    }
}

/// Writes one item of an answer.
pub(super) fn write_item(parts: &[Part], around: &[Extra], naming: Naming<'_>, list: &mut List) {
    match parts {
        [part @ (Part::Thinking { .. } | Part::RedactedThinking { .. })] => {
            reasoning::write_answered(part, &naming.id("rs"), list.next());
        }
        [Part::ToolCall { id, name, arguments, extra, .. }] => {
            let status = if naming.is_cut { "incomplete" } else { "completed" };
            write_call(Call { id, name, arguments, extra }, Some((&naming.id("fc"), status)), list.next());
        }
        [Part::Image { source: MediaSource::Base64 { media_type, data }, .. }] => {
            write_picture(&naming.id("ig"), media_type, data, list.next());
        }
        [Part::Opaque { json, .. }] => list.next().extend_from_slice(json.0.as_bytes()),
        words => write_message(words, around, Some(naming), list.next()),
    }
}
