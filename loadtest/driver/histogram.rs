//! Latencies counted in buckets of growing width: less than 0.8 % off, a few KiB, and as small after
//! eight hours as after a second, which a list of all samples is not.

/// Buckets per doubling.
const STEPS: u64 = 128;
const STEPS_LOG2: u32 = STEPS.trailing_zeros();
/// The largest value kept apart, nanoseconds (about 18 minutes); greater ones count as this.
const VALUE_MAX_NS: u64 = 1 << 40;

/// Counts of values in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    sum_ns: u64,
    max_ns: u64,
}

impl Histogram {
    /// Adds one value.
    pub(crate) fn record(&mut self, value_ns: u64) {
        let value_ns = value_ns.min(VALUE_MAX_NS);
        let bucket = bucket(value_ns);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
        self.sum_ns = self.sum_ns.saturating_add(value_ns);
        self.max_ns = self.max_ns.max(value_ns);
    }

    /// Adds all values of another one.
    pub(crate) fn merge(&mut self, other: &Histogram) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// How many values there are.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The value that the share `quantile` of all values does not exceed, nanoseconds.
    pub(crate) fn quantile_ns(&self, quantile: f64) -> u64 {
        let rank = ((quantile * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return top(bucket).min(self.max_ns);
            }
        }
        self.max_ns
    }

    /// The mean, nanoseconds.
    pub(crate) fn mean_ns(&self) -> f64 {
        if self.total == 0 { 0.0 } else { self.sum_ns as f64 / self.total as f64 }
    }

    /// The greatest value, nanoseconds.
    pub(crate) fn max_ns(&self) -> u64 {
        self.max_ns
    }
}

/// Values below `STEPS` have buckets of their own; above, the leading bits choose.
fn bucket(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let doubling = value.ilog2() - STEPS_LOG2;
    (u64::from(doubling) * STEPS + (value >> doubling)) as usize
}

/// The greatest value of a bucket.
fn top(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * STEPS {
        return bucket;
    }
    let doubling = bucket / STEPS - 1;
    let leading = bucket % STEPS + STEPS;
    ((leading + 1) << doubling) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_their_values_closely() {
        for value in (0..5000).chain([1 << 20, (1 << 20) + 77, 123_456_789, VALUE_MAX_NS]) {
            let top = top(bucket(value));
            assert!(top >= value && (top - value) as f64 <= value as f64 * 0.008, "{value} became {top}");
        }
        assert!((1..100_000).all(|value| bucket(value) - bucket(value - 1) <= 1));
    }

    #[test]
    fn quantiles_of_a_ramp() {
        let mut halves = [Histogram::default(), Histogram::default()];
        (1..=100_000u64).for_each(|value| halves[(value % 2) as usize].record(value * 1000));
        let [mut all, odd] = halves;
        all.merge(&odd);
        for (quantile, expected) in [(0.5, 50_000_000.0), (0.99, 99_000_000.0), (0.999, 99_900_000.0)] {
            let value = all.quantile_ns(quantile) as f64;
            assert!((value / expected - 1.0).abs() < 0.008, "{quantile}: {value}");
        }
        assert_eq!((all.total(), all.max_ns(), all.quantile_ns(1.0)), (100_000, 100_000_000, 100_000_000));
    }

    #[test]
    fn nothing_has_no_quantiles() {
        assert_eq!(Histogram::default().quantile_ns(0.5), 0);
        assert_eq!(Histogram::default().mean_ns(), 0.0);
    }
}
