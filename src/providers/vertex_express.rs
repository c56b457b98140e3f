//! Vertex AI in express mode: one address for everybody, and an API key instead of a project.

use super::{Credential, Kind, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "vertex_express",
    title: "Vertex AI, express mode",
    base_url: "https://aiplatform.googleapis.com/v1/publishers/google",
    dialect: "gemini",
    credential: Credential::Header("x-goog-api-key"),
    ..OPENAI_LIKE
};
