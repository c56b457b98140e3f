//! Every metric of the gateway, one row each. The row is the metric: cells, text output and
//! `docs/metrics.md` are computed from it, so none of them can be forgotten or disagree.
//!
//! A row belongs to a [`Group`], which decides its open labels (values known only at run time) and
//! with them who owns its cells. Closed labels (all words known here) multiply the cells of the row.

use self::Kind::Counter;
use self::Kind::Gauge;
use super::words::AttemptOutcome;
use super::words::CacheOutcome;
use super::words::CacheTier;
use super::words::ConnectionState;
use super::words::Direction;
use super::words::Embedding;
use super::words::FAULTS;
use super::words::Handshake;
use super::words::KeySetback;
use super::words::Label;
use super::words::Limit;
use super::words::Lookup;
use super::words::Outcome;
use std::fmt::Write;

/// Every metric name begins with this.
pub const PREFIX: &str = "ringgate_";

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution; upper bounds in nanoseconds, ascending, `+Inf` implied.
    Histogram(&'static [u64]),
}

/// What a metric counts; cells hold whole numbers of the finest unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds; cells hold nanoseconds.
    Seconds,
    /// US dollars; cells hold nano-dollars.
    Dollars,
}

/// Which open labels a metric has, and so who owns its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// One value for the process, read from whoever registered it.
    Process,
    /// Cells per shard, shown as their sum.
    Shard,
    /// Cells per shard, shown shard by shard.
    EachShard,
    /// Cells per shard and provider.
    Provider,
    /// Cells per shard, provider and name of one of its keys.
    ApiKey,
    /// Cells per shard, provider and model.
    Model,
    /// Cells per shard and request series.
    Request,
}

impl Group {
    /// Every group.
    pub const ALL: [Group; 7] =
        [Group::Process, Group::Shard, Group::EachShard, Group::Provider, Group::ApiKey, Group::Model, Group::Request];

    /// The labels whose values are known only at run time.
    pub const fn labels(self) -> &'static [&'static str] {
        match self {
            Group::Process | Group::Shard => &[],
            Group::EachShard => &["shard"],
            Group::Provider => &["provider"],
            Group::ApiKey => &["provider", "api_key"],
            Group::Model => &["provider", "model"],
            Group::Request => &["key", "provider", "model", "route", "dialect"],
        }
    }

    /// The labels that become `other` first when there are too many label sets: those that a caller
    /// can invent values for, where there are any.
    pub(super) const fn surplus(self) -> &'static [usize] {
        match self {
            Group::Process | Group::Shard | Group::EachShard => &[],
            Group::Provider => &[0],
            Group::ApiKey => &[1],
            Group::Model => &[1],
            Group::Request => &[2, 3],
        }
    }
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its handle in code.
    pub id: Id,
    /// Its name without [`PREFIX`].
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// Its open labels and the owner of its cells.
    pub group: Group,
    /// Its closed labels.
    pub labels: &'static [Label],
    /// What it counts.
    pub unit: Unit,
    /// For people.
    pub help: &'static str,
}

macro_rules! catalogue {
    ($($id:ident: $kind:expr, $name:literal, $group:ident [$($label:expr),*], $unit:ident, $help:literal;)*) => {
        /// The handle of a metric in code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Id {
            $(#[doc = $help] $id,)*
        }

        /// Every metric, in the order of their [`Id`]s.
        pub const ALL: &[Metric] = &[$(Metric {
            id: Id::$id,
            name: $name,
            kind: $kind,
            group: Group::$group,
            labels: &[$($label),*],
            unit: Unit::$unit,
            help: $help,
        }),*];
    };
}

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const S: u64 = 1_000_000_000;

/// From a cached answer to a long generation.
const ANSWER: Kind = Kind::Histogram(&[
    100 * US,
    500 * US,
    MS,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    S,
    2 * S + 500 * MS,
    5 * S,
    10 * S,
    20 * S,
    30 * S,
    60 * S,
    120 * S,
    300 * S,
]);

/// The gateway's own time: finest where its budget lies.
const OVERHEAD: Kind = Kind::Histogram(&[
    5 * US,
    10 * US,
    20 * US,
    30 * US,
    50 * US,
    75 * US,
    100 * US,
    150 * US,
    200 * US,
    300 * US,
    500 * US,
    MS,
    2 * MS + 500 * US,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
]);

/// One vector on a busy or an idle core.
const VECTOR: Kind = Kind::Histogram(&[
    500 * US,
    MS,
    2 * MS,
    3 * MS,
    5 * MS,
    7 * MS + 500 * US,
    10 * MS,
    15 * MS,
    20 * MS,
    30 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
]);

