//! Server-sent events: an incremental splitter that is indifferent to how bytes are split.
//
// CONTRACT
// pub struct Splitter { … }   // accepts LF, CRLF, CR, a BOM, comments, multi-line data; bounds one event (default 16 MiB → Err)
// impl Splitter {
//   pub fn new(event_bytes_max: usize) -> Self;
//   /// Feeds bytes and calls `each` for every complete event; `each` may stop with an Err which is passed on.
//   pub fn feed<E>(&mut self, bytes: &[u8], each: impl FnMut(SseEvent<'_>) -> Result<(), E>) -> Result<(), SseError<E>>;
//   /// Bytes of an unfinished event held back (0 at a clean end).
//   pub fn pending(&self) -> usize;
// }
// pub struct SseEvent<'a> { pub name: Option<&'a str>, pub data: &'a str }   // data lines joined by \n; an event without data lines is not reported; comments are skipped
// pub fn write_event(name: Option<&str>, data: &str, out: &mut Vec<u8>);      // LF form, one `data: ` per line of data
// Fast path: a complete single-line `data: {…}\n\n` inside one fed slice is reported without copying.
