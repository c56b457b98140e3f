//! Vertex AI with an access token of Google Cloud, which `google` renews. Its address names project and place.

use super::{Kind, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "vertex",
    title: "Vertex AI",
    base_url: "https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION/publishers/google",
    dialect: "gemini",
    note: "`base_url` names your project and place; `google` fetches and renews the access token",
    ..OPENAI_LIKE
};
