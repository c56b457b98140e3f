//! The answer to an unread call, on its way to the caller.
//!
//! It ends as the provider's does: after as many bytes, with its last chunk, or with the connection; so
//! the caller knows as much about its completeness as it would have known without us. Events go by whole
//! ones, which leaves room for an error event behind the last of them. What answers say about themselves
//! is read while they go by.

use super::super::Gateway;
use super::super::client::Client;
use super::super::client::Extent;
use super::super::deployment::Provider;
use super::super::forward;
use super::super::forward::Unserved;
use super::super::forward::Vanished;
use super::super::homes::answer_id;
use super::super::recall::Remembrance;
use super::super::relay::upstream_fields;
use super::super::reply;
use super::super::reply::CacheOutcome;
use super::super::story::Ending;
use super::super::story::Story;
use super::super::stream::EVENT_BYTES_MAX;
use super::super::tell::header_safe;
use super::Call;
use super::paths;
use crate::chat::Usage;
use crate::dialects::opaque;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::keys::Chosen;
use crate::net::Net;
use crate::observe::AttemptOutcome;
use crate::upstream::Exchange;
use crate::upstream::resolve::Resolve;
use crate::wire::glance::Glance;
use crate::wire::http1::Method;
use crate::wire::http1::ResponseFraming;
use crate::wire::json::Parser;
use crate::wire::sse::Splitter;
use std::cell::RefCell;
use std::pin::pin;

/// Fields of a provider's head that the caller sees as they are.
const PASSED: &[&str] = &["content-type", "content-disposition", "content-range"];
const EVENTS: &[u8] = b"text/event-stream";
/// Fields of an answer that name what a later call may ask for.
const ID_FIELDS: &[&str] = &["id", "output_file_id", "error_file_id"];
const WATCHED_FIELDS: &[&str] = &["id", "output_file_id", "error_file_id", "usage"];

/// Why an answer was not passed on to its end.
enum Interrupted {
    Broken(Fault),
    Vanished,
}

impl<N: Net, R: Resolve> Gateway<N, R> {
    /// Passes a good answer on. It begins with its first piece: who has nothing to say has not answered.
    pub(super) async fn relay_unread(
        &self,
        mut exchange: Box<Exchange<N>>,
        call: &Call<'_>,
        (provider, key): (usize, usize),
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
    ) -> Result<(), Unserved> {
        let provider = &call.deployment.providers[provider];
        let content_type = forward::content_type(&exchange).unwrap_or_default();
        let mut watch = Watch::of(content_type);
        let is_events = watch.by_event();
        client.fin_means_gone |= is_events;
        let mut out = self.memory.take();
        let more = match self.next_piece(&mut exchange, &provider.name, &mut out, client, story).await {
            Ok(more) => more,
            Err(interrupted) => return Err(unbegun(interrupted, story)),
        };
        story.stream = is_events;
        story.status = exchange.status();
        let head = self.unread_head(&exchange, call, story);
        client.begin(&head, extent(&exchange, call.incoming.head.method));
        self.memory.give(head);
        let _under_way = is_events.then(|| self.recorder.stream());

        let passed = self.pass(&mut exchange, call, (provider, key), more, &mut watch, &mut out, client, story).await;
        self.take_down(&watch, call, provider, story);
        match passed {
            Ok(()) => story.ending = Ending::Answered,
            Err(Interrupted::Vanished) => {
                client.give_up();
                story.ending = Ending::Vanished;
            }
            Err(Interrupted::Broken(fault)) => {
                out.clear();
                if is_events {
                    call.endpoint.dialect.write_stream_fault(&fault, &story.request_id, &mut out);
                }
                client.break_stream(&self.net, &mut out).await;
                story.ending = Ending::Broken;
                story.fault = Some(fault);
            }
        }
        self.memory.give(out);
        Ok(())
    }

    /// Piece by piece: the next one is read when the last one was taken. `out` holds the first.
    async fn pass(
        &self,
        exchange: &mut Exchange<N>,
        call: &Call<'_>,
        (provider, key): (&Provider, usize),
        mut more: bool,
        watch: &mut Watch,
        out: &mut Vec<u8>,
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
    ) -> Result<(), Interrupted> {
        let mut seen = 0;
        while more {
            let ready = if watch.by_event() { whole_events(out, seen) } else { out.len() };
            if out.len() - ready > EVENT_BYTES_MAX {
                return Err(Interrupted::Broken(Fault::new(Kind::Upstream, "the provider sent an event without end")));
            }
            if ready > 0 {
                let rest = out.split_off(ready);
                watch.look(out, &self.parser, story);
                self.learn(watch, call, provider, key);
                client.push(&self.net, out).await.map_err(|_| Interrupted::Vanished)?;
                out.extend_from_slice(&rest);
            }
            seen = out.len();
            more = self.next_piece(exchange, &provider.name, out, client, story).await?;
        }
        watch.look(out, &self.parser, story);
        self.learn(watch, call, provider, key);
        client.end_stream(&self.net, out).await.map_err(|_| Interrupted::Vanished)
    }

