//! Framing. Each reader is asked for the same bytes whole, in pieces and byte by byte, and then compared with
//! a tolerant reader of a few lines that shares no code with it: what the strict one accepts, the tolerant
//! one must understand in the same way, or two servers would see two messages.

use super::reading;
use super::reading::EVENT_BYTES_MAX;
use super::reading::cuts;
use super::reading::pieces;
use ringgate::wire::chunked;
use ringgate::wire::chunked::ChunkFault;
use ringgate::wire::chunked::ChunkedDecoder;
use ringgate::wire::eventstream;
use ringgate::wire::eventstream::Broken;
use ringgate::wire::http1::Framing;
use ringgate::wire::http1::HeadLimits;
use ringgate::wire::http1::HeadStep;
use ringgate::wire::http1::RequestHead;
use ringgate::wire::http1::ResponseFraming;
use ringgate::wire::http1::ResponseHead;
use ringgate::wire::http1::parse_request_head;
use ringgate::wire::http1::parse_response_head;
use ringgate::wire::multipart;
use ringgate::wire::sse::write_event;

/// Inputs up to this size are also fed byte by byte.
const BYTE_BY_BYTE_MAX: usize = 2048;

/// The places at which `bytes` are cut in each of the ways that are compared with the whole.
fn ways(bytes: &[u8]) -> Vec<Vec<usize>> {
    let mut ways = vec![Vec::new(), cuts(bytes).to_vec()];
    if bytes.len() <= BYTE_BY_BYTE_MAX {
        ways.push((0..bytes.len()).collect());
    }
    ways
}

/// A field as a tolerant reader sees it.
type Field = (String, Vec<u8>);

/// First line and fields up to the first empty line, for a reader that takes any line end, and how long that is.
fn tolerant_head(bytes: &[u8]) -> (String, Vec<Field>, usize) {
    let (mut first, mut fields, mut at) = (None, Vec::new(), 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        let line = line.trim_ascii();
        match (line.is_empty(), &first) {
            (true, None) => {}
            (true, Some(_)) => break,
            (false, None) => first = Some(String::from_utf8_lossy(line).into_owned()),
            (false, Some(_)) => {
                let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
                let name = String::from_utf8_lossy(line[..colon].trim_ascii()).to_ascii_lowercase();
                fields.push((name, line.get(colon + 1..).unwrap_or_default().trim_ascii().to_vec()));
            }
        }
    }
    (first.unwrap_or_default(), fields, at)
}

fn values<'f>(fields: &'f [Field], name: &str) -> Vec<&'f [u8]> {
    fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_slice()).collect()
}

/// The fields of an accepted head are those that anybody sees, and nothing in them ends a line.
fn same_fields<'b>(strict: impl Iterator<Item = (&'b str, &'b [u8])>, tolerant: &[Field]) {
    let strict: Vec<Field> = strict.map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec())).collect();
    assert_eq!(strict, tolerant, "two readers see other fields");
    for (name, value) in &strict {
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'), "{name:?}");
        assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{}", value.escape_ascii());
    }
}

