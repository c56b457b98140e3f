//! What it costs to be a gateway at all: who asks, may they, and what is remembered of it. These are
//! the stages where a rival loses half its throughput, so each has a budget of a microsecond.

use criterion::Criterion;
use criterion::criterion_group;
use criterion::criterion_main;
use ringgate::chat::Usage;
use ringgate::clock::Tick;
use ringgate::config::VirtualKey;
use ringgate::keys;
use ringgate::keys::Credentials;
use ringgate::keys::KeyRing;
use ringgate::keys::ProviderKey;
use ringgate::keys::ProviderKeys;
use ringgate::keys::Tried;
use ringgate::limits::RequestRate;
use ringgate::limits::Verdict;
use ringgate::observe::Attempt;
use ringgate::observe::AttemptOutcome;
use ringgate::observe::CacheOutcome;
use ringgate::observe::Facts;
use ringgate::observe::Registry;
use ringgate::observe::RequestLabels;
use ringgate::observe::request_log::Entry;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

const KEYS: usize = 10_000;

fn authentication(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("authenticate");
    let secrets: Vec<String> = (0..KEYS).map(secret).collect();
    let ring = KeyRing::new(&secrets.iter().map(|secret| virtual_key(secret)).collect::<Vec<_>>());
    let headers: Vec<String> = secrets.iter().map(|secret| format!("Bearer {secret}")).collect();
    let mut callers = headers.iter().cycle();
    group.bench_function("one_of_10000", |bench| {
        bench.iter(|| {
            let header = callers.next().expect("the circle does not end");
            assert!(ring.authenticate(&bearer(header)).is_ok());
        });
    });
    let stranger = format!("Bearer {}", secret(KEYS));
    group.bench_function("stranger", |bench| {
        bench.iter(|| assert!(ring.authenticate(&bearer(&stranger)).is_err()));
    });
    group.finish();
}

fn limits(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("limit");
    let rate = RequestRate::new(60_000);
    let mut now = Tick(0);
    group.bench_function("admitted", |bench| {
        bench.iter(|| {
            now = now.after(Duration::from_millis(1));
            assert!(matches!(rate.admit(black_box(now)), Verdict::Admitted(_)));
        });
    });
    let spent = RequestRate::new(1);
    spent.admit(Tick(0));
    group.bench_function("refused", |bench| {
        bench.iter(|| assert!(matches!(spent.admit(black_box(Tick(0))), Verdict::Refused { .. })));
    });
    group.finish();
}

fn provider_keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("provider_key");
    for number in [1, 4, 16] {
        let key = |index: u32| ProviderKey {
            name: format!("key-{index}").into(),
            line: format!("authorization: Bearer {index}\r\n").into_bytes(),
            secret_bytes: 1,
            weight: index + 1,
            models: Vec::new(),
        };
        let keys = ProviderKeys::new((0..number).map(key).collect(), Duration::from_secs(60), None);
        let mut random = 0_u64;
        group.bench_function(format!("one_of_{number}"), |bench| {
            bench.iter(|| {
                random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let chosen = keys.choose(black_box("gpt-4o-mini"), Tried::default(), Tick(1), random);
                keys.accepted(chosen.expect("all keys are fit"));
            });
        });
    }
    group.finish();
}

fn settling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("settle");
    let recorder = Arc::new(Registry::new()).recorder(0);
    let labels = RequestLabels {
        key: "team-a",
        provider: "openai",
        model: "gpt-4o-mini",
        route: "gpt-4o-mini",
        dialect: "openai_chat",
    };
    let attempts = [Attempt {
        provider: "openai",
        api_key: "main",
        setback: None,
        model: "gpt-4o-mini",
        outcome: AttemptOutcome::Ok,
        status: Some(200),
        duration: Duration::from_millis(412),
    }];
    let usage = Usage { input_tokens: 690, output_tokens: 120, ..Usage::default() };
    let facts = facts(&labels, &attempts, &usage);
    group.bench_function("metrics", |bench| {
        bench.iter(|| {
            let series = recorder.series(black_box(&labels));
            recorder.finished(&series, black_box(&facts));
        });
    });
    let mut line = Vec::new();
    group.bench_function("log_line", |bench| {
        bench.iter(|| {
            line.clear();
            Entry { facts: black_box(&facts), began_unix_ms: 1_793_613_600_000, request_body: None, answer_body: None }
                .write(&mut line);
        });
    });
    group.finish();
}

fn facts<'a>(labels: &RequestLabels<'a>, attempts: &'a [Attempt<'a>], usage: &'a Usage) -> Facts<'a> {
    Facts {
        request_id: "req_0123456789abcdef0123456789abcdef",
        key: labels.key,
        dialect: labels.dialect,
        route: labels.route,
        requested_model: labels.route,
        provider: labels.provider,
        model: labels.model,
        attempts,
        status: 200,
        cache: CacheOutcome::Miss,
        usage: Some(usage),
        cost_usd: Some(0.000_175_5),
        total: Duration::from_micros(412_030),
        upstream: Some(Duration::from_millis(412)),
        overhead: Duration::from_micros(30),
        bytes_in: 1_024,
        bytes_out: 1_100,
        ..Facts::default()
    }
}

fn secret(number: usize) -> String {
    let mut random = [0; 32];
    random[..8].copy_from_slice(&number.to_be_bytes());
    keys::generate(&random).secret
}

fn virtual_key(secret: &str) -> VirtualKey {
    VirtualKey {
        name: secret[secret.len() - 6..].to_owned(),
        digest: keys::digest(secret.as_bytes()),
        models: Vec::new(),
        requests_per_minute: None,
        cache_scope: "shared".to_owned(),
        trusted: false,
    }
}

fn bearer(header: &str) -> Credentials<'_> {
    Credentials { authorization: Some(black_box(header.as_bytes())), ..Credentials::default() }
}

criterion_group!(benches, authentication, limits, provider_keys, settling);
criterion_main!(benches);
