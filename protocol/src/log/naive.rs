// SPDX-License-Identifier: EUPL-1.2
//! The tree as RFC 6962, section 2.1 defines it, by recursion; the tests' measure of the real one.

use super::hash::{Hash, empty_root, leaf_hash, node_hash};

/// Different leaf hashes, the same for every size.
pub(super) fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

fn split(leaves: &[Hash]) -> (&[Hash], &[Hash]) {
    let mut k = 1;
    while k * 2 < leaves.len() {
        k *= 2;
    }
    leaves.split_at(k)
}

/// MTH.
pub(super) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = split(leaves);
            node_hash(&root(left), &root(right))
        }
    }
}

/// PATH.
pub(super) fn inclusion(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = split(leaves);
    let (mut path, sibling) = match index.checked_sub(left.len()) {
        None => (inclusion(index, left), root(right)),
        Some(index) => (inclusion(index, right), root(left)),
    };
    path.push(sibling);
    path
}

/// PROOF.
pub(super) fn consistency(old: usize, leaves: &[Hash]) -> Vec<Hash> {
    subproof(old, leaves, true)
}

fn subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![root(leaves)] };
    }
    let (left, right) = split(leaves);
    let (mut path, sibling) = if old <= left.len() {
        (subproof(old, left, whole), root(right))
    } else {
        (subproof(old - left.len(), right, false), root(left))
    };
    path.push(sibling);
    path
}

/// Every complete subtree's root in the order of its last leaf, smaller subtrees first.
pub(super) fn stored(leaves: &[Hash]) -> Vec<Hash> {
    let mut stored = Vec::new();
    for end in 1..=leaves.len() {
        for level in 0..=end.trailing_zeros() {
            stored.push(root(&leaves[end - (1 << level)..end]));
        }
    }
    stored
}
