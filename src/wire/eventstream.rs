//! Amazon's event streams (`application/vnd.amazon.eventstream`): an incremental splitter that is
//! indifferent to how bytes are split.
//!
//! A message is a prelude (total length, length of the headers, checksum over both), headers, a payload
//! and a checksum over everything before it. The prelude is judged as soon as it is there, so that a
//! damaged or absurd length is refused at once instead of being waited for. Nothing here is guessed: a
//! stream whose checksums or headers do not hold cannot be read on.
//!
//! Three sorts of message exist: events, modelled exceptions and errors that no model foresaw. The last
//! two are reported as failures; what they mean is for the dialect to say.

/// Bytes of one message's headers accepted, as the format's own libraries bound them.
const HEADERS_BYTES_MAX: usize = 128 * 1024;
/// Total length, length of the headers, checksum.
const PRELUDE_BYTES: usize = 12;
/// The checksum at the end.
const CHECKSUM_BYTES: usize = 4;

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What sort of event, exception or error.
    pub name: &'a str,
    /// The payload; of an error without one, its text.
    pub data: &'a str,
    /// Is it an exception or an error?
    pub is_failure: bool,
}

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken<E> {
    /// A length exceeds its bound.
    TooLong,
    /// A checksum does not hold.
    Checksum,
    /// Lengths or headers that contradict the format, or text that is not UTF-8.
    Malformed,
    /// The receiver of messages stopped.
    Stopped(E),
}

/// Cuts a stream of bytes into messages. Of no use after an error.
#[derive(Clone, Debug)]
pub struct Splitter {
    message_bytes_max: usize,
    /// The beginning of a message that the last read ended in.
    held: Vec<u8>,
}

impl Splitter {
    /// A splitter at the beginning of a stream that refuses messages above `message_bytes_max` bytes.
    pub fn new(message_bytes_max: usize) -> Self {
        Splitter { message_bytes_max, held: Vec::new() }
    }

    /// Feeds bytes and calls `each` for every complete message; its error is passed on.
    pub fn feed<E>(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Message<'_>) -> Result<(), E>,
    ) -> Result<(), Broken<E>> {
        if self.held.is_empty() {
            let taken = take_messages(bytes, self.message_bytes_max, &mut each)?;
            self.held.extend_from_slice(&bytes[taken..]);
        } else {
            self.held.extend_from_slice(bytes);
            let taken = take_messages(&self.held, self.message_bytes_max, &mut each)?;
            self.held.drain(..taken);
        }
        Ok(())
    }

    /// Bytes of an unfinished message held back (0 at a clean end).
    pub fn pending(&self) -> usize {
        self.held.len()
    }
}

/// Reports every whole message; tells how many bytes they took.
fn take_messages<E>(
    bytes: &[u8],
    message_bytes_max: usize,
    each: &mut impl FnMut(Message<'_>) -> Result<(), E>,
) -> Result<usize, Broken<E>> {
    let mut taken = 0;
    while let Some((prelude, _)) = bytes[taken..].split_first_chunk::<PRELUDE_BYTES>() {
        let (total, headers) = lengths(prelude, message_bytes_max)?;
        let Some(whole) = bytes.get(taken..taken + total) else { break };
        let (checked, checksum) = whole.split_at(total - CHECKSUM_BYTES);
        if crc32(checked).to_be_bytes() != checksum {
            return Err(Broken::Checksum);
        }
        let (headers, payload) = checked[PRELUDE_BYTES..].split_at(headers);
        let message = meaning(headers, payload).ok_or(Broken::Malformed)?;
        each(message).map_err(Broken::Stopped)?;
        taken += total;
    }
    Ok(taken)
}

/// The total length and that of the headers, once they can be believed.
fn lengths<E>(prelude: &[u8; PRELUDE_BYTES], message_bytes_max: usize) -> Result<(usize, usize), Broken<E>> {
    let [a, b, c, d, e, f, g, h, checksum @ ..] = *prelude;
    if crc32(&prelude[..8]).to_be_bytes() != checksum {
        return Err(Broken::Checksum);
    }
    let (total, headers) = (u32::from_be_bytes([a, b, c, d]) as usize, u32::from_be_bytes([e, f, g, h]) as usize);
    if total > message_bytes_max || headers > HEADERS_BYTES_MAX {
        return Err(Broken::TooLong);
    }
    if total < PRELUDE_BYTES + headers + CHECKSUM_BYTES {
        return Err(Broken::Malformed);
    }
    Ok((total, headers))
}

/// The headers that say what a message is.
#[derive(Default)]
struct Labels<'a> {
    message: Option<&'a str>,
    event: Option<&'a str>,
    exception: Option<&'a str>,
    code: Option<&'a str>,
    text: Option<&'a str>,
}

