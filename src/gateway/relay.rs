//! Stage 9: the answer to the caller, in its dialect, one piece in flight.
//!
//! After the first content there is no second attempt and no clean end for a broken stream: the caller
//! gets an error event and a connection that ends without its terminator.

use super::Gateway;
use super::Request;
use super::client::Client;
use super::deployment::Provider;
use super::forward::StreamedAnswer;
use super::forward::Vanished;
use super::homes::answer_id;
use super::recall::Remembrance;
use super::replay;
use super::reply;
use super::story::Ending;
use super::story::Story;
use super::tell::header_safe;
use crate::cache::FLIGHT_BYTES_MAX;
use crate::cache::FlightMeta;
use crate::cache::Form;
use crate::cache::Lead;
use crate::chat::Answer;
use crate::chat::Finish;
use crate::chat::Part;
use crate::chat::Usage;
use crate::dialects::AnswerFacts;
use crate::dialects::Dropped;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::net::Net;
use crate::upstream::Exchange;
use crate::upstream::resolve::Resolve;
use bytes::Bytes;
use std::pin::pin;

/// Most fields named in `x-ringgate-dropped`.
const DROPPED_NAMES_MAX: usize = 32;

/// A whole answer, read and understood.
pub(super) struct Whole<N: Net> {
    pub exchange: Box<Exchange<N>>,
    pub facts: AnswerFacts,
    /// The answer in the caller's dialect, when it is not the provider's; or as a stream, when the
    /// caller asked for one.
    pub translated: Option<Vec<u8>>,
    pub dropped: Vec<Dropped>,
}

impl<N: Net> Whole<N> {
    /// The answer as the caller wanted it, where its provider speaks the caller's dialect and wrote
    /// something in another form: this, not the provider's own, is what is worth remembering.
    fn amended(&self, request: &Request<'_>) -> Option<&[u8]> {
        let companion = request.dialect.family() != request.dialect.name() && !request.ask.stream;
        self.translated.as_deref().filter(|_| companion)
    }
}

/// What a relayed answer leaves behind for the caches.
pub(super) struct Remains {
    pub form: Form,
    pub bytes: Bytes,
    /// Nothing of it was forgotten on the way because it was too long.
    pub whole: bool,
    /// Complete, not refused, not cut short.
    pub sound: bool,
    pub tool_calls: bool,
}

impl<N: Net, R: Resolve> Gateway<N, R> {
    /// Facts of a whole answer and, where the dialects differ, its translation.
    pub(super) fn understand(
        &self,
        copy: &mut Vec<u8>,
        request: &Request<'_>,
        provider: &Provider,
        model: &str,
    ) -> Result<(AnswerFacts, Option<Vec<u8>>), Fault> {
        let garbage = || Fault::new(Kind::Upstream, "the provider's answer is not the JSON of its dialect");
        let passing = provider.passing(request.dialect);
        if let Some(read) = passing.and_then(|passing| passing.whole_answer(copy, &request.ask)) {
            return read;
        }
        let dialect = provider.dialect_for(request.dialect);
        let mut parser = self.parser.borrow_mut();
        let tape = parser.parse(copy).map_err(|_| garbage())?;
        let facts = dialect.answer_facts(tape.as_value());
        let same = dialect.name() == request.dialect.name();
        let translated = match (&facts, same && !request.ask.stream) {
            (Err(_), _) | (_, true) => Ok(None),
            (Ok(_), false) => dialect.read_answer(tape.as_value()).map(|mut answer| {
                if provider.quirks_of(dialect).silent_finish {
                    suppose_finishes(&mut answer);
                }
                let mut out = Vec::with_capacity(1024);
                let occasion = self.occasion(request);
                replay::complete(&mut answer, model, request.dialect, occasion);
                if request.ask.stream {
                    replay::stream_answer(&answer, request.dialect, occasion, &mut out);
                } else {
                    request.dialect.write_answer(&answer, &mut out);
                }
                Some(out)
            }),
        };
        parser.recycle(tape);
        Ok((facts?, translated?))
    }

    /// Gives a whole answer to the caller.
    pub(super) async fn relay_whole(
        &self,
        whole: &mut Whole<N>,
        request: &Request<'_>,
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
    ) -> Remains {
        story.usage = whole.facts.usage.take();
        story.cost_usd = self.cost(request, story);
        self.learn_home(whole.exchange.body(), request, story);
        let mut head = self.memory.take();
        self.answer_head(&mut head, request, story, &whole.dropped, Some(&whole.exchange));
        let sent = match &whole.translated {
            Some(stream) if request.ask.stream => {
                client.begin_stream(&head);
                client.end_stream(&self.net, &mut stream.clone()).await
            }
            Some(body) => client.send_whole(&self.net, &head, body).await,
            None => client.send_whole(&self.net, &head, whole.exchange.body()).await,
        };
        self.memory.give(head);
        story.ending = if sent.is_ok() && !client.is_absent() { Ending::Answered } else { Ending::Vanished };
        Remains {
            form: Form::Whole,
            bytes: Bytes::copy_from_slice(whole.amended(request).unwrap_or(whole.exchange.body())),
            whole: true,
            sound: whole.facts.complete && !whole.facts.refused && whole.facts.content,
            tool_calls: whole.facts.tool_calls,
        }
    }

