//! One client connection, over anything that reads and writes: head, body, answer, next.
//!
//! The head is judged before the body is waited for. Requests that were sent ahead (pipelined) wait in
//! the buffer and are served in order. Every wait has a deadline, and anything cancelled in the middle
//! of a read or write ends the connection.

use crate::clock::Tick;
use crate::config::Server;
use crate::dialects;
use crate::dialects::Dialect;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::gateway::Client;
use crate::gateway::Gateway;
use crate::gateway::Incoming;
use crate::gateway::Progress;
use crate::gateway::Story;
use crate::gateway::Surface;
use crate::gateway::Turned;
use crate::gateway::Visit;
use crate::gateway::dialect_of_list;
use crate::net::Net;
use crate::net::Stream;
use crate::net::timeout;
use crate::upstream::resolve::Resolve;
use crate::wire::chunked::ChunkedDecoder;
use crate::wire::http1::Framing;
use crate::wire::http1::HeadFault;
use crate::wire::http1::HeadLimits;
use crate::wire::http1::HeadStep;
use crate::wire::http1::Method;
use crate::wire::http1::RequestHead;
use crate::wire::http1::parse_request_head;
use std::cell::Cell;
use std::future::Future;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// What an idle connection keeps; most requests fit. Not a power of two: buffers that lie a power of two apart share
/// the few places of the processor's cache that their beginnings can be in, and of hundreds most are cold.
const INPUT_BYTES: usize = 5 * 1024;
/// A larger buffer is not kept between requests.
const INPUT_BYTES_KEPT: usize = 32 * 1024;
/// Most bytes of an unwanted body that are read so that the refusal is not lost in a reset.
const DRAIN_BYTES_MAX: usize = 64 * 1024;
/// How long those may take.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// A body is not judged by its rate before this.
const BODY_GRACE: Duration = Duration::from_secs(10);
/// First growth of a body buffer: a claimed length is not yet a body.
const BODY_GROWTH_BYTES: usize = 64 * 1024;
/// Largest body where none is looked at: probes are answered to strangers, who must not fill the memory.
const UNREAD_BODY_BYTES_MAX: usize = 4 * 1024;
/// A body's buffer grows by this factor, and to the claimed length once two such steps would pass that: what
/// grows by copying to the very end holds most of a long body twice for a moment.
const BODY_GROWTH: usize = 4;

/// Serves a connection until either side ends it. `idle` tells whether it is between requests.
// Not an `async fn`: those keep their arguments beside what became of them.
pub fn serve<N: Net, R: Resolve>(
    stream: N::Stream,
    gateway: Rc<Gateway<N, R>>,
    idle: Rc<Cell<bool>>,
) -> impl Future<Output = ()> {
    let mut connection = Connection {
        stream,
        gateway,
        idle,
        input: Vec::with_capacity(INPUT_BYTES),
        body: Vec::new(),
        head: RequestHead::default(),
    };
    async move {
        match connection.run().await {
            Close::Now => {}
            Close::Polite => connection.stream.shutdown().await,
            Close::Draining => Box::pin(connection.drain()).await,
        }
    }
}

/// How a connection ends.
enum Close {
    /// The peer is gone, or an operation was cancelled: nothing more can be said.
    Now,
    /// Everything was said.
    Polite,
    /// The peer may still be sending what nobody wants.
    Draining,
}

enum Reading {
    Done,
    Closed,
    Late,
}

