//! The whole request, from and to the neutral one. Model and streaming stand in the path: whoever reads a
//! request adds them, whoever writes one finds them in [`super::path`].

use super::super::Dropped;
use super::super::TargetOptions;
use super::super::fields;
use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::NAME;
use super::config;
use super::contents;
use super::spelling;
use super::thinking;
use super::tools;
use super::write::Audience;
use crate::chat::Extra;
use crate::chat::Request;
use crate::fault::Fault;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;

/// Objects whose fields are kept beside those of the request.
const INNER: &[&str] = &["generationConfig", "toolConfig"];

/// Fields of other dialects without which the answer would be another one.
const REFUSED_FIELDS: &[&str] =
    &["web_search_options", "audio", "functions", "function_call", "mcp_servers", "container"];

pub(super) fn read_request(body: Value<'_, '_>) -> Result<Request, Fault> {
    let object = fields::body_object(body)?;
    // Streams of this dialect always tell the tokens.
    let mut request = Request { include_usage: true, ..Request::default() };
    let mut keeper = Keeper::new(NAME);
    let mut tool_config = None;
    for (written, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        match &*spelling::camel(written) {
            "contents" => request.messages.extend(contents::read_contents(value)?),
            "systemInstruction" => {
                let system = contents::read_system(value)?;
                if system.parts.is_empty() {
                    keeper.keep("systemInstruction", value);
                }
                request.messages.insert(0, system);
            }
            "tools" => {
                request.tools = tools::read_tools(value)?;
                if request.tools.is_empty() {
                    keeper.keep("tools", value);
                }
            }
            "toolConfig" => tool_config = Some(value),
            "generationConfig" => config::read(value, &mut request, &mut keeper)?,
            // The path decides.
            "model" => {}
            name => keeper.keep(name, value),
        }
    }
    if let Some(value) = tool_config {
        tools::read_tool_config(value, &mut request, &mut keeper)?;
    }
    request.extra = keeper.extras;
    Ok(request)
}

/// What this dialect kept of the inner object `name`.
pub(super) fn inner_fields(extras: &[Extra], name: &str) -> Vec<Extra> {
    let inner = |extra: &Extra| {
        let rest = extra.name.strip_prefix(name)?.strip_prefix(['/', '.'])?;
        (extra.dialect == NAME).then(|| Extra { name: rest.to_owned(), ..extra.clone() })
    };
    extras.iter().filter_map(inner).collect()
}

/// What it kept of the request itself.
fn outer_fields(extras: &[Extra]) -> Vec<Extra> {
    let inner = |extra: &&Extra| {
        let of = |name: &&str| extra.name.strip_prefix(*name).is_some_and(|rest| rest.starts_with(['/', '.']));
        !INNER.iter().any(of)
    };
    extras.iter().filter(inner).cloned().collect()
}

pub(super) fn write_request(
    request: &Request,
    model: &str,
    options: TargetOptions,
    out: &mut Vec<u8>,
) -> Result<Vec<Dropped>, Fault> {
    let mut dropped = Vec::new();
    let request = &*fields::narrowed(request, NAME)?;
    refuse(request)?;
    let later = thinking::generation(model).is_some_and(|generation| generation >= (3, 0));
    let audience = Audience::Provider { media_in_results: later, wants_signatures: later };
    let own = outer_fields(&request.extra);
    let mut writer = ObjectWriter::open(out, &own, NAME);
    contents::write_contents(request, audience, writer.overrule("contents"), &mut dropped)?;
    contents::write_system(request, audience, &mut writer)?;
    tools::write_tools(request, &mut writer, &mut dropped)?;
    config::write(request, model, options, &mut writer, &mut dropped)?;
    writer.close();
    if request.user.is_some() {
        drop_field("user", &mut dropped);
    }
    let usual = |tier: &String| matches!(tier.as_str(), "auto" | "default" | "standard_only");
    if request.service_tier.as_ref().is_some_and(|tier| !usual(tier)) {
        drop_field("service_tier", &mut dropped);
    }
    for extra in fields::foreign_fields(&request.extra, NAME) {
        drop_field(&extra.name, &mut dropped);
    }
    Ok(dropped)
}

pub(super) fn drop_field(field: &str, dropped: &mut Vec<Dropped>) {
    if dropped.iter().all(|known| known.field != field) {
        dropped.push(Dropped { field: field.to_owned() });
    }
}

