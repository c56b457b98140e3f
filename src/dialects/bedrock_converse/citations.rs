//! Sources of an answer. They are kept as Converse tells them; of places in documents Claude's own dialect
//! knows as much, so its callers get those in its words.

use super::super::anthropic_messages;
use super::super::fields;
use super::super::fields::ObjectWriter;
use super::NAME;
use crate::chat::Extra;
use crate::chat::RawJson;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;

/// Kinds of places in a document: Converse's word, Claude's, and its names for beginning and end.
const PLACES: &[(&str, &str, &str, &str)] = &[
    ("documentChar", "char_location", "start_char_index", "end_char_index"),
    ("documentPage", "page_location", "start_page_number", "end_page_number"),
    ("documentChunk", "content_block_location", "start_block_index", "end_block_index"),
];

/// One source, as fields of the text that it belongs to; those of several sources add up.
pub(super) fn read(citation: Value<'_, '_>) -> Vec<Extra> {
    let own =
        |dialect, text: &str| Extra { dialect, name: "citations".to_owned(), value: RawJson(format!("[{text}]")) };
    let mut read = vec![own(NAME, &json::raw(citation))];
    let theirs = citation.as_object().and_then(|citation| in_claudes_words(&citation));
    read.extend(theirs.map(|text| own(anthropic_messages::NAME, &text)));
    read
}

fn in_claudes_words(citation: &JsonObject<'_, '_>) -> Option<String> {
    let location = fields::object_of(citation, "location")?;
    let known = PLACES.iter().find_map(|names| Some((fields::object_of(&location, names.0)?, names)));
    let (place, (_, kind, start, end)) = known?;
    let number = |name: &str| fields::integer_of(&place, name);
    let (index, from, to) = (number("documentIndex")?, number("start")?, number("end")?);
    let cited = citation.get("sourceContent").and_then(|content| content.as_array());
    let pieces = cited.iter().flat_map(|cited| cited.iter()).filter_map(|piece| piece.as_object());
    let words: String = pieces.filter_map(|piece| fields::string_of(&piece, "text")).collect();
    Some(fields::written(|out| {
        let mut writer = ObjectWriter::open(out, &[], NAME);
        writer.string("type", kind);
        writer.string("cited_text", &words);
        writer.integer("document_index", index);
        match fields::string_of(citation, "title") {
            Some(title) => writer.string("document_title", title),
            None => writer.text("document_title", "null"),
        }
        writer.integer(start, from);
        writer.integer(end, to);
        writer.close();
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn told(text: &str) -> Vec<(&'static str, String)> {
        let mut copy = text.as_bytes().to_vec();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("JSON");
        read(tape.as_value()).into_iter().map(|extra| (extra.dialect, extra.value.0)).collect()
    }

    #[test]
    fn places_in_documents_are_told_in_claudes_words_too() {
        let source = r#"{"title":"A","sourceContent":[{"text":"x"},{"text":"y"}],"location":{"documentPage":{"documentIndex":1,"start":2,"end":3}}}"#;
        let theirs = r#"[{"type":"page_location","cited_text":"xy","document_index":1,"document_title":"A","start_page_number":2,"end_page_number":3}]"#;
        assert_eq!(told(source), [(NAME, format!("[{source}]")), ("anthropic_messages", theirs.to_owned())]);
        for other in [r#"{"location":{"web":{"url":"u"}}}"#, r#"{"location":{"documentChar":{"start":1}}}"#, "1"] {
            assert_eq!(told(other), [(NAME, format!("[{other}]"))]);
        }
    }
}
