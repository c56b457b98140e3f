//! Stage 8: to a provider, and to the next one if it fails before content.
//!
//! Until the first content nothing has been said to the caller, so any failure that another target
//! might not have leads to the next attempt: no connection, a deadline, 429, 5xx, garbage, a stream
//! that dies in its preamble. A refusal that is about the gateway's key leads to the provider's next key
//! before it leads to the next target; a refusal of the request itself (4xx) is the answer. What the
//! provider said about a rejected credential stays with us: it may quote part of the key. A whole key is
//! taken out of all its words.

use super::Gateway;
use super::Incoming;
use super::Request;
use super::choose::Way;
use super::client::Client;
use super::deployment::Deployment;
use super::deployment::Provider;
use super::deployment::push_header;
use super::recall::Remembrance;
use super::relay::Whole;
use super::story::Story;
use super::story::Try;
use super::stream::Translation;
use super::watch;
use crate::chat;
use crate::clock::Tick;
use crate::dialects::Dialect;
use crate::dialects::Dropped;
use crate::dialects::ProviderDialect;
use crate::dialects::StreamOptions;
use crate::dialects::TargetOptions;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::keys::Chosen;
use crate::keys::Setback;
use crate::keys::Tried;
use crate::limits::signals;
use crate::net::First;
use crate::net::Net;
use crate::net::race;
use crate::net::timeout;
use crate::observe;
use crate::observe::AttemptOutcome;
use crate::observe::Level;
use crate::providers;
use crate::routing::Plan;
use crate::upstream;
use crate::upstream::Exchange;
use crate::upstream::Outgoing;
use crate::upstream::Stage;
use crate::upstream::resolve::Resolve;
use crate::wire::edits::edit_in_place;
use crate::wire::http1::Known;
use crate::wire::json;
use crate::wire::json::Value;
use std::future::Future;
use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// A preamble longer than this is content enough.
const PREAMBLE_EVENTS_MAX: u64 = 64;
const PREAMBLE_BYTES_MAX: usize = 256 * 1024;
/// How often an answer whose caller left is checked for others who still wait for it.
const ORPHAN_CHECK: Duration = Duration::from_millis(50);
/// Largest error body read for its message.
pub(super) const ERROR_BODY_BYTES_MAX: usize = 1024 * 1024;

/// The caller has left and nobody else waits for the answer.
pub(super) struct Vanished;

/// An answer that has begun well.
#[expect(clippy::large_enum_variant, reason = "it is moved a few times, which costs less than a box for every answer")]
pub(super) enum Forwarded<N: Net> {
    /// It is here, complete and understood.
    Whole(Whole<N>),
    /// Its first content is here.
    Stream(Box<StreamedAnswer<N>>),
}

/// An upstream request, ready to be sent.
pub(super) struct Rendered<'r> {
    /// Head and body.
    pub outgoing: Outgoing<'r>,
    /// Whose credential its head holds.
    pub key: Chosen,
    /// Fields that the provider's dialect could not express.
    pub dropped: Vec<Dropped>,
}

/// An upstream request, if there is one, or why it could not be written.
pub(super) type Slot<'r> = Option<Result<Rendered<'r>, Fault>>;

/// A stream with its preamble read.
pub(super) struct StreamedAnswer<N: Net> {
    pub exchange: Box<Exchange<N>>,
    pub translation: Translation,
    /// Translated bytes not yet sent.
    pub out: Vec<u8>,
    /// Fields that the provider's dialect could not express.
    pub dropped: Vec<Dropped>,
}

/// Why the request was not forwarded.
pub(super) enum Unserved {
    /// To be told to the caller.
    Fault(Fault),
    /// Nobody is left to tell.
    Vanished,
}

impl From<Vanished> for Unserved {
    fn from(_: Vanished) -> Self {
        Unserved::Vanished
    }
}

/// One failed attempt.
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) outcome: AttemptOutcome,
    /// The provider's status, if it sent one.
    status: Option<u16>,
    /// May another target succeed where this one failed?
    failover: bool,
    /// What it says about the key that was used.
    pub setback: Option<Setback>,
    /// What the provider said of itself, as lines of a head.
    upstream_fields: Vec<u8>,
}

