//! Sources of an answer: `annotations` of the kind `url_citation`, counted in characters of the message's
//! whole text. Some providers list them beside the answers instead, without saying what each is for.

use super::super::citations;
use super::super::citations::URL_CITATION;
use super::super::fields;
use super::super::fields::ObjectWriter;
use super::NAME;
use crate::chat::Citation;
use crate::chat::Part;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;

/// Where sources stand beside the answers; what tells more comes first.
const LISTS: &[&str] = &["search_results", "citations"];

/// The sources in `annotations` of a message or a delta.
pub(super) fn read(annotations: Value<'_, '_>) -> Vec<Citation> {
    let list = annotations.as_array();
    let objects = list.iter().flat_map(|list| list.iter()).filter_map(|annotation| annotation.as_object());
    let sources = objects.filter_map(|annotation| fields::object_of(&annotation, URL_CITATION));
    sources.filter_map(|source| citations::read(&source, NAME)).take(citations::CITATIONS_MAX).collect()
}

/// The sources that a whole answer or a chunk names beside its choices.
pub(super) fn beside(answer: &JsonObject<'_, '_>) -> Vec<Citation> {
    let lists = LISTS.iter().filter_map(|name| answer.get(*name));
    lists.map(|list| citations::read_list(list, NAME)).find(|list| !list.is_empty()).unwrap_or_default()
}

/// Gives sources to the text that they are about.
pub(super) fn attach(sources: Vec<Citation>, parts: &mut [Part]) {
    let text = parts.iter_mut().find_map(|part| match part {
        Part::Text { citations, .. } => Some(citations),
        _ => None,
    });
    if let Some(known) = text {
        known.extend(sources);
    }
}

/// The annotations of a message made of `parts`; `None` where there are none.
pub(super) fn of_parts(parts: &[Part]) -> Option<String> {
    let mut begins = 0;
    let mut written = Vec::new();
    for part in parts {
        let Part::Text { text, citations, .. } = part else { continue };
        let length = text.chars().count();
        let told = citations::told_in(NAME, citations);
        written.extend(told.map(|citation| fields::written(|out| write(citation, begins, length, out))));
        begins += length;
    }
    (!written.is_empty()).then(|| format!("[{}]", written.join(",")))
}

/// Writes a source of a text that begins at character `begins` of the message and has `length` so far.
pub(super) fn write(citation: &Citation, begins: usize, length: usize, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.string("type", URL_CITATION);
    if let Some(out) = writer.field(URL_CITATION) {
        let mut inner = ObjectWriter::open(out, &[], NAME);
        citations::write(citation, begins, length, &mut inner);
        inner.close();
    }
    writer.close();
}
