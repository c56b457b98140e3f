//! Who the gateway is to a provider of a cloud: credentials that somebody gives for an hour or so.
//!
//! The shards only look: what is in force is one atomic pointer, and none of them ever waits for a
//! token. Fetching and renewing ([`renew`]) goes on elsewhere, over the same io layer and the same
//! exchange as everything else, so it runs on memory and virtual time too. A renewal that fails changes
//! nothing: the last credential serves until it expires, and only then is there none.

mod aws;
mod google;
mod issuer;
mod renewal;

pub use aws::AwsIdentity;
pub use google::GoogleIdentity;
pub use issuer::Trust;
pub use renewal::Renewal;
pub use renewal::renew;

use crate::config::Secret;
use crate::upstream::Signer;
use crate::upstream::Unsigned;
use arc_swap::ArcSwapOption;
use arc_swap::Guard;
use secrecy::ExposeSecret;
use std::borrow::Cow;
use std::future::poll_fn;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::task::Waker;

/// An instant that no clock reaches: a credential that does not expire.
pub const NEVER_UNIX_MS: u64 = u64::MAX;
/// Stands in a provider's words for a credential.
const REDACTED: &str = "[credential]";

/// Where credentials come from.
pub enum Source {
    /// The configuration has them: they stay as they are.
    Configured,
    /// Google.
    Google(Box<GoogleIdentity>),
    /// AWS.
    Aws(Box<AwsIdentity>),
}

impl Source {
    /// Whether both give credentials of the same identity.
    fn is_same_as(&self, other: &Source) -> bool {
        match (self, other) {
            (Source::Google(one), Source::Google(other)) => one.is_same_as(other),
            (Source::Aws(one), Source::Aws(other)) => one.is_same_as(other),
            _ => false,
        }
    }

    /// What a provider's settings call it.
    fn setting(&self) -> &'static str {
        match self {
            Source::Google(_) => "google",
            Source::Configured | Source::Aws(_) => "aws",
        }
    }
}

/// What a request says who asks with.
pub enum Credential {
    /// An access token.
    Bearer(Secret),
    /// A signature of each request.
    Signed(Signer),
}

impl Credential {
    /// Appends its fields to a request's head. One that signs is still to be told the rest of the request.
    pub fn write_fields(&self, unix_ms: u64, out: &mut Vec<u8>) -> Option<(&Signer, Unsigned)> {
        self.write_bearer(out);
        match self {
            Credential::Bearer(_) => None,
            Credential::Signed(signer) => Some((signer, signer.write_fields(unix_ms, out))),
        }
    }

    /// Appends an access token to a request's head, if it is one.
    pub fn write_bearer(&self, out: &mut Vec<u8>) {
        if let Credential::Bearer(token) = self {
            for text in ["authorization: Bearer ", token.expose_secret(), "\r\n"] {
                out.extend_from_slice(text.as_bytes());
            }
        }
    }

    /// What of it is sent, and nobody but the provider may see.
    fn sent_secret(&self) -> Option<&str> {
        match self {
            Credential::Bearer(token) => Some(token.expose_secret()),
            Credential::Signed(signer) => signer.keys().session_token.as_ref().map(ExposeSecret::expose_secret),
        }
    }
}

/// A credential and how long it holds.
struct Held {
    credential: Arc<Credential>,
    expires_unix_ms: u64,
    /// The one before, which a slow request may still carry.
    previous: Option<Arc<Credential>>,
}

/// A credential in force, for as long as it is looked at.
pub struct InForce(Guard<Option<Arc<Held>>>);

impl Deref for InForce {
    type Target = Credential;

    fn deref(&self) -> &Credential {
        &self.0.as_ref().expect("nothing is in force without a credential").credential
    }
}

/// The gateway's identity towards one provider.
pub struct Identity {
    provider: Arc<str>,
    source: Source,
    held: ArcSwapOption<Held>,
    doubt: Doubt,
}

impl Identity {
    /// Without a credential yet, unless `before` is the same identity and has one: a reload does not make a token
    /// worse.
    pub fn new(provider: &str, source: Source, before: Option<&Identity>) -> Identity {
        let same = before.filter(|before| before.source.is_same_as(&source));
        let held = ArcSwapOption::new(same.and_then(|before| before.held.load_full()));
        Identity { provider: Arc::from(provider), source, held, doubt: Doubt::default() }
    }

    /// With a credential that stays as it is.
    pub fn fixed(provider: &str, credential: Credential) -> Identity {
        let identity = Identity::new(provider, Source::Configured, None);
        identity.replace(credential, NEVER_UNIX_MS);
        identity
    }

