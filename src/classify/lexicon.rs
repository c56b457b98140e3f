//! The words that say what kind of work a request is, in a table built at compile time.
//!
//! The lists are general English (and a little markup); none was made from, or fitted to, any set of
//! prompts. A word may stand in several lists. Words are compared by a 64-bit hash of their
//! lower-case bytes, so a look-up is one multiplication and, for most words, one empty slot.

/// What a word says; the discriminants are bits of a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Code,
    Maths,
    Reasoning,
    SimpleQuestion,
    Constraint,
    Negation,
    Quantity,
    Summarise,
    Extract,
    Creative,
    Expert,
    Step,
}

/// Number of kinds.
pub(super) const KINDS: usize = 12;

/// Every list; a change of any word changes the schema hash.
pub(super) const LISTS: [(Kind, &str); KINDS] = [
    (
        Kind::Code,
        "algorithm api array async backend boolean bug bytes cache class client code compile compiler const \
         constructor css database debug def docker elif endpoint enum exception fn frontend func function functions \
         git golang graphql html http implement implementation import int integer interface java javascript json \
         kotlin kubernetes lambda linux list loop method mutex mysql namespace null object parse parser php pointer \
         postgres python query react recursion recursive refactor regex repository return rust schema script sdk \
         server snippet sql stack stacktrace str string struct subprocess swift syntax testcase thread tuple \
         typescript unittest variable void yaml",
    ),
    (
        Kind::Maths,
        "absolute acceleration algebra angle arithmetic asymptotic axis binomial calculus circle circumference \
         coefficient combinatorics complex congruent converge convergence convex coordinates cosine cube cubic \
         denominator derivative determinant diameter differential digits dimension divided divisible divisor \
         eigenvalue equation equations equilibrium exponent exponential expression factor factorial finite formula \
         fraction frac geometric geometry gradient graph hypotenuse inequality infinite integers integral interest \
         inverse kinetic linear log logarithm matrix maximum mean median minimum modulo momentum multiple \
         multiplied multiply numerator orthogonal parabola parallel perimeter perpendicular polygon polynomial \
         positive prime probability product proof quadratic quotient radius random ratio rational remainder \
         root roots sequence series sine slope sqrt square statistic statistics subset sum symmetric tangent \
         theorem triangle unit variance vector velocity vertices volume",
    ),
    (
        Kind::Reasoning,
        "analyse analyze analysis argue argument assess assume assuming calculate compare comparison compute \
         conclude conclusion consider contrast critically critique debug deduce deduction demonstrate derive \
         design determine diagnose discuss effect estimate evaluate evaluation evidence examine explain \
         explanation figure hypothesis hypothesise hypothesize implications imply implies infer inference \
         interpret investigate justify logic logical minimise minimize maximise maximize optimal optimise \
         optimize plan predict prove rationale reason reasoning refute relationship show simplify solve solution \
         strategy strategies suppose synthesise synthesize tradeoff tradeoffs troubleshoot verify why",
    ),
    (
        Kind::SimpleQuestion,
        "who whom whose when where capital name names define definition meaning spell translate synonym hello hi hey \
         thanks thank convert weather birthday born located",
    ),
    (
        Kind::Constraint,
        "according all always any at avoid between bound bounded constraint constraints each ensure every exactly \
         except exclude excluding exclusively follow following format given guarantee include including least \
         limit limited maximum minimum most must only provided require required requirement requirements \
         respectively restrict satisfies satisfy satisfying shall should strictly subject such unique unless \
         without",
    ),
    (Kind::Negation, "cannot incorrect neither never no nobody none nor not nothing nowhere false unlike without"),
    (
        Kind::Quantity,
        "amount amounts average billion cents cm cost days decrease degrees difference dollars double dozen each eight \
         eighth equal euros feet fewer fifth fifty first five four fourth grams half hour hours hundred increase \
         inches kg km less liters litres many meters metres mg miles million minute minutes ml mm month months more \
         much nine number numbers per percent percentage pounds price quarter rate ratio second seconds seven six \
         sum ten third thirty thousand three times total triple twelve twenty twice two units weeks worth years",
    ),
    (
        Kind::Summarise,
        "abstract brief briefly condense gist headline highlights outline overview paraphrase recap rephrase \
         rewrite shorten simplify summarise summarize summarizing summary synopsis takeaways title tldr",
    ),
    (
        Kind::Extract,
        "annotate categories categorise categorize category classification classify classified detect entities \
         entity extract find identify keyword keywords label labels list mentioned passage retrieve select \
         sentiment span tag tags topic which",
    ),
    (
        Kind::Creative,
        "blog brainstorm character compose creative dialogue draft essay fiction funny humorous imagine invent joke \
         lyrics narrative novel pitch poem poetry rhyme roleplay scene script slogan song story tagline tweet \
         write",
    ),
    (
        Kind::Expert,
        "acute antibody appeal arbitration attorney breach cancer cell chronic clause clinical compliance contract \
         copyright court criminal defendant diagnosis diagnostic disease disorder dosage dose drug evidence \
         federal gene genetic hypertension infection infringement jurisdiction jury law lawsuit legal legislation \
         lesion liability liable litigation medical medication medicine molecule mutation negligence pathology \
         patent patient patients pharmacology plaintiff protein regulation renal statute statutory surgery \
         syndrome symptom symptoms tax therapy tissue tort treatment treaty tumor tumour vaccine",
    ),
    (
        Kind::Step,
        "afterwards begin finally first firstly fourth initially iteratively last lastly next phase previous \
         procedure second secondly stage stages step steps subsequently then third thirdly until while",
    ),
];

