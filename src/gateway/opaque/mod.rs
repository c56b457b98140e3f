//! Calls that pass through unread: images, sound, files, batches, stored responses and the like.
//!
//! No dialect knows their bodies, so nothing is translated, cached or judged by content; what holds for
//! every call holds for them too: who asks, how often, which provider, with whose credential, what it
//! cost, and that a cut answer never looks whole. A request goes out once: only a provider that could
//! not be reached is replaced by the next. An answer of any size goes by one piece at a time.

mod paths;
mod relay;
mod said;
mod whom;

pub use paths::Endpoint;
pub(super) use paths::endpoint;
pub(super) use said::with_model;
pub(super) use whom::may_come_back;

use super::Gateway;
use super::Incoming;
use super::Visit;
use super::admit;
use super::client::Client;
use super::deployment::Deployment;
use super::deployment::Provider;
use super::deployment::push_header;
use super::forward;
use super::forward::Failure;
use super::forward::Unserved;
use super::forward::Vanished;
use super::homes::Home;
use super::recall::Remembrance;
use super::receive;
use super::rules;
use super::story::Ending;
use super::story::Story;
use super::story::Try;
use crate::config::HalfClose;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::keys::Caller;
use crate::keys::Chosen;
use crate::keys::Tried;
use crate::limits::Allowance;
use crate::net::Net;
use crate::observe::AttemptOutcome;
use crate::upstream::Exchange;
use crate::upstream::Outgoing;
use crate::upstream::resolve::Resolve;
use crate::wire::http1::Known;
use crate::wire::http1::Method;
use said::Said;
use std::pin::pin;
use whom::Candidate;
use whom::Wish;

/// In metrics and logs, in the place of a dialect.
const DIALECT_LABEL: &str = "opaque";

/// One unread call.
struct Call<'r> {
    endpoint: &'static Endpoint,
    incoming: Incoming<'r>,
    deployment: &'r Deployment,
    caller: &'r Caller,
    method: &'static str,
    /// Below the provider's base URL, query included.
    target: String,
    said: Said,
    /// Where something lives that the request names by id.
    home: Option<Home>,
    allowance: Option<Allowance>,
}

impl<N: Net, R: Resolve> Gateway<N, R> {
    pub(super) async fn serve_opaque(
        &self,
        endpoint: &'static Endpoint,
        visit: Visit,
        incoming: Incoming<'_>,
        client: &mut Client<'_, N::Stream>,
    ) {
        let Visit { deployment, caller, mut story, .. } = visit;
        let _in_flight = self.recorder.request();
        client.fin_means_gone = deployment.settings.server.half_close == HalfClose::Abort;
        let caller = deployment.keys.caller(caller).expect("greet found this caller in this deployment");
        let mut allowance = None;
        let told = self.opaque(endpoint, &deployment, caller, incoming, client, &mut story, &mut allowance).await;
        match told.map_err(|unserved| self.or_shutting_down(unserved, client)) {
            Ok(()) => {}
            Err(Unserved::Fault(fault)) => self.tell(endpoint.dialect, fault, allowance, &mut story, client).await,
            Err(Unserved::Vanished) => {
                client.give_up();
                story.ending = Ending::Vanished;
            }
        }
        self.settle(&deployment, DIALECT_LABEL, &story, client.bytes_out, client.first_byte);
    }

    /// The page of an unread call.
    async fn opaque(
        &self,
        endpoint: &'static Endpoint,
        deployment: &Deployment,
        caller: &Caller,
        incoming: Incoming<'_>,
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
        allowance: &mut Option<Allowance>,
    ) -> Result<(), Unserved> {
        let asked = incoming.head.path(incoming.bytes);
        let path = receive::unmounted(asked).0;
        let method = paths::method_name(incoming.head.method)?;
        let mut target = endpoint.upstream_path(path)?.to_owned();
        // Behind a deployment's name it holds the version of Azure's API.
        let query = incoming.head.query(incoming.bytes).filter(|_| receive::deployment(asked).is_none());
        paths::write_query(query, &mut target);
        let said = Said::read(&incoming, &self.parser)?;
        said.model.as_deref().map_or(Ok(()), receive::bound_model)?;
        story.requested_model = said.model.as_deref().map(|model| self.model_names.shared(model));

        let words = paths::segments(path).chain(said.strings.iter().map(String::as_str));
        let home = words.into_iter().find_map(|word| self.shared.homes.find(word));
        let subject = endpoint.subject(path).and_then(|id| self.shared.homes.find(id));
        let provider = incoming.header(Known::XRinggateProvider);
        let wish = Wish { model: said.model.as_deref(), provider, home: home.as_ref(), subject: subject.as_ref() };
        whom::permit(caller, endpoint, &wish)?;
        let rate = deployment.rates.get(caller.index).and_then(Option::as_deref);
        let grant = admit::admit_rate(rate, self.net.lately()).map_err(|refusal| {
            *allowance = refusal.allowance;
            refusal.fault
        })?;
        *allowance = grant.allowance;
        let (route, candidates) = whom::candidates(deployment, caller, endpoint, &wish)?;
        story.route = route;

        let allowance = grant.allowance;
        let call = Call { endpoint, incoming, deployment, caller, method, target, said, home, allowance };
        let (exchange, provider, key) = self.ask_unread(&call, &candidates, client, story).await?;
        match exchange.status() {
            200..=299 => {
                deployment.providers[provider].keys.accepted(key);
                Box::pin(self.relay_unread(exchange, &call, (provider, key.index()), client, story)).await
            }
            _ => Box::pin(self.refused_unread(exchange, &call, (provider, key), client, story)).await,
        }
    }

