//! From a requested model to a route: exact names first, then patterns in the operator's order.

use hashbrown::HashMap;

/// Does `pattern` (exact, or with a trailing `*`) cover `name`?
pub fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    }
}

/// Finds the route of a model. Values are indices of the operator's list.
#[derive(Clone, Debug, Default)]
pub struct Table {
    exact: HashMap<String, Vec<Entry>>,
    patterns: Vec<(String, Entry)>,
}

#[derive(Clone, Debug)]
struct Entry {
    route: usize,
    caller: Option<String>,
}

impl Entry {
    fn serves(&self, caller: &str) -> bool {
        self.caller.as_deref().is_none_or(|only| only == caller)
    }
}

impl Table {
    /// Adds route number `route` for `model` (exact or pattern), for callers of one dialect only if
    /// `caller` names it.
    pub fn insert(&mut self, model: &str, caller: Option<&str>, route: usize) {
        let entry = Entry { route, caller: caller.map(str::to_owned) };
        if model.ends_with('*') {
            self.patterns.push((model.to_owned(), entry));
        } else {
            self.exact.entry(model.to_owned()).or_default().push(entry);
        }
    }

    /// The route for exactly this model name.
    pub fn exact(&self, model: &str, caller: &str) -> Option<usize> {
        self.exact.get(model)?.iter().find(|entry| entry.serves(caller)).map(|entry| entry.route)
    }

    /// The first pattern that covers this model name.
    pub fn pattern(&self, model: &str, caller: &str) -> Option<usize> {
        let found = self.patterns.iter().find(|(pattern, entry)| matches(pattern, model) && entry.serves(caller));
        found.map(|(_, entry)| entry.route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_beats_patterns_and_patterns_keep_their_order() {
        let mut table = Table::default();
        table.insert("*", None, 0);
        table.insert("gpt-*", None, 1);
        table.insert("gpt-4o", None, 2);
        assert_eq!(table.exact("gpt-4o", "openai_chat"), Some(2));
        assert_eq!(table.exact("gpt-5", "openai_chat"), None);
        assert_eq!(table.pattern("gpt-5", "openai_chat"), Some(0), "the operator put `*` first");
    }

    #[test]
    fn a_route_for_one_dialect_is_invisible_to_others() {
        let mut table = Table::default();
        table.insert("*", Some("anthropic_messages"), 0);
        table.insert("*", None, 1);
        assert_eq!(table.pattern("x", "anthropic_messages"), Some(0));
        assert_eq!(table.pattern("x", "openai_chat"), Some(1));
    }
}
