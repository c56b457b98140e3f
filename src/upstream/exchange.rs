//! One request and its answer on one connection.
//!
//! Head and body share one buffer: the head stays at its front, so its fields remain readable while the
//! body comes and goes behind it, and a small answer is never copied. The connection goes back to the
//! pool the moment the body is complete, and only then; whatever ends an exchange earlier (an error, a
//! deadline, a dropped future) ends the connection with it.

use crate::clock::Tick;
use crate::net;
use crate::net::Net;
use crate::net::Stream;
use crate::upstream::Shared;
use crate::upstream::endpoint::ProviderLink;
use crate::upstream::failure::Deadline;
use crate::upstream::failure::Failure;
use crate::upstream::failure::Reason;
use crate::upstream::failure::Stage;
use crate::upstream::outgoing::Outgoing;
use crate::upstream::pool::Connection;
use crate::upstream::remaining;
use crate::wire::chunked::ChunkedDecoder;
use crate::wire::http1;
use crate::wire::http1::HeadStep;
use crate::wire::http1::ResponseFraming;
use crate::wire::http1::ResponseHead;
use std::rc::Rc;
use std::time::Duration;

/// Most interim (1xx) answers before the real one.
const INTERIM_MAX: usize = 8;
/// Smallest room offered to a read, bytes.
const READ_BYTES_MIN: usize = 4 * 1024;
/// How long an answer is awaited that a provider may have given before it refused the rest of a request.
const EARLY_ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// Why there is no answer, and whether another connection may be tried.
pub(super) enum Setback {
    /// The reused connection ended without an answer byte: the provider had closed it before.
    Stale(Failure),
    /// Anything else.
    Final(Failure),
}

impl Setback {
    pub(super) fn failure(self) -> Failure {
        match self {
            Setback::Stale(failure) | Setback::Final(failure) => failure,
        }
    }
}

/// How much of the body is still to come.
enum Body {
    Length(u64),
    Chunked(ChunkedDecoder),
    UntilClose,
    Ended,
}

/// A request on its way and, once its head is there, the answer. Dropped before the body is complete it
/// closes the connection, which is how a request is cancelled. It lives in a box from the beginning: moved
/// from layer to layer it would be held once by each of them, in every connection's own memory.
pub struct Exchange<N: Net> {
    shared: Rc<Shared<N>>,
    connection: Option<Connection<N>>,
    /// The head of the answer; its spans refer to this exchange's buffer, see [`Exchange::headers`].
    pub head: ResponseHead,
    /// `head`, then payload up to `undigested`, then what arrived since.
    buffer: Vec<u8>,
    body_from: usize,
    undigested: usize,
    /// The payload in the buffer was handed out and may be overwritten.
    given: bool,
    body: Body,
    may_be_pooled: bool,
    ended_by_close: bool,
    reused: bool,
    first_byte: Duration,
    idle: Duration,
    deadline: Tick,
    first_byte_by: Tick,
}

impl<N: Net> Exchange<N> {
    /// Nothing said yet on `connection`.
    pub(super) fn on(
        shared: &Rc<Shared<N>>,
        connection: Connection<N>,
        provider: &ProviderLink,
        deadline: Tick,
    ) -> Box<Exchange<N>> {
        let mut head = shared.heads.take().unwrap_or_default();
        head.restart();
        Box::new(Exchange {
            shared: Rc::clone(shared),
            reused: connection.reused,
            connection: Some(connection),
            head,
            buffer: Vec::new(),
            body_from: 0,
            undigested: 0,
            given: false,
            body: Body::Ended,
            may_be_pooled: false,
            ended_by_close: false,
            first_byte: provider.timeouts.first_byte,
            idle: provider.timeouts.idle,
            deadline,
            first_byte_by: deadline,
        })
    }