#[expect(clippy::large_enum_variant, reason = "what is served is moved on at once, and a box would be paid for by all")]
enum Attempt<N: Net> {
    Served(Forwarded<N>),
    Failed(Box<Failure>),
}

impl<N: Net, R: Resolve> Gateway<N, R> {
    /// Tries the planned targets in order. The upstream request stays in `slot`, which holds the first one:
    /// handed through the layers by value, every one of them would hold it in every connection's memory.
    pub(super) async fn forward<'r>(
        &self,
        request: &Request<'r>,
        client: &mut Client<'_, N::Stream>,
        way: &Way<'_>,
        plan: &Plan,
        slot: &mut Slot<'r>,
        remembrance: &Remembrance,
        story: &mut Story,
    ) -> Result<Forwarded<N>, Unserved> {
        let mut last = None;
        let deadline = self.deadline(request, way, plan, story)?;
        for target in plan.as_slice() {
            let (index, model) = way.target(request.deployment, *target, &request.ask.model);
            let model: Arc<str> = self.model_names.shared(&model);
            slot.get_or_insert_with(|| self.rendered_again(request, index, &model, None));
            match self.ask_target(request, client, index, model, slot, deadline, remembrance, story).await? {
                Attempt::Served(forwarded) => return Ok(forwarded),
                Attempt::Failed(failure) => {
                    let stop = !failure.failover || self.net.lately() >= deadline;
                    last = Some(failure);
                    *slot = None;
                    if stop {
                        break;
                    }
                }
            }
        }
        let nobody = || Fault::new(Kind::Overloaded, "no provider is available for this model");
        Err(Unserved::Fault(told(last.map_or_else(nobody, |failure| failure.fault), story)))
    }

    /// Asks one target, with one key of its provider after the other while the refusals are about keys.
    async fn ask_target<'r>(
        &self,
        request: &Request<'r>,
        client: &mut Client<'_, N::Stream>,
        index: usize,
        model: Arc<str>,
        slot: &mut Slot<'r>,
        deadline: Tick,
        remembrance: &Remembrance,
        story: &mut Story,
    ) -> Result<Attempt<N>, Unserved> {
        let provider = &request.deployment.providers[index];
        let mut tried = Tried::default();
        loop {
            let key = slot.as_ref().and_then(|rendered| Some(rendered.as_ref().ok()?.key));
            let before = self.net.now();
            let attempt = self.attempt(request, client, (index, &model), slot, deadline, remembrance).await;
            // The turn began when the provider's answer was here; the gateway's own part of it is not the provider's.
            let now = self.net.lately();
            let duration = now.since(before);
            story.upstream += duration;
            let mut noted = Try {
                provider: index,
                key: key.map(Chosen::index),
                setback: None,
                model: Arc::clone(&model),
                outcome: AttemptOutcome::Ok,
                status: Some(200),
                duration,
            };
            let mut failure = match attempt {
                Ok(Attempt::Served(forwarded)) => {
                    key.iter().for_each(|key| provider.keys.accepted(*key));
                    story.provider = Some(index);
                    story.key = noted.key;
                    story.model = Some(model);
                    story.tries.push(noted);
                    return Ok(Attempt::Served(forwarded));
                }
                Ok(Attempt::Failed(failure)) => failure,
                Err(unserved) => {
                    noted.outcome = AttemptOutcome::Abandoned;
                    noted.status = None;
                    story.tries.push(noted);
                    return Err(unserved);
                }
            };
            story.upstream_fields = std::mem::take(&mut failure.upstream_fields);
            noted.outcome = failure.outcome;
            noted.status = failure.status;
            noted.setback = failure.setback.filter(|_| key.is_some());
            story.tries.push(noted);
            self.complain(request.deployment, index, &failure);
            let (Some(key), Some(setback)) = (key, failure.setback) else { return Ok(Attempt::Failed(failure)) };
            tried.note(key);
            self.rest(provider, key, setback, now);
            if request.home.is_some() && setback != Setback::Rejected {
                // Another account's key would deny what this one's keeps.
                return Ok(Attempt::Failed(failure));
            }
            let random = self.ids.random() as u64;
            let next = provider.keys.choose(&model, tried, now, random).filter(|_| now < deadline);
            let Some(next) = next else {
                return Ok(Attempt::Failed(Box::new(exhausted(*failure, provider, &model, now))));
            };
            *slot = Some(self.rendered_again(request, index, &model, Some(next)));
        }
    }

    /// Avoids a key for a while, and tells people where others take its place. A credential that is renewed may have
    /// been withdrawn before its time.
    pub(super) fn rest(&self, provider: &Provider, key: Chosen, setback: Setback, now: Tick) {
        let avoided = provider.keys.refused(key, setback, now);
        if let (Some(identity), Setback::Rejected) = (&provider.identity, setback) {
            identity.doubt();
        }
        let worth_telling = provider.keys.count() > 1 && !avoided.is_zero();
        let Some(log) = self.shared.log.as_ref().filter(|_| worth_telling) else { return };
        let (name, seconds) = (provider.keys.name(key.index()), avoided.as_secs_f64());
        let reason = setback.word();
        let subject = format!("key {} {name} {reason}", provider.name);
        let fields: observe::log::Fields<'_> =
            &[("provider", &provider.name), ("api_key", &name), ("reason", &reason), ("seconds", &seconds)];
        log.once_a_minute(now, &subject, Level::Warn, "a provider's key is avoided", fields);
    }

    /// Tells people that a provider fails, once a minute for each provider and sort of failure. What a
    /// caller did wrong is not a provider's failure.
    pub(super) fn complain(&self, deployment: &Deployment, provider: usize, failure: &Failure) {
        let refused = failure.outcome == AttemptOutcome::ClientError;
        let callers_fault = refused && matches!(failure.status, Some(400 | 404..=428 | 430..=499));
        let inexpressible = failure.status.is_none() && refused;
        let Some(log) = self.shared.log.as_ref().filter(|_| !callers_fault && !inexpressible) else { return };
        let name = &deployment.providers[provider].name;
        let outcome = failure.outcome.word();
        let key = format!("provider {name} {outcome}");
        let fields: observe::log::Fields<'_> =
            &[("provider", name), ("outcome", &outcome), ("reason", &failure.fault.message)];
        log.once_a_minute(self.net.now(), &key, Level::Warn, "a provider fails", fields);
    }

    fn deadline(&self, request: &Request<'_>, way: &Way<'_>, plan: &Plan, story: &Story) -> Result<Tick, Unserved> {
        let first = plan.as_slice().first().copied().unwrap_or_default();
        let (index, _) = way.target(request.deployment, first, &request.ask.model);
        let configured = request.deployment.providers[index].link.timeouts.total;
        let total = super::rules::total_timeout(configured, request.incoming.head, request.incoming.bytes)
            .map_err(Unserved::Fault)?;
        Ok(story.started.after(total))
    }

    async fn attempt(
        &self,
        request: &Request<'_>,
        client: &mut Client<'_, N::Stream>,
        (provider, model): (usize, &str),
        slot: &mut Slot<'_>,
        deadline: Tick,
        remembrance: &Remembrance,
    ) -> Result<Attempt<N>, Unserved> {
        let provider = &request.deployment.providers[provider];
        let rendered = match slot.as_mut().expect("rendered before it is attempted") {
            Ok(rendered) => rendered,
            Err(fault) => return Ok(Attempt::Failed(Box::new(inexpressible(fault.clone())))),
        };
        let sent = self.net.lately();
        let exchanged = {
            let exchange = pin!(self.upstreams.exchange(&provider.link, &mut rendered.outgoing, deadline));
            self.unless_left(exchange, client, remembrance).await?
        };
        let exchange = match exchanged {
            Ok(exchange) => exchange,
            Err(failure) => {
                return Ok(Attempt::Failed(Box::new(transport(&failure, provider, None))));
            }
        };
        if exchange.status() != 200 {
            let refusal = Box::pin(self.refusal(exchange, request, client, provider, remembrance)).await?;
            return Ok(Attempt::Failed(Box::new(refusal)));
        }
        let dropped = std::mem::take(&mut rendered.dropped);
        let streams = provider.dialect_for(request.dialect).framing().content_type().as_bytes();
        let is_stream = content_type(&exchange).is_some_and(|value| value.starts_with(streams));
        if request.ask.stream && is_stream {
            Box::pin(self.preamble(exchange, request, client, (provider, model), dropped, sent, remembrance)).await
        } else {
            self.whole(exchange, request, client, (provider, model), dropped, remembrance).await
        }
    }

    /// The upstream request for the first planned target.
    pub(super) fn rendered<'r>(
        &self,
        request: &Request<'r>,
        body: Value<'_, '_>,
        way: &Way<'_>,
        plan: &Plan,
    ) -> Result<Rendered<'r>, Fault> {
        let target = plan.as_slice().first().copied().unwrap_or_default();
        let (index, model) = way.target(request.deployment, target, &request.ask.model);
        self.rendered_for(request, body, index, &model, None)
    }

    fn rendered_for<'r>(
        &self,
        request: &Request<'r>,
        body: Value<'_, '_>,
        provider: usize,
        model: &str,
        key: Option<Chosen>,
    ) -> Result<Rendered<'r>, Fault> {
        let provider = &request.deployment.providers[provider];
        let now = self.net.lately();
        let any = || provider.keys.choose(model, Tried::default(), now, self.ids.random() as u64);
        let at_home = || provider.key_at(request.home.as_ref(), model, now);
        let key = key.or_else(at_home).or_else(any).ok_or_else(|| no_key(provider, model))?;
        let (clock, out) = (|| self.net.unix_ms(), self.memory.take());
        let (outgoing, dropped) = render(request, body, provider, key, model, &self.instance, clock, out)?;
        Ok(Rendered { outgoing, key, dropped })
    }

    /// The upstream request for a later target or key: the body is parsed once more, which only failover
    /// pays.
    fn rendered_again<'r>(
        &self,
        request: &Request<'r>,
        provider: usize,
        model: &str,
        key: Option<Chosen>,
    ) -> Result<Rendered<'r>, Fault> {
        let mut copy = self.memory.take();
        json::copy_to_parse(request.incoming.body, &mut copy);
        let tape = self.parse(&mut copy)?;
        let rendered = self.rendered_for(request, tape.as_value(), provider, model, key);
        self.parser.borrow_mut().recycle(tape);
        self.memory.give(copy);
        self.worked_on(request.incoming.body.len());
        rendered
    }

    /// Reads a stream until its first content.
    async fn preamble(
        &self,
        mut exchange: Box<Exchange<N>>,
        request: &Request<'_>,
        client: &mut Client<'_, N::Stream>,
        (provider, model): (&Provider, &str),
        dropped: Vec<Dropped>,
        sent: Tick,
        remembrance: &Remembrance,
    ) -> Result<Attempt<N>, Unserved> {
        let options = StreamOptions { include_usage: request.ask.include_usage, created_s: self.net.unix_ms() / 1000 };
        let keep = remembrance.is_wanted() || request.deployment.logs_bodies();
        let speaks = provider.dialect_for(request.dialect);
        let mut translation = Translation::new(speaks, request.dialect, options, request.ask.choices, keep);
        translation.repeat(request.incoming.body);
        translation.silent_finish(provider.quirks_of(speaks).silent_finish);
        translation.call(|| request.dialect.answer_id(self.ids.random()), model);
        let mut out = self.memory.take();
        let limit = sent.after(provider.link.timeouts.first_byte);
        loop {
            let left = limit.since(self.net.lately());
            let fault = {
                let next = pin!(timeout(&self.net, left.max(Duration::from_millis(1)), exchange.next()));
                match self.unless_left(next, client, remembrance).await? {
                    None => Some(first_byte_fault(provider)),
                    Some(Err(failure)) => Some(failure.fault(&provider.name)),
                    Some(Ok(None)) => translation.finish(&self.parser, &mut out),
                    Some(Ok(Some(bytes))) => translation.feed(&self.parser, bytes, &mut out).err(),
                }
            };
            if let Some(fault) = fault {
                self.memory.give(out);
                let late = fault.kind == Kind::Timeout;
                let outcome = if late { AttemptOutcome::Timeout } else { AttemptOutcome::Broken };
                return Ok(Attempt::Failed(Box::new(in_band(fault, outcome, provider))));
            }
            let facts = &translation.facts;
            let long = facts.events > PREAMBLE_EVENTS_MAX || out.len() > PREAMBLE_BYTES_MAX;
            if facts.content || facts.complete || long {
                let answer = Box::new(StreamedAnswer { exchange, translation, out, dropped });
                return Ok(Attempt::Served(Forwarded::Stream(answer)));
            }
        }
    }

    /// Reads and understands a whole answer.
    async fn whole(
        &self,
        mut exchange: Box<Exchange<N>>,
        request: &Request<'_>,
        client: &mut Client<'_, N::Stream>,
        (provider, model): (&Provider, &str),
        dropped: Vec<Dropped>,
        remembrance: &Remembrance,
    ) -> Result<Attempt<N>, Unserved> {
        let most = request.deployment.settings.server.answer_bytes_max;
        let read = {
            let read = pin!(async { exchange.whole(most).await.map(|_| ()) });
            self.unless_left(read, client, remembrance).await?
        };
        if let Err(failure) = read {
            return Ok(Attempt::Failed(Box::new(transport(&failure, provider, Some(200)))));
        }
        let mut copy = self.memory.take();
        json::copy_to_parse(exchange.body(), &mut copy);
        let understood = self.understand(&mut copy, request, provider, model);
        self.worked_on(copy.len());
        self.memory.give(copy);
        match understood {
            Ok((facts, translated)) => {
                let whole = Whole { exchange, facts, translated, dropped };
                Ok(Attempt::Served(Forwarded::Whole(whole)))
            }
            Err(fault) => Ok(Attempt::Failed(Box::new(in_band(fault, AttemptOutcome::Broken, provider)))),
        }
    }

    /// Reads the provider's refusal; decides whether another target might not refuse.
    async fn refusal(
        &self,
        mut exchange: Box<Exchange<N>>,
        request: &Request<'_>,
        client: &mut Client<'_, N::Stream>,
        provider: &Provider,
        remembrance: &Remembrance,
    ) -> Result<Failure, Vanished> {
        let status = exchange.status();
        let read = {
            let read = pin!(async { exchange.whole(ERROR_BODY_BYTES_MAX).await.map(|_| ()) });
            self.unless_left(read, client, remembrance).await?
        };
        let body = if read.is_ok() { exchange.body() } else { &[] };
        let dialect = provider.dialect_for(request.dialect);
        let fault = dialect.read_refusal(status, &|name| exchange.header(name), body);
        let mut upstream_fields = Vec::new();
        super::relay::upstream_fields(&mut upstream_fields, &exchange);
        Ok(Failure { upstream_fields, ..judged_refusal(status, self.refused(&exchange, fault, provider), provider) })
    }

    /// The provider's fault without any credential, and with what its head says about trying again.
    pub(super) fn refused(&self, exchange: &Exchange<N>, fault: Fault, provider: &Provider) -> Fault {
        let fault = provider.redacted(fault);
        let should_retry = match exchange.header("x-should-retry") {
            Some(b"true") => Some(true),
            Some(b"false") => Some(false),
            _ => fault.should_retry,
        };
        Fault { retry_after: self.retry_after(exchange).or(fault.retry_after), should_retry, ..fault }
    }

    /// When the provider wants to be asked again. Where a limit returns is only of interest where one
    /// refused.
    fn retry_after(&self, exchange: &Exchange<N>) -> Option<Duration> {
        let (header, now) = (|name: &str| exchange.header(name), self.net.unix_ms());
        match exchange.status() {
            429 => signals::limited_for(header, now),
            _ => signals::retry_after(header, now),
        }
    }

    /// Runs `future` unless the caller leaves first. When others wait for the same answer, the caller's
    /// leaving changes nothing but that it will not be written to.
    pub(super) async fn unless_left<F: Future>(
        &self,
        mut future: Pin<&mut F>,
        client: &mut Client<'_, N::Stream>,
        remembrance: &Remembrance,
    ) -> Result<F::Output, Vanished> {
        if !client.is_absent() {
            let left = watch::left(client.stream(), &self.net, || client.fin_means_gone || self.expired());
            match race(future.as_mut(), left).await {
                First::A(output) => return Ok(output),
                // The drain has ended the reading side: the caller is there and will be told.
                First::B(()) if self.expired() => return Err(Vanished),
                First::B(()) => client.leave(),
            }
            if remembrance.is_mine_alone() {
                return Err(Vanished);
            }
        }
        // Those who joined may leave as well, and nobody tells: look now and then.
        loop {
            match race(future.as_mut(), self.net.sleep(ORPHAN_CHECK)).await {
                First::A(output) => return Ok(output),
                First::B(()) if remembrance.is_mine_alone() => return Err(Vanished),
                First::B(()) => {}
            }
        }
    }
}

