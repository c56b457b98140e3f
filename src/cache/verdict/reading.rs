//! A prompt as the guards see it: one pass over its words.
//!
//! Numbers, negations, bounds, the sort of question, quotations and roles are taken out by kind; what
//! remains is the set of content words, each with what it costs when the other prompt lacks it.

use super::lexicon::{Bound, Function, LEXICON, Lexicon, Meaning, Phrase, Role, Sense, Wanted, Weight};
use super::stem::{stem_hash, word_hash};
use super::tokens::{Kind, Token, Tokens};

/// A content word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// What it is, whatever its form.
    pub(super) stem: u64,
    pub(super) sense: Sense,
    pub(super) weight: Weight,
    /// Which token it is, for neighbours and order.
    pub(super) at: u16,
    pub(super) role: Role,
    /// A name, or a word that no list knows.
    pub(super) is_name: bool,
    /// A past form: `produced`, `won`.
    pub(super) is_past: bool,
    pub(super) is_number: bool,
    /// `which city is …`: only says what sort of thing is meant.
    pub(super) is_type: bool,
}

/// A number in canonical spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number {
    /// Hash of its decimal digits: `3.10` and `3.1` differ, `1,000` and `thousand` do not.
    pub(super) value: u64,
    pub(super) is_ordinal: bool,
}

/// What is bound to a word.
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

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) tokens: Tokens,
    pub(super) items: Vec<Item>,
    pub(super) numbers: Vec<Number>,
    pub(super) bounds: Vec<Bound>,
    pub(super) negations: u32,
    pub(super) asked: Asked,
    /// One bit for each person.
    pub(super) possessives: u8,
    /// Present 1, past 2, future 4.
    pub(super) tenses: u8,
    /// I am 1, you are 2.
    pub(super) beings: u8,
    /// Which content word a bound or a denial stands before.
    pub(super) bindings: Vec<(Operator, u16)>,
    /// A preposition that nothing follows: `cheaper than`.
    pub(super) stranded: Role,
    /// `he`, `she`, `they`: one bit each.
    pub(super) thirds: u8,
    /// `and` 1, `or` 2.
    pub(super) joins: u8,
    /// `all` 1, `some` 2.
    pub(super) quantities: u8,
    /// The first two persons named by pronouns, in order.
    pub(super) persons: [u8; 2],
    /// Can 1, must 2.
    pub(super) moods: u8,
    /// Begins with an order to make something: `write`, `create`.
    pub(super) orders: bool,
}

/// Reads `text`.
pub(super) fn read(text: &str) -> Reading {
    let mut reader = Reader { lexicon: &LEXICON, reading: Reading::default(), at: 0, role: Role::None, month_near: false };
    reader.reading.tokens = Tokens::of(text);
    reader.run();
    reader.reading
}

struct Reader {
    lexicon: &'static Lexicon,
    reading: Reading,
    at: usize,
    role: Role,
    month_near: bool,
}

