//! TLS towards providers: what must be refused is refused by its class, what is cut is never complete.

mod world;

use ringgate::clock::Clock;
use ringgate::config::Provider;
use ringgate::config::Roots;
use ringgate::config::Timeouts;
use ringgate::net::Stream;
use ringgate::upstream::Deadline;
use ringgate::upstream::Failure;
use ringgate::upstream::ProviderLink;
use ringgate::upstream::Reason;
use ringgate::upstream::Stage;
use ringgate::upstream::TlsConfigs;
use ringgate::upstream::TlsFault;
use ringgate::upstream::Upstreams;
use ringgate::upstream::resolve::Resolve;
use ringgate::upstream::resolve::ResolveFault;
use rustls::ServerConfig;
use std::cell::Cell;
use std::io::Write;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::Cut;
use world::World;
use world::provider::read_request;
use world::tls::Authority;
use world::tls::TlsServer;

const URL: &str = "https://api.acme.test/v1";
const NAME: &str = "api.acme.test";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn address() -> SocketAddr {
    "104.18.0.1:443".parse().unwrap()
}

struct Acme;

impl Resolve for Acme {
    async fn resolve(&self, _: &str) -> Result<Arc<[IpAddr]>, ResolveFault> {
        Ok(Arc::from([address().ip()]))
    }
}

/// Settings that trust exactly `authority`, through a file as an operator would.
fn link(authority: &Authority, url: &str) -> ProviderLink {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(authority.pem.as_bytes()).unwrap();
    let provider = Provider {
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
        roots: Roots::File(file.path().to_owned()),
        replay_stale: true,
        default_max_tokens: None,
        headers: Vec::new(),
    };
    ProviderLink::new(&provider, url, &TlsConfigs::new()).unwrap()
}

/// How a TLS provider ends a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Waits for more requests.
    KeepsOpen,
    /// close_notify, then FIN.
    Farewell,
    /// FIN without close_notify.
    Truncated,
}

/// A TLS provider that answers every request with `answer`.
fn serve(world: &World, config: &Arc<ServerConfig>, answer: Vec<u8>, end: End) -> Rc<Cell<usize>> {
    let served = Rc::new(Cell::new(0));
    let (count, config) = (Rc::clone(&served), Arc::clone(config));
    world.listen(address(), move |socket| {
        let (config, answer, count) = (Arc::clone(&config), answer.clone(), Rc::clone(&count));
        async move {
            let Ok(mut server) = TlsServer::accept(socket, config).await else { return };
            server.truncates = end == End::Truncated;
            let mut pending = Vec::new();
            while let Ok(Some(_)) = read_request(&mut server, &mut pending).await {
                count.set(count.get() + 1);
                if server.write_all(answer.clone()).await.0.is_err() {
                    return;
                }
                if end != End::KeepsOpen {
                    return server.shutdown().await;
                }
            }
        }
    });
    served
}

