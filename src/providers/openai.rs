//! OpenAI.

use super::{Credential, Kind};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "openai",
    base_url: "https://api.openai.com/v1",
    dialect: "openai_chat",
    credential: Credential::Bearer,
    key_variable: Some("OPENAI_API_KEY"),
    headers: &[],
    default_max_tokens: None,
    legacy_max_tokens: false,
};

/// What it speaks besides, at the same address.
pub const ALSO_SPEAKS: &[&str] = &["openai_responses"];
