//! Stages 5 and 6: has this been answered before, identically or equivalently.
//!
//! The exact tier is a map every shard may read; the semantic tier is asked only on an exact miss,
//! because it costs an embedding. Identical requests in flight join one upstream call. The scope is
//! part of every key and is built here, before any lookup.

use super::Gateway;
use super::Parsed;
use super::Request;
use super::choose::Way;
use super::reply::CacheOutcome;
use super::rules::CacheRules;
use super::story::Story;
use crate::cache;
use crate::cache::Content;
use crate::cache::Flight;
use crate::cache::Key;
use crate::cache::Lead;
use crate::cache::Lookup;
use crate::cache::Policy;
use crate::cache::Record;
use crate::cache::Scope;
use crate::chat::Plain;
use crate::config::RouteCache;
use crate::embed::NoVector;
use crate::embed::Pending;
use crate::embed::Vector;
use crate::net::Net;
use crate::net::timeout;
use crate::observe;
use crate::observe::CacheTier;
use crate::upstream::resolve::Resolve;
use crate::wire::http1::Known;
use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Larger requests are not worth hashing: they do not repeat.
const KEYED_BODY_BYTES_MAX: usize = 1024 * 1024;

/// What the caches said.
pub(super) enum Recalled {
    /// Here is the answer.
    Hit(Arc<Record>, CacheOutcome),
    /// Somebody is asking the same right now.
    Join(Arc<Flight>),
    /// Ask a provider; the rest says how to remember the answer.
    Miss(Remembrance),
}

/// What the caches say at once, or will say when the prompt has its vector. Most requests do not ask for
/// one, and should not hold the memory that asking takes.
pub(super) enum Recall<'a> {
    Known(Recalled),
    Asked(Pin<Box<dyn Future<Output = Recalled> + 'a>>),
}

/// How the answer of a miss will be remembered.
#[derive(Default)]
pub(super) struct Remembrance {
    /// Where it will be found by an identical request.
    pub key: Option<Key>,
    /// The duty to tell everybody who joined.
    pub lead: Option<Lead>,
    /// Where it will be found by an equivalent request.
    pub inquiry: Option<Inquiry>,
}

impl Remembrance {
    /// Does nobody else wait for this answer?
    pub(super) fn is_mine_alone(&self) -> bool {
        self.lead.as_ref().is_none_or(|lead| lead.followers() == 0)
    }

    /// Will the answer be remembered or shared at all?
    pub(super) fn is_wanted(&self) -> bool {
        self.key.is_some() || self.lead.is_some() || self.inquiry.is_some()
    }
}

/// A prompt on its way into the semantic index.
pub(super) struct Inquiry {
    pub scope: Scope,
    pub text: Box<str>,
    pub vector: Option<Arc<[f32]>>,
    /// The vector was not ready in time; it may be when the answer is.
    pub late: Option<Pending>,
}

