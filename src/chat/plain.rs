//! A request that is made of words, in no dialect.
//!
//! Most requests say nothing but turns of text and the settings that every dialect has under some name.
//! Two such requests mean the same if they say the same, whatever dialect they are written in, so one
//! cached answer can serve both. What a single dialect alone can say has no place here: a request that
//! holds any of it is not plain, and is compared as it was written.

use super::Role;

/// A plain request, borrowed from its parsed body. Model and form of delivery are not part of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plain<'a> {
    /// The conversation, from its first word to its last.
    pub pieces: Vec<Piece<'a>>,
    /// The settings, by the number of their [`Setting`]; `None` where the caller says nothing.
    pub settings: [Option<f64>; SETTINGS],
    /// Stop sequences.
    pub stop: Vec<&'a str>,
    /// Is a provider of the caller's own dialect asked to keep the answer, to be found there by its id?
    pub keep: bool,
}

/// Turns and texts in one list: a turn's texts follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Somebody begins to speak.
    Turn(Role),
    /// What is said; the address tells the cache which text to leave out of the scope.
    Text(&'a str),
}

/// A number that steers how the answer is made. Whole numbers are exact up to 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Bound of the answer, tokens.
    MaxTokens,
    /// Sampling temperature.
    Temperature,
    /// Nucleus sampling.
    TopP,
    /// Top-k sampling.
    TopK,
    /// Seed for sampling.
    Seed,
    /// Presence penalty.
    PresencePenalty,
    /// Frequency penalty.
    FrequencyPenalty,
}

/// How many there are.
pub const SETTINGS: usize = Setting::FrequencyPenalty as usize + 1;
