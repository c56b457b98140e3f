//! To a provider and back: resolve, pool, TLS, one exchange.
//!
//! Generic over the io layer, so that every way in which a provider can break is played through on
//! memory and virtual time. The one subtle promise lives here: a pooled connection may be closed by the
//! provider in the moment we use it, so a *reused* connection that ends with zero answer bytes is
//! replaced once by a fresh one; after any byte, and after any deadline, never.

mod address;
mod buffers;
mod endpoint;
mod exchange;
mod failure;
mod link;
mod outgoing;
mod pool;
pub mod resolve;
mod sigv4;
mod tls;

pub use buffers::BUFFER_BYTES;
pub use buffers::Buffers;
pub use endpoint::Endpoint;
pub use endpoint::ProviderLink;
pub use exchange::Exchange;
pub use failure::Deadline;
pub use failure::Failure;
pub use failure::Reason;
pub use failure::Stage;
pub use outgoing::Outgoing;
pub use sigv4::Signer;
pub use sigv4::Unsigned;
pub use tls::TlsConfigs;
pub use tls::TlsFault;
pub use tls::TlsStream;

use crate::clock::Tick;
use crate::net;
use crate::net::Net;
use crate::net::Stream;
use crate::wire::http1::ResponseHead;
use buffers::FreeList;
use exchange::Setback;
use link::Link;
use pool::Connection;
use pool::Pool;
use pool::Pools;
use resolve::Resolve;
use resolve::ResolveFault;
use std::cell::Cell;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tls::HandshakeFault;

/// Most addresses of one name that are tried for one request.
const ADDRESSES_MAX: usize = 8;
/// Shortest share of the connect deadline that one of several addresses gets.
const CONNECT_SHARE_MIN: Duration = Duration::from_millis(250);
/// How long the farewell to one idle connection may take.
const FAREWELL_LIMIT: Duration = Duration::from_secs(1);

/// What one shard has done towards its providers so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections opened.
    pub connects: Cell<u64>,
    /// Requests sent on a pooled connection.
    pub reused: Cell<u64>,
    /// Pooled connections found dead before use.
    pub found_dead: Cell<u64>,
    /// Requests replayed because a pooled connection ended without an answer byte.
    pub stale_replays: Cell<u64>,
    /// Full TLS handshakes.
    pub tls_full: Cell<u64>,
    /// Resumed TLS handshakes.
    pub tls_resumed: Cell<u64>,
    /// Exchanges refused because all connections were busy.
    pub pool_full: Cell<u64>,
}

/// What exchanges of one shard share.
struct Shared<N: Net> {
    net: N,
    pools: Pools<N>,
    buffers: Rc<Buffers>,
    heads: FreeList<ResponseHead>,
    counters: Counters,
}

/// The way to all providers, one per shard.
pub struct Upstreams<N: Net, R: Resolve> {
    shared: Rc<Shared<N>>,
    resolver: R,
}

impl<N: Net, R: Resolve> Upstreams<N, R> {
    /// Nothing connected yet.
    pub fn new(net: N, resolver: R) -> Self {
        let shared = Shared {
            net,
            pools: Pools::new(),
            buffers: Rc::new(Buffers::default()),
            heads: FreeList::default(),
            counters: Counters::default(),
        };
        Upstreams { shared: Rc::new(shared), resolver }
    }

    /// Sends `request` (head and body, complete) and returns when the whole head of the answer is
    /// there. `deadline` bounds the whole exchange, the body included. The request's memory is kept for a
    /// replay until the answer has begun.
    pub async fn exchange(
        &self,
        provider: &ProviderLink,
        request: &mut Outgoing<'_>,
        deadline: Tick,
    ) -> Result<Box<Exchange<N>>, Failure> {
        let pool = self.shared.pools.of(provider);
        let Some(exchange) = self.exchange_reused(&pool, provider, deadline) else {
            return Box::pin(self.exchange_fresh(&pool, provider, request, deadline)).await;
        };
        match exchange.begin(request).await {
            Ok(exchange) => Ok(exchange),
            Err(Setback::Stale(_)) if provider.replay_stale => {
                add(&self.shared.counters.stale_replays, 1);
                Box::pin(self.exchange_fresh(&pool, provider, request, deadline)).await
            }
            Err(setback) => Err(setback.failure()),
        }
    }

