//! Wire formats. A dialect is not a provider: it is written once and used in both directions through
//! the neutral [`chat`](crate::chat) types.
//!
//! Some are spoken by providers alone ([`ProviderDialect`]), most by callers as well ([`Dialect`]); the
//! types say which, so that nothing can be asked to answer a caller in a dialect that has no words for it.
//!
//! To add one: a file beside this one and a line in [`ALL`] or [`PROVIDER_ONLY`]. The suites walk the lists.

pub mod anthropic_messages;
mod base64;
pub mod bedrock_converse;
mod citations;
pub mod cohere_chat;
mod counting;
mod fields;
pub mod gemini;
mod media;
mod members;
pub mod opaque;
pub mod openai_chat;
pub mod openai_responses;
mod plain;
mod schema;
mod signature;
mod splice;
mod tier;

use crate::chat::Answer;
use crate::chat::Ask;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Part;
use crate::chat::Plain;
use crate::chat::Request;
use crate::chat::Usage;
use crate::fault::Fault;
use crate::wire::edits::Edited;
use crate::wire::json::Parser;
use crate::wire::json::Value;
use std::borrow::Cow;

/// Every dialect that callers and providers speak.
pub const ALL: &[&dyn Dialect] = &[
    &openai_chat::OpenAiChat,
    &openai_responses::OpenAiResponses,
    &anthropic_messages::AnthropicMessages,
    &gemini::Gemini,
];

/// Formats beside the dialects of providers: what only callers speak and providers of a dialect of
/// [`ALL`] serve at a path of its own.
pub const BESIDE: &[&dyn Dialect] = &[
    &openai_chat::OpenAiCompletions,
    &openai_chat::OpenAiEmbeddings,
    &anthropic_messages::AnthropicCountTokens,
    &gemini::GeminiCountTokens,
];

/// Every dialect that only providers speak.
pub const PROVIDER_ONLY: &[&dyn ProviderDialect] = &[&bedrock_converse::BedrockConverse, &cohere_chat::CohereChat];

/// The dialect of callers called `name`.
pub fn named(name: &str) -> Option<&'static dyn Dialect> {
    ALL.iter().copied().find(|dialect| dialect.name() == name)
}

/// Every dialect that providers speak.
pub fn of_providers() -> impl Iterator<Item = &'static dyn ProviderDialect> {
    let both = ALL.iter().map(|dialect| *dialect as &'static dyn ProviderDialect);
    both.chain(PROVIDER_ONLY.iter().copied())
}

/// The dialect of providers called `name`.
pub fn of_provider(name: &str) -> Option<&'static dyn ProviderDialect> {
    of_providers().find(|dialect| dialect.name() == name)
}

/// The dialect or format beside one called `name`: whatever an answer can be written in.
pub fn spoken(name: &str) -> Option<&'static dyn ProviderDialect> {
    let beside = BESIDE.iter().map(|dialect| *dialect as &'static dyn ProviderDialect);
    of_providers().chain(beside).find(|dialect| dialect.name() == name)
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
    /// Signed reasoning of earlier turns is told, to be put into the provider's words.
    pub signed_reasoning: bool,
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

impl AnswerFacts {
    /// The facts of an answer that was read whole anyway.
    fn of(answer: &Answer) -> AnswerFacts {
        let finishes = || answer.choices.iter().map(|choice| &choice.finish);
        let sound = |finish: &Option<Finish>| finish.as_ref().is_some_and(is_sound);
        let mut facts = AnswerFacts {
            model: Some(answer.model.clone()).filter(|model| !model.is_empty()),
            usage: answer.usage.clone(),
            complete: !answer.choices.is_empty() && finishes().all(sound),
            refused: finishes().any(|finish| matches!(finish, Some(Finish::ContentFilter | Finish::Refusal))),
            ..AnswerFacts::default()
        };
        for part in answer.choices.iter().flat_map(|choice| &choice.parts) {
            match part {
                Part::Text { text, .. } | Part::Thinking { text, .. } => facts.content |= !text.is_empty(),
                Part::Refusal(_) => (facts.content, facts.refused) = (true, true),
                Part::ToolCall { .. } => (facts.content, facts.tool_calls) = (true, true),
                _ => facts.content = true,
            }
        }
        facts
    }
}
/// A whole answer's facts and, where it is not as it was asked for, the answer as it was.
pub type ReadWhole = Result<(AnswerFacts, Option<Vec<u8>>), Fault>;

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
    /// Choices that ended in the same event beside that one.
    pub further_finishes: u64,
    /// Tokens so far.
    pub usage: Option<Usage>,
    /// Exists only to carry usage: stripped when the caller did not ask for it.
    pub usage_only: bool,
    /// The provider said that it failed.
    pub error: Option<Fault>,
    /// The dialect's terminator: the stream is complete.
    pub end: bool,
}

