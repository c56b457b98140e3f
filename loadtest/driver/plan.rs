//! What request number n is: its kind and its prompt are drawn from the number alone, so that the mix
//! does not depend on which connection happens to be free.

use crate::draw::bits;
use crate::draw::uniform;
use clap::ValueEnum;
use std::io::Write;

/// Share of `mixed` requests that repeat an earlier prompt.
const REPEAT_SHARE: f64 = 0.6;
/// Share of `mixed` requests with a prompt never sent before; the rest are streams.
const NEW_SHARE: f64 = 0.3;
/// Words of a `short` prompt: about as many tokens.
const SHORT_WORDS: usize = 16;
/// Draws of one request are apart from those of the next by this many indices.
const DRAWS_PER_REQUEST: u64 = 32;
/// Common words of one token each.
const WORDS: [&str; 64] = [
    "city", "river", "book", "train", "music", "water", "light", "house", "tree", "road", "bread", "stone", "glass",
    "paper", "ocean", "garden", "winter", "summer", "morning", "night", "doctor", "teacher", "farmer", "king", "child",
    "friend", "market", "bridge", "island", "forest", "mountain", "valley", "horse", "bird", "fish", "dog", "cat",
    "apple", "sugar", "coffee", "engine", "wheel", "ship", "plane", "letter", "number", "color", "story", "dream",
    "game", "team", "law", "bank", "price", "trade", "war", "peace", "school", "student", "test", "answer", "question",
    "idea", "word",
];

/// Which requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// One prompt, again and again.
    Hit,
    /// A new prompt every time.
    Miss,
    /// New prompts, streamed answers.
    Stream,
    /// 60 % repeated prompts drawn by Zipf's law, 30 % new ones, 10 % streams.
    Mixed,
    /// New prompts of sixteen common words, without nonce: food for an embedder.
    Short,
}

/// What one request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Its prompt was or will be sent by others too.
    Repeat,
    /// Its prompt is its own.
    New,
    /// Its prompt is its own, and the answer is streamed.
    Stream,
}

impl Kind {
    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Repeat => "repeat",
            Kind::New => "new",
            Kind::Stream => "stream",
        }
    }
}

/// What does not change from request to request.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) mode: Mode,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) key: Option<String>,
    pub(crate) model: String,
    pub(crate) stream_model: String,
    pub(crate) body_bytes: usize,
    pub(crate) seed: u64,
    /// Keeps new prompts of one run apart from those of another.
    pub(crate) salt: u64,
}

/// Draws requests.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    shape: Shape,
    zipf: Zipf,
    head: Vec<u8>,
    body: Vec<u8>,
}

/// One request, ready to be sent.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) kind: Kind,
    /// The answer must repeat this; empty = nothing to check.
    pub(crate) nonce: String,
}

impl Plan {
    /// A plan over `prompts` repeated prompts whose popularity falls with `exponent`.
    pub(crate) fn new(shape: Shape, prompts: usize, exponent: f64) -> Plan {
        let mut head = Vec::new();
        let key = shape.key.iter().map(|key| format!("authorization: Bearer {key}\r\n")).collect::<String>();
        let Shape { host, path, .. } = &shape;
        let written = write!(
            head,
            "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n{key}content-length: "
        );
        written.expect("a Vec takes every write");
        Plan { shape, zipf: Zipf::new(prompts, exponent), head, body: Vec::new() }
    }

