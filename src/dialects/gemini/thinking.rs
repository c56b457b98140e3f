//! How much the model may think.
//!
//! Models up to 2.5 count tokens, later ones know levels, earlier than 2.5 do not think. Google's own
//! translation of `reasoning_effort` is followed:
//!
//! | effort | budget, tokens | level |
//! |---|--:|---|
//! | `none` | 0 (Pro: its least, 128) | the least the model knows |
//! | `minimal` | 1024 | `minimal`, where the model has none `low` |
//! | `low` | 1024 | `low` |
//! | `medium`, unknown words | 8192 | `medium`, where the model has none `high` |
//! | `high`, `xhigh`, `max` | 24576 | `high` |
//!
//! Whoever asks for thinking elsewhere is shown it, so that thoughts are asked for.

use crate::chat::Reasoning;
use crate::chat::Request;

/// Most thinking of a Flash model, in tokens; Pro takes more.
const BUDGET_TOKENS_MAX: u64 = 24_576;
const PRO_BUDGET_TOKENS_MAX: u64 = 32_768;
/// Pro cannot leave it.
const PRO_BUDGET_TOKENS_MIN: u64 = 128;

/// What to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Thinking {
    /// Nothing was asked for.
    Unsaid,
    /// It was asked for and cannot be had.
    Dropped,
    /// This `thinkingConfig`.
    Config(String),
}

/// What to write for `model`.
pub(super) fn plan(request: &Request, model: &str) -> Thinking {
    let Some(reasoning) = &request.reasoning else {
        return Thinking::Unsaid;
    };
    let Some(wanted) = Wanted::of(reasoning) else {
        return Thinking::Unsaid;
    };
    let generation = generation(model);
    let is_older = generation.is_some_and(|generation| generation < (2, 5));
    match (is_older, wanted) {
        (true, Wanted::Nothing) => Thinking::Unsaid,
        (true, _) => Thinking::Dropped,
        (false, _) if generation.is_some_and(|generation| generation >= (3, 0)) => {
            let level = level(wanted, model, generation >= Some((3, 1)));
            Thinking::Config(config(&format!("\"thinkingLevel\":\"{level}\""), wanted))
        }
        (false, Wanted::Itself) => Thinking::Config("{\"includeThoughts\":true}".to_owned()),
        (false, _) => Thinking::Config(config(&format!("\"thinkingBudget\":{}", budget(wanted, model)), wanted)),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted<'a> {
    Nothing,
    /// As much as the model likes.
    Itself,
    Effort(&'a str),
    Budget(u64),
}

impl<'a> Wanted<'a> {
    fn of(reasoning: &'a Reasoning) -> Option<Wanted<'a>> {
        match (reasoning.enabled, reasoning.budget_tokens, reasoning.effort.as_deref()) {
            (Some(false), ..) | (_, None, Some("none")) | (_, Some(0), _) => Some(Wanted::Nothing),
            (_, Some(tokens), _) => Some(Wanted::Budget(tokens)),
            (_, None, Some(effort)) => Some(Wanted::Effort(effort)),
            (Some(true), None, None) => Some(Wanted::Itself),
            (None, None, None) => None,
        }
    }
}

fn config(amount: &str, wanted: Wanted<'_>) -> String {
    let shown = if wanted == Wanted::Nothing { "" } else { ",\"includeThoughts\":true" };
    format!("{{{amount}{shown}}}")
}

fn budget(wanted: Wanted<'_>, model: &str) -> u64 {
    let pro = model.contains("pro");
    let most = if pro { PRO_BUDGET_TOKENS_MAX } else { BUDGET_TOKENS_MAX };
    let tokens = match wanted {
        Wanted::Nothing => 0,
        Wanted::Budget(tokens) => tokens,
        Wanted::Effort("minimal" | "low") => 1024,
        Wanted::Effort("high" | "xhigh" | "max") => 24_576,
        Wanted::Effort(_) | Wanted::Itself => 8192,
    };
    tokens.clamp(if pro { PRO_BUDGET_TOKENS_MIN } else { 0 }, most)
}

fn level(wanted: Wanted<'_>, model: &str, later: bool) -> &'static str {
    let flash = model.contains("flash");
    match wanted {
        Wanted::Nothing | Wanted::Effort("minimal") | Wanted::Budget(0..=512) if flash => "minimal",
        Wanted::Nothing | Wanted::Effort("minimal" | "low") | Wanted::Budget(0..=2048) => "low",
        Wanted::Effort("high" | "xhigh" | "max") | Wanted::Itself | Wanted::Budget(8193..) => "high",
        Wanted::Effort(_) | Wanted::Budget(_) if flash || later => "medium",
        Wanted::Effort(_) | Wanted::Budget(_) => "high",
    }
}

/// `(2, 5)` of `gemini-2.5-flash`; `None` for models that are not named like that.
pub(super) fn generation(model: &str) -> Option<(u32, u32)> {
    let name = &model[model.find("gemini-")? + "gemini-".len()..];
    let number = name.split('-').next()?;
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(effort: Option<&str>, budget_tokens: Option<u64>, enabled: Option<bool>, model: &str) -> String {
        let reasoning = Reasoning { effort: effort.map(str::to_owned), budget_tokens, enabled };
        match plan(&Request { reasoning: Some(reasoning), ..Request::default() }, model) {
            Thinking::Config(config) => config,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn names_tell_the_generation() {
        for (name, wanted) in [
            ("gemini-2.5-flash", Some((2, 5))),
            ("gemini-3-pro-preview", Some((3, 0))),
            ("gemini-3.1-pro", Some((3, 1))),
            ("models/gemini-2.0-flash-001", Some((2, 0))),
            ("gemini-flash-latest", None),
            ("gemma-3-27b-it", None),
        ] {
            assert_eq!(generation(name), wanted, "{name}");
        }
    }

    #[test]
    fn amounts_are_said_as_each_generation_understands_them() {
        for (effort, budget, enabled, model, wanted) in [
            (Some("low"), None, None, "gemini-2.5-flash", r#"{"thinkingBudget":1024,"includeThoughts":true}"#),
            (None, Some(99_999), None, "gemini-2.5-flash", r#"{"thinkingBudget":24576,"includeThoughts":true}"#),
            (Some("none"), None, None, "gemini-2.5-flash", r#"{"thinkingBudget":0}"#),
            (None, None, Some(false), "gemini-2.5-pro", r#"{"thinkingBudget":128}"#),
            (None, None, Some(true), "gemini-2.5-pro", r#"{"includeThoughts":true}"#),
            (Some("minimal"), None, None, "gemini-3-flash", r#"{"thinkingLevel":"minimal","includeThoughts":true}"#),
            (Some("medium"), None, None, "gemini-3-pro-preview", r#"{"thinkingLevel":"high","includeThoughts":true}"#),
            (Some("medium"), None, None, "gemini-3.1-pro", r#"{"thinkingLevel":"medium","includeThoughts":true}"#),
            (None, Some(1024), None, "gemini-3-pro-preview", r#"{"thinkingLevel":"low","includeThoughts":true}"#),
            (Some("none"), None, None, "gemini-3-pro-preview", r#"{"thinkingLevel":"low"}"#),
            (Some("high"), None, None, "gemini-2.0-flash", "Dropped"),
            (Some("none"), None, None, "gemini-2.0-flash", "Unsaid"),
            (None, None, None, "gemini-3-pro-preview", "Unsaid"),
        ] {
            assert_eq!(planned(effort, budget, enabled, model), wanted, "{effort:?} {budget:?} {enabled:?} {model}");
        }
    }
}