enum BodyFault {
    Closed,
    Late,
    TooLarge(usize),
    Malformed(&'static str),
}

struct Connection<N: Net, R: Resolve> {
    stream: N::Stream,
    gateway: Rc<Gateway<N, R>>,
    idle: Rc<Cell<bool>>,
    /// Bytes that have arrived: a head, its body if that has a length, and what was sent ahead.
    input: Vec<u8>,
    /// A chunked body, decoded.
    body: Vec<u8>,
    head: RequestHead,
}

impl<N: Net, R: Resolve> Connection<N, R> {
    async fn run(&mut self) -> Close {
        loop {
            let deployment = self.gateway.deployment();
            let server = &deployment.settings.server;
            match self.read_head(server).await {
                Ok(Reading::Done) => {}
                Ok(Reading::Closed) if self.is_between_requests() => return Close::Polite,
                Ok(Reading::Closed) => return Box::pin(self.refuse_cut(server)).await,
                Ok(Reading::Late) => return Box::pin(self.refuse_late(server)).await,
                Err(fault) => return Box::pin(self.refuse_head(fault, server)).await,
            }
            let greeted = self.gateway.greet(&self.head, &self.input);
            let visit = match greeted {
                Ok(visit) => visit,
                Err(turned) => match Box::pin(self.refuse(*turned, server)).await {
                    Some(close) => return close,
                    None => continue,
                },
            };
            match self.read_body(&visit, server).await {
                Ok(()) => {}
                Err(fault) => return Box::pin(self.refuse_body(fault, visit, server)).await,
            }
            if let Some(close) = self.answer(visit, server).await {
                return close;
            }
        }
    }

    /// Is there nothing to be answered? The line end that some clients send behind a body is no request, and whoever is
    /// interrupted by the end of a drain has not said yet in which words to be told.
    fn is_between_requests(&self) -> bool {
        matches!(&self.input[..], b"" | b"\r" | b"\r\n") || self.gateway.expired()
    }

    /// Reads until a whole head is there.
    async fn read_head(&mut self, server: &Server) -> Result<Reading, HeadFault> {
        let limits = HeadLimits {
            request_line_bytes: server.request_line_bytes_max,
            head_bytes: server.head_bytes_max,
            fields: server.head_fields_max,
        };
        self.head.restart();
        self.head.method = Method::default(); // a head that cannot be read is not a HEAD
        let mut deadline: Option<Tick> = None;
        loop {
            if !self.input.is_empty() {
                match parse_request_head(&self.input, &limits, &mut self.head) {
                    HeadStep::Done => return Ok(Reading::Done),
                    HeadStep::Bad(fault) => return Err(fault),
                    HeadStep::NeedMore => {}
                }
            }
            let now = self.gateway.net().lately();
            let wait = if self.input.is_empty() {
                // A drain ends idle connections itself, and not before their next request had its chance.
                self.idle.set(true);
                server.keep_alive_timeout
            } else {
                deadline.get_or_insert_with(|| now.after(server.head_timeout)).since(now)
            };
            self.make_room();
            let reading = self.read_some(wait).await;
            self.idle.set(false);
            match reading {
                Reading::Done => {}
                // The cancelled read has taken the buffer along, so the deadline tells whether a head had begun.
                Reading::Late if deadline.is_none() => return Ok(Reading::Closed),
                other => return Ok(other),
            }
        }
    }

    /// Room for more of what has no known length.
    fn make_room(&mut self) {
        if self.input.capacity() - self.input.len() < INPUT_BYTES / 4 {
            self.input.reserve(self.input.len().max(INPUT_BYTES));
        }
    }

    /// Reads what fits.
    async fn read_some(&mut self, wait: Duration) -> Reading {
        let input = std::mem::take(&mut self.input);
        match timeout(self.gateway.net(), wait, self.stream.read(input)).await {
            Some((result, input)) => {
                self.input = input;
                if matches!(result, Ok(read) if read > 0) { Reading::Done } else { Reading::Closed }
            }
            None => Reading::Late,
        }
    }

    /// Reads until the whole body is there: behind the head in `input`, or decoded in `body`.
    async fn read_body(&mut self, visit: &Visit, server: &Server) -> Result<(), BodyFault> {
        self.body.clear();
        let started = self.gateway.net().lately();
        let most = body_bytes_max(visit.surface, server);
        match self.head.framing {
            Framing::None => Ok(()),
            Framing::Length(length) => {
                let length = usize::try_from(length).ok().filter(|length| *length <= most);
                let length = length.ok_or(BodyFault::TooLarge(most))?;
                if self.input.len() >= self.head.head_bytes + length {
                    return Ok(()); // the common case: it came with the head
                }
                Box::pin(self.read_length(self.head.head_bytes + length, started, server)).await
            }
            Framing::Chunked => Box::pin(self.read_chunked(most, started, server)).await,
        }
    }

