//! What "the same request" means.
//!
//! A key is a fingerprint of an unambiguous byte form of what is asked, because a cache that answers for
//! a *similar* request by accident of notation is a leak. Every value carries a tag and every string and
//! container its length, so no two different requests share a form.
//!
//! The fingerprint is the authentication tag that AES-128-GCM gives the form under a secret key of this
//! process and one fixed nonce. The nonce is no weakness here, since neither ciphertext nor tag is ever
//! shown to anybody: what is used is the universal hash inside (GHASH over the text masked by a fixed
//! stream). For any two forms up to 16 MiB, more than a body of 1 MiB can grow to, that are chosen without
//! knowing the key, the chance that they share a fingerprint is below 2^-107. Processors have instructions for it: 1 KB takes 0.2 µs and 20 KB
//! 2.1, where SHA-256 takes 0.6 and 11.
//!
//! A plain request is keyed by what it says, so that callers of different dialects share an answer.
//! Any other is keyed by its body: `1`, `1.0`, `"1"`, `true`, `null` and an absent field all differ
//! there. Only what JSON says is not meaning is dropped: white space, escapes, and the order of the
//! top-level fields. Order further down is kept, since providers hash prompt prefixes and schemas as
//! they were written.

use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use ring::aead;

use crate::chat::Piece;
use crate::chat::Plain;
use crate::chat::Role;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

/// Length of a fingerprint.
pub const FINGERPRINT_BYTES: usize = 16;

/// Makes the fingerprints of one process. Two that were given different secrets agree on nothing.
pub struct Keying {
    cipher: aead::LessSafeKey,
}

/// Names one request: equal keys mean that one answer serves both.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key([u8; FINGERPRINT_BYTES]);

/// Names everything of a request but its last user text: only inside one scope may similarity decide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope([u8; FINGERPRINT_BYTES]);

/// Hashes keys and scopes by taking eight of their bytes: they are hashes already.
pub(super) type DigestHasher = BuildHasherDefault<FirstBytes>;

/// Top-level fields sorted without touching the heap; real requests have about ten.
const FIELDS_INLINE: usize = 32;

const TAG_NULL: u8 = b'n';
const TAG_TRUE: u8 = b't';
const TAG_FALSE: u8 = b'f';
const TAG_UNSIGNED: u8 = b'u';
const TAG_NEGATIVE: u8 = b'i';
const TAG_FLOAT: u8 = b'd';
const TAG_STRING: u8 = b's';
const TAG_ARRAY: u8 = b'[';
const TAG_OBJECT: u8 = b'{';
const TAG_LEFT_OUT: u8 = b'_';
const TAG_OTHER: u8 = b'?';
const TAG_PLAIN: u8 = b'p';
const TAG_BODY: u8 = b'b';

/// What is asked, as far as it decides which answer is right.
#[derive(Clone, Copy)]
pub enum Content<'a, 'tape, 'input> {
    /// Words and settings that mean the same in every dialect.
    Plain(&'a Plain<'input>),
    /// Anything else: what its dialect says.
    Body {
        /// The dialect's name.
        dialect: &'a str,
        /// The parsed body.
        body: Value<'tape, 'input>,
        /// Top-level fields that do not count.
        volatile: &'a [&'a str],
    },
}

impl Keying {
    /// Fingerprints under `secret`, which nobody may know.
    pub fn new(secret: &[u8; 16]) -> Self {
        let key = aead::UnboundKey::new(&aead::AES_128_GCM, secret).expect("16 bytes are a key of AES-128");
        Keying { cipher: aead::LessSafeKey::new(key) }
    }

    /// The key of `content` within `namespace` (tenant, model group, policy version …); `scratch` is
    /// memory to reuse.
    pub fn key(&self, namespace: &[&[u8]], content: Content<'_, '_, '_>, scratch: &mut Vec<u8>) -> Key {
        write_form(b'K', namespace, content, None, scratch);
        Key(self.fingerprint(scratch))
    }

