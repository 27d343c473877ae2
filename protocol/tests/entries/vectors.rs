// SPDX-License-Identifier: EUPL-1.2
//! The committed vectors: made here once, read back by this and every other implementation.

use std::collections::BTreeMap;
use std::path::PathBuf;

use concert_protocol::entry::{
    AudienceGroup, Body, ENTRY_LEN_MAX, Entry, Envelope, Kind, KnownKind, NewEntry, SignedEntry,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bodies::{author, full, minimal, payload};
use crate::forge::{MEMBERS, base64url, entry, key_of, kid_of, member, read};
use crate::refused;

/// One entry that every member accepts.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Valid {
    pub(crate) name: String,
    pub(crate) kind: String,
    /// Of the author's key, in hexadecimal digits.
    pub(crate) seed: String,
    pub(crate) jws: String,
    /// What the payload says, members in order of name.
    pub(crate) payload: Value,
}

/// One entry that every member refuses.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refused {
    pub(crate) name: String,
    pub(crate) refusal: String,
    /// In whose log it stands.
    pub(crate) owner: String,
    /// Whether JOSE alone refuses it.
    pub(crate) jose: bool,
    pub(crate) jws: String,
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors/entries").join(name)
}

fn committed(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(crate) fn valid() -> Vec<Valid> {
    serde_json::from_str(&committed("valid.json")).expect("valid.json")
}

pub(crate) fn refused() -> Vec<Refused> {
    serde_json::from_str(&committed("refused.json")).expect("refused.json")
}

/// Signs again, through the crate, what was signed by hand.
pub(crate) fn sign_again(entry: Entry) -> SignedEntry {
    let Entry { id, author, at, nonce, audience, body } = entry;
    let key = key_of(author.as_str());
    NewEntry { id, author, at, nonce, audience, body }.sign(&key).expect("a valid entry")
}

fn made(kind: KnownKind, body: Value) -> Valid {
    let payload = payload(kind, body);
    let jws = entry(author(kind), kind.name(), &payload.to_string());
    let name = format!("{}, required members alone", kind.name());
    Valid { name, kind: kind.name().to_owned(), seed: seed(author(kind)), jws, payload }
}

/// The same as the reference implementation writes it.
fn written(vector: Valid) -> Valid {
    let code = vector.payload["author"].as_str().expect("an author");
    let entry = read(vector.jws.as_bytes(), code).unwrap_or_else(|error| panic!("{}: {error}", vector.kind));
    let jws = String::from_utf8(sign_again(entry).bytes).expect("ASCII");
    Valid { name: vector.kind.clone(), jws, ..vector }
}

fn seed(code: &str) -> String {
    hex::encode(*key_of(code).seed())
}

fn make_valid() -> Vec<Valid> {
    let mut made_all = Vec::new();
    for kind in KnownKind::ALL {
        made_all.push(written(made(*kind, full(*kind))));
        if minimal(*kind) != full(*kind) {
            made_all.push(made(*kind, minimal(*kind)));
        }
    }
    let body = json!({"any": [1, -2, 3.5, null, {"nested": "é"}]});
    for (kind, version) in [("seal", 1), ("referral", 2)] {
        let payload = payload(KnownKind::Referral, body.clone());
        let jws = entry("FR", kind, &payload.to_string());
        let jws = if version == 1 { jws } else { later_version(kind, version, &payload) };
        let name = format!("a kind of a later version, {kind}.v{version}: kept and shown");
        made_all.push(Valid { name, kind: format!("{kind}.v{version}"), seed: seed("FR"), jws, payload });
    }
    made_all
}

fn later_version(kind: &str, version: u32, payload: &Value) -> String {
    let header =
        format!(r#"{{"alg":"EdDSA","kid":"{}","typ":"concert.{kind}.v{version}+jws"}}"#, kid_of("FR"));
    crate::forge::sign("FR", &header, payload.to_string().as_bytes())
}

fn make_refused() -> Vec<Refused> {
    let cases = refused::all().into_iter();
    let owned = |case: refused::Case| Refused {
        name: case.name,
        refusal: case.refusal.to_owned(),
        owner: case.owner.to_owned(),
        jose: case.jose,
        jws: case.jws,
    };
    cases.map(owned).collect()
}

/// A referral of exactly `len` bytes, filled up with blanks behind the document.
fn of_length(len: usize) -> String {
    let mut document = payload(KnownKind::Referral, minimal(KnownKind::Referral));
    let address = |n: usize| json!({"url": format!("https://paste-h.test/{n}{}", "a".repeat(6_600))});
    document["body"]["items"] = (0..7).map(address).collect();
    let blanks = (0..=3_000).map(|n| " ".repeat(n));
    let lengths = blanks.map(|blanks| entry("FR", "referral", &format!("{document}{blanks}")));
    lengths.into_iter().find(|jws| jws.len() == len).unwrap_or_else(|| panic!("no entry has {len} bytes"))
}

fn jwks() -> Value {
    let jwk = |(code, _): &(&str, u8)| {
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid_of(code),
               "x": base64url(&key_of(code).public().to_bytes())})
    };
    json!({"keys": MEMBERS.iter().map(jwk).collect::<Vec<_>>()})
}

