//! Whether a near prompt's answer may be given.
//!
//! One cosine against one threshold is wrong where it hurts: another number, a negation, an opposite,
//! another name are all *near*. So a candidate must first pass guards that look at the words, and
//! what the guards cannot tell apart must be nearer the more words differ. The guards are strict by
//! construction: whatever word they do not know must stand on both sides.

mod lexicon;
mod reading;
mod stem;
mod tokens;

use lexicon::{Role, Wanted, Weight};
use reading::{Asked, Item, Reading, read};
use stem::word_hash;
use tokens::{Kind, Token};

use super::semantic::Candidate;

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

/// The verdict on `candidates` for `prompt`: the nearest one that nothing speaks against.
pub fn judge(prompt: &str, candidates: &[Candidate], policy: &Policy) -> Verdict {
    let mut asked = None;
    let mut vetoes = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.iter().enumerate() {
        let similarity = candidate.similarity;
        // Written so that NaN is refused.
        let near = similarity >= policy.similarity_min;
        if !near {
            vetoes.push(Veto::BelowThreshold);
            continue;
        }
        let asked = asked.get_or_insert_with(|| read(prompt));
        match distance(asked, &read(&candidate.text)) {
            Ok(distance) if similarity >= similarity_for(distance) => return Verdict::Serve { index, similarity },
            Ok(_) => vetoes.push(Veto::Wording),
            Err(veto) => vetoes.push(veto),
        }
    }
    Verdict::Refuse(vetoes)
}

/// The cosine that `distance` of wording demands.
fn similarity_for(distance: f32) -> f32 {
    0.72 + 0.06 * distance
}

/// How far apart two readings are that nothing tells apart for certain: half a point for each general
/// word that one has more, a point for two exchanged.
pub fn distance(asked: &Reading, stored: &Reading) -> Result<f32, Veto> {
    if asked.numbers != stored.numbers {
        return Err(Veto::Numbers);
    }
    if asked.negations % 2 != stored.negations % 2 || (asked.negations == 0) != (stored.negations == 0) {
        return Err(Veto::Negation);
    }
    // `not all` is not `none`.
    if asked.negations > 0 && asked.quantities & 1 != stored.quantities & 1 {
        return Err(Veto::Negation);
    }
    if asked.bounds != stored.bounds {
        return Err(Veto::Bounds);
    }
    let (left, right) = (&asked.tokens.quotes, &stored.tokens.quotes);
    if !left.is_empty() && !right.is_empty() && left != right {
        return Err(Veto::Quotes);
    }
    let differ = |left: u8, right: u8| left != 0 && right != 0 && left != right;
    let [one, other] = asked.persons;
    if other != 0 && stored.persons == [other, one] {
        return Err(Veto::Person);
    }
    if differ(asked.joins, stored.joins) && asked.joins & stored.joins == 0 {
        return Err(Veto::Bounds);
    }
    if differ(asked.thirds, stored.thirds) || differ(asked.possessives, stored.possessives) || differ(asked.beings, stored.beings) {
        return Err(Veto::Person);
    }
    let pairs = Pairs::of(asked, stored);
    let question = pairs.question_distance()?;
    pairs.check_antonyms()?;
    let wording = pairs.wording_distance()?;
    pairs.check_tense()?;
    pairs.check_superlatives()?;
    pairs.check_bindings()?;
    pairs.check_roles()?;
    Ok(question + wording)
}

/// Which content words of two readings stand for each other.
struct Pairs<'a> {
    asked: &'a Reading,
    stored: &'a Reading,
    /// For each content word of `asked`: its partner in `stored`.
    partners: Vec<Option<u16>>,
    /// For each content word of `stored`: does it have a partner?
    taken: Vec<bool>,
}

/// Stands for a partner that is no single word.
const EXPLAINED: u16 = u16::MAX;
/// Names whose order is compared.
const NAMES_MAX: usize = 12;

impl<'a> Pairs<'a> {
    fn of(asked: &'a Reading, stored: &'a Reading) -> Self {
        let partners = vec![None; asked.items.len()];
        let mut pairs = Pairs { asked, stored, partners, taken: vec![false; stored.items.len()] };
        pairs.join_equal();
        pairs.join_synonyms();
        pairs.join_spellings();
        pairs.join_question_words();
        pairs
    }

