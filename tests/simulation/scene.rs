//! The whole gateway in a world without a kernel: shards that share what shards share, clients,
//! providers, and a machine that sweeps, reloads and drains.

use super::client;
use super::client::Record;
use super::plan::ClientPlan;
use super::plan::Host;
use super::plan::KEYS;
use super::plan::Plan;
use super::plan::TOTAL_TIMEOUT;
use super::plan::Tongue;
use super::plan::WRITE_TIMEOUT;
use super::provider::CREDENTIAL;
use super::provider::Call;
use super::provider::Calls;
use super::provider::Provider;
use super::speech;
use crate::world::ReadingEnd;
use crate::world::Socket;
use crate::world::World;
use ringgate::cache::ExactCache;
use ringgate::cache::IndexBounds;
use ringgate::cache::Keying;
use ringgate::cache::ScopeIndex;
use ringgate::clock::Clock;
use ringgate::clock::Tick;
use ringgate::config;
use ringgate::config::KnownNames;
use ringgate::config::Settings;
use ringgate::dialects;
use ringgate::embed::Companion;
use ringgate::embed::Embedder;
use ringgate::embed::hashed::HashedEmbedder;
use ringgate::gateway::Deployment;
use ringgate::gateway::Gateway;
use ringgate::gateway::Homes;
use ringgate::gateway::Neighbours;
use ringgate::gateway::Postbox;
use ringgate::gateway::RequestLogSink;
use ringgate::gateway::Shared;
use ringgate::net::Net;
use ringgate::observe::Registry;
use ringgate::providers;
use ringgate::routing;
use ringgate::shard;
use ringgate::upstream::Upstreams;
use ringgate::upstream::resolve::Resolve;
use ringgate::upstream::resolve::ResolveFault;
use std::cell::Cell;
use std::cell::RefCell;
use std::future::Future;
use std::future::poll_fn;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

/// No history is longer: every deadline of the gateway has passed long before.
const LONGEST: Duration = Duration::from_secs(2_400);
/// After the last client has gone, whatever still runs must have run out by then.
const AFTERMATH: Duration = Duration::from_secs(120);
/// Polls of one history; a normal one needs a few ten thousand.
const POLLS_MAX: u64 = 3_000_000;

/// An io layer that is made of the world's.
pub trait Fabric: Net {
    /// A connection that a client has opened.
    fn accept(&self, socket: Socket) -> Self::Stream;
}

impl Fabric for World {
    fn accept(&self, socket: Socket) -> Socket {
        socket
    }
}

/// Where finished requests are written.
#[derive(Clone, Default)]
pub struct Ledger(pub Arc<Mutex<Vec<Vec<u8>>>>);

impl RequestLogSink for Ledger {
    fn put(&self, line: Vec<u8>) {
        self.0.lock().expect("nobody panics under this lock").push(line);
    }
}

/// What is different from the gateway as it is.
pub struct Props {
    /// A planted bug of all providers.
    pub providers_lie: bool,
    /// Wraps the request log.
    pub sink: Box<dyn Fn(Ledger) -> Box<dyn RequestLogSink>>,
    /// Makes vectors.
    pub embedder: Box<dyn Fn() -> Box<dyn Embedder + Send>>,
}

impl Default for Props {
    fn default() -> Self {
        Props {
            providers_lie: false,
            sink: Box::new(|ledger| Box::new(ledger)),
            embedder: Box::new(|| Box::new(HashedEmbedder::new(128))),
        }
    }
}

/// What is left when everybody has gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftovers {
    pub sockets: usize,
    /// Tasks beyond those that live as long as the process.
    pub tasks: usize,
    /// Upstream connections that count as busy.
    pub busy: usize,
    /// Flights that nobody landed.
    pub flights: usize,
}

/// What happened.
#[derive(Clone, Debug)]
pub struct History {
    pub plan: Plan,
    pub records: Vec<Record>,
    pub calls: Vec<Call>,
    pub ledger: Vec<Vec<u8>>,
    /// Panics inside the gateway: which client's connection, and what was said.
    pub panics: Vec<(usize, String)>,
    pub leftovers: Leftovers,
    pub trace: u64,
}

thread_local! {
    /// Whose connection is being served right now.
    static SERVED: Cell<Option<usize>> = const { Cell::new(None) };
    /// Panics while somebody was served.
    static PANICS: RefCell<Vec<(usize, String)>> = const { RefCell::new(Vec::new()) };
}

/// Panics while a connection is served are contained by the gateway: they are noted, not printed.
pub fn note_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| match SERVED.get() {
            Some(client) => PANICS.with_borrow_mut(|panics| panics.push((client, info.to_string()))),
            None => usual(info),
        }));
    });
}

