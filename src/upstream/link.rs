//! A connection to a provider, with or without TLS, as one kind of stream.

use crate::net::Peer;
use crate::net::Stream;
use crate::upstream::tls::TlsStream;
use std::io;

/// A connected stream to a provider.
pub(super) enum Link<S: Stream> {
    /// TCP as it is.
    Plain(S),
    /// TLS over it.
    Tls(Box<TlsStream<S>>),
}

impl<S: Stream> Stream for Link<S> {
    // What TLS does around a read or a write takes several times the memory that the socket's own future
    // takes; in a box it does not stand in every connection's future, whether there is TLS or not.

    async fn read(&mut self, buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        match self {
            Link::Plain(stream) => stream.read(buffer).await,
            Link::Tls(stream) => Box::pin(stream.read(buffer)).await,
        }
    }

    async fn write_all(&mut self, buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        match self {
            Link::Plain(stream) => stream.write_all(buffer).await,
            Link::Tls(stream) => Box::pin(stream.write_all(buffer)).await,
        }
    }

    async fn readable(&self) -> io::Result<()> {
        match self {
            Link::Plain(stream) => stream.readable().await,
            Link::Tls(stream) => Box::pin(stream.readable()).await,
        }
    }

    fn peer(&self) -> Peer {
        match self {
            Link::Plain(stream) => stream.peer(),
            Link::Tls(stream) => stream.peer(),
        }
    }

    async fn shutdown(&mut self) {
        match self {
            Link::Plain(stream) => stream.shutdown().await,
            Link::Tls(stream) => Box::pin(stream.shutdown()).await,
        }
    }

    fn abort(&mut self) {
        match self {
            Link::Plain(stream) => stream.abort(),
            Link::Tls(stream) => stream.abort(),
        }
    }
}