    /// First comes to first, second to second; a word said once more than there meets the last.
    fn join_equal(&mut self) {
        for (partner, item) in self.partners.iter_mut().zip(&self.asked.items) {
            for (at, other) in self.stored.items.iter().enumerate().filter(|(_, other)| other.stem == item.stem) {
                *partner = Some(at as u16);
                if !self.taken[at] {
                    self.taken[at] = true;
                    break;
                }
            }
        }
        for (at, item) in self.stored.items.iter().enumerate() {
            self.taken[at] |= self.asked.items.iter().any(|other| other.stem == item.stem);
        }
    }

    fn join_synonyms(&mut self) {
        for (partner, item) in self.partners.iter_mut().zip(&self.asked.items) {
            if partner.is_some() || item.sense.groups[0] == 0 {
                continue;
            }
            let meets = |other: &Item| shares_group(item, other);
            let free = |at: &usize| !self.taken[*at];
            if let Some(at) = (0..self.taken.len()).filter(free).find(|&at| meets(&self.stored.items[at])) {
                *partner = Some(at as u16);
                self.taken[at] = true;
            }
        }
        // `sort in ascending order` and `sort ascending`: said twice here, once there.
        for (partner, item) in self.partners.iter_mut().zip(&self.asked.items) {
            if partner.is_none() && self.stored.items.iter().any(|other| shares_group(item, other)) {
                *partner = Some(EXPLAINED);
            }
        }
        for (taken, item) in self.taken.iter_mut().zip(&self.stored.items) {
            *taken |= self.asked.items.iter().any(|other| shares_group(item, other));
        }
    }

    /// `GDP` and `gross domestic product`, `data base` and `database`.
    fn join_spellings(&mut self) {
        for at in 0..self.partners.len() {
            if self.partners[at].is_none()
                && let Some(run) = spelt_out(self.asked, at, self.stored, |other| !self.taken[other])
            {
                self.partners[at] = Some(EXPLAINED);
                self.taken[run].fill(true);
            }
        }
        for at in 0..self.taken.len() {
            if !self.taken[at]
                && let Some(run) = spelt_out(self.stored, at, self.asked, |other| self.partners[other].is_none())
            {
                self.taken[at] = true;
                self.partners[run].fill(Some(EXPLAINED));
            }
        }
    }

    /// `Where is X?` and `location of X`: the question word says what the noun says.
    fn join_question_words(&mut self) {
        for (partner, item) in self.partners.iter_mut().zip(&self.asked.items) {
            if partner.is_none() && says(self.stored.asked, item) {
                *partner = Some(EXPLAINED);
            }
        }
        for (taken, item) in self.taken.iter_mut().zip(&self.stored.items) {
            *taken |= says(self.asked.asked, item);
        }
    }

    /// A question word on one side only must be said by a noun on the other.
    fn question_distance(&self) -> Result<f32, Veto> {
        use Wanted::{Amount, Count, Manner, Person, Truth};
        let (left, right) = (self.asked.asked, self.stored.asked);
        if left == right {
            let moods = if left == Asked::For(Truth) { (self.asked.moods, self.stored.moods) } else { (0, 0) };
            let quantities = (self.asked.quantities, self.stored.quantities);
            if left == Asked::For(Truth) && matches!(quantities, (1, 2) | (2, 1)) {
                return Err(Veto::Question);
            }
            return match moods {
                (1, 2) | (2, 1) => Err(Veto::Question),
                (one, other) => Ok(if one == other { 0.0 } else { 0.5 }),
            };
        }
        let (wanted, said) = match (left, right) {
            (Asked::For(Count), Asked::For(Amount)) | (Asked::For(Amount), Asked::For(Count)) => return Ok(0.5),
            (Asked::For(_), Asked::For(_)) => return Err(Veto::Question),
            (Asked::For(_), _) => (left, self.stored),
            (_, Asked::For(_)) => (right, self.asked),
            _ => return Ok(0.0),
        };
        match wanted {
            _ if said.items.iter().any(|item| says(wanted, item)) => Ok(0.0),
            Asked::For(Person) => Ok(0.0),
            Asked::For(Manner) if said.orders => Err(Veto::Question),
            Asked::For(Manner) if said.asked == Asked::Unasked => Ok(0.0),
            Asked::For(Amount | Truth) => Ok(0.5),
            Asked::For(Manner) => Ok(1.0),
            _ => Err(Veto::Question),
        }
    }

