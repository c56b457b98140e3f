//! What is known of one request, gathered while it runs and told once at its end.

use super::reply::CacheOutcome;
use crate::chat::Usage;
use crate::clock::Tick;
use crate::fault::Fault;
use crate::keys::Setback;
use crate::observe::AttemptOutcome;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// One try at one provider.
#[derive(Clone, Debug)]
pub struct Try {
    /// Index of the provider.
    pub provider: usize,
    /// Index of the key among the provider's; `None` if the request could not even be written.
    pub key: Option<usize>,
    /// What became of the key.
    pub setback: Option<Setback>,
    /// The provider's model.
    pub model: Arc<str>,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// The provider's status, if it sent one.
    pub status: Option<u16>,
    /// How long it took.
    pub duration: Duration,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Not yet.
    Open,
    /// The whole answer was given.
    Answered,
    /// A refusal or failure was told before any content.
    Refused,
    /// The stream broke after content; the caller was told.
    Broken,
    /// The caller left.
    Vanished,
}

/// The life of one request.
#[derive(Debug)]
pub struct Story {
    /// When its head was complete.
    pub started: Tick,
    /// Its id, ours or the caller's.
    pub request_id: Box<str>,
    /// Who asked: index of the caller, once it was recognised.
    pub caller: Option<usize>,
    /// The route taken.
    pub route: Option<usize>,
    /// The model as the caller named it, once it was read.
    pub requested_model: Option<Arc<str>>,
    /// Streamed?
    pub stream: bool,
    /// Tries at providers, in order.
    pub tries: Vec<Try>,
    /// Who answered.
    pub provider: Option<usize>,
    /// Index of the provider's key that paid for it.
    pub key: Option<usize>,
    /// The model that answered, by the provider's name for it.
    pub model: Option<Arc<str>>,
    /// How the caches took part.
    pub cache: CacheOutcome,
    /// Seconds since the cached answer was given, on hits.
    pub cache_age_s: Option<u64>,
    /// Tokens.
    pub usage: Option<Usage>,
    /// Dollars spent, if the price is known.
    pub cost_usd: Option<f64>,
    /// Dollars not spent thanks to the cache, if the price is known.
    pub saved_usd: Option<f64>,
    /// Time spent waiting for a provider.
    pub upstream: Duration,
    /// Time the prompt waited for its vector.
    pub embedding: Duration,
    /// Status sent.
    pub status: u16,
    /// What went wrong.
    pub fault: Option<Fault>,
    /// What the provider that refused last said of itself, as lines of a head.
    pub upstream_fields: Vec<u8>,
    /// Complexity tier and score, where the route asked for one.
    pub complexity: Option<(crate::config::Tier, f32)>,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// How it ended.
    pub ending: Ending,
    /// Streamed events relayed.
    pub events: u64,
    /// The request's body, where the operator wants bodies in the log.
    pub asked: Option<Box<[u8]>>,
    /// The provider's answer (JSON or events), where the operator wants bodies in the log.
    pub answer: Option<Bytes>,
}

impl Story {
    /// A request whose head has just been read.
    pub fn begin(started: Tick, request_id: Box<str>) -> Self {
        Story {
            started,
            request_id,
            caller: None,
            route: None,
            requested_model: None,
            stream: false,
            tries: Vec::new(),
            provider: None,
            key: None,
            model: None,
            cache: CacheOutcome::Bypass,
            cache_age_s: None,
            usage: None,
            cost_usd: None,
            saved_usd: None,
            upstream: Duration::ZERO,
            embedding: Duration::ZERO,
            status: 0,
            fault: None,
            upstream_fields: Vec::new(),
            complexity: None,
            bytes_in: 0,
            ending: Ending::Open,
            events: 0,
            asked: None,
            answer: None,
        }
    }
}
