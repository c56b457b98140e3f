//! Request limits per virtual key; what providers say about theirs is read in [`signals`].
//!
//! A limit lives in one atomic word shared by all shards, because a client's connections land on any
//! shard: per-shard counters would admit up to `limit × shards`. The word is a GCRA, the token bucket
//! turned round: instead of counting tokens it holds the instant at which the bucket will be full
//! again. So there is nothing to refill, no timer, and a request costs one compare-and-swap.

pub mod signals;

use crate::clock::Tick;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

const NANOS_PER_MINUTE: u64 = 60_000_000_000;

/// Requests per minute, exact over all shards: a burst of `limit`, refilled evenly.
///
/// In any span of time at most `limit` requests plus one per full refill interval (`60 s / limit`)
/// are admitted.
#[derive(Debug)]
pub struct RequestRate {
    limit: u32,
    /// Nanoseconds between two refilled requests, rounded up so that rounding never admits more.
    interval_ns: u64,
    /// The tick at which the bucket is full again; in the past while it is full.
    full_at: AtomicU64,
}

/// May this request pass?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes; it has been counted.
    Admitted(Allowance),
    /// No; it has not been counted.
    Refused {
        /// Until a request would be admitted, if nobody else asks.
        retry_after: Duration,
        /// What is left, which is nothing.
        allowance: Allowance,
    },
}

/// What a key may still do: the content of the rate-limit headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests per minute.
    pub limit: u32,
    /// Requests that would be admitted right now.
    pub remaining: u32,
    /// Until the bucket is full again.
    pub reset: Duration,
}

impl RequestRate {
    /// A full bucket of `per_minute` requests; zero refuses everything.
    pub fn new(per_minute: u32) -> Self {
        let interval_ns = NANOS_PER_MINUTE.div_ceil(u64::from(per_minute.max(1)));
        RequestRate { limit: per_minute, interval_ns, full_at: AtomicU64::new(0) }
    }

    /// The same bucket under a new limit, for a reload: what has been used stays used in proportion,
    /// so that editing the file does not hand out a fresh burst.
    pub fn resized(&self, per_minute: u32) -> Self {
        let resized = RequestRate::new(per_minute);
        resized.full_at.store(self.full_at.load(Ordering::Relaxed), Ordering::Relaxed);
        resized
    }

    /// Requests per minute.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Counts one request at `now`, or refuses it and leaves the bucket as it was.
    // Relaxed is enough: the word is the whole state and orders nothing else.
    pub fn admit(&self, now: Tick) -> Verdict {
        let mut full_at = self.full_at.load(Ordering::Relaxed);
        loop {
            let (verdict, next) = self.judge(full_at, now);
            let Some(next) = next else { return verdict };
            match self.full_at.compare_exchange_weak(full_at, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return verdict,
                Err(seen) => full_at = seen,
            }
        }
    }

    /// The verdict given the state, and the state after an admission.
    fn judge(&self, full_at: u64, now: Tick) -> (Verdict, Option<u64>) {
        // Shards read the clock apart from each other: `now` may lie a little before another's.
        let debt_ns = full_at.saturating_sub(now.0);
        let debt_after_ns = debt_ns.saturating_add(self.interval_ns);
        let capacity_ns = self.capacity_ns();
        if debt_after_ns > capacity_ns {
            let retry_after = Duration::from_nanos(debt_after_ns - capacity_ns);
            let allowance = Allowance { limit: self.limit, remaining: 0, reset: Duration::from_nanos(debt_ns) };
            return (Verdict::Refused { retry_after, allowance }, None);
        }
        let left = (capacity_ns - debt_after_ns) / self.interval_ns;
        let allowance = Allowance {
            limit: self.limit,
            remaining: u32::try_from(left).unwrap_or(self.limit),
            reset: Duration::from_nanos(debt_after_ns),
        };
        (Verdict::Admitted(allowance), Some(now.0.saturating_add(debt_after_ns)))
    }

