//! The facts that the gateway judges a request by, in one walk and without a copy.
//!
//! Only what the gateway itself relies on is checked; everything else is the provider's to judge, so
//! that a new field or role works on the day it appears.

use super::super::fields;
use crate::chat::Ask;
use crate::fault::Fault;
use crate::wire::json::JsonArray;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueIntoString;
use std::borrow::Cow;

pub(super) fn read_ask<'input>(body: Value<'_, 'input>) -> Result<Ask<'input>, Fault> {
    let object = fields::body_object(body)?;
    let mut ask = Ask { choices: 1, ..Ask::default() };
    let mut bounds = Bounds::default();
    let (mut model, mut messages) = (None, None);
    for (name, value) in object.iter() {
        if value.is_null() {
            continue;
        }
        match name {
            "model" => model = Some(fields::string(value, || name.to_owned())?),
            "messages" => messages = Some(fields::array(value, || name.to_owned())?),
            "stream" => ask.stream = fields::boolean(value, name)?,
            "stream_options" => {
                let options = fields::object(value, || name.to_owned())?;
                if let Some(include) = options.get("include_usage").filter(|include| !include.is_null()) {
                    ask.include_usage = fields::boolean(include, "stream_options.include_usage")?;
                }
            }
            "temperature" => ask.temperature = Some(fields::number(value, name)?),
            "n" => ask.choices = positive(value, name)?,
            "max_tokens" => bounds.old = Some(fields::integer(value, name)?),
            "max_completion_tokens" => bounds.new = Some(fields::integer(value, name)?),
            "tools" | "functions" => ask.has_tools |= !fields::array(value, || name.to_owned())?.is_empty(),
            "response_format" => {
                let format = fields::object(value, || name.to_owned())?;
                ask.has_response_format = fields::string_of(&format, "type") != Some("text");
            }
            "audio" => ask.has_media = true,
            _ => fields::refuse_upstream_field(name)?,
        }
    }
    ask.max_tokens = bounds.new.or(bounds.old);
    let model = model.filter(|model| !model.is_empty());
    ask.model = Cow::Borrowed(model.ok_or_else(|| Fault::bad_field("model", "`model` is required: name a model"))?);
    let messages = messages.filter(|messages| !messages.is_empty());
    let missing = || Fault::bad_field("messages", "`messages` is required and must not be empty");
    weigh_messages(messages.ok_or_else(missing)?, &mut ask)?;
    Ok(ask)
}

/// `max_completion_tokens` replaced `max_tokens` and wins where both stand.
#[derive(Default)]
struct Bounds {
    old: Option<u64>,
    new: Option<u64>,
}

fn positive(value: Value<'_, '_>, name: &str) -> Result<u64, Fault> {
    match fields::integer(value, name)? {
        0 => Err(fields::wrong_type(name, "at least 1")),
        count => Ok(count),
    }
}

fn weigh_messages<'input>(messages: JsonArray<'_, 'input>, ask: &mut Ask<'input>) -> Result<(), Fault> {
    for (place, message) in messages.iter().enumerate() {
        ask.messages += 1;
        weigh_message(message, place, ask)?;
    }
    Ok(())
}

fn weigh_message<'input>(message: Value<'_, 'input>, place: usize, ask: &mut Ask<'input>) -> Result<(), Fault> {
    let message = fields::object(message, || format!("messages[{place}]"))?;
    let mut role = None;
    let mut content = Content::default();
    for (name, value) in message.iter() {
        match name {
            "role" => role = Some(fields::string(value, || format!("messages[{place}].role"))?),
            "content" => content = weigh_content(value, place, ask)?,
            "tool_calls" => ask.has_tools |= value.as_array().is_some_and(|calls| !calls.is_empty()),
            "tool_call_id" | "function_call" => ask.has_tools |= !value.is_null(),
            "audio" => ask.has_media |= !value.is_null(),
            _ => {}
        }
    }
    let missing = || Fault::bad_field(format!("messages[{place}].role"), "every message needs a `role`");
    let role = role.ok_or_else(missing)?;
    ask.has_tools |= matches!(role, "tool" | "function");
    ask.last_user_text = content.only_text.filter(|_| role == "user");
    Ok(())
}

#[derive(Default)]
struct Content<'input> {
    /// Its text, where it is made of exactly one.
    only_text: Option<&'input str>,
}