impl<N: Net, R: Resolve> Gateway<N, R> {
    /// Asks the caches.
    pub(super) fn recall<'a>(
        &'a self,
        request: &'a Request<'a>,
        parsed: Parsed<'a, 'a>,
        way: &'a Way<'a>,
        story: &'a mut Story,
    ) -> Recall<'a> {
        let (rules, route) = (&request.rules, way.cache());
        if !exact_eligible(request, rules, route) {
            return Recall::Known(Recalled::Miss(Remembrance::default()));
        }
        let mut scratch = self.memory.take();
        let passed = PASSED.map(|known| request.incoming.list(known).unwrap_or_default());
        let plain = plain(request, parsed, way);
        let key = self.shared.keying.key(
            &namespace(request, way, &passed),
            content(request, parsed, plain.as_ref()),
            &mut scratch,
        );
        let mut recalled = self.recall_exact(&key, request, rules, story);
        if let Recalled::Miss(miss) = &mut recalled {
            miss.key = rules.store.then_some(key);
        }
        match recalled {
            Recalled::Miss(miss) if route.semantic => Recall::Asked(Box::pin(async move {
                let content = content(request, parsed, plain.as_ref());
                let namespace = namespace(request, way, &passed);
                let asked =
                    self.recall_semantic(miss, &namespace, content, request, parsed, route, story, &mut scratch);
                let recalled = asked.await;
                self.memory.give(scratch);
                recalled
            })),
            recalled => {
                self.memory.give(scratch);
                Recall::Known(recalled)
            }
        }
    }

    fn recall_exact(&self, key: &Key, request: &Request<'_>, rules: &CacheRules, story: &mut Story) -> Recalled {
        // Two callers must not share one tool call: it may have effects. Nor does a caller with a deadline
        // of its own share: others would fail by it, and it would wait by theirs.
        let hurried = request.incoming.header(Known::XRinggateTimeoutMs).is_some();
        let coalesce = rules.lookup && rules.store && !request.ask.has_tools && !hurried;
        let now = self.net.lately();
        story.cache = if rules.lookup { CacheOutcome::Miss } else { CacheOutcome::Bypass };
        let (recalled, brought) = match self.shared.exact.lookup(key, now, rules.lookup, coalesce) {
            Lookup::Hit(record) if rules.age_max.is_none_or(|most| record.age(now) <= most) => {
                (Recalled::Hit(record, CacheOutcome::Hit), observe::Lookup::Hit)
            }
            Lookup::Hit(_) | Lookup::Miss => (Recalled::Miss(Remembrance::default()), observe::Lookup::Miss),
            Lookup::Join(flight) => (Recalled::Join(flight), observe::Lookup::Joined),
            Lookup::Lead(lead) => {
                let miss = Remembrance { lead: Some(lead), ..Remembrance::default() };
                (Recalled::Miss(miss), observe::Lookup::Miss)
            }
        };
        self.recorder.looked_up(observe::CacheTier::Exact, brought);
        recalled
    }

    async fn recall_semantic(
        &self,
        mut miss: Remembrance,
        namespace: &[&[u8]],
        content: Content<'_, '_, '_>,
        request: &Request<'_>,
        parsed: Parsed<'_, '_>,
        route: &RouteCache,
        story: &mut Story,
        scratch: &mut Vec<u8>,
    ) -> Recalled {
        let rules = &request.rules;
        let Some(text) = semantic_text(request, parsed, route) else {
            self.recorder.looked_up(CacheTier::Semantic, observe::Lookup::Ineligible);
            return Recalled::Miss(miss);
        };
        let before = self.net.now();
        let mut pending = match self.embedder.submit(&cache::as_question(text)) {
            Ok(pending) => pending,
            Err(reason) => {
                self.recorder.embedded(embedding_word(reason));
                self.recorder.looked_up(CacheTier::Semantic, observe::Lookup::NoVector);
                return Recalled::Miss(miss);
            }
        };
        let scope = self.shared.keying.scope(namespace, content, text, scratch);
        let deadline = request.deployment.settings.embedding.deadline;
        let vector = timeout(&self.net, deadline, &mut pending).await;
        story.embedding = self.net.now().since(before);
        let mut inquiry = Inquiry { scope, text: text.into(), vector: None, late: None };
        self.note_vector(&vector, story.embedding);
        match vector {
            None => inquiry.late = rules.store.then_some(pending),
            Some(Err(_)) => return Recalled::Miss(miss),
            Some(Ok(vector)) => {
                inquiry.vector = Some(Arc::clone(&vector));
                if let Some((record, similarity)) = self.verified_neighbour(&inquiry, vector, rules).await {
                    if let Some(lead) = miss.lead.take() {
                        lead.complete(Arc::clone(&record));
                    }
                    return Recalled::Hit(record, CacheOutcome::Semantic { similarity });
                }
            }
        }
        miss.inquiry = rules.store.then_some(inquiry);
        Recalled::Miss(miss)
    }

    /// The nearest answered prompt that really asks the same, with its similarity.
    async fn verified_neighbour(
        &self,
        inquiry: &Inquiry,
        vector: Arc<[f32]>,
        rules: &CacheRules,
    ) -> Option<(Arc<Record>, f32)> {
        if !rules.lookup {
            return None;
        }
        let mut candidates = self.neighbours.nearest(&self.net, inquiry.scope, vector).await;
        let now = self.net.lately();
        candidates.retain(|candidate| rules.age_max.is_none_or(|most| candidate.record.age(now) <= most));
        let policy = Policy { similarity_min: rules.similarity_min };
        let (found, word) = match cache::judge(&inquiry.text, &candidates, &policy) {
            cache::Verdict::Serve { index, similarity } => {
                (Some((Arc::clone(&candidates[index].record), similarity)), observe::Lookup::Hit)
            }
            cache::Verdict::Refuse(_) if candidates.is_empty() => (None, observe::Lookup::Miss),
            cache::Verdict::Refuse(_) => (None, observe::Lookup::Refused),
        };
        self.recorder.looked_up(CacheTier::Semantic, word);
        found
    }

    /// Counts what became of a text handed to the embedder; `None` = not ready in time.
    fn note_vector(&self, vector: &Option<Result<Vector, NoVector>>, took: Duration) {
        match vector {
            Some(Ok(_)) => {
                self.recorder.embedded(observe::words::Embedding::Ok);
                self.recorder.embed_took(took);
            }
            Some(Err(reason)) => self.recorder.embedded(embedding_word(*reason)),
            None => {
                self.embedder.count_late();
                self.recorder.embedded(observe::words::Embedding::Late);
                self.recorder.looked_up(CacheTier::Semantic, observe::Lookup::NoVector);
            }
        }
    }
}

