//! Time as an argument.
//!
//! Judges never read a clock: they are given a [`Tick`]. Only code that must *wait* holds a
//! [`Clock`], so that the whole gateway also runs on the virtual time of the simulation.

use std::future::Future;
use std::time::Duration;

/// Monotonic nanoseconds since the process started its clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub u64);

impl Tick {
    /// The instant `duration` later; saturates at the end of time.
    pub fn after(self, duration: Duration) -> Tick {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Tick(self.0.saturating_add(nanos))
    }

    /// Time passed since `earlier`; zero when `earlier` lies in the future.
    pub fn since(self, earlier: Tick) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// The right to know and to wait for time.
pub trait Clock {
    /// Monotonic now.
    fn now(&self) -> Tick;

    /// Monotonic now, or some microseconds ago: cheap, for deadlines and ages, not for measuring.
    fn lately(&self) -> Tick {
        self.now()
    }

    /// Long work is done: `lately` shall be now, or deadlines set next would begin in the past.
    fn catch_up(&self) {}

    /// Wall-clock milliseconds since the Unix epoch: for `created` fields, logs and nothing else.
    fn unix_ms(&self) -> u64;

    /// Completes once `duration` has passed; resolution is one millisecond.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()>;
}