    /// Now against then, unless the past is only the form of a verb (`is from`, `was produced`).
    fn check_tense(&self) -> Result<(), Veto> {
        const FUTURE: u8 = 4;
        const PAST: u8 = 2;
        const PRESENT: u8 = 1;
        // A past form without an auxiliary may be a participle of either.
        let told = |reading: &Reading| match reading.tenses {
            0 if reading.items.iter().any(|item| item.is_past) => PAST | PRESENT,
            tenses => tenses,
        };
        let (left, right) = (told(self.asked), told(self.stored));
        if left == 0 || right == 0 || left & right != 0 {
            return Ok(());
        }
        let crosses_past = (left | right) & PAST != 0;
        let to_come = (left | right) & FUTURE != 0;
        let has_participle = |reading: &Reading| reading.items.iter().any(|item| item.is_past);
        let only_form = !to_come && (has_participle(self.asked) || has_participle(self.stored));
        if crosses_past && !only_form { Err(Veto::Tense) } else { Ok(()) }
    }

    /// `area of the largest state` and `state of the largest area`.
    fn check_superlatives(&self) -> Result<(), Veto> {
        let noun_after = |reading: &Reading, at: usize| {
            let after = reading.items.iter().enumerate().skip(at + 1);
            after.filter(|(_, item)| !item.is_name && item.weight > Weight::Light).map(|(at, _)| at).next()
        };
        for (at, item) in self.asked.items.iter().enumerate().filter(|(_, item)| item.sense.is_superlative) {
            let Some(partner) = self.partners[at].filter(|partner| *partner != EXPLAINED) else { continue };
            let left = noun_after(self.asked, at);
            let right = noun_after(self.stored, usize::from(partner));
            if let (Some(left), Some(right)) = (left, right)
                && self.partners[left] != Some(right as u16)
                && !self.is_same(left, right)
            {
                let _ = item;
                return Err(Veto::Roles);
            }
        }
        Ok(())
    }

    /// `before 2000 and after 1990` and `before 1990 and after 2000`.
    fn check_bindings(&self) -> Result<(), Veto> {
        let real = |partner: u16| partner != EXPLAINED;
        for (operator, at) in &self.asked.bindings {
            let Some(partner) = self.partners.get(usize::from(*at)).copied().flatten().filter(|partner| real(*partner)) else {
                continue;
            };
            let same = || self.stored.bindings.iter().filter(|(other, _)| other == operator);
            let is_other = |(_, other): &(_, u16)| *other != partner && self.partners.contains(&Some(*other));
            if !same().any(|(_, other)| *other == partner) && same().any(is_other) {
                return Err(Veto::Bounds);
            }
        }
        Ok(())
    }

    fn is_same(&self, left: usize, right: usize) -> bool {
        let (left, right) = (&self.asked.items[left], &self.stored.items[right]);
        left.stem == right.stem || shares_group(left, right)
    }

    fn unmatched_asked(&self) -> impl Iterator<Item = &Item> + Clone {
        self.asked.items.iter().zip(&self.partners).filter(|(_, partner)| partner.is_none()).map(|(item, _)| item)
    }

    fn unmatched_stored(&self) -> impl Iterator<Item = &Item> + Clone {
        self.stored.items.iter().zip(&self.taken).filter(|(_, taken)| !**taken).map(|(item, _)| item)
    }

    fn check_antonyms(&self) -> Result<(), Veto> {
        for left in self.unmatched_asked().filter(|item| item.sense.poles[0] != 0) {
            for right in self.unmatched_stored() {
                let opposed = |pole: &i16| *pole != 0 && right.sense.poles.contains(&-*pole);
                if left.sense.poles.iter().any(opposed) {
                    return Err(Veto::Antonym);
                }
            }
        }
        Ok(())
    }

    fn wording_distance(&self) -> Result<f32, Veto> {
        let left = heaviest(self.asked, self.unmatched_asked());
        let right = heaviest(self.stored, self.unmatched_stored());
        match (left, right) {
            (Weight::Full, Weight::Empty) | (Weight::Empty, Weight::Full) => return Err(Veto::Added),
            (Weight::Full, _) | (_, Weight::Full) | (Weight::Sort, Weight::Sort) => return Err(Veto::Exchanged),
            _ => {}
        }
        let unmatched = self.unmatched_asked().chain(self.unmatched_stored());
        Ok(unmatched.filter(|item| item.weight != Weight::Empty).count() as f32 / 2.0)
    }