    async fn read_length(&mut self, total: usize, started: Tick, server: &Server) -> Result<(), BodyFault> {
        self.invite_body().await?;
        while self.input.len() < total {
            let spare = self.input.capacity() - self.input.len();
            self.input.reserve_exact(growth(self.input.len(), spare, total));
            self.read_body_piece(started, server).await?;
        }
        Ok(())
    }

    async fn read_chunked(&mut self, most: usize, started: Tick, server: &Server) -> Result<(), BodyFault> {
        let from = self.head.head_bytes;
        let mut decoder = ChunkedDecoder::new();
        let mut invited = false;
        loop {
            if self.input.len() > from {
                let progress = decoder.decode(&self.input[from..], &mut self.body);
                let progress = progress.map_err(|fault| BodyFault::Malformed(fault.message()))?;
                self.input.drain(from..from + progress.consumed);
                if self.body.len() > most {
                    return Err(BodyFault::TooLarge(most));
                }
                if progress.done {
                    return Ok(());
                }
            }
            if !invited {
                self.invite_body().await?;
                invited = true;
            }
            self.make_room();
            self.read_body_piece(started, server).await?;
        }
    }

    /// Says "100 Continue" to a client that waits for it.
    async fn invite_body(&mut self) -> Result<(), BodyFault> {
        if !self.head.expect_continue {
            return Ok(());
        }
        let line = b"HTTP/1.1 100 Continue\r\n\r\n".to_vec();
        let (written, _) = self.stream.write_all(line).await;
        written.map_err(|_| BodyFault::Closed)
    }

    async fn read_body_piece(&mut self, started: Tick, server: &Server) -> Result<(), BodyFault> {
        let arrived = (self.input.len() + self.body.len()) as u64;
        let earned = Duration::from_secs(arrived / server.body_bytes_per_s_min.max(1));
        let wait = started.after(BODY_GRACE + earned).since(self.gateway.net().lately());
        match self.read_some(wait).await {
            Reading::Done => Ok(()),
            Reading::Closed => Err(BodyFault::Closed),
            Reading::Late => Err(BodyFault::Late),
        }
    }

    /// Serves the request and removes it from the buffer. `None`: another may follow.
    async fn answer(&mut self, visit: Visit, server: &Server) -> Option<Close> {
        let gateway = Rc::clone(&self.gateway);
        let body_end = match self.head.framing {
            Framing::Length(length) => self.head.head_bytes + length as usize,
            _ => self.head.head_bytes,
        };
        let body = match self.head.framing {
            Framing::Chunked => &self.body[..],
            _ => &self.input[self.head.head_bytes..body_end],
        };
        let incoming = Incoming { head: &self.head, bytes: &self.input, body };
        let keep_alive = self.head.keep_alive && !gateway.draining();
        let http10 = self.head.minor_version == 0;
        let mut client = Client::new(&mut self.stream, gateway.memory(), http10, keep_alive, server.write_timeout);
        client.head_only = self.head.method == Method::Head;
        let dialect = match visit.surface {
            Surface::Models(path) => dialect_of_list(path, &incoming),
            other => dialect_of(other),
        };
        let panicked = {
            let serving = pin!(gateway.serve(visit, incoming, &mut client));
            contained(serving).await.is_err()
        };
        if panicked {
            gateway.recorder().panicked();
            Box::pin(apologise(&gateway, dialect, &mut client)).await;
        }
        let close = match client.progress() {
            _ if client.is_aborted() => Some(Close::Now),
            Progress::Complete if client.keep_alive => None,
            _ => Some(Close::Draining),
        };
        self.consume(body_end);
        close
    }

    fn consume(&mut self, bytes: usize) {
        if self.input.len() == bytes {
            self.input.clear();
        } else {
            self.input.drain(..bytes);
        }
        if self.input.is_empty() && self.input.capacity() > INPUT_BYTES_KEPT {
            self.input = Vec::with_capacity(INPUT_BYTES);
        }
        if self.body.capacity() > INPUT_BYTES_KEPT {
            self.body = Vec::new();
        }
    }

