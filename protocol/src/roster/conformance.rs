// SPDX-License-Identifier: EUPL-1.2
//! Root chains that must and must not be followed, and each named attack on an update client
//! (spec 03-roster, "Attacks"; the matrix is that of TUF's conformance tests).

use proptest::prelude::*;

use super::testing::{EXPIRES, ISSUED, at, code, key, mirror, next, root, root_keys, sign, trusted, version};
use super::*;
use crate::encoding::{base64url_decode, base64url_encode};
use crate::key::SecretKey;

/// One step of a chain: root keys, threshold, who signs.
type Step = (&'static [u8], u32, &'static [u8]);

const FIVE: &[u8] = &[1, 2, 3, 4, 5];
const ONE_NEW: &[u8] = &[1, 2, 4, 5, 6];
const ALL_NEW: &[u8] = &[6, 7, 8, 9, 10];
const THREE: &[u8] = &[1, 2, 3];

/// Follows a chain; the number of the last version that could be trusted, and what stopped it.
fn follow(steps: &[Step]) -> (u64, Option<RosterError>) {
    let (keys, threshold, signers) = steps[0];
    let mut content = version(keys, threshold);
    let roster = trusted(&content, signers);
    let chain = steps[1..].iter().map(|(keys, threshold, signers)| {
        content = next(&content);
        content.root = root_keys(keys, *threshold);
        sign(&content, signers)
    });
    match roster.walk(chain.collect::<Vec<_>>()) {
        Ok(roster) => (roster.version(), None),
        Err(error) => (error.reached.version(), Some(error.source)),
    }
}

fn offered(change: impl FnOnce(&mut RosterVersion)) -> SignedRoster {
    let mut content = next(&version(&[1], 1));
    change(&mut content);
    sign(&content, &[1])
}

#[test]
fn chains_that_lead_on() {
    let chains: [(&str, &[Step]); 9] = [
        ("one key replaced by another", &[(&[1], 1, &[1]), (&[2], 1, &[1, 2]), (&[2], 1, &[2])]),
        ("strangers sign too", &[(&[1], 1, &[8, 1, 9]), (&[2], 1, &[8, 2, 1, 9]), (&[2], 1, &[8, 2, 9])]),
        (
            "three of five, others each time",
            &[(FIVE, 3, &[1, 3, 5]), (FIVE, 3, &[1, 5, 2]), (FIVE, 3, &[4, 2, 1]), (FIVE, 3, &[2, 3, 4])],
        ),
        ("one of five replaced", &[(FIVE, 3, &[1, 3, 5]), (ONE_NEW, 3, &[1, 5, 2])]),
        (
            "one of five replaced, the new one signs later",
            &[(FIVE, 3, &[1, 3, 5]), (ONE_NEW, 3, &[1, 3, 5, 6]), (ONE_NEW, 3, &[1, 5, 6])],
        ),
        (
            "all five replaced",
            &[(FIVE, 3, &[1, 3, 5]), (ALL_NEW, 3, &[1, 3, 5, 6, 7, 8]), (ALL_NEW, 3, &[6, 7, 8])],
        ),
        ("threshold up", &[(THREE, 1, &[1]), (THREE, 2, &[1, 2])]),
        ("threshold down", &[(THREE, 2, &[1, 2]), (THREE, 1, &[1, 2]), (THREE, 1, &[1])]),
        ("a second key and a second signature", &[(&[1], 1, &[1]), (&[1, 2], 2, &[1, 2])]),
    ];
    for (name, steps) in chains {
        assert_eq!(follow(steps), (steps.len() as u64, None), "{name}");
    }
}

#[test]
fn chains_that_end() {
    let (trusted, own) = (
        |version, found, needed| RosterError::TooFewTrusted { version, found, needed },
        |version, found, needed| RosterError::TooFewOwn { version, found, needed },
    );
    let chains: [(&str, &[Step], RosterError); 7] = [
        ("the old key did not sign", &[(&[1], 1, &[1]), (&[2], 1, &[2, 8, 9])], trusted(2, 0, 1)),
        ("the new key did not sign", &[(&[1], 1, &[1]), (&[2], 1, &[1, 8, 9])], own(2, 0, 1)),
        ("two of the new five", &[(FIVE, 3, &[1, 3, 5]), (ONE_NEW, 3, &[1, 3, 5])], own(2, 2, 3)),
        ("two of the old five", &[(FIVE, 3, &[1, 3, 5]), (ONE_NEW, 3, &[1, 5, 6])], trusted(2, 2, 3)),
        ("the higher threshold is not met", &[(THREE, 1, &[1]), (THREE, 2, &[2])], own(2, 1, 2)),
        ("the old threshold is not met", &[(THREE, 2, &[1, 2]), (THREE, 1, &[1])], trusted(2, 1, 2)),
        (
            "a step fails after a good one",
            &[(&[1], 1, &[1]), (&[2], 1, &[1, 2]), (&[3], 1, &[1, 3])],
            trusted(3, 0, 1),
        ),
    ];
    for (name, steps, error) in chains {
        assert_eq!(follow(steps), (steps.len() as u64 - 1, Some(error)), "{name}");
    }
}

