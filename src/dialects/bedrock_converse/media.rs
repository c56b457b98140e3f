//! Pictures, documents, films and sounds: Converse wants bytes (or an address in S3), a short word for
//! their format, and for each document a name that is unique in its request and holds few characters.

use super::super::anthropic_messages;
use super::super::base64;
use super::super::fields;
use super::super::fields::ObjectWriter;
use crate::chat::Extra;
use crate::chat::MediaSource;
use crate::fault::Fault;
use std::borrow::Cow;

/// Longest name of a document, in characters.
const NAME_CHARACTERS_MAX: usize = 200;

/// The kinds of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    Image,
    Document,
    Video,
    Audio,
}

impl Medium {
    /// The kind that a media type belongs to.
    fn of(media_type: &str) -> Medium {
        match media_type.split('/').next() {
            Some("image") => Medium::Image,
            Some("video") => Medium::Video,
            Some("audio") => Medium::Audio,
            _ => Medium::Document,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Medium::Image => "image",
            Medium::Document => "document",
            Medium::Video => "video",
            Medium::Audio => "audio",
        }
    }

    /// Its word for a format, from a media type or from how a file's name ends.
    fn format(self, ending: &str) -> Option<&'static str> {
        let known: &[(&str, &'static str)] = match self {
            Medium::Image => &[("png", "png"), ("jpeg", "jpeg"), ("jpg", "jpeg"), ("gif", "gif"), ("webp", "webp")],
            Medium::Video => &[
                ("mp4", "mp4"),
                ("x-matroska", "mkv"),
                ("mkv", "mkv"),
                ("quicktime", "mov"),
                ("mov", "mov"),
                ("webm", "webm"),
                ("x-flv", "flv"),
                ("flv", "flv"),
                ("mpeg", "mpeg"),
                ("mpg", "mpg"),
                ("x-ms-wmv", "wmv"),
                ("wmv", "wmv"),
                ("3gpp", "three_gp"),
                ("3gp", "three_gp"),
            ],
            Medium::Audio => &[
                ("mpeg", "mp3"),
                ("mp3", "mp3"),
                ("wav", "wav"),
                ("x-wav", "wav"),
                ("flac", "flac"),
                ("ogg", "ogg"),
                ("opus", "opus"),
                ("aac", "aac"),
                ("mp4", "mp4"),
                ("m4a", "m4a"),
                ("x-m4a", "m4a"),
                ("webm", "webm"),
                ("pcm", "pcm"),
                ("pcm16", "pcm"),
            ],
            Medium::Document => &[
                ("pdf", "pdf"),
                ("csv", "csv"),
                ("msword", "doc"),
                ("doc", "doc"),
                ("vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
                ("docx", "docx"),
                ("vnd.ms-excel", "xls"),
                ("xls", "xls"),
                ("vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
                ("xlsx", "xlsx"),
                ("html", "html"),
                ("markdown", "md"),
                ("md", "md"),
                // Whatever else is text is plain text to a reader.
                ("plain", "txt"),
                ("txt", "txt"),
                ("xml", "txt"),
                ("json", "txt"),
                ("yaml", "txt"),
            ],
        };
        known.iter().find(|(known, _)| *known == ending).map(|(_, format)| *format)
    }
}

/// Names of documents given so far in one request.
#[derive(Default)]
pub(super) struct Names(Vec<String>);

impl Names {
    /// A legal name that no document of this request has yet. It follows from what stands before it
    /// alone, so that a longer conversation begins with the same bytes.
    fn give(&mut self, wanted: Option<&str>) -> &str {
        let base = wanted.map(legal_name).filter(|name| !name.is_empty());
        let numbered = |number: usize| match &base {
            Some(base) if number == 1 => base.clone(),
            Some(base) => format!("{base} ({number})"),
            None => format!("Document {number}"),
        };
        let free = (1..=self.0.len() + 1).map(numbered).find(|name| !self.0.contains(name));
        self.0.push(free.expect("one more candidate than names given"));
        self.0.last().expect("just given")
    }
}

/// Letters, digits, single blanks, hyphens, parentheses and brackets, without the ending that the
/// format repeats.
fn legal_name(file: &str) -> String {
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = match file.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && Medium::Document.format(&ending.to_ascii_lowercase()).is_some() => {
            stem
        }
        _ => file,
    };
    let legal = |one: char| if one.is_ascii_alphanumeric() || "-()[]".contains(one) { one } else { ' ' };
    let spaced: String = stem.chars().map(legal).take(NAME_CHARACTERS_MAX - "(1000)".len()).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Something to show to the model.
pub(super) struct Media<'a> {
    /// The block that its part says it is; files are what their bytes are.
    pub(super) medium: Option<Medium>,
    pub(super) source: &'a MediaSource,
    pub(super) filename: Option<&'a str>,
    /// What Claude's own dialect says about a document besides.
    pub(super) extra: &'a [Extra],
}

impl Media<'_> {
    /// Appends the block; `param` is where the part stood.
    pub(super) fn write(&self, param: &str, names: &mut Names, out: &mut Vec<u8>) -> Result<(), Fault> {
        let (media_type, place): (&str, (&'static str, Cow<'_, str>)) = match self.source {
            MediaSource::Base64 { media_type, data } => (media_type, ("bytes", Cow::Borrowed(data))),
            MediaSource::Text { media_type, text } => {
                (media_type, ("bytes", Cow::Owned(base64::encode(text.as_bytes()))))
            }
            MediaSource::Url(url) if url.starts_with("s3://") => ("", ("uri", Cow::Borrowed(url))),
            MediaSource::Url(_) => {
                return Err(fields::untranslatable(param, "an address instead of the bytes themselves"));
            }
            MediaSource::FileId(_) => return Err(fields::untranslatable(param, "a file uploaded to another provider")),
        };
        let ending = self.ending(media_type, if place.0 == "uri" { &place.1 } else { "" });
        let medium = self.medium.unwrap_or_else(|| medium_of(media_type, &ending));
        let format = medium.format(&ending).ok_or_else(|| {
            fields::untranslatable(param, "a file of a format that is not known by its media type or name")
        })?;
        let mut writer = ObjectWriter::open(out, &[], super::NAME);
        if let Some(out) = writer.field(medium.word()) {
            let mut block = ObjectWriter::open(out, &[], super::NAME);
            if medium == Medium::Document {
                block.string("name", names.give(self.filename));
            }
            block.string("format", format);
            if let Some(out) = block.field("source") {
                write_source(place.0, &place.1, out);
            }
            if medium == Medium::Document {
                for name in ["context", "citations"] {
                    let kept = fields::kept(self.extra, anthropic_messages::NAME, name);
                    kept.filter(|text| !matches!(*text, "" | "null"))
                        .into_iter()
                        .for_each(|text| block.text(name, text));
                }
            }
            block.close();
        }
        writer.close();
        Ok(())
    }

