//! Where an answer comes from: Gemini's words for it, read and written.
//!
//! Gemini counts bytes of the answer's text, everybody else characters, so that the text has to be there.

use super::super::citations::is_told_in;
use super::super::fields;
use super::super::fields::ObjectWriter;
use super::NAME;
use super::spelling;
use crate::chat::Citation;
use crate::chat::Source;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use std::ops::Range;

/// Kinds of sources that have an address.
const CHUNKS: &[&str] = &["web", "retrievedContext", "maps"];

/// The sources in `groundingMetadata` of an answer whose text so far is `text`.
pub(super) fn of_metadata(metadata: Value<'_, '_>, text: &str) -> Vec<Citation> {
    let Some(metadata) = metadata.as_object() else { return Vec::new() };
    let named = |chunk: JsonObject<'_, '_>| CHUNKS.iter().find_map(|kind| source(&spelling::object(&chunk, kind)?));
    let chunks: Vec<Option<Citation>> = objects(&metadata, "groundingChunks").map(named).collect();
    let mut cited = Vec::new();
    for support in objects(&metadata, "groundingSupports") {
        let segment = spelling::object(&support, "segment");
        let indices = spelling::get(&support, "groundingChunkIndices").and_then(|indices| indices.as_array());
        for index in indices.iter().flat_map(|indices| indices.iter()) {
            let place = index.as_u64().and_then(|index| usize::try_from(index).ok());
            if let Some(chunk) = place.and_then(|place| chunks.get(place)).and_then(Option::as_ref) {
                let span = segment.as_ref().and_then(|segment| span(segment, text));
                cited.push(Citation { span, ..chunk.clone() });
            }
        }
    }
    cited
}

/// The sources in `citationMetadata`, which names what was recited.
pub(super) fn of_citations(metadata: Value<'_, '_>, text: &str) -> Vec<Citation> {
    let Some(metadata) = metadata.as_object() else { return Vec::new() };
    let lists = ["citationSources", "citations"];
    let cited = lists.into_iter().flat_map(|name| objects(&metadata, name));
    cited.filter_map(|cited| Some(Citation { span: span(&cited, text), ..source(&cited)? })).collect()
}

fn objects<'tape, 'input>(
    object: &JsonObject<'tape, 'input>,
    name: &str,
) -> impl Iterator<Item = JsonObject<'tape, 'input>> + use<'tape, 'input> {
    let list = spelling::get(object, name).and_then(|list| list.as_array());
    let items: Vec<_> = list.iter().flat_map(|list| list.iter()).filter_map(|item| item.as_object()).collect();
    items.into_iter()
}

/// A source that names itself like this.
fn source(object: &JsonObject<'_, '_>) -> Option<Citation> {
    let told = |name: &str| spelling::text(object, name).filter(|text| !text.is_empty()).map(str::to_owned);
    let (source, title) = (Source::Url(told("uri")?), told("title"));
    Some(Citation { dialect: NAME, source, title, cited_text: told("text"), span: None })
}

/// The characters of the words that `segment` names. Beginnings of zero are left out on the wire.
fn span(segment: &JsonObject<'_, '_>, text: &str) -> Option<Range<usize>> {
    let at = |name: &str| spelling::integer(segment, name).map(|byte| characters(text, byte));
    Some(at("startIndex").unwrap_or_default()..at("endIndex")?).filter(|span| !span.is_empty())
}

/// Sources of other dialects as `groundingMetadata`. Clients read the segment of every support, so that a source
/// of no words in particular is one of all.
pub(super) fn write(citations: &[Citation], text: impl FnOnce() -> String, writer: &mut ObjectWriter<'_>) {
    let cited: Vec<&Citation> = citations.iter().filter(|citation| is_told_in(NAME, citation)).collect();
    if cited.is_empty() {
        return;
    }
    let mut chunks: Vec<&Citation> = Vec::new();
    let same = |a: &Citation, b: &Citation| (a.url(), &a.title) == (b.url(), &b.title);
    for citation in &cited {
        if !chunks.iter().any(|known| same(known, citation)) {
            chunks.push(citation);
        }
    }
    let text = text();
    let Some(out) = writer.field("groundingMetadata") else { return };
    out.extend_from_slice(b"{\"groundingChunks\":");
    fields::write_list(&chunks, out, |chunk, out| {
        out.extend_from_slice(b"{\"web\":{\"uri\":");
        json::write_string(chunk.url().unwrap_or_default(), out);
        out.extend_from_slice(b",\"title\":");
        json::write_string(chunk.title.as_deref().unwrap_or_default(), out);
        out.extend_from_slice(b"}}");
    });
    out.extend_from_slice(b",\"groundingSupports\":");
    fields::write_list(cited, out, |citation, out| {
        let Range { start, end } = bytes(&text, citation.span.as_ref());
        out.extend_from_slice(b"{\"segment\":{\"startIndex\":");
        fields::write_integer(start as u64, out);
        out.extend_from_slice(b",\"endIndex\":");
        fields::write_integer(end as u64, out);
        out.extend_from_slice(b",\"text\":");
        json::write_string(&text[start..end], out);
        out.extend_from_slice(b"},\"groundingChunkIndices\":[");
        let place = chunks.iter().position(|known| same(known, citation)).unwrap_or_default();
        fields::write_integer(place as u64, out);
        out.extend_from_slice(b"]}");
    });
    out.push(b'}');
}