#[test]
fn founding_needs_the_anchor_and_its_own_threshold() {
    let signed = sign(&version(&[1, 2], 2), &[1, 2]);
    let anchor = |keys: &[u8], threshold| Anchor::Keys { keys: root_keys(keys, 1).keys, threshold };
    let found = |anchor| Roster::found(signed.clone(), &anchor).map(|roster| roster.version());
    assert_eq!(found(anchor(&[1, 2], 2)), Ok(1));
    assert_eq!(found(anchor(&[2, 7], 1)), Ok(1));
    assert_eq!(
        found(anchor(&[2, 7], 2)),
        Err(RosterError::TooFewTrusted { version: 1, found: 1, needed: 2 })
    );
    assert!(matches!(found(anchor(&[1, 1], 1)), Err(RosterError::Anchor(_))));
    assert!(matches!(found(anchor(&[1], 0)), Err(RosterError::Anchor(_))));
    assert!(matches!(found(anchor(&[1], 2)), Err(RosterError::Anchor(_))));
    assert_eq!(found(Anchor::Digest(signed.digest())), Ok(1));
    let other = RosterDigest::of(b"another");
    let refused = RosterError::OtherDigest { expected: other, offered: signed.digest() };
    assert_eq!(found(Anchor::Digest(other)), Err(refused));
    let short = sign(&version(&[1, 2], 2), &[1]);
    let anchor = Anchor::Digest(short.digest());
    let refused = RosterError::TooFewOwn { version: 1, found: 1, needed: 2 };
    assert_eq!(Roster::found(short, &anchor).map(|r| r.version()), Err(refused));
}

#[test]
fn one_key_counts_once() {
    let once = sign(&version(THREE, 2), &[1]);
    assert_eq!(
        once.add_signature(&root(1)).map(|s| s.digest()),
        Err(RosterError::DuplicateSignature(kid(1)))
    );
    let text = String::from_utf8(once.bytes().to_vec()).expect("JSON");
    let start = text.find("{\"protected\"").expect("a signature");
    let signature = &text[start..text.len() - 2];
    let twice = text.replace(signature, &format!("{signature},{signature}"));
    assert_eq!(refusal(twice.as_bytes()), RosterError::DuplicateSignature(kid(1)));
    assert_eq!(once.count(&root_keys(&[1, 1, 1], 1).keys), Ok(1), "by key bytes, however often it is listed");
}

#[test]
fn a_false_signature_of_a_known_key_refuses_the_whole() {
    let content = next(&version(THREE, 1));
    let good = sign(&content, &[1, 2]);
    let mut other = content.clone();
    other.expires = at(EXPIRES + 1);
    // Key 3 signed something else; its signature is moved over.
    let moved = last_signature(&sign(&other, &[3]));
    let text = String::from_utf8(good.bytes().to_vec()).expect("JSON");
    let mixed = format!("{},{moved}]}}", &text[..text.len() - 2]);
    let mixed = SignedRoster::parse(mixed.as_bytes()).expect("well-formed");
    let roster = trusted(&version(THREE, 1), &[1]);
    assert_eq!(roster.advance(mixed.clone()).map(|r| r.version()), Err(RosterError::BadSignature(kid(3))));
    // Known to nobody, the same signature is passed over.
    assert_eq!(mixed.count(&root_keys(&[1, 2], 1).keys), Ok(2));
}

