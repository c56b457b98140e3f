//! Exchanges with providers that break in every way a wire can break, on memory and virtual time.

mod world;

use ringgate::clock::Clock;
use ringgate::clock::Tick;
use ringgate::config::Provider;
use ringgate::config::Roots;
use ringgate::config::Timeouts;
use ringgate::net::First;
use ringgate::net::race;
use ringgate::upstream::Deadline;
use ringgate::upstream::Exchange;
use ringgate::upstream::Failure;
use ringgate::upstream::Outgoing;
use ringgate::upstream::ProviderLink;
use ringgate::upstream::Reason;
use ringgate::upstream::Stage;
use ringgate::upstream::TlsConfigs;
use ringgate::upstream::Upstreams;
use ringgate::upstream::resolve::Addresses;
use ringgate::upstream::resolve::Answer;
use ringgate::upstream::resolve::CachedResolver;
use ringgate::upstream::resolve::Questions;
use ringgate::upstream::resolve::Resolve;
use ringgate::upstream::resolve::ResolveFault;
use ringgate::wire::edits::Edit;
use ringgate::wire::edits::Edited;
use std::cell::Cell;
use std::cell::RefCell;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::Cut;
use world::World;
use world::provider::Seen;
use world::provider::Step;
use world::provider::provider;

const URL: &str = "http://10.0.0.1:80/v1";
const BODY_BYTES_MAX: usize = 1 << 20;

