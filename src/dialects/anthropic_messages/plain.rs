//! Which requests are [`Plain`].

use super::VOLATILE_FIELDS;
use crate::chat::Plain;
use crate::chat::Role;
use crate::chat::Setting;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;

const TEXT: &[&str] = &["text"];

pub(super) fn read_plain<'input>(body: Value<'_, 'input>) -> Option<Plain<'input>> {
    let mut plain = Plain::default();
    let (mut system, mut messages) = (None, None);
    for (name, value) in body.as_object()?.iter().filter(|(_, value)| !value.is_null()) {
        match name {
            "model" => {}
            "system" => system = Some(value),
            "messages" => messages = Some(value),
            "max_tokens" => plain.set(Setting::MaxTokens, value)?,
            "temperature" => plain.set(Setting::Temperature, value)?,
            "top_p" => plain.set(Setting::TopP, value)?,
            "top_k" => plain.set(Setting::TopK, value)?,
            "stop_sequences" => plain.stop_at(value)?,
            _ if VOLATILE_FIELDS.contains(&name) => {}
            _ => return None,
        }
    }
    if let Some(system) = system {
        plain.turn(Role::System, system, TEXT)?;
    }
    plain.messages(messages?, TEXT)?;
    Some(plain)
}
