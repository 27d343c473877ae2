// SPDX-License-Identifier: EUPL-1.2
//! Inclusion and consistency proofs (spec 02-log, "Proofs"; RFC 9162, sections 2.1.3 and 2.1.4).
//!
//! Proving reads stored hashes and trusts them. Verifying trusts nothing but the roots it is given, and
//! refuses whatever the published vectors refuse: a path of the wrong length, a proof from the empty tree.

use super::frontier::fold;
use super::hash::{Hash, node_hash};
use super::tree::{HashReader, TREE_SIZE_MAX, range_indexes, read_each};

/// Most hashes in a path. Enough for inclusion in any tree, and for consistency of trees up to 2^62 entries.
///
/// Beyond, a consistency path can have 64; C2SP tlog-witness draws the line here, and no log gets there.
pub const PATH_LEN_MAX: usize = 63;

/// Why no proof could be made. `E` is the error of the reader.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E> {
    /// There is no such entry in a tree of that size.
    #[error("entry {index} is not in a tree of {size} entries")]
    IndexBeyondSize {
        /// The entry asked for.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// The older size must be at least 1 and at most the newer; nothing is proved from the empty tree.
    #[error("no tree of {new} entries extends one of {old}: sizes must be 1 or more, the older one first")]
    BadSizes {
        /// The older size asked for.
        old: u64,
        /// The newer size asked for.
        new: u64,
    },
    /// The size is past [`TREE_SIZE_MAX`].
    #[error("{size} entries are more than a log can have ({TREE_SIZE_MAX})")]
    TooLarge {
        /// The refused size.
        size: u64,
    },
    /// Stored hashes could not be read.
    #[error("reading the log's stored hashes")]
    Read(#[source] E),
}

/// Why a proof does not hold. Whoever sent it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is no such entry in a tree of that size.
    #[error("entry {index} is not in a tree of {size} entries")]
    IndexBeyondSize {
        /// The entry said to be included.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// A proof from the empty tree says nothing; the caller compares with [`super::empty_root`] instead.
    #[error("nothing is proved from the empty tree")]
    FromNothing,
    /// The tree said to be newer is the smaller one.
    #[error("a tree of {new} entries cannot extend one of {old}")]
    Shrinks {
        /// The older size.
        old: u64,
        /// The newer size.
        new: u64,
    },
    /// A size is past [`TREE_SIZE_MAX`].
    #[error("{size} entries are more than a log can have ({TREE_SIZE_MAX})")]
    TooLarge {
        /// The refused size.
        size: u64,
    },
    /// The path is longer than any path can be; nothing was hashed.
    #[error("a path of {found} hashes is longer than any tree's ({PATH_LEN_MAX})")]
    PathTooLong {
        /// Hashes that came.
        found: usize,
    },
    /// The path has too few or too many hashes for these sizes.
    #[error("the path has {found} hashes, which does not fit the sizes")]
    PathLength {
        /// Hashes that came.
        found: usize,
    },
    /// An older size that is not a power of two takes no hint, one that is needs one.
    #[error("the older root must be given exactly when the older size is a power of two")]
    OldRootHint,
    /// The path leads to another root than the (newer) one given.
    #[error("the proof leads to another root")]
    Root,
    /// The path leads to another older root than the one given.
    #[error("the proof leads to another older root")]
    OldRoot,
}

/// Proves that entry `index` is in the tree of the first `size` entries; the path runs from leaf to root.
///
/// # Errors
///
/// `IndexBeyondSize`, `TooLarge` or `Read`.
pub fn prove_inclusion<R: HashReader + ?Sized>(
    index: u64,
    size: u64,
    reader: &R,
) -> Result<Vec<Hash>, ProveError<R::Error>> {
    check_size(size)?;
    if index >= size {
        return Err(ProveError::IndexBeyondSize { index, size });
    }
    let (mut start, mut end) = (0, size);
    let mut from_root = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            from_root.push((middle, end));
            end = middle;
        } else {
            from_root.push((start, middle));
            start = middle;
        }
    }
    read_path(&from_root, reader)
}

/// Proves that the first `old` of `new` entries are what they were when the log had `old`.
///
/// # Errors
///
/// `BadSizes`, `TooLarge` or `Read`.
pub fn prove_consistency<R: HashReader + ?Sized>(
    old: u64,
    new: u64,
    reader: &R,
) -> Result<Vec<Hash>, ProveError<R::Error>> {
    check_size(new)?;
    if old == 0 || old > new {
        return Err(ProveError::BadSizes { old, new });
    }
    let (mut start, mut end) = (0, new);
    let mut from_root = Vec::new();
    while end > old {
        let middle = start + split(end - start);
        if old <= middle {
            from_root.push((middle, end));
            end = middle;
        } else {
            from_root.push((start, middle));
            start = middle;
        }
    }
    // The subtree that ends where the older tree ended is the older root itself if it starts at 0: known
    // already.
    if start > 0 {
        from_root.push((start, end));
    }
    read_path(&from_root, reader)
}

