//! One request and its answer on a blocking connection, with the instants that matter. A thread per
//! connection with the kernel's precise sleep sends on time to some 10 µs; the runtime of the gateway
//! has timers of a millisecond, too coarse for a driver.

use crate::chunked::Chunked;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

/// Longest answer head, bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most header fields of an answer.
const FIELDS_MAX: usize = 96;
/// Read at a time, bytes: holds a usual answer, and is cleared before every read.
const READ_BYTES: usize = 4 * 1024;
/// Room for an answer made before the clock runs, bytes.
const BUFFER_BYTES: usize = 32 * 1024;
/// A complete stream holds one of these.
const END_MARKS: [&[u8]; 2] = [b"data: [DONE]\n", b"event: message_stop\n"];

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Failure {
    /// No connection.
    Connect,
    /// The connection broke or ended before the answer was complete.
    Broken,
    /// Silence for too long.
    Timeout,
    /// The answer is not HTTP.
    NotHttp,
    /// The stream ended in order but without its end mark.
    NoEndMark,
    /// The answer belongs to another request.
    ForeignAnswer,
    /// Another status than 200.
    Status(u16),
}

impl Failure {
    /// Its name in reports.
    pub(crate) fn name(self) -> String {
        match self {
            Failure::Connect => "connect".into(),
            Failure::Broken => "broken".into(),
            Failure::Timeout => "timeout".into(),
            Failure::NotHttp => "not_http".into(),
            Failure::NoEndMark => "no_end_mark".into(),
            Failure::ForeignAnswer => "foreign_answer".into(),
            Failure::Status(status) => format!("status_{status}"),
        }
    }
}

/// What a good answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// When its last byte was read.
    pub(crate) ended: Instant,
    /// When the first byte of its body was read.
    pub(crate) body_began: Instant,
    /// Server-sent events, if it is a stream.
    pub(crate) events: u64,
}

/// A keep-alive connection that is made when needed and made anew after a fault.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    timeout: Duration,
    stream: Option<TcpStream>,
    received: Vec<u8>,
    body: Vec<u8>,
}

struct Head {
    bytes: usize,
    status: u16,
    /// `None`: chunked.
    body_bytes: Option<usize>,
    keep_alive: bool,
    event_stream: bool,
}

impl Connection {
    /// No connection is made yet.
    pub(crate) fn new(address: SocketAddr, timeout: Duration) -> Connection {
        let (received, body) = (Vec::with_capacity(BUFFER_BYTES), Vec::with_capacity(BUFFER_BYTES));
        Connection { address, timeout, stream: None, received, body }
    }

    /// Connects unless connected.
    pub(crate) fn open(&mut self) -> Result<(), Failure> {
        if self.stream.is_none() {
            let stream = TcpStream::connect_timeout(&self.address, self.timeout).map_err(|_| Failure::Connect)?;
            let prepared = stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(self.timeout)));
            prepared.and_then(|()| stream.set_write_timeout(Some(self.timeout))).map_err(|_| Failure::Connect)?;
            self.stream = Some(stream);
        }
        Ok(())
    }

    /// Sends `request` and reads the whole answer, whose body must hold `nonce`.
    pub(crate) fn exchange(&mut self, request: &[u8], nonce: &[u8]) -> Result<Answer, Failure> {
        self.open()?;
        let result = self.converse(request);
        if !matches!(result, Ok((_, true))) {
            self.stream = None;
        }
        let ((head, answer), _) = result?;
        if head.status != 200 {
            return Err(Failure::Status(head.status));
        }
        if head.event_stream && !END_MARKS.iter().any(|mark| memchr::memmem::rfind(&self.body, mark).is_some()) {
            return Err(Failure::NoEndMark);
        }
        if memchr::memmem::find(&self.body, nonce).is_none() {
            return Err(Failure::ForeignAnswer);
        }
        Ok(answer)
    }

    /// The answer, and whether the connection may carry another request.
    fn converse(&mut self, request: &[u8]) -> Result<((Head, Answer), bool), Failure> {
        let Connection { stream, received, body, .. } = self;
        let stream = stream.as_mut().ok_or(Failure::Connect)?;
        stream.write_all(request).map_err(|error| failure(&error))?;
        received.clear();
        body.clear();
        let head = loop {
            read_more(stream, received)?;
            if let Some(head) = parse_head(received)? {
                break head;
            }
        };
        while received.len() == head.bytes && head.body_bytes != Some(0) {
            read_more(stream, received)?;
        }
        let body_began = now();
        read_body(stream, &head, received, body)?;
        let events = if head.event_stream { memchr::memmem::find_iter(body, b"\n\n").count() as u64 } else { 0 };
        let answer = Answer { ended: now(), body_began, events };
        let keep_alive = head.keep_alive;
        Ok(((head, answer), keep_alive))
    }
}

