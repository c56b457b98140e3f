//! Lists in deltas. Clients that put deltas together have to be told which entry of a list one belongs to, by a
//! number that the entries of a whole answer do not have.

use super::super::fields;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Parser;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

/// `list` without the numbers that streams give its entries.
pub(super) fn unnumbered(list: Value<'_, '_>) -> String {
    let Some(entries) = list.as_array() else {
        return json::raw(list);
    };
    fields::written(|out| {
        fields::write_list(&entries, out, |entry, out| match entry.as_object() {
            Some(object) if object.get("index").is_some_and(|index| index.as_u64().is_some()) => {
                write_entry(None, &object, out);
            }
            _ => json::write_value(entry, out),
        });
    })
}

/// `list` with its entries numbered from `first` on, and how many there are.
pub(super) fn numbered(list: &str, first: u64) -> (String, u64) {
    let mut copy = list.as_bytes().to_vec();
    let mut parser = Parser::new();
    let tape = parser.parse(&mut copy).ok();
    let Some(entries) = tape.as_ref().and_then(|tape| tape.as_value().as_array()) else {
        return (list.to_owned(), 0);
    };
    let text = fields::written(|out| {
        fields::write_list((first..).zip(entries.iter()), out, |(number, entry), out| match entry.as_object() {
            Some(object) => write_entry(Some(number), &object, out),
            None => json::write_value(entry, out),
        });
    });
    (text, entries.iter().count() as u64)
}

/// An entry with this number, whatever number it had.
fn write_entry(number: Option<u64>, entry: &JsonObject<'_, '_>, out: &mut Vec<u8>) {
    out.push(b'{');
    if let Some(number) = number {
        out.extend_from_slice(b"\"index\":");
        fields::write_integer(number, out);
    }
    let mut is_first = number.is_none();
    for (name, value) in entry.iter().filter(|(name, _)| *name != "index") {
        if !std::mem::take(&mut is_first) {
            out.push(b',');
        }
        json::write_string(name, out);
        out.push(b':');
        json::write_value(value, out);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_get_numbers_and_lose_them() {
        let (told, count) = numbered(r#"[{"a":1},2,{"index":9}]"#, 4);
        assert_eq!((told.as_str(), count), (r#"[{"index":4,"a":1},2,{"index":6}]"#, 3));
        let mut copy = told.into_bytes();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("JSON");
        assert_eq!(unnumbered(tape.as_value()), r#"[{"a":1},2,{}]"#);
        assert_eq!(numbered("\"x\"", 0), ("\"x\"".to_owned(), 0));
    }
}
