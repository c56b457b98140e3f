//! Parts, written to providers and to callers.
//!
//! A signature that stands before its part in the neutral middle goes back onto it: one taken from a text
//! onto the next text, one taken from a call onto the next call that brought none itself.

use super::super::fields;
use super::super::fields::ObjectWriter;
use super::super::media;
use super::NAME;
use super::signature;
use super::signature::Owner;
use super::signature::Signed;
use crate::chat::Extra;
use crate::chat::MediaSource;
use crate::chat::Part;
use crate::fault::Fault;
use crate::wire::json;
use std::collections::VecDeque;

/// Who reads what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// A provider: what it would refuse is refused here, or left out.
    Provider {
        /// It takes media inside the result of a tool.
        media_in_results: bool,
        /// It refuses calls that nobody signed.
        wants_signatures: bool,
    },
    /// A caller: foreign signatures are enclosed, and whatever has no word is left out.
    Caller,
}

/// The parts of one turn, being written as the items of a list.
pub(super) struct Parts<'a> {
    out: &'a mut Vec<u8>,
    audience: Audience,
    count: usize,
    calls: usize,
    text_signature: Option<String>,
    call_signatures: VecDeque<String>,
}

impl<'a> Parts<'a> {
    /// Items are appended to `out`, without the brackets around them.
    pub(super) fn new(out: &'a mut Vec<u8>, audience: Audience) -> Self {
        Parts { out, audience, count: 0, calls: 0, text_signature: None, call_signatures: VecDeque::new() }
    }

    /// How many were written.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Adds a part; `param` is where it stood. `name_of` tells which function a call's id belongs to.
    pub(super) fn add(
        &mut self,
        part: &Part,
        param: &str,
        name_of: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), Fault> {
        match part {
            Part::Text { text, extra, .. } => self.text(text, extra),
            Part::Refusal(text) => self.text(text, &[]),
            Part::Thinking { text, signature } => self.thinking(text, signature.as_deref()),
            Part::RedactedThinking { data } => {
                if self.audience == Audience::Caller {
                    let signature = signature::enclosed_redacted(data);
                    write_text("", true, Some(&signature), &[], self.next());
                }
            }
            Part::ToolCall { id, name, arguments, extra, .. } => self.call(id, name, arguments, extra),
            Part::ToolResult { .. } => self.result(part, param, name_of)?,
            Part::Image { source, extra, .. } => self.media(source, "image/jpeg", extra, param)?,
            Part::File { source, extra, .. } => self.media(source, "application/pdf", extra, param)?,
            Part::Audio { data, format } => write_audio(data, format, self.next()),
            Part::Opaque { dialect, json } if *dialect == NAME => self.next().extend_from_slice(json.0.as_bytes()),
            Part::Opaque { .. } if self.audience == Audience::Caller => {}
            Part::Opaque { .. } => return Err(fields::untranslatable(param, "a kind of content")),
        }
        Ok(())
    }

    /// A text's signature whose text never came stands on an empty one, as Gemini itself does it.
    pub(super) fn finish(&mut self) {
        if let Some(signature) = self.text_signature.take() {
            write_text("", false, Some(&signature), &[], self.next());
        }
    }

    fn next(&mut self) -> &mut Vec<u8> {
        if self.count > 0 {
            self.out.push(b',');
        }
        self.count += 1;
        self.out
    }

    fn text(&mut self, text: &str, extra: &[Extra]) {
        let signature = self.text_signature.take();
        write_text(text, false, signature.as_deref(), extra, self.next());
    }

    fn thinking(&mut self, text: &str, signature: Option<&str>) {
        let provider = self.audience != Audience::Caller;
        let signed = match signature.filter(|signature| !signature.is_empty()).map(signature::owner) {
            Some(Owner::Gemini(Signed::Thought, own)) => Some(own.to_owned()),
            Some(Owner::Gemini(Signed::Text, own)) => {
                self.finish();
                self.text_signature = Some(own.to_owned());
                None
            }
            Some(Owner::Gemini(Signed::Call, own)) => {
                self.call_signatures.push_back(own.to_owned());
                None
            }
            Some(Owner::Other(_)) if provider => None,
            Some(Owner::Other(other)) => Some(signature::enclosed(other)),
            None => None,
        };
        if !text.is_empty() || signed.is_some() {
            write_text(text, true, signed.as_deref(), &[], self.next());
        }
    }

