//! Who does what to whom: the same words can ask another thing.
//!
//! There is no parser here. Prepositions give roles, and words that changed places are suspicious
//! when the same word or preposition stands between them on both sides: `cats eat mice` against
//! `mice eat cats`, but not `hotels in Rome` against `Rome hotels`.

use super::Pairs;
use super::Veto;
use super::lexicon::{Function, LEXICON, Role, Weight};
use super::reading::{Item, Reading};
use super::stem::word_hashes;
use super::tokens::{Kind, Token};

/// Names whose order is compared.
const NAMES_MAX: usize = 12;

/// A word and its partner.
type Match<'a> = (&'a Item, &'a Item);

/// Refuses when the words of a pair of prompts play other parts.
pub(super) fn check(pairs: &Pairs<'_>) -> Result<(), Veto> {
    check_bindings(pairs)?;
    let turned = has_opposed_roles(pairs)
        || stranded(pairs.asked) != stranded(pairs.stored)
        || [Role::From, Role::To, Role::By, Role::Than].into_iter().any(|role| changes_hands(pairs, role))
        || has_moved_superlative(pairs)
        || has_swapped_names(pairs)
        || has_swapped_doer(pairs)
        || has_mirrored_verb(pairs);
    if turned { Err(Veto::Roles) } else { Ok(()) }
}

/// `before 2000 and after 1990` and `before 1990 and after 2000`.
fn check_bindings(pairs: &Pairs<'_>) -> Result<(), Veto> {
    for (operator, at) in &pairs.asked.bindings {
        let Some(partner) = pairs.partner(usize::from(*at)) else { continue };
        let mut same = pairs.stored.bindings.iter().filter(|(other, _)| other == operator);
        let kept = same.clone().any(|(_, other)| usize::from(*other) == partner);
        if !kept && same.any(|(_, other)| pairs.partner_of_stored(usize::from(*other)).is_some()) {
            return Err(Veto::Bounds);
        }
    }
    Ok(())
}

/// From against to.
fn has_opposed_roles(pairs: &Pairs<'_>) -> bool {
    // Who does it and by whom it is done is one role.
    let agent = |role: Role| if role == Role::Subject { Role::By } else { role };
    let told = |role: Role| role != Role::None;
    pairs.matched().any(|(left, right)| told(left.role) && told(right.role) && agent(left.role) != agent(right.role))
}

/// A preposition at the end: `products that A is cheaper than`.
fn stranded(reading: &Reading) -> Option<Role> {
    matches!(reading.stranded, Role::From | Role::To | Role::Than).then_some(reading.stranded)
}

/// `string to int` and `int to string`: one lost the role, another got it.
fn changes_hands(pairs: &Pairs<'_>, role: Role) -> bool {
    let lost = pairs.matched().any(|(left, right)| left.role == role && right.role != role);
    lost && pairs.matched().any(|(left, right)| left.role != role && right.role == role)
}

/// `area of the largest state` and `state of the largest area`.
fn has_moved_superlative(pairs: &Pairs<'_>) -> bool {
    let noun_after = |reading: &Reading, at: usize| {
        let is_noun = |item: &Item| !item.is_name && item.weight > Weight::Light;
        reading.items.iter().skip(at + 1).position(is_noun).map(|after| at + 1 + after)
    };
    let superlatives = pairs.asked.items.iter().enumerate().filter(|(_, item)| item.sense.is_superlative);
    superlatives.filter_map(|(at, _)| Some((at, pairs.partner(at)?))).any(|(left, right)| {
        let nouns = noun_after(pairs.asked, left).zip(noun_after(pairs.stored, right));
        nouns.is_some_and(|(left, right)| {
            let (one, other) = (&pairs.asked.items[left], &pairs.stored.items[right]);
            pairs.partner(left) != Some(right) && one.stem != other.stem && !one.sense.shares_group(&other.sense)
        })
    })
}

fn has_swapped_names(pairs: &Pairs<'_>) -> bool {
    let names = pairs.matched().filter(|(left, right)| left.is_name && right.is_name).take(NAMES_MAX);
    names.clone().enumerate().any(|(count, second)| {
        let mut before = names.clone().take(count).filter(|first| second.1.at < first.1.at);
        before.any(|first| is_swap(pairs, first, second))
    })
}

/// Two names changed places. It matters when the same word or preposition stands between them.
fn is_swap(pairs: &Pairs<'_>, first: Match<'_>, second: Match<'_>) -> bool {
    let asked = (first.0.at, second.0.at);
    let stored = (second.1.at, first.1.at);
    let told = is_from_to(first.0.role, second.0.role) && is_from_to(first.1.role, second.1.role);
    let symmetric = joins_equals(pairs.asked, asked) && joins_equals(pairs.stored, stored);
    // `A paid B` and `B was paid by A`: who has a `by` may change places.
    let agents = [first.0, second.0, first.1, second.1].iter().filter(|item| item.role == Role::By).count();
    if told || symmetric || agents == 1 {
        return false;
    }
    let inside = |item: &Item, (from, to): (u16, u16)| item.at > from && item.at < to;
    let shares_word = pairs.matched().any(|(left, right)| inside(left, asked) && inside(right, stored));
    let numbers = first.0.is_number && second.0.is_number;
    let loose = numbers && !keeps_company(pairs, first) && !keeps_company(pairs, second);
    loose || shares_word || (has_relation(pairs.asked, asked) && has_relation(pairs.stored, stored))
}