#[test]
fn rollback_freeze_and_fast_forward_are_named() {
    let first = version(&[1], 1);
    let second = next(&first);
    let roster = trusted(&first, &[1]).advance(sign(&second, &[1])).expect("version 2");
    let refused = |signed| roster.advance(signed).expect_err("refused");
    assert_eq!(refused(sign(&first, &[1])), RosterError::Rollback { trusted: 2, offered: 1 });
    let fourth = next(&next(&second));
    assert_eq!(refused(sign(&fourth, &[1])), RosterError::NotNext { trusted: 2, offered: 4 });
    let mut last = second.clone();
    last.version = (1 << 53) - 1;
    assert_eq!(refused(sign(&last, &[1])), RosterError::NotNext { trusted: 2, offered: last.version });

    assert!(roster.check_fresh(at(EXPIRES - 1)).is_ok());
    assert_eq!(roster.check_fresh(at(EXPIRES)), Err(Expired { version: 2, since: at(EXPIRES) }));
    // Expired, it still leads to the next version, even one that has expired too.
    let mut third = next(&second);
    third.expires = at(ISSUED + 3 * 86_400);
    let third = roster.advance(sign(&third, &[1])).expect("version 3");
    assert!(third.expired(at(EXPIRES)));
}

#[test]
fn a_second_version_of_one_number_is_an_attack() {
    let content = next(&version(&[1], 1));
    let signed = sign(&content, &[1]);
    let roster = trusted(&version(&[1], 1), &[1]).advance(signed.clone()).expect("version 2");
    assert_eq!(roster.advance(signed).map(|r| r.version()), Err(RosterError::AlreadyTrusted(2)));
    let cosigned = sign(&content, &[1, 9]);
    assert_eq!(roster.advance(cosigned).map(|r| r.version()), Err(RosterError::AlreadyTrusted(2)));
    for (signer, signed) in [(1, 1), (9, 0)] {
        let mut other = content.clone();
        other.members.push(mirror("M2"));
        let other = sign(&other, &[signer]);
        let expected = RosterError::SecondVersion {
            version: 2,
            trusted: roster.digest(),
            offered: other.digest(),
            signed,
        };
        assert_eq!(roster.advance(other).map(|r| r.version()), Err(expected));
    }
}

#[test]
fn arbitrary_content_and_other_federations_are_refused() {
    let roster = trusted(&version(&[1], 1), &[1]);
    let mine = sign(&next(&version(&[9], 1)), &[9]);
    let refused = RosterError::TooFewTrusted { version: 2, found: 0, needed: 1 };
    assert_eq!(roster.advance(mine).map(|r| r.version()), Err(refused));
    let elsewhere = offered(|v| v.federation = "other.example".parse().expect("a federation"));
    assert!(matches!(roster.advance(elsewhere), Err(RosterError::OtherFederation { .. })));
    let forgotten = offered(|v| v.members.retain(|m| m.member != code("FR")));
    assert!(matches!(roster.advance(forgotten), Err(RosterError::History { .. })));
}

#[test]
fn mix_and_match_is_refused() {
    // Payload of one version under the signatures of another, both good by themselves.
    let first = sign(&version(&[1], 1), &[1]);
    let second = sign(&next(&version(&[1], 1)), &[1]);
    let swapped =
        format!("{{\"payload\":\"{}\",\"signatures\":[{}]}}", payload(&second), last_signature(&first));
    let swapped = SignedRoster::parse(swapped.as_bytes()).expect("well-formed");
    let roster = trusted(&version(&[1], 1), &[1]);
    assert_eq!(roster.advance(swapped).map(|r| r.version()), Err(RosterError::BadSignature(kid(1))));
}

#[test]
fn endless_data_and_endless_chains_stop() {
    let large = vec![b' '; ROSTER_LEN_MAX + 1];
    assert_eq!(refusal(&large), RosterError::TooLong(ROSTER_LEN_MAX + 1));
    let keys: Vec<_> = (0..=64).map(root).collect();
    let refused = SignedRoster::sign(&version(&[1], 1), &keys.iter().collect::<Vec<_>>());
    assert!(matches!(refused, Err(RosterError::Form(_))));
    assert!(matches!(SignedRoster::sign(&version(&[1], 1), &[]), Err(RosterError::Form(_))));

    let mut content = version(&[1], 1);
    let roster = trusted(&content, &[1]);
    let endless = std::iter::repeat_with(|| {
        content = content.next(content.issued_at, content.expires);
        sign(&content, &[1])
    });
    let error = roster.walk(endless).expect_err("it must stop");
    assert_eq!(
        (error.reached.version(), error.source),
        (1 + ROSTER_STEPS_MAX as u64, RosterError::TooManySteps)
    );
}

