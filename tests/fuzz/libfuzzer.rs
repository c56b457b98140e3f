//! Every binary of cargo-fuzz: runs the target that has its name.

#![no_main]
#![allow(unreachable_pub, reason = "one binary, many modules")]

#[allow(dead_code, unused_imports, reason = "what tests/fuzz.rs asks of them besides")]
mod targets;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| (targets::named(env!("CARGO_BIN_NAME")).check)(input));
