//! A world without a kernel: sockets, time and scheduling as functions of one seed.
//!
//! Every read and write is cut where the seed says, tasks are polled in the order the seed says, and
//! time jumps to the next timer when nobody can go on. So each seed is one reproducible history, a
//! timeout costs nothing, and a world in which nobody can ever go on fails instead of hanging. The
//! sockets also enforce the io layer's contract: who uses a stream after a cancelled read or write
//! panics.

#![allow(dead_code, unreachable_pub, reason = "each test suite uses its part of the world")]

pub mod provider;
pub mod tls;

use ringgate::clock::Clock;
use ringgate::clock::Tick;
use ringgate::net::Net;
use ringgate::net::Peer;
use ringgate::net::Stream;
use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::future::Future;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;
use std::time::Duration;

/// More polls than this without an end are a livelock, unless the world was told otherwise.
const POLLS_MAX: u64 = 5_000_000;
/// Bytes in flight in one direction before the writer has to wait.
const WINDOW_BYTES: usize = 256 * 1024;
/// The future that [`World::run`] was given, beside the spawned tasks.
const MAIN: usize = usize::MAX;

/// Where reads and writes are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nowhere: a read gets everything that is there.
    Nowhere,
    /// After every byte.
    EveryByte,
    /// Where the seed says.
    Seeded,
}

/// How an address behaves.
#[derive(Clone)]
enum Host {
    Serves(Rc<dyn Fn(Socket)>),
    Blackhole,
    Unreachable,
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

struct Inner {
    seed: u64,
    random: Cell<u64>,
    now: Cell<u64>,
    timers: RefCell<BTreeMap<(u64, u64), Waker>>,
    timer_count: Cell<u64>,
    tasks: RefCell<Vec<Option<Task>>>,
    wakeups: RefCell<Vec<Arc<Wakeup>>>,
    ready: Arc<Mutex<Vec<usize>>>,
    polls: Cell<u64>,
    polls_max: Cell<u64>,
    trace: Cell<u64>,
    hosts: RefCell<HashMap<SocketAddr, Host>>,
    sockets: Cell<usize>,
    connects: Cell<usize>,
    cut: Cell<Cut>,
}

struct Wakeup {
    task: usize,
    is_queued: AtomicBool,
    ready: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::SeqCst) {
            self.ready.lock().expect("no poll panics under this lock").push(self.task);
        }
    }
}

/// The world; clones are the same world.
#[derive(Clone)]
pub struct World(Rc<Inner>);

impl World {
    /// The world of this seed, reads and writes cut where it says.
    pub fn new(seed: u64) -> World {
        World::cut(seed, Cut::Seeded)
    }

    /// The world of this seed with reads and writes cut as told.
    pub fn cut(seed: u64, cut: Cut) -> World {
        World(Rc::new(Inner {
            seed,
            random: Cell::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            now: Cell::new(0),
            timers: RefCell::default(),
            timer_count: Cell::new(0),
            tasks: RefCell::default(),
            wakeups: RefCell::default(),
            ready: Arc::default(),
            polls: Cell::new(0),
            polls_max: Cell::new(POLLS_MAX),
            trace: Cell::new(0xcbf2_9ce4_8422_2325),
            hosts: RefCell::default(),
            sockets: Cell::new(0),
            connects: Cell::new(0),
            cut: Cell::new(cut),
        }))
    }

    /// A number below `bound`.
    pub fn below(&self, bound: u64) -> u64 {
        let mut x = self.0.random.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.0.random.set(x);
        x % bound.max(1)
    }

    /// Sockets that exist now, both ends counted.
    pub fn sockets(&self) -> usize {
        self.0.sockets.get()
    }

    /// Connections accepted so far.
    pub fn connects(&self) -> usize {
        self.0.connects.get()
    }

    /// Tasks that were spawned and have not ended.
    pub fn tasks(&self) -> usize {
        self.0.tasks.borrow().iter().flatten().count()
    }

    /// More polls than this are a livelock.
    pub fn limit_polls(&self, most: u64) {
        self.0.polls_max.set(most);
    }