    fn capacity_ns(&self) -> u64 {
        self.interval_ns * u64::from(self.limit)
    }
}

/// Writes `duration` as OpenAI writes it in `x-ratelimit-reset-*`: `0s`, `120ms`, `1s`, `7.66s`,
/// `6m0s`, `1h0m0s`. Rounded up to a millisecond, so that a client that waits it out is not early.
pub fn openai_duration(duration: Duration, out: &mut Vec<u8>) {
    let millis = u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    let mut digits = itoa::Buffer::new();
    if millis > 0 && millis < 1_000 {
        out.extend_from_slice(digits.format(millis).as_bytes());
        out.extend_from_slice(b"ms");
        return;
    }
    let (seconds, fraction) = (millis / 1_000, millis % 1_000);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    if hours > 0 {
        out.extend_from_slice(digits.format(hours).as_bytes());
        out.push(b'h');
    }
    if seconds >= 60 {
        out.extend_from_slice(digits.format(minutes).as_bytes());
        out.push(b'm');
    }
    out.extend_from_slice(digits.format(seconds % 60).as_bytes());
    if fraction > 0 {
        let thousandths =
            [b'0' + (fraction / 100) as u8, b'0' + (fraction / 10 % 10) as u8, b'0' + (fraction % 10) as u8];
        let significant = thousandths.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
        out.push(b'.');
        out.extend_from_slice(&thousandths[..significant]);
    }
    out.push(b's');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;
    use std::thread;

    fn admitted(verdict: Verdict) -> bool {
        matches!(verdict, Verdict::Admitted(_))
    }

    fn written(duration: Duration) -> String {
        let mut out = Vec::new();
        openai_duration(duration, &mut out);
        String::from_utf8(out).expect("digits and letters")
    }

    #[test]
    fn a_fresh_bucket_gives_exactly_its_limit() {
        let rate = RequestRate::new(60);
        for left in (0..60).rev() {
            match rate.admit(Tick(5)) {
                Verdict::Admitted(allowance) => assert_eq!((allowance.limit, allowance.remaining), (60, left)),
                refused => panic!("refused with {left} left: {refused:?}"),
            }
        }
        let Verdict::Refused { retry_after, allowance } = rate.admit(Tick(5)) else { panic!("the 61st passed") };
        assert_eq!(retry_after, Duration::from_secs(1));
        assert_eq!(allowance, Allowance { limit: 60, remaining: 0, reset: Duration::from_secs(60) });
    }

    #[test]
    fn waiting_retry_after_is_enough_and_not_a_nanosecond_less() {
        let rate = RequestRate::new(7);
        let start = Tick(1_000);
        while admitted(rate.admit(start)) {}
        let Verdict::Refused { retry_after, .. } = rate.admit(start) else { panic!("it was full") };
        let then = start.after(retry_after);
        assert!(!admitted(rate.admit(Tick(then.0 - 1))));
        assert!(admitted(rate.admit(then)));
        assert!(!admitted(rate.admit(then)));
    }

    #[test]
    fn refusals_cost_nothing() {
        let rate = RequestRate::new(1);
        assert!(admitted(rate.admit(Tick(0))));
        for second in 1..60 {
            assert!(!admitted(rate.admit(Tick(second * 1_000_000_000))));
        }
        assert!(admitted(rate.admit(Tick(NANOS_PER_MINUTE))));
    }

    #[test]
    fn zero_refuses_everything() {
        let rate = RequestRate::new(0);
        assert!(!admitted(rate.admit(Tick(0))));
        assert!(!admitted(rate.admit(Tick(u64::MAX))));
    }

    #[test]
    fn a_reload_keeps_what_has_been_used() {
        let rate = RequestRate::new(100);
        for _ in 0..50 {
            assert!(admitted(rate.admit(Tick(0))));
        }
        let resized = rate.resized(10);
        assert_eq!((0..10).filter(|_| admitted(resized.admit(Tick(0)))).count(), 5);
    }

    #[test]
    fn threads_together_never_exceed_the_limit() {
        let rate = Arc::new(RequestRate::new(1_000));
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let rate = Arc::clone(&rate);
                thread::spawn(move || (0..2_000).filter(|_| admitted(rate.admit(Tick(0)))).count())
            })
            .collect();
        let total: usize = workers.into_iter().map(|worker| worker.join().expect("no panic")).sum();
        assert_eq!(total, 1_000);
    }

    #[test]
    fn threads_on_moving_clocks_keep_the_bound() {
        let rate = Arc::new(RequestRate::new(600));
        let workers: Vec<_> = (0..4_u64)
            .map(|worker| {
                let rate = Arc::clone(&rate);
                // Each walks the same thirty seconds on a clock of its own, a little apart.
                let walk = move |step: u64| Tick(step * 10_000_000 + worker * 1_000);
                thread::spawn(move || (0..3_000).filter(|step| admitted(rate.admit(walk(*step)))).count())
            })
            .collect();
        let total: usize = workers.into_iter().map(|worker| worker.join().expect("no panic")).sum();
        assert!(total <= 600 + 300, "{total} admitted in thirty seconds");
        assert!(total >= 600, "{total}: the burst alone must pass");
    }

    #[test]
    fn durations_are_written_as_openai_writes_them() {
        let cases = [
            (0, "0s"),
            (1, "1ms"),
            (20, "20ms"),
            (120, "120ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (7_660, "7.66s"),
            (1_005, "1.005s"),
            (60_000, "1m0s"),
            (60_500, "1m0.5s"),
            (360_000, "6m0s"),
            (3_600_000, "1h0m0s"),
            (93_784_000, "26h3m4s"),
        ];
        for (millis, expected) in cases {
            assert_eq!(written(Duration::from_millis(millis)), expected);
        }
        assert_eq!(written(Duration::from_nanos(1)), "1ms");
        assert_eq!(written(Duration::from_micros(59_999_001)), "1m0s");
    }

    proptest! {
        #[test]
        fn no_span_of_time_admits_more_than_burst_and_refill(
            limit in 1_u32..500,
            gaps_ms in prop::collection::vec(0_u64..2_000, 1..300),
        ) {
            let rate = RequestRate::new(limit);
            let mut now = Tick(0);
            let mut passed: Vec<u64> = Vec::new();
            for gap in gaps_ms {
                now = now.after(Duration::from_millis(gap));
                if admitted(rate.admit(now)) {
                    passed.push(now.0);
                }
            }
            for (index, start) in passed.iter().enumerate() {
                for (count, end) in passed[index..].iter().enumerate() {
                    let refilled = (end - start) * u64::from(limit) / NANOS_PER_MINUTE;
                    // `count` starts at nought: it is the number admitted before `end`.
                    prop_assert!((count as u64) < u64::from(limit) + refilled);
                }
            }
        }

        #[test]
        fn remaining_is_a_promise(limit in 1_u32..200, used in 0_u32..200, at in 0_u64..u64::MAX / 2) {
            let rate = RequestRate::new(limit);
            let mut remaining = limit;
            for _ in 0..used.min(limit) {
                match rate.admit(Tick(at)) {
                    Verdict::Admitted(allowance) => remaining = allowance.remaining,
                    Verdict::Refused { .. } => prop_assert!(false, "refused within the burst"),
                }
            }
            let more = (0..=limit).filter(|_| admitted(rate.admit(Tick(at)))).count();
            prop_assert_eq!(more as u32, remaining);
        }

        #[test]
        fn nothing_overflows(limit in any::<u32>(), at in any::<u64>()) {
            let rate = RequestRate::new(limit);
            rate.admit(Tick(at));
            rate.admit(Tick(at));
        }
    }
}
