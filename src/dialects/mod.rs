//! Wire formats. A dialect is not a provider: it is written once and used in both directions through
//! the neutral [`chat`](crate::chat) types.
//!
//! To add one: a file beside this one and a line in [`ALL`]. The suites walk the list.

pub mod anthropic_messages;
mod fields;
mod media;
pub mod openai_chat;
pub mod openai_responses;
mod signature;
mod splice;

use crate::chat::Answer;
use crate::chat::Ask;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Request;
use crate::chat::Usage;
use crate::fault::Fault;
use crate::wire::json::Parser;
use crate::wire::json::Value;

/// Every dialect, by the name used in configuration.
pub const ALL: &[&dyn Dialect] =
    &[&openai_chat::OpenAiChat, &openai_responses::OpenAiResponses, &anthropic_messages::AnthropicMessages];

/// The dialect called `name`.
pub fn named(name: &str) -> Option<&'static dyn Dialect> {
    ALL.iter().copied().find(|dialect| dialect.name() == name)
}

/// Something that the target cannot express and that was left out; shown in
/// `x-ringgate-dropped` and documented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The field as the caller named it, e.g. `logit_bias`.
    pub field: String,
}

/// What a provider needs besides the neutral request.
#[derive(Clone, Copy, Debug, Default)]
pub struct TargetOptions {
    /// Sent when the dialect demands a bound and the caller gave none.
    pub default_max_tokens: Option<u64>,
    /// Ask for usage in the stream even though the caller did not.
    pub inject_usage: bool,
    /// The provider understands `max_completion_tokens` only (OpenAI) or `max_tokens` only (most others).
    pub legacy_max_tokens: bool,
}

/// What the gateway must know of a whole answer that passes through unchanged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerFacts {
    /// The provider's model.
    pub model: Option<String>,
    /// Tokens.
    pub usage: Option<Usage>,
    /// Did every choice finish with `Stop`, `StopSequence` or `ToolCalls`?
    pub complete: bool,
    /// Does a choice call tools?
    pub tool_calls: bool,
    /// Does a choice refuse, or was it filtered?
    pub refused: bool,
    /// Is there any content at all?
    pub content: bool,
}

/// What the gateway must know of one streamed event that passes through unchanged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventFacts {
    /// The provider's model, where the event tells it.
    pub model: Option<String>,
    /// Carries content, a tool call or a refusal: after this no failover.
    pub content: bool,
    /// Carries a tool call.
    pub tool_call: bool,
    /// Carries a refusal.
    pub refusal: bool,
    /// A choice ended.
    pub finish: Option<Finish>,
    /// Tokens so far.
    pub usage: Option<Usage>,
    /// Exists only to carry usage: stripped when the caller did not ask for it.
    pub usage_only: bool,
    /// The provider said that it failed.
    pub error: Option<Fault>,
    /// The dialect's terminator: the stream is complete.
    pub end: bool,
}

/// How a caller wants its stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamOptions {
    /// Write the usage chunk?
    pub include_usage: bool,
    /// `created` for dialects that want one, unix seconds; used when the provider did not tell.
    pub created_s: u64,
}

/// Turns provider events into neutral ones. One per stream; holds the state between events.
pub trait EventReader {
    /// Reads one server-sent event (`name` is its `event:` line) and appends what it means.
    /// An event that cannot be understood is an `Err`: the stream is broken.
    fn read(&mut self, name: Option<&str>, data: &str, into: &mut Vec<Event>) -> Result<(), Fault>;
}

/// Turns neutral events into the caller's stream. One per stream.
pub trait EventWriter {
    /// Appends the bytes of complete server-sent events to `out`.
    fn write(&mut self, event: &Event, out: &mut Vec<u8>);
}

/// One wire format, both directions.
pub trait Dialect: Sync {
    /// Its name in configuration, metrics and logs.
    fn name(&self) -> &'static str;

    // As the caller's dialect.

    /// The judgeable facts of a request; refuses what cannot be one.
    fn read_ask<'input>(&self, body: Value<'_, 'input>) -> Result<Ask<'input>, Fault>;

