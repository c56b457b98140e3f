//! DeepSeek. It ignores a bound that is not called `max_tokens`, and fails on the role `developer`.

use super::{Kind, OLDER, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "deepseek",
    title: "DeepSeek",
    base_url: "https://api.deepseek.com",
    also_speaks: &["openai_responses"],
    key_variable: Some("DEEPSEEK_API_KEY"),
    quirks: OLDER,
    ..OPENAI_LIKE
};
