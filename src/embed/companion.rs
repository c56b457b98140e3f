//! The thread beside a shard that turns its prompts into vectors.
//!
//! It shares the shard's core in the idle scheduling class: the kernel takes the core back the moment
//! the shard has something to do, which a thread of normal priority delays by milliseconds. The shard
//! never waits for it. A full queue, a shard that is too busy, a model that is still loading: each is
//! an answer at once, and the request goes on as a cache miss.

use super::Embedder;
use super::NoVector;
use super::Vector;
use super::pending::Pending;
use super::pending::Reply;
use super::worker::Queues;
use super::worker::Worker;
use super::worker::guarded;
use crate::sys::thread::Class;
use crate::sys::thread::pin_to_core;
use crate::sys::thread::yield_to_everyone;
use crossbeam::channel::Sender;
use crossbeam::channel::TrySendError;
use crossbeam::channel::bounded;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;

/// Can vectors be had?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// The model is being loaded, for the first time or again.
    Starting,
    /// Yes.
    Ready,
    /// No, and this sentence says why.
    Disabled(String),
}

/// Is told every change of [`Readiness`], on the companion's thread.
pub type Announce = Box<dyn Fn(&Readiness) + Send>;

/// Where and how a companion runs.
pub struct Spec {
    /// The thread's name; the kernel shows 15 bytes of it.
    pub name: String,
    /// The shard's core; `None` leaves the choice to the kernel.
    pub core: Option<usize>,
    /// [`Class::Idle`] beside a shard; anything else stays an ordinary thread.
    pub class: Class,
    /// Most prompts waiting; the same again of insertions.
    pub queue_max: usize,
    /// Longer texts are refused without being looked at, bytes ([`super::text_bytes_max`]).
    pub text_bytes_max: usize,
    /// Told when readiness changes: for the log.
    pub announce: Option<Announce>,
}

/// What a companion did, for metrics. All since start but `waiting`.
#[derive(Debug, Default)]
pub struct Counters {
    /// Prompts waiting now, insertions included.
    pub waiting: AtomicUsize,
    /// Vectors given.
    pub embedded: AtomicU64,
    /// Runs of the model; fewer than vectors when prompts ran together.
    pub runs: AtomicU64,
    /// Texts that can have no vector (empty, too long, unknown token).
    pub refused: AtomicU64,
    /// Turned away because the queue was full or the shard busy.
    pub overflow: AtomicU64,
    /// Waiters whose deadline passed; they say so themselves.
    pub late: AtomicU64,
    /// Skipped because nobody waited any more.
    pub cancelled: AtomicU64,
    /// Texts on which the embedder broke.
    pub failed: AtomicU64,
    /// Embedders built anew after one broke.
    pub restarts: AtomicU64,
}

/// A handle to a companion; cheap to clone. The thread ends when the last one is gone.
#[derive(Clone)]
pub struct Companion {
    desk: Desk,
    shared: Arc<Shared>,
    text_bytes_max: usize,
}

#[derive(Clone)]
enum Desk {
    Absent,
    Inline(Arc<Mutex<Box<dyn Embedder + Send>>>),
    Thread(Arc<Thread>),
}

struct Thread {
    lookups: Sender<Job>,
    insertions: Sender<Job>,
    queue_max: usize,
    /// For what is submitted while the thread ends.
    queues: Queues,
    stop: Sender<()>,
    handle: Mutex<Option<JoinHandle<()>>>,
}

pub(super) struct Shared {
    /// [`Readiness`] without its sentence, so that a submission takes no lock.
    state: AtomicU8,
    why_disabled: Mutex<String>,
    held: AtomicBool,
    lookups_waiting: AtomicUsize,
    pub(super) counters: Counters,
}

const STARTING: u8 = 0;
const READY: u8 = 1;
const DISABLED: u8 = 2;

/// A text on its way to the companion. Dropping it anywhere answers its waiter and frees its place.
pub(super) struct Job {
    pub(super) text: Box<str>,
    pub(super) reply: Reply,
    _place: Place,
}

