//! The tier that served an answer, which every dialect tells in words and in a place of its own. The neutral
//! middle keeps it as OpenAI's chat format does, so that a reader of another dialect adds it and a writer of
//! another dialect looks for it.

use super::openai_chat;
use crate::chat::Extra;
use crate::chat::RawJson;

/// Its name there.
pub(super) const FIELD: &str = "service_tier";

/// Words of all dialects, with OpenAI's for the same.
const WORDS: &[(&str, &str)] = &[
    ("default", "default"),
    ("standard", "default"),
    ("on_demand", "default"),
    ("ON_DEMAND", "default"),
    ("priority", "priority"),
    ("ON_DEMAND_PRIORITY", "priority"),
    ("flex", "flex"),
    ("ON_DEMAND_FLEX", "flex"),
    ("scale", "scale"),
];

fn word(told: &str) -> Option<&'static str> {
    WORDS.iter().find(|(word, _)| *word == told).map(|(_, openai)| *openai)
}

/// What to keep of a tier called `told`; nothing of one that OpenAI has no word for.
pub(super) fn kept(told: Option<&str>) -> Option<Extra> {
    let value = RawJson(format!("\"{}\"", word(told?)?));
    Some(Extra { dialect: openai_chat::NAME, name: FIELD.to_owned(), value })
}

/// OpenAI's word for the tier among the fields of an answer.
pub(super) fn of(extras: &[Extra]) -> Option<&'static str> {
    extras.iter().find_map(of_extra)
}

/// The same, if this field is one.
pub(super) fn of_extra(extra: &Extra) -> Option<&'static str> {
    let told = extra.dialect == openai_chat::NAME && extra.name == FIELD;
    word(extra.value.0.strip_prefix('"')?.strip_suffix('"')?).filter(|_| told)
}

/// Anthropic's word for one of OpenAI's.
pub(super) fn anthropic(openai: &str) -> Option<&'static str> {
    match openai {
        "default" => Some("standard"),
        "priority" => Some("priority"),
        _ => None,
    }
}

/// Gemini's word for one of OpenAI's.
pub(super) fn gemini(openai: &str) -> Option<&'static str> {
    match openai {
        "default" => Some("standard"),
        "priority" => Some("priority"),
        "flex" => Some("flex"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_the_same_are_one_and_others_are_none() {
        for (told, openai, claude, google) in [
            ("standard", "default", Some("standard"), Some("standard")),
            ("ON_DEMAND", "default", Some("standard"), Some("standard")),
            ("priority", "priority", Some("priority"), Some("priority")),
            ("flex", "flex", None, Some("flex")),
            ("scale", "scale", None, None),
        ] {
            let kept = kept(Some(told)).expect("a known word");
            assert_eq!(of(&[kept]), Some(openai));
            assert_eq!((anthropic(openai), gemini(openai)), (claude, google));
        }
        for none in [None, Some(""), Some("auto"), Some("batch")] {
            assert_eq!(kept(none), None);
        }
        let foreign = Extra { dialect: "anthropic_messages", name: FIELD.into(), value: RawJson("\"default\"".into()) };
        assert_eq!(of(&[foreign]), None);
    }
}
