//! Text to vector, on the CPU, beside the shard and never inside it.
//
// CONTRACT
// pub const DIMENSIONS: usize = 384;  pub type Vector = Box<[f32; 384]> or Arc<[f32]>
// pub trait Embedder { /// Token ids of `text`, or why there is no vector for it (empty, too long, [UNK], too many bytes).
//     fn embed(&mut self, texts: &[&str], out: &mut Vec<Result<Vector, NoVector>>); }
// pub enum NoVector { Empty, TooLong, UnknownToken, Overloaded, Late, Absent, Failed }   (label() for metrics)
// implementations: onnx.rs (ort), hashed.rs (deterministic, for tests and the simulator), absent
// companion.rs: one thread per shard: pinned to the shard's core, SCHED_IDLE (fall back nice 19) via sys; bounded crossbeam queue; opportunistic batching of equal token length
//   pub struct Companion { … Clone handle … }; impl Companion { pub fn start(spec) -> …; /// never blocks: queue full = Err(Overloaded)
//     pub fn submit(&self, text: &str) -> Result<Pending, NoVector>; }
//   pub struct Pending: Future<Output = Result<Vector, NoVector>>  — a cross-thread one-shot on std Waker; polling it later again is allowed until it gives its value; dropping it lets the companion skip the job
//   + gauges: queue length, embedded, overflow, late, failed (atomics readable by metrics)
// model.rs: discovery of library and model folder, SHA-256 check of the model and tokenizer, start-up self-check with two stored vectors; every failure = one clear sentence, the gateway runs on without.
// pub enum Readiness { Ready, Disabled(String) }
