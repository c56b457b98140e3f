//! Requests as they arrive: keep-alive, pipelined, with a length or chunked. Only what decides the
//! answer is looked at; the mock is no validator (a strict recorder belongs to the tests).

use crate::chunked::Chunked;
use crate::chunked::Malformed;
use serde::Deserialize;
use std::borrow::Cow;

/// Longest head, bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Longest body, bytes.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most header fields.
const FIELDS_MAX: usize = 96;
/// A nonce stands behind this in a prompt.
const NONCE_MARK: &[u8] = b"nonce=";
/// Longest nonce, bytes.
const NONCE_BYTES_MAX: usize = 64;

/// Whose shapes an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `/v1/chat/completions`
    OpenAi,
    /// `/v1/messages`
    Anthropic,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A chat in this dialect.
    Chat(Dialect),
    /// `GET /count`
    Count,
    /// `POST /reset`
    Reset,
    /// Anything else.
    Unknown,
}

/// One whole request.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// Its length on the wire, bytes.
    pub(crate) bytes: usize,
    pub(crate) place: Place,
    pub(crate) keep_alive: bool,
    pub(crate) body: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
struct Head {
    bytes: usize,
    place: Place,
    keep_alive: bool,
    /// `None`: chunked.
    body_bytes: Option<usize>,
}

/// Finds requests in what a connection has received.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    head: Option<Head>,
    chunked: Chunked,
    chunked_used: usize,
    decoded: Vec<u8>,
}

impl Framer {
    /// The request at the front of `received`, if it is there as a whole. Until it is, `received` may
    /// only grow; afterwards the caller drops its bytes.
    pub(crate) fn next<'a>(&'a mut self, received: &'a [u8]) -> Result<Option<Request<'a>>, Malformed> {
        let head = match self.head {
            Some(head) => head,
            None => match parse_head(received)? {
                Some(head) => *self.head.insert(head),
                None => return Ok(None),
            },
        };
        let payload = &received[head.bytes..];
        let (bytes, body) = match head.body_bytes {
            Some(length) if payload.len() < length => return Ok(None),
            Some(length) => (head.bytes + length, &payload[..length]),
            None => {
                if self.chunked_used == 0 {
                    self.decoded.clear();
                }
                self.chunked_used += self.chunked.feed(&payload[self.chunked_used..], &mut self.decoded)?;
                if self.decoded.len() > BODY_BYTES_MAX {
                    return Err(Malformed);
                }
                if !self.chunked.complete() {
                    return Ok(None);
                }
                let bytes = head.bytes + self.chunked_used;
                self.chunked = Chunked::default();
                self.chunked_used = 0;
                (bytes, self.decoded.as_slice())
            }
        };
        self.head = None;
        Ok(Some(Request { bytes, place: head.place, keep_alive: head.keep_alive, body }))
    }
}

fn parse_head(received: &[u8]) -> Result<Option<Head>, Malformed> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    let bytes = match request.parse(received) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) if received.len() <= HEAD_BYTES_MAX => return Ok(None),
        _ => return Err(Malformed),
    };
    let mut head = Head {
        bytes,
        place: place(request.method.unwrap_or_default(), request.path.unwrap_or_default()),
        keep_alive: request.version == Some(1),
        body_bytes: Some(0),
    };
    for field in request.headers.iter() {
        if field.name.eq_ignore_ascii_case("content-length") {
            head.body_bytes = Some(length(field.value)?);
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            head.body_bytes = None;
        } else if field.name.eq_ignore_ascii_case("connection") {
            head.keep_alive = !field.value.eq_ignore_ascii_case(b"close");
        }
    }
    Ok(Some(head))
}

fn length(value: &[u8]) -> Result<usize, Malformed> {
    let digits = std::str::from_utf8(value).map_err(|_| Malformed)?;
    digits.trim().parse().ok().filter(|length| *length <= BODY_BYTES_MAX).ok_or(Malformed)
}

