//! An answer while it is being said, and the two ways between stream and whole.

use super::answer::{Answer, Choice, Finish, Usage};
use super::request::{Extra, Part, RawJson};
use crate::fault::Fault;

/// One step of a streamed answer. Parts of one choice arrive in order; a delta belongs to the newest
/// part of its kind in its choice, except tool arguments, which name their call.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The first event: who answers.
    Start {
        /// The provider's id.
        id: String,
        /// The model that answers.
        model: String,
        /// Unix seconds; 0 when not told.
        created_s: u64,
        /// Fields of one dialect.
        extra: Vec<Extra>,
    },
    /// More words.
    Text {
        /// Which answer.
        choice: u64,
        /// The words.
        text: String,
    },
    /// More visible reasoning.
    Thinking {
        /// Which answer.
        choice: u64,
        /// The words.
        text: String,
    },
    /// The signature of the reasoning block that just ended.
    ThinkingSignature {
        /// Which answer.
        choice: u64,
        /// The signature.
        signature: String,
    },
    /// A new tool call.
    ToolCall {
        /// Which answer.
        choice: u64,
        /// The call's number within its answer, counted from 0.
        call: u64,
        /// Joins call and result.
        id: String,
        /// The function.
        name: String,
    },
    /// More argument text of a tool call.
    ToolArguments {
        /// Which answer.
        choice: u64,
        /// The call's number.
        call: u64,
        /// JSON text fragment.
        text: String,
    },
    /// More words of a refusal.
    Refusal {
        /// Which answer.
        choice: u64,
        /// The words.
        text: String,
    },
    /// A whole part that does not come in deltas (redacted thinking, opaque parts).
    Whole {
        /// Which answer.
        choice: u64,
        /// The part.
        part: Part,
    },
    /// Log probabilities of the newest words.
    Logprobs {
        /// Which answer.
        choice: u64,
        /// As OpenAI writes them.
        json: RawJson,
    },
    /// Fields of one dialect that belong to an answer (annotations, citations).
    ChoiceExtra {
        /// Which answer.
        choice: u64,
        /// The field.
        extra: Extra,
    },
    /// An answer ended.
    Finish {
        /// Which answer.
        choice: u64,
        /// Why.
        finish: Finish,
    },
    /// Tokens; the last one wins.
    Usage(Usage),
    /// Proof of life without content (`ping`).
    Ping,
    /// The provider said in the stream that it failed.
    Error(Fault),
    /// The terminator of the dialect was seen: the stream is complete.
    End,
}

/// Puts a stream back together into a whole answer.
#[derive(Debug, Default)]
pub struct Assembler {
    answer: Answer,
    ended: bool,
}
