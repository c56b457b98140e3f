//! What a model understands, told by its name: Converse is one form, but its makers' models differ in
//! what they accept inside it, and refuse the whole request for a word they do not know.
//!
//! | | cache points | `top_k` | thinking on demand | signed thinking back |
//! |---|---|---|---|---|
//! | Claude | all places | `top_k` | `thinking`, `output_config.effort` | yes |
//! | Nova | not behind tools | `inferenceConfig.topK` | Nova 2: `reasoningConfig` | yes |
//! | gpt-oss | – | – | `reasoning_effort` | – |
//! | Qwen | – | – | `reasoning_config` (`low`, `high`) | – |
//! | Mistral, Cohere | – | `top_k`, `k` | – | – |
//! | a profile that hides its model | all places | – | a Claude caller's own words | yes |
//! | others | – | – | – | – |

use super::super::anthropic_messages::thinking;
use super::super::anthropic_messages::thinking::Thinking;
use super::super::fields;
use crate::chat::Reasoning;
use crate::chat::Request;
use crate::wire::json;

/// Who made the model, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Claude,
    Nova,
    Nova2,
    GptOss,
    Qwen,
    Mistral,
    Cohere,
    /// An application inference profile: the name does not tell.
    Hidden,
    Other,
}

impl Family {
    pub(super) fn of(model: &str) -> Family {
        const MARKS: &[(&str, Family)] = &[
            ("claude", Family::Claude),
            ("amazon.nova-2", Family::Nova2),
            ("amazon.nova", Family::Nova),
            ("openai.", Family::GptOss),
            ("qwen.", Family::Qwen),
            ("mistral.", Family::Mistral),
            ("cohere.", Family::Cohere),
            ("application-inference-profile/", Family::Hidden),
        ];
        MARKS.iter().find(|(mark, _)| model.contains(mark)).map_or(Family::Other, |(_, family)| *family)
    }

    /// Are cache points understood in messages and system?
    pub(super) fn caches(self) -> bool {
        matches!(self, Family::Claude | Family::Nova | Family::Nova2 | Family::Hidden)
    }

    /// Are they understood behind tools?
    pub(super) fn caches_tools(self) -> bool {
        matches!(self, Family::Claude | Family::Hidden)
    }

    /// May thinking that the provider signed come back to it?
    pub(super) fn takes_thinking(self) -> bool {
        self.caches()
    }

    /// `top_k` in the maker's words.
    pub(super) fn top_k(self, top_k: u64) -> Option<(&'static str, String)> {
        match self {
            Family::Claude | Family::Mistral => Some(("top_k", top_k.to_string())),
            Family::Cohere => Some(("k", top_k.to_string())),
            Family::Nova | Family::Nova2 => Some(("inferenceConfig", format!("{{\"topK\":{top_k}}}"))),
            _ => None,
        }
    }
}

