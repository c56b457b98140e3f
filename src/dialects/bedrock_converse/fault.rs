//! What Bedrock says went wrong: a message in the body, and the sort of error in the head of an answer
//! (`x-amzn-errortype`) or in the name of a message of a stream.
//!
//! Errors about the gateway's own credentials quote the signed request and name accounts. They count as
//! a rejected credential, whatever status they came with, and their words stay here; names of resources
//! (`arn:…`) are taken out of the others.

use super::super::fields;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::wire::json::Parser;

/// Sorts of error that are about the credential.
const CREDENTIAL_SORTS: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// Words by which the same is told where no sort is.
const CREDENTIAL_WORDS: &[&str] =
    &["security token", "request signature", "API Key", "Bearer Token", "Authentication failed"];

/// Words of a prompt that does not fit.
const TOO_LONG_WORDS: &[&str] =
    &["too long", "context length", "context limit", "context window", "maximum number of tokens"];

/// The provider's error; `sort` is what the head says of it.
pub(super) fn read_fault(status: u16, sort: Option<&[u8]>, body: &[u8]) -> Fault {
    let mut fault = fields::read_error_body(status, body);
    let told = told_in(body);
    let sort = sort.and_then(|sort| std::str::from_utf8(sort).ok()).map(bare).or(told.sort);
    if let Some(message) = told.message {
        fault.message = fields::provider_text(&message).into();
    }
    if fault.provider_type.is_none() {
        fault.provider_type = sort.as_deref().map(fields::provider_text);
    }
    judged(status, sort.as_deref(), fault)
}

/// The failure that a message of a stream tells.
pub(super) fn read_failure(sort: &str, data: &str) -> Fault {
    let status = match sort {
        "throttlingException" => 429,
        "validationException" => 400,
        "serviceUnavailableException" => 503,
        "modelTimeoutException" => 504,
        "modelStreamErrorException" | "modelErrorException" => 502,
        _ => 500,
    };
    let mut fault = read_fault(status, None, data.as_bytes());
    if !data.is_empty() && !data.starts_with('{') {
        fault.message = without_names(&fields::provider_text(data)).into();
    }
    fault.provider_type = Some(fields::provider_text(sort));
    fault
}

fn judged(status: u16, sort: Option<&str>, mut fault: Fault) -> Fault {
    let message = fault.message.to_string();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let sorted = sort.is_some_and(|sort| CREDENTIAL_SORTS.contains(&sort));
    if sorted || status == 403 && says(CREDENTIAL_WORDS) {
        fault.kind = Kind::Provider(401);
        fault.message = "the provider rejects the gateway's credential".into();
        return fault;
    }
    if status == 400 && fault.code.is_none() && says(TOO_LONG_WORDS) {
        fault.code = Some("context_length_exceeded".to_owned());
    }
    fault.message = without_names(&message).into();
    fault
}

/// What only Amazon's services write into a body.
#[derive(Default)]
struct Told {
    message: Option<String>,
    sort: Option<String>,
}

fn told_in(body: &[u8]) -> Told {
    let mut copy = body.to_vec();
    let mut parser = Parser::new();
    let Ok(tape) = parser.parse(&mut copy) else { return Told::default() };
    let Some(object) = tape.as_value().as_object() else { return Told::default() };
    Told {
        message: fields::string_of(&object, "Message").map(str::to_owned),
        sort: fields::string_of(&object, "__type").map(bare),
    }
}

/// `ValidationException` of `ValidationException:http://…` and of `com.amazon.coral#ValidationException`.
fn bare(sort: &str) -> String {
    let sort = sort.split(':').next().unwrap_or(sort);
    sort.rsplit('#').next().unwrap_or(sort).trim().to_owned()
}

/// The text without names of resources, which hold account numbers.
fn without_names(text: &str) -> String {
    let hidden = |word: &str| if word.contains("arn:aws") { "(a resource)".to_owned() } else { word.to_owned() };
    text.split(' ').map(hidden).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_and_words_are_kept() {
        let body = br#"{"message":"The provided model identifier is invalid."}"#;
        let fault = read_fault(400, Some(b"ValidationException:http://internal.amazon.com/coral/"), body);
        assert_eq!(fault.kind, Kind::Provider(400));
        assert_eq!(fault.message, "The provided model identifier is invalid.");
        assert_eq!(fault.provider_type.as_deref(), Some("ValidationException"));
        let long = br#"{"message":"Input is too long for requested model."}"#;
        assert_eq!(read_fault(400, None, long).code.as_deref(), Some("context_length_exceeded"));
        let busy = br#"{"__type":"com.amazon.coral.availability#ThrottlingException","message":"Too many tokens"}"#;
        let fault = read_fault(429, None, busy);
        assert_eq!((fault.kind, fault.code.as_deref()), (Kind::Provider(429), None));
        assert_eq!(fault.provider_type.as_deref(), Some("ThrottlingException"));
    }

    #[test]
    fn a_rejected_credential_is_never_quoted() {
        let quoting =
            br#"{"message":"The request signature we calculated does not match. x-amz-security-token:SECRET"}"#;
        let expired = br#"{"message":"The security token included in the request is expired"}"#;
        let bearer = br#"{"Message":"Authentication failed: Please make sure your API Key is valid."}"#;
        for (status, sort, body) in [
            (403, Some(&b"InvalidSignatureException"[..]), &quoting[..]),
            (403, None, quoting),
            (400, Some(b"IncompleteSignatureException"), quoting),
            (403, Some(b"ExpiredTokenException:"), expired),
            (403, None, expired),
            (403, None, bearer),
        ] {
            let fault = read_fault(status, sort, body);
            assert_eq!(fault.kind, Kind::Provider(401));
            assert!(!fault.message.contains("SECRET"), "{}", fault.message);
        }
    }

    #[test]
    fn what_is_forbidden_names_no_account() {
        let body = br#"{"Message":"User: arn:aws:iam::123456789012:user/x is not authorized to perform: bedrock:InvokeModel"}"#;
        let fault = read_fault(403, Some(b"AccessDeniedException"), body);
        assert_eq!(fault.kind, Kind::Provider(403));
        assert_eq!(fault.message, "User: (a resource) is not authorized to perform: bedrock:InvokeModel");
    }

    #[test]
    fn failures_of_a_stream_have_a_status() {
        for (sort, status) in [
            ("throttlingException", 429),
            ("validationException", 400),
            ("modelStreamErrorException", 502),
            ("serviceUnavailableException", 503),
            ("internalServerException", 500),
            ("somethingElse", 500),
        ] {
            let fault = read_failure(sort, r#"{"message":"why"}"#);
            assert_eq!((fault.kind, fault.message.as_ref()), (Kind::Provider(status), "why"));
            assert_eq!(fault.provider_type.as_deref(), Some(sort));
        }
        assert_eq!(read_failure("InternalFailure", "plain words").message, "plain words");
        assert!(read_failure("InternalFailure", "").message.contains("no readable error"));
    }
}
