//! Process-wide switches: signals, and keeping memory with keys out of core dumps.

use std::io;

/// A signal the gateway acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Finish what runs, then exit (SIGTERM, SIGINT).
    Stop,
    /// Read the configuration again (SIGHUP).
    Reload,
}

/// Blocks SIGTERM, SIGINT and SIGHUP in this thread and all it will start, so that [`wait_for_signal`]
/// alone receives them. SIGPIPE is ignored: a gone peer is an error of the write.
pub fn block_signals() -> io::Result<()> {
    let set = signal_set();
    // SAFETY: `set` is initialised; the old mask is not asked for.
    let code = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

/// Waits until one of the blocked signals arrives.
pub fn wait_for_signal() -> io::Result<Signal> {
    let set = signal_set();
    let mut signal: libc::c_int = 0;
    // SAFETY: `set` is initialised and `signal` is writable.
    let code = unsafe { libc::sigwait(&raw const set, &raw mut signal) };
    match code {
        0 if signal == libc::SIGHUP => Ok(Signal::Reload),
        0 => Ok(Signal::Stop),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

fn signal_set() -> libc::sigset_t {
    // SAFETY: an all-zero sigset_t is a valid object to hand to sigemptyset, which initialises it; the
    // signal numbers are constants of this platform.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
            libc::sigaddset(&raw mut set, signal);
        }
        set
    }
}

/// Keeps this process's memory, which holds provider keys, out of core dumps and from other
/// processes of the same user.
pub fn forbid_dumps() {
    // SAFETY: takes no pointers.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
}

/// Raises the soft limit of open files to the hard one: a proxy needs two per request in flight.
/// Returns the limit now in force.
pub fn raise_file_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is writable and outlives both calls.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return 0;
        }
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max };
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) == 0 { raised.rlim_cur } else { limit.rlim_cur }
    }
}

/// Cores this process may run on, in order.
pub fn allowed_cores() -> Vec<usize> {
    // SAFETY: an all-zero cpu_set_t is valid; the kernel fills at most the size given; CPU_ISSET reads
    // inside it because `core` is below its bit count.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) != 0 {
            return vec![0];
        }
        (0..libc::CPU_SETSIZE as usize).filter(|core| libc::CPU_ISSET(*core, &set)).collect()
    }
}