    /// Same with the one string left out that *is* `last_user_text`: the same address, not merely the
    /// same words, so that an equal text elsewhere in the request still counts.
    pub fn scope(
        &self,
        namespace: &[&[u8]],
        content: Content<'_, '_, '_>,
        last_user_text: &str,
        scratch: &mut Vec<u8>,
    ) -> Scope {
        write_form(b'S', namespace, content, Some(last_user_text), scratch);
        Scope(self.fingerprint(scratch))
    }

    /// Spoils `form`: what is left there is never read.
    fn fingerprint(&self, form: &mut [u8]) -> [u8; FINGERPRINT_BYTES] {
        let nonce = aead::Nonce::assume_unique_for_key([0; aead::NONCE_LEN]);
        let tag = self.cipher.seal_in_place_separate_tag(nonce, aead::Aad::empty(), form);
        let tag = tag.expect("a form is shorter than AES-GCM's bound of 64 GiB");
        tag.as_ref().try_into().expect("a tag has 16 bytes")
    }
}

impl fmt::Debug for Keying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keying").finish_non_exhaustive()
    }
}

impl Key {
    /// A key from its bytes, for tests.
    pub fn from_bytes(bytes: [u8; FINGERPRINT_BYTES]) -> Self {
        Key(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; FINGERPRINT_BYTES] {
        &self.0
    }
}

impl Scope {
    /// A scope from its bytes, for tests.
    pub fn from_bytes(bytes: [u8; FINGERPRINT_BYTES]) -> Self {
        Scope(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; FINGERPRINT_BYTES] {
        &self.0
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(word(&self.0, 0));
    }
}

impl Hash for Scope {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(word(&self.0, 0));
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:016x}…)", word(&self.0, 0).swap_bytes())
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({:016x}…)", word(&self.0, 0).swap_bytes())
    }
}

/// See [`DigestHasher`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0.rotate_left(8) ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
}

/// The little-endian word 0 or 1 of a fingerprint. The first chooses the hash bucket, of the second one
/// half the lock or owner and the other the ghost: separate bits, so that one choice says nothing about
/// another.
pub(super) fn word(fingerprint: &[u8; FINGERPRINT_BYTES], index: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&fingerprint[index * 8..index * 8 + 8]);
    u64::from_le_bytes(bytes)
}

fn write_form(
    purpose: u8,
    namespace: &[&[u8]],
    content: Content<'_, '_, '_>,
    left_out: Option<&str>,
    scratch: &mut Vec<u8>,
) {
    scratch.clear();
    scratch.push(purpose);
    write_length(namespace.len(), scratch);
    for part in namespace {
        write_bytes(part, scratch);
    }
    match content {
        Content::Plain(plain) => write_plain(plain, left_out, scratch),
        Content::Body { dialect, body, volatile } => {
            scratch.push(TAG_BODY);
            write_bytes(dialect.as_bytes(), scratch);
            match body.as_object() {
                Some(object) => write_sorted(object.iter(), object.len(), volatile, left_out, scratch),
                None => write_value(body, left_out, scratch),
            }
        }
    }
}

fn write_plain(plain: &Plain<'_>, left_out: Option<&str>, out: &mut Vec<u8>) {
    out.push(TAG_PLAIN);
    write_length(plain.pieces.len(), out);
    for piece in &plain.pieces {
        match piece {
            Piece::Turn(role) => out.push(tag_of(*role)),
            Piece::Text(text) => write_text(text, left_out, out),
        }
    }
    for setting in &plain.settings {
        match setting {
            // Zero has one meaning and two signs.
            Some(number) => write_float(number + 0.0, out),
            None => out.push(TAG_NULL),
        }
    }
    write_length(plain.stop.len(), out);
    plain.stop.iter().for_each(|stop| write_bytes(stop.as_bytes(), out));
}

fn tag_of(role: Role) -> u8 {
    match role {
        Role::System => b'S',
        Role::Developer => b'D',
        Role::User => b'U',
        Role::Assistant => b'A',
        Role::Tool => b'T',
    }
}

