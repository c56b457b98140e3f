//! What requests and answers share: content parts, tool calls and reasoning.

use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::super::media;
use super::super::media::own_file;
use super::super::media::url_of;
use super::NAME;
use crate::chat::Extra;
use crate::chat::ImageDetail;
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
use crate::wire::json::ValueIntoString;

/// Reads one part of a content list; `param` is where it stands.
pub(super) fn read_part(part: Value<'_, '_>, param: &str) -> Result<Part, Fault> {
    let object = fields::object(part, || param.to_owned())?;
    let opaque = || Part::Opaque { dialect: NAME, json: RawJson(json::raw(part)) };
    Ok(match fields::string_of(&object, "type") {
        Some("text") => read_text(&object, param)?,
        Some("image_url") => read_image(&object).unwrap_or_else(opaque),
        Some("file") => read_file(&object).unwrap_or_else(opaque),
        Some("input_audio") => read_audio(&object).unwrap_or_else(opaque),
        Some("refusal") => read_refusal(&object).unwrap_or_else(opaque),
        _ => opaque(),
    })
}

fn read_text(object: &JsonObject<'_, '_>, param: &str) -> Result<Part, Fault> {
    let mut keeper = Keeper::new(NAME);
    let mut text = None;
    for (name, value) in object.iter() {
        match name {
            "type" => {}
            "text" => text = Some(fields::string(value, || format!("{param}.text"))?),
            _ => keeper.keep(name, value),
        }
    }
    let missing = || fields::wrong_type(format!("{param}.text"), "a string");
    let text = text.ok_or_else(missing)?.to_owned();
    Ok(Part::Text { text, cache_marker: cache_marker(object), extra: keeper.extras })
}

/// Kept for providers of this dialect by the reader, and given to others by this.
fn cache_marker(object: &JsonObject<'_, '_>) -> Option<RawJson> {
    let marker = object.get("cache_control").filter(|marker| !marker.is_null())?;
    Some(RawJson(json::raw(marker)))
}

fn read_refusal(object: &JsonObject<'_, '_>) -> Option<Part> {
    Some(Part::Refusal(fields::string_of(object, "refusal")?.to_owned()))
}

fn read_image(object: &JsonObject<'_, '_>) -> Option<Part> {
    let mut keeper = Keeper::new(NAME);
    let image = object.get("image_url")?;
    let (mut source, mut detail) = (image.as_str().map(media::source_of), None);
    if source.is_some() {
        keeper.keep("image_url", image);
    } else {
        for (name, value) in image.as_object()?.iter() {
            match (name, value.into_string()) {
                ("url", Some(url)) => {
                    let read = media::source_of(url);
                    if !media::is_url_of(url, &read) {
                        keeper.keep("image_url/url", value);
                    }
                    source = Some(read);
                }
                ("detail", Some(text)) => detail = Some(ImageDetail(text.to_owned())),
                _ => keeper.keep(format!("image_url/{name}"), value),
            }
        }
    }
    keep_others(object, &["type", "image_url"], &mut keeper);
    Some(Part::Image { source: source?, detail, cache_marker: cache_marker(object), extra: keeper.extras })
}

fn read_file(object: &JsonObject<'_, '_>) -> Option<Part> {
    let mut keeper = Keeper::new(NAME);
    let (mut source, mut filename) = (None, None);
    let file = fields::object_of(object, "file")?;
    for (name, value) in file.iter() {
        match (name, value.as_str()) {
            ("file_data", Some(data)) if source.is_none() => {
                let read = media::file_of(data, fields::string_of(&file, "filename"));
                if !media::is_url_of(data, &read) {
                    keeper.keep("file/file_data", value);
                }
                source = Some(read);
            }
            ("file_id", Some(id)) if source.is_none() => source = Some(MediaSource::FileId(id.to_owned())),
            ("filename", Some(name)) => filename = Some(name.to_owned()),
            _ => keeper.keep(format!("file/{name}"), value),
        }
    }
    if filename.is_none() && !fields::own_fields(&keeper.extras, NAME, "file/").any(|(name, _)| name == "filename") {
        keeper.absent("file/filename");
    }
    keep_others(object, &["type", "file"], &mut keeper);
    Some(Part::File { source: source?, filename, cache_marker: cache_marker(object), extra: keeper.extras })
}

