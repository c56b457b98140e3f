//! Sources of an answer, as both of OpenAI's dialects tell them: an address, a name, and the characters that
//! they are named for. What is peculiar to a dialect stands beside it.

use super::fields;
use super::fields::ObjectWriter;
use crate::chat::Citation;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

/// The kind of annotation that is a source with an address.
pub(super) const URL_CITATION: &str = "url_citation";
/// Most sources of one text that are told to callers of another dialect.
pub(super) const CITATIONS_MAX: usize = 512;

/// Reads `url`, `title` and the place of a source; `None` without an address.
pub(super) fn read(source: &JsonObject<'_, '_>, dialect: &'static str) -> Option<Citation> {
    let text = |name: &str| fields::string_of(source, name).filter(|text| !text.is_empty()).map(str::to_owned);
    let place = |name: &str| fields::integer_of(source, name).and_then(|place| usize::try_from(place).ok());
    // Who does not know the place says that it is nowhere.
    let span = place("start_index").zip(place("end_index")).filter(|(start, end)| start < end);
    Some(Citation {
        dialect,
        url: text("url")?,
        title: text("title"),
        quote: text("content"),
        span: span.map(|(start, end)| start..end),
    })
}

/// Writes the fields of a source of a text that begins at character `begins` and has `length` characters
/// so far.
pub(super) fn write(citation: &Citation, begins: usize, length: usize, writer: &mut ObjectWriter<'_>) {
    let span = citation.span.clone().unwrap_or(0..length);
    writer.integer("start_index", (begins + span.start) as u64);
    writer.integer("end_index", (begins + span.end) as u64);
    writer.string("title", citation.title.as_deref().unwrap_or_default());
    writer.string("url", &citation.url);
}

/// The sources that are to be told in `dialect`: those told in it already stand there in its own words.
pub(super) fn told_in<'c>(dialect: &'static str, citations: &'c [Citation]) -> impl Iterator<Item = &'c Citation> {
    citations.iter().filter(move |citation| citation.dialect != dialect).take(CITATIONS_MAX)
}

/// A list of plain addresses or of objects with `url`, told beside an answer instead of in it.
pub(super) fn read_list(list: Value<'_, '_>, dialect: &'static str) -> Vec<Citation> {
    let list = list.as_array();
    let sources = list.iter().flat_map(|list| list.iter()).take(CITATIONS_MAX);
    let plain = |url: &str| Citation { dialect, url: url.to_owned(), title: None, quote: None, span: None };
    let read = |source: Value<'_, '_>| match source.as_object() {
        Some(source) => read(&source, dialect),
        None => source.as_str().filter(|url| url.starts_with("http")).map(plain),
    };
    sources.filter_map(read).collect()
}
