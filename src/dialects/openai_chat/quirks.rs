//! What imitators of chat completions do not take as OpenAI does, and the fewest edits of a request body
//! that make it good for them.
//!
//! A body that is about to be sent, whether it passes through or was translated, is walked once by its
//! structure; what the walk does not touch keeps every byte, because providers hash prompt prefixes. A
//! field is left out only where that does not change what is asked for (bookkeeping, delivery, what other
//! providers add to their own answers), and everything left out is told. A field that does change the
//! answer goes to the provider, whose refusal is the honest one.

use super::super::Dropped;
use super::super::members::Member;
use super::super::members::elements;
use super::super::members::members;
use super::super::signature;
use crate::wire::edits::Edit;
use std::borrow::Cow;
use std::ops::Range;

/// How a provider's chat completions differ from OpenAI's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Sends tokens at the end of every stream without being asked, so it is not asked.
    pub volunteers_usage: bool,
    /// Knows `max_tokens` only, not `max_completion_tokens`.
    pub only_max_tokens: bool,
    /// Knows `system` only, not `developer`.
    pub only_system: bool,
    /// Its own names for fields of the body, with OpenAI's first.
    pub renamed: &'static [(&'static str, &'static str)],
    /// Fields of the body that it refuses and the answer does not depend on.
    pub refused: &'static [&'static str],
    /// The same for fields of messages.
    pub refused_in_messages: &'static [&'static str],
    /// Its own names for fields of messages, with those of others first.
    pub renamed_in_messages: &'static [(&'static str, &'static str)],
    /// Takes only ids of tool calls that are exactly this many letters and digits.
    pub call_id_length: Option<usize>,
    /// Takes signed reasoning of Claude's as `reasoning_details`, as it tells it.
    pub details_reasoning: bool,
    /// Ends answers without ever saying why.
    pub silent_finish: bool,
}

impl Quirks {
    /// None: as OpenAI.
    pub const NONE: Quirks = Quirks {
        volunteers_usage: false,
        only_max_tokens: false,
        only_system: false,
        renamed: &[],
        refused: &[],
        refused_in_messages: &[],
        renamed_in_messages: &[],
        call_id_length: None,
        details_reasoning: false,
        silent_finish: false,
    };

    /// Must requests be looked at?
    pub fn change_requests(&self) -> bool {
        self.only_max_tokens
            || self.only_system
            || self.call_id_length.is_some()
            || self.details_reasoning
            || [self.refused, self.refused_in_messages].iter().any(|names| !names.is_empty())
            || [self.renamed, self.renamed_in_messages].iter().any(|names| !names.is_empty())
    }

    /// Is the provider asked for the tokens of a stream? What it refuses is not added first.
    pub fn is_asked_for_usage(&self) -> bool {
        !self.volunteers_usage && !self.refused.contains(&"stream_options")
    }

    /// What the provider calls the field `name`.
    fn renamed(&self, name: &[u8]) -> Option<&'static str> {
        if self.only_max_tokens && name == b"max_completion_tokens" {
            return Some("max_tokens");
        }
        self.renamed.iter().find(|(from, _)| from.as_bytes() == name).map(|(_, to)| *to)
    }
}

/// The edits that make `body` good for a provider with these `quirks`, and what had to be left out. The body
/// is one JSON object that has been written or checked by us.
pub fn adapt(body: &[u8], quirks: &Quirks) -> (Vec<Edit<'static>>, Vec<Dropped>) {
    let (mut edits, mut dropped) = (Vec::new(), Vec::new());
    let members = members(body, 0);
    let stands_aside = |name: &[u8]| {
        // Of a field and its older spelling the newer one counts.
        let newer =
            members.iter().find(|member| quirks.renamed(member.name(body)).is_some_and(|to| to.as_bytes() == name));
        newer.is_some_and(|newer| !newer.is_null(body))
    };
    let kept = |member: &Member| {
        let name = member.name(body);
        let refused = quirks.refused.iter().any(|refused| refused.as_bytes() == name);
        !refused && !stands_aside(name)
    };
    for (place, member) in members.iter().enumerate() {
        let name = member.name(body);
        if !kept(member) {
            edits.push(edit(without(&members, place, &kept), ""));
            if !stands_aside(name) {
                note(String::from_utf8_lossy(name).into_owned(), member, body, &mut dropped);
            }
        } else if let Some(to) = quirks.renamed(name) {
            edits.push(edit(member.key.start + 1..member.key.end - 1, to));
        } else if name == b"messages" && body.get(member.value.start) == Some(&b'[') {
            let messages = elements(body, member.value.start);
            messages.iter().for_each(|message| edit_message(body, message, quirks, &mut edits, &mut dropped));
        }
    }
    (edits, dropped)
}

