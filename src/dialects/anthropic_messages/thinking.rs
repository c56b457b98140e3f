//! How much the model may think, and what that does to the rest of the request.
//!
//! The neutral request says an effort or a budget. Models up to 4.5 want a budget
//! (`thinking.budget_tokens`, at least 1024 and below `max_tokens`); later ones decide themselves and are
//! told an effort (`thinking.type = "adaptive"` with `output_config.effort`). Servers that imitate
//! Anthropic with other models know the budget.
//!
//! | effort | budget, tokens | effort of later models |
//! |---|--:|---|
//! | `none` | – | – |
//! | `minimal` | 1024 | `low` |
//! | `low` | 2048 | `low` |
//! | `medium`, unknown words | 8192 | `medium` |
//! | `high` | 16384 | `high` |
//! | `xhigh`, `max` | 24576 | `high` for 4.6; `xhigh`, `max` after it |
//!
//! `max_tokens` covers thinking in both dialects. A caller's bound is obeyed: an effort gets at most
//! half of it, a budget all but one token, and neither anything where the bound is not above the least
//! budget. Without a bound of the caller the target's
//! default is what remains for the answer.
//!
//! Thinking cannot be had together with a forced tool, nor in a tool loop whose earlier thinking did not
//! come back signed; then it is left out and named as dropped, because the tool is what was asked for.

use super::super::signature::is_marked;
use crate::chat::Message;
use crate::chat::Part;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::ToolChoice;

/// The least budget accepted, in tokens.
const BUDGET_TOKENS_MIN: u64 = 1024;

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialects) enum Thinking {
    /// Nothing was asked for, or it was switched off.
    Off,
    /// It was asked for and cannot be had.
    Dropped,
    /// A budget in tokens.
    Budget(u64),
    /// The model decides, with this effort.
    Adaptive(&'static str),
}

/// What to write, and the bound of the whole answer in tokens.
pub(in crate::dialects) fn plan(request: &Request, model: &str, default_max_tokens: u64) -> (Thinking, u64) {
    let given = request.max_tokens;
    let bound = given.unwrap_or(default_max_tokens);
    let Some(budget) = wanted_budget(request) else {
        return (Thinking::Off, bound);
    };
    if is_forced(request) || is_unsigned_loop(&request.messages) {
        return (Thinking::Dropped, bound);
    }
    let budget = budget.max(BUDGET_TOKENS_MIN);
    let generation = generation(model);
    if generation.is_some_and(|generation| generation >= (4, 6)) {
        let bound = given.unwrap_or(default_max_tokens.saturating_add(budget));
        return (Thinking::Adaptive(effort(request, budget, generation >= Some((4, 7)))), bound);
    }
    match given {
        None => (Thinking::Budget(budget), default_max_tokens.saturating_add(budget)),
        Some(bound) if bound <= BUDGET_TOKENS_MIN => (Thinking::Dropped, bound),
        Some(bound) => {
            let counted = request.reasoning.as_ref().is_some_and(|reasoning| reasoning.budget_tokens.is_some());
            let most = if counted { bound - 1 } else { bound / 2 };
            (Thinking::Budget(budget.min(most).max(BUDGET_TOKENS_MIN)), bound)
        }
    }
}

fn wanted_budget(request: &Request) -> Option<u64> {
    let reasoning = request.reasoning.as_ref().filter(|reasoning| reasoning.enabled != Some(false))?;
    let by_effort = match reasoning.effort.as_deref() {
        Some("none") => return None,
        Some("minimal") => Some(1024),
        Some("low") => Some(2048),
        Some("high") => Some(16_384),
        Some("xhigh" | "max") => Some(24_576),
        Some(_) => Some(8192),
        None => reasoning.enabled.map(|_| 8192),
    };
    reasoning.budget_tokens.or(by_effort)
}

fn effort(request: &Request, budget: u64, knows_more: bool) -> &'static str {
    let word = request.reasoning.as_ref().and_then(|reasoning| reasoning.effort.as_deref());
    match (word, budget) {
        (Some("xhigh"), _) if knows_more => "xhigh",
        (Some("max"), _) if knows_more => "max",
        (_, 0..=2048) => "low",
        (_, 2049..=8192) => "medium",
        _ => "high",
    }
}

fn is_forced(request: &Request) -> bool {
    matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Function(_)))
}

/// Does the conversation end in results of tools whose call came without signed thinking?
fn is_unsigned_loop(messages: &[Message]) -> bool {
    let is_result = |message: &Message| {
        message.role == Role::Tool || message.parts.iter().any(|part| matches!(part, Part::ToolResult { .. }))
    };
    if !messages.last().is_some_and(is_result) {
        return false;
    }
    let caller = messages.iter().rev().find(|message| message.role == Role::Assistant);
    caller.is_some_and(|message| !message.parts.iter().any(is_signed))
}

