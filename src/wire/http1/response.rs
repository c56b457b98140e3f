//! Response heads, as providers send them: as strict as towards callers, because a connection that is
//! reused after a misread answer gives one caller the answer of another.

use super::HeadStep;
use super::fault::HeadFault;
use super::fields;
use super::fields::FIELDS_MAX;
use super::fields::FieldSpan;
use super::fields::Index;
use super::known::Known;
use super::lines::Bounds;
use super::lines::Found;
use super::lines::Lines;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Most bytes of a response head.
pub const RESPONSE_HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most fields of a response head.
pub const RESPONSE_FIELDS_MAX: usize = 128;
/// Most bytes of a status line.
const STATUS_LINE_BYTES_MAX: usize = 8 * 1024;

const BOUNDS: Bounds = Bounds {
    first_line_bytes: STATUS_LINE_BYTES_MAX,
    head_bytes: RESPONSE_HEAD_BYTES_MAX,
    fields: RESPONSE_FIELDS_MAX,
    empty_line_first: false,
};

/// How the body of a response is delimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseFraming {
    /// No body.
    #[default]
    None,
    /// That many bytes.
    Length(u64),
    /// Chunks, see [`ChunkedDecoder`](crate::wire::chunked::ChunkedDecoder).
    Chunked,
    /// All until the connection ends; whether it ended early cannot be told.
    UntilClose,
}

/// A response head parsed in place: ranges into the connection's buffer.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// 100 to 599. Below 200 the head is interim: another follows at `head_bytes`.
    pub status: u16,
    /// The fields in their order.
    pub fields: Vec<FieldSpan>,
    /// How the body is delimited.
    pub framing: ResponseFraming,
    /// Whether the connection may carry another exchange after this one.
    pub keep_alive: bool,
    /// Where the head ends and the body begins.
    pub head_bytes: usize,
    index: Index,
    lines: Lines,
}

impl ResponseHead {
    /// Forgets a head that was not completed, for use on another connection.
    pub fn restart(&mut self) {
        self.lines = Lines::default();
    }

    /// The value of the first field of that name. `bytes` are those the head was parsed from.
    pub fn header<'b>(&self, bytes: &'b [u8], known: Known) -> Option<&'b [u8]> {
        self.index.value(&self.fields, bytes, known)
    }

    /// Every field as name, value and what it is.
    pub fn headers<'h, 'b>(
        &'h self,
        bytes: &'b [u8],
    ) -> impl Iterator<Item = (&'b str, &'b [u8], Option<Known>)> + use<'h, 'b> {
        fields::each(&self.fields, bytes)
    }

    fn fill(&mut self, bytes: &[u8], range: Range<usize>, request_was_head: bool) -> Result<(), HeadFault> {
        let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut parsed = httparse::Response::new(&mut []);
        let text = &bytes[range.clone()];
        let parser = httparse::ParserConfig::default();
        match parser.parse_response_with_uninit_headers(&mut parsed, text, &mut slots) {
            Ok(httparse::Status::Complete(end)) if end == text.len() => {}
            Ok(_) => return Err(HeadFault::StatusLine),
            Err(error) => return Err(fault_of(error)),
        }
        let (Some(status @ 100..=599), Some(minor_version)) = (parsed.code, parsed.version) else {
            return Err(HeadFault::StatusLine);
        };
        if status == 101 {
            return Err(HeadFault::SwitchingProtocols);
        }
        self.status = status;
        self.head_bytes = range.end;
        fields::take_fields(bytes, parsed.headers, false, &mut self.fields, &mut self.index)?;
        self.framing = self.judge_framing(bytes, minor_version, request_was_head)?;
        self.keep_alive = self.framing != ResponseFraming::UntilClose
            && fields::keeps_alive(minor_version, &self.fields, &self.index, bytes);
        Ok(())
    }

    /// RFC 9112 section 6.3, with everything that needs a guess refused.
    fn judge_framing(
        &self,
        bytes: &[u8],
        minor_version: u8,
        request_was_head: bool,
    ) -> Result<ResponseFraming, HeadFault> {
        let length = self.length(bytes)?;
        let chunked = self.chunked(bytes, minor_version)?;
        if chunked && length.is_some() {
            return Err(HeadFault::LengthAndEncoding);
        }
        let bodiless = self.status < 200 || self.status == 204;
        if bodiless && (chunked || length.is_some_and(|length| length > 0)) {
            return Err(HeadFault::BodyForbidden);
        }
        Ok(match length {
            // Here the framing fields describe the body that a GET would have had.
            _ if bodiless || request_was_head || self.status == 304 => ResponseFraming::None,
            Some(length) => ResponseFraming::Length(length),
            None if chunked => ResponseFraming::Chunked,
            None => ResponseFraming::UntilClose,
        })
    }

    /// Content-Length, which may be said several times as long as it says the same.
    fn length(&self, bytes: &[u8]) -> Result<Option<u64>, HeadFault> {
        if self.index.first(Known::ContentLength).is_none() {
            return Ok(None);
        }
        let mut agreed = None;
        for field in self.fields.iter().filter(|field| field.known == Some(Known::ContentLength)) {
            for element in fields::slice(bytes, &field.value).split(|&byte| byte == b',') {
                let length = fields::decimal(element.trim_ascii()).ok_or(HeadFault::LengthInvalid)?;
                if agreed.is_some_and(|agreed| agreed != length) {
                    return Err(HeadFault::LengthsDiffer);
                }
                agreed = Some(length);
            }
        }
        Ok(agreed)
    }

    fn chunked(&self, bytes: &[u8], minor_version: u8) -> Result<bool, HeadFault> {
        let mut codings = self.fields.iter().filter(|field| field.known == Some(Known::TransferEncoding));
        let Some(coding) = codings.next() else { return Ok(false) };
        if minor_version == 0 {
            return Err(HeadFault::EncodingInHttp10);
        }
        let chunked = fields::slice(bytes, &coding.value).eq_ignore_ascii_case(b"chunked");
        if !chunked || codings.next().is_some() {
            return Err(HeadFault::EncodingUnsupported);
        }
        Ok(true)
    }
}

/// Parses the head at the beginning of `bytes`, restartable like
/// [`parse_request_head`](super::parse_request_head). Interim heads (status below 200) are reported like
/// others, without a body; the caller skips them and bounds their number.
pub fn parse_response_head(bytes: &[u8], request_was_head: bool, head: &mut ResponseHead) -> HeadStep {
    let judged = match head.lines.resume(bytes, &BOUNDS) {
        Found::NeedMore => return HeadStep::NeedMore,
        Found::Head(range) => head.fill(bytes, range, request_was_head),
        Found::Bad(HeadFault::RequestLine) => Err(HeadFault::StatusLine),
        Found::Bad(fault) => Err(fault),
    };
    head.restart();
    judged.map_or_else(HeadStep::Bad, |()| HeadStep::Done)
}

fn fault_of(error: httparse::Error) -> HeadFault {
    match error {
        httparse::Error::HeaderName => HeadFault::FieldName,
        httparse::Error::HeaderValue => HeadFault::FieldValue,
        httparse::Error::TooManyHeaders => HeadFault::TooManyFields,
        _ => HeadFault::StatusLine,
    }
}
