//! Stage 2: what is asked. The path alone decides the dialect; nothing else may change it.

use super::Incoming;
use super::named;
use super::named::Named;
use super::opaque;
use super::opaque::Endpoint;
use crate::chat::Ask;
use crate::chat::MODEL_BYTES_MAX;
use crate::dialects;
use crate::dialects::Dialect;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::wire::http1::Known;
use crate::wire::http1::Method;
use crate::wire::http1::RequestHead;
use crate::wire::json::JsonFault;
use crate::wire::json::Value;
use crate::wire::percent;
use std::borrow::Cow;

/// What a path offers.
#[derive(Clone, Copy)]
pub enum Surface {
    /// An endpoint whose requests are read in this dialect: chat, or a format beside it.
    Chat(&'static dyn Dialect),
    /// The list of models, or one of them; Gemini's where its path says so.
    Models(ModelPath),
    /// Passed through unread.
    Opaque(&'static Endpoint),
    /// Is the process alive?
    Live,
    /// Can it serve?
    Ready,
}

/// Below which paths models are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelPath {
    /// `/v1/models`, OpenAI's and Anthropic's.
    V1,
    /// `/v1beta/models`, Gemini's.
    V1Beta,
}

/// Endpoints whose requests are read, by path below an optional mount.
const CHAT: &[(&str, &dyn Dialect)] = &[
    ("/v1/chat/completions", &dialects::openai_chat::OpenAiChat),
    ("/v1/responses", &dialects::openai_responses::OpenAiResponses),
    ("/v1/messages", &dialects::anthropic_messages::AnthropicMessages),
    ("/v1/completions", &dialects::openai_chat::OpenAiCompletions),
    ("/v1/embeddings", &dialects::openai_chat::OpenAiEmbeddings),
    ("/v1/messages/count_tokens", &dialects::anthropic_messages::AnthropicCountTokens),
];

/// Where the lists of models are Google's.
const GEMINI_MOUNT: &str = "/genai/";

/// Prefixes under which SDKs with one base URL per vendor find the same endpoints.
const MOUNTS: &[(&str, &dyn Dialect)] = &[
    ("/openai", &dialects::openai_chat::OpenAiChat),
    ("/anthropic", &dialects::anthropic_messages::AnthropicMessages),
    ("/genai", &dialects::gemini::Gemini),
];

/// Below it, Azure's clients name a deployment, and behind it what they want of it. Their version of the API
/// stands in the query, and means nothing here.
const DEPLOYMENTS: &str = "/openai/deployments/";

/// What is found where behind a deployment's name, the longest first.
const OF_DEPLOYMENT: &[(&str, &str)] = &[
    ("/chat/completions", "/v1/chat/completions"),
    ("/completions", "/v1/completions"),
    ("/embeddings", "/v1/embeddings"),
    ("/audio/speech", "/v1/audio/speech"),
    ("/audio/transcriptions", "/v1/audio/transcriptions"),
    ("/audio/translations", "/v1/audio/translations"),
    ("/images/generations", "/v1/images/generations"),
    ("/images/edits", "/v1/images/edits"),
];

/// What Azure's clients look for beside their deployments.
const OF_RESOURCE: &[(&str, &str)] = &[("/openai/responses", "/v1/responses"), ("/openai/models", "/v1/models")];

/// The dialect in which even the refusal of `path` must be written.
pub(super) fn dialect_of(path: &str) -> &'static dyn Dialect {
    let (rest, mounted) = unmounted(path);
    if let Some(endpoint) = opaque::endpoint(rest, mounted).filter(|_| CHAT.iter().all(|(known, _)| *known != rest)) {
        return endpoint.dialect;
    }
    let chat = CHAT.iter().find(|(known, _)| *known == rest).map(|(_, dialect)| *dialect);
    let chat = chat.or_else(|| named::is_own(rest).then_some(&dialects::gemini::Gemini as &dyn Dialect));
    chat.or(mounted).unwrap_or(&dialects::openai_chat::OpenAiChat)
}

