//! What well-known models cost and can, from `catalogue.toml`, which is part of the binary.
//!
//! A name that is not in it is unknown, and an unknown price is no price: a wrong bill is worse than
//! none. The one liberty taken with names is that a model's row also stands for its dated snapshots.

use super::Kind;
use super::Rates;
use crate::chat::Usage;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Prefixes by which one provider names where a model runs; the price does not depend on which.
const REGIONS: &[&str] = &["us.", "eu.", "apac.", "au.", "jp.", "ca.", "in.", "us-gov."];

/// What a model can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Calls functions.
    Tools,
    /// Sees images.
    Vision,
    /// Hears.
    Audio,
    /// Follows a JSON schema.
    StructuredOutput,
    /// Thinks before it answers.
    Reasoning,
    /// Makes vectors instead of answers.
    Embeddings,
}

impl Ability {
    /// The catalogue's word.
    pub fn word(self) -> &'static str {
        match self {
            Ability::Tools => "tools",
            Ability::Vision => "vision",
            Ability::Audio => "audio",
            Ability::StructuredOutput => "structured_output",
            Ability::Reasoning => "reasoning",
            Ability::Embeddings => "embeddings",
        }
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    input: Option<f64>,
    output: Option<f64>,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
    reasoning: Option<f64>,
    above: Option<Above>,
    peak: Option<Peak>,
    /// Tokens of input and output that it can hold.
    pub context: Option<u64>,
    /// Longest answer, tokens.
    pub max_output: Option<u64>,
    /// What it can.
    #[serde(default)]
    pub can: Vec<Ability>,
}

/// Rates of long requests.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
struct Above {
    tokens: u64,
    #[serde(flatten)]
    rates: Rates,
}

/// Rates of busy hours.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Peak {
    /// Beginnings and ends, on working days.
    hours_utc: Vec<(u64, u64)>,
    #[serde(flatten)]
    rates: Rates,
}

impl Peak {
    /// Is it one of those hours? Holidays count as working days: nobody publishes them with the prices.
    fn holds(&self, unix_ms: u64) -> bool {
        const HOUR_MS: u64 = 3_600_000;
        let (hour, day) = (unix_ms / HOUR_MS % 24, unix_ms / (24 * HOUR_MS));
        // The first day of all was a Thursday; days are counted from Monday.
        let weekday = (day + 3) % 7;
        weekday < 5 && self.hours_utc.iter().any(|(from, to)| (*from..*to).contains(&hour))
    }
}

impl Listing {
    /// What it costs, unless that is unknown.
    pub fn rates(&self) -> Option<Rates> {
        let (cache_read, cache_write) = (self.cache_read, self.cache_write);
        Some(Rates { input: self.input?, output: self.output?, cache_read, cache_write, reasoning: self.reasoning })
    }

    /// What requests with more than so many input tokens are charged by, where that differs.
    pub fn long(&self) -> Option<(u64, Rates)> {
        self.above.map(|above| (above.tokens, above.rates))
    }

    /// In which hours of working days, UTC, what is charged, where that differs.
    pub fn peak(&self) -> Option<(&[(u64, u64)], Rates)> {
        self.peak.as_ref().map(|peak| (&*peak.hours_utc, peak.rates))
    }

    /// What a request with this usage is charged by at this time: all its tokens at the higher rates where it is
    /// long, or where the hour is busy.
    pub fn rates_for(&self, usage: &Usage, unix_ms: u64) -> Option<Rates> {
        let above = self.above.filter(|above| usage.input_tokens > above.tokens).map(|above| above.rates);
        let peak = self.peak.as_ref().filter(|peak| peak.holds(unix_ms)).map(|peak| peak.rates);
        above.or(peak).or_else(|| self.rates())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    as_of: String,
    like: BTreeMap<String, String>,
    aliases: BTreeMap<String, BTreeMap<String, String>>,
    models: BTreeMap<String, BTreeMap<String, Listing>>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    toml::from_str(include_str!("catalogue.toml")).expect("the catalogue is part of the program and read by its tests")
});

/// The day whose prices the catalogue holds.
pub fn as_of() -> &'static str {
    &CATALOGUE.as_of
}

/// Every model known of a kind, by name.
pub fn models(kind: &Kind) -> impl Iterator<Item = (&'static str, &'static Listing)> {
    of_kind(kind.name).into_iter().flatten().map(|(name, listing)| (name.as_str(), listing))
}

/// What is known of `model` at a provider of this kind.
pub fn listing(kind: &str, model: &str) -> Option<&'static Listing> {
    let kind = CATALOGUE.like.get(kind).map_or(kind, String::as_str);
    let models = of_kind(kind)?;
    // The resource that an ARN names is its last part.
    let model = model.strip_prefix("arn:").and_then(|arn| arn.rsplit('/').next()).unwrap_or(model);
    let alias = CATALOGUE.aliases.get(kind).and_then(|aliases| aliases.get(model));
    let model = alias.map_or(model, String::as_str);
    named(models, model).or_else(|| {
        let elsewhere = REGIONS.iter().find_map(|region| model.strip_prefix(region))?;
        named(models, elsewhere)
    })
}

