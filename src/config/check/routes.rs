//! `[[routes]]` and `[[prices]]`: names that must lead somewhere.

use super::Check;
use crate::config::Price;
use crate::config::Route;
use crate::config::RouteCache;
use crate::config::Target;
use crate::config::Tier;
use crate::config::document::Spot;
use crate::config::written;
use std::time::Duration;

/// The strategy that reads tiers.
const BY_TIER: &str = "complexity";

impl Check<'_, '_> {
    pub(super) fn routes(&mut self, routes: &[written::Route], root: &Spot<'_>, providers: &[String]) -> Vec<Route> {
        let spot = root.key("routes");
        if routes.is_empty() {
            let provider = providers.first().map_or("openai", String::as_str).escape_debug();
            let example = format!(
                "there is no route, so no model can be asked for: add [[routes]] with model = \"*\" and \
                 targets = [\"{provider}\"]"
            );
            self.problems.at(spot.offset(), example);
        }
        for (index, route) in routes.iter().enumerate() {
            self.reachable(route, &routes[..index], &spot.item(index));
        }
        routes.iter().enumerate().map(|(index, route)| self.route(route, &spot.item(index), providers)).collect()
    }

    /// A route that an earlier one always beats is a mistake in the order.
    fn reachable(&mut self, route: &written::Route, earlier: &[written::Route], spot: &Spot<'_>) {
        let beaten_by = earlier.iter().position(|other| {
            let callers_covered = other.caller.is_none() || other.caller == route.caller;
            callers_covered && covers(&other.model, &route.model)
        });
        if let Some(index) = beaten_by {
            let model = earlier[index].model.escape_debug();
            let message = format!("is never reached: routes[{index}] (`{model}`) comes before it; swap or remove one");
            self.refuse(&spot.key("model"), message);
        }
    }

    fn route(&mut self, route: &written::Route, spot: &Spot<'_>, providers: &[String]) -> Route {
        self.pattern(&route.model, &spot.key("model"));
        self.known(route.caller.as_deref(), self.names.callers, "known dialect of callers", &spot.key("caller"));
        self.known(route.strategy.as_deref(), self.names.strategies, "known strategy", &spot.key("strategy"));
        let targets = route.targets.iter().enumerate();
        let targets: Vec<Target> =
            targets.map(|(index, target)| self.target(target, &spot.key("targets").item(index), providers)).collect();
        self.tiers_fit_the_strategy(route.strategy.as_deref(), &targets, spot);
        Route {
            model: route.model.clone(),
            caller: route.caller.clone(),
            targets,
            strategy: route.strategy.clone(),
            cache: route_cache(&route.cache),
        }
    }

    fn target(&mut self, target: &written::Target, spot: &Spot<'_>, providers: &[String]) -> Target {
        let (target, provider_spot, model_spot) = match target {
            written::Target::Text(text) => {
                let (provider, model) = match text.split_once('/') {
                    Some((provider, model)) => (provider, Some(model.to_owned())),
                    None => (text.as_str(), None),
                };
                let target = Target { provider: provider.to_owned(), model, tier: None };
                (target, spot.clone(), spot.clone())
            }
            written::Target::Parts(parts) => {
                let tier = parts.tier.map(|tier| match tier {
                    written::Tier::Simple => Tier::Simple,
                    written::Tier::Standard => Tier::Standard,
                    written::Tier::Hard => Tier::Hard,
                });
                let target = Target { provider: parts.provider.clone(), model: parts.model.clone(), tier };
                (target, spot.key("provider"), spot.key("model"))
            }
        };
        self.provider_exists(&target.provider, providers, &provider_spot);
        if let Some(model) = &target.model {
            self.model(model, &model_spot);
            if model.contains('*') {
                self.refuse(&model_spot, "must name one model, without `*`; without a model the requested one is used");
            }
        }
        target
    }

    /// Tiers that nobody reads, or a strategy without tiers, would be silently without effect. Tiers
    /// alone imply the strategy that reads them.
    fn tiers_fit_the_strategy(&mut self, strategy: Option<&str>, targets: &[Target], spot: &Spot<'_>) {
        let tiered = targets.iter().position(|target| target.tier.is_some());
        match (tiered, strategy) {
            (Some(index), Some("ordered")) => {
                let message = format!("has no effect in this strategy: set strategy = \"{BY_TIER}\" on the route");
                self.refuse(&spot.key("targets").item(index).key("tier"), message);
            }
            (None, Some(BY_TIER)) => {
                let message = "needs targets with a tier: { provider = \"…\", tier = \"simple\" }";
                self.refuse(&spot.key("strategy"), message);
            }
            _ => {}
        }
    }

    pub(super) fn prices(&mut self, prices: &[written::Price], spot: &Spot<'_>, providers: &[String]) -> Vec<Price> {
        let named = prices.iter().enumerate().map(|(i, it)| ((&it.provider, &it.model), spot.item(i).key("model")));
        self.unique(named, |_, first| format!("has a price already, in prices[{first}]: remove one"));
        let checked = prices.iter().enumerate().map(|(index, price)| {
            let spot = spot.item(index);
            self.provider_exists(&price.provider, providers, &spot.key("provider"));
            self.pattern(&price.model, &spot.key("model"));
            Price {
                provider: price.provider.clone(),
                model: price.model.clone(),
                input_usd_per_mtok: price.input_usd_per_mtok,
                output_usd_per_mtok: price.output_usd_per_mtok,
                cache_read_usd_per_mtok: price.cache_read_usd_per_mtok,
                cache_write_usd_per_mtok: price.cache_write_usd_per_mtok,
                reasoning_usd_per_mtok: price.reasoning_usd_per_mtok,
            }
        });
        checked.collect()
    }
}

/// Does the earlier pattern take every model of the later one? Exact names come before patterns
/// whatever the order, so a pattern never covers an exact name.
fn covers(earlier: &str, later: &str) -> bool {
    match (earlier.strip_suffix('*'), later.strip_suffix('*')) {
        (Some(earlier), Some(later)) => later.starts_with(earlier),
        (None, None) => earlier == later,
        _ => false,
    }
}

fn route_cache(written: &written::RouteCache) -> RouteCache {
    RouteCache {
        exact: written.exact,
        semantic: written.semantic,
        ttl: Duration::from_secs(written.ttl_s),
        similarity_min: written.similarity_min as f32,
        temperature_max: written.temperature_max,
        semantic_temperature_max: written.semantic_temperature_max,
        tool_calls: written.tool_calls,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_always_beaten_is_covered() {
        for (earlier, later, expected) in [
            ("*", "gpt-*", true),
            ("gpt-*", "gpt-4*", true),
            ("gpt-*", "gpt-*", true),
            ("fast", "fast", true),
            ("gpt-4*", "gpt-*", false),
            ("*", "fast", false),
            ("fast", "fast*", false),
            ("a*", "b*", false),
        ] {
            assert_eq!(covers(earlier, later), expected, "{earlier} before {later}");
        }
    }
}
