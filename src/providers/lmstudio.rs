//! LM Studio on this machine.

use super::{Kind, OLDER, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "lmstudio",
    title: "LM Studio",
    base_url: "http://localhost:1234/v1",
    key_variable: None,
    quirks: OLDER,
    note: "needs no key",
    ..OPENAI_LIKE
};