/// These characters of a text in bytes, or all of it.
fn bytes(text: &str, span: Option<&Range<usize>>) -> Range<usize> {
    let Some(span) = span else { return 0..text.len() };
    byte_of(text, span.start)..byte_of(text, span.end.max(span.start))
}

/// Where character number `characters` begins.
fn byte_of(text: &str, characters: usize) -> usize {
    text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at)
}

/// How many characters begin before byte number `byte`.
fn characters(text: &str, byte: u64) -> usize {
    let byte = usize::try_from(byte).unwrap_or(usize::MAX);
    text.char_indices().take_while(|(at, _)| *at < byte).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;
    use serde_json::json;

    fn read(metadata: &serde_json::Value, of: fn(Value<'_, '_>, &str) -> Vec<Citation>) -> Vec<Citation> {
        let mut copy = metadata.to_string().into_bytes();
        of(Parser::new().parse(&mut copy).expect("valid JSON").as_value(), "é is Paris.")
    }

    fn citation(dialect: &'static str, url: &str, title: Option<&str>, span: Option<Range<usize>>) -> Citation {
        let title = title.map(str::to_owned);
        Citation { dialect, source: Source::Url(url.into()), title, cited_text: None, span }
    }

    #[test]
    fn bytes_become_characters_and_supports_citations() {
        let metadata = json!({
            "groundingChunks": [{"web": {"uri": "u", "title": "t"}}, {"retrievedContext": {"text": "x"}}],
            "groundingSupports": [
                {"segment": {"endIndex": 2}, "groundingChunkIndices": [0, 1, 7]},
                {"segment": {"startIndex": 6, "endIndex": 99}, "groundingChunkIndices": [0]},
                {"groundingChunkIndices": [0]},
            ],
        });
        let told = |span| citation(NAME, "u", Some("t"), span);
        assert_eq!(read(&metadata, of_metadata), [told(Some(0..1)), told(Some(5..11)), told(None)]);
        let cited = json!({"citationSources": [{"startIndex": 3, "endIndex": 5, "uri": "u"}, {"license": "mit"}]});
        assert_eq!(read(&cited, of_citations), [citation(NAME, "u", None, Some(2..4))]);
        for nothing in [json!({}), json!({"webSearchQueries": ["q"]}), json!([])] {
            assert_eq!(read(&nothing, of_metadata), []);
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let told = |dialect, url: &str, span| citation(dialect, url, Some("t"), span);
        let citations = |dialect| {
            let spans = [("u", Some(0..1)), ("v", Some(2..4)), ("u", Some(5..11)), ("v", None)];
            spans.map(|(url, span)| told(dialect, url, span))
        };
        let mut out = Vec::new();
        let mut writer = ObjectWriter::open(&mut out, &[], NAME);
        let own = told(NAME, "w", None);
        write(&[citations("other").as_slice(), &[own]].concat(), || "\u{e9} is Paris.".to_owned(), &mut writer);
        writer.close();
        let written: serde_json::Value = serde_json::from_slice(&out).expect("valid JSON");
        let metadata = &written["groundingMetadata"];
        assert_eq!(metadata["groundingChunks"].as_array().map(Vec::len), Some(2), "each address once");
        assert_eq!(metadata["groundingSupports"][0]["segment"]["endIndex"], 2, "bytes");
        let mut wanted = citations(NAME);
        wanted[3].span = Some(0..11);
        assert_eq!(read(metadata, of_metadata), wanted);
    }
}
