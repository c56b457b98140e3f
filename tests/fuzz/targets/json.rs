//! JSON: what is accepted is what everybody reads, and the cache key is a matter of meaning alone.

use super::reading::cuts;
use super::reading::parsed;
use super::reading::pieces;
use ringgate::cache::Content;
use ringgate::cache::Keying;
use ringgate::wire::glance::Glance;
use ringgate::wire::json;
use ringgate::wire::json::DEPTH_MAX;
use ringgate::wire::json::JsonFault;
use serde_json::Value;

/// Nothing is accepted that another parser refuses or reads as something else; what is written reads back;
/// notation changes no key and a changed value does; depth is bounded.
pub fn check(bytes: &[u8]) {
    let depth = deepest(bytes);
    let written = match parsed(bytes, json::raw) {
        Ok(written) => written,
        Err(fault) => {
            assert!(fault != JsonFault::TooDeep || depth > DEPTH_MAX, "{depth} deep is not too deep");
            return;
        }
    };
    assert!(depth <= DEPTH_MAX, "{depth} deep was accepted");
    if depth > SERDE_DEPTH_MAX {
        return;
    }
    let theirs: Value = serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("only we accept this: {error}"));
    let value: Value = serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(unsigned_zero(&value), unsigned_zero(&theirs), "written as {written}");
    let keying = Keying::new(b"nobody knows it.");
    let key = |text: &[u8]| {
        let key = parsed(text, |body| {
            let content = Content::Body { dialect: "d", body, volatile: &["stream"] };
            keying.key(&[b"scope"], content, &mut Vec::new())
        });
        key.expect("JSON as before")
    };
    let first = key(bytes);
    let pretty = serde_json::to_string_pretty(&value).expect("JSON");
    // 1e2 is 100.0 to every parser and only ever written so.
    for notation in [written, escaped(&value), pretty] {
        assert_eq!(key(notation.as_bytes()), first, "another key for {notation}");
    }
    if let Value::Object(mut object) = value {
        object.insert("stream".to_owned(), Value::Bool(true));
        assert_eq!(key(Value::Object(object.clone()).to_string().as_bytes()), first, "what is volatile counts");
        object.insert("another".to_owned(), Value::Bool(true));
        let changed = Value::Object(object).to_string();
        let known = bytes.windows(9).any(|window| window == b"\"another\"");
        assert!(known || key(changed.as_bytes()) != first, "a further field does not count");
    }
}

/// Deepest nesting that the other parser reads.
const SERDE_DEPTH_MAX: usize = 127;

/// `-0` is an integer to one parser and a float to the other.
fn unsigned_zero(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.as_f64() == Some(0.0) => 0.into(),
        Value::Array(list) => list.iter().map(unsigned_zero).collect(),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(name, value)| (name.clone(), unsigned_zero(value))).collect())
        }
        other => other.clone(),
    }
}

/// How deep arrays and objects nest outside of strings.
fn deepest(bytes: &[u8]) -> usize {
    let (mut depth, mut most, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in bytes {
        if in_string {
            in_string = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                most = most.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// `value` with every character of a string as an escape.
fn escaped(value: &Value) -> String {
    let string = |text: &str| {
        let units: Vec<String> = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
        format!("\"{}\"", units.concat())
    };
    match value {
        Value::String(text) => string(text),
        Value::Array(list) => format!("[ {} ]", list.iter().map(escaped).collect::<Vec<_>>().join(" ,\n")),
        Value::Object(object) => {
            let members = object.iter().map(|(name, value)| format!("{}\t:\r{}", string(name), escaped(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(" , "))
        }
        other => other.to_string(),
    }
}

const WANTED: &[&str] = &["id", "model", "usage"];

/// Any split shows the same, and of an object the fields shown are its own.
pub fn glance(bytes: &[u8]) {
    let seen = |pieces: Vec<&[u8]>| {
        let mut glance = Glance::new(WANTED);
        pieces.into_iter().for_each(|piece| glance.feed(piece));
        glance
    };
    let whole = seen(vec![bytes]);
    for glance in [seen(pieces(bytes, cuts(bytes))), seen(bytes.chunks(1).collect())] {
        WANTED.iter().for_each(|name| assert_eq!(glance.value(name), whole.value(name), "{name}"));
    }
    // What names a key twice is refused by whoever parses; the glance takes either.
    let Ok(text) = parsed(bytes, json::raw) else { return };
    let value: Value = serde_json::from_str(&text).expect("JSON");
    for name in WANTED {
        if let Some(shown) = whole.value(name) {
            let shown: Value = serde_json::from_str(shown).unwrap_or_else(|error| panic!("{name}: {error}: {shown}"));
            assert_eq!(Some(&shown), value.get(name), "{name}");
        }
        if let Some(shown) = whole.string(name) {
            assert_eq!(Some(shown), value[name].as_str(), "{name}");
        }
    }
}
