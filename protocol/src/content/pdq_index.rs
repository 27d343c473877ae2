// SPDX-License-Identifier: EUPL-1.2
//! Exact search for near pictures in memory: multi-index hashing over 16 words of 16 bits.
//!
//! Every hash within [`NEAR_DISTANCE`] is found, by the pigeonhole principle and not by tuning; a hostile list that
//! fills one bucket makes a query as slow as a scan, never slower. Ids belong to the caller; quality is his to check.

use std::collections::BTreeMap;

use super::pdq::{NEAR_DISTANCE, Pdq};

/// Words that a hash is cut into, and bits of each.
const WORDS: usize = 16;
const WORD_BITS: u32 = 16;
/// Bits of a word that may differ for a bucket to be looked into.
const FLIPS: u32 = 1;

// Two hashes that differ in more than FLIPS bits of every word differ in at least WORDS * (FLIPS + 1) bits.
const _: () = assert!(WORDS as u32 * (FLIPS + 1) > NEAR_DISTANCE as u32);
const _: () = assert!(WORDS as u32 * WORD_BITS == 256 && FLIPS == 1);

/// Rows that are scanned rather than indexed: below the first the tables do not pay, above the second scans do not.
const TAIL_MIN: usize = 2_048;
const TAIL_MAX: usize = 65_536;
/// A query that would look at more than one in so many rows scans all of them in order instead.
const CANDIDATES_ONE_IN: usize = 50;

/// Hashes by id, searched within [`NEAR_DISTANCE`].
///
/// New rows go to an unsorted tail; when it has grown with the index, all rows are put into buckets again, so an insert
/// costs microseconds on average. `V` is a small id such as a row number; one id has one hash.
#[derive(Clone, Debug)]
pub struct PdqIndex<V> {
    hashes: Vec<Pdq>,
    /// `None` once removed; such rows go at the next rebuild.
    ids: Vec<Option<V>>,
    rows: BTreeMap<V, u32>,
    tables: Tables,
}

/// For each word: the rows below `len`, grouped by the word's value.
#[derive(Clone, Debug, Default)]
struct Tables {
    len: usize,
    words: Vec<Table>,
}

