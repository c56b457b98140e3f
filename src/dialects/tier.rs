//! The tier that served an answer: the words of all dialects for it, which mean the same wherever they stand,
//! and those that both of OpenAI's dialects write.

use crate::chat::ServiceTier;

/// Its field in OpenAI's dialects and in Anthropic's.
pub(super) const FIELD: &str = "service_tier";

const WORDS: &[(&str, ServiceTier)] = &[
    ("default", ServiceTier::Default),
    ("standard", ServiceTier::Default),
    ("on_demand", ServiceTier::Default),
    ("ON_DEMAND", ServiceTier::Default),
    ("priority", ServiceTier::Priority),
    ("ON_DEMAND_PRIORITY", ServiceTier::Priority),
    ("flex", ServiceTier::Flex),
    ("ON_DEMAND_FLEX", ServiceTier::Flex),
    ("scale", ServiceTier::Scale),
];

/// The tier called `word`; none of one that is not known, or not known yet (`auto`).
pub(super) fn read(word: &str) -> Option<ServiceTier> {
    WORDS.iter().find(|(known, _)| *known == word).map(|(_, tier)| *tier)
}

/// OpenAI's word.
pub(super) fn openai(tier: ServiceTier) -> &'static str {
    match tier {
        ServiceTier::Default => "default",
        ServiceTier::Priority => "priority",
        ServiceTier::Flex => "flex",
        ServiceTier::Scale => "scale",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_the_same_are_one_and_others_are_none() {
        for (word, openai_word) in [
            ("standard", "default"),
            ("ON_DEMAND", "default"),
            ("on_demand", "default"),
            ("priority", "priority"),
            ("ON_DEMAND_FLEX", "flex"),
            ("scale", "scale"),
        ] {
            assert_eq!(read(word).map(openai), Some(openai_word), "{word}");
        }
        for none in ["", "auto", "batch"] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
