//! What asking the caches costs: the key of a body, the shared exact cache, the scan of one scope and
//! the guards that judge what it found. Every request pays the first two, hit or miss.

mod bodies;

use bytes::Bytes;
use criterion::BatchSize;
use criterion::BenchmarkId;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use ringgate::cache::Candidate;
use ringgate::cache::Content;
use ringgate::cache::DIMENSIONS;
use ringgate::cache::Derived;
use ringgate::cache::ExactCache;
use ringgate::cache::FINGERPRINT_BYTES;
use ringgate::cache::Form;
use ringgate::cache::IndexBounds;
use ringgate::cache::Key;
use ringgate::cache::Keying;
use ringgate::cache::Lookup;
use ringgate::cache::Policy;
use ringgate::cache::Record;
use ringgate::cache::Scope;
use ringgate::cache::ScopeIndex;
use ringgate::cache::Verdict;
use ringgate::cache::judge;
use ringgate::clock::Tick;
use ringgate::dialects::Dialect;
use ringgate::dialects::ProviderDialect;
use ringgate::dialects::openai_chat::OpenAiChat;
use ringgate::wire::json::Parser;
use std::hint::black_box;
use std::sync::Arc;

const NAMESPACE: &[&[u8]] = &[b"team-a", b"gpt-4o-mini", b"1"];
const NOW: Tick = Tick(1);
/// Answers in the exact cache: far more than a core's own caches hold.
const ENTRIES: u64 = 20_000;
/// What the gateway asks an index for.
const CANDIDATES: usize = 3;
const SIMILARITY_MIN: f32 = 0.70;

fn keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("key");
    let volatile = OpenAiChat.volatile_fields();
    let (keying, mut scratch) = (Keying::new(b"nobody knows it."), Vec::new());
    for (name, body) in bodies::shapes() {
        let (size, mut copy) = (body.len() as u64, body);
        let tape = Parser::new().parse(&mut copy).expect("the bodies are JSON");
        let body = tape.as_value();
        let ask = OpenAiChat.read_ask(body).expect("the bodies are chats");
        let text = ask.last_user_text.expect("the last message is one text");
        group.throughput(Throughput::Bytes(size));
        let as_body = Content::Body { dialect: OpenAiChat.name(), body, volatile };
        group.bench_function(BenchmarkId::new("exact", name), |bench| {
            bench.iter(|| keying.key(NAMESPACE, black_box(as_body), &mut scratch));
        });
        group.bench_function(BenchmarkId::new("scope", name), |bench| {
            bench.iter(|| keying.scope(NAMESPACE, black_box(as_body), text, &mut scratch));
        });
        if OpenAiChat.read_plain(body).is_some() {
            group.bench_function(BenchmarkId::new("plain", name), |bench| {
                bench.iter(|| {
                    let plain = OpenAiChat.read_plain(black_box(body)).expect("as before");
                    keying.key(NAMESPACE, Content::Plain(&plain), &mut scratch)
                });
            });
        }
    }
    group.finish();
}

