//! Which provider an unread call goes to, and whether this key may make it.
//!
//! In this order: the one the caller names among those it may use; the model's route; the one that keeps
//! what an id of the request stands for; the first that has such an endpoint at all. The caller names a
//! configured provider, never an address.

use super::super::choose;
use super::super::deployment::Deployment;
use super::super::homes::Home;
use super::paths::Endpoint;
use crate::chat::Ask;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::keys::Caller;
use crate::keys::Pattern;
use crate::routing::matches;
use std::borrow::Cow;
use std::sync::Arc;

/// One provider to be asked, and its name for the model.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) provider: usize,
    pub(super) model: Option<Arc<str>>,
}

/// What decides.
pub(super) struct Wish<'r> {
    /// The model, as the caller named it.
    pub(super) model: Option<&'r str>,
    /// `x-ringgate-provider`
    pub(super) provider: Option<&'r [u8]>,
    /// Where something lives that the request names by id, anywhere.
    pub(super) home: Option<&'r Home>,
    /// Where the very thing lives that the path is about: only this gives a right, since other words of a
    /// request may be of no meaning to the provider.
    pub(super) subject: Option<&'r Home>,
}

/// May `caller` make this call at all? A key that is limited to some models cannot be held to them where
/// nobody sees which model is spent, unless it comes back to what was made for it.
pub(super) fn permit(caller: &Caller, endpoint: &Endpoint, wish: &Wish<'_>) -> Result<(), Fault> {
    if may_use_all(caller) {
        return Ok(());
    }
    if let Some(model) = wish.model.filter(|_| endpoint.model_decides) {
        // Told in full by the common admission.
        return if caller.may_use(model) { Ok(()) } else { Err(super::super::admit::model_refused(model)) };
    }
    if wish.subject.is_some_and(|home| may_come_back(caller, home)) && wish.model.is_none() {
        return Ok(());
    }
    let advice = if endpoint.model_decides { "name one of them as `model`, or " } else { "" };
    Err(Fault::new(
        Kind::ModelNotAllowed,
        format!(
            "this key may use some models only, and this call does not say which it uses; {advice}ask the operator \
             for a key that may use all (\"*\")"
        ),
    ))
}

/// May `caller` come back to what lives at `home`? Everything that the providers' accounts hold is open to
/// who may use all models.
pub(in crate::gateway) fn may_come_back(caller: &Caller, home: &Home) -> bool {
    may_use_all(caller) || home.scope == caller.scope
}

/// Providers to be asked in order; the next one only where the one before could not be reached.
pub(super) fn candidates(
    deployment: &Deployment,
    caller: &Caller,
    endpoint: &Endpoint,
    wish: &Wish<'_>,
) -> Result<(Option<usize>, Vec<Candidate>), Fault> {
    let mut route = None;
    let mut found = Vec::new();
    if let Some(model) = wish.model {
        let named = named_by_route(deployment, endpoint, model, &mut route)?;
        found.extend(named);
    }
    if let Some(name) = wish.provider {
        let provider = wanted(deployment, caller, endpoint, name)?;
        found.retain(|candidate| candidate.provider == provider);
        if found.is_empty() {
            found.push(Candidate { provider, model: wish.model.map(|model| own_name(deployment, provider, model)) });
        }
        return Ok((route, found));
    }
    if let Some(home) = wish.home.and_then(|home| deployment.provider_called(&home.provider))
        && serves(deployment, endpoint, home)
    {
        if found.is_empty() && wish.model.is_none() {
            found.push(Candidate { provider: home, model: None });
        }
        found.sort_by_key(|candidate| candidate.provider != home);
    }
    if found.is_empty() && wish.model.is_none() {
        let open =
            |provider: &usize| serves(deployment, endpoint, *provider) && may_reach(deployment, caller, *provider);
        found.extend((0..deployment.providers.len()).find(open).map(|provider| Candidate { provider, model: None }));
    }
    if found.is_empty() {
        return Err(unserved(wish.model));
    }
    Ok((route, found))
}

fn unserved(model: Option<&str>) -> Fault {
    match model {
        Some(_) => Fault {
            param: Some("model".to_owned()),
            ..Fault::new(Kind::NotFound, "no provider of this model has this endpoint; name a model of one that has it")
        },
        None => Fault::new(Kind::NotFound, "no provider that this key may use has this endpoint"),
    }
}