/// A place in the queue.
struct Place {
    shared: Arc<Shared>,
    is_lookup: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.counters.waiting.fetch_sub(1, Ordering::Relaxed);
        if self.is_lookup {
            self.shared.lookups_waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Companion {
    /// Starts the thread, which then calls `open`; a tenth of a second later there are vectors. `open`
    /// is called again whenever the embedder broke.
    pub fn start<Open>(spec: Spec, open: Open) -> Companion
    where
        Open: FnMut() -> Result<Box<dyn Embedder>, String> + Send + 'static,
    {
        let shared = Arc::new(Shared::new(STARTING));
        let (lookups, waiting_lookups) = bounded(spec.queue_max);
        let (insertions, waiting_insertions) = bounded(spec.queue_max);
        let (stop, stopped) = bounded(1);
        let (queue_max, text_bytes_max) = (spec.queue_max, spec.text_bytes_max);
        let queues = Queues { lookups: waiting_lookups, insertions: waiting_insertions, stopped };
        let worker = Worker::new(shared.clone(), spec.announce, queues.clone());
        let (core, class) = (spec.core, spec.class);
        let spawned = thread::Builder::new().name(spec.name).spawn(move || {
            // An unplaced companion is slower or a worse neighbour, not wrong: refusals are not errors.
            let _ = core.map(pin_to_core);
            if class != Class::Normal {
                let _ = yield_to_everyone();
            }
            worker.run(open);
        });
        let handle = match spawned {
            Ok(handle) => handle,
            Err(error) => return Companion::absent(format!("the embedder's thread could not be started: {error}")),
        };
        let thread = Thread { lookups, insertions, queue_max, queues, stop, handle: Mutex::new(Some(handle)) };
        Companion { desk: Desk::Thread(Arc::new(thread)), shared, text_bytes_max }
    }

    /// A companion without a thread: it embeds while the caller waits. For the simulation and for
    /// tests, where everything must happen in one order.
    pub fn inline(embedder: Box<dyn Embedder + Send>, text_bytes_max: usize) -> Companion {
        let desk = Desk::Inline(Arc::new(Mutex::new(embedder)));
        Companion { desk, shared: Arc::new(Shared::new(READY)), text_bytes_max }
    }

    /// A companion that has no vectors; `why` is one sentence.
    pub fn absent(why: impl Into<String>) -> Companion {
        let shared = Shared::new(DISABLED);
        *shared.why_disabled.lock().unwrap_or_else(PoisonError::into_inner) = why.into();
        Companion { desk: Desk::Absent, shared: Arc::new(shared), text_bytes_max: 0 }
    }

    /// Asks for the vector of `text`, which a waiting request needs. Never blocks.
    ///
    /// # Errors
    /// Says why there will be none.
    pub fn submit(&self, text: &str) -> Result<Pending, NoVector> {
        self.ask(text, true)
    }

    /// Asks for a vector that nobody waits for, such as that of a new entry: done when no request
    /// waits, and the first to be turned away. Never blocks.
    ///
    /// # Errors
    /// Says why there will be none.
    pub fn submit_insertion(&self, text: &str) -> Result<Pending, NoVector> {
        self.ask(text, false)
    }

    fn ask(&self, text: &str, is_lookup: bool) -> Result<Pending, NoVector> {
        let counters = &self.shared.counters;
        let turn_away = || {
            counters.overflow.fetch_add(1, Ordering::Relaxed);
            NoVector::Overloaded
        };
        match self.shared.state.load(Ordering::Acquire) {
            READY => {}
            STARTING => return Err(NoVector::Starting),
            _ => return Err(NoVector::Absent),
        }
        if let Some(reason) = refusal(text, self.text_bytes_max) {
            counters.refused.fetch_add(1, Ordering::Relaxed);
            return Err(reason);
        }
        if self.shared.held.load(Ordering::Relaxed) {
            return Err(turn_away());
        }
        match &self.desk {
            Desk::Absent => Err(NoVector::Absent),
            Desk::Inline(embedder) => Ok(Pending::done(embed_now(embedder, text, counters))),
            Desk::Thread(thread) => {
                let place = self.shared.place(is_lookup, thread.queue_max).ok_or_else(turn_away)?;
                let (reply, pending) = Pending::pair();
                let job = Job { text: text.into(), reply, _place: place };
                let queue = if is_lookup { &thread.lookups } else { &thread.insertions };
                match queue.try_send(job) {
                    Err(TrySendError::Full(_)) => return Err(turn_away()),
                    Err(TrySendError::Disconnected(_)) => return Err(NoVector::Absent),
                    Ok(()) => {}
                }
                // Either the ending thread sees the job or this sees the end: both are totally ordered.
                if self.shared.state.load(Ordering::SeqCst) == DISABLED {
                    thread.queues.drain();
                }
                Ok(pending)
            }
        }
    }

    /// Can vectors be had now, and if not, why?
    pub fn readiness(&self) -> Readiness {
        match self.shared.state.load(Ordering::Acquire) {
            READY => Readiness::Ready,
            STARTING => Readiness::Starting,
            _ => {
                let why = self.shared.why_disabled.lock().unwrap_or_else(PoisonError::into_inner);
                Readiness::Disabled(why.clone())
            }
        }
    }

    /// What it did so far.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// A waiter gave up because its deadline passed.
    pub fn count_late(&self) {
        self.shared.counters.late.fetch_add(1, Ordering::Relaxed);
    }

    /// While held, everything is turned away: the shard needs its core for itself.
    pub fn hold(&self, held: bool) {
        self.shared.held.store(held, Ordering::Relaxed);
    }

    /// Ends the thread after its current run and waits for that. Call it before the process exits:
    /// the library must not be torn down under a run.
    pub fn stop(&self) {
        let Desk::Thread(thread) = &self.desk else { return };
        let _ = thread.stop.try_send(());
        let handle = thread.handle.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(handle) = handle {
            let _ = handle.join();
        }
    }
}

impl fmt::Debug for Companion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counters = self.counters();
        formatter.debug_struct("Companion").field("readiness", &self.readiness()).field("counters", counters).finish()
    }
}

