//! The semantic index across shards: every scope has one owner, the others ask it by letter.
//!
//! Letters travel over bounded queues with a standard `Waker`. A full queue is a designed answer: a
//! question becomes a miss, an insertion is dropped; nobody waits for room.

use crate::cache::Candidate;
use crate::cache::Record;
use crate::cache::Scope;
use crate::cache::ScopeIndex;
use crate::cache::owner;
use crate::clock::Clock;
use crate::clock::Tick;
use crate::net::Promise;
use crate::net::promise;
use crate::net::timeout;
use crossbeam::queue::ArrayQueue;
use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

/// Letters waiting at one shard.
const LETTERS_MAX: usize = 1024;
/// How long an owner on another shard may take; a healthy one needs microseconds.
const OWNER_TIMEOUT: Duration = Duration::from_millis(20);
/// Nearest entries that are verified.
const CANDIDATES_MAX: usize = 3;
/// Entries less similar than this are not worth verifying.
const CANDIDATE_SIMILARITY_MIN: f32 = 0.70;

/// What one shard writes to another.
enum Letter {
    Nearest { scope: Scope, vector: Arc<[f32]>, reply: Promise<Vec<Candidate>> },
    Remember { scope: Scope, vector: Arc<[f32]>, text: Box<str>, record: Arc<Record> },
}

/// Where letters for one shard arrive.
pub struct Postbox {
    letters: ArrayQueue<Letter>,
    waker: Mutex<Option<Waker>>,
}

impl Default for Postbox {
    fn default() -> Self {
        Postbox { letters: ArrayQueue::new(LETTERS_MAX), waker: Mutex::new(None) }
    }
}

impl Postbox {
    fn drop_in(&self, letter: Letter) -> bool {
        let fits = self.letters.push(letter).is_ok();
        self.wake();
        fits
    }

    /// Wakes the shard that reads this box, also for reasons other than a letter.
    pub fn wake(&self) {
        let waker = self.waker.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn next(&self) -> Letter {
        poll_fn(|context| {
            if let Some(letter) = self.letters.pop() {
                return Poll::Ready(letter);
            }
            *self.waker.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(context.waker().clone());
            // A letter dropped in between the two lines above would find no waker: look once more.
            self.letters.pop().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// One shard's part of the index, and its way to the others'.
pub struct Neighbours {
    shard: usize,
    mine: RefCell<ScopeIndex>,
    boxes: Arc<[Postbox]>,
}

impl Neighbours {
    /// For shard number `shard`; `boxes` has one box per shard.
    pub fn new(shard: usize, index: ScopeIndex, boxes: Arc<[Postbox]>) -> Self {
        Neighbours { shard, mine: RefCell::new(index), boxes }
    }

    /// The entries of `scope` nearest to `vector`; empty when the owner is too busy to say.
    pub async fn nearest<C: Clock>(&self, clock: &C, scope: Scope, vector: Arc<[f32]>) -> Vec<Candidate> {
        let owner = owner(&scope, self.boxes.len());
        if owner == self.shard {
            return self.search(&scope, &vector, clock.now());
        }
        let (reply, answer) = promise();
        if !self.boxes[owner].drop_in(Letter::Nearest { scope, vector, reply }) {
            return Vec::new();
        }
        timeout(clock, OWNER_TIMEOUT, answer).await.flatten().unwrap_or_default()
    }

    /// Gives an answered prompt to the owner of its scope.
    pub fn remember(&self, scope: Scope, vector: Arc<[f32]>, text: Box<str>, record: Arc<Record>, now: Tick) {
        let owner = owner(&scope, self.boxes.len());
        if owner == self.shard {
            self.mine.borrow_mut().insert(&scope, &vector, &text, record, now);
        } else {
            self.boxes[owner].drop_in(Letter::Remember { scope, vector, text, record });
        }
    }

    /// Answers the letters of other shards, for ever.
    pub async fn answer_letters<C: Clock>(&self, clock: &C) {
        loop {
            match self.boxes[self.shard].next().await {
                Letter::Nearest { scope, vector, reply } => {
                    reply.keep(self.search(&scope, &vector, clock.now()));
                }
                Letter::Remember { scope, vector, text, record } => {
                    self.mine.borrow_mut().insert(&scope, &vector, &text, record, clock.now());
                }
            }
        }
    }

    /// Entries and bytes this shard owns.
    pub fn size(&self) -> (usize, usize) {
        let mine = self.mine.borrow();
        (mine.len(), mine.bytes())
    }

    /// Entries this shard has dropped to make room.
    pub fn evictions(&self) -> u64 {
        self.mine.borrow().evictions()
    }

    fn search(&self, scope: &Scope, vector: &[f32], now: Tick) -> Vec<Candidate> {
        self.mine.borrow_mut().nearest(scope, vector, now, CANDIDATES_MAX, CANDIDATE_SIMILARITY_MIN)
    }
}
