//! Request heads, as callers send them.

use super::HeadStep;
use super::fault::HeadFault;
use super::fields;
use super::fields::FIELDS_MAX;
use super::fields::FieldSpan;
use super::fields::Index;
use super::known::Known;
use super::lines::Bounds;
use super::lines::Found;
use super::lines::Lines;
use memchr::memchr;
use memchr::memchr2;
use std::mem::MaybeUninit;
use std::net::Ipv6Addr;
use std::ops::Range;

/// What a request head may be at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the request line; beyond: 414.
    pub request_line_bytes: usize,
    /// Bytes of the whole head; beyond: 431.
    pub head_bytes: usize,
    /// Number of fields, at most 128; beyond: 431.
    pub fields: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        HeadLimits { request_line_bytes: 8 * 1024, head_bytes: 64 * 1024, fields: 100 }
    }
}

/// How the body of a request is delimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    #[default]
    None,
    /// That many bytes.
    Length(u64),
    /// Chunks, see [`ChunkedDecoder`](crate::wire::chunked::ChunkedDecoder).
    Chunked,
}

/// A request method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// GET
    #[default]
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
    /// Anything else that is a token; methods are case-sensitive, so `get` is one of these.
    Other,
}

/// A request head parsed in place: ranges into the connection's buffer. Keep one per connection and
/// reuse it, so that its list keeps its capacity.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    /// What is to be done.
    pub method: Method,
    /// Where the request target stands, as sent.
    pub target: Range<usize>,
    /// The fields in their order.
    pub fields: Vec<FieldSpan>,
    /// How the body is delimited.
    pub framing: Framing,
    /// 0 or 1, of HTTP/1.x.
    pub minor_version: u8,
    /// Whether the connection may carry another request after this one.
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expect_continue: bool,
    /// Where the head ends and the body begins.
    pub head_bytes: usize,
    path: Range<u32>,
    query: Option<Range<u32>>,
    index: Index,
    lines: Lines,
}

impl RequestHead {
    /// Forgets a head that was not completed, for use on another connection.
    pub fn restart(&mut self) {
        self.lines = Lines::default();
    }

