//! Faults as Google's SDKs expect them: the status as a number and as a word of `google.rpc.Code`.

use super::super::fields;
use super::spelling;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Parser;
use crate::wire::json::Value;
use std::time::Duration;

/// Words that the SDKs know.
const STATUSES: &[&str] = &[
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
];

pub(super) fn status(fault: &Fault) -> u16 {
    match fault.kind {
        Kind::InvalidKey => 401,
        Kind::ModelNotAllowed => 403,
        Kind::NotFound => 404,
        Kind::MethodNotAllowed(_) => 405,
        Kind::BadRequest | Kind::ContextTooLong | Kind::ContentFilter => 400,
        Kind::TooLarge => 413,
        Kind::RequestRate | Kind::TokenRate | Kind::BudgetSpent => 429,
        Kind::Overloaded => 503,
        Kind::Upstream => 502,
        Kind::Timeout => 504,
        Kind::ClientSlow => 408,
        Kind::LoopDetected => 508,
        // Anything else would be read as success or as a redirect.
        Kind::Provider(status) => {
            if (400..=599).contains(&status) {
                status
            } else {
                502
            }
        }
        Kind::Internal => 500,
    }
}

pub(super) fn write_fault(fault: &Fault, out: &mut Vec<u8>) {
    let status = status(fault);
    let known = fault.provider_type.as_deref().filter(|word| STATUSES.contains(word));
    out.extend_from_slice(b"{\"error\":{\"code\":");
    fields::write_integer(u64::from(status), out);
    out.extend_from_slice(b",\"message\":");
    json::write_string(&fault.message, out);
    out.extend_from_slice(b",\"status\":");
    json::write_string(known.unwrap_or_else(|| word(status)), out);
    out.extend_from_slice(b"}}");
}

fn word(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        405 | 501 => "UNIMPLEMENTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        402 | 508 => "FAILED_PRECONDITION",
        500 => "INTERNAL",
        502.. => "UNAVAILABLE",
        _ => "INVALID_ARGUMENT",
    }
}

/// The provider's own words. A request without `alt=sse` is refused inside a list.
pub(super) fn read_fault(status: u16, body: &[u8]) -> Fault {
    let mut copy = body.to_vec();
    let mut parser = Parser::new();
    let Ok(tape) = parser.parse(&mut copy) else {
        return fields::read_error_body(status, body);
    };
    let value = tape.as_value();
    let first = value.as_array().and_then(|list| list.iter().next());
    let envelope = first.unwrap_or(value).as_object();
    match envelope.as_ref().and_then(|envelope| fields::object_of(envelope, "error")) {
        Some(error) => read_error(status, &error),
        None => fields::read_error_body(status, body),
    }
}

/// An error that came inside an answer; its code is a status where it looks like one.
pub(super) fn read_error_value(error: Value<'_, '_>) -> Fault {
    let Some(object) = error.as_object() else {
        return fields::read_error(502, error);
    };
    let code = fields::integer_of(&object, "code").filter(|code| (400..600).contains(code));
    read_error(code.and_then(|code| u16::try_from(code).ok()).unwrap_or(502), &object)
}

/// An invalid key is said with 400; for whoever holds the key for others it is no fault of the request.
/// Callers of other dialects rely on a code for a prompt that does not fit, which is told by the text.
fn read_error(status: u16, error: &JsonObject<'_, '_>) -> Fault {
    let details = Details::of(error);
    let status = if details.rejects_key { 401 } else { status };
    let text = fields::string_of(error, "message").filter(|text| !text.is_empty());
    let message = match text {
        Some(text) => fields::provider_text(text),
        None => format!("the provider answered with status {status} and no readable error"),
    };
    let too_long = status == 400
        && (message.contains("input token count") || message.contains("exceeds the maximum number of tokens"));
    let mut fault = Fault::new(Kind::Provider(status), message);
    fault.provider_type = fields::string_of(error, "status").map(fields::provider_text);
    fault.code = too_long.then(|| "context_length_exceeded".to_owned());
    fault.retry_after = details.retry_after;
    fault
}

/// What the details of an error tell, as far as anybody acts on it.
#[derive(Default)]
struct Details {
    rejects_key: bool,
    retry_after: Option<Duration>,
}