    /// From against to, and names that changed places.
    fn check_roles(&self) -> Result<(), Veto> {
        let matched = || {
            let partners = self.asked.items.iter().zip(&self.partners);
            partners.filter_map(|(item, partner)| Some((item, self.stored.items.get(usize::from((*partner)?))?)))
        };
        if matched().any(|(left, right)| are_opposed(left.role, right.role)) {
            return Err(Veto::Roles);
        }
        let stranded = |reading: &Reading| matches!(reading.stranded, Role::From | Role::To | Role::Than).then_some(reading.stranded);
        if stranded(self.asked) != stranded(self.stored) {
            return Err(Veto::Roles);
        }
        for role in [Role::From, Role::To, Role::By, Role::Than] {
            let lost = matched().any(|(left, right)| left.role == role && right.role != role);
            let won = matched().any(|(left, right)| left.role != role && right.role == role);
            if lost && won {
                return Err(Veto::Roles);
            }
        }
        let names = || matched().filter(|(left, right)| left.is_name && right.is_name).take(NAMES_MAX);
        for (count, second) in names().enumerate() {
            for first in names().take(count).filter(|first| second.1.at < first.1.at) {
                self.check_swap(first, second)?;
            }
        }
        self.check_doers()?;
        self.check_mirror()
    }

    /// `who did X pay` and `who paid X`; `A was paid by B` and `A paid B`.
    fn check_doers(&self) -> Result<(), Veto> {
        for (at, left) in self.asked.items.iter().enumerate() {
            let Some(partner) = self.partners[at].filter(|partner| *partner != EXPLAINED).map(usize::from) else { continue };
            let right = &self.stored.items[partner];
            let turned = match (left.role, right.role) {
                (Role::Subject, Role::None) => self.is_pair(verb_after(self.asked, at), object_verb(self.stored, partner)),
                (Role::By, Role::None) => self.is_pair(at.wrapping_sub(1), object_verb(self.stored, partner)),
                (Role::None, Role::Subject) => object_verb(self.asked, at).is_some_and(|verb| self.is_pair(verb, Some(verb_after(self.stored, partner)))),
                (Role::None, Role::By) => object_verb(self.asked, at).is_some_and(|verb| self.is_pair(verb, partner.checked_sub(1))),
                _ => false,
            };
            if turned {
                return Err(Veto::Roles);
            }
        }
        Ok(())
    }

    fn is_pair(&self, left: usize, right: Option<usize>) -> bool {
        let partner = self.partners.get(left).copied().flatten();
        let mutual = self.asked.items.get(left).is_some_and(|item| item.sense.is_mutual);
        !mutual && partner.is_some() && partner.map(usize::from) == right
    }

    /// Is the word before or after it the same on both sides (`3 credits`, `winter 2007`)?
    fn keeps_company(&self, pair: (&Item, &Item)) -> bool {
        let place = |reading: &Reading, item: &Item| reading.items.iter().position(|other| other.at == item.at);
        let (Some(left), Some(right)) = (place(self.asked, pair.0), place(self.stored, pair.1)) else { return false };
        let meets = |left: usize, right: usize| {
            self.partners.get(left).copied().flatten().is_some_and(|partner| usize::from(partner) == right)
        };
        meets(left + 1, right + 1) || (left > 0 && right > 0 && meets(left - 1, right - 1))
    }

