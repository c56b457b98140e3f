//! Bytes in, bytes out: HTTP/1.1 framing, server-sent events, Amazon event streams, JSON, forms,
//! edits. No socket, no clock.

pub mod chunked;
pub mod edits;
pub mod eventstream;
pub mod glance;
pub mod http1;
pub mod json;
pub mod multipart;
pub mod percent;
pub mod sse;
