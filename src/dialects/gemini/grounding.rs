//! Where an answer comes from. Gemini counts bytes of the answer's text, everybody else characters, so that
//! the text has to be there.

use super::NAME;
use super::spelling;
use crate::chat::Citation;
use crate::chat::Part;
use crate::dialects::citations::CITATIONS_MAX;
use crate::dialects::fields;
use crate::dialects::fields::ObjectWriter;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use std::ops::Range;

/// Kinds of sources that have an address for people.
const KINDS: &[&str] = &["web", "maps"];

/// The words of an answer so far.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    /// All of them, which is what places point into.
    pub(super) text: &'a str,
    /// Where the newest text begins, in bytes.
    pub(super) begins: usize,
}

/// The sources in `groundingMetadata`.
pub(super) fn of_metadata(metadata: Value<'_, '_>, said: Said<'_>) -> Vec<Citation> {
    let Some(metadata) = metadata.as_object() else { return Vec::new() };
    let chunks = objects(&metadata, "groundingChunks");
    let kind = |chunk: &JsonObject<'_, '_>| KINDS.iter().find_map(|kind| source(&spelling::object(chunk, kind)?));
    let sources: Vec<Option<Citation>> = chunks.map(|chunk| kind(&chunk)).collect();
    let mut cited = Vec::new();
    for support in objects(&metadata, "groundingSupports") {
        let segment = spelling::object(&support, "segment");
        let indices = spelling::get(&support, "groundingChunkIndices").and_then(|indices| indices.as_array());
        for index in indices.iter().flat_map(|indices| indices.iter()) {
            let place = index.as_u64().and_then(|index| usize::try_from(index).ok());
            if let Some(Some(source)) = place.and_then(|place| sources.get(place)) {
                let span = segment.as_ref().and_then(|segment| span(segment, said));
                cited.push(Citation { span, ..source.clone() });
            }
        }
    }
    cited.truncate(CITATIONS_MAX);
    cited
}

/// The sources in `citationMetadata`, which names what was recited.
pub(super) fn of_citations(metadata: Value<'_, '_>, said: Said<'_>) -> Vec<Citation> {
    let Some(metadata) = metadata.as_object() else { return Vec::new() };
    let lists = ["citationSources", "citations"];
    let cited = lists.into_iter().flat_map(|name| objects(&metadata, name)).take(CITATIONS_MAX);
    cited.filter_map(|cited| Some(Citation { span: span(&cited, said), ..source(&cited)? })).collect()
}

fn objects<'tape, 'input>(
    object: &JsonObject<'tape, 'input>,
    name: &str,
) -> impl Iterator<Item = JsonObject<'tape, 'input>> + use<'tape, 'input> {
    let list = spelling::get(object, name).and_then(|list| list.as_array());
    let items: Vec<_> = list.iter().flat_map(|list| list.iter()).filter_map(|item| item.as_object()).collect();
    items.into_iter()
}

fn source(object: &JsonObject<'_, '_>) -> Option<Citation> {
    let url = spelling::text(object, "uri")?.to_owned();
    let title = spelling::text(object, "title").filter(|title| !title.is_empty()).map(str::to_owned);
    Some(Citation { dialect: NAME, url, title, quote: None, span: None })
}

/// Where a segment stands in the newest text, in characters. Beginnings of zero are left out on the wire.
fn span(segment: &JsonObject<'_, '_>, said: Said<'_>) -> Option<Range<usize>> {
    let end = characters(said.text, spelling::integer(segment, "endIndex")?);
    let start = spelling::integer(segment, "startIndex").map_or(0, |byte| characters(said.text, byte));
    let begins = characters(said.text, said.begins as u64);
    let span = start.saturating_sub(begins)..end.saturating_sub(begins);
    (!span.is_empty()).then_some(span)
}

/// Gives the sources of the last text, whose places are those in all texts, to the texts that they stand in.
pub(super) fn give_to_texts(parts: &mut [Part]) {
    let mut texts: Vec<(&String, &mut Vec<Citation>)> = parts.iter_mut().filter_map(text_of).collect();
    if texts.len() < 2 {
        return;
    }
    let told = texts.last_mut().map(|(_, citations)| std::mem::take(*citations)).unwrap_or_default();
    for citation in told {
        let mut begins = 0;
        let last = texts.len() - 1;
        for (place, (text, citations)) in texts.iter_mut().enumerate() {
            let ends = begins + text.chars().count();
            if place == last || citation.span.as_ref().is_some_and(|span| span.start < ends) {
                let within = |span: &Range<usize>| span.start.min(ends) - begins..span.end.min(ends) - begins;
                let span = citation.span.as_ref().map(within);
                citations.push(Citation { span, ..citation });
                break;
            }
            begins = ends;
        }
    }
}

fn text_of(part: &mut Part) -> Option<(&String, &mut Vec<Citation>)> {
    match part {
        Part::Text { text, citations, .. } => Some((text, citations)),
        _ => None,
    }
}

/// The sources of one candidate for a caller, in the places that Gemini's clients look for them.
#[derive(Default)]
pub(super) struct Sources {
    chunks: Vec<Citation>,
    supports: Vec<Support>,
}

struct Support {
    bytes: Range<usize>,
    chunks: Vec<usize>,
}

