//! Answers that no provider gives: refusals, cached answers, health.

use super::Gateway;
use super::Request;
use super::Story;
use super::Turned;
use super::choose;
use super::choose::Way;
use super::client::Client;
use super::client::Progress;
use super::replay;
use super::reply;
use super::reply::CacheOutcome;
use super::settle::tier_word;
use super::story::Ending;
use crate::cache::Record;
use crate::chat::Ask;
use crate::dialects::Dialect;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::limits::Allowance;
use crate::net::Net;
use crate::observe::AttemptOutcome;
use crate::upstream::resolve::Resolve;
use crate::wire::json::Value;
use std::sync::Arc;

impl Story {
    pub(super) fn note_ask(&mut self, ask: &Ask<'_>, model: Arc<str>) {
        self.requested_model = Some(model);
        self.stream = ask.stream;
    }
}

impl<N: Net, R: Resolve> Gateway<N, R> {
    /// Refuses a head, or a body that could not be read.
    pub async fn turn_away(&self, turned: Turned, client: &mut Client<'_, N::Stream>) {
        let Turned { dialect, deployment, fault, mut story, status } = turned;
        story.status = status.unwrap_or(0);
        self.tell(dialect, fault, None, &mut story, client).await;
        self.settle(&deployment, dialect.name(), &story, client.bytes_out, client.first_byte);
    }

    /// Tells the caller what went wrong, in its dialect.
    pub(super) async fn tell(
        &self,
        dialect: &'static dyn Dialect,
        fault: Fault,
        allowance: Option<Allowance>,
        story: &mut Story,
        client: &mut Client<'_, N::Stream>,
    ) {
        let is_first = client.progress() == Progress::Waiting;
        debug_assert!(is_first || client.is_absent(), "a fault is told before anything else");
        if story.status == 0 {
            story.status = dialect.status(&fault);
        }
        let mut head = self.memory.take();
        let mut body = self.memory.take();
        dialect.write_fault(&fault, &story.request_id, &mut body);
        self.open_head(&mut head, story.status);
        reply::field(&mut head, "content-type", b"application/json");
        reply::request_id(&mut head, &story.request_id);
        reply::retry_hints(&mut head, &fault);
        match fault.kind {
            Kind::MethodNotAllowed(methods) => reply::field(&mut head, "allow", methods.as_bytes()),
            Kind::InvalidKey => reply::field(&mut head, "www-authenticate", b"Bearer realm=\"ringgate\""),
            _ => {}
        }
        self.allowance_fields(&mut head, dialect, allowance.as_ref());
        if !story.tries.is_empty() {
            reply::number(&mut head, "x-ringgate-attempts", story.tries.len() as u64);
        }
        head.extend_from_slice(&story.upstream_fields);
        reply::timing(&mut head, story.started, self.net.now(), story.upstream);
        let sent = client.send_whole(&self.net, &head, &body).await;
        self.memory.give(head);
        self.memory.give(body);
        story.fault = Some(fault);
        story.ending = if sent.is_ok() && !client.is_absent() { Ending::Refused } else { Ending::Vanished };
    }

    /// Gives a remembered answer. `false`: it cannot be decoded, nothing was said.
    pub(super) async fn give_cached(
        &self,
        record: &Arc<Record>,
        outcome: CacheOutcome,
        request: &Request<'_>,
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
    ) -> bool {
        let occasion = self.occasion(request);
        let mut body = self.memory.take();
        let decoded = if request.ask.stream {
            replay::streamed(record, request.dialect, occasion, &self.parser, &mut body)
        } else {
            replay::whole(record, request.dialect, occasion, &self.parser, &mut body)
        };
        if !decoded {
            self.memory.give(body);
            return false;
        }
        story.cache = outcome;
        story.cache_age_s = Some(record.age(self.net.lately()).as_secs());
        story.provider = request.deployment.providers.iter().position(|provider| provider.name == record.provider);
        story.model = Some(Arc::clone(&record.model));
        story.usage = record.usage.clone();
        if request.deployment.logs_bodies() {
            story.answer = Some(record.bytes.clone());
        }
        story.saved_usd = record.cost_usd;
        story.cost_usd = record.cost_usd.map(|_| 0.0);
        let mut head = self.memory.take();
        self.answer_head(&mut head, request, story, &[], None);
        let sent = if request.ask.stream {
            client.begin_stream(&head);
            client.end_stream(&self.net, &mut body).await
        } else {
            client.send_whole(&self.net, &head, &body).await
        };
        self.memory.give(head);
        self.memory.give(body);
        story.ending = if sent.is_ok() { Ending::Answered } else { Ending::Vanished };
        true
    }

