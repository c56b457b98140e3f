//! JSON: one bounded parse per body, and a writer for what we say ourselves.
//!
//! simd-json destroys its input, so the caller's bytes are copied into a scratch first; the copy is
//! what strings borrow from and the original is what passes through. simd-json bounds the depth;
//! values are counted and duplicate keys refused here: two readers of one body must never see two
//! requests, and a body must not buy twelve times its size in memory. Memory that an unusually large
//! body needed is given back after it.

use hashbrown::HashTable;
use memchr::memchr;
use simd_json::Buffers;
use simd_json::ErrorType;
use simd_json::INPUT_PADDING;
use simd_json::Node;
use simd_json::StaticNode;
use simd_json::value::tape::{Array, Object, Tape};
use std::borrow::Cow;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::io::Write;
use std::ops::Range;

pub use simd_json::prelude::{
    TypedArrayValue, TypedObjectValue, TypedScalarValue, TypedValue, ValueAsScalar, ValueIntoString,
};

/// A parsed value; strings borrow from the scratch.
pub type Value<'tape, 'input> = simd_json::value::tape::Value<'tape, 'input>;
/// A parsed object.
pub type JsonObject<'tape, 'input> = Object<'tape, 'input>;
/// A parsed array.
pub type JsonArray<'tape, 'input> = Array<'tape, 'input>;

/// Deepest nesting accepted.
pub const DEPTH_MAX: usize = 128;
/// Most structural characters (`,` `:` and brackets outside strings) accepted in one text; each value
/// takes 24 bytes of tape, so this bounds the tape at about 24 MiB.
pub const STRUCTURE_MAX: usize = 1 << 20;
/// Texts up to this size leave their parser memory to the next one, in bytes.
const RETAINED_TEXT_BYTES: usize = 1 << 20;
/// Largest tape kept for the next text, in values.
const RETAINED_VALUES: usize = 1 << 16;
/// Objects up to this many keys are checked pairwise, which needs no hashing.
const PAIRWISE_KEYS: usize = 16;

/// Why a text is not acceptable JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFault {
    /// Not JSON (syntax, UTF-8, lone surrogate, NaN), or a number that no 64-bit type can hold.
    Invalid,
    /// Nested deeper than [`DEPTH_MAX`].
    TooDeep,
    /// More structure than [`STRUCTURE_MAX`].
    TooMany,
    /// An object names a key twice.
    DuplicateKey,
}

impl JsonFault {
    /// For the caller: what is wrong with the body.
    pub fn message(self) -> &'static str {
        match self {
            JsonFault::Invalid => "the body is not valid JSON",
            JsonFault::TooDeep => "the body nests arrays and objects more than 128 deep",
            JsonFault::TooMany => "the body holds more than a million values",
            JsonFault::DuplicateKey => "the body names a key of one object twice",
        }
    }
}

/// Parser memory that is reused from body to body.
pub struct Parser {
    buffers: Buffers,
    tape: Tape<'static>,
    copy_base: usize,
    keys: KeyCheck,
}

impl Default for Parser {
    fn default() -> Self {
        Parser::new()
    }
}

impl Parser {
    /// A parser that has allocated nothing worth mentioning yet.
    pub fn new() -> Self {
        Parser { buffers: fresh_buffers(), tape: Tape(Vec::new()), copy_base: 0, keys: KeyCheck::new() }
    }

