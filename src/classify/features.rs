//! One pass over a prompt.
//!
//! The text is read in blocks of 64 bytes. Each block becomes a few bit masks by plain comparisons
//! that the compiler turns into vector instructions; counts are population counts, and words are
//! the runs of set bits, found without a branch per byte (a byte-wise state machine mispredicts at
//! nearly every word's end and costs twice as much). Fenced code is payload, not instruction: it is
//! skipped, and only the fences count.

use super::lexicon;
use super::lexicon::KINDS;
use super::lexicon::Kind;
use memchr::memchr;

/// Most bytes that are looked at: three quarters from the beginning and one from the end, where
/// instructions stand. What lies between counts for the size alone.
pub const TEXT_BYTES_MAX: usize = 32 * 1024;

const BLOCK: usize = 64;
/// Bits of the sketch that counts distinct words; enough for what [`TEXT_BYTES_MAX`] can hold.
const SKETCH_BITS: usize = 4096;
/// Longest word that its length can say something about, bytes.
const WORD_BYTES_MAX: usize = 64;

/// Most fences that are followed; behind them everything is payload. Text made of nothing but fences
/// would otherwise cost many times what prose costs.
const FENCES_MAX: u32 = 256;

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What the words of one prompt say. Counts and sizes are `ln(1 + n)`, shares lie in 0…1.
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct Features {
            $($(#[$doc])* pub $name: f32,)*
        }

        impl Features {
            /// Names in the order of [`Features::values`].
            pub const NAMES: [&'static str; 28] = [$(stringify!($name)),*];

            /// The numbers in a fixed order, as a trained head reads them.
            pub fn values(&self) -> [f32; 28] {
                [$(self.$name),*]
            }
        }
    };
}

features! {
    /// Size in characters.
    characters,
    /// Size in words.
    words,
    /// Size in lines.
    lines,
    /// Ends of sentences.
    sentence_ends,
    /// Mean length of a word, bytes.
    mean_word_length,
    /// Longest word, bytes.
    longest_word,
    /// Share of characters beyond ASCII.
    non_ascii_share,
    /// Share of upper-case ASCII letters.
    upper_share,
    /// Share of digits.
    digit_share,
    /// Share of ASCII punctuation.
    punctuation_share,
    /// Distinct words among all words.
    distinct_share,
    /// Fences (three backticks).
    code_fences,
    /// Words of programming.
    code_words,
    /// Mathematical symbols.
    maths_symbols,
    /// Words of mathematics.
    maths_words,
    /// Runs of digits.
    digit_runs,
    /// Verbs and nouns of reasoning.
    reasoning_words,
    /// Words of questions that one fact answers.
    simple_words,
    /// Words that constrain the answer.
    constraint_words,
    /// Negations.
    negations,
    /// Words of quantity, and percent signs.
    quantities,
    /// Question marks.
    question_marks,
    /// Words that ask for less text.
    summarise_words,
    /// Words that ask to pick or sort out.
    extract_words,
    /// Words that ask for invention.
    creative_words,
    /// Lettered options to choose from.
    choice_options,
    /// Words of law and medicine.
    expert_words,
    /// Numbered steps and words of sequence.
    step_markers,
}

impl Features {
    /// Changes with the features, their order and their word lists: a head trained for another schema
    /// must be refused.
    pub const SCHEMA_HASH: u64 = schema_hash();
}

const fn schema_hash() -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut index = 0;
    while index < Features::NAMES.len() {
        hash = fold(hash, Features::NAMES[index]);
        index += 1;
    }
    index = 0;
    while index < KINDS {
        hash = fold(hash, lexicon::LISTS[index].1);
        index += 1;
    }
    hash
}

