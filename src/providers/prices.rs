//! What an answer costs: rates, and how tokens are charged by them.
//!
//! Tokens that a provider read from or wrote to its prompt cache are part of the input and charged once,
//! at their own rate; so is reasoning, as a part of the output. A rate that is not known apart is the one
//! of the whole it belongs to.

use crate::chat::Usage;
use crate::config::Price;
use serde::Deserialize;

const TOKENS_PER_RATE: f64 = 1_000_000.0;

/// US dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Rates {
    /// Input.
    pub input: f64,
    /// Output.
    pub output: f64,
    /// Input read from the provider's prompt cache; the input's unless known.
    pub cache_read: Option<f64>,
    /// Input written to it; the input's unless known.
    pub cache_write: Option<f64>,
    /// Output spent on reasoning; the output's unless known.
    pub reasoning: Option<f64>,
}

impl Rates {
    /// Those of an operator's own price.
    pub fn configured(price: &Price) -> Rates {
        Rates {
            input: price.input_usd_per_mtok,
            output: price.output_usd_per_mtok,
            cache_read: price.cache_read_usd_per_mtok,
            cache_write: price.cache_write_usd_per_mtok,
            reasoning: price.reasoning_usd_per_mtok,
        }
    }

    /// What `usage` costs, US dollars.
    pub fn cost(&self, usage: &Usage) -> f64 {
        let read = usage.cache_read_tokens.unwrap_or(0).min(usage.input_tokens);
        let written = usage.cache_write_tokens.unwrap_or(0).min(usage.input_tokens - read);
        let plain = usage.input_tokens - read - written;
        let reasoning = usage.reasoning_tokens.unwrap_or(0).min(usage.output_tokens);
        let at = |tokens: u64, rate: f64| tokens as f64 * rate / TOKENS_PER_RATE;
        at(plain, self.input)
            + at(read, self.cache_read.unwrap_or(self.input))
            + at(written, self.cache_write.unwrap_or(self.input))
            + at(usage.output_tokens - reasoning, self.output)
            + at(reasoning, self.reasoning.unwrap_or(self.output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATES: Rates = Rates { input: 2.0, output: 10.0, cache_read: Some(0.5), cache_write: None, reasoning: None };

    fn usage(input_tokens: u64, output_tokens: u64) -> Usage {
        Usage { input_tokens, output_tokens, ..Usage::default() }
    }

    #[test]
    fn parts_are_charged_apart_and_once() {
        let million = usage(1_000_000, 100_000);
        let cached = Usage { cache_read_tokens: Some(400_000), ..million.clone() };
        assert!((RATES.cost(&million) - (2.0 + 1.0)).abs() < 1e-9);
        assert!((RATES.cost(&cached) - (1.2 + 0.2 + 1.0)).abs() < 1e-9);
        let both = Usage { cache_write_tokens: Some(600_000), ..cached.clone() };
        assert!((RATES.cost(&both) - (1.2 + 0.2 + 1.0)).abs() < 1e-9, "writes cost what input costs");
        let dear = Rates { cache_write: Some(2.5), ..RATES };
        assert!((dear.cost(&both) - (1.5 + 0.2 + 1.0)).abs() < 1e-9);
        let thought = Usage { reasoning_tokens: Some(60_000), ..million };
        assert!((RATES.cost(&thought) - (2.0 + 1.0)).abs() < 1e-9, "reasoning is part of the output");
        let cheap = Rates { reasoning: Some(5.0), ..RATES };
        assert!((cheap.cost(&thought) - (2.0 + 0.4 + 0.3)).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn numbers_that_contradict_each_other_cost_no_more_than_their_wholes(
            input in 0u64..1_000_000,
            output in 0u64..1_000_000,
            read in prop::option::of(0u64..2_000_000),
            written in prop::option::of(0u64..2_000_000),
            reasoning in prop::option::of(0u64..2_000_000),
        ) {
            let whole = usage(input, output);
            let parts = Usage {
                cache_read_tokens: read,
                cache_write_tokens: written,
                reasoning_tokens: reasoning,
                ..whole.clone()
            };
            let flat = Rates { cache_read: None, ..RATES };
            prop_assert!((flat.cost(&parts) - flat.cost(&whole)).abs() < 1e-6);
            prop_assert!(RATES.cost(&parts) <= RATES.cost(&whole) + 1e-6 && RATES.cost(&parts) >= 0.0);
        }
    }
}