    /// Parses the text in `copy`, which grows by the padding simd-json wants and whose strings are
    /// unescaped in place. Hand the tape to [`Parser::recycle`] when done with it.
    pub fn parse<'input>(&mut self, copy: &'input mut Vec<u8>) -> Result<Tape<'input>, JsonFault> {
        let text_bytes = copy.len();
        if text_bytes > STRUCTURE_MAX && too_much_structure(copy) {
            return Err(JsonFault::TooMany);
        }
        copy.resize(text_bytes + INPUT_PADDING, b' ');
        self.copy_base = copy.as_ptr() as usize;
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape_padded(copy, text_bytes, &mut self.buffers, &mut tape);
        if text_bytes > RETAINED_TEXT_BYTES {
            self.buffers = fresh_buffers();
        }
        let judged = match parsed {
            Ok(()) => self.keys.judge(&tape.0),
            Err(error) if *error.error() == ErrorType::DepthLimitExceeded => Err(JsonFault::TooDeep),
            Err(_) => Err(JsonFault::Invalid),
        };
        if let Err(fault) = judged {
            self.recycle(tape);
            return Err(fault);
        }
        Ok(tape)
    }

    /// Gives the tape's memory back for the next body.
    pub fn recycle(&mut self, tape: Tape<'_>) {
        if tape.0.capacity() <= RETAINED_VALUES {
            self.tape = tape.reset();
        }
    }

    /// The address at which the text of the last parse began, for [`span_of`]. It cannot be taken from
    /// the copy itself, which may move while it grows and is borrowed afterwards.
    pub fn copy_base(&self) -> usize {
        self.copy_base
    }
}

/// Where the text of `text` (a string of a parse of a copy of `raw`) stands in `raw`, quotes excluded.
/// None if it cannot be told for certain, which includes every string written with escapes.
pub fn span_of(raw: &[u8], copy_base: usize, text: &str) -> Option<Range<usize>> {
    // Strings are unescaped where they stand, so one begins at the same offset in both.
    let start = (text.as_ptr() as usize).checked_sub(copy_base)?;
    let end = start.checked_add(text.len())?;
    let quoted = start.checked_sub(1).and_then(|open| raw.get(open)) == Some(&b'"') && raw.get(end) == Some(&b'"');
    let same = raw.get(start..end)? == text.as_bytes() && memchr(b'\\', text.as_bytes()).is_none();
    (quoted && same).then_some(start..end)
}

/// Appends `value` compactly, keys in their order.
pub fn write_value(value: Value<'_, '_>, out: &mut Vec<u8>) {
    if let Some(text) = value.as_str() {
        write_string(text, out);
    } else if let Some(object) = value.as_object() {
        write_object(&object, out);
    } else if let Some(array) = value.as_array() {
        write_array(&array, out);
    } else {
        write_scalar(value, out);
    }
}

/// `value` as compact JSON text.
pub fn raw(value: Value<'_, '_>) -> String {
    let mut out = Vec::new();
    write_value(value, &mut out);
    String::from_utf8(out).expect("what we write is UTF-8, because strings are")
}

/// Appends `text` to `copy`, which is to be parsed, with the room that this takes behind it: a long copy that
/// grew only then would be copied once more.
pub fn copy_to_parse(text: &[u8], copy: &mut Vec<u8>) {
    copy.reserve(text.len() + INPUT_PADDING);
    copy.extend_from_slice(text);
}

/// `text` escaped, as it stands between quotes.
pub fn escaped(text: Cow<'_, str>) -> Cow<'_, str> {
    if clean_prefix(text.as_bytes()) == text.len() {
        return text;
    }
    let mut quoted = Vec::new();
    write_string(&text, &mut quoted);
    let quoted = String::from_utf8(quoted).expect("what we write is UTF-8, because strings are");
    Cow::Owned(quoted[1..quoted.len() - 1].to_owned())
}

/// Appends `text` quoted and escaped.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 2);
    out.push(b'"');
    loop {
        let clean = clean_prefix(rest);
        out.extend_from_slice(&rest[..clean]);
        let Some(&byte) = rest.get(clean) else { break };
        write_escape(byte, out);
        rest = &rest[clean + 1..];
    }
    out.push(b'"');
}

fn write_object(object: &JsonObject<'_, '_>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (place, (key, value)) in object.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        write_value(value, out);
    }
    out.push(b'}');
}

fn write_array(array: &JsonArray<'_, '_>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (place, value) in array.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_value(value, out);
    }
    out.push(b']');
}

