//! Cerebras. It answers 400 to every field it does not list: OpenAI's for bookkeeping, and what other
//! providers add to their messages. Reasoning goes back under the name under which it came.

use super::{Kind, OPENAI_LIKE};
use crate::dialects::openai_chat::Quirks;

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "cerebras",
    title: "Cerebras",
    base_url: "https://api.cerebras.ai/v1",
    key_variable: Some("CEREBRAS_API_KEY"),
    quirks: Quirks {
        refused: &["store", "prompt_cache_key", "prompt_cache_retention"],
        refused_in_messages: &[
            "reasoning_details",
            "thinking_blocks",
            "refusal",
            "annotations",
            "audio",
            "function_call",
        ],
        renamed_in_messages: &[("reasoning_content", "reasoning")],
        ..Quirks::NONE
    },
    ..OPENAI_LIKE
};
