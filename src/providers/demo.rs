//! The embedded demo provider: the gateway starts it on a loopback port of the kernel's choosing and
//! puts the address in place of this base URL, so that the first request works without any key and
//! still travels the whole forwarding path.

use super::{Credential, Kind, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "demo",
    title: "demo, embedded",
    base_url: "http://127.0.0.1:0/v1",
    credential: Credential::None,
    note: "needs no key",
    ..OPENAI_LIKE
};
