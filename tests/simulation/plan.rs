//! What a seed means: who calls, what they ask, how they behave, and what befalls the machine.

use super::dice::Dice;
use std::time::Duration;

/// Providers, in the order of the configuration.
pub const PROVIDERS: usize = 3;
/// What the providers' models cost: dollars per million tokens in and out.
pub const PRICES_USD: (f64, f64) = (2.0, 8.0);
/// Limits of the configuration that the oracle must know.
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(40);
/// See `server.write_timeout_ms`.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

/// Wire formats, as the simulation speaks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tongue {
    OpenAi,
    Anthropic,
    /// Spoken by clients only, so that everything they are told is translated.
    Responses,
    /// The model stands in the path, and a stream has no terminator.
    Gemini,
}

/// A virtual key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    pub scope: &'static str,
    /// May it use the route `plain`?
    pub may_use_plain: bool,
    /// Has it a small limit of requests?
    pub is_limited: bool,
}

/// The virtual keys.
pub const KEYS: &[Key] = &[
    Key { name: "north", scope: "arctic", may_use_plain: true, is_limited: false },
    Key { name: "northwest", scope: "arctic", may_use_plain: true, is_limited: false },
    Key { name: "south", scope: "south", may_use_plain: false, is_limited: false },
    Key { name: "thrifty", scope: "thrifty", may_use_plain: true, is_limited: true },
];

/// A model name that callers use, and what the configuration makes of it.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    pub name: &'static str,
    /// Providers, in order of preference.
    pub targets: &'static [usize],
    /// Is the order of attempts the order above?
    pub is_ordered: bool,
    pub exact: bool,
    pub semantic: bool,
}

/// Routes, and one model that is named by its provider.
pub const MODELS: &[Model] = &[
    Model { name: "fast", targets: &[0, 1, 2], is_ordered: true, exact: true, semantic: false },
    Model { name: "plain", targets: &[0], is_ordered: true, exact: false, semantic: false },
    Model { name: "smart", targets: &[2, 0], is_ordered: true, exact: true, semantic: true },
    Model { name: "tiers", targets: &[0, 2, 1], is_ordered: false, exact: true, semantic: false },
    Model { name: "birch/b-1", targets: &[1], is_ordered: true, exact: true, semantic: false },
];

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    Chat,
    WrongKey,
    NoKey,
    BadJson,
    UnknownModel,
    Models,
    Alive,
    BadHead,
}

/// How a request's body travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upload {
    Length,
    Chunked,
    Expecting,
}

/// One request.
#[derive(Clone, Debug)]
pub struct RequestPlan {
    /// Unique in the history.
    pub id: usize,
    pub want: Want,
    pub tongue: Tongue,
    pub model: Model,
    /// Which of the history's prompts, and in which spelling.
    pub prompt: usize,
    pub spelling: usize,
    pub stream: bool,
    pub include_usage: bool,
    pub no_cache: bool,
    pub timeout: Option<Duration>,
    pub upload: Upload,
    pub http10: bool,
    pub close: bool,
}

impl RequestPlan {
    /// The bound of the answer that it names, in tokens. Messages always name one.
    pub fn bound(&self) -> Option<u32> {
        (self.tongue == Tongue::Anthropic || self.prompt.is_multiple_of(2)).then_some(512)
    }
}

/// When a client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// After so many bytes of its requests.
    Sent(usize),
    /// After so many bytes of answers.
    Received(usize),
    /// So long after it came.
    After(Duration),
}

/// How a client ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Reads all answers.
    Stays,
    /// Says that it will send no more and reads all answers.
    HalfCloses,
    /// Goes away, with or without a reset.
    Leaves { at: Moment, reset: bool },
    /// Sends so many bytes of its requests and then nothing.
    Freezes { sent: usize },
    /// Reads so many bytes and then nothing for long.
    StopsReading { received: usize },
}

/// One client: some requests on one connection.
#[derive(Clone, Debug)]
pub struct ClientPlan {
    pub key: usize,
    pub shard: usize,
    pub start: Duration,
    pub pause: Duration,
    pub pipelines: bool,
    /// Bytes per read and the pause between reads.
    pub pace: Option<(usize, Duration)>,
    /// Bytes that fit into its connection unread.
    pub window_bytes: usize,
    pub end: End,
    pub requests: Vec<RequestPlan>,
}

/// How an address behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    Serves,
    Refuses,
    Blackhole,
    Unreachable,
}

/// The whole history, as far as it is decided beforehand.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    /// Nothing goes wrong: then every request must succeed.
    pub calm: bool,
    pub shards: usize,
    /// Does a FIN cancel requests that are not streamed?
    pub fin_aborts: bool,
    /// Connections per provider and shard.
    pub connections_max: usize,
    /// Addresses of the providers; the last has two.
    pub hosts: [Host; PROVIDERS + 1],
    /// What is asked for mostly: a history in which nobody asks the same shows no cache.
    pub habits: Habits,
    /// What the third provider speaks.
    pub third_tongue: Tongue,
    pub clients: Vec<ClientPlan>,
    /// When the configuration is replaced by an equal one.
    pub reload_at: Option<Duration>,
    /// When the process begins to drain, and how long running answers may take.
    pub drain: Option<(Duration, Duration)>,
}

/// The common taste of a history's clients.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    pub models: [Model; 2],
    pub prompts: usize,
    pub anthropic_one_in: usize,
}

