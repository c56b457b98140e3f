//! Bedrock Converse: one form for the models of many makers. Spoken by providers alone.
//!
//! Where it differs from the neutral middle:
//!
//! - System and developer messages are gathered, in order, in the top-level `system`; turns alternate, so
//!   what neighbours of one role say becomes one turn, and results of tools are blocks of the user's turn.
//! - A marker of the prompt cache is a block of its own *behind* what it marks, in content, system and
//!   tools alike; it is written where its model knows it (`family.rs`) and never moves.
//! - What only some models know (thinking, `top_k`) travels in `additionalModelRequestFields`, in each
//!   maker's own words (`family.rs`).
//! - A tool choice of `none` has no word. Without tools in the conversation none are offered, which is the
//!   same. A conversation that has called tools is refused without declared ones, so those it called are
//!   declared as no longer available, and `tool_choice` is named as dropped.
//! - An answer has neither id nor model nor time; the gateway names it.
//! - Streams are binary messages (`wire::eventstream`). `metadata` with the tokens is the last of them:
//!   a stream without it was cut.
//!
//! Fields of a request that only Converse knows (`guardrailConfig`, `performanceConfig`,
//! `requestMetadata`, `additionalModelRequestFields`, `additionalModelResponseFieldPaths`) may be sent by
//! callers of any dialect under these names and reach the provider as they are.

mod answer;
mod blocks;
mod citations;
mod family;
mod fault;
mod media;
mod request;
mod stream;

use super::Dropped;
use super::EventReader;
use super::Framing;
use super::HeadField;
use super::ProviderDialect;
use super::TargetOptions;
use crate::chat::Answer;
use crate::chat::Request;
use crate::fault::Fault;
use crate::wire::json::Value;
use crate::wire::percent;
use std::borrow::Cow;

/// Its name, also the mark on everything it keeps.
const NAME: &str = "bedrock_converse";

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct BedrockConverse;

impl ProviderDialect for BedrockConverse {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self, model: &str, stream: bool) -> Cow<'static, str> {
        let mut path = b"/model/".to_vec();
        percent::encode(model.as_bytes(), b"", &mut path);
        path.extend_from_slice(if stream { b"/converse-stream" } else { b"/converse" });
        String::from_utf8(path).expect("percent-encoding is ASCII").into()
    }

    fn framing(&self) -> Framing {
        Framing::AmazonEventStream
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
        fault::read_fault(status, None, body)
    }

    fn read_refusal(&self, status: u16, field: &HeadField<'_>, body: &[u8]) -> Fault {
        fault::read_fault(status, field("x-amzn-errortype"), body)
    }
}