    /// Writes request number `index` into `out`.
    pub(crate) fn render(&mut self, index: u64, out: &mut Vec<u8>) -> Planned {
        let (kind, identity) = self.draw(index);
        let nonce = match self.shape.mode {
            Mode::Short => String::new(),
            _ => format!("{:016x}", bits(self.shape.salt, identity)),
        };
        self.write_body(kind, identity, &nonce);
        out.clear();
        out.extend_from_slice(&self.head);
        out.extend_from_slice(itoa::Buffer::new().format(self.body.len()).as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(&self.body);
        Planned { kind, nonce }
    }

    /// The kind and the prompt's number: repeated prompts are numbered from 0, others by their request
    /// from the upper half.
    fn draw(&self, index: u64) -> (Kind, u64) {
        let own = (1 << 63) | index;
        let at = index * DRAWS_PER_REQUEST;
        match self.shape.mode {
            Mode::Hit => (Kind::Repeat, 0),
            Mode::Miss | Mode::Short => (Kind::New, own),
            Mode::Stream => (Kind::Stream, own),
            Mode::Mixed => match uniform(self.shape.seed, at) {
                share if share < REPEAT_SHARE => (Kind::Repeat, self.zipf.rank(uniform(self.shape.seed, at + 1))),
                share if share < REPEAT_SHARE + NEW_SHARE => (Kind::New, own),
                _ => (Kind::Stream, own),
            },
        }
    }

    fn write_body(&mut self, kind: Kind, identity: u64, nonce: &str) {
        let body = &mut self.body;
        body.clear();
        let model = if kind == Kind::Stream { &self.shape.stream_model } else { &self.shape.model };
        for part in [r#"{"model":""#, model, r#"","temperature":0,"#] {
            body.extend_from_slice(part.as_bytes());
        }
        if kind == Kind::Stream {
            body.extend_from_slice(br#""stream":true,"stream_options":{"include_usage":true},"#);
        }
        body.extend_from_slice(br#""messages":[{"role":"user","content":""#);
        if !nonce.is_empty() {
            body.extend_from_slice(b"nonce=");
            body.extend_from_slice(nonce.as_bytes());
        }
        const END: &[u8] = br#""}]}"#;
        let mut words = 0;
        while match self.shape.mode {
            Mode::Short => words < SHORT_WORDS,
            _ => body.len() + END.len() < self.shape.body_bytes,
        } {
            if words > 0 || !nonce.is_empty() {
                body.push(b' ');
            }
            let drawn = bits(self.shape.salt ^ identity, words as u64);
            body.extend_from_slice(WORDS[drawn as usize % WORDS.len()].as_bytes());
            words += 1;
        }
        body.extend_from_slice(END);
    }
}

/// Ranks whose popularity falls with a power of the rank.
#[derive(Clone, Debug)]
struct Zipf {
    cumulative: std::sync::Arc<[f64]>,
}

impl Zipf {
    fn new(ranks: usize, exponent: f64) -> Zipf {
        let mut sum = 0.0;
        let cumulative = (1..=ranks.max(1)).map(|rank| {
            sum += (rank as f64).powf(-exponent);
            sum
        });
        Zipf { cumulative: cumulative.collect() }
    }

    /// The rank, from 0, that a uniform draw chooses.
    fn rank(&self, drawn: f64) -> u64 {
        let total = self.cumulative.last().copied().unwrap_or(1.0);
        self.cumulative.partition_point(|sum| *sum < drawn * total) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::collections::HashSet;

    fn plan(mode: Mode) -> Plan {
        let shape = Shape {
            mode,
            host: "127.0.0.1:8080".into(),
            path: "/v1/chat/completions".into(),
            key: Some("rg-x".into()),
            model: "gpt-4o-mini".into(),
            stream_model: "mock-events-20x5".into(),
            body_bytes: 1024,
            seed: 1,
            salt: 2,
        };
        Plan::new(shape, 1000, 1.0)
    }

    fn bodies(mode: Mode, count: u64) -> Vec<(Kind, serde_json::Value)> {
        let mut plan = plan(mode);
        let mut out = Vec::new();
        let render = |index| {
            let kind = plan.render(index, &mut out).kind;
            let text = std::str::from_utf8(&out).expect("text");
            let (head, body) = text.split_once("\r\n\r\n").expect("a head");
            assert!(head.ends_with(&format!("content-length: {}", body.len())));
            (kind, serde_json::from_str(body).expect("JSON"))
        };
        (0..count).map(render).collect()
    }

    #[test]
    fn the_mix_has_its_shares_and_repeats() {
        let requests = bodies(Mode::Mixed, 20_000);
        let mut counts = BTreeMap::new();
        let mut prompts = BTreeMap::new();
        for (kind, body) in &requests {
            *counts.entry(*kind).or_insert(0) += 1;
            *prompts.entry((*kind, body["messages"][0]["content"].to_string())).or_insert(0) += 1;
            assert_eq!(body["stream"] == true, *kind == Kind::Stream);
        }
        for (kind, expected) in [(Kind::Repeat, 12_000), (Kind::New, 6_000), (Kind::Stream, 2_000)] {
            assert!(i32::abs(counts[&kind] - expected) < 300, "{counts:?}");
        }
        assert!(prompts.iter().all(|((kind, _), count)| *kind == Kind::Repeat || *count == 1));
        let most = prompts.values().max().copied().unwrap_or(0);
        // The first of 1,000 ranks has 1 / H(1000) = 13.4 % of the draws.
        assert!((1_400..1_800).contains(&most), "{most}");
    }

    #[test]
    fn bodies_have_their_size() {
        for (_, body) in bodies(Mode::Miss, 50) {
            assert!((1000..1040).contains(&body.to_string().len()));
        }
        let short = bodies(Mode::Short, 1000);
        let texts: HashSet<_> = short.iter().map(|(_, body)| body["messages"][0]["content"].to_string()).collect();
        assert_eq!(texts.len(), 1000);
        assert!(texts.iter().all(|text| text.split(' ').count() == SHORT_WORDS));
    }

    #[test]
    fn a_request_does_not_depend_on_those_before_it() {
        let (mut one, mut other) = (Vec::new(), Vec::new());
        let mut plan_a = plan(Mode::Mixed);
        (0..77).for_each(|index| drop(plan_a.render(index, &mut one)));
        plan_a.render(77, &mut one);
        plan(Mode::Mixed).render(77, &mut other);
        assert_eq!(one, other);
    }
}