/// What would give another answer if it were left out.
fn refuse(request: &Request) -> Result<(), Fault> {
    for extra in fields::foreign_fields(&request.extra, NAME) {
        let sound = extra.name == "modalities" && extra.value.0.contains("\"audio\"");
        if sound || REFUSED_FIELDS.contains(&extra.name.as_str()) {
            return Err(fields::untranslatable(&extra.name, "something"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::Dialect;
    use super::super::super::ProviderDialect;
    use super::super::super::anthropic_messages::AnthropicMessages;
    use super::super::super::bedrock_converse::BedrockConverse;
    use super::super::super::cohere_chat::CohereChat;
    use super::super::super::openai_chat::OpenAiChat;
    use super::super::super::openai_responses::OpenAiResponses;
    use super::super::Gemini;
    use super::*;
    use crate::wire::json::Parser;
    use serde_json::Value as Json;
    use serde_json::json;

    fn translated(
        from: &dyn Dialect,
        to: &dyn ProviderDialect,
        body: &Json,
        model: &str,
    ) -> Result<(Json, Vec<String>), Fault> {
        let mut copy = body.to_string().into_bytes();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("valid JSON");
        let request = from.read_request(tape.as_value())?;
        let mut out = Vec::new();
        let dropped = to.write_request(&request, model, TargetOptions::default(), &mut out)?;
        let dropped = dropped.into_iter().map(|dropped| dropped.field).collect();
        Ok((serde_json::from_slice(&out).expect("valid JSON"), dropped))
    }

    fn to_gemini(body: &Json, model: &str) -> (Json, Vec<String>) {
        translated(&OpenAiChat, &Gemini, body, model).expect("expressible")
    }

    #[test]
    fn every_setting_of_an_openai_request_has_its_place() {
        let body = json!({
            "model": "x", "temperature": 0.5, "top_p": 0.25, "max_tokens": 7, "n": 2, "seed": 5, "stop": "END",
            "presence_penalty": 1, "frequency_penalty": -1, "logprobs": true, "top_logprobs": 3, "logit_bias": {"1": 2},
            "parallel_tool_calls": false, "user": "u",
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
            "tools": [{"type": "function", "function": {"name": "f", "description": "d", "strict": true,
                "parameters": {"type": "object", "properties": {}}}}],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "messages": [{"role": "user", "content": "hi"}],
        });
        let (written, dropped) = to_gemini(&body, "gemini-2.5-flash");
        let wanted = json!({
            "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
            "tools": [{"functionDeclarations": [
                {"name": "f", "description": "d", "parametersJsonSchema": {"type": "object", "properties": {}}},
            ]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
            "generationConfig": {
                "temperature": 0.5, "topP": 0.25, "maxOutputTokens": 7, "candidateCount": 2, "seed": 5,
                "stopSequences": ["END"], "presencePenalty": 1, "frequencyPenalty": -1, "responseLogprobs": true,
                "logprobs": 3, "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"},
            },
        });
        assert_eq!(written, wanted);
        assert_eq!(dropped, ["tools[].function.strict", "parallel_tool_calls", "user", "logit_bias"]);
    }

    #[test]
    fn results_of_calls_made_at_once_are_one_turn() {
        let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
        let body = json!({"model": "x", "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": null, "tool_calls": [call("a"), call("b")]},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}]},
            {"role": "user", "content": "go on"},
        ]});
        let (written, _) = to_gemini(&body, "gemini-2.5-flash");
        let result =
            |id: &str, text: &str| json!({"functionResponse": {"id": id, "name": "f", "response": {"output": text}}});
        assert_eq!(written["contents"][2]["parts"], json!([result("a", "1"), result("b", "2"), {"text": "go on"}]));
        assert_eq!(written["systemInstruction"], json!({"parts": [{"text": "s"}]}));
        let orphan = json!({"model": "x", "messages": [{"role": "tool", "tool_call_id": "z", "content": "1"}]});
        let refused = translated(&OpenAiChat, &Gemini, &orphan, "m").expect_err("an answer to nothing");
        assert_eq!(refused.param.as_deref(), Some("messages[0].tool_call_id"));
    }

    #[test]
    fn media_of_an_openai_request_have_their_places() {
        let body = json!({"model": "x", "messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.webp?x=1"}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a"}},
            {"type": "input_audio", "input_audio": {"data": "eA==", "format": "mp3"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,eA=="}},
        ]}]});
        let (written, _) = to_gemini(&body, "gemini-2.5-flash");
        let inline = |kind: &str| json!({"inlineData": {"mimeType": kind, "data": "eA=="}});
        let file = |kind: &str, uri: &str| json!({"fileData": {"mimeType": kind, "fileUri": uri}});
        let wanted = json!([
            inline("image/png"),
            file("image/webp", "https://example.com/a.webp?x=1"),
            file("image/jpeg", "https://example.com/a"),
            inline("audio/mp3"),
            inline("application/pdf"),
        ]);
        assert_eq!(written["contents"][0]["parts"], wanted);
        let upload = json!({"model": "x", "messages": [{"role": "user", "content": [
            {"type": "file", "file": {"file_id": "file-1"}}]}]});
        assert!(translated(&OpenAiChat, &Gemini, &upload, "m").is_err());
    }

    #[test]
    fn what_only_gemini_does_is_refused_elsewhere_and_what_only_delivers_is_named() {
        let asked = |more: Json| {
            let mut body = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
            body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            body
        };
        let others: [&dyn ProviderDialect; 5] =
            [&OpenAiChat, &OpenAiResponses, &AnthropicMessages, &BedrockConverse, &CohereChat];
        for (more, param) in [
            (json!({"cached_content": "cachedContents/x"}), "cachedContent"),
            (json!({"tools": [{"googleSearch": {}}]}), "tools[0]"),
            (
                json!({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}),
                "generationConfig.responseModalities",
            ),
            (json!({"generation_config": {"response_mime_type": "text/x.enum"}}), "generationConfig.responseMimeType"),
        ] {
            for target in others {
                let refused = translated(&Gemini, target, &asked(more.clone()), "m").expect_err(param);
                assert_eq!(refused.param.as_deref(), Some(param), "{more}");
            }
            translated(&Gemini, &Gemini, &asked(more), "m").expect("its own");
        }
        let more = json!({"safetySettings": [{"category": "A"}], "labels": {"a": "b"},
            "generationConfig": {"responseModalities": ["TEXT"], "mediaResolution": "LOW", "topK": 2}});
        let (_, dropped) = translated(&Gemini, &OpenAiChat, &asked(more), "m").expect("expressible");
        assert_eq!(dropped, ["top_k", "safetySettings", "labels", "generationConfig.mediaResolution"]);
    }

    #[test]
    fn googles_own_tools_may_be_named_in_any_format() {
        let asked =
            |tool: Json| json!({"model": "x", "messages": [{"role": "user", "content": "hi"}], "tools": [tool]});
        let search = json!({"google_search": {}});
        let (written, _) = to_gemini(&asked(search.clone()), "gemini-2.5-flash");
        assert_eq!(written["tools"], json!([search]));
        for tool in [json!({"type": "web_search"}), json!({"google_search": {}, "type": "x"}), json!({"computer": {}})]
        {
            let refused = translated(&OpenAiChat, &Gemini, &asked(tool), "m").expect_err("another provider's");
            assert_eq!(refused.param.as_deref(), Some("tools[0]"));
        }
    }

    #[test]
    fn choices_of_tools_are_understood() {
        let declared = json!([{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]);
        let chosen = |calling: Json| {
            let body = json!({"contents": {"parts": {"text": "hi"}}, "tools": declared,
                "toolConfig": {"functionCallingConfig": calling}});
            translated(&Gemini, &OpenAiChat, &body, "m").map(|(written, _)| written["tool_choice"].clone())
        };
        let f = json!({"type": "function", "function": {"name": "f"}});
        for (calling, wanted) in [
            (json!({"mode": "AUTO"}), json!("auto")),
            (json!({"mode": "VALIDATED"}), json!("auto")),
            (json!({"mode": "NONE"}), json!("none")),
            (json!({"mode": "ANY"}), json!("required")),
            (json!({"mode": "ANY", "allowed_function_names": ["f"]}), f),
            (json!({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}), json!("required")),
            (json!({}), Json::Null),
        ] {
            assert_eq!(chosen(calling.clone()), Ok(wanted), "{calling}");
        }
        let three = json!([{"functionDeclarations": [{"name": "f"}, {"name": "g"}, {"name": "h"}]}]);
        let body = json!({"contents": {"parts": {"text": "hi"}}, "tools": three,
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}}});
        let (written, _) = translated(&Gemini, &OpenAiChat, &body, "m").expect("two of three are offered");
        let names = written["tools"].as_array().expect("tools").iter().map(|tool| tool["function"]["name"].clone());
        assert_eq!(
            (names.collect::<Vec<_>>(), &written["tool_choice"]),
            (vec![json!("f"), json!("g")], &json!("required"))
        );
        assert_eq!(translated(&Gemini, &Gemini, &body, "m").expect("its own").0["toolConfig"], body["toolConfig"]);
    }

    #[test]
    fn thinking_is_understood_in_either_spelling() {
        let effort = |config: Json| {
            let body = json!({"contents": {"parts": {"text": "hi"}}, "generationConfig": {"thinking_config": config}});
            translated(&Gemini, &OpenAiChat, &body, "m").expect("expressible").0["reasoning_effort"].clone()
        };
        for (config, wanted) in [
            (json!({"thinkingLevel": "HIGH"}), json!("high")),
            (json!({"thinking_budget": 1024, "include_thoughts": true}), json!("low")),
            (json!({"thinkingBudget": 0}), Json::Null),
            (json!({"thinkingBudget": -1}), Json::Null),
        ] {
            assert_eq!(effort(config.clone()), wanted, "{config}");
        }
    }
}