    /// What tells the format: the media type, or the name where the type says nothing.
    fn ending(&self, media_type: &str, url: &str) -> String {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let subtype = essence.split_once('/').map_or("", |(_, subtype)| subtype);
        let ending = |name: &str| name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        if matches!(subtype, "" | "octet-stream" | "*") {
            let named = self.filename.and_then(ending).or_else(|| ending(url));
            return named.unwrap_or_else(|| subtype.to_owned());
        }
        if essence.starts_with("text/") && Medium::Document.format(subtype).is_none() {
            return "plain".to_owned();
        }
        subtype.to_ascii_lowercase()
    }
}

fn medium_of(media_type: &str, ending: &str) -> Medium {
    let told = Medium::of(media_type);
    let by_ending = [Medium::Document, Medium::Image, Medium::Video, Medium::Audio];
    let guess = by_ending.into_iter().find(|medium| medium.format(ending).is_some());
    if told == Medium::Document { guess.unwrap_or(told) } else { told }
}

fn write_source(name: &'static str, value: &str, out: &mut Vec<u8>) {
    let mut source = ObjectWriter::open(out, &[], super::NAME);
    if name == "bytes" {
        source.string("bytes", value);
    } else if let Some(out) = source.field("s3Location") {
        let mut location = ObjectWriter::open(out, &[], super::NAME);
        location.string("uri", value);
        location.close();
    }
    source.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(medium: Option<Medium>, source: MediaSource, filename: Option<&str>) -> Result<String, String> {
        let mut out = Vec::new();
        let media = Media { medium, source: &source, filename, extra: &[] };
        media
            .write("messages[0].content", &mut Names::default(), &mut out)
            .map_err(|fault| fault.message.to_string())?;
        Ok(String::from_utf8(out).expect("UTF-8"))
    }

    fn bytes(media_type: &str) -> MediaSource {
        MediaSource::Base64 { media_type: media_type.into(), data: "QQ==".into() }
    }

    #[test]
    fn formats_are_told_by_media_type_or_name() {
        for (media_type, filename, block, format) in [
            ("image/jpeg", None, "image", "jpeg"),
            ("image/jpg", None, "image", "jpeg"),
            ("application/pdf", Some("a.pdf"), "document", "pdf"),
            ("text/plain; charset=utf-8", None, "document", "txt"),
            ("text/x-python", None, "document", "txt"),
            ("text/markdown", None, "document", "md"),
            ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", None, "document", "xlsx"),
            ("application/octet-stream", Some("Report.DOCX"), "document", "docx"),
            ("application/octet-stream", Some("film.3gp"), "video", "three_gp"),
            ("video/quicktime", None, "video", "mov"),
            ("audio/mpeg", None, "audio", "mp3"),
        ] {
            let text = written(None, bytes(media_type), filename).expect(media_type);
            let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(value[block]["format"], format, "{text}");
            assert_eq!(value[block]["source"]["bytes"], "QQ==", "{text}");
        }
        assert!(written(None, bytes("application/zip"), None).is_err());
        assert!(written(Some(Medium::Image), bytes("image/tiff"), None).is_err());
    }

    #[test]
    fn places_are_bytes_or_s3() {
        let text = MediaSource::Text { media_type: "text/plain".into(), text: "A".into() };
        let wanted = r#"{"document":{"name":"Document 1","format":"txt","source":{"bytes":"QQ=="}}}"#;
        assert_eq!(written(None, text, None).as_deref(), Ok(wanted));
        let film = MediaSource::Url("s3://bucket/a/film.mp4".into());
        let wanted = r#"{"video":{"format":"mp4","source":{"s3Location":{"uri":"s3://bucket/a/film.mp4"}}}}"#;
        assert_eq!(written(None, film, None).as_deref(), Ok(wanted));
        for refused in [MediaSource::Url("https://a/b.png".into()), MediaSource::FileId("file-1".into())] {
            assert!(written(Some(Medium::Image), refused, None).is_err());
        }
    }

    #[test]
    fn names_are_legal_and_unique() {
        let mut names = Names::default();
        let mut give = |wanted| names.give(wanted).to_owned();
        assert_eq!(give(Some("C:\\My  Files\\q3_report.v2.pdf")), "q3 report v2");
        assert_eq!(give(Some("q3_report.v2.md")), "q3 report v2 (2)");
        assert_eq!(give(None), "Document 1");
        assert_eq!(give(Some("..")), "Document 2");
        assert_eq!(give(Some("über.txt")), "ber");
        assert_eq!(give(Some(&"x".repeat(500))).len(), 194);
    }
}
