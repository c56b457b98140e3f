//! The control thread: everything that may take its time and never carries a request. One tokio
//! runtime answers the shards' DNS questions and the admin listener, and renews the credentials that
//! clouds give for an hour; a second thread writes request logs, because a disk may block.

pub mod admin;
pub mod demo;
pub mod dns;
mod identities;
pub mod request_log;
mod sockets;

pub use identities::Identities;

use crate::clock::Clock;
use crate::observe::Log;
use crate::observe::Registry;
use crate::upstream::resolve::Questions;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::task::LocalSet;

/// How often freed memory is given back to the system.
const MEMORY_INTERVAL: Duration = Duration::from_secs(2);

/// What the control thread is made of.
pub struct Spec<C> {
    /// The shards' questions for addresses.
    pub questions: Arc<Questions>,
    /// The admin listener and what it can tell.
    pub admin: Option<(TcpListener, admin::Admin)>,
    /// Metrics.
    pub registry: Arc<Registry>,
    /// Lines for people.
    pub log: Log,
    /// The machine's clock.
    pub clock: C,
}

/// Starts the control thread, which runs until the process ends. What is returned tells it whose credentials to renew.
pub fn start<C: Clock + Clone + Send + 'static>(spec: Spec<C>) -> io::Result<Identities> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (identities, ordered) = identities::orders();
    std::thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || LocalSet::new().block_on(&runtime, run(spec, ordered)))?;
    Ok(identities)
}

async fn run<C: Clock + Clone + 'static>(spec: Spec<C>, ordered: Receiver<identities::Order>) {
    let Spec { questions, admin, registry, log, clock } = spec;
    if let Some((listener, admin)) = admin {
        let log = log.clone();
        tokio::spawn(async move {
            if let Err(error) = admin::serve(listener, admin).await {
                log.error("the admin listener failed", &[("error", &error)]);
            }
        });
    }
    tokio::spawn(give_memory_back());
    match dns::Dns::system() {
        Ok((dns, complaint)) => {
            if let Some(complaint) = complaint {
                log.warn(&complaint, &[]);
            }
            let means = identities::Means { clock, dns: dns.clone(), registry, log };
            tokio::task::spawn_local(identities::serve(ordered, means));
            dns.serve(questions).await;
        }
        Err(reason) => {
            log.error(&reason, &[]);
            // Whoever gives orders must not wait for somebody to take them.
            drop(ordered);
            std::future::pending::<()>().await;
        }
    }
}

/// The allocator looks for memory to give back only when it needs some itself. After a burst of large
/// bodies the process would stay as large as it was in its worst moment.
async fn give_memory_back() {
    loop {
        tokio::time::sleep(MEMORY_INTERVAL).await;
        crate::sys::memory::give_back();
    }
}
