//! Paths that say which model is asked and whether to stream: Gemini's format has neither in its body.
//!
//! `/v1beta/models/{model}:generateContent`, the same below `/v1` and `/v1alpha`, and the longer paths of
//! Vertex AI (`/v1/projects/…/publishers/google/models/{model}:…`), whose project and place mean nothing
//! here. SDKs escape what stands in a model's name or do not; the `/` of `provider/model` is fine either way.

use crate::wire::percent;

/// What a path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// The model, as callers name it elsewhere.
    pub model: String,
    /// Stream the answer?
    pub stream: bool,
    /// Is the prompt to be counted instead of answered?
    pub counts: bool,
}

/// Versions that only this format has.
const OWN_VERSIONS: &[&str] = &["/v1beta/", "/v1alpha/", "/v1beta1/"];

/// Is a path, below its mount, one of this format's, known or not?
pub(super) fn is_own(path: &str) -> bool {
    OWN_VERSIONS.iter().any(|version| path.starts_with(version)) || read(path).is_some()
}

/// Reads a path below its mount; `None` if it says no model.
pub(super) fn read(path: &str) -> Option<Named> {
    let versions = OWN_VERSIONS.iter().chain(&["/v1/"]);
    let rest = versions.into_iter().find_map(|version| path.strip_prefix(version))?;
    let rest = percent::decode(rest);
    let (name, verb) = rest.rsplit_once(':')?;
    let (stream, counts) = match verb {
        "generateContent" => (false, false),
        "streamGenerateContent" => (true, false),
        "countTokens" => (false, true),
        _ => return None,
    };
    let model = below_collection(name).filter(|model| !model.is_empty())?;
    Some(Named { model: model.to_owned(), stream, counts })
}

/// `m` of `models/m`, of `models/models/m` and of `projects/p/locations/l/publishers/google/models/m`.
fn below_collection(name: &str) -> Option<&str> {
    let name = match name.strip_prefix("projects/").or_else(|| name.strip_prefix("publishers/")) {
        Some(_) => &name[name.find("/models/")? + 1..],
        None => name,
    };
    let model = name.strip_prefix("models/")?;
    Some(model.strip_prefix("models/").unwrap_or(model))
}

/// Does the caller of a stream want one JSON list instead of events? That is what a stream of this format
/// is unless the query says `alt=sse`.
pub(super) fn wants_list(query: Option<&str>) -> bool {
    !query.unwrap_or_default().split('&').any(|pair| pair == "alt=sse")
}

/// The key that Google's clients may put into the query.
pub(super) fn key_of(query: Option<&str>) -> Option<String> {
    let value = query?.split('&').find_map(|pair| pair.strip_prefix("key="))?;
    Some(percent::decode(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_named_in_every_form() {
        for (path, model, stream) in [
            ("/v1beta/models/gemini-2.5-flash:generateContent", "gemini-2.5-flash", false),
            ("/v1/models/gemini-2.5-flash:streamGenerateContent", "gemini-2.5-flash", true),
            ("/v1alpha/models/m:generateContent", "m", false),
            ("/v1beta/models/openai%2Fgpt-4o:generateContent", "openai/gpt-4o", false),
            ("/v1beta/models/openai/gpt-4o:generateContent", "openai/gpt-4o", false),
            ("/v1beta/models/ollama/llama3:8b:generateContent", "ollama/llama3:8b", false),
            ("/v1beta/models/m%3AgenerateContent", "m", false),
            ("/v1beta/models/models/m:generateContent", "m", false),
            ("/v1beta1/projects/p/locations/l/publishers/google/models/m:generateContent", "m", false),
            ("/v1/publishers/google/models/m:streamGenerateContent", "m", true),
        ] {
            assert_eq!(read(path), Some(Named { model: model.to_owned(), stream, counts: false }), "{path}");
        }
        for path in [
            "/v1beta/models/:generateContent",
            "/v1beta/models/m:count",
            "/v1beta/models/m",
            "/v2/models/m:generateContent",
            "/v1/m:generateContent",
            "/v1/models/llama3:8b",
            "/v1/projects/p:generateContent",
        ] {
            assert_eq!(read(path), None, "{path}");
        }
        assert!(read("/v1/models/m:countTokens").is_some_and(|named| named.counts && named.model == "m"));
        assert!(is_own("/v1beta/nowhere") && !is_own("/v1/models/llama3:8b"));
    }

    #[test]
    fn the_query_says_how_and_who() {
        assert!(!wants_list(Some("key=a&alt=sse")));
        for query in [None, Some(""), Some("alt=json"), Some("x=alt=sse")] {
            assert!(wants_list(query), "{query:?}");
        }
        assert_eq!(key_of(Some("alt=sse&key=rg-a%2Db")).as_deref(), Some("rg-a-b"));
        assert_eq!(key_of(Some("api_key=x")), None);
    }
}
