//! One answer on its way from a companion to a shard.
//!
//! The mutex is held for a few instructions only. It is a mutex and not a spinning queue on purpose:
//! if the companion is preempted while holding it, the shard sleeps and thereby hands the core back
//! to the companion, whereas spinning would keep an idle-class thread from ever finishing.

use super::NoVector;
use super::Vector;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

/// A vector that is being computed. It may be awaited, given up on (drop it and the companion skips
/// the work) or kept and looked at later; it gives its value as often as it is asked.
#[derive(Debug)]
pub struct Pending(Arc<Slot>);

/// The companion's end. Dropped without an answer it says that the embedder failed, so that nobody
/// waits for ever.
#[derive(Debug)]
pub(super) struct Reply(Arc<Slot>);

#[derive(Debug)]
struct Slot {
    state: Mutex<State>,
    abandoned: AtomicBool,
}

#[derive(Debug)]
enum State {
    Waiting(Option<Waker>),
    Done(Result<Vector, NoVector>),
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    pub(super) fn pair() -> (Reply, Pending) {
        let slot = Arc::new(Slot { state: Mutex::new(State::Waiting(None)), abandoned: AtomicBool::new(false) });
        (Reply(slot.clone()), Pending(slot))
    }

    /// An answer that is already there.
    pub fn done(result: Result<Vector, NoVector>) -> Pending {
        Pending(Arc::new(Slot { state: Mutex::new(State::Done(result)), abandoned: AtomicBool::new(false) }))
    }

    /// The answer, if it has come.
    pub fn peek(&self) -> Option<Result<Vector, NoVector>> {
        match &*self.0.state() {
            State::Waiting(_) => None,
            State::Done(result) => Some(result.clone()),
        }
    }
}

impl Future for Pending {
    type Output = Result<Vector, NoVector>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self.0.state() {
            State::Done(result) => Poll::Ready(result.clone()),
            State::Waiting(Some(waker)) if waker.will_wake(context.waker()) => Poll::Pending,
            State::Waiting(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.abandoned.store(true, Ordering::Relaxed);
    }
}

impl Reply {
    /// Has the waiter gone?
    pub(super) fn is_abandoned(&self) -> bool {
        self.0.abandoned.load(Ordering::Relaxed)
    }

    /// Answers and wakes the waiter; only the first answer counts.
    pub(super) fn give(&self, result: Result<Vector, NoVector>) {
        let mut state = self.0.state();
        let State::Waiting(waker) = &mut *state else { return };
        let waker = waker.take();
        *state = State::Done(result);
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.give(Err(NoVector::Failed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    struct Bell(AtomicUsize);
    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn bell() -> (Arc<Bell>, Waker) {
        let bell = Arc::new(Bell(AtomicUsize::new(0)));
        (bell.clone(), bell.into())
    }

    #[test]
    fn the_last_waker_rings_once_and_the_value_stays() {
        let (reply, mut pending) = Pending::pair();
        let ((old, old_waker), (new, new_waker)) = (bell(), bell());
        assert!(Pin::new(&mut pending).poll(&mut Context::from_waker(&old_waker)).is_pending());
        assert!(Pin::new(&mut pending).poll(&mut Context::from_waker(&new_waker)).is_pending());
        assert_eq!(pending.peek(), None);
        reply.give(Ok(vec![1.0].into()));
        reply.give(Err(NoVector::Late));
        drop(reply);
        assert_eq!((old.0.load(Ordering::SeqCst), new.0.load(Ordering::SeqCst)), (0, 1));
        for _ in 0..2 {
            let polled = Pin::new(&mut pending).poll(&mut Context::from_waker(&new_waker));
            assert_eq!(polled, Poll::Ready(Ok(vec![1.0].into())));
        }
        assert_eq!(pending.peek(), Some(Ok(vec![1.0].into())));
    }

    #[test]
    fn a_dropped_end_is_seen_by_the_other() {
        let (reply, pending) = Pending::pair();
        assert!(!reply.is_abandoned());
        drop(pending);
        assert!(reply.is_abandoned());

        let (reply, pending) = Pending::pair();
        drop(reply);
        assert_eq!(pending.peek(), Some(Err(NoVector::Failed)));
    }
}
