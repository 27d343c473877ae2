// SPDX-License-Identifier: EUPL-1.2
//! The committed vectors of spec 03-roster, read and written again.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::testing::{code, log};
use super::{Anchor, Roster, SignedRoster};
use crate::key::{PublicKey, SecretKey};

const FIRST: &[u8] = include_bytes!("../../vectors/roster/1.json");
const SECOND: &[u8] = include_bytes!("../../vectors/roster/2.json");
const DIGEST: &str = "55d44ff7a4d77da4a616a7a856bb0e9f40cb827a023c87be67bcd72bed31c996";

#[derive(Deserialize)]
struct Refused {
    file: String,
    trusted: u64,
    error: String,
}

#[derive(Deserialize)]
struct Pair {
    seed: String,
    public: PublicKey,
}

fn key(label: &str) -> SecretKey {
    SecretKey::from_seed(&Sha256::digest(label).into())
}

fn first() -> Roster {
    let anchor = Anchor::Keys { keys: vec![key("root 1").public(), key("root 2").public()], threshold: 2 };
    Roster::found(SignedRoster::parse(FIRST).expect("version 1"), &anchor).expect("version 1")
}

fn second() -> Roster {
    first().advance(SignedRoster::parse(SECOND).expect("version 2")).expect("version 2")
}

fn file(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/roster");
    std::fs::read(format!("{folder}/{name}")).expect("a vector")
}

#[test]
fn the_chain_leads_on() {
    let (first, second) = (first(), second());
    assert_eq!(first.digest().to_string(), DIGEST);
    assert_eq!((first.bytes(), second.bytes()), (FIRST, SECOND));
    assert_eq!((second.version(), second.epoch(), second.federation()), (2, 2, "concert.example"));
    assert_eq!(second.coordinators(), [code("EU"), code("DE")]);
    let (old, new) = (key("FR log 1").public(), key("FR log 1b").public());
    assert_eq!(first.signing_key(&log("FR/1"), 120, &old.fingerprint()), Some(&old));
    assert_eq!(second.signing_key(&log("FR/1"), 119, &old.fingerprint()), Some(&old));
    assert_eq!(second.signing_key(&log("FR/1"), 120, &old.fingerprint()), None);
    assert_eq!(second.signing_key(&log("FR/1"), 124, &new.fingerprint()), None);
    assert_eq!(second.signing_key(&log("FR/1"), 125, &new.fingerprint()), Some(&new));
    assert_eq!(second.checkpoint_keys(&log("FR/1"), 125), vec![&new]);
    assert_eq!(second.pins(&log("FR/1")).iter().map(|pin| pin.size).collect::<Vec<_>>(), [120]);
    assert_eq!(second.member_by_transport(&key("BE transport").public()), Some(&code("BE")));
}

#[test]
fn signing_the_same_version_gives_the_same_file() {
    for (bytes, labels) in [(FIRST, &["root 1", "root 2"][..]), (SECOND, &["root 2", "root 3", "root 4"])] {
        let signed = SignedRoster::parse(bytes).expect("a vector");
        let keys: Vec<_> = labels.iter().map(|label| key(label)).collect();
        let again = SignedRoster::sign(signed.content(), &keys.iter().collect::<Vec<_>>()).expect("a roster");
        assert_eq!(String::from_utf8_lossy(again.bytes()), String::from_utf8_lossy(bytes));
    }
}

#[test]
fn refused_files_are_refused_for_the_named_reason() {
    let cases: Vec<Refused> = serde_json::from_slice(&file("refused.json")).expect("cases");
    assert!(cases.len() >= 11);
    for case in cases {
        let trusted = if case.trusted == 1 { first() } else { second() };
        let error = SignedRoster::parse(&file(&case.file))
            .and_then(|signed| trusted.advance(signed))
            .expect_err("refused");
        let name: String = format!("{error:?}").chars().take_while(char::is_ascii_alphabetic).collect();
        assert_eq!(name, case.error, "{}: {error}", case.file);
    }
}

#[test]
fn keys_belong_to_their_labels() {
    let keys: BTreeMap<String, Pair> = serde_json::from_slice(&file("keys.json")).expect("keys");
    for (label, pair) in keys {
        assert_eq!((key(&label).public(), hex::encode(Sha256::digest(&label))), (pair.public, pair.seed));
    }
}

#[test]
fn the_spec_shows_the_vectors() {
    let page = include_str!("../../spec/03-roster.md");
    let examples: Vec<serde_json::Value> = page
        .split("```json\n")
        .skip(1)
        .map(|part| serde_json::from_str(part.split("```").next().unwrap_or_default()).expect("JSON"))
        .collect();
    let (first, second) = (first(), second());
    let log = &second.member(&code("FR")).expect("FR").logs[0];
    assert_eq!(
        examples,
        [serde_json::to_value(first.content()).expect("JSON"), serde_json::to_value(log).expect("JSON")]
    );
    assert!(page.contains(DIGEST));
    let kid = key("root 1").public().fingerprint();
    assert!(page.contains(&format!("\"kid\":\"{kid}\"")));
}

/// Every test that the table of attacks names exists.
#[test]
fn the_spec_names_tests_that_exist() {
    let page = include_str!("../../spec/03-roster.md");
    let sources =
        [include_str!("conformance.rs"), include_str!("rules.rs"), include_str!("history.rs")].concat();
    let table = page.split("## Attacks").nth(1).expect("the table");
    let names: Vec<_> = table.split('`').skip(1).step_by(2).filter(|name| name.contains("_")).collect();
    assert!(names.len() >= 12);
    for name in names {
        assert!(sources.contains(&format!("fn {name}()")), "{name}");
    }
}
