//! What one vector costs: tokenising and running the model, by number of tokens, and what running
//! several together gains. Absolute figures are this machine's; compare ratios only.

#![allow(missing_docs, reason = "criterion's macros generate an undocumented function")]

use criterion::BenchmarkId;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use ringgate::config::Embedding;
use ringgate::config::Placement;
use ringgate::embed::DIMENSIONS;
use ringgate::embed::Embedder;
use ringgate::embed::Tokens;
use ringgate::embed::model::processor_class;
use ringgate::embed::onnx::OnnxEmbedder;
use ringgate::embed::onnx::OnnxSource;
use ringgate::embed::vector_dot;
use std::hint::black_box;
use std::time::Duration;

/// One English word of the list is one token; a text has two marks besides.
const WORDS: [&str; 8] = ["which", "city", "has", "the", "oldest", "university", "in", "europe"];
const MARKS: usize = 2;

fn embedder() -> OnnxEmbedder {
    let settings = Embedding {
        placement: Placement::Companion,
        library: None,
        model_dir: None,
        deadline: Duration::from_millis(10),
        queue_max: 4,
        tokens_max: 256,
    };
    OnnxSource::new(&settings).open().unwrap_or_else(|why| panic!("run `make setup` first: {why}"))
}

fn text(tokens: usize) -> String {
    let words: Vec<&str> = WORDS.into_iter().cycle().take(tokens - MARKS).collect();
    words.join(" ")
}

fn embed(criterion: &mut Criterion) {
    let mut embedder = embedder();
    println!("processor: {}", processor_class());
    let mut group = criterion.benchmark_group("embed");
    for tokens in [8, 16, 32, 64, 128] {
        let text = text(tokens);
        let read = embedder.tokens(&text).expect("plain text");
        assert_eq!(read.length(), tokens);
        group.bench_function(BenchmarkId::new("tokenise", tokens), |bench| {
            bench.iter(|| embedder.tokens(black_box(&text)));
        });
        run(&mut group, &mut embedder, "run", &[read]);
    }
    for tokens in [8, 16] {
        let read = embedder.tokens(&text(tokens)).expect("plain text");
        run(&mut group, &mut embedder, "run_8_together", &vec![read; 8]);
    }
    group.finish();
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn run(group: &mut Group<'_>, embedder: &mut OnnxEmbedder, name: &str, batch: &[Tokens]) {
    let mut out = Vec::new();
    group.throughput(Throughput::Elements(batch.len() as u64));
    group.bench_function(BenchmarkId::new(name, batch[0].length()), |bench| {
        bench.iter(|| {
            out.clear();
            embedder.vectors(black_box(batch), &mut out).expect("the model runs")
        });
    });
}

fn dot(criterion: &mut Criterion) {
    let (a, b) = (vec![0.5f32; DIMENSIONS], vec![0.25f32; DIMENSIONS]);
    criterion.bench_function("vector_dot", |bench| bench.iter(|| vector_dot(black_box(&a), black_box(&b))));
}

criterion_group!(benches, embed, dot);
criterion_main!(benches);
