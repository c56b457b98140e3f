//! Cohere, through its own chat API.

use super::{Kind, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "cohere",
    title: "Cohere",
    base_url: "https://api.cohere.com",
    dialect: "cohere_chat",
    key_variable: Some("CO_API_KEY"),
    ..OPENAI_LIKE
};
