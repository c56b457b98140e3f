//! What only a provider of this dialect can serve.
//!
//! Asked of the body and not of the neutral request, so that the refusal names the field as the caller
//! wrote it.

use super::super::fields;
use super::input;
use super::request;
use crate::fault::Fault;
use crate::wire::json::JsonArray;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

/// Fields that refer to what the provider keeps.
const STATE: &[&str] = &["previous_response_id", "conversation", "prompt"];

/// Refuses the request if translating it would lose what it relies on.
pub(super) fn check(body: Value<'_, '_>) -> Result<(), Fault> {
    let object = fields::body_object(body)?;
    for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        match name {
            _ if STATE.contains(&name) => {
                let advice = "send the whole conversation as `input` instead";
                return Err(refused(name.to_owned(), "refers to state that its provider keeps", advice));
            }
            "background" if value.as_bool() == Some(true) => {
                let advice = "leave it out and wait for the answer, streamed or not";
                return Err(refused(name.to_owned(), "asks for an answer to be fetched later", advice));
            }
            "input" => check_items(value.as_array())?,
            "tools" => check_tools(value.as_array())?,
            "tool_choice" if !is_portable_choice(value) => {
                let advice = "use `auto`, `none`, `required` or a function";
                return Err(refused(name.to_owned(), "chooses among tools in a way of its own", advice));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Fields by the names that writers of other dialects have for them, and by ours.
const NAMES: &[(&str, &str)] = &[
    ("response_format.json_schema", "text.format"),
    ("response_format", "text.format"),
    ("reasoning_effort", "reasoning.effort"),
    ("max_tokens", "max_output_tokens"),
    ("tools[].function", "tools[]"),
    ("logprobs", "include"),
];

/// What our callers call `field`. Turns gather several items, so of a message only the list is certain.
pub(super) fn name_of_field(field: &str) -> String {
    if field == "messages" || field.starts_with("messages[") {
        return "input".to_owned();
    }
    let renamed = NAMES.iter().find_map(|(theirs, ours)| {
        let rest = field.strip_prefix(theirs).filter(|rest| rest.is_empty() || rest.starts_with('.'))?;
        Some(format!("{ours}{rest}"))
    });
    renamed.unwrap_or_else(|| field.to_owned())
}

fn refused(param: String, what: &str, advice: &str) -> Fault {
    let elsewhere = "only a provider of the Responses API can serve that, and this model's speaks another dialect";
    let message = format!("`{param}` {what}: {elsewhere}; {advice}");
    Fault::bad_field(param, message)
}

fn check_items(items: Option<JsonArray<'_, '_>>) -> Result<(), Fault> {
    for (place, item) in items.iter().flat_map(|items| items.iter()).enumerate() {
        let Some(object) = item.as_object() else {
            continue;
        };
        if input::is_kept_whole(&object) {
            // Messages and references may leave their type out.
            let untyped = if object.get("role").is_some() { "message" } else { "item_reference" };
            let kind = fields::string_of(&object, "type").unwrap_or(untyped);
            let what = format!("is an item of type `{}`", fields::provider_text(kind));
            return Err(refused(
                format!("input[{place}]"),
                &what,
                "send messages, calls of functions and their results",
            ));
        }
    }
    Ok(())
}

fn check_tools(tools: Option<JsonArray<'_, '_>>) -> Result<(), Fault> {
    for (place, tool) in tools.iter().flat_map(|tools| tools.iter()).enumerate() {
        let object = tool.as_object();
        let kind = object.as_ref().and_then(|tool| fields::string_of(tool, "type")).unwrap_or("");
        if kind != "function" {
            let what = format!("is a tool of type `{}`", fields::provider_text(kind));
            return Err(refused(format!("tools[{place}]"), &what, "leave it out or offer a function"));
        }
    }
    Ok(())
}

fn is_portable_choice(choice: Value<'_, '_>) -> bool {
    match choice.as_object() {
        Some(object) => fields::string_of(&object, "type") == Some("function") || request::allowed(choice).is_some(),
        None => matches!(choice.as_str(), Some("auto" | "none" | "required")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn refusal(fields: &str) -> Option<Fault> {
        let mut copy = format!(r#"{{"model":"m",{fields}}}"#).into_bytes();
        let mut parser = Parser::new();
        check(parser.parse(&mut copy).expect("valid JSON").as_value()).err()
    }

    #[test]
    fn what_cannot_be_had_elsewhere_is_refused_by_name() {
        for (fields, param) in [
            (r#""previous_response_id":"resp_1""#, "previous_response_id"),
            (r#""conversation":{"id":"conv_1"}"#, "conversation"),
            (r#""prompt":{"id":"pmpt_1"}"#, "prompt"),
            (r#""background":true"#, "background"),
            (r#""input":[{"role":"user","content":"x"},{"type":"item_reference","id":"msg_1"}]"#, "input[1]"),
            (r#""input":[{"id":"msg_1"}]"#, "input[0]"),
            (r#""input":[{"type":"custom_tool_call_output","call_id":"c","output":"x"}]"#, "input[0]"),
            (r#""input":[{"type":"compaction","encrypted_content":"x"}]"#, "input[0]"),
            (r#""tools":[{"type":"function","name":"f"},{"type":"web_search"}]"#, "tools[1]"),
            (r#""tools":[{"type":"custom","name":"f"}]"#, "tools[0]"),
            (r#""tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"web_search"}]}"#, "tool_choice"),
            (r#""tool_choice":{"type":"file_search"}"#, "tool_choice"),
        ] {
            let fault = refusal(fields).unwrap_or_else(|| panic!("{fields}"));
            assert_eq!(fault.param.as_deref(), Some(param), "{fields}");
            assert_eq!(fault.kind, crate::fault::Kind::BadRequest);
            assert!(fault.message.contains("Responses API"), "{}", fault.message);
        }
    }

    #[test]
    fn fields_have_our_names() {
        for (theirs, ours) in [
            ("messages", "input"),
            ("messages[2].content", "input"),
            ("messages[2].tool_calls[0].function.arguments", "input"),
            ("response_format", "text.format"),
            ("response_format.json_schema.schema", "text.format.schema"),
            ("tools[].function.strict", "tools[].strict"),
            ("tools[2]", "tools[2]"),
            ("temperature", "temperature"),
            ("logprobs_of_another_kind", "logprobs_of_another_kind"),
        ] {
            assert_eq!(name_of_field(theirs), ours);
        }
    }

    #[test]
    fn everything_else_can_be_translated() {
        for fields in [
            r#""previous_response_id":null,"background":false,"conversation":null,"store":true"#,
            r#""tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"function","name":"f"}"#,
            r#""tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]}"#,
            r#""input":[{"type":"web_search_call","id":"ws_1","status":"completed"},{"role":"developer","content":"x"}]"#,
            r#""input":[{"type":"reasoning","id":"rs_1","summary":[]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"x"}]"#,
        ] {
            assert_eq!(refusal(fields), None, "{fields}");
        }
    }
}
