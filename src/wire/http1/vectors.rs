//! What must be refused and what must be read, each in every two-part split and byte by byte.

use super::HeadFault::*;
use super::*;

/// A request with these lines after a good Host, each ended by CRLF.
fn post(lines: &[&str]) -> Vec<u8> {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\n{}\r\n",
        lines.iter().map(|line| format!("{line}\r\n")).collect::<String>()
    )
    .into_bytes()
}

/// The verdict on growing prefixes that end at `cuts` and then on the whole, which is the first that is
/// not "more".
fn request_by(bytes: &[u8], cuts: impl IntoIterator<Item = usize>) -> (HeadStep, RequestHead) {
    let limits = HeadLimits { request_line_bytes: 200, head_bytes: 2000, fields: 10 };
    let mut head = RequestHead::default();
    for cut in cuts.into_iter().chain([bytes.len()]) {
        let step = parse_request_head(&bytes[..cut], &limits, &mut head);
        if step != HeadStep::NeedMore {
            return (step, head);
        }
    }
    (HeadStep::NeedMore, head)
}

fn response_by(
    bytes: &[u8],
    request_was_head: bool,
    cuts: impl IntoIterator<Item = usize>,
) -> (HeadStep, ResponseHead) {
    let mut head = ResponseHead::default();
    for cut in cuts.into_iter().chain([bytes.len()]) {
        let step = parse_response_head(&bytes[..cut], request_was_head, &mut head);
        if step != HeadStep::NeedMore {
            return (step, head);
        }
    }
    (HeadStep::NeedMore, head)
}

/// Everything a head says, for comparison.
fn said(step: HeadStep, head: &RequestHead, bytes: &[u8]) -> String {
    if step != HeadStep::Done {
        return format!("{step:?}");
    }
    format!(
        "{:?} {:?} {:?} {:?} {} {} {} {} {:?}",
        head.method,
        head.path(bytes),
        head.query(bytes),
        head.framing,
        head.minor_version,
        head.keep_alive,
        head.expect_continue,
        head.head_bytes,
        head.headers(bytes).collect::<Vec<_>>()
    )
}

fn response_said(step: HeadStep, head: &ResponseHead, bytes: &[u8]) -> String {
    if step != HeadStep::Done {
        return format!("{step:?}");
    }
    let fields: Vec<_> = head.headers(bytes).collect();
    format!("{} {:?} {} {} {fields:?}", head.status, head.framing, head.keep_alive, head.head_bytes)
}

fn request_in_every_split(bytes: &[u8]) -> (HeadStep, RequestHead) {
    let (step, head) = request_by(bytes, []);
    let whole = said(step, &head, bytes);
    for cut in 0..bytes.len() {
        let (step, head) = request_by(bytes, [cut]);
        assert_eq!(said(step, &head, bytes), whole, "cut at {cut}: {}", bytes.escape_ascii());
    }
    let (single, single_head) = request_by(bytes, 0..bytes.len());
    assert_eq!(said(single, &single_head, bytes), whole, "byte by byte: {}", bytes.escape_ascii());
    (step, head)
}

fn response_in_every_split(bytes: &[u8], request_was_head: bool) -> (HeadStep, ResponseHead) {
    let (step, head) = response_by(bytes, request_was_head, []);
    let whole = response_said(step, &head, bytes);
    for cut in 0..bytes.len() {
        let (step, head) = response_by(bytes, request_was_head, [cut]);
        assert_eq!(response_said(step, &head, bytes), whole, "cut at {cut}: {}", bytes.escape_ascii());
    }
    let (single, single_head) = response_by(bytes, request_was_head, 0..bytes.len());
    assert_eq!(response_said(single, &single_head, bytes), whole, "byte by byte: {}", bytes.escape_ascii());
    (step, head)
}

fn refuse_all(vectors: impl IntoIterator<Item = (Vec<u8>, HeadFault)>) {
    for (bytes, fault) in vectors {
        let (step, _) = request_in_every_split(&bytes);
        assert_eq!(step, HeadStep::Bad(fault), "{}", bytes.escape_ascii());
    }
}

