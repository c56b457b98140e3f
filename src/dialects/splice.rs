//! A request that passes through: the caller's bytes with a few values replaced.
//!
//! Providers hash prompt prefixes, and signatures and unknown fields must survive to the byte, so
//! nothing is written anew but what changes. What that is, is said here; it is written by who sends it.
//! Where a value stands is told by the addresses of parsed strings: unescaping happens in place, so the
//! distance between two strings is the same in the parsed copy and in the original. A body where that
//! cannot be told for certain (a model or key name written with escapes) is written anew as a whole, in the
//! same order.

use crate::wire::edits::Edit;
use crate::wire::edits::Edited;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use std::borrow::Cow;
use std::ops::Range;

const WITH_USAGE: &str = "\"stream_options\":{\"include_usage\":true}";

/// `raw` with the value of `model` replaced and, if `inject_usage`, with `stream_options.include_usage` set
/// to true.
pub(super) fn splice<'r, 't>(
    raw: &'r [u8],
    body: Value<'_, '_>,
    model: impl Into<Cow<'t, str>>,
    inject_usage: bool,
) -> Edited<'r, 't> {
    let model = model.into();
    let mut edited = Edited::from(raw);
    let Some(object) = body.as_object() else { return edited };
    let found = Places::of(raw, &object).and_then(|places| {
        let model_at = places.characters(&object, "model")?;
        let usage = if inject_usage { Some(places.usage(&object)?) } else { None };
        Some((model_at, usage))
    });
    let Some((model_at, usage)) = found else {
        return write_anew(&object, &model, inject_usage, raw.len()).into();
    };
    edited.amend([Edit { at: model_at, text: json::escaped(model) }]);
    edited.amend(usage);
    edited
}

/// Where `"key": 123` of the top level has its digits (a number of another notation has none that can be exchanged), in a text whose keys and strings were parsed as
/// `object`.
pub(super) fn digits_of(raw: &[u8], object: &JsonObject<'_, '_>, name: &str) -> Option<Range<usize>> {
    let places = Places::of(raw, object)?;
    let start = places.value_start(object, name)?;
    let digits = raw[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let goes_on = raw.get(start + digits).is_some_and(|byte| matches!(byte, b'.' | b'e' | b'E'));
    (digits > 0 && !goes_on).then_some(start..start + digits)
}

/// Where the characters of the top-level string `name` stand, quotes excluded.
pub(super) fn characters_of(raw: &[u8], object: &JsonObject<'_, '_>, name: &str) -> Option<Range<usize>> {
    Places::of(raw, object)?.characters(object, name)
}

/// Finds values of `raw` by the addresses of strings in its parsed copy.
struct Places<'raw> {
    raw: &'raw [u8],
    copy_base: usize,
}

impl<'raw> Places<'raw> {
    /// The copy's address follows from its first key, which is the first string of the text.
    fn of(raw: &'raw [u8], object: &JsonObject<'_, '_>) -> Option<Self> {
        let first = object.keys().next()?;
        let offset = memchr::memchr(b'"', raw)? + 1;
        let copy_base = (first.as_ptr() as usize).checked_sub(offset)?;
        Some(Places { raw, copy_base })
    }

    fn span(&self, text: &str) -> Option<Range<usize>> {
        json::span_of(self.raw, self.copy_base, text)
    }

    fn key(&self, object: &JsonObject<'_, '_>, name: &str) -> Option<Range<usize>> {
        self.span(object.keys().find(|key| *key == name)?)
    }

    /// The characters of a string value.
    fn characters(&self, object: &JsonObject<'_, '_>, name: &str) -> Option<Range<usize>> {
        self.span(object.get(name)?.as_str()?)
    }

    /// Where the value of `name` begins.
    fn value_start(&self, object: &JsonObject<'_, '_>, name: &str) -> Option<usize> {
        let after_key = self.key(object, name)?.end + 1;
        let colon = self.after_space(after_key);
        (self.raw.get(colon) == Some(&b':')).then(|| self.after_space(colon + 1))
    }

    fn after_space(&self, from: usize) -> usize {
        let space = |byte: &&u8| matches!(**byte, b' ' | b'\t' | b'\n' | b'\r');
        from + self.raw[from..].iter().take_while(space).count()
    }

