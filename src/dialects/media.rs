//! Images and documents as OpenAI's dialects write them: one URL, which may hold the data itself.

use crate::chat::MediaSource;

/// Only the plain form `data:<type>;base64,<data>` is taken apart, so that it can be put together again.
pub(super) fn source_of(url: &str) -> MediaSource {
    let taken_apart = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match taken_apart {
        Some((media_type, data)) if !media_type.contains([';', ',']) => {
            MediaSource::Base64 { media_type: media_type.to_owned(), data: data.to_owned() }
        }
        _ => MediaSource::Url(url.to_owned()),
    }
}

/// The URL of `source`, or why it has none.
pub(super) fn url_of(source: &MediaSource) -> Result<String, &'static str> {
    match source {
        MediaSource::Url(url) => Ok(url.clone()),
        MediaSource::Base64 { media_type, data } => Ok(format!("data:{media_type};base64,{data}")),
        MediaSource::FileId(_) => Err("an uploaded image"),
        MediaSource::Text { .. } => Err("a text in the place of an image"),
    }
}

/// Uploads live at one provider; Anthropic's ids begin like this.
pub(super) fn own_file(id: &str) -> Result<(), &'static str> {
    if id.starts_with("file_01") { Err("a file uploaded to another provider") } else { Ok(()) }
}
