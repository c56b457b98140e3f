//! Anthropic messages.
//!
//! Where it differs from the neutral middle:
//!
//! - There is no system role in the conversation: system and developer messages are gathered, in order,
//!   in the top-level `system`. A turn that this dialect itself read as standing alone (a system turn
//!   between others, two user turns in a row) is marked by a kept `role` and written as it stood.
//! - Turns alternate: what neighbours of one role say becomes one turn, and results of tools are blocks
//!   of the user's turn.
//! - A bound on the answer is demanded, sampling is narrower, and thinking has rules of its own
//!   (`thinking.rs`).
//! - Thinking blocks are useful only with the signature their provider gave them, so unsigned ones are
//!   left out.

mod answer;
mod ask;
pub(super) mod blocks;
mod citations;
mod count_tokens;
mod fault;
mod plain;
mod request;
mod stream;
pub(super) mod thinking;
mod vertex;

pub use count_tokens::AnthropicCountTokens;
pub use vertex::wrap_for_vertex;
pub use vertex::write_vertex_path;

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
use super::signature::Sealed;
use super::splice;
use crate::chat::Answer;
use crate::chat::Ask;
use crate::chat::Plain;
use crate::chat::Request;
use crate::fault::Fault;
use crate::wire::edits::Edited;
use crate::wire::json::Value;
use std::borrow::Cow;

/// Its name, also the mark on everything it keeps.
pub(super) const NAME: &str = "anthropic_messages";

/// Fields that steer delivery and price. `metadata` stays in the key because it names people.
const VOLATILE_FIELDS: &[&str] = &["stream", "service_tier", "cache_control"];

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct AnthropicMessages;

impl ProviderDialect for AnthropicMessages {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self, _model: &str, _stream: bool) -> Cow<'static, str> {
        "/v1/messages".into()
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
        fault::read_fault(status, body)
    }

    fn answer_facts(&self, body: Value<'_, '_>) -> Result<AnswerFacts, Fault> {
        answer::facts(body)
    }
}

impl Dialect for AnthropicMessages {
    fn limit_field_prefix(&self) -> Option<&'static str> {
        Some("anthropic-ratelimit-requests-")
    }

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

    fn event_writer(&self, _options: StreamOptions) -> Box<dyn EventWriter> {
        Box::new(stream::Writer::default())
    }

    fn status(&self, fault: &Fault) -> u16 {
        fault::status(fault)
    }

    fn write_fault(&self, fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
        fault::write_fault(fault, request_id, out);
    }

    fn write_stream_fault(&self, fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: error\ndata: ");
        fault::write_fault(fault, request_id, out);
        out.extend_from_slice(b"\n\n");
    }

    fn stream_end(&self) -> &'static [u8] {
        b""
    }

    fn keep_alive(&self) -> &'static [u8] {
        super::KEEP_ALIVE
    }

    fn answer_id(&self, random: u128) -> String {
        format!("msg_01{}", super::id_characters(random))
    }

    fn splice_request<'r, 't>(
        &self,
        raw: &'r [u8],
        body: Value<'_, '_>,
        _ask: &Ask<'_>,
        model: &'t str,
        options: TargetOptions,
    ) -> Edited<'r, 't> {
        // Reasoning of another provider's turn would be refused, so such a conversation is written anew.
        let ours = Sealed::Item.stands_in(raw) || Sealed::Source.stands_in(raw);
        let anew = if ours { request::written_anew(body, model, options) } else { None };
        anew.map_or_else(|| splice::splice(raw, body, model, false), Edited::from)
    }

    fn event_facts(&self, name: Option<&str>, _data: &str, body: Option<Value<'_, '_>>) -> Result<EventFacts, Fault> {
        stream::facts(name, body)
    }

    fn replay_template(&self, raw: &[u8]) -> Option<ReplayTemplate> {
        super::replay_template(raw, "id", None)
    }
}
