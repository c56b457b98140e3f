//! Log probabilities, which the neutral middle writes as OpenAI does.

use super::super::fields;
use super::spelling;
use crate::chat::RawJson;
use crate::wire::json;
use crate::wire::json::JsonArray;
use crate::wire::json::JsonObject;
use crate::wire::json::Parser;
use crate::wire::json::Value;

/// `logprobsResult` as OpenAI's `logprobs`; `None` where it holds nothing.
pub(super) fn to_openai(result: Value<'_, '_>) -> Option<RawJson> {
    let result = result.as_object()?;
    let list = |name: &str| spelling::get(&result, name).and_then(|list| list.as_array());
    let chosen = list("chosenCandidates").filter(|chosen| !chosen.is_empty())?;
    let tops = list("topCandidates");
    let text = fields::written(|out| {
        out.extend_from_slice(b"{\"content\":");
        fields::write_list(chosen.iter().enumerate(), out, |(place, token), out| {
            let top = tops.as_ref().and_then(|tops| tops.get(place)).and_then(|top| top.as_object());
            let top = top.and_then(|top| spelling::get(&top, "candidates")).and_then(|list| list.as_array());
            write_openai(token, top.as_ref(), out);
        });
        out.extend_from_slice(b",\"refusal\":null}");
    });
    Some(RawJson(text))
}

fn write_openai(token: Value<'_, '_>, top: Option<&JsonArray<'_, '_>>, out: &mut Vec<u8>) {
    write_openai_token(token, out);
    out.extend_from_slice(b",\"top_logprobs\":");
    fields::write_list(top.iter().flat_map(|top| top.iter()), out, |token, out| {
        write_openai_token(token, out);
        out.push(b'}');
    });
    out.push(b'}');
}

/// Opens an object that the caller closes.
fn write_openai_token(token: Value<'_, '_>, out: &mut Vec<u8>) {
    let token = token.as_object();
    let text = token.as_ref().and_then(|token| spelling::text(token, "token")).unwrap_or_default();
    let number = token.as_ref().and_then(|token| spelling::get(token, "logProbability")).and_then(fields::as_number);
    out.extend_from_slice(b"{\"token\":");
    json::write_string(text, out);
    out.extend_from_slice(b",\"logprob\":");
    fields::write_number(number.unwrap_or_default(), out);
    out.extend_from_slice(b",\"bytes\":");
    fields::write_list(text.bytes(), out, |byte, out| fields::write_integer(u64::from(byte), out));
}

/// OpenAI's `logprobs`, in pieces as they were streamed, as one `logprobsResult`.
pub(super) fn to_gemini(pieces: &[RawJson]) -> Option<String> {
    let (mut chosen, mut tops) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut copy = piece.0.clone().into_bytes();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).ok()?;
        let content = tape.as_value().as_object().and_then(|piece| piece.get("content"));
        for token in content.and_then(|content| content.as_array()).iter().flat_map(|list| list.iter()) {
            let token = token.as_object()?;
            chosen.push(token_of(&token));
            let top = token.get("top_logprobs").and_then(|top| top.as_array());
            let top: Vec<String> =
                top.iter().flat_map(|top| top.iter()).filter_map(|one| Some(token_of(&one.as_object()?))).collect();
            tops.push(format!("{{\"candidates\":[{}]}}", top.join(",")));
        }
    }
    let result = format!("{{\"chosenCandidates\":[{}],\"topCandidates\":[{}]}}", chosen.join(","), tops.join(","));
    (!chosen.is_empty()).then_some(result)
}

fn token_of(token: &JsonObject<'_, '_>) -> String {
    fields::written(|out| {
        out.extend_from_slice(b"{\"token\":");
        json::write_string(fields::string_of(token, "token").unwrap_or_default(), out);
        out.extend_from_slice(b",\"logProbability\":");
        fields::write_number(token.get("logprob").and_then(fields::as_number).unwrap_or_default(), out);
        out.push(b'}');
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_keep_tokens_and_alternatives() {
        let result = r#"{"chosenCandidates":[{"token":"é","logProbability":-0.5}],"topCandidates":[{"candidates":[{"token":"e","logProbability":-2}]}]}"#;
        let mut copy = result.as_bytes().to_vec();
        let openai = to_openai(Parser::new().parse(&mut copy).expect("valid JSON").as_value()).expect("something");
        let wanted = r#"{"content":[{"token":"é","logprob":-0.5,"bytes":[195,169],"top_logprobs":[{"token":"e","logprob":-2,"bytes":[101]}]}],"refusal":null}"#;
        assert_eq!(openai.0, wanted);
        assert_eq!(to_gemini(&[openai]).as_deref(), Some(result));
        assert_eq!(to_gemini(&[RawJson("{\"content\":null}".into())]), None);
    }
}
