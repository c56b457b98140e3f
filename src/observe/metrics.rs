//! Where numbers are kept: per-shard blocks of cells with one writer each.
//!
//! The writer is the only one who changes a cell, so adding is a relaxed load and store (no locked
//! instruction, no shared cache line); the renderer on another thread may see a number a moment old,
//! never a torn one. Label values are looked up once and held as a handle. Only a label set never
//! seen on its shard takes the registry's lock, to keep the number of sets bounded process-wide.

use super::Attempt;
use super::Facts;
use super::catalogue::Group;
use super::catalogue::Id;
use super::catalogue::Kind;
use super::catalogue::block;
use super::numbers::nano_dollars;
use super::numbers::nanos;
use super::words::AttemptOutcome;
use super::words::CacheOutcome;
use super::words::CacheTier;
use super::words::ConnectionState;
use super::words::Direction;
use super::words::Embedding;
use super::words::Handshake;
use super::words::Limit;
use super::words::Lookup;
use super::words::fault_word;
use crate::chat::Usage;
use crate::fault;
use hashbrown::Equivalent;
use hashbrown::HashMap;
use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::Hash;
use std::hash::Hasher;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Most label sets per group of labels, process-wide; the same number again is allowed with the
/// surplus labels folded into [`OTHER`], then everything is.
pub(super) const LABEL_SETS_MAX: usize = 1_000;

/// Stands for label values beyond the bound.
pub(super) const OTHER: &str = "other";

/// The numbers of the whole process. Share it in an `Arc`: shards take a [`Recorder`] each, other
/// threads register what they know, the admin listener renders.
#[derive(Default)]
pub struct Registry {
    state: Mutex<State>,
    refused: AtomicU64,
}

#[derive(Default)]
struct State {
    blocks: Vec<Block>,
    provided: Vec<Provided>,
    counters: HashMap<(Id, Vec<Box<str>>), Arc<AtomicU64>>,
    known: HashMap<Group, HashSet<Labels>>,
}

/// The cells of one label set on one shard.
#[derive(Clone)]
pub(super) struct Block {
    pub(super) group: Group,
    pub(super) labels: Labels,
    pub(super) cells: Arc<[AtomicU64]>,
}

/// A value that somebody else keeps.
#[derive(Clone)]
pub(super) struct Provided {
    pub(super) id: Id,
    pub(super) labels: Vec<Box<str>>,
    pub(super) read: Arc<dyn Fn() -> u64 + Send + Sync>,
}