const DRIVER: Label = Label { name: "driver", words: &["io_uring", "epoll"] };
const RELOAD: Label = Label { name: "outcome", words: &["applied", "refused"] };
const PROVIDER: Label = Label { name: "provider", words: &[] };
const RENEWED: Label = Label { name: "outcome", words: &["ok", "failed"] };
const RESOLVED: Label = Label { name: "outcome", words: &["ok", "no_address", "refused", "failed"] };
const SHARD: Label = Label { name: "shard", words: &[] };
const VERSION: Label = Label { name: "version", words: &[] };

catalogue! {
    Requests: Counter, "requests_total", Request [Outcome::LABEL], Count,
        "Finished requests by how they ended.";
    RequestDuration: ANSWER, "request_duration_seconds", Model [], Seconds,
        "From the first byte of a request to the last byte of its answer.";
    FirstToken: ANSWER, "time_to_first_token_seconds", Model [], Seconds,
        "From the first byte of a request to the first byte of content of its streamed answer.";
    UpstreamDuration: ANSWER, "upstream_duration_seconds", Model [], Seconds,
        "Time one request spent waiting for providers, all attempts together.";
    Overhead: OVERHEAD, "overhead_seconds", Shard [CacheOutcome::LABEL], Seconds,
        "The gateway's own time per request, without waiting for providers and callers; what a client \
         measures on top of it is the network.";
    Tokens: Counter, "tokens_total", Request [Direction::LABEL], Count,
        "Tokens bought from providers. cache_read and cache_write are parts of input, reasoning of output.";
    SavedTokens: Counter, "saved_tokens_total", Request [Direction::LABEL], Count,
        "Tokens of answers that came from the gateway's caches instead of a provider.";
    EstimatedUsage: Counter, "estimated_usage_total", Request [], Count,
        "Answers whose tokens were counted by the gateway because the provider did not say.";
    Cost: Counter, "cost_usd_total", Request [], Dollars,
        "Paid to providers, US dollars, where it is known.";
    UnknownCost: Counter, "unknown_cost_total", Request [], Count,
        "Answers bought from a provider whose cost is unknown: neither told nor priced.";
    Saved: Counter, "saved_usd_total", Request [], Dollars,
        "Not paid because the answer came from a cache, US dollars, where it is known.";
    BytesIn: Counter, "request_bytes_total", Shard [], Bytes,
        "Bytes of request bodies.";
    BytesOut: Counter, "answer_bytes_total", Shard [], Bytes,
        "Bytes of answer bodies.";
    Streams: Gauge, "streams", EachShard [], Count,
        "Streamed answers under way.";
    StreamsTotal: Counter, "streams_total", Shard [], Count,
        "Finished requests whose answer was streamed.";
    StreamEvents: Counter, "stream_events_total", Shard [], Count,
        "Events written to callers' streams.";
    ClientGone: Counter, "client_gone_total", Shard [], Count,
        "Requests whose caller left before the end.";
    Faults: Counter, "faults_total", Shard [FAULTS], Count,
        "Errors told to callers by kind.";
    RateLimited: Counter, "rate_limited_total", Shard [Limit::LABEL], Count,
        "Requests refused by a limit of this gateway.";
    CacheLookups: Counter, "cache_lookups_total", Shard [CacheTier::LABEL, Lookup::LABEL], Count,
        "Looks into a cache by what they brought.";
    Coalesced: Counter, "coalesced_total", Shard [], Count,
        "Requests answered by joining an identical one in flight.";
    CacheEntries: Gauge, "cache_entries", Shard [CacheTier::LABEL], Count,
        "Answers that can be found.";
    CacheBytes: Gauge, "cache_bytes", Shard [CacheTier::LABEL], Bytes,
        "Memory charged to a cache.";
    CacheEvictions: Counter, "cache_evictions_total", Shard [CacheTier::LABEL], Count,
        "Answers dropped to make room.";
    Attempts: Counter, "upstream_attempts_total", Provider [AttemptOutcome::LABEL], Count,
        "Tries at a provider by how they ended.";
    ApiKeyAttempts: Counter, "api_key_attempts_total", ApiKey [AttemptOutcome::LABEL], Count,
        "Tries with one of a provider's keys by how they ended.";
    ApiKeySetbacks: Counter, "api_key_setbacks_total", ApiKey [KeySetback::LABEL], Count,
        "Times one of a provider's keys was set aside because the provider rejected or limited it.";
    CredentialRenewals: Counter, "credential_renewals_total", Process [PROVIDER, RENEWED], Count,
        "Attempts at fetching the credential of a provider that is renewed while the gateway runs (google, aws).";
    CredentialExpiry: Gauge, "credential_expiry_seconds", Process [PROVIDER], Seconds,
        "When the credential of such a provider expires, seconds since the Unix epoch; 0 before the first one.";
    Failovers: Counter, "failovers_total", Provider [], Count,
        "Attempts at this provider after which another attempt was made.";
    UpstreamConnections: Gauge, "upstream_connections", Shard [ConnectionState::LABEL], Count,
        "Connections to providers.";
    UpstreamConnects: Counter, "upstream_connects_total", Shard [], Count,
        "Connections opened to providers.";
    Handshakes: Counter, "tls_handshakes_total", Shard [Handshake::LABEL], Count,
        "TLS sessions begun with providers.";
    StaleReplays: Counter, "stale_replays_total", Shard [], Count,
        "Requests sent again because a reused connection had closed without a byte of answer.";
    Connections: Gauge, "connections", EachShard [], Count,
        "Open client connections.";
    ConnectionsTotal: Counter, "connections_total", EachShard [], Count,
        "Client connections accepted.";
    ConnectionsRefused: Counter, "connections_refused_total", EachShard [], Count,
        "Client connections refused because the shard was full.";
    InFlight: Gauge, "requests_in_flight", EachShard [], Count,
        "Requests accepted and not yet settled.";
    Panics: Counter, "panics_total", EachShard [], Count,
        "Contained panics; each is a bug worth reporting.";
    EmbedQueue: Gauge, "embed_queue", Process [SHARD], Count,
        "Texts waiting for their vector.";
    Embeddings: Counter, "embeddings_total", Shard [Embedding::LABEL], Count,
        "Texts handed to the embedder by what became of them.";
    EmbedDuration: VECTOR, "embed_seconds", Shard [], Seconds,
        "From handing a text to the embedder to holding its vector, the queue included.";
    DnsLookups: Counter, "dns_lookups_total", Process [RESOLVED], Count,
        "Names resolved for providers.";
    ConfigReloads: Counter, "config_reloads_total", Process [RELOAD], Count,
        "Configuration reloads.";
    RequestLogDropped: Counter, "request_log_dropped_total", Process [], Count,
        "Request log lines lost because the queue was full or the file could not be written.";
    LogDropped: Counter, "log_dropped_total", Process [], Count,
        "Lines for people lost because standard error did not take them.";
    LabelOverflow: Counter, "label_sets_refused_total", Process [], Count,
        "Requests to open a label set beyond the bound; they are counted under \"other\".";
    IoDriver: Gauge, "io_driver_info", Process [DRIVER], Count,
        "1 for the kernel interface in use.";
    BuildInfo: Gauge, "build_info", Process [VERSION], Count,
        "1 for the running version.";
    StartTime: Gauge, "start_time_seconds", Process [], Seconds,
        "When the process started, seconds since the Unix epoch.";
    Uptime: Gauge, "uptime_seconds", Process [], Seconds,
        "How long the process has been running.";
    ResidentMemory: Gauge, "resident_memory_bytes", Process [], Bytes,
        "Physical memory the process holds.";
}

