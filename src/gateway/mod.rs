//! The story of one request, from its head to its settlement.
//!
//! `greet` judges a head before a byte of the body is waited for; `serve` is the rest, one call per
//! stage, each stage's input the previous stage's output. Everything that waits is generic over the io
//! layer, so the same code runs on io_uring and in the simulation.

mod admit;
mod authenticate;
mod choose;
mod client;
mod deployment;
mod follow;
mod forward;
mod homes;
mod listed;
mod model_names;
mod models;
mod named;
mod neighbours;
mod opaque;
mod reachable;
mod recall;
mod receive;
mod relay;
mod replay;
mod reply;
mod rules;
mod settle;
mod story;
mod stream;
mod tell;
mod watch;

pub use client::Client;
pub use client::Progress;
pub use deployment::AssemblyError;
pub use deployment::Deployment;
pub use homes::Home;
pub use homes::Homes;
pub use models::dialect_of_list;
pub use neighbours::Neighbours;
pub use neighbours::Postbox;
pub use opaque::Endpoint;
pub use reachable::Reachable;
pub use reachable::Source;
pub use reachable::json as reachable_json;
pub use reachable::table as reachable_table;
pub use receive::ModelPath;
pub use receive::Surface;
pub use story::Story;
pub use stream::StreamFacts;
pub use stream::Translation;

use crate::cache::ExactCache;
use crate::cache::Keying;
use crate::chat::Ask;
use crate::chat::Kept;
use crate::config::HalfClose;
use crate::dialects::Dialect;
use crate::embed::Companion;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::keys::Caller;
use crate::limits::Allowance;
use crate::net::Net;
use crate::observe::Log;
use crate::observe::Recorder;
use crate::routing::Plan;
use crate::upstream::Buffers;
use crate::upstream::Upstreams;
use crate::upstream::resolve::Resolve;
use crate::wire::http1::Known;
use crate::wire::http1::RequestHead;
use crate::wire::json;
use crate::wire::json::Parser;
use crate::wire::json::Value;
use arc_swap::ArcSwap;
use follow::Followed;
use forward::Forwarded;
use forward::Slot;
use forward::Unserved;
use model_names::ModelNames;
use recall::Recall;
use recall::Recalled;
use recall::Remembrance;
use replay::Occasion;
use reply::CacheOutcome;
use rules::CacheRules;
use std::borrow::Cow;
use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use story::Ending;

/// Where finished requests are written, if anywhere.
pub trait RequestLogSink: Send + Sync {
    /// Takes one line; never blocks, may drop.
    fn put(&self, line: Vec<u8>);
}

/// What all shards share.
pub struct Shared {
    /// What requests are judged by; swapped whole on reload.
    pub deployment: ArcSwap<Deployment>,
    /// Counts deployments, so that a shard sees a new one with one load.
    pub generation: std::sync::atomic::AtomicU64,
    /// Answers to identical requests.
    pub exact: Arc<ExactCache>,
    /// Names requests in the caches.
    pub keying: Keying,
    /// Where responses, files and batches live.
    pub homes: Homes,
    /// Where finished requests are written.
    pub request_log: Option<Box<dyn RequestLogSink>>,
    /// Lines for people.
    pub log: Option<Log>,
    /// Draining: answers say `connection: close`.
    pub draining: AtomicBool,
    /// The drain deadline has passed: streams end with an error event.
    pub expired: AtomicBool,
    /// This process's name in `via` headers.
    pub instance: String,
}

/// Everything one shard needs to serve requests.
pub struct Gateway<N: Net, R: Resolve> {
    net: N,
    shared: Arc<Shared>,
    deployment: RefCell<(u64, Rc<InForce>)>,
    upstreams: Upstreams<N, R>,
    memory: Rc<Buffers>,
    parser: RefCell<Parser>,
    recorder: Recorder,
    neighbours: Rc<Neighbours>,
    embedder: Companion,
    instance: String,
    ids: Ids,
    model_names: ModelNames,
    dates: reply::Dates,
}