/// Does the provider recognise this as its own thinking?
pub(in crate::dialects) fn is_signed(part: &Part) -> bool {
    match part {
        Part::Thinking { signature, .. } => {
            signature.as_deref().is_some_and(|signature| !signature.is_empty() && !is_marked(signature))
        }
        Part::RedactedThinking { .. } => true,
        _ => false,
    }
}

/// `(4, 6)` of `claude-opus-4-6`, `(3, 7)` of `claude-3-7-sonnet-20250219`; `None` for models that are
/// not named like that.
fn generation(model: &str) -> Option<(u32, u32)> {
    const DATE_MIN: u32 = 1000;
    let name = &model[model.find("claude-")?..];
    let mut numbers = name.split(['-', '.', '@']).map(|word| word.parse::<u32>().ok()).skip_while(Option::is_none);
    let major = numbers.next()??;
    let minor = numbers.next().flatten().filter(|minor| *minor < DATE_MIN);
    Some((major, minor.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Reasoning;

    fn asking(effort: Option<&str>, budget_tokens: Option<u64>, max_tokens: Option<u64>) -> Request {
        let reasoning = Reasoning { effort: effort.map(str::to_owned), budget_tokens, enabled: None };
        Request { reasoning: Some(reasoning), max_tokens, ..Request::default() }
    }

    #[test]
    fn names_tell_the_generation() {
        for (name, wanted) in [
            ("claude-3-7-sonnet-20250219", Some((3, 7))),
            ("claude-sonnet-4-5-20250929", Some((4, 5))),
            ("claude-sonnet-4-20250514", Some((4, 0))),
            ("claude-opus-4-6", Some((4, 6))),
            ("claude-fable-5", Some((5, 0))),
            ("us.anthropic.claude-opus-4-7", Some((4, 7))),
            ("claude-instant", None),
            ("glm-5", None),
        ] {
            assert_eq!(generation(name), wanted, "{name}");
        }
    }

    #[test]
    fn a_budget_always_leaves_room_for_the_answer() {
        for effort in ["minimal", "low", "medium", "high", "xhigh", "odd"] {
            for given in [None, Some(1), Some(1024), Some(1025), Some(3000), Some(100_000)] {
                match plan(&asking(Some(effort), None, given), "claude-sonnet-4-5", 4096) {
                    (Thinking::Budget(budget), bound) => assert!((1024..bound).contains(&budget), "{effort} {given:?}"),
                    (Thinking::Dropped, _) => assert!(given.is_some_and(|given| given <= 1024)),
                    other => panic!("{effort} {given:?}: {other:?}"),
                }
            }
        }
        assert_eq!(plan(&asking(Some("low"), None, None), "claude-3-7-sonnet", 4096), (Thinking::Budget(2048), 6144));
        assert_eq!(plan(&asking(None, Some(3000), Some(4096)), "glm-5", 1), (Thinking::Budget(3000), 4096));
        assert_eq!(plan(&asking(None, Some(9000), Some(4096)), "glm-5", 1), (Thinking::Budget(4095), 4096));
    }

    #[test]
    fn later_models_are_told_an_effort() {
        let told = |effort, model| plan(&asking(Some(effort), None, Some(500)), model, 1).0;
        assert_eq!(told("minimal", "claude-opus-4-6"), Thinking::Adaptive("low"));
        assert_eq!(told("xhigh", "claude-opus-4-6"), Thinking::Adaptive("high"));
        assert_eq!(told("xhigh", "claude-opus-4-7"), Thinking::Adaptive("xhigh"));
        assert_eq!(told("none", "claude-opus-4-7"), Thinking::Off);
    }

    #[test]
    fn tools_come_before_thinking() {
        let mut forced = asking(Some("high"), None, None);
        forced.tool_choice = Some(ToolChoice::Required);
        assert_eq!(plan(&forced, "claude-sonnet-4-5", 4096), (Thinking::Dropped, 4096));

        let message = |role, parts| Message { role, parts, name: None, plain: true, extra: vec![] };
        let (id, name) = ("c".to_owned(), "f".to_owned());
        let call = Part::ToolCall { id, name, arguments: "{}".into(), cache_marker: None, extra: vec![] };
        let signed = Part::Thinking { text: "hm".into(), signature: Some("s".into()) };
        let unsigned = Part::Thinking { text: "hm".into(), signature: None };
        for (thought, wanted) in [(signed, Thinking::Adaptive("high")), (unsigned, Thinking::Dropped)] {
            let mut looping = asking(Some("high"), None, None);
            looping.messages = vec![message(Role::Assistant, vec![thought, call.clone()]), message(Role::Tool, vec![])];
            assert_eq!(plan(&looping, "claude-opus-4-6", 4096).0, wanted);
        }
    }
}
