//! Text to tokens: words, numbers, literals.
//!
//! What must be compared to the letter (addresses, identifiers, symbols) is kept whole; contractions
//! are spelt out, so that `don't` and `do not` are read alike.

use super::stem::word_hash;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    /// Digits; letters that stand on them are a token of their own.
    Number,
    /// URL, e-mail address, path: compared whole.
    Literal,
    /// A currency, percent or operator sign.
    Symbol,
    /// A comma, a stroke: joins equals.
    Joint,
}

/// A piece of text; its lower-case spelling lies in [`Tokens`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Hash of the lower-case spelling.
    pub(super) hash: u64,
    start: u32,
    end: u32,
    /// Opens a sentence.
    pub(super) is_first: bool,
    /// Capital first letter, and not because a sentence begins.
    pub(super) is_name: bool,
    /// All capitals, two letters or more.
    pub(super) is_shouted: bool,
    pub(super) is_quoted: bool,
    /// `21st`.
    pub(super) is_ordinal: bool,
}

/// The tokens of a text.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    lower: String,
    pub(super) list: Vec<Token>,
    /// Most words begin with a capital: capitals say nothing.
    pub(super) is_title: bool,
    /// Most words are all capitals.
    pub(super) is_shouting: bool,
    /// Hashes of the quoted passages, sorted.
    pub(super) quotes: Vec<u64>,
}

impl Tokens {
    /// Splits `text`.
    pub(super) fn of(text: &str) -> Self {
        let chars: Vec<char> = text.chars().map(plain).collect();
        let mut scanner = Scanner { chars: &chars, at: 0, out: Tokens::default(), opens: true, quote_end: 0 };
        scanner.out.lower.reserve(text.len() + 8);
        scanner.run();
        let mut tokens = scanner.out;
        tokens.judge_capitals();
        tokens.quotes.sort_unstable();
        tokens
    }

    /// The lower-case spelling.
    pub(super) fn text(&self, token: Token) -> &str {
        &self.lower[token.start as usize..token.end as usize]
    }

    fn judge_capitals(&mut self) {
        let long = |token: &&Token| token.kind == Kind::Word && !token.is_first && token.end - token.start > 2;
        let (mut words, mut names, mut shouted) = (0, 0, 0);
        for token in self.list.iter().filter(long) {
            words += 1;
            names += u32::from(token.is_name);
            shouted += u32::from(token.is_shouted);
        }
        self.is_title = words >= 3 && names * 10 > words * 7;
        self.is_shouting = words >= 2 && shouted * 2 > words;
    }
}

