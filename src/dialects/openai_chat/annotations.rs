//! Sources of an answer: `annotations` of the kind `url_citation`, which count the characters of the message's
//! text. Perplexity and xAI list addresses beside the answers instead, and do not say what each is for.

use super::super::citations;
use super::super::citations::URL_CITATION;
use super::super::citations::text_of;
use super::super::fields;
use super::super::fields::ObjectWriter;
use super::NAME;
use crate::chat::Citation;
use crate::chat::Source;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

/// Where a message has them.
pub(super) const FIELD: &str = "annotations";
/// Lists beside the answers; what tells more comes first.
pub(super) const LISTS: &[&str] = &[SEARCH_RESULTS, ADDRESSES];
/// Of Perplexity's.
pub(super) const SEARCH_RESULTS: &str = "search_results";
/// Of Perplexity's and xAI's.
pub(super) const ADDRESSES: &str = "citations";

/// The sources in `annotations` of a message or a delta.
pub(super) fn read(annotations: Value<'_, '_>) -> Vec<Citation> {
    let list = annotations.as_array();
    let objects = list.iter().flat_map(|list| list.iter()).filter_map(|annotation| annotation.as_object());
    let sources = objects.filter_map(|annotation| fields::object_of(&annotation, URL_CITATION));
    sources.filter_map(|source| citations::read_openai(&source, NAME)).collect()
}

/// The sources that a whole answer or a chunk lists beside its choices.
pub(super) fn beside(answer: &JsonObject<'_, '_>) -> Vec<Citation> {
    let lists = LISTS.iter().filter_map(|name| answer.get(*name));
    lists.map(read_list).find(|list| !list.is_empty()).unwrap_or_default()
}

fn read_list(list: Value<'_, '_>) -> Vec<Citation> {
    let list = list.as_array();
    let read = |entry: Value<'_, '_>| {
        let object = entry.as_object();
        let url =
            object.as_ref().and_then(|object| text_of(object, "url")).or_else(|| entry.as_str().map(str::to_owned));
        let title = object.as_ref().and_then(|object| text_of(object, "title"));
        let source = Source::Url(url.filter(|url| url.starts_with("http"))?);
        Some(Citation { dialect: NAME, source, title, cited_text: None, span: None })
    };
    list.iter().flat_map(|list| list.iter()).filter_map(read).collect()
}

/// Writes a source as an annotation; those of a stream have a number.
pub(super) fn write(number: Option<u64>, citation: &Citation, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &[], NAME);
    if let Some(number) = number {
        writer.integer("index", number);
    }
    writer.string("type", URL_CITATION);
    if let Some(out) = writer.field(URL_CITATION) {
        let mut inner = ObjectWriter::open(out, &[], NAME);
        citations::write_openai(citation, &mut inner);
        inner.close();
    }
    writer.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn parsed(text: &str, read: fn(Value<'_, '_>) -> Vec<Citation>) -> Vec<Citation> {
        let mut copy = text.as_bytes().to_vec();
        read(Parser::new().parse(&mut copy).expect("JSON").as_value())
    }

    fn citation(title: Option<&str>, span: Option<std::ops::Range<usize>>) -> Citation {
        let (source, title) = (Source::Url("https://a".into()), title.map(str::to_owned));
        Citation { dialect: NAME, source, title, cited_text: None, span }
    }

    #[test]
    fn what_is_written_reads_back_and_what_is_none_is_skipped() {
        for told in [citation(Some("t\""), Some(2..5)), citation(None, None)] {
            let written = fields::written(|out| write(Some(3), &told, out));
            assert!(written.starts_with(r#"{"index":3,"type":"url_citation","url_citation":{"#), "{written}");
            assert_eq!(parsed(&format!("[{written}]"), read), [told]);
        }
        let strange = r#"[1,{},{"url_citation":{}},{"type":"file_citation","file_citation":{"file_id":"f"}}]"#;
        assert_eq!(parsed(strange, read), []);
    }

    #[test]
    fn lists_beside_the_answers_are_addresses_or_results() {
        assert_eq!(parsed(r#"["https://a",1,"a"]"#, read_list), [citation(None, None)]);
        let results = r#"[{"title":"T","url":"https://a","date":"2025-01-01"},{"title":"U"}]"#;
        assert_eq!(parsed(results, read_list), [citation(Some("T"), None)]);
    }
}
