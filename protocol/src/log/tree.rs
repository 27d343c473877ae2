// SPDX-License-Identifier: EUPL-1.2
//! Where a log keeps its tree's hashes, and what can be computed from them (spec 02-log, "Stored hashes").
//!
//! Each leaf hash is followed by the hashes of the subtrees that it completes, smallest first (the layout of
//! the Go checksum database). So the hashes of a log only ever grow at the end, and those of any smaller size
//! are a prefix.

use super::frontier::{Frontier, fold};
use super::hash::{Hash, node_hash};

/// Most entries that a log can have: a tree size is below 2^63.
pub const TREE_SIZE_MAX: u64 = (1 << 63) - 1;

/// Reads stored hashes by their position in the layout.
pub trait HashReader {
    /// Why hashes could not be read.
    type Error;

    /// The hashes at `indexes`, one for each and in that order; another number of them makes callers panic.
    ///
    /// # Errors
    ///
    /// The reader's own, in particular when a position is not stored.
    fn read(&self, indexes: &[u64]) -> Result<Vec<Hash>, Self::Error>;
}

/// A position that a slice of hashes does not reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored hash {index} was asked for, but only {stored} are stored")]
pub struct NotStored {
    /// The position asked for.
    pub index: u64,
    /// Hashes there are.
    pub stored: usize,
}

impl HashReader for [Hash] {
    type Error = NotStored;

    fn read(&self, indexes: &[u64]) -> Result<Vec<Hash>, NotStored> {
        let one = |&index: &u64| {
            let position = usize::try_from(index).ok();
            position.and_then(|at| self.get(at)).copied().ok_or(NotStored { index, stored: self.len() })
        };
        indexes.iter().map(one).collect()
    }
}

impl HashReader for Vec<Hash> {
    type Error = NotStored;

    fn read(&self, indexes: &[u64]) -> Result<Vec<Hash>, NotStored> {
        self.as_slice().read(indexes)
    }
}

/// Where the `n`th subtree (from 0) of 2^`level` leaves is stored; level 0 is a leaf.
///
/// A subtree past [`TREE_SIZE_MAX`] leaves has the position `u64::MAX`, which no log reaches.
pub fn stored_hash_index(level: u8, n: u64) -> u64 {
    if level >= 63 || n >= TREE_SIZE_MAX >> level {
        return u64::MAX;
    }
    // It follows the hashes that were stored before its last leaf came, and the smaller subtrees which end
    // there.
    stored_hash_count(((n + 1) << level) - 1) + u64::from(level)
}

/// How many hashes are stored for a log of `leaves` entries.
pub fn stored_hash_count(leaves: u64) -> u64 {
    // A forest of perfect trees, one for each one-bit: each has twice its leaves less one.
    leaves.saturating_mul(2).saturating_sub(leaves.count_ones().into())
}

/// What appending the `n`th entry (from 0) adds to the stored hashes: its leaf hash and every subtree it
/// completes.
///
/// To append many entries, [`Frontier::push_with`] gives the same without reading.
///
/// # Errors
///
/// The reader's.
pub fn stored_hashes_for_leaf<R: HashReader + ?Sized>(
    n: u64,
    leaf: Hash,
    reader: &R,
) -> Result<Vec<Hash>, R::Error> {
    let siblings: Vec<u64> =
        (0..n.trailing_ones() as u8).map(|k| stored_hash_index(k, (n >> k) - 1)).collect();
    let mut hash = leaf;
    let mut added = vec![leaf];
    for left in read_each(reader, &siblings)? {
        hash = node_hash(&left, &hash);
        added.push(hash);
    }
    Ok(added)
}

/// The frontier of the log's first `size` entries.
///
/// # Errors
///
/// The reader's; a reader of fewer entries refuses the positions past its end.
pub fn frontier_at<R: HashReader + ?Sized>(size: u64, reader: &R) -> Result<Frontier, R::Error> {
    let hashes = read_each(reader, &range_indexes(0, size))?;
    Ok(Frontier::from_subtrees(size, hashes))
}