/// Checks that `leaf` is the hash of entry `index` in the tree of `size` entries with this `root`.
///
/// # Errors
///
/// [`ProofError`]; `PathTooLong` and `IndexBeyondSize` before anything is hashed.
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Hash,
    path: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    check_lengths(size, path)?;
    if index >= size {
        return Err(ProofError::IndexBeyondSize { index, size });
    }
    let wrong_length = ProofError::PathLength { found: path.len() };
    let mut position = Position { node: index, last: size - 1 };
    let mut hash = *leaf;
    for sibling in path {
        hash = match position.ascend().ok_or(wrong_length)? {
            Side::Left => node_hash(sibling, &hash),
            Side::Right => node_hash(&hash, sibling),
        };
    }
    if position.last != 0 {
        return Err(wrong_length);
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree of `new_size` entries begins with the tree of `old_size` entries.
///
/// # Errors
///
/// [`ProofError`]: `FromNothing` for an `old_size` of 0, whatever the roots.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    check_lengths(new_size, path)?;
    if old_size == new_size && old_size > 0 {
        return match (path, old_root == new_root) {
            ([], true) => Ok(()),
            ([], false) => Err(ProofError::Root),
            _ => Err(ProofError::PathLength { found: path.len() }),
        };
    }
    let hint = old_size.is_power_of_two().then_some(old_root);
    let (old, new) = consistency_roots(old_size, new_size, path, hint)?;
    if new != *new_root {
        Err(ProofError::Root)
    } else if old != *old_root {
        Err(ProofError::OldRoot)
    } else {
        Ok(())
    }
}

/// The two roots that a consistency path leads to: of the first `old_size` entries, and of all `new_size`.
///
/// A path cannot be made to lead to a given newer root from a false older one, so if the newer root is a
/// signed one, the older root that comes out is what that tree really began with. When `old_size` is a power
/// of two the older root is a node of the newer tree and not part of the path: it is given as
/// `old_root_hint`.
///
/// # Errors
///
/// `FromNothing`, `Shrinks` (also for equal sizes, which have no path), `TooLarge`, `PathTooLong`,
/// `PathLength`, `OldRootHint`.
pub fn consistency_roots(
    old_size: u64,
    new_size: u64,
    path: &[Hash],
    old_root_hint: Option<&Hash>,
) -> Result<(Hash, Hash), ProofError> {
    check_lengths(new_size, path)?;
    if old_size == 0 {
        return Err(ProofError::FromNothing);
    }
    if old_size >= new_size {
        return Err(ProofError::Shrinks { old: old_size, new: new_size });
    }
    if old_size.is_power_of_two() != old_root_hint.is_some() {
        return Err(ProofError::OldRootHint);
    }
    let wrong_length = ProofError::PathLength { found: path.len() };
    let (first, rest) = match (old_root_hint, path) {
        (Some(hint), [_, ..]) => (hint, path),
        (None, [first, rest @ ..]) => (first, rest),
        (_, []) => return Err(wrong_length),
    };
    // Both trees share the subtree that ends with the older tree's last entry; the walk starts at its root.
    let shared = (old_size - 1).trailing_ones();
    let mut position = Position { node: (old_size - 1) >> shared, last: (new_size - 1) >> shared };
    let (mut old, mut new) = (*first, *first);
    for sibling in rest {
        match position.ascend().ok_or(wrong_length)? {
            Side::Left => {
                old = node_hash(sibling, &old);
                new = node_hash(sibling, &new);
            }
            Side::Right => new = node_hash(&new, sibling),
        }
    }
    if position.last == 0 { Ok((old, new)) } else { Err(wrong_length) }
}

/// Where a verifier stands: a node and the last node of the same level, both counted from 0.
struct Position {
    node: u64,
    last: u64,
}

/// On which side of the node its sibling is.
enum Side {
    Left,
    Right,
}

impl Position {
    /// Moves up past the next sibling and says where that one stands; `None` at the root.
    fn ascend(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let side = if self.node % 2 == 1 || self.node == self.last {
            // A last node without a sibling rises unhashed until it is a right child.
            let unpaired = self.node.trailing_zeros().min(63);
            self.shift(unpaired);
            Side::Left
        } else {
            Side::Right
        };
        self.shift(1);
        Some(side)
    }