fn request(body: &str) -> Vec<u8> {
    format!("POST /v1/chat HTTP/1.1\r\nhost: acme\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn sized(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn ask(world: &World, upstreams: &Upstreams<World, Acme>, link: &ProviderLink, body: &str) -> Result<Vec<u8>, Failure> {
    world.run(async {
        let deadline = world.now().after(seconds(60));
        let mut exchange = upstreams.exchange(link, &mut request(body).into(), deadline).await?;
        exchange.whole(1 << 24).await.map(<[u8]>::to_vec)
    })
}

#[test]
fn an_answer_is_the_same_however_its_records_are_cut() {
    let authority = Authority::new("test");
    let config = authority.server(NAME, 2020..2090);
    let worlds = (0..40).map(World::new).chain([World::cut(1, Cut::EveryByte), World::cut(1, Cut::Nowhere)]);
    for (number, world) in worlds.enumerate() {
        let served = serve(&world, &config, sized("{\"hello\":true}"), End::KeepsOpen);
        let (upstreams, link) = (Upstreams::new(world.clone(), Acme), link(&authority, URL));
        for _ in 0..3 {
            let answer = ask(&world, &upstreams, &link, "{}");
            assert_eq!(answer.unwrap_or_else(|failure| panic!("{number}: {failure:?}")), b"{\"hello\":true}");
        }
        assert_eq!((served.get(), world.connects()), (3, 1), "{number}: one connection serves them all");
        let counters = upstreams.counters();
        assert_eq!((counters.tls_full.get(), counters.tls_resumed.get(), counters.reused.get()), (1, 0, 2));
        world.run(upstreams.close_idle());
        world.settle();
        assert_eq!(world.sockets(), 0);
    }
}

#[test]
fn large_bodies_pass_in_both_directions() {
    let authority = Authority::new("test");
    let config = authority.server(NAME, 2020..2090);
    for (seed, cut) in [(1, Cut::Seeded), (2, Cut::Seeded), (3, Cut::Nowhere)] {
        let world = World::cut(seed, cut);
        let large = "z".repeat(700_000);
        serve(&world, &config, sized(&large), End::KeepsOpen);
        let (upstreams, link) = (Upstreams::new(world.clone(), Acme), link(&authority, URL));
        for _ in 0..2 {
            assert_eq!(ask(&world, &upstreams, &link, &large).unwrap(), large.as_bytes());
        }
        assert_eq!(world.connects(), 1);
    }
}

#[test]
fn the_second_connection_resumes_the_session() {
    let authority = Authority::new("test");
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let config = authority.server_of(&[version], NAME, 2020..2090);
        let world = World::new(5);
        serve(&world, &config, sized("{}"), End::Farewell);
        let link = link(&authority, URL);
        // Two shards, one memory of sessions.
        for (number, resumed) in [(0, 0), (1, 1)] {
            let upstreams = Upstreams::new(world.clone(), Acme);
            ask(&world, &upstreams, &link, "{}").unwrap();
            assert_eq!(upstreams.counters().tls_resumed.get(), resumed, "{version:?} connection {number}");
            assert_eq!(upstreams.counters().tls_full.get(), 1 - resumed);
        }
    }
}

#[test]
fn a_farewell_is_seen_before_the_connection_is_used_again() {
    let authority = Authority::new("test");
    let config = authority.server(NAME, 2020..2090);
    for seed in 0..60 {
        let world = World::new(seed);
        let served = serve(&world, &config, sized("{}"), End::Farewell);
        let (upstreams, link) = (Upstreams::new(world.clone(), Acme), link(&authority, URL));
        for _ in 0..4 {
            ask(&world, &upstreams, &link, "{}").unwrap_or_else(|failure| panic!("seed {seed}: {failure:?}"));
        }
        assert_eq!(served.get(), 4, "seed {seed}: executed once each");
    }
}

#[test]
fn a_farewell_that_came_with_the_answer_is_remembered() {
    let authority = Authority::new("test");
    let config = authority.server(NAME, 2020..2090);
    let world = World::cut(1, Cut::Nowhere);
    world.listen(address(), move |socket| {
        let config = Arc::clone(&config);
        async move {
            let mut server = TlsServer::accept(socket, config).await.unwrap();
            let mut pending = Vec::new();
            let _ = read_request(&mut server, &mut pending).await;
            server.last_words(&sized("{}")).await.unwrap();
            let _ = read_request(&mut server, &mut pending).await;
        }
    });
    let (upstreams, link) = (Upstreams::new(world.clone(), Acme), link(&authority, URL));
    for _ in 0..3 {
        assert_eq!(ask(&world, &upstreams, &link, "{}").unwrap(), b"{}");
    }
    let counters = upstreams.counters();
    assert_eq!((counters.found_dead.get(), counters.stale_replays.get(), counters.connects.get()), (2, 0, 3));
}

#[test]
fn what_cannot_be_trusted_is_refused_by_its_class() {
    let (authority, stranger) = (Authority::new("test"), Authority::new("stranger"));
    let refused = [
        (authority.server(NAME, 2000..2001), TlsFault::Expired),
        (authority.server(NAME, 2080..2090), TlsFault::NotYetValid),
        (authority.server("other.test", 2020..2090), TlsFault::WrongName),
        (stranger.server(NAME, 2020..2090), TlsFault::UnknownIssuer),
    ];
    for (config, fault) in refused {
        for seed in 0..10 {
            let world = World::new(seed);
            let served = serve(&world, &config, sized("{}"), End::KeepsOpen);
            let upstreams = Upstreams::new(world.clone(), Acme);
            let failure = ask(&world, &upstreams, &link(&authority, URL), "{}").unwrap_err();
            assert_eq!((failure.stage, failure.reason), (Stage::Tls, Reason::Tls(fault)));
            assert_eq!(failure.label(), fault.label());
            let told = failure.fault("acme").message.into_owned();
            assert!(told.contains("`acme`") && !told.contains("test"), "{told}");
            world.settle();
            assert_eq!((served.get(), upstreams.connections(), world.sockets()), (0, (0, 0), 0), "{fault:?}");
        }
    }
}

