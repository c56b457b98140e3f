//! OpenAI.

use super::{Kind, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "openai",
    title: "OpenAI",
    base_url: "https://api.openai.com/v1",
    also_speaks: &["openai_responses"],
    key_variable: Some("OPENAI_API_KEY"),
    ..OPENAI_LIKE
};