    fn call(&mut self, id: &str, name: &str, arguments: &str, extra: &[Extra]) {
        let own = signature::of_call(extra);
        self.call_signatures.retain(|waiting| Some(waiting) != own.as_ref());
        let mut signature = own.or_else(|| self.call_signatures.pop_front());
        let wants_signatures = matches!(self.audience, Audience::Provider { wants_signatures: true, .. });
        // Of calls made at once only the first is signed.
        let stranger = fields::kept(extra, NAME, "thoughtSignature").is_none();
        if signature.is_none() && wants_signatures && stranger && self.calls == 0 {
            signature = Some(signature::NONE_EXPECTED.to_owned());
        }
        self.calls += 1;
        let arguments = fields::arguments_object(arguments);
        write_call(id, name, &arguments, signature.as_deref(), extra, self.next());
    }

    fn result(&mut self, part: &Part, param: &str, name_of: &dyn Fn(&str) -> Option<String>) -> Result<(), Fault> {
        let Part::ToolResult { call_id, parts, is_error, extra, .. } = part else {
            return Ok(());
        };
        let own_name = fields::kept(extra, NAME, "name").is_some();
        let missing = || Fault::bad_field(param, format!("`{param}` answers no tool call of this conversation"));
        let name = if own_name { None } else { Some(name_of(call_id).ok_or_else(missing)?) };
        let inside = matches!(self.audience, Audience::Provider { media_in_results: true, .. });
        let mut media = Vec::new();
        let mut beside = Parts::new(&mut media, self.audience);
        for part in parts.iter().filter(|part| result_text(part).is_none()) {
            beside.add(part, param, name_of)?;
        }
        let some = beside.count() > 0;
        self.next().extend_from_slice(b"{\"functionResponse\":");
        let mut writer = ObjectWriter::open(self.out, extra, NAME);
        writer.string("id", call_id);
        writer.optional_string("name", name.as_deref());
        if let Some(out) = writer.field("response") {
            write_response(parts, *is_error, out);
        }
        let kept = writer.is_kept("parts");
        if some
            && inside
            && let Some(out) = writer.field("parts")
        {
            out.push(b'[');
            out.extend_from_slice(&media);
            out.push(b']');
        }
        writer.close();
        self.out.push(b'}');
        if some && !inside && !kept {
            self.next().extend_from_slice(&media);
        }
        Ok(())
    }

    /// `usual` is what an address means that does not say what is there.
    fn media(&mut self, source: &MediaSource, usual: &str, extra: &[Extra], param: &str) -> Result<(), Fault> {
        if let MediaSource::Text { text, .. } = source {
            match fields::kept(extra, NAME, "inlineData") {
                Some(_) => ObjectWriter::open(self.next(), extra, NAME).close(),
                None => self.text(text, &[]),
            }
            return Ok(());
        }
        let mut written = Vec::new();
        match write_media(source, usual, extra, &mut written) {
            Ok(()) => self.next().extend_from_slice(&written),
            Err(what) if self.audience != Audience::Caller => return Err(fields::untranslatable(param, what)),
            Err(_) => {}
        }
        Ok(())
    }
}

/// The words of a part of a tool's result.
fn result_text(part: &Part) -> Option<&str> {
    match part {
        Part::Text { text, .. } | Part::File { source: MediaSource::Text { text, .. }, .. } => Some(text),
        _ => None,
    }
}

/// A result must be an object: one is sent as it is, other words are wrapped as Google's SDKs do it.
fn write_response(parts: &[Part], is_error: bool, out: &mut Vec<u8>) {
    let text: String = parts.iter().filter_map(result_text).collect();
    let wrapping = match is_error {
        true => &b"{\"error\":"[..],
        false if fields::is_json_object(&text) => return out.extend_from_slice(text.trim().as_bytes()),
        false => b"{\"output\":",
    };
    out.extend_from_slice(wrapping);
    json::write_string(&text, out);
    out.push(b'}');
}

