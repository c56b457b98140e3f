//! One answer, kept.
//!
//! A record is immutable and stored once; every index holds a handle. It keeps the provider's own
//! bytes, because they replay to callers of the same dialect untouched, and derives other forms when
//! they are first wanted. Dialects lie in the same layer as the cache, so the record cannot know
//! them: the caller brings the derivation and the record only remembers its outcome.

use std::any::Any;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;

use crate::chat::Answer;
use crate::chat::Usage;
use crate::clock::Tick;

/// What the bytes of a record are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON answer.
    Whole,
    /// Server-sent events as the provider sent them, framing normalised.
    Events,
}

/// A complete, successful answer with what it cost. `bytes` should own its allocation: a slice of a
/// larger buffer would keep all of it alive.
#[derive(Debug)]
pub struct Record {
    /// Name of the dialect of `bytes`.
    pub dialect: &'static str,
    /// One answer or a stream.
    pub form: Form,
    /// As the provider sent it.
    pub bytes: Bytes,
    /// Who answered.
    pub provider: Arc<str>,
    /// The model that answered, in the provider's spelling.
    pub model: Arc<str>,
    /// Tokens, where known.
    pub usage: Option<Usage>,
    /// What the answer cost, US dollars.
    pub cost_usd: Option<f64>,
    /// When it was complete.
    pub stored: Tick,
    /// From when on it may not be served.
    pub expires: Tick,
    /// Forms worked out later; start with `Derived::default()`.
    pub derived: Derived,
}

/// Forms of an answer that are computed at most about once.
#[derive(Default)]
pub struct Derived {
    template: OnceLock<Option<Arc<dyn Any + Send + Sync>>>,
    answer: OnceLock<Option<Arc<Answer>>>,
}

/// Bytes that a record takes besides its text: struct, names, handles, index entries.
pub const RECORD_OVERHEAD_BYTES: usize = 512;

impl Record {
    /// How long ago it was stored: the `Age` of a reply.
    pub fn age(&self, now: Tick) -> Duration {
        now.since(self.stored)
    }

    /// May it still be served?
    pub fn is_fresh(&self, now: Tick) -> bool {
        now < self.expires
    }

    /// How long it may still be served.
    pub fn time_to_live(&self, now: Tick) -> Duration {
        self.expires.since(now)
    }

    /// Bytes to charge for it: its text twice, since a template holds a copy of it, and the rest.
    pub fn weight_bytes(&self) -> usize {
        self.bytes.len().saturating_mul(2).saturating_add(RECORD_OVERHEAD_BYTES)
    }

    /// The answer without a dialect; `derive` runs the first time, and its failure is remembered too.
    pub fn answer_with(&self, derive: impl FnOnce(&Record) -> Option<Answer>) -> Option<Arc<Answer>> {
        remembered(&self.derived.answer, || derive(self).map(Arc::new)).clone()
    }

    /// The text with holes for id and time; `derive` runs the first time, and its failure is
    /// remembered too. One record has one template type: asked for another, the answer is `None`.
    pub fn template_with<T: Any + Send + Sync>(&self, derive: impl FnOnce(&Record) -> Option<T>) -> Option<Arc<T>> {
        let derive = || derive(self).map(|template| Arc::new(template) as Arc<dyn Any + Send + Sync>);
        remembered(&self.derived.template, derive).clone()?.downcast().ok()
    }
}

impl std::fmt::Debug for Derived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Derived").finish_non_exhaustive()
    }
}

/// Like `get_or_init`, but two threads that come at once both compute instead of one sleeping: a
/// shard may not block, and the second result is equal and dropped.
fn remembered<T>(slot: &OnceLock<T>, compute: impl FnOnce() -> T) -> &T {
    if slot.get().is_none() {
        let _ = slot.set(compute());
    }
    slot.get().expect("the slot was just filled, by us or by another thread")
}

#[cfg(test)]
pub(super) fn sample(text: &str, stored: Tick, time_to_live: Duration) -> Arc<Record> {
    Arc::new(Record {
        dialect: "openai_chat",
        form: Form::Whole,
        bytes: Bytes::copy_from_slice(text.as_bytes()),
        provider: "demo".into(),
        model: "m".into(),
        usage: None,
        cost_usd: None,
        stored,
        expires: stored.after(time_to_live),
        derived: Derived::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn time_runs_out_at_expiry() {
        let record = sample("x", Tick(1_000), Duration::from_nanos(500));
        assert!(record.is_fresh(Tick(1_499)) && !record.is_fresh(Tick(1_500)));
        assert_eq!(record.age(Tick(1_200)), Duration::from_nanos(200));
        assert_eq!(record.time_to_live(Tick(1_200)), Duration::from_nanos(300));
        assert_eq!(record.time_to_live(Tick(9_000)), Duration::ZERO);
    }

    #[test]
    fn derived_forms_are_computed_once_failures_included() {
        let record = sample("x", Tick(0), Duration::from_secs(1));
        let runs = Cell::new(0);
        for _ in 0..3 {
            let template = record.template_with(|record| {
                runs.set(runs.get() + 1);
                Some(record.bytes.len())
            });
            assert_eq!(template.as_deref(), Some(&1));
            let answer = record.answer_with(|_| {
                runs.set(runs.get() + 1);
                None
            });
            assert!(answer.is_none());
        }
        assert_eq!(runs.get(), 2);
        assert!(record.template_with(|_| Some("another type")).is_none());
    }
}