/// Is a connection being served right now? What happens then is contained by the gateway.
pub fn is_serving() -> bool {
    SERVED.get().is_some()
}

/// The addresses of every host name.
struct Directory;

impl Resolve for Directory {
    async fn resolve(&self, host: &str) -> Result<Arc<[IpAddr]>, ResolveFault> {
        match host {
            "cedar.example" => Ok([IpAddr::from([10, 0, 0, 3]), IpAddr::from([10, 0, 0, 4])].into()),
            _ => Err(ResolveFault::NoSuchName),
        }
    }
}

type Shard<N> = Rc<Gateway<N, Directory>>;

/// Plays the history of `plan` on `net`, which is made of `world`.
pub fn play<N: Fabric>(plan: &Plan, world: &World, net: N, props: Props) -> History {
    note_panics();
    PANICS.take();
    world.limit_polls(POLLS_MAX);
    let calls = Calls::default();
    open_providers(plan, world, &calls, props.providers_lie);
    let ledger = Ledger::default();
    let shared = Arc::new(shared(plan, (props.sink)(ledger.clone())));
    let shards = shards(plan, world, &net, &shared, &props);
    let lasting = world.tasks() + machine(plan, world, &shared, &shards);
    let records = visit(plan, world, &net, &shards);
    let leftovers = aftermath(world, &shared, &shards, lasting);
    let history = History {
        plan: plan.clone(),
        records,
        calls: calls.take(),
        ledger: std::mem::take(&mut *ledger.0.lock().expect("nobody panics under this lock")),
        panics: PANICS.take(),
        leftovers,
        trace: world.trace(),
    };
    world.end();
    history
}

fn open_providers(plan: &Plan, world: &World, calls: &Calls, lies: bool) {
    for (place, host) in plan.hosts.iter().enumerate() {
        let address = SocketAddr::from(([10, 0, 0, place as u8 + 1], 80));
        let number = place.min(2);
        let provider = Rc::new(Provider {
            number,
            tongue: [Tongue::OpenAi, Tongue::Anthropic, plan.third_tongue][number],
            seed: plan.seed,
            calm: plan.calm,
            calls: Rc::clone(calls),
            lies,
        });
        match host {
            Host::Refuses => {}
            Host::Blackhole => world.blackhole(address),
            Host::Unreachable => world.unreachable(address),
            Host::Serves => {
                let within = world.clone();
                world.listen(address, move |socket| Rc::clone(&provider).serve(within.clone(), socket));
            }
        }
    }
}

/// The settings of the plan. Reading a configuration takes longer than playing a history, and there are
/// only eight of them.
fn settings(plan: &Plan) -> Settings {
    type Variety = (bool, usize, Tongue);
    static READ: Mutex<Vec<(Variety, Settings)>> = Mutex::new(Vec::new());
    let mut read = READ.lock().expect("nobody panics under this lock");
    let kind = (plan.fin_aborts, plan.connections_max, plan.third_tongue);
    if let Some((_, known)) = read.iter().find(|(known, _)| *known == kind) {
        return known.clone();
    }
    let settings = read_settings(plan);
    read.push((kind, settings.clone()));
    settings
}

/// The configuration, as an operator would write it.
fn read_settings(plan: &Plan) -> Settings {
    let names = |all: &mut dyn Iterator<Item = &'static str>| all.collect::<Vec<_>>();
    let known = KnownNames {
        dialects: &names(&mut dialects::of_providers().map(|dialect| dialect.name())),
        callers: &names(&mut dialects::ALL.iter().map(|dialect| dialect.name())),
        kinds: &names(&mut providers::ALL.iter().map(|kind| kind.name)),
        strategies: &names(&mut routing::ALL.iter().map(|strategy| strategy.name())),
    };
    let environment = |name: &str| (name == "PROVIDER_KEY").then(|| CREDENTIAL.to_owned());
    config::parse(&written(plan), "simulation", &environment, &known).expect("the simulation's settings are valid")
}

