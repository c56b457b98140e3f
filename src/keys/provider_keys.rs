//! The keys that the gateway itself presents to one provider: which one a request takes, and what the
//! provider's refusals say about it.
//!
//! A provider may be given several keys, so that a limit, an empty account or a revoked key of one does
//! not stop the others. What is known of a key is one atomic word, shared by all shards and carried over
//! a reload: the instant until which it is avoided, and whether that is because it was rejected (then
//! one request tries it again afterwards) or only limited (then it is simply fit again). A key that is
//! fit is the word zero, so the usual request pays for one relaxed load.
//!
//! Nothing here ever leaves a provider without a key. When all of them are avoided, the one that would
//! return first is used all the same: the provider's own refusal is a truer answer than our memory of
//! one, and limits often hold for one model only.

use super::Pattern;
use crate::clock::Tick;
use crate::config::PROVIDER_KEYS_MAX;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

const _: () = assert!(PROVIDER_KEYS_MAX <= 64, "keys that were tried for a request are bits of one word");
/// Most keys of one provider that are tried for one request before the next target is.
const KEYS_TRIED_MAX: u32 = 5;
/// How long a limited key is avoided when the provider does not say.
pub const COOL_DOWN_DEFAULT: Duration = Duration::from_secs(5);
/// Longest time for which a key is avoided because of a limit; whatever a provider says beyond it is a
/// mistake.
const COOL_DOWN_MAX: Duration = Duration::from_secs(86_400);

/// Stands in a provider's words for a credential.
const REDACTED: &str = "[key]";

/// The lowest bit of a key's word: it was rejected, not only limited.
const REJECTED: u64 = 1;

/// One key as configured.
pub struct ProviderKey {
    /// For logs and metrics; empty where no credential is sent.
    pub name: Arc<str>,
    /// The header line with the credential and its line end. It holds a secret, hence never printed.
    pub line: Vec<u8>,
    /// Length of the credential, which is the last thing on the line.
    pub secret_bytes: usize,
    /// Its share of the requests.
    pub weight: u32,
    /// Models it may be used for; empty: all.
    pub models: Vec<String>,
}

/// The keys of one provider. Never empty: where no credential is sent, one key has an empty line.
pub struct ProviderKeys {
    keys: Box<[Held]>,
    /// How long a rejected key is avoided before one request tries it again.
    retry_rejected: Duration,
}

struct Held {
    name: Arc<str>,
    line: Vec<u8>,
    secret_bytes: usize,
    weight: u32,
    models: Vec<Pattern>,
    word: Arc<AtomicU64>,
}

/// A key chosen for one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    index: u8,
    /// Its word when it was chosen: a success speaks for the key only if nothing else happened since.
    word: u64,
}

/// The keys of one provider that were tried for one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried(u64);

/// What a refusal says about the key that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setback {
    /// It is wrong, revoked, not permitted, or its account is empty.
    Rejected,
    /// It has used up a limit that returns after this time.
    Limited(Duration),
    /// It is good, but not for this request; another may be.
    Unfit,
}

impl Setback {
    /// A stable word for logs.
    pub fn word(self) -> &'static str {
        match self {
            Setback::Rejected => "rejected",
            Setback::Limited(_) => "limited",
            Setback::Unfit => "unfit",
        }
    }
}

impl Chosen {
    /// Its place among the provider's keys.
    pub fn index(self) -> usize {
        usize::from(self.index)
    }
}

impl Tried {
    /// Notes that a key was tried.
    pub fn note(&mut self, chosen: Chosen) {
        self.0 |= 1 << chosen.index;
    }

    /// How many were tried.
    pub fn count(self) -> u32 {
        self.0.count_ones()
    }

    fn holds(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }
}

