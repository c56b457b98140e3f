//! Vertex AI in express mode: one address for everybody, and an API key instead of a project.

use super::{Credential, Kind};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "vertex_express",
    base_url: "https://aiplatform.googleapis.com/v1/publishers/google",
    dialect: "gemini",
    credential: Credential::Header("x-goog-api-key"),
    key_variable: None,
    headers: &[],
    default_max_tokens: None,
    legacy_max_tokens: false,
};
