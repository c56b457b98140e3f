//! Groq. It refuses names of participants and what other providers add to their messages. Errors may come
//! inside a stream under `event: error`, and older models report tokens in `x_groq`.

use super::{Kind, OPENAI_LIKE};
use crate::dialects::openai_chat::Quirks;

/// As those of others, and the names of participants.
const GROQ_REFUSES: &[&str] = &[
    "name",
    "reasoning_content",
    "reasoning_details",
    "thinking_blocks",
    "refusal",
    "annotations",
    "audio",
    "function_call",
];

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "groq",
    title: "Groq",
    base_url: "https://api.groq.com/openai/v1",
    key_variable: Some("GROQ_API_KEY"),
    quirks: Quirks { refused: &["store"], refused_in_messages: GROQ_REFUSES, ..Quirks::NONE },
    ..OPENAI_LIKE
};