    /// Appends the next piece of the answer; `false` at its proper end.
    async fn next_piece(
        &self,
        exchange: &mut Exchange<N>,
        provider: &str,
        out: &mut Vec<u8>,
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
    ) -> Result<bool, Interrupted> {
        let shutting_down = || Interrupted::Broken(super::super::shutting_down());
        if self.expired() {
            return Err(shutting_down());
        }
        let before = self.net.now();
        let next = {
            let next = pin!(exchange.next());
            self.unless_left(next, client, &Remembrance::default()).await
        };
        story.upstream += self.net.now().since(before);
        match next {
            Err(Vanished) if self.expired() && !client.is_absent() => Err(shutting_down()),
            Err(Vanished) => Err(Interrupted::Vanished),
            Ok(Err(failure)) => Err(Interrupted::Broken(failure.fault(provider))),
            Ok(Ok(Some(piece))) => {
                out.extend_from_slice(piece);
                Ok(true)
            }
            Ok(Ok(None)) => Ok(false),
        }
    }

    fn unread_head(&self, exchange: &Exchange<N>, call: &Call<'_>, story: &Story) -> Vec<u8> {
        let mut head = self.memory.take();
        self.open_head(&mut head, story.status);
        for name in PASSED {
            if let Some(value) = exchange.header(name) {
                reply::field(&mut head, name, value);
            }
        }
        if story.stream {
            head.extend_from_slice(b"cache-control: no-cache\r\nx-accel-buffering: no\r\n");
        }
        self.own_unread_fields(&mut head, exchange, call, story);
        head
    }

    fn own_unread_fields(&self, head: &mut Vec<u8>, exchange: &Exchange<N>, call: &Call<'_>, story: &Story) {
        reply::request_id(head, &story.request_id);
        reply::field(head, "x-ringgate-cache", CacheOutcome::Bypass.header().as_bytes());
        if let Some(provider) = story.provider {
            reply::field(head, "x-ringgate-provider", call.deployment.providers[provider].name.as_bytes());
        }
        if let Some(model) = &story.model {
            reply::field(head, "x-ringgate-model", header_safe(model).as_bytes());
        }
        reply::number(head, "x-ringgate-attempts", story.tries.len() as u64);
        if let [failed, _, ..] = &story.tries[..] {
            reply::field(head, "x-ringgate-fallback", failed.outcome.word().as_bytes());
        }
        self.allowance_fields(head, call.endpoint.dialect, call.allowance.as_ref());
        reply::timing(head, story.started, self.net.now(), story.upstream);
        upstream_fields(head, exchange);
    }

    /// Remembers the ids that an answer has told so far: before the caller has them, because it may come back
    /// at once.
    fn learn(&self, watch: &mut Watch, call: &Call<'_>, provider: &Provider, key: usize) {
        if watch.ids().count() == watch.learned() {
            return;
        }
        let path = call.incoming.head.path(call.incoming.bytes);
        let comes_back = || {
            let mut homes = paths::segments(path).filter_map(|segment| self.shared.homes.find(segment));
            homes.any(|home| home.scope == call.caller.scope)
        };
        if creates(watch, call) || comes_back() {
            let home = provider.home(key, call.caller);
            watch.ids().for_each(|id| self.shared.homes.learn(id, home.clone()));
        }
        watch.note_learned();
    }

    /// The tokens that an answer told. A call that only looks at what was made before (or stops it) is told
    /// the tokens of the making, and spends none.
    fn take_down(&self, watch: &Watch, call: &Call<'_>, provider: &Provider, story: &mut Story) {
        if !creates(watch, call) {
            return;
        }
        story.usage = watch.usage(&self.parser);
        story.cost_usd = story
            .model
            .as_deref()
            .zip(story.usage.as_ref())
            .and_then(|(model, usage)| call.deployment.cost(provider, model, usage, self.net.unix_ms()));
    }

