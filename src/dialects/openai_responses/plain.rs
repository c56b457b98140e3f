//! Which requests are [`Plain`].

use super::VOLATILE_FIELDS;
use crate::chat::Piece;
use crate::chat::Plain;
use crate::chat::Role;
use crate::chat::Setting;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use crate::wire::json::ValueIntoString;

/// Kinds of text that nobody answers otherwise for being called so.
const TEXT: &[&str] = &["input_text", "output_text", "text"];

pub(super) fn read_plain<'input>(body: Value<'_, 'input>) -> Option<Plain<'input>> {
    let mut plain = Plain { keep: true, ..Plain::default() };
    let (mut instructions, mut input) = (None, None);
    for (name, value) in body.as_object()?.iter().filter(|(_, value)| !value.is_null()) {
        match name {
            "model" => {}
            "instructions" => instructions = Some(value.into_string()?),
            "input" => input = Some(value),
            "max_output_tokens" => plain.set(Setting::MaxTokens, value)?,
            "temperature" => plain.set(Setting::Temperature, value)?,
            "top_p" => plain.set(Setting::TopP, value)?,
            "store" => plain.keep = value.as_bool()?,
            _ if VOLATILE_FIELDS.contains(&name) => {}
            _ => return None,
        }
    }
    if let Some(instructions) = instructions.filter(|text| !text.is_empty()) {
        plain.pieces.extend([Piece::Turn(Role::System), Piece::Text(instructions)]);
    }
    let input = input?;
    match input.into_string() {
        Some(text) => plain.pieces.extend([Piece::Turn(Role::User), Piece::Text(text)]),
        None => plain.messages(input, TEXT)?,
    }
    Some(plain)
}