fn place(method: &str, target: &str) -> Place {
    let path = target.split('?').next().unwrap_or(target);
    match (method, path) {
        ("GET", "/count") => Place::Count,
        ("POST", "/reset") => Place::Reset,
        ("POST", path) if path.ends_with("/chat/completions") => Place::Chat(Dialect::OpenAi),
        ("POST", path) if path.ends_with("/messages") => Place::Chat(Dialect::Anthropic),
        _ => Place::Unknown,
    }
}

/// What a chat body asks for.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) model: Cow<'a, str>,
    pub(crate) stream: bool,
    /// Is the usage chunk of an OpenAI stream wanted?
    pub(crate) include_usage: bool,
    /// What the answer repeats, so that a client can tell its own answer from another's; may be empty.
    pub(crate) nonce: &'a str,
}

#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow, default)]
    model: Cow<'a, str>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

impl<'a> Ask<'a> {
    /// Reads a body; `None` if it is not a JSON object of the expected types.
    pub(crate) fn read(body: &'a [u8]) -> Option<Ask<'a>> {
        let written: Written<'a> = serde_json::from_slice(body).ok()?;
        Some(Ask {
            model: written.model,
            stream: written.stream.unwrap_or(false),
            include_usage: written.stream_options.is_some_and(|options| options.include_usage),
            nonce: nonce(body),
        })
    }
}

/// The last nonce of the body: earlier turns of a conversation carry older ones.
fn nonce(body: &[u8]) -> &str {
    let Some(at) = memchr::memmem::rfind(body, NONCE_MARK) else { return "" };
    let rest = &body[at + NONCE_MARK.len()..];
    let end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len());
    std::str::from_utf8(&rest[..end.min(NONCE_BYTES_MAX)]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: &[u8] = b"POST /v1/chat/completions HTTP/1.1\r\nhost: m\r\ncontent-length: 2\r\n\r\n{}";
    const CHUNKED: &[u8] =
        b"POST /v1/messages?beta=true HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n";

    fn take(framer: &mut Framer, received: &[u8]) -> Option<(usize, Place, bool, Vec<u8>)> {
        let request = framer.next(received).expect("well-formed")?;
        Some((request.bytes, request.place, request.keep_alive, request.body.to_vec()))
    }

    #[test]
    fn pipelined_requests_come_one_by_one_at_every_cut() {
        let both = [LENGTH, CHUNKED].concat();
        for cut in 0..=both.len() {
            let mut framer = Framer::default();
            let mut found = Vec::new();
            let mut used = 0;
            for end in [cut, both.len()] {
                while let Some(request) = take(&mut framer, &both[used..end]) {
                    used += request.0;
                    found.push(request);
                }
            }
            assert_eq!(used, both.len(), "cut at {cut}");
            assert_eq!(found[0].1, Place::Chat(Dialect::OpenAi));
            assert!(found[0].2 && !found[1].2);
            assert_eq!((found[1].1, found[1].3.as_slice()), (Place::Chat(Dialect::Anthropic), b"{}".as_slice()));
        }
    }

    #[test]
    fn a_body_says_what_it_wants() {
        let body = br#"{"model":"mock-429","messages":[{"role":"user","content":"nonce=ab12 \"stream\":true nonce=cd34."}],"stream" : true,"stream_options":{"include_usage":true}}"#;
        let ask = Ask::read(body).expect("readable");
        assert_eq!((ask.model.as_ref(), ask.stream, ask.include_usage, ask.nonce), ("mock-429", true, true, "cd34"));
        let body = br#"{"model":"a\u0062","messages":[{"content":"\"stream\":true"}]}"#;
        let ask = Ask::read(body).expect("readable");
        assert_eq!((ask.model.as_ref(), ask.stream, ask.nonce), ("ab", false, ""));
        assert!(Ask::read(b"[").is_none());
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Framer::default().next(b"\x16\x03\x01\x02 hello").is_err());
        assert!(Framer::default().next(b"POST / HTTP/1.1\r\ncontent-length: -2\r\n\r\n").is_err());
    }
}