fn write_sorted<'a>(
    fields: impl Iterator<Item = (&'a str, Value<'a, 'a>)>,
    count: usize,
    volatile: &[&str],
    left_out: Option<&str>,
    out: &mut Vec<u8>,
) {
    let mut inline = [("", Value::NULL); FIELDS_INLINE];
    let mut heap = Vec::new();
    let room: &mut [(&str, Value<'_, '_>)] = if count <= FIELDS_INLINE {
        &mut inline
    } else {
        heap.resize(count, ("", Value::NULL));
        &mut heap
    };
    let mut kept = 0;
    for (slot, field) in room.iter_mut().zip(fields.filter(|(name, _)| !volatile.contains(name))) {
        *slot = field;
        kept += 1;
    }
    let kept = &mut room[..kept];
    // The parser refuses duplicate names, so an unstable sort has one outcome.
    kept.sort_unstable_by(|left, right| left.0.cmp(right.0));
    out.push(TAG_OBJECT);
    write_length(kept.len(), out);
    for (name, value) in kept.iter() {
        write_bytes(name.as_bytes(), out);
        write_value(*value, left_out, out);
    }
}

/// Depth is bounded by the parser.
fn write_value(value: Value<'_, '_>, left_out: Option<&str>, out: &mut Vec<u8>) {
    if let Some(text) = value.as_str() {
        write_text(text, left_out, out);
    } else if let Some(object) = value.as_object() {
        out.push(TAG_OBJECT);
        write_length(object.len(), out);
        for (name, inner) in object.iter() {
            write_bytes(name.as_bytes(), out);
            write_value(inner, left_out, out);
        }
    } else if let Some(array) = value.as_array() {
        out.push(TAG_ARRAY);
        write_length(array.len(), out);
        for inner in array.iter() {
            write_value(inner, left_out, out);
        }
    } else {
        write_scalar(value, out);
    }
}

fn write_text(text: &str, left_out: Option<&str>, out: &mut Vec<u8>) {
    if left_out.is_some_and(|left_out| std::ptr::eq(left_out, text)) {
        out.push(TAG_LEFT_OUT);
    } else {
        out.push(TAG_STRING);
        write_bytes(text.as_bytes(), out);
    }
}

fn write_scalar(value: Value<'_, '_>, out: &mut Vec<u8>) {
    if let Some(flag) = value.as_bool() {
        out.push(if flag { TAG_TRUE } else { TAG_FALSE });
    } else if value.is_f64() {
        write_float(value.as_f64().unwrap_or(f64::NAN), out);
    } else if let Some(number) = value.as_u64() {
        out.push(TAG_UNSIGNED);
        out.extend_from_slice(&number.to_le_bytes());
    } else if let Some(number) = value.as_i64() {
        out.push(TAG_NEGATIVE);
        out.extend_from_slice(&number.to_le_bytes());
    } else {
        out.push(if value.is_null() { TAG_NULL } else { TAG_OTHER });
    }
}

fn write_float(number: f64, out: &mut Vec<u8>) {
    out.push(TAG_FLOAT);
    out.extend_from_slice(&number.to_bits().to_le_bytes());
}

