//! Server-sent events: an incremental splitter that is indifferent to how bytes are split.
//!
//! Lenient in what the format allows (LF, CRLF or CR, a BOM, comments, several data lines), because
//! providers differ; strict in what it does not (UTF-8, a bound on one event). The common event, whole
//! within one read, is handed on without copying: only what a read leaves unfinished is held.

use memchr::memchr;
use memchr::memchr2;

/// Bytes of one event accepted unless said otherwise.
pub const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// The `event` field, if there was one.
    pub name: Option<&'a str>,
    /// The `data` fields, joined by LF.
    pub data: &'a str,
}

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SseError<E> {
    /// One event (or a line outside of one) exceeds the bound.
    TooLong,
    /// A name or data is not UTF-8.
    NotUtf8,
    /// The receiver of events stopped.
    Stopped(E),
}

/// Cuts a stream of bytes into events. Of no use after an error.
#[derive(Clone, Debug)]
pub struct Splitter {
    event_bytes_max: usize,
    /// The line that the last read ended in.
    line: Vec<u8>,
    /// Fields of an event that the last read ended in.
    name: Option<Vec<u8>>,
    data: Option<Vec<u8>>,
    bom: Bom,
    /// The last byte was a CR, so that an LF now belongs to the same line end.
    after_cr: bool,
}

/// Progress through a byte order mark, which may begin a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bom {
    Matched(usize),
    Over,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The event being read: fields that stand in the slice being fed; they win over held ones.
#[derive(Default)]
struct Borrowed<'a> {
    name: Option<&'a [u8]>,
    data: Option<&'a [u8]>,
}

