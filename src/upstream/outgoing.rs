//! A request on its way out, without a second copy of a long body.
//!
//! The kernel wants to own what it sends, and the caller's bytes are owned by the connection that they
//! came on. For a request of some kilobytes a copy is the cheapest answer. A body of 20 MB with pictures
//! that passes through, all but a few bytes as it came, would be held twice for as long as the provider
//! thinks. So what such a request shares with the caller's stays there and is copied piece by piece, as
//! it is sent.

use crate::clock::Clock;
use crate::clock::Tick;
use crate::net::Stream;
use crate::net::timeout;
use std::io;
use std::time::Duration;

/// Shorter bodies are copied whole.
const SHARED_BYTES_MIN: usize = 256 * 1024;
/// What a long body is copied by, bytes.
const PIECE_BYTES: usize = 128 * 1024;
/// How far a comparison goes by whole blocks.
const BLOCK_BYTES: usize = 4096;

/// Head and body of a request.
#[derive(Debug)]
pub struct Outgoing<'r> {
    own: Vec<u8>,
    /// Where in `own` the first borrowed stretch belongs; the second comes at its end.
    seam: usize,
    borrowed: [&'r [u8]; 2],
}

impl From<Vec<u8>> for Outgoing<'_> {
    fn from(own: Vec<u8>) -> Self {
        Outgoing { seam: own.len(), own, borrowed: [&[], &[]] }
    }
}

impl<'r> Outgoing<'r> {
    /// The request `bytes`, whose body begins at `body_at`. If that is long, what it has in common with the
    /// beginning and the end of `source` is borrowed from there.
    pub fn sharing(bytes: Vec<u8>, body_at: usize, source: &'r [u8]) -> Self {
        let body = &bytes[body_at..];
        if body.len() < SHARED_BYTES_MIN || source.len() < SHARED_BYTES_MIN {
            return bytes.into();
        }
        let front = common_front(body, source);
        let back = common_back(&body[front..], &source[front..]);
        let rest = body.len() - front - back;
        if rest > body.len() / 2 {
            return bytes.into();
        }
        let mut own = Vec::with_capacity(body_at + rest);
        own.extend_from_slice(&bytes[..body_at]);
        own.extend_from_slice(&body[front..front + rest]);
        Outgoing { own, seam: body_at, borrowed: [&source[..front], &source[source.len() - back..]] }
    }

    /// Does it begin like this?
    pub(super) fn starts_with(&self, head: &[u8]) -> bool {
        self.own.starts_with(head)
    }

    /// The buffer, to be used again; nothing is left to be sent.
    pub(super) fn take_buffer(&mut self) -> Vec<u8> {
        self.seam = 0;
        self.borrowed = [&[], &[]];
        std::mem::take(&mut self.own)
    }

    /// Writes all of it. `None`: a part was not taken within `patience` at that time, and the connection is lost.
    pub(super) async fn write<S: Stream, C: Clock>(
        &mut self,
        stream: &mut S,
        clock: &C,
        patience: impl Fn(Tick) -> Duration,
    ) -> Option<io::Result<()>> {
        if self.own.len() > SHARED_BYTES_MIN || self.borrows() {
            return Box::pin(self.write_by_pieces(stream, clock, patience)).await;
        }
        let own = std::mem::take(&mut self.own);
        let (sent, own) = timeout(clock, patience(clock.lately()), stream.write_all(own)).await?;
        self.own = own;
        Some(sent)
    }

    fn borrows(&self) -> bool {
        self.borrowed.iter().any(|stretch| !stretch.is_empty())
    }

    async fn write_by_pieces<S: Stream, C: Clock>(
        &self,
        stream: &mut S,
        clock: &C,
        patience: impl Fn(Tick) -> Duration,
    ) -> Option<io::Result<()>> {
        let (before, after) = self.own.split_at(self.seam);
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        for part in [before, self.borrowed[0], after, self.borrowed[1]] {
            for bytes in part.chunks(PIECE_BYTES) {
                piece.clear();
                piece.extend_from_slice(bytes);
                let sent;
                (sent, piece) = timeout(clock, patience(clock.lately()), stream.write_all(piece)).await?;
                if sent.is_err() {
                    return Some(sent);
                }
            }
        }
        Some(Ok(()))
    }
}

/// How many bytes two texts begin alike with.
fn common_front(one: &[u8], other: &[u8]) -> usize {
    let blocks = one.chunks_exact(BLOCK_BYTES).zip(other.chunks_exact(BLOCK_BYTES));
    let alike = blocks.take_while(|(one, other)| one == other).count() * BLOCK_BYTES;
    alike + one[alike..].iter().zip(&other[alike..]).take_while(|(one, other)| one == other).count()
}

/// How many bytes two texts end alike with.
fn common_back(one: &[u8], other: &[u8]) -> usize {
    let blocks = one.rchunks_exact(BLOCK_BYTES).zip(other.rchunks_exact(BLOCK_BYTES));
    let alike = blocks.take_while(|(one, other)| one == other).count() * BLOCK_BYTES;
    let (one, other) = (&one[..one.len() - alike], &other[..other.len() - alike]);
    alike + one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: &[u8] = b"POST / HTTP/1.1\r\n\r\n";

    fn text(outgoing: &Outgoing<'_>) -> Vec<u8> {
        let (before, after) = outgoing.own.split_at(outgoing.seam);
        [before, outgoing.borrowed[0], after, outgoing.borrowed[1]].concat()
    }

    fn request(body: &[u8]) -> Vec<u8> {
        [HEAD, body].concat()
    }

    #[test]
    fn a_long_body_is_borrowed_but_for_what_differs() {
        let filler = "picture".repeat(100_000);
        let source = format!("{{\"a\":\"{filler}\",\"model\":\"m\",\"b\":\"{filler}\"}}");
        let body = source.replace("\"m\"", "\"another\"");
        let outgoing = Outgoing::sharing(request(body.as_bytes()), HEAD.len(), source.as_bytes());
        assert_eq!(text(&outgoing), request(body.as_bytes()));
        assert_eq!(outgoing.own, request(b"another"));
        let same = Outgoing::sharing(request(source.as_bytes()), HEAD.len(), source.as_bytes());
        assert_eq!((text(&same), same.own.len()), (request(source.as_bytes()), HEAD.len()));
    }

    #[test]
    fn what_has_little_in_common_is_ours() {
        let (one, other) = ("x".repeat(300_000), "y".repeat(300_000));
        for (body, source) in [(&one[..], &other[..]), (&one, ""), ("", &other), (&one[..9], &one[..9])] {
            let outgoing = Outgoing::sharing(request(body.as_bytes()), HEAD.len(), source.as_bytes());
            assert!(!outgoing.borrows());
            assert_eq!(text(&outgoing), request(body.as_bytes()));
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_whatever_was_edited(at in 0..300_000usize, cut in 0..9000usize, put in "[a-c]{0,9}") {
            let source = "abcab".repeat(60_000).into_bytes();
            let mut body = source.clone();
            body.splice(at..(at + cut).min(source.len()), put.bytes());
            let outgoing = Outgoing::sharing(request(&body), HEAD.len(), &source);
            prop_assert_eq!(text(&outgoing), request(&body));
            prop_assert!(outgoing.borrows());
        }
    }
}