/// No request could be written. What one cannot say elsewhere is its own fault; the lack of a credential is ours.
fn inexpressible(fault: Fault) -> Failure {
    let is_ours = fault.kind == Kind::Overloaded;
    let outcome = if is_ours { AttemptOutcome::Unreachable } else { AttemptOutcome::ClientError };
    Failure { fault, outcome, status: None, failover: true, setback: None, upstream_fields: Vec::new() }
}

/// The whole upstream request, its own part in `out`: own head, allow-listed fields, body in the provider's
/// dialect.
fn render<'r>(
    request: &Request<'r>,
    parsed: Value<'_, '_>,
    provider: &Provider,
    key: Chosen,
    model: &str,
    instance: &str,
    clock: impl Fn() -> u64,
    mut out: Vec<u8>,
) -> Result<(Outgoing<'r>, Vec<Dropped>), Fault> {
    let dialect = provider.dialect_for(request.dialect);
    let quirks = provider.quirks_of(dialect);
    let credential = provider.credential(&clock)?;
    let options = TargetOptions {
        default_max_tokens: provider.default_max_tokens,
        inject_usage: request.ask.stream && quirks.is_asked_for_usage(),
        legacy_max_tokens: provider.legacy_max_tokens(),
        signed_reasoning: quirks.details_reasoning,
    };
    out.extend_from_slice(b"POST ");
    let path_at = out.len();
    let usual_path = dialect.path(model, request.ask.stream);
    provider.write_path(&usual_path, Some(model), request.ask.stream, &mut out);
    let path = path_at..out.len();
    out.extend_from_slice(b" HTTP/1.1\r\n");
    out.extend_from_slice(&provider.fixed_head);
    out.extend_from_slice(provider.keys.line(key));
    pass_fields(&request.incoming, provider, instance, &mut out);
    let unsigned = credential.as_ref().and_then(|credential| credential.write_fields(clock(), &mut out));
    let (body_at, mut dropped);
    if let Some(passing) = provider.passing(request.dialect) {
        dropped = passing.left_unsaid(parsed, model)?;
        let mut body = passing.splice_request(request.incoming.body, parsed, &request.ask, model, options);
        let (edits, lost) = provider.adapt(dialect, &usual_path, body.source());
        body.amend(edits);
        dropped.extend(lost);
        end_head(body.length(), &mut out);
        if unsigned.is_none() {
            return Ok((Outgoing::new(out, &body), dropped));
        }
        body_at = out.len();
        body.write(&mut out);
    } else {
        body_at = open_body(&mut out);
        dropped = translate(request, parsed, dialect, model, options, &mut out)?;
        let (edits, lost) = provider.adapt(dialect, &usual_path, &out[body_at..]);
        edit_in_place(&mut out, body_at, edits);
        dropped.extend(lost);
        close_body(body_at, &mut out);
    }
    if let Some((signer, unsigned)) = unsigned {
        signer.sign(&unsigned, "POST", &provider.link.endpoint.authority, path, body_at, &mut out);
    }
    Ok((out.into(), dropped))
}

