//! What must be known of calls that no dialect reads: their model, where they say one, and what their
//! answers say about themselves. Everything else of them is between the caller and the provider.

use super::fields;
use super::splice;
use crate::chat::Usage;
use crate::fault::Fault;
use crate::wire::edits::Edited;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueIntoString;

/// The model that a JSON body names. Fields that name an upstream address or a credential are refused.
pub fn read_model<'input>(body: Value<'_, 'input>) -> Result<Option<&'input str>, Fault> {
    let Some(object) = body.as_object() else { return Ok(None) };
    let mut model = None;
    for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        match name {
            "model" => model = Some(fields::string(value, || name.to_owned())?),
            _ => fields::refuse_upstream_field(name)?,
        }
    }
    Ok(model.filter(|model| !model.is_empty()))
}

/// The strings at the top level of a JSON body: among them are the ids of what it builds upon.
pub fn top_strings<'input>(body: Value<'_, 'input>) -> Vec<&'input str> {
    let object = body.as_object();
    let strings = object.iter().flat_map(|object| object.iter()).filter_map(|(_, value)| value.into_string());
    strings.collect()
}

/// `raw`, which was read as `body`, with its model replaced.
pub fn replace_model<'r, 't>(raw: &'r [u8], body: Value<'_, '_>, model: &'t str) -> Edited<'r, 't> {
    splice::splice(raw, body, model, false)
}

/// Tokens, in either spelling that OpenAI-like and Anthropic-like answers use, at the top level of what an
/// answer says or inside its `response`.
pub fn read_usage(body: Value<'_, '_>) -> Option<Usage> {
    let object = body.as_object()?;
    let inner = fields::object_of(&object, "response");
    let usage = fields::object_of(&object, "usage")
        .or_else(|| inner.as_ref().and_then(|inner| fields::object_of(inner, "usage")))?;
    let read = |names: [&str; 2]| names.iter().find_map(|name| fields::integer_of(&usage, name));
    let inside = |outer: [&str; 2], name: &str| {
        let details = outer.iter().find_map(|outer| fields::object_of(&usage, outer))?;
        fields::integer_of(&details, name)
    };
    let (input, output) = (read(["input_tokens", "prompt_tokens"]), read(["output_tokens", "completion_tokens"]));
    let total = fields::integer_of(&usage, "total_tokens");
    let counted = input.or(output).or(total)?;
    Some(Usage {
        // Some say a total and nothing else.
        input_tokens: input.unwrap_or(if output.is_none() { counted } else { 0 }),
        output_tokens: output.unwrap_or_default(),
        cache_read_tokens: inside(["input_tokens_details", "prompt_tokens_details"], "cached_tokens"),
        reasoning_tokens: inside(["output_tokens_details", "completion_tokens_details"], "reasoning_tokens"),
        ..Usage::default()
    })
}

/// Is `body` an error in the envelope of the dialect called `family`, ready to be handed on?
pub fn is_enveloped(body: Value<'_, '_>, family: &str) -> bool {
    let Some(object) = body.as_object() else { return false };
    let error = fields::object_of(&object, "error");
    let says = |name| error.as_ref().and_then(|error| fields::string_of(error, name)).is_some();
    match family {
        "anthropic_messages" => fields::string_of(&object, "type") == Some("error") && says("type") && says("message"),
        _ => says("message") && says("type"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn parsed<T>(text: &str, read: impl FnOnce(Value<'_, '_>) -> T) -> T {
        let mut copy = text.as_bytes().to_vec();
        read(Parser::new().parse(&mut copy).expect("valid JSON").as_value())
    }

    #[test]
    fn a_model_is_read_and_nothing_else_is_judged() {
        let model = |text: &str| parsed(text, |body| read_model(body).map(|model| model.map(str::to_owned)));
        assert_eq!(model(r#"{"prompt":1,"model":"m"}"#), Ok(Some("m".to_owned())));
        for none in ["[]", "{}", r#"{"model":null}"#, r#"{"model":""}"#, r#"{"x":{"model":"m"}}"#] {
            assert_eq!(model(none), Ok(None), "{none}");
        }
        for (refused, param) in [(r#"{"model":1}"#, "model"), (r#"{"model":"m","base_url":"http://x"}"#, "base_url")] {
            assert_eq!(model(refused).expect_err(refused).param.as_deref(), Some(param));
        }
    }

    #[test]
    fn tokens_are_read_in_either_spelling() {
        let tokens = |text: &str| {
            parsed(text, read_usage).map(|usage| (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens))
        };
        for (text, wanted) in [
            (r#"{"usage":{"prompt_tokens":3,"completion_tokens":4}}"#, Some((3, 4, None))),
            (
                r#"{"usage":{"input_tokens":3,"output_tokens":4,"input_tokens_details":{"cached_tokens":2}}}"#,
                Some((3, 4, Some(2))),
            ),
            (r#"{"response":{"usage":{"input_tokens":3,"output_tokens":4}}}"#, Some((3, 4, None))),
            (r#"{"usage":{"total_tokens":5}}"#, Some((5, 0, None))),
            (r#"{"usage":{"type":"duration","seconds":5}}"#, None),
            (r#"{"usage":null}"#, None),
            ("[]", None),
        ] {
            assert_eq!(tokens(text), wanted, "{text}");
        }
    }

    #[test]
    fn envelopes_are_known_by_their_shape() {
        let openai = r#"{"error":{"message":"m","type":"t","param":null,"code":null}}"#;
        let anthropic = r#"{"type":"error","error":{"type":"t","message":"m"},"request_id":"r"}"#;
        assert!(parsed(openai, |body| is_enveloped(body, "openai_chat")));
        assert!(parsed(anthropic, |body| is_enveloped(body, "anthropic_messages")));
        assert!(!parsed(openai, |body| is_enveloped(body, "anthropic_messages")));
        for other in ["[]", "{}", r#"{"error":"m"}"#, r#"{"detail":"m"}"#, r#"{"error":{"message":7}}"#] {
            assert!(!parsed(other, |body| is_enveloped(body, "openai_chat")), "{other}");
        }
    }
}
