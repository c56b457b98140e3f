//! Bytes in, bytes out: HTTP/1.1 framing, server-sent events, JSON. No socket, no clock.

pub mod chunked;
pub mod http1;
pub mod json;
pub mod sse;
