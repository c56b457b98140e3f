//! Which paths pass through unread, and what of a path and a query may reach a provider.
//!
//! The list is closed: a provider's administration lives under the same host and the same credential, so
//! what is not named here does not exist. A path is judged as it was written, before anybody undoes its
//! escapes, because two servers undo them differently.

use crate::dialects::Dialect;
use crate::dialects::anthropic_messages::AnthropicMessages;
use crate::dialects::openai_chat::OpenAiChat;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::wire::http1::Method;

/// One family of paths whose requests are passed through unread.
pub struct Endpoint {
    /// The path itself, and everything below it.
    prefix: &'static str,
    /// Only below the mount of its dialect, because the plain path is another dialect's.
    mounted_only: bool,
    /// In what dialect refusals are written, and callers are counted for routes.
    pub dialect: &'static dyn Dialect,
    /// Dialects whose providers have these paths.
    pub providers: &'static [&'static str],
    /// What their base URLs already say.
    base: &'static str,
    /// Does the request's own `model` decide what is spent? Where it does not (a batch names its models in
    /// a file), a key that is limited to some models is not served.
    pub model_decides: bool,
}

const OPENAI: Endpoint = Endpoint {
    prefix: "",
    mounted_only: false,
    dialect: &OpenAiChat,
    providers: &["openai_chat", "openai_responses"],
    base: "/v1",
    model_decides: false,
};

const ANTHROPIC: Endpoint = Endpoint {
    prefix: "",
    mounted_only: true,
    dialect: &AnthropicMessages,
    providers: &["anthropic_messages"],
    base: "",
    model_decides: false,
};

const ENDPOINTS: &[Endpoint] = &[
    Endpoint { prefix: "/v1/images", model_decides: true, ..OPENAI },
    Endpoint { prefix: "/v1/audio", model_decides: true, ..OPENAI },
    Endpoint { prefix: "/v1/videos", model_decides: true, ..OPENAI },
    Endpoint { prefix: "/v1/moderations", model_decides: true, ..OPENAI },
    Endpoint { prefix: "/v1/responses", model_decides: true, ..OPENAI },
    Endpoint { prefix: "/v1/chat/completions", ..OPENAI },
    Endpoint { prefix: "/v1/conversations", ..OPENAI },
    Endpoint { prefix: "/v1/files", ..OPENAI },
    Endpoint { prefix: "/v1/uploads", ..OPENAI },
    Endpoint { prefix: "/v1/batches", ..OPENAI },
    Endpoint { prefix: "/v1/fine_tuning", ..OPENAI },
    Endpoint { prefix: "/v1/vector_stores", ..OPENAI },
    Endpoint { prefix: "/v1/assistants", ..OPENAI },
    Endpoint { prefix: "/v1/threads", ..OPENAI },
    Endpoint { prefix: "/v1/containers", ..OPENAI },
    Endpoint { prefix: "/v1/evals", ..OPENAI },
    Endpoint { prefix: "/v1/messages/batches", mounted_only: false, ..ANTHROPIC },
    Endpoint { prefix: "/v1/files", ..ANTHROPIC },
];

/// What `path` (below its mount) passes through to, if it does. `mount` is the dialect of the mount.
pub(in crate::gateway) fn endpoint(path: &str, mount: Option<&'static dyn Dialect>) -> Option<&'static Endpoint> {
    let covers = |endpoint: &&Endpoint| {
        let below = path.strip_prefix(endpoint.prefix);
        below.is_some_and(|below| below.is_empty() || below.strip_prefix('/').is_some_and(|rest| !rest.is_empty()))
    };
    // Vendors share names (`/v1/files`): below a mount its own vendor's comes first.
    let is_own = |endpoint: &&Endpoint| mount.is_some_and(|mount| mount.name() == endpoint.dialect.name());
    let mut covering = ENDPOINTS.iter().filter(covers);
    covering.clone().find(is_own).or_else(|| covering.find(|endpoint| !endpoint.mounted_only))
}

impl Endpoint {
    /// The id of what a path is about: the part right behind the family's name.
    pub(super) fn subject<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(self.prefix)?.strip_prefix('/')?.split('/').next()
    }

    /// The path below a provider's base URL, or why it may not reach one.
    pub(super) fn upstream_path<'p>(&self, path: &'p str) -> Result<&'p str, Fault> {
        if path.split('/').skip(1).all(is_segment) {
            return Ok(path.strip_prefix(self.base).unwrap_or(path));
        }
        Err(Fault::new(
            Kind::BadRequest,
            "this path holds an empty part, dots alone, or an escape of a slash, a backslash or a control character",
        ))
    }
}

