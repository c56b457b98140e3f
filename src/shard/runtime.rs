//! The ring, and what to do where there is none.
//!
//! COOP_TASKRUN is the largest single saving (a quarter of a request's CPU). monoio's own probe tests
//! operations, not set-up flags, so an old kernel fails only when building: flags, then no flags, then
//! epoll.

use monoio::IoUringDriver;
use monoio::LegacyDriver;
use monoio::RuntimeBuilder;
use monoio::time::TimeDriver;
use std::future::Future;

/// Ring entries; more operations than this in one turn are submitted in several calls.
const RING_ENTRIES: u32 = 4096;

/// The kernel interface in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// io_uring with cooperative task running.
    IoUringCooperative,
    /// io_uring as older kernels have it.
    IoUring,
    /// epoll.
    Epoll,
}

impl Driver {
    /// For logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Driver::IoUringCooperative | Driver::IoUring => "io_uring",
            Driver::Epoll => "epoll",
        }
    }
}

/// One of the two runtimes.
pub(super) enum Runtime {
    Ring(monoio::Runtime<TimeDriver<IoUringDriver>>),
    Epoll(monoio::Runtime<TimeDriver<LegacyDriver>>),
}

impl Runtime {
    pub(super) fn block_on<F: Future<Output = ()> + 'static>(&mut self, future: F) {
        match self {
            Runtime::Ring(runtime) => runtime.block_on(future),
            Runtime::Epoll(runtime) => runtime.block_on(future),
        }
    }
}

/// The best runtime this kernel allows. `MONOIO_FORCE_LEGACY_DRIVER=1` asks for epoll.
pub(super) fn build(require_io_uring: bool) -> Result<(Driver, Runtime), String> {
    let forced = std::env::var_os("MONOIO_FORCE_LEGACY_DRIVER").is_some_and(|value| value == "1");
    let mut reason = "MONOIO_FORCE_LEGACY_DRIVER=1 is set".to_owned();
    if !forced {
        let mut cooperative = io_uring::IoUring::builder();
        cooperative.setup_coop_taskrun();
        for (driver, flags) in
            [(Driver::IoUringCooperative, cooperative), (Driver::IoUring, io_uring::IoUring::builder())]
        {
            let builder = RuntimeBuilder::<IoUringDriver>::new().with_entries(RING_ENTRIES).uring_builder(flags);
            match builder.enable_timer().build() {
                Ok(runtime) => return Ok((driver, Runtime::Ring(runtime))),
                Err(error) => reason = error.to_string(),
            }
        }
    }
    if require_io_uring {
        return Err(format!("server.require_io_uring is set, but io_uring cannot be used: {reason}"));
    }
    let runtime = RuntimeBuilder::<LegacyDriver>::new().enable_timer().build();
    let runtime = runtime.map_err(|error| format!("neither io_uring ({reason}) nor epoll can be used: {error}"))?;
    Ok((Driver::Epoll, Runtime::Epoll(runtime)))
}
