//! Names into addresses, the shard's side.
//!
//! A lookup blocks, so the control thread does it; the shard asks over a bounded queue and keeps the
//! answer for its time to live. When a lookup fails, the last good answer serves on for a grace time: a
//! provider does not move because a resolver is down. Requests for the same name share one lookup, and
//! since nobody leads it, nobody's leaving ends it.

use crate::clock::Clock;
use crate::clock::Tick;
use crate::net;
use crossbeam::queue::ArrayQueue;
use hashbrown::HashMap;
use std::cell::Cell;
use std::cell::RefCell;
use std::future::Future;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

/// How long past its time to live the last good answer serves when lookups fail.
const GRACE: Duration = Duration::from_secs(600);
/// How long "no such name" is believed.
const NO_NAME_FOR: Duration = Duration::from_secs(5);
/// How long a failed lookup is not repeated.
const FAILED_FOR: Duration = Duration::from_secs(1);
/// How long a shard waits for the control thread, whose own limit is five seconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(6);
/// Names a shard remembers; they come from settings, so this only bounds a long life of reloads.
const HOSTS_MAX: usize = 1024;
/// Lookups that may wait for the control thread.
const QUESTIONS_MAX: usize = 1024;

/// Why a name has no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolveFault {
    /// The name does not exist or has no addresses.
    NoSuchName,
    /// The lookup failed: server failure, broken answer, no resolver.
    Failed,
    /// No answer in time.
    TimedOut,
    /// Too many lookups wait already.
    Busy,
}

/// The addresses of a name and how long they may be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// In the resolver's order; not empty.
    pub all: Arc<[IpAddr]>,
    /// Time to live.
    pub ttl: Duration,
}

/// What a lookup gives.
pub type Answer = Result<Addresses, ResolveFault>;

/// Turns names into addresses. Literal addresses and `localhost` are never asked for.
pub trait Resolve: 'static {
    /// The addresses of `host`.
    fn resolve(&self, host: &str) -> impl Future<Output = Result<Arc<[IpAddr]>, ResolveFault>>;
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that runs under these locks can leave a half-made state behind.
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[derive(Debug, Default)]
struct LookupState {
    answer: Option<Answer>,
    waiting: Vec<Waker>,
}

/// One lookup under way: anyone may wait for it, anyone may leave.
#[derive(Debug, Default)]
struct Lookup(Mutex<LookupState>);