    /// Two names changed places. It matters when the same word or preposition stands between them.
    fn check_swap(&self, first: (&Item, &Item), second: (&Item, &Item)) -> Result<(), Veto> {
        let told = is_from_to(first.0.role, second.0.role) && is_from_to(first.1.role, second.1.role);
        let symmetric = joins_equals(self.asked, first.0.at, second.0.at) && joins_equals(self.stored, second.1.at, first.1.at);
        // `A paid B` and `B was paid by A`: who has a `by` may change places.
        let agents = [first.0, second.0, first.1, second.1].iter().filter(|item| item.role == Role::By).count();
        if told || symmetric || agents == 1 {
            return Ok(());
        }
        if first.0.is_number && second.0.is_number && !self.keeps_company(first) && !self.keeps_company(second) {
            return Err(Veto::Roles);
        }
        let between = |reading: &'a Reading, from: u16, to: u16| {
            reading.items.iter().enumerate().filter(move |(_, item)| item.at > from && item.at < to)
        };
        let mut shared = between(self.asked, first.0.at, second.0.at).filter_map(|(at, _)| self.partners[at]);
        let (from, to) = (second.1.at, first.1.at);
        let verb = shared.any(|partner| self.stored.items.get(usize::from(partner)).is_some_and(|item| item.at > from && item.at < to));
        let relation = has_relation(self.asked, first.0.at, second.0.at) && has_relation(self.stored, from, to);
        if verb || relation { Err(Veto::Roles) } else { Ok(()) }
    }

    /// `cats eat mice` and `mice eat cats`: a word whose neighbours changed places.
    fn check_mirror(&self) -> Result<(), Veto> {
        for verb in 1..self.partners.len() {
            let Some(partner) = self.partners[verb].filter(|partner| *partner != EXPLAINED).map(usize::from) else { continue };
            let Some(before) = partner.checked_sub(1) else { continue };
            let (doer, other) = (verb - 1, self.partners.iter().position(|partner| *partner == Some(before as u16)));
            let doer_there = self.partners[doer].filter(|there| *there != EXPLAINED).map(usize::from);
            let (Some(other), Some(doer_there)) = (other, doer_there) else { continue };
            let turned = other > verb && doer_there > partner;
            if turned && self.tells_doers([doer, verb, other], [before, partner, doer_there]) {
                return Err(Veto::Roles);
            }
        }
        Ok(())
    }

    /// Does it matter which of two words stands before a third?
    fn tells_doers(&self, asked: [usize; 3], stored: [usize; 3]) -> bool {
        let asked = asked.map(|at| &self.asked.items[at]);
        let stored = stored.map(|at| &self.stored.items[at]);
        let said = asked[0].weight != Weight::Empty && asked[2].weight != Weight::Empty;
        let agents = asked.iter().chain(&stored).filter(|item| item.role == Role::By).count();
        let passive = asked[1].is_past != stored[1].is_past || agents == 1;
        let symmetric = asked[1].sense.is_mutual || joins_equals(self.asked, asked[0].at, asked[2].at);
        let close = is_close(self.asked, asked[0].at, asked[1].at)
            && is_close(self.stored, stored[0].at, stored[1].at)
            && is_complement(self.asked, asked[1].at, asked[2].at)
            && is_complement(self.stored, stored[1].at, stored[2].at);
        said && !passive && !symmetric && close
    }
}

/// The first word after this one that is no number.
fn verb_after(reading: &Reading, at: usize) -> usize {
    let after = reading.items.iter().enumerate().skip(at + 1);
    after.filter(|(_, item)| !item.is_number).map(|(at, _)| at).next().unwrap_or(usize::MAX)
}

/// The verb that this word follows without a preposition between.
fn object_verb(reading: &Reading, at: usize) -> Option<usize> {
    let verb = at.checked_sub(1)?;
    let (before, item) = (&reading.items[verb], &reading.items[at]);
    is_close(reading, before.at, item.at).then_some(verb)
}

/// May what stands at `to` be what a verb at `from` is about? `plot of Hamlet` is not, `sat on the mat` is.
fn is_complement(reading: &Reading, from: u16, to: u16) -> bool {
    const LINKS: [u64; 6] =
        [word_hash("of"), word_hash("for"), word_hash("if"), word_hash("with"), word_hash("without"), word_hash("no")];
    let between = reading.tokens.list.get(usize::from(from) + 1..usize::from(to)).unwrap_or_default();
    !between.iter().any(|token| LINKS.contains(&token.hash))
}

/// Do only articles and auxiliaries stand between two places?
fn is_close(reading: &Reading, from: u16, to: u16) -> bool {
    use lexicon::Function;
    const LINKS: [u64; 10] = [
        word_hash("of"),
        word_hash("in"),
        word_hash("on"),
        word_hash("at"),
        word_hash("for"),
        word_hash("with"),
        word_hash("as"),
        word_hash("about"),
        word_hash("per"),
        word_hash("if"),
    ];
    let between = reading.tokens.list.get(usize::from(from) + 1..usize::from(to)).unwrap_or_default();
    let functions = &lexicon::LEXICON.functions;
    !between.iter().any(|token| {
        LINKS.contains(&token.hash) || token.kind == Kind::Joint || matches!(functions.get(&token.hash), Some(Function::Role(_)))
    })
}