impl Reader {
    fn run(&mut self) {
        while self.at < self.reading.tokens.list.len() {
            let token = self.reading.tokens.list[self.at];
            self.at += match token.kind {
                Kind::Number => self.number(token),
                Kind::Word => self.word(token),
                Kind::Literal | Kind::Symbol => {
                    self.literal(token);
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
        if let Some(value) = self.roman(token) {
            self.push_number(whole_hash(value), false);
            return 1;
        }
        if token.is_shouted && is_shouted_name(token.hash) {
            self.content(stem_hash(self.reading.tokens.text(token)), token, true);
            return 1;
        }
        if let Some(function) = self.lexicon.functions.get(&token.hash).copied()
            && !(token.is_name && !self.reading.tokens.is_title && is_plain(function))
        {
            return self.apply(function, token);
        }
        if let Some(&unit) = self.lexicon.units.get(&token.hash)
            && self.is_digits(-1)
        {
            self.content(unit, token, false);
            return 1;
        }
        let stem = self.lexicon.stem(self.reading.tokens.text(token));
        if MAKES.contains(&token.hash) && self.reading.asked == Asked::Unasked && self.reading.items.is_empty() {
            self.reading.orders = true;
            return 1;
        }
        self.content(stem, token, token.is_name && !self.reading.tokens.is_title);
        1
    }

    fn phrase(&mut self) -> Option<usize> {
        let lexicon = self.lexicon;
        let phrases: &'static [Phrase] = lexicon.phrases.get(&self.hash(0))?;
        let rest = &self.reading.tokens.list[self.at + 1..];
        let fits = |phrase: &&Phrase| {
            phrase.rest.len() <= rest.len() && phrase.rest.iter().zip(rest).all(|(wanted, token)| *wanted == token.hash)
        };
        let phrase = phrases.iter().find(fits)?;
        let token = self.token(0)?;
        match phrase.meaning {
            Meaning::Word(stem) => self.content(stem, token, false),
            // `what is the number of` asks for a count, not for a thing.
            Meaning::Function(Function::Asks(wanted))
                if self.reading.asked == Asked::Thing && wanted != Wanted::Anything =>
            {
                self.reading.asked = Asked::For(wanted);
            }
            Meaning::Function(Function::Filler) => {}
            Meaning::Function(function) => {
                self.apply(function, token);
            }
            Meaning::Measure(stem, wanted) => {
                self.ask(if wanted == Wanted::Anything { Asked::Thing } else { Asked::For(wanted) });
                self.content(stem, token, false);
            }
        }
        Some(phrase.rest.len() + 1)
    }

    fn apply(&mut self, function: Function, token: Token) -> usize {
        match function {
            Function::Filler => self.filler(token),
            Function::Symmetric if token.hash == word_hash("between") => self.reading.joins |= 3,
            Function::Symmetric => {}
            Function::And => self.reading.joins |= 1,
            Function::Or => self.reading.joins |= 2,
            // `no. 5` counts nothing away.
            Function::Negation if token.hash == word_hash("no") && self.is_digits(1) => {}
            Function::Negation => self.deny(token),
            Function::Bound(bound) => self.bound(bound),
            Function::BoundOfNumber(bound) => {
                let numeric = matches!(self.function(1), Some(Function::Number(_) | Function::Scale(_)));
                if self.is_digits(1) || numeric || self.hash(1) == word_hash("$") {
                    self.bound(bound);
                }
            }
            Function::Role(role) => self.role = role,
            Function::Asks(Wanted::Anything) => self.ask(Asked::Thing),
            Function::Asks(wanted) => self.ask(Asked::For(wanted)),
            Function::How => self.how(),
            Function::Possessive(person) => self.reading.possessives |= 1 << person,
            Function::Must => self.reading.moods |= 2,
            Function::Present => self.tense(1, token),
            Function::Past => self.tense(2, token),
            Function::Future => self.tense(4, token),
            Function::Number(_) | Function::Ordinal(_) | Function::Scale(_) => return self.number(token),
            Function::Month(month) => self.month(month, token),
            Function::MaybeMonth(month) => {
                if self.is_month(token) {
                    self.month(month, token);
                } else {
                    self.maybe_content(token);
                }
            }
        }
        1
    }

    fn bound(&mut self, bound: Bound) {
        self.reading.bounds.push(bound);
        self.bind(Operator::Bound(bound));
    }

    /// `no eggs`, `but not physics` deny a word; `does not` denies the sentence.
    fn deny(&mut self, token: Token) {
        const OF_SENTENCE: [u64; 5] = [word_hash("freeof"), word_hash("not"), word_hash("never"), word_hash("cannot"), word_hash("unless")];
        const BEFORE: [u64; 2] = [word_hash("but"), word_hash("and")];
        self.reading.negations += 1;
        if !OF_SENTENCE.contains(&token.hash) || BEFORE.contains(&self.hash(-1)) {
            self.bind(Operator::Without);
        }
    }

    fn bind(&mut self, operator: Operator) {
        self.reading.bindings.push((operator, self.reading.items.len() as u16));
    }

    /// An auxiliary at the head asks for a truth.
    fn tense(&mut self, bit: u8, token: Token) {
        self.reading.tenses |= bit;
        if token.is_first && self.reading.asked == Asked::Unasked {
            self.reading.asked = Asked::For(Wanted::Truth);
        }
        let i = word_hash("i");
        let you = word_hash("you");
        for neighbour in [self.hash(-1), self.hash(1)] {
            if is_being(token.hash) {
                self.reading.beings |= u8::from(neighbour == i) | (u8::from(neighbour == you) << 1);
            }
        }
    }

    fn filler(&mut self, token: Token) {
        let hash = token.hash;
        self.note_person(hash);
        self.note_scope(hash);
        if hash == word_hash("what") || hash == word_hash("which") {
            self.ask(Asked::Thing);
        } else if token.is_first && self.reading.asked == Asked::Unasked && is_modal(hash) {
            self.reading.asked = Asked::For(Wanted::Truth);
        }
    }

    fn note_person(&mut self, word: u64) {
        const FORMS: [(u64, u8); 11] = [
            (word_hash("i"), 1),
            (word_hash("me"), 1),
            (word_hash("you"), 2),
            (word_hash("he"), 3),
            (word_hash("him"), 3),
            (word_hash("she"), 4),
            (word_hash("her"), 4),
            (word_hash("they"), 5),
            (word_hash("them"), 5),
            (word_hash("we"), 6),
            (word_hash("us"), 6),
        ];
        let Some(&(_, person)) = FORMS.iter().find(|(form, _)| *form == word) else { return };
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

    fn note_scope(&mut self, word: u64) {
        self.reading.quantities |= u8::from(ALLS.contains(&word)) | (u8::from(SOMES.contains(&word)) << 1);
        self.reading.moods |= u8::from(CANS.contains(&word)) | (u8::from(MUSTS.contains(&word)) << 1);
    }

    fn how(&mut self) {
        let next = self.hash(1);
        let wanted = if next == word_hash("many") {
            Wanted::Count
        } else if next == word_hash("much") {
            Wanted::Amount
        } else {
            Wanted::Manner
        };
        self.ask(Asked::For(wanted));
    }

    /// The first question word of a prompt says what is asked; `when` further on only joins.
    fn ask(&mut self, asked: Asked) {
        if matches!(self.reading.asked, Asked::Unasked | Asked::For(Wanted::Truth)) {
            self.reading.asked = asked;
        }
    }

    fn is_being(&self, offset: isize) -> bool {
        const WORDS: [u64; 4] = [word_hash("is"), word_hash("are"), word_hash("was"), word_hash("were")];
        WORDS.contains(&self.hash(offset))
    }

    fn is_month(&self, token: Token) -> bool {
        const LEADS_IN: [u64; 10] = [word_hash("in"), word_hash("of"), word_hash("since"), word_hash("until"), word_hash("by"), word_hash("last"), word_hash("next"), word_hash("this"), word_hash("on"), word_hash("through")];
        let before = self.hash(-1);
        let numbers = self.is_digits(1) || self.is_digits(-1) || matches!(self.function(-1), Some(Function::Ordinal(_)));
        numbers || (token.is_name && LEADS_IN.contains(&before))
    }

    fn maybe_content(&mut self, token: Token) {
        if token.hash != word_hash("may") {
            let stem = self.lexicon.stem(self.reading.tokens.text(token));
            self.content(stem, token, token.is_name);
        }
    }

    fn month(&mut self, month: u8, token: Token) {
        let name = [b'm', b'o', b'n', b't', b'h', b'0' + month / 10, b'0' + month % 10];
        let stem = word_hash(std::str::from_utf8(&name).unwrap_or_default());
        self.content(stem, token, false);
        // `May 5th` is `May 5`.
        let numbered = self.is_number_word(-1) || self.is_number_word(-2);
        if let Some(last) = self.reading.numbers.last_mut().filter(|_| numbered) {
            last.is_ordinal = false;
        }
        self.month_near = true;
    }

    fn is_number_word(&self, offset: isize) -> bool {
        self.is_digits(offset) || matches!(self.function(offset), Some(Function::Ordinal(_)))
    }

    fn literal(&mut self, token: Token) {
        let unit = self.lexicon.units.get(&token.hash).copied();
        self.content(unit.unwrap_or(token.hash), token, unit.is_none());
    }

    fn content(&mut self, stem: u64, token: Token, is_name: bool) {
        self.note_scope(token.hash);
        let sense = self.lexicon.sense(stem);
        let known = self.lexicon.senses.contains_key(&stem);
        // `I do not want` is not `I do not know`: what is denied is content.
        let denied = matches!(self.function(-1), Some(Function::Negation));
        let weight = if is_name || denied { Weight::Full } else { sense.weight };
        let role = if self.role == Role::None && self.follows_do() { Role::Subject } else { self.role };
        self.role = Role::None;
        let is_name = is_name || !known || token.is_quoted || sense.is_name;
        let role = if role == Role::None && is_name { self.role_of_name() } else { role };
        let at = self.at.min(usize::from(u16::MAX)) as u16;
        self.month_near = false;
        let text = self.reading.tokens.text(token);
        let is_past = text.ends_with("ed") || self.lexicon.irregular.contains_key(&token.hash);
        self.name_language(token.hash);
        let is_type = PICKS.contains(&self.hash(-1)) && self.is_being(1);
        self.reading.items.push(Item { stem, sense, weight, at, role, is_name, is_past, is_number: false, is_type });
    }

    /// `by Prof. Ada King`: a name of several words has one role.
    fn role_of_name(&self) -> Role {
        let last = self.reading.items.last().filter(|last| usize::from(last.at) + 1 == self.at);
        last.map_or(Role::None, |last| last.role)
    }

    /// `did X`, `does the X`.
    fn follows_do(&self) -> bool {
        const DO: [u64; 3] = [word_hash("do"), word_hash("does"), word_hash("did")];
        DO.contains(&self.hash(-1)) || (self.hash(-1) == word_hash("the") && DO.contains(&self.hash(-2)))
    }

    /// `French translation of this German text`: into French, from German.
    fn name_language(&mut self, noun: u64) {
        let Some(last) = self.reading.items.last_mut().filter(|last| usize::from(last.at) + 1 == self.at) else { return };
        if last.is_name && last.role == Role::None {
            if LANGUAGE_TARGETS.contains(&noun) {
                last.role = Role::To;
            } else if LANGUAGE_SOURCES.contains(&noun) {
                last.role = Role::From;
            }
        }
    }

    fn roman(&self, token: Token) -> Option<f64> {
        let text = self.reading.tokens.text(token);
        let safe_small = text == "ii" || text == "iii";
        if !(safe_small || token.is_shouted && !self.reading.tokens.is_shouting) || text.len() < 2 {
            return None;
        }
        roman_value(text.as_bytes())
    }

    /// A run of number words and digits: `two hundred and five`, `21st`, `1.5 million`, `5km`.
    fn number(&mut self, token: Token) -> usize {
        if self.is_pronoun_one(token) || self.is_unit_second(token) {
            if token.hash == word_hash("second") {
                self.content(stem_hash("second"), token, false);
            }
            return 1;
        }
        let mut sum = Sum::default();
        let mut count = 0;
        let mut is_ordinal = false;
        while !is_ordinal {
            let step = match (self.token(count as isize), self.function(count as isize)) {
                (Some(token), _) if token.kind == Kind::Number => {
                    let step = sum.digits(self.reading.tokens.text(token));
                    is_ordinal = step && token.is_ordinal;
                    step
                }
                (_, Some(Function::Number(value))) => sum.word(value),
                (_, Some(Function::Ordinal(value))) => {
                    is_ordinal = sum.word(value);
                    is_ordinal
                }
                (_, Some(Function::Scale(value))) => sum.scale(value),
                _ if count > 0 && self.hash(count as isize) == word_hash("and") => {
                    matches!(self.function(count as isize + 1), Some(Function::Number(_))) && sum.scaled
                }
                _ => false,
            };
            if !step {
                break;
            }
            count += 1;
        }
        self.push_number(sum.hash(), is_ordinal && !self.month_near);
        self.month_near = false;
        count.max(1)
    }

    /// A number is also a name among the words, so that it has a place and a role.
    fn push_number(&mut self, value: u64, is_ordinal: bool) {
        self.reading.numbers.push(Number { value, is_ordinal });
        self.reading.items.push(Item {
            stem: value,
            sense: Sense::default(),
            weight: Weight::Empty,
            at: self.at.min(usize::from(u16::MAX)) as u16,
            role: std::mem::take(&mut self.role),
            is_name: true,
            is_past: false,
            is_number: true,
            is_type: false,
        });
    }

    /// `this one`, `what must one do`: counts only before a unit or inside a larger number.
    fn is_pronoun_one(&self, token: Token) -> bool {
        let counts = matches!(self.function(1), Some(Function::Scale(_))) || self.lexicon.units.contains_key(&self.hash(1));
        token.hash == word_hash("one") && !counts
    }

    fn is_unit_second(&self, token: Token) -> bool {
        let counted = self.is_digits(-1) || matches!(self.function(-1), Some(Function::Number(_) | Function::Scale(_)));
        token.hash == word_hash("second") && (counted || self.hash(-1) == word_hash("per"))
    }
}

/// Adds up number words.
#[derive(Default)]
struct Sum {
    total: f64,
    current: f64,
    text: Option<u64>,
    begun: bool,
    scaled: bool,
}

impl Sum {
    fn digits(&mut self, text: &str) -> bool {
        if self.begun {
            return false;
        }
        self.begun = true;
        self.text = Some(canonical_hash(text));
        self.current = text.replace(',', "").parse().unwrap_or(f64::NAN);
        true
    }

    fn word(&mut self, value: f64) -> bool {
        let tens = self.current % 100.0;
        let joins = !self.begun || (self.text.is_none() && value < 10.0 && tens >= 20.0 && tens % 10.0 == 0.0)
            || (self.text.is_none() && self.scaled && value < 100.0 && tens == 0.0);
        if joins {
            self.begun = true;
            self.current += value;
        }
        joins
    }

    fn scale(&mut self, value: f64) -> bool {
        self.text = None;
        self.current = if self.begun { self.current } else { 1.0 };
        self.begun = true;
        self.scaled = true;
        if value < 1000.0 {
            self.current *= value;
        } else {
            self.total += self.current * value;
            self.current = 0.0;
        }
        true
    }

    fn hash(&self) -> u64 {
        let value = self.total + self.current;
        match self.text {
            Some(hash) => hash,
            None if value.fract() == 0.0 && value < 1e15 => whole_hash(value),
            None => value.to_bits(),
        }
    }
}

fn whole_hash(value: f64) -> u64 {
    word_hash(itoa::Buffer::new().format(value as u64))
}

/// Digits without separators and leading zeros.
fn canonical_hash(text: &str) -> u64 {
    if text.contains(',') {
        return canonical_hash(&text.replace(',', ""));
    }
    let trimmed = text.trim_start_matches('0');
    word_hash(if trimmed.is_empty() || !trimmed.starts_with(|c: char| c.is_ascii_digit()) { text } else { trimmed })
}

fn roman_value(letters: &[u8]) -> Option<f64> {
    const NUMERALS: [&str; 20] = [
        "ii", "iii", "iv", "vi", "vii", "viii", "ix", "xi", "xii", "xiii", "xiv", "xv", "xvi", "xvii", "xviii", "xix", "xx",
        "xxi", "xxii", "xxiii",
    ];
    const VALUES: [u8; 20] = [2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23];
    let at = NUMERALS.iter().position(|numeral| numeral.as_bytes() == letters)?;
    Some(f64::from(VALUES[at]))
}

const PICKS: [u64; 2] = [word_hash("which"), word_hash("what")];
const MAKES: [u64; 6] = [
    word_hash("write"),
    word_hash("create"),
    word_hash("make"),
    word_hash("generate"),
    word_hash("draft"),
    word_hash("compose"),
];
const ALLS: [u64; 12] = [word_hash("all"), word_hash("every"), word_hash("everything"), word_hash("everyone"), word_hash("everybody"), word_hash("always"), word_hash("entire"), word_hash("entirely"), word_hash("complete"), word_hash("completely"), word_hash("whole"), word_hash("enough")];
const SOMES: [u64; 9] = [word_hash("some"), word_hash("any"), word_hash("someone"), word_hash("somebody"), word_hash("something"), word_hash("anyone"), word_hash("anybody"), word_hash("anything"), word_hash("sometimes")];
const CANS: [u64; 7] = [word_hash("can"), word_hash("could"), word_hash("able"), word_hash("may"), word_hash("might"), word_hash("possible"), word_hash("allowed")];
const MUSTS: [u64; 8] = [word_hash("must"), word_hash("need"), word_hash("should"), word_hash("ought"), word_hash("required"), word_hash("mandatory"), word_hash("necessary"), word_hash("obliged")];
const LANGUAGE_TARGETS: [u64; 2] = [word_hash("translation"), word_hash("version")];
const LANGUAGE_SOURCES: [u64; 7] = [
    word_hash("text"),
    word_hash("passage"),
    word_hash("sentence"),
    word_hash("paragraph"),
    word_hash("document"),
    word_hash("word"),
    word_hash("phrase"),
];

fn is_shouted_name(hash: u64) -> bool {
    const WORDS: [u64; 3] = [word_hash("it"), word_hash("us"), word_hash("who")];
    WORDS.contains(&hash)
}

fn is_being(hash: u64) -> bool {
    const WORDS: [u64; 7] = [word_hash("am"), word_hash("are"), word_hash("was"), word_hash("were"), word_hash("did"), word_hash("had"), word_hash("have")];
    WORDS.contains(&hash)
}

fn is_modal(hash: u64) -> bool {
    const WORDS: [u64; 7] = [word_hash("can"), word_hash("could"), word_hash("should"), word_hash("would"), word_hash("may"), word_hash("might"), word_hash("must")];
    WORDS.contains(&hash)
}

/// May be a part of a name when written with a capital: `The Who`, `Will`.
fn is_plain(function: Function) -> bool {
    matches!(function, Function::Filler | Function::Future)
}