const SLOTS: usize = 2048;
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
const LOWER: u64 = 0x2020_2020_2020_2020;

struct Table {
    /// Hashes; zero marks a free slot.
    hashes: [u64; SLOTS],
    masks: [u16; SLOTS],
}

static TABLE: Table = build();

/// The hash of a word given by its first eight bytes (zero-padded), its last eight when it is longer,
/// and its length. Case is folded by setting the bit that tells the cases of ASCII letters apart.
#[inline(always)]
pub(super) const fn hash(first: u64, last: u64, length: usize) -> u64 {
    // the padding must not be folded, or "a" and "a " would be alike
    let folded = (first | LOWER) & mask(length);
    let mixed = (folded ^ (last | LOWER).rotate_left(29) ^ length as u64).wrapping_mul(MULTIPLIER);
    mixed ^ (mixed >> 32)
}

/// The bytes of a word that lie in its first eight.
#[inline(always)]
pub(super) const fn mask(length: usize) -> u64 {
    if length >= 8 { u64::MAX } else { (1 << (8 * length)) - 1 }
}

/// A bit per [`Kind`] whose list holds the word.
#[inline(always)]
pub(super) fn kinds(hash: u64) -> u16 {
    let mut slot = slot(hash);
    loop {
        let known = TABLE.hashes[slot];
        if known == hash {
            return TABLE.masks[slot];
        }
        if known == 0 {
            return 0;
        }
        slot = (slot + 1) % SLOTS;
    }
}

#[inline(always)]
const fn slot(hash: u64) -> usize {
    hash as usize % SLOTS
}

const fn build() -> Table {
    let mut table = Table { hashes: [0; SLOTS], masks: [0; SLOTS] };
    let mut list = 0;
    while list < KINDS {
        let (kind, words) = LISTS[list];
        let bytes = words.as_bytes();
        let mut start = 0;
        let mut at = 0;
        while at <= bytes.len() {
            if at == bytes.len() || bytes[at] == b' ' {
                if at > start {
                    insert(&mut table, hash_of(bytes, start, at), 1 << kind as u16);
                }
                start = at + 1;
            }
            at += 1;
        }
        list += 1;
    }
    table
}

const fn insert(table: &mut Table, hash: u64, mask: u16) {
    assert!(hash != 0, "zero marks a free slot");
    let mut place = slot(hash);
    while table.hashes[place] != 0 && table.hashes[place] != hash {
        place = (place + 1) % SLOTS;
    }
    table.hashes[place] = hash;
    table.masks[place] |= mask;
}

const fn hash_of(bytes: &[u8], start: usize, end: usize) -> u64 {
    let length = end - start;
    let first = load(bytes, start, if length < 8 { end } else { start + 8 });
    let last = if length > 8 { load(bytes, end - 8, end) } else { 0 };
    hash(first, last, length)
}

const fn load(bytes: &[u8], start: usize, end: usize) -> u64 {
    let mut value = 0;
    let mut at = start;
    while at < end {
        value |= (bytes[at] as u64) << (8 * (at - start));
        at += 1;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn of(word: &str) -> u16 {
        kinds(hash_of(word.as_bytes(), 0, word.len()))
    }

    #[test]
    fn every_word_is_found_in_all_its_lists_and_no_other() {
        let mut expected: HashMap<&str, u16> = HashMap::new();
        for (kind, words) in LISTS {
            for word in words.split_whitespace() {
                *expected.entry(word).or_default() |= 1 << kind as u16;
            }
        }
        assert!(expected.len() * 3 < SLOTS, "{} words crowd the table", expected.len());
        for (word, mask) in expected {
            assert_eq!(of(word), mask, "{word}");
            assert_eq!(of(&word.to_uppercase()), mask, "{word} in upper case");
        }
    }

    #[test]
    fn lists_stand_in_the_order_of_their_kinds() {
        for (index, (kind, words)) in LISTS.iter().enumerate() {
            assert_eq!(*kind as usize, index);
            assert!(words.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b' '), "{kind:?}");
        }
    }

    #[test]
    fn what_only_resembles_a_word_is_not_it() {
        for word in ["prov", "proves1", "sums", "intege", "implementations", "a", "", "xyzzy"] {
            assert_eq!(of(word), 0, "{word}");
        }
    }
}
