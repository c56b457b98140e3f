//! The fields of a head as ranges into the connection's buffer, with the known ones indexed.

use super::fault::HeadFault;
use super::known::COUNT;
use super::known::Known;
use std::ops::Range;

/// One field: where its name and value stand in the bytes that were parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSpan {
    /// The name as sent.
    pub name: Range<u32>,
    /// The value without surrounding blanks.
    pub value: Range<u32>,
    /// Which name it is, if the gateway looks at it.
    pub known: Option<Known>,
}

/// Most fields that any head may have, whatever the limits say.
pub(super) const FIELDS_MAX: usize = 128;
const ABSENT: u8 = u8::MAX;

/// Where the first field of each known name stands in the list of fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index([u8; COUNT]);

impl Default for Index {
    fn default() -> Self {
        Index([ABSENT; COUNT])
    }
}

impl Index {
    pub(super) fn first(&self, known: Known) -> Option<usize> {
        let place = self.0[known as usize];
        (place != ABSENT).then_some(usize::from(place))
    }

    /// The value of the first field of that name.
    pub(super) fn value<'b>(&self, fields: &[FieldSpan], bytes: &'b [u8], known: Known) -> Option<&'b [u8]> {
        self.first(known).map(|place| slice(bytes, &fields[place].value))
    }
}

/// Replaces `fields` and `index` by what httparse found in `bytes`. With `alone`, names that must stand
/// alone may not repeat.
pub(super) fn take_fields(
    bytes: &[u8],
    parsed: &[httparse::Header<'_>],
    alone: bool,
    fields: &mut Vec<FieldSpan>,
    index: &mut Index,
) -> Result<(), HeadFault> {
    fields.clear();
    *index = Index::default();
    for header in parsed {
        let known = Known::of(header.name.as_bytes());
        if let Some(known) = known {
            match index.first(known) {
                None => index.0[known as usize] = u8::try_from(fields.len()).unwrap_or(ABSENT),
                Some(_) if alone && known.stands_alone() => return Err(HeadFault::Repeated(known)),
                Some(_) if alone && known == Known::XRinggateOther && has_name(bytes, fields, header.name) => {
                    return Err(HeadFault::Repeated(known));
                }
                Some(_) => {}
            }
        }
        fields.push(FieldSpan {
            name: span_in(bytes, header.name.as_bytes()),
            value: span_in(bytes, header.value),
            known,
        });
    }
    Ok(())
}

/// Every field as name, value and what it is.
pub(super) fn each<'h, 'b>(
    fields: &'h [FieldSpan],
    bytes: &'b [u8],
) -> impl Iterator<Item = (&'b str, &'b [u8], Option<Known>)> + use<'h, 'b> {
    fields.iter().map(move |field| (text(bytes, &field.name), slice(bytes, &field.value), field.known))
}

pub(super) fn slice<'b>(bytes: &'b [u8], span: &Range<u32>) -> &'b [u8] {
    &bytes[span.start as usize..span.end as usize]
}

/// What was checked to be ASCII when it was parsed.
pub(super) fn text<'b>(bytes: &'b [u8], span: &Range<u32>) -> &'b str {
    std::str::from_utf8(slice(bytes, span)).expect("the head is read from the bytes it was parsed from")
}

/// Where `part`, a piece of `bytes`, stands in them.
pub(super) fn span_in(bytes: &[u8], part: &[u8]) -> Range<u32> {
    // Heads are bounded far below 4 GiB, so that offsets fit.
    let start = (part.as_ptr() as usize - bytes.as_ptr() as usize) as u32;
    start..start + part.len() as u32
}

/// Whether the list-valued field `known` holds `token` as an element.
pub(super) fn lists(fields: &[FieldSpan], bytes: &[u8], known: Known, token: &str) -> bool {
    let ours = fields.iter().filter(|field| field.known == Some(known));
    ours.flat_map(|field| slice(bytes, &field.value).split(|&byte| byte == b','))
        .any(|element| element.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// Whether the connection stays open after this message, by version and Connection fields.
pub(super) fn keeps_alive(minor_version: u8, fields: &[FieldSpan], index: &Index, bytes: &[u8]) -> bool {
    if index.first(Known::Connection).is_none() {
        return minor_version == 1;
    }
    let asked = |token| lists(fields, bytes, Known::Connection, token);
    !asked("close") && (minor_version == 1 || asked("keep-alive"))
}

/// The number a text of nothing but decimal digits stands for.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |number, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

fn has_name(bytes: &[u8], fields: &[FieldSpan], name: &str) -> bool {
    fields.iter().any(|field| slice(bytes, &field.name).eq_ignore_ascii_case(name.as_bytes()))
}