/// Any split gives the same verdict; what is accepted has one length and one meaning to a tolerant reader too.
pub fn request_head(bytes: &[u8]) {
    let limits = HeadLimits { request_line_bytes: 400, head_bytes: 4000, fields: 40 };
    let said = |cuts: &[usize]| {
        let mut head = RequestHead::default();
        for end in cuts.iter().copied().chain([bytes.len()]) {
            match parse_request_head(&bytes[..end], &limits, &mut head) {
                HeadStep::NeedMore => {}
                step => return (step, head),
            }
        }
        (HeadStep::NeedMore, head)
    };
    let shown = |(step, head): &(HeadStep, RequestHead)| match step {
        HeadStep::Done => format!(
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
        ),
        other => format!("{other:?}"),
    };
    let whole = said(&[]);
    for way in ways(bytes) {
        assert_eq!(shown(&said(&way)), shown(&whole), "cut at {way:?}");
    }
    let (HeadStep::Done, head) = whole else { return };
    let (first, fields, length) = tolerant_head(bytes);
    assert_eq!(head.head_bytes, length, "two readers see another end");
    let target = first.split(' ').nth(1).unwrap_or_default();
    assert_eq!(&bytes[head.target.clone()], target.as_bytes());
    assert!(head.path(bytes).starts_with(['/', '*']), "{}", head.path(bytes));
    same_fields(head.headers(bytes).map(|(name, value, _)| (name, value)), &fields);
    let (lengths, encodings) = (values(&fields, "content-length"), values(&fields, "transfer-encoding"));
    match head.framing {
        Framing::None => assert!(lengths.is_empty() && encodings.is_empty()),
        Framing::Length(length) => {
            assert!(encodings.is_empty());
            let texts: Vec<&str> = lengths.iter().filter_map(|text| std::str::from_utf8(text).ok()).collect();
            assert!(!texts.is_empty() && texts.iter().all(|text| text.parse() == Ok(length)), "{texts:?}");
        }
        Framing::Chunked => {
            assert!(lengths.is_empty() && encodings.len() == 1 && encodings[0].eq_ignore_ascii_case(b"chunked"));
        }
    }
    assert!(head.minor_version == 0 || values(&fields, "host").len() == 1);
}

/// The same for answers. A head that says two things about its body is never accepted.
pub fn response_head(bytes: &[u8]) {
    let said = |cuts: &[usize], to_head: bool| {
        let mut head = ResponseHead::default();
        for end in cuts.iter().copied().chain([bytes.len()]) {
            match parse_response_head(&bytes[..end], to_head, &mut head) {
                HeadStep::NeedMore => {}
                step => return (step, head),
            }
        }
        (HeadStep::NeedMore, head)
    };
    let shown = |(step, head): &(HeadStep, ResponseHead)| match step {
        HeadStep::Done => format!(
            "{} {:?} {} {} {:?}",
            head.status,
            head.framing,
            head.keep_alive,
            head.head_bytes,
            head.headers(bytes).collect::<Vec<_>>()
        ),
        other => format!("{other:?}"),
    };
    for to_head in [false, true] {
        let whole = said(&[], to_head);
        for way in ways(bytes) {
            assert_eq!(shown(&said(&way, to_head)), shown(&whole), "cut at {way:?}");
        }
        let (HeadStep::Done, head) = whole else { continue };
        let (first, fields, length) = tolerant_head(bytes);
        assert_eq!(head.head_bytes, length, "two readers see another end");
        assert_eq!(first.split(' ').nth(1), Some(head.status.to_string().as_str()));
        same_fields(head.headers(bytes).map(|(name, value, _)| (name, value)), &fields);
        let (lengths, encodings) = (values(&fields, "content-length"), values(&fields, "transfer-encoding"));
        assert!(lengths.is_empty() || encodings.is_empty());
        match head.framing {
            ResponseFraming::None => assert!(to_head || head.status < 200 || matches!(head.status, 204 | 304)),
            ResponseFraming::Length(length) => {
                let texts = lengths.iter().flat_map(|value| value.split(|byte| *byte == b','));
                let texts: Vec<&str> = texts.filter_map(|text| std::str::from_utf8(text.trim_ascii()).ok()).collect();
                assert!(!texts.is_empty() && texts.iter().all(|text| text.parse() == Ok(length)), "{texts:?}");
            }
            ResponseFraming::Chunked => assert!(encodings.len() == 1),
            ResponseFraming::UntilClose => assert!(lengths.is_empty() && encodings.is_empty() && !head.keep_alive),
        }
    }
}

/// Payload, bytes consumed, and whether the body ended.
type Body = Result<(Vec<u8>, usize, bool), ChunkFault>;

