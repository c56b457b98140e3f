//! What must be true of the whole process before its first thread starts.
//!
//! Changing the environment while another thread may read it is undefined behaviour, so the only
//! function here proves that there is no other thread before it writes.

use std::env;
use std::fs;
use std::io;

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
