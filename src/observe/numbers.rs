//! Numbers and instants as text. Money and time are kept as whole nano-units, because a sum of a
//! million small floats drifts and an atomic cell has no floats; the decimal point is put in here.

use std::fmt;
use std::time::Duration;

const NANO: u64 = 1_000_000_000;

/// Whole nanoseconds of a duration; saturates after 584 years.
pub(super) fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(NANO).saturating_add(u64::from(duration.subsec_nanos()))
}

/// US dollars as whole nano-dollars: nothing below zero, and no amount for what is no number.
pub(super) fn nano_dollars(usd: f64) -> Option<u64> {
    usd.is_finite().then(|| (usd * 1e9).round() as u64)
}

/// Nano-units written as units: `1500000000` is `1.5`.
pub(super) struct Nanos(pub(super) u64);

impl fmt::Display for Nanos {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, mut fraction) = (self.0 / NANO, self.0 % NANO);
        if fraction == 0 {
            return write!(out, "{whole}");
        }
        let mut digits = 9;
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            digits -= 1;
        }
        write!(out, "{whole}.{fraction:0digits$}")
    }
}

/// A duration written as milliseconds with microsecond precision: `12.345`.
pub(super) struct Millis(pub(super) Duration);

impl fmt::Display for Millis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = nanos(self.0) / 1_000;
        write!(out, "{}.{:03}", micros / 1_000, micros % 1_000)
    }
}

/// Milliseconds since the Unix epoch, written as RFC 3339 in UTC: `2026-01-31T08:05:09.042Z`.
pub struct Rfc3339(pub u64);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0 / 1_000, self.0 % 1_000);
        let (year, month, day) = civil_date(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

/// The same to the second and without separators: `20260131T080509Z`.
pub struct Compact(pub u64);

impl fmt::Display for Compact {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1_000;
        let (year, month, day) = civil_date(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        write!(out, "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
    }
}

/// The proleptic Gregorian date `days` after 1970-01-01. Years are counted from March, so that the
/// leap day is the last day of a year, in eras of 400 years, which all have 146,097 days.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nano_units_keep_every_digit_that_matters() {
        let said: Vec<_> = [0, 1, 500_000, 1_500_000_000, 30 * NANO, u64::MAX].map(|n| Nanos(n).to_string()).into();
        assert_eq!(said, ["0", "0.000000001", "0.0005", "1.5", "30", "18446744073.709551615"]);
    }

    #[test]
    fn money_that_is_no_money_is_nothing() {
        assert_eq!(nano_dollars(0.000_003), Some(3_000));
        assert_eq!(nano_dollars(-1.0), Some(0));
        assert_eq!([f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(nano_dollars), [None; 3]);
    }

    #[test]
    fn milliseconds_have_three_digits() {
        assert_eq!(Millis(Duration::from_micros(12_345)).to_string(), "12.345");
        assert_eq!(Millis(Duration::from_nanos(7_999)).to_string(), "0.007");
    }

    #[test]
    fn dates_survive_leap_years_and_centuries() {
        let at = |seconds: u64| Rfc3339(seconds * 1_000 + 42).to_string();
        assert_eq!(at(0), "1970-01-01T00:00:00.042Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59.042Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.042Z");
        assert_eq!(at(1_709_251_200), "2024-03-01T00:00:00.042Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.042Z");
        assert_eq!(at(1_767_225_599), "2025-12-31T23:59:59.042Z");
    }
}