/// The deployment a shard works by. Requests hold it by a count of the shard's own: one shared by all
/// shards would bounce between their caches with every request.
pub struct InForce(Arc<Deployment>);

impl std::ops::Deref for InForce {
    type Target = Deployment;

    fn deref(&self) -> &Deployment {
        &self.0
    }
}

/// What a connection knows of a request when its head has been judged.
pub struct Visit {
    /// What is asked for.
    pub surface: Surface,
    /// One configuration for the whole request.
    pub deployment: Rc<InForce>,
    /// Who asks.
    pub caller: usize,
    /// What is known so far; boxed, because it travels through every stage.
    pub story: Box<Story>,
}

/// A head that was refused, with what is needed to say so.
pub struct Turned {
    /// In this dialect.
    pub dialect: &'static dyn Dialect,
    /// The configuration that the story's numbers belong to.
    pub deployment: Rc<InForce>,
    /// What to say.
    pub fault: Fault,
    /// What is known so far; boxed, because it travels through every stage.
    pub story: Box<Story>,
    /// The status, where it is finer than the fault's kind (HTTP framing).
    pub status: Option<u16>,
}

/// A request as it arrived.
#[derive(Clone, Copy)]
pub struct Incoming<'r> {
    /// Its head.
    pub head: &'r RequestHead,
    /// The bytes that the head's spans refer to.
    pub bytes: &'r [u8],
    /// Its body, without framing.
    pub body: &'r [u8],
}

impl<'r> Incoming<'r> {
    fn header(&self, known: Known) -> Option<&'r [u8]> {
        self.head.header(self.bytes, known)
    }

    /// The same of a field that may stand in several lines, which together are one list (RFC 9110, section 5.3).
    fn list(&self, known: Known) -> Option<Cow<'r, [u8]>> {
        let mut lines = self.head.lines(self.bytes, known);
        let mut list = Cow::Borrowed(lines.next()?);
        for line in lines {
            list.to_mut().extend_from_slice(b", ");
            list.to_mut().extend_from_slice(line);
        }
        Some(list)
    }
}

/// A chat request, understood.
struct Request<'r> {
    incoming: Incoming<'r>,
    deployment: &'r Deployment,
    caller: &'r Caller,
    dialect: &'static dyn Dialect,
    ask: Ask<'static>,
    /// Who keeps what the request goes on from, where that is known.
    home: Option<Home>,
    /// Is a stream wanted as one JSON list?
    listed: bool,
    rules: CacheRules,
    allowance: Option<Allowance>,
}

/// The parsed body, while it is there.
#[derive(Clone, Copy)]
struct Parsed<'t, 'i> {
    body: Value<'t, 'i>,
    last_user_text: Option<&'i str>,
}

/// A request that a provider must answer.
struct Errand<'r> {
    request: Request<'r>,
    way: choose::Way<'r>,
    plan: Plan,
    /// The upstream request for the target whose turn it is.
    outgoing: Slot<'r>,
    remembrance: Remembrance,
}

/// A source of ids that no two shards or processes share.
struct Ids {
    prefix: u64,
    next: Cell<u64>,
}

impl<N: Net, R: Resolve> Gateway<N, R> {
    /// One shard's gateway. `seed` makes its ids different from every other shard's.
    pub fn new(
        net: N,
        shared: Arc<Shared>,
        upstreams: Upstreams<N, R>,
        recorder: Recorder,
        neighbours: Rc<Neighbours>,
        embedder: Companion,
        seed: u64,
    ) -> Self {
        let deployment =
            RefCell::new((shared.generation.load(Ordering::Acquire), Rc::new(InForce(shared.deployment.load_full()))));
        Gateway {
            net,
            deployment,
            memory: upstreams.buffers(),
            upstreams,
            parser: RefCell::new(Parser::new()),
            recorder,
            neighbours,
            embedder,
            instance: shared.instance.clone(),
            shared,
            ids: Ids { prefix: seed, next: Cell::new(0) },
            model_names: ModelNames::default(),
            dates: reply::Dates::default(),
        }
    }

    /// The io layer.
    pub fn net(&self) -> &N {
        &self.net
    }

