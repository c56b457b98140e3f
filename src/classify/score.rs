//! From features to a number between 0 (simple) and 1 (hard), by a formula fixed in advance.
//!
//! The score is a logistic curve over a sum. What raises the sum: size, as far as people write
//! instructions and not beyond, because a pasted document is long without being hard; and words of
//! reasoning, mathematics, code, constraints, quantities and steps as far as they are more than any
//! text of that length contains. What lowers it: words of look-up questions, and words that ask to shorten or to
//! pick out. Weights are round numbers chosen by that reasoning; they were looked at on, never fitted
//! to, sets of prompts with known outcomes.
//!
//! It knows English. Text in other scripts is pulled towards the middle instead of being taken for
//! simple because no word of it is known.

use super::features::Features;
use crate::config::Tier;

/// Where the tiers part. Cuts are best set as quantiles of an operator's own traffic: the same
/// constant that halves one kind of traffic calls all of another simple.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cuts {
    /// Below this a request is simple.
    pub simple_below: f32,
    /// From this on a request is hard.
    pub hard_from: f32,
}

impl Default for Cuts {
    /// A start for traffic that nobody has seen yet: a bare question lies below the first, a maths
    /// problem or a programming task with conditions above the second.
    fn default() -> Self {
        Cuts { simple_below: 0.35, hard_from: 0.65 }
    }
}

/// Characters at which size begins and ceases to count.
const SIZE_FROM: f32 = 40.0;
const SIZE_TO: f32 = 2_000.0;
/// What the largest size adds: enough to leave the simple, not enough to be hard by itself.
const SIZE_WEIGHT: f32 = 1.5;
/// A kind of words is at half its strength when it makes up one word in this many (of a long text).
const WORDS_PER_SIGN: f32 = 20.0;
/// Any text contains one word of each raising kind in about this many; only what is beyond counts.
const WORDS_PER_CHANCE: f32 = 40.0;
/// What text wholly beyond ASCII adds.
const UNREAD_WEIGHT: f32 = 1.5;
/// The sum at which the score is one half, and how fast it leaves it.
const MIDDLE: f32 = 1.2;
const STEEPNESS: f32 = 1.6;

/// How demanding the request looks, 0 (simple) to 1 (hard).
pub fn lexical_score(features: &Features) -> f32 {
    let words = features.words.exp() - 1.0;
    let unread = UNREAD_WEIGHT * (2.0 * features.non_ascii_share).min(1.0);
    let signs: f32 = signs(features).iter().map(|(weight, count)| sign(*weight, *count, words)).sum();
    let sum = SIZE_WEIGHT * size(features.characters) + unread + signs;
    1.0 / (1.0 + (-STEEPNESS * (sum - MIDDLE)).exp())
}

/// Weights of the kinds of words, beside their `ln(1 + n)`.
fn signs(features: &Features) -> [(f32, f32); 13] {
    [
        (1.5, features.code_words),
        (1.0, features.maths_symbols),
        (1.0, features.maths_words),
        (1.0, features.reasoning_words),
        (1.0, features.constraint_words),
        (0.5, features.quantities),
        (0.5, features.digit_runs),
        (0.5, features.step_markers),
        (0.5, features.negations),
        (0.5, features.expert_words),
        (-1.0, features.simple_words),
        (-1.0, features.summarise_words),
        (-0.5, features.extract_words),
    ]
}

/// Where the size lies between the two bounds, by its logarithm.
fn size(log_characters: f32) -> f32 {
    let (from, to) = (SIZE_FROM.ln(), SIZE_TO.ln());
    ((log_characters - from) / (to - from)).clamp(0.0, 1.0)
}

/// What one kind of words adds to the sum for a text of `words`: nothing for as many as any text
/// contains, towards `weight` for many.
fn sign(weight: f32, log_count: f32, words: f32) -> f32 {
    let by_chance = if weight > 0.0 { words / WORDS_PER_CHANCE } else { 0.0 };
    let count = (log_count.exp() - 1.0 - by_chance).max(0.0);
    weight * count / (count + 1.0 + words / WORDS_PER_SIGN)
}