    /// The provider's name.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The provider's setting that describes it.
    pub fn setting(&self) -> &'static str {
        self.source.setting()
    }

    /// Has it to be renewed while the gateway runs?
    pub fn is_renewed(&self) -> bool {
        !matches!(self.source, Source::Configured)
    }

    /// The credential to be presented now: one load, no lock. `None`: there is none, or it has expired.
    pub fn in_force(&self, unix_ms: u64) -> Option<InForce> {
        let held = self.held.load();
        let holds = held.as_ref().is_some_and(|held| unix_ms < held.expires_unix_ms);
        holds.then(|| InForce(held))
    }

    /// When the newest credential expires; `None` where there never was one.
    pub fn expires_unix_ms(&self) -> Option<u64> {
        self.held.load().as_ref().map(|held| held.expires_unix_ms)
    }

    /// The provider has refused the credential: it may have been withdrawn before its time.
    pub fn doubt(&self) {
        self.doubt.raise();
    }

    /// Takes the credential out of a provider's words.
    pub fn redact(&self, text: &mut Cow<'static, str>) {
        self.each_secret(|secret| {
            if text.contains(secret) {
                *text = Cow::Owned(text.replace(secret, REDACTED));
            }
        });
    }

    /// Does a provider's answer quote the credential?
    pub fn is_quoted_in(&self, body: &[u8]) -> bool {
        let mut is_quoted = false;
        self.each_secret(|secret| is_quoted |= memchr::memmem::find(body, secret.as_bytes()).is_some());
        is_quoted
    }

    fn each_secret(&self, mut look: impl FnMut(&str)) {
        let held = self.held.load();
        let known = held.iter().flat_map(|held| [Some(&held.credential), held.previous.as_ref()]);
        known.flatten().filter_map(|credential| credential.sent_secret()).for_each(&mut look);
    }

    fn replace(&self, credential: Credential, expires_unix_ms: u64) {
        let previous = self.held.load().as_ref().map(|held| Arc::clone(&held.credential));
        let held = Held { credential: Arc::new(credential), expires_unix_ms, previous };
        self.held.store(Some(Arc::new(held)));
        // Whatever was said about the last one is not about this one.
        self.doubt.settle();
    }
}

/// A word from the shards to whoever renews.
#[derive(Default)]
struct Doubt {
    is_raised: AtomicBool,
    waiting: Mutex<Option<Waker>>,
}

impl Doubt {
    fn raise(&self) {
        if !self.is_raised.swap(true, Ordering::AcqRel)
            && let Some(waker) = self.waiting().take()
        {
            waker.wake();
        }
    }

    fn settle(&self) {
        self.is_raised.store(false, Ordering::Release);
    }

    async fn raised(&self) {
        poll_fn(|context| {
            // The waker is stored before the word is looked at, so none falls between.
            *self.waiting() = Some(context.waker().clone());
            match self.is_raised.swap(false, Ordering::AcqRel) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(token: &str) -> Credential {
        Credential::Bearer(token.into())
    }

    fn presented(identity: &Identity, unix_ms: u64) -> Option<String> {
        let mut out = Vec::new();
        let credential = identity.in_force(unix_ms)?;
        assert!(credential.write_fields(unix_ms, &mut out).is_none(), "a token signs nothing");
        Some(String::from_utf8(out).expect("ASCII"))
    }

    #[test]
    fn a_credential_serves_until_it_expires() {
        let identity = Identity::new("p", Source::Configured, None);
        assert_eq!(presented(&identity, 0), None);
        identity.replace(bearer("one"), 1_000);
        assert_eq!(presented(&identity, 999).as_deref(), Some("authorization: Bearer one\r\n"));
        assert_eq!(presented(&identity, 1_000), None);
        identity.replace(bearer("two"), NEVER_UNIX_MS);
        assert_eq!(presented(&identity, u64::MAX - 1).as_deref(), Some("authorization: Bearer two\r\n"));
    }

    #[test]
    fn this_and_the_last_credential_are_taken_out_of_other_peoples_words() {
        let identity = Identity::fixed("p", bearer("first-token"));
        identity.replace(bearer("second-token"), 9);
        let mut text = Cow::Borrowed("first-token or second-token");
        identity.redact(&mut text);
        assert_eq!(text, "[credential] or [credential]");
        assert!(identity.is_quoted_in(b"x first-token y") && !identity.is_quoted_in(b"another-token"));
    }

    #[test]
    fn a_doubt_ends_with_the_credential() {
        let identity = Identity::fixed("p", bearer("t"));
        let is_raised = || {
            let waited = std::pin::pin!(identity.doubt.raised());
            waited.poll(&mut std::task::Context::from_waker(Waker::noop())).is_ready()
        };
        use std::future::Future;
        assert!(!is_raised());
        identity.doubt();
        identity.doubt();
        assert!(is_raised() && !is_raised());
        identity.doubt();
        identity.replace(bearer("u"), 9);
        assert!(!is_raised());
    }
}