    /// The shard's buffers.
    pub fn memory(&self) -> &Buffers {
        &self.memory
    }

    /// The shard's connections to providers.
    pub fn upstreams(&self) -> &Upstreams<N, R> {
        &self.upstreams
    }

    /// The shard's metrics.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// The shard's semantic index.
    pub fn neighbours(&self) -> &Neighbours {
        &self.neighbours
    }

    /// The shard's embedder.
    pub fn embedder(&self) -> &Companion {
        &self.embedder
    }

    /// What all shards share.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Begins the head of an answer.
    fn open_head(&self, head: &mut Vec<u8>, status: u16) {
        reply::opening(head, status, &self.dates, self.net.unix_ms());
    }

    /// An id for a request whose head could not be read.
    pub fn new_request_id(&self) -> Box<str> {
        self.ids.request_id()
    }

    /// Is the process finishing what runs?
    pub fn draining(&self) -> bool {
        self.shared.draining.load(Ordering::Relaxed)
    }

    /// What to say of a request that ended before it was whole: because its caller, or because the drain's deadline
    /// ended the caller's side.
    pub fn cut_request(&self) -> Fault {
        match self.expired() {
            true => shutting_down(),
            false => {
                Fault::new(Kind::BadRequest, "the connection's sending side was closed before the request was whole")
            }
        }
    }

    /// Has the drain's deadline passed?
    pub fn expired(&self) -> bool {
        self.shared.expired.load(Ordering::Relaxed)
    }

    /// The configuration in force. A reload costs one shared load per request and a swap per shard.
    pub fn deployment(&self) -> Rc<InForce> {
        let generation = self.shared.generation.load(Ordering::Acquire);
        let mut mine = self.deployment.borrow_mut();
        if mine.0 != generation {
            *mine = (generation, Rc::new(InForce(self.shared.deployment.load_full())));
        }
        Rc::clone(&mine.1)
    }

    /// Judges a head: what is asked, and by whom.
    pub fn greet(&self, head: &RequestHead, bytes: &[u8]) -> Result<Visit, Box<Turned>> {
        let deployment = self.deployment();
        let mut story = Box::new(Story::begin(self.net.lately(), self.request_id(head, bytes)));
        let path = head.path(bytes);
        let judged = receive::surface(head.method, path).and_then(|surface| {
            if matches!(surface, Surface::Live | Surface::Ready) {
                return Ok((surface, 0));
            }
            self.refuse_loop(head, bytes)?;
            let caller = authenticate::authenticate(&deployment.keys, head, bytes)?;
            story.caller = Some(caller.index);
            Ok((receive::of_client(surface, head, bytes), caller.index))
        });
        match judged {
            Ok((surface, caller)) => Ok(Visit { surface, caller, story, deployment }),
            Err(fault) => {
                let dialect = receive::dialect_of(path);
                Err(Box::new(Turned { dialect, deployment, fault, story, status: None }))
            }
        }
    }

    /// Serves a judged request whose body has arrived.
    pub async fn serve(&self, mut visit: Visit, incoming: Incoming<'_>, client: &mut Client<'_, N::Stream>) {
        visit.story.bytes_in = incoming.body.len() as u64;
        let named = receive::deployment(incoming.head.path(incoming.bytes));
        let body = named.and_then(|model| opaque::with_model(&incoming, &model, &self.parser));
        let incoming = Incoming { body: body.as_deref().unwrap_or(incoming.body), ..incoming };
        match visit.surface {
            Surface::Chat(dialect) => self.serve_chat(dialect, visit, incoming, client).await,
            Surface::Models(path) => Box::pin(self.serve_models(path, visit, incoming, client)).await,
            Surface::Opaque(endpoint) => Box::pin(self.serve_opaque(endpoint, visit, incoming, client)).await,
            Surface::Live => Box::pin(self.serve_plain(client, 200, "ok\n")).await,
            Surface::Ready if self.draining() => Box::pin(self.serve_plain(client, 503, "draining\n")).await,
            Surface::Ready => Box::pin(self.serve_plain(client, 200, "ready\n")).await,
        }
    }

