//! The facts that the gateway judges a request by, in one walk and without a copy.

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
    // Streams of this dialect always tell the tokens.
    let mut ask = Ask { choices: 1, include_usage: true, ..Ask::default() };
    let (mut model, mut messages) = (None, None);
    for (name, value) in object.iter() {
        if value.is_null() {
            continue;
        }
        match name {
            "model" => model = Some(fields::string(value, || name.to_owned())?),
            "messages" => messages = Some(fields::array(value, || name.to_owned())?),
            "system" => {
                weigh_content(value, &|| name.to_owned(), &mut ask)?;
            }
            "stream" => ask.stream = fields::boolean(value, name)?,
            "temperature" => ask.temperature = Some(fields::number(value, name)?),
            "max_tokens" => ask.max_tokens = Some(fields::integer(value, name)?),
            "tools" => ask.has_tools |= !fields::array(value, || name.to_owned())?.is_empty(),
            "mcp_servers" => ask.has_tools = true,
            "output_format" => ask.has_response_format = true,
            "output_config" => {
                let config = fields::object(value, || name.to_owned())?;
                ask.has_response_format |= !fields::is_unsaid(&config, "format");
            }
            _ => fields::refuse_upstream_field(name)?,
        }
    }
    let model = model.filter(|model| !model.is_empty());
    ask.model = Cow::Borrowed(model.ok_or_else(|| Fault::bad_field("model", "`model` is required: name a model"))?);
    let messages = messages.filter(|messages| !messages.is_empty());
    let missing = || Fault::bad_field("messages", "`messages` is required and must not be empty");
    weigh_messages(messages.ok_or_else(missing)?, &mut ask)?;
    Ok(ask)
}

fn weigh_messages<'input>(messages: JsonArray<'_, 'input>, ask: &mut Ask<'input>) -> Result<(), Fault> {
    for (place, message) in messages.iter().enumerate() {
        ask.messages += 1;
        let message = fields::object(message, || format!("messages[{place}]"))?;
        let missing = || Fault::bad_field(format!("messages[{place}].role"), "every message needs a `role`");
        let role = fields::string(message.get("role").ok_or_else(missing)?, || format!("messages[{place}].role"))?;
        let param = || format!("messages[{place}].content");
        let missing = || Fault::bad_field(param(), "every message needs a `content`");
        let only_text = weigh_content(message.get("content").ok_or_else(missing)?, &param, ask)?;
        ask.last_user_text = only_text.filter(|_| role == "user");
    }
    Ok(())
}

/// Returns the text of content that is made of exactly one.
fn weigh_content<'input>(
    content: Value<'_, 'input>,
    param: &dyn Fn() -> String,
    ask: &mut Ask<'input>,
) -> Result<Option<&'input str>, Fault> {
    if let Some(text) = content.into_string() {
        ask.text_bytes += text.len();
        return Ok(Some(text));
    }
    let wrong = || fields::wrong_type(param(), "a string or an array of blocks");
    let blocks = content.as_array().ok_or_else(wrong)?;
    let mut only_text = None;
    for (number, block) in blocks.iter().enumerate() {
        let block = fields::object(block, || format!("{}[{number}]", param()))?;
        let text = fields::string_of(&block, "text");
        ask.text_bytes += text.map_or(0, str::len);
        match fields::string_of(&block, "type") {
            Some("text") => {
                only_text =
                    Some(text.ok_or_else(|| fields::wrong_type(format!("{}[{number}].text", param()), "a string"))?);
            }
            Some("thinking" | "redacted_thinking") => {}
            Some("tool_result") => {
                ask.has_tools = true;
                if let Some(result) = block.get("content") {
                    weigh_content(result, &|| format!("{}[{number}].content", param()), ask)?;
                }
            }
            Some("tool_use" | "server_tool_use" | "mcp_tool_use" | "mcp_tool_result") => ask.has_tools = true,
            Some(kind) if kind.ends_with("_tool_result") => ask.has_tools = true,
            _ => ask.has_media = true,
        }
    }
    Ok(only_text.filter(|_| blocks.len() == 1))
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
        let body = r#"{"model":"m","max_tokens":9,"stream":true,"system":[{"type":"text","text":"abc"}],
            "output_config":{"format":{}},"messages":[{"role":"user","content":[{"type":"tool_result",
            "tool_use_id":"t","content":[{"type":"image"}]}]},{"role":"user","content":"de"}]}"#;
        judged(body, |ask| {
            let wanted = Ask {
                model: "m".into(),
                stream: true,
                include_usage: true,
                temperature: None,
                choices: 1,
                max_tokens: Some(9),
                last_user_text: Some("de"),
                messages: 2,
                text_bytes: 5,
                has_tools: true,
                has_media: true,
                has_response_format: true,
                stateful: false,
                goes_on_from: None,
                vectors: None,
            };
            assert_eq!(ask.expect("good"), wanted);
        });
    }

    #[test]
    fn wrong_types_are_named() {
        for (body, param) in [
            (r#"{"messages":[{"role":"user","content":"x"}]}"#, "model"),
            (r#"{"model":"m","messages":[]}"#, "messages"),
            (r#"{"model":"m","messages":[{"content":"x"}]}"#, "messages[0].role"),
            (r#"{"model":"m","messages":[{"role":"user"}]}"#, "messages[0].content"),
            (r#"{"model":"m","messages":[{"role":"user","content":null}]}"#, "messages[0].content"),
            (r#"{"model":"m","messages":[{"role":"user","content":[1]}]}"#, "messages[0].content[0]"),
            (
                r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}"#,
                "messages[0].content[0].text",
            ),
            (r#"{"model":"m","system":4,"messages":[{"role":"user","content":"x"}]}"#, "system"),
            (r#"{"model":"m","proxy":"p","messages":[{"role":"user","content":"x"}]}"#, "proxy"),
        ] {
            judged(body, |ask| assert_eq!(ask.expect_err(body).param.as_deref(), Some(param), "{body}"));
        }
    }
}
