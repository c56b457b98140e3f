//! Text to vector, on the CPU, beside the shard and never inside it.
//!
//! A run of the model takes about a millisecond, a shard may not think for longer than a fifth of
//! one. So every shard has a [`Companion`]: a thread of the idle scheduling class on the shard's own
//! core. Whatever goes wrong there (no library, no model, a full queue, a panic) means "no vector",
//! and a request without a vector is a cache miss, never an error.

use crate::config::Embedding;
use crate::config::Placement;
use crate::sys::thread::Class;
use std::sync::Arc;

pub mod companion;
pub mod hashed;
pub mod model;
pub mod onnx;
pub mod pending;
pub mod tokenizer;
mod worker;

use companion::Announce;
pub use companion::Companion;
pub use companion::Readiness;
use onnx::OnnxSource;
pub use onnx::forbid_telemetry;
pub use pending::Pending;

/// Components of a vector.
pub const DIMENSIONS: usize = 384;

/// Most bytes of text per permitted token. English prose has four to six; what has more is refused
/// before tokenising, because tokenising a megabyte takes more than a second.
pub const BYTES_PER_TOKEN_MAX: usize = 12;

/// An embedding of unit length. Shared, because cache, router and another shard may all want it.
pub type Vector = Arc<[f32]>;

/// Why a text has no vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoVector {
    /// Nothing is left of it once white space and control characters are gone.
    Empty,
    /// More tokens, or more bytes, than the model is asked for.
    TooLong,
    /// It holds something the model has no word for: its vector would equal those of other texts.
    UnknownToken,
    /// The companion's queue is full, or the shard is too busy to share its core.
    Overloaded,
    /// The caller's deadline passed first.
    Late,
    /// The model is being loaded.
    Starting,
    /// There is no embedder in this process.
    Absent,
    /// The embedder broke on it.
    Failed,
}

impl NoVector {
    /// Every reason, for metrics.
    pub const ALL: [NoVector; 8] = [
        NoVector::Empty,
        NoVector::TooLong,
        NoVector::UnknownToken,
        NoVector::Overloaded,
        NoVector::Late,
        NoVector::Starting,
        NoVector::Absent,
        NoVector::Failed,
    ];

    /// Its name in metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            NoVector::Empty => "empty",
            NoVector::TooLong => "too_long",
            NoVector::UnknownToken => "unknown_token",
            NoVector::Overloaded => "overloaded",
            NoVector::Late => "late",
            NoVector::Starting => "starting",
            NoVector::Absent => "absent",
            NoVector::Failed => "failed",
        }
    }
}

/// A text as the model reads it. Texts of equal length may run together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens(Vec<i64>);

impl Tokens {
    /// Takes ids that an embedder made.
    pub fn new(ids: Vec<i64>) -> Tokens {
        Tokens(ids)
    }

    /// The ids, the model's start and end marks included.
    pub fn ids(&self) -> &[i64] {
        &self.0
    }

    /// Number of ids.
    pub fn length(&self) -> usize {
        self.0.len()
    }
}

/// The embedder is of no further use and must be built again; the sentence says what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub String);

/// Turns texts into vectors. Two steps, so that whoever has several texts can run those of equal
/// length together and answer each as soon as it is done.
pub trait Embedder {
    /// Reads `text`.
    ///
    /// # Errors
    /// Says why there can be no vector for it.
    fn tokens(&mut self, text: &str) -> Result<Tokens, NoVector>;

    /// Appends one vector per member of `batch` to `out`, in order. All members have the same length.
    ///
    /// # Errors
    /// The embedder broke; `out` may hold anything.
    fn vectors(&mut self, batch: &[Tokens], out: &mut Vec<Vector>) -> Result<(), Broken>;

