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

pub use eligible::{ELIGIBLE_BYTES_MAX, Ineligible, as_question, eligible};

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
        let beside = |other: &reading::Item| other.is_name && other.at != item.at && other.at.abs_diff(item.at) <= 2;
        match item.weight {
            Weight::Sort if !item.is_type && !reading.items.iter().any(beside) => Weight::Full,
            weight => weight,
        }
    };
    unmatched.map(weigh).max().unwrap_or(Weight::Empty)
}

#[cfg(test)]
mod tests {
    use super::super::record;
    use super::*;
    use crate::clock::Tick;
    use proptest::prelude::*;
    use std::time::Duration;

    fn candidate(text: &str, similarity: f32) -> Candidate {
        Candidate { similarity, text: text.into(), record: record::sample("answer", Tick(0), Duration::from_secs(1)) }
    }

    fn verdict(prompt: &str, stored: &str, similarity: f32) -> Result<(), Veto> {
        match judge(prompt, &[candidate(stored, similarity)], &Policy { similarity_min: 0.8 }) {
            Verdict::Serve { index: 0, .. } => Ok(()),
            Verdict::Refuse(vetoes) if vetoes.len() == 1 => Err(vetoes[0]),
            other => panic!("{other:?}"),
        }
    }

    /// Each pair is near, and the answer to one is wrong for the other.
    const OTHER_QUESTIONS: &[(Veto, &[(&str, &str)])] = &[
        (
            Veto::Numbers,
            &[
                ("give me 5 ideas for a party", "give me ten ideas for a party"),
                ("python 3.10 release date", "python 3.1 release date"),
                ("what is 15% of 80", "what is 15% of 90"),
                ("summary of the first chapter", "summary of the third chapter"),
                ("events in the 1980s", "events in the 1990s"),
                ("Henry VIII wives", "Henry VII wives"),
                ("my 5 year old has a fever", "my 15 year old has a fever"),
                ("one bedroom apartment", "two bedroom apartment"),
                ("flights on March 3", "flights on March 4th"),
            ],
        ),
        (
            Veto::Negation,
            &[
                ("Which countries signed the treaty?", "Which countries didn't sign the treaty?"),
                ("movies with Tom Hanks", "movies without Tom Hanks"),
                ("bread recipe", "sugar-free bread recipe"),
                ("The machine did not give me cash", "The machine did not give me all the cash"),
            ],
        ),
        (
            Veto::Bounds,
            &[
                ("rooms with at least 2 beds", "rooms with at most 2 beds"),
                ("rooms with more than 2 beds", "rooms with at least 2 beds"),
                ("laptops under $900", "laptops over $900"),
                ("papers by Smith before 2010", "papers by Smith after 2010"),
                ("films before 2000 and after 1990", "films before 1990 and after 2000"),
                ("only vegetarian dishes", "vegetarian dishes"),
                ("maths but not physics", "physics but not maths"),
            ],
        ),
        (Veto::Quotes, &[("what does \"make up\" mean", "what does \"make out\" mean")]),
        (
            Veto::Person,
            &[
                ("Where is my order?", "Where is your order?"),
                ("How old are you?", "How old am I?"),
                ("Do you love me?", "Do I love you?"),
                ("Where did he die?", "Where did she die?"),
            ],
        ),
        (
            Veto::Question,
            &[
                ("When did Einstein die?", "Where did Einstein die?"),
                ("Why is the sky blue?", "Is the sky blue?"),
                ("which states border Texas", "how many states border Texas"),
                ("Can I take ibuprofen?", "Should I take ibuprofen?"),
                ("Do all birds fly?", "Do some birds fly?"),
                ("number of moons of Jupiter", "names of the moons of Jupiter"),
                ("write a regex for dates", "how do I write a regex for dates"),
            ],
        ),
        (Veto::Tense, &[("Who is the president of France?", "Who was the president of France?")]),
        (
            Veto::Antonym,
            &[
                ("How do I enable notifications?", "How do I disable notifications?"),
                ("sort ascending", "sort descending"),
                ("how to open a bank account", "how to close a bank account"),
                ("How can I lose weight?", "How can I gain weight?"),
            ],
        ),
        (
            Veto::Exchanged,
            &[
                ("weather in paris", "weather in rome"),
                ("capital of Australia", "capital of Austria"),
                ("Who wrote Hamlet?", "Who directed Hamlet?"),
                ("convert 10 km to miles", "convert 10 km to inches"),
                ("Give me the answer in JSON", "Give me the answer in XML"),
                ("restaurants open at 9 am", "restaurants open at 9 pm"),
                ("who are you", "what can you do"),
            ],
        ),
        (
            Veto::Added,
            &[
                ("What is the GDP of India?", "What is the GDP of India per capita?"),
                ("Korea population", "South Korea population"),
                ("list planets", "list planets as a table"),
                ("cheapest flight to Tokyo", "flight to Tokyo"),
                ("What is the capital of France?", "What is the capital of France, in French?"),
            ],
        ),
        (
            Veto::Roles,
            &[
                ("convert usd to eur", "convert eur to usd"),
                ("trains from Rome to Milan", "trains from Milan to Rome"),
                ("Who did Google acquire?", "Who acquired Google?"),
                ("Is Alice taller than Bob?", "Is Bob taller than Alice?"),
                ("Does Alice owe Bob money?", "Does Bob owe Alice money?"),
                ("the man bit the dog", "the dog bit the man"),
                ("what is 12 divided by 4", "what is 4 divided by 12"),
                ("what is the area of the largest state", "what is the largest area of a state"),
                ("translate this German text to French", "French text in German translation"),
            ],
        ),
    ];

