//! The only module that may say `unsafe`: what the standard library does not offer of the kernel.

pub mod memory;
pub mod process;
pub mod socket;
pub mod thread;
