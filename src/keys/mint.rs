//! Making and recognising keys.
//!
//! A key reads `rg-`, 43 characters of base 62 (256 random bits; no character that ends a
//! double-click selection) and 6 check characters. The check tells a mistyped key from a revoked one
//! without a look at the keys that exist, and lets secret scanners find leaked ones.

use crate::config;
use ring::digest::Context;
use ring::digest::SHA256;
use std::fmt;

/// What every key of ours begins with.
pub(super) const PREFIX: &str = "rg-";

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^43 > 2^256.
const RANDOM_CHARS: usize = 43;
/// 62^6 > 2^32.
const CHECK_CHARS: usize = 6;

// The domains keep a digest of ours from being valid anywhere else, and the check from being the digest.
const DIGEST_DOMAIN: &[u8] = b"ringgate virtual key v1\0";
const CHECK_DOMAIN: &[u8] = b"ringgate virtual key check v1\0";

/// A key at the only moment it exists in the clear.
#[derive(Clone, PartialEq, Eq)]
pub struct NewKey {
    /// For the caller; shown once and never stored.
    pub secret: String,
    /// For the configuration: `sha256:` and 64 hexadecimal digits.
    pub hash: String,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// A new key out of 32 bytes that must come from the operating system's generator.
pub fn generate(random: &[u8; 32]) -> NewKey {
    let mut secret = String::with_capacity(PREFIX.len() + RANDOM_CHARS + CHECK_CHARS);
    secret.push_str(PREFIX);
    let mut number = *random;
    push_base62(&mut number, RANDOM_CHARS, &mut secret);
    let mut check = check_of(secret.as_bytes());
    push_base62(&mut check, CHECK_CHARS, &mut secret);
    let hash = written_hash(&digest(secret.as_bytes()));
    NewKey { secret, hash }
}

/// What is stored of a key: SHA-256 over a domain and the whole key.
pub fn digest(secret: &[u8]) -> [u8; 32] {
    sha256(DIGEST_DOMAIN, secret)
}

/// The digest in `sha256:<64 hexadecimal digits>`.
pub fn parse_hash(text: &str) -> Option<[u8; 32]> {
    config::parse_key_hash(text)
}

/// Do the check characters of a key of ours fit the rest?
pub(super) fn checks_out(key: &[u8]) -> bool {
    if key.len() != PREFIX.len() + RANDOM_CHARS + CHECK_CHARS {
        return false;
    }
    let (body, check) = key.split_at(PREFIX.len() + RANDOM_CHARS);
    let mut expected = String::with_capacity(CHECK_CHARS);
    push_base62(&mut check_of(body), CHECK_CHARS, &mut expected);
    check == expected.as_bytes()
}

fn check_of(body: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = sha256(CHECK_DOMAIN, body);
    [a, b, c, d]
}

fn sha256(domain: &[u8], text: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(domain);
    context.update(text);
    context.finish().as_ref().try_into().expect("a SHA-256 has 32 bytes")
}

fn written_hash(digest: &[u8; 32]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(7 + 64);
    text.push_str("sha256:");
    for byte in digest {
        text.push(char::from(HEX[usize::from(byte >> 4)]));
        text.push(char::from(HEX[usize::from(byte & 15)]));
    }
    text
}

/// Appends `number` (big endian, used up) as exactly `chars` base-62 digits, last digit first.
fn push_base62(number: &mut [u8], chars: usize, out: &mut String) {
    for _ in 0..chars {
        let mut remainder = 0_u32;
        for byte in number.iter_mut() {
            let value = remainder << 8 | u32::from(*byte);
            *byte = u8::try_from(value / 62).expect("the remainder is below 62, so the quotient fits a byte");
            remainder = value % 62;
        }
        out.push(char::from(ALPHABET[remainder as usize]));
    }
    debug_assert!(number.iter().all(|byte| *byte == 0), "{chars} digits are too few");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_has_its_form_and_its_hash_reads_back() {
        for random in [[0; 32], [255; 32], [1; 32]] {
            let key = generate(&random);
            assert_eq!(key.secret.len(), 52);
            assert!(key.secret.strip_prefix("rg-").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphanumeric())));
            assert!(checks_out(key.secret.as_bytes()));
            assert_eq!(parse_hash(&key.hash), Some(digest(key.secret.as_bytes())));
        }
    }

    #[test]
    fn every_random_bit_changes_the_key() {
        let zero = generate(&[0; 32]).secret;
        let mut seen = std::collections::HashSet::from([zero]);
        for bit in 0..256 {
            let mut random = [0; 32];
            random[bit / 8] = 1 << (bit % 8);
            assert!(seen.insert(generate(&random).secret), "bit {bit} is lost");
        }
    }

    #[test]
    fn one_wrong_character_breaks_the_check() {
        let secret = generate(&[9; 32]).secret;
        for position in PREFIX.len()..secret.len() {
            let mut typo = secret.clone().into_bytes();
            typo[position] = if typo[position] == b'x' { b'y' } else { b'x' };
            assert!(!checks_out(&typo), "position {position}");
        }
    }

    #[test]
    fn the_digest_is_bound_to_its_domain() {
        // SHA-256 of "ringgate virtual key v1\0" + "abc", by an independent implementation.
        assert_eq!(
            written_hash(&digest(b"abc")),
            "sha256:3e60029bd1c14e783902ab94243deb142e122455218344e41f7758061514edb4"
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = generate(&[3; 32]);
        assert!(!format!("{key:?}").contains(&key.secret[3..]));
    }
}
