//! Virtual keys: who is calling, from any of five header spellings, by full digest. The keys that the
//! gateway presents to providers are in `provider_keys`.
//!
//! A key is 256 random bits, so a single SHA-256 is as good as a slow password hash and costs a
//! fraction of a microsecond. Only digests are kept. They are looked up whole: caches keyed on a prefix
//! of a key have let strangers in elsewhere. The digest's own first bytes serve as the hash of the
//! table; since the table holds only what the operator configured, a stranger cannot build collisions
//! into it.

mod mint;
mod provider_keys;

pub use mint::NewKey;
pub use mint::digest;
pub use mint::generate;
pub use mint::parse_hash;
pub use provider_keys::COOL_DOWN_DEFAULT;
pub use provider_keys::Chosen;
pub use provider_keys::ProviderKey;
pub use provider_keys::ProviderKeys;
pub use provider_keys::Setback;
pub use provider_keys::Tried;

use crate::config::VirtualKey;
use crate::fault::Fault;
use crate::fault::Kind;
use hashbrown::HashTable;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Longest key that is hashed at all, bytes.
const KEY_BYTES_MAX: usize = 1024;

const MISSING: &str = "The request carries no API key. Send your gateway key as `Authorization: Bearer <key>`, \
                       or in `x-api-key`, `x-goog-api-key`, `api-key` or `x-ringgate-key`.";
const NOT_BEARER: &str = "The `authorization` header must read `Bearer <key>`; other schemes are not understood here.";
const CONFLICT: &str = "The request carries two different API keys in different headers. Send one.";
const UNKNOWN: &str = "The API key is not known to this gateway. Ask its operator for a valid one.";
const MISTYPED: &str = "The API key is not known to this gateway: it is mistyped or cut short (its check characters \
                        do not fit the rest).";
const PROVIDER_KEY: &str = "The API key is not known to this gateway. It looks like a provider's key; this gateway \
                            holds those itself and wants one of its own keys, which its operator hands out.";

/// The raw header values of the five spellings, `Bearer ` still on.
///
/// Where one spelling occurs twice in a request, the reader of the head must have refused it.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// `authorization`
    pub authorization: Option<&'a [u8]>,
    /// `x-api-key`
    pub x_api_key: Option<&'a [u8]>,
    /// `x-goog-api-key`
    pub x_goog_api_key: Option<&'a [u8]>,
    /// `api-key`
    pub api_key: Option<&'a [u8]>,
    /// The query's `key`, from paths whose clients send it there.
    pub key_parameter: Option<&'a [u8]>,
    /// `x-ringgate-key`, for callers that need `authorization` for something else.
    pub x_ringgate_key: Option<&'a [u8]>,
}

/// Who is calling, and what that one may do.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Position in the configuration; limits are looked up by it.
    pub index: usize,
    /// For logs and metrics.
    pub name: Arc<str>,
    /// Callers of one scope share cached answers.
    pub scope: Arc<str>,
    /// Models it may use; empty = all.
    pub models: Vec<Pattern>,
    /// Requests per minute; `None` = unlimited.
    pub requests_per_minute: Option<u32>,
    /// May it see routing and cache details in headers?
    pub trusted: bool,
}

impl Caller {
    /// May it use `model`, as named in the request?
    pub fn may_use(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|pattern| pattern.matches(model))
    }

    fn of(index: usize, key: &VirtualKey) -> Self {
        Caller {
            index,
            name: key.name.as_str().into(),
            scope: key.cache_scope.as_str().into(),
            models: key.models.iter().map(|model| Pattern::new(model)).collect(),
            requests_per_minute: key.requests_per_minute,
            trusted: key.trusted,
        }
    }

    /// The one caller of a gateway without keys. It is trusted: whoever reaches such a gateway may
    /// spend its money, so there is no detail worth hiding from it.
    fn open() -> Self {
        Caller {
            index: 0,
            name: "open".into(),
            scope: "open".into(),
            models: Vec::new(),
            requests_per_minute: None,
            trusted: true,
        }
    }
}

/// A model name, or all names with a common beginning (`openai/*`, `*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// This name only.
    Exact(Box<str>),
    /// Every name that begins so.
    Prefix(Box<str>),
}

