//! The io layer: what the gateway asks of sockets and time, and nothing about who provides them.
//!
//! The machine (`shard`) implements [`Net`] on monoio; the simulation implements it on memory and
//! virtual time. Nothing outside that implementation names the runtime. Buffers travel in the
//! signature, because under io_uring the kernel owns them while an operation is pending.

mod promise;

pub use promise::Awaited;
pub use promise::Promise;
pub use promise::promise;

use crate::clock::Clock;
use pin_project_lite::pin_project;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

/// What the other end of a connection is doing, seen without reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Connected and silent.
    Quiet,
    /// Connected; bytes are waiting.
    Speaking,
    /// Will send no more (FIN).
    Finished,
    /// Gone (RST or another error).
    Gone,
}

/// A connected byte stream.
///
/// A future of `read` that is dropped before it completes may have lost bytes: nothing may be read after
/// it, but a last word be written. After a dropped `write_all` nothing may be done but close. `readable`
/// may be dropped at any time.
pub trait Stream: 'static {
    /// Appends what has arrived to `buffer`, at most its spare capacity (which must not be zero), and
    /// gives the buffer back. `Ok(0)` means that the peer will send no more.
    fn read(&mut self, buffer: Vec<u8>) -> impl Future<Output = (io::Result<usize>, Vec<u8>)>;

    /// Writes all of `buffer` and gives it back unchanged.
    fn write_all(&mut self, buffer: Vec<u8>) -> impl Future<Output = (io::Result<()>, Vec<u8>)>;

    /// Completes when bytes, the end or an error wait to be read.
    fn readable(&self) -> impl Future<Output = io::Result<()>>;

    /// A look at the peer without waiting.
    fn peer(&self) -> Peer;

    /// Says that we will write no more, and releases the connection.
    fn shutdown(&mut self) -> impl Future<Output = ()>;

    /// Makes the kernel reset the connection when it is dropped, so that the peer cannot mistake a
    /// broken answer for a complete one.
    fn abort(&mut self);
}

/// Sockets and time.
pub trait Net: Clock + Clone + 'static {
    /// A connection.
    type Stream: Stream;

    /// Connects to one address; TCP_NODELAY is set.
    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>>;
}

/// Whichever of two futures ends first; the first is preferred when both are ready.
pub enum First<A, B> {
    /// The first future's output.
    A(A),
    /// The second future's output.
    B(B),
}

pin_project! {
    /// Two futures, until one ends. A plain struct and not an `async fn`: those keep a copy of their
    /// arguments beside the pinned ones, and nested races would double a connection's memory each time.
    pub struct Race<A, B> {
        #[pin]
        a: A,
        #[pin]
        b: B,
    }
}

impl<A: Future, B: Future> Future for Race<A, B> {
    type Output = First<A::Output, B::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.a.poll(context) {
            return Poll::Ready(First::A(output));
        }
        this.b.poll(context).map(First::B)
    }
}

/// Runs two futures until one ends; dropping the result drops both.
pub fn race<A: Future, B: Future>(a: A, b: B) -> Race<A, B> {
    Race { a, b }
}

pin_project! {
    /// A future with a limit.
    pub struct Timeout<F, S> {
        #[pin]
        race: Race<F, S>,
    }
}

impl<F: Future, S: Future> Future for Timeout<F, S> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().race.poll(context).map(|first| match first {
            First::A(output) => Some(output),
            First::B(_) => None,
        })
    }
}

/// `None` when `limit` passes before `future` ends; the future is dropped with the result. Give large
/// futures pinned (`pin!(…)`), so that they are not moved.
pub fn timeout<C: Clock, F: Future>(clock: &C, limit: Duration, future: F) -> Timeout<F, impl Future<Output = ()>> {
    Timeout { race: race(future, clock.sleep(limit)) }
}
