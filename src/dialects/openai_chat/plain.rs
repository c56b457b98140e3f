//! Which requests are [`Plain`].

use super::VOLATILE_FIELDS;
use crate::chat::Plain;
use crate::chat::Setting;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

pub(super) fn read_plain<'input>(body: Value<'_, 'input>) -> Option<Plain<'input>> {
    let mut plain = Plain::default();
    for (name, value) in body.as_object()?.iter().filter(|(_, value)| !value.is_null()) {
        match name {
            "model" => {}
            "messages" => plain.messages(value, &["text"])?,
            "max_tokens" | "max_completion_tokens" => plain.set(Setting::MaxTokens, value)?,
            "temperature" => plain.set(Setting::Temperature, value)?,
            "top_p" => plain.set(Setting::TopP, value)?,
            "seed" => plain.set(Setting::Seed, value)?,
            "presence_penalty" => plain.set(Setting::PresencePenalty, value)?,
            "frequency_penalty" => plain.set(Setting::FrequencyPenalty, value)?,
            "stop" => plain.stop_at(value)?,
            "n" if value.as_u64() == Some(1) => {}
            _ if VOLATILE_FIELDS.contains(&name) => {}
            _ => return None,
        }
    }
    Some(plain)
}
