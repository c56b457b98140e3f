//! What a provider's answer says about when to come back.
//!
//! Everybody words it differently: seconds, milliseconds, dates, durations, points in time, one header
//! for requests and one for tokens. They are looked at in a fixed order, the most deliberate first; a
//! limit of which something is left is not the one that refused. What is negative, unreadable or further
//! away than a day is no signal.

use std::time::Duration;
use std::time::UNIX_EPOCH;

/// Longest wait that is believed.
pub const WAIT_MAX: Duration = Duration::from_secs(86_400);

/// The headers of a limit: its reset, and what is left of it.
const RESETS: &[(&str, &str)] = &[
    ("x-ratelimit-reset", "x-ratelimit-remaining"),
    ("x-ratelimit-reset-requests", "x-ratelimit-remaining-requests"),
    ("x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens"),
    ("x-ratelimit-reset-requests-day", "x-ratelimit-remaining-requests-day"),
    ("x-ratelimit-reset-tokens-minute", "x-ratelimit-remaining-tokens-minute"),
    ("anthropic-ratelimit-requests-reset", "anthropic-ratelimit-requests-remaining"),
    ("anthropic-ratelimit-tokens-reset", "anthropic-ratelimit-tokens-remaining"),
    ("anthropic-ratelimit-input-tokens-reset", "anthropic-ratelimit-input-tokens-remaining"),
    ("anthropic-ratelimit-output-tokens-reset", "anthropic-ratelimit-output-tokens-remaining"),
];

/// How long the provider asks to wait: `retry-after`, then `retry-after-ms`. `now_unix_ms` is what dates
/// are compared with.
pub fn retry_after<'h>(header: impl Fn(&str) -> Option<&'h [u8]>, now_unix_ms: u64) -> Option<Duration> {
    let asked = |text: &str| number(text).map_or_else(|| date(text, now_unix_ms), seconds);
    let in_millis = |text: &str| seconds(number(text)? / 1000.0);
    let after = text(header("retry-after")).and_then(asked);
    after.or_else(|| text(header("retry-after-ms")).and_then(in_millis))
}

/// The same, and where nothing is asked, until the limit that refused returns.
pub fn limited_for<'h>(header: impl Fn(&str) -> Option<&'h [u8]>, now_unix_ms: u64) -> Option<Duration> {
    retry_after(&header, now_unix_ms).or_else(|| {
        let mut resets = RESETS.iter().filter(|(_, remaining)| {
            let left = text(header(remaining)).and_then(number);
            left.is_none_or(|left| left <= 0.0)
        });
        resets.find_map(|(reset, _)| point(text(header(reset))?, now_unix_ms))
    })
}

fn text(value: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(value?).ok().map(str::trim)
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

fn seconds(value: f64) -> Option<Duration> {
    let believable = (0.0..=WAIT_MAX.as_secs_f64()).contains(&value);
    believable.then(|| Duration::from_secs_f64(value))
}

/// Seconds, a point in time as seconds or milliseconds since 1970, a duration, or a date.
fn point(text: &str, now_unix_ms: u64) -> Option<Duration> {
    const A_POINT_IN_SECONDS: f64 = 1e9;
    const A_POINT_IN_MILLIS: f64 = 1e12;
    let since = |unix_ms: f64| seconds(((unix_ms - now_unix_ms as f64) / 1000.0).max(0.0));
    match number(text) {
        Some(value) if value >= A_POINT_IN_MILLIS => since(value),
        Some(value) if value >= A_POINT_IN_SECONDS => since(value * 1000.0),
        Some(value) => seconds(value),
        None => duration(text).or_else(|| date(text, now_unix_ms)),
    }
}

/// `1s`, `7.66s`, `120ms`, `6m0s`, `1h30m0s`, `1d2h`.
fn duration(text: &str) -> Option<Duration> {
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let value: f64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let (unit_s, length) = match unit.as_bytes() {
            [b'm', b's', ..] => (0.001, 2),
            [b'd', ..] => (86_400.0, 1),
            [b'h', ..] => (3_600.0, 1),
            [b'm', ..] => (60.0, 1),
            [b's', ..] => (1.0, 1),
            _ => return None,
        };
        total += value * unit_s;
        rest = &unit[length..];
    }
    (!text.is_empty()).then_some(total).and_then(seconds)
}

/// An HTTP date or one of RFC 3339; one that has passed is now.
fn date(text: &str, now_unix_ms: u64) -> Option<Duration> {
    let unix_ms = match httpdate::parse_http_date(text) {
        Ok(time) => u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?,
        Err(_) => rfc3339_unix_ms(text)?,
    };
    let wait = Duration::from_millis(unix_ms.saturating_sub(now_unix_ms));
    (wait <= WAIT_MAX).then_some(wait)
}