    fn shift(&mut self, levels: u32) {
        self.node >>= levels;
        self.last >>= levels;
    }
}

/// Leaves in the left subtree of a tree of `leaves` (2 or more): the largest power of two strictly below.
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

/// Reads and folds each range of entries, given from the root downwards, into a path from the leaf upwards.
fn read_path<R: HashReader + ?Sized>(
    from_root: &[(u64, u64)],
    reader: &R,
) -> Result<Vec<Hash>, ProveError<R::Error>> {
    let ranges: Vec<Vec<u64>> =
        from_root.iter().rev().map(|&(start, end)| range_indexes(start, end)).collect();
    let hashes = read_each(reader, &ranges.concat()).map_err(ProveError::Read)?;
    let mut rest = hashes.as_slice();
    let mut path = Vec::with_capacity(ranges.len());
    for range in &ranges {
        let (subtrees, after) = rest.split_at(range.len());
        path.push(fold(subtrees));
        rest = after;
    }
    Ok(path)
}

fn check_size<E>(size: u64) -> Result<(), ProveError<E>> {
    if size > TREE_SIZE_MAX { Err(ProveError::TooLarge { size }) } else { Ok(()) }
}

fn check_lengths(size: u64, path: &[Hash]) -> Result<(), ProofError> {
    if path.len() > PATH_LEN_MAX {
        return Err(ProofError::PathTooLong { found: path.len() });
    }
    if size > TREE_SIZE_MAX { Err(ProofError::TooLarge { size }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::super::hash::leaf_hash;
    use super::super::tree::{root_at, stored_hash_count};
    use super::super::{empty_root, naive};
    use super::*;

    const SIZE: u64 = 70;

    #[test]
    fn inclusion_proofs_are_the_definitions_and_hold_nowhere_else() {
        let leaves = naive::leaves(SIZE);
        let stored = naive::stored(&leaves);
        for size in 1..=SIZE {
            let tree = &leaves[..size as usize];
            let root = naive::root(tree);
            for index in 0..size {
                let path = prove_inclusion(index, size, &stored).expect("stored");
                assert_eq!(path, naive::inclusion(index as usize, tree));
                for other in 0..size {
                    let held = verify_inclusion(other, size, &leaves[index as usize], &path, &root);
                    assert_eq!(held.is_ok(), other == index, "entry {index} of {size} as {other}");
                }
                if index != 0 {
                    let held = verify_inclusion(index, size, &leaves[0], &path, &root);
                    assert_eq!(held, Err(ProofError::Root));
                }
            }
        }
    }

    #[test]
    fn consistency_proofs_are_the_definitions_and_lead_to_both_roots() {
        let leaves = naive::leaves(SIZE);
        let stored = naive::stored(&leaves);
        let roots: Vec<Hash> = (0..=leaves.len()).map(|size| naive::root(&leaves[..size])).collect();
        for new in 1..=SIZE {
            for old in 1..=new {
                let (old_root, new_root) = (&roots[old as usize], &roots[new as usize]);
                let path = prove_consistency(old, new, &stored).expect("stored");
                assert_eq!(path, naive::consistency(old as usize, &leaves[..new as usize]));
                assert_eq!(verify_consistency(old, old_root, new, new_root, &path), Ok(()));
                let other = leaf_hash(b"another tree");
                assert!(verify_consistency(old, &other, new, new_root, &path).is_err());
                assert_eq!(verify_consistency(old, old_root, new, &other, &path), Err(ProofError::Root));
                if old < new {
                    let hint = old.is_power_of_two().then_some(old_root);
                    assert_eq!(consistency_roots(old, new, &path, hint), Ok((*old_root, *new_root)));
                    assert_eq!(
                        consistency_roots(old, new, &path, hint.xor(Some(old_root))),
                        Err(ProofError::OldRootHint)
                    );
                }
                for at in 0..path.len() {
                    let mut bent = path.clone();
                    bent[at] = other;
                    assert!(verify_consistency(old, old_root, new, new_root, &bent).is_err());
                    bent.remove(at);
                    assert!(verify_consistency(old, old_root, new, new_root, &bent).is_err());
                    bent = path.clone();
                    bent.insert(at, other);
                    assert!(verify_consistency(old, old_root, new, new_root, &bent).is_err());
                }
            }
        }
    }

    #[test]
    fn nothing_is_proved_from_or_of_the_empty_tree() {
        let stored = naive::stored(&naive::leaves(4));
        let root = root_at(4, &stored).expect("stored");
        for (size, root) in [(0, empty_root()), (4, root)] {
            assert_eq!(
                verify_consistency(0, &empty_root(), size, &root, &[]),
                Err(ProofError::FromNothing),
                "0 to {size}"
            );
        }
        assert_eq!(prove_consistency(0, 4, &stored), Err(ProveError::BadSizes { old: 0, new: 4 }));
        assert_eq!(prove_consistency(5, 4, &stored), Err(ProveError::BadSizes { old: 5, new: 4 }));
        assert_eq!(prove_inclusion(4, 4, &stored), Err(ProveError::IndexBeyondSize { index: 4, size: 4 }));
        assert_eq!(prove_inclusion(0, 0, &stored), Err(ProveError::IndexBeyondSize { index: 0, size: 0 }));
        assert_eq!(
            verify_inclusion(0, 0, &root, &[], &empty_root()),
            Err(ProofError::IndexBeyondSize { index: 0, size: 0 })
        );
        assert_eq!(verify_consistency(5, &root, 4, &root, &[]), Err(ProofError::Shrinks { old: 5, new: 4 }));
    }

    #[test]
    fn sizes_and_paths_past_the_limits_are_refused() {
        let hash = empty_root();
        let long = vec![hash; PATH_LEN_MAX + 1];
        let found = long.len();
        assert_eq!(verify_inclusion(0, 8, &hash, &long, &hash), Err(ProofError::PathTooLong { found }));
        assert_eq!(verify_consistency(3, &hash, 8, &hash, &long), Err(ProofError::PathTooLong { found }));
        assert_eq!(consistency_roots(3, 8, &long, None), Err(ProofError::PathTooLong { found }));
        for size in [TREE_SIZE_MAX + 1, u64::MAX] {
            assert_eq!(verify_inclusion(0, size, &hash, &[], &hash), Err(ProofError::TooLarge { size }));
            assert_eq!(verify_consistency(1, &hash, size, &hash, &[]), Err(ProofError::TooLarge { size }));
            assert!(matches!(prove_inclusion(0, size, &[][..]), Err(ProveError::TooLarge { .. })));
            assert!(matches!(prove_consistency(1, size, &[][..]), Err(ProveError::TooLarge { .. })));
        }
    }

    /// A log of any size whose entries are all the same: the hash of a subtree depends on its level alone.
    struct Uniform;

    impl HashReader for Uniform {
        type Error = Infallible;

        fn read(&self, indexes: &[u64]) -> Result<Vec<Hash>, Infallible> {
            Ok(indexes.iter().map(|&index| uniform(level(index))).collect())
        }
    }

    /// The level of the subtree stored at a position: how far it is behind its last leaf.
    fn level(index: u64) -> u64 {
        let (mut low, mut high) = (0, TREE_SIZE_MAX);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if stored_hash_count(middle) <= index { low = middle } else { high = middle }
        }
        index - stored_hash_count(low)
    }

    fn uniform(level: u64) -> Hash {
        (0..level).fold(leaf_hash(b""), |hash, _| node_hash(&hash, &hash))
    }

    proptest! {
        #[test]
        fn proofs_hold_in_trees_of_any_size(bits in 0u32..63, size in 1u64..=1 << 62, at: u64, old: u64) {
            let size = (size >> bits).max(1);
            let (index, old) = (at % size, old % size + 1);
            let root = root_at(size, &Uniform).expect("infallible");
            let path = prove_inclusion(index, size, &Uniform).expect("infallible");
            prop_assert!(path.len() <= PATH_LEN_MAX);
            prop_assert_eq!(verify_inclusion(index, size, &leaf_hash(b""), &path, &root), Ok(()));
            let old_root = root_at(old, &Uniform).expect("infallible");
            let path = prove_consistency(old, size, &Uniform).expect("infallible");
            prop_assert!(path.len() <= PATH_LEN_MAX);
            prop_assert_eq!(verify_consistency(old, &old_root, size, &root, &path), Ok(()));
        }

        #[test]
        fn verifiers_survive_anything(
            a in any::<u64>(), b in any::<u64>(), length in 0usize..70, hint in any::<bool>()
        ) {
            let path = naive::leaves(length as u64);
            let root = leaf_hash(b"root");
            for (a, b) in [(a, b), (a % 200, b % 200)] {
                prop_assert!(verify_inclusion(a, b, &root, &path, &leaf_hash(b"other")).is_err());
                prop_assert!(verify_consistency(a, &root, b, &leaf_hash(b"other"), &path).is_err());
                let _ = consistency_roots(a, b, &path, hint.then_some(&root));
            }
        }
    }
}