impl Id {
    /// The metric's row.
    pub const fn metric(self) -> &'static Metric {
        &ALL[self as usize]
    }

    /// Where the metric's cells begin in a block of its group.
    pub(super) const fn offset(self) -> usize {
        OFFSETS[self as usize]
    }
}

impl Metric {
    /// Cells of one combination of closed labels: a histogram has one per bucket, one for what lies
    /// beyond the last bound, and the sum.
    pub(super) const fn width(&self) -> usize {
        match self.kind {
            Kind::Counter | Kind::Gauge => 1,
            Kind::Histogram(bounds) => bounds.len() + 2,
        }
    }

    /// Combinations of closed labels.
    pub(super) const fn combinations(&self) -> usize {
        let mut product = 1;
        let mut index = 0;
        while index < self.labels.len() {
            product *= self.labels[index].words.len();
            index += 1;
        }
        product
    }
}

/// Cells of one block of a group.
pub(super) const fn block(group: Group) -> usize {
    let mut total = 0;
    let mut index = 0;
    while index < ALL.len() {
        if ALL[index].group as usize == group as usize {
            total += ALL[index].width() * ALL[index].combinations();
        }
        index += 1;
    }
    total
}

const OFFSETS: [usize; ALL.len()] = {
    let mut offsets = [0; ALL.len()];
    let mut used = [0; Group::ALL.len()];
    let mut index = 0;
    while index < ALL.len() {
        let group = ALL[index].group as usize;
        offsets[index] = used[group];
        used[group] += ALL[index].width() * ALL[index].combinations();
        index += 1;
    }
    offsets
};

