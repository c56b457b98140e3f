//! Where an answer comes from: addresses on the web, with the words that they stand behind. Every dialect has
//! another place for them, so the neutral middle keeps them as OpenAI's chat format does, as `annotations` of
//! the answer that count the characters of all its text; readers of other dialects add them beside their own,
//! and writers of other dialects look for them there.

use super::fields;
use super::openai_chat;
use crate::chat::Extra;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::Parser;
use std::borrow::Cow;
use std::ops::Range;

/// Their name there.
pub(super) const FIELD: &str = "message/annotations";
/// Most sources of one report.
const SOURCES_MAX: usize = 512;

/// A source of some words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) url: String,
    /// Empty where it has none.
    pub(super) title: String,
    /// First character of the words in the text of the answer.
    pub(super) start: usize,
    /// The character behind the last one.
    pub(super) end: usize,
}

impl Source {
    /// From an object that has these fields as OpenAI's formats call them.
    pub(super) fn of_openai(object: &JsonObject<'_, '_>) -> Option<Source> {
        let at = |name: &str| fields::integer_of(object, name).and_then(|at| usize::try_from(at).ok());
        let (start, end) = (at("start_index").unwrap_or_default(), at("end_index").unwrap_or_default());
        Source::of(object, "url", start..end)
    }

    /// The source that `object` addresses in the field `address`, if it does, of these characters.
    pub(super) fn of(object: &JsonObject<'_, '_>, address: &str, words: Range<usize>) -> Option<Source> {
        let url = fields::string_of(object, address).filter(|url| !url.is_empty())?.to_owned();
        let title = fields::string_of(object, "title").unwrap_or_default().to_owned();
        Some(Source { url, title, start: words.start, end: words.end })
    }

    /// The same with its words counted from another beginning.
    pub(super) fn moved(mut self, characters: usize) -> Source {
        self.start = self.start.saturating_add(characters);
        self.end = self.end.saturating_add(characters);
        self
    }

    /// Its members in OpenAI's formats.
    pub(super) fn write_openai(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"start_index\":");
        fields::write_integer(self.start as u64, out);
        out.extend_from_slice(b",\"end_index\":");
        fields::write_integer(self.end as u64, out);
        out.extend_from_slice(b",\"title\":");
        json::write_string(&self.title, out);
        out.extend_from_slice(b",\"url\":");
        json::write_string(&self.url, out);
    }
}

/// What is kept of sources; nothing if there are none.
pub(super) fn kept(sources: &[Source]) -> Option<Extra> {
    let sources = &sources[..sources.len().min(SOURCES_MAX)];
    let value = fields::written(|out| {
        fields::write_list(sources, out, |source, out| {
            out.extend_from_slice(b"{\"type\":\"url_citation\",\"url_citation\":{");
            source.write_openai(out);
            out.extend_from_slice(b"}}");
        });
    });
    let extra = Extra { dialect: openai_chat::NAME, name: FIELD.to_owned(), value: RawJson(value) };
    (!sources.is_empty()).then_some(extra)
}

/// The sources among the fields of an answer.
pub(super) fn of(extras: &[Extra]) -> Vec<Source> {
    extras.iter().flat_map(of_extra).collect()
}

/// The sources in this field, if it is one for them.
pub(super) fn of_extra(extra: &Extra) -> Vec<Source> {
    let told = extra.dialect == openai_chat::NAME && extra.name == FIELD && extra.value.0.len() > "[]".len();
    if !told {
        return Vec::new();
    }
    listed(&extra.value.0, |entry| Source::of_openai(&fields::object_of(entry, "url_citation")?))
}

/// The sources that `read` finds in a list of objects.
pub(super) fn listed(list: &str, read: impl Fn(&JsonObject<'_, '_>) -> Option<Source>) -> Vec<Source> {
    let mut copy = list.as_bytes().to_vec();
    let mut parser = Parser::new();
    let Ok(tape) = parser.parse(&mut copy) else {
        return Vec::new();
    };
    let entries = tape.as_value().as_array();
    let entries = entries.iter().flat_map(|entries| entries.iter()).filter_map(|entry| entry.as_object());
    entries.filter_map(|entry| read(&entry)).take(SOURCES_MAX).collect()
}

/// What to keep of the sources that texts of `dialect` kept themselves, in the field `name`. `read` reads one of
/// them, given how many characters its text has.
pub(super) fn of_texts(
    parts: &[Part],
    (dialect, name): (&str, &str),
    read: impl Fn(&JsonObject<'_, '_>, usize) -> Option<Source>,
) -> Option<Extra> {
    let (mut sources, mut before) = (Vec::new(), 0);
    for part in parts {
        if let Part::Text { text, extra, .. } = part {
            let characters = text.chars().count();
            if let Some(list) = fields::kept(extra, dialect, name).filter(|list| list.len() > "[]".len()) {
                let own = listed(list, |entry| read(entry, characters));
                sources.extend(own.into_iter().map(|source| source.moved(before)));
            }
            before += characters;
        }
    }
    kept(&sources)
}

