//! Faults as OpenAI's SDKs expect them: four keys, always there, strings or null.

use crate::fault::Fault;
use crate::fault::Kind;
use crate::wire::json;

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
    let (default_type, default_code) = words(fault.kind);
    out.extend_from_slice(b"{\"error\":{\"message\":");
    json::write_string(&fault.message, out);
    out.extend_from_slice(b",\"type\":");
    json::write_string(fault.provider_type.as_deref().unwrap_or(default_type), out);
    out.extend_from_slice(b",\"param\":");
    optional(fault.param.as_deref(), out);
    out.extend_from_slice(b",\"code\":");
    optional(fault.code.as_deref().or(default_code), out);
    out.extend_from_slice(b"}}");
}

fn optional(text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => json::write_string(text, out),
        None => out.extend_from_slice(b"null"),
    }
}

/// `type` and `code`.
fn words(kind: Kind) -> (&'static str, Option<&'static str>) {
    const CALLER: &str = "invalid_request_error";
    const SERVER: &str = "server_error";
    match kind {
        Kind::InvalidKey => (CALLER, Some("invalid_api_key")),
        Kind::ModelNotAllowed => (CALLER, Some("model_not_allowed")),
        Kind::NotFound => (CALLER, Some("model_not_found")),
        Kind::MethodNotAllowed(_) => (CALLER, Some("method_not_allowed")),
        Kind::BadRequest => (CALLER, None),
        Kind::ContextTooLong => (CALLER, Some("context_length_exceeded")),
        Kind::ContentFilter => (CALLER, Some("content_filter")),
        Kind::TooLarge => (CALLER, Some("request_too_large")),
        Kind::RequestRate => ("requests", Some("rate_limit_exceeded")),
        Kind::TokenRate => ("tokens", Some("rate_limit_exceeded")),
        Kind::BudgetSpent => ("insufficient_quota", Some("insufficient_quota")),
        Kind::Overloaded => (SERVER, Some("overloaded")),
        Kind::Upstream => (SERVER, Some("upstream_error")),
        Kind::Timeout => (SERVER, Some("timeout")),
        Kind::ClientSlow => (CALLER, Some("request_timeout")),
        Kind::LoopDetected => (CALLER, Some("loop_detected")),
        Kind::Provider(429) => ("requests", Some("rate_limit_exceeded")),
        Kind::Provider(400..=499) => (CALLER, None),
        Kind::Provider(_) => (SERVER, None),
        Kind::Internal => (SERVER, Some("internal_error")),
    }
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
        for (kind, status_wanted, type_wanted, code) in [
            (Kind::InvalidKey, 401, "invalid_request_error", Some("invalid_api_key")),
            (Kind::ModelNotAllowed, 403, "invalid_request_error", Some("model_not_allowed")),
            (Kind::NotFound, 404, "invalid_request_error", Some("model_not_found")),
            (Kind::BadRequest, 400, "invalid_request_error", None),
            (Kind::ContextTooLong, 400, "invalid_request_error", Some("context_length_exceeded")),
            (Kind::ContentFilter, 400, "invalid_request_error", Some("content_filter")),
            (Kind::TooLarge, 413, "invalid_request_error", Some("request_too_large")),
            (Kind::RequestRate, 429, "requests", Some("rate_limit_exceeded")),
            (Kind::TokenRate, 429, "tokens", Some("rate_limit_exceeded")),
            (Kind::BudgetSpent, 429, "insufficient_quota", Some("insufficient_quota")),
            (Kind::Overloaded, 503, "server_error", Some("overloaded")),
            (Kind::Upstream, 502, "server_error", Some("upstream_error")),
            (Kind::Timeout, 504, "server_error", Some("timeout")),
            (Kind::ClientSlow, 408, "invalid_request_error", Some("request_timeout")),
            (Kind::LoopDetected, 508, "invalid_request_error", Some("loop_detected")),
            (Kind::Provider(404), 404, "invalid_request_error", None),
            (Kind::Provider(529), 529, "server_error", None),
            (Kind::Provider(302), 502, "server_error", None),
        ] {
            let fault = Fault::new(kind, "why \"so\"");
            let error = &envelope(&fault)["error"];
            assert_eq!(status(&fault), status_wanted, "{kind:?}");
            assert_eq!(error["type"], type_wanted, "{kind:?}");
            assert_eq!(error["code"].as_str(), code, "{kind:?}");
            assert_eq!(error["message"], "why \"so\"");
            assert_eq!(error.as_object().expect("an object").len(), 4, "all keys, always");
        }
    }

    #[test]
    fn the_providers_own_words_are_kept() {
        let body = br#"{"error":{"message":"no","type":"odd_error","code":400,"param":"messages[1]","metadata":{}}}"#;
        let fault = super::super::super::fields::read_error_body(400, body);
        let wanted = serde_json::json!({"message":"no","type":"odd_error","param":"messages[1]","code":"400"});
        assert_eq!(envelope(&fault)["error"], wanted);
    }
}