/// The tier of a score.
pub fn tier(score: f32, cuts: Cuts) -> Tier {
    if score >= cuts.hard_from {
        Tier::Hard
    } else if score < cuts.simple_below {
        Tier::Simple
    } else {
        Tier::Standard
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::features;
    use proptest::prelude::*;

    fn score(text: &str) -> f32 {
        lexical_score(&features(text))
    }

    #[test]
    fn kinds_of_requests_are_ordered() {
        let simple = [
            "hi",
            "thanks!",
            "Who wrote the national anthem of Norway?",
            "What is the capital of Mongolia?",
            "Translate 'good evening' into Danish.",
            "Where were the first winter games held?",
        ];
        let hard = [
            "Prove that the product of any three consecutive integers is divisible by 6, and explain why the argument \
             fails for two. Then determine the largest integer that always divides the product of five.",
            "Implement a thread-safe LRU cache class in Rust without unsafe code. Every method must run in O(1), the \
             capacity is fixed at construction, and eviction must call a given function exactly once per entry. First \
             explain the design, then write unit tests.",
            "A tank is filled by two pipes in 6 and 9 hours and emptied by a third in 12 hours. If all three are opened \
             at once, how many minutes does it take until the tank is 75% full? Show each step of the calculation.",
        ];
        let highest = simple.iter().map(|text| score(text)).fold(0.0, f32::max);
        let lowest = hard.iter().map(|text| score(text)).fold(1.0, f32::min);
        assert!(highest < 0.35, "{highest}");
        assert!(lowest > 0.65, "{lowest}");
    }

    #[test]
    fn length_alone_does_not_make_a_request_hard() {
        let story = "The old house stood near the river and its windows looked out over quiet fields. ";
        let pasted = format!("Summarise this story.\n\n{}", story.repeat(300));
        let short = "Prove that the square root of 2 is irrational.";
        assert!(score(&pasted) < 0.65, "{}", score(&pasted));
        assert!(score(&pasted) < score("Derive and prove the formula for the sum of a finite geometric series."));
        assert!(score(short) > score(story));
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_simple() {
        let unread = score("请证明任意三个连续整数的乘积都能被六整除，并说明理由。");
        assert!((0.35..0.65).contains(&unread), "{unread}");
    }

    #[test]
    fn each_sign_moves_the_score_its_own_way() {
        let plain = features("Tell me about the old harbour and the people who used to work there every morning.");
        let before = lexical_score(&plain);
        let more = |change: fn(&mut Features)| {
            let mut changed = plain;
            change(&mut changed);
            lexical_score(&changed) - before
        };
        assert!(more(|features| features.reasoning_words += 1.0) > 0.0);
        assert!(more(|features| features.code_words += 1.0) > 0.0);
        assert!(more(|features| features.maths_symbols += 1.0) > 0.0);
        assert!(more(|features| features.constraint_words += 1.0) > 0.0);
        assert!(more(|features| features.step_markers += 1.0) > 0.0);
        assert!(more(|features| features.characters += 1.0) > 0.0);
        assert!(more(|features| features.simple_words += 1.0) < 0.0);
        assert!(more(|features| features.summarise_words += 1.0) < 0.0);
    }

    #[test]
    fn cuts_part_the_tiers() {
        let cuts = Cuts { simple_below: 0.3, hard_from: 0.7 };
        let tiers = [0.0, 0.299, 0.3, 0.699, 0.7, 1.0].map(|score| tier(score, cuts));
        use Tier::*;
        assert_eq!(tiers, [Simple, Simple, Standard, Standard, Hard, Hard]);
        assert_eq!(tier(f32::NAN, cuts), Standard);
    }

    proptest! {
        #[test]
        fn a_score_lies_between_its_ends(text in ".{0,300}") {
            let score = score(&text);
            prop_assert!((0.0..=1.0).contains(&score), "{}", score);
        }
    }
}