impl ProviderKeys {
    /// The first [`PROVIDER_KEYS_MAX`] of `keys`. What `before` knew of a key is carried over where the
    /// credential is the same: a reload must not send requests to a key that has just been revoked, and
    /// a new key under an old name begins afresh.
    pub fn new(keys: Vec<ProviderKey>, retry_rejected: Duration, before: Option<&ProviderKeys>) -> Self {
        let word = |line: &[u8]| {
            let same = before.and_then(|before| before.keys.iter().find(|held| held.line == line));
            same.map(|held| Arc::clone(&held.word)).unwrap_or_default()
        };
        let held = |key: ProviderKey| Held {
            word: word(&key.line),
            name: key.name,
            line: key.line,
            secret_bytes: key.secret_bytes,
            weight: key.weight,
            models: key.models.iter().map(|model| Pattern::new(model)).collect(),
        };
        ProviderKeys { keys: keys.into_iter().take(PROVIDER_KEYS_MAX).map(held).collect(), retry_rejected }
    }

    /// The key for an attempt at `model`, by weight among those that are fit. The first attempt of a
    /// request gets a key even if none is fit, unless none may be used for this model; a further attempt
    /// gets only one that has a better chance than those before it.
    pub fn choose(&self, model: &str, tried: Tried, now: Tick, random: u64) -> Option<Chosen> {
        if let [only] = &*self.keys {
            let usable = tried == Tried::default() && only.serves(model);
            return usable.then(|| Chosen { index: 0, word: only.word.load(Ordering::Relaxed) });
        }
        if tried.count() >= KEYS_TRIED_MAX {
            return None;
        }
        self.due(model, tried, now)
            .or_else(|| self.drawn(model, tried, now, random))
            .or_else(|| self.first_to_return(model).filter(|_| tried == Tried::default()))
    }

    /// The key called `name`, for what was made with it and may be found by it alone. Even while it is
    /// limited: the provider's own refusal is a truer answer than that another account knows no such thing.
    /// `None` where it is gone, rejected or not for this model.
    pub fn called(&self, name: &str, model: &str, now: Tick) -> Option<Chosen> {
        let (index, key) = self.candidates(model, Tried::default()).find(|(_, key)| *key.name == *name)?;
        let word = key.word.load(Ordering::Relaxed);
        let is_rejected = word & REJECTED != 0 && until(word) > now;
        (!is_rejected).then_some(Chosen { index, word })
    }

    /// A rejected key whose time has come. Its word is moved on at once, so that of all requests in the
    /// process one finds out whether it works again.
    fn due(&self, model: &str, tried: Tried, now: Tick) -> Option<Chosen> {
        for (index, key) in self.candidates(model, tried) {
            let word = key.word.load(Ordering::Relaxed);
            if word & REJECTED == 0 || until(word) > now {
                continue;
            }
            let next = word_of(now.after(self.retry_rejected), REJECTED);
            if key.word.compare_exchange(word, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return Some(Chosen { index, word: next });
            }
        }
        None
    }

    fn drawn(&self, model: &str, tried: Tried, now: Tick, random: u64) -> Option<Chosen> {
        let fit = || self.candidates(model, tried).filter(|(_, key)| key.is_fit(now));
        let total: u64 = fit().map(|(_, key)| u64::from(key.weight)).sum();
        if total == 0 {
            return None;
        }
        let mut left = random % total;
        for (index, key) in fit() {
            let weight = u64::from(key.weight);
            if left < weight {
                return Some(Chosen { index, word: key.word.load(Ordering::Relaxed) });
            }
            left -= weight;
        }
        // Another shard's setback came between the two walks: whoever is still fit will do.
        fit().next().map(|(index, key)| Chosen { index, word: key.word.load(Ordering::Relaxed) })
    }

    /// Limited keys before rejected ones, then by when they return.
    fn first_to_return(&self, model: &str) -> Option<Chosen> {
        let words =
            self.candidates(model, Tried::default()).map(|(index, key)| (index, key.word.load(Ordering::Relaxed)));
        let (index, word) = words.min_by_key(|(_, word)| (word & REJECTED, until(*word)))?;
        Some(Chosen { index, word })
    }

