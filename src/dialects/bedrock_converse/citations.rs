//! Sources of an answer: pages of the web, and places in documents of the request.

use super::super::citations::entries;
use super::super::citations::text_of;
use super::super::fields;
use super::NAME;
use crate::chat::Citation;
use crate::chat::Source;
use crate::chat::Unit;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;

/// Kinds of places in a document.
const PLACES: &[(&str, Unit)] =
    &[("documentChar", Unit::Characters), ("documentPage", Unit::Pages), ("documentChunk", Unit::Blocks)];

/// The sources of a block.
pub(super) fn of_block(block: &JsonObject<'_, '_>) -> Vec<Citation> {
    let content = fields::object_of(block, "citationsContent");
    content.iter().flat_map(|content| entries(content, "citations")).filter_map(read).collect()
}

/// A source of which anybody can make something; results of searches that the application made have no address.
pub(super) fn read(citation: Value<'_, '_>) -> Option<Citation> {
    let citation = citation.as_object()?;
    let location = fields::object_of(&citation, "location")?;
    let source = page(&location).or_else(|| place(&location))?;
    let (title, cited_text) = (text_of(&citation, "title"), cited_text(&citation));
    Some(Citation { dialect: NAME, source, title, cited_text, span: None })
}

fn page(location: &JsonObject<'_, '_>) -> Option<Source> {
    text_of(&fields::object_of(location, "web")?, "url").map(Source::Url)
}

fn place(location: &JsonObject<'_, '_>) -> Option<Source> {
    let known = |(name, unit): &(&str, Unit)| Some((fields::object_of(location, name)?, *unit));
    let (place, unit) = PLACES.iter().find_map(known)?;
    let number = |name: &str| fields::integer_of(&place, name);
    Some(Source::Document { index: number("documentIndex")?, unit, place: number("start")?..number("end")? })
}

fn cited_text(citation: &JsonObject<'_, '_>) -> Option<String> {
    let pieces = entries(citation, "sourceContent").into_iter().filter_map(|piece| piece.as_object());
    let text: String = pieces.filter_map(|piece| fields::string_of(&piece, "text").map(str::to_owned)).collect();
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn told(text: &str) -> Option<Citation> {
        let mut copy = text.as_bytes().to_vec();
        read(Parser::new().parse(&mut copy).expect("JSON").as_value())
    }

    #[test]
    fn pages_and_places_are_sources_and_the_rest_is_none() {
        let (title, cited_text) = (Some("A".to_owned()), Some("xy".to_owned()));
        let citation = |source| Citation {
            dialect: NAME,
            source,
            title: title.clone(),
            cited_text: cited_text.clone(),
            span: None,
        };
        let around = |location: &str| {
            format!(r#"{{"title":"A","sourceContent":[{{"text":"x"}},{{"text":"y"}}],"location":{location}}}"#)
        };
        let place = |unit| Source::Document { index: 1, unit, place: 2..3 };
        for (location, source) in [
            (r#"{"web":{"url":"u","domain":"d"}}"#, Source::Url("u".into())),
            (r#"{"documentChar":{"documentIndex":1,"start":2,"end":3}}"#, place(Unit::Characters)),
            (r#"{"documentPage":{"documentIndex":1,"start":2,"end":3}}"#, place(Unit::Pages)),
            (r#"{"documentChunk":{"documentIndex":1,"start":2,"end":3}}"#, place(Unit::Blocks)),
        ] {
            assert_eq!(told(&around(location)), Some(citation(source)));
        }
        for none in [around("{}"), around(r#"{"documentChar":{"start":1}}"#), around(r#"{"web":{}}"#), "1".to_owned()] {
            assert_eq!(told(&none), None, "{none}");
        }
    }
}