    /// An answer to what can be estimated and the chosen provider cannot be asked. `None`: ask on.
    pub(super) fn estimate(
        &self,
        request: &Request<'_>,
        body: Value<'_, '_>,
        way: &Way<'_>,
        ask: &Ask<'_>,
    ) -> Option<Vec<u8>> {
        if request.dialect.family() == request.dialect.name() {
            return None; // whoever speaks a dialect of providers is translated for all of them
        }
        let target = choose::plan(way, ask).0.as_slice().first().copied().unwrap_or_default();
        let (provider, _) = way.target(request.deployment, target, &ask.model);
        match request.deployment.providers[provider].passing(request.dialect) {
            Some(_) => None,
            None => request.dialect.estimate(body),
        }
    }

    /// Gives an answer of our own estimation, marked as such.
    pub(super) async fn give_estimate(
        &self,
        estimate: &[u8],
        request: &Request<'_>,
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
    ) {
        let mut head = self.memory.take();
        self.answer_head(&mut head, request, story, &[], None);
        reply::field(&mut head, "x-ringgate-estimated", b"true");
        let sent = client.send_whole(&self.net, &head, estimate).await;
        self.memory.give(head);
        story.ending = if sent.is_ok() { Ending::Answered } else { Ending::Vanished };
    }

    /// The fields that say what the gateway did.
    pub(super) fn own_fields(&self, head: &mut Vec<u8>, request: &Request<'_>, story: &Story) {
        reply::request_id(head, &story.request_id);
        reply::field(head, "x-ringgate-cache", story.cache.header().as_bytes());
        if let Some(age) = story.cache_age_s {
            reply::number(head, "age", age);
            reply::number(head, "x-ringgate-cache-age", age);
        }
        if let CacheOutcome::Semantic { similarity } = story.cache {
            reply::field(head, "x-ringgate-cache-similarity", format!("{similarity:.4}").as_bytes());
            reply::field(head, "x-ringgate-cache-verified", b"guarded-cosine");
        }
        if let Some(provider) = story.provider {
            reply::field(head, "x-ringgate-provider", request.deployment.providers[provider].name.as_bytes());
        }
        if let Some(model) = &story.model {
            reply::field(head, "x-ringgate-model", header_safe(model).as_bytes());
        }
        if !story.tries.is_empty() {
            reply::number(head, "x-ringgate-attempts", story.tries.len() as u64);
        }
        if let Some(failed) = story.tries.iter().find(|tried| tried.outcome != AttemptOutcome::Ok) {
            reply::field(head, "x-ringgate-fallback", failed.outcome.word().as_bytes());
        }
        if request.caller.trusted {
            trusted_fields(head, request, story);
        }
        if !request.ask.stream || story.saved_usd.is_some() {
            if let Some(cost) = story.cost_usd {
                reply::dollars(head, "x-ringgate-cost-usd", cost);
            }
            if let Some(saved) = story.saved_usd {
                reply::dollars(head, "x-ringgate-saved-usd", saved);
            }
        }
        self.allowance_fields(head, request.dialect, request.allowance.as_ref());
        reply::timing(head, story.started, self.net.now(), story.upstream);
    }

    /// What the caller's key may still do, in the words of its dialect beside those that every caller gets.
    pub(super) fn allowance_fields(
        &self,
        head: &mut Vec<u8>,
        dialect: &'static dyn Dialect,
        allowance: Option<&Allowance>,
    ) {
        let Some(allowance) = allowance else { return };
        reply::allowance(head, allowance);
        if let Some(prefix) = dialect.limit_field_prefix() {
            reply::dated_allowance(head, prefix, allowance, self.net.unix_ms());
        }
    }

    /// A short text answer for probes.
    pub(super) async fn serve_plain(&self, client: &mut Client<'_, N::Stream>, status: u16, text: &str) {
        let mut head = self.memory.take();
        self.open_head(&mut head, status);
        reply::field(&mut head, "content-type", b"text/plain; charset=utf-8");
        let _gone = client.send_whole(&self.net, &head, text.as_bytes()).await;
        self.memory.give(head);
    }
}

/// What is an oracle for attackers: only for callers the operator trusts.
fn trusted_fields(head: &mut Vec<u8>, request: &Request<'_>, story: &Story) {
    if let Some(route) = story.route {
        let route = &request.deployment.routes[route];
        let value = format!("route={} strategy={}", header_safe(&route.name), route.strategy.name());
        reply::field(head, "x-ringgate-route", value.as_bytes());
    }
    if let Some((tier, score)) = story.complexity {
        reply::field(head, "x-ringgate-complexity", format!("{}; score={score:.3}", tier_word(tier)).as_bytes());
    }
}

/// Names of models and fields come from the caller's JSON: whatever cannot stand in a header becomes `?`.
pub(super) fn header_safe(text: &str) -> std::borrow::Cow<'_, str> {
    const BYTES_MAX: usize = 256;
    if text.len() <= BYTES_MAX && text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return text.into();
    }
    let safe = text.chars().take(BYTES_MAX);
    safe.map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_name_cannot_add_a_header() {
        assert_eq!(header_safe("gpt\r\nx-evil: 1"), "gpt??x-evil: 1");
        assert_eq!(header_safe("modèle"), "mod?le");
    }
}
