//! Where an answer comes from.
//!
//! Every dialect tells it in a place of its own: beside the words, in them, block by block. Here all sources
//! of an answer stand in one list and count the characters of all its text, so that a dialect with blocks
//! and one without mean the same by a number.

use std::ops::Range;

/// Most sources of one answer that are told in another dialect.
pub const CITATIONS_MAX: usize = 512;

/// A source that an answer names for what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Citation {
    /// The dialect that told it. What it says there travels beside it, with all that nobody else knows, so
    /// that its own writer leaves this out.
    pub dialect: &'static str,
    /// What is named.
    pub source: Source,
    /// Its name.
    pub title: Option<String>,
    /// Its own words, as far as they were told.
    pub cited_text: Option<String>,
    /// Which characters of the answer's text it stands behind; `None` where nobody says.
    pub span: Option<Range<usize>>,
}

/// What an answer names.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Something with an address.
    Url(String),
    /// A place in a document that came with the request.
    Document {
        /// Which of them.
        index: u64,
        /// In what the place is counted.
        unit: Unit,
        /// The place, as the dialect that told it counts.
        place: Range<u64>,
    },
}

/// What places in documents are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Characters of its text.
    Characters,
    /// Pages.
    Pages,
    /// Blocks of content.
    Blocks,
}

impl Citation {
    /// The address of what is named, if it has one.
    pub fn url(&self) -> Option<&str> {
        match &self.source {
            Source::Url(url) => Some(url),
            Source::Document { .. } => None,
        }
    }

    /// The same, counted from another beginning.
    pub fn moved(mut self, characters: usize) -> Citation {
        let moved = |at: usize| at.saturating_add(characters);
        self.span = self.span.map(|span| moved(span.start)..moved(span.end));
        self
    }

    /// As it counts in a text that has these characters of all.
    pub fn within(mut self, text: &Range<usize>) -> Citation {
        let place = |at: usize| at.clamp(text.start, text.end) - text.start;
        self.span = self.span.map(|span| place(span.start)..place(span.end)).filter(|span| !span.is_empty());
        self
    }
}
