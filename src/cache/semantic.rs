//! One shard's part of the semantic index: the nearest answered prompts of a scope.
//!
//! A scope is a flat store, scanned whole: a tiny tenant never pays for a large one's graph, a search
//! needs no filter and deleting is a swap. Up to [`SCAN_FROM`] entries every vector is compared
//! exactly. Beyond it one bit per dimension decides who is compared: signs of near vectors agree, so
//! 48 bytes stand for 1,536, and only the nearest few pay the exact product. The first 24 of them
//! already rule out nearly every row, so the scan mostly reads no further.
//!
//! Use numbers (a counter, not a clock) order the entries of a store and, in a second map, of the
//! whole index; the index's oldest entry is therefore also the oldest of its scope, and both bounds
//! evict with two map steps.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::key::{DigestHasher, Scope, word};
use super::record::Record;
use crate::clock::Tick;

/// Length of a vector. Others are ignored, never an error: a model of another size means no hits.
pub const DIMENSIONS: usize = 384;
/// Scopes with more entries than this are scanned by signs first.
pub const SCAN_FROM: usize = 128;

/// Bits of a vector's signs, in words.
const SIGN_WORDS: usize = DIMENSIONS / 64;
/// Rows scanned at once.
const BLOCK: usize = 64;
/// Vectors compared exactly after a scan; grows by one with every [`RERANK_EVERY`] entries.
const RERANK_MIN: usize = 64;
const RERANK_EVERY: usize = 1_024;
/// Sign disagreements tolerated above the expected count, in standard deviations.
const SIGN_DEVIATIONS: f32 = 5.0;
/// How far from 1 a squared length may be; the int8 model stays well inside.
const LENGTH_TOLERANCE: f32 = 0.02;
/// Vector, signs, handles and map nodes of one entry, bytes.
const ENTRY_OVERHEAD_BYTES: usize = DIMENSIONS * 4 + SIGN_WORDS * 8 + 256;

/// A stored prompt that is near the one asked.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Cosine, −1 to 1.
    pub similarity: f32,
    /// The prompt that was answered.
    pub text: Arc<str>,
    /// Its answer.
    pub record: Arc<Record>,
}

/// Bounds of one shard's index.
#[derive(Clone, Copy, Debug)]
pub struct IndexBounds {
    /// Entries that one scope may hold.
    pub scope_entries_max: usize,
    /// Bytes of the whole index, the records counted as if nobody else held them.
    pub bytes_max: usize,
}

/// The scopes that one shard owns.
#[derive(Debug)]
pub struct ScopeIndex {
    bounds: IndexBounds,
    stores: HashMap<Scope, Store, DigestHasher>,
    /// Use number → whose entry, for all scopes.
    order: BTreeMap<u64, Scope>,
    uses: u64,
    bytes: usize,
    evictions: u64,
    scan: Scan,
}

/// Which of `shards` shards holds the index of `scope`.
pub fn owner(scope: &Scope, shards: usize) -> usize {
    ((u128::from(word(scope.as_bytes(), 1)) * shards as u128) >> 64) as usize
}

impl ScopeIndex {
    /// An empty index.
    pub fn new(bounds: IndexBounds) -> Self {
        ScopeIndex {
            bounds,
            stores: HashMap::default(),
            order: BTreeMap::new(),
            uses: 0,
            bytes: 0,
            evictions: 0,
            scan: Scan::default(),
        }
    }

    /// The `top` nearest fresh entries of `scope` with a cosine of at least `similarity_min`, best
    /// first. Expired entries that were met are dropped; the best one counts as used.
    pub fn nearest(
        &mut self,
        scope: &Scope,
        vector: &[f32],
        now: Tick,
        top: usize,
        similarity_min: f32,
    ) -> Vec<Candidate> {
        let Some(vector) = unit(vector) else { return Vec::new() };
        let Some(store) = self.stores.get(scope) else { return Vec::new() };
        let mut near = self.scan.near(store, vector, similarity_min);
        let expired: Vec<u64> = near
            .extract_if(.., |(_, at)| !store.entries[*at].record.is_fresh(now))
            .map(|(_, at)| store.entries[at].used)
            .collect();
        near.sort_unstable_by(|left, right| right.0.total_cmp(&left.0));
        near.truncate(top);
        let candidates = near.iter().map(|&(similarity, at)| store.candidate(similarity, at)).collect();
        let best = near.first().map(|&(_, at)| store.entries[at].used);
        if let Some(used) = best {
            self.touch(scope, used);
        }
        for used in expired {
            self.take(used);
        }
        candidates
    }