#[test]
fn an_address_may_stand_on_the_certificate() {
    let authority = Authority::new("test");
    for (name, fits) in [("104.18.0.1", true), ("104.18.0.2", false), (NAME, false)] {
        let world = World::new(1);
        serve(&world, &authority.server(name, 2020..2090), sized("{}"), End::KeepsOpen);
        let upstreams = Upstreams::new(world.clone(), Acme);
        let answer = ask(&world, &upstreams, &link(&authority, "https://104.18.0.1"), "{}");
        match fits {
            true => assert_eq!(answer.unwrap(), b"{}"),
            false => assert_eq!(answer.unwrap_err().reason, Reason::Tls(TlsFault::WrongName)),
        }
    }
}

#[test]
fn a_server_without_common_ground_is_named_as_such() {
    let cases: [(&[u8], TlsFault); 4] = [
        // a fatal alert: protocol_version, as a server of TLS 1.1 sends it
        (&[0x15, 3, 1, 0, 2, 2, 70], TlsFault::Version),
        // a fatal alert: handshake_failure
        (&[0x15, 3, 3, 0, 2, 2, 40], TlsFault::Refused),
        // a fatal alert: no_application_protocol
        (&[0x15, 3, 3, 0, 2, 2, 120], TlsFault::Protocol),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", TlsFault::NotTls),
    ];
    let authority = Authority::new("test");
    for (bytes, fault) in cases {
        let world = World::new(4);
        world.listen(address(), move |mut socket| async move {
            let (_, _) = socket.read(Vec::with_capacity(4096)).await;
            let (_, _) = socket.write_all(bytes.to_vec()).await;
            socket.shutdown().await;
            // Closing over unread bytes would reset the connection, and the reset could overtake the alert.
            while matches!(socket.read(Vec::with_capacity(4096)).await, (Ok(1..), _)) {}
        });
        let upstreams = Upstreams::new(world.clone(), Acme);
        let failure = ask(&world, &upstreams, &link(&authority, URL), "{}").unwrap_err();
        assert_eq!((failure.stage, failure.reason), (Stage::Tls, Reason::Tls(fault)));
    }
}

#[test]
fn a_server_that_insists_on_another_protocol_is_refused() {
    let authority = Authority::new("test");
    let mut config = ServerConfig::clone(&authority.server(NAME, 2020..2090));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let world = World::new(1);
    serve(&world, &Arc::new(config), sized("{}"), End::KeepsOpen);
    let upstreams = Upstreams::new(world.clone(), Acme);
    let failure = ask(&world, &upstreams, &link(&authority, URL), "{}").unwrap_err();
    assert_eq!(failure.reason, Reason::Tls(TlsFault::Protocol));
}

#[test]
fn a_handshake_has_a_deadline_and_an_end() {
    let authority = Authority::new("test");
    let world = World::new(1);
    world.listen(address(), |socket| async move {
        let _held = socket;
        std::future::pending::<()>().await;
    });
    let upstreams = Upstreams::new(world.clone(), Acme);
    let failure = ask(&world, &upstreams, &link(&authority, URL), "{}").unwrap_err();
    assert_eq!((failure.stage, failure.reason), (Stage::Tls, Reason::TimedOut(Deadline::Tls)));
    assert_eq!((world.now().0, upstreams.connections()), (3_000_000_000, (0, 0)));

    world.listen(address(), |mut socket| async move {
        let (_, _) = socket.read(Vec::with_capacity(4096)).await;
    });
    let failure = ask(&world, &upstreams, &link(&authority, URL), "{}").unwrap_err();
    assert_eq!(failure.stage, Stage::Tls);
    assert!(matches!(failure.reason, Reason::Closed | Reason::Reset), "{failure:?}");
}

