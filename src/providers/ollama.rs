//! Ollama on this machine. Its templates leave out messages of a role that they do not know.

use super::{Kind, OLDER, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "ollama",
    title: "Ollama",
    base_url: "http://localhost:11434/v1",
    key_variable: None,
    quirks: OLDER,
    note: "needs no key",
    ..OPENAI_LIKE
};