/// The reference page, as it stands in `docs/metrics.md`.
pub fn markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    for metric in ALL {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let mut labels: Vec<String> = metric.group.labels().iter().map(|name| format!("`{name}`")).collect();
        labels.extend(metric.labels.iter().map(|label| describe(*label)));
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
        writeln!(page, "| `{PREFIX}{}` | {kind} | {labels} | {} |", metric.name, metric.help)
            .expect("writing to a string cannot fail");
    }
    page.push_str(BUCKETS);
    for metric in ALL {
        if let Kind::Histogram(bounds) = metric.kind {
            let bounds: Vec<String> = bounds.iter().map(|bound| super::numbers::Nanos(*bound).to_string()).collect();
            writeln!(page, "| `{PREFIX}{}` | {} |", metric.name, bounds.join(", "))
                .expect("writing to a string cannot fail");
        }
    }
    page
}

const INTRODUCTION: &str = "\
# Metrics

<!-- Generated from src/observe/catalogue.rs; do not edit. \
Regenerate: RINGGATE_REGENERATE=1 cargo test --lib observe::catalogue -->

`GET /metrics` on the admin listener answers in the Prometheus text format 0.0.4. Durations are seconds, \
money is US dollars. `key` is the name of a virtual key and `api_key` that of a provider's, never the key itself. At most 1,000 label sets \
are kept per group of labels; beyond that `model` and `route` become `other`. Series of providers, models \
and requests appear with their first event.

| metric | kind | labels | meaning |
|---|---|---|---|
";

const BUCKETS: &str = "
## Buckets

| histogram | upper bounds, seconds |
|---|---|
";

fn describe(label: Label) -> String {
    if label.words.is_empty() {
        return format!("`{}`", label.name);
    }
    format!("`{}` = {}", label.name, label.words.join(" \\| "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn rows_stand_in_the_order_of_their_handles() {
        for (index, metric) in ALL.iter().enumerate() {
            assert_eq!(metric.id as usize, index);
            assert_eq!(metric.id.metric().name, metric.name);
        }
    }

    #[test]
    fn names_follow_the_conventions() {
        let mut seen = HashSet::new();
        for metric in ALL {
            let name = metric.name;
            assert!(seen.insert(name), "{name} stands twice");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(
                metric.kind == Counter,
                name.ends_with("_total"),
                "{name}: counters, and only they, end in _total"
            );
            let stem = name.trim_end_matches("_total");
            let said = [(Unit::Seconds, "_seconds"), (Unit::Bytes, "_bytes"), (Unit::Dollars, "_usd")];
            for (unit, ending) in said {
                assert_eq!(metric.unit == unit, stem.ends_with(ending), "{name}: the unit ends the name");
            }
            assert!(metric.help.ends_with('.'), "{name}: help is a sentence");
        }
    }

    #[test]
    fn labels_are_closed_unless_the_process_owns_the_value() {
        for metric in ALL {
            let mut names: Vec<_> = metric.group.labels().to_vec();
            names.extend(metric.labels.iter().map(|label| label.name));
            assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{}: a label twice", metric.name);
            assert!(!names.contains(&"le"), "{}", metric.name);
            if metric.group != Group::Process {
                assert!(metric.combinations() > 0, "{}: open label without an owner", metric.name);
            }
        }
    }

    #[test]
    fn cells_do_not_overlap_and_fill_their_block() {
        for group in Group::ALL.into_iter().filter(|group| *group != Group::Process) {
            let mut next = 0;
            for metric in ALL.iter().filter(|metric| metric.group == group) {
                assert_eq!(metric.id.offset(), next, "{}", metric.name);
                next += metric.width() * metric.combinations();
            }
            assert_eq!(next, block(group));
        }
    }

    #[test]
    fn bounds_ascend_and_are_few() {
        for metric in ALL {
            if let Kind::Histogram(bounds) = metric.kind {
                assert!(bounds.is_sorted_by(|a, b| a < b), "{}", metric.name);
                assert!(bounds.len() <= 20, "{}", metric.name);
                assert_eq!(metric.unit, Unit::Seconds);
            }
        }
    }

    #[test]
    fn the_reference_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        if std::env::var_os("RINGGATE_REGENERATE").is_some() {
            std::fs::write(path, markdown()).expect("docs/ is writable");
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == markdown(), "docs/metrics.md is stale: run RINGGATE_REGENERATE=1 cargo test --lib observe");
    }
}