    /// Appends one result per text to `out`, in order.
    fn embed(&mut self, texts: &[&str], out: &mut Vec<Result<Vector, NoVector>>) {
        let read: Vec<_> = texts.iter().map(|text| self.tokens(text)).collect();
        let start = out.len();
        out.extend(read.iter().map(|tokens| Err(tokens.as_ref().err().copied().unwrap_or(NoVector::Failed))));
        let mut waiting: Vec<(usize, Tokens)> =
            read.into_iter().enumerate().filter_map(|(index, tokens)| Some((start + index, tokens.ok()?))).collect();
        waiting.sort_by_key(|(_, tokens)| tokens.length());
        for group in waiting.chunk_by(|one, next| one.1.length() == next.1.length()) {
            let batch: Vec<Tokens> = group.iter().map(|(_, tokens)| tokens.clone()).collect();
            let mut vectors = Vec::with_capacity(batch.len());
            if self.vectors(&batch, &mut vectors).is_ok() {
                for ((index, _), vector) in group.iter().zip(vectors) {
                    out[*index] = Ok(vector);
                }
            }
        }
    }
}

/// Starts the companion of shard number `shard`, which runs on `core`. All shards share `source`.
pub fn companion_of_shard(
    shard: usize,
    core: Option<usize>,
    settings: &Embedding,
    source: &Arc<OnnxSource>,
    announce: Option<Announce>,
) -> Companion {
    if settings.placement == Placement::Off {
        return Companion::absent("embedding.placement is off");
    }
    let spec = companion::Spec {
        name: format!("embed-{shard}"),
        core,
        class: Class::Idle,
        queue_max: settings.queue_max,
        text_bytes_max: text_bytes_max(source.tokens_max()),
        announce,
    };
    let source = source.clone();
    Companion::start(spec, move || Ok(Box::new(source.open()?)))
}

/// Most bytes of a text that may have `tokens_max` tokens.
pub fn text_bytes_max(tokens_max: usize) -> usize {
    tokens_max.saturating_mul(BYTES_PER_TOKEN_MAX)
}

/// Dot product; of two vectors of unit length that is their cosine similarity. Components beyond the
/// shorter one's end are ignored.
pub fn vector_dot(a: &[f32], b: &[f32]) -> f32 {
    // Sixteen running sums instead of one: additions no longer wait for each other and fill the
    // widest registers, which the compiler may not arrange by itself because rounding would differ.
    const LANES: usize = 16;
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

/// Scales `vector` to unit length. `None` when it has no direction (all zero, or not finite).
pub fn unit(mut vector: Vec<f32>) -> Option<Vector> {
    let length = vector_dot(&vector, &vector).sqrt();
    if !length.is_finite() || length == 0.0 {
        return None;
    }
    vector.iter_mut().for_each(|component| *component /= length);
    Some(vector.into())
}

#[cfg(test)]
mod tests {
    use super::hashed::HashedEmbedder;
    use super::*;

    #[test]
    fn the_dot_product_is_that_of_the_text_book() {
        for length in [0, 1, 15, 16, 17, 384, 400] {
            let a: Vec<f32> = (0..length).map(|i| (i % 7) as f32 - 3.0).collect();
            let b: Vec<f32> = (0..length).map(|i| (i % 5) as f32 - 2.0).collect();
            let plain: f32 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
            assert!((vector_dot(&a, &b) - plain).abs() < 1e-2, "{length}");
        }
    }

    #[test]
    fn nothing_has_no_direction() {
        assert!(unit(vec![0.0; 4]).is_none());
        assert!(unit(vec![f32::NAN, 1.0]).is_none());
        assert_eq!(unit(vec![3.0, 4.0]).expect("has a direction")[..], [0.6, 0.8]);
    }

    #[test]
    fn embedding_several_keeps_their_order() {
        let texts = ["one two three", "", "four five six", "a much longer text than the others"];
        let mut together = vec![Err(NoVector::Late)];
        HashedEmbedder::new(64).embed(&texts, &mut together);
        assert_eq!(together.len(), 5);
        assert_eq!(together[0], Err(NoVector::Late));
        for (text, result) in texts.iter().zip(&together[1..]) {
            let mut alone = Vec::new();
            HashedEmbedder::new(64).embed(&[text], &mut alone);
            assert_eq!(&alone[0], result, "{text}");
        }
    }

    #[test]
    fn labels_are_distinct() {
        let labels: std::collections::HashSet<_> = NoVector::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!(labels.len(), NoVector::ALL.len());
    }
}
