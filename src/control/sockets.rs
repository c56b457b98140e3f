//! The io layer on the control thread: tokio's sockets. With it, whatever is written over [`Net`] for the
//! shards can also be done where it may take its time.

use crate::clock::Clock;
use crate::clock::Tick;
use crate::net::Net;
use crate::net::Peer;
use crate::net::Stream;
use crate::sys::socket;
use crate::sys::socket::Peek;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Sockets of this thread, and the time of the clock `C`.
#[derive(Clone)]
pub(super) struct Sockets<C>(pub(super) C);

impl<C: Clock> Clock for Sockets<C> {
    fn now(&self) -> Tick {
        self.0.now()
    }

    fn unix_ms(&self) -> u64 {
        self.0.unix_ms()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

impl<C: Clock + Clone + 'static> Net for Sockets<C> {
    type Stream = Socket;

    async fn connect(&self, address: SocketAddr) -> io::Result<Socket> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Socket(stream))
    }
}

/// A connected TCP socket.
pub(super) struct Socket(TcpStream);

impl Stream for Socket {
    async fn read(&mut self, mut buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        debug_assert!(buffer.capacity() > buffer.len(), "a read needs room");
        let room = (buffer.capacity() - buffer.len()) as u64;
        let read = (&mut self.0).take(room).read_buf(&mut buffer).await;
        (read, buffer)
    }

    async fn write_all(&mut self, buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        let written = self.0.write_all(&buffer).await;
        (written, buffer)
    }

    async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
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