    /// Relays a stream to its end, good or bad. `None`: it was broken and leaves nothing behind.
    pub(super) async fn relay_stream(
        &self,
        answer: &mut StreamedAnswer<N>,
        request: &Request<'_>,
        client: &mut Client<'_, N::Stream>,
        remembrance: &Remembrance,
        story: &mut Story,
    ) -> Option<Remains> {
        let mut head = self.memory.take();
        self.answer_head(&mut head, request, story, &answer.dropped, Some(&answer.exchange));
        client.begin_stream(&head);
        let _under_way = self.recorder.stream();
        self.memory.give(head);
        if let (Some(lead), Some(provider)) = (&remembrance.lead, story.provider) {
            let provider = &request.deployment.providers[provider];
            lead.begin(FlightMeta {
                dialect: provider.dialect_for(request.dialect).name(),
                provider: provider.name.clone(),
                model: story.model.clone().unwrap_or_else(|| "".into()),
                status: 200,
                form: Form::Events,
            });
        }
        self.learn_home(&answer.out, request, story);
        let ended = self.pump(answer, request, client, remembrance, story).await;
        story.events = answer.translation.facts.events;
        story.usage = Some(usage_of(answer, request));
        story.cost_usd = self.cost(request, story);
        match ended {
            Ok(whole) => {
                story.ending = if client.is_absent() { Ending::Vanished } else { Ending::Answered };
                let facts = &answer.translation.facts;
                Some(Remains {
                    form: Form::Events,
                    bytes: Bytes::from(answer.translation.kept.take().unwrap_or_default()),
                    whole,
                    sound: !facts.refused && !facts.cut && facts.content,
                    tool_calls: facts.tool_calls,
                })
            }
            Err(Interrupted::Broken(fault)) => {
                story.ending = Ending::Broken;
                let mut out = std::mem::take(&mut answer.out);
                request.dialect.write_stream_fault(&fault, &story.request_id, &mut out);
                client.break_stream(&self.net, &mut out).await;
                story.fault = Some(fault);
                None
            }
            Err(Interrupted::Vanished) => {
                client.give_up();
                story.ending = Ending::Vanished;
                None
            }
        }
    }

    /// Remembers which provider keeps an answer that the caller may come back to by its id: before it has it,
    /// because it may come back at once.
    fn learn_home(&self, answer: &[u8], request: &Request<'_>, story: &Story) {
        let (Some(provider), Some(key)) = (story.provider, story.key) else { return };
        let provider = &request.deployment.providers[provider];
        if provider.passing(request.dialect).is_some_and(|passing| passing.keeps_answers())
            && let Some(id) = answer_id(answer)
        {
            self.shared.homes.learn(&id, provider.home(key, request.caller));
        }
    }

    /// Passes the stream on to its end, event by event. Says whether all of it was kept.
    async fn pump(
        &self,
        answer: &mut StreamedAnswer<N>,
        request: &Request<'_>,
        client: &mut Client<'_, N::Stream>,
        remembrance: &Remembrance,
        story: &mut Story,
    ) -> Result<bool, Interrupted> {
        let mut sharing = Sharing::up_to(request.deployment.settings.cache.entry_bytes_max);
        loop {
            sharing.share(&mut answer.translation.kept, remembrance.lead.as_ref());
            let complete = answer.translation.facts.complete;
            if self.expired() && !complete {
                return Err(Interrupted::Broken(super::shutting_down()));
            }
            let sent = if complete {
                answer.out.extend_from_slice(self.stream_end(request, story));
                client.end_stream(&self.net, &mut answer.out).await
            } else {
                client.push(&self.net, &mut answer.out).await
            };
            if sent.is_err() {
                client.leave();
            }
            if complete {
                return Ok(sharing.kept_all);
            }
            if client.is_absent() && remembrance.is_mine_alone() {
                return Err(Interrupted::Vanished);
            }
            let StreamedAnswer { exchange, translation, out, .. } = answer;
            let before = self.net.now();
            let next = pin!(exchange.next());
            let next = self.unless_left(next, client, remembrance).await;
            story.upstream += self.net.now().since(before);
            let fault = match next {
                Err(Vanished) if self.expired() => None,
                Err(Vanished) => return Err(Interrupted::Vanished),
                Ok(Err(failure)) => Some(failure.fault(provider_name(request, story))),
                Ok(Ok(None)) => translation.finish(&self.parser, out),
                Ok(Ok(Some(bytes))) => translation.feed(&self.parser, bytes, out).err(),
            };
            if let Some(fault) = fault {
                return Err(Interrupted::Broken(match story.provider {
                    Some(provider) => request.deployment.providers[provider].redacted(fault),
                    None => fault,
                }));
            }
        }
    }

