//! The cheapest model that is good enough: targets carry tiers, the request has one.
//!
//! Targets of the request's own tier come first, then the tiers above it (a better model is a safe
//! fallback), then targets without a tier, then the tiers below (a weaker answer beats none). Without a
//! tier, `standard` is assumed.

use super::{Plan, Situation, Strategy};
use crate::config::Tier;

/// Orders targets by how their tier fits the request's.
pub struct Complexity;

impl Strategy for Complexity {
    fn name(&self) -> &'static str {
        "complexity"
    }

    fn wants_tier(&self) -> bool {
        true
    }

    fn plan(&self, situation: &Situation<'_>) -> Plan {
        let wanted = situation.tier.unwrap_or(Tier::Standard);
        let mut plan = Plan::default();
        for rank in 0..=RANKS_MAX {
            for (index, tier) in situation.targets.iter().enumerate() {
                if misfit(wanted, *tier) == rank {
                    plan.push(index);
                }
            }
        }
        plan
    }
}

const RANKS_MAX: u8 = 5;

fn misfit(wanted: Tier, offered: Option<Tier>) -> u8 {
    let level = |tier: Tier| match tier {
        Tier::Simple => 0u8,
        Tier::Standard => 1,
        Tier::Hard => 2,
    };
    match offered {
        Some(tier) if level(tier) >= level(wanted) => level(tier) - level(wanted),
        None => 3,
        Some(tier) => 3 + level(wanted) - level(tier),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(tiers: &[Option<Tier>], wanted: Tier) -> Vec<u8> {
        Complexity.plan(&Situation { targets: tiers, tier: Some(wanted) }).as_slice().to_vec()
    }

    #[test]
    fn own_tier_then_better_then_untiered_then_weaker() {
        let tiers = [Some(Tier::Simple), Some(Tier::Hard), None, Some(Tier::Standard)];
        assert_eq!(order(&tiers, Tier::Simple), [0, 3, 1, 2]);
        assert_eq!(order(&tiers, Tier::Standard), [3, 1, 2, 0]);
        assert_eq!(order(&tiers, Tier::Hard), [1, 2, 3, 0]);
    }
}
