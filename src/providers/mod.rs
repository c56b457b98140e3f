//! Providers: an address, credentials, one dialect and a list of quirks. Mostly data.
//!
//! To add one: a file beside this one and a line in [`ALL`].

pub mod anthropic;
pub mod bedrock;
pub mod cohere;
pub mod demo;
pub mod gemini;
pub mod openai;
pub mod vertex;
pub mod vertex_express;

/// How a provider wants its credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// `authorization: Bearer …`
    Bearer,
    /// A header of this name holding the bare key.
    Header(&'static str),
    /// None.
    None,
}

/// What is known of a provider before anybody configures it.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The name used as `kind` (and assumed when a provider's own name equals it).
    pub name: &'static str,
    /// Where it lives, without trailing slash; `{region}` stands for the configured region, and it is empty where every
    /// customer has an address of his own.
    pub base_url: &'static str,
    /// The dialect it speaks.
    pub dialect: &'static str,
    /// How it wants the credential.
    pub credential: Credential,
    /// The environment variable people keep its key in.
    pub key_variable: Option<&'static str>,
    /// Headers it demands, unless the caller or the configuration sends them.
    pub headers: &'static [(&'static str, &'static str)],
    /// Sent as the bound of the answer when its dialect demands one.
    pub default_max_tokens: Option<u64>,
    /// Does it know `max_tokens` only, not `max_completion_tokens`?
    pub legacy_max_tokens: bool,
}

/// Every known provider.
pub const ALL: &[&Kind] = &[
    &openai::KIND,
    &anthropic::KIND,
    &bedrock::KIND,
    &cohere::KIND,
    &gemini::KIND,
    &vertex::KIND,
    &vertex_express::KIND,
    &demo::KIND,
];

/// The provider called `name`.
pub fn named(name: &str) -> Option<&'static Kind> {
    ALL.iter().copied().find(|kind| kind.name == name)
}

/// Dialects that the provider called `kind` speaks besides its first one, at its usual address.
pub fn also_speaks(kind: &str) -> &'static [&'static str] {
    if kind == openai::KIND.name { openai::ALSO_SPEAKS } else { &[] }
}

/// What is assumed of a provider that is only an OpenAI-compatible (or other) address: the credential
/// style follows from its dialect.
pub fn credential_of_dialect(dialect: &str) -> Credential {
    match dialect {
        "anthropic_messages" => Credential::Header("x-api-key"),
        "gemini" => Credential::Header("x-goog-api-key"),
        _ => Credential::Bearer,
    }
}