impl EventFacts {
    /// A choice ended. Of several that end in one event, the one is told that was cut or filtered: it says more
    /// about the answer than one that was not.
    fn add_finish(&mut self, finish: Finish) {
        self.further_finishes += u64::from(self.finish.is_some());
        if self.finish.as_ref().is_none_or(is_sound) {
            self.finish = Some(finish);
        }
    }
}

/// Is an answer that ended like this all that the model wanted to say?
fn is_sound(finish: &Finish) -> bool {
    matches!(finish, Finish::Stop | Finish::StopSequence(_) | Finish::ToolCalls)
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

    /// Why the answer cannot be told on in this dialect, once that is so. Nothing more is written then, and
    /// whoever feeds the writer ends the stream with the fault: a clean end would be believed.
    fn failure(&self) -> Option<&Fault> {
        None
    }
}

/// How a provider of a dialect cuts its stream into events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `text/event-stream`.
    ServerSentEvents,
    /// `application/vnd.amazon.eventstream`: binary messages with checksums.
    AmazonEventStream,
}

impl Framing {
    /// How the content type of such a stream begins.
    pub fn content_type(self) -> &'static str {
        match self {
            Framing::ServerSentEvents => "text/event-stream",
            Framing::AmazonEventStream => "application/vnd.amazon.eventstream",
        }
    }
}

/// A field of the head of a provider's answer, by its name in lower case.
pub type HeadField<'a> = dyn Fn(&str) -> Option<&'a [u8]> + 'a;

/// One wire format as providers speak it. Those that callers speak as well are a [`Dialect`].
pub trait ProviderDialect: Sync {
    /// Its name in configuration, metrics and logs.
    fn name(&self) -> &'static str;

    /// The path below the provider's base URL.
    fn path(&self, model: &str, stream: bool) -> Cow<'static, str>;

    /// How streams are cut into events.
    fn framing(&self) -> Framing {
        Framing::ServerSentEvents
    }

    /// Is a stream without a terminator complete when every answer in it finished and its body came to its
    /// proper end?
    fn ends_with_body(&self) -> bool {
        false
    }

    /// Appends the request body for `model`; tells what had to be left out, or refuses when leaving it
    /// out would change the answer.
    fn write_request(
        &self,
        request: &Request,
        model: &str,
        options: TargetOptions,
        out: &mut Vec<u8>,
    ) -> Result<Vec<Dropped>, Fault>;

    /// A whole answer. What the provider does not tell (id, model, time) stays empty.
    fn read_answer(&self, body: Value<'_, '_>) -> Result<Answer, Fault>;

    /// A reader for one stream.
    fn event_reader(&self) -> Box<dyn EventReader>;

    /// The provider's error, with its own text, type and code kept.
    fn read_fault(&self, status: u16, body: &[u8]) -> Fault;

    /// The same where the head of the answer says more about the error than its body.
    fn read_refusal(&self, status: u16, _field: &HeadField<'_>, body: &[u8]) -> Fault {
        self.read_fault(status, body)
    }

    /// The facts of a whole answer.
    fn answer_facts(&self, body: Value<'_, '_>) -> Result<AnswerFacts, Fault> {
        self.read_answer(body).map(|answer| AnswerFacts::of(&answer))
    }
}

