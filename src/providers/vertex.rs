//! Vertex AI with an access token of Google Cloud. Its address names project and place, so there is none to
//! assume: `https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION/publishers/google`.

use super::{Credential, Kind};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "vertex",
    base_url: "",
    dialect: "gemini",
    credential: Credential::Bearer,
    key_variable: None,
    headers: &[],
    default_max_tokens: None,
    legacy_max_tokens: false,
};
