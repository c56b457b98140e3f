//! Sources of an answer. Claude names them block by block: what a block says comes from its sources.
//!
//! A page that another provider found is told as the result of a search, whose `encrypted_index` no provider
//! would take back: it is a mark, and what has it is left out when the conversation goes on.

use super::super::citations::entries;
use super::super::citations::text_of;
use super::super::fields;
use super::super::fields::ObjectWriter;
use super::super::signature::Sealed;
use super::NAME;
use crate::chat::Citation;
use crate::chat::Source;
use crate::chat::Unit;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;

/// Where a text names them.
pub(super) const FIELD: &str = "citations";

/// A source with an address. Of places in documents nobody else has to be told.
pub(super) fn read(citation: Value<'_, '_>) -> Option<Citation> {
    let object = citation.as_object()?;
    let url = match fields::string_of(&object, "type")? {
        "web_search_result_location" => text_of(&object, "url")?,
        "search_result_location" => text_of(&object, "source")?,
        _ => return None,
    };
    let (title, cited_text) = (text_of(&object, "title"), text_of(&object, "cited_text"));
    Some(Citation { dialect: NAME, source: Source::Url(url), title, cited_text, span: None })
}

/// The sources of a block.
pub(super) fn of_block(block: &JsonObject<'_, '_>) -> Vec<Citation> {
    entries(block, FIELD).into_iter().filter_map(read).collect()
}

/// Writes a source that another dialect told. Which words of its block it stands behind cannot be said.
pub(super) fn write(citation: &Citation, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &[], NAME);
    let title = fields::written(|out| match &citation.title {
        Some(title) => json::write_string(title, out),
        None => out.extend_from_slice(b"null"),
    });
    let cited_text = citation.cited_text.as_deref().unwrap_or_default();
    match &citation.source {
        Source::Url(url) => {
            writer.string("type", "web_search_result_location");
            writer.string("url", url);
            writer.text("title", &title);
            writer.string("cited_text", cited_text);
            writer.string("encrypted_index", &Sealed::Source.mark(""));
        }
        Source::Document { index, unit, place } => {
            let (kind, start, end) = match unit {
                Unit::Characters => ("char_location", "start_char_index", "end_char_index"),
                Unit::Pages => ("page_location", "start_page_number", "end_page_number"),
                Unit::Blocks => ("content_block_location", "start_block_index", "end_block_index"),
            };
            writer.string("type", kind);
            writer.string("cited_text", cited_text);
            writer.integer("document_index", *index);
            writer.text("document_title", &title);
            writer.integer(start, place.start);
            writer.integer(end, place.end);
        }
    }
    writer.close();
}

/// `citations` without those that another provider found; `None` if it found all of them.
pub(super) fn own(citations: Value<'_, '_>) -> Option<String> {
    let all = json::raw(citations);
    let is_own = |text: &String| !Sealed::Source.stands_in(text.as_bytes());
    if is_own(&all) {
        return Some(all);
    }
    let list = citations.as_array();
    let own: Vec<String> = list.iter().flat_map(|list| list.iter()).map(json::raw).filter(is_own).collect();
    (!own.is_empty()).then(|| format!("[{}]", own.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn written(citation: &Citation) -> String {
        fields::written(|out| write(citation, out))
    }

    fn parsed<Read>(text: &str, read: impl FnOnce(Value<'_, '_>) -> Read) -> Read {
        let mut copy = text.as_bytes().to_vec();
        read(Parser::new().parse(&mut copy).expect("JSON").as_value())
    }

    #[test]
    fn places_in_documents_are_told_in_claudes_words() {
        let (title, cited_text) = (Some("A".to_owned()), Some("xy".to_owned()));
        let source = Source::Document { index: 1, unit: Unit::Pages, place: 2..3 };
        let citation = Citation { dialect: "other", source, title, cited_text, span: None };
        assert_eq!(
            written(&citation),
            r#"{"type":"page_location","cited_text":"xy","document_index":1,"document_title":"A","start_page_number":2,"end_page_number":3}"#
        );
    }

    #[test]
    fn what_another_provider_found_does_not_go_back_and_the_rest_does() {
        let source = Source::Url("u".into());
        let citation = Citation { dialect: "other", source, title: None, cited_text: None, span: None };
        let others = written(&citation);
        assert_eq!(
            others,
            r#"{"type":"web_search_result_location","url":"u","title":null,"cited_text":"","encrypted_index":"ringgate:source:"}"#
        );
        let claudes = others.replace("ringgate:source:", "Eo8B");
        for (list, kept) in [
            (format!("[{others}]"), None),
            (format!("[{claudes}]"), Some(format!("[{claudes}]"))),
            (format!("[{others},{claudes}]"), Some(format!("[{claudes}]"))),
            (r#"{"enabled":true}"#.to_owned(), Some(r#"{"enabled":true}"#.to_owned())),
        ] {
            assert_eq!(parsed(&list, own), kept, "{list}");
        }
    }
}