impl Shared {
    fn new(state: u8) -> Shared {
        Shared {
            state: AtomicU8::new(state),
            why_disabled: Mutex::default(),
            held: AtomicBool::new(false),
            lookups_waiting: AtomicUsize::new(0),
            counters: Counters::default(),
        }
    }

    /// Makes a change of readiness visible to everyone who submits.
    pub(super) fn enter(&self, readiness: &Readiness) {
        let state = match readiness {
            Readiness::Starting => STARTING,
            Readiness::Ready => READY,
            Readiness::Disabled(why) => {
                self.why_disabled.lock().unwrap_or_else(PoisonError::into_inner).clone_from(why);
                DISABLED
            }
        };
        self.state.store(state, Ordering::SeqCst);
    }

    /// Takes a place in the queue. Lookups are counted here and not by the channel, because the
    /// companion empties the channel to see what could run together.
    fn place(self: &Arc<Self>, is_lookup: bool, queue_max: usize) -> Option<Place> {
        let one_more = |waiting| (waiting < queue_max).then_some(waiting + 1);
        if is_lookup && self.lookups_waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
            return None;
        }
        self.counters.waiting.fetch_add(1, Ordering::Relaxed);
        Some(Place { shared: self.clone(), is_lookup })
    }
}

/// The refusals that need no tokenizer: they cost the shard nothing and the queue no place.
fn refusal(text: &str, text_bytes_max: usize) -> Option<NoVector> {
    if text.len() > text_bytes_max {
        return Some(NoVector::TooLong);
    }
    text.trim().is_empty().then_some(NoVector::Empty)
}

