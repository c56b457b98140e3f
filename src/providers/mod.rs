//! Providers: an address, credentials, one dialect and a list of quirks. Mostly data.
//!
//! To add one: a file beside this one and a line in [`ALL`]. `docs/providers.md` and the table of the
//! README are generated from the list.

pub mod anthropic;
pub mod azure;
pub mod bedrock;
pub mod catalogue;
pub mod cerebras;
pub mod cohere;
pub mod deepseek;
pub mod demo;
pub mod fireworks;
pub mod gemini;
pub mod groq;
pub mod huggingface;
pub mod lmstudio;
pub mod localai;
pub mod mistral;
pub mod ollama;
pub mod openai;
pub mod openrouter;
mod page;
pub mod perplexity;
mod prices;
mod refusal;
pub mod snowflake;
pub mod together;
pub mod vertex;
pub mod vertex_anthropic;
pub mod vertex_express;
pub mod vllm;
pub mod xai;
pub mod zai;

pub use page::page;
pub use page::table;
pub use prices::Rates;
pub use refusal::KeyRules;
pub use refusal::setback;

use crate::dialects::openai_chat::Quirks;

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

/// How requests of a dialect are addressed and wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// As the dialect says.
    Usual,
    /// As Vertex AI takes those of other makers' models.
    Vertex,
}

/// What is known of a provider before anybody configures it.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The name used as `kind` (and assumed when a provider's own name equals it).
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Where it lives, without trailing slash; `{region}` stands for the configured region. Where every
    /// customer has an address of its own, words in capitals stand for what the operator has to fill in.
    pub base_url: &'static str,
    /// The dialect it speaks.
    pub dialect: &'static str,
    /// Dialects that it speaks besides, at its usual address.
    pub also_speaks: &'static [&'static str],
    /// How requests of its dialect are wrapped.
    pub envelope: Envelope,
    /// How it wants the credential.
    pub credential: Credential,
    /// The environment variable people keep its key in.
    pub key_variable: Option<&'static str>,
    /// Headers it demands, unless the caller or the configuration sends them.
    pub headers: &'static [(&'static str, &'static str)],
    /// Sent as the bound of the answer when its dialect demands one.
    pub default_max_tokens: Option<u64>,
    /// How it refuses keys.
    pub key_rules: KeyRules,
    /// How its chat completions differ from OpenAI's.
    pub quirks: Quirks,
    /// Does it tell what an answer cost, in the usage object?
    pub reports_cost: bool,
    /// What an operator has to know; for the page.
    pub note: &'static str,
}

/// What most of them have in common.
pub const OPENAI_LIKE: Kind = Kind {
    name: "",
    title: "",
    base_url: "",
    dialect: "openai_chat",
    also_speaks: &[],
    envelope: Envelope::Usual,
    credential: Credential::Bearer,
    key_variable: None,
    headers: &[],
    default_max_tokens: None,
    key_rules: KeyRules::USUAL,
    quirks: Quirks::NONE,
    reports_cost: false,
    note: "",
};

/// Chat completions as they were before reasoning models: what is assumed of servers that are not known
/// to have followed.
const OLDER: Quirks = Quirks { only_max_tokens: true, only_system: true, ..Quirks::NONE };

/// What other providers, or this gateway, put into the messages of an answer, which clients send back.
const FOREIGN_MESSAGE_FIELDS: &[&str] = &[
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "thinking_blocks",
    "refusal",
    "annotations",
    "audio",
    "function_call",
];

/// Every known provider.
pub const ALL: &[&Kind] = &[
    &openai::KIND,
    &anthropic::KIND,
    &bedrock::KIND,
    &cohere::KIND,
    &gemini::KIND,
    &vertex::KIND,
    &vertex_anthropic::KIND,
    &vertex_express::KIND,
    &azure::KIND,
    &mistral::KIND,
    &groq::KIND,
    &openrouter::KIND,
    &xai::KIND,
    &deepseek::KIND,
    &together::KIND,
    &fireworks::KIND,
    &cerebras::KIND,
    &perplexity::KIND,
    &huggingface::KIND,
    &zai::KIND,
    &snowflake::KIND,
    &ollama::KIND,
    &vllm::KIND,
    &localai::KIND,
    &lmstudio::KIND,
    &demo::KIND,
];

/// The provider called `name`.
pub fn named(name: &str) -> Option<&'static Kind> {
    ALL.iter().copied().find(|kind| kind.name == name)
}

impl Kind {
    /// Does every customer have an address of its own, so that `base_url` must be configured?
    pub fn wants_address(&self) -> bool {
        self.base_url.bytes().any(|byte| byte.is_ascii_uppercase())
    }

    /// Has it one address for each region, of which none is guessed?
    pub fn wants_region(&self) -> bool {
        self.base_url.contains("{region}")
    }

    /// Does it run on this machine unless configured otherwise?
    pub fn is_local(&self) -> bool {
        self.base_url.starts_with("http://localhost:")
    }
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
