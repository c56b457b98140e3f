//! Fake providers: for every call the seed decides what they do, and they write down what they did.

use super::dice::Dice;
use super::plan::Tongue;
use super::speech;
use super::speech::Words;
use crate::world::Socket;
use crate::world::World;
use crate::world::provider::Step;
use crate::world::provider::read_request;
use ringgate::clock::Clock;
use ringgate::clock::Tick;
use ringgate::net::Stream;
use ringgate::net::timeout;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// The credential the gateway holds. No client and no log may ever see it.
pub const CREDENTIAL: &str = "sk-canary-of-the-provider";

/// What a provider does with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Answers.
    Good,
    /// Answers after seconds.
    Slow,
    /// Answers with long pauses in between.
    Trickle,
    /// Answers, and sends bytes nobody asked for.
    Surplus,
    /// Streams what was to be whole, or the other way round.
    WrongForm,
    /// 429
    Limited,
    /// 500 or 503 as JSON.
    Error,
    /// 502 as HTML.
    HtmlError,
    /// 400: the request itself is refused.
    Refusal,
    /// 401, quoting the credential.
    BadCredential,
    /// Status 200 and an error in the body.
    ErrorAs200,
    /// Closes without a byte.
    Mute,
    /// Resets without a byte.
    MuteReset,
    /// Closes in the middle of the head.
    HalfHead,
    /// Closes in the middle of the body.
    Half,
    /// Resets in the middle of the body.
    HalfReset,
    /// Never answers.
    Stall,
    /// Falls silent in the middle of the body.
    StallMid,
    /// Sends bytes that are not HTTP.
    Garbage,
    /// Status 200 and a body that is not of the dialect.
    GarbageBody,
    /// Breaks the framing in the middle.
    GarbageFraming,
    /// Ends its stream properly, without the dialect's end.
    NoEnd,
    /// Says that the stream ended without having finished the answer.
    Unfinished,
    /// Tells an error in the stream after some content.
    ErrorEvent,
}

const BAD: &[Deed] = &[
    Deed::WrongForm,
    Deed::Limited,
    Deed::Error,
    Deed::HtmlError,
    Deed::Refusal,
    Deed::BadCredential,
    Deed::ErrorAs200,
    Deed::Mute,
    Deed::MuteReset,
    Deed::HalfHead,
    Deed::Half,
    Deed::HalfReset,
    Deed::Stall,
    Deed::StallMid,
    Deed::Garbage,
    Deed::GarbageBody,
    Deed::GarbageFraming,
    Deed::NoEnd,
    Deed::Unfinished,
    Deed::ErrorEvent,
];

impl Deed {
    fn roll(dice: &mut Dice, calm: bool) -> Deed {
        match dice.below(20) {
            0 => Deed::Slow,
            1 => Deed::Trickle,
            2 if !calm => Deed::Surplus,
            3..=11 if !calm => dice.pick(BAD),
            _ => Deed::Good,
        }
    }

    /// Is the answer complete, if nobody interrupts it?
    pub fn is_complete(self, streamed: bool) -> bool {
        match self {
            Deed::Good | Deed::Slow | Deed::Trickle | Deed::Surplus => true,
            // Nothing is wrong with a whole answer: the gateway makes a stream of it.
            Deed::WrongForm => streamed,
            // These faults exist in streams only; otherwise the deed is another word for a good answer.
            Deed::NoEnd | Deed::Unfinished | Deed::ErrorEvent => !streamed,
            _ => false,
        }
    }

    /// Is no other provider asked after it?
    pub fn is_final(self) -> bool {
        self == Deed::Refusal
    }
}

/// One call, as the provider saw it.
#[derive(Clone, Debug)]
pub struct Call {
    pub provider: usize,
    /// Which request of its connection it was.
    pub place: usize,
    /// The client's request that caused it.
    pub request: usize,
    pub prompt: String,
    pub streamed: bool,
    pub deed: Deed,
    pub words: Words,
    pub began: Tick,
    /// Bytes of the answer that were written.
    pub sent: usize,
    /// Everything it had to say was written.
    pub is_done: bool,
    /// When the gateway went away, if the provider was silent then.
    pub cut_off: Option<Tick>,
}

/// All calls of a history.
pub type Calls = Rc<RefCell<Vec<Call>>>;

