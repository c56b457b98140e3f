//! Where an answer comes from, in the words of OpenAI's format: `annotations` of the kind `url_citation`.
//!
//! Gemini counts bytes of the answer's text, OpenAI characters, so that the text has to be there.

use super::spelling;
use crate::chat::Extra;
use crate::chat::RawJson;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

/// Most annotations of one report.
const ANNOTATIONS_MAX: usize = 512;

/// `groundingMetadata` of an answer whose text so far is `text`; `None` where it names no source.
pub(super) fn of_metadata(metadata: Value<'_, '_>, text: &str) -> Option<Extra> {
    let metadata = metadata.as_object()?;
    let sources = objects(&metadata, "groundingChunks");
    let sources: Vec<Option<Source<'_>>> = sources.map(|chunk| Source::of(&spelling::object(&chunk, "web")?)).collect();
    let mut annotations = Vec::new();
    for support in objects(&metadata, "groundingSupports") {
        let segment = spelling::object(&support, "segment");
        let indices = spelling::get(&support, "groundingChunkIndices").and_then(|indices| indices.as_array());
        for index in indices.iter().flat_map(|indices| indices.iter()) {
            let place = index.as_u64().and_then(|index| usize::try_from(index).ok());
            if let Some(source) = place.and_then(|place| sources.get(place)).and_then(Option::as_ref) {
                annotations.push(source.annotation(segment.as_ref(), text));
            }
        }
    }
    extra(annotations)
}

/// `citationMetadata`, which names what was recited.
pub(super) fn of_citations(metadata: Value<'_, '_>, text: &str) -> Option<Extra> {
    let metadata = metadata.as_object()?;
    let lists = ["citationSources", "citations"];
    let cited = lists.into_iter().flat_map(|name| objects(&metadata, name));
    extra(cited.filter_map(|cited| Some(Source::of(&cited)?.annotation(Some(&cited), text))).collect())
}

fn objects<'tape, 'input>(
    object: &JsonObject<'tape, 'input>,
    name: &str,
) -> impl Iterator<Item = JsonObject<'tape, 'input>> + use<'tape, 'input> {
    let list = spelling::get(object, name).and_then(|list| list.as_array());
    let items: Vec<_> = list.iter().flat_map(|list| list.iter()).filter_map(|item| item.as_object()).collect();
    items.into_iter()
}

fn extra(mut annotations: Vec<String>) -> Option<Extra> {
    annotations.truncate(ANNOTATIONS_MAX);
    let value = RawJson(format!("[{}]", annotations.join(",")));
    let extra = Extra { dialect: "openai_chat", name: "message/annotations".to_owned(), value };
    (!annotations.is_empty()).then_some(extra)
}

struct Source<'input> {
    uri: &'input str,
    title: &'input str,
}

impl<'input> Source<'input> {
    fn of(object: &JsonObject<'_, 'input>) -> Option<Source<'input>> {
        let title = spelling::text(object, "title").unwrap_or_default();
        Some(Source { uri: spelling::text(object, "uri")?, title })
    }

    /// Beginnings of zero are left out on the wire.
    fn annotation(&self, segment: Option<&JsonObject<'_, '_>>, text: &str) -> String {
        let at = |name: &str| segment.and_then(|segment| spelling::integer(segment, name));
        let start = at("startIndex").map_or(0, |byte| characters(text, byte));
        let end = at("endIndex").map_or_else(|| text.chars().count(), |byte| characters(text, byte));
        format!(
            "{{\"type\":\"url_citation\",\"url_citation\":{{\"start_index\":{start},\"end_index\":{end},\"title\":{},\"url\":{}}}}}",
            spelling::quoted(self.title),
            spelling::quoted(self.uri),
        )
    }
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
}
