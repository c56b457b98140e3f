//! What happened: metrics, the request log, and lines for people.
//!
//! One request costs at most a few dozen plain additions here: every shard writes its own cells,
//! nobody locks, and nothing becomes text before somebody asks for it. What a metric is called, which
//! labels it has and where its cell lies is one row of [`catalogue::ALL`]; the rendering, the cells
//! and `docs/metrics.md` follow from that row.

pub mod catalogue;
mod facts;
pub mod log;
mod metrics;
mod numbers;
mod prometheus;
pub mod request_log;
pub mod words;

pub use catalogue::Id;
pub use facts::{Attempt, Facts};
pub use log::{Level, Log};
pub use metrics::{Held, ModelSeries, ProviderSeries, Recorder, Registry, RequestLabels, RequestSeries, SharedCounter};
pub use numbers::{Compact, Rfc3339};
pub use prometheus::CONTENT_TYPE;
pub use words::{AttemptOutcome, CacheOutcome, CacheTier, ConnectionState, Handshake, KeySetback, Lookup};
