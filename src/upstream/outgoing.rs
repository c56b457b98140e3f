//! A request on its way out, without a second copy of a long body.
//!
//! The kernel wants to own what it sends, and the caller's bytes are owned by the connection that they
//! came on. For a request of some kilobytes a copy is the cheapest answer. A body of 20 MB with pictures
//! that passes through, all but a few bytes as it came, would be held twice for as long as the provider
//! thinks. So what such a request shares with the caller's stays there and is copied piece by piece, as
//! it is sent; no copy of the whole is ever made.

use crate::clock::Clock;
use crate::clock::Tick;
use crate::net::Stream;
use crate::net::timeout;
use crate::wire::edits::Edited;
use std::io;
use std::iter::once;
use std::time::Duration;

/// Shorter bodies are copied whole.
const SHARED_BYTES_MIN: usize = 256 * 1024;
/// What a long body is copied by, bytes.
const PIECE_BYTES: usize = 128 * 1024;

/// Head and body of a request.
#[derive(Debug)]
pub struct Outgoing<'r> {
    own: Vec<u8>,
    /// What is sent from where it lies, and before which byte of `own`.
    borrowed: Vec<(usize, &'r [u8])>,
}

impl From<Vec<u8>> for Outgoing<'_> {
    fn from(own: Vec<u8>) -> Self {
        Outgoing { own, borrowed: Vec::new() }
    }
}

impl<'r> Outgoing<'r> {
    /// The request with this head and body. A long body that is another's stays there.
    pub fn new(head: Vec<u8>, body: &Edited<'r, '_>) -> Self {
        let mut own = head;
        let Some(source) = body.borrowed_source().filter(|_| body.length() >= SHARED_BYTES_MIN) else {
            body.write(&mut own);
            return own.into();
        };
        let mut borrowed = Vec::new();
        for (stretch, text) in body.stretches() {
            borrowed.push((own.len(), &source[stretch]));
            own.extend_from_slice(text.as_bytes());
        }
        Outgoing { own, borrowed }
    }

    /// Does it begin like this?
    pub(super) fn starts_with(&self, head: &[u8]) -> bool {
        self.own.starts_with(head)
    }

    /// The buffer, to be used again; nothing is left to be sent.
    pub(super) fn take_buffer(&mut self) -> Vec<u8> {
        self.borrowed = Vec::new();
        std::mem::take(&mut self.own)
    }

    /// Writes all of it. `None`: a part was not taken within `patience` at that time, and the connection is lost.
    pub(super) async fn write<S: Stream, C: Clock>(
        &mut self,
        stream: &mut S,
        clock: &C,
        patience: impl Fn(Tick) -> Duration,
    ) -> Option<io::Result<()>> {
        if self.own.len() > SHARED_BYTES_MIN || !self.borrowed.is_empty() {
            return Box::pin(self.write_by_pieces(stream, clock, patience)).await;
        }
        let own = std::mem::take(&mut self.own);
        let (sent, own) = timeout(clock, patience(clock.lately()), stream.write_all(own)).await?;
        self.own = own;
        Some(sent)
    }

    async fn write_by_pieces<S: Stream, C: Clock>(
        &self,
        stream: &mut S,
        clock: &C,
        patience: impl Fn(Tick) -> Duration,
    ) -> Option<io::Result<()>> {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        for mut part in self.parts() {
            loop {
                let (fitting, rest) = part.split_at(part.len().min(PIECE_BYTES - piece.len()));
                piece.extend_from_slice(fitting);
                part = rest;
                if piece.len() < PIECE_BYTES {
                    break;
                }
                let sent;
                (sent, piece) = timeout(clock, patience(clock.lately()), stream.write_all(piece)).await?;
                if sent.is_err() {
                    return Some(sent);
                }
                piece.clear();
            }
        }
        if piece.is_empty() {
            return Some(Ok(()));
        }
        let (sent, _) = timeout(clock, patience(clock.lately()), stream.write_all(piece)).await?;
        Some(sent)
    }

