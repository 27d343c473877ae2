// SPDX-License-Identifier: EUPL-1.2
//! Ed25519: Wycheproof, speccheck and CCTV under the strict rule.

use std::collections::BTreeMap;

use concert_protocol::key::PublicKey;
use serde::Deserialize;

const WYCHEPROOF: &str = include_str!("../../vectors/published/ed25519-wycheproof.json");
const SPECCHECK: &str = include_str!("../../vectors/published/ed25519-speccheck.json");
const CCTV: &str = include_str!("../../vectors/published/ed25519-cctv.json");

/// One signature; bytes in hexadecimal digits.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    id: u32,
    key: String,
    msg: String,
    sig: String,
    valid: bool,
}

/// The set in the short form that the README describes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cctv {
    flags: BTreeMap<String, char>,
    points: Vec<String>,
    cases: Vec<String>,
}

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hexadecimal")
}

/// Whether a member would accept it: the key can be enrolled and the signature holds.
fn accepts(key: &str, message: &[u8], signature: &[u8]) -> bool {
    let key: Result<PublicKey, _> = key.parse();
    key.is_ok_and(|key| key.verify(message, signature).is_ok())
}

fn held_against_flags(set: &str) -> (usize, usize) {
    let vectors: Vec<Signature> = serde_json::from_str(set).expect("vectors");
    for vector in &vectors {
        let accepted = accepts(&vector.key, &bytes(&vector.msg), &bytes(&vector.sig));
        assert_eq!(accepted, vector.valid, "{}", vector.id);
    }
    (vectors.len(), vectors.iter().filter(|vector| vector.valid).count())
}

#[test]
fn wycheproof_signatures_are_accepted_and_refused_as_flagged() {
    assert_eq!(held_against_flags(WYCHEPROOF), (151, 88));
}

#[test]
fn speccheck_accepts_the_fourth_case_alone() {
    assert_eq!(held_against_flags(SPECCHECK), (12, 1));
}

/// Which of the flags of this set the strict rule refuses; a low-order component alone is no reason.
const REFUSED: [&str; 5] =
    ["low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R", "low_order_residue"];

#[test]
fn cctv_signatures_are_refused_for_their_flags_and_for_nothing_else() {
    let set: Cctv = serde_json::from_str(CCTV).expect("vectors");
    assert_eq!(set.flags.len(), 8);
    let refused = REFUSED.map(|flag| set.flags[flag]);
    let mut held = 0;
    for (number, case) in set.cases.iter().enumerate() {
        let parts: Vec<&str> = case.split(' ').collect();
        let [key, r, s, message, flags] = parts[..] else { unreachable!("five parts: {case}") };
        let point = |index: &str| &set.points[index.parse::<usize>().expect("an index")];
        let message = match message {
            "0" => "ed25519vectors".to_owned(),
            n => format!("ed25519vectors {n}"),
        };
        let signature = bytes(&format!("{}{s}", point(r)));
        let accepted = accepts(point(key), message.as_bytes(), &signature);
        assert_eq!(accepted, !flags.contains(refused), "{number}: {case}");
        held += usize::from(accepted);
    }
    assert_eq!((set.cases.len(), held), (914, 43));
}
