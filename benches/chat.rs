//! What reading one chat request costs, and whether the tape still earns its place beside serde_json.
//! The tape's figure holds everything the gateway does: the copy that simd-json destroys and the
//! search for duplicate keys, which serde_json's types do in part and its `Value` not at all.

mod bodies;

use criterion::BenchmarkId;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use ringgate::dialects::Dialect;
use ringgate::dialects::openai_chat::OpenAiChat;
use ringgate::wire::json::Parser;
use serde::Deserialize;
use std::borrow::Cow;
use std::hint::black_box;

/// What serde_json is asked for: the fields of these bodies and no other, its best case.
#[derive(Deserialize)]
#[allow(dead_code, reason = "only filled")]
struct Typed<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    temperature: Option<f64>,
    max_tokens: Option<u64>,
    stream: bool,
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only filled")]
struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: Cow<'a, str>,
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chat");
    let mut parser = Parser::new();
    let mut copy = Vec::new();
    for (name, body) in &bodies::shapes() {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::new("tape", name), |bench| {
            bench.iter(|| {
                copy.clear();
                copy.extend_from_slice(black_box(body));
                let tape = parser.parse(&mut copy).expect("the bodies are JSON");
                parser.recycle(black_box(tape));
            });
        });
        group.bench_function(BenchmarkId::new("serde_json_typed", name), |bench| {
            bench.iter(|| serde_json::from_slice::<Typed<'_>>(black_box(body)).expect("the bodies are chats"));
        });
        group.bench_function(BenchmarkId::new("serde_json_value", name), |bench| {
            bench.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(body)).expect("the bodies are JSON"));
        });
    }
    group.finish();
}

/// The walk over a tape that already stands.
fn read_ask(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chat");
    for (name, body) in bodies::shapes() {
        let mut copy = body.clone();
        let tape = Parser::new().parse(&mut copy).expect("the bodies are JSON");
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::new("read_ask", name), |bench| {
            bench.iter(|| OpenAiChat.read_ask(black_box(tape.as_value())).expect("the bodies are chats"));
        });
    }
    group.finish();
}

criterion_group!(benches, parse, read_ask);
criterion_main!(benches);