    /// Keeps `text` with its vector and answer; an entry with the same text is replaced. Returns
    /// whether it was kept: not when the vector is unusable, the record stale or larger than the index.
    pub fn insert(&mut self, scope: &Scope, vector: &[f32], text: &str, record: Arc<Record>, now: Tick) -> bool {
        let weight = ENTRY_OVERHEAD_BYTES + text.len() + record.weight_bytes();
        let Some(vector) = unit(vector) else { return false };
        if !record.is_fresh(now) || weight > self.bounds.bytes_max || self.bounds.scope_entries_max == 0 {
            return false;
        }
        self.remove(scope, text);
        self.make_room(scope, weight);
        self.uses += 1;
        let entry = Entry { text: text.into(), record, used: self.uses, weight };
        self.order.insert(entry.used, *scope);
        self.bytes += weight;
        self.stores.entry(*scope).or_default().push(vector, entry);
        true
    }

    /// Forgets the entry of `text`; was there one?
    pub fn remove(&mut self, scope: &Scope, text: &str) -> bool {
        let used = self.stores.get(scope).and_then(|store| store.used_of(text));
        used.is_some_and(|used| self.take(used))
    }

    /// Forgets every entry that `keep` does not want; returns how many. For purges and feedback.
    pub fn retain(&mut self, keep: impl Fn(&Scope, &str, &Record) -> bool) -> usize {
        let unwanted = |(scope, store): (&Scope, &Store)| -> Vec<u64> {
            let unwanted = store.entries.iter().filter(|entry| !keep(scope, &entry.text, &entry.record));
            unwanted.map(|entry| entry.used).collect()
        };
        let gone: Vec<u64> = self.stores.iter().flat_map(unwanted).collect();
        gone.into_iter().filter(|&used| self.take(used)).count()
    }

    /// Entries kept.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Is nothing kept?
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Scopes with at least one entry.
    pub fn scopes(&self) -> usize {
        self.stores.len()
    }

    /// Bytes charged to the entries kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Entries that had to make room so far.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    fn make_room(&mut self, scope: &Scope, weight: usize) {
        while self.bytes + weight > self.bounds.bytes_max {
            let Some((&oldest, _)) = self.order.first_key_value() else { break };
            self.evictions += u64::from(self.take(oldest));
        }
        let full = self.stores.get(scope).filter(|store| store.entries.len() >= self.bounds.scope_entries_max);
        if let Some(oldest) = full.and_then(|store| store.order.first_key_value()).map(|(&used, _)| used) {
            self.evictions += u64::from(self.take(oldest));
        }
    }

    fn touch(&mut self, scope: &Scope, used: u64) {
        let Some(store) = self.stores.get_mut(scope) else { return };
        self.uses += 1;
        store.touch(used, self.uses);
        self.order.remove(&used);
        self.order.insert(self.uses, *scope);
    }

    /// Removes the entry last used at `used`.
    fn take(&mut self, used: u64) -> bool {
        let Some(scope) = self.order.remove(&used) else { return false };
        let store = self.stores.get_mut(&scope).expect("the order names only scopes that have entries");
        self.bytes -= store.remove(used).weight;
        if store.entries.is_empty() {
            self.stores.remove(&scope);
        }
        true
    }
}

#[derive(Debug)]
struct Entry {
    text: Arc<str>,
    record: Arc<Record>,
    used: u64,
    weight: usize,
}

