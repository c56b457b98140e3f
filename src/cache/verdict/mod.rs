//! Whether a near prompt's answer may be given.
//!
//! One cosine against one threshold is wrong where it hurts: another number, a denial, an opposite,
//! another name are all *near*. So a candidate must first pass guards that look at the words, and
//! what the guards cannot tell apart must be nearer the more the wording differs. The guards are
//! strict by construction: a word they do not know must stand on both sides. They read English; in
//! other languages nearly every word is unknown, so that little but the same words passes.

mod eligible;
mod lexicon;
mod numbers;
mod pairs;
mod reading;
mod roles;
mod stem;
mod tokens;
mod vocabulary;

pub use eligible::{Ineligible, eligible};

use lexicon::{Wanted, Weight};
use pairs::Pairs;
use reading::{ALL, Asked, CAN, FUTURE, MUST, PAST, PRESENT, Reading, SOME, read};

use super::semantic::Candidate;

/// Longer texts are not judged: the guards compare every word with every other.
pub const JUDGED_BYTES_MAX: usize = 4096;

/// Nothing further away is served, however alike the words are.
const SIMILARITY_MIN: f32 = 0.72;
/// How much nearer a prompt must be for each word that was exchanged.
const SIMILARITY_PER_WORD: f32 = 0.06;

/// What may be served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Smallest cosine of any hit.
    pub similarity_min: f32,
}

/// What became of the candidates.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// This one may be served.
    Serve {
        /// Its place among the candidates.
        index: usize,
        /// Its cosine.
        similarity: f32,
    },
    /// None may; the first objection to each, in their order.
    Refuse(Vec<Veto>),
}

/// Why a candidate's answer is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Veto {
    /// Not near enough, or not a number.
    BelowThreshold,
    /// More than [`JUDGED_BYTES_MAX`].
    TooLong,
    /// Other numbers, dates, amounts.
    Numbers,
    /// One denies what the other does not.
    Negation,
    /// Other bounds: at least, at most, before, after, only.
    Bounds,
    /// Other quoted passages.
    Quotes,
    /// Mine against yours, I against you.
    Person,
    /// Another sort of answer is wanted.
    Question,
    /// Now against then.
    Tense,
    /// A word against its opposite.
    Antonym,
    /// A word was exchanged for another one.
    Exchanged,
    /// One says something more.
    Added,
    /// The same words in other roles.
    Roles,
    /// Near enough for the threshold, not for how much the wording differs.
    Wording,
}

impl Veto {
    /// A short stable word for metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Veto::BelowThreshold => "below_threshold",
            Veto::TooLong => "too_long",
            Veto::Numbers => "numbers",
            Veto::Negation => "negation",
            Veto::Bounds => "bounds",
            Veto::Quotes => "quotes",
            Veto::Person => "person",
            Veto::Question => "question",
            Veto::Tense => "tense",
            Veto::Antonym => "antonym",
            Veto::Exchanged => "exchanged",
            Veto::Added => "added",
            Veto::Roles => "roles",
            Veto::Wording => "wording",
        }
    }
}

/// The verdict on `candidates` for `prompt`: the first, so the nearest, that nothing speaks against.
pub fn judge(prompt: &str, candidates: &[Candidate], policy: &Policy) -> Verdict {
    let mut asked = None;
    let mut vetoes = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.iter().enumerate() {
        let similarity = candidate.similarity;
        // Written so that NaN is refused.
        let near = similarity >= policy.similarity_min;
        if !near {
            vetoes.push(Veto::BelowThreshold);
        } else if prompt.len().max(candidate.text.len()) > JUDGED_BYTES_MAX {
            vetoes.push(Veto::TooLong);
        } else {
            let asked = asked.get_or_insert_with(|| read(prompt));
            match distance(asked, &read(&candidate.text)) {
                Ok(words) if similarity >= SIMILARITY_MIN + SIMILARITY_PER_WORD * words => {
                    return Verdict::Serve { index, similarity };
                }
                Ok(_) => vetoes.push(Veto::Wording),
                Err(veto) => vetoes.push(veto),
            }
        }
    }
    Verdict::Refuse(vetoes)
}

/// How many words were exchanged between two readings that nothing tells apart for certain; a word
/// that one has more counts half.
fn distance(asked: &Reading, stored: &Reading) -> Result<f32, Veto> {
    check_facts(asked, stored)?;
    check_tense(asked, stored)?;
    let pairs = Pairs::of(asked, stored);
    let question = question_distance(asked, stored)?;
    check_antonyms(&pairs)?;
    let wording = wording_distance(&pairs)?;
    roles::check(&pairs)?;
    Ok(question + wording)
}

/// What needs no pairing of words: cheap, so it comes first.
fn check_facts(asked: &Reading, stored: &Reading) -> Result<(), Veto> {
    let differ = |left: u8, right: u8| left != 0 && right != 0 && left != right;
    let (quotes, other_quotes) = (&asked.tokens.quotes, &stored.tokens.quotes);
    let [one, other] = asked.persons;
    let denies_alike = asked.negations % 2 == stored.negations % 2 && (asked.negations == 0) == (stored.negations == 0);
    // `not all` is not `none`.
    let denies_all_alike = asked.negations == 0 || asked.quantities & ALL == stored.quantities & ALL;
    if asked.numbers != stored.numbers {
        Err(Veto::Numbers)
    } else if !denies_alike || !denies_all_alike {
        Err(Veto::Negation)
    } else if asked.bounds != stored.bounds || (differ(asked.joins, stored.joins) && asked.joins & stored.joins == 0) {
        Err(Veto::Bounds)
    } else if !quotes.is_empty() && !other_quotes.is_empty() && quotes != other_quotes {
        Err(Veto::Quotes)
    } else if differ(asked.thirds, stored.thirds)
        || differ(asked.possessives, stored.possessives)
        || differ(asked.beings, stored.beings)
        || (other != 0 && stored.persons == [other, one])
    {
        Err(Veto::Person)
    } else {
        Ok(())
    }
}

