//! `[[keys]]`.

use super::Check;
use super::name_fault;
use crate::config::VirtualKey;
use crate::config::document::Spot;
use crate::config::written;

/// What a key's name may hold besides letters and digits.
const KEY_PUNCTUATION: &str = "._-@/:+";

/// What is wrong with the name of a virtual key, if anything.
pub fn key_name_fault(name: &str) -> Option<String> {
    name_fault(name, KEY_PUNCTUATION)
}

/// The digest in `sha256:<64 hexadecimal digits>`.
pub fn parse_key_hash(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("sha256:")?.as_bytes();
    let mut digest = [0; 32];
    if digits.len() != 2 * digest.len() {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(digest)
}

impl Check<'_, '_> {
    pub(super) fn keys(&mut self, keys: &[written::VirtualKey], spot: &Spot<'_>) -> Vec<VirtualKey> {
        let spots = |key: &'static str| (0..keys.len()).map(move |index| spot.item(index).key(key));
        self.unique(keys.iter().map(|key| &key.name).zip(spots("name")), |name, first| {
            format!("is the name of keys[{first}] too: `{}`; give each key its own", name.escape_debug())
        });
        let checked = keys.iter().enumerate().map(|(index, key)| self.key(key, keys, &spot.item(index)));
        let checked: Vec<Option<VirtualKey>> = checked.collect();
        let digests = checked.iter().zip(spots("hash")).filter_map(|(key, spot)| Some((key.as_ref()?.digest, spot)));
        self.unique(digests, |_, _| "is the hash of an earlier key too: make a key of its own for it".to_owned());
        checked.into_iter().flatten().collect()
    }

    fn key(&mut self, key: &written::VirtualKey, all: &[written::VirtualKey], spot: &Spot<'_>) -> Option<VirtualKey> {
        self.name(&key.name, KEY_PUNCTUATION, &spot.key("name"));
        for (index, model) in key.models.iter().enumerate() {
            self.pattern(model, &spot.key("models").item(index));
        }
        if let Some(scope) = &key.cache_scope {
            self.name(scope, KEY_PUNCTUATION, &spot.key("cache_scope"));
            self.foreign_scope(key, scope, all, &spot.key("cache_scope"));
        }
        let digest = parse_key_hash(&key.hash);
        if digest.is_none() {
            // Not repeated: people put the key itself here.
            let message = "must be `sha256:` and 64 hexadecimal digits, as printed when the key was made; \
                           the key itself does not belong in this file";
            self.refuse(&spot.key("hash"), message);
        }
        Some(VirtualKey {
            name: key.name.clone(),
            digest: digest?,
            models: key.models.clone(),
            requests_per_minute: key.requests_per_minute,
            cache_scope: key.cache_scope.clone().unwrap_or_else(|| key.name.clone()),
            trusted: key.trusted,
        })
    }

    /// A key without a scope has its own name as scope. Naming it elsewhere would share its answers
    /// although its own entry does not say so.
    fn foreign_scope(&mut self, key: &written::VirtualKey, scope: &str, all: &[written::VirtualKey], spot: &Spot<'_>) {
        let owner = all.iter().find(|other| other.name == scope && other.name != key.name);
        if owner.is_some_and(|owner| owner.cache_scope.is_none()) {
            let message = format!(
                "is the name of another key, which shares with nobody; to share cached answers, set \
                 cache_scope = \"{}\" there too",
                scope.escape_debug()
            );
            self.refuse(spot, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_whole_or_not_at_all() {
        let hash = format!("sha256:{}", "0aF9".repeat(16));
        assert_eq!(parse_key_hash(&hash), Some([0x0a, 0xf9].repeat(16).try_into().expect("32 bytes")));
        let too_long = format!("{hash}0");
        for bad in ["", "sha256:", "sha256:00", &hash[..70], &hash[7..], &too_long, &hash.replace("0a", "+a")] {
            assert_eq!(parse_key_hash(bad), None, "{bad}");
        }
    }
}
