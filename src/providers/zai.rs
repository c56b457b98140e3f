//! Z.ai. An empty account is a 429 to it, in words of several languages and with the code 1113.

use super::{KeyRules, Kind, OLDER, OPENAI_LIKE};
use crate::dialects::openai_chat::Quirks;

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "zai",
    title: "Z.ai",
    base_url: "https://api.z.ai/api/paas/v4",
    key_variable: Some("ZAI_API_KEY"),
    key_rules: KeyRules { rejections: &[(429, "Insufficient balance"), (429, "1113")], ..KeyRules::USUAL },
    quirks: Quirks { volunteers_usage: true, ..OLDER },
    ..OPENAI_LIKE
};
