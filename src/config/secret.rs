//! Secrets are named in the file, never written in it: a configuration gets committed, mailed and
//! pasted into tickets. `env:NAME` and `file:PATH` cover shells, containers and secret stores.

use super::Environment;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use std::fs;
use std::path::Path;

/// Largest secret file, bytes: anything longer is the wrong file.
const SECRET_FILE_BYTES_MAX: u64 = 16 * 1024;

/// A secret that can be compared with what it was before a reload.
#[derive(Clone, Debug)]
pub struct Secret(SecretString);

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose_secret() == other.expose_secret()
    }
}

impl<T: Into<SecretString>> From<T> for Secret {
    fn from(secret: T) -> Self {
        Secret(secret.into())
    }
}

impl ExposeSecret<str> for Secret {
    fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Does the text name a secret instead of being one?
pub(super) fn is_reference(text: &str) -> bool {
    text.starts_with("env:") || text.starts_with("file:")
}

/// What `reference` stands for, or why there is no value. Neither a value nor a text that is no
/// reference (and may be the secret itself) appears in the message.
pub(super) fn resolve(
    reference: &str,
    environment: &Environment<'_>,
    folder: &Path,
    suggested_variable: &str,
) -> Result<SecretString, String> {
    let Some(value) = document(reference, environment, folder) else {
        return Err(format!(
            "must name the secret, not hold it (configuration files get committed and shared): write \
             \"env:{suggested_variable}\" and set that variable, or \"file:PATH\""
        ));
    };
    let value = value?;
    check(&value).map_err(|why| format!("is `{reference}`, whose value {why}"))?;
    Ok(SecretString::from(value))
}

/// The text that `reference` stands for, of however many lines; `None` if it is no reference.
pub(super) fn document(
    reference: &str,
    environment: &Environment<'_>,
    folder: &Path,
) -> Option<Result<String, String>> {
    if let Some(name) = reference.strip_prefix("env:") {
        return Some(from_environment(name, environment));
    }
    reference.strip_prefix("file:").map(|path| from_file(path, folder))
}

fn from_environment(name: &str, environment: &Environment<'_>) -> Result<String, String> {
    let valid = !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !valid {
        return Err("must have the name of an environment variable after `env:` (letters, digits, `_`)".to_owned());
    }
    environment(name).ok_or_else(|| format!("needs the environment variable `{name}`, which is not set: export it"))
}

fn from_file(path: &str, folder: &Path) -> Result<String, String> {
    let path = folder.join(path);
    let shown = path.display();
    let size = fs::metadata(&path).map_err(|error| format!("names the file {shown}: {error}"))?.len();
    if size > SECRET_FILE_BYTES_MAX {
        return Err(format!("names the file {shown}, which has {size} bytes: too long for a key"));
    }
    let text = fs::read_to_string(&path).map_err(|error| format!("names the file {shown}: {error}"))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Secrets travel in headers, so they must be able to.
fn check(value: &str) -> Result<(), &'static str> {
    if value.is_empty() {
        return Err("is empty");
    }
    if value.trim() != value {
        return Err("begins or ends with a blank: remove it");
    }
    if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err("has line breaks, control or non-ASCII characters: it must be one line of plain text");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(reference: &str, folder: &Path) -> Result<String, String> {
        let environment = |name: &str| match name {
            "GOOD" => Some("s3cret".to_owned()),
            "EMPTY" => Some(String::new()),
            "SPLIT" => Some("a\r\nx-evil: 1".to_owned()),
            "PADDED" => Some(" a".to_owned()),
            _ => None,
        };
        resolve(reference, &environment, folder, "MINE_API_KEY").map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn variables_are_found_or_named() {
        let here = Path::new("");
        assert_eq!(resolved("env:GOOD", here).as_deref(), Ok("s3cret"));
        assert!(resolved("env:UNSET", here).is_err_and(|why| why.contains("`UNSET`") && why.contains("not set")));
        for (reference, reason) in [
            ("env:EMPTY", "empty"),
            ("env:SPLIT", "line breaks"),
            ("env:PADDED", "blank"),
            ("env:", "letters"),
            ("env:A B", "letters"),
            ("env:1A", "letters"),
        ] {
            let why = resolved(reference, here).expect_err(reference);
            assert!(why.contains(reason), "{why}");
            assert!(!why.contains("x-evil"), "{why}");
        }
    }

    #[test]
    fn files_lose_their_last_line_break_and_are_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("key"), "from-file\r\n").expect("written");
        fs::write(folder.path().join("long"), "x".repeat(20_000)).expect("written");
        assert_eq!(resolved("file:key", folder.path()).as_deref(), Ok("from-file"));
        assert!(resolved("file:long", folder.path()).is_err_and(|why| why.contains("20000 bytes")));
        assert!(resolved("file:absent", folder.path()).is_err_and(|why| why.contains("absent")));
    }

    #[test]
    fn a_literal_is_refused_and_not_repeated() {
        let why = resolved("sk-live-canary", Path::new("")).expect_err("a literal");
        assert!(why.contains("env:MINE_API_KEY") && !why.contains("canary"), "{why}");
    }
}
