//! Stage 2: what is asked. The path alone decides the dialect; nothing else may change it.

use crate::chat::Ask;
use crate::dialects;
use crate::dialects::Dialect;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::wire::http1::Method;
use crate::wire::json::JsonFault;
use crate::wire::json::Value;
use std::borrow::Cow;

/// What a path offers.
#[derive(Clone, Copy)]
pub enum Surface {
    /// A chat endpoint of this dialect.
    Chat(&'static dyn Dialect),
    /// The list of models, or one of them.
    Models,
    /// Is the process alive?
    Live,
    /// Can it serve?
    Ready,
}

/// Chat endpoints, by path below an optional mount.
const CHAT: &[(&str, &dyn Dialect)] = &[
    ("/v1/chat/completions", &dialects::openai_chat::OpenAiChat),
    ("/v1/responses", &dialects::openai_responses::OpenAiResponses),
    ("/v1/messages", &dialects::anthropic_messages::AnthropicMessages),
];

/// Prefixes under which SDKs with one base URL per vendor find the same endpoints.
const MOUNTS: &[(&str, &dyn Dialect)] = &[
    ("/openai", &dialects::openai_chat::OpenAiChat),
    ("/anthropic", &dialects::anthropic_messages::AnthropicMessages),
];

/// The dialect in which even the refusal of `path` must be written.
pub(super) fn dialect_of(path: &str) -> &'static dyn Dialect {
    let (rest, mounted) = unmounted(path);
    let chat = CHAT.iter().find(|(known, _)| *known == rest).map(|(_, dialect)| *dialect);
    chat.or(mounted).unwrap_or(&dialects::openai_chat::OpenAiChat)
}

/// What `method path` means, or a refusal.
pub(super) fn surface(method: Method, path: &str) -> Result<Surface, Fault> {
    let (rest, _) = unmounted(path);
    if let Some((_, dialect)) = CHAT.iter().find(|(known, _)| *known == rest) {
        return only(method == Method::Post, "POST", Surface::Chat(*dialect));
    }
    let reading = matches!(method, Method::Get | Method::Head);
    match rest {
        "/v1/models" => only(reading, "GET, HEAD", Surface::Models),
        // Models have colons too (`llama3:8b`); behind a POST a colon is a verb of another dialect.
        _ if rest.strip_prefix("/v1/models/").is_some_and(|id| !id.is_empty() && (reading || !id.contains(':'))) => {
            only(reading, "GET, HEAD", Surface::Models)
        }
        "/livez" | "/health" => only(reading, "GET, HEAD", Surface::Live),
        "/readyz" => only(reading, "GET, HEAD", Surface::Ready),
        _ => Err(Fault::new(
            Kind::NotFound,
            "this path does not exist; chat completions are at POST /v1/chat/completions, responses at POST \
             /v1/responses, models at GET /v1/models",
        )),
    }
}

/// The model id of `/v1/models/{id}`. SDKs escape what stands in it, the `/` of `provider/model` too.
pub(super) fn model_id(path: &str) -> Option<Cow<'_, str>> {
    unmounted(path).0.strip_prefix("/v1/models/").map(unescaped)
}

/// Undoes percent-encoding; what is not properly encoded stays as it is.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        match (first, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or_default() as u8;
                bytes.push(digit(high) << 4 | digit(low));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).map_or(text.into(), Cow::Owned)
}

fn unmounted(path: &str) -> (&str, Option<&'static dyn Dialect>) {
    for (mount, dialect) in MOUNTS {
        if let Some(rest) = path.strip_prefix(mount).filter(|rest| rest.starts_with('/')) {
            return (rest, Some(*dialect));
        }
    }
    (path, None)
}

fn only(allowed: bool, methods: &'static str, surface: Surface) -> Result<Surface, Fault> {
    if allowed {
        return Ok(surface);
    }
    Err(Fault::new(Kind::MethodNotAllowed(methods), format!("this path takes {methods} requests only")))
}

/// The facts of a parsed body in the caller's dialect.
pub(super) fn ask<'input>(dialect: &dyn Dialect, body: Value<'_, 'input>) -> Result<Ask<'input>, Fault> {
    dialect.read_ask(body)
}

/// What to tell a caller whose body is not acceptable JSON.
pub(super) fn json_fault(fault: JsonFault) -> Fault {
    Fault::new(Kind::BadRequest, fault.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(method: Method, path: &str) -> String {
        match surface(method, path) {
            Ok(Surface::Chat(dialect)) => dialect.name().to_owned(),
            Ok(Surface::Models) => "models".to_owned(),
            Ok(Surface::Live) => "live".to_owned(),
            Ok(Surface::Ready) => "ready".to_owned(),
            Err(fault) => fault.kind.label().to_owned(),
        }
    }

    #[test]
    fn the_path_alone_decides() {
        assert_eq!(name(Method::Post, "/v1/chat/completions"), "openai_chat");
        assert_eq!(name(Method::Post, "/openai/v1/chat/completions"), "openai_chat");
        assert_eq!(name(Method::Post, "/anthropic/v1/messages"), "anthropic_messages");
        assert_eq!(name(Method::Post, "/v1/responses"), "openai_responses");
        assert_eq!(name(Method::Post, "/openai/v1/responses"), "openai_responses");
        assert_eq!(name(Method::Get, "/v1/responses"), "method_not_allowed");
        assert_eq!(name(Method::Get, "/v1/chat/completions"), "method_not_allowed");
        assert_eq!(name(Method::Get, "/v1/models/gpt-4o"), "models");
        assert_eq!(name(Method::Get, "/v1/models/openai/gpt-4o"), "models");
        assert_eq!(name(Method::Get, "/v1/models/llama3:8b"), "models");
        assert_eq!(name(Method::Post, "/v1/models/gemini:generateContent"), "not_found");
        assert_eq!(name(Method::Post, "/V1/chat/completions"), "not_found");
        assert_eq!(name(Method::Post, "/v1/chat/completions/"), "not_found");
        assert_eq!(name(Method::Post, "/openaiv1/chat/completions"), "not_found");
        assert_eq!(name(Method::Get, "/readyz"), "ready");
    }

    #[test]
    fn model_ids_are_unescaped() {
        for (path, id) in [
            ("/v1/models/gpt-4o", "gpt-4o"),
            ("/v1/models/openai%2Fgpt%2d4o", "openai/gpt-4o"),
            ("/openai/v1/models/mod%C3%A8le", "mod\u{e8}le"),
            ("/v1/models/100%25", "100%"),
            ("/v1/models/100%", "100%"),
            ("/v1/models/%zz%2", "%zz%2"),
            ("/v1/models/%ff", "%ff"),
        ] {
            assert_eq!(model_id(path).as_deref(), Some(id));
        }
        assert_eq!(model_id("/v1/models"), None);
    }

    #[test]
    fn refusals_are_written_in_the_dialect_of_the_mount() {
        assert_eq!(dialect_of("/anthropic/nowhere").name(), "anthropic_messages");
        assert_eq!(dialect_of("/nowhere").name(), "openai_chat");
        assert_eq!(dialect_of("/v1/messages").name(), "anthropic_messages");
    }
}
