//! Cerebras. It answers 400 to OpenAI's fields for bookkeeping.

use super::{Kind, OPENAI_LIKE};
use crate::dialects::openai_chat::Quirks;

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "cerebras",
    title: "Cerebras",
    base_url: "https://api.cerebras.ai/v1",
    key_variable: Some("CEREBRAS_API_KEY"),
    quirks: Quirks { refused: &["store", "prompt_cache_key", "prompt_cache_retention"], ..Quirks::NONE },
    ..OPENAI_LIKE
};