/// FNV-1a over one text and a separator.
const fn fold(mut hash: u64, text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index <= bytes.len() {
        let byte = if index < bytes.len() { bytes[index] } else { 0 };
        hash = (hash ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
        index += 1;
    }
    hash
}

/// Reads `text` once.
pub fn features(text: &str) -> Features {
    let mut counts = Counts::new();
    if text.len() <= TEXT_BYTES_MAX {
        counts.read(text.as_bytes());
    } else {
        let head = text.floor_char_boundary(TEXT_BYTES_MAX / 4 * 3);
        let tail = text.ceil_char_boundary(text.len() - TEXT_BYTES_MAX / 4);
        counts.read(&text.as_bytes()[..head]);
        counts.read(&text.as_bytes()[tail..]);
        counts.unread = tail - head;
    }
    counts.finish()
}

struct Counts {
    bytes: usize,
    unread: usize,
    continuations: u32,
    lines: u32,
    sentence_ends: u32,
    words: u32,
    word_bytes: usize,
    longest_word: usize,
    non_ascii: u32,
    upper: u32,
    digits: u32,
    digit_runs: u32,
    punctuation: u32,
    maths_symbols: u32,
    question_marks: u32,
    percents: u32,
    fences: u32,
    options: u32,
    numbered: u32,
    contractions: u32,
    kinds: [u32; KINDS],
    sketch: [u64; SKETCH_BITS / 64],
}

impl Counts {
    fn new() -> Self {
        Counts {
            bytes: 0,
            unread: 0,
            continuations: 0,
            lines: 0,
            sentence_ends: 0,
            words: 0,
            word_bytes: 0,
            longest_word: 0,
            non_ascii: 0,
            upper: 0,
            digits: 0,
            digit_runs: 0,
            punctuation: 0,
            maths_symbols: 0,
            question_marks: 0,
            percents: 0,
            fences: 0,
            options: 0,
            numbered: 0,
            contractions: 0,
            kinds: [0; KINDS],
            sketch: [0; SKETCH_BITS / 64],
        }
    }

    /// Reads what stands outside of fences; a fence that is never closed hides the rest.
    fn read(&mut self, mut text: &[u8]) {
        let mut fenced = false;
        while let Some(fence) = find_fence(text) {
            if !fenced {
                self.read_prose(&text[..fence]);
            }
            self.fences += 1;
            if self.fences >= FENCES_MAX {
                return;
            }
            fenced = !fenced;
            let ticks = text[fence..].iter().take_while(|byte| **byte == b'`').count();
            text = &text[fence + ticks..];
        }
        if !fenced {
            self.read_prose(text);
        }
    }

    fn read_prose(&mut self, prose: &[u8]) {
        self.bytes += prose.len();
        let mut run = Run::default();
        let mut blocks = prose.chunks_exact(BLOCK);
        let mut base = 0;
        for block in &mut blocks {
            let block: &[u8; BLOCK] = block.try_into().expect("chunks have the size of a block");
            self.read_block(prose, base, block, &mut run);
            base += BLOCK;
        }
        let rest = blocks.remainder();
        // padded with spaces, so that a word at the very end is closed
        let mut last = [b' '; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        self.read_block(prose, base, &last, &mut run);
    }

    fn read_block(&mut self, prose: &[u8], base: usize, block: &[u8; BLOCK], run: &mut Run) {
        let masks = Masks::of(block);
        self.upper += count(block, |byte| byte.is_ascii_uppercase());
        let blank = count(block, |byte| (byte <= b' ') | (byte == 0x7f));
        self.punctuation += BLOCK as u32 - masks.word.count_ones() - blank;
        self.lines += count(block, |byte| byte == b'\n');
        self.maths_symbols += count(block, is_maths);
        self.question_marks += count(block, |byte| byte == b'?');
        self.percents += count(block, |byte| byte == b'%');
        self.digits += masks.digit.count_ones();
        self.digit_runs += (masks.digit & !((masks.digit << 1) | run.digit)).count_ones();
        if !block.is_ascii() {
            let continuations = count(block, |byte| byte & 0xc0 == 0x80);
            self.continuations += continuations;
            self.non_ascii += count(block, |byte| byte >= 0x80) - continuations;
            self.maths_symbols += count_operators(block);
        }
        let ended = (masks.end << 1) | run.end;
        self.sentence_ends += (ended & !masks.word & !masks.end).count_ones();
        let mut edges = masks.word ^ ((masks.word << 1) | run.word);
        while edges != 0 {
            let at = base + edges.trailing_zeros() as usize;
            edges &= edges - 1;
            match run.start.take() {
                None => run.start = Some(at),
                Some(start) => self.read_word(prose, start, at),
            }
        }
        *run = Run { word: masks.word >> 63, digit: masks.digit >> 63, end: masks.end >> 63, start: run.start };
    }

    fn read_word(&mut self, prose: &[u8], start: usize, end: usize) {
        let length = end - start;
        self.words += 1;
        self.word_bytes += length;
        self.longest_word = self.longest_word.max(length);
        let first = load(prose, start);
        let last = if length > 8 { load(prose, end - 8) } else { 0 };
        let hash = lexicon::hash(first, last, length);
        let bit = (hash >> 40) as usize % SKETCH_BITS;
        self.sketch[bit / 64] |= 1 << (bit % 64);
        let mut kinds = lexicon::kinds(hash);
        while kinds != 0 {
            self.kinds[kinds.trailing_zeros() as usize % KINDS] += 1;
            kinds &= kinds - 1;
        }
        if length <= 2 {
            self.read_short_word(prose, start, end);
        }
    }

    /// `B.` and `(B)` are options, `2.` and `2)` steps when they begin a line, and the `t` of `don't`
    /// is a negation.
    fn read_short_word(&mut self, prose: &[u8], start: usize, end: usize) {
        let before = if start == 0 { b'\n' } else { prose[start - 1] };
        let after = prose.get(end).copied().unwrap_or(b' ');
        if before == b'\'' && prose[start..end].eq_ignore_ascii_case(b"t") {
            self.contractions += 1;
        }
        let begins = before == b'\n' && matches!(after, b'.' | b')' | b':');
        let bracketed = before == b'(' && after == b')';
        if !begins && !bracketed {
            return;
        }
        if prose[start..end].iter().all(u8::is_ascii_digit) {
            self.numbered += u32::from(begins);
        } else if end - start == 1 && matches!(prose[start].to_ascii_uppercase(), b'A'..=b'J') {
            self.options += 1;
        }
    }

    fn finish(&self) -> Features {
        let characters = self.bytes as u32 - self.continuations;
        let words = self.words as f32;
        let share = |part: u32| part as f32 / characters.max(1) as f32;
        let kind = |kind: Kind| self.kinds[kind as usize];
        // what was not read is taken to be like what was
        let read = (self.bytes.max(1)) as f32;
        let grown = (read + self.unread as f32) / read;
        let size = |number: u32| (1.0 + number as f32 * grown).ln();
        Features {
            characters: size(characters),
            words: size(self.words),
            lines: size(self.lines),
            sentence_ends: size(self.sentence_ends),
            mean_word_length: if words > 0.0 { self.word_bytes as f32 / words } else { 0.0 },
            longest_word: self.longest_word.min(WORD_BYTES_MAX) as f32,
            non_ascii_share: share(self.non_ascii),
            upper_share: share(self.upper),
            digit_share: share(self.digits),
            punctuation_share: share(self.punctuation),
            distinct_share: if words > 0.0 { (self.distinct_words() / words).min(1.0) } else { 0.0 },
            code_fences: log(self.fences),
            code_words: log(kind(Kind::Code)),
            maths_symbols: log(self.maths_symbols),
            maths_words: log(kind(Kind::Maths)),
            digit_runs: log(self.digit_runs),
            reasoning_words: log(kind(Kind::Reasoning)),
            simple_words: log(kind(Kind::SimpleQuestion)),
            constraint_words: log(kind(Kind::Constraint)),
            negations: log(kind(Kind::Negation) + self.contractions),
            quantities: log(kind(Kind::Quantity) + self.percents),
            question_marks: log(self.question_marks),
            summarise_words: log(kind(Kind::Summarise)),
            extract_words: log(kind(Kind::Extract)),
            creative_words: log(kind(Kind::Creative)),
            choice_options: log(self.options),
            expert_words: log(kind(Kind::Expert)),
            step_markers: log(kind(Kind::Step) + self.numbered),
        }
    }

    /// Linear counting: the share of bits that no word has set tells how many words there were.
    fn distinct_words(&self) -> f32 {
        let set: u32 = self.sketch.iter().map(|bits| bits.count_ones()).sum();
        let free = (SKETCH_BITS as u32 - set).max(1);
        SKETCH_BITS as f32 * (SKETCH_BITS as f32 / free as f32).ln()
    }
}

fn log(number: u32) -> f32 {
    // whole numbers lose nothing in `1 + n`, and `ln` is several times faster than `ln_1p`
    (1.0 + number as f32).ln()
}

/// What crosses from one block into the next.
#[derive(Default)]
struct Run {
    word: u64,
    digit: u64,
    end: u64,
    start: Option<usize>,
}

/// One bit per byte of a block.
struct Masks {
    /// Letters, digits, and everything beyond ASCII.
    word: u64,
    digit: u64,
    /// What may end a sentence.
    end: u64,
}

impl Masks {
    #[inline(always)]
    fn of(block: &[u8; BLOCK]) -> Self {
        Masks {
            word: pack(block, |byte| {
                ((byte | 0x20).wrapping_sub(b'a') < 26) | byte.is_ascii_digit() | !byte.is_ascii()
            }),
            digit: pack(block, |byte| byte.is_ascii_digit()),
            end: pack(block, |byte| (byte == b'.') | (byte == b'!') | (byte == b'?')),
        }
    }
}

/// ASCII that formulas are made of; `-` and `/` stand in too much prose.
#[inline(always)]
fn is_maths(byte: u8) -> bool {
    (byte == b'=')
        | (byte == b'+')
        | (byte == b'*')
        | (byte == b'^')
        | (byte == b'<')
        | (byte == b'>')
        | (byte == b'\\')
        | (byte == b'$')
}

#[inline(always)]
fn count(block: &[u8; BLOCK], what: impl Fn(u8) -> bool) -> u32 {
    block.iter().map(|byte| u8::from(what(*byte))).sum::<u8>().into()
}

/// Eight bytes of 0 or 1 become eight bits by one multiplication that moves each to its own place.
#[inline(always)]
fn pack(block: &[u8; BLOCK], what: impl Fn(u8) -> bool) -> u64 {
    let mut flags = [0; BLOCK];
    for (flag, byte) in flags.iter_mut().zip(block) {
        *flag = u8::from(what(*byte));
    }
    let mut mask = 0;
    for (index, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask |= bits << (8 * index);
    }
    mask
}

/// The mathematical operators of Unicode, U+2200 to U+22FF, whose UTF-8 begins with E2 88 to E2 8B.
fn count_operators(block: &[u8; BLOCK]) -> u32 {
    block.windows(2).filter(|pair| pair[0] == 0xe2 && (0x88..=0x8b).contains(&pair[1])).count() as u32
}

fn find_fence(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = memchr(b'`', &text[from..]) {
        let at = from + found;
        if text[at..].starts_with(b"```") {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// Eight bytes from `at`, zero beyond the end of the text.
#[inline(always)]
fn load(text: &[u8], at: usize) -> u64 {
    match text[at..].first_chunk::<8>() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => {
            let mut eight = [0; 8];
            eight[..text.len() - at].copy_from_slice(&text[at..]);
            u64::from_le_bytes(eight)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    /// The number behind a `ln(1 + n)`.
    fn number(log: f32) -> u32 {
        (log.exp() - 1.0).round() as u32
    }

    #[test]
    fn sizes_and_shares_are_counted() {
        let text = "Ärger: B2 has 17 parts.\nSo what? It's 3.5 % – e.g. FINE!";
        let features = features(text);
        assert_eq!(number(features.characters), text.chars().count() as u32);
        assert_eq!(number(features.lines), 1);
        assert_eq!(number(features.sentence_ends), 4, "every mark but the dot in 3.5 and the first of e.g.");
        assert_eq!(number(features.digit_runs), 4);
        assert_eq!(number(features.question_marks), 1);
        assert_eq!(number(features.quantities), 1, "the percent sign");
        let characters = text.chars().count() as f32;
        assert_eq!(features.non_ascii_share, 2.0 / characters);
        assert_eq!(features.upper_share, 7.0 / characters);
        assert_eq!(features.digit_share, 5.0 / characters);
    }

    #[test]
    fn kinds_of_words_are_counted_whatever_their_case() {
        let features = features("PROVE and derive; don't Summarise the SQL query. If not, list THREE theorems' proof.");
        assert_eq!(number(features.reasoning_words), 2);
        assert_eq!(number(features.negations), 2, "don't, not");
        assert_eq!(number(features.summarise_words), 1);
        assert_eq!(number(features.code_words), 3, "SQL, query, list");
        assert_eq!(number(features.maths_words), 1, "proof");
        assert_eq!(number(features.quantities), 1, "three");
    }

    #[test]
    fn options_and_steps_stand_where_lines_begin() {
        let features =
            features("Choose:\nA. one way\nB) two ways\n(C) none\nD is no option\n1. begin\n2) go on\nin 3. place");
        assert_eq!(number(features.choice_options), 3);
        assert_eq!(number(features.step_markers), 3, "1. and begin, 2)");
    }

    #[test]
    fn fenced_code_is_not_prose() {
        let prose = "Why does this panic?\n";
        let fenced = format!("{prose}```rust\nfn main() {{ prove(); integral + 3 = 4; }}\n```\nThanks.");
        let features = features(&fenced);
        assert_eq!(number(features.code_fences), 2);
        assert_eq!(number(features.maths_symbols), 0);
        assert_eq!(number(features.words), 5);
        assert_eq!(number(features.reasoning_words), 1, "why");
        let open = super::features("Look: ```` a ` b `` c");
        assert_eq!((number(open.code_fences), number(open.words)), (1, 1));
    }

    #[test]
    fn endless_fences_are_followed_only_so_far() {
        let features = features(&"```a".repeat(2_000));
        assert_eq!(number(features.code_fences), FENCES_MAX);
        assert_eq!(number(features.words), FENCES_MAX / 2 - 1);
    }

    #[test]
    fn maths_is_seen_in_both_alphabets() {
        assert_eq!(number(features("x^2 + y = 3, ∑ a ≤ ∞, Ωβ").maths_symbols), 6);
        let across = format!("{}∑", "a".repeat(63));
        assert!(
            number(features(&across).maths_symbols) <= 1,
            "an operator across two blocks may be missed, not doubled"
        );
    }

    #[test]
    fn distinct_words_are_estimated_closely() {
        let same = "again ".repeat(400);
        assert!(features(&same).distinct_share < 0.01);
        let all: String = (0..400).map(|number| format!("w{number} ")).collect();
        assert!(features(&all).distinct_share > 0.9);
    }

    #[test]
    fn nothing_is_nothing() {
        assert!(features("").values().iter().all(|value| *value == 0.0));
    }

    #[test]
    fn words_are_whole_wherever_blocks_part() {
        for shift in 0..70 {
            let features = features(&format!("{}hypothesize, 12345 ok", " ".repeat(shift)));
            assert_eq!(number(features.words), 3, "shift {shift}");
            assert_eq!(number(features.reasoning_words), 1, "shift {shift}");
            assert_eq!(number(features.digit_runs), 1, "shift {shift}");
            assert_eq!(features.longest_word, 11.0, "shift {shift}");
        }
    }

    #[test]
    fn huge_texts_are_read_at_both_ends_and_sized_whole() {
        let filler = "lorem ipsum dolor sit amet, ".repeat(20_000);
        let features = features(&format!("Prove it. {filler} Why?"));
        assert_eq!(number(features.reasoning_words), 2);
        let expected = (filler.len() as f32).ln();
        assert!((features.characters - expected).abs() < 0.02, "{} {expected}", features.characters);
        let wide = "é".repeat(TEXT_BYTES_MAX);
        assert!(super::features(&wide).non_ascii_share > 0.99);
    }

    #[test]
    fn names_are_distinct_and_the_schema_has_a_hash() {
        assert_eq!(Features::NAMES.iter().collect::<HashSet<_>>().len(), 28);
        assert_ne!(Features::SCHEMA_HASH, 0);
        assert_ne!(fold(fold(1, "ab"), "c"), fold(fold(1, "a"), "bc"));
    }

    /// The same counts, byte by byte and without any cleverness.
    fn slowly(text: &str) -> (u32, u32, u32, u32) {
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
        let words = text.as_bytes().split(|byte| !word(byte)).filter(|run| !run.is_empty()).count();
        let runs = text.as_bytes().split(|byte| !byte.is_ascii_digit()).filter(|run| !run.is_empty()).count();
        let punctuation = text.bytes().filter(u8::is_ascii_punctuation).count();
        (words as u32, runs as u32, punctuation as u32, text.chars().count() as u32)
    }

    proptest! {
        #[test]
        fn blocks_count_what_a_plain_loop_counts(text in "([a-zA-Z0-9 .,!?'=é漢\n-]|the|prove){0,300}") {
            let features = features(&text);
            let (words, runs, punctuation, characters) = slowly(&text);
            prop_assert_eq!(number(features.words), words);
            prop_assert_eq!(number(features.digit_runs), runs);
            prop_assert_eq!(number(features.characters), characters);
            let counted = (features.punctuation_share * characters as f32).round() as u32;
            prop_assert_eq!(counted, punctuation);
        }

        #[test]
        fn any_text_gives_finite_numbers(text in any::<String>()) {
            prop_assert!(features(&text).values().iter().all(|value| value.is_finite() && *value >= 0.0));
        }
    }
}
