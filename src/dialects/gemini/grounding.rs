//! Where an answer comes from: Gemini's words for it, read and written.
//!
//! Gemini counts bytes of the answer's text, everybody else characters, so that the text has to be there.

use super::super::fields;
use super::super::fields::ObjectWriter;
use super::super::sources;
use super::super::sources::Source;
use super::spelling;
use crate::chat::Extra;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

/// Kinds of sources that have an address.
const CHUNKS: &[&str] = &["web", "retrievedContext", "maps"];

/// `groundingMetadata` of an answer whose text so far is `text`; `None` where it names no source.
pub(super) fn of_metadata(metadata: Value<'_, '_>, text: &str) -> Option<Extra> {
    let metadata = metadata.as_object()?;
    let named =
        |chunk: JsonObject<'_, '_>| CHUNKS.iter().find_map(|kind| source(&spelling::object(&chunk, kind)?, None, text));
    let chunks: Vec<Option<Source>> = objects(&metadata, "groundingChunks").map(named).collect();
    let mut cited = Vec::new();
    for support in objects(&metadata, "groundingSupports") {
        let segment = spelling::object(&support, "segment");
        let indices = spelling::get(&support, "groundingChunkIndices").and_then(|indices| indices.as_array());
        for index in indices.iter().flat_map(|indices| indices.iter()) {
            let place = index.as_u64().and_then(|index| usize::try_from(index).ok());
            if let Some(chunk) = place.and_then(|place| chunks.get(place)).and_then(Option::as_ref) {
                cited.push(placed(chunk, segment.as_ref(), text));
            }
        }
    }
    sources::kept(&cited)
}

/// `citationMetadata`, which names what was recited.
pub(super) fn of_citations(metadata: Value<'_, '_>, text: &str) -> Option<Extra> {
    let metadata = metadata.as_object()?;
    let lists = ["citationSources", "citations"];
    let cited = lists.into_iter().flat_map(|name| objects(&metadata, name));
    sources::kept(&cited.filter_map(|cited| source(&cited, Some(&cited), text)).collect::<Vec<_>>())
}

fn objects<'tape, 'input>(
    object: &JsonObject<'tape, 'input>,
    name: &str,
) -> impl Iterator<Item = JsonObject<'tape, 'input>> + use<'tape, 'input> {
    let list = spelling::get(object, name).and_then(|list| list.as_array());
    let items: Vec<_> = list.iter().flat_map(|list| list.iter()).filter_map(|item| item.as_object()).collect();
    items.into_iter()
}

/// A source that names itself and its words like this.
fn source(object: &JsonObject<'_, '_>, segment: Option<&JsonObject<'_, '_>>, text: &str) -> Option<Source> {
    let url = spelling::text(object, "uri").filter(|uri| !uri.is_empty())?.to_owned();
    let title = spelling::text(object, "title").unwrap_or_default().to_owned();
    Some(placed(&Source { url, title, start: 0, end: 0 }, segment, text))
}

/// The same of the words that `segment` names. Beginnings of zero are left out on the wire.
fn placed(source: &Source, segment: Option<&JsonObject<'_, '_>>, text: &str) -> Source {
    let at = |name: &str| segment.and_then(|segment| spelling::integer(segment, name));
    Source {
        start: at("startIndex").map_or(0, |byte| characters(text, byte)),
        end: at("endIndex").map_or_else(|| text.chars().count(), |byte| characters(text, byte)),
        ..source.clone()
    }
}

