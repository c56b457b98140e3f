//! `multipart/form-data`: where one field's value stands.
//!
//! Read as strictly as heads are, because two readers of one body must never see two values: what the
//! gateway judges a form by is what the provider will act on. Whatever a lenient reader might take
//! another way (a field twice, escapes in a name, a preamble, an encoding of its own) is refused.

use memchr::memmem;
use std::ops::Range;

/// Most parts of one form.
pub const PARTS_MAX: usize = 256;
/// Most bytes of one part's head.
const PART_HEAD_BYTES_MAX: usize = 8 * 1024;
/// Longest boundary (RFC 2046).
const BOUNDARY_BYTES_MAX: usize = 70;

/// Why a form cannot be read; for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultipartFault(pub &'static str);

/// The boundary named by a content type; `None` if it is not of a form.
pub fn boundary(content_type: &[u8]) -> Option<Result<&[u8], MultipartFault>> {
    const TYPE: &[u8] = b"multipart/form-data";
    let (kind, parameters) = content_type.split_at_checked(TYPE.len())?;
    if !kind.eq_ignore_ascii_case(TYPE) {
        return None;
    }
    Some(parameter(parameters, b"boundary").and_then(|found| match found {
        Some(boundary) if (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len()) => Ok(boundary),
        _ => Err(MultipartFault("the content-type of a form names its boundary, 1 to 70 characters, once")),
    }))
}

/// Where the value of the field called `name` stands in `body`.
pub fn field(body: &[u8], boundary: &[u8], name: &[u8]) -> Result<Option<Range<usize>>, MultipartFault> {
    let delimiter = [b"\r\n--", boundary].concat();
    let finder = memmem::Finder::new(&delimiter);
    if !body.starts_with(&delimiter[2..]) {
        return Err(MultipartFault("a form begins with its boundary"));
    }
    let mut at = delimiter.len() - 2;
    let mut found = None;
    for _ in 0..=PARTS_MAX {
        match body.get(at..at + 2) {
            Some(b"--") if matches!(&body[at + 2..], b"" | b"\r\n") => return Ok(found),
            Some(b"\r\n") => {}
            _ => return Err(MultipartFault("a boundary of a form is followed by a line's end, the last one by --")),
        }
        let head_at = at + 2;
        let head_end = head_at + head_length(&body[head_at..])?;
        let value_at = head_end + 4;
        let length = finder.find(&body[value_at..]).ok_or(MultipartFault("a form ends with its boundary"))?;
        if part_name(&body[head_at..head_end])? == name && found.replace(value_at..value_at + length).is_some() {
            return Err(MultipartFault("a form names the model once"));
        }
        at = value_at + length + delimiter.len();
    }
    Err(MultipartFault("a form has at most 256 parts"))
}

fn head_length(rest: &[u8]) -> Result<usize, MultipartFault> {
    let window = &rest[..rest.len().min(PART_HEAD_BYTES_MAX)];
    memmem::find(window, b"\r\n\r\n").ok_or(MultipartFault("a part of a form begins with a head of at most 8 KiB"))
}

/// The name in a part's head.
fn part_name(head: &[u8]) -> Result<&[u8], MultipartFault> {
    let mut name = None;
    let mut rest = head;
    loop {
        let (line, after) = match memmem::find(rest, b"\r\n") {
            Some(end) => (&rest[..end], Some(&rest[end + 2..])),
            None => (rest, None),
        };
        let (field, value) = split_line(line)?;
        if field.eq_ignore_ascii_case(b"content-disposition") {
            let read = disposition_name(value)?;
            if name.replace(read).is_some() {
                return Err(MultipartFault("a part of a form has one content-disposition"));
            }
        } else if field.eq_ignore_ascii_case(b"content-transfer-encoding") {
            let plain: [&[u8]; 3] = [b"binary", b"8bit", b"7bit"];
            if !plain.iter().any(|word| value.eq_ignore_ascii_case(word)) {
                return Err(MultipartFault("parts of a form are sent as they are, without a transfer encoding"));
            }
        }
        match after {
            Some(after) => rest = after,
            None => break,
        }
    }
    name.ok_or(MultipartFault("a part of a form has a content-disposition"))
}

