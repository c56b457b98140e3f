//! One question to whoever gives credentials: a token server, a metadata service, STS.
//!
//! They are asked over the same exchange as providers are, with deadlines and bounds of their own. What
//! they answer is read by their own modules; what they answer wrongly is told without the secrets that
//! were sent, because some quote what they refuse.

use crate::clock::Clock;
use crate::config::Roots;
use crate::config::Timeouts;
use crate::net::Net;
use crate::upstream::Endpoint;
use crate::upstream::Failure;
use crate::upstream::ProviderLink;
use crate::upstream::Reason;
use crate::upstream::TlsConfigs;
use crate::upstream::Upstreams;
use crate::upstream::resolve::Resolve;
use crate::wire::percent;
use std::time::Duration;

/// Largest answer, bytes: a token has some thousand.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Longest quotation of somebody's reason, characters.
const REASON_CHARS_MAX: usize = 300;
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    tls: Duration::from_secs(3),
    first_byte: Duration::from_secs(5),
    idle: Duration::from_secs(5),
    total: Duration::from_secs(10),
};

/// Whom issuers are believed to be: as the provider is, whose credentials they give.
#[derive(Clone, Copy)]
pub struct Trust<'t> {
    /// Trusted authorities.
    pub roots: &'t Roots,
    /// May a name lead to a private address?
    pub allow_private: bool,
    /// Where TLS is set up.
    pub configs: &'t TlsConfigs,
}

impl Trust<'_> {
    /// The same for one of the machine's or the operator's own.
    pub(super) fn at_home(self) -> Self {
        Trust { allow_private: true, ..self }
    }

    /// The link to an issuer at `url`.
    pub(super) fn link(self, name: &str, url: &str) -> Result<ProviderLink, String> {
        let endpoint = Endpoint::parse(url)?.trusting(self.roots.clone(), self.allow_private);
        ProviderLink::occasional(name, endpoint, TIMEOUTS, self.configs)
    }
}

/// What an issuer said.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Did it say that it is Google's metadata server?
    pub(super) is_metadata: bool,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Who asks.
pub(super) struct Asker<'u, N: Net, R: Resolve> {
    pub(super) net: &'u N,
    pub(super) upstreams: &'u Upstreams<N, R>,
}

impl<N: Net, R: Resolve> Asker<'_, N, R> {
    /// Sends `request` and reads the whole answer.
    pub(super) async fn ask(&self, issuer: &ProviderLink, request: Vec<u8>) -> Result<Answer, String> {
        let failed = |failure: Failure| {
            let advice = match failure.reason {
                Reason::PrivateAddress(_) => "; if that is meant, set allow_private_addresses = true for its provider",
                _ => "",
            };
            format!("{} cannot be asked: {}{advice}", issuer.name, failure.label())
        };
        let deadline = self.net.now().after(TIMEOUTS.total);
        let mut request = request.into();
        let mut exchange = self.upstreams.exchange(issuer, &mut request, deadline).await.map_err(failed)?;
        let is_metadata = exchange.header("metadata-flavor").is_some_and(|value| value == b"Google");
        let status = exchange.status();
        let body = exchange.whole(ANSWER_BYTES_MAX).await.map_err(failed)?.to_vec();
        // The connection was left for somebody to close.
        self.upstreams.sweep(self.net.now()).await;
        Ok(Answer { status, body, is_metadata })
    }

    pub(super) fn unix_ms(&self) -> u64 {
        Clock::unix_ms(self.net)
    }
}

/// The beginning of a request's head, up to its own fields.
pub(super) fn open(method: &str, issuer: &ProviderLink, path: &str) -> Vec<u8> {
    let endpoint = &issuer.endpoint;
    let target = match (endpoint.path_prefix.as_str(), path) {
        ("", "") => "/",
        (prefix, _) => prefix,
    };
    let version = env!("CARGO_PKG_VERSION");
    let authority = &endpoint.authority;
    format!(
        "{method} {target}{path} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: ringgate/{version}\r\n\
         accept-encoding: identity\r\nconnection: close\r\n"
    )
    .into_bytes()
}

/// The rest of a request: `fields`, each with its line end, and `body`.
pub(super) fn close(mut request: Vec<u8>, fields: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    request.extend_from_slice(format!("{fields}content-length: {length}\r\n\r\n{body}").as_bytes());
    request
}

/// The field that announces a form.
pub(super) const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

/// A form's body.
pub(super) fn form(pairs: &[(&str, &str)]) -> String {
    let mut out = Vec::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push(b'&');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        percent::encode(value.as_bytes(), b"", &mut out);
    }
    String::from_utf8(out).expect("percent-encoding is ASCII")
}

/// A refusal in one line: who, with which status, why; without the secrets that it may quote.
pub(super) fn refusal(who: &str, status: u16, why: &[&str], secrets: &[&str]) -> String {
    let mut reason = why.iter().copied().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(": ");
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        reason = reason.replace(secret, super::REDACTED);
    }
    let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
    let separator = if reason.is_empty() { "" } else { ": " };
    format!("{who} answers with status {status}{separator}{reason}")
}

/// May the text stand in a header? A line break in a token would write a field of its own.
pub(super) fn fits_header(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_whole_and_closes_its_connection() {
        let configs = TlsConfigs::new();
        let trust = Trust { roots: &Roots::WebPki, allow_private: false, configs: &configs };
        let link = trust.link("x", "https://h.example/token").expect("sound");
        let request = close(open("POST", &link, ""), FORM, &form(&[("a", "b c&d"), ("e", "f/g=")]));
        let text = String::from_utf8(request).expect("ASCII");
        assert!(text.starts_with("POST /token HTTP/1.1\r\nhost: h.example\r\n"), "{text}");
        assert!(
            text.contains("\r\nconnection: close\r\n") && text.contains("\r\ncontent-length: 22\r\n\r\n"),
            "{text}"
        );
        assert!(text.ends_with("\r\n\r\na=b%20c%26d&e=f%2Fg%3D"), "{text}");
        let root = trust.at_home().link("x", "http://127.0.0.1:9").expect("sound");
        assert!(open("GET", &root, "").starts_with(b"GET / HTTP/1.1\r\nhost: 127.0.0.1:9\r\n"));
        assert!(open("GET", &root, "/latest").starts_with(b"GET /latest HTTP/1.1\r\n"));
    }

    #[test]
    fn a_refusal_quotes_no_secret() {
        let told = refusal("STS", 400, &["InvalidToken", "", "the token s3cr3t is bad"], &["s3cr3t", ""]);
        assert_eq!(told, "STS answers with status 400: InvalidToken: the token [credential] is bad");
        assert_eq!(refusal("STS", 500, &[], &[]), "STS answers with status 500");
        assert!(refusal("STS", 400, &[&"x".repeat(5_000)], &[]).len() < 400);
    }
}