/// `parts` with the sources kept beside them in the field `name` of the texts that they belong to, for a
/// dialect that tells them there; `write` is given a source that counts from the beginning of its text. As they are if there are none, or if texts have some of that dialect's own.
pub(super) fn placed<'a>(
    parts: &'a [Part],
    around: &[Extra],
    (dialect, name): (&'static str, &str),
    write: impl Fn(&Source, &mut Vec<u8>),
) -> Cow<'a, [Part]> {
    let sources = of(around);
    let own = |part: &Part| matches!(part, Part::Text { extra, .. } if fields::kept(extra, dialect, name).is_some());
    if sources.is_empty() || parts.iter().any(own) {
        return Cow::Borrowed(parts);
    }
    let mut parts = parts.to_vec();
    let mut rest = sources;
    let mut before = 0;
    let last = parts.iter().rposition(|part| matches!(part, Part::Text { .. }));
    for (place, part) in parts.iter_mut().enumerate() {
        let Part::Text { text, extra, .. } = part else { continue };
        let after = before + text.chars().count();
        let (here, later) = rest.into_iter().partition(|source: &Source| source.start < after || Some(place) == last);
        rest = later;
        let here: Vec<Source> = here;
        let value = fields::written(|out| {
            fields::write_list(&here, out, |source, out| write(&source.within(before, after), out));
        });
        if !here.is_empty() {
            extra.push(Extra { dialect, name: name.to_owned(), value: RawJson(value) });
        }
        before = after;
    }
    Cow::Owned(parts)
}

impl Source {
    /// As it counts in a text that has these characters of all.
    pub(super) fn within(&self, before: usize, after: usize) -> Source {
        let place = |at: usize| at.clamp(before, after) - before;
        Source { start: place(self.start), end: place(self.end), ..self.clone() }
    }
}

/// Sources on their way into a stream, which tells them when the text ends that they belong to.
#[derive(Default)]
pub(super) struct Waiting {
    sources: Vec<Source>,
    words: Words,
}

impl Waiting {
    /// Takes the sources in this field, if it is one for them.
    pub(super) fn hear(&mut self, extra: &Extra) {
        self.sources.extend(of_extra(extra));
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
    pub(super) fn due(&mut self, last: bool) -> Vec<Source> {
        let Range { start, end } = self.words.range();
        let (due, waiting) = self.sources.drain(..).partition(|source: &Source| last || source.start < end);
        self.sources = waiting;
        due.into_iter().map(|source: Source| source.within(start, end)).collect()
    }
}

/// How far the texts of a stream are, in characters.
#[derive(Default)]
pub(super) struct Words {
    before: usize,
    here: usize,
}

impl Words {
    pub(super) fn begin(&mut self) {
        self.before += std::mem::take(&mut self.here);
    }

    pub(super) fn say(&mut self, text: &str) {
        self.here += text.chars().count();
    }

    /// The newest text among all.
    pub(super) fn range(&self) -> Range<usize> {
        self.before..self.before + self.here
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(start: usize, end: usize) -> Source {
        Source { url: "u\"".into(), title: "t".into(), start, end }
    }

    fn text(text: &str) -> Part {
        Part::Text { text: text.into(), cache_marker: None, extra: Vec::new() }
    }

    #[test]
    fn sources_are_kept_and_found_again() {
        let sources = [source(0, 2), source(3, 5)];
        let extra = kept(&sources).expect("some");
        assert_eq!(of(std::slice::from_ref(&extra)), sources);
        assert_eq!(kept(&[]), None);
        for other in [Extra { name: "message/images".into(), ..extra.clone() }, Extra { dialect: "gemini", ..extra }] {
            assert_eq!(of(&[other]), []);
        }
        let strange = Extra {
            dialect: openai_chat::NAME,
            name: FIELD.into(),
            value: RawJson("[1,{},{\"url_citation\":{}}]".into()),
        };
        assert_eq!(of(&[strange]), []);
    }

    #[test]
    fn each_source_stands_with_its_text() {
        let around = [kept(&[source(1, 3), source(4, 99), source(50, 60)]).expect("some")];
        let parts = [text("éa"), Part::Refusal("no".into()), text("bcd")];
        let told = placed(&parts, &around, ("d", "n"), |source, out| {
            out.extend_from_slice(format!("\"{}-{}\"", source.start, source.end).as_bytes());
        });
        let list = |part: &Part| match part {
            Part::Text { extra, .. } => fields::kept(extra, "d", "n").map(str::to_owned),
            _ => None,
        };
        assert_eq!(list(&told[0]).as_deref(), Some(r#"["1-2"]"#));
        assert_eq!(list(&told[2]).as_deref(), Some(r#"["2-3","3-3"]"#));
        assert!(matches!(placed(&told, &around, ("d", "n"), |_, _| ()), Cow::Borrowed(_)), "they have their own");
        assert!(matches!(placed(&parts, &[], ("d", "n"), |_, _| ()), Cow::Borrowed(_)));
    }

    #[test]
    fn a_stream_tells_sources_when_their_text_ends() {
        let mut waiting = Waiting::default();
        waiting.hear(&kept(&[source(0, 1), source(2, 3), source(9, 9)]).expect("some"));
        waiting.begin();
        waiting.say("é");
        waiting.say("a");
        assert_eq!(waiting.due(false), [source(0, 1)]);
        waiting.begin();
        waiting.say("bc");
        assert_eq!(waiting.due(true), [source(0, 1), source(2, 2)]);
        assert_eq!(waiting.due(true), []);
    }
}
