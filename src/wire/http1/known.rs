//! The header names that the gateway itself looks at, recognised once while a head is parsed.
//!
//! Everything after the parser then compares one byte instead of a name, and whatever is not in this
//! list is by construction something that no rule of ours depends on.

macro_rules! known_names {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// A header name, or a family of names, that the gateway looks at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Known {
            $(#[doc = concat!("`", $name, "`")] $(#[$doc])* $variant,)+
        }

        const NAMES: &[(Known, &str)] = &[$((Known::$variant, $name),)+];
    };
}

known_names! {
    // The message itself.
    Host = "host",
    ContentLength = "content-length",
    ContentType = "content-type",
    ContentEncoding = "content-encoding",
    TransferEncoding = "transfer-encoding",
    Connection = "connection",
    KeepAlive = "keep-alive",
    Te = "te",
    Trailer = "trailer",
    Upgrade = "upgrade",
    Expect = "expect",
    Accept = "accept",
    AcceptEncoding = "accept-encoding",
    UserAgent = "user-agent",
    Cookie = "cookie",
    SetCookie = "set-cookie",
    CacheControl = "cache-control",
    Date = "date",
    Server = "server",
    Location = "location",
    Forwarded = "forwarded",
    Via = "via",
    XForwardedFor = "x-forwarded-for",
    // Keys.
    Authorization = "authorization",
    XApiKey = "x-api-key",
    XGoogApiKey = "x-goog-api-key",
    ApiKey = "api-key",
    XRinggateKey = "x-ringgate-key",
    // Passed to the provider.
    AnthropicBeta = "anthropic-beta",
    AnthropicVersion = "anthropic-version",
    OpenaiOrganization = "openai-organization",
    OpenaiProject = "openai-project",
    IdempotencyKey = "idempotency-key",
    Traceparent = "traceparent",
    Tracestate = "tracestate",
    // Read and dropped.
    XRequestId = "x-request-id",
    XStainlessRetryCount = "x-stainless-retry-count",
    XPortkeyMetadata = "x-portkey-metadata",
    CfAigMetadata = "cf-aig-metadata",
    // Ours.
    XRinggateCacheControl = "x-ringgate-cache-control",
    XRinggateCacheTtl = "x-ringgate-cache-ttl",
    XRinggateCacheNamespace = "x-ringgate-cache-namespace",
    XRinggateCacheThreshold = "x-ringgate-cache-threshold",
    XRinggateCacheTags = "x-ringgate-cache-tags",
    XRinggateRoute = "x-ringgate-route",
    XRinggateFallbacks = "x-ringgate-fallbacks",
    XRinggateProvider = "x-ringgate-provider",
    XRinggateTimeoutMs = "x-ringgate-timeout-ms",
    XRinggateTtftMs = "x-ringgate-ttft-ms",
    XRinggatePriority = "x-ringgate-priority",
    XRinggateSession = "x-ringgate-session",
    XRinggateMetadata = "x-ringgate-metadata",
    XRinggateBudgetUsd = "x-ringgate-budget-usd",
    // What a provider says about itself.
    RequestId = "request-id",
    XShouldRetry = "x-should-retry",
    RetryAfter = "retry-after",
    RetryAfterMs = "retry-after-ms",
    XRatelimitReset = "x-ratelimit-reset",
    XRatelimitLimitRequests = "x-ratelimit-limit-requests",
    XRatelimitLimitTokens = "x-ratelimit-limit-tokens",
    XRatelimitRemainingRequests = "x-ratelimit-remaining-requests",
    XRatelimitRemainingTokens = "x-ratelimit-remaining-tokens",
    XRatelimitResetRequests = "x-ratelimit-reset-requests",
    XRatelimitResetTokens = "x-ratelimit-reset-tokens",
    XRatelimitResetRequestsDay = "x-ratelimit-reset-requests-day",
    XRatelimitResetTokensMinute = "x-ratelimit-reset-tokens-minute",
    AnthropicRatelimitRequestsLimit = "anthropic-ratelimit-requests-limit",
    AnthropicRatelimitRequestsRemaining = "anthropic-ratelimit-requests-remaining",
    AnthropicRatelimitRequestsReset = "anthropic-ratelimit-requests-reset",
    AnthropicRatelimitTokensLimit = "anthropic-ratelimit-tokens-limit",
    AnthropicRatelimitTokensRemaining = "anthropic-ratelimit-tokens-remaining",
    AnthropicRatelimitTokensReset = "anthropic-ratelimit-tokens-reset",
    AnthropicRatelimitInputTokensLimit = "anthropic-ratelimit-input-tokens-limit",
    AnthropicRatelimitInputTokensRemaining = "anthropic-ratelimit-input-tokens-remaining",
    AnthropicRatelimitInputTokensReset = "anthropic-ratelimit-input-tokens-reset",
    AnthropicRatelimitOutputTokensLimit = "anthropic-ratelimit-output-tokens-limit",
    AnthropicRatelimitOutputTokensRemaining = "anthropic-ratelimit-output-tokens-remaining",
    AnthropicRatelimitOutputTokensReset = "anthropic-ratelimit-output-tokens-reset",
    // Families: names not listed above that a rule covers by their beginning (or, for hosts, end).
    /// and not listed here by its whole name: a header of ours that does not exist, or a response
    /// header that another gateway of our kind has set.
    XRinggateOther = "x-ringgate-*",
    /// and not listed here by its whole name: dropped.
    XStainlessOther = "x-stainless-*",
    /// Metadata in another gateway's spelling; the rest of the name is the key.
    HeliconeProperty = "helicone-property-*",
    /// Hop by hop: dropped.
    Proxy = "proxy-*",
    /// Anything that tries to name an upstream or a public host: dropped.
    XHost = "x-*-host",
}