impl Sources {
    /// Adds a source of the newest text; those that were told in this dialect stand there already.
    pub(super) fn add(&mut self, citation: &Citation, said: Said<'_>) {
        if citation.dialect == NAME || self.chunks.len() >= CITATIONS_MAX {
            return;
        }
        let same = |known: &Citation| known.url == citation.url && known.title == citation.title;
        let chunk = self.chunks.iter().position(same).unwrap_or_else(|| {
            self.chunks.push(citation.clone());
            self.chunks.len() - 1
        });
        let newest = &said.text[said.begins..];
        let bytes = match &citation.span {
            Some(span) => said.begins + byte(newest, span.start)..said.begins + byte(newest, span.end),
            None => said.begins..said.text.len(),
        };
        match self.supports.iter_mut().find(|support| support.bytes == bytes) {
            Some(support) if support.chunks.contains(&chunk) => {}
            Some(support) => support.chunks.push(chunk),
            None => self.supports.push(Support { bytes, chunks: vec![chunk] }),
        }
    }

    /// `groundingMetadata` for an answer that says `text`; `None` without sources.
    pub(super) fn written(&self, text: &str) -> Option<String> {
        if self.chunks.is_empty() {
            return None;
        }
        let some = self.supports.iter().filter(|support| !support.bytes.is_empty());
        Some(fields::written(|out| {
            let mut writer = ObjectWriter::open(out, &[], NAME);
            fields::write_list(&self.chunks, writer.overrule("groundingChunks"), write_chunk);
            let out = writer.overrule("groundingSupports");
            fields::write_list(some, out, |support, out| write_support(support, text, out));
            writer.close();
        }))
    }
}

fn write_chunk(source: &Citation, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &[], NAME);
    let mut inner = ObjectWriter::open(writer.overrule("web"), &[], NAME);
    inner.string("uri", &source.url);
    inner.optional_string("title", source.title.as_deref());
    inner.close();
    writer.close();
}

fn write_support(support: &Support, text: &str, out: &mut Vec<u8>) {
    let Range { start, end } = support.bytes;
    let mut writer = ObjectWriter::open(out, &[], NAME);
    let mut inner = ObjectWriter::open(writer.overrule("segment"), &[], NAME);
    if start > 0 {
        inner.integer("startIndex", start as u64);
    }
    inner.integer("endIndex", end as u64);
    inner.string("text", text.get(start..end).unwrap_or_default());
    inner.close();
    let out = writer.overrule("groundingChunkIndices");
    fields::write_list(&support.chunks, out, |chunk, out| fields::write_integer(*chunk as u64, out));
    writer.close();
}

/// Where character number `character` begins.
fn byte(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(at, _)| at)
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

    const SAID: Said<'static> = Said { text: "é is Paris.", begins: 0 };

    fn read(metadata: &serde_json::Value, of: fn(Value<'_, '_>, Said<'_>) -> Vec<Citation>) -> Vec<Citation> {
        let mut copy = metadata.to_string().into_bytes();
        of(Parser::new().parse(&mut copy).expect("valid JSON").as_value(), SAID)
    }

    fn citation(span: Range<usize>, title: Option<&str>) -> Citation {
        Citation { dialect: NAME, url: "u".into(), title: title.map(str::to_owned), quote: None, span: Some(span) }
    }

    #[test]
    fn bytes_become_characters_and_supports_citations() {
        let metadata = json!({
            "groundingChunks": [{"web": {"uri": "u", "title": "t"}}, {"retrievedContext": {"text": "x"}}],
            "groundingSupports": [
                {"segment": {"endIndex": 2}, "groundingChunkIndices": [0, 1, 7]},
                {"segment": {"startIndex": 6, "endIndex": 99}, "groundingChunkIndices": [0]},
            ],
        });
        assert_eq!(read(&metadata, of_metadata), [citation(0..1, Some("t")), citation(5..11, Some("t"))]);
        let cited = json!({"citationSources": [{"startIndex": 3, "endIndex": 5, "uri": "u"}, {"license": "mit"}]});
        assert_eq!(read(&cited, of_citations), [citation(2..4, None)]);
        for nothing in [json!({}), json!({"webSearchQueries": ["q"]}), json!([])] {
            assert_eq!(read(&nothing, of_metadata), []);
        }
    }

    #[test]
    fn characters_become_bytes_and_citations_supports() {
        let mut sources = Sources::default();
        let told = |url: &str, span| Citation { dialect: "other", url: url.into(), title: None, quote: None, span };
        let said = Said { text: "aé. é is", begins: 4 };
        for citation in [told("u", Some(0..2)), told("v", Some(0..2)), told("u", None), told("u", Some(0..2))] {
            sources.add(&citation, said);
        }
        sources.add(&citation(0..1, None), said);
        let written: serde_json::Value =
            serde_json::from_str(&sources.written(said.text).expect("sources")).expect("JSON");
        assert_eq!(
            written,
            json!({
                "groundingChunks": [{"web": {"uri": "u"}}, {"web": {"uri": "v"}}],
                "groundingSupports": [
                    {"segment": {"startIndex": 4, "endIndex": 7, "text": " é"}, "groundingChunkIndices": [0, 1]},
                    {"segment": {"startIndex": 4, "endIndex": 10, "text": " é is"}, "groundingChunkIndices": [0]},
                ],
            })
        );
        assert_eq!(Sources::default().written("x"), None);
    }
}