/// What a line means.
enum Line<'a> {
    End,
    Name(&'a [u8]),
    Data(&'a [u8]),
    Ignored,
}

impl Splitter {
    /// A splitter at the beginning of a stream that refuses events above `event_bytes_max` bytes.
    pub fn new(event_bytes_max: usize) -> Self {
        Splitter { event_bytes_max, line: Vec::new(), name: None, data: None, bom: Bom::Matched(0), after_cr: false }
    }

    /// Feeds bytes and calls `each` for every complete event that has data; its error is passed on.
    pub fn feed<E>(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(SseEvent<'_>) -> Result<(), E>,
    ) -> Result<(), SseError<E>> {
        let mut rest = self.skip_bom(bytes);
        let mut event = Borrowed::default();
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = memchr2(b'\n', b'\r', rest) {
            let line = &rest[..end];
            self.check_size(&event, line.len())?;
            if self.line.is_empty() {
                self.take_line(line, &mut event, &mut each)?;
            } else {
                self.finish_line(line, &mut each)?;
            }
            rest = self.after_line(rest, end);
        }
        self.check_size(&event, rest.len())?;
        self.hold(event, rest);
        Ok(())
    }

    /// Bytes of an unfinished event held back (0 at a clean end).
    pub fn pending(&self) -> usize {
        let bom = if let Bom::Matched(bytes) = self.bom { bytes } else { 0 };
        // A field line counts as one byte even if empty: its event has begun.
        let field = |held: &Option<Vec<u8>>| held.as_ref().map_or(0, |text| text.len() + 1);
        bom + self.line.len() + field(&self.name) + field(&self.data)
    }

    fn skip_bom<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let mut rest = bytes;
        while let (Bom::Matched(matched), Some((&first, after))) = (self.bom, rest.split_first()) {
            if first != BOM[matched] {
                // What looked like the beginning of a mark was the beginning of a line.
                self.line.extend_from_slice(&BOM[..matched]);
                self.bom = Bom::Over;
                break;
            }
            rest = after;
            self.bom = if matched + 1 == BOM.len() { Bom::Over } else { Bom::Matched(matched + 1) };
        }
        rest
    }

    /// Whether the event still fits with `more` bytes of the current line.
    fn check_size<E>(&self, event: &Borrowed<'_>, more: usize) -> Result<(), SseError<E>> {
        let field = |borrowed: Option<&[u8]>, held: &Option<Vec<u8>>| {
            borrowed.map(<[u8]>::len).or_else(|| held.as_ref().map(Vec::len)).unwrap_or(0)
        };
        let held = field(event.name, &self.name) + field(event.data, &self.data) + self.line.len();
        if held + more > self.event_bytes_max { Err(SseError::TooLong) } else { Ok(()) }
    }

    /// A line that stands whole in the slice being fed.
    fn take_line<'a, E>(
        &mut self,
        line: &'a [u8],
        event: &mut Borrowed<'a>,
        each: &mut impl FnMut(SseEvent<'_>) -> Result<(), E>,
    ) -> Result<(), SseError<E>> {
        match meaning(line) {
            Line::End => {
                let Borrowed { name, data } = std::mem::take(event);
                return self.report(name, data, each);
            }
            Line::Name(name) => event.name = Some(name),
            Line::Data(data) if event.data.is_none() && self.data.is_none() => event.data = Some(data),
            Line::Data(data) => {
                if let Some(first) = event.data.take() {
                    self.data = Some(first.to_vec());
                }
                append_line(&mut self.data, data);
            }
            Line::Ignored => {}
        }
        Ok(())
    }

    /// A line that began in an earlier slice and ends with `ending`. Only the first line end of a slice
    /// can be one, so no field has been borrowed yet.
    fn finish_line<E>(
        &mut self,
        ending: &[u8],
        each: &mut impl FnMut(SseEvent<'_>) -> Result<(), E>,
    ) -> Result<(), SseError<E>> {
        self.line.extend_from_slice(ending);
        let line = std::mem::take(&mut self.line);
        match meaning(&line) {
            Line::End => self.report(None, None, each)?,
            Line::Name(name) => self.name = Some(name.to_vec()),
            Line::Data(data) => append_line(&mut self.data, data),
            Line::Ignored => {}
        }
        self.line = line;
        self.line.clear();
        Ok(())
    }

    /// Reports the event, if it has data, and forgets it.
    fn report<E>(
        &mut self,
        name: Option<&[u8]>,
        data: Option<&[u8]>,
        each: &mut impl FnMut(SseEvent<'_>) -> Result<(), E>,
    ) -> Result<(), SseError<E>> {
        let (held_name, held_data) = (self.name.take(), self.data.take());
        let Some(data) = data.or(held_data.as_deref()) else { return Ok(()) };
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| SseError::NotUtf8);
        let name = name.or(held_name.as_deref()).map(text).transpose()?;
        each(SseEvent { name, data: text(data)? }).map_err(SseError::Stopped)
    }

    /// What follows the line end that stands at `end`.
    fn after_line<'a>(&mut self, rest: &'a [u8], end: usize) -> &'a [u8] {
        let after = &rest[end + 1..];
        if rest[end] == b'\n' {
            return after;
        }
        self.after_cr = after.is_empty();
        after.strip_prefix(b"\n").unwrap_or(after)
    }

    fn hold(&mut self, event: Borrowed<'_>, rest: &[u8]) {
        self.line.extend_from_slice(rest);
        if let Some(name) = event.name {
            self.name = Some(name.to_vec());
        }
        if let Some(data) = event.data {
            self.data = Some(data.to_vec());
        }
    }
}

/// Appends an event in the simplest form: LF, one `data: ` per line of data. `name` is one line.
pub fn write_event(name: Option<&str>, data: &str, out: &mut Vec<u8>) {
    debug_assert!(name.is_none_or(|name| memchr2(b'\n', b'\r', name.as_bytes()).is_none()), "a name is one line");
    out.reserve(data.len() + name.map_or(0, str::len) + 32);
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    let mut rest = data.as_bytes();
    loop {
        let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&rest[..end]);
        out.push(b'\n');
        rest = match &rest[end..] {
            [] => break,
            [b'\r', b'\n', after @ ..] | [_, after @ ..] => after,
        };
    }
    out.push(b'\n');
}

