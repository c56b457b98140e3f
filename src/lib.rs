//! Ringgate: an LLM gateway built as a thread-per-core proxy on io_uring.
//!
//! The modules are layers; each may import only from the layers above it in this list, never
//! sideways and never downward in it. `tests/layering.rs` holds the table.
//!
//! | layer | modules |
//! |--:|---|
//! | 0 | [`fault`], [`clock`], [`chat`]: words |
//! | 1 | [`wire`], [`net`], [`config`], [`observe`], [`sys`]: bytes in, bytes out |
//! | 2 | [`dialects`], [`keys`], [`limits`], [`cache`], [`classify`]: judges, given `now` |
//! | 3 | [`providers`], [`routing`], [`embed`]: choices and compute |
//! | 4 | [`upstream`]: resolve, pool, TLS, exchange |
//! | 5 | [`identity`]: credentials that are fetched and renewed |
//! | 6 | [`gateway`]: the story of one request |
//! | 7 | [`shard`], [`control`]: the machine |

pub mod chat;
pub mod clock;
pub mod fault;

pub mod config;
pub mod net;
pub mod observe;
#[allow(unsafe_code)]
pub mod sys;
pub mod wire;

pub mod cache;
pub mod classify;
pub mod dialects;
pub mod keys;
pub mod limits;

pub mod embed;
pub mod providers;
pub mod routing;

pub mod upstream;

pub mod identity;

pub mod gateway;

pub mod control;
pub mod shard;