fn made_files() -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("valid.json", pretty(&make_valid())),
        ("refused.json", pretty(&make_refused())),
        ("jwks.json", pretty(&jwks())),
        ("longest.jws", of_length(ENTRY_LEN_MAX)),
        ("too-long.jws", of_length(ENTRY_LEN_MAX + 1)),
    ])
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("JSON") + "\n"
}

#[test]
fn the_committed_vectors_are_what_is_made() {
    let bless = std::env::var_os("CONCERT_BLESS").is_some();
    for (name, made) in made_files() {
        if bless {
            std::fs::write(path(name), &made).expect("a writable folder");
        }
        assert_eq!(committed(name), made, "{name}: run with CONCERT_BLESS=1 if the specification changed");
    }
}

#[test]
fn every_kind_has_a_vector_that_is_accepted() {
    let vectors = valid();
    for kind in KnownKind::ALL {
        assert!(vectors.iter().any(|vector| vector.name == kind.name()), "{}", kind.name());
    }
    for vector in vectors {
        let code = vector.payload["author"].as_str().expect("an author");
        let entry =
            read(vector.jws.as_bytes(), code).unwrap_or_else(|error| panic!("{}: {error}", vector.name));
        let envelope = Envelope::open(vector.jws.as_bytes()).expect("opened before");
        let payload: Value = serde_json::from_slice(&envelope.payload).expect("JSON");
        assert_eq!(payload, vector.payload, "{}", vector.name);
        match entry.body.kind() {
            Kind::Known(kind) => {
                assert_eq!(kind.name(), vector.kind);
                let again = sign_again(entry.clone());
                assert_eq!(again.entry, entry);
                if vector.name == vector.kind {
                    assert_eq!(
                        again.bytes,
                        vector.jws.as_bytes(),
                        "{}: signed again it is the same",
                        vector.name
                    );
                }
            }
            Kind::Unknown(kind) => {
                assert_eq!(*kind, *vector.kind);
                let Body::Unknown { body, .. } = &entry.body else {
                    panic!("an unknown kind has an unread body")
                };
                assert_eq!(**body, vector.payload["body"]);
            }
        }
    }
}

#[test]
fn every_refused_vector_is_refused_for_its_reason() {
    let vectors = refused();
    assert!(vectors.len() > 200, "{} vectors", vectors.len());
    for vector in &vectors {
        let refusal =
            read(vector.jws.as_bytes(), &vector.owner).map(|_| ()).map_err(|error| (error.code(), error));
        match refusal {
            Err((code, _)) if code == vector.refusal => {}
            other => panic!("{}: expected {}, got {other:?}", vector.name, vector.refusal),
        }
    }
    let mut names: Vec<_> = vectors.iter().map(|vector| &vector.name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), vectors.len(), "names are used once");
}