type Labels = Arc<[Box<str>]>;

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Registry::default()
    }

    /// The cells of one shard; call it on the shard's own thread.
    pub fn recorder(self: &Arc<Self>, shard: usize) -> Recorder {
        let own = Labels::from([shard.to_string().into_boxed_str()]);
        Recorder {
            inner: Rc::new(Inner {
                shard: self.open(Group::Shard, Labels::from([])),
                each: self.open(Group::EachShard, own),
                registry: Arc::clone(self),
                requests: RefCell::default(),
                models: RefCell::default(),
                providers: RefCell::default(),
                api_keys: RefCell::default(),
            }),
        }
    }

    /// Lets a value that another module keeps be read whenever metrics are rendered. `labels` are the
    /// values of all labels of the metric, open ones first; durations are nanoseconds. Registering
    /// the same metric and labels again replaces the reader. `read` runs on the rendering thread and
    /// must not block.
    pub fn provide(&self, id: Id, labels: &[&str], read: impl Fn() -> u64 + Send + Sync + 'static) {
        let labels = owned(id, labels);
        let provided = Provided { id, labels, read: Arc::new(read) };
        let mut state = self.lock();
        state.provided.retain(|known| known.id != id || known.labels != provided.labels);
        state.provided.push(provided);
    }

    /// Forgets a value whose keeper is gone.
    pub fn withdraw(&self, id: Id, labels: &[&str]) {
        let labels = owned(id, labels);
        self.lock().provided.retain(|known| known.id != id || known.labels != labels);
    }

    /// A counter for threads that are not shards; the same metric and labels give the same counter.
    pub fn counter(&self, id: Id, labels: &[&str]) -> SharedCounter {
        let labels = owned(id, labels);
        let cell = Arc::clone(self.lock().counters.entry((id, labels.clone())).or_default());
        let reader = Arc::clone(&cell);
        let names: Vec<&str> = labels.iter().map(|label| &**label).collect();
        self.provide(id, &names, move || reader.load(Ordering::Relaxed));
        SharedCounter(cell)
    }

    pub(super) fn snapshot(&self) -> (Vec<Block>, Vec<Provided>) {
        let state = self.lock();
        (state.blocks.clone(), state.provided.clone())
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn open(&self, group: Group, labels: Labels) -> Cells {
        let cells: Arc<[AtomicU64]> = (0..block(group)).map(|_| AtomicU64::new(0)).collect();
        self.lock().blocks.push(Block { group, labels, cells: Arc::clone(&cells) });
        Cells { group, cells }
    }

    /// May this label set have cells of its own, given that `bound` sets of its group may?
    fn admit(&self, group: Group, labels: &Labels, bound: usize) -> bool {
        let mut state = self.lock();
        let known = state.known.entry(group).or_default();
        if known.contains(labels) {
            return true;
        }
        if known.len() >= bound {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        known.insert(Arc::clone(labels))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // the state is never left half changed, so a panic elsewhere does not spoil it
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn owned(id: Id, labels: &[&str]) -> Vec<Box<str>> {
    let metric = id.metric();
    let expected = metric.group.labels().len() + metric.labels.len();
    assert_eq!(labels.len(), expected, "{} has {expected} labels", metric.name);
    labels.iter().map(|label| Box::from(*label)).collect()
}

/// A counter that several threads may add to.
#[derive(Clone, Debug)]
pub struct SharedCounter(Arc<AtomicU64>);

impl SharedCounter {
    /// Counts `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
}

/// The writer's side of one block.
struct Cells {
    group: Group,
    cells: Arc<[AtomicU64]>,
}

impl Cells {
    fn add(&self, id: Id, word: usize, n: u64) {
        let cell = self.cell(id, word);
        cell.store(cell.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    fn set(&self, id: Id, word: usize, value: u64) {
        self.cell(id, word).store(value, Ordering::Relaxed);
    }

    fn observe(&self, id: Id, word: usize, duration: Duration) {
        let Kind::Histogram(bounds) = id.metric().kind else {
            unreachable!("only histograms are observed");
        };
        let value = nanos(duration);
        let start = id.offset() + word * (bounds.len() + 2);
        let bucket = bounds.partition_point(|bound| *bound < value);
        for (place, n) in [(start + bucket, 1), (start + bounds.len() + 1, value)] {
            let cell = &self.cells[place];
            cell.store(cell.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
        }
    }

    fn cell(&self, id: Id, word: usize) -> &AtomicU64 {
        debug_assert_eq!(id.metric().group, self.group, "{} has its cells elsewhere", id.metric().name);
        &self.cells[id.offset() + word]
    }
}

/// The labels of a request's series. Values that a caller can invent (a model that no route knows)
/// belong in here as an empty string.
#[derive(Clone, Copy, Debug)]
pub struct RequestLabels<'a> {
    /// Name of the virtual key.
    pub key: &'a str,
    /// The provider that answered.
    pub provider: &'a str,
    /// The provider's model.
    pub model: &'a str,
    /// The model pattern of the route.
    pub route: &'a str,
    /// The caller's dialect.
    pub dialect: &'a str,
}

/// The cells of one provider and model on one shard.
pub struct ModelSeries(Cells);

/// The cells of one provider on one shard.
pub struct ProviderSeries(Cells);

impl ProviderSeries {
    /// One try ended.
    pub fn attempted(&self, outcome: AttemptOutcome) {
        self.0.add(Id::Attempts, outcome as usize, 1);
    }

    /// Another attempt was made after one at this provider.
    pub fn failed_over(&self) {
        self.0.add(Id::Failovers, 0, 1);
    }
}

/// The cells of one of a provider's keys on one shard.
struct ApiKeySeries(Cells);

/// The cells of one set of request labels on one shard, with those of its model and provider.
pub struct RequestSeries {
    cells: Cells,
    model: Rc<ModelSeries>,
    provider: Rc<ProviderSeries>,
    provider_name: Box<str>,
}

/// One shard's cells. Cheap to clone; never leaves its thread.
#[derive(Clone)]
pub struct Recorder {
    inner: Rc<Inner>,
}

struct Inner {
    registry: Arc<Registry>,
    shard: Cells,
    each: Cells,
    requests: RefCell<HashMap<OwnedSet, Rc<RequestSeries>>>,
    models: RefCell<HashMap<OwnedSet, Rc<ModelSeries>>>,
    providers: RefCell<HashMap<OwnedSet, Rc<ProviderSeries>>>,
    api_keys: RefCell<HashMap<OwnedSet, Rc<ApiKeySeries>>>,
}

impl Recorder {
    /// The series of these labels; keep the handle where the labels stay the same.
    pub fn series(&self, labels: &RequestLabels<'_>) -> Rc<RequestSeries> {
        let RequestLabels { key, provider, model, route, dialect } = *labels;
        let labels = [key, provider, model, route, dialect];
        self.inner.series(&self.inner.requests, Group::Request, &labels, |cells, admitted| RequestSeries {
            cells,
            model: self.model(&admitted[1], &admitted[2]),
            provider: self.provider(&admitted[1]),
            provider_name: admitted[1].clone(),
        })
    }

    /// The series of one provider, for its connections.
    pub fn provider(&self, name: &str) -> Rc<ProviderSeries> {
        self.inner.series(&self.inner.providers, Group::Provider, &[name], |cells, _| ProviderSeries(cells))
    }

    fn api_key(&self, provider: &str, name: &str) -> Rc<ApiKeySeries> {
        let labels = [provider, name];
        self.inner.series(&self.inner.api_keys, Group::ApiKey, &labels, |cells, _| ApiKeySeries(cells))
    }

    fn model(&self, provider: &str, model: &str) -> Rc<ModelSeries> {
        self.inner.series(&self.inner.models, Group::Model, &[provider, model], |cells, _| ModelSeries(cells))
    }

    /// Counts everything about one finished request; call it exactly once for each.
    pub fn finished(&self, series: &RequestSeries, facts: &Facts<'_>) {
        series.cells.add(Id::Requests, facts.outcome() as usize, 1);
        self.record_times(series, facts);
        record_price(series, facts);
        self.record_traffic(facts);
        self.record_refusal(facts);
        self.record_attempts(series, facts);
    }

    fn record_times(&self, series: &RequestSeries, facts: &Facts<'_>) {
        let times = &series.model.0;
        times.observe(Id::RequestDuration, 0, facts.total);
        if let Some(first_token) = facts.first_token {
            times.observe(Id::FirstToken, 0, first_token);
        }
        if let Some(upstream) = facts.upstream {
            times.observe(Id::UpstreamDuration, 0, upstream);
        }
        self.inner.shard.observe(Id::Overhead, facts.cache as usize, facts.overhead);
    }

    fn record_traffic(&self, facts: &Facts<'_>) {
        let shard = &self.inner.shard;
        shard.add(Id::BytesIn, 0, facts.bytes_in);
        shard.add(Id::BytesOut, 0, facts.bytes_out);
        if facts.stream {
            shard.add(Id::StreamsTotal, 0, 1);
            shard.add(Id::StreamEvents, 0, facts.stream_events);
        }
        if facts.client_gone {
            shard.add(Id::ClientGone, 0, 1);
        }
        if facts.cache == CacheOutcome::Coalesced {
            shard.add(Id::Coalesced, 0, 1);
        }
    }

    fn record_refusal(&self, facts: &Facts<'_>) {
        let Some(fault) = facts.fault else { return };
        self.inner.shard.add(Id::Faults, fault_word(fault.kind), 1);
        let limit = match fault.kind {
            fault::Kind::RequestRate => Limit::Requests,
            fault::Kind::TokenRate => Limit::Tokens,
            fault::Kind::BudgetSpent => Limit::Budget,
            _ => return,
        };
        self.inner.shard.add(Id::RateLimited, limit as usize, 1);
    }

    fn record_attempts(&self, series: &RequestSeries, facts: &Facts<'_>) {
        for (index, attempt) in facts.attempts.iter().enumerate() {
            let followed = index + 1 < facts.attempts.len();
            if *attempt.provider == *series.provider_name {
                record_attempt(&series.provider, attempt.outcome, followed);
            } else {
                record_attempt(&self.provider(attempt.provider), attempt.outcome, followed);
            }
            if !attempt.api_key.is_empty() {
                self.record_api_key(attempt);
            }
        }
    }

    fn record_api_key(&self, attempt: &Attempt<'_>) {
        let series = self.api_key(attempt.provider, attempt.api_key);
        series.0.add(Id::ApiKeyAttempts, attempt.outcome as usize, 1);
        if let Some(setback) = attempt.setback {
            series.0.add(Id::ApiKeySetbacks, setback as usize, 1);
        }
    }

    /// Counts a fault that no request carries: a head that cannot be read, a connection refused.
    pub fn faulted(&self, kind: fault::Kind) {
        self.inner.shard.add(Id::Faults, fault_word(kind), 1);
    }

    /// One look into a cache.
    pub fn looked_up(&self, tier: CacheTier, brought: Lookup) {
        self.inner.shard.add(Id::CacheLookups, tier as usize * Lookup::ALL.len() + brought as usize, 1);
    }

    /// What this shard's part of a cache holds now.
    pub fn cache_holds(&self, tier: CacheTier, entries: usize, bytes: usize) {
        self.inner.shard.set(Id::CacheEntries, tier as usize, entries as u64);
        self.inner.shard.set(Id::CacheBytes, tier as usize, bytes as u64);
    }

    /// This shard's part of a cache dropped `number` answers to make room.
    pub fn evicted(&self, tier: CacheTier, number: u64) {
        self.inner.shard.add(Id::CacheEvictions, tier as usize, number);
    }

    /// What became of a text handed to the embedder.
    pub fn embedded(&self, outcome: Embedding) {
        self.inner.shard.add(Id::Embeddings, outcome as usize, 1);
    }

    /// How long a vector took.
    pub fn embed_took(&self, duration: Duration) {
        self.inner.shard.observe(Id::EmbedDuration, 0, duration);
    }

    /// So many connections to providers are in this state now.
    pub fn pooled(&self, state: ConnectionState, number: usize) {
        self.inner.shard.set(Id::UpstreamConnections, state as usize, number as u64);
    }

    /// Connections opened to providers by this shard so far.
    pub fn connected(&self, total: u64) {
        self.inner.shard.set(Id::UpstreamConnects, 0, total);
    }

    /// TLS sessions begun by this shard so far.
    pub fn handshaken(&self, kind: Handshake, total: u64) {
        self.inner.shard.set(Id::Handshakes, kind as usize, total);
    }

    /// Requests this shard has sent again on a fresh connection so far.
    pub fn replayed(&self, total: u64) {
        self.inner.shard.set(Id::StaleReplays, 0, total);
    }

    /// A panic was contained.
    pub fn panicked(&self) {
        self.inner.each.add(Id::Panics, 0, 1);
    }

    /// A client connection was refused because the shard is full.
    pub fn connection_refused(&self) {
        self.inner.each.add(Id::ConnectionsRefused, 0, 1);
    }

    /// A client connection was accepted; it is open for as long as the result lives.
    #[must_use]
    pub fn connection(&self) -> Held {
        self.inner.each.add(Id::ConnectionsTotal, 0, 1);
        self.hold(Id::Connections)
    }

    /// A request was accepted; it is in flight for as long as the result lives.
    #[must_use]
    pub fn request(&self) -> Held {
        self.hold(Id::InFlight)
    }

    /// A streamed answer began; it is under way for as long as the result lives.
    #[must_use]
    pub fn stream(&self) -> Held {
        self.hold(Id::Streams)
    }

    fn hold(&self, id: Id) -> Held {
        self.inner.each.add(id, 0, 1);
        Held { inner: Rc::clone(&self.inner), id }
    }
}

fn record_attempt(provider: &ProviderSeries, outcome: AttemptOutcome, followed: bool) {
    provider.attempted(outcome);
    if followed {
        provider.failed_over();
    }
}

fn record_price(series: &RequestSeries, facts: &Facts<'_>) {
    let cells = &series.cells;
    if let Some(usage) = facts.usage {
        record_tokens(cells, if facts.cache.served() { Id::SavedTokens } else { Id::Tokens }, usage);
        cells.add(Id::EstimatedUsage, 0, u64::from(usage.estimated));
    }
    match facts.cost_usd.and_then(nano_dollars) {
        Some(paid) => cells.add(Id::Cost, 0, paid),
        None => cells.add(Id::UnknownCost, 0, u64::from(facts.usage.is_some() && !facts.cache.served())),
    }
    if let Some(saved) = facts.saved_usd.and_then(nano_dollars) {
        cells.add(Id::Saved, 0, saved);
    }
}

fn record_tokens(cells: &Cells, id: Id, usage: &Usage) {
    cells.add(id, Direction::Input as usize, usage.input_tokens);
    cells.add(id, Direction::Output as usize, usage.output_tokens);
    for (direction, tokens) in [
        (Direction::CacheRead, usage.cache_read_tokens),
        (Direction::CacheWrite, usage.cache_write_tokens),
        (Direction::Reasoning, usage.reasoning_tokens),
    ] {
        if let Some(tokens) = tokens {
            cells.add(id, direction as usize, tokens);
        }
    }
}

impl Inner {
    /// Finds or opens a series. What is opened is made from the labels that were admitted, which may
    /// not be those that were asked for.
    fn series<T>(
        &self,
        known: &RefCell<HashMap<OwnedSet, Rc<T>>>,
        group: Group,
        labels: &[&str],
        make: impl FnOnce(Cells, &[Box<str>]) -> T,
    ) -> Rc<T> {
        if let Some(series) = known.borrow().get(&BorrowedSet(labels)) {
            return Rc::clone(series);
        }
        let admitted = self.admitted(group, labels);
        if let Some(series) = known.borrow().get(&OwnedSet(Arc::clone(&admitted))) {
            return Rc::clone(series);
        }
        let series = Rc::new(make(self.registry.open(group, Arc::clone(&admitted)), &admitted));
        known.borrow_mut().insert(OwnedSet(admitted), Rc::clone(&series));
        series
    }

    /// The label set itself while there is room, then with its surplus labels folded, then folded
    /// altogether.
    fn admitted(&self, group: Group, labels: &[&str]) -> Labels {
        let whole: Labels = labels.iter().map(|label| Box::from(*label)).collect();
        if self.registry.admit(group, &whole, LABEL_SETS_MAX) {
            return whole;
        }
        let mut folded = labels.to_vec();
        for place in group.surplus() {
            folded[*place] = OTHER;
        }
        let folded: Labels = folded.into_iter().map(Box::from).collect();
        if self.registry.admit(group, &folded, 2 * LABEL_SETS_MAX) {
            return folded;
        }
        labels.iter().map(|_| Box::from(OTHER)).collect()
    }
}

/// Counts as one in a gauge until it is dropped.
pub struct Held {
    inner: Rc<Inner>,
    id: Id,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.inner.each.add(self.id, 0, 1_u64.wrapping_neg());
    }
}

/// A label set as a key, found by borrowed strings without building an owned one.
#[derive(PartialEq, Eq)]
struct OwnedSet(Labels);

struct BorrowedSet<'a>(&'a [&'a str]);

impl Hash for OwnedSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|label| label.hash(state));
    }
}

impl Hash for BorrowedSet<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|label| label.hash(state));
    }
}