    /// Top-level fields that do not change the answer and therefore stay out of the cache key.
    fn volatile_fields(&self) -> &'static [&'static str];

    /// The whole request, for a target of another dialect.
    fn read_request(&self, body: Value<'_, '_>) -> Result<Request, Fault>;

    /// Refuses what only a provider of this very dialect can serve: state that it keeps, tools that it
    /// runs itself. Asked before a request is translated.
    fn check_portable(&self, _body: Value<'_, '_>) -> Result<(), Fault> {
        Ok(())
    }

    /// What a caller of this dialect calls the field that a writer of another one calls `field`.
    fn name_of_field(&self, field: &str) -> String {
        field.to_owned()
    }

    /// The settings that answers of this dialect repeat from their request, as fields to keep with a
    /// translated answer; `raw` is the request's body.
    fn repeated_settings(&self, _raw: &[u8]) -> Vec<Extra> {
        Vec::new()
    }

    /// Appends a whole answer.
    fn write_answer(&self, answer: &Answer, out: &mut Vec<u8>);

    /// A writer for one stream.
    fn event_writer(&self, options: StreamOptions) -> Box<dyn EventWriter>;

    /// The HTTP status that this dialect's SDKs expect for `fault`.
    fn status(&self, fault: &Fault) -> u16;

    /// Appends the error envelope.
    fn write_fault(&self, fault: &Fault, request_id: &str, out: &mut Vec<u8>);

    /// Appends the error as an event inside a stream that has already begun.
    fn write_stream_fault(&self, fault: &Fault, request_id: &str, out: &mut Vec<u8>);

    /// Appends the terminator of a complete stream (`data: [DONE]` …), for streams that pass through
    /// unchanged; empty where the last event is the terminator.
    fn stream_end(&self) -> &'static [u8];

    /// Appends a comment line that keeps an idle stream alive; empty where the dialect forbids comments.
    fn keep_alive(&self) -> &'static [u8];

    /// A new answer id in this dialect's shape.
    fn answer_id(&self, random: u128) -> String;

    // As the provider's dialect.

    /// The path below the provider's base URL.
    fn path(&self, model: &str, stream: bool) -> String;

    /// Appends the request body for `model`; tells what had to be left out, or refuses when leaving it
    /// out would change the answer.
    fn write_request(
        &self,
        request: &Request,
        model: &str,
        options: TargetOptions,
        out: &mut Vec<u8>,
    ) -> Result<Vec<Dropped>, Fault>;

    /// A whole answer.
    fn read_answer(&self, body: Value<'_, '_>) -> Result<Answer, Fault>;

    /// A reader for one stream.
    fn event_reader(&self) -> Box<dyn EventReader>;

    /// The provider's error, with its own text, type and code kept.
    fn read_fault(&self, status: u16, body: &[u8]) -> Fault;

    // As both: the bytes pass through.

    /// Appends `raw` with the model's name replaced and, where asked, usage injected; every other byte
    /// is the caller's. `raw` is what `body` and `ask` were read from.
    fn splice_request(
        &self,
        raw: &[u8],
        body: Value<'_, '_>,
        ask: &Ask<'_>,
        model: &str,
        options: TargetOptions,
        out: &mut Vec<u8>,
    );

    /// The facts of a whole answer.
    fn answer_facts(&self, body: Value<'_, '_>) -> Result<AnswerFacts, Fault>;

    /// The facts of one event; `body` is `None` for events whose data is not JSON (`[DONE]`).
    fn event_facts(&self, name: Option<&str>, data: &str, body: Option<Value<'_, '_>>) -> Result<EventFacts, Fault>;

    /// Writes a whole answer that came in this dialect with a new id and creation time and every other
    /// byte as the provider sent it. `None` when `raw` has no such fields where expected.
    fn replay_template(&self, raw: &[u8]) -> Option<ReplayTemplate>;
}

/// An answer with two holes, so that a cached hit is three copies and no parsing.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayTemplate {
    /// The provider's bytes.
    pub raw: Vec<u8>,
    /// Where the id's characters stand in `raw` (without quotes).
    pub id_at: std::ops::Range<usize>,
    /// Where the digits of `created` stand, if the dialect has them.
    pub created_at: Option<std::ops::Range<usize>>,
}

/// Adds what an answer repeats of its request to the fields of an answer, unless it says so itself.
pub fn add_settings(extra: &mut Vec<Extra>, settings: &[Extra]) {
    for setting in settings {
        if !extra.iter().any(|known| known.dialect == setting.dialect && known.name == setting.name) {
            extra.push(setting.clone());
        }
    }
}

/// A comment is legal in every event stream that permits comments at all.
const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// 22 letters and digits that hold all of `random`, as the ids of providers end.
fn id_characters(mut random: u128) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const LENGTH: usize = 22; // 62^22 > 2^128
    let mut characters = String::with_capacity(LENGTH);
    for _ in 0..LENGTH {
        let digit = usize::try_from(random % 62).expect("below 62");
        characters.push(char::from(ALPHABET[digit]));
        random /= 62;
    }
    characters
}

/// Finds `id` and, where the dialect has one, the creation time at the top level of a whole answer.
fn replay_template(raw: &[u8], created: Option<&str>) -> Option<ReplayTemplate> {
    let mut copy = raw.to_vec();
    let mut parser = Parser::new();
    let tape = parser.parse(&mut copy).ok()?;
    let object = fields::body_object(tape.as_value()).ok()?;
    let id_at = splice::characters_of(raw, &object, "id")?;
    let created_at = match created {
        Some(name) => Some(splice::digits_of(raw, &object, name)?),
        None => None,
    };
    Some(ReplayTemplate { raw: raw.to_vec(), id_at, created_at })
}
