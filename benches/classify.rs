//! What the lexical classifier costs per prompt: it runs on the shard, so its budget is 1.5 µs/KB.

use criterion::BenchmarkId;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use ringgate::classify;
use std::hint::black_box;

const PARAGRAPH: &str = "Explain why the function below returns the wrong result when the list has fewer than three \
                         items, then write a corrected version. It must not use recursion, has to run in O(n log n), \
                         and should keep the order of equal items. We saw it with [1, 5] and [7] in version 3.14.\n";

fn features(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("classify");
    for bytes in [200, 1_024, 4_096, 16_384] {
        let text = PARAGRAPH.repeat(bytes / PARAGRAPH.len() + 1);
        let text = &text[..bytes];
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_with_input(BenchmarkId::new("score", bytes), text, |bencher, text| {
            bencher.iter(|| classify::lexical_score(&classify::features(black_box(text))));
        });
    }
    group.finish();
}

criterion_group!(benches, features);
criterion_main!(benches);
