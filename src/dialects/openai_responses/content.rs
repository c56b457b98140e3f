//! Pieces of content: what a person, a tool or the model says in one message.

use super::super::citations;
use super::super::citations::URL_CITATION;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::super::media;
use super::NAME;
use crate::chat::Citation;
use crate::chat::Extra;
use crate::chat::ImageDetail;
use crate::chat::MediaSource;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonArray;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

/// Where a text names its sources.
pub(super) const ANNOTATIONS: &str = "annotations";

/// The source with an address that an annotation is; its place counts in its text.
pub(super) fn read_citation(annotation: Value<'_, '_>) -> Option<Citation> {
    let object = annotation.as_object()?;
    citations::read_openai(&object, NAME).filter(|_| fields::string_of(&object, "type") == Some(URL_CITATION))
}

/// Writes a source as an annotation.
pub(super) fn write_citation(citation: &Citation, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.string("type", URL_CITATION);
    citations::write_openai(citation, &mut writer);
    writer.close();
}

/// Reads what somebody other than the model says; `param` is where it stands. What is not shaped as
/// expected stays whole.
pub(super) fn read_parts(list: &JsonArray<'_, '_>, param: &str) -> Result<Vec<Part>, Fault> {
    let read = |(place, part)| read_part(part, &format!("{param}[{place}]"));
    list.iter().enumerate().map(read).collect()
}

fn read_part(part: Value<'_, '_>, param: &str) -> Result<Part, Fault> {
    let object = fields::object(part, || param.to_owned())?;
    let read = match fields::string_of(&object, "type") {
        Some("input_text" | "output_text" | "text") => {
            let missing = || fields::wrong_type(format!("{param}.text"), "a string");
            Some(read_text(&object).ok_or_else(missing)?)
        }
        Some("refusal") => read_refusal(&object),
        Some("input_image") => read_image(&object),
        Some("input_file") => read_file(&object),
        Some("input_audio") => read_audio(&object),
        _ => None,
    };
    Ok(read.unwrap_or_else(|| Part::Opaque { dialect: NAME, json: RawJson(json::raw(part)) }))
}

/// A piece of text with everything around it.
pub(super) fn read_text(object: &JsonObject<'_, '_>) -> Option<Part> {
    let mut keeper = Keeper::new(NAME);
    keep_others(object, &["text"], &mut keeper);
    for name in ["annotations", "logprobs"].into_iter().filter(|name| object.get(*name).is_none()) {
        keeper.absent(name);
    }
    let text = fields::string_of(object, "text")?.to_owned();
    Some(Part::Text { text, cache_marker: None, extra: keeper.extras })
}

/// A refusal that is nothing else.
pub(super) fn read_refusal(object: &JsonObject<'_, '_>) -> Option<Part> {
    let text = fields::string_of(object, "refusal").filter(|_| object.len() == 2)?;
    Some(Part::Refusal(text.to_owned()))
}

fn read_image(object: &JsonObject<'_, '_>) -> Option<Part> {
    let mut keeper = Keeper::new(NAME);
    let (mut source, mut detail) = (None, None);
    for (name, value) in object.iter() {
        match (name, value.as_str()) {
            ("type", _) => {}
            ("image_url", Some(url)) if source.is_none() => source = Some(media::source_of(url)),
            ("file_id", Some(id)) if source.is_none() => source = Some(MediaSource::FileId(id.to_owned())),
            ("detail", Some(word)) => detail = Some(ImageDetail(word.to_owned())),
            _ => keeper.keep(name, value),
        }
    }
    if object.get("detail").is_none() {
        keeper.absent("detail");
    }
    Some(Part::Image { source: source?, detail, cache_marker: None, extra: keeper.extras })
}

fn read_file(object: &JsonObject<'_, '_>) -> Option<Part> {
    let mut keeper = Keeper::new(NAME);
    let filename = fields::string_of(object, "filename");
    let mut source = None;
    for (name, value) in object.iter() {
        match (name, value.as_str()) {
            ("type", _) => {}
            ("filename", Some(_)) => {}
            ("file_data", Some(data)) if source.is_none() => {
                source = Some(read_data(data, filename));
                if !data.starts_with("data:") {
                    keeper.keep(name, value);
                }
            }
            ("file_url", Some(url)) if source.is_none() => source = Some(MediaSource::Url(url.to_owned())),
            ("file_id", Some(id)) if source.is_none() => source = Some(MediaSource::FileId(id.to_owned())),
            _ => keeper.keep(name, value),
        }
    }
    if filename.is_none() && object.get("filename").is_none() {
        keeper.absent("filename");
    }
    let filename = filename.map(str::to_owned);
    Some(Part::File { source: source?, filename, cache_marker: None, extra: keeper.extras })
}

