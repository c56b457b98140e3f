//! Reading a [`Plain`] request: what the dialects have in common.
//!
//! Every function returns `None` as soon as something is not plain. That is no fault: the request is
//! then judged by its own body alone.

use super::fields;
use crate::chat::Piece;
use crate::chat::Plain;
use crate::chat::Role;
use crate::chat::Setting;
use crate::wire::json::JsonObject;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use crate::wire::json::ValueIntoString;

/// Below it a float tells whole numbers from their neighbours.
const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;

impl<'a> Plain<'a> {
    /// Takes a number; refuses what is none, and a second word for the same thing.
    pub(super) fn set(&mut self, setting: Setting, value: Value<'_, 'a>) -> Option<()> {
        let number = fields::as_number(value).filter(|number| number.abs() < EXACT_BELOW)?;
        self.settings[setting as usize].replace(number).is_none().then_some(())
    }

    /// Takes stop sequences: one string or a list of them.
    pub(super) fn stop_at(&mut self, value: Value<'_, 'a>) -> Option<()> {
        if let Some(text) = value.into_string() {
            self.stop.push(text);
            return Some(());
        }
        value.as_array()?.iter().try_for_each(|text| {
            self.stop.push(text.into_string()?);
            Some(())
        })
    }

    /// Somebody speaks: a string, or a list of parts of one of these kinds that hold a text and nothing else.
    pub(super) fn turn(&mut self, role: Role, content: Value<'_, 'a>, kinds: &[&str]) -> Option<()> {
        self.pieces.push(Piece::Turn(role));
        if let Some(text) = content.into_string() {
            self.pieces.push(Piece::Text(text));
            return Some(());
        }
        content.as_array()?.iter().try_for_each(|part| {
            self.pieces.push(Piece::Text(only_text(&part.as_object()?, kinds)?));
            Some(())
        })
    }

    /// The messages of a list, each of a role and a content, as three of the four dialects write them.
    pub(super) fn messages(&mut self, list: Value<'_, 'a>, kinds: &[&str]) -> Option<()> {
        list.as_array()?.iter().try_for_each(|message| {
            let (mut role, mut content) = (None, None);
            for (name, value) in message.as_object()?.iter().filter(|(_, value)| !value.is_null()) {
                match name {
                    "role" => role = Some(role_called(value.as_str()?)?),
                    "content" => content = Some(value),
                    "type" if value.as_str() == Some("message") => {}
                    _ => return None,
                }
            }
            self.turn(role?, content?, kinds)
        })
    }
}

fn role_called(name: &str) -> Option<Role> {
    match name {
        "system" => Some(Role::System),
        "developer" => Some(Role::Developer),
        "user" => Some(Role::User),
        "assistant" => Some(Role::Assistant),
        _ => None,
    }
}

