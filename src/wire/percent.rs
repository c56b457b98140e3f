//! Percent-encoding of one piece of a path: everything but letters, digits and `-._~` (RFC 3986 §2.3),
//! so that no name can add a segment, a query or a line to the request it stands in.

use std::borrow::Cow;

/// Appends `text` encoded; bytes in `kept` stand for themselves besides the unreserved ones.
pub fn encode(text: &[u8], kept: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.contains(&byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

/// Undoes percent-encoding; what is not properly encoded stays as it is.
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        match (first, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or_default() as u8;
                bytes.push(digit(high) << 4 | digit(low));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).map_or(text.into(), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_unreserved_stand_for_themselves() {
        let encoded = |text: &str, kept: &[u8]| {
            let mut out = Vec::new();
            encode(text.as_bytes(), kept, &mut out);
            String::from_utf8(out).expect("ASCII")
        };
        assert_eq!(encoded("us.amazon.nova-micro-v1:0", b""), "us.amazon.nova-micro-v1%3A0");
        assert_eq!(encoded("a/b c\r\n?é%~_", b""), "a%2Fb%20c%0D%0A%3F%C3%A9%25~_");
        assert_eq!(encoded("/a/b%3A0", b"/"), "/a/b%253A0");
    }
}