/// A data URL, or bare base64, whose kind is that of the file's name.
fn read_data(data: &str, filename: Option<&str>) -> MediaSource {
    if data.starts_with("data:") {
        return media::source_of(data);
    }
    let extension = filename.and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
    let media_type = match extension {
        Some("txt" | "md" | "csv") => "text/plain",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        _ => "application/pdf",
    };
    MediaSource::Base64 { media_type: media_type.to_owned(), data: data.to_owned() }
}

fn read_audio(object: &JsonObject<'_, '_>) -> Option<Part> {
    let sound = fields::object_of(object, "input_audio")?;
    let plain = object.len() == 2 && sound.len() == 2;
    let data = fields::string_of(&sound, "data").filter(|_| plain)?.to_owned();
    Some(Part::Audio { data, format: fields::string_of(&sound, "format")?.to_owned() })
}

/// Keeps the fields of `object` that are not `known`.
pub(super) fn keep_others(object: &JsonObject<'_, '_>, known: &[&str], keeper: &mut Keeper) {
    for (name, value) in object.iter().filter(|(name, _)| !known.contains(name)) {
        keeper.keep(name, value);
    }
}

/// Writes what somebody other than the model says, or tells why this dialect has no words for it.
pub(super) fn write_part(part: &Part, out: &mut Vec<u8>) -> Result<(), &'static str> {
    match part {
        Part::Text { text, extra, .. } => write_text("input_text", text, extra, out),
        Part::Refusal(text) => write_refusal(text, out),
        Part::Image { source, detail, extra, .. } => write_image(source, detail.as_ref(), extra, out)?,
        Part::File { source: MediaSource::Text { text, .. }, .. } => write_text("input_text", text, &[], out),
        Part::File { source, filename, extra, .. } => write_file(source, filename.as_deref(), extra, out)?,
        Part::Audio { data, format } => {
            out.extend_from_slice(b"{\"type\":\"input_audio\",\"input_audio\":{\"data\":");
            json::write_string(data, out);
            out.extend_from_slice(b",\"format\":");
            json::write_string(format, out);
            out.extend_from_slice(b"}}");
        }
        Part::Opaque { dialect, json } if *dialect == NAME => out.extend_from_slice(json.0.as_bytes()),
        _ => return Err("a kind of content that the Responses API cannot express"),
    }
    Ok(())
}

fn write_text(kind: &str, text: &str, extra: &[Extra], out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, extra, NAME);
    writer.string("type", kind);
    writer.string("text", text);
    writer.close();
}

/// Writes a piece of text that the model said; log probabilities stand in answers only.
pub(super) fn write_output_text(text: &str, extra: &[Extra], logprobs: Option<&str>, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, extra, NAME);
    writer.string("type", "output_text");
    writer.string("text", text);
    writer.text(ANNOTATIONS, "[]");
    if let Some(logprobs) = logprobs {
        writer.text("logprobs", logprobs);
    }
    writer.close();
}

pub(super) fn write_refusal(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"refusal\",\"refusal\":");
    json::write_string(text, out);
    out.push(b'}');
}

fn write_image(
    source: &MediaSource,
    detail: Option<&ImageDetail>,
    extra: &[Extra],
    out: &mut Vec<u8>,
) -> Result<(), &'static str> {
    let (name, value) = match source {
        MediaSource::FileId(id) => {
            media::own_file(id)?;
            ("file_id", id.clone())
        }
        other => ("image_url", media::url_of(other)?),
    };
    let mut writer = ObjectWriter::open(out, extra, NAME);
    writer.string("type", "input_image");
    writer.string(name, &value);
    // The API takes a picture without it, its description does not.
    writer.string("detail", detail.map_or("auto", |detail| detail.0.as_str()));
    writer.close();
    Ok(())
}

fn write_file(
    source: &MediaSource,
    filename: Option<&str>,
    extra: &[Extra],
    out: &mut Vec<u8>,
) -> Result<(), &'static str> {
    let (name, value) = match source {
        MediaSource::FileId(id) => {
            media::own_file(id)?;
            ("file_id", id.clone())
        }
        MediaSource::Url(url) if !url.starts_with("data:") => ("file_url", url.clone()),
        other => ("file_data", media::url_of(other)?),
    };
    let mut writer = ObjectWriter::open(out, extra, NAME);
    writer.string("type", "input_file");
    writer.string(name, &value);
    match filename {
        Some(filename) => writer.string("filename", filename),
        // Data has no name of its own, and is refused without one.
        None if name == "file_data" => writer.string("filename", "document"),
        None => {}
    }
    writer.close();
    Ok(())
}
