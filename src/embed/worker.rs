//! What the companion's thread does: read, run together what may, answer, survive.
//!
//! Prompts that wait together and have the same number of tokens run together, up to the length where
//! that still gains something. There is no timer: nobody is held back to make a batch.

use super::Broken;
use super::Embedder;
use super::Tokens;
use super::Vector;
use super::companion::Announce;
use super::companion::Job;
use super::companion::Readiness;
use super::companion::Shared;
use super::pending::Reply;
use crossbeam::channel::Receiver;
use crossbeam::channel::RecvTimeoutError;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Most texts of one run.
const BATCH_MAX: usize = 8;
/// Longer texts run alone: a batch of them is no faster, and the first would wait for the last.
const BATCH_TOKENS_MAX: usize = 32;
/// Wait before building an embedder again that broke without having done any work; doubles.
const RESTART_WAIT_MIN: Duration = Duration::from_secs(1);
/// Longest such wait.
const RESTART_WAIT_MAX: Duration = Duration::from_secs(60);

/// Calls into an embedder: a panic there is a broken embedder, not a lost thread.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T, Broken>) -> Result<T, Broken> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        Err(Broken(format!("panicked: {}", said.unwrap_or("without a word"))))
    })
}

/// Where work and the wish to stop come from.
#[derive(Clone)]
pub(super) struct Queues {
    pub(super) lookups: Receiver<Job>,
    pub(super) insertions: Receiver<Job>,
    pub(super) stopped: Receiver<()>,
}

impl Queues {
    /// Drops what waits, and thereby answers it: a channel keeps its messages when its reader goes.
    pub(super) fn drain(&self) {
        self.lookups.try_iter().chain(self.insertions.try_iter()).for_each(drop);
    }
}

/// The thread's side.
pub(super) struct Worker {
    shared: Arc<Shared>,
    announce: Option<Announce>,
    queues: Queues,
    /// Read, not yet run.
    backlog: VecDeque<(Job, Tokens)>,
    /// Kept to spare an allocation per run.
    vectors: Vec<Vector>,
}

