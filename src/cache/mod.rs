//! What has been answered before.
//
// CONTRACT
// -- key.rs
// pub struct Key([u8; 32]);  pub struct Scope([u8; 32]);
// /// SHA-256 (ring) over a canonical form written to `scratch`: namespace parts (length-prefixed), then the flat tape: top-level fields in
// /// sorted order of their names without `volatile`, everything below in the order given, white space and escapes normalised. Nothing
// /// ambiguous: every string length-prefixed and tagged.
// pub fn exact_key(namespace: &[&[u8]], body: Value<'_,'_>, volatile: &[&str], scratch: &mut Vec<u8>) -> Key;
// /// Same, with the last user text (identified by address) left out.
// pub fn scope_key(namespace, body, volatile, last_user_text: &str, scratch) -> Scope;
// -- record.rs
// pub enum Form { Whole, Events }         // one JSON answer, or normalised server-sent events as the provider sent them
// pub struct Record { pub dialect: &'static str, pub form: Form, pub bytes: Bytes, pub provider: Arc<str>, pub model: Arc<str>, pub usage: Option<Usage>, pub cost_usd: Option<f64>, pub stored: Tick, pub expires: Tick,
//     template: OnceLock<Option<ReplayTemplate-like>> (generic lazily computed slot: use `OnceLock<Arc<dyn Any + Send + Sync>>` or a concrete type living in cache) , answer: OnceLock<Option<Arc<Answer>>> }
//   the record does not know dialects (same layer); callers pass closures: record.answer_with(|record| -> Option<Answer>), record.template_with(|record| -> Option<Template>)
// -- exact.rs
// pub struct ExactCache { 64+ lock shards; bytes bounded process-wide; LRU-ish eviction (CLOCK/SIEVE/S3-FIFO — choose, measure hit ratio under Zipf in a test, say why) ; TTL }
// pub enum Lookup { Hit(Arc<Record>), Join(Arc<Flight>) /* someone is asking upstream right now */, Lead(Lead) /* you are the one; dropping it without completing wakes a follower to lead */ , Miss /* coalesce = false */ }
// impl ExactCache { pub fn new(bytes_max) ; pub fn lookup(self: &Arc<Self>, key: &Key, now: Tick, may_serve: bool, coalesce: bool) -> Lookup; pub fn insert(&self, key: Key, record: Arc<Record>, now: Tick); pub fn remove(&self,&Key); pub fn bytes()/entries()/evictions() }
// -- flight.rs
// /// One upstream answer that several callers wait for; works across shards (Wakers + Mutex held for nanoseconds).
// pub struct Flight; pub struct Lead { flight: Arc<Flight>, … }
// impl Lead { pub fn begin(&self, meta: FlightMeta{ dialect, provider, model, status.. , form }) ; pub fn push(&self, chunk: Bytes) /* normalised provider SSE events */; pub fn complete(self, record: Arc<Record>) ; pub fn fail(self, fault: Fault); pub fn followers(&self) -> usize; pub fn flight() }
// impl Drop for Lead → Abandoned: flight leaves the map, followers are woken with Outcome::Abandoned and call lookup again (one of them leads).
// pub struct Follower { cursor } ; impl Follower { pub async fn next(&mut self) -> Step }   // poll_fn based, cancel-safe, any executor
// pub enum Step { Meta(FlightMeta), Chunk(Bytes), Complete(Option<Arc<Record>>) , Failed(Fault), Abandoned }
// A streaming flight keeps its chunks so that late joiners read from the start; bytes bounded (16 MiB) → late joiners beyond are refused (lookup gives Miss).
// -- semantic.rs
// /// One shard's part of the semantic index: scopes it owns, each a flat store.
// pub struct ScopeIndex { … per-scope: Vec<f32> or int8+f32 vectors (384), entries { text: Box<str>, record: Arc<Record>, … } ; TTL, LRU by swap-remove, entries_max per scope, bytes bounded }
// impl ScopeIndex { pub fn nearest(&mut self, scope: &Scope, vector: &[f32], now: Tick, top: usize, similarity_min: f32) -> Vec<Candidate{ similarity: f32, text: Arc<str>, record: Arc<Record> }>; pub fn insert(&mut self, scope, vector, text, record, now) ; pub fn len() .. bytes() }
// pub fn owner(scope: &Scope, shards: usize) -> usize;
// -- verdict.rs
// /// candidates → verdict: pure. Guarded cosine first; the learned score comes later behind the same function.
// pub struct Policy { pub similarity_min: f32 }
// pub enum Verdict { Serve { index: usize, similarity: f32 }, Refuse(Vec of reasons per candidate) }   pub enum Veto { BelowThreshold, Numbers, Negation, … }
// pub fn judge(prompt: &str, candidates: &[Candidate], policy: &Policy) -> Verdict;
// vetoes: multiset of normalised numbers (digits, words, ordinals, units, dates, versions, currencies) equal; negation parity equal; plus what is cheap and general
// (antonym pairs, differing URLs/e-mails/ids, quoted strings, entity-like capitalised or rare unmatched words on both sides).
// pub fn eligible(text: &str) -> Result<(), Ineligible>   // code blocks, URLs/ids, long digit strings, first-person possessive, RAG-like payloads, > byte cap, non-Latin scripts the embedder was not trained on (see semantic-cache.md)