fn embed_now(embedder: &Mutex<Box<dyn Embedder + Send>>, text: &str, counters: &Counters) -> Result<Vector, NoVector> {
    let mut embedder = embedder.lock().unwrap_or_else(PoisonError::into_inner);
    let mut out = Vec::with_capacity(1);
    let embedded = guarded(|| {
        embedder.embed(&[text], &mut out);
        Ok(())
    });
    let result = embedded.ok().and_then(|()| out.pop()).unwrap_or(Err(NoVector::Failed));
    let counter = match result {
        Ok(_) => &counters.embedded,
        Err(NoVector::Failed) => &counters.failed,
        Err(_) => &counters.refused,
    };
    counter.fetch_add(1, Ordering::Relaxed);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::Broken;
    use crate::embed::Tokens;
    use crate::embed::hashed::HashedEmbedder;
    use crossbeam::channel::Receiver;
    use crossbeam::channel::unbounded;
    use std::future::Future;
    use std::pin::pin;
    use std::task::Context;
    use std::task::Poll;
    use std::task::Wake;

    /// Tells what it was given, and runs only when let. "panic" and "break" are taken at their word.
    struct Gated {
        entered: Sender<Vec<i64>>,
        gate: Receiver<()>,
    }

    impl Embedder for Gated {
        fn tokens(&mut self, text: &str) -> Result<Tokens, NoVector> {
            assert_ne!(text, "panic while reading");
            if text == "unknown" {
                return Err(NoVector::UnknownToken);
            }
            // One id per word; the first says which text it was.
            Ok(Tokens::new(text.split(' ').map(|word| i64::from(word.as_bytes()[0])).collect()))
        }

        fn vectors(&mut self, batch: &[Tokens], out: &mut Vec<Vector>) -> Result<(), Broken> {
            let firsts: Vec<i64> = batch.iter().map(|tokens| tokens.ids()[0]).collect();
            self.entered.send(firsts.clone()).expect("the test listens");
            self.gate.recv().expect("the test opens the gate");
            if firsts == [i64::from(b'!')] {
                panic!("as asked");
            }
            if firsts == [i64::from(b'?')] {
                return Err(Broken("as asked".into()));
            }
            out.extend(firsts.iter().map(|&first| Vector::from(vec![first as f32])));
            Ok(())
        }
    }

    struct Bench {
        companion: Companion,
        entered: Receiver<Vec<i64>>,
        gate: Sender<()>,
        readiness: Receiver<Readiness>,
    }

    fn spec(queue_max: usize, announce: Announce) -> Spec {
        let (name, class) = ("embed-test".into(), Class::Normal);
        Spec { name, core: None, class, queue_max, text_bytes_max: 64, announce: Some(announce) }
    }

    fn bench(queue_max: usize) -> Bench {
        let ((enter, entered), (gate, gated), (announce, readiness)) = (unbounded(), unbounded(), unbounded());
        let spec = spec(queue_max, Box::new(move |now| announce.send(now.clone()).unwrap_or(())));
        let companion = Companion::start(spec, move || {
            Ok(Box::new(Gated { entered: enter.clone(), gate: gated.clone() }) as Box<dyn Embedder>)
        });
        assert_eq!(readiness.recv(), Ok(Readiness::Ready));
        Bench { companion, entered, gate, readiness }
    }

    impl Bench {
        /// Occupies the companion with a text that starts with "x".
        fn occupy(&self) -> Pending {
            let pending = self.companion.submit("x").expect("nothing waits");
            assert_eq!(self.entered.recv(), Ok(vec![i64::from(b'x')]));
            pending
        }

        fn open(&self, times: usize) {
            (0..times).for_each(|_| self.gate.send(()).expect("the embedder listens"));
        }
    }

    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    fn wait(pending: Pending) -> Result<Vector, NoVector> {
        let waker = Arc::new(Unpark(thread::current())).into();
        let mut pending = pin!(pending);
        loop {
            match pending.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(result) => return result,
                Poll::Pending => thread::park(),
            }
        }
    }

    fn vector(letter: u8) -> Result<Vector, NoVector> {
        Ok(vec![f32::from(letter)].into())
    }

    fn count(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::SeqCst)
    }

    #[test]
    fn a_full_queue_turns_away_at_once() {
        let bench = bench(2);
        let running = bench.occupy();
        let waiting = [bench.companion.submit("a"), bench.companion.submit("b")];
        assert!(waiting.iter().all(Result::is_ok));
        assert_eq!(bench.companion.submit("c").err(), Some(NoVector::Overloaded));
        let counters = bench.companion.counters();
        assert_eq!((counters.waiting.load(Ordering::SeqCst), count(&counters.overflow)), (2, 1));

        bench.open(2);
        assert_eq!(wait(running), vector(b'x'));
        let [a, b] = waiting.map(|pending| wait(pending.expect("had a place")));
        assert_eq!((a, b), (vector(b'a'), vector(b'b')));
        assert_eq!((counters.waiting.load(Ordering::SeqCst), count(&counters.embedded)), (0, 3));
        bench.open(1);
        assert!(wait(bench.companion.submit("d").expect("there is room again")).is_ok());
    }

    #[test]
    fn what_waits_together_runs_together_if_equally_long() {
        let bench = bench(8);
        let first = bench.occupy();
        let texts = ["a b", "c", "d e", "unknown", "f g"];
        let pending: Vec<_> = texts.iter().map(|text| bench.companion.submit(text).expect("room for all")).collect();
        bench.open(3);
        assert!(wait(first).is_ok());
        let results: Vec<_> = pending.into_iter().map(wait).collect();
        let wanted = [vector(b'a'), vector(b'c'), vector(b'd'), Err(NoVector::UnknownToken), vector(b'f')];
        assert_eq!(results, wanted);
        let batches: Vec<_> = bench.entered.try_iter().collect();
        assert_eq!(batches, [b"adf".map(i64::from).to_vec(), vec![i64::from(b'c')]]);
        assert_eq!(count(&bench.companion.counters().runs), 3);
        assert_eq!(count(&bench.companion.counters().refused), 1);
    }

    #[test]
    fn nobody_computes_for_who_has_left() {
        let bench = bench(4);
        let running = bench.occupy();
        drop(bench.companion.submit("a"));
        let kept = bench.companion.submit("b").expect("room");
        bench.open(2);
        assert!(wait(running).is_ok());
        assert_eq!(wait(kept), vector(b'b'));
        assert_eq!(bench.entered.try_iter().collect::<Vec<_>>(), [vec![i64::from(b'b')]]);
        assert_eq!(count(&bench.companion.counters().cancelled), 1);
    }

    #[test]
    fn insertions_wait_behind_lookups() {
        let bench = bench(4);
        let running = bench.occupy();
        let insertion = bench.companion.submit_insertion("i").expect("room");
        let lookup = bench.companion.submit("l l").expect("room");
        bench.open(3);
        assert!(wait(running).is_ok() && wait(lookup).is_ok() && wait(insertion).is_ok());
        assert_eq!(bench.entered.try_iter().collect::<Vec<_>>(), [vec![i64::from(b'l')], vec![i64::from(b'i')]]);
    }

    #[test]
    fn a_broken_embedder_is_built_anew() {
        let bench = bench(4);
        for text in ["!", "?", "panic while reading"] {
            bench.open(1);
            assert!(wait(bench.companion.submit("a").expect("works")).is_ok());
            bench.open(usize::from(text.len() == 1));
            assert_eq!(wait(bench.companion.submit(text).expect("has room")), Err(NoVector::Failed), "{text}");
            assert_eq!(bench.readiness.recv(), Ok(Readiness::Starting));
            assert_eq!(bench.readiness.recv(), Ok(Readiness::Ready));
        }
        bench.open(1);
        assert!(wait(bench.companion.submit("a").expect("works again")).is_ok());
        let counters = bench.companion.counters();
        assert_eq!((count(&counters.restarts), count(&counters.failed), count(&counters.embedded)), (3, 3, 4));
    }

    #[test]
    fn one_that_breaks_at_once_is_not_rebuilt_in_a_loop() {
        let bench = bench(4);
        bench.open(1);
        let pending = bench.companion.submit("!").expect("has room");
        assert_eq!(wait(pending), Err(NoVector::Failed));
        assert_eq!(bench.readiness.recv(), Ok(Readiness::Starting));
        assert_eq!(bench.companion.submit("a").err(), Some(NoVector::Starting));
        bench.companion.stop();
        assert!(bench.readiness.try_recv().is_err(), "it waited, and the wait could be cut short");
    }

    #[test]
    fn an_embedder_that_cannot_open_is_a_sentence() {
        type Opener = fn() -> Result<Box<dyn Embedder>, String>;
        let openers: [(Opener, &str); 2] =
            [(|| Err("no model".into()), "no model"), (|| panic!("in the library"), "panicked: in the library")];
        for (open, why) in openers {
            let (announce, readiness) = unbounded();
            let spec = spec(4, Box::new(move |now| announce.send(now.clone()).unwrap_or(())));
            let companion = Companion::start(spec, open);
            assert_eq!(readiness.recv(), Ok(Readiness::Disabled(why.into())));
            assert_eq!(companion.readiness(), Readiness::Disabled(why.into()));
            assert_eq!(companion.submit("a").err(), Some(NoVector::Absent));
        }
    }

    #[test]
    fn hopeless_texts_take_no_place() {
        let bench = bench(1);
        assert_eq!(bench.companion.submit(" \n").err(), Some(NoVector::Empty));
        assert_eq!(bench.companion.submit(&"a".repeat(65)).err(), Some(NoVector::TooLong));
        assert_eq!(count(&bench.companion.counters().refused), 2);
        assert_eq!(bench.companion.counters().waiting.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_busy_shard_may_hold_it() {
        let bench = bench(1);
        bench.companion.hold(true);
        assert_eq!(bench.companion.submit("a").err(), Some(NoVector::Overloaded));
        bench.companion.hold(false);
        bench.open(1);
        assert!(wait(bench.companion.submit("a").expect("held no longer")).is_ok());
    }

    #[test]
    fn stopping_answers_everyone() {
        let bench = bench(4);
        let (running, waiting) = (bench.occupy(), bench.companion.submit("a").expect("room"));
        let stopper = bench.companion.clone();
        let stopping = thread::spawn(move || stopper.stop());
        // The wish must be in the queue before the run ends; only the companion takes it out again.
        let Desk::Thread(thread) = &bench.companion.desk else { panic!("it has a thread") };
        while thread.stop.is_empty() {
            thread::yield_now();
        }
        bench.open(1);
        stopping.join().expect("no panic");
        assert_eq!(wait(running), vector(b'x'));
        assert_eq!(wait(waiting), Err(NoVector::Failed));
        assert_eq!(bench.companion.submit("b").err(), Some(NoVector::Absent));
        assert_eq!(bench.companion.counters().waiting.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn the_thread_ends_with_its_last_handle() {
        let bench = bench(4);
        drop(bench.companion);
        assert!(bench.entered.recv().is_err(), "the embedder is gone");
    }

    #[test]
    fn without_a_thread_the_answer_is_there_at_once() {
        let companion = Companion::inline(Box::new(HashedEmbedder::new(8)), 64);
        assert_eq!(companion.readiness(), Readiness::Ready);
        let pending = companion.submit("hello").expect("plain text");
        assert!(pending.peek().is_some_and(|result| result.is_ok()));
        assert_eq!(companion.submit("").err(), Some(NoVector::Empty));
        companion.count_late();
        assert_eq!(count(&companion.counters().late), 1);
    }

    #[test]
    fn an_absent_one_says_why() {
        let companion = Companion::absent("switched off");
        assert_eq!(companion.readiness(), Readiness::Disabled("switched off".into()));
        assert_eq!(companion.submit("a").err(), Some(NoVector::Absent));
        companion.stop();
    }
}