fn meaning(line: &[u8]) -> Line<'_> {
    if line.is_empty() {
        return Line::End;
    }
    let (field, value) = match memchr(b':', line) {
        Some(colon) => (&line[..colon], &line[colon + 1..]),
        None => (line, &line[line.len()..]),
    };
    let value = value.strip_prefix(b" ").unwrap_or(value);
    match field {
        b"data" => Line::Data(value),
        b"event" => Line::Name(value),
        _ => Line::Ignored,
    }
}

fn append_line(data: &mut Option<Vec<u8>>, line: &[u8]) {
    match data {
        Some(data) => {
            data.push(b'\n');
            data.extend_from_slice(line);
        }
        None => *data = Some(line.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Events = Vec<(Option<String>, String)>;
    /// The events, bytes pending at the end, and the error that ended it early.
    type Outcome = (Events, usize, Option<SseError<()>>);

    fn split(bytes: &[u8], max: usize, cuts: impl IntoIterator<Item = usize>) -> Outcome {
        let mut splitter = Splitter::new(max);
        let mut events = Events::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([bytes.len()]) {
            let fed = splitter.feed(&bytes[from..cut], |event| {
                events.push((event.name.map(str::to_owned), event.data.to_owned()));
                Ok(())
            });
            if let Err(error) = fed {
                return (events, 0, Some(error));
            }
            from = cut;
        }
        (events, splitter.pending(), None)
    }

    fn in_every_split(bytes: &[u8], max: usize) -> Outcome {
        let whole = split(bytes, max, []);
        for cut in 0..=bytes.len() {
            assert_eq!(split(bytes, max, [cut]), whole, "cut at {cut}: {}", bytes.escape_ascii());
        }
        assert_eq!(split(bytes, max, 0..bytes.len()), whole, "byte by byte: {}", bytes.escape_ascii());
        whole
    }

    fn events(bytes: &[u8]) -> Vec<String> {
        let (events, pending, error) = in_every_split(bytes, EVENT_BYTES_MAX);
        assert_eq!((pending, error), (0, None), "{}", bytes.escape_ascii());
        events.into_iter().map(|(name, data)| format!("{}|{data}", name.unwrap_or_default())).collect()
    }

    #[test]
    fn streams_are_cut_into_events() {
        assert_eq!(events(b""), [""; 0]);
        assert_eq!(events(b"data: {\"a\":1}\n\ndata: [DONE]\n\n"), ["|{\"a\":1}", "|[DONE]"]);
        assert_eq!(
            events(b"event: message_start\ndata: {}\n\nevent: ping\ndata: {}\n\n"),
            ["message_start|{}", "ping|{}"]
        );
        assert_eq!(events(b"data: a\r\n\r\ndata: b\r\rdata: c\n\n\ndata: d\r\n\n"), ["|a", "|b", "|c", "|d"]);
        assert_eq!(events(b"\xef\xbb\xbfdata: a\n\n"), ["|a"]);
        assert_eq!(events(b"data: \xef\xbb\xbfa\n\n"), ["|\u{feff}a"]);
        assert_eq!(events(b": ping\n\n: x\ndata: a\n:\n\n"), ["|a"]);
        assert_eq!(events(b"data:a\ndata:  b\ndata\ndata: c\n\n"), ["|a\n b\n\nc"]);
        assert_eq!(events(b"data\n\n"), ["|"]);
        assert_eq!(events(b"data: a\nevent: x\nevent: y\n\n"), ["y|a"]);
        assert_eq!(events(b"event: x\n\ndata: a\n\n"), ["|a"]);
        assert_eq!(events(b"id: 1\nretry: 5\ndatax: 1\nx-data: 2\ndata : 3\n\n"), [""; 0]);
        assert_eq!(events("data: \u{1f600}é\n\n".as_bytes()), ["|\u{1f600}é"]);
    }

    #[test]
    fn what_is_unfinished_is_pending() {
        let pending = |bytes: &[u8]| {
            let (events, pending, error) = in_every_split(bytes, EVENT_BYTES_MAX);
            assert_eq!((events.len(), error), (0, None));
            pending
        };
        for bytes in [&b"data: a"[..], b"data: a\n", b"data:\n", b"event: x\n", b"d", b"\xef\xbb", b"data: a\r"] {
            assert!(pending(bytes) > 0, "{}", bytes.escape_ascii());
        }
        for bytes in [&b""[..], b"\n", b": ping\n", b"id: 1\n", b"\xef\xbb\xbf", b"event: x\n\n"] {
            assert_eq!(pending(bytes), 0, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_is_not_utf8_or_too_long_is_refused() {
        let error = |bytes: &[u8], max| in_every_split(bytes, max).2;
        assert_eq!(error(b"data: \xff\n\n", 100), Some(SseError::NotUtf8));
        assert_eq!(error(b"event: \xff\ndata: a\n\n", 100), Some(SseError::NotUtf8));
        assert_eq!(error(b": \xff\nid: \xff\n\xef\xbb: a\n\n", 100), None);
        assert_eq!(error(b"\xefdata: a\n\n", 100), None);
        assert_eq!(error(b"data: 7890\n\n", 10), None);
        assert_eq!(error(b"data: 78901\n\n", 10), Some(SseError::TooLong));
        assert_eq!(error(b"data: 78901", 10), Some(SseError::TooLong));
        assert_eq!(error(b"data: 7890\ndata: 1\n\n", 16), None);
        assert_eq!(error(b"data: 7890\ndata: 1\ndata: 2\n\n", 12), Some(SseError::TooLong));
        assert_eq!(error(b"event: abcdef\ndata: 12\n\n", 13), Some(SseError::TooLong));
        assert_eq!(error(b": 345678901\n", 10), Some(SseError::TooLong));
        assert_eq!(error(&b": ping\n\n".repeat(100), 10), None);
        assert_eq!(error(&b"id: ping\n".repeat(100), 10), None);
    }

    #[test]
    fn the_receiver_can_stop() {
        let mut splitter = Splitter::new(EVENT_BYTES_MAX);
        let mut seen = 0;
        let fed = splitter.feed(b"data: a\n\ndata: b\n\ndata: c\n\n", |event| {
            seen += 1;
            if event.data == "b" { Err("enough") } else { Ok(()) }
        });
        assert_eq!((fed, seen), (Err(SseError::Stopped("enough")), 2));
    }

    #[test]
    fn a_whole_event_is_reported_where_it_stands() {
        let bytes = b"event: a\ndata: {\"x\":1}\n\n";
        let mut splitter = Splitter::new(EVENT_BYTES_MAX);
        let fed = splitter.feed::<()>(bytes, |event| {
            let within = |text: &str| bytes.as_ptr_range().contains(&text.as_ptr());
            assert!(within(event.data) && event.name.is_some_and(within));
            Ok(())
        });
        assert_eq!(fed, Ok(()));
    }

    #[test]
    fn events_are_written_in_lines() {
        let written = |name, data| {
            let mut out = Vec::new();
            write_event(name, data, &mut out);
            String::from_utf8(out).expect("UTF-8")
        };
        assert_eq!(written(None, "{}"), "data: {}\n\n");
        assert_eq!(
            written(Some("ping"), "a\nb\r\nc\rd\n"),
            "event: ping\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(events in prop::collection::vec((prop::option::of("[a-z_]{1,9}"), "[^\r]{0,30}"), 0..6)) {
            let mut bytes = Vec::new();
            for (name, data) in &events {
                write_event(name.as_deref(), data, &mut bytes);
            }
            prop_assert_eq!(split(&bytes, EVENT_BYTES_MAX, []), (events, 0, None));
        }
    }
}