fn edit(at: Range<usize>, text: impl Into<Cow<'static, str>>) -> Edit<'static> {
    Edit { at, text: text.into() }
}

fn edit_message(
    body: &[u8],
    message: &Range<usize>,
    quirks: &Quirks,
    edits: &mut Vec<Edit<'static>>,
    dropped: &mut Vec<Dropped>,
) {
    if body.get(message.start) != Some(&b'{') {
        return;
    }
    let members = members(body, message.start);
    let renamed = |member: &Member| {
        if quirks.details_reasoning && member.name(body) == BLOCKS {
            return Some(DETAILS);
        }
        let names = quirks.renamed_in_messages.iter();
        names.filter(|(from, _)| from.as_bytes() == member.name(body)).map(|(_, to)| *to).next()
    };
    let stands_already = |name: &str| members.iter().any(|member| member.name(body) == name.as_bytes());
    let refused = |member: &Member| {
        let refused = quirks.refused_in_messages.iter().any(|refused| refused.as_bytes() == member.name(body));
        refused || renamed(member).is_some_and(stands_already)
    };
    for (place, member) in members.iter().enumerate() {
        if refused(member) {
            edits.push(edit(without(&members, place, &|member| !refused(member)), ""));
            let name = String::from_utf8_lossy(member.name(body));
            note(format!("messages.{name}"), member, body, dropped);
            continue;
        }
        if let Some(to) = renamed(member) {
            edits.push(edit(member.key.start + 1..member.key.end - 1, to));
        }
        match (member.name(body), &body[member.value.clone()]) {
            (b"role", b"\"developer\"") if quirks.only_system => {
                edits.push(edit(member.value.clone(), "\"system\""));
            }
            (BLOCKS, [b'[', ..]) if quirks.details_reasoning => {
                edits.push(edit(member.value.clone(), details(body, member.value.start)));
            }
            (b"tool_call_id", _) => edit_call_id(body, member, quirks, edits),
            (b"tool_calls", [b'[', ..]) if quirks.call_id_length.is_some() => {
                for call in elements(body, member.value.start).iter().filter(|call| body[call.start] == b'{') {
                    let members = self::members(body, call.start);
                    let ids = members.iter().filter(|member| member.name(body) == b"id");
                    ids.for_each(|member| edit_call_id(body, member, quirks, edits));
                }
            }
            _ => {}
        }
    }
}

/// Where this gateway and others put signed reasoning, and where those who serve models of several makers do.
const BLOCKS: &[u8] = b"thinking_blocks";
const DETAILS: &str = "reasoning_details";

/// The blocks in the list that opens at `open` as details. What another provider sealed would be refused.
fn details(body: &[u8], open: usize) -> String {
    let mut written = Vec::new();
    for block in elements(body, open).iter().filter(|block| body[block.start] == b'{') {
        let members = members(body, block.start);
        let value = |name: &[u8]| {
            let member = members.iter().find(|member| member.name(body) == name)?;
            std::str::from_utf8(&body[member.value.clone()]).ok()
        };
        let index = written.len();
        let format = "\"format\":\"anthropic-claude-v1\"";
        match (value(b"thinking"), value(b"signature"), value(b"data")) {
            (Some(text), Some(signature), _) if !signature::is_marked(signature) => written.push(format!(
                "{{\"type\":\"reasoning.text\",\"text\":{text},\"signature\":{signature},{format},\"index\":{index}}}"
            )),
            (None, _, Some(data)) if !signature::is_marked(data) => {
                written.push(format!("{{\"type\":\"reasoning.encrypted\",\"data\":{data},{format},\"index\":{index}}}"))
            }
            _ => {}
        }
    }
    format!("[{}]", written.join(","))
}

fn edit_call_id(body: &[u8], member: &Member, quirks: &Quirks, edits: &mut Vec<Edit<'static>>) {
    let [b'"', id @ .., b'"'] = &body[member.value.clone()] else { return };
    let Some(length) = quirks.call_id_length else { return };
    if id.len() != length || !id.iter().all(u8::is_ascii_alphanumeric) {
        let inside = member.value.start + 1..member.value.end - 1;
        edits.push(edit(inside, call_id(id, length)));
    }
}

/// Another id of `length` letters and digits, the same for the same id, so that a call and its result
/// still find each other.
fn call_id(id: &[u8], length: usize) -> String {
    // FNV-1a over two different starts: the calls of one conversation are few.
    let hash =
        |start: u64| id.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let random = u128::from(hash(0xcbf2_9ce4_8422_2325)) << 64 | u128::from(hash(0x9e37_79b9_7f4a_7c15));
    let mut characters = super::super::id_characters(random);
    while characters.len() < length {
        characters.push('0');
    }
    characters.truncate(length);
    characters
}

/// Nothing is lost with a field that says nothing.
fn note(field: String, member: &Member, body: &[u8], dropped: &mut Vec<Dropped>) {
    let says_nothing = matches!(&body[member.value.clone()], b"null" | b"[]" | b"{}" | b"\"\"");
    if !says_nothing && !dropped.iter().any(|known| known.field == field) {
        dropped.push(Dropped { field });
    }
}

/// What to cut out so that member number `place` is gone with one comma.
fn without(members: &[Member], place: usize, kept: &dyn Fn(&Member) -> bool) -> Range<usize> {
    if members[..place].iter().any(kept) {
        return members[place - 1].value.end..members[place].value.end;
    }
    let end = members.get(place + 1).map_or(members[place].value.end, |next| next.key.start);
    members[place].key.start..end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::edits::edit_in_place;
    use proptest::prelude::*;
    use serde_json::Value;

    const STRICT: Quirks = Quirks {
        volunteers_usage: true,
        only_max_tokens: true,
        only_system: true,
        renamed: &[("seed", "random_seed")],
        refused: &["stream_options", "user", "store"],
        refused_in_messages: &["reasoning_content", "refusal"],
        renamed_in_messages: &[("thoughts", "thinking")],
        call_id_length: Some(9),
        details_reasoning: true,
        silent_finish: false,
    };

    fn adapted(body: &str) -> (String, Vec<String>) {
        let (edits, dropped) = adapt(body.as_bytes(), &STRICT);
        let mut out = body.as_bytes().to_vec();
        edit_in_place(&mut out, 0, edits);
        let text = String::from_utf8(out).expect("text");
        (text, dropped.into_iter().map(|dropped| dropped.field).collect())
    }

    #[test]
    fn what_is_not_refused_keeps_every_byte() {
        for body in [
            "{}",
            " { \"model\" : \"m\" ,\n\"x\":[ {\"user\" : 1 , \"seed\":[]} , \"a\\\"}\" ] }\n",
            r#"{"messages":[{"role":"system","content":"developer \"role\":\"developer\""}],"max_tokens":5}"#,
            r#"{"messages":"none","n":-1.5e3}"#,
            r#"{"messages":[{"role":"tool","tool_call_id":"abcDEF123","content":"x"},7,[]]}"#,
        ] {
            assert_eq!(adapted(body), (body.to_owned(), Vec::new()));
        }
    }

    #[test]
    fn fields_are_renamed_where_they_stand() {
        let body = r#"{ "seed" : 7, "messages":[{"seed":1}], "max_completion_tokens": 5 }"#;
        let wanted = r#"{ "random_seed" : 7, "messages":[{"seed":1}], "max_tokens": 5 }"#;
        assert_eq!(adapted(body), (wanted.to_owned(), Vec::new()));
    }

    #[test]
    fn of_two_spellings_the_newer_one_counts() {
        let both = r#"{"max_tokens":1,"model":"m","max_completion_tokens":2}"#;
        assert_eq!(adapted(both).0, r#"{"model":"m","max_tokens":2}"#);
        let reversed = r#"{"max_completion_tokens":2,"max_tokens":1}"#;
        assert_eq!(adapted(reversed).0, r#"{"max_tokens":2}"#);
    }

    #[test]
    fn refused_fields_leave_with_one_comma_and_are_told() {
        for (body, wanted) in [
            (r#"{"user":"u"}"#, "{}"),
            (r#"{"user":"u","n":1}"#, r#"{"n":1}"#),
            (r#"{"n":1,"user":"u"}"#, r#"{"n":1}"#),
            (r#"{"n":1 , "user":"u" , "m":2}"#, r#"{"n":1 , "m":2}"#),
            (r#"{"n":1,"user":"u","store":true}"#, r#"{"n":1}"#),
            (r#"{"user":"u","store":true,"n":1}"#, r#"{"n":1}"#),
            (r#"{"store":true,"n":1,"user":{"a":["}"]}}"#, r#"{"n":1}"#),
            (r#"{ "store":true, "user":1 }"#, "{  }"),
        ] {
            let (text, dropped) = adapted(body);
            let same: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(same, serde_json::from_str::<Value>(wanted).expect("JSON"), "{body}");
            assert!(!dropped.is_empty(), "{body}");
        }
        let quiet = r#"{"user":null,"messages":[{"refusal":null,"reasoning_content":"","content":"x"}]}"#;
        assert_eq!(adapted(quiet), (r#"{"messages":[{"content":"x"}]}"#.to_owned(), Vec::new()));
    }

    #[test]
    fn signed_reasoning_goes_back_as_it_came() {
        let body = r#"{"messages":[{"role":"assistant","thinking_blocks":[{"type":"thinking","thinking":"a \"b\"","signature":"sig"},{"type":"thinking","thinking":"c","signature":"gemini:x"},{"type":"redacted_thinking","data":"d"}]}]}"#;
        let wanted = r#"{"messages":[{"role":"assistant","reasoning_details":[{"type":"reasoning.text","text":"a \"b\"","signature":"sig","format":"anthropic-claude-v1","index":0},{"type":"reasoning.encrypted","data":"d","format":"anthropic-claude-v1","index":1}]}]}"#;
        assert_eq!(adapted(body), (wanted.to_owned(), Vec::new()));
        let both = r#"{"messages":[{"reasoning_details":[1],"thinking_blocks":[{"type":"thinking"}]}]}"#;
        assert_eq!(adapted(both).0, r#"{"messages":[{"reasoning_details":[1]}]}"#);
    }

    #[test]
    fn messages_are_put_into_words_that_are_taken() {
        let body = r#"{"messages":[{"role":"developer","content":"d"},{"role":"assistant","reasoning_content":"hm","content":null,"tool_calls":[{"id":"toolu_01A","type":"function","function":{"name":"f","arguments":"{\"id\":\"toolu_01A\"}"}},{"id":"abcDEF123","function":{}}],"refusal":null},{"role":"tool","tool_call_id":"toolu_01A","content":"r"}],"user":"u"}"#;
        let (text, dropped) = adapted(body);
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let id = value["messages"][2]["tool_call_id"].as_str().expect("an id").to_owned();
        assert!(id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        let wanted = body
            .replace("\"developer\"", "\"system\"")
            .replace("\"reasoning_content\":\"hm\",", "")
            .replace(",\"refusal\":null", "")
            .replace(",\"user\":\"u\"", "")
            .replace("\"id\":\"toolu_01A\"", &format!("\"id\":\"{id}\""))
            .replace("\"tool_call_id\":\"toolu_01A\"", &format!("\"tool_call_id\":\"{id}\""));
        assert_eq!(text, wanted);
        assert_eq!(dropped, ["messages.reasoning_content", "user"]);
    }

    #[test]
    fn fields_of_messages_are_renamed_unless_they_stand_there_already() {
        let body = r#"{"thoughts":1,"messages":[{"thoughts":"a"},{"thinking":"b","thoughts":"a"}]}"#;
        let wanted = r#"{"thoughts":1,"messages":[{"thinking":"a"},{"thinking":"b"}]}"#;
        assert_eq!(adapted(body), (wanted.to_owned(), vec!["messages.thoughts".to_owned()]));
    }

    #[test]
    fn who_volunteers_usage_or_refuses_the_question_is_not_asked() {
        assert!(Quirks::NONE.is_asked_for_usage());
        assert!(!Quirks { volunteers_usage: true, ..Quirks::NONE }.is_asked_for_usage());
        assert!(!Quirks { refused: &["user", "stream_options"], ..Quirks::NONE }.is_asked_for_usage());
    }

    #[test]
    fn only_quirks_of_requests_make_requests_be_looked_at() {
        assert!(!Quirks { volunteers_usage: true, silent_finish: true, ..Quirks::NONE }.change_requests());
        assert!(STRICT.change_requests());
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ -~\"\\\\{}\\[\\],:é]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            let name = prop_oneof!["[a-z\"\\\\]{0,4}", Just("user".to_owned()), Just("refusal".to_owned())];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((name, inner), 0..4).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    fn plainly(body: &Value) -> Value {
        let mut body = body.clone();
        let Some(object) = body.as_object_mut() else { return body };
        STRICT.refused.iter().for_each(|name| _ = object.shift_remove(*name));
        for message in object.get_mut("messages").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(message) = message.as_object_mut() {
                STRICT.refused_in_messages.iter().for_each(|name| _ = message.shift_remove(*name));
            }
        }
        body
    }

    proptest! {
        #[test]
        fn any_body_becomes_what_a_plain_reading_says(
            others in prop::collection::vec(("[a-z\"\\\\]{0,4}", value()), 0..4),
            user in prop::option::of(value()),
            messages in prop::option::of(prop::collection::vec(value(), 0..4)),
            pretty in any::<bool>(),
        ) {
            let named = others.into_iter().chain(user.map(|user| ("user".to_owned(), user)));
            let named = named.chain(messages.map(|list| ("messages".to_owned(), Value::from(list))));
            let body: Value = named.collect();
            let text = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) };
            let (adapted, _) = adapted(&text.expect("JSON"));
            let found: Value = serde_json::from_str(&adapted).unwrap_or_else(|error| panic!("{error}: {adapted}"));
            prop_assert_eq!(found, plainly(&body));
        }
    }
}