/// Is the word before or after it the same on both sides (`3 credits`, `winter 2007`)?
fn keeps_company(pairs: &Pairs<'_>, pair: Match<'_>) -> bool {
    let place = |reading: &Reading, item: &Item| reading.items.iter().position(|other| other.at == item.at);
    let places = place(pairs.asked, pair.0).zip(place(pairs.stored, pair.1));
    places.is_some_and(|(left, right)| {
        let before = left.checked_sub(1).zip(right.checked_sub(1));
        pairs.partner(left + 1) == Some(right + 1)
            || before.is_some_and(|(left, right)| pairs.partner(left) == Some(right))
    })
}

/// `who did X pay` and `who paid X`; `A was paid by B` and `A paid B`.
fn has_swapped_doer(pairs: &Pairs<'_>) -> bool {
    pairs.asked.items.iter().enumerate().any(|(at, item)| {
        let Some(partner) = pairs.partner(at) else { return false };
        let verbs = match (item.role, pairs.stored.items[partner].role) {
            (Role::Subject, Role::None) => verb_after(pairs.asked, at).zip(object_verb(pairs.stored, partner)),
            (Role::By, Role::None) => at.checked_sub(1).zip(object_verb(pairs.stored, partner)),
            (Role::None, Role::Subject) => object_verb(pairs.asked, at).zip(verb_after(pairs.stored, partner)),
            (Role::None, Role::By) => object_verb(pairs.asked, at).zip(partner.checked_sub(1)),
            _ => None,
        };
        verbs
            .is_some_and(|(left, right)| pairs.partner(left) == Some(right) && !pairs.asked.items[left].sense.is_mutual)
    })
}

/// `cats eat mice` and `mice eat cats`: a word whose neighbours changed places.
fn has_mirrored_verb(pairs: &Pairs<'_>) -> bool {
    (1..pairs.asked.items.len()).any(|verb| {
        let Some(partner) = pairs.partner(verb).filter(|partner| *partner > 0) else { return false };
        let other = pairs.partner_of_stored(partner - 1);
        let doer = pairs.partner(verb - 1);
        let turned = other.zip(doer).filter(|(other, doer)| *other > verb && *doer > partner);
        turned.is_some_and(|(other, doer)| tells_doers(pairs, [verb - 1, verb, other], [partner - 1, partner, doer]))
    })
}

/// Does it matter which of two words stands before a third?
fn tells_doers(pairs: &Pairs<'_>, asked: [usize; 3], stored: [usize; 3]) -> bool {
    let asked = asked.map(|at| &pairs.asked.items[at]);
    let stored = stored.map(|at| &pairs.stored.items[at]);
    let said = asked[0].weight != Weight::Empty && asked[2].weight != Weight::Empty;
    let agents = asked.iter().chain(&stored).filter(|item| item.role == Role::By).count();
    let passive = asked[1].is_past != stored[1].is_past || agents == 1;
    let symmetric = asked[1].sense.is_mutual || joins_equals(pairs.asked, (asked[0].at, asked[2].at));
    let is_sentence = |reading: &Reading, items: &[&Item; 3]| {
        is_close(reading, (items[0].at, items[1].at)) && is_complement(reading, (items[1].at, items[2].at))
    };
    said && !passive && !symmetric && is_sentence(pairs.asked, &asked) && is_sentence(pairs.stored, &stored)
}

/// The first word after this one that is no number.
fn verb_after(reading: &Reading, at: usize) -> Option<usize> {
    reading.items.iter().skip(at + 1).position(|item| !item.is_number).map(|after| at + 1 + after)
}

/// The word that this one follows without a preposition between.
fn object_verb(reading: &Reading, at: usize) -> Option<usize> {
    let verb = at.checked_sub(1)?;
    is_close(reading, (reading.items[verb].at, reading.items[at].at)).then_some(verb)
}

fn between(reading: &Reading, (from, to): (u16, u16)) -> &[Token] {
    reading.tokens.list.get(usize::from(from) + 1..usize::from(to)).unwrap_or_default()
}

fn function_of(token: &Token) -> Option<Function> {
    LEXICON.functions.get(&token.hash).copied()
}

/// May what stands at the end be what a verb at the start is about? `plot of Hamlet` is not,
/// `sat on the mat` is.
fn is_complement(reading: &Reading, range: (u16, u16)) -> bool {
    const LINKS: [u64; 6] = word_hashes(["of", "for", "if", "with", "without", "no"]);
    !between(reading, range).iter().any(|token| LINKS.contains(&token.hash))
}

/// Do only articles and auxiliaries stand between two places?
fn is_close(reading: &Reading, range: (u16, u16)) -> bool {
    const LINKS: [u64; 10] = word_hashes(["of", "in", "on", "at", "for", "with", "as", "about", "per", "if"]);
    let parts = |token: &Token| {
        LINKS.contains(&token.hash)
            || token.kind == Kind::Joint
            || matches!(function_of(token), Some(Function::Role(_)))
    };
    !between(reading, range).iter().any(parts)
}

/// Does a word that joins equals stand between two places?
fn joins_equals(reading: &Reading, range: (u16, u16)) -> bool {
    let joins = |token: &Token| {
        let joins = matches!(function_of(token), Some(Function::Symmetric | Function::And | Function::Or));
        token.kind == Kind::Joint || joins
    };
    between(reading, range).iter().any(joins)
}

/// Does a preposition that gives roles stand between two places?
fn has_relation(reading: &Reading, range: (u16, u16)) -> bool {
    between(reading, range).iter().any(|token| matches!(function_of(token), Some(Function::Role(_))))
}

fn is_from_to(left: Role, right: Role) -> bool {
    matches!((left, right), (Role::From, Role::To) | (Role::To, Role::From))
}
