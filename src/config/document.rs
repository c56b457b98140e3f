//! Where a setting stands in the text. Checks run on plain structs, so that they read as rules; when a
//! rule is broken, a [`Spot`] has walked the parsed document to the place that the message must name.

use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

/// A place in the document: a value if it is there, else the nearest table around it.
#[derive(Clone)]
pub(super) struct Spot<'d> {
    place: Place<'d>,
    offset: usize,
    path: String,
}

#[derive(Clone, Copy)]
enum Place<'d> {
    Root(&'d DeTable<'d>),
    Value(&'d DeValue<'d>),
    Absent,
}

impl<'d> Spot<'d> {
    pub(super) fn root(table: &'d DeTable<'d>) -> Self {
        Spot { place: Place::Root(table), offset: 0, path: String::new() }
    }

    /// The value under `key`.
    pub(super) fn key(&self, key: &str) -> Self {
        let table = match self.place {
            Place::Root(table) => Some(table),
            Place::Value(value) => value.as_table(),
            Place::Absent => None,
        };
        let separator = if self.path.is_empty() { "" } else { "." };
        self.step(table.and_then(|table| table.get(key)), format!("{}{separator}{key}", self.path))
    }

    /// The element at `index` of a list.
    pub(super) fn item(&self, index: usize) -> Self {
        let array = match self.place {
            Place::Value(value) => value.as_array(),
            Place::Root(_) | Place::Absent => None,
        };
        self.step(array.and_then(|array| array.get(index)), format!("{}[{index}]", self.path))
    }

    /// Did the operator write it?
    pub(super) fn is_written(&self) -> bool {
        !matches!(self.place, Place::Absent)
    }

    /// Byte offset in the text.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// As in `providers[0].base_url`; empty for the file itself.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    fn step(&self, value: Option<&'d Spanned<DeValue<'d>>>, path: String) -> Self {
        match value {
            Some(value) => Spot { place: Place::Value(value.get_ref()), offset: value.span().start, path },
            None => Spot { place: Place::Absent, offset: self.offset, path },
        }
    }
}