/// `2025-03-01T12:00:00Z`, with a fraction that is ignored and any offset.
fn rfc3339_unix_ms(text: &str) -> Option<u64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.split('-').map(str::parse::<i64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let mut parts = rest[..zone_at].split('.').next()?.split(':').map(str::parse::<i64>);
    let (hour, minute, second) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let offset_minutes = offset_minutes(&rest[zone_at..])?;
    let sane = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    if !sane {
        return None;
    }
    let unix_s = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + (minute - offset_minutes) * 60 + second;
    u64::try_from(unix_s).ok()?.checked_mul(1000)
}

fn offset_minutes(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let minutes = hours.parse::<i64>().ok()?.checked_mul(60)?.checked_add(minutes.parse().ok()?)?;
    (0..24 * 60).contains(&minutes).then_some(if zone.starts_with('-') { -minutes } else { minutes })
}

/// Days of the Gregorian calendar, counted in years that begin in March so that a leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Saturday, 1 March 2025, 12:00:00 UTC.
    const NOW: u64 = 1_740_830_400_000;

    fn wait(headers: &[(&str, &str)]) -> Option<f64> {
        let find = |name: &str| headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_bytes());
        limited_for(find, NOW).map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn every_wording_is_read() {
        for (name, value, wanted) in [
            ("retry-after", "7", 7.0),
            ("retry-after", " 1.5 ", 1.5),
            ("retry-after", "Sat, 01 Mar 2025 12:00:30 GMT", 30.0),
            ("retry-after", "Sat, 01 Mar 2025 11:00:30 GMT", 0.0),
            ("retry-after-ms", "250", 0.25),
            ("x-ratelimit-reset", "12", 12.0),
            ("x-ratelimit-reset", "1740830405", 5.0),
            ("x-ratelimit-reset", "1740830406500", 6.5),
            ("x-ratelimit-reset-requests", "6m0s", 360.0),
            ("x-ratelimit-reset-requests", "120ms", 0.12),
            ("x-ratelimit-reset-requests", "1h0m1s", 3601.0),
            ("x-ratelimit-reset-tokens", "7.66s", 7.66),
            ("x-ratelimit-reset-requests-day", "33011.382867", 33_011.382_867),
            ("x-ratelimit-reset-tokens-minute", "11.38", 11.38),
            ("anthropic-ratelimit-requests-reset", "2025-03-01T12:00:09Z", 9.0),
            ("anthropic-ratelimit-input-tokens-reset", "2025-03-01T13:00:10.25+01:00", 10.0),
            ("anthropic-ratelimit-output-tokens-reset", "2025-03-01T07:00:11-05:00", 11.0),
        ] {
            let found = wait(&[(name, value)]).unwrap_or_else(|| panic!("{name}: {value}"));
            assert!((found - wanted).abs() < 1e-3, "{name}: {value}: {found}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_no_signal() {
        for value in [
            "-5",
            "soon",
            "1e99",
            "NaN",
            "inf",
            "",
            "86401",
            "1d1s",
            "s",
            "5",
            "5x",
            "2025-02-30",
            "2025-13-01T00:00:00Z",
            "2025-03-01T12:00:00",
            "2025-03-01T12:00:00+99:99",
            "2027-01-01T00:00:00Z",
            "Mon, 32 Foo 2025 12:00:00 GMT",
        ] {
            let expected = (value == "5").then_some(5.0);
            assert_eq!(wait(&[("retry-after", value)]), expected, "{value}");
            assert_eq!(wait(&[("x-ratelimit-reset", value)]), expected, "{value}");
        }
    }

    #[test]
    fn the_most_deliberate_signal_wins() {
        let all = [
            ("anthropic-ratelimit-requests-reset", "2025-03-01T12:00:09Z"),
            ("x-ratelimit-reset-tokens", "3s"),
            ("x-ratelimit-reset-requests", "2s"),
            ("retry-after-ms", "100"),
            ("retry-after", "1"),
        ];
        let found: Vec<Option<f64>> = (0..all.len()).map(|skipped| wait(&all[..all.len() - skipped])).collect();
        assert_eq!(found, [Some(1.0), Some(0.1), Some(2.0), Some(3.0), Some(9.0)]);
    }

    #[test]
    fn a_limit_of_which_something_is_left_did_not_refuse() {
        let headers = [
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-tokens", "6m0s"),
            ("x-ratelimit-remaining-tokens", "0"),
        ];
        assert_eq!(wait(&headers), Some(360.0));
    }

    #[test]
    fn only_what_was_asked_for_counts_as_asked_for() {
        let reset = |name: &str| (name == "x-ratelimit-reset").then_some(b"3".as_slice());
        assert_eq!(retry_after(reset, NOW), None);
    }
}