fn address() -> SocketAddr {
    "10.0.0.1:80".parse().unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn settings() -> Provider {
    Provider {
        name: "acme".into(),
        kind: None,
        dialect: None,
        also_speaks: None,
        api_version: None,
        base_url: None,
        api_key: None,
        api_keys: Vec::new(),
        rejected_key_retry: Duration::from_secs(60),
        aws: None,
        google: None,
        models: Vec::new(),
        timeouts: Timeouts {
            connect: seconds(2),
            tls: seconds(3),
            first_byte: seconds(10),
            idle: seconds(5),
            total: seconds(60),
        },
        pool_idle_timeout: seconds(30),
        pool_idle_max: 4,
        connections_max: 8,
        allow_private_addresses: false,
        roots: Roots::WebPki,
        replay_stale: true,
        default_max_tokens: None,
        headers: Vec::new(),
    }
}

fn link(settings: &Provider, url: &str) -> ProviderLink {
    ProviderLink::new(settings, url, &TlsConfigs::new()).unwrap()
}

/// A resolver that knows one answer.
struct Knows(Result<Vec<&'static str>, ResolveFault>);

impl Resolve for Knows {
    async fn resolve(&self, _: &str) -> Result<Arc<[IpAddr]>, ResolveFault> {
        Ok(self.0.clone()?.iter().map(|text| text.parse().unwrap()).collect())
    }
}

fn nobody() -> Knows {
    Knows(Err(ResolveFault::NoSuchName))
}

fn upstreams(world: &World) -> Upstreams<World, Knows> {
    Upstreams::new(world.clone(), nobody())
}

fn request(nonce: usize) -> Vec<u8> {
    let body = format!("{{\"nonce\":{nonce}}}");
    format!("POST /v1/chat HTTP/1.1\r\nhost: acme\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn in_a_minute(world: &World) -> Tick {
    world.now().after(seconds(60))
}

async fn whole<N: ringgate::net::Net>(exchange: &mut Exchange<N>) -> Result<Vec<u8>, Failure> {
    exchange.whole(BODY_BYTES_MAX).await.map(<[u8]>::to_vec)
}

async fn in_pieces<N: ringgate::net::Net>(exchange: &mut Exchange<N>) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(piece) = exchange.next().await? {
        assert!(!piece.is_empty());
        body.extend_from_slice(piece);
    }
    Ok(body)
}

/// One exchange, its body read whole or in pieces.
async fn ask<R: Resolve>(
    upstreams: &Upstreams<World, R>,
    link: &ProviderLink,
    world: &World,
    pieces: bool,
) -> Result<(u16, Vec<u8>), Failure> {
    let mut exchange = upstreams.exchange(link, &mut request(1).into(), in_a_minute(world)).await?;
    let body = if pieces { in_pieces(&mut exchange).await? } else { whole(&mut exchange).await? };
    assert!(exchange.is_complete());
    Ok((exchange.status(), body))
}

struct Recorded {
    name: &'static str,
    bytes: Vec<u8>,
    body: Vec<u8>,
    /// Nothing but the end of the connection ends it.
    until_close: bool,
}

const EVENTS: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\n\
                      data: {\"choices\":[{\"delta\":{\"content\":\"lo\"}}]}\n\n\
                      data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
                      data: [DONE]\n\n";

fn chunked(head: &str, chunks: &[&str]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 200 OK\r\n{head}transfer-encoding: chunked\r\n\r\n").into_bytes();
    for chunk in chunks {
        bytes.extend_from_slice(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes());
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

fn sized(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

fn recordings() -> Vec<Recorded> {
    let json = "{\"id\":\"chatcmpl-1\",\"choices\":[{\"message\":{\"content\":\"Hello\"}}]}";
    let events: Vec<&str> = EVENTS.split_inclusive("\n\n").collect();
    let row = |name, bytes, body: &str, until_close| Recorded { name, bytes, body: body.into(), until_close };
    vec![
        row("content-length", sized(json), json, false),
        row("chunked", chunked("", &[&json[..7], &json[7..8], &json[8..]]), json, false),
        row("events", chunked("content-type: text/event-stream\r\n", &events), EVENTS, false),
        row("no content", b"HTTP/1.1 204 No Content\r\nx-request-id: 7\r\n\r\n".to_vec(), "", false),
        row("empty", sized(""), "", false),
        row(
            "interim",
            [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".as_slice(), &sized(json)]
                .concat(),
            json,
            false,
        ),
        row("until close", format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{EVENTS}").into_bytes(), EVENTS, true),
    ]
}

fn answers(world: &World, steps: Vec<Step>) -> Rc<Seen> {
    provider(world, address(), move |_| steps.clone())
}

fn sends(bytes: &[u8], until_close: bool) -> Vec<Step> {
    let mut steps = vec![Step::Send(bytes.to_vec())];
    steps.extend(until_close.then_some(Step::Finish));
    steps
}

#[test]
fn an_answer_is_the_same_however_it_is_cut() {
    for recorded in recordings() {
        let worlds = (0..60).map(World::new).chain([World::cut(1, Cut::EveryByte), World::cut(1, Cut::Nowhere)]);
        for (number, world) in worlds.enumerate() {
            let steps = sends(&recorded.bytes, recorded.until_close);
            let seen = answers(&world, steps);
            let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
            for pieces in [false, true] {
                let answer = world.run(ask(&upstreams, &link, &world, pieces));
                let (status, body) = answer.unwrap_or_else(|failure| panic!("{} {number}: {failure:?}", recorded.name));
                assert!(matches!(status, 200 | 204));
                assert_eq!(body, recorded.body, "{} {number}", recorded.name);
            }
            let expected = if recorded.until_close { 2 } else { 1 };
            assert_eq!(seen.connections.get(), expected, "{} {number}: connections", recorded.name);
            assert_eq!(upstreams.connections().1, 0, "none is busy");
        }
    }
}

#[test]
fn an_answer_may_pause_anywhere() {
    for recorded in recordings() {
        for cut in 0..=recorded.bytes.len() {
            let world = World::cut(1, Cut::Nowhere);
            let (before, after) = recorded.bytes.split_at(cut);
            let mut steps = vec![Step::Send(before.to_vec()), Step::Wait(millis(3))];
            steps.extend(sends(after, recorded.until_close));
            answers(&world, steps);
            let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
            for pieces in [false, true] {
                let (_, body) = world.run(ask(&upstreams, &link, &world, pieces)).expect(recorded.name);
                assert_eq!(body, recorded.body, "{} cut at {cut}", recorded.name);
            }
        }
    }
}

#[test]
fn a_provider_that_dies_anywhere_never_looks_complete() {
    for recorded in recordings() {
        let head = recorded.bytes.len() - recorded.bytes.windows(4).rev().position(|at| at == b"\r\n\r\n").unwrap();
        for (end, dies_by_reset) in [(Step::Close, false), (Step::Finish, false), (Step::Reset, true)] {
            for cut in 0..recorded.bytes.len() {
                // A body that only the connection's end ends cannot tell a proper end from another FIN.
                if recorded.until_close && !dies_by_reset && cut >= head {
                    continue;
                }
                let world = World::new(cut as u64);
                answers(&world, vec![Step::Send(recorded.bytes[..cut].to_vec()), end.clone()]);
                let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
                let answer = world.run(ask(&upstreams, &link, &world, cut % 2 == 0));
                let failure = answer.expect_err(recorded.name);
                assert!(failure.stage >= Stage::Send, "{} died at {cut}: {failure:?}", recorded.name);
                assert!(matches!(failure.reason, Reason::Closed | Reason::Reset), "{failure:?}");
                assert_eq!(upstreams.connections(), (0, 0), "{} died at {cut}", recorded.name);
            }
        }
    }
}

#[test]
fn an_answer_without_an_end_of_its_own_is_flagged() {
    let world = World::new(3);
    let seen = answers(&world, sends(b"HTTP/1.0 200 OK\r\n\r\nall of it", true));
    let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
    world.run(async {
        let mut exchange = upstreams.exchange(&link, &mut request(1).into(), in_a_minute(&world)).await.unwrap();
        assert!(!exchange.ended_by_close());
        assert_eq!(whole(&mut exchange).await.unwrap(), b"all of it");
        assert!(exchange.ended_by_close());
    });
    assert_eq!(upstreams.connections(), (0, 0));
    assert_eq!(seen.requests.borrow().len(), 1);
}

#[test]
fn fields_stay_readable_beside_the_body() {
    let world = World::new(9);
    answers(&world, sends(&chunked("X-Request-Id: abc\r\nretry-after: 3\r\n", &["one", "two"]), false));
    let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
    world.run(async {
        let mut exchange = upstreams.exchange(&link, &mut request(1).into(), in_a_minute(&world)).await.unwrap();
        assert_eq!(exchange.header("x-request-id"), Some(b"abc".as_slice()));
        assert_eq!(in_pieces(&mut exchange).await.unwrap(), b"onetwo");
        assert_eq!(exchange.header("Retry-After"), Some(b"3".as_slice()));
        assert_eq!(exchange.header("x-other"), None);
        assert_eq!(exchange.headers().count(), 3);
    });
}

// The pool.

#[test]
fn a_provider_that_closes_while_we_reuse_costs_nobody_anything() {
    let mut replays = 0;
    let mut dead = 0;
    for seed in 0..3_000 {
        let world = World::new(seed);
        let end = if world.below(2) == 0 { Step::Close } else { Step::Reset };
        // Every connection serves one request and closes in the moment in which the next one is sent.
        let seen =
            provider(&world, address(), move |_| vec![Step::Send(sized("{}")), Step::Wait(millis(1)), end.clone()]);
        let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
        world.run(async {
            for _ in 0..3 {
                let answer = ask(&upstreams, &link, &world, false).await;
                assert_eq!(answer.unwrap_or_else(|failure| panic!("seed {seed}: {failure:?}")).1, b"{}");
                world.sleep(millis(1)).await;
            }
        });
        assert_eq!(seen.requests.borrow().len(), 3, "seed {seed}: executed once each");
        assert_eq!(seen.connections.get(), 3);
        replays += upstreams.counters().stale_replays.get();
        dead += upstreams.counters().found_dead.get();
    }
    assert!(replays > 100, "the race was hit {replays} times");
    assert!(dead > 100, "the look before reuse found {dead} dead");
}

#[test]
fn a_long_body_is_sent_again_from_where_it_lies() {
    let source = "a picture ".repeat(50_000);
    let mut body = Edited::from(source.as_bytes());
    let edit = |at, text: &'static str| Edit { at, text: text.into() };
    body.amend([edit(2..9, "photograph"), edit(300_000..300_010, ""), edit(499_999..500_000, "!")]);
    let head = format!("POST / HTTP/1.1\r\nhost: acme\r\ncontent-length: {}\r\n\r\n", body.length()).into_bytes();
    let mut wanted = head.clone();
    body.write(&mut wanted);
    let mut replays = 0;
    for seed in 0..60 {
        let world = World::cut(seed, Cut::Nowhere);
        let end = if world.below(2) == 0 { Step::Close } else { Step::Reset };
        // It ends before the next request, while that is on its way, or when it is there.
        let seen = provider(&world, address(), move |visit| match visit.request {
            0 => vec![Step::Send(sized("{}")), Step::Wait(millis(1)), end.clone()],
            _ => vec![end.clone()],
        });
        let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
        world.run(async {
            for _ in 0..3 {
                let mut outgoing = Outgoing::new(head.clone(), &body);
                let exchange = upstreams.exchange(&link, &mut outgoing, in_a_minute(&world)).await;
                let mut exchange = exchange.unwrap_or_else(|failure| panic!("seed {seed}: {failure:?}"));
                assert_eq!(whole(&mut exchange).await.unwrap(), b"{}");
                world.sleep(millis(1)).await;
            }
        });
        assert!(seen.requests.borrow().iter().all(|request| *request == wanted), "seed {seed}");
        assert_eq!(seen.requests.borrow().len(), 3, "seed {seed}");
        replays += upstreams.counters().stale_replays.get();
    }
    assert!(replays > 10, "the race was hit {replays} times");
}

#[test]
fn the_replay_can_be_switched_off() {
    let provider_settings = Provider { replay_stale: false, ..settings() };
    let mut lost = 0;
    for seed in 0..500 {
        let world = World::new(seed);
        provider(&world, address(), |_| vec![Step::Send(sized("{}")), Step::Wait(millis(1)), Step::Close]);
        let (upstreams, link) = (upstreams(&world), link(&provider_settings, URL));
        world.run(async {
            ask(&upstreams, &link, &world, false).await.unwrap();
            world.sleep(millis(1)).await;
            if let Err(failure) = ask(&upstreams, &link, &world, false).await {
                assert!(failure.reused && failure.may_have_been_executed(), "{failure:?}");
                lost += 1;
            }
        });
        assert_eq!(upstreams.counters().stale_replays.get(), 0);
    }
    assert!(lost > 0);
}

/// A warm connection that meets its second request with `steps`: what happens to it?
fn second_request(steps: Vec<Step>) -> (Result<(u16, Vec<u8>), Failure>, usize) {
    let world = World::cut(5, Cut::Nowhere);
    let seen = provider(&world, address(), move |visit| match visit.request {
        0 => vec![Step::Send(sized("{}"))],
        _ => steps.clone(),
    });
    let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
    let second = world.run(async {
        ask(&upstreams, &link, &world, false).await.unwrap();
        ask(&upstreams, &link, &world, false).await
    });
    (second, seen.connections.get())
}

#[test]
fn only_silence_is_replayed_and_only_once() {
    // Closed without a byte: replayed on a fresh connection, where it is request 0.
    let (answer, connections) = second_request(vec![Step::Close]);
    assert_eq!((answer.unwrap().0, connections), (200, 2));
    // One byte is an answer begun.
    let (answer, connections) = second_request(vec![Step::Send(b"H".to_vec()), Step::Close]);
    let failure = answer.unwrap_err();
    assert_eq!((failure.stage, failure.reused, connections), (Stage::FirstByte, true, 1));
    // So is an interim answer.
    let (answer, connections) =
        second_request(vec![Step::Send(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()), Step::Reset]);
    assert_eq!((answer.unwrap_err().stage, connections), (Stage::FirstByte, 1));
    // A deadline is not a dead connection: the provider may be working.
    let (answer, connections) = second_request(vec![Step::Stall]);
    assert_eq!((answer.unwrap_err().reason, connections), (Reason::TimedOut(Deadline::FirstByte), 1));
}

#[test]
fn a_fresh_connection_that_ends_in_silence_is_not_replayed() {
    let world = World::new(2);
    let seen = answers(&world, vec![Step::Close]);
    let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
    let failure = world.run(ask(&upstreams, &link, &world, false)).unwrap_err();
    assert!(!failure.reused);
    assert_eq!(seen.connections.get(), 1);
}

#[test]
fn the_warmest_connection_is_reused_and_the_rest_ages() {
    let world = World::cut(1, Cut::Nowhere);
    let seen = provider(&world, address(), |_| vec![Step::Wait(millis(5)), Step::Send(sized("{}"))]);
    let (upstreams, link) = (Rc::new(upstreams(&world)), link(&settings(), URL));
    for _ in 0..3 {
        let (upstreams, link, clock) = (Rc::clone(&upstreams), link.clone(), world.clone());
        world.spawn(async move {
            ask(&upstreams, &link, &clock, false).await.unwrap();
        });
    }
    world.pass(millis(20));
    assert_eq!((seen.connections.get(), upstreams.connections()), (3, (3, 0)));
    for _ in 0..4 {
        world.run(ask(&upstreams, &link, &world, false)).unwrap();
        world.pass(seconds(9));
        world.run(upstreams.sweep(world.now()));
    }
    assert_eq!(seen.connections.get(), 3, "no new one was needed");
    assert_eq!(upstreams.connections(), (1, 0), "the two that were never needed are closed");
    world.settle();
    assert_eq!(seen.farewells.get(), 2, "and properly so");
}

#[test]
fn an_expired_connection_is_not_reused_even_before_the_sweep() {
    let world = World::new(4);
    let seen = answers(&world, sends(&sized("{}"), false));
    let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
    world.run(ask(&upstreams, &link, &world, false)).unwrap();
    world.pass(seconds(31));
    world.run(ask(&upstreams, &link, &world, false)).unwrap();
    assert_eq!(seen.connections.get(), 2);
    world.run(upstreams.close_idle());
    world.settle();
    assert_eq!((upstreams.connections(), world.sockets()), ((0, 0), 0), "nothing is left");
    assert_eq!(seen.farewells.get(), 2);
}

#[test]
fn connections_are_bounded() {
    let world = World::new(6);
    let bounded = Provider { connections_max: 2, pool_idle_max: 1, ..settings() };
    let seen = provider(&world, address(), |_| vec![Step::Wait(seconds(1)), Step::Send(sized("{}"))]);
    let (upstreams, link) = (Rc::new(upstreams(&world)), link(&bounded, URL));
    let refused = Rc::new(Cell::new(0));
    for _ in 0..5 {
        let (upstreams, link, clock, refused) =
            (Rc::clone(&upstreams), link.clone(), world.clone(), Rc::clone(&refused));
        world.spawn(async move {
            if let Err(failure) = ask(&upstreams, &link, &clock, false).await {
                assert_eq!(failure.reason, Reason::PoolFull(2));
                refused.set(refused.get() + 1);
            }
        });
    }
    world.pass(seconds(2));
    assert_eq!((refused.get(), seen.connections.get(), upstreams.connections()), (3, 2, (1, 0)));
    assert_eq!(upstreams.counters().pool_full.get(), 3);
}

#[test]
fn bytes_after_the_answer_cost_the_connection() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n"[..],
        b"HTTP/1.1 204 No Content\r\n\r\n{}",
    ] {
        let world = World::cut(1, Cut::Nowhere);
        let seen = answers(&world, sends(answer, false));
        let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
        world.run(ask(&upstreams, &link, &world, false)).unwrap();
        assert_eq!(upstreams.connections(), (0, 0));
        world.settle();
        assert_eq!(seen.resets.get(), 1);
    }
    // Where they come later, the look before reuse sees them.
    let world = World::cut(1, Cut::Nowhere);
    let seen =
        answers(&world, vec![Step::Send(sized("{}")), Step::Wait(millis(1)), Step::Send(b"HTTP/1.1 408 ".to_vec())]);
    let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
    world.run(ask(&upstreams, &link, &world, false)).unwrap();
    world.pass(millis(2));
    world.run(ask(&upstreams, &link, &world, false)).unwrap();
    assert_eq!((seen.connections.get(), upstreams.counters().found_dead.get()), (2, 1));
}

#[test]
fn a_provider_that_says_close_is_not_pooled() {
    let world = World::new(1);
    answers(&world, sends(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}", false));
    let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
    world.run(ask(&upstreams, &link, &world, false)).unwrap();
    assert_eq!(upstreams.connections(), (0, 0));
}

// Cancellation.

#[test]
fn dropping_an_exchange_cancels_it_at_the_provider() {
    for seed in 0..50 {
        let world = World::new(seed);
        let first = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n".to_vec();
        let seen = answers(&world, vec![Step::Send(first), Step::Stall]);
        let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
        world.run(async {
            let mut exchange = upstreams.exchange(&link, &mut request(1).into(), in_a_minute(&world)).await.unwrap();
            assert!(exchange.next().await.unwrap().is_some());
            drop(exchange);
        });
        world.settle();
        assert_eq!((seen.resets.get(), upstreams.connections(), world.sockets()), (1, (0, 0), 0), "seed {seed}");
    }
}

#[test]
fn a_caller_may_leave_at_any_time() {
    for seed in 0..400 {
        let world = World::new(seed);
        let events: Vec<&str> = EVENTS.split_inclusive("\n\n").collect();
        let bytes = chunked("", &events);
        let steps = bytes.chunks(20).flat_map(|part| [Step::Send(part.to_vec()), Step::Wait(millis(1))]).collect();
        answers(&world, steps);
        let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
        world.run(async {
            for _ in 0..4 {
                let leaves_after = millis(world.below(20));
                match race(ask(&upstreams, &link, &world, true), world.sleep(leaves_after)).await {
                    First::A(answer) => assert_eq!(answer.unwrap().1, EVENTS.as_bytes()),
                    First::B(()) => {}
                }
            }
            assert_eq!(ask(&upstreams, &link, &world, true).await.unwrap().1, EVENTS.as_bytes());
        });
        assert_eq!(upstreams.connections().1, 0, "seed {seed}");
    }
}

#[test]
fn a_dropped_read_loses_the_connection_and_says_so() {
    let world = World::new(8);
    let first = b"HTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: 9\r\n\r\n".to_vec();
    answers(&world, vec![Step::Send(first), Step::Wait(seconds(1)), Step::Send(b"123456789".to_vec())]);
    let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
    world.run(async {
        let mut exchange = upstreams.exchange(&link, &mut request(1).into(), in_a_minute(&world)).await.unwrap();
        assert!(matches!(race(exchange.next(), world.sleep(millis(1))).await, First::B(())));
        assert_eq!(exchange.next().await.unwrap_err().reason, Reason::Closed);
        assert_eq!(exchange.header("x-a"), None);
    });
    assert_eq!(upstreams.connections(), (0, 0));
}

// Deadlines.

/// The failure of one exchange and how long it took.
fn failure_of<R: Resolve>(
    world: &World,
    upstreams: &Upstreams<World, R>,
    link: &ProviderLink,
    total: Duration,
) -> (Failure, Duration) {
    let began = world.now();
    let deadline = began.after(total);
    let failure = world.run(async {
        match upstreams.exchange(link, &mut request(1).into(), deadline).await {
            Ok(mut exchange) => whole(&mut exchange).await.expect_err("a deadline passes"),
            Err(failure) => failure,
        }
    });
    (failure, world.now().since(began))
}

#[test]
fn each_stage_has_its_deadline() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_vec();
    let slow = [
        (vec![Step::Stall], Stage::FirstByte, Deadline::FirstByte, 10),
        (vec![Step::Send(b"HTTP/1.1 200".to_vec()), Step::Stall], Stage::FirstByte, Deadline::FirstByte, 10),
        (vec![Step::Send(head.clone()), Step::Stall], Stage::Body, Deadline::Idle, 5),
        (
            vec![
                Step::Send(head),
                Step::Wait(seconds(4)),
                Step::Send(b"1".to_vec()),
                Step::Wait(seconds(4)),
                Step::Send(b"2".to_vec()),
                Step::Stall,
            ],
            Stage::Body,
            Deadline::Idle,
            13,
        ),
    ];
    for (steps, stage, deadline, after) in slow {
        let world = World::cut(1, Cut::Nowhere);
        let seen = answers(&world, steps);
        let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
        let (failure, took) = failure_of(&world, &upstreams, &link, seconds(60));
        assert_eq!((failure.stage, failure.reason), (stage, Reason::TimedOut(deadline)));
        assert_eq!(took, seconds(after));
        world.settle();
        assert_eq!((seen.resets.get(), upstreams.connections(), world.sockets()), (1, (0, 0), 0));
    }
}

#[test]
fn the_total_deadline_bounds_every_stage() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_vec();
    for (steps, stage) in [(vec![Step::Stall], Stage::FirstByte), (vec![Step::Send(head), Step::Stall], Stage::Body)] {
        let world = World::new(1);
        answers(&world, steps);
        let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
        let (failure, took) = failure_of(&world, &upstreams, &link, seconds(1));
        assert_eq!((failure.stage, failure.reason, took), (stage, Reason::TimedOut(Deadline::Total), seconds(1)));
    }
    let world = World::new(1);
    world.blackhole(address());
    let (failure, took) = failure_of(&world, &upstreams(&world), &link(&settings(), URL), seconds(1));
    assert_eq!((failure.stage, failure.reason, took), (Stage::Connect, Reason::TimedOut(Deadline::Total), seconds(1)));
    let (failure, took) = failure_of_unread(seconds(3));
    assert_eq!((failure.stage, failure.reason, took), (Stage::Send, Reason::TimedOut(Deadline::Total), seconds(3)));
}

/// How a request fails that cannot be written because nobody reads it, and after how long.
fn failure_of_unread(total: Duration) -> (Failure, Duration) {
    let world = World::new(1);
    world.listen(address(), |socket| async move {
        let _held = socket;
        std::future::pending::<()>().await;
    });
    let large = vec![b'x'; 1 << 20];
    let upstreams = upstreams(&world);
    let failure =
        world.run(upstreams.exchange(&link(&settings(), URL), &mut large.into(), world.now().after(total))).err();
    (failure.expect("nobody answers"), Duration::from_nanos(world.now().0))
}

#[test]
fn a_standstill_of_the_request_is_not_waited_out() {
    let (failure, took) = failure_of_unread(seconds(60));
    assert_eq!((failure.stage, failure.reason), (Stage::Send, Reason::TimedOut(Deadline::Idle)));
    assert_eq!(took, seconds(5));
    // Slow is not still: what is taken bit by bit may take longer.
    let world = World::new(1);
    let clock = world.clone();
    world.listen(address(), move |mut socket| {
        let clock = clock.clone();
        async move {
            use ringgate::net::Stream;
            let mut taken = 0;
            while taken < 1 << 20 {
                let (read, _) = socket.read(Vec::with_capacity(64 << 10)).await;
                taken += read.expect("the request goes on");
                clock.sleep(seconds(1)).await;
            }
            let _ = socket.write_all(sized("{}")).await;
        }
    });
    let upstreams = upstreams(&world);
    let large = vec![b'x'; 1 << 20];
    let answered =
        world.run(upstreams.exchange(&link(&settings(), URL), &mut large.into(), world.now().after(seconds(60))));
    assert!(answered.is_ok_and(|exchange| exchange.status() == 200));
    assert!(world.now().0 > 10_000_000_000, "{:?}", world.now());
}

#[test]
fn a_deadline_that_has_passed_sends_nothing() {
    let world = World::new(1);
    let seen = answers(&world, sends(&sized("{}"), false));
    let upstreams = upstreams(&world);
    world.pass(seconds(1));
    let failure =
        world.run(upstreams.exchange(&link(&settings(), URL), &mut request(1).into(), Tick(5))).err().unwrap();
    assert_eq!(failure.reason, Reason::TimedOut(Deadline::Total));
    world.settle();
    assert_eq!(seen.requests.borrow().len(), 0);
}

#[test]
fn an_early_refusal_of_a_large_request_is_heard() {
    let world = World::new(11);
    world.listen(address(), |mut socket| async move {
        use ringgate::net::Stream;
        let (_, _) = socket.read(Vec::with_capacity(100)).await;
        let refusal = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno".to_vec();
        let _ = socket.write_all(refusal).await;
    });
    let upstreams = upstreams(&world);
    let large = vec![b'x'; 1 << 20];
    let (status, body) = world.run(async {
        let mut exchange =
            upstreams.exchange(&link(&settings(), URL), &mut large.into(), in_a_minute(&world)).await.unwrap();
        (exchange.status(), whole(&mut exchange).await.unwrap())
    });
    assert_eq!((status, &body[..]), (413, b"no".as_slice()));
    assert_eq!(upstreams.connections(), (0, 0), "never to be used again");
}

// Addresses.

fn named(world: &World, addresses: Vec<&'static str>) -> Upstreams<World, Knows> {
    Upstreams::new(world.clone(), Knows(Ok(addresses)))
}

#[test]
fn the_next_address_is_tried_and_the_good_one_remembered() {
    for dead_by_silence in [true, false] {
        let world = World::cut(1, Cut::Nowhere);
        let dead: SocketAddr = "[2606:4700::1]:80".parse().unwrap();
        if dead_by_silence {
            world.blackhole(dead);
        }
        let seen = provider(&world, "104.18.0.1:80".parse().unwrap(), |_| vec![Step::Send(sized("{}")), Step::Close]);
        let upstreams = named(&world, vec!["2606:4700::1", "2606:4700::2", "104.18.0.1"]);
        let link = link(&settings(), "http://api.acme.test");
        world.run(ask(&upstreams, &link, &world, false)).unwrap();
        let share = if dead_by_silence { seconds(2) / 3 } else { Duration::ZERO };
        assert_eq!(world.now().since(Tick(0)), share);
        let before = world.now();
        world.settle();
        world.run(ask(&upstreams, &link, &world, false)).unwrap();
        assert!(world.now().since(before) < millis(1), "the good address comes first now");
        assert_eq!(seen.connections.get(), 2);
    }
}

#[test]
fn connecting_fails_with_its_reason() {
    let world = World::new(1);
    world.blackhole(address());
    let (failure, took) = failure_of(&world, &upstreams(&world), &link(&settings(), URL), seconds(60));
    assert_eq!(
        (failure.stage, failure.reason, took),
        (Stage::Connect, Reason::TimedOut(Deadline::Connect), seconds(2))
    );
    world.unreachable(address());
    let (failure, _) = failure_of(&world, &upstreams(&world), &link(&settings(), URL), seconds(60));
    assert_eq!(failure.reason, Reason::Unreachable);
    world.refuse(address());
    let (failure, _) = failure_of(&world, &upstreams(&world), &link(&settings(), URL), seconds(60));
    assert_eq!(failure.reason, Reason::Refused);
    assert!(!failure.may_have_been_executed());
}

#[test]
fn a_name_may_not_lead_inside_unless_allowed() {
    for (addresses, class) in [
        (vec!["169.254.169.254"], "link-local"),
        (vec!["104.18.0.1", "10.0.0.1"], "private"),
        (vec!["::ffff:127.0.0.1"], "loopback"),
    ] {
        let world = World::new(1);
        let seen = answers(&world, sends(&sized("{}"), false));
        let upstreams = named(&world, addresses);
        let failure =
            world.run(ask(&upstreams, &link(&settings(), "http://api.acme.test"), &world, false)).unwrap_err();
        assert_eq!((failure.stage, failure.reason), (Stage::Resolve, Reason::PrivateAddress(class)));
        assert_eq!(seen.connections.get(), 0);
    }
    let world = World::new(1);
    answers(&world, sends(&sized("{}"), false));
    let allowed = Provider { allow_private_addresses: true, ..settings() };
    let upstreams = named(&world, vec!["10.0.0.1"]);
    world.run(ask(&upstreams, &link(&allowed, "http://ollama"), &world, false)).unwrap();
}

#[test]
fn localhost_is_not_asked_for() {
    let world = World::new(1);
    provider(&world, "[::1]:11434".parse().unwrap(), |_| vec![Step::Send(sized("{}"))]);
    world.run(ask(&upstreams(&world), &link(&settings(), "http://localhost:11434"), &world, false)).unwrap();
}

// Garbage.

#[test]
fn what_is_not_an_answer_is_refused_and_never_pooled() {
    let gzip = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}";
    let garbage: Vec<Vec<u8>> = [
        "\0\0\0\0",
        "HTTP/2 200\r\n\r\n",
        "<html>502 Bad Gateway</html>\r\n\r\n",
        "HTTP/1.1 200 OK\ncontent-length: 2\n\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n11111111111111111\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}--\r\n",
        "HTTP/1.1 200 OK\r\nna me: x\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
        "HTTP/1.1 999999 OK\r\n\r\n",
        gzip,
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .chain([
        format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(100_000)).into_bytes(),
        format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(10_000)).into_bytes(),
    ])
    .collect();
    for bytes in garbage {
        for seed in 0..20 {
            let world = World::new(seed);
            answers(&world, sends(&bytes, false));
            let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
            let (failure, _) = failure_of(&world, &upstreams, &link, seconds(60));
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
            assert!(matches!(failure.reason, Reason::Garbage(_)), "{shown:?}: {failure:?}");
            assert_eq!(upstreams.connections(), (0, 0), "{shown:?}");
            world.settle();
            assert_eq!(world.sockets(), 0, "{shown:?}");
        }
    }
}

#[test]
fn interim_answers_are_skipped_up_to_a_bound() {
    for (count, passes) in [(8, true), (9, false), (10_000, false)] {
        let world = World::new(count as u64);
        let flood = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(count);
        answers(&world, sends(&[flood, sized("{}")].concat(), false));
        let answer = world.run(ask(&upstreams(&world), &link(&settings(), URL), &world, false));
        assert_eq!(answer.is_ok(), passes, "{count}");
    }
}

#[test]
fn a_wrong_content_length_is_noticed_either_way() {
    // Too long a promise on a connection that stays open: silence, not success.
    let world = World::new(1);
    answers(&world, sends(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}", false));
    let (failure, _) = failure_of(&world, &upstreams(&world), &link(&settings(), URL), seconds(60));
    assert_eq!(failure.reason, Reason::TimedOut(Deadline::Idle));
    // Too short: the answer counts as announced, the connection is not used again.
    let world = World::new(1);
    answers(&world, sends(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{}", false));
    let upstreams = upstreams(&world);
    world.run(ask(&upstreams, &link(&settings(), URL), &world, false)).unwrap();
    world.pass(millis(1));
    world.run(upstreams.sweep(world.now()));
    assert_eq!(upstreams.connections(), (0, 0));
}

#[test]
fn a_whole_answer_is_bounded() {
    let body = "x".repeat(5_000);
    for bytes in [sized(&body), chunked("", &[&body]), format!("HTTP/1.1 200 OK\r\n\r\n{body}").into_bytes()] {
        for (bytes_max, fits) in [(5_000, true), (4_999, false), (0, false)] {
            let world = World::new(3);
            answers(&world, sends(&bytes, true));
            let upstreams = upstreams(&world);
            let answer = world.run(async {
                let mut exchange = upstreams
                    .exchange(&link(&settings(), URL), &mut request(1).into(), in_a_minute(&world))
                    .await
                    .unwrap();
                exchange.whole(bytes_max).await.map(<[u8]>::len)
            });
            match answer {
                Ok(length) => assert!(fits && length == 5_000),
                Err(failure) => assert!(!fits && failure.reason == Reason::TooLarge(bytes_max), "{failure:?}"),
            }
            assert_eq!(upstreams.connections().1, 0);
        }
    }
}

#[test]
fn a_large_answer_passes_and_its_buffer_is_not_kept() {
    let world = World::new(12);
    let body = "y".repeat(900_000);
    answers(&world, sends(&sized(&body), false));
    let (upstreams, link) = (upstreams(&world), link(&settings(), URL));
    for pieces in [false, true] {
        assert_eq!(world.run(ask(&upstreams, &link, &world, pieces)).unwrap().1, body.as_bytes());
    }
    assert!(upstreams.buffers().kept() <= 2);
}

// Names.

/// Answers a shard's questions as told, in order; the last answer for ever.
fn control(world: &World, questions: &Arc<Questions>, answers: Vec<(Duration, Answer)>) -> Rc<RefCell<Vec<String>>> {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let (questions, seen, clock) = (Arc::clone(questions), Rc::clone(&asked), world.clone());
    world.spawn(async move {
        for at in 0.. {
            let question = questions.next().await;
            seen.borrow_mut().push(question.host().to_owned());
            let (after, answer) = answers[at.min(answers.len() - 1)].clone();
            clock.sleep(after).await;
            question.answer(answer);
        }
    });
    asked
}

fn found(address: &str, ttl: u64) -> Answer {
    Ok(Addresses { all: Arc::from([address.parse().unwrap()]), ttl: seconds(ttl) })
}

#[test]
fn a_name_is_asked_for_once_however_many_wait_and_whoever_leaves() {
    for seed in 0..100 {
        let world = World::new(seed);
        let questions = Arc::new(Questions::default());
        let asked = control(&world, &questions, vec![(millis(20), found("1.1.1.1", 60))]);
        let resolver = Rc::new(CachedResolver::new(world.clone(), Arc::clone(&questions)));
        let resolved = Rc::new(Cell::new(0));
        for number in 0..10 {
            let (resolver, resolved, clock) = (Rc::clone(&resolver), Rc::clone(&resolved), world.clone());
            world.spawn(async move {
                let patience = if number % 3 == 0 { millis(5) } else { seconds(1) };
                if let First::A(answer) = race(resolver.resolve("api.acme.test"), clock.sleep(patience)).await {
                    assert_eq!(answer.unwrap().len(), 1);
                    resolved.set(resolved.get() + 1);
                }
            });
        }
        world.pass(seconds(2));
        assert_eq!((resolved.get(), asked.borrow().len()), (6, 1), "seed {seed}");
        world.run(resolver.resolve("api.acme.test")).unwrap();
        assert_eq!(asked.borrow().len(), 1, "and remembered");
        world.pass(seconds(60));
        world.run(resolver.resolve("api.acme.test")).unwrap();
        assert_eq!(asked.borrow().len(), 2, "until its time is over");
    }
}

#[test]
fn the_last_good_answer_outlives_a_dead_resolver_for_a_while() {
    let world = World::new(1);
    let questions = Arc::new(Questions::default());
    let failed = (Duration::ZERO, Err(ResolveFault::Failed));
    let asked = control(&world, &questions, vec![(Duration::ZERO, found("1.1.1.1", 60)), failed]);
    let resolver = CachedResolver::new(world.clone(), questions);
    world.run(resolver.resolve("a.test")).unwrap();
    world.pass(seconds(100));
    assert_eq!(world.run(resolver.resolve("a.test")).unwrap().len(), 1, "stale but good");
    assert_eq!(world.run(resolver.resolve("a.test")).unwrap().len(), 1);
    assert_eq!(asked.borrow().len(), 2, "a failed lookup is not repeated at once");
    assert_eq!((resolver.counters.stale.get(), resolver.counters.failed.get()), (2, 1));
    world.pass(seconds(2));
    world.run(resolver.resolve("a.test")).unwrap();
    assert_eq!(asked.borrow().len(), 3, "but soon");
    world.pass(seconds(600));
    assert_eq!(world.run(resolver.resolve("a.test")), Err(ResolveFault::Failed), "grace has an end");
}

#[test]
fn an_unknown_name_is_believed_for_a_moment() {
    let world = World::new(1);
    let questions = Arc::new(Questions::default());
    let missing = (Duration::ZERO, Err(ResolveFault::NoSuchName));
    let asked = control(&world, &questions, vec![missing, (Duration::ZERO, found("1.1.1.1", 60))]);
    let resolver = CachedResolver::new(world.clone(), questions);
    assert_eq!(world.run(resolver.resolve("a.test")), Err(ResolveFault::NoSuchName));
    assert_eq!(world.run(resolver.resolve("a.test")), Err(ResolveFault::NoSuchName));
    assert_eq!(asked.borrow().len(), 1);
    world.pass(seconds(5));
    assert!(world.run(resolver.resolve("a.test")).is_ok());
}

#[test]
fn a_control_thread_that_is_gone_or_overrun_is_survived() {
    let world = World::new(1);
    let questions = Arc::new(Questions::default());
    let resolver = CachedResolver::new(world.clone(), Arc::clone(&questions));
    // Nobody answers.
    assert_eq!(world.run(resolver.resolve("a.test")), Err(ResolveFault::TimedOut));
    assert_eq!(world.now().since(Tick(0)), seconds(6));
    // Somebody drops the question.
    let reader = Arc::clone(&questions);
    world.spawn(async move {
        loop {
            drop(reader.next().await);
        }
    });
    world.pass(seconds(1));
    assert_eq!(world.run(resolver.resolve("b.test")), Err(ResolveFault::Failed));
    // The queue is full.
    let world = World::new(2);
    let resolver = Rc::new(CachedResolver::new(world.clone(), Arc::new(Questions::default())));
    for number in 0..1024 {
        let resolver = Rc::clone(&resolver);
        world.spawn(async move {
            let _ = resolver.resolve(&format!("host{number}.test")).await;
        });
    }
    world.settle();
    assert_eq!(world.run(resolver.resolve("one-more.test")), Err(ResolveFault::Busy));
}

#[test]
fn the_same_seed_is_the_same_history() {
    let history = |seed| {
        let world = World::new(seed);
        answers(&world, sends(&chunked("", &["one", "two"]), false));
        world.run(ask(&upstreams(&world), &link(&settings(), URL), &world, true)).unwrap();
        world.trace()
    };
    assert_eq!(history(7), history(7));
    assert_ne!(history(7), history(8));
}
