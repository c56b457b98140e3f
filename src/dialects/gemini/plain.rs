//! Which requests are [`Plain`].

use super::VOLATILE_FIELDS;
use super::spelling;
use crate::chat::Piece;
use crate::chat::Plain;
use crate::chat::Role;
use crate::chat::Setting;
use crate::wire::json::JsonObject;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use crate::wire::json::ValueIntoString;

pub(super) fn read_plain<'input>(body: Value<'_, 'input>) -> Option<Plain<'input>> {
    let mut plain = Plain::default();
    let (mut instruction, mut contents) = (None, None);
    for (name, value) in body.as_object()?.iter().filter(|(_, value)| !value.is_null()) {
        match &*spelling::camel(name) {
            "systemInstruction" => instruction = Some(value.as_object()?),
            "contents" => contents = Some(value),
            "generationConfig" => read_config(&value.as_object()?, &mut plain)?,
            _ if VOLATILE_FIELDS.contains(&name) => {}
            _ => return None,
        }
    }
    if let Some(instruction) = instruction {
        plain.pieces.push(Piece::Turn(Role::System));
        read_content(&instruction, &mut plain)?;
    }
    for content in items(contents?)? {
        let content = content.as_object()?;
        let role = match spelling::text(&content, "role") {
            None | Some("user" | "") => Role::User,
            Some("model") => Role::Assistant,
            Some(_) => return None,
        };
        plain.pieces.push(Piece::Turn(role));
        read_content(&content, &mut plain)?;
    }
    Some(plain)
}

fn read_config<'input>(config: &JsonObject<'_, 'input>, plain: &mut Plain<'input>) -> Option<()> {
    config.iter().filter(|(_, value)| !value.is_null()).try_for_each(|(name, value)| match &*spelling::camel(name) {
        "maxOutputTokens" => plain.set(Setting::MaxTokens, value),
        "temperature" => plain.set(Setting::Temperature, value),
        "topP" => plain.set(Setting::TopP, value),
        "topK" => plain.set(Setting::TopK, value),
        "seed" => plain.set(Setting::Seed, value),
        "presencePenalty" => plain.set(Setting::PresencePenalty, value),
        "frequencyPenalty" => plain.set(Setting::FrequencyPenalty, value),
        "stopSequences" => plain.stop_at(value),
        "candidateCount" => (value.as_u64() == Some(1)).then_some(()),
        _ => None,
    })
}

fn read_content<'input>(content: &JsonObject<'_, 'input>, plain: &mut Plain<'input>) -> Option<()> {
    let known = |name: &str| matches!(name, "role" | "parts");
    if !content.iter().filter(|(_, value)| !value.is_null()).all(|(name, _)| known(name)) {
        return None;
    }
    items(content.get("parts")?)?.into_iter().try_for_each(|part| {
        let part = part.as_object()?;
        let text = part.get("text").and_then(ValueIntoString::into_string)?;
        plain.pieces.push(Piece::Text(text));
        (part.len() == 1).then_some(())
    })
}

fn items<'tape, 'input>(value: Value<'tape, 'input>) -> Option<Vec<Value<'tape, 'input>>> {
    spelling::items(value, String::new).ok()
}
