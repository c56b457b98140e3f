//! Is the caller still there? Looked at only while nothing else happens.
//!
//! A poll costs one to two microseconds, so it starts after 50 ms of silence: fast answers never pay.
//! After the peer's FIN the socket stays readable for ever, so from then on only a slow look for a
//! reset remains; whether the FIN itself means "gone" is the caller's policy to say.

use crate::clock::Clock;
use crate::net::Peer;
use crate::net::Stream;
use std::time::Duration;

/// Silence before the first look.
const PATIENCE: Duration = Duration::from_millis(50);
/// Between looks when waiting for readability would not sleep.
const RECHECK: Duration = Duration::from_millis(50);

/// Completes when the peer is gone; never, while it stays. `fin_means_gone` is asked at every look.
pub(super) async fn left<S: Stream, C: Clock>(stream: &S, clock: &C, fin_means_gone: impl Fn() -> bool) {
    clock.sleep(PATIENCE).await;
    loop {
        match stream.peer() {
            Peer::Gone => return,
            Peer::Finished if fin_means_gone() => return,
            // Pipelined bytes or a tolerated FIN keep the socket readable: look at intervals.
            Peer::Finished | Peer::Speaking => clock.sleep(RECHECK).await,
            Peer::Quiet => {
                if stream.readable().await.is_err() {
                    return;
                }
            }
        }
    }
}