fn split_line(line: &[u8]) -> Result<(&[u8], &[u8]), MultipartFault> {
    let wrong = MultipartFault("the head of a part of a form holds a line that is no field");
    let colon = memchr::memchr(b':', line).ok_or(wrong)?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let is_text = |byte: &u8| *byte >= b' ' && *byte != 0x7f || *byte == b'\t';
    if name.is_empty() || !name.iter().all(is_token) || !value.iter().all(is_text) {
        return Err(wrong);
    }
    Ok((name, value))
}

fn disposition_name(value: &[u8]) -> Result<&[u8], MultipartFault> {
    const KIND: &[u8] = b"form-data";
    const WRONG: MultipartFault = MultipartFault("a part of a form says: form-data; name=\"…\"");
    let (kind, parameters) = value.split_at_checked(KIND.len()).ok_or(WRONG)?;
    if !kind.eq_ignore_ascii_case(KIND) {
        return Err(WRONG);
    }
    let name = parameter(parameters, b"name")?.ok_or(WRONG)?;
    // Percent signs and the like are read in two ways by two servers.
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(byte);
    if name.is_empty() || !name.iter().all(is_plain) {
        return Err(MultipartFault("names in a form are made of letters, digits and _ - . [ ]"));
    }
    Ok(name)
}

/// The value of one parameter of `; a=b; c="d"`. All of them are read, so that none hides in another.
fn parameter<'v>(mut rest: &'v [u8], wanted: &[u8]) -> Result<Option<&'v [u8]>, MultipartFault> {
    const WRONG: MultipartFault = MultipartFault("the parameters of a form's head cannot be read");
    let mut found = None;
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Ok(found);
        }
        rest = rest.strip_prefix(b";").ok_or(WRONG)?.trim_ascii_start();
        if rest.is_empty() {
            return Ok(found); // a semicolon at the end is a common slip
        }
        let equals = memchr::memchr(b'=', rest).ok_or(WRONG)?;
        let (name, after) = (&rest[..equals], &rest[equals + 1..]);
        let is_token = |byte: &u8| byte.is_ascii_graphic() && !b"\"();,/\\<>@:[]?={}".contains(byte);
        if name.is_empty() || !name.iter().all(is_token) {
            return Err(WRONG);
        }
        let value;
        (value, rest) = parameter_value(after).ok_or(WRONG)?;
        if name.eq_ignore_ascii_case(wanted) && found.replace(value).is_some() {
            return Err(WRONG);
        }
    }
}

