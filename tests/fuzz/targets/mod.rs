//! The targets: what reads bytes from outside, each with the property that must hold whatever the bytes are.
//!
//! A target is a plain function that panics when its property does not hold. The same functions are run by
//! `tests/fuzz.rs` on stable Rust and by cargo-fuzz (`tests/fuzz/README.md`).

mod answers;
mod grammar;
mod json;
mod names;
mod reading;
mod requests;
mod settings;
#[path = "../../golden/snapshot.rs"]
mod snapshot;
mod streams;
mod wire;

pub use wire::message as amazon_message;

/// How inputs of a target are built, for whoever makes new ones out of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Bytes or lines.
    Bytes,
    /// One JSON text.
    Json,
    /// Server-sent events of JSON.
    Events,
    /// An Amazon event stream of JSON.
    Messages,
}

/// One target.
#[derive(Clone, Copy)]
pub struct Target {
    /// What it is called on the command line and in `corpus/`.
    pub name: &'static str,
    /// How its inputs are built.
    pub form: Form,
    /// Panics when the property does not hold.
    pub check: fn(&[u8]),
}

const fn target(name: &'static str, form: Form, check: fn(&[u8])) -> Target {
    Target { name, form, check }
}

/// All of them.
pub const ALL: &[Target] = &[
    target("request_head", Form::Bytes, wire::request_head),
    target("response_head", Form::Bytes, wire::response_head),
    target("chunked", Form::Bytes, wire::chunked),
    target("sse", Form::Bytes, wire::sse),
    target("eventstream", Form::Messages, wire::eventstream),
    target("multipart", Form::Bytes, wire::multipart),
    target("json", Form::Json, json::check),
    target("glance", Form::Json, json::glance),
    target("config", Form::Bytes, settings::config),
    target("retry_after", Form::Bytes, settings::retry_after),
    target("authorization", Form::Bytes, settings::authorization),
    target("names", Form::Bytes, names::check),
    target("request_openai_chat", Form::Json, |bytes| requests::of_caller("openai_chat", bytes)),
    target("request_openai_responses", Form::Json, |bytes| requests::of_caller("openai_responses", bytes)),
    target("request_anthropic_messages", Form::Json, |bytes| requests::of_caller("anthropic_messages", bytes)),
    target("request_gemini", Form::Json, |bytes| requests::of_caller("gemini", bytes)),
    target("request_openai_completions", Form::Json, |bytes| requests::beside("openai_completions", bytes)),
    target("request_openai_embeddings", Form::Json, |bytes| requests::beside("openai_embeddings", bytes)),
    target("request_anthropic_count_tokens", Form::Json, |bytes| requests::beside("anthropic_count_tokens", bytes)),
    target("request_gemini_count_tokens", Form::Json, |bytes| requests::beside("gemini_count_tokens", bytes)),
    target("answer_openai_chat", Form::Json, |bytes| answers::check("openai_chat", bytes)),
    target("answer_openai_responses", Form::Json, |bytes| answers::check("openai_responses", bytes)),
    target("answer_anthropic_messages", Form::Json, |bytes| answers::check("anthropic_messages", bytes)),
    target("answer_gemini", Form::Json, |bytes| answers::check("gemini", bytes)),
    target("answer_bedrock_converse", Form::Json, |bytes| answers::check("bedrock_converse", bytes)),
    target("answer_cohere_chat", Form::Json, |bytes| answers::check("cohere_chat", bytes)),
    target("answer_openai_completions", Form::Json, |bytes| answers::check("openai_completions", bytes)),
    target("answer_openai_embeddings", Form::Json, answers::embeddings),
    target("fault", Form::Json, answers::fault),
    target("stream_openai_chat", Form::Events, |bytes| streams::check("openai_chat", bytes)),
    target("stream_openai_responses", Form::Events, |bytes| streams::check("openai_responses", bytes)),
    target("stream_anthropic_messages", Form::Events, |bytes| streams::check("anthropic_messages", bytes)),
    target("stream_gemini", Form::Events, |bytes| streams::check("gemini", bytes)),
    target("stream_bedrock_converse", Form::Messages, |bytes| streams::check("bedrock_converse", bytes)),
    target("stream_cohere_chat", Form::Events, |bytes| streams::check("cohere_chat", bytes)),
    target("stream_openai_completions", Form::Events, |bytes| streams::check("openai_completions", bytes)),
];

/// The target called `name`.
#[allow(dead_code, reason = "what cargo-fuzz asks for")]
pub fn named(name: &str) -> Target {
    let found = ALL.iter().find(|target| target.name == name);
    *found.unwrap_or_else(|| panic!("no target is called {name}: it is missing in targets/mod.rs"))
}
