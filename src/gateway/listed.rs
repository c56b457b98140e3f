//! A stream as one JSON list, for callers whose format has that: the data of every event is an item.
//!
//! The list is closed only at the proper end of the stream, so that a broken one does not parse.

/// What of the list has been written.
#[derive(Debug, Default)]
pub(super) struct List {
    begun: bool,
}

impl List {
    /// Appends complete `events` as items.
    pub(super) fn write(&mut self, events: &[u8], out: &mut Vec<u8>) {
        let mut in_item = false;
        for line in events.split(|byte| *byte == b'\n') {
            match line.strip_prefix(b"data: ") {
                Some(data) => {
                    out.extend_from_slice(match (std::mem::replace(&mut in_item, true), self.begun) {
                        // A line's end within JSON is white space.
                        (true, _) => b"\n",
                        (false, true) => b",\n",
                        (false, false) => b"[",
                    });
                    self.begun = true;
                    out.extend_from_slice(data);
                }
                None if line.is_empty() => in_item = false,
                None => {}
            }
        }
    }

    /// Appends the end.
    pub(super) fn close(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.begun { b"]\n" } else { b"[]\n" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_those_of_the_events_however_they_come() {
        let mut list = List::default();
        let mut out = Vec::new();
        list.write(b"data: {\"a\":1}\n\nevent: odd\ndata: {\"b\":\ndata: 2}\n\n", &mut out);
        list.write(b"", &mut out);
        list.write(b"data: {\"c\":3}\n\n", &mut out);
        assert!(serde_json::from_slice::<serde_json::Value>(&out).is_err(), "it is not over");
        list.close(&mut out);
        let items: serde_json::Value = serde_json::from_slice(&out).expect("valid JSON");
        assert_eq!(items, serde_json::json!([{"a": 1}, {"b": 2}, {"c": 3}]));
        let mut nothing = Vec::new();
        List::default().close(&mut nothing);
        assert_eq!(nothing, b"[]\n");
    }
}
