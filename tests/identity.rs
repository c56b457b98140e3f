//! A day in the life of a credential, on memory and virtual time: it is renewed before it expires, outages
//! of its issuer cost nothing until then, and nobody asks an issuer more often than it deserves.

mod world;

use ringgate::clock::Clock;
use ringgate::config::Google;
use ringgate::config::Roots;
use ringgate::identity::GoogleIdentity;
use ringgate::identity::Identity;
use ringgate::identity::Renewal;
use ringgate::identity::Source;
use ringgate::identity::Trust;
use ringgate::identity::renew;
use ringgate::upstream::TlsConfigs;
use ringgate::upstream::Upstreams;
use ringgate::upstream::resolve::Resolve;
use ringgate::upstream::resolve::ResolveFault;
use std::cell::Cell;
use std::cell::RefCell;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::World;
use world::provider::Seen;
use world::provider::Step;
use world::provider::provider;

const SEEDS: std::ops::Range<u64> = 0..4;
const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);

fn address() -> SocketAddr {
    "10.0.0.1:80".parse().expect("an address")
}

/// Nothing here has a name.
struct Nameless;

impl Resolve for Nameless {
    async fn resolve(&self, _: &str) -> Result<Arc<[IpAddr]>, ResolveFault> {
        Err(ResolveFault::NoSuchName)
    }
}

fn source(refresh_token: &str) -> Source {
    let google = Google::User {
        client_id: "client".to_owned(),
        client_secret: "client-secret".into(),
        refresh_token: refresh_token.into(),
        token_url: format!("http://{}/token", address()),
    };
    let configs = TlsConfigs::new();
    let trust = Trust { roots: &Roots::WebPki, allow_private: true, configs: &configs };
    Source::Google(Box::new(GoogleIdentity::new(&google, trust).expect("sound")))
}

fn answer(status: u16, body: &str) -> Vec<Step> {
    let head = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\n\r\n", body.len());
    vec![Step::Send(format!("{head}{body}").into_bytes())]
}

