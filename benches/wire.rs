//! What bytes cost before anybody asks what they mean: heads, and events cut out of a stream.

use criterion::BenchmarkId;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use ringgate::wire::http1::HeadLimits;
use ringgate::wire::http1::HeadStep;
use ringgate::wire::http1::RequestHead;
use ringgate::wire::http1::ResponseHead;
use ringgate::wire::http1::parse_request_head;
use ringgate::wire::http1::parse_response_head;
use ringgate::wire::sse::EVENT_BYTES_MAX;
use ringgate::wire::sse::Splitter;
use ringgate::wire::sse::write_event;
use std::convert::Infallible;
use std::hint::black_box;

/// As a load generator sends it.
const SMALL_REQUEST: &str = "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway:8080\r\n\
    authorization: Bearer rg-0000000000000000000000000000000000000000000000000\r\n\
    content-type: application/json\r\ncontent-length: 1024\r\n\r\n";

/// As OpenAI's Python SDK sends it.
const SDK_REQUEST: &str = "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway:8080\r\n\
    Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nAccept: application/json\r\n\
    Content-Type: application/json\r\nUser-Agent: OpenAI/Python 1.99.0\r\nX-Stainless-Lang: python\r\n\
    X-Stainless-Package-Version: 1.99.0\r\nX-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\n\
    X-Stainless-Runtime: CPython\r\nX-Stainless-Runtime-Version: 3.12.3\r\nX-Stainless-Async: false\r\n\
    Authorization: Bearer rg-0000000000000000000000000000000000000000000000000\r\n\
    X-Stainless-Retry-Count: 0\r\nx-stainless-read-timeout: 600\r\nContent-Length: 1024\r\n\r\n";

/// As OpenAI's edge answers.
const RESPONSE: &str = "HTTP/1.1 200 OK\r\nDate: Mon, 02 Nov 2026 10:00:00 GMT\r\n\
    Content-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\
    access-control-expose-headers: X-Request-ID\r\nopenai-organization: org-x\r\nopenai-processing-ms: 412\r\n\
    openai-project: proj_x\r\nopenai-version: 2020-10-01\r\nx-ratelimit-limit-requests: 10000\r\n\
    x-ratelimit-limit-tokens: 2000000\r\nx-ratelimit-remaining-requests: 9999\r\n\
    x-ratelimit-remaining-tokens: 1999000\r\nx-ratelimit-reset-requests: 6ms\r\nx-ratelimit-reset-tokens: 30ms\r\n\
    x-request-id: req_0123456789abcdef0123456789abcdef\r\ncf-cache-status: DYNAMIC\r\nServer: cloudflare\r\n\
    strict-transport-security: max-age=31536000; includeSubDomains; preload\r\nX-Content-Type-Options: nosniff\r\n\
    CF-RAY: 0123456789abcdef-FRA\r\nalt-svc: h3=\":443\"; ma=86400\r\n\r\n";

/// Bytes of one event, which is about what providers send per token.
const EVENT_BYTES: usize = 250;
const EVENTS_TOGETHER: usize = 16;

fn heads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head");
    let mut head = RequestHead::default();
    for (name, text) in [("small", SMALL_REQUEST), ("sdk", SDK_REQUEST)] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(BenchmarkId::new("request", name), |bench| {
            bench.iter(|| {
                let step = parse_request_head(black_box(text.as_bytes()), &HeadLimits::default(), &mut head);
                assert_eq!(step, HeadStep::Done);
            });
        });
    }
    let mut head = ResponseHead::default();
    group.throughput(Throughput::Bytes(RESPONSE.len() as u64));
    group.bench_function("response", |bench| {
        bench.iter(|| {
            let step = parse_response_head(black_box(RESPONSE.as_bytes()), false, &mut head);
            assert_eq!(step, HeadStep::Done);
        });
    });
    group.finish();
}

fn events(criterion: &mut Criterion) {
    let mut event = Vec::new();
    write_event(None, &"x".repeat(EVENT_BYTES - "data: \n\n".len()), &mut event);
    let many = event.repeat(EVENTS_TOGETHER);
    let mut group = criterion.benchmark_group("sse");
    group.throughput(Throughput::Bytes(EVENT_BYTES as u64));
    group.bench_function("one_in_a_read", |bench| {
        let mut splitter = Splitter::new(EVENT_BYTES_MAX);
        bench.iter(|| assert_eq!(feed(&mut splitter, &event), 1));
    });
    group.bench_function("one_in_two_reads", |bench| {
        let mut splitter = Splitter::new(EVENT_BYTES_MAX);
        let (first, second) = event.split_at(EVENT_BYTES / 2);
        bench.iter(|| assert_eq!(feed(&mut splitter, first) + feed(&mut splitter, second), 1));
    });
    group.throughput(Throughput::Bytes(many.len() as u64));
    group.bench_function("sixteen_in_a_read", |bench| {
        let mut splitter = Splitter::new(EVENT_BYTES_MAX);
        bench.iter(|| assert_eq!(feed(&mut splitter, &many), EVENTS_TOGETHER));
    });
    group.finish();
}

fn feed(splitter: &mut Splitter, bytes: &[u8]) -> usize {
    let mut seen = 0;
    let fed = splitter.feed(black_box(bytes), |event| {
        black_box(event.data);
        seen += 1;
        Ok::<(), Infallible>(())
    });
    fed.expect("the events are well formed");
    seen
}

criterion_group!(benches, heads, events);
criterion_main!(benches);
