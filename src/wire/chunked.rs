//! Chunked transfer coding, as an incremental decoder that is indifferent to how bytes are split.
//!
//! A byte machine rather than a line parser, because chunk heads are short, arrive cut anywhere and
//! must be judged before they are complete; only payload is handled in bulk. The grammar is that of
//! RFC 9112 section 7.1 without its tolerances: CRLF only, no blanks between a size and what follows
//! it, and a named bound on everything that is not payload. Extensions and trailers are checked and
//! thrown away.

use super::http1::is_field_byte;
use super::http1::is_token_byte;
use std::io::Write;
use std::ops::Range;

/// Most hexadecimal digits of one chunk size.
pub const SIZE_DIGITS_MAX: u8 = 16;
/// Most bytes of chunk extensions in one body.
pub const EXTENSION_BYTES_MAX: u16 = 256;
/// Most bytes of trailer lines in one body.
pub const TRAILER_BYTES_MAX: u16 = 8 * 1024;
/// The last chunk, without trailers: the clean end of a body.
pub const END: &[u8] = b"0\r\n\r\n";

/// Why bytes are not a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkFault {
    /// A chunk size is missing, is not hexadecimal or is followed by something else than `;` or CRLF.
    Size,
    /// A chunk size has more than [`SIZE_DIGITS_MAX`] digits.
    SizeTooLong,
    /// A chunk extension is not `;name`, `;name=token` or `;name="quoted"`.
    Extension,
    /// The extensions together exceed [`EXTENSION_BYTES_MAX`].
    ExtensionTooLong,
    /// A line does not end in CRLF.
    LineEnd,
    /// The payload of a chunk is not followed by CRLF, so its size was wrong.
    PayloadEnd,
    /// A trailer line is not a header field.
    Trailer,
    /// The trailers together exceed [`TRAILER_BYTES_MAX`].
    TrailerTooLong,
}

impl ChunkFault {
    /// For the sender: what is wrong with the body's framing.
    pub fn message(self) -> &'static str {
        match self {
            ChunkFault::Size => "a chunk size must be hexadecimal digits followed by CRLF",
            ChunkFault::SizeTooLong => "a chunk size has more than 16 digits",
            ChunkFault::Extension => "a chunk extension is malformed",
            ChunkFault::ExtensionTooLong => "the chunk extensions exceed 256 bytes",
            ChunkFault::LineEnd => "a line of the chunked body does not end in CRLF",
            ChunkFault::PayloadEnd => "a chunk is longer than its size says",
            ChunkFault::Trailer => "a trailer field is malformed",
            ChunkFault::TrailerTooLong => "the trailer fields exceed 8 KB",
        }
    }
}

/// What a call of [`ChunkedDecoder::decode`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the input that belong to the body; all of them unless `done`.
    pub consumed: usize,
    /// Whether the body ended; what follows is not part of it.
    pub done: bool,
}

/// What a call of [`ChunkedDecoder::decode_in_place`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The payload now stands from the `from` given up to here.
    pub payload_end: usize,
    /// What follows the body in the same buffer; empty unless `done`.
    pub leftover: Range<usize>,
    /// Whether the body ended.
    pub done: bool,
}

/// The state of one chunked body between reads.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {
    state: State,
    remaining: u64,
    size_digits: u8,
    extension_bytes: u16,
    trailer_bytes: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    SizeLf,
    ExtensionStart,
    ExtensionName,
    ExtensionNameEnd,
    ExtensionValueStart,
    ExtensionToken,
    ExtensionQuoted,
    ExtensionQuotedPair,
    ExtensionEnd,
    Payload,
    PayloadCr,
    PayloadLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

/// The next thing found in the input.
enum Piece {
    Payload(Range<usize>),
    NeedMore,
    Done(usize),
}

impl Default for ChunkedDecoder {
    fn default() -> Self {
        ChunkedDecoder::new()
    }
}

impl ChunkedDecoder {
    /// A decoder at the beginning of a body.
    pub fn new() -> Self {
        ChunkedDecoder { state: State::Size, remaining: 0, size_digits: 0, extension_bytes: 0, trailer_bytes: 0 }
    }