fn dechunked(bytes: &[u8], cuts: &[usize]) -> Body {
    let mut decoder = ChunkedDecoder::new();
    let (mut out, mut consumed) = (Vec::new(), 0);
    for piece in pieces(bytes, cuts.iter().copied()) {
        let progress = decoder.decode(piece, &mut out)?;
        consumed += progress.consumed;
        if progress.done {
            return Ok((out, consumed, true));
        }
    }
    Ok((out, consumed, false))
}

fn dechunked_in_place(bytes: &[u8], cuts: &[usize]) -> Body {
    let mut decoder = ChunkedDecoder::new();
    let (mut buffer, mut payload_end, mut fed) = (b"before".to_vec(), 6, 0);
    for piece in pieces(bytes, cuts.iter().copied()) {
        buffer.extend_from_slice(piece);
        fed += piece.len();
        let step = decoder.decode_in_place(&mut buffer, payload_end)?;
        payload_end = step.payload_end;
        if step.done {
            let consumed = fed - step.leftover.len();
            assert_eq!(buffer[step.leftover], bytes[consumed..fed]);
            return Ok((buffer[6..payload_end].to_vec(), consumed, true));
        }
    }
    assert!(buffer.starts_with(b"before"));
    Ok((buffer[6..payload_end].to_vec(), bytes.len(), false))
}

/// The payload and length of a body for a reader that takes any line end and skips what it does not know.
fn tolerantly_dechunked(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut payload, mut at) = (Vec::new(), 0);
    let line = |at: usize| bytes[at..].iter().position(|byte| *byte == b'\n').map(|end| at + end + 1);
    loop {
        let after = line(at)?;
        let digits = bytes[at..after].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[at..at + digits]).ok()?, 16).ok()?;
        at = after;
        if size == 0 {
            break;
        }
        payload.extend_from_slice(bytes.get(at..at.checked_add(size)?)?);
        at = line(at + size)?;
    }
    loop {
        let after = line(at)?;
        if bytes[at..after].trim_ascii().is_empty() {
            return Some((payload, after));
        }
        at = after;
    }
}

/// Any split gives the same, in place or not; a whole body is what a tolerant reader reads; what we write is
/// read back.
pub fn chunked(bytes: &[u8]) {
    let whole = dechunked(bytes, &[]);
    for way in ways(bytes) {
        assert_eq!(dechunked(bytes, &way), whole, "cut at {way:?}");
        assert_eq!(dechunked_in_place(bytes, &way), whole, "cut at {way:?}, in place");
    }
    if let Ok((payload, consumed, true)) = whole {
        assert_eq!(tolerantly_dechunked(bytes), Some((payload, consumed)), "two readers see two bodies");
    }
    let mut body = Vec::new();
    pieces(bytes, cuts(bytes)).into_iter().for_each(|piece| chunked::write_chunk(piece, &mut body));
    body.extend_from_slice(chunked::END);
    assert_eq!(dechunked(&body, &[]), Ok((bytes.to_vec(), body.len(), true)));
}

/// The events of a whole stream, line by line as the standard says it.
fn plain_events(text: &str) -> Vec<reading::Wire> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let (mut events, mut name, mut data) = (Vec::new(), None, None::<String>);
    let (lines, _unfinished) = text.rsplit_once('\n').unwrap_or_default();
    for line in lines.split('\n').filter(|_| text.contains('\n')) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => {
                let name = name.take();
                events.extend(data.take().map(|data| (name, data)));
            }
            "event" => name = Some(value.to_owned()),
            "data" => data = Some(data.map_or_else(|| value.to_owned(), |data| format!("{data}\n{value}"))),
            _ => {}
        }
    }
    events
}