fn read_audio(object: &JsonObject<'_, '_>) -> Option<Part> {
    let sound = fields::object_of(object, "input_audio")?;
    let plain = object.len() == 2 && sound.len() == 2;
    let data = fields::string_of(&sound, "data").filter(|_| plain)?.to_owned();
    Some(Part::Audio { data, format: fields::string_of(&sound, "format")?.to_owned() })
}

fn keep_others(object: &JsonObject<'_, '_>, known: &[&str], keeper: &mut Keeper) {
    for (name, value) in object.iter().filter(|(name, _)| !known.contains(name)) {
        keeper.keep(name, value);
    }
}

/// Writes a part of a content list, or tells why this dialect has none for it.
pub(super) fn write_part(part: &Part, out: &mut Vec<u8>) -> Result<(), &'static str> {
    match part {
        Part::Text { text, extra, .. } => write_text(text, extra, out),
        Part::Image { source, detail, extra, .. } => {
            let url = url_of(source)?;
            let mut writer = ObjectWriter::open(out, extra, NAME);
            writer.string("type", "image_url");
            if let Some(out) = writer.field("image_url") {
                let mut inner = ObjectWriter::open_scope(out, extra, NAME, "image_url/");
                inner.string("url", &url);
                inner.optional_string("detail", detail.as_ref().map(|detail| detail.0.as_str()));
                inner.close();
            }
            writer.close();
        }
        Part::File { source: MediaSource::Text { text, .. }, .. } => write_text(text, &[], out),
        Part::File { source, filename, extra, .. } => write_file(source, filename.as_deref(), extra, out)?,
        Part::Audio { data, format } => {
            out.extend_from_slice(b"{\"type\":\"input_audio\",\"input_audio\":{\"data\":");
            json::write_string(data, out);
            out.extend_from_slice(b",\"format\":");
            json::write_string(format, out);
            out.extend_from_slice(b"}}");
        }
        Part::Opaque { dialect, json } if *dialect == NAME => out.extend_from_slice(json.0.as_bytes()),
        _ => return Err("a kind of content that chat completions cannot express"),
    }
    Ok(())
}

fn write_text(text: &str, extra: &[Extra], out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, extra, NAME);
    writer.string("type", "text");
    writer.string("text", text);
    writer.close();
}

fn write_file(
    source: &MediaSource,
    filename: Option<&str>,
    extra: &[Extra],
    out: &mut Vec<u8>,
) -> Result<(), &'static str> {
    let url = match source {
        MediaSource::FileId(_) => String::new(),
        other => url_of(other)?,
    };
    if let MediaSource::FileId(id) = source {
        own_file(id)?;
    }
    let mut writer = ObjectWriter::open(out, extra, NAME);
    writer.string("type", "file");
    if let Some(out) = writer.field("file") {
        let mut inner = ObjectWriter::open_scope(out, extra, NAME, "file/");
        match source {
            MediaSource::FileId(id) => {
                inner.string("file_id", id);
                inner.optional_string("filename", filename);
            }
            _ => {
                inner.string("filename", filename.unwrap_or("document"));
                inner.string("file_data", &url);
            }
        }
        inner.close();
    }
    writer.close();
    Ok(())
}

/// Reads the calls of one message; `param` is where the list stands.
pub(super) fn read_tool_calls(calls: &JsonArray<'_, '_>, param: &str) -> Result<Vec<Part>, Fault> {
    let read = |(place, call)| read_tool_call(call, &format!("{param}[{place}]"));
    calls.iter().enumerate().map(read).collect()
}

fn read_tool_call(call: Value<'_, '_>, param: &str) -> Result<Part, Fault> {
    let object = fields::object(call, || param.to_owned())?;
    let mut keeper = Keeper::new(NAME);
    let mut id = String::new();
    for (name, value) in object.iter() {
        match (name, value.as_str()) {
            ("id", Some(text)) if !text.is_empty() => text.clone_into(&mut id),
            ("type", Some("function")) | ("function", None) => {}
            _ => keeper.keep(name, value),
        }
    }
    keep_absent(&object, &["id", "type"], "", &mut keeper);
    let (name, arguments) = match fields::object_of(&object, "function") {
        Some(function) => read_function(&function, &mut keeper),
        // A custom tool takes free text; the kept object is what this dialect writes back.
        None => {
            keeper.absent("function");
            let custom = fields::object_of(&object, "custom");
            let of = |name| custom.as_ref().and_then(|custom| fields::string_of(custom, name)).unwrap_or_default();
            (of("name").to_owned(), fields::custom_arguments(of("input")))
        }
    };
    Ok(Part::ToolCall { id, name, arguments, cache_marker: None, extra: keeper.extras })
}

