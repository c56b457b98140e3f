//! What the guards know of English.
//!
//! Closed classes and broad general vocabulary, written as plain lists so that they can be read and
//! argued about. A word that is in no list is taken for a name: it must stand on both sides. So an
//! entry here only ever makes the guards more lenient, and leaving a word out costs hits, not truth.
//! Lists hold any form of a word; they are stemmed the way prompts are.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::stem::{WordHasher, stem_hash, word_hash};
use super::vocabulary::*;

/// What a word that is not matched on the other side costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Nothing: it carries no content.
    Empty,
    /// Little: a general verb or adverb that rarely changes what is asked.
    Light,
    /// Little when added ("the city of Rome"), everything when exchanged for another word.
    Sort,
    /// Everything.
    #[default]
    Full,
}

/// How two things are compared or bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bound {
    AtLeast,
    AtMost,
    Above,
    Below,
    Exactly,
    Before,
    After,
    Since,
    Until,
    Only,
}

/// The part that a preposition gives to what follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    #[default]
    None,
    From,
    To,
    By,
    Than,
    /// Stands where `did X …` puts the one who does.
    Subject,
}

/// What sort of answer is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Not told, or told by a noun.
    #[default]
    Anything,
    Person,
    Time,
    Place,
    Reason,
    Manner,
    Count,
    Amount,
    Duration,
    Frequency,
    Truth,
}

/// What a function word does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    /// Carries nothing.
    Filler,
    Negation,
    Bound(Bound),
    /// Bounds only in front of a number, else carries nothing.
    BoundOfNumber(Bound),
    Role(Role),
    /// Joins equals: what stands on both sides of it may be swapped.
    Symmetric,
    And,
    Or,
    Asks(Wanted),
    /// `how`: what follows says what is asked.
    How,
    Possessive(u8),
    /// `have to`.
    Must,
    Present,
    Past,
    Future,
    Number(f64),
    Ordinal(f64),
    /// `hundred`, `thousand` …
    Scale(f64),
    /// A month; some are ordinary words too.
    Month(u8),
    MaybeMonth(u8),
}

/// What is known of a content word.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sense {
    pub(super) weight: Weight,
    /// Numbers of the synonym groups it belongs to, 0 = none.
    pub(super) groups: [u16; 8],
    /// Numbers of its antonym pairs, signed by the side.
    pub(super) poles: [i16; 6],
    /// The sorts of question that say this noun already, one bit each.
    pub(super) said_by: u16,
    /// `largest`: belongs to the word after it.
    pub(super) is_superlative: bool,
    /// A name although it is listed.
    pub(super) is_name: bool,
    /// `borders`: who and whom may change places.
    pub(super) is_mutual: bool,
}

impl Sense {
    /// Is it a synonym?
    pub(super) fn shares_group(&self, other: &Sense) -> bool {
        self.groups.iter().take_while(|group| **group != 0).any(|group| other.groups.contains(group))
    }

    /// Does a question for `wanted` say this noun already?
    pub(super) fn is_said_by(&self, wanted: Wanted) -> bool {
        self.said_by & (1 << wanted as u16) != 0
    }
}

/// A fixed sequence of words and what it stands for.
#[derive(Debug)]
pub(super) struct Phrase {
    /// The words after the first.
    pub(super) rest: Box<[u64]>,
    pub(super) meaning: Meaning,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Meaning {
    /// This one content word.
    Word(u64),
    Function(Function),
    /// Asks for this measure: `how tall` for the height.
    Measure(u64),
}

/// All tables, keyed by word or stem hash.
#[derive(Debug, Default)]
pub(super) struct Lexicon {
    pub(super) functions: HashMap<u64, Function, WordHasher>,
    pub(super) phrases: HashMap<u64, Vec<Phrase>, WordHasher>,
    /// Spellings of units: which word they stand for.
    pub(super) units: HashMap<u64, u64, WordHasher>,
    senses: HashMap<u64, Sense, WordHasher>,
    /// Irregular form → stem; and is it a past form?
    irregular: HashMap<u64, (u64, bool), WordHasher>,
    /// The forms that are empty, not all forms of their stems.
    empty: HashSet<u64, WordHasher>,
}

/// Built at the first judgement: some hundred microseconds, once per process.
pub(super) static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::build);

impl Lexicon {
    fn build() -> Self {
        let mut lexicon = Lexicon::default();
        lexicon.add_functions();
        lexicon.add_forms();
        lexicon.add_weights();
        lexicon.add_traits();
        lexicon.add_groups();
        lexicon.add_antonyms();
        lexicon.add_phrases();
        for (base, forms) in families(UNITS) {
            lexicon.units.extend(forms.map(|form| (word_hash(form), stem_hash(base))));
        }
        lexicon
    }

    /// The stem of a word in lower case, irregular forms brought home.
    pub(super) fn stem(&self, word: &str) -> u64 {
        self.irregular.get(&word_hash(word)).map_or_else(|| stem_hash(word), |(stem, _)| *stem)
    }

    /// What is known of a stem; `None` for words that no list holds.
    pub(super) fn sense(&self, stem: u64) -> Option<Sense> {
        self.senses.get(&stem).copied()
    }

    /// Does this very form carry nothing?
    pub(super) fn is_empty(&self, form: u64) -> bool {
        self.empty.contains(&form)
    }

    /// `won`, `produced`.
    pub(super) fn is_past(&self, form: u64, text: &str) -> bool {
        text.ends_with("ed") || self.irregular.get(&form).is_some_and(|(_, is_past)| *is_past)
    }

