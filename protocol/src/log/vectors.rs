// SPDX-License-Identifier: EUPL-1.2
//! The committed vectors (protocol/vectors/log) and the example of the spec, held against the code.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::*;
use crate::encoding::{base64_decode, hex_encode, json_strict};
use crate::key::SecretKey;

pub(super) const EXAMPLE: &str = include_str!("../../vectors/log/example.note");
pub(super) const RECEIPT: &str = include_str!("../../vectors/log/example.tlog-proof");
const EVIDENCE: &[u8] = include_bytes!("../../vectors/log/equivocation.json");
const VKEYS: &[u8] = include_bytes!("../../vectors/log/vkeys.json");
const MERKLE: &[u8] = include_bytes!("../../vectors/log/merkle.json");
const NOTE: &[u8] = include_bytes!("../../vectors/log/note.json");
const SPEC: &str = include_str!("../../spec/02-log.md");

pub(super) const ORIGIN: &str = "concert.example/log/fr/1";
pub(super) const NAME_FR: &str = "concert.example/cosigner/fr";
pub(super) const NAME_EU: &str = "concert.example/cosigner/eu";

pub(super) fn log_key() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

pub(super) fn fr_key() -> SecretKey {
    SecretKey::from_seed(&[2; 32])
}

pub(super) fn eu_key() -> SecretKey {
    SecretKey::from_seed(&[3; 32])
}