    fn candidates<'k>(&'k self, model: &'k str, tried: Tried) -> impl Iterator<Item = (u8, &'k Held)> {
        let numbered = (0u8..).zip(&self.keys);
        numbered.filter(move |(index, key)| !tried.holds(usize::from(*index)) && key.serves(model))
    }

    /// The provider took the key.
    pub fn accepted(&self, chosen: Chosen) {
        if chosen.word != 0
            && let Some(key) = self.keys.get(chosen.index())
        {
            let _lost_to_a_newer_setback =
                key.word.compare_exchange(chosen.word, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// The provider refused the key: it is avoided for how long is returned. A setback never shortens
    /// an earlier one.
    pub fn refused(&self, chosen: Chosen, setback: Setback, now: Tick) -> Duration {
        let (wait, mark) = match setback {
            Setback::Rejected => (self.retry_rejected, REJECTED),
            Setback::Limited(wait) => (wait.min(COOL_DOWN_MAX), 0),
            Setback::Unfit => return Duration::ZERO,
        };
        if let Some(key) = self.keys.get(chosen.index()) {
            key.word.fetch_max(word_of(now.after(wait), mark), Ordering::Relaxed);
        }
        wait
    }

    /// Until a key that may be used for `model` is fit again; `None` if one is, or if all were rejected,
    /// which waiting does not mend.
    pub fn returns_in(&self, model: &str, now: Tick) -> Option<Duration> {
        let words = self.candidates(model, Tried::default()).map(|(_, key)| key.word.load(Ordering::Relaxed));
        let soonest = words.filter(|word| word & REJECTED == 0).map(until).min()?;
        (soonest > now).then(|| soonest.since(now))
    }

    /// The header line with the credential; empty where none is sent.
    pub fn line(&self, chosen: Chosen) -> &[u8] {
        self.keys.get(chosen.index()).map_or(&[], |key| &key.line)
    }

    /// The name of key number `index`; empty where no credential is sent.
    pub fn name(&self, index: usize) -> &str {
        self.keys.get(index).map_or("", |key| &key.name)
    }

    /// The same, to be kept.
    pub fn shared_name(&self, index: usize) -> Arc<str> {
        self.keys.get(index).map_or_else(Arc::default, |key| Arc::clone(&key.name))
    }

    /// Takes every credential out of a provider's words: some quote what they refuse.
    pub fn redact(&self, text: &mut Cow<'static, str>) {
        for secret in self.keys.iter().filter_map(Held::secret) {
            if text.contains(secret) {
                *text = Cow::Owned(text.replace(secret, REDACTED));
            }
        }
    }

    /// Does a provider's answer quote a credential?
    pub fn are_quoted_in(&self, body: &[u8]) -> bool {
        let mut secrets = self.keys.iter().filter_map(Held::secret);
        secrets.any(|secret| memchr::memmem::find(body, secret.as_bytes()).is_some())
    }

    /// How many keys there are.
    pub fn count(&self) -> usize {
        self.keys.len()
    }
}

impl Held {
    fn secret(&self) -> Option<&str> {
        let end = self.line.len().checked_sub(b"\r\n".len())?;
        let secret = self.line.get(end.checked_sub(self.secret_bytes)?..end)?;
        std::str::from_utf8(secret).ok().filter(|secret| !secret.is_empty())
    }

    fn serves(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|pattern| pattern.matches(model))
    }

    fn is_fit(&self, now: Tick) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        word == 0 || word & REJECTED == 0 && until(word) <= now
    }
}

/// Nanoseconds since the start of the process leave the upper bit free for centuries.
fn word_of(until: Tick, mark: u64) -> u64 {
    until.0.min(u64::MAX >> 1) << 1 | mark
}