/// One scope: three columns with the same order, and two ways to find a row.
#[derive(Debug, Default)]
struct Store {
    vectors: Vec<[f32; DIMENSIONS]>,
    /// Word by word, so that the scan reads only the words it needs.
    signs: [Vec<u64>; SIGN_WORDS],
    entries: Vec<Entry>,
    by_text: HashMap<Arc<str>, u64>,
    order: BTreeMap<u64, usize>,
}

impl Store {
    fn push(&mut self, vector: &[f32; DIMENSIONS], entry: Entry) {
        self.order.insert(entry.used, self.entries.len());
        self.by_text.insert(entry.text.clone(), entry.used);
        self.vectors.push(*vector);
        for (column, word) in self.signs.iter_mut().zip(signs_of(vector)) {
            column.push(word);
        }
        self.entries.push(entry);
    }

    fn remove(&mut self, used: u64) -> Entry {
        let at = self.order.remove(&used).expect("both orders hold the same use numbers");
        self.vectors.swap_remove(at);
        for column in &mut self.signs {
            column.swap_remove(at);
        }
        let entry = self.entries.swap_remove(at);
        self.by_text.remove(&entry.text);
        if let Some(moved) = self.entries.get(at) {
            self.order.insert(moved.used, at);
        }
        entry
    }

    fn touch(&mut self, before: u64, after: u64) {
        let at = self.order.remove(&before).expect("both orders hold the same use numbers");
        self.order.insert(after, at);
        let entry = &mut self.entries[at];
        entry.used = after;
        if let Some(used) = self.by_text.get_mut(&entry.text) {
            *used = after;
        }
    }

    fn used_of(&self, text: &str) -> Option<u64> {
        self.by_text.get(text).copied()
    }

    fn candidate(&self, similarity: f32, at: usize) -> Candidate {
        let entry = &self.entries[at];
        Candidate { similarity, text: entry.text.clone(), record: entry.record.clone() }
    }
}

type Signs = [u64; SIGN_WORDS];

/// Memory that is reused from search to search.
#[derive(Debug, Default)]
struct Scan {
    /// Rows that may be near, with how many signs differ.
    rows: Vec<(u16, u32)>,
}

impl Scan {
    /// Rows with their cosine, in no order: all rows above the minimum, or those of the rerank.
    fn near(&mut self, store: &Store, vector: &[f32; DIMENSIONS], similarity_min: f32) -> Vec<(f32, usize)> {
        let compare = |at: usize| (dot(vector, &store.vectors[at]).clamp(-1.0, 1.0), at);
        let near_enough = |near: &(f32, usize)| near.0 >= similarity_min;
        if store.entries.len() <= SCAN_FROM {
            return (0..store.entries.len()).map(compare).filter(near_enough).collect();
        }
        let room = RERANK_MIN + store.entries.len() / RERANK_EVERY;
        self.scan(&store.signs, &signs_of(vector), similarity_min);
        let distance_max = self.affordable(room);
        let rows = self.rows.iter().filter(|(distance, _)| *distance <= distance_max);
        // Cuts only where more rows tie for the nearest than there is room.
        rows.take(room).map(|(_, at)| compare(*at as usize)).filter(near_enough).collect()
    }

    fn scan(&mut self, signs: &[Vec<u64>; SIGN_WORDS], asked: &Signs, similarity_min: f32) {
        let first_max = distance_at(similarity_min, DIMENSIONS / 2);
        let both_max = distance_at(similarity_min, DIMENSIONS);
        let [a, b, c, d, e, f] = signs;
        self.rows.clear();
        let mut firsts = [0; BLOCK];
        for (block, ((a, b), c)) in a.chunks(BLOCK).zip(b.chunks(BLOCK)).zip(c.chunks(BLOCK)).enumerate() {
            // A loop without branches over columns: the compiler takes several rows at once.
            for (first, ((a, b), c)) in firsts.iter_mut().zip(a.iter().zip(b).zip(c)) {
                *first = distance(a ^ asked[0], b ^ asked[1], c ^ asked[2]);
            }
            for (row, &first) in firsts[..a.len()].iter().enumerate().filter(|(_, first)| **first <= first_max) {
                let at = block * BLOCK + row;
                let both = first + distance(d[at] ^ asked[3], e[at] ^ asked[4], f[at] ^ asked[5]);
                if both <= both_max {
                    self.rows.push((both as u16, at as u32));
                }
            }
        }
    }