/// A token, or a quoted string without escapes, and what follows it.
fn parameter_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    match text.strip_prefix(b"\"") {
        Some(quoted) => {
            let end = memchr::memchr2(b'"', b'\\', quoted).filter(|end| quoted[*end] == b'"')?;
            Some((&quoted[..end], &quoted[end + 1..]))
        }
        None => {
            let is_end = |byte: &u8| matches!(byte, b';' | b' ' | b'\t');
            let end = text.iter().position(is_end).unwrap_or(text.len());
            let plain = end > 0 && !text[..end].iter().any(|byte| matches!(byte, b'"' | b'\\'));
            plain.then(|| (&text[..end], &text[end..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(disposition: &str, value: &str) -> String {
        format!("--b0\r\ncontent-disposition: {disposition}\r\n\r\n{value}\r\n")
    }

    fn read(body: &str) -> Result<Option<&str>, MultipartFault> {
        field(body.as_bytes(), b"b0", b"model").map(|range| range.map(|range| &body[range]))
    }

    #[test]
    fn boundaries_are_read_from_content_types() {
        for (text, wanted) in [
            ("multipart/form-data; boundary=b0", "b0"),
            ("Multipart/Form-Data;charset=utf-8;BOUNDARY=\"b 0\"", "b 0"),
            ("multipart/form-data; boundary=b0;", "b0"),
        ] {
            assert_eq!(boundary(text.as_bytes()), Some(Ok(wanted.as_bytes())), "{text}");
        }
        for text in
            ["", "multipart/form-data; boundary=", "multipart/form-data; boundary=a; boundary=b", "multipart/form-data"]
        {
            assert!(boundary(text.as_bytes()).is_none_or(|found| found.is_err()), "{text}");
        }
        assert_eq!(boundary(b"application/json"), None);
        assert_eq!(boundary(b"multipart/mixed; boundary=b0"), None);
    }

    #[test]
    fn a_field_is_found_wherever_it_stands() {
        let file = "--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\
                    Content-Type: audio/mpeg\r\n\r\n\r\n--b\r\nbinary \0 \r\n";
        for (parts, wanted) in [
            (vec![part("form-data; name=\"model\"", "whisper-1")], Some("whisper-1")),
            (vec![file.to_owned(), part("form-data; name=model", "m"), part("form-data; name=\"x[]\"", "")], Some("m")),
            (vec![part("form-data; name=\"model\"", "")], Some("")),
            (vec![file.to_owned()], None),
            (vec![part("form-data; filename*=UTF-8''%e2; name=\"models\"", "m")], None),
        ] {
            for end in ["--b0--", "--b0--\r\n"] {
                assert_eq!(read(&format!("{}{end}", parts.concat())), Ok(wanted), "{parts:?}");
            }
        }
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        let good = part("form-data; name=\"model\"", "m");
        let whole = format!("{good}--b0--\r\n");
        for body in [
            String::new(),
            "--b0--x".to_owned(),
            format!("preamble\r\n{whole}"),
            format!("\r\n{whole}"),
            format!("{whole}epilogue"),
            good.clone(),
            format!("{good}{whole}"),
            format!("{good}--b0 \r\ncontent-disposition: form-data; name=x\r\n\r\n\r\n--b0--"),
            format!("{}--b0--", part("form-data; name=\"mod\\\"el\"", "m")),
            format!("{}--b0--", part("form-data; name=\"mod%65l\"", "m")),
            format!("{}--b0--", part("form-data; name=\"a\"; name=\"model\"", "m")),
            format!("{}--b0--", part("form-data; filename=\"a\\\"; name=\"model\"", "m")),
            format!("{}--b0--", part("attachment; name=\"model\"", "m")),
            format!("{}--b0--", part("form-data", "m")),
            format!("{}--b0--", part("form-data; name=\"\"", "m")),
            format!("{}--b0--", part("form-data; name=a\r\ncontent-disposition: form-data; name=model", "m")),
            format!("{}--b0--", part("form-data; name=model\r\ncontent-transfer-encoding: base64", "m")),
            format!("{}--b0--", part("form-data;\r\n name=model", "m")),
            format!("{}--b0--", "--b0\r\nno field\r\n\r\nm\r\n"),
            format!("{}--b0--", "--b0\r\n\r\nm\r\n"),
            whole.replace("\r\n", "\n"),
            format!("{}--b0--", part("form-data; name=x", "").repeat(PARTS_MAX + 1)),
        ] {
            assert!(read(&body).is_err(), "{body:.200}");
        }
        assert_eq!(read(&format!("{}--b0--", part("form-data; name=x", "").repeat(PARTS_MAX))), Ok(None));
    }

    /// What a careless reader finds: the first part whose head holds the name somehow.
    fn careless(body: &str) -> Option<&str> {
        let mut parts = body.split("--b0").filter_map(|part| part.split_once("\r\n\r\n"));
        let (_, value) = parts.find(|(head, _)| head.contains("name=model") || head.contains("name=\"model"))?;
        Some(value.strip_suffix("\r\n").unwrap_or(value))
    }

    /// Parts, most of them well formed, some with what could hide another part in them.
    fn some_part() -> impl Strategy<Value = String> {
        let heads = vec![
            "form-data; name=\"model\"",
            "form-data; name=model",
            "form-data; name=\"file\"; filename=\"f\"",
            "form-data; name=\"x\"\r\nx: y",
            "form-data; name=\"\\model\"",
            "form-data; filename=\"\\\"; name=\"model\"",
        ];
        let values = vec!["", "m", "\r\n", "name=\"model\"", "a\r\n\r\nb", "\r\n-", "\n--b", ":"];
        (prop::sample::select(heads), prop::sample::select(values)).prop_map(|(head, value)| part(head, value))
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_what_everybody_reads(parts in prop::collection::vec(some_part(), 0..5)) {
            let body = format!("{}--b0--\r\n", parts.concat());
            match read(&body) {
                Ok(value) => prop_assert_eq!(careless(&body), value),
                Err(_) => {
                    let twice = parts.iter().filter(|part| part.contains("name=\"model\"\r") || part.contains("name=model")).count() > 1;
                    prop_assert!(twice || body.contains('\\') || parts.is_empty(), "{body}");
                }
            }
        }
    }
}
