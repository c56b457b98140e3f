//! Perplexity. Its answers carry `citations` and `search_results`, which pass through; tokens stand in
//! every chunk of a stream, and the price of the answer beside them.

use super::{Kind, OLDER, OPENAI_LIKE};
use crate::dialects::openai_chat::Quirks;

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "perplexity",
    title: "Perplexity",
    base_url: "https://api.perplexity.ai",
    key_variable: Some("PERPLEXITY_API_KEY"),
    quirks: Quirks { volunteers_usage: true, refused: &["stream_options"], ..OLDER },
    reports_cost: true,
    ..OPENAI_LIKE
};