    /// Hands a refusal on: as it is where it is in the caller's envelope, else in one.
    pub(super) async fn refused_unread(
        &self,
        mut exchange: Box<Exchange<N>>,
        call: &Call<'_>,
        (provider, key): (usize, Chosen),
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
    ) -> Result<(), Unserved> {
        let status = exchange.status();
        let read = {
            let read = pin!(async { exchange.whole(forward::ERROR_BODY_BYTES_MAX).await.map(|_| ()) });
            self.unless_left(read, client, &Remembrance::default()).await?
        };
        let body = if read.is_ok() { exchange.body() } else { &[] };
        let asked = &call.deployment.providers[provider];
        let dialect = call.endpoint.dialect;
        let fault = self.refused(&exchange, dialect.read_fault(status, body), asked);
        let failure = forward::judged_refusal(status, fault, asked);
        if let Some(setback) = failure.setback {
            self.rest(asked, key, setback, self.net.now());
            story.tries.iter_mut().rev().take(1).for_each(|tried| tried.setback = Some(setback));
        }
        self.complain(call.deployment, provider, &failure);
        let fault = failure.fault;
        let is_of_key = matches!(status, 401 | 402) || asked.is_credential_quoted_in(body);
        let is_told = (400..=599).contains(&status) && !is_of_key && self.is_enveloped(body, dialect.name());
        if !is_told {
            upstream_fields(&mut story.upstream_fields, &exchange);
            return Err(Unserved::Fault(fault));
        }
        story.status = status;
        let mut head = self.memory.take();
        self.open_head(&mut head, status);
        reply::field(&mut head, "content-type", b"application/json");
        self.own_unread_fields(&mut head, &exchange, call, story);
        reply::retry_hints(&mut head, &fault);
        let sent = client.send_whole(&self.net, &head, body).await;
        self.memory.give(head);
        story.ending = if sent.is_ok() { Ending::Refused } else { Ending::Vanished };
        story.fault = Some(fault);
        Ok(())
    }

    fn is_enveloped(&self, body: &[u8], family: &str) -> bool {
        read_json(body, &self.parser, |body| opaque::is_enveloped(body, family)).unwrap_or_default()
    }
}

/// Does this call make something, rather than come back to it?
fn creates(watch: &Watch, call: &Call<'_>) -> bool {
    let path = call.incoming.head.path(call.incoming.bytes);
    let is_named = |id: &str| paths::segments(path).any(|segment| segment == id);
    call.incoming.head.method == Method::Post && !watch.ids().any(is_named)
}

/// An answer of which nothing was given: the attempt has failed, and the caller can be told.
fn unbegun(interrupted: Interrupted, story: &mut Story) -> Unserved {
    let (outcome, unserved) = match interrupted {
        Interrupted::Vanished => (AttemptOutcome::Abandoned, Unserved::Vanished),
        Interrupted::Broken(fault) if fault.kind == Kind::Timeout => (AttemptOutcome::Timeout, Unserved::Fault(fault)),
        Interrupted::Broken(fault) => (AttemptOutcome::Broken, Unserved::Fault(fault)),
    };
    if let Some(tried) = story.tries.last_mut() {
        tried.outcome = outcome;
    }
    unserved
}

/// What is looked for while an answer goes by.
struct Watch {
    within: Within,
    /// How many ids were remembered.
    learned: usize,
}

/// Where it is looked for.
enum Within {
    /// In one JSON object.
    Json(Glance),
    /// In each event.
    Events { id: Option<String>, usage: Option<Usage> },
    /// In nothing that could hold it.
    Nothing,
}

impl Watch {
    fn of(content_type: &[u8]) -> Watch {
        let within = match () {
            () if starts_with(content_type, EVENTS) => Within::Events { id: None, usage: None },
            () if starts_with(content_type, b"application/json") => Within::Json(Glance::new(WATCHED_FIELDS)),
            () => Within::Nothing,
        };
        Watch { within, learned: 0 }
    }

    fn by_event(&self) -> bool {
        matches!(self.within, Within::Events { .. })
    }

    fn learned(&self) -> usize {
        self.learned
    }

    fn note_learned(&mut self) {
        self.learned = self.ids().count();
    }

    /// Looks at what is about to be passed on; of events these are whole ones.
    fn look(&mut self, bytes: &[u8], parser: &RefCell<Parser>, story: &mut Story) {
        match &mut self.within {
            Within::Nothing => {}
            Within::Json(glance) => glance.feed(bytes),
            Within::Events { id, usage } => {
                if id.is_none() {
                    *id = answer_id(bytes);
                }
                // What cannot be read as events passes on as it is: nobody asked for a judgement.
                let _ = Splitter::new(EVENT_BYTES_MAX).feed(bytes, |event| {
                    story.events += 1;
                    if event.data.contains("\"usage\"") {
                        let told = read_json(event.data.as_bytes(), parser, opaque::read_usage).flatten();
                        *usage = told.or(usage.take());
                    }
                    Ok::<(), ()>(())
                });
            }
        }
    }

