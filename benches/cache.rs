//! What the cache costs a request, part by part: the key, a hit, a search, a verdict.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use ringgate::cache::{
    Candidate, DIMENSIONS, Derived, ExactCache, Form, IndexBounds, Key, Lookup, Policy, Record, Scope, ScopeIndex,
    exact_key, judge,
};
use ringgate::clock::Tick;

const ENTRIES: [usize; 3] = [512, 10_000, 50_000];

fn record() -> Arc<Record> {
    Arc::new(Record {
        dialect: "openai_chat",
        form: Form::Whole,
        bytes: Bytes::from(vec![b'x'; 1024]),
        provider: "demo".into(),
        model: "m".into(),
        usage: None,
        cost_usd: None,
        stored: Tick(0),
        expires: Tick(0).after(Duration::from_secs(86_400)),
        derived: Derived::default(),
    })
}

fn key(number: u64) -> Key {
    let mut bytes = [0; 32];
    for (at, out) in bytes.chunks_exact_mut(8).enumerate() {
        let mixed = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(at as u32 * 13 + 7);
        out.copy_from_slice(&mixed.wrapping_mul(0xD134_2543_DE82_EF95).to_le_bytes());
    }
    Key::from_bytes(bytes)
}

/// Seeded unit vectors.
struct Directions(u64);

impl Directions {
    fn next(&mut self) -> Vec<f32> {
        let mut vector: Vec<f32> = (0..DIMENSIONS).map(|_| self.number()).collect();
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|value| *value /= length);
        vector
    }

    fn number(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (0..4).map(|part| ((self.0 >> (part * 16)) & 0xFFFF) as f32 / 65_536.0 - 0.5).sum()
    }
}

fn keys(criterion: &mut Criterion) {
    let words = "Say what a thread-per-core proxy does with a request, in a few words. ".repeat(12);
    let body = format!(
        r#"{{"model":"gpt-4o-mini","temperature":0.2,"stream":true,"user":"u1","messages":[{{"role":"system","content":"You are brief."}},{{"role":"user","content":"{words}"}}]}}"#
    );
    let mut copy = body.clone().into_bytes();
    let tape = simd_json::to_tape(&mut copy).expect("the bench's JSON is valid");
    let mut scratch = Vec::new();
    criterion.bench_function("cache/exact_key_1k", |bencher| {
        bencher
            .iter(|| exact_key(&[b"tenant", b"group"], black_box(tape.as_value()), &["stream", "user"], &mut scratch));
    });
}

fn exact(criterion: &mut Criterion) {
    let cache = Arc::new(ExactCache::new(256 << 20));
    let record = record();
    for number in 0..50_000 {
        cache.insert(key(number), Arc::clone(&record), Tick(1));
    }
    let mut number = 0;
    criterion.bench_function("cache/exact_hit", |bencher| {
        bencher.iter(|| {
            number = (number + 7_919) % 50_000;
            let found = cache.lookup(&key(number), Tick(2), true, true);
            assert!(matches!(found, Lookup::Hit(_)));
        });
    });
    let mut number = 50_000;
    criterion.bench_function("cache/exact_miss_lead_insert_full", |bencher| {
        bencher.iter(|| {
            number += 1;
            let Lookup::Lead(lead) = cache.lookup(&key(number), Tick(2), true, true) else { panic!("a new key leads") };
            cache.insert(key(number), Arc::clone(&record), Tick(2));
            lead.complete(Arc::clone(&record));
        });
    });
}

fn semantic(criterion: &mut Criterion) {
    let scope = Scope::from_bytes([7; 32]);
    let record = record();
    for entries in ENTRIES {
        let mut directions = Directions(99);
        let mut index = ScopeIndex::new(IndexBounds { scope_entries_max: entries, bytes_max: 1 << 30 });
        for number in 0..entries {
            index.insert(&scope, &directions.next(), &number.to_string(), Arc::clone(&record), Tick(1));
        }
        let asked = directions.next();
        criterion.bench_function(&format!("cache/nearest_{entries}"), |bencher| {
            bencher.iter(|| index.nearest(&scope, black_box(&asked), Tick(2), 3, 0.7));
        });
    }
}

fn verdict(criterion: &mut Criterion) {
    let candidate = |text: &str| Candidate { similarity: 0.96, text: text.into(), record: record() };
    let prompt = "Could you please tell me which company bought the studio that made the film Alien in 1979?";
    let candidates = [
        candidate("Which company bought the studio that made the film Aliens in 1986?"),
        candidate("Which studio was bought by the company that made Alien in 1979?"),
        candidate("The studio that made the 1979 film Alien was bought by which company?"),
    ];
    let policy = Policy { similarity_min: 0.95 };
    criterion.bench_function("cache/judge_1", |bencher| {
        bencher.iter(|| judge(black_box(prompt), &candidates[2..], &policy));
    });
    criterion.bench_function("cache/judge_3", |bencher| {
        bencher.iter(|| judge(black_box(prompt), &candidates, &policy));
    });
}

criterion_group!(benches, keys, exact, semantic, verdict);
criterion_main!(benches);