fn exact(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("exact_cache");
    let record = record();
    let cache = Arc::new(ExactCache::new(ENTRIES as usize * record.weight_bytes()));
    (0..2 * ENTRIES).for_each(|number| cache.insert(key(number), record.clone(), NOW));
    let kept: Vec<Key> = (0..2 * ENTRIES).map(key).filter(|key| is_hit(&cache, key)).collect();
    let mut hits = kept.iter().cycle();
    group.bench_function("hit", |bench| {
        bench.iter(|| assert!(is_hit(&cache, hits.next().expect("some answers were kept"))));
    });
    let mut fresh = 2 * ENTRIES..;
    let mut next = || key(fresh.next().expect("numbers do not end"));
    group.bench_function("miss", |bench| {
        bench.iter_batched(&mut next, |key| assert!(!is_hit(&cache, &key)), BatchSize::SmallInput);
    });
    // A flight is opened, and given up as it is dropped: what a miss pays for coalescing.
    group.bench_function("lead", |bench| {
        bench.iter_batched(&mut next, |key| drop(cache.lookup(&key, NOW, true, true)), BatchSize::SmallInput);
    });
    group.bench_function("insert_into_full", |bench| {
        bench.iter_batched(
            || (next(), record.clone()),
            |(key, record)| cache.insert(key, record, NOW),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn search(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("semantic_index");
    let scope = Scope::from_bytes([7; FINGERPRINT_BYTES]);
    let record = record();
    for entries in [1_000, 10_000, 50_000] {
        let bounds = IndexBounds { scope_entries_max: entries as usize, bytes_max: usize::MAX };
        let mut index = ScopeIndex::new(bounds);
        for number in 0..entries {
            assert!(index.insert(&scope, &vector(number, 0.0), &number.to_string(), record.clone(), NOW));
        }
        let near = vector(entries / 2, 0.3);
        let far = vector(entries + 1, 0.0);
        group.throughput(Throughput::Elements(entries));
        group.bench_function(BenchmarkId::new("near", entries), |bench| {
            bench.iter(|| {
                let found = index.nearest(&scope, black_box(&near), NOW, CANDIDATES, SIMILARITY_MIN);
                assert_eq!(found.len(), 1);
            });
        });
        group.bench_function(BenchmarkId::new("far", entries), |bench| {
            bench.iter(|| {
                let found = index.nearest(&scope, black_box(&far), NOW, CANDIDATES, SIMILARITY_MIN);
                assert!(found.is_empty());
            });
        });
    }
    group.finish();
}

fn verdict(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("judge");
    let policy = Policy { similarity_min: 0.9 };
    let asked = "How do I convert a list of strings to a list of integers in Python?";
    let pairs = [
        ("served", "How can I convert a list of strings into a list of integers in Python?", true),
        ("exchanged_word", "How do I convert a list of strings to a list of integers in Java?", false),
        ("number", "How do I convert 3 lists of strings to a list of integers in Python?", false),
    ];
    for (name, stored, served) in pairs {
        let candidates = [Candidate { similarity: 0.97, text: stored.into(), record: record() }];
        let verdict = judge(asked, &candidates, &policy);
        assert_eq!(matches!(verdict, Verdict::Serve { .. }), served, "{name}: {verdict:?}");
        group.bench_function(name, |bench| bench.iter(|| judge(black_box(asked), &candidates, &policy)));
    }
    group.finish();
}

fn is_hit(cache: &Arc<ExactCache>, key: &Key) -> bool {
    matches!(cache.lookup(black_box(key), NOW, true, false), Lookup::Hit(_))
}

fn record() -> Arc<Record> {
    Arc::new(Record {
        dialect: OpenAiChat.name(),
        form: Form::Whole,
        bytes: Bytes::from(vec![b'x'; 1_024]),
        provider: "openai".into(),
        model: "gpt-4o-mini".into(),
        usage: None,
        cost_usd: None,
        stored: NOW,
        expires: Tick(u64::MAX),
        derived: Derived::default(),
    })
}

/// Keys are hashes: any bits of theirs may choose a bucket or a lock.
fn key(number: u64) -> Key {
    let mut bytes = [0; FINGERPRINT_BYTES];
    for (word, chunk) in (0..).zip(bytes.chunks_exact_mut(8)) {
        chunk.copy_from_slice(&mixed(number * 2 + word).to_le_bytes());
    }
    Key::from_bytes(bytes)
}

/// A unit vector of its own direction for every number, turned a little by `noise`.
fn vector(number: u64, noise: f32) -> Vec<f32> {
    let part = |of: u64, at: u64| (mixed(of * DIMENSIONS as u64 + at) >> 40) as f32 / (1 << 23) as f32 - 1.0;
    let mut vector: Vec<f32> =
        (0..DIMENSIONS as u64).map(|at| part(number, at) + noise * part(u64::from(u32::MAX), at)).collect();
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= length);
    vector
}

/// The SplitMix64 sequence.
fn mixed(number: u64) -> u64 {
    let mut word = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

criterion_group!(benches, keys, exact, search, verdict);
criterion_main!(benches);
