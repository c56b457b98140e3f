//! Cohere chat, version 2. Spoken by providers alone.
//!
//! Where it differs from the neutral middle:
//!
//! - What a model thinks before it calls tools is its `tool_plan`; models that always think have
//!   `thinking` content. Both are thinking here, and go back to where their turn has its place for it.
//! - A tool can be demanded (`REQUIRED`) or forbidden (`NONE`), not named: a named one is demanded as the
//!   only one there is.
//! - Strictness is said once for all tools, a schema of the answer inside `json_object`.
//! - Tokens are counted twice, as used and as billed. Those used are the neutral ones, because the prompt
//!   cache's belong to them; the others stay with the original.
//! - A logarithm of a probability belongs to a piece of text, which may be of several tokens.
//! - An answer does not tell its model; the gateway names it.
//!
//! Fields of a request that only Cohere knows (`documents`, `citation_options`, `safety_mode`,
//! `priority`) may be sent by callers of any dialect under these names and reach it as they are.

mod answer;
mod citations;
mod request;
mod stream;

use super::Dropped;
use super::EventReader;
use super::ProviderDialect;
use super::TargetOptions;
use super::fields;
use crate::chat::Answer;
use crate::chat::Request;
use crate::fault::Fault;
use crate::wire::json::Value;
use std::borrow::Cow;

/// Its name, also the mark on everything it keeps.
const NAME: &str = "cohere_chat";

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct CohereChat;

impl ProviderDialect for CohereChat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self, _model: &str, _stream: bool) -> Cow<'static, str> {
        "/v2/chat".into()
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

    /// A bare message. Callers of other dialects rely on the code for a prompt that does not fit, so that
    /// is told by the text.
    fn read_fault(&self, status: u16, body: &[u8]) -> Fault {
        let mut fault = fields::read_error_body(status, body);
        if status == 400 && fault.code.is_none() && fault.message.contains("too many tokens") {
            fault.code = Some("context_length_exceeded".to_owned());
        }
        fault
    }
}