#[derive(Clone, Debug)]
struct Table {
    /// `starts[v]..starts[v + 1]` are the places in `rows` of value `v`.
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl<V: Copy + Ord> Default for PdqIndex<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: Copy + Ord> PdqIndex<V> {
    /// An empty index.
    pub fn new() -> Self {
        Self { hashes: Vec::new(), ids: Vec::new(), rows: BTreeMap::new(), tables: Tables::default() }
    }

    /// Ids in the index.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The hash of an id.
    pub fn hash(&self, id: V) -> Option<Pdq> {
        self.rows.get(&id).map(|row| self.hashes[*row as usize])
    }

    /// Gives `id` this hash; returns the one it had before.
    pub fn insert(&mut self, id: V, hash: Pdq) -> Option<Pdq> {
        let before = self.remove(id);
        if self.hashes.len() - self.tables.len >= tail_max(self.hashes.len()) {
            self.rebuild();
        }
        let row = u32::try_from(self.hashes.len()).expect("fewer than 2^32 rows: 137 GB of hashes");
        self.hashes.push(hash);
        self.ids.push(Some(id));
        self.rows.insert(id, row);
        before
    }

    /// Takes `id` out; returns the hash it had.
    pub fn remove(&mut self, id: V) -> Option<Pdq> {
        let row = self.rows.remove(&id)? as usize;
        self.ids[row] = None;
        let hash = self.hashes[row];
        let removed = self.ids.len() - self.rows.len();
        if removed > TAIL_MIN && removed > self.rows.len() {
            self.rebuild();
        }
        Some(hash)
    }

    /// Every id whose hash is within [`NEAR_DISTANCE`] of `query`, with its distance, nearest first, then by id.
    pub fn near(&self, query: &Pdq) -> Vec<(V, u16)> {
        let indexed = self.tables.len;
        let budget = indexed / CANDIDATES_ONE_IN;
        let mut found = Vec::new();
        if self.tables.candidates(query) > budget {
            self.scan_rows(0..indexed, query, NEAR_DISTANCE, &mut found);
        } else {
            self.tables
                .each_candidate(query, |row| self.check(row as usize, query, NEAR_DISTANCE, &mut found));
        }
        self.scan_rows(indexed..self.hashes.len(), query, NEAR_DISTANCE, &mut found);
        sorted(found)
    }

    /// Every id within any distance, by looking at all rows; for the tier that people review
    /// ([`REVIEW_DISTANCE`](super::REVIEW_DISTANCE)), which the tables do not cover.
    pub fn scan(&self, query: &Pdq, distance_max: u16) -> Vec<(V, u16)> {
        let mut found = Vec::new();
        self.scan_rows(0..self.hashes.len(), query, distance_max, &mut found);
        sorted(found)
    }

    fn scan_rows(&self, rows: std::ops::Range<usize>, query: &Pdq, max: u16, found: &mut Vec<(V, u16)>) {
        for row in rows {
            self.check(row, query, max, found);
        }
    }

    #[inline]
    fn check(&self, row: usize, query: &Pdq, max: u16, found: &mut Vec<(V, u16)>) {
        let distance = self.hashes[row].distance(query);
        if distance <= max
            && let Some(id) = self.ids[row]
        {
            found.push((id, distance));
        }
    }

    /// Drops removed rows and puts all others into buckets.
    fn rebuild(&mut self) {
        let mut kept = 0;
        for row in 0..self.ids.len() {
            let Some(id) = self.ids[row] else { continue };
            self.hashes[kept] = self.hashes[row];
            self.ids[kept] = Some(id);
            self.rows.insert(id, kept as u32);
            kept += 1;
        }
        self.hashes.truncate(kept);
        self.ids.truncate(kept);
        self.tables = if kept < TAIL_MIN { Tables::default() } else { Tables::build(&self.hashes) };
    }
}

/// Rows that the tail may hold beside an index of `len`, so that rebuilding costs each insert about the same.
fn tail_max(len: usize) -> usize {
    (len / 16).clamp(TAIL_MIN, TAIL_MAX)
}

/// A row is met once for each word that agrees.
fn sorted<V: Copy + Ord>(mut found: Vec<(V, u16)>) -> Vec<(V, u16)> {
    found.sort_unstable_by_key(|(id, distance)| (*distance, *id));
    found.dedup();
    found
}

fn word(hash: &Pdq, index: usize) -> u16 {
    (hash.0[index / 4] >> (48 - 16 * (index % 4))) as u16
}

/// The value itself and its neighbours at one flipped bit.
fn probes(value: u16) -> impl Iterator<Item = usize> {
    std::iter::once(value).chain((0..WORD_BITS).map(move |bit| value ^ (1 << bit))).map(usize::from)
}

impl Tables {
    fn build(hashes: &[Pdq]) -> Self {
        Self { len: hashes.len(), words: (0..WORDS).map(|index| Table::build(hashes, index)).collect() }
    }

    /// How many rows a query would look at, repetitions counted.
    fn candidates(&self, query: &Pdq) -> usize {
        self.buckets(query).map(<[u32]>::len).sum()
    }

    fn each_candidate(&self, query: &Pdq, mut visit: impl FnMut(u32)) {
        for bucket in self.buckets(query) {
            for row in bucket {
                visit(*row);
            }
        }
    }

