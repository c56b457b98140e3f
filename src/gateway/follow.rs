//! Sharing an answer that is being given to somebody else.
//!
//! A follower reads what the leader's provider has said so far and then goes on in step. It renders for
//! its own caller, in its own dialect and form. If the leader gives up before anything was said here,
//! the follower asks the caches again and may become the leader itself.

use super::Gateway;
use super::Request;
use super::client::Client;
use super::client::Progress;
use super::recall::Remembrance;
use super::replay::Occasion;
use super::reply::CacheOutcome;
use super::story::Ending;
use super::story::Story;
use super::stream::Translation;
use crate::cache::Flight;
use crate::cache::FlightMeta;
use crate::cache::Form;
use crate::cache::Record;
use crate::cache::Step;
use crate::dialects;
use crate::dialects::StreamOptions;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::net::Net;
use crate::net::timeout;
use crate::upstream::resolve::Resolve;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// Longest silence of a leader; it has deadlines of its own, this is the net below them.
const PATIENCE: Duration = Duration::from_secs(900);

/// How following ended.
pub(super) enum Followed {
    /// The caller has its answer, or is gone.
    Done,
    /// The leader gave up before anything was said here: ask again.
    AskAgain,
    /// The leader failed before anything was said here.
    Fault(Fault),
    /// The answer is complete and still has to be given, as a cached one would be.
    Replay(Arc<Record>),
}

impl<N: Net, R: Resolve> Gateway<N, R> {
    /// Goes along with `flight` until it ends.
    pub(super) async fn follow(
        &self,
        flight: Arc<Flight>,
        request: &Request<'_>,
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
    ) -> Followed {
        story.cache = CacheOutcome::Coalesced;
        let mut follower = flight.follow();
        let mut live: Option<Live> = None;
        let mut _under_way = None;
        let nobody = Remembrance::default();
        loop {
            let before = self.net.now();
            let step = pin!(timeout(&self.net, PATIENCE, follower.next()));
            let step = self.unless_left(step, client, &nobody).await;
            story.upstream += self.net.now().since(before);
            let step = match step {
                Ok(Some(step)) => step,
                Ok(None) => Step::Failed(Fault::new(Kind::Timeout, "the shared answer took too long")),
                Err(_) if self.expired() && !client.is_absent() => Step::Failed(super::shutting_down()),
                Err(_) => {
                    story.ending = Ending::Vanished;
                    return Followed::Done;
                }
            };
            let said = match step {
                Step::Meta(meta) => {
                    live = Live::begin(&meta, request, self.occasion(request));
                    _under_way = live.as_ref().map(|_| self.recorder.stream());
                    note(&meta, request, story);
                    Ok(())
                }
                Step::Chunk(bytes) => match &mut live {
                    Some(live) => self.say(live, &bytes, request, client, story).await,
                    None => Ok(()),
                },
                Step::Complete(record) => return self.landed(record, live, request, client, story).await,
                Step::Failed(fault) => Err(fault),
                Step::Abandoned if client.progress() == Progress::Waiting => {
                    forget(story);
                    return Followed::AskAgain;
                }
                Step::Abandoned => Err(Fault::new(Kind::Upstream, "the shared answer was given up")),
            };
            if let Err(fault) = said {
                return self.failed(fault, live, request, client, story).await;
            }
            if client.is_absent() {
                story.ending = Ending::Vanished;
                return Followed::Done;
            }
        }
    }

    async fn say(
        &self,
        live: &mut Live,
        bytes: &[u8],
        request: &Request<'_>,
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
    ) -> Result<(), Fault> {
        let fed = live.translation.feed(&self.parser, bytes, &mut live.out);
        if client.progress() == Progress::Waiting {
            let mut head = self.memory.take();
            self.answer_head(&mut head, request, story, &[], None);
            client.begin_stream(&head);
            self.memory.give(head);
        }
        fed?;
        if !live.translation.facts.complete && client.push(&self.net, &mut live.out).await.is_err() {
            client.leave();
        }
        Ok(())
    }

    async fn landed(
        &self,
        record: Option<Arc<Record>>,
        live: Option<Live>,
        request: &Request<'_>,
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
    ) -> Followed {
        let Some(mut live) = live.filter(|_| client.progress() == Progress::Streaming) else {
            let lost = || Fault::new(Kind::Upstream, "the shared answer was lost");
            return record.map_or_else(|| Followed::Fault(lost()), Followed::Replay);
        };
        if let Some(fault) = live.translation.finish(&self.parser, &mut live.out) {
            return self.failed(fault, Some(live), request, client, story).await;
        }
        if live.unchanged {
            live.out.extend_from_slice(request.dialect.stream_end());
        }
        let sent = client.end_stream(&self.net, &mut live.out).await;
        story.usage = live.translation.facts.usage.take();
        story.ending = if sent.is_ok() { Ending::Answered } else { Ending::Vanished };
        Followed::Done
    }

    async fn failed(
        &self,
        fault: Fault,
        live: Option<Live>,
        request: &Request<'_>,
        client: &mut Client<'_, N::Stream>,
        story: &mut Story,
    ) -> Followed {
        if client.progress() == Progress::Waiting {
            forget(story);
            return Followed::Fault(fault);
        }
        let mut out = live.map(|live| live.out).unwrap_or_default();
        request.dialect.write_stream_fault(&fault, &story.request_id, &mut out);
        client.break_stream(&self.net, &mut out).await;
        story.ending = Ending::Broken;
        story.fault = Some(fault);
        Followed::Done
    }
}

/// A stream being followed for a caller who wants one.
struct Live {
    translation: Translation,
    out: Vec<u8>,
    unchanged: bool,
}

impl Live {
    fn begin(meta: &FlightMeta, request: &Request<'_>, occasion: Occasion<'_>) -> Option<Live> {
        if !request.ask.stream || meta.form != Form::Events {
            return None;
        }
        let provider = dialects::spoken(meta.dialect)?;
        let options = StreamOptions { include_usage: occasion.include_usage, created_s: occasion.created_s };
        let mut translation = Translation::of_kept(provider, request.dialect, options, request.ask.choices);
        translation.repeat(request.incoming.body);
        translation.call(|| request.dialect.answer_id(occasion.random), &meta.model);
        Some(Live { translation, out: Vec::new(), unchanged: provider.name() == request.dialect.name() })
    }
}

fn note(meta: &FlightMeta, request: &Request<'_>, story: &mut Story) {
    story.provider = request.deployment.providers.iter().position(|provider| provider.name == meta.provider);
    story.model = Some(meta.model.clone());
}

/// Whose answer was awaited is nobody's answer after all.
fn forget(story: &mut Story) {
    story.provider = None;
    story.model = None;
}
