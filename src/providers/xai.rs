//! xAI. A wrong key is a bad request to it.

use super::{KeyRules, Kind, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "xai",
    title: "xAI",
    base_url: "https://api.x.ai/v1",
    also_speaks: &["openai_responses"],
    key_variable: Some("XAI_API_KEY"),
    key_rules: KeyRules {
        rejections: &[(400, "Incorrect API key"), (400, "Incorrect%20API%20key")],
        ..KeyRules::USUAL
    },
    ..OPENAI_LIKE
};