    fn buckets(&self, query: &Pdq) -> impl Iterator<Item = &[u32]> {
        self.words.iter().enumerate().flat_map(move |(index, table)| {
            probes(word(query, index))
                .map(|v| &table.rows[table.starts[v] as usize..table.starts[v + 1] as usize])
        })
    }
}

impl Table {
    /// Counting sort by the word's value.
    fn build(hashes: &[Pdq], index: usize) -> Self {
        let mut starts = vec![0_u32; (1 << WORD_BITS) + 1];
        for hash in hashes {
            starts[usize::from(word(hash, index)) + 1] += 1;
        }
        for value in 0..1 << WORD_BITS {
            starts[value + 1] += starts[value];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; hashes.len()];
        for (row, hash) in hashes.iter().enumerate() {
            let place = &mut next[usize::from(word(hash, index))];
            rows[*place as usize] = row as u32;
            *place += 1;
        }
        Self { starts, rows }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// splitmix64.
    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn random_hash(state: &mut u64) -> Pdq {
        Pdq([(); 4].map(|()| random(state)))
    }

    fn flip(hash: &Pdq, bit: usize) -> Pdq {
        let mut words = hash.0;
        words[bit / 64] ^= 1 << (63 - bit % 64);
        Pdq(words)
    }

    /// `count` flips, two to each word as evenly as can be: the copies that inexact indexes lose.
    fn flip_evenly(hash: &Pdq, count: usize) -> Pdq {
        (0..count).fold(*hash, |hash, i| flip(&hash, (i % 16) * 16 + (i / 16) * 7 + 1))
    }

    fn flip_anywhere(hash: &Pdq, count: usize, state: &mut u64) -> Pdq {
        let mut bits: Vec<usize> = (0..256).collect();
        (0..count).fold(*hash, |hash, _| flip(&hash, bits.swap_remove(random(state) as usize % bits.len())))
    }

    fn filled(rows: u32, state: &mut u64) -> PdqIndex<u32> {
        let mut index = PdqIndex::new();
        for id in 0..rows {
            index.insert(id, random_hash(state));
        }
        index
    }

    #[test]
    fn every_near_hash_is_found_and_no_other() {
        let state = &mut 1;
        let index = filled(20_000, state);
        assert!(index.tables.len > 10_000, "the tables are in use");
        for id in (0..20_000).step_by(97) {
            let hash = index.hash(id).expect("inserted");
            for flips in [0, 1, 15, 16, 17, 30, 31, 32, 33] {
                for query in [flip_evenly(&hash, flips), flip_anywhere(&hash, flips, state)] {
                    assert_eq!(query.distance(&hash), flips as u16);
                    let found = index.near(&query);
                    assert_eq!(found, index.scan(&query, NEAR_DISTANCE));
                    assert_eq!(found.contains(&(id, flips as u16)), flips <= 31);
                }
            }
        }
    }

    #[test]
    fn a_filled_bucket_makes_a_scan_and_loses_nothing() {
        let state = &mut 2;
        let mut index = PdqIndex::new();
        for id in 0..8_000_u32 {
            let Pdq([a, b, c, d]) = random_hash(state);
            index.insert(id, Pdq([a & 0x0000_ffff_ffff_ffff, b, c, d]));
        }
        let hash = index.hash(4_711).expect("inserted");
        let query = (0..31).fold(hash, |hash, i| flip(&hash, 16 + i * 7));
        assert!(index.tables.candidates(&query) > index.tables.len / CANDIDATES_ONE_IN);
        assert_eq!(index.near(&query), [(4_711, 31)]);
    }

    #[test]
    fn a_hash_can_be_replaced_and_removed_in_table_and_tail() {
        let state = &mut 3;
        let mut index = filled(5_000, state);
        for id in [7, 4_999] {
            let old = index.hash(id).expect("inserted");
            let new = random_hash(state);
            assert_eq!(index.insert(id, new), Some(old));
            assert_eq!((index.near(&old), index.near(&new)), (vec![], vec![(id, 0)]));
            assert_eq!(index.remove(id), Some(new));
            assert_eq!((index.near(&new), index.remove(id)), (vec![], None));
        }
        assert_eq!(index.len(), 4_998);
        for id in 0..5_000 {
            index.remove(id);
        }
        assert!(index.is_empty() && index.hashes.len() <= 2 * TAIL_MIN);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_history_answers_as_a_scan_does(
            seed: u64,
            steps in proptest::collection::vec((0_u32..3_000, 0_u8..8, 0_usize..40), 3_000..6_000),
        ) {
            let (state, mut index, mut truth) = (&mut { seed }, PdqIndex::new(), BTreeMap::new());
            let centre = random_hash(state);
            for (id, action, flips) in steps {
                if action == 0 {
                    prop_assert_eq!(index.remove(id), truth.remove(&id));
                } else {
                    let hash = if action == 1 { flip_anywhere(&centre, flips, state) } else { random_hash(state) };
                    prop_assert_eq!(index.insert(id, hash), truth.insert(id, hash));
                }
            }
            let mut expected: Vec<(u16, u32)> =
                truth.iter().map(|(id, hash)| (hash.distance(&centre), *id)).filter(|(d, _)| *d <= NEAR_DISTANCE).collect();
            expected.sort_unstable();
            let found: Vec<(u16, u32)> = index.near(&centre).into_iter().map(|(id, d)| (d, id)).collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(index.len(), truth.len());
        }
    }
}
