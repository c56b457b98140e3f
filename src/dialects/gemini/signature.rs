//! Signatures over thoughts, on their way through callers and providers of other dialects.
//!
//! Gemini signs a *part* (a call, a text, seldom the thought itself) and refuses the next turn of a tool
//! loop without it; elsewhere a signature belongs to a block of reasoning. So a signature of Gemini's is
//! told as one over the reasoning before its part, marked with whose it is and which sort of part it was
//! taken from (`gemini:…`, `gemini-text:…`, `gemini-thought:…`): base64 holds no colon, so that nobody
//! takes it for his own. A call's signature is told a second time with the call itself, in the place that
//! Google chose for OpenAI's format, because those clients give calls back more often than reasoning.
//!
//! The other way round, SDKs of this dialect decode signatures as base64 and encode them again, in the
//! URL-safe alphabet. A foreign signature would not survive that, so it is enclosed: base64 of a mark, a
//! letter for its sort and the signature.

use super::super::base64;
use super::super::fields;
use super::spelling;
use crate::chat::Extra;
use crate::chat::RawJson;
use crate::wire::json::Parser;
use std::borrow::Cow;

/// Where Google's own translation to OpenAI's format puts the signature of a call.
const EXTRA_CONTENT: &str = "extra_content";
/// The dialect in which that place is.
const OPENAI: &str = "openai_chat";

/// Begins what is enclosed; nine bytes, so that it is twelve characters of base64 in either alphabet.
const MARK: &[u8] = b"ringgate:";
const MARK_BASE64: &str = "cmluZ2dhdGU6";

/// Accepted by Gemini where a call has no signature because another model made it.
pub(super) const NONE_EXPECTED: &str = "skip_thought_signature_validator";

/// The sort of part that a signature was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signed {
    Call,
    Text,
    Thought,
}

/// Whose a neutral signature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner<'a> {
    /// Gemini's, over this sort of part.
    Gemini(Signed, &'a str),
    /// Somebody else's.
    Other(&'a str),
}

/// What stands in a `thoughtSignature`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A signature, as it is called in the neutral middle.
    Signature(String),
    /// Reasoning that another provider encrypted.
    Redacted(String),
}

/// Whose is this neutral signature?
pub(super) fn owner(signature: &str) -> Owner<'_> {
    match signature.split_once(':') {
        Some(("gemini", own)) => Owner::Gemini(Signed::Call, own),
        Some(("gemini-text", own)) => Owner::Gemini(Signed::Text, own),
        Some(("gemini-thought", own)) => Owner::Gemini(Signed::Thought, own),
        _ => Owner::Other(signature),
    }
}

/// Reads a `thoughtSignature` of such a part.
pub(super) fn read(signed: Signed, written: &str) -> Found {
    if let Some(found) = opened(written) {
        return found;
    }
    let mark = match signed {
        Signed::Call => "gemini",
        Signed::Text => "gemini-text",
        Signed::Thought => "gemini-thought",
    };
    Found::Signature(format!("{mark}:{written}"))
}

fn opened(written: &str) -> Option<Found> {
    let rest = written.strip_prefix(MARK_BASE64)?;
    let text = String::from_utf8(base64::decode(rest)?).ok()?;
    match (text.get(..1)?, text.get(1..)?) {
        ("s", signature) => Some(Found::Signature(signature.to_owned())),
        ("r", data) => Some(Found::Redacted(data.to_owned())),
        _ => None,
    }
}

/// A foreign signature as a `thoughtSignature`.
pub(super) fn enclosed(signature: &str) -> String {
    base64::encode(&[MARK, b"s", signature.as_bytes()].concat())
}

/// Reasoning that another provider encrypted, as a `thoughtSignature`.
pub(super) fn enclosed_redacted(data: &str) -> String {
    base64::encode(&[MARK, b"r", data.as_bytes()].concat())
}

/// The signature of a call for clients of OpenAI's format.
pub(super) fn extra_content(signature: &str) -> Extra {
    let text = spelling::quoted(signature);
    let value = RawJson(format!("{{\"google\":{{\"thought_signature\":{text}}}}}"));
    Extra { dialect: OPENAI, name: EXTRA_CONTENT.to_owned(), value }
}

/// The signature that came with a call itself.
pub(super) fn of_call(extra: &[Extra]) -> Option<String> {
    let kept = fields::kept(extra, OPENAI, EXTRA_CONTENT)?;
    let mut copy = kept.as_bytes().to_vec();
    let mut parser = Parser::new();
    let tape = parser.parse(&mut copy).ok()?;
    let google = fields::object_of(&tape.as_value().as_object()?, "google")?;
    spelling::text(&google, "thoughtSignature").filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A signature for Gemini callers: Gemini's own as it was, others enclosed.
pub(super) fn for_caller(signature: &str) -> Cow<'_, str> {
    match owner(signature) {
        Owner::Gemini(_, own) => own.into(),
        Owner::Other(other) => enclosed(other).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_signatures_are_marked_and_come_back() {
        for signed in [Signed::Call, Signed::Text, Signed::Thought] {
            let Found::Signature(neutral) = read(signed, "Ep8E/+==") else { panic!("a signature") };
            assert_eq!(owner(&neutral), Owner::Gemini(signed, "Ep8E/+=="));
            assert_eq!(for_caller(&neutral), "Ep8E/+==");
        }
    }

    #[test]
    fn foreign_signatures_survive_an_sdk_that_encodes_them_anew() {
        for signature in ["EqQBCgIYAhIM+/==", "", "über:x"] {
            let safe = enclosed(signature).replace('+', "-").replace('/', "_");
            assert_eq!(read(Signed::Thought, &safe), Found::Signature(signature.to_owned()));
        }
        let safe = enclosed_redacted("data??>>").replace('+', "-").replace('/', "_");
        assert_eq!(read(Signed::Text, &safe), Found::Redacted("data??>>".to_owned()));
        assert_eq!(base64::encode(MARK), MARK_BASE64);
    }

    #[test]
    fn calls_carry_theirs_where_google_put_it() {
        assert_eq!(of_call(&[extra_content("a\"b")]).as_deref(), Some("a\"b"));
        let strange = |text: &str| Extra { dialect: OPENAI, name: EXTRA_CONTENT.into(), value: RawJson(text.into()) };
        for text in ["null", "[]", "{\"google\":1}", "{\"google\":{}}", "{"] {
            assert_eq!(of_call(&[strange(text)]), None, "{text}");
        }
    }
}
