//! What a run was like, as JSON.

use crate::exchange::Answer;
use crate::exchange::Failure;
use crate::histogram::Histogram;
use crate::plan::Kind;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;

/// Fewest samples for which p99.9 says anything.
const P999_SAMPLES_MIN: u64 = 1_000;

/// Measurements of one thread or of all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    latency: BTreeMap<Kind, Histogram>,
    first_event: Histogram,
    send_late: Histogram,
    failures: BTreeMap<String, u64>,
    events: u64,
}

impl Measured {
    /// One request that was due at `intended` and left at `sent`.
    pub(crate) fn record(&mut self, kind: Kind, intended: Instant, sent: Instant, result: Result<Answer, Failure>) {
        self.send_late.record(nanoseconds(sent - intended));
        match result {
            Ok(answer) => {
                self.latency.entry(kind).or_default().record(nanoseconds(answer.ended - intended));
                if kind == Kind::Stream {
                    self.first_event.record(nanoseconds(answer.body_began - intended));
                    self.events += answer.events;
                }
            }
            Err(failure) => *self.failures.entry(failure.name()).or_default() += 1,
        }
    }

    /// Adds what another thread measured.
    pub(crate) fn merge(&mut self, other: &Measured) {
        for (kind, histogram) in &other.latency {
            self.latency.entry(*kind).or_default().merge(histogram);
        }
        self.first_event.merge(&other.first_event);
        self.send_late.merge(&other.send_late);
        for (name, count) in &other.failures {
            *self.failures.entry(name.clone()).or_default() += count;
        }
        self.events += other.events;
    }

    /// The report of a run whose measured part took `elapsed`.
    pub(crate) fn json(&self, elapsed: Duration) -> Value {
        let mut all = Histogram::default();
        self.latency.values().for_each(|histogram| all.merge(histogram));
        let seconds = elapsed.as_secs_f64();
        let failed: u64 = self.failures.values().sum();
        let kinds: Map<_, _> = self.latency.iter().map(|(kind, of)| (kind.name().to_owned(), summary(of))).collect();
        json!({
            "seconds": seconds,
            "ok": all.total(),
            "failed": failed,
            "failures": self.failures,
            "rps": round(all.total() as f64 / seconds),
            "events": self.events,
            "events_per_s": round(self.events as f64 / seconds),
            "latency_us": summary(&all),
            "latency_us_by_kind": kinds,
            "first_event_us": summary(&self.first_event),
            "send_late_us": summary(&self.send_late),
        })
    }
}

/// Quantiles in microseconds; `null` where there is nothing to say.
fn summary(histogram: &Histogram) -> Value {
    if histogram.total() == 0 {
        return Value::Null;
    }
    let us = |ns: u64| round(ns as f64 / 1000.0);
    let p999 = (histogram.total() >= P999_SAMPLES_MIN).then(|| us(histogram.quantile_ns(0.999)));
    json!({
        "count": histogram.total(),
        "mean": round(histogram.mean_ns() / 1000.0),
        "p50": us(histogram.quantile_ns(0.5)),
        "p90": us(histogram.quantile_ns(0.9)),
        "p99": us(histogram.quantile_ns(0.99)),
        "p99.9": p999,
        "max": us(histogram.max_ns()),
    })
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::now;

    #[test]
    fn latency_counts_from_the_intended_instant() {
        let intended = now();
        let sent = intended + Duration::from_millis(30);
        let ended = intended + Duration::from_millis(40);
        let mut measured = Measured::default();
        let answer = Answer { ended, body_began: ended, events: 0 };
        measured.record(Kind::New, intended, sent, Ok(answer));
        let mut other = Measured::default();
        other.record(Kind::Stream, intended, sent, Err(Failure::Status(503)));
        measured.merge(&other);
        let report = measured.json(Duration::from_secs(2));
        assert_eq!((&report["ok"], &report["failed"], &report["rps"]), (&json!(1), &json!(1), &json!(0.5)));
        assert_eq!(report["failures"]["status_503"], 1);
        let p50 = report["latency_us"]["p50"].as_f64().expect("a number");
        assert!((p50 - 40_000.0).abs() < 400.0, "{p50}");
        assert_eq!(report["latency_us"]["p99.9"], Value::Null);
        assert_eq!(report["first_event_us"], Value::Null);
    }
}