    async fn serve_chat(
        &self,
        dialect: &'static dyn Dialect,
        visit: Visit,
        incoming: Incoming<'_>,
        client: &mut Client<'_, N::Stream>,
    ) {
        let Visit { deployment, caller, mut story, .. } = visit;
        let _in_flight = self.recorder.request();
        if deployment.logs_bodies() {
            story.asked = Some(incoming.body.into());
        }
        let mut allowance = None;
        let told = self.chat(dialect, &deployment, caller, incoming, client, &mut story, &mut allowance).await;
        if let Err(Unserved::Fault(fault)) = told {
            Box::pin(self.tell(dialect, fault, allowance, &mut story, client)).await;
        }
        self.settle(&deployment, dialect.name(), &story, client.bytes_out, client.first_byte);
    }

    /// The page: every stage of a chat request in its order.
    async fn chat(
        &self,
        dialect: &'static dyn Dialect,
        deployment: &Deployment,
        caller: usize,
        incoming: Incoming<'_>,
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
        allowance: &mut Option<Allowance>,
    ) -> Result<(), Unserved> {
        let caller = deployment.keys.caller(caller).expect("greet found this caller in this deployment");
        let errand = self.judge(dialect, deployment, caller, incoming, client, story, allowance).await?;
        // It stays where it is: taken apart, it would be moved into every waiting connection's own memory.
        let Some(mut errand) = errand else { return Ok(()) };
        let Errand { request, way, plan, outgoing, remembrance } = &mut *errand;

        let forwarded = self.forward(request, client, way, plan, outgoing, remembrance, story).await;
        let forwarded = match forwarded.map_err(|unserved| self.or_shutting_down(unserved, client)) {
            Ok(forwarded) => forwarded,
            Err(Unserved::Fault(fault)) => {
                if let Some(lead) = remembrance.lead.take() {
                    lead.fail(fault.clone());
                }
                return Err(Unserved::Fault(fault));
            }
            Err(Unserved::Vanished) => {
                story.ending = Ending::Vanished;
                return Err(Unserved::Vanished);
            }
        };

        let (remains, stream) = match forwarded {
            Forwarded::Whole(mut whole) => (Some(self.relay_whole(&mut whole, request, client, story).await), None),
            Forwarded::Stream(mut answer) => {
                let relayed = self.relay_stream(&mut answer, request, client, remembrance, story);
                (Box::pin(relayed).await, Some(answer))
            }
        };
        let whole_stream = stream.filter(|_| remains.is_some());
        match remains {
            Some(remains) => {
                if deployment.logs_bodies() && remains.whole {
                    story.answer = Some(remains.bytes.clone());
                }
                let remembrance = std::mem::take(remembrance);
                self.remember(remains, remembrance, way.cache(), request.rules.ttl, request, story);
            }
            None => {
                if let (Some(lead), Some(fault)) = (remembrance.lead.take(), &story.fault) {
                    lead.fail(fault.clone());
                }
            }
        }
        if let Some(mut answer) = whole_stream {
            // Reading the proper end lets the connection go back to its pool; its absence is no harm, and
            // nobody waits for it.
            answer.exchange.finish().await;
        }
        Ok(())
    }