#[test]
fn refusals_never_repeat_much_of_the_input() {
    for vector in refused() {
        if let Err(error) = read(vector.jws.as_bytes(), &vector.owner) {
            let shown = error.to_string();
            assert!(shown.len() < 600, "{}: {shown}", vector.name);
            assert!(
                !shown.contains("-h.test"),
                "{}: addresses do not belong into logs: {shown}",
                vector.name
            );
        }
    }
}

#[test]
fn the_longest_entry_is_accepted_and_a_longer_one_is_not() {
    let longest = committed("longest.jws");
    assert_eq!(longest.len(), ENTRY_LEN_MAX);
    assert!(read(longest.as_bytes(), "FR").is_ok());
    let longer = committed("too-long.jws");
    let refusal = read(longer.as_bytes(), "FR").expect_err("too long");
    assert_eq!(refusal.code(), "too_long");
}

#[test]
fn an_entry_that_would_be_too_long_is_not_signed() {
    let Entry { id, author, at, nonce, audience, mut body } =
        read(committed("longest.jws").as_bytes(), "FR").expect("an entry");
    let Body::Referral(referral) = &mut body else { panic!("the longest entry is a referral") };
    referral.reasons = "é".repeat(4_000).parse().expect("a text");
    let refusal =
        NewEntry { id, author, at, nonce, audience, body }.sign(&key_of("FR")).expect_err("too long");
    assert_eq!(refusal.code(), "too_long");
}

#[test]
fn what_was_only_stored_cannot_be_signed() {
    let vector = valid().into_iter().find(|vector| vector.kind == "seal.v1").expect("the vector");
    let entry = read(vector.jws.as_bytes(), "FR").expect("kept");
    let Entry { id, author, at, nonce, audience, body } = entry;
    let refusal =
        NewEntry { id, author, at, nonce, audience, body }.sign(&key_of("FR")).expect_err("unknown");
    assert_eq!(refusal.code(), "unknown_kind");
}

#[test]
fn audiences_admit_whom_they_name() {
    use concert_protocol::entry::{Audience, address_of};
    let [de, eu, fr] = ["DE", "EU", "FR"].map(member);
    let hub = [eu.clone()];
    assert!(Audience::MEMBERS.admits(&de, &fr, &hub));
    let coordinators = Audience::Group(AudienceGroup::Coordinators);
    assert!(coordinators.admits(&eu, &fr, &hub) && coordinators.admits(&fr, &fr, &hub));
    assert!(!coordinators.admits(&de, &fr, &hub));
    let listed = Audience::Only(vec![de.clone()].try_into().expect("one member"));
    assert!(listed.admits(&de, &fr, &hub) && listed.admits(&fr, &fr, &hub) && !listed.admits(&eu, &fr, &hub));
    for vector in valid() {
        let (author, audience) = address_of(vector.jws.as_bytes()).expect("an address");
        let entry = read(vector.jws.as_bytes(), author.as_str()).expect("valid");
        assert_eq!((author, audience), (entry.author, entry.audience), "{}", vector.name);
    }
}

/// Two of the refused signatures satisfy the plain equation: only strict verification tells members alike.
#[test]
fn a_lenient_verifier_would_accept_two_of_the_refused() {
    use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
    let cases = refused();
    let lenient = |name: &str, key: [u8; 32]| {
        let vector = cases.iter().find(|vector| vector.name.contains(name)).expect("the vector");
        let (input, signature) = vector.jws.rsplit_once('.').expect("three parts");
        let signature =
            concert_protocol::encoding::base64url_decode(signature.as_bytes()).expect("base64url");
        let signature = Signature::from_slice(&signature).expect("64 bytes");
        VerifyingKey::from_bytes(&key).expect("a point").verify(input.as_bytes(), &signature)
    };
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert!(lenient("R of small order", key_of("FR").public().to_bytes()).is_ok());
    assert!(lenient("a key of small order", neutral).is_ok());
    assert!(
        concert_protocol::key::PublicKey::from_bytes(&neutral).is_err(),
        "and no roster can hold that key"
    );
}