    /// Consumes from `input` and appends payload to `out`. After an error the body is lost and the
    /// connection with it.
    pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Progress, ChunkFault> {
        let mut at = 0;
        loop {
            match self.next(input, at)? {
                Piece::Payload(range) => {
                    at = range.end;
                    out.extend_from_slice(&input[range]);
                }
                Piece::NeedMore => return Ok(Progress { consumed: input.len(), done: false }),
                Piece::Done(consumed) => return Ok(Progress { consumed, done: true }),
            }
        }
    }

    /// Same for a buffer that already holds the chunks from `from` on: payload is moved to their front.
    /// While the body goes on the buffer is cut after the payload, so that the next read appends there
    /// and the next call is given that `payload_end` as its `from`. Once it has ended nothing is cut.
    pub fn decode_in_place(&mut self, bytes: &mut Vec<u8>, from: usize) -> Result<Compacted, ChunkFault> {
        let (mut at, mut payload_end) = (from, from);
        loop {
            match self.next(bytes, at)? {
                Piece::Payload(range) => {
                    at = range.end;
                    let length = range.len();
                    bytes.copy_within(range, payload_end);
                    payload_end += length;
                }
                Piece::NeedMore => {
                    bytes.truncate(payload_end);
                    return Ok(Compacted { payload_end, leftover: payload_end..payload_end, done: false });
                }
                Piece::Done(end) => return Ok(Compacted { payload_end, leftover: end..bytes.len(), done: true }),
            }
        }
    }

    /// Payload bytes that the current chunk has promised and not yet delivered, so that a caller can
    /// refuse a body that is going to be too large before it arrives.
    pub fn promised(&self) -> u64 {
        self.remaining
    }

    fn next(&mut self, input: &[u8], mut at: usize) -> Result<Piece, ChunkFault> {
        loop {
            if self.state == State::Done {
                return Ok(Piece::Done(at));
            }
            if at >= input.len() {
                return Ok(Piece::NeedMore);
            }
            if self.state == State::Payload {
                let available = input.len() - at;
                let length = usize::try_from(self.remaining).map_or(available, |remaining| remaining.min(available));
                self.remaining -= length as u64;
                if self.remaining == 0 {
                    self.state = State::PayloadCr;
                }
                return Ok(Piece::Payload(at..at + length));
            }
            self.state = self.step(input[at])?;
            at += 1;
        }
    }

    /// One byte that is not payload.
    fn step(&mut self, byte: u8) -> Result<State, ChunkFault> {
        match self.state {
            State::Size => self.size(byte),
            State::SizeLf => expect_lf(byte, self.after_size(), ChunkFault::LineEnd),
            State::PayloadCr if byte == b'\r' => Ok(State::PayloadLf),
            State::PayloadCr => Err(ChunkFault::PayloadEnd),
            State::PayloadLf => {
                self.size_digits = 0;
                expect_lf(byte, State::Size, ChunkFault::PayloadEnd)
            }
            State::TrailerStart | State::TrailerName | State::TrailerValue | State::TrailerLf | State::EndLf => {
                self.trailer(byte)
            }
            _ => self.extension(byte),
        }
    }

    fn after_size(&self) -> State {
        if self.remaining == 0 { State::TrailerStart } else { State::Payload }
    }

