//! Heads of answers: the status line and the header fields that callers see.
//!
//! Rendered by hand into a reused buffer, because fifteen short fields through a general header map
//! would cost more than parsing the request did.

use crate::clock::Tick;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::limits::Allowance;
use crate::limits::openai_duration;
use crate::observe::Rfc3339;
use httpdate::HttpDate;
use std::cell::Cell;
use std::io::Write;
use std::time::Duration;
use std::time::UNIX_EPOCH;

/// Longest `Retry-After` ever sent: Node's OpenAI SDK would sleep an hour if told to.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// How the caches took part in an answer; the value of `x-ringgate-cache`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum CacheOutcome {
    /// Not asked: switched off, or the request is not eligible.
    #[default]
    Bypass,
    /// Asked, nothing usable.
    Miss,
    /// An identical request had been answered.
    Hit,
    /// An equivalent request had been answered; verified.
    Semantic {
        /// Cosine similarity of the two prompts.
        similarity: f32,
    },
    /// An identical request was being answered.
    Coalesced,
}

impl CacheOutcome {
    /// The header's value.
    pub fn header(self) -> &'static str {
        match self {
            CacheOutcome::Bypass => "BYPASS",
            CacheOutcome::Miss => "MISS",
            CacheOutcome::Hit => "HIT",
            CacheOutcome::Semantic { .. } => "SEMANTIC",
            CacheOutcome::Coalesced => "COALESCED",
        }
    }
}

/// Appends `name: value` and the line's end.
pub(super) fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends `name: number`.
pub(super) fn number(out: &mut Vec<u8>, name: &str, value: u64) {
    field(out, name, itoa::Buffer::new().format(value).as_bytes());
}

/// The `date` field, which every answer carries (RFC 9110, section 6.6.1), rendered once a second.
pub(super) struct Dates {
    second: Cell<u64>,
    text: Cell<[u8; DATE_BYTES]>,
}

/// Every date of HTTP has this length.
const DATE_BYTES: usize = "Sun, 06 Nov 1994 08:49:37 GMT".len();

impl Default for Dates {
    fn default() -> Self {
        Dates { second: Cell::new(u64::MAX), text: Cell::new([b' '; DATE_BYTES]) }
    }
}

impl Dates {
    fn write(&self, unix_ms: u64, out: &mut Vec<u8>) {
        /// The last second that has a date of this length.
        const END_OF_9999: u64 = 253_402_300_799;
        let second = (unix_ms / 1000).min(END_OF_9999);
        if self.second.replace(second) != second {
            let date = HttpDate::from(UNIX_EPOCH + Duration::from_secs(second));
            let mut text = [b' '; DATE_BYTES];
            write!(&mut text[..], "{date}").expect("every date has this length");
            self.text.set(text);
        }
        field(out, "date", &self.text.get());
    }
}

/// Appends what every head begins with: the status line and the date.
pub(super) fn opening(out: &mut Vec<u8>, status: u16, dates: &Dates, unix_ms: u64) {
    status_line(out, status);
    dates.write(unix_ms, out);
}

fn status_line(out: &mut Vec<u8>, status: u16) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends the request id under both names that SDKs expose.
pub(super) fn request_id(out: &mut Vec<u8>, id: &str) {
    field(out, "x-request-id", id.as_bytes());
    field(out, "request-id", id.as_bytes());
}

/// Appends the fields common to every server-sent event stream.
pub(super) fn stream_fields(out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n",
    );
}

/// Appends the OpenAI rate-limit fields for the key's own limit.
pub(super) fn allowance(out: &mut Vec<u8>, allowance: &Allowance) {
    number(out, "x-ratelimit-limit-requests", u64::from(allowance.limit));
    number(out, "x-ratelimit-remaining-requests", u64::from(allowance.remaining));
    out.extend_from_slice(b"x-ratelimit-reset-requests: ");
    openai_duration(allowance.reset, out);
    out.extend_from_slice(b"\r\n");
}

/// Appends the same under names that begin with `prefix`; when the bucket is full again is a point in time.
pub(super) fn dated_allowance(out: &mut Vec<u8>, prefix: &str, allowance: &Allowance, unix_ms: u64) {
    let full_at = unix_ms.saturating_add(allowance.reset.as_millis() as u64);
    let mut tell = |name: &str, value: &dyn std::fmt::Display| {
        write!(out, "{prefix}{name}: {value}\r\n").expect("a Vec accepts every byte");
    };
    tell("limit", &allowance.limit);
    tell("remaining", &allowance.remaining);
    tell("reset", &Rfc3339(full_at));
}