fn of_kind(kind: &str) -> Option<&'static BTreeMap<String, Listing>> {
    let kind = CATALOGUE.like.get(kind).map_or(kind, String::as_str);
    CATALOGUE.models.get(kind)
}

/// The row of the name itself, or of the longest name of which it is a snapshot.
fn named<'c>(models: &'c BTreeMap<String, Listing>, model: &str) -> Option<&'c Listing> {
    let mut name = model;
    loop {
        let rest = &model[name.len()..];
        if let Some(listing) = models.get(name) {
            return (rest.is_empty() || ends_a_snapshot(rest)).then_some(listing);
        }
        name = &name[..name.rfind(SEPARATORS)?];
        if !parts(&model[name.len()..]).all(|part| part == "latest" || is_number(part)) {
            return None;
        }
    }
}

const SEPARATORS: [char; 3] = ['-', ':', '@'];

fn parts(rest: &str) -> impl Iterator<Item = &str> {
    rest.split(SEPARATORS).filter(|part| !part.is_empty())
}

/// `20250929`, `06` or `v1`.
fn is_number(part: &str) -> bool {
    let digits = part.strip_prefix('v').unwrap_or(part);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A date, `latest`, or a version such as `v1:0`. A short number alone makes another model (`-4-5`).
fn ends_a_snapshot(rest: &str) -> bool {
    parts(rest).any(|part| part == "latest" || part.starts_with('v') || part.len() >= 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::ProviderDialect;
    use crate::dialects::anthropic_messages::AnthropicMessages;
    use crate::wire::json::Parser;

    fn input(kind: &str, model: &str) -> Option<f64> {
        listing(kind, model)?.rates().map(|rates| rates.input)
    }

    #[test]
    fn a_name_stands_for_its_snapshots_and_for_nothing_else() {
        for (kind, model, wanted) in [
            ("openai", "gpt-4o", Some(2.5)),
            ("openai", "gpt-4o-2024-08-06", Some(2.5)),
            ("openai", "gpt-4o-2024-05-13", Some(5.0)),
            ("openai", "gpt-4o-mini-2024-07-18", Some(0.15)),
            ("openai", "gpt-4o-audio-preview", None),
            ("openai", "gpt-4o-mini-realtime-preview-2024-12-17", None),
            ("openai", "gpt-5-chat-latest", Some(1.25)),
            ("openai", "gpt-5.9", None),
            ("openai", "gpt-4-0613", Some(30.0)),
            ("openai", "gpt-4-32k", None),
            ("openai", "ft:gpt-4o-2024-08-06:me::abc", None),
            ("openai", "", None),
            ("openai", "-2024-08-06", None),
            ("azure", "gpt-4.1-mini", Some(0.4)),
            ("anthropic", "claude-sonnet-4-20250514", Some(3.0)),
            ("anthropic", "claude-opus-4-20250514", Some(15.0)),
            ("anthropic", "claude-opus-4-5-20251101", Some(5.0)),
            ("anthropic", "claude-opus-4-9", None),
            ("anthropic", "claude-3-5-haiku-latest", Some(0.8)),
            ("vertex", "gemini-2.0-flash-001", Some(0.1)),
            ("gemini", "gemini-2.5-flash-image", None),
            ("bedrock", "amazon.nova-pro-v1:0", Some(0.8)),
            ("bedrock", "eu.amazon.nova-pro-v1:0", Some(0.8)),
            ("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", Some(3.3)),
            ("bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", Some(3.0)),
            ("groq", "moonshotai/kimi-k2-instruct-0905", Some(1.0)),
            ("cohere", "command-r-08-2024", Some(0.15)),
            ("cohere", "command-r-03-2024", Some(0.5)),
            ("bedrock", "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-5-5", Some(4.4)),
            (
                "bedrock",
                "arn:aws:bedrock:eu-west-1:1:inference-profile/global.anthropic.claude-sonnet-4-5-20250929-v1:0",
                Some(3.0),
            ),
            ("bedrock", "arn:aws:bedrock:eu-west-1:1:application-inference-profile/a1b2c3", None),
            ("bedrock", "amazon.titan-embed-text-v2:0", Some(0.02)),
            ("deepseek", "deepseek-chat", None),
            ("deepseek", "deepseek-flash", Some(0.15)),
            ("mistral", "mistral-large-latest", None),
            ("mistral", "magistral-medium-latest", None),
            ("mistral", "magistral-medium-2509", Some(2.0)),
            ("mistral", "mistral-medium-latest", Some(1.5)),
            ("vertex", "gemini-flash-latest", Some(0.75)),
            ("together", "moonshotai/Kimi-K3", Some(3.0)),
            ("fireworks", "accounts/fireworks/models/kimi-k3", Some(3.0)),
            ("zai", "glm-5.3-flash", Some(0.15)),
            ("nobody", "gpt-4o", None),
        ] {
            assert_eq!(input(kind, model), wanted, "{kind}: {model}");
        }
        assert!(listing("deepseek", "deepseek-chat").is_some_and(|listing| listing.can.contains(&Ability::Tools)));
    }

    #[test]
    fn long_requests_are_charged_by_their_own_rates() {
        let sonnet = listing("anthropic", "claude-sonnet-4-5").expect("a well-known model");
        let usage = |input_tokens| Usage { input_tokens, ..Usage::default() };
        let input = |tokens| sonnet.rates_for(&usage(tokens), 0).map(|rates| rates.input);
        assert_eq!((input(200_000), input(200_001)), (Some(3.0), Some(6.0)));
    }

    #[test]
    fn busy_hours_of_working_days_have_rates_of_their_own() {
        const HOUR_MS: u64 = 3_600_000;
        let flash = listing("deepseek", "deepseek-flash").expect("a well-known model");
        // 2026-11-23 was a Monday.
        let monday = 20_780 * 24 * HOUR_MS;
        for (day, hour, wanted) in [
            (0, 0, 0.15),
            (0, 1, 0.3),
            (0, 3, 0.3),
            (0, 4, 0.15),
            (0, 9, 0.3),
            (0, 10, 0.15),
            (4, 6, 0.3),
            (5, 6, 0.15),
            (6, 6, 0.15),
            (7, 6, 0.3),
        ] {
            let now = monday + (day * 24 + hour) * HOUR_MS + HOUR_MS - 1;
            let rates = flash.rates_for(&Usage::default(), now).expect("a price");
            assert!((rates.input - wanted).abs() < 1e-9, "day {day}, {hour}:59: {}", rates.input);
        }
    }

    /// Anthropic counts what its cache read and wrote beside the input, and we count it in: either way it
    /// is paid once.
    #[test]
    fn a_recorded_kind_of_usage_costs_what_the_provider_charges() {
        let body = r#"{"id":"m","type":"message","role":"assistant","model":"claude-haiku-4-5","content":[],
            "stop_reason":"end_turn","usage":{"input_tokens":3,"cache_creation_input_tokens":1000,
            "cache_read_input_tokens":2000,"output_tokens":10}}"#;
        let mut copy = body.as_bytes().to_vec();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("valid JSON");
        let answer = AnthropicMessages.read_answer(tape.as_value()).expect("an answer");
        let usage = answer.usage.expect("numbers");
        let rates = listing("anthropic", "claude-haiku-4-5-20251001").and_then(|it| it.rates_for(&usage, 0));
        let cost = rates.expect("a well-known model").cost(&usage);
        assert!((cost - (3.0 + 1000.0 * 1.25 + 2000.0 * 0.1 + 10.0 * 5.0) / 1e6).abs() < 1e-12, "{cost}");
    }

    #[test]
    fn every_row_makes_sense() {
        assert!(as_of().len() == 10 && as_of().starts_with("20"), "{}", as_of());
        for (kind, models) in &CATALOGUE.models {
            for (model, listing) in models {
                let told = format!("{kind}: {model}");
                assert_eq!(listing.input.is_some(), listing.output.is_some(), "{told}");
                assert!(!listing.can.is_empty(), "{told}");
                if let Some(rates) = listing.rates() {
                    assert!(rates.input > 0.0 && rates.input <= 100.0, "{told}: unknown is not nothing");
                    let embeds = listing.can.contains(&Ability::Embeddings);
                    assert!(rates.output >= rates.input || embeds && rates.output == 0.0, "{told}");
                    assert!(rates.cache_read.is_none_or(|read| read <= rates.input), "{told}");
                    assert!(rates.cache_write.is_none_or(|written| written >= rates.input), "{told}");
                }
                if let Some(above) = listing.above {
                    let usual = listing.rates().expect("a long request is dearer than something");
                    assert!(above.rates.input > usual.input && above.rates.output > usual.output, "{told}");
                    assert_eq!(above.rates.cache_read.is_some(), usual.cache_read.is_some(), "{told}");
                    assert_eq!(above.rates.cache_write.is_some(), usual.cache_write.is_some(), "{told}");
                    assert!(listing.context.is_none_or(|context| context >= above.tokens), "{told}");
                }
                if let Some(peak) = &listing.peak {
                    let usual = listing.rates().expect("a busy hour is dearer than something");
                    assert!(peak.rates.input > usual.input && peak.rates.output > usual.output, "{told}");
                    assert_eq!(peak.rates.cache_read.is_some(), usual.cache_read.is_some(), "{told}");
                    assert!(peak.hours_utc.iter().all(|(from, to)| from < to && *to <= 24), "{told}");
                    assert!(listing.above.is_none(), "{told}: which of the two would hold?");
                }
                assert!(listing.max_output.is_none_or(|most| most <= listing.context.unwrap_or(u64::MAX)), "{told}");
            }
        }
        for (kind, aliases) in &CATALOGUE.aliases {
            for (alias, model) in aliases {
                let models = &CATALOGUE.models[kind];
                assert!(models.contains_key(model) && !models.contains_key(alias), "{kind}: {alias}");
            }
        }
        for like in CATALOGUE.like.values() {
            assert!(CATALOGUE.models.contains_key(like), "{like}");
        }
    }
}
