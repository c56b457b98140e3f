//! Names into addresses, the control thread's side.
//!
//! Shards must never block, and a lookup is the classic way to do so unawares; here it may take its
//! time. The system's configuration decides (`resolv.conf`, `/etc/hosts`), so that a name means here
//! what it means to every other program of the machine.

use crate::upstream::resolve::Addresses;
use crate::upstream::resolve::Answer;
use crate::upstream::resolve::Question;
use crate::upstream::resolve::Questions;
use crate::upstream::resolve::Resolve;
use crate::upstream::resolve::ResolveFault;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolverConfig;
use hickory_resolver::lookup_ip::LookupIp;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long one lookup may take, all servers and retries together.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);
/// How long one server may take, so that a dead one leaves time for the next.
const SERVER_LIMIT: Duration = Duration::from_secs(2);
/// Shortest time to live that is honoured: below it a shard would ask for every connection.
const TTL_MIN: Duration = Duration::from_secs(5);
/// Longest time to live that is honoured: a provider that moves is found again within it.
const TTL_MAX: Duration = Duration::from_secs(3600);
/// Most addresses of one name that are kept.
const ADDRESSES_MAX: usize = 32;
/// Lookups under way at the same time.
const LOOKUPS_MAX: usize = 64;

/// The resolver of this machine.
#[derive(Clone)]
pub struct Dns {
    resolver: TokioResolver,
}

impl Dns {
    /// The resolver that the system's configuration describes. Where there is no usable one, only
    /// `/etc/hosts` is known, and the second value says why.
    pub fn system() -> Result<(Dns, Option<String>), String> {
        let (mut builder, complaint) = match TokioResolver::builder_tokio() {
            Ok(builder) => (builder, None),
            Err(error) => {
                let builder =
                    TokioResolver::builder_with_config(ResolverConfig::default(), TokioRuntimeProvider::default());
                (builder, Some(format!("no DNS servers are known, only /etc/hosts is: {error}")))
            }
        };
        let options = builder.options_mut();
        options.timeout = options.timeout.min(SERVER_LIMIT);
        options.try_tcp_on_error = true;
        options.positive_min_ttl = Some(TTL_MIN);
        options.positive_max_ttl = Some(TTL_MAX);
        let resolver = builder.build().map_err(|error| format!("the DNS resolver cannot be set up: {error}"))?;
        Ok((Dns { resolver }, complaint))
    }

    /// Answers the shards' questions for ever. Runs on the control thread's runtime.
    pub async fn serve(self, questions: Arc<Questions>) {
        let under_way = Arc::new(Semaphore::new(LOOKUPS_MAX));
        loop {
            // A closed semaphore cannot be: nobody closes it.
            let Ok(permit) = Arc::clone(&under_way).acquire_owned().await else { return };
            let question = questions.next().await;
            let dns = self.clone();
            tokio::spawn(async move {
                dns.answer(question).await;
                drop(permit);
            });
        }
    }

    async fn answer(&self, question: Question) {
        let answer = self.lookup(question.host()).await;
        question.answer(answer);
    }

    /// The addresses of `host`, within five seconds.
    pub async fn lookup(&self, host: &str) -> Answer {
        match tokio::time::timeout(LOOKUP_LIMIT, self.resolver.lookup_ip(host)).await {
            Err(_) => Err(ResolveFault::TimedOut),
            Ok(Err(error)) if error.is_no_records_found() => Err(ResolveFault::NoSuchName),
            Ok(Err(_)) => Err(ResolveFault::Failed),
            Ok(Ok(found)) => addresses_of(&found),
        }
    }
}

impl Resolve for Dns {
    async fn resolve(&self, host: &str) -> Result<Arc<[IpAddr]>, ResolveFault> {
        self.lookup(host).await.map(|found| found.all)
    }
}