    /// The target's path, which begins with `/` or is `*`. `bytes` are those the head was parsed from;
    /// the same is true of the methods below.
    pub fn path<'b>(&self, bytes: &'b [u8]) -> &'b str {
        if self.path.is_empty() { "/" } else { fields::text(bytes, &self.path) }
    }

    /// The target's query, without the question mark.
    pub fn query<'b>(&self, bytes: &'b [u8]) -> Option<&'b str> {
        self.query.as_ref().map(|span| fields::text(bytes, span))
    }

    /// The value of the first field of that name (of a family: of the first of that family).
    pub fn header<'b>(&self, bytes: &'b [u8], known: Known) -> Option<&'b [u8]> {
        self.index.value(&self.fields, bytes, known)
    }

    /// The values of every line of that name; nothing is looked through where there is none.
    pub fn lines<'h, 'b>(&'h self, bytes: &'b [u8], known: Known) -> impl Iterator<Item = &'b [u8]> + use<'h, 'b> {
        let from = self.index.first(known).unwrap_or(self.fields.len());
        let named = self.fields[from..].iter().filter(move |field| field.known == Some(known));
        named.map(move |field| fields::slice(bytes, &field.value))
    }

    /// Every field as name, value and what it is.
    pub fn headers<'h, 'b>(
        &'h self,
        bytes: &'b [u8],
    ) -> impl Iterator<Item = (&'b str, &'b [u8], Option<Known>)> + use<'h, 'b> {
        fields::each(&self.fields, bytes)
    }

    fn fill(&mut self, bytes: &[u8], range: Range<usize>) -> Result<(), HeadFault> {
        let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut parsed = httparse::Request::new(&mut []);
        let text = &bytes[range.clone()];
        match parsed.parse_with_uninit_headers(text, &mut slots) {
            Ok(httparse::Status::Complete(end)) if end == text.len() => {}
            Ok(_) => return Err(HeadFault::RequestLine),
            Err(error) => return Err(fault_of(error, text)),
        }
        let (Some(method), Some(target), Some(minor_version)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(HeadFault::RequestLine);
        };
        self.method = method_of(method)?;
        self.minor_version = minor_version;
        self.head_bytes = range.end;
        fields::take_fields(bytes, parsed.headers, true, &mut self.fields, &mut self.index)?;
        self.keep_alive = fields::keeps_alive(minor_version, &self.fields, &self.index, bytes);
        self.judge_target(bytes, target)?;
        self.framing = self.judge_framing(bytes)?;
        self.expect_continue = self.judge_expectation(bytes)?;
        self.judge_encoding(bytes)?;
        self.judge_upgrade(bytes)
    }

    /// Target and Host together: a request must name one authority or none.
    fn judge_target(&mut self, bytes: &[u8], target: &str) -> Result<(), HeadFault> {
        let parts = split_target(target.as_bytes(), self.method)?;
        let span = fields::span_in(bytes, target.as_bytes());
        self.target = span.start as usize..span.end as usize;
        self.path = fields::span_in(bytes, parts.path);
        self.query = parts.query.map(|query| fields::span_in(bytes, query));
        let host = self.header(bytes, Known::Host);
        match (host, parts.authority) {
            (Some(host), _) if !is_host(host) => Err(HeadFault::HostInvalid),
            (Some(host), Some(authority)) if !host.eq_ignore_ascii_case(authority) => Err(HeadFault::HostMismatch),
            (None, _) if self.minor_version == 1 => Err(HeadFault::HostMissing),
            (None, Some(authority)) if !is_host(authority) => Err(HeadFault::HostInvalid),
            _ => Ok(()),
        }
    }

    fn judge_framing(&self, bytes: &[u8]) -> Result<Framing, HeadFault> {
        let length = self.header(bytes, Known::ContentLength);
        let encoding = self.header(bytes, Known::TransferEncoding);
        match (length, encoding) {
            (None, None) => Ok(Framing::None),
            (Some(_), Some(_)) => Err(HeadFault::LengthAndEncoding),
            (Some(length), None) => fields::decimal(length).map(Framing::Length).ok_or(HeadFault::LengthInvalid),
            (None, Some(_)) if self.minor_version == 0 => Err(HeadFault::EncodingInHttp10),
            (None, Some(encoding)) if encoding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
            (None, Some(_)) => Err(HeadFault::EncodingUnsupported),
        }
    }

    /// HTTP/2 is an offer that may be ignored (RFC 9110, section 7.8), and Java's client makes it with every first
    /// request. Whoever wants another protocol can do nothing without it; nor is it an offer without its one line of
    /// settings (RFC 7540, section 3.2.1).
    fn judge_upgrade(&self, bytes: &[u8]) -> Result<(), HeadFault> {
        if self.index.first(Known::Upgrade).is_none() {
            return Ok(());
        }
        let settings = self.headers(bytes).filter(|(name, ..)| name.eq_ignore_ascii_case("http2-settings")).count();
        match self.lines(bytes, Known::Upgrade).all(|offer| offer.eq_ignore_ascii_case(b"h2c")) && settings == 1 {
            true => Ok(()),
            false => Err(HeadFault::UpgradeRefused),
        }
    }

    /// Nobody behind this decompresses, and a compressed body under its own name would be passed on as garbage.
    fn judge_encoding(&self, bytes: &[u8]) -> Result<(), HeadFault> {
        let is_identity = |encoding: &[u8]| encoding.eq_ignore_ascii_case(b"identity");
        match self.framing == Framing::None || self.lines(bytes, Known::ContentEncoding).all(is_identity) {
            true => Ok(()),
            false => Err(HeadFault::ContentEncoding),
        }
    }

    fn judge_expectation(&self, bytes: &[u8]) -> Result<bool, HeadFault> {
        match self.header(bytes, Known::Expect) {
            // RFC 9110 section 10.1.1: an HTTP/1.0 client cannot be waiting for it.
            _ if self.minor_version == 0 => Ok(false),
            None => Ok(false),
            Some(expectation) if expectation.eq_ignore_ascii_case(b"100-continue") => Ok(true),
            Some(_) => Err(HeadFault::Expectation),
        }
    }
}

/// Parses the head at the beginning of `bytes`. After `NeedMore` call it again with the same head value
/// and the same bytes and more: the search goes on where it stopped. After `Done` the body begins at
/// `head.head_bytes`; after `Bad` the connection is of no more use.
///
/// One CRLF before the request line is skipped (RFC 9112 section 2.2), more is refused.
pub fn parse_request_head(bytes: &[u8], limits: &HeadLimits, head: &mut RequestHead) -> HeadStep {
    let bounds = Bounds {
        first_line_bytes: limits.request_line_bytes,
        head_bytes: limits.head_bytes,
        fields: limits.fields.min(FIELDS_MAX),
        empty_line_first: true,
    };
    let judged = match head.lines.resume(bytes, &bounds) {
        Found::NeedMore => return HeadStep::NeedMore,
        Found::Head(range) => head.fill(bytes, range),
        Found::Bad(fault) => Err(fault),
    };
    head.restart();
    judged.map_or_else(HeadStep::Bad, |()| HeadStep::Done)
}