/// Now against then, unless the past is only the form of a verb (`is from`, `was produced`).
fn check_tense(asked: &Reading, stored: &Reading) -> Result<(), Veto> {
    let has_past_form = |reading: &Reading| reading.items.iter().any(|item| item.is_past);
    // Without an auxiliary a past form may be a participle of either.
    let told = |reading: &Reading| match reading.tenses {
        0 if has_past_form(reading) => PAST | PRESENT,
        tenses => tenses,
    };
    let (left, right) = (told(asked), told(stored));
    let crosses_past = (left | right) & PAST != 0 && left != 0 && right != 0 && left & right == 0;
    let only_form = (left | right) & FUTURE == 0 && (has_past_form(asked) || has_past_form(stored));
    if crosses_past && !only_form { Err(Veto::Tense) } else { Ok(()) }
}

/// A question word on one side only must be said by a noun on the other.
fn question_distance(asked: &Reading, stored: &Reading) -> Result<f32, Veto> {
    use Wanted::{Amount, Count, Manner, Person, Truth};
    let (wanted, other) = match (asked.asked, stored.asked) {
        (Asked::For(Truth), Asked::For(Truth)) => return truth_distance(asked, stored),
        (left, right) if left == right => return Ok(0.0),
        (Asked::For(Count), Asked::For(Amount)) | (Asked::For(Amount), Asked::For(Count)) => return Ok(0.5),
        (Asked::For(_), Asked::For(_)) => return Err(Veto::Question),
        (Asked::For(wanted), _) => (wanted, stored),
        (_, Asked::For(wanted)) => (wanted, asked),
        _ => return Ok(0.0),
    };
    match wanted {
        _ if other.items.iter().any(|item| item.sense.is_said_by(wanted)) => Ok(0.0),
        Person => Ok(0.0),
        Manner if other.orders => Err(Veto::Question),
        Manner if other.asked == Asked::Unasked => Ok(0.0),
        Amount | Truth => Ok(0.5),
        Manner => Ok(1.0),
        _ => Err(Veto::Question),
    }
}

/// `Can I …?` and `Must I …?`, `Did all …?` and `Did any …?` have different truths.
fn truth_distance(asked: &Reading, stored: &Reading) -> Result<f32, Veto> {
    match (asked.quantities, stored.quantities) {
        (ALL, SOME) | (SOME, ALL) => return Err(Veto::Question),
        _ => {}
    }
    match (asked.moods, stored.moods) {
        (CAN, MUST) | (MUST, CAN) => Err(Veto::Question),
        (left, right) => Ok(if left == right { 0.0 } else { 0.5 }),
    }
}

fn check_antonyms(pairs: &Pairs<'_>) -> Result<(), Veto> {
    let opposed = |left: &reading::Item| {
        let poles = left.sense.poles.iter().take_while(|pole| **pole != 0);
        poles.into_iter().any(|pole| pairs.unmatched_stored().any(|right| right.sense.poles.contains(&-pole)))
    };
    if pairs.unmatched_asked().any(opposed) { Err(Veto::Antonym) } else { Ok(()) }
}

fn wording_distance(pairs: &Pairs<'_>) -> Result<f32, Veto> {
    let left = heaviest(pairs.asked, pairs.unmatched_asked());
    let right = heaviest(pairs.stored, pairs.unmatched_stored());
    match (left, right) {
        (Weight::Full, Weight::Empty) | (Weight::Empty, Weight::Full) => return Err(Veto::Added),
        (Weight::Full, _) | (_, Weight::Full) | (Weight::Sort, Weight::Sort) => return Err(Veto::Exchanged),
        _ => {}
    }
    if !pairs.share_content() && !pairs.same_words() {
        return Err(Veto::Exchanged);
    }
    let unmatched = pairs.unmatched_asked().chain(pairs.unmatched_stored());
    Ok(unmatched.filter(|item| item.weight != Weight::Empty).count() as f32 / 2.0)
}

/// The heaviest weight. What only names the sort of a name beside it weighs little; elsewhere a sort
/// is a word like others.
fn heaviest<'i>(reading: &Reading, unmatched: impl Iterator<Item = &'i reading::Item>) -> Weight {
    let weigh = |item: &reading::Item| {
        let beside =
            |other: &reading::Item| other.is_name && other.at != item.at && other.at.abs_diff(item.at) <= 2;
        match item.weight {
            Weight::Sort if !item.is_type && !reading.items.iter().any(beside) => Weight::Full,
            weight => weight,
        }
    };
    unmatched.map(weigh).max().unwrap_or(Weight::Empty)
}

pub fn probe(a: &str, b: &str) -> Result<f32, String> { distance(&read(a), &read(b)).map_err(|v| v.label().into()) }