/// Any split gives the same events, and they are those of the standard; what we write is read back.
pub fn sse(bytes: &[u8]) {
    for max in [12, EVENT_BYTES_MAX] {
        let whole = reading::sse_up_to(max, [bytes]);
        for way in ways(bytes) {
            assert_eq!(reading::sse_up_to(max, pieces(bytes, way.iter().copied())), whole, "cut at {way:?}");
        }
    }
    let whole = reading::sse([bytes]);
    if let (events, Ok(_)) = &whole {
        if let Ok(text) = std::str::from_utf8(bytes) {
            assert_eq!(events, &plain_events(text));
        }
        let mut again = Vec::new();
        events.iter().for_each(|(name, data)| write_event(name.as_deref(), data, &mut again));
        assert_eq!(reading::sse([again.as_slice()]), (events.clone(), Ok(0)));
    }
}

/// Name, payload and whether it is a failure.
pub type Message = (String, String, bool);

/// The messages of a binary stream that comes in these pieces.
fn messages<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Message>, Result<usize, Broken<()>>) {
    let mut splitter = eventstream::Splitter::new(EVENT_BYTES_MAX);
    let mut found = Vec::new();
    for piece in pieces {
        let fed = splitter.feed(piece, |message| {
            found.push((message.name.to_owned(), message.data.to_owned(), message.is_failure));
            Ok(())
        });
        if let Err(error) = fed {
            return (found, Err(error));
        }
    }
    (found, Ok(splitter.pending()))
}

/// Any split gives the same messages, and no bit of a message can change without being noticed.
pub fn eventstream(bytes: &[u8]) {
    let whole = messages([bytes]);
    for way in ways(bytes) {
        assert_eq!(messages(pieces(bytes, way.iter().copied())), whole, "cut at {way:?}");
    }
    let (Ok(pending), false) = (&whole.1, whole.0.is_empty()) else { return };
    let place = cuts(&bytes[..bytes.len() - pending])[0];
    if place < bytes.len() - pending {
        let mut damaged = bytes.to_vec();
        damaged[place] ^= 1 << (place % 8);
        assert!(messages([damaged.as_slice()]).1.is_err(), "a bit of byte {place} was changed unnoticed");
    }
    let again: Vec<u8> = whole.0.iter().flat_map(message).collect();
    assert_eq!(messages([again.as_slice()]), (whole.0, Ok(0)));
}

/// A message as Amazon frames it.
pub fn message((name, data, is_failure): &Message) -> Vec<u8> {
    let mut headers = Vec::new();
    let (kind, label) = if *is_failure { ("exception", ":exception-type") } else { ("event", ":event-type") };
    for (header, value) in [(":message-type", kind), (label, name)] {
        headers.push(u8::try_from(header.len()).expect("a short name"));
        headers.extend_from_slice(header.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        headers.extend_from_slice(&value.as_bytes()[..value.len().min(usize::from(u16::MAX))]);
    }
    let total = 16 + headers.len() + data.len();
    let mut message = Vec::with_capacity(total);
    for length in [total, headers.len()] {
        message.extend_from_slice(&u32::try_from(length).expect("a small message").to_be_bytes());
    }
    message.extend_from_slice(&crc32(&message).to_be_bytes());
    message.extend_from_slice(&headers);
    message.extend_from_slice(data.as_bytes());
    message.extend_from_slice(&crc32(&message).to_be_bytes());
    message
}

/// Bit by bit, as the polynomial says it.
fn crc32(bytes: &[u8]) -> u32 {
    let bit = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| bit(crc)))
}

/// The first line is a content type, the rest a form: a value that is found stands between the end of its
/// part's head and the next boundary, and under its name only once.
pub fn multipart(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let body = bytes.get(end + 1..).unwrap_or_default();
    let Some(Ok(boundary)) = multipart::boundary(bytes[..end].trim_ascii()) else { return };
    assert!((1..=70).contains(&boundary.len()));
    let Ok(Some(at)) = multipart::field(body, boundary, b"model") else { return };
    assert!(body[..at.start].ends_with(b"\r\n\r\n"));
    let after = [b"\r\n--", boundary].concat();
    assert!(body[at.end..].starts_with(&after));
    let holds = |bytes: &[u8]| bytes.windows(after.len()).any(|window| window == after);
    assert!(!holds(&body[at.clone()]), "a value holds a boundary");
}
