//! Every binary of cargo-fuzz: runs the target that has its name.

#![no_main]

mod targets;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| (targets::named(env!("CARGO_BIN_NAME")).check)(input));
