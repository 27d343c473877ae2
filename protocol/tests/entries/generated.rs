// SPDX-License-Identifier: EUPL-1.2
//! Generated entries: arbitrary bytes never panic, and what is signed is what is read.

use concert_protocol::entry::{Entry, NewEntry, address_of};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bodies::{full, payload};
use crate::forge::{base64url, entry, header, key_of, read, sign};
use concert_protocol::entry::KnownKind;

fn kind() -> impl Strategy<Value = KnownKind> {
    proptest::sample::select(KnownKind::ALL)
}

fn time() -> impl Strategy<Value = String> {
    (0_i64..4_000_000_000_000_000)
        .prop_map(|micros| concert_protocol::time::Timestamp::from_micros(micros).to_string())
}

fn words(most: usize) -> impl Strategy<Value = String> {
    proptest::string::string_regex(&format!("[^\\p{{Cc}}\\s][^\\p{{Cc}}]{{0,{}}}", most - 1))
        .expect("a pattern")
}

fn address() -> impl Strategy<Value = String> {
    "https?://[a-z]{1,8}\\.test/[!-~\u{a1}-\u{d7ff}&&[^\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}]]{0,40}"
}

prop_compose! {
    fn referral()(
        unit in words(120), reference in words(120), detected_at in time(),
        urls in proptest::collection::btree_set(address(), 1..6), locator in proptest::option::of(words(40)),
        reasons in words(400),
        types in proptest::sample::subsequence(vec!["a", "b", "c", "d", "e"], 1..=5),
        note in proptest::option::of(words(80)), tier in 1..=4, graphic: bool,
        digests in vec(any::<[u8; 32]>(), 0..4), size in proptest::option::of(any::<u64>()),
        languages in vec("[a-z]{2,3}(-[A-Z][a-z]{3})?", 0..3),
    ) -> Value {
        let mut items: Vec<Value> = urls.into_iter().map(|url| json!({"url": url})).collect();
        if let Some(locator) = locator {
            items[0]["locator"] = json!(locator);
        }
        let prints = digests.into_iter().map(|digest| {
            let mut print = json!({"value": format!("sha256:{}", hex::encode(digest)), "relation": "is"});
            if let Some(size) = size {
                print["size"] = json!(size);
            }
            print
        });
        let mut exception = json!({"finding": if note.is_some() { "research" } else { "none" }});
        if let Some(note) = note {
            exception["note"] = json!(note);
        }
        json!({
            "unit": unit, "reference": reference, "detected_at": detected_at, "items": items, "content_type": "image",
            "languages": languages, "reasons": reasons, "types": types, "exception_check": exception, "tier": tier,
            "graphic": graphic, "fingerprints": prints.collect::<Vec<_>>(), "handling": "members",
            "retention": {"class": "standard"}, "source": "hash_match", "links": [],
        })
    }
}

/// Changes one value somewhere inside.
fn spoil(value: &mut Value, path: &[usize], with: &Value) {
    let Some((step, rest)) = path.split_first() else {
        *value = with.clone();
        return;
    };
    match value {
        Value::Object(members) if !members.is_empty() => {
            let len = members.len();
            if let Some(member) = members.values_mut().nth(step % len) {
                spoil(member, rest, with);
            }
        }
        Value::Array(values) if !values.is_empty() => {
            let len = values.len();
            spoil(&mut values[step % len], rest, with);
        }
        other => *other = with.clone(),
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[[]]])),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&bytes, "FR").is_err());
        let _ = address_of(&bytes);
    }

    #[test]
    fn any_payload_is_read_without_panic(kind in kind(), bytes in vec(any::<u8>(), 0..300)) {
        let jws = sign("FR", &header("FR", kind.name()), &bytes);
        prop_assert!(read(jws.as_bytes(), "FR").is_err());
        let _ = address_of(jws.as_bytes());
    }

    #[test]
    fn any_header_is_read_without_panic(text in "\\{\"alg\":\"EdDSA\",\"kid\":\".{0,30}\",\"typ\":\"concert.{0,30}jws\"\\}") {
        let jws = format!("{}.e30.{}", base64url(text.as_bytes()), "A".repeat(86));
        prop_assert!(read(jws.as_bytes(), "FR").is_err());
    }

    /// A value of the wrong sort anywhere is refused or read, and what is read can be signed again.
    #[test]
    fn spoiled_values_never_panic(kind in kind(), path in vec(0_usize..40, 1..5), with in any_value()) {
        let mut document = payload(kind, full(kind));
        spoil(&mut document, &path, &with);
        let code = crate::bodies::author(kind);
        let jws = entry(code, kind.name(), &document.to_string());
        if let Ok(Entry { id, author, at, nonce, audience, body }) = read(jws.as_bytes(), code) {
            let new = NewEntry { id, author, at, nonce, audience, body };
            prop_assert!(new.sign(&key_of(code)).is_ok());
        }
    }

    /// Sign, open, verify, decode: the same entry, and its body as JSON is what was meant.
    #[test]
    fn what_is_signed_is_what_is_read(body in referral(), at in time()) {
        let mut document = payload(KnownKind::Referral, body.clone());
        document["at"] = json!(at);
        let read_once = read(entry("FR", "referral", &document.to_string()).as_bytes(), "FR");
        prop_assert!(read_once.is_ok(), "{:?} {document}", read_once.err());
        let first = read_once.expect("checked above");
        let signed = crate::vectors::sign_again(first.clone());
        prop_assert_eq!(&signed.entry, &first);
        prop_assert_eq!(read(&signed.bytes, "FR"), Ok(first.clone()));
        prop_assert_eq!(first.body.to_json().ok(), Some(body));
    }
}