/// What `method path` means, or a refusal.
pub(super) fn surface(method: Method, path: &str) -> Result<Surface, Fault> {
    let (rest, mount) = unmounted(path);
    if let Some((_, dialect)) = CHAT.iter().find(|(known, _)| *known == rest) {
        return only(method == Method::Post, "POST", Surface::Chat(*dialect));
    }
    let reading = matches!(method, Method::Get | Method::Head);
    // Models have colons too (`llama3:8b`); only behind a POST is a colon surely a verb.
    if let Some(named) = named::read(rest).filter(|_| !(reading && rest.starts_with("/v1/models/"))) {
        let dialect: &'static dyn Dialect =
            if named.counts { &dialects::gemini::GeminiCountTokens } else { &dialects::gemini::Gemini };
        return only(method == Method::Post, "POST", Surface::Chat(dialect));
    }
    if let Some((list, id)) = models_below(rest) {
        // Google's newer clients ask for `/v1/models`, too.
        let list = if path.starts_with(GEMINI_MOUNT) { ModelPath::V1Beta } else { list };
        if reading || !id.contains(':') {
            return only(reading, "GET, HEAD", Surface::Models(list));
        }
    }
    match rest {
        // Only OPTIONS can ask for it, and whoever does wants to know whether anybody is here (RFC 9110, section 9.3.7).
        "*" => Ok(Surface::Live),
        "/livez" | "/health" => only(reading, "GET, HEAD", Surface::Live),
        "/readyz" => only(reading, "GET, HEAD", Surface::Ready),
        _ => opaque::endpoint(rest, mount).map(Surface::Opaque).ok_or_else(|| {
            let advice = "this path does not exist; chat completions are at POST /v1/chat/completions, responses at POST \
                          /v1/responses, models at GET /v1/models";
            Fault::new(Kind::NotFound, advice)
        }),
    }
}

/// The same for the vendor whose client asks, where two vendors have a path of one name (`/v1/files`) and no
/// mount says whose is meant. Only Anthropic's clients tell a version.
pub(super) fn of_client(surface: Surface, head: &RequestHead, bytes: &[u8]) -> Surface {
    let Surface::Opaque(endpoint) = surface else { return surface };
    let (path, mount) = unmounted(head.path(bytes));
    let is_anthropic = mount.is_none() && head.header(bytes, Known::AnthropicVersion).is_some();
    let anthropic: Option<&'static dyn Dialect> =
        is_anthropic.then_some(&dialects::anthropic_messages::AnthropicMessages);
    Surface::Opaque(opaque::endpoint(path, anthropic.or(mount)).unwrap_or(endpoint))
}

/// The model id of `/v1/models/{id}`. SDKs escape what stands in it, the `/` of `provider/model` too.
pub(super) fn model_id(path: &str) -> Option<Cow<'_, str>> {
    models_below(unmounted(path).0).map(|(_, id)| id).filter(|id| !id.is_empty()).map(percent::decode)
}

/// Which list of models `path` is or is in, and what stands behind it.
fn models_below(path: &str) -> Option<(ModelPath, &str)> {
    for (list, known) in [("/v1/models", ModelPath::V1), ("/v1beta/models", ModelPath::V1Beta)] {
        match path.strip_prefix(list) {
            Some("") => return Some((known, "")),
            Some(below) if below.len() > 1 && below.starts_with('/') => return Some((known, &below[1..])),
            _ => {}
        }
    }
    None
}

/// The path below its mount, and the mount's dialect. Azure's paths are OpenAI's under other names.
pub(super) fn unmounted(path: &str) -> (&str, Option<&'static dyn Dialect>) {
    let of_resource = || OF_RESOURCE.iter().find(|(known, _)| *known == path).map(|(_, own)| *own);
    if let Some(own) = of_deployment(path).map(|(_, own)| own).or_else(of_resource) {
        return (own, Some(&dialects::openai_chat::OpenAiChat));
    }
    for (mount, dialect) in MOUNTS {
        if let Some(rest) = path.strip_prefix(mount).filter(|rest| rest.starts_with('/')) {
            return (rest, Some(*dialect));
        }
    }
    (path, None)
}

/// The deployment that a path of Azure's names, and what is wanted of it by its usual path.
fn of_deployment(path: &str) -> Option<(&str, &'static str)> {
    let below = path.strip_prefix(DEPLOYMENTS)?;
    let known = |(wanted, own): &(&str, &'static str)| Some((below.strip_suffix(*wanted)?, *own));
    OF_DEPLOYMENT.iter().find_map(known).filter(|(name, _)| !name.is_empty())
}

/// The model that a path of Azure's names: its deployment.
pub(super) fn deployment(path: &str) -> Option<Cow<'_, str>> {
    of_deployment(path).map(|(name, _)| percent::decode(name))
}

fn only(allowed: bool, methods: &'static str, surface: Surface) -> Result<Surface, Fault> {
    if allowed {
        return Ok(surface);
    }
    Err(Fault::new(Kind::MethodNotAllowed(methods), format!("this path takes {methods} requests only")))
}

/// The facts of a parsed body in the caller's dialect, and what the path says besides.
pub(super) fn ask<'input>(
    dialect: &dyn Dialect,
    named: Option<Named>,
    body: Value<'_, 'input>,
) -> Result<Ask<'input>, Fault> {
    let ask = dialect.read_ask(body)?;
    Ok(match named {
        Some(Named { model, stream, .. }) => Ask { model: Cow::Owned(model), stream, ..ask },
        None => ask,
    })
}