/// What a method is called upstream, or a refusal.
pub(super) fn method_name(method: Method) -> Result<&'static str, Fault> {
    Ok(match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
        Method::Options | Method::Other => {
            let methods = "GET, HEAD, POST, PUT, PATCH, DELETE";
            return Err(Fault::new(
                Kind::MethodNotAllowed(methods),
                format!("this path takes {methods} requests only"),
            ));
        }
    })
}

/// The parts of a path, for ids that stand in it.
pub(super) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// One part of a path that means the same to every server.
fn is_segment(segment: &str) -> bool {
    let Some(plain) = unescaped(segment) else { return false };
    let is_harmless = |byte: &u8| !matches!(byte, b'/' | b'\\' | b'?' | b'#' | b'%' | 0..=0x20 | 0x7f);
    let is_written = segment.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b'?'));
    is_written && !plain.iter().all(|byte| *byte == b'.') && plain.iter().all(is_harmless)
}

/// Undoes percent-encoding once; `None` where it is not properly done.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            plain.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        plain.push(digit(*high)? << 4 | digit(*low)?);
        rest = after;
    }
    Some(plain)
}

/// Parameters by which clients of some vendors send their key.
const KEY_PARAMETERS: &[&str] = &["key", "api_key", "apikey", "api-key", "access_token", "token"];

