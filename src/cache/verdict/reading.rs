//! A prompt as the guards see it: one pass over its words.
//!
//! Numbers, denials, bounds, the sort of question, quotations and roles are taken out by kind; what
//! remains is the list of content words, each with what it costs when the other prompt lacks it.

use super::lexicon::{Bound, Function, LEXICON, Lexicon, Meaning, Role, Sense, Wanted, Weight};
use super::numbers::{Number, Sum, roman_value, whole_hash};
use super::stem::{stem_hash, word_hash, word_hashes};
use super::tokens::{Kind, Token, Tokens};

/// A content word, or a number in its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// What it is, whatever its form.
    pub(super) stem: u64,
    pub(super) sense: Sense,
    pub(super) weight: Weight,
    /// Which token it is, for neighbours and order.
    pub(super) at: u16,
    pub(super) role: Role,
    /// A name, a number, or a word that no list knows.
    pub(super) is_name: bool,
    /// A past form: `produced`, `won`.
    pub(super) is_past: bool,
    pub(super) is_number: bool,
    /// `which city is …`: only says what sort of thing is meant.
    pub(super) is_type: bool,
}

/// What is bound to the word after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Bound(Bound),
    Without,
}

/// How the prompt asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Asked {
    /// A fragment or an order.
    #[default]
    Unasked,
    /// `what`, `which`.
    Thing,
    /// Says what it wants.
    For(Wanted),
}

/// [`Reading::tenses`]
pub(super) const PRESENT: u8 = 1;
/// [`Reading::tenses`]
pub(super) const PAST: u8 = 2;
/// [`Reading::tenses`]
pub(super) const FUTURE: u8 = 4;
/// [`Reading::moods`]
pub(super) const CAN: u8 = 1;
/// [`Reading::moods`]
pub(super) const MUST: u8 = 2;
/// [`Reading::quantities`]
pub(super) const ALL: u8 = 1;
/// [`Reading::quantities`]
pub(super) const SOME: u8 = 2;
/// [`Reading::joins`]
const AND: u8 = 1;
/// [`Reading::joins`]
const OR: u8 = 2;

/// See the module. The sets are bits.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) tokens: Tokens,
    pub(super) items: Vec<Item>,
    /// Sorted.
    pub(super) numbers: Vec<Number>,
    /// Sorted.
    pub(super) bounds: Vec<Bound>,
    /// Which content word a bound or a denial stands before.
    pub(super) bindings: Vec<(Operator, u16)>,
    pub(super) negations: u32,
    pub(super) asked: Asked,
    /// Begins with an order to make something: `write`, `create`.
    pub(super) orders: bool,
    pub(super) tenses: u8,
    pub(super) moods: u8,
    pub(super) quantities: u8,
    /// `and`, `or`.
    pub(super) joins: u8,
    /// `my`, `your` …
    pub(super) possessives: u8,
    /// `he`, `she`, `they`.
    pub(super) thirds: u8,
    /// `am I`, `are you`.
    pub(super) beings: u8,
    /// The first two persons named by pronouns, in order.
    pub(super) persons: [u8; 2],
    /// A preposition that nothing follows: `cheaper than`.
    pub(super) stranded: Role,
}

/// Reads `text`, which is bounded by the caller to fewer tokens than 65,536.
pub(super) fn read(text: &str) -> Reading {
    let reading = Reading { tokens: Tokens::of(text), ..Reading::default() };
    let mut reader = Reader { lexicon: &LEXICON, reading, at: 0, role: Role::None, month_near: false };
    reader.run();
    reader.reading
}

struct Reader {
    lexicon: &'static Lexicon,
    reading: Reading,
    /// The token being read.
    at: usize,
    /// What the last preposition gives to the next word.
    role: Role,
    month_near: bool,
}

impl Reader {
    fn run(&mut self) {
        while let Some(token) = self.token(0) {
            self.at += match token.kind {
                Kind::Number => self.number(token),
                Kind::Word => self.word(token),
                Kind::Literal | Kind::Symbol => {
                    let unit = self.lexicon.units.get(&token.hash).copied();
                    self.content(unit.unwrap_or(token.hash), token, unit.is_none());
                    1
                }
                Kind::Joint => 1,
            };
        }
        self.reading.stranded = self.role;
        self.reading.numbers.sort_unstable();
        self.reading.bounds.sort_unstable();
    }