#[test]
fn other_headers_and_types_are_refused() {
    let signed = sign(&version(&[1], 1), &[1]);
    let kid = kid(1);
    let good = format!("{{\"alg\":\"EdDSA\",\"kid\":\"{kid}\",\"typ\":\"{ROSTER_TYP}\"}}");
    assert_eq!(with_header(&signed, &good), Ok(()));
    for bad in [
        good.replace("EdDSA", "none"),
        good.replace("EdDSA", "HS256"),
        good.replace("roster", "referral"),
        good.replace(".v1+", ".v2+"),
        good.replace(&kid, &kid.to_uppercase()),
        good.replace(&kid, "FR/0123456789abcdef"),
        good.replace(",", ", "),
        good.replace("\"alg\":\"EdDSA\",", ""),
        good.replace("\"alg\"", "\"b64\":false,\"crit\":[\"b64\"],\"alg\""),
        good.replace("\"alg\"", "\"alg\":\"EdDSA\",\"alg\""),
        format!("{{\"kid\":\"{kid}\",\"alg\":\"EdDSA\",\"typ\":\"{ROSTER_TYP}\"}}"),
        format!("[\"EdDSA\",\"{kid}\",\"{ROSTER_TYP}\"]"),
    ] {
        assert!(matches!(with_header(&signed, &bad), Err(RosterError::Header { number: 1, .. })), "{bad}");
    }
}

#[test]
fn the_file_has_one_meaning() {
    let signed = sign(&version(&[1], 1), &[1]);
    let text = String::from_utf8(signed.bytes().to_vec()).expect("JSON");
    let spaced = text.replace("\":", "\" : ") + "\n";
    let spaced = SignedRoster::parse(spaced.as_bytes()).expect("white space is free");
    assert_eq!((spaced.digest(), spaced.bytes().len() > text.len()), (signed.digest(), true));
    let (protected, signature) = parts(&signed);
    let payload = payload(&signed);
    for bad in [
        format!("[\"{payload}\",[[\"{protected}\",\"{signature}\"]]]"),
        text.replace("{\"protected\"", "{\"header\":{},\"protected\""),
        text.replace("{\"payload\"", "{\"payload\":\"\",\"payload\""),
        text.replace(payload.as_str(), &format!("{payload}=")),
        text.replace(signature.as_str(), &signature[..84]),
        format!("{text}{text}"),
        format!("\u{feff}{text}"),
        String::new(),
    ] {
        assert!(SignedRoster::parse(bad.as_bytes()).is_err(), "{}", &bad[..bad.len().min(80)]);
    }
}

#[test]
fn the_payload_has_one_meaning() {
    let json = serde_json::to_string(&version(&[1], 1)).expect("JSON");
    assert_eq!(with_payload(&json), Ok(()));
    assert_eq!(with_payload(&json.replace("\":", "\" : ")), Ok(()));
    for bad in [
        json.replacen("\"version\":1", "\"version\":1,\"version\":1", 1),
        json.replacen("\"version\":1", "\"version\":1.0", 1),
        json.replacen("\"version\":1", "\"version\":-1", 1),
        json.replacen("\"version\":1", "\"version\":1,\"note\":\"\"", 1),
        json.replacen("\"generation\":1", "\"generation\":1,\"closed_at\":null", 1),
        json.replacen("\"generation\":1", "\"generation\":1,\"pins\":[]", 1),
        json.replacen("\"generation\":1", "\"generation\":65537", 1),
        json.replacen("\"threshold\":1", "\"threshold\":0", 1),
        json.replacen("concert.example", "Concert.example", 1),
        json.replacen("\"member\"]", "\"hub\"]", 1),
        json.replacen("Unit EU", "Unit\\u0000EU", 1),
        json.clone() + "{}",
        "[]".into(),
    ] {
        assert!(with_payload(&bad).is_err(), "{}", &bad[..bad.len().min(120)]);
    }
    let weak = "0100000000000000000000000000000000000000000000000000000000000000";
    let with_weak = json.replacen(&key("FR transport").public().to_string(), weak, 1);
    assert!(matches!(with_payload(&with_weak), Err(RosterError::Payload(_))));
}

