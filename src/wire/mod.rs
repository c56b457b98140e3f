//! Bytes in, bytes out: HTTP/1.1 framing, server-sent events, Amazon event streams, JSON. No socket, no clock.

pub mod chunked;
pub mod eventstream;
pub mod http1;
pub mod json;
pub mod percent;
pub mod sse;