/// Refuses what is too long to be a model's name.
pub(super) fn bound_model(model: &str) -> Result<(), Fault> {
    if model.len() > MODEL_BYTES_MAX {
        return Err(Fault::bad_field("model", format!("`model` is longer than {MODEL_BYTES_MAX} bytes: name a model")));
    }
    Ok(())
}

/// What the path of a request says about it, if it is one that does.
pub(super) fn named(incoming: Incoming<'_>) -> Option<Named> {
    named::read(unmounted(incoming.head.path(incoming.bytes)).0)
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
            Ok(Surface::Models(ModelPath::V1)) => "models".to_owned(),
            Ok(Surface::Models(ModelPath::V1Beta)) => "gemini models".to_owned(),
            Ok(Surface::Opaque(endpoint)) => format!("opaque {}", endpoint.dialect.name()),
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
        assert_eq!(name(Method::Post, "/v1/models/gemini:generateContent"), "gemini");
        assert_eq!(name(Method::Get, "/v1/models/gemini:generateContent"), "models");
        assert_eq!(name(Method::Post, "/v1beta/models/gemini:streamGenerateContent"), "gemini");
        assert_eq!(name(Method::Post, "/genai/v1beta/models/a/b:generateContent"), "gemini");
        assert_eq!(name(Method::Get, "/v1beta/models/gemini:generateContent"), "method_not_allowed");
        assert_eq!(name(Method::Post, "/v1/models/gemini:somethingElse"), "not_found");
        assert_eq!(name(Method::Post, "/openai/deployments/gpt/chat/completions"), "openai_chat");
        assert_eq!(name(Method::Post, "/openai/deployments/gpt/embeddings"), "openai_embeddings");
        assert_eq!(name(Method::Post, "/openai/deployments/tts/audio/speech"), "opaque openai_chat");
        assert_eq!(name(Method::Post, "/openai/responses"), "openai_responses");
        assert_eq!(name(Method::Get, "/openai/models"), "models");
        assert_eq!(name(Method::Post, "/openai/deployments//chat/completions"), "not_found");
        assert_eq!(name(Method::Post, "/openai/deployments/gpt/nothing"), "not_found");
        assert_eq!(name(Method::Post, "/deployments/gpt/chat/completions"), "not_found");
        assert_eq!(name(Method::Get, "/v1beta/models"), "gemini models");
        assert_eq!(name(Method::Get, "/genai/v1beta/models/gemini-2"), "gemini models");
        assert_eq!(name(Method::Get, "/genai/v1/models"), "gemini models");
        assert_eq!(name(Method::Get, "/v1beta/models/"), "not_found");
        assert_eq!(name(Method::Post, "/v1beta/models"), "method_not_allowed");
        assert_eq!(name(Method::Post, "/v1/embeddings"), "openai_embeddings");
        assert_eq!(name(Method::Post, "/v1/completions"), "openai_completions");
        assert_eq!(name(Method::Post, "/anthropic/v1/messages/count_tokens"), "anthropic_count_tokens");
        assert_eq!(name(Method::Delete, "/v1/files/f"), "opaque openai_chat");
        assert_eq!(name(Method::Delete, "/anthropic/v1/files/f"), "opaque anthropic_messages");
        assert_eq!(name(Method::Get, "/v1/chat/completions/chatcmpl-1"), "opaque openai_chat");
        assert_eq!(name(Method::Get, "/v1/organization/users"), "not_found");
        assert_eq!(name(Method::Post, "/v1beta/models/gemini:countTokens"), "gemini_count_tokens");
        assert_eq!(name(Method::Post, "/V1/chat/completions"), "not_found");
        assert_eq!(name(Method::Post, "/v1/chat/completions/"), "not_found");
        assert_eq!(name(Method::Post, "/openaiv1/chat/completions"), "not_found");
        assert_eq!(name(Method::Get, "/readyz"), "ready");
        assert_eq!(name(Method::Options, "*"), "live");
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
        assert_eq!(model_id("/v1beta/models/gemini-2").as_deref(), Some("gemini-2"));
        assert_eq!(model_id("/v1/models"), None);
    }

    #[test]
    fn refusals_are_written_in_the_dialect_of_the_mount() {
        assert_eq!(dialect_of("/anthropic/nowhere").name(), "anthropic_messages");
        assert_eq!(dialect_of("/nowhere").name(), "openai_chat");
        assert_eq!(dialect_of("/v1/messages").name(), "anthropic_messages");
        assert_eq!(dialect_of("/v1beta/nowhere").name(), "gemini");
        assert_eq!(dialect_of("/genai/nowhere").name(), "gemini");
        assert_eq!(dialect_of("/v1/models/m:generateContent").name(), "gemini");
        assert_eq!(dialect_of("/v1/messages/batches/b").name(), "anthropic_messages");
        assert_eq!(dialect_of("/anthropic/v1/files").name(), "anthropic_messages");
        assert_eq!(dialect_of("/v1/files").name(), "openai_chat");
    }
}