/// Are the tokens between two places only such as join equals?
fn joins_equals(reading: &Reading, from: u16, to: u16) -> bool {
    use lexicon::Function;
    let between = reading.tokens.list.get(usize::from(from) + 1..usize::from(to)).unwrap_or_default();
    let functions = &lexicon::LEXICON.functions;
    let joins = |token: &&Token| {
        token.kind == Kind::Joint || matches!(functions.get(&token.hash), Some(Function::Symmetric | Function::And | Function::Or))
    };
    between.iter().any(|token| joins(&token))
}

/// Where in `other` the word `at` of `reading` is spelt out: by initials or in pieces.
fn spelt_out(
    reading: &Reading,
    at: usize,
    other: &Reading,
    free: impl Fn(usize) -> bool,
) -> Option<std::ops::Range<usize>> {
    let text = |reading: &Reading, at: usize| -> String {
        let token = reading.tokens.list[usize::from(reading.items[at].at)];
        reading.tokens.text(token).to_owned()
    };
    let word = text(reading, at);
    if word.len() < 2 || reading.items[at].weight != Weight::Full {
        return None;
    }
    for start in (0..other.items.len()).filter(|&start| free(start)) {
        let first = text(other, start);
        if first.chars().next() != word.chars().next() {
            continue;
        }
        let free_run = (start..other.items.len()).take_while(|&at| free(at)).count();
        if word.len() <= 6 && word.len() <= free_run && word.is_ascii() {
            let initials = (start..start + word.len()).map(|at| text(other, at).chars().next().unwrap_or(' '));
            if initials.eq(word.chars()) {
                return Some(start..start + word.len());
            }
        }
        for pieces in 2..=free_run.min(3) {
            let adjacent = other.items[start + pieces - 1].at - other.items[start].at == pieces as u16 - 1;
            let joined: String = (start..start + pieces).map(|at| text(other, at)).collect();
            if adjacent && joined == word {
                return Some(start..start + pieces);
            }
        }
    }
    None
}

fn shares_group(left: &Item, right: &Item) -> bool {
    left.sense.groups.iter().take_while(|group| **group != 0).any(|group| right.sense.groups.contains(group))
}

/// Does asking so say this noun?
fn says(asked: Asked, item: &Item) -> bool {
    matches!(asked, Asked::For(wanted) if item.sense.said_by & (1 << wanted as u16) != 0)
}

/// Both told, and not the same; who does and by whom is one thing.
fn are_opposed(left: Role, right: Role) -> bool {
    let agent = |role: Role| if role == Role::Subject { Role::By } else { role };
    left != Role::None && right != Role::None && agent(left) != agent(right)
}

fn is_from_to(left: Role, right: Role) -> bool {
    matches!((left, right), (Role::From, Role::To) | (Role::To, Role::From))
}

/// Does a preposition that tells roles stand between two places?
fn has_relation(reading: &Reading, from: u16, to: u16) -> bool {
    use lexicon::Function;
    let between = reading.tokens.list.get(usize::from(from) + 1..usize::from(to)).unwrap_or_default();
    let functions = &lexicon::LEXICON.functions;
    between.iter().any(|token| matches!(functions.get(&token.hash), Some(Function::Role(_))))
}

/// The heaviest weight. What only names the sort of a name beside it weighs little; elsewhere a sort
/// is a word like others.
fn heaviest<'i>(reading: &Reading, unmatched: impl Iterator<Item = &'i Item>) -> Weight {
    let weigh = |item: &Item| {
        let beside = |other: &Item| other.is_name && other.at != item.at && other.at.abs_diff(item.at) <= 2;
        match item.weight {
            Weight::Sort if !item.is_type && !reading.items.iter().any(beside) => Weight::Full,
            weight => weight,
        }
    };
    unmatched.map(weigh).max().unwrap_or(Weight::Empty)
}

pub fn probe(a: &str, b: &str) -> Result<f32, String> {
    let (a, b) = (read(a), read(b));
    distance(&a, &b).map_err(|v| {
        if matches!(v, Veto::Added | Veto::Exchanged) {
            let p = Pairs::of(&a, &b);
            let f = |i: &Item| if i.weight == Weight::Empty { "".into() } else { format!("{}{}", if i.is_name { "N" } else { "k" }, "") };
            let l: String = p.unmatched_asked().map(f).collect();
            let r: String = p.unmatched_stored().map(f).collect();
            let mut z = [l, r];
            z.sort();
            format!("{}:{}|{}", v.label(), z[0], z[1])
        } else {
            v.label().into()
        }
    })
}