fn until(word: u64) -> Tick {
    Tick(word >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RETRY: Duration = Duration::from_secs(60);

    fn key(name: &str, weight: u32, models: &[&str]) -> ProviderKey {
        let models = models.iter().map(|model| (*model).to_owned()).collect();
        let line = format!("authorization: {name}\r\n").into_bytes();
        ProviderKey { name: name.into(), line, secret_bytes: name.len(), weight, models }
    }

    fn keys(weights: &[u32]) -> ProviderKeys {
        let named = weights.iter().enumerate().map(|(index, weight)| key(&format!("k{index}"), *weight, &[]));
        ProviderKeys::new(named.collect(), RETRY, None)
    }

    fn at(seconds: u64) -> Tick {
        Tick(1_000).after(Duration::from_secs(seconds))
    }

    /// How often each key is drawn by every draw of one round of weights.
    fn spread(keys: &ProviderKeys, now: Tick, draws: u64) -> Vec<usize> {
        let mut counts = vec![0; keys.count()];
        for random in 0..draws {
            let chosen = keys.choose("m", Tried::default(), now, random).expect("a first attempt gets a key");
            counts[chosen.index()] += 1;
        }
        counts
    }

    fn first(keys: &ProviderKeys, now: Tick) -> Chosen {
        keys.choose("m", Tried::default(), now, 0).expect("a first attempt gets a key")
    }

    fn chosen(keys: &ProviderKeys, index: u8) -> Chosen {
        Chosen { index, word: keys.keys[usize::from(index)].word.load(Ordering::Relaxed) }
    }

    #[test]
    fn requests_are_spread_by_weight() {
        assert_eq!(spread(&keys(&[2, 1, 3]), at(0), 60), [20, 10, 30]);
    }

    #[test]
    fn a_limited_key_rests_for_as_long_as_the_provider_says() {
        let keys = keys(&[1, 1]);
        assert_eq!(keys.refused(first(&keys, at(0)), Setback::Limited(Duration::from_secs(7)), at(0)).as_secs(), 7);
        assert_eq!(spread(&keys, at(6), 10), [0, 10]);
        assert_eq!(spread(&keys, at(7), 10), [5, 5], "it is fit again without having to prove it");
    }

    #[test]
    fn a_rejected_key_is_tried_again_by_one_request_and_recovers() {
        let keys = keys(&[1, 1]);
        keys.refused(chosen(&keys, 0), Setback::Rejected, at(0));
        assert_eq!(spread(&keys, at(59), 10), [0, 10]);
        assert_eq!(spread(&keys, at(60), 10), [1, 9], "one request of all finds out");
        let probe = keys.choose("m", Tried::default(), at(120), 5).expect("a key");
        assert_eq!(probe.index(), 0);
        keys.accepted(probe);
        assert_eq!(spread(&keys, at(120), 10), [5, 5]);
    }

    #[test]
    fn a_key_that_is_good_for_others_stays_in_its_place() {
        let keys = keys(&[1, 1]);
        let mut tried = Tried::default();
        for left in [1, 0] {
            let chosen = keys.choose("m", tried, at(0), 0).expect("one is left");
            keys.refused(chosen, Setback::Unfit, at(0));
            tried.note(chosen);
            assert_eq!(keys.choose("m", tried, at(0), 0).is_some(), left == 1);
        }
        assert_eq!(spread(&keys, at(0), 10), [5, 5]);
    }

    #[test]
    fn the_only_key_is_never_given_up() {
        let keys = keys(&[1]);
        for setback in [Setback::Rejected, Setback::Limited(Duration::from_secs(3600))] {
            keys.refused(first(&keys, at(0)), setback, at(0));
            assert_eq!(first(&keys, at(1)).index(), 0);
        }
        let mut tried = Tried::default();
        tried.note(first(&keys, at(1)));
        assert_eq!(keys.choose("m", tried, at(1), 0), None, "but once per request is enough");
    }

    #[test]
    fn when_none_is_fit_the_first_to_return_is_used_once() {
        let keys = keys(&[1, 1, 1]);
        keys.refused(chosen(&keys, 0), Setback::Rejected, at(0));
        keys.refused(chosen(&keys, 1), Setback::Limited(Duration::from_secs(50)), at(0));
        keys.refused(chosen(&keys, 2), Setback::Limited(Duration::from_secs(20)), at(0));
        let soonest = first(&keys, at(1));
        assert_eq!(soonest.index(), 2);
        let mut tried = Tried::default();
        tried.note(soonest);
        assert_eq!(keys.choose("m", tried, at(1), 0), None);
        assert_eq!(keys.returns_in("m", at(1)), Some(Duration::from_secs(19)));
        keys.accepted(soonest);
        assert_eq!(keys.returns_in("m", at(1)), None, "it works, whatever was said before");
    }

    #[test]
    fn waiting_does_not_mend_rejections() {
        let keys = keys(&[1, 1]);
        keys.refused(chosen(&keys, 0), Setback::Rejected, at(0));
        keys.refused(chosen(&keys, 1), Setback::Rejected, at(1));
        assert_eq!(first(&keys, at(2)).index(), 0);
        assert_eq!(keys.returns_in("m", at(2)), None);
    }

    #[test]
    fn a_setback_never_shortens_another_and_an_old_success_does_not_end_it() {
        let keys = keys(&[1, 1]);
        let before = chosen(&keys, 0);
        keys.refused(before, Setback::Limited(Duration::from_secs(30)), at(0));
        keys.refused(before, Setback::Limited(Duration::from_secs(2)), at(0));
        keys.accepted(before);
        assert_eq!(spread(&keys, at(29), 10), [0, 10]);
    }

    #[test]
    fn keys_serve_the_models_they_are_kept_to() {
        let listed = vec![key("a", 1, &["gpt-*", "o3"]), key("b", 1, &["o3"])];
        let keys = ProviderKeys::new(listed, RETRY, None);
        let served = |model: &str| keys.choose(model, Tried::default(), at(0), 1).map(Chosen::index);
        assert_eq!((served("gpt-x"), served("o3"), served("o4")), (Some(0), Some(1), None));
    }

    #[test]
    fn attempts_of_one_request_are_bounded() {
        let keys = keys(&[1; 20]);
        let mut tried = Tried::default();
        while let Some(chosen) = keys.choose("m", tried, at(0), 7) {
            tried.note(chosen);
            keys.refused(chosen, Setback::Rejected, at(0));
        }
        assert_eq!(tried.count(), KEYS_TRIED_MAX);
    }

    #[test]
    fn a_reload_carries_over_what_is_known_of_the_same_credential() {
        let before = keys(&[1, 1]);
        before.refused(chosen(&before, 0), Setback::Rejected, at(0));
        let renamed = ProviderKey { name: "new name".into(), ..key("k0", 5, &[]) };
        let after = ProviderKeys::new(vec![key("k9", 1, &[]), renamed], RETRY, Some(&before));
        assert_eq!(spread(&after, at(1), 10), [10, 0]);
        let replaced = ProviderKey { name: "k0".into(), ..key("another secret", 1, &[]) };
        let fresh = ProviderKeys::new(vec![replaced, key("k1", 1, &[])], RETRY, Some(&before));
        assert_eq!(spread(&fresh, at(1), 10), [5, 5]);
    }

    #[test]
    fn a_credential_that_is_quoted_is_taken_out() {
        let keys = ProviderKeys::new(vec![key("sk-one", 1, &[]), key("sk-two", 1, &[])], RETRY, None);
        let mut text = Cow::Borrowed("sk-two is wrong; sk-one and sk-two, too");
        keys.redact(&mut text);
        assert_eq!(text, "[key] is wrong; [key] and [key], too");
        assert!(keys.are_quoted_in(b"{\"sk-one\"}") && !keys.are_quoted_in(b"sk-thre"));
        let none = ProviderKey { name: "".into(), line: Vec::new(), secret_bytes: 0, weight: 1, models: Vec::new() };
        ProviderKeys::new(vec![none], RETRY, None).redact(&mut text);
        assert_eq!(text, "[key] is wrong; [key] and [key], too");
    }

    proptest! {
        #[test]
        fn a_first_attempt_always_gets_a_key_and_no_key_twice(
            weights in prop::collection::vec(1u32..1000, 1..70),
            setbacks in prop::collection::vec((any::<u8>(), any::<bool>(), 0u64..200_000), 0..80),
            random in any::<u64>(),
            now in 0u64..100_000,
        ) {
            let keys = keys(&weights);
            for (index, rejected, wait) in setbacks {
                let index = index % u8::try_from(keys.count()).expect("few");
                let limited = Setback::Limited(Duration::from_secs(wait));
                keys.refused(chosen(&keys, index), if rejected { Setback::Rejected } else { limited }, at(now / 2));
            }
            let mut tried = Tried::default();
            let mut seen = Vec::new();
            while let Some(chosen) = keys.choose("m", tried, at(now), random) {
                prop_assert!(!seen.contains(&chosen.index()));
                seen.push(chosen.index());
                tried.note(chosen);
            }
            prop_assert!(!seen.is_empty());
        }
    }
}
