//! The caller's side of one request: what has been said to it, and how to say more.
//!
//! Three rules live here. Nothing is written twice: a head goes out once. A broken stream never ends
//! cleanly: its last chunk is the error event and the terminating chunk is withheld. A caller that
//! stops reading does not hold its request for ever: every write has a deadline.

use super::listed::List;
use crate::clock::Clock;
use crate::clock::Tick;
use crate::net::Stream;
use crate::net::timeout;
use crate::upstream::Buffers;
use crate::wire::chunked;
use std::time::Duration;

/// Most bytes of one write. A write must be done within the write deadline, so this decides how slowly a
/// caller may read a large answer: slowly is allowed, standing still is not.
const WRITE_BYTES_MAX: usize = 64 * 1024;

/// The caller is gone or does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// How far the answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing has been sent.
    Waiting,
    /// A head was sent and a body follows.
    Streaming,
    /// The answer is complete.
    Complete,
    /// The answer was given up; the connection must be closed.
    Broken,
}

/// How a body that is passed on piece by piece will end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// After that many bytes.
    Length(u64),
    /// When it says so.
    Chunked,
    /// With the connection, because nobody knows better.
    UntilClose,
    /// There is none; the length of what a HEAD asked about may be told.
    Nothing(Option<u64>),
}

/// One caller during one request.
pub struct Client<'c, S> {
    stream: &'c mut S,
    /// Where memory for an answer comes from. The buffer that was given back last is still in the
    /// processor's cache; one that a connection kept since its previous request is not.
    memory: &'c Buffers,
    /// Bytes to be written next.
    out: Vec<u8>,
    /// HTTP/1.0 callers get no chunks.
    http10: bool,
    /// May another request follow on this connection?
    pub keep_alive: bool,
    /// The request was HEAD: whole answers are sent without their body.
    pub head_only: bool,
    progress: Progress,
    /// The pieces of the body are chunks.
    chunked: bool,
    /// The body's end can be told from the connection's.
    delimited: bool,
    write_timeout: Duration,
    /// Bytes of the answer written so far, head included.
    pub bytes_out: u64,
    /// When the first byte of the answer was written.
    pub first_byte: Option<Tick>,
    /// Does the caller's FIN mean that it left?
    pub fin_means_gone: bool,
    /// A stream is told as one JSON list instead of events.
    list: Option<List>,
    /// The caller left; writes go nowhere, the request runs on for those who joined it.
    absent: bool,
    /// The connection will be reset: nothing may be said on it any more, not even a farewell.
    aborted: bool,
}

impl<'c, S: Stream> Client<'c, S> {
    /// A caller that has been told nothing yet.
    pub fn new(
        stream: &'c mut S,
        memory: &'c Buffers,
        http10: bool,
        keep_alive: bool,
        write_timeout: Duration,
    ) -> Self {
        Client {
            stream,
            memory,
            out: Vec::new(),
            http10,
            keep_alive,
            head_only: false,
            progress: Progress::Waiting,
            chunked: false,
            delimited: true,
            write_timeout,
            bytes_out: 0,
            first_byte: None,
            fin_means_gone: false,
            list: None,
            absent: false,
            aborted: false,
        }
    }

    /// Decides whether a stream is told as one JSON list instead of events.
    pub fn tell_as_list(&mut self, listed: bool) {
        self.list = listed.then(List::default);
    }

    /// How far the answer has come.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// The connection, to look at.
    pub fn stream(&self) -> &S {
        self.stream
    }

    /// Has the caller left?
    pub fn is_absent(&self) -> bool {
        self.absent
    }

    /// Must the connection be dropped as it is? A FIN now would pass a cut answer off as a whole one.
    pub fn is_aborted(&self) -> bool {
        self.aborted
    }

    /// Notes that the caller has left: nothing more is written.
    pub fn leave(&mut self) {
        self.absent = true;
        self.give_up();
    }

    /// Sends a whole answer: `head` without its end, completed here with the length, then `body` unless
    /// the request was HEAD.
    pub async fn send_whole<C: Clock>(&mut self, clock: &C, head: &[u8], body: &[u8]) -> Result<(), Gone> {
        if self.absent {
            return Ok(());
        }
        debug_assert_eq!(self.progress, Progress::Waiting, "an answer begins once");
        self.open(head);
        self.finish_head(Extent::Length(body.len() as u64));
        if !self.head_only {
            self.out.extend_from_slice(body);
        }
        self.write_last(clock).await
    }

    /// Begins a streamed answer; the head travels with the first bytes.
    pub fn begin_stream(&mut self, head: &[u8]) {
        self.begin(head, Extent::Chunked);
    }

    /// Begins an answer that is passed on piece by piece and ends as `extent` says.
    pub(super) fn begin(&mut self, head: &[u8], extent: Extent) {
        if self.absent {
            return;
        }
        debug_assert_eq!(self.progress, Progress::Waiting, "an answer begins once");
        self.open(head);
        self.finish_head(extent);
        self.progress = Progress::Streaming;
    }

    fn open(&mut self, head: &[u8]) {
        if self.out.capacity() == 0 {
            self.out = self.memory.take();
        }
        self.out.clear();
        self.out.extend_from_slice(head);
    }

