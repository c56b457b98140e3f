//! Process-wide switches: signals, and keeping memory with keys out of core dumps.

use std::env;
use std::fs;
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

/// Physical memory this process holds, bytes; 0 when the kernel does not say.
pub fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE_BYTES
}

/// Sets the environment variable `name` of this process unless it already has `value`.
///
/// # Errors
/// Fails when more than one thread runs: call it first thing in `main`.
pub fn set_variable(name: &str, value: &str) -> io::Result<()> {
    if env::var_os(name).is_some_and(|present| present == value) {
        return Ok(());
    }
    if threads()? != 1 {
        return Err(io::Error::other(format!("{name} can only be set before the first thread starts")));
    }
    // SAFETY: this is the only thread of the process, so nobody reads or writes the environment meanwhile.
    unsafe { env::set_var(name, value) };
    Ok(())
}

fn threads() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/task")?.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_not_touched_beside_other_threads() {
        let refusal = std::thread::scope(|scope| {
            scope.spawn(|| set_variable("RINGGATE_TEST_NEVER_SET", "1")).join().expect("no panic")
        });
        assert!(refusal.is_err());
        assert!(env::var_os("RINGGATE_TEST_NEVER_SET").is_none());
    }

    #[test]
    fn a_variable_that_already_holds_the_value_is_fine() {
        let (name, value) = env::vars().find(|(_, value)| !value.is_empty()).expect("some variable is set");
        assert!(set_variable(&name, &value).is_ok());
    }
}
