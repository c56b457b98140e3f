//! OpenAI chat completions, as spoken by OpenAI and by everybody who imitates it.
//!
//! What the imitators add travels as kept fields. Three additions are understood, because callers and
//! providers of other dialects need them:
//!
//! - **Visible reasoning** is read from `reasoning_content`, from `reasoning`, and from `thinking` parts
//!   of a content list, and written as `reasoning_content` in messages and deltas.
//! - **Signatures over it**, without which a thinking model refuses the next turn of a tool loop, travel
//!   as `thinking_blocks`: a list of `{"type":"thinking","thinking","signature"}` and
//!   `{"type":"redacted_thinking","data"}`. A message carries all of them, a stream each one whole when
//!   its block ends, so that a client only has to append the lists and to send the message back as it
//!   came. In a request the blocks count and `reasoning_content` beside them is commentary.
//! - **Thinking on demand** is read from `reasoning_effort`, from `reasoning` (`effort`, `max_tokens`,
//!   `enabled`) and from `thinking` (`type`, `budget_tokens`).
//!
//! `cache_control` on parts and tools is both kept for providers of this dialect that know it and given
//! to those of others.

mod annotations;
mod answer;
mod ask;
mod completions;
mod embeddings;
mod entries;
mod fault;
mod message;
mod plain;
mod quirks;
mod request;
mod stream;

pub use completions::OpenAiCompletions;
pub use embeddings::OpenAiEmbeddings;
pub use quirks::Quirks;
pub use quirks::adapt;

use super::AnswerFacts;
use super::Dialect;
use super::Dropped;
use super::EventFacts;
use super::EventReader;
use super::EventWriter;
use super::ProviderDialect;
use super::ReplayTemplate;
use super::StreamOptions;
use super::TargetOptions;
use super::splice;
use crate::chat::Answer;
use crate::chat::Ask;
use crate::chat::Plain;
use crate::chat::Request;
use crate::fault::Fault;
use crate::wire::edits::Edited;
use crate::wire::json::JsonArray;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use std::borrow::Cow;

/// Its name, also the mark on everything it keeps.
pub(super) const NAME: &str = "openai_chat";

/// Fields that steer the delivery of an answer and not what it says. `user`, `safety_identifier`,
/// `metadata` and `store` stay in the key although OpenAI itself does not sample by them: servers that
/// imitate it keep memories by `user`, and callers who name people or label conversations do not want
/// one's answer for another.
const VOLATILE_FIELDS: &[&str] =
    &["stream", "stream_options", "service_tier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"];

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct OpenAiChat;

impl ProviderDialect for OpenAiChat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self, _model: &str, _stream: bool) -> Cow<'static, str> {
        "/chat/completions".into()
    }

    fn write_request(
        &self,
        request: &Request,
        model: &str,
        options: TargetOptions,
        out: &mut Vec<u8>,
    ) -> Result<Vec<Dropped>, Fault> {
        request::write_request(request, model, options, out)
    }

    fn read_answer(&self, body: Value<'_, '_>) -> Result<Answer, Fault> {
        answer::read_answer(body)
    }

    fn event_reader(&self) -> Box<dyn EventReader> {
        Box::new(stream::Reader::default())
    }

    fn read_fault(&self, status: u16, body: &[u8]) -> Fault {
        super::fields::read_error_body(status, body)
    }

    fn answer_facts(&self, body: Value<'_, '_>) -> Result<AnswerFacts, Fault> {
        answer::facts(body)
    }
}

impl Dialect for OpenAiChat {
    fn read_ask<'input>(&self, body: Value<'_, 'input>) -> Result<Ask<'input>, Fault> {
        ask::read_ask(body)
    }

    fn read_plain<'input>(&self, body: Value<'_, 'input>) -> Option<Plain<'input>> {
        plain::read_plain(body)
    }

    fn volatile_fields(&self) -> &'static [&'static str] {
        VOLATILE_FIELDS
    }

    fn read_request(&self, body: Value<'_, '_>) -> Result<Request, Fault> {
        request::read_request(body)
    }

    fn write_answer(&self, answer: &Answer, out: &mut Vec<u8>) {
        answer::write_answer(answer, out);
    }

    fn event_writer(&self, options: StreamOptions) -> Box<dyn EventWriter> {
        Box::new(stream::Writer::new(options))
    }

    fn status(&self, fault: &Fault) -> u16 {
        fault::status(fault)
    }

    fn write_fault(&self, fault: &Fault, _request_id: &str, out: &mut Vec<u8>) {
        fault::write_fault(fault, out);
    }

    fn write_stream_fault(&self, fault: &Fault, _request_id: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        fault::write_fault(fault, out);
        out.extend_from_slice(b"\n\n");
    }

    fn stream_end(&self) -> &'static [u8] {
        stream::END
    }

    fn keep_alive(&self) -> &'static [u8] {
        super::KEEP_ALIVE
    }

    fn answer_id(&self, random: u128) -> String {
        format!("chatcmpl-{}", super::id_characters(random))
    }

    fn splice_request<'r, 't>(
        &self,
        raw: &'r [u8],
        body: Value<'_, '_>,
        ask: &Ask<'_>,
        model: &'t str,
        options: TargetOptions,
    ) -> Edited<'r, 't> {
        let inject_usage = options.inject_usage && ask.stream && !ask.include_usage;
        splice::splice(raw, body, model, inject_usage)
    }

    fn event_facts(&self, _name: Option<&str>, data: &str, body: Option<Value<'_, '_>>) -> Result<EventFacts, Fault> {
        stream::facts(data, body)
    }

    fn replay_template(&self, raw: &[u8]) -> Option<ReplayTemplate> {
        super::replay_template(raw, "id", Some("created"))
    }
}

/// Does a provider of this dialect also serve OpenAI's other endpoints?
fn is_openai(provider: &str) -> bool {
    matches!(provider, NAME | "openai_responses")
}

/// What to tell a caller whose model is served by a provider of another kind.
fn only_openai(what: &str) -> Fault {
    Fault::bad_field(
        "model",
        format!("this model's provider has no {what}; name a model of a provider that speaks OpenAI's dialect"),
    )
}

/// Bytes of text in a list of texts, of tokens, or of lists of tokens.
fn bytes_of_input(list: &JsonArray<'_, '_>) -> usize {
    const BYTES_PER_TOKEN: usize = 4;
    let weigh = |item: Value<'_, '_>| match (item.as_str(), item.as_array()) {
        (Some(text), _) => text.len(),
        (None, Some(tokens)) => tokens.len() * BYTES_PER_TOKEN,
        (None, None) => BYTES_PER_TOKEN,
    };
    list.iter().map(weigh).sum()
}
