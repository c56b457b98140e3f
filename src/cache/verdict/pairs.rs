//! Which content words of two prompts stand for each other.

use std::ops::Range;

use super::lexicon::Weight;
use super::reading::{Asked, Item, Reading};

/// The longest word that may be an abbreviation.
const INITIALS_MAX: usize = 6;
/// A word may be written in up to this many.
const PIECES_MAX: usize = 3;

/// What a content word of the asked prompt has on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// Nothing.
    None,
    /// This word, by its place among the stored content words.
    Word(u16),
    /// Several words, the question word, or a word that is said elsewhere already.
    Said,
}

/// Two readings and the pairing of their content words.
#[derive(Debug)]
pub(super) struct Pairs<'a> {
    pub(super) asked: &'a Reading,
    pub(super) stored: &'a Reading,
    /// For each content word of `asked`.
    of_asked: Vec<Pair>,
    /// For each content word of `stored`: does it have a partner?
    taken: Vec<bool>,
}

impl<'a> Pairs<'a> {
    /// Pairs equal stems first, then synonyms, then spellings, then what a question word says.
    pub(super) fn of(asked: &'a Reading, stored: &'a Reading) -> Self {
        let of_asked = vec![Pair::None; asked.items.len()];
        let mut pairs = Pairs { asked, stored, of_asked, taken: vec![false; stored.items.len()] };
        pairs.join_equal();
        pairs.join_synonyms();
        pairs.join_repeated();
        pairs.join_spellings();
        pairs.join_question_words();
        pairs
    }

    /// The partner of the asked word `at`, if it is one word.
    pub(super) fn partner(&self, at: usize) -> Option<usize> {
        match self.of_asked.get(at) {
            Some(Pair::Word(partner)) => Some(usize::from(*partner)),
            _ => None,
        }
    }

    /// The asked word whose partner is the stored word `at`.
    pub(super) fn partner_of_stored(&self, at: usize) -> Option<usize> {
        self.of_asked.iter().position(|pair| *pair == Pair::Word(at as u16))
    }

    /// The pairs of single words, in the order asked.
    pub(super) fn matched(&self) -> impl Iterator<Item = (&'a Item, &'a Item)> + Clone {
        let (asked, stored) = (self.asked, self.stored);
        let pairs = asked.items.iter().zip(&self.of_asked);
        pairs.filter_map(move |(item, pair)| match pair {
            Pair::Word(partner) => Some((item, &stored.items[usize::from(*partner)])),
            Pair::None | Pair::Said => None,
        })
    }