fn meaning<'a>(headers: &'a [u8], payload: &'a [u8]) -> Option<Message<'a>> {
    let labels = labels(headers)?;
    let data = std::str::from_utf8(payload).ok()?;
    match labels.message? {
        "event" => Some(Message { name: labels.event?, data, is_failure: false }),
        "exception" => Some(Message { name: labels.exception?, data, is_failure: true }),
        "error" => {
            let data = if data.is_empty() { labels.text.unwrap_or_default() } else { data };
            Some(Message { name: labels.code?, data, is_failure: true })
        }
        _ => None,
    }
}

fn labels(mut headers: &[u8]) -> Option<Labels<'_>> {
    let mut labels = Labels::default();
    while let [length, rest @ ..] = headers {
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        let (kind, rest) = rest.split_first()?;
        let (value, rest) = value(*kind, rest)?;
        headers = rest;
        let label = match name {
            b":message-type" => &mut labels.message,
            b":event-type" => &mut labels.event,
            b":exception-type" => &mut labels.exception,
            b":error-code" => &mut labels.code,
            b":error-message" => &mut labels.text,
            _ => continue,
        };
        *label = Some(std::str::from_utf8(value.filter(|_| *kind == STRING)?).ok()?);
    }
    Some(labels)
}

/// The kind of header whose value is text.
const STRING: u8 = 7;

/// The value of a header of this kind, where it has bytes of its own, and what follows it.
fn value(kind: u8, rest: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let fixed = match kind {
        0 | 1 => 0, // true, false
        2 => 1,     // byte
        3 => 2,     // short
        4 => 4,     // integer
        5 | 8 => 8, // long, timestamp
        9 => 16,    // UUID
        6 | STRING => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            return Some((Some(value), rest));
        }
        _ => return None,
    };
    Some((None, rest.split_at_checked(fixed)?.1))
}

