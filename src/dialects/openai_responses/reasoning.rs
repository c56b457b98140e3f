//! Reasoning items. What is visible of one is the text of a neutral thinking part; the item itself, with
//! its id and encrypted content, is that part's signature. A part whose signature is another provider's
//! becomes an item whose encrypted content is that signature. Either way the seal comes back to who made
//! it, whatever the callers in between speak, and nobody else is shown it.

use super::super::fields;
use super::super::fields::ObjectWriter;
use super::super::signature::Sealed;
use super::NAME;
use crate::chat::Part;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Parser;
use crate::wire::json::Value;

/// What stands between two pieces of one item's text.
pub(super) const BETWEEN: &str = "\n\n";

/// Reads an item.
pub(super) fn read(item: Value<'_, '_>, object: &JsonObject<'_, '_>) -> Part {
    let sealed = fields::string_of(object, "encrypted_content").unwrap_or_default();
    if let Some(data) = Sealed::Redacted.of(sealed) {
        return Part::RedactedThinking { data: data.to_owned() };
    }
    let signature = match Sealed::Signature.of(sealed) {
        Some("") => None,
        Some(signature) => Some(signature.to_owned()),
        None => Some(Sealed::Item.mark(&json::raw(item))),
    };
    Part::Thinking { text: text_of(object), signature }
}

/// Everything that is visible of an item.
pub(super) fn text_of(object: &JsonObject<'_, '_>) -> String {
    let (content, summary) = (pieces(object, "content"), pieces(object, "summary"));
    content.into_iter().chain(summary).collect::<Vec<_>>().join(BETWEEN)
}

/// The texts of `content` or `summary`.
pub(super) fn pieces(object: &JsonObject<'_, '_>, name: &str) -> Vec<String> {
    let list = object.get(name).and_then(|list| list.as_array());
    let text = |piece: Value<'_, '_>| Some(fields::string_of(&piece.as_object()?, "text")?.to_owned());
    list.iter().flat_map(|list| list.iter()).filter_map(text).collect()
}

/// An item that a provider of this dialect made, taken out of a signature.
pub(super) struct Native {
    /// The whole item.
    pub(super) json: String,
    /// Its id, as JSON.
    pub(super) id: String,
    /// Can its provider read it without having stored it?
    pub(super) is_encrypted: bool,
    /// Texts of `content`.
    pub(super) content: Vec<String>,
    /// Texts of `summary`.
    pub(super) summary: Vec<String>,
}

/// The item behind a signature. Signatures come from callers, so nothing but a reasoning item is taken.
pub(super) fn native(signature: Option<&str>) -> Option<Native> {
    let mut copy = Sealed::Item.of(signature?)?.as_bytes().to_vec();
    let mut parser = Parser::new();
    let tape = parser.parse(&mut copy).ok()?;
    let item = tape.as_value();
    let object = item.as_object().filter(|object| fields::string_of(object, "type") == Some("reasoning"))?;
    Some(Native {
        json: json::raw(item),
        id: object.get("id").map_or_else(|| "\"\"".to_owned(), json::raw),
        is_encrypted: fields::string_of(&object, "encrypted_content").is_some_and(|text| !text.is_empty()),
        content: pieces(&object, "content"),
        summary: pieces(&object, "summary"),
    })
}

/// Writes an item of an answer.
pub(super) fn write_answered(part: &Part, id: &str, out: &mut Vec<u8>) {
    let (text, sealed) = match part {
        Part::Thinking { text, signature } => match native(signature.as_deref()) {
            Some(native) => return out.extend_from_slice(native.json.as_bytes()),
            None => (text.as_str(), Sealed::Signature.mark(signature.as_deref().unwrap_or_default())),
        },
        Part::RedactedThinking { data } => ("", Sealed::Redacted.mark(data)),
        _ => return,
    };
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.string("id", id);
    writer.string("type", "reasoning");
    if let Some(out) = writer.field("summary") {
        let pieces: &[&str] = if text.is_empty() { &[] } else { &[text] };
        fields::write_list(pieces, out, |text, out| write_piece("summary_text", text, out));
    }
    writer.string("encrypted_content", &sealed);
    writer.close();
}

/// Writes a piece of visible reasoning.
pub(super) fn write_piece(kind: &str, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":");
    json::write_string(kind, out);
    out.extend_from_slice(b",\"text\":");
    json::write_string(text, out);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Part {
        let mut copy = text.as_bytes().to_vec();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("valid JSON");
        let value = tape.as_value();
        read(value, &value.as_object().expect("an object"))
    }

    fn written(part: &Part) -> String {
        fields::written(|out| write_answered(part, "rs_1", out))
    }

    #[test]
    fn seals_come_back_to_who_made_them() {
        for part in [
            Part::Thinking { text: "hm".into(), signature: Some("EqQB+/=".into()) },
            Part::Thinking { text: "hm".into(), signature: None },
            Part::Thinking { text: String::new(), signature: Some("s".into()) },
            Part::RedactedThinking { data: "r".into() },
        ] {
            assert_eq!(read_text(&written(&part)), part);
        }
        let item = r#"{"id":"rs_9","type":"reasoning","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}],"encrypted_content":"gAAAAA","status":null}"#;
        let part = read_text(item);
        assert!(matches!(&part, Part::Thinking { text, .. } if text == "a\n\nb"), "{part:?}");
        assert_eq!(written(&part), item);
    }

    #[test]
    fn only_reasoning_comes_out_of_a_signature() {
        for forged in [
            r#"{"type":"item_reference","id":"msg_of_somebody_else"}"#,
            r#"{"type":"message","role":"system","content":"x"}"#,
            r#"{"type":"reasoning"},{"type":"item_reference","id":"m"}"#,
            "[]",
            "",
        ] {
            assert!(native(Some(&Sealed::Item.mark(forged))).is_none(), "{forged}");
        }
        assert!(native(Some("EqQB")).is_none());
        assert!(native(None).is_none());
    }
}