    /// Sends the request and waits for the head of the answer.
    pub(super) async fn begin(mut self: Box<Self>, request: &mut Outgoing<'_>) -> Result<Box<Exchange<N>>, Setback> {
        let about_head = request.starts_with(b"HEAD ");
        let sent = self.send(request).await.map_err(|reason| Setback::Final(self.failed(Stage::Send, reason)))?;
        let unsent = sent.is_err();
        let now = self.shared.net.lately();
        self.first_byte_by = now.after(self.first_byte).min(self.deadline);
        // A provider may refuse a request before it has read all of it; then writing fails although an
        // answer is there.
        let by = if unsent { now.after(EARLY_ANSWER_LIMIT).min(self.deadline) } else { self.first_byte_by };
        match self.hear_head(about_head, by).await {
            Ok(()) => {
                self.shared.buffers.give(request.take_buffer());
                self.body_from = self.head.head_bytes;
                self.undigested = self.head.head_bytes;
                self.body = body_of(&self.head);
                self.may_be_pooled = self.head.keep_alive && !unsent;
                self.accept().map_err(Setback::Final)?;
                Ok(self)
            }
            Err(Unheard { reason, silent }) => {
                let failure = match sent {
                    Ok(()) => self.failed(Stage::FirstByte, reason),
                    Err(error) => self.failed(Stage::Send, Reason::of(&error)),
                };
                let is_stale = self.reused && silent && (unsent || !matches!(reason, Reason::TimedOut(_)));
                Err(if is_stale { Setback::Stale(failure) } else { Setback::Final(failure) })
            }
        }
    }

    /// Writes all of the request; the outer error is that of a deadline.
    async fn send(&mut self, request: &mut Outgoing<'_>) -> Result<std::io::Result<()>, Reason> {
        let (net, idle, deadline) = (&self.shared.net, self.idle, self.deadline);
        remaining(deadline, net.lately()).ok_or(Reason::TimedOut(Deadline::Total))?;
        let patience = |now| idle.min(deadline.since(now));
        let connection = self.connection.as_mut().expect("nothing has ended it yet");
        let sent = request.write(connection.link(), net, patience).await;
        let is_over = || remaining(deadline, net.now()).is_none();
        sent.ok_or_else(|| Reason::TimedOut(if is_over() { Deadline::Total } else { Deadline::Idle }))
    }

    fn failed(&self, stage: Stage, reason: Reason) -> Failure {
        Failure { stage, reason, reused: self.reused }
    }

    /// Reads until the final head is complete; interim answers are skipped.
    async fn hear_head(&mut self, about_head: bool, by: Tick) -> Result<(), Unheard> {
        let late = if self.first_byte_by < self.deadline { Deadline::FirstByte } else { Deadline::Total };
        self.buffer = self.shared.buffers.take();
        let mut interim = 0;
        let mut silent = true;
        loop {
            if !silent && is_final_head(&mut self.buffer, about_head, &mut self.head, &mut interim).map_err(garbage)? {
                return Ok(());
            }
            let is_late = Unheard { reason: Reason::TimedOut(late), silent };
            let left = remaining(by, self.shared.net.lately()).ok_or(is_late)?;
            let connection = self.connection.as_mut().expect("nothing has ended it yet");
            make_room(&mut self.buffer);
            let buffer = std::mem::take(&mut self.buffer);
            let read = net::timeout(&self.shared.net, left, connection.link().read(buffer)).await;
            let (result, buffer) = read.ok_or(is_late)?;
            self.buffer = buffer;
            match result {
                Ok(0) => return Err(Unheard { reason: Reason::Closed, silent }),
                Ok(_) => silent = false,
                Err(error) => return Err(Unheard { reason: Reason::of(&error), silent }),
            }
        }
    }

    /// Refuses encodings that were not asked for; an answer without a body is complete at once.
    fn accept(&mut self) -> Result<(), Failure> {
        let encoded = self.header("content-encoding").is_some_and(|value| !value.eq_ignore_ascii_case(b"identity"));
        if encoded {
            return Err(self.broken(Reason::Garbage("a content encoding that was not asked for")));
        }
        if matches!(self.body, Body::Ended) {
            let has_more = self.buffer.len() > self.body_from;
            self.buffer.truncate(self.body_from);
            self.settle(has_more);
        }
        Ok(())
    }