fn addresses_of(found: &LookupIp) -> Answer {
    let mut all: Vec<IpAddr> = Vec::new();
    for address in found.iter() {
        if all.len() < ADDRESSES_MAX && !all.contains(&address) {
            all.push(address);
        }
    }
    if all.is_empty() {
        return Err(ResolveFault::NoSuchName);
    }
    let left = found.valid_until().saturating_duration_since(tokio::time::Instant::now().into_std());
    Ok(Addresses { all: all.into(), ttl: left.clamp(TTL_MIN, TTL_MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::clock::Tick;
    use crate::upstream::resolve::CachedResolver;
    use hickory_resolver::config::ConnectionConfig;
    use hickory_resolver::config::NameServerConfig;
    use std::net::Ipv4Addr;
    use tokio::net::UdpSocket;

    const TYPE_A: u16 = 1;

    /// The answer to `query`: addresses for `A` questions, nothing for others, by the first label.
    fn response(query: &[u8]) -> Vec<u8> {
        let name_bytes = query[12..].iter().position(|byte| *byte == 0).expect("a name ends") + 1;
        let question = &query[12..12 + name_bytes + 4];
        let kind = u16::from_be_bytes([question[name_bytes], question[name_bytes + 1]]);
        let label = &question[1..1 + question[0] as usize];
        let (code, addresses): (u8, &[[u8; 4]]) = match label {
            b"missing" => (3, &[]),
            b"broken" => (2, &[]),
            _ if kind == TYPE_A => (0, &[[1, 1, 1, 1], [1, 0, 0, 1]]),
            _ => (0, &[]),
        };
        let mut out = query[..2].to_vec();
        out.extend_from_slice(&[0x81, 0x80 | code, 0, 1, 0, addresses.len() as u8, 0, 0, 0, 0]);
        out.extend_from_slice(question);
        let ttl: u32 = if label == b"hasty" { 0 } else { 300 };
        for address in addresses {
            out.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1]);
            out.extend_from_slice(&ttl.to_be_bytes());
            out.extend_from_slice(&[0, 4]);
            out.extend_from_slice(address);
        }
        out
    }

    /// A resolver that knows one name server, which answers from [`response`].
    async fn against_a_name_server() -> Dns {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback exists");
        let mut connection = ConnectionConfig::udp();
        connection.port = socket.local_addr().expect("it is bound").port();
        tokio::spawn(async move {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query).await {
                let _ = socket.send_to(&response(&query[..length]), from).await;
            }
        });
        let server = NameServerConfig::new(IpAddr::V4(Ipv4Addr::LOCALHOST), true, vec![connection]);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        Dns { resolver: builder.build().expect("a sound configuration") }
    }

    fn on_the_control_thread<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime can be built").block_on(future)
    }

    #[test]
    fn answers_keep_order_and_a_bounded_time_to_live() {
        on_the_control_thread(async {
            let dns = against_a_name_server().await;
            let usual = dns.lookup("api.acme.test.").await.expect("it is known");
            assert_eq!(&usual.all[..], [IpAddr::from([1, 1, 1, 1]), IpAddr::from([1, 0, 0, 1])]);
            assert!(usual.ttl > TTL_MIN && usual.ttl <= Duration::from_secs(300), "{:?}", usual.ttl);
            assert_eq!(dns.lookup("hasty.acme.test.").await.expect("it is known").ttl, TTL_MIN);
        });
    }

    #[test]
    fn failures_are_told_apart() {
        on_the_control_thread(async {
            let dns = against_a_name_server().await;
            assert_eq!(dns.lookup("missing.acme.test.").await, Err(ResolveFault::NoSuchName));
            assert_eq!(dns.lookup("broken.acme.test.").await, Err(ResolveFault::Failed));
        });
    }

    #[derive(Clone)]
    struct TokioClock;

    impl Clock for TokioClock {
        fn now(&self) -> Tick {
            Tick(0)
        }

        fn unix_ms(&self) -> u64 {
            0
        }

        async fn sleep(&self, duration: Duration) {
            tokio::time::sleep(duration).await;
        }
    }

    #[test]
    fn a_shard_on_another_thread_is_answered() {
        let questions = Arc::new(Questions::default());
        let asked = Arc::clone(&questions);
        let shard = std::thread::spawn(move || {
            on_the_control_thread(async {
                let resolver = CachedResolver::new(TokioClock, asked);
                let found = resolver.resolve("api.acme.test.").await.map(|found| found.len());
                let missing = resolver.resolve("missing.acme.test.").await.map(|found| found.len());
                (found, missing)
            })
        });
        on_the_control_thread(async {
            let dns = against_a_name_server().await;
            let serving = tokio::spawn(dns.serve(questions));
            while !shard.is_finished() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            serving.abort();
        });
        let answers = shard.join().expect("the shard does not panic");
        assert_eq!(answers, (Ok(2), Err(ResolveFault::NoSuchName)));
    }
}
