// SPDX-License-Identifier: EUPL-1.2
//! The specification held against the code: its example, its kinds, every member and every refusal.

use std::collections::BTreeSet;

use concert_protocol::entry::KnownKind;
use serde_json::Value;

use crate::bodies::{full, notice, reference};
use crate::vectors::{Valid, refused, valid};

const PAGE: &str = include_str!("../../spec/01-entries.md");
const INDEX: &str = include_str!("../../spec/README.md");
const DECISIONS: &str = include_str!("../../spec/decisions/README.md");

/// The only block of the page in this language.
fn block(language: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```{language}\n")).expect("a block");
    let (block, rest) = rest.split_once("\n```").expect("its end");
    assert!(!rest.contains(&format!("```{language}\n")), "one {language} block");
    block
}

/// The text between the heading that names `what` and the next heading of its level.
fn section(what: &str) -> &'static str {
    let start =
        PAGE.split("\n### ").find(|part| part.lines().next().is_some_and(|heading| heading.contains(what)));
    let start = start.unwrap_or_else(|| panic!("no section {what}"));
    start.split("\n## ").next().expect("a part")
}

/// The sections in which the members of a kind are explained.
fn sections(kind: KnownKind) -> String {
    let own = section(&format!("`{}`", kind.name()));
    let more = match kind {
        KnownKind::ReferralAmended => section("`referral`"),
        KnownKind::NoticeIssued => section("Parts of notices"),
        KnownKind::NoticeRevised => {
            return format!("{own}{}{}", section("Parts of notices"), section("`notice.issued`"));
        }
        _ => "",
    };
    format!("{own}{more}")
}

/// Names of all members inside a value.
fn members(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                into.insert(name.clone());
                members(value, into);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| members(value, into)),
        _ => {}
    }
}

fn example() -> Valid {
    valid().into_iter().find(|vector| vector.name == "referral").expect("the example")
}

#[test]
fn the_example_is_the_vector() {
    let vector = example();
    assert_eq!(block("jws").replace('\n', ""), vector.jws);
    let parts: Vec<&str> = vector.jws.split('.').collect();
    let header = concert_protocol::encoding::base64url_decode(parts[0].as_bytes()).expect("base64url");
    assert_eq!(block("header").as_bytes(), header);
    let payload: Value = serde_json::from_str(block("json")).expect("JSON");
    assert_eq!(payload, vector.payload);
    assert!(PAGE.contains(&format!("`{}`", reference(KnownKind::Referral))), "the reference of the example");
    assert!(PAGE.contains(&format!("`{}`", notice())), "the derived notice id");
}

#[test]
fn every_kind_and_every_member_is_specified() {
    assert!(PAGE.contains(&format!("the {} kinds", KnownKind::ALL.len())));
    for kind in KnownKind::ALL {
        let text = sections(*kind);
        let mut names = BTreeSet::new();
        members(&full(*kind), &mut names);
        for name in names {
            let named = [format!("`{name}`"), format!(".{name}`"), format!("`{name}[")];
            assert!(
                named.iter().any(|n| text.contains(n.as_str())),
                "{}: {name} is not specified",
                kind.name()
            );
        }
    }
}

#[test]
fn every_refusal_is_specified() {
    let codes: BTreeSet<String> = refused().into_iter().map(|vector| vector.refusal).collect();
    for code in codes.iter().map(String::as_str).chain(["too_long", "read_back", "unknown_kind"]) {
        assert!(PAGE.contains(&format!("`{code}`")), "{code}");
    }
}

/// A page that is not in its index is not found.
#[test]
fn every_page_is_in_its_index() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("spec");
    for (folder, index) in [(folder.clone(), INDEX), (folder.join("decisions"), DECISIONS)] {
        for file in std::fs::read_dir(folder).expect("a folder") {
            let name = file.expect("a file").file_name().into_string().expect("UTF-8");
            if name.ends_with(".md") && name != "README.md" {
                assert!(index.contains(&format!("({name})")), "{name}");
            }
        }
    }
}