/// What to write about thinking.
#[derive(Debug, PartialEq)]
pub(super) enum Plan {
    /// Nothing was asked for, or it was switched off.
    Off,
    /// It was asked for and cannot be had.
    Dropped,
    /// These additional fields.
    Fields(Vec<(&'static str, String)>),
}

/// Thinking in the maker's words. A Claude caller's own are handed on as they are.
pub(super) fn plan(family: Family, request: &Request, model: &str, default_max_tokens: Option<u64>) -> Plan {
    let own = claude_words(request);
    if !own.is_empty() && matches!(family, Family::Claude | Family::Hidden) {
        return Plan::Fields(own);
    }
    if family == Family::Claude {
        return plan_claude(request, model, default_max_tokens);
    }
    let Some(reasoning) = request.reasoning.as_ref().filter(|reasoning| is_wanted(reasoning)) else {
        return Plan::Off;
    };
    let effort = effort(reasoning);
    let (name, value) = match family {
        Family::GptOss => ("reasoning_effort", format!("\"{effort}\"")),
        Family::Qwen => ("reasoning_config", format!("\"{}\"", if effort == "low" { "low" } else { "high" })),
        Family::Nova2 => ("reasoningConfig", format!("{{\"type\":\"enabled\",\"maxReasoningEffort\":\"{effort}\"}}")),
        _ => return Plan::Dropped,
    };
    Plan::Fields(vec![(name, value)])
}

/// What a caller of Anthropic's dialect said about thinking, as it said it.
fn claude_words(request: &Request) -> Vec<(&'static str, String)> {
    const CLAUDE: &str = super::super::anthropic_messages::NAME;
    let kept = |name| fields::kept(&request.extra, CLAUDE, name).filter(|text| !matches!(*text, "" | "null"));
    let thinking = kept("thinking").map(|own| ("thinking", own.to_owned()));
    let effort = kept("output_config").and_then(effort_of).map(|effort| ("output_config", effort));
    thinking.into_iter().chain(effort).collect()
}

fn plan_claude(request: &Request, model: &str, default_max_tokens: Option<u64>) -> Plan {
    match thinking::plan(request, model, default_max_tokens.unwrap_or(u64::MAX / 2)).0 {
        Thinking::Off => Plan::Off,
        Thinking::Dropped => Plan::Dropped,
        Thinking::Budget(budget) => {
            Plan::Fields(vec![("thinking", format!("{{\"type\":\"enabled\",\"budget_tokens\":{budget}}}"))])
        }
        Thinking::Adaptive(effort) => Plan::Fields(vec![
            ("thinking", "{\"type\":\"adaptive\"}".to_owned()),
            ("output_config", format!("{{\"effort\":\"{effort}\"}}")),
        ]),
    }
}

/// `{"effort":…}` of an `output_config`; its format has a place of its own.
fn effort_of(config: &str) -> Option<String> {
    let config: serde_json::Value = serde_json::from_str(config).ok()?;
    let effort = config.get("effort")?.as_str()?;
    let quoted = fields::written(|out| json::write_string(effort, out));
    Some(format!("{{\"effort\":{quoted}}}"))
}

/// Does the model think when asked like this? Then Claude takes neither temperature nor `top_p`.
pub(super) fn thinks(plan: &Plan) -> bool {
    let Plan::Fields(fields) = plan else { return false };
    fields.iter().any(|(name, value)| *name == "thinking" && !value.contains("\"disabled\""))
}

fn is_wanted(reasoning: &Reasoning) -> bool {
    let said = reasoning.effort.is_some() || reasoning.budget_tokens.is_some() || reasoning.enabled == Some(true);
    said && reasoning.enabled != Some(false) && reasoning.effort.as_deref() != Some("none")
}

fn effort(reasoning: &Reasoning) -> &'static str {
    match (reasoning.effort.as_deref(), reasoning.budget_tokens) {
        (Some("minimal" | "low"), _) | (None, Some(0..=2048)) => "low",
        (Some("high" | "xhigh" | "max"), _) | (None, Some(8193..)) => "high",
        _ => "medium",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Extra;
    use crate::chat::RawJson;

    fn asking(effort: Option<&str>, budget_tokens: Option<u64>) -> Request {
        let reasoning = Reasoning { effort: effort.map(str::to_owned), budget_tokens, enabled: None };
        Request { reasoning: Some(reasoning), ..Request::default() }
    }

    #[test]
    fn names_tell_the_family() {
        for (model, family) in [
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", Family::Claude),
            ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-7", Family::Claude),
            ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/mi1dadi0g15f", Family::Hidden),
            ("us.amazon.nova-micro-v1:0", Family::Nova),
            ("us.amazon.nova-2-lite-v1:0", Family::Nova2),
            ("openai.gpt-oss-120b-1:0", Family::GptOss),
            ("qwen.qwen3-32b-v1:0", Family::Qwen),
            ("us.deepseek.r1-v1:0", Family::Other),
            ("us.meta.llama4-maverick-17b-instruct-v1:0", Family::Other),
        ] {
            assert_eq!(Family::of(model), family, "{model}");
        }
    }

    #[test]
    fn each_maker_is_asked_in_its_own_words() {
        let asked = |model: &str, request: &Request| match plan(Family::of(model), request, model, None) {
            Plan::Fields(fields) => {
                fields.iter().map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join(" ")
            }
            other => format!("{other:?}"),
        };
        let high = asking(Some("high"), None);
        assert_eq!(asked("openai.gpt-oss-120b-1:0", &high), "reasoning_effort:\"high\"");
        assert_eq!(asked("qwen.qwen3-32b-v1:0", &asking(Some("medium"), None)), "reasoning_config:\"high\"");
        let nova = "reasoningConfig:{\"type\":\"enabled\",\"maxReasoningEffort\":\"low\"}";
        assert_eq!(asked("us.amazon.nova-2-lite-v1:0", &asking(None, Some(1024))), nova);
        assert_eq!(asked("us.amazon.nova-micro-v1:0", &high), "Dropped");
        assert_eq!(asked("us.deepseek.r1-v1:0", &asking(Some("none"), None)), "Off");
        let budget = "thinking:{\"type\":\"enabled\",\"budget_tokens\":16384}";
        assert_eq!(asked("us.anthropic.claude-sonnet-4-5-20250929-v1:0", &high), budget);
        let adaptive = "thinking:{\"type\":\"adaptive\"} output_config:{\"effort\":\"high\"}";
        assert_eq!(asked("us.anthropic.claude-sonnet-4-6", &high), adaptive);
        assert_eq!(asked("us.anthropic.claude-sonnet-4-6", &Request::default()), "Off");
    }

    #[test]
    fn a_claude_callers_own_words_are_handed_on() {
        let kept = |name: &str, value: &str| Extra {
            dialect: "anthropic_messages",
            name: name.into(),
            value: RawJson(value.into()),
        };
        let mut request = asking(None, None);
        request.extra = vec![kept("thinking", r#"{"type":"adaptive","display":"omitted"}"#)];
        let fields = |request: &Request| plan(Family::Claude, request, "anthropic.claude-opus-4-7", None);
        let own = ("thinking", r#"{"type":"adaptive","display":"omitted"}"#.to_owned());
        assert_eq!(fields(&request), Plan::Fields(vec![own.clone()]));
        assert!(thinks(&fields(&request)));
        request.extra.push(kept("output_config", r#"{"effort":"max","format":{"type":"json_schema"}}"#));
        let effort = ("output_config", r#"{"effort":"max"}"#.to_owned());
        assert_eq!(fields(&request), Plan::Fields(vec![own, effort]));
        request.extra = vec![kept("thinking", r#"{"type":"disabled"}"#)];
        assert!(!thinks(&fields(&request)));
    }
}
