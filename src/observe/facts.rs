//! Everything that is remembered of one finished request, in one plain struct: metrics and request
//! log are two readers of the same facts, so they can never tell two stories.

use super::words::AttemptOutcome;
use super::words::CacheOutcome;
use super::words::KeySetback;
use super::words::Outcome;
use crate::chat::Usage;
use crate::fault::Fault;
use std::time::Duration;

/// One try at one provider.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The provider's configured name.
    pub provider: &'a str,
    /// The configured name of the key that was presented; empty when none was.
    pub api_key: &'a str,
    /// Why the key is avoided since.
    pub setback: Option<KeySetback>,
    /// The model asked for there.
    pub model: &'a str,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// The provider's status, if it sent one.
    pub status: Option<u16>,
    /// From the decision to ask until the outcome was known.
    pub duration: Duration,
}

/// One finished request. Build it when the request settles, from what the stages kept, with
/// `..Facts::default()` for what did not happen.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Our id of the request.
    pub request_id: &'a str,
    /// Name of the virtual key; empty when the caller was not recognised.
    pub key: &'a str,
    /// The caller's dialect.
    pub dialect: &'a str,
    /// The model pattern of the route that matched; empty when none did.
    pub route: &'a str,
    /// The model as the caller named it.
    pub requested_model: &'a str,
    /// The provider whose answer was given, from the cache too; empty when there was none.
    pub provider: &'a str,
    /// The configured name of the provider's key that paid for the answer; empty when none did.
    pub api_key: &'a str,
    /// The model whose answer was given.
    pub model: &'a str,
    /// Tries at providers, in order; empty for an answer from the cache.
    pub attempts: &'a [Attempt<'a>],
    /// The status that was sent, or would have been sent had the caller stayed.
    pub status: u16,
    /// Did the caller leave before the end?
    pub client_gone: bool,
    /// Did a stream end in an error event after it had begun?
    pub broken_stream: bool,
    /// What was told to the caller as an error.
    pub fault: Option<&'a Fault>,
    /// What the caches did.
    pub cache: CacheOutcome,
    /// Cosine similarity of a semantic hit.
    pub similarity: Option<f32>,
    /// Was the answer streamed to the caller?
    pub stream: bool,
    /// Events written to the caller's stream.
    pub stream_events: u64,
    /// Tokens of the answer; those of a cached answer are counted as saved.
    pub usage: Option<&'a Usage>,
    /// What was paid for this request, US dollars; `None` when no price is known.
    pub cost_usd: Option<f64>,
    /// What a cached answer would have cost, US dollars.
    pub saved_usd: Option<f64>,
    /// From the first byte of the request to the last byte of the answer.
    pub total: Duration,
    /// From the first byte of the request to the first byte of content; streams only.
    pub first_token: Option<Duration>,
    /// Spent waiting for providers; `None` when none was asked.
    pub upstream: Option<Duration>,
    /// Gateway time: the total without the time spent waiting for providers and for the caller.
    pub overhead: Duration,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// The tier the classifier chose, if it was asked.
    pub tier: Option<&'a str>,
    /// The classifier's score, 0 (simple) to 1 (hard).
    pub complexity: Option<f32>,
}

impl Default for Facts<'_> {
    fn default() -> Self {
        Facts {
            request_id: "",
            key: "",
            dialect: "",
            route: "",
            requested_model: "",
            provider: "",
            api_key: "",
            model: "",
            attempts: &[],
            status: 0,
            client_gone: false,
            broken_stream: false,
            fault: None,
            cache: CacheOutcome::Bypass,
            similarity: None,
            stream: false,
            stream_events: 0,
            usage: None,
            cost_usd: None,
            saved_usd: None,
            total: Duration::ZERO,
            first_token: None,
            upstream: None,
            overhead: Duration::ZERO,
            bytes_in: 0,
            bytes_out: 0,
            tier: None,
            complexity: None,
        }
    }
}

impl Facts<'_> {
    /// The one outcome of the request. Leaving wins over everything else: whatever would have been
    /// said, nobody heard it.
    pub fn outcome(&self) -> Outcome {
        match self.status {
            _ if self.client_gone => Outcome::ClientGone,
            _ if self.broken_stream => Outcome::BrokenStream,
            429 => Outcome::Limited,
            400..=499 => Outcome::ClientError,
            200..=399 => Outcome::Ok,
            _ => Outcome::ServerError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_one_outcome() {
        let outcome = |status| Facts { status, ..Facts::default() }.outcome();
        let said = [200, 204, 400, 401, 429, 500, 529, 0].map(outcome);
        use Outcome::*;
        assert_eq!(said, [Ok, Ok, ClientError, ClientError, Limited, ServerError, ServerError, ServerError]);
    }

    #[test]
    fn a_caller_that_left_heard_nothing() {
        let facts = Facts { status: 200, broken_stream: true, ..Facts::default() };
        assert_eq!(facts.outcome(), Outcome::BrokenStream);
        assert_eq!(Facts { client_gone: true, ..facts }.outcome(), Outcome::ClientGone);
    }
}