/// The root of the tree over the log's first `size` entries.
///
/// # Errors
///
/// As [`frontier_at`].
pub fn root_at<R: HashReader + ?Sized>(size: u64, reader: &R) -> Result<Hash, R::Error> {
    Ok(fold(&read_each(reader, &range_indexes(0, size))?))
}

/// Positions of the perfect subtrees that entries `start..end` consist of, largest first.
///
/// `start` must be a multiple of the largest of them, as it is for every node of a tree.
pub(super) fn range_indexes(start: u64, end: u64) -> Vec<u64> {
    let mut indexes = Vec::new();
    let mut at = start;
    while at < end {
        let level = (end - at).ilog2();
        indexes.push(stored_hash_index(level as u8, at >> level));
        at += 1 << level;
    }
    indexes
}

/// Reads `indexes`, holding the reader to its contract: a hash too few would shift every later one.
pub(super) fn read_each<R: HashReader + ?Sized>(reader: &R, indexes: &[u64]) -> Result<Vec<Hash>, R::Error> {
    let hashes = reader.read(indexes)?;
    assert_eq!(hashes.len(), indexes.len(), "a HashReader returns one hash for each index");
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::naive;
    use super::*;

    #[test]
    fn positions_follow_the_order_in_which_subtrees_are_completed() {
        let mut next = 0;
        for leaf in 0..300u64 {
            assert_eq!(stored_hash_count(leaf), next);
            for level in 0..=(leaf + 1).trailing_zeros() as u8 {
                assert_eq!(stored_hash_index(level, leaf >> level), next, "level {level} of leaf {leaf}");
                next += 1;
            }
        }
    }

    #[test]
    fn positions_past_the_largest_tree_are_out_of_reach() {
        assert_eq!(stored_hash_index(0, TREE_SIZE_MAX - 1), stored_hash_count(TREE_SIZE_MAX - 1));
        for (level, n) in [(0, TREE_SIZE_MAX), (0, u64::MAX), (62, 1), (63, 0), (64, 0), (255, u64::MAX)] {
            assert_eq!(stored_hash_index(level, n), u64::MAX, "level {level}, subtree {n}");
        }
        assert_eq!(stored_hash_index(62, 0), stored_hash_count((1 << 62) - 1) + 62);
    }

    #[test]
    fn a_reader_of_fewer_entries_is_refused_not_misread() {
        let stored = naive::stored(&naive::leaves(5));
        assert_eq!(root_at(6, &stored), Err(NotStored { index: 9, stored: 8 }));
        assert!(frontier_at(u64::MAX, &stored).is_err());
        assert!(stored_hashes_for_leaf(15, stored[0], &stored).is_err());
        assert!(stored_hashes_for_leaf(u64::MAX, stored[0], &stored).is_err());
    }

    proptest! {
        #[test]
        fn trees_agree_with_the_definition(size in 0u64..600, extra in 0u64..40) {
            let leaves = naive::leaves(size + extra);
            let stored = naive::stored(&leaves);
            prop_assert_eq!(stored.len() as u64, stored_hash_count(size + extra));
            let expected = naive::root(&leaves[..size as usize]);
            prop_assert_eq!(root_at(size, &stored), Ok(expected));
            let mut frontier = frontier_at(size, &stored).expect("stored");
            prop_assert_eq!(frontier.root(), expected);
            // Both ways of appending store the same.
            let mut grown = stored[..stored_hash_count(size) as usize].to_vec();
            for (n, leaf) in (size..).zip(&leaves[size as usize..]) {
                let added = stored_hashes_for_leaf(n, *leaf, &grown).expect("stored");
                let mut pushed = Vec::new();
                frontier.push_with(*leaf, |hash| pushed.push(hash));
                prop_assert_eq!(&added, &pushed);
                grown.extend(added);
            }
            prop_assert_eq!(&grown, &stored);
            prop_assert_eq!(frontier.root(), naive::root(&leaves));
        }
    }
}
