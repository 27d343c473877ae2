// SPDX-License-Identifier: EUPL-1.2
//! JWS that others sign, and their headers on entries that we sign: none of them is an entry.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use concert_protocol::entry::{EntryError, Envelope, KeyId};
use concert_protocol::key::{PublicKey, SecretKey};
use serde::Deserialize;
use serde_json::{Map, Value, json};

const JWS: &str = include_str!("../../vectors/published/jws.json");

/// Algorithms of the JOSE registry (RFC 7515, section 9.1), those of encryption left out.
const ALGORITHMS: [&str; 24] = [
    "none",
    "HS256",
    "HS384",
    "HS512",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "RS1",
    "ES256",
    "ES384",
    "ES512",
    "ES256K",
    "ESP256",
    "Ed25519",
    "Ed448",
    "ML-DSA-44",
    "ML-DSA-65",
    "ML-DSA-87",
    "None",
    "eddsa",
    "",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Jws {
    from: String,
    jws: String,
}

fn vectors() -> Vec<Jws> {
    serde_json::from_str(JWS).expect("vectors")
}

fn refusal(jws: &str) -> Option<&'static str> {
    Envelope::open(jws.as_bytes()).err().map(|error: EntryError| error.code())
}

/// The header of an entry of FR, with these members put over its own.
fn header(changes: &Map<String, Value>) -> String {
    let kid = KeyId::of(&"FR".parse().expect("a member code"), &key().public()).to_string();
    let mut header = json!({"alg": "EdDSA", "kid": kid, "typ": "concert.referral.v1+jws"});
    let members = header.as_object_mut().expect("an object");
    let kept = changes.iter().filter(|(name, _)| !["kid", "typ"].contains(&name.as_str()));
    members.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    header.to_string()
}

fn key() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

/// Signed as an entry is, whatever the header says.
fn signed(header: &str) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode("{}"));
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(key().sign(input.as_bytes())))
}

#[test]
fn no_published_jws_is_an_entry() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 38);
    for Jws { from, jws } in vectors {
        assert!(matches!(refusal(&jws), Some("envelope" | "header")), "{from}");
    }
}

#[test]
fn no_published_header_is_that_of_an_entry_even_when_well_signed() {
    let own = signed(&header(&Map::new()));
    assert_eq!(refusal(&own), None);
    assert_eq!(Envelope::open(own.as_bytes()).expect("opens").verify(&key().public()), Ok(()));
    let mut seen = 0;
    for Jws { from, jws } in vectors() {
        let part = jws.split('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let Some(Value::Object(changes)) = part.and_then(|part| serde_json::from_slice(&part).ok()) else {
            continue;
        };
        if changes.iter().all(|(name, value)| name == "alg" && value == "EdDSA") {
            continue;
        }
        seen += 1;
        assert_eq!(refusal(&signed(&header(&changes))), Some("header"), "{from}");
    }
    assert_eq!(seen, 26);
}

#[test]
fn no_other_algorithm_is_let_in() {
    for algorithm in ALGORITHMS {
        let changes = Map::from_iter([("alg".to_owned(), json!(algorithm))]);
        assert_eq!(refusal(&signed(&header(&changes))), Some("header"), "{algorithm}");
    }
}

#[test]
fn no_further_member_is_let_in() {
    for (name, value) in [
        ("crit", json!([])),
        ("crit", json!(["alg"])),
        ("crit", json!(["exp"])),
        ("b64", json!(true)),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("cty", json!("JWT")),
        ("jku", json!("https://keys.example/jwks.json")),
        ("jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": key().public().to_base64url()})),
        ("x5u", json!("https://keys.example/chain.pem")),
        ("x5c", json!([])),
        ("x5t", json!("")),
        ("x5t#S256", json!("")),
        ("nonce", json!("AA")),
        ("url", json!("https://node.example/")),
        ("iss", json!("FR")),
    ] {
        let changes = Map::from_iter([(name.to_owned(), value)]);
        assert_eq!(refusal(&signed(&header(&changes))), Some("header"), "{name}");
    }
}

/// The one published JWS of our algorithm is well signed, and still no entry.
#[test]
fn the_signature_of_rfc_8037_holds() {
    let vectors = vectors();
    let jws = &vectors.iter().find(|vector| vector.from.starts_with("RFC 8037")).expect("a vector").jws;
    let (input, signature) = jws.rsplit_once('.').expect("three parts");
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let seed: [u8; 32] = hex::decode(seed).expect("hexadecimal").try_into().expect("32 bytes");
    let key: PublicKey = SecretKey::from_seed(&seed).public();
    assert_eq!(key.to_base64url(), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    assert_eq!(key.verify(input.as_bytes(), &signature), Ok(()));
    assert_eq!(SecretKey::from_seed(&seed).sign(input.as_bytes()).as_slice(), signature);
    assert_eq!(refusal(jws), Some("header"));
}