fn read_function(function: &JsonObject<'_, '_>, keeper: &mut Keeper) -> (String, String) {
    let (mut function_name, mut arguments) = (String::new(), String::new());
    for (name, value) in function.iter() {
        match (name, value.as_str()) {
            ("name", Some(text)) => text.clone_into(&mut function_name),
            ("arguments", Some(text)) if !text.is_empty() => text.clone_into(&mut arguments),
            ("arguments", None) if value.is_object() => {
                arguments = json::raw(value);
                keeper.keep("function/arguments", value);
            }
            _ => keeper.keep(format!("function/{name}"), value),
        }
    }
    keep_absent(function, &["name", "arguments"], "function/", keeper);
    (function_name, arguments)
}

fn keep_absent(object: &JsonObject<'_, '_>, usual: &[&str], scope: &str, keeper: &mut Keeper) {
    for name in usual.iter().filter(|name| object.get(**name).is_none()) {
        keeper.absent(format!("{scope}{name}"));
    }
}

/// Gives ids to the calls of an answer that came without: callers join calls and results by them.
pub(super) fn name_calls(parts: &mut [Part], answer_id: &str) {
    let mut number = 0;
    for part in parts {
        if let Part::ToolCall { id, .. } = part {
            if id.is_empty() {
                *id = made_id(answer_id, number);
            }
            number += 1;
        }
    }
}

/// The id of a call that came without one.
pub(super) fn made_id(answer_id: &str, number: u64) -> String {
    format!("call_{}_{number}", fields::call_id_prefix(answer_id))
}

/// Writes the calls among `parts` as a list; false if there is none.
pub(super) fn write_tool_calls(parts: &[Part], writer: &mut ObjectWriter<'_>) -> bool {
    let mut calls = parts.iter().filter(|part| matches!(part, Part::ToolCall { .. })).peekable();
    if calls.peek().is_none() {
        return false;
    }
    if let Some(out) = writer.field("tool_calls") {
        fields::write_list(calls, out, |part, out| {
            if let Part::ToolCall { id, name, arguments, extra, .. } = part {
                write_tool_call(id, name, arguments, extra, out);
            }
        });
    }
    true
}

fn write_tool_call(id: &str, name: &str, arguments: &str, extra: &[Extra], out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, extra, NAME);
    writer.string("id", id);
    writer.string("type", "function");
    if let Some(out) = writer.field("function") {
        let mut inner = ObjectWriter::open_scope(out, extra, NAME, "function/");
        inner.string("name", name);
        inner.string("arguments", if arguments.is_empty() { "{}" } else { arguments });
        inner.close();
    }
    writer.close();
}

/// Pictures that the model made, where those who serve several makers' models tell them.
pub(super) fn read_images(message: &JsonObject<'_, '_>) -> Vec<Part> {
    let images = message.get("images").and_then(|images| images.as_array());
    images.iter().flat_map(|images| images.iter()).filter_map(|image| read_image(&image.as_object()?)).collect()
}

/// Is this a list of pictures, and of nothing else?
pub(super) fn tells_images(images: Value<'_, '_>) -> bool {
    let is_image = |image: Value<'_, '_>| image.as_object().is_some_and(|image| read_image(&image).is_some());
    images.as_array().is_some_and(|images| !images.is_empty() && images.iter().all(is_image))
}

/// Writes the pictures among `parts` as the items of a list; `None` if there is none.
pub(super) fn written_images(parts: &[Part]) -> Option<String> {
    let told = |part: &&Part| matches!(part, Part::Image { source, .. } if url_of(source).is_ok());
    let mut images = parts.iter().filter(told).peekable();
    images.peek()?;
    let write = |part: &Part, out: &mut Vec<u8>| write_part(part, out).expect("its source has a URL");
    Some(fields::written(|out| fields::write_list(images, out, write)))
}