fn written(plan: &Plan) -> String {
    let mut text = format!(
        "[server]\nlisten = \"127.0.0.1:8080\"\nwrite_timeout_ms = {}\nhalf_close = \"{}\"\n",
        WRITE_TIMEOUT.as_millis(),
        if plan.fin_aborts { "abort" } else { "deliver" }
    );
    for (number, key) in KEYS.iter().enumerate() {
        let hash = speech::secret(number).hash;
        text.push_str(&format!(
            "[[keys]]\nname = \"{}\"\nhash = \"{hash}\"\ncache_scope = \"{}\"\n",
            key.name, key.scope
        ));
        if !key.may_use_plain {
            text.push_str("models = [\"fast\", \"smart\", \"tiers\", \"birch/*\", \"nobody-*\"]\n");
        }
        if key.is_limited {
            text.push_str("requests_per_minute = 2\n");
        }
    }
    let hosts = [
        ("acme", "openai_chat", "http://10.0.0.1/v1"),
        ("birch", "anthropic_messages", "http://10.0.0.2/v1"),
        match plan.third_tongue {
            Tongue::Gemini => ("cedar", "gemini", "http://cedar.example"),
            _ => ("cedar", "openai_chat", "http://cedar.example/v1"),
        },
    ];
    for (name, dialect, url) in hosts {
        text.push_str(&format!(
            "[[providers]]\nname = \"{name}\"\ndialect = \"{dialect}\"\nbase_url = \"{url}\"\nallow_private_addresses = \
             true\nheaders = {{ x-canary = \"env:PROVIDER_KEY\" }}\nconnect_timeout_ms = 2000\nfirst_byte_timeout_ms = \
             10000\nidle_timeout_ms = 5000\ntotal_timeout_ms = {}\npool_idle_timeout_ms = 20000\nconnections_max = {}\n\
             default_max_tokens = 256\n",
            TOTAL_TIMEOUT.as_millis(),
            plan.connections_max
        ));
        let (input, output) = super::plan::PRICES_USD;
        text.push_str(&format!(
            "[[prices]]\nprovider = \"{name}\"\nmodel = \"*\"\ninput_usd_per_mtok = {input}\noutput_usd_per_mtok = {output}\n"
        ));
    }
    text.push_str(ROUTES);
    text
}

const ROUTES: &str = r#"
[[routes]]
model = "fast"
targets = ["acme/a-1", "birch/b-1", "cedar"]

[[routes]]
model = "plain"
targets = ["acme/a-2"]
cache = { exact = false }

[[routes]]
model = "smart"
targets = ["cedar/c-large", "acme/a-1"]
cache = { semantic = true }

[[routes]]
model = "tiers"
strategy = "complexity"
targets = [
  { provider = "acme", tier = "simple" },
  { provider = "cedar", tier = "standard" },
  { provider = "birch", tier = "hard" },
]
"#;

fn shared(plan: &Plan, sink: Box<dyn RequestLogSink>) -> Shared {
    let deployment = Deployment::assemble(settings(plan), None, None).expect("the simulation's settings are complete");
    Shared {
        deployment: arc_swap::ArcSwap::from_pointee(deployment),
        generation: AtomicU64::new(0),
        exact: Arc::new(ExactCache::new(16 << 20)),
        keying: Keying::new(b"nobody knows it."),
        homes: Homes::default(),
        request_log: Some(sink),
        log: None,
        draining: AtomicBool::new(false),
        expired: AtomicBool::new(false),
        instance: "ringgate-simulated".to_owned(),
    }
}

fn shards<N: Fabric>(plan: &Plan, world: &World, net: &N, shared: &Arc<Shared>, props: &Props) -> Vec<Shard<N>> {
    let registry = Arc::new(Registry::new());
    let boxes: Arc<[Postbox]> = (0..plan.shards).map(|_| Postbox::default()).collect();
    let make = |index: usize| {
        let bounds = IndexBounds { scope_entries_max: 100, bytes_max: 1 << 20 };
        let neighbours = Rc::new(Neighbours::new(index, ScopeIndex::new(bounds), Arc::clone(&boxes)));
        let gateway = Gateway::new(
            net.clone(),
            Arc::clone(shared),
            Upstreams::new(net.clone(), Directory),
            registry.recorder(index),
            Rc::clone(&neighbours),
            Companion::inline((props.embedder)(), 10_000),
            plan.seed ^ (index as u64) << 32,
        );
        let clock = world.clone();
        world.spawn(async move { neighbours.answer_letters(&clock).await });
        Rc::new(gateway)
    };
    (0..plan.shards).map(make).collect()
}

/// Spawns what the machine does beside serving; returns how many of those tasks never end.
fn machine<N: Fabric>(plan: &Plan, world: &World, shared: &Arc<Shared>, shards: &[Shard<N>]) -> usize {
    for shard in shards {
        let (shard, clock) = (Rc::clone(shard), world.clone());
        world.spawn(async move {
            loop {
                clock.sleep(Duration::from_secs(1)).await;
                shard.upstreams().sweep(clock.now()).await;
            }
        });
    }
    if let Some(at) = plan.reload_at {
        let (shared, clock, plan) = (Arc::clone(shared), world.clone(), plan.clone());
        world.spawn(async move {
            clock.sleep(at).await;
            let before = shared.deployment.load_full();
            let mut settings = settings(&plan);
            settings.providers.reverse();
            let deployment = Deployment::assemble(settings, None, Some(&before)).expect("as valid as before");
            shared.deployment.store(Arc::new(deployment));
            shared.generation.fetch_add(1, Ordering::Release);
        });
    }
    shards.len()
}

