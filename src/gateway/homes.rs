//! Where stateful things live: which provider keeps the response, file or batch behind an id, made with
//! which of its keys and for whom.
//!
//! An id means something to one provider only, and no caller should have to remember which. So ids are
//! learned as answers go by, process-wide, because the next call may reach another shard. The memory is
//! bounded and dies with the process: an id that is not in it is asked of the first provider that comes
//! into question, which is right for everybody with one account.

use crate::wire::glance::Glance;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Longest id remembered, bytes.
const ID_BYTES_MAX: usize = 128;
/// Shorter ones would be words of paths.
const ID_BYTES_MIN: usize = 6;
/// A power of two, so that shards rarely meet at one lock.
const SHELVES: usize = 16;
/// Most ids on one of them; the oldest are forgotten first. All together: 65,536.
const SHELF_IDS_MAX: usize = 4096;

/// Where one thing lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The provider that keeps it, by its configured name: a reload may renumber providers.
    pub provider: Arc<str>,
    /// The name of the provider's key that it was made with: another account's would not find it.
    pub key: Arc<str>,
    /// The cache scope of the key it was made for.
    pub scope: Arc<str>,
}

/// The memory of ids.
#[derive(Debug)]
pub struct Homes {
    shelves: [Mutex<Shelf>; SHELVES],
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Shelf {
    homes: HashMap<Box<str>, Home>,
    /// Oldest first; holds exactly the keys of `homes`.
    order: VecDeque<Box<str>>,
}

impl Default for Homes {
    fn default() -> Self {
        Homes { shelves: std::array::from_fn(|_| Mutex::default()), hasher: RandomState::new() }
    }
}

impl Homes {
    /// Remembers where `id` lives. What cannot be an id is ignored.
    pub fn learn(&self, id: &str, home: Home) {
        if !is_id(id) {
            return;
        }
        let mut shelf = self.shelf(id).lock().unwrap_or_else(PoisonError::into_inner);
        if shelf.homes.insert(id.into(), home).is_some() {
            return;
        }
        shelf.order.push_back(id.into());
        if shelf.order.len() > SHELF_IDS_MAX
            && let Some(oldest) = shelf.order.pop_front()
        {
            shelf.homes.remove(&oldest);
        }
    }

    /// Where `id` lives, if it is remembered.
    pub fn find(&self, id: &str) -> Option<Home> {
        if !is_id(id) {
            return None;
        }
        let shelf = self.shelf(id).lock().unwrap_or_else(PoisonError::into_inner);
        shelf.homes.get(id).cloned()
    }

    fn shelf(&self, id: &str) -> &Mutex<Shelf> {
        &self.shelves[self.hasher.hash_one(id) as usize % SHELVES]
    }
}

/// Words of paths and bodies are looked up, so what is obviously none costs nothing.
fn is_id(text: &str) -> bool {
    (ID_BYTES_MIN..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The id of an answer: of a JSON object its own; of a stream of events the first that is told, which is
/// the answer's, since it is introduced before anything in it.
pub(super) fn answer_id(bytes: &[u8]) -> Option<String> {
    const BEGINNING_BYTES: usize = 4096;
    let beginning = &bytes[..bytes.len().min(BEGINNING_BYTES)];
    if beginning.trim_ascii_start().starts_with(b"{") {
        let mut glance = Glance::new(&["id"]);
        glance.feed(bytes);
        return glance.string("id").map(str::to_owned);
    }
    let at = memchr::memmem::find(beginning, b"\"id\":")? + b"\"id\":".len();
    let quoted = beginning[at..].trim_ascii_start().strip_prefix(b"\"")?;
    let end = memchr::memchr2(b'"', b'\\', quoted).filter(|end| quoted[*end] == b'"')?;
    std::str::from_utf8(&quoted[..end]).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOMES_MAX: usize = SHELVES * SHELF_IDS_MAX;

    fn home(provider: &str) -> Home {
        Home { provider: provider.into(), key: "k".into(), scope: "s".into() }
    }

    #[test]
    fn what_was_learned_is_found_and_newer_knowledge_wins() {
        let homes = Homes::default();
        homes.learn("resp_0001", home("p"));
        homes.learn("resp_0001", home("q"));
        assert_eq!(homes.find("resp_0001"), Some(home("q")));
        for stranger in ["resp_0002", "", "files", "resp_ 001", &"x".repeat(ID_BYTES_MAX + 1)] {
            homes.learn("", home("p"));
            assert_eq!(homes.find(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn the_oldest_are_forgotten_first_and_the_rest_is_bounded() {
        let homes = Homes::default();
        let id = |number: usize| format!("file-{number:08}");
        for number in 0..2 * HOMES_MAX {
            homes.learn(&id(number), home("p"));
        }
        let known = (0..2 * HOMES_MAX).filter(|number| homes.find(&id(*number)).is_some()).count();
        assert_eq!(known, HOMES_MAX);
        assert_eq!(homes.find(&id(0)), None);
        assert!(homes.find(&id(2 * HOMES_MAX - 1)).is_some());
        for shelf in &homes.shelves {
            let shelf = shelf.lock().expect("nobody panicked");
            assert_eq!(shelf.homes.len(), shelf.order.len());
        }
    }

    #[test]
    fn the_id_of_an_answer_is_its_own() {
        assert_eq!(answer_id(br#"{"output":[{"id":"msg_00001"}],"id":"resp_0001"}"#), Some("resp_0001".to_owned()));
        let stream = b"event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_0001\",\"output\":[{\"id\":\"x\"}]}}\n\n";
        assert_eq!(answer_id(stream), Some("resp_0001".to_owned()));
        for none in
            [&b""[..], b"{}", b"data: {\"id\":7}\n\n", b"data: {\"id\":\"a\\nb\"}\n\n", b"\"id\":", b"\"id\":\""]
        {
            assert_eq!(answer_id(none), None, "{}", none.escape_ascii());
        }
    }
}
