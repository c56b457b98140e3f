//! A text that goes on with some of its bytes replaced.
//!
//! Who judges a body says what shall stand elsewhere in it, by the places of the bytes as they came, and
//! writes nothing. So several can judge the same bytes, the length is known before anything is copied, and
//! who sends the body decides how: a short one is written, a long one goes out from where it lies.

use smallvec::SmallVec;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::iter::once;
use std::ops::Range;

/// Most edits of a text for which nothing is allocated: a body has a model and perhaps a wish for usage.
const EDITS_INLINE: usize = 2;

/// What stands in the place of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit<'t> {
    /// These, of the text as it came.
    pub at: Range<usize>,
    /// This.
    pub text: Cow<'t, str>,
}

/// A text and what is different in it.
#[derive(Debug)]
pub struct Edited<'s, 't> {
    source: Cow<'s, [u8]>,
    /// In their order and without overlap.
    edits: SmallVec<[Edit<'t>; EDITS_INLINE]>,
}

impl<'s> From<&'s [u8]> for Edited<'s, '_> {
    /// As it came.
    fn from(source: &'s [u8]) -> Self {
        Edited { source: Cow::Borrowed(source), edits: SmallVec::new() }
    }
}

impl From<Vec<u8>> for Edited<'_, '_> {
    /// Written anew.
    fn from(source: Vec<u8>) -> Self {
        Edited { source: Cow::Owned(source), edits: SmallVec::new() }
    }
}

impl<'s, 't> Edited<'s, 't> {
    /// The text before all edits.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// The same if it is another's, for as long as that one keeps it.
    pub fn borrowed_source(&self) -> Option<&'s [u8]> {
        match &self.source {
            Cow::Borrowed(source) => Some(source),
            Cow::Owned(_) => None,
        }
    }

    /// Adds what one more judge of the source wants otherwise. Of two edits of which one lies within the
    /// other, the outer one counts; what is put in between two bytes stays where only its neighbours are
    /// replaced.
    pub fn amend(&mut self, edits: impl IntoIterator<Item = Edit<'t>>) {
        self.edits.extend(edits);
        if self.edits.len() < 2 {
            return;
        }
        self.edits.sort_by_key(|edit| (edit.at.start, !edit.at.is_empty(), Reverse(edit.at.end)));
        let mut done = 0;
        self.edits.retain(|edit| {
            let outer = edit.at.start >= done;
            debug_assert!(outer || edit.at.end <= done, "edits overlap: {edit:?} begins before {done}");
            done = done.max(edit.at.end);
            outer
        });
    }

    /// Is nothing different?
    pub fn is_unchanged(&self) -> bool {
        self.edits.is_empty()
    }

    /// How many bytes it has with its edits.
    pub fn length(&self) -> usize {
        let put: usize = self.edits.iter().map(|edit| edit.text.len()).sum();
        let cut: usize = self.edits.iter().map(|edit| edit.at.len()).sum();
        self.source.len() + put - cut
    }

    /// The stretches of the source that stay, each with what is put behind it.
    pub fn stretches(&self) -> impl Iterator<Item = (Range<usize>, &str)> {
        let end = self.source.len();
        let edits = self.edits.iter().map(|edit| (edit.at.clone(), edit.text.as_ref()));
        let mut done = 0;
        edits.chain(once((end..end, ""))).map(move |(at, text)| {
            let stretch = done..at.start;
            done = at.end;
            (stretch, text)
        })
    }

    /// Appends it with its edits.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.length());
        self.stretches().for_each(|(stretch, text)| {
            out.extend_from_slice(&self.source[stretch]);
            out.extend_from_slice(text.as_bytes());
        });
    }
}