/// Sources of other dialects as `groundingMetadata`; an answer that has some of this dialect's own keeps those.
pub(super) fn write(sources: &[Source], text: &str, writer: &mut ObjectWriter<'_>) {
    if sources.is_empty() || writer.is_kept("groundingMetadata") || writer.is_kept("citationMetadata") {
        return;
    }
    let mut chunks: Vec<&Source> = Vec::new();
    let same = |a: &Source, b: &Source| (&a.url, &a.title) == (&b.url, &b.title);
    for source in sources {
        if !chunks.iter().any(|known| same(known, source)) {
            chunks.push(source);
        }
    }
    let Some(out) = writer.field("groundingMetadata") else { return };
    out.extend_from_slice(b"{\"groundingChunks\":");
    fields::write_list(&chunks, out, |chunk, out| {
        out.extend_from_slice(b"{\"web\":{\"uri\":");
        json::write_string(&chunk.url, out);
        out.extend_from_slice(b",\"title\":");
        json::write_string(&chunk.title, out);
        out.extend_from_slice(b"}}");
    });
    out.extend_from_slice(b",\"groundingSupports\":");
    fields::write_list(sources, out, |source, out| {
        let (start, end) = (byte_of(text, source.start), byte_of(text, source.end.max(source.start)));
        out.extend_from_slice(b"{\"segment\":{\"startIndex\":");
        fields::write_integer(start as u64, out);
        out.extend_from_slice(b",\"endIndex\":");
        fields::write_integer(end as u64, out);
        out.extend_from_slice(b",\"text\":");
        json::write_string(&text[start..end], out);
        out.extend_from_slice(b"},\"groundingChunkIndices\":[");
        let place = chunks.iter().position(|known| same(known, source)).unwrap_or_default();
        fields::write_integer(place as u64, out);
        out.extend_from_slice(b"]}");
    });
    out.push(b'}');
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

    fn read(metadata: &serde_json::Value, of: fn(Value<'_, '_>, &str) -> Option<Extra>) -> Option<serde_json::Value> {
        let mut copy = metadata.to_string().into_bytes();
        let extra = of(Parser::new().parse(&mut copy).expect("valid JSON").as_value(), "é is Paris.")?;
        Some(serde_json::from_str(&extra.value.0).expect("valid JSON"))
    }

    fn citation(start: u64, end: u64, title: &str, url: &str) -> serde_json::Value {
        let place = json!({"start_index": start, "end_index": end, "title": title, "url": url});
        json!({"type": "url_citation", "url_citation": place})
    }

    #[test]
    fn bytes_become_characters_and_sources_citations() {
        let metadata = json!({
            "groundingChunks": [{"web": {"uri": "u", "title": "t"}}, {"retrievedContext": {"text": "x"}}],
            "groundingSupports": [
                {"segment": {"endIndex": 2}, "groundingChunkIndices": [0, 1, 7]},
                {"segment": {"startIndex": 6, "endIndex": 99}, "groundingChunkIndices": [0]},
            ],
        });
        let wanted = json!([citation(0, 1, "t", "u"), citation(5, 11, "t", "u")]);
        assert_eq!(read(&metadata, of_metadata), Some(wanted));
        let cited = json!({"citationSources": [{"startIndex": 3, "endIndex": 5, "uri": "u"}, {"license": "mit"}]});
        assert_eq!(read(&cited, of_citations), Some(json!([citation(2, 4, "", "u")])));
        for nothing in [json!({}), json!({"webSearchQueries": ["q"]}), json!([])] {
            assert_eq!(read(&nothing, of_metadata), None);
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let source = |url: &str, start, end| Source { url: url.into(), title: "t".into(), start, end };
        let sources = [source("u", 0, 1), source("v", 2, 4), source("u", 5, 11)];
        let mut out = Vec::new();
        let mut writer = ObjectWriter::open(&mut out, &[], "gemini");
        write(&sources, "\u{e9} is Paris.", &mut writer);
        writer.close();
        let told: serde_json::Value = serde_json::from_slice(&out).expect("valid JSON");
        let metadata = &told["groundingMetadata"];
        assert_eq!(metadata["groundingChunks"].as_array().map(Vec::len), Some(2), "each address once");
        assert_eq!(metadata["groundingSupports"][0]["segment"]["endIndex"], 2, "bytes");
        let back = read(metadata, of_metadata).expect("sources");
        let extra = sources::kept(&sources).expect("some");
        assert_eq!(back, serde_json::from_str::<serde_json::Value>(&extra.value.0).expect("valid JSON"));
    }
}
