//! Anthropic. Its messages dialect demands a bound on the answer, and every request a version header;
//! a caller's own version is forwarded, never pinned.

use super::{Credential, KeyRules, Kind};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "anthropic",
    base_url: "https://api.anthropic.com",
    dialect: "anthropic_messages",
    credential: Credential::Header("x-api-key"),
    key_variable: Some("ANTHROPIC_API_KEY"),
    headers: &[("anthropic-version", "2023-06-01")],
    default_max_tokens: Some(4096),
    legacy_max_tokens: true,
    key_rules: KeyRules { rejections: &[(400, "Your credit balance is too low")], ..KeyRules::USUAL },
};
