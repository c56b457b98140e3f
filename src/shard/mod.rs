//! One shard: a pinned thread with its own ring, its own listener on the common port, its own
//! connections, pools and part of the semantic index.
//!
//! Invariants: an accept is never cancelled (a completed accept would leak its descriptor), so the
//! listener is stopped by shutting it down; nothing here blocks; a panic ends one request and never the
//! shard; the runtime gets one last turn after everything was closed, because closing is queued.

mod connection;
mod kernel;
mod runtime;
mod timers;
mod turn;

pub use connection::serve;
pub use kernel::Kernel;
pub use kernel::Socket;
pub use runtime::Driver;

use crate::cache::IndexBounds;
use crate::cache::ScopeIndex;
use crate::clock::Clock;
use crate::clock::Tick;
use crate::embed::Companion;
use crate::gateway::Gateway;
use crate::gateway::Neighbours;
use crate::gateway::Postbox;
use crate::gateway::Shared;
use crate::net::Stream;
use crate::observe::CacheTier;
use crate::observe::ConnectionState;
use crate::observe::Handshake;
use crate::observe::Log;
use crate::observe::Recorder;
use crate::observe::Registry;
use crate::sys::socket::end_reading;
use crate::sys::thread::cpu_time;
use crate::sys::thread::pin_to_core;
use crate::upstream::Upstreams;
use crate::upstream::resolve::CachedResolver;
use crate::upstream::resolve::Questions;
use monoio::net::ListenerOpts;
use monoio::net::TcpListener;
use std::cell::Cell;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::fd::RawFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;
use turn::spawn;
use turn::turns;

/// Connections the kernel may hold for a busy shard.
const BACKLOG: i32 = 4096;
/// Between two looks at flags and gauges.
const TICK: Duration = Duration::from_millis(100);
/// Ticks between two sweeps of the pools.
const SWEEP_TICKS: u64 = 10;
/// After a failed accept (no descriptors left, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a draining shard goes on accepting: whoever was told the address a moment ago still gets in.
const DRAIN_ACCEPT: Duration = Duration::from_millis(300);
/// A shard busier than this needs its core for itself: no new embeddings until it calms down.
const EMBEDDING_LOAD_MAX: f64 = 0.7;
/// For the last farewells after the drain deadline.
const LAST_WORDS: Duration = Duration::from_millis(500);

type ShardGateway = Gateway<Kernel, CachedResolver<Kernel>>;

/// What a shard is made of.
pub struct Spec {
    /// Its number.
    pub index: usize,
    /// Its core; `None` leaves the choice to the kernel.
    pub core: Option<usize>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The machine's clock, the same for all shards.
    pub kernel: Kernel,
    /// What all shards share.
    pub shared: Arc<Shared>,
    /// One letter box per shard.
    pub boxes: Arc<[Postbox]>,
    /// The way to the control thread's resolver.
    pub questions: Arc<Questions>,
    /// Metrics.
    pub registry: Arc<Registry>,
    /// Lines for people.
    pub log: Log,
    /// Where vectors come from.
    pub embedder: Companion,
    /// Refuse to fall back to epoll?
    pub require_io_uring: bool,
    /// Makes this shard's ids different from every other's.
    pub seed: u64,
}