/// Appends the body in the words of a provider of another dialect; tells what has none there.
fn translate(
    request: &Request<'_>,
    parsed: Value<'_, '_>,
    dialect: &'static dyn ProviderDialect,
    model: &str,
    options: TargetOptions,
    out: &mut Vec<u8>,
) -> Result<Vec<Dropped>, Fault> {
    request.dialect.check_portable(parsed)?;
    // The path may say what the body does not.
    let neutral = request.dialect.read_request(parsed)?;
    let neutral = chat::Request { model: request.ask.model.to_string(), stream: request.ask.stream, ..neutral };
    let written = dialect.write_request(&neutral, model, options, out);
    Ok(renamed(written.map_err(|fault| in_words_of(request.dialect, fault))?, request.dialect))
}

/// Ends a head before a body of `length` bytes.
pub(super) fn end_head(length: usize, out: &mut Vec<u8>) {
    push_header(out, "content-length", itoa::Buffer::new().format(length).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Ends a head with room for the length of a body that is still to be written, which saves a copy of it.
fn open_body(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(b"content-length:           0\r\n\r\n");
    out.len()
}

/// Tells the length of the body that was written since [`open_body`]: right-aligned into the room that was
/// left. White space before a field's value means nothing (RFC 9110 §5.5).
fn close_body(body_at: usize, out: &mut [u8]) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(out.len() - body_at).as_bytes();
    let room_ends = body_at - b"\r\n\r\n".len();
    out[room_ends - digits.len()..room_ends].copy_from_slice(digits);
}

/// What was left out, by the caller's names.
fn renamed(dropped: Vec<Dropped>, caller: &dyn Dialect) -> Vec<Dropped> {
    let mut named: Vec<Dropped> = Vec::with_capacity(dropped.len());
    for field in dropped.iter().map(|dropped| caller.name_of_field(&dropped.field)) {
        if named.iter().all(|known| known.field != field) {
            named.push(Dropped { field });
        }
    }
    named
}

/// A refusal that names its field as the caller does.
fn in_words_of(caller: &dyn Dialect, fault: Fault) -> Fault {
    let Some(theirs) = &fault.param else {
        return fault;
    };
    let ours = caller.name_of_field(theirs);
    let message = fault.message.replace(&format!("`{theirs}`"), &format!("`{ours}`"));
    Fault { message: message.into(), param: Some(ours), ..fault }
}

/// Caller fields that providers are meant to see.
const PASSED: &[(Known, &str)] = &[
    (Known::AnthropicVersion, "anthropic-version"),
    (Known::AnthropicBeta, "anthropic-beta"),
    (Known::OpenaiOrganization, "openai-organization"),
    (Known::OpenaiProject, "openai-project"),
    (Known::IdempotencyKey, "idempotency-key"),
    (Known::Traceparent, "traceparent"),
    (Known::Tracestate, "tracestate"),
];

pub(super) fn pass_fields(incoming: &Incoming<'_>, provider: &Provider, instance: &str, out: &mut Vec<u8>) {
    for (known, name) in PASSED {
        if let Some(value) = incoming.list(*known) {
            push_header(out, name, &value);
        }
    }
    for (name, value) in provider.default_headers {
        let sent = PASSED.iter().any(|(known, passed)| passed == name && incoming.header(*known).is_some());
        if !sent {
            push_header(out, name, value.as_bytes());
        }
    }
    // The mark by which a gateway that is its own upstream recognises itself.
    out.extend_from_slice(b"via: ");
    if let Some(before) = incoming.list(Known::Via) {
        out.extend_from_slice(&before);
        out.extend_from_slice(b", ");
    }
    out.extend_from_slice(b"1.1 ");
    out.extend_from_slice(instance.as_bytes());
    out.extend_from_slice(b"\r\n");
}

pub(super) fn content_type<N: Net>(exchange: &Exchange<N>) -> Option<&[u8]> {
    exchange.header("content-type")
}

fn first_byte_fault(provider: &Provider) -> Fault {
    Fault::new(Kind::Timeout, format!("the provider `{}` sent no content within first_byte_timeout_ms", provider.name))
}

/// How an attempt ended that was answered with `status`.
pub(super) fn outcome_of(status: u16) -> AttemptOutcome {
    match status {
        200..=299 => AttemptOutcome::Ok,
        429 => AttemptOutcome::RateLimited,
        400..=499 => AttemptOutcome::ClientError,
        500..=599 => AttemptOutcome::ServerError,
        _ => AttemptOutcome::Broken,
    }
}

/// A failure of the exchange itself.
pub(super) fn transport(failure: &upstream::Failure, provider: &Provider, status: Option<u16>) -> Failure {
    let fault = failure.fault(&provider.name);
    let outcome = match (fault.kind, failure.stage) {
        (Kind::Timeout, _) => AttemptOutcome::Timeout,
        (_, Stage::Resolve | Stage::Connect | Stage::Tls) => AttemptOutcome::Unreachable,
        _ => AttemptOutcome::Broken,
    };
    Failure { fault, outcome, status, failover: true, setback: None, upstream_fields: Vec::new() }
}

/// A failure that came with status 200: what was said in the answer may all the same be about the key.
fn in_band(fault: Fault, outcome: AttemptOutcome, provider: &Provider) -> Failure {
    let fault = provider.redacted(fault);
    let setback = match fault.kind {
        Kind::Provider(status) => providers::setback(&provider.key_rules, status, &fault),
        _ => None,
    };
    let fault = if setback == Some(Setback::Rejected) { rejected(provider) } else { fault };
    Failure { fault, outcome, status: Some(200), failover: true, setback, upstream_fields: Vec::new() }
}

fn rejected(provider: &Provider) -> Fault {
    let place = provider.credential_setting();
    let advice = format!("rejects the gateway's credential; its operator must check {place}");
    Fault::new(Kind::Upstream, format!("the provider `{}` {advice}", provider.name))
}

pub(super) fn no_key(provider: &Provider, model: &str) -> Fault {
    let (name, model) = (&provider.name, super::admit::shown(model));
    let advice = "add it to `models` of one of its api_keys, or ask for another model";
    let message = format!("no key of the provider `{name}` may be used for the model `{model}`: {advice}");
    Fault { param: Some("model".to_owned()), ..Fault::new(Kind::NotFound, message) }
}

/// The failure that is told when no key of a provider with several is left to try.
fn exhausted(mut failure: Failure, provider: &Provider, model: &str, now: Tick) -> Failure {
    if provider.keys.count() < 2 {
        return failure;
    }
    let returns_in = provider.keys.returns_in(model, now);
    failure.fault = match (failure.setback, returns_in) {
        // The provider's own words about the limit, or about what its keys may not do.
        (Some(Setback::Limited(_) | Setback::Unfit), _) => failure.fault,
        (_, Some(_)) => {
            let message = format!("the keys for the provider `{}` are limited or rejected", provider.name);
            Fault::new(Kind::Provider(429), message)
        }
        (_, None) => {
            let advice = "rejects every key of the gateway that was tried; its operator must check api_keys";
            Fault::new(Kind::Upstream, format!("the provider `{}` {advice}", provider.name))
        }
    };
    failure.fault.retry_after = returns_in.or(failure.fault.retry_after);
    failure
}

pub(super) fn judged_refusal(status: u16, fault: Fault, provider: &Provider) -> Failure {
    let Provider { name, key_rules, .. } = provider;
    let ours = |message: String| Fault::new(Kind::Upstream, message);
    // A dialect may know better than the status what was refused.
    let status = if let Kind::Provider(judged) = fault.kind { judged } else { status };
    let setback = providers::setback(key_rules, status, &fault);
    let (fault, outcome, failover) = match status {
        401 => (rejected(provider), outcome_of(status), true),
        402 => {
            let advice = "says that the gateway's account there is out of credit; its operator must fill it";
            (ours(format!("the provider `{name}` {advice}")), outcome_of(status), true)
        }
        // The provider or its model took too long or failed, whatever the status blames.
        408 | 424 => (fault, AttemptOutcome::ServerError, true),
        403 | 429 | 500..=599 => (fault, outcome_of(status), true),
        400..=499 if setback.is_some() => (rejected(provider), outcome_of(status), true),
        400..=499 => (fault, outcome_of(status), false),
        _ => {
            let message = format!("the provider `{name}` answered with the unexpected status {status}");
            (ours(message), AttemptOutcome::Broken, true)
        }
    };
    Failure { fault, outcome, status: Some(status), failover, setback, upstream_fields: Vec::new() }
}

/// Says in the fault's own message that it was not the only one.
pub(super) fn told(mut fault: Fault, story: &Story) -> Fault {
    let same = |two: &&[Try]| two[0].provider == two[1].provider && two[0].model == two[1].model;
    let targets = story.tries.len() - story.tries.windows(2).filter(same).count();
    let others = match (targets, story.tries.len()) {
        (_, 0 | 1) => return fault,
        (1, attempts) => format!("{attempts} keys were tried"),
        (targets, attempts) if targets == attempts => format!("{targets} targets were tried"),
        (targets, attempts) => format!("{targets} targets were tried, in {attempts} attempts"),
    };
    fault.message = format!("{} ({others})", fault.message).into();
    fault
}