    fn size(&mut self, byte: u8) -> Result<State, ChunkFault> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            if self.size_digits == SIZE_DIGITS_MAX {
                return Err(ChunkFault::SizeTooLong);
            }
            self.size_digits += 1;
            self.remaining = self.remaining << 4 | u64::from(digit);
            return Ok(State::Size);
        }
        match byte {
            _ if self.size_digits == 0 => Err(ChunkFault::Size),
            b'\r' => Ok(State::SizeLf),
            b';' => self.count_extension().map(|()| State::ExtensionStart),
            _ => Err(ChunkFault::Size),
        }
    }

    fn count_extension(&mut self) -> Result<(), ChunkFault> {
        if self.extension_bytes == EXTENSION_BYTES_MAX {
            return Err(ChunkFault::ExtensionTooLong);
        }
        self.extension_bytes += 1;
        Ok(())
    }

    fn extension(&mut self, byte: u8) -> Result<State, ChunkFault> {
        use State::*;
        let may_end = matches!(self.state, ExtensionName | ExtensionNameEnd | ExtensionToken | ExtensionEnd);
        if byte == b'\r' && may_end {
            return Ok(SizeLf);
        }
        if matches!(byte, b'\r' | b'\n') {
            return Err(ChunkFault::LineEnd);
        }
        self.count_extension()?;
        let blank = matches!(byte, b' ' | b'\t');
        match self.state {
            ExtensionStart | ExtensionValueStart if blank => Ok(self.state),
            ExtensionStart | ExtensionName if is_token_byte(byte) => Ok(ExtensionName),
            ExtensionName | ExtensionNameEnd if blank => Ok(ExtensionNameEnd),
            ExtensionName | ExtensionNameEnd if byte == b'=' => Ok(ExtensionValueStart),
            ExtensionValueStart if byte == b'"' => Ok(ExtensionQuoted),
            ExtensionValueStart | ExtensionToken if is_token_byte(byte) => Ok(ExtensionToken),
            ExtensionQuoted if byte == b'"' => Ok(ExtensionEnd),
            ExtensionQuoted if byte == b'\\' => Ok(ExtensionQuotedPair),
            ExtensionQuoted | ExtensionQuotedPair if is_field_byte(byte) => Ok(ExtensionQuoted),
            ExtensionToken | ExtensionEnd if blank => Ok(ExtensionEnd),
            _ if may_end && byte == b';' => Ok(ExtensionStart),
            _ => Err(ChunkFault::Extension),
        }
    }

    fn trailer(&mut self, byte: u8) -> Result<State, ChunkFault> {
        match (self.state, byte) {
            (State::TrailerStart, b'\r') => return Ok(State::EndLf),
            (State::EndLf, _) => return expect_lf(byte, State::Done, ChunkFault::LineEnd),
            _ if self.trailer_bytes == TRAILER_BYTES_MAX => return Err(ChunkFault::TrailerTooLong),
            _ => self.trailer_bytes += 1,
        }
        match self.state {
            State::TrailerLf => expect_lf(byte, State::TrailerStart, ChunkFault::LineEnd),
            State::TrailerName if byte == b':' => Ok(State::TrailerValue),
            State::TrailerStart | State::TrailerName if is_token_byte(byte) => Ok(State::TrailerName),
            State::TrailerValue if byte == b'\r' => Ok(State::TrailerLf),
            State::TrailerValue if is_field_byte(byte) => Ok(State::TrailerValue),
            _ if byte == b'\n' => Err(ChunkFault::LineEnd),
            _ => Err(ChunkFault::Trailer),
        }
    }
}

