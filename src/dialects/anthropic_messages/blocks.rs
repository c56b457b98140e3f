//! Content blocks, in requests and answers.

use super::super::base64;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::NAME;
use super::citations;
use super::thinking;
use crate::chat::Extra;
use crate::chat::MediaSource;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonArray;
use crate::wire::json::JsonObject;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use std::borrow::Cow;

/// Reads a list of blocks; `param` is where it stands.
pub(super) fn read_blocks(blocks: &JsonArray<'_, '_>, param: &str) -> Result<Vec<Part>, Fault> {
    let read = |(place, block)| read_block(block, &format!("{param}[{place}]"));
    blocks.iter().enumerate().map(read).collect()
}

/// Reads one block. What is not shaped as expected stays whole.
pub(super) fn read_block(block: Value<'_, '_>, param: &str) -> Result<Part, Fault> {
    let object = fields::object(block, || param.to_owned())?;
    let part = match fields::string_of(&object, "type") {
        Some("text") => read_text(&object),
        Some("image" | "document") => read_media(&object),
        Some("tool_use") => read_tool_use(&object),
        Some("tool_result") => read_tool_result(&object, param)?,
        Some("thinking") if object.len() <= 3 => read_thinking(&object),
        Some("redacted_thinking") if object.len() == 2 => {
            fields::string_of(&object, "data").map(|data| Part::RedactedThinking { data: data.to_owned() })
        }
        _ => None,
    };
    Ok(part.unwrap_or_else(|| Part::Opaque { dialect: NAME, json: RawJson(json::raw(block)) }))
}

fn read_text(object: &JsonObject<'_, '_>) -> Option<Part> {
    let text = fields::string_of(object, "text")?.to_owned();
    let (cache_marker, extra) = rest(object, &["type", "text"]);
    Some(Part::Text { text, cache_marker, extra })
}

/// The cache marker and the fields that are not `known`.
fn rest(object: &JsonObject<'_, '_>, known: &[&str]) -> (Option<RawJson>, Vec<Extra>) {
    let mut keeper = Keeper::new(NAME);
    let mut marker = None;
    for (name, value) in object.iter().filter(|(name, _)| !known.contains(name)) {
        if name == "cache_control" && !value.is_null() {
            marker = Some(RawJson(json::raw(value)));
        } else if name == citations::FIELD {
            if let Some(list) = citations::own(value) {
                keeper.keep_text(name, list);
            }
        } else {
            keeper.keep(name, value);
        }
    }
    (marker, keeper.extras)
}

fn read_thinking(object: &JsonObject<'_, '_>) -> Option<Part> {
    let signature = fields::string_of(object, "signature").map(str::to_owned);
    let whole = object.len() == 2 + usize::from(signature.is_some());
    let text = fields::string_of(object, "thinking").filter(|_| whole)?.to_owned();
    Some(Part::Thinking { text, signature })
}

fn read_media(object: &JsonObject<'_, '_>) -> Option<Part> {
    let source = read_source(&fields::object_of(object, "source")?)?;
    let title = fields::string_of(object, "title").map(str::to_owned);
    if fields::string_of(object, "type") == Some("image") {
        let (cache_marker, extra) = rest(object, &["type", "source"]);
        return Some(Part::Image { source, detail: None, cache_marker, extra });
    }
    let known: &[&str] = if title.is_some() { &["type", "source", "title"] } else { &["type", "source"] };
    let (cache_marker, extra) = rest(object, known);
    Some(Part::File { source, filename: title, cache_marker, extra })
}

fn read_source(source: &JsonObject<'_, '_>) -> Option<MediaSource> {
    let text = |name: &str| fields::string_of(source, name).map(str::to_owned);
    let (read, fields) = match fields::string_of(source, "type")? {
        "base64" => (MediaSource::Base64 { media_type: text("media_type")?, data: text("data")? }, 3),
        "text" => (MediaSource::Text { media_type: text("media_type")?, text: text("data")? }, 3),
        "url" => (MediaSource::Url(text("url")?), 2),
        "file" => (MediaSource::FileId(text("file_id")?), 2),
        _ => return None,
    };
    (source.len() == fields).then_some(read)
}