fn embedding_word(reason: NoVector) -> observe::words::Embedding {
    use observe::words::Embedding;
    match reason {
        NoVector::Empty => Embedding::Empty,
        NoVector::TooLong => Embedding::TooLong,
        NoVector::UnknownToken => Embedding::UnknownToken,
        NoVector::Overloaded => Embedding::Overloaded,
        NoVector::Late => Embedding::Late,
        NoVector::Starting | NoVector::Absent => Embedding::Absent,
        NoVector::Failed => Embedding::Failed,
    }
}

/// Fields that the provider is shown and that change what it answers.
const PASSED: [Known; 3] = [Known::AnthropicBeta, Known::OpenaiOrganization, Known::OpenaiProject];

/// Everything beside the content that must be equal for two requests to share an answer.
fn namespace<'r>(request: &'r Request<'r>, way: &Way<'r>, passed: &'r [Cow<'r, [u8]>; 3]) -> [&'r [u8]; 7] {
    [
        request.caller.scope.as_bytes(),
        // Callers of one dialect who have routes of their own are served by providers of their own.
        way.only_caller(request.deployment).unwrap_or_default().as_bytes(),
        // Not every dialect names it in the body.
        request.ask.model.as_bytes(),
        request.incoming.header(Known::XRinggateCacheNamespace).unwrap_or_default(),
        &passed[0],
        &passed[1],
        &passed[2],
    ]
}

/// What the request says, if every dialect could say it and nobody comes back for the answer by its id:
/// that leads to a provider of the caller's own dialect and nowhere else.
fn plain<'i>(request: &Request<'_>, parsed: Parsed<'_, 'i>, way: &Way<'_>) -> Option<Plain<'i>> {
    let ask = &request.ask;
    if ask.has_tools || ask.has_media || ask.has_response_format {
        return None;
    }
    let kept = || way.providers(request.deployment).any(|provider| provider.passing(request.dialect).is_some());
    request.dialect.read_plain(parsed.body).filter(|plain| !plain.keep || !kept())
}

fn content<'a, 't, 'i>(
    request: &Request<'_>,
    parsed: Parsed<'t, 'i>,
    plain: Option<&'a Plain<'i>>,
) -> Content<'a, 't, 'i> {
    plain.map_or_else(
        || Content::Body {
            dialect: request.dialect.name(),
            body: parsed.body,
            volatile: request.dialect.volatile_fields(),
        },
        Content::Plain,
    )
}

fn exact_eligible(request: &Request<'_>, rules: &CacheRules, route: &RouteCache) -> bool {
    route.exact
        && !request.ask.stateful
        && (rules.lookup || rules.store)
        && request.incoming.body.len() <= KEYED_BODY_BYTES_MAX
        && request.ask.temperature.is_none_or(|temperature| temperature <= route.temperature_max)
}

/// The text that may be compared by meaning, if this request has one.
fn semantic_text<'i>(request: &Request<'_>, parsed: Parsed<'_, 'i>, route: &RouteCache) -> Option<&'i str> {
    let ask = &request.ask;
    let plain = !ask.has_tools && !ask.has_media && ask.choices == 1;
    let cool = ask.temperature.is_none_or(|temperature| temperature <= route.semantic_temperature_max);
    let text = parsed.last_user_text?;
    (route.semantic && plain && cool && cache::eligible(text).is_ok()).then_some(text)
}
