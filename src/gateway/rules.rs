//! What the caller's headers say about caching and time: read once, judged before anything is done.
//! A value that cannot be parsed is a 400, never ignored.

use crate::config::RouteCache;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::wire::http1::Known;
use crate::wire::http1::RequestHead;
use std::time::Duration;

/// How one request may use the caches.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CacheRules {
    /// May a stored answer be served?
    pub lookup: bool,
    /// May the answer be stored?
    pub store: bool,
    /// Answer from the cache or not at all.
    pub only_if_cached: bool,
    /// Oldest acceptable answer.
    pub age_max: Option<Duration>,
    /// How long the answer may be served later.
    pub ttl: Duration,
    /// Smallest cosine similarity of a semantic hit.
    pub similarity_min: f32,
}

/// Longest time to live a caller may ask for.
const TTL_MAX_S: u64 = 365 * 24 * 3600;

/// Reads `cache-control`, `x-ringgate-cache-control`, `-cache-ttl` and `-cache-threshold`.
pub(super) fn cache_rules(route: &RouteCache, head: &RequestHead, bytes: &[u8]) -> Result<CacheRules, Fault> {
    let mut rules = CacheRules {
        lookup: true,
        store: true,
        only_if_cached: false,
        age_max: None,
        ttl: route.ttl,
        similarity_min: route.similarity_min,
    };
    // A list, which may stand in several lines.
    for value in head.lines(bytes, Known::CacheControl) {
        standard_control(&mut rules, &String::from_utf8_lossy(value));
    }
    if let Some(value) = head.header(bytes, Known::XRinggateCacheControl) {
        own_control(&mut rules, text("x-ringgate-cache-control", value)?)?;
    }
    if let Some(value) = head.header(bytes, Known::XRinggateCacheTtl) {
        let seconds = whole_number("x-ringgate-cache-ttl", value, TTL_MAX_S)?;
        rules.ttl = Duration::from_secs(seconds);
        rules.store &= seconds > 0;
    }
    if let Some(value) = head.header(bytes, Known::XRinggateCacheThreshold) {
        let wanted: f32 = text("x-ringgate-cache-threshold", value)?
            .parse()
            .ok()
            .filter(|wanted| (0.0..=1.0).contains(wanted))
            .ok_or_else(|| bad("x-ringgate-cache-threshold", "a number between 0 and 1"))?;
        rules.similarity_min = rules.similarity_min.max(wanted); // a caller may only tighten
    }
    Ok(rules)
}

/// Reads `x-ringgate-timeout-ms`: the caller may shorten the total deadline.
pub(super) fn total_timeout(configured: Duration, head: &RequestHead, bytes: &[u8]) -> Result<Duration, Fault> {
    match head.header(bytes, Known::XRinggateTimeoutMs) {
        None => Ok(configured),
        Some(value) => {
            let millis = whole_number("x-ringgate-timeout-ms", value, u64::from(u32::MAX))?;
            if millis == 0 {
                return Err(bad("x-ringgate-timeout-ms", "a number of milliseconds above 0"));
            }
            Ok(configured.min(Duration::from_millis(millis)))
        }
    }
}

fn standard_control(rules: &mut CacheRules, value: &str) {
    for directive in value.split(',') {
        let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-cache" => rules.lookup = false,
            "no-store" => {
                rules.lookup = false;
                rules.store = false;
            }
            "only-if-cached" => rules.only_if_cached = true,
            "max-age" => {
                let age_max = Duration::from_secs(seconds_of(argument));
                rules.age_max = Some(rules.age_max.map_or(age_max, |other| other.min(age_max)));
                rules.lookup &= !age_max.is_zero();
            }
            // RFC 9111: unknown directives are ignored.
            _ => {}
        }
    }
}

/// The argument of `max-age`. What is no number asks for something fresh (RFC 9111, section 4.2.1).
fn seconds_of(argument: &str) -> u64 {
    let digits = argument.trim().trim_matches('"');
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().unwrap_or(TTL_MAX_S).min(TTL_MAX_S) } else { 0 }
}

fn own_control(rules: &mut CacheRules, value: &str) -> Result<(), Fault> {
    for directive in value.split(',').map(str::trim) {
        match directive {
            "no-cache" => rules.lookup = false,
            "no-store" => {
                rules.lookup = false;
                rules.store = false;
            }
            "only-if-cached" => rules.only_if_cached = true,
            _ => return Err(bad("x-ringgate-cache-control", "no-cache, no-store or only-if-cached")),
        }
    }
    Ok(())
}

fn text<'a>(name: &'static str, value: &'a [u8]) -> Result<&'a str, Fault> {
    std::str::from_utf8(value).map_err(|_| bad(name, "plain text"))
}

fn whole_number(name: &'static str, value: &[u8], most: u64) -> Result<u64, Fault> {
    let parsed: Option<u64> = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    parsed.filter(|number| *number <= most).ok_or_else(|| bad(name, "a whole number"))
}

fn bad(name: &'static str, wanted: &str) -> Fault {
    Fault {
        param: Some(name.to_owned()),
        ..Fault::new(Kind::BadRequest, format!("the header {name} must be {wanted}"))
    }
}