impl Lookup {
    fn settle(&self, answer: Answer) {
        let mut state = locked(&self.0);
        if state.answer.is_some() {
            return;
        }
        state.answer = Some(answer);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Answer> {
        let mut state = locked(&self.0);
        if let Some(answer) = &state.answer {
            return Poll::Ready(answer.clone());
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            state.waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}

/// One name to look up. Dropped without an answer it answers that the lookup failed.
#[derive(Debug)]
pub struct Question {
    host: Box<str>,
    lookup: Arc<Lookup>,
}

impl Question {
    /// The name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Tells everyone who waits.
    pub fn answer(self, answer: Answer) {
        self.lookup.settle(answer);
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.lookup.settle(Err(ResolveFault::Failed));
    }
}

/// The way from the shards to the control thread: bounded, and never waited for by a shard.
#[derive(Debug)]
pub struct Questions {
    queue: ArrayQueue<Question>,
    reader: Mutex<Option<Waker>>,
}

impl Default for Questions {
    fn default() -> Self {
        Questions { queue: ArrayQueue::new(QUESTIONS_MAX), reader: Mutex::new(None) }
    }
}

impl Questions {
    /// The next question; for the one thread that answers.
    pub async fn next(&self) -> Question {
        poll_fn(|context| {
            // The waker is stored before the queue is looked at, so no question falls between.
            *locked(&self.reader) = Some(context.waker().clone());
            self.queue.pop().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    fn ask(&self, host: &str) -> Option<Arc<Lookup>> {
        let lookup = Arc::new(Lookup::default());
        self.queue.push(Question { host: host.into(), lookup: Arc::clone(&lookup) }).ok()?;
        let reader = locked(&self.reader).take();
        if let Some(waker) = reader {
            waker.wake();
        }
        Some(lookup)
    }
}

#[derive(Default)]
struct Known {
    addresses: Option<Arc<[IpAddr]>>,
    fresh_until: Tick,
    good_until: Tick,
    refused: Option<(ResolveFault, Tick)>,
    pending: Option<(Arc<Lookup>, Tick)>,
}

impl Known {
    /// What can be said without asking; `None` = ask.
    fn ready(&self, now: Tick) -> Option<Result<Arc<[IpAddr]>, ResolveFault>> {
        if let Some(addresses) = self.addresses.as_ref().filter(|_| now < self.fresh_until) {
            return Some(Ok(Arc::clone(addresses)));
        }
        let (fault, until) = self.refused?;
        (now < until).then(|| self.last_good(now).ok_or(fault))
    }

    fn last_good(&self, now: Tick) -> Option<Arc<[IpAddr]>> {
        self.addresses.clone().filter(|_| now < self.good_until)
    }

    fn learn(&mut self, answer: Answer, now: Tick) -> Result<Arc<[IpAddr]>, ResolveFault> {
        match answer {
            Ok(addresses) if !addresses.all.is_empty() => {
                self.fresh_until = now.after(addresses.ttl);
                self.good_until = self.fresh_until.after(GRACE);
                self.refused = None;
                self.addresses = Some(Arc::clone(&addresses.all));
                Ok(addresses.all)
            }
            Ok(_) => self.refuse(ResolveFault::NoSuchName, now),
            Err(fault) => self.refuse(fault, now),
        }
    }

    fn refuse(&mut self, fault: ResolveFault, now: Tick) -> Result<Arc<[IpAddr]>, ResolveFault> {
        let believed = if fault == ResolveFault::NoSuchName { NO_NAME_FOR } else { FAILED_FOR };
        self.refused = Some((fault, now.after(believed)));
        self.last_good(now).ok_or(fault)
    }

    fn is_worth_keeping(&self, now: Tick) -> bool {
        now < self.good_until || self.pending.is_some()
    }
}

/// What a shard's resolver has done so far.
#[derive(Debug, Default)]
pub struct ResolveCounters {
    /// Questions put to the control thread.
    pub asked: Cell<u64>,
    /// Lookups that failed.
    pub failed: Cell<u64>,
    /// Answers served past their time to live because a lookup failed.
    pub stale: Cell<u64>,
}

/// The shard's memory of names in front of the control thread.
pub struct CachedResolver<C: Clock> {
    clock: C,
    questions: Arc<Questions>,
    known: RefCell<HashMap<String, Known>>,
    /// For metrics.
    pub counters: ResolveCounters,
}

impl<C: Clock + 'static> CachedResolver<C> {
    /// A resolver that asks through `questions`.
    pub fn new(clock: C, questions: Arc<Questions>) -> Self {
        CachedResolver { clock, questions, known: RefCell::new(HashMap::new()), counters: ResolveCounters::default() }
    }

    fn ready(&self, host: &str, now: Tick) -> Option<Result<Arc<[IpAddr]>, ResolveFault>> {
        let known = self.known.borrow();
        let entry = known.get(host)?;
        let ready = entry.ready(now)?;
        if ready.is_ok() && now >= entry.fresh_until {
            count(&self.counters.stale);
        }
        Some(ready)
    }

    /// The lookup under way for `host`, or a new one; `None` when the queue is full.
    fn lookup(&self, host: &str, now: Tick) -> Option<Arc<Lookup>> {
        let mut known = self.known.borrow_mut();
        if known.len() >= HOSTS_MAX {
            known.retain(|_, entry| entry.is_worth_keeping(now));
        }
        let entry = known.entry_ref(host).or_default();
        if let Some((lookup, asked_at)) = &entry.pending
            && now.since(*asked_at) < ANSWER_LIMIT
        {
            return Some(Arc::clone(lookup));
        }
        let lookup = self.questions.ask(host)?;
        count(&self.counters.asked);
        entry.pending = Some((Arc::clone(&lookup), now));
        Some(lookup)
    }

    /// Keeps what `lookup` said, once however many waited for it.
    fn learn(&self, host: &str, lookup: Option<&Arc<Lookup>>, answer: Answer) -> Result<Arc<[IpAddr]>, ResolveFault> {
        let now = self.clock.now();
        let mut known = self.known.borrow_mut();
        let entry = known.entry_ref(host).or_default();
        let is_current = match (&entry.pending, lookup) {
            (Some((pending, _)), Some(lookup)) => Arc::ptr_eq(pending, lookup),
            _ => false,
        };
        if is_current {
            entry.pending = None;
        } else if let Some(ready) = entry.ready(now) {
            return ready;
        }
        let failed = answer.is_err();
        let learnt = entry.learn(answer, now);
        if failed {
            count(&self.counters.failed);
            if learnt.is_ok() {
                count(&self.counters.stale);
            }
        }
        learnt
    }
}

impl<C: Clock + 'static> Resolve for CachedResolver<C> {
    async fn resolve(&self, host: &str) -> Result<Arc<[IpAddr]>, ResolveFault> {
        let now = self.clock.now();
        if let Some(ready) = self.ready(host, now) {
            return ready;
        }
        let Some(lookup) = self.lookup(host, now) else {
            return self.learn(host, None, Err(ResolveFault::Busy));
        };
        let waited = net::timeout(&self.clock, ANSWER_LIMIT, poll_fn(|context| lookup.poll(context))).await;
        self.learn(host, Some(&lookup), waited.unwrap_or(Err(ResolveFault::TimedOut)))
    }
}

fn count(cell: &Cell<u64>) {
    cell.set(cell.get() + 1);
}