/// Number of names and families.
pub(super) const COUNT: usize = NAMES.len();
/// Names from here on are families and not found by their whole text.
const FAMILIES_FROM: usize = Known::XRinggateOther as usize;

impl Known {
    /// The name in lower case (of a family, its pattern).
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// Recognises a header name, in any case. The name must be a token.
    pub(super) fn of(name: &[u8]) -> Option<Known> {
        let mut slot = slot_of(name);
        while let Some((known, text)) = NAMES.get(usize::from(SLOTS[slot])) {
            if is_same(name, text.as_bytes()) {
                return Some(*known);
            }
            slot = (slot + 1) % SLOT_COUNT;
        }
        family_of(name)
    }

    /// Whether the header carries a key, in any of the accepted spellings.
    pub fn is_credential(self) -> bool {
        matches!(self, Known::Authorization | Known::XApiKey | Known::XGoogApiKey | Known::ApiKey | Known::XRinggateKey)
    }

    /// Whether the header is one of ours, known or not.
    pub fn is_ringgate(self) -> bool {
        (Known::XRinggateCacheControl as u8..=Known::XRinggateBudgetUsd as u8).contains(&(self as u8))
            || matches!(self, Known::XRinggateKey | Known::XRinggateOther)
    }

    /// Whether a request with two such headers is ambiguous and refused.
    pub(super) fn stands_alone(self) -> bool {
        let framing = matches!(
            self,
            Known::Host | Known::ContentLength | Known::TransferEncoding | Known::ContentType | Known::Expect
        );
        framing || self.is_credential() || (self.is_ringgate() && self != Known::XRinggateOther)
    }
}

/// A power of two well above the number of names, so that chains stay short.
const SLOT_COUNT: usize = 512;
const EMPTY: u8 = u8::MAX;
/// Open-addressed table of indices into `NAMES`, built by the compiler.
static SLOTS: [u8; SLOT_COUNT] = slots();