    /// Everything that needs the parsed body: judging, the caches, the plan, the first upstream request.
    /// `None`: the caches answered. What was parsed is given back before any provider is waited for, so
    /// that requests in flight do not hold it and the next one finds its memory warm.
    async fn judge<'r>(
        &self,
        dialect: &'static dyn Dialect,
        deployment: &'r Deployment,
        caller: &'r Caller,
        incoming: Incoming<'r>,
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
        allowance: &mut Option<Allowance>,
    ) -> Result<Option<Box<Errand<'r>>>, Unserved> {
        if incoming.body.is_empty() {
            return Err(Fault::new(Kind::BadRequest, "the request has no body: send a JSON object").into());
        }
        let mut copy = self.memory.take();
        json::copy_to_parse(incoming.body, &mut copy);
        let tape = self.parse(&mut copy)?;
        self.worked_on(incoming.body.len());
        let judged = self.judge_parsed(dialect, deployment, caller, incoming, &tape, client, story, allowance).await;
        self.parser.borrow_mut().recycle(tape);
        self.memory.give(copy);
        self.worked_on(incoming.body.len());
        judged
    }

    /// Called after work that takes as long as there are bytes.
    fn worked_on(&self, bytes: usize) {
        const NOTEWORTHY_BYTES: usize = 64 * 1024;
        if bytes > NOTEWORTHY_BYTES {
            self.net.catch_up();
        }
    }

    async fn judge_parsed<'r>(
        &self,
        dialect: &'static dyn Dialect,
        deployment: &'r Deployment,
        caller: &'r Caller,
        incoming: Incoming<'r>,
        tape: &simd_json::Tape<'_>,
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
        allowance: &mut Option<Allowance>,
    ) -> Result<Option<Box<Errand<'r>>>, Unserved> {
        let body = tape.as_value();
        let named = receive::named(incoming);
        let query = incoming.head.query(incoming.bytes);
        let listed = named.as_ref().is_some_and(|named| named.stream && named::wants_list(query));
        let ask = receive::ask(dialect, named, body)?;
        receive::bound_model(&ask.model)?;
        client.tell_as_list(listed);
        story.note_ask(&ask, self.model_names.shared(&ask.model));
        client.fin_means_gone = ask.stream || deployment.settings.server.half_close == HalfClose::Abort;

        let rate = deployment.rates.get(caller.index).and_then(Option::as_deref);
        let grant = admit::admit(caller, rate, &ask, self.net.lately()).map_err(|refusal| {
            *allowance = refusal.allowance;
            refusal.fault
        })?;
        *allowance = grant.allowance;

        let way = choose::find_way(deployment, &ask.model, dialect.family())?;
        story.route = way.route_index();
        let rules = rules::cache_rules(way.cache(), incoming.head, incoming.bytes)?;
        let allowance = grant.allowance;
        let home = ask.goes_on_from.map(|kept| self.home_of(kept, caller, deployment)).transpose()?.flatten();
        let detached = ask.detached();
        let request = Request { incoming, deployment, caller, dialect, ask: detached, home, listed, rules, allowance };

        if let Some(estimate) = self.estimate(&request, body, &way, &ask) {
            Box::pin(self.give_estimate(&estimate, &request, client, story)).await;
            return Ok(None);
        }
        let parsed = Parsed { body, last_user_text: ask.last_user_text };
        let remembrance = match self.recall_or_follow(&request, parsed, &way, client, story).await? {
            Some(remembrance) => remembrance,
            None => return Ok(None),
        };
        if request.rules.only_if_cached {
            return Err(
                Fault::new(Kind::Timeout, "no cached answer, and only-if-cached forbids asking a provider").into()
            );
        }
        let (mut plan, complexity) = choose::plan(&way, &ask);
        story.complexity = complexity;
        if let (Some(kept), Some(home)) = (ask.goes_on_from, &request.home) {
            plan = choose::at_home(&way, plan, deployment, kept, home)?;
        }
        let first = self.rendered(&request, body, &way, &plan);
        Ok(Some(Box::new(Errand { request, way, plan, outgoing: Some(first), remembrance })))
    }

    /// Who keeps what a request goes on from, if that is known; a refusal where it is another caller's.
    fn home_of(&self, kept: Kept<'_>, caller: &Caller, deployment: &Deployment) -> Result<Option<Home>, Fault> {
        let home = self.shared.homes.find(kept.id);
        let home = home.filter(|home| deployment.provider_called(&home.provider).is_some());
        match home {
            Some(home) if !opaque::may_come_back(caller, &home) => {
                let field = kept.field;
                let message = format!("`{field}` names what was made for another key; go on from this key's own");
                Err(Fault { param: Some(field.to_owned()), ..Fault::new(Kind::ModelNotAllowed, message) })
            }
            home => Ok(home),
        }
    }

    /// A caller that vanished because the drain's deadline ended its connection is still there to be told.
    fn or_shutting_down(&self, unserved: Unserved, client: &Client<'_, N::Stream>) -> Unserved {
        match unserved {
            Unserved::Vanished if self.expired() && !client.is_absent() => shutting_down().into(),
            other => other,
        }
    }

    /// Asks the caches until they have an answer (given here: `None`) or say to ask a provider.
    async fn recall_or_follow(
        &self,
        request: &Request<'_>,
        parsed: Parsed<'_, '_>,
        way: &choose::Way<'_>,
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
    ) -> Result<Option<Remembrance>, Unserved> {
        loop {
            let recalled = match self.recall(request, parsed, way, story) {
                Recall::Known(recalled) => recalled,
                Recall::Asked(asked) => asked.await,
            };
            match recalled {
                Recalled::Miss(remembrance) => return Ok(Some(remembrance)),
                Recalled::Hit(record, outcome) => {
                    if Box::pin(self.give_cached(&record, outcome, request, client, story)).await {
                        return Ok(None);
                    }
                    return Ok(Some(Remembrance::default())); // undecodable: as if it were not there
                }
                Recalled::Join(flight) => match Box::pin(self.follow(flight, request, client, story)).await {
                    Followed::Done => return Ok(None),
                    Followed::AskAgain => {}
                    Followed::Fault(fault) => return Err(fault.into()),
                    Followed::Replay(record) => {
                        if Box::pin(self.give_cached(&record, CacheOutcome::Coalesced, request, client, story)).await {
                            return Ok(None);
                        }
                        return Err(Fault::new(Kind::Upstream, "the shared answer cannot be understood").into());
                    }
                },
            }
        }
    }

    fn parse<'i>(&self, copy: &'i mut Vec<u8>) -> Result<simd_json::Tape<'i>, Fault> {
        self.parser.borrow_mut().parse(copy).map_err(receive::json_fault)
    }

    fn refuse_loop(&self, head: &RequestHead, bytes: &[u8]) -> Result<(), Fault> {
        let is_own = |via: &[u8]| memchr::memmem::find(via, self.instance.as_bytes()).is_some();
        if head.lines(bytes, Known::Via).any(is_own) {
            let advice = "this request has passed this gateway before: a provider's base_url points back at it";
            return Err(Fault::new(Kind::LoopDetected, advice));
        }
        Ok(())
    }

    /// The caller's own id if it is short and printable, else a new one.
    fn request_id(&self, head: &RequestHead, bytes: &[u8]) -> Box<str> {
        const ID_BYTES_MAX: usize = 128;
        let given = head
            .header(bytes, Known::XRequestId)
            .filter(|id| !id.is_empty() && id.len() <= ID_BYTES_MAX && id.iter().all(|byte| byte.is_ascii_graphic()));
        match given.and_then(|id| std::str::from_utf8(id).ok()) {
            Some(id) => id.into(),
            None => self.ids.request_id(),
        }
    }

    fn occasion<'r>(&self, request: &Request<'r>) -> Occasion<'r> {
        Occasion {
            asked: request.incoming.body,
            random: self.ids.random(),
            created_s: self.net.unix_ms() / 1000,
            include_usage: request.ask.include_usage,
        }
    }
}

fn shutting_down() -> Fault {
    Fault::new(Kind::Overloaded, "the gateway is shutting down")
}

impl From<Fault> for Unserved {
    fn from(fault: Fault) -> Self {
        Unserved::Fault(fault)
    }
}

impl Ids {
    fn random(&self) -> u128 {
        let count = self.next.get();
        self.next.set(count.wrapping_add(1));
        (u128::from(mixed(self.prefix ^ count)) << 64) | u128::from(mixed(self.prefix.wrapping_add(count << 1 | 1)))
    }

    fn request_id(&self) -> Box<str> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let random = self.random();
        let mut id = String::with_capacity(28);
        id.push_str("req_");
        for digit in 0..24 {
            id.push(char::from(DIGITS[(random >> (4 * digit)) as usize & 15]));
        }
        id.into_boxed_str()
    }
}

/// A bijective scrambling of 64 bits: different counts give different, unrelated-looking ids.
fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
