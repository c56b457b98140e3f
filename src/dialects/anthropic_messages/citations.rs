//! Sources of an answer. Claude names them block by block: what a block says comes from its sources.
//!
//! A source that was found by another provider is told as the result of a search, whose `encrypted_index` no
//! provider would take back: it is a mark, and what has it is left out when the conversation goes on.

use super::super::fields;
use super::super::fields::ObjectWriter;
use super::super::signature::Sealed;
use super::NAME;
use crate::chat::Citation;
use crate::wire::json;
use crate::wire::json::JsonArray;
use crate::wire::json::Value;

/// A source with an address. Places in documents have none.
pub(super) fn read(citation: Value<'_, '_>) -> Option<Citation> {
    let object = citation.as_object()?;
    let text = |name: &str| fields::string_of(&object, name).filter(|text| !text.is_empty()).map(str::to_owned);
    let url = match fields::string_of(&object, "type")? {
        "web_search_result_location" => text("url")?,
        "search_result_location" => text("source").filter(|source| source.starts_with("http"))?,
        _ => return None,
    };
    Some(Citation { dialect: NAME, url, title: text("title"), quote: text("cited_text"), span: None })
}

/// Writes a source that another dialect told. Which words of its block it is named for cannot be said.
pub(super) fn write(citation: &Citation, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.string("type", "web_search_result_location");
    writer.string("cited_text", citation.quote.as_deref().unwrap_or_default());
    writer.string("encrypted_index", &Sealed::Source.mark(""));
    match &citation.title {
        Some(title) => writer.string("title", title),
        None => writer.text("title", "null"),
    }
    writer.string("url", &citation.url);
    writer.close();
}

/// Those of `citations`, which a caller sends back, that the provider itself found, if any are others'.
pub(super) fn without_foreign(citations: &JsonArray<'_, '_>) -> Option<String> {
    let is_foreign = |citation: &Value<'_, '_>| {
        let object = citation.as_object();
        let index = object.as_ref().and_then(|object| fields::string_of(object, "encrypted_index"));
        index.is_some_and(|index| Sealed::Source.of(index).is_some())
    };
    let own: Vec<Value<'_, '_>> = citations.iter().filter(|citation| !is_foreign(citation)).collect();
    let some_foreign = own.len() < citations.len();
    some_foreign.then(|| fields::written(|out| fields::write_list(own, out, json::write_value)))
}