    /// Status of the answer.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The first field called `name`, which is compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// All fields of the head, names as the provider spelt them.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.head.fields.iter().filter_map(|field| {
            let name = self.buffer.get(field.name.start as usize..field.name.end as usize)?;
            let value = self.buffer.get(field.value.start as usize..field.value.end as usize)?;
            Some((name, value))
        })
    }

    /// Did the request travel on a pooled connection?
    pub fn was_reused(&self) -> bool {
        self.reused
    }

    /// Did the body have no end but the connection's? Such an answer may have been cut without a trace.
    pub fn ended_by_close(&self) -> bool {
        self.ended_by_close
    }

    /// Until when the first content of a stream must be there, by the provider's `first_byte` timeout.
    pub fn first_byte_by(&self) -> Tick {
        self.first_byte_by
    }

    /// Is the body complete and the connection given back?
    pub fn is_complete(&self) -> bool {
        matches!(self.body, Body::Ended)
    }

    /// The whole body, or what is left of it, without its framing; at most `bytes_max` bytes.
    pub async fn whole(&mut self, bytes_max: usize) -> Result<&[u8], Failure> {
        self.forget_given();
        loop {
            self.digest()?;
            let held = self.buffer.len() - self.body_from;
            let announced = match self.body {
                Body::Length(left) => usize::try_from(left).unwrap_or(usize::MAX),
                _ => 0,
            };
            if held.saturating_add(announced) > bytes_max {
                return Err(self.broken(Reason::TooLarge(bytes_max)));
            }
            if matches!(self.body, Body::Ended) {
                break;
            }
            self.read_more().await?;
        }
        self.given = true;
        Ok(&self.buffer[self.body_from..])
    }

    /// The next piece of the body without its framing; `None` at its proper end. To be called until it
    /// says `None`, or the connection is lost to the pool. A dropped call loses the connection, too: to
    /// do something while waiting, keep the future and race it again.
    pub async fn next(&mut self) -> Result<Option<&[u8]>, Failure> {
        self.forget_given();
        loop {
            self.digest()?;
            if self.buffer.len() > self.body_from || matches!(self.body, Body::Ended) {
                break;
            }
            self.read_more().await?;
        }
        self.given = true;
        let piece = &self.buffer[self.body_from..];
        Ok((!piece.is_empty()).then_some(piece))
    }

    /// What the last call of [`Exchange::whole`] or [`Exchange::next`] gave, once more.
    pub fn body(&self) -> &[u8] {
        if self.given { &self.buffer[self.body_from..] } else { &[] }
    }

    /// Reads the proper end of a body whose content is complete, so that the connection can be used
    /// again. Providers send it right behind their last event; one that does not loses the connection.
    pub async fn finish(&mut self) {
        const FAREWELL: Duration = Duration::from_millis(50);
        if !self.is_complete() {
            let clock = self.shared.net.clone();
            let _ = net::timeout(&clock, FAREWELL, self.next()).await;
        }
    }

    fn forget_given(&mut self) {
        if std::mem::take(&mut self.given) {
            self.buffer.truncate(self.body_from);
            self.undigested = self.body_from;
        }
    }

    /// Takes the framing off what arrived and notices the end of the body.
    fn digest(&mut self) -> Result<(), Failure> {
        let from = self.undigested.min(self.buffer.len());
        let arrived = self.buffer.len() - from;
        match &mut self.body {
            Body::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(arrived);
                *left -= taken as u64;
                let is_whole = *left == 0;
                self.buffer.truncate(from + taken);
                if is_whole {
                    self.settle(taken < arrived);
                }
            }
            Body::Chunked(decoder) => match decoder.decode_in_place(&mut self.buffer, from) {
                Ok(compacted) => {
                    self.buffer.truncate(compacted.payload_end);
                    if compacted.done {
                        self.settle(!compacted.leftover.is_empty());
                    }
                }
                Err(fault) => return Err(self.broken(Reason::Garbage(fault.message()))),
            },
            Body::UntilClose | Body::Ended => {}
        }
        self.undigested = self.buffer.len();
        Ok(())
    }

    /// The body is complete: what becomes of the connection?
    fn settle(&mut self, has_more: bool) {
        self.body = Body::Ended;
        let Some(connection) = self.connection.take() else { return };
        if has_more {
            // Bytes nobody asked for: whatever comes next on this connection cannot be trusted.
            drop(connection);
        } else if self.may_be_pooled {
            connection.pool(self.shared.net.lately());
        } else {
            connection.retire();
        }
    }

    /// Ends the connection and says why.
    fn broken(&mut self, reason: Reason) -> Failure {
        self.connection = None;
        Failure { stage: Stage::Body, reason, reused: self.reused }
    }

    async fn read_more(&mut self) -> Result<(), Failure> {
        // Taken out, so that a dropped future takes the connection with it: its bytes are lost.
        let Some(mut connection) = self.connection.take() else { return Err(self.broken(Reason::Closed)) };
        let now = self.shared.net.lately();
        let Some(left) = remaining(self.deadline, now) else {
            return Err(self.broken(Reason::TimedOut(Deadline::Total)));
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        make_room(&mut buffer);
        let read = net::timeout(&self.shared.net, self.idle.min(left), connection.link().read(buffer)).await;
        let Some((result, buffer)) = read else {
            let deadline = if left < self.idle { Deadline::Total } else { Deadline::Idle };
            drop(connection);
            return Err(self.broken(Reason::TimedOut(deadline)));
        };
        self.buffer = buffer;
        match result {
            Ok(0) if matches!(self.body, Body::UntilClose) => {
                self.connection = Some(connection);
                self.ended_by_close = true;
                self.may_be_pooled = false;
                self.settle(false);
                Ok(())
            }
            Ok(0) => Err(self.broken(Reason::Closed)),
            Ok(_) => {
                self.connection = Some(connection);
                Ok(())
            }
            Err(error) => Err(self.broken(Reason::of(&error))),
        }
    }
}