    fn usage(&self, parser: &RefCell<Parser>) -> Option<Usage> {
        match &self.within {
            Within::Nothing => None,
            Within::Events { usage, .. } => usage.clone(),
            Within::Json(glance) => {
                let whole = format!("{{\"usage\":{}}}", glance.value("usage")?);
                read_json(whole.as_bytes(), parser, opaque::read_usage).flatten()
            }
        }
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        let (glance, id) = match &self.within {
            Within::Nothing => (None, None),
            Within::Events { id, .. } => (None, id.as_deref()),
            Within::Json(glance) => (Some(glance), None),
        };
        id.into_iter()
            .chain(glance.into_iter().flat_map(|glance| ID_FIELDS.iter().filter_map(|name| glance.string(name))))
    }
}

fn read_json<T>(
    text: &[u8],
    parser: &RefCell<Parser>,
    read: impl FnOnce(crate::wire::json::Value<'_, '_>) -> T,
) -> Option<T> {
    let mut copy = text.to_vec();
    let mut parser = parser.borrow_mut();
    let tape = parser.parse(&mut copy).ok()?;
    let read = read(tape.as_value());
    parser.recycle(tape);
    Some(read)
}

fn starts_with(content_type: &[u8], kind: &[u8]) -> bool {
    content_type.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(kind))
}

/// How the caller will know that an answer is complete: as we do.
fn extent<N: Net>(exchange: &Exchange<N>, method: Method) -> Extent {
    let announced = || {
        let text = std::str::from_utf8(exchange.header("content-length")?).ok()?;
        text.trim().parse().ok()
    };
    match exchange.head.framing {
        _ if method == Method::Head => Extent::Nothing(announced()),
        _ if exchange.status() == 204 => Extent::Nothing(None),
        ResponseFraming::None => Extent::Length(0),
        ResponseFraming::Length(length) => Extent::Length(length),
        ResponseFraming::Chunked => Extent::Chunked,
        ResponseFraming::UntilClose => Extent::UntilClose,
    }
}

/// How many bytes of `held` are whole events; the first `seen` bytes were looked at before and are none.
fn whole_events(held: &[u8], seen: usize) -> usize {
    const ENDS: [&[u8]; 3] = [b"\n\n", b"\r\n\r\n", b"\r\r"];
    let from = seen.saturating_sub(3);
    let end = |end: &&[u8]| memchr::memmem::rfind(&held[from..], end).map(|at| from + at + end.len());
    ENDS.iter().filter_map(end).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_events_pass() {
        for (held, seen, wanted) in [
            ("", 0, 0),
            ("data: a\n", 0, 0),
            ("data: a\n\n", 0, 9),
            ("data: a\n\n", 8, 9),
            ("data: a\r\n\r\ndata: b\r\n", 0, 11),
            ("data: a\r\n\r\n", 10, 11),
            ("data: a\r\rdata", 0, 9),
            (": x\n\ndata: a\n\ndata", 0, 14),
        ] {
            assert_eq!(whole_events(held.as_bytes(), seen), wanted, "{held:?}");
        }
    }

    #[test]
    fn tokens_and_ids_are_read_while_an_answer_goes_by() {
        let parser = RefCell::new(Parser::new());
        let mut story = Story::begin(crate::clock::Tick(0), "r".into());
        let mut watch = Watch::of(b"application/json; charset=utf-8");
        for piece in [
            r#"{"id":"batch_00"#,
            r#"1","output_file_id":"file-00001","data":[{"b64_json":"AAAA"}],"us"#,
            r#"age":{"total_tokens":7}}"#,
        ] {
            watch.look(piece.as_bytes(), &parser, &mut story);
        }
        assert_eq!(watch.ids().collect::<Vec<_>>(), ["batch_001", "file-00001"]);
        assert_eq!(watch.usage(&parser).map(|usage| usage.input_tokens), Some(7));

        let mut watch = Watch::of(b"Text/Event-Stream");
        for piece in [
            "event: response.created\ndata: {\"response\":{\"id\":\"resp_00001\",\"usage\":null}}\n\n",
            "data: {\"response\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}\n\ndata: {\"id\":\"other_001\"}\n\n",
            "data: {\"usage\": broken\n\n",
        ] {
            watch.look(piece.as_bytes(), &parser, &mut story);
        }
        assert_eq!(watch.ids().collect::<Vec<_>>(), ["resp_00001"]);
        assert_eq!(watch.usage(&parser).map(|usage| usage.output_tokens), Some(4));
        assert_eq!(story.events, 4);
    }
}
