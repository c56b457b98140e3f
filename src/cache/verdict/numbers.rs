//! Numbers in one spelling: `1,000`, `a thousand` and `1k` are one number, `3.1` and `3.10` are two.

use super::stem::word_hash;

/// A number in canonical spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number {
    /// Hash of its decimal digits.
    pub(super) value: u64,
    /// `third`, `3rd`.
    pub(super) is_ordinal: bool,
}

/// Adds up a run of number words; each step says whether the word still belongs to the number.
#[derive(Debug, Default)]
pub(super) struct Sum {
    total: f64,
    current: f64,
    /// Digits as written, until a scale multiplies them.
    written: Option<u64>,
    begun: bool,
    scaled: bool,
}

impl Sum {
    /// Digits: only at the beginning.
    pub(super) fn digits(&mut self, text: &str) -> bool {
        if self.begun {
            return false;
        }
        self.begun = true;
        self.written = Some(digits_hash(text));
        self.current = text.replace(',', "").parse().unwrap_or(f64::NAN);
        true
    }

    /// `twenty`, `one`: joins tens before it or a scale before it.
    pub(super) fn word(&mut self, value: f64) -> bool {
        let tens = self.current % 100.0;
        let after_tens = value < 10.0 && tens >= 20.0 && tens % 10.0 == 0.0;
        let after_scale = self.scaled && value < 100.0 && tens == 0.0;
        let joins = !self.begun || (self.written.is_none() && (after_tens || after_scale));
        if joins {
            self.begun = true;
            self.current += value;
        }
        joins
    }

    /// `hundred`, `million`.
    pub(super) fn scale(&mut self, value: f64) {
        self.written = None;
        self.current = if self.begun { self.current } else { 1.0 };
        self.begun = true;
        self.scaled = true;
        if value < 1000.0 {
            self.current *= value;
        } else {
            self.total += self.current * value;
            self.current = 0.0;
        }
    }

    /// May an `and` follow (`two hundred and five`)?
    pub(super) fn takes_and(&self) -> bool {
        self.scaled
    }

    /// The number's hash.
    pub(super) fn hash(&self) -> u64 {
        let value = self.total + self.current;
        match self.written {
            Some(hash) => hash,
            None if value.fract() == 0.0 && value < 1e15 => whole_hash(value as u64),
            None => value.to_bits(),
        }
    }
}

/// The hash of a whole number.
pub(super) fn whole_hash(value: u64) -> u64 {
    word_hash(itoa::Buffer::new().format(value))
}

/// The value of a Roman numeral that is no English word: `ii` to `xxiii`.
pub(super) fn roman_value(letters: &str) -> Option<u64> {
    const FROM_TWO: [&str; 22] = [
        "ii", "iii", "iv", "", "vi", "vii", "viii", "ix", "", "xi", "xii", "xiii", "xiv", "xv", "xvi", "xvii", "xviii",
        "xix", "xx", "xxi", "xxii", "xxiii",
    ];
    let at = FROM_TWO.iter().position(|numeral| *numeral == letters)?;
    (!letters.is_empty()).then_some(at as u64 + 2)
}

/// Digits without separators and leading zeros.
fn digits_hash(text: &str) -> u64 {
    if text.contains(',') {
        return digits_hash(&text.replace(',', ""));
    }
    let trimmed = text.trim_start_matches('0');
    word_hash(if trimmed.starts_with(|first: char| first.is_ascii_digit()) { trimmed } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_add_up() {
        let mut sum = Sum::default();
        assert!(sum.word(2.0));
        sum.scale(1000.0);
        assert!(sum.word(3.0));
        sum.scale(100.0);
        assert!(sum.word(20.0) && sum.word(1.0) && !sum.word(4.0));
        assert_eq!(sum.hash(), whole_hash(2321));
    }

    #[test]
    fn digits_keep_their_places() {
        let hash = |text: &str| {
            let mut sum = Sum::default();
            assert!(sum.digits(text));
            sum.hash()
        };
        assert_eq!(hash("1,000"), whole_hash(1000));
        assert_eq!(hash("007"), whole_hash(7));
        assert_ne!(hash("3.1"), hash("3.10"));
        assert_ne!(hash("0.5"), hash("5"));
        assert_eq!(hash("0"), whole_hash(0));
    }

    #[test]
    fn roman_numerals() {
        assert_eq!((roman_value("iv"), roman_value("xiv"), roman_value("xx")), (Some(4), Some(14), Some(20)));
        assert_eq!((roman_value("v"), roman_value("mix"), roman_value("")), (None, None, None));
    }
}
