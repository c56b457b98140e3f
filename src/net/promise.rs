//! One value, once, from any thread to one waiting task of any runtime.
//!
//! Shards, embedders and the control thread answer each other this way. Nothing but a standard `Waker`
//! is needed, so the same code waits on io_uring, on epoll and in the simulation. The lock is held for
//! a move of the value.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

enum State<T> {
    Open(Option<Waker>),
    Kept(T),
    Broken,
}

struct Shared<T>(Mutex<State<T>>);

impl<T> Shared<T> {
    /// A panic elsewhere cannot leave the state half-written, so a poisoned lock is still good.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The duty to deliver a value; dropping it tells the waiting side that none will come.
pub struct Promise<T>(Option<Arc<Shared<T>>>);

/// The value to come: `None` when the promise was dropped. May be polled again until it is ready.
pub struct Awaited<T>(Arc<Shared<T>>);

/// A connected pair.
pub fn promise<T>() -> (Promise<T>, Awaited<T>) {
    let shared = Arc::new(Shared(Mutex::new(State::Open(None))));
    (Promise(Some(Arc::clone(&shared))), Awaited(shared))
}

impl<T> Promise<T> {
    /// Delivers `value`; `false` when nobody waits any more.
    pub fn keep(mut self, value: T) -> bool {
        let Some(shared) = self.0.take() else { return false };
        let wanted = Arc::strong_count(&shared) > 1;
        settle(&shared, State::Kept(value));
        wanted
    }

    /// Has the waiting side given up?
    pub fn is_unwanted(&self) -> bool {
        self.0.as_ref().is_none_or(|shared| Arc::strong_count(shared) == 1)
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            settle(&shared, State::Broken);
        }
    }
}

/// The waker runs outside the lock: it may run foreign code.
fn settle<T>(shared: &Shared<T>, to: State<T>) {
    let before = std::mem::replace(&mut *shared.lock(), to);
    if let State::Open(Some(waker)) = before {
        waker.wake();
    }
}

impl<T> Future for Awaited<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.0.lock();
        match std::mem::replace(&mut *state, State::Broken) {
            State::Kept(value) => Poll::Ready(Some(value)),
            State::Broken => Poll::Ready(None),
            State::Open(_) => {
                *state = State::Open(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;

    fn poll<T>(awaited: &mut Awaited<T>) -> Poll<Option<T>> {
        pin!(awaited).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_kept_promise_arrives_once() {
        let (promise, mut awaited) = promise();
        assert!(poll(&mut awaited).is_pending());
        assert!(promise.keep(7));
        assert_eq!(poll(&mut awaited), Poll::Ready(Some(7)));
    }

    #[test]
    fn a_dropped_promise_is_told_and_a_dropped_wait_is_seen() {
        let (kept, mut awaited) = promise::<u8>();
        drop(kept);
        assert_eq!(poll(&mut awaited), Poll::Ready(None));
        let (kept, awaited) = promise::<u8>();
        assert!(!kept.is_unwanted());
        drop(awaited);
        assert!(kept.is_unwanted());
        assert!(!kept.keep(1));
    }
}