/// Appends `payload` as one chunk. An empty payload appends nothing, because an empty chunk would end
/// the body.
pub fn write_chunk(payload: &[u8], out: &mut Vec<u8>) {
    if payload.is_empty() {
        return;
    }
    out.reserve(payload.len() + 20);
    write!(out, "{:x}\r\n", payload.len()).expect("a Vec accepts every byte");
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

fn expect_lf(byte: u8, next: State, fault: ChunkFault) -> Result<State, ChunkFault> {
    if byte == b'\n' { Ok(next) } else { Err(fault) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Payload, bytes consumed and whether the body ended; fed in the given pieces.
    type Outcome = Result<(Vec<u8>, usize, bool), ChunkFault>;

    fn decode_split(bytes: &[u8], cuts: &[usize]) -> Outcome {
        let mut decoder = ChunkedDecoder::new();
        let (mut out, mut consumed, mut from) = (Vec::new(), 0, 0);
        for &cut in cuts.iter().chain([&bytes.len()]) {
            let progress = decoder.decode(&bytes[from..cut], &mut out)?;
            consumed += progress.consumed;
            if progress.done {
                return Ok((out, consumed, true));
            }
            assert_eq!(progress.consumed, cut - from);
            from = cut;
        }
        Ok((out, consumed, false))
    }

    fn decode_in_place_split(bytes: &[u8], cuts: &[usize]) -> Outcome {
        const BEFORE: &[u8] = b"head";
        let mut decoder = ChunkedDecoder::new();
        let mut buffer = BEFORE.to_vec();
        let (mut payload_end, mut from) = (BEFORE.len(), 0);
        for &cut in cuts.iter().chain([&bytes.len()]) {
            buffer.extend_from_slice(&bytes[from..cut]);
            let step = decoder.decode_in_place(&mut buffer, payload_end)?;
            payload_end = step.payload_end;
            from = cut;
            if step.done {
                let consumed = cut - step.leftover.len();
                assert_eq!(buffer[step.leftover], bytes[consumed..cut]);
                return Ok((buffer[BEFORE.len()..payload_end].to_vec(), consumed, true));
            }
            assert_eq!((buffer.len(), step.leftover.len()), (payload_end, 0));
        }
        Ok((buffer[BEFORE.len()..].to_vec(), bytes.len(), false))
    }

    fn in_every_split(bytes: &[u8]) -> Outcome {
        let whole = decode_split(bytes, &[]);
        for cut in 0..=bytes.len() {
            assert_eq!(decode_split(bytes, &[cut]), whole, "cut at {cut}");
            assert_eq!(decode_in_place_split(bytes, &[cut]), whole, "cut at {cut}, in place");
        }
        let every: Vec<usize> = (0..bytes.len()).collect();
        assert_eq!(decode_split(bytes, &every), whole);
        assert_eq!(decode_in_place_split(bytes, &every), whole);
        whole
    }

    #[test]
    fn bodies_are_decoded_in_every_split() {
        let good: &[(&[u8], &[u8], usize)] = &[
            (b"0\r\n\r\n", b"", 0),
            (b"5\r\nhello\r\n0\r\n\r\n", b"hello", 0),
            (b"5\r\nhello\r\n6\r\n world\r\n000\r\n\r\nGET /", b"hello world", 5),
            (b"00000000000000A\r\n0123456789\r\n0\r\n\r\n", b"0123456789", 0),
            (b"000000000000000a\r\n\r\n\r\n0\r\n\r\n\r\n0\r\n\r\nX", b"\r\n\r\n0\r\n\r\n\r", 0),
            (b"1;a\r\nx\r\n1;b=c;d=\"e;\\\"f\\\\ \xff\"\r\ny\r\n1; g = h ; i\r\nz\r\n0;j\r\n\r\n!", b"xyz", 1),
            (b"1\r\nx\r\n0\r\nx-a: 1\r\nb:\r\nc:\t\xe9 \r\n\r\n0\r\n\r\n", b"x", 5),
        ];
        for (bytes, payload, leftover) in good {
            let outcome = in_every_split(bytes);
            if *leftover > 0 || bytes.ends_with(b"\r\n\r\n") {
                assert_eq!(outcome, Ok((payload.to_vec(), bytes.len() - leftover, true)), "{}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn incomplete_bodies_ask_for_more() {
        let whole = b"5;x=\"y\"\r\nhello\r\n0\r\na: b\r\n\r\n";
        for end in 0..whole.len() {
            let (_, consumed, done) = in_every_split(&whole[..end]).expect("valid so far");
            assert_eq!((consumed, done), (end, false));
        }
    }

    #[test]
    fn malformed_bodies_are_refused_in_every_split() {
        let bad: &[(&[u8], ChunkFault)] = &[
            (b"\r\n", ChunkFault::Size),
            (b"\n0\r\n\r\n", ChunkFault::Size),
            (b" 5\r\nhello\r\n", ChunkFault::Size),
            (b"5 \r\nhello\r\n", ChunkFault::Size),
            (b"5\t;a\r\nhello\r\n", ChunkFault::Size),
            (b"-1\r\n", ChunkFault::Size),
            (b"+5\r\nhello\r\n", ChunkFault::Size),
            (b"0x5\r\nhello\r\n", ChunkFault::Size),
            (b"5h\r\nhello\r\n", ChunkFault::Size),
            (b"5_0\r\n", ChunkFault::Size),
            (b";a\r\n", ChunkFault::Size),
            (b"5,5\r\n", ChunkFault::Size),
            (b"5\0\r\n", ChunkFault::Size),
            (b"5\nhello\r\n", ChunkFault::Size),
            (b"00000000000000005\r\nhello\r\n", ChunkFault::SizeTooLong),
            (b"fffffffffffffffff\r\n", ChunkFault::SizeTooLong),
            (b"5\rhello\r\n", ChunkFault::LineEnd),
            (b"5\r\rhello\r\n", ChunkFault::LineEnd),
            (b"5;\r\nhello\r\n", ChunkFault::LineEnd),
            (b"5;a\nhello\r\n", ChunkFault::LineEnd),
            (b"5;a\rhello\r\n", ChunkFault::LineEnd),
            (b"5;a=\r\nhello\r\n", ChunkFault::LineEnd),
            (b"5;a=\"b\r\nhello\r\n", ChunkFault::LineEnd),
            (b"5;a=\"\n\"\r\nhello\r\n", ChunkFault::LineEnd),
            (b"5;;a\r\nhello\r\n", ChunkFault::Extension),
            (b"5;=a\r\nhello\r\n", ChunkFault::Extension),
            (b"5;a b\r\nhello\r\n", ChunkFault::Extension),
            (b"5;a=b c\r\nhello\r\n", ChunkFault::Extension),
            (b"5;a=\"b\"c\r\nhello\r\n", ChunkFault::Extension),
            (b"5;a\0\r\nhello\r\n", ChunkFault::Extension),
            (b"5;a=\"\0\"\r\nhello\r\n", ChunkFault::Extension),
            (b"5;a=\"\\\x7f\"\r\nhello\r\n", ChunkFault::Extension),
            (b"5\r\nhelloo\r\n", ChunkFault::PayloadEnd),
            (b"5\r\nhello\n0\r\n\r\n", ChunkFault::PayloadEnd),
            (b"5\r\nhello0\r\n\r\n", ChunkFault::PayloadEnd),
            (b"5\r\nhello\r0\r\n\r\n", ChunkFault::PayloadEnd),
            (b"0\r\n\n", ChunkFault::LineEnd),
            (b"0\r\n\r\r", ChunkFault::LineEnd),
            (b"0\n\r\n", ChunkFault::Size),
            (b"0\r\na: b\n\r\n", ChunkFault::LineEnd),
            (b"0\r\na: b\rc\r\n\r\n", ChunkFault::LineEnd),
            (b"0\r\n a: b\r\n\r\n", ChunkFault::Trailer),
            (b"0\r\na : b\r\n\r\n", ChunkFault::Trailer),
            (b"0\r\n: b\r\n\r\n", ChunkFault::Trailer),
            (b"0\r\na\r\n\r\n", ChunkFault::Trailer),
            (b"0\r\na: \0\r\n\r\n", ChunkFault::Trailer),
            (b"0\r\na: b\r\n c\r\n\r\n", ChunkFault::Trailer),
            (b"0\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", ChunkFault::Trailer),
        ];
        for (bytes, fault) in bad {
            assert_eq!(in_every_split(bytes), Err(*fault), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_is_not_payload_is_bounded_over_the_whole_body() {
        let extension = |name_bytes: usize| format!("1;{}\r\nx\r\n", "e".repeat(name_bytes));
        let body = |parts: &[String]| format!("{}0\r\n\r\n", parts.concat()).into_bytes();
        let max = usize::from(EXTENSION_BYTES_MAX);
        assert!(decode_split(&body(&[extension(max - 1)]), &[]).is_ok());
        assert_eq!(decode_split(&body(&[extension(max)]), &[]), Err(ChunkFault::ExtensionTooLong));
        assert!(decode_split(&body(&vec![extension(1); max / 2]), &[]).is_ok());
        assert_eq!(decode_split(&body(&vec![extension(1); max / 2 + 1]), &[]), Err(ChunkFault::ExtensionTooLong));

        let trailers = |lines: usize| format!("0\r\n{}\r\n", "a: 34567890abcd\r\n".repeat(lines)).into_bytes();
        let max = usize::from(TRAILER_BYTES_MAX) / 17;
        assert!(decode_split(&trailers(max), &[]).is_ok());
        assert_eq!(decode_split(&trailers(max + 1), &[]), Err(ChunkFault::TrailerTooLong));
        let endless = format!("0\r\na: {}", "b".repeat(9000)).into_bytes();
        assert_eq!(decode_split(&endless, &[]), Err(ChunkFault::TrailerTooLong));
    }

    #[test]
    fn the_largest_size_is_no_overflow() {
        let mut decoder = ChunkedDecoder::new();
        let mut out = Vec::new();
        let progress = decoder.decode(b"ffffffffffffffff\r\nabc", &mut out).expect("valid so far");
        assert_eq!((progress.done, out.as_slice()), (false, &b"abc"[..]));
        assert_eq!(decoder.promised(), u64::MAX - 3);
    }

    #[test]
    fn written_chunks_are_read_back_and_an_empty_one_ends_nothing() {
        let mut body = Vec::new();
        for payload in [&b"a"[..], b"", &[b'x'; 300]] {
            write_chunk(payload, &mut body);
        }
        assert!(body.starts_with(b"1\r\na\r\n12c\r\nxxx"));
        body.extend_from_slice(END);
        let (payload, consumed, done) = decode_split(&body, &[]).expect("valid");
        assert_eq!((payload.len(), consumed, done), (301, body.len(), true));
    }
}
