//! Hugging Face's router in front of many providers, hence only what all of them know. A model may be
//! followed by `:` and the provider's name.

use super::{Kind, OLDER, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "huggingface",
    title: "Hugging Face",
    base_url: "https://router.huggingface.co/v1",
    key_variable: Some("HF_TOKEN"),
    quirks: OLDER,
    ..OPENAI_LIKE
};