    fn token(&self, offset: isize) -> Option<Token> {
        let at = self.at.checked_add_signed(offset)?;
        self.reading.tokens.list.get(at).copied()
    }

    fn hash(&self, offset: isize) -> u64 {
        self.token(offset).map_or(0, |token| token.hash)
    }

    fn function(&self, offset: isize) -> Option<Function> {
        self.lexicon.functions.get(&self.hash(offset)).copied()
    }

    fn is_digits(&self, offset: isize) -> bool {
        self.token(offset).is_some_and(|token| token.kind == Kind::Number)
    }

    /// Returns how many tokens were read; so do the others.
    fn word(&mut self, token: Token) -> usize {
        if let Some(count) = self.phrase() {
            return count;
        }
        let tokens = &self.reading.tokens;
        let speaks = !tokens.is_title && token.is_name;
        let shouted = token.is_shouted && !tokens.is_shouting;
        let text = tokens.text(token);
        if let Some(value) = roman_value(text).filter(|_| shouted || text == "ii" || text == "iii") {
            self.push_number(whole_hash(value), false);
        } else if shouted && SHOUTED_NAMES.contains(&token.hash) {
            self.content(stem_hash(text), token, true);
        } else if let Some(&unit) = self.lexicon.units.get(&token.hash).filter(|_| self.is_digits(-1)) {
            self.content(unit, token, false);
        } else if let Some(function) = self.function(0).filter(|function| !(speaks && is_plain(*function))) {
            return self.apply(function, token);
        } else if MAKES.contains(&token.hash) && self.reading.asked == Asked::Unasked && self.reading.items.is_empty() {
            self.reading.orders = true;
        } else {
            self.content(self.lexicon.stem(text), token, speaks);
        }
        1
    }

    fn phrase(&mut self) -> Option<usize> {
        let lexicon = self.lexicon;
        let rest = &self.reading.tokens.list[self.at + 1..];
        let fits = |wanted: &[u64]| {
            wanted.len() <= rest.len() && wanted.iter().zip(rest).all(|(word, token)| *word == token.hash)
        };
        let phrase = lexicon.phrases.get(&self.hash(0))?.iter().find(|phrase| fits(&phrase.rest))?;
        let token = self.token(0)?;
        match phrase.meaning {
            Meaning::Word(stem) => self.content(stem, token, false),
            Meaning::Function(Function::Filler) => {}
            // `what is the number of` asks for a count, not for a thing.
            Meaning::Function(Function::Asks(wanted))
                if self.reading.asked == Asked::Thing && wanted != Wanted::Anything =>
            {
                self.reading.asked = Asked::For(wanted);
            }
            Meaning::Function(function) => drop(self.apply(function, token)),
            Meaning::Measure(stem) => {
                self.ask(Asked::Thing);
                self.content(stem, token, false);
            }
        }
        Some(phrase.rest.len() + 1)
    }

    fn apply(&mut self, function: Function, token: Token) -> usize {
        match function {
            Function::Filler => self.filler(token),
            Function::Symmetric => self.reading.joins |= if token.hash == BETWEEN { AND | OR } else { 0 },
            Function::And => self.reading.joins |= AND,
            Function::Or => self.reading.joins |= OR,
            // `no. 5` denies nothing.
            Function::Negation if token.hash == NO && self.is_digits(1) => {}
            Function::Negation => self.deny(token),
            Function::Bound(bound) => self.bound(bound),
            Function::BoundOfNumber(bound) if self.is_number_ahead() => self.bound(bound),
            Function::BoundOfNumber(_) if PLACES.contains(&token.hash) => self.content(token.hash, token, false),
            Function::BoundOfNumber(_) => {}
            Function::Role(role) => self.role = role,
            Function::Asks(Wanted::Anything) => self.ask(Asked::Thing),
            Function::Asks(wanted) => self.ask(Asked::For(wanted)),
            Function::How => self.how(),
            Function::Possessive(person) => self.reading.possessives |= 1 << person,
            Function::Must => self.reading.moods |= MUST,
            Function::Present => self.tense(PRESENT, token),
            Function::Past => self.tense(PAST, token),
            Function::Future => self.tense(FUTURE, token),
            Function::Number(_) | Function::Ordinal(_) | Function::Scale(_) => return self.number(token),
            Function::Month(month) => self.month(month, token),
            Function::MaybeMonth(month) if self.is_month(token) => self.month(month, token),
            Function::MaybeMonth(_) if token.hash == MAY => self.filler(token),
            Function::MaybeMonth(_) => {
                let stem = self.lexicon.stem(self.reading.tokens.text(token));
                self.content(stem, token, token.is_name);
            }
        }
        1
    }