struct Scanner<'a> {
    chars: &'a [char],
    at: usize,
    out: Tokens,
    opens: bool,
    quote_end: usize,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while self.at < self.chars.len() {
            let char = self.chars[self.at];
            let fresh = self.at == 0 || self.chars[self.at - 1].is_whitespace();
            if char.is_whitespace() {
                self.opens |= char == '\n';
                self.at += 1;
            } else if let Some(end) = if fresh { self.literal_end() } else { None } {
                self.push(Kind::Literal, self.at, end);
                self.at = end;
            } else if char.is_ascii_digit() || (char == '-' && fresh && self.digit(self.at + 1)) {
                self.number();
            } else if char.is_alphanumeric() {
                self.word();
            } else {
                self.sign(char);
            }
        }
    }

    fn char(&self, at: usize) -> char {
        self.chars.get(at).copied().unwrap_or(' ')
    }

    fn digit(&self, at: usize) -> bool {
        self.char(at).is_ascii_digit()
    }

    /// The end of a chunk that is an address, if this one is.
    fn literal_end(&self) -> Option<usize> {
        let rest = &self.chars[self.at..];
        let length = rest.iter().position(|char| char.is_whitespace()).unwrap_or(rest.len());
        let chunk = &rest[..length];
        if length < 6 {
            return None;
        }
        let scheme = chunk.windows(3).any(|three| three == [':', '/', '/']);
        let www = chunk.starts_with(&['w', 'w', 'w', '.']);
        let mail = chunk.iter().position(|&char| char == '@').is_some_and(|at| at > 0 && chunk[at..].contains(&'.'));
        let path = chunk[0] == '/' && chunk[1..].contains(&'/');
        let trailing = chunk.iter().rev().take_while(|char| ".,;:?!)\"'".contains(**char)).count();
        (scheme || www || mail || path).then_some(self.at + length - trailing)
    }

    fn number(&mut self) {
        let start = self.at;
        self.at += 1;
        while self.at < self.chars.len() {
            let char = self.chars[self.at];
            let groups = char == ','
                && (1..=3).all(|ahead| self.digit(self.at + ahead))
                && !self.digit(self.at + 4)
                && self.digit(self.at - 1);
            let joins = (char == '.' || char == ':') && self.digit(self.at + 1) && self.digit(self.at - 1);
            if !(char.is_ascii_digit() || groups || joins) {
                break;
            }
            self.at += 1;
        }
        let end = self.at;
        while self.char(self.at).is_alphabetic() {
            self.at += 1;
        }
        let suffix: String = self.chars[end..self.at].iter().flat_map(|char| char.to_lowercase()).collect();
        self.suffixed(start, end, &suffix);
    }

    /// What the letters on a number make of it.
    fn suffixed(&mut self, start: usize, end: usize, suffix: &str) {
        let scale = match suffix {
            "k" => "thousand",
            "bn" => "billion",
            "mn" | "mio" => "million",
            "m" if self.follows_currency(start) => "million",
            "b" if self.follows_currency(start) => "billion",
            _ => "",
        };
        let is_ordinal = matches!(suffix, "st" | "nd" | "rd" | "th");
        let is_unit = super::lexicon::LEXICON.units.contains_key(&word_hash(suffix));
        if suffix.is_empty() || is_ordinal || !scale.is_empty() || is_unit {
            self.push(Kind::Number, start, end);
            if let Some(last) = self.out.list.last_mut() {
                last.is_ordinal = is_ordinal;
            }
            if !scale.is_empty() {
                self.push_text(Kind::Word, scale);
            } else if is_unit {
                self.push_text(Kind::Word, suffix);
            }
        } else if suffix == "s" {
            self.push(Kind::Number, start, end);
            self.push_text(Kind::Word, "decade");
        } else {
            // `3d`, `2fa`, `1080p`, `4x4`: a word that begins with a digit.
            while self.char(self.at).is_alphanumeric() {
                self.at += 1;
            }
            self.push(Kind::Word, start, self.at);
        }
    }

    fn follows_currency(&self, start: usize) -> bool {
        start > 0 && "$€£₹¥".contains(self.chars[start - 1])
    }

    fn word(&mut self) {
        let start = self.at;
        let mut apostrophe = None;
        while self.at < self.chars.len() {
            let char = self.chars[self.at];
            let next_letter = self.char(self.at + 1).is_alphabetic();
            let inside = match char {
                '\'' if next_letter => {
                    apostrophe = Some(self.at);
                    true
                }
                // `U.S.`, `node.js`, but not the end of a sentence.
                '.' | '&' | '_' => self.char(self.at + 1).is_alphanumeric(),
                '+' | '#' => !self.char(self.at + 1).is_alphanumeric() || self.char(self.at + 1) == '+',
                _ => char.is_alphanumeric(),
            };
            if !inside {
                break;
            }
            self.at += 1;
        }
        match apostrophe {
            Some(apostrophe) => self.contraction(start, apostrophe),
            None => {
                self.push(Kind::Word, start, self.at);
                self.mend_unmarked();
            }
        }
    }

    /// `whats` for `what's`.
    fn mend_unmarked(&mut self) {
        let Some(last) = self.out.list.last_mut() else { return };
        let whole = match &self.out.lower[last.start as usize..last.end as usize] {
            "whats" => "what",
            "whos" => "who",
            "wheres" => "where",
            "hows" => "how",
            _ => return,
        };
        last.hash = word_hash(whole);
        self.push_text(Kind::Word, "is");
    }

    fn contraction(&mut self, start: usize, apostrophe: usize) {
        let tail: String = self.chars[apostrophe + 1..self.at].iter().flat_map(|char| char.to_lowercase()).collect();
        let ends_in_n = apostrophe > start && self.chars[apostrophe - 1].eq_ignore_ascii_case(&'n');
        match tail.as_str() {
            "t" if ends_in_n => {
                self.push(Kind::Word, start, apostrophe - 1);
                self.mend_negated();
                self.push_text(Kind::Word, "not");
            }
            "s" => {
                self.push(Kind::Word, start, apostrophe);
                if self.out.list.last().is_some_and(|token| takes_is(self.out.text(*token))) {
                    self.push_text(Kind::Word, "is");
                }
            }
            "re" => self.split(start, apostrophe, "are"),
            "ll" => self.split(start, apostrophe, "will"),
            "ve" => self.split(start, apostrophe, "have"),
            "m" => self.split(start, apostrophe, "am"),
            "d" => self.split(start, apostrophe, "would"),
            _ => self.push(Kind::Word, start, self.at),
        }
    }

    fn split(&mut self, start: usize, end: usize, second: &str) {
        self.push(Kind::Word, start, end);
        self.push_text(Kind::Word, second);
    }

    /// `ca` of `can't`, `wo` of `won't`, `sha` of `shan't`.
    fn mend_negated(&mut self) {
        let Some(last) = self.out.list.last_mut() else { return };
        let whole = match &self.out.lower[last.start as usize..last.end as usize] {
            "ca" => "can",
            "wo" | "sha" => "will",
            _ => return,
        };
        last.hash = word_hash(whole);
    }

    fn sign(&mut self, char: char) {
        match char {
            '"' => self.quote(),
            '.' | '?' | '!' | ':' | ';' => self.opens = true,
            ',' | '/' | '|' if !(self.digit(self.at + 1) && char == '/') => {
                self.push(Kind::Joint, self.at, self.at + 1)
            }
            '&' => self.push(Kind::Joint, self.at, self.at + 1),
            '-' if self.char(self.at + 1).eq_ignore_ascii_case(&'f') && self.is_free() => {
                // `sugar-free` is `without sugar`.
                self.push_text(Kind::Word, "freeof");
                self.at += 4;
            }
            '+' | '*' | '-' | '/' => {
                let before = self.at > 0 && self.near_digit(self.at - 1, -1);
                if before && self.near_digit(self.at + 1, 1) {
                    self.push(Kind::Symbol, self.at, self.at + 1);
                }
            }
            '%' | '$' | '€' | '£' | '¥' | '₹' | '°' | '=' | '^' | '<' | '>' | '¢' => {
                self.push(Kind::Symbol, self.at, self.at + 1);
            }
            _ if !char.is_ascii() && !"–—…•·’‘«»¿¡™®©".contains(char) => {
                self.push(Kind::Symbol, self.at, self.at + 1)
            }
            _ => {}
        }
        self.at += 1;
    }

    fn is_free(&self) -> bool {
        let word = self.chars.get(self.at + 1..self.at + 5);
        let free = word.is_some_and(|word| word.iter().zip("free".chars()).all(|(a, b)| a.eq_ignore_ascii_case(&b)));
        free && !self.char(self.at + 5).is_alphanumeric()
    }

    /// Is the next character in this direction, one blank skipped, a digit?
    fn near_digit(&self, at: usize, step: isize) -> bool {
        let at = if self.char(at) == ' ' { at.checked_add_signed(step) } else { Some(at) };
        at.is_some_and(|at| self.digit(at))
    }

    fn quote(&mut self) {
        if self.quote_end > 0 && self.at <= self.quote_end {
            return;
        }
        let rest = &self.chars[self.at + 1..];
        if let Some(length) = rest.iter().position(|&char| char == '"') {
            self.quote_end = self.at + 1 + length;
            let words: String = rest[..length].iter().flat_map(|char| char.to_lowercase()).collect();
            let words: Vec<&str> = words.split_whitespace().collect();
            if !words.is_empty() {
                self.out.quotes.push(word_hash(&words.join(" ")));
            }
        }
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        if start >= end {
            return;
        }
        let from = self.out.lower.len();
        for &char in &self.chars[start..end] {
            // Dots and apostrophes inside words carry nothing: `U.S.` is `us`, `o'clock` is `oclock`.
            if kind == Kind::Word && matches!(char, '.' | '\'' | '_') {
                continue;
            }
            if char.is_ascii() {
                self.out.lower.push(char.to_ascii_lowercase());
            } else {
                self.out.lower.extend(char.to_lowercase());
            }
        }
        let upper = |char: &char| char.is_uppercase();
        let letters = &self.chars[start..end];
        let is_first = self.opens && kind != Kind::Joint;
        self.add(
            kind,
            from,
            Token {
                kind,
                hash: 0,
                start: 0,
                end: 0,
                is_first,
                is_name: upper(&letters[0]) && !is_first && letters != ['I'],
                is_shouted: letters.len() > 1
                    && letters.iter().all(|char| !char.is_lowercase())
                    && letters.iter().any(upper),
                is_quoted: start < self.quote_end,
                is_ordinal: false,
            },
        );
    }

    fn push_text(&mut self, kind: Kind, text: &str) {
        let from = self.out.lower.len();
        self.out.lower.push_str(text);
        self.add(
            kind,
            from,
            Token {
                kind,
                hash: 0,
                start: 0,
                end: 0,
                is_first: false,
                is_name: false,
                is_shouted: false,
                is_quoted: false,
                is_ordinal: false,
            },
        );
    }

    fn add(&mut self, kind: Kind, from: usize, token: Token) {
        let hash = word_hash(&self.out.lower[from..]);
        let (start, end) = (from as u32, self.out.lower.len() as u32);
        self.out.list.push(Token { hash, start, end, ..token });
        self.opens &= kind == Kind::Joint;
    }
}

/// Typographic signs as typewriter signs.
fn plain(char: char) -> char {
    match char {
        '’' | '‘' | 'ʼ' | '`' => '\'',
        '“' | '”' | '„' | '«' | '»' => '"',
        '–' | '—' | '−' | '‑' => '-',
        '×' => '*',
        '\u{a0}' => ' ',
        other => other,
    }
}

fn takes_is(word: &str) -> bool {
    matches!(
        word,
        "what" | "who" | "where" | "when" | "why" | "how" | "it" | "that" | "there" | "here" | "he" | "she" | "which"
    )
}
