//! Fireworks AI. Its models are named `accounts/fireworks/models/…`. A suspended account is a failed
//! precondition to it.

use super::{KeyRules, Kind, OPENAI_LIKE};
use crate::dialects::openai_chat::Quirks;

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "fireworks",
    title: "Fireworks AI",
    base_url: "https://api.fireworks.ai/inference/v1",
    key_variable: Some("FIREWORKS_API_KEY"),
    key_rules: KeyRules { rejections: &[(412, "PRECONDITION_FAILED")], ..KeyRules::USUAL },
    quirks: Quirks { only_system: true, ..Quirks::NONE },
    ..OPENAI_LIKE
};
