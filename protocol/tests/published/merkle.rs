// SPDX-License-Identifier: EUPL-1.2
//! Merkle proofs: the good ones of transparency-dev/merkle that vectors/log does not have, their bad variants
//! category by category, and its proofs of and from nothing.

use concert_protocol::log::{Hash, empty_root, leaf_hash, verify_consistency, verify_inclusion};
use serde::Deserialize;

const MERKLE: &str = include_str!("../../vectors/published/merkle.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merkle {
    inclusion: Vec<Inclusion>,
    consistency: Vec<Consistency>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inclusion {
    from: String,
    index: u64,
    size: u64,
    root: String,
    leaf: String,
    path: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Consistency {
    from: String,
    old_size: u64,
    new_size: u64,
    old_root: String,
    new_root: String,
    path: Vec<String>,
}

fn merkle() -> Merkle {
    serde_json::from_str(MERKLE).expect("vectors")
}

fn hash(text: &str) -> Hash {
    Hash::from_base64(text).expect("a hash")
}

fn hashes(texts: &[String]) -> Vec<Hash> {
    texts.iter().map(|text| hash(text)).collect()
}

/// Preceding, trailing and inserted hashes, removed ones, one bit changed, nothing at all.
fn variants(path: &[Hash], extra: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = vec![Vec::new()];
    for at in 0..=path.len() {
        all.extend(extra.iter().map(|hash| [&path[..at], &[*hash], &path[at..]].concat()));
    }
    for at in 0..path.len() {
        all.push([&path[..at], &path[at + 1..]].concat());
        for bit in [3, 4] {
            let mut bytes = *path[at].as_bytes();
            bytes[0] ^= 1 << bit;
            all.push([&path[..at], &[Hash::from_bytes(bytes)], &path[at + 1..]].concat());
        }
    }
    all
}

#[test]
fn inclusion_proofs_hold_and_their_variants_do_not() {
    let vectors = merkle().inclusion;
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let Inclusion { from, index, size, .. } = vector;
        let (root, leaf, path) = (hash(&vector.root), hash(&vector.leaf), hashes(&vector.path));
        assert_eq!(verify_inclusion(index, size, &leaf, &path, &root), Ok(()), "{from}");
        let other = leaf_hash(b"other");
        for (index, size, leaf, root) in [
            (index - 1, size, leaf, root),
            (index + 1, size, leaf, root),
            (index ^ 2, size, leaf, root),
            (index, size * 2, leaf, root),
            (index, size / 2, leaf, root),
            (index, size, other, root),
            (index, size, leaf, other),
            (index, size, leaf, empty_root()),
        ] {
            assert!(verify_inclusion(index, size, &leaf, &path, &root).is_err(), "{from}: {index} of {size}");
        }
        for (n, path) in variants(&path, &[root, other]).into_iter().enumerate() {
            assert!(verify_inclusion(index, size, &leaf, &path, &root).is_err(), "{from}: path {n}");
        }
    }
}

#[test]
fn consistency_proofs_hold_and_their_variants_do_not() {
    let vectors = merkle().consistency;
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let Consistency { from, old_size, new_size, .. } = vector;
        let (old, new, path) = (hash(&vector.old_root), hash(&vector.new_root), hashes(&vector.path));
        assert_eq!(verify_consistency(old_size, &old, new_size, &new, &path), Ok(()), "{from}");
        let other = leaf_hash(b"other");
        for (old_size, old, new_size, new) in [
            (old_size - 1, old, new_size, new),
            (old_size + 1, old, new_size, new),
            (old_size ^ 2, old, new_size, new),
            (old_size, old, new_size * 2, new),
            (old_size, old, new_size / 2, new),
            (old_size, other, new_size, new),
            (old_size, old, new_size, other),
            (old_size, new, new_size, old),
        ] {
            let held = verify_consistency(old_size, &old, new_size, &new, &path);
            assert!(held.is_err(), "{from}: {old_size} to {new_size}");
        }
        for (n, path) in variants(&path, &[old, new, other]).into_iter().enumerate() {
            let held = verify_consistency(old_size, &old, new_size, &new, &path);
            assert!(held.is_err(), "{from}: path {n}");
        }
    }
}

#[test]
fn nothing_is_included_beyond_or_without_a_path() {
    let (leaf, empty) = (leaf_hash(b"leaf"), empty_root());
    for (index, size) in [(0, 0), (0, 1), (1, 0), (2, 1)] {
        for (leaf, root) in [(leaf, empty), (empty, empty), (empty, leaf)] {
            // An entry that is its tree's own root (inclusion/0) is the one proof of this form that holds.
            let own_root = (index, size) == (0, 1) && leaf == root;
            assert_eq!(
                verify_inclusion(index, size, &leaf, &[], &root).is_ok(),
                own_root,
                "{index} of {size}"
            );
        }
    }
}

#[test]
fn sizes_of_nothing_or_in_the_wrong_order_prove_nothing() {
    let (one, two) = (leaf_hash(b"one"), leaf_hash(b"two"));
    let refused = |old_size, old: &Hash, new_size, new: &Hash, path: &[Hash]| {
        let held = verify_consistency(old_size, old, new_size, new, path);
        assert!(held.is_err(), "{old_size} to {new_size}, {} in the path", path.len());
    };
    for (old_size, new_size) in [(0, 0), (0, 1), (0, 5), (1, 0), (2, 1), (5, 0), (5, 2)] {
        for path in [&[][..], &[one], &[two, one]] {
            refused(old_size, &one, new_size, &two, path);
            refused(old_size, &one, new_size, &one, path);
            refused(old_size, &empty_root(), new_size, &empty_root(), path);
        }
    }
    refused(1, &one, 1, &two, &[]);
    refused(1, &one, 1, &one, &[one]);
    refused(1, &one, 2, &two, &[]);
    assert_eq!(verify_consistency(1, &one, 1, &one, &[]), Ok(()));
}