    /// All of it, in its order.
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let mut done = 0;
        let end = once((self.own.len(), &[][..]));
        self.borrowed.iter().copied().chain(end).flat_map(move |(seam, stretch)| {
            let own = &self.own[done..seam];
            done = seam;
            [own, stretch]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Peer;
    use crate::wire::edits::Edit;
    use proptest::prelude::*;
    use std::ops::Range;
    use std::pin::pin;
    use std::task::Context;
    use std::task::Poll;
    use std::task::Waker;

    const HEAD: &[u8] = b"POST / HTTP/1.1\r\n\r\n";

    fn text(outgoing: &Outgoing<'_>) -> Vec<u8> {
        outgoing.parts().collect::<Vec<_>>().concat()
    }

    fn request(body: &[u8]) -> Vec<u8> {
        [HEAD, body].concat()
    }

    fn edited<'s>(source: &'s str, edits: &[(Range<usize>, &'static str)]) -> Edited<'s, 'static> {
        let mut edited = Edited::from(source.as_bytes());
        edited.amend(edits.iter().map(|(at, text)| Edit { at: at.clone(), text: (*text).into() }));
        edited
    }

    #[test]
    fn a_long_body_is_borrowed_but_for_what_differs() {
        let filler = "picture".repeat(100_000);
        let source = format!("{{\"a\":\"{filler}\",\"model\":\"m\",\"b\":\"{filler}\"}}");
        let at = source.find("\"m\"").expect("it stands there");
        let body = source.replace("\"m\"", "\"another\"");
        let outgoing = Outgoing::new(HEAD.to_vec(), &edited(&source, &[(at + 1..at + 2, "another")]));
        assert_eq!(text(&outgoing), request(body.as_bytes()));
        assert_eq!(outgoing.own, request(b"another"));
        let same = Outgoing::new(HEAD.to_vec(), &edited(&source, &[]));
        assert_eq!((text(&same), same.own.len()), (request(source.as_bytes()), HEAD.len()));
    }

    #[test]
    fn what_is_short_or_written_anew_is_ours() {
        let long = "x".repeat(SHARED_BYTES_MIN);
        for body in [edited(&long[1..], &[]), edited(&long, &[(0..1, "")]), long.clone().into_bytes().into()] {
            let outgoing = Outgoing::new(HEAD.to_vec(), &body);
            assert!(outgoing.borrowed.is_empty());
            assert_eq!(outgoing.own.len(), HEAD.len() + body.length());
        }
    }

    /// Remembers what it was given to write.
    #[derive(Default)]
    struct Paper(Vec<Vec<u8>>);

    impl Stream for Paper {
        async fn read(&mut self, buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
            (Ok(0), buffer)
        }

        async fn write_all(&mut self, buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
            self.0.push(buffer.clone());
            (Ok(()), buffer)
        }

        async fn readable(&self) -> io::Result<()> {
            Ok(())
        }

        fn peer(&self) -> Peer {
            Peer::Quiet
        }

        async fn shutdown(&mut self) {}

        fn abort(&mut self) {}
    }

    /// Time that does not pass.
    struct Still;

    impl Clock for Still {
        fn now(&self) -> Tick {
            Tick(0)
        }

        fn unix_ms(&self) -> u64 {
            0
        }

        async fn sleep(&self, _: Duration) {
            std::future::pending::<()>().await;
        }
    }

    fn sent(mut outgoing: Outgoing<'_>) -> Vec<Vec<u8>> {
        let mut paper = Paper::default();
        let written =
            pin!(outgoing.write(&mut paper, &Still, |_| Duration::ZERO)).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(written, Poll::Ready(Some(Ok(())))), "nothing here waits");
        paper.0
    }

    proptest! {
        #[test]
        fn by_pieces_or_whole_the_bytes_are_the_same(
            stretches in prop::collection::vec((0..150_000_usize, 0..90_000_usize, "[a-c]{0,9}"), 0..8),
        ) {
            let (mut source, mut edits) = (Vec::new(), Vec::new());
            for (number, (kept, cut, text)) in stretches.into_iter().enumerate() {
                let at = source.len() + kept..source.len() + kept + cut;
                source.resize(at.start, b'A' + number as u8);
                source.resize(at.end, b'x');
                edits.push(Edit { at, text: text.into() });
            }
            let (mut body, mut whole) = (Edited::from(&source[..]), HEAD.to_vec());
            body.amend(edits);
            body.write(&mut whole);
            let pieces = sent(Outgoing::new(HEAD.to_vec(), &body));
            prop_assert!(pieces.concat() == whole);
            let by_pieces = body.length() >= SHARED_BYTES_MIN;
            let expected = if by_pieces { whole.len().div_ceil(PIECE_BYTES) } else { 1 };
            prop_assert_eq!(pieces.len(), expected, "no piece is sent half full but the last");
        }
    }
}
