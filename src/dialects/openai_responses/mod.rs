//! OpenAI responses.
//!
//! Where it differs from the neutral middle:
//!
//! - A conversation is a list of items: messages, reasoning, calls, results of calls. Neighbouring items
//!   of the model are one neutral turn (`input.rs`), because other dialects want the calls in the message
//!   that made them. Items that only this dialect knows stay whole.
//! - Reasoning comes as an item with an id and encrypted content, both needed when it is sent back. The
//!   item travels through callers of other dialects as the signature of its text, and the signatures of
//!   other providers travel through callers of this dialect as encrypted content (`reasoning.rs`).
//! - The provider keeps state: earlier responses, conversations, background work, tools that it runs
//!   itself. Only a provider of this dialect can serve a request that relies on it (`portable.rs`).
//! - An answer repeats the settings of its request, so a translated one takes them from there.
//!
//! What becomes of each field on the way to a provider of another dialect:
//!
//! | Field | There |
//! |---|---|
//! | `model`, `input`, `instructions`, `tools`, `tool_choice`, `parallel_tool_calls`, `max_output_tokens`, `temperature`, `top_p`, `top_logprobs`, `text.format`, `reasoning.effort`, `user`, `service_tier`, `stream` | translated |
//! | `include` | `message.output_text.logprobs` asks for log probabilities; reasoning always comes sealed; the rest belongs to tools that are refused |
//! | `metadata` | repeated in the answer, which is all it does |
//! | `reasoning.summary`, `stream_options` | without effect |
//! | `text.verbosity`, `truncation`, `store`, `context_management`, `prompt_cache_key`, `safety_identifier`, `max_tool_calls` and everything unknown | left out and named in `x-ringgate-dropped`; nothing is stored |
//! | `previous_response_id`, `conversation`, `prompt`, `background`, tools other than functions, items that only this dialect knows | refused |
//! | calls of built-in tools in earlier turns | left out and named: no part of the conversation elsewhere |

mod answer;
mod ask;
mod content;
mod frames;
mod input;
mod items;
mod plain;
mod portable;
mod reader;
mod reasoning;
mod request;
mod settings;
mod writer;

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
use super::openai_chat::OpenAiChat;
use super::signature::Sealed;
use super::splice;
use crate::chat::Answer;
use crate::chat::Ask;
use crate::chat::Extra;
use crate::chat::Plain;
use crate::chat::Request;
use crate::fault::Fault;
use crate::wire::edits::Edited;
use crate::wire::json::Value;
use std::borrow::Cow;

/// Its name, also the mark on everything it keeps.
const NAME: &str = "openai_responses";

/// Fields that steer the delivery of an answer and not what it says; see `openai_chat` for those that
/// are not among them.
const VOLATILE_FIELDS: &[&str] =
    &["stream", "stream_options", "service_tier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"];

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct OpenAiResponses;

impl ProviderDialect for OpenAiResponses {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self, _model: &str, _stream: bool) -> Cow<'static, str> {
        "/responses".into()
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
        Box::new(reader::Reader::default())
    }

    fn read_fault(&self, status: u16, body: &[u8]) -> Fault {
        super::fields::read_error_body(status, body)
    }

    fn answer_facts(&self, body: Value<'_, '_>) -> Result<AnswerFacts, Fault> {
        answer::facts(body)
    }
}

impl Dialect for OpenAiResponses {
    fn keeps_answers(&self) -> bool {
        true
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

    fn check_portable(&self, body: Value<'_, '_>) -> Result<(), Fault> {
        portable::check(body)
    }

    fn name_of_field(&self, field: &str) -> String {
        portable::name_of_field(field)
    }

    fn repeated_settings(&self, raw: &[u8]) -> Vec<Extra> {
        settings::repeated(raw)
    }

    fn write_answer(&self, answer: &Answer, out: &mut Vec<u8>) {
        answer::write_answer(answer, out);
    }

    fn event_writer(&self, options: StreamOptions) -> Box<dyn EventWriter> {
        Box::new(writer::Writer::new(options))
    }

    // Errors are those of OpenAI's other dialect.

    fn status(&self, fault: &Fault) -> u16 {
        OpenAiChat.status(fault)
    }

    fn write_fault(&self, fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
        OpenAiChat.write_fault(fault, request_id, out);
    }

    fn write_stream_fault(&self, fault: &Fault, _request_id: &str, out: &mut Vec<u8>) {
        // The events before it were the provider's own, or another writer's: nobody counted them.
        frames::write_fault(fault, 0, out);
    }

    fn stream_end(&self) -> &'static [u8] {
        b""
    }

    fn keep_alive(&self) -> &'static [u8] {
        super::KEEP_ALIVE
    }

    fn answer_id(&self, random: u128) -> String {
        format!("resp_{}", super::id_characters(random))
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
        let sealed_elsewhere = Sealed::Signature.stands_in(raw) || Sealed::Redacted.stands_in(raw);
        let anew = if sealed_elsewhere { request::written_anew(body, model, options) } else { None };
        anew.map_or_else(|| splice::splice(raw, body, model, false), Edited::from)
    }

    fn event_facts(&self, name: Option<&str>, _data: &str, body: Option<Value<'_, '_>>) -> Result<EventFacts, Fault> {
        reader::facts(name, body)
    }

    fn replay_template(&self, raw: &[u8]) -> Option<ReplayTemplate> {
        // The id of a stored answer is a handle by which the conversation goes on; a new one would
        // lead nowhere.
        let stored = settings::is_stored(raw);
        super::replay_template(raw, "id", Some("created_at")).filter(|_| !stored)
    }
}
