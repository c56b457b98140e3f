//! An io layer with bugs planted in it, for two proofs: that the oracle finds bugs, and that a panic
//! anywhere ends one connection and nothing else.

use super::scene;
use super::scene::Fabric;
use crate::world::Socket;
use crate::world::World;
use ringgate::clock::Clock;
use ringgate::clock::Tick;
use ringgate::net::Net;
use ringgate::net::Peer;
use ringgate::net::Stream;
use std::cell::Cell;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A write to a client now and then loses its last byte.
    LosesLastByte,
    /// A write to a client is now and then done twice.
    RepeatsWrite,
    /// A client now and then gets what was written to another.
    TellsOthers,
    /// Unfinished chunked answers are finished when the connection closes.
    EndsCleanly,
    /// Connections are closed instead of reset.
    NeverResets,
    /// A piece of what a provider sent is now and then lost.
    LosesRead,
    /// Nobody's leaving is seen.
    Blind,
    /// Closed connections are now and then kept.
    KeepsClosed,
    /// Deadlines beyond five seconds never pass.
    NeverLate,
    /// Serving panics at this use of the io layer, counted from 0.
    PanicsAt(usize),
}

/// The bugs of [`Flaw`] over a sound world.
#[derive(Clone)]
pub struct Flawed {
    world: World,
    flaw: Flaw,
    /// Uses of the io layer by connections being served.
    uses: Rc<Cell<usize>>,
    last: Rc<RefCell<Vec<u8>>>,
}

impl Flawed {
    /// `world` with `flaw`.
    pub fn new(world: &World, flaw: Flaw) -> Flawed {
        Flawed { world: world.clone(), flaw, uses: Rc::default(), last: Rc::default() }
    }

    /// How often the io layer was used so far while somebody was served.
    pub fn uses(&self) -> usize {
        self.uses.get()
    }

    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// Once in a while, if that is the flaw.
    fn strikes(&self, flaw: Flaw) -> bool {
        self.is(flaw) && self.world.below(6) == 0
    }

    fn used(&self, what: &str) {
        if !scene::is_serving() || std::thread::panicking() {
            return;
        }
        let uses = self.uses.replace(self.uses.get() + 1);
        assert!(self.flaw != Flaw::PanicsAt(uses), "a planted panic at {what}, use {uses}");
    }

    fn stream(&self, socket: Socket, is_client: bool) -> FlawedSocket {
        FlawedSocket { socket: Some(socket), net: self.clone(), is_client, is_chunked: false, is_ended: false }
    }
}

impl Clock for Flawed {
    fn now(&self) -> Tick {
        self.used("now");
        self.world.now()
    }

    fn unix_ms(&self) -> u64 {
        self.used("unix_ms");
        self.world.unix_ms()
    }

    async fn sleep(&self, duration: Duration) {
        self.used("sleep");
        if self.is(Flaw::NeverLate) && duration > Duration::from_secs(5) {
            std::future::pending::<()>().await;
        }
        self.world.sleep(duration).await;
    }
}

impl Net for Flawed {
    type Stream = FlawedSocket;

    async fn connect(&self, address: SocketAddr) -> io::Result<FlawedSocket> {
        self.used("connect");
        Ok(self.stream(self.world.connect(address).await?, false))
    }
}

impl Fabric for Flawed {
    fn accept(&self, socket: Socket) -> FlawedSocket {
        self.stream(socket, true)
    }
}

/// A socket with the flaw of its net.
pub struct FlawedSocket {
    socket: Option<Socket>,
    net: Flawed,
    is_client: bool,
    is_chunked: bool,
    is_ended: bool,
}

impl FlawedSocket {
    fn socket(&mut self) -> &mut Socket {
        self.socket.as_mut().expect("a socket lives as long as its stream")
    }

    fn look(&self) -> &Socket {
        self.socket.as_ref().expect("a socket lives as long as its stream")
    }

    /// What is really written instead of `bytes`.
    fn distorted(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.is_chunked |= memchr::memmem::find(bytes, b"transfer-encoding: chunked").is_some();
        self.is_ended = bytes.ends_with(b"0\r\n\r\n");
        let mut written = bytes.to_vec();
        if !self.is_client {
            return written;
        }
        if self.net.strikes(Flaw::LosesLastByte) {
            written.pop();
        }
        if self.net.strikes(Flaw::RepeatsWrite) {
            written.extend_from_slice(bytes);
        }
        let before = self.net.last.replace(bytes.to_vec());
        if self.net.strikes(Flaw::TellsOthers) && !before.is_empty() {
            written = before;
        }
        written
    }
}

impl Stream for FlawedSocket {
    async fn read(&mut self, buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        self.net.used("read");
        let (result, mut buffer) = self.socket().read(buffer).await;
        self.net.used("the end of a read");
        match result {
            Ok(bytes) if bytes > 1 && !self.is_client && self.net.strikes(Flaw::LosesRead) => {
                buffer.pop();
                (Ok(bytes - 1), buffer)
            }
            result => (result, buffer),
        }
    }

    async fn write_all(&mut self, buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        self.net.used("write");
        let written = self.distorted(&buffer);
        let (result, _) = self.socket().write_all(written).await;
        self.net.used("the end of a write");
        (result, buffer)
    }

    async fn readable(&self) -> io::Result<()> {
        self.net.used("readable");
        if self.is_client && self.net.is(Flaw::Blind) {
            std::future::pending::<()>().await;
        }
        self.look().readable().await
    }

    fn peer(&self) -> Peer {
        self.net.used("peer");
        if self.is_client && self.net.is(Flaw::Blind) {
            return Peer::Quiet;
        }
        self.look().peer()
    }

    async fn shutdown(&mut self) {
        self.net.used("shutdown");
        if self.is_client && self.is_chunked && !self.is_ended && self.net.is(Flaw::EndsCleanly) {
            let _ = self.socket().write_all(b"0\r\n\r\n".to_vec()).await;
        }
        self.socket().shutdown().await;
    }

    fn abort(&mut self) {
        if !(self.is_client && self.net.is(Flaw::NeverResets)) {
            self.socket().abort();
        }
    }
}

impl Drop for FlawedSocket {
    fn drop(&mut self) {
        if self.net.strikes(Flaw::KeepsClosed) {
            std::mem::forget(self.socket.take());
        }
    }
}