/// What httparse objects to, in our words; `head` is complete.
fn fault_of(error: httparse::Error, head: &[u8]) -> HeadFault {
    match error {
        httparse::Error::HeaderName => HeadFault::FieldName,
        httparse::Error::HeaderValue => HeadFault::FieldValue,
        httparse::Error::TooManyHeaders => HeadFault::TooManyFields,
        httparse::Error::Version if names_a_version(head) => HeadFault::Version,
        _ => HeadFault::RequestLine,
    }
}

/// Whether the first line is well formed but for a version that we do not speak.
fn names_a_version(head: &[u8]) -> bool {
    let line = memchr(b'\r', head).map_or(head, |end| &head[..end]);
    let mut parts = line.split(|&byte| byte == b' ').skip(2);
    let version = parts.next().and_then(|third| third.strip_prefix(b"HTTP/"));
    matches!(version, Some([major, b'.', minor]) if major.is_ascii_digit() && minor.is_ascii_digit())
        && parts.next().is_none()
}

fn method_of(text: &str) -> Result<Method, HeadFault> {
    Ok(match text {
        "POST" => Method::Post,
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "CONNECT" | "TRACE" => return Err(HeadFault::MethodRefused),
        _ => Method::Other,
    })
}

struct Target<'t> {
    authority: Option<&'t [u8]>,
    path: &'t [u8],
    query: Option<&'t [u8]>,
}

/// Takes a target apart, which is a path, an absolute http URL, or `*` with OPTIONS.
fn split_target(text: &[u8], method: Method) -> Result<Target<'_>, HeadFault> {
    let unfit = |byte: u8| !byte.is_ascii_graphic() || byte == b'#';
    if text.iter().any(|&byte| unfit(byte)) {
        return Err(HeadFault::Target);
    }
    if text == b"*" && method == Method::Options {
        return Ok(Target { authority: None, path: text, query: None });
    }
    let (authority, rest) = if text.first() == Some(&b'/') {
        (None, text)
    } else {
        let after_scheme = after_scheme(text).ok_or(HeadFault::Target)?;
        let end = memchr2(b'/', b'?', after_scheme).unwrap_or(after_scheme.len());
        (Some(&after_scheme[..end]), &after_scheme[end..])
    };
    let (path, query) = match memchr(b'?', rest) {
        Some(mark) => (&rest[..mark], Some(&rest[mark + 1..])),
        None => (rest, None),
    };
    Ok(Target { authority, path, query })
}

fn after_scheme(url: &[u8]) -> Option<&[u8]> {
    ["http://", "https://"].into_iter().find_map(|scheme| {
        let (beginning, rest) = url.split_at_checked(scheme.len())?;
        beginning.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
    })
}

/// Whether a text is a host with an optional port. Narrower than RFC 3986: no comma, which joins two
/// hosts to one value, and no empty host.
fn is_host(text: &[u8]) -> bool {
    let (valid, port) = if let Some(literal) = text.strip_prefix(b"[") {
        let Some(end) = memchr(b']', literal) else { return false };
        let address = std::str::from_utf8(&literal[..end]).ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
        (address.is_some(), &literal[end + 1..])
    } else {
        let end = memchr(b':', text).unwrap_or(text.len());
        (is_name(&text[..end]), &text[end..])
    };
    let port_fits = match port.split_first() {
        None => true,
        Some((b':', digits)) => digits.is_empty() || fields::decimal(digits).is_some_and(|port| port <= 65535),
        Some(_) => false,
    };
    valid && port_fits
}

