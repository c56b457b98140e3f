//! Together AI. It ignores a bound that is not called `max_tokens`.

use super::{Kind, OLDER, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "together",
    title: "Together AI",
    base_url: "https://api.together.xyz/v1",
    key_variable: Some("TOGETHER_API_KEY"),
    quirks: OLDER,
    ..OPENAI_LIKE
};