    /// Up to which distance no more than `room` rows lie; at least the nearest.
    fn affordable(&self, room: usize) -> u16 {
        let mut counts = [0usize; DIMENSIONS + 1];
        for (distance, _) in &self.rows {
            counts[usize::from(*distance)] += 1;
        }
        let mut sum = 0;
        let affordable = counts.iter().take_while(|&&count| {
            sum += count;
            sum <= room
        });
        let nearest = counts.iter().position(|&count| count > 0).unwrap_or(0);
        affordable.count().saturating_sub(1).max(nearest) as u16
    }
}

/// Sign disagreements over `dimensions` up to which vectors with this cosine are expected: angle over
/// π for each, and some deviations.
fn distance_at(similarity: f32, dimensions: usize) -> u64 {
    let share = similarity.clamp(-1.0, 1.0).acos() / std::f32::consts::PI;
    let dimensions = dimensions as f32;
    (dimensions * share + SIGN_DEVIATIONS * (dimensions * share * (1.0 - share)).sqrt()) as u64
}

fn unit(vector: &[f32]) -> Option<&[f32; DIMENSIONS]> {
    let vector: &[f32; DIMENSIONS] = vector.try_into().ok()?;
    // NaN and infinity fail this comparison.
    ((dot(vector, vector) - 1.0).abs() <= LENGTH_TOLERANCE).then_some(vector)
}

/// Sixteen running sums, so that the compiler may use vector registers without reordering anything.
fn dot(left: &[f32; DIMENSIONS], right: &[f32; DIMENSIONS]) -> f32 {
    let mut sums = [0.0f32; 16];
    for (left, right) in left.chunks_exact(16).zip(right.chunks_exact(16)) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += left * right;
        }
    }
    sums.iter().sum()
}

fn signs_of(vector: &[f32; DIMENSIONS]) -> Signs {
    let mut signs = [0; SIGN_WORDS];
    for (word, values) in signs.iter_mut().zip(vector.chunks_exact(64)) {
        for (bit, value) in values.iter().enumerate() {
            *word |= u64::from(value.is_sign_negative()) << bit;
        }
    }
    signs
}

/// Bits set in three words. A full adder first: it turns three counts into two, because a population
/// count is dear on the oldest CPUs we build for, which lack the instruction.
fn distance(a: u64, b: u64, c: u64) -> u64 {
    let (ones, twos) = add_bits(a, b, c);
    u64::from(ones.count_ones()) + 2 * u64::from(twos.count_ones())
}

fn add_bits(a: u64, b: u64, c: u64) -> (u64, u64) {
    let half = a ^ b;
    (half ^ c, (a & b) | (half & c))
}

#[cfg(test)]
mod tests {
    use super::super::record;
    use super::*;
    use std::time::Duration;

    const DAY: Duration = Duration::from_secs(86_400);

    /// Seeded unit vectors.
    struct Directions(u64);

    impl Directions {
        fn number(&mut self) -> f32 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            // A sum of four is near enough to a normal distribution.
            (0..4).map(|part| ((self.0 >> (part * 16)) & 0xFFFF) as f32 / 65_536.0 - 0.5).sum()
        }

        fn next(&mut self) -> Vec<f32> {
            normal((0..DIMENSIONS).map(|_| self.number()).collect())
        }