    /// Refuses a judged head. `None`: its body was harmless and the connection goes on.
    async fn refuse(&mut self, turned: Turned, server: &Server) -> Option<Close> {
        let body_end = match self.head.framing {
            Framing::None => Some(self.head.head_bytes),
            Framing::Length(length) => {
                let end = self.head.head_bytes.checked_add(usize::try_from(length).unwrap_or(usize::MAX));
                end.filter(|end| *end <= self.input.len())
            }
            Framing::Chunked => None,
        };
        let keep_alive = body_end.is_some() && self.head.keep_alive && !self.gateway.draining();
        let sent = self.tell(turned, keep_alive, server).await;
        match body_end {
            Some(end) if keep_alive && sent => {
                self.consume(end);
                None
            }
            _ if sent => Some(Close::Draining),
            _ => Some(Close::Now),
        }
    }

    async fn refuse_head(&mut self, fault: HeadFault, server: &Server) -> Close {
        let status = fault.status();
        let told = Fault::new(Kind::BadRequest, fault.message());
        let turned = self.turned(told, Some(status));
        if self.tell(turned, false, server).await { Close::Draining } else { Close::Now }
    }

    async fn refuse_late(&mut self, server: &Server) -> Close {
        // The cancelled read may have taken bytes along: nothing may be read after it.
        let fault = Fault::new(Kind::ClientSlow, "the request head did not arrive in time");
        let turned = self.turned(fault, None);
        if self.tell(turned, false, server).await { Close::Polite } else { Close::Now }
    }

    /// The caller ended its side within a head. It may still be listening.
    async fn refuse_cut(&mut self, server: &Server) -> Close {
        let turned = self.turned(self.gateway.cut_request(), None);
        if self.tell(turned, false, server).await { Close::Draining } else { Close::Now }
    }

    async fn refuse_body(&mut self, fault: BodyFault, visit: Visit, server: &Server) -> Close {
        // Then a read was cancelled, and nothing may be read after it.
        let late = matches!(fault, BodyFault::Late);
        let fault = match fault {
            BodyFault::Late => Fault::new(Kind::ClientSlow, "the request body arrived too slowly"),
            BodyFault::Malformed(what) => {
                Fault::new(Kind::BadRequest, format!("the chunked request body is malformed: {what}"))
            }
            BodyFault::TooLarge(most) => {
                Fault::new(Kind::TooLarge, format!("the request body is larger than {most} bytes"))
            }
            BodyFault::Closed => self.gateway.cut_request(),
        };
        let dialect = dialect_of(visit.surface);
        let turned = Turned { dialect, deployment: visit.deployment, fault, story: visit.story, status: None };
        match self.tell(turned, false, server).await {
            true if late => Close::Polite,
            true => Close::Draining,
            false => Close::Now,
        }
    }

    fn turned(&self, fault: Fault, status: Option<u16>) -> Turned {
        let net = self.gateway.net();
        let story = Box::new(Story::begin(net.lately(), self.gateway.new_request_id()));
        Turned { dialect: openai(), deployment: self.gateway.deployment(), fault, story, status }
    }

    async fn tell(&mut self, turned: Turned, keep_alive: bool, server: &Server) -> bool {
        let http10 = self.head.minor_version == 0;
        let memory = self.gateway.memory();
        let mut client = Client::new(&mut self.stream, memory, http10, keep_alive, server.write_timeout);
        client.head_only = self.head.method == Method::Head;
        self.gateway.turn_away(turned, &mut client).await;
        client.progress() == Progress::Complete
    }