/// CRC-32 as in Ethernet and gzip.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ (crc >> 8);
    !bytes.iter().fold(u32::MAX, step)
}

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let mut table = [0; 256];
    let mut byte = 0u32;
    while byte < 256 {
        let mut crc = byte;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { POLYNOMIAL ^ (crc >> 1) } else { crc >> 1 };
            bit += 1;
        }
        table[byte as usize] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    const MAX: usize = 4096;

    fn header(name: &str, kind: u8, value: &[u8]) -> Vec<u8> {
        let mut bytes = vec![u8::try_from(name.len()).expect("short")];
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(kind);
        bytes.extend_from_slice(value);
        bytes
    }

    fn text(name: &str, value: &str) -> Vec<u8> {
        let mut sized = u16::try_from(value.len()).expect("short").to_be_bytes().to_vec();
        sized.extend_from_slice(value.as_bytes());
        header(name, STRING, &sized)
    }

    fn framed(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let total = u32::try_from(PRELUDE_BYTES + headers.len() + payload.len() + CHECKSUM_BYTES).expect("short");
        let mut bytes = total.to_be_bytes().to_vec();
        bytes.extend_from_slice(&u32::try_from(headers.len()).expect("short").to_be_bytes());
        bytes.extend_from_slice(&crc32(&bytes).to_be_bytes());
        bytes.extend_from_slice(headers);
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(&crc32(&bytes).to_be_bytes());
        bytes
    }

    fn event(name: &str, payload: &str) -> Vec<u8> {
        framed(&[text(":event-type", name), text(":message-type", "event")].concat(), payload.as_bytes())
    }

    type Told = (Vec<(String, String, bool)>, usize, Option<Broken<Infallible>>);

    fn split<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Told {
        let mut splitter = Splitter::new(MAX);
        let mut found = Vec::new();
        for piece in pieces {
            let fed = splitter.feed(piece, |message| {
                found.push((message.name.to_owned(), message.data.to_owned(), message.is_failure));
                Ok(())
            });
            if let Err(error) = fed {
                return (found, 0, Some(error));
            }
        }
        (found, splitter.pending(), None)
    }

    /// What the bytes mean, once it was found that no split in two changes it.
    fn told(bytes: &[u8]) -> Told {
        let whole = split([bytes]);
        for at in 0..=bytes.len() {
            assert_eq!(split([&bytes[..at], &bytes[at..]]), whole, "split at {at}");
        }
        assert_eq!(split(bytes.chunks(1)), whole, "byte by byte");
        whole
    }

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn messages_are_told_with_their_sort() {
        let exception = framed(
            &[text(":exception-type", "throttlingException"), text(":message-type", "exception")].concat(),
            b"{}",
        );
        let labels =
            [text(":message-type", "error"), text(":error-code", "Gone"), text(":error-message", "no more")].concat();
        let bytes = [event("messageStart", "{\"a\":1}"), event("x", ""), exception, framed(&labels, b"")].concat();
        let message = |name: &str, data: &str, failure| (name.to_owned(), data.to_owned(), failure);
        let wanted = vec![
            message("messageStart", "{\"a\":1}", false),
            message("x", "", false),
            message("throttlingException", "{}", true),
            message("Gone", "no more", true),
        ];
        assert_eq!(told(&bytes), (wanted, 0, None));
    }

    #[test]
    fn headers_of_every_kind_are_stepped_over() {
        let mut headers = Vec::new();
        for (kind, value) in [
            (0, &b""[..]),
            (1, b""),
            (2, b"1"),
            (3, b"12"),
            (4, b"1234"),
            (5, b"12345678"),
            (6, b"\0\x03abc"),
            (8, b"12345678"),
            (9, b"1234567890123456"),
        ] {
            headers.extend(header("other", kind, value));
        }
        headers.extend(text(":content-type", "application/json"));
        headers.extend([text(":message-type", "event"), text(":event-type", "e")].concat());
        assert_eq!(told(&framed(&headers, b"d")).0, [("e".to_owned(), "d".to_owned(), false)]);
    }

    #[test]
    fn every_damaged_bit_is_noticed() {
        let bytes = [event("first", "{}"), event("second", "{\"text\":\"words\"}")].concat();
        let first = event("first", "{}").len();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let (messages, _, error) = split([damaged.as_slice()]);
                assert_eq!(error, Some(Broken::Checksum), "byte {at}");
                assert_eq!(messages.len(), usize::from(at >= first), "what stood before it is whole");
            }
        }
    }

    #[test]
    fn lengths_and_headers_are_not_believed() {
        let prelude = |total: u32, headers: u32| {
            let mut bytes = [total.to_be_bytes(), headers.to_be_bytes()].concat();
            bytes.extend_from_slice(&crc32(&bytes).to_be_bytes());
            bytes
        };
        let error = |bytes: &[u8]| told(bytes).2;
        assert_eq!(error(&prelude(u32::MAX, 0)), Some(Broken::TooLong), "before it is there");
        assert_eq!(error(&prelude(4097, 0)), Some(Broken::TooLong));
        assert_eq!(error(&prelude(4096, 200_000)), Some(Broken::TooLong));
        for (total, headers) in [(0, 0), (15, 0), (40, 25), (16, 1)] {
            assert_eq!(error(&prelude(total, headers)), Some(Broken::Malformed), "{total} {headers}");
        }
        let event_type = text(":event-type", "e");
        for headers in [
            Vec::new(),
            event_type.clone(),
            text(":message-type", "event"),
            text(":message-type", "strange"),
            [event_type.clone(), header(":message-type", 0, b"")].concat(),
            [event_type.clone(), text(":message-type", "event"), vec![9]].concat(),
            [event_type.clone(), text(":message-type", "event"), header("x", 10, b"")].concat(),
            [event_type.clone(), text(":message-type", "event"), header("x", 6, b"\0\x09a")].concat(),
        ] {
            assert_eq!(error(&framed(&headers, b"")), Some(Broken::Malformed), "{}", headers.escape_ascii());
        }
        let headers = [event_type, text(":message-type", "event")].concat();
        assert_eq!(error(&framed(&headers, b"\xff")), Some(Broken::Malformed));
    }

    #[test]
    fn what_is_unfinished_is_pending_and_the_receiver_can_stop() {
        let bytes = event("e", "{}");
        for end in 1..bytes.len() {
            assert_eq!(split([&bytes[..end]]), (vec![], end, None));
        }
        let stopped = Splitter::new(MAX).feed(&bytes, |_| Err("enough"));
        assert_eq!(stopped, Err(Broken::Stopped("enough")));
    }
}