/// A fake provider.
pub struct Provider {
    pub number: usize,
    pub tongue: Tongue,
    pub seed: u64,
    pub calm: bool,
    pub calls: Calls,
    /// A planted bug: it repeats what it said to whoever asked before.
    pub lies: bool,
}

impl Provider {
    /// Serves one connection.
    pub async fn serve(self: Rc<Self>, world: World, mut socket: Socket) {
        let mut pending = Vec::new();
        for place in 0.. {
            let Ok(Some(request)) = read_request(&mut socket, &mut pending).await else { return };
            let call = self.note(&world, place, &request);
            let number = self.calls.borrow().len();
            let mut dice = Dice::new(self.seed, 1_000 + number as u64);
            let (steps, keeps) = steps(self.tongue, &call, &mut dice);
            self.calls.borrow_mut().push(call);
            if !self.play(&world, &mut socket, number, steps).await || !keeps {
                return;
            }
            // Some close what is idle, right away or later: the gateway may be about to use it.
            let idle = match dice.below(6) {
                0 => Duration::ZERO,
                1 => Duration::from_micros(dice.below(400) as u64),
                2 => Duration::from_millis(dice.below(4_000) as u64),
                _ => continue,
            };
            if pending.is_empty() && timeout(&world, idle, socket.readable()).await.is_none() {
                if dice.one_in(3) {
                    socket.abort();
                }
                return;
            }
        }
    }

    fn note(&self, world: &World, place: usize, request: &[u8]) -> Call {
        let text = std::str::from_utf8(request).expect("the gateway writes text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a request has a head");
        let mark = head.lines().find_map(|line| line.strip_prefix("traceparent: sim-"));
        let request = mark.expect("callers mark their requests").parse().expect("marks are numbers");
        assert!(head.contains(CREDENTIAL), "the gateway did not send its credential");
        assert!(!head.contains("rg-"), "the gateway passed its caller's key on");
        let body: serde_json::Value = serde_json::from_str(body).expect("the gateway writes JSON");
        let asked = speech::asked(self.tongue, head, &body);
        let (prompt, streamed) = (asked.prompt, asked.stream);
        let number = self.calls.borrow().len();
        let mut dice = Dice::new(self.seed, 500_000 + number as u64);
        let mut words = words(number, &prompt, &asked.model, &mut dice);
        let told =
            self.calls.borrow().iter().rev().find(|call| call.prompt != prompt).map(|call| call.words.text.clone());
        if let Some(told) = told.filter(|_| self.lies) {
            words.text = told;
        }
        Call {
            provider: self.number,
            place,
            request,
            prompt,
            streamed,
            deed: Deed::roll(&mut dice, self.calm),
            words,
            began: world.now(),
            sent: 0,
            is_done: false,
            cut_off: None,
        }
    }

    /// Plays the steps; may the connection go on?
    async fn play(&self, world: &World, socket: &mut Socket, number: usize, steps: Vec<Step>) -> bool {
        for step in steps {
            match step {
                Step::Send(bytes) => {
                    let length = bytes.len();
                    if socket.write_all(bytes).await.0.is_err() {
                        return false;
                    }
                    self.calls.borrow_mut()[number].sent += length;
                }
                Step::Wait(duration) => {
                    if timeout(world, duration, socket.readable()).await.is_some() {
                        self.calls.borrow_mut()[number].cut_off = Some(world.now());
                        return false;
                    }
                }
                Step::Finish => socket.shutdown().await,
                Step::Close => return false,
                Step::Reset => {
                    socket.abort();
                    return false;
                }
                Step::Stall => {
                    let _ = socket.readable().await;
                    self.calls.borrow_mut()[number].cut_off = Some(world.now());
                    return false;
                }
            }
        }
        self.calls.borrow_mut()[number].is_done = true;
        true
    }
}