/// Edits the text that begins at `start` of `out`, where it stands.
pub fn edit_in_place(out: &mut Vec<u8>, start: usize, edits: Vec<Edit<'_>>) {
    if edits.is_empty() {
        return;
    }
    let mut edited = Edited::from(out.split_off(start));
    edited.amend(edits);
    edited.write(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edit(at: Range<usize>, text: &str) -> Edit<'_> {
        Edit { at, text: text.into() }
    }

    fn written(edited: &Edited<'_, '_>) -> String {
        let mut out = Vec::new();
        edited.write(&mut out);
        assert_eq!(out.len(), edited.length());
        String::from_utf8(out).expect("text")
    }

    /// `source` with the edits of each judge.
    fn judged(source: &str, judges: &[&[Edit<'static>]]) -> String {
        let mut edited = Edited::from(source.as_bytes());
        judges.iter().for_each(|edits| edited.amend(edits.iter().cloned()));
        written(&edited)
    }

    #[test]
    fn what_is_not_edited_stays() {
        assert_eq!(judged("abc", &[]), "abc");
        assert_eq!(judged("abcdef", &[&[edit(4..5, ""), edit(1..3, "xyz")]]), "axyzdf");
        assert_eq!(judged("abc", &[&[edit(0..0, "<"), edit(3..3, ">")]]), "<abc>");
        assert_eq!(judged("", &[&[edit(0..0, "x")]]), "x");
        assert_eq!(judged("abc", &[&[edit(0..3, "")]]), "");
    }

    #[test]
    fn an_edit_goes_with_what_it_stands_in() {
        let inner = [edit(2..3, "X"), edit(4..4, "+")];
        for outer in [[edit(1..5, "-")], [edit(2..6, "-")], [edit(0..5, "-")]] {
            let wanted = judged("abcdef", &[&outer]);
            assert_eq!(judged("abcdef", &[&inner, &outer]), wanted);
            assert_eq!(judged("abcdef", &[&outer, &inner]), wanted, "whoever judges first");
        }
    }

    #[test]
    fn neighbours_do_not_touch_each_other() {
        let around = [edit(0..1, "A"), edit(4..6, "")];
        assert_eq!(judged("abcdef", &[&around, &[edit(1..4, "-")]]), "A-");
        assert_eq!(judged("abcdef", &[&[edit(1..1, "<"), edit(4..4, ">")], &[edit(1..4, "-")]]), "a<->ef");
    }

    #[test]
    fn a_text_is_edited_where_it_stands() {
        let mut out = b"head abc".to_vec();
        edit_in_place(&mut out, 5, Vec::new());
        assert_eq!(out, b"head abc");
        edit_in_place(&mut out, 5, vec![edit(0..1, "x"), edit(3..3, "y")]);
        assert_eq!(out, b"head xbcy");
    }

    #[test]
    fn only_edits_change_it() {
        let mut edited = Edited::from(&b"abc"[..]);
        edited.amend([]);
        assert!(edited.is_unchanged());
        edited.amend([edit(1..2, "")]);
        assert!(!edited.is_unchanged());
    }

    #[test]
    fn only_what_is_anothers_can_be_borrowed() {
        assert_eq!(Edited::from(&b"abc"[..]).borrowed_source(), Some(&b"abc"[..]));
        let anew = Edited::from(b"abc".to_vec());
        assert_eq!((anew.borrowed_source(), anew.source()), (None, &b"abc"[..]));
    }

    proptest! {
        /// Each piece has a judge that replaces it, or none.
        #[test]
        fn whoever_judges_what_the_text_is_the_same(
            pieces in prop::collection::vec(("[a-z]{1,5}", prop::option::of(("[A-Z]{0,5}", 0..3_usize))), 0..12),
        ) {
            let (mut source, mut wanted, mut judges) = (String::new(), String::new(), vec![Vec::new(); 3]);
            for (piece, replaced) in pieces {
                let at = source.len()..source.len() + piece.len();
                source.push_str(&piece);
                match replaced {
                    None => wanted.push_str(&piece),
                    Some((text, judge)) => {
                        wanted.push_str(&text);
                        judges[judge].push(Edit { at, text: text.into() });
                    }
                }
            }
            let mut edited = Edited::from(source.as_bytes());
            judges.into_iter().for_each(|edits| edited.amend(edits));
            prop_assert_eq!(written(&edited), wanted);
        }
    }
}