    fn is_number_ahead(&self) -> bool {
        let words = matches!(self.function(1), Some(Function::Number(_) | Function::Scale(_)));
        words || self.is_digits(1) || self.token(1).is_some_and(|token| token.kind == Kind::Symbol)
    }

    fn bound(&mut self, bound: Bound) {
        self.reading.bounds.push(bound);
        self.bind(Operator::Bound(bound));
    }

    /// `no eggs`, `but not physics` deny a word; `does not` denies the sentence.
    fn deny(&mut self, token: Token) {
        const OF_SENTENCE: [u64; 5] = word_hashes(["freeof", "not", "never", "cannot", "unless"]);
        const BEFORE: [u64; 2] = word_hashes(["but", "and"]);
        self.reading.negations += 1;
        if !OF_SENTENCE.contains(&token.hash) || BEFORE.contains(&self.hash(-1)) {
            self.bind(Operator::Without);
        }
    }

    fn bind(&mut self, operator: Operator) {
        self.reading.bindings.push((operator, self.reading.items.len() as u16));
    }

    /// An auxiliary at the head asks for a truth.
    fn tense(&mut self, tense: u8, token: Token) {
        self.reading.tenses |= tense;
        self.ask_for_truth(token);
        if OF_PERSONS.contains(&token.hash) {
            for neighbour in [self.hash(-1), self.hash(1)] {
                self.reading.beings |= u8::from(neighbour == I) | (u8::from(neighbour == YOU) << 1);
            }
        }
    }

    fn filler(&mut self, token: Token) {
        self.note_person(token.hash);
        self.note(token.hash);
        if PICKS.contains(&token.hash) {
            self.ask(Asked::Thing);
        } else if MODALS.contains(&token.hash) {
            self.ask_for_truth(token);
        }
    }

    fn note_person(&mut self, word: u64) {
        const FORMS: [u64; 11] = word_hashes(["i", "me", "you", "he", "him", "she", "her", "they", "them", "we", "us"]);
        const PERSONS: [u8; 11] = [1, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6];
        let Some(at) = FORMS.iter().position(|form| *form == word) else { return };
        let person = PERSONS[at];
        self.role = Role::None;
        if (3..=5).contains(&person) {
            self.reading.thirds |= 1 << person;
        }
        let [first, second] = &mut self.reading.persons;
        if *first == 0 {
            *first = person;
        } else if *second == 0 && *first != person {
            *second = person;
        }
    }

    /// Quantities and moods, whatever else the word is.
    fn note(&mut self, word: u64) {
        let bit = |words: &[u64], bit: u8| if words.contains(&word) { bit } else { 0 };
        self.reading.quantities |= bit(&ALLS, ALL) | bit(&SOMES, SOME);
        self.reading.moods |= bit(&CANS, CAN) | bit(&MUSTS, MUST);
    }

    fn how(&mut self) {
        const MANY: u64 = word_hash("many");
        const MUCH: u64 = word_hash("much");
        let wanted = match self.hash(1) {
            MANY => Wanted::Count,
            MUCH => Wanted::Amount,
            _ => Wanted::Manner,
        };
        self.ask(Asked::For(wanted));
    }

    /// The first question word of a prompt says what is asked; `when` further on only joins.
    fn ask(&mut self, asked: Asked) {
        if matches!(self.reading.asked, Asked::Unasked | Asked::For(Wanted::Truth)) {
            self.reading.asked = asked;
        }
    }