/// Starts a shard's thread. `ready` is told its driver once it listens, or why it cannot.
pub fn start(spec: Spec, ready: SyncSender<Result<Driver, String>>) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(format!("shard-{}", spec.index)).spawn(move || {
        if let Some(core) = spec.core {
            // An unpinned shard is slower, not wrong.
            let _ = pin_to_core(core);
        }
        let (driver, mut runtime) = match runtime::build(spec.require_io_uring) {
            Ok(built) => built,
            Err(reason) => {
                let _ = ready.send(Err(reason));
                return;
            }
        };
        runtime.block_on(turns(spec.kernel, async move {
            match listen(spec.listen) {
                Ok(listener) => {
                    let _ = ready.send(Ok(driver));
                    run(spec, listener).await;
                }
                Err(error) => {
                    let _ = ready.send(Err(format!("cannot listen on {}: {error}", spec.listen)));
                }
            }
        }));
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind_with_config(address, &ListenerOpts::new().reuse_port(true).reuse_addr(true).backlog(BACKLOG))
}

async fn run(spec: Spec, listener: TcpListener) {
    let kernel = spec.kernel;
    let log = spec.log.clone();
    let state = Rc::new(ShardState { connections: Connections::default(), listener: listener.as_raw_fd() });
    let gateway = Rc::new(gateway(spec));
    let letters = Rc::clone(&gateway);
    spawn(kernel, timers::turn(kernel));
    spawn(kernel, async move {
        // A panic over one letter must not end the shard, nor the answering of letters.
        loop {
            let answering = pin!(letters.neighbours().answer_letters(letters.net()));
            if connection::contained(answering).await.is_err() {
                letters.recorder().panicked();
            }
        }
    });
    spawn(kernel, keep_house(Rc::clone(&gateway), Rc::clone(&state)));
    accept(&listener, &gateway, &state, &log).await;
    drop(listener);
    while state.connections.count() > 0 && !expired(&gateway) {
        kernel.sleep(TICK).await;
    }
    gateway.upstreams().close_idle().await;
    // Streams cut by the deadline still write their error event, and closing is queued: one last turn.
    if state.connections.count() > 0 {
        kernel.sleep(LAST_WORDS).await;
    }
    kernel.sleep(Duration::from_millis(5)).await;
    gateway.embedder().stop();
}

fn gateway(spec: Spec) -> ShardGateway {
    let deployment = spec.shared.deployment.load();
    let cache = &deployment.settings.cache;
    let bounds = IndexBounds {
        scope_entries_max: cache.scope_entries_max,
        bytes_max: cache.bytes_max / spec.boxes.len().max(1),
    };
    let neighbours = Neighbours::new(spec.index, ScopeIndex::new(bounds), spec.boxes);
    let upstreams = Upstreams::new(spec.kernel, CachedResolver::new(spec.kernel, spec.questions));
    let recorder = spec.registry.recorder(spec.index);
    drop(deployment);
    Gateway::new(spec.kernel, spec.shared, upstreams, recorder, Rc::new(neighbours), spec.embedder, spec.seed)
}

struct ShardState {
    connections: Connections,
    listener: RawFd,
}

/// The one accept loop. Ends when the listener was shut down.
async fn accept(listener: &TcpListener, gateway: &Rc<ShardGateway>, state: &Rc<ShardState>, log: &Log) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => admit(Socket::accepted(stream), gateway, state),
            Err(_) if gateway.draining() => return,
            Err(error) => {
                let now = gateway.net().now();
                log.once_a_minute(now, "accept", crate::observe::Level::Error, "cannot accept", &[("error", &error)]);
                gateway.net().sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn admit(socket: Socket, gateway: &Rc<ShardGateway>, state: &Rc<ShardState>) {
    let most = gateway.deployment().settings.server.connections_per_shard_max;
    if state.connections.count() >= most {
        gateway.recorder().connection_refused();
        spawn(*gateway.net(), turn_away(socket));
        return;
    }
    let gateway = Rc::clone(gateway);
    let state = Rc::clone(state);
    let idle = Rc::new(Cell::new(true));
    let seat = state.connections.enter(socket.descriptor(), Rc::clone(&idle));
    spawn(*gateway.net(), async move {
        let _counted = gateway.recorder().connection();
        let recorder: Recorder = gateway.recorder().clone();
        let serving = pin!(connection::serve(socket, gateway, idle));
        if connection::contained(serving).await.is_err() {
            recorder.panicked();
        }
        state.connections.leave(seat);
    });
}

/// Says that the shard is full. The answer is the same for every dialect's SDK: a 503 is retried.
async fn turn_away(mut socket: Socket) {
    const BODY: &str = r#"{"error":{"message":"the gateway has no room for another connection","type":"server_error","param":null,"code":"overloaded"}}"#;
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len()
    );
    let (written, _) = socket.write_all(answer.into_bytes()).await;
    if written.is_ok() {
        socket.shutdown().await;
    }
}

/// Looks at flags, publishes gauges, sweeps pools; ends with the process.
async fn keep_house(gateway: Rc<ShardGateway>, state: Rc<ShardState>) {
    let mut published = Published::default();
    let mut draining_since = None;
    let mut tick = 0u64;
    let mut load = Load::begin(gateway.net());
    loop {
        gateway.net().sleep(TICK).await;
        gateway.embedder().hold(load.since_last(gateway.net()) > EMBEDDING_LOAD_MAX);
        tick += 1;
        if tick.is_multiple_of(SWEEP_TICKS) {
            gateway.upstreams().sweep(gateway.net().now()).await;
            published.publish(&gateway);
        }
        if gateway.draining() {
            let since = *draining_since.get_or_insert_with(|| gateway.net().now());
            drain(&gateway, &state, gateway.net().now().since(since));
        }
    }
}

/// Ends what is idle; after the deadline, everything.
fn drain(gateway: &ShardGateway, state: &ShardState, for_how_long: Duration) {
    let expired = expired(gateway);
    if for_how_long >= DRAIN_ACCEPT && (expired || !state.connections.any_busy()) {
        end_reading(state.listener);
    }
    if for_how_long >= DRAIN_ACCEPT || expired {
        state.connections.end(expired);
    }
}

fn expired(gateway: &ShardGateway) -> bool {
    gateway.shared().expired.load(Ordering::Relaxed)
}

/// How busy this shard's thread has been.
struct Load {
    at: Tick,
    spent: Duration,
}

impl Load {
    fn begin(clock: &Kernel) -> Self {
        Load { at: clock.now(), spent: cpu_time() }
    }

    /// The share of the core used since the last call, 0 to 1.
    fn since_last(&mut self, clock: &Kernel) -> f64 {
        let (at, spent) = (clock.now(), cpu_time());
        let wall = at.since(self.at).as_secs_f64();
        let used = spent.saturating_sub(self.spent).as_secs_f64();
        *self = Load { at, spent };
        if wall > 0.0 { used / wall } else { 0.0 }
    }
}

/// Totals already handed to the metrics, so that only differences are added.
#[derive(Default)]
struct Published {
    evictions: u64,
}

impl Published {
    fn publish(&mut self, gateway: &ShardGateway) {
        let recorder = gateway.recorder();
        let (entries, bytes) = gateway.neighbours().size();
        recorder.cache_holds(CacheTier::Semantic, entries, bytes);
        let (idle, busy) = gateway.upstreams().connections();
        recorder.pooled(ConnectionState::Idle, idle);
        recorder.pooled(ConnectionState::Busy, busy);
        let done = gateway.upstreams().counters();
        recorder.connected(done.connects.get());
        recorder.handshaken(Handshake::Full, done.tls_full.get());
        recorder.handshaken(Handshake::Resumed, done.tls_resumed.get());
        recorder.replayed(done.stale_replays.get());
        let evictions = gateway.neighbours().evictions();
        recorder.evicted(CacheTier::Semantic, evictions - self.evictions);
        self.evictions = evictions;
    }
}

/// The open connections of a shard, so that a drain can reach them.
#[derive(Default)]
struct Connections {
    seats: RefCell<Vec<Option<Seat>>>,
    free: RefCell<Vec<usize>>,
    count: Cell<usize>,
}

struct Seat {
    descriptor: RawFd,
    idle: Rc<Cell<bool>>,
}

impl Connections {
    fn enter(&self, descriptor: RawFd, idle: Rc<Cell<bool>>) -> usize {
        self.count.set(self.count.get() + 1);
        let seat = Some(Seat { descriptor, idle });
        let mut seats = self.seats.borrow_mut();
        match self.free.borrow_mut().pop() {
            Some(number) => {
                seats[number] = seat;
                number
            }
            None => {
                seats.push(seat);
                seats.len() - 1
            }
        }
    }

    fn leave(&self, number: usize) {
        self.seats.borrow_mut()[number] = None;
        self.free.borrow_mut().push(number);
        self.count.set(self.count.get() - 1);
    }

    fn count(&self) -> usize {
        self.count.get()
    }

    fn any_busy(&self) -> bool {
        self.seats.borrow().iter().flatten().any(|seat| !seat.idle.get())
    }

    /// Ends the reading side of idle connections, or of all.
    fn end(&self, all: bool) {
        for seat in self.seats.borrow().iter().flatten() {
            if all || seat.idle.get() {
                end_reading(seat.descriptor);
            }
        }
    }
}
