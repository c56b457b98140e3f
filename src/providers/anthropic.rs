//! Anthropic. Its messages dialect demands a bound on the answer, and every request a version header;
//! a caller's own version is forwarded, never pinned. An empty account, or a spent limit of one, is a bad request to it.

use super::{Credential, KeyRules, Kind, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "anthropic",
    title: "Anthropic",
    base_url: "https://api.anthropic.com",
    dialect: "anthropic_messages",
    credential: Credential::Header("x-api-key"),
    key_variable: Some("ANTHROPIC_API_KEY"),
    headers: &[("anthropic-version", "2023-06-01")],
    default_max_tokens: Some(4096),
    key_rules: KeyRules {
        rejections: &[
            (400, "Your credit balance is too low"),
            (400, "You have reached your specified API usage limits"),
        ],
        ..KeyRules::USUAL
    },
    ..OPENAI_LIKE
};
