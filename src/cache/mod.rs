//! What has been answered before, and when that answer may be given again.
//!
//! Two ways to an old answer: the same request ([`ExactCache`], shared by all shards, where identical
//! requests in flight join) and an equivalent one ([`ScopeIndex`], one per shard, whose nearest
//! candidates [`judge`] must accept). Everything here is given `now` and is told what to keep; what
//! may be kept at all is the gateway's decision.

mod exact;
mod flight;
mod key;
mod record;
mod semantic;
mod verdict;

pub use exact::{ExactCache, Lookup};
pub use flight::{FLIGHT_BYTES_MAX, Flight, FlightMeta, Follower, Lead, Step};
pub use key::{Content, FINGERPRINT_BYTES, Key, Keying, Scope};
pub use record::{Derived, Form, RECORD_OVERHEAD_BYTES, Record};
pub use semantic::{Candidate, DIMENSIONS, IndexBounds, SCAN_FROM, ScopeIndex, owner};
pub use verdict::{
    ELIGIBLE_BYTES_MAX, Ineligible, JUDGED_BYTES_MAX, Policy, Verdict, Veto, as_question, eligible, judge,
};