fn read_tool_use(object: &JsonObject<'_, '_>) -> Option<Part> {
    let name = fields::string_of(object, "name")?.to_owned();
    let (cache_marker, mut extra) = rest(object, &["type", "id", "name", "input"]);
    // Imitators leave out what would be empty; a call is one all the same.
    let mut absent = |name: &str| extra.push(Extra { dialect: NAME, name: name.to_owned(), value: RawJson::default() });
    let id = fields::string_of(object, "id").map(str::to_owned).unwrap_or_else(|| {
        absent("id");
        String::new()
    });
    let arguments = object.get("input").map(json::raw).unwrap_or_else(|| {
        absent("input");
        "{}".to_owned()
    });
    Some(Part::ToolCall { id, name, arguments, cache_marker, extra })
}

fn read_tool_result(object: &JsonObject<'_, '_>, param: &str) -> Result<Option<Part>, Fault> {
    let Some(call_id) = fields::string_of(object, "tool_use_id") else {
        return Err(fields::wrong_type(format!("{param}.tool_use_id"), "a string"));
    };
    let is_error = object.get("is_error").and_then(|error| error.as_bool()).unwrap_or(false);
    let known: &[&str] = &["type", "tool_use_id", "content", "is_error"];
    // An explicit false is a spelling.
    let (cache_marker, mut extra) = rest(object, if is_error { known } else { &known[..3] });
    let (mut parts, mut plain) = (Vec::new(), false);
    match object.get("content") {
        None => extra.push(Extra { dialect: NAME, name: "content".to_owned(), value: RawJson::default() }),
        Some(content) => match content.as_str() {
            Some(text) => {
                plain = true;
                parts.extend((!text.is_empty()).then(|| plain_text(text)));
            }
            None => {
                let param = format!("{param}.content");
                parts = read_blocks(&fields::array(content, || param.clone())?, &param)?;
            }
        },
    }
    let call_id = call_id.to_owned();
    Ok(Some(Part::ToolResult { call_id, parts, is_error, plain, cache_marker, extra }))
}

pub(super) fn plain_text(text: &str) -> Part {
    Part::Text { text: text.to_owned(), cache_marker: None, extra: Vec::new() }
}

/// A list of blocks being written.
#[derive(Default)]
pub(super) struct Blocks {
    written: Vec<u8>,
    /// How many.
    pub(super) count: usize,
    /// Something was left out that its provider would not accept.
    pub(super) unsigned: bool,
}

impl Blocks {
    /// The blocks as a list.
    pub(super) fn write_list(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        out.extend_from_slice(&self.written);
        out.push(b']');
    }

    fn next(&mut self) -> &mut Vec<u8> {
        if self.count > 0 {
            self.written.push(b',');
        }
        self.count += 1;
        &mut self.written
    }

