//! Finds the end of a head in bytes that arrive piecemeal, and refuses early.
//!
//! Remembers where it stopped, so that a head dripping in byte by byte costs no more than one that
//! comes whole, and never looks past a limit, so that the verdict does not depend on how the bytes were
//! split: what exceeds a limit is refused as soon as the limit is passed.

use super::fault::HeadFault;
use super::is_token_byte;
use memchr::memchr2;
use std::ops::Range;

/// What a head may be at most.
pub(super) struct Bounds {
    /// Bytes of the first line, line end excluded.
    pub(super) first_line_bytes: usize,
    /// Bytes of the head, everything included.
    pub(super) head_bytes: usize,
    /// Number of fields.
    pub(super) fields: usize,
    /// Whether one empty line may precede the first (RFC 9112 section 2.2, for the sake of clients that
    /// end a body with a CRLF too much).
    pub(super) empty_line_first: bool,
}

/// How far the search has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    next: usize,
    line_start: usize,
    head_start: usize,
    lines: usize,
}

/// What the search found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    NeedMore,
    Head(Range<usize>),
    Bad(HeadFault),
}

impl Lines {
    /// Goes on where the last call stopped; `bytes` are those of the last call and more.
    pub(super) fn resume(&mut self, bytes: &[u8], bounds: &Bounds) -> Found {
        loop {
            match self.line(bytes, bounds) {
                Ok(Some(line)) if line.is_empty() && self.lines > 0 => {
                    return Found::Head(self.head_start..line.end + 2);
                }
                Ok(Some(line)) => {
                    if let Err(fault) = self.take(&bytes[line], bounds) {
                        return Found::Bad(fault);
                    }
                }
                Ok(None) => return Found::NeedMore,
                Err(fault) => return Found::Bad(fault),
            }
        }
    }