#[test]
fn only_a_farewell_ends_a_body_without_length() {
    let authority = Authority::new("test");
    let config = authority.server(NAME, 2020..2090);
    let endless = b"HTTP/1.1 200 OK\r\n\r\nall of it".to_vec();
    for seed in 0..30 {
        let world = World::new(seed);
        serve(&world, &config, endless.clone(), End::Farewell);
        let (upstreams, link) = (Upstreams::new(world.clone(), Acme), link(&authority, URL));
        assert_eq!(ask(&world, &upstreams, &link, "{}").unwrap(), b"all of it");

        let world = World::new(seed);
        serve(&world, &config, endless.clone(), End::Truncated);
        let upstreams = Upstreams::new(world.clone(), Acme);
        let failure = ask(&world, &upstreams, &link, "{}").unwrap_err();
        assert_eq!((failure.stage, failure.reason), (Stage::Body, Reason::Closed), "seed {seed}");
    }
}

#[test]
fn an_answer_with_a_length_needs_no_farewell() {
    let authority = Authority::new("test");
    let config = authority.server(NAME, 2020..2090);
    for seed in 0..30 {
        let world = World::new(seed);
        serve(&world, &config, sized("{}"), End::Truncated);
        let (upstreams, link) = (Upstreams::new(world.clone(), Acme), link(&authority, URL));
        for _ in 0..3 {
            assert_eq!(ask(&world, &upstreams, &link, "{}").unwrap(), b"{}", "seed {seed}");
        }
    }
}

#[test]
fn a_record_that_was_tampered_with_breaks_the_connection() {
    let authority = Authority::new("test");
    let config = authority.server(NAME, 2020..2090);
    let world = World::cut(1, Cut::Nowhere);
    // A relay that flips one bit of what the server sends after its handshake.
    let inner: SocketAddr = "10.9.9.9:1".parse().unwrap();
    let server_config = Arc::clone(&config);
    world.listen(inner, move |socket| {
        let config = Arc::clone(&server_config);
        async move {
            let mut server = TlsServer::accept(socket, config).await.unwrap();
            let mut pending = Vec::new();
            let _ = read_request(&mut server, &mut pending).await;
            let (_, _) = server.write_all(sized("{\"amount\":1}")).await;
            let _ = read_request(&mut server, &mut pending).await;
        }
    });
    let clock = world.clone();
    world.listen(address(), move |client| relay(clock.clone(), client, inner));
    let upstreams = Upstreams::new(world.clone(), Acme);
    let failure = ask(&world, &upstreams, &link(&authority, URL), "{}").unwrap_err();
    assert_eq!(failure.reason, Reason::Tls(TlsFault::Record), "{failure:?}");
    assert_eq!(upstreams.connections(), (0, 0));
}

/// Passes four flights on: hello, the server's answer, finish with the request, and the answer with its
/// last byte wrong.
async fn relay(world: World, mut client: world::Socket, inner: SocketAddr) {
    use ringgate::net::Net;
    let mut server = world.connect(inner).await.unwrap();
    let (_, hello) = client.read(Vec::with_capacity(65_536)).await;
    let (_, _) = server.write_all(hello).await;
    let (_, answer) = server.read(Vec::with_capacity(65_536)).await;
    let (_, _) = client.write_all(answer).await;
    let (_, finish) = client.read(Vec::with_capacity(65_536)).await;
    let (_, _) = server.write_all(finish).await;
    world.sleep(Duration::from_millis(1)).await;
    let (_, mut answer) = server.read(Vec::with_capacity(65_536)).await;
    if let Some(last) = answer.last_mut() {
        *last ^= 1;
    }
    let (_, _) = client.write_all(answer).await;
    let (_, _) = client.read(Vec::with_capacity(65_536)).await;
}

#[test]
fn roots_that_cannot_be_used_say_so() {
    let configs = TlsConfigs::new();
    let missing = configs.config(&Roots::File("/nowhere/roots.pem".into())).unwrap_err();
    assert!(missing.contains("/nowhere/roots.pem"), "{missing}");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"no certificate\n").unwrap();
    let roots = Roots::File(file.path().to_owned());
    assert!(configs.config(&roots).unwrap_err().contains("no PEM certificate"));
    file.write_all(Authority::new("test").pem.as_bytes()).unwrap();
    let first = configs.config(&roots).unwrap();
    assert!(Arc::ptr_eq(&first, &configs.config(&roots).unwrap()), "sessions survive a reload");
    file.write_all(Authority::new("other").pem.as_bytes()).unwrap();
    assert!(!Arc::ptr_eq(&first, &configs.config(&roots).unwrap()), "a changed file is noticed");
    assert!(configs.config(&Roots::WebPki).is_ok());
}
