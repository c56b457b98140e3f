//! vLLM on this machine. Whether the role `developer` is known depends on the model's template.

use super::{Kind, OPENAI_LIKE};
use crate::dialects::openai_chat::Quirks;

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "vllm",
    title: "vLLM",
    base_url: "http://localhost:8000/v1",
    key_variable: None,
    quirks: Quirks { only_system: true, ..Quirks::NONE },
    note: "needs no key",
    ..OPENAI_LIKE
};
