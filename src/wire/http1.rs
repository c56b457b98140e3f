//! HTTP/1.1 heads and body framing, both sides, strict.
//!
//! Two readers of one byte stream must never see two messages, so wherever RFC 9112 lets a recipient
//! be tolerant this one refuses. Work is shared by two readers that check each other: `lines` finds
//! the end of a head as bytes arrive and insists on CRLF (httparse also takes a bare LF), httparse then
//! judges tokens and characters, and both must agree where the head ends. What the fields mean together
//! (framing, host, persistence) is decided in `request` and `response`.
//!
//! Heads are ranges into the connection's buffer: no copies, and no allocation once a head value has
//! been used before.

mod fault;
mod fields;
mod known;
mod lines;
mod request;
mod response;
#[cfg(test)]
mod vectors;

pub use fault::HeadFault;
pub use fields::FieldSpan;
pub use known::Known;
pub use request::Framing;
pub use request::HeadLimits;
pub use request::Method;
pub use request::RequestHead;
pub use request::parse_request_head;
pub use response::RESPONSE_FIELDS_MAX;
pub use response::RESPONSE_HEAD_BYTES_MAX;
pub use response::ResponseFraming;
pub use response::ResponseHead;
pub use response::parse_response_head;

/// What a look at the bytes of a head gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadStep {
    /// The head is not complete; call again with the same bytes and more.
    NeedMore,
    /// The head is complete and described.
    Done,
    /// The message must be refused and the connection closed after that.
    Bad(HeadFault),
}

/// Whether `byte` may stand in a token (RFC 9110 section 5.6.2): field names, methods.
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Whether `byte` may stand in a field value: visible ASCII, blanks and the opaque upper half.
pub(super) fn is_field_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
