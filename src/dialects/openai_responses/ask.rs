//! The facts that the gateway judges a request by, in one walk and without a copy.

use super::super::fields;
use super::items;
use crate::chat::Ask;
use crate::chat::Kept;
use crate::fault::Fault;
use crate::wire::json::JsonArray;
use crate::wire::json::JsonObject;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use crate::wire::json::ValueIntoString;
use std::borrow::Cow;

pub(super) fn read_ask<'input>(body: Value<'_, 'input>) -> Result<Ask<'input>, Fault> {
    let object = fields::body_object(body)?;
    // Streams of this dialect always tell the tokens.
    let mut ask = Ask { choices: 1, include_usage: true, ..Ask::default() };
    let mut model = None;
    for (name, value) in object.iter() {
        if value.is_null() {
            continue;
        }
        match name {
            "model" => model = Some(fields::string(value, || name.to_owned())?),
            "input" => weigh_input(value, &mut ask)?,
            "instructions" => ask.text_bytes += value.as_str().map_or(0, str::len),
            "stream" => ask.stream = fields::boolean(value, name)?,
            "temperature" => ask.temperature = Some(fields::number(value, name)?),
            "max_output_tokens" => ask.max_tokens = Some(fields::integer(value, name)?),
            "tools" => ask.has_tools |= !fields::array(value, || name.to_owned())?.is_empty(),
            "text" => {
                let text = fields::object(value, || name.to_owned())?;
                let format = fields::object_of(&text, "format");
                ask.has_response_format =
                    format.is_some_and(|format| fields::string_of(&format, "type") != Some("text"));
            }
            "previous_response_id" => ask.goes_on_from = kept("previous_response_id", value.into_string()),
            // Conversations grow and background work goes on: the same words later are another request.
            "conversation" => {
                ask.stateful = true;
                let id = value.as_object().and_then(|conversation| fields::string_of(&conversation, "id"));
                ask.goes_on_from = kept("conversation", value.into_string().or(id));
            }
            "background" => ask.stateful |= fields::boolean(value, name)?,
            _ => fields::refuse_upstream_field(name)?,
        }
    }
    let model = model.filter(|model| !model.is_empty());
    ask.model = Cow::Borrowed(model.ok_or_else(|| Fault::bad_field("model", "`model` is required: name a model"))?);
    if ask.messages == 0 && !has_other_input(&object) {
        return Err(Fault::bad_field("input", "`input` is required and must not be empty"));
    }
    Ok(ask)
}

fn kept<'input>(field: &'static str, id: Option<&'input str>) -> Option<Kept<'input>> {
    id.map(|id| Kept { field, id })
}

/// Is there something to answer that the provider keeps?
fn has_other_input(object: &JsonObject<'_, '_>) -> bool {
    ["previous_response_id", "conversation", "prompt"].iter().any(|name| !fields::is_unsaid(object, name))
}

fn weigh_input<'input>(input: Value<'_, 'input>, ask: &mut Ask<'input>) -> Result<(), Fault> {
    if let Some(text) = input.into_string() {
        ask.messages = 1;
        ask.text_bytes += text.len();
        ask.last_user_text = Some(text);
        return Ok(());
    }
    let list = input.as_array().ok_or_else(|| fields::wrong_type("input", "a string or an array of items"))?;
    for (place, item) in list.iter().enumerate() {
        ask.messages += 1;
        let item = fields::object(item, || format!("input[{place}]"))?;
        ask.last_user_text = None;
        match fields::string_of(&item, "type") {
            Some("reasoning" | "item_reference" | "compaction") => {}
            None if item.get("role").is_none() && item.get("id").is_some() => {} // a reference as well
            None | Some("message") => weigh_message(&item, place, ask)?,
            Some(kind) => weigh_other(kind, &item, ask),
        }
    }
    Ok(())
}

fn weigh_message<'input>(item: &JsonObject<'_, 'input>, place: usize, ask: &mut Ask<'input>) -> Result<(), Fault> {
    let role = || format!("input[{place}].role");
    let missing = || Fault::bad_field(role(), "every message needs a `role`");
    let role = fields::string(item.get("role").ok_or_else(missing)?, role)?;
    let param = || format!("input[{place}].content");
    let missing = || Fault::bad_field(param(), "every message needs a `content`");
    let content = item.get("content").ok_or_else(missing)?;
    let only_text = if let Some(text) = content.into_string() {
        ask.text_bytes += text.len();
        Some(text)
    } else {
        let wrong = || fields::wrong_type(param(), "a string or an array of parts");
        weigh_parts(&content.as_array().ok_or_else(wrong)?, &param, ask)?
    };
    ask.last_user_text = only_text.filter(|_| role == "user");
    Ok(())
}

/// Returns the text of a list that is made of exactly one.
fn weigh_parts<'input>(
    parts: &JsonArray<'_, 'input>,
    param: &dyn Fn() -> String,
    ask: &mut Ask<'input>,
) -> Result<Option<&'input str>, Fault> {
    let mut only_text = None;
    for (number, part) in parts.iter().enumerate() {
        let part = fields::object(part, || format!("{}[{number}]", param()))?;
        let text = fields::string_of(&part, "text");
        ask.text_bytes += text.map_or(0, str::len);
        match fields::string_of(&part, "type") {
            Some("input_text" | "output_text" | "text") => {
                let missing = || fields::wrong_type(format!("{}[{number}].text", param()), "a string");
                only_text = Some(text.ok_or_else(missing)?);
            }
            Some("refusal") => {}
            _ => ask.has_media = true,
        }
    }
    Ok(only_text.filter(|_| parts.len() == 1))
}

