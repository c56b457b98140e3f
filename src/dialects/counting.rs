//! Counting the tokens of a prompt before it is sent.
//!
//! Formats of callers alone, one beside each dialect that has such an endpoint: towards providers of that
//! dialect a question passes as it is. No other provider counts without answering, and a caller that plans
//! its context by the number is better off with an estimate than with a refusal, as long as it is told
//! that it is one. All that differs between them is said in [`TokenCount`].

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
use super::Unstreamed;
use super::fields;
use crate::chat::Answer;
use crate::chat::Ask;
use crate::chat::Request;
use crate::fault::Fault;
use crate::wire::edits::Edited;
use crate::wire::json::Value;
use std::borrow::Cow;

/// English text of any tokenizer in wide use has about four bytes to a token.
pub(super) const BYTES_PER_TOKEN: usize = 4;

const NOT_UNDERSTOOD: &str = "the provider's answer is not a count of tokens";

/// What one dialect's count is.
pub(super) trait TokenCount: Sync {
    /// The format's name.
    const NAME: &'static str;
    /// The field of the answer that holds the number.
    const FIELD: &'static str;

    /// The dialect beside which it stands.
    fn beside(&self) -> &'static dyn Dialect;

    /// The path below the provider's base URL.
    fn counting_path(&self, model: &str) -> String;

    /// The facts of the question.
    fn read_question<'input>(&self, body: Value<'_, 'input>) -> Result<Ask<'input>, Fault>;

    /// About how many tokens the question is.
    fn estimated_tokens(&self, body: Value<'_, '_>) -> usize;
}

impl<C: TokenCount> ProviderDialect for C {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn path(&self, model: &str, _stream: bool) -> Cow<'static, str> {
        self.counting_path(model).into()
    }

    fn write_request(
        &self,
        _request: &Request,
        _model: &str,
        _options: TargetOptions,
        _out: &mut Vec<u8>,
    ) -> Result<Vec<Dropped>, Fault> {
        Err(uncounted())
    }

    fn read_answer(&self, _body: Value<'_, '_>) -> Result<Answer, Fault> {
        Err(fields::not_understood(NOT_UNDERSTOOD))
    }

    fn event_reader(&self) -> Box<dyn EventReader> {
        Box::new(Unstreamed)
    }

    fn read_fault(&self, status: u16, body: &[u8]) -> Fault {
        self.beside().read_fault(status, body)
    }

    fn answer_facts(&self, body: Value<'_, '_>) -> Result<AnswerFacts, Fault> {
        let counted = body.as_object().and_then(|object| fields::integer_of(&object, C::FIELD));
        counted.ok_or_else(|| fields::not_understood(NOT_UNDERSTOOD))?;
        Ok(AnswerFacts { complete: true, content: true, ..AnswerFacts::default() })
    }
}

impl<C: TokenCount> Dialect for C {
    fn family(&self) -> &'static str {
        self.beside().name()
    }

    fn served_by(&self, provider: &str) -> bool {
        provider == self.beside().name()
    }

    fn limit_field_prefix(&self) -> Option<&'static str> {
        self.beside().limit_field_prefix()
    }

    fn read_ask<'input>(&self, body: Value<'_, 'input>) -> Result<Ask<'input>, Fault> {
        // A count is neither streamed nor compared by meaning.
        Ok(Ask { stream: false, last_user_text: None, ..self.read_question(body)? })
    }

    fn volatile_fields(&self) -> &'static [&'static str] {
        &[]
    }

    fn read_request(&self, _body: Value<'_, '_>) -> Result<Request, Fault> {
        Err(uncounted())
    }

    fn write_answer(&self, _answer: &Answer, _out: &mut Vec<u8>) {}

    fn event_writer(&self, _options: StreamOptions) -> Box<dyn EventWriter> {
        Box::new(Unstreamed)
    }

    fn status(&self, fault: &Fault) -> u16 {
        self.beside().status(fault)
    }

    fn write_fault(&self, fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
        self.beside().write_fault(fault, request_id, out);
    }

    fn write_stream_fault(&self, fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
        self.beside().write_stream_fault(fault, request_id, out);
    }

    fn stream_end(&self) -> &'static [u8] {
        b""
    }

    fn keep_alive(&self) -> &'static [u8] {
        b""
    }

    /// A count has no id.
    fn answer_id(&self, _random: u128) -> String {
        String::new()
    }

    fn splice_request<'r, 't>(
        &self,
        raw: &'r [u8],
        body: Value<'_, '_>,
        ask: &Ask<'_>,
        model: &'t str,
        options: TargetOptions,
    ) -> Edited<'r, 't> {
        self.beside().splice_request(raw, body, ask, model, options)
    }

    fn estimate(&self, body: Value<'_, '_>) -> Option<Vec<u8>> {
        Some(format!("{{\"{}\":{}}}", C::FIELD, self.estimated_tokens(body)).into_bytes())
    }

    fn event_facts(&self, _name: Option<&str>, _data: &str, _body: Option<Value<'_, '_>>) -> Result<EventFacts, Fault> {
        Err(fields::not_understood(NOT_UNDERSTOOD))
    }

    fn replay_template(&self, raw: &[u8]) -> Option<ReplayTemplate> {
        Some(ReplayTemplate { raw: raw.to_vec(), id_at: 0..0, created_at: None })
    }
}

fn uncounted() -> Fault {
    Fault::bad_field("model", "this model's provider does not count tokens")
}