/// One wire format, both directions: what callers speak, and what then passes through unchanged to a
/// provider of the same dialect.
pub trait Dialect: ProviderDialect {
    /// The dialect whose callers these are, for routes that serve callers of one dialect only.
    fn family(&self) -> &'static str {
        self.name()
    }

    /// Do providers of the dialect called `provider` understand this one as it is? Then the bytes pass.
    fn served_by(&self, provider: &str) -> bool {
        provider == self.name()
    }

    /// The same for a provider that means the same and says it otherwise: what takes requests and gives
    /// answers of this dialect, and speaks that provider's words towards it.
    fn through(&self, _provider: &str) -> Option<&'static dyn Dialect> {
        None
    }

    /// How the names of the fields begin by which this dialect's SDKs learn what a key may still do: limit,
    /// remaining, and when it may do all again as a point in time. `None`: by those that every caller gets.
    fn limit_field_prefix(&self) -> Option<&'static str> {
        None
    }

    /// What of a request cannot be said to a provider that is spoken to like this: fields that are left out,
    /// or a refusal, because leaving it out would change the answer. Nothing, where the bytes pass. `model` is
    /// the provider's.
    fn left_unsaid(&self, _body: Value<'_, '_>, _model: &str) -> Result<Vec<Dropped>, Fault> {
        Ok(Vec::new())
    }

    /// Do its providers keep answers that callers come back to by id?
    fn keeps_answers(&self) -> bool {
        false
    }

    /// The judgeable facts of a request; refuses what cannot be one.
    fn read_ask<'input>(&self, body: Value<'_, 'input>) -> Result<Ask<'input>, Fault>;

    /// The request as any dialect could say it, if it is plain: then whoever says the same shares its answer.
    fn read_plain<'input>(&self, _body: Value<'_, 'input>) -> Option<Plain<'input>> {
        None
    }

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

    // The bytes pass through.

    /// `raw` with the model's name replaced and, where asked, usage injected; every other byte is the
    /// caller's. `raw` is what `body` and `ask` were read from.
    fn splice_request<'r, 't>(
        &self,
        raw: &'r [u8],
        body: Value<'_, '_>,
        ask: &Ask<'_>,
        model: &'t str,
        options: TargetOptions,
    ) -> Edited<'r, 't>;

    /// A whole answer of a format that is too large to be parsed at once, or that has to be amended: its
    /// facts, and it as `ask` wanted it, where the provider did otherwise. `None`: parse it.
    fn whole_answer(&self, _raw: &[u8], _ask: &Ask<'_>) -> Option<ReadWhole> {
        None
    }

    /// An answer that can be given without a provider, where none understands the question; it is marked
    /// as an estimate.
    fn estimate(&self, _body: Value<'_, '_>) -> Option<Vec<u8>> {
        None
    }

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

/// The stream of a format that has none.
struct Unstreamed;

impl EventReader for Unstreamed {
    fn read(&mut self, _name: Option<&str>, _data: &str, _into: &mut Vec<Event>) -> Result<(), Fault> {
        Err(fields::not_understood("the provider streams what cannot be streamed"))
    }
}

impl EventWriter for Unstreamed {
    fn write(&mut self, _event: &Event, _out: &mut Vec<u8>) {}
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

/// Finds the field `id` and, where the dialect has one, the creation time at the top level of a whole
/// answer.
fn replay_template(raw: &[u8], id: &str, created: Option<&str>) -> Option<ReplayTemplate> {
    let mut copy = raw.to_vec();
    let mut parser = Parser::new();
    let tape = parser.parse(&mut copy).ok()?;
    let object = fields::body_object(tape.as_value()).ok()?;
    let id_at = splice::characters_of(raw, &object, id)?;
    let created_at = match created {
        Some(name) => Some(splice::digits_of(raw, &object, name)?),
        None => None,
    };
    Some(ReplayTemplate { raw: raw.to_vec(), id_at, created_at })
}