/// Calls, their results, and whatever else is a matter of tools.
fn weigh_other<'input>(kind: &str, item: &JsonObject<'_, 'input>, ask: &mut Ask<'input>) {
    ask.has_tools = true;
    let Some(output) = item.get("output") else {
        ask.has_media |= !items::is_call(kind) && !kind.ends_with("_call");
        return;
    };
    ask.text_bytes += output.as_str().map_or(0, str::len);
    for part in output.as_array().iter().flat_map(|list| list.iter()).filter_map(|part| part.as_object()) {
        ask.text_bytes += fields::string_of(&part, "text").map_or(0, str::len);
        ask.has_media |= fields::string_of(&part, "text").is_none();
    }
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
        let body = r#"{"model":"m","max_output_tokens":9,"stream":true,"instructions":"abc","temperature":1,
            "text":{"format":{"type":"json_object"}},"input":[{"type":"function_call","call_id":"c","name":"f",
            "arguments":"{}"},{"type":"function_call_output","call_id":"c","output":[{"type":"input_image"}]},
            {"role":"user","content":[{"type":"input_text","text":"de"}]}]}"#;
        judged(body, |ask| {
            let wanted = Ask {
                model: "m".into(),
                stream: true,
                include_usage: true,
                temperature: Some(1.0),
                choices: 1,
                max_tokens: Some(9),
                last_user_text: Some("de"),
                messages: 3,
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
    fn a_plain_input_is_the_last_user_text_where_it_stands() {
        let raw = br#"{"model":"m","input":"where am I"}"#;
        let mut copy = raw.to_vec();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("valid JSON");
        let ask = read_ask(tape.as_value()).expect("good");
        let text = ask.last_user_text.expect("a user text");
        assert_eq!(crate::wire::json::span_of(raw, parser.copy_base(), text), Some(22..32));
        assert_eq!((ask.messages, ask.has_tools, ask.stateful), (1, false, false));
    }

    #[test]
    fn what_the_provider_keeps_is_no_plain_question() {
        for (fields, stateful) in [
            (r#""conversation":"conv_1""#, true),
            (r#""background":true,"input":"x""#, true),
            (r#""background":false,"input":"x""#, false),
            (r#""previous_response_id":"resp_1""#, false),
        ] {
            judged(&format!(r#"{{"model":"m",{fields}}}"#), |ask| {
                assert_eq!(ask.expect("good").stateful, stateful, "{fields}");
            });
        }
        for last in [r#"{"role":"assistant","content":"a"}"#, r#"{"type":"item_reference","id":"i"}"#] {
            judged(&format!(r#"{{"model":"m","input":[{{"role":"user","content":"x"}},{last}]}}"#), |ask| {
                assert_eq!(ask.expect("good").last_user_text, None, "{last}");
            });
        }
    }

    #[test]
    fn what_a_request_goes_on_from_is_known_by_its_field() {
        for (fields, wanted) in [
            (r#""previous_response_id":"resp_1""#, Some(("previous_response_id", "resp_1"))),
            (r#""conversation":"conv_1""#, Some(("conversation", "conv_1"))),
            (r#""conversation":{"id":"conv_1"}"#, Some(("conversation", "conv_1"))),
            (r#""conversation":{"id":7},"input":"x""#, None),
            (r#""previous_response_id":null,"input":"x""#, None),
        ] {
            judged(&format!(r#"{{"model":"m",{fields}}}"#), |ask| {
                let kept = ask.expect("good").goes_on_from;
                assert_eq!(kept.map(|kept| (kept.field, kept.id)), wanted, "{fields}");
            });
        }
    }

    #[test]
    fn wrong_types_are_named() {
        for (body, param) in [
            (r#"{"input":"x"}"#, "model"),
            (r#"{"model":"m"}"#, "input"),
            (r#"{"model":"m","input":[]}"#, "input"),
            (r#"{"model":"m","input":7}"#, "input"),
            (r#"{"model":"m","input":["x"]}"#, "input[0]"),
            (r#"{"model":"m","input":[{"content":"x"}]}"#, "input[0].role"),
            (r#"{"model":"m","input":[{"role":"user"}]}"#, "input[0].content"),
            (r#"{"model":"m","input":[{"role":"user","content":5}]}"#, "input[0].content"),
            (r#"{"model":"m","input":[{"role":"user","content":["x"]}]}"#, "input[0].content[0]"),
            (
                r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_text"}]}]}"#,
                "input[0].content[0].text",
            ),
            (r#"{"model":"m","input":"x","stream":1}"#, "stream"),
            (r#"{"model":"m","input":"x","max_output_tokens":-1}"#, "max_output_tokens"),
            (r#"{"model":"m","input":"x","base_url":"http://x"}"#, "base_url"),
        ] {
            judged(body, |ask| assert_eq!(ask.expect_err(body).param.as_deref(), Some(param), "{body}"));
        }
    }
}