    /// Each pair asks the same.
    const SAME_QUESTIONS: &[(&str, &str)] = &[
        ("What is the capital of France?", "what's the capital city of france"),
        ("What is the capital of France?", "Tell me the capital of France, please."),
        ("Could you tell me what the capital of France is?", "France's capital?"),
        ("How tall is the Eiffel Tower?", "What is the height of the Eiffel Tower?"),
        ("When did Einstein die?", "What year did Einstein die?"),
        ("Who wrote Hamlet?", "Who is the author of Hamlet?"),
        ("How many people live in Tokyo?", "What is the population of Tokyo?"),
        ("convert 5km to miles", "Convert 5 kilometers to miles"),
        ("flights from London to Paris", "flights to Paris from London"),
        ("What is the meaning of HTTP?", "What does HTTP mean?"),
        ("difference between TCP and UDP", "What's the difference between UDP and TCP?"),
        ("The Mona Lisa was painted by whom?", "Who painted the Mona Lisa?"),
        ("two plus two", "2 plus 2"),
        ("What is the GDP of Peru?", "gross domestic product of Peru"),
        ("a budget of 1.5 million", "a budget of 1,500,000"),
        ("Where is the Taj Mahal located?", "What is the location of the Taj Mahal?"),
        ("papers written by Smith", "papers Smith wrote"),
        ("Is there a way to fix a flat tire?", "How can I repair a flat tyre?"),
        ("the 21st of May 2020", "May twenty-first 2020"),
        ("recipes without nuts", "nut-free recipes"),
        ("how are you", "How are you?"),
        ("hotels in Rome", "Rome hotels"),
    ];

    #[test]
    fn near_prompts_that_ask_something_else_are_refused() {
        for (veto, pairs) in OTHER_QUESTIONS {
            for (left, right) in *pairs {
                assert_eq!(verdict(left, right, 0.99), Err(*veto), "{left} | {right}");
                assert!(verdict(right, left, 0.99).is_err(), "{right} | {left}");
            }
        }
    }

    #[test]
    fn other_wordings_of_the_same_question_are_served() {
        for (left, right) in SAME_QUESTIONS {
            assert_eq!(verdict(left, right, 0.95), Ok(()), "{left} | {right}");
            assert_eq!(verdict(right, left, 0.95), Ok(()), "{right} | {left}");
        }
    }

    #[test]
    fn the_more_the_wording_differs_the_nearer_it_must_be() {
        let (prompt, stored) = ("Which courses are offered in Rome?", "Which courses can I take in Rome?");
        assert_eq!(verdict(prompt, stored, 0.9), Ok(()));
        assert_eq!(verdict(prompt, stored, 0.8), Ok(()), "two general words differ");
        let far = judge(prompt, &[candidate(stored, 0.75)], &Policy { similarity_min: 0.7 });
        assert_eq!(far, Verdict::Refuse(vec![Veto::Wording]));
    }

    #[test]
    fn the_threshold_and_the_order_of_candidates_decide() {
        let policy = Policy { similarity_min: 0.95 };
        let prompt = "What is the capital of Peru?";
        let found = [
            candidate("What is the capital of Chile?", 0.98),
            candidate("What's the capital of Peru?", 0.96),
            candidate("What is the capital of Peru?", 0.95),
        ];
        assert_eq!(judge(prompt, &found, &policy), Verdict::Serve { index: 1, similarity: 0.96 });
        let far = [candidate("capital of Peru", 0.94), candidate("capital of Peru", f32::NAN)];
        assert_eq!(judge(prompt, &far, &policy), Verdict::Refuse(vec![Veto::BelowThreshold; 2]));
        assert_eq!(judge(prompt, &[], &policy), Verdict::Refuse(Vec::new()));
        let long = "word ".repeat(JUDGED_BYTES_MAX);
        assert_eq!(verdict(&long, &long, 1.0), Err(Veto::TooLong));
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_its_own_paraphrase(text in "\\PC{0,80}") {
            prop_assert_eq!(verdict(&text, &text, 1.0), Ok(()));
        }

        #[test]
        fn no_pair_of_texts_is_too_odd(left in "[a-z0-9 .,'\"$%?A-Zéß’-]{0,60}", right in "\\PC{0,60}") {
            let _ = verdict(&left, &right, 1.0);
            let _ = eligible(&left);
        }
    }
}
