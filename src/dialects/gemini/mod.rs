//! Gemini's `generateContent`, as spoken by Google AI Studio and Vertex AI.
//!
//! Where it differs from the neutral middle:
//!
//! - Model and streaming stand in the path, not in the body.
//! - There are two roles, and neighbours of one role are one turn; instructions stand apart.
//! - Calls often have no id: one is made from the answer's id, or from where the call stands.
//! - Signatures belong to parts and not to reasoning (`signature.rs`).
//! - A result of a tool is an object: one passes as it is, other words as `{"output":…}` or
//!   `{"error":…}`.
//! - A stream has no terminator (`stream.rs`).

mod answer;
mod ask;
mod config;
mod contents;
mod count_tokens;
mod fault;
mod grounding;
mod logprobs;
mod part;
mod plain;
mod request;
mod schema;
mod signature;
mod spelling;
mod stream;
mod thinking;
mod tools;
mod write;

pub use count_tokens::GeminiCountTokens;

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
use crate::wire::json::Value;
use crate::wire::percent;
use std::borrow::Cow;

/// Its name, also the mark on everything it keeps.
const NAME: &str = "gemini";

/// Fields that steer delivery and price. `labels` stay in the key because they may name people.
const VOLATILE_FIELDS: &[&str] = &["serviceTier", "service_tier"];

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct Gemini;

impl ProviderDialect for Gemini {
    fn name(&self) -> &'static str {
        NAME
    }

    fn ends_with_body(&self) -> bool {
        true
    }

    fn path(&self, model: &str, stream: bool) -> Cow<'static, str> {
        path(model, stream).into()
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

impl Dialect for Gemini {
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

    fn write_fault(&self, fault: &Fault, _request_id: &str, out: &mut Vec<u8>) {
        fault::write_fault(fault, out);
    }

    fn write_stream_fault(&self, fault: &Fault, _request_id: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        fault::write_fault(fault, out);
        out.extend_from_slice(b"\n\n");
    }

    fn stream_end(&self) -> &'static [u8] {
        b""
    }

    fn keep_alive(&self) -> &'static [u8] {
        b""
    }

    fn answer_id(&self, random: u128) -> String {
        super::id_characters(random)
    }

    fn splice_request<'r, 't>(
        &self,
        raw: &'r [u8],
        body: Value<'_, '_>,
        _ask: &Ask<'_>,
        model: &'t str,
        _options: TargetOptions,
    ) -> Edited<'r, 't> {
        // The path names the model. Some callers say it here as well, and may not mean another one.
        match body.as_object().is_some_and(|object| object.get("model").is_some()) {
            true => splice::splice(raw, body, format!("models/{}", bare(model)), false),
            false => raw.into(),
        }
    }

    fn event_facts(&self, _name: Option<&str>, data: &str, body: Option<Value<'_, '_>>) -> Result<EventFacts, Fault> {
        stream::facts(data, body)
    }

    fn replay_template(&self, raw: &[u8]) -> Option<ReplayTemplate> {
        super::replay_template(raw, "responseId", None)
    }
}

/// A model without the name of the collection it is in.
fn bare(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

/// The path of `model`, which callers may have named: whatever is not plain is escaped.
fn path(model: &str, stream: bool) -> String {
    let (collection, name) = match model.strip_prefix("tunedModels/") {
        Some(name) => ("tunedModels", name),
        None => ("models", bare(model)),
    };
    let mut path = format!("/v1beta/{collection}/").into_bytes();
    percent::encode(name.as_bytes(), b"@", &mut path);
    let mut path = String::from_utf8(path).expect("percent-encoding is ASCII");
    path.push_str(if stream { ":streamGenerateContent?alt=sse" } else { ":generateContent" });
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_name_is_one_segment_of_the_path() {
        for (model, stream, wanted) in [
            ("gemini-2.5-flash", false, "/v1beta/models/gemini-2.5-flash:generateContent"),
            ("models/gemini-2.5-flash", true, "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"),
            ("tunedModels/mine", false, "/v1beta/tunedModels/mine:generateContent"),
            ("../x y\r\n?a=b#c", false, "/v1beta/models/..%2Fx%20y%0D%0A%3Fa%3Db%23c:generateContent"),
            ("modèle", false, "/v1beta/models/mod%C3%A8le:generateContent"),
        ] {
            assert_eq!(path(model, stream), wanted);
        }
    }
}
