//! Messages as Vertex AI takes them: the model stands in the path, and the body says instead by which version of
//! the API it is meant.

use super::super::members::members;
use crate::wire::edits::Edit;
use crate::wire::percent;

const VERSION: &str = "\"anthropic_version\":\"vertex-2023-10-16\"";
const MESSAGES: &str = "/v1/messages";
const COUNT: &str = "/v1/messages/count_tokens";

/// Appends where Vertex has what Anthropic has at `path`.
pub fn write_vertex_path(path: &str, model: &str, stream: bool, out: &mut Vec<u8>) {
    let (path, model, verb) = match path {
        COUNT => ("/models/", "count-tokens", ":rawPredict"),
        MESSAGES if stream => ("/models/", model, ":streamRawPredict"),
        MESSAGES => ("/models/", model, ":rawPredict"),
        other => (other, "", ""),
    };
    out.extend_from_slice(path.as_bytes());
    percent::encode(model.as_bytes(), b"@", out);
    out.extend_from_slice(verb.as_bytes());
}

/// The edit that makes `body`, which goes to `path`, one for Vertex: every byte but those of the model stays.
pub fn wrap_for_vertex(path: &str, body: &[u8]) -> Option<Edit<'static>> {
    let members = members(body, 0);
    let named = |name: &[u8]| members.iter().find(|member| member.name(body) == name);
    if named(b"anthropic_version").is_some() {
        return None;
    }
    let model = named(b"model")?;
    // A count needs the model all the same, since its path names none.
    Some(match path {
        COUNT => Edit { at: model.key.start..model.key.start, text: format!("{VERSION},").into() },
        _ => Edit { at: model.key.start..model.value.end, text: VERSION.into() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::edits::Edited;

    #[test]
    fn the_model_goes_into_the_path() {
        let path = |path: &str, stream| {
            let mut out = Vec::new();
            write_vertex_path(path, "claude-sonnet-4-5@20250929", stream, &mut out);
            String::from_utf8(out).expect("ASCII")
        };
        assert_eq!(path(MESSAGES, false), "/models/claude-sonnet-4-5@20250929:rawPredict");
        assert_eq!(path(MESSAGES, true), "/models/claude-sonnet-4-5@20250929:streamRawPredict");
        assert_eq!(path(COUNT, false), "/models/count-tokens:rawPredict");
    }

    #[test]
    fn the_version_stands_where_the_model_stood() {
        let wrapped = |path: &str, body: &str| {
            let (mut edited, mut out) = (Edited::from(body.as_bytes()), Vec::new());
            edited.amend(wrap_for_vertex(path, body.as_bytes()));
            edited.write(&mut out);
            String::from_utf8(out).expect("text")
        };
        let body = r#"{ "max_tokens":9, "model" : "m","messages":[{"model":"x"}]}"#;
        let wanted = r#"{ "max_tokens":9, "anthropic_version":"vertex-2023-10-16","messages":[{"model":"x"}]}"#;
        assert_eq!(wrapped(MESSAGES, body), wanted);
        let wanted = r#"{"anthropic_version":"vertex-2023-10-16","model":"m"}"#;
        assert_eq!(wrapped(COUNT, r#"{"model":"m"}"#), wanted);
    }
}