/// Writes a text or a thought.
pub(super) fn write_text(text: &str, thought: bool, signature: Option<&str>, extra: &[Extra], out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, extra, NAME);
    writer.string("text", text);
    if thought {
        writer.boolean("thought", true);
    }
    writer.optional_string("thoughtSignature", signature);
    writer.close();
}

/// Writes a call; `arguments` are an object or nothing.
pub(super) fn write_call(
    id: &str,
    name: &str,
    arguments: &str,
    signature: Option<&str>,
    extra: &[Extra],
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"functionCall\":");
    let mut writer = ObjectWriter::open(out, extra, NAME);
    writer.optional_string("id", Some(id).filter(|id| !id.is_empty()));
    writer.string("name", name);
    writer.text("args", if arguments.is_empty() { "{}" } else { arguments });
    writer.close();
    if let Some(signature) = signature {
        out.extend_from_slice(b",\"thoughtSignature\":");
        json::write_string(signature, out);
    }
    out.push(b'}');
}

fn write_audio(data: &str, format: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"inlineData\":");
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.string("mimeType", &format!("audio/{format}"));
    writer.string("data", data);
    writer.close();
    out.push(b'}');
}

fn write_media(source: &MediaSource, usual: &str, extra: &[Extra], out: &mut Vec<u8>) -> Result<(), &'static str> {
    let mut part = ObjectWriter::open(out, extra, NAME);
    match source {
        MediaSource::Base64 { media_type, data } => {
            if let Some(out) = part.field("inlineData") {
                let mut inner = ObjectWriter::open_scope(out, extra, NAME, "source/");
                inner.string("mimeType", &media::registered(media_type));
                inner.string("data", data);
                inner.close();
            }
        }
        MediaSource::Url(url) if url.starts_with("data:") => return Err("a data URL that is not plain base64"),
        MediaSource::FileId(id) if !is_own_file(id) => return Err("a file uploaded to another provider"),
        MediaSource::Url(uri) | MediaSource::FileId(uri) => {
            if let Some(out) = part.field("fileData") {
                let mut inner = ObjectWriter::open_scope(out, extra, NAME, "source/");
                inner.string("mimeType", media_type_of(uri).unwrap_or(usual));
                inner.string("fileUri", uri);
                inner.close();
            }
        }
        MediaSource::Text { .. } => return Err("a text in the place of a file"),
    }
    part.close();
    Ok(())
}

fn is_own_file(id: &str) -> bool {
    id.starts_with("gs://") || id.starts_with("https://generativelanguage.googleapis.com/")
}