const fn slots() -> [u8; SLOT_COUNT] {
    assert!(COUNT < EMPTY as usize);
    let mut slots = [EMPTY; SLOT_COUNT];
    let mut index = 0;
    while index < FAMILIES_FROM {
        let mut slot = slot_of(NAMES[index].1.as_bytes());
        while slots[slot] != EMPTY {
            slot = (slot + 1) % SLOT_COUNT;
        }
        slots[slot] = index as u8;
        index += 1;
    }
    slots
}

/// A hash of the length and four letters, blind to case.
const fn slot_of(name: &[u8]) -> usize {
    let length = name.len();
    if length == 0 {
        return 0;
    }
    let letters = u32::from_le_bytes([name[0], name[length / 3], name[length - length / 3 - 1], name[length - 1]]);
    let mixed = ((letters | 0x2020_2020) ^ (length as u32) << 13).wrapping_mul(0x9e37_79b1);
    (mixed >> 23) as usize % SLOT_COUNT
}

/// Whether a token is `lower`, a name of ours, but for case. Setting one bit makes letters lower case and
/// turns nothing else that a token may hold into a byte of our names, so eight bytes go at a time.
fn is_same(token: &[u8], lower: &[u8]) -> bool {
    const CASE: u64 = 0x2020_2020_2020_2020;
    let word = |bytes: &[u8], at: usize| bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk));
    if token.len() != lower.len() {
        return false;
    }
    let Some(last) = token.len().checked_sub(8) else {
        return token.iter().zip(lower).all(|(byte, lower)| byte | 0x20 == *lower);
    };
    let same = |at: usize| (word(token, at) | CASE) == word(lower, at);
    (0..last).step_by(8).all(same) && same(last)
}

fn family_of(name: &[u8]) -> Option<Known> {
    let begins = |prefix: &str| {
        name.get(..prefix.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    match name.first()? | 0x20 {
        b'x' if begins("x-ringgate-") => Some(Known::XRinggateOther),
        b'x' if begins("x-stainless-") => Some(Known::XStainlessOther),
        b'x' if begins("x-") && name[name.len().saturating_sub(5)..].eq_ignore_ascii_case(b"-host") => {
            Some(Known::XHost)
        }
        b'h' if begins("helicone-property-") => Some(Known::HeliconeProperty),
        b'p' if begins("proxy-") => Some(Known::Proxy),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_recognised_in_any_case_and_no_other() {
        for (index, (known, name)) in NAMES.iter().enumerate() {
            assert_eq!(*known as usize, index);
            assert_eq!(known.name(), *name);
            if index >= FAMILIES_FROM {
                continue;
            }
            assert_eq!(Known::of(name.as_bytes()), Some(*known));
            assert_eq!(Known::of(name.to_ascii_uppercase().as_bytes()), Some(*known));
            assert_ne!(Known::of(&name.as_bytes()[1..]), Some(*known));
            assert_ne!(Known::of(format!("{name}x").as_bytes()), Some(*known));
            for at in 0..name.len() {
                let mut other = name.as_bytes().to_vec();
                other[at] = if other[at] == b'q' { b'z' } else { b'q' };
                assert_ne!(Known::of(&other), Some(*known), "{name} but for byte {at}");
            }
        }
        for name in ["", "x", "hos", "content_length", "x-ringgate", "x-hos", "xhost", "\u{212a}eep-alive"] {
            assert_eq!(Known::of(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn families_are_recognised_by_their_beginning_or_end() {
        let families = [
            ("x-ringgate-nonsense", Known::XRinggateOther),
            ("X-Stainless-Lang", Known::XStainlessOther),
            ("helicone-property-team", Known::HeliconeProperty),
            ("Proxy-Authorization", Known::Proxy),
            ("X-Forwarded-Host", Known::XHost),
            ("x-host", Known::XHost),
        ];
        for (name, family) in families {
            assert_eq!(Known::of(name.as_bytes()), Some(family), "{name}");
        }
    }

    #[test]
    fn no_chain_of_the_table_is_long() {
        let longest = SLOTS.split(|&slot| slot == EMPTY).map(<[u8]>::len).max();
        assert!(longest <= Some(6), "{longest:?}");
    }
}