    fn ask_for_truth(&mut self, token: Token) {
        if token.is_first && self.reading.asked == Asked::Unasked {
            self.reading.asked = Asked::For(Wanted::Truth);
        }
    }

    fn is_month(&self, token: Token) -> bool {
        const LEAD_IN: [u64; 10] =
            word_hashes(["in", "of", "since", "until", "by", "last", "next", "this", "on", "through"]);
        let number_word = matches!(self.function(1), Some(Function::Number(_)));
        let named = token.is_name || token.is_first;
        self.is_day(1)
            || self.is_day(-1)
            || (named && number_word)
            || (token.is_name && LEAD_IN.contains(&self.hash(-1)))
    }

    fn is_day(&self, offset: isize) -> bool {
        self.is_digits(offset) || matches!(self.function(offset), Some(Function::Ordinal(_)))
    }

    fn month(&mut self, month: u8, token: Token) {
        let stem = whole_hash(u64::from(month)).rotate_left(1);
        self.content(stem, token, true);
        // `5th May` and `May 5th` are `May 5`.
        let after_day = self.is_day(-1) || self.is_day(-2);
        if let Some(last) = self.reading.numbers.last_mut().filter(|_| after_day) {
            last.is_ordinal = false;
        }
        self.month_near = true;
    }

    fn content(&mut self, stem: u64, token: Token, is_name: bool) {
        self.note(token.hash);
        self.month_near = false;
        let known = self.lexicon.sense(stem);
        let sense = known.unwrap_or_default();
        // `I do not want` is not `I do not know`: what is denied is content.
        let denied = matches!(self.function(-1), Some(Function::Negation));
        let other_form = sense.weight == Weight::Empty && !self.lexicon.is_empty(token.hash);
        let weight = if is_name || denied || other_form { Weight::Full } else { sense.weight };
        let is_name = is_name || known.is_none() || token.is_quoted || sense.is_name;
        let role = self.take_role(is_name);
        self.name_language(token.hash);
        let is_past = self.lexicon.is_past(token.hash, self.reading.tokens.text(token));
        let is_type = PICKS.contains(&self.hash(-1)) && BEINGS.contains(&self.hash(1));
        let at = self.at as u16;
        self.reading.items.push(Item { stem, sense, weight, at, role, is_name, is_past, is_number: false, is_type });
    }

    /// The role of the word at hand: given by a preposition, by `did`, or by the name it continues.
    fn take_role(&mut self, is_name: bool) -> Role {
        const DO: [u64; 3] = word_hashes(["do", "does", "did"]);
        let given = std::mem::take(&mut self.role);
        if given != Role::None {
            return given;
        }
        let after_article = usize::from(self.hash(-1) == word_hash("the"));
        if DO.contains(&self.hash(-1 - after_article as isize)) {
            return Role::Subject;
        }
        // `by Prof. Ada King`: a name of several words has one role.
        let last = self.reading.items.last().filter(|last| is_name && usize::from(last.at) + 1 == self.at);
        last.map_or(Role::None, |last| last.role)
    }

    /// `French translation of this German text`: into French, from German.
    fn name_language(&mut self, noun: u64) {
        const TARGETS: [u64; 2] = word_hashes(["translation", "version"]);
        const SOURCES: [u64; 7] =
            word_hashes(["text", "passage", "sentence", "paragraph", "document", "word", "phrase"]);
        let at = self.at;
        let last = self.reading.items.last_mut().filter(|last| last.is_name && usize::from(last.at) + 1 == at);
        if let Some(last) = last.filter(|last| last.role == Role::None) {
            if TARGETS.contains(&noun) {
                last.role = Role::To;
            } else if SOURCES.contains(&noun) {
                last.role = Role::From;
            }
        }
    }

    /// A run of number words and digits: `two hundred and five`, `21st`, `1.5 million`.
    fn number(&mut self, token: Token) -> usize {
        if self.is_pronoun(token) {
            return 1;
        }
        if self.is_unit_second(token) {
            self.content(stem_hash("second"), token, false);
            return 1;
        }
        let mut sum = Sum::default();
        let mut is_ordinal = false;
        let mut count = 0;
        while !is_ordinal && self.number_step(count, &mut sum, &mut is_ordinal) {
            count += 1;
        }
        self.push_number(sum.hash(), is_ordinal && !self.month_near);
        self.month_near = false;
        count.max(1) as usize
    }