    fn add_functions(&mut self) {
        let mut add = |word: &str, function: Function| {
            self.functions.insert(word_hash(word), function);
        };
        for (words, function) in FUNCTIONS {
            words.split_whitespace().for_each(|word| add(word, *function));
        }
        for (value, word) in SMALL_NUMBERS.split_whitespace().enumerate() {
            add(word, Function::Number(value as f64));
        }
        for (tens, word) in TENS.split_whitespace().enumerate() {
            add(word, Function::Number((tens * 10 + 20) as f64));
        }
        for (before, word) in ORDINALS.split_whitespace().enumerate() {
            add(word, Function::Ordinal((before + 1) as f64));
        }
    }

    fn add_forms(&mut self) {
        for (list, is_past) in [(OTHER_FORMS, false), (PAST_FORMS, true)] {
            for (base, forms) in families(list) {
                self.irregular.extend(forms.map(|form| (word_hash(form), (stem_hash(base), is_past))));
            }
        }
    }

    fn add_weights(&mut self) {
        self.empty.extend(EMPTY.split_whitespace().map(word_hash));
        let lists =
            [(EMPTY, Weight::Empty), (LIGHT, Weight::Light), (SORTS, Weight::Sort), (GIVEN_NAMES, Weight::Sort)];
        for (words, weight) in lists {
            for word in words.split_whitespace() {
                let stem = self.stem(word);
                self.senses.entry(stem).or_insert(Sense { weight, ..Sense::default() });
            }
        }
    }

    fn add_traits(&mut self) {
        for word in SUPERLATIVES.split_whitespace() {
            self.sense_of(word).is_superlative = true;
        }
        for word in MUTUAL.split_whitespace() {
            self.sense_of(word).is_mutual = true;
        }
        for (wanted, words) in SAID {
            for word in words.split_whitespace() {
                self.sense_of(word).said_by |= 1 << *wanted as u16;
            }
        }
    }

    fn sense_of(&mut self, word: &str) -> &mut Sense {
        let stem = self.stem(word);
        self.senses.entry(stem).or_default()
    }

    fn add_groups(&mut self) {
        let named = NATIONS.lines().map(|line| (line, true));
        for (number, (line, is_name)) in SYNONYMS.lines().map(|line| (line, false)).chain(named).enumerate() {
            for word in line.split_whitespace() {
                let sense = self.sense_of(word);
                sense.is_name |= is_name;
                put(&mut sense.groups, number as u16 + 1);
            }
        }
    }

    fn add_antonyms(&mut self) {
        for (number, line) in ANTONYMS.lines().enumerate() {
            let (left, right) = line.split_once('|').expect("every antonym line has two sides");
            for (side, sign) in [(left, 1), (right, -1)] {
                for word in side.split_whitespace() {
                    put(&mut self.sense_of(word).poles, sign * (number as i16 + 1));
                }
            }
        }
    }

    fn add_phrases(&mut self) {
        let mut add = |words: &str, meaning: Meaning| {
            let mut words = words.split_whitespace().map(word_hash);
            let first = words.next().expect("a phrase has words");
            self.phrases.entry(first).or_default().push(Phrase { rest: words.collect(), meaning });
        };
        for line in WORD_PHRASES.lines() {
            let (word, phrases) = line.split_once(':').expect("every phrase line names its word");
            for phrase in phrases.split(',') {
                add(phrase, Meaning::Word(stem_hash(word.trim())));
            }
        }
        for (phrases, function) in FUNCTION_PHRASES {
            for phrase in phrases.split(',') {
                add(phrase, Meaning::Function(*function));
            }
        }
        for (word, phrases) in MEASURES {
            for phrase in phrases.split(',') {
                add(phrase, Meaning::Measure(stem_hash(word)));
            }
        }
        for phrases in self.phrases.values_mut() {
            phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.rest.len()));
        }
    }
}

/// Lines of a base form and its other forms.
fn families(list: &'static str) -> impl Iterator<Item = (&'static str, std::str::SplitWhitespace<'static>)> {
    list.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words))
    })
}

/// Into the first free slot; a test sees to it that there is one.
fn put<T: Copy + Default + PartialEq>(slots: &mut [T], value: T) {
    if let Some(slot) = slots.iter_mut().find(|slot| **slot == T::default() || **slot == value) {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_in_more_lists_than_it_has_slots_for() {
        for (stem, sense) in &LEXICON.senses {
            assert!(sense.groups.last() == Some(&0) && sense.poles.last() == Some(&0), "{stem:x}: {sense:?}");
        }
    }

    #[test]
    fn every_synonym_group_joins_something() {
        let joins = |line: &&str| {
            let mut stems: Vec<u64> = line.split_whitespace().map(|word| LEXICON.stem(word)).collect();
            stems.sort_unstable();
            stems.dedup();
            stems.len() > 1
        };
        let idle: Vec<&str> = SYNONYMS.lines().chain(NATIONS.lines()).filter(|line| !joins(line)).collect();
        assert!(idle.is_empty(), "{idle:?}");
    }

    #[test]
    fn no_synonyms_are_antonyms() {
        let senses: Vec<&Sense> = LEXICON.senses.values().filter(|sense| sense.poles[0] != 0).collect();
        for line in ANTONYMS.lines() {
            let (left, right) = line.split_once('|').expect("every antonym line has two sides");
            for (left, right) in
                left.split_whitespace().flat_map(|left| right.split_whitespace().map(move |right| (left, right)))
            {
                let sense = |word: &str| LEXICON.sense(LEXICON.stem(word)).expect("antonyms are listed");
                let shared = sense(left).groups.iter().any(|group| *group != 0 && sense(right).groups.contains(group));
                assert!(!shared, "{left} and {right}");
            }
        }
        assert!(senses.len() > 300);
    }
}
