//! One upstream answer that several callers wait for.
//!
//! Identical requests land on different shards, so a flight is shared by threads: a mutex held for
//! nanoseconds, and wakers taken out under it but woken after it, so that no woken thread runs into
//! the lock. The leader never waits for a follower: its own caller sets the pace. Chunks are kept, so
//! that whoever joins late reads from the start, up to [`FLIGHT_BYTES_MAX`]; beyond it nobody joins
//! any more and a follower that lags that far behind is failed.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::exact::ExactCache;
use super::key::Key;
use super::record::{Form, Record};
use crate::fault::Fault;
use crate::fault::Kind;

/// Streamed bytes that one flight keeps for its followers.
pub const FLIGHT_BYTES_MAX: usize = 16 << 20;

/// What followers learn before the first byte.
#[derive(Clone, Debug, PartialEq)]
pub struct FlightMeta {
    /// Name of the dialect of the chunks.
    pub dialect: &'static str,
    /// Who answers.
    pub provider: Arc<str>,
    /// The model that answers, in the provider's spelling.
    pub model: Arc<str>,
    /// The provider's HTTP status.
    pub status: u16,
    /// Chunks of events, or one answer that comes with [`Step::Complete`].
    pub form: Form,
}

/// What a follower is told next.
#[derive(Clone, Debug)]
pub enum Step {
    /// The provider began to answer.
    Meta(FlightMeta),
    /// More events.
    Chunk(Bytes),
    /// The answer is complete; with the record if one was made.
    Complete(Option<Arc<Record>>),
    /// It failed, for everybody.
    Failed(Fault),
    /// The leader went away. A follower that has sent nothing looks up again: one of them will lead.
    Abandoned,
}

/// One upstream call and everybody who waits for it.
#[derive(Debug, Default)]
pub struct Flight {
    state: Mutex<State>,
    followers: AtomicUsize,
    /// Some chunks are gone: nobody can read from the start any more.
    closed: AtomicBool,
}

/// The right and duty to ask upstream. Dropped without an end, the flight counts as abandoned.
#[derive(Debug)]
pub struct Lead {
    flight: Arc<Flight>,
    cache: Arc<ExactCache>,
    key: Key,
    ended: bool,
}

/// One waiting caller. Dropping it leaves the flight.
#[derive(Debug)]
pub struct Follower {
    flight: Arc<Flight>,
    seat: usize,
    meta_told: bool,
}

#[derive(Debug, Default)]
struct State {
    meta: Option<FlightMeta>,
    chunks: VecDeque<Bytes>,
    /// Number of the first chunk that is still kept.
    first: usize,
    bytes: usize,
    seats: Vec<Option<Seat>>,
    end: Option<Step>,
}

#[derive(Debug, Default)]
struct Seat {
    /// Number of the next chunk to read.
    cursor: usize,
    waker: Option<Waker>,
    /// Came when the start was gone already.
    too_late: bool,
}

impl Flight {
    /// Joins. Whoever comes too late to read from the start is told [`Step::Abandoned`] at once.
    pub fn follow(self: &Arc<Self>) -> Follower {
        let mut state = self.lock();
        let too_late = state.first > 0;
        let seat = Seat { too_late, ..Seat::default() };
        let seat = match state.seats.iter().position(Option::is_none) {
            Some(free) => {
                state.seats[free] = Some(seat);
                free
            }
            None => {
                state.seats.push(Some(seat));
                state.seats.len() - 1
            }
        };
        drop(state);
        self.followers.fetch_add(1, Ordering::Relaxed);
        Follower { flight: self.clone(), seat, meta_told: false }
    }

    /// Can a newcomer still read from the start?
    pub fn is_joinable(&self) -> bool {
        !self.closed.load(Ordering::Relaxed)
    }

