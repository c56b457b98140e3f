//! The control thread: everything that may take its time and never carries a request. One tokio
//! runtime answers the shards' DNS questions and the admin listener; a second thread writes request
//! logs, because a disk may block.

pub mod admin;
pub mod demo;
pub mod dns;
pub mod request_log;

use crate::observe::Log;
use crate::upstream::resolve::Questions;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How often freed memory is given back to the system.
const MEMORY_INTERVAL: Duration = Duration::from_secs(2);

/// Starts the control thread; it runs until the process ends.
pub fn start(
    questions: Arc<Questions>,
    admin: Option<(TcpListener, admin::Admin)>,
    log: Log,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("control".to_owned()).spawn(move || {
        runtime.block_on(async move {
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
                    dns.serve(questions).await;
                }
                Err(reason) => {
                    log.error(&reason, &[]);
                    std::future::pending::<()>().await;
                }
            }
        });
    })
}

/// The allocator looks for memory to give back only when it needs some itself. After a burst of large
/// bodies the process would stay as large as it was in its worst moment.
async fn give_memory_back() {
    loop {
        tokio::time::sleep(MEMORY_INTERVAL).await;
        crate::sys::memory::give_back();
    }
}
