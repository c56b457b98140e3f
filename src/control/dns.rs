//! Names into addresses, the control thread's side.
//!
//! Shards must never block, and a lookup is the classic way to do so unawares; here it may take its
//! time. The system's configuration decides (`resolv.conf`, `/etc/hosts`), so that a name means here
//! what it means to every other program of the machine.

use crate::upstream::resolve::Addresses;
use crate::upstream::resolve::Answer;
use crate::upstream::resolve::Question;
use crate::upstream::resolve::Questions;
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