/// What call `number` is answered with: no two calls say the same, and every part of the text tells
/// where it belongs.
fn words(number: usize, prompt: &str, model: &str, dice: &mut Dice) -> Words {
    const VOCABULARY: &[&str] = &[
        "fjord",
        "ärger",
        "\"quoted\"",
        "back\\slash",
        "line\nbreak",
        "雪",
        "🦀",
        "data: [DONE]",
        "{\"a\":1}",
        "tab\t",
    ];
    let mut text = format!("call {number} says to <{prompt}>:");
    let count = match dice.below(60) {
        0 => dice.between(9_000, 15_000),
        1..=8 => dice.between(200, 1_500),
        _ => dice.between(2, 40),
    };
    for place in 0..count {
        text.push(' ');
        text.push_str(dice.pick(VOCABULARY));
        text.push_str(&place.to_string());
    }
    Words {
        id: format!("upstream-{number}"),
        model: model.to_owned(),
        text,
        input_tokens: 10 + prompt.len() as u64,
        output_tokens: count as u64,
    }
}

fn steps(tongue: Tongue, call: &Call, dice: &mut Dice) -> (Vec<Step>, bool) {
    let json = "application/json";
    let refused = |status: &str, kind: &str, message: &str| {
        (sized(status, json, "", speech::error(tongue, kind, message).as_bytes()), true)
    };
    match call.deed {
        Deed::Limited => {
            let body = speech::error(tongue, "rate_limit_error", "slow down");
            (sized("429 Too Many Requests", json, "retry-after: 7\r\n", body.as_bytes()), true)
        }
        Deed::Error => {
            let status = dice.pick(&["500 Internal Server Error", "503 Service Unavailable", "529 Overloaded"]);
            refused(status, "server_error", "it broke")
        }
        Deed::HtmlError => (sized("502 Bad Gateway", "text/html", "", b"<html>Bad Gateway</html>"), true),
        Deed::Refusal => refused("400 Bad Request", "invalid_request_error", "this prompt is not to my taste"),
        Deed::BadCredential => {
            let message = format!("incorrect key {CREDENTIAL}");
            refused("401 Unauthorized", "authentication_error", &message)
        }
        Deed::Mute => (vec![Step::Close], false),
        Deed::MuteReset => (vec![Step::Reset], false),
        Deed::HalfHead => (vec![Step::Send(b"HTTP/1.1 200 OK\r\ncontent-ty".to_vec()), Step::Close], false),
        Deed::Stall => (vec![Step::Stall], false),
        Deed::Garbage => (vec![Step::Send(b"\x16\x03\x01\x02\x00\x01garbage\r\n\r\n".to_vec())], false),
        Deed::GarbageBody if call.streamed => {
            let head = chunked_head("text/event-stream");
            (vec![Step::Send(head), Step::Send(chunk(b"data: {\"never\": closed\n\n"))], false)
        }
        Deed::GarbageBody => (sized("200 OK", "text/html", "", b"<html>Welcome to the captive portal</html>"), true),
        Deed::ErrorAs200 => refused("200 OK", "server_error", "not really ok"),
        deed if call.streamed != (deed == Deed::WrongForm) => stream_steps(tongue, call, dice),
        _ => whole_steps(tongue, call, dice),
    }
}

fn sized(status: &str, kind: &str, fields: &str, body: &[u8]) -> Vec<Step> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{fields}content-length: {}\r\n\r\n", body.len());
    vec![Step::Send([head.as_bytes(), body].concat())]
}

