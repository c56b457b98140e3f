//! Cohere, through its own chat API.

use super::{Credential, Kind};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "cohere",
    base_url: "https://api.cohere.com",
    dialect: "cohere_chat",
    credential: Credential::Bearer,
    key_variable: Some("CO_API_KEY"),
    headers: &[],
    default_max_tokens: None,
    legacy_max_tokens: true,
};