    /// How many wait.
    pub fn followers(&self) -> usize {
        self.followers.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes everybody, in this order and not under the lock.
    fn tell(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        if state.first > 0 {
            self.closed.store(true, Ordering::Relaxed);
        }
        let wakers: Vec<Waker> = state.seats.iter_mut().flatten().filter_map(|seat| seat.waker.take()).collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Lead {
    pub(super) fn new(cache: Arc<ExactCache>, key: Key) -> Self {
        Lead { flight: Arc::default(), cache, key, ended: false }
    }

    /// The provider began to answer.
    pub fn begin(&self, meta: FlightMeta) {
        self.flight.tell(|state| state.meta = Some(meta));
    }

    /// More of the answer: normalised server-sent events in the dialect of the meta.
    pub fn push(&self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.flight.tell(|state| state.keep(chunk));
        }
    }

    /// The answer is complete. Insert the record into the cache *before*, where it may be kept: else
    /// a request between the two leads another upstream call.
    pub fn complete(self, record: Arc<Record>) {
        self.end(Step::Complete(Some(record)));
    }

    /// The streamed answer is complete and nobody made a record of it.
    pub fn complete_unrecorded(self) {
        self.end(Step::Complete(None));
    }

    /// It failed, and every follower shall be told the same.
    pub fn fail(self, fault: Fault) {
        self.end(Step::Failed(fault));
    }

    /// Lets nobody join any more and keeps nothing for those who might, unless somebody follows already. Says whether
    /// nobody does.
    pub fn go_alone(&self) -> bool {
        let mut state = self.flight.lock();
        if state.seats.iter().any(Option::is_some) {
            return false;
        }
        while !state.chunks.is_empty() {
            state.drop_first();
        }
        // Whoever has found this flight and takes a seat only now is told that it came too late.
        state.first = state.first.max(1);
        self.flight.closed.store(true, Ordering::Relaxed);
        true
    }

    /// How many wait. A leader whose own caller left may stop once this is zero.
    pub fn followers(&self) -> usize {
        self.flight.followers()
    }

    /// The flight that is led.
    pub fn flight(&self) -> &Arc<Flight> {
        &self.flight
    }

    fn end(mut self, step: Step) {
        self.land(step);
    }

    /// First out of the map, then the news: a follower that is told to look up again must not find
    /// the flight that has just ended.
    fn land(&mut self, step: Step) {
        if !self.ended {
            self.ended = true;
            self.cache.forget_flight(&self.key, &self.flight);
            self.flight.tell(|state| state.end = Some(step));
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.land(Step::Abandoned);
    }
}

impl Follower {
    /// The next step; the last one ([`Step::Complete`], [`Step::Failed`], [`Step::Abandoned`]) repeats.
    /// Cancel-safe: a dropped call has taken nothing.
    pub async fn next(&mut self) -> Step {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// [`Follower::next`] for callers that poll themselves.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        let mut state = self.flight.lock();
        match state.next_for(self.seat, &mut self.meta_told) {
            Some(step) => Poll::Ready(step),
            None => {
                let seat = state.seats[self.seat].as_mut().expect("a follower keeps its seat until it is dropped");
                match &mut seat.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    none => *none = Some(context.waker().clone()),
                }
                Poll::Pending
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut state = self.flight.lock();
        let seat = state.seats[self.seat].take();
        drop(state);
        drop(seat);
        self.flight.followers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl State {
    fn keep(&mut self, chunk: Bytes) {
        self.bytes += chunk.len();
        self.chunks.push_back(chunk);
        if self.first > 0 || self.bytes > FLIGHT_BYTES_MAX {
            self.drop_read();
        }
        while self.bytes > FLIGHT_BYTES_MAX {
            self.drop_first();
        }
    }

    /// Forgets what every follower has read. With the flight full nobody new can join, so nobody will
    /// want it again.
    fn drop_read(&mut self) {
        let slowest = self.seats.iter().flatten().filter(|seat| !seat.too_late).map(|seat| seat.cursor).min();
        let until = slowest.unwrap_or(self.first + self.chunks.len());
        while self.first < until {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(chunk) = self.chunks.pop_front() {
            self.bytes -= chunk.len();
            self.first += 1;
        }
    }

    fn next_for(&mut self, seat: usize, meta_told: &mut bool) -> Option<Step> {
        let seat = self.seats[seat].as_mut().expect("a follower keeps its seat until it is dropped");
        if seat.too_late {
            return Some(Step::Abandoned);
        }
        // Whoever has sent nothing yet can still answer cleanly: no use in reading a broken stream.
        let broken = self.end.as_ref().filter(|end| !matches!(end, Step::Complete(_)));
        if seat.cursor == 0 && !*meta_told && broken.is_some() {
            return broken.cloned();
        }
        if let Some(meta) = self.meta.as_ref().filter(|_| !*meta_told) {
            *meta_told = true;
            return Some(Step::Meta(meta.clone()));
        }
        let Some(at) = seat.cursor.checked_sub(self.first) else {
            return Some(Step::Failed(lagging()));
        };
        if let Some(chunk) = self.chunks.get(at) {
            seat.cursor += 1;
            let chunk = chunk.clone();
            if self.first > 0 {
                self.drop_read();
            }
            return Some(Step::Chunk(chunk));
        }
        self.end.clone()
    }
}

fn lagging() -> Fault {
    Fault::new(Kind::Overloaded, "this connection read a shared answer too slowly; send the request again")
}

#[cfg(test)]
mod tests {
    use super::super::exact::Lookup;
    use super::super::record;
    use super::*;
    use crate::clock::Tick;
    use std::future::Future;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::Wake;
    use std::thread::{self, Thread};
    use std::time::Duration;

    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut future = pin!(future);
        loop {
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(value) => return value,
                Poll::Pending => thread::park(),
            }
        }
    }

    fn poll_once(follower: &mut Follower) -> Poll<Step> {
        follower.poll_next(&mut Context::from_waker(Waker::noop()))
    }

    fn key(number: u8) -> Key {
        Key::from_bytes([number; 16])
    }

    fn cache() -> Arc<ExactCache> {
        Arc::new(ExactCache::new(1 << 20))
    }

    fn lead(cache: &Arc<ExactCache>, number: u8) -> Lead {
        match cache.lookup(&key(number), Tick(0), true, true) {
            Lookup::Lead(lead) => lead,
            other => panic!("expected to lead, got {other:?}"),
        }
    }

    fn join(cache: &Arc<ExactCache>, number: u8) -> Follower {
        match cache.lookup(&key(number), Tick(0), true, true) {
            Lookup::Join(flight) => flight.follow(),
            other => panic!("expected to join, got {other:?}"),
        }
    }

    fn meta() -> FlightMeta {
        FlightMeta {
            dialect: "openai_chat",
            provider: "demo".into(),
            model: "m".into(),
            status: 200,
            form: Form::Events,
        }
    }

    /// Reads to the end: the text, and the last step.
    fn read_all(follower: &mut Follower) -> (Vec<u8>, Step) {
        let mut text = Vec::new();
        loop {
            match block_on(follower.next()) {
                Step::Meta(_) => {}
                Step::Chunk(chunk) => text.extend_from_slice(&chunk),
                end => return (text, end),
            }
        }
    }

    #[test]
    fn late_joiners_read_from_the_start() {
        let cache = cache();
        let lead = lead(&cache, 1);
        let mut early = join(&cache, 1);
        assert!(poll_once(&mut early).is_pending());
        lead.begin(meta());
        lead.push(Bytes::from_static(b"one "));
        assert!(matches!(poll_once(&mut early), Poll::Ready(Step::Meta(_))));
        lead.push(Bytes::from_static(b"two"));
        let mut late = join(&cache, 1);
        lead.complete(record::sample("whole", Tick(0), Duration::from_secs(1)));
        for follower in [&mut early, &mut late] {
            let (text, end) = read_all(follower);
            assert_eq!(text, b"one two");
            assert!(matches!(end, Step::Complete(Some(record)) if record.bytes == "whole"));
        }
    }

    #[test]
    fn failure_reaches_everybody_and_ends_the_flight() {
        let cache = cache();
        let first = lead(&cache, 1);
        let mut followers = [join(&cache, 1), join(&cache, 1)];
        first.fail(Fault::new(Kind::Upstream, "no"));
        for follower in &mut followers {
            assert!(matches!(poll_once(follower), Poll::Ready(Step::Failed(fault)) if fault.kind == Kind::Upstream));
        }
        lead(&cache, 1);
    }

    #[test]
    fn abandoned_flights_pass_the_lead_on() {
        let cache = cache();
        let first = lead(&cache, 1);
        first.begin(meta());
        first.push(Bytes::from_static(b"half"));
        let mut fresh = join(&cache, 1);
        let mut reading = join(&cache, 1);
        assert!(matches!(poll_once(&mut reading), Poll::Ready(Step::Meta(_))));
        drop(first);
        assert!(matches!(poll_once(&mut fresh), Poll::Ready(Step::Abandoned)), "it has sent nothing");
        assert!(matches!(poll_once(&mut reading), Poll::Ready(Step::Chunk(_))));
        assert!(matches!(poll_once(&mut reading), Poll::Ready(Step::Abandoned)));
        let _second = lead(&cache, 1);
        join(&cache, 1);
    }

    #[test]
    fn followers_are_counted_when_they_leave() {
        let cache = cache();
        let lead = lead(&cache, 1);
        let first = join(&cache, 1);
        let second = join(&cache, 1);
        assert_eq!(lead.followers(), 2);
        drop(first);
        assert_eq!(lead.followers(), 1);
        let _third = join(&cache, 1);
        drop(second);
        assert_eq!((lead.followers(), lead.flight().followers()), (1, 1));
    }

    #[test]
    fn kept_bytes_are_bounded() {
        let cache = cache();
        let lead = lead(&cache, 1);
        lead.begin(meta());
        let chunk = Bytes::from(vec![7; 1 << 20]);
        let mut slow = join(&cache, 1);
        let mut quick = join(&cache, 1);
        let mut read = 0;
        for _ in 0..40 {
            lead.push(chunk.clone());
            while let Poll::Ready(step) = poll_once(&mut quick) {
                read += if let Step::Chunk(chunk) = step { chunk.len() } else { 0 };
            }
            assert!(lead.flight().lock().bytes <= FLIGHT_BYTES_MAX);
        }
        assert_eq!(read, 40 << 20, "who keeps up reads everything");
        assert!(matches!(poll_once(&mut slow), Poll::Ready(Step::Meta(_))));
        assert!(matches!(poll_once(&mut slow), Poll::Ready(Step::Failed(fault)) if fault.kind == Kind::Overloaded));
        assert!(matches!(cache.lookup(&key(1), Tick(0), true, true), Lookup::Miss), "nobody joins any more");
        assert!(matches!(poll_once(&mut lead.flight().follow()), Poll::Ready(Step::Abandoned)));
    }

    #[test]
    fn wakes_across_threads() {
        let cache = cache();
        let lead = lead(&cache, 1);
        let (report, reports) = mpsc::channel();
        let mut followers: Vec<Follower> = (0..4).map(|_| join(&cache, 1)).collect();
        thread::scope(|scope| {
            for mut follower in followers.drain(..) {
                let report = report.clone();
                scope.spawn(move || report.send(read_all(&mut follower)).expect("the test listens"));
            }
            lead.begin(meta());
            for number in 0..100u8 {
                lead.push(Bytes::copy_from_slice(&[number]));
                thread::yield_now();
            }
            lead.complete(record::sample("whole", Tick(0), Duration::from_secs(1)));
        });
        let wanted: Vec<u8> = (0..100).collect();
        for (text, end) in reports.iter().take(4) {
            assert_eq!(text, wanted);
            assert!(matches!(end, Step::Complete(Some(_))));
        }
    }

    /// Small seeded generator: the same seed gives the same choices.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % bound
        }
    }

    /// What one caller does until it has an answer. Leaders complete, fail or vanish by the dice.
    fn call(cache: &Arc<ExactCache>, number: u8, dice: &mut Dice) -> &'static str {
        loop {
            match cache.lookup(&key(number), Tick(0), true, true) {
                Lookup::Hit(record) => {
                    assert_eq!(record.bytes[..], [number; 3]);
                    return "hit";
                }
                Lookup::Miss => panic!("small flights can always be joined"),
                Lookup::Lead(lead) => {
                    if let Some(outcome) = answer(cache, lead, number, dice) {
                        return outcome;
                    }
                }
                Lookup::Join(flight) => {
                    let mut follower = flight.follow();
                    if dice.below(8) == 0 {
                        let _ = poll_once(&mut follower);
                        return "left";
                    }
                    match read_all(&mut follower) {
                        (text, Step::Complete(_)) => {
                            assert_eq!(text, [number; 3]);
                            return "followed";
                        }
                        (_, Step::Failed(_)) => return "failed",
                        (text, Step::Abandoned) => assert!(text.len() <= 3),
                        (_, step) => panic!("{step:?} is no end"),
                    }
                }
            }
        }
    }

    fn answer(cache: &Arc<ExactCache>, lead: Lead, number: u8, dice: &mut Dice) -> Option<&'static str> {
        lead.begin(meta());
        for _ in 0..3 {
            lead.push(Bytes::copy_from_slice(&[number]));
            if dice.below(3) == 0 {
                thread::yield_now();
            }
            if dice.below(12) == 0 {
                return None;
            }
        }
        match dice.below(4) {
            0 => lead.fail(Fault::new(Kind::Upstream, "dice")),
            1 => lead.complete_unrecorded(),
            _ => {
                let text = String::from_utf8(vec![number; 3]).expect("small numbers are ASCII");
                let record = record::sample(&text, Tick(0), Duration::from_secs(1));
                cache.insert(key(number), record.clone(), Tick(0));
                lead.complete(record);
            }
        }
        Some("led")
    }

    #[test]
    fn a_leader_goes_alone_unless_somebody_follows() {
        let cache = cache();
        let leading = lead(&cache, 1);
        let found = leading.flight().clone();
        leading.push(Bytes::from_static(b"one "));
        let mut follower = join(&cache, 1);
        assert!(!leading.go_alone());
        leading.complete_unrecorded();
        assert_eq!(read_all(&mut follower).0, b"one ");
        drop((follower, found));

        let leading = lead(&cache, 1);
        let found = leading.flight().clone();
        leading.push(Bytes::from_static(b"one "));
        assert!(leading.go_alone());
        leading.push(Bytes::from_static(b"two"));
        assert_eq!(leading.flight().lock().bytes, 0, "nothing is kept for nobody");
        assert!(matches!(cache.lookup(&key(1), Tick(0), true, true), Lookup::Miss));
        assert!(matches!(block_on(found.follow().next()), Step::Abandoned));
    }

    #[test]
    fn every_caller_ends_under_random_interleavings() {
        for seed in 1..=150u64 {
            let cache = cache();
            let (report, reports) = mpsc::channel();
            thread::scope(|scope| {
                for caller in 0..6u64 {
                    let (cache, report) = (cache.clone(), report.clone());
                    scope.spawn(move || {
                        let mut dice = Dice(seed * 1_000_003 + caller * 7_919);
                        for _ in 0..8 {
                            let number = dice.below(3) as u8 + 1;
                            report.send(call(&cache, number, &mut dice)).expect("the test listens");
                            if dice.below(6) == 0 {
                                cache.remove(&key(number));
                            }
                        }
                    });
                }
            });
            drop(report);
            assert_eq!(reports.iter().count(), 48, "seed {seed}");
            for number in 1..=3 {
                let later = cache.lookup(&key(number), Tick(0), true, true);
                assert!(!matches!(later, Lookup::Join(_)), "seed {seed} left a flight behind");
            }
        }
    }
}