fn chunked_head(kind: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nx-request-id: up-1\r\nTransfer-Encoding: chunked\r\n\r\n")
        .into_bytes()
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// A body that comes in parts, its framing, and where it breaks.
struct Delivery {
    kind: &'static str,
    parts: Vec<String>,
    gaps: Vec<Duration>,
}

fn whole_steps(tongue: Tongue, call: &Call, dice: &mut Dice) -> (Vec<Step>, bool) {
    let body = speech::whole(tongue, &call.words);
    let mut cut = dice.between(1, body.len() - 1);
    while !body.is_char_boundary(cut) {
        cut -= 1;
    }
    let (first, second) = body.split_at(cut);
    let gaps = vec![opening_gap(dice), Duration::from_millis(dice.pick(&[0, 0, 1, 70]))];
    delivered(Delivery { kind: "application/json", parts: vec![first.into(), second.into()], gaps }, call, 1, dice)
}

fn stream_steps(tongue: Tongue, call: &Call, dice: &mut Dice) -> (Vec<Step>, bool) {
    let pieces = pieces(&call.words.text, dice);
    let said = speech::streamed(tongue, &call.words, &pieces);
    let mut parts = said.opening;
    let opening = parts.len();
    let broken_at = opening + dice.between(0, said.content.len().saturating_sub(1));
    parts.extend(said.content);
    match call.deed {
        Deed::ErrorEvent => {
            parts.truncate(broken_at.max(opening));
            parts.push(said.error);
        }
        Deed::NoEnd => parts.extend(said.finish),
        Deed::Unfinished => parts.push(said.unfinished),
        _ => {
            parts.extend(said.finish);
            parts.push(said.end);
        }
    }
    let gap = |dice: &mut Dice| Duration::from_millis(dice.pick(&[0, 0, 0, 0, 2, 70]));
    let mut gaps: Vec<Duration> = parts.iter().map(|_| gap(dice)).collect();
    if call.deed == Deed::Trickle {
        // Few enough of them to stay within the request's whole time.
        for _ in 0..5 {
            let at = dice.below(gaps.len());
            gaps[at] = Duration::from_millis(dice.below(3_500) as u64);
        }
    }
    gaps[0] = opening_gap(dice);
    let comment = if dice.one_in(4) { ": ping\r\n\r\n" } else { "" };
    if dice.one_in(4) {
        parts.iter_mut().for_each(|part| *part = part.replace('\n', "\r\n"));
    }
    parts[0].insert_str(0, comment);
    delivered(Delivery { kind: "text/event-stream", parts, gaps }, call, broken_at, dice)
}

fn opening_gap(dice: &mut Dice) -> Duration {
    Duration::from_millis(dice.pick(&[0, 0, 0, 1, 40, 120]))
}

/// Cuts a text into pieces at characters.
fn pieces<'t>(text: &'t str, dice: &mut Dice) -> Vec<&'t str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let longest = dice.pick(&[8, 40, 2_000]).max(text.len() / 30);
    while !rest.is_empty() {
        let mut cut = dice.between(1, longest).min(rest.len());
        while !rest.is_char_boundary(cut) {
            cut += 1;
        }
        let (piece, left) = rest.split_at(cut);
        pieces.push(piece);
        rest = left;
    }
    pieces
}

/// Frames the parts, and breaks the deed's way before part `broken_at`.
fn delivered(delivery: Delivery, call: &Call, broken_at: usize, dice: &mut Dice) -> (Vec<Step>, bool) {
    let Delivery { kind, parts, gaps } = delivery;
    let length: usize = parts.iter().map(String::len).sum();
    let breaks = matches!(call.deed, Deed::Half | Deed::HalfReset | Deed::StallMid | Deed::GarbageFraming);
    let framing = if call.deed == Deed::GarbageFraming { 0 } else { dice.below(6) };
    let (head, is_chunked, keeps) = match framing {
        0..=2 => (chunked_head(kind), true, true),
        3 => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
            (head.into_bytes(), false, false)
        }
        _ => {
            let close = if dice.one_in(4) { "connection: close\r\n" } else { "" };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{close}content-length: {length}\r\n\r\n");
            (head.into_bytes(), false, close.is_empty())
        }
    };
    let mut steps = Vec::new();
    if call.deed == Deed::Slow {
        steps.push(Step::Wait(Duration::from_millis(dice.between(60, 7_000) as u64)));
    }
    if dice.one_in(8) {
        steps.push(Step::Send(b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n".to_vec()));
    }
    steps.push(Step::Send(head));
    for (number, (part, gap)) in parts.iter().zip(gaps).enumerate() {
        if breaks && number == broken_at {
            steps.push(match call.deed {
                Deed::Half => Step::Close,
                Deed::HalfReset => Step::Reset,
                Deed::GarbageFraming => Step::Send(b"zz\r\nnot a chunk".to_vec()),
                _ => Step::Stall,
            });
            return (steps, false);
        }
        if !gap.is_zero() {
            steps.push(Step::Wait(gap));
        }
        steps.push(Step::Send(if is_chunked { chunk(part.as_bytes()) } else { part.as_bytes().to_vec() }));
    }
    if is_chunked {
        steps.push(Step::Send(b"0\r\n\r\n".to_vec()));
    }
    if call.deed == Deed::Surplus && keeps {
        steps.push(Step::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nboo".to_vec()));
    }
    (steps, keeps)
}