    /// The edit that asks for usage.
    fn usage(&self, object: &JsonObject<'_, '_>) -> Option<Edit<'static>> {
        const INCLUDE: &str = "\"include_usage\":true";
        let edit = |at, text| Edit { at, text: Cow::Borrowed(text) };
        let Some(options) = object.get("stream_options") else {
            let open = memchr::memchr(b'{', self.raw)? + 1;
            return Some(edit(open..open, "\"stream_options\":{\"include_usage\":true},"));
        };
        let start = self.value_start(object, "stream_options")?;
        let Some(options) = options.as_object() else {
            return self.literal(start).map(|literal| edit(literal, "{\"include_usage\":true}"));
        };
        if options.get("include_usage").is_some() {
            let value = self.value_start(&options, "include_usage")?;
            return self.literal(value).map(|literal| edit(literal, "true"));
        }
        let inside = start + 1..start + 1;
        Some(edit(inside, if options.is_empty() { INCLUDE } else { "\"include_usage\":true," }))
    }

    /// `null`, `false` or `true` at `start`; nothing else is replaced.
    fn literal(&self, start: usize) -> Option<Range<usize>> {
        let found =
            ["null", "false", "true"].into_iter().find(|word| self.raw[start..].starts_with(word.as_bytes()))?;
        Some(start..start + found.len())
    }
}

fn write_anew(object: &JsonObject<'_, '_>, model: &str, inject_usage: bool, raw_bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw_bytes + model.len() + WITH_USAGE.len());
    out.push(b'{');
    for (place, (key, value)) in object.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        if key == "stream_options" && inject_usage {
            write_options(value, &mut out);
            continue;
        }
        json::write_string(key, &mut out);
        out.push(b':');
        if key == "model" {
            json::write_string(model, &mut out);
        } else {
            json::write_value(value, &mut out);
        }
    }
    if inject_usage && object.get("stream_options").is_none() {
        out.push(b',');
        out.extend_from_slice(WITH_USAGE.as_bytes());
    }
    out.push(b'}');
    out
}

fn write_options(options: Value<'_, '_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&WITH_USAGE.as_bytes()[..WITH_USAGE.len() - 1]);
    if let Some(options) = options.as_object() {
        for (key, value) in options.iter().filter(|(key, _)| *key != "include_usage") {
            out.push(b',');
            json::write_string(key, out);
            out.push(b':');
            json::write_value(value, out);
        }
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn spliced(raw: &str, model: &str, inject: bool) -> String {
        let mut copy = raw.as_bytes().to_vec();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("valid");
        let mut out = Vec::new();
        splice(raw.as_bytes(), tape.as_value(), model, inject).write(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn only_the_model_changes() {
        let raw = " {\n \"messages\" : [{\"model\":\"a\", \"x\":\"\\u00e9\\n\"}] , \"model\" :\t\"a\",\"n\":1.0}\n";
        let wanted =
            " {\n \"messages\" : [{\"model\":\"a\", \"x\":\"\\u00e9\\n\"}] , \"model\" :\t\"b\\\"c\",\"n\":1.0}\n";
        assert_eq!(spliced(raw, "b\"c", false), wanted);
    }

    #[test]
    fn usage_is_injected_whatever_stood_there() {
        for (options, wanted) in [
            ("", r#"{"stream_options":{"include_usage":true},"model":"b"}"#),
            (r#","stream_options":null"#, r#"{"model":"b","stream_options":{"include_usage":true}}"#),
            (r#","stream_options": { }"#, r#"{"model":"b","stream_options": {"include_usage":true }}"#),
            (
                r#","stream_options":{"a":1,"include_usage" : false }"#,
                r#"{"model":"b","stream_options":{"a":1,"include_usage" : true }}"#,
            ),
            (r#","stream_options":{"include_usage":null}"#, r#"{"model":"b","stream_options":{"include_usage":true}}"#),
            (r#","stream_options":{ "a":1}"#, r#"{"model":"b","stream_options":{"include_usage":true, "a":1}}"#),
        ] {
            assert_eq!(spliced(&format!("{{\"model\":\"a\"{options}}}"), "b", true), wanted);
        }
        let before = r#"{"stream_options":{"include_usage":false},"model":"a"}"#;
        assert_eq!(spliced(before, "bb", true), r#"{"stream_options":{"include_usage":true},"model":"bb"}"#);
    }

    #[test]
    fn escaped_names_are_written_anew() {
        assert_eq!(spliced(r#"{ "model":"\u0061", "n": 1 }"#, "b", false), r#"{"model":"b","n":1}"#);
        assert_eq!(
            spliced(r#"{"model":"a","stream_options":{"x":2,"include_\u0075sage":false}}"#, "b", true),
            r#"{"model":"b","stream_options":{"include_usage":true,"x":2}}"#
        );
        assert_eq!(
            spliced(r#"{"mod\u0065l":"a\n"}"#, "b", true),
            r#"{"model":"b","stream_options":{"include_usage":true}}"#
        );
    }

    #[test]
    fn a_first_key_with_escapes_moves_nothing() {
        assert_eq!(spliced(r#"{"\u0061b":1,"model":"a"}"#, "b", false), r#"{"\u0061b":1,"model":"b"}"#);
    }
}
