//! Settings that an answer repeats from its request.
//!
//! SDKs build their answers from them, so they are always there: as the caller gave them, else as they
//! are when nobody gives any.

use super::super::fields::Keeper;
use super::super::fields::ObjectWriter;
use super::NAME;
use crate::chat::Extra;
use crate::wire::json::JsonObject;
use crate::wire::json::Parser;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::ValueAsScalar;

/// Settings that every answer has, with the JSON of their defaults. Nothing that passed through another
/// dialect was stored.
const ALWAYS: &[(&str, &str)] = &[
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("reasoning", "{\"effort\":null,\"summary\":null}"),
    ("store", "false"),
    ("temperature", "null"),
    ("text", "{\"format\":{\"type\":\"text\"}}"),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_p", "null"),
    ("truncation", "\"disabled\""),
];

/// Settings that are repeated if they were given.
const GIVEN: &[&str] = &["max_tool_calls", "prompt_cache_key", "safety_identifier", "top_logprobs", "user"];

/// The settings of the request `raw`, to be kept with its answer.
pub(super) fn repeated(raw: &[u8]) -> Vec<Extra> {
    let mut copy = raw.to_vec();
    let mut parser = Parser::new();
    let Ok(tape) = parser.parse(&mut copy) else {
        return Vec::new();
    };
    let mut keeper = Keeper::new(NAME);
    for (name, value) in tape.as_value().as_object().iter().flat_map(|object| object.iter()) {
        let known = GIVEN.contains(&name) || name != "store" && ALWAYS.iter().any(|(known, _)| *known == name);
        if known && !value.is_null() {
            keeper.keep(name, value);
        }
    }
    keeper.extras
}

/// Does the provider keep the answer `raw`? It says so unless it has no notion of it.
pub(super) fn is_stored(raw: &[u8]) -> bool {
    let mut copy = raw.to_vec();
    let mut parser = Parser::new();
    parser.parse(&mut copy).is_ok_and(|tape| tape.as_value().as_object().is_some_and(|object| stores(&object)))
}

/// The same of a parsed answer.
pub(super) fn stores(answer: &JsonObject<'_, '_>) -> bool {
    answer.get("store").and_then(|store| store.as_bool()) == Some(true)
}

/// Records which of the settings an answer lacks, so that it stays so.
pub(super) fn keep_absent(answer: &JsonObject<'_, '_>, keeper: &mut Keeper) {
    for (name, _) in ALWAYS.iter().filter(|(name, _)| answer.get(name).is_none()) {
        keeper.absent(*name);
    }
}

/// Writes the settings of an answer that did not keep them.
pub(super) fn write(writer: &mut ObjectWriter<'_>) {
    for (name, default) in ALWAYS {
        writer.text(name, default);
    }
}