impl Equivalent<OwnedSet> for BorrowedSet<'_> {
    fn equivalent(&self, owned: &OwnedSet) -> bool {
        self.0.iter().copied().eq(owned.0.iter().map(|label| &**label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::observe::Attempt;
    use crate::observe::words::KeySetback;

    const LABELS: RequestLabels<'static> =
        RequestLabels { key: "team", provider: "acme", model: "large", route: "large*", dialect: "openai_chat" };

    fn text(registry: &Registry) -> String {
        let mut out = String::new();
        registry.render(&mut out);
        out
    }

    /// The value of the sample that reads exactly `sample`.
    fn value(registry: &Registry, sample: &str) -> Option<String> {
        let text = text(registry);
        text.lines().find_map(|line| Some(line.strip_prefix(sample)?.strip_prefix(' ')?.to_owned()))
    }

    fn facts() -> Facts<'static> {
        Facts { status: 200, total: Duration::from_millis(30), overhead: Duration::from_micros(12), ..Facts::default() }
    }

    #[test]
    fn shards_are_summed() {
        let registry = Arc::new(Registry::new());
        for shard in 0..3 {
            let recorder = registry.recorder(shard);
            recorder.finished(&recorder.series(&LABELS), &facts());
        }
        let sample = "ringgate_requests_total{key=\"team\",provider=\"acme\",model=\"large\",route=\"large*\",\
                      dialect=\"openai_chat\",outcome=\"ok\"}";
        assert_eq!(value(&registry, sample).as_deref(), Some("3"));
    }

    #[test]
    fn gauges_are_shown_shard_by_shard_and_fall_when_dropped() {
        let registry = Arc::new(Registry::new());
        let (first, second) = (registry.recorder(0), registry.recorder(1));
        let held = (first.connection(), first.connection(), second.connection());
        let open = |shard: usize| value(&registry, &format!("ringgate_connections{{shard=\"{shard}\"}}"));
        assert_eq!((open(0).as_deref(), open(1).as_deref()), (Some("2"), Some("1")));
        drop(held);
        assert_eq!((open(0).as_deref(), open(1).as_deref()), (Some("0"), Some("0")));
        assert_eq!(value(&registry, "ringgate_connections_total{shard=\"0\"}").as_deref(), Some("2"));
    }

    #[test]
    fn histograms_are_cumulative_and_their_bounds_inclusive() {
        let registry = Arc::new(Registry::new());
        let recorder = registry.recorder(0);
        for micros in [500, 501, 2_000_000] {
            recorder.embed_took(Duration::from_micros(micros));
        }
        let at = |suffix: &str| value(&registry, &format!("ringgate_embed_seconds{suffix}")).unwrap();
        assert_eq!(at("_bucket{le=\"0.0005\"}"), "1");
        assert_eq!(at("_bucket{le=\"0.001\"}"), "2");
        assert_eq!(at("_bucket{le=\"0.25\"}"), "2");
        assert_eq!(at("_bucket{le=\"+Inf\"}"), "3");
        assert_eq!(at("_sum"), "2.001001");
        assert_eq!(at("_count"), "3");
    }

    #[test]
    fn bought_tokens_and_saved_tokens_are_apart() {
        let registry = Arc::new(Registry::new());
        let recorder = registry.recorder(0);
        let series = recorder.series(&LABELS);
        let usage = Usage { input_tokens: 10, output_tokens: 4, cache_read_tokens: Some(3), ..Usage::default() };
        let bought = Facts { usage: Some(&usage), cost_usd: Some(0.000_25), cache: CacheOutcome::Miss, ..facts() };
        recorder.finished(&series, &bought);
        recorder.finished(&series, &Facts { cost_usd: None, ..bought });
        recorder.finished(
            &series,
            &Facts { cost_usd: Some(0.0), saved_usd: Some(0.000_25), cache: CacheOutcome::Hit, ..bought },
        );
        let labels = "key=\"team\",provider=\"acme\",model=\"large\",route=\"large*\",dialect=\"openai_chat\"";
        let at = |name: &str, more: &str| value(&registry, &format!("ringgate_{name}{{{labels}{more}}}"));
        assert_eq!(at("tokens_total", ",direction=\"input\"").as_deref(), Some("20"));
        assert_eq!(at("tokens_total", ",direction=\"cache_read\"").as_deref(), Some("6"));
        assert_eq!(at("saved_tokens_total", ",direction=\"output\"").as_deref(), Some("4"));
        assert_eq!(at("cost_usd_total", "").as_deref(), Some("0.00025"));
        assert_eq!(at("saved_usd_total", "").as_deref(), Some("0.00025"));
        assert_eq!(at("unknown_cost_total", "").as_deref(), Some("1"));
    }

    #[test]
    fn attempts_count_for_their_own_provider() {
        let registry = Arc::new(Registry::new());
        let recorder = registry.recorder(0);
        let attempt = |provider, outcome| Attempt {
            provider,
            api_key: "main",
            setback: (outcome == AttemptOutcome::Timeout).then_some(KeySetback::Limited),
            model: "large",
            outcome,
            status: None,
            duration: Duration::from_millis(9),
        };
        let attempts = [attempt("first", AttemptOutcome::Timeout), attempt("acme", AttemptOutcome::Ok)];
        recorder.finished(&recorder.series(&LABELS), &Facts { attempts: &attempts, ..facts() });
        let at = |sample: &str| value(&registry, sample);
        assert_eq!(
            at("ringgate_upstream_attempts_total{provider=\"first\",outcome=\"timeout\"}").as_deref(),
            Some("1")
        );
        assert_eq!(at("ringgate_upstream_attempts_total{provider=\"acme\",outcome=\"ok\"}").as_deref(), Some("1"));
        assert_eq!(at("ringgate_failovers_total{provider=\"first\"}").as_deref(), Some("1"));
        let of_key = |name: &str| format!("ringgate_api_key_{name}");
        let limited = of_key("setbacks_total{provider=\"first\",api_key=\"main\",reason=\"limited\"}");
        assert_eq!(at(&limited).as_deref(), Some("1"));
        let answered = of_key("attempts_total{provider=\"acme\",api_key=\"main\",outcome=\"ok\"}");
        assert_eq!(at(&answered).as_deref(), Some("1"));
        assert_eq!(at("ringgate_failovers_total{provider=\"acme\"}"), None);
    }

    #[test]
    fn refusals_are_counted_by_kind_and_limit() {
        let registry = Arc::new(Registry::new());
        let recorder = registry.recorder(0);
        let fault = Fault::new(fault::Kind::TokenRate, "slow down");
        recorder.finished(&recorder.series(&LABELS), &Facts { status: 429, fault: Some(&fault), ..facts() });
        assert_eq!(value(&registry, "ringgate_faults_total{kind=\"token_rate\"}").as_deref(), Some("1"));
        assert_eq!(value(&registry, "ringgate_rate_limited_total{limit=\"tokens\"}").as_deref(), Some("1"));
        assert_eq!(value(&registry, "ringgate_rate_limited_total{limit=\"budget\"}").as_deref(), Some("0"));
    }

    #[test]
    fn two_closed_labels_do_not_mix() {
        let registry = Arc::new(Registry::new());
        let recorder = registry.recorder(0);
        for tier in CacheTier::ALL {
            for (times, brought) in Lookup::ALL.iter().enumerate() {
                (0..=times).for_each(|_| recorder.looked_up(*tier, *brought));
            }
        }
        for tier in CacheTier::ALL {
            for (times, brought) in Lookup::ALL.iter().enumerate() {
                let sample =
                    format!("ringgate_cache_lookups_total{{tier=\"{}\",outcome=\"{}\"}}", tier.word(), brought.word());
                assert_eq!(value(&registry, &sample), Some((times + 1).to_string()), "{sample}");
            }
        }
    }

    #[test]
    fn label_sets_are_bounded_across_shards() {
        let registry = Arc::new(Registry::new());
        let recorders = [registry.recorder(0), registry.recorder(1)];
        for number in 0..2 * LABEL_SETS_MAX {
            let model = format!("invented-{number}");
            let recorder = &recorders[number % 2];
            recorder.finished(&recorder.series(&RequestLabels { model: &model, ..LABELS }), &facts());
        }
        let text = text(&registry);
        let sets = text.lines().filter(|line| line.starts_with("ringgate_requests_total{")).count();
        assert_eq!(sets, LABEL_SETS_MAX + 1, "the bound and one set for the rest");
        let rest = "ringgate_requests_total{key=\"team\",provider=\"acme\",model=\"other\",route=\"other\",\
                    dialect=\"openai_chat\",outcome=\"ok\"}";
        assert_eq!(value(&registry, rest), Some(LABEL_SETS_MAX.to_string()));
        let times = "ringgate_request_duration_seconds_count{provider=\"acme\",model=\"other\"}";
        assert_eq!(value(&registry, times), Some(LABEL_SETS_MAX.to_string()));
        assert!(value(&registry, "ringgate_label_sets_refused_total").is_some_and(|refused| refused != "0"));
    }

    #[test]
    fn a_flood_in_every_label_ends_in_other() {
        let registry = Arc::new(Registry::new());
        let recorder = registry.recorder(0);
        for number in 0..3 * LABEL_SETS_MAX {
            let key = format!("key-{number}");
            recorder.finished(&recorder.series(&RequestLabels { key: &key, ..LABELS }), &facts());
        }
        let text = text(&registry);
        let sets = text.lines().filter(|line| line.starts_with("ringgate_requests_total{")).count();
        assert_eq!(sets, 2 * LABEL_SETS_MAX + 1);
        assert!(text.contains("{key=\"other\",provider=\"other\",model=\"other\",route=\"other\",dialect=\"other\""));
    }

    #[test]
    fn the_same_labels_give_the_same_series() {
        let registry = Arc::new(Registry::new());
        let recorder = registry.recorder(0);
        assert!(Rc::ptr_eq(&recorder.series(&LABELS), &recorder.series(&LABELS)));
        let moved = RequestLabels { key: "tea", provider: "macme", ..LABELS };
        assert!(!Rc::ptr_eq(&recorder.series(&LABELS), &recorder.series(&moved)));
    }

    #[test]
    fn values_of_others_are_read_when_rendered() {
        let registry = Arc::new(Registry::new());
        let recorder = registry.recorder(0);
        recorder.cache_holds(CacheTier::Semantic, 7, 700);
        let entries = Arc::new(AtomicU64::new(5));
        let reader = Arc::clone(&entries);
        registry.provide(Id::CacheEntries, &["exact"], || 1);
        registry.provide(Id::CacheEntries, &["exact"], move || reader.load(Ordering::Relaxed));
        registry.provide(Id::Uptime, &[], || 1_500_000_000);
        registry.provide(Id::BuildInfo, &["0.1.0"], || 1);
        entries.store(6, Ordering::Relaxed);
        let at = |sample: &str| value(&registry, sample);
        assert_eq!(at("ringgate_cache_entries{tier=\"exact\"}").as_deref(), Some("6"));
        assert_eq!(at("ringgate_cache_entries{tier=\"semantic\"}").as_deref(), Some("7"));
        assert_eq!(at("ringgate_uptime_seconds").as_deref(), Some("1.5"));
        assert_eq!(at("ringgate_build_info{version=\"0.1.0\"}").as_deref(), Some("1"));
        assert_eq!(at("ringgate_start_time_seconds"), None, "nobody registered it");
    }

    #[test]
    fn shared_counters_are_found_again() {
        let registry = Registry::new();
        registry.counter(Id::ConfigReloads, &["applied"]).add(2);
        registry.counter(Id::ConfigReloads, &["applied"]).add(3);
        assert_eq!(value(&registry, "ringgate_config_reloads_total{outcome=\"applied\"}").as_deref(), Some("5"));
    }

    #[test]
    #[should_panic(expected = "config_reloads_total has 1 labels")]
    fn a_missing_label_value_is_a_bug() {
        Registry::new().counter(Id::ConfigReloads, &[]);
    }

    #[test]
    fn a_label_cannot_break_out_of_its_quotes() {
        let registry = Arc::new(Registry::new());
        let recorder = registry.recorder(0);
        recorder.provider("a\"} 1\nringgate_fake 2\r\\").failed_over();
        let text = text(&registry);
        assert!(text.contains("{provider=\"a\\\"} 1\\nringgate_fake 2\u{fffd}\\\\\"} 1\n"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("ringgate_fake")));
    }

    #[test]
    fn every_line_of_the_text_is_well_formed() {
        let registry = Arc::new(Registry::new());
        let recorder = registry.recorder(0);
        recorder.finished(&recorder.series(&LABELS), &Facts { upstream: Some(Duration::from_secs(1)), ..facts() });
        let mut typed = HashSet::new();
        for line in text(&registry).lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                assert!(typed.insert(rest.split(' ').next().unwrap().to_owned()), "{line} stands twice");
            } else if !line.starts_with("# HELP ") {
                let (sample, number) = line.rsplit_once(' ').unwrap();
                assert!(number.parse::<f64>().is_ok(), "{line}");
                let name = sample.split('{').next().unwrap();
                let known = ["", "_bucket", "_sum", "_count"]
                    .iter()
                    .any(|suffix| name.strip_suffix(suffix).is_some_and(|name| typed.contains(name)));
                assert!(known, "{line} has no type");
            }
        }
    }
}
