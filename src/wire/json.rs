//! JSON: one bounded parse per body, and a writer for what we say ourselves.
//!
//! simd-json destroys its input, so the caller's bytes are copied into a scratch first; the copy is
//! what strings borrow from and the original is what passes through. Depth is bounded by the parser,
//! duplicate keys are refused here: two readers of one body must never see two requests.

use simd_json::value::tape::{Array, Object, Tape};
use simd_json::Buffers;

pub use simd_json::prelude::{TypedArrayValue, TypedObjectValue, TypedScalarValue, TypedValue, ValueAsScalar};

/// A parsed value; strings borrow from the scratch.
pub type Value<'tape, 'input> = simd_json::value::tape::Value<'tape, 'input>;
/// A parsed object.
pub type JsonObject<'tape, 'input> = Object<'tape, 'input>;
/// A parsed array.
pub type JsonArray<'tape, 'input> = Array<'tape, 'input>;

/// Deepest nesting accepted.
pub const DEPTH_MAX: usize = 128;

/// Why a text is not acceptable JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFault {
    /// Not JSON (syntax, UTF-8, lone surrogate, NaN).
    Invalid,
    /// Nested deeper than [`DEPTH_MAX`].
    TooDeep,
    /// An object names a key twice.
    DuplicateKey,
}

/// Parser memory that is reused from body to body.
pub struct Parser {
    buffers: Buffers,
    tape: Tape<'static>,
}

// CONTRACT (to be implemented here; signatures fixed)
//
// impl Parser {
//     pub fn new() -> Self;                                  // Buffers::with_max_depth(.., DEPTH_MAX)
//     /// Parses the text in `copy` (which grows by the padding simd-json wants) and checks duplicates.
//     pub fn parse<'input>(&mut self, copy: &'input mut Vec<u8>) -> Result<Tape<'input>, JsonFault>;
//     /// Gives the tape's memory back for the next body.
//     pub fn recycle(&mut self, tape: Tape<'_>);
// }
// /// Where the text of `text` (a string of a parse of a copy of `raw`) stands in `raw`, quotes excluded.
// /// None if it cannot be told for certain.
// pub fn span_of(raw: &[u8], copy_base: usize, text: &str) -> Option<std::ops::Range<usize>>;
// pub fn write_value(value: Value<'_, '_>, out: &mut Vec<u8>);   // compact, order kept
// pub fn raw(value: Value<'_, '_>) -> String;                    // the same as a String
// pub fn write_string(text: &str, out: &mut Vec<u8>);            // quoted and escaped