    /// The next complete line without its end, if it is there and within bounds.
    fn line(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<Option<Range<usize>>, HeadFault> {
        let head_window = bytes.len().min(bounds.head_bytes);
        let line_limit =
            if self.lines == 0 { self.line_start.saturating_add(bounds.first_line_bytes) } else { usize::MAX };
        if self.lines == 0
            && bytes.get(self.line_start).is_some_and(|&first| !is_token_byte(first) && !is_line_end(first))
        {
            // Not HTTP at all (a TLS hello, say): do not wait for a line that may never end.
            return Err(HeadFault::RequestLine);
        }
        let window = head_window.min(line_limit.saturating_add(1));
        let more = || if bytes.len() > bounds.head_bytes { Err(HeadFault::HeadTooLarge) } else { Ok(None) };
        let Some(distance) = bytes.get(self.next..window).and_then(|searched| memchr2(b'\r', b'\n', searched)) else {
            self.next = self.next.max(window);
            return if window > line_limit { Err(HeadFault::LineTooLong) } else { more() };
        };
        let end = self.next + distance;
        self.next = end;
        if bytes[end] == b'\n' {
            return Err(HeadFault::BareLf);
        }
        if end + 1 >= head_window {
            return more();
        }
        if bytes[end + 1] != b'\n' {
            return Err(HeadFault::BareCr);
        }
        self.next = end + 2;
        Ok(Some(self.line_start..end))
    }

    fn take(&mut self, line: &[u8], bounds: &Bounds) -> Result<(), HeadFault> {
        self.line_start = self.next;
        let Some(first) = line.first() else {
            // An empty line that ends no head, because none has begun.
            if !bounds.empty_line_first || self.head_start > 0 {
                return Err(HeadFault::EmptyLine);
            }
            self.head_start = self.next;
            return Ok(());
        };
        if self.lines > 0 && matches!(first, b' ' | b'\t') {
            return Err(HeadFault::FoldedLine);
        }
        if self.lines > bounds.fields {
            return Err(HeadFault::TooManyFields);
        }
        self.lines += 1;
        Ok(())
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { first_line_bytes: 10, head_bytes: 40, fields: 3, empty_line_first: true };

    /// The verdict on the whole, which every way of splitting must share, and after how many bytes a
    /// byte-by-byte reader knew it.
    fn verdict(bytes: &[u8]) -> (Found, usize) {
        let whole = Lines::default().resume(bytes, &BOUNDS);
        let mut lines = Lines::default();
        for end in 0..=bytes.len() {
            let found = lines.resume(&bytes[..end], &BOUNDS);
            if found != Found::NeedMore {
                assert_eq!(found, whole, "{}", bytes.escape_ascii());
                return (found, end);
            }
        }
        assert_eq!(whole, Found::NeedMore, "{}", bytes.escape_ascii());
        (Found::NeedMore, bytes.len())
    }

    #[test]
    fn heads_end_at_the_first_empty_line() {
        assert_eq!(verdict(b"a\r\n\r\nrest").0, Found::Head(0..5));
        assert_eq!(verdict(b"a\r\nb\r\nc\r\n\r\n\r\n").0, Found::Head(0..11));
        assert_eq!(verdict(b"\r\na\r\n\r\n").0, Found::Head(2..7));
        assert_eq!(verdict(b"a\r\nb\r\n\r").0, Found::NeedMore);
        assert_eq!(verdict(b"").0, Found::NeedMore);
    }

    #[test]
    fn line_ends_are_crlf() {
        assert_eq!(verdict(b"a\nb\r\n\r\n"), (Found::Bad(HeadFault::BareLf), 2));
        assert_eq!(verdict(b"a\r\nb\r\n\n"), (Found::Bad(HeadFault::BareLf), 7));
        assert_eq!(verdict(b"a\rb\r\n\r\n"), (Found::Bad(HeadFault::BareCr), 3));
        assert_eq!(verdict(b"a\r\r\n\r\n"), (Found::Bad(HeadFault::BareCr), 3));
        assert_eq!(verdict(b"a\r\n b\r\n\r\n"), (Found::Bad(HeadFault::FoldedLine), 7));
        assert_eq!(verdict(b"\r\n\r\na\r\n\r\n"), (Found::Bad(HeadFault::EmptyLine), 4));
        assert_eq!(verdict(b"\x16\x03\x01"), (Found::Bad(HeadFault::RequestLine), 1));
    }

    #[test]
    fn limits_are_exact_and_known_as_soon_as_passed() {
        assert_eq!(verdict(b"0123456789\r\n\r\n").0, Found::Head(0..14));
        assert_eq!(verdict(b"\r\n0123456789\r\n\r\n").0, Found::Head(2..16));
        assert_eq!(verdict(b"0123456789a\r\n\r\n"), (Found::Bad(HeadFault::LineTooLong), 11));
        assert_eq!(verdict(b"0123456789aaaaa\rx"), (Found::Bad(HeadFault::LineTooLong), 11));
        assert_eq!(verdict(b"a\r\n1\r\n2\r\n3\r\n\r\n").0, Found::Head(0..14));
        assert_eq!(verdict(b"a\r\n1\r\n2\r\n3\r\n4\r\n\r\n"), (Found::Bad(HeadFault::TooManyFields), 15));
        let head = |bytes: usize| [b"a\r\n", &vec![b'x'; bytes - 7][..], b"\r\n\r\n"].concat();
        assert_eq!(verdict(&head(40)).0, Found::Head(0..40));
        assert_eq!(verdict(&head(41)), (Found::Bad(HeadFault::HeadTooLarge), 41));
        assert_eq!(verdict(&head(42)), (Found::Bad(HeadFault::HeadTooLarge), 41));
        assert_eq!(verdict(&head(43)), (Found::Bad(HeadFault::HeadTooLarge), 41));
        assert_eq!(verdict(&head(400)), (Found::Bad(HeadFault::HeadTooLarge), 41));
    }
}
