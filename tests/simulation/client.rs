//! Clients: they follow their plan, believe the framing, and write down what happened to them.

use super::http;
use super::http::Ended;
use super::http::Reading;
use super::plan::ClientPlan;
use super::plan::End;
use super::plan::Moment;
use super::speech;
use crate::world::Socket;
use crate::world::World;
use ringgate::clock::Clock;
use ringgate::clock::Tick;
use ringgate::net::Stream;
use ringgate::net::timeout;
use std::time::Duration;

/// A client that waits longer than this for its answers is stuck.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long a client that stops reading does not read.
const DOZE: Duration = Duration::from_secs(120);

/// What one client went through.
#[derive(Clone, Debug)]
pub struct Record {
    /// When each request was completely sent.
    pub sent_at: Vec<Option<Tick>>,
    /// Bytes sent.
    pub sent: usize,
    /// Everything received.
    pub received: Vec<u8>,
    /// How it ended.
    pub ended: Ended,
    /// When.
    pub ended_at: Tick,
    /// It waited in vain.
    pub is_stuck: bool,
}

struct Client {
    world: World,
    socket: Socket,
    plan: ClientPlan,
    record: Record,
    came: Tick,
    ended: Option<Ended>,
}

/// Runs a client to its end.
pub async fn run(world: World, seed: u64, plan: ClientPlan, socket: Socket) -> Record {
    let requests: Vec<Vec<u8>> = plan.requests.iter().map(|request| speech::request(seed, plan.key, request)).collect();
    let record = Record {
        sent_at: vec![None; requests.len()],
        sent: 0,
        received: Vec::new(),
        ended: Ended::Left,
        ended_at: Tick(0),
        is_stuck: false,
    };
    let came = world.now();
    let mut client = Client { world, socket, plan, record, came, ended: None };
    client.visit(&requests).await;
    if matches!(client.plan.end, End::Leaves { reset: true, .. }) && client.ended == Some(Ended::Left) {
        client.socket.abort();
    }
    client.record.ended = client.ended.unwrap_or(Ended::Left);
    client.record.ended_at = client.world.now();
    client.record
}

impl Client {
    async fn visit(&mut self, requests: &[Vec<u8>]) {
        let mut at = 0;
        if self.plan.pipelines {
            for (number, request) in requests.iter().enumerate() {
                self.send(number, request).await;
            }
            self.sent_all().await;
        }
        for (number, request) in requests.iter().enumerate() {
            if !self.plan.pipelines {
                self.send(number, request).await;
                if number + 1 == requests.len() {
                    self.sent_all().await;
                }
            }
            match self.hear(at, number).await {
                Some(end) => at = end,
                None => break,
            }
            if !self.plan.pipelines && self.ended.is_none() {
                self.world.sleep(self.plan.pause).await;
            }
        }
    }

    async fn sent_all(&mut self) {
        if self.plan.end == End::HalfCloses && self.ended.is_none() {
            self.socket.shutdown().await;
        }
    }

    /// Time left until the client leaves.
    fn patience(&self) -> Duration {
        match self.plan.end {
            End::Leaves { at: Moment::After(after), .. } => self.came.after(after).since(self.world.now()),
            _ => PATIENCE,
        }
    }

    async fn send(&mut self, number: usize, request: &[u8]) {
        let allowed = match self.plan.end {
            End::Leaves { at: Moment::Sent(bytes), .. } | End::Freezes { sent: bytes } => bytes,
            _ => usize::MAX,
        };
        let part = request.len().min(allowed.saturating_sub(self.record.sent));
        if self.ended.is_some() || part == 0 {
            return self.leave_if_cut(part < request.len());
        }
        let written = timeout(&self.world, self.patience(), self.socket.write_all(request[..part].to_vec())).await;
        match written {
            None => self.ended = Some(Ended::Left),
            // The answer to what was sent before may still wait to be read.
            Some((Err(_), _)) => {}
            Some((Ok(()), _)) => {
                self.record.sent += part;
                if part == request.len() {
                    self.record.sent_at[number] = Some(self.world.now());
                }
            }
        }
        self.leave_if_cut(part < request.len());
    }

    fn leave_if_cut(&mut self, is_cut: bool) {
        if is_cut && self.ended.is_none() && matches!(self.plan.end, End::Leaves { .. }) {
            self.ended = Some(Ended::Left);
        }
    }

    /// Reads the answer that begins at `from`; where it ends, if another may follow.
    async fn hear(&mut self, from: usize, number: usize) -> Option<usize> {
        let http10 = self.plan.requests[number].http10;
        let mut enough = 0;
        loop {
            if self.ended.is_none() && self.record.received.len() < from + enough {
                self.read().await;
                continue;
            }
            match http::read(&self.record.received[from..], http10, self.ended) {
                Ok(Reading::NotYet(bytes)) => enough = bytes,
                Ok(Reading::Answer(answer)) if answer.is_whole && !answer.closes() && self.ended.is_none() => {
                    return Some(from + answer.end);
                }
                // To the very end: whatever comes after the last answer is a mistake to be seen.
                _ if self.ended.is_none() => self.read().await,
                _ => return None,
            }
        }
    }

    async fn read(&mut self) {
        if let Some((_, pause)) = self.plan.pace {
            self.world.sleep(pause.min(self.patience())).await;
        }
        let received = self.record.received.len();
        match self.plan.end {
            End::Leaves { at: Moment::Received(bytes), .. } if received >= bytes => {
                self.ended = Some(Ended::Left);
                return;
            }
            End::StopsReading { received: bytes } if received >= bytes => {
                self.world.sleep(DOZE).await;
                self.plan.end = End::Stays;
            }
            _ => {}
        }
        let buffer = Vec::with_capacity(self.plan.pace.map_or(4_096, |(bytes, _)| bytes));
        match timeout(&self.world, self.patience(), self.socket.read(buffer)).await {
            None => {
                self.record.is_stuck = !matches!(self.plan.end, End::Leaves { .. });
                self.ended = Some(Ended::Left);
            }
            Some((Ok(0), _)) => self.ended = Some(Ended::Finished),
            Some((Ok(_), bytes)) => self.record.received.extend_from_slice(&bytes),
            Some((Err(_), _)) => self.ended = Some(Ended::Reset),
        }
    }
}