fn write_length(length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&(length as u64).to_le_bytes());
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_length(bytes.len(), out);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value as Json;
    use serde_json::json;

    fn keying() -> Keying {
        Keying::new(b"nobody knows it.")
    }

    fn key_in(namespace: &[&[u8]], text: &str) -> Key {
        let mut copy = text.as_bytes().to_vec();
        let tape = simd_json::to_tape(&mut copy).expect("the test's JSON is valid");
        let content = Content::Body { dialect: "d", body: tape.as_value(), volatile: &["stream", "user"] };
        keying().key(namespace, content, &mut Vec::new())
    }

    fn key(text: &str) -> Key {
        key_in(&[b"tenant"], text)
    }

    #[test]
    fn notation_does_not_count() {
        let plain = key(r#"{"model":"m","n":1,"messages":[{"role":"user","content":"é/x"}]}"#);
        let spaced =
            "{ \"messages\" : [ {\"role\":\"user\",\"content\":\"\\u00e9\\/x\"} ],\n\t\"n\":1, \"model\":\"m\"}";
        assert_eq!(plain, key(spaced));
    }

    #[test]
    fn volatile_fields_count_neither_present_nor_absent() {
        assert_eq!(key(r#"{"model":"m","stream":true,"user":"u"}"#), key(r#"{"model":"m"}"#));
        assert_ne!(key(r#"{"a":{"stream":true}}"#), key(r#"{"a":{}}"#), "only top-level fields are volatile");
    }

    #[test]
    fn every_scalar_differs_from_every_other() {
        let bodies = [
            r#"{"a":1}"#,
            r#"{"a":"1"}"#,
            r#"{"a":1.0}"#,
            r#"{"a":true}"#,
            r#"{"a":false}"#,
            r#"{"a":null}"#,
            r#"{}"#,
            r#"{"a":-1}"#,
            r#"{"a":0}"#,
            r#"{"a":""}"#,
            r#"{"a":[]}"#,
            r#"{"a":{}}"#,
            r#"{"a":[1]}"#,
            r#"{"a":[[1]]}"#,
            r#"{"a":["1"]}"#,
            r#"{"a":"null"}"#,
            r#"{"a":18446744073709551615}"#,
            r#"{"a":["a","b"]}"#,
            r#"{"a":["ab"]}"#,
            r#"{"a":["a"],"b":1}"#,
            r#"{"a":["a",{"b":1}]}"#,
            r#"{"a":[{"b":1},"a"]}"#,
            r#"[]"#,
            r#"1"#,
            r#"null"#,
        ];
        for (i, left) in bodies.iter().enumerate() {
            for right in &bodies[i + 1..] {
                assert_ne!(key(left), key(right), "{left} and {right}");
            }
        }
    }

    #[test]
    fn nested_order_is_kept() {
        assert_ne!(key(r#"{"a":{"x":1,"y":2}}"#), key(r#"{"a":{"y":2,"x":1}}"#));
    }

    #[test]
    fn namespace_parts_do_not_run_into_each_other() {
        let body = r#"{"a":1}"#;
        let spaces: [&[&[u8]]; 5] = [&[b"ab", b"c"], &[b"a", b"bc"], &[b"abc"], &[b"abc", b""], &[]];
        for (i, left) in spaces.iter().enumerate() {
            for right in &spaces[i + 1..] {
                assert_ne!(key_in(left, body), key_in(right, body));
            }
        }
    }

    #[test]
    fn more_fields_than_fit_inline_still_sort() {
        let forward: Vec<String> = (0..100).map(|i| format!("\"f{i}\":{i}")).collect();
        let backward: Vec<String> = forward.iter().rev().cloned().collect();
        assert_eq!(key(&format!("{{{}}}", forward.join(","))), key(&format!("{{{}}}", backward.join(","))));
    }

    fn scope(text: &str, pick: fn(Value<'_, '_>) -> usize) -> Scope {
        let mut copy = text.as_bytes().to_vec();
        let tape = simd_json::to_tape(&mut copy).expect("the test's JSON is valid");
        let messages = tape.as_value().as_object().and_then(|body| body.get("messages")).expect("messages");
        let at = pick(messages);
        let message = messages.as_array().and_then(|list| list.get(at)).expect("a message");
        let content = message.as_object().and_then(|message| message.get("content")).expect("content");
        let words = content.as_str().expect("text");
        let content = Content::Body { dialect: "d", body: tape.as_value(), volatile: &[] };
        keying().scope(&[b"t"], content, words, &mut Vec::new())
    }

    fn last(messages: Value<'_, '_>) -> usize {
        messages.as_array().map_or(0, |list| list.len() - 1)
    }

    #[test]
    fn scope_leaves_out_the_last_text_by_address_and_nothing_else() {
        let ask = |system: &str, user: &str| {
            scope(&json!({"messages": [{"content": system}, {"content": user}]}).to_string(), last)
        };
        assert_eq!(ask("be brief", "one"), ask("be brief", "two"));
        assert_eq!(ask("same", "same"), ask("same", "other"), "an equal text elsewhere still counts");
        assert_ne!(ask("be brief", "one"), ask("be long", "one"));
        assert_ne!(ask("one", "x"), ask("two", "x"));
        let body = r#"{"messages":[{"content":"a"},{"content":"b"}]}"#;
        assert_ne!(scope(body, last), scope(body, |_| 0));
    }

    fn plain_key(change: impl FnOnce(&mut Plain<'static>)) -> Key {
        let pieces = vec![Piece::Turn(Role::System), Piece::Text("a"), Piece::Turn(Role::User), Piece::Text("b")];
        let mut plain = Plain { pieces, ..Plain::default() };
        plain.settings[0] = Some(0.0);
        change(&mut plain);
        keying().key(&[b"t"], Content::Plain(&plain), &mut Vec::new())
    }

    #[test]
    fn everything_that_is_said_plainly_counts() {
        let changes: [fn(&mut Plain<'static>); 10] = [
            |_| {},
            |plain| plain.pieces[0] = Piece::Turn(Role::Developer),
            |plain| plain.pieces[1] = Piece::Text(""),
            |plain| plain.pieces.swap(1, 3),
            |plain| plain.pieces.push(Piece::Text("")),
            |plain| plain.pieces.truncate(3),
            |plain| plain.settings[0] = None,
            |plain| plain.settings[1] = Some(0.0),
            |plain| plain.stop.push(""),
            |plain| plain.stop.extend(["", ""]),
        ];
        for (i, left) in changes.iter().enumerate() {
            for (j, right) in changes[i + 1..].iter().enumerate() {
                assert_ne!(plain_key(left), plain_key(right), "{i} and {}", i + 1 + j);
            }
        }
        assert_eq!(plain_key(|_| {}), plain_key(|plain| plain.settings[0] = Some(-0.0)));
        assert_eq!(
            plain_key(|_| {}),
            plain_key(|plain| plain.keep = true),
            "where an answer is kept is not what it says"
        );
    }

    #[test]
    fn a_plain_scope_leaves_out_the_text_at_its_address() {
        let texts = ["same".to_owned(), "same".to_owned()];
        let plain = Plain { pieces: texts.iter().map(|text| Piece::Text(text)).collect(), ..Plain::default() };
        let scope = |text: &str| keying().scope(&[b"t"], Content::Plain(&plain), text, &mut Vec::new());
        assert_ne!(scope(&texts[0]), scope(&texts[1]));
        assert_ne!(scope("same").as_bytes(), scope(&texts[1]).as_bytes());
    }

    #[test]
    fn processes_agree_on_nothing() {
        let plain = Plain { stop: vec!["a"], ..Plain::default() };
        let key = |secret| Keying::new(&[secret; 16]).key(&[], Content::Plain(&plain), &mut Vec::new());
        assert_eq!(key(1), key(1));
        assert_ne!(key(1), key(2));
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            (-3i64..3).prop_map(Json::from),
            (-2i32..3).prop_map(|half| Json::from(f64::from(half) / 2.0)),
            "[a1\"]{0,2}".prop_map(Json::from),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
                prop::collection::vec(("[ab]{0,1}", inner), 0..3)
                    .prop_map(|fields| Json::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn any_body() -> impl Strategy<Value = Json> {
        prop::collection::vec(("[abc]{1}", any_json()), 0..4)
            .prop_map(|fields| Json::Object(fields.into_iter().collect()))
    }

    /// Equal as this module means it: text below the top level in order, numbers by notation.
    fn meaning(body: &Json) -> Vec<(String, String)> {
        let fields = body.as_object().expect("bodies are objects");
        let mut fields: Vec<_> = fields.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        fields.sort();
        fields
    }

    proptest! {
        #[test]
        fn equal_exactly_when_they_mean_the_same(left in any_body(), right in any_body()) {
            // `-0.0` and `0.0` are told apart by both sides.
            prop_assert_eq!(key(&left.to_string()) == key(&right.to_string()), meaning(&left) == meaning(&right));
        }

        #[test]
        fn pretty_printing_and_field_order_change_nothing(body in any_body()) {
            let fields = body.as_object().expect("bodies are objects");
            let turned: serde_json::Map<_, _> = fields.iter().rev().map(|(k, v)| (k.clone(), v.clone())).collect();
            let pretty = serde_json::to_string_pretty(&Json::Object(turned)).expect("JSON prints");
            prop_assert_eq!(key(&body.to_string()), key(&pretty));
        }
    }
}