impl<N: Net> Drop for Exchange<N> {
    fn drop(&mut self) {
        self.shared.buffers.give(std::mem::take(&mut self.buffer));
        self.shared.heads.give(std::mem::take(&mut self.head));
    }
}

fn body_of(head: &ResponseHead) -> Body {
    match head.framing {
        ResponseFraming::None | ResponseFraming::Length(0) => Body::Ended,
        ResponseFraming::Length(length) => Body::Length(length),
        ResponseFraming::Chunked => Body::Chunked(ChunkedDecoder::new()),
        ResponseFraming::UntilClose => Body::UntilClose,
    }
}

fn make_room(buffer: &mut Vec<u8>) {
    if buffer.capacity() - buffer.len() < READ_BYTES_MIN {
        buffer.reserve(READ_BYTES_MIN);
    }
}

/// Why there is no head, and whether not a single byte of an answer came.
#[derive(Clone, Copy)]
struct Unheard {
    reason: Reason,
    silent: bool,
}

fn garbage(what: &'static str) -> Unheard {
    Unheard { reason: Reason::Garbage(what), silent: false }
}

/// Is a final head at the front of the buffer? Cuts interim ones off. After HEAD no body follows it.
fn is_final_head(
    buffer: &mut Vec<u8>,
    about_head: bool,
    head: &mut ResponseHead,
    interim: &mut usize,
) -> Result<bool, &'static str> {
    loop {
        match http1::parse_response_head(buffer, about_head, head) {
            HeadStep::NeedMore => return Ok(false),
            HeadStep::Bad(fault) => return Err(fault.message()),
            HeadStep::Done if head.status >= 200 => return Ok(true),
            HeadStep::Done => {
                *interim += 1;
                if *interim > INTERIM_MAX {
                    return Err("there are too many interim answers");
                }
                buffer.drain(..head.head_bytes);
            }
        }
    }
}
