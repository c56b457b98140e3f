//! Stage 10: once for every request, whatever became of it: count it, price it, log it, remember it.

use super::Gateway;
use super::Request;
use super::deployment::Deployment;
use super::recall::Remembrance;
use super::relay::Remains;
use super::reply::CacheOutcome;
use super::story::Ending;
use super::story::Story;
use crate::cache::Derived;
use crate::cache::Lead;
use crate::cache::Record;
use crate::clock::Tick;
use crate::config::RouteCache;
use crate::config::Tier;
use crate::keys::Setback;
use crate::net::Net;
use crate::observe;
use crate::observe::Attempt;
use crate::observe::Facts;
use crate::observe::KeySetback;
use crate::observe::RequestLabels;
use crate::observe::request_log::Entry;
use crate::upstream::resolve::Resolve;
use std::sync::Arc;
use std::time::Duration;

impl<N: Net, R: Resolve> Gateway<N, R> {
    /// What the answer cost, if that is known.
    pub(super) fn cost(&self, request: &Request<'_>, story: &Story) -> Option<f64> {
        let provider = &request.deployment.providers[story.provider?];
        request.deployment.cost(provider, story.model.as_deref()?, story.usage.as_ref()?, self.net.unix_ms())
    }

    /// Puts a sound answer where it will be found, and tells everybody who waited for it.
    pub(super) fn remember(
        &self,
        remains: Remains,
        remembrance: Remembrance,
        route: &RouteCache,
        ttl: Duration,
        request: &Request<'_>,
        story: &Story,
    ) {
        let now = self.net.lately();
        let most = request.deployment.settings.cache.entry_bytes_max;
        let storable =
            remains.sound && remains.whole && remains.bytes.len() <= most && (route.tool_calls || !remains.tool_calls);
        let Remembrance { key, lead, inquiry } = remembrance;
        if !storable && lead.is_none() {
            return;
        }
        if !remains.whole {
            lead.into_iter().for_each(Lead::complete_unrecorded);
            return;
        }
        let Some(record) = record(remains, request, story, now, ttl) else { return };
        let record = Arc::new(record);
        if storable {
            if let Some(key) = key {
                self.shared.exact.insert(key, Arc::clone(&record), now);
            }
            if let Some(inquiry) = inquiry {
                let late = || inquiry.late.as_ref().and_then(|late| late.peek()).and_then(Result::ok);
                if let Some(vector) = inquiry.vector.clone().or_else(late) {
                    self.neighbours.remember(inquiry.scope, vector, inquiry.text, Arc::clone(&record), now);
                }
            }
        }
        if let Some(lead) = lead {
            lead.complete(record);
        }
    }

    /// Counts and logs the finished request.
    pub(super) fn settle(
        &self,
        deployment: &Deployment,
        dialect: &'static str,
        story: &Story,
        bytes_out: u64,
        first_byte: Option<Tick>,
    ) {
        let total = self.net.now().since(story.started);
        let key = story.caller.and_then(|index| deployment.keys.caller(index)).map_or("", |caller| &*caller.name);
        let (one, several);
        let attempts: &[Attempt<'_>] = match &story.tries[..] {
            [tried] => {
                one = [attempt(deployment, tried)];
                &one
            }
            tries => {
                several = tries.iter().map(|tried| attempt(deployment, tried)).collect::<Vec<_>>();
                &several
            }
        };
        let facts = Facts {
            request_id: &story.request_id,
            key,
            dialect,
            route: story.route.map_or("", |route| &*deployment.routes[route].name),
            requested_model: story.requested_model.as_deref().unwrap_or(""),
            provider: story.provider.map_or("", |provider| &*deployment.providers[provider].name),
            api_key: story
                .provider
                .zip(story.key)
                .map_or("", |(provider, key)| deployment.providers[provider].keys.name(key)),
            model: story.model.as_deref().unwrap_or(""),
            attempts,
            status: status_of(story),
            client_gone: story.ending == Ending::Vanished,
            broken_stream: story.ending == Ending::Broken,
            fault: story.fault.as_ref(),
            cache: cache_word(story.cache),
            similarity: match story.cache {
                CacheOutcome::Semantic { similarity } => Some(similarity),
                _ => None,
            },
            stream: story.stream,
            stream_events: story.events,
            usage: story.usage.as_ref(),
            cost_usd: story.cost_usd,
            saved_usd: story.saved_usd,
            total,
            first_token: first_byte.filter(|_| story.stream).map(|at| at.since(story.started)),
            upstream: (!story.tries.is_empty()).then_some(story.upstream),
            overhead: total.saturating_sub(story.upstream),
            bytes_in: story.bytes_in,
            bytes_out,
            tier: story.complexity.map(|(tier, _)| tier_word(tier)),
            complexity: story.complexity.map(|(_, score)| score),
        };
        let labels =
            RequestLabels { key: facts.key, provider: facts.provider, model: facts.model, route: facts.route, dialect };
        let series = self.recorder.series(&labels);
        self.recorder.finished(&series, &facts);
        if let Some(sink) = &self.shared.request_log {
            let mut line = Vec::with_capacity(512);
            let (request_body, answer_body) = (story.asked.as_deref(), story.answer.as_deref());
            let began_unix_ms = self.net.unix_ms().saturating_sub(u64::try_from(total.as_millis()).unwrap_or(u64::MAX));
            Entry { facts: &facts, began_unix_ms, request_body, answer_body }.write(&mut line);
            sink.put(line);
        }
    }
}

/// The status sent; for a caller that left before there was one, the one that logs know for that.
fn status_of(story: &Story) -> u16 {
    const LEFT: u16 = 499;
    if story.status == 0 && story.ending == Ending::Vanished { LEFT } else { story.status }
}

fn attempt<'s>(deployment: &'s Deployment, tried: &'s super::story::Try) -> Attempt<'s> {
    let provider = &deployment.providers[tried.provider];
    Attempt {
        provider: &provider.name,
        api_key: tried.key.map_or("", |key| provider.keys.name(key)),
        setback: tried.setback.and_then(|setback| match setback {
            Setback::Rejected => Some(KeySetback::Rejected),
            Setback::Limited(_) => Some(KeySetback::Limited),
            Setback::Unfit => None,
        }),
        model: &tried.model,
        outcome: tried.outcome,
        status: tried.status,
        duration: tried.duration,
    }
}

fn record(remains: Remains, request: &Request<'_>, story: &Story, now: Tick, ttl: Duration) -> Option<Record> {
    let provider = &request.deployment.providers[story.provider?];
    Some(Record {
        dialect: provider.dialect_for(request.dialect).name(),
        form: remains.form,
        bytes: remains.bytes,
        provider: provider.name.clone(),
        model: story.model.clone()?,
        usage: story.usage.clone(),
        cost_usd: story.cost_usd,
        stored: now,
        expires: now.after(ttl),
        derived: Derived::default(),
    })
}

/// The configuration's word for a tier.
pub(super) fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Simple => "simple",
        Tier::Standard => "standard",
        Tier::Hard => "hard",
    }
}

fn cache_word(outcome: CacheOutcome) -> observe::CacheOutcome {
    match outcome {
        CacheOutcome::Bypass => observe::CacheOutcome::Bypass,
        CacheOutcome::Miss => observe::CacheOutcome::Miss,
        CacheOutcome::Hit => observe::CacheOutcome::Hit,
        CacheOutcome::Semantic { .. } => observe::CacheOutcome::Semantic,
        CacheOutcome::Coalesced => observe::CacheOutcome::Coalesced,
    }
}
