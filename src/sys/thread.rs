//! Where a thread runs and how it is scheduled.
//!
//! A shard owns a core; its companion shares that core in the idle class, so that the kernel takes
//! the core back the moment the shard has work. Neither call needs a privilege.

use std::io;
use std::mem;

/// How the kernel ranks a thread against others on its core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// As every ordinary thread.
    Normal,
    /// Ordinary, but with the smallest weight: what is left when the idle class is refused.
    Nice,
    /// Runs only when nobody else wants the core.
    Idle,
}

/// Binds the calling thread to `core`.
///
/// # Errors
/// Fails when the process may not run on `core` (affinity mask, cpuset).
pub fn pin_to_core(core: usize) -> io::Result<()> {
    // SAFETY: a `cpu_set_t` is a plain bit array, for which all zeroes is a valid value.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    if core >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("core {core} is beyond the kernel's mask")));
    }
    // SAFETY: `core` was checked to lie inside the set.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: the kernel reads `size_of::<cpu_set_t>()` bytes from a live set; 0 is the calling thread.
    check(unsafe { libc::sched_setaffinity(0, mem::size_of::<libc::cpu_set_t>(), &set) })
}

/// The cores the calling thread may run on, ascending.
///
/// # Errors
/// Fails when the kernel does not tell.
pub fn allowed_cores() -> io::Result<Vec<usize>> {
    // SAFETY: a `cpu_set_t` is a plain bit array, for which all zeroes is a valid value.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the kernel writes at most `size_of::<cpu_set_t>()` bytes into a live set; 0 is the calling thread.
    check(unsafe { libc::sched_getaffinity(0, mem::size_of::<libc::cpu_set_t>(), &mut set) })?;
    // SAFETY: every index lies below the size of the set.
    Ok((0..libc::CPU_SETSIZE as usize).filter(|&core| unsafe { libc::CPU_ISSET(core, &set) }).collect())
}

/// Moves the calling thread to the idle class, or to nice 19 where that is refused.
///
/// # Errors
/// Fails when both are refused; the thread then stays as it was.
pub fn yield_to_everyone() -> io::Result<Class> {
    let nothing = libc::sched_param { sched_priority: 0 };
    // SAFETY: the kernel reads one live `sched_param`; 0 is the calling thread.
    if check(unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &nothing) }).is_ok() {
        return Ok(Class::Idle);
    }
    // SAFETY: takes no pointer; on Linux 0 means the calling thread, not its process.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) })?;
    Ok(Class::Nice)
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Processor time this thread has used so far.
pub fn cpu_time() -> std::time::Duration {
    let mut spent = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `spent` is writable and outlives the call; a failure leaves it zero.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut spent) };
    std::time::Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_pinned_thread_may_run_on_its_core_only() {
        let cores = thread::spawn(|| {
            let core = *allowed_cores().expect("the kernel tells").last().expect("at least one core");
            pin_to_core(core).expect("an allowed core");
            (core, allowed_cores().expect("the kernel tells"))
        });
        let (core, left) = cores.join().expect("no panic");
        assert_eq!(left, vec![core]);
    }

    #[test]
    fn impossible_cores_are_refused() {
        assert!(pin_to_core(usize::MAX).is_err());
        assert!(pin_to_core(libc::CPU_SETSIZE as usize - 1).is_err());
    }

    #[test]
    fn only_the_calling_thread_changes_its_class() {
        let class = thread::spawn(|| {
            let class = yield_to_everyone().expect("needs no privilege");
            // SAFETY: takes no pointer; 0 is the calling thread.
            (class, unsafe { libc::sched_getscheduler(0) })
        });
        let (class, kernel) = class.join().expect("no panic");
        assert!(class != Class::Idle || kernel == libc::SCHED_IDLE);
        // SAFETY: takes no pointer; 0 is the calling thread.
        assert_ne!(unsafe { libc::sched_getscheduler(0) }, libc::SCHED_IDLE);
    }
}