    /// Ends the world: drops every task and listener, which would otherwise keep it alive for ever.
    pub fn end(&self) {
        // Dropped one by one and outside the borrow: what a task holds may wake or spawn others.
        loop {
            let task = self.0.tasks.borrow_mut().pop();
            match task {
                None => break,
                Some(task) => drop(task),
            }
        }
        let hosts = self.0.hosts.take();
        drop(hosts);
    }

    /// A hash of everything that happened: equal histories have equal traces.
    pub fn trace(&self) -> u64 {
        self.0.trace.get()
    }

    /// Connections to `address` are handed to `serve`.
    pub fn listen<F: Future<Output = ()> + 'static>(&self, address: SocketAddr, serve: impl Fn(Socket) -> F + 'static) {
        let world = self.clone();
        let host = Host::Serves(Rc::new(move |socket| world.spawn(serve(socket))));
        self.0.hosts.borrow_mut().insert(address, host);
    }

    /// Connecting to `address` never ends.
    pub fn blackhole(&self, address: SocketAddr) {
        self.0.hosts.borrow_mut().insert(address, Host::Blackhole);
    }

    /// There is no route to `address`.
    pub fn unreachable(&self, address: SocketAddr) {
        self.0.hosts.borrow_mut().insert(address, Host::Unreachable);
    }

    /// Nobody listens at `address` any more.
    pub fn refuse(&self, address: SocketAddr) {
        self.0.hosts.borrow_mut().remove(&address);
    }

    /// Runs `task` beside everything else.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let id = self.0.tasks.borrow().len();
        self.0.tasks.borrow_mut().push(Some(Box::pin(task)));
        let wakeup = self.wakeup(id);
        self.0.wakeups.borrow_mut().push(Arc::clone(&wakeup));
        wakeup.wake();
    }

    fn wakeup(&self, task: usize) -> Arc<Wakeup> {
        Arc::new(Wakeup { task, is_queued: AtomicBool::new(false), ready: Arc::clone(&self.0.ready) })
    }

    /// Runs the world until `future` ends.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let wakeup = self.wakeup(MAIN);
        Arc::clone(&wakeup).wake();
        loop {
            match self.next_ready() {
                Some(MAIN) => {
                    wakeup.is_queued.store(false, Ordering::SeqCst);
                    let waker = Waker::from(Arc::clone(&wakeup));
                    if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                        return output;
                    }
                }
                Some(task) => self.poll_task(task),
                None => self.jump(),
            }
        }
    }

    /// Lets everything happen that happens without waiting.
    pub fn settle(&self) {
        self.run(self.sleep(Duration::from_nanos(1)));
    }

    /// Lets this much time pass.
    pub fn pass(&self, duration: Duration) {
        self.run(self.sleep(duration));
    }

    fn next_ready(&self) -> Option<usize> {
        let mut ready = self.0.ready.lock().expect("no poll panics under this lock");
        if ready.is_empty() {
            return None;
        }
        // Who woke first may hang on the order of a hash map, which no seed decides.
        ready.sort_unstable();
        let at = self.below(ready.len() as u64) as usize;
        let task = ready.remove(at);
        drop(ready);
        self.0.polls.set(self.0.polls.get() + 1);
        assert!(self.0.polls.get() < self.0.polls_max.get(), "livelock in the world of seed {}", self.0.seed);
        self.note(task as u64);
        Some(task)
    }

    fn poll_task(&self, id: usize) {
        let wakeup = Arc::clone(&self.0.wakeups.borrow()[id]);
        wakeup.is_queued.store(false, Ordering::SeqCst);
        let Some(mut task) = self.0.tasks.borrow_mut()[id].take() else { return };
        let waker = Waker::from(wakeup);
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.0.tasks.borrow_mut()[id] = Some(task);
        }
    }

    /// Jumps to the next timer and fires all of that instant, so that their order is the seed's.
    fn jump(&self) {
        let first = self.0.timers.borrow_mut().pop_first();
        let Some(((due, _), waker)) = first else {
            panic!("nobody can go on in the world of seed {}", self.0.seed);
        };
        self.0.now.set(self.0.now.get().max(due));
        self.note(due);
        waker.wake();
        let later = self.0.timers.borrow_mut().split_off(&(due + 1, 0));
        self.0.timers.replace(later).into_values().for_each(Waker::wake);
    }

    fn note(&self, what: u64) {
        let trace = (self.0.trace.get() ^ what ^ self.0.now.get()).wrapping_mul(0x0000_0100_0000_01b3);
        self.0.trace.set(trace);
    }

    /// How much of `available` bytes one read or write moves.
    fn part(&self, available: usize) -> usize {
        match self.0.cut.get() {
            Cut::Nowhere => available,
            Cut::EveryByte => available.min(1),
            Cut::Seeded => match self.below(4) {
                0 => available,
                _ => 1 + self.below(available as u64) as usize,
            },
        }
    }

    /// Sometimes lets others go first.
    async fn maybe_yield(&self) {
        if self.0.cut.get() == Cut::Seeded && self.below(2) == 0 {
            let mut yielded = false;
            poll_fn(|context| {
                if std::mem::replace(&mut yielded, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    }

    /// Two connected sockets.
    pub fn pair(&self) -> (Socket, Socket) {
        self.pair_with(WINDOW_BYTES)
    }

    /// Two connected sockets; towards the first, at most `window_bytes` are in flight.
    pub fn pair_with(&self, window_bytes: usize) -> (Socket, Socket) {
        let (here, there) = (Rc::new(Way::of(window_bytes)), Rc::new(Way::of(WINDOW_BYTES)));
        let end = |inbox: &Rc<Way>, outbox: &Rc<Way>| Socket {
            world: self.clone(),
            inbox: Rc::clone(inbox),
            outbox: Rc::clone(outbox),
            reading: Cell::new(false),
            writing: Cell::new(false),
            is_aborted: Cell::new(false),
        };
        self.0.sockets.set(self.0.sockets.get() + 2);
        (end(&here, &there), end(&there, &here))
    }
}

impl Clock for World {
    fn now(&self) -> Tick {
        Tick(self.0.now.get())
    }

    fn unix_ms(&self) -> u64 {
        1_700_000_000_000 + self.0.now.get() / 1_000_000
    }

    async fn sleep(&self, duration: Duration) {
        let due = self.now().after(duration).0;
        Sleep { world: self.clone(), due, registered: None }.await;
    }
}

struct Sleep {
    world: World,
    due: u64,
    registered: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.world.0.now.get() >= self.due {
            return Poll::Ready(());
        }
        let count = self.registered.unwrap_or_else(|| {
            let count = self.world.0.timer_count.get();
            self.world.0.timer_count.set(count + 1);
            count
        });
        self.world.0.timers.borrow_mut().insert((self.due, count), context.waker().clone());
        self.registered = Some(count);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(count) = self.registered {
            self.world.0.timers.borrow_mut().remove(&(self.due, count));
        }
    }
}

impl Net for World {
    type Stream = Socket;

    async fn connect(&self, address: SocketAddr) -> io::Result<Socket> {
        self.maybe_yield().await;
        let host = self.0.hosts.borrow().get(&address).cloned();
        match host {
            None => Err(io::ErrorKind::ConnectionRefused.into()),
            Some(Host::Unreachable) => Err(io::ErrorKind::HostUnreachable.into()),
            Some(Host::Blackhole) => std::future::pending().await,
            Some(Host::Serves(serve)) => {
                let (here, there) = self.pair();
                self.0.connects.set(self.0.connects.get() + 1);
                serve(there);
                Ok(here)
            }
        }
    }
}

/// One direction of a connection.
#[derive(Default)]
struct Way {
    bytes: RefCell<VecDeque<u8>>,
    window_bytes: usize,
    /// The writer will write no more.
    is_finished: Cell<bool>,
    /// The writer has reset the connection; what was written before is still delivered.
    is_reset: Cell<bool>,
    /// The reader is gone.
    is_unread: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Way {
    fn of(window_bytes: usize) -> Way {
        Way { window_bytes, ..Way::default() }
    }

    fn wait(&self, context: &Context<'_>) {
        self.waiting.borrow_mut().push(context.waker().clone());
    }

    fn changed(&self) {
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    fn has_news(&self) -> bool {
        !self.bytes.borrow().is_empty() || self.is_finished.get() || self.is_reset.get()
    }
}

/// One end of a connection.
pub struct Socket {
    world: World,
    inbox: Rc<Way>,
    outbox: Rc<Way>,
    reading: Cell<bool>,
    writing: Cell<bool>,
    is_aborted: Cell<bool>,
}

/// Ends the reading side of a socket from outside, as a draining shard does with `shutdown(SHUT_RD)`.
pub struct ReadingEnd(Rc<Way>);

impl ReadingEnd {
    /// Whoever reads, or waits to read, finds the end.
    pub fn end(&self) {
        self.0.is_finished.set(true);
        self.0.changed();
    }
}

impl Socket {
    /// A handle to this socket's reading side.
    pub fn reading_end(&self) -> ReadingEnd {
        ReadingEnd(Rc::clone(&self.inbox))
    }

    /// After a cancelled read nothing may be read, after a cancelled write nothing at all be done.
    fn begin(&self, operation: &Cell<bool>) {
        let was_cancelled = self.writing.get() || operation.replace(true);
        assert!(!was_cancelled, "a stream is used after a cancelled operation, seed {}", self.world.0.seed);
    }

    async fn arrived(&self) {
        poll_fn(|context| {
            if self.inbox.has_news() {
                return Poll::Ready(());
            }
            self.inbox.wait(context);
            Poll::Pending
        })
        .await;
    }

    async fn has_room(&self) {
        poll_fn(|context| {
            let is_full = self.outbox.bytes.borrow().len() >= self.outbox.window_bytes;
            if !is_full || self.outbox.is_unread.get() || self.inbox.is_reset.get() {
                return Poll::Ready(());
            }
            self.outbox.wait(context);
            Poll::Pending
        })
        .await;
    }

    fn take(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let spare = buffer.capacity() - buffer.len();
        assert!(spare > 0, "a read needs room");
        let mut bytes = self.inbox.bytes.borrow_mut();
        if !bytes.is_empty() {
            let part = self.world.part(bytes.len().min(spare));
            buffer.extend(bytes.drain(..part));
            drop(bytes);
            self.inbox.changed();
            return Ok(part);
        }
        match self.inbox.is_reset.get() {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => Ok(0),
        }
    }

    async fn write_slice(&self, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            self.world.maybe_yield().await;
            self.has_room().await;
            if self.inbox.is_reset.get() {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if self.outbox.is_unread.get() {
                // The kernel takes what it cannot deliver until the peer's reset has arrived.
                if self.world.below(2) == 0 {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
                self.inbox.is_reset.set(true);
                self.inbox.changed();
                return Ok(());
            }
            let room = self.outbox.window_bytes - self.outbox.bytes.borrow().len();
            let part = self.world.part(rest.len().min(room));
            self.outbox.bytes.borrow_mut().extend(&rest[..part]);
            self.outbox.changed();
            rest = &rest[part..];
        }
        Ok(())
    }
}

impl Stream for Socket {
    async fn read(&mut self, mut buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        self.begin(&self.reading);
        self.world.maybe_yield().await;
        self.arrived().await;
        let result = self.take(&mut buffer);
        self.reading.set(false);
        (result, buffer)
    }

    async fn write_all(&mut self, buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        self.begin(&self.writing);
        let result = self.write_slice(&buffer).await;
        self.writing.set(false);
        (result, buffer)
    }

    async fn readable(&self) -> io::Result<()> {
        self.arrived().await;
        Ok(())
    }

    fn peer(&self) -> Peer {
        if !self.inbox.bytes.borrow().is_empty() {
            Peer::Speaking
        } else if self.inbox.is_reset.get() {
            Peer::Gone
        } else if self.inbox.is_finished.get() {
            Peer::Finished
        } else {
            Peer::Quiet
        }
    }

    async fn shutdown(&mut self) {
        self.outbox.is_finished.set(true);
        self.outbox.changed();
    }

    fn abort(&mut self) {
        self.is_aborted.set(true);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.world.0.sockets.set(self.world.0.sockets.get() - 1);
        // Like a kernel: closing with unread bytes resets, so does an aborted connection.
        if self.is_aborted.get() || !self.inbox.bytes.borrow().is_empty() {
            self.outbox.is_reset.set(true);
        }
        self.outbox.is_finished.set(true);
        self.inbox.is_unread.set(true);
        self.outbox.changed();
        self.inbox.changed();
    }
}
