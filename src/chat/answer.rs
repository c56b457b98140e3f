//! A complete answer without a dialect.

use super::citation::{CITATIONS_MAX, Citation};
use super::request::{Extra, Part, RawJson};

/// Why the model stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It was done.
    Stop,
    /// A stop sequence was met; the sequence where the provider tells it.
    StopSequence(Option<String>),
    /// The token bound was met.
    Length,
    /// It wants tools.
    ToolCalls,
    /// The provider filtered the answer.
    ContentFilter,
    /// It declined.
    Refusal,
    /// It paused a long turn and expects to be called again.
    Pause,
    /// A reason we do not know, as the provider wrote it.
    Other(String),
}

/// The class of service that an answer got; dialects have words of their own for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceTier {
    /// The usual one.
    Default,
    /// Faster, for more.
    Priority,
    /// Slower, for less.
    Flex,
    /// Of capacity that was bought before.
    Scale,
}

/// Tokens, as the provider counted them. `None` = not reported.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// All input tokens, those read from and written to the provider's prompt cache included.
    pub input_tokens: u64,
    /// All output tokens, reasoning included.
    pub output_tokens: u64,
    /// Input tokens read from the provider's prompt cache.
    pub cache_read_tokens: Option<u64>,
    /// Input tokens written to the provider's prompt cache.
    pub cache_write_tokens: Option<u64>,
    /// Output tokens spent on reasoning.
    pub reasoning_tokens: Option<u64>,
    /// US dollars that the provider says the answer cost.
    pub cost_usd: Option<f64>,
    /// Were the numbers counted by us, because the provider sent none?
    pub estimated: bool,
    /// The usage object as one dialect wrote it, so that details survive a same-dialect replay.
    pub original: Option<Extra>,
}

impl Usage {
    /// Takes over later numbers of the same stream. Dialects that spread their numbers over several
    /// events send them cumulatively, so the larger one is the newer one.
    pub fn update(&mut self, later: &Usage) {
        self.input_tokens = self.input_tokens.max(later.input_tokens);
        self.output_tokens = self.output_tokens.max(later.output_tokens);
        self.cache_read_tokens = self.cache_read_tokens.max(later.cache_read_tokens);
        self.cache_write_tokens = self.cache_write_tokens.max(later.cache_write_tokens);
        self.reasoning_tokens = self.reasoning_tokens.max(later.reasoning_tokens);
        self.cost_usd = later.cost_usd.or(self.cost_usd);
        self.estimated = later.estimated;
        if later.original.is_some() {
            self.original.clone_from(&later.original);
        }
    }
}

/// One of the answers (`n`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// Its number.
    pub index: u64,
    /// What the model said, in order: thinking, text, tool calls, refusals.
    pub parts: Vec<Part>,
    /// Why it stopped; `None` means that it did not finish.
    pub finish: Option<Finish>,
    /// Log probabilities, as OpenAI writes them.
    pub logprobs: Option<RawJson>,
    /// Where it comes from.
    pub citations: Vec<Citation>,
    /// Fields of one dialect (e.g. `annotations` of the message).
    pub extra: Vec<Extra>,
}

impl Choice {
    /// Adds a source, as long as there are not too many.
    pub fn cite(&mut self, citation: Citation) {
        if self.citations.len() < CITATIONS_MAX {
            self.citations.push(citation);
        }
    }
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Answer {
    /// The provider's id.
    pub id: String,
    /// The model that the provider says it used.
    pub model: String,
    /// Unix seconds; 0 when the provider does not say.
    pub created_s: u64,
    /// The answers.
    pub choices: Vec<Choice>,
    /// Tokens.
    pub usage: Option<Usage>,
    /// The class of service that it got, where that is told.
    pub service_tier: Option<ServiceTier>,
    /// Fields of one dialect (`system_fingerprint` …).
    pub extra: Vec<Extra>,
}