impl Pattern {
    /// A trailing `*` makes a prefix; without it the name is exact.
    pub fn new(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Pattern::Prefix(prefix.into()),
            None => Pattern::Exact(text.into()),
        }
    }

    /// Does `model` fit?
    pub fn matches(&self, model: &str) -> bool {
        match self {
            Pattern::Exact(name) => **name == *model,
            Pattern::Prefix(prefix) => model.starts_with(&**prefix),
        }
    }
}

/// Every configured key, by digest.
pub struct KeyRing {
    callers: Vec<Caller>,
    digests: HashTable<([u8; 32], usize)>,
    open: bool,
}

impl KeyRing {
    /// A ring of `keys`; without any, everybody is the caller named `open`.
    pub fn new(keys: &[VirtualKey]) -> Self {
        let mut digests = HashTable::with_capacity(keys.len());
        for (index, key) in keys.iter().enumerate() {
            digests.insert_unique(table_hash(&key.digest), (key.digest, index), |(digest, _)| table_hash(digest));
        }
        let open = keys.is_empty();
        let callers = match open {
            true => vec![Caller::open()],
            false => keys.iter().enumerate().map(|(index, key)| Caller::of(index, key)).collect(),
        };
        KeyRing { callers, digests, open }
    }

    /// Is there no key at all, so that everybody may call?
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Every caller, at its own `index`.
    pub fn callers(&self) -> &[Caller] {
        &self.callers
    }

    /// The caller at `index`.
    pub fn caller(&self, index: usize) -> Option<&Caller> {
        self.callers.get(index)
    }

    /// Who is calling? One key in several spellings is fine, two different keys are refused.
    pub fn authenticate(&self, credentials: &Credentials<'_>) -> Result<&Caller, Fault> {
        if self.open {
            return Ok(&self.callers[0]);
        }
        let presented = match credentials.x_ringgate_key.and_then(present) {
            Some(own) => self.beside_own_header(own, credentials)?,
            None => only(bearer(credentials.authorization)?, credentials)?.ok_or_else(|| refusal(MISSING))?,
        };
        let found = self.find(presented).ok_or_else(|| unknown(presented))?;
        Ok(&self.callers[found])
    }

    /// With `x-ringgate-key`, `authorization` may belong to somebody else and is then none of our
    /// business; a second *gateway* key in it still makes two identities.
    fn beside_own_header<'a>(&self, own: &'a [u8], credentials: &Credentials<'a>) -> Result<&'a [u8], Fault> {
        if let Ok(Some(other)) = bearer(credentials.authorization) {
            let is_key = other.starts_with(mint::PREFIX.as_bytes()) || self.find(other).is_some();
            if is_key && !same(own, other) {
                return Err(refusal(CONFLICT));
            }
        }
        only(Some(own), credentials).map(|key| key.expect("`own` is there"))
    }

    /// Position of the caller with this key.
    fn find(&self, key: &[u8]) -> Option<usize> {
        if key.len() > KEY_BYTES_MAX {
            return None;
        }
        let digest = digest(key);
        self.digests.find(table_hash(&digest), |(known, _)| same(known, &digest)).map(|(_, index)| *index)
    }
}

/// The one key among `first` and the spellings that hold nothing but a key.
fn only<'a>(first: Option<&'a [u8]>, credentials: &Credentials<'a>) -> Result<Option<&'a [u8]>, Fault> {
    let mut found = first;
    let spellings = [credentials.x_api_key, credentials.x_goog_api_key, credentials.api_key, credentials.key_parameter];
    for value in spellings {
        let Some(key) = value.and_then(present) else { continue };
        match found {
            Some(other) if !same(key, other) => return Err(refusal(CONFLICT)),
            _ => found = Some(key),
        }
    }
    Ok(found)
}

/// The key of an `authorization` value. A scheme without a key counts as no key: SDKs configured with
/// an empty key send just that.
fn bearer(authorization: Option<&[u8]>) -> Result<Option<&[u8]>, Fault> {
    const SCHEME: &[u8] = b"bearer";
    let Some(value) = authorization.and_then(present) else { return Ok(None) };
    match value.split_at_checked(SCHEME.len()) {
        Some((scheme, b"")) if scheme.eq_ignore_ascii_case(SCHEME) => Ok(None),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) && rest[0] == b' ' => Ok(present(rest)),
        _ => Err(refusal(NOT_BEARER)),
    }
}

