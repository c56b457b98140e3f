//! One TOML file: what the operator wrote ([`written`]) becomes what the gateway runs on
//! ([`Settings`]), or an error that names the file, the line and what to change.

mod settings;
pub mod written;

pub use settings::*;
