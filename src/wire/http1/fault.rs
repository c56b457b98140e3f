//! Why a head is refused, in words that tell the sender what to change.

use super::known::Known;

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadFault {
    /// The request line (or status line) exceeds its limit.
    LineTooLong,
    /// The head exceeds its limit in bytes.
    HeadTooLarge,
    /// The head exceeds its limit in fields.
    TooManyFields,
    /// An LF without a CR before it.
    BareLf,
    /// A CR without an LF after it.
    BareCr,
    /// More than one empty line before a request, or any before a response.
    EmptyLine,
    /// A field continues on a second line.
    FoldedLine,
    /// The request line is not method, target and version with one space between.
    RequestLine,
    /// The version is not 1.0 or 1.1.
    Version,
    /// CONNECT or TRACE.
    MethodRefused,
    /// The target's form does not fit the method, or it holds characters that no URI may.
    Target,
    /// A field name is empty, is not a token or has a blank before the colon.
    FieldName,
    /// A control character in a field value.
    FieldValue,
    /// A field that may stand once stands twice.
    Repeated(Known),
    /// HTTP/1.1 without Host.
    HostMissing,
    /// Host is not a host with an optional port.
    HostInvalid,
    /// The target's authority differs from Host.
    HostMismatch,
    /// Content-Length together with Transfer-Encoding.
    LengthAndEncoding,
    /// Content-Length is not one decimal number.
    LengthInvalid,
    /// Transfer-Encoding is not exactly `chunked`.
    EncodingUnsupported,
    /// Transfer-Encoding in an HTTP/1.0 message.
    EncodingInHttp10,
    /// An expectation other than `100-continue`.
    Expectation,
    /// The body is compressed.
    ContentEncoding,
    /// Upgrade, which is never tunnelled.
    UpgradeRefused,
    /// The status line of a response is malformed.
    StatusLine,
    /// Content-Length fields of a response contradict each other.
    LengthsDiffer,
    /// A response announces a body that its status cannot have.
    BodyForbidden,
    /// A response switches protocols, which no request of ours asks for.
    SwitchingProtocols,
}

impl HeadFault {
    /// The status to answer a request with that has this fault. A response with a fault is always the
    /// upstream's garbage (502), whatever this says.
    pub fn status(self) -> u16 {
        match self {
            HeadFault::LineTooLong => 414,
            HeadFault::HeadTooLarge | HeadFault::TooManyFields => 431,
            HeadFault::Version => 505,
            HeadFault::Expectation => 417,
            HeadFault::MethodRefused | HeadFault::UpgradeRefused => 501,
            HeadFault::ContentEncoding => 415,
            HeadFault::StatusLine
            | HeadFault::LengthsDiffer
            | HeadFault::BodyForbidden
            | HeadFault::SwitchingProtocols => 502,
            _ => 400,
        }
    }

    /// What is wrong with the head.
    pub fn message(self) -> &'static str {
        match self {
            HeadFault::LineTooLong => "the request line is too long",
            HeadFault::HeadTooLarge => "the header section is too large",
            HeadFault::TooManyFields => "there are too many header fields",
            HeadFault::BareLf => "a line of the head ends in LF without CR",
            HeadFault::BareCr => "the head contains a CR that is not followed by LF",
            HeadFault::EmptyLine => "there are empty lines before the head",
            HeadFault::FoldedLine => "a header field continues on a second line",
            HeadFault::RequestLine => "the request line is not a method, a target and an HTTP version",
            HeadFault::Version => "only HTTP/1.1 and HTTP/1.0 are spoken here",
            HeadFault::MethodRefused => "the methods CONNECT and TRACE are not served",
            HeadFault::Target => "the request target is not a path, an http URL, or * with OPTIONS",
            HeadFault::FieldName => "a header field name is not a token directly followed by a colon",
            HeadFault::FieldValue => "a header field value contains a control character",
            HeadFault::Repeated(known) => repeated(known),
            HeadFault::HostMissing => "the Host header is missing",
            HeadFault::HostInvalid => "the Host header is not a host name with an optional port",
            HeadFault::HostMismatch => "the Host header differs from the request target",
            HeadFault::LengthAndEncoding => "Content-Length and Transfer-Encoding exclude each other",
            HeadFault::LengthInvalid => "Content-Length is not one decimal number",
            HeadFault::EncodingUnsupported => "the only Transfer-Encoding understood is chunked",
            HeadFault::EncodingInHttp10 => "HTTP/1.0 has no Transfer-Encoding",
            HeadFault::Expectation => "the only expectation met is 100-continue",
            HeadFault::ContentEncoding => "compressed bodies are not understood: send it without Content-Encoding",
            HeadFault::UpgradeRefused => "protocol upgrades are not served: send no Upgrade header",
            HeadFault::StatusLine => "the status line is malformed",
            HeadFault::LengthsDiffer => "the Content-Length fields contradict each other",
            HeadFault::BodyForbidden => "the response announces a body that its status cannot have",
            HeadFault::SwitchingProtocols => "the response switches protocols unasked",
        }
    }
}

fn repeated(known: Known) -> &'static str {
    match known {
        Known::Host => "the Host header is sent more than once",
        Known::ContentLength => "the Content-Length header is sent more than once",
        Known::TransferEncoding => "the Transfer-Encoding header is sent more than once",
        Known::ContentType => "the Content-Type header is sent more than once",
        Known::Expect => "the Expect header is sent more than once",
        _ if known.is_credential() => "a header that carries the key is sent more than once",
        _ => "an x-ringgate header is sent more than once",
    }
}