    pub(super) fn unmatched_asked(&self) -> impl Iterator<Item = &'a Item> {
        self.asked.items.iter().zip(&self.of_asked).filter(|(_, pair)| **pair == Pair::None).map(|(item, _)| item)
    }

    pub(super) fn unmatched_stored(&self) -> impl Iterator<Item = &'a Item> {
        self.stored.items.iter().zip(&self.taken).filter(|(_, taken)| !**taken).map(|(item, _)| item)
    }

    /// Is any content common? Two prompts of nothing but function words are not judged by their lack.
    pub(super) fn share_content(&self) -> bool {
        let content = |item: &Item| item.is_number || item.weight != Weight::Empty;
        self.asked.items.iter().zip(&self.of_asked).any(|(item, pair)| content(item) && *pair != Pair::None)
    }

    /// The same words in the same order.
    pub(super) fn same_words(&self) -> bool {
        let words = |reading: &'a Reading| reading.tokens.list.iter().map(|token| token.hash);
        words(self.asked).eq(words(self.stored))
    }

    /// First comes to first, second to second; a word said once more than there meets the last.
    fn join_equal(&mut self) {
        for (pair, item) in self.of_asked.iter_mut().zip(&self.asked.items) {
            for (at, _) in self.stored.items.iter().enumerate().filter(|(_, other)| other.stem == item.stem) {
                *pair = Pair::Word(at as u16);
                if !self.taken[at] {
                    self.taken[at] = true;
                    break;
                }
            }
        }
        for (taken, item) in self.taken.iter_mut().zip(&self.stored.items).filter(|(taken, _)| !**taken) {
            *taken = self.asked.items.iter().any(|other| other.stem == item.stem);
        }
    }

    fn join_synonyms(&mut self) {
        for (pair, item) in self.of_asked.iter_mut().zip(&self.asked.items).filter(|(pair, _)| **pair == Pair::None) {
            let meets = |at: &usize| !self.taken[*at] && item.sense.shares_group(&self.stored.items[*at].sense);
            if let Some(at) = (0..self.taken.len()).find(meets) {
                *pair = Pair::Word(at as u16);
                self.taken[at] = true;
            }
        }
    }

    /// `sort in ascending order` and `sort ascending`: said twice here, once there. Not so names: `in
    /// French` says something more about France.
    fn join_repeated(&mut self) {
        let says = |items: &[Item], item: &Item| {
            !item.is_name && items.iter().any(|other| item.sense.shares_group(&other.sense))
        };
        for (pair, item) in self.of_asked.iter_mut().zip(&self.asked.items) {
            if *pair == Pair::None && says(&self.stored.items, item) {
                *pair = Pair::Said;
            }
        }
        for (taken, item) in self.taken.iter_mut().zip(&self.stored.items) {
            *taken = *taken || says(&self.asked.items, item);
        }
    }

    /// `GDP` and `gross domestic product`, `data base` and `database`.
    fn join_spellings(&mut self) {
        for at in 0..self.of_asked.len() {
            if self.of_asked[at] == Pair::None
                && let Some(run) = spelt_out(self.asked, at, self.stored, |other| !self.taken[other])
            {
                self.of_asked[at] = Pair::Said;
                self.taken[run].fill(true);
            }
        }
        for at in 0..self.taken.len() {
            if !self.taken[at]
                && let Some(run) = spelt_out(self.stored, at, self.asked, |other| self.of_asked[other] == Pair::None)
            {
                self.taken[at] = true;
                self.of_asked[run].fill(Pair::Said);
            }
        }
    }

    /// `Where is X?` and `location of X`: the question word says what the noun says.
    fn join_question_words(&mut self) {
        let says = |reading: &Reading, item: &Item| matches!(reading.asked, Asked::For(wanted) if item.sense.is_said_by(wanted));
        for (pair, item) in self.of_asked.iter_mut().zip(&self.asked.items) {
            if *pair == Pair::None && says(self.stored, item) {
                *pair = Pair::Said;
            }
        }
        for (taken, item) in self.taken.iter_mut().zip(&self.stored.items) {
            *taken = *taken || says(self.asked, item);
        }
    }
}

/// Where among the free words of `other` the word `at` of `reading` is spelt out: by initials or in
/// pieces.
fn spelt_out(reading: &Reading, at: usize, other: &Reading, is_free: impl Fn(usize) -> bool) -> Option<Range<usize>> {
    let word = text_of(reading, at);
    let first = word.chars().next()?;
    if word.len() < 2 || reading.items[at].weight != Weight::Full {
        return None;
    }
    let starts = (0..other.items.len()).filter(|start| is_free(*start) && text_of(other, *start).starts_with(first));
    starts.into_iter().find_map(|start| {
        let free = (start..other.items.len()).take_while(|at| is_free(*at)).count();
        let initials = |count: usize| (start..start + count).filter_map(|at| text_of(other, at).chars().next());
        if word.len() <= INITIALS_MAX.min(free) && initials(word.len()).eq(word.chars()) {
            return Some(start..start + word.len());
        }
        let pieces = |count: &usize| {
            let run = &other.items[start..start + count];
            let adjacent = run.windows(2).all(|pair| pair[0].at + 1 == pair[1].at);
            adjacent && (start..start + count).flat_map(|at| text_of(other, at).chars()).eq(word.chars())
        };
        (2..=free.min(PIECES_MAX)).find(pieces).map(|count| start..start + count)
    })
}

fn text_of(reading: &Reading, at: usize) -> &str {
    reading.tokens.text(reading.tokens.list[usize::from(reading.items[at].at)])
}