    /// Ends our side, then reads a bounded rest: closing over unread bytes would reset the connection
    /// and could take the answer with it.
    async fn drain(&mut self) {
        self.stream.shutdown().await;
        let gateway = Rc::clone(&self.gateway);
        let mut scratch = Vec::with_capacity(INPUT_BYTES);
        let mut read = 0;
        let discard = async {
            while read < DRAIN_BYTES_MAX {
                scratch.clear();
                let (result, buffer) = self.stream.read(std::mem::take(&mut scratch)).await;
                scratch = buffer;
                match result {
                    Ok(bytes) if bytes > 0 => read += bytes,
                    _ => return,
                }
            }
        };
        timeout(gateway.net(), DRAIN_TIMEOUT, discard).await;
    }
}

fn body_bytes_max(surface: Surface, server: &Server) -> usize {
    match surface {
        Surface::Chat(_) | Surface::Opaque(_) => server.body_bytes_max,
        Surface::Models(_) | Surface::Live | Surface::Ready => UNREAD_BODY_BYTES_MAX.min(server.body_bytes_max),
    }
}

/// How much more room to ask for in a buffer for `total` bytes, where `arrived` are there and `spare` still fit.
fn growth(arrived: usize, spare: usize, total: usize) -> usize {
    let missing = total - arrived;
    if spare >= missing.min(BODY_GROWTH_BYTES) {
        return 0;
    }
    let grown = arrived.saturating_mul(BODY_GROWTH).max(arrived + BODY_GROWTH_BYTES);
    if grown > total / BODY_GROWTH { missing } else { grown - arrived }
}

/// The dialect in which a request is refused.
fn dialect_of(surface: Surface) -> &'static dyn Dialect {
    match surface {
        Surface::Chat(dialect) => dialect,
        Surface::Opaque(endpoint) => endpoint.dialect,
        Surface::Models(_) | Surface::Live | Surface::Ready => openai(),
    }
}

/// The dialect of a refusal whose path is unknown.
fn openai() -> &'static dyn Dialect {
    &dialects::openai_chat::OpenAiChat
}

/// After a panic: a 500 if nothing was said yet, else an answer without its end.
async fn apologise<N: Net, R: Resolve>(
    gateway: &Gateway<N, R>,
    dialect: &'static dyn Dialect,
    client: &mut Client<'_, N::Stream>,
) {
    client.keep_alive = false;
    match client.progress() {
        Progress::Waiting => {}
        Progress::Complete => return,
        Progress::Streaming | Progress::Broken => return client.sever(),
    }
    let net = gateway.net();
    let story = Box::new(Story::begin(net.lately(), gateway.new_request_id()));
    let fault = Fault::new(Kind::Internal, "the gateway failed at this request; it is counted and logged");
    let deployment = gateway.deployment();
    gateway.turn_away(Turned { dialect, deployment, fault, story, status: None }, client).await;
}

/// Runs `future` with its panics caught: one broken request must not take the shard's others along.
/// Takes it pinned, because it is the largest future there is and must not be moved.
pub(super) async fn contained<F: Future>(mut future: Pin<&mut F>) -> Result<F::Output, ()> {
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(_) => Poll::Ready(Err(())),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The capacities that a body of `total` bytes asks for, if what fits arrives at once.
    fn capacities(total: usize) -> Vec<usize> {
        let (mut arrived, mut capacity, mut grown) = (INPUT_BYTES, INPUT_BYTES, Vec::new());
        while arrived < total {
            let more = growth(arrived, capacity - arrived, total);
            if more > 0 {
                capacity = arrived + more;
                grown.push(capacity);
            }
            assert!(capacity > arrived, "a read has room");
            arrived = capacity.min(total);
        }
        grown
    }

    #[test]
    fn a_long_body_is_copied_little_and_a_claim_alone_gets_little() {
        for total in [1 << 20, 20 << 20, 100 << 20] {
            let grown = capacities(total);
            let (last, before) = grown.split_last().expect("it grows");
            assert_eq!(*last, total, "and not by a byte more");
            assert!(before.iter().sum::<usize>() < total / 2, "{grown:?}");
        }
        assert_eq!(capacities(INPUT_BYTES + 1), [INPUT_BYTES + 1]);
        assert!(growth(INPUT_BYTES, 0, usize::MAX) <= BODY_GROWTH_BYTES);
        assert!(growth(1 << 20, 0, usize::MAX) <= BODY_GROWTH << 20);
    }

    #[test]
    fn room_that_is_there_is_used_first() {
        assert_eq!(growth(4_096, BODY_GROWTH_BYTES, 1 << 30), 0);
        assert_eq!(growth(4_096, 10, 4_106), 0);
        assert_eq!(growth(4_096, 9, 4_106), 10);
    }
}
