//! Sources of an answer on their way between dialects: where they stand among its texts, and how both of
//! OpenAI's dialects spell one. What is peculiar to a dialect stands beside it.

use super::fields;
use super::fields::ObjectWriter;
use crate::chat::CITATIONS_MAX;
use crate::chat::Citation;
use crate::chat::Extra;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::chat::Source;
use crate::wire::json::JsonArray;
use crate::wire::json::JsonObject;
use crate::wire::json::Value;
use std::borrow::Cow;
use std::ops::Range;

/// The annotation of OpenAI's that is a source with an address.
pub(super) const URL_CITATION: &str = "url_citation";

/// The entries of a list in this object; none where there is no list.
pub(super) fn entries<'tape, 'input>(object: &JsonObject<'tape, 'input>, name: &str) -> Vec<Value<'tape, 'input>> {
    let list = object.get(name).and_then(|list| list.as_array());
    list.iter().flat_map(|list| list.iter()).collect()
}

/// A text of this object that is not empty.
pub(super) fn text_of(object: &JsonObject<'_, '_>, name: &str) -> Option<String> {
    fields::string_of(object, name).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The range between two fields; who does not know the place says that it is nowhere.
pub(super) fn range_of(object: &JsonObject<'_, '_>, start: &str, end: &str) -> Option<Range<usize>> {
    let at = |name: &str| fields::integer_of(object, name).and_then(|at| usize::try_from(at).ok());
    Some(at(start)?..at(end)?).filter(|range| !range.is_empty())
}

/// A source from the fields that OpenAI's dialects have for it; some providers add words of it.
pub(super) fn read_openai(object: &JsonObject<'_, '_>, dialect: &'static str) -> Option<Citation> {
    Some(Citation {
        dialect,
        source: Source::Url(text_of(object, "url")?),
        title: text_of(object, "title"),
        cited_text: text_of(object, "content"),
        span: range_of(object, "start_index", "end_index"),
    })
}

/// Writes those fields of a source with an address.
pub(super) fn write_openai(citation: &Citation, writer: &mut ObjectWriter<'_>) {
    let Range { start, end } = citation.span.clone().unwrap_or_default();
    writer.integer("start_index", start as u64);
    writer.integer("end_index", end as u64);
    writer.string("title", citation.title.as_deref().unwrap_or_default());
    writer.string("url", citation.url().unwrap_or_default());
}

/// Is it to be told in `dialect`, which knows addresses alone? What was read in it stands there in its own words.
pub(super) fn is_told_in(dialect: &str, citation: &Citation) -> bool {
    citation.dialect != dialect && citation.url().is_some()
}

/// How far the texts of an answer are that is being read or told, in characters.
#[derive(Default)]
pub(super) struct Words {
    before: usize,
    here: usize,
}

impl Words {
    /// Another text begins.
    pub(super) fn begin(&mut self) {
        self.before += std::mem::take(&mut self.here);
    }

    /// The text goes on.
    pub(super) fn say(&mut self, text: &str) {
        self.here += text.chars().count();
    }

    /// The newest text among all.
    pub(super) fn range(&self) -> Range<usize> {
        self.before..self.before + self.here
    }
}

/// Sources that a provider names block by block: each stands behind all words of its block, which often
/// follow it.
#[derive(Default)]
pub(super) struct Cited {
    words: Words,
    here: Vec<Citation>,
}

impl Cited {
    /// Another text begins.
    pub(super) fn begin(&mut self) {
        self.words.begin();
    }

    /// The text goes on.
    pub(super) fn say(&mut self, text: &str) {
        self.words.say(text);
    }

    /// The text has this source.
    pub(super) fn cite(&mut self, citation: Citation) {
        if self.here.len() < CITATIONS_MAX {
            self.here.push(citation);
        }
    }

    /// The sources of the text that ends.
    pub(super) fn end(&mut self) -> impl Iterator<Item = Citation> {
        let span = Some(self.words.range()).filter(|span| !span.is_empty());
        self.here.drain(..).map(move |citation| Citation { span: span.clone(), ..citation })
    }
}

/// The sources of `blocks`, which were read as `parts`; `told` reads those of one block.
pub(super) fn of_blocks(
    blocks: &JsonArray<'_, '_>,
    parts: &[Part],
    told: impl Fn(&JsonObject<'_, '_>) -> Vec<Citation>,
) -> Vec<Citation> {
    let (mut cited, mut all) = (Cited::default(), Vec::new());
    for (block, part) in blocks.iter().zip(parts) {
        if let (Some(block), Part::Text { text, .. }) = (block.as_object(), part) {
            cited.begin();
            cited.say(text);
            told(&block).into_iter().for_each(|citation| cited.cite(citation));
            all.extend(cited.end());
        }
    }
    all.truncate(CITATIONS_MAX);
    all
}

/// Sources on their way to a caller whose dialect tells them text by text.
#[derive(Default)]
pub(super) struct Waiting {
    citations: Vec<Citation>,
    words: Words,
}

impl Waiting {
    /// Takes a source.
    pub(super) fn hear(&mut self, citation: &Citation) {
        if self.citations.len() < CITATIONS_MAX {
            self.citations.push(citation.clone());
        }
    }

    /// Another text begins.
    pub(super) fn begin(&mut self) {
        self.words.begin();
    }

    /// The text goes on.
    pub(super) fn say(&mut self, text: &str) {
        self.words.say(text);
    }

    /// The sources of the text that ends, as they count in it; all that wait, if it is the last one.
    pub(super) fn due(&mut self, last: bool) -> Vec<Citation> {
        let text = self.words.range();
        let begins = |citation: &Citation| citation.span.as_ref().map_or(0, |span| span.start);
        let is_due = |citation: &mut Citation| last || begins(citation) < text.end;
        self.citations.extract_if(.., is_due).map(|citation| citation.within(&text)).collect()
    }
}

/// `parts` with `citations` in the field `name` of the texts that they belong to, for a dialect that tells them
/// there; `write` is given each as it counts in its text. As they are if there are none.
pub(super) fn placed<'a>(
    parts: &'a [Part],
    citations: impl Iterator<Item = &'a Citation>,
    (dialect, name): (&'static str, &str),
    write: impl Fn(&Citation, &mut Vec<u8>),
) -> Cow<'a, [Part]> {
    let mut waiting = Waiting::default();
    citations.for_each(|citation| waiting.hear(citation));
    if waiting.citations.is_empty() {
        return Cow::Borrowed(parts);
    }
    let mut parts = parts.to_vec();
    let last = parts.iter().rposition(|part| matches!(part, Part::Text { .. }));
    for (place, part) in parts.iter_mut().enumerate() {
        let Part::Text { text, extra, .. } = part else { continue };
        waiting.begin();
        waiting.say(text);
        let due = waiting.due(Some(place) == last);
        if !due.is_empty() {
            let value = RawJson(fields::written(|out| fields::write_list(&due, out, &write)));
            extra.push(Extra { dialect, name: name.to_owned(), value });
        }
    }
    Cow::Owned(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn citation(span: Option<Range<usize>>) -> Citation {
        Citation { dialect: "other", source: Source::Url("u".into()), title: None, cited_text: None, span }
    }

    fn text(text: &str) -> Part {
        Part::Text { text: text.into(), cache_marker: None, extra: Vec::new() }
    }

    #[test]
    fn each_source_stands_with_its_text() {
        let citations = [citation(Some(1..3)), citation(Some(4..99)), citation(None), citation(Some(50..60))];
        let parts = [text("\u{e9}a"), Part::Refusal("no".into()), text("bcd")];
        let write = |citation: &Citation, out: &mut Vec<u8>| {
            let span = citation.span.clone().unwrap_or_default();
            out.extend_from_slice(format!("\"{}-{}\"", span.start, span.end).as_bytes());
        };
        let told = placed(&parts, citations.iter(), ("d", "n"), write);
        let list = |part: &Part| match part {
            Part::Text { extra, .. } => fields::kept(extra, "d", "n").map(str::to_owned),
            _ => None,
        };
        assert_eq!(list(&told[0]).as_deref(), Some(r#"["1-2","0-0"]"#), "one of no words in particular comes first");
        assert_eq!(list(&told[2]).as_deref(), Some(r#"["2-3","0-0"]"#), "one that is nowhere comes last");
        assert!(matches!(placed(&parts, [].iter(), ("d", "n"), write), Cow::Borrowed(_)));
    }

    #[test]
    fn a_stream_tells_sources_when_their_text_ends() {
        let mut waiting = Waiting::default();
        for span in [0..1, 2..3, 9..10] {
            waiting.hear(&citation(Some(span)));
        }
        waiting.begin();
        waiting.say("\u{e9}");
        waiting.say("a");
        assert_eq!(waiting.due(false), [citation(Some(0..1))]);
        waiting.begin();
        waiting.say("bc");
        assert_eq!(waiting.due(true), [citation(Some(0..1)), citation(None)]);
        assert_eq!(waiting.due(true), []);
    }

    #[test]
    fn all_words_of_a_block_are_those_of_its_sources() {
        let mut cited = Cited::default();
        cited.begin();
        cited.say("\u{e9}a");
        assert_eq!(cited.end().count(), 0);
        cited.begin();
        cited.cite(citation(None));
        cited.say("bc");
        cited.say("d");
        assert_eq!(cited.end().collect::<Vec<_>>(), [citation(Some(2..5))]);
        cited.begin();
        cited.cite(citation(None));
        assert_eq!(cited.end().collect::<Vec<_>>(), [citation(None)], "a block without words");
    }

    #[test]
    fn there_is_a_bound() {
        let (mut waiting, mut cited) = (Waiting::default(), Cited::default());
        for _ in 0..CITATIONS_MAX + 9 {
            waiting.hear(&citation(None));
            cited.cite(citation(None));
        }
        assert_eq!((waiting.due(true).len(), cited.end().count()), (CITATIONS_MAX, CITATIONS_MAX));
    }
}
