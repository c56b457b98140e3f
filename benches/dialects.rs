//! What speaking for the caller costs: its body with the provider's model, its body in the provider's
//! dialect, and one event of the answer on its way back, cut, read and written.

mod bodies;

use criterion::BenchmarkId;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use ringgate::dialects::Dialect;
use ringgate::dialects::ProviderDialect;
use ringgate::dialects::StreamOptions;
use ringgate::dialects::TargetOptions;
use ringgate::dialects::anthropic_messages::AnthropicMessages;
use ringgate::dialects::openai_chat::OpenAiChat;
use ringgate::fault::Fault;
use ringgate::wire::json::Parser;
use ringgate::wire::sse::EVENT_BYTES_MAX;
use ringgate::wire::sse::Splitter;
use ringgate::wire::sse::write_event;
use std::hint::black_box;

const MODEL: &str = "gpt-4o-mini-2024-07-18";
const OPTIONS: TargetOptions = TargetOptions {
    default_max_tokens: Some(1_024),
    inject_usage: false,
    legacy_max_tokens: false,
    signed_reasoning: false,
};

const OPENAI_START: &str = r#"data: {"id":"chatcmpl-E4Rjs6IxaJVge9Ntk5keJsaeDy6vS","object":"chat.completion.chunk","created":1784728648,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":null,"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null}

"#;
const OPENAI_EVENT: &str = r#"data: {"id":"chatcmpl-E4Rjs6IxaJVge9Ntk5keJsaeDy6vS","object":"chat.completion.chunk","created":1784728648,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","choices":[{"index":0,"delta":{"content":" Paris"},"finish_reason":null}],"usage":null}

"#;
const ANTHROPIC_START: &str = r#"event: message_start
data: {"type":"message_start","message":{"model":"claude-sonnet-4-5-20250929","id":"msg_01Xf6SmUVY1mDrSwFc5RsY3n","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":690,"output_tokens":8}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

"#;
const ANTHROPIC_EVENT: &str = r#"event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" Paris, which"}}

"#;

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request");
    let mut out = Vec::new();
    for (name, body) in bodies::shapes() {
        let mut copy = body.clone();
        let tape = Parser::new().parse(&mut copy).expect("the bodies are JSON");
        let value = tape.as_value();
        let ask = OpenAiChat.read_ask(value).expect("the bodies are chats");
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::new("splice", name), |bench| {
            bench.iter(|| {
                out.clear();
                OpenAiChat.splice_request(black_box(&body), value, &ask, MODEL, OPTIONS, &mut out);
            });
        });
        group.bench_function(BenchmarkId::new("openai_to_anthropic", name), |bench| {
            bench.iter(|| {
                out.clear();
                let request = OpenAiChat.read_request(black_box(value)).expect("the bodies are chats");
                AnthropicMessages.write_request(&request, MODEL, OPTIONS, &mut out).expect("nothing stands in the way")
            });
        });
    }
    group.finish();
}

/// As streams pass where caller and provider speak the same dialect.
fn unchanged_events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event");
    let dialects: [(_, &dyn Dialect, _); 2] =
        [("openai_unchanged", &OpenAiChat, OPENAI_EVENT), ("anthropic_unchanged", &AnthropicMessages, ANTHROPIC_EVENT)];
    for (name, dialect, event) in dialects {
        let (mut parser, mut copy, mut out) = (Parser::new(), Vec::new(), Vec::new());
        let mut splitter = Splitter::new(EVENT_BYTES_MAX);
        group.throughput(Throughput::Bytes(event.len() as u64));
        group.bench_function(name, |bench| {
            bench.iter(|| {
                out.clear();
                let fed = splitter.feed(black_box(event.as_bytes()), |event| {
                    copy.clear();
                    copy.extend_from_slice(event.data.as_bytes());
                    let tape = parser.parse(&mut copy).expect("the event is JSON");
                    let facts = dialect.event_facts(event.name, event.data, Some(tape.as_value()))?;
                    parser.recycle(tape);
                    assert!(facts.content);
                    write_event(event.name, event.data, &mut out);
                    Ok::<(), Fault>(())
                });
                fed.expect("the event is well formed");
                assert_eq!(out, event.as_bytes());
            });
        });
    }
    group.finish();
}

fn translated_events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event");
    let ways: [(_, &dyn Dialect, &dyn Dialect, _, _); 2] = [
        ("openai_to_anthropic", &OpenAiChat, &AnthropicMessages, OPENAI_START, OPENAI_EVENT),
        ("anthropic_to_openai", &AnthropicMessages, &OpenAiChat, ANTHROPIC_START, ANTHROPIC_EVENT),
    ];
    for (name, from, to, start, event) in ways {
        let (mut reader, mut writer) = (from.event_reader(), to.event_writer(StreamOptions::default()));
        let (mut events, mut out) = (Vec::new(), Vec::new());
        let mut splitter = Splitter::new(EVENT_BYTES_MAX);
        let mut pass = |bytes: &str, out: &mut Vec<u8>| {
            out.clear();
            let fed = splitter.feed(bytes.as_bytes(), |event| {
                reader.read(event.name, event.data, &mut events)?;
                events.drain(..).for_each(|event| writer.write(&event, out));
                Ok::<(), Fault>(())
            });
            fed.expect("the events are well formed");
        };
        pass(start, &mut out);
        pass(event, &mut out);
        group.throughput(Throughput::Bytes(event.len() as u64));
        group.bench_function(name, |bench| {
            bench.iter(|| {
                pass(black_box(event), &mut out);
                assert!(!out.is_empty());
            });
        });
    }
    group.finish();
}

criterion_group!(benches, requests, unchanged_events, translated_events);
criterion_main!(benches);