/// The value without surrounding blanks, unless nothing is left.
fn present(value: &[u8]) -> Option<&[u8]> {
    let value = value.trim_ascii();
    (!value.is_empty()).then_some(value)
}

fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

fn table_hash(digest: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *digest;
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

fn refusal(message: &'static str) -> Fault {
    Fault { should_retry: Some(false), ..Fault::new(Kind::InvalidKey, message) }
}

/// Why an unknown key may be unknown. The hints follow from the presented bytes alone, never from the
/// keys that exist, so they tell a stranger nothing.
fn unknown(key: &[u8]) -> Fault {
    let own = key.starts_with(mint::PREFIX.as_bytes());
    let message = match own {
        true if !mint::checks_out(key) => MISTYPED,
        false if key.starts_with(b"sk-") || key.starts_with(b"AIza") => PROVIDER_KEY,
        _ => UNKNOWN,
    };
    refusal(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(name: &str, secret: &str) -> VirtualKey {
        VirtualKey {
            name: name.to_owned(),
            digest: digest(secret.as_bytes()),
            models: Vec::new(),
            requests_per_minute: None,
            cache_scope: name.to_owned(),
            trusted: false,
        }
    }

    fn ring() -> KeyRing {
        KeyRing::new(&[configured("alice", "alice-key"), configured("bob", "bob-key")])
    }

    fn in_authorization(value: &[u8]) -> Credentials<'_> {
        Credentials { authorization: Some(value), ..Credentials::default() }
    }

    fn refused(ring: &KeyRing, credentials: &Credentials<'_>) -> String {
        let fault = ring.authenticate(credentials).map(|caller| caller.name.clone()).expect_err("must be refused");
        assert_eq!(fault.kind, Kind::InvalidKey);
        assert_eq!(fault.should_retry, Some(false));
        fault.message.into_owned()
    }

    #[test]
    fn every_spelling_is_understood() {
        let ring = ring();
        let key = Some(&b"bob-key"[..]);
        let spellings = [
            in_authorization(b"Bearer bob-key"),
            in_authorization(b"bearer bob-key"),
            in_authorization(b"BEARER   bob-key "),
            Credentials { x_api_key: key, ..Credentials::default() },
            Credentials { x_goog_api_key: key, ..Credentials::default() },
            Credentials { api_key: key, ..Credentials::default() },
            Credentials { x_ringgate_key: key, ..Credentials::default() },
            Credentials { authorization: Some(b"Bearer bob-key"), x_api_key: key, api_key: key, ..Default::default() },
        ];
        for credentials in &spellings {
            let caller = ring.authenticate(credentials).expect("a known key");
            assert_eq!((&*caller.name, caller.index), ("bob", 1));
        }
    }

    #[test]
    fn missing_unknown_and_conflicting_keys_are_told_apart() {
        let ring = ring();
        assert_eq!(refused(&ring, &Credentials::default()), MISSING);
        assert_eq!(refused(&ring, &in_authorization(b"")), MISSING);
        assert_eq!(refused(&ring, &in_authorization(b"Bearer")), MISSING);
        assert_eq!(refused(&ring, &in_authorization(b"Bearer  ")), MISSING);
        assert_eq!(refused(&ring, &in_authorization(b"Bearer nobody")), UNKNOWN);
        assert_eq!(refused(&ring, &in_authorization(b"Basic Ym9iOmtleQ==")), NOT_BEARER);
        assert_eq!(refused(&ring, &in_authorization(b"bob-key")), NOT_BEARER);
        assert_eq!(refused(&ring, &in_authorization(b"Bearerbob-key")), NOT_BEARER);
        let both = Credentials { x_api_key: Some(b"alice-key"), ..in_authorization(b"Bearer bob-key") };
        assert_eq!(refused(&ring, &both), CONFLICT);
        let half_known = Credentials { api_key: Some(b"bob-key"), x_api_key: Some(b"nobody"), ..Default::default() };
        assert_eq!(refused(&ring, &half_known), CONFLICT);
    }

    #[test]
    fn the_own_header_leaves_authorization_to_others_but_not_to_a_second_key() {
        let ring = ring();
        let with = |authorization: &'static [u8]| Credentials {
            x_ringgate_key: Some(b"bob-key"),
            ..in_authorization(authorization)
        };
        for foreign in [&b"Basic Ym9i"[..], b"Bearer some-oauth-token", b"Bearer bob-key"] {
            assert_eq!(&*ring.authenticate(&with(foreign)).expect("bob").name, "bob");
        }
        assert_eq!(refused(&ring, &with(b"Bearer alice-key")), CONFLICT);
        assert_eq!(refused(&ring, &with(b"Bearer rg-whatever")), CONFLICT);
    }

    #[test]
    fn hints_come_from_the_presented_bytes_only() {
        let ring = ring();
        let stranger = generate(&[7; 32]).secret;
        let bearer = |key: &str| format!("Bearer {key}").into_bytes();
        assert_eq!(refused(&ring, &in_authorization(&bearer(&stranger))), UNKNOWN);
        assert_eq!(refused(&ring, &in_authorization(&bearer(&stranger[..stranger.len() - 1]))), MISTYPED);
        assert_eq!(refused(&ring, &in_authorization(&bearer("sk-proj-abc"))), PROVIDER_KEY);
        assert_eq!(refused(&ring, &in_authorization(&bearer(&"x".repeat(KEY_BYTES_MAX + 1)))), UNKNOWN);
    }

    #[test]
    fn keys_sharing_a_beginning_or_an_end_never_match() {
        let secret = generate(&[42; 32]).secret;
        let ring = KeyRing::new(&[configured("owner", &secret)]);
        let knows =
            |key: &[u8]| ring.authenticate(&Credentials { x_api_key: Some(key), ..Credentials::default() }).is_ok();
        assert!(knows(secret.as_bytes()));
        for length in 1..secret.len() {
            let mut forged = secret.clone().into_bytes();
            assert!(!knows(&forged[..length]), "the first {length} characters alone");
            assert!(!knows(&forged[length..]), "without the first {length} characters");
            forged[length..].fill(b'0');
            assert!(forged == secret.as_bytes() || !knows(&forged), "{length} characters shared");
            let mut flipped = secret.clone().into_bytes();
            flipped[length] ^= 1;
            assert!(!knows(&flipped), "all but character {length} shared");
        }
        assert!(!knows(format!("{secret}x").as_bytes()));
    }

    #[test]
    fn many_keys_are_each_found() {
        let keys: Vec<_> = (0..500).map(|n| configured(&format!("k{n}"), &format!("secret-{n}"))).collect();
        let ring = KeyRing::new(&keys);
        for n in 0..500 {
            let secret = format!("secret-{n}");
            let credentials = Credentials { x_api_key: Some(secret.as_bytes()), ..Credentials::default() };
            assert_eq!(ring.authenticate(&credentials).expect("known").index, n);
        }
        assert_eq!(ring.callers().len(), 500);
    }

    #[test]
    fn an_open_ring_takes_everybody() {
        let ring = KeyRing::new(&[]);
        assert!(ring.is_open());
        for credentials in [Credentials::default(), in_authorization(b"Basic x"), in_authorization(b"Bearer sk-y")] {
            let caller = ring.authenticate(&credentials).expect("open");
            assert_eq!(&*caller.name, "open");
            assert!(caller.may_use("anything"));
        }
        assert!(!super::tests::ring().is_open());
    }

    #[test]
    fn grants_are_exact_names_or_prefixes() {
        let mut key = configured("a", "b");
        let may = |key: &VirtualKey, model: &str| Caller::of(0, key).may_use(model);
        assert!(may(&key, "anything"));
        key.models = vec!["openai/*".to_owned(), "fast".to_owned()];
        for (model, allowed) in
            [("openai/gpt-x", true), ("fast", true), ("faster", false), ("openai", false), ("gpt-x", false)]
        {
            assert_eq!(may(&key, model), allowed, "{model}");
        }
        key.models = vec!["*".to_owned()];
        assert!(may(&key, "anything"));
    }
}