/// Visible reasoning of a message: signed blocks before plain text, because the text repeats them.
pub(super) fn read_thinking(message: &JsonObject<'_, '_>) -> Vec<Part> {
    if let Some(blocks) = message.get("thinking_blocks").and_then(|blocks| blocks.as_array()) {
        let parts: Vec<Part> = blocks.iter().filter_map(|block| read_block(&block.as_object()?)).collect();
        if !parts.is_empty() {
            return parts;
        }
    }
    let text = ["reasoning_content", "reasoning"]
        .into_iter()
        .find_map(|name| fields::string_of(message, name).filter(|text| !text.is_empty()));
    let details = read_details(message);
    let is_sealed = |part: &Part| !matches!(part, Part::Thinking { signature: None, .. });
    if text.is_none() || details.iter().any(is_sealed) && thinking_text(&details).as_deref() == text {
        return details;
    }
    text.map(|text| Part::Thinking { text: text.to_owned(), signature: None }).into_iter().collect()
}

/// Reasoning in `reasoning_details`, where those who serve models of several makers put it, its signature
/// included.
pub(super) fn read_details(message: &JsonObject<'_, '_>) -> Vec<Part> {
    let details = message.get("reasoning_details").and_then(|details| details.as_array());
    let objects = details.iter().flat_map(|details| details.iter()).filter_map(|detail| detail.as_object());
    objects.filter_map(|detail| read_detail(&detail)).collect()
}

fn read_detail(detail: &JsonObject<'_, '_>) -> Option<Part> {
    let said = |name: &str| fields::string_of(detail, name).filter(|text| !text.is_empty()).map(str::to_owned);
    let is_claudes = fields::string_of(detail, "format").is_some_and(|format| format.starts_with("anthropic"));
    match fields::string_of(detail, "type")? {
        "reasoning.text" => {
            let signature = said("signature").filter(|_| is_claudes);
            let text = said("text").or_else(|| signature.is_some().then(String::new))?;
            Some(Part::Thinking { text, signature })
        }
        "reasoning.summary" => Some(Part::Thinking { text: said("summary")?, signature: None }),
        // What others sealed means nothing without the rest of their item.
        "reasoning.encrypted" if is_claudes => Some(Part::RedactedThinking { data: said("data")? }),
        _ => None,
    }
}

/// One of the `thinking_blocks`.
pub(super) fn read_block(block: &JsonObject<'_, '_>) -> Option<Part> {
    match fields::string_of(block, "type")? {
        "thinking" => Some(Part::Thinking {
            text: fields::string_of(block, "thinking").unwrap_or_default().to_owned(),
            signature: fields::string_of(block, "signature").map(str::to_owned),
        }),
        "redacted_thinking" => {
            Some(Part::RedactedThinking { data: fields::string_of(block, "data").unwrap_or_default().to_owned() })
        }
        _ => None,
    }
}

/// All visible reasoning as one text; `None` if there is none.
pub(super) fn thinking_text(parts: &[Part]) -> Option<String> {
    let mut whole = String::new();
    for part in parts {
        if let Part::Thinking { text, .. } = part {
            whole.push_str(text);
        }
    }
    (!whole.is_empty()).then_some(whole)
}

/// The `thinking_blocks`; `None` if nothing is signed or redacted.
pub(super) fn thinking_blocks(parts: &[Part]) -> Option<String> {
    let worth =
        |part: &&Part| matches!(part, Part::Thinking { signature: Some(_), .. } | Part::RedactedThinking { .. });
    let mut blocks = parts.iter().filter(worth).peekable();
    blocks.peek()?;
    Some(fields::written(|out| fields::write_list(blocks, out, write_block)))
}

/// Writes one of the `thinking_blocks`.
pub(super) fn write_block(part: &Part, out: &mut Vec<u8>) {
    match part {
        Part::Thinking { text, signature } => {
            out.extend_from_slice(b"{\"type\":\"thinking\",\"thinking\":");
            json::write_string(text, out);
            if let Some(signature) = signature {
                out.extend_from_slice(b",\"signature\":");
                json::write_string(signature, out);
            }
            out.push(b'}');
        }
        Part::RedactedThinking { data } => {
            out.extend_from_slice(b"{\"type\":\"redacted_thinking\",\"data\":");
            json::write_string(data, out);
            out.push(b'}');
        }
        _ => out.extend_from_slice(b"null"),
    }
}

/// A `thinking` part of a content list (`{"type":"thinking","thinking":[{"type":"text","text"}]}`).
pub(super) fn read_thinking_part(part: &JsonObject<'_, '_>) -> Option<String> {
    if fields::string_of(part, "type") != Some("thinking") {
        return None;
    }
    let pieces = part.get("thinking")?.as_array()?;
    let mut whole = String::new();
    for piece in &pieces {
        whole.push_str(fields::string_of(&piece.as_object()?, "text")?);
    }
    Some(whole)
}