fn is_name(text: &[u8]) -> bool {
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        let fits = match byte {
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b';' | b'=' => true,
            b'%' => (0..2).all(|_| rest.next().is_some_and(u8::is_ascii_hexdigit)),
            _ => byte.is_ascii_alphanumeric(),
        };
        if !fits {
            return false;
        }
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> RequestHead {
        let mut head = RequestHead::default();
        let step = parse_request_head(bytes, &HeadLimits::default(), &mut head);
        assert_eq!(step, HeadStep::Done, "{}", bytes.escape_ascii());
        head
    }

    #[test]
    fn a_typical_head_is_described() {
        let bytes = b"POST /v1/chat/completions?a=b&c HTTP/1.1\r\nHost: api.example:8080\r\nAuthorization: Bearer k\r\n\
            content-type: application/json\r\nX-Unknown:\t v v \t\r\nEmpty:\r\nContent-Length: 12\r\n\r\n{\"model\":1}\n";
        let head = parse(bytes);
        assert_eq!((head.method, head.minor_version, head.keep_alive), (Method::Post, 1, true));
        assert_eq!(&bytes[head.target.clone()], b"/v1/chat/completions?a=b&c");
        assert_eq!((head.path(bytes), head.query(bytes)), ("/v1/chat/completions", Some("a=b&c")));
        assert_eq!(head.framing, Framing::Length(12));
        assert_eq!(&bytes[head.head_bytes..], b"{\"model\":1}\n");
        assert_eq!(head.header(bytes, Known::Authorization), Some(&b"Bearer k"[..]));
        assert_eq!(head.header(bytes, Known::XApiKey), None);
        let all: Vec<_> = head.headers(bytes).collect();
        assert_eq!(all[3], ("X-Unknown", &b"v v"[..], None));
        assert_eq!(all[4], ("Empty", &b""[..], None));
        assert_eq!(all[5], ("Content-Length", &b"12"[..], Some(Known::ContentLength)));
    }

    #[test]
    fn targets_are_taken_apart() {
        let of = |target: &str| {
            let method = if target == "*" { "OPTIONS" } else { "GET" };
            let bytes = format!("{method} {target} HTTP/1.1\r\nHost: h:1\r\n\r\n").into_bytes();
            let head = parse(&bytes);
            (head.path(&bytes).to_owned(), head.query(&bytes).map(str::to_owned))
        };
        assert_eq!(of("/"), ("/".into(), None));
        assert_eq!(of("/a/b?"), ("/a/b".into(), Some(String::new())));
        assert_eq!(of("/?a?b"), ("/".into(), Some("a?b".into())));
        assert_eq!(of("//h:1/x"), ("//h:1/x".into(), None));
        assert_eq!(of("http://H:1"), ("/".into(), None));
        assert_eq!(of("HTTPS://h:1?q"), ("/".into(), Some("q".into())));
        assert_eq!(of("http://h:1/v1?q"), ("/v1".into(), Some("q".into())));
        assert_eq!(of("*"), ("*".into(), None));
    }

    #[test]
    fn persistence_follows_version_and_connection() {
        let of = |version: &str, connection: &str| {
            parse(format!("GET / HTTP/{version}\r\nhost: h\r\n{connection}\r\n").as_bytes()).keep_alive
        };
        assert!(of("1.1", ""));
        assert!(!of("1.0", ""));
        assert!(!of("1.1", "Connection: Close\r\n"));
        assert!(!of("1.1", "connection: te\r\nConnection: foo , close\r\n"));
        assert!(!of("1.1", "connection: keep-alive, close\r\n"));
        assert!(of("1.1", "connection: not-close\r\n"));
        assert!(of("1.0", "Connection: Keep-Alive\r\n"));
        assert!(!of("1.0", "Connection: keep-alive\r\nconnection: close\r\n"));
    }

    #[test]
    fn one_head_value_serves_one_request_after_another() {
        let mut head = RequestHead::default();
        let limits = HeadLimits::default();
        let first = b"POST /a?q HTTP/1.0\r\nx-api-key: k\r\ncontent-length: 3\r\n\r\n";
        let second = b"GET /b HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\n\r\n";
        assert_eq!(parse_request_head(&first[..20], &limits, &mut head), HeadStep::NeedMore);
        assert_eq!(parse_request_head(first, &limits, &mut head), HeadStep::Done);
        assert_eq!((head.keep_alive, head.framing), (false, Framing::Length(3)));
        assert_eq!(parse_request_head(second, &limits, &mut head), HeadStep::Done);
        assert_eq!((head.keep_alive, head.framing, head.expect_continue), (true, Framing::None, true));
        assert_eq!((head.query(second), head.header(second, Known::XApiKey)), (None, None));
        assert_eq!(parse_request_head(&first[..20], &limits, &mut head), HeadStep::NeedMore);
        head.restart();
        assert_eq!(parse_request_head(second, &limits, &mut head), HeadStep::Done);
    }

    #[test]
    fn hosts_are_judged() {
        for good in ["h", "a.b-c_d", "1.2.3.4:80", "h:", "[::1]", "[2001:db8::1]:443", "%41b", "h:65535"] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ":80", "h:65536", "h:8a", "h:-1", "a b", "a,b", "a/b", "a@b", "[::1", "[::g]", "[]", "[::1]x", "%4",
            "a?b", "\u{e9}", "h:1:2",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }
}