fn weigh_content<'input>(
    content: Value<'_, 'input>,
    place: usize,
    ask: &mut Ask<'input>,
) -> Result<Content<'input>, Fault> {
    if let Some(text) = content.into_string() {
        ask.text_bytes += text.len();
        return Ok(Content { only_text: Some(text) });
    }
    if content.is_null() {
        return Ok(Content::default());
    }
    let wrong = || fields::wrong_type(format!("messages[{place}].content"), "a string, an array of parts or null");
    let parts = content.as_array().ok_or_else(wrong)?;
    let mut only_text = None;
    for (number, part) in parts.iter().enumerate() {
        let part = fields::object(part, || format!("messages[{place}].content[{number}]"))?;
        let text = fields::string_of(&part, "text");
        ask.text_bytes += text.map_or(0, str::len);
        match fields::string_of(&part, "type") {
            Some("text") => {
                let missing = || fields::wrong_type(format!("messages[{place}].content[{number}].text"), "a string");
                only_text = Some(text.ok_or_else(missing)?);
            }
            Some("refusal" | "thinking") => {}
            _ => ask.has_media = true,
        }
    }
    Ok(Content { only_text: only_text.filter(|_| parts.len() == 1) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn judged(body: &str, check: impl FnOnce(Result<Ask<'_>, Fault>)) {
        let mut copy = body.as_bytes().to_vec();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("valid JSON");
        check(read_ask(tape.as_value()));
    }

    #[test]
    fn facts_are_read() {
        let body = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"temperature":1,"n":2,
            "max_tokens":5,"max_completion_tokens":6,"response_format":{"type":"json_object"},"tools":[{}],
            "messages":[{"role":"system","content":"abc"},{"role":"user","content":[{"type":"text","text":"de"}]}]}"#;
        judged(body, |ask| {
            let wanted = Ask {
                model: "m".into(),
                stream: true,
                include_usage: true,
                temperature: Some(1.0),
                choices: 2,
                max_tokens: Some(6),
                last_user_text: Some("de"),
                messages: 2,
                text_bytes: 5,
                has_tools: true,
                has_media: false,
                has_response_format: true,
                stateful: false,
                goes_on_from: None,
                vectors: None,
            };
            assert_eq!(ask.expect("good"), wanted);
        });
    }

    #[test]
    fn the_last_user_text_is_where_the_parser_put_it() {
        let raw = br#"{"model":"m","messages":[{"role":"user","content":"where am I"}]}"#;
        let mut copy = raw.to_vec();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("valid JSON");
        let ask = read_ask(tape.as_value()).expect("good");
        let text = ask.last_user_text.expect("a user text");
        assert_eq!(crate::wire::json::span_of(raw, parser.copy_base(), text), Some(51..61));
    }

    #[test]
    fn only_a_single_user_text_counts_as_the_last_one() {
        for messages in [
            r#"{"role":"user","content":"a"},{"role":"assistant","content":"b"}"#,
            r#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#,
            r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}},{"type":"text","text":"b"}]}"#,
            r#"{"role":"user","content":null}"#,
        ] {
            judged(&format!(r#"{{"model":"m","messages":[{messages}]}}"#), |ask| {
                assert_eq!(ask.expect("good").last_user_text, None, "{messages}");
            });
        }
    }

    #[test]
    fn wrong_types_are_named() {
        for (body, param) in [
            (r#"{"messages":[{"role":"user"}]}"#, "model"),
            (r#"{"model":"","messages":[{"role":"user"}]}"#, "model"),
            (r#"{"model":7,"messages":[{"role":"user"}]}"#, "model"),
            (r#"{"model":"m"}"#, "messages"),
            (r#"{"model":"m","messages":[]}"#, "messages"),
            (r#"{"model":"m","messages":{}}"#, "messages"),
            (r#"{"model":"m","messages":["hi"]}"#, "messages[0]"),
            (r#"{"model":"m","messages":[{"role":"user","content":"x"},{"content":"x"}]}"#, "messages[1].role"),
            (r#"{"model":"m","messages":[{"role":3}]}"#, "messages[0].role"),
            (r#"{"model":"m","messages":[{"role":"user"},{},{}]}"#, "messages[1].role"),
            (r#"{"model":"m","messages":[{"role":"user","content":5}]}"#, "messages[0].content"),
            (r#"{"model":"m","messages":[{"role":"user","content":["x"]}]}"#, "messages[0].content[0]"),
            (
                r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}"#,
                "messages[0].content[0].text",
            ),
            (r#"{"model":"m","stream":"yes","messages":[{"role":"user"}]}"#, "stream"),
            (r#"{"model":"m","n":0,"messages":[{"role":"user"}]}"#, "n"),
            (r#"{"model":"m","n":1.5,"messages":[{"role":"user"}]}"#, "n"),
            (r#"{"model":"m","temperature":"hot","messages":[{"role":"user"}]}"#, "temperature"),
            (r#"{"model":"m","max_tokens":-1,"messages":[{"role":"user"}]}"#, "max_tokens"),
            (r#"{"model":"m","api_base":"http://x","messages":[{"role":"user"}]}"#, "api_base"),
        ] {
            judged(body, |ask| {
                let fault = ask.expect_err(body);
                assert_eq!(fault.param.as_deref(), Some(param), "{body}");
                assert_eq!(fault.kind, crate::fault::Kind::BadRequest);
            });
        }
        judged("[1]", |ask| assert!(ask.is_err()));
    }
}
