//! Which targets, in which order. A strategy is a pure function of what is known about the request;
//! it never sees a socket or a clock, so every strategy can be tested as arithmetic.
//!
//! To add one: a file beside this one and a line in [`ALL`].

mod complexity;
mod ordered;
mod table;

pub use complexity::Complexity;
pub use ordered::Ordered;
pub use table::{Table, matches};

use crate::config::Tier;

/// Most attempts one request may make.
pub const ATTEMPTS_MAX: usize = 5;

/// Every strategy, by the name used in configuration.
pub const ALL: &[&dyn Strategy] = &[&Ordered, &Complexity];

/// The strategy called `name`.
pub fn named(name: &str) -> Option<&'static dyn Strategy> {
    ALL.iter().copied().find(|strategy| strategy.name() == name)
}

/// What a strategy may look at.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The tier each target of the route serves, in the operator's order.
    pub targets: &'a [Option<Tier>],
    /// The request's tier, if the strategy asked for it.
    pub tier: Option<Tier>,
}

/// Targets to try, by their index in the route, without repetition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    attempts: [u8; ATTEMPTS_MAX],
    len: u8,
}

impl Plan {
    /// Adds `target` unless it is planned already or the plan is full.
    pub fn push(&mut self, target: usize) {
        let Ok(target) = u8::try_from(target) else { return };
        if usize::from(self.len) < ATTEMPTS_MAX && !self.as_slice().contains(&target) {
            self.attempts[usize::from(self.len)] = target;
            self.len += 1;
        }
    }

    /// The targets, best first.
    pub fn as_slice(&self) -> &[u8] {
        &self.attempts[..usize::from(self.len)]
    }
}

/// Orders the targets of a route.
pub trait Strategy: Sync {
    /// Its name in configuration and headers.
    fn name(&self) -> &'static str;

    /// Does it need the request's tier? (Scoring costs about a microsecond per kilobyte.)
    fn wants_tier(&self) -> bool;

    /// The order of attempts; never empty when there are targets.
    fn plan(&self, situation: &Situation<'_>) -> Plan;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tiers() -> impl proptest::strategy::Strategy<Value = Option<Tier>> {
        prop_oneof![Just(None), Just(Some(Tier::Simple)), Just(Some(Tier::Standard)), Just(Some(Tier::Hard))]
    }

    proptest! {
        #[test]
        fn every_strategy_plans_within_bounds(targets in prop::collection::vec(tiers(), 1..12), tier in tiers()) {
            for strategy in ALL {
                let plan = strategy.plan(&Situation { targets: &targets, tier });
                prop_assert!(!plan.as_slice().is_empty());
                prop_assert!(plan.as_slice().len() <= ATTEMPTS_MAX);
                prop_assert!(plan.as_slice().iter().all(|index| usize::from(*index) < targets.len()));
                let mut seen = plan.as_slice().to_vec();
                seen.sort_unstable();
                seen.dedup();
                prop_assert_eq!(seen.len(), plan.as_slice().len());
            }
        }
    }
}
