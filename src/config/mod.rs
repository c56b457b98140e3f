//! One TOML file: what the operator wrote ([`written`]) becomes what the gateway runs on
//! ([`Settings`]), or an error that names the file, the line and what to change.
//!
//! The work is done in three passes, so that one start reports everything there is to mend:
//! `shape` holds the document against the schema of [`written`] (unknown keys, types, ranges),
//! `check` looks at values and at what they mean together, and only a file without a single problem
//! becomes [`Settings`]. The schema that `shape` reads also generates the reference page, so the page
//! cannot promise a key that the loader refuses.

mod address;
mod aws;
mod check;
mod demo;
mod document;
mod google;
mod nearest;
mod problem;
mod reference;
mod secret;
mod settings;
mod shape;
pub mod written;

pub use check::key_name_fault;
pub use check::parse_key_hash;
pub use demo::demo;
pub use problem::ConfigError;
pub use problem::Problem;
pub use reference::reference;
pub use reference::schema;
pub use secret::Secret;
pub use settings::*;

use document::Spot;
use problem::Problems;
use serde::Deserialize;
use std::fs;
use std::path::Path;
use toml::de::DeTable;

/// Most syntax errors shown: the parser recovers, but after a few of them it is guessing.
const SYNTAX_ERRORS_MAX: usize = 5;

/// Names that only higher layers can give a meaning to; the assembling module passes what it has.
#[derive(Clone, Copy, Debug)]
pub struct KnownNames<'a> {
    /// Dialects that providers speak, as in `dialect = "…"`.
    pub dialects: &'a [&'a str],
    /// Dialects that callers speak, as in `caller = "…"`.
    pub callers: &'a [&'a str],
    /// Known providers, as in `kind = "…"`.
    pub kinds: &'a [&'a str],
    /// Routing strategies, as in `strategy = "…"`.
    pub strategies: &'a [&'a str],
}

/// Where `env:NAME` finds its value.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Reads, checks and resolves the file at `path`, with the environment of this process.
pub fn load(path: &Path, names: &KnownNames<'_>) -> Result<Settings, ConfigError> {
    let origin = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| ConfigError::unreadable(&origin, &error))?;
    parse(&text, &origin, &|name| std::env::var(name).ok(), names)
}

/// The same for a text already in memory. `origin` is the file's name: errors carry it, and relative
/// paths inside the text are meant from its folder.
pub fn parse(
    text: &str,
    origin: &str,
    environment: &Environment<'_>,
    names: &KnownNames<'_>,
) -> Result<Settings, ConfigError> {
    let mut problems = Problems::new(origin, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for error in errors.iter().take(SYNTAX_ERRORS_MAX) {
            // Its message only: the error's own display quotes the line, and a line may hold a secret.
            problems.at(error.span().map_or(0, |span| span.start), format!("not valid TOML: {}", error.message()));
        }
        return Err(problems.into_error());
    }
    shape::compare(document.get_ref(), &mut problems);
    let written = written::File::deserialize(toml::Deserializer::from(document.clone()));
    let settings = match written {
        Ok(written) => {
            let folder = Path::new(origin).parent().unwrap_or(Path::new(""));
            check::Check { names, environment, folder, problems: &mut problems }
                .file(written, &Spot::root(document.get_ref()))
        }
        Err(error) => {
            // Whatever keeps serde from reading it has a place and a better wording in `problems` already.
            if problems.is_empty() {
                let offset = error.span().map_or(0, |span| span.start);
                problems.at(offset, "this value does not fit here; docs/configuration.md says what does".to_owned());
            }
            None
        }
    };
    match settings {
        Some(settings) if problems.is_empty() => Ok(settings),
        _ => Err(problems.into_error()),
    }
}
