//! A glance at a JSON object that flows by: a few of its own fields, whatever its size.
//!
//! Answers that only pass through may be a file of a gigabyte. What is worth knowing of them (an id,
//! usage) stands at their top level, so every byte is looked at once, nothing is kept but the few values
//! asked for, and no byte is waited for. It does not judge whether the text is valid JSON: of one that
//! is not, the fields found are worth nothing, and nothing depends on them but accounts.

use memchr::memchr2;

/// Longest value that is kept, bytes; of a longer one nothing is.
const VALUE_BYTES_MAX: usize = 8 * 1024;
/// Longest key that can be asked for, bytes.
const KEY_BYTES_MAX: usize = 64;

/// Watches for fields of one object.
#[derive(Clone, Debug)]
pub struct Glance {
    wanted: &'static [&'static str],
    found: Vec<(&'static str, Vec<u8>)>,
    /// Arrays and objects that are open.
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// The string being read is a key of the object itself.
    in_key: bool,
    key: Vec<u8>,
    /// Which field the value being read belongs to, where it is wanted.
    capturing: Option<&'static str>,
    value: Vec<u8>,
    over: bool,
}

impl Glance {
    /// For the fields called `wanted`.
    pub fn new(wanted: &'static [&'static str]) -> Self {
        Glance {
            wanted,
            found: Vec::new(),
            depth: 0,
            in_string: false,
            escaped: false,
            in_key: false,
            key: Vec::new(),
            capturing: None,
            value: Vec::new(),
            over: false,
        }
    }

    /// Looks at the next bytes of the text.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let (Some((&byte, after)), false) = (rest.split_first(), self.over) {
            if self.in_string && !self.escaped && !self.in_key && self.capturing.is_none() {
                // The inside of a long string that nobody wants goes by in one step.
                let Some(end) = memchr2(b'"', b'\\', rest) else { return };
                self.string_byte(rest[end]);
                rest = &rest[end + 1..];
                continue;
            }
            if self.in_string {
                self.string_byte(byte)
            } else {
                self.structure_byte(byte)
            }
            rest = after;
        }
    }

    /// The JSON text of a field's value, once it was seen to its end.
    pub fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.found.iter().find(|(found, _)| *found == name)?;
        std::str::from_utf8(value).ok()
    }

    /// The characters of a field's value that is a string written without escapes.
    pub fn string(&self, name: &str) -> Option<&str> {
        let text = self.value(name)?.strip_prefix('"')?.strip_suffix('"')?;
        (!text.contains('\\')).then_some(text)
    }

    fn string_byte(&mut self, byte: u8) {
        let ends = byte == b'"' && !self.escaped;
        self.escaped = byte == b'\\' && !self.escaped;
        if self.in_key && !ends {
            if self.key.len() <= KEY_BYTES_MAX {
                self.key.push(byte);
            }
        } else {
            self.keep(byte);
        }
        if ends {
            self.in_string = false;
            self.in_key = false;
        }
    }

    fn structure_byte(&mut self, byte: u8) {
        match byte {
            b'"' => {
                self.in_string = true;
                self.in_key = self.depth == 1 && self.key_may_follow();
                if self.in_key { self.key.clear() } else { self.keep(byte) }
            }
            b'{' | b'[' => {
                self.over |= self.depth == 0 && byte == b'[';
                self.depth += 1;
                if self.depth > 1 {
                    self.keep(byte);
                }
            }
            b'}' | b']' => {
                if self.depth > 1 {
                    self.keep(byte);
                }
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.finish_value();
                    self.over = true;
                }
            }
            b':' if self.depth == 1 => self.begin_value(),
            b',' if self.depth == 1 => self.finish_value(),
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => self.keep(byte),
        }
    }

    fn key_may_follow(&self) -> bool {
        self.capturing.is_none() && self.key.is_empty()
    }

    fn begin_value(&mut self) {
        self.capturing = self.wanted.iter().copied().find(|name| name.as_bytes() == self.key);
        self.value.clear();
    }

    fn finish_value(&mut self) {
        if let Some(name) = self.capturing.take() {
            self.found.push((name, std::mem::take(&mut self.value)));
        }
        self.key.clear();
    }

    fn keep(&mut self, byte: u8) {
        if self.capturing.is_none() {
            return;
        }
        if self.value.len() >= VALUE_BYTES_MAX {
            self.capturing = None;
            self.value = Vec::new();
            return;
        }
        self.value.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: &[&str] = &["id", "usage"];

    fn seen(pieces: &[&[u8]]) -> [Option<String>; 2] {
        let mut glance = Glance::new(WANTED);
        pieces.iter().for_each(|piece| glance.feed(piece));
        WANTED.iter().map(|name| glance.value(name).map(str::to_owned)).collect::<Vec<_>>().try_into().expect("two")
    }

    #[test]
    fn fields_of_the_object_itself_are_found() {
        for (text, id, usage) in [
            (r#"{"id":"a","usage":{"x":[1,2]}}"#, Some(r#""a""#), Some(r#"{"x":[1,2]}"#)),
            (r#" { "data" : [ {"id":"inner"} ] , "usage" : { "a" : 1 } , "id" : 7 } "#, Some("7"), Some(r#"{"a":1}"#)),
            (r#"{"x":"\"id\":\"no\"","id":"y\"es"}"#, Some(r#""y\"es""#), None),
            (r#"{"x":"id","y":["id"],"z":{"id":1}}"#, None, None),
            (r#"{"":"id","id":null}"#, Some("null"), None),
            (r#"[{"id":"a"}]"#, None, None),
            (r#""id""#, None, None),
            (r#"{"id":"cut"#, None, None),
            (r#"{"id":"a"}{"usage":1}"#, Some(r#""a""#), None),
            (r#"{"usage":true}"#, None, Some("true")),
        ] {
            assert_eq!(seen(&[text.as_bytes()]), [id.map(str::to_owned), usage.map(str::to_owned)], "{text}");
        }
    }

    #[test]
    fn strings_are_given_only_where_they_are_plain() {
        let mut glance = Glance::new(WANTED);
        glance.feed(br#"{"id":"file-1","usage":"a\nb"}"#);
        assert_eq!((glance.string("id"), glance.string("usage")), (Some("file-1"), None));
    }

    #[test]
    fn a_long_value_is_let_go() {
        let text = format!(r#"{{"usage":"{}","id":"a"}}"#, "x".repeat(VALUE_BYTES_MAX));
        assert_eq!(seen(&[text.as_bytes()]), [Some(r#""a""#.to_owned()), None]);
        let key = format!(r#"{{"{}":1,"id":"a"}}"#, "id".repeat(KEY_BYTES_MAX));
        assert_eq!(seen(&[key.as_bytes()])[0], Some(r#""a""#.to_owned()));
    }
}