    /// Adds a part of a request; `param` is where it stood.
    pub(super) fn add(&mut self, part: &Part, param: &str) -> Result<(), Fault> {
        match part {
            // An empty text is refused, and says nothing.
            Part::Text { text, cache_marker, extra } => {
                if !text.is_empty() {
                    write_text(text, cache_marker.as_ref(), extra, self.next());
                }
            }
            Part::Refusal(text) => write_text(text, None, &[], self.next()),
            Part::Image { source, cache_marker, extra, .. } => {
                let media = Media { kind: "image", source, title: None, marker: cache_marker.as_ref(), extra };
                media.write(param, self.next())?;
            }
            Part::File { source, filename, cache_marker, extra } => {
                let kind = if is_picture(source) { "image" } else { "document" };
                let title = filename.as_deref().filter(|_| kind == "document");
                Media { kind, source, title, marker: cache_marker.as_ref(), extra }.write(param, self.next())?;
            }
            Part::Audio { .. } => return Err(fields::untranslatable(param, "sound")),
            Part::ToolCall { id, name, arguments, cache_marker, extra } => {
                let arguments = arguments.trim();
                if !arguments.is_empty() && !fields::is_json_object(arguments) {
                    let message = format!("the arguments of `{name}` must be a JSON object");
                    return Err(Fault::bad_field(param, message));
                }
                write_tool_use(id, name, arguments, cache_marker.as_ref(), extra, self.next());
            }
            Part::ToolResult { .. } => self.add_result(part, param)?,
            Part::Thinking { text, signature } => match signature {
                Some(signature) if thinking::is_signed(part) => write_thinking(text, Some(signature), self.next()),
                _ => self.unsigned = true,
            },
            Part::RedactedThinking { data } => write_redacted(data, self.next()),
            Part::Opaque { dialect, json } if *dialect == NAME => self.next().extend_from_slice(json.0.as_bytes()),
            Part::Opaque { .. } => return Err(fields::untranslatable(param, "a kind of content")),
        }
        Ok(())
    }

    fn add_result(&mut self, part: &Part, param: &str) -> Result<(), Fault> {
        let Part::ToolResult { call_id, parts, is_error, plain, cache_marker, extra } = part else {
            return Ok(());
        };
        let mut inner = Blocks::default();
        for part in parts {
            inner.add(part, param)?;
        }
        let mut writer = ObjectWriter::open(self.next(), extra, NAME);
        writer.string("type", "tool_result");
        writer.string("tool_use_id", &legal_id(call_id));
        if let Some(out) = writer.field("content") {
            match parts.as_slice() {
                [] if *plain => out.extend_from_slice(b"\"\""),
                [Part::Text { text, cache_marker: None, .. }] if *plain => json::write_string(text, out),
                _ => inner.write_list(out),
            }
        }
        if *is_error {
            writer.boolean("is_error", true);
        }
        writer.optional_text("cache_control", cache_marker.as_ref());
        writer.close();
        Ok(())
    }
}

/// Writes a part of an answer; false for what has no block.
pub(super) fn write_answer_part(part: &Part, out: &mut Vec<u8>) -> bool {
    match part {
        Part::Text { text, cache_marker, extra } => write_text(text, cache_marker.as_ref(), extra, out),
        Part::Refusal(text) => write_text(text, None, &[], out),
        Part::ToolCall { id, name, arguments, cache_marker, extra } => {
            let arguments = fields::arguments_object(arguments);
            write_tool_use(id, name, &arguments, cache_marker.as_ref(), extra, out);
        }
        Part::Thinking { text, signature } => write_thinking(text, signature.as_deref(), out),
        Part::RedactedThinking { data } => write_redacted(data, out),
        Part::Opaque { dialect, json } if *dialect == NAME => out.extend_from_slice(json.0.as_bytes()),
        _ => return false,
    }
    true
}

pub(super) fn write_text(text: &str, marker: Option<&RawJson>, extra: &[Extra], out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, extra, NAME);
    writer.string("type", "text");
    writer.string("text", text);
    writer.optional_text("cache_control", marker);
    writer.close();
}

/// SDKs read the signature of every block, so one that was never signed has an empty one.
fn write_thinking(text: &str, signature: Option<&str>, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.string("type", "thinking");
    writer.string("thinking", text);
    writer.string("signature", signature.unwrap_or_default());
    writer.close();
}

fn write_redacted(data: &str, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.string("type", "redacted_thinking");
    writer.string("data", data);
    writer.close();
}

fn write_tool_use(id: &str, name: &str, input: &str, marker: Option<&RawJson>, extra: &[Extra], out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, extra, NAME);
    writer.string("type", "tool_use");
    writer.string("id", &legal_id(id));
    writer.string("name", name);
    writer.text("input", if input.is_empty() { "{}" } else { input });
    writer.optional_text("cache_control", marker);
    writer.close();
}