fn write_scalar(value: Value<'_, '_>, out: &mut Vec<u8>) {
    if let Some(flag) = value.as_bool() {
        out.extend_from_slice(if flag { b"true" } else { b"false" });
    } else if let Some(number) = value.as_u64() {
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    } else if let Some(number) = value.as_i64() {
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    } else if let Some(number) = value.as_f64() {
        // Debug is the shortest text that reads back as the same number, and always valid JSON here,
        // because `KeyCheck::judge` lets no infinity through.
        write!(out, "{number:?}").expect("a Vec accepts every byte");
    } else {
        out.extend_from_slice(b"null");
    }
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// How many leading bytes need no escape. Whole blocks are judged without branches, so that the
/// compiler can use vector instructions.
fn clean_prefix(bytes: &[u8]) -> usize {
    const BLOCK: usize = 32;
    let dirty = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    let mut at = 0;
    for block in bytes.chunks_exact(BLOCK) {
        if block.iter().fold(false, |any, &byte| any | dirty(byte)) {
            break;
        }
        at += BLOCK;
    }
    at + bytes[at..].iter().position(|&byte| dirty(byte)).unwrap_or(bytes.len() - at)
}

fn fresh_buffers() -> Buffers {
    Buffers::with_max_depth(0, DEPTH_MAX)
}

/// Whether a text holds more than [`STRUCTURE_MAX`] structural characters. The cheap count includes
/// those within strings; only a text that fails it is read again with strings left out.
fn too_much_structure(text: &[u8]) -> bool {
    let structural = |byte: u8| matches!(byte, b',' | b':' | b'[' | b']' | b'{' | b'}');
    if text.iter().filter(|&&byte| structural(byte)).count() <= STRUCTURE_MAX {
        return false;
    }
    let (mut count, mut in_string, mut escaped) = (0, false, false);
    for &byte in text {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else {
            in_string = byte == b'"';
            count += usize::from(structural(byte));
        }
    }
    count > STRUCTURE_MAX
}

/// Finds keys that an object names twice, whatever escapes they were written with, in time linear in
/// the text also for the worst of texts.
struct KeyCheck {
    /// Places on the tape of an object and of one of its keys. One table for all objects of a text,
    /// because emptying it costs its capacity.
    seen: HashTable<(u32, u32)>,
    /// Keyed at random, so that nobody can choose keys that collide.
    hasher: RandomState,
}

impl KeyCheck {
    fn new() -> Self {
        KeyCheck { seen: HashTable::new(), hasher: RandomState::new() }
    }

    fn judge(&mut self, nodes: &[Node<'_>]) -> Result<(), JsonFault> {
        let judged = self.judge_all(nodes);
        if self.seen.capacity() > RETAINED_VALUES {
            self.seen = HashTable::new();
        } else if !self.seen.is_empty() {
            self.seen.clear();
        }
        judged
    }

    fn judge_all(&mut self, nodes: &[Node<'_>]) -> Result<(), JsonFault> {
        for (place, node) in nodes.iter().enumerate() {
            match node {
                Node::Object { len: 0 | 1, .. } => {}
                Node::Object { len, .. } if *len <= PAIRWISE_KEYS => pairwise(nodes, place, *len)?,
                Node::Object { len, .. } => self.hashed(nodes, place, *len)?,
                Node::Static(StaticNode::F64(number)) if !number.is_finite() => return Err(JsonFault::Invalid),
                _ => {}
            }
        }
        Ok(())
    }

    fn hashed(&mut self, nodes: &[Node<'_>], object: usize, len: usize) -> Result<(), JsonFault> {
        let KeyCheck { seen, hasher } = self;
        let owner = u32::try_from(object).map_err(|_| JsonFault::TooMany)?;
        let hash_of = |owner: u32, key: &str| hasher.hash_one((owner, key));
        for (place, key) in keys(nodes, object, len) {
            let place = u32::try_from(place).map_err(|_| JsonFault::TooMany)?;
            let hash = hash_of(owner, key);
            let same = |&(other, at): &(u32, u32)| other == owner && text_at(nodes, at as usize) == key;
            if seen.find(hash, same).is_some() {
                return Err(JsonFault::DuplicateKey);
            }
            seen.insert_unique(hash, (owner, place), |&(owner, at)| hash_of(owner, text_at(nodes, at as usize)));
        }
        Ok(())
    }
}

fn pairwise(nodes: &[Node<'_>], object: usize, len: usize) -> Result<(), JsonFault> {
    let mut earlier = [""; PAIRWISE_KEYS];
    for (count, (_, key)) in keys(nodes, object, len).enumerate() {
        if earlier[..count].contains(&key) {
            return Err(JsonFault::DuplicateKey);
        }
        earlier[count] = key;
    }
    Ok(())
}

/// The keys of the object at `object`, each with its place on the tape.
fn keys<'n, 'input>(
    nodes: &'n [Node<'input>],
    object: usize,
    len: usize,
) -> impl Iterator<Item = (usize, &'input str)> + use<'n, 'input> {
    let mut place = object + 1;
    (0..len).map(move |_| {
        let key = place;
        place += match nodes[key + 1] {
            Node::Object { count, .. } | Node::Array { count, .. } => count + 2,
            _ => 2,
        };
        (key, text_at(nodes, key))
    })
}

fn text_at<'input>(nodes: &[Node<'input>], place: usize) -> &'input str {
    match nodes[place] {
        Node::String(text) => text,
        _ => unreachable!("the parser puts a string before every value of an object"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What becomes of a text: its compact form, or the fault.
    fn judge(text: &[u8]) -> Result<String, JsonFault> {
        let mut parser = Parser::new();
        let mut copy = text.to_vec();
        let tape = parser.parse(&mut copy)?;
        Ok(raw(tape.as_value()))
    }

    #[test]
    fn values_are_written_compactly_in_their_order() {
        let text = br#" { "b" : [ 1 , -2.5, 1e3, true , null, {} , [] ] , "a" : "x\ty\u00e9\u0001\"\\\/" } "#;
        let expected = "{\"b\":[1,-2.5,1000.0,true,null,{},[]],\"a\":\"x\\ty\u{e9}\\u0001\\\"\\\\/\"}";
        assert_eq!(judge(text).as_deref(), Ok(expected));
        assert_eq!(judge(b"18446744073709551615").as_deref(), Ok("18446744073709551615"));
        assert_eq!(judge(b"-9223372036854775808").as_deref(), Ok("-9223372036854775808"));
        assert_eq!(judge(br#""\ud83d\ude00""#).as_deref(), Ok("\"\u{1f600}\""));
        assert_eq!(judge(b"1.7976931348623157e308").as_deref(), Ok("1.7976931348623157e308"));
    }

    #[test]
    fn what_stands_between_quotes_is_the_string() {
        for text in ["", "plain é", "a\"b", "\\\n\u{1}", &format!("{}\"", "long ".repeat(20))] {
            let mut quoted = Vec::new();
            write_string(text, &mut quoted);
            assert_eq!(format!("\"{}\"", escaped(text.into())).into_bytes(), quoted);
        }
        assert!(matches!(escaped("plain é".into()), Cow::Borrowed(_)));
    }

    #[test]
    fn a_copy_to_parse_does_not_move() {
        let text = format!("[{}1]", "1,".repeat(10_000));
        let mut copy = Vec::with_capacity(10);
        copy_to_parse(text.as_bytes(), &mut copy);
        let at = copy.as_ptr() as usize;
        let mut parser = Parser::new();
        parser.parse(&mut copy).expect("valid JSON");
        assert_eq!(parser.copy_base(), at);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let bad: &[&[u8]] = &[
            b"",
            b"   ",
            b"\xef\xbb\xbf{}",
            b"{} x",
            b"{}{}",
            b"[1,]",
            b"{\"a\":1,}",
            b"{'a':1}",
            b"{a:1}",
            b"NaN",
            b"[NaN]",
            b"[Infinity]",
            b"[-Infinity]",
            b"[1e400]",
            b"[99999999999999999999]",
            b"[01]",
            b"[1.]",
            b"[.5]",
            b"[+1]",
            b"[0x10]",
            b"[1 2]",
            b"\"a",
            b"\"a\nb\"",
            b"\"a\0b\"",
            b"[\"\\x\"]",
            b"[\"\\u12\"]",
            b"[\"\\ud800\"]",
            b"[\"\\udc00\"]",
            b"[\"\\ud800\\u0041\"]",
            b"[\"\xff\"]",
            b"[\"\xed\xa0\x80\"]",
            b"[\"\xc0\xaf\"]",
            b"{\"a\" 1}",
            b"{\"a\":}",
            b"{1:2}",
            b"[",
            b"]",
            b"tru",
            b"nullx",
            b"{}\0",
            b"// x\n{}",
        ];
        for text in bad {
            assert_eq!(judge(text), Err(JsonFault::Invalid), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert!(judge(&nested(DEPTH_MAX)).is_ok());
        assert_eq!(judge(&nested(DEPTH_MAX + 1)), Err(JsonFault::TooDeep));
        assert_eq!(judge(&nested(100_000)), Err(JsonFault::TooDeep));
        assert_eq!(judge(&vec![b'['; 100_000]), Err(JsonFault::TooDeep));
        assert_eq!(judge("{\"a\":".repeat(100_000).as_bytes()), Err(JsonFault::TooDeep));
    }

    #[test]
    fn the_number_of_values_is_bounded_but_not_the_text_in_strings() {
        let zeros = |count: usize| format!("[{}0]", "0,".repeat(count)).into_bytes();
        assert_eq!(judge(&zeros(STRUCTURE_MAX)), Err(JsonFault::TooMany));
        assert!(judge(&zeros(STRUCTURE_MAX / 2)).is_ok());
        let commas = format!("[\"\\\"{}\"]", ",".repeat(STRUCTURE_MAX + 1)).into_bytes();
        assert!(judge(&commas).is_ok());
    }

    #[test]
    fn a_string_of_20_mb_is_read_and_its_memory_given_back() {
        let text = format!("{{\"a\":\"{}\"}}", "x".repeat(20_000_000));
        let mut parser = Parser::new();
        let mut copy = text.clone().into_bytes();
        let tape = parser.parse(&mut copy).expect("valid");
        let object = tape.as_value().as_object().expect("an object");
        let found = object.get("a").and_then(ValueIntoString::into_string).expect("a string");
        assert_eq!(span_of(text.as_bytes(), parser.copy_base(), found), Some(6..20_000_006));
        parser.recycle(tape);
        assert!(parser.tape.0.capacity() <= RETAINED_VALUES);
        assert!(parser.buffers.structural_indexes().is_empty());
    }

    #[test]
    fn duplicate_keys_are_refused_at_any_depth_and_spelling() {
        let bad: &[&str] = &[
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"":1,"":2}"#,
            r#"[[{"x":{"a":{"k":[],"l":{},"k":0}}}]]"#,
            r#"{"a":{"b":1},"c":{"d":[{"e":1},{"f":1,"g":{"h":1},"f":1}]}}"#,
        ];
        for text in bad {
            assert_eq!(judge(text.as_bytes()), Err(JsonFault::DuplicateKey), "{text}");
        }
        assert!(judge(br#"{"a":{"a":{"a":[{"a":1},{"a":1}]}},"b":{"a":1},"A":1}"#).is_ok());
    }

    #[test]
    fn duplicate_keys_are_found_in_large_objects() {
        for count in [2, PAIRWISE_KEYS - 1, PAIRWISE_KEYS, PAIRWISE_KEYS + 1, 40, 5000] {
            let distinct: Vec<String> = (0..count).map(|n| format!("\"key{n}\":{{\"key0\":[{n}]}}")).collect();
            let inner = format!("{{{}}}", distinct.join(","));
            // The same large object twice over: its keys may recur in another object.
            assert!(judge(format!("[{inner},{inner}]").as_bytes()).is_ok(), "{count}");
            for twice in [0, count / 2, count - 1] {
                let text = format!("[{inner},{{{},\"key{twice}\":1}}]", distinct.join(","));
                assert_eq!(judge(text.as_bytes()), Err(JsonFault::DuplicateKey), "{count} {twice}");
            }
        }
    }

    #[test]
    fn a_parser_forgets_one_text_before_the_next() {
        let mut parser = Parser::new();
        let many: Vec<String> = (0..40).map(|n| format!("\"k{n}\":{n}")).collect();
        let text = format!("{{{}}}", many.join(","));
        for _ in 0..3 {
            let mut copy = text.clone().into_bytes();
            let tape = parser.parse(&mut copy).expect("valid");
            assert_eq!(raw(tape.as_value()), text);
            parser.recycle(tape);
            let mut broken = b"{\"a\":1,".to_vec();
            assert_eq!(parser.parse(&mut broken).map(drop), Err(JsonFault::Invalid));
        }
    }

    #[test]
    fn spans_point_at_the_text_in_the_original() {
        let text = br#"{"model":"gpt-x","b":"a\nb","c":"","d":"\\","e":["tail"]}"#;
        let mut parser = Parser::new();
        let mut copy = text.to_vec();
        let tape = parser.parse(&mut copy).expect("valid");
        let base = parser.copy_base();
        let object = tape.as_value().as_object().expect("an object");
        let text_of = |key: &str| object.get(key).and_then(ValueIntoString::into_string).expect("a string");
        let span = |key: &str| span_of(text, base, text_of(key));
        assert_eq!(span("model"), Some(10..15));
        assert_eq!(&text[10..15], b"gpt-x");
        assert_eq!(span("b"), None, "escaped");
        assert_eq!(span("d"), None, "escaped");
        assert_eq!(span("c").map(|range| range.len()), Some(0));
        assert_eq!(span_of(text, base, "gpt-x"), None, "not a string of this parse");
        assert_eq!(span_of(&text[..12], base, text_of("model")), None);
    }

    #[test]
    fn strings_are_escaped_wherever_the_byte_stands() {
        for at in 0..70 {
            for byte in ['"', '\\', '\n', '\r', '\t', '\u{8}', '\u{c}', '\0', '\u{1f}'] {
                let mut text: String = "x".repeat(at);
                text.push(byte);
                text.push_str(&"é".repeat(40));
                let mut out = Vec::new();
                write_string(&text, &mut out);
                assert_eq!(serde_json::from_slice::<String>(&out).ok(), Some(text));
            }
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<u64>().prop_map(serde_json::Value::from),
            // Eighths, because the reader that checks us here does not round every float correctly.
            any::<i32>().prop_map(|n| serde_json::Value::from(f64::from(n) / 8.0)),
            ".{0,40}".prop_map(serde_json::Value::from),
            any::<String>().prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(5, 60, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(serde_json::Value::from),
                prop::collection::vec((".{0,6}", inner), 0..24)
                    .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(value in any_json()) {
            let text = serde_json::to_vec(&value).expect("serializable");
            let once = judge(&text).expect("valid JSON");
            let twice = judge(once.as_bytes());
            prop_assert_eq!(twice.as_ref(), Ok(&once));
            let again: serde_json::Value = serde_json::from_str(&once).expect("valid JSON");
            prop_assert_eq!(again, value);
        }

        #[test]
        fn floats_keep_every_bit(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
            let written = judge(format!("{number:?}").as_bytes()).expect("valid JSON");
            prop_assert_eq!(written.parse::<f64>().map(f64::to_bits), Ok(number.to_bits()));
        }
    }
}
