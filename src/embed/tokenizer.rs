//! Text to the model's token ids, and the texts that must not get a vector.
//!
//! Every guard here exists because without it two different texts would share a vector, or one text
//! would take a second of CPU.

use super::NoVector;
use super::Tokens;
use super::text_bytes_max;
use tokenizers::Tokenizer;

/// The marks that the model puts around every text.
const MARKS: usize = 2;

/// The model's tokenizer with this project's guards.
pub struct WordPiece {
    tokenizer: Tokenizer,
    unknown: u32,
    tokens_max: usize,
}

impl WordPiece {
    /// Reads `tokenizer.json`. Texts of more than `tokens_max` tokens, marks included, are refused.
    ///
    /// # Errors
    /// One sentence when the file is not such a tokenizer.
    pub fn read(json: &[u8], tokens_max: usize) -> Result<WordPiece, String> {
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(|error| format!("cannot be read: {error}"))?;
        // Padded to 128 tokens, as its original authors ship it, every prompt would cost as much as a long one.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| format!("cannot be used: {error}"))?;
        // Otherwise "[SEP]" typed by a user would be the mark itself.
        tokenizer.set_encode_special_tokens(true);
        let unknown = tokenizer.token_to_id("[UNK]").ok_or("has no [UNK] token")?;
        Ok(WordPiece { tokenizer, unknown, tokens_max })
    }

    /// Reads `text`.
    ///
    /// # Errors
    /// Says why there can be no vector for it.
    pub fn tokens(&self, text: &str) -> Result<Tokens, NoVector> {
        // Before tokenising, which takes more than a second for a megabyte.
        if text.len() > text_bytes_max(self.tokens_max) {
            return Err(NoVector::TooLong);
        }
        let encoding = self.tokenizer.encode_fast(text, true).map_err(|_| NoVector::Failed)?;
        let ids = encoding.get_ids();
        if ids.len() <= MARKS {
            return Err(NoVector::Empty);
        }
        if ids.len() > self.tokens_max {
            return Err(NoVector::TooLong);
        }
        if ids.contains(&self.unknown) {
            return Err(NoVector::UnknownToken);
        }
        Ok(Tokens::new(ids.iter().copied().map(i64::from).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;

    static SHIPPED: LazyLock<WordPiece> = LazyLock::new(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/tokenizer.json");
        WordPiece::read(&std::fs::read(path).expect("models/ is part of the repository"), 128).expect("readable")
    });

    fn ids(text: &str) -> Result<Vec<i64>, NoVector> {
        SHIPPED.tokens(text).map(|tokens| tokens.ids().to_vec())
    }

    #[test]
    fn a_short_text_is_not_padded() {
        assert_eq!(ids("hi"), Ok(vec![101, 7632, 102]));
    }

    #[test]
    fn what_the_model_has_no_word_for_is_refused() {
        assert_eq!(SHIPPED.unknown, 100);
        for text in ["translate 🔥", "translate 👽", "綾瀬はるかの年齢 鱻", &"x".repeat(101)] {
            assert_eq!(ids(text), Err(NoVector::UnknownToken), "{text}");
        }
        assert!(ids(&"x".repeat(100)).is_ok());
    }

    #[test]
    fn marks_typed_by_a_user_are_plain_text() {
        for mark in ["[PAD]", "[SEP]", "[CLS]", "[MASK]", "[UNK]"] {
            let ids = ids(&format!("a {mark} b")).expect("plain text");
            assert!(ids[1..ids.len() - 1].iter().all(|id| ![0, 100, 101, 102, 103].contains(id)), "{mark}: {ids:?}");
        }
        assert_eq!(ids(&"[PAD]".repeat(60)), Err(NoVector::TooLong));
    }

    #[test]
    fn nothing_is_refused_as_empty() {
        for text in ["", " \t\r\n", "\u{200b}\u{feff}", "\0", "\u{300}"] {
            assert_eq!(ids(text), Err(NoVector::Empty), "{text:?}");
        }
    }

    #[test]
    fn a_nul_or_another_direction_is_no_obstacle() {
        assert_eq!(ids("a\0b"), ids("ab"));
        assert!(ids("שלום עולם").expect("Hebrew letters are known").len() > 4);
        assert_eq!(ids("\u{202e}hello\u{202c}"), ids("hello"));
    }

    #[test]
    fn length_is_bounded_before_and_after_tokenising() {
        assert!(ids(&"a ".repeat(126)).is_ok());
        assert_eq!(ids(&"a ".repeat(127)), Err(NoVector::TooLong));
        assert_eq!(ids(&"a".repeat(text_bytes_max(128) + 1)), Err(NoVector::TooLong));
        let spaces = format!("{}hi", " ".repeat(text_bytes_max(128) - 2));
        assert_eq!(ids(&spaces), ids("hi"));
    }

    #[test]
    fn another_file_is_a_sentence() {
        assert!(WordPiece::read(b"", 128).is_err());
        assert!(WordPiece::read(b"{\"model\": 1}", 128).is_err());
    }
}
