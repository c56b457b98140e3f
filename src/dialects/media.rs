//! Images and documents as OpenAI's dialects write them: one URL, which may hold the data itself.

use crate::chat::MediaSource;
use std::borrow::Cow;

/// A URL of data is taken apart, whatever its parameters; other ways of writing data than base64 stay whole.
/// Whoever wants to write the same URL again compares it with that of the source.
pub(super) fn source_of(url: &str) -> MediaSource {
    match data_of(url) {
        Some((media_type, data)) => MediaSource::Base64 { media_type, data: data.to_owned() },
        None => MediaSource::Url(url.to_owned()),
    }
}

/// The media type and the base64 of a URL of data.
fn data_of(url: &str) -> Option<(String, &str)> {
    const SCHEME: &str = "data:";
    let scheme = url.get(..SCHEME.len()).filter(|scheme| scheme.eq_ignore_ascii_case(SCHEME))?;
    let (head, data) = url[scheme.len()..].split_once(',')?;
    let (head, coding) = head.rsplit_once(';')?;
    let media_type = head.split(';').next().unwrap_or_default().trim();
    let told = !media_type.is_empty() && coding.trim().eq_ignore_ascii_case("base64");
    told.then(|| (media_type.to_ascii_lowercase(), data))
}

/// A file that was sent as a URL or as bare base64, whose kind is then that of the file's name.
pub(super) fn file_of(data: &str, filename: Option<&str>) -> MediaSource {
    match source_of(data) {
        MediaSource::Url(url) if !url.contains(':') => {
            MediaSource::Base64 { media_type: type_of(filename.unwrap_or_default()).to_owned(), data: url }
        }
        source => source,
    }
}

/// The media type of a file of this name; what names no kind is a PDF more often than anything else.
fn type_of(filename: &str) -> &'static str {
    let extension = filename.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref().unwrap_or_default() {
        "txt" | "md" | "csv" => "text/plain",
        "html" | "htm" => "text/html",
        "json" => "application/json",
        "xml" => "application/xml",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls" => "application/vnd.ms-excel",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        _ => "application/pdf",
    }
}

/// The registered name of a media type that many call otherwise.
pub(super) fn registered(media_type: &str) -> Cow<'_, str> {
    match media_type {
        "image/jpg" => Cow::Borrowed("image/jpeg"),
        other => Cow::Borrowed(other),
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

/// Was this the URL that `source` was read from?
pub(super) fn is_url_of(url: &str, source: &MediaSource) -> bool {
    url_of(source).is_ok_and(|told| told == url)
}

/// Uploads live at one provider; Anthropic's ids begin like this.
pub(super) fn own_file(id: &str) -> Result<(), &'static str> {
    if id.starts_with("file_01") { Err("a file uploaded to another provider") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(media_type: &str, data: &str) -> MediaSource {
        MediaSource::Base64 { media_type: media_type.into(), data: data.into() }
    }

    #[test]
    fn data_is_taken_apart_however_it_is_written() {
        for url in
            ["data:image/png;base64,AA==", "DATA:image/PNG;base64,AA==", "data:image/png;charset=utf-8;BASE64,AA=="]
        {
            assert_eq!(source_of(url), data("image/png", "AA=="), "{url}");
        }
        for url in ["https://e.com/a,b;base64,c", "data:text/plain,words", "data:;base64,AA==", "data:image/png;base64"]
        {
            assert_eq!(source_of(url), MediaSource::Url(url.into()));
        }
        assert!(is_url_of("data:image/png;base64,AA==", &data("image/png", "AA==")));
        assert!(!is_url_of("DATA:image/png;base64,AA==", &data("image/png", "AA==")));
    }

    #[test]
    fn bare_data_is_what_its_name_says() {
        assert_eq!(file_of("AA==", Some("a.PNG")), data("image/png", "AA=="));
        assert_eq!(file_of("AA==", None), data("application/pdf", "AA=="));
        let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        assert_eq!(file_of("AA==", Some("a.docx")), data(word, "AA=="));
        assert_eq!(file_of("https://e.com/a.pdf", None), MediaSource::Url("https://e.com/a.pdf".into()));
        assert_eq!(file_of("data:text/csv;base64,YQ==", Some("a.pdf")), data("text/csv", "YQ=="));
    }
}