/// Lets every client come and go.
fn visit<N: Fabric>(plan: &Plan, world: &World, net: &N, shards: &[Shard<N>]) -> Vec<Record> {
    let records: Rc<RefCell<Vec<Option<Record>>>> = Rc::new(RefCell::new(vec![None; plan.clients.len()]));
    let seats: Rc<RefCell<Vec<Seat>>> = Rc::default();
    for (number, client) in plan.clients.iter().enumerate() {
        let (plan_of_one, seed) = (client.clone(), plan.seed);
        let (clock, records) = (world.clone(), Rc::clone(&records));
        let (net, shard, seats) = (net.clone(), Rc::clone(&shards[client.shard]), Rc::clone(&seats));
        world.spawn(async move {
            clock.sleep(plan_of_one.start).await;
            let here = connect(&clock, &net, shard, number, &plan_of_one, &seats);
            let record = client::run(clock.clone(), seed, plan_of_one, here).await;
            records.borrow_mut()[number] = Some(record);
        });
    }
    if let Some(drain) = plan.drain {
        let (clock, shared) = (world.clone(), Rc::clone(&shards[0]));
        world.spawn(async move { drained(&clock, shared.shared(), drain, &seats).await });
    }
    world.run(async {
        while records.borrow().iter().any(Option::is_none) {
            assert!(world.now().since(Tick(0)) < LONGEST, "a client waits for ever");
            world.sleep(Duration::from_secs(1)).await;
        }
    });
    records.take().into_iter().map(|record| record.expect("everybody has gone")).collect()
}

/// A connection, as far as a drain must know it.
struct Seat {
    reading: ReadingEnd,
    idle: Rc<Cell<bool>>,
}

fn connect<N: Fabric>(
    world: &World,
    net: &N,
    shard: Shard<N>,
    number: usize,
    plan: &ClientPlan,
    seats: &Rc<RefCell<Vec<Seat>>>,
) -> Socket {
    let (here, there) = world.pair_with(plan.window_bytes);
    let idle = Rc::new(Cell::new(true));
    seats.borrow_mut().push(Seat { reading: there.reading_end(), idle: Rc::clone(&idle) });
    let stream = net.accept(there);
    world.spawn(contained(number, async move { shard::serve(stream, shard, idle).await }));
    here
}

/// What a shard's own task does: a panic ends this connection and nothing else.
async fn contained(number: usize, serving: impl Future<Output = ()>) {
    let mut serving = pin!(serving);
    poll_fn(|context| {
        SERVED.set(Some(number));
        let polled = catch_unwind(AssertUnwindSafe(|| serving.as_mut().poll(context)));
        SERVED.set(None);
        polled.unwrap_or(Poll::Ready(()))
    })
    .await;
}

/// Drains as a shard does: first what is idle, after the deadline everything.
async fn drained(clock: &World, shared: &Shared, (at, grace): (Duration, Duration), seats: &RefCell<Vec<Seat>>) {
    clock.sleep(at).await;
    shared.draining.store(true, Ordering::Relaxed);
    let deadline = clock.now().after(grace);
    for tick in 1..600 {
        clock.sleep(Duration::from_millis(100)).await;
        let expired = clock.now() >= deadline;
        shared.expired.store(expired, Ordering::Relaxed);
        if expired || tick >= 3 {
            seats.borrow().iter().filter(|seat| expired || seat.idle.get()).for_each(|seat| seat.reading.end());
        }
    }
}

/// Lets everything run out and counts what did not.
fn aftermath<N: Fabric>(world: &World, shared: &Arc<Shared>, shards: &[Shard<N>], lasting: usize) -> Leftovers {
    world.pass(AFTERMATH);
    let busy = shards.iter().map(|shard| shard.upstreams().connections().1).sum();
    world.run(async {
        for shard in shards {
            shard.upstreams().close_idle().await;
        }
    });
    world.pass(Duration::from_secs(1));
    Leftovers {
        sockets: world.sockets(),
        tasks: world.tasks().saturating_sub(lasting),
        busy,
        // Every flight holds the cache it will leave.
        flights: Arc::strong_count(&shared.exact) - 1,
    }
}
