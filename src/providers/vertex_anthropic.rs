//! Claude on Vertex AI: Anthropic's messages, wrapped so that the model stands in the path. No prices are known of
//! it: they depend on the place.

use super::{Envelope, Kind, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "vertex_anthropic",
    title: "Claude on Vertex AI",
    base_url: "https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION/publishers/anthropic",
    dialect: "anthropic_messages",
    envelope: Envelope::Vertex,
    default_max_tokens: Some(4096),
    note: "`base_url` names your project and place; `google` fetches and renews the access token",
    ..OPENAI_LIKE
};