/// The keys of the example, in the order of its lines.
pub(super) fn keys() -> [NoteKey; 3] {
    let vkeys: Vkeys = json_strict(VKEYS).expect("vectors");
    [vkeys.log, vkeys.fr, vkeys.eu]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vkeys {
    log: NoteKey,
    fr: NoteKey,
    eu: NoteKey,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merkle {
    entries: Vec<String>,
    roots: Vec<String>,
    inclusion: Vec<Inclusion>,
    consistency: Vec<Consistency>,
    rolling: Rolling,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inclusion {
    from: String,
    index: u64,
    size: u64,
    root: String,
    leaf: String,
    path: Vec<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Consistency {
    from: String,
    old_size: u64,
    new_size: u64,
    old_root: String,
    new_root: String,
    path: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rolling {
    leaves: u64,
    subtree_hashes: String,
    inclusion_proofs: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    vkey: NoteKey,
    text: String,
    line: String,
    broken_line: String,
    malformed: Vec<String>,
    cosignature: Stamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamp {
    base64: String,
    time: u64,
    not_one: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Evidence {
    rewritten: Equivocation,
    two_roots: Equivocation,
}

fn merkle() -> Merkle {
    json_strict(MERKLE).expect("vectors")
}

fn hash(text: &str) -> Hash {
    Hash::from_base64(text).expect("a hash")
}

fn hashes(texts: &[String]) -> Vec<Hash> {
    texts.iter().map(|text| hash(text)).collect()
}

#[test]
fn published_roots_of_eight_entries() {
    let vectors = merkle();
    let mut frontier = Frontier::new();
    for (entry, root) in vectors.entries.iter().zip(&vectors.roots) {
        frontier.push(leaf_hash(&hex::decode(entry).expect("hexadecimal")));
        assert!(frontier.root().to_string().starts_with(root), "{} entries", frontier.size());
    }
    assert_eq!(frontier.size(), 8);
}

#[test]
fn published_inclusion_proofs_hold_and_their_mutations_do_not() {
    for vector in merkle().inclusion {
        let Inclusion { from, index, size, .. } = vector;
        let (root, leaf, path) = (hash(&vector.root), hash(&vector.leaf), hashes(&vector.path));
        assert_eq!(verify_inclusion(index, size, &leaf, &path, &root), Ok(()), "{from}");
        let refused = |what: &str, index, size, leaf: &Hash, path: &[Hash], root: &Hash| {
            assert!(verify_inclusion(index, size, leaf, path, root).is_err(), "{from}: {what}");
        };
        for (what, index) in
            [("index - 1", index.wrapping_sub(1)), ("index + 1", index + 1), ("index ^ 2", index ^ 2)]
        {
            refused(what, index, size, &leaf, &path, &root);
        }
        refused("size * 2", index, size * 2, &leaf, &path, &root);
        refused("size / 2", index, size / 2, &leaf, &path, &root);
        refused("wrong leaf", index, size, &leaf_hash(b"other"), &path, &root);
        refused("empty root", index, size, &leaf, &path, &empty_root());
        refused("random root", index, size, &leaf, &path, &leaf_hash(b"random"));
        for (what, path) in mutations(&path, &[root, leaf_hash(b"garbage")]) {
            refused(&what, index, size, &leaf, &path, &root);
        }
    }
}

#[test]
fn published_consistency_proofs_hold_and_their_mutations_do_not() {
    for vector in merkle().consistency {
        let Consistency { from, old_size, new_size, .. } = vector;
        let (old, new, path) = (hash(&vector.old_root), hash(&vector.new_root), hashes(&vector.path));
        assert_eq!(verify_consistency(old_size, &old, new_size, &new, &path), Ok(()), "{from}");
        let refused = |what: &str, old_size, old: &Hash, new_size, new: &Hash, path: &[Hash]| {
            assert!(verify_consistency(old_size, old, new_size, new, path).is_err(), "{from}: {what}");
        };
        let sizes = [
            ("old size - 1", old_size - 1, new_size),
            ("old size + 1", old_size + 1, new_size),
            ("old size ^ 2", old_size ^ 2, new_size),
            ("new size * 2", old_size, new_size * 2),
            ("new size / 2", old_size, new_size / 2),
        ];
        for (what, old_size, new_size) in sizes {
            refused(what, old_size, &old, new_size, &new, &path);
        }
        let other = leaf_hash(b"other");
        refused("wrong old root", old_size, &other, new_size, &new, &path);
        refused("wrong new root", old_size, &old, new_size, &other, &path);
        if old != new {
            refused("swapped roots", old_size, &new, new_size, &old, &path);
        }
        for (what, path) in mutations(&path, &[old, new, other]) {
            refused(&what, old_size, &old, new_size, &new, &path);
        }
    }
}

/// Paths with something before, after, between, missing or with one bit changed.
fn mutations(path: &[Hash], garbage: &[Hash]) -> Vec<(String, Vec<Hash>)> {
    let mut all = Vec::new();
    for extra in garbage {
        for at in 0..=path.len() {
            let mut longer = path.to_vec();
            longer.insert(at, *extra);
            all.push((format!("inserted at {at}"), longer));
        }
    }
    for at in 0..path.len() {
        let mut shorter = path.to_vec();
        shorter.remove(at);
        all.push((format!("removed {at}"), shorter));
        for bit in [0, 3, 4, 255] {
            let mut bytes = *path[at].as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let mut modified = path.to_vec();
            modified[at] = Hash::from_bytes(bytes);
            all.push((format!("hash {at}, bit {bit}"), modified));
        }
    }
    if !path.is_empty() {
        all.push(("empty".to_owned(), Vec::new()));
    }
    all
}

#[test]
fn published_rolling_hashes_over_all_subtrees() {
    let rolling = merkle().rolling;
    let leaves: Vec<Hash> = (0..rolling.leaves).map(|n| leaf_hash(&[n as u8])).collect();
    let (mut roots, mut proofs) = (Sha256::new(), Sha256::new());
    for end in 1..=rolling.leaves {
        // A subtree starts at a multiple of the smallest power of two that covers it.
        for start in (0..end).filter(|start| start % (end - start).next_power_of_two() == 0) {
            let (mut frontier, mut stored) = (Frontier::new(), Vec::new());
            for leaf in &leaves[start as usize..end as usize] {
                frontier.push_with(*leaf, |hash| stored.push(hash));
            }
            roots.update(format!("[{start}, {end}) {}\n", frontier.root()));
            for index in start..end {
                let path = prove_inclusion(index - start, end - start, &stored).expect("stored");
                let path: String = path.iter().map(|hash| format!(" {hash}")).collect();
                proofs.update(format!("{index} [{start}, {end}){path}\n"));
            }
        }
    }
    assert_eq!(hex_encode(&roots.finalize()), rolling.subtree_hashes);
    assert_eq!(hex_encode(&proofs.finalize()), rolling.inclusion_proofs);
}

#[test]
fn published_note_is_verified_and_its_variants_refused() {
    let vector: Note = json_strict(NOTE).expect("vectors");
    let keys = [vector.vkey.clone()];
    let parse = |lines: &str| SignedNote::parse(format!("{}\n{lines}", vector.text).as_bytes());
    let verify = |lines: &str| parse(lines).expect("a note").verify(&keys).map(|verified| verified.len());
    assert_eq!(verify(&vector.line), Ok(1));
    assert_eq!(verify(&vector.line.repeat(NOTE_SIGNATURES_MAX)), Ok(1));
    assert!(matches!(verify(&vector.broken_line), Err(VerifyError::BadSignature { .. })));
    assert_eq!(verify(&[vector.line.as_str(), &vector.broken_line].concat()), Ok(1));
    assert_eq!(parse(&vector.line).expect("a note").verify(&[]), Err(VerifyError::NoKnownSignature));
    assert_eq!(parse(&vector.line.repeat(101)), Err(NoteError::TooManySignatures));
    for template in &vector.malformed {
        let unfinished = vector.line.trim_end();
        let note = template.replace("{text}", &vector.text).replace("{line}", &vector.line);
        let note = note.replace("{unfinished}", unfinished);
        assert!(SignedNote::parse(note.as_bytes()).is_err(), "{template:?}");
    }
    assert!(
        SignedNote::parse(&[b"\xff", vector.text.as_bytes(), b"\n", vector.line.as_bytes()].concat())
            .is_err()
    );
}

#[test]
fn published_cosignature_carries_its_time() {
    let Stamp { base64, time, not_one } = json_strict::<Note>(NOTE).expect("vectors").cosignature;
    let line = |encoded: &str| {
        let bytes = base64_decode(encoded).expect("base64");
        let (id, signature) = bytes.split_first_chunk().expect("an id");
        NoteSignature::new("cosigner.example", *id, signature).expect("a line")
    };
    assert_eq!(Cosignature::from_line(&line(&base64)).map(|cosignature| cosignature.time), Ok(time));
    assert_eq!(Cosignature::from_line(&line(&not_one)), Err(CosignatureError::Malformed));
}

/// `make.py` built the example without this crate; the same seeds give the same bytes here.
#[test]
fn the_example_is_what_this_crate_makes_too() {
    let mut stored = Vec::new();
    let mut frontier = Frontier::new();
    for entry in [&b"first entry"[..], b"second entry", b"third entry"] {
        frontier.push_with(leaf_hash(entry), |hash| stored.push(hash));
    }
    let checkpoint = Checkpoint::new(ORIGIN, 3, frontier.root()).expect("a checkpoint");
    let mut note = sign_checkpoint(&checkpoint, &log_key()).expect("signs");
    for (name, key, time) in [(NAME_FR, fr_key(), 1_795_334_400), (NAME_EU, eu_key(), 1_795_334_402)] {
        let line = cosign(&checkpoint, name, &key, time).expect("cosigns");
        note = note.with_signature(line).expect("fits");
    }
    assert_eq!(note.to_string(), EXAMPLE);
    let path = prove_inclusion(1, 3, &stored).expect("stored");
    let receipt = Receipt::new(1, path, note, b"second entry".to_vec()).expect("a receipt");
    assert_eq!(receipt.to_string(), RECEIPT);
    let [log, fr, eu] = keys();
    for (key, name, kind, secret) in [
        (log, ORIGIN, NoteKeyKind::Log, log_key()),
        (fr, NAME_FR, NoteKeyKind::Cosigner, fr_key()),
        (eu, NAME_EU, NoteKeyKind::Cosigner, eu_key()),
    ] {
        assert_eq!(NoteKey::new(name, kind, secret.public()), Ok(key));
    }
}

#[test]
fn the_examples_of_equivocation_convict() {
    let evidence: Evidence = json_strict(EVIDENCE).expect("vectors");
    let judge = |evidence: &Equivocation| evidence.check(ORIGIN, &log_key().public());
    assert!(matches!(judge(&evidence.rewritten), Ok(Verdict::Rewritten { old_size: 2, new_size: 3, .. })));
    assert!(matches!(judge(&evidence.two_roots), Ok(Verdict::TwoRoots { size: 3, .. })));
}

#[test]
fn the_specs_examples_are_the_vectors() {
    let blocks: Vec<&str> =
        SPEC.split("```").skip(1).step_by(2).map(|block| block.trim_start_matches("text")).collect();
    for vector in [EXAMPLE, RECEIPT] {
        assert!(
            blocks.iter().any(|block| block.trim_start_matches('\n') == vector),
            "not in the spec:\n{vector}"
        );
    }
    for key in keys() {
        assert!(SPEC.contains(&key.to_string()), "not in the spec: {key}");
    }
}