/// Ids of calls may hold letters, digits, `_` and `-` only; call and result are changed alike.
pub(in crate::dialects) fn legal_id(id: &str) -> Cow<'_, str> {
    let legal = |byte: char| byte.is_ascii_alphanumeric() || byte == '_' || byte == '-';
    if !id.is_empty() && id.chars().all(legal) {
        return Cow::Borrowed(id);
    }
    let changed: String = id.chars().map(|one| if legal(one) { one } else { '_' }).collect();
    Cow::Owned(if changed.is_empty() { "call".to_owned() } else { changed })
}

/// An image or a document.
struct Media<'a> {
    kind: &'static str,
    source: &'a MediaSource,
    title: Option<&'a str>,
    marker: Option<&'a RawJson>,
    extra: &'a [Extra],
}

impl Media<'_> {
    fn write(&self, param: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut writer = ObjectWriter::open(out, self.extra, NAME);
        writer.string("type", self.kind);
        if let Some(out) = writer.field("source") {
            self.write_source(param, out)?;
        }
        writer.optional_string("title", self.title);
        writer.optional_text("cache_control", self.marker);
        writer.close();
        Ok(())
    }

    fn write_source(&self, param: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
        let decoded;
        let members: &[(&'static str, &str)] = match self.source {
            MediaSource::Url(url) if url.starts_with("data:") => {
                return Err(fields::untranslatable(param, "a data URL that is not plain base64"));
            }
            MediaSource::Url(url) => &[("type", "url"), ("url", url)],
            MediaSource::FileId(id) if id.starts_with("file-") => {
                return Err(fields::untranslatable(param, "a file uploaded to another provider"));
            }
            MediaSource::FileId(id) => &[("type", "file"), ("file_id", id)],
            MediaSource::Text { media_type, text } => &[("type", "text"), ("media_type", media_type), ("data", text)],
            MediaSource::Base64 { media_type, data } if self.kind == "document" && media_type.starts_with("text/") => {
                let broken =
                    || Fault::bad_field(param, format!("`{param}` holds a file that is not base64 of UTF-8 text"));
                decoded = base64::decode(data).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(broken)?;
                &[("type", "text"), ("media_type", "text/plain"), ("data", &decoded)]
            }
            MediaSource::Base64 { media_type, .. } if self.kind == "document" && media_type != "application/pdf" => {
                return Err(fields::untranslatable(param, "a document that is neither PDF nor text"));
            }
            MediaSource::Base64 { media_type, data } => {
                &[("type", "base64"), ("media_type", media_type), ("data", data)]
            }
        };
        let mut inner = ObjectWriter::open(out, &[], NAME);
        members.iter().for_each(|(name, value)| inner.string(name, value));
        inner.close();
        Ok(())
    }
}

fn is_picture(source: &MediaSource) -> bool {
    matches!(source, MediaSource::Base64 { media_type, .. } if media_type.starts_with("image/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_legal_in_one_way() {
        assert_eq!(legal_id("toolu_01-a"), "toolu_01-a");
        assert_eq!(legal_id("functions.f:0"), "functions_f_0");
        assert_eq!(legal_id(""), "call");
    }

    #[test]
    fn every_thought_has_a_signature() {
        let written = |signature: Option<&str>| {
            let part = Part::Thinking { text: "hm".into(), signature: signature.map(str::to_owned) };
            let mut out = Vec::new();
            assert!(write_answer_part(&part, &mut out));
            String::from_utf8(out).expect("text goes in")
        };
        assert_eq!(written(Some("s")), r#"{"type":"thinking","thinking":"hm","signature":"s"}"#);
        assert_eq!(written(None), r#"{"type":"thinking","thinking":"hm","signature":""}"#);
    }
}