    /// Does the token belong to the number that `sum` adds up?
    fn number_step(&self, offset: isize, sum: &mut Sum, is_ordinal: &mut bool) -> bool {
        let Some(token) = self.token(offset) else { return false };
        if token.kind == Kind::Number {
            let joins = sum.digits(self.reading.tokens.text(token));
            *is_ordinal = joins && token.is_ordinal;
            return joins;
        }
        match self.function(offset) {
            Some(Function::Number(value)) => sum.word(value),
            Some(Function::Ordinal(value)) => {
                *is_ordinal = sum.word(value);
                *is_ordinal
            }
            Some(Function::Scale(value)) => {
                sum.scale(value);
                true
            }
            Some(Function::And) => sum.takes_and() && matches!(self.function(offset + 1), Some(Function::Number(_))),
            _ => false,
        }
    }

    /// A number is also a name among the words, so that it has a place and a role.
    fn push_number(&mut self, value: u64, is_ordinal: bool) {
        self.reading.numbers.push(Number { value, is_ordinal });
        self.reading.items.push(Item {
            stem: value,
            sense: Sense::default(),
            weight: Weight::Empty,
            at: self.at as u16,
            role: std::mem::take(&mut self.role),
            is_name: true,
            is_past: false,
            is_number: true,
            is_type: false,
        });
    }

    /// `this one`, `what must one do`: counts only before a unit or inside a larger number.
    fn is_pronoun(&self, token: Token) -> bool {
        let counts =
            matches!(self.function(1), Some(Function::Scale(_))) || self.lexicon.units.contains_key(&self.hash(1));
        token.hash == ONE && !counts
    }

    /// `30 second`, `per second`, but not `the second`.
    fn is_unit_second(&self, token: Token) -> bool {
        let counted = self.is_digits(-1) || matches!(self.function(-1), Some(Function::Number(_) | Function::Scale(_)));
        token.hash == SECOND && (counted || self.hash(-1) == PER)
    }
}

/// May be a part of a name when written with a capital: `The Who`, `Will`.
fn is_plain(function: Function) -> bool {
    matches!(function, Function::Filler | Function::Future)
}

const BETWEEN: u64 = word_hash("between");
const NO: u64 = word_hash("no");
const MAY: u64 = word_hash("may");
const I: u64 = word_hash("i");
const YOU: u64 = word_hash("you");
const ONE: u64 = word_hash("one");
const SECOND: u64 = word_hash("second");
const PER: u64 = word_hash("per");
const PICKS: [u64; 2] = word_hashes(["which", "what"]);
const BEINGS: [u64; 4] = word_hashes(["is", "are", "was", "were"]);
const OF_PERSONS: [u64; 7] = word_hashes(["am", "are", "was", "were", "did", "had", "have"]);
const MODALS: [u64; 7] = word_hashes(["can", "could", "should", "would", "may", "might", "must"]);
const CANS: [u64; 7] = word_hashes(["can", "could", "able", "may", "might", "possible", "allowed"]);
const MUSTS: [u64; 8] =
    word_hashes(["must", "need", "should", "ought", "required", "mandatory", "necessary", "obliged"]);
const ALLS: [u64; 12] = word_hashes([
    "all",
    "every",
    "everything",
    "everyone",
    "everybody",
    "always",
    "entire",
    "entirely",
    "complete",
    "completely",
    "whole",
    "enough",
]);
const SOMES: [u64; 9] =
    word_hashes(["some", "any", "someone", "somebody", "something", "anyone", "anybody", "anything", "sometimes"]);
const MAKES: [u64; 6] = word_hashes(["write", "create", "make", "generate", "draft", "compose"]);
/// Pronouns in small letters, names in capitals.
const SHOUTED_NAMES: [u64; 3] = word_hashes(["it", "us", "who"]);
/// Where, when no number follows.
const PLACES: [u64; 3] = word_hashes(["under", "below", "above"]);
