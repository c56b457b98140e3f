//! Connections that wait for their next request, per shard and endpoint.
//!
//! Last in, first out: the warmest connection is used again and the surplus ages until the sweep closes
//! it, so the pool shrinks to what the load needs. Before reuse a look at the peer: a provider that has
//! closed, or that speaks unasked, is not spoken to.

use crate::clock::Tick;
use crate::net::Net;
use crate::net::Peer;
use crate::net::Stream;
use crate::upstream::endpoint::ProviderLink;
use crate::upstream::link::Link;
use hashbrown::HashMap;
use std::cell::Cell;
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// Most replaced connections that wait for the sweep to close them politely; more are just dropped.
const RETIRED_MAX: usize = 64;

struct Idle<S: Stream> {
    link: Link<S>,
    since: Tick,
}

/// The connections of one shard to one endpoint.
pub(super) struct Pool<N: Net> {
    idle: RefCell<Vec<Idle<N::Stream>>>,
    retired: RefCell<Vec<Link<N::Stream>>>,
    busy: Cell<usize>,
    idle_max: Cell<usize>,
    idle_timeout: Cell<Duration>,
    /// The address that last accepted a connection: tried first, so that a dead one is paid for once.
    pub(super) good_address: Cell<Option<IpAddr>>,
}

impl<N: Net> Pool<N> {
    fn new() -> Self {
        Pool {
            idle: RefCell::new(Vec::new()),
            retired: RefCell::new(Vec::new()),
            busy: Cell::new(0),
            idle_max: Cell::new(0),
            idle_timeout: Cell::new(Duration::ZERO),
            good_address: Cell::new(None),
        }
    }

    /// The warmest connection that is still good. The second value counts those found dead.
    pub(super) fn checkout(self: &Rc<Self>, now: Tick) -> (Option<Connection<N>>, u64) {
        let mut dead = 0;
        loop {
            let Some(idle) = self.idle.borrow_mut().pop() else { return (None, dead) };
            if now.since(idle.since) > self.idle_timeout.get() {
                self.retire(idle.link);
            } else if idle.link.peer() == Peer::Quiet {
                let mut connection = self.lease();
                connection.link = Some(idle.link);
                connection.reused = true;
                return (Some(connection), dead);
            } else {
                dead += 1;
            }
        }
    }

    /// The right to open one more connection, if the bound allows it.
    pub(super) fn slot(self: &Rc<Self>, connections_max: usize) -> Option<Connection<N>> {
        (self.busy.get() < connections_max).then(|| self.lease())
    }

    fn lease(self: &Rc<Self>) -> Connection<N> {
        self.busy.set(self.busy.get() + 1);
        Connection { link: None, pool: Rc::clone(self), reused: false }
    }

    fn retire(&self, link: Link<N::Stream>) {
        let mut retired = self.retired.borrow_mut();
        if retired.len() < RETIRED_MAX {
            retired.push(link);
        }
    }

    fn put(&self, link: Link<N::Stream>, now: Tick) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.idle_max.get() {
            idle.push(Idle { link, since: now });
            return;
        }
        drop(idle);
        self.retire(link);
    }

    /// Moves everything that should be closed into `closing`: the expired, the dead, the retired.
    fn sweep(&self, now: Tick, closing: &mut Vec<Link<N::Stream>>) {
        let timeout = self.idle_timeout.get();
        let mut idle = self.idle.borrow_mut();
        let overdue = idle.extract_if(.., |idle| now.since(idle.since) > timeout || idle.link.peer() != Peer::Quiet);
        closing.extend(overdue.map(|idle| idle.link));
        closing.append(&mut self.retired.borrow_mut());
    }

    fn is_unused(&self) -> bool {
        self.busy.get() == 0 && self.idle.borrow().is_empty()
    }
}

/// One connection in use. Dropped before its exchange is complete it is aborted: that is how a request is
/// cancelled, and what keeps a half-read answer out of the pool.
pub(super) struct Connection<N: Net> {
    pub(super) link: Option<Link<N::Stream>>,
    pool: Rc<Pool<N>>,
    pub(super) reused: bool,
}

impl<N: Net> Connection<N> {
    /// The stream of an established connection.
    pub(super) fn link(&mut self) -> &mut Link<N::Stream> {
        self.link.as_mut().expect("a connection has its link until it is given back")
    }

    /// Gives the connection back for the next request.
    pub(super) fn pool(mut self, now: Tick) {
        if let Some(link) = self.link.take() {
            self.pool.put(link, now);
        }
    }

    /// Has the connection closed politely by the next sweep.
    pub(super) fn retire(mut self) {
        if let Some(link) = self.link.take() {
            self.pool.retire(link);
        }
    }
}

impl<N: Net> Drop for Connection<N> {
    fn drop(&mut self) {
        self.pool.busy.set(self.pool.busy.get() - 1);
        if let Some(link) = &mut self.link {
            link.abort();
        }
    }
}

/// All pools of one shard.
pub(super) struct Pools<N: Net> {
    by_key: RefCell<HashMap<String, Rc<Pool<N>>>>,
}

impl<N: Net> Pools<N> {
    pub(super) fn new() -> Self {
        Pools { by_key: RefCell::new(HashMap::new()) }
    }

    /// The pool of the provider's endpoint, under the provider's present bounds.
    pub(super) fn of(&self, provider: &ProviderLink) -> Rc<Pool<N>> {
        let mut by_key = self.by_key.borrow_mut();
        let pool = match by_key.get(&provider.endpoint.key) {
            Some(pool) => Rc::clone(pool),
            None => Rc::clone(by_key.entry_ref(&provider.endpoint.key).or_insert_with(|| Rc::new(Pool::new()))),
        };
        pool.idle_max.set(provider.pool_idle_max);
        pool.idle_timeout.set(provider.pool_idle_timeout);
        pool
    }

    /// Takes out every connection that should be closed, and forgets pools nobody uses.
    pub(super) fn sweep(&self, now: Tick) -> Vec<Link<N::Stream>> {
        let mut closing = Vec::new();
        self.by_key.borrow_mut().retain(|_, pool| {
            pool.sweep(now, &mut closing);
            !(pool.is_unused() && Rc::strong_count(pool) == 1)
        });
        closing
    }

    /// Takes out every idle connection.
    pub(super) fn empty(&self) -> Vec<Link<N::Stream>> {
        let mut closing = Vec::new();
        for pool in self.by_key.borrow().values() {
            closing.extend(pool.idle.borrow_mut().drain(..).map(|idle| idle.link));
            closing.append(&mut pool.retired.borrow_mut());
        }
        closing
    }

    /// Idle and busy connections of all pools.
    pub(super) fn gauges(&self) -> (usize, usize) {
        let by_key = self.by_key.borrow();
        by_key.values().fold((0, 0), |(idle, busy), pool| (idle + pool.idle.borrow().len(), busy + pool.busy.get()))
    }
}