impl Plan {
    /// What `seed` means.
    pub fn of(seed: u64) -> Plan {
        let mut dice = Dice::new(seed, 1);
        let calm = dice.one_in(5);
        let shards = dice.between(1, 3);
        let host = |dice: &mut Dice| match dice.below(24) {
            _ if calm => Host::Serves,
            0 => Host::Refuses,
            1 => Host::Blackhole,
            2 => Host::Unreachable,
            _ => Host::Serves,
        };
        let hosts = [host(&mut dice), host(&mut dice), host(&mut dice), host(&mut dice)];
        let mut plan = Plan {
            seed,
            calm,
            shards,
            fin_aborts: dice.one_in(4),
            connections_max: if !calm && dice.one_in(12) { 1 } else { 64 },
            hosts,
            habits: Habits {
                models: [dice.pick(MODELS), dice.pick(MODELS)],
                prompts: dice.between(1, 3),
                anthropic_one_in: dice.pick(&[1, 2, 4, 100]),
            },
            third_tongue: if seed.is_multiple_of(2) { Tongue::OpenAi } else { Tongue::Gemini },
            clients: Vec::new(),
            reload_at: dice.one_in(4).then(|| Duration::from_millis(dice.below(3_000) as u64)),
            drain: (!calm && dice.one_in(10)).then(|| {
                (Duration::from_millis(dice.below(4_000) as u64), Duration::from_millis(dice.below(6_000) as u64))
            }),
        };
        let mut next_id = 0;
        for _ in 0..dice.between(3, 6) {
            let client = client(&mut dice, &plan, &mut next_id);
            plan.clients.push(client);
        }
        plan
    }
}

fn client(dice: &mut Dice, plan: &Plan, next_id: &mut usize) -> ClientPlan {
    let requests: Vec<RequestPlan> = (0..dice.between(1, 4))
        .map(|_| {
            *next_id += 1;
            request(dice, plan, *next_id - 1)
        })
        .collect();
    let key = if plan.calm { dice.below(2) } else { dice.below(KEYS.len()) };
    let pace = match dice.below(8) {
        0 => Some((dice.between(128, 512), Duration::from_micros(dice.between(1, 1_000) as u64))),
        // Never slower than 64 KiB per write timeout, also when reads are cut: below that a client counts
        // as standing still.
        1 => {
            let bytes = dice.between(128, 256);
            Some((bytes, Duration::from_micros((bytes * dice.pick(&[20, 60, 100])) as u64)))
        }
        _ => None,
    };
    ClientPlan {
        key,
        shard: dice.below(plan.shards),
        start: Duration::from_micros(dice.pick(&[0, 0, 50, 1_000, 100_000, 2_000_000]) * dice.below(8) as u64),
        pause: Duration::from_millis(dice.pick(&[0, 0, 1, 60, 3_000])),
        pipelines: dice.one_in(4),
        pace,
        window_bytes: dice.pick(&[512, 4_096, 65_536]),
        end: end(dice, plan.calm),
        requests,
    }
}

fn end(dice: &mut Dice, calm: bool) -> End {
    if calm {
        return End::Stays;
    }
    let at = match dice.below(3) {
        0 => Moment::Sent(dice.below(1_200)),
        1 => Moment::Received(dice.below(3_000)),
        _ => {
            Moment::After(Duration::from_millis(dice.pick(&[0, 1, 30, 200, 2_000, 9_000]) * dice.between(1, 3) as u64))
        }
    };
    match dice.below(20) {
        0..=3 => End::Leaves { at, reset: dice.one_in(2) },
        4 => End::HalfCloses,
        5 => End::Freezes { sent: dice.below(1_200) },
        6 => End::StopsReading { received: dice.below(2_000) },
        _ => End::Stays,
    }
}

fn request(dice: &mut Dice, plan: &Plan, id: usize) -> RequestPlan {
    let (calm, habits) = (plan.calm, plan.habits);
    let want = match dice.below(if calm { 30 } else { 24 }) {
        0 => Want::Models,
        1 => Want::Alive,
        2 if !calm => Want::WrongKey,
        3 if !calm => Want::NoKey,
        4 if !calm => Want::BadJson,
        5 if !calm => Want::UnknownModel,
        6 if !calm && dice.one_in(4) => Want::BadHead,
        _ => Want::Chat,
    };
    let tongue = match dice.one_in(habits.anthropic_one_in) {
        true => Tongue::Anthropic,
        // Without another throw, so that the histories of all seeds stay what they are otherwise.
        false if id.is_multiple_of(3) => Tongue::Responses,
        false if id % 3 == 1 => Tongue::Gemini,
        false => Tongue::OpenAi,
    };
    let http10 = dice.one_in(12);
    RequestPlan {
        id,
        want,
        tongue,
        model: dice.pick(&habits.models),
        prompt: dice.below(habits.prompts),
        spelling: if dice.one_in(3) { dice.below(3) } else { 0 },
        stream: dice.one_in(2),
        include_usage: dice.one_in(3),
        no_cache: dice.one_in(10),
        timeout: (!calm && dice.one_in(12)).then(|| Duration::from_millis(dice.between(1, 4_000) as u64)),
        upload: match dice.below(8) {
            0 if !http10 => Upload::Chunked,
            1 if !http10 => Upload::Expecting,
            _ => Upload::Length,
        },
        http10,
        close: dice.one_in(12),
    }
}
