//! Google AI Studio. The version stands in the dialect's path unless a `base_url` has one.

use super::{Credential, Kind};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "gemini",
    base_url: "https://generativelanguage.googleapis.com",
    dialect: "gemini",
    credential: Credential::Header("x-goog-api-key"),
    key_variable: Some("GEMINI_API_KEY"),
    headers: &[],
    default_max_tokens: None,
    legacy_max_tokens: false,
};