    /// On a connection from the pool, if one is good.
    fn exchange_reused(&self, pool: &Rc<Pool<N>>, provider: &ProviderLink, deadline: Tick) -> Option<Box<Exchange<N>>> {
        let shared = &self.shared;
        let (reused, dead) = pool.checkout(shared.net.lately());
        if dead > 0 {
            add(&shared.counters.found_dead, dead);
        }
        let connection = reused?;
        add(&shared.counters.reused, 1);
        Some(Exchange::on(shared, connection, provider, deadline))
    }

    async fn exchange_fresh(
        &self,
        pool: &Rc<Pool<N>>,
        provider: &ProviderLink,
        request: &mut Outgoing<'_>,
        deadline: Tick,
    ) -> Result<Box<Exchange<N>>, Failure> {
        let connection = self.connect(pool, provider, deadline).await?;
        let exchange = Exchange::on(&self.shared, connection, provider, deadline);
        exchange.begin(request).await.map_err(Setback::failure)
    }

    /// Opens a connection, TLS included.
    async fn connect(
        &self,
        pool: &Rc<Pool<N>>,
        provider: &ProviderLink,
        deadline: Tick,
    ) -> Result<Connection<N>, Failure> {
        let Some(mut connection) = pool.slot(provider.connections_max) else {
            add(&self.shared.counters.pool_full, 1);
            return Err(Failure::fresh(Stage::Connect, Reason::PoolFull(provider.connections_max)));
        };
        let addresses = self.addresses(provider, deadline).await?;
        let stream = self.connect_any(pool, provider, &addresses, deadline).await?;
        add(&self.shared.counters.connects, 1);
        connection.link = Some(self.secure(stream, provider, deadline).await?);
        Ok(connection)
    }

    async fn addresses(&self, provider: &ProviderLink, deadline: Tick) -> Result<Vec<IpAddr>, Failure> {
        let endpoint = &provider.endpoint;
        if let Some(fixed) = &endpoint.fixed {
            return Ok(fixed.to_vec());
        }
        let failed = |reason| Failure::fresh(Stage::Resolve, reason);
        let limit = remaining(deadline, self.shared.net.lately()).ok_or(failed(Reason::TimedOut(Deadline::Total)))?;
        let resolved = net::timeout(&self.shared.net, limit, self.resolver.resolve(&endpoint.host)).await;
        let addresses = match resolved {
            None => return Err(failed(Reason::TimedOut(Deadline::Total))),
            Some(Err(ResolveFault::TimedOut)) => return Err(failed(Reason::TimedOut(Deadline::Resolve))),
            Some(Err(ResolveFault::Busy)) => return Err(failed(Reason::Exhausted)),
            Some(Err(ResolveFault::NoSuchName | ResolveFault::Failed)) => return Err(failed(Reason::NoAddress)),
            Some(Ok(addresses)) => addresses,
        };
        if !endpoint.allow_private
            && let Some(class) = addresses.iter().find_map(|address| address::not_public(*address))
        {
            return Err(failed(Reason::PrivateAddress(class)));
        }
        Ok(address::interleaved(&addresses))
    }