    /// Sends what is in `bytes` as one piece of the stream and empties it.
    pub async fn push<C: Clock>(&mut self, clock: &C, bytes: &mut Vec<u8>) -> Result<(), Gone> {
        self.stage(bytes);
        bytes.clear();
        self.write(clock).await
    }

    /// Sends what is in `bytes`, then the proper end of the stream.
    pub async fn end_stream<C: Clock>(&mut self, clock: &C, bytes: &mut Vec<u8>) -> Result<(), Gone> {
        self.stage(bytes);
        bytes.clear();
        if let Some(list) = &mut self.list {
            let mut end = Vec::new();
            list.close(&mut end);
            self.stage_piece(&end);
        }
        if self.chunked {
            self.out.extend_from_slice(chunked::END);
        }
        self.write_last(clock).await
    }

    /// Sends `bytes` (the error event) as the last piece and withholds the end, so that no client can
    /// take the stream for complete.
    pub async fn break_stream<C: Clock>(&mut self, clock: &C, bytes: &mut Vec<u8>) {
        self.stage(bytes);
        bytes.clear();
        self.give_up();
        let _ = self.write(clock).await;
    }

    /// No answer will follow on this connection, and the one that has begun will not be completed.
    pub fn give_up(&mut self) {
        // Where the connection's end is the body's, only a reset tells a broken one from a complete one.
        if !self.delimited && self.progress == Progress::Streaming {
            self.abort();
        }
        self.progress = Progress::Broken;
        self.keep_alive = false;
    }

    /// Ends the connection in the middle of whatever was being said.
    pub fn sever(&mut self) {
        self.give_up();
        self.abort();
    }

    fn abort(&mut self) {
        self.stream.abort();
        self.aborted = true;
    }

    /// Stages complete events.
    fn stage(&mut self, events: &[u8]) {
        match &mut self.list {
            None => self.stage_piece(events),
            Some(list) => {
                let mut items = Vec::with_capacity(events.len());
                list.write(events, &mut items);
                self.stage_piece(&items);
            }
        }
    }

    fn stage_piece(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.chunked {
            chunked::write_chunk(bytes, &mut self.out);
        } else {
            self.out.extend_from_slice(bytes);
        }
    }

    fn finish_head(&mut self, extent: Extent) {
        self.chunked = extent == Extent::Chunked && !self.http10;
        self.delimited = self.chunked || matches!(extent, Extent::Length(_) | Extent::Nothing(_));
        self.keep_alive &= self.delimited;
        match extent {
            Extent::Length(length) | Extent::Nothing(Some(length)) => {
                self.out.extend_from_slice(b"content-length: ");
                self.out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
                self.out.extend_from_slice(b"\r\n");
            }
            Extent::Chunked if self.chunked => self.out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Extent::Chunked | Extent::UntilClose | Extent::Nothing(None) => {}
        }
        match (self.keep_alive, self.http10) {
            (false, _) => self.out.extend_from_slice(b"connection: close\r\n"),
            (true, true) => self.out.extend_from_slice(b"connection: keep-alive\r\n"),
            (true, false) => {}
        }
        self.out.extend_from_slice(b"\r\n");
    }

    /// Writes what completes the answer. It is complete when it is written, not before: whoever is
    /// interrupted in between must not take the connection for usable.
    async fn write_last<C: Clock>(&mut self, clock: &C) -> Result<(), Gone> {
        if self.progress == Progress::Waiting {
            self.progress = Progress::Streaming;
        }
        self.write(clock).await?;
        self.memory.give(std::mem::take(&mut self.out));
        if self.progress == Progress::Streaming {
            self.progress = Progress::Complete;
        }
        Ok(())
    }

    async fn write<C: Clock>(&mut self, clock: &C) -> Result<(), Gone> {
        if self.absent {
            self.out.clear();
        }
        if self.out.is_empty() {
            return Ok(());
        }
        let mut out = std::mem::take(&mut self.out);
        if out.len() <= WRITE_BYTES_MAX {
            out = self.write_piece(clock, out).await?;
        } else {
            let mut piece = Vec::with_capacity(WRITE_BYTES_MAX);
            for part in out.chunks(WRITE_BYTES_MAX) {
                piece.clear();
                piece.extend_from_slice(part);
                piece = self.write_piece(clock, piece).await?;
            }
        }
        out.clear();
        self.out = out;
        Ok(())
    }

    /// Writes one piece within the deadline and gives its memory back.
    async fn write_piece<C: Clock>(&mut self, clock: &C, piece: Vec<u8>) -> Result<Vec<u8>, Gone> {
        let length = piece.len() as u64;
        match timeout(clock, self.write_timeout, self.stream.write_all(piece)).await {
            Some((Ok(()), piece)) => {
                self.bytes_out += length;
                self.first_byte.get_or_insert_with(|| clock.lately());
                Ok(piece)
            }
            Some((Err(_), _)) => {
                self.give_up();
                Err(Gone)
            }
            // The kernel still owns the buffer; it comes back to nobody.
            None => {
                self.give_up();
                self.abort();
                Err(Gone)
            }
        }
    }
}
