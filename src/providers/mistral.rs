//! Mistral. It checks bodies against its own schema and answers 422 to any field it does not list, to
//! what other providers add to their answers included; ids of tool calls must have its own shape.

use super::{FOREIGN_MESSAGE_FIELDS, Kind, OPENAI_LIKE};
use crate::dialects::openai_chat::Quirks;

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "mistral",
    title: "Mistral",
    base_url: "https://api.mistral.ai/v1",
    key_variable: Some("MISTRAL_API_KEY"),
    quirks: Quirks {
        volunteers_usage: true,
        only_max_tokens: true,
        only_system: true,
        renamed: &[("seed", "random_seed")],
        refused: &[
            "stream_options",
            "user",
            "store",
            "service_tier",
            "safety_identifier",
            "prompt_cache_retention",
            "prompt_cache_options",
        ],
        refused_in_messages: FOREIGN_MESSAGE_FIELDS,
        call_id_length: Some(9),
        ..Quirks::NONE
    },
    ..OPENAI_LIKE
};
