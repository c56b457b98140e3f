//! Model names, one copy each.
//!
//! A request's model stands in its story, in its tries and in the record of its answer. Callers use a
//! handful of names over and over, so a shard keeps the last few and hands out counts of them: a copy for
//! every record would be one more piece of cold memory to free when the record makes room.

use std::cell::RefCell;
use std::sync::Arc;

/// ModelNames kept; looking through them must stay cheaper than an allocation.
const NAMES_MAX: usize = 8;

/// The names a shard has seen lately, the latest first.
#[derive(Debug, Default)]
pub(super) struct ModelNames(RefCell<Vec<Arc<str>>>);

impl ModelNames {
    /// The shared copy of `name`.
    pub(super) fn shared(&self, name: &str) -> Arc<str> {
        let mut names = self.0.borrow_mut();
        match names.iter().position(|known| **known == *name) {
            Some(0) => {}
            Some(place) => names[..=place].rotate_right(1),
            None => {
                names.truncate(NAMES_MAX - 1);
                names.insert(0, Arc::from(name));
            }
        }
        Arc::clone(&names[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shared_while_it_is_in_use() {
        let names = ModelNames::default();
        let first = names.shared("a");
        for other in ["b", "c", "b"] {
            assert_eq!(&*names.shared(other), other);
        }
        assert!(Arc::ptr_eq(&first, &names.shared("a")));
        for number in 0..100 {
            assert_eq!(&*names.shared(&number.to_string()), number.to_string());
        }
        assert!(!Arc::ptr_eq(&first, &names.shared("a")));
        assert_eq!(names.0.borrow().len(), NAMES_MAX);
    }
}
