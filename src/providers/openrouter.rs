//! OpenRouter. It tells what every answer cost, which no table can know because it picks the provider
//! behind it; keeps connections alive by comments; and refuses prompts, not keys, with 403.

use super::{KeyRules, Kind, OPENAI_LIKE};
use crate::dialects::openai_chat::Quirks;

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "openrouter",
    title: "OpenRouter",
    base_url: "https://openrouter.ai/api/v1",
    also_speaks: &["openai_responses"],
    key_variable: Some("OPENROUTER_API_KEY"),
    quirks: Quirks { details_reasoning: true, ..Quirks::NONE },
    key_rules: KeyRules { forbids_prompts: true, ..KeyRules::USUAL },
    reports_cost: true,
    ..OPENAI_LIKE
};