#[test]
fn signatures_made_apart_can_be_joined() {
    let content = version(THREE, 2);
    let (one, two) = (sign(&content, &[1, 3]), sign(&content, &[2, 3]));
    let both = one.merge(&two).expect("one version");
    assert_eq!(both.signature_ids().collect::<Vec<_>>(), [kid(1), kid(3), kid(2)]);
    assert_eq!(both.count(&content.root.keys), Ok(3));
    let other = sign(&next(&content), &[2]);
    assert!(matches!(one.merge(&other), Err(RosterError::OtherPayload(..))));
}

#[test]
fn every_bit_flip_and_every_cut_is_refused_or_means_the_same() {
    let roster = trusted(&version(&[1], 1), &[1]);
    let signed = small_step();
    let accepted = signed.bytes().to_vec();
    assert!(survives(&roster, &accepted));
    for length in 0..accepted.len() {
        assert!(SignedRoster::parse(&accepted[..length]).is_err(), "cut to {length}");
    }
    let mut changed = accepted;
    for bit in 0..changed.len() * 8 {
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!survives(&roster, &changed) || same_meaning(&signed, &changed), "bit {bit}");
        changed[bit / 8] ^= 1 << (bit % 8);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_changed_byte_is_refused_or_means_the_same(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let roster = trusted(&version(&[1], 1), &[1]);
        // A stranger's signature too: changing that one is allowed to change nothing.
        let signed = sign(&next(&version(&[1], 1)), &[1, 9]);
        let mut changed = signed.bytes().to_vec();
        let at = at.index(changed.len());
        changed[at] = byte;
        prop_assert!(!survives(&roster, &changed) || same_meaning(&signed, &changed));
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(SignedRoster::parse(&bytes).is_err());
    }

    #[test]
    fn arbitrary_json_payloads_are_refused_without_panic(text in "[\\[\\]{}\":,a-z0-9]{0,200}") {
        prop_assert!(with_payload(&text).is_err());
    }
}

/// A version 2 as short as they come, so that every bit can be tried.
fn small_step() -> SignedRoster {
    sign(&next(&version(&[1], 1)), &[1])
}

fn survives(roster: &Roster, bytes: &[u8]) -> bool {
    SignedRoster::parse(bytes).is_ok_and(|signed| roster.advance(signed).is_ok())
}

fn same_meaning(signed: &SignedRoster, bytes: &[u8]) -> bool {
    SignedRoster::parse(bytes).is_ok_and(|other| other.digest() == signed.digest())
}

fn refusal(bytes: &[u8]) -> RosterError {
    SignedRoster::parse(bytes).map(|s| s.digest()).expect_err("refused")
}

fn kid(n: u8) -> String {
    root(n).public().fingerprint()
}

fn payload(signed: &SignedRoster) -> String {
    let json: serde_json::Value = serde_json::from_slice(signed.bytes()).expect("JSON");
    json["payload"].as_str().expect("a payload").to_owned()
}

/// Protected header and signature of the first signature.
fn parts(signed: &SignedRoster) -> (String, String) {
    let json: serde_json::Value = serde_json::from_slice(signed.bytes()).expect("JSON");
    let part = |name: &str| json["signatures"][0][name].as_str().expect("a text").to_owned();
    (part("protected"), part("signature"))
}

fn last_signature(signed: &SignedRoster) -> String {
    let (protected, signature) = parts(signed);
    format!("{{\"protected\":\"{protected}\",\"signature\":\"{signature}\"}}")
}

/// Reads the file again with another header, truly signed.
fn with_header(signed: &SignedRoster, header: &str) -> Result<(), RosterError> {
    with(&root(1), header, &base64url_decode(payload(signed).as_bytes()).expect("base64url"))
}

/// Reads a file with any payload, truly signed.
fn with_payload(json: &str) -> Result<(), RosterError> {
    let header = format!("{{\"alg\":\"EdDSA\",\"kid\":\"{}\",\"typ\":\"{ROSTER_TYP}\"}}", kid(1));
    with(&root(1), &header, json.as_bytes())
}

fn with(key: &SecretKey, header: &str, payload: &[u8]) -> Result<(), RosterError> {
    let (header, payload) = (base64url_encode(header.as_bytes()), base64url_encode(payload));
    let signature = base64url_encode(&key.sign(format!("{header}.{payload}").as_bytes()));
    let file = format!(
        "{{\"payload\":\"{payload}\",\"signatures\":[{{\"protected\":\"{header}\",\"signature\":\"{signature}\"}}]}}"
    );
    SignedRoster::parse(file.as_bytes()).map(|_| ())
}
