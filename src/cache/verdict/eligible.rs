//! Which prompts may be compared by meaning at all.
//!
//! The embedder drops case, white space and unknown signs, and its guards read English prose. What
//! lives on such details (code, formulas, addresses, identifiers), what carries its own material, and
//! what asks about the caller's own affairs is left to the exact cache.

use super::lexicon::Wanted;
use super::reading::{Asked, read};
use super::tokens::Kind;

/// Longer texts are not about one thing; 128 tokens of English are some 600 bytes.
pub const ELIGIBLE_BYTES_MAX: usize = 1024;
/// More lines are material, not a question.
const LINES_MAX: usize = 2;
/// A run of digits this long is an identifier.
const DIGITS_MAX: usize = 7;
/// A word of letters and digits this long is an identifier.
const MIXED_CHARS_MAX: usize = 8;

/// Why a prompt stays with the exact cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ineligible {
    /// No words.
    Empty,
    /// More than [`ELIGIBLE_BYTES_MAX`].
    TooLong,
    /// Brings its own material: several lines, a context, a document.
    Material,
    /// Code, markup or a formula.
    Code,
    /// A URL, an e-mail address, a path.
    Address,
    /// A long number or an identifier.
    Identifier,
    /// Largely a script that the embedder was not trained on.
    Script,
    /// About the caller's own affairs. Not an obstacle where the scope is one end user; it is looked
    /// for last, so everything else has passed.
    Personal,
}

impl Ineligible {
    /// A short stable word for metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Ineligible::Empty => "empty",
            Ineligible::TooLong => "too_long",
            Ineligible::Material => "material",
            Ineligible::Code => "code",
            Ineligible::Address => "address",
            Ineligible::Identifier => "identifier",
            Ineligible::Script => "script",
            Ineligible::Personal => "personal",
        }
    }
}

/// May `text`, a last user message, be answered from a prompt that only means the same?
pub fn eligible(text: &str) -> Result<(), Ineligible> {
    if text.len() > ELIGIBLE_BYTES_MAX {
        return Err(Ineligible::TooLong);
    }
    if !text.chars().any(char::is_alphanumeric) {
        return Err(Ineligible::Empty);
    }
    if is_code(text) {
        return Err(Ineligible::Code);
    }
    if is_material(text) {
        return Err(Ineligible::Material);
    }
    if is_foreign(text) {
        return Err(Ineligible::Script);
    }
    let reading = read(text);
    let tokens = &reading.tokens;
    if tokens.list.iter().any(|token| token.kind == Kind::Literal) {
        return Err(Ineligible::Address);
    }
    if tokens.list.iter().any(|token| is_identifier(tokens.text(*token))) {
        return Err(Ineligible::Identifier);
    }
    if is_personal(text, reading.possessives, reading.asked) {
        return Err(Ineligible::Personal);
    }
    Ok(())
}

/// The form in which a prompt is best embedded: as a question. A missing question mark alone costs up
/// to .09 of cosine, and with one mark for all, more prompts that mean the same come near.
pub fn as_question(text: &str) -> String {
    let words = text.trim_end_matches(|last: char| last.is_whitespace() || matches!(last, '?' | '.' | '!'));
    let mut question = String::with_capacity(words.len() + 1);
    question.push_str(words);
    question.push('?');
    question
}

fn is_code(text: &str) -> bool {
    const FENCES: [&str; 6] = ["```", "</", "/>", "=>", "::", "\\"];
    let bytes = text.as_bytes();
    let count = |signs: &[u8]| bytes.iter().filter(|byte| signs.contains(byte)).count();
    let line_ends = text.lines().filter(|line| line.trim_end().ends_with(['{', '}', ';'])).count();
    FENCES.iter().any(|fence| text.contains(fence))
        || count(b"`") >= 2
        || count(b"{}=^") > 0
        || count(b"[]();<>|") > 6
        || line_ends > 1
        || text.contains(['√', '∑', '∫', '≤', '≥'])
}

fn is_material(text: &str) -> bool {
    const MARKS: [&str; 8] = [
        "context:",
        "document:",
        "passage:",
        "article:",
        "text:",
        "based on the following",
        "given the following",
        "###",
    ];
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    let lower = text.to_ascii_lowercase();
    lines > LINES_MAX || text.contains("\n\n") || MARKS.iter().any(|mark| lower.contains(mark))
}

/// More than one letter in ten outside the Latin script.
fn is_foreign(text: &str) -> bool {
    const LATIN_MAX: char = '\u{24f}';
    let letters = text.chars().filter(|char| char.is_alphabetic());
    let (foreign, all) =
        letters.fold((0, 0), |(foreign, all), char| (foreign + usize::from(char > LATIN_MAX), all + 1));
    foreign * 10 > all
}

fn is_identifier(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let letters = word.chars().filter(|char| char.is_alphabetic()).count();
    digits >= DIGITS_MAX || (digits >= 2 && letters >= 1 && word.chars().count() >= MIXED_CHARS_MAX)
}

/// `what is my balance`, but not `how do I improve my English` or `should I sell my car`.
fn is_personal(text: &str, possessives: u8, asked: Asked) -> bool {
    const MINE: u8 = (1 << 1) | (1 << 5);
    const ADVICE: [&str; 8] = ["can i ", "should i ", "could i ", "do i ", "would i ", "may i ", "must i ", "to do "];
    if possessives & MINE == 0 {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    let measured = matches!(asked, Asked::For(Wanted::Count | Wanted::Amount));
    let advised = matches!(asked, Asked::For(Wanted::Manner | Wanted::Reason))
        || ADVICE.iter().any(|words| lower.contains(words));
    measured || !advised
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_in_prose_may_be_compared() {
        for text in [
            "What is the capital of France?",
            "How do I improve my English?",
            "Should I sell my car before winter?",
            "Write a haiku about the sea (three lines; no rhymes)",
            "¿Cuál es la capital de España?",
            "How much is 15% of 1,200 dollars?",
            "Which laptops cost less than $800?",
        ] {
            assert_eq!(eligible(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn the_rest_stays_with_the_exact_cache() {
        let long = "word ".repeat(300);
        for (text, reason) in [
            ("", Ineligible::Empty),
            ("?!", Ineligible::Empty),
            (long.as_str(), Ineligible::TooLong),
            ("What does ```rm -rf``` do?", Ineligible::Code),
            ("what does `ls -l` print", Ineligible::Code),
            ("solve x^2 = 4", Ineligible::Code),
            ("int main() { return 0; }", Ineligible::Code),
            ("Summarize.\n\nThe quick brown fox.", Ineligible::Material),
            ("Context: it rained. Was it wet?", Ineligible::Material),
            ("a\nb\nc", Ineligible::Material),
            ("summarize https://example.org/a", Ineligible::Address),
            ("who is jo@example.org?", Ineligible::Address),
            ("read /etc/hosts/file for me", Ineligible::Address),
            ("what is the status of 123456789", Ineligible::Identifier),
            ("where is parcel 1Z999AA10", Ineligible::Identifier),
            ("東京の天気はどうですか", Ineligible::Script),
            ("What is my account balance?", Ineligible::Personal),
            ("How much do I owe on my card?", Ineligible::Personal),
        ] {
            assert_eq!(eligible(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn one_form_for_every_ending() {
        for text in ["Is it?", "Is it", "Is it ...", "Is it?!\n"] {
            assert_eq!(as_question(text), "Is it?");
        }
    }
}
