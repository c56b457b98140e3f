//! The framing of a caller's stream: every event has a name, twice, a number of its own, and the place in
//! the output that it is about.

use super::super::Dialect;
use super::super::fields;
use super::super::openai_chat::OpenAiChat;
use crate::fault::Fault;

/// Numbers the events of one stream.
#[derive(Default)]
pub(super) struct Frames {
    sequence: u64,
}

/// A piece of an item, or all of it.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// The item's id, as JSON.
    pub(super) id: &'a str,
    /// Its place in the output.
    pub(super) item: u64,
    /// Which of its lists the piece is in, by the name that events have for it, and where.
    pub(super) piece: Option<(&'static str, u64)>,
}

impl Frames {
    /// Writes an event whose members besides its type and number `write` writes.
    pub(super) fn event(&mut self, name: &str, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\ndata: {\"type\":\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\",\"sequence_number\":");
        fields::write_integer(self.sequence, out);
        self.sequence += 1;
        write(out);
        out.extend_from_slice(b"}\n\n");
    }

    /// Writes an event about a piece of an item.
    pub(super) fn piece(&mut self, name: &str, place: Place<'_>, members: &[(&str, &str)], out: &mut Vec<u8>) {
        self.event(name, out, |out| {
            member("item_id", place.id, out);
            out.extend_from_slice(b",\"output_index\":");
            fields::write_integer(place.item, out);
            if let Some((name, number)) = place.piece {
                member(name, itoa::Buffer::new().format(number), out);
            }
            members.iter().for_each(|(name, value)| member(name, value, out));
        });
    }

    /// Writes an event that holds a whole item.
    pub(super) fn item(&mut self, name: &str, place: u64, item: &[u8], out: &mut Vec<u8>) {
        self.event(name, out, |out| {
            out.extend_from_slice(b",\"output_index\":");
            fields::write_integer(place, out);
            out.extend_from_slice(b",\"item\":");
            out.extend_from_slice(item);
        });
    }

    /// Writes an event that holds the whole response.
    pub(super) fn response(&mut self, name: &str, response: &str, out: &mut Vec<u8>) {
        self.event(name, out, |out| member("response", response, out));
    }

    /// Writes the event that ends a stream which failed.
    pub(super) fn fault(&self, fault: &Fault, out: &mut Vec<u8>) {
        write_fault(fault, self.sequence, out);
    }
}

fn member(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(value.as_bytes());
}

/// Appends an error event. It has the fields of the dialect's own error event, and the object by which
/// SDKs recognise an error in any stream.
pub(super) fn write_fault(fault: &Fault, sequence: u64, out: &mut Vec<u8>) {
    let mut envelope = Vec::new();
    OpenAiChat.write_fault(fault, "", &mut envelope);
    let error: serde_json::Value = serde_json::from_slice(&envelope).unwrap_or_default();
    let error = &error["error"];
    out.extend_from_slice(b"event: error\ndata: {\"type\":\"error\",\"sequence_number\":");
    fields::write_integer(sequence, out);
    for name in ["code", "message", "param"] {
        member(name, &error[name].to_string(), out);
    }
    member("error", &error.to_string(), out);
    out.extend_from_slice(b"}\n\n");
}
