//! Where the members of an object stand in a body that is about to be sent. The body is one JSON object that
//! has been written or checked by us, so a walk by its structure finds them, and no byte is copied.

use std::ops::Range;

/// A key with its quotes, and its value.
pub(super) struct Member {
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
}

impl Member {
    /// As it is written; a name with escapes is nobody's.
    pub(super) fn name<'b>(&self, body: &'b [u8]) -> &'b [u8] {
        &body[self.key.start + 1..self.key.end - 1]
    }

    pub(super) fn is_null(&self, body: &[u8]) -> bool {
        &body[self.value.clone()] == b"null"
    }
}

/// The members of the object whose brace is the first one from `at`.
pub(super) fn members(body: &[u8], at: usize) -> Vec<Member> {
    let mut members = Vec::new();
    let Some(open) = memchr::memchr(b'{', &body[at..]) else { return members };
    let mut at = past_space(body, at + open + 1);
    while body.get(at) == Some(&b'"') {
        let key = at..past_value(body, at);
        let colon = past_space(body, key.end);
        let value_at = past_space(body, colon + 1);
        let value = value_at..past_value(body, value_at);
        at = past_comma(body, value.end);
        members.push(Member { key, value });
    }
    members
}

/// The elements of the array that opens at `open`.
pub(super) fn elements(body: &[u8], open: usize) -> Vec<Range<usize>> {
    let mut elements = Vec::new();
    let mut at = past_space(body, open + 1);
    while at < body.len() && body[at] != b']' {
        let element = at..past_value(body, at);
        if element.is_empty() {
            break;
        }
        at = past_comma(body, element.end);
        elements.push(element);
    }
    elements
}

fn past_space(body: &[u8], from: usize) -> usize {
    let rest = body.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

fn past_comma(body: &[u8], from: usize) -> usize {
    let at = past_space(body, from);
    if body.get(at) == Some(&b',') { past_space(body, at + 1) } else { at }
}

/// The end of the value that begins at `from`.
fn past_value(body: &[u8], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = from;
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => at = past_string(body, at),
            b'{' | b'[' => (depth, at) = (depth + 1, at + 1),
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => (depth, at) = (depth - 1, at + 1),
            b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return at,
            _ => at += 1,
        }
        if depth == 0 && matches!(body.get(at - 1), Some(b'"' | b'}' | b']')) {
            return at;
        }
    }
    at
}

fn past_string(body: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while let Some(found) = body.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if body[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    body.len()
}
