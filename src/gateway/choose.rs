//! Stage 7: who shall answer. Finding the route comes first, because the caches' rules hang on it; the
//! plan is made only when the caches had nothing.

use super::deployment::Deployment;
use super::deployment::Provider;
use super::deployment::Route;
use super::homes::Home;
use crate::chat::Ask;
use crate::chat::Kept;
use crate::classify;
use crate::config::RouteCache;
use crate::config::Tier;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::routing::Plan;
use crate::routing::Situation;
use std::borrow::Cow;

/// How a requested model will be served.
pub(super) enum Way<'d> {
    /// By a configured route.
    Route {
        /// Its index.
        index: usize,
        /// The route.
        route: &'d Route,
    },
    /// The caller named `provider/model` itself.
    Direct {
        /// The provider's index.
        provider: usize,
        /// The part after the first `/`.
        model: String,
        /// The pattern route that covers the name, whose cache rules apply.
        route: Option<(usize, &'d Route)>,
        /// The cache rules without such a route.
        cache: &'d RouteCache,
    },
}

impl<'d> Way<'d> {
    /// What may be cached.
    pub(super) fn cache(&self) -> &'d RouteCache {
        match self {
            Way::Route { route, .. } | Way::Direct { route: Some((_, route)), .. } => &route.cache,
            Way::Direct { cache, .. } => cache,
        }
    }

    /// The route's index, if one is involved.
    pub(super) fn route_index(&self) -> Option<usize> {
        match self {
            Way::Route { index, .. } => Some(*index),
            Way::Direct { route, .. } => route.map(|(index, _)| index),
        }
    }

    /// The dialect whose callers alone are served like this.
    pub(super) fn only_caller(&self, deployment: &'d Deployment) -> Option<&'d str> {
        match self {
            Way::Route { index, .. } => deployment.settings.routes[*index].caller.as_deref(),
            Way::Direct { .. } => None,
        }
    }

    /// Whoever may be asked.
    pub(super) fn providers(&self, deployment: &'d Deployment) -> impl Iterator<Item = &'d Provider> {
        let (direct, targets) = match self {
            Way::Direct { provider, .. } => (Some(*provider), &[][..]),
            Way::Route { route, .. } => (None, &route.targets[..]),
        };
        direct.into_iter().chain(targets.iter().map(|target| target.provider)).map(|index| &deployment.providers[index])
    }

    /// Provider index and model of target number `target`.
    pub(super) fn target<'a>(
        &'a self,
        deployment: &Deployment,
        target: u8,
        requested: &'a str,
    ) -> (usize, Cow<'a, str>) {
        match self {
            Way::Direct { provider, model, .. } => (*provider, Cow::Borrowed(model)),
            Way::Route { route, .. } => {
                let target = &route.targets[usize::from(target)];
                let own = target.model.as_deref().map(Cow::Borrowed);
                let name = &deployment.providers[target.provider].name;
                (target.provider, own.unwrap_or_else(|| Cow::Borrowed(without_provider(requested, name))))
            }
        }
    }
}

/// `openai/gpt-x` asked of the provider `openai` is its model `gpt-x`.
fn without_provider<'m>(model: &'m str, provider: &str) -> &'m str {
    model
        .strip_prefix(provider)
        .and_then(|rest| rest.strip_prefix('/'))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(model)
}

/// Exact route names first, then `provider/model`, then patterns.
pub(super) fn find_way<'d>(deployment: &'d Deployment, model: &str, caller_dialect: &str) -> Result<Way<'d>, Fault> {
    if let Some(index) = deployment.table.exact(model, caller_dialect) {
        return Ok(Way::Route { index, route: &deployment.routes[index] });
    }
    let pattern = deployment.table.pattern(model, caller_dialect);
    let pattern = pattern.map(|index| (index, &deployment.routes[index]));
    if let Some((provider, rest)) = named_provider(deployment, model) {
        return Ok(Way::Direct { provider, model: rest.to_owned(), route: pattern, cache: &deployment.direct_cache });
    }
    if let Some((index, route)) = pattern {
        return Ok(Way::Route { index, route });
    }
    Err(Fault {
        param: Some("model".to_owned()),
        ..Fault::new(
            Kind::NotFound,
            format!("no route serves the model `{}`; GET /v1/models lists what is served", super::admit::shown(model)),
        )
    })
}

fn named_provider<'m>(deployment: &Deployment, model: &'m str) -> Option<(usize, &'m str)> {
    let (name, rest) = model.split_once('/')?;
    let provider = deployment.provider_called(name)?;
    (!rest.is_empty()).then_some((provider, rest))
}

/// The order of attempts, and the tier that decided it where the strategy asked for one.
pub(super) fn plan(way: &Way<'_>, ask: &Ask<'_>) -> (Plan, Option<(Tier, f32)>) {
    let Way::Route { route, .. } = way else {
        let mut plan = Plan::default();
        plan.push(0);
        return (plan, None);
    };
    let scored = route.strategy.wants_tier().then(|| complexity(ask));
    let situation = Situation { targets: &route.tiers, tier: scored.map(|(tier, _)| tier) };
    (route.strategy.plan(&situation), scored)
}

/// What is left of a plan for a request that goes on from what one provider keeps: the targets there alone,
/// since everybody else would deny that there is such a thing.
pub(super) fn at_home(
    way: &Way<'_>,
    plan: Plan,
    deployment: &Deployment,
    kept: Kept<'_>,
    home: &Home,
) -> Result<Plan, Fault> {
    let is_home = |provider: usize| deployment.providers[provider].name == home.provider;
    let mut left = Plan::default();
    match way {
        Way::Direct { provider, .. } if is_home(*provider) => return Ok(plan),
        Way::Direct { .. } => {}
        Way::Route { route, .. } => {
            let planned = plan.as_slice().iter().map(|target| usize::from(*target));
            let all = planned.chain(0..route.targets.len());
            all.filter(|target| is_home(route.targets[*target].provider)).for_each(|target| left.push(target));
        }
    }
    if !left.as_slice().is_empty() {
        return Ok(left);
    }
    let (field, home) = (kept.field, &home.provider);
    let message = format!(
        "`{field}` names what the provider `{home}` keeps, and this `model` is not served there; name a model that is, or \
         send the whole conversation as `input`"
    );
    Err(Fault::bad_field(field, message))
}

/// Tier and score from the words of the last user message; without words, `standard`.
fn complexity(ask: &Ask<'_>) -> (Tier, f32) {
    match ask.last_user_text {
        None => (Tier::Standard, 0.5),
        Some(text) => {
            let score = classify::lexical_score(&classify::features(text));
            (classify::tier(score, classify::Cuts::default()), score)
        }
    }
}