#[test]
fn ambiguous_framing_is_refused() {
    refuse_all([
        (post(&["Content-Length: 5", "Transfer-Encoding: chunked"]), LengthAndEncoding),
        (post(&["Transfer-Encoding: chunked", "Content-Length: 5"]), LengthAndEncoding),
        (post(&["content-length: 0", "transfer-encoding: identity"]), LengthAndEncoding),
        (post(&["Content-Length: 5", "Content-Length: 5"]), Repeated(Known::ContentLength)),
        (post(&["Content-Length: 5", "CONTENT-LENGTH: 6"]), Repeated(Known::ContentLength)),
        (post(&["Content-Length: 5, 5"]), LengthInvalid),
        (post(&["Content-Length: 5,6"]), LengthInvalid),
        (post(&["Content-Length: +5"]), LengthInvalid),
        (post(&["Content-Length: -5"]), LengthInvalid),
        (post(&["Content-Length: -0"]), LengthInvalid),
        (post(&["Content-Length: 0x5"]), LengthInvalid),
        (post(&["Content-Length: 5 5"]), LengthInvalid),
        (post(&["Content-Length: 5e1"]), LengthInvalid),
        (post(&["Content-Length: 5."]), LengthInvalid),
        (post(&["Content-Length: 1_0"]), LengthInvalid),
        (post(&["Content-Length:"]), LengthInvalid),
        (post(&["Content-Length: \"5\""]), LengthInvalid),
        (post(&["Content-Length: five"]), LengthInvalid),
        (post(&["Content-Length: 5;q=1"]), LengthInvalid),
        (post(&["Content-Length: \u{665}"]), LengthInvalid),
        (post(&["Content-Length: 18446744073709551616"]), LengthInvalid),
        (post(&["Content-Length: 99999999999999999999999"]), LengthInvalid),
        (post(&["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]), Repeated(Known::TransferEncoding)),
        (post(&["Transfer-Encoding: chunked", "Transfer-Encoding: identity"]), Repeated(Known::TransferEncoding)),
        (post(&["Transfer-Encoding: gzip, chunked"]), EncodingUnsupported),
        (post(&["Transfer-Encoding: chunked, chunked"]), EncodingUnsupported),
        (post(&["Transfer-Encoding: chunked, identity"]), EncodingUnsupported),
        (post(&["Transfer-Encoding: chunked,"]), EncodingUnsupported),
        (post(&["Transfer-Encoding: ,chunked"]), EncodingUnsupported),
        (post(&["Transfer-Encoding: identity"]), EncodingUnsupported),
        (post(&["Transfer-Encoding:"]), EncodingUnsupported),
        (post(&["Transfer-Encoding: xchunked"]), EncodingUnsupported),
        (post(&["Transfer-Encoding: chunkedx"]), EncodingUnsupported),
        (post(&["Transfer-Encoding: \"chunked\""]), EncodingUnsupported),
        (post(&["Transfer-Encoding: 'chunked'"]), EncodingUnsupported),
        (post(&["Transfer-Encoding: chunked;q=1"]), EncodingUnsupported),
        (post(&["Transfer-Encoding: chun\tked"]), EncodingUnsupported),
        (post(&["Transfer-Encoding: chunk\u{e9}d"]), EncodingUnsupported),
        (post(&["Transfer-Encoding: \u{b}chunked"]), FieldValue),
        (post(&["Transfer-Encoding: chunked\u{c}"]), FieldValue),
        (post(&["Transfer-Encoding : chunked"]), FieldName),
        (post(&["Transfer-Encoding\t: chunked"]), FieldName),
        (post(&["Transfer-Encoding", " : chunked"]), FoldedLine),
        (post(&["Transfer-Encoding:", " chunked"]), FoldedLine),
        (post(&["Content-Length: 5", "\t6"]), FoldedLine),
        (b"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(), EncodingInHttp10),
        (b"POST / HTTP/1.0\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(), LengthAndEncoding),
    ]);
}

#[test]
fn forbidden_characters_are_refused() {
    refuse_all([
        (b"GET / HTTP/1.1\nHost: h\r\n\r\n".to_vec(), BareLf),
        (b"GET / HTTP/1.1\r\nHost: h\n\r\n".to_vec(), BareLf),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\n".to_vec(), BareLf),
        (b"\nGET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(), BareLf),
        (b"GET / HTTP/1.1\rHost: h\r\n\r\n".to_vec(), BareCr),
        (b"GET / HTTP/1.1\r\r\nHost: h\r\n\r\n".to_vec(), BareCr),
        (b"\rGET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(), BareCr),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\r\n".to_vec(), BareCr),
        (post(&["x: a\rb"]), BareCr),
        (post(&["x: a\rTransfer-Encoding: chunked"]), BareCr),
        (post(&["x: a\nTransfer-Encoding: chunked"]), BareLf),
        (post(&["x: a\0b"]), FieldValue),
        (post(&["x: \u{1}"]), FieldValue),
        (post(&["x: a\u{7f}b"]), FieldValue),
        (post(&["x: \u{1b}[2J"]), FieldValue),
        (post(&["x\0: a"]), FieldName),
        (post(&["x y: a"]), FieldName),
        (post(&["x : a"]), FieldName),
        (post(&["x(y): a"]), FieldName),
        (post(&["x\u{e9}: a"]), FieldName),
        (post(&["\"x\": a"]), FieldName),
        (post(&["x/y: a"]), FieldName),
        (post(&["x"]), FieldName),
        (post(&[": a"]), FieldName),
        (post(&["{x}: a"]), FieldName),
        (post(&[" x: a"]), FoldedLine),
        (b"GET / HTTP/1.1\r\n Host: h\r\n\r\n".to_vec(), FoldedLine),
        (b"\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(), EmptyLine),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), RequestLine),
        (b"\0GET / HTTP/1.1\r\n\r\n".to_vec(), RequestLine),
        (b" GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(), RequestLine),
        (b"\xef\xbb\xbfGET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(), RequestLine),
    ]);
}

#[test]
fn malformed_request_lines_are_refused() {
    let line = |line: &str| format!("{line}\r\nHost: h\r\n\r\n").into_bytes();
    refuse_all([
        (line("GET  / HTTP/1.1"), RequestLine),
        (line("GET /  HTTP/1.1"), RequestLine),
        (line("GET / HTTP/1.1 "), RequestLine),
        (line("GET\t/ HTTP/1.1"), RequestLine),
        (line("GET /\tHTTP/1.1"), RequestLine),
        (line("GET /a b HTTP/1.1"), RequestLine),
        (line("GET /"), RequestLine),
        (line("GET"), RequestLine),
        (line("GET / "), RequestLine),
        (line("GET / HTTP"), RequestLine),
        (line("GET / HTTP/1"), RequestLine),
        (line("GET / HTTP/1.10"), RequestLine),
        (line("GET / HTTP/11.1"), RequestLine),
        (line("GET / HTTP/ 1.1"), RequestLine),
        (line("GET / http/1.1"), RequestLine),
        (line("GET / HTTPS/1.1"), RequestLine),
        (line("GET / ICY/1.1"), RequestLine),
        (line("GET / HTTP/1.1\0"), RequestLine),
        (line("G\0T / HTTP/1.1"), RequestLine),
        (line("G(T / HTTP/1.1"), RequestLine),
        (line("GET /\0 HTTP/1.1"), RequestLine),
        (line("GET /\u{7f} HTTP/1.1"), RequestLine),
        (line("GET / HTTP/2.0"), Version),
        (line("GET / HTTP/1.2"), Version),
        (line("GET / HTTP/0.9"), Version),
        (line("GET / HTTP/3.0"), Version),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), Version),
        (line("GET /\u{e9} HTTP/1.1"), Target),
        (line("GET /a#b HTTP/1.1"), Target),
        (line("GET a HTTP/1.1"), Target),
        (line("GET h:80 HTTP/1.1"), Target),
        (line("GET * HTTP/1.1"), Target),
        (line("POST * HTTP/1.1"), Target),
        (line("GET ?a HTTP/1.1"), Target),
        (line("GET \\a HTTP/1.1"), Target),
        (line("GET ftp://h/ HTTP/1.1"), Target),
        (line("GET http:/h/ HTTP/1.1"), Target),
        (line("GET file:///etc/passwd HTTP/1.1"), Target),
        (line("CONNECT h:80 HTTP/1.1"), MethodRefused),
        (line("CONNECT / HTTP/1.1"), MethodRefused),
        (line("TRACE / HTTP/1.1"), MethodRefused),
    ]);
}

#[test]
fn ambiguous_hosts_are_refused() {
    let host = |target: &str, host: &str| format!("GET {target} HTTP/1.1\r\n{host}\r\n").into_bytes();
    refuse_all([
        (host("/", ""), HostMissing),
        (host("http://h/", ""), HostMissing),
        (host("/", "Host: a\r\nHost: b\r\n"), Repeated(Known::Host)),
        (host("/", "Host: a\r\nhOST: a\r\n"), Repeated(Known::Host)),
        (host("/", "Host:\r\n"), HostInvalid),
        (host("/", "Host: a b\r\n"), HostInvalid),
        (host("/", "Host: a,b\r\n"), HostInvalid),
        (host("/", "Host: a@b\r\n"), HostInvalid),
        (host("/", "Host: http://a\r\n"), HostInvalid),
        (host("/", "Host: a/b\r\n"), HostInvalid),
        (host("/", "Host: a:b\r\n"), HostInvalid),
        (host("/", "Host: a:99999\r\n"), HostInvalid),
        (host("/", "Host: [::1\r\n"), HostInvalid),
        (host("/", "Host: a\u{e9}\r\n"), HostInvalid),
        (host("/", "Host: a?b\r\n"), HostInvalid),
        (host("/", "Host : a\r\n"), FieldName),
        (host("http://a/", "Host: b\r\n"), HostMismatch),
        (host("http://a:80/", "Host: a\r\n"), HostMismatch),
        (host("http://a@b/", "Host: b\r\n"), HostMismatch),
        (host("http:///x", "Host: a\r\n"), HostMismatch),
        (b"GET http://a@b/ HTTP/1.0\r\n\r\n".to_vec(), HostInvalid),
        (b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n".to_vec(), HostInvalid),
    ]);
}

#[test]
fn ambiguous_keys_and_instructions_are_refused() {
    refuse_all([
        (post(&["Authorization: Bearer a", "authorization: Bearer a"]), Repeated(Known::Authorization)),
        (post(&["x-api-key: a", "X-Api-Key: b"]), Repeated(Known::XApiKey)),
        (post(&["x-goog-api-key: a", "x-goog-api-key: a"]), Repeated(Known::XGoogApiKey)),
        (post(&["api-key: a", "api-key: a"]), Repeated(Known::ApiKey)),
        (post(&["x-ringgate-key: a", "x-ringgate-key: a"]), Repeated(Known::XRinggateKey)),
        (post(&["x-ringgate-route: a", "x-ringgate-route: b"]), Repeated(Known::XRinggateRoute)),
        (post(&["x-ringgate-new: a", "x-other: a", "X-Ringgate-New: b"]), Repeated(Known::XRinggateOther)),
        (post(&["Content-Type: application/json", "Content-Type: text/plain"]), Repeated(Known::ContentType)),
        (post(&["Expect: 100-continue", "Expect: 100-continue"]), Repeated(Known::Expect)),
        (post(&["Expect: 200-ok"]), Expectation),
        (post(&["Expect: 100-continue, x"]), Expectation),
        (post(&["Expect:"]), Expectation),
        (post(&["Content-Encoding: gzip", "Content-Length: 1"]), ContentEncoding),
        (post(&["Content-Encoding: identity", "content-encoding: br", "Transfer-Encoding: chunked"]), ContentEncoding),
        (post(&["Content-Encoding:", "Content-Length: 0"]), ContentEncoding),
        (post(&["Upgrade: websocket", "Connection: Upgrade"]), UpgradeRefused),
        (post(&["Upgrade: h2c", "Connection: Upgrade"]), UpgradeRefused),
        (post(&["Upgrade: h2c", "HTTP2-Settings: AAMA", "HTTP2-Settings: AAQA"]), UpgradeRefused),
        (post(&["Upgrade: h2c, websocket", "HTTP2-Settings: AAMA"]), UpgradeRefused),
        (post(&["Upgrade: h2c", "Upgrade: websocket", "Connection: Upgrade"]), UpgradeRefused),
        (post(&["Upgrade: websocket", "Content-Length: 1", "Transfer-Encoding: chunked"]), LengthAndEncoding),
    ]);
}

#[test]
fn what_exceeds_a_limit_is_refused_before_it_ends() {
    let long = "x".repeat(3000);
    refuse_all([
        (format!("GET /{long}").into_bytes(), LineTooLong),
        (format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes(), LineTooLong),
        (long.clone().into_bytes(), LineTooLong),
        (post(&[&format!("a: {long}")]), HeadTooLarge),
        (post(&[&format!("{long}: a")]), HeadTooLarge),
        (format!("GET / HTTP/1.1\r\n{long}").into_bytes(), HeadTooLarge),
        (post(&["a: b"; 10]), TooManyFields),
        (format!("GET / HTTP/1.1\r\n{}", "a:\r\n".repeat(11)).into_bytes(), TooManyFields),
    ]);
    let statuses =
        [(LineTooLong, 414), (HeadTooLarge, 431), (TooManyFields, 431), (Version, 505), (MethodRefused, 501)];
    for (fault, status) in
        statuses.into_iter().chain([(UpgradeRefused, 501), (Expectation, 417), (ContentEncoding, 415), (BareLf, 400)])
    {
        assert_eq!(fault.status(), status);
    }
}

#[test]
fn what_is_unambiguous_is_read() {
    let good = [
        (post(&[]), Framing::None),
        (post(&["Content-Length: 0"]), Framing::Length(0)),
        (post(&["Content-Length: \t 5 \t"]), Framing::Length(5)),
        (post(&["content-length:007"]), Framing::Length(7)),
        (post(&["Content-Length: 18446744073709551615"]), Framing::Length(u64::MAX)),
        (post(&["Transfer-Encoding: chunked"]), Framing::Chunked),
        (post(&["TRANSFER-ENCODING:Chunked "]), Framing::Chunked),
        (post(&["Transfer_Encoding: chunked"]), Framing::None),
        (post(&["x-a: \u{e9}\t\"", "x-a: b"]), Framing::None),
        (post(&["x-ringgate-one: a", "x-ringgate-two: b"]), Framing::None),
        (post(&["!#$%&'*+-.^_`|~: a"]), Framing::None),
        (post(&["Expect: 100-Continue", "Content-Length: 1"]), Framing::Length(1)),
        (
            post(&["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__"]),
            Framing::None,
        ),
        (post(&["Content-Encoding: Identity", "Content-Length: 1"]), Framing::Length(1)),
        (post(&["Content-Encoding: gzip"]), Framing::None),
        (b"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(), Framing::None),
        (b"GET / HTTP/1.0\r\n\r\n".to_vec(), Framing::None),
        (b"GET / HTTP/1.0\r\nExpect: x\r\n\r\n".to_vec(), Framing::None),
        (b"POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc".to_vec(), Framing::Length(3)),
        (b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(), Framing::None),
        (b"get /%00?{}|\"<> HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(), Framing::None),
        (b"GET http://h:1/x?y HTTP/1.1\r\nHost: H:1\r\n\r\nGET / HTTP/1.1\n".to_vec(), Framing::None),
    ];
    for (bytes, framing) in good {
        let (step, head) = request_in_every_split(&bytes);
        assert_eq!((step, head.framing), (HeadStep::Done, framing), "{}", bytes.escape_ascii());
    }
}

#[test]
fn responses_are_framed() {
    use ResponseFraming::*;
    let good: &[(&str, bool, u16, ResponseFraming, bool)] = &[
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, Length(5), true),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, 200, Length(0), true),
        ("HTTP/1.1 200 \r\ncontent-length: 5, 5\r\nContent-Length: 5\r\n\r\n", false, 200, Length(5), true),
        ("HTTP/1.1 429 Too Many\r\nTransfer-Encoding: chunked\r\n\r\n", false, 429, Chunked, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n", false, 200, Chunked, false),
        ("HTTP/1.1 200 OK\r\n\r\n", false, 200, UntilClose, false),
        ("HTTP/1.0 200 OK\r\nContent-Type: a\r\n\r\n", false, 200, UntilClose, false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", false, 200, Length(1), false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n", false, 200, Length(1), true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, 200, None, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, 200, None, true),
        ("HTTP/1.1 200 OK\r\n\r\n", true, 200, None, true),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", false, 100, None, true),
        ("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", false, 103, None, true),
        ("HTTP/1.1 204 No Content\r\n\r\n", false, 204, None, true),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", false, 204, None, true),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", false, 304, None, true),
        ("HTTP/1.1 500 \u{e9}\r\nContent-Length: 0\r\n\r\n", false, 500, Length(0), true),
    ];
    for (text, request_was_head, status, framing, keep_alive) in good {
        let (step, head) = response_in_every_split(text.as_bytes(), *request_was_head);
        let seen = (step, head.status, head.framing, head.keep_alive);
        assert_eq!(seen, (HeadStep::Done, *status, *framing, *keep_alive), "{text:?}");
    }
}

#[test]
fn garbage_responses_are_refused() {
    let long = "x".repeat(70_000);
    let bad: &[(&str, HeadFault)] = &[
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", LengthAndEncoding),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", LengthsDiffer),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", LengthsDiffer),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n\r\n", LengthInvalid),
        ("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", LengthInvalid),
        ("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n", LengthInvalid),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", EncodingUnsupported),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", EncodingUnsupported),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", EncodingInHttp10),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", BodyForbidden),
        ("HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n", BodyForbidden),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", SwitchingProtocols),
        ("HTTP/1.1 099 x\r\n\r\n", StatusLine),
        ("HTTP/1.1 600 x\r\n\r\n", StatusLine),
        ("HTTP/1.1 20 x\r\n\r\n", StatusLine),
        ("HTTP/1.1 2000 x\r\n\r\n", StatusLine),
        ("HTTP/1.1 200OK\r\n\r\n", StatusLine),
        ("HTTP/1.1  200 OK\r\n\r\n", StatusLine),
        ("HTTP/1.1 200 O\0K\r\n\r\n", StatusLine),
        ("HTTP/2.0 200 OK\r\n\r\n", StatusLine),
        ("ICY 200 OK\r\n\r\n", StatusLine),
        ("<html>\r\n\r\n", StatusLine),
        ("{\"error\":1}\r\n\r\n", StatusLine),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", EmptyLine),
        ("HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", BareLf),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\n\n", BareLf),
        ("HTTP/1.1 200 OK\r\na: b\rc\r\n\r\n", BareCr),
        ("HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n", FoldedLine),
        ("HTTP/1.1 200 OK\r\na : b\r\n\r\n", FieldName),
        ("HTTP/1.1 200 OK\r\na: \u{1}\r\n\r\n", FieldValue),
    ];
    for (text, fault) in bad {
        let (step, _) = response_in_every_split(text.as_bytes(), false);
        assert_eq!(step, HeadStep::Bad(*fault), "{text:?}");
    }
    let over = |text: String| response_by(text.as_bytes(), false, (0..text.len()).step_by(1000)).0;
    assert_eq!(over(format!("HTTP/1.1 200 {long}")), HeadStep::Bad(LineTooLong));
    assert_eq!(over(format!("HTTP/1.1 200 OK\r\na: {long}")), HeadStep::Bad(HeadTooLarge));
    assert_eq!(over(format!("HTTP/1.1 200 OK\r\n{}", "a:\r\n".repeat(129))), HeadStep::Bad(TooManyFields));
    assert_eq!(over(format!("HTTP/1.1 200 OK\r\n{}\r\n", "a:\r\n".repeat(128))), HeadStep::Done);
}
