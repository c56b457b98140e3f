//! Snowflake Cortex. Every account has an address of its own; the key is a programmatic access token. It
//! never says why an answer ended.

use super::{Kind, OPENAI_LIKE};
use crate::dialects::openai_chat::Quirks;

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "snowflake",
    title: "Snowflake Cortex",
    base_url: "https://ACCOUNT.snowflakecomputing.com/api/v2/cortex/v1",
    key_variable: Some("SNOWFLAKE_PAT"),
    quirks: Quirks { details_reasoning: true, silent_finish: true, ..Quirks::NONE },
    note: "`base_url` names your account",
    ..OPENAI_LIKE
};
