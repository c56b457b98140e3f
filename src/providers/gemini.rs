//! Google AI Studio. The version stands in the dialect's path unless a `base_url` has one.

use super::{Credential, Kind, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "gemini",
    title: "Gemini (Google AI Studio)",
    base_url: "https://generativelanguage.googleapis.com",
    dialect: "gemini",
    credential: Credential::Header("x-goog-api-key"),
    key_variable: Some("GEMINI_API_KEY"),
    ..OPENAI_LIKE
};
