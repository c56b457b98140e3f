//! Faults as Anthropic's SDKs expect them.

use super::super::fields;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::wire::json;

/// Types that the SDKs know.
const TYPES: &[&str] = &[
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "rate_limit_error",
    "timeout_error",
    "api_error",
    "overloaded_error",
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
        Kind::Overloaded => 529,
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

pub(super) fn write_fault(fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
    let known = fault.provider_type.as_deref().filter(|word| TYPES.contains(word));
    out.extend_from_slice(b"{\"type\":\"error\",\"error\":{\"type\":");
    json::write_string(known.unwrap_or_else(|| word(status(fault))), out);
    out.extend_from_slice(b",\"message\":");
    json::write_string(&fault.message, out);
    out.extend_from_slice(b"},\"request_id\":");
    json::write_string(request_id, out);
    out.push(b'}');
}

fn word(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// The provider's own words. It has no codes; callers of other dialects rely on the one for a prompt
/// that does not fit, so that is told by the text.
pub(super) fn read_fault(status: u16, body: &[u8]) -> Fault {
    let mut fault = fields::read_error_body(status, body);
    if status == 400 && fault.code.is_none() && fault.message.contains("prompt is too long") {
        fault.code = Some("context_length_exceeded".to_owned());
    }
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(fault: &Fault) -> serde_json::Value {
        let mut out = Vec::new();
        write_fault(fault, "req_1", &mut out);
        serde_json::from_slice(&out).expect("valid JSON")
    }

    #[test]
    fn the_table_holds() {
        for (kind, wanted, word) in [
            (Kind::InvalidKey, 401, "authentication_error"),
            (Kind::ModelNotAllowed, 403, "permission_error"),
            (Kind::NotFound, 404, "not_found_error"),
            (Kind::BadRequest, 400, "invalid_request_error"),
            (Kind::ContextTooLong, 400, "invalid_request_error"),
            (Kind::ContentFilter, 400, "invalid_request_error"),
            (Kind::TooLarge, 413, "request_too_large"),
            (Kind::RequestRate, 429, "rate_limit_error"),
            (Kind::TokenRate, 429, "rate_limit_error"),
            (Kind::BudgetSpent, 429, "rate_limit_error"),
            (Kind::Overloaded, 529, "overloaded_error"),
            (Kind::Upstream, 502, "api_error"),
            (Kind::Timeout, 504, "api_error"),
            (Kind::ClientSlow, 408, "invalid_request_error"),
            (Kind::LoopDetected, 508, "api_error"),
            (Kind::Provider(404), 404, "not_found_error"),
            (Kind::Provider(200), 502, "api_error"),
        ] {
            let fault = Fault::new(kind, "why");
            assert_eq!(status(&fault), wanted, "{kind:?}");
            let error = serde_json::json!({"type": word, "message": "why"});
            assert_eq!(envelope(&fault), serde_json::json!({"type": "error", "error": error, "request_id": "req_1"}));
        }
    }

    #[test]
    fn the_providers_own_words_are_kept() {
        let body = br#"{"type":"error","error":{"type":"billing_error","message":"pay"},"request_id":"r"}"#;
        assert_eq!(envelope(&read_fault(402, body))["error"]["type"], "billing_error");
        let foreign = br#"{"error":{"type":"insufficient_quota","message":"pay"}}"#;
        assert_eq!(envelope(&read_fault(429, foreign))["error"]["type"], "rate_limit_error");
        let long =
            br#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8"}}"#;
        assert_eq!(read_fault(400, long).code.as_deref(), Some("context_length_exceeded"));
    }
}
