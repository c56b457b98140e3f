//! The operator's order: first target first, the others as fallbacks.

use super::{Plan, Situation, Strategy};

/// Tries targets in the order of the configuration.
pub struct Ordered;

impl Strategy for Ordered {
    fn name(&self) -> &'static str {
        "ordered"
    }

    fn wants_tier(&self) -> bool {
        false
    }

    fn plan(&self, situation: &Situation<'_>) -> Plan {
        let mut plan = Plan::default();
        (0..situation.targets.len()).for_each(|target| plan.push(target));
        plan
    }
}