fn read_body(stream: &mut TcpStream, head: &Head, received: &mut Vec<u8>, body: &mut Vec<u8>) -> Result<(), Failure> {
    if let Some(length) = head.body_bytes {
        while received.len() < head.bytes + length {
            read_more(stream, received)?;
        }
        body.extend_from_slice(&received[head.bytes..head.bytes + length]);
        return Ok(());
    }
    let mut chunked = Chunked::default();
    received.drain(..head.bytes);
    loop {
        let used = chunked.feed(received, body).map_err(|_| Failure::NotHttp)?;
        received.drain(..used);
        if chunked.complete() {
            return Ok(());
        }
        read_more(stream, received)?;
    }
}

fn read_more(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<(), Failure> {
    let filled = received.len();
    received.resize(filled + READ_BYTES, 0);
    let result = stream.read(&mut received[filled..]);
    received.truncate(filled + result.as_ref().map_or(0, |count| *count));
    match result {
        Ok(0) => Err(Failure::Broken),
        Ok(_) => Ok(()),
        Err(error) => Err(failure(&error)),
    }
}

fn failure(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Failure::Timeout,
        _ => Failure::Broken,
    }
}

fn parse_head(received: &[u8]) -> Result<Option<Head>, Failure> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut fields);
    let bytes = match response.parse(received) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) if received.len() <= HEAD_BYTES_MAX => return Ok(None),
        _ => return Err(Failure::NotHttp),
    };
    let status = response.code.unwrap_or_default();
    let mut head = Head { bytes, status, body_bytes: None, keep_alive: true, event_stream: false };
    let mut chunked = false;
    for field in response.headers.iter() {
        if field.name.eq_ignore_ascii_case("content-length") {
            let digits = std::str::from_utf8(field.value).map_err(|_| Failure::NotHttp)?;
            head.body_bytes = Some(digits.trim().parse().map_err(|_| Failure::NotHttp)?);
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = true;
        } else if field.name.eq_ignore_ascii_case("connection") {
            head.keep_alive = !field.value.eq_ignore_ascii_case(b"close");
        } else if field.name.eq_ignore_ascii_case("content-type") {
            head.event_stream = field.value.starts_with(b"text/event-stream");
        }
    }
    // An answer that only the end of the connection delimits cannot be told from a broken one.
    if chunked == head.body_bytes.is_some() { Err(Failure::NotHttp) } else { Ok(Some(head)) }
}

/// The driver's only clock.
pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a load driver measures real time; nothing replays it")]
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Answers the first connection with `pieces`, written apart, then closes it.
    fn server(pieces: Vec<&'static [u8]>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let _ = stream.set_nodelay(true);
            let _ = stream.read(&mut [0; 1024]);
            for piece in pieces {
                let _ = stream.write_all(piece);
                std::thread::yield_now();
            }
        });
        address
    }

    fn exchange(pieces: Vec<&'static [u8]>) -> Result<u64, Failure> {
        let mut connection = Connection::new(server(pieces), Duration::from_secs(5));
        connection.exchange(b"GET / HTTP/1.1\r\n\r\n", b"ab12").map(|answer| answer.events)
    }

    #[test]
    fn whole_answers_and_streams_are_read() {
        assert_eq!(exchange(vec![b"HTTP/1.1 200 OK\r\ncontent-le", b"ngth: 6\r\n\r\n(ab", b"12)"]), Ok(0));
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let pieces: Vec<&[u8]> = vec![head, b"c\r\ndata: ab12\n\n\r", b"\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"];
        assert_eq!(exchange(pieces), Ok(2));
        assert_eq!(exchange(vec![head, b"c\r\ndata: ab12\n\n\r\n0\r\n\r\n"]), Err(Failure::NoEndMark));
        assert_eq!(exchange(vec![head, b"c\r\ndata: ab12\n\n\r\n"]), Err(Failure::Broken));
    }

    #[test]
    fn bad_answers_are_told_apart() {
        assert_eq!(exchange(vec![]), Err(Failure::Broken));
        assert_eq!(exchange(vec![b"\x16\x03\x01 HTTP/1.1\r\n\r\n"]), Err(Failure::NotHttp));
        assert_eq!(exchange(vec![b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ncd34"]), Err(Failure::ForeignAnswer));
        assert_eq!(exchange(vec![b"HTTP/1.1 429 No\r\ncontent-length: 0\r\n\r\n"]), Err(Failure::Status(429)));
        assert_eq!(exchange(vec![b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab12"]), Err(Failure::Broken));
    }
}
