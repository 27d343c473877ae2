// SPDX-License-Identifier: EUPL-1.2
//! The compact range of a log from its first entry (spec 02-log, "Tree"): all that is needed to append.
//!
//! A frontier of `n` entries holds one hash for each one-bit of `n`. It proves nothing by itself; its root
//! does, once it equals the root of a signed checkpoint.

use super::hash::{Hash, empty_root, node_hash};
use super::tree::TREE_SIZE_MAX;

/// The roots of the perfect subtrees that a log of some size consists of, largest (leftmost) first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

/// A number of hashes that does not fit the size it is said to belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFrontier {
    /// One hash for each one-bit of the size is needed.
    #[error("a frontier of {size} entries has {expected} hashes, not {found}")]
    WrongCount {
        /// Entries that the frontier was said to cover.
        size: u64,
        /// Hashes that such a frontier has.
        expected: u32,
        /// Hashes that came.
        found: usize,
    },
    /// The size is past [`TREE_SIZE_MAX`].
    #[error("{size} entries are more than a log can have ({TREE_SIZE_MAX})")]
    TooLarge {
        /// The refused size.
        size: u64,
    },
}

impl Frontier {
    /// The frontier of an empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes hashes that were kept or received, largest subtree first.
    ///
    /// # Errors
    ///
    /// [`BadFrontier`] if `size` is past [`TREE_SIZE_MAX`] or the number of hashes is not the number of its
    /// one-bits.
    pub fn from_hashes(size: u64, hashes: Vec<Hash>) -> Result<Self, BadFrontier> {
        if size > TREE_SIZE_MAX {
            return Err(BadFrontier::TooLarge { size });
        }
        if hashes.len() != size.count_ones() as usize {
            return Err(BadFrontier::WrongCount { size, expected: size.count_ones(), found: hashes.len() });
        }
        Ok(Self { size, hashes })
    }

    /// Takes hashes that were read for exactly this size.
    pub(super) fn from_subtrees(size: u64, hashes: Vec<Hash>) -> Self {
        Self { size, hashes }
    }

    /// Entries covered.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Subtree roots, largest first; as many as [`Frontier::size`] has one-bits.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Appends one leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.push_with(leaf, |_| {});
    }

    /// Appends one leaf and hands `store` each hash that the stored-hash layout gains, in its order
    /// (see [`super::stored_hash_index`]): the leaf, then every subtree that it completes.
    pub fn push_with(&mut self, leaf: Hash, mut store: impl FnMut(Hash)) {
        store(leaf);
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.hashes.pop() {
                hash = node_hash(&left, &hash);
                store(hash);
            }
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    /// The root of the tree over all entries covered; [`empty_root`] for none.
    pub fn root(&self) -> Hash {
        fold(&self.hashes)
    }
}

/// The root over neighbouring perfect subtrees, largest first.
pub(super) fn fold(hashes: &[Hash]) -> Hash {
    let smaller_first = hashes.iter().rev().copied();
    smaller_first.reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
}

#[cfg(test)]
mod tests {
    use super::super::naive;
    use super::*;

    #[test]
    fn its_root_is_the_trees_at_every_size() {
        let mut frontier = Frontier::new();
        assert_eq!(frontier.root(), empty_root());
        let leaves = naive::leaves(130);
        for (leaf, size) in leaves.iter().zip(1..) {
            frontier.push(*leaf);
            assert_eq!(frontier.size(), size);
            assert_eq!(frontier.root(), naive::root(&leaves[..size as usize]));
            let again = Frontier::from_hashes(size, frontier.hashes().to_vec());
            assert_eq!(again.as_ref(), Ok(&frontier));
        }
    }

    #[test]
    fn a_count_that_does_not_fit_the_size_is_refused() {
        let hash = empty_root();
        for (size, found) in [(0, 1), (1, 0), (3, 1), (4, 2), (7, 4)] {
            let expected = u64::count_ones(size);
            assert_eq!(
                Frontier::from_hashes(size, vec![hash; found]),
                Err(BadFrontier::WrongCount { size, expected, found })
            );
        }
        let size = TREE_SIZE_MAX + 1;
        assert_eq!(Frontier::from_hashes(size, vec![hash]), Err(BadFrontier::TooLarge { size }));
        assert!(Frontier::from_hashes(TREE_SIZE_MAX, vec![hash; 63]).is_ok());
    }
}