        /// A vector with about this cosine to `base`.
        fn near(&mut self, base: &[f32], similarity: f32) -> Vec<f32> {
            let noise = self.next();
            let side = (1.0 - similarity * similarity).sqrt();
            normal(base.iter().zip(&noise).map(|(base, noise)| base * similarity + noise * side).collect())
        }
    }

    fn normal(mut vector: Vec<f32>) -> Vec<f32> {
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|value| *value /= length);
        vector
    }

    fn scope(number: u8) -> Scope {
        Scope::from_bytes([number; 16])
    }

    fn index(scope_entries_max: usize) -> ScopeIndex {
        ScopeIndex::new(IndexBounds { scope_entries_max, bytes_max: 64 << 20 })
    }

    fn answer(text: &str) -> Arc<Record> {
        record::sample(text, Tick(0), DAY)
    }

    fn texts(candidates: &[Candidate]) -> Vec<&str> {
        candidates.iter().map(|candidate| &*candidate.text).collect()
    }

    #[test]
    fn finds_the_nearest_best_first_and_only_in_its_scope() {
        let mut directions = Directions(7);
        let base = directions.next();
        let mut index = index(100);
        for (text, similarity) in [("far", 0.5), ("near", 0.95), ("nearer", 0.99), ("close", 0.8), ("edge", 0.9)] {
            let vector = directions.near(&base, similarity);
            assert!(index.insert(&scope(1), &vector, text, answer(text), Tick(0)));
        }
        index.insert(&scope(2), &base, "other scope", answer("x"), Tick(0));
        let found = index.nearest(&scope(1), &base, Tick(1), 3, 0.7);
        assert_eq!(texts(&found), ["nearer", "near", "edge"]);
        assert!((found[0].similarity - 0.99).abs() < 0.02);
        assert!(index.nearest(&scope(3), &base, Tick(1), 3, 0.7).is_empty());
        assert_eq!((index.len(), index.scopes()), (6, 2));
    }

    #[test]
    fn the_sign_scan_finds_what_the_exact_search_finds() {
        let mut directions = Directions(99);
        let mut index = index(10_000);
        let mut asked = Vec::new();
        for number in 0..4_000 {
            let vector = directions.next();
            index.insert(&scope(1), &vector, &number.to_string(), answer("x"), Tick(0));
            if number % 20 == 0 {
                let similarity = 0.72 + (number % 27) as f32 / 100.0;
                asked.push((number.to_string(), directions.near(&vector, similarity)));
            }
        }
        for (text, vector) in asked {
            let found = index.nearest(&scope(1), &vector, Tick(1), 1, 0.65);
            assert_eq!(texts(&found), [text.as_str()]);
        }
    }

    #[test]
    fn an_identical_text_is_replaced() {
        let mut directions = Directions(3);
        let (first, second) = (directions.next(), directions.next());
        let mut index = index(10);
        index.insert(&scope(1), &first, "same", answer("old"), Tick(0));
        let bytes = index.bytes();
        index.insert(&scope(1), &second, "same", answer("new"), Tick(0));
        assert_eq!((index.len(), index.bytes()), (1, bytes));
        assert!(index.nearest(&scope(1), &first, Tick(1), 1, 0.7).is_empty());
        assert_eq!(index.nearest(&scope(1), &second, Tick(1), 1, 0.7)[0].record.bytes, "new");
    }

    #[test]
    fn a_full_scope_drops_what_was_not_used_longest() {
        let mut directions = Directions(5);
        let vectors: Vec<_> = (0..4).map(|_| directions.next()).collect();
        let mut index = index(3);
        for (number, vector) in vectors.iter().enumerate().take(3) {
            index.insert(&scope(1), vector, &number.to_string(), answer("x"), Tick(0));
        }
        index.nearest(&scope(1), &vectors[0], Tick(1), 1, 0.7);
        index.insert(&scope(1), &vectors[3], "3", answer("x"), Tick(0));
        let left: Vec<bool> =
            vectors.iter().map(|vector| !index.nearest(&scope(1), vector, Tick(1), 1, 0.9).is_empty()).collect();
        assert_eq!(left, [true, false, true, true]);
        assert_eq!(index.evictions(), 1);
    }

    #[test]
    fn bytes_are_bounded_over_all_scopes() {
        let mut directions = Directions(11);
        let mut index = ScopeIndex::new(IndexBounds { scope_entries_max: 1_000, bytes_max: 100_000 });
        for number in 0..500u32 {
            let vector = directions.next();
            assert!(index.insert(&scope((number % 7) as u8), &vector, &number.to_string(), answer("text"), Tick(0)));
            assert!(index.bytes() <= 100_000);
        }
        assert!(index.len() > 20 && index.evictions() == 500 - index.len() as u64);
        assert_eq!(index.retain(|_, _, _| false), 500 - index.evictions() as usize);
        assert_eq!((index.len(), index.bytes(), index.scopes()), (0, 0, 0));
        let huge = answer(&"x".repeat(100_000));
        assert!(!index.insert(&scope(1), &directions.next(), "huge", huge, Tick(0)));
    }

    #[test]
    fn expired_entries_are_neither_found_nor_kept() {
        let mut directions = Directions(13);
        let vector = directions.next();
        let mut index = index(10);
        index.insert(&scope(1), &vector, "short", record::sample("x", Tick(0), Duration::from_nanos(5)), Tick(0));
        assert_eq!(index.nearest(&scope(1), &vector, Tick(4), 1, 0.7).len(), 1);
        assert!(index.nearest(&scope(1), &vector, Tick(5), 1, 0.7).is_empty());
        assert_eq!((index.len(), index.bytes()), (0, 0));
        assert!(!index.insert(&scope(1), &vector, "stale", record::sample("x", Tick(0), DAY), Tick(u64::MAX)));
    }

    #[test]
    fn unusable_vectors_are_ignored() {
        let mut directions = Directions(17);
        let good = directions.next();
        let mut index = index(10);
        index.insert(&scope(1), &good, "good", answer("x"), Tick(0));
        let mut not_a_number = good.clone();
        not_a_number[5] = f32::NAN;
        let mut infinite = good.clone();
        infinite[5] = f32::INFINITY;
        let long: Vec<f32> = good.iter().map(|value| value * 2.0).collect();
        for bad in [&good[..383], &[], &[0.0; DIMENSIONS], &not_a_number, &infinite, &long] {
            assert!(!index.insert(&scope(1), bad, "bad", answer("x"), Tick(0)));
            assert!(index.nearest(&scope(1), bad, Tick(0), 3, -1.0).is_empty());
        }
        assert_eq!(index.nearest(&scope(1), &good, Tick(0), 3, f32::NAN).len(), 0);
        assert_eq!(index.len(), 1);
    }

    #[test]
    fn rows_stay_in_step_under_random_use() {
        let mut directions = Directions(23);
        let mut index = ScopeIndex::new(IndexBounds { scope_entries_max: 40, bytes_max: 200_000 });
        let vectors: Vec<_> = (0..200).map(|_| directions.next()).collect();
        for round in 0..3_000 {
            let pick = (directions.number().abs() * 1e4) as usize % vectors.len();
            let scope = scope((pick % 3) as u8);
            let text = pick.to_string();
            match round % 5 {
                0 => {
                    index.remove(&scope, &text);
                }
                1 => {
                    for found in index.nearest(&scope, &vectors[pick], Tick(1), 1, 0.9) {
                        assert_eq!(*found.text, *text);
                    }
                }
                _ => {
                    index.insert(&scope, &vectors[pick], &text, answer(&text), Tick(0));
                }
            }
            let rows: usize = index.stores.values().map(|store| store.entries.len()).sum();
            let weight: usize = index.stores.values().flat_map(|store| &store.entries).map(|entry| entry.weight).sum();
            assert_eq!((index.len(), index.bytes()), (rows, weight));
        }
    }

    #[test]
    fn owners_are_spread_and_in_range() {
        let mut counts = [0; 6];
        for number in 0..=255u8 {
            let mut bytes = [0; 16];
            bytes[15] = number;
            counts[owner(&Scope::from_bytes(bytes), 6)] += 1;
        }
        assert!(counts.iter().all(|&count| (42..=43).contains(&count)));
        assert_eq!(owner(&Scope::from_bytes([255; 16]), 1), 0);
        assert_eq!(owner(&Scope::from_bytes([255; 16]), 0), 0);
    }
}
