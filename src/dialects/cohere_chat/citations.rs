//! Sources of an answer: documents and results of tools that the application sent. One of them has an address
//! where its fields say so.

use super::super::citations::entries;
use super::super::citations::range_of;
use super::super::citations::text_of;
use super::super::fields;
use super::NAME;
use crate::chat::Citation;
use crate::chat::Source;
use crate::wire::json::Value;

/// What a source holds, by its kind.
const KINDS: &[&str] = &["document", "tool_output"];

/// The sources of one citation that have an address. There is one text in an answer, and places count in it;
/// what was thought or planned is none of it.
pub(super) fn read(citation: Value<'_, '_>) -> Vec<Citation> {
    let citation = citation.as_object();
    let of_text = |kind: &str| kind == "TEXT_CONTENT";
    let Some(citation) = citation.filter(|citation| fields::string_of(citation, "type").is_none_or(of_text)) else {
        return Vec::new();
    };
    let span = range_of(&citation, "start", "end");
    let read = |source: Value<'_, '_>| {
        let source = source.as_object()?;
        let told = KINDS.iter().find_map(|kind| fields::object_of(&source, kind))?;
        Some(Citation {
            dialect: NAME,
            source: Source::Url(text_of(&told, "url")?),
            title: text_of(&told, "title"),
            cited_text: text_of(&told, "snippet"),
            span: span.clone(),
        })
    };
    entries(&citation, "sources").into_iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    #[test]
    fn sources_have_an_address_where_the_application_gave_them_one() {
        let read = |kind: &str| {
            let document = r#"{"type":"document","id":"d","document":{"title":"T","url":"u","snippet":"s"}}"#;
            let tool = r#"{"type":"tool","id":"t","tool_output":{"url":"v"}}"#;
            let nowhere = r#"{"type":"document","id":"e","document":{"snippet":"s"}}"#;
            let sources = format!("[{document},{tool},{nowhere},1]");
            let text = format!(r#"{{"start":2,"end":5,"text":"abc","sources":{sources}{kind}}}"#);
            let mut copy = text.into_bytes();
            super::read(Parser::new().parse(&mut copy).expect("JSON").as_value())
        };
        let told = |url: &str, title: Option<&str>, cited_text: Option<&str>| {
            let (source, title) = (Source::Url(url.into()), title.map(str::to_owned));
            Citation { dialect: NAME, source, title, cited_text: cited_text.map(str::to_owned), span: Some(2..5) }
        };
        let wanted = [told("u", Some("T"), Some("s")), told("v", None, None)];
        assert_eq!(read(""), wanted);
        assert_eq!(read(r#","type":"TEXT_CONTENT""#), wanted);
        assert_eq!(read(r#","type":"PLAN""#), []);
    }
}