impl Details {
    fn of(error: &JsonObject<'_, '_>) -> Details {
        let mut told = Details::default();
        let list = error.get("details").and_then(|details| details.as_array());
        for detail in list.iter().flat_map(|list| list.iter()).filter_map(|detail| detail.as_object()) {
            told.rejects_key |= spelling::text(&detail, "reason") == Some("API_KEY_INVALID");
            told.retry_after = spelling::text(&detail, "retryDelay").and_then(duration).or(told.retry_after);
        }
        told
    }
}

/// `34s`, `34.07s`; anything else, and anything beyond a day, is ignored.
fn duration(text: &str) -> Option<Duration> {
    const WAIT_MAX_S: f64 = 86_400.0;
    let seconds = text.strip_suffix('s')?.parse::<f64>().ok()?;
    (0.0..=WAIT_MAX_S).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(fault: &Fault) -> serde_json::Value {
        let mut out = Vec::new();
        write_fault(fault, &mut out);
        serde_json::from_slice(&out).expect("valid JSON")
    }

    #[test]
    fn the_table_holds() {
        for (kind, wanted, word) in [
            (Kind::InvalidKey, 401, "UNAUTHENTICATED"),
            (Kind::ModelNotAllowed, 403, "PERMISSION_DENIED"),
            (Kind::NotFound, 404, "NOT_FOUND"),
            (Kind::BadRequest, 400, "INVALID_ARGUMENT"),
            (Kind::ContextTooLong, 400, "INVALID_ARGUMENT"),
            (Kind::ContentFilter, 400, "INVALID_ARGUMENT"),
            (Kind::TooLarge, 413, "INVALID_ARGUMENT"),
            (Kind::RequestRate, 429, "RESOURCE_EXHAUSTED"),
            (Kind::TokenRate, 429, "RESOURCE_EXHAUSTED"),
            (Kind::BudgetSpent, 429, "RESOURCE_EXHAUSTED"),
            (Kind::Overloaded, 503, "UNAVAILABLE"),
            (Kind::Upstream, 502, "UNAVAILABLE"),
            (Kind::Timeout, 504, "DEADLINE_EXCEEDED"),
            (Kind::Provider(404), 404, "NOT_FOUND"),
            (Kind::Provider(529), 529, "UNAVAILABLE"),
            (Kind::Provider(302), 502, "UNAVAILABLE"),
            (Kind::Internal, 500, "INTERNAL"),
        ] {
            let fault = Fault::new(kind, "why \"so\"");
            assert_eq!(status(&fault), wanted, "{kind:?}");
            let error = serde_json::json!({"code": wanted, "message": "why \"so\"", "status": word});
            assert_eq!(envelope(&fault), serde_json::json!({ "error": error }), "{kind:?}");
        }
    }

    #[test]
    fn the_providers_own_words_are_kept() {
        let body = br#"{"error":{"code":400,"message":"no","status":"FAILED_PRECONDITION"}}"#;
        let fault = read_fault(400, body);
        assert_eq!(fault.kind, Kind::Provider(400));
        assert_eq!(envelope(&fault)["error"]["status"], "FAILED_PRECONDITION");
        let listed = [b"[".as_slice(), body, b"]"].concat();
        assert_eq!(read_fault(400, &listed), fault);
        let foreign = br#"{"error":{"type":"overloaded_error","message":"busy"}}"#;
        assert_eq!(envelope(&fields::read_error_body(529, foreign))["error"]["status"], "UNAVAILABLE");
        for garbage in [&b"<html>10.0.0.7</html>"[..], b"", b"[]", b"[1]", b"{\"error\":{\"message\":\"\"}}"] {
            assert!(read_fault(503, garbage).message.ends_with("no readable error"));
        }
    }

    #[test]
    fn details_are_acted_on() {
        let wait = br#"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[
            {"@type":"type.googleapis.com/google.rpc.QuotaFailure"},
            {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}}"#;
        assert_eq!(read_fault(429, wait).retry_after, Some(Duration::from_millis(34_500)));
        let key = br#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[
            {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
        assert_eq!(read_fault(400, key).kind, Kind::Provider(401));
        for odd in ["", "s", "-1s", "NaNs", "infs", "1e9s", "34"] {
            assert_eq!(duration(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_prompt_that_does_not_fit_has_its_code() {
        let long = br#"{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#;
        assert_eq!(read_fault(400, long).code.as_deref(), Some("context_length_exceeded"));
    }
}
