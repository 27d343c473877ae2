// SPDX-License-Identifier: EUPL-1.2
//! The committed description is the generated one, and it speaks of every route that there is a rule for.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::super::description;
use crate::access::policy::{RULES, Repeat, Who};

#[test]
fn the_committed_description_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let generated = description();
    if std::env::var_os("CONCERT_BLESS").is_some() {
        std::fs::write(&path, &generated).expect("written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "node/openapi.json is not current; run the tests with CONCERT_BLESS=1 and commit it"
    );
}

#[test]
fn routes_and_rules_are_the_same() {
    let document: Value = serde_json::from_str(&description()).expect("JSON");
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("an item").keys() {
            described.insert((method.to_ascii_uppercase(), path.clone()));
        }
    }
    let ruled: BTreeSet<(String, String)> =
        RULES.iter().map(|rule| (rule.method.to_owned(), rule.path.to_owned())).collect();
    assert_eq!(described, ruled);
}

#[test]
fn every_operation_is_described_whole() {
    let document: Value = serde_json::from_str(&description()).expect("JSON");
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for rule in RULES {
        let operation = &document["paths"][rule.path][rule.method.to_ascii_lowercase()];
        let what = format!("{} {}", rule.method, rule.path);
        assert!(ids.insert(operation["operationId"].as_str().expect("an id").to_owned()), "{what}");
        assert!(operation["summary"].is_string() && operation["description"].is_string(), "{what}");
        assert_eq!(operation["responses"]["default"]["$ref"], "#/components/responses/Problem", "{what}");
        assert_eq!(operation["security"] == serde_json::json!([]), rule.who == Who::Public, "{what}");
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let has_key = parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key");
        assert_eq!(has_key, rule.repeat == Repeat::Key, "{what}");
        for name in rule.path.split(['{', '}']).skip(1).step_by(2) {
            assert!(parameters.iter().any(|p| p["name"] == name && p["in"] == "path"), "{what}: {name}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document: Value = serde_json::from_str(&description()).expect("JSON");
    let mut waiting = vec![&document];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let pointer = reference.trim_start_matches('#');
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                waiting.extend(members.values());
            }
            Value::Array(list) => waiting.extend(list),
            _ => {}
        }
    }
}