fn only_text<'a>(part: &JsonObject<'_, 'a>, kinds: &[&str]) -> Option<&'a str> {
    let (mut text, mut kind) = (None, None);
    for (name, value) in part.iter().filter(|(_, value)| !value.is_null()) {
        match name {
            "text" => text = value.into_string(),
            "type" => kind = value.into_string(),
            _ => return None,
        }
    }
    text.filter(|_| kind.is_some_and(|kind| kinds.contains(&kind)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects;
    use crate::wire::json::Parser;

    fn judged<Outcome>(dialect: &str, body: &str, judge: impl FnOnce(Option<Plain<'_>>) -> Outcome) -> Outcome {
        let mut copy = body.as_bytes().to_vec();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("valid JSON");
        judge(dialects::named(dialect).expect("a dialect").read_plain(tape.as_value()))
    }

    #[test]
    fn one_conversation_reads_the_same_in_every_dialect() {
        let bodies = [
            (
                "openai_chat",
                r#"{"model":"m","max_tokens":9,"temperature":0.5,"top_p":1,"stop":"x","stream":true,"messages":[
                {"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"},
                {"role":"user","content":[{"type":"text","text":"v"},{"type":"text","text":"w"}]}]}"#,
            ),
            (
                "anthropic_messages",
                r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"u"}]},
                {"role":"assistant","content":"a"},{"role":"user","content":[{"type":"text","text":"v"},
                {"text":"w","type":"text"}]}],"system":"s","max_tokens":9,"temperature":0.5,"top_p":1.0,
                "stop_sequences":["x"]}"#,
            ),
            (
                "gemini",
                r#"{"contents":[{"parts":{"text":"u"}},{"role":"model","parts":[{"text":"a"}]},{"role":"user",
                "parts":[{"text":"v"},{"text":"w"}]}],"system_instruction":{"parts":[{"text":"s"}]},
                "generationConfig":{"maxOutputTokens":9,"temperature":0.5,"top_p":1,"stopSequences":["x"]}}"#,
            ),
        ];
        let wanted = Plain {
            pieces: vec![
                Piece::Turn(Role::System),
                Piece::Text("s"),
                Piece::Turn(Role::User),
                Piece::Text("u"),
                Piece::Turn(Role::Assistant),
                Piece::Text("a"),
                Piece::Turn(Role::User),
                Piece::Text("v"),
                Piece::Text("w"),
            ],
            settings: [Some(9.0), Some(0.5), Some(1.0), None, None, None, None],
            stop: vec!["x"],
            keep: false,
        };
        for (dialect, body) in bodies {
            judged(dialect, body, |plain| assert_eq!(plain, Some(wanted.clone()), "{dialect}"));
        }
        // Responses have no stop sequences.
        let body = r#"{"model":"m","input":[{"role":"user","content":"u"},{"type":"message","role":"assistant",
            "content":[{"type":"output_text","text":"a"}]},{"role":"user","content":[{"type":"input_text","text":"v"},
            {"type":"input_text","text":"w"}]}],"instructions":"s","max_output_tokens":9,"temperature":0.5,"top_p":1,
            "store":false}"#;
        let wanted = Plain { stop: Vec::new(), ..wanted };
        judged("openai_responses", body, |plain| assert_eq!(plain, Some(wanted)));
    }

    #[test]
    fn what_only_one_dialect_can_say_is_not_plain() {
        let chat = r#"{"model":"m","messages":[{"role":"user","content":"u"}]}"#;
        let messages = r#"{"model":"m","messages":[{"role":"user","content":"u"}],"max_tokens":1}"#;
        let responses = r#"{"model":"m","input":[{"role":"user","content":"u"}],"store":false}"#;
        let gemini = r#"{"contents":[{"role":"user","parts":[{"text":"u"}]}],"generationConfig":{"topK":1}}"#;
        for (dialect, body, changes) in [
            (
                "openai_chat",
                chat,
                &[
                    ("\"model\"", "\"user\":\"x\",\"model\""),
                    ("\"model\"", "\"n\":2,\"model\""),
                    ("\"model\"", "\"stop\":[1],\"model\""),
                    ("\"model\"", "\"seed\":9007199254740993,\"model\""),
                    ("\"model\"", "\"max_tokens\":1,\"max_completion_tokens\":1,\"model\""),
                    ("\"role\"", "\"name\":\"x\",\"role\""),
                    ("user", "tool"),
                    ("\"u\"", "null"),
                    ("\"u\"", r#"[{"type":"image_url","image_url":{"url":"x"}}]"#),
                    ("\"u\"", r#"[{"type":"text","text":"u","cache_control":{"type":"ephemeral"}}]"#),
                ][..],
            ),
            (
                "anthropic_messages",
                messages,
                &[
                    ("\"model\"", "\"metadata\":{},\"model\""),
                    ("\"model\"", "\"thinking\":{\"type\":\"disabled\"},\"model\""),
                    ("\"model\"", r#""system":[{"type":"text","text":"s","cache_control":{}}],"model""#),
                    ("\"u\"", r#"[{"type":"document"}]"#),
                ],
            ),
            (
                "openai_responses",
                responses,
                &[
                    ("\"model\"", "\"previous_response_id\":\"r\",\"model\""),
                    ("\"model\"", "\"reasoning\":{},\"model\""),
                    ("\"role\"", "\"id\":\"x\",\"role\""),
                    ("{\"role\"", "{\"type\":\"function_call_output\"},{\"role\""),
                ],
            ),
            (
                "gemini",
                gemini,
                &[
                    ("\"contents\"", "\"safetySettings\":[],\"contents\""),
                    ("\"topK\"", "\"thinkingConfig\":{},\"topK\""),
                    ("\"text\"", "\"thought\":true,\"text\""),
                    ("\"user\"", "\"function\""),
                ],
            ),
        ] {
            assert!(judged(dialect, body, |plain| plain.is_some()), "{body}");
            for (from, to) in changes {
                let changed = body.replacen(from, to, 1);
                assert!(judged(dialect, &changed, |plain| plain.is_none()), "{changed}");
            }
        }
    }

    #[test]
    fn a_response_is_kept_unless_the_caller_says_otherwise() {
        for (store, keep) in [("", true), (r#","store":true"#, true), (r#","store":false"#, false)] {
            let body = format!(r#"{{"model":"m","input":"u"{store}}}"#);
            assert!(judged("openai_responses", &body, |plain| plain.expect("plain").keep) == keep, "{body}");
        }
    }
}