/// Appends `x-ringgate-overhead-us` and `server-timing`.
pub(super) fn timing(out: &mut Vec<u8>, started: Tick, now: Tick, upstream: Duration) {
    let total = now.since(started);
    let overhead = total.saturating_sub(upstream);
    number(out, "x-ringgate-overhead-us", overhead.as_micros() as u64);
    out.extend_from_slice(b"server-timing: gateway;dur=");
    milliseconds(out, overhead);
    out.extend_from_slice(b", upstream;dur=");
    milliseconds(out, upstream);
    out.extend_from_slice(b"\r\n");
}

/// Appends what a refused caller needs to decide about retrying.
pub(super) fn retry_hints(out: &mut Vec<u8>, fault: &Fault) {
    let default = match fault.kind {
        Kind::Overloaded => Some(Duration::from_secs(1)),
        _ => None,
    };
    if let Some(wait) = fault.retry_after.or(default) {
        let wait = wait.min(RETRY_AFTER_MAX);
        // Whole seconds, rounded up: a client that comes back early is refused again.
        number(out, "retry-after", wait.as_millis().div_ceil(1000) as u64);
        number(out, "retry-after-ms", wait.as_millis() as u64);
    }
    // After the cap it would be refused again, so a wait beyond it is as hopeless as a wrong key.
    let long = fault.retry_after.is_some_and(|wait| wait > RETRY_AFTER_MAX);
    let hopeless = long || matches!(fault.kind, Kind::BudgetSpent | Kind::LoopDetected | Kind::InvalidKey);
    if let Some(should) = fault.should_retry.or(hopeless.then_some(false)) {
        field(out, "x-should-retry", if should { b"true" } else { b"false" });
    }
}

/// Appends US dollars with up to nine decimals.
pub(super) fn dollars(out: &mut Vec<u8>, name: &str, usd: f64) {
    let nanos = (usd * 1e9).round().max(0.0) as u64;
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(itoa::Buffer::new().format(nanos / 1_000_000_000).as_bytes());
    let rest = nanos % 1_000_000_000;
    if rest > 0 {
        out.push(b'.');
        let digits = format!("{rest:09}");
        out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

fn milliseconds(out: &mut Vec<u8>, duration: Duration) {
    let micros = duration.as_micros() as u64;
    let mut digits = itoa::Buffer::new();
    out.extend_from_slice(digits.format(micros / 1000).as_bytes());
    let rest = micros % 1000;
    out.push(b'.');
    out.push(b'0' + (rest / 100) as u8);
    out.push(b'0' + (rest / 10 % 10) as u8);
    out.push(b'0' + (rest % 10) as u8);
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        508 => "Loop Detected",
        529 => "Overloaded",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("ascii")
    }

    #[test]
    fn dollars_are_exact_and_short() {
        assert_eq!(text(|out| dollars(out, "c", 0.0)), "c: 0\r\n");
        assert_eq!(text(|out| dollars(out, "c", 0.000_013_5)), "c: 0.0000135\r\n");
        assert_eq!(text(|out| dollars(out, "c", 1.5)), "c: 1.5\r\n");
    }

    #[test]
    fn dates_follow_the_clock_wherever_it_jumps() {
        let dates = Dates::default();
        for (unix_ms, date) in [
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_777_999, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778_000, "Sun, 06 Nov 1994 08:49:38 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(text(|out| dates.write(unix_ms, out)), format!("date: {date}\r\n"));
        }
    }

    #[test]
    fn timing_separates_gateway_from_upstream() {
        let head = text(|out| timing(out, Tick(0), Tick(1_234_000), Duration::from_micros(1000)));
        assert_eq!(head, "x-ringgate-overhead-us: 234\r\nserver-timing: gateway;dur=0.234, upstream;dur=1.000\r\n");
    }

    #[test]
    fn long_waits_are_capped_and_hopeless_ones_say_so() {
        let mut fault = Fault::new(Kind::RequestRate, "slow down");
        fault.retry_after = Some(Duration::from_millis(3_600_000));
        let capped = "retry-after: 60\r\nretry-after-ms: 60000\r\nx-should-retry: false\r\n";
        assert_eq!(text(|out| retry_hints(out, &fault)), capped);
        fault.retry_after = Some(Duration::from_millis(1200));
        assert_eq!(text(|out| retry_hints(out, &fault)), "retry-after: 2\r\nretry-after-ms: 1200\r\n");
        let key = Fault::new(Kind::InvalidKey, "no");
        assert_eq!(text(|out| retry_hints(out, &key)), "x-should-retry: false\r\n");
    }
}
