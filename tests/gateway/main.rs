//! The gateway as callers, providers and operators meet it: the real binary, real sockets, and every case
//! on io_uring and again on epoll, because the fallback must not be a second-class gateway.
//!
//! `process`, `provider` and `caller` are the three parties; everything else is what they play out. Two
//! things are checked in every case without being asked for: whatever a provider receives is one
//! unambiguous request, and no secret appears in an answer or on standard error.

#![allow(clippy::disallowed_methods, reason = "real sockets run on the real clock")]
#![allow(unreachable_pub, reason = "one binary, many modules")]

mod api_keys;
mod azure;
mod caching;
mod caller;
mod citations;
mod departures;
mod envelopes;
mod faults;
mod forwarding;
mod gemini;
mod identities;
mod lifecycle;
mod opaque;
mod other_formats;
mod prices;
mod process;
mod profile;
mod provider;
mod quirks;
mod recorded;
mod responses;
mod surfaces;
mod tls;
mod vectors;
mod vertex;

/// Makes a test of each function for either kernel interface.
macro_rules! on_both_drivers {
    ($($name:ident),+ $(,)?) => {
        mod io_uring {
            $(#[test] fn $name() { super::$name(crate::process::Driver::IoUring) })+
        }
        mod epoll {
            $(#[test] fn $name() { super::$name(crate::process::Driver::Epoll) })+
        }
    };
}
pub(crate) use on_both_drivers;