/// What an address ends with; Google wants to be told.
fn media_type_of(uri: &str) -> Option<&'static str> {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let extension = path.rsplit('/').next()?.rsplit_once('.')?.1.to_ascii_lowercase();
    Some(match extension.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "pdf" => "application/pdf",
        "txt" | "md" => "text/plain",
        "html" | "htm" => "text/html",
        "csv" => "text/csv",
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use serde_json::json;

    const PROVIDER: Audience = Audience::Provider { media_in_results: false, wants_signatures: true };

    fn written(parts: &[Part], audience: Audience) -> Result<Value, Fault> {
        let mut out = b"[".to_vec();
        let mut writer = Parts::new(&mut out, audience);
        let names = |id: &str| (id == "c").then(|| "f".to_owned());
        for part in parts {
            writer.add(part, "messages[0].content", &names)?;
        }
        writer.finish();
        out.push(b']');
        Ok(serde_json::from_slice(&out).expect("valid JSON"))
    }

    fn call(id: &str, extra: Vec<Extra>) -> Part {
        Part::ToolCall { id: id.into(), name: "f".into(), arguments: "{}".into(), cache_marker: None, extra }
    }

    fn thinking(text: &str, signature: &str) -> Part {
        Part::Thinking { text: text.into(), signature: Some(signature.into()) }
    }

    #[test]
    fn signatures_go_back_onto_their_parts() {
        let text = super::super::part::plain_text("hi");
        let said =
            [thinking("hm", "gemini-text:T"), thinking("", "gemini:C"), text, call("a", vec![]), call("b", vec![])];
        let wanted = json!([
            {"text": "hm", "thought": true},
            {"text": "hi", "thoughtSignature": "T"},
            {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "C"},
            {"functionCall": {"id": "b", "name": "f", "args": {}}},
        ]);
        assert_eq!(written(&said, PROVIDER), Ok(wanted));
        let own = [thinking("", "gemini:C"), call("a", vec![signature::extra_content("C")])];
        let wanted = json!([{"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "C"}]);
        assert_eq!(written(&own, PROVIDER), Ok(wanted));
        assert_eq!(
            written(&[thinking("", "gemini-text:T")], PROVIDER),
            Ok(json!([{"text": "", "thoughtSignature": "T"}]))
        );
    }

    #[test]
    fn calls_of_other_models_say_that_nobody_signed_them() {
        let strangers = written(&[call("a", vec![]), call("b", vec![])], PROVIDER).expect("expressible");
        assert_eq!(strangers[0]["thoughtSignature"], signature::NONE_EXPECTED);
        assert!(strangers[1].get("thoughtSignature").is_none());
        let older = Audience::Provider { media_in_results: false, wants_signatures: false };
        assert!(written(&[call("a", vec![])], older).expect("expressible")[0].get("thoughtSignature").is_none());
    }

    #[test]
    fn foreign_signatures_are_kept_for_callers_and_from_providers() {
        let foreign = [thinking("hm", "EqQB+/=="), Part::RedactedThinking { data: "r".into() }];
        assert_eq!(written(&foreign, PROVIDER), Ok(json!([{"text": "hm", "thought": true}])));
        let wanted = json!([
            {"text": "hm", "thought": true, "thoughtSignature": signature::enclosed("EqQB+/==")},
            {"text": "", "thought": true, "thoughtSignature": signature::enclosed_redacted("r")},
        ]);
        assert_eq!(written(&foreign, Audience::Caller), Ok(wanted));
    }

    #[test]
    fn results_are_objects_and_their_pictures_go_where_they_are_taken() {
        let picture = Part::Image {
            source: MediaSource::Base64 { media_type: "image/png".into(), data: "eA==".into() },
            detail: None,
            cache_marker: None,
            extra: vec![],
        };
        let result = |text: &str, is_error, more: Vec<Part>| Part::ToolResult {
            call_id: "c".into(),
            parts: [vec![super::super::part::plain_text(text)], more].concat(),
            is_error,
            plain: true,
            cache_marker: None,
            extra: vec![],
        };
        for (part, response) in [
            (result("fine", false, vec![]), json!({"output": "fine"})),
            (result(" {\"a\": 1} ", false, vec![]), json!({"a": 1})),
            (result("no", true, vec![]), json!({"error": "no"})),
        ] {
            let wanted = json!([{"functionResponse": {"id": "c", "name": "f", "response": response}}]);
            assert_eq!(written(&[part], PROVIDER), Ok(wanted));
        }
        let inside = Audience::Provider { media_in_results: true, wants_signatures: true };
        let media = json!({"inlineData": {"mimeType": "image/png", "data": "eA=="}});
        let with_picture = [result("x", false, vec![picture])];
        let beside = written(&with_picture, PROVIDER).expect("expressible");
        assert_eq!((&beside[1], beside.as_array().expect("a list").len()), (&media, 2));
        assert_eq!(
            written(&with_picture, inside).expect("expressible")[0]["functionResponse"]["parts"],
            json!([media])
        );
        let orphan = Part::ToolResult {
            call_id: "nobody".into(),
            parts: vec![],
            is_error: false,
            plain: true,
            cache_marker: None,
            extra: vec![],
        };
        assert!(written(&[orphan], PROVIDER).is_err());
    }
}
