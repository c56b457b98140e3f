//! The embedded demo provider: the gateway starts it on a loopback port of the kernel's choosing and
//! puts the address in place of this base URL, so that the first request works without any key and
//! still travels the whole forwarding path.

use super::{Credential, KeyRules, Kind};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "demo",
    base_url: "http://127.0.0.1:0/v1",
    dialect: "openai_chat",
    credential: Credential::None,
    key_variable: None,
    headers: &[],
    default_max_tokens: None,
    legacy_max_tokens: false,
    key_rules: KeyRules::USUAL,
};