/// Appends the query as it was written, without parameters that carry a key.
pub(super) fn write_query(query: Option<&str>, out: &mut String) {
    let is_key = |parameter: &str| {
        let name = parameter.split('=').next().unwrap_or_default();
        let plain = unescaped(name).unwrap_or_else(|| name.as_bytes().to_vec());
        KEY_PARAMETERS.iter().any(|known| plain.eq_ignore_ascii_case(known.as_bytes()))
    };
    let mut separator = '?';
    let parameters = query.unwrap_or_default().split('&').filter(|parameter| !parameter.is_empty());
    for parameter in parameters.filter(|parameter| !is_key(parameter)) {
        out.push(separator);
        out.extend(parameter.chars().filter(|one| one.is_ascii_graphic() && *one != '#'));
        separator = '&';
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(path: &str, mount: Option<&'static dyn Dialect>) -> Option<(&'static str, &'static str)> {
        endpoint(path, mount).map(|endpoint| (endpoint.prefix, endpoint.dialect.name()))
    }

    #[test]
    fn the_list_is_closed_and_mounts_choose_among_namesakes() {
        let (openai, anthropic): (&'static dyn Dialect, &'static dyn Dialect) = (&OpenAiChat, &AnthropicMessages);
        for (path, mount, wanted) in [
            ("/v1/files", None, Some(("/v1/files", "openai_chat"))),
            ("/v1/files/file-1/content", None, Some(("/v1/files", "openai_chat"))),
            ("/v1/files", Some(openai), Some(("/v1/files", "openai_chat"))),
            ("/v1/files/f", Some(anthropic), Some(("/v1/files", "anthropic_messages"))),
            ("/v1/messages/batches", None, Some(("/v1/messages/batches", "anthropic_messages"))),
            ("/v1/messages/batches", Some(openai), Some(("/v1/messages/batches", "anthropic_messages"))),
            ("/v1/images/edits", Some(anthropic), Some(("/v1/images", "openai_chat"))),
            ("/v1/filesystem", None, None),
            ("/v1/files/", None, None),
            ("/v1/organization/api_keys", None, None),
            ("/v1/models/x", None, None),
            ("/files", None, None),
        ] {
            assert_eq!(found(path, mount), wanted, "{path}");
        }
    }

    #[test]
    fn paths_mean_one_thing_or_are_refused() {
        let files = endpoint("/v1/files", None).expect("listed");
        for (path, wanted) in [
            ("/v1/files", "/files"),
            ("/v1/files/file-abc/content", "/files/file-abc/content"),
            ("/v1/files/a%3Ab~c@d", "/files/a%3Ab~c@d"),
            ("/v1/files/mod%C3%A8le", "/files/mod%C3%A8le"),
            ("/v1/files/..x", "/files/..x"),
        ] {
            assert_eq!(files.upstream_path(path).unwrap_or_default(), wanted, "{path}");
        }
        for path in [
            "/v1/files//x",
            "/v1/files/x/",
            "/v1/files/.",
            "/v1/files/../models",
            "/v1/files/%2e%2E/models",
            "/v1/files/.%2e",
            "/v1/files/a%2fb",
            "/v1/files/a%5Cb",
            "/v1/files/a\\b",
            "/v1/files/%00",
            "/v1/files/%0d%0a",
            "/v1/files/%2",
            "/v1/files/a%20b",
            "/v1/files/%zz",
            "/v1/files/%252e%252e",
            "/v1/files/a%3fb",
            "/v1/files/a#b",
        ] {
            assert!(files.upstream_path(path).is_err(), "{path}");
        }
        assert_eq!(files.subject("/v1/files/file-1/content"), Some("file-1"));
        assert_eq!(files.subject("/v1/files"), None);
        let batches = endpoint("/v1/messages/batches", None).expect("listed");
        assert_eq!(batches.upstream_path("/v1/messages/batches/b"), Ok("/v1/messages/batches/b"));
    }

    #[test]
    fn queries_pass_without_keys() {
        for (query, wanted) in [
            (None, ""),
            (Some(""), ""),
            (Some("limit=2&after=file-1"), "?limit=2&after=file-1"),
            (Some("key=secret&limit=2&API_KEY=x&access_token=y"), "?limit=2"),
            (Some("%6bey=secret"), ""),
            (Some("include[]=a&include%5B%5D=b&stream"), "?include[]=a&include%5B%5D=b&stream"),
        ] {
            let mut out = String::new();
            write_query(query, &mut out);
            assert_eq!(out, wanted, "{query:?}");
        }
    }

    #[test]
    fn unusual_methods_are_refused() {
        assert_eq!(method_name(Method::Delete).expect("a method"), "DELETE");
        for method in [Method::Options, Method::Other] {
            assert!(matches!(method_name(method).expect_err("refused").kind, Kind::MethodNotAllowed(_)));
        }
    }

    proptest! {
        #[test]
        fn no_way_of_decoding_leads_out_of_the_list(tail in "[./%2fF5cCeEab\\\\?#]{0,24}") {
            let path = format!("/v1/files/{tail}");
            let Some(Ok(mut upstream)) = endpoint(&path, None).map(|found| found.upstream_path(&path).map(str::to_owned)) else {
                return Ok(());
            };
            for _ in 0..3 {
                prop_assert!(upstream.starts_with("/files/"), "{upstream}");
                let mut words = upstream.split(['/', '\\']).skip(1);
                prop_assert!(words.all(|word| !word.is_empty() && word != "." && word != ".."), "{upstream}");
                let Some(plain) = unescaped(&upstream) else { break };
                upstream = String::from_utf8_lossy(&plain).into_owned();
            }
        }
    }
}
