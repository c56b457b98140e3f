//! The facts that the gateway judges a request by, in one walk and without a copy. Model and streaming are
//! not among them: the path says both.

use super::super::fields;
use super::spelling;
use crate::chat::Ask;
use crate::fault::Fault;
use crate::wire::json::JsonObject;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use crate::wire::json::ValueIntoString;

pub(super) fn read_ask<'input>(body: Value<'_, 'input>) -> Result<Ask<'input>, Fault> {
    let object = fields::body_object(body)?;
    // Streams of this dialect always tell the tokens.
    let mut ask = Ask { choices: 1, include_usage: true, ..Ask::default() };
    let mut contents = Vec::new();
    for (written, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        let name = spelling::camel(written);
        match &*name {
            "contents" => contents = spelling::items(value, || name.clone().into_owned())?,
            "systemInstruction" => {
                let content = fields::object(value, || name.clone().into_owned())?;
                weigh_parts(&content, &|| "systemInstruction".to_owned(), &mut ask)?;
            }
            "tools" => ask.has_tools |= !spelling::items(value, || name.clone().into_owned())?.is_empty(),
            "generationConfig" => weigh_config(&fields::object(value, || name.clone().into_owned())?, &mut ask)?,
            // What was cached at the provider may hold anything.
            "cachedContent" => (ask.has_tools, ask.has_media) = (true, true),
            _ => fields::refuse_upstream_field(written)?,
        }
    }
    if contents.is_empty() {
        return Err(Fault::bad_field("contents", "`contents` is required and must not be empty"));
    }
    for (place, content) in contents.into_iter().enumerate() {
        ask.messages += 1;
        let content = fields::object(content, || format!("contents[{place}]"))?;
        let only_text = weigh_parts(&content, &|| format!("contents[{place}]"), &mut ask)?;
        ask.last_user_text = only_text.filter(|_| matches!(spelling::text(&content, "role"), None | Some("user" | "")));
    }
    Ok(ask)
}

fn weigh_config(config: &JsonObject<'_, '_>, ask: &mut Ask<'_>) -> Result<(), Fault> {
    for (written, value) in config.iter().filter(|(_, value)| !value.is_null()) {
        let name = spelling::camel(written);
        let param = || format!("generationConfig.{name}");
        match &*name {
            "temperature" => ask.temperature = Some(fields::number(value, &param())?),
            "candidateCount" => ask.choices = spelling::count(value, &param())?.max(1),
            "maxOutputTokens" => ask.max_tokens = Some(spelling::count(value, &param())?),
            "responseMimeType" => ask.has_response_format |= value.as_str() != Some("text/plain"),
            "responseSchema" | "responseJsonSchema" => ask.has_response_format = true,
            "responseModalities" => {
                let modalities = value.as_array();
                let is_text = |one: Value<'_, '_>| one.as_str().is_some_and(|one| one.eq_ignore_ascii_case("text"));
                ask.has_media |= modalities.is_some_and(|modalities| !modalities.iter().all(is_text));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns the text of content that is made of exactly one.
fn weigh_parts<'input>(
    content: &JsonObject<'_, 'input>,
    param: &dyn Fn() -> String,
    ask: &mut Ask<'input>,
) -> Result<Option<&'input str>, Fault> {
    let Some(parts) = spelling::get(content, "parts") else {
        return Ok(None);
    };
    let parts = spelling::items(parts, || format!("{}.parts", param()))?;
    let count = parts.len();
    let mut only_text = None;
    for (number, part) in parts.into_iter().enumerate() {
        let part = fields::object(part, || format!("{}.parts[{number}]", param()))?;
        let mut beside = 0;
        for (written, value) in part.iter().filter(|(_, value)| !value.is_null()) {
            match &*spelling::camel(written) {
                "text" => {
                    let wrong = || fields::wrong_type(format!("{}.parts[{number}].text", param()), "a string");
                    let text = value.into_string().ok_or_else(wrong)?;
                    ask.text_bytes += text.len();
                    only_text = Some(text);
                    continue;
                }
                "functionCall"
                | "functionResponse"
                | "toolCall"
                | "toolResponse"
                | "executableCode"
                | "codeExecutionResult" => ask.has_tools = true,
                "inlineData" | "fileData" => ask.has_media = true,
                _ => {}
            }
            beside += 1;
        }
        only_text = only_text.filter(|_| beside == 0);
    }
    Ok(only_text.filter(|_| count == 1))
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
    fn facts_are_read_in_either_spelling() {
        let body = r#"{"system_instruction":{"parts":{"text":"abc"}},"tools":{"google_search":{}},
            "generationConfig":{"temperature":1,"candidate_count":2,"maxOutputTokens":9,"response_mime_type":"application/json"},
            "contents":[{"role":"model","parts":[{"inlineData":{}},{"text":"x"}]},{"parts":[{"text":"de"}]}]}"#;
        judged(body, |ask| {
            let wanted = Ask {
                model: "".into(),
                stream: false,
                include_usage: true,
                temperature: Some(1.0),
                choices: 2,
                max_tokens: Some(9),
                last_user_text: Some("de"),
                messages: 2,
                text_bytes: 6,
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
    fn only_a_single_user_text_counts_as_the_last_one() {
        for contents in [
            r#"{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b"}]}"#,
            r#"{"parts":[{"text":"a"},{"text":"b"}]}"#,
            r#"{"parts":[{"text":"a","thought":true}]}"#,
            r#"{"parts":[{"fileData":{}},{"text":"b"}]}"#,
            r#"{"role":"user"}"#,
        ] {
            judged(&format!(r#"{{"contents":[{contents}]}}"#), |ask| {
                assert_eq!(ask.expect("good").last_user_text, None, "{contents}");
            });
        }
    }

    #[test]
    fn wrong_types_are_named() {
        for (body, param) in [
            (r#"{}"#, "contents"),
            (r#"{"contents":[]}"#, "contents"),
            (r#"{"contents":"x"}"#, "contents"),
            (r#"{"contents":["x"]}"#, "contents[0]"),
            (r#"{"contents":[{"parts":["x"]}]}"#, "contents[0].parts[0]"),
            (r#"{"contents":[{"parts":[{"text":4}]}]}"#, "contents[0].parts[0].text"),
            (r#"{"contents":[{}],"generationConfig":{"temperature":"hot"}}"#, "generationConfig.temperature"),
            (r#"{"contents":[{}],"api_key":"k"}"#, "api_key"),
        ] {
            judged(body, |ask| assert_eq!(ask.expect_err(body).param.as_deref(), Some(param), "{body}"));
        }
    }
}