    /// The terminator that a pass-through stream still needs; translated streams wrote their own.
    fn stream_end(&self, request: &Request<'_>, story: &Story) -> &'static [u8] {
        let provider = story.provider.map(|index| &request.deployment.providers[index]);
        let speaks = provider.map(|provider| provider.dialect_for(request.dialect).name());
        if speaks == Some(request.dialect.name()) { request.dialect.stream_end() } else { b"" }
    }

    /// Renders the head of an answer, up to but without its framing.
    pub(super) fn answer_head(
        &self,
        head: &mut Vec<u8>,
        request: &Request<'_>,
        story: &mut Story,
        dropped: &[Dropped],
        exchange: Option<&Exchange<N>>,
    ) {
        story.status = 200;
        self.open_head(head, 200);
        if request.ask.stream && !request.listed {
            reply::stream_fields(head);
        } else {
            reply::field(head, "content-type", b"application/json");
        }
        self.own_fields(head, request, story);
        if let Some(exchange) = exchange {
            upstream_fields(head, exchange);
        }
        if !dropped.is_empty() {
            reply::field(head, "x-ringgate-dropped", dropped_names(dropped).as_bytes());
        }
    }
}

/// What is kept of a stream while it runs: for the caches as far as they take it, and for those who follow.
struct Sharing {
    /// Longest answer that anything stores.
    stored_bytes_max: usize,
    /// How much of what is kept the followers have.
    shared: usize,
    /// Nothing was forgotten.
    kept_all: bool,
}

impl Sharing {
    fn up_to(stored_bytes_max: usize) -> Self {
        Sharing { stored_bytes_max, shared: 0, kept_all: true }
    }

    /// Hands on what is new. What has become too long to be stored is kept only as long as somebody might still be
    /// given all of it, so that a long answer to a slow reader does not pile up.
    fn share(&mut self, kept: &mut Option<Vec<u8>>, lead: Option<&Lead>) {
        let Some(bytes) = kept else { return };
        if let Some(lead) = lead.filter(|_| bytes.len() > self.shared) {
            lead.push(Bytes::copy_from_slice(&bytes[self.shared..]));
            self.shared = bytes.len();
        }
        if self.kept_all && bytes.len() <= self.stored_bytes_max {
            return;
        }
        let is_followed = lead.is_some_and(|lead| !lead.go_alone());
        if !is_followed {
            *kept = None;
        } else if self.kept_all && bytes.len() <= FLIGHT_BYTES_MAX {
            return;
        } else {
            bytes.clear();
            self.shared = 0;
        }
        self.kept_all = false;
    }
}

/// A whole answer has ended, even where its provider never says why.
fn suppose_finishes(answer: &mut Answer) {
    for choice in answer.choices.iter_mut().filter(|choice| choice.finish.is_none()) {
        let calls = choice.parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
        choice.finish = Some(if calls { Finish::ToolCalls } else { Finish::Stop });
    }
}

/// The caller chose the names and their number.
fn dropped_names(dropped: &[Dropped]) -> String {
    let shown = dropped.iter().take(DROPPED_NAMES_MAX).map(|dropped| header_safe(&dropped.field));
    let mut names = shown.collect::<Vec<_>>().join(", ");
    if let Some(more) = dropped.len().checked_sub(DROPPED_NAMES_MAX).filter(|more| *more > 0) {
        names.push_str(&format!(", and {more} more"));
    }
    names
}

enum Interrupted {
    Broken(Fault),
    Vanished,
}

fn provider_name<'r>(request: &Request<'r>, story: &Story) -> &'r str {
    story.provider.map_or("", |index| &*request.deployment.providers[index].name)
}

/// The provider's numbers; without them an estimate from the bytes, marked as one.
fn usage_of<N: Net>(answer: &StreamedAnswer<N>, request: &Request<'_>) -> Usage {
    const BYTES_PER_TOKEN: u64 = 4;
    /// Envelope of a streamed event around its words, roughly.
    const EVENT_ENVELOPE_BYTES: u64 = 160;
    let facts = &answer.translation.facts;
    facts.usage.clone().unwrap_or_else(|| Usage {
        input_tokens: request.ask.text_bytes as u64 / BYTES_PER_TOKEN,
        output_tokens: facts.data_bytes.saturating_sub(facts.events * EVENT_ENVELOPE_BYTES) / BYTES_PER_TOKEN,
        estimated: true,
        ..Usage::default()
    })
}

/// What providers call the id of a request.
const REQUEST_IDS: &[&[u8]] = &[b"x-request-id", b"request-id", b"x-amzn-requestid"];

/// What the provider said about itself, under names that cannot be mistaken for ours.
pub(super) fn upstream_fields<N: Net>(head: &mut Vec<u8>, exchange: &Exchange<N>) {
    for (name, value) in exchange.headers() {
        if REQUEST_IDS.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            reply::field(head, "x-ringgate-upstream-request-id", value);
        } else if is_rate_header(name) {
            head.extend_from_slice(b"x-ringgate-upstream-");
            head.extend(name.iter().map(u8::to_ascii_lowercase));
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
    }
}

fn is_rate_header(name: &[u8]) -> bool {
    let starts = |prefix: &[u8]| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    starts(b"x-ratelimit-") || starts(b"anthropic-ratelimit-")
}
