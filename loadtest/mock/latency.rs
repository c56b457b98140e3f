//! How long the mock thinks before its first byte. Drawn by request number from a seed, so that a run
//! through a gateway meets the very latencies that the direct run met.

use crate::draw::uniform;
use std::f64::consts::TAU;
use std::str::FromStr;
use std::time::Duration;

/// A drawn latency is cut here, ms: a lognormal tail must not outlive the run.
const LATENCY_MAX_MS: f64 = 600_000.0;

/// Where latencies come from; all figures in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Latency {
    /// Always the same.
    Fixed { ms: f64 },
    /// Evenly between two bounds.
    Uniform { min_ms: f64, max_ms: f64 },
    /// Memoryless with this mean.
    Exponential { mean_ms: f64 },
    /// What providers look like: a median and a spread of the logarithm.
    Lognormal { median_ms: f64, sigma: f64 },
}

impl Latency {
    /// The latency of request number `index`.
    pub(crate) fn draw(&self, seed: u64, index: u64) -> Duration {
        let ms = match *self {
            Latency::Fixed { ms } => ms,
            Latency::Uniform { min_ms, max_ms } => min_ms + (max_ms - min_ms) * uniform(seed, index),
            Latency::Exponential { mean_ms } => -mean_ms * (1.0 - uniform(seed, index)).ln(),
            Latency::Lognormal { median_ms, sigma } => median_ms * (sigma * normal(seed, index)).exp(),
        };
        Duration::from_secs_f64(ms.clamp(0.0, LATENCY_MAX_MS) / 1000.0)
    }
}

/// A standard normal draw (Box and Muller).
fn normal(seed: u64, index: u64) -> f64 {
    let radius = (-2.0 * (1.0 - uniform(seed, 2 * index)).ln()).sqrt();
    radius * (TAU * uniform(seed, 2 * index + 1)).cos()
}

impl FromStr for Latency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (shape, figures) = text.split_once(':').unwrap_or(("fixed", text));
        let figures = figures.split(',').map(str::parse).collect::<Result<Vec<f64>, _>>();
        let figures = figures.map_err(|error| format!("`{text}`: {error}; say `20` or `lognormal:800,0.5`"))?;
        if figures.iter().any(|figure| !figure.is_finite() || *figure < 0.0) {
            return Err(format!("`{text}`: figures must be finite and not negative"));
        }
        match (shape, figures.as_slice()) {
            ("fixed", &[ms]) => Ok(Latency::Fixed { ms }),
            ("uniform", &[min_ms, max_ms]) if min_ms <= max_ms => Ok(Latency::Uniform { min_ms, max_ms }),
            ("exponential", &[mean_ms]) => Ok(Latency::Exponential { mean_ms }),
            ("lognormal", &[median_ms, sigma]) => Ok(Latency::Lognormal { median_ms, sigma }),
            _ => Err(format!("`{text}`: say fixed:MS, uniform:MIN,MAX, exponential:MEAN or lognormal:MEDIAN,SIGMA")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantile(latency: &Latency, q: f64) -> f64 {
        let mut drawn: Vec<f64> = (0..10_000).map(|index| latency.draw(3, index).as_secs_f64() * 1000.0).collect();
        drawn.sort_by(f64::total_cmp);
        drawn[(q * 9_999.0) as usize]
    }

    #[test]
    fn shapes_have_their_figures() {
        assert_eq!(quantile(&"20".parse().expect("fixed"), 0.99), 20.0);
        let uniform: Latency = "uniform:10,20".parse().expect("uniform");
        assert!((14.5..15.5).contains(&quantile(&uniform, 0.5)));
        let exponential: Latency = "exponential:10".parse().expect("exponential");
        assert!((6.6..7.3).contains(&quantile(&exponential, 0.5)));
        let lognormal: Latency = "lognormal:800,0.5".parse().expect("lognormal");
        assert!((780.0..820.0).contains(&quantile(&lognormal, 0.5)));
        assert!((1900.0..2250.0).contains(&quantile(&lognormal, 0.975)), "{}", quantile(&lognormal, 0.975));
    }

    #[test]
    fn nonsense_is_refused_with_the_choices() {
        for text in ["", "fast", "uniform:2,1", "uniform:1", "fixed:-1", "lognormal:NaN,1", "gamma:1,2"] {
            assert!(text.parse::<Latency>().is_err(), "{text}");
        }
    }
}
