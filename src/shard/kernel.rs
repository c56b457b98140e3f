//! The io layer on the real machine: monoio sockets and the machine's clocks. Nothing outside this
//! folder names monoio, so the runtime can be replaced here.

use super::timers::Sleep;
use crate::clock::Clock;
use crate::clock::Tick;
use crate::net::Net;
use crate::net::Peer;
use crate::net::Stream;
use crate::sys::socket;
use crate::sys::socket::Peek;
use monoio::buf::IoBufMut;
use monoio::io::AsyncReadRent;
use monoio::io::AsyncWriteRent;
use monoio::io::AsyncWriteRentExt;
use monoio::net::TcpStream;
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::fd::RawFd;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

/// Sockets and clocks of this machine. All copies share one origin of time, so that ticks of different
/// shards can be compared.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    origin: Instant,
}

impl Kernel {
    /// Starts the clock.
    #[allow(clippy::disallowed_methods)] // this is the clock everybody else is given
    pub fn start() -> Self {
        Kernel { origin: Instant::now() }
    }
}

thread_local! {
    /// When the running task's turn began, nanoseconds; 0 before the first turn.
    static TURN: Cell<u64> = const { Cell::new(0) };
}

impl Kernel {
    /// Reads the clock for everything of this turn that need not be exact.
    pub(super) fn begin_turn(&self) {
        TURN.set(self.now().0);
    }
}

impl Clock for Kernel {
    fn now(&self) -> Tick {
        Tick(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn lately(&self) -> Tick {
        match TURN.get() {
            0 => self.now(),
            began => Tick(began),
        }
    }

    fn catch_up(&self) {
        self.begin_turn();
    }

    #[allow(clippy::disallowed_methods)] // this is the clock everybody else is given
    fn unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> {
        Sleep::until(self.lately().after(duration))
    }
}

impl Net for Kernel {
    type Stream = Socket;

    async fn connect(&self, address: SocketAddr) -> io::Result<Socket> {
        let stream = TcpStream::connect_addr(address).await?;
        stream.set_nodelay(true)?;
        Ok(Socket(stream))
    }
}

/// A connected TCP socket.
pub struct Socket(TcpStream);

impl Socket {
    /// Takes an accepted connection over.
    pub(super) fn accepted(stream: TcpStream) -> Self {
        // A peer that is gone already shows itself at the first read.
        let _ = stream.set_nodelay(true);
        Socket(stream)
    }

    /// Its descriptor, valid while the socket lives.
    pub(super) fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Stream for Socket {
    async fn read(&mut self, buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        debug_assert!(buffer.capacity() > buffer.len(), "a read needs room");
        let from = buffer.len();
        let (result, slice) = self.0.read(buffer.slice_mut(from..)).await;
        (result, slice.into_inner())
    }

    async fn write_all(&mut self, buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        let (result, buffer) = self.0.write_all(buffer).await;
        (result.map(|_| ()), buffer)
    }

    async fn readable(&self) -> io::Result<()> {
        self.0.readable(false).await
    }

    fn peer(&self) -> Peer {
        match socket::peek(self.0.as_raw_fd()) {
            Peek::Nothing => Peer::Quiet,
            Peek::Bytes => Peer::Speaking,
            Peek::End => Peer::Finished,
            Peek::Broken => Peer::Gone,
        }
    }

    async fn shutdown(&mut self) {
        let _ = self.0.shutdown().await;
    }

    fn abort(&mut self) {
        socket::reset_on_close(self.0.as_raw_fd());
    }
}
