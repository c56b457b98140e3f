//! An embedder without a model: hashed words and character triples.
//!
//! For tests and the simulation, which need vectors that are the same on every machine and close for
//! texts that share most of their letters. It knows nothing of meaning: never a cache key in earnest.

use super::Broken;
use super::DIMENSIONS;
use super::Embedder;
use super::NoVector;
use super::Tokens;
use super::Vector;
use super::text_bytes_max;
use super::unit;

/// A word as a whole says more than one of its triples.
const WORD_WEIGHT: f32 = 2.0;
/// Marks a hash that stands for a word in its lowest bit.
const WORD_BIT: u64 = 1;

/// See the module's header.
#[derive(Clone, Debug)]
pub struct HashedEmbedder {
    tokens_max: usize,
}

impl HashedEmbedder {
    /// Refuses texts of more than `tokens_max` words.
    pub fn new(tokens_max: usize) -> HashedEmbedder {
        HashedEmbedder { tokens_max }
    }
}

impl Embedder for HashedEmbedder {
    fn tokens(&mut self, text: &str) -> Result<Tokens, NoVector> {
        if text.len() > text_bytes_max(self.tokens_max) {
            return Err(NoVector::TooLong);
        }
        let lower = text.to_lowercase();
        let words = || lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        if words().count() > self.tokens_max {
            return Err(NoVector::TooLong);
        }
        let ids: Vec<i64> = words().flat_map(features).map(u64::cast_signed).collect();
        if ids.is_empty() { Err(NoVector::Empty) } else { Ok(Tokens::new(ids)) }
    }

    fn vectors(&mut self, batch: &[Tokens], out: &mut Vec<Vector>) -> Result<(), Broken> {
        for tokens in batch {
            let mut sums = vec![0.0f32; DIMENSIONS];
            for id in tokens.ids() {
                let hash = id.cast_unsigned();
                let weight = if hash & WORD_BIT == WORD_BIT { WORD_WEIGHT } else { 1.0 };
                let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
                sums[(hash >> 1) as usize % DIMENSIONS] += sign * weight;
            }
            // Opposite features can cancel each other out; some direction is better than none here.
            let vector = unit(sums).or_else(|| unit(vec![1.0; DIMENSIONS]));
            out.push(vector.expect("a vector of ones has a direction"));
        }
        Ok(())
    }
}

/// The word's hash and those of its triples, with its ends marked.
fn features(word: &str) -> Vec<u64> {
    let marked: Vec<char> = ['^'].into_iter().chain(word.chars()).chain(['$']).collect();
    let triples = marked.windows(3).map(|triple| hash(triple) & !WORD_BIT);
    [hash(&marked) | WORD_BIT].into_iter().chain(triples).collect()
}

/// FNV-1a with a final mix: the standard library's hasher is not promised to stay the same.
fn hash(characters: &[char]) -> u64 {
    let folded = characters
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &c| (hash ^ u64::from(u32::from(c))).wrapping_mul(0x0100_0000_01b3));
    let mixed = (folded ^ (folded >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::vector_dot;

    fn vector(text: &str) -> Vector {
        let mut embedder = HashedEmbedder::new(128);
        let tokens = embedder.tokens(text).expect("plain text");
        let mut out = Vec::new();
        embedder.vectors(&[tokens], &mut out).expect("cannot break");
        out.remove(0)
    }

    #[test]
    fn similar_texts_are_near_and_others_far() {
        let question = vector("How do I reset my password?");
        assert!((vector_dot(&question, &question) - 1.0).abs() < 1e-5);
        assert!(vector_dot(&question, &vector("how do i RESET my  password")) > 0.9999);
        assert!(vector_dot(&question, &vector("How can I reset my password?")) > 0.7);
        assert!(vector_dot(&question, &vector("The weather in Lisbon is lovely in May")) < 0.3);
    }

    #[test]
    fn the_vector_never_changes() {
        let vector = vector("hello");
        let set: Vec<usize> = (0..DIMENSIONS).filter(|&i| vector[i] != 0.0).collect();
        assert_eq!(set, [59, 80, 164, 166, 225, 270]);
    }

    #[test]
    fn bounds_hold() {
        let mut embedder = HashedEmbedder::new(4);
        assert_eq!(embedder.tokens(" \u{200b}?!"), Err(NoVector::Empty));
        assert_eq!(embedder.tokens("a b c d e"), Err(NoVector::TooLong));
        assert_eq!(embedder.tokens(&"a".repeat(1 << 20)), Err(NoVector::TooLong));
        assert!(embedder.tokens("a b c d").is_ok());
    }
}
