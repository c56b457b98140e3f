//! Reasoning that one provider signed, on its way through a caller of another dialect.
//!
//! A thinking model refuses the next turn of a tool loop unless its own reasoning comes back with what
//! its provider sealed it with, and every dialect has another place for the seal. Where a dialect has no
//! place of the right kind, the seal travels in the one there is, behind a mark that says what it is: so
//! whoever meets it again knows whether it is its own, and never shows one provider the seal of another.

/// What every marked text begins with. No provider's seal does: theirs are base64.
const MARK: &str = "ringgate:";

/// What stands behind the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sealed {
    /// A whole reasoning item of the Responses API, where a signature is expected.
    Item,
    /// A signature, where the encrypted content of an item is expected; empty for unsigned reasoning.
    Signature,
    /// Redacted reasoning, where the encrypted content of an item is expected.
    Redacted,
}

impl Sealed {
    fn word(self) -> &'static str {
        match self {
            Sealed::Item => "reasoning:",
            Sealed::Signature => "thinking:",
            Sealed::Redacted => "redacted:",
        }
    }

    /// `seal` behind its mark.
    pub(super) fn mark(self, seal: &str) -> String {
        format!("{MARK}{}{seal}", self.word())
    }

    /// The seal in `text`, if it is one of this kind.
    pub(super) fn of(self, text: &str) -> Option<&str> {
        text.strip_prefix(MARK)?.strip_prefix(self.word())
    }

    /// Does a JSON string of this kind stand in `body`? Cheap, and never wrong about an absence.
    pub(super) fn stands_in(self, body: &[u8]) -> bool {
        memchr::memmem::find(body, format!("\"{}", self.mark("")).as_bytes()).is_some()
    }
}

/// Does this signature say whose it is (`gemini:…`, `ringgate:…`), so that it is worth something to its owner
/// alone? Those without a mark are base64, which holds no colon.
pub(super) fn is_marked(text: &str) -> bool {
    text.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_known_by_its_kind_alone() {
        for kind in [Sealed::Item, Sealed::Signature, Sealed::Redacted] {
            let marked = kind.mark("a:b");
            assert!(is_marked(&marked));
            for other in [Sealed::Item, Sealed::Signature, Sealed::Redacted] {
                assert_eq!(other.of(&marked), (other == kind).then_some("a:b"));
                assert_eq!(other.stands_in(format!("{{\"x\":\"{marked}\"}}").as_bytes()), other == kind);
            }
        }
        assert!(!is_marked("EqQBCkgIBBABGAIiQL8"));
        assert!(!Sealed::Signature.stands_in(b"{\"x\":\"say ringgate:thinking:\"}"));
    }
}