    /// Asks the first candidate that can be reached; the answer's head is there when this returns.
    async fn ask_unread(
        &self,
        call: &Call<'_>,
        candidates: &[Candidate],
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
    ) -> Result<(Box<Exchange<N>>, usize, Chosen), Unserved> {
        let mut last = Fault::new(Kind::Overloaded, "no provider is available for this call");
        for Candidate { provider: index, model } in candidates {
            let provider = &call.deployment.providers[*index];
            let total = rules::total_timeout(provider.link.timeouts.total, call.incoming.head, call.incoming.bytes)?;
            let before = self.net.now();
            // What was made with one key is often to be found by that one alone: it, or always the first that is fit.
            let asked = model.as_deref().unwrap_or_default();
            let at_home = provider.key_at(call.home.as_ref(), asked, before);
            let Some(key) = at_home.or_else(|| provider.keys.choose(asked, Tried::default(), before, 0)) else {
                last = forward::no_key(provider, asked);
                continue;
            };
            let mut request = match self.render_unread(call, provider, key, model.as_deref()) {
                Ok(request) => request,
                Err(fault) => {
                    last = fault;
                    continue;
                }
            };
            let exchanged = {
                let exchange = pin!(self.upstreams.exchange(&provider.link, &mut request, story.started.after(total)));
                self.unless_left(exchange, client, &Remembrance::default()).await
            };
            let duration = self.net.now().since(before);
            story.upstream += duration;
            let tried = |outcome, status| {
                let model = model.clone().unwrap_or_else(|| "".into());
                Try { provider: *index, key: Some(key.index()), setback: None, model, outcome, status, duration }
            };
            match exchanged {
                Err(Vanished) => {
                    story.tries.push(tried(AttemptOutcome::Abandoned, None));
                    return Err(Unserved::Vanished);
                }
                Ok(Ok(exchange)) => {
                    let status = exchange.status();
                    story.tries.push(tried(forward::outcome_of(status), Some(status)));
                    story.provider = Some(*index);
                    story.key = Some(key.index());
                    story.model.clone_from(model);
                    return Ok((exchange, *index, key));
                }
                Ok(Err(failure)) => {
                    let Failure { fault, outcome, .. } = self.unreached(&failure, call, *index);
                    story.tries.push(tried(outcome, None));
                    last = fault;
                    if failure.may_have_been_executed() {
                        break;
                    }
                }
            }
        }
        Err(Unserved::Fault(forward::told(last, story)))
    }

    fn unreached(&self, failure: &crate::upstream::Failure, call: &Call<'_>, provider: usize) -> Failure {
        let failure = forward::transport(failure, &call.deployment.providers[provider], None);
        self.complain(call.deployment, provider, &failure);
        failure
    }

    /// Head and body, made anew: of the caller's head only what is on the list.
    fn render_unread<'r>(
        &self,
        call: &Call<'r>,
        provider: &Provider,
        key: Chosen,
        model: Option<&str>,
    ) -> Result<Outgoing<'r>, Fault> {
        let incoming = &call.incoming;
        let credential = provider.credential(|| self.net.unix_ms())?;
        let mut out = self.memory.take();
        out.extend_from_slice(call.method.as_bytes());
        out.push(b' ');
        provider.write_path(&call.target, model, false, &mut out);
        out.extend_from_slice(b" HTTP/1.1\r\n");
        write_fixed_head(&provider.fixed_head, &mut out);
        out.extend_from_slice(provider.keys.line(key));
        // Nobody who wants signatures has such endpoints.
        credential.iter().for_each(|credential| credential.write_bearer(&mut out));
        for (known, name) in [(Known::ContentType, "content-type"), (Known::Accept, "accept")] {
            if let Some(value) = incoming.header(known) {
                push_header(&mut out, name, value);
            }
        }
        let betas = incoming.head.headers(incoming.bytes).filter(|(name, ..)| name.eq_ignore_ascii_case("openai-beta"));
        betas.for_each(|(name, value, _)| push_header(&mut out, name, value));
        forward::pass_fields(incoming, provider, &self.instance, &mut out);
        let expects_body = matches!(incoming.head.method, Method::Post | Method::Put | Method::Patch);
        if expects_body || !incoming.body.is_empty() {
            let body = call.said.with_model(incoming.body, model, &self.parser);
            forward::end_head(body.length(), &mut out);
            Ok(Outgoing::new(out, &body))
        } else {
            out.extend_from_slice(b"\r\n");
            Ok(out.into())
        }
    }
}

/// The provider's fixed lines but the type of a chat request's body.
fn write_fixed_head(fixed: &[u8], out: &mut Vec<u8>) {
    const NAME: &[u8] = b"content-type:";
    let is_type = |line: &[u8]| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME));
    let lines = fixed.split_inclusive(|byte| *byte == b'\n').filter(|line| !is_type(line));
    lines.for_each(|line| out.extend_from_slice(line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_content_type_stands_alone() {
        let mut out = Vec::new();
        write_fixed_head(b"host: h\r\ncontent-type: application/json\r\nauthorization: Bearer x\r\n", &mut out);
        assert_eq!(out, b"host: h\r\nauthorization: Bearer x\r\n");
    }
}