    /// Tries the addresses in order, the one that last worked first, until one accepts.
    async fn connect_any(
        &self,
        pool: &Pool<N>,
        provider: &ProviderLink,
        addresses: &[IpAddr],
        deadline: Tick,
    ) -> Result<N::Stream, Failure> {
        let good = pool.good_address.get().filter(|good| addresses.contains(good));
        let others = addresses.iter().copied().filter(|address| Some(*address) != good);
        let tried = addresses.len().clamp(1, ADDRESSES_MAX);
        let share = match tried {
            1 => provider.timeouts.connect,
            several => (provider.timeouts.connect / several as u32).max(CONNECT_SHARE_MIN),
        };
        let mut reason = Reason::NoAddress;
        for address in good.into_iter().chain(others).take(tried) {
            let Some(left) = remaining(deadline, self.shared.net.lately()) else {
                reason = Reason::TimedOut(Deadline::Total);
                break;
            };
            let socket = SocketAddr::new(address, provider.endpoint.port);
            reason = match net::timeout(&self.shared.net, share.min(left), self.shared.net.connect(socket)).await {
                Some(Ok(stream)) => {
                    pool.good_address.set(Some(address));
                    return Ok(stream);
                }
                Some(Err(error)) => Reason::of(&error),
                None if left < share => Reason::TimedOut(Deadline::Total),
                None => Reason::TimedOut(Deadline::Connect),
            };
        }
        Err(Failure::fresh(Stage::Connect, reason))
    }

    async fn secure(
        &self,
        stream: N::Stream,
        provider: &ProviderLink,
        deadline: Tick,
    ) -> Result<Link<N::Stream>, Failure> {
        let Some((config, name)) = &provider.tls else { return Ok(Link::Plain(stream)) };
        let failed = |reason| Failure::fresh(Stage::Tls, reason);
        let left = remaining(deadline, self.shared.net.lately()).ok_or(failed(Reason::TimedOut(Deadline::Total)))?;
        let limit = provider.timeouts.tls.min(left);
        let handshake = TlsStream::connect(stream, config.clone(), name.clone(), Rc::clone(&self.shared.buffers));
        match net::timeout(&self.shared.net, limit, handshake).await {
            Some(Ok(tls)) => {
                let counters = &self.shared.counters;
                add(if tls.is_resumed() { &counters.tls_resumed } else { &counters.tls_full }, 1);
                Ok(Link::Tls(Box::new(tls)))
            }
            Some(Err(HandshakeFault::Tls(fault))) => Err(failed(Reason::Tls(fault))),
            Some(Err(HandshakeFault::Io(error))) => Err(failed(Reason::of(&error))),
            None if left < provider.timeouts.tls => Err(failed(Reason::TimedOut(Deadline::Total))),
            None => Err(failed(Reason::TimedOut(Deadline::Tls))),
        }
    }

    /// Closes what has been idle for too long, what the provider has closed, and what was replaced.
    /// The shard calls it every second or so.
    pub async fn sweep(&self, now: Tick) {
        self.farewell(self.shared.pools.sweep(now)).await;
    }

    /// Closes every idle connection: for the end of a drain.
    pub async fn close_idle(&self) {
        self.farewell(self.shared.pools.empty()).await;
    }

    async fn farewell(&self, links: Vec<Link<N::Stream>>) {
        for mut link in links {
            // One that does not take its farewell in time is closed without.
            let _ = net::timeout(&self.shared.net, FAREWELL_LIMIT, link.shutdown()).await;
        }
    }

    /// The shard's buffers: requests are best written into one, it returns after the exchange.
    pub fn buffers(&self) -> Rc<Buffers> {
        Rc::clone(&self.shared.buffers)
    }

    /// For metrics.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Idle and busy connections, all providers together.
    pub fn connections(&self) -> (usize, usize) {
        self.shared.pools.gauges()
    }

    /// The resolver, for its counters.
    pub fn resolver(&self) -> &R {
        &self.resolver
    }
}

fn add(cell: &Cell<u64>, count: u64) {
    cell.set(cell.get() + count);
}

/// What is left until `deadline`; `None` when it has passed.
fn remaining(deadline: Tick, now: Tick) -> Option<Duration> {
    (now < deadline).then(|| deadline.since(now))
}
