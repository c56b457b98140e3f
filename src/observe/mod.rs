//! What happened: metrics, the request log, and lines for people.
//
// CONTRACT
// -- catalogue.rs: one row per metric: name, kind (counter, gauge, histogram + buckets), labels, unit, help. Generates docs/metrics.md (a test compares).
// -- metrics.rs: per-thread cells, no lock on the hot path.
//   pub struct Registry (process-wide, Arc) ; impl Registry { pub fn new(); pub fn recorder(&self, shard: usize) -> Recorder; pub fn render(&self, out: &mut String) /* Prometheus text 0.0.4, sums over shards except per-shard gauges */ }
//   pub struct Recorder (one per shard, !Sync use but cells are Arc<Atomic> read by the renderer; single writer: load+store relaxed instead of fetch_add)
//   impl Recorder {
//     /// dynamic labels are looked up once and cached by the caller as a handle:
//     pub fn series(&self, labels: &RequestLabels { key: &str, provider: &str, model: &str, route: &str , dialect }) -> Rc<RequestSeries>;   // bounded: beyond N (1,000) distinct → "other"
//     RequestSeries { requests by outcome class (2xx,4xx,5xx,499), latency histogram seconds, overhead histogram, ttft histogram, upstream latency, input_tokens, output_tokens, cache_read_tokens, cost_usd (f64 bits), saved_usd, … with methods: fn finished(&self, outcome), fn latency(&self, Duration) …}
//     plain per-shard cells: connections (gauge), connections_total, requests_in_flight, http_faults by kind label, cache outcomes by (tier, outcome), upstream attempts by (provider, outcome), pool gauges (idle, busy), connects, tls handshakes (full, resumed), embed queue/outcomes, panics, bytes…
//   }
// -- log.rs: pub fn line(level, message, fields) → one line on stderr ("ringgate: …"), no colour unless terminal; rate limited variant `once_a_minute(key, …)`.
// -- request_log.rs: pub struct Entry<'a> {…}; writes one JSON line into a Vec<u8>; the writing thread is `control`'s. No bodies unless configured; never secrets.
