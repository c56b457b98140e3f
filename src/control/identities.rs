//! Who renews the credentials of which providers: one task each on the control thread, so that no shard
//! ever waits for a token. A reload ends all of them and starts those of the new deployment, which go on
//! from the credentials there are.

use super::dns::Dns;
use super::sockets::Sockets;
use crate::clock::Clock;
use crate::identity::Identity;
use crate::identity::Renewal;
use crate::identity::renew;
use crate::observe::Id;
use crate::observe::Log;
use crate::observe::Registry;
use crate::observe::log::Fields;
use crate::upstream::Upstreams;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;

/// Orders that may wait for the control thread: one is given at a time.
const ORDERS_MAX: usize = 1;
/// How long the first credentials are waited for at start and at a reload. Then requests come, and those that need
/// one that is missing are told so.
const FIRST_CREDENTIAL_PATIENCE: Duration = Duration::from_secs(5);

/// The giving end: whose credentials are to be renewed.
pub struct Identities {
    orders: Sender<Order>,
}

/// What the control thread is to renew from now on.
pub(super) struct Order {
    wanted: Vec<Arc<Identity>>,
    /// Held by everybody whose first attempt has not ended; nothing is ever sent.
    unsettled: mpsc::Sender<Infallible>,
}

/// Both ends of the way to the control thread.
pub(super) fn orders() -> (Identities, Receiver<Order>) {
    let (orders, ordered) = tokio::sync::mpsc::channel(ORDERS_MAX);
    (Identities { orders }, ordered)
}

impl Identities {
    /// Renews the credentials of these and of nobody else. Returns when each has one or was tried once, or after five
    /// seconds. Not for a thread with a runtime.
    pub fn renew<'i>(&self, wanted: impl Iterator<Item = &'i Arc<Identity>>) {
        let (unsettled, settled) = mpsc::channel();
        let order = Order { wanted: wanted.cloned().collect(), unsettled };
        if self.orders.blocking_send(order).is_ok() {
            let _either_way_requests_come = settled.recv_timeout(FIRST_CREDENTIAL_PATIENCE);
        }
    }
}

/// With what, and telling whom.
pub(super) struct Means<C> {
    pub(super) clock: C,
    pub(super) dns: Dns,
    pub(super) registry: Arc<Registry>,
    pub(super) log: Log,
}

/// Follows orders until nobody can give any. Runs on the control thread's runtime, within a local set.
pub(super) async fn serve<C: Clock + Clone + 'static>(mut ordered: Receiver<Order>, means: Means<C>) {
    let net = Sockets(means.clock.clone());
    let upstreams = Rc::new(Upstreams::new(net.clone(), means.dns.clone()));
    let means = Rc::new(means);
    let mut renewed: Vec<Arc<Identity>> = Vec::new();
    let mut tasks = JoinSet::new();
    while let Some(Order { wanted, unsettled }) = ordered.recv().await {
        tasks.shutdown().await;
        for identity in renewed.drain(..) {
            means.registry.withdraw(Id::CredentialExpiry, &[identity.provider()]);
        }
        for identity in &wanted {
            let has_none = identity.in_force(means.clock.unix_ms()).is_none();
            let witness = Witness {
                identity: Arc::clone(identity),
                means: Rc::clone(&means),
                unsettled: Cell::new(has_none.then(|| unsettled.clone())),
                is_troubled: Cell::new(has_none),
            };
            witness.provide_expiry();
            let (net, upstreams) = (net.clone(), Rc::clone(&upstreams));
            tasks.spawn_local(async move {
                renew(&witness.identity, &net, &upstreams, random, |renewal| witness.saw(&renewal)).await;
            });
        }
        renewed = wanted;
    }
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    // It only scatters renewals.
    let _ = SystemRandom::new().fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}

/// Tells what becomes of one identity's credentials.
struct Witness<C> {
    identity: Arc<Identity>,
    means: Rc<Means<C>>,
    unsettled: Cell<Option<mpsc::Sender<Infallible>>>,
    /// Is the next success worth a line?
    is_troubled: Cell<bool>,
}

impl<C: Clock> Witness<C> {
    fn provide_expiry(&self) {
        let identity = Arc::clone(&self.identity);
        let expiry_ns = move || identity.expires_unix_ms().unwrap_or_default().saturating_mul(1_000_000);
        self.means.registry.provide(Id::CredentialExpiry, &[self.identity.provider()], expiry_ns);
    }

    fn saw(&self, renewal: &Renewal) {
        let provider = self.identity.provider();
        let outcome = if matches!(renewal, Renewal::Done) { "ok" } else { "failed" };
        self.means.registry.counter(Id::CredentialRenewals, &[provider, outcome]).add(1);
        let now_unix_ms = self.means.clock.unix_ms();
        let expires_unix_ms = self.identity.expires_unix_ms().unwrap_or_default();
        let left_s = expires_unix_ms.saturating_sub(now_unix_ms) / 1_000;
        let log = &self.means.log;
        match renewal {
            Renewal::Done if self.is_troubled.replace(false) => {
                log.info("a credential was fetched", &[("provider", &provider), ("expires_in_s", &left_s)]);
            }
            Renewal::Done => {
                log.debug("a credential was renewed", &[("provider", &provider), ("expires_in_s", &left_s)]);
            }
            Renewal::Failed { reason, retry_in } => {
                self.is_troubled.set(true);
                let retry_in_s = retry_in.as_secs_f64();
                let fields: Fields<'_> = &[
                    ("provider", &provider),
                    ("reason", reason),
                    ("retry_in_s", &retry_in_s),
                    ("last_one_expires_in_s", &left_s),
                ];
                match self.identity.in_force(now_unix_ms) {
                    Some(_) => log.warn("a credential cannot be renewed; the last one serves on", fields),
                    None => log.error("a credential cannot be fetched; its provider cannot be asked", &fields[..3]),
                }
            }
        }
        self.unsettled.set(None);
    }
}
