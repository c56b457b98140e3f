//! LocalAI on this machine.

use super::{Kind, OLDER, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "localai",
    title: "LocalAI",
    base_url: "http://localhost:8080/v1",
    key_variable: None,
    quirks: OLDER,
    note: "needs no key",
    ..OPENAI_LIKE
};