/// Why the worker stopped serving.
enum Ended {
    Stopped,
    Broken { worked: bool },
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, announce: Option<Announce>, queues: Queues) -> Worker {
        let backlog = VecDeque::with_capacity(BATCH_MAX);
        Worker { shared, announce, queues, backlog, vectors: Vec::with_capacity(BATCH_MAX) }
    }

    /// Serves until told to stop, building the embedder anew whenever it broke.
    pub(super) fn run(mut self, open: impl FnMut() -> Result<Box<dyn Embedder>, String>) {
        match self.work(open) {
            Err(why) => self.enter(Readiness::Disabled(why)),
            Ok(()) => self.shared.enter(&Readiness::Disabled("the embedder was stopped".into())),
        }
        // After the change of state: whoever submits from now on looks at it again and drains too.
        self.queues.drain();
    }

    fn work(&mut self, mut open: impl FnMut() -> Result<Box<dyn Embedder>, String>) -> Result<(), String> {
        let mut wait = RESTART_WAIT_MIN;
        loop {
            let mut embedder = guarded(|| open().map_err(Broken)).map_err(|Broken(why)| why)?;
            self.enter(Readiness::Ready);
            let ended = self.serve(&mut *embedder);
            // A broken embedder may break again while it is taken down.
            let _ = guarded(|| {
                drop(embedder);
                Ok(())
            });
            let Ended::Broken { worked } = ended else { return Ok(()) };
            self.enter(Readiness::Starting);
            self.shared.counters.restarts.fetch_add(1, Ordering::Relaxed);
            if worked {
                wait = RESTART_WAIT_MIN;
            } else {
                if self.is_stopped_within(wait) {
                    return Ok(());
                }
                wait = (wait * 2).min(RESTART_WAIT_MAX);
            }
        }
    }

    fn enter(&self, readiness: Readiness) {
        self.shared.enter(&readiness);
        if let Some(announce) = &self.announce {
            announce(&readiness);
        }
    }

    /// Waits before the next start. Whoever waits for a vector is told now that there will be none.
    fn is_stopped_within(&mut self, wait: Duration) -> bool {
        self.backlog.clear();
        self.queues.drain();
        !matches!(self.queues.stopped.recv_timeout(wait), Err(RecvTimeoutError::Timeout))
    }

    fn serve(&mut self, embedder: &mut dyn Embedder) -> Ended {
        let mut worked = false;
        loop {
            let served = match self.take_waiting() {
                Some(jobs) => jobs.into_iter().try_for_each(|job| self.read(job, embedder)),
                None => return Ended::Stopped,
            };
            match served.and_then(|()| self.run_batch(embedder)) {
                Ok(ran) => worked |= ran,
                Err(Broken(_)) => return Ended::Broken { worked },
            }
        }
    }

    /// What waits now, without blocking while there is something to run; `None` to stop.
    fn take_waiting(&self) -> Option<Vec<Job>> {
        if self.queues.stopped.try_recv() == Ok(()) {
            return None;
        }
        let room = BATCH_MAX.saturating_sub(self.backlog.len());
        let mut jobs: Vec<Job> = self.queues.lookups.try_iter().take(room).collect();
        if jobs.is_empty() && self.backlog.is_empty() {
            jobs.push(self.next()?);
        }
        Some(jobs)
    }

    /// Waits for the next job. `None` when told to stop, or when nobody is left who could ask.
    fn next(&self) -> Option<Job> {
        crossbeam::channel::select_biased! {
            recv(self.queues.stopped) -> _ => None,
            recv(self.queues.lookups) -> job => job.ok(),
            recv(self.queues.insertions) -> job => job.ok(),
        }
    }

    fn read(&mut self, job: Job, embedder: &mut dyn Embedder) -> Result<(), Broken> {
        if self.skip(&job) {
            return Ok(());
        }
        match guarded(|| Ok(embedder.tokens(&job.text))) {
            Ok(Ok(tokens)) => self.backlog.push_back((job, tokens)),
            Ok(Err(reason)) => {
                self.shared.counters.refused.fetch_add(1, Ordering::Relaxed);
                job.reply.give(Err(reason));
            }
            Err(broken) => {
                self.shared.counters.failed.fetch_add(1, Ordering::Relaxed);
                return Err(broken);
            }
        }
        Ok(())
    }

    fn skip(&self, job: &Job) -> bool {
        let abandoned = job.reply.is_abandoned();
        if abandoned {
            self.shared.counters.cancelled.fetch_add(1, Ordering::Relaxed);
        }
        abandoned
    }

    /// Runs the oldest text and those that can go with it. Says whether there was one.
    fn run_batch(&mut self, embedder: &mut dyn Embedder) -> Result<bool, Broken> {
        let (replies, batch) = self.take_batch();
        if batch.is_empty() {
            return Ok(false);
        }
        self.vectors.clear();
        let (vectors, count) = (&mut self.vectors, batch.len());
        let ran = guarded(|| embedder.vectors(&batch, vectors)).and_then(|()| {
            if vectors.len() == count { Ok(()) } else { Err(Broken("one vector per text was expected".into())) }
        });
        self.shared.counters.runs.fetch_add(1, Ordering::Relaxed);
        if let Err(broken) = ran {
            // Dropped replies tell their waiters.
            self.shared.counters.failed.fetch_add(count as u64, Ordering::Relaxed);
            return Err(broken);
        }
        self.shared.counters.embedded.fetch_add(count as u64, Ordering::Relaxed);
        for (reply, vector) in replies.iter().zip(self.vectors.drain(..)) {
            reply.give(Ok(vector));
        }
        Ok(true)
    }

    fn take_batch(&mut self) -> (Vec<Reply>, Vec<Tokens>) {
        let (mut replies, mut batch) = (Vec::new(), Vec::<Tokens>::new());
        for _ in 0..self.backlog.len() {
            let Some((job, tokens)) = self.backlog.pop_front().filter(|(job, _)| !self.skip(job)) else { continue };
            let fits = batch.first().is_none_or(|first| {
                first.length() == tokens.length() && first.length() <= BATCH_TOKENS_MAX && batch.len() < BATCH_MAX
            });
            if fits {
                replies.push(job.reply);
                batch.push(tokens);
            } else {
                self.backlog.push_back((job, tokens));
            }
        }
        (replies, batch)
    }
}
