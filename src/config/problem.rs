//! What is wrong with a file, as `FILE:LINE:COLUMN: message`, the form that editors and terminals turn
//! into a link. Problems are collected, not returned at the first: an operator mends a file once.

use std::error::Error;
use std::fmt;
use std::io;

/// Everything that is wrong with one configuration file; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// In the order of the file.
    pub problems: Vec<Problem>,
}

/// One thing to change. Its message never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub origin: String,
    /// Line and column, both from 1, in characters; `None` when the file could not be read at all.
    pub position: Option<(usize, usize)>,
    /// What is wrong and what to change.
    pub message: String,
}

impl ConfigError {
    pub(super) fn unreadable(origin: &str, error: &io::Error) -> Self {
        let message = format!("cannot read the configuration file: {error}");
        ConfigError { problems: vec![Problem { origin: origin.to_owned(), position: None, message }] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl Error for ConfigError {}

/// Collects problems by their place in the text.
pub(super) struct Problems<'t> {
    origin: &'t str,
    text: &'t str,
    found: Vec<(usize, String)>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(origin: &'t str, text: &'t str) -> Self {
        Problems { origin, text, found: Vec::new() }
    }

    /// Adds one at a byte offset of the text.
    pub(super) fn at(&mut self, offset: usize, message: String) {
        self.found.push((offset, message));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn into_error(mut self) -> ConfigError {
        debug_assert!(!self.found.is_empty(), "an error needs a reason");
        self.found.sort_by_key(|(offset, _)| *offset);
        let placed = |(offset, message): &(usize, String)| Problem {
            origin: self.origin.to_owned(),
            position: Some(line_and_column(self.text, *offset)),
            message: message.clone(),
        };
        ConfigError { problems: self.found.iter().map(placed).collect() }
    }
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    (line, String::from_utf8_lossy(&before[line_start..]).chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let text = "a = 1\nü = 2\r\nb = 3";
        for (offset, expected) in [(0, (1, 1)), (4, (1, 5)), (6, (2, 1)), (9, (2, 3)), (14, (3, 1)), (99, (3, 6))] {
            assert_eq!(line_and_column(text, offset), expected, "offset {offset}");
        }
    }

    #[test]
    fn problems_are_told_in_the_order_of_the_file() {
        let mut problems = Problems::new("x.toml", "one\ntwo\n");
        problems.at(4, "second".to_owned());
        problems.at(0, "first".to_owned());
        assert_eq!(problems.into_error().to_string(), "x.toml:1:1: first\nx.toml:2:1: second");
    }
}