fn named_by_route(
    deployment: &Deployment,
    endpoint: &Endpoint,
    model: &str,
    route: &mut Option<usize>,
) -> Result<Vec<Candidate>, Fault> {
    let way = choose::find_way(deployment, model, endpoint.dialect.family())?;
    *route = way.route_index();
    let ask = Ask { model: Cow::Borrowed(model), choices: 1, ..Ask::default() };
    let (plan, _) = choose::plan(&way, &ask);
    let targets = plan.as_slice().iter().map(|target| {
        let (provider, name) = way.target(deployment, *target, model);
        Candidate { provider, model: Some(Arc::from(&*name)) }
    });
    Ok(targets.filter(|candidate| serves(deployment, endpoint, candidate.provider)).collect())
}

/// The provider that the caller names. Whether it exists is told to nobody who may not use it.
fn wanted(deployment: &Deployment, caller: &Caller, endpoint: &Endpoint, name: &[u8]) -> Result<usize, Fault> {
    const HEADER: &str = "x-ringgate-provider";
    let found = position(deployment, name).filter(|provider| may_reach(deployment, caller, *provider));
    let provider = found.ok_or_else(|| Fault {
        param: Some(HEADER.to_owned()),
        ..Fault::new(Kind::ModelNotAllowed, format!("{HEADER} names no provider that this key may use"))
    })?;
    if serves(deployment, endpoint, provider) {
        return Ok(provider);
    }
    Err(Fault::bad_field(HEADER, format!("the provider that {HEADER} names does not have this endpoint")))
}

fn position(deployment: &Deployment, name: &[u8]) -> Option<usize> {
    deployment.providers.iter().position(|provider| provider.name.as_bytes() == name)
}

fn serves(deployment: &Deployment, endpoint: &Endpoint, provider: usize) -> bool {
    let provider = &deployment.providers[provider];
    provider.passes_unread() && endpoint.providers.iter().any(|dialect| provider.speaks(dialect))
}

/// `openai/gpt-x` asked of the provider `openai` is its model `gpt-x`.
fn own_name(deployment: &Deployment, provider: usize, model: &str) -> Arc<str> {
    let name = &*deployment.providers[provider].name;
    let own = model.strip_prefix(name).and_then(|rest| rest.strip_prefix('/')).filter(|rest| !rest.is_empty());
    Arc::from(own.unwrap_or(model))
}

fn may_use_all(caller: &Caller) -> bool {
    caller.models.is_empty() || caller.models.contains(&Pattern::new("*"))
}

/// May the caller use any model of this provider, by a route or by `provider/model`?
fn may_reach(deployment: &Deployment, caller: &Caller, provider: usize) -> bool {
    let direct = format!("{}/*", deployment.providers[provider].name);
    let routes =
        deployment.routes.iter().filter(|route| route.targets.iter().any(|target| target.provider == provider));
    let mut names = routes.map(|route| &*route.name).chain([direct.as_str()]);
    may_use_all(caller) || names.any(|name| caller.models.iter().any(|pattern| overlaps(pattern, name)))
}

/// Is there a model that both a key's pattern and a route's name or pattern cover?
fn overlaps(pattern: &Pattern, route: &str) -> bool {
    match (pattern, route.strip_suffix('*')) {
        (Pattern::Exact(model), _) => matches(route, model),
        (Pattern::Prefix(prefix), Some(stem)) => stem.starts_with(&**prefix) || prefix.starts_with(stem),
        (Pattern::Prefix(prefix), None) => route.starts_with(&**prefix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_overlap_where_some_model_fits_both() {
        for (pattern, route, wanted) in [
            ("m", "m", true),
            ("m", "*", true),
            ("m", "n*", false),
            ("gpt-*", "gpt-4o", true),
            ("gpt-*", "gpt-4*", true),
            ("gpt-4o*", "gpt-*", true),
            ("gpt-*", "claude-*", false),
            ("p/*", "p/*", true),
            ("p/m", "p/*", true),
            ("pq/*", "p/*", false),
            ("*", "anything", true),
        ] {
            assert_eq!(overlaps(&Pattern::new(pattern), route), wanted, "{pattern} {route}");
        }
    }
}
