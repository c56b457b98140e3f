//! The neutral middle: what a chat request, answer and stream event *mean*, in no dialect.
//!
//! N caller dialects and M provider dialects meet here, so there are N + M translations. The types
//! must therefore be able to carry everything that any dialect can say; what one dialect alone
//! understands travels as an [`Extra`] and is written back only by the dialect that read it.

mod answer;
mod ask;
mod citation;
mod event;
mod plain;
mod request;

pub use answer::{Answer, Choice, Finish, ServiceTier, Usage};
pub use ask::Ask;
pub use ask::Kept;
pub use ask::MODEL_BYTES_MAX;
pub use ask::VectorForm;
pub use citation::{CITATIONS_MAX, Citation, Source, Unit};
pub use event::{Assembler, Event, answer_events};
pub use plain::{Piece, Plain, SETTINGS, Setting};
pub use request::{
    Among, Extra, FunctionTool, ImageDetail, MediaSource, Message, Part, RawJson, Reasoning, Request, ResponseFormat,
    Role, Tool, ToolChoice,
};
