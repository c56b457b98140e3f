//! What speaking for the caller costs: its body with the provider's model, its body in the provider's
//! dialect, and one event of the answer on its way back, cut, read and written.

mod bodies;

use criterion::BenchmarkId;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use ringgate::chat::Event;
use ringgate::dialects;
use ringgate::dialects::Dialect;
use ringgate::dialects::EventReader;
use ringgate::dialects::EventWriter;
use ringgate::dialects::ProviderDialect;
use ringgate::dialects::StreamOptions;
use ringgate::dialects::TargetOptions;
use ringgate::dialects::anthropic_messages::AnthropicMessages;
use ringgate::dialects::openai_chat::OpenAiChat;
use ringgate::fault::Fault;
use ringgate::wire::json::Parser;
use ringgate::wire::json::Value;
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

const BEDROCK_START: &str = r#"event: messageStart
data: {"p":"abcdef","role":"assistant"}

"#;
const BEDROCK_EVENT: &str = r#"event: contentBlockDelta
data: {"contentBlockIndex":0,"delta":{"text":" Paris, which"},"p":"abcdefghijklmnop"}

"#;
const COHERE_START: &str = r#"event: message-start
data: {"id":"01Xf6SmUVY1mDrSwFc5RsY3n","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}

event: content-start
data: {"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}

"#;
const COHERE_EVENT: &str = r#"event: content-delta
data: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":" Paris, which"}}}}

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
                OpenAiChat.splice_request(black_box(&body), value, &ask, MODEL, OPTIONS).write(&mut out);
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

/// A request of 1 KB from callers of every dialect to providers of every other one.
fn translated_requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request_1_kb");
    let [(_, chat), ..] = bodies::shapes();
    let request = read(&OpenAiChat, &chat, |dialect, body| dialect.read_request(body));
    let mut out = Vec::new();
    for caller in dialects::ALL {
        let mut body = Vec::new();
        caller.write_request(&request, MODEL, OPTIONS, &mut body).expect("every dialect can say it");
        for provider in dialects::of_providers().filter(|provider| provider.name() != caller.name()) {
            let mut copy = body.clone();
            let tape = Parser::new().parse(&mut copy).expect("what was written is JSON");
            group.bench_function(format!("{}_to_{}", caller.name(), provider.name()), |bench| {
                bench.iter(|| {
                    out.clear();
                    let request = caller.read_request(black_box(tape.as_value())).expect("it was read before");
                    provider.write_request(&request, MODEL, OPTIONS, &mut out).expect("every dialect can say it")
                });
            });
        }
    }
    group.finish();
}

fn read<T>(
    dialect: &'static dyn Dialect,
    body: &[u8],
    read: impl FnOnce(&'static dyn Dialect, Value<'_, '_>) -> Result<T, Fault>,
) -> T {
    let mut copy = body.to_vec();
    let tape = Parser::new().parse(&mut copy).expect("the bodies are JSON");
    read(dialect, tape.as_value()).expect("the bodies are chats")
}

/// One event of text from providers of every dialect to callers of every other one.
fn translated_events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event");
    for provider in dialects::of_providers() {
        let (start, event) = sample(provider);
        for caller in dialects::ALL.iter().filter(|caller| caller.name() != provider.name()) {
            let mut telling = Telling::begin(provider, *caller, &start);
            group.bench_function(format!("{}_to_{}", provider.name(), caller.name()), |bench| {
                bench.iter(|| {
                    if telling.told == ANSWER_EVENTS {
                        telling = Telling::begin(provider, *caller, &start);
                    }
                    assert!(!telling.pass(black_box(&event)).is_empty());
                });
            });
        }
    }
    group.finish();
}

/// Events of one answer: some dialects keep what was said, to say it again at the end.
const ANSWER_EVENTS: usize = 500;

/// An answer under way from one dialect to another.
struct Telling {
    reader: Box<dyn EventReader>,
    writer: Box<dyn EventWriter>,
    splitter: Splitter,
    events: Vec<Event>,
    out: Vec<u8>,
    told: usize,
}

impl Telling {
    fn begin(provider: &'static dyn ProviderDialect, caller: &'static dyn Dialect, start: &str) -> Self {
        let mut telling = Telling {
            reader: provider.event_reader(),
            writer: caller.event_writer(StreamOptions::default()),
            splitter: Splitter::new(EVENT_BYTES_MAX),
            events: Vec::new(),
            out: Vec::new(),
            told: 0,
        };
        telling.pass(start);
        telling
    }

    fn pass(&mut self, bytes: &str) -> &[u8] {
        let Telling { reader, writer, splitter, events, out, told } = self;
        out.clear();
        *told += 1;
        let fed = splitter.feed(bytes.as_bytes(), |event| {
            reader.read(event.name, event.data, events)?;
            events.drain(..).for_each(|event| writer.write(&event, out));
            Ok::<(), Fault>(())
        });
        fed.expect("the events are well formed");
        out
    }
}

/// How a stream of `dialect` begins, and an event of text. The binary frames of one are not cut here.
fn sample(dialect: &'static dyn ProviderDialect) -> (String, String) {
    match dialect.name() {
        "openai_chat" => (OPENAI_START.into(), OPENAI_EVENT.into()),
        "anthropic_messages" => (ANTHROPIC_START.into(), ANTHROPIC_EVENT.into()),
        "bedrock_converse" => (BEDROCK_START.into(), BEDROCK_EVENT.into()),
        "cohere_chat" => (COHERE_START.into(), COHERE_EVENT.into()),
        name => written(dialects::named(name).expect("the others have callers")),
    }
}

fn written(dialect: &dyn Dialect) -> (String, String) {
    let mut writer = dialect.event_writer(StreamOptions { created_s: 1_784_728_648, ..StreamOptions::default() });
    let mut write = |events: &[Event]| {
        let mut out = Vec::new();
        events.iter().for_each(|event| writer.write(event, &mut out));
        String::from_utf8(out).expect("events are text")
    };
    let (id, model) = ("resp_01Xf6SmUVY1mDrSwFc5RsY3n".to_owned(), MODEL.to_owned());
    let start = Event::Start { id, model, created_s: 1_784_728_648, service_tier: None, extra: Vec::new() };
    let text = |text: &str| Event::Text { choice: 0, text: text.to_owned() };
    (write(&[start, text("The capital is")]), write(&[text(" Paris, which")]))
}

criterion_group!(benches, requests, translated_requests, unchanged_events, translated_events);
criterion_main!(benches);
