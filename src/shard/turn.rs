//! A task's turn: the time it began, and its memory called up.
//!
//! What a request needs most often of a clock is not to measure but to set a deadline, which may be some
//! microseconds off. So every turn of a task reads the clock once, and deadlines count from there.
//!
//! Between two turns of one connection hundreds of others have had theirs, and its future has left the
//! near caches. Its nested layers would then be fetched one behind the other, each found by the one around
//! it; asked for all at once they arrive together.

use super::kernel::Kernel;
use crate::sys::memory;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

pin_project! {
    /// A future whose turns are marked.
    pub(super) struct Turns<F> {
        kernel: Kernel,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Turns<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        memory::prefetch(&*this.future);
        this.kernel.begin_turn();
        this.future.poll(context)
    }
}

/// Marks the turns of `future`; without it the deadlines set in it would count from a turn of another.
pub(super) fn turns<F: Future>(kernel: Kernel, future: F) -> Turns<F> {
    Turns { kernel, future }
}

/// Starts a task on this shard.
pub(super) fn spawn<F: Future<Output = ()> + 'static>(kernel: Kernel, future: F) {
    monoio::spawn(turns(kernel, future));
}