fn token(number: usize, lasts_s: u64) -> Vec<Step> {
    answer(200, &format!(r#"{{"access_token":"token-{number}","expires_in":{lasts_s}}}"#))
}

/// An identity whose credentials an issuer gives as its script says.
struct Life {
    world: World,
    identity: Rc<Identity>,
    issuer: Rc<Seen>,
    failures: Rc<RefCell<Vec<String>>>,
}

impl Life {
    /// Begins. The script is told how many were asked for before.
    fn begin(seed: u64, script: impl Fn(usize) -> Vec<Step> + 'static) -> Life {
        let world = World::new(seed);
        world.limit_polls(50_000_000);
        let issuer = provider(&world, address(), move |visit| script(visit.connection));
        let identity = Rc::new(Identity::new("vertex", source("refresh-token"), None));
        let failures: Rc<RefCell<Vec<String>>> = Rc::default();
        let (renewed, told, net) = (Rc::clone(&identity), Rc::clone(&failures), world.clone());
        world.spawn(async move {
            let upstreams = Upstreams::new(net.clone(), Nameless);
            let random = || (net.below(1 << 32) << 32) | net.below(1 << 32);
            let report = |renewal| {
                if let Renewal::Failed { reason, .. } = renewal {
                    told.borrow_mut().push(reason);
                }
            };
            renew(&renewed, &net, &upstreams, random, report).await;
        });
        world.pass(Duration::from_secs(1));
        Life { world, identity, issuer, failures }
    }

    fn asked(&self) -> usize {
        self.issuer.requests.borrow().len()
    }

    /// What a request would carry now.
    fn presented(&self) -> Option<String> {
        let mut head = Vec::new();
        self.identity.in_force(self.world.unix_ms())?.write_fields(self.world.unix_ms(), &mut head);
        let line = String::from_utf8(head).expect("ASCII");
        Some(line.trim_start_matches("authorization: Bearer ").trim_end().to_owned())
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.world.end();
    }
}

#[test]
fn there_is_a_valid_token_all_day_long() {
    for seed in SEEDS {
        let life = Life::begin(seed, |number| token(number, 3_600));
        let mut tokens = Vec::new();
        for minute in 0..24 * 60 {
            let token = life.presented().unwrap_or_else(|| panic!("none in minute {minute} of seed {seed}"));
            tokens.push(token);
            life.world.pass(MINUTE);
        }
        tokens.dedup();
        // Each is used for 53 to 55 minutes of its hour.
        assert!((26..=28).contains(&tokens.len()), "{}", tokens.len());
        assert!(life.asked() <= 28 && life.failures.borrow().is_empty(), "{:?}", life.failures.borrow());
        let left = life.issuer.connections.get() - life.issuer.farewells.get() - life.issuer.resets.get();
        assert_eq!(left, 0, "no connection is kept for an hour");
    }
}

#[test]
fn an_outage_of_the_issuer_is_noticed_only_when_the_token_has_expired() {
    for seed in SEEDS {
        let is_down = Rc::new(Cell::new(false));
        let down = Rc::clone(&is_down);
        let life = Life::begin(seed, move |number| match down.get() {
            true => answer(503, r#"{"error":"unavailable","error_description":"for refresh-token"}"#),
            false => token(number, 3_600),
        });
        is_down.set(true);
        life.world.pass(HOUR - MINUTE);
        assert_eq!(life.presented().as_deref(), Some("token-0"), "seed {seed}");
        assert!(!life.failures.borrow().is_empty(), "it was tried in vain");
        life.world.pass(2 * MINUTE);
        assert_eq!(life.presented(), None, "an expired token is worse than none");
        let before = life.asked();
        life.world.pass(HOUR);
        let asked = life.asked() - before;
        assert!((60..=121).contains(&asked), "{asked} times in an hour: between half a minute and a minute apart");
        is_down.set(false);
        life.world.pass(MINUTE + Duration::from_secs(1));
        assert!(life.presented().is_some());
        let failures = life.failures.borrow();
        let told = "Google's token server answers with status 503: unavailable: for [credential]";
        assert!(failures.iter().all(|reason| reason == told), "{failures:?}");
    }
}

#[test]
fn refusals_bring_a_renewal_forward_but_not_again_and_again() {
    for seed in SEEDS {
        let life = Life::begin(seed, |number| token(number, 3_600));
        life.identity.doubt();
        life.world.pass(Duration::from_secs(1));
        assert_eq!(life.presented().as_deref(), Some("token-1"), "the first is followed at once");
        for _ in 0..600 {
            life.identity.doubt();
            life.world.pass(Duration::from_secs(1));
        }
        // Ten minutes, half a minute apart, after the first two.
        assert!((20..=23).contains(&life.asked()), "{} times", life.asked());
    }
}

#[test]
fn an_issuer_that_says_nothing_is_given_up_in_time_and_asked_again() {
    for seed in SEEDS {
        let life = Life::begin(seed, |number| match number {
            0 => vec![Step::Stall],
            1 => vec![Step::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec()), Step::Stall],
            2 => vec![Step::Reset],
            3 => answer(200, &"x".repeat(70_000)),
            4 => answer(200, "<html>"),
            5 => token(number, 0),
            _ => token(number, 3_600),
        });
        life.world.pass(3 * MINUTE);
        assert_eq!(life.presented().as_deref(), Some("token-6"), "seed {seed}: {:?}", life.failures.borrow());
        let failures = life.failures.borrow();
        let wanted = ["first_byte_timeout", "idle_timeout", "", "too_large", "no access token", "has expired already"];
        assert_eq!(failures.len(), wanted.len(), "{failures:?}");
        for (reason, wanted) in failures.iter().zip(wanted) {
            assert!(reason.contains(wanted), "{reason} lacks {wanted}");
        }
    }
}

#[test]
fn a_reload_keeps_the_token_of_the_same_identity_alone() {
    let life = Life::begin(0, |number| token(number, 3_600));
    let reloaded = |refresh_token: &str| {
        let identity = Identity::new("vertex", source(refresh_token), Some(&life.identity));
        identity.in_force(life.world.unix_ms()).is_some()
    };
    assert!(reloaded("refresh-token"));
    assert!(!reloaded("another-token"));
}
